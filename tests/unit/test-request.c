/* SPDX-License-Identifier: BSD-2-Clause */

/* The requests we send (RFC 6749, 7009, 7636, 8628), byte for byte. */

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "oauth/quirks.h"
#include "oauth/request.h"
#include "test.h"

#define URL "https://idp.example/token"

/* RFC 7636 appendix B */
static const uint8_t pkce_random[32] = {116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216,
	173, 187, 186, 22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121};
#define PKCE_VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define PKCE_CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static struct client client_of(enum client_auth auth, const char *id, const char *secret)
{
	return (struct client){
		.id = mem_strdup(id), .secret = secret_new_text(secret), .auth = auth};
}

static void check_request(
	struct exchange_request *r, bool once, const char *authorization, const char *body)
{
	CHECK_INT(r->method, EXCHANGE_POST);
	CHECK_INT(r->once, once);
	CHECK_TEXT(r->url, URL);
	CHECK_TEXT(secret_expose(r->authorization), authorization);
	CHECK_TEXT(secret_expose(r->body), body);
	exchange_request_done(r);
}

static void check_refresh(struct client client, const char *authorization, const char *body)
{
	struct secret *token = secret_new_text("rt");
	struct names scopes = {0};
	struct params none = {0};
	struct exchange_request r = {0};

	REQUIRE(names_split("api id", &scopes) == 0);
	CHECK_INT(request_refresh(URL, &client, token, &scopes, &none, &r), 0);
	check_request(&r, true, authorization, body);
	names_done(&scopes);
	secret_free(token);
	client_done(&client);
}

static void test_pkce(void)
{
	struct secret *verifier = NULL;
	struct buf challenge = BUF(100);

	REQUIRE(pkce_verifier(pkce_random, &verifier) == 0);
	CHECK_TEXT(secret_expose(verifier), PKCE_VERIFIER);
	CHECK_INT(pkce_challenge(verifier, &challenge), 0);
	CHECK_TEXT(buf_text(&challenge), PKCE_CHALLENGE);
	secret_free(verifier);
	buf_done(&challenge);
}

static void test_auth_names(void)
{
	static const char *const names[] = {"none", "client_secret_basic",
		"client_secret_basic_raw", "client_secret_post", "private_key_jwt"};
	enum client_auth auth = CLIENT_AUTH_POST;

	CHECK_INT(_CLIENT_AUTH_MAX, ELEMENTS(names));
	for (unsigned i = 0; i < ELEMENTS(names); i++) {
		CHECK_TEXT(client_auth_to_string((enum client_auth)i), names[i]);
		CHECK_INT(client_auth_from_string(names[i], &auth), 0);
		CHECK_INT(auth, i);
	}
	CHECK_INT(client_auth_from_string("client_secret_jwt", &auth), -EINVAL);
	CHECK_INT(client_auth_from_string(NULL, &auth), -EINVAL);
	CHECK_INT(auth, CLIENT_AUTH_KEY);
}

static void test_basic(void)
{
	/* The client of RFC 6749 §2.3.1. */
	check_refresh(client_of(CLIENT_AUTH_BASIC, "s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw"),
		"Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
		"grant_type=refresh_token&refresh_token=rt");
	/* "a+b:p%3Aw%25%2B" */
	check_refresh(client_of(CLIENT_AUTH_BASIC, "a b", "p:w%+"), "Basic YStiOnAlM0F3JTI1JTJC",
		"grant_type=refresh_token&refresh_token=rt");
	/* "only-id:" */
	check_refresh(client_of(CLIENT_AUTH_BASIC, "only-id", NULL),
		"Basic b25seS1pZDo=", "grant_type=refresh_token&refresh_token=rt");
}

static void test_basic_raw(void)
{
	/* "a b:p:w%+" */
	check_refresh(client_of(CLIENT_AUTH_BASIC_RAW, "a b", "p:w%+"), "Basic YSBiOnA6dyUr",
		"grant_type=refresh_token&refresh_token=rt");
}

static void test_post(void)
{
	check_refresh(client_of(CLIENT_AUTH_POST, "a b", "p:w%+"), NULL,
		"grant_type=refresh_token&refresh_token=rt&client_id=a+b&client_secret=p%3Aw%25%2B");
}

static void test_public(void)
{
	check_refresh(client_of(CLIENT_AUTH_NONE, "app", NULL), NULL,
		"grant_type=refresh_token&refresh_token=rt&client_id=app");
	check_refresh(client_of(CLIENT_AUTH_NONE, "app", "not sent"), NULL,
		"grant_type=refresh_token&refresh_token=rt&client_id=app");
}

