/* SPDX-License-Identifier: BSD-2-Clause */

/* Unix stream sockets: framing of Varlink (varlink.org), grantd-protocol(7). One epoll set holds
 * the socket and all its clients and is a single source of the loop: a source for each client costs
 * 62 µs a request at 512 clients, this 2.4 µs.
 *
 * A client's wishes are level-triggered: after every change client_settle() works out what is to
 * happen next, from his state alone. */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "base/buf.h"
#include "base/mem.h"
#include "host/fd.h"
#include "host/listen.h"

/* Of one turn of the loop, so that a crowd at the door does not hold up those inside. */
#define LISTEN_ACCEPTS_TURN_MAX 32
#define LISTEN_EVENTS_TURN_MAX  64

/* How long the door stays shut when we have no descriptor or memory for one more: the kernel would
 * report those who wait again and again. */
#define LISTEN_SHUT_S 1

#define LISTEN_READ_SIZE 16384

#define LISTEN_TEMP_SUFFIX ".new"

/* Where a client stands in the turns of his listener. */
enum client_place {
	CLIENT_IDLE,   /* epoll tells when there is something to do */
	CLIENT_READY,  /* frames that have arrived wait for their turn */
	CLIENT_DOOMED, /* to be closed at the end of the turn; nothing else happens to him */
};

TAILQ_HEAD(client_list, client);

struct client {
	struct listener *listener;
	TAILQ_ENTRY(client) all;
	TAILQ_ENTRY(client) turn; /* in ready or doomed */
	enum client_place place;
	int fd;
	uint32_t events; /* what epoll is asked for */
	bool paused;
	bool busy;
	bool ended; /* no more will come from him */
	bool closing;
	struct buf in;  /* holds memory only while a frame is incomplete or waits */
	size_t taken;   /* bytes of in whose frames were handed over in this turn */
	size_t scanned; /* there is no NUL in in between taken and here */
	struct buf out; /* holds memory only while something waits */
	size_t sent;    /* bytes of out that are gone */
	struct timer linger;
	struct peer peer;
	void *userdata;
};

struct listener {
	struct loop *loop;
	int fd;
	int epoll;
	sd_event_source *io;
	sd_event_source *defer;
	struct timer shut;
	size_t frame_max;
	char *path; /* NULL: it has no door */
	dev_t dev;  /* of the socket file, to remove none but our own */
	ino_t ino;  /* 0 while there is none */
	struct listener_handlers handlers;
	void *userdata;
	struct client_list all, ready, doomed;
	size_t n_clients, n_ready;
	bool in_turn;
};

/* See that there is another turn when somebody waits for one. Enabling fails only when the loop has
 * ended, and then there are no turns. */
static void listener_arm(struct listener *l)
{
	if (!l->in_turn && (!TAILQ_EMPTY(&l->ready) || !TAILQ_EMPTY(&l->doomed)))
		(void)sd_event_source_set_enabled(l->defer, SD_EVENT_ONESHOT);
}

static void client_set_ready(struct client *c, bool ready)
{
	struct listener *l = c->listener;

	if (ready && c->place == CLIENT_IDLE) {
		TAILQ_INSERT_TAIL(&l->ready, c, turn);
		l->n_ready++;
		c->place = CLIENT_READY;
		listener_arm(l);
	} else if (!ready && c->place == CLIENT_READY) {
		TAILQ_REMOVE(&l->ready, c, turn);
		l->n_ready--;
		c->place = CLIENT_IDLE;
	}
}

static void client_doom(struct client *c)
{
	struct listener *l = c->listener;

	if (c->place == CLIENT_DOOMED)
		return;
	client_set_ready(c, false);
	loop_timer_clear(l->loop, &c->linger);
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL); /* else closing him does it */
	TAILQ_INSERT_TAIL(&l->doomed, c, turn);
	c->place = CLIENT_DOOMED;
	listener_arm(l);
}

static void on_linger(void *userdata)
{
	client_doom(userdata);
}

