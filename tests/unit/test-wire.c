/* SPDX-License-Identifier: BSD-2-Clause */
/* Varlink messages: what is read, what is refused, what is built, and that the interface files say
 * the same as the tables. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "test.h"
#include "wire/wire.h"

static int parse(
	const char *frame, struct wire_call *ret, enum wire_error *ret_error, struct fault *reterr)
{
	return wire_parse_call(frame, strlen(frame), ret, ret_error, reterr);
}

static void a_call_is_read(void)
{
	struct wire_call c = {0};
	enum wire_error error = WIRE_OK;

	REQUIRE(parse("{\"method\":\"org.grantd.Control.GetToken\",\"parameters\":{\"name\":\"sf\"}}",
			&c, &error, NULL) == 0);
	CHECK_INT(c.method, WIRE_GET_TOKEN);
	CHECK_TEXT(json_get_text(c.parameters, "name"), "sf");
	CHECK(!c.more);
	CHECK(!c.oneway);
	wire_call_done(&c);
	CHECK(c.json == NULL);
}

static void flags_are_read_and_null_is_absent(void)
{
	struct wire_call c = {0};
	enum wire_error error;

	REQUIRE(parse("{\"method\":\"org.grantd.Status.Watch\",\"more\":true,\"oneway\":null,"
		      "\"upgrade\":false,\"parameters\":null}",
			&c, &error, NULL) == 0);
	CHECK_INT(c.method, WIRE_STATUS_WATCH);
	CHECK(c.more);
	CHECK(!c.oneway);
	CHECK(c.parameters == NULL);
	wire_call_done(&c);
}

static void what_is_no_call_is_refused(void)
{
	static const char *const frames[] = {
		"",
		"x",
		"[]",
		"\"org.grantd.Status.Get\"",
		"{}",
		"{\"method\":7}",
		"{\"method\":null}",
		"{\"parameters\":{}}",
		"{\"method\":\"org.grantd.Status.Get\",\"parameters\":[]}",
		"{\"method\":\"org.grantd.Status.Get\",\"more\":1}",
		"{\"method\":\"org.grantd.Status.Get\",\"more\":true,\"oneway\":true}",
		"{\"method\":\"org.grantd.Status.Get\",\"upgrade\":true}",
		"{\"method\":\"org.grantd.Status.Get\",\"Parameters\":{}}",
		"{\"method\":\"org.grantd.Status.Get\",\"method\":\"org.grantd.Status.Get\"}",
		"{\"method\":\"org.grantd.Status.Get\"} x",
	};

	for (size_t i = 0; i < ELEMENTS(frames); i++) {
		struct wire_call c = {.method = WIRE_RELOAD};
		enum wire_error error = WIRE_OK;

		if (parse(frames[i], &c, &error, NULL) != -EBADMSG)
			TEST_FAIL("not refused: %s", frames[i]);
		CHECK_INT(c.method, WIRE_RELOAD);
		CHECK(c.json == NULL);
	}
}

static void an_oversized_call_is_refused(void)
{
	static const char head[] = "{\"method\":\"org.grantd.Control.Reload\"";
	_cleanup_(mem_freep) char *frame = mem_alloc(WIRE_FRAME_MAX + 2);
	enum wire_error error;
	struct wire_call c = {0};

	REQUIRE(frame);
	for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
		frame[i] = ' ';
	memcpy(frame, head, strlen(head));
	frame[WIRE_FRAME_MAX - 1] = '}';
	CHECK_INT(wire_parse_call(frame, WIRE_FRAME_MAX, &c, &error, NULL), 0);
	wire_call_done(&c);
	frame[WIRE_FRAME_MAX] = ' ';
	CHECK_INT(wire_parse_call(frame, WIRE_FRAME_MAX + 1, &c, &error, NULL), -EBADMSG);
}

static void an_unknown_method_is_named(void)
{
	struct wire_call c = {0};
	enum wire_error error = WIRE_OK;
	struct fault f = {0};

	CHECK_INT(parse("{\"method\":\"org.grantd.Status.Set\",\"oneway\":true}", &c, &error, &f),
		-ENOENT);
	CHECK_INT(error, WIRE_METHOD_NOT_FOUND);
	CHECK_TEXT(f.detail, "org.grantd.Status.Set");
	CHECK(c.oneway);
	CHECK(c.json == NULL);
}

static void an_unknown_interface_is_named(void)
{
	static const struct {
		const char *frame, *interface;
	} cases[] = {
		{"{\"method\":\"org.example.Get\"}", "org.example"},
		{"{\"method\":\"org.grantd.StatusX.Get\"}", "org.grantd.StatusX"},
		{"{\"method\":\"Get\"}", "Get"},
		{"{\"method\":\"\"}", ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct wire_call c = {0};
		enum wire_error error = WIRE_OK;
		struct fault f = {0};

		CHECK_INT(parse(cases[i].frame, &c, &error, &f), -ENOENT);
		CHECK_INT(error, WIRE_INTERFACE_NOT_FOUND);
		CHECK_TEXT(f.detail, cases[i].interface);
		CHECK(!c.oneway);
	}
}

static void a_call_is_built(void)
{
	struct buf b = BUF(1000);
	struct wire_named n = {.name = "sf", .min_valid_given = true, .min_valid_s = 300};
	struct json *p = wire_named_parameters(WIRE_GET_TOKEN, &n);

	CHECK_INT(wire_build_call(WIRE_GET_TOKEN, p, false, &b), 0);
	CHECK_TEXT(b.data,
		"{\"method\":\"org.grantd.Control.GetToken\",\"parameters\":"
		"{\"name\":\"sf\",\"min_valid_s\":300}}");
	CHECK_INT(b.len, strlen(b.data) + 1); /* the NUL is part of it */
	buf_done(&b);
	json_free(p);
	CHECK_INT(wire_build_call(WIRE_STATUS_WATCH, NULL, true, &b), 0);
	CHECK_TEXT(
		b.data, "{\"method\":\"org.grantd.Status.Watch\",\"parameters\":{},\"more\":true}");
	buf_done(&b);
}

