/* SPDX-License-Identifier: BSD-2-Clause */

/* The sockets: Varlink calls to answers. grantd-protocol(7).
 *
 * A client has one call at a time: while one waits for its end, no further frame of that client is
 * read. So what clients can make us hold is bounded by their number. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "agent/control.h"
#include "agent/messages.h"
#include "agent/status.h"
#include "agent/syncer.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/log.h"
#include "wire/wire.h"

/* A request takes at most HTTP_TOTAL_TIMEOUT_MS, and may have to wait for another one and for
 * metadata. */
#define CALL_TIMEOUT (3 * USEC_PER_MIN)
/* Watchers are told the newest state at most this often, and slow ones later: a status of thousands
 * of connections is megabytes. */
#define WATCH_PAUSE (USEC_PER_S / 10)
/* Whether tokens have come to live longer is looked at this often where a program asks for more
 * than their whole life: providers' settings change by the hand of a person. */
#define VAIN_PAUSE (5 * USEC_PER_MIN)

/* A client and the call of it that is not answered yet. */
struct session {
	struct session *previous, *next;
	struct control *control;
	struct client *client;
	bool on_control;        /* control.sock */
	bool private;           /* a sync's process: nobody else by what it is */
	struct syncer *process; /* which, NULL when that is gone */
	struct syncer *sync;    /* a command to it waits for its answer */
	uint64_t number;        /* of the command */

	bool pending;
	bool asked; /* the command that the call stands for has been given */
	bool oneway;
	bool behind; /* a watcher that missed a change */
	enum wire_method method;
	struct connection *connection;
	uint64_t min_valid_usec;
	bool min_valid_given;
	bool wait, cancel, keep, code_only, replace;
	/* Of Paste and Invalidate: borrowed from the call, and gone when that returns. */
	const char *address, *access_token;
	enum grant_end end; /* what the call waits for */
	uint32_t outcomes;  /* of that kind, seen when the command was given */
	struct names names;
	uint64_t told; /* digest of the status last told to a watcher */
	struct timer timeout;
};

struct control {
	struct agent *agent;
	struct listener *status_listener;
	struct listener *control_listener;
	struct listener *private_listener;
	struct session *sessions;
	struct timer watch;
	uint64_t watch_after; /* boot time before which watchers are not told again */
};

/* --- replies --- */

static void send_frame(struct session *s, struct buf *frame)
{
	if (!s->oneway && frame->len > 0)
		(void)client_send(
			s->client, frame->data, frame->len); /* a full queue closes the client */
	buf_done(frame);
}

/* The call has its answer: read the next frame. */
static void finish(struct session *s)
{
	loop_timer_clear(s->control->agent->loop, &s->timeout);
	names_done(&s->names);
	s->connection = NULL;
	s->sync = NULL;
	s->behind = false;
	if (!s->pending)
		return;
	s->pending = false;
	client_busy(s->client, false);
	client_pause(s->client, false);
}

static void reply(struct session *s, struct json *take_parameters)
{
	struct buf frame = BUF(WIRE_REPLY_MAX);

	if (take_parameters && wire_build_reply(take_parameters, false, &frame) == 0)
		send_frame(s, &frame);
	else
		client_close(s->client); /* no memory, or a reply beyond all bounds: say nothing
		                            rather than half */
	buf_done(&frame);
	json_free(take_parameters);
	finish(s);
}

static void reply_error(struct session *s, enum wire_error error, const char *text)
{
	struct buf frame = BUF(WIRE_REPLY_MAX);

	if (wire_build_error_text(error, text, &frame) == 0)
		send_frame(s, &frame);
	else
		client_close(s->client);
	buf_done(&frame);
	finish(s);
}

static bool is_operator(const struct session *s)
{
	return !s->private && agent_is_operator(s->control->agent, client_peer(s->client));
}

static void reply_not_usable(struct session *s, const struct fault *f, uint64_t retry_wall)
{
	char retry_at[TEXT_TIME_SIZE];
	struct buf frame = BUF(WIRE_REPLY_MAX);
	struct json *parameters;
	struct fault told = *f;
	struct grant_view v;

	if (s->connection && !is_operator(s)) {
		connection_view(s->connection, &v);
		status_redact(&told, v.state);
	}
	text_format_time(retry_at, sizeof(retry_at), retry_wall);
	parameters = wire_not_usable(told.kind, told.detail, retry_wall > 0 ? retry_at : NULL);
	if (parameters && wire_build_error(WIRE_NOT_USABLE, parameters, &frame) == 0)
		send_frame(s, &frame);
	else
		client_close(s->client);
	buf_done(&frame);
	json_free(parameters);
	finish(s);
}

