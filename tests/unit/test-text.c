/* SPDX-License-Identifier: BSD-2-Clause */

/* Strict parsers and printers. Points in time were computed by hand or stand in the RFCs. */

#include <errno.h>

#include "base/cleanup.h"
#include "base/now.h"
#include "base/text.h"
#include "test.h"

static void texts_are_compared(void)
{
	CHECK(text_equal("a", "a") && !text_equal("a", "A") && !text_equal("a", "ab"));
	CHECK(text_equal(NULL, NULL) && !text_equal(NULL, "") && !text_equal("", NULL));
	CHECK(text_equal_nocase("No-Cache", "nO-cACHE") && text_equal_nocase("", ""));
	CHECK(!text_equal_nocase("ab", "a") && !text_equal_nocase("a", "ab"));
	CHECK(!text_equal_nocase("@[", "`{")); /* beside the letters */
	CHECK(text_equal_nocase(NULL, NULL) && !text_equal_nocase(NULL, ""));
	CHECK(text_starts("https://x", "https://") && text_starts("x", "") &&
		!text_starts("h", "ht"));
}

static void utf8_is_told_from_other_bytes(void)
{
	static const char *const good[] = {"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf",
		"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {
		"\x80",             /* nothing led to it */
		"\xbf",             /* the same */
		"\xc2",             /* cut */
		"a\xe2\x82",        /* cut */
		"\xf0\x90\x80",     /* cut */
		"\xc2z",            /* cut by another */
		"\xc0\x80",         /* overlong NUL */
		"\xc1\xbf",         /* overlong */
		"\xe0\x9f\xbf",     /* overlong */
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80",     /* surrogate */
		"\xed\xbf\xbf",     /* surrogate */
		"\xf4\x90\x80\x80", /* past U+10FFFF */
		"\xf8\x88\x80\x80", /* five bytes once */
		"\xff",
	};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		CHECK(text_is_utf8(good[i], strlen(good[i])));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK(!text_is_utf8(bad[i], strlen(bad[i])));
	CHECK(!text_is_utf8("a\0b", 3));
	CHECK(!text_is_utf8("\xe2\x82\xac", 2));
}

static void characters_are_read_one_by_one(void)
{
	uint32_t code = 7;

	CHECK_INT(text_character("\xe2\x82\xac!", 4, &code), 3);
	CHECK_INT(code, 0x20ac);
	CHECK_INT(text_character("\xf0\x9f\x98\x80", 4, &code), 4);
	CHECK_INT(code, 0x1f600);
	CHECK_INT(text_character("z", 1, &code), 1);
	CHECK_INT(code, 'z');
	CHECK_INT(text_character("z", 0, &code), 0);
	CHECK_INT(text_character("\0", 1, &code), 0);
	CHECK_INT(code, 'z');
}

static void cleaned_text_is_fit_to_be_shown(void)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"plain ASCII, ünïcödé €", "plain ASCII, ünïcödé €"},
		{"a\tb\nc\rd\x1b[31m", "a?b?c?d?[31m"},
		{"\x01\x1f\x7f ", "??? "},
		{"\xc2\x80\xc2\x9f\xc2\xa0", "??\xc2\xa0"},           /* C1, and a no-break space */
		{"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7", "??‧"},      /* U+2028, 2029; 2027 stays */
		{"\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf", "??\u202f"}, /* U+202A, 202E; 202F stays */
		{"\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xa5", "??\xe2\x81\xa5"}, /* isolates */
		{"\xff\xfe", "??"},
		{"\xe2\x82", "??"},
		{"\xe2\x82z", "??z"},
		{"\xed\xa0\x80", "???"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	};
	char to[64];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		text_clean(to, sizeof(to), cases[i].from, strlen(cases[i].from));
		CHECK_TEXT(to, cases[i].to);
	}
	text_clean(to, sizeof(to), "a\0b", 3);
	CHECK_TEXT(to, "a?b");
	text_clean(to, sizeof(to), "abcdef", 2);
	CHECK_TEXT(to, "ab");
}

