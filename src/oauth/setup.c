/* SPDX-License-Identifier: BSD-2-Clause */

/* The configuration of a grant as values. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/setup.h"

static const char *const flow_names[_GRANT_FLOW_MAX] = {
	[GRANT_FLOW_DEVICE] = "device",
};

const char *grant_flow_to_string(enum grant_flow flow)
{
	return flow_names[flow];
}

int grant_flow_from_string(const char *text, enum grant_flow *ret)
{
	for (unsigned i = 0; i < _GRANT_FLOW_MAX; i++)
		if (text_equal(text, flow_names[i])) {
			*ret = (enum grant_flow)i;
			return 0;
		}
	return -EINVAL;
}

static int copy_text(const char *from, char **ret)
{
	*ret = mem_strdup(from);
	return from && !*ret ? -ENOMEM : 0;
}

int grant_setup_copy(const struct grant_setup *from, struct grant_setup *ret)
{
	struct grant_setup copy = {
		.flow = from->flow,
		.auth_by_metadata = from->auth_by_metadata,
		.margin_usec = from->margin_usec,
		.keepalive_usec = from->keepalive_usec,
		.assume_lifetime_usec = from->assume_lifetime_usec,
	};

	if (copy_text(from->name, &copy.name) < 0 || copy_text(from->issuer, &copy.issuer) < 0 ||
		metadata_copy(&from->endpoints, &copy.endpoints) < 0 ||
		client_copy(&from->client, &copy.client) < 0 ||
		names_copy(&from->scopes, &copy.scopes) < 0 ||
		names_copy(&from->required_scopes, &copy.required_scopes) < 0 ||
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
	metadata_done(&s->endpoints);
	client_done(&s->client);
	names_done(&s->scopes);
	names_done(&s->required_scopes);
	params_done(&s->request_parameters);
	params_done(&s->token_parameters);
}

static bool metadata_equal(const struct metadata *a, const struct metadata *b)
{
	return text_equal(a->token, b->token) &&
		text_equal(a->device_authorization, b->device_authorization) &&
		text_equal(a->revocation, b->revocation) &&
		text_equal(a->introspection, b->introspection) &&
		text_equal(a->userinfo, b->userinfo);
}

static bool client_equal(const struct client *a, const struct client *b)
{
	return text_equal(a->id, b->id) && a->auth == b->auth && secret_equal(a->secret, b->secret);
}

static bool params_equal(const struct params *a, const struct params *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!text_equal(a->items[i].name, b->items[i].name) ||
			!text_equal(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

bool grant_setup_equal(const struct grant_setup *a, const struct grant_setup *b)
{
	return text_equal(a->name, b->name) && a->flow == b->flow &&
		a->auth_by_metadata == b->auth_by_metadata && text_equal(a->issuer, b->issuer) &&
		metadata_equal(&a->endpoints, &b->endpoints) &&
		client_equal(&a->client, &b->client) && names_same_set(&a->scopes, &b->scopes) &&
		names_same_set(&a->required_scopes, &b->required_scopes) &&
		params_equal(&a->request_parameters, &b->request_parameters) &&
		params_equal(&a->token_parameters, &b->token_parameters) &&
		a->margin_usec == b->margin_usec && a->keepalive_usec == b->keepalive_usec &&
		a->assume_lifetime_usec == b->assume_lifetime_usec;
}
