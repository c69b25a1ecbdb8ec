/* SPDX-License-Identifier: BSD-2-Clause */

/* The rows: object after object and page after page from the source, batch by batch to the target.
 *
 * A page's rows are all dealt with (arrived, or kept as failed with the reason) before the
 * watermark moves past them and the next page's rows are queued; that page is fetched meanwhile. So
 * a crash costs at most the rows of one page being sent once more. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/convert.h"
#include "sync/engine-state.h"
#include "sync/rest.h"
#include "sync/when.h"

/* A query that takes too long is made for less time, down to this. */
#define WINDOW_MIN USEC_PER_MIN
/* The first window, when one is needed. */
#define WINDOW_FIRST USEC_PER_DAY
/* Rows that failed are read again so many at a time. */
#define RETRY_ROWS 100
/* Reading is begun anew after a pause, doubled up to the longest while nothing comes of it. */
#define RESTART_FIRST (2 * USEC_PER_S)
#define RESTART_MAX   (5 * USEC_PER_MIN)
#define RESTART_SHOWN 3
/* Memory that is short may be there soon. */
#define MEMORY_RETRY (2 * USEC_PER_S)
/* Bytes of addresses to look up at once: three times as many in the address of a request. */
#define LIVE_BYTES (REST_URL_MAX / 4)

void sync_page_done(struct page *p)
{
	json_free(p->tree);
	mem_free(p->csv);
	mem_free(p->next_locator);
	*p = (struct page){.present = false};
}

static struct progress *progress(struct sync *s)
{
	return &s->progress[s->object];
}

static const char *api_name(const struct sync *s)
{
	return sync_object_api_name(s->object);
}

/* --- what was delivered before --- */

static uint64_t mark(const struct row *row)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ row->stamp_usec;

	for (const char *c = row->id; *c; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3); /* FNV-1a */
	return h | 1;
}

/* --- reading --- */

static int queue_row(struct sync *s, const struct page *p, struct row *take_row)
{
	_cleanup_(row_freep) struct row *row = take_row;
	uint64_t h = mark(row), *seen = &s->seen[h >> 40 & (SYNC_SEEN - 1)];
	bool cut = row->cut;
	int r;

	if (p->counts && *seen == h)
		return 0;
	r = queue_add(s->queue, row);
	if (r < 0)
		return r;
	row = NULL;
	s->cut += cut;
	if (p->counts)
		*seen = h;
	return 0;
}

/* A record that is none costs itself only. */
static int take_row(struct sync *s, struct page *p, int r, struct row *row, const struct fault *why)
{
	uint64_t stamp = row ? row->stamp_usec : 0;

	if (r == -EBADMSG)
		sync_set_fault(s, why);
	else if (r == 0 && row)
		r = queue_row(s, p, row);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (stamp > p->last_usec)
		p->last_usec = stamp;
	p->taken++;
	return 0;
}

static int queue_records(struct sync *s, struct page *p)
{
	const struct json *records = json_get(p->tree, "records");
	size_t at = 0;
	int r = 0;

	for (const struct json *i = json_next(records, NULL); i && r == 0;
		i = json_next(records, i)) {
		struct row *row = NULL;
		struct fault why;
		int k;

		if (at++ < p->taken)
			continue;
		k = convert_record(&s->maps[s->object], &s->settings, i, &row, &why);
		r = take_row(s, p, k, row, &why);
	}
	return r;
}

static int queue_lines(struct sync *s, struct page *p)
{
	_cleanup_(mem_freep) struct csv_line *columns = mem_alloc(sizeof(*columns));
	_cleanup_(mem_freep) struct csv_line *line = mem_alloc(sizeof(*line));
	struct csv_reader header, lines;
	size_t at = 0;
	int r;

	if (!columns || !line)
		return -ENOMEM;
	csv_init(&header, p->csv, p->csv_len);
	csv_init(&lines, p->csv, p->csv_len);
	r = csv_next(&header, columns);
	if (r > 0)
		r = csv_next(&lines, line); /* the header, once more */
	while (r > 0 && (r = csv_next(&lines, line)) > 0) {
		struct row *row = NULL;
		struct fault why;
		int k;

		if (at++ < p->taken)
			continue;
		k = convert_line(&s->maps[s->object], &s->settings, columns, line, &row, &why);
		k = take_row(s, p, k, row, &why);
		r = k < 0 ? k : 1;
	}
	csv_done(&header);
	csv_done(&lines);
	return r;
}

