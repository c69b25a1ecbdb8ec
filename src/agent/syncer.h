/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/fault.h"
#include "base/json.h"
#include "wire/wire.h"

/* A sync at work: the process grantd-sync that does it, what it may ask of the agent, and what it
 * told last. It is a client by two descriptors that it was born with, and by nothing else. */
struct syncer;

/* Make the syncs of the present configuration run: those that are there and unchanged go on, the
 * others start, and what is no longer configured ends. What can't be had for lack of memory is
 * logged and left out. */
void syncers_apply(struct agent *a);
/* Ask all to end, and see whether all have. */
void syncers_stop(struct agent *a);
bool syncers_stopped(const struct agent *a);
void syncers_free(struct agent *a);
/* Connections may have become usable: tell those who wait for them. */
void syncers_connections_changed(struct agent *a);

struct syncer *agent_syncer(const struct agent *a, const char *name); /* NULL: none */
const char *syncer_name(const struct syncer *s);

/* May it have the tokens of the connection @name? Of its own two only. */
bool syncer_may_use(const struct syncer *s, const char *name);

/* It attends: it gets its settings, and from now on commands. 0; -EBUSY where it does already,
 * -ENOMEM. */
int syncer_attend(struct syncer *s, struct client *client);
/* It reports; -EINVAL where that is no report of this sync. */
int syncer_report(struct syncer *s, const struct wire_report *report);
/* One of its descriptors was closed. */
void syncer_closed(struct syncer *s, const struct client *client);

/* Give the command @word ("start", "stop", "check"); *ret_number stands for it. 0, -ENOTCONN where
 * it does not run at present. */
int syncer_command(struct syncer *s, const char *word, uint64_t *ret_number);
/* Was the command answered? Then *ret is why it was refused, or of kind none. */
bool syncer_answer(const struct syncer *s, uint64_t number, struct fault *ret);

/* As in status; NULL: no memory. */
struct json *syncer_json(const struct syncer *s);
/* What it told of its fields and failed rows; NULL where nothing yet. */
const struct json *syncer_fields(const struct syncer *s);
const struct json *syncer_failed(const struct syncer *s);

/* Do all its checks pass? And one line on how it is. */
bool syncer_usable(const struct syncer *s);
void syncer_line(const struct syncer *s, char *ret, size_t size);
