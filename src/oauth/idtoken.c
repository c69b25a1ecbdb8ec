/* SPDX-License-Identifier: BSD-2-Clause */

/* The id_token, checked: OpenID Connect Core 1.0 §2 and §3.1.3.7, JWT (RFC 7519, RFC 8725), the
 * compact form of JWS (RFC 7515 §3.1 and §5.2). */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "oauth/idtoken.h"
#include "oauth/jose.h"

enum part { PART_HEADER, PART_PAYLOAD, PART_SIGNATURE, _PART_MAX };

/* A token taken apart, the parts still in base64url. */
struct parted {
	const char *text[_PART_MAX];
	size_t len[_PART_MAX];
};

static int refuse(struct fault *reterr, const char *why)
{
	fault_set(reterr, FAULT_PROTOCOL, "the id_token %s", why);
	return -EBADMSG;
}

static int part_token(const char *jwt, size_t len, struct parted *ret, struct fault *reterr)
{
	size_t dots = 0;

	if (len > IDTOKEN_SIZE_MAX)
		return refuse(reterr, "is far too long");
	ret->text[PART_HEADER] = jwt;
	for (size_t i = 0; i < len; i++) {
		if (jwt[i] != '.')
			continue;
		if (++dots < _PART_MAX)
			ret->text[dots] = jwt + i + 1;
	}
	if (dots == 4) /* RFC 7516 §3.1 */
		return refuse(reterr,
			"is encrypted, which is not supported: have the provider sign it only");
	if (dots != _PART_MAX - 1)
		return refuse(reterr, "is not a signed JWT: it must have three parts");
	for (size_t i = 0; i < _PART_MAX; i++) {
		const char *end = i + 1 < _PART_MAX ? ret->text[i + 1] - 1 : jwt + len;

		ret->len[i] = (size_t)(end - ret->text[i]);
	}
	return 0;
}

/* Read the @what that is JSON. */
static int read_object(
	const char *text, size_t len, const char *what, struct json **ret, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf bytes = BUF(IDTOKEN_SIZE_MAX);
	_cleanup_(json_freep) struct json *object = NULL;
	struct fault why;
	int r;

	r = text_decode_base64url(&bytes, text, len);
	if (r == -EBADMSG)
		fault_set(reterr, FAULT_PROTOCOL, "the %s of the id_token is not base64url", what);
	if (r < 0)
		return r;
	r = json_parse(buf_text(&bytes), bytes.len, &object, &why);
	if (r == -EBADMSG)
		fault_set(reterr, FAULT_PROTOCOL, "the %s of the id_token is %s", what, why.detail);
	if (r < 0)
		return r;
	if (!json_is(object, JSON_OBJECT)) {
		fault_set(reterr, FAULT_PROTOCOL, "the %s of the id_token is not a JSON object",
			what);
		return -EBADMSG;
	}
	*ret = steal(object);
	return 0;
}

/* --- header and key --- */

static int check_header(
	const struct json *header, enum jose_algorithm *ret_algorithm, struct fault *reterr)
{
	const char *name = json_get_text(header, "alg");
	const struct json *id = json_get(header, "kid");

	if (!name)
		return refuse(reterr, "does not say how it is signed");
	if (text_equal_nocase(name, "none"))
		return refuse(reterr, "is not signed: have the provider sign it with RS256");
	if (jose_algorithm_from_string(name, ret_algorithm) < 0) {
		fault_set(reterr, FAULT_PROTOCOL,
			"the id_token is signed with \"%.20s\": have the provider use RS256, PS256, "
			"ES256 or EdDSA",
			name);
		return -EBADMSG;
	}
	if (json_get(header, "crit")) /* RFC 7515 §4.1.11: we know no extension */
		return refuse(reterr, "needs an extension that is not supported (\"crit\")");
	if (id && !json_text(id))
		return refuse(reterr, "names its key by something that is not a text");
	return 0;
}

