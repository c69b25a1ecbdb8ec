/* SPDX-License-Identifier: BSD-2-Clause */

/* grantd.yaml(5) read into values: a walk over the table of config/schema.c and the tree of
 * config/yaml.c side by side. Every fault is told, and the walk goes on. It descends as deep as the
 * table does, never as deep as the file. */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/read.h"
#include "config/rules.h"
#include "config/schema.h"
#include "config/tell.h"
#include "config/yaml.h"

/* --- what stands there --- */

static const char *kind_name(const struct yaml_node *node)
{
	switch (node->kind) {
	case YAML_SCALAR:
		return "text";
	case YAML_SEQUENCE:
		return "a list";
	case YAML_MAPPING:
		return "a map";
	}
	return "";
}

/* Is @node a @kind with a value? If not, it is told, unless something was told already. */
static bool expect(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, enum yaml_kind kind)
{
	char allowed[TELL_SENTENCE_MAX];

	if (node->broken)
		return false;
	schema_describe(key, allowed, sizeof(allowed));
	if (yaml_node_is_empty(node))
		tell_value(&r->tell, at, node, "has no value, must be %s", allowed);
	else if (node->kind != kind)
		tell_value(&r->tell, at, node, "is %s, must be %s", kind_name(node), allowed);
	return !node->broken;
}

/* Is the text of @node in @form? It is not shown: it may be a secret in the wrong place. */
static bool expect_form(struct reader *r, const struct place *at, const struct schema_form *form,
	struct yaml_node *node)
{
	if (schema_form_fits(form, node->text))
		return true;
	if (strlen(node->text) > form->max)
		tell_value(&r->tell, at, node, "is too long, must be at most %zu bytes", form->max);
	else
		tell_value(&r->tell, at, node, "must be %s%s%s", form->what,
			form->example ? ", such as " : "", form->example ? form->example : "");
	return false;
}

static bool expect_count(
	struct reader *r, const struct place *at, struct yaml_node *node, size_t max)
{
	if (node->n <= max)
		return true;
	tell_value(&r->tell, at, node, "has %zu entries, must be at most %zu", node->n, max);
	return false;
}

const char *read_plain(const struct yaml_node *node, const struct schema_form *form)
{
	if (!node || node->broken || node->kind != YAML_SCALAR || yaml_node_is_empty(node))
		return NULL;
	return schema_form_fits(form, node->text) ? node->text : NULL;
}

/* Was the key of @child, one of @parent's, there before? Maps are bounded, so looking is cheap. */
static bool check_repeated(struct reader *r, const struct place *at, const struct yaml_node *parent,
	const struct yaml_node *child)
{
	const struct yaml_node *first = yaml_node_get(parent, child->key);

	if (first == child)
		return false;
	tell_key(&r->tell, at, child, "given twice, must be once; first in line %u",
		first->key_line);
	return true;
}

/* --- values --- */

