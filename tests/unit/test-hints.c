/* SPDX-License-Identifier: BSD-2-Clause */

/* Hints: what a provider means by its errors, and what to change then. Quirks and scope aliases,
 * which are data of a profile too. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/hints.h"
#include "oauth/quirks.h"
#include "oauth/scopes.h"
#include "test.h"

#define TEXT(text) ((char *)(uintptr_t)(text))

static struct verdict verdict_of(unsigned status, const char *error, const char *said)
{
	struct verdict v = {.kind = REPLY_BROKEN, .status = status, .parsed = true, .lost = true};

	(void)snprintf(v.error, sizeof(v.error), "%s", error);
	(void)snprintf(v.said, sizeof(v.said), "%s", said);
	fault_set(&v.fault, FAULT_PROTOCOL, "it said so");
	return v;
}

static bool fits(
	struct hint hint, enum hint_at at, unsigned status, const char *error, const char *said)
{
	const struct hints list = {&hint, 1};

	return hints_find(&list, at, status, error, said) == &hint;
}

static void all_that_is_given_has_to_fit(void)
{
	const struct hint all = {.error = TEXT("e"),
		.contains = TEXT("Rate Exceeded"),
		.status = 400,
		.at = HINT_TOKEN};

	CHECK(fits(all, HINT_TOKEN, 400, "e", "the login rate exceeded it"));
	CHECK(!fits(all, HINT_TOKEN, 401, "e", "the login rate exceeded it"));
	CHECK(!fits(all, HINT_TOKEN, 400, "E", "the login rate exceeded it"));
	CHECK(!fits(all, HINT_TOKEN, 400, "e", "the login rate"));
	CHECK(!fits(all, HINT_POLL, 400, "e", "the login rate exceeded it"));
	CHECK(fits((struct hint){.contains = TEXT("AADSTS7")}, HINT_CODE, 0, "aadsts70", ""));
	CHECK(fits((struct hint){.error = TEXT("e")}, HINT_IDENTITY, 500, "e", ""));
	CHECK(!fits((struct hint){.error = TEXT("e")}, HINT_IDENTITY, 500, "ee", ""));
	CHECK(!fits((struct hint){.error = TEXT("e")}, HINT_IDENTITY, 500, "", ""));
	CHECK(fits((struct hint){.status = 418}, HINT_ANYWHERE, 418, "", ""));
}

static void words_of_polling_fit_polls_only(void)
{
	static const enum hint_kind polling[] = {HINT_PENDING, HINT_SLOW_DOWN, HINT_EXPIRED_CODE};

	for (unsigned kind = 0; kind < _HINT_KIND_MAX; kind++) {
		const struct hint hint = {.status = 400, .kind = (enum hint_kind)kind};
		bool found = false;

		for (size_t i = 0; i < ELEMENTS(polling); i++)
			found |= polling[i] == kind;
		CHECK_INT(hint_kind_is_polling((enum hint_kind)kind), found);
		CHECK(fits(hint, HINT_POLL, 400, "", ""));
		CHECK_INT(fits(hint, HINT_TOKEN, 400, "", ""), !found);
	}
}

static void the_first_that_fits_counts(void)
{
	struct hint items[] = {{.error = TEXT("x")}, {.status = 400, .kind = HINT_DENIED},
		{.error = TEXT("e"), .kind = HINT_REVOKED}};
	const struct hints list = {items, ELEMENTS(items)};

	CHECK(hints_find(&list, HINT_CODE, 400, "e", "") == &items[1]);
	CHECK(hints_find(&list, HINT_CODE, 401, "e", "") == &items[2]);
	CHECK(!hints_find(&list, HINT_CODE, 401, "f", ""));
	CHECK(!hints_find(&(struct hints){0}, HINT_CODE, 400, "e", ""));
}

static void each_kind_means_what_its_name_says(void)
{
	static const struct {
		enum hint_kind kind;
		enum reply_kind reply;
		enum fault_kind fault;
		const char *name;
	} want[] = {
		{HINT_SAME, REPLY_BROKEN, FAULT_PROTOCOL, "same"},
		{HINT_PENDING, REPLY_PENDING, FAULT_TRANSIENT, "pending"},
		{HINT_SLOW_DOWN, REPLY_SLOW_DOWN, FAULT_TRANSIENT, "slow_down"},
		{HINT_DENIED, REPLY_DENIED, FAULT_DENIED, "denied"},
		{HINT_EXPIRED_CODE, REPLY_EXPIRED, FAULT_EXPIRED_CODE, "expired_code"},
		{HINT_REVOKED, REPLY_INVALID_GRANT, FAULT_REVOKED, "revoked"},
		{HINT_MISCONFIGURED, REPLY_MISCONFIGURED, FAULT_MISCONFIGURED, "misconfigured"},
		{HINT_TRANSIENT, REPLY_TRANSIENT, FAULT_TRANSIENT, "transient"},
		{HINT_THROTTLED, REPLY_THROTTLED, FAULT_THROTTLED, "throttled"},
	};

	CHECK_INT(ELEMENTS(want), _HINT_KIND_MAX);
	for (size_t i = 0; i < ELEMENTS(want); i++) {
		struct hint hint = {.error = TEXT("e"), .kind = want[i].kind};
		const struct hints list = {&hint, 1};
		struct verdict v = verdict_of(400, "e", "");

		CHECK(hints_apply(&list, HINT_POLL, &v));
		CHECK_INT(v.kind, want[i].reply);
		CHECK_INT(v.fault.kind, want[i].fault);
		CHECK_TEXT(v.fault.detail, "it said so");
		CHECK_INT(v.lost, want[i].kind == HINT_SAME);
		CHECK_TEXT(hint_kind_to_string(want[i].kind), want[i].name);
	}
}

static void a_page_ends_no_grant(void)
{
	struct hint hint = {.status = 403, .kind = HINT_REVOKED, .say = TEXT("log in")};
	const struct hints list = {&hint, 1};
	struct verdict v = verdict_of(403, "", "<html>");

	v.parsed = false;
	CHECK(!hints_apply(&list, HINT_TOKEN, &v));
	CHECK_INT(v.kind, REPLY_BROKEN);
	CHECK_TEXT(v.fault.detail, "it said so");
	hint.kind = HINT_MISCONFIGURED;
	CHECK(hints_apply(&list, HINT_TOKEN, &v));
}

/* A status may be of a gateway, words are of the provider. */
static void only_words_show_that_nothing_was_lost(void)
{
	struct hint hint = {.status = 502, .kind = HINT_TRANSIENT};
	const struct hints list = {&hint, 1};
	struct verdict v = verdict_of(502, "e", "x");

	CHECK(hints_apply(&list, HINT_TOKEN, &v));
	CHECK_INT(v.kind, REPLY_TRANSIENT);
	CHECK(v.lost);
	hint.contains = TEXT("x");
	CHECK(hints_apply(&list, HINT_TOKEN, &v));
	CHECK(!v.lost);
}

