/* SPDX-License-Identifier: BSD-2-Clause */

/* Salesforce's REST API: versions, limits, describe, SOQL queries with locators, Bulk API 2.0. An
 * error body is an array of {message, errorCode}; the OAuth layer in front answers with an object
 * or plain text. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/rest.h"
#include "sync/salesforce.h"
#include "sync/when.h"

static const char vendor[] = "Salesforce";

/* A used-up allowance comes back in small parts over a day. */
#define QUOTA_WAIT USEC_PER_HOUR

/* Half of what a page may have: it is the largest thing in memory, and the target takes 300 at
 * once. */
static const char page_hint[] = "Sforce-Query-Options: batchSize=1000";

/* The headers asked for, by their place in the reply. */
enum kept { KEPT_LIMITS, KEPT_LOCATOR };
static const char *const kept_headers[] = {
	[KEPT_LIMITS] = "Sforce-Limit-Info",
	[KEPT_LOCATOR] = "Sforce-Locator",
	NULL,
};

/* --- requests --- */

static bool is_below(const char *host, size_t len, const char *domain)
{
	size_t n = strlen(domain);

	return len > n && strncasecmp(host + len - n, domain, n) == 0;
}

/* ":8443" or nothing, and perhaps a slash. */
static bool is_port(const char *text)
{
	if (*text == ':' && strspn(text + 1, "0123456789") > 0)
		text += 1 + strspn(text + 1, "0123456789");
	return *text == '\0' || text_equal(text, "/");
}

/* The same server, at whatever port. */
static bool is_same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, ":/?#@\\");

	return n > 0 && n == strcspn(b, ":/?#@\\") && strncasecmp(a, b, n) == 0 && is_port(a + n) &&
		is_port(b + n);
}

bool salesforce_trusts(const char *source_url, const char *instance_url)
{
	static const char *const domains[] = {".salesforce.com", ".force.com", ".salesforce.mil",
		".cloudforce.com", ".sfcrmproducts.cn"};
	static const char scheme[] = "https://";
	const char *host = instance_url + sizeof(scheme) - 1;
	size_t len;

	if (!text_starts(instance_url, scheme))
		return false;
	len = strcspn(host, "/?#@\\");
	if (len == 0 || (host[len] != '\0' && !text_equal(host + len, "/")))
		return false;
	if (is_same_name(source_url + sizeof(scheme) - 1, host))
		return true;
	if (memchr(host, ':', len))
		return false;
	for (size_t i = 0; i < ELEMENTS(domains); i++)
		if (is_below(host, len, domains[i]))
			return true;
	return false;
}

/* "BASE/services/data/vNN.0" */
static void add_base(struct buf *url, const struct salesforce *sf)
{
	(void)buf_printf(url, "%s/services/data/v%u.0", sf->base, sf->version); /* failures stick */
}

static int finish(enum exchange_method method, struct buf *url, const struct secret *token,
	struct exchange_request *ret)
{
	int r = rest_request(method, url, token, ret);

	buf_done(url);
	if (r == 0) {
		ret->kept = kept_headers;
		ret->body_max = REST_PAGE_MAX;
	}
	return r;
}

int salesforce_request_versions(
	const struct salesforce *sf, const struct secret *token, struct exchange_request *ret)
{
	struct buf url = BUF(REST_URL_MAX);

	(void)buf_printf(&url, "%s/services/data", sf->base); /* failures stick */
	return finish(EXCHANGE_GET, &url, token, ret);
}

static int get(const struct salesforce *sf, const struct secret *token, const char *path,
	struct exchange_request *ret)
{
	struct buf url = BUF(REST_URL_MAX);

	add_base(&url, sf);
	(void)buf_add_text(&url, path); /* failures stick */
	return finish(EXCHANGE_GET, &url, token, ret);
}

int salesforce_request_limits(
	const struct salesforce *sf, const struct secret *token, struct exchange_request *ret)
{
	return get(sf, token, "/limits", ret);
}

