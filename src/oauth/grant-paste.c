/* SPDX-License-Identifier: BSD-2-Clause */

/* A person approves in any browser and brings the address back: the authorization code flow, RFC
 * 6749 §4.1, with PKCE (RFC 7636) and the issuer in the answer (RFC 9207). */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/grant-state.h"
#include "oauth/paste.h"
#include "oauth/quirks.h"

bool grant_awaits_paste(const struct grant *g)
{
	return g->record.approval.present && g->record.approval.state;
}

/* The scopes as they are asked for; as one where commas part them. 0, -ENOMEM. */
static int asked_scopes(const struct grant *g, struct names *ret)
{
	_cleanup_(mem_freep) char *joined = NULL;

	if (!(g->setup.client.quirks & QUIRK_SCOPE_COMMAS) || g->setup.scopes.n == 0)
		return names_copy(&g->setup.scopes, ret);
	joined = names_join(&g->setup.scopes, ",");
	return joined ? names_add(ret, joined, strlen(joined)) : -ENOMEM;
}

/* What an address to open is made of beside the setup. */
struct ingredients {
	const char *endpoint;
	const struct secret *state, *verifier, *nonce;
};

/* The address to open, in @ret. 0, -ENOMEM, -EMSGSIZE. */
static int authorization_url(const struct grant *g, const struct ingredients *with, char **ret)
{
	_cleanup_(buf_done) struct buf url = BUF(PASTE_MAX);
	_cleanup_(names_done) struct names scopes = {0};
	_cleanup_(params_done) struct params parameters = {0};
	const bool pkce = !(g->setup.client.quirks & QUIRK_NO_PKCE_PASTE);
	const struct names none = {0};
	int r;

	r = asked_scopes(g, &scopes);
	if (r == 0)
		r = grant_parameters(
			&none, g->setup.audience, &g->setup.request_parameters, &parameters);
	if (r == 0)
		r = paste_url(with->endpoint, g->setup.client.id, g->setup.redirect_uri, &scopes,
			with->state, pkce ? with->verifier : NULL, with->nonce, &g->setup.resources,
			&parameters, &url);
	if (r < 0)
		return r;
	*ret = buf_steal(&url);
	return *ret ? 0 : -ENOMEM;
}

static int draw_state(struct grant *g, struct secret **ret)
{
	uint8_t random[32];
	int r;

	r = grant_draw(g, random);
	if (r == 0)
		r = pkce_verifier(random, ret); /* the same shape: 32 random bytes in base64url */
	mem_wipe(random, sizeof(random));
	return r;
}

static int prepare_paste(struct grant *g, struct record_approval *ret)
{
	_cleanup_(secret_freep) struct secret *state = NULL;
	_cleanup_(mem_freep) char *url = NULL, *binding = mem_strdup(g->binding);
	_cleanup_(mem_freep) char *redirect_uri = mem_strdup(g->setup.redirect_uri);
	int r = binding && redirect_uri ? 0 : -ENOMEM;

	if (r == 0)
		r = grant_prepare_verifier(g);
	if (r == 0)
		r = draw_state(g, &state);
	if (r == 0)
		r = authorization_url(g,
			&(struct ingredients){
				grant_endpoint(g, TASK_AUTHORIZE), state, g->verifier, g->nonce},
			&url);
	if (r < 0)
		return r;
	*ret = (struct record_approval){
		.present = true,
		.binding = steal(binding),
		.device.verification_uri = steal(url),
		.state = steal(state),
		.redirect_uri = steal(redirect_uri),
		.names_issuer = g->endpoints.names_issuer,
		.expires_usec = USEC_NEVER,
	};
	ret->verifier = steal(g->verifier);
	ret->nonce = steal(g->nonce);
	return 0;
}

void grant_begin_paste(struct grant *g, struct now now)
{
	struct record_approval approval;
	struct verdict v = {.kind = REPLY_TRANSIENT};

	if (prepare_paste(g, &approval) < 0) {
		fault_set(
			&v.fault, FAULT_INTERNAL, "out of memory, or an address beyond all bounds");
		grant_fail_task(g, TASK_AUTHORIZE, &v, now);
		return;
	}
	grant_drop_approval(g);
	g->record.approval = approval;
	g->approval_expires_boot = USEC_NEVER;
	g->poll_boot = USEC_NEVER;
	grant_announce(g);
}

