/* SPDX-License-Identifier: BSD-2-Clause */

/* Secrets: where they live and that nothing of them stays. The arena can be given only once, so the
 * behaviours without one come first in the table. */

#include <errno.h>

#include "base/mem.h"
#include "base/secret.h"
#include "test.h"

#define ARENA_SIZE 4096

static _Alignas(16) unsigned char memory[ARENA_SIZE];

static size_t freed, residue;

static void witness(const void *p, size_t size)
{
	const unsigned char *bytes = p;

	freed++;
	for (size_t i = 0; i < size; i++)
		residue += bytes[i] != 0;
}

static bool refuse(size_t size)
{
	(void)size;
	return true;
}

static size_t used(void)
{
	size_t in_arena, outside;

	secret_usage(&in_arena, &outside);
	return in_arena;
}

static size_t outside(void)
{
	size_t in_arena, n;

	secret_usage(&in_arena, &n);
	return n;
}

/* How often the @len bytes of @data stand anywhere in the arena. */
static size_t found(const void *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i + len <= sizeof(memory); i++)
		n += memcmp(memory + i, data, len) == 0;
	return n;
}

static void without_arena_secrets_live_outside(void)
{
	_cleanup_(secret_freep) struct secret *s = secret_new_text("opensesame");

	REQUIRE(s);
	CHECK_TEXT(secret_expose(s), "opensesame");
	CHECK_INT(used(), 0);
	CHECK_INT(outside(), 1);
}

static void outside_secrets_are_wiped(void)
{
	struct secret *s = secret_new_text("opensesame");

	REQUIRE(s);
	freed = 0;
	residue = 0;
	mem_set_witness(witness);
	CHECK(!secret_free(s));
	mem_set_witness(NULL);
	CHECK_INT(freed, 1);
	CHECK_INT(residue, 0);
	CHECK_INT(outside(), 0);
}

static void short_memory_is_told(void)
{
	mem_set_failure(refuse);
	CHECK(!secret_new_text("x"));
	mem_set_failure(NULL);
	CHECK(!secret_new("x", SIZE_MAX));
	CHECK(!secret_new("x", SIZE_MAX - 16));
	CHECK_INT(outside(), 0);
}

static void content_may_be_any_bytes(void)
{
	_cleanup_(secret_freep) struct secret *s = secret_new("a\0b", 3);
	_cleanup_(secret_freep) struct secret *empty = secret_new(NULL, 0);
	_cleanup_(secret_freep) struct secret *copy = secret_copy(s);

	REQUIRE(s && empty && copy);
	CHECK_INT(secret_len(s), 3);
	CHECK(memcmp(secret_expose(s), "a\0b", 4) == 0);
	CHECK_INT(secret_len(empty), 0);
	CHECK_TEXT(secret_expose(empty), "");
	CHECK(copy != s);
	CHECK(secret_equal(copy, s));
}

static void null_is_no_secret(void)
{
	CHECK(!secret_new_text(NULL));
	CHECK(!secret_copy(NULL));
	CHECK(!secret_free(NULL));
	CHECK_INT(secret_len(NULL), 0);
	CHECK(!secret_expose(NULL));
}

static void equality_is_of_all_bytes(void)
{
	_cleanup_(secret_freep) struct secret *a = secret_new("a\0b", 3);
	_cleanup_(secret_freep) struct secret *same = secret_new("a\0b", 3);
	_cleanup_(secret_freep) struct secret *last = secret_new("a\0c", 3);
	_cleanup_(secret_freep) struct secret *first = secret_new("b\0b", 3);
	_cleanup_(secret_freep) struct secret *high = secret_new("a\200b", 3);
	_cleanup_(secret_freep) struct secret *longer = secret_new("a\0bc", 4);
	_cleanup_(secret_freep) struct secret *empty = secret_new("", 0);

	CHECK(secret_equal(a, a));
	CHECK(secret_equal(a, same));
	CHECK(!secret_equal(a, last));
	CHECK(!secret_equal(a, first));
	CHECK(!secret_equal(a, high));
	CHECK(!secret_equal(a, longer));
	CHECK(!secret_equal(longer, a));
	CHECK(!secret_equal(a, NULL));
	CHECK(!secret_equal(NULL, empty));
	CHECK(secret_equal(NULL, NULL));
}

static void a_bad_arena_is_refused(void)
{
	CHECK_INT(secret_set_arena(NULL, ARENA_SIZE), -EINVAL);
	CHECK_INT(secret_set_arena(memory, 16), -EINVAL);
	CHECK_INT(secret_set_arena(memory + 8, ARENA_SIZE - 8), -EINVAL);
}

static void an_arena_is_given_once(void)
{
	CHECK_INT(secret_set_arena(memory, ARENA_SIZE), 0);
	CHECK_INT(secret_set_arena(memory, ARENA_SIZE), -EBUSY);
	CHECK_INT(used(), 0);
}

static void secrets_live_in_the_arena_and_nowhere_else(void)
{
	struct secret *s;

	mem_set_failure(refuse); /* the arena needs no other memory */
	s = secret_new_text("opensesame");
	mem_set_failure(NULL);
	REQUIRE(s);
	CHECK_INT(outside(), 0);
	CHECK(used() >= sizeof("opensesame"));
	CHECK_INT(found("opensesame", 10), 1);
	CHECK_INT((uintptr_t)s % 16, 0);
	secret_free(s);
	CHECK_INT(used(), 0);
	CHECK_INT(found("opensesame", 10), 0);
	CHECK_INT(found("sesame", 6), 0);
}

