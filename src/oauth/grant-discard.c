/* SPDX-License-Identifier: BSD-2-Clause */

/* What is of the wrong person is given back: RFC 7009. */

#include <string.h>

#include "base/text.h"
#include "oauth/grant-state.h"

/* So often the provider is told, which takes a little over a minute: then what nobody can use any
 * more is erased all the same, and the log says what is still alive there. */
#define DISCARD_TRIES 5

static struct record_grant *discarded(struct grant *g)
{
	if (g->record.candidate.grant.present && g->record.candidate.grant.discard)
		return &g->record.candidate.grant;
	if (g->record.grant.present && g->record.grant.discard)
		return &g->record.grant;
	return NULL;
}

bool grant_discarding(const struct grant *g)
{
	return grant_discarded(g) != NULL;
}

const struct token *grant_discarded(const struct grant *g)
{
	if (g->record.candidate.grant.present && g->record.candidate.grant.discard)
		return &g->record.candidate.grant.token;
	if (g->record.grant.present && g->record.grant.discard)
		return &g->record.grant.token;
	return NULL;
}

void grant_decide(struct grant *g, enum grant_decision decision, const struct identity *who)
{
	g->decided.count++;
	g->decided.decision = decision;
	identity_describe(who, g->decided.who);
}

void grant_begin_discard(struct grant *g, struct record_grant *rg, struct now now)
{
	rg->discard = true;
	g->discard_boot = now.boot_usec;
	g->discards = 0;
	g->dirty = true;
}

/* It was given back, or @why it could not be. */
static void discard_over(struct grant *g, const struct fault *why)
{
	struct record_grant *rg = discarded(g);

	if (rg == &g->record.grant)
		record_grant_done(rg);
	else
		record_candidate_done(&g->record.candidate);
	g->dirty = true;
	if (why) {
		g->decided.count++; /* about the same person */
		g->decided.decision = GRANT_UNREVOKED;
	}
	grant_conclude(g, GRANT_END_CONFIRMATION, why);
}

void grant_discard(struct grant *g, struct now now)
{
	const struct record_grant *what = discarded(g);
	struct fault f;

	if (what && text_equal(what->binding, g->binding)) {
		grant_begin(g, TASK_DISCARD, now);
		return;
	}
	fault_set(&f, FAULT_MISCONFIGURED,
		"it is of another provider, client_id or scopes than configured now: revoke it at the "
		"provider by hand");
	discard_over(g, &f);
}

void grant_hurry_discard(struct grant *g, struct now now)
{
	if (!grant_discarding(g))
		return;
	g->discard_boot = now.boot_usec;
	g->discards = DISCARD_TRIES - 1;
}

void grant_discard_failed(struct grant *g, const struct verdict *v, struct now now)
{
	struct fault f;

	if (fault_meaning(v->fault.kind)->retried && v->kind != REPLY_BROKEN &&
		++g->discards < DISCARD_TRIES) {
		g->discard_boot = usec_add(
			now.boot_usec, grant_backoff(g, g->discards - 1, RETRY_FIRST, RETRY_MAX));
		grant_obey_retry_after(g, v->retry_after_usec, now);
		return;
	}
	fault_set(&f, v->fault.kind,
		"erased here, but it could not be given back: revoke it at the provider by hand (%s)",
		v->fault.detail);
	discard_over(g, &f);
}

void grant_discard_reply(struct grant *g, const struct exchange_reply *reply, struct now now)
{
	struct verdict v = {.kind = REPLY_OK};

	if (reply_revocation(reply, now, &v) < 0) {
		v.kind = REPLY_TRANSIENT;
		fault_set(&v.fault, FAULT_INTERNAL, "out of memory");
	}
	if (v.kind == REPLY_OK)
		discard_over(g, NULL);
	else
		grant_discard_failed(g, &v, now);
}
