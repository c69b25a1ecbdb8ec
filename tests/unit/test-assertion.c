/* SPDX-License-Identifier: BSD-2-Clause */

/* Assertions: which key files are taken, what is said of the others, and what is signed, byte for
 * byte where the algorithm allows it (the signatures were made with openssl dgst and pkeyutl). */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "keys.h"
#include "oauth/assertion.h"
#include "oauth/jose.h"
#include "test.h"

#define OBJECT(members) "{" members "}"

#define INPUT_RS256 "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0." PAYLOAD
#define INPUT_EDDSA "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0." PAYLOAD

/* {"iss":"client","sub":"user@example.com","aud":"https://login.example","iat":1300819200,
 * "exp":1300819380,"jti":"id-1","scope":"api web"} */
#define PAYLOAD \
	"eyJpc3MiOiJjbGllbnQiLCJzdWIiOiJ1c2VyQGV4YW1wbGUuY29tIiwiYXVkIjoiaHR0cHM6Ly9sb2dpbi5leGFt" \
	"cGxlIiwiaWF0IjoxMzAwODE5MjAwLCJleHAiOjEzMDA4MTkzODAsImp0aSI6ImlkLTEiLCJzY29wZSI6ImFwaSB3" \
	"ZWIifQ"

#define SIGNATURE_RS256 \
	"LlWlVCMnHYfN8T9Br_yTc-6i2f-CYdgStF3lkgimnve3xI8Yd56BoV8Er5wvfShuk6tGcOn8R3OIugTboKD1z2_O" \
	"zka-7BjmGB7OQb4pXmslbwDXgTTRM56J2QP2OiFwdM42aZqf1I-4c7fSQ-2pED-T9riQNNy8OtjcrgB1ywgovcT7" \
	"sex6k-kc9t9WMf6pG9litdjah_NSfFvxKIjCNEsuQT1gXeyuGSGRnbt1vas3GrrkD171bUorRvC3Q9CGk-PjW0RE" \
	"y0JLPc3EgImv5w5JVaUzziltnDDuHvLSerziGq2BW7N9DlnZMNH84-U_O034Z7ZOsfjEwffk8SriNA"

#define SIGNATURE_EDDSA \
	"1_i4RqhWhoTidGo91PqPEWint9PFNgeClg_-v7m6Z97fMzN7W76tBqNi7MOU-PZZYUGqGc-VgZyOin4qA7sECA"

static int check(const char *key, const char *passphrase, const char *algorithm, char *ret,
	struct fault *reterr)
{
	_cleanup_(secret_freep) struct secret *text = secret_new_text(key);
	_cleanup_(secret_freep) struct secret *word = secret_new_text(passphrase);

	return assertion_key_check(text, word, algorithm, ret, ASSERTION_ALGORITHM_SIZE, reterr);
}

static void keys_taken(void)
{
	static const struct {
		const char *key, *passphrase, *algorithm, *used;
	} keys[] = {
		{RSA_PKCS8, NULL, NULL, "RS256"},
		{RSA_PKCS8, NULL, "RS256", "RS256"},
		{RSA_PKCS8, NULL, "PS256", "PS256"},
		{RSA_PKCS1, NULL, NULL, "RS256"},
		{P256_SEC1, NULL, NULL, "ES256"},
		{P256_SEC1, NULL, "ES256", "ES256"},
		{P256_PARAMETERS P256_SEC1, NULL, NULL, "ES256"},
		{ED25519_PKCS8, NULL, NULL, "EdDSA"},
		{ED25519_PKCS8, "not needed", "EdDSA", "EdDSA"},
		{ED25519_ENCRYPTED, PASSPHRASE, NULL, "EdDSA"},
		{P256_ENCRYPTED_OLD, PASSPHRASE, NULL, "ES256"},
		{ED25519_CERTIFICATE ED25519_PKCS8, NULL, NULL, "EdDSA"},
		{"of the year 2026\n\n" ED25519_PKCS8 "\n", NULL, NULL, "EdDSA"},
		{OBJECT(RSA_PRIVATE), NULL, NULL, "RS256"},
		{OBJECT(RSA_PRIVATE), NULL, "PS256", "PS256"},
		{OBJECT(RSA_PUBLIC "," RSA_D), NULL, NULL, "RS256"},
		{OBJECT(RSA_PRIVATE ",\"alg\":\"PS256\""), NULL, NULL, "PS256"},
		{OBJECT(RSA_PRIVATE ",\"alg\":\"PS256\""), NULL, "RS256", "RS256"},
		{OBJECT(P256_PRIVATE), NULL, NULL, "ES256"},
		{" \n" OBJECT(ED25519_PRIVATE) "\n", NULL, NULL, "EdDSA"},
	};

	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		char used[ASSERTION_ALGORITHM_SIZE] = "";
		struct fault f = {0};

		if (check(keys[i].key, keys[i].passphrase, keys[i].algorithm, used, &f) < 0)
			TEST_FAIL("row %zu is refused: %s", i, f.detail);
		CHECK_TEXT(used, keys[i].used);
	}
}

