/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "oauth/grant.h"
#include "oauth/reply.h"

/* The inside of a grant, shared by the files oauth/grant*.c and nobody else. */

/* Refreshes and approvals that fail are tried again after 5 s, doubled up to a quarter of an hour:
 * long enough to spare a provider in trouble, short enough that an hour's token survives most
 * outages. */
#define RETRY_FIRST (5 * USEC_PER_S)
#define RETRY_MAX   (15 * USEC_PER_MIN)

enum task {
	TASK_NONE,
	TASK_METADATA,
	TASK_DEVICE,    /* ask for a device code */
	TASK_POLL,      /* ask whether it was approved */
	TASK_AUTHORIZE, /* make the authorization URL; nothing is sent */
	TASK_CODE,      /* exchange the code that was pasted */
	TASK_REFRESH,
	TASK_REVOKE,
	TASK_INTROSPECT, /* ask how long the token held lives */
	TASK_KEYS,       /* ask for the keys that an id_token is signed with */
	TASK_IDENTITY,   /* ask who approved */
	TASK_CANDIDATE,  /* refresh what is not confirmed yet */
	TASK_DISCARD,    /* give back what is of the wrong person */
};

/* What is being found out about the candidate in the record. It is not on disk: after a restart it
 * is found out again. */
struct check {
	bool unstored; /* the candidate is not on disk yet */
	uint64_t expires_boot;
	uint64_t refresh_boot;
	uint64_t due_boot; /* of the next question; USEC_NEVER: it is a person's turn */
	unsigned attempts;
	bool renewed;        /* its token was refused, and refreshed once for that */
	bool keys_asked;     /* for this candidate: a key that is not among them is not there */
	bool no_keys;        /* the provider tells no address of its keys */
	bool no_userinfo;    /* nothing more is to be had from userinfo */
	char *id_url;        /* asked in its place (QUIRK_IDENTITY_AT_ID) */
	struct json *claims; /* of the id_token, which is good */
	bool found_out;      /* all is known that can be */
	struct identity identity;
	enum { UNDECIDED, CONFIRMED, CONFIRMED_TO_REPLACE, REJECTED } word; /* an operator's */
	struct fault fault; /* why it is not confirmed */
};

/* The access token that may be handed out: stored, with its life on the boot clock. */
struct held {
	bool present;
	struct token token;
	uint64_t expires_boot;
	uint64_t lifetime_usec;
	uint64_t expires_wall;
	bool approved;  /* by a person just now, not by a refresh */
	bool doubted;   /* its age can't be told: the clock stands before the token was received */
	bool refuted;   /* a program was told that it is no good */
	bool unchanged; /* it is the one that was held before */
	bool renewed;   /* it came because a program asked for a longer life */
};

struct grant {
	struct grant_setup setup;
	struct grant_setup next_setup;
	struct metadata next_endpoints;
	char *next_binding;
	bool reconfigured;
	char *binding;

	uint8_t seed[32];
	uint64_t draws;

	struct metadata endpoints; /* explicit and discovered */
	bool discovered;
	bool metadata_doubted;
	enum metadata_document document;
	uint64_t metadata_expires_boot;
	uint64_t metadata_retry_boot;
	enum task metadata_for;

	struct record record;
	bool dirty;
	unsigned store_attempts;
	uint64_t store_boot;
	bool intent_stored; /* the record on disk says that a refresh may have left */

	struct held held;
	struct held incoming; /* received, not yet stored */
	uint64_t refresh_boot;
	unsigned refresh_attempts;
	/* What the present refresh token took the place of: where a provider answers a repeated
	 * refresh with it, it is dead. */
	struct secret *retired;
	bool by_query;           /* the form was refused (QUIRK_TOKEN_BY_QUERY) */
	bool longer_wanted;      /* the refresh to come is for a program's sake */
	unsigned scope_attempts; /* tokens in a row without a required scope */
	uint64_t report_boot; /* before this, a report that the token is no good is not believed */
	bool maybe_spent;     /* the refresh token may have been used by a reply that never came */

