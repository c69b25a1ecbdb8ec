/* SPDX-License-Identifier: BSD-2-Clause */
/* How `grantctl exec` keeps its token fresh while the command runs: two calls to the agent
 * (grantd-protocol(7)) that never hold up the loop they are part of. */
#include "base/text.h"
#include "ctl/follow.h"
#include "ctl/show.h"

/* Between two tries to reach the agent, doubled up to the last: a restart takes less than a second,
 * and one that was stopped for long is not in a hurry. */
#define WATCH_PAUSE_FIRST CLIENT_RETRY_USEC
#define WATCH_PAUSE_LAST  (5 * USEC_PER_S)

/* Between two tries to get the token that the agent says it has. */
#define FETCH_PAUSE_FIRST USEC_PER_S
#define FETCH_PAUSE_LAST  USEC_PER_MIN

/* Between two calls that ask for a life that is not to be had: each may be a request to the
 * provider, on behalf of one command. */
#define RENEW_PAUSE_FIRST (10 * USEC_PER_S)
#define RENEW_PAUSE_LAST  (10 * USEC_PER_MIN)

/* Status tells whole seconds, and is not sent twice where it reads the same: a second token within
 * the same second goes untold. So after each change the token is fetched once more, when its second
 * is over. */
#define SETTLE_USEC (USEC_PER_S + USEC_PER_S / 10)

#define KEPT "the token file keeps the last token"

static void double_pause(uint64_t *pause, uint64_t last)
{
	*pause = *pause * 2 < last ? *pause * 2 : last;
}

/* Set when a new token is wanted in place of @token. */
static void plan_renewal(struct follow *f, const struct json *token, struct now now)
{
	const char *text = json_get_text(token, "expires_at");
	uint64_t expires, left;

	f->renew_at = USEC_NEVER;
	if (f->min_valid_usec == 0 || !text || text_parse_time(text, &expires) < 0)
		return;
	left = usec_sub(usec_sub(expires, now.wall_usec), f->min_valid_usec);
	if (left > RENEW_PAUSE_FIRST)
		f->renew_pause = RENEW_PAUSE_FIRST;
	else
		left = f->renew_pause;
	f->renew_at = usec_add(now.boot_usec, left);
}

struct follow follow_begin(
	const char *runtime, const char *name, uint64_t min_valid_usec, const struct json *token)
{
	struct follow f = {
		.runtime = runtime,
		.name = name,
		.min_valid_usec = min_valid_usec,
		.fetch_at = USEC_NEVER,
		.watch_pause = WATCH_PAUSE_FIRST,
		.fetch_pause = FETCH_PAUSE_FIRST,
		.renew_pause = RENEW_PAUSE_FIRST,
		.usable = true,
	};

	plan_renewal(&f, token, client_now());
	return f;
}

void follow_end(struct follow *f)
{
	f->watch = client_free(f->watch);
	f->fetch = client_free(f->fetch);
}

void follow_wants(const struct follow *f, int ret_fds[2], uint64_t *ret_at)
{
	uint64_t at = f->watch ? USEC_NEVER : f->watch_at;
	uint64_t fetch_at = f->fetch_at < f->renew_at ? f->fetch_at : f->renew_at;

	if (f->fetch)
		fetch_at = f->fetch_until;
	ret_fds[0] = f->watch ? client_fd(f->watch) : -1;
	ret_fds[1] = f->fetch ? client_fd(f->fetch) : -1;
	*ret_at = at < fetch_at ? at : fetch_at;
}

/* Tell a trouble, unless *told. The sentence in @why gets its second half. */
static enum follow_event trouble(bool *told, struct buf *why)
{
	bool first = !*told;

	*told = true;
	if (first)
		(void)buf_add_text(why, "; " KEPT); /* told without it at worst */
	else
		buf_done(why);
	return first ? FOLLOW_TROUBLE : FOLLOW_NOTHING;
}

/* --- Watch --- */

static enum follow_event watch_failed(struct follow *f, struct buf *why)
{
	f->watch = client_free(f->watch);
	f->watch_at = usec_add(client_now().boot_usec, f->watch_pause);
	double_pause(&f->watch_pause, WATCH_PAUSE_LAST);
	return trouble(&f->lost, why);
}

static enum follow_event begin_watch(struct follow *f, struct buf *why)
{
	char *items[] = {(char *)f->name}; /* is only read */
	const struct names names = {items, ELEMENTS(items)};
	int code;

	code = client_call(
		f->runtime, WIRE_STATUS_WATCH, wire_names_parameters(&names), true, &f->watch, why);
	return code == EXIT_DONE ? FOLLOW_NOTHING : watch_failed(f, why);
}

static enum follow_event on_unusable(
	struct follow *f, const struct json *connection, struct buf *why)
{
	struct buf advice = BUF(WIRE_REPLY_MAX);
	bool told = !f->usable;

	f->usable = false;
	f->fetch_at = USEC_NEVER;
	(void)buf_printf(why, "%s: not usable any more", f->name); /* failures stick */
	if (show_advice(connection, client_now(), &advice) == 0 && advice.len > 0)
		(void)buf_printf(why, "; %s", buf_text(&advice));
	buf_done(&advice);
	return trouble(&told, why);
}

