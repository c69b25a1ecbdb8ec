/* SPDX-License-Identifier: BSD-2-Clause */

/* What the service manager hears; the test is the manager. */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/ready.h"

#include "../unit/test.h"

static int manager = -1;

/* Listen as the manager does. An abstract name, so that no file is left. */
static void begin(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[64];
	socklen_t len;

	(void)snprintf(name, sizeof(name), "@grantd-test-ready-%d", (int)getpid());
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(manager >= 0 && bind(manager, (struct sockaddr *)&address, len) == 0);
	REQUIRE(setenv("NOTIFY_SOCKET", name, 1) == 0);
}

/* The next message, "" where there is none. */
static const char *heard(void)
{
	static char text[4096];
	const ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void end(void)
{
	CHECK_TEXT(heard(), "");
	(void)close(manager);
	(void)unsetenv("NOTIFY_SOCKET");
}

static void states(void)
{
	begin();
	ready_ready();
	CHECK_TEXT(heard(), "READY=1");
	ready_stopping();
	CHECK_TEXT(heard(), "STOPPING=1");
	ready_extend(UINT64_C(90000000));
	CHECK_TEXT(heard(), "EXTEND_TIMEOUT_USEC=90000000");
	end();
}

static uint64_t monotonic_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void reloading(void)
{
	const uint64_t before = monotonic_usec();
	uint64_t told = 0;
	int end_of_text = 0;
	const char *text;

	begin();
	ready_reloading();
	text = heard();
	CHECK_INT(
		sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%" SCNu64 "%n", &told, &end_of_text), 1);
	CHECK_INT(text[end_of_text], '\0');
	CHECK(told >= before && told <= monotonic_usec());
	end();
}

static void status(void)
{
	char text[3000];

	begin();
	ready_status("waiting for approval of crm: run grantctl login crm");
	CHECK_TEXT(heard(), "STATUS=waiting for approval of crm: run grantctl login crm");
	ready_status("one\nREADY=1\x1b");
	CHECK_TEXT(heard(), "STATUS=one?READY=1?");
	ready_status("");
	CHECK_TEXT(heard(), "STATUS=");
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ready_status(text);
	CHECK_INT(strlen(heard()), strlen("STATUS=") + 511);
	end();
}

static void nobody_listens(void)
{
	REQUIRE(unsetenv("NOTIFY_SOCKET") == 0);
	ready_ready();
	ready_status("text");
	ready_extend(1);
	ready_reloading();
	ready_stopping();
	REQUIRE(setenv("NOTIFY_SOCKET", "/nowhere/notify", 1) == 0);
	ready_ready();
	ready_status("text");
	CHECK(getenv("NOTIFY_SOCKET")); /* kept for the next */
	REQUIRE(unsetenv("NOTIFY_SOCKET") == 0);
}

static const struct test tests[] = {
	{"ready, stopping and more time are told as such", states},
	{"a reload tells the time it began", reloading},
	{"the status is one line, whatever is in it", status},
	{"without a manager, or with a deaf one, nothing happens", nobody_listens},
};

TEST_MAIN(tests)
