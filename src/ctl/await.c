/* SPDX-License-Identifier: BSD-2-Clause */
/* The condition of `grantctl wait` on the agent's status. */
#include "base/text.h"
#include "ctl/await.h"

static bool flag(const struct json *j, const char *key)
{
	bool value = false;

	(void)json_bool(json_get(j, key), &value); /* no word of it: no */
	return value;
}

/* Usable, for long enough. A token whose end nobody told lives long enough. */
static bool serves(const struct await *a, const struct json *connection, struct now now)
{
	const char *text = json_get_text(connection, "token_expires_at");
	uint64_t expires;

	if (!flag(connection, "usable"))
		return false;
	if (a->min_valid_usec == 0 || !text)
		return true;
	return text_parse_time(text, &expires) == 0 &&
		expires >= usec_add(now.wall_usec, a->min_valid_usec);
}

static bool is_asked_for(const struct await *a, const struct json *connection)
{
	const char *name = json_get_text(connection, "name");

	if (a->names->n > 0)
		return name && names_have(a->names, name);
	return a->any || flag(connection, "required");
}

bool await_lacks(const struct await *a, const struct json *connection, struct now now)
{
	return is_asked_for(a, connection) && !serves(a, connection, now);
}

static bool is_listed(const struct json *connections, const char *name)
{
	for (const struct json *c = json_next(connections, NULL); c; c = json_next(connections, c))
		if (text_equal(json_get_text(c, "name"), name))
			return true;
	return false;
}

bool await_is_over(const struct await *a, const struct json *status, struct now now)
{
	const struct json *connections = json_get(status, "connections");
	bool all = a->names->n > 0 || flag(status, "ready");

	for (const struct json *c = json_next(connections, NULL); c;
		c = json_next(connections, c)) {
		if (!is_asked_for(a, c))
			continue;
		if (!serves(a, c, now))
			all = false;
		else if (a->any)
			return true;
	}
	/* a name that the agent says nothing of is not there yet */
	for (size_t i = 0; i < a->names->n && all; i++)
		all = is_listed(connections, a->names->items[i]);
	return all && !a->any;
}
