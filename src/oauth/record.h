/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/names.h"
#include "base/secret.h"
#include "oauth/identity.h"
#include "oauth/reply.h"

/* What of a connection is on disk, and its sealed form. One record holds the grant and the pending
 * approval, so that one rename moves from one truth to the next. All times are wall time,
 * USEC_NEVER or 0 where noted. */

struct record_grant {
	bool present;
	char *binding; /* what the grant depends on (record_binding()); another one: not used, but
	                  kept */
	struct token token; /* scopes are filled also where the reply left them out; refresh_token
	                       may be NULL */
	uint64_t obtained_usec;        /* when this access token was received */
	uint64_t expires_usec;         /* of the access token */
	uint64_t approved_usec;        /* when a person gave the grant */
	uint64_t refresh_expires_usec; /* of the refresh token; 0 where that was not told */
	bool rotates;      /* the provider has replaced the refresh token, or was not seen not to */
	bool refresh_sent; /* a refresh was about to leave and its outcome is not on disk: the token
	                      may be spent */
	bool discard;      /* it is of the wrong person: to be given back, then erased */
};

/* What a new approval brought, until it is known to be of the right person. */
struct record_candidate {
	struct record_grant grant; /* its token has the id_token too */
	struct secret *nonce;      /* sent with the approval, NULL without openid */
	bool nonce_required;       /* the id_token must have it */
};

struct record_approval {
	bool present;
	char *binding;
	struct device_authorization
		device; /* interval_usec grows with slow_down; lifetime_usec is not persisted */
	struct secret *verifier;
	struct secret *nonce; /* NULL without openid */
	struct secret *state; /* of a paste approval, which has no code; its verification_uri is the
	                         authorization URL. NULL for the device flow */
	char *redirect_uri;   /* of a paste approval: the code is good with this one only */
	bool names_issuer;    /* of a paste approval: `iss` must be in its answer (RFC 9207) */
	uint64_t expires_usec;
	bool lost; /* a poll was sent and no answer came: the code may be used up */
};

struct record {
	uint64_t generation; /* grows by one with each write */
	struct record_grant grant;
	struct identity identity; /* who gave the grant, or the last one: another one is wrong */
	struct record_candidate candidate;
	struct record_approval approval;
	unsigned renewals; /* codes renewed by ourselves since a person last acted */
	bool given_up; /* an operator has ended a grant that a token comes for without a person */
	uint64_t not_before_usec; /* no request before (Retry-After), 0 for none */
	struct fault fault;       /* the end of the last approval or grant; FAULT_NONE for none */
	uint64_t fault_since_usec;
};

void record_done(struct record *r); /* idempotent; leaves an empty record */
void record_grant_done(struct record_grant *g);
void record_candidate_done(struct record_candidate *c);

/* Compare key of what a grant depends on: provider (issuer, or token endpoint), client_id, scopes
 * as a set, and @targets, also as a set: what else was asked for, each with a blank in it, which no
 * scope has. Digest text in a mem block, NULL when memory is short. */
char *record_binding(const char *provider, const char *client_id, const struct names *scopes,
	const struct names *targets);

#define RECORD_KEY_SIZE     32
#define RECORD_SALT_SIZE    32
#define RECORD_MACHINE_SIZE 16
/* The largest sealed record: a grant and a candidate, each with tokens of the largest replies we
 * read, JSON around them. */
#define RECORD_SIZE_MAX (2u * 1024 * 1024)

/* What seals a record: @key by configuration, @machine the application-specific machine id, @name
 * of the connection. */
struct record_seal {
	const struct secret *key; /* RECORD_KEY_SIZE bytes */
	uint8_t machine[RECORD_MACHINE_SIZE];
	const char *name;
};

/* Seal @r: header (readable and authenticated: format version, name, salt, generation, machine id)
 * and AES-256-GCM body with a key and nonce by HKDF-SHA256 (RFC 5869) from the seal's key and
 * @salt, which must be fresh random bytes each time. Appends to @ret. Returns 0, -ENOMEM,
 * -EMSGSIZE; -EINVAL where @r lacks a secret without which it could not be read back. */
int record_encode(const struct record *r, const struct record_seal *seal,
	const uint8_t salt[RECORD_SALT_SIZE], struct buf *ret);

/* Open a sealed record into *ret (must be empty). Returns 0; -EBADMSG with @reterr (kind storage:
 * damaged, another format version, wrong key, another name); -EXDEV with @reterr where it was
 * written on another machine, named in the text; -ENOMEM. */
int record_decode(const void *data, size_t len, const struct record_seal *seal, struct record *ret,
	struct fault *reterr);

/* The body of a record as it is before sealing, of generation @generation; for record_decode() and
 * the fuzzer. As record_decode(). */
int record_parse_body(const char *text, size_t len, uint64_t generation, struct record *ret,
	struct fault *reterr);
