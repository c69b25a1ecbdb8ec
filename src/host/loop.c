/* SPDX-License-Identifier: BSD-2-Clause */

/* The event loop, the clocks and the randomness of the machine, on sd-event(3). All timers are one
 * time source and a binary heap: a time source per grant would cost 336 bytes and 24 µs against 8
 * bytes and 0.1 µs. */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "base/mem.h"
#include "host/loop.h"

#define LOOP_FIRST_ROOM 16 /* timers; doubled as more come */

struct loop {
	sd_event *event;
	sd_event_source *alarm; /* set to the earliest timer */
	struct timer **heap;    /* heap[0] is the earliest, heap[i] has the place i + 1 */
	size_t n_timers;
	size_t room;
};

/* One who waits for a signal or a clock step; freed with its source. */
struct watch {
	loop_handler handler;
	void *userdata;
};

static uint64_t clock_usec(clockid_t clock)
{
	struct timespec t;
	int r;

	r = clock_gettime(clock, &t);
	assert(r == 0); /* both clocks are always there */
	return (uint64_t)t.tv_sec * USEC_PER_S + (uint64_t)t.tv_nsec / 1000;
}

struct now loop_now(struct loop *l)
{
	(void)l; /* a loop of virtual time answers from its state */
	return (struct now){
		.boot_usec = clock_usec(CLOCK_BOOTTIME),
		.wall_usec = clock_usec(CLOCK_REALTIME),
	};
}

void loop_random(void *data, size_t len)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort(); /* nothing secret may be made of guessable bytes */
		p += n;
		len -= (size_t)n;
	}
}

/* Let the one time source follow the earliest timer. Both calls fail only when the loop has ended,
 * and then no timer runs any more. */
