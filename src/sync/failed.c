/* SPDX-License-Identifier: BSD-2-Clause */

/* The rows that the target did not take. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/batch.h"
#include "sync/failed.h"

/* After so many attempts, the wait for the next. */
static const uint64_t waits[] = {
	15 * USEC_PER_MIN,
	USEC_PER_HOUR,
	6 * USEC_PER_HOUR,
	USEC_PER_DAY,
};

struct failed_row {
	TAILQ_ENTRY(failed_row) entry;
	struct table_node by_id, by_new_key;
	char id[19];
	enum sync_object object;
	char *key;
	char *new_key; /* of a REKEY */
	char code[sizeof(((struct marketo_result *)NULL)->code)];
	char reason[sizeof(((struct marketo_result *)NULL)->reason)];
	uint64_t attempts;
	uint64_t retry_at; /* wall */
	bool asked;        /* told by failed_retry(), and nothing came of it yet */
};

static struct failed_row *row_done(struct failed_row *r)
{
	if (r) {
		mem_free(r->key);
		mem_free(r->new_key);
	}
	return mem_free(r);
}

int failed_new(struct failed **ret)
{
	struct failed *f = mem_alloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	TAILQ_INIT(&f->rows);
	TAILQ_INIT(&f->spare);
	f->retry_at = USEC_NEVER;
	*ret = f;
	return 0;
}

static void find_first(struct failed *f)
{
	struct failed_row *r;

	f->retry_at = USEC_NEVER;
	TAILQ_FOREACH(r, &f->rows, entry)
	if (r->retry_at < f->retry_at)
		f->retry_at = r->retry_at;
}

void failed_release(struct failed *f)
{
	struct failed_row *r;

	while ((r = TAILQ_FIRST(&f->spare))) {
		TAILQ_REMOVE(&f->spare, r, entry);
		row_done(r);
	}
	find_first(f);
}

struct failed *failed_free(struct failed *f)
{
	struct failed_row *r;

	if (!f)
		return NULL;
	while ((r = TAILQ_FIRST(&f->rows))) {
		TAILQ_REMOVE(&f->rows, r, entry);
		row_done(r);
	}
	failed_release(f);
	return mem_free(f);
}

int failed_reserve(struct failed *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct failed_row *r = mem_alloc(sizeof(*r));

		if (!r) {
			failed_release(f);
			return -ENOMEM;
		}
		TAILQ_INSERT_TAIL(&f->spare, r, entry);
	}
	return 0;
}

static struct failed_row *find(const struct failed *f, const char *id)
{
	struct table_node *node = table_find(&f->by_id, id, NULL);

	return node ? node->owner : NULL;
}

static uint64_t next_try(uint64_t attempts, struct now now)
{
	size_t i = attempts < ELEMENTS(waits) ? attempts : ELEMENTS(waits);

	return usec_add(now.wall_usec, waits[i - 1]);
}

/* Into the list, under its id. */
static void add(struct failed *f, struct failed_row *r)
{
	TAILQ_INSERT_TAIL(&f->rows, r, entry);
	table_add(&f->by_id, &r->by_id, r->id, r);
	if (r->new_key)
		table_add(&f->by_new_key, &r->by_new_key, r->new_key, r);
	f->n++;
	if (r->retry_at < f->retry_at)
		f->retry_at = r->retry_at;
}

bool failed_keep(
	struct failed *f, struct row *row, const struct marketo_result *result, struct now now)
{
	struct failed_row *r = find(f, row->id);
	bool anew = !r;

	if (anew && f->n >= QUEUE_FAILED_MAX)
		return true;
	if (anew) {
		r = TAILQ_FIRST(&f->spare);
		TAILQ_REMOVE(&f->spare, r, entry);
		memcpy(r->id, row->id, sizeof(r->id));
		r->object = row->object;
	}
	table_remove(&f->by_new_key, &r->by_new_key);
	mem_free(r->key);
	mem_free(r->new_key);
	r->key = steal(row->key);
	r->new_key = steal(row->new_key);
	memcpy(r->code, result->code, sizeof(r->code));
	memcpy(r->reason, result->reason, sizeof(r->reason));
	r->attempts++;
	r->retry_at = next_try(r->attempts, now);
	r->asked = false;
	if (anew)
		add(f, r);
	else if (r->new_key)
		table_add(&f->by_new_key, &r->by_new_key, r->new_key, r);
	return anew;
}

bool failed_makes(const struct failed *f, const char *key)
{
	return table_find(&f->by_new_key, key, NULL) != NULL;
}

bool failed_drop(struct failed *f, const char *id)
{
	struct failed_row *r = find(f, id);

	if (!r)
		return false;
	table_remove(&f->by_id, &r->by_id);
	table_remove(&f->by_new_key, &r->by_new_key);
	TAILQ_REMOVE(&f->rows, r, entry);
	f->n--;
	row_done(r);
	if (f->n == 0)
		f->retry_at = USEC_NEVER;
	return true;
}

size_t failed_retry(
	struct failed *f, struct now now, enum sync_object object, char ret[][19], size_t n)
{
	struct failed_row *r;
	size_t found = 0;

