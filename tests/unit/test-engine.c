/* SPDX-License-Identifier: BSD-2-Clause */

/* A whole sync in virtual time, against a source and a target that are played here: a few people
 * and persons in memory, replies as the vendors write them, and trouble on order. */

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "sync/engine.h"
#include "test.h"

#define PEOPLE_MAX  600
#define PERSONS_MAX 900
#define CURSORS_MAX 8
#define ORDERS_MAX  8
#define CALL_TAKES  (100 * USEC_PER_S / 1000)
#define BEGIN       UINT64_C(1700000000000000) /* a Tuesday */
/* More steps than any of these stories takes: beyond, it turns in circles. */
#define STEPS_MAX 400000u

/* A record of the source. */
struct people {
	enum sync_object object;
	char id[19], email[64], name[32], contact[19], master[19];
	uint64_t stamp_s;
	bool deleted, converted;
};

/* A person of the target. */
struct person {
	uint64_t id;
	char email[64], sfid[64], name[32];
	bool gone, deleted;
	unsigned writes;
};

/* Trouble: the next @times requests whose address or body has @what get this reply. */
struct order {
	const char *what;
	int times; /* -1: for ever */
	int status;
	const char *body;
	unsigned met;
};

static struct world {
	struct people people[PEOPLE_MAX];
	size_t n_people;
	struct person persons[PERSONS_MAX];
	size_t n_persons;
	struct {
		size_t at[PEOPLE_MAX], n;
	} cursors[CURSORS_MAX];
	unsigned n_cursors;
	struct order orders[ORDERS_MAX];
	size_t n_orders;
	const char *bad, *poison;  /* addresses: refused alone; with its whole call */
	const char *forbidden_key; /* that no person may be given */
	size_t page;               /* records of one */
	unsigned job_polls;        /* until a bulk job is done */
	bool refuse_tokens;        /* of both sides */
	bool no_tokens;
	bool long_fields;

	struct sync *sync;
	struct sync_settings settings;
	struct json *saved;
	struct now now;
	uint32_t seed;
	unsigned crash_every, crash_at;
	unsigned steps, requests, token_asks, invalidations, stores, bulk_jobs;
	unsigned in_flight_most;
	bool (*fails)(size_t size); /* short of memory */
} w;

/* --- the people --- */

static struct people *person_of(size_t i)
{
	return &w.people[i];
}

static struct people *add_people(enum sync_object object, const char *email)
{
	struct people *p = &w.people[w.n_people];
	char id[16];

	REQUIRE(w.n_people < PEOPLE_MAX);
	(void)snprintf(id, sizeof(id), "%s%012zu", object == SYNC_LEAD ? "00Q" : "003", w.n_people);
	REQUIRE(row_id18(id, p->id) == 0);
	p->object = object;
	(void)snprintf(p->email, sizeof(p->email), "%s", email);
	(void)snprintf(p->name, sizeof(p->name), "n%zu", w.n_people);
	/* Some at once, and then more apart than what is read twice. */
	p->stamp_s = w.now.wall_usec / USEC_PER_S - 100000 + w.n_people / 3 * 400;
	w.n_people++;
	return p;
}

static void add_many(enum sync_object object, unsigned n)
{
	char email[32];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(
			email, sizeof(email), "%s%u@x.example", object == SYNC_LEAD ? "l" : "c", i);
		add_people(object, email);
	}
}

static void touch(struct people *p)
{
	p->stamp_s = w.now.wall_usec / USEC_PER_S;
}

static void rename_to(struct people *p, const char *name)
{
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	touch(p);
}

/* --- replies --- */

static void say(struct exchange_reply *reply, int status, const char *type, const char *text)
{
	reply->outcome = EXCHANGE_REPLIED;
	reply->status = status;
	(void)snprintf(reply->content_type, sizeof(reply->content_type), "%s", type);
	reply->body = BUF(4u * 1024 * 1024);
	REQUIRE(buf_add_text(&reply->body, text) == 0);
}

static void say_json(struct exchange_reply *reply, const char *text)
{
	say(reply, 200, "application/json", text);
}

static void decode(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; *from && n + 1 < size; from++) {
		unsigned c = (unsigned char)*from;

		if (c == '%' && sscanf(from + 1, "%2x", &c) == 1)
			from += 2;
		to[n++] = (char)c;
	}
	to[n] = '\0';
}

/* --- the source --- */

static uint64_t time_after(const char *text, const char *what, uint64_t otherwise)
{
	const char *at = strstr(text, what);
	char time[TEXT_TIME_SIZE];
	uint64_t usec;

	if (!at)
		return otherwise;
	(void)snprintf(time, sizeof(time), "%.20s", at + strlen(what));
	REQUIRE(text_parse_time(time, &usec) == 0);
	return usec / USEC_PER_S;
}

static bool is_named(const char *soql, const char *text)
{
	char quoted[80];

	(void)snprintf(quoted, sizeof(quoted), "'%s'", text);
	return strcasestr(soql, quoted) != NULL;
}

static bool matches(const struct people *p, const char *soql, bool all)
{
	if (p->object != (strstr(soql, "FROM Lead") ? SYNC_LEAD : SYNC_CONTACT) ||
		(p->deleted && !all))
		return false;
	if (strstr(soql, "Email IN ("))
		return is_named(soql, p->email);
	if (strstr(soql, "Id IN ("))
		return is_named(soql, p->id);
	return p->stamp_s >= time_after(soql, "SystemModstamp >= ", 0) &&
		p->stamp_s < time_after(soql, "SystemModstamp < ", UINT64_MAX);
}

static int by_stamp(const void *a, const void *b)
{
	const struct people *p = person_of(*(const size_t *)a), *q = person_of(*(const size_t *)b);

	if (p->stamp_s != q->stamp_s)
		return p->stamp_s < q->stamp_s ? -1 : 1;
	return strcmp(p->id, q->id);
}

/* The cursor of what @soql gives. */
static unsigned make_cursor(const char *soql, bool all)
{
	unsigned c = w.n_cursors++ % CURSORS_MAX;

	w.cursors[c].n = 0;
	for (size_t i = 0; i < w.n_people; i++)
		if (matches(&w.people[i], soql, all))
			w.cursors[c].at[w.cursors[c].n++] = i;
	qsort(w.cursors[c].at, w.cursors[c].n, sizeof(w.cursors[c].at[0]), by_stamp);
	return c;
}

static void add_record(struct buf *b, const struct people *p)
{
	char time[TEXT_TIME_SIZE];

	text_format_time(time, sizeof(time), p->stamp_s * USEC_PER_S);
	time[19] = '\0';
	(void)buf_printf(b,
		"{\"Id\":\"%s\",\"SystemModstamp\":\"%s.000+0000\",\"IsDeleted\":%s,\"Email\":\"%s\""
		",\"LastName\":\"%s\",\"IsConverted\":%s",
		p->id, time, p->deleted ? "true" : "false", p->email, p->name,
		p->converted ? "true" : "false");
	if (*p->contact)
		(void)buf_printf(b, ",\"ConvertedContactId\":\"%s\"", p->contact);
	if (*p->master)
		(void)buf_printf(b, ",\"MasterRecordId\":\"%s\"", p->master);
	(void)buf_add_char(b, '}');
}