/* Another key's "d" beside these public halves. */
#define WRONG_D "\"d\":\"AJpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9I\""

static void keys_refused(void)
{
	static const struct {
		const char *key, *passphrase, *algorithm, *complaint;
	} keys[] = {
		{"", NULL, NULL, "is empty"},
		{" \n", NULL, NULL, "is empty"},
		{"secret", NULL, NULL, "neither PEM nor a JWK"},
		{"-----BEGIN PRIVATE KEY-----\n", NULL, NULL, "neither PEM nor a JWK"},
		{"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL, NULL,
			"damaged"},
		{"-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----", NULL, NULL, "damaged"},
		{"-----BEGIN POEM-----\nAAAA\n-----END POEM-----\n", NULL, NULL, "no private key"},
		{ED25519_PUBLIC_PEM, NULL, NULL, "is a public key"},
		{ED25519_CERTIFICATE, NULL, NULL, "is a certificate:"},
		{ED25519_REQUEST, NULL, NULL, "is a certificate request:"},
		{P256_PARAMETERS, NULL, NULL, "no private key"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
			NULL, NULL, "OpenSSH"},
		{ED25519_ENCRYPTED, NULL, NULL, "is encrypted"},
		{P256_ENCRYPTED_OLD, NULL, NULL, "is encrypted"},
		{ED25519_ENCRYPTED, "wrong", NULL, "passphrase"},
		{ED25519_ENCRYPTED, PASSPHRASE "\n", NULL, "passphrase"},
		{ED25519_ENCRYPTED, "", NULL, "passphrase"},
		{P256_ENCRYPTED_OLD, "wrong", NULL, "passphrase"},
		{RSA_SHORT, NULL, NULL, "1024 bits"},
		{P384_PKCS8, NULL, NULL, "another curve"},
		{X25519_PKCS8, NULL, NULL, "type that is not supported"},
		{RSA_PKCS8, NULL, "ES256", "does not fit"},
		{RSA_PKCS8, NULL, "EdDSA", "does not fit"},
		{P256_SEC1, NULL, "RS256", "does not fit"},
		{ED25519_PKCS8, NULL, "PS256", "does not fit"},
		{RSA_PKCS8, NULL, "HS256", "is not supported"},
		{RSA_PKCS8, NULL, "none", "is not supported"},
		{RSA_PKCS8, NULL, "", "is not supported"},
		{OBJECT(RSA_PRIVATE ",\"alg\":\"RSA-OAEP\""), NULL, NULL, "is not supported"},
		{"{", NULL, NULL, "not valid JSON"},
		{"{}", NULL, NULL, "has no \"kty\""},
		{"{\"type\":\"service_account\",\"private_key\":\"x\"}", NULL, NULL,
			"\"private_key\""},
		{"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}", NULL, NULL, "not supported"},
		{OBJECT(RSA_PUBLIC), NULL, NULL, "is a public key"},
		{OBJECT(P256_PUBLIC), NULL, NULL, "is a public key"},
		{OBJECT(ED25519_PUBLIC), NULL, NULL, "is a public key"},
		{OBJECT(RSA_PUBLIC "," RSA_D ",\"p\":\"AQ\""), NULL, NULL, "\"q\""},
		{OBJECT(RSA_PRIVATE ",\"oth\":[]"), NULL, NULL, "two primes"},
		{OBJECT(RSA_PUBLIC ",\"d\":\"AQ\""), NULL, NULL, "do not belong together"},
		{OBJECT(P256_PUBLIC "," WRONG_D), NULL, NULL, "do not belong together"},
		{OBJECT(P256_PUBLIC ",\"d\":\"AQ\""), NULL, NULL, "wrong length"},
		{OBJECT(ED25519_PUBLIC "," WRONG_D), NULL, NULL, "do not belong together"},
		{OBJECT(ED25519_PUBLIC ",\"d\":1"), NULL, NULL, "\"d\""},
	};

	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		char used[ASSERTION_ALGORITHM_SIZE] = "as is";
		struct fault f = {0};

		if (check(keys[i].key, keys[i].passphrase, keys[i].algorithm, used, &f) != -EBADMSG)
			TEST_FAIL("row %zu is taken", i);
		CHECK_TEXT(used, "as is");
		CHECK_INT(f.kind, FAULT_MISCONFIGURED);
		if (!strstr(f.detail, keys[i].complaint))
			TEST_FAIL("row %zu: \"%s\" without \"%s\"", i, f.detail, keys[i].complaint);
	}
}

