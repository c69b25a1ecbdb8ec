/* SPDX-License-Identifier: BSD-2-Clause */

/* The queue of rows on their way. Rows of the facts are those of the failures that others have
 * seen: section 5 there. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/batch.h"
#include "test.h"

#define WALL (UINT64_C(20780) * 86400 * USEC_PER_S)

static struct queue *q;

static struct now after(uint64_t usec)
{
	return (struct now){.boot_usec = usec, .wall_usec = WALL + usec};
}

static void begin(void)
{
	q = queue_free(q);
	REQUIRE(queue_new("email", &q) == 0);
}

static void end(void)
{
	q = queue_free(q);
}

/* The id of record @number, 15 characters in front and the three that row_id18() gives. */
static const char *id_of(unsigned number)
{
	static char id[19];
	char fifteen[16];

	(void)snprintf(fifteen, sizeof(fifteen), "00Q%012u", number);
	REQUIRE(row_id18(fifteen, id) == 0);
	return id;
}

static struct row *new_row(enum row_act act, unsigned number, const char *key, uint64_t stamp_s)
{
	struct row *row = mem_alloc(sizeof(*row));
	char json[300];

	REQUIRE(row);
	row->act = act;
	memcpy(row->id, id_of(number), sizeof(row->id));
	row->stamp_usec = stamp_s * USEC_PER_S;
	row->key = mem_strdup(key);
	if (act == ROW_UPSERT || act == ROW_FLAG) {
		(void)snprintf(json, sizeof(json), "{\"email\":\"%s\",\"n\":%u}", key, number);
		row->json = mem_strdup(json);
		row->json_len = strlen(json);
	}
	return row;
}

static void add(enum row_act act, unsigned number, const char *key, uint64_t stamp_s)
{
	REQUIRE(queue_add(q, new_row(act, number, key, stamp_s)) == 0);
}

static void rekey(unsigned number, const char *key, const char *new_key)
{
	struct row *row = new_row(ROW_REKEY, number, key, 1);

	row->new_key = mem_strdup(new_key);
	REQUIRE(queue_add(q, row) == 0);
}

/* Upserts of @n records from the number @first on, each with a key of its own. */
static void add_many(unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "p%u@x", i);
		add(ROW_UPSERT, i, key, 1);
	}
}

static void done_with(struct batch *b, const struct marketo_result *one, struct now now)
{
	struct marketo_result results[MARKETO_BATCH_MAX];

	REQUIRE(b);
	for (size_t i = 0; i < b->n; i++)
		results[i] = *one;
	REQUIRE(queue_done(q, b, results, now) == 0);
}

static const struct marketo_result created = {.status = MARKETO_CREATED, .id = 1};
static const struct marketo_result updated = {.status = MARKETO_UPDATED, .id = 1};
static const struct marketo_result deleted = {.status = MARKETO_DELETED, .id = 1};
static const struct marketo_result several = {
	.status = MARKETO_SKIPPED, .code = "1007", .reason = "several leads match"};
static const struct marketo_result untouched = {.status = MARKETO_UNTOUCHED};
static const struct marketo_result absent = {
	.status = MARKETO_SKIPPED, .code = "1004", .reason = "not found"};

static void check_counts(enum sync_object object, struct sync_counts want)
{
	const struct sync_counts *have = queue_counts(q, object);

	CHECK_INT(have->created, want.created);
	CHECK_INT(have->updated, want.updated);
	CHECK_INT(have->deleted, want.deleted);
	CHECK_INT(have->failed, want.failed);
	CHECK_INT(have->skipped, want.skipped);
}

/* --- batches --- */

static void batches_hold_300_in_order(void)
{
	struct batch *first, *second;

	begin();
	add_many(0, 301);
	CHECK_INT(queue_waiting(q), 301);
	first = queue_next(q, false);
	REQUIRE(first);
	CHECK_INT(first->n, 300);
	CHECK_TEXT(first->rows[0]->key, "p0@x");
	CHECK_TEXT(first->rows[299]->key, "p299@x");
	second = queue_next(q, false);
	REQUIRE(second);
	CHECK_INT(second->n, 1);
	CHECK_TEXT(second->rows[0]->key, "p300@x");
	CHECK(!queue_next(q, false));
	CHECK_INT(queue_waiting(q), 0);
	CHECK(!queue_is_empty(q));
	done_with(second, &created, after(0));
	CHECK(!queue_is_empty(q));
	done_with(first, &created, after(0));
	CHECK(queue_is_empty(q));
	check_counts(SYNC_LEAD, (struct sync_counts){.created = 301});
	end();
}

