/* SPDX-License-Identifier: BSD-2-Clause */

/* The loop on real clocks. A step of the wall clock can't be had in a test without setting the
 * clock of the machine, so loop.c is compiled in with the two calls replaced that would tell it. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "../unit/test.h"
#include "base/mem.h"

static struct {
	bool on;
	int flags; /* of timerfd_settime */
} stepped;

static int test_timerfd_create(int clock, int flags)
{
	return stepped.on ? eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK) : timerfd_create(clock, flags);
}

static int test_timerfd_settime(
	int fd, int flags, const struct itimerspec *to, struct itimerspec *ret_old)
{
	stepped.flags = flags;
	return stepped.on ? 0 : timerfd_settime(fd, flags, to, ret_old);
}

static ssize_t test_read(int fd, void *data, size_t size)
{
	ssize_t n = read(fd, data, size);

	if (stepped.on && n >= 0) {
		errno = ECANCELED;
		return -1;
	}
	return n;
}

#define timerfd_create  test_timerfd_create
#define timerfd_settime test_timerfd_settime
#define read            test_read
#include "host/loop.c"
#undef timerfd_create
#undef timerfd_settime
#undef read

#define MANY  10000
#define A_FEW 300

/* What the handlers below write to. */
static struct {
	struct loop *loop;
	unsigned calls;
	unsigned early;
	unsigned out_of_order;
	uint64_t last_usec;
	struct timer *other;
} seen;

static void begin(void)
{
	memset(&seen, 0, sizeof(seen));
	REQUIRE(loop_new(&seen.loop) == 0);
}

static void end(void)
{
	seen.loop = loop_free(seen.loop);
}

static uint64_t boot(void)
{
	return loop_now(seen.loop).boot_usec;
}

static void leave(void *userdata)
{
	(void)userdata;
	loop_exit(seen.loop, 7);
}

static struct timer leaving(void)
{
	return (struct timer){.handler = leave};
}

/* Run until @usec from now. */
static void run_for(uint64_t usec)
{
	struct timer last = leaving();

	REQUIRE(loop_timer_set(seen.loop, &last, boot() + usec) == 0);
	CHECK_INT(loop_run(seen.loop), 7);
}

static void count(void *userdata)
{
	struct timer *t = userdata;

	seen.calls++;
	seen.early += boot() < t->boot_usec;
	seen.out_of_order += t->boot_usec < seen.last_usec;
	seen.last_usec = t->boot_usec;
	if (t->place != 0)
		TEST_FAIL("a timer that was called is still set");
}

static struct timer counting(struct timer *t)
{
	return (struct timer){.handler = count, .userdata = t};
}

/* Numbers in an order that has nothing to do with their size. */
static uint64_t scatter(size_t i, uint64_t below)
{
	return (i * UINT64_C(7919) + 13) % below;
}

static void timers_run_in_order(void)
{
	static struct timer timers[MANY];
	uint64_t start;

	begin();
	start = boot();
	for (size_t i = 0; i < MANY; i++) {
		timers[i] = counting(&timers[i]);
		REQUIRE(loop_timer_set(seen.loop, &timers[i], start + scatter(i, MANY)) == 0);
	}
	for (size_t i = 0; i < MANY; i += 2) /* moved */
		REQUIRE(loop_timer_set(seen.loop, &timers[i], start + scatter(i + 5, MANY)) == 0);
	for (size_t i = 0; i < MANY; i += 5)
		loop_timer_clear(seen.loop, &timers[i]);
	run_for(20000);
	CHECK_INT(seen.calls, MANY - MANY / 5);
	CHECK_INT(seen.out_of_order, 0);
	CHECK_INT(seen.early, 0);
	end();
}

static void timers_are_never_early(void)
{
	static struct timer timers[A_FEW];

	begin();
	for (size_t i = 0; i < A_FEW; i++) {
		timers[i] = counting(&timers[i]);
		REQUIRE(loop_timer_set(seen.loop, &timers[i], boot() + 50 + i * 100) == 0);
	}
	run_for(50 + A_FEW * 100);
	CHECK_INT(seen.calls, A_FEW);
	CHECK_INT(seen.early, 0);
	end();
}

static void a_past_timer_waits_for_the_loop(void)
{
	struct timer t = counting(&t);

	begin();
	CHECK_INT(loop_timer_set(seen.loop, &t, 0), 0);
	CHECK_INT(seen.calls, 0);
	run_for(0);
	CHECK_INT(seen.calls, 1);
	end();
}

static void setting_again_moves(void)
{
	struct timer sooner = counting(&sooner), later = counting(&later);

	begin();
	CHECK_INT(loop_timer_set(seen.loop, &sooner, boot() + USEC_PER_HOUR), 0);
	CHECK_INT(loop_timer_set(seen.loop, &later, boot()), 0);
	CHECK_INT(loop_timer_set(seen.loop, &sooner, boot()), 0);
	CHECK_INT(loop_timer_set(seen.loop, &later, boot() + USEC_PER_HOUR), 0);
	run_for(2000);
	CHECK_INT(seen.calls, 1);
	CHECK_INT(sooner.place, 0);
	CHECK(later.place != 0);
	end();
}

