/* SPDX-License-Identifier: BSD-2-Clause */

/* grantd.yaml(5): what a file comes to, and what is said of a wrong one. */

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "config/config.h"
#include "oauth/quirks.h"
#include "test.h"

/* The start of a file whose only connection is c, written with an indent of 2 from line 3 on. */
#define C       "connections:\n c:\n"
#define ISSUER  "  issuer: https://i.example\n"
#define CLIENT  "  client_id: me\n"
#define MINIMAL C ISSUER CLIENT

static struct config *parse(const char *text, struct config_faults *faults)
{
	struct config *config = NULL;
	int r = config_parse("f", text, strlen(text), &config, faults);

	CHECK_INT(r, config ? 0 : -EINVAL);
	CHECK((faults->n > 0) == !config);
	return config;
}

/* Read what has no fault. */
static struct config *read_good(const char *text)
{
	struct config_faults faults = {0};
	struct config *config = parse(text, &faults);

	CHECK_TEXT(buf_text(&faults.text), "");
	config_faults_done(&faults);
	return config;
}

/* A file and all that is said of it. */
struct wrong {
	const char *text, *faults;
};

static void check_wrong(const struct wrong *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config_faults faults = {0};

		config_free(parse(cases[i].text, &faults));
		CHECK_TEXT(buf_text(&faults.text), cases[i].faults);
		config_faults_done(&faults);
	}
}

#define CHECK_WRONG(...) \
	do { \
		static const struct wrong wrong[] = {__VA_ARGS__}; \
		check_wrong(wrong, ELEMENTS(wrong)); \
	} while (0)

static void minimal_file_gets_every_default(void)
{
	_cleanup_(config_freep) struct config *config = read_good(MINIMAL);
	const struct config_connection *c;

	REQUIRE(config && config->n_connections == 1);
	CHECK(!config->ready_when_listening);
	CHECK_INT(config->store_key.kind, SOURCE_NONE);
	CHECK(!config->ca_file && !config->proxy);
	CHECK_INT(config->operators.users.n + config->operators.groups.n, 0);
	c = &config->connections[0];
	CHECK_TEXT(c->setup.name, "c");
	CHECK_TEXT(c->provider, "generic");
	CHECK_INT(c->setup.flow, GRANT_FLOW_DEVICE);
	CHECK_TEXT(c->setup.issuer, "https://i.example");
	CHECK_TEXT(c->setup.client.id, "me");
	CHECK_INT(c->setup.client.auth, CLIENT_AUTH_NONE);
	CHECK(!c->client_auth_given && !c->required_scopes_given);
	CHECK(!c->setup.client.secret);
	CHECK_INT(c->client_secret.kind, SOURCE_NONE);
	CHECK_INT(c->setup.scopes.n + c->setup.required_scopes.n, 0);
	CHECK(c->required);
	CHECK_INT(c->setup.approver.confirm, GRANT_CONFIRM_AUTO);
	CHECK_INT(c->setup.approver.email, GRANT_EMAIL_VERIFIED);
	CHECK(!c->setup.approver.url && !c->setup.approver.subject);
	CHECK_INT(c->setup.margin_usec, 300 * USEC_PER_S);
	CHECK_INT(c->setup.keepalive_usec, 20 * USEC_PER_DAY);
	CHECK_INT(c->setup.assume_lifetime_usec, 3600 * USEC_PER_S);
	CHECK_INT(c->line, 2);
	CHECK_INT(c->column, 2);
}

/* Every key there is, none with its default. */
static const char everything[] =
	"agent:\n"
	"  ready_when: listening\n"
	"  operators: {users: [root, 1000], groups: [grantd]}\n"
	"  store_key: {credential: grantd.key}\n"
	"  ca_file: /etc/ca.pem\n"
	"  proxy: http://proxy.example:3128\n"
	"connections:\n"
	"  first:\n"
	"    provider: generic\n"
	"    host: i.example\n"
	"    tenant: tenant\n"
	"    issuer: https://{host}/{tenant}\n"
	"    endpoints:\n"
	"      device_authorization: https://i.example/device\n"
	"      authorization: https://i.example/authorize?org=1\n"
	"      token: https://i.example/token?v=2\n"
	"      revocation: https://i.example/revoke\n"
	"      introspection: https://i.example/introspect\n"
	"      userinfo: https://i.example/userinfo\n"
	"      jwks: https://i.example/keys\n"
	"    flow: paste\n"
	"    redirect_uri: http://localhost:1717/callback\n"
	"    client_id: 12345\n"
	"    client_secret: {file: /etc/grantd/first}\n"
	"    client_auth: client_secret_post\n"
	"    scopes: [api, id, 'we''b']\n"
	"    required_scopes: [api]\n"
	"    required: no\n"
	"    allow: {users: [etl], groups: [sync, 4], units: [leadjob@1.service]}\n"
	"    refresh: {margin: 10m, keepalive: 0s, assume_lifetime: 2h}\n"
	"    request_parameters: {prompt: consent, max_age: 0}\n"
	"    token_parameters: {audience: 'it''s: #1'}\n"
	"    expect: {email: a@x.example, data.0.id: 7}\n"
	"    confirm: operator\n"
	"    identity: {url: https://i.example/me, subject: data.0.id, email: vouched}\n"
	"    scope_aliases: {api: [full, all], id: [we'b]}\n"
	"    offline_scopes: [offline_things]\n"
	"    quirks: [poll_late, scope_commas]\n"
	"    limits: {approvals_per_user: 5, idle_lifetime: 30d, absolute_lifetime: 90d}\n"
	"    hints:\n"
	"      - {error: e, contains: c, status: 400, at: token, kind: revoked, say: s}\n"
	"      - {contains: 'x: y', at: poll, kind: pending}\n"
	"    ca_file: /etc/first.pem\n"
	"  2nd:\n"
	"    issuer: https://j.example\n"
	"    client_id: other\n";

static void check_first(const struct config_connection *c)
{
	CHECK_TEXT(c->setup.name, "first");
	CHECK_TEXT(c->setup.issuer, "https://i.example/tenant");
	CHECK_TEXT(c->setup.endpoints.device_authorization, "https://i.example/device");
	CHECK_TEXT(c->setup.endpoints.authorization, "https://i.example/authorize?org=1");
	CHECK_TEXT(c->setup.endpoints.token, "https://i.example/token?v=2");
	CHECK_TEXT(c->setup.endpoints.revocation, "https://i.example/revoke");
	CHECK_TEXT(c->setup.endpoints.introspection, "https://i.example/introspect");
	CHECK_TEXT(c->setup.endpoints.userinfo, "https://i.example/userinfo");
	CHECK_TEXT(c->setup.endpoints.jwks, "https://i.example/keys");
	CHECK_INT(c->setup.approver.confirm, GRANT_CONFIRM_OPERATOR);
	CHECK_INT(c->setup.approver.expect.n, 2);
	CHECK_TEXT(params_get(&c->setup.approver.expect, "email"), "a@x.example");
	CHECK_TEXT(params_get(&c->setup.approver.expect, "data.0.id"), "7");
	CHECK_TEXT(c->setup.approver.url, "https://i.example/me");
	CHECK_TEXT(c->setup.approver.subject, "data.0.id");
	CHECK_INT(c->setup.approver.email, GRANT_EMAIL_VOUCHED);
	CHECK_INT(c->setup.flow, GRANT_FLOW_PASTE);
	CHECK_TEXT(c->setup.redirect_uri, "http://localhost:1717/callback");
	CHECK_TEXT(c->setup.client.id, "12345");
	CHECK_INT(c->setup.client.auth, CLIENT_AUTH_POST);
	CHECK(c->client_auth_given && c->required_scopes_given && !c->required);
	CHECK_INT(c->client_secret.kind, SOURCE_FILE);
	CHECK_TEXT(c->client_secret.name, "/etc/grantd/first");
	CHECK_INT(c->client_secret.line, 24);
	CHECK_INT(c->client_secret.column, 20);
	CHECK_INT(c->allow.line, 29);
	CHECK_INT(c->allow.column, 12);
	CHECK_INT(c->setup.margin_usec, 600 * USEC_PER_S);
	CHECK_INT(c->setup.keepalive_usec, 0);
	CHECK_INT(c->setup.assume_lifetime_usec, 7200 * USEC_PER_S);
	CHECK_TEXT(c->ca_file, "/etc/first.pem");
}

static void check_lists_of_first(const struct config_connection *c)
{
	REQUIRE(c->setup.scopes.n == 3 && c->setup.required_scopes.n == 1);
	CHECK_TEXT(c->setup.scopes.items[0], "api");
	CHECK_TEXT(c->setup.scopes.items[2], "we'b");
	CHECK_TEXT(c->setup.required_scopes.items[0], "api");
	REQUIRE(c->allow.users.n == 1 && c->allow.groups.n == 2 && c->allow.units.n == 1);
	CHECK_TEXT(c->allow.users.items[0], "etl");
	CHECK_TEXT(c->allow.groups.items[1], "4");
	CHECK_TEXT(c->allow.units.items[0], "leadjob@1.service");
	CHECK_INT(c->setup.request_parameters.n, 2);
	CHECK_TEXT(params_get(&c->setup.request_parameters, "prompt"), "consent");
	CHECK_TEXT(params_get(&c->setup.request_parameters, "max_age"), "0");
	CHECK_INT(c->setup.token_parameters.n, 1);
	CHECK_TEXT(params_get(&c->setup.token_parameters, "audience"), "it's: #1");
}

