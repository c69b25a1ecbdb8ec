/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/now.h"

/* What a reply of a vendor's REST API comes to. */
enum sync_reply {
	SYNC_OK,
	SYNC_TOKEN,     /* the token is refused: invalidate it once, then ask once more */
	SYNC_RETRY,     /* for now: ask again, with back-off */
	SYNC_SLOW_DOWN, /* too many at once or too fast: fewer, and not before @wait_usec */
	SYNC_QUOTA,     /* the day's allowance is used up: not before @wait_usec */
	SYNC_RESTART,   /* the locator is dead: begin anew at the watermark */
	SYNC_SPLIT,     /* too much at once (timeout, size): half of it */
	SYNC_BLOCKED,   /* rights, settings, edition: a person has to change something */
	SYNC_BUG,       /* we asked wrongly, or the answer makes no sense */
};

struct sync_verdict {
	enum sync_reply kind;
	char code[64];      /* the vendor's, "" for none */
	struct fault fault; /* for every kind but OK: what happened, and what to change */
	uint64_t wait_usec; /* 0: not told */
};