static void a_whole_batch_waits_until_it_is_full(void)
{
	begin();
	add_many(0, 299);
	CHECK(!queue_next(q, true));
	add_many(299, 1);
	CHECK(queue_next(q, true) != NULL);
	CHECK(!queue_next(q, true));
	end();
}

static void add_long(unsigned number, size_t len)
{
	char key[32];
	struct row *row;

	(void)snprintf(key, sizeof(key), "p%u@x", number);
	row = new_row(ROW_UPSERT, number, key, 1);
	mem_free(row->json);
	row->json = mem_alloc(len + 1);
	REQUIRE(row->json);
	memset(row->json, 'x', len);
	row->json_len = len;
	REQUIRE(queue_add(q, row) == 0);
}

/* Ten of 99,990 bytes need 999,910 with their commas and no more than 90 bytes stay. */
static void no_body_is_longer_than_a_megabyte(void)
{
	struct exchange_request request = {.url = NULL};
	_cleanup_(secret_freep) struct secret *token = secret_new_text("t");
	struct batch *b;

	begin();
	for (unsigned i = 0; i < 20; i++)
		add_long(i, 99990);
	b = queue_next(q, true);
	REQUIRE(b);
	CHECK_INT(b->n, 9);
	REQUIRE(marketo_request_upsert("https://h", token, "email", false,
			(const struct row *const *)b->rows, b->n, &request) == 0);
	CHECK(secret_len(request.body) <= b->bytes);
	CHECK(b->bytes <= MARKETO_BODY_MAX);
	exchange_request_done(&request);
	REQUIRE(queue_next(q, true));
	CHECK(!queue_next(q, true));
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->n, 2);
	end();
}

static void what_alone_is_too_long_still_goes(void)
{
	struct batch *b;

	begin();
	add_long(0, 2 * MARKETO_BODY_MAX);
	add_long(1, 10);
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->n, 1);
	end();
}

static void a_batch_has_one_act_and_the_oldest_goes_first(void)
{
	static const enum row_act acts[] = {ROW_DELETE, ROW_UPSERT, ROW_FLAG};

	begin();
	add(ROW_DELETE, 1, "a@x", 1);
	add(ROW_UPSERT, 2, "b@x", 1);
	add(ROW_DELETE, 3, "c@x", 1);
	add(ROW_FLAG, 4, "d@x", 1);
	add(ROW_UPSERT, 5, "e@x", 1);
	for (size_t i = 0; i < ELEMENTS(acts); i++) {
		struct batch *b = queue_next(q, false);

		REQUIRE(b);
		CHECK_INT(b->act, acts[i]);
		CHECK_INT(b->n, i < 2 ? 2 : 1);
		for (size_t k = 0; k < b->n; k++)
			CHECK_INT(b->rows[k]->act, acts[i]);
	}
	CHECK(queue_is_empty(q) == false && queue_waiting(q) == 0);
	end();
}

static void no_more_batches_fly_than_allowed(void)
{
	struct batch *b = NULL;

	begin();
	add_many(0, 300 * QUEUE_FLYING_MAX + 1);
	for (unsigned i = 0; i < QUEUE_FLYING_MAX; i++)
		REQUIRE((b = queue_next(q, false)));
	CHECK(!queue_next(q, false));
	done_with(b, &updated, after(0));
	CHECK(queue_next(q, false) != NULL);
	end();
}

static void the_queue_takes_no_more_than_it_may_hold(void)
{
	struct row *row;

	begin();
	add_many(0, QUEUE_ROWS_MAX);
	row = new_row(ROW_UPSERT, 9000, "other@x", 1);
	CHECK_INT(queue_add(q, row), -ENOBUFS);
	row_free(row);
	add(ROW_UPSERT, 9000, "p7@x", 2);
	CHECK_INT(queue_waiting(q), QUEUE_ROWS_MAX);
	REQUIRE(queue_next(q, false));
	add(ROW_UPSERT, 9001, "other@x", 1);
	end();
}

/* --- keys --- */

static void of_one_key_the_later_row_is_sent(void)
{
	struct batch *b;

	begin();
	add(ROW_UPSERT, 1, "a@x", 5);
	add(ROW_UPSERT, 2, "a@x", 7);
	add(ROW_UPSERT, 3, "a@x", 6);
	add(ROW_DELETE, 4, "a@x", 7);
	CHECK_INT(queue_waiting(q), 1);
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->n, 1);
	CHECK_TEXT(b->rows[0]->id, id_of(4));
	CHECK(!queue_next(q, false));
	check_counts(SYNC_LEAD, (struct sync_counts){.skipped = 3});
	end();
}