static void check_provider_of_first(const struct config_connection *c)
{
	const struct aliases *aliases = &c->setup.scope_aliases;
	const struct hint *hints = c->setup.hints.items;

	CHECK_TEXT(c->provider, "generic");
	CHECK_TEXT(c->host, "i.example");
	CHECK_TEXT(c->tenant, "tenant");
	REQUIRE(aliases->n == 2 && aliases->items[0].others.n == 2);
	CHECK_TEXT(aliases->items[0].name, "api");
	CHECK_TEXT(aliases->items[0].others.items[1], "all");
	CHECK_TEXT(aliases->items[1].others.items[0], "we'b");
	CHECK(c->offline_scopes.n == 1 && names_have(&c->offline_scopes, "offline_things"));
	CHECK_INT(c->setup.client.quirks, QUIRK_POLL_LATE | QUIRK_SCOPE_COMMAS);
	CHECK_INT(c->approvals_per_user, 5);
	CHECK_INT(c->setup.idle_lifetime_usec, 30 * USEC_PER_DAY);
	CHECK_INT(c->setup.absolute_lifetime_usec, 90 * USEC_PER_DAY);
	REQUIRE(c->setup.hints.n == 2);
	CHECK_TEXT(hints[0].error, "e");
	CHECK_TEXT(hints[0].contains, "c");
	CHECK_INT(hints[0].status, 400);
	CHECK_INT(hints[0].at, HINT_TOKEN);
	CHECK_INT(hints[0].kind, HINT_REVOKED);
	CHECK_TEXT(hints[0].say, "s");
	CHECK(!hints[1].error && !hints[1].say && hints[1].status == 0);
	CHECK_TEXT(hints[1].contains, "x: y");
	CHECK_INT(hints[1].kind, HINT_PENDING);
}

static void every_key_goes_to_its_place(void)
{
	_cleanup_(config_freep) struct config *config = read_good(everything);

	REQUIRE(config && config->n_connections == 2);
	CHECK(config->ready_when_listening);
	REQUIRE(config->operators.users.n == 2 && config->operators.groups.n == 1);
	CHECK_TEXT(config->operators.users.items[1], "1000");
	CHECK_TEXT(config->operators.groups.items[0], "grantd");
	CHECK_INT(config->operators.line, 3);
	CHECK_INT(config->operators.column, 14);
	CHECK_INT(config->store_key.kind, SOURCE_CREDENTIAL);
	CHECK_TEXT(config->store_key.name, "grantd.key");
	CHECK_TEXT(config->ca_file, "/etc/ca.pem");
	CHECK_INT(config->ca_file_line, 5);
	CHECK_INT(config->ca_file_column, 12);
	CHECK_TEXT(config->proxy, "http://proxy.example:3128");
	check_first(&config->connections[0]);
	check_lists_of_first(&config->connections[0]);
	check_provider_of_first(&config->connections[0]);
	CHECK_TEXT(config->connections[1].setup.name, "2nd");
	CHECK_INT(config->connections[1].line, 44);
}

static void file_without_content_is_an_empty_configuration(void)
{
	static const char *const texts[] = {
		"", "# nothing yet\n", "---\n", "{}\n", "agent: {}\n", "connections: {}\n"};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct config *config = read_good(texts[i]);

		CHECK(config && config->n_connections == 0 && !config->ready_when_listening);
		config_free(config);
	}
}

static void bare_client_secret_is_taken_as_a_secret(void)
{
	_cleanup_(config_freep) struct config *config =
		read_good(MINIMAL "  client_secret: 'p: w'\n");
	const struct source *s;

	REQUIRE(config != NULL);
	s = &config->connections[0].client_secret;
	CHECK_INT(s->kind, SOURCE_LITERAL);
	CHECK(!s->name);
	CHECK_TEXT(secret_expose(s->literal), "p: w");
	CHECK_INT(s->line, 5);
	CHECK_INT(config->connections[0].setup.client.auth, CLIENT_AUTH_BASIC);
	CHECK(!config->connections[0].client_auth_given);
}

static void scopes_may_be_one_text(void)
{
	_cleanup_(config_freep) struct config *config =
		read_good(MINIMAL "  scopes: api  web\n  required_scopes: api\n");
	const struct grant_setup *setup;

	REQUIRE(config != NULL);
	setup = &config->connections[0].setup;
	REQUIRE(setup->scopes.n == 2 && setup->required_scopes.n == 1);
	CHECK_TEXT(setup->scopes.items[0], "api");
	CHECK_TEXT(setup->scopes.items[1], "web");
	CHECK_TEXT(setup->required_scopes.items[0], "api");
}

static void required_scopes_default_to_what_shows_in_a_grant(void)
{
	_cleanup_(config_freep) struct config *config = read_good(
		MINIMAL "  scopes: [openid, api, offline_access, offline, refresh_token, email]\n");
	_cleanup_(config_freep) struct config *none =
		read_good(MINIMAL "  scopes: [api]\n  required_scopes: []\n");
	const struct names *required;

	REQUIRE(config && none);
	required = &config->connections[0].setup.required_scopes;
	REQUIRE(required->n == 2);
	CHECK_TEXT(required->items[0], "api");
	CHECK_TEXT(required->items[1], "email");
	CHECK_INT(none->connections[0].setup.required_scopes.n, 0);
	CHECK(none->connections[0].required_scopes_given);
}

