/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/exchange.h"
#include "fuzz.h"

/* A reply out of the fuzzer's bytes: three digits choose outcome, status and content type; up to
 * the first line end comes what Retry-After and Cache-Control say; the rest is the body. */
static inline struct exchange_reply fuzz_reply(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 204, 302, 400, 401, 403, 404, 429, 500, 503};
	static const char *const types[] = {
		"application/json", "text/html", "text/plain", "application/x-www-form-urlencoded"};
	struct exchange_reply reply = {.outcome = EXCHANGE_NOT_SENT, .error = "connection refused"};
	const char *text, *end;
	int len;

	if (size < 3 || data[0] % 3 == 1)
		return reply;
	text = (const char *)data + 3;
	size -= 3;
	reply.outcome = data[0] % 3 == 0 ? EXCHANGE_REPLIED : EXCHANGE_LOST;
	if (reply.outcome == EXCHANGE_LOST)
		return reply;
	reply.status = statuses[(uint8_t)(data[1] - '0') % ELEMENTS(statuses)];
	(void)snprintf(reply.content_type, sizeof(reply.content_type), "%s",
		types[(uint8_t)(data[2] - '0') % ELEMENTS(types)]); /* fits */
	end = memchr(text, '\n', size);
	len = (int)(end ? (size_t)(end - text) : size);
	/* cut where too long, as the host cuts */
	(void)snprintf(reply.retry_after, sizeof(reply.retry_after), "%.*s", len, text);
	(void)snprintf(reply.cache_control, sizeof(reply.cache_control), "%.*s", len, text);
	if (end) {
		reply.body = BUF(size - (size_t)len - 1); /* so that a sanitizer sees its end */
		MUST(buf_add(&reply.body, end + 1, reply.body.max) == 0);
	}
	return reply;
}
