/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/names.h"
#include "oauth/hints.h"
#include "oauth/metadata.h"
#include "oauth/request.h"
#include "oauth/scopes.h"

/* Ways to a grant. */
enum grant_flow {
	GRANT_FLOW_DEVICE, /* RFC 8628 */
	GRANT_FLOW_PASTE,  /* authorization code, RFC 6749 §4.1, brought back by hand */
	GRANT_FLOW_CLIENT_CREDENTIALS, /* RFC 6749 §4.4: nobody has to approve */
	GRANT_FLOW_JWT_BEARER,         /* RFC 7523 §2.1: the same, allowed beforehand */
	_GRANT_FLOW_MAX,
};

const char *grant_flow_to_string(enum grant_flow flow);

/* Does a token come without a person, whenever one is asked for? */
bool grant_flow_unattended(enum grant_flow flow);

/* What becomes of an approval once it is known who gave it. */
enum grant_confirm {
	GRANT_CONFIRM_AUTO,     /* taken where it is whom the configuration expects */
	GRANT_CONFIRM_OPERATOR, /* held until an operator has said yes */
	GRANT_CONFIRM_NONE,     /* taken from anybody; nothing is asked */
	_GRANT_CONFIRM_MAX,
};

const char *grant_confirm_to_string(enum grant_confirm confirm);

/* Which email addresses of a provider's count. */
enum grant_email {
	GRANT_EMAIL_VERIFIED, /* those it says it has verified */
	GRANT_EMAIL_VOUCHED,  /* all: it gives none to who does not own it */
	_GRANT_EMAIL_MAX,
};

const char *grant_email_to_string(enum grant_email email);

/* Who may approve, and where that is asked. */
struct grant_approver {
	enum grant_confirm confirm;
	struct params expect; /* claims that must be so */
	char *url;            /* a document about the token's owner; NULL: id_token and userinfo */
	char *subject;        /* the claim in it that stands for the subject; NULL: "sub" */
	enum grant_email email;
};

/* What the configuration says of a connection. Owned by its holder; grant_new() copies it. */
struct grant_setup {
	char *name;
	enum grant_flow flow;
	char *issuer;              /* NULL without discovery */
	struct metadata endpoints; /* explicit; they win over discovery */
	struct client client;
	bool auth_by_metadata; /* client.auth is a default: what the provider's metadata names wins
	                        */
	char *redirect_uri;    /* paste: where the browser ends, with the code in its address */
	/* jwt_bearer: whom the token is for, and whom the assertion is addressed to (NULL: the
	 * issuer, or the token endpoint where there is none). */
	char *assertion_subject;
	char *assertion_audience;
	struct params assertion_claims; /* what else it claims */
	struct names scopes;
	struct names required_scopes;
	struct grant_approver approver;
	struct aliases scope_aliases; /* other scopes that grant a required one */
	struct hints hints;           /* what the provider means by its errors */
	struct names resources; /* what the token is for (RFC 8707): named in every request for one
	                         */
	char *audience;         /* the same in other providers' words: named in the first request */
	/* Added to the first request only: device authorization, or the token request of an
	 * unattended flow. */
	struct params request_parameters;
	struct params token_parameters; /* added to code exchange and refresh */
	uint64_t margin_usec;    /* refresh this long before expiry, at most a fifth of the life */
	uint64_t keepalive_usec; /* refresh at least this often; 0: never for its own sake */
	uint64_t assume_lifetime_usec;   /* where the reply tells none */
	uint64_t idle_lifetime_usec;     /* a grant not used for so long ends; 0: not known */
	uint64_t absolute_lifetime_usec; /* it ends so long after its approval; 0: not known */
};

int grant_setup_copy(const struct grant_setup *from, struct grant_setup *ret); /* 0, -ENOMEM; *ret
                                                                                * must be empty */
void grant_setup_done(struct grant_setup *s);
