/* SPDX-License-Identifier: BSD-2-Clause */

/* The settings of a sync on their way to the process that does the work. */

#include <errno.h>

#include "base/mem.h"
#include "sync/settings.h"
#include "test.h"

static const char whole[] =
	"{\"name\":\"crm\",\"from\":\"sf\",\"to\":\"mk\",\"source_url\":\"https://a.example\","
	"\"target_url\":\"https://b.example\",\"key\":\"email\",\"objects\":{\"lead\":{\"fields\":"
	"{\"Region__c\":\"region\"},\"exclude\":[]},\"contact\":{\"fields\":{},\"exclude\":"
	"[\"Birthdate\"]}},\"on_too_long\":\"truncate\",\"deletes\":\"delete\",\"start_auto\":true,"
	"\"native_sync_ignored\":false,\"every_usec\":300000000,"
	"\"rows_for_bulk\":50000,\"quota_source\":50,\"quota_target\":20}";

static int read_text(const char *text, struct sync_settings *ret)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct fault why = {.kind = FAULT_NONE};
	int r;

	REQUIRE(json_parse(text, strlen(text), &j, &why) == 0);
	r = sync_settings_read(j, ret, &why);
	if (r == -EBADMSG)
		CHECK_INT(why.kind, FAULT_INTERNAL);
	return r;
}

static void what_is_read_is_there(void)
{
	struct sync_settings s = {.name = NULL};

	REQUIRE(read_text(whole, &s) == 0);
	CHECK_TEXT(s.name, "crm");
	CHECK_TEXT(s.target_url, "https://b.example");
	CHECK(s.objects[SYNC_LEAD] && s.objects[SYNC_CONTACT]);
	CHECK_TEXT(params_get(&s.fields[SYNC_LEAD], "Region__c"), "region");
	CHECK(names_have(&s.exclude[SYNC_CONTACT], "Birthdate"));
	CHECK_INT(s.on_too_long, SYNC_TOO_LONG_TRUNCATE);
	CHECK_INT(s.deletes, SYNC_DELETES_DELETE);
	CHECK(s.start_auto && !s.native_sync_ignored);
	CHECK_INT(s.every_usec, 300000000);
	CHECK_INT(s.quota_source, 50);
	CHECK_INT(s.quota_target, 20);
	CHECK(!sync_key_is_id(&s));
	sync_settings_done(&s);
}

static void what_is_written_is_what_was_read(void)
{
	struct sync_settings s = {.name = NULL};
	_cleanup_(json_freep) struct json *j = NULL;
	_cleanup_(mem_freep) char *text = NULL;

	REQUIRE(read_text(whole, &s) == 0);
	j = sync_settings_write(&s);
	text = json_print(j, false);
	CHECK_TEXT(text, whole);
	sync_settings_done(&s);
}

/* @text with the first @from replaced by @to. */
static void spoil(const char *from, const char *to, char *ret, size_t size)
{
	const char *at = strstr(whole, from);

	REQUIRE(at != NULL);
	(void)snprintf(ret, size, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
}

static void what_is_no_setting_is_refused(void)
{
	static const struct {
		const char *from, *to;
	} changes[] = {
		{"\"name\":\"crm\",", ""},
		{"\"truncate\"", "\"cut\""},
		{"\"deletes\":\"delete\"", "\"deletes\":7"},
		{"\"start_auto\":true", "\"start_auto\":\"yes\""},
		{"\"quota_source\":50", "\"quota_source\":101"},
		{"\"Region__c\":\"region\"", "\"Region__c\":1"},
		{"[\"Birthdate\"]", "[false]"},
	};
	struct sync_settings s = {.name = NULL};
	char text[1024];

	for (size_t i = 0; i < ELEMENTS(changes); i++) {
		spoil(changes[i].from, changes[i].to, text, sizeof(text));
		CHECK_INT(read_text(text, &s), -EBADMSG);
		CHECK(s.name == NULL);
	}
}

static void another_key_holds_the_id(void)
{
	struct sync_settings s = {.name = NULL};
	char text[1024];

	spoil("\"key\":\"email\"", "\"key\":\"salesforceId\"", text, sizeof(text));
	REQUIRE(read_text(text, &s) == 0);
	CHECK(sync_key_is_id(&s));
	sync_settings_done(&s);
}

static const struct test tests[] = {
	{"what is read is there", what_is_read_is_there},
	{"what is written is what was read", what_is_written_is_what_was_read},
	{"what is no setting is refused, with nothing read", what_is_no_setting_is_refused},
	{"a key other than email holds the id of the source", another_key_holds_the_id},
};

TEST_MAIN(tests)
