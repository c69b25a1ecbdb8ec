/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/fault.h"

/* One sync at work: the engine meets the network, its directory, and the agent. */
struct session;

struct session_options {
	const char *name;                          /* of the sync */
	const char *source_ca, *target_ca, *proxy; /* NULL: as the system has it */
	bool sandboxed;                            /* told in status */
};

/* The descriptors that the agent gives: where to attend, the directory, where to ask. */
#define SESSION_ATTEND_FD 3
#define SESSION_STATE_FD  4
#define SESSION_CALLS_FD  5

/* @options is borrowed. 0; -errno with @reterr. */
int session_new(const struct session_options *options, struct session **ret, struct fault *reterr);
struct session *session_free(struct session *s);
DEFINE_CLEANUP(struct session, session_free)

/* Run until told to stop, or until the agent is gone. Returns the exit status. */
int session_run(struct session *s);
