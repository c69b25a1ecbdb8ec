/* SPDX-License-Identifier: BSD-2-Clause */

/* The agent: start, readiness, reload, stop. grantd(8). */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/control.h"
#include "agent/messages.h"
#include "agent/status.h"
#include "agent/syncer.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/log.h"
#include "host/ready.h"

/* While people are waited for, the service manager is asked for this much more start time, twice as
 * often as it would run out. */
#define EXTEND_BY    USEC_PER_MIN
#define EXTEND_EVERY (EXTEND_BY / 2)
/* At stop, how long a request that spends a token may still take to bring its reply. */
#define STOP_PATIENCE (20 * USEC_PER_S)

static const struct log_about about_agent = {.message_id = MESSAGE_AGENT};
static const struct log_about about_reload = {.message_id = MESSAGE_RELOAD};

struct connection *agent_connection(const struct agent *a, const char *name)
{
	for (size_t i = 0; i < a->n_connections; i++)
		if (text_equal(connection_name(a->connections[i]), name))
			return a->connections[i];
	return NULL;
}

bool agent_is_operator(const struct agent *a, const struct peer *peer)
{
	return peer->uid == 0 || peer->uid == geteuid() ||
		access_matches(&a->settings->operators, peer);
}

/* --- what changed --- */

static void exit_when_idle(struct agent *a)
{
	for (size_t i = 0; i < a->n_connections; i++)
		if (connection_spending(a->connections[i]))
			return;
	for (size_t i = 0; i < a->n_retired; i++)
		if (connection_spending(a->retired[i]))
			return;
	if (syncers_stopped(a))
		loop_exit(a->loop, 0);
}

static void free_idle_retired(struct agent *a)
{
	for (size_t i = a->n_retired; i-- > 0;)
		if (!connection_spending(a->retired[i])) {
			connection_free(a->retired[i]);
			a->retired[i] = a->retired[--a->n_retired];
		}
}

/* READY=1 once; before it, more time; the truth always. */
static void tell_manager(struct agent *a)
{
	char line[STATUS_LINE_MAX];

	status_line(a, line, sizeof(line));
	ready_status(line);
	if (a->ready_sent || !(a->settings->config->ready_when_listening || status_ready(a)))
		return;
	a->ready_sent = true;
	ready_ready();
	loop_timer_clear(a->loop, &a->extend);
	log_message(LOG_INFO, &about_agent, "%s", line);
}

static void on_flush(void *userdata)
{
	struct agent *a = userdata;

	free_idle_retired(a);
	syncers_connections_changed(a);
	control_changed(a->control);
	if (a->stopping)
		exit_when_idle(a);
	else
		tell_manager(a);
}

void agent_changed(struct agent *a)
{
	(void)loop_timer_set(a->loop, &a->flush, 0); /* short of memory: the next input tells it */
}

/* Said after every input of a connection. */
static void on_changed(void *userdata, struct connection *c)
{
	(void)c;
	agent_changed(userdata);
}

static void on_extend(void *userdata)
{
	struct agent *a = userdata;

	ready_extend(EXTEND_BY);
	(void)loop_timer_set(
		a->loop, &a->extend, usec_add(loop_now(a->loop).boot_usec, EXTEND_EVERY));
}

static void on_clock_step(void *userdata)
{
	struct agent *a = userdata;

	log_message(LOG_INFO, &about_agent, "the clock was set");
	for (size_t i = 0; i < a->n_connections; i++)
		connection_tick(a->connections[i]);
}

/* --- reload --- */

static struct connection *take_retired(struct agent *a, const char *name)
{
	for (size_t i = 0; i < a->n_retired; i++)
		if (text_equal(connection_name(a->retired[i]), name)) {
			struct connection *c = a->retired[i];

			a->retired[i] = a->retired[--a->n_retired];
			return c;
		}
	return NULL;
}

static struct connection *take_present(struct agent *a, const char *name)
{
	for (size_t i = 0; i < a->n_connections; i++)
		if (a->connections[i] && text_equal(connection_name(a->connections[i]), name))
			return steal(a->connections[i]);
	return take_retired(a, name);
}

/* Connections of @s in its order: those that are there go on, the others start. What can't be had
 * for lack of memory is left out, and said. */
