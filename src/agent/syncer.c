/* SPDX-License-Identifier: BSD-2-Clause */

/* The agent's side of grantd-sync: it is started, restarted with back-off, given its settings and
 * commands, and what it reports is kept. grantd-protocol(7), org.grantd.Sync. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/messages.h"
#include "agent/syncer.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/child.h"
#include "host/fd.h"
#include "host/log.h"
#include "sync/settings.h"

#define PROGRAM "grantd-sync"

/* One that ends is started again after the first, and each time after twice as long. One that ran
 * for a while was well. */
#define RESTART_FIRST USEC_PER_S
#define RESTART_MAX   (5 * USEC_PER_MIN)
#define RESTART_WELL  (10 * USEC_PER_MIN)

/* Answers that are kept until they are looked at, which is soon. */
#define ANSWERS 16

struct answer {
	uint64_t number;
	struct fault refused;
};

struct syncer {
	struct agent *agent;
	char *name, *from, *to;
	char *start_line; /* its settings and its command line: what a restart depends on */
	struct json *settings;
	char *source_ca, *target_ca, *proxy;

	struct child *child;
	struct client *attend; /* NULL until it attends */
	struct timer restart;
	uint64_t pause_usec;
	uint64_t started_boot;
	uint64_t since_wall;
	struct fault fault; /* why it does not run */
	bool connected;     /* both connections were usable when last looked at */

	uint64_t commands;
	uint64_t lost; /* commands up to this number that have no answer get none */
	struct answer answers[ANSWERS];
	struct json *status, *fields, *failed; /* NULL: not told yet */
};

const char *syncer_name(const struct syncer *s)
{
	return s->name;
}

struct syncer *agent_syncer(const struct agent *a, const char *name)
{
	for (size_t i = 0; i < a->n_syncers; i++)
		if (text_equal(a->syncers[i]->name, name))
			return a->syncers[i];
	return NULL;
}

bool syncer_may_use(const struct syncer *s, const char *name)
{
	return text_equal(name, s->from) || text_equal(name, s->to);
}

static void log_syncer(const struct syncer *s, int severity, const char *what)
{
	log_message(severity,
		&(struct log_about){.connection = s->name,
			.message_id = MESSAGE_SYNC,
			.fault = s->fault.kind != FAULT_NONE ? &s->fault : NULL},
		"%s", what);
}

/* --- settings --- */

static char *url_of(const struct config_connection *c)
{
	struct buf url = BUF(CONFIG_SIZE_MAX);

	(void)buf_printf(&url, "https://%s", c->host ? c->host : ""); /* failures stick */
	return buf_steal(&url);
}

static enum sync_too_long too_long_of(const char *word)
{
	return text_equal(word, sync_too_long_to_string(SYNC_TOO_LONG_TRUNCATE))
		? SYNC_TOO_LONG_TRUNCATE
		: SYNC_TOO_LONG_SKIP;
}

static enum sync_deletes deletes_of(const char *word)
{
	enum sync_deletes v = SYNC_DELETES_FLAG;

	while (v + 1 < _SYNC_DELETES_MAX && !text_equal(word, sync_deletes_to_string(v)))
		v++;
	return v;
}

static int copy_objects(const struct config_sync *c, struct sync_settings *ret)
{
	int r = 0;

	for (unsigned i = 0; i < _SYNC_OBJECT_MAX && r == 0; i++) {
		ret->objects[i] = c->objects & (UINT32_C(1) << i);
		r = params_copy(&c->fields[i], &ret->fields[i]);
		if (r == 0)
			r = names_copy(&c->exclude[i], &ret->exclude[i]);
	}
	return r;
}

