/* SPDX-License-Identifier: BSD-2-Clause */

/* Lists of fields, sorted by name. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "sync/fields.h"

/* Grown in steps, as some objects have hundreds. */
#define STEP 64

int fields_add(
	struct fields *f, const char *name, enum field_type type, size_t length, bool writable)
{
	struct field *grown;
	char *copy;

	if (f->n == FIELDS_MAX)
		return -EMSGSIZE;
	if (f->n % STEP == 0) {
		grown = mem_resize(f->items, (f->n + STEP) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		f->items = grown;
	}
	copy = mem_strdup(name);
	if (!copy)
		return -ENOMEM;
	f->items[f->n++] = (struct field){copy, type, length, writable, NULL};
	return 0;
}

int fields_label(struct fields *f, const char *label)
{
	struct field *last = &f->items[f->n - 1];

	last->label = mem_strdup(label);
	return last->label ? 0 : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
	const struct field *first = a, *second = b;

	return strcasecmp(first->name, second->name);
}

void fields_sort(struct fields *f)
{
	if (f->n > 0)
		qsort(f->items, f->n, sizeof(*f->items), compare);
}

const struct field *fields_find(const struct fields *f, const char *name)
{
	const struct field key = {.name = (char *)name};

	if (f->n == 0)
		return NULL;
	return bsearch(&key, f->items, f->n, sizeof(*f->items), compare);
}

static bool is_called(const char *text, const char *label)
{
	if (!text)
		return false;
	for (;; text++, label++) {
		text += strspn(text, " ");
		label += strspn(label, " ");
		if (strncasecmp(text, label, 1) != 0)
			return false;
		if (!*text)
			return true;
	}
}

const struct field *fields_find_label(const struct fields *f, const char *label)
{
	for (size_t i = 0; i < f->n; i++)
		if (is_called(f->items[i].name, label) || is_called(f->items[i].label, label))
			return &f->items[i];
	return NULL;
}

void fields_done(struct fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		mem_free(f->items[i].name);
		mem_free(f->items[i].label);
	}
	mem_free(f->items);
	*f = (struct fields){0};
}