static void connect_all(struct agent *a, struct settings *s, struct connection **list, size_t *n)
{
	const struct config *config = s->config;

	for (size_t i = 0; i < config->n_connections; i++) {
		const struct config_connection *cc = &config->connections[i];
		struct connection *c = take_present(a, cc->setup.name);
		int r;

		if (c)
			r = connection_reconfigure(c, cc, &s->allow[i], config);
		else
			r = connection_new(&a->shared, cc, &s->allow[i], config, &c);
		if (c)
			list[(*n)++] = c;
		if (r < 0)
			log_message(LOG_ERR,
				&(struct log_about){
					.connection = cc->setup.name, .message_id = MESSAGE_FAULT},
				"out of memory");
	}
}

/* What is no longer configured ends what is under way and goes; its record stays. */
static void retire_rest(struct agent *a)
{
	for (size_t i = 0; i < a->n_connections; i++) {
		struct connection *c = a->connections[i];

		if (!c)
			continue;
		if (a->control)
			control_connection_gone(a->control, c);
		log_message(LOG_INFO,
			&(struct log_about){
				.connection = connection_name(c), .message_id = MESSAGE_RELOAD},
			"no longer configured; its record stays in the store");
		connection_retire(c);
		a->retired[a->n_retired++] = c;
	}
}

/* Go over to @take_settings. Nothing is freed before it is out of use. 0 or -ENOMEM with nothing
 * changed. */
static int apply(struct agent *a, struct settings *take_settings)
{
	struct connection **list, **retired;
	struct settings *old = a->settings;
	size_t n = 0;

	list = mem_array(take_settings->config->n_connections + 1, sizeof(struct connection *));
	retired = mem_resize(
		a->retired, (a->n_retired + a->n_connections + 1) * sizeof(struct connection *));
	if (retired)
		a->retired = retired;
	if (!list || !retired) {
		mem_free(list);
		settings_free(take_settings);
		return -ENOMEM;
	}
	connect_all(a, take_settings, list, &n);
	retire_rest(a);
	mem_free(a->connections);
	a->connections = list;
	a->n_connections = n;
	a->settings = take_settings;
	syncers_apply(a);
	settings_free(old);
	(void)loop_timer_set(a->loop, &a->flush, 0);
	return 0;
}

static void log_faults(const struct config_faults *faults)
{
	log_message(LOG_ERR, &about_reload,
		"the configuration was not taken, the old one stays:\n%s", buf_text(&faults->text));
}

static bool same_key(const struct settings *a, const struct settings *b)
{
	return secret_equal(a->store_key_given, b->store_key_given);
}

int agent_reload(struct agent *a, struct config_faults *faults)
{
	struct settings *s = NULL;
	int r;

	if (a->ready_sent)
		ready_reloading();
	r = settings_load(a->paths->config, a->paths->credentials, false, &s, faults);
	if (r == 0 && !same_key(s, a->settings))
		log_message(LOG_WARNING, &about_reload,
			"another agent.store_key counts from the next start on");
	if (r == 0)
		r = apply(a, s);
	if (r == 0)
		log_message(LOG_INFO, &about_reload, "configuration read again: %zu connections",
			a->n_connections);
	else
		log_faults(faults);
	if (a->ready_sent)
		ready_ready();
	return r;
}

static void on_hangup(void *userdata)
{
	struct config_faults faults = {0};

	(void)agent_reload(userdata, &faults); /* logged there */
	config_faults_done(&faults);
}

/* --- start and stop --- */

static void on_stop_timeout(void *userdata)
{
	struct agent *a = userdata;

	log_message(LOG_WARNING, &about_agent, "stopping though a request is still unanswered");
	loop_exit(a->loop, 0);
}

/* Nothing new is sent; a reply that may bring a token is waited for, and stored. */
static void on_stop(void *userdata)
{
	struct agent *a = userdata;

	if (a->stopping)
		return;
	a->stopping = true;
	a->shared.stopping = true;
	ready_stopping();
	log_message(LOG_INFO, &about_agent, "stopping");
	syncers_stop(a);
	if (loop_timer_set(
		    a->loop, &a->stop, usec_add(loop_now(a->loop).boot_usec, STOP_PATIENCE)) < 0 ||
		loop_timer_set(a->loop, &a->flush, 0) < 0)
		loop_exit(a->loop, 0);
}

