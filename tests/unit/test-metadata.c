/* SPDX-License-Identifier: BSD-2-Clause */

/* Metadata documents (RFC 8414, OpenID Connect Discovery 1.0) and the addresses in them. */

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "oauth/metadata.h"
#include "test.h"

#define ISSUER "https://idp.example"

static struct exchange_reply reply_of(int status, const char *body)
{
	return (struct exchange_reply){
		.outcome = EXCHANGE_REPLIED,
		.status = status,
		.body = {.data = (char *)(uintptr_t)body, .len = strlen(body)},
		.content_type = "application/json",
	};
}

/* --- addresses --- */

static void check_url(const char *issuer, enum metadata_document document, const char *want)
{
	struct buf url = BUF(200);

	CHECK_INT(metadata_url(issuer, document, &url), 0);
	CHECK_TEXT(buf_text(&url), want);
	buf_done(&url);
}

static void test_oauth_url(void)
{
	check_url("https://h", METADATA_OAUTH, "https://h/.well-known/oauth-authorization-server");
	check_url("https://h/", METADATA_OAUTH, "https://h/.well-known/oauth-authorization-server");
	check_url("https://h:8443/a", METADATA_OAUTH,
		"https://h:8443/.well-known/oauth-authorization-server/a");
	check_url("https://h/a/b/", METADATA_OAUTH,
		"https://h/.well-known/oauth-authorization-server/a/b");
}

static void test_openid_url(void)
{
	check_url("https://h", METADATA_OPENID, "https://h/.well-known/openid-configuration");
	check_url("https://h/", METADATA_OPENID, "https://h/.well-known/openid-configuration");
	check_url("https://h/a/", METADATA_OPENID, "https://h/a/.well-known/openid-configuration");
	check_url(
		"https://h/a//", METADATA_OPENID, "https://h/a//.well-known/openid-configuration");
}

static void test_url_too_long(void)
{
	struct buf url = BUF(30);

	CHECK_INT(metadata_url("https://h", METADATA_OAUTH, &url), -EMSGSIZE);
	buf_done(&url);
}

static void test_https_url(void)
{
	static const char *const good[] = {"https://h", "https://h/", "https://h.example/a/b?c=d&e",
		"https://localhost:1717/x", "https://127.0.0.1/x", "https://[::1]:8443/x",
		"https://[2001:db8::1]", "https://h?x", "https://a-b_c.example:65535/%20~!*'();@"};
	static const char *const bad[] = {"", "h", "http://h/", "HTTPS://h/", "https:/h",
		"https://", "https:///a", "https://?x", "https://:443/", "https://h:/",
		"https://h:0/", "https://h:65536/", "https://h:443443/", "https://h:4x/",
		"https://u@h/", "https://u:p@h/", "https://h/#a", "https://h#", "https://h/a b",
		"https://h/\ta", "https://h/\n", "https://h/\x7f", "https://h/\xc3\xa4",
		"https://\xc3\xa4.example/", "https://h\\@evil/", "https://h/{tenant}",
		"https://h/\"", "https://[::1", "https://[]/", "https://[::g]/", "https://[::1]x/",
		"https://.h/", "https://-h/", "https://a..b/", "https://%68/", "https://h,i/"};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		if (!metadata_is_https_url(good[i]))
			TEST_FAIL("refused: %s", good[i]);
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		if (metadata_is_https_url(bad[i]))
			TEST_FAIL("taken: %s", bad[i]);
	CHECK(!metadata_is_https_url(NULL));
}

static void test_long_url(void)
{
	char url[METADATA_URL_MAX + 2];

	memset(url, 'a', sizeof(url));
	memcpy(url, "https://h/", strlen("https://h/"));
	url[METADATA_URL_MAX] = '\0';
	CHECK(metadata_is_https_url(url));
	url[METADATA_URL_MAX] = 'a';
	url[METADATA_URL_MAX + 1] = '\0';
	CHECK(!metadata_is_https_url(url));
}

static void test_web_address(void)
{
	CHECK(metadata_is_web_address("https://h/start/#/device?user_code=AB"));
	CHECK(metadata_is_web_address("https://h#x"));
	CHECK(metadata_is_web_address("http://h/"));
	CHECK(!metadata_is_web_address("ftp://h/"));
	CHECK(!metadata_is_web_address("javascript:alert(1)"));
	CHECK(!metadata_is_web_address("https://u@h/#x"));
	CHECK(!metadata_is_web_address(NULL));
}

/* --- documents --- */

static const char whole_document[] =
	"{\"issuer\":\"" ISSUER "\","
	"\"token_endpoint\":\"https://idp.example/token\","
	"\"device_authorization_endpoint\":\"https://idp.example/device\","
	"\"revocation_endpoint\":\"https://idp.example/revoke\","
	"\"introspection_endpoint\":\"https://idp.example/introspect\","
	"\"userinfo_endpoint\":\"https://idp.example/userinfo\"}";

