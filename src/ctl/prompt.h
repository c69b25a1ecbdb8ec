/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "base/buf.h"

/* What a person types or pastes at the terminal without seeing it. */

#define PROMPT_ANSWERED 0
#define PROMPT_OTHER    1 /* the other file descriptor has something to read */
#define PROMPT_ENDED    2 /* the person ended the input, or the terminal has gone */

/* Show @text on the terminal of this process and read an answer there into @ret (empty), without
 * echo. It ends with a line break that nothing follows at once, so that what was wrapped is read
 * whole; line breaks stay in it. Meanwhile @other_fd (-1: none) is watched. A signal that ends or
 * stops us does so with the terminal as it was before; after a stop the answer begins anew. Returns
 * one of the above, -ENOTTY where there is no terminal, -EMSGSIZE where more came than @ret may
 * hold, -ENOMEM, or another -errno. */
int prompt_read(const char *text, int other_fd, struct buf *ret);
