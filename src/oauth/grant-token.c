/* SPDX-License-Identifier: BSD-2-Clause */

/* The token held: RFC 6749 §6 (refresh), RFC 7009 (revocation). */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/grant-state.h"

/* A token is not handed out as usable in the last moments of its life. */
#define USABLE_SKEW (30 * USEC_PER_S)
/* A wall clock this far before the moment a token was received can't be trusted to age it. */
#define CLOCK_DOUBT (5 * USEC_PER_MIN)
/* A step of the clock that is less than this makes no refused assertion a good one: providers allow
 * for so much. */
#define ASSERTION_STEP (30 * USEC_PER_S)
/* A wall clock that moved this much against the boot clock was set. */
#define CLOCK_STEP (1 * USEC_PER_S)
/* However short the lives of a provider's tokens, it is not asked for them more often than this. */
#define REFRESH_SPACING (2 * USEC_PER_S)
/* Where nobody approves, a scope that is missing may be allowed at the provider any time, and a
 * token may live for weeks: another one is asked for after this, later each time. */
#define SCOPE_RETRY_FIRST (5 * USEC_PER_MIN)
#define SCOPE_RETRY_MAX   USEC_PER_HOUR

void grant_held_done(struct held *h)
{
	token_done(&h->token);
	*h = (struct held){.present = false};
}

bool grant_have(const struct grant *g)
{
	return g->record.grant.present && !g->record.grant.discard &&
		text_equal(g->record.grant.binding, g->binding);
}

bool grant_unattended(const struct grant *g)
{
	return grant_flow_unattended(g->setup.flow);
}

bool grant_given_up(const struct grant *g)
{
	return grant_unattended(g) && g->record.given_up;
}

void grant_take_up(struct grant *g)
{
	if (!grant_given_up(g))
		return;
	g->record.given_up = false;
	g->record.fault = (struct fault){.kind = FAULT_NONE};
	g->dirty = true;
	grant_clear_fault(g);
}

bool grant_can_refresh(const struct grant *g)
{
	if (grant_given_up(g))
		return false;
	return grant_unattended(g) || (grant_have(g) && g->record.grant.token.refresh_token);
}

const char *grant_missing_scope(const struct grant *g, const struct names *granted)
{
	for (size_t i = 0; i < g->setup.required_scopes.n; i++)
		if (!scopes_grant(
			    &g->setup.scope_aliases, granted, g->setup.required_scopes.items[i]))
			return g->setup.required_scopes.items[i];
	return NULL;
}

uint64_t grant_end_of(const struct grant *g)
{
	const struct record_grant *rg = &g->record.grant;
	uint64_t end = rg->refresh_expires_usec, absolute;

	if (!grant_have(g) || grant_unattended(g))
		return 0;
	if (g->setup.absolute_lifetime_usec > 0) {
		absolute = usec_add(rg->approved_usec, g->setup.absolute_lifetime_usec);
		if (end == 0 || absolute < end)
			end = absolute;
	}
	return end;
}

uint64_t grant_held_remaining(const struct held *h, struct now now)
{
	return h->present ? usec_sub(h->expires_boot, now.boot_usec) : 0;
}

/* Less than the full skew for short lives, so that a minute's token serves at all, and always less
 * than the margin that it is refreshed with. */
static uint64_t held_skew(const struct held *h)
{
	uint64_t sixth = h->lifetime_usec / 6;

	return sixth < USABLE_SKEW ? sixth : USABLE_SKEW;
}

bool grant_in_order(const struct grant *g)
{
	struct fault why;

	return !grant_missing_scope(g, &g->held.token.scopes) && !grant_of_wrong_person(g, &why);
}

bool grant_usable(const struct grant *g, struct now now)
{
	return grant_held_remaining(&g->held, now) > held_skew(&g->held) && !g->held.refuted &&
		grant_in_order(g);
}

/* How long ago the token held was received. */
static uint64_t held_age(const struct held *h, struct now now)
{
	return usec_sub(h->lifetime_usec, grant_held_remaining(h, now));
}

/* The longest time without a refresh, 0 for any: what is configured, or two thirds of the time
 * after which the provider ends a grant that is not used, so that an outage of the last third ends
 * none.
 */
