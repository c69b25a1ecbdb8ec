/* SPDX-License-Identifier: BSD-2-Clause */

/* The configuration of a grant as values. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/setup.h"

static const char *const flow_names[_GRANT_FLOW_MAX] = {
	[GRANT_FLOW_DEVICE] = "device",
	[GRANT_FLOW_PASTE] = "paste",
	[GRANT_FLOW_CLIENT_CREDENTIALS] = "client_credentials",
	[GRANT_FLOW_JWT_BEARER] = "jwt_bearer",
};

const char *grant_flow_to_string(enum grant_flow flow)
{
	return flow_names[flow];
}

bool grant_flow_unattended(enum grant_flow flow)
{
	return flow == GRANT_FLOW_CLIENT_CREDENTIALS || flow == GRANT_FLOW_JWT_BEARER;
}

static const char *const confirm_names[_GRANT_CONFIRM_MAX] = {
	[GRANT_CONFIRM_AUTO] = "auto",
	[GRANT_CONFIRM_OPERATOR] = "operator",
	[GRANT_CONFIRM_NONE] = "none",
};

const char *grant_confirm_to_string(enum grant_confirm confirm)
{
	return confirm_names[confirm];
}

static const char *const email_names[_GRANT_EMAIL_MAX] = {
	[GRANT_EMAIL_VERIFIED] = "verified",
	[GRANT_EMAIL_VOUCHED] = "vouched",
};

const char *grant_email_to_string(enum grant_email email)
{
	return email_names[email];
}

static int copy_text(const char *from, char **ret)
{
	*ret = mem_strdup(from);
	return from && !*ret ? -ENOMEM : 0;
}

static int approver_copy(const struct grant_approver *from, struct grant_approver *ret)
{
	ret->confirm = from->confirm;
	ret->email = from->email;
	if (copy_text(from->url, &ret->url) < 0 || copy_text(from->subject, &ret->subject) < 0)
		return -ENOMEM;
	return params_copy(&from->expect, &ret->expect);
}

int grant_setup_copy(const struct grant_setup *from, struct grant_setup *ret)
{
	struct grant_setup copy = {
		.flow = from->flow,
		.auth_by_metadata = from->auth_by_metadata,
		.margin_usec = from->margin_usec,
		.keepalive_usec = from->keepalive_usec,
		.assume_lifetime_usec = from->assume_lifetime_usec,
		.idle_lifetime_usec = from->idle_lifetime_usec,
		.absolute_lifetime_usec = from->absolute_lifetime_usec,
	};

	if (copy_text(from->name, &copy.name) < 0 || copy_text(from->issuer, &copy.issuer) < 0 ||
		copy_text(from->redirect_uri, &copy.redirect_uri) < 0 ||
		copy_text(from->assertion_subject, &copy.assertion_subject) < 0 ||
		copy_text(from->assertion_audience, &copy.assertion_audience) < 0 ||
		copy_text(from->audience, &copy.audience) < 0 ||
		params_copy(&from->assertion_claims, &copy.assertion_claims) < 0 ||
		metadata_copy(&from->endpoints, &copy.endpoints) < 0 ||
		client_copy(&from->client, &copy.client) < 0 ||
		names_copy(&from->scopes, &copy.scopes) < 0 ||
		names_copy(&from->required_scopes, &copy.required_scopes) < 0 ||
		approver_copy(&from->approver, &copy.approver) < 0 ||
		aliases_copy(&from->scope_aliases, &copy.scope_aliases) < 0 ||
		hints_copy(&from->hints, &copy.hints) < 0 ||
		names_copy(&from->resources, &copy.resources) < 0 ||
		params_copy(&from->request_parameters, &copy.request_parameters) < 0 ||
		params_copy(&from->token_parameters, &copy.token_parameters) < 0) {
		grant_setup_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void grant_setup_done(struct grant_setup *s)
{
	s->name = mem_free(s->name);
	s->issuer = mem_free(s->issuer);
	s->redirect_uri = mem_free(s->redirect_uri);
	s->assertion_subject = mem_free(s->assertion_subject);
	s->assertion_audience = mem_free(s->assertion_audience);
	s->audience = mem_free(s->audience);
	params_done(&s->assertion_claims);
	metadata_done(&s->endpoints);
	client_done(&s->client);
	names_done(&s->scopes);
	names_done(&s->required_scopes);
	params_done(&s->approver.expect);
	s->approver.url = mem_free(s->approver.url);
	s->approver.subject = mem_free(s->approver.subject);
	aliases_done(&s->scope_aliases);
	hints_done(&s->hints);
	names_done(&s->resources);
	params_done(&s->request_parameters);
	params_done(&s->token_parameters);
}