/* Make the page that was read ahead the one whose rows are on their way. */
static void turn_page(struct sync *s)
{
	s->current = s->ahead;
	s->ahead = (struct page){.present = false};
}

/* What was read ahead is forgotten: the object goes on at its watermark. */
static void set_back(struct sync *s)
{
	s->slots[READER].job = JOB_NONE;
	s->locator = mem_free(s->locator);
	sync_page_done(&s->ahead);
	if (s->phase == PHASE_QUERY || s->phase == PHASE_BULK)
		s->phase = PHASE_COUNT;
}

/* Read nothing for a while, longer each time that nothing comes of it. */
static void hold(struct sync *s, const struct fault *f)
{
	uint64_t pause = RESTART_FIRST;

	for (unsigned i = 0; i < s->restarts && pause < RESTART_MAX; i++)
		pause *= 2;
	s->read_after_boot = usec_add(s->now.boot_usec, pause < RESTART_MAX ? pause : RESTART_MAX);
	s->restarts++;
	if (s->restarts >= RESTART_SHOWN)
		sync_set_fault(s, f);
	set_back(s);
}

/* The rows of the page into the queue, as many as it takes; the others follow. */
static void feed(struct sync *s)
{
	struct page *p = &s->current;
	struct fault f;
	int r;

	if (!p->present || p->whole || s->now.boot_usec < s->feed_after_boot)
		return;
	r = p->csv ? queue_lines(s, p) : queue_records(s, p);
	if (r == -ENOMEM) {
		sync_fail(s, "out of memory");
		s->feed_after_boot = usec_add(s->now.boot_usec, MEMORY_RETRY);
	} else if (r == -EBADMSG) {
		fault_set(&f, FAULT_PROTOCOL, "the bulk results of %s are no CSV", api_name(s));
		sync_page_done(p);
		hold(s, &f);
	} else if (r == 0) {
		p->whole = true;
		p->tree = json_free(p->tree);
		p->csv = mem_free(p->csv);
	}
}

/* --- the end of a page, of an object, of a cycle --- */

static void end_object(struct sync *s)
{
	s->phase = PHASE_END;
	progress(s)->loaded = true;
	s->restarts = 0;
	s->dirty = true;
}

/* Ask for what changed from @from_usec on, and where that took too long before, not for all of it.
 */
static void begin_window(struct sync *s, uint64_t from_usec)
{
	s->from_usec = from_usec;
	s->until_usec =
		s->window_usec == USEC_NEVER ? USEC_NEVER : usec_add(from_usec, s->window_usec);
	sync_begin(s, READER, JOB_QUERY);
}

static void commit_page(struct sync *s)
{
	struct page *p = &s->current;
	struct progress *o = progress(s);

	if (p->moves && p->last_usec > o->watermark_usec) {
		o->watermark_usec = p->last_usec;
		s->restarts = 0;
	}
	if (p->bulk && o->job && p->next_locator) {
		mem_free(o->locator);
		o->locator = steal(p->next_locator);
		s->restarts = 0;
	}
	s->dirty = true;
	if (s->phase == PHASE_RETRY) {
		queue_retried(s->queue, s->now, s->object);
		s->phase = PHASE_COUNT;
	} else if (p->last && s->phase == PHASE_BULK) {
		o->watermark_usec = usec_sub(o->job_usec, SYNC_OVERLAP);
		end_object(s);
	} else if (p->last && s->phase == PHASE_QUERY) {
		if (s->until_usec < s->cycle_wall)
			begin_window(s, s->until_usec);
		else
			end_object(s);
	}
	sync_page_done(p);
}

