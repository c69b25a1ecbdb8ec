/* SPDX-License-Identifier: BSD-2-Clause */

/* What a sync tells people, and what it keeps on disk. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/engine-state.h"

#define SAVED_VERSION 1
/* Failed rows shown to a person. */
#define FAILED_SHOWN 1000

static struct json *time_of(uint64_t wall_usec)
{
	char text[TEXT_TIME_SIZE];

	if (wall_usec == 0 || wall_usec == USEC_NEVER)
		return json_new_null();
	text_format_time(text, sizeof(text), wall_usec);
	return json_new_text(text);
}

static struct json *tell_check(const struct sync *s, enum check check)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	const struct check_result *c = &s->checks[check];
	struct json *ok = c->ok == UNKNOWN ? json_new_null() : json_new_bool(c->ok == YES);

	if (!j) {
		json_free(ok);
		return NULL;
	}
	if (json_add(j, "name", json_new_text(sync_check_name(check))) < 0) {
		json_free(ok);
		return NULL;
	}
	if (json_add(j, "ok", ok) < 0 || json_add(j, "detail", json_new_text(c->detail)) < 0)
		return NULL;
	return steal(j);
}

static struct json *tell_checks(const struct sync *s)
{
	_cleanup_(json_freep) struct json *j = json_new_array();

	for (unsigned i = 0; j && i < _CHECK_MAX; i++)
		if (json_append(j, tell_check(s, (enum check)i)) < 0)
			return NULL;
	return steal(j);
}

static struct json *tell_counts_of_fields(const struct sync *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	uint64_t n[_MAP_PROBLEM_MAX] = {0}, unmapped = 0;

	for (unsigned o = 0; o < _SYNC_OBJECT_MAX; o++) {
		for (unsigned p = 0; p < _MAP_PROBLEM_MAX; p++)
			n[p] += s->maps[o].counts[p];
		unmapped += s->maps[o].unmapped.n;
	}
	if (!j || json_add(j, "mapped", json_new_u64(n[MAP_OK] + n[MAP_TOO_SHORT])) < 0 ||
		json_add(j, "unmapped", json_new_u64(unmapped)) < 0 ||
		json_add(j, "hidden", json_new_u64(n[MAP_HIDDEN])) < 0 ||
		json_add(j, "unknown", json_new_u64(n[MAP_UNKNOWN])) < 0 ||
		json_add(j, "read_only", json_new_u64(n[MAP_READ_ONLY])) < 0 ||
		json_add(j, "type_clash", json_new_u64(n[MAP_TYPE_CLASH])) < 0 ||
		json_add(j, "too_short", json_new_u64(n[MAP_TOO_SHORT])) < 0)
		return NULL;
	return steal(j);
}

static struct json *tell_object(const struct sync *s, enum sync_object o)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	const struct sync_counts *c = queue_counts(s->queue, o);

	if (!j || json_add(j, "new", json_new_u64(c->created)) < 0 ||
		json_add(j, "updated", json_new_u64(c->updated)) < 0 ||
		json_add(j, "deleted", json_new_u64(c->deleted)) < 0 ||
		json_add(j, "failed", json_new_u64(c->failed)) < 0 ||
		json_add(j, "skipped", json_new_u64(c->skipped)) < 0 ||
		json_add(j, "watermark", time_of(s->progress[o].watermark_usec)) < 0)
		return NULL;
	return steal(j);
}

static struct json *tell_objects(const struct sync *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	for (enum sync_object o = 0; j && o < _SYNC_OBJECT_MAX; o++)
		if (s->settings.objects[o] &&
			json_add(j, sync_object_to_string(o), tell_object(s, o)) < 0)
			return NULL;
	return steal(j);
}

static struct json *tell_fault(const struct sync *s)
{
	const struct fault *f = sync_shown_fault(s);
	_cleanup_(json_freep) struct json *j = NULL;

	if (f->kind == FAULT_NONE)
		return json_new_null();
	j = json_new_object();
	if (!j || json_add(j, "kind", json_new_text(fault_kind_to_string(f->kind))) < 0 ||
		json_add(j, "detail", json_new_text(f->detail)) < 0)
		return NULL;
	return steal(j);
}

/* How far the target is behind: since the last whole cycle began. Null before there was one. */
static struct json *tell_lag(const struct sync *s, struct now now)
{
	if (s->cycle_done_wall == 0)
		return json_new_null();
	return json_new_u64(usec_sub(now.wall_usec, s->cycle_done_wall) / USEC_PER_S);
}

