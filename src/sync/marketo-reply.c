/* SPDX-License-Identifier: BSD-2-Clause */

/* What Marketo's replies mean. Most have the status 200, also those that say no: the envelope
 * {"success":false,"errors":[{"code":"601","message":"…"}]} tells. Codes below 1000 are of a whole
 * call, others mostly of one record. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/csv.h"
#include "sync/marketo.h"
#include "sync/rest.h"

static const char vendor[] = "Marketo";

#define CODE_SIZE sizeof(((struct marketo_result *)NULL)->code)

/* --- the codes --- */

static const char of_rights[] =
	"give the role of the API user Read-Write Person, and allow the address of this server";
static const char of_path[] = "check the host of the connection: 123-ABC-456.mktorest.com";
static const char of_edition[] = "the subscription lacks this: ask Adobe";
static const char of_partition[] = "give the role of the API user this partition";
static const char of_native[] =
	"native CRM sync is on: company and opportunity writes are impossible";
static const char of_field[] = "check fields: of the sync";
static const char of_key[] = "check key: of the sync";

static const struct word {
	const char *code;
	enum sync_reply kind;
	unsigned wait_s;
	const char *remedy;
} words[] = {
	{"413", SYNC_SPLIT, 0, NULL},
	{"414", SYNC_SPLIT, 0, NULL},
	{"500", SYNC_RETRY, 0, NULL},
	{"502", SYNC_RETRY, 0, NULL},
	{"600", SYNC_TOKEN, 0, NULL},
	{"601", SYNC_TOKEN, 0, NULL},
	{"602", SYNC_TOKEN, 0, NULL},
	{"603", SYNC_BLOCKED, 0, of_rights},
	{"604", SYNC_RETRY, 0, NULL},
	{"606", SYNC_SLOW_DOWN, 20, NULL},
	{"607", SYNC_QUOTA, 0, NULL},
	{"608", SYNC_RETRY, 0, NULL},
	{"610", SYNC_BLOCKED, 0, of_path},
	{"611", SYNC_RETRY, 0, NULL},
	{"614", SYNC_RETRY, 0, NULL},
	{"615", SYNC_SLOW_DOWN, 0, NULL},
	{"616", SYNC_BLOCKED, 0, of_edition},
	{"703", SYNC_BLOCKED, 0, of_edition},
	{"713", SYNC_RETRY, 0, NULL},
	{"719", SYNC_RETRY, 0, NULL},
	{"1006", SYNC_BLOCKED, 0, of_field},
	{"1008", SYNC_BLOCKED, 0, of_partition},
	{"1009", SYNC_BLOCKED, 0, of_partition},
	{"1010", SYNC_BLOCKED, 0, of_partition},
	{"1011", SYNC_BLOCKED, 0, of_key},
	{"1014", SYNC_RETRY, 0, NULL},
	{"1016", SYNC_RETRY, 60, NULL},
	{"1018", SYNC_BLOCKED, 0, of_native},
	{"1019", SYNC_RETRY, 60, NULL},
	{"1021", SYNC_BLOCKED, 0, of_native},
	{"1022", SYNC_RETRY, 0, NULL},
	{"1029", SYNC_RETRY, 60, NULL},
};
/* 605, 609, 612, 613, 701 and on: what we sent was wrong. */
static const struct word unknown = {.kind = SYNC_BUG};

static const struct word *find_word(const char *code)
{
	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (text_equal(words[i].code, code))
			return &words[i];
	return &unknown;
}

static enum fault_kind fault_of(enum sync_reply kind)
{
	switch (kind) {
	case SYNC_OK:
		return FAULT_NONE;
	case SYNC_TOKEN:
	case SYNC_RETRY:
	case SYNC_RESTART:
	case SYNC_SPLIT:
		return FAULT_TRANSIENT;
	case SYNC_SLOW_DOWN:
	case SYNC_QUOTA:
		return FAULT_THROTTLED;
	case SYNC_BLOCKED:
		return FAULT_MISCONFIGURED;
	case SYNC_BUG:
		break;
	}
	return FAULT_PROTOCOL;
}

static void tell_word(
	const char *code, const char *message, struct now now, struct sync_verdict *ret)
{
	const struct word *w = find_word(code);

	rest_verdict(ret, w->kind, fault_of(w->kind), code, "%s says %s: %.160s%s%s", vendor, code,
		message, w->remedy ? "; " : "", w->remedy ? w->remedy : "");
	ret->wait_usec = w->wait_s * USEC_PER_S;
	if (w->kind == SYNC_QUOTA)
		ret->wait_usec = marketo_quota_reset(now.wall_usec) - now.wall_usec;
}

