/* SPDX-License-Identifier: BSD-2-Clause */

/* How many rows a second one core maps and batches: pages of generated records are parsed, turned
 * into rows, queued, and made into the bodies of calls. Not a test: the figures are for comparing
 * on one machine. An argument is the number of pages. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/batch.h"
#include "sync/convert.h"
#include "sync/map.h"

#define PAGE_ROWS 2000
#define PAGES     50
#define NEED(condition) \
	do { \
		if (!(condition)) { \
			(void)fprintf(stderr, "rows: %s\n", #condition); \
			exit(1); \
		} \
	} while (0)

/* The fields of a lead, with values like those of people. */
static const struct {
	const char *from, *to;
	enum field_type type;
	const char *value; /* JSON; %u is the number of the record */
} leads[] = {
	{"Email", "email", FIELD_STRING, "\"person%u@company.example\""},
	{"FirstName", "firstName", FIELD_STRING, "\"Given%u\""},
	{"LastName", "lastName", FIELD_STRING, "\"M\xc3\xbcller-%u\""},
	{"Company", "company", FIELD_STRING, "\"Company %u \\\"and\\\" Sons\""},
	{"Title", "title", FIELD_STRING, "\"Head of Operations\""},
	{"Phone", "phone", FIELD_STRING, "\"+49 30 %u\""},
	{"MobilePhone", "mobilePhone", FIELD_STRING, "null"},
	{"Fax", "fax", FIELD_STRING, "null"},
	{"Street", "address", FIELD_TEXT, "\"Long Street %u\\r\\nBack house\""},
	{"City", "city", FIELD_STRING, "\"Berlin\""},
	{"State", "state", FIELD_STRING, "\"BE\""},
	{"PostalCode", "postalCode", FIELD_STRING, "\"%u\""},
	{"Country", "country", FIELD_STRING, "\"Germany\""},
	{"Industry", "industry", FIELD_STRING, "\"Manufacturing\""},
	{"LeadSource", "leadSource", FIELD_STRING, "\"Web\""},
	{"Rating", "rating", FIELD_STRING, "\"Warm\""},
	{"Salutation", "salutation", FIELD_STRING, "\"Dr.\""},
	{"Status", "leadStatus", FIELD_STRING, "\"Open - Not Contacted\""},
	{"Website", "website", FIELD_STRING, "\"https://company.example/%u\""},
	{"Description", "mktoPersonNotes", FIELD_TEXT,
		"\"Met at the fair in hall %u; wants a call back about the second line of "
		"products, and the price list of the coming year.\""},
	{"AnnualRevenue", "annualRevenue", FIELD_FLOAT, "%u.5"},
	{"NumberOfEmployees", "numberOfEmployees", FIELD_INTEGER, "%u"},
	{"HasOptedOutOfEmail", "unsubscribed", FIELD_BOOLEAN, "false"},
	{"mkto71_Lead_Score__c", "leadScore", FIELD_INTEGER, "42"},
	{"CreatedDate", "sfdcCreated", FIELD_DATETIME, "\"2026-11-23T10:00:00.000+0000\""},
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	NEED(clock_gettime(clock, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_map_of_leads(struct sync_settings *settings, struct map *ret)
{
	struct fields source = {.n = 0}, account = {.n = 0}, target = {.n = 0};

	for (size_t i = 0; i < ELEMENTS(leads); i++) {
		NEED(fields_add(&source, leads[i].from, leads[i].type, 255, false) == 0);
		NEED(fields_add(&target, leads[i].to, leads[i].type, 255, true) == 0);
	}
	fields_sort(&source);
	fields_sort(&target);
	settings->key = mem_strdup("email");
	settings->objects[SYNC_LEAD] = settings->objects[SYNC_CONTACT] = true;
	NEED(params_add(&settings->fields[SYNC_LEAD], "CreatedDate", "sfdcCreated") == 0);
	NEED(map_make(SYNC_LEAD, settings, &source, &account, &target, ret) == 0);
	fields_done(&source);
	fields_done(&account);
	fields_done(&target);
}

/* One page as the source sends it. */
static void make_page(struct buf *to, unsigned page)
{
	NEED(buf_add_text(to, "{\"totalSize\":100000,\"done\":false,\"records\":[") == 0);
	for (unsigned i = 0; i < PAGE_ROWS; i++) {
		unsigned number = page * PAGE_ROWS + i;

		NEED(buf_printf(to,
			     "%s{\"attributes\":{\"type\":\"Lead\",\"url\":\"/services/data/v66.0/"
			     "sobjects/Lead/00Q%012uAAA\"},\"Id\":\"00Q%012uAAA\","
			     "\"SystemModstamp\":\"2026-11-23T10:%02u:%02u.000+0000\","
			     "\"IsDeleted\":false,\"MasterRecordId\":null,\"IsConverted\":false,"
			     "\"ConvertedContactId\":null",
			     i > 0 ? "," : "", number, number, i / 60 % 60, i % 60) == 0);
		for (size_t k = 0; k < ELEMENTS(leads); k++) {
			const char *value = leads[k].value, *hole = strstr(value, "%u");

			NEED(buf_printf(to, ",\"%s\":", leads[k].from) == 0);
			NEED(buf_add(to, value, hole ? (size_t)(hole - value) : strlen(value)) ==
				0);
			if (hole)
				NEED(buf_printf(to, "%u%s", number, hole + 2) == 0);
		}
		NEED(buf_add_char(to, '}') == 0);
	}
	NEED(buf_add_text(to, "]}") == 0);
}

static void queue_page(struct queue *q, const struct map *m, const struct sync_settings *settings,
	const struct json *page)
{
	const struct json *records = json_get(page, "records");

	for (const struct json *i = json_next(records, NULL); i; i = json_next(records, i)) {
		struct row *row = NULL;
		struct fault why;

		NEED(convert_record(m, settings, i, &row, &why) == 0);
		NEED(queue_add(q, row) == 0);
	}
}

/* Returns the bytes that would be sent. */
static size_t send_rows(struct queue *q, const struct secret *token)
{
	static struct marketo_result results[MARKETO_BATCH_MAX];
	struct now now = {.wall_usec = USEC_PER_DAY};
	size_t bytes = 0;
	struct batch *b;

	while ((b = queue_next(q, false))) {
		struct exchange_request request = {.url = NULL};

		NEED(marketo_request_upsert("https://h.example", token, "email", false,
			     (const struct row *const *)b->rows, b->n, &request) == 0);
		bytes += secret_len(request.body);
		exchange_request_done(&request);
		NEED(queue_done(q, b, results, now) == 0);
	}
	return bytes;
}

int main(int argc, char **argv)
{
	struct sync_settings settings = {.name = NULL};
	_cleanup_(secret_freep) struct secret *token = secret_new_text("token");
	_cleanup_(queue_freep) struct queue *q = NULL;
	struct map map = {.n = 0};
	uint64_t pages = PAGES;
	size_t read = 0, sent = 0;
	double at[4], spent[3] = {0}, total;

	NEED(argc < 2 || text_parse_u64(argv[1], &pages) == 0);
	NEED(token && queue_new("email", &q) == 0);
	make_map_of_leads(&settings, &map);
	for (unsigned i = 0; i < pages; i++) {
		_cleanup_(json_freep) struct json *page = NULL;
		_cleanup_(buf_done) struct buf text = BUF(64u * 1024 * 1024);

		make_page(&text, i);
		read += text.len;
		at[0] = seconds(CLOCK_PROCESS_CPUTIME_ID);
		NEED(json_parse(text.data, text.len, &page, NULL) == 0);
		at[1] = seconds(CLOCK_PROCESS_CPUTIME_ID);
		queue_page(q, &map, &settings, page);
		page = json_free(page);
		at[2] = seconds(CLOCK_PROCESS_CPUTIME_ID);
		sent += send_rows(q, token);
		at[3] = seconds(CLOCK_PROCESS_CPUTIME_ID);
		for (size_t k = 0; k < ELEMENTS(spent); k++)
			spent[k] += at[k + 1] - at[k];
	}
	total = spent[0] + spent[1] + spent[2];
	NEED(queue_counts(q, SYNC_LEAD)->created == pages * PAGE_ROWS);
	printf("%.0f rows, %zu bytes each read, %zu sent: %.0f rows/s\n",
		(double)(pages * PAGE_ROWS), read / (size_t)(pages * PAGE_ROWS),
		sent / (size_t)(pages * PAGE_ROWS), (double)(pages * PAGE_ROWS) / total);
	printf("of the time %.0f %% parse, %.0f %% convert and queue, %.0f %% batch\n",
		100 * spent[0] / total, 100 * spent[1] / total, 100 * spent[2] / total);
	map_done(&map);
	sync_settings_done(&settings);
	return 0;
}
