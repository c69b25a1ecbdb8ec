/* SPDX-License-Identifier: BSD-2-Clause */

/* Who approved: claims read, compared with what is expected, and told to a person. */

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "oauth/identity.h"
#include "test.h"

#define ISSUER "https://idp.example"

static struct json *parse(const char *text)
{
	struct json *j = NULL;

	if (text)
		REQUIRE(json_parse(text, strlen(text), &j, NULL) == 0);
	return j;
}

/* Expect @claims, an object of texts; NULL for none. The caller is done with it. */
static struct params expecting(const char *claims)
{
	_cleanup_(json_freep) struct json *j = parse(claims);
	struct params p = {0};

	for (const struct json *m = json_next(j, NULL); m; m = json_next(j, m))
		REQUIRE(params_add(&p, json_key(m), json_text(m)) == 0);
	return p;
}

static int read_two(const char *first, const char *second, const char *path, const char *expect,
	struct identity *ret, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *a = parse(first), *b = parse(second);
	_cleanup_(params_done) struct params p = expecting(expect);
	const struct identity_source source = {
		.first = a, .second = b, .issuer = ISSUER, .subject = path};

	return identity_read(&source, &p, ret, reterr);
}

/* The subject at @path of @document, "" for none. The text is good until the next call. */
static const char *subject(const char *document, const char *path)
{
	static char told[IDENTITY_CLAIM_MAX + 1];
	_cleanup_(identity_done) struct identity id = {0};
	struct fault why = {.kind = FAULT_NONE};
	const int r = read_two(document, NULL, path, NULL, &id, &why);

	CHECK(r == 0 ? why.kind == FAULT_NONE : r == -EBADMSG && !identity_known(&id));
	CHECK(r == 0 || why.kind == FAULT_MISCONFIGURED);
	(void)snprintf(told, sizeof(told), "%s", r == 0 ? id.subject : "");
	return told;
}

static void a_subject_is_a_text_or_a_whole_number(void)
{
	CHECK_TEXT(subject("{\"sub\":\"a b\"}", "sub"), "a b");
	CHECK_TEXT(subject("{\"sub\":4711}", "sub"), "4711");
	CHECK_TEXT(subject("{\"sub\":9007199254740992}", "sub"), "9007199254740992");
	CHECK_TEXT(subject("{\"sub\":9007199254740994}", "sub"), "");
	CHECK_TEXT(subject("{\"sub\":-1}", "sub"), "");
	CHECK_TEXT(subject("{\"sub\":1.5}", "sub"), "");
	CHECK_TEXT(subject("{\"sub\":\"\"}", "sub"), "");
	CHECK_TEXT(subject("{\"sub\":null}", "sub"), "");
	CHECK_TEXT(subject("{\"sub\":[\"a\"]}", "sub"), "");
	CHECK_TEXT(subject("{\"Sub\":\"a\"}", "sub"), "");
	CHECK_TEXT(subject("{}", "sub"), "");
}

static void a_path_leads_into_objects_and_arrays(void)
{
	static const char deep[] = "{\"data\":[{\"id\":1},{\"id\":\"two\"}],\"data.0.id\":\"flat\","
				   "\"a\":{\"b\":{\"c\":\"x\"}},\"a..b\":\"dots\"}";

	CHECK_TEXT(subject(deep, "data.1.id"), "two");
	CHECK_TEXT(subject(deep, "data.0.id"), "flat");
	CHECK_TEXT(subject(deep, "a.b.c"), "x");
	CHECK_TEXT(subject(deep, "a..b"), "dots");
	CHECK_TEXT(subject(deep, "data.2.id"), "");
	CHECK_TEXT(subject(deep, "data.-1.id"), "");
	CHECK_TEXT(subject(deep, "data.id"), "");
	CHECK_TEXT(subject(deep, "a.b"), "");
	CHECK_TEXT(subject(deep, "a.b.c."), "");
	CHECK_TEXT(subject(deep, ".a"), "");
	CHECK_TEXT(subject("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
			   "\"eight\"}}}}}}}}",
			   "a.a.a.a.a.a.a.a"),
		"eight");
	CHECK_TEXT(subject("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
			   "\"nine\"}}}}}}}}}",
			   "a.a.a.a.a.a.a.a.a"),
		"");
}