/* --- who may --- */

static void audit(const struct session *s, int severity, const char *message_id, const char *what)
{
	const struct peer *peer = client_peer(s->client);
	struct log_about about = {.message_id = message_id,
		.connection = s->connection ? connection_name(s->connection) : NULL};

	if (s->private)
		log_message(severity, &about, "%s by sync %s", what,
			s->process ? syncer_name(s->process) : "");
	else
		log_message(severity, &about, "%s by uid %u, pid %d%s%s", what, (unsigned)peer->uid,
			(int)peer->pid, peer->unit[0] ? ", unit " : "", peer->unit);
}

static bool permitted(const struct session *s)
{
	if (s->private)
		return (s->method == WIRE_GET_TOKEN || s->method == WIRE_INVALIDATE) &&
			s->process && syncer_may_use(s->process, connection_name(s->connection));
	if (is_operator(s))
		return true;
	return (s->method == WIRE_GET_TOKEN || s->method == WIRE_INVALIDATE) &&
		access_matches(connection_allow(s->connection), client_peer(s->client));
}

/* --- commands and their ends --- */

/* From here on the call waits for the next @end. */
static void expect(struct session *s, enum grant_end end)
{
	struct grant_view v;

	connection_view(s->connection, &v);
	s->asked = true;
	s->end = end;
	s->outcomes = v.outcomes[end].count;
}

/* Give the command that the call stands for; its end comes later, or has come already. */
static void give(struct session *s, enum grant_command command, enum grant_end end)
{
	expect(s, end);
	connection_command(s->connection, command);
}

static bool has_ended(const struct session *s, const struct grant_view *v)
{
	return v->outcomes[s->end].count != s->outcomes;
}

/* --- GetToken --- */

static void reply_token_of(struct session *s, const struct token *t, const struct grant_view *v)
{
	char expires_at[TEXT_TIME_SIZE];
	struct wire_token w = {
		.access_token = secret_expose(t->access_token),
		.token_type = t->token_type,
		.expires_at = expires_at,
		.scopes = &t->scopes,
		.extra = t->extra,
	};

	text_format_time(expires_at, sizeof(expires_at), v->token_expires_usec);
	audit(s, LOG_INFO, MESSAGE_HANDOUT, "token handed out");
	reply(s, wire_token_reply(&w));
}

/* Why there is no token, or none that lives long enough, in the words of what has to be done. */
static void refuse_token(
	struct session *s, const struct grant_view *v, const struct token *t, uint64_t remaining)
{
	struct fault f;

	if (t && s->min_valid_usec > v->token_lifetime_usec)
		fault_set(&f, FAULT_TRANSIENT,
			"a token lives for %llu s in all here, asked were %llu s: ask for less",
			(unsigned long long)(v->token_lifetime_usec / USEC_PER_S),
			(unsigned long long)(s->min_valid_usec / USEC_PER_S));
	else if (t)
		fault_set(&f, FAULT_TRANSIENT,
			"the freshest token to be had lives for another %llu s only, asked were %llu s",
			(unsigned long long)(remaining / USEC_PER_S),
			(unsigned long long)(s->min_valid_usec / USEC_PER_S));
	else if (v->approval)
		fault_set(&f, FAULT_NEEDS_APPROVAL, "waiting for approval");
	else if (v->fault->kind != FAULT_NONE)
		f = *v->fault;
	else if (v->outcomes[s->end].fault.kind != FAULT_NONE)
		f = v->outcomes[s->end].fault;
	else
		fault_set(&f, FAULT_TRANSIENT, "there is no token yet");
	reply_not_usable(s, &f, v->fault_retry_usec);
}

/* Is more asked for than the life of a whole token, and was one got for that not long ago? A
 * program that asks so all the time must not make a request of it each time. */
static bool asks_in_vain(const struct session *s, const struct grant_view *v, uint64_t remaining)
{
	uint64_t age = usec_sub(v->token_lifetime_usec, remaining);

	return s->min_valid_given && s->min_valid_usec > v->token_lifetime_usec &&
		v->token_renewed && age < VAIN_PAUSE;
}

