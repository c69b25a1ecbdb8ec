/* SPDX-License-Identifier: BSD-2-Clause */
/* The way to the agent: which directory, which socket, who is at the other end, and frames in both
 * directions (grantd-protocol(7), unix(7)). Blocking, with a deadline on each wait. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/show.h"

/* Read at a time: most replies at once, large ones in few steps. */
#define CHUNK (16u * 1024)

struct client {
	int fd;
	struct buf in;
	size_t scanned; /* bytes of @in that are known to hold no NUL */
};

static uint64_t clock_usec(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t); /* can't fail for a clock that exists */
	return (uint64_t)t.tv_sec * USEC_PER_S + (uint64_t)t.tv_nsec / 1000;
}

struct now client_now(void)
{
	return (struct now){clock_usec(CLOCK_BOOTTIME), clock_usec(CLOCK_REALTIME)};
}

void client_pause(uint64_t until)
{
	uint64_t left = usec_sub(until, client_now().boot_usec);

	(void)poll(NULL, 0, (int)(left / 1000) + 1); /* an interrupted pause only ends early */
}

struct client *client_free(struct client *c)
{
	if (!c)
		return NULL;
	if (c->fd >= 0)
		(void)close(c->fd); /* nothing was promised on it */
	buf_done(&c->in);
	return mem_free(c);
}

/* Is the server at @fd one that may be trusted with names and believed? */
static int check_server(int fd, const char *dir, struct buf *why)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || stat(dir, &st) < 0) {
		(void)buf_printf(why, "cannot tell who serves %s: %s", dir, strerror(errno));
		return EXIT_NOT_REACHABLE;
	}
	if (peer.uid == 0 || peer.uid == geteuid() || peer.uid == st.st_uid)
		return EXIT_DONE;
	(void)buf_printf(why,
		"the server in %s runs as uid %ju, which is neither root, you, nor the owner of "
		"that directory; look who started it",
		dir, (uintmax_t)peer.uid);
	return EXIT_NOT_REACHABLE;
}

static int try_socket(const char *dir, const char *file, struct client **ret, struct buf *why)
{
	_cleanup_(client_freep) struct client *c = mem_alloc(sizeof(*c));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = CLIENT_SEND_TIMEOUT_S};
	int n, r;

	if (!c) {
		(void)buf_add_text(why, "out of memory");
		return EXIT_FAILED;
	}
	*c = (struct client){.fd = -1, .in = BUF(WIRE_REPLY_MAX + CHUNK)};
	n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, file);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		(void)buf_printf(why, "%s is too long for a runtime directory", dir);
		return EXIT_NOT_REACHABLE;
	}
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* the limit holds for connect() too, which waits while the server's backlog is full */
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
		connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)buf_printf(why, "no agent answers at %s (%s); is grantd running?",
			address.sun_path, strerror(errno));
		return EXIT_NOT_REACHABLE;
	}
	r = check_server(c->fd, dir, why);
	if (r == EXIT_DONE)
		*ret = steal(c);
	return r;
}

static int try_directory(const char *dir, bool status_will_do, struct client **ret, struct buf *why)
{
	struct buf unheard = BUF(why->max); /* what is told is why control.sock can't be had */
	int r;

	buf_done(why);
	r = try_socket(dir, "control.sock", ret, why);
	if (r == EXIT_DONE || !status_will_do)
		return r;
	r = try_socket(dir, "status.sock", ret, &unheard);
	buf_done(&unheard);
	if (r == EXIT_DONE)
		buf_done(why);
	return r;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int client_open(const char *runtime, bool status_will_do, struct client **ret, struct buf *why)
{
	const char *user = environment("XDG_RUNTIME_DIR");
	_cleanup_(mem_freep) char *dir = NULL;
	struct buf path = BUF(PATH_MAX);

	if (!runtime)
		runtime = environment("GRANTD_RUNTIME");
	if (runtime)
		return try_directory(runtime, status_will_do, ret, why);
	if (user && buf_printf(&path, "%s/grantd", user) == 0)
		dir = buf_steal(&path);
	buf_done(&path);
	if (dir && try_directory(dir, status_will_do, ret, why) == EXIT_DONE)
		return EXIT_DONE;
	return try_directory(RUNSTATEDIR "/grantd", status_will_do, ret, why);
}

static int lost(struct buf *why)
{
	(void)buf_add_text(why, "the agent closed the connection; see its journal, or try again");
	return EXIT_NOT_REACHABLE;
}

static int send_all(struct client *c, const char *data, size_t len, struct buf *why)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			(void)buf_add_text(why, "the agent does not read what it is sent");
			return EXIT_TIMED_OUT;
		}
		if (n < 0)
			return lost(why);
		data += n;
		len -= (size_t)n;
	}
	return EXIT_DONE;
}

