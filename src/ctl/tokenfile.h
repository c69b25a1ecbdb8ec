/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <limits.h>

#include "base/buf.h"

/* A token in a file for one command to read: in a directory of its own (0700), in memory only
 * (tmpfs or ramfs), replaced as a whole. */
struct tokenfile {
	int fd;                   /* of the directory; -1: there is none */
	char directory[PATH_MAX]; /* "": there is none */
	char path[PATH_MAX];      /* of the file */
};

#define TOKENFILE_NONE ((struct tokenfile){.fd = -1})

/* Make the directory below the first of $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR, else in
 * /dev/shm; the file is not there yet. @f must be TOKENFILE_NONE. Returns an exit code of
 * ctl/show.h, with the sentence for stderr in @why. */
int tokenfile_make(struct tokenfile *f, struct buf *why);

/* Put @token (0600) in place of what is there. Returns 0; -errno with the file as it was. */
int tokenfile_put(const struct tokenfile *f, const char *token);

/* Remove the file and the directory; idempotent. */
void tokenfile_remove(struct tokenfile *f);
