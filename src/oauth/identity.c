/* SPDX-License-Identifier: BSD-2-Clause */

/* Who gave a grant: claims read, compared and told (OpenID Connect Core 1.0 §5.1, §5.7). */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/identity.h"

/* What is shown to an operator where it is told: names and addresses that people know each other
 * by, and what tells two of the same name apart. */
static const char *const shown[] = {
	"username",
	"preferred_username",
	"login",
	"email",
	"email_verified",
	"name",
	"organization_id",
};

/* The deepest path to a claim; documents about a person are flat, or have one wrapper. */
#define PATH_MAX_STEPS 8

/* A whole number is printed in at most 16 digits. */
#define NUMBER_TEXT_MAX 32

void identity_done(struct identity *id)
{
	id->issuer = mem_free(id->issuer);
	id->subject = mem_free(id->subject);
	id->claims = json_free(id->claims);
}

bool identity_known(const struct identity *id)
{
	return id->subject != NULL;
}

bool identity_same(const struct identity *a, const struct identity *b)
{
	return identity_known(a) && text_equal(a->issuer, b->issuer) &&
		text_equal(a->subject, b->subject);
}

/* --- claims --- */

/* The member or element @step (of @len bytes) of @j. */
static const struct json *find_step(const struct json *j, const char *step, size_t len)
{
	char name[IDENTITY_CLAIM_MAX];
	uint64_t i;

	if (len >= sizeof(name))
		return NULL;
	memcpy(name, step, len);
	name[len] = '\0';
	if (!json_is(j, JSON_ARRAY))
		return json_get(j, name);
	return text_parse_u64(name, &i) == 0 && i < json_count(j) ? json_at(j, (size_t)i) : NULL;
}

/* The claim @path of @j: a member of that name, which may have dots in it, or what the path leads
 * to. */
static const struct json *find_claim(const struct json *j, const char *path)
{
	const struct json *at = json_get(j, path);

	if (at)
		return at;
	at = j;
	for (unsigned i = 0; i < PATH_MAX_STEPS; i++) {
		size_t len = strcspn(path, ".");

		at = find_step(at, path, len);
		path += len;
		if (!at || !*path)
			return at;
		path++;
	}
	return NULL;
}

/* The text that @j stands for, in *number where it is a number; NULL where it has none that is
 * exact and short enough. */
static const char *claim_text(const struct json *j, char number[NUMBER_TEXT_MAX])
{
	const char *text = json_text(j);
	uint64_t whole;
	bool flag;

	if (text)
		return *text && strlen(text) <= IDENTITY_CLAIM_MAX ? text : NULL;
	if (json_bool(j, &flag))
		return flag ? "true" : "false";
	if (!json_u64(j, &whole))
		return NULL;
	(void)snprintf(number, NUMBER_TEXT_MAX, "%" PRIu64, whole);
	return number;
}

/* The same of the claim @name in the documents of @source. */
static const char *source_text(
	const struct identity_source *source, const char *name, char number[NUMBER_TEXT_MAX])
{
	const char *text = claim_text(find_claim(source->first, name), number);

	return text ? text : claim_text(find_claim(source->second, name), number);
}

static int keep_claim(const struct identity_source *source, const char *name, struct json *claims)
{
	char number[NUMBER_TEXT_MAX];
	const char *text = source_text(source, name, number);

	if (!text || json_get(claims, name))
		return 0;
	return json_add(claims, name, json_new_text(text));
}

static bool about_email(const char *name)
{
	return text_equal(name, "email") || text_equal(name, "email_verified");
}

/* Whether an email address was verified is said beside it: both are of one document. */
static int keep_email(const struct identity_source *source, struct json *claims)
{
	const struct json *of = find_claim(source->first, "email") ? source->first : source->second;
	const struct identity_source one = {.first = of};

	if (keep_claim(&one, "email", claims) < 0)
		return -ENOMEM;
	return keep_claim(&one, "email_verified", claims);
}

static struct json *keep_claims(const struct identity_source *source, const struct params *expect)
{
	_cleanup_(json_freep) struct json *claims = json_new_object();

	if (!claims || keep_email(source, claims) < 0)
		return NULL;
	for (size_t i = 0; i < ELEMENTS(shown); i++)
		if (!about_email(shown[i]) && keep_claim(source, shown[i], claims) < 0)
			return NULL;
	for (size_t i = 0; i < expect->n; i++)
		if (!about_email(expect->items[i].name) &&
			keep_claim(source, expect->items[i].name, claims) < 0)
			return NULL;
	return steal(claims);
}

int identity_read(const struct identity_source *source, const struct params *expect,
	struct identity *ret, struct fault *reterr)
{
	char number[NUMBER_TEXT_MAX];
	const char *subject = source_text(source, source->subject, number);
	struct identity id = {0};

