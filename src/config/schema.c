/* SPDX-License-Identifier: BSD-2-Clause */

/* The table of every key of grantd.yaml(5), the forms of its texts (RFC 6749 §3.3 for scopes) and
 * the words it knows. */

#include <assert.h>
#include <string.h>

#include "base/now.h"
#include "base/text.h"
#include "config/config.h"
#include "config/schema.h"
#include "oauth/jose.h"
#include "oauth/metadata.h"
#include "oauth/request.h"
#include "oauth/setup.h"

/* --- forms of text --- */

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool made_of(const char *text, const char *allowed)
{
	return *text != '\0' && text[strspn(text, allowed)] == '\0';
}

/* U+FFFE and U+FFFF are no characters and no YAML text can hold them but as an escape. */
static bool has_noncharacter(const char *text)
{
	return strstr(text, "\xef\xbf\xbe") || strstr(text, "\xef\xbf\xbf");
}

static bool is_text(const char *text)
{
	char cleaned[SCHEMA_TEXT_MAX + 1];
	size_t len = strlen(text);

	if (len == 0 || len > SCHEMA_TEXT_MAX)
		return false;
	text_clean(cleaned, sizeof(cleaned), text, len);
	return text_equal(cleaned, text) && !has_noncharacter(text);
}

static bool is_issuer(const char *text)
{
	return metadata_is_https_url(text) && !strchr(text, '?');
}

/* What follows the scheme of a URI (RFC 3986 §3.1), from its colon on; NULL where there is none. */
static const char *after_scheme(const char *text)
{
	const char *rest = text + strspn(text, LOWER UPPER DIGITS "+.-");

	return rest != text && strchr(LOWER UPPER, text[0]) && *rest == ':' ? rest : NULL;
}

#define URI_CHARS LOWER UPPER DIGITS "-._~:/?[]@!$&'()*+,;=%"

/* An absolute URI (RFC 3986 §4.3), compared byte for byte by providers: of the web, or of a scheme
 * that an app has for itself (RFC 8252 §7.1). Digits behind the colon are a port: there the scheme
 * was forgotten. */
static bool is_redirect(const char *text)
{
	const char *rest = after_scheme(text);

	if (!rest || strchr(text, '#'))
		return false;
	if (text_starts(text, "http:") || text_starts(text, "https:"))
		return metadata_is_web_address(text);
	return !strchr(DIGITS, rest[1]) && made_of(rest, URI_CHARS);
}

/* An absolute URI without fragment (RFC 8707 §2, RFC 3986 §4.3). */
static bool is_resource(const char *text)
{
	const char *rest = after_scheme(text);

	return rest && made_of(rest + 1, URI_CHARS);
}

static bool is_proxy(const char *text)
{
	static const char *const schemes[] = {"http://", "https://", "socks5h://"};
	char url[SCHEMA_TEXT_MAX + sizeof("https://")] = "https://";
	size_t len;

	for (size_t i = 0; i < ELEMENTS(schemes); i++) {
		if (!text_starts(text, schemes[i]))
			continue;
		text += strlen(schemes[i]);
		len = strcspn(text, "/");
		if (len > SCHEMA_TEXT_MAX || (text[len] == '/' && text[len + 1] != '\0'))
			return false;
		memcpy(url + strlen("https://"), text, len);
		return is_issuer(url);
	}
	return false;
}

static bool is_path(const char *text)
{
	return text[0] == '/' && is_text(text);
}

/* A file name below the credentials directory. */
static bool is_credential(const char *text)
{
	return made_of(text, LOWER UPPER DIGITS "._-") && !made_of(text, ".");
}

static bool is_connection(const char *text)
{
	return made_of(text, LOWER DIGITS "-") && text[0] != '-';
}

static bool is_scope(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
			return false;
	return *text != '\0';
}