static void begin_object(struct sync *s, enum sync_object object)
{
	s->object = object;
	s->pages_only = false;
	s->phase = PHASE_RETRY;
	s->locator = mem_free(s->locator);
	s->window_usec = USEC_NEVER;
}

static enum sync_object next_object(const struct sync *s, unsigned from)
{
	while (from < _SYNC_OBJECT_MAX && !s->settings.objects[from])
		from++;
	return (enum sync_object)from;
}

static void begin_cycle(struct sync *s)
{
	s->passing = true;
	s->cycle_wall = s->now.wall_usec;
	if (s->fault.kind != FAULT_STORAGE)
		s->fault = (struct fault){.kind = FAULT_NONE}; /* of the last one */
	begin_object(s, next_object(s, 0));
}

static void end_cycle(struct sync *s)
{
	s->passing = false;
	s->cycle_done_wall = s->cycle_wall;
	s->next_run_boot = usec_add(s->now.boot_usec, s->settings.every_usec);
	s->dirty = true;
}

/* --- the reader --- */

/* What is to be asked of the source next, for the phase the object is in. */
static void begin_query(struct sync *s)
{
	struct progress *o = progress(s);

	begin_window(s, usec_sub(o->watermark_usec, SYNC_OVERLAP));
}

static bool failed_are_due(const struct sync *s)
{
	char first[1][19];

	return queue_retry(s->queue, s->now, s->object, first, 1) > 0;
}

static void begin_phase(struct sync *s)
{
	struct progress *o = progress(s);

	if (s->phase == PHASE_RETRY && failed_are_due(s)) {
		sync_begin(s, READER, JOB_RETRY);
		return;
	}
	if (s->phase == PHASE_RETRY)
		s->phase = PHASE_COUNT;
	if (o->job && o->loaded) { /* we ended before it was deleted */
		sync_begin(s, READER, JOB_BULK_DELETE);
	} else if (o->job) {
		s->phase = PHASE_BULK;
		sync_begin(s, READER, o->job_done ? JOB_BULK_RESULTS : JOB_BULK_STATE);
	} else if (!o->loaded && o->watermark_usec == 0) {
		sync_begin(s, READER, JOB_COUNT);
	} else {
		s->phase = PHASE_QUERY;
		begin_query(s);
	}
}

/* Go on reading ahead, where there is more and room for it. */
static void read_on(struct sync *s)
{
	const struct progress *o = progress(s);

	if (s->slots[READER].job != JOB_NONE || s->ahead.present ||
		s->now.boot_usec < s->read_after_boot)
		return;
	if (s->phase == PHASE_RETRY || s->phase == PHASE_COUNT) {
		if (!s->current.present)
			begin_phase(s);
	} else if (s->phase == PHASE_QUERY && s->locator) {
		sync_begin(s, READER, JOB_MORE);
	} else if (s->phase == PHASE_BULK && s->current.present && s->current.next_locator) {
		sync_begin(s, READER, JOB_BULK_RESULTS);
	} else if (s->phase == PHASE_BULK && !s->current.present && o->job) {
		sync_begin(s, READER, o->job_done ? JOB_BULK_RESULTS : JOB_BULK_STATE);
	}
}

/* The results of a job are not needed any more; that it is deleted there is a courtesy. */
static void forget_job(struct sync *s)
{
	struct progress *o = progress(s);

	o->job = mem_free(o->job);
	o->locator = mem_free(o->locator);
	o->job_done = false;
	s->dirty = true;
}

/* --- flights --- */

static bool needs_live(const struct sync *s, const struct batch *b)
{
	return (b->act == ROW_DELETE || b->act == ROW_FLAG) && !sync_key_is_id(&s->settings);
}

static enum job first_job(const struct sync *s, const struct batch *b)
{
	if (needs_live(s, b))
		return JOB_LIVE;
	if (b->act == ROW_DELETE || b->act == ROW_REKEY)
		return JOB_FIND;
	return JOB_UPSERT;
}

