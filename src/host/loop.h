/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/now.h"

typedef struct sd_event sd_event; /* systemd/sd-event.h */

/* The event loop, clocks and randomness of the machine. All timers share one CLOCK_BOOTTIME source
 * and a heap: a timer is 32 bytes in its owner, not a source. */
struct loop;

int loop_new(struct loop **
		ret); /* 0, -errno; feeds the watchdog of the service manager when it asks for it */
struct loop *loop_free(struct loop *l);
DEFINE_CLEANUP(struct loop, loop_free)

sd_event *loop_event(struct loop *l); /* borrowed, for host/ only */

/* Both clocks now. */
struct now loop_now(struct loop *l);

/* Fill @len bytes from getrandom(2); aborts where the kernel gives none. */
void loop_random(void *data, size_t len);

typedef void (*loop_handler)(void *userdata);

struct timer {
	loop_handler handler;
	void *userdata;
	uint64_t boot_usec;
	size_t place; /* in the heap, from 1; 0: not set */
};

/* Call @t->handler once at or after @boot_usec, never from within this call, one timer in a turn of
 * the loop; USEC_NEVER clears. Setting again moves it. Returns 0, or -ENOMEM, but never where @t
 * was set before. */
int loop_timer_set(struct loop *l, struct timer *t, uint64_t boot_usec);
void loop_timer_clear(struct loop *l, struct timer *t);

/* Call @handler when the wall clock was set (timerfd TFD_TIMER_CANCEL_ON_SET). One handler. 0,
 * -errno. */
int loop_on_clock_step(struct loop *l, loop_handler handler, void *userdata);

/* Call @handler on @signal (blocked by this call). 0, -errno. */
int loop_on_signal(struct loop *l, int signal, loop_handler handler, void *userdata);

/* Run until loop_exit(). Returns the code given there, or -errno. */
int loop_run(struct loop *l);
void loop_exit(struct loop *l, int code);