static void test_document(void)
{
	struct exchange_reply reply = reply_of(200, whole_document);
	struct metadata m = {0};
	uint64_t lifetime = 0;

	REQUIRE(metadata_parse(ISSUER, &reply, &m, &lifetime, NULL) == 0);
	CHECK_TEXT(m.token, "https://idp.example/token");
	CHECK_TEXT(m.device_authorization, "https://idp.example/device");
	CHECK_TEXT(m.revocation, "https://idp.example/revoke");
	CHECK_TEXT(m.introspection, "https://idp.example/introspect");
	CHECK_TEXT(m.userinfo, "https://idp.example/userinfo");
	CHECK_INT(lifetime, USEC_PER_HOUR);
	metadata_done(&m);
	metadata_done(&m);
}

static void test_odd_endpoints(void)
{
	struct exchange_reply reply = reply_of(200,
		"{\"issuer\":\"" ISSUER "\",\"token_endpoint\":\"http://idp.example/token\","
		"\"revocation_endpoint\":7,\"userinfo_endpoint\":null,"
		"\"introspection_endpoint\":\"https://u:p@idp.example/\","
		"\"device_authorization_endpoint\":[\"https://idp.example/device\"]}");
	struct metadata m = {0};
	uint64_t lifetime = 0;

	REQUIRE(metadata_parse(ISSUER, &reply, &m, &lifetime, NULL) == 0);
	CHECK(!m.token && !m.device_authorization && !m.revocation && !m.introspection &&
		!m.userinfo);
	metadata_done(&m);
}

static void test_lifetime(void)
{
	static const struct {
		const char *cache_control;
		uint64_t usec;
	} cases[] = {
		{"", USEC_PER_HOUR},
		{"no-cache", USEC_PER_HOUR},
		{"max-age=600", 600 * USEC_PER_S},
		{"public, Max-Age=7200 , must-revalidate", 7200 * USEC_PER_S},
		{"max-age=0", 5 * USEC_PER_MIN},
		{"max-age=86400", USEC_PER_DAY},
		{"max-age=31536000", USEC_PER_DAY},
		{"max-age=99999999999999999999999", USEC_PER_DAY},
		{"max-age=18446744073709551615", USEC_PER_DAY},
		{"max-age=-1", USEC_PER_HOUR},
		{"s-maxage=600", USEC_PER_HOUR},
		{",,,", USEC_PER_HOUR},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct exchange_reply reply = reply_of(200, whole_document);
		struct metadata m = {0};
		uint64_t lifetime = 0;

		(void)snprintf(reply.cache_control, sizeof(reply.cache_control), "%s",
			cases[i].cache_control);
		CHECK_INT(metadata_parse(ISSUER, &reply, &m, &lifetime, NULL), 0);
		if (lifetime != cases[i].usec)
			TEST_FAIL("\"%s\" gives %" PRIu64, cases[i].cache_control, lifetime);
		metadata_done(&m);
	}
}

struct refusal {
	int status;
	const char *type;
	const char *body;
	int r;
	enum fault_kind kind;
};

static void check_refusal(const struct refusal *c)
{
	struct exchange_reply reply = reply_of(c->status, c->body);
	struct fault fault = {.kind = FAULT_NONE};
	struct metadata m = {0};
	uint64_t lifetime = 7;
	int r;

	(void)snprintf(reply.content_type, sizeof(reply.content_type), "%s", c->type);
	r = metadata_parse(ISSUER, &reply, &m, &lifetime, &fault);
	if (r != c->r || fault.kind != c->kind)
		TEST_FAIL("%d %.40s: %d %s \"%s\"", c->status, c->body, r,
			fault_kind_to_string(fault.kind), fault.detail);
	CHECK(!m.token && lifetime == 7);
	CHECK((fault.kind == FAULT_NONE) == (fault.detail[0] == '\0'));
	metadata_done(&m);
}