/* The settings of @c as the process gets them. NULL: no memory. */
static struct json *make_settings(const struct config *config, const struct config_sync *c)
{
	struct sync_settings s = {
		.name = mem_strdup(c->name),
		.from = mem_strdup(c->from),
		.to = mem_strdup(c->to),
		.source_url = url_of(config_connection(config, c->from)),
		.target_url = url_of(config_connection(config, c->to)),
		.key = mem_strdup(c->key),
		.on_too_long = too_long_of(c->on_too_long),
		.deletes = deletes_of(c->deletes),
		.start_auto = c->start_auto,
		.every_usec = c->every_usec,
		.quota_source = c->quota_source,
		.quota_target = c->quota_target,
		.native_sync_ignored = c->native_sync_ignored,
		.rows_for_bulk = c->bulk_from,
	};
	struct json *j = NULL;

	if (s.name && s.from && s.to && s.source_url && s.target_url && s.key &&
		copy_objects(c, &s) == 0)
		j = sync_settings_write(&s);
	sync_settings_done(&s);
	return j;
}

static int set_text(char **to, const char *text)
{
	*to = mem_strdup(text);
	return text && !*to ? -ENOMEM : 0;
}

static const char *ca_of(const struct config *config, const char *name)
{
	const struct config_connection *c = config_connection(config, name);

	return c->ca_file ? c->ca_file : config->ca_file;
}

static int make_start_line(struct syncer *s)
{
	_cleanup_(mem_freep) char *settings = json_print(s->settings, false);
	struct buf line = BUF(2 * CONFIG_SIZE_MAX);

	if (!settings)
		return -ENOMEM;
	(void)buf_printf(&line, "%s\n%s\n%s\n%s", settings, s->source_ca ? s->source_ca : "",
		s->target_ca ? s->target_ca : "", s->proxy ? s->proxy : ""); /* failures stick */
	s->start_line = buf_steal(&line);
	return s->start_line ? 0 : -ENOMEM;
}

static int set_up(struct syncer *s, const struct config *config, const struct config_sync *c)
{
	s->settings = make_settings(config, c);
	if (!s->settings || set_text(&s->name, c->name) < 0 || set_text(&s->from, c->from) < 0 ||
		set_text(&s->to, c->to) < 0 ||
		set_text(&s->source_ca, ca_of(config, c->from)) < 0 ||
		set_text(&s->target_ca, ca_of(config, c->to)) < 0 ||
		set_text(&s->proxy, config->proxy) < 0)
		return -ENOMEM;
	return make_start_line(s);
}

/* --- the process --- */

/* The program beside our own, else where it was installed. */
static int find_program(char *ret, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		if (snprintf(ret, size, "%s/" PROGRAM, self) < (int)size && access(ret, X_OK) == 0)
			return 0;
	}
	if (snprintf(ret, size, "%s/grantd/" PROGRAM, LIBEXECDIR) < (int)size &&
		access(ret, X_OK) == 0)
		return 0;
	return -ENOENT;
}

static void on_restart(void *userdata);

static void forget(struct syncer *s)
{
	s->status = json_free(s->status);
	s->fields = json_free(s->fields);
	s->failed = json_free(s->failed);
	s->lost = s->commands;
	s->since_wall = loop_now(s->agent->loop).wall_usec;
}

/* It does not run: try again later. */
static void fall(struct syncer *s, const char *why)
{
	uint64_t now = loop_now(s->agent->loop).boot_usec;

	if (usec_sub(now, s->started_boot) > RESTART_WELL || s->pause_usec == 0)
		s->pause_usec = RESTART_FIRST;
	else if (s->pause_usec < RESTART_MAX)
		s->pause_usec *= 2;
	forget(s);
	fault_set(&s->fault, FAULT_INTERNAL, PROGRAM " %s; it is started again in %llu s", why,
		(unsigned long long)(s->pause_usec / USEC_PER_S));
	log_syncer(s, LOG_ERR, s->fault.detail);
	(void)loop_timer_set(s->agent->loop, &s->restart, usec_add(now, s->pause_usec));
	agent_changed(s->agent);
}

static void on_ended(void *userdata, const char *how)
{
	struct syncer *s = userdata;

	s->child = child_free(s->child);
	s->attend = NULL;
	if (s->agent->stopping) {
		forget(s);
		agent_changed(s->agent);
	} else {
		fall(s, how);
	}
	control_syncer_gone(s->agent->control, s);
}