static bool is_unit(const char *text)
{
	static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};
	const char *dot = strrchr(text, '.');

	for (size_t i = 0; dot && dot != text && i < ELEMENTS(suffixes); i++)
		if (text_equal(dot, suffixes[i]))
			return made_of(text, LOWER UPPER DIGITS ":_.\\@-");
	return false;
}

/* A claim is a member of a document: any name, or a path of several with dots between them. */
static bool is_claim(const char *text)
{
	return is_text(text) && !strchr(text, ' ');
}

static bool is_parameter(const char *text)
{
	return made_of(text, LOWER UPPER DIGITS "._~-");
}

/* Controls of ASCII only: what else text_clean() replaces is left to the reader. */
#define NO_CONTROL "[^\x01-\x1f\x7f]"

const struct schema_form schema_text = {
	.what = "one line of text without control characters",
	.pattern = "^" NO_CONTROL "+$",
	.max = SCHEMA_TEXT_MAX,
	.fits = is_text,
};

static const struct schema_form issuer_form = {
	.what = "an https:// URL without user, query and fragment",
	.example = "https://login.example.com",
	.pattern = "^https://[^\x01-\x20\x7f?#]+$",
	.max = METADATA_URL_MAX,
	.fits = is_issuer,
};

static const struct schema_form endpoint_form = {
	.what = "an https:// URL without user and fragment",
	.example = "https://login.example.com/token",
	.pattern = "^https://[^\x01-\x20\x7f#]+$",
	.max = METADATA_URL_MAX,
	.fits = metadata_is_https_url,
};

static const struct schema_form redirect_form = {
	.what = "an absolute URI without fragment, as registered at the provider",
	.example = "http://localhost:1717/callback",
	.pattern = "^[A-Za-z][A-Za-z0-9+.-]*:[^\x01-\x20\x7f#]+$",
	.max = METADATA_URL_MAX,
	.fits = is_redirect,
};

static const struct schema_form proxy_form = {
	.what = "an http://, https:// or socks5h:// URL of host and port only",
	.example = "http://proxy.example.com:3128",
	.pattern = "^(http|https|socks5h)://[^\x01-\x20\x7f/?#@]+/?$",
	.max = METADATA_URL_MAX,
	.fits = is_proxy,
};

static const struct schema_form path_form = {
	.what = "an absolute path",
	.example = "/etc/grantd/FILE",
	.pattern = "^/" NO_CONTROL "*$",
	.max = SCHEMA_TEXT_MAX,
	.fits = is_path,
};

static const struct schema_form credential_form = {
	.what = "a credential name of letters, digits, dot, _ and -, at most 255",
	.example = "client-secret",
	.pattern = "^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$",
	.max = 255,
	.fits = is_credential,
};

const struct schema_form schema_name_form = {
	.what = "a connection name of a-z, 0-9 and -, not first a -, at most 63",
	.example = "salesforce",
	.pattern = "^[a-z0-9][a-z0-9-]*$",
	.max = 63,
	.fits = is_connection,
};

const struct schema_form schema_scope_form = {
	.what = "a scope without blank, control character, \" and \\",
	.example = "offline_access",
	.pattern = "^([!#-Z^-~]|\\[|\\])+$",
	.max = SCHEMA_TEXT_MAX,
	.fits = is_scope,
};

static const struct schema_form principal_form = {
	.what = "a name or number without control characters",
	.example = "etl",
	.pattern = "^" NO_CONTROL "+$",
	.max = 255,
	.fits = is_text,
};

static const struct schema_form unit_form = {
	.what = "a unit name that ends in .service, .scope, .socket, .mount or .swap",
	.example = "leadjob.service",
	.pattern = "^[A-Za-z0-9:_.\\\\@-]+\\.(service|scope|socket|mount|swap)$",
	.max = 255,
	.fits = is_unit,
};

static const struct schema_form resource_form = {
	.what = "an absolute URI without fragment",
	.example = "https://api.example.com/",
	.pattern = "^[A-Za-z][A-Za-z0-9+.-]*:[^\x01-\x20\x7f#]+$",
	.max = METADATA_URL_MAX,
	.fits = is_resource,
};

