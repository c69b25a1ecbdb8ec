/* SPDX-License-Identifier: BSD-2-Clause */

/* Status as JSON and as one line. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/status.h"
#include "agent/syncer.h"
#include "base/mem.h"
#include "base/text.h"

/* A time, null for 0. */
static struct json *time_json(uint64_t wall_usec)
{
	char text[TEXT_TIME_SIZE];

	if (wall_usec == 0 || wall_usec == USEC_NEVER)
		return json_new_null();
	text_format_time(text, sizeof(text), wall_usec);
	return json_new_text(text);
}

static struct json *names_json(const struct names *names)
{
	_cleanup_(json_freep) struct json *j = json_new_array();

	for (size_t i = 0; j && i < names->n; i++)
		if (json_append(j, json_new_text(names->items[i])) < 0)
			return NULL;
	return steal(j);
}

void status_redact(struct fault *f, enum grant_state state)
{
	if (f->kind == FAULT_WRONG_IDENTITY)
		fault_set(f, f->kind,
			"it was not the right person who approved, or nobody can tell: this is for "
			"an operator to see and to decide");
	else if (state == GRANT_CONFIRMING && f->kind == FAULT_NEEDS_APPROVAL)
		fault_set(f, f->kind, "an operator has to confirm or reject who approved");
}

static struct json *fault_json(const struct grant_view *v, bool operator)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	struct fault f = *v->fault;

	if (!operator)
		status_redact(&f, v->state);
	if (v->fault->kind == FAULT_NONE)
		return json_new_null();
	if (!j || json_add(j, "kind", json_new_text(fault_kind_to_string(v->fault->kind))) < 0 ||
		json_add(j, "detail", json_new_text(f.detail)) < 0 ||
		json_add(j, "since", time_json(v->fault_since_usec)) < 0 ||
		json_add(j, "attempts", json_new_u64(v->fault_attempts)) < 0 ||
		json_add(j, "retry_at", time_json(v->fault_retry_usec)) < 0)
		return NULL;
	return steal(j);
}

struct json *status_approval(const struct grant_view *v, bool operator)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	const struct device_authorization *d = v->approval;

	if (!d)
		return json_new_null();
	if (!j || json_add(j, "kind", json_new_text(d->user_code ? "device" : "paste")) < 0)
		return NULL;
	if (operator&&(json_add(j, "verification_uri", json_new_text(d->verification_uri)) < 0 ||
		    json_add(j, "verification_uri_complete",
			    json_new_text(d->verification_uri_complete)) < 0 ||
		    json_add(j, "user_code", json_new_text(d->user_code)) < 0))
		return NULL;
	if (json_add(j, "expires_at", time_json(v->approval_expires_usec)) < 0)
		return NULL;
	return steal(j);
}

/* What else is told of @id. A claim may have any name; those of ours come first. */
static int add_claims(struct json *j, const struct identity *id)
{
	const struct json *claim = NULL;

	while (id->claims && (claim = json_next(id->claims, claim)))
		if (!json_get(j, json_key(claim)) &&
			json_add(j, json_key(claim), json_copy(claim)) < 0)
			return -ENOMEM;
	return 0;
}

/* Who approved: as all that an approval says, for operators only. */
static struct json *identity_json(const struct grant_view *v, bool operator)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	const struct identity *id = v->identity;

	if (!id || !operator)
		return json_new_null();
	if (!j || json_add(j, "issuer", json_new_text(id->issuer)) < 0 ||
		json_add(j, "subject", json_new_text(id->subject)) < 0 ||
		json_add(j, "username", json_new_text(identity_username(id))) < 0 ||
		json_add(j, "email", json_new_text(json_get_text(id->claims, "email"))) < 0 ||
		json_add(j, "confirmed", json_new_bool(v->confirmed)) < 0 || add_claims(j, id) < 0)
		return NULL;
	return steal(j);
}

static int add_what(struct json *j, const struct connection *c)
{
	const struct config_connection *cc = connection_config(c);

	if (json_add(j, "name", json_new_text(connection_name(c))) < 0 ||
		json_add(j, "provider", json_new_text(cc->provider)) < 0 ||
		json_add(j, "flow", json_new_text(grant_flow_to_string(cc->setup.flow))) < 0 ||
		json_add(j, "required", json_new_bool(cc->required)) < 0)
		return -ENOMEM;
	return 0;
}

static struct json *connection_json(const struct connection *c, bool operator)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	struct grant_view v;

	connection_view(c, &v);
	if (!j || add_what(j, c) < 0 ||
		json_add(j, "state", json_new_text(grant_state_to_string(v.state))) < 0 ||
		json_add(j, "usable", json_new_bool(v.usable)) < 0 ||
		json_add(j, "since", time_json(v.since_usec)) < 0 ||
		json_add(j, "approval", status_approval(&v, operator)) < 0 ||
		json_add(j, "scopes", names_json(v.scopes)) < 0 ||
		json_add(j, "identity", identity_json(&v, operator)) < 0 ||
		json_add(j, "token_expires_at", time_json(v.token_expires_usec)) < 0 ||
		json_add(j, "refresh_at", time_json(v.refresh_usec)) < 0 ||
		json_add(j, "grant_expires_at", time_json(v.grant_expires_usec)) < 0 ||
		json_add(j, "fault", fault_json(&v, operator)) < 0)
		return NULL;
	return steal(j);
}

