/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"

/* One HTTP request and what became of it, as values: what the core wants sent, and what the host
 * brings back. */

enum exchange_method { EXCHANGE_GET, EXCHANGE_POST };

struct exchange_request {
	enum exchange_method method;
	char *url;                    /* https:// */
	struct secret *authorization; /* value of the Authorization header, or NULL */
	struct secret *body;          /* application/x-www-form-urlencoded, or NULL */
	bool once; /* spends a code or a refresh token: its body may reach the wire at most once */
};

void exchange_request_done(struct exchange_request *r);

enum exchange_outcome {
	EXCHANGE_REPLIED,  /* a whole reply arrived */
	EXCHANGE_NOT_SENT, /* failed before a byte of the request left: name, connect, TLS, proxy */
	EXCHANGE_LOST, /* the request may have been read, no whole reply came: reset, timeout, cut
	                  or oversized body */
};

/* The longest reply body we read; a token reply or metadata document is a few KiB. */
#define EXCHANGE_BODY_MAX (256u * 1024)

struct exchange_reply {
	enum exchange_outcome outcome;
	int status;              /* HTTP status, 0 unless REPLIED */
	struct buf body;         /* as received, maybe empty */
	char content_type[80];   /* "" where absent; without parameters, lower case */
	char retry_after[64];    /* raw header, "" where absent */
	char cache_control[128]; /* raw header, "" where absent */
	char error[160]; /* for a person, when not REPLIED: "could not resolve host: idp.example" */
};

void exchange_reply_done(struct exchange_reply *r);
