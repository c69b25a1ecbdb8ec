/* SPDX-License-Identifier: BSD-2-Clause */

/* The queue: rows that wait, in a list for each act, and batches in flight. Both are also in a
 * table by key, where a key has at most one row that waits and one that is in flight, and a REKEY
 * stands a second time under the key it will have. */

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/batch.h"
#include "sync/failed.h"
#include "sync/table.h"

/* What stands around the records of a call, without the name of the key field; and around a record
 * that is made of ids and keys alone. */
#define ENVELOPE_BYTES 128u
#define PLAIN_BYTES    64u

struct item {
	TAILQ_ENTRY(item) entry; /* of the list of its act, while it waits */
	struct table_node by_key, by_new_key;
	struct row *row;
	uint64_t number; /* as they came */
	bool flying;
};

TAILQ_HEAD(items, item);

struct flight {
	struct batch batch; /* n is 0: not in use */
	struct item *items[MARKETO_BATCH_MAX];
};

struct queue {
	struct table by_key;
	struct items waiting[ROW_SKIP]; /* by act; SKIP never waits */
	struct flight flights[QUEUE_FLYING_MAX];
	struct failed *failed;
	struct sync_counts counts[_SYNC_OBJECT_MAX];
	size_t n_waiting, n_flying; /* rows; batches */
	size_t batch_max;           /* rows of the next batch */
	size_t key_len;             /* of the name of the key field */
	uint64_t numbers;
};

int queue_new(const char *key, struct queue **ret)
{
	_cleanup_(queue_freep) struct queue *q = mem_alloc(sizeof(*q));

	if (!q)
		return -ENOMEM;
	for (size_t i = 0; i < ELEMENTS(q->waiting); i++)
		TAILQ_INIT(&q->waiting[i]);
	if (failed_new(&q->failed) < 0)
		return -ENOMEM;
	q->batch_max = MARKETO_BATCH_MAX;
	q->key_len = strlen(key);
	*ret = steal(q);
	return 0;
}

/* Out of the table, and gone. */
static void end_item(struct queue *q, struct item *item)
{
	table_remove(&q->by_key, &item->by_key);
	table_remove(&q->by_key, &item->by_new_key);
	row_free(item->row);
	mem_free(item);
}

static void drop_waiting(struct queue *q, struct item *item)
{
	TAILQ_REMOVE(&q->waiting[item->row->act], item, entry);
	q->n_waiting--;
	end_item(q, item);
}

struct queue *queue_free(struct queue *q)
{
	struct item *item;

	if (!q)
		return NULL;
	for (size_t i = 0; i < ELEMENTS(q->waiting); i++)
		while ((item = TAILQ_FIRST(&q->waiting[i])))
			drop_waiting(q, item);
	for (size_t i = 0; i < ELEMENTS(q->flights); i++)
		for (size_t k = 0; k < q->flights[i].batch.n; k++)
			end_item(q, q->flights[i].items[k]);
	failed_free(q->failed);
	return mem_free(q);
}

/* --- rows that come --- */

/* The record @id needs nothing more: it failed no more if it had. */
static void settle(struct queue *q, enum sync_object object, const char *id)
{
	struct sync_counts *c = &q->counts[object];

	if (failed_drop(q->failed, id) && c->failed > 0)
		c->failed--;
}

static void count_skipped(struct queue *q, const struct row *row)
{
	settle(q, row->object, row->id);
	q->counts[row->object].skipped++;
}

/* The row of @key that waits, or the one that is in flight. */
static struct item *find(const struct queue *q, const char *key, bool flying)
{
	struct table_node *node = NULL;

	while ((node = table_find(&q->by_key, key, node))) {
		struct item *item = node->owner;

		if (item->flying == flying && node == &item->by_key)
			return item;
	}
	return NULL;
}

/* False also where @than is none. */
static bool is_older(const struct row *row, const struct item *than)
{
	return than && row->stamp_usec < than->row->stamp_usec;
}

