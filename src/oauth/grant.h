/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/exchange.h"
#include "base/fault.h"
#include "base/now.h"
#include "oauth/record.h"
#include "oauth/setup.h"

/* The life of one grant as a pure state machine. Inputs return void: a failure is a state with a
 * fault. After each input the shell asks grant_want() and makes it so, for example:
 *
 *   grant_new()              → SEND (metadata)
 *   grant_reply(metadata)    → SEND (device authorization)
 *   grant_reply(code)        → STORE; the code is not shown before
 *   grant_stored()           → IDLE until the next poll
 *   grant_tick()             → SEND (poll)
 *   grant_reply(token)       → STORE; the token is not readable before
 *   grant_stored()           → IDLE until the refresh is due
 *
 * One request is in flight at a time, and nothing else is wanted while something is to be stored.
 */

enum grant_state {
	GRANT_NEEDS_APPROVAL,
	GRANT_AWAITING_APPROVAL,
	GRANT_AUTHORIZING, /* in place of the first two where nobody has to approve */
	GRANT_STORING,
	GRANT_CONFIRMING, /* who approved is being found out, or a person has to say whether it is
	                     the right one */
	GRANT_READY,
	GRANT_REFRESHING,
	GRANT_DEGRADED,
	_GRANT_STATE_MAX,
};

const char *grant_state_to_string(enum grant_state state);

struct grant;

/* Make the grant of @setup (copied) from @record (moved out of, NULL for none), as at agent start
 * or reload. @seed is fresh random bytes, from which every verifier, nonce and jitter is drawn. A
 * connection without a grant starts its approval by itself. Returns 0 or -ENOMEM with @record
 * untouched. */
int grant_new(const struct grant_setup *setup, struct record *take_record, const uint8_t seed[32],
	struct now now, struct grant **ret);
struct grant *grant_free(struct grant *g);
DEFINE_CLEANUP(struct grant, grant_free)

enum grant_command {
	GRANT_LOGIN,   /* start an approval, or leave the pending one be; resets the renewals. Where
	                  nobody has to approve: ask for a token now */
	GRANT_CANCEL,  /* drop the pending approval */
	GRANT_REFRESH, /* refresh now, whatever the back-off says; a provider's Retry-After is still
	                  obeyed */
	GRANT_RENEW,   /* a program wants a longer life: refresh unless one is under way or backing
	                  off */
	GRANT_REVOKE,  /* tell the provider (RFC 7009), then forget */
	GRANT_FORGET,  /* forget here only */
	GRANT_CONFIRM, /* who approved is the right person */
	GRANT_CONFIRM_REPLACE, /* also in place of who gave the grant before */
	GRANT_REJECT,          /* it is not: give what was approved back, and forget it */
	_GRANT_COMMAND_MAX,
};

enum grant_act { GRANT_IDLE, GRANT_SEND, GRANT_STORE };

/* What should be true now. SEND: the exchange of grant_request() is in flight. STORE: the record of
 * grant_record() is on disk. A new serial is a new wish: start it, and drop what was in flight for
 * an older one. */
struct grant_want {
	enum grant_act act;
	uint32_t serial;
	uint64_t deadline; /* boot time of the next grant_tick(), USEC_NEVER for none; may be set
	                      beside SEND and STORE */
};

struct grant_want grant_want(const struct grant *g);

/* Build the request wanted under SEND into *ret (must be empty). 0, -ENOMEM. */
int grant_request(const struct grant *g, struct exchange_request *ret);

/* What the request wanted under SEND is for, in a word for the log. */
const char *grant_purpose(const struct grant *g);

/* The record wanted on disk under STORE; borrowed until the next input. */
const struct record *grant_record(const struct grant *g);

/* Does the wish under SEND spend a code or a refresh token? Then its reply should be awaited even
 * while the agent is told to stop. */
bool grant_spending(const struct grant *g);

/* Is there a token that was received and is not on disk yet? */
bool grant_unstored(const struct grant *g);

/* Take another configuration, once what is under way has ended. The grant is kept where what it
 * depends on (provider, client_id, scopes) is the same; else it is not used, but stays in the
 * record until another one replaces it. @setup is copied. Returns 0 or -ENOMEM. */
int grant_reconfigure(struct grant *g, const struct grant_setup *setup, struct now now);

/* Inputs. A @serial that is not the present wish's is ignored. @r of grant_stored() is 0 or -errno,
 * with the reason in @why. */
