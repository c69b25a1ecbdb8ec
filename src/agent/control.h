/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "agent/agent.h"

/* The two sockets: who may call what, and calls that wait for their end. grantd-protocol(7). */
struct control;

/* Open status.sock and control.sock in the runtime directory. @agent outlives it. 0; -errno with
 * @reterr. */
int control_new(
	struct agent *agent, const char *runtime, struct control **ret, struct fault *reterr);
struct control *control_free(struct control *control);

/* Some connection may be in another state: waiting calls are looked at, watchers are told. */
void control_changed(struct control *control);

struct syncer;

/* Serve the other end of @take_fd as the sync's process, whoever our own user is. 0, -ENOMEM. */
int control_adopt(struct control *control, struct syncer *s, int take_fd);

/* @s or its process goes away: its descriptors are closed, calls that wait for it end. */
void control_syncer_gone(struct control *control, struct syncer *s);

/* @c goes away: calls that wait for it end. */
void control_connection_gone(struct control *control, const struct connection *c);
