/* SPDX-License-Identifier: BSD-2-Clause */

/* Who approved: OpenID Connect Core 1.0 §3.1.3.7 (id_token) and §5.3 (userinfo), or a document of
 * the provider's own.
 *
 * What an approval brings is a candidate: stored beside the grant, never handed out. find_out()
 * asks for what is not known yet, one request at a time; judge() then takes it, holds it for an
 * operator, or refuses it. Both begin anew after a restart or a reload. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/grant-state.h"
#include "oauth/idtoken.h"
#include "oauth/quirks.h"

/* A key that the provider has withdrawn is trusted no longer than this. */
#define KEYS_LIFETIME USEC_PER_DAY
/* However short the lives of its tokens, a candidate is not refreshed more often than this. */
#define CANDIDATE_SPACING USEC_PER_MIN

bool grant_candidate(const struct grant *g)
{
	const struct record_grant *c = &g->record.candidate.grant;

	return c->present && !c->discard && text_equal(c->binding, g->binding);
}

static bool asks_openid(const struct grant *g)
{
	return names_have(&g->setup.scopes, "openid");
}

/* May userinfo be asked? Without openid its address may be there for other clients only. */
static bool has_userinfo(const struct grant *g)
{
	return g->setup.approver.url || g->setup.endpoints.userinfo ||
		(asks_openid(g) && g->setup.issuer);
}

bool grant_checks(const struct grant *g)
{
	const struct grant_approver *a = &g->setup.approver;

	if (a->confirm == GRANT_CONFIRM_NONE)
		return false;
	if (a->confirm == GRANT_CONFIRM_OPERATOR || a->expect.n > 0)
		return true;
	return !grant_unattended(g) && has_userinfo(g);
}

void grant_check_done(struct check *k)
{
	json_free(k->claims);
	identity_done(&k->identity);
	mem_free(k->id_url);
	*k = (struct check){.unstored = false};
}

/* --- the candidate and its token --- */

/* Its token lives for another @left. */
static void live(struct grant *g, uint64_t left, struct now now)
{
	uint64_t in = left;

	if (g->setup.keepalive_usec > 0 && g->setup.keepalive_usec < in)
		in = g->setup.keepalive_usec;
	g->check.expires_boot = usec_add(now.boot_usec, left);
	g->check.refresh_boot =
		usec_add(now.boot_usec, in > CANDIDATE_SPACING ? in : CANDIDATE_SPACING);
}

int grant_hold_token(struct grant *g, struct token *t, struct now now)
{
	struct record_candidate *c = &g->record.candidate;
	struct record_grant fresh = {.present = false};
	int r;

	r = grant_fill(g, &fresh, t, false, NULL, now);
	if (r < 0)
		return r;
	record_candidate_done(c);
	c->grant = fresh;
	c->nonce = steal(g->record.approval.nonce);
	c->nonce_required = g->record.approval.state != NULL;
	grant_check_done(&g->check);
	live(g, grant_token_lifetime(g, &c->grant.token), now);
	g->check.due_boot = now.boot_usec;
	g->check.unstored = true;
	g->record.fault = (struct fault){.kind = FAULT_NONE};
	grant_clear_fault(g);
	g->dirty = true;
	return 0;
}

int grant_hold_refreshed(struct grant *g, struct token *t, struct now now)
{
	struct record_grant *c = &g->record.candidate.grant;
	int r;

	r = grant_fill(g, c, t, true, NULL, now);
	if (r < 0)
		return r;
	live(g, grant_token_lifetime(g, &c->token), now);
	g->check.unstored = true;
	g->dirty = true;
	return 0;
}

void grant_resume_check(struct grant *g, struct now now)
{
	const struct record_grant *c = &g->record.candidate.grant;
	uint64_t life = usec_sub(c->expires_usec, c->obtained_usec);
	uint64_t left = usec_sub(c->expires_usec, now.wall_usec);

	g->keys = json_free(g->keys);
	grant_check_done(&g->check);
	if (!grant_candidate(g))
		return;
	live(g, left < life ? left : life, now);
	if (left == 0 || c->refresh_sent)
		g->check.refresh_boot = now.boot_usec;
	g->check.due_boot = now.boot_usec;
}

/* --- ends --- */