static uint64_t next_run_wall(const struct sync *s, struct now now)
{
	if (s->mode != MODE_RUN || s->passing)
		return 0;
	return usec_add(now.wall_usec, usec_sub(s->next_run_boot, now.boot_usec));
}

static bool is_usable(const struct sync *s)
{
	if (s->mode == MODE_CHECK)
		return false;
	switch (s->stage) {
	case SYNC_READY:
	case SYNC_INITIAL:
	case SYNC_RUNNING:
	case SYNC_PAUSED:
		return true;
	case SYNC_WAITING:
	case SYNC_CHECKING:
	case SYNC_BLOCKED_STAGE:
	case SYNC_STOPPED:
	case SYNC_FAILED:
	case _SYNC_STAGE_MAX:
		break;
	}
	return false;
}

static int tell_state(struct json *j, const struct sync *s)
{
	if (json_add(j, "name", json_new_text(s->settings.name)) < 0 ||
		json_add(j, "from", json_new_text(s->settings.from)) < 0 ||
		json_add(j, "to", json_new_text(s->settings.to)) < 0 ||
		json_add(j, "stage", json_new_text(sync_stage_to_string(s->stage))) < 0 ||
		json_add(j, "since", time_of(s->since_wall)) < 0 ||
		json_add(j, "usable", json_new_bool(is_usable(s))) < 0)
		return -ENOMEM;
	return 0;
}

struct json *sync_tell(const struct sync *s, struct now now)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || tell_state(j, s) < 0 || json_add(j, "checks", tell_checks(s)) < 0 ||
		json_add(j, "fields", tell_counts_of_fields(s)) < 0 ||
		json_add(j, "objects", tell_objects(s)) < 0 ||
		json_add(j, "lag_s", tell_lag(s, now)) < 0 ||
		json_add(j, "next_run_at", time_of(next_run_wall(s, now))) < 0 ||
		json_add(j, "fault", tell_fault(s)) < 0)
		return NULL;
	return steal(j);
}

/* --- fields --- */

static struct json *tell_entry(const struct map_entry *e)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "from", json_new_text(e->from)) < 0 ||
		json_add(j, "to", json_new_text(e->to)) < 0 ||
		json_add(j, "problem",
			e->problem == MAP_OK
				? json_new_null()
				: json_new_text(map_problem_to_string(e->problem))) < 0)
		return NULL;
	return steal(j);
}

static struct json *tell_map(const struct map *m)
{
	_cleanup_(json_freep) struct json *j = json_new_object(), *fields = json_new_array(),
					  *unmapped = json_new_array();

	if (!j || !fields || !unmapped)
		return NULL;
	for (size_t i = 0; i < m->n; i++)
		if (json_append(fields, tell_entry(&m->entries[i])) < 0)
			return NULL;
	for (size_t i = 0; i < m->unmapped.n; i++)
		if (json_append(unmapped, json_new_text(m->unmapped.items[i])) < 0)
			return NULL;
	if (json_add(j, "fields", steal(fields)) < 0 ||
		json_add(j, "unmapped", steal(unmapped)) < 0)
		return NULL;
	return steal(j);
}

struct json *sync_tell_fields(const struct sync *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	for (enum sync_object o = 0; j && o < _SYNC_OBJECT_MAX; o++)
		if (s->settings.objects[o] &&
			json_add(j, sync_object_to_string(o), tell_map(&s->maps[o])) < 0)
			return NULL;
	return steal(j);
}

struct json *sync_tell_failed(const struct sync *s)
{
	return queue_failed_tell(s->queue, FAILED_SHOWN);
}

/* --- on disk --- */

static struct json *save_progress(const struct progress *p)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "watermark", json_new_u64(p->watermark_usec)) < 0 ||
		json_add(j, "loaded", json_new_bool(p->loaded)) < 0 ||
		json_add(j, "job", json_new_text(p->job)) < 0 ||
		json_add(j, "locator", json_new_text(p->locator)) < 0 ||
		json_add(j, "job_began", json_new_u64(p->job_usec)) < 0 ||
		json_add(j, "job_done", json_new_bool(p->job_done)) < 0)
		return NULL;
	return steal(j);
}

static const char *const side_names[_SYNC_SIDE_MAX] = {"source", "target"};

