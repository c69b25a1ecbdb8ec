/* SPDX-License-Identifier: BSD-2-Clause */

/* The id_token: the example of OpenID Connect Core 1.0 appendix A.2 is taken, and so is what other
 * providers may well send; forged, foreign, stale and malformed ones are refused. */

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/mem.h"
#include "base/text.h"
#include "keys.h"
#include "oauth/idtoken.h"
#include "oauth/jose.h"
#include "test.h"

#define OBJECT(members) "{" members "}"

#define NOW 1311280980 /* in seconds, soon after the example was issued */

#define ISSUER "http://server.example.com"
#define CLIENT "s6BhdRkqt3"
#define NONCE  "n-0S6_WzA2Mj"

/* OpenID Connect Core 1.0 appendix A.2 and A.7. */
#define EXAMPLE_KEY \
	"{\"kty\":\"RSA\",\"kid\":\"1e9gdk7\",\"n\":\"w7Zdfmece8iaB0kiTY8pCtiBtzbptJmP28nSWwtdjRu0" \
	"f2GFpajvWE4VhfJAjEsOcwYzay7XGN0b-X84BfC8hmCTOj2b2eHT7NsZegFPKRUQzJ9wW8ipn_aDJWMGDuB1XyqT" \
	"1E7DYqjUCEOD1b4FLpy_xPn6oV_TYOfQ9fZdbE5HGxJUzekuGcOKqOQ8M7wfYHhHHLxGpQVgL0apWuP2gDDOdTtp" \
	"uld4D2LK1MZK99s9gaSjRHE8JDb1Z4IGhEcEyzkxswVdPndUWzfvWBBWXWxtSUvQGBRkuy1BHOa4sP6FKjWEeeF7" \
	"gm7UMs2Nm2QUgNZw6xvEDGaLk4KASdIxRQ\",\"e\":\"AQAB\"}"
#define EXAMPLE_TOKEN \
	"eyJraWQiOiIxZTlnZGs3IiwiYWxnIjoiUlMyNTYifQ.ewogImlzcyI6ICJodHRwOi8vc2VydmVyLmV4YW1wbGUuY" \
	"29tIiwKICJzdWIiOiAiMjQ4Mjg5NzYxMDAxIiwKICJhdWQiOiAiczZCaGRSa3F0MyIsCiAibm9uY2UiOiAibi0wU" \
	"zZfV3pBMk1qIiwKICJleHAiOiAxMzExMjgxOTcwLAogImlhdCI6IDEzMTEyODA5NzAsCiAibmFtZSI6ICJKYW5lI" \
	"ERvZSIsCiAiZ2l2ZW5fbmFtZSI6ICJKYW5lIiwKICJmYW1pbHlfbmFtZSI6ICJEb2UiLAogImdlbmRlciI6ICJmZ" \
	"W1hbGUiLAogImJpcnRoZGF0ZSI6ICIwMDAwLTEwLTMxIiwKICJlbWFpbCI6ICJqYW5lZG9lQGV4YW1wbGUuY29tI" \
	"iwKICJwaWN0dXJlIjogImh0dHA6Ly9leGFtcGxlLmNvbS9qYW5lZG9lL21lLmpwZyIKfQ.rHQjEmBqn9Jre0OLyk" \
	"YNnspA10Qql2rvx4FsD00jwlB0Sym4NzpgvPKsDjn_wMkHxcp6CilPcoKrWHcipR2iAjzLvDNAReF97zoJqq880Z" \
	"D1bwY82JDauCXELVR9O6_B0w3K-E7yM2macAAgNCUwtik6SjoSUZRcf-O5lygIyLENx882p6MtmwaL1hd6qn5RZO" \
	"Q0TLrOYu0532g9Exxcm-ChymrB4xLykpDj3lUivJt63eEGGN6DH5K6o33TcxkIjNrCD4XB1CKKumZvCedgHHF3IA" \
	"K4dVEDSUoGlH9z4pP_eWYNXvqQOjGs-rDaQzUHl6cQQWNiDpWOl_lxXjQEvQ"

