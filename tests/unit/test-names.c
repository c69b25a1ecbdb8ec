/* SPDX-License-Identifier: BSD-2-Clause */

/* Lists of names and parameters. */

#include <errno.h>

#include "base/mem.h"
#include "base/names.h"
#include "test.h"

static unsigned allowed;

static bool refuse_after_allowed(size_t size)
{
	(void)size;
	return allowed == 0 || allowed-- == 0;
}

static bool refuse_copies(size_t size)
{
	return size < 16; /* the list itself may still be made */
}

static struct names split(const char *text)
{
	struct names l = {0};

	CHECK_INT(names_split(text, &l), 0);
	return l;
}

static void names_keep_their_order(void)
{
	struct names l = {0};
	char *joined;

	CHECK_INT(names_add(&l, "refresh_token", 13), 0);
	CHECK_INT(names_add(&l, "apiXXX", 3), 0);
	CHECK_INT(names_add(&l, "api", 3), 0);
	CHECK_INT(l.n, 3);
	joined = names_join(&l, ", ");
	CHECK_TEXT(joined, "refresh_token, api, api");
	mem_free(joined);
	names_done(&l);
	names_done(&l);
	CHECK_INT(l.n, 0);
}

static void an_empty_list_joins_to_empty_text(void)
{
	struct names l = {0};
	char *joined = names_join(&l, ",");

	CHECK_TEXT(joined, "");
	mem_free(joined);
	names_done(&l);
}

static void text_is_split_at_white_space(void)
{
	struct names l = split("  api\tid\n refresh_token ");

	REQUIRE(l.n == 3);
	CHECK_TEXT(l.items[0], "api");
	CHECK_TEXT(l.items[1], "id");
	CHECK_TEXT(l.items[2], "refresh_token");
	CHECK_INT(names_split("more", &l), 0);
	CHECK_INT(l.n, 4);
	names_done(&l);
	l = split(" \r\n\t");
	CHECK_INT(l.n, 0);
	names_done(&l);
}

static void a_hostile_text_is_split_into_so_many_parts_only(void)
{
	char text[2 * NAMES_SPLIT_MAX + 101];
	struct names l = {0};

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 ? ' ' : 'a';
	text[sizeof(text) - 1] = '\0';
	l = split(text);
	CHECK_INT(l.n, NAMES_SPLIT_MAX);
	CHECK_INT(names_split("b c", &l), 0);
	CHECK_INT(l.n, NAMES_SPLIT_MAX + 2);
	names_done(&l);
}

static void membership_is_exact(void)
{
	struct names l = split("api id");

	CHECK(names_have(&l, "api"));
	CHECK(names_have(&l, "id"));
	CHECK(!names_have(&l, "ap"));
	CHECK(!names_have(&l, "API"));
	CHECK(!names_have(&l, ""));
	names_done(&l);
}

static bool same_set(const char *a, const char *b)
{
	struct names left = split(a), right = split(b);
	const bool same = names_same_set(&left, &right);

	names_done(&left);
	names_done(&right);
	return same;
}

static void sets_ignore_order_and_repetition(void)
{
	CHECK(same_set("a b c", "c a b"));
	CHECK(same_set("a b a", "b b a"));
	CHECK(same_set("", ""));
	CHECK(!same_set("a b", "a"));
	CHECK(!same_set("a", "a b"));
	CHECK(!same_set("", "a"));
}

static void copies_are_independent(void)
{
	struct names l = split("a b c d e f g h i"), copy = {0};

	CHECK_INT(names_copy(&l, &copy), 0);
	names_done(&l);
	CHECK_INT(copy.n, 9);
	CHECK_TEXT(copy.items[0], "a");
	CHECK_TEXT(copy.items[8], "i");
	names_done(&copy);
}

