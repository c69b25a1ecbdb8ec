/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A growing byte buffer with a hard cap. The content is always followed by a NUL that is not
 * counted, once anything was added. Storage comes from base/mem, so that growth and buf_done()
 * leave no copy behind. */
struct buf {
	char *data; /* NULL while nothing was ever added */
	size_t len;
	size_t cap; /* bytes held, the NUL included */
	size_t max; /* len never exceeds this */
	int error;  /* first failure; later additions are refused with it */
};

#define BUF(limit) ((struct buf){.max = (limit)})

/* Append @len bytes of @data. Returns 0, -ENOMEM, or -EMSGSIZE when the cap would be exceeded; a
 * failure leaves the content as it was and sticks, so that a builder may check only its last
 * addition. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_add_text(struct buf *b, const char *text);
int buf_add_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append @len zero bytes for the caller to fill and return where they begin, valid until the next
 * change; fails as buf_add() does, with *ret untouched. */
int buf_extend(struct buf *b, size_t len, char **ret);

/* Drop the first @len bytes (at most b->len); the freed tail is wiped. */
void buf_drop(struct buf *b, size_t len);

/* The content as text, "" while empty. Borrowed until the next change. */
const char *buf_text(const struct buf *b);

/* Hand the content over as a mem block ended by NUL and empty the buffer. Returns NULL when it had
 * failed or memory is short; an empty buffer gives "". */
char *buf_steal(struct buf *b);

/* Wipe and free; idempotent, and the buffer can be used again with the same cap. */
void buf_done(struct buf *b);
