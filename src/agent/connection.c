/* SPDX-License-Identifier: BSD-2-Clause */

/* A connection at work: grant ⇄ http, grant → store, and the log of what became of it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "agent/connection.h"
#include "agent/messages.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/log.h"
#include "wire/notice.h"

/* Addresses of two approvals, and the words around them. */
#define NOTICE_MAX (160u * 1024)

/* Room that must be there before a person is asked to approve: a record with large tokens. */
#define PROBE_SIZE (64u * 1024)

struct connection {
	struct connection_shared *shared;
	const struct config_connection *config; /* NULL once retired */
	const struct access *allow;
	char *name;
	char *ca_file;
	char *proxy;

	struct grant *grant; /* NULL where the record can't be used */
	struct fault unreadable;
	uint64_t unreadable_since_wall;
	struct grant_outcome refused[_GRANT_END_MAX]; /* commands that need a grant */

	struct timer timer;
	struct http_slot *slot;
	uint32_t serial; /* of the wish that was last begun */

	struct {
		enum grant_state state;
		struct fault fault;
		uint32_t decided;
		char *approval; /* the code or the address of the one announced */
		uint32_t revocations;
	} logged;

	/* The request in flight, for the log. */
	struct {
		const char *purpose;
		char host[128];
		uint64_t since_boot;
	} asked;
};

/* --- the log --- */

static void log_state(struct connection *c, const struct grant_view *v)
{
	struct log_about about = {.connection = c->name, .message_id = MESSAGE_STATE};

	if (v->state == c->logged.state)
		return;
	log_message(LOG_INFO, &about, "%s -> %s", grant_state_to_string(c->logged.state),
		grant_state_to_string(v->state));
	c->logged.state = v->state;
}

static void log_fault(struct connection *c, const struct grant_view *v)
{
	struct log_about about = {
		.connection = c->name, .fault = v->fault, .message_id = MESSAGE_FAULT};

	if (v->fault->kind == c->logged.fault.kind &&
		text_equal(v->fault->detail, c->logged.fault.detail))
		return;
	if (v->fault->kind != FAULT_NONE)
		log_message(fault_meaning(v->fault->kind)->severity, &about, "%s: %s",
			fault_kind_to_string(v->fault->kind), v->fault->detail);
	else if (c->logged.fault.kind != FAULT_NONE)
		log_message(LOG_INFO,
			&(struct log_about){.connection = c->name, .message_id = MESSAGE_RECOVERED},
			"in order again");
	c->logged.fault = *v->fault;
}

/* The one place where a user code or authorization URL is written to the log, which puts the name
 * in front itself. */
static void log_approval(struct connection *c, const struct grant_view *v)
{
	struct log_about about = {.connection = c->name, .message_id = MESSAGE_APPROVAL};
	const struct device_authorization *d = v->approval;
	struct buf text = BUF(NOTICE_MAX);
	const char *mark;

	if (!d) {
		c->logged.approval = mem_free(c->logged.approval);
		return;
	}
	mark = d->user_code ? d->user_code : d->verification_uri;
	if (text_equal(mark, c->logged.approval))
		return;
	if (notice_format(c->name, d->verification_uri, d->verification_uri_complete, d->user_code,
		    v->approval_expires_usec, loop_now(c->shared->loop), &text) == 0)
		log_message(LOG_NOTICE, &about, "%s", buf_text(&text) + strlen(c->name) + 2);
	mem_free(c->logged.approval);
	c->logged.approval = mem_strdup(mark); /* short of memory: it is announced once more */
	buf_done(&text);
}

/* The line that tells who gave what this connection runs on, and who was not let. */
static void log_decision(struct connection *c, const struct grant_view *v)
{
	static const struct {
		int severity;
		const char *words;
	} told[_GRANT_DECISION_MAX] = {
		[GRANT_ACCEPTED] = {LOG_NOTICE, "approval accepted, given by"},
		[GRANT_HELD] = {LOG_NOTICE, "approval held for an operator, given by"},
		[GRANT_REFUSED] = {LOG_WARNING, "approval refused and given back, by"},
		[GRANT_REJECTED] = {LOG_NOTICE, "approval rejected by an operator, given by"},
		[GRANT_UNREVOKED] = {LOG_WARNING,
			"approval erased here, and perhaps still alive at the provider, given by"},
	};
	struct log_about about = {.connection = c->name, .message_id = MESSAGE_IDENTITY};
	const struct grant_decided *d = v->decided;

	if (!d || d->count == c->logged.decided)
		return;
	c->logged.decided = d->count;
	log_message(told[d->decision].severity, &about, "%s %s", told[d->decision].words, d->who);
}