static void give_page(unsigned c, size_t from, struct exchange_reply *reply)
{
	struct buf b = BUF(1024u * 1024);
	size_t end = from + w.page < w.cursors[c].n ? from + w.page : w.cursors[c].n;

	(void)buf_printf(&b, "{\"totalSize\":%zu,\"records\":[", w.cursors[c].n);
	for (size_t i = from; i < end; i++) {
		if (i > from)
			(void)buf_add_char(&b, ',');
		add_record(&b, person_of(w.cursors[c].at[i]));
	}
	(void)buf_add_text(&b, "]");
	if (end < w.cursors[c].n)
		(void)buf_printf(
			&b, ",\"nextRecordsUrl\":\"/services/data/v66.0/query/c%u-%zu\"", c, end);
	(void)buf_add_char(&b, '}');
	say_json(reply, buf_text(&b));
	buf_done(&b);
}

static void give_first(unsigned c, size_t page, struct exchange_reply *reply)
{
	size_t usual = w.page;

	w.page = page;
	give_page(c, 0, reply);
	w.page = usual;
}

static void give_csv(unsigned c, size_t from, struct exchange_reply *reply)
{
	struct buf b = BUF(1024u * 1024);
	size_t end = from + w.page < w.cursors[c].n ? from + w.page : w.cursors[c].n;
	char time[TEXT_TIME_SIZE];

	(void)buf_add_text(&b, "\"Id\",\"SystemModstamp\",\"IsDeleted\",\"Email\",\"LastName\"\n");
	for (size_t i = from; i < end; i++) {
		const struct people *p = person_of(w.cursors[c].at[i]);

		text_format_time(time, sizeof(time), p->stamp_s * USEC_PER_S);
		(void)buf_printf(&b, "\"%s\",\"%s\",\"%s\",\"%s\",\"%s\"\n", p->id, time,
			p->deleted ? "true" : "false", p->email, p->name);
	}
	say(reply, 200, "text/csv", buf_text(&b));
	buf_done(&b);
	if (end < w.cursors[c].n)
		(void)snprintf(reply->kept[1], sizeof(reply->kept[1]), "at%zu", end);
	else
		(void)snprintf(reply->kept[1], sizeof(reply->kept[1]), "null");
}

#define F(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\",\"length\":80}"

static void describe_source(struct exchange_reply *reply)
{
	struct buf b = BUF(1024u * 1024);

	(void)buf_add_text(&b,
		"{\"queryable\":true,\"fields\":[" F("Id", "id") "," F("Email", "email") "," F(
			"LastName", "string") "," F("Company", "string") "," F("Status",
			"string") "," F("IsDeleted", "boolean"));
	for (unsigned i = 0; w.long_fields && i < 400; i++)
		(void)buf_printf(&b, "," F("A_field_with_quite_a_long_name_%u__c", "string"), i);
	(void)buf_add_text(&b, "]}");
	say_json(reply, buf_text(&b));
	buf_done(&b);
}

static void give_job(struct exchange_reply *reply, unsigned c)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		"{\"id\":\"750%u\",\"state\":\"%s\",\"createdDate\":\"2023-11-14T22:00:00.000+0000\"}",
		c, w.job_polls > 0 ? "InProgress" : "JobComplete");
	if (w.job_polls > 0)
		w.job_polls--;
	say_json(reply, text);
}

static void source_jobs(
	const struct exchange_request *q, const char *url, struct exchange_reply *reply)
{
	const char *id = strstr(url, "/jobs/query/750"), *locator = strstr(url, "locator=at");
	unsigned c = id ? (unsigned)strtoul(id + strlen("/jobs/query/750"), NULL, 10) : 0;

	if (q->method == EXCHANGE_DELETE) {
		say(reply, 204, "", "");
	} else if (!id) {
		w.bulk_jobs++;
		give_job(reply, make_cursor(secret_expose(q->body), false));
	} else if (strstr(url, "/results")) {
		give_csv(c, locator ? strtoul(locator + strlen("locator=at"), NULL, 10) : 0, reply);
	} else {
		give_job(reply, c);
	}
}

static void source(const struct exchange_request *q, const char *url, struct exchange_reply *reply)
{
	const char *soql = strstr(url, "?q="), *cursor = strstr(url, "/query/c");
	char text[80];
	unsigned c;
	size_t from;

	if (strstr(url, "/jobs/query")) {
		source_jobs(q, url, reply);
	} else if (soql) {
		c = make_cursor(soql, strstr(url, "queryAll") != NULL);
		if (strstr(soql, "count()")) {
			(void)snprintf(text, sizeof(text), "{\"totalSize\":%zu}", w.cursors[c].n);
			say_json(reply, text);
		} else {
			give_first(c, strstr(soql, "Email IN") ? 30 : w.page, reply);
		}
	} else if (cursor) {
		REQUIRE(sscanf(cursor, "/query/c%u-%zu", &c, &from) == 2);
		give_page(c, from, reply);
	} else if (strstr(url, "/describe")) {
		describe_source(reply);
	} else if (strstr(url, "/limits")) {
		say_json(reply, "{\"DailyApiRequests\":{\"Max\":100000,\"Remaining\":99000}}");
	} else {
		say_json(reply, "[{\"version\":\"66.0\"}]");
	}
}

/* --- the target --- */

static const char *key_text(const struct person *p, const char *key)
{
	return text_equal(key, "email") ? p->email : p->sfid;
}

/* The person; NULL for none. *ret_n of them. */
static struct person *look_up(const char *key, const struct json *input, unsigned *ret_n)
{
	struct person *found = NULL;
	uint64_t id = 0;

	(void)json_u64(json_get(input, "id"), &id);
	*ret_n = 0;
	for (size_t i = 0; i < w.n_persons; i++) {
		struct person *p = &w.persons[i];

		if (p->deleted ||
			(text_equal(key, "id") ? p->id != id
					       : !text_equal_nocase(key_text(p, key),
							 json_get_text(input, key))))
			continue;
		found = p;
		(*ret_n)++;
	}
	return found;
}

static void write_text(char *to, size_t size, const struct json *input, const char *name)
{
	if (json_get_text(input, name))
		(void)snprintf(to, size, "%s", json_get_text(input, name));
}

static void write_person(struct person *p, const struct json *input)
{
	write_text(p->email, sizeof(p->email), input, "email");
	write_text(p->sfid, sizeof(p->sfid), input, "sfid");
	write_text(p->name, sizeof(p->name), input, "lastName");
	(void)json_bool(json_get(input, "gone"), &p->gone);
	p->writes++;
}

