/* SPDX-License-Identifier: BSD-2-Clause */

/* From a record of the source to a row for the target, and the map between them. */

#include <errno.h>

#include "base/mem.h"
#include "sync/convert.h"
#include "test.h"

#define ID    "001D000000IqhSL"
#define ID18  "001D000000IqhSLIAZ"
#define STAMP "2026-11-23T10:00:00.000+0000"
/* 2026-11-23T10:00:00Z: 20,780 days of 86,400 s, and ten hours. */
#define STAMP_USEC ((UINT64_C(20780) * 86400 + 36000) * 1000000)

static struct fields source, account, target;
static struct map map;
static struct sync_settings settings;
static struct row *row;
static struct fault why;

static void field(
	struct fields *f, const char *name, enum field_type type, size_t length, bool writable)
{
	REQUIRE(fields_add(f, name, type, length, writable) == 0);
}

static void clear(void)
{
	row = row_free(row);
	map_done(&map);
	fields_done(&source);
	fields_done(&account);
	fields_done(&target);
	sync_settings_done(&settings);
	settings = (struct sync_settings){.name = NULL};
	why = (struct fault){.kind = FAULT_NONE};
}

/* Two sides that know what the tests below speak of. */
static void sides(const char *key)
{
	clear();
	settings.key = mem_strdup(key);
	settings.objects[SYNC_LEAD] = settings.objects[SYNC_CONTACT] = true;
	field(&source, "Email", FIELD_STRING, 80, true);
	field(&source, "LastName", FIELD_STRING, 80, true);
	field(&source, "Company", FIELD_STRING, 255, true);
	field(&source, "Status", FIELD_STRING, 255, true);
	field(&source, "AnnualRevenue", FIELD_FLOAT, 0, true);
	field(&source, "NumberOfEmployees", FIELD_INTEGER, 0, true);
	field(&source, "HasOptedOutOfEmail", FIELD_BOOLEAN, 0, true);
	field(&source, "Birthdate", FIELD_DATE, 0, true);
	field(&source, "CreatedDate", FIELD_DATETIME, 0, true);
	field(&source, "IsDeleted", FIELD_BOOLEAN, 0, true);
	field(&source, "Region__c", FIELD_STRING, 40, true);
	field(&source, "Place", FIELD_OTHER, 0, true);
	field(&account, "Name", FIELD_STRING, 255, true);
	field(&target, "email", FIELD_STRING, 255, true);
	field(&target, "lastName", FIELD_STRING, 5, true);
	field(&target, "company", FIELD_STRING, 255, true);
	field(&target, "leadStatus", FIELD_STRING, 255, true);
	field(&target, "annualRevenue", FIELD_FLOAT, 0, true);
	field(&target, "numberOfEmployees", FIELD_INTEGER, 0, true);
	field(&target, "unsubscribed", FIELD_BOOLEAN, 0, true);
	field(&target, "dateOfBirth", FIELD_DATE, 0, true);
	field(&target, "created", FIELD_DATETIME, 0, true);
	field(&target, "gone", FIELD_BOOLEAN, 0, true);
	field(&target, "locked", FIELD_STRING, 255, false);
	fields_sort(&source);
	fields_sort(&account);
	fields_sort(&target);
}

static void give(enum sync_object object, const char *from, const char *to)
{
	REQUIRE(params_add(&settings.fields[object], from, to) == 0);
}

static void make(enum sync_object object)
{
	map_done(&map);
	REQUIRE(map_make(object, &settings, &source, &account, &target, &map) == 0);
}

static int convert(const char *members)
{
	_cleanup_(json_freep) struct json *record = NULL;
	char text[1024];

	(void)snprintf(text, sizeof(text), "{\"Id\":\"" ID "\",\"SystemModstamp\":\"" STAMP "\"%s}",
		members);
	REQUIRE(json_parse(text, strlen(text), &record, &why) == 0);
	row = row_free(row);
	return convert_record(&map, &settings, record, &row, &why);
}

static enum map_problem problem(const char *from)
{
	for (size_t i = 0; i < map.n; i++)
		if (strcmp(map.entries[i].from, from) == 0)
			return map.entries[i].problem;
	return _MAP_PROBLEM_MAX;
}

/* --- the map --- */