static void a_key_in_flight_waits(void)
{
	struct batch *first, *second;

	begin();
	add(ROW_UPSERT, 1, "a@x", 5);
	first = queue_next(q, false);
	add(ROW_DELETE, 1, "a@x", 6);
	add(ROW_UPSERT, 2, "b@x", 6);
	second = queue_next(q, false);
	REQUIRE(first && second);
	CHECK_INT(second->n, 1);
	CHECK_TEXT(second->rows[0]->key, "b@x");
	CHECK(!queue_next(q, false));
	done_with(first, &updated, after(0));
	first = queue_next(q, false);
	REQUIRE(first);
	CHECK_INT(first->act, ROW_DELETE);
	end();
}

static void what_is_older_than_the_one_in_flight_is_dropped(void)
{
	begin();
	add(ROW_UPSERT, 1, "a@x", 5);
	REQUIRE(queue_next(q, false));
	add(ROW_UPSERT, 2, "a@x", 4);
	CHECK_INT(queue_waiting(q), 0);
	add(ROW_UPSERT, 1, "a@x", 5);
	CHECK_INT(queue_waiting(q), 1);
	check_counts(SYNC_LEAD, (struct sync_counts){.skipped = 1});
	end();
}

static void the_row_of_a_new_key_waits_for_its_rekey(void)
{
	struct batch *b;

	begin();
	add(ROW_UPSERT, 1, "contact", 1);
	rekey(2, "lead", "contact");
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->act, ROW_REKEY);
	CHECK(!queue_next(q, false));
	done_with(b, &updated, after(0));
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->act, ROW_UPSERT);
	end();
}

static void a_rekey_waits_for_both_of_its_keys(void)
{
	struct batch *first, *b;

	begin();
	add(ROW_UPSERT, 1, "contact", 1);
	first = queue_next(q, false);
	rekey(2, "lead", "contact");
	CHECK(!queue_next(q, false));
	done_with(first, &updated, after(0));
	rekey(3, "other", "contact");
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->n, 1);
	CHECK_TEXT(b->rows[0]->key, "lead");
	CHECK(!queue_next(q, false));
	queue_again(q, b, false);
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->n, 1);
	CHECK_TEXT(b->rows[0]->key, "lead");
	end();
}

static void rekeys_in_a_circle_end(void)
{
	struct batch *b;
	unsigned batches = 0;

	begin();
	rekey(1, "a", "b");
	rekey(2, "b", "a");
	rekey(3, "c", "c");
	add(ROW_UPSERT, 4, "c2", 1);
	while ((b = queue_next(q, false))) {
		done_with(b, &updated, after(0));
		batches++;
	}
	CHECK(queue_is_empty(q));
	CHECK_INT(batches, 3);
	end();
}

static void a_row_that_is_skipped_is_only_counted(void)
{
	struct row *row = new_row(ROW_SKIP, 1, NULL, 1);

	begin();
	row->object = SYNC_CONTACT;
	REQUIRE(queue_add(q, row) == 0);
	CHECK(queue_is_empty(q));
	check_counts(SYNC_CONTACT, (struct sync_counts){.skipped = 1});
	check_counts(SYNC_LEAD, (struct sync_counts){.skipped = 0});
	end();
}

/* --- batches that did not arrive --- */

static void what_did_not_arrive_goes_again_first(void)
{
	struct batch *b;

	begin();
	add_many(0, 3);
	b = queue_next(q, false);
	add_many(3, 1);
	queue_again(q, b, false);
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->n, 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK_TEXT(b->rows[i]->id, id_of(i));
	check_counts(SYNC_LEAD, (struct sync_counts){.skipped = 0});
	end();
}

static void what_was_too_much_is_halved_and_grows_again(void)
{
	static const size_t sizes[] = {150, 300};
	struct batch *b;

	begin();
	add_many(0, 1200);
	b = queue_next(q, false);
	queue_again(q, b, true);
	b = queue_next(q, true);
	REQUIRE(b);
	CHECK_INT(b->n, 150);
	queue_again(q, b, true);
	b = queue_next(q, true);
	REQUIRE(b);
	CHECK_INT(b->n, 75);
	CHECK_TEXT(b->rows[0]->id, id_of(0));
	done_with(b, &updated, after(0));
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		b = queue_next(q, false);
		REQUIRE(b);
		CHECK_INT(b->n, sizes[i]);
		done_with(b, &updated, after(0));
	}
	end();
}