static void no_secret_is_told(void)
{
	static const char *const secrets[] = {
		"-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n",
		"{\"SECRET\":1,}",
		"{\"kty\":\"RSA\",\"n\":\"SECRET=\",\"e\":\"AQAB\",\"d\":\"SECRET\"}",
		"SECRET",
	};

	for (size_t i = 0; i < ELEMENTS(secrets); i++) {
		char used[ASSERTION_ALGORITHM_SIZE];
		struct fault f = {0};

		CHECK_INT(check(secrets[i], "SECRET", NULL, used, &f), -EBADMSG);
		CHECK(!strstr(f.detail, "SECRET"));
	}
}

static void a_huge_key_is_refused(void)
{
	_cleanup_(buf_done) struct buf text = BUF(JOSE_KEY_TEXT_MAX + 1);
	char used[ASSERTION_ALGORITHM_SIZE];
	struct fault f = {0};
	char *rest;

	REQUIRE(buf_add_text(&text, ED25519_PKCS8) == 0);
	REQUIRE(buf_extend(&text, JOSE_KEY_TEXT_MAX - text.len, &rest) == 0);
	for (size_t i = 0; i < (size_t)(text.data + text.len - rest); i++)
		rest[i] = '\n';
	CHECK_INT(check(buf_text(&text), NULL, NULL, used, &f), 0);
	REQUIRE(buf_add_char(&text, '\n') == 0);
	CHECK_INT(check(buf_text(&text), NULL, NULL, used, &f), -EBADMSG);
	CHECK(strstr(f.detail, "too long"));
}

/* --- signing --- */

/* All that can be claimed; the caller frees. */
static struct params some_extra(void)
{
	struct params extra = {0};

	REQUIRE(params_add(&extra, "scope", "api web") == 0);
	return extra;
}

static struct assertion_claims some_claims(const struct params *extra)
{
	return (struct assertion_claims){
		.issuer = "client",
		.subject = "user@example.com",
		.audience = "https://login.example",
		.jti = "id-1",
		.issued_s = 1300819200,
		.expires_s = 1300819380,
		.extra = extra,
	};
}

static int sign(const char *key, const char *algorithm, const char *key_id,
	const struct assertion_claims *claims, struct secret **ret, struct fault *reterr)
{
	_cleanup_(secret_freep) struct secret *text = secret_new_text(key);

	return assertion_sign(text, NULL, algorithm, key_id, claims, ret, reterr);
}

