/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/exchange.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/names.h"
#include "base/now.h"
#include "base/secret.h"
#include "oauth/request.h"

/* What the provider said. A body is read first, the HTTP status second; provider text reaches a
 * fault only cleaned and cut, and only from `error`, `error_description`, `error_uri` or `message`
 * of an error reply, never from a reply that holds a token. */

/* A token reply (RFC 6749 §5.1). */
struct token {
	struct secret *access_token;
	struct secret *refresh_token; /* NULL where absent */
	char *token_type;             /* as given; "Bearer" where absent */
	bool scope_given;             /* false: absent, so as asked (RFC 6749 §5.1) */
	struct names scopes;          /* as given: a text parted by blanks, or an array of texts */
	bool lifetime_given;
	uint64_t lifetime_usec; /* expires_in; clamped to 0..TOKEN_LIFETIME_MAX */
	/* The life of the refresh token, which some tell: the same, 0 where it was not told or is
	 * without end. Not kept in a record, which has the time of its end. */
	uint64_t refresh_lifetime_usec;
	struct secret *id_token; /* not checked; NULL where absent */
	struct json *extra; /* object: members not named above and not secret-bearing, as far as
	                       they fit in TOKEN_EXTRA_MAX */
};

/* What a program needs beside a token is an address or two; it is stored and handed out with each.
 */
#define TOKEN_EXTRA_MAX (16u * 1024)

/* A century: what is longer is a provider's way to say never, and must not wrap anything. */
#define TOKEN_LIFETIME_MAX (36500 * USEC_PER_DAY)

int token_copy(const struct token *from, struct token *ret); /* 0, -ENOMEM; *ret must be empty */
void token_done(struct token *t);

/* A device authorization reply (RFC 8628 §3.2). */
struct device_authorization {
	struct secret *device_code;
	char *user_code;
	char *verification_uri;
	char *verification_uri_complete; /* NULL where absent */
	uint64_t lifetime_usec; /* expires_in, DEVICE_LIFETIME_DEFAULT where absent or odd; clamped
	                         */
	uint64_t interval_usec; /* 5 s where absent; fraction and text read, rounded up, within 1
	                           s..DEVICE_INTERVAL_MAX */
};

#define DEVICE_LIFETIME_DEFAULT (15 * USEC_PER_MIN)
#define DEVICE_LIFETIME_MAX     USEC_PER_DAY
#define DEVICE_INTERVAL_DEFAULT (5 * USEC_PER_S)
#define DEVICE_INTERVAL_MAX     (10 * USEC_PER_MIN)

/* Longest user code: a person types it. */
#define DEVICE_USER_CODE_MAX 64

void device_authorization_done(struct device_authorization *d);

enum reply_kind {
	REPLY_OK,            /* what was asked for; the out parameter is filled */
	REPLY_PENDING,       /* authorization_pending */
	REPLY_SLOW_DOWN,     /* slow_down */
	REPLY_DENIED,        /* access_denied, authorization_declined */
	REPLY_EXPIRED,       /* expired_token */
	REPLY_INVALID_GRANT, /* invalid_grant: the code or refresh token is not, or no longer, good
	                      */
	REPLY_MISCONFIGURED, /* invalid_client, unauthorized_client, unsupported_grant_type,
	                        invalid_request, invalid_scope … */
	REPLY_TRANSIENT, /* temporarily_unavailable, server_error, an unknown error code with 5xx,
	                    HTML, no answer */
	REPLY_THROTTLED, /* 429, or any failure with Retry-After that says no word of its own */
	REPLY_PROVIDER_DOWN, /* 5xx without an OAuth error, not sent (name, connect, TLS) */
	REPLY_BROKEN, /* unintelligible: 2xx without what was asked for, wrong types, empty body */
};

/* Longer codes are cut, and texts in which the telling word comes later than this are not known. */
#define VERDICT_ERROR_MAX 128
#define VERDICT_SAID_MAX  512

/* What a reply came to. */
struct verdict {
	enum reply_kind kind;
	struct fault fault; /* for every kind but OK: what happened, for a person */
	/* The words it was read from, for oauth/hints.h and nothing else: the HTTP status (0 where
	 * no answer came), the error code, the text beside it. Cleaned like what is shown. */
	unsigned status;
	char error[VERDICT_ERROR_MAX];
	char said[VERDICT_SAID_MAX];
	bool parsed; /* they are of a JSON reply, not of a page, which may be of anything between */
	bool lost;   /* the request may have been read though no answer of the server came: also
	                502 and 504, a gateway saying so */
	uint64_t retry_after_usec; /* from now on, 0 where not told; both forms of RFC 9110 §10.2.3;
	                              at most a day */
};

/* Classify the reply of the token endpoint (RFC 6749 §5, RFC 8628 §3.5) to @client, by whose quirks
 * and secret it is read. Fills *ret_token (must be empty) for REPLY_OK only. @now reads the date
 * form of Retry-After. Returns 0 or -ENOMEM. */
int reply_token(const struct exchange_reply *reply, const struct client *client, struct now now,
	struct token *ret_token, struct verdict *ret);

/* Classify the reply of the device authorization endpoint (RFC 8628 §3.2). Fills *ret_device (must
 * be empty) for REPLY_OK. The words of polling are REPLY_BROKEN here and at the revocation
 * endpoint. */
int reply_device_authorization(const struct exchange_reply *reply, struct now now,
	struct device_authorization *ret_device, struct verdict *ret);

/* Classify the reply of the revocation endpoint (RFC 7009 §2.2): REPLY_OK also where the token was
 * not known any more. */
int reply_revocation(const struct exchange_reply *reply, struct now now, struct verdict *ret);

/* Classify the reply to a request for a document about the token's owner (OpenID Connect Core 1.0
 * §5.3), or for the provider's keys (RFC 7517 §5): REPLY_OK with the JSON object in *ret_document.
 * A document that is a JWT is REPLY_MISCONFIGURED. As reply_token(). */
int reply_document(const struct exchange_reply *reply, struct now now, struct json **ret_document,
	struct verdict *ret);
/* Read the reply of the introspection endpoint (RFC 7662 §2.2) for when an active token ends.
 * Returns 1 with *ret_left_usec (from now on, 1..TOKEN_LIFETIME_MAX); 0 where it does not tell:
 * also for an inactive token, as servers say that of tokens the client may not ask about; -ENOMEM.
 */
int reply_introspection(
	const struct exchange_reply *reply, struct now now, uint64_t *ret_left_usec);

/* Did a whole reply with a 2xx status arrive? */
bool reply_is_success(const struct exchange_reply *reply);

/* Classify a reply in which no OAuth word could be read, by outcome and status only; @said ("" for
 * nothing) is what else it says for a person. Fills kind, fault and lost of *ret. */
void reply_without_word(const struct exchange_reply *reply, const char *said, struct verdict *ret);

/* Read Retry-After into microseconds from @now, 0 where absent or unreadable, at most a day. */
uint64_t reply_retry_after(const struct exchange_reply *reply, struct now now);