	TAILQ_FOREACH(r, &f->rows, entry)
	{
		if (found == n)
			break;
		if (r->object != object || r->retry_at > now.wall_usec)
			continue;
		memcpy(ret[found++], r->id, sizeof(r->id));
		r->asked = true;
	}
	return found;
}

void failed_retried(struct failed *f, struct now now, enum sync_object object)
{
	static const char why[] = "the source does not have it any more";
	struct failed_row *r;

	TAILQ_FOREACH(r, &f->rows, entry)
	{
		if (r->object != object || !r->asked)
			continue;
		r->asked = false;
		r->attempts++;
		r->retry_at = next_try(r->attempts, now);
		r->code[0] = '\0';
		memcpy(r->reason, why, sizeof(why));
	}
	find_first(f);
}

/* --- as JSON --- */

static struct json *row_tell(const struct failed_row *r)
{
	_cleanup_(json_freep) struct json *j = json_new_object();
	char time[TEXT_TIME_SIZE], reason[sizeof(r->code) + sizeof(r->reason) + 2];

	(void)snprintf(reason, sizeof(reason), "%s%s%s", r->code, *r->code ? ": " : "", r->reason);
	text_format_time(time, sizeof(time), r->retry_at);
	if (json_add(j, "object", json_new_text(sync_object_to_string(r->object))) < 0 ||
		json_add(j, "id", json_new_text(r->id)) < 0 ||
		json_add(j, "key", json_new_text(r->key)) < 0 ||
		json_add(j, "reason", json_new_text(reason)) < 0 ||
		json_add(j, "attempts", json_new_u64(r->attempts)) < 0 ||
		json_add(j, "retry_at", json_new_text(time)) < 0)
		return NULL;
	return steal(j);
}

static struct json *row_save(const struct failed_row *r)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (json_add(j, "object", json_new_text(sync_object_to_string(r->object))) < 0 ||
		json_add(j, "id", json_new_text(r->id)) < 0 ||
		json_add(j, "key", json_new_text(r->key)) < 0 ||
		json_add(j, "new_key", json_new_text(r->new_key)) < 0 ||
		json_add(j, "code", json_new_text(r->code)) < 0 ||
		json_add(j, "reason", json_new_text(r->reason)) < 0 ||
		json_add(j, "attempts", json_new_u64(r->attempts)) < 0 ||
		json_add(j, "retry_at_usec", json_new_u64(r->retry_at)) < 0)
		return NULL;
	return steal(j);
}

/* A list of what @one makes of each, at most @max, the latest first or the oldest. */
static struct json *list_rows(const struct failed *f, size_t max, bool latest,
	struct json *(*one)(const struct failed_row *r))
{
	_cleanup_(json_freep) struct json *list = json_new_array();
	const struct failed_row *r =
		latest ? TAILQ_LAST(&f->rows, failed_rows) : TAILQ_FIRST(&f->rows);

	if (!list)
		return NULL;
	for (; r && max > 0; max--) {
		if (json_append(list, one(r)) < 0)
			return NULL;
		r = latest ? TAILQ_PREV(r, failed_rows, entry) : TAILQ_NEXT(r, entry);
	}
	return steal(list);
}

struct json *failed_tell(const struct failed *f, size_t max)
{
	return list_rows(f, max, true, row_tell);
}

struct json *failed_save(const struct failed *f)
{
	return list_rows(f, QUEUE_FAILED_MAX, false, row_save);
}

static int object_from_string(const char *name, enum sync_object *ret)
{
	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX; o++) {
		if (!text_equal(sync_object_to_string(o), name))
			continue;
		*ret = o;
		return 0;
	}
	return -EBADMSG;
}

static void copy_text(char *to, size_t size, const char *text)
{
	text_clean(to, size, text ? text : "", text ? strlen(text) : 0);
}

static int row_load(struct failed_row *r, const struct json *j)
{
	const char *id = json_get_text(j, "id"), *key = json_get_text(j, "key"),
		   *new_key = json_get_text(j, "new_key");

	if (!id || row_id18(id, r->id) < 0 ||
		object_from_string(json_get_text(j, "object"), &r->object) < 0 ||
		!json_u64(json_get(j, "attempts"), &r->attempts) || r->attempts == 0 ||
		!json_u64(json_get(j, "retry_at_usec"), &r->retry_at))
		return -EBADMSG;
	copy_text(r->code, sizeof(r->code), json_get_text(j, "code"));
	copy_text(r->reason, sizeof(r->reason), json_get_text(j, "reason"));
	r->key = mem_strdup(key);
	r->new_key = mem_strdup(new_key);
	return (key && !r->key) || (new_key && !r->new_key) ? -ENOMEM : 0;
}

int failed_load(struct failed *f, const struct json *j)
{
	if (!json_is(j, JSON_ARRAY))
		return -EBADMSG;
	for (const struct json *i = json_next(j, NULL); i; i = json_next(j, i)) {
		struct failed_row *r = mem_alloc(sizeof(*r));
		int k = r ? row_load(r, i) : -ENOMEM;

		if (k == 0 && (find(f, r->id) || f->n >= QUEUE_FAILED_MAX))
			k = -EBADMSG;
		if (k < 0) {
			row_done(r);
			return k;
		}
		add(f, r);
	}
	return 0;
}