static uint64_t keepalive(const struct grant *g)
{
	const uint64_t own = g->setup.keepalive_usec, idle = g->setup.idle_lifetime_usec / 3 * 2;

	return own == 0 || (idle > 0 && idle < own) ? idle : own;
}

/* Will another token perhaps have what this one lacks, though no person does anything here? */
static bool lacks_scope(const struct grant *g)
{
	return grant_unattended(g) && grant_missing_scope(g, &g->held.token.scopes);
}

/* When to refresh: the margin (at most a fifth of the life) and up to half of it before the end, or
 * when the keep-alive is due, or a scope is missing. */
static void schedule_refresh(struct grant *g, struct now now)
{
	uint64_t left = grant_held_remaining(&g->held, now), margin = g->setup.margin_usec;
	uint64_t age = held_age(&g->held, now), longest = keepalive(g), in, retry;

	if (!grant_can_refresh(g)) {
		g->refresh_boot = USEC_NEVER;
		return;
	}
	if (margin > g->held.lifetime_usec / 5)
		margin = g->held.lifetime_usec / 5;
	in = usec_sub(left, usec_add(margin, grant_jitter(g, margin / 2)));
	if (longest > 0 && usec_sub(longest, age) < in)
		in = usec_sub(longest, age);
	if (lacks_scope(g)) {
		retry = grant_backoff(g, g->scope_attempts, SCOPE_RETRY_FIRST, SCOPE_RETRY_MAX);
		in = in < retry ? in : retry;
	}
	if (age < REFRESH_SPACING && in < REFRESH_SPACING - age)
		in = REFRESH_SPACING - age;
	g->refresh_boot = usec_add(now.boot_usec, in);
}

void grant_describe_held(struct grant *g, struct now now)
{
	const char *missing = grant_missing_scope(g, &g->held.token.scopes);
	struct fault f;

	if (g->held.present && grant_of_wrong_person(g, &f)) {
		grant_set_fault(g, &f, now);
		return;
	}
	if (!g->held.present || !missing)
		return;
	fault_set(&f, FAULT_MISSING_SCOPE,
		"the provider did not grant the required scope %s: allow it for this client, then log "
		"in again",
		missing);
	grant_set_fault(g, &f, now);
}

/* A token with no life left is no token: ask again, later each time. */
static void distrust_dead_token(struct grant *g, struct now now)
{
	struct fault f;

	if (!g->held.present || g->held.lifetime_usec > 0)
		return;
	fault_set(&f, FAULT_TRANSIENT, "the provider handed out a token that is already expired");
	g->refresh_boot = grant_can_refresh(g)
		? usec_add(now.boot_usec,
			  grant_backoff(g, g->refresh_attempts++, RETRY_FIRST, RETRY_MAX))
		: USEC_NEVER;
	grant_set_fault(g, &f, now);
}

/* A token has come, or has not: what waits for a refresh has its end, and so has a login where that
 * is what a login does. */
static void conclude_token(struct grant *g, bool approved, const struct fault *why)
{
	grant_conclude(g, GRANT_END_REFRESH, why);
	if (approved || grant_unattended(g))
		grant_conclude(g, GRANT_END_APPROVAL, why);
	if (approved)
		grant_conclude(g, GRANT_END_CONFIRMATION, why);
}

void grant_adopt(struct grant *g, struct now now)
{
	const struct fault *why;

	g->incoming.unchanged = g->held.present &&
		secret_equal(g->held.token.access_token, g->incoming.token.access_token);
	g->incoming.renewed = g->longer_wanted;
	g->longer_wanted = false;
	grant_held_done(&g->held);
	g->held = g->incoming;
	g->incoming = (struct held){.present = false};
	g->maybe_spent = false;
	grant_clear_fault(g);
	schedule_refresh(g, now);
	g->scope_attempts = lacks_scope(g) ? g->scope_attempts + 1 : 0;
	if (g->held.lifetime_usec > 0)
		g->refresh_attempts = 0;
	distrust_dead_token(g, now);
	grant_describe_held(g, now);
	why = g->fault.kind == FAULT_NONE ? NULL : &g->fault;
	conclude_token(g, g->held.approved, why);
	grant_describe_check(g, now);
}

