/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/exchange.h"
#include "base/names.h"
#include "base/now.h"
#include "base/secret.h"

/* Builders of the requests we send. Each fills *ret (which must be empty), and returns 0 or, with
 * *ret empty, -ENOMEM or -EBADMSG where the client's key can't sign. Bodies are
 * application/x-www-form-urlencoded; a parameter whose value is NULL is left out. */

enum client_auth {
	CLIENT_AUTH_NONE,      /* public client: client_id in the body */
	CLIENT_AUTH_BASIC,     /* RFC 6749 §2.3.1, id and secret form-encoded first */
	CLIENT_AUTH_BASIC_RAW, /* the same without the form encoding, for servers that do not decode
	                        */
	CLIENT_AUTH_POST,      /* client_id and client_secret in the body */
	CLIENT_AUTH_KEY,       /* RFC 7523 §2.2: a fresh assertion signed with a key of ours */
	_CLIENT_AUTH_MAX,
};

const char *client_auth_to_string(enum client_auth auth); /* "client_secret_basic" … */
int client_auth_from_string(const char *text, enum client_auth *ret); /* 0, -EINVAL */

/* What makes one request another than the last: for assertions. */
struct request_fresh {
	uint64_t wall_usec;
	const char *jti;
};

/* A client registration. */
struct client {
	char *id;
	struct secret *secret; /* NULL for a public client */
	enum client_auth auth;
	struct secret *key; /* oauth/assertion.h; for CLIENT_AUTH_KEY and the flow jwt_bearer */
	struct secret *key_passphrase;
	char *key_id;
	char *key_algorithm;
	char *auth_audience;               /* of CLIENT_AUTH_KEY; NULL: the endpoint asked */
	uint32_t quirks;                   /* of the provider it is registered at, oauth/quirks.h */
	const struct request_fresh *fresh; /* borrowed, set for one request where there is a key */
};

/* An assertion lives this long: clocks may differ a little, and it is used at once. */
#define ASSERTION_LIFETIME (3 * USEC_PER_MIN)

int client_copy(const struct client *from, struct client *ret); /* 0, -ENOMEM; *ret must be empty */
void client_done(struct client *c);

/* A PKCE pair (RFC 7636 §4): *ret_verifier is @random (32 bytes) in base64url. 0, -ENOMEM. */
int pkce_verifier(const uint8_t random[32], struct secret **ret_verifier);
/* The S256 challenge of @verifier appended to @ret. 0, -ENOMEM. */
int pkce_challenge(const struct secret *verifier, struct buf *ret);

/* GET of a metadata document, or of a provider's keys. */
int request_metadata(const char *url, struct exchange_request *ret);

/* GET of what the provider tells of the owner of @access_token (OpenID Connect Core 1.0 §5.3.1, RFC
 * 6750 §2.1). */
int request_identity(
	const char *url, const struct secret *access_token, struct exchange_request *ret);

/* Device authorization request (RFC 8628 §3.1): client authentication as configured, client_id
 * always in the body, PKCE S256 challenge of @verifier sent along, @scopes left out when empty,
 * @nonce (NULL without openid), @parameters last. */
int request_device_authorization(const char *url, const struct client *client,
	const struct names *scopes, const struct secret *verifier, const struct secret *nonce,
	const struct params *parameters, struct exchange_request *ret);

/* Device access token request (RFC 8628 §3.4) with the PKCE verifier; marked once. Without @scopes,
 * but for a provider that wants them. */
int request_device_token(const char *url, const struct client *client,
	const struct secret *device_code, const struct names *scopes, const struct secret *verifier,
	const struct params *parameters, struct exchange_request *ret);

/* Access token request for an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5); marked once. */
int request_code(const char *url, const struct client *client, const struct secret *code,
	const char *redirect_uri, const struct secret *verifier, const struct params *parameters,
	struct exchange_request *ret);

/* Refresh request (RFC 6749 §6), marked once; without @scopes, so that what was granted stays, but
 * for a provider that wants them. */
int request_refresh(const char *url, const struct client *client,
	const struct secret *refresh_token, const struct names *scopes,
	const struct params *parameters, struct exchange_request *ret);

/* Client credentials request (RFC 6749 §4.4.2); it spends nothing. */
int request_client_credentials(const char *url, const struct client *client,
	const struct names *scopes, const struct params *parameters, struct exchange_request *ret);

/* Turn a form into a GET with the form in the address (QUIRK_TOKEN_BY_QUERY). 0, -ENOMEM with @r as
 * it was. */
int request_by_query(struct exchange_request *r);

/* JWT bearer request (RFC 7523 §2.1): an assertion by @client that @subject has allowed it, for
 * @audience, with the claims @more; it spends nothing. */
int request_jwt_bearer(const char *url, const struct client *client, const char *subject,
	const char *audience, const struct params *more, const struct names *scopes,
	const struct params *parameters, struct exchange_request *ret);

/* Revocation request (RFC 7009 §2.1); @hint is "refresh_token" or "access_token". */
int request_revocation(const char *url, const struct client *client, const struct secret *token,
	const char *hint, struct exchange_request *ret);

/* Introspection request (RFC 7662 §2.1) for an access token; it spends nothing. */
int request_introspection(const char *url, const struct client *client, const struct secret *token,
	struct exchange_request *ret);