/* The approval has come to its end, and so has what stands in its place where nobody approves. */
static void conclude_approval(struct grant *g, const struct fault *f)
{
	grant_conclude(g, GRANT_END_APPROVAL, f);
	if (grant_unattended(g))
		grant_conclude(g, GRANT_END_REFRESH, f);
}

static void forget_candidate(struct grant *g)
{
	record_candidate_done(&g->record.candidate);
	grant_check_done(&g->check);
	g->dirty = true;
}

/* What was approved can't be used any more, before anybody could confirm it. */
static void end_candidate(struct grant *g, const char *why, struct now now)
{
	struct fault f;

	forget_candidate(g);
	if (grant_unattended(g)) { /* another token is asked for */
		g->refresh_boot = usec_add(now.boot_usec,
			grant_backoff(g, g->refresh_attempts++, RETRY_FIRST, RETRY_MAX));
		return;
	}
	fault_set(&f, FAULT_NEEDS_APPROVAL,
		"what was approved ended before it was confirmed: log in again (%s)", why);
	grant_record_fault(g, &f, now);
	conclude_approval(g, &f);
}

/* Nothing of the candidate is taken. */
static void give_back(struct grant *g, enum grant_decision decision, struct now now)
{
	grant_decide(g, decision, &g->check.identity);
	grant_check_done(&g->check);
	grant_begin_discard(g, &g->record.candidate.grant, now);
	if (grant_unattended(g))
		g->refresh_boot = USEC_NEVER; /* the next one would be the same */
}

static void refuse(struct grant *g, const struct fault *f, struct now now)
{
	give_back(g, GRANT_REFUSED, now);
	grant_record_fault(g, f, now);
	conclude_approval(g, f);
}

static void reject(struct grant *g, struct now now)
{
	struct fault f;

	fault_set(&f, FAULT_DENIED, "the approval was rejected by an operator");
	give_back(g, GRANT_REJECTED, now);
	grant_clear_fault(g);
	if (grant_have(g))
		grant_describe_held(g, now);
	else
		grant_record_fault(g, &f, now);
	conclude_approval(g, &f);
}

/* It stays as it is until an operator has done something. */
static void hold(struct grant *g, const struct fault *f, struct now now)
{
	struct check *k = &g->check;
	const bool asked = k->word != UNDECIDED;

	k->fault = *f;
	k->due_boot = USEC_NEVER;
	k->word = UNDECIDED;
	if (f->kind != FAULT_MISCONFIGURED)
		grant_decide(g, GRANT_HELD, &k->identity);
	grant_set_fault(g, f, now);
	conclude_approval(g, f);
	if (asked)
		grant_conclude(g, GRANT_END_CONFIRMATION, f);
}

void grant_describe_check(struct grant *g, struct now now)
{
	if (grant_candidate(g) && g->check.fault.kind != FAULT_NONE)
		grant_set_fault(g, &g->check.fault, now);
}

/* Where nobody approves, the same word every hour is no new approval. */
static bool is_renewal(const struct grant *g)
{
	return grant_unattended(g) && identity_same(&g->check.identity, &g->record.identity);
}

/* From here on the candidate is the grant, once that is on disk. */
static void promote(struct grant *g, struct now now)
{
	struct record_grant *c = &g->record.candidate.grant;
	struct held incoming = {
		.present = true,
		.approved = true,
		.lifetime_usec = grant_token_lifetime(g, &c->token),
		.expires_boot = g->check.expires_boot,
		.expires_wall = c->expires_usec,
	};

	c->token.id_token = secret_free(c->token.id_token);
	if (token_copy(&c->token, &incoming.token) < 0) {
		g->check.word = UNDECIDED;
		g->check.due_boot = usec_add(now.boot_usec, RETRY_FIRST);
		grant_fail_internal(g, now);
		grant_conclude(g, GRANT_END_CONFIRMATION, &g->fault);
		return;
	}
	if (!is_renewal(g))
		grant_decide(g, GRANT_ACCEPTED, &g->check.identity);
	record_grant_done(&g->record.grant);
	g->record.grant = *c;
	*c = (struct record_grant){.present = false};
	identity_done(&g->record.identity);
	g->record.identity = g->check.identity;
	g->check.identity = (struct identity){0};
	forget_candidate(g);
	grant_held_done(&g->incoming);
	g->incoming = incoming;
	g->intent_stored = g->record.grant.refresh_sent;
	g->record.fault = (struct fault){.kind = FAULT_NONE};
	g->record.not_before_usec = 0;
}

