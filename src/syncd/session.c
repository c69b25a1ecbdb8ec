/* SPDX-License-Identifier: BSD-2-Clause */

/* What the engine of sync/engine.h wants is made so after every input: requests, tokens of the
 * agent (grantd-protocol(7)), what has to be on disk. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>

#include "base/mem.h"
#include "base/text.h"
#include "host/http.h"
#include "host/listen.h"
#include "host/log.h"
#include "host/loop.h"
#include "host/store.h"
#include "sync/engine.h"
#include "syncd/session.h"
#include "wire/wire.h"

/* The record on disk: ten thousand rows that failed with their reasons, and the watermarks. */
#define STATE_MAX (16u * 1024 * 1024)
/* How often the agent is told of progress, and at the latest. */
#define REPORT_PAUSE USEC_PER_S
#define REPORT_EVERY (15 * USEC_PER_S)
/* How often the long lists are looked at for something new. */
#define LISTS_PAUSE (5 * USEC_PER_S)
/* Calls to the agent that have no answer yet: per side one, and a report. */
#define CALLS_MAX 8

enum call_kind { CALL_TOKEN, CALL_INVALIDATE, CALL_REPORT };

struct call {
	enum call_kind kind;
	enum sync_side side;
	uint32_t serial;
};

struct slot {
	struct session *session;
	unsigned i;
	uint32_t serial; /* of the request in flight or done, 0: none */
	struct http_slot *http;
};

struct session {
	const struct session_options *options;
	struct loop *loop;
	struct http *http;
	struct store *store;
	struct listener *listener;
	struct client *attend, *calls; /* NULL: closed */
	struct sync *sync;             /* NULL until there are settings */
	struct sync_settings settings;
	struct slot slots[SYNC_SLOTS];
	uint32_t asked[_SYNC_SIDE_MAX]; /* serial of the token that was asked for */
	struct call pending[CALLS_MAX]; /* answered in order */
	size_t n_pending;
	uint32_t stored;
	struct timer tick, report;
	bool reporting; /* a report has no answer yet */
	bool settling;
	enum sync_stage stage; /* as last reported */
	uint64_t reported_boot, lists_boot;
	uint64_t fields_told, failed_told; /* digests */
};

static struct now now_of(const struct session *s)
{
	return loop_now(s->loop);
}

static void settle(struct session *s);

static void fail(struct session *s, const char *what)
{
	log_message(LOG_ERR, &(struct log_about){.connection = s->options->name}, "%s", what);
	loop_exit(s->loop, 1);
}

/* --- calls to the agent --- */

/* Takes @parameters. */
static void call(struct session *s, enum wire_method method, struct json *take_parameters,
	const struct call *what)
{
	_cleanup_(json_freep) struct json *parameters = take_parameters;
	_cleanup_(buf_done) struct buf frame = BUF(WIRE_REPORT_MAX);

	if (!s->calls || s->n_pending == CALLS_MAX || !parameters ||
		wire_build_call(method, parameters, false, &frame) < 0 ||
		client_send(s->calls, frame.data, frame.len) < 0) {
		fail(s, "the agent can't be asked");
		return;
	}
	s->pending[s->n_pending++] = *what;
}

static const char *connection_of(const struct session *s, enum sync_side side)
{
	return side == SYNC_SOURCE ? s->settings.from : s->settings.to;
}

static void ask_token(struct session *s, enum sync_side side, uint32_t serial)
{
	const struct wire_named named = {.name = connection_of(s, side)};

	call(s, WIRE_GET_TOKEN, wire_named_parameters(WIRE_GET_TOKEN, &named),
		&(struct call){.kind = CALL_TOKEN, .side = side, .serial = serial});
}

static void ask_tokens(struct session *s, const struct sync_want *want)
{
	for (enum sync_side side = 0; side < _SYNC_SIDE_MAX; side++) {
		struct wire_named named = {.name = connection_of(s, side)};
		uint32_t serial = want->tokens[side];

		if (serial == 0 || serial == s->asked[side])
			continue;
		s->asked[side] = serial;
		if (!want->refused[side]) {
			ask_token(s, side, serial);
			continue;
		}
		named.access_token = secret_expose(sync_refused_token(s->sync, side));
		call(s, WIRE_INVALIDATE, wire_named_parameters(WIRE_INVALIDATE, &named),
			&(struct call){.kind = CALL_INVALIDATE, .side = side, .serial = serial});
	}
}

