/* SPDX-License-Identifier: BSD-2-Clause */

/* Keys and signatures by libcrypto: JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2), PEM (RFC 7468), JWA
 * (RFC 7518 §3, RFC 8037 §3.1). Keys go through the EVP interface only, so that what libcrypto
 * holds of them it wipes itself. */

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/jose.h"

#define P256_SIZE    32 /* of a coordinate, of each half of a signature */
#define ED25519_SIZE 32

static const struct {
	const char *name;
	enum jose_kind kind;
} algorithms[] = {
	[JOSE_RS256] = {"RS256", JOSE_RSA},
	[JOSE_PS256] = {"PS256", JOSE_RSA},
	[JOSE_ES256] = {"ES256", JOSE_P256},
	[JOSE_EDDSA] = {"EdDSA", JOSE_ED25519},
};

static const struct {
	const char *name; /* for a person */
	const char *kty;  /* in a JWK */
	const char *crv;  /* in a JWK, NULL where the type has none */
	const char *type; /* in libcrypto */
	enum jose_algorithm usual;
} kinds[] = {
	[JOSE_RSA] = {"RSA", "RSA", NULL, "RSA", JOSE_RS256},
	[JOSE_P256] = {"EC P-256", "EC", "P-256", "EC", JOSE_ES256},
	[JOSE_ED25519] = {"Ed25519", "OKP", "Ed25519", "ED25519", JOSE_EDDSA},
};

#define KINDS_ALLOWED "RSA, EC with the curve P-256, or Ed25519"

const char *jose_algorithm_to_string(enum jose_algorithm a)
{
	return algorithms[a].name;
}

int jose_algorithm_from_string(const char *text, enum jose_algorithm *ret)
{
	for (unsigned i = 0; i < ELEMENTS(algorithms); i++)
		if (text_equal(algorithms[i].name, text)) {
			*ret = (enum jose_algorithm)i;
			return 0;
		}
	return -EINVAL;
}

void jose_key_done(struct jose_key *k)
{
	EVP_PKEY_free(k->pkey);
	k->pkey = NULL;
	k->id = mem_free(k->id);
	k->algorithm = mem_free(k->algorithm);
}

bool jose_key_fits(const struct jose_key *k, enum jose_algorithm a)
{
	return algorithms[a].kind == k->kind;
}

enum jose_algorithm jose_key_algorithm(const struct jose_key *k)
{
	return kinds[k->kind].usual;
}

const char *jose_key_kind(const struct jose_key *k)
{
	return kinds[k->kind].name;
}

/* What libcrypto has to complain about is told by us: left in its list, it would be taken for a
 * fault of the TLS connection that comes next. */
static void errors_forget(int *mark)
{
	(void)mark;
	(void)ERR_pop_to_mark(); /* there is one */
}

#define FORGET_ERRORS() _cleanup_(errors_forget) __attribute__((unused)) int _mark = ERR_set_mark()

/* --- keys of whichever origin --- */

/* A key as it is read: keys of ours come from the configuration, the provider's from a reply. */
struct reading {
	bool private;
	struct fault *reterr;
};

static enum fault_kind reading_fault(const struct reading *reading)
{
	return reading->private ? FAULT_MISCONFIGURED : FAULT_PROTOCOL;
}

static int unfit(const struct reading *reading, const char *what)
{
	fault_set(reading->reterr, reading_fault(reading), "the key %s", what);
	return -EBADMSG;
}

static int check_rsa(const struct reading *reading, const EVP_PKEY *pkey)
{
	const int bits = EVP_PKEY_get_bits(pkey);

	if (bits >= JOSE_RSA_BITS_MIN && bits <= JOSE_RSA_BITS_MAX)
		return 0;
	fault_set(reading->reterr, reading_fault(reading),
		"the RSA key has %d bits, it must have %d to %d: make another and register it at "
		"the provider",
		bits, JOSE_RSA_BITS_MIN, JOSE_RSA_BITS_MAX);
	return -EBADMSG;
}

static int check_curve(const struct reading *reading, const EVP_PKEY *pkey)
{
	char name[32];

	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), NULL) == 1 &&
		text_equal(name, SN_X9_62_prime256v1))
		return 0;
	return unfit(reading, "is on another curve than P-256: make one on P-256, or an RSA key");
}

