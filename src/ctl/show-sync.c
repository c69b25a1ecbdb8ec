/* SPDX-License-Identifier: BSD-2-Clause */

/* Tables of syncs for people, at most 80 columns wide. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/show-sync.h"
#include "ctl/show.h"
#include "wire/notice.h"
#include "wire/wire.h"

static uint64_t number(const struct json *j, const char *key)
{
	uint64_t n = 0;

	(void)json_u64(json_get(j, key), &n); /* 0 where it is not told */
	return n;
}

/* Cleaned text in a cell of a width; what is longer goes over. */
static void add_cell(struct buf *ret, const char *text, int width)
{
	char clean[256];

	text_clean(clean, sizeof(clean), text ? text : "-", text ? strlen(text) : 1);
	(void)buf_printf(ret, "%-*s", width, clean); /* failures stick */
}

/* "12:30:05" of today, else the whole moment. */
static const char *shown_time(const struct json *j, const char *key, struct now now, char *to)
{
	const char *text = json_get_text(j, key);
	char today[TEXT_TIME_SIZE];
	size_t day = strlen("2026-11-23T");

	text_format_time(today, sizeof(today), now.wall_usec);
	if (!text || strlen(text) != TEXT_TIME_SIZE - 1)
		return "-";
	if (memcmp(text, today, day) == 0)
		(void)snprintf(to, TEXT_TIME_SIZE, "%.8s", text + day);
	else
		(void)snprintf(to, TEXT_TIME_SIZE, "%.10s %.8s", text, text + day);
	return to;
}

static void add_head(struct buf *ret, const struct json *s, struct now now)
{
	const char *const texts[] = {json_get_text(s, "name"), json_get_text(s, "from"),
		json_get_text(s, "to"), json_get_text(s, "stage")};
	const char *const after[] = {": ", " to ", ", ", ""};
	char when[TEXT_TIME_SIZE];

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		add_cell(ret, texts[i], 0);
		(void)buf_add_text(ret, after[i]); /* failures stick */
	}
	(void)buf_printf(ret, " since %s", shown_time(s, "since", now, when));
	if (json_is(json_get(s, "lag_s"), JSON_NUMBER))
		(void)buf_printf(ret, ", %" PRIu64 " s behind", number(s, "lag_s"));
	if (json_get_text(s, "next_run_at"))
		(void)buf_printf(ret, ", next run %s", shown_time(s, "next_run_at", now, when));
	(void)buf_add_char(ret, '\n');
}

static int add_fault(struct buf *ret, const struct json *fault)
{
	const char *kind = json_get_text(fault, "kind"), *detail = json_get_text(fault, "detail");
	struct buf line = BUF(WIRE_REPLY_MAX);
	int r = 0;

	if (kind && detail) {
		r = buf_printf(&line, "%s: %s", kind, detail);
		if (r == 0)
			r = show_paragraph(ret, buf_text(&line));
	}
	buf_done(&line);
	return r;
}

static void add_objects(struct buf *ret, const struct json *objects, struct now now)
{
	char when[TEXT_TIME_SIZE];

	if (json_count(objects) > 0)
		(void)buf_printf(ret, "\n  %-8s %9s %9s %9s %7s %7s  %s\n", "OBJECT", "NEW",
			"UPDATED", "DELETED", "FAILED", "SKIPPED", "READ UP TO");
	for (const struct json *o = json_next(objects, NULL); o; o = json_next(objects, o)) {
		(void)buf_add_text(ret, "  "); /* failures stick */
		add_cell(ret, json_key(o), 8);
		(void)buf_printf(ret,
			" %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %7" PRIu64 "  %s\n",
			number(o, "new"), number(o, "updated"), number(o, "deleted"),
			number(o, "failed"), number(o, "skipped"),
			shown_time(o, "watermark", now, when));
	}
}

static const char *check_word(const struct json *check)
{
	bool ok;

	if (!json_bool(json_get(check, "ok"), &ok))
		return "?";
	return ok ? "ok" : "FAILED";
}

static int add_checks(struct buf *ret, const struct json *checks)
{
	int r = 0;

	if (json_count(checks) > 0)
		(void)buf_add_text(ret, "\n"); /* failures stick */
	for (const struct json *c = json_next(checks, NULL); c && r == 0;
		c = json_next(checks, c)) {
		const char *detail = json_get_text(c, "detail");

		(void)buf_printf(ret, "  %-6s  ", check_word(c));
		add_cell(ret, json_get_text(c, "name"), 0);
		r = buf_add_char(ret, '\n');
		if (r == 0 && detail)
			r = show_paragraph(ret, detail);
	}
	return r;
}