static void long_lists_keep_all(void)
{
	struct names l = {0};
	char text[8];

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		REQUIRE(names_add(&l, text, strlen(text)) == 0);
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		CHECK_TEXT(l.items[i], text);
	}
	names_done(&l);
}

static void short_memory_leaves_the_list_as_it_was(void)
{
	struct names l = split("a b");

	for (unsigned n = 0; n < 4; n++) {
		allowed = n;
		mem_set_failure(refuse_after_allowed);
		CHECK_INT(names_split("c d e f", &l), -ENOMEM);
		mem_set_failure(NULL);
		CHECK_INT(l.n, 2);
		CHECK_TEXT(l.items[1], "b");
	}
	CHECK_INT(names_split("c d e f g h", &l), 0);
	CHECK_INT(l.n, 8);
	mem_set_failure(refuse_after_allowed);
	CHECK(!names_join(&l, " "));
	mem_set_failure(NULL);
	names_done(&l);
}

static void a_copy_that_fails_is_empty(void)
{
	struct names l = split("a b c"), copy = {0};
	struct params p = {0}, params_copied = {0};

	CHECK_INT(params_add(&p, "a", "b"), 0);
	allowed = 2;
	mem_set_failure(refuse_after_allowed);
	CHECK_INT(names_copy(&l, &copy), -ENOMEM);
	allowed = 2;
	CHECK_INT(params_copy(&p, &params_copied), -ENOMEM);
	mem_set_failure(NULL);
	CHECK(!copy.items && copy.n == 0);
	CHECK(!params_copied.items && params_copied.n == 0);
	names_done(&l);
	params_done(&p);
}

static void parameters_are_kept_and_found_by_name(void)
{
	struct params p = {0}, copy = {0};

	for (int i = 0; i < 20; i++) {
		char name[8], value[8];

		(void)snprintf(name, sizeof(name), "n%d", i);
		(void)snprintf(value, sizeof(value), "v%d", i);
		CHECK_INT(params_add(&p, name, value), 0);
	}
	CHECK_TEXT(params_get(&p, "n0"), "v0");
	CHECK_TEXT(params_get(&p, "n19"), "v19");
	CHECK(!params_get(&p, "n20"));
	CHECK(!params_get(&p, "N0"));
	CHECK_INT(params_copy(&p, &copy), 0);
	params_done(&p);
	params_done(&p);
	CHECK_INT(copy.n, 20);
	CHECK_TEXT(copy.items[7].name, "n7");
	CHECK_TEXT(copy.items[7].value, "v7");
	params_done(&copy);
}

static void a_parameter_that_finds_no_memory_is_not_added(void)
{
	struct params p = {0};

	mem_set_failure(refuse_copies);
	CHECK_INT(params_add(&p, "prompt", "consent"), -ENOMEM);
	mem_set_failure(NULL);
	CHECK_INT(p.n, 0);
	CHECK_INT(params_add(&p, "prompt", "consent"), 0);
	CHECK_TEXT(params_get(&p, "prompt"), "consent");
	params_done(&p);
}

static const struct test tests[] = {
	{"names keep their order and repetition", names_keep_their_order},
	{"an empty list joins to empty text", an_empty_list_joins_to_empty_text},
	{"text is split at white space, empty parts left out", text_is_split_at_white_space},
	{"a hostile text is split into so many parts only",
		a_hostile_text_is_split_into_so_many_parts_only},
	{"membership is exact", membership_is_exact},
	{"sets ignore order and repetition", sets_ignore_order_and_repetition},
	{"copies are independent", copies_are_independent},
	{"long lists keep all", long_lists_keep_all},
	{"short memory leaves the list as it was", short_memory_leaves_the_list_as_it_was},
	{"a copy that fails is empty", a_copy_that_fails_is_empty},
	{"parameters are kept and found by name", parameters_are_kept_and_found_by_name},
	{"a parameter that finds no memory is not added",
		a_parameter_that_finds_no_memory_is_not_added},
};

TEST_MAIN(tests)
