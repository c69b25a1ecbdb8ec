/* SPDX-License-Identifier: BSD-2-Clause */
/* When `grantctl wait` is over. */
#include "base/cleanup.h"
#include "ctl/await.h"
#include "test.h"

/* 2026-11-23T21:45:10Z */
#define AT UINT64_C(1795470310000000)

static const struct now at = {.boot_usec = 5, .wall_usec = AT};

#define USABLE(name)           "{\"name\":\"" name "\",\"required\":true,\"usable\":true}"
#define NOT_USABLE(name)       "{\"name\":\"" name "\",\"required\":true,\"usable\":false}"
#define OPTIONAL(name, usable) "{\"name\":\"" name "\",\"required\":false,\"usable\":" usable "}"
/* Lives until 21:50:10. */
#define FIVE_MINUTES(name) \
	"{\"name\":\"" name "\",\"required\":true,\"usable\":true," \
	"\"token_expires_at\":\"2026-11-23T21:50:10Z\"}"
#define STATUS(ready, connections) "{\"ready\":" ready ",\"connections\":[" connections "]}"

static bool over(const char *status, const char *names, bool any, uint64_t min_valid_usec)
{
	struct names list = {0};
	struct await a = {.names = &list, .any = any, .min_valid_usec = min_valid_usec};
	struct json *j = NULL;
	bool is;

	REQUIRE(names_split(names, &list) == 0);
	REQUIRE(json_parse(status, strlen(status), &j, NULL) == 0);
	is = await_is_over(&a, j, at);
	json_free(j);
	names_done(&list);
	return is;
}

static void without_names_all_that_is_required_is_awaited(void)
{
	CHECK(over(STATUS("true", USABLE("a") "," OPTIONAL("b", "false")), "", false, 0));
	CHECK(!over(STATUS("false", USABLE("a") "," NOT_USABLE("b")), "", false, 0));
	/* ready covers more than connections */
	CHECK(!over(STATUS("false", USABLE("a")), "", false, 0));
	CHECK(!over(STATUS("false", ""), "", false, 0));
}

static void named_connections_are_awaited_alone(void)
{
	CHECK(over(STATUS("false", USABLE("a") "," NOT_USABLE("b")), "a", false, 0));
	CHECK(!over(STATUS("false", USABLE("a") "," NOT_USABLE("b")), "a b", false, 0));
	CHECK(over(STATUS("false", OPTIONAL("c", "true")), "c", false, 0));
	CHECK(!over(STATUS("true", USABLE("a")), "a c", false, 0));
}

static void any_is_content_with_one(void)
{
	CHECK(over(STATUS("false", USABLE("a") "," NOT_USABLE("b")), "a b", true, 0));
	CHECK(!over(STATUS("false", USABLE("a") "," NOT_USABLE("b")), "b", true, 0));
	CHECK(over(STATUS("false", OPTIONAL("c", "true")), "", true, 0));
	CHECK(!over(STATUS("true", ""), "", true, 0));
}

static void the_token_must_live_long_enough(void)
{
	CHECK(over(STATUS("true", FIVE_MINUTES("a")), "a", false, 5 * USEC_PER_MIN));
	CHECK(!over(STATUS("true", FIVE_MINUTES("a")), "a", false, 5 * USEC_PER_MIN + 1));
	CHECK(!over(STATUS("true", FIVE_MINUTES("a")), "", false, 5 * USEC_PER_MIN + 1));
	CHECK(over(STATUS("true", FIVE_MINUTES("a") "," USABLE("b")), "", true, USEC_PER_DAY));
	CHECK(!over(STATUS("true", FIVE_MINUTES("a")), "a", false, USEC_NEVER));
}

static void what_is_no_status_is_waited_out(void)
{
	CHECK(!over("{}", "a", false, 0));
	CHECK(!over("[]", "", false, 0));
	CHECK(!over("{\"ready\":true,\"connections\":[7]}", "a", false, 0));
	CHECK(!over(
		"{\"ready\":true,\"connections\":[{\"name\":\"a\",\"usable\":1}]}", "a", false, 0));
}

static const struct test tests[] = {
	{"without names, all that is required is awaited",
		without_names_all_that_is_required_is_awaited},
	{"named connections are awaited alone", named_connections_are_awaited_alone},
	{"any is content with one", any_is_content_with_one},
	{"the token must live long enough", the_token_must_live_long_enough},
	{"what is no status is waited out", what_is_no_status_is_waited_out},
};

TEST_MAIN(tests)