static enum follow_event on_status(struct follow *f, const struct json *connection, struct buf *why)
{
	bool usable = false;

	f->lost = false;
	f->watch_pause = WATCH_PAUSE_FIRST;
	f->fetch_pause = FETCH_PAUSE_FIRST;
	(void)json_bool(json_get(connection, "usable"), &usable); /* no word of it: no */
	if (!usable)
		return on_unusable(f, connection, why);
	f->usable = true;
	if (!text_equal(json_get_text(connection, "state"), "refreshing")) { /* which ends soon */
		f->fetch_at = client_now().boot_usec;
		f->settled = false;
	}
	return FOLLOW_NOTHING;
}

/* Read every status that has come, up to a trouble. */
static enum follow_event read_watch(struct follow *f, struct buf *why)
{
	enum follow_event event = FOLLOW_NOTHING;

	while (f->watch && event == FOLLOW_NOTHING) {
		struct wire_reply reply = {0};
		int code = client_receive(f->watch, 0, &reply, why);

		if (code == EXIT_TIMED_OUT) { /* no more, or not all of it */
			buf_done(why);
			break;
		}
		if (code == EXIT_NOT_REACHABLE) {
			buf_done(why);
			(void)buf_add_text(why, "the agent is gone, and is looked for again");
		} else if (code == EXIT_DONE && reply.error != WIRE_OK) {
			code = show_error(&reply, WIRE_STATUS_GET, f->name, client_now(), why);
		}
		event = code != EXIT_DONE
			? watch_failed(f, why)
			: on_status(f, json_at(json_get(reply.parameters, "connections"), 0), why);
		wire_reply_done(&reply);
	}
	return event;
}

/* --- GetToken --- */

void follow_again(struct follow *f)
{
	f->fetch_at = usec_add(client_now().boot_usec, f->fetch_pause);
	double_pause(&f->fetch_pause, FETCH_PAUSE_LAST);
}

static enum follow_event fetch_failed(struct follow *f, struct buf *why)
{
	uint64_t now = client_now().boot_usec;

	f->fetch = client_free(f->fetch);
	if (f->renewing) {
		f->renew_at = usec_add(now, f->renew_pause);
		double_pause(&f->renew_pause, RENEW_PAUSE_LAST);
	} else if (f->usable && f->watch) { /* else a status will come */
		follow_again(f);
	}
	return trouble(&f->refused, why);
}

static enum follow_event begin_fetch(struct follow *f, uint64_t now, struct buf *why)
{
	struct wire_named named = {.name = f->name};
	int code;

	f->renewing = f->renew_at <= now;
	if (f->renewing) {
		named.min_valid_s = f->min_valid_usec / USEC_PER_S;
		named.min_valid_given = true;
	} else {
		f->fetch_at = USEC_NEVER;
	}
	f->fetch_until = usec_add(now, CLIENT_REPLY_TIMEOUT_USEC);
	code = client_call(f->runtime, WIRE_GET_TOKEN,
		wire_named_parameters(WIRE_GET_TOKEN, &named), false, &f->fetch, why);
	return code == EXIT_DONE ? FOLLOW_NOTHING : fetch_failed(f, why);
}

static enum follow_event on_token(struct follow *f, const struct wire_reply *reply)
{
	struct now now = client_now();

	f->fetch = client_free(f->fetch);
	f->refused = false;
	plan_renewal(f, reply->parameters, now);
	if (f->fetch_at == USEC_NEVER && !f->settled) {
		f->fetch_at = usec_add(now.boot_usec, SETTLE_USEC);
		f->settled = true;
	}
	return FOLLOW_TOKEN;
}

static enum follow_event read_fetch(
	struct follow *f, uint64_t now, struct wire_reply *ret, struct buf *why)
{
	struct wire_reply reply = {0};
	int code;

	code = client_receive(f->fetch, 0, &reply, why);
	if (code == EXIT_TIMED_OUT && now < f->fetch_until) { /* nothing, or not all of it */
		buf_done(why);
		return FOLLOW_NOTHING;
	}
	if (code == EXIT_DONE && reply.error == WIRE_OK) {
		*ret = reply;
		return on_token(f, ret);
	}
	if (code == EXIT_DONE)
		(void)show_error(&reply, WIRE_GET_TOKEN, f->name, client_now(), why);
	wire_reply_done(&reply);
	return fetch_failed(f, why);
}

enum follow_event follow_step(struct follow *f, struct wire_reply *ret, struct buf *why)
{
	uint64_t now = client_now().boot_usec;
	enum follow_event event = FOLLOW_NOTHING;

	if (!f->watch && f->watch_at <= now)
		event = begin_watch(f, why);
	else if (f->watch)
		event = read_watch(f, why);
	if (event != FOLLOW_NOTHING)
		return event;
	if (!f->fetch && (f->fetch_at <= now || f->renew_at <= now))
		event = begin_fetch(f, now, why);
	else if (f->fetch)
		event = read_fetch(f, now, ret, why);
	return event;
}
