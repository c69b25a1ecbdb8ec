/* SPDX-License-Identifier: BSD-2-Clause */

/* A person approves: the device flow, RFC 8628. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/grant-state.h"
#include "oauth/quirks.h"

/* Polls without an answer double the pause (RFC 8628 §3.5) up to this. */
#define POLL_PAUSE_MAX (2 * USEC_PER_MIN)
/* slow_down adds this for good (RFC 8628 §3.5). */
#define SLOW_DOWN_STEP (5 * USEC_PER_S)

/* Codes that expired are renewed without anyone asking: at once, then after these pauses. */
static const uint64_t renewal_pause[] = {0, 15 * USEC_PER_MIN, 1 * USEC_PER_HOUR};

void grant_drop_approval(struct grant *g)
{
	struct record_approval *a = &g->record.approval;

	device_authorization_done(&a->device);
	a->verifier = secret_free(a->verifier);
	a->nonce = secret_free(a->nonce);
	a->state = secret_free(a->state);
	a->redirect_uri = mem_free(a->redirect_uri);
	g->code = secret_free(g->code);
	a->binding = mem_free(a->binding);
	*a = (struct record_approval){.present = false};
	g->approval_stored = false;
	g->poll_failures = 0;
	g->dirty = true;
}

static void end_approval(struct grant *g, const struct fault *f, struct now now)
{
	grant_drop_approval(g);
	grant_record_fault(g, f, now);
	grant_conclude(g, GRANT_END_APPROVAL, f);
}

void grant_want_login(struct grant *g, uint64_t boot_usec, bool renewing)
{
	g->login_boot = boot_usec;
	g->renewing = renewing;
	g->login_attempts = 0;
}

/* When the code that expired at @since (wall) is renewed by ourselves; never when that was done
 * often enough. */
static void schedule_renewal(struct grant *g, uint64_t since_wall, struct now now)
{
	uint64_t due;

	if (g->record.renewals >= ELEMENTS(renewal_pause))
		return;
	due = usec_add(since_wall, renewal_pause[g->record.renewals]);
	/* A clock that was set back must not make the pause longer than it is. */
	due = usec_sub(due, now.wall_usec);
	if (due > renewal_pause[g->record.renewals])
		due = renewal_pause[g->record.renewals];
	grant_want_login(g, usec_add(now.boot_usec, due), true);
}

void grant_expire_approval(struct grant *g, struct now now)
{
	bool renewed = g->record.renewals < ELEMENTS(renewal_pause);
	struct fault f;

	fault_set(&f, FAULT_EXPIRED_CODE, "the code expired before its approval arrived%s; %s",
		g->record.approval.lost ? ", or a lost reply has used it" : "",
		renewed ? "a new one is asked for by itself" : "log in for a new one");
	end_approval(g, &f, now);
	g->fault_since_wall = now.wall_usec;
	g->record.fault_since_usec = now.wall_usec;
	schedule_renewal(g, now.wall_usec, now);
}

/* For a provider that counts from another moment than we do. */
#define POLL_LATENESS (1 * USEC_PER_S)

uint64_t grant_poll_interval(const struct grant *g)
{
	const uint64_t interval = g->record.approval.device.interval_usec;

	return g->setup.client.quirks & QUIRK_POLL_LATE ? interval + POLL_LATENESS : interval;
}

void grant_schedule_poll(struct grant *g, uint64_t pause, struct now now)
{
	uint64_t interval = grant_poll_interval(g);
	uint64_t soonest = usec_add(now.boot_usec, interval);
	uint64_t next = usec_add(now.boot_usec, pause > interval ? pause : interval);

	if (next > g->approval_expires_boot)
		next = soonest > g->approval_expires_boot ? soonest : g->approval_expires_boot;
	g->poll_boot = next;
}

uint64_t grant_approval_end(const struct grant *g)
{
	return usec_add(g->approval_expires_boot, grant_poll_interval(g));
}

