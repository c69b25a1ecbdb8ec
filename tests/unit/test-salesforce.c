/* SPDX-License-Identifier: BSD-2-Clause */

/* What we ask Salesforce, and what its replies mean. Rows are those of the failures that others
 * have seen: facts, section 5. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/rest.h"
#include "sync/salesforce.h"
#include "test.h"

#define BASE "https://acme.my.salesforce.com"
/* 2026-11-23T00:00:00Z: 20,780 days. */
#define DAY (UINT64_C(20780) * 86400 * USEC_PER_S)

static const struct salesforce sf = {.base = (char *)(uintptr_t)BASE, .version = 66};
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
	token = secret_new_text("00D!t0ken");
	REQUIRE(token);
}

static void check_sent(enum exchange_method method, const char *url, const char *body)
{
	CHECK_INT(request.method, method);
	CHECK_TEXT(request.url, url);
	CHECK_TEXT(request.body ? secret_expose(request.body) : NULL, body);
	CHECK_TEXT(request.authorization ? secret_expose(request.authorization) : NULL,
		"Bearer 00D!t0ken");
	CHECK(!strstr(request.url, "t0ken"));
	REQUIRE(request.kept);
	CHECK_TEXT(request.kept[0], "Sforce-Limit-Info");
	CHECK_TEXT(request.kept[1], "Sforce-Locator");
	exchange_request_done(&request);
	request = (struct exchange_request){.url = NULL};
}

static void select_fields(struct names *select)
{
	REQUIRE(names_split("Id SystemModstamp Account.Name", select) == 0);
}

/* --- where a token may go --- */

static void only_servers_of_salesforce_get_the_token(void)
{
	static const char *const good[] = {"https://acme.my.salesforce.com",
		"https://acme.my.salesforce.com/", "https://ACME.my.salesforce.com",
		"https://na1.salesforce.com", "https://x.force.com"};
	static const char *const bad[] = {"", "http://na1.salesforce.com",
		"https://salesforce.com.evil.example", "https://evil.example",
		"https://evilsalesforce.com", "https://evil.example/.salesforce.com",
		"https://evil.example#.salesforce.com", "https://evil.example?.salesforce.com",
		"https://evil.example\\.salesforce.com", "https://user@evil.salesforce.com",
		"https://na1.salesforce.com:8443", "https://na1.salesforce.com/path",
		"https://.salesforce.com"};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		if (!salesforce_trusts(BASE, good[i]))
			TEST_FAIL("%s is not trusted", good[i]);
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		if (salesforce_trusts(BASE, bad[i]))
			TEST_FAIL("%s is trusted", bad[i]);
	CHECK(salesforce_trusts("https://127.0.0.1:8443", "https://127.0.0.1:8443"));
	CHECK(salesforce_trusts("https://127.0.0.1:8443", "https://127.0.0.1:8444/"));
	CHECK(salesforce_trusts("https://127.0.0.1:8443", "https://127.0.0.1"));
	CHECK(!salesforce_trusts("https://127.0.0.1:8443", "https://127.0.0.1:8444@evil.example"));
	CHECK(!salesforce_trusts("https://127.0.0.1:8443", "https://127.0.0.1:"));
	CHECK(!salesforce_trusts("https://127.0.0.1:8443", "https://127.0.0.10:8443"));
	CHECK(!salesforce_trusts("https://127.0.0.1:8443", "http://127.0.0.1:8443"));
}

/* --- requests --- */

