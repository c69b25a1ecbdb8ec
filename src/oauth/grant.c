/* SPDX-License-Identifier: BSD-2-Clause */

/* The life of one grant: RFC 6749 (refresh), RFC 8628 (device flow), RFC 7009 (revocation), with
 * discovery by RFC 8414.
 *
 * Three things may be due: an approval (login), a refresh, a revocation. step() begins the first
 * that is, one at a time; each has its own due time on the boot clock, and a failure only moves
 * that time. What is to be on disk goes first. The state that people see is derived, in
 * derive_state(). */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/grant-state.h"
#include "oauth/quirks.h"

/* A disk that is full may have room again any moment, and an unwritten token is at stake. */
#define STORE_RETRY_FIRST (1 * USEC_PER_S)
#define STORE_RETRY_MAX   USEC_PER_MIN
/* However often programs ask for a longer life, the provider is not asked more often than this. */
#define RENEW_SPACING (10 * USEC_PER_S)
/* A token that programs refuse again and again is not what is wrong, and a provider counts. */
#define REPORT_SPACING (30 * USEC_PER_S)

static const char throttled_text[] = "the provider asked to wait before the next request";

static const char *const state_names[_GRANT_STATE_MAX] = {
	[GRANT_NEEDS_APPROVAL] = "needs_approval",
	[GRANT_AWAITING_APPROVAL] = "awaiting_approval",
	[GRANT_AUTHORIZING] = "authorizing",
	[GRANT_STORING] = "storing",
	[GRANT_CONFIRMING] = "confirming",
	[GRANT_READY] = "ready",
	[GRANT_REFRESHING] = "refreshing",
	[GRANT_DEGRADED] = "degraded",
};

const char *grant_state_to_string(enum grant_state state)
{
	return state_names[state];
}

/* Where hints look for an error of @task. */
static enum hint_at place_of(enum task task)
{
	switch (task) {
	case TASK_DEVICE:
		return HINT_DEVICE;
	case TASK_POLL:
		return HINT_POLL;
	case TASK_CODE:
		return HINT_CODE;
	case TASK_REFRESH:
	case TASK_CANDIDATE:
		return HINT_TOKEN;
	case TASK_IDENTITY:
		return HINT_IDENTITY;
	case TASK_KEYS:
	case TASK_DISCARD:
	case TASK_REVOKE:
	case TASK_INTROSPECT:
	case TASK_AUTHORIZE:
	case TASK_METADATA:
	case TASK_NONE:
		break;
	}
	return HINT_ANYWHERE;
}

/* What an assertion is refused for besides its key, where the provider's words may be misleading.
 */
static void explain_assertion(const struct grant *g, enum task task, struct verdict *v)
{
	const struct fault f = v->fault;

	if (g->setup.flow == GRANT_FLOW_JWT_BEARER && task == TASK_REFRESH &&
		v->kind == REPLY_INVALID_GRANT)
		fault_set(&v->fault, f.kind,
			"%s; check the clock, assertion.audience and assertion.subject, that the "
			"provider has the public key, and that it was told to allow this client",
			f.detail);
	else if (g->setup.client.auth == CLIENT_AUTH_KEY && text_equal(v->error, "invalid_client"))
		fault_set(&v->fault, f.kind,
			"%s; and the clock, client_auth_audience, and that the provider has the "
			"public key",
			f.detail);
}

void grant_fail_task(struct grant *g, enum task task, const struct verdict *verdict, struct now now)
{
	struct verdict told = *verdict;
	const struct verdict *v = &told;

	/* The profile knows better what to do, where it knows. */
	if (!hints_apply(&g->setup.hints, place_of(task), &told))
		explain_assertion(g, task, &told);
	g->metadata_doubted |= v->kind == REPLY_PROVIDER_DOWN || v->kind == REPLY_BROKEN;
	switch (task) {
	case TASK_DEVICE:
	case TASK_AUTHORIZE:
		grant_login_failed(g, v, now);
		break;
	case TASK_CODE:
		grant_code_failed(g, v, now);
		break;
	case TASK_POLL:
		grant_poll_failed(g, v, now);
		break;
	case TASK_REFRESH:
		grant_refresh_failed(g, v, now);
		break;
	case TASK_REVOKE:
		g->revoke_wanted = false;
		grant_conclude(g, GRANT_END_REVOCATION, &v->fault);
		break;
	case TASK_KEYS:
	case TASK_IDENTITY:
	case TASK_CANDIDATE:
		grant_check_failed(g, task, v, now);
		break;
	case TASK_DISCARD:
		grant_discard_failed(g, v, now);
		break;
	case TASK_INTROSPECT:
	case TASK_METADATA:
	case TASK_NONE:
		break;
	}
}

/* A new token without a person's doing, or another one of the same grant. 0, -ENOMEM. */
static int take_refreshed(struct grant *g, struct token *t, struct now now)
{
	int r;

	if (grant_unattended(g) && grant_checks(g))
		return grant_hold_token(g, t, now);
	r = grant_refuse_refreshed(g, t, now);
	if (r != 0)
		return r < 0 ? r : 0;
	return grant_take_token(g, t, false, now);
}

static int take_token(struct grant *g, enum task task, struct token *t, struct now now)
{
	if (task == TASK_REFRESH)
		return take_refreshed(g, t, now);
	if (task == TASK_CANDIDATE)
		return grant_hold_refreshed(g, t, now);
	return grant_take_approved(g, t, now);
}