void grant_login_failed(struct grant *g, const struct verdict *v, struct now now)
{
	if (v->kind == REPLY_MISCONFIGURED || v->kind == REPLY_INVALID_GRANT ||
		v->kind == REPLY_DENIED) {
		struct fault f = v->fault;

		f.kind = FAULT_MISCONFIGURED; /* no code was asked of anyone yet: it is the client
		                                 that is refused */
		g->login_boot = USEC_NEVER;
		grant_set_fault(g, &f, now);
		grant_conclude(g, GRANT_END_APPROVAL, &f);
		return;
	}
	grant_obey_retry_after(g, v->retry_after_usec, now);
	if (grant_have(g) && !g->renewing) { /* who asked is told, and may ask again */
		g->login_boot = USEC_NEVER;
		grant_conclude(g, GRANT_END_APPROVAL, &v->fault);
		return;
	}
	g->login_boot = usec_add(
		now.boot_usec, grant_backoff(g, g->login_attempts++, RETRY_FIRST, RETRY_MAX));
	grant_set_fault(g, &v->fault, now);
	grant_conclude(g, GRANT_END_APPROVAL, &v->fault);
}

/* The provider will not take the device code any more, for whatever reason it gave. */
static void poll_ended(struct grant *g, const struct verdict *v, struct now now)
{
	struct fault f = v->fault;

	if (g->record.approval.lost && v->kind != REPLY_MISCONFIGURED)
		fault_set(&f, FAULT_NEEDS_APPROVAL,
			"the approval may have been used by a lost reply: log in again (%s)",
			v->fault.detail);
	else if (v->kind == REPLY_DENIED)
		fault_set(&f, FAULT_DENIED, "the approval was denied");
	else if (v->kind == REPLY_INVALID_GRANT)
		fault_set(&f, FAULT_NEEDS_APPROVAL,
			"the provider does not know the code any more (%s)", v->fault.detail);
	end_approval(g, &f, now);
}

/* May the code have been used up by a reply that never came? Remembered across a restart. */
static void note_lost(struct grant *g, bool lost)
{
	g->dirty |= g->record.approval.lost != lost;
	g->record.approval.lost = lost;
}

/* No verdict on the approval: it goes on, more slowly (RFC 8628 §3.5). */
static void poll_unanswered(struct grant *g, const struct verdict *v, struct now now)
{
	uint64_t pause = g->record.approval.device.interval_usec;

	if (v->lost)
		note_lost(g, true);
	for (unsigned i = 0; i <= g->poll_failures && pause < POLL_PAUSE_MAX; i++)
		pause *= 2;
	g->poll_failures++;
	grant_obey_retry_after(g, v->retry_after_usec, now);
	grant_schedule_poll(g, pause, now);
	grant_set_fault(g, &v->fault, now);
}

void grant_poll_failed(struct grant *g, const struct verdict *v, struct now now)
{
	bool last = now.boot_usec >= g->approval_expires_boot;

	switch (v->kind) {
	case REPLY_SLOW_DOWN:
		g->record.approval.device.interval_usec += SLOW_DOWN_STEP;
		g->dirty = true;
		__attribute__((fallthrough));
	case REPLY_PENDING:
		g->poll_failures = 0;
		note_lost(g, false); /* what is pending was not used up by a lost reply */
		if (fault_meaning(g->fault.kind)->retried)
			grant_clear_fault(g);
		grant_schedule_poll(g, 0, now);
		break;
	case REPLY_DENIED:
	case REPLY_INVALID_GRANT:
	case REPLY_MISCONFIGURED:
		poll_ended(g, v, now);
		return;
	case REPLY_EXPIRED:
		grant_expire_approval(g, now);
		return;
	case REPLY_OK:
	case REPLY_TRANSIENT:
	case REPLY_THROTTLED:
	case REPLY_PROVIDER_DOWN:
	case REPLY_BROKEN:
		poll_unanswered(g, v, now);
		break;
	}
	if (last)
		grant_expire_approval(g, now);
}

void grant_announce(struct grant *g)
{
	g->record.renewals = g->renewing ? g->record.renewals + 1 : 0;
	if (g->renewing) {
		g->fault = g->record.fault; /* not what stood in the way of the renewal */
	} else {
		g->record.fault = (struct fault){.kind = FAULT_NONE};
		/* While another grant is kept unused, the fault tells why. */
		if (!g->record.grant.present || grant_have(g))
			grant_clear_fault(g);
	}
	g->login_boot = USEC_NEVER;
	g->login_attempts = 0;
	g->dirty = true;
}