static void a_call_over_the_cap_is_not_built(void)
{
	struct buf b = BUF(20);

	CHECK_INT(wire_build_call(WIRE_RELOAD, NULL, false, &b), -EMSGSIZE);
	buf_done(&b);
}

static void replies_are_built(void)
{
	struct buf b = BUF(1000);
	struct json *p = wire_refresh_reply("2026-11-23T21:30:10Z");

	CHECK_INT(wire_build_reply(p, false, &b), 0);
	CHECK_TEXT(b.data, "{\"parameters\":{\"expires_at\":\"2026-11-23T21:30:10Z\"}}");
	CHECK_INT(b.len, strlen(b.data) + 1);
	buf_done(&b);
	json_free(p);
	p = wire_invalidate_reply(true, false, NULL);
	CHECK_INT(wire_build_reply(p, false, &b), 0);
	CHECK_TEXT(b.data,
		"{\"parameters\":{\"refreshed\":true,\"unchanged\":false,\"expires_at\":null}}");
	buf_done(&b);
	json_free(p);
	CHECK_INT(wire_build_reply(NULL, true, &b), 0);
	CHECK_TEXT(b.data, "{\"parameters\":{},\"continues\":true}");
	buf_done(&b);
}

static void errors_are_built_with_their_parameter(void)
{
	static const struct {
		enum wire_error error;
		const char *frame;
	} cases[] = {
		{WIRE_NOT_PERMITTED, "{\"error\":\"org.grantd.NotPermitted\",\"parameters\":{}}"},
		{WIRE_NO_SUCH_CONNECTION,
			"{\"error\":\"org.grantd.NoSuchConnection\",\"parameters\":{\"name\":\"x\"}"
			"}"},
		{WIRE_TIMED_OUT, "{\"error\":\"org.grantd.TimedOut\",\"parameters\":{}}"},
		{WIRE_BUSY, "{\"error\":\"org.grantd.Busy\",\"parameters\":{}}"},
		{WIRE_BAD_REQUEST,
			"{\"error\":\"org.grantd.BadRequest\",\"parameters\":{\"detail\":\"x\"}}"},
		{WIRE_INVALID_CONFIGURATION,
			"{\"error\":\"org.grantd.InvalidConfiguration\",\"parameters\":"
			"{\"detail\":\"x\"}}"},
		{WIRE_INTERFACE_NOT_FOUND,
			"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":"
			"{\"interface\":\"x\"}}"},
		{WIRE_METHOD_NOT_FOUND,
			"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":"
			"{\"method\":\"x\"}}"},
		{WIRE_INVALID_PARAMETER,
			"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":"
			"{\"parameter\":\"x\"}}"},
		{WIRE_EXPECTED_MORE,
			"{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct buf b = BUF(1000);

		CHECK_INT(wire_build_error_text(cases[i].error, "x", &b), 0);
		CHECK_TEXT(b.data, cases[i].frame);
		CHECK_INT(b.len, strlen(b.data) + 1);
		buf_done(&b);
	}
}

static void not_usable_tells_kind_detail_and_retry(void)
{
	struct buf b = BUF(1000);
	struct json *p = wire_not_usable(FAULT_DENIED, "the person said no", NULL);

	CHECK_INT(wire_build_error(WIRE_NOT_USABLE, p, &b), 0);
	CHECK_TEXT(b.data,
		"{\"error\":\"org.grantd.NotUsable\",\"parameters\":{\"kind\":\"denied\","
		"\"detail\":\"the person said no\",\"retry_at\":null}}");
	buf_done(&b);
	json_free(p);
}

static void a_reply_is_read(void)
{
	static const char frame[] = "{\"parameters\":{\"a\":1},\"continues\":true}";
	struct wire_reply r = {0};

	REQUIRE(wire_parse_reply(frame, strlen(frame), &r) == 0);
	CHECK_INT(r.error, WIRE_OK);
	CHECK(r.error_name == NULL);
	CHECK(r.continues);
	CHECK_INT(json_count(r.parameters), 1);
	wire_reply_done(&r);
	REQUIRE(wire_parse_reply("{}", 2, &r) == 0);
	CHECK(r.parameters == NULL);
	CHECK(!r.continues);
	wire_reply_done(&r);
}

static void an_error_reply_is_read(void)
{
	static const char known[] = "{\"error\":\"org.grantd.Busy\"}";
	static const char unknown[] = "{\"error\":\"org.grantd.OnFire\"}";
	struct wire_reply r = {0};

	REQUIRE(wire_parse_reply(known, strlen(known), &r) == 0);
	CHECK_INT(r.error, WIRE_BUSY);
	CHECK_TEXT(r.error_name, "org.grantd.Busy");
	wire_reply_done(&r);
	REQUIRE(wire_parse_reply(unknown, strlen(unknown), &r) == 0);
	CHECK_INT(r.error, WIRE_BAD_REQUEST);
	CHECK_TEXT(r.error_name, "org.grantd.OnFire");
	wire_reply_done(&r);
}

static void what_is_no_reply_is_refused(void)
{
	static const char *const frames[] = {
		"",
		"HTTP/1.1 200 OK",
		"[]",
		"{\"parameters\":1}",
		"{\"continues\":\"yes\"}",
		"{\"error\":{}}",
		"{\"method\":\"org.grantd.Status.Get\"}",
	};

	for (size_t i = 0; i < ELEMENTS(frames); i++) {
		struct wire_reply r = {0};

		if (wire_parse_reply(frames[i], strlen(frames[i]), &r) != -EBADMSG)
			TEST_FAIL("not refused: %s", frames[i]);
		CHECK(r.json == NULL);
	}
}

/* Read @text as parameters of @method; returns the parameter that is found bad, NULL for none. */
static const char *bad_parameter(enum wire_method method, const char *text)
{
	static char told[100];
	struct json *j = NULL;
	struct wire_named n;
	const char *bad;
	int r;

	REQUIRE(json_parse(text, strlen(text), &j, NULL) == 0);
	r = wire_read_named(method, j, &n, &bad);
	if (r < 0)
		(void)snprintf(told, sizeof(told), "%s", bad);
	json_free(j);
	return r < 0 ? told : NULL;
}

static void parameters_are_read(void)
{
	static const char token[] = "{\"name\":\"sf\",\"min_valid_s\":9007199254740992}";
	static const char login[] = "{\"name\":\"sf\",\"wait\":true,\"cancel\":null}";
	static const char paste[] = "{\"name\":\"sf\",\"address\":\"code=x\",\"code_only\":true}";
	static const char revoke[] = "{\"name\":\"sf\",\"keep\":true}";
	static const char confirm[] = "{\"name\":\"sf\",\"replace\":true}";
	struct wire_named n;
	const char *bad;
	struct json *j;

	REQUIRE(json_parse(token, strlen(token), &j, NULL) == 0);
	CHECK_INT(wire_read_named(WIRE_GET_TOKEN, j, &n, &bad), 0);
	CHECK_TEXT(n.name, "sf");
	CHECK(n.min_valid_given);
	CHECK_INT(n.min_valid_s, INT64_C(9007199254740992));
	json_free(j);
	REQUIRE(json_parse(login, strlen(login), &j, NULL) == 0);
	CHECK_INT(wire_read_named(WIRE_LOGIN, j, &n, &bad), 0);
	CHECK(n.wait && !n.cancel && !n.keep && !n.min_valid_given);
	CHECK(!n.address && !n.code_only);
	json_free(j);
	REQUIRE(json_parse(paste, strlen(paste), &j, NULL) == 0);
	CHECK_INT(wire_read_named(WIRE_PASTE, j, &n, &bad), 0);
	CHECK_TEXT(n.address, "code=x");
	CHECK(n.code_only);
	json_free(j);
	REQUIRE(json_parse(revoke, strlen(revoke), &j, NULL) == 0);
	CHECK_INT(wire_read_named(WIRE_REVOKE, j, &n, &bad), 0);
	CHECK(n.keep && !n.wait && !n.replace);
	json_free(j);
	REQUIRE(json_parse(confirm, strlen(confirm), &j, NULL) == 0);
	CHECK_INT(wire_read_named(WIRE_CONFIRM, j, &n, &bad), 0);
	CHECK(n.replace && !n.keep);
	json_free(j);
}

static void parameters_of_the_wrong_kind_are_named(void)
{
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{}"), "name");
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":null}"), "name");
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":7}"), "name");
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":\"a\",\"min_valid_s\":-1}"),
		"min_valid_s");
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":\"a\",\"min_valid_s\":1.5}"),
		"min_valid_s");
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":\"a\",\"min_valid_s\":\"1\"}"),
		"min_valid_s");
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":\"a\",\"min_valid_s\":1e19}"),
		"min_valid_s");
	CHECK_TEXT(bad_parameter(WIRE_LOGIN, "{\"name\":\"a\",\"wait\":1}"), "wait");
	CHECK_TEXT(bad_parameter(WIRE_PASTE, "{\"name\":\"a\"}"), "address");
	CHECK_TEXT(bad_parameter(WIRE_PASTE, "{\"name\":\"a\",\"address\":null}"), "address");
	CHECK_TEXT(bad_parameter(WIRE_REVOKE, "{\"name\":\"a\",\"keep\":\"true\"}"), "keep");
}

