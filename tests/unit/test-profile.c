/* SPDX-License-Identifier: BSD-2-Clause */

/* Profiles (grantd.yaml(5)): what of them comes to a connection, what wins, and what is said of a
 * wrong one. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "config/profile.h"
#include "oauth/quirks.h"
#include "test.h"

/* A connection of the profile p, its keys from line 3 on. */
#define C      "connections:\n c:\n  provider: p\n"
#define CLIENT "  client_id: me\n"
#define HOST   "  host: acme.example\n"

#define ENDPOINTS \
	"endpoints:\n" \
	"  token: https://{host}/token\n" \
	"  device_authorization: https://{host}/{tenant}/device\n" \
	"tenant: common\n"

static struct config *parse(const char *profile, const char *text, struct config_faults *faults)
{
	const struct config_profile given[] = {{"p", "p.yaml", profile, strlen(profile)}};
	struct config *config = NULL;
	int r = config_parse_with("f", text, strlen(text), given, 1, &config, faults);

	CHECK_INT(r, config ? 0 : -EINVAL);
	CHECK((faults->n > 0) == !config);
	return config;
}

static struct config *read_good(const char *profile, const char *text)
{
	struct config_faults faults = {0};
	struct config *config = parse(profile, text, &faults);

	CHECK_TEXT(buf_text(&faults.text), "");
	config_faults_done(&faults);
	return config;
}

static void check_wrong(const char *profile, const char *text, const char *want)
{
	struct config_faults faults = {0};

	config_free(parse(profile, text, &faults));
	CHECK_TEXT(buf_text(&faults.text), want);
	config_faults_done(&faults);
}

/* --- what comes of it --- */

static void a_profile_gives_what_the_connection_leaves_out(void)
{
	static const char profile[] = ENDPOINTS "flow: device\n"
						"scopes: [api, refresh, more]\n"
						"offline_scopes: refresh\n"
						"quirks: [poll_late]\n"
						"limits: {idle_lifetime: 30d}\n"
						"refresh: {keepalive: 3d}\n"
						"scope_aliases: {api: full}\n"
						"hints: [{error: e, say: do it}]\n";
	_cleanup_(config_freep) struct config *config = read_good(profile, C CLIENT HOST);
	const struct grant_setup *s;

	REQUIRE(config && config->n_connections == 1);
	s = &config->connections[0].setup;
	CHECK_TEXT(config->connections[0].provider, "p");
	CHECK_TEXT(config->connections[0].tenant, "common");
	CHECK_TEXT(s->endpoints.token, "https://acme.example/token");
	CHECK_TEXT(s->endpoints.device_authorization, "https://acme.example/common/device");
	CHECK_INT(s->scopes.n, 3);
	CHECK_INT(s->required_scopes.n, 2);
	CHECK(!names_have(&s->required_scopes, "refresh"));
	CHECK_INT(s->client.quirks, QUIRK_POLL_LATE);
	CHECK_INT(s->idle_lifetime_usec, 30 * USEC_PER_DAY);
	CHECK_INT(s->absolute_lifetime_usec, 0);
	CHECK_INT(s->keepalive_usec, 3 * USEC_PER_DAY);
	CHECK_INT(s->margin_usec, 5 * USEC_PER_MIN);
	REQUIRE(s->scope_aliases.n == 1 && s->hints.n == 1);
	CHECK_TEXT(s->scope_aliases.items[0].others.items[0], "full");
	CHECK_TEXT(s->hints.items[0].say, "do it");
	CHECK_INT(s->hints.items[0].kind, HINT_SAME);
}

static void a_key_of_the_connection_wins(void)
{
	static const char profile[] = ENDPOINTS "flow: paste\n"
						"scopes: [api]\n"
						"quirks: [poll_late]\n"
						"hints: [{error: e, say: do it}]\n";
	_cleanup_(config_freep) struct config *config = read_good(profile,
		C CLIENT HOST "  flow: device\n  scopes: [other, another]\n  quirks: []\n"
			      "  hints: []\n  tenant: mine\n");
	const struct grant_setup *s;

	REQUIRE(config && config->n_connections == 1);
	s = &config->connections[0].setup;
	CHECK_INT(s->flow, GRANT_FLOW_DEVICE);
	CHECK_INT(s->scopes.n, 2);
	CHECK(names_have(&s->scopes, "another"));
	CHECK_INT(s->client.quirks, 0);
	CHECK_INT(s->hints.n, 0);
	CHECK_TEXT(s->endpoints.device_authorization, "https://acme.example/mine/device");
}

