/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/names.h"
#include "base/secret.h"

/* Assertions that we sign with a key of ours (RFC 7523, RFC 7519). A key is the text of its file,
 * as jose_key_read() takes it, and is read anew at each use, which is rare. The algorithm asked for
 * (NULL: none) stands before what a JWK says of itself, and that before what is usual with the key:
 * RS256, ES256, EdDSA; PS256 is only used where it is asked for. */

/* Can that key be used, with that algorithm? Signs something to find out. Returns 0 with the name
 * of the algorithm in @ret_algorithm, whose @size is at least ASSERTION_ALGORITHM_SIZE; -EBADMSG
 * with @reterr (misconfigured: what is wrong and what to do); -ENOMEM. */
int assertion_key_check(const struct secret *key, const struct secret *passphrase,
	const char *algorithm, char *ret_algorithm, size_t size, struct fault *reterr);

#define ASSERTION_ALGORITHM_SIZE sizeof("EdDSA")

/* What is claimed (RFC 7523 §3). What is NULL is left out. */
struct assertion_claims {
	const char *issuer;
	const char *subject;
	const char *audience;
	const char *jti;
	uint64_t issued_s; /* since 1970, wall time */
	uint64_t expires_s;
	const struct params *extra; /* more claims, texts; none may be named as one of these */
};

/* Sign @claims as a JWT (RFC 7515 §3.1). The key is named by @key_id, or by the "kid" of the JWK
 * where that is NULL. The random bytes that PS256 and ES256 need are libcrypto's own, all else
 * follows from the arguments. Returns 0 with *ret; -EBADMSG with @reterr (misconfigured); -ENOMEM.
 */
int assertion_sign(const struct secret *key, const struct secret *passphrase, const char *algorithm,
	const char *key_id, const struct assertion_claims *claims, struct secret **ret,
	struct fault *reterr);

/* Who sends a longer one in a form or a header is refused; ours take less than 1 KiB. */
#define ASSERTION_SIZE_MAX (16u * 1024)