int salesforce_request_describe(const struct salesforce *sf, const struct secret *token,
	const char *object, struct exchange_request *ret)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "/sobjects/%s/describe", object);
	return get(sf, token, path, ret);
}

/* GET of the result of @soql; @soql is emptied. */
static int query(const struct salesforce *sf, const struct secret *token, const char *resource,
	struct buf *soql, struct exchange_request *ret)
{
	struct buf url = BUF(REST_URL_MAX);
	int r;

	add_base(&url, sf);
	(void)buf_printf(&url, "/%s?q=", resource); /* failures stick */
	r = soql->error < 0 ? soql->error : rest_add_value(&url, buf_text(soql));
	buf_done(soql);
	if (r < 0) {
		buf_done(&url);
		return r;
	}
	r = finish(EXCHANGE_GET, &url, token, ret);
	if (r == 0)
		ret->header = page_hint;
	return r;
}

int salesforce_request_count(const struct salesforce *sf, const struct secret *token,
	const char *object, struct exchange_request *ret)
{
	struct buf soql = BUF(REST_URL_MAX);

	(void)buf_printf(&soql, "SELECT count() FROM %s", object); /* failures stick */
	return query(sf, token, "query", &soql, ret);
}

static void add_select(struct buf *soql, const char *object, const struct names *select)
{
	for (size_t i = 0; i < select->n; i++)
		(void)buf_printf(soql, "%s%s", i == 0 ? "SELECT " : ",", select->items[i]);
	(void)buf_printf(soql, " FROM %s", object); /* failures stick */
}

static void add_window(struct buf *soql, uint64_t from_usec, uint64_t until_usec)
{
	char time[TEXT_TIME_SIZE];
	const char *word = " WHERE";

	if (from_usec > 0) {
		text_format_time(time, sizeof(time), from_usec);
		(void)buf_printf(soql, " WHERE SystemModstamp >= %s", time); /* failures stick */
		word = " AND";
	}
	if (until_usec != USEC_NEVER) {
		text_format_time(time, sizeof(time), until_usec);
		(void)buf_printf(soql, "%s SystemModstamp < %s", word, time);
	}
}

int salesforce_request_query(const struct salesforce *sf, const struct secret *token,
	const char *object, const struct names *select, uint64_t from_usec, uint64_t until_usec,
	struct exchange_request *ret)
{
	struct buf soql = BUF(REST_URL_MAX);

	add_select(&soql, object, select);
	add_window(&soql, from_usec, until_usec);
	(void)buf_add_text(&soql, " ORDER BY SystemModstamp ASC, Id ASC"); /* failures stick */
	return query(sf, token, from_usec > 0 ? "queryAll" : "query", &soql, ret);
}

/* A text in SOQL: quotes and backslashes are escaped. */
static void add_quoted(struct buf *soql, const char *text)
{
	(void)buf_add_char(soql, '\''); /* failures stick */
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			(void)buf_add_char(soql, '\\');
		(void)buf_add_char(soql, *text);
	}
	(void)buf_add_char(soql, '\'');
}

int salesforce_request_live(const struct salesforce *sf, const struct secret *token,
	const char *object, const char *const *emails, size_t n, struct exchange_request *ret)
{
	struct buf soql = BUF(REST_URL_MAX);

	(void)buf_printf(&soql, "SELECT Id,Email FROM %s WHERE Email IN (", object);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			(void)buf_add_char(&soql, ',');
		add_quoted(&soql, emails[i]);
	}
	(void)buf_add_char(&soql, ')'); /* failures stick */
	return query(sf, token, "query", &soql, ret);
}

int salesforce_request_ids(const struct salesforce *sf, const struct secret *token,
	const char *object, const struct names *select, const char (*ids)[19], size_t n,
	struct exchange_request *ret)
{
	struct buf soql = BUF(REST_URL_MAX);