static void maps_are_merged_key_by_key(void)
{
	static const char profile[] =
		ENDPOINTS "request_parameters: {prompt: consent, access_type: offline}\n"
			  "refresh: {keepalive: 3d, margin: 1m}\n"
			  "limits: {idle_lifetime: 30d, approvals_per_user: 5}\n"
			  "scope_aliases: {a: [b], c: [d]}\n";
	_cleanup_(config_freep) struct config *config = read_good(profile,
		C CLIENT HOST "  request_parameters: {prompt: login, x: '1'}\n"
			      "  refresh: {margin: 2m}\n"
			      "  limits: {idle_lifetime: 0s}\n"
			      "  scope_aliases: {c: [e, f]}\n"
			      "  endpoints: {token: 'https://other.example/t'}\n");
	const struct config_connection *c;

	REQUIRE(config && config->n_connections == 1);
	c = &config->connections[0];
	CHECK_INT(c->setup.request_parameters.n, 3);
	CHECK_TEXT(params_get(&c->setup.request_parameters, "prompt"), "login");
	CHECK_TEXT(params_get(&c->setup.request_parameters, "access_type"), "offline");
	CHECK_INT(c->setup.margin_usec, 2 * USEC_PER_MIN);
	CHECK_INT(c->setup.keepalive_usec, 3 * USEC_PER_DAY);
	CHECK_INT(c->setup.assume_lifetime_usec, 1 * USEC_PER_HOUR);
	CHECK_INT(c->setup.idle_lifetime_usec, 0);
	CHECK_INT(c->approvals_per_user, 5);
	REQUIRE(c->setup.scope_aliases.n == 2);
	CHECK_TEXT(c->setup.scope_aliases.items[0].name, "c");
	CHECK_INT(c->setup.scope_aliases.items[0].others.n, 2);
	CHECK_TEXT(c->setup.scope_aliases.items[1].name, "a");
	CHECK_TEXT(c->setup.endpoints.token, "https://other.example/t");
	CHECK_TEXT(c->setup.endpoints.device_authorization, "https://acme.example/common/device");
}

static void connections_of_one_profile_do_not_mix(void)
{
	_cleanup_(config_freep) struct config *config = read_good(ENDPOINTS
		"request_parameters: {a: '1'}\n",
		"connections:\n"
		" one: {provider: p, client_id: x, host: one.example, request_parameters: {b: '2'}}\n"
		" two: {provider: p, client_id: x, host: two.example, request_parameters: {a: '3'}}\n"
		" three: {client_id: x, issuer: 'https://{host}', host: three.example}\n");

	REQUIRE(config && config->n_connections == 3);
	CHECK_TEXT(config->connections[0].setup.endpoints.token, "https://one.example/token");
	CHECK_TEXT(config->connections[1].setup.endpoints.token, "https://two.example/token");
	CHECK_TEXT(params_get(&config->connections[0].setup.request_parameters, "a"), "1");
	CHECK_INT(config->connections[1].setup.request_parameters.n, 1);
	CHECK_TEXT(config->connections[2].provider, "generic");
	CHECK_TEXT(config->connections[2].setup.issuer, "https://three.example");
	CHECK(!config->connections[2].setup.endpoints.token);
	CHECK(!config->connections[2].tenant);
}

static void check_host(const char *written, const char *want)
{
	struct buf text = BUF(1000);
	struct config *config;

	REQUIRE(buf_printf(&text, C CLIENT "  host: '%s'\n", written) == 0);
	config = read_good(ENDPOINTS "host_suffix: .mkto.example\n", buf_text(&text));
	REQUIRE(config != NULL);
	CHECK_TEXT(config->connections[0].host, want);
	config_free(config);
	buf_done(&text);
}

static void a_host_is_taken_as_people_write_it(void)
{
	check_host("acme.example", "acme.example");
	check_host("https://acme.example", "acme.example");
	check_host("https://acme.example/", "acme.example");
	check_host("https://acme.example/rest/v1", "acme.example");
	check_host("acme.example:8443/rest", "acme.example:8443");
	check_host("123-ABC-456", "123-ABC-456.mkto.example");
	check_host("123-ABC-456:8443", "123-ABC-456.mkto.example:8443");
	check_host("https://123-ABC-456/x.y", "123-ABC-456.mkto.example");
	check_host("localhost:8443", "localhost:8443");
	check_host("127.0.0.1:1", "127.0.0.1:1");
	check_host("[::1]:8443", "[::1]:8443");
}