static void evaluate_token(struct session *s)
{
	uint64_t remaining = 0;
	const struct token *t = connection_token(s->connection, &remaining);
	struct grant_view v;
	bool enough;

	connection_view(s->connection, &v);
	enough = s->min_valid_given ? remaining >= s->min_valid_usec : v.usable;
	if (t && enough)
		reply_token_of(s, t, &v);
	else if (t && !s->asked && asks_in_vain(s, &v, remaining))
		refuse_token(s, &v, t, remaining);
	else if (!s->asked)
		give(s, GRANT_RENEW, GRANT_END_REFRESH);
	else if (!has_ended(s, &v))
		return;
	else if (t && !s->min_valid_given)
		reply_token_of(s, t, &v);
	else
		refuse_token(s, &v, t, remaining);
}

/* --- Login, Paste, Confirm, Reject, Refresh, Revoke --- */

static void reply_login(struct session *s, const struct grant_view *v)
{
	_cleanup_(json_freep) struct json *approval = status_approval(v, true);
	struct wire_login w = {
		.state = grant_state_to_string(v->state),
		.usable = v->usable,
		.approval = v->approval ? approval : NULL,
	};

	reply(s, approval ? wire_login_reply(&w) : NULL);
}

/* The end of an approval: usable, or why not. */
static void reply_login_end(struct session *s, const struct grant_view *v)
{
	const struct fault *f = &v->outcomes[s->end].fault;
	struct fault none;

	fault_set(&none, FAULT_NEEDS_APPROVAL, "no approval is pending");
	if (f->kind == FAULT_NONE || !has_ended(s, v))
		f = v->fault;
	if (v->usable && (f->kind == FAULT_NONE || !has_ended(s, v)))
		reply_login(s, v);
	else
		reply_not_usable(s, f->kind != FAULT_NONE ? f : &none, v->fault_retry_usec);
}

/* With wait: reply at the end of the approval that is pending now, or that was given and is looked
 * at. */
static void evaluate_login_wait(struct session *s)
{
	struct grant_view v;

	if (!s->asked)
		expect(s, GRANT_END_APPROVAL);
	connection_view(s->connection, &v);
	if ((!v.approval && !v.checking) || has_ended(s, &v))
		reply_login_end(s, &v);
}

/* Drop the approval that is pending, at once. What can't be dropped is no fault of the connection.
 */
static void evaluate_cancel(struct session *s)
{
	const struct fault *f;
	struct grant_view v;

	give(s, GRANT_CANCEL, GRANT_END_CANCELLATION);
	connection_view(s->connection, &v);
	f = &v.outcomes[s->end].fault;
	if (f->kind == FAULT_NONE)
		reply_login(s, &v);
	else if (fault_meaning(f->kind)->retried)
		reply_not_usable(s, f, v.fault_retry_usec);
	else
		reply_error(s, WIRE_BAD_REQUEST, f->detail);
}

static void evaluate_login(struct session *s)
{
	struct grant_view v;

	if (s->wait) {
		evaluate_login_wait(s);
		return;
	}
	if (!s->asked)
		give(s, GRANT_LOGIN, GRANT_END_APPROVAL);
	connection_view(s->connection, &v);
	if (v.approval)
		reply_login(s, &v);
	else if (has_ended(s, &v))
		reply_login_end(s, &v);
}

/* Hand the address over. Returns false where it was refused, which is the answer then. */
static bool begin_paste(struct session *s)
{
	struct fault why = {.kind = FAULT_NONE};
	int r;

	expect(s, GRANT_END_PASTE);
	r = connection_paste(s->connection, s->address, strlen(s->address), s->code_only, &why);
	s->address = NULL;
	if (r == -ENOMEM)
		fault_set(&why, FAULT_INTERNAL, "out of memory");
	if (r < 0)
		reply_not_usable(s, &why, 0);
	return r == 0;
}

static void evaluate_paste(struct session *s)
{
	struct grant_view v;

	if (!s->asked && !begin_paste(s))
		return;
	connection_view(s->connection, &v);
	if (has_ended(s, &v))
		reply_login_end(s, &v);
}

static void give_command(struct session *s)
{
	if (s->method == WIRE_REFRESH)
		give(s, GRANT_REFRESH, GRANT_END_REFRESH);
	else if (s->method == WIRE_CONFIRM)
		give(s, s->replace ? GRANT_CONFIRM_REPLACE : GRANT_CONFIRM, GRANT_END_CONFIRMATION);
	else if (s->method == WIRE_REJECT)
		give(s, GRANT_REJECT, GRANT_END_CONFIRMATION);
	else
		give(s, s->keep ? GRANT_FORGET : GRANT_REVOKE, GRANT_END_REVOCATION);
}

