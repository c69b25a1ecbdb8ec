/* SPDX-License-Identifier: BSD-2-Clause */
/* What grantctl prints: the table, notices, what to do about faults, and exit codes. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "ctl/show.h"
#include "test.h"

/* 2026-11-23T21:45:10Z */
#define AT UINT64_C(1795470310000000)

static const struct now at = {.boot_usec = 5, .wall_usec = AT};

static struct json *json(const char *text)
{
	struct json *j = NULL;

	REQUIRE(json_parse(text, strlen(text), &j, NULL) == 0);
	return j;
}

static void check_status(const char *status, const char *want)
{
	struct buf b = BUF(100000);
	struct json *j = json(status);

	CHECK_INT(show_status(j, at, &b), 0);
	CHECK_TEXT(buf_text(&b), want);
	buf_done(&b);
	json_free(j);
}

#define AGENT \
	"\"version\":1,\"agent\":{\"pid\":812,\"version\":\"0.1\"," \
	"\"started_at\":\"2026-11-23T21:30:10Z\",\"store_key\":\"credential\"},\"sync\":[]"

static void the_table_shows_each_connection(void)
{
	check_status("{" AGENT ",\"ready\":false,\"connections\":["
		     "{\"name\":\"salesforce\",\"state\":\"awaiting_approval\",\"usable\":false,"
		     "\"since\":\"2026-11-23T21:30:10Z\",\"token_expires_at\":null,\"fault\":null},"
		     "{\"name\":\"marketo\",\"state\":\"ready\",\"usable\":true,"
		     "\"since\":\"2026-11-01T00:00:00Z\","
		     "\"token_expires_at\":\"2026-11-23T22:45:10Z\","
		     "\"refresh_at\":\"2026-11-23T22:40:10Z\",\"fault\":null}]}",
		"grantd 0.1, pid 812, up 15 min: not ready. Times are UTC.\n"
		"\n"
		"NAME        STATE              USABLE  SINCE       EXPIRES            NEXT\n"
		"salesforce  awaiting_approval  no      21:30:10    -                  -\n"
		"    run: grantctl login salesforce\n"
		"marketo     ready              yes     2026-11-01  22:45:10 (60 min)  22:40:10\n");
}

static void a_fault_is_told_with_what_to_do(void)
{
	check_status(
		"{" AGENT ",\"ready\":false,\"connections\":["
		"{\"name\":\"a\",\"state\":\"degraded\",\"usable\":true,"
		"\"since\":\"2026-11-23T21:30:10Z\",\"token_expires_at\":\"2026-11-23T21:45:09Z\","
		"\"refresh_at\":null,\"fault\":{\"kind\":\"throttled\","
		"\"detail\":\"the provider said 429\",\"since\":\"2026-11-23T21:40:10Z\","
		"\"attempts\":2,\"retry_at\":\"2026-11-23T21:50:10Z\"}}]}",
		"grantd 0.1, pid 812, up 15 min: not ready. Times are UTC.\n"
		"\n"
		"NAME  STATE     USABLE  SINCE     EXPIRES          NEXT\n"
		"a     degraded  yes     21:30:10  21:45:09 (past)  21:50:10\n"
		"    throttled: the provider said 429\n"
		"    wait: grantd tries again at 21:50:10 (5 min)\n");
}

static void what_needs_no_approval_asks_for_no_login(void)
{
	check_status("{" AGENT ",\"ready\":false,\"connections\":["
		     "{\"name\":\"a\",\"state\":\"authorizing\",\"usable\":false,"
		     "\"since\":\"2026-11-23T21:45:09Z\",\"fault\":null},"
		     "{\"name\":\"b\",\"state\":\"authorizing\",\"usable\":false,"
		     "\"since\":\"2026-11-23T21:30:10Z\","
		     "\"fault\":{\"kind\":\"misconfigured\",\"detail\":\"invalid_client\"}},"
		     "{\"name\":\"c\",\"state\":\"authorizing\",\"usable\":false,"
		     "\"since\":\"2026-11-23T21:30:10Z\","
		     "\"fault\":{\"kind\":\"provider_down\",\"detail\":\"503\","
		     "\"retry_at\":\"2026-11-23T21:50:10Z\"}}]}",
		"grantd 0.1, pid 812, up 15 min: not ready. Times are UTC.\n"
		"\n"
		"NAME  STATE        USABLE  SINCE     EXPIRES  NEXT\n"
		"a     authorizing  no      21:45:09  -        -\n"
		"b     authorizing  no      21:30:10  -        -\n"
		"    misconfigured: invalid_client\n"
		"    correct the configuration, then run: grantctl reload\n"
		"c     authorizing  no      21:30:10  -        21:50:10\n"
		"    provider_down: 503\n"
		"    wait: grantd tries again at 21:50:10 (5 min)\n");
}

