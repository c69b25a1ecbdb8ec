/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/exchange.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/now.h"
#include "base/secret.h"
#include "sync/settings.h"

/* The life of one sync as a pure state machine, level-triggered like oauth/grant: inputs return
 * void, and after each the shell asks sync_want() and makes it so. */

enum sync_stage {
	SYNC_WAITING, /* a connection is not usable */
	SYNC_CHECKING,
	SYNC_BLOCKED_STAGE, /* a check failed; checked again every quarter of an hour, and on start
	                     */
	SYNC_READY,         /* all checks passed, not started */
	SYNC_INITIAL,       /* the first load */
	SYNC_RUNNING,
	SYNC_PAUSED,  /* a limit: goes on by itself */
	SYNC_STOPPED, /* by an operator */
	SYNC_FAILED,  /* what repeats failed for good */
	_SYNC_STAGE_MAX,
};
const char *sync_stage_to_string(enum sync_stage stage);
int sync_stage_from_string(const char *text, enum sync_stage *ret);

enum sync_side { SYNC_SOURCE, SYNC_TARGET, _SYNC_SIDE_MAX };

/* Requests in flight at once: one page of the source ahead, and the target's batches. */
#define SYNC_SLOTS 8

/* What should be true now. A new serial is a new wish: begin it, drop what was in flight for an
 * older one. 0: nothing. */
struct sync_want {
	uint32_t requests[SYNC_SLOTS];   /* the exchange of sync_request(s, slot) is in flight */
	uint32_t tokens[_SYNC_SIDE_MAX]; /* a token of this side is asked for */
	bool refused[_SYNC_SIDE_MAX]; /* …after the agent was told that the last one was refused */
	uint32_t store;               /* what sync_save() gives is on disk */
	uint64_t deadline;            /* boot time of the next sync_tick() */
};

struct sync;

/* @take_saved: what sync_save() gave once, NULL for a first start. Returns 0, -ENOMEM; a saved
 * state of another version or settings that do not fit (other objects, key, connections) begins
 * anew and says so in the fault. @seed: fresh random bytes. */
int sync_new(const struct sync_settings *settings, const struct json *saved, uint64_t seed,
	struct now now, struct sync **ret);
struct sync *sync_free(struct sync *s);
DEFINE_CLEANUP(struct sync, sync_free)

struct sync_want sync_want(const struct sync *s);
int sync_request(const struct sync *s, unsigned i,
	struct exchange_request *ret);                              /* of slot @i; 0, -ENOMEM */
enum sync_side sync_slot_side(const struct sync *s, unsigned slot); /* whose server it asks */
const struct secret *sync_refused_token(const struct sync *s, enum sync_side side);
struct json *sync_save(const struct sync *s); /* NULL: no memory */

void sync_reply(struct sync *s, unsigned i, uint32_t serial, const struct exchange_reply *reply,
	struct now now);
/* @token (copied) with its member instance_url, NULL for none; or NULL with @why: not usable. */
void sync_token(struct sync *s, enum sync_side side, uint32_t serial, const struct secret *token,
	const char *instance_url, const struct fault *why, struct now now);
void sync_stored(struct sync *s, uint32_t serial, int r, struct now now);
void sync_tick(struct sync *s, struct now now);

/* WAKE: a connection may have become usable, tokens are asked for now. */
enum sync_command { SYNC_START, SYNC_STOP, SYNC_CHECK, SYNC_WAKE };
/* START is refused with @reterr (the failed checks) and -EBUSY where a check failed or has not been
 * made yet; else 0. */
int sync_command(struct sync *s, enum sync_command command, struct now now, struct fault *reterr);

/* What people and programs see: the object of design.md's sync issue (name, from, to, stage, since,
 * usable, checks, fields, objects, lag_s, next_run_at, fault). NULL: no memory. */
struct json *sync_tell(const struct sync *s, struct now now);
/* The maps: {"lead":[{"from","to","problem"}…],…}, unmapped fields; and the failed rows. */
struct json *sync_tell_fields(const struct sync *s);
struct json *sync_tell_failed(const struct sync *s);