static void test_device_authorization(void)
{
	struct client client = client_of(CLIENT_AUTH_BASIC, "app", "pw");
	struct secret *verifier = secret_new_text(PKCE_VERIFIER);
	struct names scopes = {0};
	struct params parameters = {0};
	struct exchange_request r = {0};

	REQUIRE(names_split("openid https://h/mail", &scopes) == 0);
	REQUIRE(params_add(&parameters, "prompt", "consent & more") == 0);
	CHECK_INT(request_device_authorization(
			  URL, &client, &scopes, verifier, NULL, &parameters, &r),
		0);
	check_request(&r, false, "Basic YXBwOnB3",
		"client_id=app&scope=openid+https%3A%2F%2Fh%2Fmail"
		"&code_challenge=" PKCE_CHALLENGE "&code_challenge_method=S256"
		"&prompt=consent+%26+more");
	names_done(&scopes);
	params_done(&parameters);
	CHECK_INT(request_device_authorization(
			  URL, &client, &scopes, verifier, NULL, &parameters, &r),
		0);
	check_request(&r, false, "Basic YXBwOnB3",
		"client_id=app&code_challenge=" PKCE_CHALLENGE "&code_challenge_method=S256");
	client_done(&client);
	secret_free(verifier);
}

static void test_device_authorization_post(void)
{
	struct client client = client_of(CLIENT_AUTH_POST, "app", "pw");
	struct secret *verifier = secret_new_text(PKCE_VERIFIER);
	struct names scopes = {0};
	struct params parameters = {0};
	struct exchange_request r = {0};

	CHECK_INT(request_device_authorization(
			  URL, &client, &scopes, verifier, NULL, &parameters, &r),
		0);
	check_request(&r, false, NULL,
		"client_id=app&client_secret=pw&code_challenge=" PKCE_CHALLENGE
		"&code_challenge_method=S256");
	client_done(&client);
	secret_free(verifier);
}

static void test_device_token(void)
{
	struct client client = client_of(CLIENT_AUTH_NONE, "app", NULL);
	struct secret *verifier = secret_new_text(PKCE_VERIFIER), *code = secret_new_text("4/0=x");
	struct names scopes = {0};
	struct params parameters = {0};
	struct exchange_request r = {0};

	REQUIRE(params_add(&parameters, "resource", "https://h") == 0);
	CHECK_INT(request_device_token(URL, &client, code, &scopes, verifier, &parameters, &r), 0);
	check_request(&r, true, NULL,
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
		"&device_code=4%2F0%3Dx&code_verifier=" PKCE_VERIFIER
		"&client_id=app&resource=https%3A%2F%2Fh");
	params_done(&parameters);
	client_done(&client);
	secret_free(verifier);
	secret_free(code);
}

/* The quirks of a refresh: what it says of the scopes and of the client. */
static void test_refresh_quirks(void)
{
	struct client client = client_of(CLIENT_AUTH_BASIC, "app", "pw");

	client.quirks = QUIRK_REFRESH_WITH_SCOPE;
	check_refresh(
		client, "Basic YXBwOnB3", "grant_type=refresh_token&refresh_token=rt&scope=api+id");
	client = client_of(CLIENT_AUTH_BASIC, "app", "pw");
	client.quirks = QUIRK_REFRESH_WITH_SCOPE | QUIRK_SCOPE_COMMAS | QUIRK_CLIENT_ID_IN_BODY;
	check_refresh(client, "Basic YXBwOnB3",
		"grant_type=refresh_token&refresh_token=rt&scope=api%2Cid&client_id=app");
	client = client_of(CLIENT_AUTH_POST, "app", "pw");
	client.quirks = QUIRK_SCOPE_COMMAS | QUIRK_CLIENT_ID_IN_BODY;
	check_refresh(client, NULL,
		"grant_type=refresh_token&refresh_token=rt&client_id=app&client_secret=pw");
}

static void check_device(struct client client, const char *asked, const char *polled)
{
	struct secret *verifier = secret_new_text(PKCE_VERIFIER), *code = secret_new_text("dc");
	struct names scopes = {0};
	struct params none = {0};
	struct exchange_request r = {0};

	REQUIRE(names_split("api id", &scopes) == 0);
	CHECK_INT(
		request_device_authorization(URL, &client, &scopes, verifier, NULL, &none, &r), 0);
	check_request(&r, false, "Basic YXBwOnB3", asked);
	CHECK_INT(request_device_token(URL, &client, code, &scopes, verifier, &none, &r), 0);
	check_request(&r, true, "Basic YXBwOnB3", polled);
	names_done(&scopes);
	client_done(&client);
	secret_free(verifier);
	secret_free(code);
}