static void a_host_that_is_none_is_refused(void)
{
	static const char *const wrong[] = {"http://acme.example", "acme.example?x=1",
		"user@acme.example", "acme.example#x", "acme example", "acme.example:port",
		"{tenant}.example", "https://", "/acme", "acme..example"};

	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		struct buf text = BUF(1000);
		struct config_faults faults = {0};

		REQUIRE(buf_printf(&text, C CLIENT "  host: '%s'\n", wrong[i]) == 0);
		config_free(parse(ENDPOINTS, buf_text(&text), &faults));
		if (!text_starts(buf_text(&faults.text),
			    "f:5:9: connections.c.host: must be HOST or HOST:PORT"))
			TEST_FAIL("%s: %s", wrong[i], buf_text(&faults.text));
		config_faults_done(&faults);
		buf_done(&text);
	}
}

/* --- what it asks for and refuses --- */

#define NEEDS "needs: [host, tenant]\nhost_example: acme.my.example\n"
#define HOST_AND_TENANT \
	"endpoints:\n" \
	"  token: https://{host}/{tenant}/token\n" \
	"  device_authorization: https://{host}/device\n"

static void what_a_profile_needs_is_asked_for(void)
{
	check_wrong(NEEDS HOST_AND_TENANT, C CLIENT,
		"f:2:2: connections.c.host: missing, must be given for provider p, such as "
		"acme.my.example\n"
		"f:2:2: connections.c.tenant: missing, must be given for provider p\n");
	check_wrong("needs: host\n" HOST_AND_TENANT, C CLIENT HOST,
		"p.yaml:2:1: connections.c.endpoints.token: missing, must be given where there is "
		"no issuer\n");
}

static void whoever_says_where_the_provider_is_needs_no_host(void)
{
	struct config *config;

	config = read_good(NEEDS HOST_AND_TENANT, C CLIENT "  issuer: https://i.example\n");
	REQUIRE(config != NULL);
	CHECK_TEXT(config->connections[0].setup.issuer, "https://i.example");
	CHECK(!config->connections[0].setup.endpoints.token);
	config_free(config);
	config = read_good(NEEDS HOST_AND_TENANT,
		C CLIENT "  endpoints: {token: 'https://t.example/t', device_authorization: "
			 "'https://t.example/d'}\n");
	REQUIRE(config != NULL);
	CHECK_TEXT(config->connections[0].setup.endpoints.token, "https://t.example/t");
	config_free(config);
}

static void braces_without_a_value_are_told(void)
{
	check_wrong("", C CLIENT "  issuer: https://{host}/x\n",
		"f:5:11: connections.c.issuer: has a word in braces without its value, must have "
		"the key of that name beside it\n");
	check_wrong("", C CLIENT HOST "  issuer: https://{host}/{realm}\n",
		"f:6:11: connections.c.issuer: has another word in braces, must be {host} or "
		"{tenant}\n");
	check_wrong("", C CLIENT HOST "  issuer: https://{host}/?q\n",
		"f:6:11: connections.c.issuer: must be an https:// URL without user, query and "
		"fragment, such as https://login.example.com\n");
	check_wrong("issuer: http://{host}/\n", C CLIENT HOST,
		"p.yaml:1:9: issuer: must be an https:// URL without user, query and fragment, "
		"such as https://login.example.com\n");
}

static void a_flow_that_does_not_work_is_refused(void)
{
	check_wrong(ENDPOINTS "flows: [paste, jwt_bearer]\n", C CLIENT HOST "  flow: device\n",
		"f:6:9: connections.c.flow: device does not work with provider p, must be paste or "
		"jwt_bearer\n");
	check_wrong(ENDPOINTS "flows: paste\n", C CLIENT HOST,
		"f:3:13: connections.c.flow: device does not work with provider p, must be "
		"paste\n");
}

static void what_cannot_work_is_refused_with_what_to_change(void)
{
	static const char profile[] = ENDPOINTS
		"host_suffix: .my.example\n"
		"refuse:\n"
		"  - {flow: [paste, device], host: login.example, say: use the host of your own}\n"
		"  - {flow: jwt_bearer, say: not there}\n";

	check_wrong(profile, C CLIENT "  host: Login.example\n",
		"f:3:13: connections.c: flow device at login.example can't work with provider p: use "
		"the host of your own\n");
	config_free(read_good(profile, C CLIENT "  host: login\n"));
	config_free(read_good(profile,
		C CLIENT "  host: login.example\n  flow: client_credentials\n"
			 "  client_secret: s\n"));
}