static void loop_arm(struct loop *l)
{
	if (l->n_timers == 0) {
		(void)sd_event_source_set_enabled(l->alarm, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(l->alarm, l->heap[0]->boot_usec);
	(void)sd_event_source_set_enabled(l->alarm, SD_EVENT_ONESHOT);
}

static void heap_put(struct loop *l, size_t place, struct timer *t)
{
	l->heap[place - 1] = t;
	t->place = place;
}

static void heap_up(struct loop *l, struct timer *t)
{
	size_t place = t->place;

	while (place > 1) {
		struct timer *parent = l->heap[place / 2 - 1];

		if (parent->boot_usec <= t->boot_usec)
			break;
		heap_put(l, place, parent);
		place /= 2;
	}
	heap_put(l, place, t);
}

static void heap_down(struct loop *l, struct timer *t)
{
	size_t place = t->place;

	while (place <= l->n_timers / 2) {
		size_t child = place * 2;

		if (child < l->n_timers &&
			l->heap[child]->boot_usec < l->heap[child - 1]->boot_usec)
			child++;
		if (t->boot_usec <= l->heap[child - 1]->boot_usec)
			break;
		heap_put(l, place, l->heap[child - 1]);
		place = child;
	}
	heap_put(l, place, t);
}

static void heap_remove(struct loop *l, struct timer *t)
{
	struct timer *last = l->heap[--l->n_timers];

	if (last != t) {
		heap_put(l, t->place, last);
		heap_up(l, last);
		heap_down(l, last);
	}
	t->place = 0;
}

static int heap_reserve(struct loop *l)
{
	size_t room = l->room ? l->room * 2 : LOOP_FIRST_ROOM;
	struct timer **heap;

	if (l->n_timers < l->room)
		return 0;
	heap = mem_resize(l->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	l->heap = heap;
	l->room = room;
	return 0;
}

int loop_timer_set(struct loop *l, struct timer *t, uint64_t boot_usec)
{
	int r;

	if (boot_usec == USEC_NEVER) {
		loop_timer_clear(l, t);
		return 0;
	}
	if (t->place == 0) {
		r = heap_reserve(l);
		if (r < 0)
			return r;
		t->place = ++l->n_timers;
	}
	t->boot_usec = boot_usec;
	heap_up(l, t);
	heap_down(l, t);
	loop_arm(l);
	return 0;
}

void loop_timer_clear(struct loop *l, struct timer *t)
{
	if (t->place == 0)
		return;
	heap_remove(l, t);
	loop_arm(l);
}

/* One timer a turn, so that many that are due, or one that sets itself to the past again and again,
 * do not shut the other sources out. (A defer source would: while one is enabled, sd-event does not
 * poll.) */
static int on_alarm(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct loop *l = userdata;
	struct timer *t = l->heap[0]; /* there is one while the alarm is on */

	(void)source;
	(void)usec;
	if (t->boot_usec <= clock_usec(CLOCK_BOOTTIME))
		heap_remove(l, t);
	loop_arm(l);
	if (t->place == 0)
		t->handler(t->userdata);
	return 0;
}

static int loop_prepare(struct loop *l)
{
	int r;

	r = sd_event_new(&l->event);
	if (r < 0)
		return r;
	r = sd_event_set_watchdog(l->event, true);
	if (r < 0)
		return r;
	/* an accuracy of 0 would mean 250 ms */
	r = sd_event_add_time(l->event, &l->alarm, CLOCK_BOOTTIME, 0, 1, on_alarm, l);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(l->alarm, SD_EVENT_OFF);
}

int loop_new(struct loop **ret)
{
	_cleanup_(loop_freep) struct loop *l = mem_alloc(sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	r = loop_prepare(l);
	if (r < 0)
		return r;
	*ret = steal(l);
	return 0;
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	sd_event_source_disable_unref(l->alarm);
	sd_event_unref(l->event);
	mem_free(l->heap);
	return mem_free(l);
}

sd_event *loop_event(struct loop *l)
{
	return l->event;
}

static struct watch *watch_new(loop_handler handler, void *userdata)
{
	struct watch *w = mem_alloc(sizeof(*w));

	if (w)
		*w = (struct watch){.handler = handler, .userdata = userdata};
	return w;
}

/* Let the loop own @source, and the source own its watch. None of these can fail. */
static void watch_attach(sd_event_source *source)
{
	(void)sd_event_source_set_destroy_callback(source, mem_release);
	(void)sd_event_source_set_floating(source, true);
	sd_event_source_unref(source);
}

static int on_clock_step(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct watch *w = userdata;
	uint64_t expirations;

	(void)source;
	(void)events;
	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno == ECANCELED)
		w->handler(w->userdata);
	return 0;
}

/* A timer that never ends but is cancelled, and so made readable, by each step of the wall clock.
 * Returns the fd, -errno. */
static int clock_step_fd(void)
{
	const struct itimerspec never = {.it_value.tv_sec = LONG_MAX}; /* the kernel saturates */
	int fd, r;

	fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int clock_step_watch(struct loop *l, int fd, struct watch *w)
{
	sd_event_source *source;
	int r;

	r = sd_event_add_io(l->event, &source, fd, EPOLLIN, on_clock_step, w);
	if (r < 0)
		return r;
	(void)sd_event_source_set_io_fd_own(source, true); /* can't fail */
	watch_attach(source);
	return 0;
}

int loop_on_clock_step(struct loop *l, loop_handler handler, void *userdata)
{
	struct watch *w;
	int fd, r;

	fd = clock_step_fd();
	if (fd < 0)
		return fd;
	w = watch_new(handler, userdata);
	r = w ? clock_step_watch(l, fd, w) : -ENOMEM;
	if (r < 0) {
		close(fd);
		mem_free(w);
	}
	return r;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct watch *w = userdata;

	(void)source;
	(void)info;
	w->handler(w->userdata);
	return 0;
}

int loop_on_signal(struct loop *l, int signal, loop_handler handler, void *userdata)
{
	sd_event_source *source;
	struct watch *w;
	sigset_t set;
	int r;

	(void)sigemptyset(&set); /* can't fail */
	if (sigaddset(&set, signal) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	w = watch_new(handler, userdata);
	if (!w)
		return -ENOMEM;
	r = sd_event_add_signal(l->event, &source, signal, on_signal, w);
	if (r < 0) {
		mem_free(w);
		return r;
	}
	watch_attach(source);
	return 0;
}

int loop_run(struct loop *l)
{
	return sd_event_loop(l->event);
}

void loop_exit(struct loop *l, int code)
{
	(void)sd_event_exit(l->event, code); /* fails only when the loop has ended */
}
