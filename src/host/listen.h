/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "host/loop.h"
#include "host/peer.h"

/* Unix stream sockets with frames ended by NUL, many clients at little cost: one epoll set for all
 * clients of a listener, nested in the loop as a single source. A slow, silent or hostile client
 * hurts only itself. */
struct listener;
struct client;

#define LISTEN_CLIENTS_MAX 1024 /* of a listener; the 1025th is closed at once */
#define LISTEN_CLIENTS_UID_MAX \
	256 /* of one uid other than root and our own, so that one user can't shut the others out \
	     */
#define LISTEN_FRAME_MAX (64u * 1024)
#define LISTEN_QUEUE_MAX \
	(8u * 1024 * 1024) /* bytes of replies waiting for a reader; past it the client is closed \
	                    */
#define LISTEN_FRAMES_TURN_MAX 16 /* frames of one client handled in one turn of the loop */

#define LISTEN_BACKPRESSURE \
	(256u * 1024) /* while more than this waits for a reader, none of his frames is handled, \
	               * so that a client that asks and never reads costs us one reply */
#define LISTEN_LINGER_S \
	5 /* a client that is to be closed has so long to read what is queued for him */

/* Handlers may call everything about any client, but not listener_free(). */
struct listener_handlers {
	void (*opened)(void *userdata, struct client *c); /* may be NULL */
	void (*frame)(void *userdata, struct client *c, const char *frame,
		size_t len); /* without the NUL */
	void (*closed)(void *userdata,
		struct client *c); /* always the last call for @c, which is freed after it */
};

/* Listen on the socket @path with @mode. A stale socket file is replaced; one that a living process
 * listens on is -EADDRINUSE; another kind of file is left alone (-EEXIST). 0; -errno with @reterr.
 */
int listener_new(struct loop *loop, const char *path, mode_t mode,
	const struct listener_handlers *handlers, void *userdata, struct listener **ret,
	struct fault *reterr);
struct listener *listener_free(
	struct listener *l); /* closes every client (calling closed) and removes the socket file */
DEFINE_CLEANUP(struct listener, listener_free)

/* A listener without a socket file, whose clients are given to it; their frames may have up to
 * @frame_max bytes. 0, -errno. */
int listener_new_private(struct loop *loop, size_t frame_max,
	const struct listener_handlers *handlers, void *userdata, struct listener **ret);
/* Take the other end of the connected socket @take_fd in as a client; @opened is not called. NULL:
 * no memory, and it is closed. */
struct client *listener_adopt(struct listener *l, int take_fd);

const struct peer *client_peer(const struct client *c);
void *client_userdata(const struct client *c);
void client_set_userdata(struct client *c, void *userdata);

/* Send @len bytes to @c, or queue what he does not take now. Returns 0; -ENOTCONN where he is gone
 * or closing (nothing is queued); -ENOBUFS where the queue is full, -ENOMEM (in both the client is
 * closed after this turn, as his stream has a gap). */
int client_send(struct client *c, const void *data, size_t len);
size_t client_queued(const struct client *c);

/* Stop (and resume) reading frames of @c, so that one who does not await replies waits. One who
 * hangs up in the meantime is closed at once. */
void client_pause(struct client *c, bool pause);

/* Say that a reply is owed to @c (or not any more). One who has only ended his side (shutdown(2)
 * with SHUT_WR, as "nc -N" does) is kept until nothing is owed and all is sent. */
void client_busy(struct client *c, bool busy);

/* Close @c from the loop after what is queued has gone out. No more frames are handed over. */
void client_close(struct client *c);
