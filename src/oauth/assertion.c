/* SPDX-License-Identifier: BSD-2-Clause */

/* Assertions signed with a key of ours: JWT (RFC 7519) as grant and as client authentication (RFC
 * 7523), in the compact form of JWS (RFC 7515 §3.1). */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/assertion.h"
#include "oauth/jose.h"

#define ALGORITHMS_ALLOWED "RS256 or PS256 for an RSA key, ES256 for EC P-256, EdDSA for Ed25519"

/* Which algorithm is it to be? */
static int choose_algorithm(const struct jose_key *k, const char *algorithm,
	enum jose_algorithm *ret, struct fault *reterr)
{
	const char *name = algorithm ? algorithm : k->algorithm;
	enum jose_algorithm a = jose_key_algorithm(k);

	if (name && jose_algorithm_from_string(name, &a) < 0) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"the algorithm \"%.20s\" of the key is not supported: " ALGORITHMS_ALLOWED,
			name);
		return -EBADMSG;
	}
	if (!jose_key_fits(k, a)) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"the algorithm %.20s does not fit the key, which is %s: " ALGORITHMS_ALLOWED,
			jose_algorithm_to_string(a), jose_key_kind(k));
		return -EBADMSG;
	}
	*ret = a;
	return 0;
}

static int key_load(const struct secret *key, const struct secret *passphrase,
	const char *algorithm, struct jose_key *ret_key, enum jose_algorithm *ret_algorithm,
	struct fault *reterr)
{
	_cleanup_(jose_key_done) struct jose_key k = {0};
	int r;

	r = jose_key_read(key, passphrase, &k, reterr);
	if (r < 0)
		return r;
	r = choose_algorithm(&k, algorithm, ret_algorithm, reterr);
	if (r < 0)
		return r;
	*ret_key = k;
	k = (struct jose_key){0};
	return 0;
}

static int key_sign(const struct jose_key *k, enum jose_algorithm a, const void *data, size_t len,
	struct buf *ret, struct fault *reterr)
{
	const int r = jose_sign(k, a, data, len, ret);

	if (r == -EBADMSG)
		fault_set(reterr, FAULT_MISCONFIGURED,
			"the key makes no good signature: its numbers do not belong together, copy "
			"it anew or make another");
	return r;
}

int assertion_key_check(const struct secret *key, const struct secret *passphrase,
	const char *algorithm, char *ret_algorithm, size_t size, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf signature = BUF(JOSE_SIGNATURE_MAX);
	_cleanup_(jose_key_done) struct jose_key k = {0};
	enum jose_algorithm a;
	int r;

	assert(size >= ASSERTION_ALGORITHM_SIZE);
	r = key_load(key, passphrase, algorithm, &k, &a, reterr);
	if (r == 0)
		r = key_sign(&k, a, "", 0, &signature, reterr);
	if (r < 0)
		return r;
	(void)snprintf(ret_algorithm, size, "%s", jose_algorithm_to_string(a)); /* fits */
	return 0;
}

/* Add a claim where there is a @value. */
static int add_text(struct json *object, const char *name, const char *value)
{
	return value ? json_add(object, name, json_new_text(value)) : 0;
}

static int add_extra(struct json *payload, const struct params *extra, struct fault *reterr)
{
	for (size_t i = 0; extra && i < extra->n; i++) {
		const struct param *p = &extra->items[i];

		if (json_get(payload, p->name)) {
			fault_set(reterr, FAULT_MISCONFIGURED,
				"the claim \"%.60s\" of the assertion is there already: leave it "
				"out of the extra claims",
				p->name);
			return -EBADMSG;
		}
		if (add_text(payload, p->name, p->value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int make_payload(
	const struct assertion_claims *claims, struct json **ret, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *payload = json_new_object();
	int r;

	if (!payload || add_text(payload, "iss", claims->issuer) < 0 ||
		add_text(payload, "sub", claims->subject) < 0 ||
		add_text(payload, "aud", claims->audience) < 0 ||
		json_add(payload, "iat", json_new_u64(claims->issued_s)) < 0 ||
		json_add(payload, "exp", json_new_u64(claims->expires_s)) < 0 ||
		add_text(payload, "jti", claims->jti) < 0)
		return -ENOMEM;
	r = add_extra(payload, claims->extra, reterr);
	if (r == 0)
		*ret = steal(payload);
	return r;
}

/* NULL when memory is short. */
static struct json *make_header(enum jose_algorithm a, const char *key_id)
{
	_cleanup_(json_freep) struct json *header = json_new_object();

	if (!header || add_text(header, "alg", jose_algorithm_to_string(a)) < 0 ||
		add_text(header, "typ", "JWT") < 0 || add_text(header, "kid", key_id) < 0)
		return NULL;
	return steal(header);
}

/* Append @part, which may be NULL where memory is short, in base64url. */
static int add_part(struct buf *jws, const struct json *part)
{
	_cleanup_(mem_freep) char *text = part ? json_print(part, false) : NULL;

	return text ? text_add_base64url(jws, text, strlen(text)) : -ENOMEM;
}

/* The signing input and its signature (RFC 7515 §5.1), as far as there is room. */
static int make_jws(const struct jose_key *k, enum jose_algorithm a, const struct json *header,
	const struct json *payload, struct buf *jws, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf signature = BUF(JOSE_SIGNATURE_MAX);
	int r;

	r = add_part(jws, header);
	if (r == 0)
		r = buf_add_char(jws, '.');
	if (r == 0)
		r = add_part(jws, payload);
	if (r == 0)
		r = key_sign(k, a, jws->data, jws->len, &signature, reterr);
	if (r == 0)
		r = buf_add_char(jws, '.');
	return r < 0 ? r : text_add_base64url(jws, signature.data, signature.len);
}

int assertion_sign(const struct secret *key, const struct secret *passphrase, const char *algorithm,
	const char *key_id, const struct assertion_claims *claims, struct secret **ret,
	struct fault *reterr)
{
	_cleanup_(json_freep) struct json *header = NULL, *payload = NULL;
	_cleanup_(buf_done) struct buf jws = BUF(ASSERTION_SIZE_MAX);
	_cleanup_(jose_key_done) struct jose_key k = {0};
	enum jose_algorithm a;
	struct secret *made;
	int r;

	r = key_load(key, passphrase, algorithm, &k, &a, reterr);
	if (r == 0)
		r = make_payload(claims, &payload, reterr);
	if (r < 0)
		return r;
	header = make_header(a, key_id ? key_id : k.id);
	r = make_jws(&k, a, header, payload, &jws, reterr);
	if (r == -EMSGSIZE) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"the assertion would be longer than %u bytes: give it fewer claims",
			ASSERTION_SIZE_MAX);
		return -EBADMSG;
	}
	if (r < 0)
		return r;
	made = secret_new(jws.data, jws.len);
	if (!made)
		return -ENOMEM;
	*ret = made;
	return 0;
}