static void unknown_parameters_are_named(void)
{
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":\"a\",\"keep\":true}"), "keep");
	CHECK_TEXT(bad_parameter(WIRE_REFRESH, "{\"name\":\"a\",\"Name\":\"b\"}"), "Name");
	CHECK_TEXT(bad_parameter(WIRE_REJECT, "{\"name\":\"a\",\"replace\":true}"), "replace");
	CHECK_TEXT(bad_parameter(WIRE_LOGIN, "{\"name\":\"a\",\"code\":\"WDJB\"}"), "code");
	CHECK_TEXT(bad_parameter(WIRE_GET_TOKEN, "{\"name\":\"a\"}"), NULL);
}

static void reload_takes_no_parameter(void)
{
	const char *bad = NULL;
	struct json *j = json_new_object();

	CHECK_INT(wire_check(WIRE_RELOAD, NULL, &bad), 0);
	CHECK_INT(wire_check(WIRE_RELOAD, j, &bad), 0);
	REQUIRE(json_add(j, "now", json_new_bool(true)) == 0);
	CHECK_INT(wire_check(WIRE_RELOAD, j, &bad), -EINVAL);
	CHECK_TEXT(bad, "now");
	json_free(j);
}

static void only_parameters_of_the_method_are_built(void)
{
	const struct wire_named all = {.name = "a",
		.min_valid_given = true,
		.min_valid_s = 1,
		.keep = true,
		.cancel = true,
		.replace = true,
		.wait = true,
		.address = "http://h/?code=\"",
		.code_only = true};
	static const struct {
		enum wire_method method;
		const char *text;
	} cases[] = {
		{WIRE_GET_TOKEN, "{\"name\":\"a\",\"min_valid_s\":1}"},
		{WIRE_LOGIN, "{\"name\":\"a\",\"cancel\":true,\"wait\":true}"},
		{WIRE_PASTE,
			"{\"name\":\"a\",\"address\":\"http://h/?code=\\\"\",\"code_only\":true}"},
		{WIRE_REFRESH, "{\"name\":\"a\"}"},
		{WIRE_CONFIRM, "{\"name\":\"a\",\"replace\":true}"},
		{WIRE_REJECT, "{\"name\":\"a\"}"},
		{WIRE_REVOKE, "{\"name\":\"a\",\"keep\":true}"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct json *j = wire_named_parameters(cases[i].method, &all);
		char *text = json_print(j, false);

		CHECK_TEXT(text, cases[i].text);
		(void)mem_free(text);
		json_free(j);
	}
}

static void names_go_both_ways(void)
{
	struct names have = {0}, read = {0};
	const char *bad;
	struct json *j;

	j = wire_names_parameters(&have);
	CHECK_INT(json_count(j), 0);
	CHECK_INT(wire_read_names(WIRE_STATUS_GET, j, &read, &bad), 0);
	CHECK_INT(read.n, 0);
	json_free(j);
	REQUIRE(names_add(&have, "b", 1) == 0 && names_add(&have, "a", 1) == 0);
	j = wire_names_parameters(&have);
	CHECK_INT(wire_read_names(WIRE_STATUS_WATCH, j, &read, &bad), 0);
	REQUIRE(read.n == 2);
	CHECK_TEXT(read.items[0], "b");
	CHECK_TEXT(read.items[1], "a");
	names_done(&read);
	names_done(&have);
	json_free(j);
}

static void names_must_be_texts(void)
{
	static const char *const cases[] = {"{\"names\":\"a\"}", "{\"names\":[\"a\",1]}",
		"{\"names\":{\"a\":\"b\"}}", "{\"names\":[[\"a\"]]}"};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct names read = {0};
		const char *bad = NULL;
		struct json *j;

		REQUIRE(json_parse(cases[i], strlen(cases[i]), &j, NULL) == 0);
		CHECK_INT(wire_read_names(WIRE_STATUS_GET, j, &read, &bad), -EINVAL);
		CHECK_TEXT(bad, "names");
		CHECK_INT(read.n, 0);
		json_free(j);
	}
}

