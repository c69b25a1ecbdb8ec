/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's answers as text for a person: the table of `status`, notices, and what to do about
 * each fault. Pure, so that every line of it is tested. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/text.h"
#include "ctl/show.h"
#include "wire/notice.h"

#define LINE_WIDTH 80

enum column {
	COLUMN_NAME,
	COLUMN_STATE,
	COLUMN_USABLE,
	COLUMN_SINCE,
	COLUMN_EXPIRES,
	COLUMN_NEXT,
	_COLUMN_MAX,
};

static const char *const headings[_COLUMN_MAX] = {
	"NAME", "STATE", "USABLE", "SINCE", "EXPIRES", "NEXT"};

/* No name is longer than 63, no other cell than a time with its distance. */
#define CELL_SIZE 64

struct row {
	char cell[_COLUMN_MAX][CELL_SIZE];
};

static void set_cell(struct row *row, enum column column, const char *text)
{
	text_clean(row->cell[column], CELL_SIZE, text, strlen(text));
}

/* The time at @key of @j. Returns false where there is none. */
static bool time_of(const struct json *j, const char *key, uint64_t *ret)
{
	const char *text = json_get_text(j, key);

	return text && text_parse_time(text, ret) == 0;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* The time of day of what is near, else the date. */
static void format_moment(char *to, size_t size, uint64_t wall, struct now now)
{
	char full[TEXT_TIME_SIZE];

	if (distance(wall, now.wall_usec) < USEC_PER_DAY) {
		notice_format_clock(to, size, wall);
		return;
	}
	text_format_time(full, sizeof(full), wall);
	(void)snprintf(to, size, "%.10s", full);
}

static void set_moment(struct row *row, enum column column, uint64_t wall, struct now now)
{
	format_moment(row->cell[column], CELL_SIZE, wall, now);
}

/* A moment and how far ahead it is: "21:45:10 (15 min)". */
static void format_ahead(char *to, size_t size, uint64_t wall, struct now now)
{
	char moment[TEXT_TIME_SIZE], span[NOTICE_SPAN_SIZE];

	format_moment(moment, sizeof(moment), wall, now);
	notice_format_span(span, sizeof(span), usec_sub(wall, now.wall_usec));
	(void)snprintf(to, size, "%s (%s)", moment, wall > now.wall_usec ? span : "past");
}

static void fill_row(struct row *row, const struct json *connection, struct now now)
{
	const struct json *fault = json_get(connection, "fault");
	const char *name = json_get_text(connection, "name");
	const char *state = json_get_text(connection, "state");
	bool usable = false;
	uint64_t at;

	for (int i = 0; i < _COLUMN_MAX; i++)
		set_cell(row, (enum column)i, "-");
	if (name)
		set_cell(row, COLUMN_NAME, name);
	if (state)
		set_cell(row, COLUMN_STATE, state);
	(void)json_bool(json_get(connection, "usable"), &usable); /* no word of it: no */
	set_cell(row, COLUMN_USABLE, usable ? "yes" : "no");
	if (time_of(connection, "since", &at))
		set_moment(row, COLUMN_SINCE, at, now);
	if (time_of(connection, "token_expires_at", &at))
		format_ahead(row->cell[COLUMN_EXPIRES], CELL_SIZE, at, now);
	if (time_of(fault, "retry_at", &at) || time_of(connection, "refresh_at", &at))
		set_moment(row, COLUMN_NEXT, at, now);
}

/* Column widths by content; the name gets what the others leave of the line. */
static void measure(const struct row *rows, size_t n, size_t width[_COLUMN_MAX])
{
	size_t others = 0;

	for (int i = 0; i < _COLUMN_MAX; i++) {
		width[i] = strlen(headings[i]);
		for (size_t k = 0; k < n; k++)
			if (strlen(rows[k].cell[i]) > width[i])
				width[i] = strlen(rows[k].cell[i]);
		if (i != COLUMN_NAME)
			others += width[i] + strlen("  ");
	}
	if (others + width[COLUMN_NAME] > LINE_WIDTH)
		width[COLUMN_NAME] = others + strlen(headings[COLUMN_NAME]) < LINE_WIDTH
			? LINE_WIDTH - others
			: strlen(headings[COLUMN_NAME]);
}

static int add_row(struct buf *ret, const struct row *row, const size_t width[_COLUMN_MAX])
{
	const char *name = row->cell[COLUMN_NAME];

	if (strlen(name) > width[COLUMN_NAME]) {
		(void)buf_printf(ret, "%s\n", name); /* failures stick */
		name = "";
	}
	(void)buf_printf(ret, "%-*s", (int)width[COLUMN_NAME], name);
	for (int i = COLUMN_STATE; i < COLUMN_NEXT; i++)
		(void)buf_printf(ret, "  %-*s", (int)width[i], row->cell[i]);
	return buf_printf(ret, "  %s\n", row->cell[COLUMN_NEXT]);
}

int show_paragraph(struct buf *ret, const char *text)
{
	struct buf clean = BUF(WIRE_REPLY_MAX);
	size_t column = 0;
	int r;

	r = notice_add_clean(&clean, text);
	for (const char *word = buf_text(&clean); r == 0 && *word;) {
		size_t len = strcspn(word, " ");

		if (column == 0 || column + 1 + len > LINE_WIDTH) {
			(void)buf_add_text(ret, column == 0 ? "    " : "\n    "); /* sticks */
			column = strlen("    ");
		} else {
			(void)buf_add_char(ret, ' ');
			column++;
		}
		r = buf_add(ret, word, len);
		column += len;
		word += len + strspn(word + len, " ");
	}
	buf_done(&clean);
	return r == 0 ? buf_add_char(ret, '\n') : r;
}

static int add_retry(struct buf *ret, const char *retry_at, struct now now)
{
	char when[CELL_SIZE];
	uint64_t at;

	if (!retry_at || text_parse_time(retry_at, &at) < 0)
		return buf_add_text(ret, "grantd tries again by itself");
	format_ahead(when, sizeof(when), at, now);
	return buf_printf(ret, "grantd tries again at %s", when);
}

/* What to do about a fault of @kind. */
static int add_remedy(struct buf *ret, const char *name, enum fault_kind kind, const char *retry_at,
	struct now now)
{
	switch (kind) {
	case FAULT_NONE:
		return 0;
	case FAULT_NEEDS_APPROVAL:
	case FAULT_REVOKED:
	case FAULT_DENIED:
	case FAULT_EXPIRED_CODE:
	case FAULT_WRONG_IDENTITY:
	case FAULT_MISSING_SCOPE:
		(void)buf_add_text(ret, "run: grantctl login "); /* failures stick */
		return notice_add_clean(ret, name);
	case FAULT_MISCONFIGURED:
		return buf_add_text(ret, "correct the configuration, then run: grantctl reload");
	case FAULT_TRANSIENT:
	case FAULT_THROTTLED:
	case FAULT_PROVIDER_DOWN:
	case FAULT_PROTOCOL:
		(void)buf_add_text(ret, "wait: ");
		return add_retry(ret, retry_at, now);
	case FAULT_STORAGE:
		if (!retry_at) { /* a record that can't be used */
			(void)buf_add_text(ret, "restore what it needs, or run: grantctl login ");
			return notice_add_clean(ret, name);
		}
		(void)buf_add_text(ret, "see to the state directory (space, rights); ");
		return add_retry(ret, retry_at, now);
	case FAULT_INTERNAL:
		(void)buf_add_text(ret, "see the journal (journalctl -u grantd); ");
		return add_retry(ret, retry_at, now);
	case _FAULT_KIND_MAX:
		break;
	}
	return 0;
}

/* The kind that @text names; a kind that we do not know is an internal matter of the agent. */
static enum fault_kind kind_of(const char *text)
{
	enum fault_kind kind = FAULT_INTERNAL;

	if (text)
		(void)fault_kind_from_string(text, &kind); /* stays as it is */
	return kind;
}

/* The fault of @connection; what waits for a person counts as one, whatever the agent says. */
static enum fault_kind trouble(const struct json *connection)
{
	const struct json *fault = json_get(connection, "fault");
	const char *state = json_get_text(connection, "state");

	if (text_equal(state, "awaiting_approval"))
		return FAULT_NEEDS_APPROVAL;
	if (json_is(fault, JSON_OBJECT))
		return kind_of(json_get_text(fault, "kind"));
	return text_equal(state, "needs_approval") ? FAULT_NEEDS_APPROVAL : FAULT_NONE;
}

bool show_needs_person(const struct json *connection)
{
	enum fault_kind kind = trouble(connection);

	return kind != FAULT_NONE && !fault_meaning(kind)->retried;
}

/* Does @connection wait for an operator's word about who approved? */
static bool waits_for_word(const struct json *connection)
{
	const char *kind = json_get_text(json_get(connection, "fault"), "kind");

	return text_equal(json_get_text(connection, "state"), "confirming") &&
		(text_equal(kind, fault_kind_to_string(FAULT_NEEDS_APPROVAL)) ||
			text_equal(kind, fault_kind_to_string(FAULT_WRONG_IDENTITY)));
}

/* What an operator says about who approved. */
static int add_word(struct buf *ret, const char *name, bool replace)
{
	(void)buf_add_text(ret, "run: grantctl confirm "); /* failures stick */
	(void)notice_add_clean(ret, name);
	(void)buf_add_text(
		ret, replace ? " --replace, or: grantctl reject " : ", or: grantctl reject ");
	return notice_add_clean(ret, name);
}

bool show_is_token(const char *text)
{
	const char *c = text;

	while (*c >= 0x20 && *c <= 0x7e)
		c++;
	return c > text && *c == '\0';
}

int show_advice(const struct json *connection, struct now now, struct buf *ret)
{
	const char *name = json_get_text(connection, "name");
	const char *retry_at = json_get_text(json_get(connection, "fault"), "retry_at");
	int r;

	name = name ? name : "NAME";
	if (waits_for_word(connection))
		return add_word(ret, name, trouble(connection) == FAULT_WRONG_IDENTITY);
	r = add_remedy(ret, name, trouble(connection), retry_at, now);
	if (r < 0 || !text_equal(json_get_text(json_get(connection, "approval"), "kind"), "paste"))
		return r;
	(void)buf_add_text(ret,
		ret->len > 0 ? "; and once its address was opened: grantctl paste "
			     : "run: grantctl paste "); /* failures stick */
	return notice_add_clean(ret, name);
}

/* Who approved, for operators: "approved by alice (alice@example.com, subject 1)". */
static int add_identity(struct buf *ret, const struct json *identity)
{
	const char *subject = json_get_text(identity, "subject");
	const char *username = json_get_text(identity, "username");
	const char *email = json_get_text(identity, "email");
	struct buf line = BUF(WIRE_REPLY_MAX);
	bool confirmed = false;
	int r;

	if (!subject)
		return 0;
	(void)json_bool(json_get(identity, "confirmed"), &confirmed); /* no word of it: no */
	(void)buf_add_text(&line, "approved by ");                    /* failures stick */
	if (username)
		(void)buf_printf(&line, "%s (", username);
	if (email)
		(void)buf_printf(&line, "%s, ", email);
	r = buf_printf(&line, "subject %s%s%s", subject, username ? ")" : "",
		confirmed ? "" : ", not confirmed");
	if (r == 0)
		r = show_paragraph(ret, buf_text(&line));
	buf_done(&line);
	return r;
}

static int add_fault(struct buf *ret, const struct json *fault)
{
	const char *kind = json_get_text(fault, "kind");
	const char *detail = json_get_text(fault, "detail");
	struct buf line = BUF(WIRE_REPLY_MAX);
	int r;

	(void)buf_add_text(&line, kind ? kind : "fault"); /* failures stick */
	(void)buf_add_text(&line, ": ");
	r = buf_add_text(&line, detail ? detail : "no reason was given");
	if (r == 0)
		r = show_paragraph(ret, buf_text(&line));
	buf_done(&line);
	return r;
}

/* The lines under a row. */
static int add_remarks(struct buf *ret, const struct json *connection, struct now now)
{
	const struct json *fault = json_get(connection, "fault");
	struct buf advice = BUF(WIRE_REPLY_MAX);
	int r;

	r = add_identity(ret, json_get(connection, "identity"));
	if (r == 0 && json_is(fault, JSON_OBJECT))
		r = add_fault(ret, fault);
	if (r == 0)
		r = show_advice(connection, now, &advice);
	if (r == 0 && advice.len > 0)
		r = show_paragraph(ret, buf_text(&advice));
	buf_done(&advice);
	return r;
}

static int add_agent(struct buf *ret, const struct json *status, struct now now)
{
	const struct json *agent = json_get(status, "agent");
	const char *version = json_get_text(agent, "version");
	char span[NOTICE_SPAN_SIZE];
	uint64_t pid, started;
	bool ready;

	if (!json_bool(json_get(status, "ready"), &ready))
		return -EBADMSG;
	(void)buf_add_text(ret, "grantd "); /* failures stick */
	(void)notice_add_clean(ret, version ? version : "?");
	if (json_u64(json_get(agent, "pid"), &pid))
		(void)buf_printf(ret, ", pid %ju", (uintmax_t)pid);
	if (time_of(agent, "started_at", &started)) {
		notice_format_span(span, sizeof(span), usec_sub(now.wall_usec, started));
		(void)buf_printf(ret, ", up %s", span);
	}
	return buf_printf(ret, ": %s. Times are UTC.\n", ready ? "ready" : "not ready");
}

int show_status(const struct json *status, struct now now, struct buf *ret)
{
	const struct json *connections = json_get(status, "connections");
	size_t n = json_count(connections), i = 0, width[_COLUMN_MAX];
	_cleanup_(mem_freep) struct row *rows = NULL;
	struct row heading;
	int r;

	if (!json_is(connections, JSON_ARRAY))
		return -EBADMSG;
	r = add_agent(ret, status, now);
	if (r < 0)
		return r;
	if (n == 0)
		return buf_add_text(ret, "\nNo connection is configured.\n");
	rows = mem_array(n, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (const struct json *c = json_next(connections, NULL); c; c = json_next(connections, c))
		fill_row(&rows[i++], c, now);
	measure(rows, n, width);
	for (int column = 0; column < _COLUMN_MAX; column++)
		set_cell(&heading, (enum column)column, headings[column]);
	(void)buf_add_char(ret, '\n'); /* failures stick */
	r = add_row(ret, &heading, width);
	i = 0;
	for (const struct json *c = json_next(connections, NULL); c && r == 0;
		c = json_next(connections, c)) {
		r = add_row(ret, &rows[i++], width);
		if (r == 0)
			r = add_remarks(ret, c, now);
	}
	return r;
}

int show_approval(const char *name, const struct json *approval, struct now now, struct buf *ret)
{
	const char *uri = json_get_text(approval, "verification_uri");
	uint64_t expires = 0;

	if (!uri) /* told to operators only */
		return buf_printf(ret, "%s: waiting for approval\n", name);
	(void)time_of(approval, "expires_at", &expires); /* left out where it is not told */
	return notice_format(name, uri, json_get_text(approval, "verification_uri_complete"),
		json_get_text(approval, "user_code"), expires, now, ret);
}

/* Start a sentence with what it is about. */
static void begin(struct buf *why, const char *name)
{
	if (name)
		(void)buf_printf(why, "%s: ", name); /* told without it at worst */
}

static int show_not_usable(
	const struct json *parameters, const char *name, struct now now, struct buf *why)
{
	enum fault_kind kind = kind_of(json_get_text(parameters, "kind"));
	const char *detail = json_get_text(parameters, "detail");
	const char *retry_at = json_get_text(parameters, "retry_at");
	int code = fault_meaning(kind)->exit_code;
	size_t len;

	begin(why, name);
	(void)notice_add_clean(why, detail && *detail ? detail : "not usable"); /* failures stick */
	if (detail && strstr(detail, "run grantctl confirm "))
		return code == EXIT_DONE ? EXIT_FAILED : code; /* it says itself what to do */
	len = why->len;
	(void)buf_add_text(why, "; ");
	if (code == EXIT_TRY_AGAIN && !retry_at) /* the agent may have nothing to try */
		(void)buf_add_text(why, "try again later");
	else
		(void)add_remedy(why, name ? name : "NAME", kind, retry_at, now);
	if (why->len == len + strlen("; "))
		(void)buf_add_text(why, "see grantctl status");
	return code == EXIT_DONE ? EXIT_FAILED : code;
}

/* Is @detail about who approved? Then the address has done its work. */
static bool is_about_approver(const char *detail)
{
	return detail &&
		(strstr(detail, "run grantctl confirm ") || text_starts(detail, "who approved "));
}

bool show_paste_again(const struct wire_reply *reply, const char *name, struct buf *why)
{
	enum fault_kind kind = kind_of(json_get_text(reply->parameters, "kind"));
	const char *detail = json_get_text(reply->parameters, "detail");

	if (reply->error != WIRE_NOT_USABLE || is_about_approver(detail) ||
		(kind != FAULT_NEEDS_APPROVAL && kind != FAULT_TRANSIENT &&
			kind != FAULT_THROTTLED && kind != FAULT_PROVIDER_DOWN))
		return false;
	begin(why, name);
	(void)notice_add_clean(why, detail ? detail : "that was refused"); /* failures stick */
	return true;
}

static int show_not_permitted(enum wire_method method, const char *name, struct buf *why)
{
	begin(why, name);
	(void)buf_add_text(why,
		method == WIRE_GET_TOKEN || method == WIRE_INVALIDATE
			? "you may not have its token; its `allow` in grantd.yaml must name you"
			: "only operators may do that; `agent.operators` in grantd.yaml names "
			  "them");
	return EXIT_NOT_PERMITTED;
}

/* The faults of a configuration, one a line. */
static int show_configuration(const struct json *parameters, struct buf *why)
{
	const char *detail = json_get_text(parameters, "detail");

	(void)buf_add_text(why, "nothing was changed, correct the configuration first:");
	while (detail && *detail) {
		size_t len = strcspn(detail, "\n");
		_cleanup_(mem_freep) char *line = mem_strndup(detail, len);

		(void)buf_add_char(why, '\n'); /* failures stick */
		if (line)
			(void)notice_add_clean(why, line);
		detail += len + (detail[len] == '\n');
	}
	return EXIT_USAGE;
}

static int show_bad_request(const struct wire_reply *reply, const char *name, struct buf *why)
{
	const char *detail = json_get_text(reply->parameters, "detail");

	begin(why, name);
	if (text_equal(reply->error_name, wire_error_name(WIRE_BAD_REQUEST))) {
		(void)notice_add_clean(why, detail ? detail : "that makes no sense now");
		return EXIT_USAGE;
	}
	(void)buf_add_text(why, "the agent answered with an error unknown here: ");
	(void)notice_add_clean(why, reply->error_name);
	return EXIT_FAILED;
}

static bool is_sync_call(enum wire_method method)
{
	return text_equal(
		wire_method_info(method)->interface, wire_method_info(WIRE_SYNC_STATUS)->interface);
}

static int show_sync_refused(const struct json *parameters, const char *name, struct buf *why)
{
	const char *detail = json_get_text(parameters, "detail");
	int code = fault_meaning(kind_of(json_get_text(parameters, "kind")))->exit_code;

	begin(why, name);
	(void)notice_add_clean(why, detail && *detail ? detail : "refused"); /* failures stick */
	(void)buf_add_text(why, "; see grantctl sync status");
	return code == EXIT_DONE ? EXIT_FAILED : code;
}

int show_error(const struct wire_reply *reply, enum wire_method method, const char *name,
	struct now now, struct buf *why)
{
	const char *missing = json_get_text(reply->parameters, "name");

	switch (reply->error) {
	case WIRE_NOT_PERMITTED:
		return show_not_permitted(method, name, why);
	case WIRE_NO_SUCH_CONNECTION:
		begin(why, name);
		(void)buf_add_text(why, "there is no connection ");
		(void)notice_add_clean(why, missing ? missing : "of that name");
		(void)buf_add_text(why, "; see grantctl status");
		return EXIT_USAGE;
	case WIRE_NO_SUCH_SYNC:
		(void)buf_add_text(why, "there is no sync ");
		(void)notice_add_clean(why, missing ? missing : "of that name");
		(void)buf_add_text(why, "; see grantctl sync status");
		return EXIT_USAGE;
	case WIRE_NOT_USABLE:
		if (is_sync_call(method))
			return show_sync_refused(reply->parameters, name, why);
		return show_not_usable(reply->parameters, name, now, why);
	case WIRE_TIMED_OUT:
		begin(why, name);
		(void)buf_add_text(why, "it took the agent too long; see grantctl status");
		return EXIT_TIMED_OUT;
	case WIRE_BUSY:
		begin(why, name);
		(void)buf_add_text(why, "the agent has too much to do; try again");
		return EXIT_TRY_AGAIN;
	case WIRE_BAD_REQUEST:
		return show_bad_request(reply, name, why);
	case WIRE_INVALID_CONFIGURATION:
		return show_configuration(reply->parameters, why);
	case WIRE_OK:
	case WIRE_INTERFACE_NOT_FOUND:
	case WIRE_METHOD_NOT_FOUND:
	case WIRE_METHOD_NOT_IMPLEMENTED:
	case WIRE_INVALID_PARAMETER:
	case WIRE_EXPECTED_MORE:
	case _WIRE_ERROR_MAX:
		break;
	}
	(void)buf_add_text(why,
		"the agent does not understand this grantctl; install the same version of both");
	return EXIT_FAILED;
}
