/* SPDX-License-Identifier: BSD-2-Clause */

/* Any text as a key file, and as a JWK of the provider's: what is taken signs and verifies. No
 * passphrase is given: with one, a file may ask for hours of work, and it is the administrator's.
 */

#include <errno.h>

#include "base/json.h"
#include "fuzz.h"
#include "oauth/assertion.h"
#include "oauth/jose.h"

static const enum jose_algorithm all[] = {JOSE_RS256, JOSE_PS256, JOSE_ES256, JOSE_EDDSA};

static void check_private(const uint8_t *data, size_t size)
{
	_cleanup_(secret_freep) struct secret *text = secret_new(data, size);
	const struct assertion_claims claims = {.issuer = "client"};
	_cleanup_(secret_freep) struct secret *jwt = NULL;
	char algorithm[ASSERTION_ALGORITHM_SIZE] = "";
	struct fault fault = {.kind = FAULT_NONE};
	enum jose_algorithm a;
	int r;

	MUST(text);
	r = assertion_key_check(text, NULL, NULL, algorithm, sizeof(algorithm), &fault);
	MUST(r == 0 || r == -EBADMSG);
	MUST((r == 0) == (jose_algorithm_from_string(algorithm, &a) == 0));
	MUST((r == 0) == (fault.kind == FAULT_NONE));
	if (r == 0) {
		MUST(assertion_sign(text, NULL, algorithm, "id", &claims, &jwt, NULL) == 0);
		return;
	}
	MUST(fault.kind == FAULT_MISCONFIGURED && fault.detail[0]);
	MUST(assertion_sign(text, NULL, NULL, NULL, &claims, &jwt, &fault) == -EBADMSG && !jwt);
}

static void check_public(const uint8_t *data, size_t size)
{
	static const uint8_t signature[JOSE_SIGNATURE_MAX] = {1};
	_cleanup_(json_freep) struct json *jwk = NULL;
	_cleanup_(jose_key_done) struct jose_key k = {0};
	struct fault fault = {.kind = FAULT_NONE};
	int r;

	if (json_parse((const char *)data, size, &jwk, NULL) < 0)
		return;
	r = jose_key_from_jwk(jwk, &k, &fault);
	MUST(r == 0 || (r == -EBADMSG && fault.kind == FAULT_PROTOCOL && !k.pkey));
	for (size_t i = 0; i < ELEMENTS(all); i++) {
		(void)jose_jwk_is_for(jwk, all[i]); /* by its words, which may be good or not */
		if (r == 0 && jose_key_fits(&k, all[i]))
			(void)jose_verify(&k, all[i], data, size, signature, size % 300 + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_private(data, size);
	check_public(data, size);
	return 0;
}