/* Of an error or a reason: a text as documented, or a number. */
static void read_code(const struct json *j, char ret[CODE_SIZE])
{
	const char *text = json_get_text(j, "code");
	uint64_t number;

	ret[0] = '\0';
	if (text)
		text_clean(ret, CODE_SIZE, text, strlen(text));
	else if (json_u64(json_get(j, "code"), &number))
		(void)snprintf(ret, CODE_SIZE, "%" PRIu64, number); /* cut, and then unknown */
}

static const char *read_message(const struct json *j)
{
	const char *text = json_get_text(j, "message");

	return text ? text : "";
}

/* @j, NULL for none, is a refusal. */
static void classify(const struct exchange_reply *reply, const struct json *j, struct now now,
	struct sync_verdict *ret)
{
	const struct json *error = json_at(json_get(j, "errors"), 0);
	char code[CODE_SIZE];
	bool success = true;

	read_code(error, code);
	(void)json_bool(json_get(j, "success"), &success); /* absent: no word of Marketo's */
	if (reply->outcome == EXCHANGE_REPLIED && !success && *code)
		tell_word(code, read_message(error), now, ret);
	else if (reply->outcome == EXCHANGE_REPLIED && !success)
		rest_verdict(ret, SYNC_RETRY, FAULT_PROVIDER_DOWN, "",
			"%s says no and gives no reason", vendor);
	else if (reply->status == 413 || reply->status == 414)
		rest_verdict(ret, SYNC_SPLIT, FAULT_TRANSIENT, "",
			"%s says that this is too much at once (%d)", vendor, reply->status);
	else
		rest_without_word(vendor, reply, ret);
}

static bool is_good_status(int status)
{
	return status >= 200 && status <= 299;
}

/* Parse a reply that should hold an envelope. 0 with *ret_tree where it says yes; 1 with
 * *ret_verdict where not; -ENOMEM. */