static void every_truth_value_is_read(void)
{
	static const struct {
		const char *text;
		bool required;
	} cases[] = {
		{MINIMAL "  required: true\n", true},
		{MINIMAL "  required: yes\n", true},
		{MINIMAL "  required: false\n", false},
		{MINIMAL "  required: no\n", false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct config *config = read_good(cases[i].text);

		REQUIRE(config != NULL);
		CHECK_INT(config->connections[0].required, cases[i].required);
		config_free(config);
	}
	CHECK_WRONG({MINIMAL "  required: on\n",
			    "f:5:13: connections.c.required: must be true or false\n"},
		{MINIMAL "  required: True\n",
			"f:5:13: connections.c.required: must be true or false\n"},
		{MINIMAL "  required: 'yes'\n",
			"f:5:13: connections.c.required: must be true or false, without quotes\n"});
}

static void unknown_key_is_refused_with_the_one_meant(void)
{
	CHECK_WRONG({"agnet: {}\n", "f:1:1: agnet: unknown key, did you mean agent?\n"},
		{"notify: []\n",
			"f:1:1: notify: unknown key, must be one of agent, connections, sync\n"},
		{"agent: {ca-file: /x}\n",
			"f:1:9: agent.ca-file: unknown key, did you mean ca_file?\n"},
		{MINIMAL "  clientid: x\n",
			"f:5:3: connections.c.clientid: unknown key, did you mean client_id?\n"},
		{MINIMAL "  refresh: {interval: 5m}\n",
			"f:5:13: connections.c.refresh.interval: unknown key, must be one of "
			"margin, keepalive, assume_lifetime\n"},
		{MINIMAL "  client_secret: {path: /x}\n",
			"f:5:19: connections.c.client_secret.path: unknown key, must be one of "
			"credential, file\n"},
		{"a\tb: 1\n\"\\x07\\u202e\": 2\n",
			"f:1:1: a?b: unknown key, must be one of agent, connections, sync\n"
			"f:2:1: ??: unknown key, must be one of agent, connections, sync\n"});
}

static void wrong_type_is_refused(void)
{
	CHECK_WRONG(
		{"- agent\n",
			"f:1:1: is a list, must be a map of the keys agent, connections, sync\n"},
		{"agent\n", "f:1:1: is text, must be a map of the keys agent, connections, sync\n"},
		{"connections: [a]\n",
			"f:1:14: connections: is a list, must be a map of "
			"names to their keys\n"},
		{"agent: {ready_when: [usable]}\n",
			"f:1:21: agent.ready_when: is a list, must be one of usable, listening\n"},
		{"agent: {operators: {users: root}}\n",
			"f:1:28: agent.operators.users: is text, must be a list such as [etl]\n"},
		{"agent: {operators: {users: [[root]]}}\n",
			"f:1:29: agent.operators.users: an entry is not text, must be a name or "
			"number without control characters\n"},
		{"agent: {store_key: /x}\n",
			"f:1:20: agent.store_key: is text, must be "
			"{credential: NAME} or {file: PATH}\n"},
		{MINIMAL "  client_secret: [x]\n",
			"f:5:18: connections.c.client_secret: is a list, must be text, "
			"{credential: NAME} or {file: PATH}\n"},
		{MINIMAL "  scopes: {a: b}\n",
			"f:5:11: connections.c.scopes: is a map, must be a "
			"list such as [offline_access]\n"},
		{MINIMAL "  required: []\n",
			"f:5:13: connections.c.required: is a list, must be true or false\n"},
		{MINIMAL "  refresh: {margin: {a: b}}\n",
			"f:5:21: connections.c.refresh.margin: is a map, must be a duration such "
			"as 90s, 5m, 2h or 30d\n"},
		{MINIMAL "  request_parameters: [a]\n",
			"f:5:23: connections.c.request_parameters: is a list, must be a map of "
			"parameter names to texts\n"},
		{MINIMAL "  request_parameters: {a: [b]}\n",
			"f:5:27: connections.c.request_parameters.a: is a list, must be one line "
			"of text without control characters\n"});
}

static void key_without_value_is_refused(void)
{
	CHECK_WRONG({"connections:\n",
			    "f:1:13: connections: has no value, must be a map of "
			    "names to their keys\n"},
		{"agent: ~\n",
			"f:1:8: agent: has no value, must be a map of the keys ready_when, "
			"operators, store_key, ca_file, proxy\n"},
		{C ISSUER "  client_id: null\n",
			"f:4:14: connections.c.client_id: has no value, must be one line of text "
			"without control characters\n"},
		{C ISSUER "  client_id: ''\n",
			"f:4:14: connections.c.client_id: has no value, must be one line of text "
			"without control characters\n"},
		{MINIMAL "  scopes: ''\n",
			"f:5:11: connections.c.scopes: has no value, must be a "
			"list such as [offline_access]\n"},
		{MINIMAL "  scopes: [a, ]\n  required: Null\n",
			"f:6:13: connections.c.required: has no value, must be true or false\n"},
		{MINIMAL "  scopes: [a, ~]\n",
			"f:5:15: connections.c.scopes: an entry has no value, must be a scope "
			"without blank, control character, \" and \\\n"});
}

#define KNOWN_FLOWS "known, must be one of device, paste, client_credentials, jwt_bearer"

static void wrong_word_is_refused_with_the_one_meant(void)
{
	CHECK_WRONG({"agent: {ready_when: usabel}\n",
			    "f:1:21: agent.ready_when: \"usabel\" is not known, must be one of "
			    "usable, listening; did you mean usable?\n"},
		{"agent: {ready_when: \"a\\e\"}\n",
			"f:1:21: agent.ready_when: \"a?\" is not known, must be one of usable, "
			"listening\n"},
		{MINIMAL "  flow: implicit\n",
			"f:5:9: connections.c.flow: \"implicit\" is not " KNOWN_FLOWS "\n"},
		{MINIMAL "  flow: client_credential\n",
			"f:5:9: connections.c.flow: \"client_credential\" is not " KNOWN_FLOWS
			"; did you mean client_credentials?\n"},
		{MINIMAL "  client_secret: x\n  client_auth: client_secret_pots\n",
			"f:6:16: connections.c.client_auth: \"client_secret_pots\" is not known, "
			"must be one of none, client_secret_basic, client_secret_basic_raw, "
			"client_secret_post, private_key_jwt; did you mean client_secret_post?\n"});
}

static void key_given_twice_is_refused(void)
{
	CHECK_WRONG({"agent: {}\nagent: {}\n",
			    "f:2:1: agent: given twice, must be once; first in "
			    "line 1\n"},
		{MINIMAL "  client_id: you\n",
			"f:5:3: connections.c.client_id: given twice, must be once; first in line "
			"4\n"},
		{MINIMAL " c: {}\n",
			"f:5:2: connections.c: given twice, must be once; first in line 2\n"},
		{MINIMAL "  token_parameters:\n   a: 1\n   a: 2\n",
			"f:7:4: connections.c.token_parameters.a: given twice, must be once; "
			"first in line 6\n"});
}

static void missing_client_id_is_told(void)
{
	CHECK_WRONG({C ISSUER,
		"f:2:2: connections.c.client_id: missing, must be one line of text "
		"without control characters\n"});
}

static void there_must_be_a_way_to_the_endpoints(void)
{
	config_free(read_good(C CLIENT "  endpoints: {token: https://i.example/t, "
				       "device_authorization: https://i.example/d}\n"));
	config_free(read_good(MINIMAL "  endpoints: {token: https://i.example/t}\n"));
	CHECK_WRONG({C CLIENT,
			    "f:2:2: connections.c: no way to its endpoints, must be issuer, or "
			    "endpoints.token and endpoints.device_authorization\n"},
		{C CLIENT "  endpoints: {token: https://i.example/t}\n",
			"f:4:3: connections.c.endpoints.device_authorization: missing, must be "
			"given where there is no issuer\n"},
		{C CLIENT "  endpoints: {revocation: https://i.example/r}\n",
			"f:4:3: connections.c.endpoints.token: missing, must be given where there "
			"is no issuer\n"
			"f:4:3: connections.c.endpoints.device_authorization: missing, must be "
			"given where there is no issuer\n"},
		{C CLIENT "  endpoints: 5\n",
			"f:4:14: connections.c.endpoints: is text, must be a map of the keys "
			"device_authorization, authorization, token, revocation, "
			"introspection, userinfo, jwks\n"});
}

#define UNATTENDED "  flow: client_credentials\n"
#define SECRET     "  client_secret: x\n"

static void check_unattended(const char *text)
{
	_cleanup_(config_freep) struct config *config = read_good(text);

	REQUIRE(config && config->n_connections == 1);
	CHECK_INT(config->connections[0].setup.flow, GRANT_FLOW_CLIENT_CREDENTIALS);
}

static void client_credentials_need_a_token_endpoint_only(void)
{
	check_unattended(MINIMAL UNATTENDED SECRET);
	check_unattended(C CLIENT UNATTENDED SECRET "  endpoints: {token: https://i.example/t}\n");
	CHECK_WRONG({C CLIENT UNATTENDED SECRET,
			    "f:2:2: connections.c: no way to its endpoints, must be issuer, or "
			    "endpoints.token\n"},
		{C CLIENT UNATTENDED SECRET "  endpoints: {revocation: https://i.example/r}\n",
			"f:6:3: connections.c.endpoints.token: missing, must be given where there "
			"is no issuer\n"});
}

#define LACKS_SECRET \
	"f:5:9: connections.c.flow: is client_credentials without a client_secret or " \
	"client_key, must have one: it is the credential\n"

#define EXPECT "  expect: {username: a}\n"
#define UNTOLD \
	"f:4:3: connections.c.expect: nothing tells who approves, must have openid in scopes beside " \
	"an issuer, or endpoints.userinfo, or identity.url\n"
#define BARE \
	C CLIENT EXPECT "  endpoints: {token: https://i.example/t, device_authorization: " \
			"https://i.example/d"

static void an_expectation_needs_somebody_who_tells(void)
{
	config_free(read_good(MINIMAL EXPECT "  scopes: [openid]\n"));
	config_free(read_good(MINIMAL EXPECT "  scopes: openid api\n  confirm: operator\n"));
	config_free(read_good(MINIMAL EXPECT "  identity: {url: 'https://i.example/me'}\n"));
	config_free(read_good(BARE ", userinfo: https://i.example/u}\n"));
	config_free(read_good(MINIMAL "  confirm: none\n"));
	CHECK_WRONG({BARE "}\n", UNTOLD}, {BARE "}\n  scopes: [openid]\n", UNTOLD},
		{MINIMAL "  expect: {username: a}\n  scopes: [api]\n",
			"f:5:3: connections.c.expect: nothing tells who approves, must have openid "
			"in scopes beside an issuer, or endpoints.userinfo, or identity.url\n"},
		{MINIMAL "  expect: {username: a}\n  scopes: [openid]\n  confirm: none\n",
			"f:5:3: connections.c.expect: goes with confirm auto or operator only: with "
			"none nobody asks who it was\n"},
		{MINIMAL "  expect: {}\n  scopes: [openid]\n",
			"f:5:11: connections.c.expect: names no claim, must have one or be left "
			"out\n"},
		{MINIMAL "  expect: {a b: c}\n  scopes: [openid]\n",
			"f:5:12: connections.c.expect.a b: must be the name of a claim without "
			"blanks, such as username\n"},
		{MINIMAL "  confirm: maybe\n",
			"f:5:12: connections.c.confirm: \"maybe\" is not known, must be one of auto, "
			"operator, none\n"},
		{MINIMAL "  identity: {subject: id}\n",
			"f:5:14: connections.c.identity.subject: goes with identity.url only, must "
			"be left out: elsewhere it is sub\n"});
}

static void expectations_are_few(void)
{
	config_free(
		read_good(MINIMAL "  scopes: [openid]\n  expect: {a: x, b: x, c: x, d: x, e: x, "
				  "f: x, g: x, h: x, i: x, j: x, k: x, l: x, m: x, n: x, o: x, "
				  "p: x}\n"));
	CHECK_WRONG({MINIMAL "  scopes: [openid]\n  expect: {a: x, b: x, c: x, d: x, e: x, f: x, "
			     "g: x, h: x, i: x, j: x, k: x, l: x, m: x, n: x, o: x, p: x, q: x}\n",
		"f:6:11: connections.c.expect: has 17 claims, must be at most 16\n"});
}

static void client_credentials_need_a_secret(void)
{
	check_unattended(MINIMAL UNATTENDED "  client_secret: {credential: c}\n");
	check_unattended(MINIMAL UNATTENDED SECRET "  client_auth: client_secret_post\n");
	CHECK_WRONG({MINIMAL UNATTENDED, LACKS_SECRET},
		{MINIMAL UNATTENDED "  client_auth: none\n", LACKS_SECRET},
		{MINIMAL UNATTENDED "  client_auth: client_secret_basic\n",
			"f:6:16: connections.c.client_auth: is client_secret_basic without a "
			"client_secret, must be none or have one\n" LACKS_SECRET},
		{MINIMAL UNATTENDED SECRET "  client_auth: none\n",
			"f:7:16: connections.c.client_auth: is none beside a client_secret, must "
			"be one or the other\n"});
}

#define IS_NO_ISSUER \
	"f:3:11: connections.c.issuer: must be an https:// URL without user, query and " \
	"fragment, such as https://login.example.com\n"

static void addresses_are_https(void)
{
	CHECK_WRONG({C "  issuer: http://i.example\n" CLIENT, IS_NO_ISSUER},
		{C "  issuer: https://i.example/?a\n" CLIENT, IS_NO_ISSUER},
		{C "  issuer: https://i.example/#a\n" CLIENT, IS_NO_ISSUER},
		{C "  issuer: https://me:pw@i.example\n" CLIENT, IS_NO_ISSUER},
		{C "  issuer: https://\n" CLIENT, IS_NO_ISSUER},
		{C "  issuer: i.example\n" CLIENT, IS_NO_ISSUER},
		{MINIMAL "  endpoints: {userinfo: https://i.example/#a}\n",
			"f:5:25: connections.c.endpoints.userinfo: must be an https:// URL without "
			"user and fragment, such as https://login.example.com/token\n"});
}

#define PASTE "  flow: paste\n  redirect_uri: "
#define IS_NO_REDIRECT \
	"f:6:17: connections.c.redirect_uri: must be an absolute URI without fragment, as " \
	"registered at the provider, such as http://localhost:1717/callback\n"

static void redirect_is_an_absolute_uri(void)
{
	static const char *const good[] = {MINIMAL PASTE "http://localhost:1717/callback\n",
		MINIMAL PASTE "http://127.0.0.1/?a=b\n", MINIMAL PASTE "https://[::1]:8443\n",
		MINIMAL PASTE "com.example.app:/oauth2redirect\n",
		MINIMAL PASTE "urn:ietf:wg:oauth:2.0:oob\n"};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		config_free(read_good(good[i]));
	CHECK_WRONG({MINIMAL PASTE "/callback\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "localhost:1717/callback\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "http://localhost:1717/callback#\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "http:///callback\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "http:callback\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "http://localhost:99999/\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "http://me:pw@localhost/\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "com.example.app:/a b\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "'com.example.app:'\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "com.example.app:/#a\n", IS_NO_REDIRECT},
		{MINIMAL PASTE "1app:/\n", IS_NO_REDIRECT});
}

static void paste_goes_with_a_redirect_and_a_page_to_approve_at(void)
{
	config_free(read_good(
		C CLIENT PASTE "http://localhost/\n  endpoints: {token: https://i.example/t, "
			       "authorization: https://i.example/a}\n"));
	CHECK_WRONG({MINIMAL "  flow: paste\n",
			    "f:5:9: connections.c.flow: is paste without a redirect_uri, must have "
			    "the one registered at the provider\n"},
		{MINIMAL "  redirect_uri: http://localhost/\n",
			"f:5:3: connections.c.redirect_uri: goes with flow paste only, must be "
			"left out\n"},
		{C CLIENT PASTE "http://localhost/\n  endpoints: {token: https://i.example/t}\n",
			"f:6:3: connections.c.endpoints.authorization: missing, must be given "
			"where there is no issuer\n"});
}

static void proxy_is_host_and_port(void)
{
	config_free(read_good("agent: {proxy: 'socks5h://localhost:1080/'}\n"));
	config_free(read_good("agent: {proxy: 'https://[::1]:3128'}\n"));
#define IS_NO_PROXY \
	"f:1:16: agent.proxy: must be an http://, https:// or socks5h:// URL of host and port " \
	"only, such as http://proxy.example.com:3128\n"
	CHECK_WRONG({"agent: {proxy: 'proxy:3128'}\n", IS_NO_PROXY},
		{"agent: {proxy: 'socks5://proxy:1'}\n", IS_NO_PROXY},
		{"agent: {proxy: 'http://me:pw@proxy:1'}\n", IS_NO_PROXY},
		{"agent: {proxy: 'http://proxy:1/x'}\n", IS_NO_PROXY},
		{"agent: {proxy: 'http://proxy:1?x'}\n", IS_NO_PROXY},
		{"agent: {proxy: 'http://'}\n", IS_NO_PROXY},
		{"agent: {proxy: 'http://proxy:123456'}\n", IS_NO_PROXY});
}

static void paths_are_absolute(void)
{
	CHECK_WRONG({"agent: {ca_file: ca.pem}\n",
			    "f:1:18: agent.ca_file: must be an absolute "
			    "path, such as /etc/grantd/FILE\n"},
		{MINIMAL "  ca_file: ~/ca.pem\n",
			"f:5:12: connections.c.ca_file: must be an "
			"absolute path, such as /etc/grantd/FILE\n"},
		{MINIMAL "  client_secret: {file: secret}\n",
			"f:5:25: connections.c.client_secret.file: must be an absolute path, such "
			"as /etc/grantd/FILE\n"},
		{"agent: {store_key: {file: \"/a\\n\"}}\n",
			"f:1:27: agent.store_key.file: must be an absolute path, such as "
			"/etc/grantd/FILE\n"});
}

static void source_is_one_place(void)
{
#define IS_NO_CREDENTIAL \
	"f:1:33: agent.store_key.credential: must be a credential name of letters, digits, dot, " \
	"_ and -, at most 255, such as client-secret\n"
	CHECK_WRONG({"agent: {store_key: {}}\n",
			    "f:1:20: agent.store_key: names no place, must be "
			    "one of credential and file\n"},
		{"agent: {store_key: {file: /a, credential: b}}\n",
			"f:1:20: agent.store_key: names two places, must be one of credential and "
			"file\n"},
		{"agent: {store_key: {credential: a/b}}\n", IS_NO_CREDENTIAL},
		{"agent: {store_key: {credential: ..}}\n", IS_NO_CREDENTIAL},
		{MINIMAL "  client_secret: \"a\\nb\"\n",
			"f:5:18: connections.c.client_secret: must be one line of text without "
			"control characters\n"});
}

static void text_is_one_line_of_characters(void)
{
	static const char *const escapes[] = {
		"\\a", "\\n", "\\x7f", "\\N", "\\L", "\\P", "\\u202e", "\\ufffe", "\\uffff"};
	char text[256];

	for (size_t i = 0; i < ELEMENTS(escapes); i++) {
		struct config_faults faults = {0};

		(void)snprintf(text, sizeof(text), C ISSUER "  client_id: \"a%sb\"\n", escapes[i]);
		config_free(parse(text, &faults));
		CHECK_TEXT(buf_text(&faults.text),
			"f:4:14: connections.c.client_id: must be one line of text without "
			"control characters\n");
		config_faults_done(&faults);
	}
	config_free(read_good(C ISSUER "  client_id: \" \\u00e4\\U0001f511 '\\\"\"\n"));
}

static void client_authentication_and_secret_belong_together(void)
{
	static const struct {
		const char *text;
		enum client_auth auth;
	} good[] = {
		{MINIMAL "  client_auth: none\n", CLIENT_AUTH_NONE},
		{MINIMAL "  client_secret: {credential: x}\n", CLIENT_AUTH_BASIC},
		{MINIMAL "  client_secret: {credential: x}\n  client_auth: client_secret_basic\n",
			CLIENT_AUTH_BASIC},
		{MINIMAL "  client_secret: x\n  client_auth: client_secret_basic_raw\n",
			CLIENT_AUTH_BASIC_RAW},
		{MINIMAL "  client_secret: x\n  client_auth: client_secret_post\n",
			CLIENT_AUTH_POST},
	};

	for (size_t i = 0; i < ELEMENTS(good); i++) {
		struct config *config = read_good(good[i].text);

		REQUIRE(config != NULL);
		CHECK_INT(config->connections[0].setup.client.auth, good[i].auth);
		config_free(config);
	}
	CHECK_WRONG({MINIMAL "  client_auth: client_secret_basic_raw\n",
			    "f:5:16: connections.c.client_auth: is client_secret_basic_raw without "
			    "a client_secret, must be none or have one\n"},
		{MINIMAL "  client_auth: none\n  client_secret: x\n",
			"f:5:16: connections.c.client_auth: is none beside a client_secret, must "
			"be one or the other\n"});
}

#define KEY        "  client_key: {file: /k}\n"
#define JWT_BEARER "  flow: jwt_bearer\n"
#define SUBJECT    "  assertion: {subject: sync}\n"
#define SIGNED     "  client_auth: private_key_jwt\n"

/* Every key that has to do with a private key, and what the token is for. */
static const char everything_of_keys[] =
	MINIMAL JWT_BEARER SIGNED "  client_key: {credential: k}\n"
				  "  client_key_passphrase: {file: /pass}\n"
				  "  client_key_id: '2026'\n"
				  "  client_key_algorithm: PS256\n"
				  "  client_auth_audience: https://i.example/token\n"
				  "  assertion:\n"
				  "    subject: sync@example.com\n"
				  "    audience: https://login.example\n"
				  "    claims: {scope: a b}\n"
				  "  resource: ['https://api.example/', 'urn:example:erp']\n"
				  "  audience: erp\n";

static void every_key_of_a_private_key_goes_to_its_place(void)
{
	_cleanup_(config_freep) struct config *config = read_good(everything_of_keys);
	const struct config_connection *c;
	const struct grant_setup *s;

	REQUIRE(config && config->n_connections == 1);
	c = &config->connections[0];
	s = &c->setup;
	CHECK_INT(s->flow, GRANT_FLOW_JWT_BEARER);
	CHECK_INT(s->client.auth, CLIENT_AUTH_KEY);
	CHECK_INT(c->client_key.kind, SOURCE_CREDENTIAL);
	CHECK_TEXT(c->client_key.name, "k");
	CHECK_INT(c->client_key.line, 7);
	CHECK_INT(c->client_key.column, 15);
	CHECK_INT(c->client_key_passphrase.kind, SOURCE_FILE);
	CHECK_TEXT(c->client_key_passphrase.name, "/pass");
	CHECK_TEXT(s->client.key_id, "2026");
	CHECK_TEXT(s->client.key_algorithm, "PS256");
	CHECK_TEXT(s->client.auth_audience, "https://i.example/token");
	CHECK_TEXT(s->assertion_subject, "sync@example.com");
	CHECK_TEXT(s->assertion_audience, "https://login.example");
	CHECK_TEXT(params_get(&s->assertion_claims, "scope"), "a b");
	REQUIRE(s->resources.n == 2);
	CHECK_TEXT(s->resources.items[0], "https://api.example/");
	CHECK_TEXT(s->resources.items[1], "urn:example:erp");
	CHECK_TEXT(s->audience, "erp");
	CHECK(!s->client.key && !s->client.key_passphrase);
}

static void the_key_says_how_the_client_proves_itself(void)
{
	static const struct {
		const char *text;
		enum client_auth auth;
	} good[] = {
		{MINIMAL KEY, CLIENT_AUTH_KEY},
		{MINIMAL KEY SIGNED, CLIENT_AUTH_KEY},
		{MINIMAL UNATTENDED KEY, CLIENT_AUTH_KEY},
		{MINIMAL JWT_BEARER KEY SUBJECT, CLIENT_AUTH_NONE},
		{MINIMAL JWT_BEARER KEY SUBJECT SIGNED, CLIENT_AUTH_KEY},
		{MINIMAL JWT_BEARER KEY SUBJECT "  client_secret: {credential: x}\n",
			CLIENT_AUTH_BASIC},
	};

	for (size_t i = 0; i < ELEMENTS(good); i++) {
		struct config *config = read_good(good[i].text);

		REQUIRE(config != NULL);
		CHECK_INT(config->connections[0].setup.client.auth, good[i].auth);
		config_free(config);
	}
}

static void a_private_key_and_its_use_belong_together(void)
{
#define NO_USE(at, name, without, or) \
	"f:" at ": connections.c." name ": has no use without " without \
	", must be left out or have " or \
		"\n"
	CHECK_WRONG({MINIMAL SIGNED,
			    "f:5:16: connections.c.client_auth: is private_key_jwt without a "
			    "client_key, must be none or have one\n"},
		{MINIMAL KEY SIGNED "  client_secret: x\n",
			"f:6:16: connections.c.client_auth: is private_key_jwt beside a "
			"client_secret, must be one or the other\n"},
		{MINIMAL KEY "  client_secret: x\n",
			NO_USE("5:3", "client_key",
				"client_auth: private_key_jwt or flow: jwt_bearer", "one of them")},
		{MINIMAL KEY "  client_auth: none\n",
			NO_USE("5:3", "client_key",
				"client_auth: private_key_jwt or flow: jwt_bearer", "one of them")},
		{MINIMAL "  client_key_passphrase: {file: /p}\n  client_key_id: a\n"
			 "  client_key_algorithm: RS256\n  client_auth_audience: a\n",
			NO_USE("5:3", "client_key_passphrase", "a client_key", "one")
				NO_USE("6:3", "client_key_id", "a client_key", "one")
					NO_USE("7:3", "client_key_algorithm", "a client_key", "one")
						NO_USE("8:3", "client_auth_audience",
							"client_auth: private_key_jwt", "it")},
		{MINIMAL KEY "  client_key_algorithm: rs256\n",
			"f:6:25: connections.c.client_key_algorithm: \"rs256\" is not known, "
			"must be one of RS256, PS256, ES256, EdDSA; did you mean RS256?\n"},
		{MINIMAL "  client_key: secret\n",
			"f:5:15: connections.c.client_key: is text, must be {credential: NAME} or "
			"{file: PATH}\n"});
}

static void jwt_bearer_needs_a_key_and_a_subject(void)
{
#define LACKS_SUBJECT \
	"f:5:9: connections.c.flow: is jwt_bearer without assertion.subject, must name the " \
	"user whose token it is\n"
	CHECK_WRONG({MINIMAL JWT_BEARER,
			    "f:5:9: connections.c.flow: is jwt_bearer without a client_key, must "
			    "have one: it signs the assertion\n" LACKS_SUBJECT},
		{MINIMAL JWT_BEARER KEY, LACKS_SUBJECT},
		{MINIMAL JWT_BEARER KEY "  assertion: {audience: a}\n", LACKS_SUBJECT},
		{MINIMAL JWT_BEARER KEY "  assertion: {subject: a, claims: {iss: b}}\n",
			"f:7:36: connections.c.assertion.claims.iss: must be the name of a claim "
			"that grantd does not make itself, such as scope\n"},
		{MINIMAL SUBJECT,
			"f:5:3: connections.c.assertion: goes with flow jwt_bearer only, must be "
			"left out\n"});
}

static void a_resource_is_an_absolute_uri_without_fragment(void)
{
#define IS_NO_RESOURCE \
	"must be an absolute URI without fragment, such as https://api.example.com/\n"
	config_free(read_good(MINIMAL "  resource: ['https://a/?q', 'urn:a:b', 'x-1+2.3:y']\n"));
	CHECK_WRONG({MINIMAL "  resource: ['https://a/#b', 'a', ':a', '1:a', 'a:', 'a: b']\n",
		"f:5:14: connections.c.resource: " IS_NO_RESOURCE
		"f:5:30: connections.c.resource: " IS_NO_RESOURCE
		"f:5:35: connections.c.resource: " IS_NO_RESOURCE
		"f:5:41: connections.c.resource: " IS_NO_RESOURCE
		"f:5:48: connections.c.resource: " IS_NO_RESOURCE
		"f:5:54: connections.c.resource: " IS_NO_RESOURCE});
}

static void what_the_token_is_for_is_said_once(void)
{
#define TWICE(at, name) "f:" at ": connections.c." name " already, must be left out\n"
	config_free(read_good(MINIMAL "  audience: a\n  token_parameters: {audience: a}\n"));
	CHECK_WRONG({MINIMAL "  audience: a\n  resource: ['a:b']\n"
			     "  request_parameters: {audience: a, resource: 'a:b'}\n"
			     "  token_parameters: {resource: 'a:b'}\n",
		TWICE("7:24", "request_parameters.audience: is sent by the key audience") TWICE(
			"7:37", "request_parameters.resource: is sent by the key resource")
			TWICE("8:22", "token_parameters.resource: is sent by the key resource")});
}

static void scope_has_the_form_of_the_standard(void)
{
#define IS_NO_SCOPE \
	"must be a scope without blank, control character, \" and \\, such as offline_access\n"
	CHECK_WRONG({MINIMAL "  scopes: ['a b', 'a\"', 'a\\', \xc3\xa4, ok]\n",
			    "f:5:12: connections.c.scopes: " IS_NO_SCOPE
			    "f:5:19: connections.c.scopes: " IS_NO_SCOPE
			    "f:5:25: connections.c.scopes: " IS_NO_SCOPE
			    "f:5:31: connections.c.scopes: " IS_NO_SCOPE},
		{MINIMAL "  scopes: 'api a\"'\n",
			"f:5:11: connections.c.scopes: an entry must be a scope without blank, "
			"control character, \" and \\\n"},
		{MINIMAL "  scopes: ' '\n",
			"f:5:11: connections.c.scopes: has 0 entries, must be 1 to 256\n"});
}

static void required_scope_is_asked_for(void)
{
	CHECK_WRONG({MINIMAL "  scopes: [api]\n  required_scopes: [api, web]\n",
			    "f:6:26: connections.c.required_scopes: \"web\" is not asked for, must "
			    "be in scopes\n"},
		{MINIMAL "  required_scopes: api\n",
			"f:5:20: connections.c.required_scopes: \"api\" is not asked for, must be "
			"in scopes\n"},
		/* What was told of scopes itself is enough. */
		{MINIMAL "  scopes: ~\n  required_scopes: api\n",
			"f:5:11: connections.c.scopes: has no value, must be a list such as "
			"[offline_access]\n"});
}

static void durations_have_units_and_bounds(void)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} good[] = {
		{MINIMAL "  refresh: {margin: 0s}\n", 0},
		{MINIMAL "  refresh: {margin: 90s}\n", 90 * USEC_PER_S},
		{MINIMAL "  refresh: {margin: 1h30m}\n", 5400 * USEC_PER_S},
		{MINIMAL "  refresh: {margin: 24h}\n", 86400 * USEC_PER_S},
	};

	for (size_t i = 0; i < ELEMENTS(good); i++) {
		struct config *config = read_good(good[i].text);

		REQUIRE(config != NULL);
		CHECK_INT(config->connections[0].setup.margin_usec, good[i].usec);
		config_free(config);
	}
	CHECK_WRONG({MINIMAL "  refresh: {margin: 300}\n",
			    "f:5:21: connections.c.refresh.margin: \"300\" is not a duration, must "
			    "be a number with its unit, such as 90s, 5m, 2h or 30d\n"},
		{MINIMAL "  refresh: {margin: 86401s}\n",
			"f:5:21: connections.c.refresh.margin: is out of bounds, must be 0s to "
			"1d\n"},
		{MINIMAL "  refresh: {margin: 99999999999999999999999d}\n",
			"f:5:21: connections.c.refresh.margin: is out of bounds, must be 0s to "
			"1d\n"},
		{MINIMAL "  refresh: {keepalive: 59s, assume_lifetime: 0s}\n",
			"f:5:24: connections.c.refresh.keepalive: is out of bounds, must be 1m to "
			"3650d, or 0s\n"
			"f:5:46: connections.c.refresh.assume_lifetime: is out of bounds, must be "
			"1m to 3650d\n"});
}