#define CHALLENGE "&code_challenge=" PKCE_CHALLENGE "&code_challenge_method=S256"
#define STANDARD  "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"

static void test_device_quirks(void)
{
	static const struct {
		uint32_t quirks;
		const char *asked, *polled;
	} cases[] = {
		{QUIRK_DEVICE_RESPONSE_TYPE,
			"response_type=device_code&client_id=app&scope=api+id" CHALLENGE,
			"grant_type=device&code=dc&code_verifier=" PKCE_VERIFIER},
		{QUIRK_DEVICE_LEGACY_GRANT, "client_id=app&scope=api+id" CHALLENGE,
			"grant_type=http%3A%2F%2Foauth.net%2Fgrant_type%2Fdevice%2F1.0&code=dc"
			"&code_verifier=" PKCE_VERIFIER},
		{QUIRK_DEVICE_CODE_AS_CODE | QUIRK_SCOPE_COMMAS,
			"client_id=app&scope=api%2Cid" CHALLENGE,
			STANDARD "&device_code=dc&code=dc&code_verifier=" PKCE_VERIFIER},
		{QUIRK_DEVICE_CLIENT_ID_ONCE, "scope=api+id" CHALLENGE,
			STANDARD "&device_code=dc&code_verifier=" PKCE_VERIFIER},
		{QUIRK_NO_PKCE_DEVICE | QUIRK_CLIENT_ID_IN_BODY, "client_id=app&scope=api+id",
			STANDARD "&device_code=dc&client_id=app"},
		{QUIRK_DEVICE_SCOPES, "client_id=app&scopes=api+id" CHALLENGE,
			STANDARD "&device_code=dc&scopes=api+id&code_verifier=" PKCE_VERIFIER},
		{QUIRK_DEVICE_RESPONSE_TYPE | QUIRK_NO_PKCE_DEVICE | QUIRK_CLIENT_ID_IN_BODY,
			"response_type=device_code&client_id=app&scope=api+id",
			"grant_type=device&code=dc&client_id=app"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct client client = client_of(CLIENT_AUTH_BASIC, "app", "pw");

		client.quirks = cases[i].quirks;
		check_device(client, cases[i].asked, cases[i].polled);
	}
}

static void test_refresh_parameters(void)
{
	struct client client = client_of(CLIENT_AUTH_BASIC, "app", "pw");
	struct secret *token = secret_new_text("a+b/c=");
	struct names scopes = {0};
	struct params parameters = {0};
	struct exchange_request r = {0};

	REQUIRE(params_add(&parameters, "audience", "x") == 0);
	CHECK_INT(request_refresh(URL, &client, token, &scopes, &parameters, &r), 0);
	check_request(&r, true, "Basic YXBwOnB3",
		"grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D&audience=x");
	params_done(&parameters);
	client_done(&client);
	secret_free(token);
}

static void check_client_credentials(
	struct client client, const char *scopes, const char *authorization, const char *body)
{
	struct names list = {0};
	struct params parameters = {0};
	struct exchange_request r = {0};

	REQUIRE(names_split(scopes, &list) == 0);
	REQUIRE(params_add(&parameters, "resource", "https://h/a&b") == 0);
	CHECK_INT(request_client_credentials(URL, &client, &list, &parameters, &r), 0);
	check_request(&r, false, authorization, body);
	names_done(&list);
	params_done(&parameters);
	client_done(&client);
}

static void test_client_credentials(void)
{
	check_client_credentials(client_of(CLIENT_AUTH_BASIC, "app", "pw"), "api https://h/mail",
		"Basic YXBwOnB3",
		"grant_type=client_credentials&scope=api+https%3A%2F%2Fh%2Fmail"
		"&resource=https%3A%2F%2Fh%2Fa%26b");
	check_client_credentials(client_of(CLIENT_AUTH_BASIC_RAW, "app", "p:w%+"), "",
		"Basic YXBwOnA6dyUr",
		"grant_type=client_credentials&resource=https%3A%2F%2Fh%2Fa%26b");
	check_client_credentials(client_of(CLIENT_AUTH_POST, "app", "p&w"), "api", NULL,
		"grant_type=client_credentials&scope=api&client_id=app&client_secret=p%26w"
		"&resource=https%3A%2F%2Fh%2Fa%26b");
}

static void test_revocation(void)
{
	struct client client = client_of(CLIENT_AUTH_NONE, "app", NULL);
	struct secret *token = secret_new_text("rt");
	struct exchange_request r = {0};

	CHECK_INT(request_revocation(URL, &client, token, "refresh_token", &r), 0);
	check_request(&r, false, NULL, "token=rt&token_type_hint=refresh_token&client_id=app");
	client_done(&client);
	secret_free(token);
}

static void test_introspection(void)
{
	struct client client = client_of(CLIENT_AUTH_BASIC, "app", "pw");
	struct secret *token = secret_new_text("a+t");
	struct exchange_request r = {0};

	CHECK_INT(request_introspection(URL, &client, token, &r), 0);
	check_request(&r, false, "Basic YXBwOnB3", "token=a%2Bt&token_type_hint=access_token");
	client_done(&client);
	secret_free(token);
}

static void test_metadata(void)
{
	struct exchange_request r = {0};

	CHECK_INT(request_metadata("https://h/.well-known/x", &r), 0);
	CHECK_INT(r.method, EXCHANGE_GET);
	CHECK_TEXT(r.url, "https://h/.well-known/x");
	CHECK(!r.body && !r.authorization && !r.once);
	exchange_request_done(&r);
}

static void test_client_copy(void)
{
	struct client from = client_of(CLIENT_AUTH_POST, "app", "pw"), copy = {0};

	REQUIRE(client_copy(&from, &copy) == 0);
	CHECK_TEXT(copy.id, "app");
	CHECK(secret_equal(copy.secret, from.secret) && copy.secret != from.secret);
	CHECK_INT(copy.auth, CLIENT_AUTH_POST);
	client_done(&from);
	client_done(&from);
	client_done(&copy);
}

/* --- memory --- */

static unsigned allocations_left;

static bool fail_later(size_t size)
{
	(void)size;
	return allocations_left-- == 0;
}

static void test_memory(void)
{
	struct client client = client_of(CLIENT_AUTH_BASIC, "app", "pw");
	struct secret *verifier = secret_new_text(PKCE_VERIFIER);
	struct params parameters = {0};
	struct names scopes = {0};
	struct exchange_request r = {0};
	int e = -ENOMEM;

	REQUIRE(names_split("a b", &scopes) == 0);
	for (unsigned n = 0; e == -ENOMEM; n++) {
		REQUIRE(n < 1000);
		allocations_left = n;
		mem_set_failure(fail_later);
		e = request_device_authorization(
			URL, &client, &scopes, verifier, NULL, &parameters, &r);
		mem_set_failure(NULL);
		CHECK((e == 0) == (r.url != NULL) && (e == 0) == (r.body != NULL));
	}
	CHECK_INT(e, 0);
	CHECK(r.authorization);
	exchange_request_done(&r);
	names_done(&scopes);
	client_done(&client);
	secret_free(verifier);
}

static void test_identity(void)
{
	struct secret *token = secret_new_text("a t");
	struct exchange_request r = {0};

	REQUIRE(request_identity("https://idp.example/me", token, &r) == 0);
	CHECK_INT(r.method, EXCHANGE_GET);
	CHECK_TEXT(r.url, "https://idp.example/me");
	CHECK_TEXT(secret_expose(r.authorization), "Bearer a t");
	CHECK(!r.body && !r.once);
	exchange_request_done(&r);
	secret_free(token);
}

static const struct test tests[] = {
	{"who approved is asked with the access token in the header", test_identity},
	{"PKCE gives what RFC 7636 appendix B gives", test_pkce},
	{"each way of client authentication has its registered name", test_auth_names},
	{"Basic encodes id and secret as a form first, and leaves both out of the body",
		test_basic},
	{"raw Basic does not", test_basic_raw},
	{"a client that posts its secret sends id and secret in the body", test_post},
	{"a public client sends its id and never a secret", test_public},
	{"a device authorization request has client_id in the body, also beside Basic",
		test_device_authorization},
	{"a device authorization request of a posting client has each once",
		test_device_authorization_post},
	{"a poll sends device code and verifier, once", test_device_token},
	{"a refresh sends the added parameters and no scope, once", test_refresh_parameters},
	{"the quirks of a refresh change its scope and client_id", test_refresh_quirks},
	{"the quirks of the device flow change its words", test_device_quirks},
	{"client credentials send the scopes and the added parameters, and may be sent again",
		test_client_credentials},
	{"a revocation sends token and hint", test_revocation},
	{"a token is asked about as the client that holds it, and is not spent",
		test_introspection},
	{"metadata is asked for without a body", test_metadata},
	{"a copied client shares nothing", test_client_copy},
	{"short memory anywhere leaves nothing behind", test_memory},
};

TEST_MAIN(tests)
