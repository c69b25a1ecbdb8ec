/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/exchange.h"
#include "base/fault.h"
#include "base/now.h"
#include "config/config.h"
#include "oauth/grant.h"

/* What a scenario is played on. Two programs share runner.c: one links subject-grant.c, the bare
 * grant, the other subject-agent.c, the agent's connection on a fake host. Time is virtual in both.
 */

/* The machine as the scenario makes it. */
enum world_death { DEATH_NONE, DEATH_BEFORE_STORE, DEATH_AFTER_STORE };

struct world {
	struct now now;
	struct buf disk; /* the one record, as sealed */
	bool disk_holds;
	bool disk_full;
	enum world_death death; /* the process is killed at the next store */
	bool dead;              /* it was */
	unsigned requests;      /* that have begun */
	unsigned notices;       /* approvals announced to a person */
	struct buf log;         /* everything that was logged */
};

extern struct world world;

/* The record goes to disk: 0, or -ENOSPC with @reterr. */
int world_store(const void *data, size_t len, struct fault *reterr);

/* Random bytes that differ from call to call and not from run to run. */
void world_random(void *data, size_t len);

/* Start from the disk with the first connection of @config (borrowed until the next start or
 * reload). */
void subject_start(const struct config *config);
void subject_reload(const struct config *config);
/* SIGKILL: what is in memory is gone. */
void subject_kill(void);

void subject_command(enum grant_command command);
int subject_paste(const char *text, bool code_only, struct fault *reterr);
int subject_invalidate(const char *token, struct fault *reterr);
const struct exchange_request *subject_request(void); /* in flight, or NULL */
void subject_answer(const struct exchange_reply *reply);
/* A reply to the request before the present one comes after all. */
void subject_answer_late(const struct exchange_reply *reply);
uint64_t subject_deadline(void); /* boot time of the next timer */
void subject_fire(void);         /* the timer, when its time has come */
void subject_clock_set(void);    /* the wall clock was set */
void subject_view(struct grant_view *ret);
const struct token *subject_token(uint64_t *ret_remaining_usec);