/* What the profile says of it is for those who have what it takes. */
static void preferences_of_a_profile_bend(void)
{
	static const char profile[] =
		"endpoints: {token: 'https://t.example/t', device_authorization: "
		"'https://t.example/d', authorization: 'https://t.example/a'}\n"
		"client_auth: client_secret_post\n"
		"redirect_uri: http://localhost:1/\n"
		"required_scopes: [api]\n"
		"scopes: [api, more]\n";
	struct config *config;

	config = read_good(profile, C CLIENT);
	REQUIRE(config != NULL);
	CHECK_INT(config->connections[0].setup.client.auth, CLIENT_AUTH_NONE);
	CHECK(!config->connections[0].setup.redirect_uri);
	CHECK_INT(config->connections[0].setup.required_scopes.n, 1);
	config_free(config);
	config = read_good(
		profile, C CLIENT "  client_secret: s\n  flow: paste\n  scopes: [x, y]\n");
	REQUIRE(config != NULL);
	CHECK_INT(config->connections[0].setup.client.auth, CLIENT_AUTH_POST);
	CHECK(!config->connections[0].setup.auth_by_metadata);
	CHECK_TEXT(config->connections[0].setup.redirect_uri, "http://localhost:1/");
	CHECK_INT(config->connections[0].setup.required_scopes.n, 2);
	config_free(config);
}

/* --- what is wrong with it --- */

static void faults_of_a_profile_are_told_once_and_in_its_file(void)
{
	check_wrong("flwo: device\n"
		    "provider: p\n"
		    "client_secret: x\n"
		    "allow: {users: [a]}\n"
		    "limits: {idle_lifetime: 3, idel: 1d}\n"
		    "quirks: [poll_lat]\n"
		    "flow: device\n"
		    "flow: paste\n"
		    "xyzzy: 1\n",
		"connections:\n a: {provider: p, client_id: x}\n b: {provider: p, client_id: x}\n",
		"p.yaml:1:1: flwo: unknown key, did you mean flows?\n"
		"p.yaml:2:1: provider: is of a connection alone, must not stand in a profile\n"
		"p.yaml:3:1: client_secret: is of a connection alone, must not stand in a profile\n"
		"p.yaml:4:1: allow: is of a connection alone, must not stand in a profile\n"
		"p.yaml:5:25: limits.idle_lifetime: \"3\" is not a duration, must be a number with "
		"its unit, such as 90s, 5m, 2h or 30d\n"
		"p.yaml:5:28: limits.idel: unknown key, must be one of approvals_per_user, "
		"idle_lifetime, absolute_lifetime\n"
		"p.yaml:6:10: quirks: \"poll_lat\" is not known, must be a list of some of "
		"device_response_type, device_code_as_code, device_legacy_grant, "
		"device_client_id_once, poll_late, client_id_in_body, refresh_with_scope, "
		"scope_commas, scope_commas_reply, token_under_authed_user, token_reply_signature, "
		"no_pkce_device, no_pkce_paste, device_scopes, identity_at_id, "
		"scope_by_admin, token_by_query; did you mean poll_late?\n"
		"p.yaml:8:1: flow: given twice, must be once; first in line 7\n"
		"p.yaml:9:1: xyzzy: unknown key, must be one of a connection or of a profile, as in "
		"grantd.yaml(5)\n");
	check_wrong("- a\n", C CLIENT, "p.yaml:1:1: must be a map of keys, as in grantd.yaml(5)\n");
	check_wrong("a: [\n", C CLIENT,
		"p.yaml:2:1: not YAML: while parsing a flow node: did not find expected node content\n");
}

static void faults_of_lists_of_maps_are_told(void)
{
	check_wrong("hints:\n"
		    "- {say: x}\n"
		    "- {error: e}\n"
		    "- {error: e, kind: pending, at: token}\n"
		    "- {error: e, kind: denid}\n"
		    "- {status: 99, say: x}\n"
		    "- text\n"
		    "refuse: [{flow: device}]\n"
		    "sources: [{claim: c, date: 2026-02-30, url: ftp://x}, {claim: c}]\n",
		C CLIENT,
		"p.yaml:5:20: hints.kind: \"denid\" is not known, must be one of same, pending, "
		"slow_down, denied, expired_code, revoked, misconfigured, transient, throttled; did "
		"you mean denied?\n"
		"p.yaml:6:12: hints.status: must be a whole number from 100 to 599\n"
		"p.yaml:7:3: hints: is text, must be a map of the keys error, contains, status, at, "
		"kind, say\n"
		"p.yaml:8:10: refuse.say: missing, must be one sentence\n"
		"p.yaml:9:28: sources.date: must be a date, such as 2026-11-23\n"
		"p.yaml:9:45: sources.url: must be an https:// URL, such as "
		"https://example.com/docs\n"
		"p.yaml:9:55: sources.date: missing, must be a date\n"
		"p.yaml:9:55: sources.url: missing, must be an https:// URL\n"
		"p.yaml:2:3: hints: says of no error, must have error, contains or status\n"
		"p.yaml:3:3: hints: says nothing, must have kind or say\n"
		"p.yaml:4:3: hints: is of kind pending, which is about a code that is polled for: "
		"at must be poll\n");
}

