/* SPDX-License-Identifier: BSD-2-Clause */

/* The requests we send: RFC 6749 §2.3.1 (client authentication) §4.4 (client credentials) and §6
 * (refresh), RFC 7009 (revocation), RFC 7636 (PKCE), RFC 8628 (device authorization). */

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/assertion.h"
#include "oauth/quirks.h"
#include "oauth/request.h"

/* Never reached: the longest reply (a token) and the longest configuration file (parameters), each
 * byte percent-encoded, are less. */
#define REQUEST_BODY_MAX (4u * 1024 * 1024)

static const char *const client_auths[_CLIENT_AUTH_MAX] = {
	[CLIENT_AUTH_NONE] = "none",
	[CLIENT_AUTH_BASIC] = "client_secret_basic",
	[CLIENT_AUTH_BASIC_RAW] = "client_secret_basic_raw",
	[CLIENT_AUTH_POST] = "client_secret_post",
	[CLIENT_AUTH_KEY] = "private_key_jwt",
};

const char *client_auth_to_string(enum client_auth auth)
{
	return client_auths[auth];
}

int client_auth_from_string(const char *text, enum client_auth *ret)
{
	for (unsigned i = 0; i < ELEMENTS(client_auths); i++)
		if (text_equal(client_auths[i], text)) {
			*ret = (enum client_auth)i;
			return 0;
		}
	return -EINVAL;
}

static bool copied(const void *from, const void *copy)
{
	return !from || copy;
}

