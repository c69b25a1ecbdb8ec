/* SPDX-License-Identifier: BSD-2-Clause */

/* The table of keys: complete in itself, and the JSON Schema says the same as it. */

#include <locale.h>
#include <regex.h>
#include <stdlib.h>

#include "base/text.h"
#include "config/config.h"
#include "config/schema.h"
#include "test.h"

/* Call @check for every key of @section, and for theirs. */
static void for_each_key(
	const struct schema_key *section, void (*check)(const struct schema_key *key))
{
	for (size_t i = 0; i < section->n_keys; i++) {
		check(&section->keys[i]);
		for_each_key(&section->keys[i], check);
	}
}

static void check_help(const struct schema_key *key)
{
	size_t len = key->help ? strlen(key->help) : 0;

	if (len < 10 || len > 200 || key->help[len - 1] != '.' || strchr(key->help, '\t') ||
		strchr(key->help, '\n') || key->help[0] < 'A' || key->help[0] > 'Z')
		TEST_FAIL("help of %s is not one short sentence", key->name);
}

static void every_key_has_help(void)
{
	for_each_key(&schema_root, check_help);
	for_each_key(&schema_profile, check_help);
}

static void check_parts(const struct schema_key *key)
{
	bool form = key->type == SCHEMA_TEXT || key->type == SCHEMA_NAMES ||
		key->type == SCHEMA_PARAMS || key->type == SCHEMA_MAP ||
		key->type == SCHEMA_ALIASES;
	bool keys = key->type == SCHEMA_SECTION || key->type == SCHEMA_MAP ||
		key->type == SCHEMA_SOURCE || key->type == SCHEMA_ITEMS;
	bool words = key->type == SCHEMA_WORD || key->type == SCHEMA_FLAGS;

	if ((key->form != NULL) != form || (key->n_keys > 0) != keys ||
		(key->words != NULL) != words ||
		(key->max_usec > 0) != (key->type == SCHEMA_DURATION) ||
		(key->max > 0) != (key->type == SCHEMA_NUMBER || key->type == SCHEMA_MAP) ||
		(key->size > 0) != (key->type == SCHEMA_ITEMS || key->type == SCHEMA_MAP))
		TEST_FAIL("%s lacks a part of its type or has one of another", key->name);
	if (key->type == SCHEMA_FLAGS && key->words->n > 32)
		TEST_FAIL("%s has more words than bits", key->name);
	if (key->template && key->type != SCHEMA_TEXT)
		TEST_FAIL("%s is no text to fill in", key->name);
	if (key->n_keys > SCHEMA_KEYS_MAX)
		TEST_FAIL("%s has too many keys", key->name);
	if (key->fallback && (key->given > 0 || key->required))
		TEST_FAIL("%s has a default that would count as given", key->name);
	/* What is left out is read as if it were empty, so nothing in it may be required. */
	for (size_t i = 0; key->type == SCHEMA_SECTION && i < key->n_keys; i++)
		if (key->keys[i].required)
			TEST_FAIL("%s may be absent, but not %s", key->name, key->keys[i].name);
}

static void every_key_has_what_its_type_needs(void)
{
	for_each_key(&schema_root, check_parts);
	for_each_key(&schema_profile, check_parts);
}