static void connection_names_are_plain(void)
{
#define IS_NO_NAME \
	"must be a connection name of a-z, 0-9 and -, not first a -, at most 63, such as " \
	"salesforce\n"
	CHECK_WRONG({"connections: {Sales: {issuer: https://i.example, client_id: x}}\n",
			    "f:1:15: connections.Sales: " IS_NO_NAME},
		{"connections: {-a: {issuer: https://i.example, client_id: x}}\n",
			"f:1:15: connections.-a: " IS_NO_NAME},
		{"connections: {a_b: {issuer: https://i.example, client_id: x}}\n",
			"f:1:15: connections.a_b: " IS_NO_NAME},
		{"connections: {'': {issuer: https://i.example, client_id: x}}\n",
			"f:1:15: connections.: " IS_NO_NAME},
		{"connections: {0123456789012345678901234567890123456789012345678901234567890123:"
		 " {issuer: https://i.example, client_id: x}}\n",
			"f:1:15: connections."
			"0123456789012345678901234567890123456789012345678901234567890123: " IS_NO_NAME});
}

static void our_own_parameters_are_not_replaced(void)
{
	static const char *const both[] = {"client_id", "client_secret", "grant_type",
		"device_code", "code", "code_verifier", "refresh_token", "redirect_uri",
		"client_assertion", "client_assertion_type", "assertion", "token"};
	static const char *const request_only[] = {"scope", "code_challenge",
		"code_challenge_method", "response_type", "state", "nonce"};
	char text[256];

	for (size_t i = 0; i < ELEMENTS(both) + ELEMENTS(request_only); i++) {
		bool common = i < ELEMENTS(both);
		struct config_faults faults = {0};

		(void)snprintf(text, sizeof(text),
			MINIMAL "  request_parameters: {%s: x}\n  token_parameters: {%s: x}\n",
			common ? both[i] : request_only[i - ELEMENTS(both)],
			common ? both[i] : "audience");
		config_free(parse(text, &faults));
		CHECK_INT(faults.n, common ? 2 : 1);
		config_faults_done(&faults);
	}
	config_free(read_good(MINIMAL "  request_parameters: {audience: x, resource: y}\n"));
	CHECK_WRONG({MINIMAL "  request_parameters: {scope: x}\n",
			    "f:5:24: connections.c.request_parameters.scope: must be a parameter "
			    "name of letters, digits and ._~- that grantd does not send itself, "
			    "such as audience\n"},
		{MINIMAL "  token_parameters: {'a b': x}\n",
			"f:5:22: connections.c.token_parameters.a b: must be a parameter name of "
			"letters, digits and ._~- that grantd does not send itself, such as "
			"audience\n"});
}

