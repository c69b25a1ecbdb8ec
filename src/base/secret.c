/* SPDX-License-Identifier: BSD-2-Clause */

/* Secrets and the arena they live in: a chain of blocks laid end to end, taken next fit. The
 * program that talks to the agent links this too, so nothing here needs libcrypto. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

#define ARENA_ALIGN 16u

/* Room for one block of a few bytes; protect_arena() gives a page at least. */
#define ARENA_SIZE_MIN 64u

struct secret {
	size_t len;
	char data[]; /* and a NUL */
};

struct block {
	_Alignas(ARENA_ALIGN) size_t size; /* this header included */
	bool used;
};

static struct {
	char *memory; /* NULL while there is none */
	size_t size;
	size_t used;
	size_t outside;
	struct block *next; /* where the next search begins, may be the end: first fit would walk
	                       over all that live long each time */
} arena;

static char *arena_end(void)
{
	return arena.memory + arena.size;
}

static struct block *block_next(struct block *b)
{
	return (struct block *)(void *)((char *)b + b->size);
}

/* Make one block of the free block @b and the free ones right behind it. */
static void block_merge(struct block *b)
{
	for (struct block *next = block_next(b); (char *)next < arena_end() && !next->used;
		next = block_next(b))
		b->size += next->size;
}

/* Cut @size bytes from the front of the free block @b; the rest, if it can hold anything, stays
 * free. */
static void block_take(struct block *b, size_t size)
{
	const size_t rest = b->size - size;

	b->used = true;
	if (rest > sizeof(*b)) {
		b->size = size;
		*block_next(b) = (struct block){.size = rest};
	}
	arena.used += b->size;
}

/* Returns the first free block of @size bytes from @from on, up to @end; NULL where there is none.
 */
static struct block *arena_search(struct block *from, const void *end, size_t size)
{
	for (struct block *b = from; (const char *)b < (const char *)end; b = block_next(b)) {
		if (b->used)
			continue;
		block_merge(b);
		if (b->size >= size)
			return b;
	}
	return NULL;
}

/* Returns room for @len bytes, or NULL when there is none. */
static void *arena_alloc(size_t len)
{
	struct block *first = (struct block *)(void *)arena.memory, *found;
	size_t size;

	if (!arena.memory || len > arena.size)
		return NULL;
	size = (sizeof(struct block) + len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	found = arena_search(arena.next, arena_end(), size);
	if (!found)
		found = arena_search(first, arena.next, size);
	if (!found) {
		arena.next = first; /* where it was may have been merged into a block before it */
		return NULL;
	}
	block_take(found, size);
	arena.next = block_next(found);
	return found + 1;
}

static bool arena_has(const void *p)
{
	const uintptr_t at = (uintptr_t)p, from = (uintptr_t)arena.memory;

	return arena.memory && at >= from && at - from < arena.size;
}

static void arena_free(void *p)
{
	struct block *b = (struct block *)p - 1;

	mem_wipe(p, b->size - sizeof(*b));
	b->used = false;
	arena.used -= b->size;
}

static struct secret *secret_alloc(size_t size)
{
	struct secret *s = arena_alloc(size);

	if (s)
		return s;
	s = mem_alloc(size);
	if (s)
		arena.outside++;
	return s;
}

struct secret *secret_new(const void *data, size_t len)
{
	struct secret *s;
	size_t size;

	if (__builtin_add_overflow(sizeof(*s) + 1, len, &size))
		return NULL;
	s = secret_alloc(size);
	if (!s)
		return NULL;
	s->len = len;
	if (len > 0)
		memcpy(s->data, data, len);
	s->data[len] = '\0';
	return s;
}

struct secret *secret_new_text(const char *text)
{
	return text ? secret_new(text, strlen(text)) : NULL;
}

struct secret *secret_copy(const struct secret *s)
{
	return s ? secret_new(s->data, s->len) : NULL;
}

struct secret *secret_free(struct secret *s)
{
	if (!s)
		return NULL;
	if (arena_has(s)) {
		arena_free(s);
		return NULL;
	}
	arena.outside--;
	return mem_free(s);
}

size_t secret_len(const struct secret *s)
{
	return s ? s->len : 0;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	volatile unsigned char difference = 0; /* volatile: no early way out may be made of it */

	if (!a || !b)
		return a == b;
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		difference = difference | (unsigned char)(a->data[i] ^ b->data[i]);
	return difference == 0;
}

const char *secret_expose(const struct secret *s)
{
	return s ? s->data : NULL;
}

int secret_set_arena(void *memory, size_t size)
{
	struct block *b = memory;

	if (arena.memory)
		return -EBUSY;
	if (!memory || size < ARENA_SIZE_MIN || (uintptr_t)memory % ARENA_ALIGN != 0)
		return -EINVAL;
	arena.memory = memory;
	arena.size = size & ~(size_t)(ARENA_ALIGN - 1);
	*b = (struct block){.size = arena.size};
	arena.next = b;
	return 0;
}

void secret_usage(size_t *ret_used, size_t *ret_outside)
{
	*ret_used = arena.used;
	*ret_outside = arena.outside;
}