static void list_of_keys_is_complete(void)
{
	static const char *const want[] = {"agent", "agent.ready_when", "agent.operators",
		"agent.operators.users", "agent.operators.groups", "agent.store_key",
		"agent.store_key.credential", "agent.store_key.file", "agent.ca_file",
		"agent.proxy", "connections", "connections.NAME.provider", "connections.NAME.host",
		"connections.NAME.tenant", "connections.NAME.issuer", "connections.NAME.endpoints",
		"connections.NAME.endpoints.device_authorization",
		"connections.NAME.endpoints.authorization", "connections.NAME.endpoints.token",
		"connections.NAME.endpoints.revocation", "connections.NAME.endpoints.introspection",
		"connections.NAME.endpoints.userinfo", "connections.NAME.endpoints.jwks",
		"connections.NAME.flow", "connections.NAME.redirect_uri",
		"connections.NAME.client_id", "connections.NAME.client_secret",
		"connections.NAME.client_secret.credential", "connections.NAME.client_secret.file",
		"connections.NAME.client_auth", "connections.NAME.client_auth_audience",
		"connections.NAME.client_key", "connections.NAME.client_key.credential",
		"connections.NAME.client_key.file", "connections.NAME.client_key_passphrase",
		"connections.NAME.client_key_passphrase.credential",
		"connections.NAME.client_key_passphrase.file", "connections.NAME.client_key_id",
		"connections.NAME.client_key_algorithm", "connections.NAME.assertion",
		"connections.NAME.assertion.subject", "connections.NAME.assertion.audience",
		"connections.NAME.assertion.claims", "connections.NAME.scopes",
		"connections.NAME.required_scopes", "connections.NAME.scope_aliases",
		"connections.NAME.offline_scopes", "connections.NAME.expect",
		"connections.NAME.confirm", "connections.NAME.identity",
		"connections.NAME.identity.url", "connections.NAME.identity.subject",
		"connections.NAME.identity.email", "connections.NAME.resource",
		"connections.NAME.audience", "connections.NAME.required", "connections.NAME.allow",
		"connections.NAME.allow.users", "connections.NAME.allow.groups",
		"connections.NAME.allow.units", "connections.NAME.refresh",
		"connections.NAME.refresh.margin", "connections.NAME.refresh.keepalive",
		"connections.NAME.refresh.assume_lifetime", "connections.NAME.request_parameters",
		"connections.NAME.token_parameters", "connections.NAME.quirks",
		"connections.NAME.limits", "connections.NAME.limits.approvals_per_user",
		"connections.NAME.limits.idle_lifetime",
		"connections.NAME.limits.absolute_lifetime", "connections.NAME.hints",
		"connections.NAME.hints.error", "connections.NAME.hints.contains",
		"connections.NAME.hints.status", "connections.NAME.hints.at",
		"connections.NAME.hints.kind", "connections.NAME.hints.say",
		"connections.NAME.ca_file", "sync", "sync.NAME.from", "sync.NAME.to",
		"sync.NAME.objects", "sync.NAME.key", "sync.NAME.fields", "sync.NAME.fields.lead",
		"sync.NAME.fields.contact", "sync.NAME.exclude", "sync.NAME.exclude.lead",
		"sync.NAME.exclude.contact", "sync.NAME.on_too_long", "sync.NAME.deletes",
		"sync.NAME.start", "sync.NAME.every", "sync.NAME.quota",
		"sync.NAME.quota.salesforce", "sync.NAME.quota.marketo", "sync.NAME.native_sync",
		"sync.NAME.bulk_from"};
	struct buf b = BUF(100000);
	char *next;
	size_t n = 0;

	REQUIRE(config_keys(&b) == 0);
	for (char *line = b.data; *line; line = next) {
		next = strchr(line, '\n') + 1;
		line[strcspn(line, "\t")] = '\0';
		REQUIRE(n < ELEMENTS(want));
		CHECK_TEXT(line, want[n]);
		n++;
	}
	CHECK_INT(n, ELEMENTS(want));
	buf_done(&b);
}

/* --- the JSON Schema --- */

static bool array_has(const struct json *array, const char *text)
{
	for (size_t i = 0; i < json_count(array); i++)
		if (text_equal(json_text(json_at(array, i)), text))
			return true;
	return false;
}

static void check_described(const struct schema_key *key, const struct json *s);

