/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "host/loop.h"

/* A process of ours that does a part of the work: it gets a few descriptors and what it needs of
 * the environment, nothing else, and does not outlive us. */
struct child;

#define CHILD_FDS_MAX 8
#define CHILD_FD      3 /* the first of those it gets; 0, 1 and 2 are ours */

/* Called once, when it has ended; @how is "exited with status 1" or "was killed by signal 9". */
typedef void (*child_handler)(void *userdata, const char *how);

/* Run the program @argv[0], a path, with copies of @fds as CHILD_FD and on. 0, -errno; that it
 * could not be run is an end with status 127. */
int child_start(struct loop *loop, char *const *argv, const int *fds, size_t n_fds,
	child_handler ended, void *userdata, struct child **ret);

/* Ask it to end. */
void child_stop(struct child *c);

/* End it at once, where it has not yet; takes NULL, returns NULL. */
struct child *child_free(struct child *c);
DEFINE_CLEANUP(struct child, child_free)
