/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

bool text_equal(const char *a, const char *b);        /* NULL equals only NULL */
bool text_equal_nocase(const char *a, const char *b); /* ASCII */
bool text_starts(const char *text, const char *prefix);

/* Is all of @len bytes valid UTF-8 (no overlong form, no surrogate, no NUL)? */
bool text_is_utf8(const char *text, size_t len);

/* The length of the UTF-8 character at the start of @len bytes, with its code point in *ret_code;
 * 0, *ret_code untouched, where none is: end, invalid, NUL. */
size_t text_character(const char *text, size_t len, uint32_t *ret_code);

/* Copy the @len bytes of outside text for a person to read: bytes that are not UTF-8 and control
 * characters (C0 with NUL, DEL, C1, U+2028/2029, bidirectional embeddings, overrides and isolates)
 * become one '?' each, cut at a whole character to fit @size, always ended by NUL. */
void text_clean(char *to, size_t size, const char *from, size_t len);

/* A whole decimal number without sign, blank or leading plus. 0, -EINVAL, -ERANGE. */
int text_parse_u64(const char *text, uint64_t *ret);

/* A duration of grantd.yaml(5), `90s 5m 2h 30d` (also `1h30m`), into microseconds; a bare number is
 * refused. 0, -EINVAL, -ERANGE. */
int text_parse_duration(const char *text, uint64_t *ret_usec);

/* The whole seconds of @usec in the largest unit that divides them: "90s", "5m", "2h", "30d"; "0s".
 * @size ≥ 32. */
void text_format_duration(char *to, size_t size, uint64_t usec);

/* RFC 3339 in UTC with whole seconds, as "2026-11-23T21:30:10Z"; @size ≥ TEXT_TIME_SIZE. Clamped to
 * year 9999. */
#define TEXT_TIME_SIZE sizeof("2026-11-23T21:30:10Z")
void text_format_time(char *to, size_t size, uint64_t wall_usec);
/* Exactly that form back. 0, -EINVAL. */
int text_parse_time(const char *text, uint64_t *ret_wall_usec);

/* An HTTP-date in any of the three forms of RFC 9110 §5.6.7, from 1970 on. A year of two digits is
 * taken from 1970..2069, since no clock is at hand. 0, -EINVAL. */
int text_parse_http_date(const char *text, uint64_t *ret_wall_usec);

/* base64url without padding (RFC 4648 §5); base64 with padding (§4). All return what buf_add()
 * does; decoding -EBADMSG too (also for set bits past the last whole byte), with @b untouched. */
int text_add_base64url(struct buf *b, const void *data, size_t len);
int text_add_base64(struct buf *b, const void *data, size_t len);
int text_decode_base64url(struct buf *b, const char *text, size_t len);

/* application/x-www-form-urlencoded value: unreserved bytes (RFC 3986 §2.3) stay, blank becomes
 * '+', the rest %XX. Returns what buf_add() does. */
int text_add_form(struct buf *b, const char *text, size_t len);

/* How many single-byte edits (insert, delete, replace) lead from @a to @b, for "did you mean";
 * @limit + 1 where it takes more than @limit, or where the texts differ and one is longer than
 * TEXT_DISTANCE_MAX. */
#define TEXT_DISTANCE_MAX 64 /* the longest key or connection name; bounds the work, a × b */
unsigned text_distance(const char *a, const char *b, unsigned limit);