	if (!subject) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"what the provider tells of the approver has no \"%.64s\" that is a text or a "
			"whole number: set identity.url and identity.subject",
			source->subject);
		return -EBADMSG;
	}
	id.issuer = mem_strdup(source->issuer);
	id.subject = mem_strdup(subject);
	id.claims = keep_claims(source, expect);
	if (!id.issuer || !id.subject || !id.claims) {
		identity_done(&id);
		return -ENOMEM;
	}
	*ret = id;
	return 0;
}

/* --- expectations --- */

/* What @claims, of one document or kept of several, says of the claim @name that is expected. */
static const char *told(const struct json *claims, const char *name, char number[NUMBER_TEXT_MAX])
{
	const char *text = claim_text(find_claim(claims, name), number);

	if (!text && text_equal(name, "username"))
		text = claim_text(find_claim(claims, "preferred_username"), number);
	return text;
}

static bool email_is_unverified(const struct json *claims)
{
	char number[NUMBER_TEXT_MAX];
	const char *text = told(claims, "email_verified", number);

	return text && !text_equal(text, "true");
}

bool identity_lacks(const struct json *claims, const struct params *expect, bool email_vouched)
{
	char number[NUMBER_TEXT_MAX];

	for (size_t i = 0; i < expect->n; i++) {
		const char *name = expect->items[i].name;

		if (!told(claims, name, number))
			return true;
		if (text_equal(name, "email") && !email_vouched &&
			!told(claims, "email_verified", number))
			return true;
	}
	if (expect->n > 0)
		return false;
	return !told(claims, "username", number) && !told(claims, "email", number);
}

static bool claim_meets(const char *name, const char *have, const char *want)
{
	if (text_equal(name, "email"))
		return text_equal_nocase(have, want);
	return text_equal(have, want);
}

/* What is expected and not told is nobody's fault who approved. */
static bool tells_all(const struct identity *id, const struct params *expect, bool email_vouched,
	struct fault *reterr)
{
	char number[NUMBER_TEXT_MAX];

	for (size_t i = 0; i < expect->n; i++) {
		const char *name = expect->items[i].name;

		if (!told(id->claims, name, number))
			fault_set(reterr, FAULT_MISCONFIGURED,
				"the provider does not tell the %.64s of who approved, which `expect` "
				"names: ask for the scope that brings it (profile, email), or name another "
				"claim",
				name);
		else if (text_equal(name, "email") && !email_vouched &&
			!told(id->claims, "email_verified", number))
			fault_set(reterr, FAULT_MISCONFIGURED,
				"the provider does not tell whether the email address of who approved was "
				"verified: set identity.email to vouched where all its addresses can be "
				"trusted");
		else
			continue;
		return false;
	}
	return true;
}

bool identity_meets(const struct identity *id, const struct params *expect, bool email_vouched,
	struct fault *reterr)
{
	char number[NUMBER_TEXT_MAX], who[IDENTITY_TEXT_MAX];

	identity_describe(id, who);
	for (size_t i = 0; i < expect->n; i++) {
		const char *name = expect->items[i].name, *want = expect->items[i].value;
		const char *have = told(id->claims, name, number);

		if (have && !claim_meets(name, have, want))
			fault_set(reterr, FAULT_WRONG_IDENTITY,
				"approved by %s, whose %.40s is \"%.80s\", and `expect` wants \"%.80s\"",
				who, name, have, want);
		else if (have && text_equal(name, "email") && !email_vouched &&
			email_is_unverified(id->claims))
			fault_set(reterr, FAULT_WRONG_IDENTITY,
				"approved by %s, but the provider has not verified that email address",
				who);
		else
			continue;
		return false;
	}
	return tells_all(id, expect, email_vouched, reterr);
}

const char *identity_username(const struct identity *id)
{
	static const char *const names[] = {"username", "preferred_username", "login"};
	const char *name = NULL;

	for (size_t i = 0; i < ELEMENTS(names) && !name; i++)
		name = json_get_text(id->claims, names[i]);
	return name;
}

void identity_describe(const struct identity *id, char to[IDENTITY_TEXT_MAX])
{
	char text[2 * IDENTITY_CLAIM_MAX];
	const char *name = identity_username(id);

	if (!name)
		name = json_get_text(id->claims, "email");
	if (!name)
		name = json_get_text(id->claims, "name");
	if (!identity_known(id))
		(void)snprintf(text, sizeof(text), "somebody");
	else if (name)
		(void)snprintf(text, sizeof(text), "%.72s (subject %.72s)", name, id->subject);
	else
		(void)snprintf(text, sizeof(text), "subject %.140s", id->subject);
	text_clean(to, IDENTITY_TEXT_MAX, text, strlen(text));
}