static int open_reply(const struct exchange_reply *reply, struct now now, struct json **ret_tree,
	struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	bool memory = false, success = false;

	if (reply->outcome == EXCHANGE_REPLIED)
		j = rest_parse(reply, &memory);
	if (memory)
		return -ENOMEM;
	(void)json_bool(json_get(j, "success"), &success); /* absent: no */
	if (reply->outcome != EXCHANGE_REPLIED || !is_good_status(reply->status) || !success) {
		classify(reply, j, now, ret_verdict);
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

/* --- describe --- */

static const struct {
	const char *name;
	enum field_type type;
} types[] = {
	{"string", FIELD_STRING},
	{"email", FIELD_STRING},
	{"phone", FIELD_STRING},
	{"url", FIELD_STRING},
	{"text", FIELD_TEXT},
	{"boolean", FIELD_BOOLEAN},
	{"integer", FIELD_INTEGER},
	{"score", FIELD_INTEGER},
	{"percent", FIELD_INTEGER},
	{"float", FIELD_FLOAT},
	{"currency", FIELD_FLOAT},
	{"date", FIELD_DATE},
	{"datetime", FIELD_DATETIME},
};

static enum field_type type_of(const struct json *field)
{
	const char *name = json_get_text(field, "dataType");

	for (size_t i = 0; i < ELEMENTS(types); i++)
		if (text_equal(types[i].name, name))
			return types[i].type;
	return FIELD_OTHER;
}

/* One field, of describe2 or of the older describe, which has its name below "rest", or no such
 * member where REST can't reach it. */
static int read_field(const struct json *field, struct marketo_fields *f)
{
	const struct json *rest = json_get(field, "rest");
	const char *name = json_get_text(rest ? rest : field, "name");
	const char *label = json_get_text(field, "displayName");
	bool writable = false, managed = false;
	uint64_t length = 0;
	int r;

	if (!name || !json_get_text(field, "dataType"))
		return 0;
	(void)json_u64(json_get(field, "length"), &length); /* absent: not told */
	if (!rest)
		(void)json_bool(json_get(field, "updateable"), &writable); /* absent: no */
	else if (json_bool(json_get(rest, "readOnly"), &writable))
		writable = !writable;
	(void)json_bool(json_get(field, "crmManaged"), &managed); /* absent: no */
	f->native_sync |= managed;
	r = fields_add(&f->fields, name, type_of(field), (size_t)length, writable);
	return r == 0 && label ? fields_label(&f->fields, label) : r;
}

static int read_fields(const struct json *list, struct marketo_fields *f)
{
	int r = 0;

	for (const struct json *i = json_next(list, NULL); i && r == 0; i = json_next(list, i))
		r = read_field(i, f);
	fields_sort(&f->fields);
	return r;
}

static int read_lookups(const struct json *list, struct marketo_fields *f)
{
	int r = 0;

	for (const struct json *i = json_next(list, NULL); i && r == 0; i = json_next(list, i)) {
		const char *name = json_text(json_at(i, 0));

		if (name && json_count(i) == 1 && f->lookups.n < FIELDS_MAX)
			r = names_add(&f->lookups, name, strlen(name));
	}
	return r;
}

int marketo_read_describe(const struct exchange_reply *reply, struct now now,
	struct marketo_fields *ret, struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	_cleanup_(marketo_fields_done) struct marketo_fields f = {.native_sync = false};
	const struct json *result, *list;
	int r;

	r = open_reply(reply, now, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	result = json_get(j, "result");
	list = json_get(json_at(result, 0), "fields");
	r = read_fields(list ? list : result, &f);
	if (r == 0)
		r = read_lookups(json_get(json_at(result, 0), "searchableFields"), &f);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || f.fields.n == 0)
		return odd(ret_verdict, "usable list of fields");
	*ret = f;
	f = (struct marketo_fields){.native_sync = false};
	return 0;
}

void marketo_fields_done(struct marketo_fields *f)
{
	fields_done(&f->fields);
	names_done(&f->lookups);
}

int marketo_read_usage(const struct exchange_reply *reply, struct now now, uint64_t *ret_today,
	struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	const struct json *result;
	uint64_t total = 0;
	int r;

	r = open_reply(reply, now, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	result = json_get(j, "result");
	if (!json_is(result, JSON_ARRAY) ||
		(json_count(result) > 0 &&
			!json_u64(json_get(json_at(result, 0), "total"), &total)))
		return odd(ret_verdict, "number of calls");
	*ret_today = total;
	return 0;
}

/* --- what became of records --- */

static const struct {
	const char *word;
	enum marketo_status status;
} statuses[] = {
	{"created", MARKETO_CREATED},
	{"updated", MARKETO_UPDATED},
	{"deleted", MARKETO_DELETED},
	{"skipped", MARKETO_SKIPPED},
};

static bool may_work_later(const char *code)
{
	enum sync_reply kind = find_word(code)->kind;

	return kind == SYNC_RETRY || kind == SYNC_SLOW_DOWN || kind == SYNC_QUOTA;
}

static void read_result(const struct json *j, struct marketo_result *ret)
{
	const struct json *reason = json_at(json_get(j, "reasons"), 0);
	const char *word = json_get_text(j, "status"), *message = read_message(reason);
	struct marketo_result result = {.status = MARKETO_SKIPPED};
	bool known = false;

	for (size_t i = 0; i < ELEMENTS(statuses); i++) {
		if (!text_equal(statuses[i].word, word))
			continue;
		result.status = statuses[i].status;
		known = true;
	}
	(void)json_u64(json_get(j, "id"), &result.id); /* absent of what was skipped */
	if (result.status == MARKETO_SKIPPED) {
		read_code(reason, result.code);
		result.later = may_work_later(result.code);
		if (!known)
			message = "a status that is not known";
		else if (!*message)
			message = "no reason was given";
		text_clean(result.reason, sizeof(result.reason), message, strlen(message));
	}
	*ret = result;
}

int marketo_read_results(const struct exchange_reply *reply, struct now now,
	struct marketo_result *ret, size_t n, struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	const struct json *result, *i;
	int r;

	r = open_reply(reply, now, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	result = json_get(j, "result");
	if (!json_is(result, JSON_ARRAY) || json_count(result) != n) {
		rest_verdict(ret_verdict, SYNC_BUG, FAULT_PROTOCOL, "",
			"%s tells of %zu records where %zu were sent", vendor,
			json_is(result, JSON_ARRAY) ? json_count(result) : 0, n);
		return 0;
	}
	i = json_next(result, NULL);
	for (size_t at = 0; at < n; at++, i = json_next(result, i))
		read_result(i, &ret[at]);
	return 0;
}

/* Note that @id has @value: the first one is taken, another with the same value takes it back. */
static void note_found(const char *value, uint64_t id, const char *const *values, size_t n,
	uint64_t *ids, bool *several)
{
	for (size_t i = 0; i < n; i++) {
		if (!text_equal_nocase(values[i], value))
			continue;
		several[i] |= ids[i] != 0 && ids[i] != id;
		ids[i] = id;
	}
}

/* More persons than one reply tells, or than a filter may hit: half of the values have fewer. One
 * value alone with so many has several. */
static int too_many_found(size_t n, uint64_t *ret_ids, struct sync_verdict *ret_verdict)
{
	if (n > 1) {
		rest_verdict(ret_verdict, SYNC_SPLIT, FAULT_TRANSIENT, "",
			"%s has too many persons with these keys", vendor);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		ret_ids[i] = 0;
	*ret_verdict = (struct sync_verdict){.kind = SYNC_OK};
	return 0;
}

static void read_found(const struct json *result, const char *key, const char *const *values,
	size_t n, uint64_t *ret_ids)
{
	uint64_t ids[MARKETO_BATCH_MAX] = {0}, id;
	bool several[MARKETO_BATCH_MAX] = {false};

	for (const struct json *i = json_next(result, NULL); i; i = json_next(result, i)) {
		const char *value = json_get_text(i, key);

		if (value && json_u64(json_get(i, "id"), &id))
			note_found(value, id, values, n, ids, several);
	}
	for (size_t i = 0; i < n; i++)
		ret_ids[i] = several[i] ? 0 : ids[i];
}

int marketo_read_found(const struct exchange_reply *reply, struct now now, const char *key,
	const char *const *values, size_t n, uint64_t *ret_ids, struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	const struct json *result;
	const char *more;
	int r;

	r = open_reply(reply, now, &j, ret_verdict);
	if (r == 1 && text_equal(ret_verdict->code, "1003"))
		return too_many_found(n, ret_ids, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	result = json_get(j, "result");
	more = json_get_text(j, "nextPageToken");
	if (!json_is(result, JSON_ARRAY) || n > MARKETO_BATCH_MAX)
		return odd(ret_verdict, "list of persons");
	if ((more && *more) || json_count(result) > MARKETO_BATCH_MAX)
		return too_many_found(n, ret_ids, ret_verdict);
	read_found(result, key, values, n, ret_ids);
	return 0;
}

/* --- bulk import --- */

static const struct {
	const char *word;
	enum marketo_import state;
} import_states[] = {
	{"Queued", MARKETO_IMPORT_RUNNING},
	{"Importing", MARKETO_IMPORT_RUNNING},
	{"Complete", MARKETO_IMPORT_DONE},
	{"Failed", MARKETO_IMPORT_FAILED},
};

static bool read_state(const char *word, enum marketo_import *ret)
{
	for (size_t i = 0; i < ELEMENTS(import_states); i++) {
		if (!text_equal(import_states[i].word, word))
			continue;
		*ret = import_states[i].state;
		return true;
	}
	return false;
}

int marketo_read_import(const struct exchange_reply *reply, struct now now,
	struct marketo_import_state *ret, struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct marketo_import_state state = {.batch = 0};
	const struct json *result;
	int r;

	r = open_reply(reply, now, &j, ret_verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	result = json_at(json_get(j, "result"), 0);
	if (!json_u64(json_get(result, "batchId"), &state.batch) ||
		!read_state(json_get_text(result, "status"), &state.state))
		return odd(ret_verdict, "state of the import");
	/* Absent until it is done. */
	(void)json_u64(json_get(result, "numOfLeadsProcessed"), &state.processed);
	(void)json_u64(json_get(result, "numOfRowsFailed"), &state.failed);
	(void)json_u64(json_get(result, "numOfRowsWithWarning"), &state.warned);
	*ret = state;
	return 0;
}

/* Where in @header the column @name is; header->n where it is not. */
static size_t find_column(const struct csv_line *header, const char *name)
{
	size_t i = 0;

	while (i < header->n && !text_equal_nocase(header->cells[i].text, name))
		i++;
	return i;
}

int marketo_read_import_failures(const struct exchange_reply *reply, struct now now,
	const char *key, struct marketo_failures *ret, struct sync_verdict *ret_verdict)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct marketo_failures f = {.key = 0};
	int r;

	if (reply->outcome != EXCHANGE_REPLIED || !is_good_status(reply->status) ||
		text_starts(buf_text(&reply->body), "{")) {
		r = open_reply(reply, now, &j, ret_verdict);
		if (r == 0)
			return odd(ret_verdict, "CSV");
		return r < 0 ? r : 0;
	}
	csv_init(&f.reader, buf_text(&reply->body), reply->body.len);
	r = csv_next(&f.reader, &f.line);
	f.key = find_column(&f.line, key);
	f.reason = find_column(&f.line, "Import Failure Reason");
	if (r < 0 || (r > 0 && (f.key == f.line.n || f.reason == f.line.n))) {
		csv_done(&f.reader);
		return r == -ENOMEM ? r : odd(ret_verdict, "CSV of failures");
	}
	*ret_verdict = (struct sync_verdict){.kind = SYNC_OK};
	*ret = f;
	return 0;
}

int marketo_failures_next(struct marketo_failures *f, const char **ret_key, const char **ret_reason)
{
	int r;

	do
		r = csv_next(&f->reader, &f->line);
	while (r > 0 && (f->key >= f->line.n || f->reason >= f->line.n));
	if (r > 0) {
		*ret_key = f->line.cells[f->key].text;
		*ret_reason = f->line.cells[f->reason].text;
	}
	return r;
}

void marketo_failures_done(struct marketo_failures *f)
{
	csv_done(&f->reader);
}