static void what_is_shown_is_kept_and_no_more(void)
{
	_cleanup_(identity_done) struct identity id = {0};
	_cleanup_(mem_freep) char *text = NULL;

	REQUIRE(read_two(
			"{\"sub\":\"1\",\"name\":\"A\",\"email\":\"a@x\",\"email_verified\":true,"
			"\"organization_id\":\"00D\",\"photos\":{\"x\":1},\"org\":42,\"other\":\"no\"}",
			NULL, "sub", "{\"org\":\"42\",\"absent\":\"x\"}", &id, NULL) == 0);
	text = json_print(id.claims, false);
	CHECK_TEXT(text,
		"{\"email\":\"a@x\",\"email_verified\":\"true\",\"name\":\"A\",\"organization_id\":"
		"\"00D\",\"org\":\"42\"}");
	CHECK_TEXT(id.issuer, ISSUER);
}

static void the_first_document_that_has_a_claim_wins(void)
{
	_cleanup_(identity_done) struct identity id = {0};
	_cleanup_(mem_freep) char *text = NULL;

	REQUIRE(read_two("{\"sub\":\"1\",\"name\":\"id token\"}",
			"{\"sub\":\"2\",\"name\":\"userinfo\",\"username\":\"alice\"}", "sub", NULL,
			&id, NULL) == 0);
	text = json_print(id.claims, false);
	CHECK_TEXT(id.subject, "1");
	CHECK_TEXT(text, "{\"username\":\"alice\",\"name\":\"id token\"}");
}

static void an_email_address_is_verified_by_its_own_document(void)
{
	_cleanup_(identity_done) struct identity id = {0};

	REQUIRE(read_two("{\"sub\":\"1\",\"email\":\"a@x\"}",
			"{\"sub\":\"1\",\"email\":\"b@x\",\"email_verified\":true}", "sub", NULL,
			&id, NULL) == 0);
	CHECK_TEXT(json_get_text(id.claims, "email"), "a@x");
	CHECK(!json_get(id.claims, "email_verified"));
}

static void long_claims_are_left_out(void)
{
	char document[2 * IDENTITY_CLAIM_MAX] = "{\"sub\":\"1\",\"name\":\"";
	_cleanup_(identity_done) struct identity id = {0};

	memset(document + strlen(document), 'x', IDENTITY_CLAIM_MAX + 1);
	memcpy(document + strlen(document), "\"}", 3);
	REQUIRE(read_two(document, NULL, "sub", NULL, &id, NULL) == 0);
	CHECK(!json_get(id.claims, "name"));
}

