/* SPDX-License-Identifier: BSD-2-Clause */

/* Scenarios on the agent's connection, with the host replaced by the linker: the same symbols as
 * host/loop, http, store and log, on virtual time and one record of disk. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "agent/connection.h"
#include "base/mem.h"
#include "host/log.h"
#include "subject.h"

struct http_slot {
	http_handler done;
	void *userdata;
	struct exchange_request request;
};

static struct connection *connection;
static struct connection_shared shared;
static struct access allow;
static struct timer *timer; /* a connection has one */
static struct http_slot *flight;

/* --- host/loop --- */

struct now loop_now(struct loop *l)
{
	(void)l;
	return world.now;
}

void loop_random(void *data, size_t len)
{
	world_random(data, len);
}

int loop_timer_set(struct loop *l, struct timer *t, uint64_t boot_usec)
{
	(void)l;
	timer = t;
	t->boot_usec = boot_usec;
	return 0;
}

void loop_timer_clear(struct loop *l, struct timer *t)
{
	(void)l;
	if (timer == t)
		timer = NULL;
}

/* --- host/http --- */

static int copy_request(const struct exchange_request *from, struct exchange_request *to)
{
	*to = *from;
	to->url = mem_strdup(from->url);
	to->authorization = secret_copy(from->authorization);
	to->body = secret_copy(from->body);
	return to->url ? 0 : -ENOMEM;
}

int http_send(struct http *h, const struct exchange_request *request,
	const struct http_options *options, http_handler done, void *userdata,
	struct http_slot **ret)
{
	struct http_slot *s = mem_alloc(sizeof(*s));

	(void)h;
	(void)options;
	if (!s || flight || copy_request(request, &s->request) < 0)
		abort(); /* a second request in flight for one grant */
	s->done = done;
	s->userdata = userdata;
	flight = *ret = s;
	world.requests++;
	return 0;
}

struct http_slot *http_slot_free(struct http_slot *s)
{
	if (!s)
		return NULL;
	if (flight == s)
		flight = NULL;
	exchange_request_done(&s->request);
	return mem_free(s);
}

/* --- host/store --- */

int store_read(struct store *s, const char *name, struct buf *ret, struct fault *reterr)
{
	(void)s;
	(void)name;
	(void)reterr;
	return world.disk_holds ? buf_add(ret, world.disk.data, world.disk.len) : -ENOENT;
}

int store_write(
	struct store *s, const char *name, const void *data, size_t len, struct fault *reterr)
{
	(void)s;
	(void)name;
	return world_store(data, len, reterr);
}

int store_prove(struct store *s, size_t size, struct fault *reterr)
{
	(void)s;
	(void)size;
	if (!world.disk_full)
		return 0;
	fault_set(reterr, FAULT_STORAGE, "no space left");
	return -ENOSPC;
}

int store_aside(struct store *s, const char *name, struct buf *ret_aside, struct fault *reterr)
{
	(void)s;
	(void)name;
	(void)reterr;
	world.disk_holds = false;
	return buf_add_text(ret_aside, "aside");
}

/* --- host/log --- */

void log_message(int severity, const struct log_about *about, const char *format, ...)
{
	char text[8192];
	va_list arguments;

	(void)severity;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (strstr(text, "waiting for approval"))
		world.notices++;
	if (buf_printf(&world.log, "%s: %s\n", about->connection ? about->connection : "", text) <
		0)
		abort();
}

/* --- the subject --- */

static void changed(void *userdata, struct connection *c)
{
	(void)userdata;
	(void)c;
}

void subject_start(const struct config *config)
{
	shared = (struct connection_shared){.changed = changed};
	shared.store_key = secret_new("0123456789abcdef0123456789abcdef", RECORD_KEY_SIZE);
	memcpy(shared.machine, "a machine of its", sizeof(shared.machine));
	if (connection_new(&shared, &config->connections[0], &allow, config, &connection) < 0)
		abort();
}

void subject_reload(const struct config *config)
{
	if (connection_reconfigure(connection, &config->connections[0], &allow, config) < 0)
		abort();
}

void subject_kill(void)
{
	connection = connection_free(connection);
	shared.store_key = secret_free(shared.store_key);
}

void subject_command(enum grant_command command)
{
	connection_command(connection, command);
}

int subject_paste(const char *text, bool code_only, struct fault *reterr)
{
	return connection_paste(connection, text, strlen(text), code_only, reterr);
}

int subject_invalidate(const char *token, struct fault *reterr)
{
	uint64_t retry = 0;

	return connection_invalidate(connection, token, strlen(token), reterr, &retry);
}

const struct exchange_request *subject_request(void)
{
	return flight ? &flight->request : NULL;
}

void subject_answer(const struct exchange_reply *reply)
{
	flight->done(flight->userdata, reply);
}

/* The connection has freed the slot, and with it what would call it: there is nobody to tell. */
void subject_answer_late(const struct exchange_reply *reply)
{
	(void)reply;
}

uint64_t subject_deadline(void)
{
	return timer ? timer->boot_usec : USEC_NEVER;
}

void subject_fire(void)
{
	timer->handler(timer->userdata);
}

void subject_clock_set(void)
{
	connection_tick(connection);
}

void subject_view(struct grant_view *ret)
{
	connection_view(connection, ret);
}

const struct token *subject_token(uint64_t *ret_remaining_usec)
{
	return connection_token(connection, ret_remaining_usec);
}
