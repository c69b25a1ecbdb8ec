/* SPDX-License-Identifier: BSD-2-Clause */

/* What has to be true before anything is written: asked of both sides, one question after the
 * other, and told check by check. What no API shows is told as unknown, never as passed. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sync/engine-state.h"

enum step {
	STEP_VERSIONS,
	STEP_LIMITS,
	STEP_LEAD,
	STEP_CONTACT,
	STEP_ACCOUNT,
	STEP_TARGET,
	STEP_USAGE,
	STEP_END,
};

static const char *const check_names[_CHECK_MAX] = {
	[CHECK_SOURCE_TOKEN] = "source_token",
	[CHECK_TARGET_TOKEN] = "target_token",
	[CHECK_API] = "api_enabled",
	[CHECK_OBJECTS] = "source_objects",
	[CHECK_FIELDS] = "source_fields",
	[CHECK_TARGET] = "target_access",
	[CHECK_KEY] = "target_key",
	[CHECK_NATIVE_SYNC] = "native_sync",
	[CHECK_QUOTA] = "quota",
	[CHECK_DELETES] = "deletes",
	[CHECK_FEATURES] = "features",
};

static const char *const describe_names[_DESCRIBE_MAX] = {"Lead", "Contact", "Account"};

const char *sync_check_name(enum check check)
{
	return check_names[check];
}

static void set(struct sync *s, enum check check, enum tristate ok, const char *detail)
{
	s->checks[check].ok = ok;
	text_clean(
		s->checks[check].detail, sizeof(s->checks[check].detail), detail, strlen(detail));
}

/* The first failure of a check is the one that is told. */
static void set_no(struct sync *s, enum check check, const char *detail)
{
	if (s->checks[check].ok != NO)
		set(s, check, NO, detail);
}

static void set_yes(struct sync *s, enum check check, const char *detail)
{
	if (s->checks[check].ok != NO)
		set(s, check, YES, detail);
}

void sync_check_begin(struct sync *s)
{
	for (unsigned i = 0; i < _CHECK_MAX; i++)
		set(s, (enum check)i, UNKNOWN, "not checked yet");
	s->older_describe = false;
	s->mode = MODE_CHECK;
	s->step = STEP_VERSIONS;
}

static bool wants_object(const struct sync *s, unsigned step)
{
	if (step == STEP_LEAD)
		return s->settings.objects[SYNC_LEAD];
	return s->settings.objects[SYNC_CONTACT]; /* accounts ride along with contacts */
}

static enum job job_of(unsigned step)
{
	static const enum job jobs[] = {
		[STEP_VERSIONS] = JOB_VERSIONS,
		[STEP_LIMITS] = JOB_LIMITS,
		[STEP_LEAD] = JOB_DESCRIBE,
		[STEP_CONTACT] = JOB_DESCRIBE,
		[STEP_ACCOUNT] = JOB_DESCRIBE,
		[STEP_TARGET] = JOB_TARGET_DESCRIBE,
		[STEP_USAGE] = JOB_USAGE,
		[STEP_END] = JOB_NONE,
	};

	return jobs[step];
}

int sync_check_request(
	const struct sync *s, const struct secret *token, struct exchange_request *ret)
{
	return salesforce_request_describe(
		&s->source, token, describe_names[s->step - STEP_LEAD], ret);
}

/* --- the end of the checks --- */

static int make_maps(struct sync *s)
{
	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX; o++) {
		enum describe d = o == SYNC_LEAD ? DESCRIBE_LEAD : DESCRIBE_CONTACT;
		struct map map = {.object = o};
		int r;

		if (!s->settings.objects[o])
			continue;
		r = map_make(o, &s->settings, &s->objects[d].fields,
			&s->objects[DESCRIBE_ACCOUNT].fields, &s->target_fields.fields, &map);
		if (r < 0)
			return r;
		map_done(&s->maps[o]);
		s->maps[o] = map;
	}
	s->mapped = true;
	return 0;
}