static void cleaned_text_is_cut_at_a_character(void)
{
	char to[8];

	text_clean(to, 5, "abcdef", 6);
	CHECK_TEXT(to, "abcd");
	text_clean(to, 5, "ab€f", 6);
	CHECK_TEXT(to, "ab");
	text_clean(to, 6, "ab€f", 6);
	CHECK_TEXT(to, "ab€");
	text_clean(to, 1, "a", 1);
	CHECK_TEXT(to, "");
	to[0] = 'x';
	text_clean(to, 0, "a", 1);
	CHECK_INT(to[0], 'x');
}

static void whole_numbers_are_read_strictly(void)
{
	static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "-0", "0x10", "1e3", "1.0",
		"12a", "99999999999999999999x"};
	uint64_t value = 77;

	CHECK_INT(text_parse_u64("0", &value), 0);
	CHECK_INT(value, 0);
	CHECK_INT(text_parse_u64("0012", &value), 0);
	CHECK_INT(value, 12);
	CHECK_INT(text_parse_u64("18446744073709551615", &value), 0);
	CHECK(value == UINT64_MAX);
	value = 77;
	CHECK_INT(text_parse_u64("18446744073709551616", &value), -ERANGE);
	CHECK_INT(text_parse_u64("100000000000000000000", &value), -ERANGE);
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK_INT(text_parse_u64(bad[i], &value), -EINVAL);
	CHECK_INT(value, 77);
}

static void durations_are_read(void)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} cases[] = {{"0s", 0}, {"90s", 90}, {"5m", 300}, {"2h", 7200}, {"30d", 2592000},
		{"1h30m", 5400}, {"1d2h3m4s", 93784}, {"1d1s", 86401}, {"090s", 90}};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		uint64_t usec = 77;

		CHECK_INT(text_parse_duration(cases[i].text, &usec), 0);
		CHECK_INT(usec, cases[i].seconds * USEC_PER_S);
	}
}

static void what_is_no_duration_is_refused(void)
{
	static const char *const bad[] = {"", "0", "90", "s", "5 m", " 5m", "5m ", "-5m", "+5m",
		"1.5h", "5M", "5min", "1w", "30m1h", "1h1h", "1h30", "1h30m30", "5mm"};
	static const char *const over[] = {
		"18446744073710s", "213503983d", "99999999999999999999d", "213503982d9h"};
	uint64_t usec = 77;

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK_INT(text_parse_duration(bad[i], &usec), -EINVAL);
	for (size_t i = 0; i < ELEMENTS(over); i++)
		CHECK_INT(text_parse_duration(over[i], &usec), -ERANGE);
	CHECK_INT(usec, 77);
	CHECK_INT(text_parse_duration("18446744073709s", &usec), 0);
}

static void durations_are_shown_in_their_largest_unit(void)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{999999, "0s"},
		{1 * USEC_PER_S, "1s"},
		{90 * USEC_PER_S, "90s"},
		{300 * USEC_PER_S + 5, "5m"},
		{90 * USEC_PER_MIN, "90m"},
		{2 * USEC_PER_HOUR, "2h"},
		{25 * USEC_PER_HOUR, "25h"},
		{30 * USEC_PER_DAY, "30d"},
		{UINT64_MAX, "18446744073709s"},
	};
	char to[32];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		text_format_duration(to, sizeof(to), cases[i].usec);
		CHECK_TEXT(to, cases[i].text);
	}
}

static const struct {
	const char *text;
	uint64_t seconds;
} times[] = {
	{"1970-01-01T00:00:00Z", 0},
	{"1970-12-31T23:59:59Z", 31535999},
	{"1972-03-01T00:00:00Z", 68256000},
	{"1994-11-06T08:49:37Z", 784111777},
	{"2000-02-29T00:00:00Z", 951782400},
	{"2026-11-23T21:30:10Z", 1795469410},
	{"2038-01-19T03:14:08Z", UINT64_C(2147483648)},
	{"2100-03-01T00:00:00Z", UINT64_C(4107542400)},
	{"9999-12-31T23:59:59Z", UINT64_C(253402300799)},
};