static struct json *agent_json(const struct agent *a)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "pid", json_new_u64((uint64_t)getpid())) < 0 ||
		json_add(j, "version", json_new_text(VERSION)) < 0 ||
		json_add(j, "started_at", time_json(a->started_wall)) < 0 ||
		json_add(j, "store_key",
			json_new_text(store_key_origin_to_string(a->store_key_origin))) < 0 ||
		json_add(j, "memory_locked", json_new_u64(a->memory_locked)) < 0)
		return NULL;
	return steal(j);
}

static struct json *connections_json(
	const struct agent *a, const struct names *names, bool operator)
{
	_cleanup_(json_freep) struct json *j = json_new_array();

	for (size_t i = 0; j && i < a->n_connections; i++) {
		const struct connection *c = a->connections[i];

		if (names->n > 0 && !names_have(names, connection_name(c)))
			continue;
		if (json_append(j, connection_json(c, operator)) < 0)
			return NULL;
	}
	return steal(j);
}

struct json *status_syncs(const struct agent *a, const char *name)
{
	_cleanup_(json_freep) struct json *j = json_new_array();

	for (size_t i = 0; j && i < a->n_syncers; i++) {
		const struct syncer *s = a->syncers[i];

		if (name && !text_equal(name, syncer_name(s)))
			continue;
		if (json_append(j, syncer_json(s)) < 0)
			return NULL;
	}
	return steal(j);
}

struct json *status_json(const struct agent *a, const struct names *names, bool operator)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "version", json_new_u64(1)) < 0 ||
		json_add(j, "ready", json_new_bool(status_ready(a))) < 0 ||
		json_add(j, "agent", agent_json(a)) < 0 ||
		json_add(j, "connections", connections_json(a, names, operator)) < 0 ||
		json_add(j, "sync", status_syncs(a, NULL)) < 0)
		return NULL;
	return steal(j);
}

static void describe(const struct connection *c, char *ret, size_t size)
{
	const char *name = connection_name(c);
	struct grant_view v;
	struct fault f;

	connection_view(c, &v);
	f = *v.fault;
	status_redact(&f, v.state);
	if (v.approval)
		(void)snprintf(
			ret, size, "waiting for approval of %s: run grantctl login %s", name, name);
	else if (v.state == GRANT_CONFIRMING && f.kind == FAULT_NEEDS_APPROVAL)
		(void)snprintf(ret, size,
			"waiting for confirmation of %s: run grantctl confirm %s or grantctl "
			"reject %s",
			name, name, name);
	else if (f.kind != FAULT_NONE)
		(void)snprintf(
			ret, size, "%s: %s: %s", name, fault_kind_to_string(f.kind), f.detail);
	else
		(void)snprintf(ret, size, "%s: %s", name, grant_state_to_string(v.state));
}

/* The first required connection that is not usable, NULL for none; counts all of them. */
static const struct connection *first_unusable(
	const struct agent *a, size_t *ret_required, size_t *ret_unusable)
{
	const struct connection *first = NULL;
	struct grant_view v;

	*ret_required = *ret_unusable = 0;
	for (size_t i = 0; i < a->n_connections; i++) {
		if (!connection_config(a->connections[i])->required)
			continue;
		++*ret_required;
		connection_view(a->connections[i], &v);
		if (v.usable)
			continue;
		++*ret_unusable;
		if (!first)
			first = a->connections[i];
	}
	return first;
}

/* The first sync whose checks have not all passed, NULL for none. */
static const struct syncer *first_idle_sync(const struct agent *a)
{
	for (size_t i = 0; i < a->n_syncers; i++)
		if (!syncer_usable(a->syncers[i]))
			return a->syncers[i];
	return NULL;
}

bool status_ready(const struct agent *a)
{
	size_t required, unusable;

	return !first_unusable(a, &required, &unusable) && required > 0 && !first_idle_sync(a);
}

void status_line(const struct agent *a, char *ret, size_t size)
{
	size_t required, unusable, used;
	const struct connection *first = first_unusable(a, &required, &unusable);

	if (required == 0) {
		(void)snprintf(ret, size, "not ready: no required connection is configured");
		return;
	}
	if (!first && first_idle_sync(a)) {
		syncer_line(first_idle_sync(a), ret, size);
		return;
	}
	if (!first) {
		(void)snprintf(ret, size, "ready: %zu connection%s usable", required,
			required == 1 ? "" : "s");
		return;
	}
	describe(first, ret, size);
	used = strlen(ret);
	if (unusable > 1)
		(void)snprintf(ret + used, size - used, " (and %zu more)", unusable - 1);
}
