/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "base/buf.h"
#include "ctl/options.h"

/* The verb `sync`: as struct verb has it. */
int sync_run(const struct options *o, struct buf *why);
