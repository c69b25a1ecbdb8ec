/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"

/* One HTTP request and what became of it, as values: what the core wants sent, and what the host
 * brings back. */

enum exchange_method { EXCHANGE_GET, EXCHANGE_POST, EXCHANGE_DELETE };

/* Headers of a reply that a request may ask to keep, and room for the value of each. */
#define EXCHANGE_KEPT_MAX  4
#define EXCHANGE_KEPT_SIZE 256

struct exchange_request {
	enum exchange_method method;
	char *url;                    /* https:// */
	struct secret *authorization; /* value of the Authorization header, or NULL */
	struct secret *body;          /* or NULL */
	const char *content_type;     /* of the body; NULL: application/x-www-form-urlencoded */
	const char *accept;           /* NULL: application/json */
	const char *header;           /* one more line, "Name: value", or NULL */
	const char *const *kept;      /* names of headers to keep, ended by NULL; or NULL */
	size_t body_max;              /* bytes of the reply's body; 0: EXCHANGE_BODY_MAX */
	bool once; /* spends a code or a refresh token: its body may reach the wire at most once */
};

void exchange_request_done(struct exchange_request *r);

enum exchange_outcome {
	EXCHANGE_REPLIED,  /* a whole reply arrived */
	EXCHANGE_NOT_SENT, /* failed before a byte of the request left: name, connect, TLS, proxy */
	EXCHANGE_LOST, /* the request may have been read, no whole reply came: reset, timeout, cut
	                  or oversized body */
};

/* The longest reply body we read where the request names no other limit; a token reply or metadata
 * document is a few KiB. */
#define EXCHANGE_BODY_MAX (256u * 1024)

struct exchange_reply {
	enum exchange_outcome outcome;
	int status;              /* HTTP status, 0 unless REPLIED */
	struct buf body;         /* as received, maybe empty */
	char content_type[80];   /* "" where absent; without parameters, lower case */
	char retry_after[64];    /* raw header, "" where absent */
	char cache_control[128]; /* raw header, "" where absent */
	char kept[EXCHANGE_KEPT_MAX]
		 [EXCHANGE_KEPT_SIZE]; /* as asked for, in that order, "" where absent */
	char error[160]; /* for a person, when not REPLIED: "could not resolve host: idp.example" */
};

void exchange_reply_done(struct exchange_reply *r);