static void reply_invalidate(struct session *s, const struct grant_view *v, bool refreshed)
{
	char expires_at[TEXT_TIME_SIZE];
	const bool unchanged = refreshed && v->token_unchanged;

	text_format_time(expires_at, sizeof(expires_at), v->token_expires_usec);
	reply(s,
		wire_invalidate_reply(
			refreshed, unchanged, v->token_expires_usec ? expires_at : NULL));
}

/* Pass the report on. Returns false where that is answered already. */
static bool begin_invalidate(struct session *s)
{
	struct fault why = {.kind = FAULT_NONE};
	uint64_t retry_usec = 0;
	struct grant_view v;
	int r;

	expect(s, GRANT_END_REFRESH);
	r = connection_invalidate(
		s->connection, s->access_token, strlen(s->access_token), &why, &retry_usec);
	s->access_token = NULL;
	connection_view(s->connection, &v);
	if (r < 0)
		reply_not_usable(s, &why, retry_usec);
	else if (r > 0)
		reply_invalidate(s, &v, false);
	return r == 0;
}

static void evaluate_invalidate(struct session *s)
{
	struct grant_view v;

	if (!s->asked && !begin_invalidate(s))
		return;
	connection_view(s->connection, &v);
	if (!has_ended(s, &v))
		return;
	if (v.outcomes[s->end].fault.kind != FAULT_NONE)
		reply_not_usable(s, &v.outcomes[s->end].fault, v.fault_retry_usec);
	else
		reply_invalidate(s, &v, true);
}

static void evaluate_command(struct session *s)
{
	char expires_at[TEXT_TIME_SIZE];
	struct grant_view v;

	if (!s->asked)
		give_command(s);
	connection_view(s->connection, &v);
	if (!has_ended(s, &v))
		return;
	if (v.outcomes[s->end].fault.kind != FAULT_NONE) {
		reply_not_usable(s, &v.outcomes[s->end].fault, v.fault_retry_usec);
		return;
	}
	text_format_time(expires_at, sizeof(expires_at), v.token_expires_usec);
	reply(s,
		s->method == WIRE_REFRESH
			? wire_refresh_reply(v.token_expires_usec ? expires_at : NULL)
			: json_new_object());
}

/* --- syncs --- */

static void evaluate_sync(struct session *s)
{
	struct fault refused = {.kind = FAULT_NONE};

	if (!is_operator(s))
		reply_error(s, WIRE_NOT_PERMITTED, NULL);
	else if (!syncer_answer(s->sync, s->number, &refused))
		return;
	else if (refused.kind != FAULT_NONE)
		reply_not_usable(s, &refused, 0);
	else
		reply(s, json_new_object());
}

/* Is there an answer by now? A reload may have taken away the right to it. */
static void evaluate(struct session *s)
{
	if (s->sync)
		evaluate_sync(s);
	else if (!permitted(s))
		reply_error(s, WIRE_NOT_PERMITTED, NULL);
	else if (s->method == WIRE_GET_TOKEN)
		evaluate_token(s);
	else if (s->method == WIRE_LOGIN && s->cancel)
		evaluate_cancel(s);
	else if (s->method == WIRE_LOGIN)
		evaluate_login(s);
	else if (s->method == WIRE_PASTE)
		evaluate_paste(s);
	else if (s->method == WIRE_INVALIDATE)
		evaluate_invalidate(s);
	else
		evaluate_command(s);
}

static void on_timeout(void *userdata)
{
	reply_error(userdata, WIRE_TIMED_OUT, NULL);
}

/* From here on the call waits for its answer, which may come before this returns. */
static void begin_call(struct session *s)
{
	struct loop *loop = s->control->agent->loop;

	s->pending = true;
	client_busy(s->client, true);
	client_pause(s->client, true);
	if (!s->wait &&
		loop_timer_set(
			loop, &s->timeout, usec_add(loop_now(loop).boot_usec, CALL_TIMEOUT)) < 0)
		reply_error(s, WIRE_BUSY, NULL);
	else
		evaluate(s);
}

static const char *command_words(const struct session *s)
{
	if (s->method == WIRE_PASTE)
		return "address pasted";
	if (s->method == WIRE_CONFIRM)
		return s->replace ? "approver confirmed as another one" : "approver confirmed";
	if (s->method == WIRE_REJECT)
		return "approver rejected";
	if (s->method == WIRE_INVALIDATE)
		return "token reported as refused";
	if (s->method == WIRE_REFRESH)
		return "refresh asked for";
	if (s->method == WIRE_REVOKE)
		return s->keep ? "grant forgotten here" : "grant revoked";
	return s->cancel ? "approval cancelled" : "login asked for";
}