static void upsert_one(struct buf *b, const char *key, bool create, const struct json *input)
{
	unsigned n;
	struct person *p = look_up(key, input, &n);
	const char *status = "updated";

	if (w.bad && text_equal(json_get_text(input, "email"), w.bad)) {
		(void)buf_add_text(b,
			"{\"status\":\"skipped\",\"reasons\":[{\"code\":\"1003\","
			"\"message\":\"invalid\"}]}");
		return;
	}
	if (n > 1 || (n == 0 && !create) ||
		(w.forbidden_key && text_equal(json_get_text(input, "sfid"), w.forbidden_key) &&
			text_equal(key, "id"))) {
		(void)buf_printf(b,
			"{\"status\":\"skipped\",\"reasons\":[{\"code\":\"%s\",\"message\":\"m\"}]}",
			n > 1            ? "1007"
				: n == 0 ? "1004"
					 : "1003");
		return;
	}
	if (!p) {
		REQUIRE(w.n_persons < PERSONS_MAX);
		p = &w.persons[w.n_persons++];
		p->id = w.n_persons;
		status = "created";
	}
	write_person(p, input);
	(void)buf_printf(b, "{\"id\":%llu,\"status\":\"%s\"}", (unsigned long long)p->id, status);
}

static void write_leads(const char *body, struct exchange_reply *reply)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct buf b = BUF(1024u * 1024);
	const struct json *list;
	bool create, first = true;

	REQUIRE(json_parse(body, strlen(body), &j, NULL) == 0);
	if (w.poison && strstr(body, w.poison)) {
		say_json(reply,
			"{\"success\":false,\"errors\":[{\"code\":\"609\",\"message\":\"?\"}]}");
		return;
	}
	create = text_equal(json_get_text(j, "action"), "createOrUpdate");
	list = json_get(j, "input");
	CHECK(json_count(list) > 0);
	(void)buf_add_text(&b, "{\"success\":true,\"result\":[");
	for (const struct json *i = json_next(list, NULL); i; i = json_next(list, i)) {
		if (!first)
			(void)buf_add_char(&b, ',');
		first = false;
		upsert_one(&b, json_get_text(j, "lookupField"), create, i);
	}
	(void)buf_add_text(&b, "]}");
	say_json(reply, buf_text(&b));
	buf_done(&b);
}

static void delete_leads(const char *body, struct exchange_reply *reply)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct buf b = BUF(1024u * 1024);
	const struct json *list;
	unsigned n, at = 0;

	REQUIRE(json_parse(body, strlen(body), &j, NULL) == 0);
	list = json_get(j, "input");
	CHECK(json_count(list) > 0);
	(void)buf_add_text(&b, "{\"success\":true,\"result\":[");
	for (const struct json *i = json_next(list, NULL); i; i = json_next(list, i)) {
		struct person *p = look_up("id", i, &n);

		REQUIRE(p);
		p->deleted = true;
		(void)buf_printf(&b, "%s{\"id\":%llu,\"status\":\"deleted\"}", at++ > 0 ? "," : "",
			(unsigned long long)p->id);
	}
	(void)buf_add_text(&b, "]}");
	say_json(reply, buf_text(&b));
	buf_done(&b);
}

static bool is_value(const char *url, const char *value)
{
	const char *at = strstr(url, "filterValues=");
	size_t len = strlen(value);

	for (at = at ? at + strlen("filterValues=") : NULL; at && len > 0;) {
		if (strncasecmp(at, value, len) == 0 && strchr(",&", at[len]))
			return true;
		at += strcspn(at, ",&");
		at = *at == ',' ? at + 1 : NULL;
	}
	return false;
}

static void find_leads(const char *url, struct exchange_reply *reply)
{
	const char *key = strstr(url, "filterType=email") ? "email" : "sfid";
	struct buf b = BUF(1024u * 1024);
	unsigned n = 0;

	(void)buf_add_text(&b, "{\"success\":true,\"result\":[");
	for (size_t i = 0; i < w.n_persons; i++) {
		const struct person *p = &w.persons[i];

		if (!p->deleted && is_value(url, key_text(p, key)))
			(void)buf_printf(&b, "%s{\"id\":%llu,\"%s\":\"%s\"}", n++ > 0 ? "," : "",
				(unsigned long long)p->id, key, key_text(p, key));
	}
	(void)buf_add_text(&b, "]}");
	say_json(reply, buf_text(&b));
	buf_done(&b);
}

#define T(name, type) \
	"{\"name\":\"" name "\",\"dataType\":\"" type "\",\"length\":255,\"updateable\":true}"

static void target(const struct exchange_request *q, const char *url, struct exchange_reply *reply)
{
	if (strstr(url, "describe2"))
		say_json(reply,
			"{\"success\":true,\"result\":[{\"searchableFields\":[[\"email\"],[\"sfid\"]],"
			"\"fields\":[" T("email", "email") "," T("lastName", "string") "," T(
				"company", "string") "," T("sfid", "string") "," T("gone",
				"boolean") "]}]}");
	else if (strstr(url, "usage"))
		say_json(reply, "{\"success\":true,\"result\":[{\"total\":5}]}");
	else if (strstr(url, "delete.json"))
		delete_leads(secret_expose(q->body), reply);
	else if (q->method == EXCHANGE_POST)
		write_leads(secret_expose(q->body), reply);
	else
		find_leads(url, reply);
}

/* --- trouble --- */

static struct order *order(const char *what, int times, int status, const char *body)
{
	struct order *o = &w.orders[w.n_orders++];

	REQUIRE(w.n_orders <= ORDERS_MAX);
	*o = (struct order){what, times, status, body, 0};
	return o;
}

static bool obey_order(
	const struct exchange_request *q, const char *url, struct exchange_reply *reply)
{
	for (size_t i = 0; i < w.n_orders; i++) {
		struct order *o = &w.orders[i];

		if (o->times == 0 ||
			(!strstr(url, o->what) &&
				!(q->body && strstr(secret_expose(q->body), o->what))))
			continue;
		o->times -= o->times > 0;
		o->met++;
		say(reply, o->status, "application/json", o->body);
		return true;
	}
	return false;
}

#define SF(code)    "[{\"errorCode\":\"" code "\",\"message\":\"m\"}]"
#define MK(code)    "{\"success\":false,\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"
#define SOURCE_HOST "https://acme.my.salesforce.com"

static void ask(const struct exchange_request *q, struct exchange_reply *reply)
{
	static char url[64 * 1024];
	bool of_source = text_starts(q->url, SOURCE_HOST);

	decode(q->url, url, sizeof(url));
	w.requests++;
	if (w.refuse_tokens && q->authorization)
		say(reply, of_source ? 401 : 200, "application/json",
			of_source ? SF("INVALID_SESSION_ID") : MK("601"));
	else if (obey_order(q, url, reply))
		return;
	else if (of_source)
		source(q, url, reply);
	else
		target(q, url, reply);
}

/* --- the shell --- */

static uint32_t draw(uint32_t n)
{
	w.seed = w.seed * 1103515245 + 12345;
	return (w.seed >> 16) % n;
}

static void begin_sync(void)
{
	REQUIRE(sync_new(&w.settings, w.saved, 7, w.now, &w.sync) == 0);
}

static void crash(void)
{
	w.sync = sync_free(w.sync);
	begin_sync();
}

static void give_token(enum sync_side side, const struct sync_want *want)
{
	_cleanup_(secret_freep) struct secret *token = secret_new_text("t0ken");
	struct fault why;

	w.token_asks++;
	if (want->refused[side]) {
		REQUIRE(sync_refused_token(w.sync, side));
		w.invalidations++;
	}
	fault_set(&why, FAULT_MISCONFIGURED, "not approved yet");
	if (w.no_tokens)
		sync_token(w.sync, side, want->tokens[side], NULL, NULL, &why, w.now);
	else
		sync_token(w.sync, side, want->tokens[side], token, NULL, NULL, w.now);
}

