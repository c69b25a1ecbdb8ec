/* SPDX-License-Identifier: BSD-2-Clause */

/* What providers are known to answer, and what we make of it (RFC 6749 §5, RFC 8628 §3, RFC 7009
 * §2.2). */

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/quirks.h"
#include "oauth/reply.h"
#include "test.h"

/* 2026-11-23T21:30:10Z */
static const struct now now = {.boot_usec = 5, .wall_usec = UINT64_C(1795469410) * USEC_PER_S};

static struct exchange_reply reply_of(int status, const char *body)
{
	return (struct exchange_reply){
		.outcome = EXCHANGE_REPLIED,
		.status = status,
		.body = {.data = (char *)(uintptr_t)body, .len = strlen(body)},
		.content_type = "application/json",
	};
}

static void set(char *field, size_t size, const char *text)
{
	(void)snprintf(field, size, "%s", text);
}
#define SET(field, text) set(field, sizeof(field), text)

/* A client of a provider without quirks. */
static const struct client plain_client = {.auth = CLIENT_AUTH_NONE};

/* Classify a token reply to @client that must be one. */
static struct token token_for(const struct client *client, const char *body)
{
	struct exchange_reply reply = reply_of(200, body);
	struct verdict v = {.kind = REPLY_BROKEN};
	struct token t = {0};

	CHECK_INT(reply_token(&reply, client, now, &t, &v), 0);
	if (v.kind != REPLY_OK)
		TEST_FAIL("refused: %s: %s", body, v.fault.detail);
	CHECK_INT(v.fault.kind, FAULT_NONE);
	return t;
}

static struct token token_of(const char *body)
{
	return token_for(&plain_client, body);
}

/* Classify a token reply that must not be one. */
static struct verdict verdict_of(const struct exchange_reply *reply)
{
	struct verdict v = {.kind = REPLY_OK};
	struct token t = {0};

	CHECK_INT(reply_token(reply, &plain_client, now, &t, &v), 0);
	CHECK(v.kind != REPLY_OK);
	CHECK(!t.access_token && !t.token_type && !t.extra);
	CHECK(v.fault.kind != FAULT_NONE && v.fault.detail[0]);
	token_done(&t);
	return v;
}

struct failure {
	int status;
	const char *body;
	enum reply_kind kind;
	enum fault_kind fault;
	const char *detail; /* what the fault must say */
};

static void check_failures(const struct failure *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct failure *c = &cases[i];
		struct exchange_reply reply = reply_of(c->status, c->body);
		struct verdict v = verdict_of(&reply);

		if (v.kind != c->kind || v.fault.kind != c->fault ||
			!strstr(v.fault.detail, c->detail))
			TEST_FAIL("%d %s: kind %d, fault %s \"%s\"", c->status, c->body,
				(int)v.kind, fault_kind_to_string(v.fault.kind), v.fault.detail);
		CHECK_INT(v.lost,
			c->status == 502 || c->status == 504 ||
				(c->status / 100 == 2 && !text_starts(c->body, "{\"error\":") &&
					(c->kind == REPLY_BROKEN || c->kind == REPLY_TRANSIENT)));
	}
}

/* --- tokens --- */

static void test_token(void)
{
	/* RFC 6749 §5.1 */
	struct token t = token_of("{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\","
				  "\"token_type\":\"example\",\"expires_in\":3600,"
				  "\"refresh_token\":\"tGzv3JOkF0XG5Qx2TlKWIA\","
				  "\"example_parameter\":\"example_value\"}");

	CHECK_TEXT(secret_expose(t.access_token), "2YotnFZFEjr1zCsicMWpAA");
	CHECK_TEXT(secret_expose(t.refresh_token), "tGzv3JOkF0XG5Qx2TlKWIA");
	CHECK_TEXT(t.token_type, "example");
	CHECK(!t.scope_given && t.scopes.n == 0);
	CHECK(t.lifetime_given);
	CHECK_INT(t.lifetime_usec, 3600 * USEC_PER_S);
	CHECK_TEXT(json_get_text(t.extra, "example_parameter"), "example_value");
	CHECK_INT(json_count(t.extra), 1);
	token_done(&t);
	token_done(&t);
}

