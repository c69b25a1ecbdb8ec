/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/names.h"
#include "sync/row.h"

/* The configuration of one sync, as the agent hands it to the child; grantd.yaml(5), `sync`. */

enum sync_too_long { SYNC_TOO_LONG_SKIP, SYNC_TOO_LONG_TRUNCATE, _SYNC_TOO_LONG_MAX };
enum sync_deletes {
	SYNC_DELETES_FLAG,
	SYNC_DELETES_DELETE,
	SYNC_DELETES_IGNORE,
	_SYNC_DELETES_MAX
};

const char *sync_too_long_to_string(enum sync_too_long v); /* "skip", "truncate" */
const char *sync_deletes_to_string(enum sync_deletes v);   /* "flag", "delete", "ignore" */

struct sync_settings {
	char *name;
	char *from, *to;  /* names of connections */
	char *source_url; /* "https://HOST[:PORT]" of the connections' host; the source's */
	char *target_url; /* instance_url, told with its token, wins where it is trusted */
	bool objects[_SYNC_OBJECT_MAX];
	char *key; /* "email", or the target's field that holds the source's id */
	struct params fields[_SYNC_OBJECT_MAX]; /* from → to, over the defaults */
	struct names exclude[_SYNC_OBJECT_MAX];
	enum sync_too_long on_too_long;
	enum sync_deletes deletes;
	bool start_auto;
	uint64_t every_usec;
	unsigned quota_source, quota_target; /* percent of the daily allowance */
	bool native_sync_ignored;
	uint64_t rows_for_bulk; /* initial loads of more rows go by bulk query */
};

/* Does the key hold the source's id (then leads that become contacts are re-keyed)? */
bool sync_key_is_id(const struct sync_settings *s);

void sync_settings_done(struct sync_settings *s);

/* As JSON between agent and child, both directions. 0, -EBADMSG with @reterr, -ENOMEM; NULL. */
int sync_settings_read(const struct json *j, struct sync_settings *ret, struct fault *reterr);
struct json *sync_settings_write(const struct sync_settings *s);
