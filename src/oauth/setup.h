/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/names.h"
#include "oauth/metadata.h"
#include "oauth/request.h"

/* Ways to a grant. */
enum grant_flow {
	GRANT_FLOW_DEVICE, /* RFC 8628 */
	_GRANT_FLOW_MAX,
};

const char *grant_flow_to_string(enum grant_flow flow);
int grant_flow_from_string(const char *text, enum grant_flow *ret); /* 0, -EINVAL */

/* What the configuration says of a connection. Owned by its holder; grant_new() copies it. */
struct grant_setup {
	char *name;
	enum grant_flow flow;
	char *issuer;              /* NULL without discovery */
	struct metadata endpoints; /* explicit; they win over discovery */
	struct client client;
	bool auth_by_metadata; /* client.auth is a default: what the provider's metadata names wins
	                        */
	struct names scopes;
	struct names required_scopes;
	struct params request_parameters; /* added to the device authorization request */
	struct params token_parameters;   /* added to code exchange and refresh */
	uint64_t margin_usec;    /* refresh this long before expiry, at most a fifth of the life */
	uint64_t keepalive_usec; /* refresh at least this often; 0: never for its own sake */
	uint64_t assume_lifetime_usec; /* where the reply tells none */
};

int grant_setup_copy(const struct grant_setup *from, struct grant_setup *ret); /* 0, -ENOMEM; *ret
                                                                                * must be empty */
void grant_setup_done(struct grant_setup *s);
bool grant_setup_equal(const struct grant_setup *a, const struct grant_setup *b);