/* What a provider may publish: some that are not for signatures, two that are of one kind. */
#define KEYS \
	"{\"keys\":[" EXAMPLE_KEY \
	"," OBJECT("\"kid\":\"rsa\"," RSA_PUBLIC) "," OBJECT("\"kid\":\"ec\"," P256_PUBLIC) "," OBJECT("\"kid\":\"ed\"," ED25519_PUBLIC) "," OBJECT("\"kid\":\"locked\",\"use\":\"enc\"," RSA_PUBLIC) "," OBJECT( \
		"\"kid\":\"same\"," RSA_PUBLIC) "," OBJECT("\"kid\":\"same\"," RSA_PUBLIC) "," OBJECT("\"kid\":\"short\",\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"") "," OBJECT("\"kid\":\"future\",\"kty\":\"LATTICE\"") ",null,1]}"

static struct json *parse(const char *text)
{
	struct json *j = NULL;

	REQUIRE(json_parse(text, strlen(text), &j, NULL) == 0);
	return j;
}

/* Check @len bytes of @jwt, from a block of just that size, @seconds after NOW. */
static int verify_bytes(const char *jwt, size_t len, const char *keys, const char *nonce,
	int64_t seconds, struct json **ret, struct fault *reterr)
{
	_cleanup_(mem_freep) char *copy = mem_alloc(len);
	_cleanup_(secret_freep) struct secret *sent = secret_new_text(nonce);
	_cleanup_(json_freep) struct json *jwks = parse(keys);
	const struct idtoken_expect expect = {
		.issuer = ISSUER,
		.audience = CLIENT,
		.nonce = sent,
		.wall_usec = (uint64_t)(NOW + seconds) * USEC_PER_S,
	};

	REQUIRE(copy);
	memcpy(copy, jwt, len);
	return idtoken_verify(copy, len, jwks, &expect, ret, reterr);
}

static int verify(const char *jwt, const char *keys, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *claims = NULL;
	const int r = verify_bytes(jwt, strlen(jwt), keys, NONCE, 0, &claims, reterr);

	CHECK((r == 0) == (claims != NULL));
	return r;
}

/* --- tokens of our own making --- */

static void add_signature(struct buf *jwt, const char *key, enum jose_algorithm a)
{
	_cleanup_(buf_done) struct buf signature = BUF(JOSE_SIGNATURE_MAX);
	_cleanup_(secret_freep) struct secret *text = secret_new_text(key);
	_cleanup_(jose_key_done) struct jose_key k = {0};

	REQUIRE(jose_key_read(text, NULL, &k, NULL) == 0);
	REQUIRE(jose_sign(&k, a, jwt->data, jwt->len, &signature) == 0);
	REQUIRE(buf_add_char(jwt, '.') == 0);
	REQUIRE(text_add_base64url(jwt, signature.data, signature.len) == 0);
}

static struct buf unsigned_token(const char *header, const char *payload)
{
	struct buf jwt = BUF(2 * IDTOKEN_SIZE_MAX);

	REQUIRE(text_add_base64url(&jwt, header, strlen(header)) == 0);
	REQUIRE(buf_add_char(&jwt, '.') == 0);
	REQUIRE(text_add_base64url(&jwt, payload, strlen(payload)) == 0);
	return jwt;
}

/* @header and @payload signed by the key of "ed". */
static struct buf token(const char *header, const char *payload)
{
	struct buf jwt = unsigned_token(header, payload);

	add_signature(&jwt, ED25519_PKCS8, JOSE_EDDSA);
	return jwt;
}

#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"

#define ISS   "\"iss\":\"" ISSUER "\""
#define SUB   "\"sub\":\"248289761001\""
#define AUD   "\"aud\":\"" CLIENT "\""
#define EXP   "\"exp\":1311281970"
#define IAT   "\"iat\":1311280970"
#define ONCE  "\"nonce\":\"" NONCE "\""
#define CLAIM OBJECT(ISS "," SUB "," AUD "," EXP "," IAT "," ONCE)

static void check_refused_with(const char *jwt, const char *keys, int wanted, const char *complaint)
{
	struct fault f = {0};

	CHECK_INT(verify(jwt, keys, &f), wanted);
	CHECK_INT(f.kind, FAULT_PROTOCOL);
	if (!strstr(f.detail, complaint))
		TEST_FAIL("\"%s\" without \"%s\"", f.detail, complaint);
}

static void check_refused(const char *jwt, const char *complaint)
{
	check_refused_with(jwt, KEYS, -EBADMSG, complaint);
}

/* --- taken --- */

