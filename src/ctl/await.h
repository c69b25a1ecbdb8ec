/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/names.h"
#include "base/now.h"

/* What `grantctl wait` waits for. Pure. */
struct await {
	const struct names *names; /* empty: all that is required */
	bool any;                  /* one of them is enough; without names: any connection */
	uint64_t min_valid_usec;   /* usable with a token that lives at least this long */
};

/* Does @status, as in grantd-protocol(7), fulfil it? */
bool await_is_over(const struct await *a, const struct json *status, struct now now);

/* Is @connection one of those that are waited for, and not there yet? */
bool await_lacks(const struct await *a, const struct json *connection, struct now now);