static void defaults_are_held_against_both_sides(void)
{
	sides("email");
	make(SYNC_LEAD);
	CHECK_INT(problem("Email"), MAP_OK);
	CHECK_INT(problem("LastName"), MAP_TOO_SHORT);
	CHECK_INT(problem("Phone"), MAP_HIDDEN);
	CHECK_INT(problem("Region__c"), _MAP_PROBLEM_MAX);
	CHECK_INT(map.counts[MAP_TOO_SHORT], 1);
	CHECK(names_have(&map.unmapped, "Region__c"));
	CHECK(!names_have(&map.unmapped, "Email"));
	CHECK(!names_have(&map.unmapped, "IsDeleted"));
	CHECK(!names_have(&map.unmapped, "Place"));
	CHECK(!map_blocked(&map, &settings, &why));
	clear();
}

/* Marketo's own map names some fields by what people call them. */
static void some_defaults_are_found_by_their_label(void)
{
	sides("email");
	field(&target, "sfdcIsDeleted", FIELD_BOOLEAN, 0, true);
	field(&target, "custom17", FIELD_DATETIME, 0, true);
	REQUIRE(fields_label(&target, "SFDC Created Date") == 0);
	field(&target, "accountType", FIELD_STRING, 255, false);
	REQUIRE(fields_label(&target, "Account Type") == 0);
	fields_sort(&target);
	make(SYNC_LEAD);
	CHECK_INT(problem("IsDeleted"), MAP_OK);
	CHECK_INT(problem("CreatedDate"), MAP_OK);
	CHECK_INT(problem("IsConverted"), _MAP_PROBLEM_MAX);
	CHECK_INT(
		convert(",\"Email\":\"a@c.example\",\"CreatedDate\":\"2026-11-22T10:00:00.000+0000\""),
		0);
	CHECK(row && strstr(row->json, "\"custom17\":\"2026-11-22T10:00:00Z\""));
	make(SYNC_CONTACT);
	CHECK_INT(problem("Account.Type"), _MAP_PROBLEM_MAX);
	give(SYNC_LEAD, "IsDeleted", "gone");
	make(SYNC_LEAD);
	CHECK_TEXT(map.entries[0].to, "gone");
	CHECK_INT(problem("CreatedDate"), MAP_OK);
	clear();
}

