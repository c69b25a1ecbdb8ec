/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/now.h"
#include "wire/wire.h"

/* A connection to the agent. The functions return EXIT_DONE or another exit code of ctl/show.h,
 * with the sentence for stderr in @why. */
struct client;

#define CLIENT_SEND_TIMEOUT_S \
	5 /* connecting and sending: the agent reads at once or is not well \
	   */
#define CLIENT_REPLY_TIMEOUT_USEC \
	(200 * USEC_PER_S) /* longer than the agent lets a call wait, so that its word is heard */

/* How soon an agent that is not there is looked for again: a person does not notice, and it costs a
 * failed connect(). */
#define CLIENT_RETRY_USEC (200 * UINT64_C(1000))

/* Both clocks. */
struct now client_now(void);

/* Connect to the agent: in @runtime, or where that is NULL in $GRANTD_RUNTIME, or else in the
 * user's runtime directory, or else in the system's. With @status_will_do status.sock is taken
 * where control.sock does not answer. A server whose uid is neither root, ours nor that of the
 * directory's owner is refused. */
int client_open(const char *runtime, bool status_will_do, struct client **ret, struct buf *why);
struct client *client_free(struct client *c);
DEFINE_CLEANUP(struct client, client_free)

/* Let time pass until the boot time @until. */
void client_pause(uint64_t until);

/* Send a call of @method. @parameters may be NULL. */
int client_send(struct client *c, enum wire_method method, const struct json *parameters, bool more,
	struct buf *why);

/* Connect to control.sock as client_open() does, and send a call of @method. Takes @parameters,
 * which may not be NULL: that is a builder that found no memory. */
int client_call(const char *runtime, enum wire_method method, struct json *take_parameters,
	bool more, struct client **ret, struct buf *why);

/* To be told by poll() that a reply has begun to come. */
int client_fd(const struct client *c);

/* Await the next reply, until the boot time @deadline. An error reply is a reply. */
int client_receive(struct client *c, uint64_t deadline, struct wire_reply *ret, struct buf *why);