/* A form was refused: may the same in the address be taken? Each time a form is tried first, until
 * the other one has worked. */
static bool try_query(
	struct grant *g, enum task task, const struct exchange_reply *reply, struct now now)
{
	bool refused = reply->outcome == EXCHANGE_REPLIED && !reply->retry_after[0] &&
		((reply->status >= 400 && reply->status < 500 && reply->status != 408 &&
			 reply->status != 429) ||
			reply->status == 501);

	if (!(g->setup.client.quirks & QUIRK_TOKEN_BY_QUERY) || task != TASK_REFRESH ||
		g->setup.flow != GRANT_FLOW_CLIENT_CREDENTIALS || !refused)
		return false;
	g->by_query = !g->by_query;
	if (g->by_query)
		grant_begin(g, task, now);
	return g->by_query;
}

static void token_reply(
	struct grant *g, enum task task, const struct exchange_reply *reply, struct now now)
{
	struct token t = {0};
	struct verdict v = {.kind = REPLY_OK};
	int r;

	r = reply_token(reply, &g->setup.client, now, &t, &v);
	if (r == 0 && v.kind == REPLY_OK)
		r = take_token(g, task, &t, now);
	token_done(&t);
	if (r < 0) {
		v.kind = REPLY_TRANSIENT;
		v.lost = true;
		fault_set(&v.fault, FAULT_INTERNAL, "out of memory");
	}
	if (v.kind != REPLY_OK && !try_query(g, task, reply, now))
		grant_fail_task(g, task, &v, now);
}

static void no_endpoint(struct grant *g, enum task task, struct now now)
{
	struct verdict v = {.kind = REPLY_MISCONFIGURED};

	if (task == TASK_KEYS || task == TASK_IDENTITY) {
		grant_check_unreachable(g, task);
		return;
	}
	if (task == TASK_DISCARD)
		fault_set(
			&v.fault, FAULT_MISCONFIGURED, "the provider tells no revocation endpoint");
	else if (task == TASK_REVOKE)
		fault_set(&v.fault, FAULT_MISCONFIGURED,
			"the provider tells no revocation endpoint: set endpoints.revocation, or run "
			"grantctl revoke --keep %s to forget the grant here only",
			g->setup.name);
	else if (task == TASK_AUTHORIZE)
		fault_set(&v.fault, FAULT_MISCONFIGURED,
			"the metadata of %s has no authorization_endpoint: set endpoints.authorization",
			g->setup.issuer ? g->setup.issuer : "the provider");
	else if (task == TASK_DEVICE)
		fault_set(&v.fault, FAULT_MISCONFIGURED,
			"the metadata of %s has no device_authorization_endpoint: the provider does not "
			"offer the device flow there, or set endpoints.device_authorization",
			g->setup.issuer ? g->setup.issuer : "the provider");
	else
		fault_set(&v.fault, FAULT_MISCONFIGURED,
			"the metadata of %s has no token_endpoint: set endpoints.token",
			g->setup.issuer ? g->setup.issuer : "the provider");
	grant_fail_task(g, task, &v, now);
}

/* What makes the next request another than the last. 0, -ENOMEM. */
static int freshen(struct grant *g, struct now now)
{
	_cleanup_(buf_done) struct buf text = BUF(sizeof(g->jti) - 1);
	uint8_t random[32];

	g->request_wall = now.wall_usec;
	if (!g->setup.client.key)
		return 0;
	if (grant_draw(g, random) < 0 || text_add_base64url(&text, random, sizeof(random)) < 0)
		return -ENOMEM;
	memcpy(g->jti, text.data, text.len + 1);
	return 0;
}

/* That a refresh token is about to be spent goes to disk first. Returns false where it is there, or
 * none is spent. */
static bool note_intent(struct grant *g, enum task task)
{
	struct record_grant *candidate = &g->record.candidate.grant;

	if (task == TASK_CANDIDATE && !candidate->refresh_sent) {
		candidate->refresh_sent = true;
	} else if (task == TASK_REFRESH && g->record.grant.rotates && !g->intent_stored &&
		!grant_unattended(g)) {
		g->record.grant.refresh_sent = true;
		g->intent_stored = true;
	} else {
		return false;
	}
	g->dirty = true;
	return true;
}

void grant_begin(struct grant *g, enum task task, struct now now)
{
	if (grant_metadata_wanted(g, task, now)) {
		g->metadata_for = task;
		grant_wish(g, GRANT_SEND, TASK_METADATA);
	} else if (!grant_endpoint(g, task)) {
		no_endpoint(g, task, now);
	} else if (note_intent(g, task)) {
		return;
	} else if ((task == TASK_DEVICE && grant_prepare_verifier(g) < 0) || freshen(g, now) < 0) {
		struct verdict v = {.kind = REPLY_TRANSIENT};

		fault_set(&v.fault, FAULT_INTERNAL, "out of memory");
		grant_fail_task(g, task, &v, now);
	} else if (task == TASK_AUTHORIZE) {
		grant_begin_paste(g, now);
	} else {
		grant_wish(g, GRANT_SEND, task);
	}
}

/* Begin from the record, at start and when the configuration has changed. */
static void resume(struct grant *g, struct now now)
{
	grant_clear_fault(g);
	if (g->record.approval.present && !grant_approval_fits(g))
		grant_drop_approval(g);
	grant_resume_grant(g, now);
	grant_resume_check(g, now);
	grant_resume_login(g, now);
}