static void store(uint32_t serial)
{
	struct json *j = sync_save(w.sync);

	w.stores++;
	if (j) {
		json_free(w.saved);
		w.saved = j;
	}
	sync_stored(w.sync, serial, j ? 0 : -ENOMEM, w.now);
}

static void answer(unsigned slot, uint32_t serial)
{
	struct exchange_request q = {.url = NULL};
	struct exchange_reply reply = {.outcome = EXCHANGE_NOT_SENT, .error = "no"};

	w.now.boot_usec += CALL_TAKES;
	w.now.wall_usec += CALL_TAKES;
	if (sync_request(w.sync, slot, &q) == 0) {
		mem_set_failure(NULL);
		ask(&q, &reply);
		mem_set_failure(w.fails);
	}
	exchange_request_done(&q);
	sync_reply(w.sync, slot, serial, &reply, w.now);
	exchange_reply_done(&reply);
}

/* One thing that is wanted. False where time has to pass. */
static bool act(const struct sync_want *want)
{
	unsigned flying = 0, chosen;

	for (enum sync_side side = 0; side < _SYNC_SIDE_MAX; side++)
		if (want->tokens[side] > 0) {
			give_token(side, want);
			return true;
		}
	for (unsigned i = 0; i < SYNC_SLOTS; i++)
		flying += want->requests[i] > 0;
	if (flying > w.in_flight_most)
		w.in_flight_most = flying;
	if (want->store > 0 && (flying == 0 || draw(2) == 0)) {
		store(want->store);
		return true;
	}
	chosen = flying > 0 ? draw(flying) : 0;
	for (unsigned i = 0; i < SYNC_SLOTS; i++)
		if (want->requests[i] > 0 && chosen-- == 0) {
			answer(i, want->requests[i]);
			return true;
		}
	return false;
}

/* Play until @usec have passed. */
static void play(uint64_t usec)
{
	uint64_t end = w.now.boot_usec + usec;

	while (w.now.boot_usec < end) {
		struct sync_want want = sync_want(w.sync);

		REQUIRE(++w.steps < STEPS_MAX);
		if (!act(&want)) {
			uint64_t until = want.deadline < end ? want.deadline : end;

			REQUIRE(until > w.now.boot_usec); /* else it would spin */
			w.now.wall_usec += until - w.now.boot_usec;
			w.now.boot_usec = until;
			sync_tick(w.sync, w.now);
		}
		if ((w.crash_every > 0 && draw(w.crash_every) == 0) || w.steps == w.crash_at)
			crash();
	}
}

static const char plain[] =
	"{\"name\":\"crm\",\"from\":\"sf\",\"to\":\"mk\",\"source_url\":\"" SOURCE_HOST "\","
	"\"target_url\":\"https://123-ABC-456.mktorest.com\",\"key\":\"email\",\"objects\":{\"lead\":"
	"{\"fields\":{\"IsDeleted\":\"gone\"},\"exclude\":[]},\"contact\":{\"fields\":"
	"{\"IsDeleted\":\"gone\"},\"exclude\":[]}},\"on_too_long\":\"skip\",\"deletes\":\"flag\","
	"\"start_auto\":true,\"native_sync_ignored\":false,"
	"\"every_usec\":300000000,\"rows_for_bulk\":50000,\"quota_source\":50,\"quota_target\":20}";

static void begin(const char *key)
{
	_cleanup_(json_freep) struct json *j = NULL;

	sync_free(w.sync);
	sync_settings_done(&w.settings);
	json_free(w.saved);
	memset(&w, 0, sizeof(w));
	w.now = (struct now){.boot_usec = USEC_PER_HOUR, .wall_usec = BEGIN};
	w.seed = 1;
	w.page = 20;
	REQUIRE(json_parse(plain, strlen(plain), &j, NULL) == 0);
	REQUIRE(sync_settings_read(j, &w.settings, NULL) == 0);
	mem_free(w.settings.key);
	w.settings.key = mem_strdup(key);
	REQUIRE(w.settings.key);
}

static void end(void)
{
	w.sync = sync_free(w.sync);
	sync_settings_done(&w.settings);
	w.saved = json_free(w.saved);
}

/* --- what came of it --- */

static struct person *find_person(const char *key, const char *value)
{
	struct person *found = NULL;

	for (size_t i = 0; i < w.n_persons; i++)
		if (!w.persons[i].deleted &&
			text_equal_nocase(key_text(&w.persons[i], key), value)) {
			if (found)
				TEST_FAIL("%s is there twice", value);
			found = &w.persons[i];
		}
	return found;
}

static bool is_gone(const char *email)
{
	const struct person *p = find_person("email", email);

	return p && p->gone;
}

static void check_name(const struct people *p, const char *want)
{
	const struct person *q = find_person("email", p->email);

	CHECK_TEXT(q ? q->name : NULL, want);
}

/* Everybody who lives at the source is at the target, once, as he is. */
static void check_all(void)
{
	bool email = text_equal(w.settings.key, "email");

	for (size_t i = 0; i < w.n_people; i++) {
		const struct people *p = &w.people[i];
		const struct person *q;

		if (p->deleted || p->converted)
			continue;
		q = find_person(w.settings.key, email ? p->email : p->id);
		if (!q || !text_equal(q->name, p->name) || !text_equal(q->email, p->email) ||
			q->gone)
			TEST_FAIL("%s is %s", p->email, q ? q->name : "not there");
		if (test_failed)
			return;
	}
}

static void check_stage(const char *want)
{
	_cleanup_(json_freep) struct json *j = sync_tell(w.sync, w.now);

	const char *stage = json_get_text(j, "stage"),
		   *why = json_get_text(json_get(j, "fault"), "detail");

	if (!text_equal(stage, want))
		TEST_FAIL("%s, not %s: %s", stage, want, why ? why : "");
}

static uint64_t count_of(const char *object, const char *what)
{
	_cleanup_(json_freep) struct json *j = sync_tell(w.sync, w.now);
	uint64_t n = UINT64_MAX;

	(void)json_u64(json_get(json_get(json_get(j, "objects"), object), what), &n);
	return n;
}

static const char *fault_of(void)
{
	static char detail[FAULT_DETAIL_MAX];
	_cleanup_(json_freep) struct json *j = sync_tell(w.sync, w.now);
	const char *text = json_get_text(json_get(j, "fault"), "detail");

	(void)snprintf(detail, sizeof(detail), "%s", text ? text : "");
	return detail;
}

/* --- the stories --- */

static void nothing_is_written_before_the_start(void)
{
	struct fault why = {.kind = FAULT_NONE};

	begin("email");
	w.settings.start_auto = false;
	add_many(SYNC_LEAD, 5);
	begin_sync();
	CHECK_INT(sync_command(w.sync, SYNC_START, w.now, &why), -EBUSY);
	play(USEC_PER_HOUR);
	check_stage("ready");
	CHECK_INT(w.n_persons, 0);
	CHECK_INT(sync_command(w.sync, SYNC_START, w.now, &why), 0);
	play(USEC_PER_MIN);
	check_stage("running");
	check_all();
	end();
}

