/* SPDX-License-Identifier: BSD-2-Clause */

/* Profiles: what is known of a provider, as a YAML file in the words of grantd.yaml(5). Each is
 * read by itself once, so that what is wrong with it is told once and at its place; its connections
 * then read from its tree what they leave out. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/profile.h"
#include "config/read.h"
#include "config/rules.h"

/* --- lives --- */

static void profile_done(struct profile *p)
{
	mem_free(p->description);
	mem_free(p->host_suffix);
	mem_free(p->host_example);
	mem_free(p->tenant_example);
	for (size_t i = 0; i < p->refuse.n; i++) {
		mem_free(p->refuse.items[i].host);
		mem_free(p->refuse.items[i].say);
	}
	mem_free(p->refuse.items);
	for (size_t i = 0; i < p->sources.n; i++) {
		mem_free(p->sources.items[i].claim);
		mem_free(p->sources.items[i].date);
		mem_free(p->sources.items[i].url);
	}
	mem_free(p->sources.items);
	yaml_tree_free(p->tree);
}

void profiles_done(struct profiles *l)
{
	for (size_t i = 0; i < l->n; i++)
		profile_done(&l->items[i]);
	l->items = mem_free(l->items);
	l->n = 0;
}

const struct profile *profiles_get(const struct profiles *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (text_equal(l->items[i].name, name))
			return &l->items[i];
	return NULL;
}

void profiles_list(char *to, size_t size)
{
	size_t used = 0;

	to[0] = '\0';
	for (size_t i = 0; i < config_n_builtins && used < size; i++)
		used += (size_t)snprintf(
			to + used, size - used, "%s%s", i > 0 ? ", " : "", config_builtins[i].name);
}

static const char *builtin_name(unsigned i)
{
	return config_builtins[i].name;
}

const char *profiles_near(const char *name)
{
	const struct schema_words names = {
		(unsigned)config_n_builtins, builtin_name, SCHEMA_AS_TEXT};

	return schema_near_word(&names, name);
}

/* --- reading --- */

static void fault_unknown(
	struct reader *r, const struct place *at, const struct yaml_node *node, bool known)
{
	const char *near = schema_near_key(&schema_profile, node->key);

	if (!near)
		near = schema_near_key(&schema_connection, node->key);
	if (known)
		tell_key(&r->tell, at, node,
			"is of a connection alone, must not stand in a profile");
	else if (near)
		tell_key(&r->tell, at, node, "unknown key, did you mean %s?", near);
	else
		tell_key(&r->tell, at, node,
			"unknown key, must be one of a connection or of a profile, as in "
			"grantd.yaml(5)");
}

/* Each key at its table: what only a profile has goes into @p, what is said for connections into
 * @scratch, just to see whether it can be read. */
static int read_profile_keys(struct reader *r, struct yaml_node *root, struct profile *p,
	struct config_connection *scratch)
{
	int outcome = 0;

	for (struct yaml_node *child = root->first; child && outcome == 0; child = child->next) {
		const struct place here = {.up = NULL, .name = child->key};
		const struct schema_key *own = schema_find(&schema_profile, child->key);
		const struct schema_key *theirs = schema_find(&schema_connection, child->key);

		if (child->broken)
			continue;
		if (yaml_node_own(root, child->key) != child)
			tell_key(&r->tell, &here, child,
				"given twice, must be once; first in line %u",
				yaml_node_own(root, child->key)->key_line);
		else if (own)
			outcome = read_value(r, &here, own, child, p);
		else if (theirs && schema_in_profile(theirs))
			outcome = read_value(r, &here, theirs, child, scratch);
		else
			fault_unknown(r, &here, child, theirs != NULL);
	}
	return outcome;
}

static int read_root(struct reader *r, struct yaml_node *root, struct profile *p)
{
	struct config_connection scratch = {0};
	int outcome;

	if (root->kind != YAML_MAPPING) {
		tell_value(&r->tell, NULL, root, "must be a map of keys, as in grantd.yaml(5)");
		return 0;
	}
	outcome = read_profile_keys(r, root, p, &scratch);
	if (outcome == 0)
		rules_check_hints(&r->tell, NULL, yaml_node_get(root, "hints"), &scratch);
	config_connection_done(&scratch);
	return outcome;
}

static int read_profile(
	const struct config_profile *from, struct config_faults *faults, struct profile *p)
{
	/* Any values that {host} and {tenant} may have. */
	struct reader r = {
		.tell = {from->file, faults}, .host = (char *)"host.example", .tenant = "tenant"};
	size_t before = faults->n;
	int outcome;

	p->name = from->name;
	outcome = yaml_tree_parse(from->file, from->text, from->len, &p->tree, faults);
	if (outcome == 0 && p->tree->root && !yaml_node_is_empty(p->tree->root))
		outcome = read_root(&r, p->tree->root, p);
	if (outcome == -EINVAL)
		outcome = 0; /* told */
	if (faults->n > before)
		p->tree = yaml_tree_free(p->tree);
	return outcome;
}

static const struct config_profile *find(
	const struct config_profile *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (text_equal(list[i].name, name))
			return &list[i];
	return NULL;
}

int profiles_read(const struct names *names, const struct config_profile *given, size_t n,
	struct config_faults *faults, struct profiles *ret)
{
	int outcome = 0;

	ret->items = mem_array(names->n + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < names->n && outcome == 0; i++) {
		const struct config_profile *from = find(given, n, names->items[i]);

		if (!from)
			from = find(config_builtins, config_n_builtins, names->items[i]);
		if (from)
			outcome = read_profile(from, faults, &ret->items[ret->n++]);
	}
	return outcome;
}

/* --- filling in --- */

char *profile_host(const struct profile *p, const char *written)
{
	_cleanup_(buf_done) struct buf host = BUF(SCHEMA_TEXT_MAX * 2);
	size_t len, name;

	if (text_starts(written, "https://"))
		written += strlen("https://");
	len = strcspn(written, "/");
	name = strcspn(written, ":/");
	(void)buf_add(&host, written, name); /* failures stick */
	if (p && p->host_suffix && !memchr(written, '.', len) && written[0] != '[' &&
		!text_equal(buf_text(&host), "localhost"))
		(void)buf_add_text(&host, p->host_suffix);
	(void)buf_add(&host, written + name, len - name);
	return buf_steal(&host);
}

int profile_fill(const char *text, const char *host, const char *tenant, char **ret)
{
	_cleanup_(buf_done) struct buf filled = BUF(CONFIG_SIZE_MAX);
	const char *const names[] = {"{host}", "{tenant}"}, *const values[] = {host, tenant};

	while (*text) {
		size_t i = text_starts(text, names[0]) ? 0 : 1;

		if (*text != '{') {
			(void)buf_add_char(&filled, *text++);
			continue;
		}
		if (!text_starts(text, names[i]))
			return -EINVAL;
		if (!values[i])
			return -ENODATA;
		(void)buf_add_text(&filled, values[i]);
		text += strlen(names[i]);
	}
	*ret = buf_steal(&filled);
	return *ret ? 0 : -ENOMEM;
}