/* The grant is over, by the provider's word or because nothing of it can be used any more. */
static void end_grant(struct grant *g, const struct fault *f, struct now now)
{
	record_grant_done(&g->record.grant);
	grant_held_done(&g->held);
	grant_held_done(&g->incoming);
	g->refresh_boot = USEC_NEVER;
	g->maybe_spent = false;
	g->intent_stored = false;
	grant_record_fault(g, f, now);
}

void grant_refresh_failed(struct grant *g, const struct verdict *v, struct now now)
{
	struct fault f = v->fault;

	if (v->kind == REPLY_INVALID_GRANT && !grant_unattended(g)) {
		if (g->maybe_spent)
			fault_set(&f, FAULT_REVOKED,
				"the refresh token may have been used by a lost reply: log in again "
				"(%s)",
				v->fault.detail);
		else
			fault_set(&f, FAULT_REVOKED, "%s", v->fault.detail);
		end_grant(g, &f, now);
		grant_conclude(g, GRANT_END_REFRESH, &f);
		return;
	}
	if (v->kind == REPLY_INVALID_GRANT)
		f.kind =
			FAULT_MISCONFIGURED; /* no person gave it, so no person can give it again */
	/* What is a word about an approval is none about a refresh. */
	if (!fault_meaning(f.kind)->retried && f.kind != FAULT_MISCONFIGURED)
		f.kind = FAULT_PROTOCOL;
	g->maybe_spent |= v->lost;
	if (f.kind == FAULT_MISCONFIGURED) {
		g->refresh_boot = USEC_NEVER;
	} else {
		g->refresh_boot = usec_add(now.boot_usec,
			grant_backoff(g, g->refresh_attempts++, RETRY_FIRST, RETRY_MAX));
		grant_obey_retry_after(g, v->retry_after_usec, now);
	}
	grant_set_fault(g, &f, now);
	conclude_token(g, false, &f);
}

/* What a refresh reply leaves out stays as it was (RFC 6749 §6). */
static int complete_token(struct token *t, const struct token *before, const struct names *asked)
{
	const struct names *scopes = before ? &before->scopes : asked;
	const struct json *member = NULL;

	if (!t->scope_given && names_copy(scopes, &t->scopes) < 0)
		return -ENOMEM;
	if (!before)
		return 0;
	secret_free(t->id_token); /* that of the approval is the one that counts */
	t->id_token = secret_copy(before->id_token);
	if (!t->id_token != !before->id_token)
		return -ENOMEM;
	if (!t->refresh_token && before->refresh_token) {
		t->refresh_token = secret_copy(before->refresh_token);
		if (!t->refresh_token)
			return -ENOMEM;
	}
	while (before->extra && (member = json_next(before->extra, member)))
		if (!json_get(t->extra, json_key(member)) &&
			json_add(t->extra, json_key(member), json_copy(member)) < 0)
			return -ENOMEM;
	return 0;
}

/* A refresh that is repeated in a provider's period of grace may be answered with the refresh token
 * that was replaced before: the one we have is newer. */
static void refuse_retired(const struct grant *g, struct token *t)
{
	if (g->retired && secret_equal(t->refresh_token, g->retired))
		t->refresh_token = secret_free(t->refresh_token);
}

uint64_t grant_token_lifetime(const struct grant *g, const struct token *t)
{
	return t->lifetime_given ? t->lifetime_usec : g->setup.assume_lifetime_usec;
}

/* A copy of @t that is to be handed out. */
static int copy_held(const struct grant *g, const struct token *t, struct held *ret, struct now now)
{
	struct held held = {.present = true, .lifetime_usec = grant_token_lifetime(g, t)};

	if (token_copy(t, &held.token) < 0)
		return -ENOMEM;
	held.expires_boot = usec_add(now.boot_usec, held.lifetime_usec);
	held.expires_wall = usec_add(now.wall_usec, held.lifetime_usec);
	*ret = held;
	return 0;
}

int grant_fill(struct grant *g, struct record_grant *rg, struct token *t, bool before,
	struct held *ret_held, struct now now)
{
	const struct token *kept = before ? &rg->token : NULL;
	_cleanup_(mem_freep) char *binding = mem_strdup(g->binding);
	bool rotated;

