/* SPDX-License-Identifier: BSD-2-Clause */

/* Which scope stands for which: RFC 6749 §3.3 leaves to each provider what a scope holds. */

#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/scopes.h"

int aliases_add(struct aliases *l, const char *name, struct names **ret)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(name);
	struct alias *items;

	if (!copy)
		return -ENOMEM;
	items = mem_resize(l->items, (l->n + 1) * sizeof(*items)); /* few, and short */
	if (!items)
		return -ENOMEM;
	l->items = items;
	items[l->n] = (struct alias){.name = steal(copy)};
	*ret = &items[l->n++].others;
	return 0;
}

int aliases_copy(const struct aliases *from, struct aliases *ret)
{
	struct names *others;

	for (size_t i = 0; i < from->n; i++)
		if (aliases_add(ret, from->items[i].name, &others) < 0 ||
			names_copy(&from->items[i].others, others) < 0) {
			aliases_done(ret);
			return -ENOMEM;
		}
	return 0;
}

void aliases_done(struct aliases *l)
{
	for (size_t i = 0; i < l->n; i++) {
		mem_free(l->items[i].name);
		names_done(&l->items[i].others);
	}
	l->items = mem_free(l->items);
	l->n = 0;
}

static bool any_granted(const struct names *granted, const struct names *others)
{
	for (size_t i = 0; i < others->n; i++)
		if (names_have(granted, others->items[i]))
			return true;
	return false;
}

bool scopes_grant(const struct aliases *aliases, const struct names *granted, const char *wanted)
{
	if (names_have(granted, wanted))
		return true;
	for (size_t i = 0; i < aliases->n; i++)
		if (text_equal(aliases->items[i].name, wanted))
			return any_granted(granted, &aliases->items[i].others);
	return false;
}

bool scope_is_request_only(const char *scope)
{
	static const char *const words[] = {"openid", "offline_access", "offline", "refresh_token"};

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (text_equal(scope, words[i]))
			return true;
	return false;
}
