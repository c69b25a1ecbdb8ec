/* SPDX-License-Identifier: BSD-2-Clause */

/* Any reply to the readers of token, revocation and introspection replies: one verdict, with a
 * reason unless it is good, and never the end of a grant without a word of the provider's. */

#include "base/mem.h"
#include "base/text.h"
#include "fuzz.h"
#include "oauth/reply.h"
#include "reply.h"

static const struct now now = {.boot_usec = 1, .wall_usec = UINT64_C(1795469410) * USEC_PER_S};

static void check_verdict(const struct exchange_reply *reply, const struct verdict *v)
{
	const char *detail = v->fault.detail;

	MUST((v->kind == REPLY_OK) == (v->fault.kind == FAULT_NONE));
	MUST((v->kind == REPLY_OK) == (detail[0] == '\0'));
	MUST(text_is_utf8(detail, strlen(detail)) && !strpbrk(detail, "\r\n\t\x1b\x7f"));
	MUST(v->lost || reply->outcome != EXCHANGE_LOST);
	MUST(!v->lost || reply->outcome != EXCHANGE_NOT_SENT);
	MUST(v->retry_after_usec <= USEC_PER_DAY);
	if (v->kind == REPLY_DENIED || v->kind == REPLY_EXPIRED || v->kind == REPLY_INVALID_GRANT ||
		v->kind == REPLY_MISCONFIGURED)
		MUST(reply->outcome == EXCHANGE_REPLIED && reply->body.len > 0);
}

static void check_token(const struct token *t)
{
	struct token copy = {0};

	MUST(secret_len(t->access_token) > 0 && t->token_type && t->token_type[0]);
	for (const char *c = secret_expose(t->access_token); *c; c++)
		MUST(*c >= ' ' && *c <= '~');
	MUST(t->lifetime_usec <= TOKEN_LIFETIME_MAX && (t->lifetime_given || !t->lifetime_usec));
	MUST(t->scopes.n <= 2 * NAMES_SPLIT_MAX && (t->scope_given || !t->scopes.n));
	MUST(json_is(t->extra, JSON_OBJECT));
	MUST(!json_get(t->extra, "refresh_token") && !json_get(t->extra, "id_token"));
	MUST(token_copy(t, &copy) == 0);
	MUST(secret_equal(copy.access_token, t->access_token) && copy.scopes.n == t->scopes.n);
	token_done(&copy);
}

/* Read in the other ways that quirks lead to, a reply comes to a token or it does not. */
static void check_quirks(const struct exchange_reply *reply)
{
	_cleanup_(secret_freep) struct secret *secret = secret_new_text("hunter2");
	const struct client client = {.secret = secret, .quirks = UINT32_MAX};
	_cleanup_(token_done) struct token t = {0};
	struct verdict v;

	MUST(reply_token(reply, &client, now, &t, &v) == 0);
	MUST((v.kind == REPLY_OK) == (t.access_token != NULL));
	if (v.kind == REPLY_OK)
		check_token(&t);
}

/* A token ends after now and within a century, or nothing is told of its end. */
static void check_introspection(const struct exchange_reply *reply)
{
	uint64_t left = 7;
	int r;

	r = reply_introspection(reply, now, &left);
	MUST(r == 0 || r == 1);
	MUST(r == 0 || reply_is_success(reply));
	if (r > 0)
		MUST(left > 0 && left <= TOKEN_LIFETIME_MAX);
	else
		MUST(left == 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct client plain_client = {.auth = CLIENT_AUTH_NONE};
	_cleanup_(exchange_reply_done) struct exchange_reply reply = fuzz_reply(data, size);
	_cleanup_(token_done) struct token t = {0};
	struct verdict v;

	MUST(reply_token(&reply, &plain_client, now, &t, &v) == 0);
	check_verdict(&reply, &v);
	MUST((v.kind == REPLY_OK) == (t.access_token != NULL));
	if (v.kind == REPLY_OK)
		check_token(&t);
	check_quirks(&reply);
	MUST(reply_revocation(&reply, now, &v) == 0);
	check_verdict(&reply, &v);
	check_introspection(&reply);
	return 0;
}