static void add_fields(struct buf *ret, const struct json *fields)
{
	if (json_count(fields) == 0)
		return;
	(void)buf_printf(ret,
		"\n  fields: %" PRIu64 " mapped, %" PRIu64 " unmapped, %" PRIu64 " hidden, %" PRIu64
		" read-only,\n          %" PRIu64 " unknown, %" PRIu64 " of another type, %" PRIu64
		" too short\n",
		number(fields, "mapped"), number(fields, "unmapped"), number(fields, "hidden"),
		number(fields, "read_only"), number(fields, "unknown"),
		number(fields, "type_clash"), number(fields, "too_short")); /* failures stick */
}

int show_syncs(const struct json *reply, struct now now, struct buf *ret)
{
	const struct json *list = json_get(reply, "sync");
	int r = 0;

	if (!json_is(list, JSON_ARRAY))
		return -EBADMSG;
	if (json_count(list) == 0)
		return buf_add_text(ret, "No sync is configured.\n");
	for (const struct json *s = json_next(list, NULL); s && r == 0; s = json_next(list, s)) {
		if (ret->len > 0)
			(void)buf_add_char(ret, '\n'); /* failures stick */
		add_head(ret, s, now);
		r = add_fault(ret, json_get(s, "fault"));
		add_objects(ret, json_get(s, "objects"), now);
		if (r == 0)
			r = add_checks(ret, json_get(s, "checks"));
		add_fields(ret, json_get(s, "fields"));
	}
	return r < 0 ? r : ret->error;
}

/* The fields of one object. */
static int add_map(struct buf *ret, const struct json *object)
{
	const struct json *fields = json_get(object, "fields"),
			  *unmapped = json_get(object, "unmapped");
	struct buf line = BUF(WIRE_REPLY_MAX);
	int r = 0;

	for (const struct json *f = json_next(fields, NULL); f; f = json_next(fields, f)) {
		(void)buf_add_text(ret, "  "); /* failures stick */
		add_cell(ret, json_get_text(f, "from"), 28);
		(void)buf_add_char(ret, ' ');
		add_cell(ret, json_get_text(f, "to"), 28);
		(void)buf_add_text(ret, "  ");
		add_cell(ret, json_get_text(f, "problem") ? json_get_text(f, "problem") : "ok", 0);
		(void)buf_add_char(ret, '\n');
	}
	if (json_count(unmapped) > 0)
		(void)buf_add_text(&line, "not mapped:");
	for (const struct json *u = json_next(unmapped, NULL); u; u = json_next(unmapped, u))
		r = buf_printf(&line, " %s", json_text(u) ? json_text(u) : "");
	if (r == 0 && line.len > 0)
		r = show_paragraph(ret, buf_text(&line));
	buf_done(&line);
	return r < 0 ? r : ret->error;
}

int show_sync_fields(const struct json *reply, struct now now, struct buf *ret)
{
	const struct json *fields = json_get(reply, "fields");
	int r = 0;

	(void)now;
	if (!json_is(fields, JSON_OBJECT))
		return -EBADMSG;
	for (const struct json *o = json_next(fields, NULL); o && r == 0;
		o = json_next(fields, o)) {
		if (ret->len > 0)
			(void)buf_add_char(ret, '\n'); /* failures stick */
		add_cell(ret, json_key(o), 0);
		(void)buf_add_text(ret, ":\n");
		r = add_map(ret, o);
	}
	return r;
}

int show_sync_failed(const struct json *reply, struct now now, struct buf *ret)
{
	const struct json *rows = json_get(reply, "rows");
	char when[TEXT_TIME_SIZE];
	int r = 0;

	if (!json_is(rows, JSON_ARRAY))
		return -EBADMSG;
	if (json_count(rows) == 0)
		return buf_add_text(ret, "No record waits for another try.\n");
	for (const struct json *f = json_next(rows, NULL); f && r == 0; f = json_next(rows, f)) {
		const char *reason = json_get_text(f, "reason");

		add_cell(ret, json_get_text(f, "object"), 8);
		(void)buf_add_char(ret, ' '); /* failures stick */
		add_cell(ret, json_get_text(f, "id"), 18);
		(void)buf_printf(ret, "  tried %" PRIu64 " times, again %s\n",
			number(f, "attempts"), shown_time(f, "retry_at", now, when));
		r = show_paragraph(ret, reason ? reason : "no reason was given");
	}
	return r;
}