	if (before)
		refuse_retired(g, t);
	if (!binding || complete_token(t, kept, &g->setup.scopes) < 0)
		return -ENOMEM;
	if (grant_unattended(
		    g)) /* RFC 6749 §4.4.3 wants none, and there is nothing to keep it for */
		t->refresh_token = secret_free(t->refresh_token);
	if (ret_held && copy_held(g, t, ret_held, now) < 0)
		return -ENOMEM;
	rotated = before && !secret_equal(kept->refresh_token, t->refresh_token);
	if (rotated) {
		secret_free(g->retired);
		g->retired = steal(rg->token.refresh_token);
	}
	if (t->refresh_lifetime_usec > 0)
		rg->refresh_expires_usec = usec_add(now.wall_usec, t->refresh_lifetime_usec);
	else if (!before || rotated)
		rg->refresh_expires_usec = 0;

	token_done(&rg->token);
	rg->token = *t;
	*t = (struct token){0};
	mem_free(rg->binding);
	rg->binding = steal(binding);
	rg->present = true;
	rg->obtained_usec = now.wall_usec;
	rg->expires_usec = usec_add(now.wall_usec, grant_token_lifetime(g, &rg->token));
	rg->refresh_sent = false;
	/* Until a refresh has shown otherwise, a refresh token is taken to be good for one use. */
	rg->rotates = !before || rotated;
	if (!before)
		rg->approved_usec = now.wall_usec;
	return 0;
}

int grant_take_token(struct grant *g, struct token *t, bool approved, struct now now)
{
	const bool before = !approved && !grant_unattended(g);
	struct held incoming = {.present = false};

	t->id_token = secret_free(t->id_token); /* was looked at, or nobody wants to know */
	if (grant_fill(g, &g->record.grant, t, before, &incoming, now) < 0)
		return -ENOMEM;
	if (!before)
		identity_done(&g->record.identity);
	incoming.approved = approved;
	grant_held_done(&g->incoming);
	g->incoming = incoming;
	g->record.given_up = false;
	g->record.fault = (struct fault){.kind = FAULT_NONE};
	g->record.not_before_usec = 0;
	g->intent_stored = false;
	g->dirty = true;
	return 0;
}

void grant_refuse_held(struct grant *g, const struct identity *other, struct now now)
{
	char who[IDENTITY_TEXT_MAX], before[IDENTITY_TEXT_MAX];
	struct fault f;

	identity_describe(other, who);
	identity_describe(&g->record.identity, before);
	fault_set(&f, FAULT_WRONG_IDENTITY,
		"a refresh brought a token of %.100s, and the grant was given by %.100s: it is given "
		"back, log in again",
		who, before);
	grant_held_done(&g->held);
	g->refresh_boot = USEC_NEVER;
	g->maybe_spent = false;
	g->intent_stored = false;
	grant_begin_discard(g, &g->record.grant, now);
	grant_decide(g, GRANT_REFUSED, other);
	grant_record_fault(g, &f, now);
	grant_conclude(g, GRANT_END_REFRESH, &f);
}

void grant_give_up(struct grant *g, struct now now)
{
	struct fault f;

	grant_drop_approval(g);
	g->login_boot = USEC_NEVER;
	g->revoke_wanted = false;
	g->record.renewals = 0;
	g->record.given_up = grant_unattended(g);
	record_candidate_done(&g->record.candidate);
	grant_check_done(&g->check);
	identity_done(&g->record.identity);
	fault_set(&f, FAULT_NEEDS_APPROVAL,
		"the grant was given up by an operator: log in for another");
	end_grant(g, &f, now);
	g->forgetting = true;
}

void grant_revoke_reply(struct grant *g, const struct exchange_reply *reply, struct now now)
{
	struct verdict v = {.kind = REPLY_OK};

	if (reply_revocation(reply, now, &v) < 0) {
		v.kind = REPLY_TRANSIENT;
		fault_set(&v.fault, FAULT_INTERNAL, "out of memory");
	}
	if (v.kind == REPLY_OK)
		grant_give_up(g, now);
	else
		grant_fail_task(g, TASK_REVOKE, &v, now);
}