static void login_replies_go_both_ways(void)
{
	struct json *approval = json_new_object();
	struct wire_login l = {.state = "awaiting_approval", .approval = approval}, read;
	const char *bad;
	struct json *j;

	REQUIRE(json_add(approval, "kind", json_new_text("device")) == 0);
	j = wire_login_reply(&l);
	CHECK_INT(wire_read_login(j, &read, &bad), 0);
	CHECK_TEXT(read.state, "awaiting_approval");
	CHECK(!read.usable);
	CHECK_TEXT(json_get_text(read.approval, "kind"), "device");
	json_free(j);
	l = (struct wire_login){.state = "ready", .usable = true};
	j = wire_login_reply(&l);
	CHECK_INT(wire_read_login(j, &read, &bad), 0);
	CHECK(read.usable);
	CHECK(read.approval == NULL);
	json_free(j);
	json_free(approval);
}

static void a_login_reply_must_be_whole(void)
{
	struct wire_login read;
	const char *bad = NULL;
	struct json *j = json_new_object();

	CHECK_INT(wire_read_login(NULL, &read, &bad), -EINVAL);
	CHECK_TEXT(bad, "state");
	REQUIRE(json_add(j, "state", json_new_text("ready")) == 0);
	CHECK_INT(wire_read_login(j, &read, &bad), -EINVAL);
	CHECK_TEXT(bad, "usable");
	REQUIRE(json_add(j, "usable", json_new_bool(true)) == 0);
	CHECK_INT(wire_read_login(j, &read, &bad), 0);
	REQUIRE(json_add(j, "approval", json_new_text("yes")) == 0);
	CHECK_INT(wire_read_login(j, &read, &bad), -EINVAL);
	CHECK_TEXT(bad, "approval");
	json_free(j);
}