void grant_command(struct grant *g, enum grant_command command, struct now now);
void grant_reply(
	struct grant *g, uint32_t serial, const struct exchange_reply *reply, struct now now);
void grant_stored(struct grant *g, uint32_t serial, int r, const struct fault *why, struct now now);
void grant_tick(struct grant *g, struct now now);

/* Take the address that a person brought back for the paste approval that is pending (@code_only:
 * or its bare code). Returns 0 when the exchange begins: GRANT_END_PASTE tells its end. Returns
 * -EBADMSG with @reterr, and everything as it was, where it is not that; -ENOMEM. */
int grant_paste(struct grant *g, const char *text, size_t len, bool code_only, struct now now,
	struct fault *reterr);

/* A program was told that @token (@len bytes) is no good. Where that is the one held now it is not
 * handed out any more, and refreshed: 0, and GRANT_END_REFRESH tells the end, for everyone who
 * reports the same. Returns 1 where another one is held already; -EAGAIN with @reterr where nothing
 * can be done, or not so soon after the last report, and in *ret_retry_usec (wall) when to try
 * again, 0 where that is not known. */
int grant_invalidate(struct grant *g, const char *token, size_t len, struct now now,
	struct fault *reterr, uint64_t *ret_retry_usec);

/* What comes to an end, and is waited for. */
enum grant_end {
	GRANT_END_APPROVAL,
	GRANT_END_PASTE, /* of what was pasted: with the approval, or before it by a failure */
	GRANT_END_REFRESH,
	GRANT_END_REVOCATION,
	GRANT_END_CONFIRMATION, /* of GRANT_CONFIRM and GRANT_REJECT */
	GRANT_END_CANCELLATION, /* of GRANT_CANCEL, at once */
	_GRANT_END_MAX,
};

/* How many have ended so far, and how the last one did (kind NONE: well). */
struct grant_outcome {
	uint32_t count;
	struct fault fault;
};

/* What was decided about somebody who approved. */
enum grant_decision {
	GRANT_ACCEPTED,
	GRANT_HELD,      /* until an operator confirms or rejects it */
	GRANT_REFUSED,   /* the wrong person, or none that can be proved */
	GRANT_REJECTED,  /* by an operator */
	GRANT_UNREVOKED, /* what was refused or rejected could not be given back */
	_GRANT_DECISION_MAX,
};

/* How many were made so far, and the last one. */
struct grant_decided {
	uint32_t count;
	enum grant_decision decision;
	char who[IDENTITY_TEXT_MAX];
};

/* What a person or a program may know; everything is borrowed until the next input. */
struct grant_view {
	enum grant_state state;
	bool usable;
	uint64_t since_usec; /* wall time this state was entered */
	/* NULL when none is pending. Of a paste approval only verification_uri is set: the
	 * authorization URL. */
	const struct device_authorization *approval;
	uint64_t approval_expires_usec; /* wall */
	const struct names *scopes;     /* granted, or asked while there is no grant */
	uint64_t token_lifetime_usec;   /* whole, as far as it was told; 0 where there is none */
	bool token_unchanged;           /* the last refresh has brought the same token again */
	bool token_renewed;             /* it came because a program asked for a longer life */
	uint64_t token_expires_usec;    /* wall, 0 where there is none */
	uint64_t grant_expires_usec;    /* wall, when a person has to approve again; 0: not known */
	uint64_t refresh_usec;          /* wall of the next refresh, 0 for none */
	const struct fault *fault;      /* kind NONE when all is well */
	uint64_t fault_since_usec;
	unsigned fault_attempts;
	uint64_t fault_retry_usec;            /* wall of the next try, 0 for none by itself */
	const struct grant_outcome *outcomes; /* by enum grant_end */
	const struct identity *identity; /* who approved, or gave the grant; NULL where not known */
	bool confirmed;                  /* the grant held is theirs */
	bool checking; /* who approved is being found out: the end of that is to come */
	const struct grant_decided *decided;
};

void grant_view(const struct grant *g, struct now now, struct grant_view *ret);

/* The token to hand out, NULL where there is none with any life left or its scope or the identity
 * of who gave it is not in order;
 * borrowed until the next input. *ret_remaining_usec is its life left. */
const struct token *grant_token(
	const struct grant *g, struct now now, uint64_t *ret_remaining_usec);