/* Why there is no token, in the agent's words. */
static void why_not(const struct wire_reply *reply, struct fault *ret)
{
	const char *kind = json_get_text(reply->parameters, "kind");
	const char *detail = json_get_text(reply->parameters, "detail");
	enum fault_kind k = FAULT_INTERNAL;

	if (kind)
		(void)fault_kind_from_string(kind, &k); /* stays as it is */
	fault_set(ret, k, "%s", detail ? detail : "the agent gave no token");
}

static void take_token(struct session *s, const struct call *c, const struct wire_reply *reply)
{
	const char *text = json_get_text(reply->parameters, "access_token");
	const char *instance = json_get_text(json_get(reply->parameters, "extra"), "instance_url");
	_cleanup_(secret_freep) struct secret *token = NULL;
	struct fault why;

	if (reply->error == WIRE_OK && text)
		token = secret_new_text(text);
	why_not(reply, &why);
	sync_token(s->sync, c->side, c->serial, token, instance, &why, now_of(s));
}

static void on_answer(struct session *s, const struct wire_reply *reply)
{
	struct call c;

	if (s->n_pending == 0) {
		fail(s, "the agent answers what was not asked");
		return;
	}
	c = s->pending[0];
	memmove(s->pending, s->pending + 1, --s->n_pending * sizeof(c));
	switch (c.kind) {
	case CALL_TOKEN:
		take_token(s, &c, reply);
		break;
	case CALL_INVALIDATE: /* what came of it shows in the token */
		ask_token(s, c.side, c.serial);
		break;
	case CALL_REPORT:
		s->reporting = false;
		break;
	}
}

/* --- reports --- */

static uint64_t digest_of(const struct json *j)
{
	_cleanup_(mem_freep) char *text = j ? json_print(j, false) : NULL;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *c = text; c && *c; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3); /* FNV-1a */
	return h;
}

/* @take_list where it is another than the one told; NULL where not. */
static struct json *if_new(struct json *take_list, uint64_t *told)
{
	_cleanup_(json_freep) struct json *list = take_list;
	uint64_t digest = digest_of(list);

	if (!list || digest == *told)
		return NULL;
	*told = digest;
	return steal(list);
}

static struct json *failed_rows(struct session *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (json_add(j, "rows", sync_tell_failed(s->sync)) < 0)
		return NULL;
	return steal(j);
}

static struct json *status_of(struct session *s)
{
	_cleanup_(json_freep) struct json *j = sync_tell(s->sync, now_of(s));

	if (!j || json_add(j, "sandbox", json_new_bool(s->options->sandboxed)) < 0)
		return NULL;
	return steal(j);
}

/* Tell how it is, and that the command @number was taken, or @refused. */
static void report(struct session *s, uint64_t number, const struct fault *refused)
{
	uint64_t now = now_of(s).boot_usec;
	_cleanup_(json_freep) struct json *status = status_of(s), *fields = NULL, *failed = NULL;
	struct wire_report r = {.status = status, .command = number};
	enum sync_stage stage = s->stage;

	if (!status)
		return; /* short of memory: the next time */
	(void)sync_stage_from_string(json_get_text(status, "stage"), &stage);
	if (stage != s->stage || now >= s->lists_boot) {
		fields = if_new(sync_tell_fields(s->sync), &s->fields_told);
		failed = if_new(failed_rows(s), &s->failed_told);
		s->lists_boot = usec_add(now, LISTS_PAUSE);
	}
	s->stage = stage;
	s->reported_boot = now;
	r.fields = fields;
	r.failed = failed;
	if (refused && refused->kind != FAULT_NONE) {
		r.refused = refused->kind;
		r.detail = refused->detail;
	}
	s->reporting = true;
	call(s, WIRE_SYNC_REPORT, wire_report_parameters(&r), &(struct call){.kind = CALL_REPORT});
}

static void on_report(void *userdata)
{
	struct session *s = userdata;

	if (s->sync && !s->reporting)
		report(s, 0, NULL);
	(void)loop_timer_set(s->loop, &s->report, usec_add(now_of(s).boot_usec, REPORT_EVERY));
}

static void report_soon(struct session *s)
{
	uint64_t when = usec_add(s->reported_boot, REPORT_PAUSE);

	if (s->report.place == 0 || when < s->report.boot_usec)
		(void)loop_timer_set(s->loop, &s->report, when); /* short of memory: later */
}

/* --- what the engine wants --- */

static void on_http(void *userdata, const struct exchange_reply *reply)
{
	struct slot *slot = userdata;
	struct session *s = slot->session;

	sync_reply(s->sync, slot->i, slot->serial, reply, now_of(s));
	settle(s);
}