static void units_look_like_units(void)
{
	config_free(read_good(MINIMAL
		"  allow: {units: [a.service, 'b@c.scope', 'd\\x2de.socket', f.mount, g.swap]}\n"));
#define IS_NO_UNIT \
	"must be a unit name that ends in .service, .scope, .socket, .mount or .swap, such as " \
	"leadjob.service\n"
	CHECK_WRONG({MINIMAL "  allow: {units: [leadjob, .service, a/b.service, a.target]}\n",
		"f:5:19: connections.c.allow.units: " IS_NO_UNIT
		"f:5:28: connections.c.allow.units: " IS_NO_UNIT
		"f:5:38: connections.c.allow.units: " IS_NO_UNIT
		"f:5:51: connections.c.allow.units: " IS_NO_UNIT});
}

static void all_faults_are_told_at_once(void)
{
	CHECK_WRONG({"agent:\n"
		     "  ready_when: never\n"
		     "  proxi: http://p:1\n"
		     "connections:\n"
		     "  a: {client_id: *x, issuer: https://i.example}\n"
		     "  b:\n"
		     "    flow: device\n"
		     "    client_auth: client_secret_post\n",
		"f:5:18: alias, which is not allowed: write the value out, and quote a text that "
		"begins with *\n"
		"f:2:15: agent.ready_when: \"never\" is not known, must be one of usable, "
		"listening\n"
		"f:3:3: agent.proxi: unknown key, did you mean proxy?\n"
		"f:6:3: connections.b.client_id: missing, must be one line of text without control "
		"characters\n"
		"f:6:3: connections.b: no way to its endpoints, must be issuer, or endpoints.token "
		"and endpoints.device_authorization\n"
		"f:8:18: connections.b.client_auth: is client_secret_post without a client_secret, "
		"must be none or have one\n"});
}

