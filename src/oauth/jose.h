/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/secret.h"

/* Keys and signatures of JOSE, for who signs and who checks: libcrypto under names of ours. */

enum jose_algorithm {
	JOSE_RS256, /* RFC 7518 §3.3 */
	JOSE_PS256, /* §3.5 */
	JOSE_ES256, /* §3.4 */
	JOSE_EDDSA, /* RFC 8037 §3.1, with Ed25519 only */
};

const char *jose_algorithm_to_string(enum jose_algorithm a);                /* "RS256" … */
int jose_algorithm_from_string(const char *text, enum jose_algorithm *ret); /* 0, -EINVAL */

enum jose_kind { JOSE_RSA, JOSE_P256, JOSE_ED25519 };

/* A key that was found fit for use: of these kinds, RSA within the bounds below. Zero-initialised
 * is empty. */
struct jose_key {
	struct evp_pkey_st *pkey; /* libcrypto's */
	enum jose_kind kind;
	char *id;        /* "kid" of a JWK, NULL where absent */
	char *algorithm; /* "alg" of a JWK, NULL where absent */
};

#define JOSE_RSA_BITS_MIN 2048 /* RFC 7518 §3.3 */
#define JOSE_RSA_BITS_MAX 8192 /* a longer one would hold all else up while it signs */

void jose_key_done(struct jose_key *k);

/* A private key of ours, as it stands in a file: a JWK, or PEM (PKCS#8, PKCS#1, SEC1), which may be
 * encrypted with @passphrase (else NULL) and have other blocks around it. Fills *ret (must be
 * empty). Returns 0; -EBADMSG with @reterr (misconfigured, with the remedy); -ENOMEM. */
int jose_key_read(const struct secret *text, const struct secret *passphrase, struct jose_key *ret,
	struct fault *reterr);

#define JOSE_KEY_TEXT_MAX (64u * 1024) /* RSA of the longest kind takes a tenth, as a JWK */

/* A public key of the provider's, from a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2). Fills *ret (must
 * be empty). Returns 0; -EBADMSG with @reterr (protocol); -ENOMEM. */
int jose_key_from_jwk(const struct json *jwk, struct jose_key *ret, struct fault *reterr);

/* Is @jwk by its own word a key to check signatures by @a with? Its numbers are not looked at. */
bool jose_jwk_is_for(const struct json *jwk, enum jose_algorithm a);

/* Can @k be used with @a, and what is used with it where nobody says? */
bool jose_key_fits(const struct jose_key *k, enum jose_algorithm a);
enum jose_algorithm jose_key_algorithm(const struct jose_key *k);
const char *jose_key_kind(const struct jose_key *k); /* for a person: "RSA" */

/* Append the signature of @len bytes by the private key @k, which must fit @a, as JOSE writes it,
 * to @ret. It is checked before it is given out: one made with damaged numbers can tell the key.
 * The random bytes of PS256 and ES256 are libcrypto's own. Returns 0; -EBADMSG where the key cannot
 * make a good one; -ENOMEM, -EMSGSIZE of @ret. */
int jose_sign(const struct jose_key *k, enum jose_algorithm a, const void *data, size_t len,
	struct buf *ret);

#define JOSE_SIGNATURE_MAX (JOSE_RSA_BITS_MAX / 8)

/* Is @signature that of @len bytes of @data by @k, which must fit @a? */
bool jose_verify(const struct jose_key *k, enum jose_algorithm a, const void *data, size_t len,
	const void *signature, size_t signature_len);

/* HMAC-SHA256 (RFC 2104) by @key of the @n @texts one after the other (NULL for an empty one), in
 * base64. NULL when memory is short. */
struct secret *jose_hmac(const struct secret *key, const char *const *texts, size_t n);