/* A parameter given twice is refused by servers (RFC 6749 §3.1), so what we send is ours alone. */
#define TOKEN_RESERVED \
	"assertion", "client_assertion", "client_assertion_type", "client_id", "client_secret", \
		"code", "code_verifier", "device_code", "grant_type", "redirect_uri", \
		"refresh_token", "token", "token_type_hint"

static const char *const token_reserved[] = {TOKEN_RESERVED, NULL};

static const char *const request_reserved[] = {
	TOKEN_RESERVED,
	"code_challenge",
	"code_challenge_method",
	"nonce",
	"response_type",
	"scope",
	"state",
	NULL,
};

static const struct schema_form told_form = {
	.what = "the name of a claim without blanks",
	.example = "username",
	.pattern = "^[^\x01-\x20\x7f]+$",
	.max = 255,
	.fits = is_claim,
};

#define PARAMETER_FORM(ours) \
	{ \
		.what = "a parameter name of letters, digits and ._~- that grantd does not " \
			"send itself", \
		.example = "audience", .pattern = "^[A-Za-z0-9._~-]+$", .max = 255, \
		.fits = is_parameter, .reserved = (ours), \
	}

static const struct schema_form request_form = PARAMETER_FORM(request_reserved);
static const struct schema_form token_form = PARAMETER_FORM(token_reserved);

static const char *const claims_reserved[] = {
	"aud", "exp", "iat", "iss", "jti", "nbf", "sub", NULL};

static const struct schema_form claim_form = {
	.what = "the name of a claim that grantd does not make itself",
	.example = "scope",
	.pattern = "^" NO_CONTROL "+$",
	.max = 255,
	.fits = is_text,
	.reserved = claims_reserved,
};

bool schema_form_fits(const struct schema_form *form, const char *text)
{
	if (strlen(text) > form->max || !form->fits(text))
		return false;
	for (const char *const *r = form->reserved; r && *r; r++)
		if (text_equal(text, *r))
			return false;
	return true;
}

/* --- words --- */

static const char *ready_when_word(unsigned i)
{
	return i == 0 ? "usable" : "listening";
}

static const char *flow_word(unsigned i)
{
	return grant_flow_to_string((enum grant_flow)i);
}

static const char *client_auth_word(unsigned i)
{
	return client_auth_to_string((enum client_auth)i);
}

static const char *confirm_word(unsigned i)
{
	return grant_confirm_to_string((enum grant_confirm)i);
}

static const char *email_word(unsigned i)
{
	return grant_email_to_string((enum grant_email)i);
}

static const char *algorithm_word(unsigned i)
{
	return jose_algorithm_to_string((enum jose_algorithm)i);
}

static const struct schema_words ready_when_words = {2, ready_when_word, SCHEMA_AS_BOOL};
const struct schema_words schema_flow_words = {_GRANT_FLOW_MAX, flow_word, SCHEMA_AS_ENUM};
static const struct schema_words client_auth_words = {
	_CLIENT_AUTH_MAX, client_auth_word, SCHEMA_AS_ENUM};
static const struct schema_words algorithm_words = {JOSE_EDDSA + 1, algorithm_word, SCHEMA_AS_TEXT};

static const struct schema_words confirm_words = {_GRANT_CONFIRM_MAX, confirm_word, SCHEMA_AS_ENUM};
static const struct schema_words email_words = {_GRANT_EMAIL_MAX, email_word, SCHEMA_AS_ENUM};

/* --- the table --- */

#define KEYS(table) .keys = (table), .n_keys = ELEMENTS(table)