static void the_example(void)
{
	_cleanup_(json_freep) struct json *claims = NULL;

	REQUIRE(verify_bytes(EXAMPLE_TOKEN, strlen(EXAMPLE_TOKEN), KEYS, NONCE, 0, &claims, NULL) ==
		0);
	CHECK_TEXT(json_get_text(claims, "sub"), "248289761001");
	CHECK_TEXT(json_get_text(claims, "email"), "janedoe@example.com");
}

static void each_algorithm(void)
{
	static const struct {
		const char *header, *key;
		enum jose_algorithm a;
	} rows[] = {
		{"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", RSA_PKCS8, JOSE_RS256},
		{"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", RSA_PKCS8, JOSE_PS256},
		{"{\"alg\":\"ES256\",\"kid\":\"ec\"}", P256_SEC1, JOSE_ES256},
		{"{\"alg\":\"ES256\"}", P256_SEC1, JOSE_ES256},
		{"{\"alg\":\"EdDSA\"}", ED25519_PKCS8, JOSE_EDDSA},
		{"{\"typ\":\"JWT\",\"alg\":\"EdDSA\",\"x\":[]}", ED25519_PKCS8, JOSE_EDDSA},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf jwt = unsigned_token(rows[i].header, CLAIM);
		struct fault f = {0};

		add_signature(&jwt, rows[i].key, rows[i].a);
		if (verify(buf_text(&jwt), KEYS, &f) < 0)
			TEST_FAIL("row %zu is refused: %s", i, f.detail);
	}
}

static void claims_taken(void)
{
	static const char *const taken[] = {
		CLAIM,
		OBJECT(ISS "," SUB ",\"aud\":[\"" CLIENT "\"]," EXP "," IAT "," ONCE),
		OBJECT(ISS "," SUB "," AUD ",\"azp\":\"" CLIENT "\"," EXP "," IAT "," ONCE),
		OBJECT(ISS "," SUB ",\"aud\":[\"other\",\"" CLIENT "\"],\"azp\":\"" CLIENT "\"," EXP
			   "," IAT "," ONCE),
		OBJECT(ISS "," SUB "," AUD ",\"exp\":1311281970.5,\"iat\":1311280970.25," ONCE),
		/* exactly as late, and as early, as clocks may differ */
		OBJECT(ISS "," SUB "," AUD ",\"exp\":1311280681," IAT "," ONCE),
		OBJECT(ISS "," SUB "," AUD "," EXP ",\"iat\":1311281280," ONCE),
		OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nbf\":1311281280," ONCE),
	};

	for (size_t i = 0; i < ELEMENTS(taken); i++) {
		_cleanup_(buf_done) struct buf jwt = token(HEADER, taken[i]);
		struct fault f = {0};

		if (verify(buf_text(&jwt), KEYS, &f) < 0)
			TEST_FAIL("row %zu is refused: %s", i, f.detail);
	}
}

static void no_nonce_sent(void)
{
	static const char *const payloads[] = {CLAIM, OBJECT(ISS "," SUB "," AUD "," EXP "," IAT)};

	for (size_t i = 0; i < ELEMENTS(payloads); i++) {
		_cleanup_(buf_done) struct buf jwt = token(HEADER, payloads[i]);
		_cleanup_(json_freep) struct json *claims = NULL;

		CHECK_INT(verify_bytes(jwt.data, jwt.len, KEYS, NULL, 0, &claims, NULL), 0);
	}
}

/* --- refused --- */

static void headers_refused(void)
{
	static const struct {
		const char *header, *complaint;
	} rows[] = {
		{"{\"alg\":\"none\"}", "is not signed"},
		{"{\"alg\":\"None\",\"kid\":\"ed\"}", "is not signed"},
		{"{\"alg\":\"HS256\",\"kid\":\"ed\"}", "\"HS256\""},
		{"{\"alg\":\"ES384\",\"kid\":\"ed\"}", "\"ES384\""},
		{"{\"alg\":\"\",\"kid\":\"ed\"}", "\"\""},
		{"{\"alg\":[\"EdDSA\"],\"kid\":\"ed\"}", "how it is signed"},
		{"{\"kid\":\"ed\"}", "how it is signed"},
		{"{\"alg\":\"EdDSA\",\"kid\":1}", "not a text"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[\"exp\"],\"exp\":1}", "\"crit\""},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":null}", "\"crit\""},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"alg\":\"none\"}", "twice"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\"", "header of the id_token is not valid JSON"},
		{"[\"EdDSA\"]", "header of the id_token is not a JSON object"},
		{"", "header of the id_token is not valid JSON"},
		{"{\"alg\":\"RS256\"}", "several keys"},
		{"{\"alg\":\"RS256\",\"kid\":\"same\"}", "several keys"},
		{"{\"alg\":\"RS256\",\"kid\":\"short\"}", "bits"},
		{"{\"alg\":\"ES256\",\"kid\":\"ec\"}", "wrong signature"},
		{"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "wrong signature"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf jwt = token(rows[i].header, CLAIM);

		check_refused(buf_text(&jwt), rows[i].complaint);
	}
}