static void one_row_is_never_halved_to_none(void)
{
	struct batch *b;

	begin();
	add_many(0, 4);
	for (unsigned i = 0; i < 4; i++) {
		b = queue_next(q, false);
		REQUIRE(b);
		CHECK_INT(b->n, i == 0 ? 4 : i == 1 ? 2 : 1);
		queue_again(q, b, true);
	}
	done_with(queue_next(q, false), &updated, after(0));
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->n, 2);
	end();
}

static void what_did_not_arrive_meets_what_came_meanwhile(void)
{
	struct batch *b;

	begin();
	add(ROW_UPSERT, 1, "a@x", 5);
	add(ROW_UPSERT, 2, "b@x", 5);
	b = queue_next(q, false);
	add(ROW_DELETE, 3, "a@x", 6);
	queue_again(q, b, false);
	CHECK_INT(queue_waiting(q), 2);
	check_counts(SYNC_LEAD, (struct sync_counts){.skipped = 1});
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_INT(b->act, ROW_UPSERT);
	CHECK_TEXT(b->rows[0]->key, "b@x");
	b = queue_next(q, false);
	REQUIRE(b);
	CHECK_TEXT(b->rows[0]->id, id_of(3));
	end();
}

/* --- what became of rows --- */

static void what_arrives_is_counted_by_what_was_done(void)
{
	struct marketo_result results[MARKETO_BATCH_MAX] = {created, updated};
	struct batch *b;
	struct row *row;

	begin();
	add_many(0, 2);
	b = queue_next(q, false);
	REQUIRE(queue_done(q, b, results, after(0)) == 0);
	add(ROW_FLAG, 3, "c@x", 1);
	done_with(queue_next(q, false), &updated, after(0));
	add(ROW_DELETE, 4, "d@x", 1);
	done_with(queue_next(q, false), &deleted, after(0));
	rekey(5, "e", "f");
	done_with(queue_next(q, false), &updated, after(0));
	row = new_row(ROW_UPSERT, 6, "g@x", 1);
	row->object = SYNC_CONTACT;
	REQUIRE(queue_add(q, row) == 0);
	done_with(queue_next(q, false), &created, after(0));
	check_counts(SYNC_LEAD, (struct sync_counts){.created = 1, .updated = 2, .deleted = 2});
	check_counts(SYNC_CONTACT, (struct sync_counts){.created = 1});
	end();
}

static void what_is_gone_already_has_not_failed(void)
{
	begin();
	add(ROW_FLAG, 1, "a@x", 1);
	done_with(queue_next(q, false), &absent, after(0));
	add(ROW_DELETE, 2, "b@x", 1);
	done_with(queue_next(q, false), &absent, after(0));
	rekey(3, "c", "d");
	done_with(queue_next(q, false), &absent, after(0));
	CHECK_INT(queue_failed(q), 0);
	add(ROW_UPSERT, 4, "e@x", 1);
	done_with(queue_next(q, false), &absent, after(0));
	CHECK_INT(queue_failed(q), 1);
	check_counts(SYNC_LEAD, (struct sync_counts){.skipped = 3, .failed = 1});
	end();
}

/* Of the list for people, the text of @member of the first row. */
static void check_told(const char *member, const char *want)
{
	_cleanup_(json_freep) struct json *told = queue_failed_tell(q, 10);

	REQUIRE(told);
	CHECK_TEXT(json_get_text(json_at(told, 0), member), want);
}

static void one_row_of_300_fails_alone(void)
{
	struct marketo_result results[MARKETO_BATCH_MAX];
	struct batch *b;

	begin();
	add_many(0, 300);
	b = queue_next(q, true);
	for (size_t i = 0; i < ELEMENTS(results); i++)
		results[i] = i == 17 ? several : updated;
	REQUIRE(queue_done(q, b, results, after(0)) == 0);
	CHECK(queue_is_empty(q));
	CHECK_INT(queue_failed(q), 1);
	check_counts(SYNC_LEAD, (struct sync_counts){.updated = 299, .failed = 1});
	check_told("id", id_of(17));
	check_told("object", "lead");
	check_told("key", "p17@x");
	check_told("reason", "1007: several leads match");
	check_told("retry_at", "2026-11-23T00:15:00Z");
	end();
}

