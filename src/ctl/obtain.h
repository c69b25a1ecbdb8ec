/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/wire.h"

/* A token to start with. */
struct obtain {
	const char *runtime; /* as client_open() takes it */
	const char *name;
	uint64_t min_valid_usec; /* the token is to live at least so long; 0: for a while */
	/* Boot time until which all that time may mend is waited for, an agent that does not run
	 * and an operator's login too. USEC_NEVER: as long as the agent is at work on it, or an
	 * approval is pending. */
	uint64_t deadline;
};

/* Call GetToken, until it is answered with a token, in *ret then. What is waited for is told on
 * stderr. Returns an exit code of ctl/show.h, with the sentence for stderr in @why. */
int obtain_token(const struct obtain *o, struct wire_reply *ret, struct buf *why);
