/* SPDX-License-Identifier: BSD-2-Clause */

/* Signatures of JOSE: the examples of RFC 7515 appendix A and RFC 8037 appendix A.4, which of them
 * hold, and which public keys are taken. */

#include <errno.h>
#include <openssl/err.h>

#include "base/text.h"
#include "keys.h"
#include "oauth/jose.h"
#include "test.h"

#define RFC7515_PAYLOAD \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cnVlfQ"

#define RS256_INPUT "eyJhbGciOiJSUzI1NiJ9." RFC7515_PAYLOAD
#define RS256_SIGNATURE \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W" \
	"2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS" \
	"jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv" \
	"Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"

#define ES256_INPUT "eyJhbGciOiJFUzI1NiJ9." RFC7515_PAYLOAD
#define ES256_SIGNATURE \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

#define EDDSA_INPUT "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define EDDSA_SIGNATURE \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

/* Made with openssl dgst, with a salt as long as the digest, and a shorter one. */
#define PS256_INPUT "eyJhbGciOiJQUzI1NiJ9.e30"
#define PS256_SIGNATURE \
	"jLzVGhoCR07TWiItfFlVocpK-aIx2LbRrp4etP9laCJFtE4j2XEbX1WPDI5K1GNOIsgl8jvZ369dqyaA8PEZKhO7" \
	"g2UZK1Zwo_35AdtsyUXm-olFdFZ5j_k_QRMJrvvnlt52gKtVsD9guRXF21jnW8WtU4rH9NeCarm33qfOaVRZheaT" \
	"0w4H3Q62Z-FRk-eiuhVOuvahEhWjhJHiTZocg9mMFv3gjfbgBkuYmdbIGgbuNrQDLrxRWPwB-KK4ESmxZBrqi6U0" \
	"bMo8MnNE4htAB0MBAQGlGt1N17DaiXvOFyGkHnhlc-_FSfKMEqksfNxFG04ygLVsjpi1XreKMDv5sQ"
#define PS256_SHORT_SALT \
	"mmESSDToG1jeQlzs-UjSteTnVAxyPz-vm4uVsZeZ7143SA5yNaF10R6Sr-qD92-fqxP_hw__xHKivW0HhTTUYj-b" \
	"dpY0ARDWMEbbdG_7I9Lnx6MR8afPt9G-RS9hYQBzLiKuGprkJnDJtc3pUf5fB9Zc3cfZSffHiJ-x9uW-IMpPi0Sg" \
	"NH0vj7sGCCXIeyR3rbEoL_XCWecVoluEt5-qu2GkNxrzrGO0XN4DrKElz-BTRX5-kC1QiZ-3tB6bwvbXdrnL218N" \
	"oeCEU5Ifb65ei1qLrgG3WgbW86XcgdfdUBBE0tQRnlOCGGxAGDzagG5kceNNh8Zr5PU7duCZQH3qYw"

#define OBJECT(members) "{" members "}"

static struct jose_key private_key(const char *text)
{
	_cleanup_(secret_freep) struct secret *secret = secret_new_text(text);
	struct jose_key k = {0};

	REQUIRE(jose_key_read(secret, NULL, &k, NULL) == 0);
	return k;
}

static int read_public(const char *text, struct jose_key *ret, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *jwk = NULL;

	REQUIRE(json_parse(text, strlen(text), &jwk, NULL) == 0);
	return jose_key_from_jwk(jwk, ret, reterr);
}

static void check_signed(
	const char *key, enum jose_algorithm a, const char *input, const char *signature)
{
	_cleanup_(buf_done) struct buf made = BUF(JOSE_SIGNATURE_MAX), text = BUF(2000);
	_cleanup_(jose_key_done) struct jose_key k = private_key(key);

	CHECK_INT(jose_sign(&k, a, input, strlen(input), &made), 0);
	REQUIRE(text_add_base64url(&text, made.data, made.len) == 0);
	CHECK_TEXT(buf_text(&text), signature);
}