/* Let @item wait, @first or last; it is in the table. */
static void put(struct queue *q, struct item *item, bool first)
{
	struct items *list = &q->waiting[item->row->act];

	item->flying = false;
	q->n_waiting++;
	if (first)
		TAILQ_INSERT_HEAD(list, item, entry);
	else
		TAILQ_INSERT_TAIL(list, item, entry);
}

static int add_item(struct queue *q, struct row *row)
{
	struct item *item = mem_alloc(sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->row = row;
	item->number = q->numbers++;
	table_add(&q->by_key, &item->by_key, row->key, item);
	if (row->act == ROW_REKEY)
		table_add(&q->by_key, &item->by_new_key, row->new_key, item);
	put(q, item, false);
	return 0;
}

int queue_add(struct queue *q, struct row *take_row)
{
	struct item *other = NULL;
	bool skipped = take_row->act == ROW_SKIP;
	int r;

	if (!skipped) {
		other = find(q, take_row->key, false);
		skipped = is_older(take_row, other) ||
			is_older(take_row, find(q, take_row->key, true));
	}
	if (skipped) {
		count_skipped(q, take_row);
		row_free(take_row);
		return 0;
	}
	if (!other && q->n_waiting >= QUEUE_ROWS_MAX)
		return -ENOBUFS;
	r = add_item(q, take_row);
	if (r == 0 && other) {
		count_skipped(q, other->row);
		drop_waiting(q, other);
	}
	return r;
}

size_t queue_waiting(const struct queue *q)
{
	return q->n_waiting;
}

bool queue_is_empty(const struct queue *q)
{
	return q->n_waiting == 0 && q->n_flying == 0;
}

/* --- batches that go --- */

static bool key_flies(const struct queue *q, const char *key)
{
	const struct table_node *node = NULL;

	while ((node = table_find(&q->by_key, key, node))) {
		const struct item *item = node->owner;

		if (item->flying)
			return true;
	}
	return false;
}

/* Does a row that waits make the person of @key? */
static bool key_is_made(const struct queue *q, const char *key)
{
	const struct table_node *node = NULL;

	while ((node = table_find(&q->by_key, key, node))) {
		const struct item *item = node->owner;

		if (node == &item->by_new_key)
			return true;
	}
	return false;
}

static bool may_fly(const struct queue *q, const struct item *item)
{
	const struct row *row = item->row;

	if (key_flies(q, row->key))
		return false;
	if (row->act == ROW_REKEY) /* waits for no other one, which could wait for this */
		return !key_flies(q, row->new_key);
	return !key_is_made(q, row->key);
}

/* The bytes of a row in the body of its call, or more. */
static size_t bytes_of(const struct queue *q, const struct row *row)
{
	if (row->json)
		return row->json_len + strlen(",");
	return PLAIN_BYTES + q->key_len + strlen(row->new_key ? row->new_key : row->key);
}

static size_t envelope_of(const struct queue *q)
{
	return ENVELOPE_BYTES + q->key_len;
}

/* Does another row of so many bytes fit beside @n of @bytes? A first one always does. */
static bool fits(const struct queue *q, size_t n, size_t bytes, size_t more)
{
	return n == 0 || (n < q->batch_max && bytes + more <= MARKETO_BODY_MAX - ENVELOPE_BYTES);
}

/* What the next batch of an act would be. */
struct plan {
	enum row_act act;
	size_t n;
	bool full;
	uint64_t number; /* of its oldest row */
};

static struct plan make_plan(const struct queue *q, enum row_act act)
{
	struct plan plan = {.act = act};
	const struct item *item;
	size_t bytes = envelope_of(q);

	TAILQ_FOREACH(item, &q->waiting[act], entry)
	{
		size_t more = bytes_of(q, item->row);

		if (!may_fly(q, item))
			continue;
		if (plan.n == 0)
			plan.number = item->number;
		plan.full = !fits(q, plan.n, bytes, more);
		if (plan.full)
			return plan;
		plan.n++;
		bytes += more;
	}
	plan.full = plan.n == q->batch_max;
	return plan;
}

/* Of the acts that have rows for one, the one whose rows have waited longest. */
static struct plan choose_plan(const struct queue *q, bool whole)
{
	struct plan best = {.n = 0};

	for (enum row_act act = 0; act < ROW_SKIP; act++) {
		struct plan plan = make_plan(q, act);

		if (plan.n > 0 && (plan.full || !whole) &&
			(best.n == 0 || plan.number < best.number))
			best = plan;
	}
	return best;
}

static struct flight *find_flight(struct queue *q)
{
	for (size_t i = 0; i < ELEMENTS(q->flights); i++)
		if (q->flights[i].batch.n == 0)
			return &q->flights[i];
	return NULL;
}

static void take(struct queue *q, struct flight *f, struct item *item)
{
	struct batch *b = &f->batch;

	TAILQ_REMOVE(&q->waiting[item->row->act], item, entry);
	q->n_waiting--;
	item->flying = true;
	b->bytes += bytes_of(q, item->row);
	b->rows[b->n] = item->row;
	f->items[b->n++] = item;
}

struct batch *queue_next(struct queue *q, bool whole)
{
	struct flight *f = find_flight(q);
	struct plan plan;
	struct item *item, *next;

	if (!f)
		return NULL;
	plan = choose_plan(q, whole);
	if (plan.n == 0)
		return NULL;
	f->batch = (struct batch){.act = plan.act, .bytes = envelope_of(q)};
	for (item = TAILQ_FIRST(&q->waiting[plan.act]); item && f->batch.n < plan.n; item = next) {
		next = TAILQ_NEXT(item, entry);
		if (may_fly(q, item)) /* asked again: rows of one batch stand in each other's way */
			take(q, f, item);
	}
	q->n_flying++;
	return &f->batch;
}

static struct flight *flight_of(struct batch *b)
{
	return (struct flight *)((char *)b - offsetof(struct flight, batch));
}

static void end_flight(struct queue *q, struct flight *f)
{
	f->batch.n = 0;
	q->n_flying--;
}

/* Was there nothing to be done for it? */
static bool is_idle(const struct row *row, const struct marketo_result *result)
{
	return result->status == MARKETO_UNTOUCHED ||
		(result->status == MARKETO_SKIPPED && row->act != ROW_UPSERT &&
			text_equal(result->code, "1004"));
}

/* The row ended: count it, and keep it where it failed. */
static void end_row(
	struct queue *q, struct row *row, const struct marketo_result *result, struct now now)
{
	struct sync_counts *c = &q->counts[row->object];

	if (is_idle(row, result)) {
		count_skipped(q, row);
		return;
	}
	if (result->status == MARKETO_SKIPPED) {
		c->failed += failed_keep(q->failed, row, result, now);
		return;
	}
	settle(q, row->object, row->id);
	if (row->act == ROW_FLAG || row->act == ROW_DELETE)
		c->deleted++;
	else if (result->status == MARKETO_CREATED)
		c->created++;
	else
		c->updated++;
}

static size_t count_failed(const struct marketo_result *results, size_t n)
{
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		failed += results[i].status == MARKETO_SKIPPED;
	return failed;
}

int queue_done(
	struct queue *q, struct batch *b, const struct marketo_result *results, struct now now)
{
	struct flight *f = flight_of(b);

	if (failed_reserve(q->failed, count_failed(results, b->n)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++) {
		struct item *item = f->items[i];

		table_remove(&q->by_key, &item->by_key); /* its texts may go to the failed row */
		table_remove(&q->by_key, &item->by_new_key);
		end_row(q, item->row, &results[i], now);
		end_item(q, item);
	}
	failed_release(q->failed);
	end_flight(q, f);
	q->batch_max = 2 * q->batch_max < MARKETO_BATCH_MAX ? 2 * q->batch_max : MARKETO_BATCH_MAX;
	return 0;
}

/* A row whose key waits anew meanwhile: the later of both stays. */
static void put_back(struct queue *q, struct item *item)
{
	struct item *other = find(q, item->row->key, false);

	if (other && is_older(other->row, item)) {
		count_skipped(q, other->row);
		drop_waiting(q, other);
	} else if (other) {
		count_skipped(q, item->row);
		end_item(q, item);
		return;
	}
	put(q, item, true);
}

void queue_again(struct queue *q, struct batch *b, bool halve)
{
	struct flight *f = flight_of(b);

	if (halve)
		q->batch_max = b->n > 1 ? b->n / 2 : 1;
	for (size_t i = b->n; i > 0; i--)
		put_back(q, f->items[i - 1]);
	end_flight(q, f);
}

/* --- counters and failed rows --- */

const struct sync_counts *queue_counts(const struct queue *q, enum sync_object object)
{
	return &q->counts[object];
}

void queue_set_counts(struct queue *q, enum sync_object object, const struct sync_counts *counts)
{
	q->counts[object] = *counts;
}

size_t queue_failed(const struct queue *q)
{
	return q->failed->n;
}

bool queue_holds(const struct queue *q, const struct row *row)
{
	return row->act == ROW_UPSERT && failed_makes(q->failed, row->key);
}

size_t queue_retry(
	struct queue *q, struct now now, enum sync_object object, char ret[][19], size_t n)
{
	return failed_retry(q->failed, now, object, ret, n);
}

uint64_t queue_retry_at(const struct queue *q)
{
	return q->failed->retry_at;
}

void queue_retried(struct queue *q, struct now now, enum sync_object object)
{
	failed_retried(q->failed, now, object);
}

struct json *queue_failed_tell(const struct queue *q, size_t max)
{
	return failed_tell(q->failed, max);
}

static const struct {
	const char *name;
	size_t offset;
} counters[] = {
	{"created", offsetof(struct sync_counts, created)},
	{"updated", offsetof(struct sync_counts, updated)},
	{"deleted", offsetof(struct sync_counts, deleted)},
	{"failed", offsetof(struct sync_counts, failed)},
	{"skipped", offsetof(struct sync_counts, skipped)},
};

static struct json *counts_save(const struct sync_counts *c)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	for (size_t i = 0; i < ELEMENTS(counters); i++) {
		uint64_t value;

		memcpy(&value, (const char *)c + counters[i].offset, sizeof(value));
		if (json_add(j, counters[i].name, json_new_u64(value)) < 0)
			return NULL;
	}
	return steal(j);
}

static int counts_load(struct sync_counts *c, const struct json *j)
{
	for (size_t i = 0; i < ELEMENTS(counters); i++) {
		uint64_t value;

		if (!json_u64(json_get(j, counters[i].name), &value))
			return -EBADMSG;
		memcpy((char *)c + counters[i].offset, &value, sizeof(value));
	}
	return 0;
}

struct json *queue_save(const struct queue *q)
{
	_cleanup_(json_freep) struct json *j = json_new_object(), *counts = json_new_object();

	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX; o++)
		if (json_add(counts, sync_object_to_string(o), counts_save(&q->counts[o])) < 0)
			return NULL;
	if (json_add(j, "counts", steal(counts)) < 0 ||
		json_add(j, "failed", failed_save(q->failed)) < 0)
		return NULL;
	return steal(j);
}

int queue_load(struct queue *q, const struct json *j)
{
	_cleanup_(failed_freep) struct failed *failed = NULL;
	struct sync_counts counts[_SYNC_OBJECT_MAX];
	int r;

	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX; o++) {
		const char *name = sync_object_to_string(o);

		if (counts_load(&counts[o], json_get(json_get(j, "counts"), name)) < 0)
			return -EBADMSG;
	}
	r = failed_new(&failed);
	if (r == 0)
		r = failed_load(failed, json_get(j, "failed"));
	if (r < 0)
		return r;
	memcpy(q->counts, counts, sizeof(counts));
	failed_free(q->failed);
	q->failed = steal(failed);
	return 0;
}
