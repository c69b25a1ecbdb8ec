/* SPDX-License-Identifier: BSD-2-Clause */

/* Any bytes pasted to oauth/paste: a code that comes out is fit to be sent, a fault tells why none
 * does and shows no secret, and what the answer of a server encodes once comes out the same. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fuzz.h"
#include "oauth/paste.h"

#define CODE  "c0de-that-no-fault-shows"
#define STATE "5tate-that-no-fault-shows"

/* @secret is nowhere in the fault. */
static struct secret *must_read(const char *text, size_t len, unsigned options,
	const struct secret *state, const char *secret)
{
	static char api[] = "api", id[] = "id";
	static char *words[] = {api, id};
	const struct names scopes = {.items = words, .n = ELEMENTS(words)};
	const struct paste_expect expect = {
		.state = state,
		.issuer = options & 1 ? "https://idp.example" : NULL,
		.iss_required = options & 2,
		.scopes = options & 8 ? &scopes : NULL,
		.code_only = options & 4,
	};
	struct fault fault = {.kind = FAULT_NONE};
	struct secret *code = NULL;
	const int r = paste_read(text, len, &expect, &code, &fault);

	MUST(r == 0 || r == -EBADMSG);
	MUST((r == 0) == (code != NULL) && (r == 0) == (fault.kind == FAULT_NONE));
	MUST((r == 0) == (fault.detail[0] == '\0'));
	MUST(!strstr(fault.detail, secret) && !strstr(fault.detail, STATE));
	MUST(r < 0 || (secret_len(code) > 0 && secret_len(code) <= PASTE_MAX));
	for (size_t i = 0; i < secret_len(code); i++)
		MUST(secret_expose(code)[i] >= ' ' && secret_expose(code)[i] <= '~');
	return code;
}

static void behind_secrets(
	const char *data, size_t size, unsigned options, const struct secret *state)
{
	_cleanup_(buf_done) struct buf text = BUF(1 << 24);
	_cleanup_(secret_freep) struct secret *code = NULL;

	(void)buf_add_text(&text, "https://h/?code=" CODE "&state=" STATE "&"); /* failures stick */
	MUST(buf_add(&text, data, size) == 0);
	code = must_read(text.data, text.len, options, state, CODE);
}

/* Could @data be a code? An escape in it looks like one encoded twice. */
static bool is_code(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] < ' ' || data[i] > '~' || data[i] == '%')
			return false;
	return size > 0 && size < PASTE_MAX / 4;
}

static void as_code(const char *data, size_t size, const struct secret *state)
{
	_cleanup_(buf_done) struct buf text = BUF(PASTE_MAX);
	_cleanup_(secret_freep) struct secret *code = NULL;

	if (!is_code(data, size))
		return;
	(void)buf_add_text(&text, "state=" STATE "&code="); /* failures stick */
	MUST(text_add_form(&text, data, size) == 0);
	code = must_read(text.data, text.len, 0, state, STATE);
	MUST(secret_len(code) == size && memcmp(secret_expose(code), data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(secret_freep) struct secret *state = secret_new_text(STATE);
	const unsigned options = size > 0 ? data[0] : 0; /* '0' to '?' */
	const char *text = (const char *)data + (size > 0);
	const size_t len = size - (size > 0);

	MUST(state);
	secret_free(must_read(text, len, options, state, STATE));
	behind_secrets(text, len, options, state);
	as_code(text, len, state);
	return 0;
}