/* --- judging --- */

/* Was a grant given before by somebody else, as far as the same authority tells? */
static bool is_another(const struct grant *g)
{
	const struct identity *before = &g->record.identity, *id = &g->check.identity;

	if (!identity_known(before))
		return false;
	if (identity_known(id) && !text_equal(before->issuer, id->issuer))
		return false; /* the configuration names another authority now */
	return !identity_same(before, id);
}

static void hold_another(struct grant *g, struct now now)
{
	char who[IDENTITY_TEXT_MAX], before[IDENTITY_TEXT_MAX];
	struct fault f;

	identity_describe(&g->check.identity, who);
	identity_describe(&g->record.identity, before);
	fault_set(&f, FAULT_WRONG_IDENTITY,
		"approved by %.80s, not by %.80s as before: run grantctl confirm %s --replace, or "
		"grantctl reject %s",
		who, before, g->setup.name, g->setup.name);
	hold(g, &f, now);
}

static void hold_for_operator(struct grant *g, struct now now)
{
	char who[IDENTITY_TEXT_MAX];
	struct fault f;

	identity_describe(&g->check.identity, who);
	fault_set(&f, FAULT_NEEDS_APPROVAL,
		"approved by %s: run grantctl confirm %s, or grantctl reject %s", who,
		g->setup.name, g->setup.name);
	hold(g, &f, now);
}

static void hold_unprovable(struct grant *g, struct now now)
{
	struct fault f;

	fault_set(&f, FAULT_MISCONFIGURED,
		"the provider does not tell who approved, so that `expect` can't be checked: add "
		"openid to scopes, or set endpoints.userinfo or identity.url; grantctl reject %s gives "
		"it back",
		g->setup.name);
	hold(g, &f, now);
}

/* All is known that can be: take it, hold it or refuse it. */
static void judge(struct grant *g, struct now now)
{
	const struct grant_approver *a = &g->setup.approver;
	const struct check *k = &g->check;
	const bool vouched = a->email == GRANT_EMAIL_VOUCHED;
	struct fault f;

	if (a->expect.n > 0 && !identity_known(&k->identity))
		hold_unprovable(g, now);
	else if (!identity_meets(&k->identity, &a->expect, vouched, &f) &&
		f.kind == FAULT_WRONG_IDENTITY)
		refuse(g, &f, now);
	else if (!identity_meets(&k->identity, &a->expect, vouched, &f))
		hold(g, &f, now);
	else if (is_another(g) && k->word != CONFIRMED_TO_REPLACE)
		hold_another(g, now);
	else if (a->confirm == GRANT_CONFIRM_OPERATOR && k->word == UNDECIDED && !is_renewal(g))
		hold_for_operator(g, now);
	else
		promote(g, now);
}

/* --- finding out --- */

static bool expects_more(const struct grant *g, const struct json *claims)
{
	const struct grant_approver *a = &g->setup.approver;

	return identity_lacks(claims, &a->expect, a->email == GRANT_EMAIL_VOUCHED);
}

static bool id_token_pending(const struct grant *g)
{
	return g->record.candidate.grant.token.id_token && g->setup.issuer &&
		!g->setup.approver.url && !g->check.claims && !g->check.no_keys;
}

static bool userinfo_wanted(const struct grant *g)
{
	if (g->check.no_userinfo || !has_userinfo(g))
		return false;
	return !g->check.claims || expects_more(g, g->check.claims);
}

/* Is what the id_token tells enough, and userinfo only asked for what is nice to see? */
static bool is_optional(const struct grant *g, enum task task)
{
	const struct json *claims = g->check.claims;

	return task == TASK_IDENTITY && claims &&
		(g->setup.approver.expect.n == 0 || !expects_more(g, claims));
}

/* An answer will not come, or not now; @v tells whether it makes sense to ask again. */
static void search_failed(struct grant *g, const struct verdict *v, struct now now)
{
	struct check *k = &g->check;
	struct fault f;

	if (v->kind == REPLY_MISCONFIGURED) {
		hold(g, &v->fault, now);
		return;
	}
	/* What is a word about an approval is none about who gave it. */
	fault_set(&f, fault_meaning(v->fault.kind)->retried ? v->fault.kind : FAULT_PROTOCOL,
		"who approved is not known yet: %s", v->fault.detail);
	k->due_boot =
		usec_add(now.boot_usec, grant_backoff(g, k->attempts++, RETRY_FIRST, RETRY_MAX));
	grant_obey_retry_after(g, v->retry_after_usec, now);
	k->fault = f;
	grant_set_fault(g, &f, now);
	conclude_approval(g, &f);
}