static int store_text(const char *text, char **ret)
{
	char *copy = mem_strdup(text);

	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static_assert(sizeof(enum grant_flow) == sizeof(unsigned), "a word is stored as its number");
static_assert(sizeof(enum client_auth) == sizeof(unsigned), "a word is stored as its number");
static_assert(sizeof(enum grant_confirm) == sizeof(unsigned), "a word is stored as its number");
static_assert(sizeof(enum grant_email) == sizeof(unsigned), "a word is stored as its number");

static int store_word(const struct schema_key *key, unsigned i, void *at)
{
	switch (key->words->storage) {
	case SCHEMA_AS_BOOL:
		*(bool *)at = i != 0;
		return 0;
	case SCHEMA_AS_ENUM:
		memcpy(at, &i, sizeof(i));
		return 0;
	case SCHEMA_AS_TEXT:
		return store_text(key->words->word(i), at);
	}
	return 0;
}

/* The end of a message: the word that was perhaps meant. */
static void hint(const char *near, char *to, size_t size)
{
	to[0] = '\0';
	if (near)
		(void)snprintf(to, size, "; did you mean %s?", near);
}

/* The number of the word that @node says; if it says none, that is told. */
static bool find_word(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, unsigned *ret)
{
	char shown[TELL_WORD_SHOWN], allowed[TELL_SENTENCE_MAX], meant[TELL_WORD_SHOWN + 32];

	if (!expect(r, at, key, node, YAML_SCALAR))
		return false;
	for (unsigned i = 0; i < key->words->n; i++)
		if (text_equal(node->text, key->words->word(i))) {
			*ret = i;
			return true;
		}
	text_clean(shown, sizeof(shown), node->text, strlen(node->text));
	schema_describe(key, allowed, sizeof(allowed));
	hint(schema_near_word(key->words, node->text), meant, sizeof(meant));
	tell_value(&r->tell, at, node, "\"%s\" is not known, must be %s%s", shown, allowed, meant);
	return false;
}

static int read_word(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *to)
{
	unsigned i;

	return find_word(r, at, key, node, &i) ? store_word(key, i, to) : 0;
}

/* A list of words, or one alone. */
static void read_flags(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, uint32_t *to)
{
	unsigned i;

	if (node->kind == YAML_SCALAR && !yaml_node_is_empty(node)) {
		if (find_word(r, at, key, node, &i))
			*to = UINT32_C(1) << i;
		return;
	}
	if (!expect(r, at, key, node, YAML_SEQUENCE) || !expect_count(r, at, node, SCHEMA_LIST_MAX))
		return;
	for (struct yaml_node *child = node->first; child; child = child->next)
		if (find_word(r, at, key, child, &i))
			*to |= UINT32_C(1) << i;
}

/* A whole number, with the % that it has to have behind it. 0, -EINVAL, -ERANGE. */
static int parse_number(const struct schema_key *key, const char *text, uint64_t *ret)
{
	char digits[sizeof("100")];
	size_t len = strlen(text);

	if (!key->percent)
		return text_parse_u64(text, ret);
	if (len == 0 || len > sizeof(digits) || text[len - 1] != '%')
		return -EINVAL;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)len - 1, text);
	return text_parse_u64(digits, ret);
}

static int read_number(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, unsigned *ret)
{
	char allowed[TELL_SENTENCE_MAX];
	uint64_t value = 0;

	if (!expect(r, at, key, node, YAML_SCALAR))
		return 0;
	if (parse_number(key, node->text, &value) == 0 && value >= key->min && value <= key->max) {
		*ret = (unsigned)value;
		return 0;
	}
	schema_describe(key, allowed, sizeof(allowed));
	tell_value(&r->tell, at, node, "must be %s", allowed);
	return 0;
}

/* A text with {host} and {tenant} filled in. One of a profile that lacks what it is made of is left
 * out: then the connection says by itself where the provider is, or it was told what it has to
 * give. */
static int read_template(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, char **ret)
{
	_cleanup_(mem_freep) char *filled = NULL;
	int outcome = profile_fill(node->text, r->host, r->tenant, &filled);

	if (outcome == -EINVAL)
		tell_value(&r->tell, at, node,
			"has another word in braces, must be {host} or {tenant}");
	else if (outcome == -ENODATA && node->file == r->tell.file)
		tell_value(&r->tell, at, node,
			"has a word in braces without its value, must have the key of that name "
			"beside it");
	if (outcome < 0)
		return outcome == -ENOMEM ? outcome : 0;
	if (schema_form_fits(key->form, filled))
		*ret = steal(filled);
	else
		tell_value(&r->tell, at, node, "must be %s, such as %s", key->form->what,
			key->form->example);
	return 0;
}

static int read_text(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, char **ret)
{
	if (!expect(r, at, key, node, YAML_SCALAR))
		return 0;
	if (key->template && strchr(node->text, '{') && strlen(node->text) <= key->form->max)
		return read_template(r, at, key, node, ret);
	if (!expect_form(r, at, key->form, node))
		return 0;
	return store_text(node->text, ret);
}

