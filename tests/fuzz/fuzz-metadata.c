/* SPDX-License-Identifier: BSD-2-Clause */

/* Any reply to oauth/metadata, and any text as an address: nothing but https comes out. */

#include <errno.h>

#include "base/mem.h"
#include "fuzz.h"
#include "oauth/metadata.h"
#include "reply.h"

static void check_urls(const struct metadata *m)
{
	const char *const urls[] = {
		m->token, m->device_authorization, m->revocation, m->introspection, m->userinfo};

	for (size_t i = 0; i < ELEMENTS(urls); i++)
		MUST(!urls[i] || metadata_is_https_url(urls[i]));
}

static void check_address(const uint8_t *data, size_t size)
{
	_cleanup_(mem_freep) char *url = mem_strndup((const char *)data, size);

	MUST(url);
	if (!metadata_is_https_url(url))
		return;
	MUST(metadata_is_web_address(url));
	MUST(strncmp(url, "https://", 8) == 0 && strlen(url) <= METADATA_URL_MAX);
	MUST(!strpbrk(url, " \t\r\n#\\"));
	for (enum metadata_document d = METADATA_OAUTH; d <= METADATA_OPENID; d++) {
		_cleanup_(buf_done) struct buf made = BUF(METADATA_URL_MAX + 100);

		MUST(metadata_url(url, d, &made) == 0);
		MUST(strlen(url) > METADATA_URL_MAX - 50 || metadata_is_https_url(made.data));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(exchange_reply_done) struct exchange_reply reply = fuzz_reply(data, size);
	struct fault fault = {.kind = FAULT_NONE};
	_cleanup_(metadata_done) struct metadata m = {0};
	uint64_t lifetime = 0;
	int r;

	check_address(data, size);
	r = metadata_parse("https://idp.example", &reply, &m, &lifetime, &fault);
	MUST(r == 0 || r == -ENOENT || r == -EBADMSG);
	MUST((r == -EBADMSG) == (fault.kind != FAULT_NONE));
	check_urls(&m);
	if (r == 0)
		MUST(lifetime >= METADATA_LIFETIME_MIN && lifetime <= METADATA_LIFETIME_MAX);
	else
		MUST(!m.token && lifetime == 0);
	return 0;
}