static void log_revocation(struct connection *c, const struct grant_view *v)
{
	const struct grant_outcome *o = &v->outcomes[GRANT_END_REVOCATION];

	if (o->count == c->logged.revocations)
		return;
	if (o->fault.kind == FAULT_NONE)
		log_message(LOG_NOTICE,
			&(struct log_about){.connection = c->name, .message_id = MESSAGE_REVOKED},
			"the grant is given up");
	c->logged.revocations = o->count;
}

/* The part of an address that may be logged. */
static void note_request(struct connection *c, const struct exchange_request *request)
{
	const char *host = strstr(request->url, "://");

	host = host ? host + strlen("://") : request->url;
	text_clean(c->asked.host, sizeof(c->asked.host), host, strcspn(host, "/?#"));
	c->asked.purpose = grant_purpose(c->grant);
	c->asked.since_boot = loop_now(c->shared->loop).boot_usec;
}

static void log_reply(struct connection *c, const struct exchange_reply *reply)
{
	struct log_about about = {.connection = c->name};
	uint64_t took = usec_sub(loop_now(c->shared->loop).boot_usec, c->asked.since_boot);

	if (reply->outcome == EXCHANGE_REPLIED)
		log_message(LOG_DEBUG, &about, "asked %s (%s): status %d in %llu ms", c->asked.host,
			c->asked.purpose, reply->status, (unsigned long long)(took / 1000));
	else
		log_message(LOG_DEBUG, &about, "asked %s (%s): %s after %llu ms", c->asked.host,
			c->asked.purpose, reply->error, (unsigned long long)(took / 1000));
}

static void log_changes(struct connection *c)
{
	struct grant_view v;

	connection_view(c, &v);
	log_decision(c, &v);
	log_revocation(c, &v);
	log_state(c, &v);
	log_fault(c, &v);
	log_approval(c, &v);
}

/* --- making it so --- */

static int write_record(struct connection *c, struct fault *reterr)
{
	const struct record *record = grant_record(c->grant);
	struct grant_view v;
	struct record_seal seal = {.key = c->shared->store_key, .name = c->name};
	struct buf sealed = BUF(RECORD_SIZE_MAX);
	uint8_t salt[RECORD_SALT_SIZE];
	int r;

	connection_view(c, &v);
	if (record->approval.present && !v.approval) {
		r = store_prove(c->shared->store, PROBE_SIZE, reterr);
		if (r < 0)
			return r;
	}
	memcpy(seal.machine, c->shared->machine, sizeof(seal.machine));
	loop_random(salt, sizeof(salt));
	r = record_encode(record, &seal, salt, &sealed);
	if (r < 0)
		fault_set(reterr, FAULT_STORAGE, "the record can't be sealed: %s",
			strerrordesc_np(-r));
	else
		r = store_write(c->shared->store, c->name, sealed.data, sealed.len, reterr);
	buf_done(&sealed);
	return r;
}

static void store(struct connection *c, uint32_t serial)
{
	struct fault why = {.kind = FAULT_NONE};
	int r;

	r = write_record(c, &why);
	grant_stored(c->grant, serial, r, &why, loop_now(c->shared->loop));
}

static void turn(struct connection *c);

static void on_reply(void *userdata, const struct exchange_reply *reply)
{
	struct connection *c = userdata;

	log_reply(c, reply);
	grant_reply(c->grant, c->serial, reply, loop_now(c->shared->loop));
	c->slot = http_slot_free(c->slot);
	turn(c);
}

/* Begin the exchange. One that can't even be begun is answered at once, as never sent. */
static void send(struct connection *c, uint32_t serial)
{
	const struct http_options options = {.ca_file = c->ca_file, .proxy = c->proxy};
	struct exchange_request request = {0};
	struct exchange_reply reply = {.outcome = EXCHANGE_NOT_SENT};
	int r;

	r = grant_request(c->grant, &request);
	if (r == 0)
		note_request(c, &request);
	if (r == 0)
		r = http_send(c->shared->http, &request, &options, on_reply, c, &c->slot);
	exchange_request_done(&request);
	if (r == 0)
		return;
	(void)snprintf(reply.error, sizeof(reply.error), "the request can't be made: %s",
		strerrordesc_np(-r));
	grant_reply(c->grant, serial, &reply, loop_now(c->shared->loop));
}