/* The rows of a batch that the request of its job is about. */
static void choose_rows(struct slot *slot)
{
	const struct batch *b = slot->batch;

	slot->n_wanted = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (slot->ids[i] == 0)
			continue;
		if (slot->job == JOB_LIVE &&
			(i < slot->live_at || i >= slot->live_at + slot->live_n))
			continue;
		slot->wanted[slot->n_wanted++] = i;
	}
}

/* How many rows from live_at on are looked up at once, at most @most. */
static void size_live(struct slot *slot, size_t most)
{
	const struct batch *b = slot->batch;
	size_t bytes = 0;

	slot->live_n = 0;
	for (size_t i = slot->live_at; i < b->n && slot->live_n < most; i++) {
		bytes += strlen(b->rows[i]->key) + strlen("'',");
		if (slot->live_n > 0 && bytes > LIVE_BYTES)
			break;
		slot->live_n++;
	}
}

static void begin_flights(struct sync *s)
{
	for (unsigned i = READER + 1; i <= MARKETO_PARALLEL; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->job != JOB_NONE)
			continue;
		slot->batch = queue_next(s->queue, false);
		if (!slot->batch)
			return;
		slot->live_at = 0;
		slot->live_object = next_object(s, 0);
		size_live(slot, SALESFORCE_LIVE_MAX);
		for (size_t k = 0; k < slot->batch->n; k++) /* not looked up, and to be sent */
			slot->ids[k] = queue_holds(s->queue, slot->batch->rows[k]) ? 0 : UINT64_MAX;
		sync_begin(s, i, first_job(s, slot->batch));
		choose_rows(slot);
	}
}

/* Every row of the batch has its end. */
static int land(struct sync *s, struct slot *slot, const struct marketo_result *results)
{
	int r = queue_done(s->queue, slot->batch, results, s->now);

	if (r < 0)
		return r;
	slot->batch = NULL;
	slot->job = JOB_NONE;
	return 0;
}

/* The batch ends with nothing sent for the rows that are left. */
static int land_with(struct sync *s, struct slot *slot, const struct marketo_result *sent)
{
	static const struct marketo_result untouched = {.status = MARKETO_UNTOUCHED};
	static const struct marketo_result held = {
		.status = MARKETO_SKIPPED,
		.later = true,
		.reason = "the lead it was could not be given this key yet",
	};
	_cleanup_(mem_freep) struct marketo_result *all = mem_array(slot->batch->n, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < slot->batch->n; i++)
		all[i] = slot->batch->act == ROW_UPSERT ? held : untouched;
	for (size_t i = 0; sent && i < slot->n_wanted; i++)
		all[slot->wanted[i]] = sent[i];
	return land(s, slot, all);
}

/* The batch's next job; where no row is left for it, the batch ends in the next step. */
static void advance(struct slot *slot, enum job job)
{
	slot->job = job;
	choose_rows(slot);
}

/* Batches no row of which is left to be sent. */
static void land_idle(struct sync *s)
{
	for (unsigned i = READER + 1; i < SYNC_SLOTS; i++) {
		struct slot *slot = &s->slots[i];

		if (!slot->batch || slot->flying || slot->n_wanted > 0 ||
			s->now.boot_usec < slot->not_before_boot)
			continue;
		if (land_with(s, slot, NULL) < 0) {
			sync_fail(s, "out of memory");
			slot->not_before_boot = usec_add(s->now.boot_usec, MEMORY_RETRY);
		}
	}
}

static void put_back(struct sync *s, struct slot *slot, bool halve)
{
	queue_again(s->queue, slot->batch, halve);
	slot->batch = NULL;
	slot->job = JOB_NONE;
}

void sync_run_rest(struct sync *s)
{
	for (unsigned i = 0; i < SYNC_SLOTS; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->job == JOB_NONE || slot->flying || sync_is_check(slot->job))
			continue;
		if (slot->batch)
			put_back(s, slot, false);
		else
			set_back(s);
	}
}

void sync_run_anew(struct sync *s)
{
	set_back(s);
	if (s->current.present && !s->current.whole)
		sync_page_done(&s->current);
}

