/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/exchange.h"
#include "base/json.h"
#include "base/secret.h"
#include "sync/verdict.h"

/* What the requests to both vendors, and the readers of their replies, have in common. */

/* The longest address of ours: beyond, servers answer 414. */
#define REST_URL_MAX (16u * 1024)
/* A page of 2,000 records of a few KiB, or a chunk of bulk results. */
#define REST_PAGE_MAX (16u * 1024 * 1024)

/* A request of @method to @url, as @token's bearer (NULL: without). @url is emptied. Returns 0,
 * -ENOMEM; *ret must be empty. */
int rest_request(enum exchange_method method, struct buf *url, const struct secret *token,
	struct exchange_request *ret);
/* The same with a JSON body, @body emptied. */
int rest_post(struct buf *url, const struct secret *token, struct buf *body,
	struct exchange_request *ret);

/* A value in an address (RFC 3986): what is not unreserved is percent-encoded. As buf_add(). */
int rest_add_value(struct buf *url, const char *text);

/* A JSON string. As buf_add(); what is not UTF-8 has to be kept out. */
int rest_add_string(struct buf *json, const char *text, size_t len);

/* Parse the body as JSON whatever its type is said to be; NULL where it is none or memory is short
 * (*ret_memory then). */
struct json *rest_parse(const struct exchange_reply *reply, bool *ret_memory);

/* What a reply without a word of the vendor's comes to: no reply, HTML, a bare status. Fills @ret
 * with RETRY, SLOW_DOWN (429, with Retry-After), TOKEN (401), BLOCKED (other 4xx). @vendor names
 * who said it. */
void rest_without_word(
	const char *vendor, const struct exchange_reply *reply, struct sync_verdict *ret);

/* Set kind, code and fault at once; text of the vendor's is cleaned by the fault. */
void rest_verdict(struct sync_verdict *ret, enum sync_reply kind, enum fault_kind fault,
	const char *code, const char *format, ...) __attribute__((format(printf, 5, 6)));
