/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/exchange.h"
#include "base/names.h"
#include "base/now.h"
#include "sync/csv.h"
#include "sync/fields.h"
#include "sync/row.h"
#include "sync/verdict.h"

/* Marketo REST: the requests we send and what the replies mean (facts, sections 3 and 5). */

#define MARKETO_BATCH_MAX  300            /* records of one call */
#define MARKETO_BODY_MAX   (1000u * 1000) /* bytes of one call, below its 1 MB */
#define MARKETO_IMPORT_MAX (9500u * 1000) /* bytes of one bulk import file, below its 10 MB */
#define MARKETO_PARALLEL   5              /* requests at once: half of what is allowed */
#define MARKETO_PER_20S    50             /* calls in 20 s: half of what is allowed */

/* "https://HOST[:PORT]" from what operators paste: `123-ABC-456`, with or without /rest, slash. */
int marketo_base(const char *host, char **ret); /* 0, -EINVAL, -ENOMEM */

/* Requests: 0, -ENOMEM; *ret must be empty. At most MARKETO_BATCH_MAX records at once. */

/* describe2, or the describe of before it. */
int marketo_request_describe(
	const char *base, const struct secret *token, bool older, struct exchange_request *ret);
int marketo_request_usage(
	const char *base, const struct secret *token, struct exchange_request *ret);
/* createOrUpdate, or updateOnly, of @n input objects by @key. */
int marketo_request_upsert(const char *base, const struct secret *token, const char *key,
	bool update_only, const struct row *const *rows, size_t n, struct exchange_request *ret);
/* The persons of @n keys: their ids. By POST with _method=GET where the address would be too long.
 */
int marketo_request_find(const char *base, const struct secret *token, const char *key,
	const char *const *values, size_t n, struct exchange_request *ret);
int marketo_request_delete(const char *base, const struct secret *token, const uint64_t *ids,
	size_t n, struct exchange_request *ret);
/* Give the persons @ids other values of the field @key. */
int marketo_request_rekey(const char *base, const struct secret *token, const char *key,
	const uint64_t *ids, const char *const *values, size_t n, struct exchange_request *ret);
/* Bulk import: upload a CSV file of at most MARKETO_IMPORT_MAX bytes (-EBADMSG where somebody has
 * put all we could separate parts with into it), ask for its state, fetch its failures. */
int marketo_request_import(const char *base, const struct secret *token, const char *key,
	const char *csv, size_t len, struct exchange_request *ret);
int marketo_request_import_state(
	const char *base, const struct secret *token, uint64_t batch, struct exchange_request *ret);
int marketo_request_import_failures(
	const char *base, const struct secret *token, uint64_t batch, struct exchange_request *ret);

/* Readers: 0 with *ret_verdict, or -ENOMEM; out parameters are filled for SYNC_OK only. */
struct marketo_fields {
	struct fields fields;
	bool native_sync;     /* some are managed by the vendor's own CRM sync */
	struct names lookups; /* searchable alone: what may be the key */
};
int marketo_read_describe(const struct exchange_reply *reply, struct now now,
	struct marketo_fields *ret, struct sync_verdict *ret_verdict);
void marketo_fields_done(struct marketo_fields *f);
/* Calls of today. */
int marketo_read_usage(const struct exchange_reply *reply, struct now now, uint64_t *ret_today,
	struct sync_verdict *ret_verdict);

enum marketo_status {
	MARKETO_CREATED,
	MARKETO_UPDATED,
	MARKETO_DELETED,
	MARKETO_SKIPPED,   /* refused, with a reason */
	MARKETO_UNTOUCHED, /* nothing had to be sent for it: nobody has that key, or somebody else
	                    */
};
struct marketo_result {
	enum marketo_status status;
	uint64_t id;
	char code[16];    /* of SKIPPED: the first reason */
	char reason[160]; /* for a person, cleaned */
	bool later; /* may work later (1022, 1016, 1029 …), else only when something changes */
};
/* Of upsert, delete, rekey: @ret has room for @n, in the order of the input. SYNC_BUG where their
 * number is another. */
int marketo_read_results(const struct exchange_reply *reply, struct now now,
	struct marketo_result *ret, size_t n, struct sync_verdict *ret_verdict);
/* Of find: for each of @values the id of its person, 0 where there is none or several. More persons
 * than one reply tells are SYNC_SPLIT: no page of a value that may have another one is trusted. */
int marketo_read_found(const struct exchange_reply *reply, struct now now, const char *key,
	const char *const *values, size_t n, uint64_t *ret_ids, struct sync_verdict *ret_verdict);

enum marketo_import { MARKETO_IMPORT_RUNNING, MARKETO_IMPORT_DONE, MARKETO_IMPORT_FAILED };
struct marketo_import_state {
	enum marketo_import state;
	uint64_t batch;
	uint64_t processed, failed, warned;
};
int marketo_read_import(const struct exchange_reply *reply, struct now now,
	struct marketo_import_state *ret, struct sync_verdict *ret_verdict);

/* The rows of an import that failed, as a CSV that borrows the reply. */
struct marketo_failures {
	struct csv_reader reader;
	struct csv_line line;
	size_t key, reason; /* columns */
};
int marketo_read_import_failures(const struct exchange_reply *reply, struct now now,
	const char *key, struct marketo_failures *ret, struct sync_verdict *ret_verdict);
/* The next: 1 with its key and why it failed, borrowed until the next; 0 at the end; as csv_next().
 */
int marketo_failures_next(
	struct marketo_failures *f, const char **ret_key, const char **ret_reason);
void marketo_failures_done(struct marketo_failures *f);

/* The next 00:00 of US Central time, when the daily quota begins anew, as wall time. CST all year
 * (facts 3.2). */
uint64_t marketo_quota_reset(uint64_t wall_usec);