static void test_token_type(void)
{
	static const char *const cases[][2] = {
		{"\"bearer\"", "bearer"},
		{"\"Bearer\"", "Bearer"},
		{"\"bot\"", "bot"},
		{"null", "Bearer"},
		{"\"\"", "Bearer"},
		{"5", "Bearer"},
		{"\"Bearer\\r\\nX-Evil: 1\"", "Bearer"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char body[200];
		struct token t;

		(void)snprintf(body, sizeof(body), "{\"access_token\":\"at\",\"token_type\":%s}",
			cases[i][0]);
		t = token_of(body);
		CHECK_TEXT(t.token_type, cases[i][1]);
		token_done(&t);
	}
}

static void test_lifetime(void)
{
	static const struct {
		const char *value;
		bool given;
		uint64_t usec;
	} cases[] = {
		{"3600", true, 3600 * USEC_PER_S},
		{"\"3600\"", true, 3600 * USEC_PER_S},
		{"\" 3600 \"", true, 3600 * USEC_PER_S},
		{"\"3599.5\"", true, UINT64_C(3599500000)},
		{"3599.5", true, UINT64_C(3599500000)},
		{"0", true, 0},
		{"-1", true, 0},
		{"\"-1\"", true, 0},
		{"-1e300", true, 0},
		{"1e300", true, TOKEN_LIFETIME_MAX},
		{"\"18446744073709551616\"", true, TOKEN_LIFETIME_MAX},
		{"3153599999", true, 3153599999 * USEC_PER_S},
		{"3153600001", true, TOKEN_LIFETIME_MAX},
		{"null", false, 0},
		{"true", false, 0},
		{"\"\"", false, 0},
		{"\"soon\"", false, 0},
		{"\"1h\"", false, 0},
		{"[3600]", false, 0},
		{"{}", false, 0},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char body[200];
		struct token t;

		(void)snprintf(body, sizeof(body), "{\"access_token\":\"at\",\"expires_in\":%s}",
			cases[i].value);
		t = token_of(body);
		if (t.lifetime_given != cases[i].given || t.lifetime_usec != cases[i].usec)
			TEST_FAIL("%s gives %d %" PRIu64, cases[i].value, t.lifetime_given,
				t.lifetime_usec);
		token_done(&t);
	}
}

static void test_scope(void)
{
	static const struct {
		const char *value;
		bool given;
		const char *names;
	} cases[] = {
		{"\"read  write\"", true, "read|write"},
		{"[\"read\",\"write\"]", true, "read|write"},
		{"[\"read\",7,null,\"write admin\"]", true, "read|write|admin"},
		{"\"\"", true, ""},
		{"[]", true, ""},
		{"null", false, ""},
		{"7", false, ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char body[200], *joined;
		struct token t;

		(void)snprintf(body, sizeof(body), "{\"access_token\":\"at\",\"scope\":%s}",
			cases[i].value);
		t = token_of(body);
		joined = names_join(&t.scopes, "|");
		if (t.scope_given != cases[i].given)
			TEST_FAIL("%s: given is %d", cases[i].value, t.scope_given);
		CHECK_TEXT(joined, cases[i].names);
		mem_free(joined);
		token_done(&t);
	}
}

static void test_many_scopes(void)
{
	static char body[200 * 1024];
	size_t len = 0;
	struct token t;

	len += (size_t)snprintf(body, sizeof(body), "{\"access_token\":\"at\",\"scope\":[\"a\"");
	while (len < sizeof(body) - 10)
		len += (size_t)snprintf(body + len, sizeof(body) - len, ",\"a\"");
	(void)snprintf(body + len, sizeof(body) - len, "]}");
	t = token_of(body);
	CHECK_INT(t.scopes.n, NAMES_SPLIT_MAX);
	token_done(&t);
}

static void test_refresh_token(void)
{
	static const char *const absent[] = {"null", "\"\"", "7", "{}"};
	struct token t =
		token_of("{\"access_token\":\"at\",\"refresh_token\":\"\u00fcber 1//0g\"}");

	CHECK_TEXT(secret_expose(t.refresh_token), "\u00fcber 1//0g");
	token_done(&t);
	for (size_t i = 0; i < ELEMENTS(absent); i++) {
		char body[200];

		(void)snprintf(body, sizeof(body), "{\"access_token\":\"at\",\"refresh_token\":%s}",
			absent[i]);
		t = token_of(body);
		CHECK(!t.refresh_token);
		token_done(&t);
	}
}

static void test_extra(void)
{
	struct token t = token_of(
		"{\"access_token\":\"at\",\"refresh_token\":\"rt\",\"id_token\":\"it\",\"scope\":\"a\","
		"\"token_type\":\"Bearer\",\"expires_in\":\"9\",\"client_secret\":\"x\","
		"\"clientSecret\":\"x\",\"refreshToken\":\"x\",\"session_token\":\"x\","
		"\"password\":\"x\",\"authed_user\":{\"id\":\"U1\",\"list\":[{\"access_token\":\"x\"}]},"
		"\"instance_url\":\"https://acme.my.salesforce.com\",\"issued_at\":\"1795469410000\","
		"\"team\":{\"id\":\"T1\"}}");
	char *printed = json_print(t.extra, false);

	CHECK_TEXT(printed,
		"{\"instance_url\":\"https://acme.my.salesforce.com\","
		"\"issued_at\":\"1795469410000\",\"team\":{\"id\":\"T1\"}}");
	mem_free(printed);
	token_done(&t);
}

static void test_large_extra(void)
{
	static char body[TOKEN_EXTRA_MAX + 200];
	char *at = body + snprintf(body, sizeof(body), "{\"access_token\":\"at\",\"big\":\"");
	struct token t;

	memset(at, 'x', TOKEN_EXTRA_MAX);
	(void)snprintf(at + TOKEN_EXTRA_MAX, 100, "\",\"small\":1}");
	t = token_of(body);
	CHECK_INT(json_count(t.extra), 1);
	CHECK(json_get(t.extra, "small"));
	token_done(&t);
}

static void test_content_type(void)
{
	struct exchange_reply reply = reply_of(200, "\n{\"access_token\":\"at\"}\n");
	struct verdict v = {.kind = REPLY_BROKEN};
	struct token t = {0};

	SET(reply.content_type, "text/html");
	CHECK_INT(reply_token(&reply, &plain_client, now, &t, &v), 0);
	CHECK_INT(v.kind, REPLY_OK);
	CHECK_TEXT(secret_expose(t.access_token), "at");
	token_done(&t);
}

static void test_null_error(void)
{
	struct token t = token_of("{\"access_token\":\"at\",\"error\":null}");

	token_done(&t);
	t = token_of("{\"access_token\":\"at\",\"error\":\"\"}");
	token_done(&t);
}

static void test_copy(void)
{
	struct token t =
		token_of("{\"access_token\":\"at\",\"refresh_token\":\"rt\",\"scope\":\"a b\","
			 "\"expires_in\":60,\"instance_url\":\"https://h\"}");
	struct token copy = {0};

	REQUIRE(token_copy(&t, &copy) == 0);
	CHECK(secret_equal(copy.access_token, t.access_token));
	CHECK(secret_equal(copy.refresh_token, t.refresh_token));
	CHECK(copy.access_token != t.access_token && copy.extra != t.extra);
	CHECK_TEXT(copy.token_type, "Bearer");
	CHECK(copy.scope_given && names_same_set(&copy.scopes, &t.scopes));
	CHECK(copy.lifetime_given && copy.lifetime_usec == t.lifetime_usec);
	CHECK_TEXT(json_get_text(copy.extra, "instance_url"), "https://h");
	token_done(&t);
	token_done(&copy);
	CHECK_INT(token_copy(&t, &copy), 0);
	CHECK(!copy.access_token && !copy.extra);
}

/* --- errors --- */

static void test_error_codes(void)
{
	static const struct failure cases[] = {
		{400, "{\"error\":\"authorization_pending\"}", REPLY_PENDING, FAULT_TRANSIENT, ""},
		{400, "{\"error\":\"slow_down\"}", REPLY_SLOW_DOWN, FAULT_TRANSIENT, ""},
		{400, "{\"error\":\"access_denied\"}", REPLY_DENIED, FAULT_DENIED, "access_denied"},
		{400, "{\"error\":\"access-denied\"}", REPLY_DENIED, FAULT_DENIED, "access-denied"},
		{400, "{\"error\":\"authorization_declined\"}", REPLY_DENIED, FAULT_DENIED, ""},
		{400, "{\"error\":\"expired_token\"}", REPLY_EXPIRED, FAULT_EXPIRED_CODE, ""},
		{400, "{\"error\":\"invalid_grant\"}", REPLY_INVALID_GRANT, FAULT_REVOKED,
			"invalid_grant"},
		{400, "{\"error\":\"bad_verification_code\"}", REPLY_INVALID_GRANT, FAULT_REVOKED,
			""},
		{401, "{\"error\":\"invalid_client\"}", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED,
			"invalid_client; check client_id, client_auth, and client_secret or client_key"},
		{400, "{\"error\":\"unauthorized_client\"}", REPLY_MISCONFIGURED,
			FAULT_MISCONFIGURED, "allow this flow"},
		{400, "{\"error\":\"unsupported_grant_type\"}", REPLY_MISCONFIGURED,
			FAULT_MISCONFIGURED, "check flow"},
		{400, "{\"error\":\"invalid_request\"}", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED,
			"check client_id"},
		{400, "{\"error\":\"invalid_scope\"}", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED,
			"check scopes"},
		{400, "{\"error\":\"redirect_uri_mismatch\"}", REPLY_MISCONFIGURED,
			FAULT_MISCONFIGURED, "set redirect_uri"},
		{400, "{\"error\":\"invalid_target\"}", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED,
			"resource"},
		{503, "{\"error\":\"temporarily_unavailable\"}", REPLY_TRANSIENT, FAULT_TRANSIENT,
			"temporarily_unavailable"},
		{500, "{\"error\":\"server_error\"}", REPLY_TRANSIENT, FAULT_TRANSIENT, ""},
	};

	check_failures(cases, ELEMENTS(cases));
}

static void test_body_before_status(void)
{
	static const struct failure cases[] = {
		{200, "{\"error\":\"authorization_pending\"}", REPLY_PENDING, FAULT_TRANSIENT, ""},
		{401, "{\"error\":\"authorization_pending\"}", REPLY_PENDING, FAULT_TRANSIENT, ""},
		{403, "{\"error\":\"authorization_pending\"}", REPLY_PENDING, FAULT_TRANSIENT, ""},
		{404, "{\"error\":\"authorization_pending\"}", REPLY_PENDING, FAULT_TRANSIENT, ""},
		{428, "{\"error\":\"authorization_pending\"}", REPLY_PENDING, FAULT_TRANSIENT, ""},
		{429, "{\"error\":\"slow_down\"}", REPLY_SLOW_DOWN, FAULT_TRANSIENT, ""},
		{401, "{\"error\":\"invalid_grant\"}", REPLY_INVALID_GRANT, FAULT_REVOKED, ""},
		{500, "{\"error\":\"invalid_grant\"}", REPLY_INVALID_GRANT, FAULT_REVOKED, ""},
		{200, "{\"error\":\"bad_verification_code\",\"error_description\":\"Wrong.\"}",
			REPLY_INVALID_GRANT, FAULT_REVOKED, "bad_verification_code: \"Wrong.\""},
		{200, "{\"ok\":false,\"error\":\"invalid_client\"}", REPLY_MISCONFIGURED,
			FAULT_MISCONFIGURED, "invalid_client"},
	};

	check_failures(cases, ELEMENTS(cases));
}

static void test_unknown_codes(void)
{
	static const struct failure cases[] = {
		{400, "{\"error\":\"invalid_dpop_proof\"}", REPLY_BROKEN, FAULT_PROTOCOL,
			"invalid_dpop_proof"},
		{200, "{\"error\":\"api_error\"}", REPLY_BROKEN, FAULT_PROTOCOL, "api_error"},
		{500, "{\"error\":\"api_error\"}", REPLY_TRANSIENT, FAULT_TRANSIENT, "api_error"},
		{429, "{\"error\":\"rate_limited\"}", REPLY_THROTTLED, FAULT_THROTTLED,
			"rate_limited"},
		{400, "{\"error\":\"Invalid_Grant\"}", REPLY_BROKEN, FAULT_PROTOCOL, ""},
		{400, "{\"error\":\"invalid_grant \"}", REPLY_BROKEN, FAULT_PROTOCOL, ""},
	};

	check_failures(cases, ELEMENTS(cases));
}

static void test_error_shapes(void)
{
	static const struct failure cases[] = {
		{400, "{\"error\":{\"message\":\"Invalid code\",\"type\":\"OAuthException\"}}",
			REPLY_BROKEN, FAULT_PROTOCOL, "HTTP status 400: \"Invalid code\""},
		{400, "{\"error\":{\"type\":\"OAuthException\",\"code\":190}}", REPLY_BROKEN,
			FAULT_PROTOCOL, "\"OAuthException\""},
		{200, "{\"error\":{}}", REPLY_BROKEN, FAULT_PROTOCOL, "HTTP status 200"},
		{429, "{\"error\":{\"message\":\"Easy\"}}", REPLY_THROTTLED, FAULT_THROTTLED,
			"Easy"},
		{500, "{\"error\":{\"message\":[]}}", REPLY_PROVIDER_DOWN, FAULT_PROVIDER_DOWN,
			"500"},
		{400, "{\"error\":[\"invalid_grant\"]}", REPLY_BROKEN, FAULT_PROTOCOL, "400"},
		{400, "{\"error\":true}", REPLY_BROKEN, FAULT_PROTOCOL, "400"},
		{400, "{\"status\":400,\"message\":\"Invalid refresh token\"}", REPLY_BROKEN,
			FAULT_PROTOCOL, "HTTP status 400: \"Invalid refresh token\""},
		{400, "[]", REPLY_BROKEN, FAULT_PROTOCOL, "400"},
		{400, "{\"error\":\"invalid_grant\",\"error_description\":{}}", REPLY_INVALID_GRANT,
			FAULT_REVOKED, "the provider answered invalid_grant"},
	};

	check_failures(cases, ELEMENTS(cases));
}

static void test_bare_status(void)
{
	static const struct failure cases[] = {
		{400, "", REPLY_BROKEN, FAULT_PROTOCOL, "HTTP status 400"},
		{401, "", REPLY_BROKEN, FAULT_PROTOCOL, "HTTP status 401"},
		{403, "<html>limit</html>", REPLY_BROKEN, FAULT_PROTOCOL, "HTTP status 403"},
		{404, "", REPLY_BROKEN, FAULT_PROTOCOL, "HTTP status 404"},
		{408, "", REPLY_PROVIDER_DOWN, FAULT_PROVIDER_DOWN, "HTTP status 408"},
		{429, "", REPLY_THROTTLED, FAULT_THROTTLED, "HTTP status 429"},
		{500, "oops", REPLY_PROVIDER_DOWN, FAULT_PROVIDER_DOWN, "HTTP status 500"},
		{502, "<html>", REPLY_PROVIDER_DOWN, FAULT_PROVIDER_DOWN, "HTTP status 502"},
		{302, "", REPLY_BROKEN, FAULT_PROTOCOL, "redirects are not followed"},
		{307, "{}", REPLY_BROKEN, FAULT_PROTOCOL, "redirects are not followed"},
	};

	check_failures(cases, ELEMENTS(cases));
}

static void test_no_token(void)
{
	static const struct failure cases[] = {
		{200, "", REPLY_BROKEN, FAULT_PROTOCOL, "empty"},
		{204, "", REPLY_BROKEN, FAULT_PROTOCOL, "empty"},
		{200, "{}", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "[]", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "\"at\"", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "{\"access_token\":\"\"}", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "{\"access_token\":null}", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "{\"access_token\":7}", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "{\"access_token\":[\"at\"]}", REPLY_BROKEN, FAULT_PROTOCOL, ""},
		{200, "{\"accessToken\":\"at\"}", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "{\"Access_Token\":\"at\"}", REPLY_BROKEN, FAULT_PROTOCOL, "no access_token"},
		{200, "{\"ok\":true,\"authed_user\":{\"access_token\":\"at\"}}", REPLY_BROKEN,
			FAULT_PROTOCOL, "no access_token"},
		{200, "{\"access_token\":\"a\\r\\nX: b\"}", REPLY_BROKEN, FAULT_PROTOCOL,
			"characters"},
		{200, "{\"access_token\":\"\xc3\xa4\"}", REPLY_BROKEN, FAULT_PROTOCOL,
			"characters"},
		{200, "{\"access_token\":\"a\",\"access_token\":\"b\"}", REPLY_BROKEN,
			FAULT_PROTOCOL, "twice"},
		{200, "{\"access_token\":\"a\"", REPLY_BROKEN, FAULT_PROTOCOL, "not valid JSON"},
		{200, "{\"access_token\":\"a\"}}", REPLY_BROKEN, FAULT_PROTOCOL, "not valid JSON"},
		{200, "{\"access_token\":\"\xff\"}", REPLY_BROKEN, FAULT_PROTOCOL, "UTF-8"},
		{200, "access_token=at&expires=9", REPLY_BROKEN, FAULT_PROTOCOL, "a form in place"},
	};

	check_failures(cases, ELEMENTS(cases));
}

static void test_page(void)
{
	struct exchange_reply reply = reply_of(200,
		" \n<!DOCTYPE html>\n<html><head><title>Log in\tto the "
		"\x1bnetwork</title></head><body>Session 0123456789abcdef0123456789abcdef of you"
		"<p>and much more text that goes on and on and on</p></body></html>");
	struct verdict v;

	SET(reply.content_type, "text/html");
	v = verdict_of(&reply);
	CHECK_INT(v.kind, REPLY_TRANSIENT);
	CHECK_INT(v.fault.kind, FAULT_TRANSIENT);
	/* 79 bytes of text */
	CHECK_TEXT(v.fault.detail,
		"a page came in place of a reply: \"Log in to the ?network "
		"Session … of you and much more text that goes on and o\"");
	SET(reply.content_type, "application/json");
	v = verdict_of(&reply);
	CHECK_INT(v.kind, REPLY_TRANSIENT);
	CHECK_TEXT(v.fault.detail, "a page came in place of a reply");
}

static void test_text_reply(void)
{
	struct exchange_reply reply = reply_of(200, "access_token=at0123456789");
	struct verdict v;

	SET(reply.content_type, "text/plain");
	v = verdict_of(&reply);
	CHECK_INT(v.kind, REPLY_BROKEN);
	CHECK(!strstr(v.fault.detail, "at01"));
	CHECK(strstr(v.fault.detail, "a form in place of JSON"));
	reply = reply_of(200, "expires=9&access_token=at0123456789");
	SET(reply.content_type, "application/x-www-form-urlencoded");
	v = verdict_of(&reply);
	CHECK_INT(v.kind, REPLY_BROKEN);
	CHECK(!strstr(v.fault.detail, "at01"));
	CHECK(strstr(v.fault.detail, "a form in place of JSON"));
	reply = reply_of(200, "{\"access_token\":\"at\"");
	v = verdict_of(&reply);
	CHECK(!strstr(v.fault.detail, "a form"));
}

static void test_not_sent(void)
{
	struct exchange_reply reply = {
		.outcome = EXCHANGE_NOT_SENT, .error = "could not resolve host: idp.example"};
	struct verdict v = verdict_of(&reply);

	CHECK_INT(v.kind, REPLY_PROVIDER_DOWN);
	CHECK_INT(v.fault.kind, FAULT_PROVIDER_DOWN);
	CHECK_TEXT(v.fault.detail, "could not resolve host: idp.example");
	CHECK(!v.lost);
	reply.error[0] = '\0';
	(void)verdict_of(&reply);
}

static void test_lost(void)
{
	struct exchange_reply reply = {.outcome = EXCHANGE_LOST, .error = "connection reset"};
	struct verdict v = verdict_of(&reply);

	CHECK_INT(v.kind, REPLY_TRANSIENT);
	CHECK_INT(v.fault.kind, FAULT_TRANSIENT);
	CHECK(strstr(v.fault.detail, "connection reset"));
	CHECK(v.lost);
}

static void test_lost_success(void)
{
	static const struct {
		const char *body;
		bool lost;
	} cases[] = {
		{"{\"error\":\"ratelimited\"}", false},
		{"{\"error\":{\"message\":\"no\"}}", false},
		{"{\"ok\":false,\"error\":\"x\"}", false},
		{"{\"error\":\"server_error\"}", false},
		{"{\"error\":\"x\",\"access_token\":7}", true},
		{"{\"error\":{},\"refresh_token\":\"rt\"}", true},
		{"{\"error\":null}", true},
		{"{\"ok\":false}", true},
		{"", true},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct exchange_reply reply = reply_of(200, cases[i].body);
		struct verdict v = verdict_of(&reply);

		if (v.lost != cases[i].lost)
			TEST_FAIL("%s: lost is %d", cases[i].body, v.lost);
	}
}

static void check_detail(const char *body, const char *want)
{
	struct exchange_reply reply = reply_of(400, body);
	struct verdict v = verdict_of(&reply);

	CHECK_TEXT(v.fault.detail, want);
}

static void test_said(void)
{
	check_detail("{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000218: The "
		     "request\\r\\nmust have\\t'client_secret' \\u001b[31m\"}",
		"the provider answered invalid_client: \"AADSTS7000218: The request must have "
		"'client_secret' ?[31m\"; check client_id, client_auth, and client_secret or client_key");
	check_detail("{\"error\":\"invalid_grant\",\"error_description\":\"a < b, see "
		     "https://login.microsoftonline.com/error?code=700082\"}",
		"the provider answered invalid_grant: \"a < b, see "
		"https://login.microsoftonline.com/error?code=700082\"");
}

static void test_echoed_secret(void)
{
	check_detail("{\"error\":\"invalid_grant\",\"error_description\":\"Invalid refresh token: "
		     "8bbd0d9e-0f4c-4d05-9a43-7b1c1d6a5e1f\"}",
		"the provider answered invalid_grant: \"Invalid refresh token: …\"");
	check_detail("{\"error\":\"invalid_grant\",\"error_description\":\"(4f7a1e0b9c8d7f6e5a4b) "
		     "gone\"}",
		"the provider answered invalid_grant: \"(…) gone\"");
	check_detail("{\"error\":\"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\"}",
		"the provider answered …");
}

static void test_long_description(void)
{
	static char body[100 * 1024];
	char *at = body +
		snprintf(body, sizeof(body),
			"{\"error\":\"invalid_client\",\"error_description\":\"");
	struct exchange_reply reply;
	struct verdict v;

	for (size_t i = 0; i < 90000; i += 9)
		memcpy(at + i, "<word/>x ", 9);
	(void)snprintf(at + 90000, 10, "\"}");
	reply = reply_of(400, body);
	v = verdict_of(&reply);
	CHECK_INT(v.kind, REPLY_MISCONFIGURED);
	CHECK(strstr(
		v.fault.detail, "check client_id, client_auth, and client_secret or client_key"));
	memset(at, '<', 90000);
	v = verdict_of(&reply);
	CHECK(strstr(
		v.fault.detail, "check client_id, client_auth, and client_secret or client_key"));
}

static void test_token_beside_error(void)
{
	check_detail("{\"error\":\"temporarily_unavailable\",\"access_token\":\"s3cr3t\","
		     "\"error_description\":\"not s3cr3t\"}",
		"the provider answered temporarily_unavailable");
	check_detail("{\"error\":\"s3cr3t\",\"refresh_token\":\"s3cr3t\",\"message\":\"s3cr3t\"}",
		"the provider answered HTTP status 400");
}

/* --- Retry-After --- */

static void test_retry_after(void)
{
	static const struct {
		const char *header;
		uint64_t usec;
	} cases[] = {
		{"", 0},
		{"120", 120 * USEC_PER_S},
		{" 120 ", 120 * USEC_PER_S},
		{"0", 0},
		{"86400", USEC_PER_DAY},
		{"86401", USEC_PER_DAY},
		{"99999999999999999999999999", USEC_PER_DAY},
		{"-1", 0},
		{"1.5", 0},
		{"soon", 0},
		{"Mon, 23 Nov 2026 21:31:10 GMT", 60 * USEC_PER_S},
		{"Monday, 23-Nov-26 21:31:10 GMT", 60 * USEC_PER_S},
		{"Mon Nov 23 21:31:10 2026", 60 * USEC_PER_S},
		{"Mon, 23 Nov 2026 21:30:00 GMT", 0},
		{"Fri, 31 Dec 2027 23:59:59 GMT", USEC_PER_DAY},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct exchange_reply reply = reply_of(429, "");
		struct verdict v;

		SET(reply.retry_after, cases[i].header);
		v = verdict_of(&reply);
		CHECK_INT(v.kind, REPLY_THROTTLED);
		if (v.retry_after_usec != cases[i].usec)
			TEST_FAIL("\"%s\" gives %" PRIu64, cases[i].header, v.retry_after_usec);
	}
}

static void test_retry_after_anywhere(void)
{
	struct exchange_reply down = reply_of(503, ""),
			      word = reply_of(400, "{\"error\":\"slow_down\"}");
	struct exchange_reply ok = reply_of(200, "{\"access_token\":\"at\"}");
	struct verdict v;
	struct token t = {0};

	SET(down.retry_after, "7");
	SET(word.retry_after, "7");
	SET(ok.retry_after, "7");
	v = verdict_of(&down);
	CHECK_INT(v.kind, REPLY_THROTTLED);
	CHECK_INT(v.retry_after_usec, 7 * USEC_PER_S);
	v = verdict_of(&word);
	CHECK_INT(v.kind, REPLY_SLOW_DOWN);
	CHECK_INT(v.retry_after_usec, 7 * USEC_PER_S);
	CHECK_INT(reply_token(&ok, &plain_client, now, &t, &v), 0);
	CHECK_INT(v.kind, REPLY_OK);
	CHECK_INT(v.retry_after_usec, 0);
	token_done(&t);
}

/* --- device authorization --- */

#define DEVICE(more) \
	"{\"device_code\":\"dc\",\"user_code\":\"WDJB-MJHT\"," \
	"\"verification_uri\":\"https://login.example/device\"" more "}"

static struct device_authorization device_of(const char *body)
{
	struct exchange_reply reply = reply_of(200, body);
	struct verdict v = {.kind = REPLY_BROKEN};
	struct device_authorization d = {0};

	CHECK_INT(reply_device_authorization(&reply, now, &d, &v), 0);
	if (v.kind != REPLY_OK)
		TEST_FAIL("refused: %s: %s", body, v.fault.detail);
	return d;
}

static void test_device(void)
{
	/* RFC 8628 §3.2 */
	struct device_authorization d = device_of(
		"{\"device_code\":\"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS\","
		"\"user_code\":\"WDJB-MJHT\",\"verification_uri\":\"https://example.com/device\","
		"\"verification_uri_complete\":\"https://example.com/device?user_code=WDJB-MJHT\","
		"\"expires_in\":1800,\"interval\":5}");

	CHECK_TEXT(secret_expose(d.device_code), "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS");
	CHECK_TEXT(d.user_code, "WDJB-MJHT");
	CHECK_TEXT(d.verification_uri, "https://example.com/device");
	CHECK_TEXT(d.verification_uri_complete, "https://example.com/device?user_code=WDJB-MJHT");
	CHECK_INT(d.lifetime_usec, 1800 * USEC_PER_S);
	CHECK_INT(d.interval_usec, 5 * USEC_PER_S);
	device_authorization_done(&d);
	device_authorization_done(&d);
}

static void test_device_alias(void)
{
	struct device_authorization d =
		device_of("{\"device_code\":\"dc\",\"user_code\":\"\u00c4B\","
			  "\"verification_url\":\"https://www.google.com/device\"}");

	CHECK_TEXT(d.verification_uri, "https://www.google.com/device");
	CHECK_TEXT(d.user_code, "\u00c4B");
	CHECK(!d.verification_uri_complete);
	CHECK_INT(d.lifetime_usec, 15 * USEC_PER_MIN);
	CHECK_INT(d.interval_usec, 5 * USEC_PER_S);
	device_authorization_done(&d);
}

static void test_device_complete(void)
{
	struct device_authorization d =
		device_of(DEVICE(",\"verification_uri_complete\":\"ftp://h/device?c=1\""));

	CHECK(!d.verification_uri_complete);
	device_authorization_done(&d);
	d = device_of(DEVICE(",\"verification_uri_complete\":\"https://h/start/#/device?c=1\""));
	CHECK_TEXT(d.verification_uri_complete, "https://h/start/#/device?c=1");
	device_authorization_done(&d);
}

static void test_device_times(void)
{
	static const struct {
		const char *value;
		uint64_t lifetime;
		uint64_t interval;
	} cases[] = {
		{"600", 600 * USEC_PER_S, 600 * USEC_PER_S},
		{"\"300\"", 300 * USEC_PER_S, 300 * USEC_PER_S},
		{"5", 5 * USEC_PER_S, 5 * USEC_PER_S},
		{"1.5", UINT64_C(1500000), 2 * USEC_PER_S},
		{"\"5.01\"", UINT64_C(5010000), 6 * USEC_PER_S},
		{"0.001", UINT64_C(1000), USEC_PER_S},
		{"0", 15 * USEC_PER_MIN, USEC_PER_S},
		{"-7", 15 * USEC_PER_MIN, USEC_PER_S},
		{"null", 15 * USEC_PER_MIN, 5 * USEC_PER_S},
		{"\"x\"", 15 * USEC_PER_MIN, 5 * USEC_PER_S},
		{"[]", 15 * USEC_PER_MIN, 5 * USEC_PER_S},
		{"86401", USEC_PER_DAY, 10 * USEC_PER_MIN},
		{"1e300", USEC_PER_DAY, 10 * USEC_PER_MIN},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct device_authorization d;
		char body[300];

		(void)snprintf(body, sizeof(body), DEVICE(",\"expires_in\":%s,\"interval\":%s"),
			cases[i].value, cases[i].value);
		d = device_of(body);
		if (d.lifetime_usec != cases[i].lifetime || d.interval_usec != cases[i].interval)
			TEST_FAIL("%s gives %" PRIu64 " and %" PRIu64, cases[i].value,
				d.lifetime_usec, d.interval_usec);
		device_authorization_done(&d);
	}
}

static void check_device_failures(const struct failure *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct failure *c = &cases[i];
		struct exchange_reply reply = reply_of(c->status, c->body);
		struct device_authorization d = {0};
		struct verdict v = {.kind = REPLY_OK};

		CHECK_INT(reply_device_authorization(&reply, now, &d, &v), 0);
		if (v.kind != c->kind || v.fault.kind != c->fault ||
			!strstr(v.fault.detail, c->detail))
			TEST_FAIL("%d %s: kind %d, fault %s \"%s\"", c->status, c->body,
				(int)v.kind, fault_kind_to_string(v.fault.kind), v.fault.detail);
		CHECK(!d.device_code && !d.user_code && !d.verification_uri);
	}
}

#define NO_DEVICE(code, user, uri) \
	"{\"device_code\":" code ",\"user_code\":" user ",\"verification_uri\":" uri "}"

static void test_device_refused(void)
{
	static const struct failure cases[] = {
		{200, "{}", REPLY_BROKEN, FAULT_PROTOCOL, "device_code"},
		{200, NO_DEVICE("7", "\"A\"", "\"https://h\""), REPLY_BROKEN, FAULT_PROTOCOL,
			"device_code"},
		{200, NO_DEVICE("\"\"", "\"A\"", "\"https://h\""), REPLY_BROKEN, FAULT_PROTOCOL,
			"device_code"},
		{200, NO_DEVICE("\"x\"", "null", "\"https://h\""), REPLY_BROKEN, FAULT_PROTOCOL,
			"user_code"},
		{200, NO_DEVICE("\"x\"", "\"\"", "\"https://h\""), REPLY_BROKEN, FAULT_PROTOCOL,
			"user_code"},
		{200, NO_DEVICE("\"x\"", "\"A\\u001b[2J\"", "\"https://h\""), REPLY_BROKEN,
			FAULT_PROTOCOL, "user_code"},
		{200, NO_DEVICE("\"x\"", "\"A\\u202eB\"", "\"https://h\""), REPLY_BROKEN,
			FAULT_PROTOCOL, "user_code"},
		{200,
			NO_DEVICE("\"x\"",
				"\"01234567890123456789012345678901234567890123456789012345678901234\"",
				"\"https://h\""),
			REPLY_BROKEN, FAULT_PROTOCOL, "user_code"},
		{200, NO_DEVICE("\"x\"", "\"A\"", "null"), REPLY_BROKEN, FAULT_PROTOCOL,
			"verification_uri"},
		{200, NO_DEVICE("\"x\"", "\"A\"", "\"ftp://localhost/device\""), REPLY_BROKEN,
			FAULT_PROTOCOL, "web address"},
		{200, NO_DEVICE("\"x\"", "\"A\"", "\"https://h/\\n\""), REPLY_BROKEN,
			FAULT_PROTOCOL, "verification_uri"},
		{200, NO_DEVICE("\"x\"", "\"A\"", "\"javascript:alert(1)\""), REPLY_BROKEN,
			FAULT_PROTOCOL, "verification_uri"},
		{401, "{\"error\":\"invalid_client\"}", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED,
			"check client_id"},
		{400, "{\"error\":\"invalid_scope\"}", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED,
			"check scopes"},
		{400, "{\"error\":\"slow_down\"}", REPLY_BROKEN, FAULT_PROTOCOL, "slow_down"},
		{400, "{\"error\":\"authorization_pending\"}", REPLY_BROKEN, FAULT_PROTOCOL,
			"authorization_pending"},
		{503, "", REPLY_PROVIDER_DOWN, FAULT_PROVIDER_DOWN, "503"},
	};

	check_device_failures(cases, ELEMENTS(cases));
}

/* --- revocation --- */

static void test_revocation(void)
{
	static const struct {
		int status;
		const char *body;
		enum reply_kind kind;
		enum fault_kind fault;
	} cases[] = {
		{200, "", REPLY_OK, FAULT_NONE},
		{200, "<html>", REPLY_OK, FAULT_NONE},
		{204, "", REPLY_OK, FAULT_NONE},
		{400, "{\"error\":\"invalid_token\"}", REPLY_OK, FAULT_NONE},
		{400, "{\"error\":\"unsupported_token_type\"}", REPLY_BROKEN, FAULT_PROTOCOL},
		{401, "{\"error\":\"invalid_client\"}", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED},
		{404, "", REPLY_BROKEN, FAULT_PROTOCOL},
		{400, "{\"error\":\"authorization_pending\"}", REPLY_BROKEN, FAULT_PROTOCOL},
		{503, "", REPLY_PROVIDER_DOWN, FAULT_PROVIDER_DOWN},
		{429, "", REPLY_THROTTLED, FAULT_THROTTLED},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct exchange_reply reply = reply_of(cases[i].status, cases[i].body);
		struct verdict v = {.kind = REPLY_EXPIRED};

		CHECK_INT(reply_revocation(&reply, now, &v), 0);
		if (v.kind != cases[i].kind || v.fault.kind != cases[i].fault)
			TEST_FAIL("%d %s: kind %d, fault %s", cases[i].status, cases[i].body,
				(int)v.kind, fault_kind_to_string(v.fault.kind));
	}
}

/* --- introspection --- */

/* It is 1795469410 s now. */
static void test_introspection(void)
{
	static const struct {
		int status;
		const char *body;
		int r;
		uint64_t left;
	} cases[] = {
		{200, "{\"active\":true,\"exp\":1795473010}", 1, 3600 * USEC_PER_S},
		{200, "{\"active\":true,\"exp\":\"1795469420\"}", 1, 10 * USEC_PER_S},
		{200, "{\"active\":true,\"exp\":1795469411.5}", 1, 3 * USEC_PER_S / 2},
		{200, "{\"active\":true,\"exp\":1e300}", 1, TOKEN_LIFETIME_MAX},
		{200, "{\"active\":true,\"exp\":1795469410}", 0, 7},
		{200, "{\"active\":true,\"exp\":0}", 0, 7},
		{200, "{\"active\":true,\"exp\":-5}", 0, 7},
		{200, "{\"active\":true,\"exp\":null}", 0, 7},
		{200, "{\"active\":true,\"exp\":\"soon\"}", 0, 7},
		{200, "{\"active\":true}", 0, 7},
		{200, "{\"active\":false,\"exp\":1795473010}", 0, 7},
		{200, "{\"active\":\"true\",\"exp\":1795473010}", 0, 7},
		{200, "{\"exp\":1795473010}", 0, 7},
		{200, "[]", 0, 7},
		{200, "<html>", 0, 7},
		{200, "", 0, 7},
		{200, "{\"error\":\"invalid_client\",\"active\":false}", 0, 7},
		{401, "{\"active\":false}", 0, 7},
		{404, "", 0, 7},
		{503, "{\"active\":true,\"exp\":1795473010}", 0, 7},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct exchange_reply reply = reply_of(cases[i].status, cases[i].body);
		uint64_t left = 7;

		if (reply_introspection(&reply, now, &left) != cases[i].r || left != cases[i].left)
			TEST_FAIL("%d %s: %llu us are left", cases[i].status, cases[i].body,
				(unsigned long long)left);
	}
}

/* --- memory --- */

static unsigned allocations_left;

static bool fail_later(size_t size)
{
	(void)size;
	return allocations_left-- == 0;
}

/* --- documents --- */

static struct verdict document_of(const struct exchange_reply *reply, struct json **ret)
{
	struct verdict v = {.kind = REPLY_OK};

	CHECK_INT(reply_document(reply, now, ret, &v), 0);
	CHECK((v.kind == REPLY_OK) == (*ret != NULL));
	CHECK((v.kind == REPLY_OK) == (v.fault.kind == FAULT_NONE));
	return v;
}

static void test_document(void)
{
	static const struct {
		int status;
		const char *type, *body;
		enum reply_kind kind;
		const char *says;
	} cases[] = {
		{200, "application/json", "{\"sub\":\"1\"}", REPLY_OK, ""},
		{200, "text/plain", "{\"sub\":\"1\"}", REPLY_OK, ""},
		{200, "application/jwt", "e30.e30.", REPLY_MISCONFIGURED, "JWT"},
		{200, "application/json", "[]", REPLY_BROKEN, "no JSON object"},
		{200, "application/json", "", REPLY_BROKEN, "empty"},
		{200, "text/html", "<html>Sign in</html>", REPLY_TRANSIENT, "Sign in"},
		{403, "text/plain", "Bad_OAuth_Token", REPLY_BROKEN, "403"},
		{401, "application/json", "{\"error\":\"invalid_token\"}", REPLY_BROKEN,
			"invalid_token"},
		{400, "application/json", "{\"error\":\"slow_down\"}", REPLY_BROKEN, "slow_down"},
		{503, "text/html", "", REPLY_PROVIDER_DOWN, "503"},
		{429, "text/html", "", REPLY_THROTTLED, "429"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct exchange_reply reply = reply_of(cases[i].status, cases[i].body);
		_cleanup_(json_freep) struct json *document = NULL;
		struct verdict v;

		SET(reply.content_type, cases[i].type);
		v = document_of(&reply, &document);
		if (v.kind != cases[i].kind || !strstr(v.fault.detail, cases[i].says))
			TEST_FAIL("%d %s: %d %s", cases[i].status, cases[i].body, v.kind,
				v.fault.detail);
	}
}

static void test_id_token(void)
{
	struct token t = token_of("{\"access_token\":\"a\",\"id_token\":\"h.p.s\"}");
	struct token copy = {0};

	CHECK_TEXT(secret_expose(t.id_token), "h.p.s");
	CHECK(!json_get(t.extra, "id_token"));
	CHECK_INT(token_copy(&t, &copy), 0);
	CHECK_TEXT(secret_expose(copy.id_token), "h.p.s");
	token_done(&t);
	token_done(&copy);
	t = token_of("{\"access_token\":\"a\",\"id_token\":7}");
	CHECK(!t.id_token);
	token_done(&t);
}

static void test_token_memory(void)
{
	struct exchange_reply reply = reply_of(200,
		"{\"access_token\":\"at\",\"refresh_token\":\"rt\",\"scope\":[\"a\",\"b c\"],"
		"\"expires_in\":\"60\",\"instance_url\":\"https://h\"}");
	struct verdict v = {.kind = REPLY_EXPIRED};
	struct token t = {0};
	int r = -ENOMEM;

	for (unsigned n = 0; r == -ENOMEM; n++) {
		REQUIRE(n < 1000);
		allocations_left = n;
		mem_set_failure(fail_later);
		r = reply_token(&reply, &plain_client, now, &t, &v);
		mem_set_failure(NULL);
		CHECK((r == 0) == (t.access_token != NULL));
		CHECK_INT(v.kind, r == 0 ? REPLY_OK : REPLY_EXPIRED);
	}
	CHECK_INT(r, 0);
	CHECK(t.refresh_token && t.scopes.n == 3 && t.lifetime_given);
	CHECK_TEXT(json_get_text(t.extra, "instance_url"), "https://h");
	token_done(&t);
}

static void test_device_memory(void)
{
	struct exchange_reply reply = reply_of(
		200, DEVICE(",\"verification_uri_complete\":\"https://h/x\",\"interval\":\"7\""));
	struct verdict v = {.kind = REPLY_EXPIRED};
	struct device_authorization d = {0};
	int r = -ENOMEM;

	for (unsigned n = 0; r == -ENOMEM; n++) {
		REQUIRE(n < 1000);
		allocations_left = n;
		mem_set_failure(fail_later);
		r = reply_device_authorization(&reply, now, &d, &v);
		mem_set_failure(NULL);
		CHECK((r == 0) == (d.device_code != NULL));
		CHECK_INT(v.kind, r == 0 ? REPLY_OK : REPLY_EXPIRED);
	}
	CHECK_INT(r, 0);
	CHECK(d.user_code && d.verification_uri && d.verification_uri_complete);
	CHECK_INT(d.interval_usec, 7 * USEC_PER_S);
	device_authorization_done(&d);
}

/* --- quirks --- */

static void scopes_are_parted_by_commas_where_the_provider_does(void)
{
	const struct client commas = {.quirks = QUIRK_SCOPE_COMMAS_REPLY};
	struct token t;

	t = token_for(&commas, "{\"access_token\":\"at\",\"scope\":\"repo,gist,, user:email\"}");
	REQUIRE(t.scopes.n == 3);
	CHECK_TEXT(t.scopes.items[0], "repo");
	CHECK_TEXT(t.scopes.items[2], "user:email");
	token_done(&t);
	t = token_for(&commas, "{\"access_token\":\"at\",\"scope\":[\"a,b\",\"c\"]}");
	CHECK_INT(t.scopes.n, 3);
	token_done(&t);
	t = token_of("{\"access_token\":\"at\",\"scope\":\"repo,gist\"}");
	REQUIRE(t.scopes.n == 1);
	CHECK_TEXT(t.scopes.items[0], "repo,gist");
	token_done(&t);
}

#define BESIDE "{\"access_token\":\"bot\",\"scope\":\"b\",\"team\":\"T\",\"authed_user\":"

static void token_of_the_person_is_taken_where_two_are_given(void)
{
	const struct client slack = {.quirks = QUIRK_TOKEN_UNDER_AUTHED_USER};
	struct token t;

	t = token_for(&slack,
		BESIDE "{\"access_token\":\"at\",\"refresh_token\":\"rt\",\"token_type\":\"user\","
		       "\"scope\":\"u v\",\"expires_in\":60}}");
	CHECK_TEXT(secret_expose(t.access_token), "at");
	CHECK_TEXT(secret_expose(t.refresh_token), "rt");
	CHECK_TEXT(t.token_type, "user");
	CHECK_INT(t.scopes.n, 2);
	CHECK_INT(t.lifetime_usec, 60 * USEC_PER_S);
	CHECK_TEXT(json_get_text(t.extra, "team"), "T");
	CHECK(!json_get(t.extra, "authed_user") && !json_get(t.extra, "access_token"));
	token_done(&t);
	t = token_for(&slack, BESIDE "{\"id\":\"U1\"}}");
	CHECK_TEXT(secret_expose(t.access_token), "bot");
	token_done(&t);
	t = token_of(BESIDE "{\"access_token\":\"at\"}}");
	CHECK_TEXT(secret_expose(t.access_token), "bot");
	token_done(&t);
}

/* By openssl: printf %s%s "$id" "$issued_at" | openssl dgst -sha256 -hmac hunter2 -binary | base64
 */
#define SIGNED \
	"{\"access_token\":\"at\",\"id\":\"https://idp.example/id/1/2\"," \
	"\"issued_at\":\"1795469415000\",\"signature\":"
#define SIGNATURE "PocPphAicjTY/xOthqwJUt2nsz6bbP67oXlbGg4ZUas="

static enum reply_kind signed_reply(const struct client *client, const char *body)
{
	struct exchange_reply reply = reply_of(200, body);
	struct verdict v = {.kind = REPLY_BROKEN};
	struct token t = {0};

	CHECK_INT(reply_token(&reply, client, now, &t, &v), 0);
	CHECK_INT(t.access_token != NULL, v.kind == REPLY_OK);
	if (v.kind != REPLY_OK)
		CHECK(strstr(v.fault.detail, "signed with another secret") != NULL);
	token_done(&t);
	return v.kind;
}

static void signature_of_a_reply_is_checked(void)
{
	struct client client = {
		.secret = secret_new_text("hunter2"), .quirks = QUIRK_TOKEN_REPLY_SIGNATURE};
	static const char *const good[] = {SIGNED "\"" SIGNATURE "\"}", "{\"access_token\":\"at\"}",
		"{\"access_token\":\"at\",\"id\":\"https://idp.example/id/1/2\","
		"\"issued_at\":1795469415000,\"signature\":\"" SIGNATURE "\"}"};
	static const char *const wrong[] = {SIGNED "\"\"}", SIGNED "\"x" SIGNATURE "\"}",
		"{\"access_token\":\"at\",\"signature\":\"" SIGNATURE "\"}",
		"{\"access_token\":\"at\",\"id\":\"https://idp.example/id/1/2\","
		"\"issued_at\":1795469415,\"signature\":\"" SIGNATURE "\"}"};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		CHECK_INT(signed_reply(&client, good[i]), REPLY_OK);
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		CHECK_INT(signed_reply(&client, wrong[i]), REPLY_BROKEN);
		CHECK_INT(signed_reply(&plain_client, wrong[i]), REPLY_OK);
	}
	client.secret = secret_free(client.secret); /* nothing to check with */
	CHECK_INT(signed_reply(&client, wrong[0]), REPLY_OK);
}

static void life_of_a_refresh_token_is_read_where_it_is_told(void)
{
	static const struct {
		const char *members;
		uint64_t want_s;
	} cases[] = {
		{"", 0},
		{",\"refresh_token_expires_in\":15897600", 15897600},
		{",\"refresh_expires_in\":1800", 1800},
		{",\"refresh_expires_in\":0", 0},
		{",\"x_refresh_token_expires_in\":\"8726400\"", 8726400},
		{",\"refresh_token_expires_in\":null,\"refresh_expires_in\":5", 5},
		{",\"refresh_expires_in\":-5", 0},
		{",\"refresh_expires_in\":1e300", TOKEN_LIFETIME_MAX / USEC_PER_S},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char body[200];
		struct token t;

		(void)snprintf(body, sizeof(body), "{\"access_token\":\"at\"%s}", cases[i].members);
		t = token_of(body);
		CHECK_INT(t.refresh_lifetime_usec, cases[i].want_s * USEC_PER_S);
		token_done(&t);
	}
}

/* --- words for hints --- */

static void check_words(int status, const char *body, const char *error, const char *said)
{
	struct exchange_reply reply = reply_of(status, body);
	struct verdict v = verdict_of(&reply);

	CHECK_INT(v.status, status);
	CHECK_TEXT(v.error, error);
	CHECK_TEXT(v.said, said);
	CHECK_INT(v.parsed, *body == '{');
}

static void words_of_an_error_are_kept_for_hints(void)
{
	struct exchange_reply gone = {.outcome = EXCHANGE_LOST};
	struct verdict v;

	check_words(400, "{\"error\":\"e\",\"error_description\":\"d\"}", "e", "d");
	check_words(404, "{\"status\":404,\"message\":\"m\"}", "", "m");
	check_words(200, "{\"ok\":false,\"message\":\"m\"}", "", "m");
	check_words(403, "Bad_OAuth_Token", "", "Bad_OAuth_Token");
	check_words(503, "<title>Down</title> for now", "", "Down for now");
	check_words(418, "", "", "");
	check_words(400,
		"{\"error\":\"e\",\"error_description\":\"no 0123456789abcdef0123456789\"}", "e",
		"no …");
	check_words(400, "{\"error\":\"e\",\"message\":\"d\",\"refresh_token\":\"rt\"}", "", "");
	v = verdict_of(&gone);
	CHECK(v.status == 0 && !v.error[0] && !v.said[0]);
}

static const struct test tests[] = {
	{"a document about a person is JSON, or it is said what else it is", test_document},
	{"an id_token is kept, and not handed out", test_id_token},
	{"a token reply is read whole", test_token},
	{"any token_type is kept, an absent or odd one is Bearer", test_token_type},
	{"expires_in is a number, a fraction, a text, absent, or clamped", test_lifetime},
	{"scope is a text, an array, or absent", test_scope},
	{"a provider can't make us hold scopes without end", test_many_scopes},
	{"a refresh token is opaque, and absent where it is no text", test_refresh_token},
	{"what a program needs is kept, and nothing secret with it", test_extra},
	{"what is too large for a member is left out", test_large_extra},
	{"JSON counts whatever its content type", test_content_type},
	{"an error that is null or empty is no error", test_null_error},
	{"a copied token shares nothing", test_copy},
	{"each registered error code has its meaning and a remedy", test_error_codes},
	{"the body is believed before the status", test_body_before_status},
	{"an unknown error code never ends a grant", test_unknown_codes},
	{"an error of another shape never ends a grant, and its text is shown", test_error_shapes},
	{"a bare status never ends a grant", test_bare_status},
	{"a success without a good access token is broken", test_no_token},
	{"a page in place of a reply passes, with an excerpt of its text", test_page},
	{"a reply in another form is not shown", test_text_reply},
	{"a request that was not sent is a provider that is down", test_not_sent},
	{"a lost reply says that it is lost", test_lost},
	{"a success may have held a token, unless it says that it is an error", test_lost_success},
	{"a provider's words are shown cleaned, with a remedy", test_said},
	{"a secret that a provider repeats is not shown", test_echoed_secret},
	{"a long description leaves room for the remedy", test_long_description},
	{"nothing is shown of a reply that holds a token", test_token_beside_error},
	{"Retry-After is seconds or a date, at most a day", test_retry_after},
	{"Retry-After counts with any failure and with no success", test_retry_after_anywhere},
	{"a device authorization is read whole", test_device},
	{"verification_url is taken too", test_device_alias},
	{"verification_uri_complete is left out unless it is https", test_device_complete},
	{"odd lifetimes and intervals of a device code have bounds", test_device_times},
	{"a device authorization that can't be shown or used is refused", test_device_refused},
	{"a token is revoked when the provider says so or does not know it", test_revocation},
	{"when an active token ends is read; all else tells nothing", test_introspection},
	{"short memory anywhere in a token reply leaves nothing behind", test_token_memory},
	{"short memory anywhere in a device reply leaves nothing behind", test_device_memory},
	{"scopes are parted by commas where the provider does so",
		scopes_are_parted_by_commas_where_the_provider_does},
	{"the token of the person is taken where two are given",
		token_of_the_person_is_taken_where_two_are_given},
	{"the signature of a reply is checked", signature_of_a_reply_is_checked},
	{"the life of a refresh token is read where it is told",
		life_of_a_refresh_token_is_read_where_it_is_told},
	{"the words of an error are kept for hints", words_of_an_error_are_kept_for_hints},
};

TEST_MAIN(tests)