/* What kind of key is it? Returns 0 or -EBADMSG. */
static int check_kind(const struct reading *reading, const EVP_PKEY *pkey, enum jose_kind *ret)
{
	unsigned i = 0;
	int r = 0;

	while (i < ELEMENTS(kinds) && !EVP_PKEY_is_a(pkey, kinds[i].type))
		i++;
	if (i == ELEMENTS(kinds))
		return unfit(reading, "is of a type that is not supported: " KINDS_ALLOWED);
	if (i == JOSE_RSA)
		r = check_rsa(reading, pkey);
	else if (i == JOSE_P256)
		r = check_curve(reading, pkey);
	if (r == 0)
		*ret = (enum jose_kind)i;
	return r;
}

/* --- JWK --- */

/* n e d p q dp dq qi */
#define PARTS_MAX 8

/* The longest number there is, and the zero byte that some write before it. */
#define PART_SIZE_MAX (JOSE_RSA_BITS_MAX / 8 + 1)

/* What a key is made of, in the form libcrypto takes it. */
struct parts {
	struct buf bytes[PARTS_MAX]; /* what the params point to */
	OSSL_PARAM params[PARTS_MAX + 2];
	size_t n_bytes, n_params;
};

static void parts_done(struct parts *p)
{
	for (size_t i = 0; i < p->n_bytes; i++)
		buf_done(&p->bytes[i]);
	p->n_bytes = p->n_params = 0;
}

/* Read the member @name of @jwk, which is base64url. Returns 0; -EBADMSG with the fault; -ENOMEM.
 */
static int read_member(
	const struct reading *reading, const struct json *jwk, const char *name, struct buf *ret)
{
	const char *text = json_get_text(jwk, name);
	int r = -EBADMSG;

	if (text && *text)
		r = text_decode_base64url(ret, text, strlen(text));
	if (r != -EBADMSG && r != -EMSGSIZE)
		return r;
	fault_set(reading->reterr, reading_fault(reading), "the JWK has no good member \"%s\": %s",
		name,
		reading->private ? "give a whole private key" : "the provider's keys are broken");
	return -EBADMSG;
}

/* As read_member(), of exactly @size bytes. */
static int read_sized(const struct reading *reading, const struct json *jwk, const char *name,
	size_t size, struct buf *ret)
{
	const size_t before = ret->len;
	const int r = read_member(reading, jwk, name, ret);

	if (r < 0 || ret->len - before == size)
		return r;
	return unfit(reading, "is a JWK with a member of the wrong length");
}

static struct buf *parts_next(struct parts *p)
{
	assert(p->n_bytes < PARTS_MAX);
	p->bytes[p->n_bytes] = BUF(PART_SIZE_MAX);
	return &p->bytes[p->n_bytes++];
}

/* libcrypto takes numbers in the order of the machine, a JWK has the highest byte first. */
static void to_native(struct buf *number)
{
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return;
	for (size_t i = 0; i < number->len / 2; i++) {
		const char c = number->data[i];

		number->data[i] = number->data[number->len - 1 - i];
		number->data[number->len - 1 - i] = c;
	}
}

static void parts_number(struct parts *p, const char *param, struct buf *bytes)
{
	to_native(bytes);
	p->params[p->n_params++] =
		OSSL_PARAM_construct_BN(param, (unsigned char *)bytes->data, bytes->len);
}

static void parts_octets(struct parts *p, const char *param, struct buf *bytes)
{
	p->params[p->n_params++] =
		OSSL_PARAM_construct_octet_string(param, bytes->data, bytes->len);
}

