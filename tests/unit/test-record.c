/* SPDX-License-Identifier: BSD-2-Clause */

/* Records: what comes back of what was sealed, and all that must not open. */

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/record.h"
#include "test.h"

static const uint8_t key_bytes[RECORD_KEY_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const uint8_t salt[RECORD_SALT_SIZE] = {32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44,
	45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

#define MACHINE "000102030405060708090a0b0c0d0e0f"
#define SALT    "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"

/* The caller frees key. */
static struct record_seal seal_of(const char *name)
{
	struct record_seal seal = {.key = secret_new(key_bytes, sizeof(key_bytes)), .name = name};

	for (uint8_t i = 0; i < RECORD_MACHINE_SIZE; i++)
		seal.machine[i] = i;
	return seal;
}

static void seal_done(struct record_seal *seal)
{
	secret_free((struct secret *)(uintptr_t)seal->key);
}

static struct record record_of(void)
{
	struct record r = {
		.generation = 7,
		.renewals = 2,
		.given_up = true,
		.not_before_usec = 1795469410000001,
		.fault = {.kind = FAULT_EXPIRED_CODE, .detail = "the code expired"},
		.fault_since_usec = 1795469410000002,
		.grant = {.present = true,
			.binding = mem_strdup("binding of grant"),
			.token = {.access_token = secret_new_text("access \"\\ token"),
				.refresh_token = secret_new_text("\u00fc refresh/token"),
				.token_type = mem_strdup("bearer"),
				.scope_given = true,
				.lifetime_given = true,
				.lifetime_usec = TOKEN_LIFETIME_MAX,
				.extra = json_new_object()},
			.obtained_usec = 1795469410000003,
			.expires_usec = 1795469410000003 + TOKEN_LIFETIME_MAX,
			.approved_usec = 1,
			.rotates = true,
			.refresh_sent = true},
		.approval = {.present = true,
			.binding = mem_strdup("binding of approval"),
			.device = {.device_code = secret_new_text("device-code"),
				.user_code = mem_strdup("WDJB-MJHT"),
				.verification_uri = mem_strdup("https://h/device"),
				.verification_uri_complete = mem_strdup("https://h/device?c=1"),
				.interval_usec = 7 * USEC_PER_S},
			.verifier = secret_new_text("verifier"),
			.nonce = secret_new_text("nonce of approval"),
			.expires_usec = USEC_NEVER},
		.identity = {.issuer = mem_strdup("https://idp.example"),
			.subject = mem_strdup("0042"),
			.claims = json_new_object()},
		.candidate = {.grant = {.present = true,
				      .binding = mem_strdup("binding of candidate"),
				      .token = {.access_token = secret_new_text("candidate-access"),
					      .id_token = secret_new_text("candidate-id.token.x")},
				      .expires_usec = 5,
				      .discard = true},
			.nonce = secret_new_text("candidate-nonce"),
			.nonce_required = true},
	};

	CHECK_INT(json_add(r.identity.claims, "username", json_new_text("alice")), 0);
	CHECK_INT(names_split("api id", &r.grant.token.scopes), 0);
	CHECK_INT(json_add(r.grant.token.extra, "instance_url", json_new_text("https://acme")), 0);
	return r;
}

static int encode(const struct record *r, const char *name, struct buf *ret)
{
	struct record_seal seal = seal_of(name);
	const int e = record_encode(r, &seal, salt, ret);

	seal_done(&seal);
	return e;
}

static int decode(
	const void *data, size_t len, const char *name, struct record *ret, struct fault *reterr)
{
	struct record_seal seal = seal_of(name);
	const int e = record_decode(data, len, &seal, ret, reterr);

	seal_done(&seal);
	return e;
}

static struct buf sealed_sample(void)
{
	struct record r = record_of();
	struct buf b = BUF(RECORD_SIZE_MAX);

	CHECK_INT(encode(&r, "crm", &b), 0);
	record_done(&r);
	return b;
}

/* Must not open: nothing comes out but a reason of kind storage. */
static void check_refused(const void *data, size_t len, int want, const char *says)
{
	struct record r = {0};
	struct fault fault = {.kind = FAULT_NONE};
	const int e = decode(data, len, "crm", &r, &fault);

	if (e != want || !strstr(fault.detail, says))
		TEST_FAIL("%d \"%s\" in place of %d \"%s\"", e, fault.detail, want, says);
	CHECK_INT(fault.kind, FAULT_STORAGE);
	CHECK(!r.grant.present && !r.grant.token.access_token && r.generation == 0);
	record_done(&r);
}

/* --- there and back --- */

static void check_grant(const struct record_grant *g)
{
	char *extra = json_print(g->token.extra, false);

	CHECK(g->present && g->rotates && g->refresh_sent);
	CHECK_TEXT(g->binding, "binding of grant");
	CHECK_TEXT(secret_expose(g->token.access_token), "access \"\\ token");
	CHECK_TEXT(secret_expose(g->token.refresh_token), "\u00fc refresh/token");
	CHECK_TEXT(g->token.token_type, "bearer");
	CHECK(g->token.scope_given && g->token.lifetime_given && g->token.scopes.n == 2);
	CHECK(names_have(&g->token.scopes, "api") && names_have(&g->token.scopes, "id"));
	CHECK_INT(g->token.lifetime_usec, TOKEN_LIFETIME_MAX);
	CHECK_TEXT(extra, "{\"instance_url\":\"https://acme\"}");
	CHECK_INT(g->obtained_usec, 1795469410000003);
	CHECK_INT(g->expires_usec, 1795469410000003 + TOKEN_LIFETIME_MAX);
	CHECK_INT(g->approved_usec, 1);
	mem_free(extra);
}

static void check_approval(const struct record_approval *a)
{
	CHECK(a->present);
	CHECK_TEXT(a->binding, "binding of approval");
	CHECK_TEXT(secret_expose(a->device.device_code), "device-code");
	CHECK_TEXT(a->device.user_code, "WDJB-MJHT");
	CHECK_TEXT(a->device.verification_uri, "https://h/device");
	CHECK_TEXT(a->device.verification_uri_complete, "https://h/device?c=1");
	CHECK_INT(a->device.interval_usec, 7 * USEC_PER_S);
	CHECK_INT(a->device.lifetime_usec, 0);
	CHECK_TEXT(secret_expose(a->verifier), "verifier");
	CHECK_TEXT(secret_expose(a->nonce), "nonce of approval");
	CHECK(a->expires_usec == USEC_NEVER);
}

static void check_people(const struct record *r)
{
	const struct record_candidate *c = &r->candidate;
	char *claims = json_print(r->identity.claims, false);

	CHECK_TEXT(r->identity.issuer, "https://idp.example");
	CHECK_TEXT(r->identity.subject, "0042");
	CHECK_TEXT(claims, "{\"username\":\"alice\"}");
	CHECK(c->grant.present && c->grant.discard && c->nonce_required);
	CHECK_TEXT(c->grant.binding, "binding of candidate");
	CHECK_TEXT(secret_expose(c->grant.token.access_token), "candidate-access");
	CHECK_TEXT(secret_expose(c->grant.token.id_token), "candidate-id.token.x");
	CHECK_TEXT(secret_expose(c->nonce), "candidate-nonce");
	CHECK(!c->grant.token.refresh_token && c->grant.expires_usec == 5);
	CHECK(!r->grant.discard && !r->grant.token.id_token);
	mem_free(claims);
}

static void test_whole(void)
{
	struct buf b = sealed_sample();
	struct record r = {0};

	REQUIRE(decode(b.data, b.len, "crm", &r, NULL) == 0);
	CHECK_INT(r.generation, 7);
	CHECK_INT(r.renewals, 2);
	CHECK(r.given_up);
	CHECK_INT(r.not_before_usec, 1795469410000001);
	CHECK_INT(r.fault.kind, FAULT_EXPIRED_CODE);
	CHECK_TEXT(r.fault.detail, "the code expired");
	CHECK_INT(r.fault_since_usec, 1795469410000002);
	check_grant(&r.grant);
	check_approval(&r.approval);
	check_people(&r);
	record_done(&r);
	record_done(&r);
	CHECK(!r.grant.present && !r.approval.present && !r.candidate.grant.present);
	CHECK(!identity_known(&r.identity));
	buf_done(&b);
}

static void test_empty(void)
{
	struct record r = {.generation = 1}, back = {0};
	struct buf b = BUF(RECORD_SIZE_MAX);

	REQUIRE(encode(&r, "crm", &b) == 0);
	REQUIRE(decode(b.data, b.len, "crm", &back, NULL) == 0);
	CHECK_INT(back.generation, 1);
	CHECK(!back.grant.present && !back.approval.present);
	CHECK_INT(back.fault.kind, FAULT_NONE);
	CHECK_INT(back.not_before_usec, 0);
	record_done(&back);
	buf_done(&b);
}

static struct record paste_approval(const char *redirect_uri)
{
	return (struct record){.approval = {
				       .present = true,
				       .binding = mem_strdup("b"),
				       .device.verification_uri = mem_strdup("https://idp/a?s=1"),
				       .verifier = secret_new_text("verifier"),
				       .state = secret_new_text("the state"),
				       .redirect_uri = mem_strdup(redirect_uri),
				       .names_issuer = true,
				       .expires_usec = USEC_NEVER,
			       }};
}

static void test_paste_approval(void)
{
	struct record r = paste_approval("http://localhost/"), back = {0};
	struct record half = paste_approval(NULL);
	struct fault fault = {.kind = FAULT_NONE};
	struct buf sealed = BUF(RECORD_SIZE_MAX);

	REQUIRE(encode(&r, "crm", &sealed) == 0);
	CHECK_INT(decode(sealed.data, sealed.len, "crm", &back, &fault), 0);
	CHECK(back.approval.present && back.approval.names_issuer);
	CHECK(!back.approval.device.device_code && !back.approval.device.user_code);
	CHECK_TEXT(back.approval.device.verification_uri, "https://idp/a?s=1");
	CHECK_TEXT(secret_expose(back.approval.verifier), "verifier");
	CHECK_TEXT(secret_expose(back.approval.state), "the state");
	CHECK_TEXT(back.approval.redirect_uri, "http://localhost/");
	CHECK(back.approval.expires_usec == USEC_NEVER);
	record_done(&back);
	buf_done(&sealed);
	CHECK_INT(encode(&half, "crm", &sealed), -EINVAL);
	record_done(&r);
	record_done(&half);
	buf_done(&sealed);
}

static void test_small_grant(void)
{
	struct record r = {.grant = {.present = true,
				   .token.access_token = secret_new_text("at"),
				   .expires_usec = USEC_NEVER}};
	struct record back = {0};
	struct buf b = BUF(RECORD_SIZE_MAX);

	REQUIRE(encode(&r, "crm", &b) == 0);
	REQUIRE(decode(b.data, b.len, "crm", &back, NULL) == 0);
	CHECK(back.grant.present && !back.grant.binding && !back.grant.token.refresh_token);
	CHECK(!back.grant.token.token_type && !back.grant.token.extra);
	CHECK(back.grant.token.scopes.n == 0 && !back.grant.rotates);
	CHECK(back.grant.expires_usec == USEC_NEVER && back.grant.obtained_usec == 0);
	record_done(&r);
	record_done(&back);
	buf_done(&b);
}

static void test_deep_extra(void)
{
	char text[2 * JSON_DEPTH_MAX + 10] = "{\"x\":", *printed;
	struct record r = record_of(), back = {0};
	struct buf b = BUF(RECORD_SIZE_MAX);

	r.grant.token.extra = json_free(r.grant.token.extra);
	memset(text + 5, '[', JSON_DEPTH_MAX - 1);
	memset(text + 5 + JSON_DEPTH_MAX - 1, ']', JSON_DEPTH_MAX - 1);
	text[strlen(text)] = '}';
	REQUIRE(json_parse(text, strlen(text), &r.grant.token.extra, NULL) == 0);
	REQUIRE(encode(&r, "crm", &b) == 0);
	REQUIRE(decode(b.data, b.len, "crm", &back, NULL) == 0);
	printed = json_print(back.grant.token.extra, false);
	CHECK_TEXT(printed, text);
	mem_free(printed);
	record_done(&r);
	record_done(&back);
	buf_done(&b);
}

/* Sealed by another program (Python's hmac, openssl-enc(1), GHASH by hand) with the key, salt and
 * machine above. */
static const char golden[] =
	"Z3JhbnRkLXJlY29yZCAxIGNybSA3IDAwMDEwMjAzMDQwNTA2MDcwODA5MGEwYjBjMGQwZTBm"
	"IElDRWlJeVFsSmljb0tTb3JMQzB1THpBeE1qTTBOVFkzT0RrNk96dzlQajgK02oJJSinBPOF"
	"I8epDnZ2LtrRX7Jxtw7z-sFgboDMvO-GAOoDh-h4dZ6VXmdnDni9qRYy_03gMBhQbaUz5szH"
	"a2mkLUwXPibfrrgjquFXc4_z98k56W2wcyyJzhexv164AuhbZNOwEi065lw6ptvvoLWUXrtG"
	"LmfRpq08rotlWI3WjJ0mTxQ6YMcvjW8D28BfSNcFAH_0gwYN4u-kva0pR-DTvFrGlJhnZU2p"
	"Aur3IqIC-gqnevl-hmU7G8XJXlXYPae8Fp6WRT9Be0tw4x1GZ09g6ZIg6-QavxgUOAJ_HiIx"
	"LEq6WfnM4oe6IQmNAqbtaJS3qtoKi3f4nGk4pTABPmFqrKphJYx-oAwGHf5LQg_SxTHN_qDY"
	"nc8ltSF_CwaMzyWE9O_HH726GTLpOO5LUPw";

static void test_golden(void)
{
	struct buf b = BUF(RECORD_SIZE_MAX);
	struct record r = {0};

	REQUIRE(text_decode_base64url(&b, golden, strlen(golden)) == 0);
	REQUIRE(decode(b.data, b.len, "crm", &r, NULL) == 0);
	CHECK_INT(r.generation, 7);
	CHECK_INT(r.renewals, 1);
	CHECK(!r.given_up);
	CHECK_INT(r.fault.kind, FAULT_EXPIRED_CODE);
	CHECK_TEXT(r.fault.detail, "gone");
	CHECK_TEXT(secret_expose(r.grant.token.access_token), "at");
	CHECK(names_have(&r.grant.token.scopes, "a"));
	CHECK_INT(r.grant.token.lifetime_usec, USEC_PER_MIN);
	CHECK(r.grant.expires_usec == USEC_NEVER && r.grant.rotates && !r.grant.refresh_sent);
	CHECK(!r.approval.present);
	record_done(&r);
	buf_done(&b);
}

/* --- what a file shows --- */

static void test_header(void)
{
	static const char header[] = "grantd-record 1 crm 7 " MACHINE " " SALT "\n";
	struct buf b = sealed_sample();

	REQUIRE(b.len > strlen(header));
	CHECK(memcmp(b.data, header, strlen(header)) == 0);
	buf_done(&b);
}

static void test_secrets_hidden(void)
{
	static const char *const secrets[] = {
		"access", "refresh", "device-code", "verifier", "WDJB", "instance_url", "binding"};
	struct buf b = sealed_sample();

	for (size_t i = 0; i < ELEMENTS(secrets); i++)
		CHECK(!memmem(b.data, b.len, secrets[i], strlen(secrets[i])));
	buf_done(&b);
}

static void test_salt(void)
{
	struct record_seal seal = seal_of("crm");
	struct record r = record_of();
	struct buf one = sealed_sample(), other = BUF(RECORD_SIZE_MAX);
	uint8_t other_salt[RECORD_SALT_SIZE] = {1};
	const size_t header = strlen("grantd-record 1 crm 7 " MACHINE " " SALT "\n");

	REQUIRE(record_encode(&r, &seal, other_salt, &other) == 0);
	REQUIRE(one.len == other.len);
	CHECK(memcmp(one.data + header, other.data + header, 16) != 0);
	seal_done(&seal);
	record_done(&r);
	buf_done(&one);
	buf_done(&other);
}

/* --- what must not open --- */

static void test_tampered(void)
{
	struct buf b = sealed_sample();

	for (size_t i = 0; i < b.len; i++) {
		struct record r = {0};
		struct fault fault = {.kind = FAULT_NONE};
		int e;

		b.data[i] ^= 1;
		e = decode(b.data, b.len, "crm", &r, &fault);
		if (e != -EBADMSG && e != -EXDEV)
			TEST_FAIL("byte %zu: %d", i, e);
		CHECK_INT(fault.kind, FAULT_STORAGE);
		CHECK(!r.grant.token.access_token);
		b.data[i] ^= 1;
	}
	buf_done(&b);
}

static void test_cut(void)
{
	struct buf b = sealed_sample();

	for (size_t len = 0; len < b.len; len++) {
		char *copy = mem_alloc(len); /* so that a sanitizer sees the end */

		memcpy(copy, b.data, len);
		check_refused(copy, len, -EBADMSG, "damaged");
		mem_free(copy);
	}
	CHECK_INT(buf_add_char(&b, 'x'), 0);
	check_refused(b.data, b.len, -EBADMSG, "damaged");
	buf_done(&b);
}

static void test_other_name(void)
{
	struct record r = record_of();
	struct buf b = BUF(RECORD_SIZE_MAX);

	REQUIRE(encode(&r, "billing", &b) == 0);
	check_refused(b.data, b.len, -EBADMSG, "\"billing\"");
	record_done(&r);
	buf_done(&b);
}

static void test_other_machine(void)
{
	struct record_seal seal = seal_of("crm");
	struct record r = record_of();
	struct buf b = BUF(RECORD_SIZE_MAX);

	seal.machine[0] = 0xab;
	REQUIRE(record_encode(&r, &seal, salt, &b) == 0);
	check_refused(b.data, b.len, -EXDEV, "ab0102030405060708090a0b0c0d0e0f");
	check_refused(b.data, b.len, -EXDEV, "log in again");
	b.data[b.len - 1] ^= 1;
	check_refused(b.data, b.len, -EXDEV, "another machine");
	seal_done(&seal);
	record_done(&r);
	buf_done(&b);
}

static void test_other_key(void)
{
	uint8_t other_key[RECORD_KEY_SIZE] = {9};
	struct record_seal seal = seal_of("crm"), other = seal_of("crm");
	struct record r = record_of();
	struct buf b = BUF(RECORD_SIZE_MAX);

	seal_done(&other);
	other.key = secret_new(other_key, sizeof(other_key));
	REQUIRE(record_encode(&r, &other, salt, &b) == 0);
	check_refused(b.data, b.len, -EBADMSG, "another key");
	seal_done(&seal);
	seal_done(&other);
	record_done(&r);
	buf_done(&b);
}

static void check_header(const char *header, const char *says)
{
	struct buf b = BUF(1000);

	CHECK_INT(buf_printf(&b, "%s%0100d", header, 0), 0);
	check_refused(b.data, b.len, -EBADMSG, says);
	buf_done(&b);
}

static void test_header_form(void)
{
	check_header("grantd-record 2 crm 7 " MACHINE " " SALT "\n", "format version \"2\"");
	check_header("grantd-record 01 crm 7 " MACHINE " " SALT "\n", "format version");
	check_header("Grantd-record 1 crm 7 " MACHINE " " SALT "\n", "header");
	check_header("grantd-record 1 crm 07 " MACHINE " " SALT "\n", "header");
	check_header("grantd-record 1 crm -7 " MACHINE " " SALT "\n", "header");
	check_header("grantd-record 1 crm 99999999999999999999 " MACHINE " " SALT "\n", "header");
	check_header("grantd-record 1 crm 7 " MACHINE " " SALT " \n", "header");
	check_header("grantd-record 1 crm  7 " MACHINE " " SALT "\n", "header");
	check_header("grantd-record 1 crm 7 " MACHINE " " SALT "\r\n", "header");
	check_header("grantd-record 1 crm 7 " MACHINE " " SALT "A\n", "header");
	check_header("grantd-record 1 crm 7 " MACHINE " " SALT "AAAA\n", "header");
	check_header("grantd-record 1 crm 7 " MACHINE " \n", "header");
	check_header("grantd-record 1 crm 7 0001 " SALT "\n", "header");
	check_header("grantd-record 1 crm 7 " MACHINE "\n", "header");
	check_header("\n", "header");
	check_header("", "header");
	/* The last character of the salt has bits that say nothing; one value is right. */
	check_header("grantd-record 1 crm 7 " MACHINE " "
		     "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9\n",
		"header");
	check_header("grantd-record 1 crm 7 " MACHINE " " SALT "\n", "sealed with another key");
}

/* --- bodies --- */

#define BODY(more) \
	"{\"generation\":7,\"renewals\":0,\"not_before\":0,\"fault_since\":0,\"fault\":\"none\"," \
	"\"fault_detail\":\"\"" more "}"

#define GRANT(more) \
	",\"grant\":{\"access_token\":\"at\",\"scope_given\":true,\"scopes\":[]," \
	"\"lifetime_given\":true,\"lifetime\":0,\"obtained\":0,\"expires\":0,\"approved\":0," \
	"\"rotates\":true,\"refresh_sent\":false" more "}"

static int parse_body(const char *body, struct record *ret, struct fault *reterr)
{
	return record_parse_body(body, strlen(body), 7, ret, reterr);
}

static void test_later_body(void)
{
	struct record r = {0};

	REQUIRE(parse_body(BODY(",\"later\":{\"sub\":\"x\"}" GRANT(",\"pinned\":[1]")), &r, NULL) ==
		0);
	CHECK(r.grant.present);
	record_done(&r);
	REQUIRE(parse_body("{\"generation\":7,\"renewals\":0,\"not_before\":0,\"fault_since\":0,"
			   "\"fault\":\"eclipse\",\"fault_detail\":\"dark\"}",
			&r, NULL) == 0);
	CHECK_INT(r.fault.kind, FAULT_NONE);
	CHECK_TEXT(r.fault.detail, "");
	record_done(&r);
}

static void test_odd_body(void)
{
	static const char *const bodies[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"generation\":7}",
		"{\"generation\":8,\"renewals\":0,\"not_before\":0,\"fault_since\":0}",
		"{\"generation\":\"7\",\"renewals\":0,\"not_before\":0,\"fault_since\":0}",
		"{\"generation\":7,\"renewals\":-1,\"not_before\":0,\"fault_since\":0}",
		"{\"generation\":7,\"renewals\":4294967296,\"not_before\":0,\"fault_since\":0}",
		"{\"generation\":7,\"renewals\":0,\"not_before\":\"0\",\"fault_since\":0}",
		BODY("") "x",
		BODY(",\"grant\":null"),
		BODY(",\"grant\":[]"),
		BODY(",\"grant\":{}"),
		BODY(",\"grant\":{\"access_token\":null}"),
		BODY(GRANT(",\"refresh_token\":7")),
		BODY(GRANT(",\"token_type\":{}")),
		BODY(GRANT(",\"extra\":{}")),
		BODY(GRANT(",\"extra\":\"[]\"")),
		BODY(GRANT(",\"extra\":\"{\"")),
		BODY(GRANT(",\"access_token\":\"twice\"")),
		BODY(",\"grant\":{\"access_token\":\"at\",\"scope_given\":1}"),
		BODY(",\"grant\":{\"access_token\":\"at\",\"scope_given\":true,\"scopes\":{}}"),
		BODY(",\"grant\":{\"access_token\":\"at\",\"scope_given\":true,\"scopes\":[1]}"),
		BODY(",\"approval\":{}"),
		BODY(",\"approval\":\"\""),
		BODY(GRANT(",\"discard\":1")),
		BODY(",\"identity\":{}"),
		BODY(",\"identity\":{\"issuer\":\"i\",\"subject\":7,\"claims\":\"{}\"}"),
		BODY(",\"identity\":{\"issuer\":\"i\",\"subject\":\"s\",\"claims\":\"[]\"}"),
		BODY(",\"candidate\":{}"),
		BODY(",\"candidate\":null"),
	};

	for (size_t i = 0; i < ELEMENTS(bodies); i++) {
		struct record r = {0};
		struct fault fault = {.kind = FAULT_NONE};
		const int e = parse_body(bodies[i], &r, &fault);

		if (e != -EBADMSG || fault.kind != FAULT_STORAGE)
			TEST_FAIL("%s: %d", bodies[i], e);
		CHECK(!r.grant.token.access_token && !r.grant.present);
		record_done(&r);
	}
}

static void test_half_record(void)
{
	struct record r = {.grant.present = true}, a = {.approval.present = true};
	struct record c = {.candidate.grant.present = true};
	struct buf b = BUF(RECORD_SIZE_MAX);

	CHECK_INT(encode(&r, "crm", &b), -EINVAL);
	CHECK_INT(encode(&a, "crm", &b), -EINVAL);
	CHECK_INT(encode(&c, "crm", &b), -EINVAL);
	CHECK_INT(b.len, 0);
}

static void test_too_large(void)
{
	struct record r = record_of();
	struct buf b = BUF(2 * RECORD_SIZE_MAX);
	char *large = mem_alloc(RECORD_SIZE_MAX + 1);

	memset(large, 'x', RECORD_SIZE_MAX);
	r.grant.token.refresh_token = secret_free(r.grant.token.refresh_token);
	r.grant.token.refresh_token = secret_new_text(large);
	CHECK_INT(encode(&r, "crm", &b), -EMSGSIZE);
	CHECK_INT(b.len, 0);
	large = mem_free(large);
	record_done(&r);
	large = mem_alloc(RECORD_SIZE_MAX + 1);
	check_refused(large, RECORD_SIZE_MAX + 1, -EBADMSG, "too large");
	mem_free(large);
}

/* --- binding --- */

static void check_targets(const char *provider, const char *client_id, const char *scopes,
	const struct names *targets, const char *want, bool same)
{
	struct names names = {0};
	char *binding;

	CHECK_INT(names_split(scopes, &names), 0);
	binding = record_binding(provider, client_id, &names, targets);
	REQUIRE(binding);
	if (text_equal(binding, want) != same)
		TEST_FAIL("%s, %s, %s: %s", provider, client_id, scopes, binding);
	mem_free(binding);
	names_done(&names);
}

static void check_binding(const char *provider, const char *client_id, const char *scopes,
	const char *want, bool same)
{
	const struct names none = {0};

	check_targets(provider, client_id, scopes, &none, want, same);
}

static void test_binding(void)
{
	/* SHA-256 of "19:https://idp.example8:client-14:mail6:openid" */
	static const char want[] = "SAfmlPquMhqlkKDSIw-_W-4CE73A_j755XRze10rEzk";

	check_binding("https://idp.example", "client-1", "mail openid", want, true);
	check_binding("https://idp.example", "client-1", "openid mail openid", want, true);
	check_binding("https://idp.example/", "client-1", "mail openid", want, false);
	check_binding("https://idp.example", "client-2", "mail openid", want, false);
	check_binding("https://idp.example", "client-1", "mail", want, false);
	check_binding("https://idp.example", "client-1", "mail6:openid", want, false);
	check_binding("https://idp.example", "client-14:mail", "openid", want, false);
	check_binding("", "", "", want, false);
}

static void test_binding_targets(void)
{
	/* SHA-256 of "19:https://idp.example8:client-14:mail10:audience x10:resource u10:resource
	 * v" */
	static const char want[] = "R-3Bn-_hqwuLcYVi0ocFJkKdQ-MbLWVPtdPS68UIY-g";
	char *one[] = {"resource v", "audience x", "resource u", "audience x"};
	const struct names targets = {.items = one, .n = 4}, fewer = {.items = one, .n = 2};

	check_targets("https://idp.example", "client-1", "mail", &targets, want, true);
	check_targets("https://idp.example", "client-1", "mail", &fewer, want, false);
	check_targets("https://idp.example", "client-1", "", &targets, want, false);
	check_binding("https://idp.example", "client-1", "mail", want, false);
}

/* --- memory --- */

static unsigned allocations_left;

static bool fail_later(size_t size)
{
	(void)size;
	return allocations_left-- == 0;
}

static void test_encode_memory(void)
{
	struct record_seal seal = seal_of("crm");
	struct record r = record_of();
	int e = -ENOMEM;

	for (unsigned n = 0; e == -ENOMEM; n++) {
		struct buf b = BUF(RECORD_SIZE_MAX);

		REQUIRE(n < 1000);
		allocations_left = n;
		mem_set_failure(fail_later);
		e = record_encode(&r, &seal, salt, &b);
		mem_set_failure(NULL);
		CHECK((e == 0) == (b.len > 0));
		buf_done(&b);
	}
	CHECK_INT(e, 0);
	seal_done(&seal);
	record_done(&r);
}

static void test_decode_memory(void)
{
	struct record_seal seal = seal_of("crm");
	struct buf b = sealed_sample();
	struct record r = {0};
	int e = -ENOMEM;

	for (unsigned n = 0; e == -ENOMEM; n++) {
		REQUIRE(n < 1000);
		allocations_left = n;
		mem_set_failure(fail_later);
		e = record_decode(b.data, b.len, &seal, &r, NULL);
		mem_set_failure(NULL);
		CHECK((e == 0) == r.grant.present);
	}
	REQUIRE(e == 0);
	check_grant(&r.grant);
	check_approval(&r.approval);
	seal_done(&seal);
	record_done(&r);
	buf_done(&b);
}

static const struct test tests[] = {
	{"all of a record comes back", test_whole},
	{"a record without grant and approval comes back", test_empty},
	{"an approval by paste comes back, without redirect_uri it is none", test_paste_approval},
	{"a grant without refresh token comes back, and never stays never", test_small_grant},
	{"members as deep as a reply may have come back", test_deep_extra},
	{"a record that another program sealed by the same documents opens", test_golden},
	{"the header can be read by a person", test_header},
	{"no secret can be read in a sealed record", test_secrets_hidden},
	{"another salt gives another ciphertext", test_salt},
	{"a record with any bit changed does not open", test_tampered},
	{"a record cut anywhere, or made longer, does not open", test_cut},
	{"a record of another connection is refused by its name", test_other_name},
	{"a record of another machine is told apart, opened or not", test_other_machine},
	{"a record does not open with another key", test_other_key},
	{"a header has one form", test_header_form},
	{"members of a later program are ignored", test_later_body},
	{"a body that lacks something or has other types is refused", test_odd_body},
	{"what could not be read back is not written", test_half_record},
	{"a record has a greatest size", test_too_large},
	{"a grant is bound to provider, client and the set of scopes", test_binding},
	{"a grant is bound to the set of what else was asked for", test_binding_targets},
	{"short memory anywhere in sealing leaves nothing behind", test_encode_memory},
	{"short memory anywhere in opening leaves nothing behind", test_decode_memory},
};

TEST_MAIN(tests)
