/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/agent.h"
#include "base/json.h"
#include "base/names.h"

/* The truth about the agent, as people and programs see it: grantd-protocol(7). */

/* The status object. @names (empty: all) must be known. Codes and identities only for an @operator.
 * NULL when memory is short. */
struct json *status_json(const struct agent *a, const struct names *names, bool operator);

/* The approval of a connection as in the status object, null where none is pending; NULL when
 * memory is short. */
struct json *status_approval(const struct grant_view *v, bool operator);

/* Take out of @f, the fault of a connection in @state, who approved: that is for operators. */
void status_redact(struct fault *f, enum grant_state state);

/* Of the sync @name, NULL for all; NULL when memory is short. */
struct json *status_syncs(const struct agent *a, const char *name);

/* At least one required connection, and all of them usable; and all syncs with their checks passed.
 */
bool status_ready(const struct agent *a);

/* One line for STATUS=: "ready", or what is missing and what to do. No code. */
#define STATUS_LINE_MAX 512
void status_line(const struct agent *a, char *ret, size_t size);
