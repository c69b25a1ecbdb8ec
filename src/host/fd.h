/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <unistd.h>

/* Closes a file descriptor at the end of its scope: _cleanup_(fd_closep) int fd = -1. */
static inline void fd_closep(const int *fd)
{
	if (*fd >= 0)
		(void)close(
			*fd); /* what matters was synced before; Linux frees the number anyway */
}

/* Move a file descriptor out of a variable that would close it. */
static inline int fd_steal(int *fd)
{
	const int stolen = *fd;

	*fd = -1;
	return stolen;
}
