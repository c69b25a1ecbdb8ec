/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/names.h"
#include "base/secret.h"
#include "oauth/hints.h"

/* The authorization code flow of a server without a browser (RFC 6749 §4.1, PKCE S256 of RFC 7636,
 * RFC 8707, RFC 9207): the address that a person opens elsewhere, and the address that the browser
 * ended at, brought back by paste. */

/* The longest text we read or make. Browsers and servers stop at 8 to 64 KiB for an address; a code
 * is a few KiB at most. */
#define PASTE_MAX (64u * 1024)

/* Append the authorization request URL (RFC 6749 §4.1.1) to @ret; a query that @endpoint has stays
 * in front. NULL, or empty, leaves a parameter out: @verifier without PKCE, @nonce without openid,
 * @resources without RFC 8707. @parameters come last. Returns 0, -ENOMEM, or -EMSGSIZE when it is
 * longer than PASTE_MAX or @ret may hold; @ret->data is untouched on failure. */
int paste_url(const char *endpoint, const char *client_id, const char *redirect_uri,
	const struct names *scopes, const struct secret *state, const struct secret *verifier,
	const struct secret *nonce, const struct names *resources, const struct params *parameters,
	struct buf *ret);

/* What an answer has to agree with. Borrowed. */
struct paste_expect {
	const struct secret *state;
	const char *issuer; /* NULL when not known: then nothing is compared with `iss` */
	bool iss_required;  /* the server announces `iss` (RFC 9207 §2.3); no bare code then */
	const struct names *scopes; /* asked for, to be told where they are refused; or NULL */
	bool code_only; /* a bare code is taken too: the operator says so, and PKCE is in force */
	const struct hints *hints; /* what else the provider's errors mean; NULL for nothing */
};

/* Read what a person pasted: the whole address, its query or its fragment, blanks around it and
 * line breaks in it; every value is percent-decoded exactly once. An error is understood without
 * state and `iss` as well, since some providers show it on a page of their own. Returns 0 with the
 * code, -ENOMEM, or -EBADMSG with @reterr, which never holds the code or state: needs_approval
 * where another address has to be pasted, protocol for another issuer, else what the provider's
 * error stands for: denied, misconfigured, transient, protocol. */
int paste_read(const char *text, size_t len, const struct paste_expect *expect,
	struct secret **ret_code, struct fault *reterr);
