/* SPDX-License-Identifier: BSD-2-Clause */

/* libyaml's events (YAML 1.1) into a small tree with places. The only user of libyaml. What makes
 * one text mean several things, or many things at once (aliases, anchors, tags, merge keys), is
 * refused: a configuration says what it says. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <yaml.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/yaml.h"

struct builder {
	const char *file;
	struct config_faults *faults;
	yaml_parser_t parser;
	struct yaml_tree *tree;
	struct yaml_node *open[CONFIG_DEPTH_MAX]; /* from the root to the collection being filled */
	size_t depth;
	bool document_seen;
	bool done;

	char *key; /* waits for its value */
	unsigned key_line, key_column;
};

static unsigned line_of(const yaml_mark_t *mark)
{
	return (unsigned)mark->line + 1;
}

static unsigned column_of(const yaml_mark_t *mark)
{
	return (unsigned)mark->column + 1;
}

#define FAULT(b, mark, ...) \
	config_fault((b)->faults, (b)->file, line_of(mark), column_of(mark), NULL, __VA_ARGS__)

static struct yaml_node *parent_of(const struct builder *b)
{
	return b->depth > 0 ? b->open[b->depth - 1] : NULL;
}

static bool wants_key(const struct builder *b)
{
	const struct yaml_node *parent = parent_of(b);

	return parent && parent->kind == YAML_MAPPING && !b->key;
}

static void attach(struct builder *b, struct yaml_node *node)
{
	struct yaml_node *parent = parent_of(b);

	node->key = steal(b->key);
	node->key_line = b->key_line;
	node->key_column = b->key_column;
	if (!parent) {
		b->tree->root = node;
		return;
	}
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->n++;
}

static int add_node(
	struct builder *b, enum yaml_kind kind, const yaml_mark_t *mark, struct yaml_node **ret)
{
	struct yaml_node *node;

	if (b->tree->n >= YAML_NODES_MAX) {
		FAULT(b, mark, "too many values, allowed are %u in one file", YAML_NODES_MAX);
		return -EINVAL;
	}
	node = mem_alloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->kind = kind;
	node->file = b->file;
	node->line = line_of(mark);
	node->column = column_of(mark);
	node->older = b->tree->newest;
	b->tree->newest = node;
	b->tree->n++;
	attach(b, node);
	/* Told here, where its value is known, and not again by the schema as an unknown key. */
	if (node->key && text_equal(node->key, "<<")) {
		config_fault(b->faults, b->file, node->key_line, node->key_column, NULL,
			"merge key <<, which is not allowed: write the keys out");
		node->broken = true;
	}
	*ret = node;
	return 0;
}

/* Refuse what may stand before any value; it is read on as if it were not there. */
static bool check_properties(struct builder *b, const yaml_event_t *event,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		FAULT(b, &event->start_mark,
			"anchor, which is not allowed: write the value where it is needed, and "
			"quote a text that begins with &");
	if (tag)
		FAULT(b, &event->start_mark,
			"tag, which is not allowed: write the value alone, and quote a text that "
			"begins with !");
	return !anchor && !tag;
}

static int refuse_key(struct builder *b, const yaml_event_t *event)
{
	FAULT(b, &event->start_mark, "a key that is not plain text, allowed is a name");
	return -EINVAL;
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
	struct yaml_node *node;
	int r;

	FAULT(b, &event->start_mark,
		"alias, which is not allowed: write the value out, and quote a text that begins "
		"with *");
	if (wants_key(b))
		return -EINVAL;
	r = add_node(b, YAML_SCALAR, &event->start_mark, &node);
	if (r < 0)
		return r;
	node->broken = true;
	return 0;
}

static int on_key(struct builder *b, const yaml_event_t *event, const char *text, size_t len)
{
	if (memchr(text, '\0', len))
		return refuse_key(b, event);
	b->key = mem_strndup(text, len);
	if (!b->key)
		return -ENOMEM;
	b->key_line = line_of(&event->start_mark);
	b->key_column = column_of(&event->start_mark);
	return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct yaml_node *node;
	bool proper;
	int r;

	proper = check_properties(b, event, event->data.scalar.anchor, event->data.scalar.tag);
	if (wants_key(b))
		return on_key(b, event, text, len);
	r = add_node(b, YAML_SCALAR, &event->start_mark, &node);
	if (r < 0)
		return r;
	if (memchr(text, '\0', len)) {
		FAULT(b, &event->start_mark, "text with a NUL character, which is not allowed");
		proper = false;
	}
	node->broken = node->broken || !proper;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = mem_strndup(text, len);
	return node->text ? 0 : -ENOMEM;
}

static int on_collection(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct yaml_node *node;
	int r;

	if (wants_key(b))
		return refuse_key(b, event);
	if (b->depth == CONFIG_DEPTH_MAX) {
		FAULT(b, &event->start_mark, "nested too deep, allowed are %d levels",
			CONFIG_DEPTH_MAX);
		return -EINVAL;
	}
	(void)check_properties(b, event, anchor, tag); /* its content is still worth checking */
	r = add_node(b, kind, &event->start_mark, &node);
	if (r < 0)
		return r;
	b->open[b->depth++] = node;
	return 0;
}