static void times_go_both_ways(void)
{
	for (size_t i = 0; i < ELEMENTS(times); i++) {
		char to[TEXT_TIME_SIZE];
		uint64_t usec = 77;

		text_format_time(to, sizeof(to), times[i].seconds * USEC_PER_S + 999999);
		CHECK_TEXT(to, times[i].text);
		CHECK_INT(text_parse_time(times[i].text, &usec), 0);
		CHECK_INT(usec, times[i].seconds * USEC_PER_S);
	}
}

static void every_day_follows_the_day_before(void)
{
	char to[TEXT_TIME_SIZE], last[TEXT_TIME_SIZE] = "";

	for (uint64_t day = 0; day < 150000; day++) {
		uint64_t usec = 77;

		text_format_time(to, sizeof(to), day * USEC_PER_DAY);
		REQUIRE(strcmp(to, last) > 0);
		REQUIRE(text_parse_time(to, &usec) == 0);
		REQUIRE(usec == day * USEC_PER_DAY);
		memcpy(last, to, sizeof(to));
	}
}

static void late_times_are_clamped(void)
{
	char to[TEXT_TIME_SIZE];

	text_format_time(to, sizeof(to), UINT64_MAX);
	CHECK_TEXT(to, "9999-12-31T23:59:59Z");
	text_format_time(to, sizeof(to), UINT64_C(253402300800) * USEC_PER_S);
	CHECK_TEXT(to, "9999-12-31T23:59:59Z");
}

static void what_is_no_time_is_refused(void)
{
	static const char *const bad[] = {"", "2026-11-23", "2026-11-23 21:30:10Z",
		"2026-11-23T21:30:10", "2026-11-23T21:30:10+00:00", "2026-11-23T21:30:10.5Z",
		"2026-11-23T21:30:10Z ", " 2026-11-23T21:30:10Z", "2026-11-23t21:30:10z",
		"2026-00-23T21:30:10Z", "2026-13-23T21:30:10Z", "2026-11-00T21:30:10Z",
		"2026-11-31T21:30:10Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"2026-11-23T24:00:00Z", "2026-11-23T21:60:10Z", "2026-11-23T21:30:61Z",
		"1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "+026-11-23T21:30:10Z",
		"2026-11-2 T21:30:10Z", "2026-11"};
	uint64_t usec = 77;

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK_INT(text_parse_time(bad[i], &usec), -EINVAL);
	CHECK_INT(usec, 77);
}

static void http_dates_are_read_in_three_forms(void)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} cases[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, /* RFC 9110 §5.6.7 */
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
		{"Sun Nov  6 08:49:37 1994", 784111777},
		{"Mon, 23 Nov 2026 21:30:10 GMT", 1795469410},
		{"Monday, 23-Nov-26 21:30:10 GMT", 1795469410},
		{"Mon Nov 23 21:30:10 2026", 1795469410}, {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Thursday, 01-Jan-70 00:00:00 GMT", 0},
		{"Thu, 31 Dec 1998 23:59:60 GMT", 915148800}, /* a leap second */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		uint64_t usec = 77;

		CHECK_INT(text_parse_http_date(cases[i].text, &usec), 0);
		CHECK_INT(usec, cases[i].seconds * USEC_PER_S);
	}
}

static void what_is_no_http_date_is_refused(void)
{
	static const char *const bad[] = {"", "120", "Sun", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"sun, 06 nov 1994 08:49:37 gmt", "Xyz, 06 Nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nvo 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
		"Sun Nov  6 08:49:37 1994 GMT", "Wed, 31 Dec 1969 23:59:59 GMT"};
	uint64_t usec = 77;

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK_INT(text_parse_http_date(bad[i], &usec), -EINVAL);
	CHECK_INT(usec, 77);
}

