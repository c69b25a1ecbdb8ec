/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/exchange.h"
#include "base/fault.h"
#include "base/names.h"
#include "base/now.h"

/* Where an authorization server is reached, from the configuration or from its metadata document.
 * Texts are mem blocks, NULL where not known. Zero-initialised is empty. */
struct metadata {
	char *token;                /* endpoints */
	char *device_authorization; /* RFC 8628 §4 */
	char *authorization;        /* RFC 6749 §3.1 */
	char *revocation;           /* RFC 7009 */
	char *introspection;        /* RFC 7662 */
	char *userinfo;             /* OpenID Connect Core 1.0 §5.3 */
	char *jwks;                 /* the provider's keys, RFC 7517 */
	/* Of the two ways to send a client secret, the document names the one in the body only
	 * (token_endpoint_auth_methods_supported, RFC 8414 §2). */
	bool secret_in_body;
	/* The answer to an authorization request names its issuer (RFC 9207 §3). */
	bool names_issuer;
};

int metadata_copy(
	const struct metadata *from, struct metadata *ret); /* 0, -ENOMEM; *ret must be empty */
void metadata_done(struct metadata *m);

/* The documents of an issuer in the order they are tried. */
enum metadata_document {
	METADATA_OAUTH,  /* RFC 8414 §3.1: /.well-known/oauth-authorization-server inserted before
	                    the issuer's path */
	METADATA_OPENID, /* OpenID Connect Discovery 1.0 §4: /.well-known/openid-configuration after
	                    it */
};
#define METADATA_DOCUMENTS 2

/* The address of @document of @issuer (an https URL without query and fragment), appended to @ret.
 * 0, -ENOMEM, -EMSGSIZE. */
int metadata_url(const char *issuer, enum metadata_document document, struct buf *ret);

/* Is @url (NULL: no) an absolute https URL with a host, a valid port if any, no user part, no
 * fragment, and nothing in it that must not stand in a URL (blanks, control characters, non-ASCII)?
 * Also the rule for every endpoint we are told, by the configuration or by a provider. */
bool metadata_is_https_url(const char *url);

/* The same for an address that a person opens: it may have a fragment, as those of web applications
 * have, and plain http, which is the provider's choice: nothing of ours is sent there. */
bool metadata_is_web_address(const char *url);

/* The longest address we take: more than any server or browser takes for sure. */
#define METADATA_URL_MAX 2048

/* Read the reply to a request for a metadata document. Returns 0 with *ret (must be empty) filled
 * and the lifetime of the document in *ret_lifetime_usec (Cache-Control max-age, else an hour; kept
 * within METADATA_LIFETIME_MIN..MAX). Returns -ENOENT, *ret and *reterr untouched, where this
 * document is not there: any redirect (not followed) or 4xx that is not about now (408, 429, or
 * with Retry-After), 501, or 200 with something that neither is JSON nor says so: try the next.
 * Returns -EBADMSG with @reterr: transient, throttled, provider_down; protocol (not a metadata
 * document); misconfigured (issuer differs from @issuer, compared exactly, RFC 8414 §3.3). -ENOMEM.
 * Endpoints that are no https URL count as absent. */
#define METADATA_LIFETIME_MIN (5 * USEC_PER_MIN)
#define METADATA_LIFETIME_MAX USEC_PER_DAY
int metadata_parse(const char *issuer, const struct exchange_reply *reply, struct metadata *ret,
	uint64_t *ret_lifetime_usec, struct fault *reterr);

/* Fill what is absent in @m from @defaults. 0, -ENOMEM. */
int metadata_merge(struct metadata *m, const struct metadata *defaults);