static void fail_at(uint64_t usec)
{
	add(ROW_UPSERT, 1, "a@x", 1);
	done_with(queue_next(q, false), &several, after(usec));
}

static void check_retry(uint64_t usec, size_t want)
{
	char ids[4][19];

	CHECK_INT(queue_retry(q, after(usec), SYNC_LEAD, ids, 4), want);
	if (want > 0)
		CHECK_TEXT(ids[0], id_of(1));
}

static void failed_rows_are_tried_again_ever_later(void)
{
	static const uint64_t waits[] = {
		15 * USEC_PER_MIN, USEC_PER_HOUR, 6 * USEC_PER_HOUR, USEC_PER_DAY, USEC_PER_DAY};
	uint64_t at = 0;

	begin();
	CHECK(queue_retry_at(q) == USEC_NEVER);
	for (size_t i = 0; i < ELEMENTS(waits); i++) {
		fail_at(at);
		CHECK_INT(queue_retry_at(q), WALL + at + waits[i]);
		check_retry(at + waits[i] - 1, 0);
		at += waits[i];
		check_retry(at, 1);
		check_retry(at, 1);
	}
	CHECK_INT(queue_failed(q), 1);
	check_counts(SYNC_LEAD, (struct sync_counts){.failed = 1});
	end();
}

static void retries_are_of_one_object_and_no_more_than_asked(void)
{
	char ids[4][19];

	begin();
	add_many(0, 3);
	done_with(queue_next(q, false), &several, after(0));
	CHECK_INT(queue_retry(q, after(USEC_PER_HOUR), SYNC_CONTACT, ids, 2), 0);
	CHECK_INT(queue_retry(q, after(USEC_PER_HOUR), SYNC_LEAD, ids, 2), 2);
	CHECK_TEXT(ids[0], id_of(0));
	CHECK_TEXT(ids[1], id_of(1));
	CHECK_INT(queue_retry_at(q), WALL + 15 * USEC_PER_MIN);
	end();
}

static void what_the_source_has_no_more_makes_room(void)
{
	char ids[4][19];

	begin();
	add_many(0, 3);
	done_with(queue_next(q, false), &several, after(0));
	CHECK_INT(queue_retry(q, after(USEC_PER_HOUR), SYNC_LEAD, ids, 2), 2);
	add_many(0, 1);
	done_with(queue_next(q, false), &several, after(USEC_PER_HOUR));
	queue_retried(q, after(USEC_PER_HOUR), SYNC_CONTACT);
	CHECK_INT(queue_retry(q, after(USEC_PER_HOUR), SYNC_LEAD, ids, 1), 1);
	CHECK_TEXT(ids[0], id_of(1));
	queue_retried(q, after(USEC_PER_HOUR), SYNC_LEAD);
	CHECK_INT(queue_retry(q, after(USEC_PER_HOUR), SYNC_LEAD, ids, 2), 1);
	CHECK_TEXT(ids[0], id_of(2));
	CHECK_INT(queue_failed(q), 3);
	queue_retried(q, after(USEC_PER_HOUR), SYNC_LEAD);
	check_told("id", id_of(2));
	check_told("reason", "the source does not have it any more");
	CHECK_INT(queue_retry_at(q), WALL + 2 * USEC_PER_HOUR);
	CHECK_INT(queue_retry(q, after(2 * USEC_PER_HOUR), SYNC_LEAD, ids, 4), 3);
	end();
}

static void a_row_that_arrives_has_failed_no_more(void)
{
	struct row *row;

	begin();
	for (unsigned i = 0; i < 4; i++) {
		fail_at(0);
		CHECK_INT(queue_failed(q), 1);
		if (i == 0) {
			add(ROW_UPSERT, 1, "a@x", 2);
			done_with(queue_next(q, false), &updated, after(0));
		} else if (i == 1) {
			row = new_row(ROW_SKIP, 1, NULL, 2);
			REQUIRE(queue_add(q, row) == 0);
		} else if (i == 2) {
			add(ROW_FLAG, 1, "a@x", 2);
			done_with(queue_next(q, false), &untouched, after(0));
		} else {
			add(ROW_DELETE, 1, "a@x", 2);
			done_with(queue_next(q, false), &absent, after(0));
		}
		CHECK_INT(queue_failed(q), 0);
		CHECK(queue_retry_at(q) == USEC_NEVER);
	}
	check_counts(SYNC_LEAD, (struct sync_counts){.updated = 1, .skipped = 3});
	end();
}

