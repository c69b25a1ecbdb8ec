/* SPDX-License-Identifier: BSD-2-Clause */

/* Buffers: growth, the cap, the sticky error, and what is left behind. */

#include <errno.h>

#include "base/buf.h"
#include "base/mem.h"
#include "test.h"

static bool residue;
static size_t freed;

static void witness(const void *p, size_t size)
{
	const unsigned char *bytes = p;

	freed++;
	for (size_t i = 0; i < size; i++)
		residue |= bytes[i] != 0;
}

static bool refuse(size_t size)
{
	(void)size;
	return true;
}

static void additions_are_joined_and_ended_by_nul(void)
{
	struct buf b = BUF(100);

	CHECK_TEXT(buf_text(&b), "");
	CHECK(!b.data);
	CHECK_INT(buf_add(&b, "abXX", 2), 0);
	CHECK_INT(buf_add_text(&b, "cd"), 0);
	CHECK_INT(buf_add_char(&b, 'e'), 0);
	CHECK_INT(buf_printf(&b, "-%d-%s", 12, "f"), 0);
	CHECK_TEXT(buf_text(&b), "abcde-12-f");
	CHECK_INT(b.len, 10);
	CHECK_INT(b.data[b.len], 0);
	buf_done(&b);
}

static void nul_bytes_are_content(void)
{
	struct buf b = BUF(100);

	CHECK_INT(buf_add(&b, "a\0b", 3), 0);
	CHECK_INT(buf_add_char(&b, '\0'), 0);
	CHECK_INT(b.len, 4);
	CHECK(memcmp(b.data, "a\0b\0", 5) == 0);
	buf_done(&b);
}

static void adding_nothing_changes_nothing(void)
{
	struct buf b = BUF(10);

	CHECK_INT(buf_add(&b, NULL, 0), 0);
	CHECK_INT(buf_add_text(&b, ""), 0);
	CHECK_INT(b.len, 0);
	CHECK_TEXT(buf_text(&b), "");
	buf_done(&b);
}

static void the_cap_can_be_filled_but_not_passed(void)
{
	struct buf b = BUF(5);

	CHECK_INT(buf_add_text(&b, "12345"), 0);
	CHECK_INT(buf_add_char(&b, '6'), -EMSGSIZE);
	CHECK_TEXT(buf_text(&b), "12345");
	CHECK_INT(b.len, 5);
	buf_done(&b);
}

static void formatted_text_obeys_the_cap(void)
{
	struct buf b = BUF(5);

	CHECK_INT(buf_printf(&b, "%s", "123456"), -EMSGSIZE);
	CHECK_INT(b.len, 0);
	buf_done(&b);
	CHECK_INT(buf_printf(&b, "%05d", 42), 0);
	CHECK_TEXT(buf_text(&b), "00042");
	buf_done(&b);
}

static void a_cap_of_zero_takes_nothing(void)
{
	struct buf b = {0};

	CHECK_INT(buf_add_char(&b, 'x'), -EMSGSIZE);
	CHECK_TEXT(buf_text(&b), "");
	buf_done(&b);
}

static void huge_sizes_do_not_wrap(void)
{
	struct buf b = BUF(SIZE_MAX);
	char *to;

	CHECK_INT(buf_add_char(&b, 'x'), 0);
	CHECK_INT(buf_extend(&b, SIZE_MAX - 1, &to), -EMSGSIZE);
	CHECK_INT(b.len, 1);
	buf_done(&b);
	CHECK_INT(buf_extend(&b, SIZE_MAX - 1, &to), -ENOMEM);
	buf_done(&b);
}

static void the_first_failure_sticks(void)
{
	struct buf b = BUF(3);

	CHECK_INT(buf_add_text(&b, "abcd"), -EMSGSIZE);
	CHECK_INT(buf_add_text(&b, "a"), -EMSGSIZE);
	CHECK_INT(buf_add_text(&b, ""), -EMSGSIZE);
	CHECK_INT(buf_printf(&b, "%d", 1), -EMSGSIZE);
	CHECK_INT(b.error, -EMSGSIZE);
	CHECK(!buf_steal(&b));
	buf_done(&b);
	CHECK_INT(buf_add_text(&b, "a"), 0);
	CHECK_TEXT(buf_text(&b), "a");
	buf_done(&b);
}