static const struct schema_key source_keys[] = {
	{
		.name = "credential",
		.type = SCHEMA_TEXT,
		.form = &credential_form,
		.offset = offsetof(struct schema_source, credential),
		.help = "Name of a file in the credentials directory of the service "
			"(LoadCredential= of systemd.exec(5)).",
	},
	{
		.name = "file",
		.type = SCHEMA_TEXT,
		.form = &path_form,
		.offset = offsetof(struct schema_source, file),
		.help = "Path of a file that nobody but the agent can read.",
	},
};

#define USERS(text) \
	{ \
		.name = "users", .type = SCHEMA_NAMES, .form = &principal_form, \
		.offset = offsetof(struct principals, users), .help = (text), \
	}
#define GROUPS(text) \
	{ \
		.name = "groups", .type = SCHEMA_NAMES, .form = &principal_form, \
		.offset = offsetof(struct principals, groups), .help = (text), \
	}

static const struct schema_key operators_keys[] = {
	USERS("Users that are operators, by name or number."),
	GROUPS("Groups whose members are operators, by name or number."),
};

static const struct schema_key allow_keys[] = {
	USERS("Users whose programs may have tokens, by name or number."),
	GROUPS("Groups whose members may have tokens, by name or number."),
	{
		.name = "units",
		.type = SCHEMA_NAMES,
		.form = &unit_form,
		.offset = offsetof(struct principals, units),
		.help = "Units of the system manager whose processes may have tokens.",
	},
};

static const struct schema_key agent_keys[] = {
	{
		.name = "ready_when",
		.type = SCHEMA_WORD,
		.words = &ready_when_words,
		.fallback = "usable",
		.offset = offsetof(struct config, ready_when_listening),
		.help = "When the service manager is told that the agent is ready: once every "
			"required connection is usable, or once the sockets are up.",
	},
	{
		.name = "operators",
		.type = SCHEMA_SECTION,
		.offset = offsetof(struct config, operators),
		.line = offsetof(struct config, operators.line),
		.column = offsetof(struct config, operators.column),
		KEYS(operators_keys),
		.help = "Who may log in, revoke and reload, besides root and the user the agent "
			"runs as.",
	},
	{
		.name = "store_key",
		.type = SCHEMA_SOURCE,
		.offset = offsetof(struct config, store_key),
		KEYS(source_keys),
		.help = "Where the key that seals the stored grants comes from; without it one is "
			"made beside the store at the first start.",
	},
	{
		.name = "ca_file",
		.type = SCHEMA_TEXT,
		.form = &path_form,
		.offset = offsetof(struct config, ca_file),
		.line = offsetof(struct config, ca_file_line),
		.column = offsetof(struct config, ca_file_column),
		.help = "PEM file of the authorities that servers are checked against, instead of "
			"those of the system.",
	},
	{
		.name = "proxy",
		.type = SCHEMA_TEXT,
		.form = &proxy_form,
		.offset = offsetof(struct config, proxy),
		.help = "Proxy that every request goes through.",
	},
};

#define ENDPOINT(key, text) \
	{ \
		.name = #key, .type = SCHEMA_TEXT, .form = &endpoint_form, .template = true, \
		.offset = offsetof(struct config_connection, setup.endpoints.key), .help = (text), \
	}

static const struct schema_key endpoints_keys[] = {
	ENDPOINT(device_authorization, "Where a device code is asked for (RFC 8628)."),
	ENDPOINT(authorization, "What a person opens to approve (RFC 6749 section 3.1)."),
	ENDPOINT(token, "Where tokens are asked for (RFC 6749)."),
	ENDPOINT(revocation, "Where a token is given back (RFC 7009)."),
	ENDPOINT(introspection, "Where a token is asked about (RFC 7662)."),
	ENDPOINT(userinfo, "Where the approver is asked about (OpenID Connect Core 1.0)."),
	ENDPOINT(jwks, "Where the keys are that an id_token is signed with (RFC 7517)."),
};