static void what_is_given_wins_and_blocks(void)
{
	static const struct {
		const char *from, *to;
		enum map_problem problem;
		const char *says;
	} cases[] = {
		{"Region__c", "region", MAP_UNKNOWN, "no field region"},
		{"Region__c", "locked", MAP_READ_ONLY, "can't be written"},
		{"Region__c", "created", MAP_TYPE_CLASH, "another type"},
		{"AnnualRevenue", "numberOfEmployees", MAP_TYPE_CLASH, "another type"},
		{"Nowhere__c", "company", MAP_HIDDEN, "Lead.Nowhere__c is not visible"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		sides("email");
		give(SYNC_LEAD, cases[i].from, cases[i].to);
		make(SYNC_LEAD);
		CHECK_INT(problem(cases[i].from), cases[i].problem);
		CHECK(map_blocked(&map, &settings, &why));
		if (!strstr(why.detail, cases[i].says))
			TEST_FAIL("%s", why.detail);
		CHECK_INT(why.kind, FAULT_MISCONFIGURED);
	}
	sides("email");
	give(SYNC_LEAD, "Region__c", "COMPANY");
	make(SYNC_LEAD);
	CHECK_INT(problem("Region__c"), MAP_OK);
	CHECK_INT(problem("Company"), _MAP_PROBLEM_MAX);
	CHECK(!map_blocked(&map, &settings, &why));
	clear();
}

static void what_is_excluded_is_not_sent(void)
{
	sides("email");
	REQUIRE(names_add(&settings.exclude[SYNC_LEAD], "status", 6) == 0);
	make(SYNC_LEAD);
	CHECK_INT(problem("Status"), _MAP_PROBLEM_MAX);
	clear();
}

static void a_hidden_key_blocks(void)
{
	sides("email");
	fields_done(&source);
	field(&source, "Company", FIELD_STRING, 5, true);
	field(&source, "LastName", FIELD_STRING, 5, true);
	field(&source, "Status", FIELD_STRING, 5, true);
	make(SYNC_LEAD);
	CHECK(map_blocked(&map, &settings, &why));
	CHECK(strstr(why.detail, "Lead.Email is not visible"));
	clear();
}

static void what_is_read_is_named_once(void)
{
	struct names l = {0};
	char *joined;

	sides("email");
	fields_done(&target);
	field(&target, "email", FIELD_STRING, 255, true);
	give(SYNC_LEAD, "IsDeleted", "email");
	make(SYNC_LEAD);
	REQUIRE(map_select(&map, &l) == 0);
	joined = names_join(&l, ",");
	CHECK_TEXT(joined, "Id,SystemModstamp,IsDeleted");
	mem_free(joined);
	names_done(&l);
	clear();
}

/* A query that names a field which the user does not see is refused as a whole. */
static void only_what_is_shown_is_read(void)
{
	struct names l = {0};
	char *joined;

	sides("email");
	fields_done(&target);
	fields_done(&source);
	field(&target, "email", FIELD_STRING, 255, true);
	field(&source, "ConvertedContactId", FIELD_STRING, 18, true);
	field(&source, "IsConverted", FIELD_BOOLEAN, 0, true);
	field(&source, "MasterRecordId", FIELD_STRING, 18, true);
	make(SYNC_LEAD);
	REQUIRE(map_select(&map, &l) == 0);
	joined = names_join(&l, ",");
	CHECK_TEXT(joined, "Id,SystemModstamp,MasterRecordId,IsConverted,ConvertedContactId");
	CHECK_INT(map.unseen.n, 1);
	CHECK_TEXT(map.unseen.items[0], "IsDeleted");
	mem_free(joined);
	names_done(&l);
	make(SYNC_CONTACT);
	REQUIRE(map_select(&map, &l) == 0);
	joined = names_join(&l, ",");
	CHECK_TEXT(joined, "Id,SystemModstamp,MasterRecordId");
	mem_free(joined);
	names_done(&l);
	clear();
}

/* --- rows --- */

static void values_take_the_targets_form(void)
{
	sides("email");
	give(SYNC_LEAD, "CreatedDate", "created");
	give(SYNC_LEAD, "Birthdate", "dateOfBirth");
	make(SYNC_LEAD);
	CHECK_INT(
		convert(",\"Email\":\"A.B@C.example\",\"LastName\":\"a\\\"\\n\\u0001\",\"Company\":null,"
			"\"AnnualRevenue\":1000000.5,\"NumberOfEmployees\":12,"
			"\"HasOptedOutOfEmail\":false,\"Birthdate\":\"1970-02-28\","
			"\"CreatedDate\":\"2026-11-23T12:30:00.999+0230\",\"Status\":\"New\""),
		0);
	CHECK_TEXT(row->json,
		"{\"created\":\"2026-11-23T10:00:00Z\",\"dateOfBirth\":\"1970-02-28\","
		"\"annualRevenue\":1000000.5,\"company\":null,\"email\":\"A.B@C.example\","
		"\"unsubscribed\":false,\"lastName\":\"a\\\"\\n\\u0001\",\"numberOfEmployees\":12,"
		"\"leadStatus\":\"New\"}");
	CHECK_INT(row->json_len, strlen(row->json));
	CHECK_INT(row->act, ROW_UPSERT);
	CHECK_TEXT(row->id, ID18);
	CHECK_TEXT(row->key, "a.b@c.example");
	CHECK_INT(row->stamp_usec, STAMP_USEC);
	CHECK(!row->cut);
	clear();
}

static void bulk_lines_give_the_same(void)
{
	static const char csv[] =
		"Id,SystemModstamp,IsDeleted,Email,LastName,NumberOfEmployees,HasOptedOutOfEmail,"
		"Company,AnnualRevenue\n" ID "," STAMP
		",false,a@c.example,\"O\"\"B\",12,true,,1E3\n";
	static struct csv_line columns, line;
	struct csv_reader header, lines;

	sides("email");
	make(SYNC_LEAD);
	csv_init(&header, csv, sizeof(csv) - 1);
	csv_init(&lines, csv, sizeof(csv) - 1);
	REQUIRE(csv_next(&header, &columns) == 1);
	REQUIRE(csv_next(&lines, &line) == 1);
	REQUIRE(csv_next(&lines, &line) == 1);
	REQUIRE(convert_line(&map, &settings, &columns, &line, &row, &why) == 0);
	CHECK_TEXT(row->json,
		"{\"annualRevenue\":1E3,\"company\":null,\"email\":\"a@c.example\","
		"\"unsubscribed\":true,\"lastName\":\"O\\\"B\",\"numberOfEmployees\":12,"
		"\"leadStatus\":null}");
	CHECK_INT(row->act, ROW_UPSERT);
	csv_done(&header);
	csv_done(&lines);
	clear();
}

static void related_fields_are_nested(void)
{
	sides("email");
	make(SYNC_CONTACT);
	CHECK_INT(convert(",\"Email\":\"a@c.example\",\"Account\":{\"Name\":\"Acme\"}"), 0);
	CHECK(strstr(row->json, "\"company\":\"Acme\""));
	CHECK_INT(convert(",\"Email\":\"a@c.example\",\"Account\":null"), 0);
	CHECK(strstr(row->json, "\"company\":null"));
	clear();
}

static void what_is_too_long_is_cut_or_left_out(void)
{
	sides("email");
	settings.on_too_long = SYNC_TOO_LONG_TRUNCATE;
	make(SYNC_LEAD);
	CHECK_INT(
		convert(",\"Email\":\"a@c.example\",\"LastName\":\"\xc3\xa5\xc3\xa4\xc3\xb6xyz\""),
		0);
	CHECK(strstr(row->json, "\"lastName\":\"\xc3\xa5\xc3\xa4\xc3\xb6xy\""));
	CHECK(row->cut);
	settings.on_too_long = SYNC_TOO_LONG_SKIP;
	CHECK_INT(convert(",\"Email\":\"a@c.example\",\"LastName\":\"abcdef\""), 0);
	CHECK(!strstr(row->json, "lastName"));
	CHECK(row->cut);
	CHECK_INT(convert(",\"Email\":\"a@c.example\",\"LastName\":\"abcde\""), 0);
	CHECK(strstr(row->json, "\"lastName\":\"abcde\""));
	CHECK(!row->cut);
	clear();
}

static void long_texts_are_cut_by_bytes(void)
{
	sides("email");
	settings.on_too_long = SYNC_TOO_LONG_TRUNCATE;
	field(&source, "Description", FIELD_TEXT, 0, true);
	field(&target, "mktoPersonNotes", FIELD_TEXT, 5, true);
	fields_sort(&source);
	fields_sort(&target);
	make(SYNC_LEAD);
	CHECK_INT(
		convert(",\"Email\":\"a@c.example\",\"Description\":\"\xc3\xa5\xc3\xa4\xc3\xb6\""),
		0);
	CHECK(strstr(row->json, "\"mktoPersonNotes\":\"\xc3\xa5\xc3\xa4\""));
	CHECK(row->cut);
	CHECK_INT(convert(",\"Email\":\"a@c.example\",\"Description\":\"\xc3\xa5\xc3\xa4x\""), 0);
	CHECK(strstr(row->json, "\"mktoPersonNotes\":\"\xc3\xa5\xc3\xa4x\""));
	CHECK(!row->cut);
	clear();
}

static void what_does_not_fit_is_left_out(void)
{
	sides("email");
	make(SYNC_LEAD);
	CHECK_INT(convert(",\"Email\":\"a@c.example\",\"NumberOfEmployees\":\"many\","
			  "\"HasOptedOutOfEmail\":\"perhaps\",\"Status\":true"),
		0);
	CHECK_TEXT(row->json,
		"{\"annualRevenue\":null,\"company\":null,\"email\":\"a@c.example\","
		"\"lastName\":null,\"leadStatus\":\"true\"}");
	clear();
}

static void a_record_without_the_key_is_skipped(void)
{
	sides("email");
	make(SYNC_LEAD);
	CHECK_INT(convert(",\"Email\":null"), 0);
	CHECK_INT(row->act, ROW_SKIP);
	CHECK_TEXT(row->why, "without a value for the key");
	clear();
}

static void with_ids_as_keys_the_id_is_sent(void)
{
	sides("salesforceId");
	make(SYNC_LEAD);
	CHECK_INT(convert(",\"Email\":null"), 0);
	CHECK_INT(row->act, ROW_UPSERT);
	CHECK_TEXT(row->key, ID18);
	CHECK(strstr(row->json, "\"salesforceId\":\"" ID18 "\""));
	clear();
}

static void deleted_records_go_as_configured(void)
{
	static const char gone[] =
		",\"Email\":\"a@c.example\",\"Status\":\"New\",\"IsDeleted\":true";

	sides("email");
	settings.deletes = SYNC_DELETES_DELETE;
	make(SYNC_LEAD);
	CHECK_INT(convert(gone), 0);
	CHECK_INT(row->act, ROW_DELETE);
	CHECK_TEXT(row->key, "a@c.example");
	settings.deletes = SYNC_DELETES_IGNORE;
	CHECK_INT(convert(gone), 0);
	CHECK_INT(row->act, ROW_SKIP);
	settings.deletes = SYNC_DELETES_FLAG;
	CHECK_INT(convert(gone), 0);
	CHECK_INT(row->act, ROW_SKIP);
	CHECK(strstr(row->why, "IsDeleted goes to no field"));
	give(SYNC_LEAD, "IsDeleted", "gone");
	make(SYNC_LEAD);
	CHECK_INT(convert(gone), 0);
	CHECK_INT(row->act, ROW_FLAG);
	CHECK_TEXT(row->json, "{\"gone\":true,\"email\":\"a@c.example\"}");
	clear();
}

static void a_converted_lead_stays_one_person(void)
{
	static const char converted[] =
		",\"Email\":\"a@c.example\",\"IsConverted\":true,\"ConvertedContactId\":\"003D000000IqhSL\"";

	sides("email");
	make(SYNC_LEAD);
	CHECK_INT(convert(converted), 0);
	CHECK_INT(row->act, ROW_SKIP);
	CHECK_TEXT(row->why, "converted: the contact brings it");
	settings.objects[SYNC_CONTACT] = false;
	CHECK_INT(convert(converted), 0);
	CHECK_INT(row->act, ROW_UPSERT);
	sides("salesforceId");
	make(SYNC_LEAD);
	CHECK_INT(convert(converted), 0);
	CHECK_INT(row->act, ROW_REKEY);
	CHECK_TEXT(row->key, ID18);
	CHECK_TEXT(row->new_key, "003D000000IqhSLIAZ");
	clear();
}

static void a_record_that_is_none_is_told(void)
{
	_cleanup_(json_freep) struct json *record = NULL;
	static const char text[] = "{\"Id\":\"" ID "\",\"SystemModstamp\":\"yesterday\"}";

	sides("email");
	make(SYNC_LEAD);
	REQUIRE(json_parse(text, sizeof(text) - 1, &record, &why) == 0);
	CHECK_INT(convert_record(&map, &settings, record, &row, &why), -EBADMSG);
	CHECK_INT(why.kind, FAULT_PROTOCOL);
	clear();
}

static unsigned allowed;

static bool refuse_after_allowed(size_t size)
{
	(void)size;
	return allowed == 0 || allowed-- == 0;
}

static void each_allocation_may_fail(void)
{
	_cleanup_(json_freep) struct json *record = NULL;
	static const char text[] = "{\"Id\":\"" ID "\",\"SystemModstamp\":\"" STAMP
				   "\",\"Email\":\"a@c.example\",\"LastName\":\"b\"}";
	int r = -ENOMEM;

	sides("email");
	for (unsigned n = 0; r == -ENOMEM && n < 1000; n++) {
		allowed = n;
		mem_set_failure(refuse_after_allowed);
		r = map_make(SYNC_LEAD, &settings, &source, &account, &target, &map);
		mem_set_failure(NULL);
	}
	REQUIRE(r == 0);
	REQUIRE(json_parse(text, sizeof(text) - 1, &record, &why) == 0);
	r = -ENOMEM;
	for (unsigned n = 0; r == -ENOMEM && n < 1000; n++) {
		allowed = n;
		mem_set_failure(refuse_after_allowed);
		r = convert_record(&map, &settings, record, &row, &why);
		mem_set_failure(NULL);
	}
	CHECK_INT(r, 0);
	clear();
}

static const struct test tests[] = {
	{"the default map is held against what both sides have",
		defaults_are_held_against_both_sides},
	{"a field of the configuration replaces defaults, and blocks where it can't work",
		what_is_given_wins_and_blocks},
	{"a field that is excluded is not sent", what_is_excluded_is_not_sent},
	{"a key that the source hides blocks", a_hidden_key_blocks},
	{"what is read of a record is named once", what_is_read_is_named_once},
	{"some defaults are found by their label", some_defaults_are_found_by_their_label},
	{"only what the source shows is read", only_what_is_shown_is_read},
	{"values take the target's form", values_take_the_targets_form},
	{"a line of bulk results gives the same", bulk_lines_give_the_same},
	{"fields of the account are nested", related_fields_are_nested},
	{"a text that is too long is cut or left out, never silently",
		what_is_too_long_is_cut_or_left_out},
	{"a long text is cut by bytes, never within a character", long_texts_are_cut_by_bytes},
	{"a value that does not fit its field is left out", what_does_not_fit_is_left_out},
	{"a record without a value for the key is skipped", a_record_without_the_key_is_skipped},
	{"with ids as keys the id is sent", with_ids_as_keys_the_id_is_sent},
	{"deleted records are flagged, deleted or left, as configured",
		deleted_records_go_as_configured},
	{"a converted lead stays one person", a_converted_lead_stays_one_person},
	{"what is no record is told", a_record_that_is_none_is_told},
	{"each allocation may fail", each_allocation_may_fail},
};

TEST_MAIN(tests)