static void keys_not_there(void)
{
	static const char *const headers[] = {
		"{\"alg\":\"EdDSA\",\"kid\":\"rotated\"}",
		"{\"alg\":\"EdDSA\",\"kid\":\"\"}",
		"{\"alg\":\"EdDSA\",\"kid\":\"rsa\"}",
		"{\"alg\":\"RS256\",\"kid\":\"ed\"}",
		"{\"alg\":\"RS256\",\"kid\":\"locked\"}",
		"{\"alg\":\"RS256\",\"kid\":\"future\"}",
	};
	static const char *const keys[] = {
		"{}", "[]", "null", "{\"keys\":[]}", "{\"keys\":\"x\"}", "{\"keys\":{}}"};
	_cleanup_(buf_done) struct buf good = token(HEADER, CLAIM);

	for (size_t i = 0; i < ELEMENTS(headers); i++) {
		_cleanup_(buf_done) struct buf jwt = token(headers[i], CLAIM);

		check_refused_with(buf_text(&jwt), KEYS, -ENOKEY, "none of the provider's keys");
	}
	for (size_t i = 0; i < ELEMENTS(keys); i++)
		check_refused_with(
			buf_text(&good), keys[i], -ENOKEY, "none of the provider's keys");
}

static void claims_refused(void)
{
	static const struct {
		const char *payload, *complaint;
	} rows[] = {
		{OBJECT(SUB "," AUD "," EXP "," IAT "," ONCE), "\"iss\""},
		{OBJECT("\"iss\":\"" ISSUER "/\"," SUB "," AUD "," EXP "," IAT "," ONCE),
			"is issued by"},
		{OBJECT("\"iss\":\"HTTP://server.example.com\"," SUB "," AUD "," EXP "," IAT
			"," ONCE),
			"is issued by"},
		{OBJECT("\"iss\":[\"" ISSUER "\"]," SUB "," AUD "," EXP "," IAT "," ONCE),
			"\"iss\""},
		{OBJECT(ISS "," SUB "," EXP "," IAT "," ONCE), "\"aud\""},
		{OBJECT(ISS "," SUB ",\"aud\":\"other\"," EXP "," IAT "," ONCE), "\"aud\""},
		{OBJECT(ISS "," SUB ",\"aud\":[]," EXP "," IAT "," ONCE), "\"aud\""},
		{OBJECT(ISS "," SUB ",\"aud\":[1,\"" CLIENT "\"]," EXP "," IAT "," ONCE),
			"\"aud\""},
		{OBJECT(ISS "," SUB ",\"aud\":{\"a\":\"" CLIENT "\"}," EXP "," IAT "," ONCE),
			"\"aud\""},
		{OBJECT(ISS "," SUB ",\"aud\":[\"" CLIENT "\",\"b\"]," EXP "," IAT "," ONCE),
			"\"azp\""},
		{OBJECT(ISS "," SUB ",\"aud\":[\"" CLIENT "\",\"b\"],\"azp\":\"b\"," EXP "," IAT
			    "," ONCE),
			"\"azp\""},
		{OBJECT(ISS "," SUB "," AUD ",\"azp\":\"b\"," EXP "," IAT "," ONCE), "\"azp\""},
		{OBJECT(ISS "," SUB "," AUD ",\"azp\":null," EXP "," IAT "," ONCE), "\"azp\""},
		{OBJECT(ISS "," SUB "," AUD "," IAT "," ONCE), "\"exp\""},
		{OBJECT(ISS "," SUB "," AUD ",\"exp\":\"1311281970\"," IAT "," ONCE), "\"exp\""},
		{OBJECT(ISS "," SUB "," AUD ",\"exp\":1311280680," IAT "," ONCE), "has expired"},
		{OBJECT(ISS "," SUB "," AUD ",\"exp\":-1," IAT "," ONCE), "has expired"},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," ONCE), "\"iat\""},
		{OBJECT(ISS "," SUB "," AUD "," EXP ",\"iat\":1311281281," ONCE), "in the future"},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nbf\":1311281281," ONCE),
			"not valid yet"},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nbf\":null," ONCE), "\"nbf\""},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT), "no nonce"},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nonce\":\"\""), "another nonce"},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nonce\":\"" NONCE "x\""),
			"another nonce"},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nonce\":[\"" NONCE "\"]"),
			"no nonce"},
		{OBJECT(ISS "," AUD "," EXP "," IAT "," ONCE), "\"sub\""},
		{OBJECT(ISS ",\"sub\":\"\"," AUD "," EXP "," IAT "," ONCE), "\"sub\""},
		{OBJECT(ISS ",\"sub\":248," AUD "," EXP "," IAT "," ONCE), "\"sub\""},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT "," ONCE "," SUB), "twice"},
		{"[]", "payload of the id_token is not a JSON object"},
		{"\"text\"", "payload of the id_token is not a JSON object"},
		{"", "payload of the id_token is not valid JSON"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf jwt = token(HEADER, rows[i].payload);

		check_refused(buf_text(&jwt), rows[i].complaint);
	}
}