static const struct schema_key identity_keys[] = {
	{
		.name = "url",
		.type = SCHEMA_TEXT,
		.form = &endpoint_form,
		.template = true,
		.offset = offsetof(struct config_connection, setup.approver.url),
		.help = "A JSON document about the owner of the token, asked for in place of "
			"id_token and userinfo.",
	},
	{
		.name = "subject",
		.type = SCHEMA_TEXT,
		.form = &told_form,
		.offset = offsetof(struct config_connection, setup.approver.subject),
		.help = "The claim in it that never is another person's, as in user_id or data.0.id; "
			"default is sub.",
	},
	{
		.name = "email",
		.type = SCHEMA_WORD,
		.words = &email_words,
		.fallback = "verified",
		.offset = offsetof(struct config_connection, setup.approver.email),
		.help = "Which email addresses count for expect: verified, those with email_verified; "
			"vouched, all, since the provider gives none to who does not own it.",
	},
};

static const struct schema_key refresh_keys[] = {
	{
		.name = "margin",
		.type = SCHEMA_DURATION,
		.fallback = "5m",
		.max_usec = USEC_PER_DAY,
		.offset = offsetof(struct config_connection, setup.margin_usec),
		.help = "How long before its end a token is refreshed; at most a fifth of its "
			"lifetime is used.",
	},
	{
		.name = "keepalive",
		.type = SCHEMA_DURATION,
		.fallback = "20d",
		.min_usec = USEC_PER_MIN,
		.max_usec = 3650 * USEC_PER_DAY,
		.zero = true,
		.offset = offsetof(struct config_connection, setup.keepalive_usec),
		.help = "The longest time without a refresh, for providers that end a grant that "
			"is not used; 0s for never.",
	},
	{
		.name = "assume_lifetime",
		.type = SCHEMA_DURATION,
		.fallback = "1h",
		.min_usec = USEC_PER_MIN,
		.max_usec = 3650 * USEC_PER_DAY,
		.offset = offsetof(struct config_connection, setup.assume_lifetime_usec),
		.help = "The lifetime of a token where the provider tells none.",
	},
};

#define SETUP(member) offsetof(struct config_connection, setup.member)

static const struct schema_key assertion_keys[] = {
	{
		.name = "subject",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = SETUP(assertion_subject),
		.help = "The user whose token it is (the claim sub).",
	},
	{
		.name = "audience",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = SETUP(assertion_audience),
		.help = "Whom the assertion is addressed to (the claim aud); default is the "
			"issuer, else the token endpoint.",
	},
	{
		.name = "claims",
		.type = SCHEMA_PARAMS,
		.form = &claim_form,
		.offset = SETUP(assertion_claims),
		.help = "More claims, each a text, where the provider wants them.",
	},
};

