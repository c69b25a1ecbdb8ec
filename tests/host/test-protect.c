/* SPDX-License-Identifier: BSD-2-Clause */

/* That secrets stay in the process. Each behaviour runs in a child, as none of it can be undone. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "host/protect.h"

#include "../unit/test.h"

#define NOBODY     65534
#define ARENA_SIZE (64u * 1024) /* the smallest limit met in the field */

/* Run @story in a child and take over its result. */
static void in_child(void (*story)(void))
{
	int status = -1;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (setjmp(test_out) == 0)
			story();
		(void)fflush(stdout);
		_exit(test_failed);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

/* Valgrind 3.19 does not know mlock2(), which the C library makes EINVAL. */
static bool can_lock(void)
{
	static char page[1];

	if (mlock2(page, sizeof(page), MLOCK_ONFAULT) == 0 || errno != EINVAL) {
		(void)munlock(page, sizeof(page));
		return true;
	}
	printf("# there is no mlock2() here: not tried\n");
	return false;
}

/* Locked memory of this process in bytes, as the kernel counts it. */
static size_t locked_bytes(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	size_t kib = SIZE_MAX;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmLck: %zu kB", &kib) == 1)
			break;
	if (status)
		(void)fclose(status);
	return kib * 1024;
}

/* The flags of the mapping that begins at @memory, as "rd wr … lo dd wf". */
static void mapping_flags(const void *memory, char *ret, size_t size)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512], start[32];
	bool here = false;

	ret[0] = '\0';
	(void)snprintf(start, sizeof(start), "%jx-", (uintmax_t)(uintptr_t)memory);
	while (maps && fgets(line, sizeof(line), maps) && ret[0] == '\0') {
		if (strncmp(line, start, strlen(start)) == 0)
			here = true;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			(void)snprintf(ret, size, "%.250s", line + 8);
	}
	if (maps)
		(void)fclose(maps);
}

/* As a user without rights, who may lock @limit bytes. */
static void as_nobody(rlim_t limit)
{
	const struct rlimit memlock = {limit, limit};

	REQUIRE(setrlimit(RLIMIT_MEMLOCK, &memlock) == 0);
	if (geteuid() == 0)
		REQUIRE(setuid(NOBODY) == 0);
	REQUIRE(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0); /* else /proc/self is closed to us */
}

static void process_story(void)
{
	struct rlimit core = {1, 1};

	REQUIRE(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	CHECK_INT(protect_process(), 0);
	CHECK_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	CHECK_INT(getrlimit(RLIMIT_CORE, &core), 0);
	CHECK_INT(core.rlim_cur, 0);
	CHECK_INT(core.rlim_max, 0);
}

static void process(void)
{
	in_child(process_story);
}

struct arena {
	void *memory;
	size_t size, locked;
};

static struct arena arena_of(size_t wanted)
{
	struct arena a = {.memory = NULL};

	REQUIRE(protect_arena(wanted, &a.memory, &a.size, &a.locked) == 0);
	CHECK(a.memory && a.size > 0 && a.size % (size_t)sysconf(_SC_PAGESIZE) == 0);
	for (size_t i = 0; i < a.size; i++)
		CHECK(((char *)a.memory)[i] == 0);
	memset(a.memory, 'x', a.size);
	return a;
}

static void whole_story(void)
{
	const size_t before = locked_bytes();
	char flags[256];
	struct arena a;

	as_nobody(ARENA_SIZE);
	a = arena_of(ARENA_SIZE);
	CHECK_INT(a.size, ARENA_SIZE);
	CHECK_INT(a.locked, ARENA_SIZE);
	CHECK_INT(locked_bytes() - before, ARENA_SIZE);
	mapping_flags(a.memory, flags, sizeof(flags));
	CHECK(strstr(flags, " lo "));
	CHECK(strstr(flags, " dd "));
	CHECK(strstr(flags, " wf "));
}

static void whole(void)
{
	if (can_lock())
		in_child(whole_story);
}

static void limited_story(void)
{
	const size_t before = locked_bytes(), page = (size_t)sysconf(_SC_PAGESIZE);
	struct arena a;

	as_nobody(10 * page + 100);
	a = arena_of(ARENA_SIZE);
	CHECK_INT(a.size, 10 * page);
	CHECK_INT(a.locked, 10 * page);
	CHECK_INT(locked_bytes() - before, 10 * page);
	/* The limit is used up by now: the next has what is left, nothing. */
	a = arena_of(ARENA_SIZE);
	CHECK_INT(a.size, page);
	CHECK_INT(a.locked, 0);
}

static void limited(void)
{
	if (can_lock())
		in_child(limited_story);
}

static void shared_limit_story(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct arena a;

	as_nobody(16 * page);
	a = arena_of(5 * page);
	CHECK_INT(a.locked, 5 * page);
	a = arena_of(64 * page); /* 16 pages are refused as 5 are taken, 8 are not */
	CHECK_INT(a.size, 8 * page);
	CHECK_INT(a.locked, 8 * page);
}

static void shared_limit(void)
{
	if (can_lock())
		in_child(shared_limit_story);
}

static void none_story(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char flags[256];
	struct arena a;

	as_nobody(0);
	a = arena_of(ARENA_SIZE);
	CHECK_INT(a.size, page);
	CHECK_INT(a.locked, 0);
	mapping_flags(a.memory, flags, sizeof(flags));
	CHECK(!strstr(flags, " lo "));
	CHECK(strstr(flags, " dd "));
}

static void none(void)
{
	if (can_lock())
		in_child(none_story);
}

static void child_story(void)
{
	struct arena a = arena_of(ARENA_SIZE);
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < a.size; i++)
			if (((char *)a.memory)[i] != 0)
				_exit(1);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(((char *)a.memory)[0] == 'x');
}

static void child(void)
{
	in_child(child_story);
}

static void secrets_story(void)
{
	size_t used = 0, outside = 1;
	struct secret *s;
	struct arena a;

	REQUIRE(protect_arena(1, &a.memory, &a.size, &a.locked) == 0);
	CHECK_INT(a.size, sysconf(_SC_PAGESIZE));
	CHECK_INT(secret_set_arena(a.memory, a.size), 0);
	s = secret_new_text("a refresh token");
	secret_usage(&used, &outside);
	CHECK(used > 0);
	CHECK_INT(outside, 0);
	CHECK(secret_expose(s) > (char *)a.memory && secret_expose(s) < (char *)a.memory + a.size);
	secret_free(s);
}

static void secrets(void)
{
	in_child(secrets_story);
}

static const struct test tests[] = {
	{"the process leaves no core and can't be traced by its user", process},
	{"an arena within the limit is locked whole, and kept out of dumps", whole},
	{"an arena beyond the limit has its size", limited},
	{"an arena that shares its limit takes half and half again", shared_limit},
	{"without a right to lock there is still a page", none},
	{"a child finds the arena empty", child},
	{"secrets live in the arena", secrets},
};

TEST_MAIN(tests)