struct pair {
	int ours, theirs;
};

static int pair_open(struct pair *ret)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	*ret = (struct pair){fds[0], fds[1]};
	return 0;
}

static void pair_done(struct pair *p)
{
	fd_closep(&p->ours);
	fd_closep(&p->theirs);
}

/* What it is started with: a socket to attend on, its directory, a socket to ask on. */
static int spawn(struct syncer *s, char *program, int directory, const struct pair *attend,
	const struct pair *calls)
{
	char name[] = "--name", source[] = "--source-ca", target[] = "--target-ca",
	     proxy[] = "--proxy";
	char *argv[10] = {program, name, s->name};
	const int fds[] = {attend->theirs, directory, calls->theirs};
	size_t n = 3;

	if (s->source_ca) {
		argv[n++] = source;
		argv[n++] = s->source_ca;
	}
	if (s->target_ca) {
		argv[n++] = target;
		argv[n++] = s->target_ca;
	}
	if (s->proxy) {
		argv[n++] = proxy;
		argv[n++] = s->proxy;
	}
	return child_start(s->agent->loop, argv, fds, ELEMENTS(fds), on_ended, s, &s->child);
}

static int launch(struct syncer *s, struct fault *reterr)
{
	_cleanup_(fd_closep) int directory = -1;
	_cleanup_(pair_done) struct pair attend = {-1, -1}, calls = {-1, -1};
	char program[PATH_MAX];
	int r;

	if (find_program(program, sizeof(program)) < 0) {
		fault_set(reterr, FAULT_INTERNAL, "is neither beside grantd nor in %s/grantd",
			LIBEXECDIR);
		return -ENOENT;
	}
	r = store_directory(s->agent->store, "sync", s->name, &directory, reterr);
	if (r < 0)
		return r;
	r = pair_open(&attend);
	if (r == 0)
		r = pair_open(&calls);
	if (r == 0)
		r = spawn(s, program, directory, &attend, &calls);
	if (r == 0)
		r = control_adopt(s->agent->control, s, fd_steal(&attend.ours));
	if (r == 0)
		r = control_adopt(s->agent->control, s, fd_steal(&calls.ours));
	if (r < 0)
		fault_set(reterr, FAULT_INTERNAL, "could not be started: %s", strerrordesc_np(-r));
	return r;
}

static void start(struct syncer *s)
{
	struct fault why = {.kind = FAULT_NONE};

	s->started_boot = loop_now(s->agent->loop).boot_usec;
	if (launch(s, &why) == 0) {
		s->fault = (struct fault){.kind = FAULT_NONE};
		return;
	}
	control_syncer_gone(s->agent->control, s);
	s->child = child_free(s->child);
	fall(s, why.detail);
}

static void on_restart(void *userdata)
{
	start(userdata);
}

/* --- life --- */

static struct syncer *syncer_free(struct syncer *s)
{
	if (!s)
		return NULL;
	loop_timer_clear(s->agent->loop, &s->restart);
	forget(s);
	control_syncer_gone(s->agent->control, s);
	child_free(s->child);
	json_free(s->settings);
	mem_free(s->name);
	mem_free(s->from);
	mem_free(s->to);
	mem_free(s->start_line);
	mem_free(s->source_ca);
	mem_free(s->target_ca);
	mem_free(s->proxy);
	return mem_free(s);
}
DEFINE_CLEANUP(struct syncer, syncer_free)

static struct syncer *syncer_new(struct agent *a, const struct config_sync *c)
{
	_cleanup_(syncer_freep) struct syncer *s = mem_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->agent = a;
	s->restart = (struct timer){.handler = on_restart, .userdata = s};
	s->since_wall = loop_now(a->loop).wall_usec;
	if (set_up(s, a->settings->config, c) < 0)
		return NULL;
	return steal(s);
}

/* The one of @list that @s is the same as, taken out of it. */
static struct syncer *take_same(struct syncer **list, size_t n, const struct syncer *s)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] && text_equal(list[i]->start_line, s->start_line))
			return steal(list[i]);
	return NULL;
}