static bool holds(const char *key, enum jose_algorithm a, const char *input, const char *signature)
{
	_cleanup_(buf_done) struct buf bytes = BUF(2000);
	_cleanup_(jose_key_done) struct jose_key k = {0};

	REQUIRE(text_decode_base64url(&bytes, signature, strlen(signature)) == 0);
	REQUIRE(read_public(key, &k, NULL) == 0);
	return jose_verify(&k, a, input, strlen(input), buf_text(&bytes), bytes.len);
}

static void rs256_example(void)
{
	check_signed(OBJECT(RSA_PRIVATE), JOSE_RS256, RS256_INPUT, RS256_SIGNATURE);
	check_signed(OBJECT(RSA_PUBLIC "," RSA_D), JOSE_RS256, RS256_INPUT, RS256_SIGNATURE);
	check_signed(RSA_PKCS1, JOSE_RS256, RS256_INPUT, RS256_SIGNATURE);
	check_signed(RSA_PKCS8, JOSE_RS256, RS256_INPUT, RS256_SIGNATURE);
	CHECK(holds(OBJECT(RSA_PUBLIC), JOSE_RS256, RS256_INPUT, RS256_SIGNATURE));
}

static void eddsa_example(void)
{
	check_signed(OBJECT(ED25519_PRIVATE), JOSE_EDDSA, EDDSA_INPUT, EDDSA_SIGNATURE);
	check_signed(ED25519_PKCS8, JOSE_EDDSA, EDDSA_INPUT, EDDSA_SIGNATURE);
	CHECK(holds(OBJECT(ED25519_PUBLIC), JOSE_EDDSA, EDDSA_INPUT, EDDSA_SIGNATURE));
}

static void es256_example(void)
{
	CHECK(holds(OBJECT(P256_PUBLIC), JOSE_ES256, ES256_INPUT, ES256_SIGNATURE));
}

static void ps256_example(void)
{
	CHECK(holds(OBJECT(RSA_PUBLIC), JOSE_PS256, PS256_INPUT, PS256_SIGNATURE));
	CHECK(!holds(OBJECT(RSA_PUBLIC), JOSE_PS256, PS256_INPUT, PS256_SHORT_SALT));
}

static void check_random(
	const char *private, const char *public, enum jose_algorithm a, size_t size)
{
	_cleanup_(buf_done) struct buf first = BUF(JOSE_SIGNATURE_MAX);
	_cleanup_(buf_done) struct buf second = BUF(JOSE_SIGNATURE_MAX);
	_cleanup_(jose_key_done) struct jose_key k = private_key(private), other = {0};

	REQUIRE(read_public(public, &other, NULL) == 0);
	REQUIRE(jose_sign(&k, a, "text", 4, &first) == 0);
	REQUIRE(jose_sign(&k, a, "text", 4, &second) == 0);
	CHECK_INT(first.len, size);
	CHECK_INT(second.len, size);
	CHECK(memcmp(first.data, second.data, size) != 0);
	CHECK(jose_verify(&other, a, "text", 4, first.data, first.len));
	CHECK(jose_verify(&other, a, "text", 4, second.data, second.len));
	CHECK(!jose_verify(&other, a, "test", 4, first.data, first.len));
}

static void random_signatures(void)
{
	/* With a leading zero in one half in one of 128, and a length that is always the same. */
	for (int i = 0; i < 300; i++)
		check_random(P256_SEC1, OBJECT(P256_PUBLIC), JOSE_ES256, 64);
	check_random(OBJECT(P256_PRIVATE), OBJECT(P256_PUBLIC), JOSE_ES256, 64);
	check_random(RSA_PKCS8, OBJECT(RSA_PUBLIC), JOSE_PS256, 256);
}