static void the_rules_of_hints_hold_in_a_connection_too(void)
{
	check_wrong("", C CLIENT "  issuer: https://i.example\n  hints: [{say: x}]\n",
		"f:6:11: connections.c.hints: says of no error, must have error, contains or "
		"status\n");
}

/* The list of those there are is not repeated here. */
static void an_unknown_profile_is_told_with_the_one_that_was_meant(void)
{
	static const char text[] = "connections:\n c:\n  provider: generci\n  client_id: x\n";
	struct config_faults faults = {0};
	struct config *config = NULL;

	CHECK_INT(config_parse("f", text, strlen(text), &config, &faults), -EINVAL);
	CHECK_INT(faults.n, 1);
	CHECK(text_starts(buf_text(&faults.text),
		"f:3:13: connections.c.provider: there is no profile generci, must be one of "));
	CHECK(strstr(buf_text(&faults.text),
		      "profiles/generci.yaml beside this one; did you mean "
		      "generic?\n") != NULL);
	config_faults_done(&faults);
}

static void what_is_no_name_of_a_profile_is_refused(void)
{
	static const char text[] = "connections:\n c:\n  provider: ../x\n  client_id: x\n";
	struct config_faults faults = {0};
	struct config *config = NULL;
	struct names names = {0};

	CHECK_INT(config_parse("f", text, strlen(text), &config, &faults), -EINVAL);
	CHECK_TEXT(buf_text(&faults.text),
		"f:3:13: connections.c.provider: must be the name of a profile, of a-z, 0-9 and -, "
		"not first a -, such as salesforce\n");
	CHECK_INT(config_providers(text, strlen(text), &names), 0);
	CHECK_INT(names.n, 0);
	config_faults_done(&faults);
}

/* --- which are read --- */

static void names_of_profiles_are_found_once_each(void)
{
	static const char text[] =
		"connections:\n"
		" a: {provider: x}\n b: {provider: x}\n c: {}\n d: {provider: y}\n"
		" e: {provider: [z]}\n f: {provider: generic}\n g: text\n";
	struct names names = {0};

	CHECK_INT(config_providers(text, strlen(text), &names), 0);
	REQUIRE(names.n == 3);
	CHECK_TEXT(names.items[0], "x");
	CHECK_TEXT(names.items[1], "generic");
	CHECK_TEXT(names.items[2], "y");
	CHECK_INT(config_providers("a: [", 4, &names), 0);
	CHECK_INT(config_providers("", 0, &names), 0);
	CHECK_INT(config_providers("connections: []", 15, &names), 0);
	CHECK_INT(names.n, 3);
	names_done(&names);
}

static void a_profile_that_is_given_wins_over_the_built_in(void)
{
	static const char text[] = "connections: {c: {client_id: x}}\n";
	static const char mine[] = "issuer: https://mine.example\n";
	const struct config_profile given = {"generic", "g.yaml", mine, strlen(mine)};
	struct config_faults faults = {0};
	struct config *config = NULL;

	CHECK_INT(config_parse_with("f", text, strlen(text), &given, 1, &config, &faults), 0);
	REQUIRE(config != NULL);
	CHECK_TEXT(config->connections[0].setup.issuer, "https://mine.example");
	config_free(config);
}

static void an_empty_profile_says_nothing(void)
{
	static const char *const empty[] = {"", "# only words\n", "{}\n", "~\n"};

	for (size_t i = 0; i < ELEMENTS(empty); i++)
		config_free(read_good(empty[i], C CLIENT "  issuer: https://i.example\n"));
}