static void a_token_reply_is_built(void)
{
	struct names scopes = {0};
	struct json *extra = json_new_object();
	struct wire_token t = {.access_token = "at-1",
		.token_type = "Bearer",
		.expires_at = "2026-11-23T21:30:10Z",
		.scopes = &scopes,
		.extra = extra};
	struct json *j;
	char *text;

	REQUIRE(names_add(&scopes, "api", 3) == 0);
	REQUIRE(json_add(extra, "instance_url", json_new_text("https://a.example")) == 0);
	j = wire_token_reply(&t);
	text = json_print(j, false);
	CHECK_TEXT(text,
		"{\"access_token\":\"at-1\",\"token_type\":\"Bearer\","
		"\"expires_at\":\"2026-11-23T21:30:10Z\",\"scopes\":[\"api\"],"
		"\"extra\":{\"instance_url\":\"https://a.example\"}}");
	(void)mem_free(text);
	json_free(j);
	t.expires_at = NULL;
	t.extra = NULL;
	names_done(&scopes);
	j = wire_token_reply(&t);
	text = json_print(j, false);
	CHECK_TEXT(text,
		"{\"access_token\":\"at-1\",\"token_type\":\"Bearer\",\"expires_at\":null,"
		"\"scopes\":[],\"extra\":{}}");
	(void)mem_free(text);
	json_free(j);
	json_free(extra);
}

/* What wire_answer_service() answers to @frame, as a reply. */
static void answer(const char *frame, bool control, struct wire_reply *ret)
{
	struct buf b = BUF(100000);
	struct wire_call c = {0};
	enum wire_error error;

	REQUIRE(parse(frame, &c, &error, NULL) == 0);
	REQUIRE(wire_answer_service(&c, control, "1.2", &b) == 0);
	REQUIRE(wire_parse_reply(b.data, b.len - 1, ret) == 0);
	wire_call_done(&c);
	buf_done(&b);
}

static void the_service_tells_who_it_is(void)
{
	static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":"
				   "{\"whatever\":1}}";
	struct wire_reply r = {0};
	const struct json *list;

	answer(call, true, &r);
	CHECK_TEXT(json_get_text(r.parameters, "product"), "grantd");
	CHECK_TEXT(json_get_text(r.parameters, "vendor"), "grantd");
	CHECK_TEXT(json_get_text(r.parameters, "version"), "1.2");
	CHECK(json_get_text(r.parameters, "url") != NULL);
	list = json_get(r.parameters, "interfaces");
	CHECK_INT(json_count(list), 5);
	CHECK_TEXT(json_text(json_at(list, 0)), "org.varlink.service");
	CHECK_TEXT(json_text(json_at(list, 1)), "org.grantd");
	CHECK_TEXT(json_text(json_at(list, 2)), "org.grantd.Status");
	CHECK_TEXT(json_text(json_at(list, 3)), "org.grantd.Sync");
	CHECK_TEXT(json_text(json_at(list, 4)), "org.grantd.Control");
	wire_reply_done(&r);
	answer(call, false, &r);
	CHECK_INT(json_count(json_get(r.parameters, "interfaces")), 4);
	wire_reply_done(&r);
}