static const struct expectation {
	const char *document, *expect;
	bool vouched;
	enum fault_kind want; /* NONE: it is met */
	const char *says;
} expectations[] = {
	{"{\"username\":\"a\"}", NULL, false, FAULT_NONE, ""},
	{"{\"username\":\"a\"}", "{\"username\":\"a\"}", false, FAULT_NONE, ""},
	{"{\"username\":\"a\"}", "{\"username\":\"A\"}", false, FAULT_WRONG_IDENTITY, "username"},
	{"{\"username\":\"a\"}", "{\"username\":\"a \"}", false, FAULT_WRONG_IDENTITY, ""},
	{"{\"preferred_username\":\"a\"}", "{\"username\":\"a\"}", false, FAULT_NONE, ""},
	{"{\"username\":\"b\",\"preferred_username\":\"a\"}", "{\"username\":\"a\"}", false,
		FAULT_WRONG_IDENTITY, "\"b\""},
	{"{\"username\":\"a\"}", "{\"preferred_username\":\"a\"}", false, FAULT_MISCONFIGURED,
		"does not tell the preferred_username"},
	{"{\"org\":7}", "{\"org\":\"7\"}", false, FAULT_NONE, ""},
	{"{\"org\":7}", "{\"org\":\"07\"}", false, FAULT_WRONG_IDENTITY, ""},
	{"{\"active\":true}", "{\"active\":\"true\"}", false, FAULT_NONE, ""},
	{"{\"active\":false}", "{\"active\":\"true\"}", false, FAULT_WRONG_IDENTITY, ""},
	{"{\"d\":[{\"login\":\"a\"}]}", "{\"d.0.login\":\"a\"}", false, FAULT_NONE, ""},
	{"{\"groups\":[\"a\"]}", "{\"groups\":\"a\"}", false, FAULT_MISCONFIGURED, "groups"},
	{"{\"a\":\"1\",\"b\":\"2\"}", "{\"a\":\"1\",\"b\":\"3\"}", false, FAULT_WRONG_IDENTITY, ""},
	{"{\"b\":\"2\"}", "{\"a\":\"1\",\"b\":\"3\"}", false, FAULT_WRONG_IDENTITY, ""},
	{"{\"b\":\"2\"}", "{\"a\":\"1\",\"b\":\"2\"}", false, FAULT_MISCONFIGURED, ""},
	{"{\"email\":\"A@x\",\"email_verified\":true}", "{\"email\":\"a@X\"}", false, FAULT_NONE,
		""},
	{"{\"email\":\"a@x\",\"email_verified\":\"true\"}", "{\"email\":\"a@x\"}", false,
		FAULT_NONE, ""},
	{"{\"email\":\"b@x\",\"email_verified\":true}", "{\"email\":\"a@x\"}", false,
		FAULT_WRONG_IDENTITY, ""},
	{"{\"email\":\"a@x\",\"email_verified\":false}", "{\"email\":\"a@x\"}", false,
		FAULT_WRONG_IDENTITY, "not verified"},
	{"{\"email\":\"a@x\",\"email_verified\":\"yes\"}", "{\"email\":\"a@x\"}", false,
		FAULT_WRONG_IDENTITY, "not verified"},
	{"{\"email\":\"a@x\"}", "{\"email\":\"a@x\"}", false, FAULT_MISCONFIGURED,
		"identity.email"},
	{"{\"email\":\"a@x\"}", "{\"email\":\"a@x\"}", true, FAULT_NONE, ""},
	{"{\"email\":\"a@x\",\"email_verified\":false}", "{\"email\":\"a@x\"}", true, FAULT_NONE,
		""},
	{"{\"email\":\"b@x\"}", "{\"email\":\"a@x\"}", true, FAULT_WRONG_IDENTITY, ""},
};

static void expectations_are_met_or_not(void)
{
	for (size_t i = 0; i < ELEMENTS(expectations); i++) {
		const struct expectation *e = &expectations[i];
		_cleanup_(params_done) struct params p = expecting(e->expect);
		_cleanup_(identity_done) struct identity id = {0};
		_cleanup_(json_freep) struct json *document = parse(e->document);
		struct identity_source source = {
			.first = document, .issuer = ISSUER, .subject = "sub"};
		struct fault why = {.kind = FAULT_NONE};
		bool met;

		REQUIRE(json_add(document, "sub", json_new_text("1")) == 0);
		REQUIRE(identity_read(&source, &p, &id, NULL) == 0);
		met = identity_meets(&id, &p, e->vouched, &why);
		if (met != (e->want == FAULT_NONE) || why.kind != e->want ||
			!strstr(why.detail, e->says))
			TEST_FAIL("%s, expected %s: %s %s", e->document,
				e->expect ? e->expect : "nothing", fault_kind_to_string(why.kind),
				why.detail);
	}
}

static bool lacks(const char *claims, const char *expect, bool vouched)
{
	_cleanup_(json_freep) struct json *j = parse(claims);
	_cleanup_(params_done) struct params p = expecting(expect);

	return identity_lacks(j, &p, vouched);
}