/* Whether the object is at its end, and the next one or the end of the cycle follows. */
static bool pass_on(struct sync *s)
{
	enum sync_object next = next_object(s, s->object + 1u);

	if (s->phase != PHASE_END || s->slots[READER].job != JOB_NONE)
		return false;
	if (progress(s)->job) {
		sync_begin(s, READER, JOB_BULK_DELETE);
		return false;
	}
	if (next == _SYNC_OBJECT_MAX)
		end_cycle(s);
	else
		begin_object(s, next);
	return true;
}

/* All rows of the page have had their end. */
static bool page_is_over(const struct sync *s)
{
	return s->current.present && s->current.whole && queue_is_empty(s->queue);
}

void sync_run_step(struct sync *s)
{
	if (!s->passing && s->now.boot_usec >= s->next_run_boot)
		begin_cycle(s);
	while (s->passing) {
		if (page_is_over(s))
			commit_page(s);
		if (!s->current.present && s->ahead.present)
			turn_page(s);
		feed(s);
		begin_flights(s);
		land_idle(s);
		if (!page_is_over(s) && !pass_on(s))
			break;
	}
	if (s->passing)
		read_on(s);
}

uint64_t sync_run_deadline(const struct sync *s)
{
	uint64_t deadline = USEC_NEVER;

	if (!s->passing)
		return s->next_run_boot;
	if (s->read_after_boot > s->now.boot_usec)
		deadline = s->read_after_boot;
	if (s->current.present && !s->current.whole && s->feed_after_boot > s->now.boot_usec &&
		s->feed_after_boot < deadline)
		deadline = s->feed_after_boot;
	return deadline;
}

/* --- requests --- */

static int request_select(const struct sync *s, const struct slot *slot, const struct secret *token,
	struct exchange_request *ret)
{
	_cleanup_(names_done) struct names select = {0};
	char ids[RETRY_ROWS][19];
	size_t n;

	if (map_select(&s->maps[s->object], &select) < 0)
		return -ENOMEM;
	if (slot->job == JOB_BULK)
		return salesforce_request_bulk(
			&s->source, token, api_name(s), &select, USEC_NEVER, ret);
	if (slot->job == JOB_QUERY)
		return salesforce_request_query(
			&s->source, token, api_name(s), &select, s->from_usec, s->until_usec, ret);
	n = queue_retry(s->queue, s->now, s->object, ids, RETRY_ROWS);
	return salesforce_request_ids(
		&s->source, token, api_name(s), &select, (const char(*)[19])ids, n, ret);
}

int sync_run_fits(const struct sync *s, enum sync_object object)
{
	_cleanup_(names_done) struct names select = {0};
	_cleanup_(exchange_request_done) struct exchange_request request = {.url = NULL};
	char ids[RETRY_ROWS][19];

	for (size_t i = 0; i < RETRY_ROWS; i++)
		memcpy(ids[i], "00Q000000000000AAA", sizeof(ids[i]));
	if (map_select(&s->maps[object], &select) < 0)
		return -ENOMEM;
	return salesforce_request_ids(&s->source, NULL, sync_object_api_name(object), &select,
		(const char(*)[19])ids, RETRY_ROWS, &request);
}

/* The keys of the rows wanted, borrowed. */
static size_t wanted_keys(const struct slot *slot, bool new_keys, const char **ret)
{
	for (size_t i = 0; i < slot->n_wanted; i++) {
		const struct row *row = slot->batch->rows[slot->wanted[i]];

		ret[i] = new_keys ? row->new_key : row->key;
	}
	return slot->n_wanted;
}

static int request_flight(const struct sync *s, const struct slot *slot, const struct secret *token,
	struct exchange_request *ret)
{
	const struct batch *b = slot->batch;
	const char *keys[MARKETO_BATCH_MAX];
	const struct row *rows[MARKETO_BATCH_MAX];
	uint64_t ids[MARKETO_BATCH_MAX];
	size_t n = wanted_keys(slot, slot->job == JOB_REKEY, keys);