/* Returns false where it could not be begun, which the engine has been told. */
static bool begin_request(struct session *s, struct slot *slot)
{
	struct exchange_request request = {.url = NULL};
	struct exchange_reply none = {.outcome = EXCHANGE_NOT_SENT, .error = "out of memory"};
	const struct http_options options = {
		.ca_file = sync_slot_side(s->sync, slot->i) == SYNC_SOURCE ? s->options->source_ca
									   : s->options->target_ca,
		.proxy = s->options->proxy,
	};
	int r;

	r = sync_request(s->sync, slot->i, &request);
	if (r == 0)
		r = http_send(s->http, &request, &options, on_http, slot, &slot->http);
	exchange_request_done(&request);
	if (r == 0)
		return true;
	sync_reply(s->sync, slot->i, slot->serial, &none, now_of(s));
	return false;
}

static bool begin_requests(struct session *s, const struct sync_want *want)
{
	bool begun = true;

	for (unsigned i = 0; i < SYNC_SLOTS; i++) {
		struct slot *slot = &s->slots[i];

		if (want->requests[i] == slot->serial)
			continue;
		slot->http = http_slot_free(slot->http);
		slot->serial = want->requests[i];
		if (slot->serial > 0)
			begun &= begin_request(s, slot);
	}
	return begun;
}

static int save(struct session *s, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *j = sync_save(s->sync);
	_cleanup_(mem_freep) char *text = j ? json_print(j, false) : NULL;

	if (!text)
		return -ENOMEM;
	return store_write(s->store, s->options->name, text, strlen(text), reterr);
}

/* Returns whether something was stored, of which the engine has been told. */
static bool store(struct session *s, const struct sync_want *want)
{
	struct fault why = {.kind = FAULT_NONE};
	int r;

	if (want->store == 0 || want->store == s->stored)
		return false;
	s->stored = want->store;
	r = save(s, &why);
	if (r < 0)
		log_message(LOG_ERR,
			&(struct log_about){.connection = s->options->name, .fault = &why}, "%s",
			why.kind != FAULT_NONE ? why.detail : "out of memory");
	sync_stored(s->sync, want->store, r, now_of(s));
	return true;
}

/* Make so what the engine wants, until it wants nothing new. */
static void settle(struct session *s)
{
	struct sync_want want;
	bool again;

	if (!s->sync || s->settling)
		return;
	s->settling = true;
	do {
		want = sync_want(s->sync);
		again = store(s, &want);
		again |= !begin_requests(s, &want);
		ask_tokens(s, &want);
	} while (again);
	(void)loop_timer_set(s->loop, &s->tick, want.deadline); /* set before: does not fail */
	report_soon(s);
	s->settling = false;
}

static void on_tick(void *userdata)
{
	struct session *s = userdata;

	sync_tick(s->sync, now_of(s));
	settle(s);
}

/* --- what the agent says --- */

static int load(struct session *s, struct json **ret)
{
	_cleanup_(buf_done) struct buf text = BUF(STATE_MAX);
	struct fault why = {.kind = FAULT_NONE};
	int r;

	r = store_read(s->store, s->options->name, &text, &why);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = json_parse(buf_text(&text), text.len, ret, &why);
	if (r == -EBADMSG && store_aside(s->store, s->options->name, NULL, &why) == 0) {
		log_message(LOG_WARNING, &(struct log_about){.connection = s->options->name},
			"the record of how far it had come can't be read and was put aside: it "
			"begins anew");
		return 0;
	}
	if (r < 0)
		log_message(LOG_ERR, &(struct log_about){.connection = s->options->name}, "%s",
			why.detail);
	return r;
}

static void begin(struct session *s, const struct json *settings)
{
	_cleanup_(json_freep) struct json *saved = NULL;
	struct fault why = {.kind = FAULT_NONE};
	uint64_t seed;
	int r;

	loop_random(&seed, sizeof(seed));
	r = sync_settings_read(settings, &s->settings, &why);
	if (r == 0)
		r = load(s, &saved);
	if (r == 0)
		r = sync_new(&s->settings, saved, seed, now_of(s), &s->sync);
	if (r < 0)
		fail(s, why.kind != FAULT_NONE ? why.detail : strerrordesc_np(-r));
	s->stage = _SYNC_STAGE_MAX;
}

static void obey(struct session *s, const struct wire_attend *what)
{
	static const char *const words[] = {
		[SYNC_START] = "start",
		[SYNC_STOP] = "stop",
		[SYNC_CHECK] = "check",
		[SYNC_WAKE] = "wake",
	};
	struct fault refused = {.kind = FAULT_NONE};

	for (unsigned i = 0; i < ELEMENTS(words); i++)
		if (text_equal(words[i], what->command))
			(void)sync_command(
				s->sync, (enum sync_command)i, now_of(s), &refused); /* told */
	settle(s);
	if (what->number > 0)
		report(s, what->number, &refused);
}