static const struct schema_key connection_keys[] = {
	{
		.name = "provider",
		.type = SCHEMA_TEXT,
		.form = &schema_profile_form,
		.own = true,
		.fallback = "generic",
		.offset = offsetof(struct config_connection, provider),
		.help = "The profile of the provider, grantd-providers(7): generic is any server "
			"that keeps to the standards.",
	},
	{
		.name = "host",
		.type = SCHEMA_TEXT,
		.form = &schema_host_form,
		.offset = offsetof(struct config_connection, host),
		.help = "Where the provider is for us, HOST or HOST:PORT: {host} in issuer and "
			"endpoints.",
	},
	{
		.name = "tenant",
		.type = SCHEMA_TEXT,
		.form = &schema_tenant_form,
		.offset = offsetof(struct config_connection, tenant),
		.help = "Which tenant, realm or authorization server of the provider is ours: "
			"{tenant} in issuer and endpoints.",
	},
	{
		.name = "issuer",
		.type = SCHEMA_TEXT,
		.form = &issuer_form,
		.template = true,
		.offset = SETUP(issuer),
		.help = "The issuer, whose metadata document tells the endpoints (RFC 8414, OpenID "
			"Connect Discovery 1.0).",
	},
	{
		.name = "endpoints",
		.type = SCHEMA_SECTION,
		KEYS(endpoints_keys),
		.help = "The endpoints, where there is no issuer or it tells them wrong; these "
			"win.",
	},
	{
		.name = "flow",
		.type = SCHEMA_WORD,
		.words = &schema_flow_words,
		.fallback = "device",
		.offset = SETUP(flow),
		.help = "How the grant is given: device, a person approves a code; paste, a person "
			"pastes back an address; client_credentials or jwt_bearer, a secret or a "
			"key is enough.",
	},
	{
		.name = "redirect_uri",
		.type = SCHEMA_TEXT,
		.form = &redirect_form,
		.offset = SETUP(redirect_uri),
		.help = "Where the browser ends after the approval, as registered at the "
			"provider; for flow paste. Nobody needs to answer there.",
	},
	{
		.name = "client_id",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.required = true,
		.offset = SETUP(client.id),
		.help = "The identifier of the client registration at the provider.",
	},
	{
		.name = "client_secret",
		.type = SCHEMA_SOURCE,
		.literal = true,
		.offset = offsetof(struct config_connection, client_secret),
		KEYS(source_keys),
		.help = "The secret of the client registration, or where it comes from; the bare "
			"text only where nobody else can read this file.",
	},
	{
		.name = "client_auth",
		.type = SCHEMA_WORD,
		.words = &client_auth_words,
		.offset = SETUP(client.auth),
		.given = offsetof(struct config_connection, client_auth_given),
		.help = "How the client proves itself (RFC 6749 section 2.3.1, RFC 7523 section "
			"2.2); default is client_secret_basic with a client_secret, private_key_jwt "
			"with a client_key but for flow jwt_bearer, else none.",
	},
	{
		.name = "client_auth_audience",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = SETUP(client.auth_audience),
		.help = "Whom the assertion of private_key_jwt is addressed to (the claim aud); "
			"default is the token endpoint.",
	},
	{
		.name = "client_key",
		.type = SCHEMA_SOURCE,
		.offset = offsetof(struct config_connection, client_key),
		KEYS(source_keys),
		.help = "Where the private key comes from that assertions are signed with: PEM or "
			"JWK.",
	},
	{
		.name = "client_key_passphrase",
		.type = SCHEMA_SOURCE,
		.offset = offsetof(struct config_connection, client_key_passphrase),
		KEYS(source_keys),
		.help = "Where the passphrase of an encrypted client_key comes from.",
	},
	{
		.name = "client_key_id",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = SETUP(client.key_id),
		.help = "The name of the key at the provider (the header kid); default is the kid "
			"of a JWK, else none is sent.",
	},
	{
		.name = "client_key_algorithm",
		.type = SCHEMA_WORD,
		.words = &algorithm_words,
		.offset = SETUP(client.key_algorithm),
		.help = "How the key signs (RFC 7518 section 3.1, RFC 8037); default is the alg of "
			"a JWK, else RS256, ES256 or EdDSA by the type of the key.",
	},
	{
		.name = "assertion",
		.type = SCHEMA_SECTION,
		KEYS(assertion_keys),
		.help = "What the assertion of flow jwt_bearer says.",
	},
	{
		.name = "scopes",
		.type = SCHEMA_NAMES,
		.form = &schema_scope_form,
		.blanks = true,
		.offset = SETUP(scopes),
		.given = offsetof(struct config_connection, scopes_given),
		.help = "The scopes asked for; without them the provider chooses.",
	},
	{
		.name = "required_scopes",
		.type = SCHEMA_NAMES,
		.form = &schema_scope_form,
		.blanks = true,
		.offset = SETUP(required_scopes),
		.given = offsetof(struct config_connection, required_scopes_given),
		.help = "The scopes without which the grant is not usable; default is scopes "
			"without openid, offline_access, offline, refresh_token and offline_scopes.",
	},
	{
		.name = "scope_aliases",
		.type = SCHEMA_ALIASES,
		.form = &schema_scope_form,
		.offset = SETUP(scope_aliases),
		.help = "Scopes that grant others too: a required scope on the left is also met by "
			"one in its list.",
	},
	{
		.name = "offline_scopes",
		.type = SCHEMA_NAMES,
		.form = &schema_scope_form,
		.blanks = true,
		.offset = offsetof(struct config_connection, offline_scopes),
		.given = offsetof(struct config_connection, offline_scopes_given),
		.help = "Scopes that only ask for a refresh token, besides those that are always "
			"taken for that: not required by default.",
	},
	{
		.name = "expect",
		.type = SCHEMA_PARAMS,
		.own = true,
		.form = &told_form,
		.offset = SETUP(approver.expect),
		.help = "Claims about who approves that must be so, as in username or email; whoever "
			"else approves is refused.",
	},
	{
		.name = "confirm",
		.type = SCHEMA_WORD,
		.words = &confirm_words,
		.fallback = "auto",
		.offset = SETUP(approver.confirm),
		.help = "What becomes of an approval: auto, it is taken where expect is met, or from "
			"the first approver and that one only; operator, it is held for grantctl "
			"confirm; none, nobody asks who it was.",
	},
	{
		.name = "identity",
		.type = SCHEMA_SECTION,
		KEYS(identity_keys),
		.help = "How the provider tells who approved, where it is not by OpenID Connect.",
	},
	{
		.name = "resource",
		.type = SCHEMA_NAMES,
		.form = &resource_form,
		.offset = SETUP(resources),
		.help = "The resources that the token is for (RFC 8707), named in every request for "
			"one.",
	},
	{
		.name = "audience",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = SETUP(audience),
		.help = "What the token is for, in the words of providers that know the parameter "
			"audience; sent in the first request.",
	},
	{
		.name = "required",
		.type = SCHEMA_BOOL,
		.own = true,
		.fallback = "true",
		.offset = offsetof(struct config_connection, required),
		.help = "Whether the agent is ready only when this connection is usable.",
	},
	{
		.name = "allow",
		.type = SCHEMA_SECTION,
		.own = true,
		.offset = offsetof(struct config_connection, allow),
		.line = offsetof(struct config_connection, allow.line),
		.column = offsetof(struct config_connection, allow.column),
		KEYS(allow_keys),
		.help = "Whose programs may have tokens, besides root and operators; any one rule "
			"is enough.",
	},
	{
		.name = "refresh",
		.type = SCHEMA_SECTION,
		KEYS(refresh_keys),
		.help = "When the token is refreshed.",
	},
	{
		.name = "request_parameters",
		.type = SCHEMA_PARAMS,
		.form = &request_form,
		.offset = SETUP(request_parameters),
		.help = "Parameters added to the first request: device authorization, the address "
			"to open, or the token request of an unattended flow.",
	},
	{
		.name = "token_parameters",
		.type = SCHEMA_PARAMS,
		.form = &token_form,
		.offset = SETUP(token_parameters),
		.help = "Parameters added to the token request that an approval leads to, and to "
			"each refresh.",
	},
	{
		.name = "quirks",
		.type = SCHEMA_FLAGS,
		.words = &schema_quirk_words,
		.offset = SETUP(client.quirks),
		.given = offsetof(struct config_connection, quirks_given),
		.help = "What the provider does otherwise than the standards say.",
	},
	{
		.name = "limits",
		.type = SCHEMA_SECTION,
		.keys = schema_limit_keys,
		.n_keys = SCHEMA_LIMIT_KEYS,
		.help = "What the provider allows a grant.",
	},
	{
		.name = "hints",
		.type = SCHEMA_ITEMS,
		.keys = schema_hint_keys,
		.n_keys = SCHEMA_HINT_KEYS,
		.size = sizeof(struct hint),
		.offset = SETUP(hints),
		.given = offsetof(struct config_connection, hints_given),
		.help = "What the provider means by its errors, and what to change then; the first "
			"that fits counts.",
	},
	{
		.name = "ca_file",
		.type = SCHEMA_TEXT,
		.form = &path_form,
		.offset = offsetof(struct config_connection, ca_file),
		.line = offsetof(struct config_connection, ca_file_line),
		.column = offsetof(struct config_connection, ca_file_column),
		.help = "PEM file of the authorities for this connection, instead of those of the "
			"agent.",
	},
};

