/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Two small lists that configuration, requests and records share: names (a list of texts, order
 * kept) and params (name and value). Zero-initialised is empty; _done is idempotent. Failures leave
 * the list as it was. */
struct names {
	char **items;
	size_t n;
};

int names_add(struct names *l, const char *text, size_t len); /* 0, -ENOMEM */
int names_copy(const struct names *from, struct names *ret);  /* 0, -ENOMEM; *ret must be empty */
bool names_have(const struct names *l, const char *text);
bool names_same_set(
	const struct names *a, const struct names *b); /* order and repetition do not matter */
/* Split at white space (RFC 6749 §3.3) and add; empty parts are left out, and so is what comes
 * after NAMES_SPLIT_MAX parts. 0, -ENOMEM. */
#define NAMES_SPLIT_MAX \
	1024 /* no grant has a tenth as many scopes; bounds names_same_set(), which is quadratic \
	      */
int names_split(const char *text, struct names *ret);
/* Join with @separator into a mem block. NULL when memory is short. */
char *names_join(const struct names *l, const char *separator);
void names_done(struct names *l);

struct param {
	char *name;
	char *value;
};

struct params {
	struct param *items;
	size_t n;
};

int params_add(struct params *l, const char *name, const char *value); /* 0, -ENOMEM */
int params_copy(const struct params *from, struct params *ret); /* 0, -ENOMEM; *ret must be empty */
const char *params_get(const struct params *l, const char *name); /* NULL where absent */
void params_done(struct params *l);