static void search_out_of_memory(struct grant *g, struct now now)
{
	struct verdict v = {.kind = REPLY_TRANSIENT};

	fault_set(&v.fault, FAULT_INTERNAL, "out of memory");
	search_failed(g, &v, now);
}

static void refresh_failed(struct grant *g, const struct verdict *v, struct now now)
{
	struct check *k = &g->check;

	if (v->kind == REPLY_INVALID_GRANT) {
		end_candidate(g, v->fault.detail, now);
		return;
	}
	k->refresh_boot = USEC_NEVER;
	if (v->kind != REPLY_MISCONFIGURED)
		k->refresh_boot = usec_add(
			now.boot_usec, grant_backoff(g, k->attempts++, RETRY_FIRST, RETRY_MAX));
	grant_obey_retry_after(g, v->retry_after_usec, now);
	if (!k->found_out)
		grant_set_fault(g, &v->fault, now);
}

void grant_check_failed(struct grant *g, enum task task, const struct verdict *v, struct now now)
{
	if (task == TASK_CANDIDATE)
		refresh_failed(g, v, now);
	else if (is_optional(g, task))
		g->check.no_userinfo = true;
	else
		search_failed(g, v, now);
}

void grant_check_unreachable(struct grant *g, enum task task)
{
	if (task == TASK_KEYS)
		g->check.no_keys = true;
	else
		g->check.no_userinfo = true;
}

/* Whose word the claims are. */
static const char *authority(const struct grant *g)
{
	if (g->setup.approver.url)
		return g->setup.approver.url;
	return g->setup.issuer ? g->setup.issuer : g->setup.endpoints.userinfo;
}

/* The claim that stands for the subject in what is asked about the approver. */
static const char *subject_claim(const struct grant *g)
{
	const struct grant_approver *a = &g->setup.approver;

	if (a->url)
		return a->subject ? a->subject : "sub";
	return g->check.id_url ? "id" : "sub";
}

/* Nothing more is asked: what was told are the claims of @userinfo and of the id_token, or nothing.
 */
static void found_out(struct grant *g, const struct json *userinfo, struct now now)
{
	struct check *k = &g->check;
	struct identity_source source = {
		.first = k->claims ? k->claims : userinfo,
		.second = k->claims ? userinfo : NULL,
		.issuer = authority(g),
		.subject = subject_claim(g),
	};
	struct verdict v = {.kind = REPLY_MISCONFIGURED};
	int r = 0;

	if (source.first)
		r = identity_read(&source, &g->setup.approver.expect, &k->identity, &v.fault);
	if (r == -ENOMEM) {
		search_out_of_memory(g, now);
	} else if (r < 0) {
		search_failed(g, &v, now);
	} else {
		k->found_out = true;
		k->fault = (struct fault){.kind = FAULT_NONE};
		k->attempts = 0;
		k->due_boot = now.boot_usec;
	}
}

static void check_id_token(struct grant *g, struct now now)
{
	const struct record_candidate *c = &g->record.candidate;
	const struct idtoken_expect expect = {
		.issuer = g->setup.issuer,
		.audience = g->setup.client.id,
		.nonce = c->nonce,
		.nonce_optional = !c->nonce_required,
		/* It was good for a few minutes when it came, and perhaps the keys came later. */
		.wall_usec = c->grant.approved_usec,
	};
	struct fault why, f;
	int r;

	r = idtoken_check(c->grant.token.id_token, g->keys, &expect, &g->check.claims, &why);
	if (r == 0)
		return;
	if (r == -ENOMEM) {
		search_out_of_memory(g, now);
	} else if (r == -ENOKEY && !g->check.keys_asked) {
		g->keys = json_free(g->keys); /* there may be new ones */
	} else {
		fault_set(&f, FAULT_WRONG_IDENTITY,
			"who approved can't be proved, so that nothing of it is taken: %s",
			why.detail);
		refuse(g, &f, now);
	}
}

