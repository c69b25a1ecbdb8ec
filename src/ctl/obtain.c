/* SPDX-License-Identifier: BSD-2-Clause */
/* How `grantctl exec` comes to its first token: it asks for one, and where there is none watches
 * the connection (grantd-protocol(7)) until asking again makes sense. */
#include <stdio.h>

#include "base/text.h"
#include "ctl/client.h"
#include "ctl/obtain.h"
#include "ctl/show.h"

/* Between two tries where the connection is usable, but no token lives as long as is asked for:
 * each may be a request to the provider. */
#define AGAIN_FIRST_USEC USEC_PER_S
#define AGAIN_LAST_USEC  USEC_PER_MIN

/* What the agent's status said of the connection when a token was asked for. */
enum outlook {
	OUTLOOK_UNKNOWN,
	OUTLOOK_USABLE,
	OUTLOOK_HOPELESS, /* without an operator */
};

struct wait {
	enum outlook outlook;
	bool reached; /* an agent has answered */
	int told;     /* the exit code of the reason that was told last */
	uint64_t pause_usec;
};

static int ask(const struct obtain *o, struct wire_reply *ret, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	const struct wire_named named = {.name = o->name,
		.min_valid_s = o->min_valid_usec / USEC_PER_S,
		.min_valid_given = o->min_valid_usec > 0};
	uint64_t until = usec_add(client_now().boot_usec, CLIENT_REPLY_TIMEOUT_USEC);
	int code;

	code = client_call(o->runtime, WIRE_GET_TOKEN,
		wire_named_parameters(WIRE_GET_TOKEN, &named), false, &client, why);
	if (code == EXIT_DONE)
		code = client_receive(client, until < o->deadline ? until : o->deadline, ret, why);
	if (code == EXIT_DONE && ret->error != WIRE_OK)
		code = show_error(ret, WIRE_GET_TOKEN, o->name, client_now(), why);
	return code;
}

/* No token: may there be one later? @reply is that of the agent, if it answered. */
static bool may_wait(
	const struct obtain *o, const struct wait *w, int code, const struct wire_reply *reply)
{
	bool patient = o->deadline != USEC_NEVER;

	if (code == EXIT_NOT_REACHABLE)
		return patient || w->reached;
	if (code == EXIT_TIMED_OUT)
		return true;
	if (reply->error != WIRE_NOT_USABLE && reply->error != WIRE_BUSY)
		return false;
	return patient || w->outlook == OUTLOOK_UNKNOWN;
}

/* Tell what is waited for, once for each kind of it. */
static void tell(struct wait *w, int code, const struct buf *why)
{
	if (code != w->told)
		(void)fprintf(stderr, "grantctl: not started yet: %s\n",
			buf_text(why)); /* nobody may be listening */
	w->told = code;
}

static enum outlook outlook_of(const struct json *connection)
{
	bool usable = false;

	(void)json_bool(json_get(connection, "usable"), &usable); /* no word of it: no */
	if (usable)
		return OUTLOOK_USABLE;
	if (text_equal(json_get_text(connection, "state"), "awaiting_approval"))
		return OUTLOOK_UNKNOWN;
	return show_needs_person(connection) ? OUTLOOK_HOPELESS : OUTLOOK_UNKNOWN;
}

/* Watch until the outlook is usable, or hopeless which it was not. */
static int watch(const struct obtain *o, struct wait *w, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	char *items[] = {(char *)o->name}; /* is only read */
	const struct names names = {items, ELEMENTS(items)};
	enum outlook before = w->outlook;
	int code;

	code = client_call(
		o->runtime, WIRE_STATUS_WATCH, wire_names_parameters(&names), true, &client, why);
	while (code == EXIT_DONE && (w->outlook == OUTLOOK_UNKNOWN || w->outlook == before)) {
		struct wire_reply reply = {0};

		before = w->outlook;
		code = client_receive(client, o->deadline, &reply, why);
		if (code == EXIT_DONE && reply.error != WIRE_OK)
			code = show_error(&reply, WIRE_STATUS_GET, o->name, client_now(), why);
		if (code == EXIT_DONE) {
			w->reached = true;
			w->outlook =
				outlook_of(json_at(json_get(reply.parameters, "connections"), 0));
		}
		wire_reply_done(&reply);
	}
	return code;
}

/* The connection is usable, but its token is not good enough. */
static void pause_longer(const struct obtain *o, struct wait *w)
{
	uint64_t until = usec_add(client_now().boot_usec, w->pause_usec);

	client_pause(until < o->deadline ? until : o->deadline);
	w->pause_usec = w->pause_usec * 2 < AGAIN_LAST_USEC ? w->pause_usec * 2 : AGAIN_LAST_USEC;
	w->outlook = OUTLOOK_UNKNOWN;
}

/* Wait until asking again makes sense, over as many connections to the agent as it takes. */
static int await_change(const struct obtain *o, struct wait *w, struct buf *why)
{
	int code;

	if (w->outlook == OUTLOOK_USABLE)
		pause_longer(o, w);
	for (;;) {
		uint64_t again;

		buf_done(why);
		code = watch(o, w, why);
		again = usec_add(client_now().boot_usec, CLIENT_RETRY_USEC);
		if (code != EXIT_NOT_REACHABLE && code != EXIT_TRY_AGAIN)
			break;
		if (o->deadline == USEC_NEVER && !w->reached)
			return code;
		if (again >= o->deadline)
			return EXIT_TIMED_OUT; /* with the reason of the last try */
		client_pause(again);
	}
	if (code == EXIT_TIMED_OUT) {
		buf_done(why);
		(void)buf_printf(
			why, "%s: not usable within the timeout; see grantctl status", o->name);
	}
	return code;
}

int obtain_token(const struct obtain *o, struct wire_reply *ret, struct buf *why)
{
	struct wait w = {.pause_usec = AGAIN_FIRST_USEC};

	for (;;) {
		struct wire_reply reply = {0};
		bool waits;
		int code;

		code = ask(o, &reply, why);
		if (code == EXIT_DONE) {
			*ret = reply;
			return code;
		}
		w.reached |= reply.json != NULL;
		waits = may_wait(o, &w, code, &reply);
		wire_reply_done(&reply);
		if (!waits)
			return code;
		tell(&w, code, why);
		code = await_change(o, &w, why);
		if (code != EXIT_DONE)
			return code;
	}
}