static struct json *save_side(const struct side *d)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "paused_until", json_new_u64(d->paused_until_wall)) < 0 ||
		json_add(j, "calls", json_new_u64(d->pace.day_used)) < 0 ||
		json_add(j, "day_ends", json_new_u64(d->pace.day_ends_wall)) < 0)
		return NULL;
	return steal(j);
}

static int save_sides(struct json *j, const struct sync *s)
{
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		if (json_add(j, side_names[i], save_side(&s->sides[i])) < 0)
			return -ENOMEM;
	return 0;
}

struct json *sync_save(const struct sync *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "version", json_new_u64(SAVED_VERSION)) < 0 ||
		json_add(j, "from", json_new_text(s->settings.from)) < 0 ||
		json_add(j, "to", json_new_text(s->settings.to)) < 0 ||
		json_add(j, "key", json_new_text(s->settings.key)) < 0 ||
		json_add(j, "started", json_new_bool(s->started)) < 0 ||
		json_add(j, "stopped", json_new_bool(s->stopped)) < 0 || save_sides(j, s) < 0 ||
		json_add(j, "queue", queue_save(s->queue)) < 0)
		return NULL;
	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX; o++)
		if (json_add(j, sync_object_to_string(o), save_progress(&s->progress[o])) < 0)
			return NULL;
	return steal(j);
}

static int load_text(const struct json *j, const char *name, char **ret)
{
	const char *text = json_get_text(j, name);
	char *copy = mem_strdup(text);

	if (text && !copy)
		return -ENOMEM;
	mem_free(*ret);
	*ret = copy;
	return 0;
}

static int load_progress(const struct json *j, struct progress *p)
{
	if (!json_u64(json_get(j, "watermark"), &p->watermark_usec) ||
		!json_bool(json_get(j, "loaded"), &p->loaded) ||
		!json_u64(json_get(j, "job_began"), &p->job_usec) ||
		!json_bool(json_get(j, "job_done"), &p->job_done))
		return -EBADMSG;
	if (load_text(j, "job", &p->job) < 0 || load_text(j, "locator", &p->locator) < 0)
		return -ENOMEM;
	return 0;
}

/* What was used of a day that goes on. Times that can't be are of a clock that was wrong. */
static void load_side(const struct json *j, struct side *d, uint64_t wall_usec)
{
	uint64_t until = 0, calls = 0, ends = 0, most = usec_add(wall_usec, SYNC_QUOTA_WAIT_MAX);

	if (json_u64(json_get(j, "paused_until"), &until) && until <= most)
		d->paused_until_wall = until;
	if (!json_u64(json_get(j, "calls"), &calls) || !json_u64(json_get(j, "day_ends"), &ends) ||
		ends <= wall_usec || ends > most)
		return;
	d->pace.day_used = calls;
	d->pace.day_ends_wall = ends;
}

static int load_all(struct sync *s, const struct json *saved)
{
	uint64_t version = 0;
	int r = 0;

	if (!json_u64(json_get(saved, "version"), &version) || version != SAVED_VERSION ||
		!text_equal(json_get_text(saved, "from"), s->settings.from) ||
		!text_equal(json_get_text(saved, "to"), s->settings.to) ||
		!text_equal(json_get_text(saved, "key"), s->settings.key) ||
		!json_bool(json_get(saved, "started"), &s->started) ||
		!json_bool(json_get(saved, "stopped"), &s->stopped))
		return -EBADMSG;
	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX && r == 0; o++)
		r = load_progress(json_get(saved, sync_object_to_string(o)), &s->progress[o]);
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		load_side(json_get(saved, side_names[i]), &s->sides[i], s->now.wall_usec);
	s->started |= s->settings.start_auto && !s->stopped;
	return r < 0 ? r : queue_load(s->queue, json_get(saved, "queue"));
}

int sync_load(struct sync *s, const struct json *saved)
{
	int r = load_all(s, saved);

	if (r != -EBADMSG)
		return r;
	for (unsigned o = 0; o < _SYNC_OBJECT_MAX; o++) {
		mem_free(s->progress[o].job);
		mem_free(s->progress[o].locator);
		s->progress[o] = (struct progress){.loaded = false};
	}
	s->started = s->settings.start_auto;
	s->stopped = false;
	fault_set(&s->fault, FAULT_STORAGE,
		"what was stored of this sync is of other connections, another key or another version: "
		"it begins anew");
	return -EBADMSG;
}
