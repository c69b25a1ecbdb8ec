/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/names.h"

/* Who gave a grant, as the provider tells it: the claims of an id_token (OpenID Connect Core 1.0
 * §2), of userinfo (§5.3), or of another document about the owner of a token. */
struct identity {
	char *issuer;        /* whose word it is: the issuer, or the address that was asked */
	char *subject;       /* never given to another person by that issuer */
	struct json *claims; /* object of texts: what is shown and compared of all that was told */
};

/* Longer claims are not kept: a name or an address has a tenth of that. */
#define IDENTITY_CLAIM_MAX 1024
/* Claims that may be expected: who needs more than a few of them wants a policy, not a name. */
#define IDENTITY_EXPECT_MAX 16

void identity_done(struct identity *id); /* idempotent */
bool identity_known(const struct identity *id);
/* Is it the same person at the same issuer? */
bool identity_same(const struct identity *a, const struct identity *b);

/* Where claims were found: the first document that has one wins; either may be NULL. */
struct identity_source {
	const struct json *first, *second;
	const char *issuer;
	const char *subject; /* the claim that stands for the subject: "sub", or a path such as
	                        "data.0.id" */
};

/* Fill *ret (must be empty) with the subject, the claims that are shown, and those that @expect
 * names. Numbers and booleans are taken as text. Returns 0; -EBADMSG with @reterr (misconfigured)
 * where there is no such subject; -ENOMEM. */
int identity_read(const struct identity_source *source, const struct params *expect,
	struct identity *ret, struct fault *reterr);

/* Has @claims nothing to say about one of @expect (or of its email address whether it was verified,
 * unless @email_vouched)? Where nothing is expected: nothing to show a person but the subject? */
bool identity_lacks(const struct json *claims, const struct params *expect, bool email_vouched);

/* Is every claim of @expect as it says? `username` may be told as preferred_username; `email` must
 * be verified, unless the provider vouches for all, and its case does not matter. Returns false
 * with
 * @reterr, which tells who it is and what is expected: wrong_identity, or misconfigured where none
 * is other than expected but one was not told. */
bool identity_meets(const struct identity *id, const struct params *expect, bool email_vouched,
	struct fault *reterr);

/* The name to log in with, as the provider calls it; NULL where it tells none. */
const char *identity_username(const struct identity *id);

/* "alice (subject 0042)" for a person, cleaned; "somebody" where nothing is known. */
#define IDENTITY_TEXT_MAX 160
void identity_describe(const struct identity *id, char to[IDENTITY_TEXT_MAX]);