/* The grant of another provider, client or scopes: what was waited for is over, and what that
 * provider asked for does not bind. */
static void begin_other(struct grant *g, struct now now)
{
	struct fault f;

	fault_set(&f, FAULT_NEEDS_APPROVAL, "the configuration of this connection has changed");
	grant_conclude_all(g, &f);
	g->revoke_wanted = false;
	g->not_before_boot = 0;
	g->record.not_before_usec = 0;
	grant_take_up(g);
	resume(g, now);
}

static void apply_setup(struct grant *g, struct now now)
{
	bool same = text_equal(g->binding, g->next_binding);

	grant_setup_done(&g->setup);
	g->setup = g->next_setup;
	g->next_setup = (struct grant_setup){0};
	metadata_done(&g->endpoints);
	g->endpoints = g->next_endpoints;
	g->next_endpoints = (struct metadata){0};
	mem_free(g->binding);
	g->binding = steal(g->next_binding);
	g->discovered = false;
	g->document = METADATA_OAUTH;
	g->reconfigured = false;
	if (same) {
		grant_resume_check(g, now);
		grant_review_approval(g, now);
		grant_retry_login(g, now);
		grant_review_token(g, now);
	} else {
		begin_other(g, now);
	}
}

/* Begin to revoke, where there is something that can be. */
static void begin_revocation(struct grant *g, struct now now)
{
	struct fault f;

	if (grant_have(g)) {
		grant_begin(g, TASK_REVOKE, now);
		return;
	}
	g->revoke_wanted = false;
	if (!g->record.grant.present) {
		grant_give_up(g, now);
		return;
	}
	fault_set(&f, FAULT_MISCONFIGURED,
		"the grant is of another provider, client_id or scopes than configured now: nothing was "
		"revoked; grantctl revoke --keep %s forgets it here only",
		g->setup.name);
	grant_conclude(g, GRANT_END_REVOCATION, &f);
}

/* Wake up at the end of a code, whatever else is waited for. */
static bool approval_over(struct grant *g, struct now now)
{
	uint64_t end = grant_approval_end(g);

	if (!g->record.approval.present)
		return false;
	if (now.boot_usec >= end)
		return true;
	if (end < g->deadline)
		g->deadline = end;
	return false;
}

/* Where nobody approves, the next token is not asked for before the last one was found good. */
static bool may_refresh(const struct grant *g)
{
	return grant_can_refresh(g) && !(grant_unattended(g) && grant_candidate(g));
}

/* One approval after the other, so that there is never more than one candidate. */
static bool may_login(const struct grant *g)
{
	return !g->record.approval.present && !grant_candidate(g) && !grant_discarding(g);
}

/* Do the first thing that is due. Returns true where that may have made another thing due. */
static bool step(struct grant *g, struct now now)
{
	g->deadline = USEC_NEVER;
	if (approval_over(g, now)) {
		grant_expire_approval(g, now);
	} else if (g->dirty) {
		if (now.boot_usec < g->store_boot) {
			if (g->store_boot < g->deadline)
				g->deadline = g->store_boot;
			return false;
		}
		g->dirty = false;
		g->record.generation++;
		grant_wish(g, GRANT_STORE, TASK_NONE);
	} else if (g->reconfigured) {
		apply_setup(g, now);
	} else if (grant_discarding(g) && grant_due(g, g->discard_boot, now)) {
		grant_discard(g, now);
	} else if (g->revoke_wanted && !grant_discarding(g) && !grant_candidate(g)) {
		begin_revocation(g, now);
	} else if (g->code) {
		grant_begin(g, TASK_CODE, now);
	} else if (g->record.approval.present && grant_due(g, g->poll_boot, now)) {
		grant_begin(g, TASK_POLL, now);
	} else if (grant_have(g) && !g->held.present && grant_due(g, g->refresh_boot, now)) {
		grant_clear_fault(g);
		grant_resume_grant(g, now); /* there was no memory for it */
	} else if (grant_check_due(g, now)) {
		grant_check(g, now);
	} else if (may_refresh(g) && grant_due(g, g->refresh_boot, now)) {
		grant_begin(g, TASK_REFRESH, now);
	} else if (grant_wants_introspection(g) && grant_due(g, g->not_before_boot, now) &&
		freshen(g, now) == 0) {
		grant_wish(g, GRANT_SEND, TASK_INTROSPECT);
	} else if (may_login(g) && grant_due(g, g->login_boot, now)) {
		grant_begin(
			g, g->setup.flow == GRANT_FLOW_PASTE ? TASK_AUTHORIZE : TASK_DEVICE, now);
	} else {
		return grant_end_unrefreshable(g, now);
	}
	return true;
}

static bool first_token_unstored(const struct grant *g)
{
	return g->incoming.present && !g->held.present;
}

static bool refreshing(const struct grant *g)
{
	return g->incoming.present || g->task == TASK_REFRESH ||
		(g->task == TASK_METADATA && g->metadata_for == TASK_REFRESH);
}

static bool healthy(const struct grant *g, struct now now)
{
	bool given_up = grant_can_refresh(g) && g->refresh_boot == USEC_NEVER;

	return grant_usable(g, now) && g->refresh_attempts == 0 && g->store_attempts == 0 &&
		!given_up;
}

static enum grant_state derive_state(const struct grant *g, struct now now)
{
	const struct record_approval *approval = &g->record.approval;
	bool in_order = g->held.present && grant_in_order(g);