static int parts_rsa(const struct reading *reading, const struct json *jwk, struct parts *p)
{
	static const struct {
		const char *name, *param;
	} members[PARTS_MAX] = {
		{"n", OSSL_PKEY_PARAM_RSA_N},
		{"e", OSSL_PKEY_PARAM_RSA_E},
		{"d", OSSL_PKEY_PARAM_RSA_D},
		{"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
		{"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
		{"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
		{"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
		{"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
	};
	size_t n = 2;

	if (reading->private)
		n = json_get(jwk, "p") ? PARTS_MAX : 3; /* what follows d comes whole or not */
	if (reading->private && json_get(jwk, "oth"))
		return unfit(reading, "has more than two primes: make another");
	for (size_t i = 0; i < n; i++) {
		struct buf *bytes = parts_next(p);
		const int r = read_member(reading, jwk, members[i].name, bytes);

		if (r < 0)
			return r;
		parts_number(p, members[i].param, bytes);
	}
	return 0;
}

static int parts_p256(const struct reading *reading, const struct json *jwk, struct parts *p)
{
	struct buf *point = parts_next(p);
	int r = buf_add_char(point, POINT_CONVERSION_UNCOMPRESSED);

	if (r == 0)
		r = read_sized(reading, jwk, "x", P256_SIZE, point);
	if (r == 0)
		r = read_sized(reading, jwk, "y", P256_SIZE, point);
	if (r < 0)
		return r;
	p->params[p->n_params++] = OSSL_PARAM_construct_utf8_string(
		OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)SN_X9_62_prime256v1, 0);
	parts_octets(p, OSSL_PKEY_PARAM_PUB_KEY, point);
	if (reading->private) {
		struct buf *bytes = parts_next(p);

		r = read_sized(reading, jwk, "d", P256_SIZE, bytes);
		if (r == 0)
			parts_number(p, OSSL_PKEY_PARAM_PRIV_KEY, bytes);
	}
	return r;
}

static int parts_ed25519(const struct reading *reading, const struct json *jwk, struct parts *p)
{
	struct buf *bytes = parts_next(p);
	int r = read_sized(reading, jwk, "x", ED25519_SIZE, bytes);

	if (r == 0)
		parts_octets(p, OSSL_PKEY_PARAM_PUB_KEY, bytes);
	if (r < 0 || !reading->private)
		return r;
	bytes = parts_next(p);
	r = read_sized(reading, jwk, "d", ED25519_SIZE, bytes);
	if (r == 0)
		parts_octets(p, OSSL_PKEY_PARAM_PRIV_KEY, bytes);
	return r;
}

static void pkey_ctx_freep(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

/* Make a key of its parts. False where they are no key. */
static bool parts_join(
	const struct reading *reading, struct parts *p, enum jose_kind kind, EVP_PKEY **ret)
{
	_cleanup_(pkey_ctx_freep) EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_name(NULL, kinds[kind].type, NULL);
	const int selection = reading->private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;

	p->params[p->n_params] = OSSL_PARAM_construct_end();
	return ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, ret, selection, p->params) == 1;
}

/* Is @jwk of @kind? */
static bool jwk_is_kind(const struct json *jwk, enum jose_kind kind)
{
	if (!text_equal(json_get_text(jwk, "kty"), kinds[kind].kty))
		return false;
	return !kinds[kind].crv || text_equal(json_get_text(jwk, "crv"), kinds[kind].crv);
}

static int jwk_kind(const struct reading *reading, const struct json *jwk, enum jose_kind *ret)
{
	unsigned i = 0;

	while (i < ELEMENTS(kinds) && !jwk_is_kind(jwk, (enum jose_kind)i))
		i++;
	if (i < ELEMENTS(kinds)) {
		*ret = (enum jose_kind)i;
		return 0;
	}
	if (json_get_text(jwk, "kty"))
		return unfit(
			reading, "is of a type or curve that is not supported: " KINDS_ALLOWED);
	return unfit(reading,
		"is not a JWK: it has no \"kty\"; if it has a \"private_key\", put that text, line "
		"breaks and all, into a file of its own");
}

static int parts_read(
	const struct reading *reading, const struct json *jwk, enum jose_kind kind, struct parts *p)
{
	switch (kind) {
	case JOSE_RSA:
		return parts_rsa(reading, jwk, p);
	case JOSE_P256:
		return parts_p256(reading, jwk, p);
	case JOSE_ED25519:
		return parts_ed25519(reading, jwk, p);
	}
	return -EINVAL;
}

/* Copy what @jwk says of itself. */
static int jwk_labels(const struct json *jwk, struct jose_key *k)
{
	const char *id = json_get_text(jwk, "kid"), *algorithm = json_get_text(jwk, "alg");

	k->id = mem_strdup(id);
	k->algorithm = mem_strdup(algorithm);
	return (id && !k->id) || (algorithm && !k->algorithm) ? -ENOMEM : 0;
}

static int read_jwk(const struct reading *reading, const struct json *jwk, struct jose_key *ret)
{
	_cleanup_(jose_key_done) struct jose_key k = {0};
	_cleanup_(parts_done) struct parts p = {0};
	int r;

	r = jwk_kind(reading, jwk, &k.kind);
	if (r < 0)
		return r;
	if (reading->private && !json_get(jwk, "d"))
		return unfit(
			reading, "is a public key: give the private key, which has a member \"d\"");
	r = parts_read(reading, jwk, k.kind, &p);
	if (r < 0)
		return r;
	if (!parts_join(reading, &p, k.kind, &k.pkey))
		return unfit(reading, "is a JWK whose numbers are no key");
	r = check_kind(reading, k.pkey, &k.kind);
	if (r == 0)
		r = jwk_labels(jwk, &k);
	if (r < 0)
		return r;
	*ret = k;
	k = (struct jose_key){0};
	return 0;
}

int jose_key_from_jwk(const struct json *jwk, struct jose_key *ret, struct fault *reterr)
{
	const struct reading reading = {.reterr = reterr};
	FORGET_ERRORS();

	return read_jwk(&reading, jwk, ret);
}

/* Is the member absent, or that text? */
static bool member_allows(const struct json *jwk, const char *name, const char *text)
{
	return !json_get(jwk, name) || text_equal(json_get_text(jwk, name), text);
}

static bool operations_allow(const struct json *jwk)
{
	const struct json *operations = json_get(jwk, "key_ops");
	const struct json *operation = NULL;

	if (!operations)
		return true;
	if (!json_is(operations, JSON_ARRAY))
		return false;
	while ((operation = json_next(operations, operation)))
		if (text_equal(json_text(operation), "verify"))
			return true;
	return false;
}

bool jose_jwk_is_for(const struct json *jwk, enum jose_algorithm a)
{
	return jwk_is_kind(jwk, algorithms[a].kind) &&
		member_allows(jwk, "alg", algorithms[a].name) && member_allows(jwk, "use", "sig") &&
		operations_allow(jwk);
}

/* --- PEM --- */

#define PEM_BEGIN "-----BEGIN "
#define PEM_END   "-----END "
#define PEM_DASH  "-----"

/* One block of a file of them. */
struct block {
	const char *text; /* from its first line to the end of its last */
	size_t len;
	const char *label;
	size_t label_len;
};

/* The next block of @len bytes of @text, *ret untouched and false where none is whole. */
static bool block_find(const char *text, size_t len, struct block *ret)
{
	const char *end = text + len, *from, *label, *dash, *last;

	from = memmem(text, len, PEM_BEGIN, strlen(PEM_BEGIN));
	if (!from)
		return false;
	label = from + strlen(PEM_BEGIN);
	dash = memmem(label, (size_t)(end - label), PEM_DASH, strlen(PEM_DASH));
	if (!dash)
		return false;
	last = memmem(dash, (size_t)(end - dash), PEM_END, strlen(PEM_END));
	if (!last)
		return false;
	last += strlen(PEM_END);
	last = memmem(last, (size_t)(end - last), PEM_DASH, strlen(PEM_DASH));
	if (!last)
		return false;
	*ret = (struct block){
		.text = from,
		.len = (size_t)(last - from) + strlen(PEM_DASH),
		.label = label,
		.label_len = (size_t)(dash - label),
	};
	return true;
}

static bool block_is(const struct block *b, const char *label)
{
	return b->label_len == strlen(label) && memcmp(b->label, label, b->label_len) == 0;
}

static bool block_is_private(const struct block *b)
{
	return block_is(b, "PRIVATE KEY") || block_is(b, "ENCRYPTED PRIVATE KEY") ||
		block_is(b, "RSA PRIVATE KEY") || block_is(b, "EC PRIVATE KEY");
}

/* What to say of a file whose first block is this one, and that has no private key. */
static const char *block_complaint(const struct block *b)
{
	static const struct {
		const char *label, *complaint;
	} others[] = {
		{"PUBLIC KEY", "is a public key: give the private key it belongs to"},
		{"RSA PUBLIC KEY", "is a public key: give the private key it belongs to"},
		{"CERTIFICATE", "is a certificate: give the private key it was made for"},
		{"X509 CERTIFICATE", "is a certificate: give the private key it was made for"},
		{"TRUSTED CERTIFICATE", "is a certificate: give the private key it was made for"},
		{"CERTIFICATE REQUEST",
			"is a certificate request: give the private key it was made for"},
		{"OPENSSH PRIVATE KEY",
			"is in OpenSSH's own form: make a key in PKCS#8, with openssl genpkey"},
		{"DSA PRIVATE KEY", "is of a type that is not supported: " KINDS_ALLOWED},
	};

	for (size_t i = 0; i < ELEMENTS(others); i++)
		if (block_is(b, others[i].label))
			return others[i].complaint;
	return "is PEM, but no private key: give the block that says PRIVATE KEY";
}

/* Find the block with the private key, a certificate or curve parameters may stand before it. */
static int find_private(
	const struct reading *reading, const char *text, size_t len, struct block *ret)
{
	const char *end = text + len, *complaint = NULL;
	struct block b;

	while (block_find(text, (size_t)(end - text), &b)) {
		if (block_is_private(&b)) {
			*ret = b;
			return 0;
		}
		if (!complaint)
			complaint = block_complaint(&b);
		text = b.text + b.len;
	}
	return unfit(reading,
		complaint ? complaint : "is neither PEM nor a JWK: make one with openssl genpkey");
}

static void decoder_freep(OSSL_DECODER_CTX **ctx)
{
	OSSL_DECODER_CTX_free(*ctx);
}

/* False where it cannot be read. Without a passphrase libcrypto is told of none, and so asks none
 * on a terminal. */
static bool block_decode(const struct block *b, const struct secret *passphrase, EVP_PKEY **ret)
{
	const unsigned char *data = (const unsigned char *)b->text;
	size_t len = b->len;
	_cleanup_(decoder_freep) OSSL_DECODER_CTX *ctx =
		OSSL_DECODER_CTX_new_for_pkey(ret, "PEM", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);

	if (!ctx)
		return false;
	if (passphrase &&
		OSSL_DECODER_CTX_set_passphrase(ctx,
			(const unsigned char *)secret_expose(passphrase),
			secret_len(passphrase)) != 1)
		return false;
	return OSSL_DECODER_from_data(ctx, &data, &len) == 1;
}

static bool block_is_encrypted(const struct block *b)
{
	static const char old[] = "Proc-Type: 4,ENCRYPTED"; /* RFC 1421 §4.6.1.1 */

	return block_is(b, "ENCRYPTED PRIVATE KEY") ||
		memmem(b->text, b->len, old, sizeof(old) - 1);
}

static int read_pem(const struct reading *reading, const char *text, size_t len,
	const struct secret *passphrase, struct jose_key *ret)
{
	_cleanup_(jose_key_done) struct jose_key k = {0};
	bool encrypted;
	struct block b;
	int r;

	r = find_private(reading, text, len, &b);
	if (r < 0)
		return r;
	encrypted = block_is_encrypted(&b);
	if (encrypted && !passphrase)
		return unfit(reading, "is encrypted: set client_key_passphrase too");
	if (!block_decode(&b, passphrase, &k.pkey))
		return unfit(reading,
			encrypted ? "is not opened by this passphrase: see that it is the right "
				    "one, without a line end too many, and the key undamaged"
				  : "is PEM that is damaged or of no known type: copy it anew");
	r = check_kind(reading, k.pkey, &k.kind);
	if (r < 0)
		return r;
	*ret = k;
	k = (struct jose_key){0};
	return 0;
}

static int read_json(
	const struct reading *reading, const char *text, size_t len, struct jose_key *ret)
{
	_cleanup_(json_freep) struct json *jwk = NULL;
	struct fault why;
	const int r = json_parse(text, len, &jwk, &why);

	if (r == 0)
		return read_jwk(reading, jwk, ret);
	if (r == -EBADMSG)
		fault_set(
			reading->reterr, FAULT_MISCONFIGURED, "the key, a JWK, is %s", why.detail);
	return r;
}

int jose_key_read(const struct secret *text, const struct secret *passphrase, struct jose_key *ret,
	struct fault *reterr)
{
	const struct reading reading = {.private = true, .reterr = reterr};
	const char *bytes = text ? secret_expose(text) : "";
	const size_t len = secret_len(text), blank = strspn(bytes, " \t\r\n");
	FORGET_ERRORS();

	if (len == blank)
		return unfit(&reading, "is empty: make one with openssl genpkey");
	if (len > JOSE_KEY_TEXT_MAX)
		return unfit(&reading, "is not a key: it is far too long");
	if (bytes[blank] == '{')
		return read_json(&reading, bytes + blank, len - blank, ret);
	return read_pem(&reading, bytes, len, passphrase, ret);
}

/* --- signatures --- */

/* DER of two numbers of P256_SIZE, each with a zero before it. */
#define DER_SIZE_MAX (2 + 2 * (2 + 1 + P256_SIZE))

static void ecdsa_freep(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

/* libcrypto writes a signature of ES256 as DER, JOSE as both numbers one after the other. */
static bool raw_from_der(const unsigned char *der, size_t len, unsigned char raw[2 * P256_SIZE])
{
	_cleanup_(ecdsa_freep) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	return sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, P256_SIZE) == P256_SIZE &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + P256_SIZE, P256_SIZE) == P256_SIZE;
}

/* Returns the length, 0 where memory is short. */
static size_t der_from_raw(const unsigned char raw[2 * P256_SIZE], unsigned char der[DER_SIZE_MAX])
{
	_cleanup_(ecdsa_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, P256_SIZE, NULL);
	BIGNUM *s = BN_bin2bn(raw + P256_SIZE, P256_SIZE, NULL);
	int len;

	if (!sig || ECDSA_SIG_set0(sig, r, s) != 1) { /* which refuses NULL */
		BN_free(r);
		BN_free(s);
		return 0;
	}
	len = i2d_ECDSA_SIG(sig, &der);
	return len > 0 ? (size_t)len : 0;
}

static void digest_freep(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

typedef int digest_init(
	EVP_MD_CTX *ctx, EVP_PKEY_CTX **ret, const EVP_MD *type, ENGINE *engine, EVP_PKEY *pkey);

/* Set up @ctx by @init for @a. */
static bool digest_start(
	EVP_MD_CTX *ctx, digest_init *init, const struct jose_key *k, enum jose_algorithm a)
{
	const EVP_MD *digest = a == JOSE_EDDSA ? NULL : EVP_sha256(); /* it has its own */
	EVP_PKEY_CTX *options;

	assert(jose_key_fits(k, a));
	if (!ctx || init(ctx, &options, digest, NULL, k->pkey) != 1)
		return false;
	return a != JOSE_PS256 ||
		(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
}

int jose_sign(const struct jose_key *k, enum jose_algorithm a, const void *data, size_t len,
	struct buf *ret)
{
	_cleanup_(digest_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char signature[JOSE_SIGNATURE_MAX];
	size_t size = sizeof(signature);
	FORGET_ERRORS();

	if (!digest_start(ctx, EVP_DigestSignInit, k, a) ||
		EVP_DigestSign(ctx, signature, &size, data, len) != 1)
		return -EBADMSG;
	if (a == JOSE_ES256) {
		unsigned char raw[2 * P256_SIZE];

		if (!raw_from_der(signature, size, raw))
			return -EBADMSG;
		size = sizeof(raw);
		memcpy(signature, raw, size);
	}
	if (!jose_verify(k, a, data, len, signature, size))
		return -EBADMSG;
	return buf_add(ret, signature, size);
}

bool jose_verify(const struct jose_key *k, enum jose_algorithm a, const void *data, size_t len,
	const void *signature, size_t signature_len)
{
	_cleanup_(digest_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[DER_SIZE_MAX];
	FORGET_ERRORS();

	if (a == JOSE_ES256) {
		if (signature_len != 2 * P256_SIZE)
			return false;
		signature_len = der_from_raw(signature, der);
		signature = der;
	}
	return digest_start(ctx, EVP_DigestVerifyInit, k, a) &&
		EVP_DigestVerify(ctx, signature, signature_len, data, len) == 1;
}

struct secret *jose_hmac(const struct secret *key, const char *const *texts, size_t n)
{
	_cleanup_(buf_done) struct buf all = BUF(SIZE_MAX); /* as long as the texts are */
	_cleanup_(buf_done) struct buf code = BUF(44);      /* 32 bytes in base64 */
	uint8_t digest[32];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		(void)buf_add_text(&all, texts[i] ? texts[i] : ""); /* failures stick */
	if (all.error ||
		!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret_expose(key), secret_len(key),
			(const uint8_t *)buf_text(&all), all.len, digest, sizeof(digest), &len) ||
		text_add_base64(&code, digest, len) < 0)
		return NULL;
	return secret_new(code.data, code.len);
}
