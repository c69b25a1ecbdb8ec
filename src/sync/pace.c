/* SPDX-License-Identifier: BSD-2-Clause */

/* How fast a vendor may be asked. */

#include "sync/pace.h"

/* After failures that may pass: 2 s, doubled up to 5 min, and up to a quarter more. */
#define RETRY_FIRST (2 * USEC_PER_S)
#define RETRY_MAX   (5 * USEC_PER_MIN)
/* Calls that work before one more at once is tried again. */
#define GROW_AFTER 20

void pace_init(struct pace *p, unsigned per_window, uint64_t window_usec, unsigned parallel)
{
	*p = (struct pace){
		.per_window = per_window < PACE_WINDOW_MAX ? per_window : PACE_WINDOW_MAX,
		.window_usec = window_usec,
		.parallel = parallel,
		.parallel_max = parallel,
	};
}

/* When the window has room again: the oldest of its calls leaves it. */
static uint64_t window_opens(const struct pace *p)
{
	uint64_t oldest;

	if (p->per_window == 0)
		return 0;
	oldest = p->sent_boot[p->at % p->per_window];
	return oldest == 0 ? 0 : usec_add(oldest, p->window_usec);
}

uint64_t pace_when(const struct pace *p, struct now now)
{
	uint64_t when = window_opens(p);

	if (p->flying >= p->parallel)
		return USEC_NEVER;
	if (when < p->not_before_boot)
		when = p->not_before_boot;
	return when > now.boot_usec ? when : now.boot_usec;
}

bool pace_may(const struct pace *p, struct now now)
{
	return pace_when(p, now) <= now.boot_usec && !pace_day_over(p, now);
}

void pace_begin(struct pace *p, struct now now)
{
	if (p->per_window > 0) {
		p->sent_boot[p->at % p->per_window] = now.boot_usec;
		p->at = (p->at + 1) % p->per_window;
	}
	p->flying++;
	p->day_used++;
}

void pace_end(struct pace *p)
{
	if (p->flying > 0)
		p->flying--;
}

void pace_good(struct pace *p)
{
	p->failures = 0;
	if (p->parallel == p->parallel_max) {
		p->successes = 0;
	} else if (++p->successes >= GROW_AFTER) {
		p->successes = 0;
		p->parallel++;
	}
}

static void wait_until(struct pace *p, uint64_t boot_usec)
{
	if (boot_usec > p->not_before_boot)
		p->not_before_boot = boot_usec;
}

void pace_retry(struct pace *p, uint64_t wait_usec, uint32_t random, struct now now)
{
	uint64_t pause = RETRY_FIRST;

	for (unsigned i = 0; i < p->failures && pause < RETRY_MAX; i++)
		pause *= 2;
	if (pause > RETRY_MAX)
		pause = RETRY_MAX;
	pause += pause / 4 * (random % 1024) / 1024;
	p->failures++;
	wait_until(p, usec_add(now.boot_usec, wait_usec > pause ? wait_usec : pause));
}

void pace_slow_down(struct pace *p, uint64_t wait_usec, struct now now)
{
	p->parallel = p->parallel > 1 ? p->parallel / 2 : 1;
	p->successes = 0;
	wait_until(p, usec_add(now.boot_usec, wait_usec));
}

void pace_set_day(struct pace *p, uint64_t max, unsigned percent, uint64_t ends_wall)
{
	p->day_max = max / 100 * percent + max % 100 * percent / 100;
	if (p->day_max == 0 && max > 0)
		p->day_max = 1;
	if (ends_wall != p->day_ends_wall)
		p->day_used = 0;
	p->day_ends_wall = ends_wall;
}

void pace_next_day(struct pace *p, uint64_t ends_wall)
{
	p->day_used = 0;
	p->day_ends_wall = ends_wall;
}

bool pace_day_over(const struct pace *p, struct now now)
{
	return p->day_max > 0 && p->day_used >= p->day_max && now.wall_usec < p->day_ends_wall;
}