	if (first_token_unstored(g) || (approval->present && !g->approval_stored) ||
		(grant_candidate(g) && g->check.unstored))
		return GRANT_STORING;
	if (approval->present)
		return GRANT_AWAITING_APPROVAL;
	if (grant_candidate(g))
		return GRANT_CONFIRMING;
	if (grant_given_up(g))
		return GRANT_NEEDS_APPROVAL;
	if (grant_unattended(g) && !in_order)
		return GRANT_AUTHORIZING;
	if (!grant_have(g) || (g->held.present && !in_order))
		return GRANT_NEEDS_APPROVAL;
	if (refreshing(g) && g->refresh_attempts == 0 && g->store_attempts == 0)
		return GRANT_REFRESHING;
	return healthy(g, now) ? GRANT_READY : GRANT_DEGRADED;
}

/* Every input ends here. */
static void settle(struct grant *g, struct now now)
{
	enum grant_state state;

	while (g->act == GRANT_IDLE && step(g, now))
		continue;
	if (g->act == GRANT_IDLE)
		grant_watch_usability(g, now);
	state = derive_state(g, now);
	if (state != g->state) {
		g->state = state;
		g->since_wall = now.wall_usec;
	}
}

static void restore_deadlines(struct grant *g, struct now now)
{
	const struct record_approval *a = &g->record.approval;
	uint64_t left;

	if (a->present && a->state) {
		g->approval_expires_boot = USEC_NEVER;
		g->poll_boot = USEC_NEVER;
		g->approval_stored = true;
	} else if (a->present) {
		left = usec_sub(a->expires_usec, now.wall_usec);
		if (left > DEVICE_LIFETIME_MAX)
			left = DEVICE_LIFETIME_MAX;
		/* What expired before we started gets no last poll. */
		g->approval_expires_boot = usec_add(now.boot_usec, left);
		g->approval_stored = true;
		g->record.approval.lost =
			true; /* a poll may have been in flight when we were killed */
		grant_schedule_poll(g, 0, now);
		if (usec_add(a->expires_usec, grant_poll_interval(g)) < now.wall_usec)
			g->approval_expires_boot = usec_sub(now.boot_usec, grant_poll_interval(g));
	}
	left = usec_sub(g->record.not_before_usec, now.wall_usec);
	if (left > 0)
		g->not_before_boot =
			usec_add(now.boot_usec, left < USEC_PER_DAY ? left : USEC_PER_DAY);
	g->maybe_spent = g->record.grant.present && g->record.grant.refresh_sent;
	g->intent_stored = g->maybe_spent;
}

static int add_target(struct names *targets, const char *what, const char *value)
{
	_cleanup_(buf_done) struct buf text = BUF(SIZE_MAX); /* as long as the configuration is */

	if (!value)
		return 0;
	if (buf_printf(&text, "%s %s", what, value) < 0)
		return -ENOMEM;
	return names_add(targets, buf_text(&text), text.len);
}

/* What a grant is for, beside its scopes. */
static int list_targets(const struct grant_setup *setup, struct names *ret)
{
	int r = 0;

	/* A person's grant is the same whichever way the yes came. */
	if (grant_flow_unattended(setup->flow))
		r = add_target(ret, "flow", grant_flow_to_string(setup->flow));
	if (r == 0)
		r = add_target(ret, "audience", setup->audience);
	if (r == 0)
		r = add_target(ret, "subject", setup->assertion_subject);
	for (size_t i = 0; i < setup->resources.n && r == 0; i++)
		r = add_target(ret, "resource", setup->resources.items[i]);
	return r;
}

static int bind_setup(
	const struct grant_setup *setup, char **ret_binding, struct metadata *ret_endpoints)
{
	const char *provider = setup->issuer ? setup->issuer : setup->endpoints.token;
	_cleanup_(names_done) struct names targets = {0};
	char *binding = NULL;

	if (list_targets(setup, &targets) == 0)
		binding = record_binding(
			provider ? provider : "", setup->client.id, &setup->scopes, &targets);
	if (!binding || metadata_copy(&setup->endpoints, ret_endpoints) < 0) {
		mem_free(binding);
		return -ENOMEM;
	}
	*ret_binding = binding;
	return 0;
}

int grant_new(const struct grant_setup *setup, struct record *take_record, const uint8_t seed[32],
	struct now now, struct grant **ret)
{
	_cleanup_(grant_freep) struct grant *g = mem_alloc(sizeof(*g));

	if (!g || grant_setup_copy(setup, &g->setup) < 0 ||
		bind_setup(&g->setup, &g->binding, &g->endpoints) < 0)
		return -ENOMEM;
	memcpy(g->seed, seed, sizeof(g->seed));
	if (take_record) {
		g->record = *take_record;
		*take_record = (struct record){0};
	}
	g->refresh_boot = USEC_NEVER;
	g->since_wall = now.wall_usec;
	g->seen = now;
	restore_deadlines(g, now);
	resume(g, now);
	settle(g, now);
	*ret = steal(g);
	return 0;
}

struct grant *grant_free(struct grant *g)
{
	if (!g)
		return NULL;
	grant_setup_done(&g->setup);
	grant_setup_done(&g->next_setup);
	metadata_done(&g->endpoints);
	metadata_done(&g->next_endpoints);
	mem_free(g->binding);
	mem_free(g->next_binding);
	record_done(&g->record);
	grant_held_done(&g->held);
	grant_held_done(&g->incoming);
	grant_check_done(&g->check);
	json_free(g->keys);
	secret_free(g->verifier);
	secret_free(g->nonce);
	secret_free(g->code);
	secret_free(g->retired);
	return mem_free(g);
}