	for (size_t i = 0; i < n; i++) {
		rows[i] = b->rows[slot->wanted[i]];
		ids[i] = slot->ids[slot->wanted[i]];
	}
	if (slot->job == JOB_LIVE)
		return salesforce_request_live(
			&s->source, token, sync_object_api_name(slot->live_object), keys, n, ret);
	if (slot->job == JOB_FIND)
		return marketo_request_find(s->target, token, s->settings.key, keys, n, ret);
	if (slot->job == JOB_DELETE)
		return marketo_request_delete(s->target, token, ids, n, ret);
	if (slot->job == JOB_REKEY)
		return marketo_request_rekey(s->target, token, s->settings.key, ids, keys, n, ret);
	return marketo_request_upsert(
		s->target, token, s->settings.key, b->act == ROW_FLAG, rows, n, ret);
}

int sync_run_request(const struct sync *s, const struct slot *slot, const struct secret *token,
	struct exchange_request *ret)
{
	const struct progress *o = &s->progress[s->object];

	switch (slot->job) {
	case JOB_COUNT:
		return salesforce_request_count(&s->source, token, api_name(s), ret);
	case JOB_QUERY:
	case JOB_RETRY:
	case JOB_BULK:
		return request_select(s, slot, token, ret);
	case JOB_MORE:
		return salesforce_request_more(&s->source, token, s->locator, ret);
	case JOB_BULK_STATE:
		return salesforce_request_bulk_state(&s->source, token, o->job, ret);
	case JOB_BULK_RESULTS:
		return salesforce_request_bulk_results(&s->source, token, o->job,
			s->current.present ? s->current.next_locator : o->locator, SYNC_CHUNK, ret);
	case JOB_BULK_DELETE:
		return salesforce_request_bulk_delete(&s->source, token, o->job, ret);
	case JOB_LIVE:
	case JOB_UPSERT:
	case JOB_FIND:
	case JOB_DELETE:
	case JOB_REKEY:
		return request_flight(s, slot, token, ret);
	case JOB_NONE:
	case JOB_VERSIONS:
	case JOB_LIMITS:
	case JOB_DESCRIBE:
	case JOB_TARGET_DESCRIBE:
	case JOB_USAGE:
		break;
	}
	return -EINVAL;
}

/* --- replies to the reader --- */