static void an_agent_without_connections_is_ready_for_some(void)
{
	check_status("{" AGENT ",\"ready\":false,\"connections\":[]}",
		"grantd 0.1, pid 812, up 15 min: not ready. Times are UTC.\n"
		"\n"
		"No connection is configured.\n");
}

static void a_long_name_stands_on_its_own_line(void)
{
	check_status(
		"{" AGENT ",\"ready\":true,\"connections\":["
		"{\"name\":\"a-name-that-is-much-longer-than-most-of-them-are\","
		"\"state\":\"awaiting_approval\",\"usable\":true,"
		"\"since\":\"2026-11-01T00:00:00Z\",\"token_expires_at\":\"2026-12-23T21:45:10Z\","
		"\"refresh_at\":\"2026-12-23T00:00:00Z\",\"fault\":null}]}",
		"grantd 0.1, pid 812, up 15 min: ready. Times are UTC.\n"
		"\n"
		"NAME        STATE              USABLE  SINCE       EXPIRES            NEXT\n"
		"a-name-that-is-much-longer-than-most-of-them-are\n"
		"            awaiting_approval  yes     2026-11-01  2026-12-23 (30 d)  2026-12-23\n"
		"    run: grantctl login a-name-that-is-much-longer-than-most-of-them-are\n");
}

static void no_line_is_longer_than_80(void)
{
	struct buf b = BUF(100000);
	struct json *j = json(
		"{" AGENT ",\"ready\":true,\"connections\":["
		"{\"name\":\"a-name-that-is-much-longer-than-most-of-them-are-and-goes-on-63\","
		"\"state\":\"awaiting_approval\",\"usable\":false,"
		"\"since\":\"2026-11-01T00:00:00Z\",\"token_expires_at\":\"2026-12-23T21:45:10Z\","
		"\"refresh_at\":\"2026-12-23T00:00:00Z\",\"fault\":{\"kind\":\"misconfigured\","
		"\"detail\":\"the provider does not know this client, and it says so in a "
		"sentence that goes on for longer than any line of a terminal of eighty "
		"columns could ever hold\"}}]}");

	CHECK_INT(show_status(j, at, &b), 0);
	for (const char *line = buf_text(&b); *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			TEST_FAIL("too long: %.*s", (int)strcspn(line, "\n"), line);
	CHECK(strstr(buf_text(&b), "\n    misconfigured: the provider does not know") != NULL);
	CHECK(strstr(buf_text(&b), " so in a\n    sentence that") != NULL);
	CHECK(strstr(buf_text(&b), " eighty\n    columns could ever hold\n") != NULL);
	buf_done(&b);
	json_free(j);
}

static void text_of_the_agent_cannot_move_the_cursor(void)
{
	struct buf b = BUF(100000);
	struct json *j =
		json("{\"ready\":true,\"agent\":{\"version\":\"\\u001b[2J\"},"
		     "\"connections\":[{\"name\":\"a\\u001b[2J\",\"state\":\"\\u009b\","
		     "\"fault\":{\"kind\":\"x\\u0007\",\"detail\":\"\\u001b]0;hi\\n\"}}]}");

	CHECK_INT(show_status(j, at, &b), 0);
	for (const char *c = buf_text(&b); *c; c++)
		if ((unsigned char)*c < 0x20 && *c != '\n')
			TEST_FAIL("control character %d", *c);
	CHECK(strstr(buf_text(&b), "\xc2\x9b") == NULL);
	CHECK(strstr(buf_text(&b), "    x?: ?]0;hi?\n") != NULL);
	buf_done(&b);
	json_free(j);
}

static void what_is_no_status_is_refused(void)
{
	static const char *const cases[] = {"{}", "[]", "{\"ready\":true}",
		"{\"ready\":1,\"connections\":[]}", "{\"ready\":true,\"connections\":{}}"};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct buf b = BUF(1000);
		struct json *j = json(cases[i]);

		CHECK_INT(show_status(j, at, &b), -EBADMSG);
		buf_done(&b);
		json_free(j);
	}
	CHECK_INT(show_status(NULL, at, &(struct buf){.max = 10}), -EBADMSG);
}

