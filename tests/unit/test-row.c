/* SPDX-License-Identifier: BSD-2-Clause */

/* Record ids in their two forms. */

#include <errno.h>

#include "sync/row.h"
#include "test.h"

/* 001D0 → D, the fourth: 8, I. 00000: 0, A. IqhSL → I, S, L: 1 + 8 + 16, Z. */
static void an_id_of_15_gets_its_suffix(void)
{
	char id[19];

	CHECK_INT(row_id18("001D000000IqhSL", id), 0);
	CHECK_TEXT(id, "001D000000IqhSLIAZ");
}

static void an_id_of_18_stays(void)
{
	char id[19];

	CHECK_INT(row_id18("001D000000IqhSLIAZ", id), 0);
	CHECK_TEXT(id, "001D000000IqhSLIAZ");
}

static void a_suffix_in_another_case_is_put_right(void)
{
	char id[19];

	CHECK_INT(row_id18("001D000000IqhSLiaz", id), 0);
	CHECK_TEXT(id, "001D000000IqhSLIAZ");
}

static void what_is_no_id_is_refused(void)
{
	static const char *const wrong[] = {"", "001D000000IqhS", "001D000000IqhSLI",
		"001D000000IqhSLIAZ0", "001D000000Iqh L", "001D000000Iqh'L",
		"001D000000Iqh\xc3\xa9"};
	char id[19] = "untouched";

	for (size_t i = 0; i < ELEMENTS(wrong); i++)
		CHECK_INT(row_id18(wrong[i], id), -EINVAL);
	CHECK_TEXT(id, "untouched");
}

static void objects_have_their_names(void)
{
	CHECK_TEXT(sync_object_to_string(SYNC_LEAD), "lead");
	CHECK_TEXT(sync_object_api_name(SYNC_CONTACT), "Contact");
}

static const struct test tests[] = {
	{"an id of 15 characters gets the three that tell its capitals",
		an_id_of_15_gets_its_suffix},
	{"an id of 18 characters stays as it is", an_id_of_18_stays},
	{"a suffix whose case was lost is put right", a_suffix_in_another_case_is_put_right},
	{"what is no id is refused", what_is_no_id_is_refused},
	{"objects have a name here and one at the source", objects_have_their_names},
};

TEST_MAIN(tests)
