/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* Bytes that no log, error text or %s may show. They live in the arena (locked memory, kept out of
 * cores) while it has room, else in base/mem, and are wiped when freed. */
struct secret;

/* Copy @len bytes. Returns NULL when memory is short. secret_new_text(NULL) returns NULL. */
struct secret *secret_new(const void *data, size_t len);
struct secret *secret_new_text(const char *text);
struct secret *secret_copy(const struct secret *s); /* takes NULL */
struct secret *secret_free(struct secret *s);
DEFINE_CLEANUP(struct secret, secret_free)

size_t secret_len(const struct secret *s); /* 0 for NULL */

/* Compare in time that depends on the lengths only. NULL equals only NULL. */
bool secret_equal(const struct secret *a, const struct secret *b);

/* The bytes, followed by a NUL that is not counted; borrowed; NULL for NULL. A lint keeps the
 * callers to those that build a request, encode a record or hand a token out. */
const char *secret_expose(const struct secret *s);

/* Give the arena that secrets are placed in: @size bytes, borrowed for ever, zeroed by the caller.
 * Called once, before the first secret. Returns 0, -EINVAL when it is too small or misaligned,
 * -EBUSY when there is one. */
int secret_set_arena(void *memory, size_t size);

/* Bytes of the arena in use, and secrets that found no room in it. */
void secret_usage(size_t *ret_used, size_t *ret_outside);