/* YAML 1.1 has more words for it, of which on, off, y and n are nobody's first guess. */
static int read_bool(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, bool *ret)
{
	if (!expect(r, at, key, node, YAML_SCALAR))
		return 0;
	if (node->plain && (text_equal(node->text, "true") || text_equal(node->text, "yes")))
		*ret = true;
	else if (node->plain && (text_equal(node->text, "false") || text_equal(node->text, "no")))
		*ret = false;
	else
		tell_value(&r->tell, at, node, "must be true or false%s",
			node->plain ? "" : ", without quotes");
	return 0;
}

static void fault_bounds(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node)
{
	char min[32], max[32];

	text_format_duration(min, sizeof(min), key->min_usec);
	text_format_duration(max, sizeof(max), key->max_usec);
	tell_value(&r->tell, at, node, "is out of bounds, must be %s to %s%s", min, max,
		key->zero ? ", or 0s" : "");
}

static int read_duration(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, uint64_t *ret)
{
	char shown[TELL_WORD_SHOWN];
	uint64_t usec = 0;
	int outcome;

	if (!expect(r, at, key, node, YAML_SCALAR))
		return 0;
	outcome = text_parse_duration(node->text, &usec);
	if (outcome == -EINVAL) {
		text_clean(shown, sizeof(shown), node->text, strlen(node->text));
		tell_value(&r->tell, at, node,
			"\"%s\" is not a duration, must be a number with its unit, such as 90s, "
			"5m, 2h or 30d",
			shown);
	} else if (outcome < 0 || usec > key->max_usec ||
		(usec < key->min_usec && !(key->zero && usec == 0))) {
		fault_bounds(r, at, key, node);
	} else {
		*ret = usec;
	}
	return 0;
}

/* --- lists and maps of text --- */

static int read_element(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, struct names *to)
{
	if (node->broken)
		return 0;
	if (node->kind != YAML_SCALAR || yaml_node_is_empty(node)) {
		tell_value(&r->tell, at, node, "an entry %s, must be %s",
			node->kind == YAML_SCALAR ? "has no value" : "is not text",
			key->form->what);
		return 0;
	}
	if (!expect_form(r, at, key->form, node))
		return 0;
	return names_add(to, node->text, strlen(node->text));
}

/* One text parted by blanks, as scopes are in RFC 6749 §3.3. */
static int read_blanks(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, struct names *to)
{
	struct names parts = {0};
	int outcome = 0;

	if (names_split(node->text, &parts) < 0)
		return -ENOMEM;
	if (parts.n == 0 || parts.n > SCHEMA_LIST_MAX)
		tell_value(&r->tell, at, node, "has %zu entries, must be 1 to %d", parts.n,
			SCHEMA_LIST_MAX);
	for (size_t i = 0; i < parts.n && !node->broken; i++)
		if (!schema_form_fits(key->form, parts.items[i]))
			tell_value(&r->tell, at, node, "an entry must be %s", key->form->what);
	if (!node->broken)
		outcome = names_copy(&parts, to);
	names_done(&parts);
	return outcome;
}

static int read_names(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, struct names *to)
{
	int outcome = 0;

	if (key->blanks && node->kind == YAML_SCALAR && !node->broken && !yaml_node_is_empty(node))
		return read_blanks(r, at, key, node, to);
	if (!expect(r, at, key, node, YAML_SEQUENCE) || !expect_count(r, at, node, SCHEMA_LIST_MAX))
		return 0;
	for (struct yaml_node *child = node->first; child && outcome == 0; child = child->next)
		outcome = read_element(r, at, key, child, to);
	return outcome;
}

/* Is the name of an entry in its form? */
static bool expect_name(struct reader *r, const struct place *at, const struct schema_key *key,
	const struct yaml_node *node)
{
	if (schema_form_fits(key->form, node->key))
		return true;
	tell_key(&r->tell, at, node, "must be %s, such as %s", key->form->what, key->form->example);
	return false;
}

/* Reads the entry @node of a map with names of the operator's choice. */
typedef int (*read_entry)(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *to);