static void faults_are_counted_beyond_what_is_shown(void)
{
	struct config_faults faults = {0};
	struct buf text = BUF(10000);
	size_t lines = 0;

	for (int i = 0; i < CONFIG_FAULTS_MAX + 7; i++)
		(void)buf_printf(&text, "unknown%d: x\n", i);
	config_free(parse(buf_text(&text), &faults));
	for (const char *c = buf_text(&faults.text); *c; c++)
		lines += *c == '\n';
	CHECK_INT(faults.n, CONFIG_FAULTS_MAX + 7);
	CHECK_INT(lines, CONFIG_FAULTS_MAX);
	config_faults_done(&faults);
	CHECK_INT(faults.n, 0);
	buf_done(&text);
}

static void faults_of_others_have_the_same_form(void)
{
	struct config_faults faults = {0};

	config_fault(&faults, "f", 3, 5, "a.b", "no such file: %s", "x\ny");
	config_fault(&faults, "f", 3, 0, NULL, "half");
	config_fault(&faults, "f", 0, 0, "a", "whole");
	config_fault(&faults, NULL, 0, 0, NULL, "of itself");
	CHECK_TEXT(buf_text(&faults.text),
		"f:3:5: a.b: no such file: x?y\nf:3: half\nf: a: whole\nof itself\n");
	CHECK_INT(faults.n, 4);
	config_faults_done(&faults);
}

static void no_fault_shows_a_secret(void)
{
	static const char *const texts[] = {
		C "  issuer: https://me:hunter2@i.example\n  client_id: [hunter2]\n"
		  "  client_secret: \"hunter2\\n\"\n  token_parameters: {a: \"hunter2\\n\"}\n",
		MINIMAL "  client_secret: {file: hunter2}\n",
		MINIMAL "  client_secret: {credential: /hunter2}\n",
		MINIMAL "  client_secret: &hunter2 x\n",
		MINIMAL "  client_secret: *hunter2\n",
		MINIMAL "  client_secret: !hunter2 x\n",
		MINIMAL "  client_secret: 'hunter2\n",
		MINIMAL "  client_secret: hunter2: x\n",
		MINIMAL "  client_auth: none\n  client_secret: hunter2\n",
		"agent: {proxy: http://me:hunter2@proxy}\n",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct config_faults faults = {0};

		config_free(parse(texts[i], &faults));
		CHECK(!strstr(buf_text(&faults.text), "hunter2"));
		config_faults_done(&faults);
	}
}