static void all_pages_arrive_once(void)
{
	begin("email");
	add_many(SYNC_LEAD, 130);
	add_many(SYNC_CONTACT, 70);
	begin_sync();
	play(USEC_PER_HOUR);
	check_all();
	CHECK_INT(w.n_persons, 200);
	for (size_t i = 0; i < w.n_persons; i++)
		CHECK_INT(w.persons[i].writes, 1);
	CHECK_INT(count_of("lead", "new"), 130);
	CHECK_INT(count_of("contact", "new"), 70);
	CHECK(w.in_flight_most <= 6);
	CHECK(w.requests < 100); /* 12 cycles of two queries, 7 and 4 pages */
	end();
}

/* 20 changes, deletes of both kinds, merges. */
static void change_some(void)
{
	for (size_t i = 0; i < w.n_people; i += 5)
		rename_to(&w.people[i], "changed");
	for (size_t i = 3; i < w.n_people; i += 31) {
		w.people[i].deleted = true;
		if (i > 40)
			(void)snprintf(w.people[i].master, sizeof(w.people[i].master), "%s",
				w.people[i + 1].id);
		touch(&w.people[i]);
	}
}

static void changes_follow(void)
{
	begin("email");
	add_many(SYNC_LEAD, 60);
	add_many(SYNC_CONTACT, 60);
	begin_sync();
	play(10 * USEC_PER_MIN);
	change_some();
	play(10 * USEC_PER_MIN);
	check_all();
	CHECK_INT(w.n_persons, 120);
	for (size_t i = 3; i < w.n_people; i += 31)
		CHECK(is_gone(w.people[i].email));
	CHECK_INT(count_of("lead", "deleted") + count_of("contact", "deleted"), 4);
	end();
}

static void deletes_delete_whom_nobody_shares(void)
{
	begin("email");
	w.settings.deletes = SYNC_DELETES_DELETE;
	w.page = 250; /* so that one batch needs several look-ups of addresses */
	add_many(SYNC_LEAD, 250);
	for (unsigned i = 0; i < 250; i++)
		if (i < 110 || i % 2 == 0)
			add_people(i % 3 == 0 ? SYNC_CONTACT : SYNC_LEAD, w.people[i].email);
	begin_sync();
	play(10 * USEC_PER_MIN);
	for (unsigned i = 0; i < 250; i++) {
		w.people[i].deleted = true;
		touch(&w.people[i]);
	}
	play(10 * USEC_PER_MIN);
	for (unsigned i = 0; i < 250; i++)
		if (!find_person("email", w.people[i].email) != (i >= 110 && i % 2 == 1))
			TEST_FAIL("%s", w.people[i].email);
	CHECK_INT(count_of("lead", "deleted"), 70);
	end();
}

static void flags_spare_shared_addresses(void)
{
	begin("email");
	add_many(SYNC_LEAD, 30);
	add_people(SYNC_CONTACT, w.people[4].email);
	begin_sync();
	play(10 * USEC_PER_MIN);
	for (unsigned i = 3; i < 6; i++) {
		w.people[i].deleted = true;
		touch(&w.people[i]);
	}
	play(10 * USEC_PER_MIN);
	CHECK(is_gone(w.people[3].email));
	CHECK(!is_gone(w.people[4].email));
	CHECK(is_gone(w.people[5].email));
	end();
}

static struct people *convert(struct people *lead)
{
	struct people *contact = add_people(SYNC_CONTACT, lead->email);

	(void)snprintf(contact->name, sizeof(contact->name), "%s", lead->name);
	(void)snprintf(lead->contact, sizeof(lead->contact), "%s", contact->id);
	lead->converted = true;
	touch(lead);
	touch(contact);
	return contact;
}

static void converted_leads_stay_one_person(const char *key)
{
	begin(key);
	add_many(SYNC_LEAD, 50);
	begin_sync();
	play(10 * USEC_PER_MIN);
	for (unsigned i = 0; i < 50; i += 4)
		convert(&w.people[i]);
	play(10 * USEC_PER_MIN);
	check_all();
	CHECK_INT(w.n_persons, 50);
	end();
}

static void converted_leads_by_address(void)
{
	converted_leads_stay_one_person("email");
}

static void converted_leads_by_id(void)
{
	converted_leads_stay_one_person("sfid");
}

static void a_rekey_that_fails_makes_no_second_person(void)
{
	const struct people *contact;

	begin("sfid");
	add_many(SYNC_LEAD, 30);
	begin_sync();
	play(10 * USEC_PER_MIN);
	contact = convert(&w.people[9]);
	w.forbidden_key = contact->id;
	play(2 * USEC_PER_HOUR);
	rename_to(&w.people[11], "later"); /* so that the lead is not read again */
	play(10 * USEC_PER_MIN);
	CHECK_INT(w.n_persons, 30);
	CHECK(!find_person("sfid", contact->id));
	CHECK_INT(count_of("contact", "failed"), 1);
	crash();
	rename_to(&w.people[30], "again");
	play(10 * USEC_PER_MIN);
	CHECK_INT(w.n_persons, 30);
	w.forbidden_key = NULL;
	play(2 * USEC_PER_DAY);
	CHECK_INT(w.n_persons, 30);
	CHECK_INT(count_of("contact", "failed"), 0);
	check_all();
	end();
}

static void bulk_story(void)
{
	w.settings.rows_for_bulk = 50;
	w.job_polls = 3;
	add_many(SYNC_LEAD, 130);
	add_many(SYNC_CONTACT, 20);
	begin_sync();
}

static void large_loads_go_by_bulk(void)
{
	begin("email");
	bulk_story();
	play(USEC_PER_HOUR);
	check_all();
	CHECK_INT(w.bulk_jobs, 1);
	CHECK_INT(w.n_persons, 150);
	rename_to(&w.people[17], "later");
	play(10 * USEC_PER_MIN);
	check_all();
	end();
}

static void bulk_jobs_that_fail_are_begun_again(void)
{
	begin("email");
	order("/jobs/query/7500", 2, 200, "{\"id\":\"7500\",\"state\":\"Failed\"}");
	order("/results", 1, 404, SF("NOT_FOUND"));
	order("/results", 1, 400, SF("INVALID_QUERY_LOCATOR"));
	bulk_story();
	play(USEC_PER_HOUR);
	check_all();
	end();
}

/* Not all have the Bulk API, nor COUNT() of it all; pages do the same. */
static void refused_bulk_goes_by_pages(const char *what, const char *body)
{
	begin("email");
	order(what, -1, 404, body);
	bulk_story();
	play(USEC_PER_HOUR);
	check_all();
	check_stage("running");
	CHECK_INT(w.bulk_jobs, 0);
	CHECK_INT(w.n_persons, 150);
	end();
}

static void without_bulk_it_goes_by_pages(void)
{
	refused_bulk_goes_by_pages("/jobs/query", SF("NOT_FOUND"));
	refused_bulk_goes_by_pages("/jobs/query", SF("FUNCTIONALITY_NOT_ENABLED"));
	refused_bulk_goes_by_pages("count()", SF("MALFORMED_QUERY"));
}