static void wrong_signatures(void)
{
	static const struct {
		const char *key;
		enum jose_algorithm a;
		const char *input, *signature;
	} wrong[] = {
		{OBJECT(RSA_PUBLIC), JOSE_RS256, EDDSA_INPUT, RS256_SIGNATURE},
		{OBJECT(RSA_PUBLIC), JOSE_PS256, RS256_INPUT, RS256_SIGNATURE},
		{OBJECT(RSA_PUBLIC), JOSE_RS256, RS256_INPUT, ES256_SIGNATURE},
		{OBJECT(RSA_PUBLIC), JOSE_RS256, RS256_INPUT, ""},
		{OBJECT(P256_PUBLIC), JOSE_ES256, ES256_INPUT, EDDSA_SIGNATURE},
		{OBJECT(P256_PUBLIC), JOSE_ES256, ES256_INPUT, RS256_SIGNATURE},
		{OBJECT(P256_PUBLIC), JOSE_ES256, RS256_INPUT, ES256_SIGNATURE},
		{OBJECT(P256_PUBLIC), JOSE_ES256, ES256_INPUT, ""},
		{OBJECT(P256_PUBLIC), JOSE_ES256, ES256_INPUT, ES256_SIGNATURE "AA"},
		{OBJECT(P256_PUBLIC), JOSE_ES256, ES256_INPUT, "AA"},
		{OBJECT(ED25519_PUBLIC), JOSE_EDDSA, ES256_INPUT, EDDSA_SIGNATURE},
		{OBJECT(ED25519_PUBLIC), JOSE_EDDSA, EDDSA_INPUT, ES256_SIGNATURE},
		{OBJECT(ED25519_PUBLIC), JOSE_EDDSA, EDDSA_INPUT, ""},
	};

	for (size_t i = 0; i < ELEMENTS(wrong); i++)
		if (holds(wrong[i].key, wrong[i].a, wrong[i].input, wrong[i].signature))
			TEST_FAIL("row %zu holds", i);
}

/* Both halves zero, which ECDSA libraries have taken for a signature of everything. */
static void zero_signature(void)
{
	static const char zeros[64];
	_cleanup_(jose_key_done) struct jose_key k = {0};

	REQUIRE(read_public(OBJECT(P256_PUBLIC), &k, NULL) == 0);
	CHECK(!jose_verify(&k, JOSE_ES256, "text", 4, zeros, sizeof(zeros)));
}