static void lists_and_texts_are_bounded(void)
{
	struct config_faults faults = {0};
	struct buf text = BUF(100000);

	(void)buf_add_text(&text, MINIMAL "  scopes: [");
	for (int i = 0; i < 257; i++)
		(void)buf_printf(&text, "s%d,", i);
	(void)buf_add_text(&text, "]\n  client_secret: ");
	for (int i = 0; i < 4097; i++)
		(void)buf_add_char(&text, 'x');
	config_free(parse(buf_text(&text), &faults));
	CHECK_TEXT(buf_text(&faults.text),
		"f:5:11: connections.c.scopes: has 257 entries, must be at most 256\n"
		"f:6:18: connections.c.client_secret: is too long, must be at most 4096 bytes\n");
	config_faults_done(&faults);
	buf_done(&text);
}

static void connections_are_bounded(void)
{
	struct config_faults faults = {0};
	struct buf text = BUF(CONFIG_SIZE_MAX);
	struct config *config;

	(void)buf_add_text(&text, "connections:\n");
	for (int i = 0; i < CONFIG_CONNECTIONS_MAX; i++)
		(void)buf_printf(&text, " n%d: {issuer: https://i.example, client_id: x}\n", i);
	config = read_good(buf_text(&text));
	CHECK(config && config->n_connections == CONFIG_CONNECTIONS_MAX);
	config_free(config);
	(void)buf_add_text(&text, " z: {issuer: https://i.example, client_id: x}\n");
	config_free(parse(buf_text(&text), &faults));
	CHECK_TEXT(buf_text(&faults.text),
		"f:2:2: connections: has 4097 entries, must be at most 4096\n");
	config_faults_done(&faults);
	buf_done(&text);
}

static void shown_configuration_reads_back_as_the_same(void)
{
	static const char *const texts[] = {everything, MINIMAL, "", "agent: {}\n",
		MINIMAL "  scopes: [api, openid, 'a#b', '[', '~', 'x:', '!y', \"z'\"]\n",
		MINIMAL "  scopes: [a]\n  required_scopes: []\n",
		MINIMAL UNATTENDED
		"  client_secret: {credential: c}\n  client_auth: client_secret_post\n",
		MINIMAL JWT_BEARER KEY SUBJECT, everything_of_keys,
		C ISSUER "  client_id: \"null\"\n  token_parameters: {'-': '- a', '~': ' b '}\n"};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct config *config = read_good(texts[i]), *again;
		struct buf first = BUF(10000), second = BUF(10000);

		REQUIRE(config != NULL);
		CHECK_INT(config_show(config, &first), 0);
		again = read_good(buf_text(&first));
		REQUIRE(again && again->n_connections == config->n_connections);
		CHECK_INT(config_show(again, &second), 0);
		CHECK_TEXT(buf_text(&second), buf_text(&first));
		buf_done(&first);
		buf_done(&second);
		config_free(config);
		config_free(again);
	}
}

static void what_was_not_chosen_is_not_read_back_as_chosen(void)
{
	_cleanup_(config_freep) struct config *config =
		read_good(MINIMAL "  client_secret: {credential: c}\n");
	_cleanup_(config_freep) struct config *again = NULL;
	struct buf b = BUF(10000);

	REQUIRE(config != NULL && config->connections[0].setup.auth_by_metadata);
	CHECK_INT(config_show(config, &b), 0);
	again = read_good(buf_text(&b));
	REQUIRE(again != NULL);
	CHECK(again->connections[0].setup.auth_by_metadata);
	CHECK(!again->connections[0].client_auth_given);
	CHECK_INT(again->connections[0].setup.client.auth, CLIENT_AUTH_BASIC);
	buf_done(&b);
}

/* What is read back can agree in what is shown only: so every key has to be. */
static const char everything_of_syncs[] =
	"sync:\n"
	"  crm:\n"
	"    from: salesforce\n"
	"    to: marketo\n"
	"    objects: [lead]\n"
	"    key: crmId\n"
	"    fields: {lead: {Region__c: region}, contact: {Account.Type: accountType}}\n"
	"    exclude: {lead: [Rating], contact: [Birthdate]}\n"
	"    on_too_long: truncate\n"
	"    deletes: ignore\n"
	"    start: auto\n"
	"    every: 15m\n"
	"    quota: {salesforce: 30%, marketo: 100%}\n"
	"    native_sync: ignore\n"
	"    bulk_from: 1000\n"
	"connections:\n"
	"  salesforce: {provider: salesforce, host: acme.my.salesforce.com, client_id: a}\n"
	"  marketo: {provider: marketo, host: 123-ABC-456, client_id: a, client_secret: b}\n";

static void every_key_that_is_given_is_shown(void)
{
	_cleanup_(config_freep) struct config *syncs = read_good(everything_of_syncs);
	_cleanup_(config_freep) struct config *config = read_good(everything);
	_cleanup_(config_freep) struct config *more = read_good(everything_of_keys);
	struct buf shown = BUF(20000), keys = BUF(100000);
	char *next, word[64];

	REQUIRE(config && more && syncs && config_keys(&keys) == 0);
	REQUIRE(config_show(config, &shown) == 0 && config_show(more, &shown) == 0 &&
		config_show(syncs, &shown) == 0);
	for (char *line = keys.data; *line; line = next) {
		next = strchr(line, '\n') + 1;
		line[strcspn(line, "\t")] = '\0';
		(void)snprintf(word, sizeof(word),
			"%s:", strrchr(line, '.') ? strrchr(line, '.') + 1 : line);
		if (!strstr(buf_text(&shown), word))
			TEST_FAIL("%s is not shown", line);
	}
	buf_done(&shown);
	buf_done(&keys);
}

#define SIDES \
	"connections:\n" \
	"  sf: {provider: salesforce, host: acme, client_id: a}\n" \
	"  mk: {provider: marketo, host: 123-ABC-456, client_id: a, client_secret: b}\n" \
	"  at: {provider: salesforce, client_id: a, issuer: 'https://sf.example'}\n"

static void syncs_have_defaults_and_their_values_are_read(void)
{
	_cleanup_(config_freep) struct config *config =
		read_good(SIDES "sync:\n  crm: {from: sf, to: mk}\n");
	_cleanup_(config_freep) struct config *given = read_good(everything_of_syncs);
	const struct config_sync *s;

	REQUIRE(config && config->n_syncs == 1 && given && given->n_syncs == 1);
	s = &config->syncs[0];
	CHECK_INT(s->objects, 3);
	CHECK_TEXT(s->key, "email");
	CHECK_TEXT(s->on_too_long, "skip");
	CHECK_TEXT(s->deletes, "flag");
	CHECK(!s->start_auto && !s->native_sync_ignored);
	CHECK_INT(s->every_usec, 5 * USEC_PER_MIN);
	CHECK_INT(s->quota_source, 50);
	CHECK_INT(s->quota_target, 20);
	CHECK_INT(s->bulk_from, 50000);
	s = &given->syncs[0];
	CHECK_INT(s->objects, 1);
	CHECK_TEXT(params_get(&s->fields[0], "Region__c"), "region");
	CHECK_TEXT(params_get(&s->fields[1], "Account.Type"), "accountType");
	CHECK(names_have(&s->exclude[1], "Birthdate"));
	CHECK(s->start_auto && s->native_sync_ignored);
	CHECK_INT(s->quota_target, 100);
}

static void wrong_syncs_are_refused(void)
{
	CHECK_WRONG(
		{SIDES "sync: {a: {to: mk}}\n",
			"f:5:8: sync.a.from: missing, must be a connection name of a-z, 0-9 and -, not "
			"first a -, at most 63\n"},
		{SIDES "sync: {a: {from: no, to: mk}}\n",
			"f:5:18: sync.a.from: there is no connection no, must be the name of one with "
			"provider: salesforce\n"},
		{SIDES "sync: {a: {from: mk, to: mk}}\n",
			"f:5:18: sync.a.from: mk is a connection with provider marketo, must be one with "
			"provider: salesforce\n"},
		{SIDES "sync: {a: {from: at, to: mk}}\n",
			"f:5:18: sync.a.from: at is a connection without host, must be one that has it: "
			"its API is there\n"},
		{SIDES "sync: {a: {from: sf, to: mk, objects: []}}\n",
			"f:5:39: sync.a.objects: is empty, must be a list of lead or contact\n"},
		{SIDES "sync: {a: {from: sf, to: mk, quota: {marketo: 20}}}\n",
			"f:5:47: sync.a.quota.marketo: must be a whole number from 1% to 100%\n"},
		{SIDES "sync: {a: {from: sf, to: mk, quota: {marketo: 101%}}}\n",
			"f:5:47: sync.a.quota.marketo: must be a whole number from 1% to 100%\n"},
		{SIDES "sync: {a: {from: sf, to: mk, quota: {marketo: '%'}}}\n",
			"f:5:47: sync.a.quota.marketo: must be a whole number from 1% to 100%\n"},
		{SIDES "sync: {a: {from: sf, to: mk, key: a.b.c}}\n",
			"f:5:35: sync.a.key: must be the API name of a field, or of a related record's "
			"with a dot, such as Account.Name\n"});
}

