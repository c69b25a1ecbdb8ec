/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/now.h"
#include "sync/marketo.h"
#include "sync/row.h"
#include "sync/table.h"

/* Rows that the target did not take: kept with the reason until they go, and tried again at 15 min,
 * 1 h, 6 h, then daily. */

struct failed_row;

struct failed {
	TAILQ_HEAD(failed_rows, failed_row) rows; /* the oldest first */
	TAILQ_HEAD(, failed_row) spare; /* made in advance, so that keeping a row can't fail */
	size_t n;
	struct table by_id, by_new_key;
	/* Wall, the first, or before it after some were dropped, which costs a look in vain instead
	 * of a walk each time; USEC_NEVER for none. */
	uint64_t retry_at;
};

int failed_new(struct failed **ret); /* 0, -ENOMEM */
struct failed *failed_free(struct failed *f);
DEFINE_CLEANUP(struct failed, failed_free)

/* Make room for @n rows that failed_keep() may be given. 0, -ENOMEM. */
int failed_reserve(struct failed *f, size_t n);
void failed_release(struct failed *f); /* after the last of them: what was not needed goes */
/* Keep @row, whose keys are taken (they become NULL), or note that it failed again.
 * True where it had not failed before. What is more than QUEUE_FAILED_MAX is not kept. */
bool failed_keep(
	struct failed *f, struct row *row, const struct marketo_result *result, struct now now);
/* Is there a REKEY to @key? */
bool failed_makes(const struct failed *f, const char *key);
/* The record @id is settled. True where it was here. */
bool failed_drop(struct failed *f, const char *id);

/* As of batch.h. */
size_t failed_retry(
	struct failed *f, struct now now, enum sync_object object, char ret[][19], size_t n);
void failed_retried(struct failed *f, struct now now, enum sync_object object);
struct json *failed_tell(const struct failed *f, size_t max);
struct json *failed_save(const struct failed *f);
int failed_load(struct failed *f, const struct json *j); /* 0, -EBADMSG, -ENOMEM; @f is empty */