	uint64_t login_boot; /* USEC_NEVER where none is wanted */
	unsigned login_attempts;
	bool renewing; /* the login is by ourselves, after an expired code */
	struct secret *verifier;
	struct secret *nonce;
	char jti[44];          /* of the assertion in the request that is wanted */
	uint64_t request_wall; /* when it was */
	struct secret *code;   /* pasted, to be exchanged; not on disk, since it is spent once */

	bool approval_stored;
	unsigned poll_failures;
	uint64_t poll_boot;
	uint64_t approval_expires_boot;

	struct check check;
	struct json *keys; /* of the provider, NULL until asked for */
	uint64_t keys_expire_boot;
	uint64_t discard_boot;
	unsigned discards;
	struct grant_decided decided;

	bool revoke_wanted;
	bool forgetting; /* the record to be stored is the one without the grant */
	uint64_t not_before_boot;

	enum grant_act act;
	enum task task;
	uint32_t serial;
	uint64_t deadline;

	enum grant_state state;
	uint64_t since_wall;
	struct fault fault;
	uint64_t fault_since_wall;
	unsigned fault_attempts;
	struct fault fault_beneath; /* shown before a store failed */
	struct grant_outcome outcomes[_GRANT_END_MAX];
	struct now seen; /* of the last input */
};

/* grant-tools.c: what all parts use */

/* Fill @ret with randomness drawn from the seed. 0, -ENOMEM. */
int grant_draw(struct grant *g, uint8_t ret[32]);
/* A random part of @span; 0 when no randomness is to be had, which only makes peers agree. */
uint64_t grant_jitter(struct grant *g, uint64_t span);
/* first × 2^attempts up to @max, and up to a fifth of it more. */
uint64_t grant_backoff(struct grant *g, unsigned attempts, uint64_t first, uint64_t max);
/* The only writer of what is wanted: a new serial for each wish. */
void grant_wish(struct grant *g, enum grant_act act, enum task task);
/* All is well. */
void grant_clear_fault(struct grant *g);
/* Show @f; the same kind again counts as another attempt. */
void grant_set_fault(struct grant *g, const struct fault *f, struct now now);
/* An approval, refresh or revocation has ended, well where @f is NULL. */
void grant_conclude(struct grant *g, enum grant_end end, const struct fault *f);
/* The same for everything that may be waited for. */
void grant_conclude_all(struct grant *g, const struct fault *f);
/* A fault that stays true across a restart: the end of an approval or of the grant. */
void grant_record_fault(struct grant *g, const struct fault *f, struct now now);
/* Nothing is sent for @retry_after (0: not told), also across a restart. */
void grant_obey_retry_after(struct grant *g, uint64_t retry_after, struct now now);
/* Has @boot_usec come? Else the deadline is brought forward to it. */
bool grant_due(struct grant *g, uint64_t boot_usec, struct now now);
/* What is added to a request, in *ret (must be empty): @resources, @audience (NULL for none), then
 * @more. 0, -ENOMEM. */
int grant_parameters(const struct names *resources, const char *audience, const struct params *more,
	struct params *ret);
/* Does what we send carry an assertion of ours? */
bool grant_signs(const struct grant *g);
/* Memory is short. */
void grant_fail_internal(struct grant *g, struct now now);

/* grant-token.c: the token held, its refresh and its end */

void grant_held_done(struct held *h);
/* A grant in the record that was given for another provider, client or scopes is not ours to use.
 */
bool grant_have(const struct grant *g);
/* Does a new token come without a person, whenever one is asked for? */
bool grant_unattended(const struct grant *g);
/* Has an operator given up a grant that a token would come for by itself? It stays so until a
 * login.
 */
