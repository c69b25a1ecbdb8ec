/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sys/types.h>

/* Names of the user database as numbers, at configuration time only: nothing looks a name up when a
 * client calls. A text of digits is a number already. Each returns 0, -ESRCH where there is no such
 * name, or another -errno. */
int users_uid(const char *name, uid_t *ret);
int users_gid(const char *name, gid_t *ret);