static void add_hidden(struct buf *text, enum sync_object object, const char *name)
{
	(void)buf_printf(text, "; %s.%s is not visible to the user", /* cut where it is long */
		sync_object_api_name(object), name);
}

/* Hidden fields of the default map are no obstacle, but are told. */
static void list_hidden(struct sync *s)
{
	_cleanup_(buf_done) struct buf text = BUF(FAULT_DETAIL_MAX - 1);

	(void)buf_add_text(&text, "the map is in order"); /* cut where it is long */
	for (unsigned o = 0; o < _SYNC_OBJECT_MAX; o++) {
		const struct map *m = &s->maps[o];

		for (size_t i = 0; i < m->unseen.n; i++)
			add_hidden(&text, (enum sync_object)o, m->unseen.items[i]);
		for (size_t i = 0; i < m->n; i++)
			if (m->entries[i].problem == MAP_HIDDEN)
				add_hidden(&text, (enum sync_object)o, m->entries[i].from);
	}
	set_yes(s, CHECK_FIELDS, buf_text(&text));
}

static const char too_many_fields[] =
	"the fields of one object make a query that is longer than the source takes: exclude "
	"some";

static void check_fields(struct sync *s)
{
	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX; o++) {
		struct fault f;

		if (s->settings.objects[o] && map_blocked(&s->maps[o], &s->settings, &f))
			set_no(s, CHECK_FIELDS, f.detail);
		else if (s->settings.objects[o] && sync_run_fits(s, o) == -EMSGSIZE)
			set_no(s, CHECK_FIELDS, too_many_fields);
	}
	list_hidden(s);
}

static bool has_deleted_field(const struct sync *s, enum sync_object o)
{
	for (size_t i = 0; i < s->maps[o].n; i++)
		if (text_equal(s->maps[o].entries[i].from, "IsDeleted") &&
			map_entry_is_used(&s->maps[o].entries[i]))
			return true;
	return false;
}

static void check_deletes(struct sync *s)
{
	if (s->settings.deletes != SYNC_DELETES_FLAG) {
		set_yes(s, CHECK_DELETES, sync_deletes_to_string(s->settings.deletes));
		return;
	}
	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX; o++)
		if (s->settings.objects[o] && !has_deleted_field(s, o)) {
			set(s, CHECK_DELETES, UNKNOWN,
				"IsDeleted is mapped to no field of the target, so nothing tells there "
				"who was deleted: add it to fields, or set deletes");
			return;
		}
	set_yes(s, CHECK_DELETES, "flag");
}

static void conclude(struct sync *s)
{
	for (unsigned i = 0; i < _CHECK_MAX; i++)
		if (s->checks[i].ok == NO) {
			fault_set(&s->fault, FAULT_MISCONFIGURED, "%s", s->checks[i].detail);
			s->mode = MODE_BLOCKED;
			s->recheck_boot = usec_add(s->now.boot_usec, SYNC_RECHECK);
			return;
		}
	if (s->fault.kind != FAULT_STORAGE)
		s->fault = (struct fault){.kind = FAULT_NONE};
	s->mode = MODE_READY;
}

static void end_checks(struct sync *s)
{
	bool described = s->checks[CHECK_API].ok != NO && s->checks[CHECK_OBJECTS].ok != NO &&
		s->checks[CHECK_TARGET].ok != NO;

	if (described) {
		sync_run_anew(s);
		if (make_maps(s) < 0) {
			sync_fail(s, "out of memory");
			s->mode = MODE_BLOCKED;
			s->recheck_boot = usec_add(s->now.boot_usec, SYNC_TOKEN_RETRY);
			return;
		}
		check_fields(s);
		check_deletes(s);
	}
	set(s, CHECK_FEATURES, UNKNOWN,
		"no API tells whether Salesforce and Marketo have switched on what their own sync "
		"needs; this one needs none of it");
	conclude(s);
}

