/* SPDX-License-Identifier: BSD-2-Clause */

/* The life of a configuration, and the effective one as YAML. */

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "config/schema.h"

/* --- life --- */

static void principals_done(struct principals *p)
{
	names_done(&p->users);
	names_done(&p->groups);
	names_done(&p->units);
}

static void source_done(struct source *s)
{
	s->name = mem_free(s->name);
	s->literal = secret_free(s->literal);
}

void config_connection_done(struct config_connection *c)
{
	grant_setup_done(&c->setup);
	c->provider = mem_free(c->provider);
	c->host = mem_free(c->host);
	c->tenant = mem_free(c->tenant);
	names_done(&c->offline_scopes);
	source_done(&c->client_secret);
	source_done(&c->client_key);
	source_done(&c->client_key_passphrase);
	principals_done(&c->allow);
	c->ca_file = mem_free(c->ca_file);
}

static void sync_done(struct config_sync *s)
{
	mem_free(s->name);
	mem_free(s->from);
	mem_free(s->to);
	mem_free(s->key);
	mem_free(s->on_too_long);
	mem_free(s->deletes);
	for (size_t i = 0; i < CONFIG_SYNC_OBJECTS; i++) {
		params_done(&s->fields[i]);
		names_done(&s->exclude[i]);
	}
}

const struct config_connection *config_connection(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_connections; i++)
		if (text_equal(c->connections[i].setup.name, name))
			return &c->connections[i];
	return NULL;
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_syncs; i++)
		sync_done(&c->syncs[i]);
	mem_free(c->syncs);
	for (size_t i = 0; i < c->n_connections; i++)
		config_connection_done(&c->connections[i]);
	mem_free(c->connections);
	principals_done(&c->operators);
	source_done(&c->store_key);
	mem_free(c->ca_file);
	mem_free(c->proxy);
	return mem_free(c);
}

/* --- show --- */

#define INDENT 2

static void show_keys(
	struct buf *b, const struct schema_key *section, const char *base, unsigned depth);

/* Single quotes keep every text that the schema lets in: it has neither controls nor line breaks.
 */
static void show_text(struct buf *b, const char *text)
{
	(void)buf_add_char(b, '\'');
	for (const char *c = text; *c; c++)
		(void)buf_add(b, *c == '\'' ? "''" : c, *c == '\'' ? 2 : 1);
	(void)buf_add_char(b, '\'');
}

static void show_name(struct buf *b, const char *name, unsigned depth)
{
	(void)buf_printf(b, "%*s%s:", (int)depth * INDENT, "", name);
}

static void show_names(struct buf *b, const struct names *l)
{
	(void)buf_add_text(b, " [");
	for (size_t i = 0; i < l->n; i++) {
		(void)buf_add_text(b, i > 0 ? ", " : "");
		show_text(b, l->items[i]);
	}
	(void)buf_add_text(b, "]\n");
}

static void show_params(struct buf *b, const struct params *l, unsigned depth)
{
	(void)buf_add_char(b, '\n');
	for (size_t i = 0; i < l->n; i++) {
		(void)buf_printf(b, "%*s", (int)depth * INDENT, "");
		show_text(b, l->items[i].name);
		(void)buf_add_text(b, ": ");
		show_text(b, l->items[i].value);
		(void)buf_add_char(b, '\n');
	}
}

static void show_flags(struct buf *b, const struct schema_words *words, uint32_t flags)
{
	const char *separator = "";

	(void)buf_add_text(b, " [");
	for (unsigned i = 0; i < words->n; i++)
		if (flags & (UINT32_C(1) << i)) {
			(void)buf_printf(b, "%s%s", separator, words->word(i));
			separator = ", ";
		}
	(void)buf_add_text(b, "]\n");
}

static void show_aliases(struct buf *b, const struct aliases *l, unsigned depth)
{
	(void)buf_add_char(b, '\n');
	for (size_t i = 0; i < l->n; i++) {
		(void)buf_printf(b, "%*s", (int)depth * INDENT, "");
		show_text(b, l->items[i].name);
		(void)buf_add_char(b, ':');
		show_names(b, &l->items[i].others);
	}
}

static void show_items(
	struct buf *b, const struct schema_key *key, const struct schema_items *l, unsigned depth)
{
	(void)buf_add_text(b, l->n == 0 ? " []\n" : "\n");
	for (size_t i = 0; i < l->n; i++) {
		(void)buf_printf(b, "%*s-\n", (int)depth * INDENT, "");
		show_keys(b, key, (const char *)l->items + i * key->size, depth + 1);
	}
}

static void show_source(struct buf *b, const struct source *s)
{
	(void)buf_printf(b, " {%s: ", s->kind == SOURCE_FILE ? "file" : "credential");
	show_text(b, s->name);
	(void)buf_add_text(b, "}\n");
}

static void show_map(
	struct buf *b, const struct schema_key *key, const struct schema_items *l, unsigned depth)
{
	(void)buf_add_char(b, '\n');
	for (size_t i = 0; i < l->n; i++) {
		const char *item = (const char *)l->items + i * key->size;

		show_name(b, *(char *const *)(item + key->naming), depth);
		(void)buf_add_char(b, '\n');
		show_keys(b, key, item, depth + 1);
	}
}