/* Bulk is refused, and pages take too long: neither goes round in circles with the other. */
static void neither_bulk_nor_pages_is_told(void)
{
	begin("email");
	order("/jobs/query", -1, 403, SF("FUNCTIONALITY_NOT_ENABLED"));
	order("ORDER BY", -1, 400, SF("QUERY_TIMEOUT"));
	bulk_story();
	play(USEC_PER_HOUR);
	CHECK(w.requests < 200);
	CHECK(*fault_of());
	end();
}

static void bulk_that_never_works_is_no_hot_loop(void)
{
	unsigned before;

	begin("email");
	order("/results", -1, 400, SF("INVALID_QUERY_LOCATOR"));
	bulk_story();
	play(USEC_PER_HOUR);
	before = w.requests;
	play(10 * USEC_PER_HOUR);
	CHECK(w.requests - before < 10 * 100);
	CHECK(*fault_of());
	end();
}

/* --- crashes --- */

/* Everything of the above, the key being @key; what is left is checked. */
static void whole_story(const char *key, bool bulk, unsigned at, unsigned every)
{
	begin(key);
	w.crash_at = at;
	w.crash_every = every;
	w.seed = at + 1;
	if (bulk)
		bulk_story();
	else {
		add_many(SYNC_LEAD, 65);
		add_many(SYNC_CONTACT, 25);
		begin_sync();
	}
	play(20 * USEC_PER_MIN);
	change_some();
	for (unsigned i = 1; i < 50; i += 7)
		if (!w.people[i].deleted)
			convert(&w.people[i]);
	w.bad = w.people[8].email;
	rename_to(&w.people[8], "bad");
	play(20 * USEC_PER_MIN);
	w.bad = NULL;
	w.crash_every = 0;
	play(2 * USEC_PER_HOUR);
	check_all();
}

static void crash_at_each_step(const char *key, bool bulk)
{
	unsigned steps;

	whole_story(key, bulk, 0, 0);
	steps = w.steps;
	CHECK(w.requests < 250);
	end();
	for (unsigned at = 1; at < steps && !test_failed; at++) {
		whole_story(key, bulk, at, 0);
		CHECK(w.requests < 300);
		if (test_failed)
			printf("# crash at %u of %u\n", at, steps);
		end();
	}
}

static void crashes_lose_nothing(void)
{
	crash_at_each_step("email", false);
}

static void crashes_lose_nothing_by_id(void)
{
	crash_at_each_step("sfid", false);
}

static void crashes_lose_nothing_of_bulk(void)
{
	crash_at_each_step("email", true);
}

static void crashes_all_the_time_lose_nothing(void)
{
	for (unsigned seed = 1; seed < 30 && !test_failed; seed++) {
		whole_story("sfid", seed % 2 == 0, seed, 60);
		end();
	}
}

/* --- tokens --- */

static void a_refused_token_is_given_back_once(void)
{
	begin("email");
	add_many(SYNC_LEAD, 65);
	order("?q=SELECT Id", 1, 401, SF("INVALID_SESSION_ID"));
	order("createOrUpdate", 1, 200, MK("602"));
	begin_sync();
	play(10 * USEC_PER_MIN);
	check_all();
	CHECK_INT(w.invalidations, 2);
	CHECK_INT(w.token_asks, 4);
	check_stage("running");
	end();
}

static void two_refusals_are_a_fault(void)
{
	begin("email");
	add_many(SYNC_LEAD, 5);
	order("createOrUpdate", 2, 200, MK("601"));
	begin_sync();
	play(10 * USEC_PER_MIN);
	check_stage("waiting");
	CHECK(strstr(fault_of(), "601"));
	play(10 * USEC_PER_MIN);
	check_stage("running");
	CHECK_TEXT(fault_of(), "");
	check_all();
	end();
}

static void refused_for_ever_is_no_hot_loop(void)
{
	begin("email");
	w.refuse_tokens = true;
	begin_sync();
	play(10 * USEC_PER_HOUR);
	CHECK(w.requests < 10 * 20);
	CHECK(w.token_asks < 10 * 20);
	check_stage("waiting");
	for (unsigned i = 0; i < 100; i++) {
		struct fault why;

		(void)sync_command(w.sync, SYNC_WAKE, w.now, &why);
		play(USEC_PER_S);
	}
	CHECK(w.requests < 10 * 20 + 10);
	end();
}

static void without_tokens_it_waits(void)
{
	begin("email");
	w.no_tokens = true;
	begin_sync();
	play(USEC_PER_HOUR);
	check_stage("waiting");
	CHECK_TEXT(fault_of(), "not approved yet");
	CHECK_INT(w.requests, 0);
	CHECK(w.token_asks <= 2 * 121);
	w.no_tokens = false;
	play(USEC_PER_MIN);
	check_stage("running");
	CHECK_TEXT(fault_of(), "");
	end();
}

/* --- limits --- */

static void too_fast_is_slowed_down(void)
{
	begin("email");
	add_many(SYNC_LEAD, 100);
	order("createOrUpdate", 3, 200, MK("606"));
	begin_sync();
	play(20 * USEC_PER_S);
	CHECK(w.n_persons < 100);
	play(5 * USEC_PER_MIN);
	check_all();
	end();
}

static void quota_story(const char *what, int status, const char *body, uint64_t wait)
{
	unsigned before;

	begin("email");
	add_many(SYNC_LEAD, 100);
	order(what, 1, status, body);
	begin_sync();
	play(2 * USEC_PER_MIN);
	check_stage("paused");
	CHECK(*fault_of());
	crash();
	before = w.requests;
	play(wait - 3 * USEC_PER_MIN);
	check_stage("paused");
	CHECK(w.requests - before < 20);
	play(10 * USEC_PER_MIN);
	check_stage("running");
	CHECK_TEXT(fault_of(), "");
	check_all();
	end();
}

static void a_used_up_day_pauses(void)
{
	/* It is 22:13 UTC; the day of the target ends at 06:00. */
	quota_story("createOrUpdate", 200, MK("607"), 7 * USEC_PER_HOUR + 46 * USEC_PER_MIN);
	quota_story("?q=SELECT Id", 403, SF("REQUEST_LIMIT_EXCEEDED"), USEC_PER_HOUR);
}

static void our_share_of_a_day_is_kept(void)
{
	begin("email");
	w.settings.quota_source = 1; /* 1,000 calls */
	w.settings.every_usec = 10 * USEC_PER_S;
	add_many(SYNC_LEAD, 10);
	begin_sync();
	for (unsigned i = 0; i < 20; i++) {
		play(12 * USEC_PER_HOUR);
		if (i == 6)
			crash();
	}
	CHECK(w.requests > 9 * 1000);
	CHECK(w.requests < 10 * 1000 + 500);
	end();
}

