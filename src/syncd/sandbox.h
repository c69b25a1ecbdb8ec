/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

#include "base/fault.h"

/* Shut this process in: of the file system only what it takes to resolve names and check
 * certificates, and the directory of its own state; no other program, no other process, no socket
 * but of the network. For ever, threads and all; called before anything from outside is read. */

/* @state_fd: the directory it may write below; @ca_files: @n files it may read, NULL among them
 * passed over. *ret_whole: whether the kernel could do all of it (Landlock may be missing). 0;
 * -errno with @reterr, where even the rest could not be had. */
int sandbox_enter(int state_fd, const char *const *ca_files, unsigned n, bool *ret_whole,
	struct fault *reterr);