	add_select(&soql, object, select);
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(&soql, "%s'%s'", i == 0 ? " WHERE Id IN (" : ",", ids[i]);
	(void)buf_add_char(&soql, ')'); /* failures stick */
	return query(sf, token, "queryAll", &soql, ret);
}

int salesforce_request_more(const struct salesforce *sf, const struct secret *token,
	const char *locator, struct exchange_request *ret)
{
	struct buf url = BUF(REST_URL_MAX);

	(void)buf_printf(&url, "%s%s", sf->base, locator); /* failures stick */
	return finish(EXCHANGE_GET, &url, token, ret);
}

int salesforce_request_bulk(const struct salesforce *sf, const struct secret *token,
	const char *object, const struct names *select, uint64_t until_usec,
	struct exchange_request *ret)
{
	struct buf url = BUF(REST_URL_MAX), soql = BUF(REST_URL_MAX), body = BUF(2 * REST_URL_MAX);
	int r;

	add_base(&url, sf);
	(void)buf_add_text(&url, "/jobs/query"); /* failures stick */
	add_select(&soql, object, select);
	add_window(&soql, 0, until_usec);
	(void)buf_add_text(&body, "{\"operation\":\"query\",\"query\":");
	r = soql.error < 0 ? soql.error : rest_add_string(&body, buf_text(&soql), soql.len);
	(void)buf_add_text(&body,
		",\"contentType\":\"CSV\",\"columnDelimiter\":\"COMMA\",\"lineEnding\":\"LF\"}");
	if (r == 0)
		r = rest_post(&url, token, &body, ret);
	if (r == 0)
		ret->kept = kept_headers;
	buf_done(&url);
	buf_done(&soql);
	buf_done(&body);
	return r < 0 ? -ENOMEM : 0;
}

static int job(const struct salesforce *sf, const struct secret *token, const char *id,
	enum exchange_method method, struct exchange_request *ret)
{
	struct buf url = BUF(REST_URL_MAX);

	add_base(&url, sf);
	(void)buf_add_text(&url, "/jobs/query/"); /* failures stick */
	(void)rest_add_value(&url, id);
	return finish(method, &url, token, ret);
}

int salesforce_request_bulk_state(const struct salesforce *sf, const struct secret *token,
	const char *id, struct exchange_request *ret)
{
	return job(sf, token, id, EXCHANGE_GET, ret);
}

int salesforce_request_bulk_delete(const struct salesforce *sf, const struct secret *token,
	const char *id, struct exchange_request *ret)
{
	return job(sf, token, id, EXCHANGE_DELETE, ret);
}

int salesforce_request_bulk_results(const struct salesforce *sf, const struct secret *token,
	const char *id, const char *locator, unsigned rows, struct exchange_request *ret)
{
	struct buf url = BUF(REST_URL_MAX);
	int r;

	add_base(&url, sf);
	(void)buf_add_text(&url, "/jobs/query/"); /* failures stick */
	(void)rest_add_value(&url, id);
	(void)buf_printf(&url, "/results?maxRecords=%u", rows);
	if (locator) {
		(void)buf_add_text(&url, "&locator=");
		(void)rest_add_value(&url, locator);
	}
	r = finish(EXCHANGE_GET, &url, token, ret);
	if (r == 0)
		ret->accept = "text/csv";
	return r;
}

/* --- what an error says --- */

