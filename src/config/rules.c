/* SPDX-License-Identifier: BSD-2-Clause */

/* What holds between the keys of a connection (grantd.yaml(5)). A key that is there but wrong was
 * told already and breaks no rule: the rules look at what was written, not at what came of it. */

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/rules.h"

static void check_endpoints(const struct teller *t, const struct place *at,
	const struct yaml_node *node, const struct config_connection *c)
{
	static const char *const first[_GRANT_FLOW_MAX] = {
		[GRANT_FLOW_DEVICE] = "device_authorization",
		[GRANT_FLOW_PASTE] = "authorization",
	};
	const struct metadata *m = &c->setup.endpoints;
	const char *const needed[] = {"token", first[c->setup.flow]};
	const char *const have[] = {m->token,
		c->setup.flow == GRANT_FLOW_DEVICE ? m->device_authorization : m->authorization};
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
		const struct yaml_node *written = yaml_node_get(endpoints, needed[i]);

		/* One of the profile that could not be filled in is written, and left out. */
		if (!have[i] && !(written && written->broken))
			tell_key(t, &here, endpoints,
				"missing, must be given where there is no issuer");
	}
}

/* What proves the client where nobody says: in flow jwt_bearer the assertion is proof enough. */
static enum client_auth default_client_auth(
	const struct config_connection *c, bool secret, bool key)
{
	if (secret)
		return CLIENT_AUTH_BASIC;
	return key && c->setup.flow != GRANT_FLOW_JWT_BEARER ? CLIENT_AUTH_KEY : CLIENT_AUTH_NONE;
}

/* What a way of client authentication takes. */
static const char *proof_of(enum client_auth auth)
{
	switch (auth) {
	case CLIENT_AUTH_BASIC:
	case CLIENT_AUTH_BASIC_RAW:
	case CLIENT_AUTH_POST:
		return "client_secret";
	case CLIENT_AUTH_KEY:
		return "client_key";
	case CLIENT_AUTH_NONE:
	case _CLIENT_AUTH_MAX:
		break;
	}
	return NULL;
}

static void check_client_auth(const struct teller *t, const struct place *at,
	const struct yaml_node *node, struct config_connection *c)
{
	const struct place here = {.up = at, .name = "client_auth"};
	struct client *client = &c->setup.client;
	bool secret = yaml_node_get(node, "client_secret") != NULL;
	const char *needed;

	needed = proof_of(client->auth);
	/* What the profile prefers is for those who have what it takes. */
	if (!yaml_node_own(node, here.name) &&
		(text_equal(needed, "client_secret") != secret ||
			(needed && !yaml_node_get(node, needed))))
		c->client_auth_given = false;
	if (!c->client_auth_given) {
		client->auth = default_client_auth(c, secret, yaml_node_get(node, "client_key"));
		c->setup.auth_by_metadata = secret;
		return;
	}
	if (!text_equal(needed, "client_secret") && secret)
		tell_value(t, &here, yaml_node_get(node, "client_auth"),
			"is %s beside a client_secret, must be one or the other",
			client_auth_to_string(client->auth));
	if (needed && !yaml_node_get(node, needed))
		tell_value(t, &here, yaml_node_get(node, "client_auth"),
			"is %s without a %s, must be none or have one",
			client_auth_to_string(client->auth), needed);
}

/* Where a fault of @name is told, also where the profile has it: at what the connection says. */
static struct yaml_node *place_of(struct yaml_node *node, const char *name)
{
	struct yaml_node *own = yaml_node_own(node, name);

	if (!own)
		own = yaml_node_own(node, "provider");
	return own ? own : node;
}

/* A key @name of the connection that has no use without something else, which @missing tells. One
 * of the profile has none here, and nothing is wrong with it. */
static void check_use(const struct teller *t, const struct place *at, const struct yaml_node *node,
	const char *name, const char *missing)
{
	const struct place here = {.up = at, .name = name};

	if (yaml_node_own(node, name))
		tell_key(t, &here, yaml_node_own(node, name), "%s", missing);
}

/* Keys that only say more about the private key, and the private key itself. */
static void check_key(const struct teller *t, const struct place *at, const struct yaml_node *node,
	const struct config_connection *c)
{
	static const char *const details[] = {
		"client_key_passphrase", "client_key_id", "client_key_algorithm"};
	const bool proves = c->setup.client.auth == CLIENT_AUTH_KEY;
	const struct yaml_node *auth = yaml_node_get(node, "client_auth");

	for (size_t i = 0; i < ELEMENTS(details) && !yaml_node_get(node, "client_key"); i++)
		check_use(t, at, node, details[i],
			"has no use without a client_key, must be left out or have one");
	if (auth && auth->broken)
		return;
	if (!proves)
		check_use(t, at, node, "client_auth_audience",
			"has no use without client_auth: private_key_jwt, must be left out or have "
			"it");
	if (!proves && c->setup.flow != GRANT_FLOW_JWT_BEARER)
		check_use(t, at, node, "client_key",
			"has no use without client_auth: private_key_jwt or flow: jwt_bearer, must "
			"be left out or have one of them");
}