bool grant_given_up(const struct grant *g);
/* From here on a token may come by itself again. */
void grant_take_up(struct grant *g);
bool grant_can_refresh(const struct grant *g);
/* The first required scope that is not among @granted, NULL for none. */
const char *grant_missing_scope(const struct grant *g, const struct names *granted);
/* When the grant ends whatever is done, as far as that is known (wall); 0 where not. */
uint64_t grant_end_of(const struct grant *g);
uint64_t grant_held_remaining(const struct held *h, struct now now);
/* Are its scope, and who gave it, as they must be? */
bool grant_in_order(const struct grant *g);
/* Alive for a while yet, and in order. */
bool grant_usable(const struct grant *g, struct now now);
/* What was received is on disk: from here on it may be read. */
void grant_adopt(struct grant *g, struct now now);
void grant_refresh_failed(struct grant *g, const struct verdict *v, struct now now);
/* Make @t the grant to be stored, and keep a copy to be read once it is. */
int grant_take_token(struct grant *g, struct token *t, bool approved, struct now now);
/* Put @t into @rg; with @before: what it leaves out stays as in @rg. @t is emptied when it is
 * taken. *ret_held (NULL: not wanted) is a copy to be handed out. 0, -ENOMEM. */
int grant_fill(struct grant *g, struct record_grant *rg, struct token *t, bool before,
	struct held *ret_held, struct now now);
uint64_t grant_token_lifetime(const struct grant *g, const struct token *t);
/* Say what is not in order about the token held. */
void grant_describe_held(struct grant *g, struct now now);
/* A refresh has shown that the grant is of @other now: it is over, and to be given back. */
void grant_refuse_held(struct grant *g, const struct identity *other, struct now now);
/* Erase the grant, as an operator asked. */
void grant_give_up(struct grant *g, struct now now);
void grant_revoke_reply(struct grant *g, const struct exchange_reply *reply, struct now now);
/* Is how long the token held lives still to be asked? */
bool grant_wants_introspection(const struct grant *g);
void grant_introspection_reply(struct grant *g, const struct exchange_reply *reply, struct now now);
/* An access token that can't be refreshed has died. */
bool grant_end_unrefreshable(struct grant *g, struct now now);
/* Wake up when the token stops being usable and when it dies, so that nobody is told otherwise. */
void grant_watch_usability(struct grant *g, struct now now);
/* Take up the grant of the record, where it is for this setup. */
void grant_resume_grant(struct grant *g, struct now now);
/* Go on with the token held under other margins and required scopes. */
void grant_review_token(struct grant *g, struct now now);
/* The wall clock was set: persisted times follow the boot clock, a doubted age is told anew. */
void grant_follow_clock(struct grant *g, struct now now);

/* grant-approval.c: a person approves (RFC 8628) */

void grant_drop_approval(struct grant *g);
/* Ask for a code at @boot_usec; @renewing: by ourselves, after one that expired. */
void grant_want_login(struct grant *g, uint64_t boot_usec, bool renewing);
void grant_expire_approval(struct grant *g, struct now now);
/* Polls wait for @pause after the reply that came now; the last one is due when the code expires,
 * but not before the interval is over. */
void grant_schedule_poll(struct grant *g, uint64_t pause, struct now now);
/* The least time between two polls. */
uint64_t grant_poll_interval(const struct grant *g);
/* The latest moment of the last poll. */
uint64_t grant_approval_end(const struct grant *g);
void grant_login_failed(struct grant *g, const struct verdict *v, struct now now);
void grant_poll_failed(struct grant *g, const struct verdict *v, struct now now);
void grant_device_reply(struct grant *g, const struct exchange_reply *reply, struct now now);
/* Take the token that ends an approval; @t is emptied when it is taken. 0, -ENOMEM. */
int grant_take_approved(struct grant *g, struct token *t, struct now now);
/* Show what was asked for: the approval in the record is new. */
void grant_announce(struct grant *g);
/* A fresh PKCE verifier, and with openid a nonce, for the next approval. 0, -ENOMEM. */
int grant_prepare_verifier(struct grant *g);
/* Ask for a code again where the client was refused before. */
void grant_retry_login(struct grant *g, struct now now);
/* Without a grant an approval starts by itself, but not where a person has denied it or the wrong
 * one has given it, and not more often than codes are renewed. */
void grant_resume_login(struct grant *g, struct now now);