static void shown_configuration_tells_all_but_the_secret(void)
{
	_cleanup_(config_freep) struct config *config = read_good(MINIMAL
		"  client_secret: hunter2\n  scopes: [openid, api]\n  allow: {users: [etl]}\n");
	struct buf b = BUF(10000), small = BUF(10);

	REQUIRE(config != NULL);
	CHECK_INT(config_show(config, &b), 0);
	CHECK_TEXT(buf_text(&b),
		"agent:\n"
		"  ready_when: usable\n"
		"connections:\n"
		"  c:\n"
		"    provider: 'generic'\n"
		"    issuer: 'https://i.example'\n"
		"    flow: device\n"
		"    client_id: 'me'\n"
		"    # client_secret: in the file, not shown\n"
		"    # by default client_auth: client_secret_basic\n"
		"    scopes: ['openid', 'api']\n"
		"    required_scopes: ['api']\n"
		"    confirm: auto\n"
		"    identity:\n"
		"      email: verified\n"
		"    required: true\n"
		"    allow:\n"
		"      users: ['etl']\n"
		"    refresh:\n"
		"      margin: 5m\n"
		"      keepalive: 20d\n"
		"      assume_lifetime: 1h\n"
		"    limits:\n"
		"      approvals_per_user: 0\n"
		"      idle_lifetime: 0s\n"
		"      absolute_lifetime: 0s\n");
	CHECK_INT(config_show(config, &small), -EMSGSIZE);
	buf_done(&b);
	buf_done(&small);
}

static size_t allocations_left;

static bool fail_when_used_up(size_t size)
{
	(void)size;
	return allocations_left == 0 || allocations_left-- == 0;
}

/* Parse @text with ever more memory. Returns how often it was short. */
static size_t parse_in_little_memory(const char *text, int want)
{
	for (size_t n = 0;; n++) {
		struct config_faults faults = {0};
		struct config *config = NULL;
		int r;

		allocations_left = n;
		mem_set_failure(fail_when_used_up);
		r = config_parse("f", text, strlen(text), &config, &faults);
		mem_set_failure(NULL);
		CHECK((r == 0) == (config != NULL));
		config_free(config);
		config_faults_done(&faults);
		if (r == want)
			return n;
		CHECK_INT(r, -ENOMEM);
	}
}

static void want_of_memory_is_told_and_leaks_nothing(void)
{
	CHECK(parse_in_little_memory(everything, 0) > 50);
	CHECK(parse_in_little_memory(MINIMAL "  client_secret: x\n", 0) > 10);
	CHECK(parse_in_little_memory("agent: {ready_when: x}\nb: c\n", -EINVAL) > 5);
}

/* A file of the project, from the root of its sources. */
static bool read_file(const char *name, struct buf *ret)
{
	const char *root = getenv("srcdir");
	char path[4096], block[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		(void)buf_add(ret, block, n);
	return fclose(f) == 0 && !ret->error;
}

static void example_configuration_has_no_fault(void)
{
	struct buf text = BUF(CONFIG_SIZE_MAX);

	REQUIRE(read_file("conf/grantd.yaml", &text));
	config_free(read_good(buf_text(&text)));
	buf_done(&text);
}

static void man_page_names_every_key(void)
{
	struct buf page = BUF(CONFIG_SIZE_MAX), keys = BUF(100000);
	char *next;

	REQUIRE(read_file("man/grantd.yaml.5", &page));
	REQUIRE(config_keys(&keys) == 0 && config_profile_keys(&keys) == 0);
	for (unsigned i = 0; i < QUIRKS_N; i++)
		REQUIRE(buf_printf(&keys, "%s\t\n", quirks_table[i].name) == 0);
	for (char *line = keys.data; *line; line = next) {
		struct buf heading = BUF(1000);

		next = strchr(line, '\n') + 1;
		line[strcspn(line, "\t")] = '\0';
		(void)buf_printf(&heading, ".It Cm %s\n", line);
		if (!strstr(buf_text(&page), buf_text(&heading)))
			TEST_FAIL("no paragraph for %s", line);
		buf_done(&heading);
	}
	buf_done(&page);
	buf_done(&keys);
}

/* Displays of the man page that are whole files. */
static void examples_of_the_man_page_have_no_fault(void)
{
	static const char begin[] = ".Bd -literal -offset indent\n";
	struct buf page = BUF(CONFIG_SIZE_MAX);
	size_t connections = 0, files = 0;

	REQUIRE(read_file("man/grantd.yaml.5", &page));
	for (char *at = strstr(page.data, begin), *end; at; at = strstr(end + 1, begin)) {
		struct config *config;

		at += strlen(begin);
		end = strstr(at, ".Ed\n");
		REQUIRE(end != NULL);
		*end = '\0';
		if (strncmp(at, "connections:", 12) != 0 && strncmp(at, "agent:", 6) != 0)
			continue;
		config = read_good(at);
		connections += config ? config->n_connections : 0;
		files++;
		config_free(config);
	}
	CHECK(files >= 5); /* or it looks for them in the wrong way */
	CHECK(connections >= files);
	buf_done(&page);
}

static const struct test tests[] = {
	{"an expectation needs something that tells who approves",
		an_expectation_needs_somebody_who_tells},
	{"expectations are few", expectations_are_few},
	{"a minimal file gets every default", minimal_file_gets_every_default},
	{"every key goes to its place", every_key_goes_to_its_place},
	{"a file without content is an empty configuration",
		file_without_content_is_an_empty_configuration},
	{"a bare client_secret is taken as a secret", bare_client_secret_is_taken_as_a_secret},
	{"scopes may be one text parted by blanks", scopes_may_be_one_text},
	{"required_scopes default to scopes without openid and the offline words",
		required_scopes_default_to_what_shows_in_a_grant},
	{"true, yes, false and no are truth values, nothing else is", every_truth_value_is_read},
	{"an unknown key is refused, with the one that was meant",
		unknown_key_is_refused_with_the_one_meant},
	{"a value of the wrong type is refused", wrong_type_is_refused},
	{"a key without a value is refused", key_without_value_is_refused},
	{"a wrong word is refused, with the one that was meant",
		wrong_word_is_refused_with_the_one_meant},
	{"a key given twice is refused, with the line of the first", key_given_twice_is_refused},
	{"a missing client_id is told", missing_client_id_is_told},
	{"there must be a way to the endpoints", there_must_be_a_way_to_the_endpoints},
	{"client_credentials need a token endpoint only",
		client_credentials_need_a_token_endpoint_only},
	{"client_credentials need a client_secret", client_credentials_need_a_secret},
	{"issuer and endpoints are https addresses", addresses_are_https},
	{"a redirect_uri is an absolute URI", redirect_is_an_absolute_uri},
	{"paste goes with a redirect_uri and a page to approve at",
		paste_goes_with_a_redirect_and_a_page_to_approve_at},
	{"a proxy is a host and a port", proxy_is_host_and_port},
	{"paths are absolute", paths_are_absolute},
	{"a secret comes from one place", source_is_one_place},
	{"a text is one line of characters", text_is_one_line_of_characters},
	{"client authentication and secret belong together",
		client_authentication_and_secret_belong_together},
	{"every key of a private key goes to its place",
		every_key_of_a_private_key_goes_to_its_place},
	{"a key says how the client proves itself", the_key_says_how_the_client_proves_itself},
	{"a private key and its use belong together", a_private_key_and_its_use_belong_together},
	{"jwt_bearer needs a key and a subject", jwt_bearer_needs_a_key_and_a_subject},
	{"a resource is an absolute URI without fragment",
		a_resource_is_an_absolute_uri_without_fragment},
	{"what the token is for is said once", what_the_token_is_for_is_said_once},
	{"a scope has the form of RFC 6749", scope_has_the_form_of_the_standard},
	{"a required scope is one that is asked for", required_scope_is_asked_for},
	{"durations have units and bounds", durations_have_units_and_bounds},
	{"connection names are plain", connection_names_are_plain},
	{"parameters that grantd sends itself are not replaced",
		our_own_parameters_are_not_replaced},
	{"units look like units", units_look_like_units},
	{"all faults are told at once", all_faults_are_told_at_once},
	{"faults are counted beyond what is shown", faults_are_counted_beyond_what_is_shown},
	{"faults told by others have the same form", faults_of_others_have_the_same_form},
	{"no fault shows a secret", no_fault_shows_a_secret},
	{"lists and texts are bounded", lists_and_texts_are_bounded},
	{"connections are bounded", connections_are_bounded},
	{"the shown configuration reads back as the same",
		shown_configuration_reads_back_as_the_same},
	{"what was not chosen is not read back as chosen",
		what_was_not_chosen_is_not_read_back_as_chosen},
	{"every key that is given is shown", every_key_that_is_given_is_shown},
	{"a sync has defaults, and its values are read",
		syncs_have_defaults_and_their_values_are_read},
	{"a sync of what is not there, or not fit for it, is refused", wrong_syncs_are_refused},
	{"the shown configuration tells all but the secret",
		shown_configuration_tells_all_but_the_secret},
	{"a want of memory is told and leaks nothing", want_of_memory_is_told_and_leaks_nothing},
	{"the example configuration has no fault", example_configuration_has_no_fault},
	{"the man page names every key", man_page_names_every_key},
	{"the examples of the man page have no fault", examples_of_the_man_page_have_no_fault},
};

TEST_MAIN(tests)