static void signed_byte_for_byte(void)
{
	_cleanup_(params_done) struct params extra = some_extra();
	const struct assertion_claims claims = some_claims(&extra);
	_cleanup_(secret_freep) struct secret *rsa = NULL, *ed25519 = NULL;

	CHECK_INT(sign(RSA_PKCS8, NULL, "key-1", &claims, &rsa, NULL), 0);
	CHECK_TEXT(secret_expose(rsa), INPUT_RS256 "." SIGNATURE_RS256);
	CHECK_INT(sign(ED25519_PKCS8, NULL, "key-1", &claims, &ed25519, NULL), 0);
	CHECK_TEXT(secret_expose(ed25519), INPUT_EDDSA "." SIGNATURE_EDDSA);
}

/* Sign with @key and check with @public, a JWK; the parts that were signed come back as text. */
static void check_verified(const char *key, const char *algorithm, const char *public,
	enum jose_algorithm a, const char *header)
{
	const struct assertion_claims claims = some_claims(NULL);
	_cleanup_(buf_done) struct buf signature = BUF(JOSE_SIGNATURE_MAX), first = BUF(1000);
	_cleanup_(jose_key_done) struct jose_key k = {0};
	_cleanup_(secret_freep) struct secret *jwt = NULL;
	_cleanup_(json_freep) struct json *jwk = NULL;
	const char *text, *dot, *last;

	REQUIRE(json_parse(public, strlen(public), &jwk, NULL) == 0);
	REQUIRE(jose_key_from_jwk(jwk, &k, NULL) == 0);
	REQUIRE(sign(key, algorithm, NULL, &claims, &jwt, NULL) == 0);
	text = secret_expose(jwt);
	dot = strchr(text, '.');
	last = strrchr(text, '.');
	REQUIRE(dot && last > dot);
	REQUIRE(text_decode_base64url(&first, text, (size_t)(dot - text)) == 0);
	REQUIRE(text_decode_base64url(&signature, last + 1, strlen(last + 1)) == 0);
	CHECK_TEXT(buf_text(&first), header);
	CHECK(jose_verify(&k, a, text, (size_t)(last - text), signature.data, signature.len));
}

static void signed_with_randomness(void)
{
	check_verified(P256_SEC1, NULL, OBJECT(P256_PUBLIC), JOSE_ES256,
		"{\"alg\":\"ES256\",\"typ\":\"JWT\"}");
	check_verified(RSA_PKCS1, "PS256", OBJECT(RSA_PUBLIC), JOSE_PS256,
		"{\"alg\":\"PS256\",\"typ\":\"JWT\"}");
	check_verified(OBJECT(P256_PRIVATE ",\"kid\":\"k 1\""), NULL, OBJECT(P256_PUBLIC),
		JOSE_ES256, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k 1\"}");
}

/* The parts before the signature. */
static void check_parts(const struct assertion_claims *claims, const char *key, const char *key_id,
	const char *header, const char *payload)
{
	_cleanup_(buf_done) struct buf wanted = BUF(2000);
	_cleanup_(secret_freep) struct secret *jwt = NULL;

	REQUIRE(text_add_base64url(&wanted, header, strlen(header)) == 0);
	REQUIRE(buf_add_char(&wanted, '.') == 0);
	REQUIRE(text_add_base64url(&wanted, payload, strlen(payload)) == 0);
	REQUIRE(buf_add_char(&wanted, '.') == 0);
	REQUIRE(sign(key, NULL, key_id, claims, &jwt, NULL) == 0);
	CHECK(text_starts(secret_expose(jwt), buf_text(&wanted)));
}

static void what_is_null_is_left_out(void)
{
	const struct assertion_claims claims = {
		.issuer = "a\"b", .audience = "c", .issued_s = 0, .expires_s = 4102444800};

	check_parts(&claims, ED25519_PKCS8, NULL, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}",
		"{\"iss\":\"a\\\"b\",\"aud\":\"c\",\"iat\":0,\"exp\":4102444800}");
}

