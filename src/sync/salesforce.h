/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/exchange.h"
#include "base/fault.h"
#include "base/names.h"
#include "sync/map.h"
#include "sync/row.h"
#include "sync/verdict.h"

/* Salesforce REST: the requests we send and what the replies mean (facts, sections 2 and 5). */

/* The version we were written for; the newest the server has is used where that is older. */
#define SALESFORCE_VERSION 66

struct salesforce {
	char *base;       /* "https://acme.my.salesforce.com" without slash at the end */
	unsigned version; /* 0: not known yet */
};

/* Is @instance_url one a token may be sent to: https, and the configured host, at any port, or
 * below a domain of Salesforce? */
bool salesforce_trusts(const char *source_url, const char *instance_url);

/* Salesforce asks for no token here; who stands in front of it may. */
int salesforce_request_versions(
	const struct salesforce *sf, const struct secret *token, struct exchange_request *ret);
int salesforce_request_limits(
	const struct salesforce *sf, const struct secret *token, struct exchange_request *ret);
/* @object: "Lead", "Contact", "Account". */
int salesforce_request_describe(const struct salesforce *sf, const struct secret *token,
	const char *object, struct exchange_request *ret);
/* Queries, -EMSGSIZE too: the address would be longer than REST_URL_MAX.
 * SELECT count() of the rows of @object. */
int salesforce_request_count(const struct salesforce *sf, const struct secret *token,
	const char *object, struct exchange_request *ret);
/* queryAll of the rows changed in [@from_usec, @until_usec), ordered by SystemModstamp and Id;
 * @from_usec 0: all, without the deleted ones. */
int salesforce_request_query(const struct salesforce *sf, const struct secret *token,
	const char *object, const struct names *select, uint64_t from_usec, uint64_t until_usec,
	struct exchange_request *ret);
/* Of @n email addresses (at most SALESFORCE_LIVE_MAX), those that a record of @object which is not
 * deleted has: a page with Id and Email. What is deleted at the target by its address must not be
 * somebody else's, too. */
#define SALESFORCE_LIVE_MAX 100
int salesforce_request_live(const struct salesforce *sf, const struct secret *token,
	const char *object, const char *const *emails, size_t n, struct exchange_request *ret);
/* The rows of @n ids, for another try. */
#define SALESFORCE_IDS_MAX 200
int salesforce_request_ids(const struct salesforce *sf, const struct secret *token,
	const char *object, const struct names *select, const char (*ids)[19], size_t n,
	struct exchange_request *ret);
/* The next page: @locator is nextRecordsUrl as told; it must be a path of this server. */
int salesforce_request_more(const struct salesforce *sf, const struct secret *token,
	const char *locator, struct exchange_request *ret);
/* Bulk API 2.0: begin a query job, ask for its state, fetch results from @locator (NULL: first) of
 * at most @rows, delete it. */
int salesforce_request_bulk(const struct salesforce *sf, const struct secret *token,
	const char *object, const struct names *select, uint64_t until_usec,
	struct exchange_request *ret);
int salesforce_request_bulk_state(const struct salesforce *sf, const struct secret *token,
	const char *id, struct exchange_request *ret);
int salesforce_request_bulk_results(const struct salesforce *sf, const struct secret *token,
	const char *id, const char *locator, unsigned rows, struct exchange_request *ret);
int salesforce_request_bulk_delete(const struct salesforce *sf, const struct secret *token,
	const char *id, struct exchange_request *ret);

/* What the readers return: 0 with *ret_verdict set (kind SYNC_OK: the out parameters are filled,
 * else untouched), or -ENOMEM. */
int salesforce_read_versions(const struct exchange_reply *reply, unsigned *ret_version,
	struct sync_verdict *ret_verdict);

struct salesforce_limits {
	uint64_t max, remaining; /* DailyApiRequests; 0 and 0 where not told */
};
int salesforce_read_limits(const struct exchange_reply *reply, struct salesforce_limits *ret,
	struct sync_verdict *ret_verdict);
/* Sforce-Limit-Info of any reply; false where absent or odd. */
bool salesforce_usage(const struct exchange_reply *reply, uint64_t *ret_used, uint64_t *ret_max);

/* Describe: the fields, and whether records can be read, created, updated. */
struct salesforce_object {
	struct fields fields;
	bool queryable, createable, updateable, deletable;
};
int salesforce_read_describe(const struct exchange_reply *reply, struct salesforce_object *ret,
	struct sync_verdict *ret_verdict);
void salesforce_object_done(struct salesforce_object *o);

int salesforce_read_count(
	const struct exchange_reply *reply, uint64_t *ret, struct sync_verdict *ret_verdict);

/* A page: the records as JSON (owned by the page), and where the next one is, NULL at the end. */
struct salesforce_page {
	struct json *tree;
	const struct json *records;
	char *locator;
};
int salesforce_read_page(const struct exchange_reply *reply, struct salesforce_page *ret,
	struct sync_verdict *ret_verdict);
void salesforce_page_done(struct salesforce_page *p);

enum salesforce_job { SALESFORCE_JOB_RUNNING, SALESFORCE_JOB_DONE, SALESFORCE_JOB_FAILED };
int salesforce_read_bulk(const struct exchange_reply *reply, char **ret_job,
	enum salesforce_job *ret_state, struct sync_verdict *ret_verdict);
/* When the job began, by the server's clock; 0 where it does not tell. */
uint64_t salesforce_read_bulk_created(const struct exchange_reply *reply);
/* The CSV is the body; *ret_locator is NULL at the end. */
int salesforce_read_bulk_results(
	const struct exchange_reply *reply, char **ret_locator, struct sync_verdict *ret_verdict);