static void check_assertion(const struct teller *t, const struct place *at, struct yaml_node *node,
	const struct config_connection *c)
{
	const struct place here = {.up = at, .name = "flow"};
	const struct yaml_node *assertion = yaml_node_get(node, "assertion");

	if (c->setup.flow != GRANT_FLOW_JWT_BEARER) {
		check_use(t, at, node, "assertion",
			"goes with flow jwt_bearer only, must be left out");
		return;
	}
	if (!yaml_node_get(node, "client_key"))
		tell_value(t, &here, place_of(node, "flow"),
			"is jwt_bearer without a client_key, must have one: it signs the assertion");
	if (!assertion || (!yaml_node_get(assertion, "subject") && !assertion->broken))
		tell_value(t, &here, place_of(node, "flow"),
			"is jwt_bearer without assertion.subject, must name the user whose token it "
			"is");
}

/* Is the parameter @name given by its own key and once more in @map? A server would refuse it. */
static void check_twice(const struct teller *t, const struct place *at,
	const struct yaml_node *node, const char *name, const char *map)
{
	const struct place section = {.up = at, .name = map};
	const struct place here = {.up = &section, .name = name};
	const struct yaml_node *more = yaml_node_get(node, map);
	const struct yaml_node *second = more ? yaml_node_get(more, name) : NULL;

	if (second && yaml_node_get(node, name))
		tell_key(t, &here, second, "is sent by the key %s already, must be left out", name);
}

static void check_parameters(
	const struct teller *t, const struct place *at, const struct yaml_node *node)
{
	check_twice(t, at, node, "audience", "request_parameters");
	check_twice(t, at, node, "resource", "request_parameters");
	check_twice(t, at, node, "resource", "token_parameters");
}

static void check_flow(const struct teller *t, const struct place *at, struct yaml_node *node,
	struct config_connection *c)
{
	const struct place here = {.up = at, .name = "flow"};
	const struct place redirect = {.up = at, .name = "redirect_uri"};

	if (c->setup.flow == GRANT_FLOW_CLIENT_CREDENTIALS &&
		!yaml_node_get(node, "client_secret") && !yaml_node_get(node, "client_key"))
		tell_value(t, &here, place_of(node, "flow"),
			"is client_credentials without a client_secret or client_key, must have "
			"one: it is the credential");
	if (c->setup.flow == GRANT_FLOW_PASTE && !yaml_node_get(node, "redirect_uri"))
		tell_value(t, &here, place_of(node, "flow"),
			"is paste without a redirect_uri, must have the one registered at the "
			"provider");
	if (c->setup.flow != GRANT_FLOW_PASTE && yaml_node_own(node, "redirect_uri"))
		tell_key(t, &redirect, yaml_node_get(node, "redirect_uri"),
			"goes with flow paste only, must be left out");
}

/* What a profile has for others than this connection is. */
static void drop_unused(struct grant_setup *s)
{
	if (s->flow != GRANT_FLOW_PASTE)
		s->redirect_uri = mem_free(s->redirect_uri);
	if (s->client.auth != CLIENT_AUTH_KEY)
		s->client.auth_audience = mem_free(s->client.auth_audience);
	if (s->flow != GRANT_FLOW_JWT_BEARER) {
		s->assertion_subject = mem_free(s->assertion_subject);
		s->assertion_audience = mem_free(s->assertion_audience);
		params_done(&s->assertion_claims);
	}
	if (s->flow != GRANT_FLOW_JWT_BEARER && s->client.auth != CLIENT_AUTH_KEY) {
		s->client.key_id = mem_free(s->client.key_id);
		s->client.key_algorithm = mem_free(s->client.key_algorithm);
	}
}