void syncers_apply(struct agent *a)
{
	const struct config *config = a->settings->config;
	struct syncer **old = a->syncers;
	size_t n_old = a->n_syncers;

	a->n_syncers = 0;
	a->syncers = mem_array(config->n_syncs + 1, sizeof(struct syncer *));
	for (size_t i = 0; a->syncers && i < config->n_syncs; i++) {
		struct syncer *s = syncer_new(a, &config->syncs[i]);
		struct syncer *same = s ? take_same(old, n_old, s) : NULL;

		if (same) {
			syncer_free(s);
			s = same;
		}
		if (s)
			a->syncers[a->n_syncers++] = s;
	}
	if (a->n_syncers < config->n_syncs)
		log_message(LOG_ERR, &(struct log_about){.message_id = MESSAGE_SYNC},
			"out of memory: a sync is left out");
	for (size_t i = 0; i < n_old; i++)
		syncer_free(old[i]); /* before its successor has the same directory */
	mem_free(old);
	for (size_t i = 0; i < a->n_syncers; i++)
		if (!a->syncers[i]->child && a->syncers[i]->restart.place == 0)
			start(a->syncers[i]);
}

void syncers_stop(struct agent *a)
{
	for (size_t i = 0; i < a->n_syncers; i++) {
		loop_timer_clear(a->loop, &a->syncers[i]->restart);
		if (a->syncers[i]->child)
			child_stop(a->syncers[i]->child);
	}
}

bool syncers_stopped(const struct agent *a)
{
	for (size_t i = 0; i < a->n_syncers; i++)
		if (a->syncers[i]->child)
			return false;
	return true;
}

void syncers_free(struct agent *a)
{
	for (size_t i = 0; i < a->n_syncers; i++)
		syncer_free(a->syncers[i]);
	a->n_syncers = 0;
	a->syncers = mem_free(a->syncers);
}

/* --- what is said --- */

/* A reply to Attend, of many. */
static int tell(struct syncer *s, const struct wire_attend *what)
{
	_cleanup_(json_freep) struct json *j = wire_attend_reply(what);
	_cleanup_(buf_done) struct buf frame = BUF(WIRE_REPORT_MAX);

	if (!j || wire_build_reply(j, true, &frame) < 0)
		return -ENOMEM;
	return client_send(s->attend, frame.data, frame.len);
}

int syncer_attend(struct syncer *s, struct client *client)
{
	int r;

	if (s->attend)
		return -EBUSY;
	s->attend = client;
	s->connected = false;
	r = tell(s, &(struct wire_attend){.settings = s->settings});
	if (r == 0)
		syncers_connections_changed(s->agent);
	return r;
}

void syncer_closed(struct syncer *s, const struct client *client)
{
	if (s->attend == client)
		s->attend = NULL;
}

static bool is_usable(const struct agent *a, const char *name)
{
	const struct connection *c = agent_connection(a, name);
	struct grant_view v;

	if (!c)
		return false;
	connection_view(c, &v);
	return v.usable;
}

void syncers_connections_changed(struct agent *a)
{
	for (size_t i = 0; i < a->n_syncers; i++) {
		struct syncer *s = a->syncers[i];
		bool connected = is_usable(a, s->from) && is_usable(a, s->to);

		if (connected && !s->connected && s->attend)
			(void)tell(s, &(struct wire_attend){.command = "wake"}); /* asks later */
		s->connected = connected;
	}
}

int syncer_command(struct syncer *s, const char *word, uint64_t *ret_number)
{
	const struct wire_attend what = {.command = word, .number = s->commands + 1};

	if (!s->attend || tell(s, &what) < 0)
		return -ENOTCONN;
	*ret_number = ++s->commands;
	return 0;
}

bool syncer_answer(const struct syncer *s, uint64_t number, struct fault *ret)
{
	const struct answer *a = &s->answers[number % ANSWERS];

	if (a->number == number)
		*ret = a->refused;
	else if (number <= s->lost || a->number > number)
		fault_set(ret, FAULT_TRANSIENT, "%s",
			s->fault.kind != FAULT_NONE ? s->fault.detail
						    : PROGRAM " has been started anew");
	else
		return false;
	return true;
}