/* Was an empty list written, in place of what the profile has? */
static bool is_given(const struct schema_key *key, const char *base)
{
	return key->given > 0 && *(const bool *)(base + key->given);
}

/* Is there something to show at @at? */
static bool is_set(const struct schema_key *key, const char *base)
{
	const void *at = base + key->offset;

	switch (key->type) {
	case SCHEMA_WORD:
		return key->words->storage != SCHEMA_AS_TEXT || *(char *const *)at != NULL;
	case SCHEMA_BOOL:
	case SCHEMA_DURATION:
		return true;
	case SCHEMA_FLAGS:
		return *(const uint32_t *)at != 0 || is_given(key, base);
	case SCHEMA_ITEMS:
		return ((const struct schema_items *)at)->n > 0 || is_given(key, base);
	case SCHEMA_NUMBER:
		return *(const unsigned *)at >= key->min;
	case SCHEMA_TEXT:
		return *(char *const *)at != NULL;
	case SCHEMA_NAMES:
		return ((const struct names *)at)->n > 0 || is_given(key, base);
	case SCHEMA_PARAMS:
		return ((const struct params *)at)->n > 0;
	case SCHEMA_ALIASES:
		return ((const struct aliases *)at)->n > 0;
	case SCHEMA_SOURCE:
		return ((const struct source *)at)->kind != SOURCE_NONE;
	case SCHEMA_SECTION:
		for (size_t i = 0; i < key->n_keys; i++)
			if (is_set(&key->keys[i], at))
				return true;
		return false;
	case SCHEMA_MAP:
		return ((const struct schema_items *)at)->n > 0;
	}
	return false;
}

static void show_scalar(struct buf *b, const struct schema_key *key, const void *at)
{
	char duration[32];

	(void)buf_add_char(b, ' ');
	if (key->type == SCHEMA_WORD) {
		(void)buf_add_text(b, key->words->word(schema_word_load(key, at)));
	} else if (key->type == SCHEMA_BOOL) {
		(void)buf_add_text(b, *(const bool *)at ? "true" : "false");
	} else if (key->type == SCHEMA_DURATION) {
		text_format_duration(duration, sizeof(duration), *(const uint64_t *)at);
		(void)buf_add_text(b, duration);
	} else if (key->type == SCHEMA_NUMBER) {
		(void)buf_printf(b, "%u%s", *(const unsigned *)at, key->percent ? "%" : "");
	} else {
		show_text(b, *(char *const *)at);
	}
	(void)buf_add_char(b, '\n');
}

static void show_value(struct buf *b, const struct schema_key *key, const void *at, unsigned depth)
{
	switch (key->type) {
	case SCHEMA_WORD:
	case SCHEMA_TEXT:
	case SCHEMA_BOOL:
	case SCHEMA_DURATION:
	case SCHEMA_NUMBER:
		show_scalar(b, key, at);
		return;
	case SCHEMA_FLAGS:
		show_flags(b, key->words, *(const uint32_t *)at);
		return;
	case SCHEMA_NAMES:
		show_names(b, at);
		return;
	case SCHEMA_PARAMS:
		show_params(b, at, depth + 1);
		return;
	case SCHEMA_ALIASES:
		show_aliases(b, at, depth + 1);
		return;
	case SCHEMA_ITEMS:
		show_items(b, key, at, depth + 1);
		return;
	case SCHEMA_SOURCE:
		show_source(b, at);
		return;
	case SCHEMA_SECTION:
		(void)buf_add_char(b, '\n');
		show_keys(b, key, at, depth + 1);
		return;
	case SCHEMA_MAP:
		show_map(b, key, at, depth + 1);
		return;
	}
}

/* A secret is never shown; what says so is a comment, so that nobody takes it for the secret. */
static bool is_literal(const struct schema_key *key, const void *at)
{
	return key->type == SCHEMA_SOURCE && ((const struct source *)at)->kind == SOURCE_LITERAL;
}

/* A word that was not chosen may give way to what the provider says: it would not, if it were read
 * back as chosen. */
static bool is_unchosen(const struct schema_key *key, const char *base)
{
	return key->type == SCHEMA_WORD && key->given > 0 && !*(const bool *)(base + key->given);
}

static void show_keys(
	struct buf *b, const struct schema_key *section, const char *base, unsigned depth)
{
	for (size_t i = 0; i < section->n_keys; i++) {
		const struct schema_key *key = &section->keys[i];
		const void *at = base + key->offset;

		if (!is_set(key, base))
			continue;
		if (is_literal(key, at)) {
			(void)buf_printf(b, "%*s# %s: in the file, not shown\n",
				(int)depth * INDENT, "", key->name);
			continue;
		}
		if (is_unchosen(key, base))
			(void)buf_printf(b, "%*s# by default ", (int)depth * INDENT, "");
		show_name(b, key->name, is_unchosen(key, base) ? 0 : depth);
		show_value(b, key, at, depth);
	}
}

int config_show(const struct config *c, struct buf *ret)
{
	show_keys(ret, &schema_root, (const char *)c, 0);
	return ret->error;
}