static int take_key(struct agent *a, struct fault *reterr)
{
	if (a->settings->store_key_given) {
		a->store_key_origin = a->settings->config->store_key.kind == SOURCE_CREDENTIAL
			? STORE_KEY_CREDENTIAL
			: STORE_KEY_FILE;
		a->shared.store_key = secret_copy(a->settings->store_key_given);
		return a->shared.store_key ? 0 : -ENOMEM;
	}
	a->store_key_origin = STORE_KEY_MADE;
	return store_key_own(a->store, &a->shared.store_key, reterr);
}

static int open_store(struct agent *a, struct fault *reterr)
{
	int r;

	r = store_open(a->paths->state, &a->store, reterr);
	if (r < 0)
		return r;
	a->shared.store = a->store;
	store_machine_id(a->shared.machine);
	return take_key(a, reterr);
}

static int make_runtime(const char *runtime, struct fault *reterr)
{
	if (mkdir(runtime, 0755) < 0 && errno == EEXIST)
		return 0;
	/* Whatever the umask: programs of other users reach the sockets through it. */
	if (chmod(runtime, 0755) == 0)
		return 0;
	fault_set(reterr, FAULT_STORAGE, "can't make the runtime directory %s: %m", runtime);
	return -errno;
}

static int start_loop(struct agent *a, struct fault *reterr)
{
	int r;

	r = loop_new(&a->loop);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGTERM, on_stop, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGINT, on_stop, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGHUP, on_hangup, a);
	if (r == 0)
		r = loop_on_clock_step(a->loop, on_clock_step, a);
	if (r == 0)
		r = http_new(a->loop, "grantd/" VERSION, &a->http);
	if (r < 0)
		fault_set(reterr, FAULT_INTERNAL, "can't set up the event loop: %s",
			strerrordesc_np(-r));
	return r;
}

static int start(struct agent *a, struct settings *settings, struct fault *reterr)
{
	int r;

	a->settings = settings;
	a->flush = (struct timer){.handler = on_flush, .userdata = a};
	a->extend = (struct timer){.handler = on_extend, .userdata = a};
	a->stop = (struct timer){.handler = on_stop_timeout, .userdata = a};
	r = start_loop(a, reterr);
	if (r == 0)
		r = open_store(a, reterr);
	if (r == 0)
		r = make_runtime(a->paths->runtime, reterr);
	if (r == 0)
		r = control_new(a, a->paths->runtime, &a->control, reterr);
	if (r < 0)
		return r;
	a->started_wall = loop_now(a->loop).wall_usec;
	a->shared.loop = a->loop;
	a->shared.http = a->http;
	a->shared.changed = on_changed;
	a->shared.userdata = a;
	return 0;
}

int agent_new(const struct agent_paths *paths, struct settings *take_settings, size_t memory_locked,
	struct agent **ret, struct fault *reterr)
{
	_cleanup_(agent_freep) struct agent *a = mem_alloc(sizeof(*a));
	size_t n = 0;
	int r;

	if (!a) {
		settings_free(take_settings);
		fault_set(reterr, FAULT_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	a->paths = paths;
	a->memory_locked = memory_locked;
	r = start(a, take_settings, reterr);
	if (r < 0)
		return r;
	a->connections =
		mem_array(take_settings->config->n_connections + 1, sizeof(struct connection *));
	if (!a->connections) {
		fault_set(reterr, FAULT_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	connect_all(a, take_settings, a->connections, &n);
	a->n_connections = n;
	syncers_apply(a);
	*ret = steal(a);
	return 0;
}

struct agent *agent_free(struct agent *a)
{
	if (!a)
		return NULL;
	syncers_free(a);
	control_free(a->control);
	for (size_t i = 0; i < a->n_connections; i++)
		connection_free(a->connections[i]);
	for (size_t i = 0; i < a->n_retired; i++)
		connection_free(a->retired[i]);
	mem_free(a->connections);
	mem_free(a->retired);
	http_free(a->http);
	store_free(a->store);
	secret_free(a->shared.store_key);
	settings_free(a->settings);
	loop_free(a->loop);
	return mem_free(a);
}

int agent_run(struct agent *a)
{
	log_message(LOG_INFO, &about_agent, "grantd " VERSION " started with %zu connections",
		a->n_connections);
	on_flush(a);
	if (!a->ready_sent)
		on_extend(a);
	return loop_run(a->loop);
}