static void find_out(struct grant *g, struct now now)
{
	bool keys = g->keys && now.boot_usec < g->keys_expire_boot;

	if (id_token_pending(g) && keys)
		check_id_token(g, now);
	else if (id_token_pending(g))
		grant_begin(g, TASK_KEYS, now);
	else if (userinfo_wanted(g))
		grant_begin(g, TASK_IDENTITY, now);
	else
		found_out(g, NULL, now);
}

/* Has its token ended, and can no other one be had for it? Where nobody approves, one is asked for
 * once it is confirmed. */
static bool is_over(const struct grant *g, struct now now)
{
	if (g->record.candidate.grant.token.refresh_token ||
		(grant_unattended(g) && g->check.found_out))
		return false;
	return now.boot_usec >= g->check.expires_boot;
}

bool grant_check_due(struct grant *g, struct now now)
{
	const struct check *k = &g->check;
	bool refresh, question, end;

	if (!grant_candidate(g) || grant_discarding(g))
		return false;
	refresh =
		g->record.candidate.grant.token.refresh_token && grant_due(g, k->refresh_boot, now);
	question = grant_due(g, k->due_boot, now);
	end = is_over(g, now);
	if (!g->record.candidate.grant.token.refresh_token && !grant_unattended(g) && !end &&
		k->expires_boot < g->deadline)
		g->deadline = k->expires_boot;
	return k->word != UNDECIDED || refresh || question || end;
}

void grant_check(struct grant *g, struct now now)
{
	const struct check *k = &g->check;

	if (k->word == REJECTED)
		reject(g, now);
	else if (is_over(g, now))
		end_candidate(g, "its token has expired, and there is no refresh token", now);
	else if (g->record.candidate.grant.token.refresh_token &&
		grant_due(g, k->refresh_boot, now))
		grant_begin(g, TASK_CANDIDATE, now);
	else if (k->found_out)
		judge(g, now);
	else
		find_out(g, now);
}

/* --- replies --- */

static void keys_reply(struct grant *g, struct json *document, struct verdict *v, struct now now)
{
	if (!json_is(json_get(document, "keys"), JSON_ARRAY)) {
		v->kind = REPLY_BROKEN;
		fault_set(&v->fault, FAULT_PROTOCOL,
			"what stands at the provider's jwks_uri is no set of keys");
		json_free(document);
		return;
	}
	json_free(g->keys);
	g->keys = document;
	g->keys_expire_boot = usec_add(now.boot_usec, KEYS_LIFETIME);
	g->check.keys_asked = true;
}

/* Userinfo must be about the person that the id_token is about (OpenID Connect Core §5.3.2). */
static void identity_reply(struct grant *g, const struct json *document, struct now now)
{
	const struct json *claims = g->check.claims;
	struct fault f;

	if (!claims ||
		text_equal(
			json_get_text(claims, "sub"), json_get_text(document, subject_claim(g)))) {
		found_out(g, document, now);
		return;
	}
	fault_set(&f, FAULT_WRONG_IDENTITY,
		"who approved can't be proved, so that nothing of it is taken: userinfo is of another "
		"person (\"sub\") than the id_token");
	refuse(g, &f, now);
}

/* "/id/ORG/USER" of an address. */
static const char *id_path(const char *url)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *path = url ? strstr(url, "/id/") : NULL, *at;
	size_t org, user;

	if (!path)
		return NULL;
	at = path + strlen("/id/");
	org = strspn(at, letters);
	if (org == 0 || at[org] != '/')
		return NULL;
	user = strspn(at + org + 1, letters);
	return user > 0 && at[org + 1 + user] == '\0' ? path : NULL;
}

/* Userinfo is not there, or not for this token: does the token reply tell of another document? It
 * is asked for at the issuer, since no token is sent to a host that a reply names. */
static bool ask_at_id(struct grant *g, const struct exchange_reply *reply, struct now now)
{
	const struct token *t = &g->record.candidate.grant.token;
	const char *path = id_path(json_get_text(t->extra, "id"));
	struct buf url = BUF(METADATA_URL_MAX);

	if (!(g->setup.client.quirks & QUIRK_IDENTITY_AT_ID) || g->setup.approver.url ||
		!g->setup.issuer || g->check.id_url || !path ||
		reply->outcome != EXCHANGE_REPLIED ||
		(reply->status != 403 && reply->status != 404))
		return false;
	(void)buf_printf(&url, "%s%s", g->setup.issuer, path); /* failures stick */
	g->check.id_url = buf_steal(&url);
	if (!g->check.id_url)
		search_out_of_memory(g, now);
	return true;
}