/* A call about one connection. */
static void handle_named(struct session *s, const struct wire_call *call)
{
	struct wire_named named = {0};
	const char *bad = NULL;

	if (wire_read_named(call->method, call->parameters, &named, &bad) < 0) {
		reply_error(s, WIRE_INVALID_PARAMETER, bad);
		return;
	}
	s->connection = agent_connection(s->control->agent, named.name);
	if (!s->connection) {
		reply_error(s, WIRE_NO_SUCH_CONNECTION, named.name);
		return;
	}
	s->min_valid_given = named.min_valid_given;
	s->min_valid_usec = named.min_valid_s < USEC_NEVER / USEC_PER_S
		? named.min_valid_s * USEC_PER_S
		: USEC_NEVER;
	s->wait = named.wait;
	s->cancel = named.cancel;
	s->keep = named.keep;
	s->code_only = named.code_only;
	s->replace = named.replace;
	s->address = named.address;
	s->access_token = named.access_token;
	s->asked = false;
	if (!permitted(s)) {
		audit(s, LOG_WARNING, MESSAGE_REFUSED, wire_method_info(call->method)->name);
		reply_error(s, WIRE_NOT_PERMITTED, NULL);
		return;
	}
	if (s->method != WIRE_GET_TOKEN && (!s->wait || s->cancel))
		audit(s, LOG_INFO, MESSAGE_COMMAND, command_words(s));
	begin_call(s);
}

static void reply_not_running(struct session *s)
{
	struct fault why;

	fault_set(&why, FAULT_TRANSIENT, "the sync has told nothing yet, its process is starting");
	reply_not_usable(s, &why, 0);
}

static void command_sync(struct session *s, struct syncer *sync, const char *word)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "sync %.40s: %s", syncer_name(sync), word);
	audit(s, LOG_INFO, MESSAGE_COMMAND, what);
	if (syncer_command(sync, word, &s->number) < 0) {
		reply_not_running(s);
		return;
	}
	s->sync = sync;
	s->wait = false;
	begin_call(s);
}

static void show_sync(struct session *s, const struct syncer *sync)
{
	const struct json *told =
		s->method == WIRE_SYNC_FIELDS ? syncer_fields(sync) : syncer_failed(sync);
	struct json *fields;

	if (!told) {
		reply_not_running(s);
	} else if (s->method == WIRE_SYNC_FAILED) {
		reply(s, json_copy(told));
	} else {
		fields = json_new_object();
		if (json_add(fields, "fields", json_copy(told)) < 0)
			fields = json_free(fields);
		reply(s, fields);
	}
}

static void reply_syncs(struct session *s, const char *name)
{
	struct json *j = json_new_object();

	if (json_add(j, "sync", status_syncs(s->control->agent, name)) < 0)
		j = json_free(j);
	reply(s, j);
}

/* A call about a sync. */
static void handle_sync(struct session *s, const struct wire_call *call)
{
	const char *name = NULL, *bad = NULL;
	struct syncer *sync;

	if (wire_read_sync(call->method, call->parameters, &name, &bad) < 0) {
		reply_error(s, WIRE_INVALID_PARAMETER, bad);
		return;
	}
	sync = agent_syncer(s->control->agent, name);
	if (name && !sync)
		reply_error(s, WIRE_NO_SUCH_SYNC, name);
	else if (s->method == WIRE_SYNC_STATUS)
		reply_syncs(s, name);
	else if (!is_operator(s)) {
		audit(s, LOG_WARNING, MESSAGE_REFUSED, wire_method_info(s->method)->name);
		reply_error(s, WIRE_NOT_PERMITTED, NULL);
	} else if (s->method == WIRE_SYNC_FIELDS || s->method == WIRE_SYNC_FAILED)
		show_sync(s, sync);
	else
		command_sync(s, sync,
			s->method == WIRE_SYNC_START          ? "start"
				: s->method == WIRE_SYNC_STOP ? "stop"
							      : "check");
}

/* Of the process of a sync: it stays, and gets replies as there is something to tell. */
static void handle_attend(struct session *s, const struct wire_call *call)
{
	if (!call->more) {
		reply_error(s, WIRE_EXPECTED_MORE, NULL);
		return;
	}
	client_pause(s->client, true);
	if (syncer_attend(s->process, s->client) < 0)
		client_close(s->client);
}

