/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "sync/batch.h"
#include "sync/engine.h"
#include "sync/map.h"
#include "sync/marketo.h"
#include "sync/pace.h"
#include "sync/salesforce.h"

/* The inside of a sync, shared by the files sync/engine*.c and nobody else. */

/* Rows that changed shortly before the watermark may have been committed after we read: they are
 * read again. */
#define SYNC_OVERLAP (2 * USEC_PER_MIN)
/* Checks that failed are made again by themselves; rights change slowly. */
#define SYNC_RECHECK (15 * USEC_PER_MIN)
/* A token that could not be had is asked for again. */
#define SYNC_TOKEN_RETRY (30 * USEC_PER_S)
/* Whether a bulk job is done is asked this often. */
#define SYNC_JOB_POLL (5 * USEC_PER_S)
/* Rows of one chunk of bulk results. */
#define SYNC_CHUNK 2500
/* Delivered rows of the overlap that are remembered; one that is forgotten is sent again, which
 * does no harm. A power of two. */
#define SYNC_SEEN 131072
/* The calls a day that Marketo allows where it does not tell. */
#define SYNC_TARGET_DAILY 50000

/* An allowance comes back after a day at the latest; what is told or stored to be longer is not. */
#define SYNC_QUOTA_WAIT_MAX (25 * USEC_PER_HOUR)

/* What a slot is at. */
enum job {
	JOB_NONE,
	JOB_VERSIONS, /* of the source */
	JOB_LIMITS,
	JOB_DESCRIBE, /* one of three objects */
	JOB_COUNT,
	JOB_QUERY,
	JOB_MORE,
	JOB_RETRY, /* rows that failed, by their ids */
	JOB_BULK,
	JOB_BULK_STATE,
	JOB_BULK_RESULTS,
	JOB_BULK_DELETE,
	JOB_LIVE,            /* which addresses are in use */
	JOB_TARGET_DESCRIBE, /* of the target, from here on */
	JOB_USAGE,
	JOB_UPSERT,
	JOB_FIND,
	JOB_DELETE,
	JOB_REKEY,
};

/* Slot 0 reads the source and checks; the others each carry a batch to the target. */
#define READER 0

struct slot {
	enum job job;
	bool flying;
	uint32_t serial;
	unsigned generation;      /* of the token it flies with */
	uint64_t not_before_boot; /* of this job alone */
	struct batch *batch;
	uint64_t ids[MARKETO_BATCH_MAX]; /* of the batch's persons, 0: none or not to be touched */
	size_t live_at, live_n;          /* rows of the batch whose addresses are being looked up */
	enum sync_object live_object;
	size_t wanted[MARKETO_BATCH_MAX]; /* rows that the request in flight is about */
	size_t n_wanted;
};

enum describe { DESCRIBE_LEAD, DESCRIBE_CONTACT, DESCRIBE_ACCOUNT, _DESCRIBE_MAX };

enum check {
	CHECK_SOURCE_TOKEN,
	CHECK_TARGET_TOKEN,
	CHECK_API,
	CHECK_OBJECTS,
	CHECK_FIELDS,
	CHECK_TARGET,
	CHECK_KEY,
	CHECK_NATIVE_SYNC,
	CHECK_QUOTA,
	CHECK_DELETES,
	CHECK_FEATURES,
	_CHECK_MAX,
};

enum tristate { UNKNOWN, YES, NO };

struct check_result {
	enum tristate ok;
	char detail[FAULT_DETAIL_MAX];
};

struct side {
	struct secret *token;
	struct secret *refused; /* the last token, while the agent is to be told of it */
	uint32_t serial;        /* of the token wanted, 0: none */
	unsigned generation;    /* of the token */
	unsigned refusals;      /* of tokens in a row */
	uint64_t retry_boot;
	struct fault fault;         /* why there is none */
	struct fault trouble;       /* what its requests meet */
	uint64_t paused_until_wall; /* the day's allowance is used up */
	struct pace pace;
};

/* Where the run is with one object. */
enum phase { PHASE_RETRY, PHASE_COUNT, PHASE_QUERY, PHASE_BULK, PHASE_END };

struct progress {
	uint64_t watermark_usec; /* every row before it has been dealt with */
	bool loaded;             /* the initial load is over */
	char *job;               /* of the bulk query */
	char *locator;           /* of its next results */
	uint64_t job_usec;       /* it began */
	bool job_done;
};