bool grant_wants_introspection(const struct grant *g)
{
	/* RFC 7662 §2.1 has the client authenticate: without that, what was only discovered is not
	 * asked. */
	bool asked = g->setup.client.auth != CLIENT_AUTH_NONE || g->setup.endpoints.introspection;

	return grant_have(g) && g->held.present && !g->held.refuted &&
		!g->record.grant.token.lifetime_given && asked &&
		grant_endpoint(g, TASK_INTROSPECT);
}

/* The token is asked about once: where the answer is of no use, what is assumed of its life holds.
 */
void grant_introspection_reply(struct grant *g, const struct exchange_reply *reply, struct now now)
{
	struct record_grant *rg = &g->record.grant;
	uint64_t left = grant_held_remaining(&g->held, now);

	grant_obey_retry_after(g, reply_retry_after(reply, now), now);
	/* Without memory it is not told either. */
	if (reply_introspection(reply, now, &left) > 0) {
		g->held.expires_boot = usec_add(now.boot_usec, left);
		g->held.expires_wall = usec_add(now.wall_usec, left);
		rg->expires_usec = g->held.expires_wall;
		g->held.lifetime_usec = usec_sub(rg->expires_usec, rg->obtained_usec);
		if (g->refresh_attempts == 0)
			schedule_refresh(g, now);
	}
	rg->token.lifetime_given = true;
	rg->token.lifetime_usec = g->held.lifetime_usec;
	g->dirty = true;
}

bool grant_end_unrefreshable(struct grant *g, struct now now)
{
	struct fault f;

	if (!grant_have(g) || grant_can_refresh(g) || !g->held.present || g->held.doubted ||
		grant_held_remaining(&g->held, now) > 0)
		return false;
	fault_set(&f, FAULT_NEEDS_APPROVAL,
		"the access token expired and the provider gave no refresh token (many need the scope "
		"offline_access for one)");
	end_grant(g, &f, now);
	return true;
}

void grant_watch_usability(struct grant *g, struct now now)
{
	uint64_t end = usec_sub(g->held.expires_boot, held_skew(&g->held));

	if (!g->held.present)
		return;
	if (end <= now.boot_usec)
		end = g->held.expires_boot;
	if (end > now.boot_usec && end < g->deadline)
		g->deadline = end;
}

static void describe_doubt(struct grant *g, struct now now)
{
	struct fault f;

	if (!g->held.doubted)
		return;
	fault_set(&f, FAULT_TRANSIENT,
		"the clock stands before the token was received, so its age can't be told: set the "
		"clock");
	grant_set_fault(g, &f, now);
}

/* The token of the record, aged by the wall clock; one whose age can't be told is taken to be dead
 * for now.
 */
static int load_held(struct grant *g, struct now now)
{
	const struct record_grant *rg = &g->record.grant;
	uint64_t life = usec_sub(rg->expires_usec, rg->obtained_usec);
	uint64_t left = usec_sub(rg->expires_usec, now.wall_usec);
	struct held held = {
		.present = true,
		.lifetime_usec = life,
		.refuted = g->held.refuted,
	};

	if (token_copy(&rg->token, &held.token) < 0)
		return -ENOMEM;
	if (left > life)
		left = life;
	held.doubted = usec_add(now.wall_usec, CLOCK_DOUBT) < rg->obtained_usec;
	if (held.doubted)
		left = 0;
	held.expires_boot = usec_add(now.boot_usec, left);
	held.expires_wall = usec_add(now.wall_usec, left);
	grant_held_done(&g->held);
	g->held = held;
	return 0;
}

/* Where nobody approves, another token is had for the asking, and shows whose it is. */
static void renew_unproved(struct grant *g, struct now now)
{
	struct fault why;

	if (grant_unattended(g) && grant_of_wrong_person(g, &why))
		g->refresh_boot = now.boot_usec;
}