/* grant-identity.c: who approved (OpenID Connect Core 1.0) */

/* Is there something approved that is not confirmed yet, and is it for this setup? */
bool grant_candidate(const struct grant *g);
/* Is there something of the wrong person that is not given back yet? */
bool grant_discarding(const struct grant *g);
/* Does what a new approval brings have to be checked? */
bool grant_checks(const struct grant *g);
/* Hold @t until it is known who approved; @t is emptied when it is taken. 0, -ENOMEM. */
int grant_hold_token(struct grant *g, struct token *t, struct now now);
/* The same of the token that a refresh brought for the candidate. */
int grant_hold_refreshed(struct grant *g, struct token *t, struct now now);
/* Is the token @t that a refresh brought of another person than the grant was? Then nothing of it
 * is handed out, the grant is over, and 1 is returned, with @t emptied; 0 where it is not, or where
 * nobody can tell; -ENOMEM. */
int grant_refuse_refreshed(struct grant *g, struct token *t, struct now now);
/* Is something to be asked, or decided, about the candidate? Else the deadline is brought forward.
 */
bool grant_check_due(struct grant *g, struct now now);
void grant_check(struct grant *g, struct now now);
void grant_check_failed(struct grant *g, enum task task, const struct verdict *v, struct now now);
/* The address that @task of a check goes to is not told. */
void grant_check_unreachable(struct grant *g, enum task task);
void grant_check_reply(
	struct grant *g, enum task task, const struct exchange_reply *reply, struct now now);
/* Take up the candidate of the record, at start and when the configuration has changed. */
void grant_resume_check(struct grant *g, struct now now);
void grant_check_done(struct check *k);
/* Say why the candidate is not confirmed. */
void grant_describe_check(struct grant *g, struct now now);
/* An operator's word about the candidate. */
void grant_command_confirm(struct grant *g, enum grant_command command);
/* Is the grant held of another person than the configuration expects? Then @ret tells. */
bool grant_of_wrong_person(const struct grant *g, struct fault *ret);

/* grant-discard.c: what is of the wrong person is given back (RFC 7009) */

/* The token to give back, NULL where there is none. */
const struct token *grant_discarded(const struct grant *g);
void grant_discard(struct grant *g, struct now now);
void grant_begin_discard(struct grant *g, struct record_grant *rg, struct now now);
void grant_discard_failed(struct grant *g, const struct verdict *v, struct now now);
void grant_discard_reply(struct grant *g, const struct exchange_reply *reply, struct now now);
/* A person wants to go on: do not try for long. */
void grant_hurry_discard(struct grant *g, struct now now);
void grant_decide(struct grant *g, enum grant_decision decision, const struct identity *who);

/* grant-paste.c: a person approves, and brings the code back (RFC 6749 §4.1) */

/* Is the approval that is pending one of the paste flow? */
bool grant_awaits_paste(const struct grant *g);
/* Make the authorization URL and wait for what comes of it. */
void grant_begin_paste(struct grant *g, struct now now);
void grant_code_failed(struct grant *g, const struct verdict *v, struct now now);
/* Is the approval in the record one of the present provider, client, scopes, flow and redirect_uri?
 */
bool grant_approval_fits(const struct grant *g);
/* Drop the approval that does not fit any more. */
void grant_review_approval(struct grant *g, struct now now);

/* grant-discovery.c: where the provider is reached (RFC 8414) */

/* The address @task goes to, NULL where it is not known. */
const char *grant_endpoint(const struct grant *g, enum task task);
/* Must the metadata be asked for before @task? */
bool grant_metadata_wanted(const struct grant *g, enum task task, struct now now);
void grant_metadata_reply(struct grant *g, const struct exchange_reply *reply, struct now now);

/* grant.c */

/* Begin @task: first the metadata it needs and the intent on disk, then its request. */
void grant_begin(struct grant *g, enum task task, struct now now);
/* @task came to nothing: what follows is decided where the task is at home. */
void grant_fail_task(
	struct grant *g, enum task task, const struct verdict *verdict, struct now now);