/* Without padding the two alphabets agree on these (RFC 4648 §10). */
static const struct {
	const char *plain, *base64, *base64url;
} codes[] = {
	{"", "", ""},
	{"f", "Zg==", "Zg"},
	{"fo", "Zm8=", "Zm8"},
	{"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg==", "Zm9vYg"},
	{"fooba", "Zm9vYmE=", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	{"\xfb\xff", "+/8=", "-_8"},
};

static void base64_is_written_and_read(void)
{
	for (size_t i = 0; i < ELEMENTS(codes); i++) {
		struct buf plain = BUF(100), base64 = BUF(100), base64url = BUF(100);
		const size_t len = strlen(codes[i].plain);

		CHECK_INT(text_add_base64(&base64, codes[i].plain, len), 0);
		CHECK_TEXT(buf_text(&base64), codes[i].base64);
		CHECK_INT(text_add_base64url(&base64url, codes[i].plain, len), 0);
		CHECK_TEXT(buf_text(&base64url), codes[i].base64url);
		CHECK_INT(text_decode_base64url(
				  &plain, codes[i].base64url, strlen(codes[i].base64url)),
			0);
		CHECK_TEXT(buf_text(&plain), codes[i].plain);
		CHECK_INT(plain.len, len);
		buf_done(&plain);
		buf_done(&base64);
		buf_done(&base64url);
	}
}

static void the_verifier_of_the_rfc_is_written(void)
{
	/* RFC 7636 appendix B */
	static const uint8_t octets[] = {116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125,
		216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132,
		141, 121};
	static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	struct buf text = BUF(100), back = BUF(100);

	CHECK_INT(text_add_base64url(&text, octets, sizeof(octets)), 0);
	CHECK_TEXT(buf_text(&text), verifier);
	CHECK_INT(text_decode_base64url(&back, verifier, strlen(verifier)), 0);
	REQUIRE(back.len == sizeof(octets));
	CHECK(memcmp(back.data, octets, sizeof(octets)) == 0);
	buf_done(&text);
	buf_done(&back);
}

static void what_is_no_base64url_is_refused(void)
{
	static const char *const bad[] = {
		"A", "Zg==", "Zm8=", "Zm9vY", "+/8", "Zm 9v", "Zm9v\n", "Zh", "Zm9", "Zm\xff_"};
	struct buf b = BUF(100);

	CHECK_INT(buf_add_text(&b, "kept"), 0);
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK_INT(text_decode_base64url(&b, bad[i], strlen(bad[i])), -EBADMSG);
	CHECK_INT(text_decode_base64url(&b, "Zm\0v", 4), -EBADMSG);
	CHECK_TEXT(buf_text(&b), "kept");
	CHECK_INT(b.error, 0);
	buf_done(&b);
}

static void form_values_are_encoded(void)
{
	struct buf b = BUF(1000);

	CHECK_INT(text_add_form(&b, "azAZ09-._~", 10), 0);
	CHECK_TEXT(buf_text(&b), "azAZ09-._~");
	buf_done(&b);
	CHECK_INT(text_add_form(&b, "a b+c&d=e/é*%\n", 15), 0);
	CHECK_TEXT(buf_text(&b), "a+b%2Bc%26d%3De%2F%C3%A9%2A%25%0A");
	buf_done(&b);
	CHECK_INT(text_add_form(&b, "a\0\xff", 3), 0);
	CHECK_TEXT(buf_text(&b), "a%00%FF");
	buf_done(&b);
	CHECK_INT(text_add_form(&b, "", 0), 0);
	CHECK_TEXT(buf_text(&b), "");
	buf_done(&b);
}

static void encoders_obey_the_cap_and_add_all_or_nothing(void)
{
	struct buf b = BUF(7);

	CHECK_INT(text_add_base64(&b, "foob", 4), -EMSGSIZE);
	CHECK_TEXT(buf_text(&b), "");
	buf_done(&b);
	CHECK_INT(text_add_base64url(&b, "fooba", 5), 0);
	CHECK_TEXT(buf_text(&b), "Zm9vYmE");
	CHECK_INT(text_add_base64url(&b, "f", 1), -EMSGSIZE);
	CHECK_TEXT(buf_text(&b), "Zm9vYmE");
	buf_done(&b);
	CHECK_INT(text_add_form(&b, "abc++", 5), -EMSGSIZE);
	CHECK_TEXT(buf_text(&b), "");
	buf_done(&b);
	CHECK_INT(text_decode_base64url(&b, "Zm9vYmFyZm9v", 12), -EMSGSIZE);
	CHECK_TEXT(buf_text(&b), "");
	buf_done(&b);
}

static void distances_are_counted_up_to_a_limit(void)
{
	static const struct {
		const char *a, *b;
		unsigned limit, distance;
	} cases[] = {
		{"", "", 0, 0},
		{"scopes", "scopes", 0, 0},
		{"scope", "scopes", 2, 1},
		{"scopes", "scope", 2, 1},
		{"sdopes", "scopes", 2, 1},
		{"socpes", "scopes", 2, 2},
		{"", "abc", 3, 3},
		{"kitten", "sitting", 9, 3},
		{"kitten", "sitting", 3, 3},
		{"kitten", "sitting", 2, 3},
		{"kitten", "sitting", 0, 1},
		{"flow", "redirect_uri", 2, 3},
	};
	char longest[TEXT_DISTANCE_MAX + 2], other[TEXT_DISTANCE_MAX + 2];

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		CHECK_INT(text_distance(cases[i].a, cases[i].b, cases[i].limit), cases[i].distance);

	memset(longest, 'a', sizeof(longest));
	memset(other, 'a', sizeof(other));
	longest[TEXT_DISTANCE_MAX] = other[TEXT_DISTANCE_MAX] = '\0';
	other[0] = 'b';
	CHECK_INT(text_distance(longest, other, 2), 1);
	longest[TEXT_DISTANCE_MAX] = 'a';
	longest[TEXT_DISTANCE_MAX + 1] = '\0';
	CHECK_INT(text_distance(longest, other, 2), 3);
	CHECK_INT(text_distance(longest, longest, 2), 0);
}

static const struct test tests[] = {
	{"texts are compared, NULL and ASCII case included", texts_are_compared},
	{"UTF-8 is told from overlong, cut, surrogate and other bytes",
		utf8_is_told_from_other_bytes},
	{"characters are read one by one", characters_are_read_one_by_one},
	{"cleaned text moves, hides and reorders nothing", cleaned_text_is_fit_to_be_shown},
	{"cleaned text is cut at a whole character", cleaned_text_is_cut_at_a_character},
	{"whole numbers are read strictly", whole_numbers_are_read_strictly},
	{"durations are read", durations_are_read},
	{"what is no duration is refused", what_is_no_duration_is_refused},
	{"durations are shown in the largest unit that divides them",
		durations_are_shown_in_their_largest_unit},
	{"times go both ways", times_go_both_ways},
	{"410 years of days follow one another", every_day_follows_the_day_before},
	{"times past the year 9999 are clamped", late_times_are_clamped},
	{"what is no time is refused", what_is_no_time_is_refused},
	{"HTTP dates are read in three forms", http_dates_are_read_in_three_forms},
	{"what is no HTTP date is refused", what_is_no_http_date_is_refused},
	{"base64 is written and base64url read", base64_is_written_and_read},
	{"the PKCE verifier of RFC 7636 goes both ways", the_verifier_of_the_rfc_is_written},
	{"what is no base64url is refused, the buffer untouched", what_is_no_base64url_is_refused},
	{"form values are encoded", form_values_are_encoded},
	{"encoders obey the cap and add all or nothing",
		encoders_obey_the_cap_and_add_all_or_nothing},
	{"edit distances are counted up to a limit", distances_are_counted_up_to_a_limit},
};

TEST_MAIN(tests)
