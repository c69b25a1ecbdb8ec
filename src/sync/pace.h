/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/now.h"

/* How fast a vendor may be asked: calls in a window, calls at once, calls a day. Pure: the time is
 * told. */
#define PACE_WINDOW_MAX 100

struct pace {
	uint64_t sent_boot[PACE_WINDOW_MAX]; /* ring of the last calls */
	unsigned at;
	unsigned per_window; /* 0: no limit */
	uint64_t window_usec;
	unsigned parallel; /* as allowed now; halved by pace_slow_down(), grows again */
	unsigned parallel_max;
	unsigned successes; /* in a row since it was halved or grew */
	unsigned flying;
	uint64_t not_before_boot;
	unsigned failures; /* in a row, for back-off */
	uint64_t day_max;  /* calls of ours a day, 0: not known */
	uint64_t day_used;
	uint64_t day_ends_wall;
};

void pace_init(struct pace *p, unsigned per_window, uint64_t window_usec, unsigned parallel);

/* May a call begin now? Not where the day's share is used up. */
bool pace_may(const struct pace *p, struct now now);
/* When the window, the pauses and the number of calls at once allow the next: boot time; USEC_NEVER
 * where that takes the end of another. */
uint64_t pace_when(const struct pace *p, struct now now);

void pace_begin(struct pace *p, struct now now);
void pace_end(struct pace *p); /* whatever came of it */

/* It worked: back-off ends, and in time one more at once is tried. */
void pace_good(struct pace *p);
/* It failed for now: nothing before @wait_usec (0: not told) and the back-off, of which @random
 * picks the jitter, are over. */
void pace_retry(struct pace *p, uint64_t wait_usec, uint32_t random, struct now now);
/* Too fast or too many: half as many at once, and nothing for @wait_usec. */
void pace_slow_down(struct pace *p, uint64_t wait_usec, struct now now);

/* Ours is @percent of the @max calls of a day that ends at @ends_wall; what was used counts until
 * then. @max 0: not known, no limit. */
void pace_set_day(struct pace *p, uint64_t max, unsigned percent, uint64_t ends_wall);
/* Another day begins, which ends at @ends_wall. */
void pace_next_day(struct pace *p, uint64_t ends_wall);
bool pace_day_over(const struct pace *p, struct now now);
