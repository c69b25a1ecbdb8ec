/* SPDX-License-Identifier: BSD-2-Clause */

/* Lists of names and of parameters (RFC 6749 §3.3 for their text form). */

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"

/* The first allocation of a list; most scopes and parameters fit. */
#define LIST_FIRST_CAP 4

/* Make room for one more behind @n elements of @size bytes. The capacity follows from the count
 * (the next power of two), so that growing costs linear time without a field for it. Returns the
 * array, or NULL with @items untouched. */
static void *list_grow(void *items, size_t n, size_t size)
{
	size_t total;

	if (n == 0)
		return items ? items : mem_array(LIST_FIRST_CAP, size);
	if (n < LIST_FIRST_CAP || (n & (n - 1)) != 0)
		return items;
	if (__builtin_mul_overflow(2 * n, size, &total))
		return NULL;
	return mem_resize(items, total);
}

int names_add(struct names *l, const char *text, size_t len)
{
	_cleanup_(mem_freep) char *copy = mem_strndup(text, len);
	char **items;

	if (!copy)
		return -ENOMEM;
	items = list_grow(l->items, l->n, sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	l->items[l->n++] = steal(copy);
	return 0;
}

/* Forget all but the first @n. */
static void names_cut(struct names *l, size_t n)
{
	while (l->n > n) {
		l->n--;
		l->items[l->n] = mem_free(l->items[l->n]);
	}
}

int names_copy(const struct names *from, struct names *ret)
{
	for (size_t i = 0; i < from->n; i++)
		if (names_add(ret, from->items[i], strlen(from->items[i])) < 0) {
			names_done(ret);
			return -ENOMEM;
		}
	return 0;
}

bool names_have(const struct names *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (text_equal(l->items[i], text))
			return true;
	return false;
}

static bool names_have_all(const struct names *l, const struct names *wanted)
{
	for (size_t i = 0; i < wanted->n; i++)
		if (!names_have(l, wanted->items[i]))
			return false;
	return true;
}

bool names_same_set(const struct names *a, const struct names *b)
{
	return names_have_all(a, b) && names_have_all(b, a);
}

int names_split(const char *text, struct names *ret)
{
	static const char blanks[] = " \t\r\n";
	const size_t before = ret->n;

	text += strspn(text, blanks);
	while (*text && ret->n - before < NAMES_SPLIT_MAX) {
		const size_t len = strcspn(text, blanks);

		if (names_add(ret, text, len) < 0) {
			names_cut(ret, before);
			return -ENOMEM;
		}
		text += len;
		text += strspn(text, blanks);
	}
	return 0;
}

char *names_join(const struct names *l, const char *separator)
{
	struct buf b = BUF(SIZE_MAX); /* as long as the list is, which is in memory already */
	char *joined;

	for (size_t i = 0; i < l->n; i++) {
		if (i > 0)
			(void)buf_add_text(&b, separator); /* failures stick */
		(void)buf_add_text(&b, l->items[i]);
	}
	joined = buf_steal(&b);
	buf_done(&b);
	return joined;
}

void names_done(struct names *l)
{
	names_cut(l, 0);
	l->items = mem_free(l->items);
}

int params_add(struct params *l, const char *name, const char *value)
{
	_cleanup_(mem_freep) char *name_copy = mem_strdup(name);
	_cleanup_(mem_freep) char *value_copy = mem_strdup(value);
	struct param *items;

	if (!name_copy || !value_copy)
		return -ENOMEM;
	items = list_grow(l->items, l->n, sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	l->items[l->n++] = (struct param){.name = steal(name_copy), .value = steal(value_copy)};
	return 0;
}

int params_copy(const struct params *from, struct params *ret)
{
	for (size_t i = 0; i < from->n; i++)
		if (params_add(ret, from->items[i].name, from->items[i].value) < 0) {
			params_done(ret);
			return -ENOMEM;
		}
	return 0;
}

const char *params_get(const struct params *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (text_equal(l->items[i].name, name))
			return l->items[i].value;
	return NULL;
}

void params_done(struct params *l)
{
	for (size_t i = 0; i < l->n; i++) {
		mem_free(l->items[i].name);
		mem_free(l->items[i].value);
	}
	l->n = 0;
	l->items = mem_free(l->items);
}