static void more_is_asked_for_only_where_something_is_lacking(void)
{
	CHECK(!lacks("{\"username\":\"x\"}", "{\"username\":\"a\"}", false));
	CHECK(lacks("{\"sub\":\"1\"}", "{\"username\":\"a\"}", false));
	CHECK(lacks("{\"username\":\"x\"}", "{\"username\":\"x\",\"org\":\"1\"}", false));
	CHECK(lacks("{\"email\":\"a@x\"}", "{\"email\":\"a@x\"}", false));
	CHECK(!lacks("{\"email\":\"a@x\"}", "{\"email\":\"a@x\"}", true));
	CHECK(!lacks("{\"email\":\"a@x\",\"email_verified\":false}", "{\"email\":\"a@x\"}", false));
	CHECK(lacks("{\"sub\":\"1\"}", NULL, false));
	CHECK(!lacks("{\"sub\":\"1\",\"email\":\"a@x\"}", NULL, false));
	CHECK(!lacks("{\"sub\":\"1\",\"preferred_username\":\"a\"}", NULL, false));
}

static void a_person_is_the_same_by_issuer_and_subject(void)
{
	struct identity a = {.issuer = mem_strdup("i"), .subject = mem_strdup("s")};
	struct identity b = {.issuer = mem_strdup("i"), .subject = mem_strdup("s")};
	struct identity issuer = {.issuer = mem_strdup("j"), .subject = mem_strdup("s")};
	struct identity other = {.issuer = mem_strdup("i"), .subject = mem_strdup("S")};
	struct identity nobody = {0};

	CHECK(identity_same(&a, &b));
	CHECK(!identity_same(&a, &issuer) && !identity_same(&a, &other));
	CHECK(!identity_same(&a, &nobody) && !identity_same(&nobody, &a));
	CHECK(!identity_same(&nobody, &nobody));
	identity_done(&a);
	identity_done(&a);
	identity_done(&b);
	identity_done(&issuer);
	identity_done(&other);
}

static void check_described(const char *document, const char *want)
{
	_cleanup_(identity_done) struct identity id = {0};
	char text[IDENTITY_TEXT_MAX];

	if (document)
		REQUIRE(read_two(document, NULL, "sub", NULL, &id, NULL) == 0);
	identity_describe(&id, text);
	CHECK_TEXT(text, want);
}

static void a_person_is_told_by_name_and_subject(void)
{
	check_described(NULL, "somebody");
	check_described("{\"sub\":\"42\"}", "subject 42");
	check_described("{\"sub\":\"42\",\"email\":\"a@x\"}", "a@x (subject 42)");
	check_described("{\"sub\":\"42\",\"email\":\"a@x\",\"preferred_username\":\"al\"}",
		"al (subject 42)");
	check_described(
		"{\"sub\":\"4\\n2\",\"username\":\"a\\u001b[31m\"}", "a?[31m (subject 4?2)");
}

static void a_long_name_is_cut(void)
{
	char document[600] = "{\"sub\":\"", text[IDENTITY_TEXT_MAX];
	_cleanup_(identity_done) struct identity id = {0};

	memset(document + strlen(document), 's', 255);
	memcpy(document + strlen(document), "\"}", 3);
	REQUIRE(read_two(document, NULL, "sub", NULL, &id, NULL) == 0);
	identity_describe(&id, text);
	CHECK_INT(strlen(text), strlen("subject ") + 140);
}

static const struct test tests[] = {
	{"a subject is a text, or a number that can be told exactly",
		a_subject_is_a_text_or_a_whole_number},
	{"a path leads into objects and arrays", a_path_leads_into_objects_and_arrays},
	{"what is shown or expected is kept, and no more", what_is_shown_is_kept_and_no_more},
	{"what the id_token tells comes before userinfo", the_first_document_that_has_a_claim_wins},
	{"an email address is verified by the document that has it",
		an_email_address_is_verified_by_its_own_document},
	{"claims beyond all bounds are left out", long_claims_are_left_out},
	{"an expectation is met, not met, or can't be told", expectations_are_met_or_not},
	{"more is asked for only where something is lacking",
		more_is_asked_for_only_where_something_is_lacking},
	{"a person is the same by issuer and subject", a_person_is_the_same_by_issuer_and_subject},
	{"a person is told by name and subject, cleaned", a_person_is_told_by_name_and_subject},
	{"a long name is cut", a_long_name_is_cut},
};

TEST_MAIN(tests)
