/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

#include "base/buf.h"

/* Times as Salesforce writes them: "2026-11-23T10:00:00.000+0000", or with Z or +00:00. */

/* Into wall time; fractions of a second count. 0, -EINVAL. */
int when_parse(const char *text, uint64_t *ret_wall_usec);

/* As the target wants it: UTC with whole seconds, "2026-11-23T10:00:00Z". Appends to @ret. 0,
 * -EINVAL, or what buf_add() returns. */
int when_add(struct buf *ret, const char *text);

/* Is it a date, "2026-11-23"? */
int when_check_date(const char *text); /* 0, -EINVAL */