static struct client *client_free(struct client *c)
{
	if (!c)
		return NULL;
	fd_closep(&c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	peer_done(&c->peer);
	return mem_free(c);
}
DEFINE_CLEANUP(struct client, client_free)

size_t client_queued(const struct client *c)
{
	return c->out.len - c->sent;
}

/* Are frames of @c handled now? */
static bool client_is_open(const struct client *c)
{
	return c->place != CLIENT_DOOMED && !c->closing && !c->paused &&
		client_queued(c) <= LISTEN_BACKPRESSURE;
}

/* Has @c nothing to expect but what is queued? */
static bool client_is_leaving(const struct client *c)
{
	return c->closing || (c->ended && !c->busy);
}

/* The NUL that ends the next frame of @c, NULL while it has not come. */
static const char *client_frame_end(struct client *c)
{
	const char *end = NULL;

	if (c->scanned < c->in.len)
		end = memchr(c->in.data + c->scanned, '\0', c->in.len - c->scanned);
	c->scanned = end ? (size_t)(end - c->in.data) : c->in.len;
	return end;
}

static void client_watch(struct client *c, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = c};

	if (events == c->events)
		return;
	c->events = events;
	if (epoll_ctl(c->listener->epoll, EPOLL_CTL_MOD, c->fd, &event) < 0)
		client_doom(c); /* he would never be heard again */
}

/* Give one who is leaving only so much time to read. */
static void client_linger(struct client *c)
{
	struct loop *loop = c->listener->loop;
	const uint64_t now = loop_now(loop).boot_usec;

	if (loop_timer_set(loop, &c->linger, usec_add(now, LISTEN_LINGER_S * USEC_PER_S)) < 0)
		client_doom(c);
}

/* Make what is to happen next to @c follow from his state. */
static void client_settle(struct client *c)
{
	const bool queued = client_queued(c) > 0;
	const bool waits = client_frame_end(c) != NULL;
	const bool reads = client_is_open(c) && !waits && !c->ended;

	if (c->place == CLIENT_DOOMED)
		return;
	if ((!waits && c->in.len - c->taken > c->listener->frame_max) ||
		(!queued && client_is_leaving(c))) {
		client_doom(c);
		return;
	}
	client_set_ready(c, waits && client_is_open(c));
	client_watch(c, (reads ? EPOLLIN : 0u) | (queued ? EPOLLOUT : 0u));
	if (!client_is_leaving(c))
		loop_timer_clear(c->listener->loop, &c->linger);
	else if (!c->linger.place && c->place != CLIENT_DOOMED)
		client_linger(c);
}

/* Hand over frames of @c that have arrived, as many as one turn allows. */
static void client_take(struct client *c)
{
	struct listener *l = c->listener;

	for (unsigned n = 0; n < LISTEN_FRAMES_TURN_MAX && client_is_open(c); n++) {
		const char *end = client_frame_end(c), *frame;

		if (!end)
			break;
		frame = c->in.data + c->taken;
		if ((size_t)(end - frame) > l->frame_max) {
			client_doom(c);
			break;
		}
		c->taken = c->scanned = (size_t)(end + 1 - c->in.data);
		l->handlers.frame(l->userdata, c, frame, (size_t)(end - frame));
	}
	buf_drop(&c->in, c->taken);
	c->scanned -= c->taken;
	c->taken = 0;
	if (c->in.len == 0)
		buf_done(&c->in);
	client_settle(c);
}

static void client_read(struct client *c)
{
	char chunk[LISTEN_READ_SIZE];
	const ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_doom(c);
		return;
	}
	if (n == 0)
		c->ended = true;
	else if (buf_add(&c->in, chunk, (size_t)n) < 0)
		client_doom(c);
	mem_wipe(chunk, (size_t)n); /* tokens and pasted codes come this way */
	client_take(c);
}