int grant_paste(struct grant *g, const char *text, size_t len, bool code_only, struct now now,
	struct fault *reterr)
{
	const struct paste_expect expect = {
		.state = g->record.approval.state,
		.issuer = g->setup.issuer,
		.iss_required = g->record.approval.names_issuer || g->endpoints.names_issuer,
		.scopes = &g->setup.scopes,
		.code_only = code_only && !(g->setup.client.quirks & QUIRK_NO_PKCE_PASTE),
		.hints = &g->setup.hints,
	};
	struct secret *code = NULL;
	int r;

	if (g->code) {
		fault_set(reterr, FAULT_TRANSIENT,
			"another address is being looked at: wait for its end");
		return -EBADMSG;
	}
	if (g->setup.flow != GRANT_FLOW_PASTE) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"flow %s takes no address: set flow: paste for that",
			grant_flow_to_string(g->setup.flow));
		return -EBADMSG;
	}
	if (!grant_awaits_paste(g) || !g->approval_stored) {
		fault_set(reterr, FAULT_NEEDS_APPROVAL,
			"no address is waited for: begin with a login");
		return -EBADMSG;
	}
	if (g->not_before_boot > now.boot_usec) {
		fault_set(reterr, FAULT_THROTTLED,
			"the provider asked to wait before the next request: paste it later");
		return -EBADMSG;
	}
	r = paste_read(text, len, &expect, &code, reterr);
	if (r < 0)
		return r;
	g->code = code;
	grant_tick(g, now);
	return 0;
}

/* A code is good for one use, also where it failed: the person opens the same address again. */
void grant_code_failed(struct grant *g, const struct verdict *v, struct now now)
{
	struct fault f = v->fault;

	g->code = secret_free(g->code);
	if (v->kind == REPLY_INVALID_GRANT || v->kind == REPLY_DENIED || v->kind == REPLY_EXPIRED)
		fault_set(&f, FAULT_NEEDS_APPROVAL,
			"the provider does not take the code, which is good once and for a short time: "
			"open the address again and paste the new one (%s)",
			v->fault.detail);
	else if (v->kind != REPLY_MISCONFIGURED)
		fault_set(&f, v->fault.kind,
			"the code could not be exchanged: open the address again and paste the new one "
			"(%s)",
			v->fault.detail);
	grant_obey_retry_after(g, v->retry_after_usec, now);
	grant_set_fault(g, &f, now);
	grant_conclude(g, GRANT_END_PASTE, &f);
}

/* Would the address be the same if it were made now? Where the endpoint is not known at the moment
 * it is taken to be the one of before. */
static bool address_holds(const struct grant *g)
{
	const struct record_approval *a = &g->record.approval;
	const char *have = a->device.verification_uri, *query = strstr(have, "response_type=");
	const char *endpoint = grant_endpoint(g, TASK_AUTHORIZE);
	_cleanup_(mem_freep) char *before = NULL, *url = NULL;

	if (!endpoint && query && query > have) {
		before = mem_strndup(have, (size_t)(query - have) - 1);
		endpoint = before;
	}
	/* Without memory nothing is thrown away. */
	if (!endpoint ||
		authorization_url(g,
			&(struct ingredients){endpoint, a->state, a->verifier, a->nonce}, &url) < 0)
		return true;
	return text_equal(url, have);
}

bool grant_approval_fits(const struct grant *g)
{
	const struct record_approval *a = &g->record.approval;

	if (!text_equal(a->binding, g->binding))
		return false;
	switch (g->setup.flow) {
	case GRANT_FLOW_DEVICE:
		return !a->state;
	case GRANT_FLOW_PASTE:
		return a->state && text_equal(a->redirect_uri, g->setup.redirect_uri) &&
			address_holds(g);
	case GRANT_FLOW_CLIENT_CREDENTIALS:
	case GRANT_FLOW_JWT_BEARER:
	case _GRANT_FLOW_MAX:
		break;
	}
	return false;
}

void grant_review_approval(struct grant *g, struct now now)
{
	struct fault f;

	if (!g->record.approval.present || grant_approval_fits(g))
		return;
	grant_drop_approval(g);
	fault_set(&f, FAULT_NEEDS_APPROVAL,
		"flow, or what the address to open is made of, has changed: the approval that was "
		"pending is void");
	grant_conclude(g, GRANT_END_APPROVAL, &f);
	if (!grant_have(g) && !grant_unattended(g))
		grant_want_login(g, now.boot_usec, false);
}
