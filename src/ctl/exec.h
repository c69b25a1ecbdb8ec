/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "base/buf.h"
#include "ctl/options.h"

/* The verb exec of grantctl(1). Returns the exit status of the command, or why it was not started;
 * the sentence for stderr, if any, is put into @why. */
int exec_run(const struct options *o, struct buf *why);