static void trouble_for_hours_is_no_hot_loop(void)
{
	static const struct {
		const char *what;
		int status;
		const char *body;
	} cases[] = {
		{"createOrUpdate", 503, "<html>"},
		{"createOrUpdate", 200, ""},
		{"createOrUpdate", 200, MK("611")},
		{"createOrUpdate", 200, MK("606")},
		{"createOrUpdate", 200, MK("615")},
		{"createOrUpdate", 200, MK("603")},
		{"?q=SELECT Id", 503, "<html>"},
		{"?q=SELECT Id", 200, "{}"},
		{"?q=SELECT Id", 400, SF("INVALID_FIELD")},
		{"?q=SELECT Id", 400, SF("QUERY_TIMEOUT")},
		{"/query/c", 400, SF("INVALID_QUERY_LOCATOR")},
		{"/query/c", 400, SF("QUERY_TIMEOUT")},
		{"count()", 400, SF("OPERATION_TOO_LARGE")},
		{"/limits", 503, ""},
		{"describe", 500, ""},
		{"SELECT", 400, SF("QUERY_TIMEOUT")},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct order *o;

		begin("email");
		add_many(SYNC_LEAD, 100);
		for (unsigned k = 0; k < 100; k++)
			w.people[k].stamp_s = w.now.wall_usec / USEC_PER_S - 1000;
		o = order(cases[i].what, -1, cases[i].status, cases[i].body);
		begin_sync();
		play(10 * USEC_PER_HOUR);
		if (w.requests > 10 * 400)
			TEST_FAIL("%s %s: %u requests", cases[i].what, cases[i].body, w.requests);
		o->times = 0;
		play(30 * USEC_PER_MIN);
		check_all();
		check_stage("running");
		CHECK_TEXT(fault_of(), "");
		if (test_failed)
			printf("# %s %s\n", cases[i].what, cases[i].body);
		end();
	}
}

static void long_queries_are_split(void)
{
	begin("email");
	add_many(SYNC_LEAD, 100);
	begin_sync();
	play(10 * USEC_PER_MIN);
	for (unsigned i = 0; i < 100; i += 3)
		rename_to(&w.people[i], "more");
	order("queryAll", 3, 400, SF("QUERY_TIMEOUT"));
	order("/query/c", 1, 400, SF("QUERY_TIMEOUT"));
	play(20 * USEC_PER_MIN);
	check_all();
	end();
}

static void deleted_ones_are_seen_where_queries_are_slow(void)
{
	begin("email");
	add_many(SYNC_LEAD, 100);
	begin_sync();
	play(10 * USEC_PER_MIN);
	for (unsigned i = 0; i < 100; i++)
		rename_to(&w.people[i], "more");
	w.people[70].deleted = true;
	order("/query/c", 1, 400, SF("QUERY_TIMEOUT"));
	play(20 * USEC_PER_MIN);
	check_all();
	CHECK(is_gone(w.people[70].email));
	CHECK_INT(w.bulk_jobs, 0);
	end();
}

static void dead_locators_lose_nothing(void)
{
	begin("email");
	add_many(SYNC_LEAD, 100);
	order("/query/c", 3, 400, SF("INVALID_QUERY_LOCATOR"));
	begin_sync();
	play(10 * USEC_PER_MIN);
	check_all();
	CHECK_INT(w.n_persons, 100);
	end();
}

/* --- rows --- */

static void one_row_spoils_no_batch(void)
{
	begin("email");
	add_many(SYNC_LEAD, 100);
	w.poison = "l37@x.example";
	begin_sync();
	play(10 * USEC_PER_MIN);
	CHECK_INT(w.n_persons, 99);
	CHECK_INT(count_of("lead", "failed"), 1);
	w.poison = NULL;
	play(30 * USEC_PER_MIN);
	check_all();
	CHECK_INT(count_of("lead", "failed"), 0);
	end();
}

static void failed_rows_are_tried_again_on_time(void)
{
	begin("email");
	add_many(SYNC_LEAD, 40);
	w.bad = "l7@x.example";
	begin_sync();
	play(10 * USEC_PER_MIN);
	CHECK_INT(w.n_persons, 39);
	play(6 * USEC_PER_HOUR);
	CHECK(w.requests < 6 * 30 + 60);
	rename_to(&w.people[20], "others");
	play(10 * USEC_PER_MIN);
	check_name(&w.people[20], "others");
	w.bad = NULL;
	play(7 * USEC_PER_HOUR);
	check_all();
	CHECK_INT(count_of("lead", "failed"), 0);
	end();
}

/* --- commands --- */

static void stop_and_start_go_on(void)
{
	struct fault why;
	unsigned before;

	for (unsigned at = 1; at < 60 && !test_failed; at++) {
		begin("email");
		add_many(SYNC_LEAD, 100);
		begin_sync();
		play(at * CALL_TAKES);
		CHECK_INT(sync_command(w.sync, SYNC_STOP, w.now, &why), 0);
		play(USEC_PER_MIN);
		before = w.requests;
		(void)sync_command(w.sync, SYNC_CHECK, w.now, &why);
		play(USEC_PER_HOUR);
		check_stage("stopped");
		CHECK(w.requests - before <= 7);
		if (at % 2 == 0)
			crash();
		play(USEC_PER_MIN);
		check_stage("stopped");
		CHECK_INT(sync_command(w.sync, SYNC_START, w.now, &why), 0);
		play(USEC_PER_HOUR);
		check_all();
		CHECK_INT(w.n_persons, 100);
		end();
	}
}

static void what_is_forbidden_meanwhile_blocks(void)
{
	struct fault why;
	struct order *o, *p;
	unsigned before;

	begin("email");
	add_many(SYNC_LEAD, 100);
	begin_sync();
	play(10 * USEC_PER_MIN);
	o = order("SELECT Id", -1, 403, SF("INSUFFICIENT_ACCESS"));
	p = order("/sobjects/Lead", -1, 404, SF("NOT_FOUND"));
	rename_to(&w.people[5], "new");
	play(30 * USEC_PER_MIN);
	check_stage("blocked");
	before = w.requests;
	CHECK_INT(sync_command(w.sync, SYNC_START, w.now, &why), -EBUSY);
	CHECK(strstr(why.detail, "source_objects"));
	play(USEC_PER_HOUR);
	CHECK(w.requests - before < 6 * 6);
	o->times = p->times = 0;
	play(20 * USEC_PER_MIN);
	check_stage("running");
	CHECK_TEXT(fault_of(), "");
	check_all();
	end();
}

/* True, false or null, as text. */
static const char *check_of(const char *name)
{
	_cleanup_(json_freep) struct json *j = sync_tell(w.sync, w.now);
	const struct json *checks = json_get(j, "checks");
	bool ok;

	for (const struct json *i = json_next(checks, NULL); i; i = json_next(checks, i))
		if (text_equal(json_get_text(i, "name"), name))
			return !json_bool(json_get(i, "ok"), &ok) ? "null" : ok ? "true" : "false";
	return "no such check";
}

static void hidden_limits_are_no_obstacle(void)
{
	begin("email");
	order("/limits", -1, 403, SF("INSUFFICIENT_ACCESS"));
	add_many(SYNC_LEAD, 5);
	begin_sync();
	play(USEC_PER_HOUR);
	check_stage("running");
	check_all();
	CHECK_TEXT(check_of("api_enabled"), "true");
	CHECK_TEXT(check_of("quota"), "null");
	end();
}