static int default_required_scopes(struct config_connection *c)
{
	struct grant_setup *setup = &c->setup;
	int outcome = 0;

	names_done(&setup->required_scopes);
	for (size_t i = 0; i < setup->scopes.n && outcome == 0; i++) {
		const char *scope = setup->scopes.items[i];

		if (!scope_is_request_only(scope) && !names_have(&c->offline_scopes, scope))
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

	/* What a profile requires of the scopes it asks for, says nothing of others. */
	if (yaml_node_own(node, "scopes") && !yaml_node_own(node, here.name))
		c->required_scopes_given = false;
	if (!c->required_scopes_given)
		return default_required_scopes(c);
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

/* Can the provider tell who approved, as far as the configuration says? */
static bool tells_identity(const struct yaml_node *node, const struct config_connection *c)
{
	const struct yaml_node *endpoints = yaml_node_get(node, "endpoints");
	const struct yaml_node *identity = yaml_node_get(node, "identity");

	if (c->setup.approver.url || c->setup.endpoints.userinfo ||
		(identity && (identity->broken || yaml_node_get(identity, "url"))) ||
		(endpoints && (endpoints->broken || yaml_node_get(endpoints, "userinfo"))))
		return true;
	return (c->setup.issuer || yaml_node_get(node, "issuer")) &&
		names_have(&c->setup.scopes, "openid");
}

static void check_expect(const struct teller *t, const struct place *at,
	const struct yaml_node *node, const struct config_connection *c)
{
	const struct place here = {.up = at, .name = "expect"};
	struct yaml_node *expect = yaml_node_get(node, "expect");
	const struct yaml_node *scopes = yaml_node_get(node, "scopes");

	if (!expect || expect->broken)
		return;
	if (expect->n == 0)
		tell_value(t, &here, expect, "names no claim, must have one or be left out");
	else if (expect->n > IDENTITY_EXPECT_MAX)
		tell_value(t, &here, expect, "has %zu claims, must be at most %d", expect->n,
			IDENTITY_EXPECT_MAX);
	else if (c->setup.approver.confirm == GRANT_CONFIRM_NONE)
		tell_key(t, &here, expect,
			"goes with confirm auto or operator only: with none nobody asks who it was");
	else if (!tells_identity(node, c) && !(scopes && scopes->broken))
		tell_key(t, &here, expect,
			"nothing tells who approves, must have openid in scopes beside an issuer, or "
			"endpoints.userinfo, or identity.url");
}

static void check_identity(const struct teller *t, const struct place *at,
	const struct yaml_node *node, const struct config_connection *c)
{
	const struct place section = {.up = at, .name = "identity"};
	const struct place here = {.up = &section, .name = "subject"};
	const struct yaml_node *identity = yaml_node_get(node, "identity");
	const struct yaml_node *subject = identity ? yaml_node_get(identity, "subject") : NULL;

	if (subject && !c->setup.approver.url && !yaml_node_get(identity, "url"))
		tell_key(t, &here, subject,
			"goes with identity.url only, must be left out: elsewhere it is sub");
}

void rules_check_hints(const struct teller *t, const struct place *up, struct yaml_node *node,
	const struct config_connection *c)
{
	const struct place at = {.up = up, .name = "hints"};
	const struct hint *h = c->setup.hints.items;

	if (!node || node->broken)
		return;
	for (struct yaml_node *child = node->first; child; child = child->next) {
		if (child->kind != YAML_MAPPING)
			continue; /* told */
		if (!yaml_node_get(child, "error") && !yaml_node_get(child, "contains") &&
			!yaml_node_get(child, "status"))
			tell_value(t, &at, child,
				"says of no error, must have error, contains or status");
		else if (!yaml_node_get(child, "kind") && !yaml_node_get(child, "say"))
			tell_value(t, &at, child, "says nothing, must have kind or say");
		else if (hint_kind_is_polling(h->kind) && h->at != HINT_ANYWHERE &&
			h->at != HINT_POLL)
			tell_value(t, &at, child,
				"is of kind %s, which is about a code that is polled for: at must "
				"be poll",
				hint_kind_to_string(h->kind));
		h++;
	}
}

/* --- what the profile says --- */

/* Does the connection say by itself where its provider is? */
static bool finds_provider(const struct yaml_node *node)
{
	const struct yaml_node *endpoints = yaml_node_own(node, "endpoints");

	return yaml_node_own(node, "issuer") || (endpoints && yaml_node_own(endpoints, "token"));
}

static bool check_need(const struct teller *t, const struct place *at, const struct yaml_node *node,
	const struct profile *p, const char *name, const char *example)
{
	const struct place here = {.up = at, .name = name};

	if (yaml_node_get(node, name) || finds_provider(node))
		return true;
	tell_key(t, &here, node, "missing, must be given for provider %s%s%s", p->name,
		example ? ", such as " : "", example ? example : "");
	return false;
}

/* Is all there that the endpoints of the profile are made of? */
static bool check_needs(const struct teller *t, const struct place *at,
	const struct yaml_node *node, const struct profile *p)
{
	bool whole = true;

	if (p->needs & PROFILE_NEEDS_HOST)
		whole &= check_need(t, at, node, p, "host", p->host_example);
	if (p->needs & PROFILE_NEEDS_TENANT)
		whole &= check_need(t, at, node, p, "tenant", p->tenant_example);
	return whole;
}

static void check_flow_works(const struct teller *t, const struct place *at, struct yaml_node *node,
	const struct profile *p, const struct config_connection *c)
{
	const struct place here = {.up = at, .name = "flow"};
	const struct yaml_node *flow = yaml_node_get(node, "flow");
	struct buf list = BUF(TELL_SENTENCE_MAX);

	if (p->flows == 0 || (p->flows & (UINT32_C(1) << c->setup.flow)) || (flow && flow->broken))
		return;
	for (unsigned i = 0; i < _GRANT_FLOW_MAX; i++)
		if (p->flows & (UINT32_C(1) << i))
			(void)buf_printf(&list, "%s%s", list.len > 0 ? " or " : "",
				grant_flow_to_string((enum grant_flow)i));
	tell_value(t, &here, place_of(node, here.name),
		"%s does not work with provider %s, must be %s",
		grant_flow_to_string(c->setup.flow), p->name, buf_text(&list));
	buf_done(&list);
}

static void check_refusals(const struct teller *t, const struct place *at, struct yaml_node *node,
	const struct profile *p, const struct config_connection *c)
{
	for (size_t i = 0; i < p->refuse.n; i++) {
		const struct refusal *refusal = &p->refuse.items[i];

		if (refusal->flows > 0 && !(refusal->flows & (UINT32_C(1) << c->setup.flow)))
			continue;
		if (refusal->host && !text_equal_nocase(refusal->host, c->host))
			continue;
		tell_value(t, at, place_of(node, "flow"),
			"flow %s%s%s can't work with provider %s: %s",
			grant_flow_to_string(c->setup.flow), refusal->host ? " at " : "",
			refusal->host ? refusal->host : "", p->name, refusal->say);
		return;
	}
}

int rules_check(const struct teller *t, const struct place *at, struct yaml_node *node,
	const struct profile *profile, struct config_connection *c)
{
	if (check_needs(t, at, node, profile))
		check_endpoints(t, at, node, c);
	check_flow_works(t, at, node, profile, c);
	check_refusals(t, at, node, profile, c);
	check_client_auth(t, at, node, c);
	check_flow(t, at, node, c);
	check_expect(t, at, node, c);
	check_identity(t, at, node, c);
	rules_check_hints(t, at, yaml_node_own(node, "hints"), c);
	check_key(t, at, node, c);
	check_assertion(t, at, node, c);
	check_parameters(t, at, node);
	drop_unused(&c->setup);
	return check_required_scopes(t, at, node, c);
}

/* --- syncs --- */

/* Does @key of a sync name a connection of @provider that tells its host? The names of the
 * providers are those of their profiles. */
static void check_side(const struct teller *t, const struct place *at, const struct yaml_node *node,
	const struct config *c, const char *key, const char *name, const char *provider)
{
	const struct place here = {.up = at, .name = key};
	struct yaml_node *written = yaml_node_get(node, key);
	const struct config_connection *side;

	if (!name || !written || written->broken)
		return;
	side = config_connection(c, name);
	if (!side)
		tell_value(t, &here, written,
			"there is no connection %s, must be the name of one with provider: %s",
			name, provider);
	else if (side->provider && !text_equal(side->provider, provider))
		tell_value(t, &here, written,
			"%s is a connection with provider %s, must be one with provider: %s", name,
			side->provider, provider);
	else if (side->provider && !side->host)
		tell_value(t, &here, written,
			"%s is a connection without host, must be one that has it: its API is "
			"there",
			name);
}

static void check_objects(const struct teller *t, const struct place *at,
	const struct yaml_node *node, struct config_sync *s)
{
	const struct place here = {.up = at, .name = "objects"};
	struct yaml_node *written = yaml_node_get(node, here.name);

	if (s->objects > 0)
		return;
	if (written && !written->broken)
		tell_value(t, &here, written, "is empty, must be a list of lead or contact");
	s->objects = (UINT32_C(1) << CONFIG_SYNC_OBJECTS) - 1;
}

void rules_check_syncs(const struct teller *t, const struct yaml_node *map, struct config *c)
{
	const struct place section = {.name = "sync"};

	for (size_t i = 0; i < c->n_syncs; i++) {
		struct config_sync *s = &c->syncs[i];
		const struct yaml_node *node = s->name ? yaml_node_get(map, s->name) : NULL;
		const struct place here = {.up = &section, .name = s->name};

		if (!node || node->broken)
			continue;
		check_objects(t, &here, node, s);
		check_side(t, &here, node, c, "from", s->from, "salesforce");
		check_side(t, &here, node, c, "to", s->to, "marketo");
	}
}
