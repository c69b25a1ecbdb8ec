/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/now.h"
#include "base/secret.h"

/* What an id_token must say. */
struct idtoken_expect {
	const char *issuer;         /* exactly */
	const char *audience;       /* our client_id */
	const struct secret *nonce; /* as we sent it, NULL where none was */
	bool nonce_optional; /* it need not be there: a device code takes no nonce along everywhere
	                      */
	uint64_t wall_usec;  /* now */
};

/* How far the provider's clock may be from ours. */
#define IDTOKEN_SKEW (5 * USEC_PER_MIN)

/* The longest one we take; with a person's hundreds of groups in it, it is a quarter as long. */
#define IDTOKEN_SIZE_MAX (64u * 1024)

/* Check @len bytes of @jwt as OpenID Connect Core 1.0 §3.1.3.7 says, signed by one of the keys of
 * @jwks (RFC 7517 §5), which was fetched from the provider: RS256, PS256, ES256 or EdDSA, by the
 * key of its "kid", or where it names none by the only one that fits. What a header brings along of
 * keys is not looked at. Returns 0 with all its claims in *ret_claims, of which "sub" is a text
 * that is not empty; -ENOKEY with @reterr where no key of @jwks fits: fetched anew, they may; each
 * other refusal is -EBADMSG. The fault is of kind protocol and shows nothing of a signature or of a
 * nonce. -ENOMEM. */
int idtoken_verify(const char *jwt, size_t len, const struct json *jwks,
	const struct idtoken_expect *expect, struct json **ret_claims, struct fault *reterr);

/* The same of a token that is kept as a secret. */
int idtoken_check(const struct secret *token, const struct json *jwks,
	const struct idtoken_expect *expect, struct json **ret_claims, struct fault *reterr);

/* Read the claims of @token and check nothing: for the reply to a refresh, which came from the
 * provider itself over TLS (OpenID Connect Core 1.0 §12.2, §3.1.3.7 item 6), to see whether it is
 * about somebody else. 0, -EBADMSG, -ENOMEM. */
int idtoken_peek(const struct secret *token, struct json **ret_claims);