static void on_attended(struct session *s, const struct wire_reply *reply)
{
	struct wire_attend what = {.settings = NULL};
	const char *bad = NULL;

	if (reply->error != WIRE_OK || wire_read_attend(reply->parameters, &what, &bad) < 0 ||
		(!s->sync && !what.settings)) {
		fail(s, "the agent does not say what was agreed");
		return;
	}
	if (what.settings && !s->sync)
		begin(s, what.settings);
	if (what.command && s->sync)
		obey(s, &what);
}

static void on_frame(void *userdata, struct client *client, const char *frame, size_t len)
{
	struct session *s = userdata;
	struct wire_reply reply = {0};

	if (wire_parse_reply(frame, len, &reply) < 0) {
		fail(s, "the agent does not speak our protocol");
		return;
	}
	if (client == s->attend)
		on_attended(s, &reply);
	else
		on_answer(s, &reply);
	wire_reply_done(&reply);
	settle(s);
}

/* Without the agent there is nothing to do. */
static void on_closed(void *userdata, struct client *client)
{
	struct session *s = userdata;

	if (client == s->attend)
		s->attend = NULL;
	else
		s->calls = NULL;
	loop_exit(s->loop, 0);
}

static void on_stop(void *userdata)
{
	struct session *s = userdata;
	struct fault why = {.kind = FAULT_NONE};

	if (s->sync)
		(void)save(s, &why); /* what is on disk already is enough to go on from */
	loop_exit(s->loop, 0);
}

/* --- life --- */

static const struct listener_handlers handlers = {.frame = on_frame, .closed = on_closed};

static int attend(struct session *s)
{
	_cleanup_(buf_done) struct buf frame = BUF(WIRE_FRAME_MAX);
	int r;

	r = listener_new_private(s->loop, WIRE_REPLY_MAX, &handlers, s, &s->listener);
	if (r < 0)
		return r;
	s->attend = listener_adopt(s->listener, SESSION_ATTEND_FD);
	s->calls = listener_adopt(s->listener, SESSION_CALLS_FD);
	if (!s->attend || !s->calls)
		return -ENOMEM;
	r = wire_build_call(WIRE_SYNC_ATTEND, NULL, true, &frame);
	return r < 0 ? r : client_send(s->attend, frame.data, frame.len);
}

static int start(struct session *s, struct fault *reterr)
{
	int r;

	r = store_adopt(SESSION_STATE_FD, s->options->name, &s->store, reterr);
	if (r < 0)
		return r;
	r = loop_new(&s->loop);
	if (r == 0)
		r = loop_on_signal(s->loop, SIGTERM, on_stop, s);
	if (r == 0)
		r = http_new(s->loop, "grantd-sync/" VERSION, &s->http);
	/* Set once, a timer is set again without fail. */
	if (r == 0)
		r = loop_timer_set(s->loop, &s->tick, USEC_NEVER - 1);
	if (r == 0)
		r = attend(s);
	if (r < 0)
		fault_set(reterr, FAULT_INTERNAL, "can't begin: %s", strerrordesc_np(-r));
	return r;
}

int session_new(const struct session_options *options, struct session **ret, struct fault *reterr)
{
	_cleanup_(session_freep) struct session *s = mem_alloc(sizeof(*s));
	int r;

	if (!s) {
		fault_set(reterr, FAULT_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	s->options = options;
	s->tick = (struct timer){.handler = on_tick, .userdata = s};
	s->report = (struct timer){.handler = on_report, .userdata = s};
	for (unsigned i = 0; i < SYNC_SLOTS; i++)
		s->slots[i] = (struct slot){.session = s, .i = i};
	r = start(s, reterr);
	if (r < 0)
		return r;
	*ret = steal(s);
	return 0;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < SYNC_SLOTS; i++)
		http_slot_free(s->slots[i].http);
	if (s->loop) {
		loop_timer_clear(s->loop, &s->tick);
		loop_timer_clear(s->loop, &s->report);
	}
	listener_free(s->listener);
	http_free(s->http);
	store_free(s->store);
	sync_free(s->sync);
	sync_settings_done(&s->settings);
	loop_free(s->loop);
	return mem_free(s);
}

int session_run(struct session *s)
{
	int r = loop_run(s->loop);

	return r < 0 ? 1 : r;
}