static void shapes_refused(void)
{
	static const struct {
		const char *jwt, *complaint;
	} rows[] = {
		{"", "three parts"},
		{".", "three parts"},
		{"..", "not valid JSON"},
		{"e30", "three parts"},
		{"e30.e30", "three parts"},
		{"e30.e30.e30.e30", "three parts"},
		{"e30.e30.e30.e30.e30", "is encrypted"},
		{"e30.e30.e30.e30.e30.e30", "three parts"},
		{"e30=.e30.AAAA", "not base64url"},
		{"e3 0.e30.AAAA", "not base64url"},
		{"e31.e30.AAAA", "not base64url"},
		{"e30.e30.AAAA", "how it is signed"},
	};
	_cleanup_(buf_done) struct buf jwt = token(HEADER, CLAIM);

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		check_refused(rows[i].jwt, rows[i].complaint);
	REQUIRE(buf_add_char(&jwt, '=') == 0);
	check_refused(buf_text(&jwt), "signature that is not base64url");
	buf_done(&jwt);
	jwt = token(HEADER, CLAIM);
	REQUIRE(buf_add_char(&jwt, '\n') == 0);
	check_refused(buf_text(&jwt), "signature that is not base64url");
}

/* The signature made by HMAC with what everybody has of the provider: its public key. */
static void the_public_key_as_secret(void)
{
	static const char key[] = ED25519_PUBLIC_PEM;
	_cleanup_(buf_done) struct buf jwt =
		unsigned_token("{\"alg\":\"HS256\",\"kid\":\"ed\"}", CLAIM);
	unsigned char mac[32];
	unsigned len;

	REQUIRE(HMAC(EVP_sha256(), key, sizeof(key) - 1, (const unsigned char *)jwt.data, jwt.len,
		mac, &len));
	REQUIRE(buf_add_char(&jwt, '.') == 0);
	REQUIRE(text_add_base64url(&jwt, mac, len) == 0);
	check_refused(buf_text(&jwt), "\"HS256\"");
}

static void a_key_brought_along(void)
{
	_cleanup_(buf_done) struct buf jwt = unsigned_token(
		"{\"alg\":\"ES256\",\"kid\":\"ec\",\"jwk\":{" P256_PUBLIC "}}", CLAIM);

	add_signature(&jwt, P256_SEC1, JOSE_ES256);
	check_refused_with(buf_text(&jwt),
		"{\"keys\":[{\"kid\":\"ec\",\"kty\":\"EC\",\"crv\":\"P-256\""
		",\"x\":\"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY\""
		",\"y\":\"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU\"}]}",
		-EBADMSG, "wrong signature");
	check_refused_with(buf_text(&jwt), "{\"keys\":[]}", -ENOKEY, "none of the provider's keys");
}

static void without_signature(void)
{
	_cleanup_(buf_done) struct buf jwt = unsigned_token(HEADER, CLAIM);

	REQUIRE(buf_add_char(&jwt, '.') == 0);
	check_refused(buf_text(&jwt), "wrong signature");
}