/* The token was not taken there: another one may be, once. */
static bool renew_refused(struct grant *g, const struct exchange_reply *reply, struct now now)
{
	struct check *k = &g->check;

	if (reply->outcome != EXCHANGE_REPLIED || reply->retry_after[0] || k->renewed ||
		(reply->status != 401 && reply->status != 403) ||
		!g->record.candidate.grant.token.refresh_token)
		return false;
	k->renewed = true;
	k->refresh_boot = now.boot_usec;
	return true;
}

void grant_check_reply(
	struct grant *g, enum task task, const struct exchange_reply *reply, struct now now)
{
	struct json *document = NULL;
	struct verdict v = {.kind = REPLY_OK};

	if (task == TASK_IDENTITY && !is_optional(g, task) &&
		(ask_at_id(g, reply, now) || renew_refused(g, reply, now)))
		return;
	if (reply_document(reply, now, &document, &v) < 0) {
		search_out_of_memory(g, now);
		return;
	}
	if (v.kind == REPLY_OK && task == TASK_KEYS) {
		keys_reply(g, document, &v, now);
	} else if (v.kind == REPLY_OK) {
		identity_reply(g, document, now);
		json_free(document);
	}
	if (v.kind != REPLY_OK)
		grant_fail_task(g, task, &v, now);
}

/* --- commands --- */

void grant_command_confirm(struct grant *g, enum grant_command command)
{
	struct record_grant *c = &g->record.candidate.grant;
	struct check *k = &g->check;
	struct fault f;

	if (!c->present || c->discard || (!grant_candidate(g) && command != GRANT_REJECT)) {
		fault_set(&f, FAULT_NEEDS_APPROVAL,
			"there is no approval to confirm or reject: begin with a login");
		grant_conclude(g, GRANT_END_CONFIRMATION, &f);
	} else if (!grant_candidate(g)) { /* of another provider: nobody there can be told */
		forget_candidate(g);
		grant_conclude(g, GRANT_END_CONFIRMATION, NULL);
	} else if (command == GRANT_REJECT) {
		k->word = REJECTED;
	} else if (!k->found_out) {
		fault_set(&f, FAULT_TRANSIENT, "who approved is not known yet: confirm it later");
		grant_conclude(
			g, GRANT_END_CONFIRMATION, k->fault.kind != FAULT_NONE ? &k->fault : &f);
	} else {
		k->word = command == GRANT_CONFIRM ? CONFIRMED : CONFIRMED_TO_REPLACE;
	}
}

/* --- the grant held --- */

bool grant_of_wrong_person(const struct grant *g, struct fault *ret)
{
	const struct grant_approver *a = &g->setup.approver;

	if (a->expect.n == 0 || !grant_have(g))
		return false;
	if (identity_known(&g->record.identity))
		return !identity_meets(
			&g->record.identity, &a->expect, a->email == GRANT_EMAIL_VOUCHED, ret);
	fault_set(ret, FAULT_WRONG_IDENTITY,
		"who gave the grant is not known, since it was given before `expect` was set: log in "
		"again");
	return true;
}

int grant_refuse_refreshed(struct grant *g, struct token *t, struct now now)
{
	const struct identity *before = &g->record.identity;
	_cleanup_(json_freep) struct json *claims = NULL;
	_cleanup_(identity_done) struct identity other = {0};
	const char *issuer, *subject;
	int r;

	if (!t->id_token || g->setup.approver.confirm == GRANT_CONFIRM_NONE ||
		!identity_known(before) || !text_equal(before->issuer, g->setup.issuer))
		return 0;
	r = idtoken_peek(t->id_token, &claims);
	if (r < 0)
		return r == -EBADMSG ? 0 : r; /* tells nothing of anybody */
	issuer = json_get_text(claims, "iss");
	subject = json_get_text(claims, "sub");
	if (!issuer || !subject ||
		(text_equal(issuer, before->issuer) && text_equal(subject, before->subject)))
		return 0;
	other.subject = mem_strdup(subject);
	if (!other.subject || grant_fill(g, &g->record.grant, t, true, NULL, now) < 0)
		return -ENOMEM;
	grant_refuse_held(g, &other, now);
	return 1;
}
