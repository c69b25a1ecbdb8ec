/* SPDX-License-Identifier: BSD-2-Clause */

/* What base/mem promises of each block, seen as its bytes reach free(). */

#include <stdint.h>

#include "base/mem.h"
#include "test.h"

static struct {
	size_t blocks;
	size_t bytes;
	bool all_zero;
} seen;

static void witness(const void *p, size_t size)
{
	const unsigned char *bytes = p;

	seen.blocks++;
	seen.bytes += size;
	for (size_t i = 0; i < size; i++)
		seen.all_zero &= bytes[i] == 0;
}

static void watch(void)
{
	seen.blocks = 0;
	seen.bytes = 0;
	seen.all_zero = true;
	mem_set_witness(witness);
}

static void unwatch(void)
{
	mem_set_witness(NULL);
}

static bool refuse(size_t size)
{
	return size >= 100;
}

static bool is_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static void new_blocks_are_zero(void)
{
	_cleanup_(mem_freep) char *block = mem_alloc(1000);
	_cleanup_(mem_freep) char *array = mem_array(10, 100);

	REQUIRE(block && array);
	CHECK(is_zero(block, 1000));
	CHECK(is_zero(array, 1000));
}

static void payloads_are_aligned(void)
{
	for (size_t size = 0; size < 40; size++) {
		_cleanup_(mem_freep) char *block = mem_alloc(size);

		REQUIRE(block);
		CHECK_INT((uintptr_t)block % 16, 0);
	}
}

static void nothing_is_a_block_too(void)
{
	char *block = mem_alloc(0), *other = mem_array(0, 8);

	REQUIRE(block && other);
	CHECK(block != other);
	mem_free(other);
	block = mem_resize(block, 3);
	REQUIRE(block);
	memcpy(block, "abc", 3);
	mem_free(block);
}

static void sizes_that_overflow_are_refused(void)
{
	CHECK(!mem_alloc(SIZE_MAX));
	CHECK(!mem_array(SIZE_MAX / 2, 3));
	CHECK(!mem_array(SIZE_MAX, SIZE_MAX));
}

static void freed_bytes_are_wiped(void)
{
	char *block = mem_alloc(333);

	REQUIRE(block);
	memset(block, 'x', 333);
	watch();
	CHECK(!mem_free(block));
	unwatch();
	CHECK_INT(seen.blocks, 1);
	CHECK_INT(seen.bytes, 333);
	CHECK(seen.all_zero);
}

static void release_wipes_as_free_does(void)
{
	char *block = mem_strdup("opensesame");

	REQUIRE(block);
	watch();
	mem_release(block);
	mem_release(NULL);
	unwatch();
	CHECK_INT(seen.blocks, 1);
	CHECK_INT(seen.bytes, sizeof("opensesame"));
	CHECK(seen.all_zero);
}

static void growing_keeps_content_and_wipes_the_old_place(void)
{
	char *block = mem_strdup("opensesame");

	REQUIRE(block);
	watch();
	block = mem_resize(block, 4096);
	unwatch();
	REQUIRE(block);
	CHECK_TEXT(block, "opensesame");
	CHECK(is_zero(block + 10, 4096 - 10));
	CHECK_INT(seen.blocks, 1);
	CHECK_INT(seen.bytes, sizeof("opensesame"));
	CHECK(seen.all_zero);
	mem_free(block);
}

static void shrinking_wipes_the_tail(void)
{
	char *block = mem_strdup("opensesame"), *same = block;

	REQUIRE(block);
	block = mem_resize(block, 4);
	REQUIRE(block == same);
	CHECK(memcmp(block, "open\0\0\0\0\0\0\0", 11) == 0);
	block = mem_resize(block, 11);
	REQUIRE(block);
	CHECK(memcmp(block, "open\0\0\0\0\0\0\0", 11) == 0);
	mem_free(block);
}

static void resize_of_null_allocates(void)
{
	char *block = mem_resize(NULL, 5);

	REQUIRE(block);
	CHECK(is_zero(block, 5));
	mem_free(block);
}

static void a_failed_resize_leaves_the_block(void)
{
	char *block = mem_strdup("kept");

	REQUIRE(block);
	mem_set_failure(refuse);
	CHECK(!mem_resize(block, 100));
	mem_set_failure(NULL);
	CHECK(!mem_resize(block, SIZE_MAX));
	CHECK_TEXT(block, "kept");
	mem_free(block);
}

static void the_failure_hook_decides_by_size(void)
{
	char *block;

	mem_set_failure(refuse);
	CHECK(!mem_alloc(100));
	CHECK(!mem_array(10, 10));
	block = mem_alloc(99);
	mem_set_failure(NULL);
	CHECK(block);
	mem_free(block);
	block = mem_alloc(100);
	CHECK(block);
	mem_free(block);
}

static void strings_are_copied_whole_or_in_part(void)
{
	_cleanup_(mem_freep) char *whole = mem_strdup("salesforce");
	_cleanup_(mem_freep) char *part = mem_strndup("salesforce", 5);
	_cleanup_(mem_freep) char *shorter = mem_strndup("sales", 100);
	_cleanup_(mem_freep) char *empty = mem_strndup("x", 0);

	CHECK_TEXT(whole, "salesforce");
	CHECK_TEXT(part, "sales");
	CHECK_TEXT(shorter, "sales");
	CHECK_TEXT(empty, "");
	CHECK(!mem_strdup(NULL));
}

static void null_may_be_freed(void)
{
	char *nothing = NULL;

	watch();
	CHECK(!mem_free(NULL));
	mem_freep(&nothing);
	unwatch();
	CHECK_INT(seen.blocks, 0);
}

static void cleanup_frees_once_and_steal_moves_out(void)
{
	char *moved;

	watch();
	{
		_cleanup_(mem_freep) char *freed = mem_strdup("a");
		_cleanup_(mem_freep) char *kept = mem_strdup("b");

		CHECK_TEXT(freed, "a");
		moved = steal(kept);
		CHECK(!kept);
	}
	unwatch();
	CHECK_INT(seen.blocks, 1);
	CHECK_TEXT(moved, "b");
	mem_free(moved);
}

static const struct test tests[] = {
	{"new blocks and arrays are zero", new_blocks_are_zero},
	{"payloads are aligned to 16 bytes", payloads_are_aligned},
	{"a block of no bytes is a block", nothing_is_a_block_too},
	{"sizes that overflow are refused", sizes_that_overflow_are_refused},
	{"every byte of a freed block is wiped before free()", freed_bytes_are_wiped},
	{"the hook for libraries wipes as well", release_wipes_as_free_does},
	{"growing keeps the content, zeroes the rest, wipes the old place",
		growing_keeps_content_and_wipes_the_old_place},
	{"shrinking wipes what is given back", shrinking_wipes_the_tail},
	{"resizing NULL allocates", resize_of_null_allocates},
	{"a resize that fails leaves the block as it was", a_failed_resize_leaves_the_block},
	{"the failure hook decides by size and can be removed", the_failure_hook_decides_by_size},
	{"strings are copied whole or in part", strings_are_copied_whole_or_in_part},
	{"NULL may be freed", null_may_be_freed},
	{"a cleanup frees once, steal moves out", cleanup_frees_once_and_steal_moves_out},
};

TEST_MAIN(tests)