static void a_status_of_odd_types_is_shown_as_far_as_it_goes(void)
{
	check_status("{\"ready\":false,\"connections\":[7,{\"name\":[],\"usable\":\"yes\","
		     "\"since\":\"soon\",\"fault\":true}]}",
		"grantd ?: not ready. Times are UTC.\n"
		"\n"
		"NAME  STATE  USABLE  SINCE  EXPIRES  NEXT\n"
		"-     -      no      -      -        -\n"
		"-     -      no      -      -        -\n");
}

static void check_advice(const char *connection, bool person, const char *want)
{
	struct buf b = BUF(1000);
	struct json *j = json(connection);

	CHECK_INT(show_advice(j, at, &b), 0);
	CHECK_TEXT(buf_text(&b), want);
	CHECK_INT(show_needs_person(j), person);
	buf_done(&b);
	json_free(j);
}

#define FAULT(kind) \
	"{\"name\":\"a\",\"state\":\"degraded\",\"fault\":{\"kind\":\"" kind \
	"\",\"retry_at\":\"2026-11-23T21:50:10Z\"}}"

static void advice_follows_the_fault(void)
{
	check_advice("{\"name\":\"a\",\"state\":\"ready\",\"fault\":null}", false, "");
	check_advice("{\"name\":\"a\",\"state\":\"authorizing\",\"fault\":null}", false, "");
	check_advice("{\"name\":\"a\",\"state\":\"needs_approval\",\"fault\":null}", true,
		"run: grantctl login a");
	check_advice("{\"name\":\"a\",\"state\":\"awaiting_approval\",\"fault\":{\"kind\":"
		     "\"transient\"}}",
		true, "run: grantctl login a");
	check_advice(
		"{\"name\":\"a\",\"state\":\"awaiting_approval\",\"fault\":null,\"approval\":{\"kind\":"
		"\"paste\"}}",
		true, "run: grantctl login a; and once its address was opened: grantctl paste a");
	check_advice("{\"name\":\"a\",\"state\":\"ready\",\"fault\":null,\"approval\":{\"kind\":"
		     "\"paste\"}}",
		false, "run: grantctl paste a");
	check_advice(FAULT("denied"), true, "run: grantctl login a");
	check_advice(FAULT("revoked"), true, "run: grantctl login a");
	check_advice(FAULT("expired_code"), true, "run: grantctl login a");
	check_advice(FAULT("wrong_identity"), true, "run: grantctl login a");
	check_advice(FAULT("missing_scope"), true, "run: grantctl login a");
	check_advice(FAULT("misconfigured"), true,
		"correct the configuration, then run: grantctl reload");
	check_advice(FAULT("transient"), false, "wait: grantd tries again at 21:50:10 (5 min)");
	check_advice(FAULT("provider_down"), false, "wait: grantd tries again at 21:50:10 (5 min)");
	check_advice(FAULT("storage"), false,
		"see to the state directory (space, rights); grantd tries again at 21:50:10 "
		"(5 min)");
	check_advice("{\"name\":\"a\",\"fault\":{\"kind\":\"new_one\"}}", false,
		"see the journal (journalctl -u grantd); grantd tries again by itself");
}

#define HELD(kind) "{\"name\":\"a\",\"state\":\"confirming\",\"fault\":{\"kind\":\"" kind "\"}}"

static void what_is_held_waits_for_a_word_and_not_for_a_login(void)
{
	check_advice(
		HELD("needs_approval"), true, "run: grantctl confirm a, or: grantctl reject a");
	check_advice(HELD("wrong_identity"), true,
		"run: grantctl confirm a --replace, or: grantctl reject a");
	check_advice(HELD("misconfigured"), true,
		"correct the configuration, then run: grantctl reload");
	check_advice(HELD("transient"), false, "wait: grantd tries again by itself");
	check_advice("{\"name\":\"a\",\"state\":\"confirming\",\"fault\":null}", false, "");
}

#define ROW \
	"grantd 0.1, pid 812, up 15 min: ready. Times are UTC.\n\n" \
	"NAME  STATE  USABLE  SINCE  EXPIRES  NEXT\n" \
	"a     ready  yes     -      -        -\n"
#define APPROVED(identity) \
	"{" AGENT ",\"ready\":true,\"connections\":[{\"name\":\"a\",\"state\":\"ready\"," \
	"\"usable\":true,\"fault\":null,\"identity\":" identity "}]}"