static void what_fails_beyond_the_list_is_counted(void)
{
	begin();
	for (unsigned i = 0; i < QUEUE_FAILED_MAX + 100; i += 100) {
		add_many(i, 100);
		done_with(queue_next(q, false), &several, after(0));
	}
	CHECK_INT(queue_failed(q), QUEUE_FAILED_MAX);
	check_counts(SYNC_LEAD, (struct sync_counts){.failed = QUEUE_FAILED_MAX + 100});
	end();
}

static void the_latest_failures_are_told_first(void)
{
	_cleanup_(json_freep) struct json *told = NULL;

	begin();
	add_many(0, 3);
	done_with(queue_next(q, false), &several, after(0));
	told = queue_failed_tell(q, 2);
	REQUIRE(told);
	CHECK_INT(json_count(told), 2);
	CHECK_TEXT(json_get_text(json_at(told, 0), "id"), id_of(2));
	CHECK_TEXT(json_get_text(json_at(told, 1), "id"), id_of(1));
	end();
}

/* --- the durable record --- */

static int load(const char *text)
{
	_cleanup_(json_freep) struct json *j = NULL;

	REQUIRE(json_parse(text, strlen(text), &j, NULL) == 0);
	return queue_load(q, j);
}

static void what_is_saved_is_loaded(void)
{
	_cleanup_(json_freep) struct json *saved = NULL, *again = NULL;
	_cleanup_(mem_freep) char *text = NULL, *text_again = NULL;
	const struct sync_counts counts = {
		.created = 1, .updated = 2, .deleted = 3, .failed = 2, .skipped = 5};

	begin();
	fail_at(0);
	fail_at(USEC_PER_HOUR);
	add(ROW_UPSERT, 2, "b@x", 1);
	done_with(queue_next(q, false), &absent, after(USEC_PER_HOUR));
	queue_set_counts(q, SYNC_LEAD, &counts);
	saved = queue_save(q);
	REQUIRE(saved);
	begin();
	REQUIRE(queue_load(q, saved) == 0);
	CHECK_INT(queue_failed(q), 2);
	CHECK_INT(queue_retry_at(q), WALL + USEC_PER_HOUR + 15 * USEC_PER_MIN);
	check_counts(SYNC_LEAD, counts);
	check_counts(SYNC_CONTACT, (struct sync_counts){.failed = 0});
	check_told("id", id_of(2));
	again = queue_save(q);
	text = json_print(saved, false);
	text_again = again ? json_print(again, false) : NULL;
	REQUIRE(text && text_again);
	CHECK_TEXT(text_again, text);
	CHECK(strstr(text, "\"attempts\":2"));
	add(ROW_UPSERT, 2, "b@x", 1);
	done_with(queue_next(q, false), &updated, after(USEC_PER_HOUR));
	CHECK_INT(queue_failed(q), 1);
	CHECK_INT(queue_counts(q, SYNC_LEAD)->failed, 1);
	end();
}

#define COUNTS "{\"created\":1,\"updated\":2,\"deleted\":3,\"failed\":4,\"skipped\":5}"
#define ROW(id, object, attempts, at) \
	"{\"object\":\"" object "\",\"id\":\"" id "\",\"attempts\":" attempts \
	",\"retry_at_usec\":" at "}"
#define SAVED(rows) \
	"{\"counts\":{\"lead\":" COUNTS ",\"contact\":" COUNTS "},\"failed\":[" rows "]}"

static void what_is_no_record_is_refused_whole(void)
{
	static const char *const bad[] = {"{}", "[]", "{\"counts\":{},\"failed\":[]}",
		"{\"counts\":{\"lead\":" COUNTS ",\"contact\":" COUNTS "}}",
		"{\"counts\":{\"lead\":{\"created\":-1},\"contact\":" COUNTS "},\"failed\":[]}",
		SAVED("7"), SAVED(ROW("short", "lead", "1", "5")),
		SAVED(ROW("00Q000000000001", "task", "1", "5")),
		SAVED(ROW("00Q000000000001", "lead", "0", "5")),
		SAVED(ROW("00Q000000000001", "lead", "\"1\"", "5")),
		SAVED(ROW("00Q000000000001", "lead", "1", "-5")),
		SAVED(ROW("00Q000000000001", "lead", "1", "5") "," ROW(
			"00Q000000000001", "lead", "1", "5"))};

	begin();
	REQUIRE(load(SAVED(ROW("00Q000000000001", "contact", "1", "5"))) == 0);
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		CHECK_INT(load(bad[i]), -EBADMSG);
		CHECK_INT(queue_failed(q), 1);
		CHECK_INT(queue_retry_at(q), 5);
		CHECK_INT(queue_counts(q, SYNC_CONTACT)->skipped, 5);
	}
	check_told("id", "00Q000000000001EAA");
	check_told("object", "contact");
	end();
}

