/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* The time as the core is given it: boot time (CLOCK_BOOTTIME, goes on in suspend) for every
 * deadline, wall time (CLOCK_REALTIME) only for what is persisted or shown. Both in microseconds.
 */
struct now {
	uint64_t boot_usec;
	uint64_t wall_usec;
};

#define USEC_PER_S    UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_S)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)
#define USEC_NEVER    UINT64_MAX

/* a + b, USEC_NEVER where that is too much or one of them is never. */
static inline uint64_t usec_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? USEC_NEVER : sum;
}

/* a - b, 0 where b is later; never stays never. */
static inline uint64_t usec_sub(uint64_t a, uint64_t b)
{
	if (a == USEC_NEVER)
		return USEC_NEVER;
	return a > b ? a - b : 0;
}
