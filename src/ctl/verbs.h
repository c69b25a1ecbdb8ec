/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>

#include "ctl/options.h"

/* Every verb of grantctl(1). */
extern const struct verb verbs[];
extern const size_t n_verbs;

/* Write @b to stdout. Returns EXIT_DONE, or EXIT_FAILED with the reason in @why; nothing is said of
 * a reader that has gone. */
int verbs_print(const struct buf *b, struct buf *why);