static void take_tree(struct json **to, const struct json *from)
{
	struct json *copy = from ? json_copy(from) : NULL;

	if (!copy)
		return; /* the old one is better than none */
	json_free(*to);
	*to = copy;
}

int syncer_report(struct syncer *s, const struct wire_report *report)
{
	bool usable;

	if (!text_equal(json_get_text(report->status, "name"), s->name) ||
		!json_get_text(report->status, "stage") ||
		!json_bool(json_get(report->status, "usable"), &usable))
		return -EINVAL;
	if (!text_equal(json_get_text(s->status, "stage"), json_get_text(report->status, "stage")))
		log_message(LOG_INFO,
			&(struct log_about){.connection = s->name, .message_id = MESSAGE_SYNC},
			"%s", json_get_text(report->status, "stage"));
	take_tree(&s->status, report->status);
	take_tree(&s->fields, report->fields);
	take_tree(&s->failed, report->failed);
	if (report->command > 0 && report->command <= s->commands) {
		struct answer *a = &s->answers[report->command % ANSWERS];

		*a = (struct answer){.number = report->command};
		if (report->refused != FAULT_NONE)
			fault_set(&a->refused, report->refused, "%s",
				report->detail ? report->detail : "it was refused");
	}
	agent_changed(s->agent);
	return 0;
}

/* --- what is told of it --- */

const struct json *syncer_fields(const struct syncer *s)
{
	return s->fields;
}

const struct json *syncer_failed(const struct syncer *s)
{
	return s->failed;
}

static struct json *fault_json(const struct fault *f)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (f->kind == FAULT_NONE)
		return json_new_null();
	if (!j || json_add(j, "kind", json_new_text(fault_kind_to_string(f->kind))) < 0 ||
		json_add(j, "detail", json_new_text(f->detail)) < 0)
		return NULL;
	return steal(j);
}

/* Of one that has told nothing yet. */
static struct json *waiting_json(const struct syncer *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	char since[TEXT_TIME_SIZE];

	text_format_time(since, sizeof(since), s->since_wall);
	if (!j || json_add(j, "name", json_new_text(s->name)) < 0 ||
		json_add(j, "from", json_new_text(s->from)) < 0 ||
		json_add(j, "to", json_new_text(s->to)) < 0 ||
		json_add(j, "stage", json_new_text("waiting")) < 0 ||
		json_add(j, "since", json_new_text(since)) < 0 ||
		json_add(j, "usable", json_new_bool(false)) < 0 ||
		json_add(j, "checks", json_new_array()) < 0 ||
		json_add(j, "fields", json_new_null()) < 0 ||
		json_add(j, "objects", json_new_object()) < 0 ||
		json_add(j, "lag_s", json_new_null()) < 0 ||
		json_add(j, "next_run_at", json_new_null()) < 0 ||
		json_add(j, "fault", fault_json(&s->fault)) < 0)
		return NULL;
	return steal(j);
}

struct json *syncer_json(const struct syncer *s)
{
	return s->status ? json_copy(s->status) : waiting_json(s);
}

bool syncer_usable(const struct syncer *s)
{
	bool usable = false;

	(void)json_bool(json_get(s->status, "usable"), &usable); /* false where nothing is told */
	return usable;
}

void syncer_line(const struct syncer *s, char *ret, size_t size)
{
	const char *stage = json_get_text(s->status, "stage");
	const char *detail = json_get_text(json_get(s->status, "fault"), "detail");
	char shown[FAULT_DETAIL_MAX];

	if (!detail)
		detail = s->fault.kind != FAULT_NONE ? s->fault.detail : "";
	text_clean(shown, sizeof(shown), detail, strlen(detail));
	(void)snprintf(ret, size, "sync %s: %.16s%s%s", s->name, stage ? stage : "waiting",
		*shown ? ": " : "", shown);
}