static void the_key_is_named(void)
{
	const struct assertion_claims claims = {.issued_s = 1, .expires_s = 2};
	static const char jwk[] = OBJECT(ED25519_PRIVATE ",\"kid\":\"of the file\"");

	check_parts(&claims, jwk, NULL,
		"{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"of the file\"}",
		"{\"iat\":1,\"exp\":2}");
	check_parts(&claims, jwk, "asked for",
		"{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"asked for\"}",
		"{\"iat\":1,\"exp\":2}");
}

static void no_claim_twice(void)
{
	static const char *const names[] = {"iss", "sub", "aud", "iat", "exp", "jti", "scope"};

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_(params_done) struct params extra = some_extra();
		const struct assertion_claims claims = some_claims(&extra);
		_cleanup_(secret_freep) struct secret *jwt = NULL;
		struct fault f = {0};

		REQUIRE(params_add(&extra, names[i], "x") == 0);
		CHECK_INT(sign(ED25519_PKCS8, NULL, NULL, &claims, &jwt, &f), -EBADMSG);
		CHECK(!jwt);
		CHECK_INT(f.kind, FAULT_MISCONFIGURED);
		CHECK(strstr(f.detail, names[i]));
	}
}

static void no_endless_assertion(void)
{
	_cleanup_(buf_done) struct buf text = BUF(ASSERTION_SIZE_MAX);
	const struct assertion_claims claims = {.issuer = "x"};
	struct assertion_claims more = claims;
	_cleanup_(secret_freep) struct secret *jwt = NULL;
	struct fault f = {0};

	while (text.len < text.max)
		REQUIRE(buf_add_char(&text, 'x') == 0);
	more.subject = buf_text(&text);
	CHECK_INT(sign(ED25519_PKCS8, NULL, NULL, &more, &jwt, &f), -EBADMSG);
	CHECK_INT(f.kind, FAULT_MISCONFIGURED);
	CHECK(!jwt && strstr(f.detail, "longer than"));
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

static int sign_starved(const struct secret *key, struct secret **ret)
{
	_cleanup_(params_done) struct params extra = some_extra();
	const struct assertion_claims claims = some_claims(&extra);
	int r;

	mem_set_failure(refuse_after_allowed);
	r = assertion_sign(key, NULL, NULL, "key-1", &claims, ret, NULL);
	mem_set_failure(NULL);
	return r;
}

static void short_of_memory(void)
{
	_cleanup_(secret_freep) struct secret *jwk =
		secret_new_text(OBJECT(ED25519_PRIVATE ",\"kid\":\"k\",\"alg\":\"EdDSA\""));
	_cleanup_(secret_freep) struct secret *jwt = NULL;
	int r = -ENOMEM;

	for (size_t n = 0; r < 0; n++) {
		allowed = n;
		r = sign_starved(jwk, &jwt);
		CHECK(r == 0 || r == -ENOMEM);
		CHECK((r == 0) == (jwt != NULL));
		REQUIRE(n < 1000);
	}
	CHECK_TEXT(secret_expose(jwt), INPUT_EDDSA "." SIGNATURE_EDDSA);
}

static const struct test tests[] = {
	{"every form of a key is taken, and tells the algorithm", keys_taken},
	{"what is no key for us is refused with the reason", keys_refused},
	{"nothing of a key or passphrase is told", no_secret_is_told},
	{"a key file beyond the limit is refused", a_huge_key_is_refused},
	{"RS256 and EdDSA assertions are right byte for byte", signed_byte_for_byte},
	{"ES256 and PS256 assertions verify with the public key", signed_with_randomness},
	{"claims and key id that are NULL are left out", what_is_null_is_left_out},
	{"a JWK names its key, who asks may name it otherwise", the_key_is_named},
	{"no claim is made twice", no_claim_twice},
	{"an assertion beyond the limit is refused", no_endless_assertion},
	{"short of memory nothing is signed, and nothing lost", short_of_memory},
};

TEST_MAIN(tests)