int client_send(struct client *c, enum wire_method method, const struct json *parameters, bool more,
	struct buf *why)
{
	struct buf out = BUF(WIRE_FRAME_MAX + 1);
	int r;

	r = wire_build_call(method, parameters, more, &out);
	if (r == 0) {
		r = send_all(c, out.data, out.len, why);
	} else {
		(void)buf_add_text(
			why, r == -EMSGSIZE ? "what is asked is too long" : "out of memory");
		r = r == -EMSGSIZE ? EXIT_USAGE : EXIT_FAILED;
	}
	buf_done(&out);
	return r;
}

int client_call(const char *runtime, enum wire_method method, struct json *take_parameters,
	bool more, struct client **ret, struct buf *why)
{
	_cleanup_(json_freep) struct json *parameters = take_parameters;
	_cleanup_(client_freep) struct client *client = NULL;
	int code;

	if (!parameters) {
		(void)buf_add_text(why, "out of memory");
		return EXIT_FAILED;
	}
	code = client_open(runtime, false, &client, why);
	if (code == EXIT_DONE)
		code = client_send(client, method, parameters, more, why);
	if (code == EXIT_DONE)
		*ret = steal(client);
	return code;
}

int client_fd(const struct client *c)
{
	return c->fd;
}

/* Take the first whole frame out of what was read. Returns -EAGAIN where there is none yet. */
static int take_frame(struct client *c, struct wire_reply *ret)
{
	const char *end = NULL;
	size_t len;
	int r;

	if (c->in.len > c->scanned)
		end = memchr(c->in.data + c->scanned, '\0', c->in.len - c->scanned);
	c->scanned = c->in.len;
	if (!end)
		return c->in.len > WIRE_REPLY_MAX ? -EBADMSG : -EAGAIN;
	len = (size_t)(end - c->in.data);
	r = wire_parse_reply(c->in.data, len, ret);
	buf_drop(&c->in, len + 1);
	c->scanned = 0;
	return r;
}

/* Wait until there is something to read. Returns -ETIMEDOUT at the deadline. */
static int await_input(struct client *c, uint64_t deadline)
{
	struct pollfd fd = {.fd = c->fd, .events = POLLIN};

	for (;;) {
		uint64_t left = usec_sub(deadline, client_now().boot_usec);
		struct timespec t = {
			.tv_sec = (time_t)(left / USEC_PER_S),
			.tv_nsec = (long)(left % USEC_PER_S) * 1000,
		};
		int n = ppoll(&fd, 1, deadline == USEC_NEVER ? NULL : &t, NULL);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* Read what is there. Returns -ECONNRESET where the other end is gone. */
static int read_some(struct client *c)
{
	char chunk[CHUNK];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	int r = -ECONNRESET;

	if (n > 0)
		r = buf_add(&c->in, chunk, (size_t)n);
	else if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		r = 0;
	mem_wipe(chunk, sizeof(chunk)); /* may be a token */
	return r;
}

int client_receive(struct client *c, uint64_t deadline, struct wire_reply *ret, struct buf *why)
{
	int r;

	while ((r = take_frame(c, ret)) == -EAGAIN) {
		r = await_input(c, deadline);
		if (r == 0)
			r = read_some(c);
		if (r < 0)
			break;
	}
	switch (r) {
	case 0:
		return EXIT_DONE;
	case -EBADMSG:
		(void)buf_add_text(why,
			"what answers there does not speak our protocol, or answers"
			" too much; look who serves that socket");
		return EXIT_FAILED;
	case -ETIMEDOUT:
		(void)buf_add_text(why, "the agent did not answer in time; try again");
		return EXIT_TIMED_OUT;
	case -ENOMEM:
		(void)buf_add_text(why, "out of memory");
		return EXIT_FAILED;
	default:
		return lost(why);
	}
}