/* Take a code to show: it is stored first. */
static int take_device(struct grant *g, struct device_authorization *device, struct now now)
{
	struct record_approval *a = &g->record.approval;
	char *binding = mem_strdup(g->binding);

	if (!binding)
		return -ENOMEM;
	grant_drop_approval(g);
	a->present = true;
	a->binding = binding;
	a->device = *device;
	*device = (struct device_authorization){0};
	a->verifier = steal(g->verifier);
	a->nonce = steal(g->nonce);
	a->expires_usec = usec_add(now.wall_usec, a->device.lifetime_usec);
	g->approval_expires_boot = usec_add(now.boot_usec, a->device.lifetime_usec);
	grant_schedule_poll(g, 0, now);
	grant_announce(g);
	return 0;
}

void grant_device_reply(struct grant *g, const struct exchange_reply *reply, struct now now)
{
	struct device_authorization device = {0};
	struct verdict v = {.kind = REPLY_OK};
	int r;

	r = reply_device_authorization(reply, now, &device, &v);
	if (r == 0 && v.kind == REPLY_OK)
		r = take_device(g, &device, now);
	device_authorization_done(&device);
	if (r < 0) {
		v.kind = REPLY_TRANSIENT;
		fault_set(&v.fault, FAULT_INTERNAL, "out of memory");
	}
	if (v.kind != REPLY_OK)
		grant_fail_task(g, TASK_DEVICE, &v, now);
}

/* A new approval without a scope that the present, usable grant has would be a step back: it is not
 * taken. */
static bool refuse_worse_token(struct grant *g, const struct token *t, struct now now)
{
	const char *missing = t->scope_given ? grant_missing_scope(g, &t->scopes) : NULL;
	struct fault f;

	if (!missing || !grant_usable(g, now))
		return false;
	fault_set(&f, FAULT_MISSING_SCOPE,
		"the new approval lacks the required scope %s: the grant held before stays in use; allow "
		"the scope for this client, then log in again",
		missing);
	end_approval(g, &f, now);
	return true;
}

int grant_take_approved(struct grant *g, struct token *t, struct now now)
{
	int r;

	if (refuse_worse_token(g, t, now))
		return 0;
	if (grant_checks(g))
		r = grant_hold_token(g, t, now);
	else
		r = grant_take_token(g, t, true, now);
	if (r < 0)
		return r;
	grant_drop_approval(g);
	g->record.renewals = 0;
	return 0;
}

/* 32 random bytes in base64url, in place of *ret. 0, -ENOMEM. */
static int draw_secret(struct grant *g, struct secret **ret)
{
	uint8_t random[32];
	struct secret *drawn = NULL;
	int r;

	r = grant_draw(g, random);
	if (r == 0)
		r = pkce_verifier(random, &drawn);
	mem_wipe(random, sizeof(random));
	if (r < 0)
		return r;
	secret_free(*ret);
	*ret = drawn;
	return 0;
}

int grant_prepare_verifier(struct grant *g)
{
	int r;

	r = draw_secret(g, &g->verifier);
	g->nonce = secret_free(g->nonce);
	if (r == 0 && names_have(&g->setup.scopes, "openid"))
		r = draw_secret(g, &g->nonce);
	return r;
}

void grant_retry_login(struct grant *g, struct now now)
{
	if (g->fault.kind == FAULT_MISCONFIGURED && !grant_have(g) && !g->record.approval.present &&
		!grant_candidate(g) && !grant_unattended(g))
		grant_want_login(g, now.boot_usec, false);
}

void grant_resume_login(struct grant *g, struct now now)
{
	const struct fault *f = &g->record.fault;

	g->login_boot = USEC_NEVER;
	if (g->record.approval.present || grant_have(g) || grant_candidate(g) ||
		grant_unattended(g))
		return;
	if (f->kind != FAULT_NONE && g->fault.kind == FAULT_NONE) {
		g->fault = *f;
		g->fault_since_wall = g->record.fault_since_usec;
		g->fault_attempts = g->record.renewals + 1;
	}
	if (f->kind == FAULT_EXPIRED_CODE)
		schedule_renewal(g, g->record.fault_since_usec, now);
	else if (f->kind != FAULT_DENIED && f->kind != FAULT_WRONG_IDENTITY)
		grant_want_login(g, now.boot_usec, false);
}
