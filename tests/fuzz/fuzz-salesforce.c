/* SPDX-License-Identifier: BSD-2-Clause */

/* Any reply to each reader of sync/salesforce, its first line also as the headers that are kept: a
 * verdict comes out, and values where it is good. No locator leads elsewhere. */

#include "base/mem.h"
#include "base/text.h"
#include "fuzz.h"
#include "reply.h"
#include "sync/salesforce.h"

static void check_verdict(int r, const struct sync_verdict *v)
{
	MUST(r == 0);
	MUST((v->kind == SYNC_OK) == (v->fault.kind == FAULT_NONE));
	MUST(v->kind == SYNC_OK || v->fault.detail[0]);
	MUST(text_is_utf8(v->fault.detail, strlen(v->fault.detail)));
	MUST(v->wait_usec <= USEC_PER_DAY);
}

static void check_numbers(const struct exchange_reply *reply)
{
	struct salesforce_limits limits;
	struct sync_verdict v;
	unsigned version = 0;
	uint64_t used = 7, max = 7, count;

	check_verdict(salesforce_read_versions(reply, &version, &v), &v);
	MUST((v.kind == SYNC_OK) == (version > 0 && version <= SALESFORCE_VERSION));
	check_verdict(salesforce_read_limits(reply, &limits, &v), &v);
	check_verdict(salesforce_read_count(reply, &count, &v), &v);
	if (!salesforce_usage(reply, &used, &max))
		MUST(used == 7 && max == 7);
}

static void check_object(const struct exchange_reply *reply)
{
	struct salesforce_object o = {.queryable = false};
	struct sync_verdict v;

	check_verdict(salesforce_read_describe(reply, &o, &v), &v);
	MUST(v.kind == SYNC_OK || o.fields.n == 0);
	for (size_t i = 0; i < o.fields.n; i++)
		MUST(fields_find(&o.fields, o.fields.items[i].name));
	salesforce_object_done(&o);
}

static void check_page(const struct exchange_reply *reply)
{
	struct salesforce_page page = {.tree = NULL};
	struct sync_verdict v;

	check_verdict(salesforce_read_page(reply, &page, &v), &v);
	MUST((v.kind == SYNC_OK) == (page.tree != NULL));
	MUST(!page.locator || text_starts(page.locator, "/services/data/v"));
	MUST(!page.locator || !strpbrk(page.locator, " \r\n?#\\"));
	salesforce_page_done(&page);
}

static void check_bulk(const struct exchange_reply *reply)
{
	_cleanup_(mem_freep) char *job = NULL, *locator = NULL;
	enum salesforce_job state;
	struct sync_verdict v;

	check_verdict(salesforce_read_bulk(reply, &job, &state, &v), &v);
	MUST((v.kind == SYNC_OK) == (job != NULL));
	check_verdict(salesforce_read_bulk_results(reply, &locator, &v), &v);
	MUST(v.kind == SYNC_OK || !locator);
	(void)salesforce_read_bulk_created(reply); /* any time is right */
}

static void check_trust(const uint8_t *data, size_t size)
{
	_cleanup_(mem_freep) char *url = mem_strndup((const char *)data, size);

	MUST(url);
	if (salesforce_trusts("https://acme.my.salesforce.com", url))
		MUST(text_starts(url, "https://"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(exchange_reply_done) struct exchange_reply reply = fuzz_reply(data, size);

	for (size_t i = 0; i < EXCHANGE_KEPT_MAX; i++)
		(void)snprintf(reply.kept[i], sizeof(reply.kept[i]), "%s", reply.retry_after);
	check_numbers(&reply);
	check_object(&reply);
	check_page(&reply);
	check_bulk(&reply);
	check_trust(data, size);
	return 0;
}
