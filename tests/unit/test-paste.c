/* SPDX-License-Identifier: BSD-2-Clause */

/* The authorization URL, and the address that a person brings back (RFC 6749 §4.1, 7636, 8707,
 * 9207). */

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/paste.h"
#include "test.h"

#define OPEN   "https://idp.example/authorize"
#define CB     "http://localhost:1717/callback"
#define ISSUER "https://idp.example"

/* RFC 7636 appendix B */
#define PKCE_VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define PKCE_CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

/* --- the address to open --- */

static void check_url(const char *endpoint, const char *want)
{
	struct secret *state = secret_new_text("xyz");
	struct buf url = BUF(PASTE_MAX);

	CHECK_INT(paste_url(endpoint, "app", CB, NULL, state, NULL, NULL, NULL, NULL, &url), 0);
	CHECK_TEXT(buf_text(&url), want);
	buf_done(&url);
	secret_free(state);
}

static void test_url(void)
{
	struct secret *state = secret_new_text("af0/+=");
	struct secret *verifier = secret_new_text(PKCE_VERIFIER);
	struct secret *nonce = secret_new_text("n-0S6");
	struct names scopes = {0}, resources = {0};
	struct params parameters = {0};
	struct buf url = BUF(PASTE_MAX);

	REQUIRE(names_split("openid https://h/mail", &scopes) == 0);
	REQUIRE(names_split("https://a.example https://b.example/c", &resources) == 0);
	REQUIRE(params_add(&parameters, "prompt", "consent + more&") == 0);
	CHECK_INT(paste_url(OPEN, "a b", CB, &scopes, state, verifier, nonce, &resources,
			  &parameters, &url),
		0);
	CHECK_TEXT(buf_text(&url),
		OPEN "?response_type=code&client_id=a%20b"
		     "&redirect_uri=http%3A%2F%2Flocalhost%3A1717%2Fcallback"
		     "&scope=openid%20https%3A%2F%2Fh%2Fmail&state=af0%2F%2B%3D"
		     "&code_challenge=" PKCE_CHALLENGE "&code_challenge_method=S256&nonce=n-0S6"
		     "&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example%2Fc"
		     "&prompt=consent%20%2B%20more%26");
	buf_done(&url);
	names_done(&scopes);
	names_done(&resources);
	params_done(&parameters);
	secret_free(state);
	secret_free(verifier);
	secret_free(nonce);
}

#define ASKED \
	"response_type=code&client_id=app" \
	"&redirect_uri=http%3A%2F%2Flocalhost%3A1717%2Fcallback&state=xyz"

static void test_url_query(void)
{
	check_url(OPEN, OPEN "?" ASKED);
	check_url(OPEN "?", OPEN "?" ASKED);
	check_url(OPEN "?tenant=a%2Fb", OPEN "?tenant=a%2Fb&" ASKED);
	check_url(OPEN "?tenant=a&", OPEN "?tenant=a&" ASKED);
}

static void test_url_too_long(void)
{
	struct secret *state = secret_new_text("xyz");
	struct buf url = BUF(60);

	CHECK_INT(paste_url(OPEN, "app", CB, NULL, state, NULL, NULL, NULL, NULL, &url), -EMSGSIZE);
	CHECK_TEXT(buf_text(&url), "");
	buf_done(&url);
	secret_free(state);
}

/* --- the address it ends at --- */

struct paste {
	const char *text;
	const char *want; /* the code, or what the fault says */
	enum fault_kind kind;
};

#define STATE "xyz-1"
#define AND   "&state=" STATE

static int read_text(const char *text, size_t len, const struct paste_expect *expect,
	struct secret **ret, struct fault *reterr)
{
	/* A block of just that size, so that a sanitizer sees a byte read past it. */
	char *copy = mem_alloc(len);
	int r;

	REQUIRE(copy);
	memcpy(copy, text, len);
	r = paste_read(copy, len, expect, ret, reterr);
	mem_free(copy);
	return r;
}

static void check_paste(const struct paste *p, size_t len, struct paste_expect expect)
{
	struct secret *state = secret_new_text(STATE), *code = NULL;
	struct fault fault = {.kind = FAULT_NONE};
	int r;

	expect.state = state;
	r = read_text(p->text, len, &expect, &code, &fault);
	if (fault.kind != p->kind)
		TEST_FAIL("%.200s: %s, not %s", p->text, fault_kind_to_string(fault.kind),
			fault_kind_to_string(p->kind));
	if (p->kind == FAULT_NONE) {
		CHECK_INT(r, 0);
		CHECK_TEXT(secret_expose(code), p->want);
	} else {
		CHECK_INT(r, -EBADMSG);
		CHECK(!code);
		if (!strstr(fault.detail, p->want))
			TEST_FAIL("\"%s\" does not say \"%s\"", fault.detail, p->want);
	}
	secret_free(code);
	secret_free(state);
}