/* Find the one key of @jwks that can have signed with @a. */
static int find_key(const struct json *jwks, enum jose_algorithm a, const char *id,
	const struct json **ret, struct fault *reterr)
{
	const struct json *keys = json_get(jwks, "keys");
	const struct json *key = NULL, *found = NULL;
	size_t n = 0;

	while ((key = json_next(keys, key))) {
		if (id && !text_equal(json_get_text(key, "kid"), id))
			continue;
		if (!jose_jwk_is_for(key, a))
			continue;
		found = key;
		n++;
	}
	if (n == 1) {
		*ret = found;
		return 0;
	}
	if (n > 1)
		return refuse(reterr,
			"may be signed by any of several keys of the provider: it "
			"must name one (\"kid\")");
	fault_set(reterr, FAULT_PROTOCOL,
		"none of the provider's keys is for the %s signature of the id_token, key id "
		"\"%.64s\"",
		jose_algorithm_to_string(a), id ? id : "");
	return -ENOKEY;
}

static int check_signature(const struct parted *parted, enum jose_algorithm a,
	const struct json *jwk, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf signature = BUF(JOSE_SIGNATURE_MAX);
	_cleanup_(jose_key_done) struct jose_key key = {0};
	const char *input = parted->text[PART_HEADER];
	const char *input_end = parted->text[PART_PAYLOAD] + parted->len[PART_PAYLOAD];
	int r;

	r = text_decode_base64url(
		&signature, parted->text[PART_SIGNATURE], parted->len[PART_SIGNATURE]);
	if (r == -EBADMSG)
		return refuse(reterr, "has a signature that is not base64url");
	if (r == -EMSGSIZE)
		return refuse(reterr, "has a signature that is far too long");
	if (r == 0)
		r = jose_key_from_jwk(jwk, &key, reterr);
	if (r < 0)
		return r;
	if (!jose_verify(&key, a, input, (size_t)(input_end - input), buf_text(&signature),
		    signature.len))
		return refuse(reterr,
			"has a wrong signature: it was changed, or is not by the "
			"provider");
	return 0;
}

/* --- claims --- */

static int check_issuer(
	const struct json *claims, const struct idtoken_expect *expect, struct fault *reterr)
{
	const char *issuer = json_get_text(claims, "iss");

	if (!issuer)
		return refuse(reterr, "does not name its issuer (\"iss\")");
	if (text_equal(issuer, expect->issuer))
		return 0;
	fault_set(reterr, FAULT_PROTOCOL,
		"the id_token is issued by \"%.120s\", not by \"%.120s\": correct the issuer if "
		"that is the right one",
		issuer, expect->issuer);
	return -EBADMSG;
}

/* Is @client among the audiences, all of them texts, and how many are there? */
static bool audience_has(const struct json *audience, const char *client, size_t *ret_n)
{
	const struct json *element = NULL;
	bool found = false;

	*ret_n = 1;
	if (!json_is(audience, JSON_ARRAY))
		return text_equal(json_text(audience), client);
	*ret_n = json_count(audience);
	while ((element = json_next(audience, element))) {
		if (!json_text(element))
			return false;
		found |= text_equal(json_text(element), client);
	}
	return found;
}

static int check_audience(
	const struct json *claims, const struct idtoken_expect *expect, struct fault *reterr)
{
	const struct json *party = json_get(claims, "azp");
	size_t n;

	if (!audience_has(json_get(claims, "aud"), expect->audience, &n)) {
		fault_set(reterr, FAULT_PROTOCOL,
			"the id_token is not meant for the client \"%.200s\" (\"aud\")",
			expect->audience);
		return -EBADMSG;
	}
	if (!party && n > 1)
		return refuse(reterr,
			"is meant for several clients and does not say for which one "
			"it was issued (\"azp\")");
	if (party && !text_equal(json_text(party), expect->audience))
		return refuse(reterr, "was issued for another client (\"azp\")");
	return 0;
}

