/* SPDX-License-Identifier: BSD-2-Clause */

/* Any reply to the question who approved: a verdict with a reason; and where it is a document, a
 * person who is told in clean and short words, or none; what is expected of them is met by what was
 * kept, and by nothing else. */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "oauth/identity.h"
#include "oauth/reply.h"
#include "reply.h"

static const struct now now = {.boot_usec = 1, .wall_usec = UINT64_C(1795469410) * USEC_PER_S};

static void check_clean(const char *text)
{
	MUST(text_is_utf8(text, strlen(text)) && !strpbrk(text, "\r\n\t\x1b\x7f"));
}

static void check_claims(const struct identity *id)
{
	size_t n = 0;

	MUST(id->subject[0] && strlen(id->subject) <= IDENTITY_CLAIM_MAX);
	for (const struct json *m = json_next(id->claims, NULL); m; m = json_next(id->claims, m)) {
		MUST(json_text(m) && *json_text(m) && strlen(json_text(m)) <= IDENTITY_CLAIM_MAX);
		n++;
	}
	MUST(n <= 16);
}

static void check_met(const struct identity *id, const struct params *expect)
{
	struct fault why = {.kind = FAULT_NONE};
	const char *email = json_get_text(id->claims, "email");

	if (identity_meets(id, expect, false, &why)) {
		MUST(why.kind == FAULT_NONE);
		MUST(text_equal_nocase(email, "alice@x.example"));
		MUST(text_equal(json_get_text(id->claims, "email_verified"), "true"));
		MUST(text_equal(json_get_text(id->claims, "d.0.login"), "alice"));
		MUST(!identity_lacks(id->claims, expect, false));
	} else {
		MUST(why.kind == FAULT_WRONG_IDENTITY || why.kind == FAULT_MISCONFIGURED);
		check_clean(why.detail);
	}
}

static void check_document(const struct json *document)
{
	static const char *const subjects[] = {"sub", "d.0.id"};
	_cleanup_(params_done) struct params expect = {0};

	MUST(params_add(&expect, "email", "Alice@x.example") == 0);
	MUST(params_add(&expect, "d.0.login", "alice") == 0);
	for (size_t i = 0; i < ELEMENTS(subjects); i++) {
		const struct identity_source source = {
			.first = document, .issuer = "https://i.example", .subject = subjects[i]};
		_cleanup_(identity_done) struct identity id = {0};
		struct fault why = {.kind = FAULT_NONE};
		char text[IDENTITY_TEXT_MAX];
		int r = identity_read(&source, &expect, &id, &why);

		MUST(r == 0 || (r == -EBADMSG && why.kind == FAULT_MISCONFIGURED));
		MUST((r == 0) == identity_known(&id));
		identity_describe(&id, text);
		check_clean(text);
		if (r == 0) {
			check_claims(&id);
			check_met(&id, &expect);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(exchange_reply_done) struct exchange_reply reply = fuzz_reply(data, size);
	_cleanup_(json_freep) struct json *document = NULL;
	struct verdict v;

	MUST(reply_document(&reply, now, &document, &v) == 0);
	MUST((v.kind == REPLY_OK) == (document != NULL));
	MUST((v.kind == REPLY_OK) == (v.fault.kind == FAULT_NONE));
	check_clean(v.fault.detail);
	if (document)
		check_document(document);
	return 0;
}