static void who_approved_is_shown(void)
{
	check_status(APPROVED("null"), ROW);
	check_status(APPROVED("{\"subject\":\"1\",\"username\":\"alice\",\"email\":\"a@x\","
			      "\"confirmed\":true}"),
		ROW "    approved by alice (a@x, subject 1)\n");
	check_status(APPROVED("{\"subject\":\"1\",\"username\":null,\"confirmed\":false}"),
		ROW "    approved by subject 1, not confirmed\n");
}

static void check_paste_again(const char *reply, const char *want)
{
	struct wire_reply r = {0};
	struct buf b = BUF(1000);

	REQUIRE(wire_parse_reply(reply, strlen(reply), &r) == 0);
	CHECK_INT(show_paste_again(&r, "a", &b), want != NULL);
	CHECK_TEXT(buf_text(&b), want ? want : "");
	buf_done(&b);
	wire_reply_done(&r);
}

#define REFUSED(kind) \
	"{\"error\":\"org.grantd.NotUsable\",\"parameters\":{\"kind\":\"" kind \
	"\",\"detail\":\"why\\u001b\",\"retry_at\":null}}"

static void another_address_mends_what_is_about_the_address(void)
{
	check_paste_again(REFUSED("needs_approval"), "a: why?");
	check_paste_again(REFUSED("transient"), "a: why?");
	check_paste_again(REFUSED("throttled"), "a: why?");
	check_paste_again(REFUSED("provider_down"), "a: why?");
	check_paste_again(REFUSED("denied"), NULL);
	check_paste_again(REFUSED("misconfigured"), NULL);
	check_paste_again(REFUSED("protocol"), NULL);
	check_paste_again(REFUSED("storage"), NULL);
	check_paste_again(REFUSED("missing_scope"), NULL);
	check_paste_again("{\"error\":\"org.grantd.NotPermitted\",\"parameters\":{\"kind\":"
			  "\"needs_approval\"}}",
		NULL);
}

static void an_approval_becomes_the_notice(void)
{
	struct buf b = BUF(1000);
	struct json *j = json("{\"kind\":\"device\",\"verification_uri\":\"https://l.example/d\","
			      "\"verification_uri_complete\":null,\"user_code\":\"WDJB-MJHT\","
			      "\"expires_at\":\"2026-11-23T22:00:10Z\"}");

	CHECK_INT(show_approval("salesforce", j, at, &b), 0);
	CHECK_TEXT(buf_text(&b),
		"salesforce: waiting for approval\n"
		"    open    https://l.example/d\n"
		"    enter   WDJB-MJHT\n"
		"    valid until 22:00:10 UTC (15 min)\n");
	buf_done(&b);
	json_free(j);
	j = json("{\"kind\":\"device\",\"expires_at\":\"2026-11-23T22:00:10Z\"}");
	CHECK_INT(show_approval("salesforce", j, at, &b), 0);
	CHECK_TEXT(buf_text(&b), "salesforce: waiting for approval\n");
	buf_done(&b);
	json_free(j);
}

