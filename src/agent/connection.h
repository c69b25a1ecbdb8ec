/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

#include "agent/settings.h"
#include "host/http.h"
#include "host/loop.h"
#include "host/store.h"
#include "oauth/grant.h"

/* A connection at work: the one place where what the grant wants meets the machine. After every
 * input it asks the grant what should be true now and makes it so. */
struct connection;

/* What all connections share; borrowed for their whole life. */
struct connection_shared {
	struct loop *loop;
	struct http *http;
	struct store *store;
	struct secret *store_key;
	uint8_t machine[RECORD_MACHINE_SIZE];
	bool stopping; /* nothing new is sent */
	/* Called after every input, when what connection_view() tells may be another. */
	void (*changed)(void *userdata, struct connection *c);
	void *userdata;
};

/* Start @name from its record. @config and @allow are borrowed until connection_reconfigure();
 * @ca_file and @proxy are the agent's, used where the connection has none. Returns 0 or -ENOMEM; a
 * record that can't be read is a fault of the connection. */
int connection_new(struct connection_shared *shared, const struct config_connection *config,
	const struct access *allow, const struct config *agent, struct connection **ret);
struct connection *connection_free(struct connection *c);
DEFINE_CLEANUP(struct connection, connection_free)

/* Go on under another configuration. Returns 0; -ENOMEM where the grant goes on as it was set up.
 */
int connection_reconfigure(struct connection *c, const struct config_connection *config,
	const struct access *allow, const struct config *agent);

/* Before the configuration of a connection that was taken out of the file is freed: it only ends
 * what is under way. */
void connection_retire(struct connection *c);

const char *connection_name(const struct connection *c);
const struct config_connection *connection_config(const struct connection *c);
const struct access *connection_allow(const struct connection *c);

/* As grant_view() and grant_token(), also where there is no grant because of an unreadable record.
 */
void connection_view(const struct connection *c, struct grant_view *ret);
const struct token *connection_token(const struct connection *c, uint64_t *ret_remaining_usec);

/* The wall clock was set. */
void connection_tick(struct connection *c);

void connection_command(struct connection *c, enum grant_command command);

/* As grant_paste(). */
int connection_paste(
	struct connection *c, const char *text, size_t len, bool code_only, struct fault *reterr);

/* As grant_invalidate(). */
int connection_invalidate(struct connection *c, const char *token, size_t len, struct fault *reterr,
	uint64_t *ret_retry_usec);

/* Is a request under way that spends a code or a token, or is what one brought not yet on disk? */
bool connection_spending(const struct connection *c);