int client_copy(const struct client *from, struct client *ret)
{
	struct client copy = {.auth = from->auth, .quirks = from->quirks};

	copy.id = mem_strdup(from->id);
	copy.secret = secret_copy(from->secret);
	copy.key = secret_copy(from->key);
	copy.key_passphrase = secret_copy(from->key_passphrase);
	copy.key_id = mem_strdup(from->key_id);
	copy.key_algorithm = mem_strdup(from->key_algorithm);
	copy.auth_audience = mem_strdup(from->auth_audience);
	if (!copied(from->id, copy.id) || !copied(from->secret, copy.secret) ||
		!copied(from->key, copy.key) ||
		!copied(from->key_passphrase, copy.key_passphrase) ||
		!copied(from->key_id, copy.key_id) ||
		!copied(from->key_algorithm, copy.key_algorithm) ||
		!copied(from->auth_audience, copy.auth_audience)) {
		client_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void client_done(struct client *c)
{
	c->id = mem_free(c->id);
	c->secret = secret_free(c->secret);
	c->key = secret_free(c->key);
	c->key_passphrase = secret_free(c->key_passphrase);
	c->key_id = mem_free(c->key_id);
	c->key_algorithm = mem_free(c->key_algorithm);
	c->auth_audience = mem_free(c->auth_audience);
}

/* --- PKCE --- */

int pkce_verifier(const uint8_t random[32], struct secret **ret_verifier)
{
	_cleanup_(buf_done) struct buf text = BUF(43); /* 32 bytes in base64url */
	struct secret *verifier;

	if (text_add_base64url(&text, random, 32) < 0)
		return -ENOMEM;
	verifier = secret_new(text.data, text.len);
	if (!verifier)
		return -ENOMEM;
	*ret_verifier = verifier;
	return 0;
}

int pkce_challenge(const struct secret *verifier, struct buf *ret)
{
	uint8_t digest[32];

	if (EVP_Digest(secret_expose(verifier), secret_len(verifier), digest, NULL, EVP_sha256(),
		    NULL) != 1)
		return -ENOMEM; /* nothing else can fail it */
	return text_add_base64url(ret, digest, sizeof(digest));
}

/* --- forms --- */

static void form_add(struct buf *form, const char *name, const char *value, size_t len)
{
	if (form->len > 0)
		(void)buf_add_char(form, '&'); /* failures stick, form_send() reads them */
	(void)text_add_form(form, name, strlen(name));
	(void)buf_add_char(form, '=');
	(void)text_add_form(form, value, len);
}

static void form_add_text(struct buf *form, const char *name, const char *value)
{
	if (value)
		form_add(form, name, value, strlen(value));
}

static void form_add_secret(struct buf *form, const char *name, const struct secret *value)
{
	if (value)
		form_add(form, name, secret_expose(value), secret_len(value));
}

static void form_add_params(struct buf *form, const struct params *params)
{
	for (size_t i = 0; i < params->n; i++)
		form_add_text(form, params->items[i].name, params->items[i].value);
}

static int form_add_scopes_as(
	struct buf *form, const char *name, const struct client *client, const struct names *scopes)
{
	_cleanup_(mem_freep) char *joined = NULL;

	if (scopes->n == 0)
		return 0;
	joined = names_join(scopes, client->quirks & QUIRK_SCOPE_COMMAS ? "," : " ");
	if (!joined)
		return -ENOMEM;
	form_add_text(form, name, joined);
	return 0;
}

static int form_add_scopes(
	struct buf *form, const struct client *client, const struct names *scopes)
{
	return form_add_scopes_as(form, "scope", client, scopes);
}

static int form_add_challenge(struct buf *form, const struct secret *verifier)
{
	_cleanup_(buf_done) struct buf challenge = BUF(43);

	if (pkce_challenge(verifier, &challenge) < 0)
		return -ENOMEM;
	form_add_text(form, "code_challenge", buf_text(&challenge));
	form_add_text(form, "code_challenge_method", "S256");
	return 0;
}

/* --- client authentication --- */

static bool client_has_header(const struct client *client)
{
	return client->auth == CLIENT_AUTH_BASIC || client->auth == CLIENT_AUTH_BASIC_RAW;
}

/* Sign that @client says @subject, and @more (or NULL), to @audience, now. 0, -EBADMSG, -ENOMEM. */
static int sign_assertion(const struct client *client, const char *subject, const char *audience,
	const struct params *more, struct secret **ret)
{
	const uint64_t now_s = client->fresh->wall_usec / USEC_PER_S;
	const struct assertion_claims claims = {
		.issuer = client->id,
		.subject = subject,
		.audience = audience,
		.jti = client->fresh->jti,
		.issued_s = now_s,
		.expires_s = now_s + ASSERTION_LIFETIME / USEC_PER_S,
		.extra = more,
	};

	return assertion_sign(client->key, client->key_passphrase, client->key_algorithm,
		client->key_id, &claims, ret, NULL);
}

static int form_add_client_assertion(struct buf *form, const char *url, const struct client *client)
{
	_cleanup_(secret_freep) struct secret *assertion = NULL;
	const char *audience = client->auth_audience ? client->auth_audience : url;
	int r;

	r = sign_assertion(client, client->id, audience, NULL, &assertion);
	if (r < 0)
		return r;
	form_add_text(form, "client_assertion_type",
		"urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
	form_add_secret(form, "client_assertion", assertion);
	return 0;
}

/* What of the client goes into the body of what is sent to @url. With a header its id is left out,
 * unless @id_always: RFC 6749 §3.2.1 asks for it only from clients that do not authenticate, and
 * some providers refuse it twice. 0, -EBADMSG, -ENOMEM. */
static int form_add_client(
	struct buf *form, const char *url, const struct client *client, bool id_always)
{
	if (id_always || !client_has_header(client) || client->quirks & QUIRK_CLIENT_ID_IN_BODY)
		form_add_text(form, "client_id", client->id);
	if (client->auth == CLIENT_AUTH_POST)
		form_add_secret(form, "client_secret", client->secret);
	if (client->auth == CLIENT_AUTH_KEY)
		return form_add_client_assertion(form, url, client);
	return 0;
}

/* One half of what Basic encodes. */
static int add_credential(
	struct buf *pair, const struct client *client, const char *text, size_t len)
{
	if (client->auth == CLIENT_AUTH_BASIC_RAW)
		return buf_add(pair, text, len);
	return text_add_form(pair, text, len);
}

static int client_authorization(const struct client *client, struct secret **ret)
{
	_cleanup_(buf_done) struct buf pair = BUF(REQUEST_BODY_MAX);
	_cleanup_(buf_done) struct buf header = BUF(2 * REQUEST_BODY_MAX);

	(void)add_credential(&pair, client, client->id, strlen(client->id)); /* failures stick */
	(void)buf_add_char(&pair, ':');
	if (add_credential(
		    &pair, client, secret_expose(client->secret), secret_len(client->secret)) < 0)
		return -ENOMEM;
	(void)buf_add_text(&header, "Basic "); /* failures stick */
	if (text_add_base64(&header, pair.data, pair.len) < 0)
		return -ENOMEM;
	*ret = secret_new(header.data, header.len);
	return *ret ? 0 : -ENOMEM;
}

/* Make the POST of @form to @url. */
static int form_send(const struct buf *form, const char *url, const struct client *client,
	bool once, struct exchange_request *ret)
{
	_cleanup_(exchange_request_done) struct exchange_request request = {
		.method = EXCHANGE_POST,
		.once = once,
	};

	if (form->error)
		return -ENOMEM;
	request.url = mem_strdup(url);
	request.body = secret_new(buf_text(form), form->len);
	if (!request.url || !request.body)
		return -ENOMEM;
	if (client_has_header(client) && client_authorization(client, &request.authorization) < 0)
		return -ENOMEM;
	*ret = request;
	request = (struct exchange_request){.method = EXCHANGE_POST};
	return 0;
}

/* The end of a request to the token endpoint: who asks, and what is added. 0, -EBADMSG, -ENOMEM. */
static int form_finish(struct buf *form, const char *url, const struct client *client,
	const struct params *parameters, bool once, struct exchange_request *ret)
{
	const int r = form_add_client(form, url, client, false);

	if (r < 0)
		return r;
	form_add_params(form, parameters);
	return form_send(form, url, client, once, ret);
}

/* --- requests --- */

int request_metadata(const char *url, struct exchange_request *ret)
{
	char *copy = mem_strdup(url);

	if (!copy)
		return -ENOMEM;
	*ret = (struct exchange_request){.method = EXCHANGE_GET, .url = copy};
	return 0;
}

int request_identity(
	const char *url, const struct secret *access_token, struct exchange_request *ret)
{
	_cleanup_(exchange_request_done) struct exchange_request request = {
		.method = EXCHANGE_GET,
	};
	_cleanup_(buf_done) struct buf header = BUF(REQUEST_BODY_MAX);

	(void)buf_add_text(&header, "Bearer "); /* failures stick */
	if (buf_add(&header, secret_expose(access_token), secret_len(access_token)) < 0)
		return -ENOMEM;
	request.url = mem_strdup(url);
	request.authorization = secret_new(header.data, header.len);
	if (!request.url || !request.authorization)
		return -ENOMEM;
	*ret = request;
	request = (struct exchange_request){.method = EXCHANGE_GET};
	return 0;
}

int request_device_authorization(const char *url, const struct client *client,
	const struct names *scopes, const struct secret *verifier, const struct secret *nonce,
	const struct params *parameters, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf form = BUF(REQUEST_BODY_MAX);
	int r;

	if (client->quirks & QUIRK_DEVICE_RESPONSE_TYPE)
		form_add_text(&form, "response_type", "device_code");
	r = form_add_client(&form, url, client, !(client->quirks & QUIRK_DEVICE_CLIENT_ID_ONCE));
	if (r < 0)
		return r;
	if (form_add_scopes_as(&form, client->quirks & QUIRK_DEVICE_SCOPES ? "scopes" : "scope",
		    client, scopes) < 0)
		return -ENOMEM;
	if (!(client->quirks & QUIRK_NO_PKCE_DEVICE) && form_add_challenge(&form, verifier) < 0)
		return -ENOMEM;
	form_add_secret(&form, "nonce", nonce);
	form_add_params(&form, parameters);
	return form_send(&form, url, client, false, ret);
}

/* The grant type of a poll and the code it is about, as RFC 8628 §3.4 or what came before it has
 * them. */
static void form_add_device_code(
	struct buf *form, const struct client *client, const struct secret *device_code)
{
	const char *grant_type = "urn:ietf:params:oauth:grant-type:device_code";
	const uint32_t older = QUIRK_DEVICE_RESPONSE_TYPE | QUIRK_DEVICE_LEGACY_GRANT;

	if (client->quirks & QUIRK_DEVICE_RESPONSE_TYPE)
		grant_type = "device";
	else if (client->quirks & QUIRK_DEVICE_LEGACY_GRANT)
		grant_type = "http://oauth.net/grant_type/device/1.0";
	form_add_text(form, "grant_type", grant_type);
	if (!(client->quirks & older))
		form_add_secret(form, "device_code", device_code);
	if (client->quirks & (older | QUIRK_DEVICE_CODE_AS_CODE))
		form_add_secret(form, "code", device_code);
}

int request_device_token(const char *url, const struct client *client,
	const struct secret *device_code, const struct names *scopes, const struct secret *verifier,
	const struct params *parameters, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf form = BUF(REQUEST_BODY_MAX);

	form_add_device_code(&form, client, device_code);
	if (client->quirks & QUIRK_DEVICE_SCOPES &&
		form_add_scopes_as(&form, "scopes", client, scopes) < 0)
		return -ENOMEM;
	if (!(client->quirks & QUIRK_NO_PKCE_DEVICE))
		form_add_secret(&form, "code_verifier", verifier);
	return form_finish(&form, url, client, parameters, true, ret);
}

int request_code(const char *url, const struct client *client, const struct secret *code,
	const char *redirect_uri, const struct secret *verifier, const struct params *parameters,
	struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf form = BUF(REQUEST_BODY_MAX);

	form_add_text(&form, "grant_type", "authorization_code");
	form_add_secret(&form, "code", code);
	form_add_text(&form, "redirect_uri", redirect_uri);
	if (!(client->quirks & QUIRK_NO_PKCE_PASTE))
		form_add_secret(&form, "code_verifier", verifier);
	return form_finish(&form, url, client, parameters, true, ret);
}

int request_refresh(const char *url, const struct client *client,
	const struct secret *refresh_token, const struct names *scopes,
	const struct params *parameters, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf form = BUF(REQUEST_BODY_MAX);

	form_add_text(&form, "grant_type", "refresh_token");
	form_add_secret(&form, "refresh_token", refresh_token);
	if (client->quirks & QUIRK_REFRESH_WITH_SCOPE && form_add_scopes(&form, client, scopes) < 0)
		return -ENOMEM;
	return form_finish(&form, url, client, parameters, true, ret);
}

/* Where nobody approves. */
static int form_add_free_scopes(
	struct buf *form, const struct client *client, const struct names *scopes)
{
	return client->quirks & QUIRK_SCOPE_BY_ADMIN ? 0 : form_add_scopes(form, client, scopes);
}

int request_client_credentials(const char *url, const struct client *client,
	const struct names *scopes, const struct params *parameters, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf form = BUF(REQUEST_BODY_MAX);

	form_add_text(&form, "grant_type", "client_credentials");
	if (form_add_free_scopes(&form, client, scopes) < 0)
		return -ENOMEM;
	return form_finish(&form, url, client, parameters, false, ret);
}

int request_by_query(struct exchange_request *r)
{
	_cleanup_(buf_done) struct buf url = BUF(REQUEST_BODY_MAX);
	char *whole;

	(void)buf_printf(
		&url, "%s%c", r->url, strchr(r->url, '?') ? '&' : '?'); /* failures stick */
	(void)buf_add(&url, secret_expose(r->body), secret_len(r->body));
	whole = buf_steal(&url);
	if (!whole)
		return -ENOMEM;
	mem_free(r->url);
	r->url = whole;
	r->body = secret_free(r->body);
	r->method = EXCHANGE_GET;
	return 0;
}

int request_jwt_bearer(const char *url, const struct client *client, const char *subject,
	const char *audience, const struct params *more, const struct names *scopes,
	const struct params *parameters, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf form = BUF(REQUEST_BODY_MAX);
	_cleanup_(secret_freep) struct secret *assertion = NULL;
	int r;

	r = sign_assertion(client, subject, audience, more, &assertion);
	if (r < 0)
		return r;
	form_add_text(&form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
	form_add_secret(&form, "assertion", assertion);
	if (form_add_free_scopes(&form, client, scopes) < 0)
		return -ENOMEM;
	return form_finish(&form, url, client, parameters, false, ret);
}

/* A token and what kind it is, to where something is done with it. */
static int request_about(const char *url, const struct client *client, const struct secret *token,
	const char *hint, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf form = BUF(REQUEST_BODY_MAX);
	int r;

	form_add_secret(&form, "token", token);
	form_add_text(&form, "token_type_hint", hint);
	r = form_add_client(&form, url, client, false);
	if (r < 0)
		return r;
	return form_send(&form, url, client, false, ret);
}

int request_revocation(const char *url, const struct client *client, const struct secret *token,
	const char *hint, struct exchange_request *ret)
{
	return request_about(url, client, token, hint, ret);
}

int request_introspection(const char *url, const struct client *client, const struct secret *token,
	struct exchange_request *ret)
{
	return request_about(url, client, token, "access_token", ret);
}