/* Send what @fd takes of @data. Returns how much that was, maybe 0, or -errno. */
static ssize_t send_some(int fd, const char *data, size_t len)
{
	ssize_t n;

	do
		n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

static void client_flush(struct client *c)
{
	const ssize_t n = send_some(c->fd, c->out.data + c->sent, client_queued(c));

	if (n < 0) {
		client_doom(c);
		return;
	}
	c->sent += (size_t)n;
	if (c->sent == c->out.len) {
		buf_done(&c->out);
		c->sent = 0;
	} else if (c->sent >= c->out.len / 2) { /* moving the rest stays linear in what is sent */
		buf_drop(&c->out, c->sent);
		c->sent = 0;
	}
	client_settle(c);
}

int client_send(struct client *c, const void *data, size_t len)
{
	ssize_t n = 0;
	int r;

	if (c->place == CLIENT_DOOMED || c->closing)
		return -ENOTCONN;
	if (len > LISTEN_QUEUE_MAX - client_queued(c)) {
		client_doom(c);
		return -ENOBUFS;
	}
	if (client_queued(c) == 0)
		n = send_some(c->fd, data, len);
	if (n < 0) {
		client_doom(c);
		return -ENOTCONN;
	}
	r = buf_add(&c->out, (const char *)data + n, len - (size_t)n);
	if (r < 0)
		client_doom(c);
	client_settle(c);
	return r;
}

const struct peer *client_peer(const struct client *c)
{
	return &c->peer;
}

void *client_userdata(const struct client *c)
{
	return c->userdata;
}

void client_set_userdata(struct client *c, void *userdata)
{
	c->userdata = userdata;
}

void client_pause(struct client *c, bool pause)
{
	c->paused = pause;
	client_settle(c);
}

void client_busy(struct client *c, bool busy)
{
	c->busy = busy;
	client_settle(c);
}

void client_close(struct client *c)
{
	c->closing = true;
	client_settle(c);
}

/* A hang-up is looked at last: what came before it is still handled, unless he is not being
 * read. */
static void client_event(struct client *c, uint32_t events)
{
	if ((events & EPOLLOUT) && client_queued(c) > 0)
		client_flush(c);
	if (c->place != CLIENT_IDLE)
		return;
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	if (client_is_open(c) && !c->ended)
		client_read(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		client_doom(c);
}

static size_t clients_of(const struct listener *l, uid_t uid)
{
	const struct client *c;
	size_t n = 0;

	for (c = TAILQ_FIRST(&l->all); c; c = TAILQ_NEXT(c, all))
		n += c->peer.uid == uid;
	return n;
}

static bool uid_has_room(const struct listener *l, uid_t uid)
{
	return uid == 0 || uid == geteuid() || clients_of(l, uid) < LISTEN_CLIENTS_UID_MAX;
}

static struct client *client_new(struct listener *l, int take_fd)
{
	_cleanup_(fd_closep) int fd = take_fd;
	struct client *c = mem_alloc(sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd_steal(&fd);
	c->listener = l;
	c->events = EPOLLIN;
	c->linger = (struct timer){.handler = on_linger, .userdata = c};
	c->in = BUF(l->frame_max + LISTEN_READ_SIZE); /* one incomplete, and one read */
	c->out = BUF(2 * LISTEN_QUEUE_MAX);           /* what waits, and at most as much sent */
	return c;
}

/* From here on @c is heard. */
static int client_enter(struct client *c)
{
	struct epoll_event event = {.events = c->events, .data.ptr = c};
	struct listener *l = c->listener;

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		return -errno;
	TAILQ_INSERT_TAIL(&l->all, c, all);
	l->n_clients++;
	return 0;
}

/* Take in the client at the other end of @take_fd; what does not work out closes it. */
static void listener_admit(struct listener *l, int take_fd)
{
	_cleanup_(fd_closep) int fd = take_fd;
	_cleanup_(client_freep) struct client *c = NULL;

	if (l->n_clients >= LISTEN_CLIENTS_MAX)
		return;
	c = client_new(l, fd_steal(&fd));
	if (!c || peer_read(c->fd, &c->peer) < 0 || !uid_has_room(l, c->peer.uid))
		return;
	peer_read_unit(c->fd, &c->peer);
	if (client_enter(c) < 0)
		return;
	if (l->handlers.opened)
		l->handlers.opened(l->userdata, c);
	c = NULL;
}

struct client *listener_adopt(struct listener *l, int take_fd)
{
	_cleanup_(client_freep) struct client *c = client_new(l, take_fd);

	if (!c || peer_read(c->fd, &c->peer) < 0 || client_enter(c) < 0)
		return NULL;
	return steal(c);
}

/* Open or shut the door. Changing what epoll reports of a socket it has takes no memory and does
 * not fail. */
static void listener_watch(struct listener *l, bool accepting)
{
	struct epoll_event event = {.events = accepting ? EPOLLIN : 0u};

	(void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->fd, &event);
}

static void on_shut_over(void *userdata)
{
	listener_watch(userdata, true);
}

static void listener_shut(struct listener *l)
{
	const uint64_t now = loop_now(l->loop).boot_usec;

	if (loop_timer_set(l->loop, &l->shut, usec_add(now, LISTEN_SHUT_S * USEC_PER_S)) == 0)
		listener_watch(l, false);
}

static void listener_accept(struct listener *l)
{
	for (unsigned n = 0; n < LISTEN_ACCEPTS_TURN_MAX; n++) {
		const int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			listener_admit(l, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED) {
			listener_shut(l);
			return;
		}
	}
}

/* Those who have frames left from an earlier turn; who has more after this waits for the next. */
static void turn_ready(struct listener *l)
{
	struct client *c;

	for (size_t n = l->n_ready; n > 0 && (c = TAILQ_FIRST(&l->ready)); n--) {
		client_set_ready(c, false);
		client_take(c);
	}
}

static void turn_events(struct listener *l)
{
	struct epoll_event events[LISTEN_EVENTS_TURN_MAX];
	const int n = epoll_wait(l->epoll, events, ELEMENTS(events), 0);

	/* Clients are freed at the end of a turn only, so each of these still exists. */
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			client_event(events[i].data.ptr, events[i].events);
		else
			listener_accept(l);
	}
}

static void turn_doomed(struct listener *l)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&l->doomed))) {
		l->handlers.closed(l->userdata, c);
		TAILQ_REMOVE(&l->doomed, c, turn);
		TAILQ_REMOVE(&l->all, c, all);
		l->n_clients--;
		client_free(c);
	}
}

