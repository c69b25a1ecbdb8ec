/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "oauth/reply.h"

/* What a provider means by its errors where the standards do not tell, or tell otherwise, and what
 * to change then: data of its profile (grantd.yaml(5), `hints`). */

/* Where an error came up. */
enum hint_at {
	HINT_ANYWHERE,
	HINT_DEVICE,        /* asking for a device code */
	HINT_POLL,          /* asking whether it was approved */
	HINT_CODE,          /* exchanging a pasted code */
	HINT_TOKEN,         /* refresh, client_credentials, jwt_bearer */
	HINT_IDENTITY,      /* asking who approved */
	HINT_AUTHORIZATION, /* in the address that was pasted */
	_HINT_AT_MAX,
};

/* What it means. */
enum hint_kind {
	HINT_SAME, /* what it would mean anyhow */
	HINT_PENDING,
	HINT_SLOW_DOWN,
	HINT_DENIED,
	HINT_EXPIRED_CODE,
	HINT_REVOKED,
	HINT_MISCONFIGURED,
	HINT_TRANSIENT,
	HINT_THROTTLED,
	_HINT_KIND_MAX,
};

const char *hint_at_to_string(enum hint_at at);
const char *hint_kind_to_string(enum hint_kind kind);
/* Is it about a code that is polled for, and so of no meaning elsewhere? */
bool hint_kind_is_polling(enum hint_kind kind);

/* All that is given has to fit; at least one of error, contains and status is. Zero-initialised is
 * empty. */
struct hint {
	char *error;     /* the code, exactly; NULL for any */
	char *contains;  /* in the code or in what else the error says, in any case; NULL for any */
	unsigned status; /* 0 for any */
	enum hint_at at;
	enum hint_kind kind;
	char *say; /* NULL for nothing */
};

/* Room in a fault beside what the provider said. */
#define HINT_SAY_MAX 240

struct hints {
	struct hint *items;
	size_t n;
};

int hints_copy(const struct hints *from, struct hints *ret); /* 0, -ENOMEM; *ret must be empty */
void hints_done(struct hints *l);

/* The first hint for an error at @at that says @error and @said ("" for nothing); NULL for none.
 * Kinds that are about polling (pending, slow_down, expired_code) fit at HINT_POLL only. */
const struct hint *hints_find(const struct hints *l, enum hint_at at, unsigned status,
	const char *error, const char *said);

/* Let the hint that fits have the last word on *v: kind, fault and what to do. False where none
 * fits, or one of HINT_REVOKED fits a page in place of a reply. */
bool hints_apply(const struct hints *l, enum hint_at at, struct verdict *v);

/* The same for the fault of an authorization error in an address, which says @error and @said. */
void hints_explain(const struct hints *l, const char *error, const char *said, struct fault *fault);
