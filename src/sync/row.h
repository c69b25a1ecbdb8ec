/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* One record on its way from the source to the target: already in the target's form. */

/* The objects of the source that become persons of the target. */
enum sync_object { SYNC_LEAD, SYNC_CONTACT, _SYNC_OBJECT_MAX };

const char *sync_object_to_string(enum sync_object object); /* "lead", "contact" */
const char *sync_object_api_name(enum sync_object object);  /* "Lead", "Contact" */

enum row_act {
	ROW_UPSERT, /* create the person or bring it up to date */
	ROW_FLAG,   /* gone at the source: only tell so, on a person that is there */
	ROW_DELETE, /* gone at the source: delete the person */
	ROW_REKEY,  /* a lead became a contact: the person of @key gets @new_key */
	ROW_SKIP,   /* nothing to send: converted, or without a key; @why says */
};

struct row {
	enum row_act act;
	enum sync_object object;
	char id[19];         /* 18-character form */
	uint64_t stamp_usec; /* SystemModstamp, wall */
	char *key;           /* value of the key field at the target; NULL for SKIP without one */
	char *new_key;       /* of REKEY */
	char *json;          /* the input object as the target wants it, for UPSERT and FLAG */
	size_t json_len;
	bool cut;        /* a value was truncated */
	const char *why; /* of SKIP, static text */
};

struct row *row_free(struct row *row);
DEFINE_CLEANUP(struct row, row_free)

/* The 18-character form of a record id of 15 or 18 characters. 0, -EINVAL. */
int row_id18(const char *id, char ret[19]);
