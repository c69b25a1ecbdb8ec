/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/names.h"
#include "sync/fields.h"
#include "sync/row.h"
#include "sync/settings.h"

/* Which field of the source goes to which field of the target. */

enum map_problem {
	MAP_OK,
	MAP_HIDDEN,     /* the source does not show the field to this user, or has it not */
	MAP_UNKNOWN,    /* the target has no such field */
	MAP_READ_ONLY,  /* the target does not let us write it */
	MAP_TYPE_CLASH, /* what the one holds the other can't */
	MAP_TOO_SHORT,  /* works, but long values do not fit; see on_too_long */
	_MAP_PROBLEM_MAX,
};

const char *map_problem_to_string(enum map_problem p);

struct map_entry {
	char *from; /* "Email", "Account.Name" */
	char *to;
	bool given; /* by the configuration: a problem blocks. A default with one is left out */
	enum map_problem problem;
	enum field_type to_type;
	size_t to_length;
};

/* The map of one object. */
struct map {
	enum sync_object object;
	struct map_entry *entries;
	size_t n;
	struct names system;   /* what is read of every record to tell what became of it */
	struct names unseen;   /* what of that the source does not show */
	struct names unmapped; /* fields the source shows that go nowhere */
	unsigned counts[_MAP_PROBLEM_MAX];
};

/* Make the map of @object from the built-in defaults (facts, section 4: lead; contact with the
 * account's fields as "Account.…" and the person's own), @settings (fields, exclude, key) and what
 * the sides have; @account are the fields of the account, for contacts. 0, -ENOMEM. */
int map_make(enum sync_object object, const struct sync_settings *settings,
	const struct fields *source, const struct fields *account, const struct fields *target,
	struct map *ret);
void map_done(struct map *m);

/* Is there a problem with a field that the configuration names or that no person is without, or
 * with the key? Then the first is told in @reterr, with what to change. Other defaults with a
 * problem are left out. */
bool map_blocked(const struct map *m, const struct sync_settings *settings, struct fault *reterr);

/* The fields to select at the source, for this map: those in use, and Id, SystemModstamp, and where
 * they are shown IsDeleted, MasterRecordId, and for leads IsConverted, ConvertedContactId; each
 * once. */
int map_select(const struct map *m, struct names *ret);

/* Is the entry sent, not only shown? */
bool map_entry_is_used(const struct map_entry *e);
