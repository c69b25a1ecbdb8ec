/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>

/* Keep secrets in the process: no core dump, no ptrace by others of the same user (PR_SET_DUMPABLE
 * 0, RLIMIT_CORE 0), and a locked arena that is left out of dumps. */

/* Returns 0, -errno. */
int protect_process(void);

/* Map an arena of up to @wanted bytes, as much as RLIMIT_MEMLOCK lets us lock (at least one page,
 * unlocked when even that is refused), for secret_set_arena(). *ret_locked is how much of it the
 * kernel agreed to lock. 0, -errno. */
int protect_arena(size_t wanted, void **ret, size_t *ret_size, size_t *ret_locked);