int grant_reconfigure(struct grant *g, const struct grant_setup *setup, struct now now)
{
	struct grant_setup next = {0};
	struct metadata endpoints = {0};
	char *binding = NULL;

	if (grant_setup_copy(setup, &next) < 0 || bind_setup(setup, &binding, &endpoints) < 0) {
		grant_setup_done(&next);
		return -ENOMEM;
	}
	grant_setup_done(&g->next_setup);
	g->next_setup = next;
	metadata_done(&g->next_endpoints);
	g->next_endpoints = endpoints;
	mem_free(g->next_binding);
	g->next_binding = binding;
	g->reconfigured = true;
	grant_follow_clock(g, now);
	settle(g, now);
	return 0;
}

struct grant_want grant_want(const struct grant *g)
{
	return (struct grant_want){
		.act = g->act,
		.serial = g->serial,
		.deadline = g->act == GRANT_IDLE ? g->deadline : USEC_NEVER,
	};
}

const char *grant_purpose(const struct grant *g)
{
	switch (g->task) {
	case TASK_METADATA:
		return "metadata";
	case TASK_DEVICE:
		return "device authorization";
	case TASK_POLL:
		return "poll";
	case TASK_CODE:
		return "code exchange";
	case TASK_REFRESH:
		return "token";
	case TASK_REVOKE:
		return "revocation";
	case TASK_INTROSPECT:
		return "introspection";
	case TASK_KEYS:
		return "keys";
	case TASK_IDENTITY:
		return "identity";
	case TASK_CANDIDATE:
		return "token not confirmed";
	case TASK_DISCARD:
		return "revocation of what is not confirmed";
	case TASK_AUTHORIZE:
	case TASK_NONE:
		break;
	}
	return "nothing";
}

bool grant_spending(const struct grant *g)
{
	return g->act == GRANT_SEND &&
		(g->task == TASK_POLL || g->task == TASK_CODE || g->task == TASK_REFRESH ||
			g->task == TASK_CANDIDATE);
}

bool grant_unstored(const struct grant *g)
{
	return g->incoming.present || g->check.unstored;
}

static int build_metadata_request(const struct grant *g, struct exchange_request *ret)
{
	struct buf url = BUF(METADATA_URL_MAX);
	int r;

	r = metadata_url(g->setup.issuer, g->document, &url);
	if (r == 0)
		r = request_metadata(buf_text(&url), ret);
	buf_done(&url);
	return r;
}

/* What a request is made of beside the grant. */
struct outgoing {
	struct client client;
	struct params first; /* added to the first request */
	struct params later; /* added to those that follow it */
};

static int build_client_credentials(const struct grant *g, const char *url,
	const struct outgoing *with, struct exchange_request *ret)
{
	_cleanup_(exchange_request_done) struct exchange_request request = {.url = NULL};
	int r;

	r = request_client_credentials(
		url, &with->client, &g->setup.scopes, &with->first, &request);
	if (r == 0 && g->by_query)
		r = request_by_query(&request);
	if (r < 0)
		return r;
	*ret = request;
	request = (struct exchange_request){.url = NULL};
	return 0;
}

static int build_token_request(const struct grant *g, const char *url, const struct outgoing *with,
	struct exchange_request *ret)
{
	const struct grant_setup *setup = &g->setup;
	const char *audience = setup->assertion_audience;

	switch (setup->flow) {
	case GRANT_FLOW_DEVICE:
	case GRANT_FLOW_PASTE:
		return request_refresh(url, &with->client, g->record.grant.token.refresh_token,
			&setup->scopes, &with->later, ret);
	case GRANT_FLOW_CLIENT_CREDENTIALS:
		return build_client_credentials(g, url, with, ret);
	case GRANT_FLOW_JWT_BEARER:
		if (!audience)
			audience = setup->issuer ? setup->issuer : url;
		return request_jwt_bearer(url, &with->client, setup->assertion_subject, audience,
			&setup->assertion_claims, &setup->scopes, &with->first, ret);
	case _GRANT_FLOW_MAX:
		break;
	}
	return -EINVAL;
}

static int build_revocation(const char *url, const struct client *client, const struct token *t,
	struct exchange_request *ret)
{
	return request_revocation(url, client,
		t->refresh_token ? t->refresh_token : t->access_token,
		t->refresh_token ? "refresh_token" : "access_token", ret);
}