static void short_memory_is_told_and_sticks(void)
{
	struct buf b = BUF(10000);

	CHECK_INT(buf_add_text(&b, "kept"), 0);
	mem_set_failure(refuse);
	CHECK_INT(buf_printf(&b, "%1000d", 1), -ENOMEM);
	mem_set_failure(NULL);
	CHECK_TEXT(buf_text(&b), "kept");
	CHECK_INT(buf_add_text(&b, "x"), -ENOMEM);
	buf_done(&b);
}

static void extension_gives_zero_bytes_to_fill(void)
{
	struct buf b = BUF(100);
	char *to = NULL;

	CHECK_INT(buf_add_text(&b, "abcdef"), 0);
	buf_drop(&b, 5);
	REQUIRE(buf_extend(&b, 4, &to) == 0);
	CHECK(memcmp(to, "\0\0\0\0", 5) == 0);
	memcpy(to, "1234", 4);
	CHECK_TEXT(buf_text(&b), "f1234");
	buf_done(&b);
}

static void dropped_bytes_are_wiped(void)
{
	struct buf b = BUF(100);

	CHECK_INT(buf_add_text(&b, "secretrest"), 0);
	buf_drop(&b, 6);
	CHECK_TEXT(buf_text(&b), "rest");
	CHECK_INT(b.len, 4);
	CHECK(memcmp(b.data, "rest\0\0\0\0\0\0\0", 11) == 0);
	buf_drop(&b, 4);
	CHECK_TEXT(buf_text(&b), "");
	CHECK(memcmp(b.data, "\0\0\0\0", 4) == 0);
	buf_drop(&b, 0);
	buf_done(&b);
}

static void growth_and_done_leave_no_copy(void)
{
	struct buf b = BUF(100000);

	residue = false;
	freed = 0;
	mem_set_witness(witness);
	for (int i = 0; i < 20000; i++)
		CHECK_INT(buf_add_text(&b, "key"), 0);
	CHECK(freed > 3);
	CHECK_INT(b.len, 60000);
	buf_done(&b);
	mem_set_witness(NULL);
	CHECK(!residue);
}

static void many_small_additions_move_the_content_seldom(void)
{
	struct buf b = BUF(1 << 20);

	freed = 0;
	mem_set_witness(witness);
	for (int i = 0; i < 1 << 20; i++)
		(void)buf_add_char(&b, 'x');
	mem_set_witness(NULL);
	CHECK_INT(b.len, 1 << 20);
	CHECK_INT(b.cap, (1 << 20) + 1);
	CHECK(freed < 20);
	buf_done(&b);
}

static void stealing_hands_the_content_over(void)
{
	struct buf b = BUF(100);
	char *text;

	CHECK_INT(buf_add_text(&b, "mine"), 0);
	text = buf_steal(&b);
	CHECK_TEXT(text, "mine");
	mem_free(text);
	CHECK_INT(b.len, 0);
	text = buf_steal(&b);
	CHECK_TEXT(text, "");
	mem_free(text);
	CHECK_INT(buf_add_text(&b, "again"), 0);
	CHECK_TEXT(buf_text(&b), "again");
	buf_done(&b);
}

static void done_is_idempotent(void)
{
	struct buf b = BUF(4);

	CHECK_INT(buf_add_text(&b, "abcd"), 0);
	buf_done(&b);
	buf_done(&b);
	CHECK_TEXT(buf_text(&b), "");
	CHECK_INT(b.max, 4);
}

static const struct test tests[] = {
	{"additions are joined and ended by a NUL that is not counted",
		additions_are_joined_and_ended_by_nul},
	{"NUL bytes are content", nul_bytes_are_content},
	{"adding nothing changes nothing", adding_nothing_changes_nothing},
	{"the cap can be filled but not passed", the_cap_can_be_filled_but_not_passed},
	{"formatted text obeys the cap", formatted_text_obeys_the_cap},
	{"a cap of zero takes nothing", a_cap_of_zero_takes_nothing},
	{"huge sizes do not wrap around", huge_sizes_do_not_wrap},
	{"the first failure sticks until done", the_first_failure_sticks},
	{"short memory is told, sticks, and keeps the content", short_memory_is_told_and_sticks},
	{"an extension gives zero bytes to fill", extension_gives_zero_bytes_to_fill},
	{"dropped bytes are wiped", dropped_bytes_are_wiped},
	{"growth and done leave no copy behind", growth_and_done_leave_no_copy},
	{"a million small additions move the content a few times",
		many_small_additions_move_the_content_seldom},
	{"stealing hands the content over and empties the buffer", stealing_hands_the_content_over},
	{"done is idempotent and keeps the cap", done_is_idempotent},
};

TEST_MAIN(tests)
