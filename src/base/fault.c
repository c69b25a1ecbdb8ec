/* SPDX-License-Identifier: BSD-2-Clause */

/* The table of fault kinds: grantctl(1) tells the exit codes, grantd-protocol(7) the names. */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/text.h"

/* The longest character that is replaced by one '?' has three bytes: before cleaning, this much is
 * needed for a detail that may not be cut. */
#define FAULT_RAW_MAX (4 * FAULT_DETAIL_MAX)

/* A new code after expired_code is not a retry in the sense of the table: a person has to act, and
 * the grant counts those renewals itself. */
static const struct fault_meaning meanings[_FAULT_KIND_MAX] = {
	[FAULT_NONE] = {"none", 0, LOG_INFO, false},
	[FAULT_NEEDS_APPROVAL] = {"needs_approval", 3, LOG_WARNING, false},
	[FAULT_REVOKED] = {"revoked", 3, LOG_ERR, false},
	[FAULT_DENIED] = {"denied", 3, LOG_WARNING, false},
	[FAULT_EXPIRED_CODE] = {"expired_code", 3, LOG_WARNING, false},
	[FAULT_WRONG_IDENTITY] = {"wrong_identity", 3, LOG_ERR, false},
	[FAULT_MISSING_SCOPE] = {"missing_scope", 3, LOG_ERR, false},
	[FAULT_MISCONFIGURED] = {"misconfigured", 2, LOG_ERR, false},
	[FAULT_TRANSIENT] = {"transient", 7, LOG_WARNING, true},
	[FAULT_THROTTLED] = {"throttled", 7, LOG_WARNING, true},
	[FAULT_PROVIDER_DOWN] = {"provider_down", 7, LOG_WARNING, true},
	[FAULT_PROTOCOL] = {"protocol", 1, LOG_ERR, true},
	[FAULT_STORAGE] = {"storage", 1, LOG_ERR, true},
	[FAULT_INTERNAL] = {"internal", 1, LOG_ERR, true},
};

const struct fault_meaning *fault_meaning(enum fault_kind kind)
{
	assert((unsigned)kind < ELEMENTS(meanings));
	return &meanings[kind];
}

const char *fault_kind_to_string(enum fault_kind kind)
{
	return fault_meaning(kind)->name;
}

int fault_kind_from_string(const char *name, enum fault_kind *ret)
{
	for (unsigned i = 0; i < ELEMENTS(meanings); i++)
		if (text_equal(meanings[i].name, name)) {
			*ret = (enum fault_kind)i;
			return 0;
		}
	return -EINVAL;
}

void fault_set(struct fault *f, enum fault_kind kind, const char *format, ...)
{
	char raw[FAULT_RAW_MAX];
	va_list args;
	int n;

	if (!f)
		return;
	va_start(args, format);
	n = vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	if (n < 0) /* longer than an int can tell: what came out is not defined */
		raw[0] = '\0';
	f->kind = kind;
	text_clean(f->detail, sizeof(f->detail), raw, strlen(raw));
}
