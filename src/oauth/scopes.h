/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/names.h"

/* Scopes that imply others (grantd.yaml(5), `scope_aliases`): data of a profile. */

/* A scope, and those of which each grants it too. */
struct alias {
	char *name;
	struct names others;
};

struct aliases {
	struct alias *items;
	size_t n;
};

/* Add @name without others; *ret is where those go, borrowed until the next addition. 0, -ENOMEM.
 */
int aliases_add(struct aliases *l, const char *name, struct names **ret);
int aliases_copy(const struct aliases *from, struct aliases *ret); /* 0, -ENOMEM; *ret must be
                                                                    * empty */
void aliases_done(struct aliases *l);

/* Is @wanted, or another that grants it, among @granted? */
bool scopes_grant(const struct aliases *aliases, const struct names *granted, const char *wanted);

/* A word that only asks for a kind of token, and that providers leave out of what they say they
 * granted: openid, and the usual ones for a refresh token. */
bool scope_is_request_only(const char *scope);