static void check_section(const struct schema_key *key, const struct json *s)
{
	const struct json *properties = json_get(s, "properties");
	bool more = true;

	CHECK_TEXT(json_get_text(s, "type"), "object");
	CHECK(json_bool(json_get(s, "additionalProperties"), &more) && !more);
	CHECK_INT(json_count(properties), key->n_keys);
	for (size_t i = 0; i < key->n_keys; i++) {
		const struct schema_key *k = &key->keys[i];

		CHECK_INT(array_has(json_get(s, "required"), k->name), k->required);
		check_described(k, json_get(properties, k->name));
	}
}

static void check_words(const struct schema_key *key, const struct json *s)
{
	CHECK_INT(json_count(json_get(s, "enum")), key->words->n);
	for (unsigned i = 0; i < key->words->n; i++)
		CHECK(array_has(json_get(s, "enum"), key->words->word(i)));
}

/* A text as JSON Schema: with the form's pattern, and a number only where the form lets one in. */
static void check_text(const struct schema_form *form, const struct json *s)
{
	const struct json *type = json_get(s, "type");

	CHECK_TEXT(json_get_text(s, "pattern"), form->pattern);
	CHECK(array_has(type, "string") || text_equal(json_text(type), "string"));
	CHECK_INT(array_has(type, "number"), schema_form_fits(form, "12"));
}

static void check_names(const struct schema_key *key, const struct json *s)
{
	const struct json *array = key->blanks ? json_at(json_get(s, "anyOf"), 0) : s;

	CHECK_TEXT(json_get_text(array, "type"), "array");
	check_text(key->form, json_get(array, "items"));
	if (key->blanks)
		CHECK(array_has(json_get(json_at(json_get(s, "anyOf"), 1), "type"), "string"));
}

static void check_map_names(const struct schema_form *form, const struct json *s)
{
	const struct json *names = json_get(s, "propertyNames");
	size_t reserved = 0;

	CHECK_TEXT(json_get_text(s, "type"), "object");
	CHECK_TEXT(json_get_text(names, "pattern"), form->pattern);
	for (; form->reserved && form->reserved[reserved]; reserved++)
		CHECK(array_has(
			json_get(json_get(names, "not"), "enum"), form->reserved[reserved]));
	CHECK_INT(json_count(json_get(json_get(names, "not"), "enum")), reserved);
}

static void check_flags(const struct schema_key *key, const struct json *s)
{
	check_words(key, json_get(json_at(json_get(s, "anyOf"), 0), "items"));
	check_words(key, json_at(json_get(s, "anyOf"), 1));
}

static void check_number(const struct schema_key *key, const struct json *s)
{
	uint64_t min = 1, max = 0;

	if (key->percent) {
		CHECK_TEXT(json_get_text(s, "pattern"), "^[0-9]+%$");
		return;
	}
	CHECK_TEXT(json_get_text(s, "type"), "integer");
	CHECK(json_u64(json_get(s, "minimum"), &min) && min == key->min);
	CHECK(json_u64(json_get(s, "maximum"), &max) && max == key->max);
}

static void check_aliases(const struct schema_key *key, const struct json *s)
{
	const struct schema_key list = {.type = SCHEMA_NAMES, .form = key->form, .blanks = true};

	check_map_names(key->form, s);
	check_names(&list, json_get(s, "additionalProperties"));
}