static int build_request(
	const struct grant *g, const struct outgoing *with, struct exchange_request *ret)
{
	const struct client *client = &with->client;
	const struct record_approval *a = &g->record.approval;
	const struct token *candidate = &g->record.candidate.grant.token;
	const char *url = grant_endpoint(g, g->task);

	switch (g->task) {
	case TASK_METADATA:
		return build_metadata_request(g, ret);
	case TASK_DEVICE:
		return request_device_authorization(
			url, client, &g->setup.scopes, g->verifier, g->nonce, &with->first, ret);
	case TASK_POLL:
		return request_device_token(url, client, a->device.device_code, &g->setup.scopes,
			a->verifier, &with->later, ret);
	case TASK_CODE:
		return request_code(
			url, client, g->code, a->redirect_uri, a->verifier, &with->later, ret);
	case TASK_REFRESH:
		return build_token_request(g, url, with, ret);
	case TASK_REVOKE:
		return build_revocation(url, client, &g->record.grant.token, ret);
	case TASK_DISCARD:
		return build_revocation(url, client, grant_discarded(g), ret);
	case TASK_KEYS:
		return request_metadata(url, ret);
	case TASK_IDENTITY:
		return request_identity(url, candidate->access_token, ret);
	case TASK_CANDIDATE:
		return request_refresh(
			url, client, candidate->refresh_token, &g->setup.scopes, &with->later, ret);
	case TASK_INTROSPECT:
		return request_introspection(url, client, g->record.grant.token.access_token, ret);
	case TASK_AUTHORIZE:
	case TASK_NONE:
		break;
	}
	return -EINVAL;
}

int grant_request(const struct grant *g, struct exchange_request *ret)
{
	const struct request_fresh fresh = {.wall_usec = g->request_wall, .jti = g->jti};
	const struct grant_setup *setup = &g->setup;
	struct outgoing with = {.client = setup->client}; /* borrows what it points to */
	int r;

	with.client.fresh = &fresh;
	if (setup->auth_by_metadata && g->endpoints.secret_in_body && with.client.secret)
		with.client.auth = CLIENT_AUTH_POST;
	/* RFC 7523 §3: what providers take at all their endpoints, few take another's address. */
	if (!with.client.auth_audience)
		with.client.auth_audience = g->endpoints.token;
	r = grant_parameters(
		&setup->resources, setup->audience, &setup->request_parameters, &with.first);
	if (r == 0)
		r = grant_parameters(
			&setup->resources, NULL, &setup->token_parameters, &with.later);
	if (r == 0)
		r = build_request(g, &with, ret);
	params_done(&with.first);
	params_done(&with.later);
	return r;
}

const struct record *grant_record(const struct grant *g)
{
	return &g->record;
}

/* Drop what is in flight. */
static void abandon(struct grant *g)
{
	if (g->act != GRANT_IDLE)
		grant_wish(g, GRANT_IDLE, TASK_NONE);
}

static bool approving(const struct grant *g)
{
	enum task task = g->task == TASK_METADATA ? g->metadata_for : g->task;

	return g->act == GRANT_SEND &&
		(task == TASK_DEVICE || task == TASK_POLL || task == TASK_AUTHORIZE ||
			task == TASK_CODE);
}

static void command_login(struct grant *g, struct now now)
{
	if (grant_candidate(g)) { /* its end is waited for, or an operator's word */
		if (g->check.fault.kind != FAULT_NONE)
			grant_conclude(g, GRANT_END_APPROVAL, &g->check.fault);
		return;
	}
	if (g->store_attempts > 0) { /* a person is not asked for what could not be kept */
		grant_conclude(g, GRANT_END_APPROVAL, &g->fault);
		return;
	}
	if (g->record.approval.present && !grant_unattended(g))
		return;
	if (g->not_before_boot > now.boot_usec) {
		struct fault f;

		fault_set(&f, FAULT_THROTTLED, "%s", throttled_text);
		grant_conclude(g, GRANT_END_APPROVAL, &f);
		return;
	}
	if (grant_unattended(g)) {
		grant_take_up(g);
		g->refresh_boot = now.boot_usec;
		return;
	}
	grant_hurry_discard(g, now);
	g->record.renewals = 0;
	grant_want_login(g, now.boot_usec, false);
}

static void command_cancel(struct grant *g, struct now now)
{
	struct fault f;

	if (grant_candidate(g)) {
		fault_set(&f, FAULT_NEEDS_APPROVAL,
			"it was approved already: run grantctl reject %s to refuse it",
			g->setup.name);
		grant_conclude(g, GRANT_END_CANCELLATION, &f);
		return;
	}
	if (grant_unattended(g)) {
		fault_set(&f, FAULT_MISCONFIGURED,
			"nobody has to approve this connection, so there is nothing to cancel");
		grant_conclude(g, GRANT_END_CANCELLATION, &f);
		return;
	}
	if (approving(g))
		abandon(g);
	g->login_boot = USEC_NEVER;
	fault_set(&f, FAULT_NEEDS_APPROVAL, "the approval was cancelled");
	grant_drop_approval(g);
	if (!grant_have(g))
		grant_record_fault(g, &f, now);
	else if (healthy(g, now))
		grant_clear_fault(g); /* it was about the approval */
	grant_conclude(g, GRANT_END_APPROVAL, &f);
	grant_conclude(g, GRANT_END_CANCELLATION, NULL);
}

/* Why a refresh can't even be tried now; false where it can. */
static bool refresh_refused(const struct grant *g, struct now now, struct fault *ret)
{
	if (grant_candidate(g) && (!grant_have(g) || grant_unattended(g)) &&
		g->check.fault.kind != FAULT_NONE)
		*ret = g->check.fault;
	else if (grant_candidate(g) && !grant_have(g) && !grant_unattended(g))
		fault_set(ret, FAULT_TRANSIENT, "who approved is being found out");
	else if (grant_given_up(g) || (!grant_have(g) && !grant_unattended(g)))
		fault_set(ret, FAULT_NEEDS_APPROVAL, "there is no grant");
	else if (!grant_can_refresh(g))
		fault_set(ret, FAULT_NEEDS_APPROVAL, "the provider gave no refresh token");
	else if (g->store_attempts > 0)
		*ret = g->fault;
	else if (g->not_before_boot > now.boot_usec)
		fault_set(ret, FAULT_THROTTLED, "%s", throttled_text);
	else
		return false;
	return true;
}

