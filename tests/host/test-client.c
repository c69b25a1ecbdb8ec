/* SPDX-License-Identifier: BSD-2-Clause */
/* The way from grantctl to the agent: deadlines and frames. Both ends are held by the one thread
 * here, so that nothing is left to chance; the rest is shown by grantctl.py. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ctl/client.h"
#include "ctl/show.h"
#include "test.h"

static char directory[] = "/tmp/test-client-XXXXXX";
static int listener = -1;
static struct client *client;
static int server = -1; /* the accepted end of @client */
static struct buf why = BUF(10000);

static void begin(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", directory);
	(void)unlink(address.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(listener >= 0);
	REQUIRE(bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0);
	REQUIRE(listen(listener, 5) == 0);
	REQUIRE(client_open(directory, false, &client, &why) == EXIT_DONE);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	REQUIRE(server >= 0);
}

static void end(void)
{
	char path[100];

	client = client_free(client);
	(void)close(listener);
	if (server >= 0)
		(void)close(server);
	buf_done(&why);
	(void)snprintf(path, sizeof(path), "%s/control.sock", directory);
	(void)unlink(path);
}

static void serve(const char *data, size_t len)
{
	REQUIRE(send(server, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static int receive(uint64_t timeout, struct wire_reply *ret)
{
	return client_receive(client, usec_add(client_now().boot_usec, timeout), ret, &why);
}

static void a_call_arrives_whole(void)
{
	static const char want[] = "{\"method\":\"org.grantd.Control.Reload\",\"parameters\":{}}";
	char have[1000] = "";

	begin();
	CHECK_INT(client_send(client, WIRE_RELOAD, NULL, false, &why), EXIT_DONE);
	CHECK_INT(recv(server, have, sizeof(have), 0), sizeof(want)); /* with its NUL */
	CHECK_TEXT(have, want);
	end();
}

static void no_answer_is_awaited_until_the_deadline(void)
{
	const uint64_t limit = 50 * UINT64_C(1000);
	uint64_t start = client_now().boot_usec;
	struct wire_reply r = {0};

	begin();
	CHECK_INT(receive(limit, &r), EXIT_TIMED_OUT);
	CHECK(client_now().boot_usec - start >= limit);
	CHECK_TEXT(buf_text(&why), "the agent did not answer in time; try again");
	end();
}

static void half_an_answer_does_not_count(void)
{
	struct wire_reply r = {0};

	begin();
	serve("{\"parameters\"", strlen("{\"parameters\""));
	CHECK_INT(receive(0, &r), EXIT_TIMED_OUT);
	serve(":{}}", sizeof(":{}}"));
	CHECK_INT(receive(USEC_PER_MIN, &r), EXIT_DONE);
	wire_reply_done(&r);
	end();
}

static void answers_that_arrive_together_are_taken_in_turn(void)
{
	static const char both[] = "{\"parameters\":{\"n\":1},\"continues\":true}\0"
				   "{\"parameters\":{\"n\":2}}";
	struct wire_reply r = {0};
	uint64_t n = 0;

	begin();
	serve(both, sizeof(both));
	CHECK_INT(receive(USEC_PER_MIN, &r), EXIT_DONE);
	CHECK(json_u64(json_get(r.parameters, "n"), &n) && n == 1);
	CHECK(r.continues);
	wire_reply_done(&r);
	CHECK_INT(receive(0, &r), EXIT_DONE);
	CHECK(json_u64(json_get(r.parameters, "n"), &n) && n == 2);
	CHECK(!r.continues);
	wire_reply_done(&r);
	end();
}

static void an_error_is_an_answer(void)
{
	static const char frame[] = "{\"error\":\"org.grantd.Busy\"}";
	struct wire_reply r = {0};

	begin();
	serve(frame, sizeof(frame));
	CHECK_INT(receive(USEC_PER_MIN, &r), EXIT_DONE);
	CHECK_INT(r.error, WIRE_BUSY);
	wire_reply_done(&r);
	end();
}

static void an_agent_that_is_gone_is_told(void)
{
	struct wire_reply r = {0};

	begin();
	(void)close(server);
	server = -1;
	CHECK_INT(client_send(client, WIRE_RELOAD, NULL, false, &why), EXIT_NOT_REACHABLE);
	CHECK_INT(receive(USEC_NEVER, &r), EXIT_NOT_REACHABLE);
	end();
}

static const struct test tests[] = {
	{"a call arrives whole", a_call_arrives_whole},
	{"no answer is awaited until the deadline", no_answer_is_awaited_until_the_deadline},
	{"half an answer does not count, and is not lost", half_an_answer_does_not_count},
	{"answers that arrive together are taken in turn",
		answers_that_arrive_together_are_taken_in_turn},
	{"an error is an answer", an_error_is_an_answer},
	{"an agent that is gone is told", an_agent_that_is_gone_is_told},
};

int main(void)
{
	int r;

	if (!mkdtemp(directory))
		return 99;
	r = test_main(tests, ELEMENTS(tests));
	(void)rmdir(directory);
	return r;
}
