/* SPDX-License-Identifier: BSD-2-Clause */

/* The sockets programs talk to us through: framing, fairness, caps, peers, and the socket file.
 * Real sockets in one process; both ends are driven step by step, so that nothing waits. A few
 * calls of the code under test are swapped, for what a machine can't be asked to do on order. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "base/buf.h"
#include "base/mem.h"
#include "host/listen.h"
#include "host/loop.h"

#include "../unit/test.h"

/* What the swapped calls do; all zero means: as the machine does. */
static struct {
	bool hold_timers; /* timers are kept here instead of set */
	struct timer *held;
	int accept_error; /* of every accept4() */
	unsigned accepts;
	uid_t uid;             /* of every peer, when not 0 */
	bool no_peerpidfd;     /* a kernel before 6.5 */
	const char *cgroup;    /* content of every /proc/PID/cgroup */
	const char *pid_after; /* what fdinfo tells of the pid after that was read */
	bool cgroup_was_read;
} fake;

static int test_timer_set(struct loop *l, struct timer *t, uint64_t boot_usec)
{
	if (!fake.hold_timers)
		return loop_timer_set(l, t, boot_usec);
	fake.held = t;
	return 0;
}

static int test_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	fake.accepts++;
	if (fake.accept_error) {
		errno = fake.accept_error;
		return -1;
	}
	return accept4(fd, address, len, flags);
}

static int test_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int r;

	if (name == 77 && fake.no_peerpidfd) {
		errno = ENOPROTOOPT;
		return -1;
	}
	r = getsockopt(fd, level, name, value, len);
	if (name == SO_PEERCRED && fake.uid)
		((struct ucred *)value)->uid = fake.uid;
	return r;
}

