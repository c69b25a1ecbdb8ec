/* SPDX-License-Identifier: BSD-2-Clause */

/* The allocator: blocks that know their size, so that none is given back unwiped.
 * malloc_usable_size(3) would need no header, but writing past the size asked for is refused by
 * _FORTIFY_SOURCE. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct header {
	_Alignas(max_align_t) size_t size; /* of the payload, which follows */
};

static struct {
	bool (*fail)(size_t size);
	void (*witness)(const void *p, size_t size);
} hooks;

static struct header *header_of(void *p)
{
	return (struct header *)p - 1;
}

void *mem_alloc(size_t size)
{
	struct header *h;
	size_t total;

	if (hooks.fail && hooks.fail(size))
		return NULL;
	if (__builtin_add_overflow(sizeof(*h), size, &total))
		return NULL;
	h = calloc(1, total);
	if (!h)
		return NULL;
	h->size = size;
	return h + 1;
}

void *mem_array(size_t n, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(n, size, &total) ? NULL : mem_alloc(total);
}

void *mem_resize(void *p, size_t size)
{
	struct header *h;
	void *moved;

	if (!p)
		return mem_alloc(size);
	h = header_of(p);
	if (size <= h->size) {
		mem_wipe((char *)p + size, h->size - size);
		h->size = size;
		return p;
	}
	moved = mem_alloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, p, h->size);
	mem_free(p);
	return moved;
}

char *mem_strdup(const char *text)
{
	return text ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_strndup(const char *text, size_t len)
{
	size_t n = strnlen(text, len);
	char *copy;

	assert(n < SIZE_MAX);
	copy = mem_alloc(n + 1);
	if (copy)
		memcpy(copy, text, n);
	return copy;
}

void *mem_free(void *p)
{
	if (!p)
		return NULL;
	mem_wipe(p, header_of(p)->size);
	if (hooks.witness)
		hooks.witness(p, header_of(p)->size);
	free(header_of(p));
	return NULL;
}

void mem_release(void *p)
{
	mem_free(p);
}

void mem_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}

void mem_set_failure(bool (*fail)(size_t size))
{
	hooks.fail = fail;
}

void mem_set_witness(void (*witness)(const void *p, size_t size))
{
	hooks.witness = witness;
}
