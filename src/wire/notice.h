/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/now.h"

/* What a person is told of an approval, the same text from the agent and from grantctl. */

/* Append the notice that @name waits for an approval. @user_code is NULL where the address that the
 * browser ends at has to be brought back; @verification_uri_complete may be NULL;
 * @expires_wall_usec may be 0 where it is not known. Text of the provider is cleaned.
 * Returns 0, -ENOMEM, -EMSGSIZE. */
int notice_format(const char *name, const char *verification_uri,
	const char *verification_uri_complete, const char *user_code, uint64_t expires_wall_usec,
	struct now now, struct buf *ret);

/* Append outside text as text_clean() leaves it, whatever its length. 0, -ENOMEM, -EMSGSIZE. */
int notice_add_clean(struct buf *b, const char *text);

/* A span of time in words, rounded: "45 s", "15 min", "3 h", "12 d". @size ≥ NOTICE_SPAN_SIZE. */
#define NOTICE_SPAN_SIZE 32
void notice_format_span(char *to, size_t size, uint64_t usec);

/* The time of day in UTC, "21:45:10". @size ≥ NOTICE_CLOCK_SIZE. */
#define NOTICE_CLOCK_SIZE sizeof("21:45:10")
void notice_format_clock(char *to, size_t size, uint64_t wall_usec);