static int read_param(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *to)
{
	const struct schema_key value = {.type = SCHEMA_TEXT, .form = &schema_text};

	if (!expect_name(r, at, key, node))
		return 0;
	if (!expect(r, at, &value, node, YAML_SCALAR) || !expect_form(r, at, value.form, node))
		return 0;
	return params_add(to, node->key, node->text);
}

static int read_alias(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *to)
{
	const struct schema_key list = {.type = SCHEMA_NAMES, .form = key->form, .blanks = true};
	struct names *others;

	if (!expect_name(r, at, key, node))
		return 0;
	if (aliases_add(to, node->key, &others) < 0)
		return -ENOMEM;
	return read_names(r, at, &list, node, others);
}

/* What the map leaves out and the one under it has, is read from there. */
static int read_entries(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, read_entry read, void *to)
{
	struct yaml_node *child;
	int outcome = 0;

	if (!expect(r, at, key, node, YAML_MAPPING) || !expect_count(r, at, node, SCHEMA_LIST_MAX))
		return 0;
	for (child = node->first; child && outcome == 0; child = child->next) {
		const struct place here = {.up = at, .name = child->key};

		if (!child->broken && !check_repeated(r, &here, node, child))
			outcome = read(r, &here, key, child, to);
	}
	child = node->under ? node->under->first : NULL;
	for (; child && outcome == 0; child = child->next) {
		const struct place here = {.up = at, .name = child->key};

		if (!yaml_node_own(node, child->key))
			outcome = read(r, &here, key, child, to);
	}
	return outcome;
}

/* --- sections --- */

static void fault_unknown(struct reader *r, const struct place *at,
	const struct schema_key *section, const struct yaml_node *child)
{
	const char *near = schema_near_key(section, child->key);
	char known[TELL_SENTENCE_MAX];

	schema_list_keys(section, known, sizeof(known));
	if (near)
		tell_key(&r->tell, at, child, "unknown key, did you mean %s?", near);
	else
		tell_key(&r->tell, at, child, "unknown key, must be one of %s", known);
}

/* A key that is not there: its default, or the defaults of its own keys. */
static int read_absent(struct reader *r, const struct place *at, const struct schema_key *key,
	const struct yaml_node *section, void *base)
{
	struct yaml_node node = {.kind = YAML_SCALAR, .plain = true};
	char allowed[TELL_SENTENCE_MAX];

	if (key->required) {
		schema_describe(key, allowed, sizeof(allowed));
		tell_key(&r->tell, at, section, "missing, must be %s", allowed);
		return 0;
	}
	if (key->type == SCHEMA_SECTION)
		node.kind = YAML_MAPPING;
	else if (key->fallback)
		node.text = (char *)key->fallback; /* only read */
	else
		return 0;
	return read_value(r, at, key, &node, base);
}

/* A key that is not written here may be so in what is under it. */
static int read_unwritten(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *section, void *base)
{
	struct yaml_node *under = yaml_node_get(section->under, key->name);

	if (under && schema_in_profile(key))
		return read_value(r, at, key, under, base);
	return read_absent(r, at, key, section, base);
}

/* Maps are merged entry by entry, but for those that are one value. */
static void lay_under(
	struct yaml_node *node, const struct schema_key *key, const struct yaml_node *section)
{
	struct yaml_node *under = yaml_node_get(section->under, key->name);

	if (under && under->kind == YAML_MAPPING && node->kind == YAML_MAPPING &&
		schema_in_profile(key))
		node->under = under;
}

int read_keys(struct reader *r, const struct place *at, const struct schema_key *section,
	struct yaml_node *node, void *base)
{
	const struct yaml_node *seen[SCHEMA_KEYS_MAX] = {NULL};
	int outcome = 0;

