/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

/* The only allocator of ours. Each block remembers its size in a header in front of the payload,
 * so that mem_free() and mem_resize() wipe every byte they give back, whatever it held. */

/* Allocate @size zeroed bytes. Returns NULL when memory is short or the hook says so. */
void *mem_alloc(size_t size);

/* Allocate @n zeroed elements of @size bytes. Returns NULL when memory is short or n × size
 * overflows. */
void *mem_array(size_t n, size_t size);

/* Make @p (NULL or ours) hold @size bytes: new bytes are zero, bytes given back are wiped.
 * Returns the block, which may have moved, or NULL with @p untouched. */
void *mem_resize(void *p, size_t size);

/* Copy a string; @text may be NULL only in mem_strdup(), which then returns NULL. */
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t len);

/* Wipe and free @p; takes NULL, returns NULL. */
void *mem_free(void *p);

/* The same with the signature of free(), for libraries that take allocator hooks. */
void mem_release(void *p);

static inline void mem_freep(void *p)
{
	void **block = p;

	*block = mem_free(*block);
}

/* Overwrite @len bytes at @p in a way the compiler may not leave out. */
void mem_wipe(void *p, size_t len);

/* Test hook: @fail is asked before each allocation of @size bytes and true makes it return NULL;
 * NULL removes it. */
void mem_set_failure(bool (*fail)(size_t size));

/* Test hook: sees each block as its bytes reach free(), after the wipe; NULL removes it. */
void mem_set_witness(void (*witness)(const void *p, size_t size));
