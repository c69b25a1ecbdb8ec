/* SPDX-License-Identifier: BSD-2-Clause */

/* Any text as an id_token is refused; as the claims of one that the provider signed, what is taken
 * says what has to be said. */

#include <errno.h>
#include <string.h>

#include "../unit/keys.h"
#include "base/text.h"
#include "fuzz.h"
#include "oauth/idtoken.h"
#include "oauth/jose.h"

#define KEYS   "{\"keys\":[{" ED25519_PUBLIC ",\"kid\":\"1\"},{" P256_PUBLIC "}]}"
#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"1\"}"

#define NOW 1311280980 /* in seconds */

static int verify(const char *jwt, size_t len, struct json **ret, struct fault *reterr)
{
	static const char keys[] = KEYS;
	_cleanup_(secret_freep) struct secret *nonce = secret_new_text("n");
	_cleanup_(json_freep) struct json *jwks = NULL;
	const struct idtoken_expect expect = {.issuer = "https://h",
		.audience = "c",
		.nonce = nonce,
		.wall_usec = NOW * USEC_PER_S};
	int r;

	MUST(nonce && json_parse(keys, sizeof(keys) - 1, &jwks, NULL) == 0);
	r = idtoken_verify(jwt, len, jwks, &expect, ret, reterr);
	MUST(r == 0 || r == -EBADMSG || r == -ENOKEY);
	MUST((r == 0) == (reterr->kind == FAULT_NONE));
	MUST(r == 0 || (reterr->kind == FAULT_PROTOCOL && reterr->detail[0] && !*ret));
	return r;
}

static void check_forged(const uint8_t *data, size_t size)
{
	_cleanup_(json_freep) struct json *claims = NULL;
	struct fault fault = {.kind = FAULT_NONE};

	MUST(verify((const char *)data, size, &claims, &fault) < 0);
}

/* Append the signature of the provider. */
static void sign(struct buf *jwt)
{
	_cleanup_(secret_freep) struct secret *text = secret_new_text("{" ED25519_PRIVATE "}");
	_cleanup_(buf_done) struct buf signature = BUF(JOSE_SIGNATURE_MAX);
	_cleanup_(jose_key_done) struct jose_key k = {0};

	MUST(jose_key_read(text, NULL, &k, NULL) == 0);
	MUST(jose_sign(&k, JOSE_EDDSA, jwt->data, jwt->len, &signature) == 0);
	MUST(buf_add_char(jwt, '.') == 0);
	MUST(text_add_base64url(jwt, signature.data, signature.len) == 0);
}

static void check_claims(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf jwt = BUF(2 * size + 1000);
	_cleanup_(json_freep) struct json *claims = NULL;
	struct fault fault = {.kind = FAULT_NONE};
	double expires = 0;

	MUST(text_add_base64url(&jwt, HEADER, strlen(HEADER)) == 0);
	MUST(buf_add_char(&jwt, '.') == 0);
	MUST(text_add_base64url(&jwt, data, size) == 0);
	sign(&jwt);
	if (verify(jwt.data, jwt.len, &claims, &fault) < 0) {
		MUST(!text_starts(fault.detail, "the id_token has a wrong signature"));
		return;
	}
	MUST(text_equal(json_get_text(claims, "iss"), "https://h"));
	MUST(text_equal(json_get_text(claims, "nonce"), "n"));
	MUST(json_get_text(claims, "sub") && *json_get_text(claims, "sub"));
	MUST(json_number(json_get(claims, "exp"), &expires) && expires > NOW - 301);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_forged(data, size);
	check_claims(data, size);
	return 0;
}