static void handle_report(struct session *s, const struct wire_call *call)
{
	struct wire_report report = {.status = NULL};
	const char *bad = "status";

	if (wire_read_report(call->parameters, &report, &bad) < 0 ||
		syncer_report(s->process, &report) < 0)
		reply_error(s, WIRE_INVALID_PARAMETER, bad);
	else
		reply(s, json_new_object());
}

/* May the process of a sync, and nobody but it, call this? */
static bool is_of_process(enum wire_method method)
{
	return method == WIRE_SYNC_ATTEND || method == WIRE_SYNC_REPORT;
}

static bool may_call(const struct session *s)
{
	if (!s->private)
		return !is_of_process(s->method);
	return s->process &&
		(is_of_process(s->method) || s->method == WIRE_GET_TOKEN ||
			s->method == WIRE_INVALIDATE);
}

static void handle_reload(struct session *s, const struct wire_call *call)
{
	struct config_faults faults = {0};
	const char *bad = NULL;
	int r;

	if (wire_check(call->method, call->parameters, &bad) < 0) {
		reply_error(s, WIRE_INVALID_PARAMETER, bad);
		return;
	}
	if (!is_operator(s)) {
		audit(s, LOG_WARNING, MESSAGE_REFUSED, "Reload");
		reply_error(s, WIRE_NOT_PERMITTED, NULL);
		return;
	}
	audit(s, LOG_INFO, MESSAGE_COMMAND, "reload asked for");
	r = agent_reload(s->control->agent, &faults);
	if (r == 0)
		reply(s, json_new_object());
	else
		reply_error(s, WIRE_INVALID_CONFIGURATION,
			r == -EINVAL ? buf_text(&faults.text) : "out of memory");
	config_faults_done(&faults);
}

/* --- status --- */

/* Codes are for operators, and never on the socket that anyone may watch. */
static bool sees_codes(const struct session *s)
{
	return s->on_control && is_operator(s);
}

/* FNV-1a, to see that nothing has changed; nobody gains by a collision but a watcher's own loss. */
static uint64_t digest_of(const struct buf *b)
{
	uint64_t digest = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < b->len; i++)
		digest = (digest ^ (uint8_t)b->data[i]) * UINT64_C(0x100000001b3);
	return digest;
}

/* One frame of status; empty where it can't be had. */
static void build_status(const struct session *s, bool continues, struct buf *ret)
{
	_cleanup_(json_freep) struct json *j =
		status_json(s->control->agent, &s->names, sees_codes(s));

	if (!j || wire_build_reply(j, continues, ret) < 0)
		buf_done(ret);
}

static void send_status(struct session *s, bool continues, const struct buf *frame)
{
	uint64_t digest = digest_of(frame);

	s->behind = false;
	if (frame->len == 0)
		client_close(s->client);
	else if (!s->oneway && !(continues && digest == s->told))
		(void)client_send(s->client, frame->data, frame->len); /* a full queue closes it */
	s->told = digest;
}

static const char *unknown_name(const struct agent *a, const struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (!agent_connection(a, names->items[i]))
			return names->items[i];
	return NULL;
}

static void begin_status(struct session *s, bool watch)
{
	struct buf frame = BUF(WIRE_REPLY_MAX);

	s->told = 0;
	build_status(s, watch, &frame);
	send_status(s, watch, &frame);
	buf_done(&frame);
	if (!watch) {
		finish(s);
		return;
	}
	s->pending = true;
	client_pause(s->client, true);
}

static void handle_status(struct session *s, const struct wire_call *call)
{
	const char *bad = NULL;

	if (wire_read_names(call->method, call->parameters, &s->names, &bad) < 0) {
		reply_error(s, WIRE_INVALID_PARAMETER, bad);
		return;
	}
	bad = unknown_name(s->control->agent, &s->names);
	if (bad) {
		reply_error(s, WIRE_NO_SUCH_CONNECTION, bad);
	} else if (call->method == WIRE_STATUS_WATCH && !call->more) {
		reply_error(s, WIRE_EXPECTED_MORE, NULL);
	} else {
		begin_status(s, call->method == WIRE_STATUS_WATCH);
	}
}

/* @all: the frames of those who asked for all connections, without and with codes, built when first
 * needed. */
