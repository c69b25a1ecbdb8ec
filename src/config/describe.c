/* SPDX-License-Identifier: BSD-2-Clause */

/* What the table of config/schema.c says, for others: the JSON Schema of grantd.yaml(5) (draft
 * 2020-12), which editors check and complete by, and the list of keys, which the man page is held
 * against, and what a message says is allowed. The schema is never stricter than the reader; rules
 * between keys are the reader's. */

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "config/schema.h"

#define DURATION_PATTERN "^([0-9]+[smhd])+$"

/* "@of a, b, c" into @to. */
static void list_words(const char *of, const struct schema_words *words, char *to, size_t size)
{
	size_t used = (size_t)snprintf(to, size, "%s", words->n > 1 ? of : "");

	for (unsigned i = 0; i < words->n && used < size; i++)
		used += (size_t)snprintf(
			to + used, size - used, "%s%s", i > 0 ? ", " : "", words->word(i));
}

void schema_list_keys(const struct schema_key *section, char *to, size_t size)
{
	size_t used = 0;

	to[0] = '\0';
	for (size_t i = 0; i < section->n_keys && used < size; i++)
		used += (size_t)snprintf(
			to + used, size - used, "%s%s", i > 0 ? ", " : "", section->keys[i].name);
}

void schema_describe(const struct schema_key *key, char *to, size_t size)
{
	size_t used;

	switch (key->type) {
	case SCHEMA_WORD:
		list_words("one of ", key->words, to, size);
		return;
	case SCHEMA_TEXT:
		(void)snprintf(to, size, "%s", key->form->what);
		return;
	case SCHEMA_BOOL:
		(void)snprintf(to, size, "true or false");
		return;
	case SCHEMA_DURATION:
		(void)snprintf(to, size, "a duration such as 90s, 5m, 2h or 30d");
		return;
	case SCHEMA_NUMBER:
		(void)snprintf(to, size, "a whole number from %u%s to %u%s", key->min,
			key->percent ? "%" : "", key->max, key->percent ? "%" : "");
		return;
	case SCHEMA_FLAGS:
		list_words("a list of some of ", key->words, to, size);
		return;
	case SCHEMA_NAMES:
		(void)snprintf(to, size, "a list such as [%s]", key->form->example);
		return;
	case SCHEMA_ALIASES:
		(void)snprintf(
			to, size, "a map of names to lists such as [%s]", key->form->example);
		return;
	case SCHEMA_ITEMS:
		used = (size_t)snprintf(to, size, "a list of maps of the keys ");
		schema_list_keys(key, to + used, size - used);
		return;
	case SCHEMA_PARAMS:
		(void)snprintf(to, size, "a map of parameter names to texts");
		return;
	case SCHEMA_SOURCE:
		(void)snprintf(to, size, "%s{credential: NAME} or {file: PATH}",
			key->literal ? "text, " : "");
		return;
	case SCHEMA_SECTION:
		used = (size_t)snprintf(to, size, "a map of the keys ");
		schema_list_keys(key, to + used, size - used);
		return;
	case SCHEMA_MAP:
		(void)snprintf(to, size, "a map of names to their keys");
		return;
	}
}

static struct json *describe_key(const struct schema_key *key);

/* An array of @n texts, of which the @i-th is word(i). */
static struct json *word_array(const struct schema_words *words)
{
	_cleanup_(json_freep) struct json *array = json_new_array();

	for (unsigned i = 0; i < words->n; i++)
		if (json_append(array, json_new_text(words->word(i))) < 0)
			return NULL;
	return steal(array);
}

static struct json *text_array(const char *const *texts)
{
	_cleanup_(json_freep) struct json *array = json_new_array();

	for (; *texts; texts++)
		if (json_append(array, json_new_text(*texts)) < 0)
			return NULL;
	return steal(array);
}

/* The types under which YAML may show a text of @form that is written without quotes. */
static struct json *text_types(const struct schema_form *form)
{
	const char *types[4] = {"string", NULL};
	size_t n = 1;

	if (schema_form_fits(form, "1.5") || schema_form_fits(form, "12"))
		types[n++] = "number";
	if (schema_form_fits(form, "true"))
		types[n++] = "boolean";
	return n == 1 ? json_new_text(types[0]) : text_array(types);
}

static struct json *describe_text(const struct schema_form *form)
{
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_add(s, "type", text_types(form)) < 0 ||
		json_add(s, "pattern", json_new_text(form->pattern)) < 0 ||
		json_add(s, "maxLength", json_new_u64(form->max)) < 0)
		return NULL;
	return steal(s);
}

