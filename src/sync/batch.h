/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/now.h"
#include "sync/marketo.h"
#include "sync/row.h"

/* Rows on their way: put into batches of one kind, never the same key twice in one batch nor in two
 * that are in flight at once; the later row of a key wins. Rows that fail wait here for another
 * try, with the reason. */

#define QUEUE_ROWS_MAX   8000  /* four pages: bounds the memory of rows that wait */
#define QUEUE_FAILED_MAX 10000 /* kept with their reason; what is more is counted only */
#define QUEUE_FLYING_MAX 16    /* batches at once: more than the target ever allows */

struct queue;

int queue_new(const char *key, struct queue **ret);
struct queue *queue_free(struct queue *q);
DEFINE_CLEANUP(struct queue, queue_free)

/* Take a row. 0; -ENOMEM, -ENOBUFS where QUEUE_ROWS_MAX wait (the row is not taken). A row whose
 * key waits already replaces the one that waits where its stamp is not older, else is dropped (so
 * it is where a later one is in flight); the loser counts as skipped. So does ROW_SKIP, which goes
 * no further. A row of the record of a REKEY's new_key waits until that one has ended, so that the
 * person is there. */
int queue_add(struct queue *q, struct row *take_row);
size_t queue_waiting(const struct queue *q); /* rows that wait */
bool queue_is_empty(const struct queue *q);  /* none waits, none is in flight */

/* One call in flight: rows of one act. */
struct batch {
	enum row_act act;
	struct row *rows[MARKETO_BATCH_MAX];
	size_t n;
	size_t bytes;
};

/* The next batch that may fly beside those in flight: at most MARKETO_BATCH_MAX rows and
 * MARKETO_BODY_MAX bytes, in order. @whole: only a full one. NULL where there is none. It stays the
 * queue's; its end is told by one of the calls below. */
struct batch *queue_next(struct queue *q, bool whole);
/* It arrived: @results for its rows. Rows that were skipped by the target go to the failed ones,
 * but for FLAG, DELETE and REKEY of what is not there (1004), which are done with and count as
 * skipped. 0; -ENOMEM: nothing has changed, use queue_again(). */
int queue_done(
	struct queue *q, struct batch *b, const struct marketo_result *results, struct now now);
/* It did not: its rows wait again, first. @halve: at most half as many in the next one; more again
 * with each that arrives. */
void queue_again(struct queue *q, struct batch *b, bool halve);

/* Counters per object. */
struct sync_counts {
	uint64_t created, updated, deleted, failed, skipped;
};
const struct sync_counts *queue_counts(const struct queue *q, enum sync_object object);
void queue_set_counts(struct queue *q, enum sync_object object, const struct sync_counts *counts);

/* The failed rows: kept with id, key, reason, attempts, next try. They are tried again at 15 min,
 * 1 h, 6 h, then daily; queue_retry() puts those that are due (their ids, at most @n) into @ret, to
 * be read anew from the source, the same ones each time until queue_retried(). That is called when
 * all that the source gave has ended: what it did not give waits for its next turn. */
size_t queue_failed(const struct queue *q);
/* Did the REKEY fail that makes the person of @row's key? Then that row would make a second one. */
bool queue_holds(const struct queue *q, const struct row *row);
size_t queue_retry(
	struct queue *q, struct now now, enum sync_object object, char ret[][19], size_t n);
void queue_retried(struct queue *q, struct now now, enum sync_object object);
/* When queue_retry() has something: wall, USEC_NEVER for never. At times it has nothing yet. */
uint64_t queue_retry_at(const struct queue *q);
struct json *queue_failed_tell(const struct queue *q, size_t max); /* for people; NULL: no memory */
/* Counters and failed rows to and from the durable record. */
struct json *queue_save(const struct queue *q);
int queue_load(struct queue *q, const struct json *j); /* 0, -EBADMSG, -ENOMEM */