/* Seconds since 1970, maybe with a fraction (RFC 7519 §2). */
static int check_times(
	const struct json *claims, const struct idtoken_expect *expect, struct fault *reterr)
{
	const double now = (double)expect->wall_usec / (double)USEC_PER_S;
	const double skew = (double)(IDTOKEN_SKEW / USEC_PER_S);
	double expires, issued, not_before;

	if (!json_number(json_get(claims, "exp"), &expires))
		return refuse(reterr, "does not say when it expires (\"exp\")");
	if (now >= expires + skew)
		return refuse(reterr, "has expired: see that the clocks are right");
	if (!json_number(json_get(claims, "iat"), &issued))
		return refuse(reterr, "does not say when it was issued (\"iat\")");
	if (issued > now + skew)
		return refuse(reterr, "was issued in the future: see that the clocks are right");
	if (!json_get(claims, "nbf"))
		return 0;
	if (!json_number(json_get(claims, "nbf"), &not_before))
		return refuse(reterr, "has a start that is not a time (\"nbf\")");
	if (not_before > now + skew)
		return refuse(reterr, "is not valid yet: see that the clocks are right");
	return 0;
}

static int check_nonce(
	const struct json *claims, const struct idtoken_expect *expect, struct fault *reterr)
{
	_cleanup_(secret_freep) struct secret *nonce = NULL;
	const char *text = json_get_text(claims, "nonce");

	if (!expect->nonce || (expect->nonce_optional && !json_get(claims, "nonce")))
		return 0;
	if (!text)
		return refuse(reterr, "has no nonce, though one was sent");
	nonce = secret_new_text(text);
	if (!nonce)
		return -ENOMEM;
	if (!secret_equal(nonce, expect->nonce))
		return refuse(reterr,
			"has another nonce than was sent: it is not for this "
			"approval");
	return 0;
}

static int check_subject(const struct json *claims, struct fault *reterr)
{
	const char *subject = json_get_text(claims, "sub");

	return subject && *subject ? 0 : refuse(reterr, "does not say who approved (\"sub\")");
}

static int check_claims(
	const struct json *claims, const struct idtoken_expect *expect, struct fault *reterr)
{
	int r = check_issuer(claims, expect, reterr);

	if (r == 0)
		r = check_audience(claims, expect, reterr);
	if (r == 0)
		r = check_times(claims, expect, reterr);
	if (r == 0)
		r = check_nonce(claims, expect, reterr);
	return r < 0 ? r : check_subject(claims, reterr);
}

int idtoken_verify(const char *jwt, size_t len, const struct json *jwks,
	const struct idtoken_expect *expect, struct json **ret_claims, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *header = NULL, *claims = NULL;
	const struct json *jwk = NULL;
	enum jose_algorithm a;
	struct parted parted;
	int r;

	assert(expect->issuer && expect->audience);
	r = part_token(jwt, len, &parted, reterr);
	if (r == 0)
		r = read_object(parted.text[PART_HEADER], parted.len[PART_HEADER], "header",
			&header, reterr);
	if (r == 0)
		r = check_header(header, &a, reterr);
	if (r == 0)
		r = find_key(jwks, a, json_get_text(header, "kid"), &jwk, reterr);
	if (r == 0)
		r = check_signature(&parted, a, jwk, reterr);
	if (r == 0)
		r = read_object(parted.text[PART_PAYLOAD], parted.len[PART_PAYLOAD], "payload",
			&claims, reterr);
	if (r == 0)
		r = check_claims(claims, expect, reterr);
	if (r == 0)
		*ret_claims = steal(claims);
	return r;
}

int idtoken_check(const struct secret *token, const struct json *jwks,
	const struct idtoken_expect *expect, struct json **ret_claims, struct fault *reterr)
{
	return idtoken_verify(
		secret_expose(token), secret_len(token), jwks, expect, ret_claims, reterr);
}

int idtoken_peek(const struct secret *token, struct json **ret_claims)
{
	struct fault why;
	struct parted parted;
	int r;

	r = part_token(secret_expose(token), secret_len(token), &parted, &why);
	if (r < 0)
		return r;
	return read_object(
		parted.text[PART_PAYLOAD], parted.len[PART_PAYLOAD], "payload", ret_claims, &why);
}