static void never_clears(void)
{
	struct timer t = counting(&t);

	begin();
	CHECK_INT(loop_timer_set(seen.loop, &t, boot()), 0);
	CHECK_INT(loop_timer_set(seen.loop, &t, USEC_NEVER), 0);
	CHECK_INT(loop_timer_set(seen.loop, &t, USEC_NEVER), 0);
	loop_timer_clear(seen.loop, &t);
	run_for(1000);
	CHECK_INT(seen.calls, 0);
	end();
}

static void count_and_clear_other(void *userdata)
{
	(void)userdata;
	seen.calls++;
	loop_timer_clear(seen.loop, seen.other);
}

static void a_handler_may_clear_another(void)
{
	struct timer first = {.handler = count_and_clear_other}, second = counting(&second);

	begin();
	seen.other = &second;
	CHECK_INT(loop_timer_set(seen.loop, &first, 1), 0);
	CHECK_INT(loop_timer_set(seen.loop, &second, 2), 0); /* due in the same turn */
	run_for(1000);
	CHECK_INT(seen.calls, 1);
	end();
}

static void count_and_set_again(void *userdata)
{
	struct timer *t = userdata;

	if (++seen.calls < 3)
		REQUIRE(loop_timer_set(seen.loop, t, t->boot_usec + 1000) == 0);
	else
		loop_exit(seen.loop, 3);
}

static void a_handler_may_set_itself(void)
{
	struct timer t = {.handler = count_and_set_again, .userdata = &t};
	uint64_t start;

	begin();
	start = boot();
	CHECK_INT(loop_timer_set(seen.loop, &t, start), 0);
	CHECK_INT(loop_run(seen.loop), 3);
	CHECK_INT(seen.calls, 3);
	CHECK(boot() >= start + 2000);
	end();
}

static void set_to_the_past(void *userdata)
{
	seen.calls++;
	REQUIRE(loop_timer_set(seen.loop, userdata, 0) == 0);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	(void)userdata;
	if (seen.calls > 0)
		loop_exit(seen.loop, 4);
	return 0;
}

static void a_hot_timer_leaves_turns(void)
{
	struct timer hot = {.handler = set_to_the_past, .userdata = &hot};
	int fd = eventfd(1, EFD_CLOEXEC);
	sd_event_source *other;

	begin();
	REQUIRE(fd >= 0);
	CHECK_INT(loop_timer_set(seen.loop, &hot, 0), 0);
	CHECK_INT(
		sd_event_add_io(loop_event(seen.loop), &other, fd, EPOLLIN, on_readable, NULL), 0);
	CHECK_INT(loop_run(seen.loop), 4);
	CHECK(seen.calls <= 2);
	sd_event_source_unref(other);
	close(fd);
	end();
}

static void many_due_timers_leave_turns(void)
{
	static struct timer timers[A_FEW];
	int fd = eventfd(1, EFD_CLOEXEC);
	sd_event_source *other;

	begin();
	REQUIRE(fd >= 0);
	for (size_t i = 0; i < A_FEW; i++) {
		timers[i] = counting(&timers[i]);
		REQUIRE(loop_timer_set(seen.loop, &timers[i], i) == 0);
	}
	CHECK_INT(
		sd_event_add_io(loop_event(seen.loop), &other, fd, EPOLLIN, on_readable, NULL), 0);
	CHECK_INT(loop_run(seen.loop), 4);
	CHECK(seen.calls <= 2);
	sd_event_source_unref(other);
	close(fd);
	end();
}

static bool refuse(size_t size)
{
	(void)size;
	return true;
}

static void short_memory_is_told(void)
{
	struct timer t = counting(&t);
	struct loop *none = NULL;

	begin();
	mem_set_failure(refuse);
	CHECK_INT(loop_timer_set(seen.loop, &t, 0), -ENOMEM);
	CHECK_INT(loop_on_signal(seen.loop, SIGUSR1, leave, NULL), -ENOMEM);
	CHECK_INT(loop_on_clock_step(seen.loop, leave, NULL), -ENOMEM);
	CHECK_INT(loop_new(&none), -ENOMEM);
	mem_set_failure(NULL);
	CHECK(!none);
	CHECK_INT(t.place, 0);
	run_for(1000);
	CHECK_INT(seen.calls, 0);
	end();
}

static void count_signal(void *userdata)
{
	++*(unsigned *)userdata;
	loop_exit(seen.loop, 5);
}