static const struct schema_key root_keys[] = {
	{
		.name = "agent",
		.type = SCHEMA_SECTION,
		KEYS(agent_keys),
		.help = "What concerns the agent as a whole.",
	},
	{
		.name = "connections",
		.type = SCHEMA_MAP,
		.form = &schema_name_form,
		.offset = offsetof(struct config, connections),
		.size = sizeof(struct config_connection),
		.naming = offsetof(struct config_connection, setup.name),
		.max = CONFIG_CONNECTIONS_MAX,
		.profiles = true,
		KEYS(connection_keys),
		.help = "The connections by name, each one client registration at one provider.",
	},
	{
		.name = "sync",
		.type = SCHEMA_MAP,
		.form = &schema_name_form,
		.offset = offsetof(struct config, syncs),
		.size = sizeof(struct config_sync),
		.naming = offsetof(struct config_sync, name),
		.max = CONFIG_SYNCS_MAX,
		.keys = schema_sync_keys,
		.n_keys = SCHEMA_SYNC_KEYS,
		.help = "Syncs of persons by name, each from one connection to another.",
	},
};

const struct schema_key schema_connection = {
	.name = "",
	.type = SCHEMA_SECTION,
	KEYS(connection_keys),
	.help = "One client registration at one provider.",
};

const struct schema_key schema_root = {
	.name = "",
	.type = SCHEMA_SECTION,
	KEYS(root_keys),
	.help = "Configuration of grantd, see grantd.yaml(5).",
};

