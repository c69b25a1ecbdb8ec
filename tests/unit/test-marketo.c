/* SPDX-License-Identifier: BSD-2-Clause */

/* What we ask Marketo, and what its replies mean. Rows are those of the failures that others have
 * seen: facts, section 5. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/marketo.h"
#include "test.h"

#define BASE "https://123-ABC-456.mktorest.com"
/* 2026-11-23T10:00:00Z: 20,780 days of 86,400 s, and ten hours. */
#define TEN_OCLOCK ((UINT64_C(20780) * 86400 + 36000) * USEC_PER_S)

static const struct now now = {.boot_usec = USEC_PER_DAY, .wall_usec = TEN_OCLOCK};

static struct exchange_request request;
static struct sync_verdict verdict;
static struct secret *token;

static struct exchange_reply reply_of(int status, const char *body)
{
	return (struct exchange_reply){
		.outcome = EXCHANGE_REPLIED,
		.status = status,
		.body = {.data = (char *)(uintptr_t)body, .len = strlen(body)},
		.content_type = "application/json",
	};
}

static void clear(void)
{
	exchange_request_done(&request);
	request = (struct exchange_request){.url = NULL};
	token = secret_free(token);
}

static void begin(void)
{
	clear();
	token = secret_new_text("t0ken:sj");
	REQUIRE(token);
}

static const char *body_text(void)
{
	return request.body ? secret_expose(request.body) : NULL;
}

static void check_sent(enum exchange_method method, const char *url, const char *body)
{
	CHECK_INT(request.method, method);
	CHECK_TEXT(request.url, url);
	CHECK_TEXT(body_text(), body);
	CHECK_TEXT(secret_expose(request.authorization), "Bearer t0ken:sj");
	CHECK(!strstr(request.url, "t0ken")); /* row 39 */
	CHECK(!request.once);
	exchange_request_done(&request);
	request = (struct exchange_request){.url = NULL};
}

/* --- the host --- */

static void check_base(const char *host, const char *want)
{
	char *base = NULL;

	CHECK_INT(marketo_base(host, &base), want ? 0 : -EINVAL);
	CHECK_TEXT(base, want);
	mem_free(base);
}

static void hosts_are_taken_as_they_are_pasted(void)
{
	check_base("123-ABC-456", BASE);
	check_base("https://123-ABC-456.mktorest.com/rest/", BASE);
	check_base("https://123-ABC-456.mktorest.com/rest", BASE);
	check_base("https://123-ABC-456.mktorest.com/identity/", BASE);
	check_base("https://123-ABC-456.mktorest.com//rest/v1", BASE);
	check_base("HTTPS://123-ABC-456.mktorest.com/", BASE);
	check_base("123-ABC-456.mktorest.com", BASE);
	check_base("https://123-ABC-456", BASE);
	check_base("https://localhost:8443", "https://localhost:8443");
	check_base("127.0.0.1:8443/rest", "https://127.0.0.1:8443");
}

static void what_is_no_host_is_refused(void)
{
	static const char *const bad[] = {"", "https://", "http://123-ABC-456.mktorest.com",
		"https://123-ABC-456.mktorest.com/other", "a b", "user@host", "host:", "host:1x",
		"-host", "host.", "host?x", "https:///rest", "123-ABC-456.mktorest.com/restx"};
	char long_name[300];

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		check_base(bad[i], NULL);
	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	check_base(long_name, NULL);
}

/* --- requests --- */