static int take_page(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	struct salesforce_page page = {.tree = NULL};
	bool retry = slot->job == JOB_RETRY;
	int r;

	r = salesforce_read_page(reply, &page, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	slot->job = JOB_NONE;
	mem_free(s->locator);
	s->locator = retry ? NULL : steal(page.locator);
	s->ahead = (struct page){
		.present = true,
		.counts = !retry,
		.moves = !retry,
		.last = !s->locator,
	};
	s->ahead.tree = steal(page.tree);
	salesforce_page_done(&page);
	return 0;
}

static int take_count(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	uint64_t rows = 0, most = s->settings.rows_for_bulk;
	int r;

	r = salesforce_read_count(reply, &rows, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	if (rows > most) {
		s->phase = PHASE_BULK;
		sync_begin(s, (unsigned)(slot - s->slots), JOB_BULK);
		return 0;
	}
	s->phase = PHASE_QUERY;
	begin_query(s);
	return 0;
}

static int take_job(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	enum salesforce_job state = SALESFORCE_JOB_FAILED;
	struct progress *o = progress(s);
	char *job = NULL;
	int r;

	r = salesforce_read_bulk(reply, &job, &state, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	mem_free(o->job);
	o->job = job;
	if (slot->job == JOB_BULK) {
		o->job_usec = salesforce_read_bulk_created(reply);
		if (o->job_usec == 0)
			o->job_usec = s->now.wall_usec;
		s->dirty = true;
	}
	slot->job = state == SALESFORCE_JOB_DONE ? JOB_BULK_RESULTS : JOB_BULK_STATE;
	slot->not_before_boot = usec_add(s->now.boot_usec, SYNC_JOB_POLL);
	if (state == SALESFORCE_JOB_DONE) {
		o->job_done = true;
		slot->not_before_boot = 0;
		s->dirty = true;
	} else if (state == SALESFORCE_JOB_FAILED) {
		v->kind = SYNC_RESTART;
		fault_set(&v->fault, FAULT_PROVIDER_DOWN,
			"the bulk query of %s failed at the source", api_name(s));
	}
	return 0;
}

static int take_chunk(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	char *locator = NULL, *csv;
	int r;

	r = salesforce_read_bulk_results(reply, &locator, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	csv = mem_strndup(buf_text(&reply->body), reply->body.len);
	if (!csv) {
		mem_free(locator);
		return -ENOMEM;
	}
	slot->job = JOB_NONE;
	s->ahead = (struct page){
		.present = true,
		.csv = csv,
		.csv_len = reply->body.len,
		.bulk = true,
		.counts = true,
		.next_locator = locator,
		.last = !locator,
	};
	return 0;
}

/* --- replies to a flight --- */

/* The same addresses of the next object, or the next addresses, or what they were looked up for. */
static void look_on(struct sync *s, struct slot *slot)
{
	slot->live_object = next_object(s, slot->live_object + 1u);
	if (slot->live_object == _SYNC_OBJECT_MAX) {
		slot->live_object = next_object(s, 0);
		slot->live_at += slot->live_n;
		size_live(slot, SALESFORCE_LIVE_MAX);
	}
	if (slot->live_at < slot->batch->n)
		advance(slot, JOB_LIVE);
	else
		advance(slot, slot->batch->act == ROW_DELETE ? JOB_FIND : JOB_UPSERT);
}

/* Rows whose address somebody who is not deleted has are not touched. */
static int take_live(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	struct salesforce_page page = {.tree = NULL};
	bool more;
	int r;

	r = salesforce_read_page(reply, &page, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	for (const struct json *i = json_next(page.records, NULL); i;
		i = json_next(page.records, i))
		for (size_t k = 0; k < slot->n_wanted; k++)
			if (text_equal_nocase(json_get_text(i, "Email"),
				    slot->batch->rows[slot->wanted[k]]->key))
				slot->ids[slot->wanted[k]] = 0;
	more = page.locator != NULL;
	salesforce_page_done(&page);
	if (more && slot->live_n > 1) { /* the rest may be of those that were not named yet */
		size_live(slot, slot->live_n / 2);
		choose_rows(slot);
		return 0;
	}
	do
		look_on(s, slot);
	while (slot->job == JOB_LIVE && slot->n_wanted == 0);
	return 0;
}

static int take_found(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	const char *keys[MARKETO_BATCH_MAX];
	uint64_t ids[MARKETO_BATCH_MAX];
	size_t n = wanted_keys(slot, false, keys);
	int r;

	r = marketo_read_found(reply, s->now, s->settings.key, keys, n, ids, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	for (size_t i = 0; i < n; i++)
		slot->ids[slot->wanted[i]] = ids[i];
	advance(slot, slot->batch->act == ROW_DELETE ? JOB_DELETE : JOB_REKEY);
	return 0;
}

static int take_results(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	_cleanup_(mem_freep) struct marketo_result *results =
		mem_array(slot->n_wanted, sizeof(*results));
	int r;

	if (!results)
		return -ENOMEM;
	r = marketo_read_results(reply, s->now, results, slot->n_wanted, v);
	if (r < 0 || v->kind != SYNC_OK)
		return r;
	return land_with(s, slot, results);
}

int sync_run_reply(struct sync *s, struct slot *slot, const struct exchange_reply *reply,
	struct sync_verdict *v)
{
	switch (slot->job) {
	case JOB_COUNT:
		return take_count(s, slot, reply, v);
	case JOB_QUERY:
	case JOB_MORE:
	case JOB_RETRY:
		return take_page(s, slot, reply, v);
	case JOB_BULK:
	case JOB_BULK_STATE:
		return take_job(s, slot, reply, v);
	case JOB_BULK_RESULTS:
		return take_chunk(s, slot, reply, v);
	case JOB_BULK_DELETE: /* whatever it says: it would be gone after a week by itself */
		forget_job(s);
		slot->job = JOB_NONE;
		return 0;
	case JOB_LIVE:
		return take_live(s, slot, reply, v);
	case JOB_FIND:
		return take_found(s, slot, reply, v);
	case JOB_UPSERT:
	case JOB_DELETE:
	case JOB_REKEY:
		return take_results(s, slot, reply, v);
	case JOB_NONE:
	case JOB_VERSIONS:
	case JOB_LIMITS:
	case JOB_DESCRIBE:
	case JOB_TARGET_DESCRIBE:
	case JOB_USAGE:
		break;
	}
	return 0;
}

/* --- what fails for more than now --- */

static void block(struct sync *s, const struct sync_verdict *v)
{
	sync_set_fault(s, &v->fault);
	s->mode = MODE_BLOCKED;
	s->recheck_boot = usec_add(s->now.boot_usec, SYNC_RECHECK);
}

/* Begin the object anew at its watermark, and a bulk query from its beginning. */
static void restart(struct sync *s, const struct fault *f)
{
	if (progress(s)->job)
		forget_job(s);
	hold(s, f);
}

/* Ask for less time at once. */
static void narrow_window(struct sync *s)
{
	struct sync_verdict v;

	s->window_usec = s->window_usec == USEC_NEVER ? WINDOW_FIRST : s->window_usec / 2;
	if (s->window_usec >= WINDOW_MIN) {
		set_back(s);
		return;
	}
	s->window_usec = USEC_NEVER;
	rest_verdict(&v, SYNC_BLOCKED, FAULT_PROVIDER_DOWN, "",
		"the source can't tell in time what changed within a minute: ask for an index on "
		"SystemModstamp of %s, or exclude fields",
		api_name(s));
	block(s, &v);
}

/* A query that takes too long is asked for less; one without a beginning only bulk can make. */
static void narrow(struct sync *s, const struct sync_verdict *v)
{
	enum job job = s->slots[READER].job;

	if (job == JOB_MORE || (job == JOB_QUERY && s->from_usec > 0)) {
		narrow_window(s);
	} else if (job == JOB_RETRY) { /* they stay due; the others do not wait for them */
		s->slots[READER].job = JOB_NONE;
		s->phase = PHASE_COUNT;
	} else if ((job == JOB_COUNT || job == JOB_QUERY) && !s->pages_only) {
		s->phase = PHASE_BULK;
		sync_begin(s, READER, JOB_BULK);
	} else {
		restart(s, &v->fault);
	}
}

/* Not all editions and users have the Bulk API. Pages can do the same, only slower; what forbids
 * these, too, is then told. */
static void read_pages(struct sync *s)
{
	s->pages_only = true;
	s->phase = PHASE_QUERY;
	begin_query(s);
}

static void reader_failed(struct sync *s, const struct sync_verdict *v)
{
	enum job job = s->slots[READER].job;

	if (v->kind == SYNC_SPLIT)
		narrow(s, v);
	else if (v->kind == SYNC_BLOCKED && (job == JOB_COUNT || job == JOB_BULK) && !s->pages_only)
		read_pages(s);
	else if (v->kind == SYNC_RESTART || job == JOB_BULK_STATE || job == JOB_BULK_RESULTS)
		restart(s, &v->fault); /* the job is gone; what forbids it forbids another one */
	else
		block(s, v);
}

/* A batch that is refused as a whole is halved until the row is found that is to blame. */
static void flight_failed(struct sync *s, struct slot *slot, const struct sync_verdict *v)
{
	struct marketo_result result = {.status = MARKETO_SKIPPED};

	if (v->kind == SYNC_BLOCKED) {
		put_back(s, slot, false);
		block(s, v);
		return;
	}
	if (slot->batch->n > 1) {
		put_back(s, slot, true);
		return;
	}
	text_clean(result.code, sizeof(result.code), v->code, strlen(v->code));
	text_clean(result.reason, sizeof(result.reason), v->fault.detail, strlen(v->fault.detail));
	if (land(s, slot, &result) < 0)
		sync_fail(s, "out of memory");
}

void sync_run_failed(struct sync *s, struct slot *slot, const struct sync_verdict *v)
{
	if (slot == &s->slots[READER])
		reader_failed(s, v);
	else
		flight_failed(s, slot, v);
}
