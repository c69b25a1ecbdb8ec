/* SPDX-License-Identifier: BSD-2-Clause */

/* The telling of faults: FILE:LINE:COLUMN: KEY: what is wrong, what is allowed. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/tell.h"

/* Enough of a key for a person to find it. */
#define PATH_SHOWN 256
/* The longest file name, as PATH_MAX. */
#define FILE_MAX        4096
#define FAULTS_SIZE_MAX (CONFIG_FAULTS_MAX * (FILE_MAX + 2 * TELL_SENTENCE_MAX + 32))

/* The key as it is shown, from the root on. */
static void add_path(struct buf *b, const struct place *at)
{
	const struct place *way[CONFIG_DEPTH_MAX];
	char name[PATH_SHOWN];
	size_t n = 0;

	for (; at && n < ELEMENTS(way); at = at->up)
		way[n++] = at;
	while (n > 0) {
		n--;
		text_clean(name, sizeof(name), way[n]->name, strlen(way[n]->name));
		(void)buf_printf(b, "%s%s", b->len > 0 ? "." : "", name);
	}
}

static void add_position(struct buf *b, unsigned line, unsigned column)
{
	if (line > 0)
		(void)buf_printf(b, "%u:", line);
	if (line > 0 && column > 0)
		(void)buf_printf(b, "%u:", column);
}

/* Failures stick in the buffer, where config_parse() finds them. */
__attribute__((format(printf, 6, 0))) static void add_fault(struct config_faults *f,
	const char *file, unsigned line, unsigned column, const char *key, const char *format,
	va_list args)
{
	char raw[TELL_SENTENCE_MAX], cleaned[TELL_SENTENCE_MAX];

	if (f->n++ >= CONFIG_FAULTS_MAX)
		return;
	if (f->text.max == 0)
		f->text.max = FAULTS_SIZE_MAX;
	if (vsnprintf(raw, sizeof(raw), format, args) < 0)
		raw[0] = '\0';
	if (file)
		(void)buf_printf(&f->text, "%.*s:", FILE_MAX, file);
	add_position(&f->text, line, column);
	text_clean(cleaned, sizeof(cleaned), key, strlen(key));
	(void)buf_printf(&f->text, "%s%s%s", file ? " " : "", cleaned, cleaned[0] ? ": " : "");
	text_clean(cleaned, sizeof(cleaned), raw, strlen(raw));
	(void)buf_printf(&f->text, "%s\n", cleaned);
}

__attribute__((format(printf, 6, 0))) static void add_fault_at(const struct teller *t,
	const struct place *at, const char *file, unsigned line, unsigned column,
	const char *format, va_list args)
{
	struct buf path = BUF(CONFIG_DEPTH_MAX * PATH_SHOWN);

	add_path(&path, at);
	add_fault(t->faults, file ? file : t->file, line, column, buf_text(&path), format, args);
	if (path.error)
		t->faults->text.error = path.error;
	buf_done(&path);
}

void tell_value(const struct teller *t, const struct place *at, struct yaml_node *node,
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_fault_at(t, at, node->file, node->line, node->column, format, args);
	va_end(args);
	node->broken = true;
}

void tell_key(const struct teller *t, const struct place *at, const struct yaml_node *node,
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_fault_at(t, at, node->file, node->key ? node->key_line : node->line,
		node->key ? node->key_column : node->column, format, args);
	va_end(args);
}

void config_fault(struct config_faults *f, const char *file, unsigned line, unsigned column,
	const char *key, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_fault(f, file, line, column, key ? key : "", format, args);
	va_end(args);
}

void config_faults_done(struct config_faults *f)
{
	buf_done(&f->text);
	f->n = 0;
}