static void check_type(const struct schema_key *key, const struct json *s)
{
	switch (key->type) {
	case SCHEMA_WORD:
		check_words(key, s);
		return;
	case SCHEMA_TEXT:
		check_text(key->form, s);
		return;
	case SCHEMA_BOOL:
		CHECK_INT(json_count(json_get(s, "enum")), 4);
		return;
	case SCHEMA_DURATION:
		CHECK_TEXT(json_get_text(s, "type"), "string");
		return;
	case SCHEMA_NUMBER:
		check_number(key, s);
		return;
	case SCHEMA_FLAGS:
		check_flags(key, s);
		return;
	case SCHEMA_ALIASES:
		check_aliases(key, s);
		return;
	case SCHEMA_ITEMS:
		CHECK_TEXT(json_get_text(s, "type"), "array");
		check_section(key, json_get(s, "items"));
		return;
	case SCHEMA_NAMES:
		check_names(key, s);
		return;
	case SCHEMA_PARAMS:
		check_map_names(key->form, s);
		check_text(&schema_text, json_get(s, "additionalProperties"));
		return;
	case SCHEMA_SOURCE:
		check_section(key, key->literal ? json_at(json_get(s, "oneOf"), 0) : s);
		CHECK_INT(json_count(json_get(s, "oneOf")), key->literal ? 2 : 0);
		return;
	case SCHEMA_SECTION:
		check_section(key, s);
		return;
	case SCHEMA_MAP:
		check_map_names(key->form, s);
		check_section(key, json_get(s, "additionalProperties"));
		return;
	}
}

static void check_described(const struct schema_key *key, const struct json *s)
{
	bool yes = false;
	uint64_t number = 0;

	REQUIRE(s != NULL);
	CHECK_TEXT(json_get_text(s, "description"), key->help);
	CHECK_INT(json_get(s, "default") != NULL, key->fallback != NULL);
	if (key->fallback && key->type == SCHEMA_NUMBER && !key->percent)
		CHECK(json_u64(json_get(s, "default"), &number) &&
			number == strtoull(key->fallback, NULL, 10));
	else if (key->fallback && key->type != SCHEMA_BOOL)
		CHECK_TEXT(json_get_text(s, "default"), key->fallback);
	else if (key->fallback)
		CHECK(json_bool(json_get(s, "default"), &yes) &&
			yes == text_equal(key->fallback, "true"));
	check_type(key, s);
}

static void json_schema_agrees_with_the_table(void)
{
	_cleanup_(json_freep) struct json *s = config_schema();

	REQUIRE(s != NULL);
	CHECK_TEXT(json_get_text(s, "$schema"), "https://json-schema.org/draft/2020-12/schema");
	CHECK_TEXT(json_get_text(s, "title"), "grantd.yaml");
	check_described(&schema_root, s);
}

static void json_schema_of_a_profile_has_its_keys_and_those_of_a_connection(void)
{
	_cleanup_(json_freep) struct json *s = config_schema();
	const struct json *profile = json_get(json_get(s, "$defs"), "profile");
	const struct json *properties = json_get(profile, "properties");
	size_t n = schema_profile.n_keys;

	for (size_t i = 0; i < schema_profile.n_keys; i++)
		check_described(
			&schema_profile.keys[i], json_get(properties, schema_profile.keys[i].name));
	for (size_t i = 0; i < schema_connection.n_keys; i++)
		if (schema_in_profile(&schema_connection.keys[i])) {
			check_described(&schema_connection.keys[i],
				json_get(properties, schema_connection.keys[i].name));
			n++;
		}
	CHECK_INT(json_count(properties), n);
	CHECK_INT(json_count(json_get(profile, "required")), 0);
	CHECK(!json_get(properties, "provider") && !json_get(properties, "client_secret") &&
		!json_get(properties, "allow") && !json_get(properties, "required"));
}

/* --- forms --- */

static const char *const samples[] = {"a", "1", "-", "-a", "a-b", "A", "Z9", "a_b", ".", "..",
	"a.b", "", " ", "a b", " a", "a ", "/", "/a", "/a b", "a/b", "~", "a~b", "\"", "\\", "a\\b",
	"[", "]", "^", "!", "#", "a#b", "'", "\x01", "a\x1f", "\x7f", "a\nb", "a\n", "\t",
	"\xc3\xa4", "https://a", "https://a.example/b", "https://a/?q", "https://a/#f",
	"https://u@a/", "https://", "http://a", "http://a:1", "http://a:1/", "socks5h://[::1]:1",
	"socks5://a", "http://a/b", "http://u:p@a", "a.service", ".service", "a@b.scope",
	"a.target", "a.mount", "a b.service", "a\\x2d.swap", "a.socket", "xa.services", "client_id",
	"scope", "audience", "acme", "acme:8443", "https://acme.my.example/x/y", "acme?x", "u@acme",
	"[::1]:1", ".example.com", "2026-11-23", "2026-11-2", "2026-13-01",
	"https://a.example/b?c#d"};

