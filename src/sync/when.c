/* SPDX-License-Identifier: BSD-2-Clause */

/* Times of Salesforce, a form of ISO 8601. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/now.h"
#include "base/text.h"
#include "sync/when.h"

#define SECONDS_LEN (sizeof("2026-11-23T10:00:00") - 1)
#define DATE_LEN    (sizeof("2026-11-23") - 1)

static int digits(const char *at, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		if (at[i] < '0' || at[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(at[i] - '0');
	}
	*ret = value;
	return 0;
}

/* ".123" to microseconds; what is finer is dropped. Returns what follows. */
static const char *read_fraction(const char *at, uint64_t *ret_usec)
{
	uint64_t usec = 0, unit = USEC_PER_S / 10;

	if (*at == '.')
		for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
			usec += unit * (uint64_t)(*at - '0');
	*ret_usec = usec;
	return at;
}

/* "Z", "+0000", "-07:00" as microseconds east of UTC. */
static int read_offset(const char *at, int64_t *ret)
{
	uint64_t hours, minutes;
	size_t colon;

	if (text_equal(at, "Z")) {
		*ret = 0;
		return 0;
	}
	if ((at[0] != '+' && at[0] != '-') || strlen(at) < 5)
		return -EINVAL;
	colon = at[3] == ':' ? 1 : 0;
	if (strlen(at) != 5 + colon || digits(at + 1, 2, &hours) < 0 ||
		digits(at + 3 + colon, 2, &minutes) < 0 || hours > 15 || minutes > 59)
		return -EINVAL;
	*ret = (int64_t)((hours * 60 + minutes) * USEC_PER_MIN) * (at[0] == '-' ? -1 : 1);
	return 0;
}

int when_parse(const char *text, uint64_t *ret_wall_usec)
{
	char whole[TEXT_TIME_SIZE];
	uint64_t seconds, fraction;
	int64_t offset;
	const char *rest;

	if (strnlen(text, SECONDS_LEN) < SECONDS_LEN)
		return -EINVAL;
	memcpy(whole, text, SECONDS_LEN);
	memcpy(whole + SECONDS_LEN, "Z", 2);
	rest = read_fraction(text + SECONDS_LEN, &fraction);
	if (text_parse_time(whole, &seconds) < 0 || read_offset(rest, &offset) < 0)
		return -EINVAL;
	if (offset > 0 && (uint64_t)offset > seconds)
		return -EINVAL;
	*ret_wall_usec = seconds + fraction - (uint64_t)offset;
	return 0;
}

int when_add(struct buf *ret, const char *text)
{
	char formatted[TEXT_TIME_SIZE];
	uint64_t usec;

	if (when_parse(text, &usec) < 0)
		return -EINVAL;
	text_format_time(formatted, sizeof(formatted), usec);
	return buf_add_text(ret, formatted);
}

int when_check_date(const char *text)
{
	char whole[TEXT_TIME_SIZE];
	uint64_t year, usec;

	if (strlen(text) != DATE_LEN || digits(text, 4, &year) < 0)
		return -EINVAL;
	/* Time begins in 1970, births did before; the calendar repeats itself every 400 years. */
	(void)snprintf(whole, sizeof(whole), "%04u%.6sT00:00:00Z", 2000 + (unsigned)(year % 400),
		text + 4);
	return text_parse_time(whole, &usec);
}