void grant_resume_grant(struct grant *g, struct now now)
{
	struct fault f;

	if (!grant_have(g)) {
		grant_held_done(&g->held);
		g->refresh_boot = grant_can_refresh(g) ? now.boot_usec : USEC_NEVER;
		if (grant_given_up(g))
			grant_set_fault(g, &g->record.fault, now);
		if (g->record.grant.present && !g->record.grant.discard && !grant_unattended(g)) {
			fault_set(&f, FAULT_NEEDS_APPROVAL,
				"provider, client_id, resource or scopes have changed since the grant was given: it is "
				"kept but not used");
			grant_set_fault(g, &f, now);
		}
		return;
	}
	g->refresh_attempts = 0;
	if (!g->held.present && load_held(g, now) < 0) {
		grant_fail_internal(g, now);
		g->refresh_boot = usec_add(now.boot_usec, RETRY_FIRST);
		return;
	}
	schedule_refresh(g, now);
	/* After a lost reply, the sooner the likelier a grace period still holds. */
	if (grant_can_refresh(g) && g->maybe_spent)
		g->refresh_boot = now.boot_usec;
	renew_unproved(g, now);
	describe_doubt(g, now);
	grant_describe_held(g, now);
}

void grant_review_token(struct grant *g, struct now now)
{
	bool due = g->refresh_boot <= now.boot_usec;

	if (g->fault.kind == FAULT_MISCONFIGURED || g->fault.kind == FAULT_MISSING_SCOPE ||
		(g->fault.kind == FAULT_WRONG_IDENTITY && grant_have(g)))
		grant_clear_fault(g);
	if (!g->held.present) {
		if (grant_unattended(g) && grant_can_refresh(g))
			g->refresh_boot = now.boot_usec;
		return;
	}
	if (g->refresh_boot == USEC_NEVER || (!due && g->refresh_attempts == 0))
		schedule_refresh(g, now);
	renew_unproved(g, now);
	grant_describe_held(g, now);
}

static void follow_held(struct held *h, struct now now)
{
	if (h->present)
		h->expires_wall = usec_add(now.wall_usec, grant_held_remaining(h, now));
}

static void follow_candidate(struct grant *g, struct now now)
{
	struct record_grant *c = &g->record.candidate.grant;

	if (!grant_candidate(g))
		return;
	c->expires_usec = usec_add(now.wall_usec, usec_sub(g->check.expires_boot, now.boot_usec));
	c->obtained_usec = usec_sub(c->expires_usec, grant_token_lifetime(g, &c->token));
	g->dirty = true;
}

static void follow_token(struct grant *g, struct now now)
{
	const struct held *newest = g->incoming.present ? &g->incoming : &g->held;

	if (g->held.doubted && !g->incoming.present) {
		if (load_held(g, now) == 0 && g->refresh_attempts == 0) {
			grant_clear_fault(g);
			schedule_refresh(g, now);
			grant_describe_held(g, now);
		}
		return;
	}
	follow_held(&g->held, now);
	follow_held(&g->incoming, now);
	if (!newest->present)
		return;
	g->record.grant.expires_usec = newest->expires_wall;
	g->record.grant.obtained_usec = usec_sub(newest->expires_wall, newest->lifetime_usec);
	g->dirty = true;
}

/* A clock that is wrong makes assertions that are refused; once it is right there is more to hope
 * for. */
static void retry_assertion(struct grant *g, struct now now)
{
	if (g->fault.kind != FAULT_MISCONFIGURED || !grant_signs(g))
		return;
	if (grant_can_refresh(g) && g->refresh_boot == USEC_NEVER)
		g->refresh_boot = now.boot_usec;
	grant_retry_login(g, now);
}

void grant_follow_clock(struct grant *g, struct now now)
{
	int64_t before = (int64_t)(g->seen.wall_usec - g->seen.boot_usec);
	int64_t after = (int64_t)(now.wall_usec - now.boot_usec);
	int64_t moved = after - before;

	if (moved > -(int64_t)CLOCK_STEP && moved < (int64_t)CLOCK_STEP)
		return;
	g->seen = now;
	if (g->record.approval.present && !grant_awaits_paste(g)) {
		g->record.approval.expires_usec =
			usec_add(now.wall_usec, usec_sub(g->approval_expires_boot, now.boot_usec));
		g->dirty = true;
	}
	follow_candidate(g, now);
	follow_token(g, now);
	if (moved <= -(int64_t)ASSERTION_STEP || moved >= (int64_t)ASSERTION_STEP)
		retry_assertion(g, now);
}