static void signals_arrive(void)
{
	unsigned usr1 = 0, usr2 = 0;

	begin();
	CHECK_INT(loop_on_signal(seen.loop, SIGUSR1, count_signal, &usr1), 0);
	CHECK_INT(loop_on_signal(seen.loop, SIGUSR2, count_signal, &usr2), 0);
	CHECK_INT(raise(SIGUSR2), 0); /* would end the process if it were not blocked */
	CHECK_INT(loop_run(seen.loop), 5);
	CHECK_INT(usr1, 0);
	CHECK_INT(usr2, 1);
	end();
}

static void a_clock_step_is_told(void)
{
	begin();
	stepped.on = true;
	CHECK_INT(loop_on_clock_step(seen.loop, leave, NULL), 0);
	CHECK_INT(loop_run(seen.loop), 7);
	CHECK_INT(stepped.flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	stepped.on = false;
	end();
}

static void fail_step(void *userdata)
{
	(void)userdata;
	TEST_FAIL("told of a clock step that was none");
}

static void no_clock_step_is_not_told(void)
{
	begin();
	CHECK_INT(loop_on_clock_step(seen.loop, fail_step, NULL), 0);
	run_for(2000);
	end();
}

static int on_notification(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	char text[64] = "";

	(void)source;
	(void)events;
	(void)userdata;
	CHECK(recv(fd, text, sizeof(text) - 1, 0) > 0);
	CHECK_TEXT(text, "WATCHDOG=1");
	loop_exit(seen.loop, 6);
	return 0;
}

/* An abstract socket, so that nothing is left behind. */
static int notify_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[64];
	int n;

	REQUIRE(fd >= 0);
	n = snprintf(name, sizeof(name), "@grantd-test-loop-%d", (int)getpid());
	memcpy(address.sun_path, name, (size_t)n);
	address.sun_path[0] = '\0';
	REQUIRE(bind(fd, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)) == 0);
	REQUIRE(setenv("NOTIFY_SOCKET", name, 1) == 0);
	return fd;
}

static void the_watchdog_is_fed(void)
{
	sd_event_source *source;
	int fd = notify_socket();

	REQUIRE(setenv("WATCHDOG_USEC", "20000", 1) == 0);
	begin();
	CHECK_INT(
		sd_event_add_io(loop_event(seen.loop), &source, fd, EPOLLIN, on_notification, NULL),
		0);
	CHECK_INT(loop_run(seen.loop), 6);
	sd_event_source_unref(source);
	end();
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

static void now_is_both_clocks(void)
{
	struct timespec before, after;
	struct now now;

	begin();
	REQUIRE(clock_gettime(CLOCK_BOOTTIME, &before) == 0);
	now = loop_now(seen.loop);
	REQUIRE(clock_gettime(CLOCK_BOOTTIME, &after) == 0);
	CHECK(now.boot_usec / USEC_PER_S >= (uint64_t)before.tv_sec);
	CHECK(now.boot_usec / USEC_PER_S <= (uint64_t)after.tv_sec);
	CHECK(now.wall_usec / USEC_PER_S >= UINT64_C(1700000000)); /* 2023 */
	CHECK(now.wall_usec / USEC_PER_S <= (uint64_t)time(NULL) + 1);
	end();
}

static void random_bytes_fill_all(void)
{
	static uint8_t a[1000], b[1000];
	size_t same = 0;

	loop_random(a, 999);
	loop_random(b, sizeof(b));
	for (size_t i = 0; i < 999; i++)
		same += a[i] == b[i];
	CHECK(same < 50); /* 4 on average */
	CHECK_INT(a[999], 0);
	loop_random(a, 0);
}

static const struct test tests[] = {
	{"timers run in the order of their times, however they were set, moved and cleared",
		timers_run_in_order},
	{"no timer is called before its time", timers_are_never_early},
	{"a timer set to the past is called by the loop, not by setting it",
		a_past_timer_waits_for_the_loop},
	{"setting a timer again moves it, sooner and later", setting_again_moves},
	{"a timer set to never is cleared", never_clears},
	{"a handler may clear a timer that is due as well", a_handler_may_clear_another},
	{"a handler may set its own timer again", a_handler_may_set_itself},
	{"a timer that sets itself to the past again and again leaves turns to others",
		a_hot_timer_leaves_turns},
	{"many timers that are due leave turns to others", many_due_timers_leave_turns},
	{"short memory is told, and nothing is half set", short_memory_is_told},
	{"each signal reaches its own handler", signals_arrive},
	{"a step of the wall clock is told", a_clock_step_is_told},
	{"without a step of the wall clock nothing is told", no_clock_step_is_not_told},
	{"the watchdog of the service manager is fed", the_watchdog_is_fed},
	{"now is boot time and wall time", now_is_both_clocks},
	{"random bytes fill what was asked for and no more", random_bytes_fill_all},
};

int main(void)
{
	(void)alarm(60); /* a loop that never ends fails the test */
	return test_main(tests, ELEMENTS(tests));
}