#define DESCRIBE(interface) \
	"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":" \
	"{\"interface\":\"" interface "\"}}"

static void the_service_describes_its_interfaces(void)
{
	struct wire_reply r = {0};

	answer(DESCRIBE("org.grantd.Control"), true, &r);
	CHECK_INT(r.error, WIRE_OK);
	CHECK_TEXT(json_get_text(r.parameters, "description"),
		wire_interface_description("org.grantd.Control"));
	wire_reply_done(&r);
	answer(DESCRIBE("org.grantd.Control"), false, &r);
	CHECK_INT(r.error, WIRE_INTERFACE_NOT_FOUND);
	CHECK_TEXT(json_get_text(r.parameters, "interface"), "org.grantd.Control");
	wire_reply_done(&r);
	answer(DESCRIBE("org.example"), true, &r);
	CHECK_INT(r.error, WIRE_INTERFACE_NOT_FOUND);
	wire_reply_done(&r);
	answer("{\"method\":\"org.varlink.service.GetInterfaceDescription\"}", true, &r);
	CHECK_INT(r.error, WIRE_INVALID_PARAMETER);
	CHECK_TEXT(json_get_text(r.parameters, "parameter"), "interface");
	wire_reply_done(&r);
}

static void error_names_go_both_ways(void)
{
	enum wire_error error = WIRE_OK;

	CHECK_TEXT(wire_error_name(WIRE_OK), NULL);
	for (unsigned i = WIRE_OK + 1; i < _WIRE_ERROR_MAX; i++) {
		CHECK_INT(wire_error_from_name(wire_error_name((enum wire_error)i), &error), 0);
		CHECK_INT(error, i);
	}
	CHECK_INT(wire_error_from_name("org.grantd.Nothing", &error), -EINVAL);
	CHECK_INT(wire_error_from_name(NULL, &error), -EINVAL);
}

/* The declaration of @info's call by the table, as the interface language writes it. */
static void declare(const struct wire_method_info *info, struct buf *b)
{
	static const char *const types[] = {
		[WIRE_TYPE_TEXT] = "string",
		[WIRE_TYPE_INT] = "int",
		[WIRE_TYPE_BOOL] = "bool",
		[WIRE_TYPE_TEXTS] = "[]string",
		[WIRE_TYPE_OBJECT] = "object",
	};

	bool broken = info == wire_method_info(WIRE_SYNC_REPORT); /* into lines */
	const char *separator = broken ? ",\n  " : ", ";

	(void)buf_printf(b, "\nmethod %s(%s", info->name, broken ? "\n  " : "");
	for (const struct wire_parameter *p = info->parameters; p->name; p++)
		(void)buf_printf(b, "%s%s: %s%s", p == info->parameters ? "" : separator, p->name,
			p->optional ? "?" : "", types[p->type]);
	REQUIRE(buf_add_text(b, broken ? "\n) -> (" : ") -> (") == 0);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

static const char *const our_interfaces[] = {"org.varlink.service", "org.grantd",
	"org.grantd.Status", "org.grantd.Control", "org.grantd.Sync"};

static void descriptions_agree_with_the_method_table(void)
{
	size_t described = 0;

	for (unsigned i = 0; i < _WIRE_METHOD_MAX; i++) {
		const struct wire_method_info *info = wire_method_info((enum wire_method)i);
		const char *text = wire_interface_description(info->interface);
		struct buf b = BUF(1000);

		REQUIRE(text);
		declare(info, &b);
		if (!strstr(text, buf_text(&b)))
			TEST_FAIL("%s does not have %s", info->interface, buf_text(&b) + 1);
		buf_done(&b);
	}
	for (size_t i = 0; i < ELEMENTS(our_interfaces); i++)
		described += count(wire_interface_description(our_interfaces[i]), "\nmethod ");
	CHECK_INT(described, _WIRE_METHOD_MAX);
}

static void descriptions_agree_with_the_error_table(void)
{
	size_t described = 0;

	for (unsigned i = WIRE_OK + 1; i < _WIRE_ERROR_MAX; i++) {
		const char *name = wire_error_name((enum wire_error)i);
		const char *dot = strrchr(name, '.');
		char interface[100], line[100];

		(void)snprintf(interface, sizeof(interface), "%.*s", (int)(dot - name), name);
		(void)snprintf(line, sizeof(line), "\nerror %s (", dot + 1);
		REQUIRE(wire_interface_description(interface));
		if (!strstr(wire_interface_description(interface), line))
			TEST_FAIL("%s is not described", name);
	}
	for (size_t i = 0; i < ELEMENTS(our_interfaces); i++)
		described += count(wire_interface_description(our_interfaces[i]), "\nerror ");
	CHECK_INT(described, _WIRE_ERROR_MAX - 1);
}

static void reports_go_both_ways(void)
{
	_cleanup_(json_freep) struct json *status = json_new_object(), *rows = json_new_object();
	const struct wire_report said = {.status = status,
		.failed = rows,
		.command = 7,
		.refused = FAULT_MISCONFIGURED,
		.detail = "no"};
	_cleanup_(json_freep) struct json *j = wire_report_parameters(&said);
	struct wire_report heard;
	const char *bad = NULL;

	REQUIRE(j && wire_read_report(j, &heard, &bad) == 0);
	CHECK(heard.status && heard.failed && !heard.fields);
	CHECK_INT(heard.command, 7);
	CHECK_INT(heard.refused, FAULT_MISCONFIGURED);
	CHECK_TEXT(heard.detail, "no");
	REQUIRE(json_add(j, "stage", json_new_text("x")) == 0);
	CHECK_INT(wire_read_report(j, &heard, &bad), -EINVAL);
	CHECK_TEXT(bad, "stage");
	CHECK_INT(wire_read_report(NULL, &heard, &bad), -EINVAL);
	CHECK_TEXT(bad, "status");
}

static void what_is_attended_to_goes_both_ways(void)
{
	const struct wire_attend said = {.command = "start", .number = 3};
	_cleanup_(json_freep) struct json *j = wire_attend_reply(&said);
	_cleanup_(json_freep) struct json *odd = json_new_object();
	struct wire_attend heard;
	const char *bad = NULL;

	REQUIRE(j && wire_read_attend(j, &heard, &bad) == 0);
	CHECK_TEXT(heard.command, "start");
	CHECK_INT(heard.number, 3);
	CHECK(!heard.settings);
	REQUIRE(json_add(odd, "command", json_new_text("start")) == 0);
	CHECK_INT(wire_read_attend(odd, &heard, &bad), -EINVAL);
	CHECK_TEXT(bad, "number");
}

static void only_reports_are_long(void)
{
	static const struct {
		const char *head, *tail;
		int r;
	} cases[] = {
		{"{\"method\":\"org.grantd.Sync.Report\",\"parameters\":{\"detail\":\"", "\"}}", 0},
		{"{\"method\":\"org.grantd.Control.Paste\",\"parameters\":{\"name\":\"", "\"}}",
			-EBADMSG},
		{"{\"method\":\"org.example.A\",\"parameters\":{\"name\":\"", "\"}}", -EBADMSG},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct buf b = BUF(WIRE_REPORT_MAX);
		struct wire_call call = {0};
		enum wire_error error = WIRE_OK;
		struct fault why;
		char *fill;

		(void)buf_add_text(&b, cases[i].head);
		REQUIRE(buf_extend(&b, WIRE_FRAME_MAX, &fill) == 0);
		memset(fill, 'a', WIRE_FRAME_MAX);
		REQUIRE(buf_add_text(&b, cases[i].tail) == 0);
		CHECK_INT(wire_parse_call(b.data, b.len, &call, &error, &why), cases[i].r);
		wire_call_done(&call);
		buf_done(&b);
	}
}

static void only_control_methods_are_kept_from_the_status_socket(void)
{
	for (unsigned i = 0; i < _WIRE_METHOD_MAX; i++) {
		const struct wire_method_info *info = wire_method_info((enum wire_method)i);

		CHECK_INT(info->control,
			text_equal(info->interface, "org.grantd.Control") ||
				(text_equal(info->interface, "org.grantd.Sync") &&
					i != WIRE_SYNC_STATUS));
		CHECK_INT(info->more, i == WIRE_STATUS_WATCH || i == WIRE_SYNC_ATTEND);
	}
}

static void the_interface_files_are_what_is_answered(void)
{
	const char *srcdir = getenv("srcdir");

	CHECK(wire_interface_description("org.example") == NULL);
	CHECK(wire_interface_description(NULL) == NULL);
	for (size_t i = 1; i < ELEMENTS(our_interfaces); i++) { /* the first is not ours to ship */
		char path[1000], text[10000];
		size_t n;
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/conf/%s.varlink", srcdir ? srcdir : ".",
			our_interfaces[i]);
		f = fopen(path, "re");
		if (!f)
			TEST_FAIL("cannot open %s", path);
		REQUIRE(f);
		n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = '\0';
		(void)fclose(f);
		CHECK_TEXT(text, wire_interface_description(our_interfaces[i]));
	}
}

static unsigned allowed; /* allocations until memory is short */

static bool out_of_memory(size_t size)
{
	(void)size;
	if (allowed == 0)
		return true;
	allowed--;
	return false;
}

/* Everything once; 0 or -ENOMEM, whatever came of the rest. */
static int use_everything(void)
{
	static const char frame[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	struct wire_named n = {.name = "a", .min_valid_given = true, .wait = true};
	struct wire_call c = {0};
	struct wire_reply reply = {0};
	struct names names = {0};
	struct json *named, *token = NULL, *login = NULL;
	struct wire_token t = {.access_token = "x", .token_type = "Bearer", .scopes = &names};
	struct wire_login l = {.state = "ready"};
	struct buf b = BUF(10000), e = BUF(10000);
	enum wire_error error;
	int r;

	named = wire_named_parameters(WIRE_GET_TOKEN, &n);
	r = named ? wire_parse_call(frame, strlen(frame), &c, &error, NULL) : -ENOMEM;
	if (r == 0)
		r = wire_answer_service(&c, true, "1", &b);
	if (r == 0)
		r = wire_parse_reply(b.data, b.len - 1, &reply);
	if (r == 0)
		r = wire_build_error_text(WIRE_BAD_REQUEST, "why", &e);
	if (r == 0)
		token = wire_token_reply(&t);
	if (r == 0)
		login = wire_login_reply(&l);
	if (r == 0 && (!token || !login))
		r = -ENOMEM;
	wire_call_done(&c);
	wire_reply_done(&reply);
	json_free(named);
	json_free(token);
	json_free(login);
	buf_done(&b);
	buf_done(&e);
	return r;
}

static void short_memory_is_told_and_leaves_nothing_behind(void)
{
	unsigned limit = 0;
	int r;

	do {
		allowed = limit++;
		mem_set_failure(out_of_memory);
		r = use_everything();
		mem_set_failure(NULL);
		REQUIRE(r == 0 || r == -ENOMEM);
	} while (r == -ENOMEM);
	CHECK(limit > 20); /* that many allocations failed before all went well */
}

static void names_are_few(void)
{
	_cleanup_(json_freep) struct json *list = json_new_array();
	_cleanup_(json_freep) struct json *parameters = json_new_object();
	struct names read = {0};
	const char *bad = NULL;
	char name[16];

	for (unsigned i = 0; i < 200; i++)
		REQUIRE(json_append(list, json_new_text("crm")) == 0);
	REQUIRE(json_add(parameters, "names", json_copy(list)) == 0);
	CHECK_INT(wire_read_names(WIRE_STATUS_GET, parameters, &read, &bad), 0);
	CHECK_INT(read.n, 1);
	names_done(&read);
	for (unsigned i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "c%u", i);
		REQUIRE(json_append(list, json_new_text(name)) == 0);
	}
	json_free(steal(parameters));
	parameters = json_new_object();
	REQUIRE(json_add(parameters, "names", json_copy(list)) == 0);
	CHECK_INT(wire_read_names(WIRE_STATUS_GET, parameters, &read, &bad), -EINVAL);
	CHECK_TEXT(bad, "names");
}

static const struct test tests[] = {
	{"a call may name at most 64 connections, and each counts once", names_are_few},
	{"a call is read", a_call_is_read},
	{"flags are read, and null means absent", flags_are_read_and_null_is_absent},
	{"what is no call is refused", what_is_no_call_is_refused},
	{"a call over WIRE_FRAME_MAX is refused", an_oversized_call_is_refused},
	{"an unknown method is named", an_unknown_method_is_named},
	{"an unknown interface is named", an_unknown_interface_is_named},
	{"a call is built with its NUL", a_call_is_built},
	{"a call over the cap is not built", a_call_over_the_cap_is_not_built},
	{"replies are built", replies_are_built},
	{"errors are built, each with its parameter", errors_are_built_with_their_parameter},
	{"NotUsable tells kind, detail and next try", not_usable_tells_kind_detail_and_retry},
	{"a reply is read", a_reply_is_read},
	{"an error reply is read, also an unknown one", an_error_reply_is_read},
	{"what is no reply is refused", what_is_no_reply_is_refused},
	{"parameters are read", parameters_are_read},
	{"parameters of the wrong kind are named", parameters_of_the_wrong_kind_are_named},
	{"unknown parameters are named", unknown_parameters_are_named},
	{"Reload takes no parameter", reload_takes_no_parameter},
	{"only parameters that the method has are built", only_parameters_of_the_method_are_built},
	{"names go both ways", names_go_both_ways},
	{"names must be texts", names_must_be_texts},
	{"replies to Login go both ways", login_replies_go_both_ways},
	{"a reply to Login must be whole", a_login_reply_must_be_whole},
	{"a reply to GetToken is built", a_token_reply_is_built},
	{"the service tells who it is, whatever it is asked", the_service_tells_who_it_is},
	{"the service describes the interfaces of the socket",
		the_service_describes_its_interfaces},
	{"error names go both ways", error_names_go_both_ways},
	{"descriptions agree with the method table", descriptions_agree_with_the_method_table},
	{"descriptions agree with the error table", descriptions_agree_with_the_error_table},
	{"reports are read as they were built, and refused where they are none",
		reports_go_both_ways},
	{"what the agent tells a sync is read as it was built", what_is_attended_to_goes_both_ways},
	{"a call is long only where it is a report", only_reports_are_long},
	{"org.grantd.Control is for control.sock, Watch for more",
		only_control_methods_are_kept_from_the_status_socket},
	{"the files in conf/ are what is answered", the_interface_files_are_what_is_answered},
	{"short memory is told and leaves nothing behind",
		short_memory_is_told_and_leaves_nothing_behind},
};

TEST_MAIN(tests)