/* By errorCode, and where that is not enough by a part of the message. */
static const struct {
	const char *code;
	const char *contains; /* NULL: any message */
	enum sync_reply kind;
	enum fault_kind fault;
	const char *remedy;
} words[] = {
	{"INVALID_SESSION_ID", "not valid for use with the REST API", SYNC_BLOCKED,
		FAULT_MISCONFIGURED,
		"the scope api is missing, API access is controlled for this app, or the host is "
		"wrong"},
	{"INVALID_SESSION_ID", "not attached to Agent", SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"allow the connected app for this org"},
	{"INVALID_SESSION_ID", NULL, SYNC_TOKEN, FAULT_TRANSIENT, NULL},
	{"INVALID_AUTH_HEADER", NULL, SYNC_TOKEN, FAULT_TRANSIENT, NULL},
	{"INVALID_JWT_FORMAT", NULL, SYNC_TOKEN, FAULT_TRANSIENT, NULL},
	{"API_DISABLED_FOR_ORG", NULL, SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"either the edition of the org has no API, or the profile of the user lacks API "
		"Enabled"},
	{"API_CURRENTLY_DISABLED", NULL, SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"give the profile of the user API Enabled"},
	{"REQUEST_LIMIT_EXCEEDED", NULL, SYNC_QUOTA, FAULT_THROTTLED, NULL},
	{"INVALID_QUERY_LOCATOR", NULL, SYNC_RESTART, FAULT_TRANSIENT, NULL},
	{"QUERY_TIMEOUT", NULL, SYNC_SPLIT, FAULT_TRANSIENT, NULL},
	{"OPERATION_TOO_LARGE", NULL, SYNC_SPLIT, FAULT_TRANSIENT, NULL},
	{"JOB_NOT_COMPLETE", NULL, SYNC_RETRY, FAULT_TRANSIENT, NULL},
	{"SERVER_UNAVAILABLE", NULL, SYNC_RETRY, FAULT_PROVIDER_DOWN, NULL},
	{"UNABLE_TO_LOCK_ROW", NULL, SYNC_RETRY, FAULT_TRANSIENT, NULL},
	{"UNKNOWN_EXCEPTION", NULL, SYNC_RETRY, FAULT_PROVIDER_DOWN, NULL},
	{"NOT_FOUND", NULL, SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"the user does not see this object: give its profile the right to read it"},
	{"INVALID_TYPE", NULL, SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"the user does not see this object: give its profile the right to read it"},
	{"INVALID_FIELD", NULL, SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"the user does not see this field: check its field-level security"},
	{"INSUFFICIENT_ACCESS", NULL, SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"check the rights of the user"},
	{"TXN_SECURITY_METERING_ERROR", NULL, SYNC_BLOCKED, FAULT_MISCONFIGURED,
		"a transaction security policy of the org forbids it"},
};

/* True where the word is known; else a refusal for good is told. */
static bool tell_word(const char *code, const char *message, struct sync_verdict *ret)
{
	for (size_t i = 0; i < ELEMENTS(words); i++) {
		if (!text_equal(words[i].code, code) ||
			(words[i].contains && !strcasestr(message, words[i].contains)))
			continue;
		rest_verdict(ret, words[i].kind, words[i].fault, code, "%s says %s: %.160s%s%s",
			vendor, code, message, words[i].remedy ? "; " : "",
			words[i].remedy ? words[i].remedy : "");
		if (words[i].kind == SYNC_QUOTA)
			ret->wait_usec = QUOTA_WAIT;
		return true;
	}
	rest_verdict(ret, SYNC_BLOCKED, FAULT_MISCONFIGURED, code, "%s says %s: %.200s", vendor,
		code, message);
	return false;
}

/* What a proxy or the OAuth layer in front says in plain text. */
static bool tell_text(
	const struct exchange_reply *reply, const char *text, struct sync_verdict *ret)
{
	bool refused = reply->status == 401 || reply->status == 403;

	if (refused && text_starts(text, "Bad_OAuth_Token"))
		rest_verdict(ret, SYNC_TOKEN, FAULT_TRANSIENT, "Bad_OAuth_Token",
			"%s refuses the token", vendor);
	else if (refused &&
		(strcasestr(text, "not valid for use with the REST API") ||
			strcasestr(text, "not attached to Agent")))
		(void)tell_word("INVALID_SESSION_ID", text, ret); /* is known */
	else if (reply->status == 414 || reply->status == 431)
		rest_verdict(ret, SYNC_BLOCKED, FAULT_MISCONFIGURED, "",
			"%s says that the query is too long (%d): exclude: some fields", vendor,
			reply->status);
	else
		return false;
	return true;
}