static void command_refresh(struct grant *g, bool insist, struct now now)
{
	uint64_t age = usec_sub(g->held.lifetime_usec, grant_held_remaining(&g->held, now));
	bool backing_off = g->refresh_boot > now.boot_usec &&
		(g->refresh_attempts > 0 || g->refresh_boot == USEC_NEVER);
	struct fault f;

	if (refreshing(g) && g->store_attempts == 0)
		return;
	if (refresh_refused(g, now, &f)) {
		grant_conclude(g, GRANT_END_REFRESH, &f);
	} else if (!insist && backing_off) {
		grant_conclude(g, GRANT_END_REFRESH, &g->fault);
	} else if (!insist && g->held.present && !g->held.refuted && age < RENEW_SPACING) {
		grant_conclude(g, GRANT_END_REFRESH, NULL);
	} else {
		g->longer_wanted = !insist;
		g->refresh_boot = now.boot_usec;
	}
}

/* The wall time of the next try of what the fault is about, 0 for none by itself. */
static uint64_t next_try(const struct grant *g, struct now now)
{
	uint64_t at = g->login_boot;

	if (g->store_attempts > 0)
		at = g->store_boot;
	else if (g->record.approval.present && !grant_awaits_paste(g))
		at = g->poll_boot;
	else if (grant_candidate(g) && g->fault.kind == g->check.fault.kind)
		at = g->check.due_boot;
	else if (grant_have(g) || grant_unattended(g))
		at = g->refresh_boot;
	if (at == USEC_NEVER || g->fault.kind == FAULT_NONE)
		return 0;
	if (at < g->not_before_boot && g->store_attempts == 0)
		at = g->not_before_boot;
	return usec_add(now.wall_usec, usec_sub(at, now.boot_usec));
}

/* Is a refresh under way, or next in turn? */
static bool refresh_comes(const struct grant *g, struct now now)
{
	return refreshing(g) || g->refresh_boot <= now.boot_usec;
}

/* May the report be believed? Else @reterr says why not. */
static bool report_refused(const struct grant *g, struct now now, struct fault *reterr)
{
	if (refresh_refused(g, now, reterr))
		return true;
	if (!g->held.present || (g->held.refuted && !refresh_comes(g, now)))
		fault_set(reterr, FAULT_TRANSIENT, "there is no token: %s",
			g->fault.kind == FAULT_NONE ? "wait for one" : g->fault.detail);
	else if (!g->held.refuted && now.boot_usec < g->report_boot)
		fault_set(reterr, FAULT_THROTTLED,
			"a token was reported as refused moments ago, and this one is new: if it is "
			"refused, too, the token is not what is wrong");
	else
		return false;
	return true;
}

/* When a report that is refused now may be heard, or not be needed any more (wall); 0: not known.
 */
static uint64_t next_report(const struct grant *g, struct now now)
{
	uint64_t at = next_try(g, now);

	if (at > 0 || now.boot_usec >= g->report_boot)
		return at;
	return usec_add(now.wall_usec, g->report_boot - now.boot_usec);
}

/* What is held is no good: nobody gets it any more. */
static void refute(struct grant *g, struct now now)
{
	if (g->held.refuted)
		return;
	g->held.refuted = true;
	g->report_boot = usec_add(now.boot_usec, REPORT_SPACING);
	if (g->task == TASK_INTROSPECT)
		abandon(g); /* how long it would have lived is of no matter */
	if (!refreshing(g))
		g->refresh_boot = now.boot_usec;
}

int grant_invalidate(struct grant *g, const char *token, size_t len, struct now now,
	struct fault *reterr, uint64_t *ret_retry_usec)
{
	_cleanup_(secret_freep) struct secret *reported = secret_new(token, len);

	if (!reported) {
		fault_set(reterr, FAULT_INTERNAL, "out of memory");
		*ret_retry_usec = 0;
		return -EAGAIN;
	}
	if (g->held.present && !secret_equal(g->held.token.access_token, reported))
		return 1;
	if (report_refused(g, now, reterr)) {
		*ret_retry_usec = next_report(g, now);
		return -EAGAIN;
	}
	grant_follow_clock(g, now);
	refute(g, now);
	settle(g, now);
	return 0;
}

static void command_revoke(struct grant *g, bool tell, struct now now)
{
	if (tell) {
		if (grant_candidate(g))
			grant_command_confirm(g, GRANT_REJECT);
		g->revoke_wanted = true;
		return;
	}
	abandon(g);
	grant_give_up(g, now);
}

void grant_command(struct grant *g, enum grant_command command, struct now now)
{
	grant_follow_clock(g, now);
	switch (command) {
	case GRANT_LOGIN:
		command_login(g, now);
		break;
	case GRANT_CANCEL:
		command_cancel(g, now);
		break;
	case GRANT_REFRESH:
		command_refresh(g, true, now);
		break;
	case GRANT_RENEW:
		command_refresh(g, false, now);
		break;
	case GRANT_REVOKE:
		command_revoke(g, true, now);
		break;
	case GRANT_FORGET:
		command_revoke(g, false, now);
		break;
	case GRANT_CONFIRM:
	case GRANT_CONFIRM_REPLACE:
	case GRANT_REJECT:
		grant_command_confirm(g, command);
		break;
	case _GRANT_COMMAND_MAX:
		break;
	}
	settle(g, now);
}

