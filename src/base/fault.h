/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

/* Why something does not work: a kind from a closed list and a sentence for a person. No
 * allocation, so that a fault can always be told. Exit code, severity and retry follow from the
 * kind, in one table. */
enum fault_kind {
	FAULT_NONE,
	FAULT_NEEDS_APPROVAL,
	FAULT_REVOKED,
	FAULT_DENIED,
	FAULT_EXPIRED_CODE,
	FAULT_WRONG_IDENTITY,
	FAULT_MISSING_SCOPE,
	FAULT_MISCONFIGURED,
	FAULT_TRANSIENT,
	FAULT_THROTTLED,
	FAULT_PROVIDER_DOWN,
	FAULT_PROTOCOL,
	FAULT_STORAGE,
	FAULT_INTERNAL,
	_FAULT_KIND_MAX,
};

/* Room for one sentence with an excerpt of what the other side said and what to do about it. */
#define FAULT_DETAIL_MAX 512

struct fault {
	enum fault_kind kind;
	char detail[FAULT_DETAIL_MAX];
};

/* What follows from a kind. */
struct fault_meaning {
	const char *name; /* on the wire and in status */
	int exit_code;    /* of grantctl, grantctl(1) */
	int severity;     /* syslog(3) level */
	bool retried;     /* the agent tries again by itself, with back-off */
};

const struct fault_meaning *fault_meaning(enum fault_kind kind);
const char *fault_kind_to_string(enum fault_kind kind); /* "none" for FAULT_NONE */

/* Find a kind by its wire name. Returns 0, or -EINVAL with *ret untouched. */
int fault_kind_from_string(const char *name, enum fault_kind *ret);

/* Set kind and detail; @f may be NULL. Control characters, also of arguments, become '?', what is
 * too long is cut at a whole UTF-8 character. */
void fault_set(struct fault *f, enum fault_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