static void public_keys_refused(void)
{
	static const char *const refused[] = {
		"{}",
		"[]",
		"\"kty\"",
		"{\"kty\":1}",
		"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}",
		"{\"kty\":\"RSA\"}",
		"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"AQ=\",\"e\":\"AQAB\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
		/* one byte short */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA\""
		",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		/* not on the curve */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""
		",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\""
		",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	};

	for (size_t i = 0; i < ELEMENTS(refused); i++) {
		struct jose_key k = {0};
		struct fault f = {0};

		if (read_public(refused[i], &k, &f) != -EBADMSG)
			TEST_FAIL("row %zu is taken", i);
		CHECK_INT(f.kind, FAULT_PROTOCOL);
		CHECK(f.detail[0] && !k.pkey);
	}
}

static void rsa_key_too_long(void)
{
	_cleanup_(buf_done) struct buf text = BUF(2000);
	struct jose_key k = {0};
	struct fault f = {0};

	REQUIRE(buf_add_text(&text, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"") == 0);
	for (int i = 0; i < 1366; i++) /* with what follows 1025 bytes, all bits of them set */
		REQUIRE(buf_add_char(&text, '_') == 0);
	REQUIRE(buf_add_text(&text, "8\"}") == 0);
	CHECK_INT(read_public(buf_text(&text), &k, &f), -EBADMSG);
	CHECK(strstr(f.detail, "8200 bits"));
}

static void no_error_stays(void)
{
	_cleanup_(secret_freep) struct secret *damaged =
		secret_new_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	struct jose_key k = {0};

	CHECK_INT(jose_key_read(damaged, NULL, &k, NULL), -EBADMSG);
	CHECK(!holds(OBJECT(RSA_PUBLIC), JOSE_PS256, RS256_INPUT, RS256_SIGNATURE));
	CHECK_INT(ERR_peek_error(), 0);
}

static bool is_for(const char *text, enum jose_algorithm a)
{
	_cleanup_(json_freep) struct json *jwk = NULL;

	REQUIRE(json_parse(text, strlen(text), &jwk, NULL) == 0);
	return jose_jwk_is_for(jwk, a);
}

static void keys_for_an_algorithm(void)
{
	CHECK(is_for("{\"kty\":\"RSA\"}", JOSE_RS256));
	CHECK(is_for("{\"kty\":\"RSA\"}", JOSE_PS256));
	CHECK(!is_for("{\"kty\":\"RSA\"}", JOSE_ES256));
	CHECK(is_for("{\"kty\":\"EC\",\"crv\":\"P-256\"}", JOSE_ES256));
	CHECK(!is_for("{\"kty\":\"EC\",\"crv\":\"P-384\"}", JOSE_ES256));
	CHECK(!is_for("{\"kty\":\"EC\"}", JOSE_ES256));
	CHECK(is_for("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", JOSE_EDDSA));
	CHECK(!is_for("{\"kty\":\"OKP\",\"crv\":\"X25519\"}", JOSE_EDDSA));
	CHECK(!is_for("{\"kty\":\"oct\"}", JOSE_RS256));
	CHECK(is_for("{\"kty\":\"RSA\",\"alg\":\"PS256\"}", JOSE_PS256));
	CHECK(!is_for("{\"kty\":\"RSA\",\"alg\":\"RS256\"}", JOSE_PS256));
	CHECK(!is_for("{\"kty\":\"RSA\",\"alg\":1}", JOSE_RS256));
	CHECK(is_for("{\"kty\":\"RSA\",\"use\":\"sig\"}", JOSE_RS256));
	CHECK(!is_for("{\"kty\":\"RSA\",\"use\":\"enc\"}", JOSE_RS256));
	CHECK(is_for("{\"kty\":\"RSA\",\"key_ops\":[\"sign\",\"verify\"]}", JOSE_RS256));
	CHECK(!is_for("{\"kty\":\"RSA\",\"key_ops\":[\"encrypt\"]}", JOSE_RS256));
	CHECK(!is_for("{\"kty\":\"RSA\",\"key_ops\":\"verify\"}", JOSE_RS256));
	CHECK(!is_for("[]", JOSE_RS256));
}

static void algorithm_names(void)
{
	static const char *const names[] = {"RS256", "PS256", "ES256", "EdDSA"};
	static const char *const unknown[] = {"none", "HS256", "RS384", "rs256", "EDDSA", "", NULL};
	enum jose_algorithm a = JOSE_ES256;

	for (size_t i = 0; i < ELEMENTS(unknown); i++)
		CHECK_INT(jose_algorithm_from_string(unknown[i], &a), -EINVAL);
	CHECK_INT(a, JOSE_ES256);
	for (unsigned i = 0; i < ELEMENTS(names); i++) {
		CHECK_TEXT(jose_algorithm_to_string((enum jose_algorithm)i), names[i]);
		CHECK_INT(jose_algorithm_from_string(names[i], &a), 0);
		CHECK_INT(a, i);
	}
}

static const struct test tests[] = {
	{"RS256 signs as in RFC 7515 A.2, whichever form the key has", rs256_example},
	{"EdDSA signs as in RFC 8037 A.4", eddsa_example},
	{"ES256 takes the signature of RFC 7515 A.3", es256_example},
	{"PS256 takes a salt as long as the digest, and no other", ps256_example},
	{"ES256 and PS256 differ each time, hold, and are of one length", random_signatures},
	{"a signature of something else, of another key or length does not hold", wrong_signatures},
	{"an ES256 signature of zeros does not hold", zero_signature},
	{"a public key that is none is refused, with a protocol fault", public_keys_refused},
	{"an RSA key that would take too long to use is refused", rsa_key_too_long},
	{"no error stays in libcrypto's list, where TLS would find it", no_error_stays},
	{"a JWK is only used for what it says it is for", keys_for_an_algorithm},
	{"the four algorithms have names, no other is known", algorithm_names},
};

TEST_MAIN(tests)
