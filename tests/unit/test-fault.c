/* SPDX-License-Identifier: BSD-2-Clause */

/* The fault table as grantctl(1) and grantd-protocol(7) tell it, and details fit to be shown. */

#include <errno.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/text.h"
#include "test.h"

static const struct {
	enum fault_kind kind;
	const char *name;
	int exit_code;
	bool retried;
} kinds[] = {
	{FAULT_NONE, "none", 0, false},
	{FAULT_NEEDS_APPROVAL, "needs_approval", 3, false},
	{FAULT_REVOKED, "revoked", 3, false},
	{FAULT_DENIED, "denied", 3, false},
	{FAULT_EXPIRED_CODE, "expired_code", 3, false},
	{FAULT_WRONG_IDENTITY, "wrong_identity", 3, false},
	{FAULT_MISSING_SCOPE, "missing_scope", 3, false},
	{FAULT_MISCONFIGURED, "misconfigured", 2, false},
	{FAULT_TRANSIENT, "transient", 7, true},
	{FAULT_THROTTLED, "throttled", 7, true},
	{FAULT_PROVIDER_DOWN, "provider_down", 7, true},
	{FAULT_PROTOCOL, "protocol", 1, true},
	{FAULT_STORAGE, "storage", 1, true},
	{FAULT_INTERNAL, "internal", 1, true},
};

static void every_kind_has_its_meaning(void)
{
	CHECK_INT(ELEMENTS(kinds), _FAULT_KIND_MAX);
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		const struct fault_meaning *m = fault_meaning(kinds[i].kind);

		CHECK_TEXT(m->name, kinds[i].name);
		CHECK_TEXT(fault_kind_to_string(kinds[i].kind), kinds[i].name);
		CHECK_INT(m->exit_code, kinds[i].exit_code);
		CHECK_INT(m->retried, kinds[i].retried);
	}
}

static void names_lead_back_to_kinds(void)
{
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		enum fault_kind kind = _FAULT_KIND_MAX;

		CHECK_INT(fault_kind_from_string(kinds[i].name, &kind), 0);
		CHECK_INT(kind, kinds[i].kind);
	}
}

static void unknown_names_are_refused(void)
{
	enum fault_kind kind = FAULT_DENIED;

	CHECK_INT(fault_kind_from_string("Denied", &kind), -EINVAL);
	CHECK_INT(fault_kind_from_string("", &kind), -EINVAL);
	CHECK_INT(fault_kind_from_string(NULL, &kind), -EINVAL);
	CHECK_INT(kind, FAULT_DENIED);
}

static void severities_fit_what_has_to_be_done(void)
{
	static const enum fault_kind errors[] = {FAULT_REVOKED, FAULT_WRONG_IDENTITY,
		FAULT_MISSING_SCOPE, FAULT_MISCONFIGURED, FAULT_PROTOCOL, FAULT_STORAGE,
		FAULT_INTERNAL};
	static const enum fault_kind warnings[] = {FAULT_NEEDS_APPROVAL, FAULT_DENIED,
		FAULT_EXPIRED_CODE, FAULT_TRANSIENT, FAULT_THROTTLED, FAULT_PROVIDER_DOWN};

	for (size_t i = 0; i < ELEMENTS(errors); i++)
		CHECK_INT(fault_meaning(errors[i])->severity, LOG_ERR);
	for (size_t i = 0; i < ELEMENTS(warnings); i++)
		CHECK_INT(fault_meaning(warnings[i])->severity, LOG_WARNING);
}

static void a_detail_is_formatted(void)
{
	struct fault f = {0};

	fault_set(&f, FAULT_THROTTLED, "try again in %d s: %s", 30, "quota");
	CHECK_INT(f.kind, FAULT_THROTTLED);
	CHECK_TEXT(f.detail, "try again in 30 s: quota");
	fault_set(&f, FAULT_NONE, "%s", "");
	CHECK_INT(f.kind, FAULT_NONE);
	CHECK_TEXT(f.detail, "");
	fault_set(NULL, FAULT_INTERNAL, "nobody %s", "listens");
}

static void a_detail_may_hold_an_older_one(void)
{
	struct fault f = {0};

	fault_set(&f, FAULT_STORAGE, "disk full");
	fault_set(&f, FAULT_STORAGE, "token not written: %s", f.detail);
	CHECK_TEXT(f.detail, "token not written: disk full");
}

static void control_characters_become_question_marks(void)
{
	struct fault f = {0};

	fault_set(&f, FAULT_PROTOCOL, "line\n%s",
		"\x1b[2J\x7f\xc2\x85\xe2\x80\xae\xff"
		"é");
	CHECK_TEXT(f.detail, "line??[2J????é");
}

static void long_details_are_cut_at_a_character(void)
{
	struct fault f = {0};
	char text[2 * FAULT_DETAIL_MAX + 1];

	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		memcpy(text + i, "é", 2);
	text[sizeof(text) - 1] = '\0';
	fault_set(&f, FAULT_PROTOCOL, "%s", text);
	CHECK_INT(strlen(f.detail), FAULT_DETAIL_MAX - 2);
	CHECK(text_is_utf8(f.detail, strlen(f.detail)));
	fault_set(&f, FAULT_PROTOCOL, "x%s", text);
	CHECK_INT(strlen(f.detail), FAULT_DETAIL_MAX - 1);
	CHECK(text_is_utf8(f.detail, strlen(f.detail)));
	CHECK(!strchr(f.detail, '?'));
}

static void long_hostile_details_keep_no_half_character(void)
{
	struct fault f = {0};
	char text[20 * FAULT_DETAIL_MAX + 1] = "";

	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x80\xae", 3);
	fault_set(&f, FAULT_PROTOCOL, "%s", text);
	CHECK_INT(strlen(f.detail), FAULT_DETAIL_MAX - 1);
	CHECK_INT(strspn(f.detail, "?"), FAULT_DETAIL_MAX - 1);
}

static const struct test tests[] = {
	{"every kind has its name, exit code and retry", every_kind_has_its_meaning},
	{"names lead back to kinds", names_lead_back_to_kinds},
	{"unknown names are refused", unknown_names_are_refused},
	{"severities fit what has to be done", severities_fit_what_has_to_be_done},
	{"a detail is formatted; nobody has to listen", a_detail_is_formatted},
	{"a detail may hold an older one", a_detail_may_hold_an_older_one},
	{"control characters, also of arguments, become '?'",
		control_characters_become_question_marks},
	{"a long detail is cut at a whole character", long_details_are_cut_at_a_character},
	{"a long hostile detail keeps no half character",
		long_hostile_details_keep_no_half_character},
};

TEST_MAIN(tests)