/* --- short of memory --- */

static unsigned allowed;
static int live;

static bool fails(size_t size)
{
	bool refused = allowed == 0 || allowed-- == 0;

	(void)size;
	live += !refused;
	return refused;
}

static void witness(const void *p, size_t size)
{
	(void)p;
	(void)size;
	live--;
}

static int use(void)
{
	_cleanup_(queue_freep) struct queue *mine = NULL;
	_cleanup_(json_freep) struct json *saved = NULL, *told = NULL;
	struct marketo_result results[MARKETO_BATCH_MAX] = {several, updated, several};
	_cleanup_(row_freep) struct row *row = NULL;
	struct batch *b;
	int r = queue_new("email", &mine);

	for (unsigned i = 0; i < 3 && r == 0; i++) {
		row = mem_alloc(sizeof(*row));
		if (!row)
			return -ENOMEM;
		row->id[0] = (char)('1' + i);
		row->key = mem_strdup(row->id);
		row->json = mem_strdup("{}");
		r = row->key && row->json ? queue_add(mine, row) : -ENOMEM;
		if (r == 0)
			(void)steal(row);
	}
	if (r < 0)
		return r;
	b = queue_next(mine, false);
	r = queue_done(mine, b, results, after(0));
	CHECK(r == 0 || (queue_failed(mine) == 0 && b->n == 3));
	if (r < 0)
		return r;
	saved = queue_save(mine);
	told = queue_failed_tell(mine, 9);
	return saved && told ? 0 : -ENOMEM;
}

static int load_again(void)
{
	static const char text[] =
		SAVED("{\"object\":\"lead\",\"id\":\"00Q000000000001\",\"key\":\"a\","
		      "\"attempts\":1,\"retry_at_usec\":5}");
	_cleanup_(queue_freep) struct queue *mine = NULL;
	_cleanup_(json_freep) struct json *j = NULL;
	int r = queue_new("email", &mine);

	if (r == 0)
		r = json_parse(text, strlen(text), &j, NULL);
	if (r == 0)
		r = queue_load(mine, j);
	CHECK(!mine || queue_failed(mine) == (r == 0));
	return r;
}

static void fail_each(int (*run)(void))
{
	int r = -ENOMEM;

	for (unsigned n = 0; r == -ENOMEM && n < 2000; n++) {
		allowed = n;
		live = 0;
		mem_set_failure(fails);
		mem_set_witness(witness);
		r = run();
		mem_set_failure(NULL);
		mem_set_witness(NULL);
		CHECK_INT(live, 0);
	}
	CHECK_INT(r, 0);
}

static void each_allocation_may_fail(void)
{
	fail_each(use);
	fail_each(load_again);
}

/* --- at random --- */

static uint32_t seed = 1;

static unsigned pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct batch *flying[QUEUE_FLYING_MAX];
static unsigned n_flying;

static void check_keys_in_flight(void)
{
	static char keys[64];

	memset(keys, 0, sizeof(keys));
	for (unsigned i = 0; i < n_flying; i++)
		for (size_t k = 0; k < flying[i]->n; k++) {
			const struct row *row = flying[i]->rows[k];

			CHECK(keys[(unsigned char)row->key[0] - '0']++ == 0);
			if (row->new_key && strcmp(row->key, row->new_key) != 0)
				CHECK(keys[(unsigned char)row->new_key[0] - '0']++ == 0);
		}
}

static void add_any(unsigned number)
{
	static const enum row_act acts[] = {ROW_UPSERT, ROW_FLAG, ROW_DELETE, ROW_SKIP};
	char key[2] = {(char)('0' + pick(40)), '\0'}, other[2] = {(char)('0' + pick(40)), '\0'};

	if (pick(5) == 0)
		rekey(number, key, other);
	else
		add(acts[pick(4)], number, key, pick(50));
}