static void every_byte_is_wiped_in_the_arena(void)
{
	char data[64];

	memset(data, 0xa5, sizeof(data));
	for (size_t len = 1; len <= sizeof(data); len++) {
		struct secret *s = secret_new(data, len);

		REQUIRE(s);
		CHECK_INT(found(data, len), 1);
		secret_free(s);
		CHECK_INT(found(data, 1), 0);
	}
}

static void freed_room_is_used_again(void)
{
	_cleanup_(secret_freep) struct secret *kept = secret_new_text("kept");
	const char data[400] = {0};

	for (size_t i = 0; i < 100; i++) { /* ten times what the arena holds */
		_cleanup_(secret_freep) struct secret *s = secret_new(data, sizeof(data));

		REQUIRE(kept && s);
		CHECK_INT(outside(), 0);
	}
	CHECK_TEXT(secret_expose(kept), "kept");
}

/* Fill the arena with secrets of @len bytes, up to @max. Returns how many fitted. */
static size_t fill(struct secret **secrets, size_t max, size_t len)
{
	char data[ARENA_SIZE] = {0};
	size_t n = 0;

	while (n < max) {
		secrets[n] = secret_new(data, len);
		REQUIRE(secrets[n]);
		if (outside() > 0) {
			secrets[n] = secret_free(secrets[n]);
			break;
		}
		n++;
	}
	return n;
}

/* Does a secret as large as nearly all of the arena fit in it? */
static bool large_fits(void)
{
	const char data[3600] = {0};
	_cleanup_(secret_freep) struct secret *s = secret_new(data, sizeof(data));

	return s && outside() == 0;
}

static void neighbours_become_one_room_in_any_order_of_freeing(void)
{
	static const unsigned char orders[][4] = {
		{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
	struct secret *secrets[8];

	CHECK(large_fits());
	for (size_t i = 0; i < ELEMENTS(orders); i++) {
		REQUIRE(fill(secrets, 8, 990) == 4);
		for (size_t j = 0; j < 4; j++) {
			CHECK(!large_fits());
			secrets[orders[i][j]] = secret_free(secrets[orders[i][j]]);
		}
		CHECK(large_fits());
		CHECK_INT(used(), 0);
	}
}

static void what_finds_no_room_lives_outside_and_is_counted(void)
{
	struct secret *secrets[64], *more, *large;
	const size_t n = fill(secrets, 64, 100);

	REQUIRE(n > 10 && n < 64);
	more = secret_new_text(
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789");
	large = secret_new(memory, ARENA_SIZE);
	REQUIRE(more && large);
	CHECK_INT(outside(), 2);
	CHECK_INT(found("0123456789", 10), 0);
	secret_free(more);
	secret_free(large);
	CHECK_INT(outside(), 0);

	secrets[n / 2] = secret_free(secrets[n / 2]);
	secrets[n / 2] = secret_new_text("fits");
	CHECK_INT(outside(), 0);
	for (size_t i = 0; i < n; i++)
		secret_free(secrets[i]);
	CHECK_INT(used(), 0);
}

/* A small generator of our own, so that each run does the same. */
static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void any_order_of_births_and_deaths_keeps_contents_apart(void)
{
	struct {
		struct secret *secret;
		unsigned char fill;
		size_t len;
	} slots[40] = {0};
	unsigned char data[300];
	uint32_t state = 1;

	for (int i = 0; i < 20000; i++) {
		const size_t at = next(&state) % ELEMENTS(slots);

		for (size_t j = 0; slots[at].secret && j < slots[at].len; j++)
			REQUIRE((unsigned char)secret_expose(slots[at].secret)[j] ==
				slots[at].fill);
		slots[at].secret = secret_free(slots[at].secret);
		if (next(&state) % 3 == 0)
			continue;
		slots[at].len = next(&state) % sizeof(data);
		slots[at].fill = (unsigned char)(1 + next(&state) % 255);
		memset(data, slots[at].fill, sizeof(data));
		slots[at].secret = secret_new(data, slots[at].len);
		REQUIRE(slots[at].secret);
	}
	for (size_t at = 0; at < ELEMENTS(slots); at++)
		secret_free(slots[at].secret);
	CHECK_INT(used(), 0);
	CHECK_INT(outside(), 0);
	for (unsigned fill = 1; fill < 256; fill++) {
		memset(data, (int)fill, 16);
		CHECK_INT(found(data, 16), 0);
	}
}

static const struct test tests[] = {
	{"without an arena secrets live in wiped memory", without_arena_secrets_live_outside},
	{"a secret outside the arena is wiped as it reaches free()", outside_secrets_are_wiped},
	{"short memory and sizes that overflow give NULL", short_memory_is_told},
	{"a secret may hold any bytes, also none", content_may_be_any_bytes},
	{"NULL is no secret", null_is_no_secret},
	{"secrets are equal when all bytes are", equality_is_of_all_bytes},
	{"an arena too small or misaligned is refused", a_bad_arena_is_refused},
	{"an arena is given once", an_arena_is_given_once},
	{"a secret lives in the arena only, and is wiped there",
		secrets_live_in_the_arena_and_nowhere_else},
	{"every byte of a secret is wiped in the arena", every_byte_is_wiped_in_the_arena},
	{"freed room is used again", freed_room_is_used_again},
	{"free neighbours become one room, whatever the order",
		neighbours_become_one_room_in_any_order_of_freeing},
	{"what finds no room lives outside, counted while it does",
		what_finds_no_room_lives_outside_and_is_counted},
	{"20,000 births and deaths keep contents apart and leave nothing",
		any_order_of_births_and_deaths_keeps_contents_apart},
};

TEST_MAIN(tests)
