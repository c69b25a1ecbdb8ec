/* SPDX-License-Identifier: BSD-2-Clause */

/* Any reply to each reader of sync/marketo, and any text as a host: a verdict comes out, and values
 * where it is good. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "fuzz.h"
#include "reply.h"
#include "sync/marketo.h"

#define RECORDS 3

static const struct now now = {.wall_usec = UINT64_C(1795469410) * USEC_PER_S};
static const char *const keys[RECORDS] = {"a@x", "b@x", "c@x"};

static void check_verdict(int r, const struct sync_verdict *v)
{
	MUST(r == 0);
	MUST((v->kind == SYNC_OK) == (v->fault.kind == FAULT_NONE));
	MUST(v->kind == SYNC_OK || v->fault.detail[0]);
	MUST(text_is_utf8(v->fault.detail, strlen(v->fault.detail)));
	MUST(v->wait_usec <= USEC_PER_DAY);
}

static void check_fields(const struct exchange_reply *reply)
{
	_cleanup_(marketo_fields_done) struct marketo_fields f = {.native_sync = false};
	struct sync_verdict v;

	check_verdict(marketo_read_describe(reply, now, &f, &v), &v);
	MUST((v.kind == SYNC_OK) == (f.fields.n > 0));
	for (size_t i = 0; i < f.fields.n; i++)
		MUST(fields_find(&f.fields, f.fields.items[i].name));
}

static void check_results(const struct exchange_reply *reply)
{
	struct marketo_result results[RECORDS];
	struct sync_verdict v;

	check_verdict(marketo_read_results(reply, now, results, RECORDS, &v), &v);
	for (size_t i = 0; v.kind == SYNC_OK && i < RECORDS; i++) {
		MUST(results[i].status < MARKETO_UNTOUCHED);
		MUST((results[i].status == MARKETO_SKIPPED) == (results[i].reason[0] != '\0'));
		MUST(results[i].status == MARKETO_SKIPPED || !results[i].later);
	}
}

static void check_found(const struct exchange_reply *reply)
{
	uint64_t ids[RECORDS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	struct sync_verdict v;

	check_verdict(marketo_read_found(reply, now, "email", keys, RECORDS, ids, &v), &v);
	for (size_t i = 0; i < RECORDS; i++)
		MUST((v.kind == SYNC_OK) == (ids[i] != UINT64_MAX));
}

static void check_import(const struct exchange_reply *reply)
{
	static struct marketo_failures failures;
	struct marketo_import_state state;
	struct sync_verdict v;
	const char *key, *reason;
	uint64_t today;

	check_verdict(marketo_read_usage(reply, now, &today, &v), &v);
	check_verdict(marketo_read_import(reply, now, &state, &v), &v);
	check_verdict(marketo_read_import_failures(reply, now, "email", &failures, &v), &v);
	if (v.kind != SYNC_OK)
		return;
	while (marketo_failures_next(&failures, &key, &reason) > 0)
		MUST(strlen(key) + strlen(reason) <= reply->body.len);
	marketo_failures_done(&failures);
}

static void check_host(const uint8_t *data, size_t size)
{
	_cleanup_(mem_freep) char *host = mem_strndup((const char *)data, size), *base = NULL,
				  *again = NULL;

	MUST(host);
	if (marketo_base(host, &base) < 0) {
		MUST(!base);
		return;
	}
	MUST(text_starts(base, "https://") && !strpbrk(base + 8, "/?#@\\ \r\n\t"));
	MUST(marketo_base(base, &again) == 0 && text_equal(base, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(exchange_reply_done) struct exchange_reply reply = fuzz_reply(data, size);

	check_fields(&reply);
	check_results(&reply);
	check_found(&reply);
	check_import(&reply);
	check_host(data, size);
	return 0;
}