/* Each is whole, and says what it is and from where. */
static void the_built_in_profiles_have_no_fault(void)
{
	struct names names = {0};
	struct config_faults faults = {0};
	struct profiles profiles = {0};

	for (size_t i = 0; i < config_n_builtins; i++)
		REQUIRE(names_add(&names, config_builtins[i].name,
				strlen(config_builtins[i].name)) == 0);
	CHECK(names_have(&names, PROFILE_DEFAULT));
	CHECK_INT(profiles_read(&names, NULL, 0, &faults, &profiles), 0);
	CHECK_TEXT(buf_text(&faults.text), "");
	CHECK_INT(profiles.n, config_n_builtins);
	for (size_t i = 0; i < profiles.n; i++) {
		const struct profile *p = &profiles.items[i];

		if (!p->description || p->flows == 0 || p->sources.n == 0)
			TEST_FAIL("%s lacks description, flows or sources", p->name);
		if ((p->needs & PROFILE_NEEDS_HOST) && !p->host_example)
			TEST_FAIL("%s lacks host_example", p->name);
		if ((p->needs & PROFILE_NEEDS_TENANT) && !p->tenant_example)
			TEST_FAIL("%s lacks tenant_example", p->name);
	}
	profiles_done(&profiles);
	config_faults_done(&faults);
	names_done(&names);
}

static void shown_configuration_reads_back_as_the_same(void)
{
	static const char profile[] = ENDPOINTS "host_suffix: .my.example\n"
						"scopes: [api]\n"
						"quirks: [poll_late]\n"
						"redirect_uri: http://localhost:1/\n"
						"client_auth: client_secret_post\n"
						"request_parameters: {prompt: consent}\n"
						"scope_aliases: {api: [full]}\n"
						"limits: {idle_lifetime: 30d}\n"
						"hints: [{contains: \"it's\", say: 'do: #it'}]\n";
	static const char *const texts[] = {C CLIENT "  host: acme\n",
		C CLIENT "  host: acme\n  quirks: []\n  hints: []\n  scopes: []\n",
		C CLIENT "  issuer: https://i.example\n  scopes: [other]\n"};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct config *config = read_good(profile, texts[i]), *again;
		struct buf first = BUF(10000), second = BUF(10000);

		REQUIRE(config != NULL);
		CHECK_INT(config_show(config, &first), 0);
		again = read_good(profile, buf_text(&first));
		REQUIRE(again != NULL);
		CHECK_INT(config_show(again, &second), 0);
		CHECK_TEXT(buf_text(&second), buf_text(&first));
		buf_done(&first);
		buf_done(&second);
		config_free(config);
		config_free(again);
	}
}

static const struct test tests[] = {
	{"a profile gives what the connection leaves out",
		a_profile_gives_what_the_connection_leaves_out},
	{"a key of the connection wins", a_key_of_the_connection_wins},
	{"maps are merged key by key", maps_are_merged_key_by_key},
	{"connections of one profile do not mix", connections_of_one_profile_do_not_mix},
	{"a host is taken as people write it", a_host_is_taken_as_people_write_it},
	{"a host that is none is refused", a_host_that_is_none_is_refused},
	{"what a profile needs is asked for", what_a_profile_needs_is_asked_for},
	{"whoever says where the provider is needs no host",
		whoever_says_where_the_provider_is_needs_no_host},
	{"braces without a value are told", braces_without_a_value_are_told},
	{"a flow that does not work is refused", a_flow_that_does_not_work_is_refused},
	{"what can't work is refused with what to change",
		what_cannot_work_is_refused_with_what_to_change},
	{"what a profile prefers is for those who have what it takes",
		preferences_of_a_profile_bend},
	{"faults of a profile are told once, and in its file",
		faults_of_a_profile_are_told_once_and_in_its_file},
	{"faults of lists of maps are told", faults_of_lists_of_maps_are_told},
	{"the rules of hints hold in a connection too",
		the_rules_of_hints_hold_in_a_connection_too},
	{"an unknown profile is told with the one that was meant",
		an_unknown_profile_is_told_with_the_one_that_was_meant},
	{"what is no name of a profile is refused", what_is_no_name_of_a_profile_is_refused},
	{"names of profiles are found once each", names_of_profiles_are_found_once_each},
	{"a profile that is given wins over the built-in",
		a_profile_that_is_given_wins_over_the_built_in},
	{"an empty profile says nothing", an_empty_profile_says_nothing},
	{"the built-in profiles have no fault", the_built_in_profiles_have_no_fault},
	{"the shown configuration reads back as the same",
		shown_configuration_reads_back_as_the_same},
};

TEST_MAIN(tests)