	for (struct yaml_node *child = node->first; child && outcome == 0; child = child->next) {
		const struct place here = {.up = at, .name = child->key};
		const struct schema_key *key = schema_find(section, child->key);
		size_t i = key ? (size_t)(key - section->keys) : 0;

		if (!key && !child->broken) {
			fault_unknown(r, &here, section, child);
		} else if (key && seen[i]) {
			tell_key(&r->tell, &here, child,
				"given twice, must be once; first in line %u", seen[i]->key_line);
		} else if (key) {
			seen[i] = child;
			lay_under(child, key, node);
			outcome = read_value(r, &here, key, child, base);
		}
	}
	for (size_t i = 0; i < section->n_keys && outcome == 0; i++) {
		const struct place here = {.up = at, .name = section->keys[i].name};

		if (!seen[i])
			outcome = read_unwritten(r, &here, &section->keys[i], node, base);
	}
	return outcome;
}

static int read_section(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *base)
{
	if (!expect(r, at, key, node, YAML_MAPPING))
		return 0;
	return read_keys(r, at, key, node, base);
}

static int read_literal(
	struct reader *r, const struct place *at, struct yaml_node *node, struct source *to)
{
	if (!expect_form(r, at, &schema_text, node))
		return 0;
	to->literal = secret_new_text(node->text);
	if (!to->literal)
		return -ENOMEM;
	to->kind = SOURCE_LITERAL;
	return 0;
}

/* Move the one of @parts that was given into @to. */
static void take_source(struct reader *r, const struct place *at, struct yaml_node *node,
	struct schema_source *parts, struct source *to)
{
	if (!parts->credential == !parts->file) {
		tell_value(&r->tell, at, node, "names %s, must be one of credential and file",
			parts->file ? "two places" : "no place");
		return;
	}
	to->kind = parts->credential ? SOURCE_CREDENTIAL : SOURCE_FILE;
	to->name = parts->credential ? steal(parts->credential) : steal(parts->file);
}

static int read_source(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, struct source *to)
{
	struct schema_source parts = {NULL, NULL};
	size_t before = r->tell.faults->n;
	int outcome;

	to->line = node->line;
	to->column = node->column;
	if (key->literal && node->kind == YAML_SCALAR && !node->broken && !yaml_node_is_empty(node))
		return read_literal(r, at, node, to);
	if (!expect(r, at, key, node, YAML_MAPPING))
		return 0;
	outcome = read_keys(r, at, key, node, &parts);
	if (outcome == 0 && r->tell.faults->n == before)
		take_source(r, at, node, &parts, to);
	mem_free(parts.credential);
	mem_free(parts.file);
	return outcome;
}

/* A list of maps. The array is @key's own type, which nobody here needs to know. */
static int read_items(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *to)
{
	const struct schema_key item = {
		.type = SCHEMA_SECTION, .keys = key->keys, .n_keys = key->n_keys};
	struct schema_items list = {NULL, 0};
	int outcome = 0;

	if (!expect(r, at, key, node, YAML_SEQUENCE) ||
		!expect_count(r, at, node, SCHEMA_LIST_MAX) || node->n == 0)
		return 0;
	list.items = mem_array(node->n, key->size);
	if (!list.items)
		return -ENOMEM;
	for (struct yaml_node *child = node->first; child && outcome == 0; child = child->next)
		if (expect(r, at, &item, child, YAML_MAPPING))
			outcome = read_keys(
				r, at, &item, child, (char *)list.items + key->size * list.n++);
	memcpy(to, &list, sizeof(list));
	return outcome;
}

/* --- the file --- */

/* The profile that the connection @node names, NULL where it names none that can be used. */
static const struct profile *find_profile(
	struct reader *r, const struct place *at, struct yaml_node *node)
{
	const struct place here = {.up = at, .name = "provider"};
	struct yaml_node *named = yaml_node_own(node, "provider");
	const char *name = named ? read_plain(named, &schema_profile_form) : PROFILE_DEFAULT;
	const struct profile *profile = name ? profiles_get(&r->profiles, name) : NULL;
	char known[TELL_SENTENCE_MAX], meant[TELL_WORD_SHOWN + 32];