static_assert(ELEMENTS(connection_keys) <= SCHEMA_KEYS_MAX, "the longest section");

/* --- look-ups --- */

bool schema_in_profile(const struct schema_key *key)
{
	return !key->own && key->type != SCHEMA_SOURCE;
}

const struct schema_key *schema_find(const struct schema_key *section, const char *name)
{
	for (size_t i = 0; i < section->n_keys; i++)
		if (text_equal(section->keys[i].name, name))
			return &section->keys[i];
	return NULL;
}

/* How many letters may be wrong: farther is another word. */
static unsigned near_limit(const char *text)
{
	size_t len = strlen(text);

	return len < 3 ? 1 : len < 8 ? 2 : 3;
}

/* Keep @candidate in @ret when it is nearer to @text than what was found up to @best. */
static void consider(const char *candidate, const char *text, unsigned *best, const char **ret)
{
	unsigned distance = text_distance(candidate, text, *best);

	if (distance < *best) {
		*best = distance;
		*ret = candidate;
	}
}

const char *schema_near_key(const struct schema_key *section, const char *text)
{
	unsigned best = near_limit(text) + 1;
	const char *found = NULL;

	for (size_t i = 0; i < section->n_keys; i++)
		consider(section->keys[i].name, text, &best, &found);
	return found;
}

const char *schema_near_word(const struct schema_words *words, const char *text)
{
	unsigned best = near_limit(text) + 1;
	const char *found = NULL;

	for (unsigned i = 0; i < words->n; i++)
		consider(words->word(i), text, &best, &found);
	return found;
}

unsigned schema_word_load(const struct schema_key *key, const void *at)
{
	unsigned value = 0;

	switch (key->words->storage) {
	case SCHEMA_AS_BOOL:
		return *(const bool *)at;
	case SCHEMA_AS_ENUM:
		memcpy(&value, at, sizeof(value));
		return value;
	case SCHEMA_AS_TEXT:
		while (value + 1 < key->words->n &&
			!text_equal(key->words->word(value), *(char *const *)at))
			value++;
		return value;
	}
	return 0;
}