static void changed_anywhere(void)
{
	_cleanup_(buf_done) struct buf jwt = token(HEADER, CLAIM);

	for (size_t i = 0; i < jwt.len; i++) {
		_cleanup_(json_freep) struct json *claims = NULL;
		const char before = jwt.data[i];
		int r;

		jwt.data[i] = before == 'A' ? 'B' : 'A';
		r = verify_bytes(jwt.data, jwt.len, KEYS, NONCE, 0, &claims, NULL);
		if (r != -EBADMSG && r != -ENOKEY)
			TEST_FAIL("a change of byte %zu is not seen", i);
		jwt.data[i] = before;
	}
	CHECK_INT(verify(buf_text(&jwt), KEYS, NULL), 0);
}

static void cut_anywhere(void)
{
	_cleanup_(buf_done) struct buf jwt = token(HEADER, CLAIM);

	for (size_t len = 0; len < jwt.len; len++) {
		_cleanup_(json_freep) struct json *claims = NULL;
		const int r = verify_bytes(jwt.data, len, KEYS, NONCE, 0, &claims, NULL);

		if (r != -EBADMSG)
			TEST_FAIL("%zu bytes of it are taken", len);
	}
}

static void over_time(void)
{
	static const struct {
		int64_t seconds;
		int wanted;
	} rows[] = {
		/* issued 10 s before NOW, for 1000 s, with five minutes before and after */
		{-310, 0},
		{-311, -EBADMSG},
		{1289, 0},
		{1290, -EBADMSG},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_freep) struct json *claims = NULL;

		CHECK_INT(verify_bytes(EXAMPLE_TOKEN, strlen(EXAMPLE_TOKEN), KEYS, NONCE,
				  rows[i].seconds, &claims, NULL),
			rows[i].wanted);
	}
}

static void limits(void)
{
	_cleanup_(buf_done) struct buf payload = BUF(IDTOKEN_SIZE_MAX), jwt = BUF(0);
	_cleanup_(buf_done) struct buf signed_long = unsigned_token(HEADER, CLAIM);

	/* With the header and the signature, these claims are just within. */
	REQUIRE(buf_add_text(&payload, CLAIM) == 0);
	while (payload.len < (IDTOKEN_SIZE_MAX - 200) / 4 * 3)
		REQUIRE(buf_add_char(&payload, ' ') == 0);
	jwt = token(HEADER, buf_text(&payload));
	CHECK(jwt.len <= IDTOKEN_SIZE_MAX && jwt.len > IDTOKEN_SIZE_MAX - 100);
	CHECK_INT(verify(buf_text(&jwt), KEYS, NULL), 0);
	while (jwt.len <= IDTOKEN_SIZE_MAX)
		REQUIRE(buf_add_char(&jwt, 'A') == 0);
	check_refused(buf_text(&jwt), "the id_token is far too long");

	REQUIRE(buf_add_char(&signed_long, '.') == 0);
	for (size_t i = 0; i < (JOSE_SIGNATURE_MAX + 3) * 4 / 3 / 4 * 4; i++)
		REQUIRE(buf_add_char(&signed_long, 'A') == 0);
	check_refused(buf_text(&signed_long), "signature that is far too long");
}

static void nothing_secret_is_told(void)
{
	static const char *const payloads[] = {
		OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nonce\":\"TOLD\""),
		OBJECT(ISS ",\"sub\":[\"TOLD\"]," AUD "," EXP "," IAT "," ONCE),
		OBJECT(ISS "," SUB ",\"aud\":\"TOLD\"," EXP "," IAT "," ONCE),
		"{\"TOLD\":}",
	};

	for (size_t i = 0; i < ELEMENTS(payloads); i++) {
		_cleanup_(buf_done) struct buf jwt = token(HEADER, payloads[i]);
		struct fault f = {0};

		CHECK_INT(verify(buf_text(&jwt), KEYS, &f), -EBADMSG);
		CHECK(f.detail[0] && !strstr(f.detail, "TOLD") && !strstr(f.detail, NONCE));
	}
}

static size_t allowed;

static bool refuse_after_allowed(size_t size)
{
	(void)size;
	if (allowed == 0)
		return true;
	allowed--;
	return false;
}