static int text_file(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	if (write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

static int test_open(const char *path, int flags)
{
	if (fake.cgroup && strstr(path, "/cgroup")) {
		fake.cgroup_was_read = true;
		return text_file(fake.cgroup);
	}
	if (fake.pid_after && fake.cgroup_was_read && strstr(path, "/fdinfo/"))
		return text_file(fake.pid_after);
	return open(path, flags);
}

#define loop_timer_set test_timer_set
#define accept4        test_accept4
#define getsockopt     test_getsockopt
#define open(...)      test_open(__VA_ARGS__)
#include "host/listen.c"
#include "host/peer.c"
#undef loop_timer_set
#undef accept4
#undef getsockopt
#undef open

/* One listener and what its handlers saw. */
static struct {
	struct loop *loop;
	struct listener *listener;
	char directory[64];
	char path[108];
	struct buf frames; /* of all clients, each followed by '|' */
	size_t n_frames, n_opened, n_closed;
	struct client *last; /* who opened or sent last */
	void (*on_frame)(struct client *c, const char *frame, size_t len);
	void (*on_closed)(struct client *c);
} world;

static void world_opened(void *userdata, struct client *c)
{
	CHECK(userdata == &world);
	world.n_opened++;
	world.last = c;
}

static void world_frame(void *userdata, struct client *c, const char *frame, size_t len)
{
	CHECK(userdata == &world);
	CHECK(frame[len] == '\0');
	world.n_frames++;
	world.last = c;
	if (len < 1000) {
		CHECK_INT(buf_add(&world.frames, frame, len), 0);
		CHECK_INT(buf_add_char(&world.frames, '|'), 0);
	}
	if (world.on_frame)
		world.on_frame(c, frame, len);
}

static void world_closed(void *userdata, struct client *c)
{
	CHECK(userdata == &world);
	world.n_closed++;
	if (world.on_closed)
		world.on_closed(c);
}

static const struct listener_handlers world_handlers = {
	.opened = world_opened,
	.frame = world_frame,
	.closed = world_closed,
};

static int world_listen(void)
{
	struct fault fault;

	return listener_new(
		world.loop, world.path, 0666, &world_handlers, &world, &world.listener, &fault);
}

static void world_begin(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(&world, 0, sizeof(world));
	world.frames = BUF(1024u * 1024);
	(void)snprintf(world.directory, sizeof(world.directory), "/tmp/test-listen-XXXXXX");
	REQUIRE(mkdtemp(world.directory));
	(void)snprintf(world.path, sizeof(world.path), "%s/socket", world.directory);
	REQUIRE(loop_new(&world.loop) == 0);
	REQUIRE(world_listen() == 0);
}

/* Whatever a behaviour left open is closed, each client once. */
static void world_end(void)
{
	world.listener = listener_free(world.listener);
	CHECK_INT(world.n_closed, world.n_opened);
	CHECK(access(world.path, F_OK) < 0);
	loop_free(world.loop);
	buf_done(&world.frames);
	CHECK_INT(rmdir(world.directory), 0);
}

static void step(void)
{
	CHECK(sd_event_run(loop_event(world.loop), 0) >= 0);
}

/* Until nothing is left to do. */
static void settle(void)
{
	unsigned n = 0;

	while (sd_event_run(loop_event(world.loop), 0) > 0 && n < 100000)
		n++;
	CHECK(n < 100000); /* else something spins */
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", world.path);
	REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static int dial_in(void)
{
	const int fd = dial();

	settle();
	return fd;
}

static void say(int fd, const void *data, size_t len)
{
	CHECK_INT(send(fd, data, len, MSG_NOSIGNAL), len);
}

#define SAY(fd, text) say(fd, text, sizeof(text) - 1)

/* What has arrived at @fd: text, "END" at the end of the stream. */
static const char *heard(int fd)
{
	static char text[4096];
	const ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? "" : strerror(errno);
	text[n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = '|';
	return n > 0 ? text : "END";
}

static void echo(struct client *c, const char *frame, size_t len)
{
	CHECK_INT(client_send(c, frame, len + 1), 0);
}

static void frames_any_cut(void)
{
	static const char words[] = "one\0two\0\0three";
	int fd;

	world_begin();
	fd = dial_in();
	for (size_t i = 0; i < sizeof(words); i++) {
		say(fd, words + i, 1);
		settle();
	}
	CHECK_TEXT(buf_text(&world.frames), "one|two||three|");
	say(fd, words, sizeof(words));
	SAY(fd, "half");
	settle();
	SAY(fd, "way\0");
	settle();
	CHECK_TEXT(buf_text(&world.frames), "one|two||three|one|two||three|halfway|");
	(void)close(fd);
	world_end();
}

static void frame_of(char fill, size_t len, bool ended)
{
	char *frame = mem_alloc(len + 1);
	int fd = dial_in();
	size_t sent = 0;

	memset(frame, fill, len);
	frame[len] = '\0';
	while (sent < len + ended) {
		ssize_t n = send(fd, frame + sent, len + ended - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		settle();
	}
	settle();
	(void)close(fd);
	mem_free(frame);
}

static void frames_too_long(void)
{
	world_begin();
	frame_of('x', LISTEN_FRAME_MAX, true);
	CHECK_INT(world.n_frames, 1);
	settle();
	CHECK_INT(world.n_closed, 1);
	frame_of('x', LISTEN_FRAME_MAX + 1, true);
	CHECK_INT(world.n_frames, 1);
	CHECK_INT(world.n_closed, 2);
	world_end();
}

static void garbage_without_end(void)
{
	int fd;

	world_begin();
	frame_of('\xff', LISTEN_FRAME_MAX + 1, false);
	CHECK_INT(world.n_frames, 0);
	CHECK_INT(world.n_closed, 1);
	fd = dial_in();
	frame_of('G', 20u * LISTEN_FRAME_MAX, false);
	CHECK_INT(world.n_closed, 2);
	SAY(fd, "still here\0");
	settle();
	CHECK_TEXT(buf_text(&world.frames), "still here|");
	(void)close(fd);
	world_end();
}

static void turns_are_fair(void)
{
	int crowd, single;
	size_t turns = 0;

	world_begin();
	crowd = dial_in();
	single = dial_in();
	for (unsigned i = 0; i < 10 * LISTEN_FRAMES_TURN_MAX; i++)
		SAY(crowd, "a\0");
	SAY(single, "b\0");
	do {
		const size_t before = world.n_frames;

		step();
		CHECK(world.n_frames - before <= LISTEN_FRAMES_TURN_MAX + 1);
	} while (!strchr(buf_text(&world.frames), 'b') && ++turns < 4);
	CHECK(strchr(buf_text(&world.frames), 'b') != NULL);
	CHECK(world.n_frames <= 3 * LISTEN_FRAMES_TURN_MAX);
	settle();
	CHECK_INT(world.n_frames, 10 * LISTEN_FRAMES_TURN_MAX + 1);
	(void)close(crowd);
	(void)close(single);
	world_end();
}

#define REPLY_SIZE (1024u * 1024)

/* A reply whose every byte tells its place. */
static void reply_large(struct client *c, const char *frame, size_t len)
{
	char *reply = mem_alloc(REPLY_SIZE);

	(void)frame;
	(void)len;
	for (size_t i = 0; i < REPLY_SIZE; i++)
		reply[i] = (char)(i % 251);
	CHECK_INT(client_send(c, reply, REPLY_SIZE), 0);
	mem_free(reply);
}

static size_t read_replies(int fd, size_t until)
{
	static char chunk[10000];
	size_t got = 0;
	ssize_t n = 0;

	while (got < until && (n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) != 0) {
		for (ssize_t i = 0; i < n; i++)
			if (chunk[i] != (char)((got + (size_t)i) % REPLY_SIZE % 251))
				return 0;
		got += n > 0 ? (size_t)n : 0;
		settle();
	}
	return got;
}

static void slow_reader(void)
{
	int fd;

	world_begin();
	world.on_frame = reply_large;
	fd = dial_in();
	for (unsigned i = 0; i < 5; i++)
		SAY(fd, "more\0");
	settle();
	/* The first reply does not fit into the socket, so the second call waits. */
	CHECK_INT(world.n_frames, 1);
	CHECK(client_queued(world.last) > LISTEN_BACKPRESSURE);
	CHECK_INT(read_replies(fd, 5u * REPLY_SIZE), 5u * REPLY_SIZE);
	CHECK_INT(world.n_frames, 5);
	CHECK_INT(client_queued(world.last), 0);
	CHECK_INT(world.n_closed, 0);
	(void)close(fd);
	world_end();
}

static void queue_full(void)
{
	int fd, other, r = 0;
	static char data[1024u * 1024];
	struct client *c;

	world_begin();
	fd = dial_in();
	c = world.last;
	other = dial_in();
	for (unsigned i = 0; i < 20 && r == 0; i++)
		r = client_send(c, data, sizeof(data));
	CHECK_INT(r, -ENOBUFS);
	CHECK(client_queued(c) <= LISTEN_QUEUE_MAX);
	CHECK(client_queued(c) > LISTEN_QUEUE_MAX - sizeof(data));
	CHECK_INT(client_send(c, "x", 1), -ENOTCONN);
	CHECK_INT(world.n_closed, 0); /* not from within a call */
	settle();
	CHECK_INT(world.n_closed, 1);
	SAY(other, "fine\0");
	settle();
	CHECK_TEXT(buf_text(&world.frames), "fine|");
	(void)close(fd);
	(void)close(other);
	world_end();
}

static bool fail_large(size_t size)
{
	return size > 10000;
}

static void no_memory_for_queue(void)
{
	static char data[1024u * 1024];
	int fd;

	world_begin();
	fd = dial_in();
	mem_set_failure(fail_large);
	CHECK_INT(client_send(world.last, data, sizeof(data)), -ENOMEM);
	mem_set_failure(NULL);
	settle();
	CHECK_INT(world.n_closed, 1);
	(void)close(fd);
	world_end();
}

static void pause_after_first(struct client *c, const char *frame, size_t len)
{
	(void)frame;
	(void)len;
	client_pause(c, true);
}

static void pausing(void)
{
	int fd;

	world_begin();
	world.on_frame = pause_after_first;
	fd = dial_in();
	SAY(fd, "one\0two\0");
	settle();
	SAY(fd, "three\0");
	settle();
	CHECK_TEXT(buf_text(&world.frames), "one|");
	client_pause(world.last, false);
	CHECK_TEXT(buf_text(&world.frames), "one|"); /* not from within the call */
	settle();
	CHECK_TEXT(buf_text(&world.frames), "one|two|");
	world.on_frame = NULL;
	client_pause(world.last, false);
	settle();
	CHECK_TEXT(buf_text(&world.frames), "one|two|three|");
	(void)close(fd);
	world_end();
}

static void hangup_while_paused(void)
{
	int fd;

	world_begin();
	world.on_frame = pause_after_first;
	fd = dial_in();
	SAY(fd, "wait\0");
	settle();
	CHECK_INT(world.n_closed, 0);
	(void)close(fd);
	settle();
	CHECK_INT(world.n_closed, 1);
	world_end();
}

static void one_way(void)
{
	int fd;

	world_begin();
	fd = dial();
	for (unsigned i = 0; i < 3 * LISTEN_FRAMES_TURN_MAX; i++)
		SAY(fd, "x\0");
	(void)close(fd);
	settle();
	CHECK_INT(world.n_frames, 3 * LISTEN_FRAMES_TURN_MAX);
	CHECK_INT(world.n_closed, 1);
	world_end();
}

static void half_close_at_once(void)
{
	int fd;

	world_begin();
	world.on_frame = echo;
	fd = dial();
	SAY(fd, "hello\0");
	CHECK_INT(shutdown(fd, SHUT_WR), 0);
	settle();
	CHECK_TEXT(heard(fd), "hello|");
	CHECK_TEXT(heard(fd), "END");
	CHECK_INT(world.n_closed, 1);
	(void)close(fd);
	world_end();
}

static void make_busy(struct client *c, const char *frame, size_t len)
{
	(void)frame;
	(void)len;
	client_busy(c, true);
}

static void half_close_owed(void)
{
	int fd;

	world_begin();
	world.on_frame = make_busy;
	fd = dial_in();
	SAY(fd, "later\0");
	CHECK_INT(shutdown(fd, SHUT_WR), 0);
	settle();
	CHECK_INT(world.n_closed, 0);
	CHECK_INT(client_send(world.last, "now", 4), 0);
	client_busy(world.last, false);
	settle();
	CHECK_TEXT(heard(fd), "now|");
	CHECK_TEXT(heard(fd), "END");
	CHECK_INT(world.n_closed, 1);
	(void)close(fd);
	fd = dial_in();
	SAY(fd, "later\0");
	CHECK_INT(shutdown(fd, SHUT_WR), 0);
	settle();
	CHECK_INT(world.n_closed, 1);
	(void)close(fd); /* gives up waiting */
	settle();
	CHECK_INT(world.n_closed, 2);
	world_end();
}

static void reply_and_close(struct client *c, const char *frame, size_t len)
{
	reply_large(c, frame, len);
	client_close(c);
	CHECK_INT(client_send(c, "x", 1), -ENOTCONN);
}

static void close_delivers(void)
{
	int fd;

	world_begin();
	world.on_frame = reply_and_close;
	fd = dial_in();
	SAY(fd, "bye\0bye\0bye\0");
	settle();
	CHECK_INT(world.n_frames, 1);
	CHECK_INT(world.n_closed, 0);
	CHECK_INT(read_replies(fd, REPLY_SIZE), REPLY_SIZE);
	CHECK_INT(world.n_closed, 1);
	CHECK_INT(world.n_frames, 1);
	(void)close(fd);
	world_end();
}

static void close_does_not_wait_for_ever(void)
{
	int fd;

	world_begin();
	fake.hold_timers = true;
	world.on_frame = reply_and_close;
	fd = dial_in();
	SAY(fd, "bye\0");
	settle();
	CHECK_INT(world.n_closed, 0);
	REQUIRE(fake.held);
	fake.held->handler(fake.held->userdata);
	settle();
	CHECK_INT(world.n_closed, 1);
	(void)close(fd);
	world_end();
}

static void close_all(struct client *c)
{
	struct client *other;

	(void)c;
	for (other = TAILQ_FIRST(&world.listener->all); other; other = TAILQ_NEXT(other, all)) {
		client_close(other);
		client_pause(other, true);
		client_busy(other, true);
		CHECK_INT(client_send(other, "x", 1), -ENOTCONN);
	}
}

static void close_each_other(void)
{
	int fds[20];

	world_begin();
	for (size_t i = 0; i < ELEMENTS(fds); i++)
		fds[i] = dial_in();
	world.on_closed = close_all;
	client_close(world.last);
	settle();
	CHECK_INT(world.n_closed, ELEMENTS(fds));
	for (size_t i = 0; i < ELEMENTS(fds); i++) {
		CHECK_TEXT(heard(fds[i]), "END");
		(void)close(fds[i]);
	}
	world_end();
}

static void idle_is_small(void)
{
	int fd;

	world_begin();
	world.on_frame = echo;
	fd = dial_in();
	SAY(fd, "hello\0");
	settle();
	CHECK_TEXT(heard(fd), "hello|");
	CHECK(world.last->in.data == NULL);
	CHECK(world.last->out.data == NULL);
	CHECK(sizeof(struct client) < 1024);
	(void)close(fd);
	world_end();
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	REQUIRE(limit.rlim_cur > 3u * LISTEN_CLIENTS_MAX);
}

static void many_clients(void)
{
	static int fds[LISTEN_CLIENTS_MAX];
	int extra;
	size_t answered = 0;

	raise_descriptor_limit();
	world_begin();
	world.on_frame = echo;
	for (size_t i = 0; i < ELEMENTS(fds); i++)
		fds[i] = dial_in();
	CHECK_INT(world.n_opened, LISTEN_CLIENTS_MAX);
	for (size_t i = 0; i < ELEMENTS(fds); i++)
		SAY(fds[i], "hi\0");
	extra = dial_in();
	CHECK_TEXT(heard(extra), "END");
	(void)close(extra);
	for (size_t i = 0; i < ELEMENTS(fds); i++)
		answered += strcmp(heard(fds[i]), "hi|") == 0;
	CHECK_INT(answered, LISTEN_CLIENTS_MAX);
	(void)close(fds[0]);
	settle();
	CHECK_INT(world.n_closed, 1);
	fds[0] = dial_in();
	SAY(fds[0], "again\0");
	settle();
	CHECK_TEXT(heard(fds[0]), "again|");
	for (size_t i = 0; i < ELEMENTS(fds); i++)
		(void)close(fds[i]);
	world_end();
}

static void one_user_is_capped(void)
{
	static int fds[LISTEN_CLIENTS_UID_MAX];
	int extra;

	raise_descriptor_limit();
	world_begin();
	fake.uid = 12345;
	for (size_t i = 0; i < ELEMENTS(fds); i++)
		fds[i] = dial_in();
	CHECK_INT(world.n_opened, LISTEN_CLIENTS_UID_MAX);
	extra = dial_in();
	CHECK_TEXT(heard(extra), "END");
	(void)close(extra);
	fake.uid = 54321;
	extra = dial_in();
	CHECK_TEXT(heard(extra), "");
	(void)close(extra);
	CHECK_INT(world.n_opened, LISTEN_CLIENTS_UID_MAX + 1);
	for (size_t i = 0; i < ELEMENTS(fds); i++)
		(void)close(fds[i]);
	world_end();
}

static void no_descriptors_left(void)
{
	int fd;

	world_begin();
	fake.hold_timers = true;
	fake.accept_error = EMFILE;
	fd = dial();
	settle();
	CHECK_INT(fake.accepts, 1); /* asked once, not for ever */
	CHECK_INT(world.n_opened, 0);
	fake.accept_error = 0;
	REQUIRE(fake.held);
	fake.held->handler(fake.held->userdata);
	settle();
	CHECK_INT(world.n_opened, 1);
	(void)close(fd);
	world_end();
}

static void peer_is_told(void)
{
	const struct peer *p;
	gid_t groups[1024];
	int fd, n;

	world_begin();
	fd = dial_in();
	p = client_peer(world.last);
	CHECK_INT(p->uid, geteuid());
	CHECK_INT(p->gid, getegid());
	CHECK_INT(p->pid, getpid());
	n = getgroups((int)ELEMENTS(groups), groups);
	CHECK_INT(p->n_groups, n);
	for (int i = 0; i < n; i++)
		CHECK_INT(p->groups[i], groups[i]);
	client_set_userdata(world.last, groups);
	CHECK(client_userdata(world.last) == groups);
	(void)close(fd);
	world_end();
}

static void peer_groups_many(void)
{
	gid_t groups[100];
	int fd;

	if (geteuid() != 0) {
		printf("# only root can join groups: not tried\n");
		return;
	}
	for (size_t i = 0; i < ELEMENTS(groups); i++)
		groups[i] = (gid_t)(1000 + i);
	REQUIRE(setgroups(ELEMENTS(groups), groups) == 0);
	world_begin();
	fd = dial_in();
	CHECK_INT(client_peer(world.last)->n_groups, ELEMENTS(groups));
	CHECK_INT(client_peer(world.last)->groups[99], 1099);
	REQUIRE(setgroups(0, NULL) == 0);
	(void)close(fd);
	fd = dial_in();
	CHECK_INT(client_peer(world.last)->n_groups, 0);
	(void)close(fd);
	world_end();
}

static bool kernel_has_peerpidfd(void)
{
	int pair[2], pidfd = -1;
	socklen_t len = sizeof(pidfd);
	bool has;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	has = getsockopt(pair[0], SOL_SOCKET, 77, &pidfd, &len) == 0;
	if (has)
		(void)close(pidfd);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return has;
}

/* Valgrind 3.19 does not know pidfd_open(). */
static bool can_open_pidfd(void)
{
	int fd = pidfd_open(getpid(), 0);

	if (fd < 0) {
		printf("# there is no pidfd_open() here: old kernels not tried\n");
		return false;
	}
	(void)close(fd);
	return true;
}

static void peer_unit(void)
{
	int fd;

	world_begin();
	fake.cgroup = "0::/system.slice/leadjob.service\n";
	fd = dial_in();
	CHECK_TEXT(client_peer(world.last)->unit, "leadjob.service");
	CHECK_INT(client_peer(world.last)->unit_proven, kernel_has_peerpidfd());
	(void)close(fd);
	if (can_open_pidfd()) {
		fake.no_peerpidfd = true;
		fd = dial_in();
		CHECK_TEXT(client_peer(world.last)->unit, "leadjob.service");
		CHECK(!client_peer(world.last)->unit_proven);
		(void)close(fd);
	}
	fake.cgroup = "0::/user.slice/user-0.slice/session-1.scope\n";
	fake.no_peerpidfd = false;
	fd = dial_in();
	CHECK_TEXT(client_peer(world.last)->unit, "");
	CHECK(!client_peer(world.last)->unit_proven);
	(void)close(fd);
	world_end();
}

static void peer_gone_has_no_unit(void)
{
	static const char *const after[] = {
		"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1\nPid:\t-1\nNSpid:\t-1\n",
		"pos:\t0\nflags:\t02\nPid:\t1\n",
		"pos:\t0\nflags:\t02\nPid:\t0\n",
		"pos:\t0\n",
		"",
	};
	const unsigned kernels = can_open_pidfd() ? 2 : 1;

	for (size_t i = 0; i < ELEMENTS(after); i++)
		for (unsigned old_kernel = 0; old_kernel < kernels; old_kernel++) {
			int fd;

			world_begin();
			fake.no_peerpidfd = old_kernel;
			fake.cgroup = "0::/system.slice/leadjob.service\n";
			fake.pid_after = after[i];
			fd = dial_in();
			CHECK(fake.cgroup_was_read);
			CHECK_TEXT(client_peer(world.last)->unit, "");
			CHECK(!client_peer(world.last)->unit_proven);
			(void)close(fd);
			world_end();
		}
}

static void unit_of_cgroup(void)
{
	static const struct {
		const char *text, *unit;
	} table[] = {
		{"0::/system.slice/foo.service\n", "foo.service"},
		{"0::/system.slice/foo.service", "foo.service"},
		{"0::/foo.service\n", "foo.service"},
		{"0::/init.scope\n", "init.scope"},
		{"0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"},
		{"0::/etl.slice/etl-night.slice/leadjob.service\n", "leadjob.service"},
		{"0::/system.slice/dev-disk-by\\x2duuid-1.swap\n", "dev-disk-by\\x2duuid-1.swap"},
		{"0::/system.slice/_cpu.service\n", "cpu.service"},
		{"0::/machine.slice/machine-c1.scope/payload/system.slice/leadjob.service\n",
			"machine-c1.scope"},
		/* what a unit makes below itself does not count */
		{"0::/system.slice/foo.service/leadjob.service\n", "foo.service"},
		{"0::/system.slice/foo.service/system.slice/leadjob.service\n", "foo.service"},
		/* sessions and user managers are not of the system manager */
		{"0::/user.slice/user-1000.slice/session-3.scope\n", ""},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/leadjob.service\n",
			""},
		{"0::/system.slice/user@1000.service/app.slice/leadjob.service\n", ""},
		/* no unit, or no name of one */
		{"0::/\n", ""},
		{"0::/system.slice\n", ""},
		{"0::/system.slice/\n", ""},
		{"0::/system.slice/leadjob.service (deleted)\n", ""},
		{"0::/system.slice/lead job.service\n", ""},
		{"0::/system.slice/lead\x01job.service\n", ""},
		{"0::/system.slice/.service\n", ""},
		{"0::/system.slice/leadjob.timer\n", ""},
		{"0::/system.slice/leadjob\n", ""},
		{"0::/leadjob.service.d\n", ""},
		{"0::/docker/0123456789abcdef\n", ""},
		{"0::/../leadjob.service\n", ""},
		{"0::/../../system.slice/leadjob.service\n", ""},
		{"0::/./leadjob.service\n", ""},
		{"0:://leadjob.service\n", ""},
		{"0::leadjob.service\n", ""},
		{"0::\n", ""},
		{"0:\n", ""},
		{"leadjob.service\n", ""},
		{"\n\n", ""},
		{"", ""},
		/* the hierarchy of systemd, and that of version 2 */
		{"9:name=systemd:/system.slice/foo.service\n8:pids:/x.service\n0::/\n",
			"foo.service"},
		{"12:cpu,cpuacct:/a.service\n1:name=systemd:/system.slice/foo.service\n"
		 "0::/system.slice/foo.service\n",
			"foo.service"},
		{"8:pids:/a.service\n1:name=systemd:/\n0::/system.slice/foo.service\n",
			"foo.service"},
		{"1:name=systemd:/user.slice/user-1.slice/session-1.scope\n"
		 "0::/system.slice/leadjob.service\n",
			""},
		{"3:pids:/system.slice/leadjob.service\n", ""},
		{"4:name=other:/system.slice/leadjob.service\n", ""},
		{"4:name=other:/x:name=systemd:/leadjob.service\n0::/\n", ""},
	};
	char unit[256], small[12];

	for (size_t i = 0; i < ELEMENTS(table); i++) {
		peer_unit_from_cgroup(table[i].text, unit, sizeof(unit));
		if (strcmp(unit, table[i].unit) != 0)
			TEST_FAIL("%s gives \"%s\"", table[i].text, unit);
	}
	peer_unit_from_cgroup("0::/foo.service\n", small, sizeof(small));
	CHECK_TEXT(small, "foo.service");
	peer_unit_from_cgroup("0::/foo1.service\n", small, sizeof(small));
	CHECK_TEXT(small, "");
}

static void mode_is_as_asked(void)
{
	struct fault fault;
	struct stat st;
	mode_t before;

	world_begin();
	world.listener = listener_free(world.listener);
	before = umask(0077);
	CHECK_INT(world_listen(), 0);
	(void)umask(before);
	CHECK_INT(stat(world.path, &st), 0);
	CHECK_INT(st.st_mode, S_IFSOCK | 0666);
	world.listener = listener_free(world.listener);
	(void)umask(0);
	CHECK_INT(listener_new(world.loop, world.path, 0600, &world_handlers, &world,
			  &world.listener, &fault),
		0);
	(void)umask(before);
	CHECK_INT(stat(world.path, &st), 0);
	CHECK_INT(st.st_mode, S_IFSOCK | 0600);
	world_end();
}

/* A socket file as a killed process leaves it. */
static void leave_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	(void)close(fd);
}

static void stale_socket(void)
{
	char temp[128];
	int fd;

	world_begin();
	world.listener = listener_free(world.listener);
	leave_socket(world.path);
	(void)snprintf(temp, sizeof(temp), "%s.new", world.path);
	leave_socket(temp);
	REQUIRE(world_listen() == 0);
	fd = dial_in();
	CHECK_INT(world.n_opened, 1);
	CHECK(access(temp, F_OK) < 0);
	(void)close(fd);
	world_end();
}

static void refused(const char *path, int want, const char *says)
{
	struct listener *l = NULL;
	struct fault fault = {.kind = FAULT_NONE};

	CHECK_INT(listener_new(world.loop, path, 0666, &world_handlers, &world, &l, &fault), want);
	CHECK(l == NULL);
	/* only what the operator has written is a matter of the configuration */
	CHECK_INT(fault.kind, want == -ENAMETOOLONG ? FAULT_MISCONFIGURED : FAULT_STORAGE);
	if (!strstr(fault.detail, says) || !strstr(fault.detail, path))
		TEST_FAIL("%s", fault.detail);
}

static void in_the_way(void)
{
	char file[128], missing[128], too_long[200];
	int fd;

	world_begin();
	refused(world.path, -EADDRINUSE, "another process listens");
	fd = dial_in(); /* the one in use still serves */
	(void)close(fd);
	(void)snprintf(file, sizeof(file), "%s/file", world.directory);
	REQUIRE(creat(file, 0600) >= 0);
	refused(file, -EEXIST, "file of another kind");
	CHECK_INT(unlink(file), 0);
	REQUIRE(symlink("/nowhere", file) == 0);
	refused(file, -EEXIST, "file of another kind");
	CHECK_INT(unlink(file), 0);
	(void)snprintf(missing, sizeof(missing), "%s/none/socket", world.directory);
	refused(missing, -ENOENT, "No such file or directory");
	memset(too_long, 'x', 104);
	too_long[0] = '/';
	too_long[104] = '\0';
	refused(too_long, -ENAMETOOLONG, "too long");
	world_end();
}

static void longest_path(void)
{
	size_t len;

	world_begin();
	world.listener = listener_free(world.listener);
	len = strlen(world.path);
	memset(world.path + len, 'x', 103 - len);
	world.path[103] = '\0';
	CHECK_INT(world_listen(), 0);
	(void)close(dial_in());
	world_end();
}

static void socket_of_another_stays(void)
{
	world_begin();
	CHECK_INT(unlink(world.path), 0);
	leave_socket(world.path);
	world.listener = listener_free(world.listener);
	CHECK_INT(access(world.path, F_OK), 0);
	CHECK_INT(unlink(world.path), 0);
	world_end();
}

static const struct test tests[] = {
	{"a frame is the same however the bytes are cut, an empty one too", frames_any_cut},
	{"a frame of the longest length is taken, one byte more closes its client",
		frames_too_long},
	{"bytes that never end a frame close their client and no other", garbage_without_end},
	{"a client with many frames lets others have their turn", turns_are_fair},
	{"a slow reader gets every reply whole and is not read while he owes us room", slow_reader},
	{"a client whose queue is full is closed after the turn, others go on", queue_full},
	{"a client whose reply finds no memory is closed", no_memory_for_queue},
	{"a paused client keeps his frames for later", pausing},
	{"a paused client who hangs up is closed at once", hangup_while_paused},
	{"frames of one who sends and hangs up are handled", one_way},
	{"one who ends his side still gets his reply, then the end", half_close_at_once},
	{"one who ended his side is kept while a reply is owed, until he hangs up",
		half_close_owed},
	{"closing delivers what is queued and hands over no more frames", close_delivers},
	{"closing one who does not read ends with the linger time", close_does_not_wait_for_ever},
	{"clients closed from within closed() are each closed once", close_each_other},
	{"an idle client holds no buffer", idle_is_small},
	{"1024 clients are served, the next is closed at once", many_clients},
	{"one user can't take all the places", one_user_is_capped},
	{"without descriptors the door is shut for a while, not asked again and again",
		no_descriptors_left},
	{"the peer's user, group, pid and groups are known", peer_is_told},
	{"a hundred groups of a peer are known, and none", peer_groups_many},
	{"the peer's unit is known, and whether that is proven", peer_unit},
	{"a peer who is gone when his cgroup was read has no unit", peer_gone_has_no_unit},
	{"a cgroup gives the unit of the system manager and nothing else", unit_of_cgroup},
	{"the socket has the mode that was asked for, whatever the umask", mode_is_as_asked},
	{"a socket nobody listens on is replaced, also a half-made one", stale_socket},
	{"a living socket, another file, a missing directory, a long path are refused", in_the_way},
	{"a path of 103 characters is not too long", longest_path},
	{"the socket file of somebody else is not removed", socket_of_another_stays},
};

TEST_MAIN(tests)
