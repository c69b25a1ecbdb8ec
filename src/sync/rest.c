/* SPDX-License-Identifier: BSD-2-Clause */

/* What the requests to both vendors, and the readers of their replies, have in common. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/rest.h"

/* A wait that a server asks for; longer ones are asked again. */
#define WAIT_MAX USEC_PER_HOUR

static int bearer(const struct secret *token, struct secret **ret)
{
	static const char scheme[] = "Bearer ";
	struct buf value = BUF(sizeof(scheme) + secret_len(token));

	(void)buf_add_text(&value, scheme); /* failures stick */
	if (buf_add(&value, secret_expose(token), secret_len(token)) == 0)
		*ret = secret_new(value.data, value.len);
	buf_done(&value);
	return *ret ? 0 : -ENOMEM;
}

int rest_request(enum exchange_method method, struct buf *url, const struct secret *token,
	struct exchange_request *ret)
{
	_cleanup_(exchange_request_done) struct exchange_request request = {.method = method};

	if (url->error < 0)
		return -ENOMEM;
	if (token && bearer(token, &request.authorization) < 0)
		return -ENOMEM;
	request.url = buf_steal(url);
	if (!request.url)
		return -ENOMEM;
	*ret = request;
	request = (struct exchange_request){.method = method};
	return 0;
}

int rest_post(
	struct buf *url, const struct secret *token, struct buf *body, struct exchange_request *ret)
{
	_cleanup_(exchange_request_done) struct exchange_request request = {.url = NULL};

	if (body->error < 0 || rest_request(EXCHANGE_POST, url, token, &request) < 0)
		return -ENOMEM;
	request.content_type = "application/json";
	request.body = secret_new(buf_text(body), body->len);
	if (!request.body)
		return -ENOMEM;
	*ret = request;
	request = (struct exchange_request){.url = NULL};
	return 0;
}

int rest_add_value(struct buf *url, const char *text)
{
	/* A form value but for its blanks, which an address writes as %20. */
	for (const char *blank; (blank = strchr(text, ' ')); text = blank + 1) {
		(void)text_add_form(url, text, (size_t)(blank - text)); /* failures stick */
		(void)buf_add_text(url, "%20");
	}
	return text_add_form(url, text, strlen(text));
}

static int add_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		return buf_add_text(b, "\\\"");
	case '\\':
		return buf_add_text(b, "\\\\");
	case '\n':
		return buf_add_text(b, "\\n");
	case '\r':
		return buf_add_text(b, "\\r");
	case '\t':
		return buf_add_text(b, "\\t");
	case '\0': /* no JSON parser of ours or theirs takes one in a text */
		return 0;
	default:
		return buf_printf(b, "\\u%04x", c);
	}
}

int rest_add_string(struct buf *json, const char *text, size_t len)
{
	size_t from = 0;

	(void)buf_add_char(json, '"'); /* failures stick */
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		(void)buf_add(json, text + from, i - from);
		(void)add_escaped(json, c);
		from = i + 1;
	}
	(void)buf_add(json, text + from, len - from);
	return buf_add_char(json, '"');
}

struct json *rest_parse(const struct exchange_reply *reply, bool *ret_memory)
{
	struct json *j = NULL;

	*ret_memory = json_parse(buf_text(&reply->body), reply->body.len, &j, NULL) == -ENOMEM;
	return j;
}

void rest_verdict(struct sync_verdict *ret, enum sync_reply kind, enum fault_kind fault,
	const char *code, const char *format, ...)
{
	char text[FAULT_DETAIL_MAX];
	va_list arguments;

	*ret = (struct sync_verdict){.kind = kind};
	text_clean(ret->code, sizeof(ret->code), code, strlen(code));
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments); /* cut to fit */
	va_end(arguments);
	fault_set(&ret->fault, fault, "%s", text);
}

/* Seconds only: neither vendor writes a date there. */
static uint64_t told_wait(const struct exchange_reply *reply)
{
	uint64_t s;

	if (text_parse_u64(reply->retry_after, &s) < 0)
		return 0;
	return s > WAIT_MAX / USEC_PER_S ? WAIT_MAX : s * USEC_PER_S;
}

void rest_without_word(
	const char *vendor, const struct exchange_reply *reply, struct sync_verdict *ret)
{
	int status = reply->status;

	if (reply->outcome == EXCHANGE_NOT_SENT)
		rest_verdict(ret, SYNC_RETRY, FAULT_PROVIDER_DOWN, "", "%s can't be reached: %s",
			vendor, reply->error);
	else if (reply->outcome == EXCHANGE_LOST)
		rest_verdict(ret, SYNC_RETRY, FAULT_TRANSIENT, "", "no whole reply of %s came: %s",
			vendor, reply->error);
	else if (status == 401)
		rest_verdict(
			ret, SYNC_TOKEN, FAULT_TRANSIENT, "", "%s refuses the token (401)", vendor);
	else if (status == 429)
		rest_verdict(
			ret, SYNC_SLOW_DOWN, FAULT_THROTTLED, "", "%s asks to wait (429)", vendor);
	else if (status >= 500 || status == 408 || status == 406 || status == 420)
		rest_verdict(ret, SYNC_RETRY, FAULT_PROVIDER_DOWN, "", "%s has trouble: status %d",
			vendor, status);
	else if (status >= 200 && status < 300)
		rest_verdict(ret, SYNC_RETRY, FAULT_PROTOCOL, "",
			"the reply of %s is not what was asked for", vendor);
	else
		rest_verdict(ret, SYNC_BLOCKED, FAULT_MISCONFIGURED, "",
			"%s answers with status %d: check the host of the connection", vendor,
			status);
	ret->wait_usec = told_wait(reply);
}
