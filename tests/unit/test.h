/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A table of behaviours, told as TAP: each says in a reader's words what is true of the code. CHECK
 * goes on after a failure, REQUIRE leaves the behaviour. */
struct test {
	const char *says;
	void (*run)(void);
};

static bool test_failed;
static jmp_buf test_out;

#define TEST_FAIL(...) \
	do { \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__); \
		printf("\n"); \
		test_failed = true; \
	} while (0)

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			TEST_FAIL("not true: %s", #condition); \
	} while (0)

#define REQUIRE(condition) \
	do { \
		if (!(condition)) { \
			TEST_FAIL("not true: %s", #condition); \
			longjmp(test_out, 1); \
		} \
	} while (0)

#define CHECK_INT(have, want) \
	do { \
		intmax_t _have = (intmax_t)(have), _want = (intmax_t)(want); \
		if (_have != _want) \
			TEST_FAIL("%s is %jd, not %jd", #have, _have, _want); \
	} while (0)

#define CHECK_TEXT(have, want) \
	do { \
		const char *_have = (have), *_want = (want); \
		if (!_have != !_want || (_have && strcmp(_have, _want) != 0)) \
			TEST_FAIL("%s is \"%s\", not \"%s\"", #have, _have ? _have : "(null)", \
				_want ? _want : "(null)"); \
	} while (0)

/* In a function of its own, so that no local of the caller lives across longjmp(). */
static bool test_run(const struct test *t)
{
	test_failed = false;
	if (setjmp(test_out) == 0)
		t->run();
	return !test_failed;
}

static int test_main(const struct test *tests, size_t n)
{
	size_t failures = 0;

	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		bool good = test_run(&tests[i]);

		printf("%s %zu - %s\n", good ? "ok" : "not ok", i + 1, tests[i].says);
		failures += !good;
		(void)fflush(stdout); /* so that a crash shows which behaviour came last */
	}
	return failures != 0;
}

#define TEST_MAIN(tests) \
	int main(void) \
	{ \
		return test_main(tests, sizeof(tests) / sizeof((tests)[0])); \
	}
