/* SPDX-License-Identifier: BSD-2-Clause */

/* How fast a vendor may be asked. */

#include "sync/pace.h"
#include "test.h"

#define START (1000 * USEC_PER_S)

static struct now at(uint64_t s)
{
	return (struct now){.boot_usec = START + s * USEC_PER_S, .wall_usec = s * USEC_PER_S};
}

static void call(struct pace *p, struct now now)
{
	REQUIRE(pace_may(p, now));
	pace_begin(p, now);
	pace_end(p);
}

static void no_more_in_a_window_than_allowed(void)
{
	struct pace p;

	pace_init(&p, 3, 20 * USEC_PER_S, 5);
	call(&p, at(0));
	call(&p, at(1));
	call(&p, at(2));
	CHECK(!pace_may(&p, at(2)));
	CHECK_INT(pace_when(&p, at(2)), at(20).boot_usec);
	call(&p, at(20));
	CHECK_INT(pace_when(&p, at(20)), at(21).boot_usec);
}

static void no_more_at_once_than_allowed(void)
{
	struct pace p;

	pace_init(&p, 0, 0, 2);
	pace_begin(&p, at(0));
	pace_begin(&p, at(0));
	CHECK(pace_when(&p, at(0)) == USEC_NEVER);
	pace_end(&p);
	CHECK(pace_may(&p, at(0)));
}

static void failures_wait_longer_each_time(void)
{
	struct pace p;

	pace_init(&p, 0, 0, 1);
	pace_retry(&p, 0, 0, at(0));
	CHECK_INT(pace_when(&p, at(0)), at(2).boot_usec);
	pace_retry(&p, 0, 0, at(2));
	CHECK_INT(pace_when(&p, at(2)), at(6).boot_usec);
	for (unsigned i = 0; i < 40; i++)
		pace_retry(&p, 0, 1023, at(6));
	CHECK(pace_when(&p, at(6)) > at(6 + 300).boot_usec);
	CHECK(pace_when(&p, at(6)) <= at(6 + 375).boot_usec);
	pace_good(&p);
	pace_retry(&p, 0, 0, at(1000));
	CHECK_INT(pace_when(&p, at(1000)), at(1002).boot_usec);
}

static void a_wait_that_was_told_is_obeyed(void)
{
	struct pace p;

	pace_init(&p, 0, 0, 1);
	pace_retry(&p, 90 * USEC_PER_S, 0, at(0));
	CHECK_INT(pace_when(&p, at(0)), at(90).boot_usec);
	pace_retry(&p, 0, 0, at(1));
	CHECK_INT(pace_when(&p, at(1)), at(90).boot_usec);
}

static void too_many_halves_and_grows_again_one_by_one(void)
{
	struct pace p;

	pace_init(&p, 0, 0, 5);
	pace_slow_down(&p, 20 * USEC_PER_S, at(0));
	CHECK_INT(p.parallel, 2);
	CHECK_INT(pace_when(&p, at(0)), at(20).boot_usec);
	pace_slow_down(&p, 0, at(30));
	pace_slow_down(&p, 0, at(30));
	CHECK_INT(p.parallel, 1);
	for (unsigned i = 0; i < 19; i++)
		pace_good(&p);
	CHECK_INT(p.parallel, 1);
	pace_good(&p);
	CHECK_INT(p.parallel, 2);
	for (unsigned i = 0; i < 200; i++)
		pace_good(&p);
	CHECK_INT(p.parallel, 5);
}

static void the_share_of_a_day_ends_and_begins_anew(void)
{
	struct pace p;

	pace_init(&p, 0, 0, 5);
	pace_set_day(&p, 50, 20, at(100).wall_usec);
	for (unsigned i = 0; i < 10; i++)
		call(&p, at(1));
	CHECK(pace_day_over(&p, at(1)));
	CHECK(!pace_may(&p, at(99)));
	pace_set_day(&p, 50, 20, at(100).wall_usec);
	CHECK(pace_day_over(&p, at(1)));
	CHECK(pace_may(&p, at(100)));
	pace_set_day(&p, 50, 20, at(200).wall_usec);
	CHECK(!pace_day_over(&p, at(101)));
}

static void a_small_share_still_is_one_call(void)
{
	struct pace p;

	pace_init(&p, 0, 0, 5);
	pace_set_day(&p, 3, 10, at(100).wall_usec);
	call(&p, at(1));
	CHECK(!pace_may(&p, at(2)));
}

static void a_day_that_is_not_known_has_no_end(void)
{
	struct pace p;

	pace_init(&p, 0, 0, 5);
	for (unsigned i = 0; i < 1000; i++)
		call(&p, at(1));
	CHECK(!pace_day_over(&p, at(1)));
}

static const struct test tests[] = {
	{"no more calls in a window than allowed", no_more_in_a_window_than_allowed},
	{"no more calls at once than allowed", no_more_at_once_than_allowed},
	{"after failures the pause doubles, up to five minutes and a quarter",
		failures_wait_longer_each_time},
	{"a wait that was told is obeyed", a_wait_that_was_told_is_obeyed},
	{"too many at once: half as many, which grows again one by one",
		too_many_halves_and_grows_again_one_by_one},
	{"the share of a day ends, and begins anew with the next",
		the_share_of_a_day_ends_and_begins_anew},
	{"a share of less than one call is one", a_small_share_still_is_one_call},
	{"without a known allowance there is no end", a_day_that_is_not_known_has_no_end},
};

TEST_MAIN(tests)