static void check_pastes(const struct paste *p, size_t n, struct paste_expect expect)
{
	for (size_t i = 0; i < n; i++)
		check_paste(&p[i], strlen(p[i].text), expect);
}

static void test_shapes(void)
{
	static const struct paste pastes[] = {
		{CB "?code=abc" AND, "abc", FAULT_NONE},
		{CB "?state=" STATE "&code=abc&scope=a+b&authuser=0", "abc", FAULT_NONE},
		{"localhost:1717/callback?code=abc" AND, "abc", FAULT_NONE},
		{"?code=abc" AND, "abc", FAULT_NONE},
		{"code=abc" AND, "abc", FAULT_NONE},
		{"state=" STATE "&code=abc", "abc", FAULT_NONE},
		{CB "?code=abc" AND "#_=_", "abc", FAULT_NONE},
		{"code=abc" AND "#_=_", "abc", FAULT_NONE},
		{CB "?code=abc" AND "#section", "abc", FAULT_NONE},
		{CB "#code=abc" AND, "abc", FAULT_NONE},
		{CB "?#code=abc" AND, "abc", FAULT_NONE},
		{"localhost:1717/callback#code=abc" AND, "abc", FAULT_NONE},
		{"#code=abc" AND, "abc", FAULT_NONE},
		{CB "?code=abc" AND "#code=other" AND, "abc", FAULT_NONE},
		{CB "?&&code=abc&" AND "&", "abc", FAULT_NONE},
	};

	check_pastes(pastes, ELEMENTS(pastes), (struct paste_expect){0});
}

static void test_blanks(void)
{
	static const struct paste pastes[] = {
		{" \t" CB "?code=abc" AND " \r\n\n", "abc", FAULT_NONE},
		{CB "?code=a\nbc" AND, "abc", FAULT_NONE},
		{CB "?code=a \r\n\t  bc&sta\nte=" STATE "\n", "abc", FAULT_NONE},
		{CB "?code=%\n3D" AND, "=", FAULT_NONE},
		{CB "?code=a bc" AND, "blank", FAULT_NEEDS_APPROVAL},
		{CB "?code=a\tbc" AND, "blank", FAULT_NEEDS_APPROVAL},
	};

	check_pastes(pastes, ELEMENTS(pastes), (struct paste_expect){0});
}

static void test_decoding(void)
{
	static const struct paste pastes[] = {
		/* Salesforce, then Google */
		{CB "?code=aPrx.9_%3D%3D" AND, "aPrx.9_==", FAULT_NONE},
		{CB "?code=4%2F0Ab" AND, "4/0Ab", FAULT_NONE},
		{CB "?code=4/0Ab==" AND, "4/0Ab==", FAULT_NONE},
		{CB "?code=a%2bb%2Bc" AND, "a+b+c", FAULT_NONE},
		{CB "?code=a+b" AND, "a b", FAULT_NONE},
		{CB "?c%6Fde=abc&state=xyz%2D1", "abc", FAULT_NONE},
		{CB "?code=100%25" AND, "100%", FAULT_NONE},
		{CB "?code=a%253D%253D" AND, "encoded twice", FAULT_NEEDS_APPROVAL},
		{CB "?code=4%252f0Ab" AND, "encoded twice", FAULT_NEEDS_APPROVAL},
		{CB "?code=a%3" AND, "damaged", FAULT_NEEDS_APPROVAL},
		{CB "?code=a%zz" AND, "damaged", FAULT_NEEDS_APPROVAL},
		{CB "?code=a%00b" AND, "characters", FAULT_NEEDS_APPROVAL},
		{CB "?code=a%0Ab" AND, "characters", FAULT_NEEDS_APPROVAL},
		{CB "?code=a%C3%A9" AND, "characters", FAULT_NEEDS_APPROVAL},
		{CB "?code=a\xc3\xa9" AND, "characters", FAULT_NEEDS_APPROVAL},
	};

	check_pastes(pastes, ELEMENTS(pastes), (struct paste_expect){0});
}