static void questions_are_asked_with_the_token_in_a_header(void)
{
	begin();
	REQUIRE(marketo_request_describe(BASE, token, false, &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/rest/v1/leads/describe2.json", NULL);
	REQUIRE(marketo_request_usage(BASE, token, &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/rest/v1/stats/usage.json", NULL);
	REQUIRE(marketo_request_import_state(BASE, token, 1022, &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/bulk/v1/leads/batch/1022.json", NULL);
	REQUIRE(marketo_request_import_failures(BASE, token, 1022, &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/bulk/v1/leads/batch/1022/failures.json", NULL);
	clear();
}

static void records_are_sent_in_order(void)
{
	char one[] = "{\"email\":\"a@x\"}", two[] = "{\"email\":\"b@x\"}";
	struct row first = {.json = one, .json_len = strlen(one)};
	struct row second = {.json = two, .json_len = strlen(two)};
	const struct row *rows[] = {&first, &second};

	begin();
	REQUIRE(marketo_request_upsert(BASE, token, "email", false, rows, 2, &request) == 0);
	CHECK_TEXT(request.content_type, "application/json");
	check_sent(EXCHANGE_POST, BASE "/rest/v1/leads.json",
		"{\"action\":\"createOrUpdate\",\"lookupField\":\"email\",\"input\":["
		"{\"email\":\"a@x\"},{\"email\":\"b@x\"}]}");
	REQUIRE(marketo_request_upsert(BASE, token, "sfId", true, rows, 1, &request) == 0);
	check_sent(EXCHANGE_POST, BASE "/rest/v1/leads.json",
		"{\"action\":\"updateOnly\",\"lookupField\":\"sfId\",\"input\":["
		"{\"email\":\"a@x\"}]}");
	clear();
}

static void persons_are_deleted_and_rekeyed_by_id(void)
{
	static const uint64_t ids[] = {50, 9007199254740991};
	static const char *const values[] = {"003D000000IqhSLIAZ", "a\"b"};

	begin();
	REQUIRE(marketo_request_delete(BASE, token, ids, 2, &request) == 0);
	check_sent(EXCHANGE_POST, BASE "/rest/v1/leads/delete.json",
		"{\"input\":[{\"id\":50},{\"id\":9007199254740991}]}");
	REQUIRE(marketo_request_rekey(BASE, token, "sfId", ids, values, 2, &request) == 0);
	check_sent(EXCHANGE_POST, BASE "/rest/v1/leads.json",
		"{\"action\":\"updateOnly\",\"lookupField\":\"id\",\"input\":["
		"{\"id\":50,\"sfId\":\"003D000000IqhSLIAZ\"},"
		"{\"id\":9007199254740991,\"sfId\":\"a\\\"b\"}]}");
	clear();
}

static void few_persons_are_found_by_an_address(void)
{
	static const char *const values[] = {"a+b@x.example", "c,d@x.example"};

	begin();
	REQUIRE(marketo_request_find(BASE, token, "email", values, 2, &request) == 0);
	check_sent(EXCHANGE_GET,
		BASE "/rest/v1/leads.json?filterType=email"
		     "&filterValues=a%2Bb%40x.example,c%2Cd%40x.example"
		     "&fields=id,email&batchSize=300",
		NULL);
	clear();
}

static void many_persons_are_found_by_a_form(void)
{
	const char *values[MARKETO_BATCH_MAX];

	begin();
	for (size_t i = 0; i < ELEMENTS(values); i++)
		values[i] = "somebody.with.a.name@company.example";
	REQUIRE(marketo_request_find(BASE, token, "email", values, ELEMENTS(values), &request) ==
		0);
	CHECK_TEXT(request.content_type, NULL);
	CHECK_INT(request.method, EXCHANGE_POST);
	CHECK_TEXT(request.url, BASE "/rest/v1/leads.json?_method=GET");
	CHECK(text_starts(body_text(),
		"filterType=email&filterValues=somebody.with.a.name%40company.example,somebody"));
	CHECK(strstr(body_text(), "example&fields=id,email&batchSize=300"));
	clear();
}

/* The border of the one and the other, to the byte. */
static void no_address_is_longer_than_8_kib(void)
{
	static char value[9000];
	const char *values[] = {value};
	const size_t around = strlen(BASE "/rest/v1/leads.json?filterType=email&filterValues="
					  "&fields=id,email&batchSize=300");

	begin();
	memset(value, 'a', 8192 - around);
	REQUIRE(marketo_request_find(BASE, token, "email", values, 1, &request) == 0);
	CHECK_INT(request.method, EXCHANGE_GET);
	CHECK_INT(strlen(request.url), 8192);
	exchange_request_done(&request);
	request = (struct exchange_request){.url = NULL};
	value[8192 - around] = 'a';
	REQUIRE(marketo_request_find(BASE, token, "email", values, 1, &request) == 0);
	CHECK_INT(request.method, EXCHANGE_POST);
	clear();
}

static void an_import_is_one_part_of_a_form(void)
{
	static const char csv[] = "email,lastName\na@x,B\n";
	const char *boundary;
	char want[512];

	begin();
	REQUIRE(marketo_request_import(BASE, token, "email", csv, strlen(csv), &request) == 0);
	REQUIRE(text_starts(request.content_type, "multipart/form-data; boundary="));
	boundary = strchr(request.content_type, '=') + 1;
	(void)snprintf(want, sizeof(want),
		"--%s\r\nContent-Disposition: form-data; name=\"file\"; "
		"filename=\"leads.csv\"\r\nContent-Type: text/csv\r\n\r\n%s\r\n--%s--\r\n",
		boundary, csv, boundary);
	check_sent(EXCHANGE_POST, BASE "/bulk/v1/leads.json?format=csv&lookupField=email", want);
	clear();
}

static void an_import_cannot_break_its_form(void)
{
	char csv[512] = "email\n";
	char first[80];

	begin();
	REQUIRE(marketo_request_import(BASE, token, "email", csv, strlen(csv), &request) == 0);
	(void)snprintf(first, sizeof(first), "%s", request.content_type);
	for (unsigned i = 0; i < 4; i++) {
		size_t len = strlen(csv);

		(void)snprintf(csv + len, sizeof(csv) - len, "--%s\n",
			strchr(request.content_type, '=') + 1);
		exchange_request_done(&request);
		request = (struct exchange_request){.url = NULL};
		if (i < 3) {
			REQUIRE(marketo_request_import(
					BASE, token, "email", csv, strlen(csv), &request) == 0);
			CHECK(strcmp(request.content_type, first) != 0);
			CHECK(!strstr(csv, strchr(request.content_type, '=') + 1));
		}
	}
	CHECK_INT(
		marketo_request_import(BASE, token, "email", csv, strlen(csv), &request), -EBADMSG);
	clear();
}

/* --- what a reply comes to --- */

static void read_usage(const struct exchange_reply *reply)
{
	uint64_t today = 7;

	verdict = (struct sync_verdict){.kind = SYNC_BUG};
	REQUIRE(marketo_read_usage(reply, now, &today, &verdict) == 0);
	CHECK((verdict.kind == SYNC_OK) == (today != 7));
	CHECK((verdict.kind == SYNC_OK) == (verdict.fault.kind == FAULT_NONE));
}

static void check_reply(int status, const char *body, enum sync_reply kind, enum fault_kind fault)
{
	struct exchange_reply reply = reply_of(status, body);

	read_usage(&reply);
	if (verdict.kind != kind || verdict.fault.kind != fault)
		TEST_FAIL("%s is kind %d, fault %d", body, (int)verdict.kind,
			(int)verdict.fault.kind);
}

static void check_code(const char *code, enum sync_reply kind, enum fault_kind fault)
{
	char body[200];

	(void)snprintf(body, sizeof(body),
		"{\"requestId\":\"a#1\",\"success\":false,"
		"\"errors\":[{\"code\":\"%s\",\"message\":\"it says why\"}]}",
		code);
	check_reply(200, body, kind, fault);
	CHECK_TEXT(verdict.code, code);
	CHECK(strstr(verdict.fault.detail, "it says why"));
	CHECK(strstr(verdict.fault.detail, code));
}

static void token_codes_ask_for_a_new_token(void)
{
	check_code("601", SYNC_TOKEN, FAULT_TRANSIENT);
	check_code("602", SYNC_TOKEN, FAULT_TRANSIENT);
	check_code("600", SYNC_TOKEN, FAULT_TRANSIENT);
}

static void limits_slow_down_or_stop_until_midnight(void)
{
	check_code("606", SYNC_SLOW_DOWN, FAULT_THROTTLED);
	CHECK_INT(verdict.wait_usec, 20 * USEC_PER_S);
	check_code("615", SYNC_SLOW_DOWN, FAULT_THROTTLED);
	CHECK_INT(verdict.wait_usec, 0);
	check_code("607", SYNC_QUOTA, FAULT_THROTTLED);
	CHECK_INT(verdict.wait_usec, 20 * USEC_PER_HOUR); /* from 10:00Z to 06:00Z */
}

static void trouble_is_tried_again(void)
{
	static const char *const codes[] = {"500", "502", "604", "608", "611", "614", "713", "719",
		"1014", "1016", "1019", "1022", "1029"};

	for (size_t i = 0; i < ELEMENTS(codes); i++)
		check_code(codes[i], SYNC_RETRY, FAULT_TRANSIENT);
}

static void settings_are_told_with_what_to_change(void)
{
	check_code("603", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "Read-Write Person"));
	check_code("610", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "check the host"));
	check_code("616", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	check_code("703", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "subscription"));
}

static void native_sync_is_named(void)
{
	check_code("1018", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail,
		"native CRM sync is on: company and opportunity writes are impossible"));
	check_code("1021", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "native CRM sync is on"));
}

static void wrong_requests_are_bugs(void)
{
	static const char *const codes[] = {"605", "609", "612", "613", "701", "702", "704", "709",
		"710", "711", "712", "714", "718", "9999"};

	for (size_t i = 0; i < ELEMENTS(codes); i++)
		check_code(codes[i], SYNC_BUG, FAULT_PROTOCOL);
}

static void a_code_may_be_a_number(void)
{
	check_reply(200, "{\"success\":false,\"errors\":[{\"code\":602}]}", SYNC_TOKEN,
		FAULT_TRANSIENT);
	CHECK_TEXT(verdict.code, "602");
}

static void a_refusal_without_a_reason_is_tried_again(void)
{
	check_reply(200, "{\"success\":false}", SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(200, "{\"success\":false,\"errors\":[]}", SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(200, "{\"success\":false,\"errors\":\"601\"}", SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(200, "{\"success\":false,\"errors\":[{\"code\":null}]}", SYNC_RETRY,
		FAULT_PROVIDER_DOWN);
	check_reply(200, "{\"success\":false,\"errors\":[7]}", SYNC_RETRY, FAULT_PROVIDER_DOWN);
}

static void what_is_no_envelope_goes_by_its_status(void)
{
	check_reply(200, "", SYNC_RETRY, FAULT_PROTOCOL);
	check_reply(200, "<html>Sorry</html>", SYNC_RETRY, FAULT_PROTOCOL);
	check_reply(200, "[]", SYNC_RETRY, FAULT_PROTOCOL);
	check_reply(200, "{\"success\":\"true\",\"result\":[]}", SYNC_RETRY, FAULT_PROTOCOL);
	check_reply(503, "<html>Sorry</html>", SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(500, "{\"success\":true,\"result\":[]}", SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(401, "{\"error\":\"unauthorized\"}", SYNC_TOKEN, FAULT_TRANSIENT);
	check_reply(404, "<html>no</html>", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	check_reply(413, "<html>too large</html>", SYNC_SPLIT, FAULT_TRANSIENT);
	check_reply(414, "", SYNC_SPLIT, FAULT_TRANSIENT);
	check_reply(429, "", SYNC_SLOW_DOWN, FAULT_THROTTLED);
	check_reply(502, "{\"success\":false,\"errors\":[{\"code\":\"607\"}]}", SYNC_QUOTA,
		FAULT_THROTTLED);
}

static void a_reply_that_did_not_come_is_tried_again(void)
{
	struct exchange_reply reply = {.outcome = EXCHANGE_NOT_SENT, .error = "connection refused"};

	read_usage(&reply);
	CHECK_INT(verdict.kind, SYNC_RETRY);
	CHECK_INT(verdict.fault.kind, FAULT_PROVIDER_DOWN);
	CHECK(strstr(verdict.fault.detail, "connection refused"));
	reply.outcome = EXCHANGE_LOST;
	read_usage(&reply);
	CHECK_INT(verdict.kind, SYNC_RETRY);
	CHECK_INT(verdict.fault.kind, FAULT_TRANSIENT);
}

static void the_day_ends_at_midnight_of_cst(void)
{
	const uint64_t day = UINT64_C(20780) * 86400 * USEC_PER_S, six = 6 * USEC_PER_HOUR;

	CHECK_INT(marketo_quota_reset(day), day + six);
	CHECK_INT(marketo_quota_reset(day + six - 1), day + six);
	CHECK_INT(marketo_quota_reset(day + six), day + six + USEC_PER_DAY);
	CHECK_INT(marketo_quota_reset(TEN_OCLOCK), day + six + USEC_PER_DAY);
	CHECK_INT(marketo_quota_reset(0), six);
}

/* --- readers --- */

static struct marketo_fields fields;

static enum sync_reply describe(const char *body)
{
	struct exchange_reply reply = reply_of(200, body);

	marketo_fields_done(&fields);
	fields = (struct marketo_fields){.native_sync = false};
	verdict = (struct sync_verdict){.kind = SYNC_BUG};
	CHECK_INT(marketo_read_describe(&reply, now, &fields, &verdict), 0);
	return verdict.kind;
}

static void check_field(const char *name, enum field_type type, size_t length, bool writable)
{
	const struct field *f = fields_find(&fields.fields, name);

	REQUIRE(f);
	CHECK_TEXT(f->name, name);
	CHECK_INT(f->type, type);
	CHECK_INT(f->length, length);
	CHECK_INT(f->writable, writable);
}

#define FIELD(name, type, more) \
	"{\"name\":\"" name "\",\"displayName\":\"x\",\"dataType\":\"" type "\"" more "}"
#define DESCRIBE2(fields) \
	"{\"success\":true,\"result\":[{\"name\":\"API Lead\",\"searchableFields\":[[\"email\"]," \
	"[\"id\",\"email\"],[],7,[\"sfId\"]],\"fields\":[" fields "]}]}"

static void fields_are_read_with_what_can_be_done_to_them(void)
{
	REQUIRE(describe(DESCRIBE2(FIELD("lastName", "string",
			",\"length\":255,\"updateable\":true,"
			"\"crmManaged\":false") "," FIELD("id", "integer",
			",\"updateable\":false") "," FIELD("email", "email",
			",\"length\":255,\"updateable\":true") "," FIELD("notes", "text",
			",\"updateable\":true") "," FIELD("phone", "phone", "") "," FIELD("site",
			"url", "") "," FIELD("gone", "boolean", "") "," FIELD("leadScore", "score",
			"") "," FIELD("share", "percent", "") "," FIELD("size", "float",
			"") "," FIELD("revenue", "currency", "") "," FIELD("born", "date",
			"") "," FIELD("made", "datetime", "") "," FIELD("odd", "formula", ""))) ==
		SYNC_OK);
	CHECK_INT(fields.fields.n, 14);
	check_field("lastName", FIELD_STRING, 255, true);
	check_field("id", FIELD_INTEGER, 0, false);
	check_field("email", FIELD_STRING, 255, true);
	check_field("notes", FIELD_TEXT, 0, true);
	check_field("phone", FIELD_STRING, 0, false);
	check_field("site", FIELD_STRING, 0, false);
	check_field("gone", FIELD_BOOLEAN, 0, false);
	check_field("leadScore", FIELD_INTEGER, 0, false);
	check_field("share", FIELD_INTEGER, 0, false);
	check_field("size", FIELD_FLOAT, 0, false);
	check_field("revenue", FIELD_FLOAT, 0, false);
	check_field("born", FIELD_DATE, 0, false);
	check_field("made", FIELD_DATETIME, 0, false);
	check_field("odd", FIELD_OTHER, 0, false);
	CHECK(!fields.native_sync);
	CHECK_INT(fields.lookups.n, 2);
	CHECK(names_have(&fields.lookups, "email") && names_have(&fields.lookups, "sfId"));
	marketo_fields_done(&fields);
}

static void a_field_of_the_vendors_own_sync_shows_it(void)
{
	REQUIRE(describe(DESCRIBE2(FIELD("a", "string", "") "," FIELD("b", "string",
			",\"crmManaged\":true") "," FIELD("c", "string", ""))) == SYNC_OK);
	CHECK(fields.native_sync);
	marketo_fields_done(&fields);
}

static void entries_without_what_is_needed_are_skipped(void)
{
	REQUIRE(describe(DESCRIBE2("{\"dataType\":\"string\"},{\"name\":\"a\"},7,null," FIELD(
			"b", "string", ""))) == SYNC_OK);
	CHECK_INT(fields.fields.n, 1);
	marketo_fields_done(&fields);
}

static void the_older_describe_is_read_without_what_rest_cannot_reach(void)
{
	REQUIRE(describe("{\"success\":true,\"result\":["
			 "{\"id\":1,\"displayName\":\"A\",\"dataType\":\"string\",\"length\":50,"
			 "\"rest\":{\"name\":\"a\",\"readOnly\":false},\"soap\":{\"name\":\"A\"}},"
			 "{\"id\":2,\"displayName\":\"B\",\"dataType\":\"string\","
			 "\"soap\":{\"name\":\"B\",\"readOnly\":false}},"
			 "{\"id\":3,\"displayName\":\"C\",\"dataType\":\"string\","
			 "\"rest\":{\"name\":\"c\",\"readOnly\":true}}]}") == SYNC_OK);
	CHECK_INT(fields.fields.n, 2);
	check_field("a", FIELD_STRING, 50, true);
	check_field("c", FIELD_STRING, 0, false);
	marketo_fields_done(&fields);
}

static void a_describe_without_fields_is_tried_again(void)
{
	CHECK_INT(describe("{\"success\":true}"), SYNC_RETRY);
	CHECK_INT(describe("{\"success\":true,\"result\":[{\"fields\":[]}]}"), SYNC_RETRY);
	CHECK_INT(describe("{\"success\":true,\"result\":{\"fields\":1}}"), SYNC_RETRY);
	CHECK_INT(verdict.fault.kind, FAULT_PROTOCOL);
}

static void calls_of_today_are_read(void)
{
	struct exchange_reply reply = reply_of(200,
		"{\"success\":true,\"result\":[{\"date\":\"2026-11-23\",\"total\":1234,\"users\":[]}]}");
	uint64_t today = 7;

	CHECK_INT(marketo_read_usage(&reply, now, &today, &verdict), 0);
	CHECK_INT(verdict.kind, SYNC_OK);
	CHECK_INT(today, 1234);
	reply = reply_of(200, "{\"success\":true,\"result\":[]}");
	CHECK_INT(marketo_read_usage(&reply, now, &today, &verdict), 0);
	CHECK_INT(today, 0);
	today = 7;
	reply = reply_of(200, "{\"success\":true,\"result\":[{\"total\":\"many\"}]}");
	CHECK_INT(marketo_read_usage(&reply, now, &today, &verdict), 0);
	CHECK_INT(verdict.kind, SYNC_RETRY);
	CHECK_INT(today, 7);
}

static void results_are_told_in_order(void)
{
	struct marketo_result results[6];
	struct exchange_reply reply = reply_of(200,
		"{\"success\":true,\"result\":["
		"{\"id\":50,\"status\":\"created\"},{\"id\":51,\"status\":\"updated\"},"
		"{\"id\":52,\"status\":\"deleted\"},"
		"{\"status\":\"skipped\",\"reasons\":[{\"code\":\"1007\",\"message\":\"Multiple lead "
		"match\\u0007\"},{\"code\":\"1006\",\"message\":\"x\"}]},"
		"{\"status\":\"skipped\",\"reasons\":[{\"code\":1022,\"message\":\"in use\"}]},"
		"{\"status\":\"dreamt\"}]}");

	REQUIRE(marketo_read_results(&reply, now, results, 6, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_OK);
	CHECK_INT(results[0].status, MARKETO_CREATED);
	CHECK_INT(results[0].id, 50);
	CHECK_TEXT(results[0].code, "");
	CHECK_INT(results[1].status, MARKETO_UPDATED);
	CHECK_INT(results[2].status, MARKETO_DELETED);
	CHECK_INT(results[3].status, MARKETO_SKIPPED);
	CHECK_TEXT(results[3].code, "1007");
	CHECK_TEXT(results[3].reason, "Multiple lead match?");
	CHECK(!results[3].later);
	CHECK_INT(results[4].status, MARKETO_SKIPPED);
	CHECK_TEXT(results[4].code, "1022");
	CHECK(results[4].later);
	CHECK_INT(results[5].status, MARKETO_SKIPPED);
	CHECK_TEXT(results[5].reason, "a status that is not known");
}

static void what_may_work_later_is_told_from_what_may_not(void)
{
	static const struct {
		const char *code;
		bool later;
	} codes[] = {{"1003", false}, {"1004", false}, {"1006", false}, {"1018", false},
		{"1036", false}, {"1014", true}, {"1016", true}, {"1019", true}, {"1029", true},
		{"713", true}};

	for (size_t i = 0; i < ELEMENTS(codes); i++) {
		struct marketo_result result;
		struct exchange_reply reply;
		char body[200];

		(void)snprintf(body, sizeof(body),
			"{\"success\":true,\"result\":[{\"status\":\"skipped\","
			"\"reasons\":[{\"code\":\"%s\"}]}]}",
			codes[i].code);
		reply = reply_of(200, body);
		REQUIRE(marketo_read_results(&reply, now, &result, 1, &verdict) == 0);
		CHECK_TEXT(result.code, codes[i].code);
		CHECK_TEXT(result.reason, "no reason was given");
		CHECK_INT(result.later, codes[i].later);
	}
}

static void another_number_of_results_is_a_bug(void)
{
	struct marketo_result results[2] = {{.id = 7}};
	struct exchange_reply reply =
		reply_of(200, "{\"success\":true,\"result\":[{\"id\":1,\"status\":\"created\"}]}");

	REQUIRE(marketo_read_results(&reply, now, results, 2, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_BUG);
	CHECK(strstr(verdict.fault.detail, "1 records where 2"));
	CHECK_INT(results[0].id, 7);
	REQUIRE(marketo_read_results(&reply, now, results, 0, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_BUG);
	reply = reply_of(200, "{\"success\":true}");
	REQUIRE(marketo_read_results(&reply, now, results, 1, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_BUG);
}

static uint64_t ids[3];

static enum sync_reply found(const char *body, size_t n)
{
	static const char *const values[] = {"a@x", "b@x", "c@x"};
	struct exchange_reply reply = reply_of(200, body);

	ids[0] = ids[1] = ids[2] = 7;
	REQUIRE(marketo_read_found(&reply, now, "email", values, n, ids, &verdict) == 0);
	return verdict.kind;
}

static void persons_are_found_by_their_key(void)
{
	CHECK_INT(found("{\"success\":true,\"result\":[{\"id\":52,\"email\":\"C@X\"},"
			"{\"id\":50,\"email\":\"a@x\"},{\"id\":9,\"email\":null},"
			"{\"id\":10,\"email\":\"else@x\"},{\"email\":\"b@x\"}]}",
			  3),
		SYNC_OK);
	CHECK_INT(ids[0], 50);
	CHECK_INT(ids[1], 0);
	CHECK_INT(ids[2], 52);
}

static void of_several_persons_with_one_key_none_is_chosen(void)
{
	CHECK_INT(found("{\"success\":true,\"result\":[{\"id\":50,\"email\":\"a@x\"},"
			"{\"id\":51,\"email\":\"a@x\"},{\"id\":52,\"email\":\"a@x\"},"
			"{\"id\":53,\"email\":\"b@x\"},{\"id\":53,\"email\":\"b@x\"}]}",
			  3),
		SYNC_OK);
	CHECK_INT(ids[0], 0);
	CHECK_INT(ids[1], 53);
	CHECK_INT(ids[2], 0);
}

static void more_persons_than_a_page_are_asked_for_by_halves(void)
{
	static const char paged[] = "{\"success\":true,\"result\":[{\"id\":50,\"email\":\"a@x\"}],"
				    "\"nextPageToken\":\"MORE\"}";
	static const char many[] = "{\"success\":false,\"errors\":[{\"code\":\"1003\"}]}";

	CHECK_INT(found(paged, 3), SYNC_SPLIT);
	CHECK_INT(ids[0], 7);
	CHECK_INT(found(many, 2), SYNC_SPLIT);
	CHECK_INT(found(paged, 1), SYNC_OK);
	CHECK_INT(ids[0], 0);
	CHECK_INT(found(many, 1), SYNC_OK);
	CHECK_INT(ids[0], 0);
	CHECK_INT(found("{\"success\":true,\"result\":[{\"id\":50,\"email\":\"a@x\"}],"
			"\"nextPageToken\":\"\"}",
			  3),
		SYNC_OK);
	CHECK_INT(ids[0], 50);
	CHECK_INT(found("{\"success\":true}", 1), SYNC_RETRY);
}

static void the_state_of_an_import_is_read(void)
{
	static const struct {
		const char *word;
		enum marketo_import state;
	} words[] = {{"Queued", MARKETO_IMPORT_RUNNING}, {"Importing", MARKETO_IMPORT_RUNNING},
		{"Failed", MARKETO_IMPORT_FAILED}};
	struct marketo_import_state state = {.batch = 7};
	struct exchange_reply reply;
	char body[200];

	for (size_t i = 0; i < ELEMENTS(words); i++) {
		(void)snprintf(body, sizeof(body),
			"{\"success\":true,\"result\":[{\"batchId\":1022,\"status\":\"%s\"}]}",
			words[i].word);
		reply = reply_of(200, body);
		REQUIRE(marketo_read_import(&reply, now, &state, &verdict) == 0);
		CHECK_INT(verdict.kind, SYNC_OK);
		CHECK_INT(state.state, words[i].state);
		CHECK_INT(state.batch, 1022);
	}
	reply = reply_of(200,
		"{\"success\":true,\"result\":[{\"batchId\":1022,\"status\":\"Complete\","
		"\"numOfLeadsProcessed\":123,\"numOfRowsFailed\":4,\"numOfRowsWithWarning\":5}]}");
	REQUIRE(marketo_read_import(&reply, now, &state, &verdict) == 0);
	CHECK_INT(state.state, MARKETO_IMPORT_DONE);
	CHECK_INT(state.processed, 123);
	CHECK_INT(state.failed, 4);
	CHECK_INT(state.warned, 5);
	reply = reply_of(200, "{\"success\":true,\"result\":[{\"batchId\":1,\"status\":\"?\"}]}");
	REQUIRE(marketo_read_import(&reply, now, &state, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_RETRY);
	CHECK_INT(state.batch, 1022);
}

static enum sync_reply open_failures(const char *body, struct marketo_failures *ret)
{
	struct exchange_reply reply = reply_of(200, body);

	REQUIRE(marketo_read_import_failures(&reply, now, "email", ret, &verdict) == 0);
	return verdict.kind;
}

static void the_failures_of_an_import_are_read(void)
{
	static struct marketo_failures f;
	const char *key = NULL, *reason = NULL;

	REQUIRE(open_failures("lastName,email,Import Failure Reason\n"
			      "B,a@x,\"Value is wrong\nfor 'age'\"\nshort\nC,c@x,no\n",
			&f) == SYNC_OK);
	CHECK_INT(marketo_failures_next(&f, &key, &reason), 1);
	CHECK_TEXT(key, "a@x");
	CHECK_TEXT(reason, "Value is wrong\nfor 'age'");
	CHECK_INT(marketo_failures_next(&f, &key, &reason), 1);
	CHECK_TEXT(key, "c@x");
	CHECK_INT(marketo_failures_next(&f, &key, &reason), 0);
	marketo_failures_done(&f);
	REQUIRE(open_failures("", &f) == SYNC_OK);
	CHECK_INT(marketo_failures_next(&f, &key, &reason), 0);
	marketo_failures_done(&f);
}

static void failures_that_are_none_are_told(void)
{
	static struct marketo_failures f;

	CHECK_INT(open_failures("{\"success\":false,\"errors\":[{\"code\":\"601\"}]}", &f),
		SYNC_TOKEN);
	CHECK_INT(open_failures("{\"success\":true}", &f), SYNC_RETRY);
	CHECK_INT(open_failures("a,b\n1,2\n", &f), SYNC_RETRY);
	CHECK_INT(open_failures("email,Import Failure Reason\"\n", &f), SYNC_RETRY);
}

/* --- short of memory --- */

static unsigned allowed;

static bool refuse_after_allowed(size_t size)
{
	(void)size;
	return allowed == 0 || allowed-- == 0;
}

static int live;

static bool count_live(size_t size)
{
	bool fails = refuse_after_allowed(size);

	live += !fails;
	return fails;
}

static void count_dead(const void *p, size_t size)
{
	(void)p;
	(void)size;
	live--;
}

static int build_all(void)
{
	static const char *const values[] = {"a@x", "b@x"};
	static const uint64_t some[] = {1, 2};
	struct row row = {.json = (char *)(uintptr_t) "{}", .json_len = 2};
	const struct row *rows[] = {&row};
	struct exchange_request r[8] = {{.url = NULL}};
	char *base = NULL;
	int k = marketo_base("123-ABC-456", &base);

	if (k == 0)
		k = marketo_request_describe(BASE, token, false, &r[0]);
	if (k == 0)
		k = marketo_request_upsert(BASE, token, "email", false, rows, 1, &r[1]);
	if (k == 0)
		k = marketo_request_find(BASE, token, "email", values, 2, &r[2]);
	if (k == 0)
		k = marketo_request_delete(BASE, token, some, 2, &r[3]);
	if (k == 0)
		k = marketo_request_rekey(BASE, token, "sfId", some, values, 2, &r[4]);
	if (k == 0)
		k = marketo_request_import(BASE, token, "email", "email\n", 6, &r[5]);
	if (k == 0)
		k = marketo_request_import_failures(BASE, token, 1, &r[6]);
	for (size_t i = 0; i < ELEMENTS(r); i++)
		exchange_request_done(&r[i]);
	mem_free(base);
	return k;
}

static int find_many(void)
{
	static const char *values[MARKETO_BATCH_MAX];
	struct exchange_request r = {.url = NULL};
	int k;

	for (size_t i = 0; i < ELEMENTS(values); i++)
		values[i] = "somebody.with.a.name@company.example";
	k = marketo_request_find(BASE, token, "email", values, ELEMENTS(values), &r);
	exchange_request_done(&r);
	return k;
}

static int read_all(void)
{
	struct exchange_reply reply = reply_of(200,
				      DESCRIBE2(
					      FIELD("a", "string", "") "," FIELD("b", "text", ""))),
			      none = reply_of(200, "{\"success\":false}"),
			      csv = reply_of(200, "email,Import Failure Reason\na@x,no\n");
	static struct marketo_failures failures;
	struct marketo_fields f = {.native_sync = false};
	struct marketo_result result;
	const char *key, *reason;
	int k = marketo_read_describe(&reply, now, &f, &verdict);

	CHECK(k < 0 ? f.fields.n == 0 : f.fields.n == 2);
	marketo_fields_done(&f);
	if (k == 0)
		k = marketo_read_results(&none, now, &result, 1, &verdict);
	if (k < 0)
		return k;
	k = marketo_read_import_failures(&csv, now, "email", &failures, &verdict);
	if (k < 0)
		return k;
	k = marketo_failures_next(&failures, &key, &reason);
	marketo_failures_done(&failures);
	return k < 0 ? k : 0;
}

static void fail_each(int (*run)(void))
{
	int r = -ENOMEM;

	for (unsigned n = 0; r == -ENOMEM && n < 2000; n++) {
		allowed = n;
		live = 0;
		mem_set_failure(count_live);
		mem_set_witness(count_dead);
		r = run();
		mem_set_failure(NULL);
		mem_set_witness(NULL);
		CHECK_INT(live, 0);
	}
	CHECK_INT(r, 0);
}

static void each_allocation_may_fail(void)
{
	begin();
	fail_each(build_all);
	fail_each(find_many);
	fail_each(read_all);
	clear();
}

static const struct test tests[] = {
	{"the host is taken as it is pasted (row 49)", hosts_are_taken_as_they_are_pasted},
	{"what is no host of an API is refused", what_is_no_host_is_refused},
	{"the token is in a header, never in an address (row 39)",
		questions_are_asked_with_the_token_in_a_header},
	{"records are sent in order, to create or only to update", records_are_sent_in_order},
	{"persons are deleted and given another key by their id",
		persons_are_deleted_and_rekeyed_by_id},
	{"few persons are found by an address, what is special in it encoded",
		few_persons_are_found_by_an_address},
	{"many persons are found by a form that stands for a GET (row 43)",
		many_persons_are_found_by_a_form},
	{"no address is longer than 8 KiB (row 43)", no_address_is_longer_than_8_kib},
	{"an import is the one part of a form", an_import_is_one_part_of_a_form},
	{"what stands in an import can't break its form", an_import_cannot_break_its_form},
	{"601 and 602 with status 200 ask for a new token (row 36)",
		token_codes_ask_for_a_new_token},
	{"606 waits 20 s, 615 wants less at once, 607 waits for midnight (row 40)",
		limits_slow_down_or_stop_until_midnight},
	{"trouble of theirs is tried again", trouble_is_tried_again},
	{"rights, address and edition are told with what to change",
		settings_are_told_with_what_to_change},
	{"1018 and 1021 say that native CRM sync is on (row 46)", native_sync_is_named},
	{"a request that was wrong is a bug", wrong_requests_are_bugs},
	{"a code may be a number (row 42)", a_code_may_be_a_number},
	{"a refusal without a reason is tried again (row 42)",
		a_refusal_without_a_reason_is_tried_again},
	{"an empty body, HTML and the like go by their status (row 42)",
		what_is_no_envelope_goes_by_its_status},
	{"a reply that did not come is tried again", a_reply_that_did_not_come_is_tried_again},
	{"the day of the quota ends at midnight of CST (row 40)", the_day_ends_at_midnight_of_cst},
	{"fields are read with their type, length and whether they can be written",
		fields_are_read_with_what_can_be_done_to_them},
	{"a field that the vendor's own sync manages shows that it is on",
		a_field_of_the_vendors_own_sync_shows_it},
	{"a field without name or type is skipped", entries_without_what_is_needed_are_skipped},
	{"an entry of the older describe without `rest` is skipped (row 44)",
		the_older_describe_is_read_without_what_rest_cannot_reach},
	{"a describe without fields is tried again", a_describe_without_fields_is_tried_again},
	{"the calls of today are read", calls_of_today_are_read},
	{"results are told in the order of the input (row 41)", results_are_told_in_order},
	{"what may work later is told from what may not",
		what_may_work_later_is_told_from_what_may_not},
	{"another number of results than of records is a bug", another_number_of_results_is_a_bug},
	{"persons are found by their key, whatever its case", persons_are_found_by_their_key},
	{"of several persons with one key none is chosen",
		of_several_persons_with_one_key_none_is_chosen},
	{"more persons than a page are asked for by halves",
		more_persons_than_a_page_are_asked_for_by_halves},
	{"the state of an import is read", the_state_of_an_import_is_read},
	{"the failures of an import are read", the_failures_of_an_import_are_read},
	{"failures that are none are told", failures_that_are_none_are_told},
	{"each allocation may fail", each_allocation_may_fail},
};

TEST_MAIN(tests)