/* Of the names of a map: keys are strings, whatever they look like. */
static struct json *describe_name(const struct schema_form *form)
{
	_cleanup_(json_freep) struct json *s = json_new_object();
	_cleanup_(json_freep) struct json *reserved = NULL;

	if (json_add(s, "pattern", json_new_text(form->pattern)) < 0 ||
		json_add(s, "maxLength", json_new_u64(form->max)) < 0)
		return NULL;
	if (!form->reserved)
		return steal(s);
	reserved = json_new_object();
	if (json_add(reserved, "enum", text_array(form->reserved)) < 0 ||
		json_add(s, "not", steal(reserved)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_word(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *s = json_new_object();

	return json_add(s, "enum", word_array(key->words)) < 0 ? NULL : steal(s);
}

static struct json *describe_bool(void)
{
	_cleanup_(json_freep) struct json *values = json_new_array();
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_append(values, json_new_bool(true)) < 0 ||
		json_append(values, json_new_bool(false)) < 0 ||
		json_append(values, json_new_text("yes")) < 0 ||
		json_append(values, json_new_text("no")) < 0 ||
		json_add(s, "enum", steal(values)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_duration(void)
{
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_add(s, "type", json_new_text("string")) < 0 ||
		json_add(s, "pattern", json_new_text(DURATION_PATTERN)) < 0)
		return NULL;
	return steal(s);
}

/* {"KEYWORD": [@take_a, @take_b]} */
static struct json *either(const char *keyword, struct json *take_a, struct json *take_b)
{
	_cleanup_(json_freep) struct json *b = take_b;
	_cleanup_(json_freep) struct json *array = json_new_array();
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_append(array, take_a) < 0 || json_append(array, steal(b)) < 0 ||
		json_add(s, keyword, steal(array)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_names(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *array = json_new_object();
	struct json *text;

	if (json_add(array, "type", json_new_text("array")) < 0 ||
		json_add(array, "items", describe_text(key->form)) < 0 ||
		json_add(array, "maxItems", json_new_u64(SCHEMA_LIST_MAX)) < 0)
		return NULL;
	if (!key->blanks)
		return steal(array);
	text = json_new_object();
	if (json_add(text, "type", text_types(key->form)) < 0)
		text = json_free(text);
	return either("anyOf", steal(array), text);
}

/* A list of some words, or one of them alone. */
static struct json *describe_flags(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *array = json_new_object();

	if (json_add(array, "type", json_new_text("array")) < 0 ||
		json_add(array, "items", describe_word(key)) < 0)
		return NULL;
	return either("anyOf", steal(array), describe_word(key));
}

static struct json *describe_number(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (key->percent)
		return json_add(s, "pattern", json_new_text("^[0-9]+%$")) < 0 ? NULL : steal(s);
	if (json_add(s, "type", json_new_text("integer")) < 0 ||
		json_add(s, "minimum", json_new_u64(key->min)) < 0 ||
		json_add(s, "maximum", json_new_u64(key->max)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_aliases(const struct schema_key *key)
{
	const struct schema_key list = {.type = SCHEMA_NAMES, .form = key->form, .blanks = true};
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_add(s, "type", json_new_text("object")) < 0 ||
		json_add(s, "propertyNames", describe_name(key->form)) < 0 ||
		json_add(s, "additionalProperties", describe_names(&list)) < 0 ||
		json_add(s, "maxProperties", json_new_u64(SCHEMA_LIST_MAX)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_params(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_add(s, "type", json_new_text("object")) < 0 ||
		json_add(s, "propertyNames", describe_name(key->form)) < 0 ||
		json_add(s, "additionalProperties", describe_text(&schema_text)) < 0 ||
		json_add(s, "maxProperties", json_new_u64(SCHEMA_LIST_MAX)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_object(struct json *take_properties, struct json *take_required)
{
	_cleanup_(json_freep) struct json *properties = take_properties, *required = take_required;
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_add(s, "type", json_new_text("object")) < 0 ||
		json_add(s, "properties", steal(properties)) < 0 ||
		json_add(s, "required", steal(required)) < 0 ||
		json_add(s, "additionalProperties", json_new_bool(false)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_section(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *properties = json_new_object();
	_cleanup_(json_freep) struct json *required = json_new_array();

	for (size_t i = 0; i < key->n_keys; i++) {
		const struct schema_key *k = &key->keys[i];

		if (json_add(properties, k->name, describe_key(k)) < 0)
			return NULL;
		if (k->required && json_append(required, json_new_text(k->name)) < 0)
			return NULL;
	}
	return describe_object(steal(properties), steal(required));
}

/* The file of a profile: its own keys, and those of a connection that are not for it alone. */
static struct json *describe_profile(void)
{
	_cleanup_(json_freep) struct json *properties = json_new_object();

	for (size_t i = 0; i < schema_profile.n_keys; i++) {
		const struct schema_key *k = &schema_profile.keys[i];

		if (json_add(properties, k->name, describe_key(k)) < 0)
			return NULL;
	}
	for (size_t i = 0; i < schema_connection.n_keys; i++) {
		const struct schema_key *k = &schema_connection.keys[i];

		if (schema_in_profile(k) && json_add(properties, k->name, describe_key(k)) < 0)
			return NULL;
	}
	return describe_object(steal(properties), json_new_array());
}

static struct json *describe_items(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_add(s, "type", json_new_text("array")) < 0 ||
		json_add(s, "items", describe_section(key)) < 0 ||
		json_add(s, "maxItems", json_new_u64(SCHEMA_LIST_MAX)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_source(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *section = describe_section(key);

	if (json_add(section, "minProperties", json_new_u64(1)) < 0 ||
		json_add(section, "maxProperties", json_new_u64(1)) < 0)
		return NULL;
	if (!key->literal)
		return steal(section);
	return either("oneOf", steal(section), describe_text(&schema_text));
}

static struct json *describe_map(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *s = json_new_object();

	if (json_add(s, "type", json_new_text("object")) < 0 ||
		json_add(s, "propertyNames", describe_name(key->form)) < 0 ||
		json_add(s, "additionalProperties", describe_section(key)) < 0 ||
		json_add(s, "maxProperties", json_new_u64(key->max)) < 0)
		return NULL;
	return steal(s);
}

static struct json *describe_type(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_WORD:
		return describe_word(key);
	case SCHEMA_TEXT:
		return describe_text(key->form);
	case SCHEMA_BOOL:
		return describe_bool();
	case SCHEMA_DURATION:
		return describe_duration();
	case SCHEMA_NUMBER:
		return describe_number(key);
	case SCHEMA_FLAGS:
		return describe_flags(key);
	case SCHEMA_NAMES:
		return describe_names(key);
	case SCHEMA_PARAMS:
		return describe_params(key);
	case SCHEMA_ALIASES:
		return describe_aliases(key);
	case SCHEMA_ITEMS:
		return describe_items(key);
	case SCHEMA_SOURCE:
		return describe_source(key);
	case SCHEMA_SECTION:
		return describe_section(key);
	case SCHEMA_MAP:
		return describe_map(key);
	}
	return NULL;
}

static struct json *describe_fallback(const struct schema_key *key)
{
	uint64_t number = 0;

	if (key->type == SCHEMA_BOOL)
		return json_new_bool(text_equal(key->fallback, "true"));
	if (key->type == SCHEMA_NUMBER && !key->percent &&
		text_parse_u64(key->fallback, &number) == 0)
		return json_new_u64(number);
	return json_new_text(key->fallback);
}

static struct json *describe_key(const struct schema_key *key)
{
	_cleanup_(json_freep) struct json *s = describe_type(key);

	if (!s || json_add(s, "description", json_new_text(key->help)) < 0)
		return NULL;
	if (key->fallback && json_add(s, "default", describe_fallback(key)) < 0)
		return NULL;
	return steal(s);
}

struct json *config_schema(void)
{
	_cleanup_(json_freep) struct json *s = describe_key(&schema_root);
	_cleanup_(json_freep) struct json *others = json_new_object();

	if (!s || json_add(others, "profile", describe_profile()) < 0 ||
		json_add(s, "$defs", steal(others)) < 0 ||
		json_add(s, "$schema",
			json_new_text("https://json-schema.org/draft/2020-12/schema")) < 0 ||
		json_add(s, "title", json_new_text("grantd.yaml")) < 0)
		return NULL;
	return steal(s);
}

/* The keys of @section, each under @prefix. */
static void list_keys(struct buf *b, const struct schema_key *section, const char *prefix)
{
	for (size_t i = 0; i < section->n_keys; i++) {
		const struct schema_key *key = &section->keys[i];
		struct buf path = BUF(SCHEMA_TEXT_MAX);

		(void)buf_printf(b, "%s%s\t%s\n", prefix, key->name, key->help);
		(void)buf_printf(&path, "%s%s%s.", prefix, key->name,
			key->type == SCHEMA_MAP ? ".NAME" : "");
		if (path.error && !b->error)
			b->error = path.error;
		list_keys(b, key, buf_text(&path));
		buf_done(&path);
	}
}

int config_keys(struct buf *ret)
{
	list_keys(ret, &schema_root, "");
	return ret->error;
}

int config_profile_keys(struct buf *ret)
{
	list_keys(ret, &schema_profile, "");
	return ret->error;
}