static void listener_turn(struct listener *l)
{
	l->in_turn = true;
	turn_ready(l);
	turn_events(l);
	turn_doomed(l);
	l->in_turn = false;
	listener_arm(l);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events; /* what there is to do, our own epoll set tells */
	listener_turn(userdata);
	return 0;
}

static int on_defer(sd_event_source *source, void *userdata)
{
	(void)source;
	listener_turn(userdata);
	return 0;
}

/* Is the socket file of @address free to be replaced? 0; -EADDRINUSE where somebody listens on it,
 * -EEXIST where it is something else, -errno. */
static int address_is_free(const struct sockaddr_un *address)
{
	_cleanup_(fd_closep) int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

/* Bind @fd to a new file beside @path and move it there when it listens and has its mode, so that
 * nobody meets it half made. 0, -errno. */
static int bind_in_place(int fd, const struct sockaddr_un *address, mode_t mode)
{
	struct sockaddr_un temp = {.sun_family = AF_UNIX};

	(void)snprintf(temp.sun_path, sizeof(temp.sun_path), "%.*s" LISTEN_TEMP_SUFFIX,
		(int)(sizeof(temp.sun_path) - sizeof(LISTEN_TEMP_SUFFIX)), address->sun_path);
	(void)unlink(temp.sun_path); /* of a crash; another reason shows at bind() */
	/* The file is born with at most the mode of the descriptor, then made free of the umask. */
	if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)&temp, sizeof(temp)) < 0)
		return -errno;
	if (chmod(temp.sun_path, mode) < 0 || listen(fd, SOMAXCONN) < 0 ||
		rename(temp.sun_path, address->sun_path) < 0) {
		const int r = -errno;

		(void)unlink(temp.sun_path); /* the next start removes it */
		return r;
	}
	return 0;
}

