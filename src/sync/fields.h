/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The fields of an object, as one of the sides describes them. */

enum field_type {
	FIELD_STRING, /* also picklists, email, phone, url, id */
	FIELD_TEXT,   /* long text */
	FIELD_BOOLEAN,
	FIELD_INTEGER,
	FIELD_FLOAT, /* also currency, percent */
	FIELD_DATE,
	FIELD_DATETIME,
	FIELD_OTHER, /* compound, base64 …: can't be sent */
};

struct field {
	char *name;
	enum field_type type;
	size_t length; /* of texts, in characters; 0: not told */
	bool writable; /* source: of no matter; target: may be written by us */
	char *label;   /* what people call it; NULL: not told */
};

struct fields {
	struct field *items;
	size_t n;
};
#define FIELDS_MAX 5000 /* of one object: both vendors stop well below */

/* 0, -ENOMEM, -EMSGSIZE where there are too many. */
int fields_add(
	struct fields *f, const char *name, enum field_type type, size_t length, bool writable);
/* Give the field added last its label. 0, -ENOMEM. */
int fields_label(struct fields *f, const char *label);
/* By name, for fields_find(). Names differ by more than case at both vendors. */
void fields_sort(struct fields *f);
/* The field @name, without regard to case; NULL where there is none. */
const struct field *fields_find(const struct fields *f, const char *name);
/* The field whose name or label is @label, without regard to case and blanks; NULL where there is
 * none. */
const struct field *fields_find_label(const struct fields *f, const char *label);
void fields_done(struct fields *f);