/* The first of the errors in @j, which is an array of them or an OAuth error. */
static bool read_words(const struct json *j, const char **ret_code, const char **ret_message)
{
	const struct json *first = json_is(j, JSON_ARRAY) ? json_at(j, 0) : j;

	*ret_code = json_get_text(first, "errorCode");
	*ret_message = json_get_text(first, "message");
	if (!*ret_code) {
		*ret_code = json_get_text(first, "error");
		*ret_message = json_get_text(first, "error_description");
	}
	if (!*ret_message)
		*ret_message = "";
	return *ret_code != NULL;
}

static void classify_error(
	const struct exchange_reply *reply, const struct json *j, struct sync_verdict *ret)
{
	const char *code, *message;
	char text[160];

	text_clean(text, sizeof(text), buf_text(&reply->body), reply->body.len);
	if (reply->outcome != EXCHANGE_REPLIED) {
		rest_without_word(vendor, reply, ret);
	} else if (reply->status == 409) {
		rest_verdict(
			ret, SYNC_RESTART, FAULT_TRANSIENT, "", "%s knows the job no more", vendor);
	} else if (read_words(j, &code, &message)) {
		if (!tell_word(code, message, ret) && reply->status >= 500)
			rest_without_word(vendor, reply, ret);
	} else if (!tell_text(reply, text, ret)) {
		rest_without_word(vendor, reply, ret);
	}
}

/* Parse a reply that should hold JSON. 0 with *ret_tree where it has a 2xx status and does; 1 with
 * *ret_verdict where not; -ENOMEM. */
static int open_reply(const struct exchange_reply *reply, struct json **ret_tree,
	struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	bool memory = false;

	if (reply->outcome == EXCHANGE_REPLIED)
		j = rest_parse(reply, &memory);
	if (memory)
		return -ENOMEM;
	if (reply->outcome != EXCHANGE_REPLIED || reply->status < 200 || reply->status > 299 ||
		!j) {
		classify_error(reply, j, ret_verdict);
		return 1;
	}
	*ret_verdict = (struct sync_verdict){.kind = SYNC_OK};
	*ret_tree = steal(j);
	return 0;
}

/* The answer lacks what was asked for. */
static int odd(struct sync_verdict *ret_verdict, const char *what)
{
	rest_verdict(ret_verdict, SYNC_RETRY, FAULT_PROTOCOL, "", "%s gives no %s", vendor, what);
	return 0;
}

/* --- readers --- */