static int listener_bind(struct listener *l, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int r;

	if (strlen(l->path) + sizeof(LISTEN_TEMP_SUFFIX) > sizeof(address.sun_path))
		return -ENAMETOOLONG;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", l->path);
	r = address_is_free(&address);
	if (r < 0)
		return r;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	r = bind_in_place(l->fd, &address, mode);
	if (r < 0)
		return r;
	if (lstat(l->path, &st) < 0)
		return -errno;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

static int listener_attach(struct listener *l)
{
	sd_event *event = loop_event(l->loop);
	struct epoll_event accepting = {.events = EPOLLIN};
	int r;

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return -errno;
	if (l->fd >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->fd, &accepting) < 0)
		return -errno;
	r = sd_event_add_io(event, &l->io, l->epoll, EPOLLIN, on_io, l);
	if (r < 0)
		return r;
	r = sd_event_add_defer(event, &l->defer, on_defer, l);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(l->defer, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

static int listener_fault(const char *path, int r, struct fault *reterr)
{
	const char *text = strerrordesc_np(-r);
	enum fault_kind kind = r == -ENOMEM ? FAULT_INTERNAL : FAULT_STORAGE;

	if (r == -EADDRINUSE) {
		text = "another process listens on it";
	} else if (r == -EEXIST) {
		text = "there is a file of another kind: move it away";
	} else if (r == -ENAMETOOLONG) {
		text = "the path is too long for a socket (103 characters): "
		       "set another runtime directory";
		kind = FAULT_MISCONFIGURED;
	}
	fault_set(reterr, kind, "cannot listen on %s: %s", path, text ? text : "unknown error");
	return r;
}

static struct listener *listener_make(struct loop *loop, size_t frame_max,
	const struct listener_handlers *handlers, void *userdata)
{
	struct listener *l = mem_alloc(sizeof(*l));

	if (!l)
		return NULL;
	l->fd = l->epoll = -1;
	TAILQ_INIT(&l->all);
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->doomed);
	l->loop = loop;
	l->frame_max = frame_max;
	l->handlers = *handlers;
	l->userdata = userdata;
	l->shut = (struct timer){.handler = on_shut_over, .userdata = l};
	return l;
}

int listener_new_private(struct loop *loop, size_t frame_max,
	const struct listener_handlers *handlers, void *userdata, struct listener **ret)
{
	_cleanup_(listener_freep) struct listener *l =
		listener_make(loop, frame_max, handlers, userdata);
	int r = l ? listener_attach(l) : -ENOMEM;

	if (r < 0)
		return r;
	*ret = steal(l);
	return 0;
}

int listener_new(struct loop *loop, const char *path, mode_t mode,
	const struct listener_handlers *handlers, void *userdata, struct listener **ret,
	struct fault *reterr)
{
	_cleanup_(listener_freep) struct listener *l =
		listener_make(loop, LISTEN_FRAME_MAX, handlers, userdata);
	int r;

	if (!l)
		return listener_fault(path, -ENOMEM, reterr);
	l->path = mem_strdup(path);
	r = l->path ? listener_bind(l, mode) : -ENOMEM;
	if (r == 0)
		r = listener_attach(l);
	if (r < 0)
		return listener_fault(path, r, reterr);
	*ret = steal(l);
	return 0;
}

static void listener_unlink(const struct listener *l)
{
	struct stat st;

	if (l->ino && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlink(
			l->path); /* a socket nobody listens on is replaced at the next start */
}

struct listener *listener_free(struct listener *l)
{
	struct client *c;

	if (!l)
		return NULL;
	assert(!l->in_turn);
	l->in_turn = true; /* the last one */
	for (c = TAILQ_FIRST(&l->all); c; c = TAILQ_NEXT(c, all))
		client_doom(c);
	turn_doomed(l);
	loop_timer_clear(l->loop, &l->shut);
	sd_event_source_unref(l->io);
	sd_event_source_unref(l->defer);
	listener_unlink(l);
	fd_closep(&l->epoll);
	fd_closep(&l->fd);
	mem_free(l->path);
	return mem_free(l);
}