static void short_of_memory(void)
{
	_cleanup_(secret_freep) struct secret *nonce = secret_new_text(NONCE);
	_cleanup_(buf_done) struct buf jwt = token(HEADER, CLAIM);
	_cleanup_(json_freep) struct json *jwks = parse(KEYS), *claims = NULL;
	const struct idtoken_expect expect = {.issuer = ISSUER,
		.audience = CLIENT,
		.nonce = nonce,
		.wall_usec = NOW * USEC_PER_S};
	int r = -ENOMEM;

	for (size_t n = 0; r < 0; n++) {
		allowed = n;
		mem_set_failure(refuse_after_allowed);
		r = idtoken_verify(jwt.data, jwt.len, jwks, &expect, &claims, NULL);
		mem_set_failure(NULL);
		CHECK(r == 0 || r == -ENOMEM);
		CHECK((r == 0) == (claims != NULL));
		REQUIRE(n < 1000);
	}
	CHECK_TEXT(json_get_text(claims, "sub"), "248289761001");
}

static void optional_nonces(void)
{
	static const struct {
		const char *payload;
		int wanted;
	} cases[] = {
		{CLAIM, 0},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT), 0},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nonce\":\"other\""), -EBADMSG},
		{OBJECT(ISS "," SUB "," AUD "," EXP "," IAT ",\"nonce\":null"), -EBADMSG},
	};
	_cleanup_(secret_freep) struct secret *nonce = secret_new_text(NONCE);
	_cleanup_(json_freep) struct json *jwks = parse(KEYS);
	const struct idtoken_expect expect = {.issuer = ISSUER,
		.audience = CLIENT,
		.nonce = nonce,
		.nonce_optional = true,
		.wall_usec = NOW * USEC_PER_S};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf jwt = token(HEADER, cases[i].payload);
		_cleanup_(secret_freep) struct secret *s = secret_new(jwt.data, jwt.len);
		_cleanup_(json_freep) struct json *claims = NULL;

		CHECK_INT(idtoken_check(s, jwks, &expect, &claims, NULL), cases[i].wanted);
		CHECK((claims != NULL) == (cases[i].wanted == 0));
	}
}

static void peeked_claims(void)
{
	static const char *const broken[] = {
		"", "a", "a.b", "a.b.c", "e30.WzFd.", "..", "e30.e30.e30.e30.e30"};
	_cleanup_(secret_freep) struct secret *example = secret_new_text(EXAMPLE_TOKEN);
	_cleanup_(json_freep) struct json *claims = NULL;

	REQUIRE(idtoken_peek(example, &claims) == 0);
	CHECK_TEXT(json_get_text(claims, "sub"), "248289761001");
	for (size_t i = 0; i < ELEMENTS(broken); i++) {
		_cleanup_(secret_freep) struct secret *s = secret_new_text(broken[i]);
		_cleanup_(json_freep) struct json *none = NULL;

		CHECK_INT(idtoken_peek(s, &none), -EBADMSG);
		CHECK(!none);
	}
}

static const struct test tests[] = {
	{"a nonce that need not be there is compared where it is", optional_nonces},
	{"the claims can be read without a check", peeked_claims},
	{"the example of OpenID Connect is taken, with all its claims", the_example},
	{"RS256, PS256, ES256 and EdDSA are taken, without a key id where one key fits",
		each_algorithm},
	{"audience as list, times with fractions, clocks apart by five minutes are taken",
		claims_taken},
	{"where no nonce was sent, none is asked for", no_nonce_sent},
	{"a header that is not ours to trust is refused with the reason", headers_refused},
	{"a key that is not there is told apart, since keys are rotated", keys_not_there},
	{"each claim that is missing, of a wrong type or wrong is refused by name", claims_refused},
	{"what is not three parts of base64url is refused", shapes_refused},
	{"a token made with the public key as HMAC secret is refused", the_public_key_as_secret},
	{"a key brought along in the header is not trusted", a_key_brought_along},
	{"a token without its signature is refused", without_signature},
	{"a token changed in any byte is refused", changed_anywhere},
	{"a token cut at any byte is refused", cut_anywhere},
	{"a token lives from its issue to its end, and five minutes more", over_time},
	{"tokens and signatures beyond the limits are refused", limits},
	{"nothing of the token's secrets is told", nothing_secret_is_told},
	{"short of memory nothing is taken, and nothing lost", short_of_memory},
};

TEST_MAIN(tests)
