/* SPDX-License-Identifier: BSD-2-Clause */

/* grantctl sync: how the syncs are, which field goes where, start and stop; grantctl(1). */

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/show-sync.h"
#include "ctl/show.h"
#include "ctl/sync.h"
#include "ctl/verbs.h"

typedef int (*formatter)(const struct json *parameters, struct now now, struct buf *ret);

static const struct {
	const char *action;
	enum wire_method method;
	formatter format; /* NULL: there is nothing to show */
} actions[] = {
	{"status", WIRE_SYNC_STATUS, show_syncs},
	{"fields", WIRE_SYNC_FIELDS, show_sync_fields},
	{"start", WIRE_SYNC_START, NULL},
	{"stop", WIRE_SYNC_STOP, NULL},
	{"check", WIRE_SYNC_CHECK, NULL},
};

static int ask(struct client *client, enum wire_method method, const char *name,
	struct wire_reply *ret, struct buf *why)
{
	return verbs_call(client, method, name, wire_sync_parameters(name),
		CLIENT_REPLY_TIMEOUT_USEC, ret, why);
}

/* The one sync there is, in a mem block in *ret, where none is named. */
static int only_sync(struct client *client, char **ret, struct buf *why)
{
	struct wire_reply reply = {0};
	const struct json *list;
	int code = ask(client, WIRE_SYNC_STATUS, NULL, &reply, why);

	if (code != EXIT_DONE)
		return code;
	list = json_get(reply.parameters, "sync");
	if (json_count(list) == 1)
		*ret = mem_strdup(json_get_text(json_at(list, 0), "name"));
	if (!*ret) {
		(void)buf_add_text(why,
			json_count(list) == 0 ? "no sync is configured"
					      : "there are several syncs: say which by its name");
		code = EXIT_USAGE;
	}
	wire_reply_done(&reply);
	return code;
}

static int show(
	const struct options *o, formatter format, const struct json *parameters, struct buf *why)
{
	struct buf out = BUF(2 * WIRE_REPLY_MAX);

	if (options_have(o, OPTION_JSON))
		return verbs_print_json(parameters, why);
	if (!format)
		return EXIT_DONE;
	return verbs_print_done(format(parameters, client_now(), &out), &out, why);
}

static int act(const struct options *o, size_t action, struct client *client, const char *name,
	struct buf *why)
{
	bool failed = options_have(o, OPTION_FAILED);
	struct wire_reply reply = {0};
	int code;

	code = ask(client, failed ? WIRE_SYNC_FAILED : actions[action].method, name, &reply, why);
	if (code == EXIT_DONE)
		code = show(o, failed ? show_sync_failed : actions[action].format, reply.parameters,
			why);
	wire_reply_done(&reply);
	return code;
}

int sync_run(const struct options *o, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	_cleanup_(mem_freep) char *only = NULL;
	const char *name = o->n_words > 1 ? o->words[1] : NULL;
	bool all = text_equal(o->words[0], "status") && !options_have(o, OPTION_FAILED);
	size_t action = 0;
	int code;

	while (!text_equal(actions[action].action, o->words[0])) /* is one of the verb's */
		action++;
	code = client_open(o->text[OPTION_RUNTIME], all, &client, why);
	if (code == EXIT_DONE && !name && !all) {
		code = only_sync(client, &only, why);
		name = only;
	}
	return code == EXIT_DONE ? act(o, action, client, name, why) : code;
}