static void each_error_has_its_exit_code_and_sentence(void)
{
	static const struct {
		const char *frame;
		enum wire_method method;
		const char *name;
		int code;
		const char *sentence;
	} cases[] = {
		{"{\"error\":\"org.grantd.NotPermitted\"}", WIRE_GET_TOKEN, "a", 4,
			"a: you may not have its token; its `allow` in grantd.yaml must name you"},
		{"{\"error\":\"org.grantd.NotPermitted\"}", WIRE_INVALIDATE, "a", 4,
			"a: you may not have its token; its `allow` in grantd.yaml must name you"},
		{"{\"error\":\"org.grantd.NotPermitted\"}", WIRE_RELOAD, NULL, 4,
			"only operators may do that; `agent.operators` in grantd.yaml names them"},
		{"{\"error\":\"org.grantd.NoSuchConnection\",\"parameters\":{\"name\":\"b\"}}",
			WIRE_STATUS_GET, NULL, 2, "there is no connection b; see grantctl status"},
		{"{\"error\":\"org.grantd.NotUsable\",\"parameters\":{\"kind\":\"denied\","
		 "\"detail\":\"no\\u001b\"}}",
			WIRE_GET_TOKEN, "a", 3, "a: no?; run: grantctl login a"},
		{"{\"error\":\"org.grantd.NotUsable\",\"parameters\":{\"kind\":\"transient\","
		 "\"detail\":\"no answer\",\"retry_at\":\"2026-11-23T21:50:10Z\"}}",
			WIRE_GET_TOKEN, "a", 7,
			"a: no answer; wait: grantd tries again at 21:50:10 (5 min)"},
		{"{\"error\":\"org.grantd.NotUsable\",\"parameters\":{\"kind\":\"throttled\","
		 "\"detail\":\"too soon\",\"retry_at\":null}}",
			WIRE_INVALIDATE, "a", 7, "a: too soon; try again later"},
		{"{\"error\":\"org.grantd.NotUsable\",\"parameters\":{\"kind\":\"misconfigured\","
		 "\"detail\":\"invalid_client\"}}",
			WIRE_LOGIN, "a", 2,
			"a: invalid_client; correct the configuration, then run: grantctl reload"},
		{"{\"error\":\"org.grantd.NotUsable\",\"parameters\":{\"kind\":\"none\"}}",
			WIRE_GET_TOKEN, "a", 1, "a: not usable; see grantctl status"},
		{"{\"error\":\"org.grantd.NotUsable\"}", WIRE_GET_TOKEN, "a", 1,
			"a: not usable; see the journal (journalctl -u grantd); grantd tries again "
			"by itself"},
		{"{\"error\":\"org.grantd.TimedOut\"}", WIRE_REFRESH, "a", 6,
			"a: it took the agent too long; see grantctl status"},
		{"{\"error\":\"org.grantd.Busy\"}", WIRE_REFRESH, "a", 7,
			"a: the agent has too much to do; try again"},
		{"{\"error\":\"org.grantd.BadRequest\",\"parameters\":{\"detail\":\"no grant\"}}",
			WIRE_REFRESH, "a", 2, "a: no grant"},
		{"{\"error\":\"org.grantd.New\"}", WIRE_REFRESH, "a", 1,
			"a: the agent answered with an error unknown here: org.grantd.New"},
		{"{\"error\":\"org.grantd.InvalidConfiguration\",\"parameters\":{\"detail\":"
		 "\"f:1:2: a: bad\\nf:2:2: b: \\u0007worse\\n\"}}",
			WIRE_RELOAD, NULL, 2,
			"nothing was changed, correct the configuration first:\n"
			"f:1:2: a: bad\nf:2:2: b: ?worse"},
		{"{\"error\":\"org.varlink.service.MethodNotFound\"}", WIRE_RELOAD, NULL, 1,
			"the agent does not understand this grantctl; install the same version of "
			"both"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct wire_reply r = {0};
		struct buf b = BUF(1000);

		REQUIRE(wire_parse_reply(cases[i].frame, strlen(cases[i].frame), &r) == 0);
		CHECK_INT(show_error(&r, cases[i].method, cases[i].name, at, &b), cases[i].code);
		CHECK_TEXT(buf_text(&b), cases[i].sentence);
		buf_done(&b);
		wire_reply_done(&r);
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

static void short_memory_is_told(void)
{
	struct json *j = json("{" AGENT ",\"ready\":false,\"connections\":[" FAULT("denied") "]}");
	unsigned limit = 0;
	int r;

	do {
		struct buf b = BUF(100000);

		allowed = limit++;
		mem_set_failure(out_of_memory);
		r = show_status(j, at, &b);
		mem_set_failure(NULL);
		buf_done(&b);
		REQUIRE(r == 0 || r == -ENOMEM);
	} while (r == -ENOMEM);
	CHECK(limit > 5); /* that many allocations failed before all went well */
	json_free(j);
}

static const struct test tests[] = {
	{"what is held waits for a word, and not for a login",
		what_is_held_waits_for_a_word_and_not_for_a_login},
	{"who approved is shown to who may see it", who_approved_is_shown},
	{"the table shows each connection", the_table_shows_each_connection},
	{"a fault is told with what to do", a_fault_is_told_with_what_to_do},
	{"what needs no approval asks for no login", what_needs_no_approval_asks_for_no_login},
	{"an agent without connections says so", an_agent_without_connections_is_ready_for_some},
	{"a long name stands on its own line", a_long_name_stands_on_its_own_line},
	{"no line is longer than 80 columns", no_line_is_longer_than_80},
	{"text of the agent cannot move the cursor", text_of_the_agent_cannot_move_the_cursor},
	{"what is no status is refused", what_is_no_status_is_refused},
	{"a status of odd types is shown as far as it goes",
		a_status_of_odd_types_is_shown_as_far_as_it_goes},
	{"advice follows the fault", advice_follows_the_fault},
	{"another address mends what is about the address",
		another_address_mends_what_is_about_the_address},
	{"an approval becomes the notice", an_approval_becomes_the_notice},
	{"each error has its exit code and sentence", each_error_has_its_exit_code_and_sentence},
	{"short memory is told", short_memory_is_told},
};

TEST_MAIN(tests)