static void test_refused(void)
{
	static const struct paste pastes[] = {
		{"", "nothing was pasted", FAULT_NEEDS_APPROVAL},
		{" \n ", "nothing was pasted", FAULT_NEEDS_APPROVAL},
		{"#_=_", "no code", FAULT_NEEDS_APPROVAL},
		{CB, "no code", FAULT_NEEDS_APPROVAL},
		{CB "?", "no code", FAULT_NEEDS_APPROVAL},
		{CB "?code=" AND, "no code", FAULT_NEEDS_APPROVAL},
		{CB "?code" AND, "no code", FAULT_NEEDS_APPROVAL},
		{CB "?codes=abc" AND, "no code", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc&code=abc" AND, "code twice", FAULT_NEEDS_APPROVAL},
		{CB "?code=&code=abc" AND, "code twice", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc" AND "&st%61te=" STATE, "state twice", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc" AND "&iss=a&iss=a", "iss twice", FAULT_NEEDS_APPROVAL},
		{CB "?error=a&error=b" AND, "error twice", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc" AND "\x1b[201~", "control characters", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc\x7f" AND, "control characters", FAULT_NEEDS_APPROVAL},
		{OPEN "?" ASKED, "address to open, not the one it ends at", FAULT_NEEDS_APPROVAL},
	};
	static const char nul[] = CB "?code=abc" AND "\0x";
	const struct paste with_nul = {nul, "control characters", FAULT_NEEDS_APPROVAL};

	check_pastes(pastes, ELEMENTS(pastes), (struct paste_expect){.code_only = true});
	check_paste(&with_nul, sizeof(nul) - 1, (struct paste_expect){0});
}

static void test_length(void)
{
	static const char start[] = CB "?state=" STATE "&code=";
	static char text[PASTE_MAX + 2];
	const struct paste too_long = {text, "64 KiB", FAULT_NEEDS_APPROVAL};
	struct paste longest = {text, text + strlen(start), FAULT_NONE};

	memcpy(text, start, strlen(start));
	for (size_t i = strlen(start); i <= PASTE_MAX; i++)
		text[i] = 'a';
	check_paste(&too_long, PASTE_MAX + 1, (struct paste_expect){0});
	text[PASTE_MAX] = '\0';
	check_paste(&longest, PASTE_MAX, (struct paste_expect){0});
}

static void test_state(void)
{
	static const struct paste pastes[] = {
		{CB "?code=abc&state=xyz-2", "another login", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc&state=xyz-", "another login", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc&state=xyz-11", "another login", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc&state=XYZ-1", "another login", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc&state=xyz%252D1", "another login", FAULT_NEEDS_APPROVAL},
		{CB "?error=access_denied&state=xyz-2", "another login", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc", "no state", FAULT_NEEDS_APPROVAL},
		{"code=abc", "no state", FAULT_NEEDS_APPROVAL},
		{CB "?code=abc&state=", "no state", FAULT_NEEDS_APPROVAL},
	};

	check_pastes(pastes, ELEMENTS(pastes), (struct paste_expect){.code_only = true});
}

static void test_state_unknown(void)
{
	const struct paste_expect expect = {.state = NULL};
	struct fault fault = {.kind = FAULT_NONE};
	struct secret *code = NULL;

	CHECK_INT(read_text("code=a&state=b", 14, &expect, &code, &fault), -EBADMSG);
	CHECK_INT(fault.kind, FAULT_NEEDS_APPROVAL);
	CHECK(!code);
}

#define ISS "&iss=https%3A%2F%2Fidp.example"

static void test_issuer(void)
{
	static const struct paste known[] = {
		{CB "?code=abc" AND ISS, "abc", FAULT_NONE},
		{CB "?code=abc" AND, "abc", FAULT_NONE},
		{CB "?code=abc" AND ISS "%2F", "mix-up", FAULT_PROTOCOL},
		{CB "?code=abc" AND "&iss=https://evil.example", "mix-up", FAULT_PROTOCOL},
		{CB "?code=abc" AND "&iss=https://evil.example",
			"\"https://evil.example\", not of \"https://idp.example\"", FAULT_PROTOCOL},
		{CB "?error=access_denied" AND "&iss=https://evil.example", "mix-up",
			FAULT_PROTOCOL},
	};
	static const struct paste required[] = {
		{CB "?code=abc" AND ISS, "abc", FAULT_NONE},
		{CB "?code=abc" AND, "no iss", FAULT_PROTOCOL},
		{CB "?code=abc" AND "&iss=", "no iss", FAULT_PROTOCOL},
		{CB "?code=abc" AND "&iss=https://evil.example", "mix-up", FAULT_PROTOCOL},
		{CB "?error=access_denied" AND, "access_denied", FAULT_DENIED},
		{"abc", "names itself", FAULT_NEEDS_APPROVAL},
	};
	static const struct paste unknown[] = {
		{CB "?code=abc" AND ISS, "abc", FAULT_NONE},
	};

	check_pastes(known, ELEMENTS(known), (struct paste_expect){.issuer = ISSUER});
	check_pastes(required, ELEMENTS(required),
		(struct paste_expect){.issuer = ISSUER, .iss_required = true, .code_only = true});
	check_pastes(unknown, ELEMENTS(unknown), (struct paste_expect){0});
}

static void test_bare_code(void)
{
	static const struct paste allowed[] = {
		{" abc\n", "abc", FAULT_NONE},
		{"aPrx.9_==", "aPrx.9_==", FAULT_NONE},
		{"aPrx.9_%3D%3D", "aPrx.9_==", FAULT_NONE},
		{"4/0Ab+c", "4/0Ab+c", FAULT_NONE},
		{"4%2F0A\nb%2Bc#_=_", "4/0Ab+c", FAULT_NONE},
		{CB "?code=abc" AND, "abc", FAULT_NONE},
		{"a%253D", "encoded twice", FAULT_NEEDS_APPROVAL},
		{"a b", "blank", FAULT_NEEDS_APPROVAL},
		{"a%", "damaged", FAULT_NEEDS_APPROVAL},
		{CB, "no code", FAULT_NEEDS_APPROVAL},
	};
	static const struct paste refused[] = {
		{"abc", "a code alone", FAULT_NEEDS_APPROVAL},
		{"aPrx.9_==", "a code alone", FAULT_NEEDS_APPROVAL},
	};

	check_pastes(allowed, ELEMENTS(allowed), (struct paste_expect){.code_only = true});
	check_pastes(refused, ELEMENTS(refused), (struct paste_expect){0});
}

/* --- errors --- */

static void test_denied(void)
{
	static const struct paste pastes[] = {
		{CB "?error=access_denied&error_description=end-user+denied+authorization" AND,
			"access_denied: \"end-user denied authorization\"; log in again",
			FAULT_DENIED},
		{CB "?error=access-denied" AND, "access-denied; log in again", FAULT_DENIED},
		{"#error=access_denied" AND, "access_denied; log in again", FAULT_DENIED},
		{"error=access_denied", "access_denied; log in again", FAULT_DENIED},
		{CB "?error=access_denied&error_description=50%25%1B%5B2J%0Aoff%" AND,
			"\"50%?[2J?off%\"", FAULT_DENIED},
	};

	check_pastes(pastes, ELEMENTS(pastes), (struct paste_expect){0});
}

static void test_errors(void)
{
	static const struct paste pastes[] = {
		{CB "?error=invalid_scope" AND, "scopes", FAULT_MISCONFIGURED},
		{CB "?error=unauthorized_client" AND, "client_id", FAULT_MISCONFIGURED},
		{CB "?error=unsupported_response_type" AND, "flow", FAULT_MISCONFIGURED},
		{CB "?error=invalid_request" AND, "redirect_uri", FAULT_MISCONFIGURED},
		{CB "?error=invalid_target" AND, "resource", FAULT_MISCONFIGURED},
		{CB "?error=login_required" AND, "prompt=none", FAULT_MISCONFIGURED},
		{CB "?error=server_error" AND, "later", FAULT_TRANSIENT},
		{CB "?error=temporarily_unavailable" AND, "later", FAULT_TRANSIENT},
		{CB "?error=E-1&error_description=so+so" AND, "E-1: \"so so\"; look the word up",
			FAULT_PROTOCOL},
		{CB "?code=abc&error=server_error" AND, "later", FAULT_TRANSIENT},
	};

	check_pastes(pastes, ELEMENTS(pastes), (struct paste_expect){0});
}

/* Of https://acme.my.salesforce.com, and of any other host with such a page. */
#define PAGE "https://login.example/setup/secur/RemoteAccessErrorPage.apexp?error="

static void test_error_pages(void)
{
	static const struct paste pastes[] = {
		{PAGE "invalid_client&error_description=app+must+be+installed+into+org",
			"app must be installed into org\"; an administrator has to install",
			FAULT_MISCONFIGURED},
		{PAGE "OAUTH_APPROVAL_ERROR_GENERIC&error_description=An+unexpected+error",
			"may use the app", FAULT_MISCONFIGURED},
		{PAGE "OAUTH_APP_ACCESS_DENIED&error_description="
		      "user+is+not+admin+approved+to+access+this+app",
			"administrator has to allow", FAULT_DENIED},
		{PAGE "OAUTH_APP_ACCESS_DENIED", "administrator has to allow", FAULT_DENIED},
		{PAGE "redirect_uri_mismatch&error_description="
		      "redirect_uri%20must%20match%20configuration",
			"byte for byte", FAULT_MISCONFIGURED},
		{PAGE "invalid_scope&error_description=the+requested+scope+is+not+allowed",
			"these scopes", FAULT_MISCONFIGURED},
		{PAGE "OAUTH_DISALLOWED_SCOPES", "these scopes", FAULT_MISCONFIGURED},
		{PAGE "invalid_client_id&error_description=client+identifier+invalid", "client_id",
			FAULT_MISCONFIGURED},
	};

	check_pastes(pastes, ELEMENTS(pastes),
		(struct paste_expect){.issuer = ISSUER, .iss_required = true});
}

/* The one setting of ours that is meant is repeated, as far as it fits. */
static void test_refused_scopes_are_named(void)
{
	struct names scopes = {0}, many = {0};
	static const struct paste few[] = {
		{CB "?error=invalid_scope" AND, "take them out of scopes: api id refresh_token",
			FAULT_MISCONFIGURED},
		{PAGE "OAUTH_DISALLOWED_SCOPES", "out of scopes: api id refresh_token",
			FAULT_MISCONFIGURED},
	};
	static const struct paste cut[] = {
		{"error=invalid_scope&error_description=invalid_scope+"
		 "0000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "0000000000000000000000000000000000000000000000000000000000000000000000000000000000",
			": s10 s11 s12 s13 s14 s15 s16 s17 s18 s19 s20 s21 s22 s23 s24 s25 s26 s27 "
			"s28 s2",
			FAULT_MISCONFIGURED},
	};
	static const struct paste other[] = {{CB "?error=access_denied" AND,
		"the provider answered access_denied; log in again; if nobody refused, the "
		"approver may not use the app: check its permissions and network rules",
		FAULT_DENIED}};

	REQUIRE(names_split("api id refresh_token", &scopes) == 0);
	REQUIRE(names_split("s10 s11 s12 s13 s14 s15 s16 s17 s18 s19 s20 s21 s22 s23 s24 s25 s26 "
			    "s27 s28 s29 s30",
			&many) == 0);
	check_pastes(few, ELEMENTS(few), (struct paste_expect){.scopes = &scopes});
	check_pastes(other, ELEMENTS(other), (struct paste_expect){.scopes = &scopes});
	check_pastes(cut, ELEMENTS(cut), (struct paste_expect){.scopes = &many});
	names_done(&scopes);
	names_done(&many);
}

/* Each error's fault with words as long as a fault shows them: the remedy is still there whole. */
static void test_remedy_fits(void)
{
	static const struct {
		const char *error, *end;
	} errors[] = {
		{"access_denied", "network rules"},
		{"OAUTH_APP_ACCESS_DENIED", "log in again"},
		{"OAUTH_APPROVAL_ERROR_GENERIC", "callback address and scopes"},
		{"invalid_scope", "out of scopes"},
		{"application_suspended", "another client_id"},
		{"app+must+be+installed+into+org", "then log in again"},
	};
	struct secret *state = secret_new_text(STATE), *code = NULL;
	const struct paste_expect expect = {.state = state};

	for (size_t i = 0; i < ELEMENTS(errors); i++) {
		struct fault fault = {.kind = FAULT_NONE};
		struct buf text = BUF(PASTE_MAX);

		REQUIRE(buf_printf(&text, "error=%s&error_description=%s+%0500d", errors[i].error,
				errors[i].error, 0) == 0);
		CHECK_INT(read_text(text.data, text.len, &expect, &code, &fault), -EBADMSG);
		CHECK(text_starts(fault.detail, "the provider answered "));
		if (!strstr(fault.detail, errors[i].end) ||
			strlen(strstr(fault.detail, errors[i].end)) != strlen(errors[i].end))
			TEST_FAIL("\"%s\" does not end in \"%s\"", fault.detail, errors[i].end);
		buf_done(&text);
	}
	secret_free(state);
}

static void test_secrecy(void)
{
	static const char *const texts[] = {
		"code=S3cr3t%253D" AND,
		"code=S3cr3t&state=other",
		"code=S3cr3t&code=S3cr3t" AND,
		"code=S3cr3t%" AND,
		"code=S3cr3t&error=S3cr3t" AND,
		"code=S3cr3t&error=x&error_description=spent+S3cr3t+now" AND,
		"error=x&error_description=of+" STATE,
		"code=S3cr3t&iss=S3cr3t" AND,
		"S3cr3t",
	};
	struct secret *state = secret_new_text(STATE), *code = NULL;
	const struct paste_expect expect = {.state = state, .issuer = ISSUER};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct fault fault = {.kind = FAULT_NONE};

		CHECK_INT(read_text(texts[i], strlen(texts[i]), &expect, &code, &fault), -EBADMSG);
		if (!*fault.detail || strstr(fault.detail, "S3cr3t") || strstr(fault.detail, STATE))
			TEST_FAIL("%s: \"%s\"", texts[i], fault.detail);
	}
	secret_free(state);
}

/* --- memory --- */

static unsigned allocations_left;

static bool fail_later(size_t size)
{
	(void)size;
	return allocations_left-- == 0;
}

static void test_memory_url(void)
{
	struct secret *state = secret_new_text(STATE);
	struct secret *verifier = secret_new_text(PKCE_VERIFIER);
	struct names scopes = {0};
	struct buf url = BUF(PASTE_MAX);
	int r = -ENOMEM;

	REQUIRE(names_split("a b", &scopes) == 0);
	for (unsigned n = 0; r == -ENOMEM; n++) {
		REQUIRE(n < 100);
		buf_done(&url);
		allocations_left = n;
		mem_set_failure(fail_later);
		r = paste_url(OPEN, "app", CB, &scopes, state, verifier, NULL, NULL, NULL, &url);
		mem_set_failure(NULL);
		CHECK((r == 0) == (url.len > 0));
	}
	CHECK_INT(r, 0);
	buf_done(&url);
	names_done(&scopes);
	secret_free(state);
	secret_free(verifier);
}

static void test_memory_read(void)
{
	static const char *const texts[] = {CB "?code=abc" AND ISS, "abc"};
	struct secret *state = secret_new_text(STATE);
	const struct paste_expect expect = {.state = state, .issuer = ISSUER, .code_only = true};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct fault fault = {.kind = FAULT_NONE};
		struct secret *code = NULL;
		int r = -ENOMEM;

		for (unsigned n = 0; r == -ENOMEM; n++) {
			REQUIRE(n < 100);
			allocations_left = n;
			mem_set_failure(fail_later);
			r = paste_read(texts[i], strlen(texts[i]), &expect, &code, &fault);
			mem_set_failure(NULL);
			CHECK((r == 0) == (code != NULL));
		}
		CHECK_INT(r, 0);
		CHECK_INT(fault.kind, FAULT_NONE);
		secret_free(code);
	}
	secret_free(state);
}

static const struct test tests[] = {
	{"the address to open has what RFC 6749, 7636 and 8707 ask for, blanks as %20", test_url},
	{"a query that the endpoint has stays in front", test_url_query},
	{"an address longer than there is room for is not begun", test_url_too_long},
	{"the whole address, its query or its fragment gives the code", test_shapes},
	{"blanks around the paste and line breaks in it do not count", test_blanks},
	{"a code is decoded exactly once, and one encoded twice is told", test_decoding},
	{"what can't be an answer is refused with the reason", test_refused},
	{"a paste of 64 KiB is read, a longer one is refused", test_length},
	{"an answer without our state, or with another, gives no code", test_state},
	{"where no state is known, none fits", test_state_unknown},
	{"iss is compared when there, and required when announced", test_issuer},
	{"a bare code is taken only where it is allowed", test_bare_code},
	{"a refusal is denied, with the provider's words cleaned", test_denied},
	{"an error is told with what to change", test_errors},
	{"the address of a provider's error page is understood without state", test_error_pages},
	{"scopes that are refused are named", test_refused_scopes_are_named},
	{"long words of a provider leave room for the remedy", test_remedy_fits},
	{"no fault shows code or state", test_secrecy},
	{"short memory leaves no half address", test_memory_url},
	{"short memory leaves no code", test_memory_read},
};

TEST_MAIN(tests)