/* Make true what the grant wants, until it wants nothing that is not under way. */
static void converge(struct connection *c)
{
	for (;;) {
		struct grant_want want = grant_want(c->grant);

		if (want.serial == c->serial)
			break;
		if (want.act == GRANT_SEND && c->shared->stopping)
			break;
		c->slot = http_slot_free(c->slot);
		c->serial = want.serial;
		if (want.act == GRANT_STORE)
			store(c, want.serial);
		else if (want.act == GRANT_SEND)
			send(c, want.serial);
	}
}

static void turn(struct connection *c)
{
	uint64_t deadline;

	if (c->grant) {
		converge(c);
		deadline = grant_want(c->grant).deadline;
		/* Out of memory for a heap entry: try again with the next input. */
		(void)loop_timer_set(c->shared->loop, &c->timer, deadline);
	}
	log_changes(c);
	c->shared->changed(c->shared->userdata, c);
}

void connection_tick(struct connection *c)
{
	if (c->shared->stopping && !connection_spending(c))
		return; /* nothing new is begun */
	if (c->grant)
		grant_tick(c->grant, loop_now(c->shared->loop));
	turn(c);
}

static void on_timer(void *userdata)
{
	connection_tick(userdata);
}

/* --- life --- */

/* Read the record of @c into *ret. Returns 0, also where there is none yet; -EBADMSG with the fault
 * set where it can't be used. */
static int read_record(struct connection *c, struct record *ret)
{
	struct record_seal seal = {.key = c->shared->store_key, .name = c->name};
	struct buf sealed = BUF(RECORD_SIZE_MAX);
	struct fault why = {.kind = FAULT_NONE};
	int r;

	memcpy(seal.machine, c->shared->machine, sizeof(seal.machine));
	r = store_read(c->shared->store, c->name, &sealed, &why);
	if (r == 0)
		r = record_decode(sealed.data, sealed.len, &seal, ret, &why);
	buf_done(&sealed);
	if (r == 0 || r == -ENOENT)
		return 0;
	if (r == -ENOMEM)
		fault_set(&why, FAULT_STORAGE, "out of memory");
	fault_set(&c->unreadable, FAULT_STORAGE,
		"%s; the record stays as it is: restore what it needs and restart, or put it aside and "
		"begin anew by logging in",
		why.detail);
	return -EBADMSG;
}

static int start_grant(struct connection *c, const struct grant_setup *setup, struct record *record)
{
	uint8_t seed[32];
	int r;

	loop_random(seed, sizeof(seed));
	r = grant_new(setup, record, seed, loop_now(c->shared->loop), &c->grant);
	mem_wipe(seed, sizeof(seed));
	return r;
}

static int take_options(
	struct connection *c, const struct config_connection *config, const struct config *agent)
{
	const char *ca_file = config->ca_file ? config->ca_file : agent->ca_file;
	char *new_ca_file = mem_strdup(ca_file), *new_proxy = mem_strdup(agent->proxy);

	if ((ca_file && !new_ca_file) || (agent->proxy && !new_proxy)) {
		mem_free(new_ca_file);
		mem_free(new_proxy);
		return -ENOMEM;
	}
	mem_free(c->ca_file);
	c->ca_file = new_ca_file;
	mem_free(c->proxy);
	c->proxy = new_proxy;
	return 0;
}

int connection_new(struct connection_shared *shared, const struct config_connection *config,
	const struct access *allow, const struct config *agent, struct connection **ret)
{
	_cleanup_(connection_freep) struct connection *c = mem_alloc(sizeof(*c));
	struct record record = {0};
	int r;

	if (!c)
		return -ENOMEM;
	c->shared = shared;
	c->config = config;
	c->allow = allow;
	c->timer = (struct timer){.handler = on_timer, .userdata = c};
	c->unreadable_since_wall = loop_now(shared->loop).wall_usec;
	c->name = mem_strdup(config->setup.name);
	if (!c->name || take_options(c, config, agent) < 0)
		return -ENOMEM;
	r = read_record(c, &record);
	if (r == 0)
		r = start_grant(c, &config->setup, &record);
	record_done(&record);
	if (r == -ENOMEM)
		return r;
	*ret = c;
	turn(steal(c));
	return 0;
}