static void check_form(const struct schema_key *key)
{
	const struct schema_form *form = key->form;
	regex_t pattern;

	if (!form)
		return;
	CHECK(!form->example || schema_form_fits(form, form->example));
	REQUIRE(regcomp(&pattern, form->pattern, REG_EXTENDED | REG_NOSUB) == 0);
	for (size_t i = 0; i < ELEMENTS(samples); i++)
		if (schema_form_fits(form, samples[i]) &&
			regexec(&pattern, samples[i], 0, NULL, 0) != 0)
			TEST_FAIL("pattern of %s refuses \"%s\"", key->name, samples[i]);
	regfree(&pattern);
}

static void patterns_let_in_what_the_forms_let_in(void)
{
	REQUIRE(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	for_each_key(&schema_root, check_form);
	for_each_key(&schema_profile, check_form);
}

/* Where the form is one of characters only, the pattern says all of it. */
static void check_exact(const struct schema_key *key)
{
	regex_t pattern;

	if (key->type != SCHEMA_NAMES && key->type != SCHEMA_MAP && key->type != SCHEMA_ALIASES)
		return;
	REQUIRE(regcomp(&pattern, key->form->pattern, REG_EXTENDED | REG_NOSUB) == 0);
	for (size_t i = 0; i < ELEMENTS(samples); i++)
		if (!schema_form_fits(key->form, samples[i]) &&
			regexec(&pattern, samples[i], 0, NULL, 0) == 0)
			TEST_FAIL("pattern of %s lets in \"%s\"", key->name, samples[i]);
	regfree(&pattern);
}

static void patterns_of_names_refuse_what_the_forms_refuse(void)
{
	REQUIRE(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	for_each_key(&schema_root, check_exact);
}

static void near_words_are_found_and_far_ones_are_not(void)
{
	const struct schema_key *connections = schema_find(&schema_root, "connections");

	REQUIRE(connections != NULL);
	CHECK_TEXT(schema_near_key(connections, "client-id"), "client_id");
	CHECK_TEXT(schema_near_key(connections, "scope"), "scopes");
	CHECK_TEXT(schema_near_key(connections, "isuer"), "issuer");
	CHECK_TEXT(schema_near_key(connections, "flwo"), "flow");
	CHECK_TEXT(schema_near_key(connections, "requestparameter"), "request_parameters");
	CHECK_TEXT(schema_near_key(connections, "redirect_url"), "redirect_uri");
	CHECK(!schema_near_key(connections, "certificate"));
	CHECK(!schema_near_key(connections, "x"));
	CHECK(!schema_near_key(connections, ""));
	CHECK(!schema_find(connections, "client-id"));
}

static const struct test tests[] = {
	{"every key has help of one sentence", every_key_has_help},
	{"every key has what its type needs", every_key_has_what_its_type_needs},
	{"the list of keys is complete", list_of_keys_is_complete},
	{"the JSON Schema agrees with the table", json_schema_agrees_with_the_table},
	{"the JSON Schema of a profile has its keys and those of a connection",
		json_schema_of_a_profile_has_its_keys_and_those_of_a_connection},
	{"the patterns let in what the forms let in", patterns_let_in_what_the_forms_let_in},
	{"the patterns of names refuse what the forms refuse",
		patterns_of_names_refuse_what_the_forms_refuse},
	{"near words are found and far ones are not", near_words_are_found_and_far_ones_are_not},
};

TEST_MAIN(tests)