static void what_to_change_is_appended_whole(void)
{
	char say[HINT_SAY_MAX + 1] = "";
	struct hint hint = {.error = TEXT("e"), .say = say};
	const struct hints list = {&hint, 1};
	struct verdict v = verdict_of(400, "e", "");
	size_t len;

	(void)snprintf(say, sizeof(say), "do it");
	CHECK(hints_apply(&list, HINT_TOKEN, &v));
	CHECK_TEXT(v.fault.detail, "it said so; do it");
	memset(say, 'x', HINT_SAY_MAX);
	memset(v.fault.detail, 'y', sizeof(v.fault.detail) - 1);
	CHECK(hints_apply(&list, HINT_TOKEN, &v));
	len = strlen(v.fault.detail);
	CHECK(len >= FAULT_DETAIL_MAX - 4 && len < FAULT_DETAIL_MAX);
	CHECK_TEXT(v.fault.detail + len - HINT_SAY_MAX, say);
	CHECK(strncmp(v.fault.detail, "yyyy", 4) == 0);
	v.fault.detail[0] = '\0';
	CHECK(hints_apply(&list, HINT_TOKEN, &v));
	CHECK_TEXT(v.fault.detail, say);
}

static void an_error_in_an_address_is_explained(void)
{
	struct hint hint = {.error = TEXT("access_denied"),
		.at = HINT_AUTHORIZATION,
		.kind = HINT_MISCONFIGURED,
		.say = TEXT("do it")};
	const struct hints list = {&hint, 1};
	struct fault f = {.kind = FAULT_DENIED, .detail = "no"};

	hints_explain(&list, "other", "", &f);
	CHECK_INT(f.kind, FAULT_DENIED);
	hints_explain(&list, "access_denied", "", &f);
	CHECK_INT(f.kind, FAULT_MISCONFIGURED);
	CHECK_TEXT(f.detail, "no; do it");
}