static void tell_watcher(struct session *s, struct buf all[2])
{
	const char *gone = unknown_name(s->control->agent, &s->names);
	struct buf own = BUF(WIRE_REPLY_MAX);
	struct buf *frame = s->names.n > 0 ? &own : &all[sees_codes(s)];

	if (gone) {
		reply_error(s, WIRE_NO_SUCH_CONNECTION, gone);
	} else if (client_queued(s->client) == 0) { /* else it stays behind */
		if (frame->len == 0)
			build_status(s, true, frame);
		send_status(s, true, frame);
	}
	buf_done(&own);
}

static bool watching(const struct session *s)
{
	return s->pending && s->method == WIRE_STATUS_WATCH;
}

/* Tell the watchers that are behind, no more often than WATCH_PAUSE. */
static void on_watch(void *userdata)
{
	struct control *control = userdata;
	struct loop *loop = control->agent->loop;
	struct buf all[2] = {BUF(WIRE_REPLY_MAX), BUF(WIRE_REPLY_MAX)};
	bool behind = false;

	for (struct session *s = control->sessions, *next; s; s = next) {
		next = s->next;
		if (watching(s) && s->behind)
			tell_watcher(s, all);
		behind |= s->behind;
	}
	buf_done(&all[false]);
	buf_done(&all[true]);
	control->watch_after = usec_add(loop_now(loop).boot_usec, WATCH_PAUSE);
	if (behind) /* short of memory: the next change tries again */
		(void)loop_timer_set(loop, &control->watch, control->watch_after);
}

void control_changed(struct control *control)
{
	bool behind = false;

	for (struct session *s = control->sessions, *next; s; s = next) {
		next = s->next;
		if (watching(s))
			behind = s->behind = true;
		else if (s->pending)
			evaluate(s);
	}
	if (behind)
		(void)loop_timer_set(control->agent->loop, &control->watch, control->watch_after);
}

void control_connection_gone(struct control *control, const struct connection *c)
{
	for (struct session *s = control->sessions, *next; s; s = next) {
		next = s->next;
		if (s->pending && s->connection == c)
			reply_error(s, WIRE_NO_SUCH_CONNECTION, connection_name(c));
	}
}

/* --- clients --- */

static struct session *open_session(struct control *control, struct client *client, bool on_control)
{
	struct session *s = mem_alloc(sizeof(*s));

	if (!s) {
		client_close(client);
		return NULL;
	}
	*s = (struct session){
		.control = control,
		.client = client,
		.on_control = on_control,
		.next = control->sessions,
		.timeout = {.handler = on_timeout, .userdata = s},
	};
	if (s->next)
		s->next->previous = s;
	control->sessions = s;
	client_set_userdata(client, s);
	return s;
}

static void on_opened_control(void *userdata, struct client *client)
{
	(void)open_session(userdata, client, true); /* a client without a session is closed */
}

static void on_opened_status(void *userdata, struct client *client)
{
	(void)open_session(userdata, client, false);
}

static void on_closed(void *userdata, struct client *client)
{
	struct control *control = userdata;
	struct session *s = client_userdata(client);

	if (!s)
		return;
	if (s->process)
		syncer_closed(s->process, client);
	loop_timer_clear(control->agent->loop, &s->timeout);
	names_done(&s->names);
	if (s->previous)
		s->previous->next = s->next;
	else
		control->sessions = s->next;
	if (s->next)
		s->next->previous = s->previous;
	mem_free(s);
}

static void answer_service(struct session *s, const struct wire_call *call)
{
	struct buf frame = BUF(WIRE_REPLY_MAX);

	if (wire_answer_service(call, s->on_control, VERSION, &frame) == 0)
		send_frame(s, &frame);
	else
		client_close(s->client);
	buf_done(&frame);
}