static void end_any(void)
{
	static const struct marketo_result *const ends[] = {&created, &updated, &several, &absent};
	unsigned i = pick(n_flying);
	struct batch *b = flying[i];

	flying[i] = flying[--n_flying];
	if (pick(3) == 0)
		queue_again(q, b, pick(2) == 0);
	else
		done_with(b, ends[pick(4)], after(0));
}

static void no_key_is_in_flight_twice_whatever_happens(void)
{
	uint64_t ended = 0;
	const struct sync_counts *c;

	begin();
	n_flying = 0;
	for (unsigned i = 0; i < 20000; i++) {
		add_any(i);
		if (n_flying < QUEUE_FLYING_MAX && pick(3) == 0) {
			flying[n_flying] = queue_next(q, pick(4) == 0);
			n_flying += flying[n_flying] != NULL;
		}
		check_keys_in_flight();
		if (n_flying > 0 && pick(3) == 0)
			end_any();
		if (pick(400) == 0) /* now and then all of it ends */
			while (n_flying > 0 || (flying[n_flying] = queue_next(q, false))) {
				n_flying += n_flying == 0;
				end_any();
			}
	}
	for (; n_flying > 0; end_any())
		;
	while ((flying[0] = queue_next(q, false))) {
		n_flying = 1;
		done_with(flying[0], &updated, after(0));
	}
	CHECK(queue_is_empty(q));
	c = queue_counts(q, SYNC_LEAD);
	ended = c->created + c->updated + c->deleted + c->failed + c->skipped;
	CHECK_INT(c->failed, queue_failed(q));
	CHECK(ended == 20000);
	end();
}

static const struct test tests[] = {
	{"301 rows are two calls, in order (row 43)", batches_hold_300_in_order},
	{"a whole batch waits until it is full", a_whole_batch_waits_until_it_is_full},
	{"no body is longer than a megabyte (row 43)", no_body_is_longer_than_a_megabyte},
	{"what alone is too long still goes, alone", what_alone_is_too_long_still_goes},
	{"a batch has one act, and the oldest rows go first",
		a_batch_has_one_act_and_the_oldest_goes_first},
	{"no more batches are in flight than allowed", no_more_batches_fly_than_allowed},
	{"the queue takes no more rows than it may hold", the_queue_takes_no_more_than_it_may_hold},
	{"of rows with one key the latest is sent, the others are skipped (row 45)",
		of_one_key_the_later_row_is_sent},
	{"a row waits while its key is in flight (row 45)", a_key_in_flight_waits},
	{"what is older than the row in flight is dropped",
		what_is_older_than_the_one_in_flight_is_dropped},
	{"the row of a new key waits until its person has it (row 35)",
		the_row_of_a_new_key_waits_for_its_rekey},
	{"a change of key waits for both keys", a_rekey_waits_for_both_of_its_keys},
	{"changes of keys in a circle come to an end", rekeys_in_a_circle_end},
	{"a row that is skipped is only counted", a_row_that_is_skipped_is_only_counted},
	{"what did not arrive goes again first", what_did_not_arrive_goes_again_first},
	{"what was too much is halved, and grows again with success (row 43)",
		what_was_too_much_is_halved_and_grows_again},
	{"one row is never halved to none", one_row_is_never_halved_to_none},
	{"of what did not arrive and what came meanwhile the later stays",
		what_did_not_arrive_meets_what_came_meanwhile},
	{"what arrives is counted by what was done", what_arrives_is_counted_by_what_was_done},
	{"what is gone already has not failed", what_is_gone_already_has_not_failed},
	{"one row of 300 fails alone, with its id and the reason (row 41)",
		one_row_of_300_fails_alone},
	{"failed rows are tried again after 15 min, 1 h, 6 h, then daily",
		failed_rows_are_tried_again_ever_later},
	{"retries are of one object, and no more than asked for",
		retries_are_of_one_object_and_no_more_than_asked},
	{"what the source has no more waits for its next turn, and makes room for others",
		what_the_source_has_no_more_makes_room},
	{"a row that arrives or is settled has failed no more",
		a_row_that_arrives_has_failed_no_more},
	{"what fails beyond the list is counted only", what_fails_beyond_the_list_is_counted},
	{"the latest failures are told first", the_latest_failures_are_told_first},
	{"what is saved is loaded", what_is_saved_is_loaded},
	{"what is no record is refused, and changes nothing", what_is_no_record_is_refused_whole},
	{"each allocation may fail", each_allocation_may_fail},
	{"no key is in flight twice, whatever happens (row 45)",
		no_key_is_in_flight_twice_whatever_happens},
};

TEST_MAIN(tests)
