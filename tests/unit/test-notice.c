/* SPDX-License-Identifier: BSD-2-Clause */
/* The approval notice, to the letter. */
#include <errno.h>

#include "base/cleanup.h"
#include "test.h"
#include "wire/notice.h"

/* 2026-11-23T21:30:10Z */
#define AT UINT64_C(1795469410000000)

static const struct now at = {.boot_usec = 5, .wall_usec = AT};

static void a_device_approval_is_announced(void)
{
	struct buf b = BUF(1000);

	CHECK_INT(notice_format("salesforce", "https://login.example/device",
			  "https://login.example/device?user_code=WDJB-MJHT", "WDJB-MJHT",
			  AT + 15 * USEC_PER_MIN, at, &b),
		0);
	CHECK_TEXT(buf_text(&b),
		"salesforce: waiting for approval\n"
		"    open    https://login.example/device\n"
		"    enter   WDJB-MJHT\n"
		"    or open https://login.example/device?user_code=WDJB-MJHT\n"
		"    valid until 21:45:10 UTC (15 min)\n");
	buf_done(&b);
}

static void what_is_not_given_is_left_out(void)
{
	struct buf b = BUF(1000);

	CHECK_INT(
		notice_format("a", "https://x.example", NULL, "AB", AT + USEC_PER_MIN, at, &b), 0);
	CHECK_TEXT(buf_text(&b),
		"a: waiting for approval\n"
		"    open    https://x.example\n"
		"    enter   AB\n"
		"    valid until 21:31:10 UTC (60 s)\n");
	buf_done(&b);
	CHECK_INT(notice_format("a", "https://x.example", NULL, "AB", 0, at, &b), 0);
	CHECK_TEXT(buf_text(&b),
		"a: waiting for approval\n"
		"    open    https://x.example\n"
		"    enter   AB\n");
	buf_done(&b);
}

static void an_approval_by_paste_says_how_it_goes_on(void)
{
	struct buf b = BUF(1000);

	CHECK_INT(notice_format("salesforce", "https://login.example/authorize?state=x", NULL, NULL,
			  0, at, &b),
		0);
	CHECK_TEXT(buf_text(&b),
		"salesforce: waiting for approval\n"
		"    open    https://login.example/authorize?state=x\n"
		"    then    grantctl paste salesforce\n");
	buf_done(&b);
}

static void an_approval_that_is_over_says_so(void)
{
	struct buf b = BUF(1000);

	CHECK_INT(notice_format("a", "https://x.example", NULL, "AB", AT, at, &b), 0);
	CHECK_TEXT(buf_text(&b),
		"a: waiting for approval\n"
		"    open    https://x.example\n"
		"    enter   AB\n"
		"    no longer valid\n");
	buf_done(&b);
}

static void text_of_the_provider_cannot_fake_a_line_or_move_the_cursor(void)
{
	struct buf b = BUF(1000);

	CHECK_INT(notice_format(
			  "a", "https://x.example\n    enter   EVIL", NULL, "A\033[2JB", 0, at, &b),
		0);
	CHECK_TEXT(buf_text(&b),
		"a: waiting for approval\n"
		"    open    https://x.example?    enter   EVIL\n"
		"    enter   A?[2JB\n");
	buf_done(&b);
}

static void a_long_address_is_not_cut(void)
{
	char uri[3001];
	struct buf b = BUF(10000);

	for (size_t i = 0; i < sizeof(uri); i++)
		uri[i] = 'x';
	uri[sizeof(uri) - 1] = '\0';
	CHECK_INT(notice_format("a", uri, NULL, NULL, 0, at, &b), 0);
	CHECK_INT(b.len,
		strlen("a: waiting for approval\n    open    \n    then    grantctl paste a\n") +
			strlen(uri));
	buf_done(&b);
}

static void the_cap_is_kept(void)
{
	struct buf b = BUF(30);

	CHECK_INT(notice_format("a", "https://x.example", NULL, NULL, 0, at, &b), -EMSGSIZE);
	buf_done(&b);
}

static void spans_are_told_in_words(void)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{0, "0 s"},
		{499999, "0 s"},
		{500000, "1 s"},
		{89 * USEC_PER_S, "89 s"},
		{90 * USEC_PER_S, "2 min"},
		{15 * USEC_PER_MIN - USEC_PER_S, "15 min"},
		{14 * USEC_PER_MIN + 29 * USEC_PER_S, "14 min"},
		{90 * USEC_PER_MIN, "2 h"},
		{30 * USEC_PER_HOUR, "30 h"},
		{36 * USEC_PER_HOUR, "2 d"},
		{30 * USEC_PER_DAY, "30 d"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char text[NOTICE_SPAN_SIZE];

		notice_format_span(text, sizeof(text), cases[i].usec);
		CHECK_TEXT(text, cases[i].text);
	}
}

static void the_time_of_day_is_utc(void)
{
	char text[NOTICE_CLOCK_SIZE];

	notice_format_clock(text, sizeof(text), AT);
	CHECK_TEXT(text, "21:30:10");
	notice_format_clock(text, sizeof(text), 0);
	CHECK_TEXT(text, "00:00:00");
}

static const struct test tests[] = {
	{"a device approval is announced", a_device_approval_is_announced},
	{"what is not given is left out", what_is_not_given_is_left_out},
	{"an approval by paste says how it goes on", an_approval_by_paste_says_how_it_goes_on},
	{"an approval that is over says so", an_approval_that_is_over_says_so},
	{"text of the provider cannot fake a line or move the cursor",
		text_of_the_provider_cannot_fake_a_line_or_move_the_cursor},
	{"a long address is not cut", a_long_address_is_not_cut},
	{"the cap is kept", the_cap_is_kept},
	{"spans are told in words", spans_are_told_in_words},
	{"the time of day is UTC", the_time_of_day_is_utc},
};

TEST_MAIN(tests)