static int on_document(struct builder *b, const yaml_event_t *event)
{
	if (b->document_seen) {
		FAULT(b, &event->start_mark,
			"a second document, allowed is one: leave out the line ---");
		return -EINVAL;
	}
	b->document_seen = true;
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		return on_document(b, event);
	case YAML_ALIAS_EVENT:
		return on_alias(b, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_collection(b, event, YAML_SEQUENCE, event->data.sequence_start.anchor,
			event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_collection(b, event, YAML_MAPPING, event->data.mapping_start.anchor,
			event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		assert(b->depth > 0);
		b->depth--;
		return 0;
	}
	return -EINVAL;
}

/* libyaml tells bad bytes by their offset only. */
static yaml_mark_t mark_at(const char *text, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

/* libyaml says only that a token can't begin so. */
static bool is_at_tab(const yaml_parser_t *p)
{
	return p->error == YAML_SCANNER_ERROR && p->problem_mark.index == p->mark.index &&
		p->buffer.pointer < p->buffer.last && *p->buffer.pointer == '\t';
}

static int on_parser_error(struct builder *b, const char *text, size_t len)
{
	const yaml_parser_t *p = &b->parser;
	yaml_mark_t mark = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR) {
		mark = mark_at(text, p->problem_offset < len ? p->problem_offset : len);
		FAULT(b, &mark, "not UTF-8 text: %s", p->problem);
		return -EINVAL;
	}
	if (is_at_tab(p)) {
		FAULT(b, &mark, "a tab, which is not allowed for indentation: use blanks");
		return -EINVAL;
	}
	FAULT(b, &mark, "not YAML: %s%s%s", p->context ? p->context : "", p->context ? ": " : "",
		p->problem ? p->problem : "not understood");
	return -EINVAL;
}

/* libyaml frees without wiping, and a value may be a secret. */
static void delete_event(yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		mem_wipe(event->data.scalar.value, event->data.scalar.length);
	yaml_event_delete(event);
}

/* As far as it can be reached: what the scanner gave back while a text grew is out of our hands. */
static void delete_parser(yaml_parser_t *p)
{
	for (yaml_token_t *t = p->tokens.head; t != p->tokens.tail; t++)
		if (t->type == YAML_SCALAR_TOKEN)
			mem_wipe(t->data.scalar.value, t->data.scalar.length);
	mem_wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
	mem_wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
	yaml_parser_delete(p);
}

static int build(struct builder *b, const char *text, size_t len)
{
	yaml_event_t event;
	int r = 0;

	while (r == 0 && !b->done) {
		if (!yaml_parser_parse(&b->parser, &event))
			return on_parser_error(b, text, len);
		r = on_event(b, &event);
		delete_event(&event);
	}
	return r;
}

int yaml_tree_parse(const char *file, const char *text, size_t len, struct yaml_tree **ret,
	struct config_faults *faults)
{
	_cleanup_(yaml_tree_freep) struct yaml_tree *tree = NULL;
	struct builder b = {.file = file, .faults = faults};
	int r;

	if (len > CONFIG_SIZE_MAX) {
		config_fault(faults, file, 0, 0, NULL, "%zu bytes long, allowed are %d", len,
			CONFIG_SIZE_MAX);
		return -EINVAL;
	}
	tree = b.tree = mem_alloc(sizeof(*tree));
	if (!tree || !yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	/* UTF-16 is not guessed at: a file is one thing to every reader. */
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)(len > 0 ? text : ""), len);
	r = build(&b, text, len);
	delete_parser(&b.parser);
	b.key = mem_free(b.key);
	if (r < 0)
		return r;
	*ret = steal(tree);
	return 0;
}

struct yaml_tree *yaml_tree_free(struct yaml_tree *t)
{
	struct yaml_node *node, *older;

	if (!t)
		return NULL;
	for (node = t->newest; node; node = older) {
		older = node->older;
		mem_free(node->text);
		mem_free(node->key);
		mem_free(node);
	}
	return mem_free(t);
}

struct yaml_node *yaml_node_own(const struct yaml_node *node, const char *key)
{
	for (struct yaml_node *child = node->first; child; child = child->next)
		if (text_equal(child->key, key))
			return child;
	return NULL;
}

struct yaml_node *yaml_node_get(const struct yaml_node *node, const char *key)
{
	struct yaml_node *found = NULL;

	for (; node && !found; node = node->under)
		found = yaml_node_own(node, key);
	return found;
}

bool yaml_node_is_empty(const struct yaml_node *node)
{
	static const char *const words[] = {"~", "null", "Null", "NULL"};

	if (node->kind != YAML_SCALAR || !node->text)
		return false;
	if (node->text[0] == '\0')
		return true;
	for (size_t i = 0; node->plain && i < ELEMENTS(words); i++)
		if (text_equal(node->text, words[i]))
			return true;
	return false;
}