void grant_reply(
	struct grant *g, uint32_t serial, const struct exchange_reply *reply, struct now now)
{
	enum task task = g->task;

	if (g->act != GRANT_SEND || serial != g->serial)
		return;
	grant_follow_clock(g, now);
	g->act = GRANT_IDLE;
	g->task = TASK_NONE;
	switch (task) {
	case TASK_METADATA:
		grant_metadata_reply(g, reply, now);
		break;
	case TASK_DEVICE:
		grant_device_reply(g, reply, now);
		break;
	case TASK_POLL:
	case TASK_CODE:
	case TASK_REFRESH:
	case TASK_CANDIDATE:
		token_reply(g, task, reply, now);
		break;
	case TASK_KEYS:
	case TASK_IDENTITY:
		grant_check_reply(g, task, reply, now);
		break;
	case TASK_DISCARD:
		grant_discard_reply(g, reply, now);
		break;
	case TASK_REVOKE:
		grant_revoke_reply(g, reply, now);
		break;
	case TASK_INTROSPECT:
		grant_introspection_reply(g, reply, now);
		break;
	case TASK_AUTHORIZE:
	case TASK_NONE:
		break;
	}
	settle(g, now);
}

/* Who asked for something hears that it can't be kept: it is not begun later, when nobody waits. */
static void drop_wishes(struct grant *g)
{
	g->revoke_wanted = false;
	if (g->record.approval.present && !g->approval_stored && grant_have(g))
		grant_drop_approval(g);
}

static void store_failed(struct grant *g, const struct fault *why, struct now now)
{
	drop_wishes(g);
	g->dirty = true;
	if (g->store_attempts == 0)
		g->fault_beneath = g->fault;
	g->store_boot = usec_add(now.boot_usec,
		grant_backoff(g, g->store_attempts++, STORE_RETRY_FIRST, STORE_RETRY_MAX));
	grant_set_fault(g, why, now);
	grant_conclude_all(g, why);
}

static void store_succeeded(struct grant *g, struct now now)
{
	if (g->store_attempts > 0) {
		g->store_attempts = 0;
		grant_clear_fault(g);
		if (g->fault_beneath.kind != FAULT_NONE)
			grant_set_fault(g, &g->fault_beneath, now);
	}
	g->approval_stored = g->record.approval.present;
	g->check.unstored = false;
	if (g->incoming.present)
		grant_adopt(g, now);
	if (g->forgetting)
		grant_conclude_all(g, NULL);
	g->forgetting = false;
}

void grant_stored(struct grant *g, uint32_t serial, int r, const struct fault *why, struct now now)
{
	if (g->act != GRANT_STORE || serial != g->serial)
		return;
	grant_follow_clock(g, now);
	g->act = GRANT_IDLE;
	if (r < 0)
		store_failed(g, why, now);
	else
		store_succeeded(g, now);
	settle(g, now);
}

void grant_tick(struct grant *g, struct now now)
{
	grant_follow_clock(g, now);
	settle(g, now);
}

/* Who approved, or else who gave the grant. */
static const struct identity *shown_identity(const struct grant *g, bool *ret_confirmed)
{
	if (grant_candidate(g) && identity_known(&g->check.identity)) {
		*ret_confirmed = false;
		return &g->check.identity;
	}
	*ret_confirmed = grant_have(g) && identity_known(&g->record.identity);
	return *ret_confirmed ? &g->record.identity : NULL;
}

void grant_view(const struct grant *g, struct now now, struct grant_view *ret)
{
	const struct record_approval *a = &g->record.approval;
	bool shown = a->present && g->approval_stored;
	bool scheduled = g->held.present && g->refresh_boot != USEC_NEVER;

	*ret = (struct grant_view){
		.state = g->state,
		.usable = grant_usable(g, now),
		.since_usec = g->since_wall,
		.approval = shown ? &a->device : NULL,
		.approval_expires_usec =
			shown && a->expires_usec != USEC_NEVER ? a->expires_usec : 0,
		.scopes = g->held.present ? &g->held.token.scopes : &g->setup.scopes,
		.token_expires_usec = g->held.present ? g->held.expires_wall : 0,
		.token_lifetime_usec = g->held.present ? g->held.lifetime_usec : 0,
		.token_unchanged = g->held.unchanged,
		.token_renewed = g->held.renewed,
		.grant_expires_usec = grant_end_of(g),
		.refresh_usec = scheduled
			? usec_add(now.wall_usec, usec_sub(g->refresh_boot, now.boot_usec))
			: 0,
		.fault = &g->fault,
		.fault_since_usec = g->fault_since_wall,
		.fault_attempts = g->fault_attempts,
		.fault_retry_usec = next_try(g, now),
		.outcomes = g->outcomes,
		.checking = grant_candidate(g) && g->check.fault.kind == FAULT_NONE,
		.decided = &g->decided,
	};
	ret->identity = shown_identity(g, &ret->confirmed);
}

const struct token *grant_token(const struct grant *g, struct now now, uint64_t *ret_remaining_usec)
{
	uint64_t remaining = grant_held_remaining(&g->held, now);

	if (remaining == 0 || g->held.refuted || !grant_in_order(g))
		return NULL;
	*ret_remaining_usec = remaining;
	return &g->held.token;
}
