/* SPDX-License-Identifier: BSD-2-Clause */

/* What holds between the keys of a connection (grantd.yaml(5)). A key that is there but wrong was
 * told already and breaks no rule: the rules look at what was written, not at what came of it. */

#include <string.h>

#include "base/text.h"
#include "config/rules.h"

static void check_endpoints(const struct teller *t, const struct place *at,
	const struct yaml_node *node, const struct config_connection *c)
{
	static const char *const first[_GRANT_FLOW_MAX] = {
		[GRANT_FLOW_DEVICE] = "device_authorization",
		[GRANT_FLOW_PASTE] = "authorization",
	};
	const char *const needed[] = {"token", first[c->setup.flow]};
	const size_t n = needed[1] ? 2 : 1;
	const struct yaml_node *endpoints = yaml_node_get(node, "endpoints");
	const struct place section = {.up = at, .name = "endpoints"};

	if (yaml_node_get(node, "issuer") || (endpoints && endpoints->broken))
		return;
	if (!endpoints) {
		tell_key(t, at, node,
			"no way to its endpoints, must be issuer, or endpoints.token%s%s",
			n > 1 ? " and endpoints." : "", n > 1 ? needed[1] : "");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct place here = {.up = &section, .name = needed[i]};

		if (!yaml_node_get(endpoints, needed[i]))
			tell_key(t, &here, endpoints,
				"missing, must be given where there is no issuer");
	}
}

static void check_client_auth(const struct teller *t, const struct place *at,
	const struct yaml_node *node, struct config_connection *c)
{
	const struct place here = {.up = at, .name = "client_auth"};
	bool secret = yaml_node_get(node, "client_secret") != NULL;

	if (!c->client_auth_given) {
		c->setup.client.auth = secret ? CLIENT_AUTH_BASIC : CLIENT_AUTH_NONE;
		c->setup.auth_by_metadata = secret;
		return;
	}
	if (c->setup.client.auth == CLIENT_AUTH_NONE && secret)
		tell_value(t, &here, yaml_node_get(node, "client_auth"),
			"is none beside a client_secret, must be one or the other");
	if (c->setup.client.auth != CLIENT_AUTH_NONE && !secret)
		tell_value(t, &here, yaml_node_get(node, "client_auth"),
			"is %s without a client_secret, must be none or have one",
			client_auth_to_string(c->setup.client.auth));
}

static void check_flow(const struct teller *t, const struct place *at, const struct yaml_node *node,
	const struct config_connection *c)
{
	const struct place here = {.up = at, .name = "flow"};
	const struct place redirect = {.up = at, .name = "redirect_uri"};

	if (c->setup.flow == GRANT_FLOW_CLIENT_CREDENTIALS && !yaml_node_get(node, "client_secret"))
		tell_value(t, &here, yaml_node_get(node, "flow"),
			"is client_credentials without a client_secret, must have one: it is the "
			"credential");
	if (c->setup.flow == GRANT_FLOW_PASTE && !yaml_node_get(node, "redirect_uri"))
		tell_value(t, &here, yaml_node_get(node, "flow"),
			"is paste without a redirect_uri, must have the one registered at the "
			"provider");
	if (c->setup.flow != GRANT_FLOW_PASTE && yaml_node_get(node, "redirect_uri"))
		tell_key(t, &redirect, yaml_node_get(node, "redirect_uri"),
			"goes with flow paste only, must be left out");
}

/* Words that ask for a kind of token, and that providers leave out of what they say they granted.
 */
static bool is_offline_word(const char *scope)
{
	static const char *const words[] = {"openid", "offline_access", "offline", "refresh_token"};

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (text_equal(scope, words[i]))
			return true;
	return false;
}

static int default_required_scopes(struct grant_setup *setup)
{
	int outcome = 0;

	for (size_t i = 0; i < setup->scopes.n && outcome == 0; i++) {
		const char *scope = setup->scopes.items[i];

		if (!is_offline_word(scope))
			outcome = names_add(&setup->required_scopes, scope, strlen(scope));
	}
	return outcome;
}

/* The entry of @list that says @text, or @list itself where it is one text. */
static struct yaml_node *entry_of(struct yaml_node *list, const char *text)
{
	for (struct yaml_node *child = list->first; child; child = child->next)
		if (text_equal(child->text, text))
			return child;
	return list;
}

static int check_required_scopes(const struct teller *t, const struct place *at,
	const struct yaml_node *node, struct config_connection *c)
{
	const struct place here = {.up = at, .name = "required_scopes"};
	const struct yaml_node *scopes = yaml_node_get(node, "scopes");

	if (!c->required_scopes_given)
		return default_required_scopes(&c->setup);
	if (scopes && scopes->broken)
		return 0;
	for (size_t i = 0; i < c->setup.required_scopes.n; i++) {
		const char *scope = c->setup.required_scopes.items[i];

		if (!names_have(&c->setup.scopes, scope))
			tell_value(t, &here, entry_of(yaml_node_get(node, here.name), scope),
				"\"%.*s\" is not asked for, must be in scopes", TELL_WORD_SHOWN,
				scope);
	}
	return 0;
}

int rules_check(const struct teller *t, const struct place *at, const struct yaml_node *node,
	struct config_connection *c)
{
	check_endpoints(t, at, node, c);
	check_client_auth(t, at, node, c);
	check_flow(t, at, node, c);
	return check_required_scopes(t, at, node, c);
}
