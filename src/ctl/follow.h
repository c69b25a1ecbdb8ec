/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/now.h"
#include "ctl/client.h"
#include "wire/wire.h"

/* A token kept fresh by the agent, over restarts of that: a Watch of the connection tells when to
 * ask for the token again. Nothing here waits but connecting and sending, which an agent that is
 * well takes at once. All times are boot times. */
struct follow {
	const char *runtime; /* as client_open() takes it */
	const char *name;
	uint64_t min_valid_usec; /* ask for a new token when so much is left; 0: when the agent does
	                          */

	struct client *watch; /* NULL: to be called at @watch_at */
	struct client *fetch; /* GetToken, NULL: to be called at @fetch_at or @renew_at */
	uint64_t watch_at;    /* never USEC_NEVER */
	uint64_t fetch_at;    /* for the token that the agent has; USEC_NEVER: not until told */
	uint64_t renew_at;    /* for one that lives @min_valid_usec; USEC_NEVER: not wanted */
	uint64_t fetch_until; /* the answer to come by */
	uint64_t watch_pause; /* before the next try, after failures */
	uint64_t fetch_pause;
	uint64_t renew_pause;
	bool renewing;      /* @fetch is for @renew_at */
	bool settled;       /* fetched again after the last change, or about to be */
	bool usable;        /* as status said last */
	bool lost, refused; /* which trouble was told already */
};

/* Begin, with what the reply to GetToken tells of the token that is at hand. @runtime and @name are
 * borrowed. */
struct follow follow_begin(
	const char *runtime, const char *name, uint64_t min_valid_usec, const struct json *token);
void follow_end(struct follow *f);

/* The sockets to poll() for input, -1 for none, and when to step at the latest. */
void follow_wants(const struct follow *f, int ret_fds[2], uint64_t *ret_at);

/* Do what can be done now. Call it again after each event but FOLLOW_NOTHING. */
enum follow_event {
	FOLLOW_NOTHING,
	FOLLOW_TOKEN,   /* *ret is a reply to GetToken, whose token may be the one at hand */
	FOLLOW_TROUBLE, /* told once, as a sentence in @why; it is being seen to */
};
enum follow_event follow_step(struct follow *f, struct wire_reply *ret, struct buf *why);

/* The token could not be used: fetch it again a little later. */
void follow_again(struct follow *f);