static void questions_name_the_version_and_carry_the_token(void)
{
	begin();
	REQUIRE(salesforce_request_limits(&sf, token, &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/services/data/v66.0/limits", NULL);
	REQUIRE(salesforce_request_describe(&sf, token, "Lead", &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/services/data/v66.0/sobjects/Lead/describe", NULL);
	REQUIRE(salesforce_request_count(&sf, token, "Lead", &request) == 0);
	check_sent(EXCHANGE_GET,
		BASE "/services/data/v66.0/query?q=SELECT%20count%28%29%20FROM%20Lead", NULL);
	REQUIRE(salesforce_request_more(
			&sf, token, "/services/data/v66.0/query/01gD-2000", &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/services/data/v66.0/query/01gD-2000", NULL);
	REQUIRE(salesforce_request_versions(&sf, token, &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/services/data", NULL);
	clear();
}

static void changes_are_asked_for_from_a_time_in_order(void)
{
	struct names select = {.n = 0};

	begin();
	select_fields(&select);
	REQUIRE(salesforce_request_query(&sf, token, "Contact", &select, DAY + 5 * USEC_PER_S / 2,
			DAY + USEC_PER_HOUR, &request) == 0);
	check_sent(EXCHANGE_GET,
		BASE "/services/data/v66.0/queryAll?q="
		     "SELECT%20Id%2CSystemModstamp%2CAccount.Name%20FROM%20Contact"
		     "%20WHERE%20SystemModstamp%20%3E%3D%202026-11-23T00%3A00%3A02Z"
		     "%20AND%20SystemModstamp%20%3C%202026-11-23T01%3A00%3A00Z"
		     "%20ORDER%20BY%20SystemModstamp%20ASC%2C%20Id%20ASC",
		NULL);
	REQUIRE(salesforce_request_query(&sf, token, "Contact", &select, 0, USEC_NEVER, &request) ==
		0);
	check_sent(EXCHANGE_GET,
		BASE "/services/data/v66.0/query?q="
		     "SELECT%20Id%2CSystemModstamp%2CAccount.Name%20FROM%20Contact"
		     "%20ORDER%20BY%20SystemModstamp%20ASC%2C%20Id%20ASC",
		NULL);
	names_done(&select);
	clear();
}

static void records_are_asked_for_by_id_and_by_address(void)
{
	static const char ids[][19] = {"001D000000IqhSLIAZ", "003D000000IqhSLIAZ"};
	static const char *const emails[] = {"a@x", "o'b\\c@x"};
	struct names select = {.n = 0};

	begin();
	select_fields(&select);
	REQUIRE(salesforce_request_ids(&sf, token, "Lead", &select, ids, 2, &request) == 0);
	check_sent(EXCHANGE_GET,
		BASE "/services/data/v66.0/queryAll?q="
		     "SELECT%20Id%2CSystemModstamp%2CAccount.Name%20FROM%20Lead%20WHERE%20Id%20IN"
		     "%20%28%27001D000000IqhSLIAZ%27%2C%27003D000000IqhSLIAZ%27%29",
		NULL);
	REQUIRE(salesforce_request_live(&sf, token, "Lead", emails, 2, &request) == 0);
	check_sent(EXCHANGE_GET,
		BASE "/services/data/v66.0/query?q="
		     "SELECT%20Id%2CEmail%20FROM%20Lead%20WHERE%20Email%20IN%20"
		     "%28%27a%40x%27%2C%27o%5C%27b%5C%5Cc%40x%27%29",
		NULL);
	names_done(&select);
	clear();
}

static void bulk_jobs_are_made_watched_fetched_and_deleted(void)
{
	struct names select = {.n = 0};

	begin();
	select_fields(&select);
	REQUIRE(salesforce_request_bulk(&sf, token, "Lead", &select, DAY, &request) == 0);
	CHECK_TEXT(request.content_type, "application/json");
	check_sent(EXCHANGE_POST, BASE "/services/data/v66.0/jobs/query",
		"{\"operation\":\"query\",\"query\":\"SELECT Id,SystemModstamp,Account.Name "
		"FROM Lead WHERE SystemModstamp < 2026-11-23T00:00:00Z\",\"contentType\":\"CSV\","
		"\"columnDelimiter\":\"COMMA\",\"lineEnding\":\"LF\"}");
	REQUIRE(salesforce_request_bulk_state(&sf, token, "750D/x", &request) == 0);
	check_sent(EXCHANGE_GET, BASE "/services/data/v66.0/jobs/query/750D%2Fx", NULL);
	REQUIRE(salesforce_request_bulk_results(&sf, token, "750D", NULL, 10000, &request) == 0);
	CHECK_TEXT(request.accept, "text/csv");
	check_sent(EXCHANGE_GET,
		BASE "/services/data/v66.0/jobs/query/750D/results?maxRecords=10000", NULL);
	REQUIRE(salesforce_request_bulk_results(&sf, token, "750D", "MTA=", 5, &request) == 0);
	check_sent(EXCHANGE_GET,
		BASE "/services/data/v66.0/jobs/query/750D/results?maxRecords=5&locator=MTA%3D",
		NULL);
	REQUIRE(salesforce_request_bulk_delete(&sf, token, "750D", &request) == 0);
	check_sent(EXCHANGE_DELETE, BASE "/services/data/v66.0/jobs/query/750D", NULL);
	names_done(&select);
	clear();
}

/* --- what a reply comes to --- */

static void read_count(const struct exchange_reply *reply)
{
	uint64_t count = 7;

	verdict = (struct sync_verdict){.kind = SYNC_BUG};
	REQUIRE(salesforce_read_count(reply, &count, &verdict) == 0);
	CHECK((verdict.kind == SYNC_OK) == (count != 7));
	CHECK((verdict.kind == SYNC_OK) == (verdict.fault.kind == FAULT_NONE));
}

static void check_reply(int status, const char *body, enum sync_reply kind, enum fault_kind fault)
{
	struct exchange_reply reply = reply_of(status, body);

	read_count(&reply);
	if (verdict.kind != kind || verdict.fault.kind != fault)
		TEST_FAIL("%d %s is kind %d, fault %d", status, body, (int)verdict.kind,
			(int)verdict.fault.kind);
}

#define ERROR(code, message) "[{\"message\":\"" message "\",\"errorCode\":\"" code "\"}]"

static void a_dead_session_asks_for_a_new_token(void)
{
	check_reply(401, ERROR("INVALID_SESSION_ID", "Session expired or invalid"), SYNC_TOKEN,
		FAULT_TRANSIENT);
	CHECK_TEXT(verdict.code, "INVALID_SESSION_ID");
	check_reply(401, ERROR("INVALID_AUTH_HEADER", "x"), SYNC_TOKEN, FAULT_TRANSIENT);
	check_reply(401, ERROR("INVALID_JWT_FORMAT", "x"), SYNC_TOKEN, FAULT_TRANSIENT);
	check_reply(403, "Bad_OAuth_Token", SYNC_TOKEN, FAULT_TRANSIENT);
	check_reply(401, "", SYNC_TOKEN, FAULT_TRANSIENT);
}

static void a_session_that_no_refresh_helps_blocks(void)
{
	check_reply(401,
		ERROR("INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
		SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "scope api"));
	check_reply(403, ERROR("INVALID_SESSION_ID", "Connected app is not attached to Agent"),
		SYNC_BLOCKED, FAULT_MISCONFIGURED);
	check_reply(
		401, "Connected app is not attached to Agent", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	check_reply(403, "This session is not valid for use with the REST API", SYNC_BLOCKED,
		FAULT_MISCONFIGURED);
}

static void a_disabled_api_is_told_with_both_causes(void)
{
	check_reply(403,
		ERROR("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."),
		SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "edition"));
	CHECK(strstr(verdict.fault.detail, "API Enabled"));
	check_reply(403, ERROR("API_CURRENTLY_DISABLED", "x"), SYNC_BLOCKED, FAULT_MISCONFIGURED);
}

static void what_will_pass_is_tried_again(void)
{
	static const int statuses[] = {406, 408, 420, 500, 502, 503};
	struct exchange_reply lost = {.outcome = EXCHANGE_LOST, .error = "cut"};

	for (size_t i = 0; i < ELEMENTS(statuses); i++)
		check_reply(
			statuses[i], "<html>maintenance</html>", SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(503, ERROR("SERVER_UNAVAILABLE", "x"), SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(500, ERROR("SOMETHING_NEW", "x"), SYNC_RETRY, FAULT_PROVIDER_DOWN);
	check_reply(200, "{\"totalSize\":1", SYNC_RETRY, FAULT_PROTOCOL);
	check_reply(200, "", SYNC_RETRY, FAULT_PROTOCOL);
	check_reply(200, "{}", SYNC_RETRY, FAULT_PROTOCOL);
	check_reply(429, "", SYNC_SLOW_DOWN, FAULT_THROTTLED);
	read_count(&lost);
	CHECK_INT(verdict.kind, SYNC_RETRY);
	lost.outcome = EXCHANGE_NOT_SENT;
	read_count(&lost);
	CHECK_INT(verdict.kind, SYNC_RETRY);
	CHECK_INT(verdict.fault.kind, FAULT_PROVIDER_DOWN);
}

static void what_will_not_pass_is_not(void)
{
	check_reply(400, ERROR("MALFORMED_QUERY", "x"), SYNC_BLOCKED, FAULT_MISCONFIGURED);
	check_reply(404, "<html>nothing</html>", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	check_reply(400, "{\"error\":\"invalid_request\",\"error_description\":\"why\"}",
		SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "why"));
	check_reply(302, "", SYNC_BLOCKED, FAULT_MISCONFIGURED);
}

static void what_is_hidden_is_named(void)
{
	check_reply(404, ERROR("NOT_FOUND", "The requested resource does not exist"), SYNC_BLOCKED,
		FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "does not see this object"));
	check_reply(400, ERROR("INVALID_TYPE", "sObject type 'Lead' is not supported."),
		SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "Lead"));
	check_reply(400, ERROR("INVALID_FIELD", "No such column 'Region__c' on entity 'Lead'"),
		SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "Region__c"));
	CHECK(strstr(verdict.fault.detail, "field-level security"));
}

static void limits_and_dead_locators_are_told_apart(void)
{
	check_reply(403, ERROR("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
		SYNC_QUOTA, FAULT_THROTTLED);
	CHECK(verdict.wait_usec > 0);
	check_reply(400, ERROR("INVALID_QUERY_LOCATOR", "x"), SYNC_RESTART, FAULT_TRANSIENT);
	check_reply(400, ERROR("QUERY_TIMEOUT", "x"), SYNC_SPLIT, FAULT_TRANSIENT);
	check_reply(503, ERROR("QUERY_TIMEOUT", "x"), SYNC_SPLIT, FAULT_TRANSIENT);
	check_reply(400, ERROR("OPERATION_TOO_LARGE", "x"), SYNC_SPLIT, FAULT_TRANSIENT);
	check_reply(412, ERROR("JOB_NOT_COMPLETE", "x"), SYNC_RETRY, FAULT_TRANSIENT);
	check_reply(409, ERROR("INVALID_OPERATION", "x"), SYNC_RESTART, FAULT_TRANSIENT);
	check_reply(414, "", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "too long"));
	check_reply(431, "", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	CHECK(strstr(verdict.fault.detail, "too long"));
}

static void of_several_errors_the_first_is_told(void)
{
	check_reply(400,
		"[{\"message\":\"one\",\"errorCode\":\"QUERY_TIMEOUT\"},"
		"{\"message\":\"two\",\"errorCode\":\"INVALID_FIELD\"}]",
		SYNC_SPLIT, FAULT_TRANSIENT);
	check_reply(400, "[]", SYNC_BLOCKED, FAULT_MISCONFIGURED);
	check_reply(400, "[7]", SYNC_BLOCKED, FAULT_MISCONFIGURED);
}

/* --- what was used of the day's calls --- */

static bool usage(const char *header, uint64_t *ret_used, uint64_t *ret_max)
{
	struct exchange_reply reply = reply_of(200, "{}");

	(void)snprintf(reply.kept[0], sizeof(reply.kept[0]), "%s", header);
	*ret_used = *ret_max = 7;
	return salesforce_usage(&reply, ret_used, ret_max);
}

static void the_usage_is_read_or_ignored(void)
{
	static const char *const odd[] = {"", "api-usage=", "api-usage=1", "api-usage=1/",
		"api-usage=/5", "api-usage=x/5", "api-usage=99999999999999999999999/5",
		"per-app-api-usage=17/250(appName=x)"};
	uint64_t used, max;

	CHECK(usage("api-usage=10018/100000", &used, &max));
	CHECK_INT(used, 10018);
	CHECK_INT(max, 100000);
	CHECK(usage("api-usage=18/5000, per-app-api-usage=17/250(appName=sample)", &used, &max));
	CHECK_INT(used, 18);
	CHECK_INT(max, 5000);
	for (size_t i = 0; i < ELEMENTS(odd); i++)
		if (usage(odd[i], &used, &max) || used != 7 || max != 7)
			TEST_FAIL("\"%s\" is read as %ju/%ju", odd[i], (uintmax_t)used,
				(uintmax_t)max);
	CHECK(usage("per-app-api-usage=17/250(appName=x), api-usage=18/5000", &used, &max));
	CHECK_INT(used, 18);
}

static void the_limits_are_read_or_unknown(void)
{
	struct exchange_reply reply =
		reply_of(200, "{\"DailyApiRequests\":{\"Max\":15000,\"Remaining\":14998}}");
	struct salesforce_limits limits = {0};

	REQUIRE(salesforce_read_limits(&reply, &limits, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_OK);
	CHECK_INT(limits.max, 15000);
	CHECK_INT(limits.remaining, 14998);
	reply = reply_of(200, "{\"DailyApiRequests\":{\"Max\":15000}}");
	REQUIRE(salesforce_read_limits(&reply, &limits, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_OK);
	CHECK_INT(limits.max, 0);
	CHECK_INT(limits.remaining, 0);
}

/* --- readers --- */

static unsigned version_of(const char *body)
{
	struct exchange_reply reply = reply_of(200, body);
	unsigned version = 7;

	REQUIRE(salesforce_read_versions(&reply, &version, &verdict) == 0);
	return version;
}

static void the_newest_version_that_we_know_is_used(void)
{
	CHECK_INT(version_of("[{\"version\":\"65.0\"},{\"version\":\"64.0\"},{\"label\":\"x\"}]"),
		65);
	CHECK_INT(version_of("[{\"version\":\"31.0\"},{\"version\":\"68.0\"}]"), 66);
	CHECK_INT(version_of("[{\"version\":\"66.0\"}]"), 66);
	CHECK_INT(version_of("[]"), 7);
	CHECK_INT(verdict.kind, SYNC_RETRY);
}

static struct salesforce_object object;

static enum sync_reply describe(const char *body)
{
	struct exchange_reply reply = reply_of(200, body);

	salesforce_object_done(&object);
	object = (struct salesforce_object){.queryable = false};
	REQUIRE(salesforce_read_describe(&reply, &object, &verdict) == 0);
	return verdict.kind;
}

static void check_type(const char *name, enum field_type type, size_t length)
{
	const struct field *f = fields_find(&object.fields, name);

	REQUIRE(f);
	CHECK_INT(f->type, type);
	CHECK_INT(f->length, length);
}

#define FIELD(name, type, more) "{\"name\":\"" name "\",\"type\":\"" type "\"" more "}"

static void an_object_is_described_by_its_fields_and_rights(void)
{
	REQUIRE(describe("{\"name\":\"Lead\",\"queryable\":true,\"createable\":true,"
			 "\"updateable\":false,\"fields\":[" FIELD(
				 "Email", "email", ",\"length\":80") "," FIELD("Description",
				 "textarea", ",\"length\":32000") "," FIELD("IsDeleted", "boolean",
				 "") "," FIELD("Rank__c", "int", "") "," FIELD("AnnualRevenue",
				 "currency", ",\"scale\":2") "," FIELD("Score__c", "double",
				 ",\"scale\":0") "," FIELD("Birthdate", "date",
				 "") "," FIELD("CreatedDate", "datetime", "") "," FIELD("Status",
				 "multipicklist", ",\"length\":255") "," FIELD("Address", "address",
				 "") "," FIELD("Place__c", "location", "") "," FIELD("Photo",
				 "base64", "") ",{\"type\":\"string\"},null]}") == SYNC_OK);
	CHECK_INT(object.fields.n, 12);
	check_type("Email", FIELD_STRING, 80);
	check_type("Description", FIELD_TEXT, 32000);
	check_type("IsDeleted", FIELD_BOOLEAN, 0);
	check_type("Rank__c", FIELD_INTEGER, 0);
	check_type("AnnualRevenue", FIELD_FLOAT, 0);
	check_type("Score__c", FIELD_INTEGER, 0);
	check_type("Birthdate", FIELD_DATE, 0);
	check_type("CreatedDate", FIELD_DATETIME, 0);
	check_type("Status", FIELD_STRING, 255);
	check_type("Address", FIELD_OTHER, 0);
	check_type("Place__c", FIELD_OTHER, 0);
	check_type("Photo", FIELD_OTHER, 0);
	CHECK(object.queryable && object.createable && !object.updateable && !object.deletable);
	CHECK_INT(describe("{\"queryable\":true}"), SYNC_RETRY);
	CHECK_INT(object.fields.n, 0);
}

static struct salesforce_page page;

static enum sync_reply read_page(const char *body)
{
	struct exchange_reply reply = reply_of(200, body);

	salesforce_page_done(&page);
	REQUIRE(salesforce_read_page(&reply, &page, &verdict) == 0);
	return verdict.kind;
}

static void a_page_goes_on_where_the_next_one_is_named(void)
{
	REQUIRE(read_page(
			"{\"totalSize\":3,\"records\":[{\"Id\":\"1\"},{\"Id\":\"2\"}],"
			"\"nextRecordsUrl\":\"/services/data/v66.0/query/01gD-2000\"}") == SYNC_OK);
	CHECK_INT(json_count(page.records), 2);
	CHECK_TEXT(page.locator, "/services/data/v66.0/query/01gD-2000");
	REQUIRE(read_page("{\"totalSize\":3,\"done\":true,\"records\":[]}") == SYNC_OK);
	CHECK_INT(json_count(page.records), 0);
	CHECK_TEXT(page.locator, NULL);
	REQUIRE(read_page("{\"done\":true,\"records\":[],"
			  "\"nextRecordsUrl\":\"/services/data/v66.0/query/2\"}") == SYNC_OK);
	CHECK_TEXT(page.locator, "/services/data/v66.0/query/2");
	salesforce_page_done(&page);
}

static void a_locator_of_elsewhere_is_refused(void)
{
	static const char *const bad[] = {"https://evil.example/services/data/v66.0/query/1",
		"//evil.example/", "@evil.example/", ".evil.example/services/data/v66.0/",
		"/services/data/v66.0/query/1?x", "/services/data/v66.0/query/1#x",
		"/services/data/v66.0/query/ 1", "/services/data/v66.0/query/\\u00e9", "",
		"/services/data/v66.0/../../other"};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		char body[200];

		(void)snprintf(
			body, sizeof(body), "{\"records\":[],\"nextRecordsUrl\":\"%s\"}", bad[i]);
		if (read_page(body) == SYNC_OK)
			TEST_FAIL("%s is taken", bad[i]);
		CHECK(!page.tree && !page.locator);
	}
	CHECK_INT(read_page("{\"done\":true}"), SYNC_RETRY);
}

static enum sync_reply read_job(const char *body, char **job, enum salesforce_job *state)
{
	struct exchange_reply reply = reply_of(200, body);

	*job = mem_free(*job);
	REQUIRE(salesforce_read_bulk(&reply, job, state, &verdict) == 0);
	return verdict.kind;
}

static void the_state_of_a_job_is_read(void)
{
	static const struct {
		const char *word;
		enum salesforce_job state;
	} words[] = {{"UploadComplete", SALESFORCE_JOB_RUNNING},
		{"InProgress", SALESFORCE_JOB_RUNNING}, {"JobComplete", SALESFORCE_JOB_DONE},
		{"Failed", SALESFORCE_JOB_FAILED}, {"Aborted", SALESFORCE_JOB_FAILED}};
	enum salesforce_job state = SALESFORCE_JOB_RUNNING;
	char *job = NULL;

	for (size_t i = 0; i < ELEMENTS(words); i++) {
		char body[200];

		(void)snprintf(
			body, sizeof(body), "{\"id\":\"750D\",\"state\":\"%s\"}", words[i].word);
		CHECK_INT(read_job(body, &job, &state), SYNC_OK);
		CHECK_INT(state, words[i].state);
		CHECK_TEXT(job, "750D");
	}
	CHECK_INT(read_job("{\"state\":\"JobComplete\"}", &job, &state), SYNC_RETRY);
	CHECK(!job);
}

static enum sync_reply read_results(const char *type, const char *locator, char **ret)
{
	struct exchange_reply reply = reply_of(200, "Id\n");

	(void)snprintf(reply.content_type, sizeof(reply.content_type), "%s", type);
	(void)snprintf(reply.kept[1], sizeof(reply.kept[1]), "%s", locator);
	*ret = NULL;
	REQUIRE(salesforce_read_bulk_results(&reply, ret, &verdict) == 0);
	return verdict.kind;
}

static void bulk_results_end_where_the_locator_is_null(void)
{
	struct exchange_reply reply = reply_of(401, ERROR("INVALID_SESSION_ID", "x"));
	char *locator = NULL;

	CHECK_INT(read_results("text/csv", "MTAwMDA", &locator), SYNC_OK);
	CHECK_TEXT(locator, "MTAwMDA");
	mem_free(locator);
	CHECK_INT(read_results("text/csv", "null", &locator), SYNC_OK);
	CHECK(!locator);
	CHECK_INT(read_results("text/csv", "", &locator), SYNC_OK);
	CHECK(!locator);
	CHECK_INT(read_results("text/html", "MTAwMDA", &locator), SYNC_RETRY);
	CHECK(!locator);
	REQUIRE(salesforce_read_bulk_results(&reply, &locator, &verdict) == 0);
	CHECK_INT(verdict.kind, SYNC_TOKEN);
	reply = reply_of(404, ERROR("NOT_FOUND", "x"));
	REQUIRE(salesforce_read_bulk_results(&reply, &locator, &verdict) == 0);
	CHECK(!locator && verdict.kind != SYNC_OK);
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

static int build_all(void)
{
	static const char ids[][19] = {"001D000000IqhSLIAZ"};
	static const char *const emails[] = {"a@x"};
	struct exchange_request r[8] = {{.url = NULL}};
	struct names select = {.n = 0};
	int k = names_split("Id SystemModstamp", &select);

	if (k == 0)
		k = salesforce_request_versions(&sf, token, &r[0]);
	if (k == 0)
		k = salesforce_request_describe(&sf, token, "Lead", &r[1]);
	if (k == 0)
		k = salesforce_request_query(&sf, token, "Lead", &select, DAY, USEC_NEVER, &r[2]);
	if (k == 0)
		k = salesforce_request_ids(&sf, token, "Lead", &select, ids, 1, &r[3]);
	if (k == 0)
		k = salesforce_request_live(&sf, token, "Lead", emails, 1, &r[4]);
	if (k == 0)
		k = salesforce_request_bulk(&sf, token, "Lead", &select, DAY, &r[5]);
	if (k == 0)
		k = salesforce_request_bulk_results(&sf, token, "750D", "x", 5, &r[6]);
	if (k == 0)
		k = salesforce_request_more(&sf, token, "/services/data/v66.0/query/1", &r[7]);
	for (size_t i = 0; i < ELEMENTS(r); i++)
		exchange_request_done(&r[i]);
	names_done(&select);
	return k;
}

static int read_all(void)
{
	struct exchange_reply fields = reply_of(
		200, "{\"fields\":[" FIELD("Id", "id", "") "," FIELD("Email", "email", "") "]}");
	struct exchange_reply records = reply_of(
		200, "{\"records\":[{}],\"nextRecordsUrl\":\"/services/data/v66.0/query/1\"}");
	struct exchange_reply job = reply_of(200, "{\"id\":\"750D\",\"state\":\"JobComplete\"}");
	struct exchange_reply error = reply_of(401, ERROR("INVALID_SESSION_ID", "x"));
	struct exchange_reply csv = reply_of(200, "Id\n");
	struct salesforce_object o = {.queryable = false};
	struct salesforce_page p = {.tree = NULL};
	enum salesforce_job state;
	char *id = NULL, *locator = NULL;
	uint64_t count;
	int k = salesforce_read_describe(&fields, &o, &verdict);

	(void)snprintf(csv.content_type, sizeof(csv.content_type), "text/csv");
	(void)snprintf(csv.kept[1], sizeof(csv.kept[1]), "next");
	CHECK(k == 0 ? o.fields.n == 2 : o.fields.n == 0);
	if (k == 0)
		k = salesforce_read_page(&records, &p, &verdict);
	if (k == 0)
		k = salesforce_read_bulk(&job, &id, &state, &verdict);
	if (k == 0)
		k = salesforce_read_count(&error, &count, &verdict);
	if (k == 0)
		k = salesforce_read_bulk_results(&csv, &locator, &verdict);
	salesforce_object_done(&o);
	salesforce_page_done(&p);
	mem_free(id);
	mem_free(locator);
	return k;
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
	begin();
	fail_each(build_all);
	fail_each(read_all);
	clear();
}

static const struct test tests[] = {
	{"a token goes to the configured host or to Salesforce, nowhere else",
		only_servers_of_salesforce_get_the_token},
	{"questions name the version and carry the token in a header",
		questions_name_the_version_and_carry_the_token},
	{"changes are asked for from a time on, in the order of stamp and id (row 31)",
		changes_are_asked_for_from_a_time_in_order},
	{"records are asked for by id and by address, quotes escaped",
		records_are_asked_for_by_id_and_by_address},
	{"bulk jobs are made, watched, fetched and deleted",
		bulk_jobs_are_made_watched_fetched_and_deleted},
	{"a dead session asks for a new token (row 23)", a_dead_session_asks_for_a_new_token},
	{"a session that no refresh helps blocks (row 23)", a_session_that_no_refresh_helps_blocks},
	{"a disabled API is told with both causes (row 24)",
		a_disabled_api_is_told_with_both_causes},
	{"406, 420, 5xx, HTML and cut bodies are tried again (row 26)",
		what_will_pass_is_tried_again},
	{"other refusals are not (row 26)", what_will_not_pass_is_not},
	{"what the user does not see is named (row 28)", what_is_hidden_is_named},
	{"limits, timeouts and dead locators are told apart (rows 30, 32)",
		limits_and_dead_locators_are_told_apart},
	{"of several errors the first is told", of_several_errors_the_first_is_told},
	{"the usage of the day is read, or ignored where it is odd (row 25)",
		the_usage_is_read_or_ignored},
	{"the limits are read, or unknown", the_limits_are_read_or_unknown},
	{"the newest version that we know is used", the_newest_version_that_we_know_is_used},
	{"an object is described, compound fields as none that can be sent (row 29)",
		an_object_is_described_by_its_fields_and_rights},
	{"a page goes on where the next is named, whatever `done` says (row 30)",
		a_page_goes_on_where_the_next_one_is_named},
	{"a locator that leads elsewhere is refused", a_locator_of_elsewhere_is_refused},
	{"the state of a job is read", the_state_of_a_job_is_read},
	{"bulk results end where the locator is null (row 33)",
		bulk_results_end_where_the_locator_is_null},
	{"each allocation may fail", each_allocation_may_fail},
};

TEST_MAIN(tests)
