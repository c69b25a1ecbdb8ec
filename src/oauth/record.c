/* SPDX-License-Identifier: BSD-2-Clause */

/* What of a connection is on disk, and its sealed form:
 *
 *   grantd-record 1 NAME GENERATION MACHINE SALT\n    the header, authenticated: decimal
 * generation, hexadecimal machine, base64url salt ciphertext of a JSON object, tag (16 bytes)
 * AES-256-GCM (NIST SP 800-38D)
 *
 * Key and nonce are one HKDF-SHA256 (RFC 5869) of the store's key with the header's salt, so no
 * nonce meets a key twice as long as salts are fresh; the header is part of its info too. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/record.h"

#define RECORD_MAGIC   "grantd-record"
#define RECORD_VERSION "1"

/* The names are at most 63 long, all else is of fixed length: this is twice what is needed. */
#define HEADER_MAX 512

#define KEY_SIZE   32
#define NONCE_SIZE 12
#define TAG_SIZE   16

/* Numbers in JSON are exact up to here; as a time it is the year 2255, and what is later never
 * comes. */
#define NUMBER_MAX (UINT64_C(1) << 53)

/* --- lives --- */

void record_grant_done(struct record_grant *g)
{
	mem_free(g->binding);
	token_done(&g->token);
	*g = (struct record_grant){.present = false};
}

void record_candidate_done(struct record_candidate *c)
{
	record_grant_done(&c->grant);
	c->nonce = secret_free(c->nonce);
	c->nonce_required = false;
}

static void record_approval_done(struct record_approval *a)
{
	a->binding = mem_free(a->binding);
	device_authorization_done(&a->device);
	a->verifier = secret_free(a->verifier);
	a->nonce = secret_free(a->nonce);
	a->state = secret_free(a->state);
	a->redirect_uri = mem_free(a->redirect_uri);
}

/* Something to poll with, or something to compare a pasted address with. */
static bool approval_is_whole(const struct record_approval *a)
{
	return (a->state && a->redirect_uri) || (a->device.device_code && a->device.user_code);
}

void record_done(struct record *r)
{
	record_grant_done(&r->grant);
	identity_done(&r->identity);
	record_candidate_done(&r->candidate);
	record_approval_done(&r->approval);
	*r = (struct record){0};
}

/* --- binding --- */

static int compare_texts(const void *a, const void *b)
{
	const char *const *first = a, *const *second = b;

	return strcmp(*first, *second);
}

/* With its length in front, so that no two lists of parts look alike. */
static void binding_add(struct buf *all, const char *part)
{
	(void)buf_printf(all, "%zu:", strlen(part)); /* failures stick */
	(void)buf_add_text(all, part);
}