static void an_api_that_is_off_is_told(void)
{
	begin("email");
	order("describe", -1, 403, SF("API_DISABLED_FOR_ORG"));
	order("/limits", -1, 404, SF("NOT_FOUND"));
	begin_sync();
	play(USEC_PER_HOUR);
	check_stage("blocked");
	CHECK_TEXT(check_of("api_enabled"), "false");
	end();
}

/* An instance may have the describe of before describe2 only, which tells nothing of a native sync;
 * the rights are no matter of which. */
static void the_older_describe_will_do(void)
{
	begin("email");
	order("describe2", -1, 200, MK("610"));
	order("leads/describe.json", -1, 200,
		"{\"success\":true,\"result\":["
		"{\"id\":1,\"dataType\":\"email\",\"length\":255,"
		"\"rest\":{\"name\":\"email\",\"readOnly\":false}},"
		"{\"id\":2,\"dataType\":\"string\",\"length\":255,"
		"\"rest\":{\"name\":\"lastName\",\"readOnly\":false}},"
		"{\"id\":3,\"dataType\":\"string\",\"length\":255,"
		"\"rest\":{\"name\":\"company\",\"readOnly\":false}},"
		"{\"id\":4,\"dataType\":\"boolean\","
		"\"rest\":{\"name\":\"gone\",\"readOnly\":false}},"
		"{\"id\":5,\"dataType\":\"string\",\"soap\":{\"name\":\"X\"}}]}");
	add_many(SYNC_LEAD, 5);
	begin_sync();
	play(USEC_PER_HOUR);
	check_stage("running");
	check_all();
	CHECK_TEXT(check_of("native_sync"), "null");
	end();
	begin("email");
	order("describe2", -1, 200, MK("603"));
	begin_sync();
	play(USEC_PER_HOUR);
	check_stage("blocked");
	CHECK_TEXT(check_of("target_access"), "false");
	end();
}

static void too_many_fields_are_told(void)
{
	struct sync_settings *s;

	begin("email");
	s = &w.settings;
	w.long_fields = true;
	for (unsigned i = 0; i < 400; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "A_field_with_quite_a_long_name_%u__c", i);
		REQUIRE(params_add(&s->fields[SYNC_LEAD], name, "lastName") == 0);
	}
	begin_sync();
	play(USEC_PER_HOUR);
	check_stage("blocked");
	CHECK(strstr(fault_of(), "exclude"));
	CHECK(w.requests < 60);
	end();
}

/* --- memory --- */

static size_t asked, fail_at;

static bool fails(size_t size)
{
	(void)size;
	return ++asked == fail_at;
}

/* The engine alone is short of memory, the players are not: see answer(). */
static void short_of_memory(unsigned n)
{
	begin("sfid");
	w.settings.rows_for_bulk = n % 2 == 0 ? 10 : 50000;
	w.settings.deletes = SYNC_DELETES_DELETE;
	add_many(SYNC_LEAD, 30);
	add_many(SYNC_CONTACT, 5);
	begin_sync();
	asked = 0;
	fail_at = n;
	for (unsigned i = 0; i < 200; i++) {
		struct sync_want want = sync_want(w.sync);

		w.fails = fails;
		mem_set_failure(fails);
		if (!act(&want)) {
			w.fails = NULL;
			mem_set_failure(NULL);
			play(USEC_PER_MIN);
		}
		w.fails = NULL;
		mem_set_failure(NULL);
	}
	play(20 * USEC_PER_MIN);
	convert(&w.people[3]);
	w.people[4].deleted = true;
	touch(&w.people[4]);
	play(USEC_PER_HOUR);
	check_all();
	CHECK(!find_person("sfid", w.people[4].id));
	end();
}

static void no_allocation_that_fails_loses_a_row(void)
{
	for (unsigned n = 1; n < 4900 && !test_failed; n += 5) { /* both ways of loading in turn */
		short_of_memory(n);
		if (test_failed)
			printf("# allocation %u\n", n);
	}
}

static const struct test tests[] = {
	{"nothing is written before the start", nothing_is_written_before_the_start},
	{"all pages of both objects arrive, each row once", all_pages_arrive_once},
	{"changes, deletes and merges follow in the next cycle", changes_follow},
	{"a deleted record is deleted but where somebody else has its address",
		deletes_delete_whom_nobody_shares},
	{"a deleted record is flagged but where somebody else has its address",
		flags_spare_shared_addresses},
	{"converted leads stay one person: key email", converted_leads_by_address},
	{"converted leads stay one person: key with the id", converted_leads_by_id},
	{"a new key that the target refuses makes no second person",
		a_rekey_that_fails_makes_no_second_person},
	{"large initial loads go by bulk query", large_loads_go_by_bulk},
	{"bulk jobs that fail or are gone are begun again", bulk_jobs_that_fail_are_begun_again},
	{"without the Bulk API, or COUNT(), it goes by pages", without_bulk_it_goes_by_pages},
	{"that neither bulk nor pages work is told", neither_bulk_nor_pages_is_told},
	{"a bulk query that never works is no hot loop", bulk_that_never_works_is_no_hot_loop},
	{"a crash at any step loses nothing: key email", crashes_lose_nothing},
	{"a crash at any step loses nothing: key with the id", crashes_lose_nothing_by_id},
	{"a crash at any step loses nothing: bulk", crashes_lose_nothing_of_bulk},
	{"crashes all the time lose nothing", crashes_all_the_time_lose_nothing},
	{"a refused token is given back once and the call made again",
		a_refused_token_is_given_back_once},
	{"two refused tokens in a row are a fault that ends by itself", two_refusals_are_a_fault},
	{"tokens refused for ever are no hot loop", refused_for_ever_is_no_hot_loop},
	{"without tokens it waits", without_tokens_it_waits},
	{"what is too fast is slowed down", too_fast_is_slowed_down},
	{"a used-up allowance pauses until its end, also over a crash", a_used_up_day_pauses},
	{"our share of the allowance is kept, day after day", our_share_of_a_day_is_kept},
	{"trouble for hours is no hot loop and leaves nothing behind",
		trouble_for_hours_is_no_hot_loop},
	{"queries that take too long are asked for less", long_queries_are_split},
	{"deleted records are seen where queries are slow",
		deleted_ones_are_seen_where_queries_are_slow},
	{"dead locators lose nothing", dead_locators_lose_nothing},
	{"one row spoils no batch", one_row_spoils_no_batch},
	{"failed rows are tried again on their schedule and hold back nobody",
		failed_rows_are_tried_again_on_time},
	{"stop and start anywhere lose nothing", stop_and_start_go_on},
	{"what is forbidden while it runs blocks until it is allowed",
		what_is_forbidden_meanwhile_blocks},
	{"limits that the user may not see are no obstacle", hidden_limits_are_no_obstacle},
	{"an API that is off is told, whatever says so", an_api_that_is_off_is_told},
	{"a target with the older describe only will do", the_older_describe_will_do},
	{"fields that make too long a query are told", too_many_fields_are_told},
	{"no allocation that fails loses a row", no_allocation_that_fails_loses_a_row},
};

TEST_MAIN(tests)