static void hints_are_copied_whole(void)
{
	struct hint items[] = {{.error = TEXT("e"), .say = TEXT("s"), .status = 400},
		{.contains = TEXT("c"), .at = HINT_CODE, .kind = HINT_DENIED}};
	const struct hints list = {items, ELEMENTS(items)};
	struct hints copy = {0};

	REQUIRE(hints_copy(&list, &copy) == 0);
	REQUIRE(copy.n == 2);
	CHECK_TEXT(copy.items[0].error, "e");
	CHECK_TEXT(copy.items[0].say, "s");
	CHECK(!copy.items[0].contains && copy.items[0].status == 400);
	CHECK_TEXT(copy.items[1].contains, "c");
	CHECK(copy.items[1].at == HINT_CODE && copy.items[1].kind == HINT_DENIED);
	hints_done(&copy);
	hints_done(&copy);
	CHECK_INT(hints_copy(&copy, &(struct hints){0}), 0);
}

/* --- quirks --- */

static void every_quirk_is_found_by_its_name(void)
{
	enum quirk flag = 0;

	for (unsigned i = 0; i < QUIRKS_N; i++) {
		CHECK_INT(quirks_table[i].flag, 1u << i);
		CHECK_INT(quirk_from_string(quirk_name(i), &flag), 0);
		CHECK_INT(flag, quirks_table[i].flag);
	}
	CHECK_INT(quirk_from_string("scope_comma", &flag), -EINVAL);
	CHECK_INT(quirk_from_string(NULL, &flag), -EINVAL);
	CHECK_INT(flag, quirks_table[QUIRKS_N - 1].flag);
}

/* --- scopes --- */

static void a_scope_is_granted_by_itself_and_by_those_that_hold_it(void)
{
	struct aliases aliases = {0}, copy = {0};
	struct names granted = {0}, *others = NULL;

	REQUIRE(aliases_add(&aliases, "api", &others) == 0);
	REQUIRE(names_split("full all", others) == 0);
	REQUIRE(aliases_add(&aliases, "web", &others) == 0);
	REQUIRE(aliases_copy(&aliases, &copy) == 0);
	aliases_done(&aliases);
	aliases_done(&aliases);
	REQUIRE(names_split("all web", &granted) == 0);
	CHECK(scopes_grant(&copy, &granted, "api"));
	CHECK(scopes_grant(&copy, &granted, "web"));
	CHECK(!scopes_grant(&copy, &granted, "full"));
	CHECK(!scopes_grant(&aliases, &granted, "api"));
	CHECK(!scopes_grant(&copy, &granted, "id"));
	aliases_done(&copy);
	names_done(&granted);
}

static void words_that_only_ask_are_known(void)
{
	CHECK(scope_is_request_only("openid") && scope_is_request_only("offline_access") &&
		scope_is_request_only("offline") && scope_is_request_only("refresh_token"));
	CHECK(!scope_is_request_only("api") && !scope_is_request_only("Offline"));
}

static const struct test tests[] = {
	{"all that is given has to fit", all_that_is_given_has_to_fit},
	{"words of polling fit polls only", words_of_polling_fit_polls_only},
	{"the first that fits counts", the_first_that_fits_counts},
	{"each kind means what its name says", each_kind_means_what_its_name_says},
	{"a page ends no grant", a_page_ends_no_grant},
	{"only words show that nothing was lost", only_words_show_that_nothing_was_lost},
	{"what to change is appended whole", what_to_change_is_appended_whole},
	{"an error in an address is explained", an_error_in_an_address_is_explained},
	{"hints are copied whole", hints_are_copied_whole},
	{"every quirk is found by its name", every_quirk_is_found_by_its_name},
	{"a scope is granted by itself and by those that hold it",
		a_scope_is_granted_by_itself_and_by_those_that_hold_it},
	{"words that only ask are known", words_that_only_ask_are_known},
};

TEST_MAIN(tests)
