/* SPDX-License-Identifier: BSD-2-Clause */

/* Byte buffers with a hard cap and a sticky error. */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* Most texts we build are lines or small messages: one allocation serves them. */
#define BUF_FIRST_CAP 128

static int buf_fail(struct buf *b, int error)
{
	b->error = error;
	return error;
}

/* The capacity to hold @need bytes: doubled, so that many small additions cost linear time, but not
 * past what the cap lets in. */
static size_t buf_next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST_CAP;

	while (cap < need)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return need;
	return cap - 1 > b->max ? b->max + 1 : cap;
}

/* Make room for @len more bytes and the NUL. */
static int buf_reserve(struct buf *b, size_t len)
{
	size_t cap, need;
	char *data;

	if (b->error)
		return b->error;
	if (b->len > b->max || len > b->max - b->len)
		return buf_fail(b, -EMSGSIZE);
	if (__builtin_add_overflow(b->len + len, (size_t)1, &need))
		return buf_fail(b, -EMSGSIZE);
	if (need <= b->cap)
		return 0;
	cap = buf_next_cap(b, need);
	data = mem_resize(b->data, cap);
	if (!data)
		return buf_fail(b, -ENOMEM);
	b->data = data;
	b->cap = cap;
	return 0;
}

int buf_extend(struct buf *b, size_t len, char **ret)
{
	int r = buf_reserve(b, len);

	if (r < 0)
		return r;
	*ret = b->data + b->len;
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	char *to;
	int r;

	if (len == 0)
		return b->error;
	r = buf_extend(b, len, &to);
	if (r < 0)
		return r;
	memcpy(to, data, len);
	return 0;
}

int buf_add_text(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int buf_add_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	char *to;
	int n, r;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) /* longer than an int can tell */
		return b->error ? b->error : buf_fail(b, -EMSGSIZE);
	r = buf_extend(b, (size_t)n, &to);
	if (r < 0)
		return r;
	va_start(args, format);
	(void)vsnprintf(to, (size_t)n + 1, format, args); /* was measured above */
	va_end(args);
	return 0;
}

void buf_drop(struct buf *b, size_t len)
{
	assert(len <= b->len);
	if (len == 0)
		return;
	b->len -= len;
	memmove(b->data, b->data + len, b->len);
	mem_wipe(b->data + b->len, len);
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	char *text;

	if (b->error)
		return NULL;
	if (!b->data)
		return mem_strdup("");
	text = steal(b->data);
	buf_done(b);
	return text;
}

void buf_done(struct buf *b)
{
	b->data = mem_free(b->data);
	b->len = 0;
	b->cap = 0;
	b->error = 0;
}