static int binding_add_set(struct buf *all, const struct names *set)
{
	_cleanup_(mem_freep) const char **sorted = mem_array(set->n + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		sorted[i] = set->items[i];
	qsort(sorted, set->n, sizeof(*sorted), compare_texts);
	for (size_t i = 0; i < set->n; i++)
		if (i == 0 || !text_equal(sorted[i - 1], sorted[i]))
			binding_add(all, sorted[i]);
	return all->error;
}

char *record_binding(const char *provider, const char *client_id, const struct names *scopes,
	const struct names *targets)
{
	_cleanup_(buf_done) struct buf all = BUF(SIZE_MAX); /* as long as the configuration is */
	_cleanup_(buf_done) struct buf text = BUF(43);
	uint8_t digest[32];

	binding_add(&all, provider);
	binding_add(&all, client_id);
	if (binding_add_set(&all, scopes) < 0 || binding_add_set(&all, targets) < 0)
		return NULL;
	if (EVP_Digest(all.data, all.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return NULL;
	if (text_add_base64url(&text, digest, sizeof(digest)) < 0)
		return NULL;
	return buf_steal(&text);
}

/* --- fields: one table for both directions --- */

enum field_type {
	FIELD_TEXT,   /* char * */
	FIELD_SECRET, /* struct secret * */
	FIELD_TIME,   /* uint64_t in microseconds, null is never */
	FIELD_BOOL,   /* bool */
	FIELD_COUNT,  /* unsigned */
	FIELD_NAMES,  /* struct names */
	FIELD_TREE,   /* struct json *, as text, so that its depth does not add to ours */
};

struct field {
	const char *key;
	enum field_type type;
	size_t offset;
	bool required;
};

#define GRANT(member)     offsetof(struct record_grant, member)
#define CANDIDATE(member) offsetof(struct record_candidate, member)
#define APPROVAL(member)  offsetof(struct record_approval, member)

static const struct field record_fields[] = {
	{"renewals", FIELD_COUNT, offsetof(struct record, renewals), true},
	{"not_before", FIELD_TIME, offsetof(struct record, not_before_usec), true},
	{"fault_since", FIELD_TIME, offsetof(struct record, fault_since_usec), true},
	{"given_up", FIELD_BOOL, offsetof(struct record, given_up), false},
};

static const struct field grant_fields[] = {
	{"binding", FIELD_TEXT, GRANT(binding), false},
	{"access_token", FIELD_SECRET, GRANT(token.access_token), true},
	{"refresh_token", FIELD_SECRET, GRANT(token.refresh_token), false},
	{"token_type", FIELD_TEXT, GRANT(token.token_type), false},
	{"scope_given", FIELD_BOOL, GRANT(token.scope_given), true},
	{"scopes", FIELD_NAMES, GRANT(token.scopes), true},
	{"lifetime_given", FIELD_BOOL, GRANT(token.lifetime_given), true},
	{"lifetime", FIELD_TIME, GRANT(token.lifetime_usec), true},
	{"extra", FIELD_TREE, GRANT(token.extra), false},
	{"obtained", FIELD_TIME, GRANT(obtained_usec), true},
	{"expires", FIELD_TIME, GRANT(expires_usec), true},
	{"approved", FIELD_TIME, GRANT(approved_usec), true},
	{"refresh_expires", FIELD_TIME, GRANT(refresh_expires_usec), false},
	{"rotates", FIELD_BOOL, GRANT(rotates), true},
	{"refresh_sent", FIELD_BOOL, GRANT(refresh_sent), true},
	{"discard", FIELD_BOOL, GRANT(discard), false},
};

/* Beside those of the grant, which it begins with. */
static const struct field candidate_fields[] = {
	{"id_token", FIELD_SECRET, CANDIDATE(grant.token.id_token), false},
	{"nonce", FIELD_SECRET, CANDIDATE(nonce), false},
	{"nonce_required", FIELD_BOOL, CANDIDATE(nonce_required), false},
};

static const struct field identity_fields[] = {
	{"issuer", FIELD_TEXT, offsetof(struct identity, issuer), true},
	{"subject", FIELD_TEXT, offsetof(struct identity, subject), true},
	{"claims", FIELD_TREE, offsetof(struct identity, claims), true},
};

static const struct field approval_fields[] = {
	{"binding", FIELD_TEXT, APPROVAL(binding), false},
	{"device_code", FIELD_SECRET, APPROVAL(device.device_code), false},
	{"user_code", FIELD_TEXT, APPROVAL(device.user_code), false},
	{"state", FIELD_SECRET, APPROVAL(state), false},
	{"redirect_uri", FIELD_TEXT, APPROVAL(redirect_uri), false},
	{"names_issuer", FIELD_BOOL, APPROVAL(names_issuer), false},
	{"verification_uri", FIELD_TEXT, APPROVAL(device.verification_uri), true},
	{"verification_uri_complete", FIELD_TEXT, APPROVAL(device.verification_uri_complete),
		false},
	{"interval", FIELD_TIME, APPROVAL(device.interval_usec), true},
	{"verifier", FIELD_SECRET, APPROVAL(verifier), true},
	{"nonce", FIELD_SECRET, APPROVAL(nonce), false},
	{"expires", FIELD_TIME, APPROVAL(expires_usec), true},
	{"lost", FIELD_BOOL, APPROVAL(lost), true},
};

static struct json *encode_names(const struct names *names)
{
	_cleanup_(json_freep) struct json *array = json_new_array();

	for (size_t i = 0; array && i < names->n; i++)
		if (json_append(array, json_new_text(names->items[i])) < 0)
			return NULL;
	return steal(array);
}

static struct json *encode_tree(const struct json *tree)
{
	_cleanup_(mem_freep) char *text = NULL;

	if (!tree)
		return json_new_null();
	text = json_print(tree, false);
	return text ? json_new_text(text) : NULL;
}

/* Returns NULL when memory is short. */
static struct json *encode_field(enum field_type type, const void *at)
{
	switch (type) {
	case FIELD_TEXT:
		return json_new_text(*(char *const *)at);
	case FIELD_SECRET:
		return json_new_text(secret_expose(*(struct secret *const *)at));
	case FIELD_TIME:
		if (*(const uint64_t *)at > NUMBER_MAX)
			return json_new_null();
		return json_new_u64(*(const uint64_t *)at);
	case FIELD_BOOL:
		return json_new_bool(*(const bool *)at);
	case FIELD_COUNT:
		return json_new_u64(*(const unsigned *)at);
	case FIELD_NAMES:
		return encode_names(at);
	case FIELD_TREE:
		return encode_tree(*(struct json *const *)at);
	}
	return NULL;
}

/* Add the @n @fields of @from to @body. Returns 0, -ENOMEM, -EINVAL. */
static int encode_fields(struct json *body, const struct field *fields, size_t n, const void *from)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];
		struct json *value = encode_field(f->type, (const char *)from + f->offset);

		if (f->required && f->type != FIELD_TIME && json_is(value, JSON_NULL)) {
			json_free(value);
			return -EINVAL;
		}
		if (json_add(body, f->key, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int encode_part(
	struct json *body, const char *key, const struct field *fields, size_t n, const void *from)
{
	_cleanup_(json_freep) struct json *part = json_new_object();
	int r;

	if (!part)
		return -ENOMEM;
	r = encode_fields(part, fields, n, from);
	return r < 0 ? r : json_add(body, key, steal(part));
}

static int encode_candidate(struct json *body, const struct record_candidate *c)
{
	_cleanup_(json_freep) struct json *part = json_new_object();
	int r;

	if (!part)
		return -ENOMEM;
	r = encode_fields(part, grant_fields, ELEMENTS(grant_fields), &c->grant);
	if (r == 0)
		r = encode_fields(part, candidate_fields, ELEMENTS(candidate_fields), c);
	return r < 0 ? r : json_add(body, "candidate", steal(part));
}

/* Who gave the grants. */
static int encode_people(struct json *body, const struct record *r)
{
	int e = 0;

	if (identity_known(&r->identity))
		e = encode_part(
			body, "identity", identity_fields, ELEMENTS(identity_fields), &r->identity);
	if (e == 0 && r->candidate.grant.present)
		e = encode_candidate(body, &r->candidate);
	return e;
}

static int encode_fault(struct json *body, const struct fault *fault)
{
	if (json_add(body, "fault", json_new_text(fault_kind_to_string(fault->kind))) < 0)
		return -ENOMEM;
	return json_add(body, "fault_detail", json_new_text(fault->detail));
}

/* The body of @r as text in *ret. Returns 0, -ENOMEM, -EINVAL. */
static int encode_body(const struct record *r, char **ret)
{
	_cleanup_(json_freep) struct json *body = json_new_object();
	int e;

	if (!body || json_add(body, "generation", json_new_u64(r->generation)) < 0)
		return -ENOMEM;
	e = encode_fields(body, record_fields, ELEMENTS(record_fields), r);
	if (e == 0)
		e = encode_fault(body, &r->fault);
	if (e == 0 && r->grant.present)
		e = encode_part(body, "grant", grant_fields, ELEMENTS(grant_fields), &r->grant);
	if (e == 0)
		e = encode_people(body, r);
	if (e == 0 && r->approval.present && !approval_is_whole(&r->approval))
		return -EINVAL;
	if (e == 0 && r->approval.present)
		e = encode_part(
			body, "approval", approval_fields, ELEMENTS(approval_fields), &r->approval);
	if (e < 0)
		return e;
	*ret = json_print(body, false);
	return *ret ? 0 : -ENOMEM;
}

static int damaged(struct fault *reterr, const char *what)
{
	fault_set(reterr, FAULT_STORAGE, "the record is damaged: %s", what);
	return -EBADMSG;
}

static int decode_text(const struct json *value, char **ret)
{
	if (!json_text(value))
		return -EBADMSG;
	*ret = mem_strdup(json_text(value));
	return *ret ? 0 : -ENOMEM;
}

static int decode_secret(const struct json *value, struct secret **ret)
{
	if (!json_text(value))
		return -EBADMSG;
	*ret = secret_new_text(json_text(value));
	return *ret ? 0 : -ENOMEM;
}

static int decode_time(const struct json *value, uint64_t *ret)
{
	if (json_is(value, JSON_NULL)) {
		*ret = USEC_NEVER;
		return 0;
	}
	return json_u64(value, ret) ? 0 : -EBADMSG;
}

static int decode_count(const struct json *value, unsigned *ret)
{
	uint64_t count;

	if (!json_u64(value, &count) || count > UINT32_MAX)
		return -EBADMSG;
	*ret = (unsigned)count;
	return 0;
}

static int decode_names(const struct json *value, struct names *ret)
{
	const struct json *element = NULL;

	if (!json_is(value, JSON_ARRAY))
		return -EBADMSG;
	while ((element = json_next(value, element))) {
		const char *text = json_text(element);

		if (!text)
			return -EBADMSG;
		if (names_add(ret, text, strlen(text)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int decode_tree(const struct json *value, struct json **ret)
{
	const char *text = json_text(value);
	int r;

	if (!text)
		return -EBADMSG;
	r = json_parse(text, strlen(text), ret, NULL);
	if (r < 0)
		return r;
	return json_is(*ret, JSON_OBJECT) ? 0 : -EBADMSG;
}

/* What was decoded before a failure stays in its place, for the caller to free. */
static int decode_field(enum field_type type, const struct json *value, void *at)
{
	switch (type) {
	case FIELD_TEXT:
		return decode_text(value, at);
	case FIELD_SECRET:
		return decode_secret(value, at);
	case FIELD_TIME:
		return decode_time(value, at);
	case FIELD_BOOL:
		return json_bool(value, at) ? 0 : -EBADMSG;
	case FIELD_COUNT:
		return decode_count(value, at);
	case FIELD_NAMES:
		return decode_names(value, at);
	case FIELD_TREE:
		return decode_tree(value, at);
	}
	return -EBADMSG;
}

/* Members that are not in the table are of a later program of the same format: ignored. */
static int decode_fields(const struct json *object, const struct field *fields, size_t n, void *to,
	struct fault *reterr)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];
		const struct json *value = json_get(object, f->key);
		int r = 0;

		if (f->required || (value && !json_is(value, JSON_NULL)))
			r = decode_field(f->type, value, (char *)to + f->offset);
		if (r == -EBADMSG)
			return damaged(reterr, f->key);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A kind that we do not know is of a later program, and no reason to refuse the grant. */
static void decode_fault(const struct json *body, struct fault *ret)
{
	const char *detail = json_get_text(body, "fault_detail");
	enum fault_kind kind = FAULT_NONE;

	(void)fault_kind_from_string(json_get_text(body, "fault"), &kind); /* see above */
	if (kind != FAULT_NONE)
		fault_set(ret, kind, "%s", detail ? detail : "");
}

static int decode_people(const struct json *body, struct record *r, struct fault *reterr)
{
	const struct json *identity = json_get(body, "identity");
	const struct json *candidate = json_get(body, "candidate");
	int e = 0;

	if (identity)
		e = decode_fields(
			identity, identity_fields, ELEMENTS(identity_fields), &r->identity, reterr);
	r->candidate.grant.present = candidate != NULL;
	if (e == 0 && candidate)
		e = decode_fields(candidate, grant_fields, ELEMENTS(grant_fields),
			&r->candidate.grant, reterr);
	if (e == 0 && candidate)
		e = decode_fields(candidate, candidate_fields, ELEMENTS(candidate_fields),
			&r->candidate, reterr);
	return e;
}

static int decode_parts(const struct json *body, struct record *r, struct fault *reterr)
{
	const struct json *grant = json_get(body, "grant");
	const struct json *approval = json_get(body, "approval");
	int e;

	e = decode_fields(body, record_fields, ELEMENTS(record_fields), r, reterr);
	if (e < 0)
		return e;
	decode_fault(body, &r->fault);
	r->grant.present = grant != NULL;
	if (grant)
		e = decode_fields(grant, grant_fields, ELEMENTS(grant_fields), &r->grant, reterr);
	if (e == 0)
		e = decode_people(body, r, reterr);
	r->approval.present = approval != NULL;
	if (e == 0 && approval)
		e = decode_fields(
			approval, approval_fields, ELEMENTS(approval_fields), &r->approval, reterr);
	if (e == 0 && approval && !approval_is_whole(&r->approval))
		return damaged(reterr, "approval");
	return e;
}

int record_parse_body(
	const char *text, size_t len, uint64_t generation, struct record *ret, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *body = NULL;
	_cleanup_(record_done) struct record r = {.generation = generation};
	uint64_t said;
	int e;

	e = json_parse(text, len, &body, NULL);
	if (e == -EBADMSG)
		return damaged(reterr, "its body is not JSON");
	if (e < 0)
		return e;
	if (!json_u64(json_get(body, "generation"), &said) || said != generation)
		return damaged(reterr, "generation");
	e = decode_parts(body, &r, reterr);
	if (e < 0)
		return e;
	*ret = r;
	r = (struct record){0};
	return 0;
}

/* --- header --- */

static int write_header(const struct record_seal *seal, uint64_t generation,
	const uint8_t salt[RECORD_SALT_SIZE], struct buf *ret)
{
	(void)buf_printf(ret, RECORD_MAGIC " " RECORD_VERSION " %s %" PRIu64 " ", seal->name,
		generation); /* failures stick */
	for (size_t i = 0; i < RECORD_MACHINE_SIZE; i++)
		(void)buf_printf(ret, "%02x", seal->machine[i]);
	(void)buf_add_char(ret, ' ');
	(void)text_add_base64url(ret, salt, RECORD_SALT_SIZE);
	return buf_add_char(ret, '\n');
}

enum header_word {
	WORD_MAGIC,
	WORD_VERSION,
	WORD_NAME,
	WORD_GENERATION,
	WORD_MACHINE,
	WORD_SALT,
	_WORD_MAX,
};

/* Part @line (changed) at each blank. False where there are not as many words as there must be. */
static bool split_header(char *line, const char *words[_WORD_MAX])
{
	size_t n = 0;
	char *word;

	while ((word = strsep(&line, " "))) {
		if (n == _WORD_MAX)
			return false;
		words[n++] = word;
	}
	return n == _WORD_MAX;
}

/* Compare what the header says with what the record should be. */
static int check_header(
	const char *const words[_WORD_MAX], const struct record_seal *seal, struct fault *reterr)
{
	char machine[2 * RECORD_MACHINE_SIZE + 1];
	static const char hex[] = "0123456789abcdef";

	if (!text_equal(words[WORD_NAME], seal->name)) {
		fault_set(reterr, FAULT_STORAGE, "the record is of another connection, \"%.63s\"",
			words[WORD_NAME]);
		return -EBADMSG;
	}
	for (size_t i = 0; i < RECORD_MACHINE_SIZE; i++) {
		machine[2 * i] = hex[seal->machine[i] >> 4];
		machine[2 * i + 1] = hex[seal->machine[i] & 15];
	}
	machine[sizeof(machine) - 1] = '\0';
	if (text_equal(words[WORD_MACHINE], machine))
		return 0;
	if (strlen(words[WORD_MACHINE]) != sizeof(machine) - 1)
		return damaged(reterr, "its header");
	fault_set(reterr, FAULT_STORAGE,
		"the record was written on another machine, %s: two owners of one rotating token "
		"destroy it; log in again to give this machine a grant of its own",
		words[WORD_MACHINE]);
	return -EXDEV;
}

struct header {
	size_t len; /* the line end included */
	uint64_t generation;
	uint8_t salt[RECORD_SALT_SIZE];
};

/* Read numbers, and hold the whole line against what we would have written ourselves: there is one
 * form only. */
static int read_header_values(const char *line, const char *const words[_WORD_MAX],
	const struct record_seal *seal, struct header *h)
{
	_cleanup_(buf_done) struct buf salt = BUF(RECORD_SALT_SIZE), again = BUF(HEADER_MAX);
	int r;

	if (text_parse_u64(words[WORD_GENERATION], &h->generation) < 0)
		return -EBADMSG;
	r = text_decode_base64url(&salt, words[WORD_SALT], strlen(words[WORD_SALT]));
	if (r < 0)
		return r;
	if (salt.len != RECORD_SALT_SIZE)
		return -EBADMSG;
	memcpy(h->salt, salt.data, RECORD_SALT_SIZE);
	r = write_header(seal, h->generation, h->salt, &again);
	if (r < 0)
		return r;
	return again.len == h->len && memcmp(again.data, line, h->len) == 0 ? 0 : -EBADMSG;
}

static int read_header(const char *data, size_t len, const struct record_seal *seal,
	struct header *ret, struct fault *reterr)
{
	const char *end = memchr(data, '\n', len < HEADER_MAX ? len : HEADER_MAX);
	const char *words[_WORD_MAX];
	char line[HEADER_MAX];
	int r;

	if (!end)
		return damaged(reterr, "its header");
	ret->len = (size_t)(end - data) + 1;
	memcpy(line, data, ret->len);
	line[ret->len - 1] = '\0';
	if (!split_header(line, words) || !text_equal(words[WORD_MAGIC], RECORD_MAGIC))
		return damaged(reterr, "its header");
	if (!text_equal(words[WORD_VERSION], RECORD_VERSION)) {
		fault_set(reterr, FAULT_STORAGE,
			"the record has format version \"%.20s\", this program reads " RECORD_VERSION,
			words[WORD_VERSION]);
		return -EBADMSG;
	}
	r = check_header(words, seal, reterr);
	if (r < 0)
		return r;
	r = read_header_values(data, words, seal, ret);
	return r == -EBADMSG || r == -EMSGSIZE ? damaged(reterr, "its header") : r;
}

/* --- seal --- */

static void kdf_freep(EVP_KDF **kdf)
{
	EVP_KDF_free(*kdf);
}

static void kdf_ctx_freep(EVP_KDF_CTX **ctx)
{
	EVP_KDF_CTX_free(*ctx);
}

static void cipher_ctx_freep(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

/* Key and nonce in one. */
struct derived {
	uint8_t bytes[KEY_SIZE + NONCE_SIZE];
};

static void derived_wipe(struct derived *d)
{
	mem_wipe(d, sizeof(*d));
}

/* Returns 0, or -ENOMEM, which is the only way HKDF fails. */
static int derive(const struct record_seal *seal, const uint8_t salt[RECORD_SALT_SIZE],
	const char *header, size_t len, struct derived *ret)
{
	_cleanup_(buf_done) struct buf info = BUF(2 * HEADER_MAX);
	_cleanup_(kdf_freep) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	_cleanup_(kdf_ctx_freep) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[5];

	(void)buf_add_text(&info, "grantd record "); /* failures stick */
	if (!ctx || buf_add(&info, header, len) < 0)
		return -ENOMEM;
	params[0] = OSSL_PARAM_construct_utf8_string(
		OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
		(void *)(uintptr_t)secret_expose(seal->key), secret_len(seal->key));
	params[2] = OSSL_PARAM_construct_octet_string(
		OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, RECORD_SALT_SIZE);
	params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data, info.len);
	params[4] = OSSL_PARAM_construct_end();
	return EVP_KDF_derive(ctx, ret->bytes, sizeof(ret->bytes), params) == 1 ? 0 : -ENOMEM;
}

/* Seal (or open) @len bytes of @from into @to with @tag made (or checked). Returns 0, -ENOMEM;
 * -EBADMSG when opening what is not what was sealed. */
static int cipher(const struct derived *d, bool seal, const char *header, size_t header_len,
	const char *from, size_t len, char *to, char tag[TAG_SIZE])
{
	_cleanup_(cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *out = (unsigned char *)to;
	int n;

	if (!ctx ||
		EVP_CipherInit_ex2(
			ctx, EVP_aes_256_gcm(), d->bytes, d->bytes + KEY_SIZE, seal, NULL) != 1 ||
		EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)header, (int)header_len) !=
			1 ||
		EVP_CipherUpdate(ctx, out, &n, (const unsigned char *)from, (int)len) != 1)
		return -ENOMEM;
	if (!seal && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) != 1)
		return -ENOMEM;
	if (EVP_CipherFinal_ex(ctx, out + n, &n) != 1)
		return seal ? -ENOMEM : -EBADMSG;
	if (seal && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1)
		return -ENOMEM;
	return 0;
}

int record_encode(const struct record *r, const struct record_seal *seal,
	const uint8_t salt[RECORD_SALT_SIZE], struct buf *ret)
{
	_cleanup_(buf_done) struct buf sealed = BUF(RECORD_SIZE_MAX);
	_cleanup_(derived_wipe) struct derived d = {0};
	_cleanup_(mem_freep) char *body = NULL;
	size_t header_len, len;
	char *to;
	int e;

	assert(secret_len(seal->key) == RECORD_KEY_SIZE && r->generation <= NUMBER_MAX);
	e = encode_body(r, &body);
	if (e < 0)
		return e;
	len = strlen(body);
	e = write_header(seal, r->generation, salt, &sealed);
	if (e < 0)
		return e;
	header_len = sealed.len;
	e = buf_extend(&sealed, len + TAG_SIZE, &to);
	if (e < 0)
		return e;
	e = derive(seal, salt, sealed.data, header_len, &d);
	if (e < 0)
		return e;
	e = cipher(&d, true, sealed.data, header_len, body, len, to, to + len);
	if (e < 0)
		return e;
	return buf_add(ret, sealed.data, sealed.len);
}

int record_decode(const void *data, size_t len, const struct record_seal *seal, struct record *ret,
	struct fault *reterr)
{
	_cleanup_(derived_wipe) struct derived d = {0};
	_cleanup_(mem_freep) char *body = NULL;
	const char *sealed = data;
	char tag[TAG_SIZE];
	struct header h;
	size_t body_len;
	int r;

	assert(secret_len(seal->key) == RECORD_KEY_SIZE);
	if (len > RECORD_SIZE_MAX)
		return damaged(reterr, "it is too large");
	r = read_header(sealed, len, seal, &h, reterr);
	if (r < 0)
		return r;
	if (len - h.len < TAG_SIZE)
		return damaged(reterr, "it is cut short");
	body_len = len - h.len - TAG_SIZE;
	memcpy(tag, sealed + h.len + body_len, TAG_SIZE);
	body = mem_alloc(body_len + 1);
	if (!body)
		return -ENOMEM;
	r = derive(seal, h.salt, sealed, h.len, &d);
	if (r == 0)
		r = cipher(&d, false, sealed, h.len, sealed + h.len, body_len, body, tag);
	if (r == -EBADMSG) {
		fault_set(reterr, FAULT_STORAGE,
			"the record was sealed with another key, or is damaged");
		return r;
	}
	if (r < 0)
		return r;
	return record_parse_body(body, body_len, h.generation, ret, reterr);
}