	if (profile)
		return profile->tree ? profile : NULL; /* what is wrong with it was told */
	if (!name)
		return NULL;
	profiles_list(known, sizeof(known));
	hint(profiles_near(name), meant, sizeof(meant));
	tell_value(&r->tell, &here, named,
		"there is no profile %s, must be one of %s, or a file profiles/%s.yaml beside this "
		"one%s",
		name, known, name, meant);
	return NULL;
}

/* What the connection leaves out is looked for in its profile, from here on. */
static int begin_connection(struct reader *r, const struct place *at, struct yaml_node *node,
	const struct profile **ret)
{
	const struct profile *profile = find_profile(r, at, node);
	const char *host;

	r->host = mem_free(r->host);
	node->under = profile ? profile->tree->root : NULL;
	r->tenant = read_plain(yaml_node_get(node, "tenant"), &schema_tenant_form);
	host = read_plain(yaml_node_get(node, "host"), &schema_host_form);
	if (host) {
		r->host = profile_host(profile, host);
		if (!r->host)
			return -ENOMEM;
	}
	*ret = profile;
	return 0;
}

static int read_connection(struct reader *r, const struct place *at, const struct schema_key *map,
	struct yaml_node *node, struct config_connection *to)
{
	const struct schema_key section = {
		.type = SCHEMA_SECTION, .keys = map->keys, .n_keys = map->n_keys};
	const struct profile *profile = NULL;
	int outcome;

	(void)expect_name(r, at, map, node); /* read on to tell what else is wrong */
	to->line = node->key_line;
	to->column = node->key_column;
	if (!expect(r, at, &section, node, YAML_MAPPING))
		return 0;
	outcome = store_text(node->key, &to->setup.name);
	if (outcome == 0)
		outcome = begin_connection(r, at, node, &profile);
	if (outcome == 0)
		outcome = read_keys(r, at, &section, node, to);
	if (outcome < 0 || !profile)
		return outcome;
	if (r->host) {
		mem_free(to->host);
		to->host = steal(r->host);
	}
	return rules_check(&r->tell, at, node, profile, to);
}

static int read_sync(struct reader *r, const struct place *at, const struct schema_key *map,
	struct yaml_node *node, struct config_sync *to)
{
	const struct schema_key section = {
		.type = SCHEMA_SECTION, .keys = map->keys, .n_keys = map->n_keys};

	(void)expect_name(r, at, map, node); /* read on to tell what else is wrong */
	to->line = node->key_line;
	to->column = node->key_column;
	if (!expect(r, at, &section, node, YAML_MAPPING))
		return 0;
	if (store_text(node->key, &to->name) < 0)
		return -ENOMEM;
	return read_keys(r, at, &section, node, to);
}

static int read_map(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, struct schema_items *to)
{
	int outcome = 0;

	if (!expect(r, at, key, node, YAML_MAPPING) || !expect_count(r, at, node, key->max) ||
		node->n == 0)
		return 0;
	to->items = mem_array(node->n, key->size);
	if (!to->items)
		return -ENOMEM;
	for (struct yaml_node *child = node->first; child && outcome == 0; child = child->next) {
		const struct place here = {.up = at, .name = child->key};
		void *item = (char *)to->items + to->n * key->size;

		if (child->broken || check_repeated(r, &here, node, child))
			continue;
		to->n++;
		outcome = key->profiles ? read_connection(r, &here, key, child, item)
					: read_sync(r, &here, key, child, item);
	}
	return outcome;
}

static int read_typed(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *to)
{
	switch (key->type) {
	case SCHEMA_WORD:
		return read_word(r, at, key, node, to);
	case SCHEMA_TEXT:
		return read_text(r, at, key, node, to);
	case SCHEMA_BOOL:
		return read_bool(r, at, key, node, to);
	case SCHEMA_DURATION:
		return read_duration(r, at, key, node, to);
	case SCHEMA_NUMBER:
		return read_number(r, at, key, node, to);
	case SCHEMA_FLAGS:
		read_flags(r, at, key, node, to);
		return 0;
	case SCHEMA_NAMES:
		return read_names(r, at, key, node, to);
	case SCHEMA_PARAMS:
		return read_entries(r, at, key, node, read_param, to);
	case SCHEMA_ALIASES:
		return read_entries(r, at, key, node, read_alias, to);
	case SCHEMA_ITEMS:
		return read_items(r, at, key, node, to);
	case SCHEMA_SOURCE:
		return read_source(r, at, key, node, to);
	case SCHEMA_SECTION:
		return read_section(r, at, key, node, to);
	case SCHEMA_MAP:
		return read_map(r, at, key, node, to);
	}
	return -EINVAL;
}