void sync_check_step(struct sync *s)
{
	if (!sync_idle(s) || !s->sides[SYNC_SOURCE].token || !s->sides[SYNC_TARGET].token)
		return;
	set_yes(s, CHECK_SOURCE_TOKEN, "there is one");
	set_yes(s, CHECK_TARGET_TOKEN, "there is one");
	while (s->step >= STEP_LEAD && s->step <= STEP_ACCOUNT && !wants_object(s, s->step))
		s->step++;
	if (s->step == STEP_END)
		end_checks(s);
	else
		sync_begin(s, READER, job_of(s->step));
}

/* --- replies --- */

static const char api_answers[] = "the REST API answers";
static const char no_limits[] = "the source does not tell its limits";

static int take_limits(struct sync *s, const struct exchange_reply *reply, struct sync_verdict *v)
{
	struct salesforce_limits limits = {0};
	char detail[96];
	int r;

	r = salesforce_read_limits(reply, &limits, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	(void)snprintf(detail, sizeof(detail), "%llu of %llu calls are left",
		(unsigned long long)limits.remaining, (unsigned long long)limits.max);
	set_yes(s, CHECK_API, api_answers);
	set(s, CHECK_QUOTA, limits.max > 0 ? YES : UNKNOWN, limits.max > 0 ? detail : no_limits);
	if (limits.max > 0)
		pace_set_day(&s->sides[SYNC_SOURCE].pace, limits.max, s->settings.quota_source,
			s->sides[SYNC_SOURCE].pace.day_ends_wall > s->now.wall_usec
				? s->sides[SYNC_SOURCE].pace.day_ends_wall
				: usec_add(s->now.wall_usec, USEC_PER_DAY));
	return 0;
}

static int take_describe(struct sync *s, const struct exchange_reply *reply, struct sync_verdict *v)
{
	unsigned d = s->step - STEP_LEAD;
	struct salesforce_object o = {0};
	char detail[128];
	int r;

	r = salesforce_read_describe(reply, &o, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	salesforce_object_done(&s->objects[d]);
	s->objects[d] = o;
	set_yes(s, CHECK_API, api_answers);
	(void)snprintf(detail, sizeof(detail), "the user may not query %s: give its profile Read",
		describe_names[d]);
	if (!o.queryable && d != DESCRIBE_ACCOUNT)
		set_no(s, CHECK_OBJECTS, detail);
	else
		set_yes(s, CHECK_OBJECTS, "they can be read");
	return 0;
}

static void check_key(struct sync *s)
{
	const struct field *f = fields_find(&s->target_fields.fields, s->settings.key);
	char detail[FAULT_DETAIL_MAX];

	(void)snprintf(detail, sizeof(detail),
		"the target has no field %.80s that may be written: create it, or set key to another",
		s->settings.key);
	if (!f || !f->writable) {
		set_no(s, CHECK_KEY, detail);
		return;
	}
	(void)snprintf(detail, sizeof(detail),
		"the target does not look persons up by %.80s: make it searchable, or set key to "
		"another",
		s->settings.key);
	if (s->target_fields.lookups.n > 0 && !names_have(&s->target_fields.lookups, f->name))
		set_no(s, CHECK_KEY, detail);
	else
		set_yes(s, CHECK_KEY, s->settings.key);
}

static int take_target(struct sync *s, const struct exchange_reply *reply, struct sync_verdict *v)
{
	struct marketo_fields f = {.native_sync = false};
	int r;

	r = marketo_read_describe(reply, s->now, &f, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	marketo_fields_done(&s->target_fields);
	s->target_fields = f;
	set_yes(s, CHECK_TARGET, "persons can be described");
	check_key(s);
	if (s->older_describe)
		set(s, CHECK_NATIVE_SYNC, UNKNOWN, "the target has no describe2, which would tell");
	else if (!f.native_sync)
		set_yes(s, CHECK_NATIVE_SYNC, "seems to be off");
	else if (s->settings.native_sync_ignored)
		set_yes(s, CHECK_NATIVE_SYNC, "seems to be on; ignored, as configured");
	else
		set_no(s, CHECK_NATIVE_SYNC,
			"Marketo's own CRM sync seems to be on: two syncs overwrite each other, and "
			"company fields can't be written; switch it off, or set native_sync: ignore");
	return 0;
}

static int take_usage(struct sync *s, const struct exchange_reply *reply, struct sync_verdict *v)
{
	uint64_t today = 0;
	char detail[96];
	int r;

	r = marketo_read_usage(reply, s->now, &today, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	(void)snprintf(detail, sizeof(detail), "%.60s; the target counts %llu calls today",
		s->checks[CHECK_QUOTA].detail, (unsigned long long)today);
	set(s, CHECK_QUOTA, s->checks[CHECK_QUOTA].ok, detail); /* ours is told by the source */
	return 0;
}

static void done(struct sync *s)
{
	s->slots[READER].job = JOB_NONE;
	s->step++;
}

int sync_check_reply(struct sync *s, const struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	int r = 0;

	switch (s->step) {
	case STEP_VERSIONS:
		r = salesforce_read_versions(reply, &s->source.version, v);
		break;
	case STEP_LIMITS:
		r = take_limits(s, reply, v);
		break;
	case STEP_LEAD:
	case STEP_CONTACT:
	case STEP_ACCOUNT:
		r = take_describe(s, reply, v);
		break;
	case STEP_TARGET:
		r = take_target(s, reply, v);
		break;
	case STEP_USAGE:
		r = take_usage(s, reply, v);
		break;
	default:
		break;
	}
	(void)slot;
	if (r == 0 && v->kind == SYNC_OK)
		done(s);
	return r;
}

/* Is it the API as a whole that is refused? The limits alone may be hidden from the user. */
static bool is_without_api(const struct sync_verdict *v)
{
	return text_starts(v->code, "API_") || text_equal(v->code, "INVALID_SESSION_ID");
}

static void describe_failed(struct sync *s, const struct sync_verdict *v)
{
	char detail[FAULT_DETAIL_MAX];

	(void)snprintf(detail, sizeof(detail), "%s: %.400s", describe_names[s->step - STEP_LEAD],
		v->fault.detail);
	if (is_without_api(v))
		set_no(s, CHECK_API, v->fault.detail);
	set_no(s, CHECK_OBJECTS, detail);
}

/* The address of describe2 is not there: some instances have the older one only. */
static bool ask_older(struct sync *s, const struct sync_verdict *v)
{
	if (s->older_describe || v->kind != SYNC_BLOCKED ||
		(*v->code && !text_equal(v->code, "610")))
		return false;
	s->older_describe = true;
	s->slots[READER].job = JOB_NONE;
	return true;
}

void sync_check_failed(struct sync *s, const struct slot *slot, const struct sync_verdict *v)
{
	(void)slot;
	if (s->step == STEP_TARGET && ask_older(s, v))
		return;
	switch (s->step) {
	case STEP_VERSIONS:
	case STEP_LIMITS:
		if (s->step == STEP_LIMITS && !is_without_api(v)) {
			set(s, CHECK_QUOTA, UNKNOWN, no_limits);
			break;
		}
		set_no(s, CHECK_API, v->fault.detail);
		s->slots[READER].job = JOB_NONE;
		s->step = STEP_END; /* the rest would fail for the same reason */
		return;
	case STEP_LEAD:
	case STEP_CONTACT:
		describe_failed(s, v);
		break;
	case STEP_ACCOUNT: /* its fields are then hidden */
		salesforce_object_done(&s->objects[DESCRIBE_ACCOUNT]);
		break;
	case STEP_TARGET:
		set_no(s, CHECK_TARGET, v->fault.detail);
		break;
	default: /* the usage is not worth a failure */
		break;
	}
	done(s);
}