/* Records that have been read. */
struct page {
	bool present;
	struct json *tree; /* a page of JSON */
	char *csv;         /* or a chunk of CSV */
	size_t csv_len;
	size_t taken; /* of its rows, so many went into the queue */
	bool whole;   /* all did */
	bool bulk;
	bool counts;        /* rows that were delivered before are passed over */
	bool moves;         /* its rows move the watermark */
	uint64_t last_usec; /* the last of its stamps */
	char *next_locator; /* of the chunk after it, NULL for none */
	bool last;          /* nothing comes after it */
};

struct sync {
	struct sync_settings settings;
	struct salesforce source;
	char *target;
	struct side sides[_SYNC_SIDE_MAX];
	struct slot slots[SYNC_SLOTS];
	uint32_t serials;
	uint64_t random;

	/* checks */
	enum { MODE_CHECK, MODE_BLOCKED, MODE_READY, MODE_RUN } mode;
	bool started, stopped;
	unsigned step;       /* of the checks */
	bool older_describe; /* of the target, which lacks the newer one */
	struct check_result checks[_CHECK_MAX];
	struct salesforce_object objects[_DESCRIBE_MAX];
	struct marketo_fields target_fields;
	struct map maps[_SYNC_OBJECT_MAX];
	bool mapped;
	uint64_t recheck_boot;

	/* the run */
	struct progress progress[_SYNC_OBJECT_MAX];
	enum sync_object object;
	enum phase phase;
	bool pages_only;          /* counting or bulk was refused for the object */
	bool passing;             /* a cycle is under way */
	uint64_t cycle_wall;      /* it began */
	uint64_t cycle_done_wall; /* the last whole one began */
	uint64_t next_run_boot;
	uint64_t from_usec;   /* of the query */
	uint64_t window_usec; /* of the query, halved when that takes too long; NEVER: all */
	uint64_t until_usec;
	char *locator; /* of the next page */
	struct page current, ahead;
	struct queue *queue;
	uint64_t *seen;
	uint64_t cut;             /* values that were too long */
	unsigned restarts;        /* of the reader, with nothing read between them */
	uint64_t read_after_boot; /* which it does after a pause each */
	uint64_t feed_after_boot; /* memory was short */

	bool dirty;
	uint32_t store; /* the serial wanted on disk, 0 for none */
	uint64_t store_retry_boot;

	enum sync_stage stage;
	uint64_t since_wall;
	struct fault fault;
	struct now now; /* of the last input */
};

/* engine.c */
void sync_set_fault(struct sync *s, const struct fault *f);
/* Put a job into a slot; it flies when token and pace allow. */
void sync_begin(struct sync *s, unsigned slot, enum job job);
enum sync_side sync_job_side(enum job job);
/* Out of memory, or what should not be: shown, and tried again. */
void sync_fail(struct sync *s, const char *what);
bool sync_idle(const struct sync *s); /* no slot has a job */
bool sync_is_check(enum job job);

const struct fault *sync_shown_fault(const struct sync *s);

/* engine-check.c */
int sync_check_request(
	const struct sync *s, const struct secret *token, struct exchange_request *ret);
void sync_check_begin(struct sync *s);
/* Begin the next check, or end them. */
void sync_check_step(struct sync *s);
/* A reply to one of the jobs of the checks. 0, -ENOMEM; a verdict other than OK is the caller's
 * where it is to be tried again (1). */
int sync_check_reply(struct sync *s, const struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v);
/* The check that a job belongs to has failed for good. */
void sync_check_failed(struct sync *s, const struct slot *slot, const struct sync_verdict *v);
const char *sync_check_name(enum check check);

/* engine-run.c */
void sync_run_step(struct sync *s);
uint64_t sync_run_deadline(const struct sync *s); /* boot time of what it waits for itself */
/* Outside of MODE_RUN: put aside what is not in flight, so that it can go on later. */
void sync_run_rest(struct sync *s);
/* The maps are other ones: what was read for the old ones is read again. */
void sync_run_anew(struct sync *s);
/* Do the longest queries of @object fit into an address? 0, -EMSGSIZE, -ENOMEM. */
int sync_run_fits(const struct sync *s, enum sync_object object);
int sync_run_request(const struct sync *s, const struct slot *slot, const struct secret *token,
	struct exchange_request *ret);
int sync_run_reply(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v);
void sync_run_failed(struct sync *s, struct slot *slot, const struct sync_verdict *v);
/* Drop what has been read: at a restart of a pass. */
void sync_page_done(struct page *p);

/* engine-tell.c: sync_tell(), sync_tell_fields(), sync_tell_failed(), sync_save() and its reading
 */
int sync_load(struct sync *s, const struct json *saved); /* 0, -EBADMSG, -ENOMEM */