int read_value(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *base)
{
	char *to = base;
	int outcome = read_typed(r, at, key, node, to + key->offset);

	if (outcome == 0 && key->given > 0 && !node->broken)
		*(bool *)(to + key->given) = true;
	if (key->line > 0) {
		memcpy(to + key->line, &node->line, sizeof(node->line));
		memcpy(to + key->column, &node->column, sizeof(node->column));
	}
	return outcome;
}

/* A file of comments only says what an empty map says. */
static int read_file(struct reader *r, struct yaml_node *root)
{
	struct yaml_node empty = {.kind = YAML_MAPPING};
	int outcome;

	if (!root || yaml_node_is_empty(root))
		root = &empty;
	outcome = read_section(r, NULL, &schema_root, root, r->config);
	if (outcome == 0)
		rules_check_syncs(&r->tell, yaml_node_get(root, "sync"), r->config);
	return outcome;
}

/* The profiles that the connections of @root name, each once. */
static int find_providers(const struct yaml_node *root, struct names *ret)
{
	const struct yaml_node *map = root ? yaml_node_get(root, "connections") : NULL;
	int outcome = 0;

	for (struct yaml_node *c = map ? map->first : NULL; c && outcome == 0; c = c->next) {
		const struct yaml_node *named = yaml_node_get(c, "provider");
		const char *name =
			named ? read_plain(named, &schema_profile_form) : PROFILE_DEFAULT;

		if (name && !names_have(ret, name))
			outcome = names_add(ret, name, strlen(name));
	}
	return outcome;
}

int config_providers(const char *text, size_t len, struct names *ret)
{
	_cleanup_(yaml_tree_freep) struct yaml_tree *tree = NULL;
	struct config_faults faults = {0};
	int outcome;

	outcome = yaml_tree_parse("", text, len, &tree, &faults);
	if (outcome == 0)
		outcome = find_providers(tree->root, ret);
	config_faults_done(&faults);
	return outcome == -EINVAL ? 0 : outcome;
}

static int read_profiles(struct reader *r, const struct yaml_node *root,
	const struct config_profile *given, size_t n)
{
	struct names names = {0};
	int outcome;

	outcome = find_providers(root, &names);
	if (outcome == 0)
		outcome = profiles_read(&names, given, n, r->tell.faults, &r->profiles);
	names_done(&names);
	return outcome;
}

int config_parse_with(const char *file, const char *text, size_t len,
	const struct config_profile *given, size_t n, struct config **ret,
	struct config_faults *faults)
{
	_cleanup_(config_freep) struct config *config = mem_alloc(sizeof(*config));
	_cleanup_(yaml_tree_freep) struct yaml_tree *tree = NULL;
	struct reader r = {.tell = {file, faults}, .config = config};
	size_t before = faults->n;
	int outcome;

	if (!config)
		return -ENOMEM;
	outcome = yaml_tree_parse(file, text, len, &tree, faults);
	if (outcome == 0)
		outcome = read_profiles(&r, tree->root, given, n);
	if (outcome == 0)
		outcome = read_file(&r, tree->root);
	profiles_done(&r.profiles);
	mem_free(r.host);
	if (faults->text.error == -ENOMEM)
		return -ENOMEM;
	if (outcome < 0)
		return outcome;
	if (faults->n > before)
		return -EINVAL;
	*ret = steal(config);
	return 0;
}

int config_parse(const char *file, const char *text, size_t len, struct config **ret,
	struct config_faults *faults)
{
	return config_parse_with(file, text, len, NULL, 0, ret, faults);
}