static void test_absent(void)
{
	static const struct refusal cases[] = {
		{404, "text/html", "<html>", -ENOENT, FAULT_NONE},
		{405, "", "", -ENOENT, FAULT_NONE},
		{410, "", "", -ENOENT, FAULT_NONE},
		{501, "", "", -ENOENT, FAULT_NONE},
		{401, "application/json", "{\"error\":\"invalid_token\"}", -ENOENT, FAULT_NONE},
		{403, "", "", -ENOENT, FAULT_NONE},
		{302, "", "", -ENOENT, FAULT_NONE},
		{200, "text/html", "<html>Welcome</html>", -ENOENT, FAULT_NONE},
		{200, "", "", -ENOENT, FAULT_NONE},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		check_refusal(&cases[i]);
}

static void test_refused(void)
{
	static const struct refusal cases[] = {
		{429, "", "", -EBADMSG, FAULT_THROTTLED},
		{500, "", "", -EBADMSG, FAULT_PROVIDER_DOWN},
		{503, "text/html", "<html>", -EBADMSG, FAULT_PROVIDER_DOWN},
		{408, "", "", -EBADMSG, FAULT_PROVIDER_DOWN},
		{200, "application/json", "{\"issuer\":", -EBADMSG, FAULT_PROTOCOL},
		{200, "application/json", "{\"issuer\":\"a\",\"issuer\":\"b\"}", -EBADMSG,
			FAULT_PROTOCOL},
		{200, "application/json", "[]", -EBADMSG, FAULT_PROTOCOL},
		{200, "application/json", "{}", -EBADMSG, FAULT_PROTOCOL},
		{200, "application/json", "{\"issuer\":{}}", -EBADMSG, FAULT_PROTOCOL},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		check_refusal(&cases[i]);
}

static void test_issuer(void)
{
	static const struct refusal cases[] = {
		{200, "application/json", "{\"issuer\":\"https://idp.example/\"}", -EBADMSG,
			FAULT_MISCONFIGURED},
		{200, "application/json", "{\"issuer\":\"https://IDP.example\"}", -EBADMSG,
			FAULT_MISCONFIGURED},
		{200, "application/json", "{\"issuer\":\"https://evil.example\"}", -EBADMSG,
			FAULT_MISCONFIGURED},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		check_refusal(&cases[i]);
}

static void test_no_reply(void)
{
	struct exchange_reply down = {.outcome = EXCHANGE_NOT_SENT, .error = "could not resolve"};
	struct exchange_reply lost = {.outcome = EXCHANGE_LOST, .error = "timeout"};
	struct fault fault = {.kind = FAULT_NONE};
	struct metadata m = {0};
	uint64_t lifetime;

	CHECK_INT(metadata_parse(ISSUER, &down, &m, &lifetime, &fault), -EBADMSG);
	CHECK_INT(fault.kind, FAULT_PROVIDER_DOWN);
	CHECK(strstr(fault.detail, "could not resolve"));
	CHECK_INT(metadata_parse(ISSUER, &lost, &m, &lifetime, &fault), -EBADMSG);
	CHECK_INT(fault.kind, FAULT_TRANSIENT);
}

static void test_merge(void)
{
	struct metadata have = {.token = mem_strdup("https://a/token")}, copy = {0};
	struct metadata found = {
		.token = mem_strdup("https://b/token"), .userinfo = mem_strdup("https://b/me")};

	CHECK_INT(metadata_merge(&have, &found), 0);
	CHECK_TEXT(have.token, "https://a/token");
	CHECK_TEXT(have.userinfo, "https://b/me");
	CHECK(!have.revocation);
	CHECK_INT(metadata_copy(&have, &copy), 0);
	CHECK(copy.token != have.token);
	CHECK_TEXT(copy.token, "https://a/token");
	CHECK_TEXT(copy.userinfo, "https://b/me");
	metadata_done(&have);
	metadata_done(&found);
	metadata_done(&copy);
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
	struct exchange_reply reply = reply_of(200, whole_document);
	struct metadata m = {0};
	uint64_t lifetime;
	int r = -ENOMEM;

	for (unsigned n = 0; r == -ENOMEM; n++) {
		REQUIRE(n < 1000);
		allocations_left = n;
		mem_set_failure(fail_later);
		r = metadata_parse(ISSUER, &reply, &m, &lifetime, NULL);
		mem_set_failure(NULL);
		CHECK((r == 0) == (m.token != NULL));
	}
	CHECK_INT(r, 0);
	metadata_done(&m);
}

static const struct test tests[] = {
	{"the OAuth document lies between host and path of the issuer (RFC 8414 §3.1)",
		test_oauth_url},
	{"the OpenID document lies after the issuer's path (Discovery §4)", test_openid_url},
	{"an address that does not fit its buffer is refused", test_url_too_long},
	{"only plain absolute https addresses are taken", test_https_url},
	{"an address has a greatest length", test_long_url},
	{"an address for people may have a fragment, and plain http", test_web_address},
	{"a document gives all endpoints", test_document},
	{"an endpoint that is no https address counts as absent", test_odd_endpoints},
	{"a document lives as long as Cache-Control says, within bounds", test_lifetime},
	{"a document that is not there sends us to the next one", test_absent},
	{"a provider in trouble and a broken document are told apart", test_refused},
	{"a document of another issuer is refused, be it by one byte", test_issuer},
	{"no reply is a provider that is down, or a passing fault", test_no_reply},
	{"what is configured wins over what was discovered", test_merge},
	{"short memory anywhere leaves nothing behind", test_memory},
};

TEST_MAIN(tests)