struct connection *connection_free(struct connection *c)
{
	if (!c)
		return NULL;
	loop_timer_clear(c->shared->loop, &c->timer);
	http_slot_free(c->slot);
	grant_free(c->grant);
	mem_free(c->logged.approval);
	mem_free(c->name);
	mem_free(c->ca_file);
	mem_free(c->proxy);
	return mem_free(c);
}

int connection_reconfigure(struct connection *c, const struct config_connection *config,
	const struct access *allow, const struct config *agent)
{
	int r;

	c->config = config; /* whatever fails, the old one is about to go */
	c->allow = allow;
	r = take_options(c, config, agent);
	if (r == 0 && c->grant)
		r = grant_reconfigure(c->grant, &config->setup, loop_now(c->shared->loop));
	turn(c);
	return r;
}

void connection_retire(struct connection *c)
{
	c->config = NULL;
	c->allow = NULL;
}

const char *connection_name(const struct connection *c)
{
	return c->name;
}

const struct config_connection *connection_config(const struct connection *c)
{
	return c->config;
}

const struct access *connection_allow(const struct connection *c)
{
	return c->allow;
}

void connection_view(const struct connection *c, struct grant_view *ret)
{
	if (c->grant) {
		grant_view(c->grant, loop_now(c->shared->loop), ret);
		return;
	}
	*ret = (struct grant_view){
		.state = GRANT_NEEDS_APPROVAL,
		.since_usec = c->unreadable_since_wall,
		.scopes = &c->config->setup.scopes,
		.fault = &c->unreadable,
		.fault_since_usec = c->unreadable_since_wall,
		.fault_attempts = 1,
		.outcomes = c->refused,
	};
}

const struct token *connection_token(const struct connection *c, uint64_t *ret_remaining_usec)
{
	return c->grant ? grant_token(c->grant, loop_now(c->shared->loop), ret_remaining_usec)
			: NULL;
}

/* A person wants a new grant in place of a record that can't be used: it is kept aside. */
static void begin_anew(struct connection *c)
{
	struct log_about about = {.connection = c->name, .message_id = MESSAGE_ASIDE};
	struct buf aside = BUF(4096);
	int r;

	r = store_aside(c->shared->store, c->name, &aside, &c->unreadable);
	if (r == 0) {
		log_message(LOG_WARNING, &about, "the unreadable record is kept as %s",
			buf_text(&aside));
		c->logged.decided = 0;
		if (start_grant(c, &c->config->setup, NULL) < 0)
			fault_set(&c->unreadable, FAULT_INTERNAL, "out of memory");
	}
	buf_done(&aside);
}

static void refuse(struct connection *c)
{
	for (unsigned i = 0; i < _GRANT_END_MAX; i++) {
		c->refused[i].fault = c->unreadable;
		c->refused[i].count++;
	}
}

void connection_command(struct connection *c, enum grant_command command)
{
	if (!c->grant && command == GRANT_LOGIN)
		begin_anew(c);
	else if (c->grant)
		grant_command(c->grant, command, loop_now(c->shared->loop));
	if (!c->grant)
		refuse(c);
	turn(c);
}

int connection_paste(
	struct connection *c, const char *text, size_t len, bool code_only, struct fault *reterr)
{
	int r;

	if (!c->grant) {
		*reterr = c->unreadable;
		return -EBADMSG;
	}
	r = grant_paste(c->grant, text, len, code_only, loop_now(c->shared->loop), reterr);
	turn(c);
	return r;
}

int connection_invalidate(struct connection *c, const char *token, size_t len, struct fault *reterr,
	uint64_t *ret_retry_usec)
{
	int r;

	if (!c->grant) {
		*reterr = c->unreadable;
		*ret_retry_usec = 0;
		return -EAGAIN;
	}
	r = grant_invalidate(
		c->grant, token, len, loop_now(c->shared->loop), reterr, ret_retry_usec);
	turn(c);
	return r;
}

bool connection_spending(const struct connection *c)
{
	if (!c->grant)
		return false;
	return (c->slot && grant_spending(c->grant)) || grant_unstored(c->grant);
}