int salesforce_read_versions(
	const struct exchange_reply *reply, unsigned *ret_version, struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	uint64_t number, newest = 0;
	int r;

	r = open_reply(reply, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	for (const struct json *i = json_next(j, NULL); i; i = json_next(j, i)) {
		char whole[8] = "";
		const char *version = json_get_text(i, "version");

		if (version)
			(void)snprintf(
				whole, sizeof(whole), "%.*s", (int)strcspn(version, "."), version);
		if (text_parse_u64(whole, &number) == 0 && number > newest)
			newest = number;
	}
	if (newest == 0)
		return odd(ret_verdict, "version of its API: check the host of the connection");
	*ret_version = newest < SALESFORCE_VERSION ? (unsigned)newest : SALESFORCE_VERSION;
	return 0;
}

int salesforce_read_limits(const struct exchange_reply *reply, struct salesforce_limits *ret,
	struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	const struct json *daily;
	struct salesforce_limits limits = {0};
	int r;

	r = open_reply(reply, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	daily = json_get(j, "DailyApiRequests");
	if (!json_u64(json_get(daily, "Max"), &limits.max) ||
		!json_u64(json_get(daily, "Remaining"), &limits.remaining))
		limits = (struct salesforce_limits){0};
	*ret = limits;
	return 0;
}

/* What follows "api-usage=" in "api-usage=18/5000, per-app-api-usage=17/250(appName=x)", NULL for
 * nothing. */
static const char *find_usage(const char *header)
{
	static const char name[] = "api-usage=";

	for (const char *at = header; (at = strstr(at, name)); at++)
		if (at == header || at[-1] == ' ' || at[-1] == ',')
			return at + sizeof(name) - 1;
	return NULL;
}

/* Read the digits at *@at and step past them. */
static int take_number(const char **at, uint64_t *ret)
{
	char digits[24];
	size_t n = strspn(*at, "0123456789");

	(void)snprintf(digits, sizeof(digits), "%.*s", (int)n, *at); /* cut: out of range too */
	*at += n;
	return text_parse_u64(digits, ret);
}

bool salesforce_usage(const struct exchange_reply *reply, uint64_t *ret_used, uint64_t *ret_max)
{
	const char *at = find_usage(reply->kept[KEPT_LIMITS]);
	uint64_t used, max;

	if (!at || take_number(&at, &used) < 0 || *at++ != '/' || take_number(&at, &max) < 0)
		return false;
	*ret_used = used;
	*ret_max = max;
	return true;
}

static const struct {
	const char *name;
	enum field_type type;
} types[] = {
	{"string", FIELD_STRING},
	{"picklist", FIELD_STRING},
	{"multipicklist", FIELD_STRING},
	{"combobox", FIELD_STRING},
	{"reference", FIELD_STRING},
	{"email", FIELD_STRING},
	{"phone", FIELD_STRING},
	{"url", FIELD_STRING},
	{"id", FIELD_STRING},
	{"encryptedstring", FIELD_STRING},
	{"textarea", FIELD_TEXT},
	{"boolean", FIELD_BOOLEAN},
	{"int", FIELD_INTEGER},
	{"long", FIELD_INTEGER},
	{"double", FIELD_FLOAT},
	{"currency", FIELD_FLOAT},
	{"percent", FIELD_FLOAT},
	{"date", FIELD_DATE},
	{"datetime", FIELD_DATETIME},
};

static enum field_type type_of(const struct json *field)
{
	const char *name = json_get_text(field, "type");
	uint64_t scale;

	for (size_t i = 0; i < ELEMENTS(types); i++) {
		if (!text_equal(types[i].name, name))
			continue;
		if (types[i].type == FIELD_FLOAT && json_u64(json_get(field, "scale"), &scale) &&
			scale == 0)
			return FIELD_INTEGER;
		return types[i].type;
	}
	return FIELD_OTHER;
}

static int read_fields(const struct json *list, struct fields *ret)
{
	int r = 0;

	for (const struct json *i = json_next(list, NULL); i && r == 0; i = json_next(list, i)) {
		const char *name = json_get_text(i, "name");
		uint64_t length = 0;

		(void)json_u64(json_get(i, "length"), &length); /* 0: not told */
		if (name)
			r = fields_add(ret, name, type_of(i), (size_t)length, false);
	}
	fields_sort(ret);
	return r;
}

static bool flag(const struct json *j, const char *name)
{
	bool value = false;

	(void)json_bool(json_get(j, name), &value); /* absent: no */
	return value;
}

int salesforce_read_describe(const struct exchange_reply *reply, struct salesforce_object *ret,
	struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct salesforce_object o = {0};
	int r;

	r = open_reply(reply, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!json_is(json_get(j, "fields"), JSON_ARRAY))
		return odd(ret_verdict, "fields of the object");
	r = read_fields(json_get(j, "fields"), &o.fields);
	if (r < 0) {
		salesforce_object_done(&o);
		return r == -ENOMEM ? r : odd(ret_verdict, "usable list of fields");
	}
	o.queryable = flag(j, "queryable");
	o.createable = flag(j, "createable");
	o.updateable = flag(j, "updateable");
	o.deletable = flag(j, "deletable");
	*ret = o;
	return 0;
}

void salesforce_object_done(struct salesforce_object *o)
{
	fields_done(&o->fields);
}

int salesforce_read_count(
	const struct exchange_reply *reply, uint64_t *ret, struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	int r;

	r = open_reply(reply, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	return json_u64(json_get(j, "totalSize"), ret) ? 0 : odd(ret_verdict, "count");
}

/* A path of the same server that goes on with a query, and nothing else. */
static bool is_locator(const char *path)
{
	static const char prefix[] = "/services/data/v";

	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("?#\\\"<>", *c))
			return false;
	return text_starts(path, prefix) && !strstr(path, "..") && strlen(path) < REST_URL_MAX / 2;
}

int salesforce_read_page(const struct exchange_reply *reply, struct salesforce_page *ret,
	struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	const struct json *records;
	const char *next;
	char *locator;
	int r;

	r = open_reply(reply, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	records = json_get(j, "records");
	next = json_get_text(j, "nextRecordsUrl");
	if (!json_is(records, JSON_ARRAY) || (next && !is_locator(next)))
		return odd(ret_verdict, "records");
	locator = mem_strdup(next);
	if (next && !locator)
		return -ENOMEM;
	*ret = (struct salesforce_page){.tree = steal(j), .records = records, .locator = locator};
	return 0;
}

void salesforce_page_done(struct salesforce_page *p)
{
	json_free(p->tree);
	mem_free(p->locator);
	*p = (struct salesforce_page){.tree = NULL};
}

int salesforce_read_bulk(const struct exchange_reply *reply, char **ret_job,
	enum salesforce_job *ret_state, struct sync_verdict *ret_verdict)
{
	static const char *const running[] = {"UploadComplete", "InProgress", "Open"};
	_cleanup_(json_freep) struct json *j = NULL;
	enum salesforce_job state = SALESFORCE_JOB_FAILED;
	const char *id, *word;
	char *copy;
	int r;

	r = open_reply(reply, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	id = json_get_text(j, "id");
	word = json_get_text(j, "state");
	if (!id || !word)
		return odd(ret_verdict, "state of the job");
	if (text_equal(word, "JobComplete"))
		state = SALESFORCE_JOB_DONE;
	for (size_t i = 0; i < ELEMENTS(running); i++)
		if (text_equal(word, running[i]))
			state = SALESFORCE_JOB_RUNNING;
	copy = mem_strdup(id);
	if (!copy)
		return -ENOMEM;
	*ret_job = copy;
	*ret_state = state;
	return 0;
}

uint64_t salesforce_read_bulk_created(const struct exchange_reply *reply)
{
	_cleanup_(json_freep) struct json *j = NULL;
	const char *text;
	uint64_t created = 0;
	bool memory;

	j = rest_parse(reply, &memory);
	text = json_get_text(j, "createdDate");
	if (text && when_parse(text, &created) < 0)
		created = 0;
	return created;
}

int salesforce_read_bulk_results(
	const struct exchange_reply *reply, char **ret_locator, struct sync_verdict *ret_verdict)
{
	const char *locator = reply->kept[KEPT_LOCATOR];
	_cleanup_(json_freep) struct json *j = NULL;
	bool memory = false;
	char *copy = NULL;

	if (reply->outcome != EXCHANGE_REPLIED || reply->status != 200) {
		if (reply->outcome == EXCHANGE_REPLIED)
			j = rest_parse(reply, &memory);
		if (memory)
			return -ENOMEM;
		classify_error(reply, j, ret_verdict);
		return 0;
	}
	if (!text_equal(reply->content_type, "text/csv"))
		return odd(ret_verdict, "CSV");
	if (*locator && !text_equal(locator, "null")) {
		copy = mem_strdup(locator);
		if (!copy)
			return -ENOMEM;
	}
	*ret_verdict = (struct sync_verdict){.kind = SYNC_OK};
	*ret_locator = copy;
	return 0;
}
