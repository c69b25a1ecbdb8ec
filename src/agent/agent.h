/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/connection.h"
#include "agent/settings.h"
#include "base/fault.h"
#include "host/http.h"
#include "host/listen.h"
#include "host/loop.h"
#include "host/store.h"

/* The agent: its configuration, its connections, whether it is ready, and its life from start to
 * stop. */

struct agent_paths {
	char *config;
	char *state;
	char *runtime;
	const char *credentials; /* $CREDENTIALS_DIRECTORY or NULL */
};

struct control;
struct syncer;

struct agent {
	const struct agent_paths *paths;
	struct loop *loop;
	struct http *http;
	struct store *store;
	struct control *control;
	struct settings *settings;
	enum store_key_origin store_key_origin;
	uint64_t started_wall;
	size_t memory_locked;

	struct connection_shared shared;
	struct connection **connections; /* of the configuration, in its order */
	size_t n_connections;
	struct connection **retired; /* out of the configuration, ending what is under way */
	size_t n_retired;
	struct syncer **syncers; /* of the configuration, in its order */
	size_t n_syncers;

	bool ready_sent;
	bool stopping;
	struct timer flush;  /* tell what changed, once a turn */
	struct timer extend; /* ask for more start time while waiting */
	struct timer stop;   /* give up waiting for what is under way */
};

/* Start: the state directory, the key, the connections, the sockets. @settings is taken, also on
 * failure. Returns 0; -errno with @reterr, also for a second agent on the same state directory. */
int agent_new(const struct agent_paths *paths, struct settings *take_settings, size_t memory_locked,
	struct agent **ret, struct fault *reterr);
struct agent *agent_free(struct agent *a);
DEFINE_CLEANUP(struct agent, agent_free)

/* Run until told to stop. Returns the exit status. */
int agent_run(struct agent *a);

/* Read the configuration again. A bad one changes nothing. Returns 0; -EINVAL with @faults;
 * -ENOMEM. */
int agent_reload(struct agent *a, struct config_faults *faults);

/* Something that status tells may be another: told on once the turn of the loop is over. */
void agent_changed(struct agent *a);

/* NULL where there is none. */
struct connection *agent_connection(const struct agent *a, const char *name);

/* May @peer log in, revoke, reload: root, the agent's own user, or one of agent.operators. */
bool agent_is_operator(const struct agent *a, const struct peer *peer);
