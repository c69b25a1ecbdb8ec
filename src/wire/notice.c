/* SPDX-License-Identifier: BSD-2-Clause */
/* The approval notice (RFC 8628 §3.3, and for the flow paste) and the words for time in it.
 * Zone-less by intent: the core can't know the reader's zone, so that every time of day is UTC and
 * says so. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "wire/notice.h"

int notice_add_clean(struct buf *b, const char *text)
{
	size_t size = strlen(text) + 1;
	_cleanup_(mem_freep) char *clean = mem_alloc(size);

	if (!clean)
		return -ENOMEM;
	text_clean(clean, size, text, size - 1);
	return buf_add_text(b, clean);
}

void notice_format_span(char *to, size_t size, uint64_t usec)
{
	static const struct {
		uint64_t below; /* spans under this are told in the unit */
		uint64_t unit;
		const char *name;
	} steps[] = {
		{90 * USEC_PER_S, USEC_PER_S, "s"},
		{90 * USEC_PER_MIN, USEC_PER_MIN, "min"},
		{36 * USEC_PER_HOUR, USEC_PER_HOUR, "h"},
		{USEC_NEVER, USEC_PER_DAY, "d"},
	};
	size_t i = 0;

	while (i + 1 < ELEMENTS(steps) && usec >= steps[i].below)
		i++;
	usec = usec_add(usec, steps[i].unit / 2); /* to the nearest */
	(void)snprintf(to, size, "%" PRIu64 " %s", usec / steps[i].unit, steps[i].name);
}

void notice_format_clock(char *to, size_t size, uint64_t wall_usec)
{
	char full[TEXT_TIME_SIZE];

	text_format_time(full, sizeof(full), wall_usec);
	(void)snprintf(to, size, "%.8s", full + strlen("2026-11-23T"));
}

static int add_line(struct buf *ret, const char *label, const char *text)
{
	(void)buf_printf(ret, "    %-8s", label); /* failures stick until the last addition */
	(void)notice_add_clean(ret, text);
	return buf_add_char(ret, '\n');
}

static int add_validity(struct buf *ret, uint64_t expires, struct now now)
{
	char clock[NOTICE_CLOCK_SIZE], span[NOTICE_SPAN_SIZE];

	if (expires <= now.wall_usec)
		return buf_add_text(ret, "    no longer valid\n");
	notice_format_clock(clock, sizeof(clock), expires);
	notice_format_span(span, sizeof(span), expires - now.wall_usec);
	return buf_printf(ret, "    valid until %s UTC (%s)\n", clock, span);
}

int notice_format(const char *name, const char *verification_uri,
	const char *verification_uri_complete, const char *user_code, uint64_t expires_wall_usec,
	struct now now, struct buf *ret)
{
	int r;

	r = buf_printf(ret, "%s: waiting for approval\n", name);
	if (r == 0)
		r = add_line(ret, "open", verification_uri);
	if (r == 0 && user_code)
		r = add_line(ret, "enter", user_code);
	else if (r == 0)
		r = buf_printf(ret, "    then    grantctl paste %s\n", name);
	if (r == 0 && verification_uri_complete)
		r = add_line(ret, "or open", verification_uri_complete);
	if (r == 0 && expires_wall_usec > 0)
		r = add_validity(ret, expires_wall_usec, now);
	return r;
}