static void handle_call(struct session *s, const struct wire_call *call)
{
	s->oneway = call->oneway;
	s->method = call->method;
	if (wire_method_info(call->method)->control && !s->on_control) {
		reply_error(s, WIRE_INTERFACE_NOT_FOUND, wire_method_info(call->method)->interface);
		return;
	}
	if (!may_call(s)) {
		audit(s, LOG_WARNING, MESSAGE_REFUSED, wire_method_info(call->method)->name);
		reply_error(s, WIRE_NOT_PERMITTED, NULL);
		return;
	}
	switch (call->method) {
	case WIRE_GET_INFO:
	case WIRE_GET_INTERFACE_DESCRIPTION:
		answer_service(s, call);
		break;
	case WIRE_STATUS_GET:
	case WIRE_STATUS_WATCH:
		handle_status(s, call);
		break;
	case WIRE_GET_TOKEN:
	case WIRE_LOGIN:
	case WIRE_PASTE:
	case WIRE_CONFIRM:
	case WIRE_REJECT:
	case WIRE_INVALIDATE:
	case WIRE_REFRESH:
	case WIRE_REVOKE:
		handle_named(s, call);
		break;
	case WIRE_RELOAD:
		handle_reload(s, call);
		break;
	case WIRE_SYNC_STATUS:
	case WIRE_SYNC_FIELDS:
	case WIRE_SYNC_FAILED:
	case WIRE_SYNC_START:
	case WIRE_SYNC_STOP:
	case WIRE_SYNC_CHECK:
		handle_sync(s, call);
		break;
	case WIRE_SYNC_ATTEND:
		handle_attend(s, call);
		break;
	case WIRE_SYNC_REPORT:
		handle_report(s, call);
		break;
	case _WIRE_METHOD_MAX:
		break;
	}
}

static void on_frame(void *userdata, struct client *client, const char *frame, size_t len)
{
	struct session *s = client_userdata(client);
	struct wire_call call = {0};
	enum wire_error error = WIRE_OK;
	struct fault why = {.kind = FAULT_NONE};
	int r;

	(void)userdata;
	if (!s)
		return;
	r = wire_parse_call(frame, len, &call, &error, &why);
	if (r == 0) {
		handle_call(s, &call);
	} else if (r == -ENOENT) {
		s->oneway = call.oneway;
		reply_error(s, error, why.detail);
	} else {
		client_close(client);
	}
	wire_call_done(&call);
}

static const struct listener_handlers control_handlers = {
	.opened = on_opened_control,
	.frame = on_frame,
	.closed = on_closed,
};

static const struct listener_handlers status_handlers = {
	.opened = on_opened_status,
	.frame = on_frame,
	.closed = on_closed,
};

static const struct listener_handlers private_handlers = {
	.frame = on_frame,
	.closed = on_closed,
};

int control_adopt(struct control *control, struct syncer *syncer, int take_fd)
{
	struct client *client = listener_adopt(control->private_listener, take_fd);
	struct session *s = client ? open_session(control, client, true) : NULL;

	if (!s)
		return -ENOMEM;
	s->private = true;
	s->process = syncer;
	return 0;
}

void control_syncer_gone(struct control *control, struct syncer *syncer)
{
	for (struct session *s = control->sessions, *next; s; s = next) {
		next = s->next;
		if (s->process == syncer) {
			s->process = NULL;
			client_close(s->client);
		}
		if (s->pending && s->sync == syncer)
			evaluate_sync(s);
	}
}

static int open_socket(struct control *control, const char *runtime, const char *name,
	const struct listener_handlers *handlers, struct listener **ret, struct fault *reterr)
{
	struct buf path = BUF(4096);
	int r;

	r = buf_printf(&path, "%s/%s", runtime, name);
	if (r < 0)
		fault_set(reterr, FAULT_MISCONFIGURED, "the runtime directory's path is too long");
	else
		r = listener_new(control->agent->loop, buf_text(&path), 0666, handlers, control,
			ret, reterr);
	buf_done(&path);
	return r;
}

int control_new(
	struct agent *agent, const char *runtime, struct control **ret, struct fault *reterr)
{
	struct control *control = mem_alloc(sizeof(*control));
	int r;

	if (!control) {
		fault_set(reterr, FAULT_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	control->agent = agent;
	control->watch = (struct timer){.handler = on_watch, .userdata = control};
	r = open_socket(control, runtime, "status.sock", &status_handlers,
		&control->status_listener, reterr);
	if (r == 0)
		r = open_socket(control, runtime, "control.sock", &control_handlers,
			&control->control_listener, reterr);
	if (r == 0) {
		r = listener_new_private(agent->loop, WIRE_REPORT_MAX, &private_handlers, control,
			&control->private_listener);
		if (r < 0)
			fault_set(reterr, FAULT_INTERNAL, "can't serve syncs: %s",
				strerrordesc_np(-r));
	}
	if (r < 0) {
		control_free(control);
		return r;
	}
	*ret = control;
	return 0;
}

struct control *control_free(struct control *control)
{
	if (!control)
		return NULL;
	loop_timer_clear(control->agent->loop, &control->watch);
	listener_free(control->status_listener);
	listener_free(control->control_listener);
	listener_free(control->private_listener);
	return mem_free(control);
}
