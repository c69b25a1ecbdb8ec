/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of grantctl(1) and their table. Each asks the agent and prints the answer; secrets go
 * to stdout only, past stdio, whose buffers nobody wipes. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "ctl/await.h"
#include "ctl/client.h"
#include "ctl/exec.h"
#include "ctl/prompt.h"
#include "ctl/show.h"
#include "ctl/sync.h"
#include "ctl/verbs.h"
#include "wire/wire.h"

/* Addresses taken at one prompt: whose fifth is wrong too should read why first. */
#define PASTE_TRIES 5

#define PASTE_PROMPT "Paste the address that the browser ends at (it is not shown): "

static int out_of_memory(struct buf *why)
{
	buf_done(why);
	(void)buf_add_text(why, "out of memory");
	return EXIT_FAILED;
}

static int not_as_agreed(struct buf *why)
{
	(void)buf_add_text(why,
		"the agent's answer is not what was asked for; install the same version of grantd "
		"and grantctl");
	return EXIT_FAILED;
}

int verbs_print(const struct buf *b, struct buf *why)
{
	const char *data = buf_text(b);
	size_t len = b->len;

	if (b->error)
		return out_of_memory(why);
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EPIPE)
				(void)buf_printf(why, "cannot write: %s", strerror(errno));
			return EXIT_FAILED;
		}
		data += n;
		len -= (size_t)n;
	}
	return EXIT_DONE;
}

int verbs_print_done(int r, struct buf *out, struct buf *why)
{
	int code;

	if (r == -EBADMSG)
		code = not_as_agreed(why);
	else if (r < 0)
		code = out_of_memory(why);
	else
		code = verbs_print(out, why);
	buf_done(out);
	return code;
}

int verbs_print_json(const struct json *j, struct buf *why)
{
	_cleanup_(mem_freep) char *text = json_print(j, false);
	struct buf out = BUF(WIRE_REPLY_MAX + 1);
	int r = -ENOMEM;

	if (text) {
		(void)buf_add_text(&out, text); /* failures stick */
		r = buf_add_char(&out, '\n');
	}
	return verbs_print_done(r, &out, why);
}

/* Print "NAME: what", one line. */
static int print_word(const char *name, const char *what, struct buf *why)
{
	struct buf out = BUF(WIRE_REPLY_MAX);
	int r;

	r = buf_printf(&out, "%s: %s\n", name, what);
	return verbs_print_done(r, &out, why);
}

/* Call @method on @client and await the reply, for ever where @timeout is USEC_NEVER. Takes
 * @parameters. An error reply is a reply. */
static int ask(struct client *client, enum wire_method method, struct json *take_parameters,
	uint64_t timeout, struct wire_reply *ret, struct buf *why)
{
	_cleanup_(json_freep) struct json *parameters = take_parameters;
	int code;

	code = client_send(client, method, parameters, false, why);
	if (code == EXIT_DONE)
		code = client_receive(client, usec_add(client_now().boot_usec, timeout), ret, why);
	return code;
}

int verbs_call(struct client *client, enum wire_method method, const char *name,
	struct json *take_parameters, uint64_t timeout, struct wire_reply *ret, struct buf *why)
{
	int code;

	code = ask(client, method, take_parameters, timeout, ret, why);
	if (code == EXIT_DONE && ret->error != WIRE_OK) {
		code = show_error(ret, method, name, client_now(), why);
		wire_reply_done(ret);
	}
	return code;
}

/* Connect, and call @method about the one connection of the command line. */
static int call_named(const struct options *o, enum wire_method method, struct wire_named *named,
	struct wire_reply *ret, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	struct json *parameters;
	int code;

	code = client_open(o->text[OPTION_RUNTIME], false, &client, why);
	if (code != EXIT_DONE)
		return code;
	named->name = o->words[0];
	parameters = wire_named_parameters(method, named);
	if (!parameters)
		return out_of_memory(why);
	return verbs_call(
		client, method, named->name, parameters, CLIENT_REPLY_TIMEOUT_USEC, ret, why);
}

static int read_names(const struct options *o, struct names *ret, struct buf *why)
{
	for (size_t i = 0; i < o->n_words; i++)
		if (names_add(ret, o->words[i], strlen(o->words[i])) < 0)
			return out_of_memory(why);
	return EXIT_DONE;
}

/* Connect, and send Get or Watch for @names. */
static int ask_status(const struct options *o, enum wire_method method, const struct names *names,
	struct client **ret, struct buf *why)
{
	_cleanup_(json_freep) struct json *parameters = wire_names_parameters(names);
	_cleanup_(client_freep) struct client *client = NULL;
	int code;

	if (!parameters)
		return out_of_memory(why);
	code = client_open(o->text[OPTION_RUNTIME], true, &client, why);
	if (code == EXIT_DONE)
		code = client_send(client, method, parameters, method == WIRE_STATUS_WATCH, why);
	if (code == EXIT_DONE)
		*ret = steal(client);
	return code;
}

/* Await the next status; an error reply becomes its exit code. */
static int next_status(
	struct client *client, uint64_t deadline, struct wire_reply *ret, struct buf *why)
{
	int code;

	code = client_receive(client, deadline, ret, why);
	if (code == EXIT_DONE && ret->error != WIRE_OK) {
		code = show_error(ret, WIRE_STATUS_GET, NULL, client_now(), why);
		wire_reply_done(ret);
	}
	return code;
}

static int print_status(const struct options *o, const struct json *status, struct buf *why)
{
	struct buf out = BUF(2 * WIRE_REPLY_MAX); /* advice may be longer than the JSON it is of */
	int r = 0;

	if (options_have(o, OPTION_JSON))
		return status ? verbs_print_json(status, why) : not_as_agreed(why);
	if (options_have(o, OPTION_WATCH) && isatty(STDOUT_FILENO))
		r = buf_add_text(&out, "\033[H\033[2J"); /* home, clear */
	if (r == 0)
		r = show_status(status, client_now(), &out);
	return verbs_print_done(r, &out, why);
}

/* Await one status and print it; *ret_more tells whether another one is to come. */
static int show_next(const struct options *o, struct client *client, uint64_t deadline,
	bool *ret_more, struct buf *why)
{
	struct wire_reply reply = {0};
	int code;

	code = next_status(client, deadline, &reply, why);
	if (code == EXIT_DONE)
		code = print_status(o, reply.parameters, why);
	*ret_more = reply.continues;
	wire_reply_done(&reply);
	return code;
}

static int run_status(const struct options *o, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	uint64_t deadline = usec_add(client_now().boot_usec, CLIENT_REPLY_TIMEOUT_USEC);
	enum wire_method method =
		options_have(o, OPTION_WATCH) ? WIRE_STATUS_WATCH : WIRE_STATUS_GET;
	struct names names = {0};
	bool more = true;
	int code;

	code = read_names(o, &names, why);
	if (code == EXIT_DONE)
		code = ask_status(o, method, &names, &client, why);
	names_done(&names);
	while (code == EXIT_DONE && more) {
		code = show_next(o, client, deadline, &more, why);
		deadline = USEC_NEVER; /* the next change may be a month away */
	}
	return code;
}

/* What a reply to Login or Paste says of the approval. */
enum approval { APPROVAL_NONE, APPROVAL_PENDING, APPROVAL_BY_PASTE };

/* Read the reply to Login; an approval is announced. */
static int read_login(const struct wire_named *named, const struct wire_reply *reply,
	enum approval *ret, struct buf *why)
{
	struct buf out = BUF(WIRE_REPLY_MAX);
	struct wire_login login;
	const char *bad;
	int code = EXIT_DONE;

	if (wire_read_login(reply->parameters, &login, &bad) < 0)
		return not_as_agreed(why);
	if (login.approval) {
		code = verbs_print_done(
			show_approval(named->name, login.approval, client_now(), &out), &out, why);
	} else if (!named->cancel && !login.usable) {
		(void)buf_printf(why, "%s: not usable; see grantctl status", named->name);
		code = EXIT_OPERATOR;
	}
	if (code != EXIT_DONE)
		return code;
	if (!login.approval)
		*ret = APPROVAL_NONE;
	else if (text_equal(json_get_text(login.approval, "kind"), "paste"))
		*ret = APPROVAL_BY_PASTE;
	else
		*ret = APPROVAL_PENDING;
	return EXIT_DONE;
}

/* Call Login; *ret tells what became of it, which was announced. */
static int login_step(
	struct client *client, const struct wire_named *named, enum approval *ret, struct buf *why)
{
	uint64_t timeout = named->wait ? USEC_NEVER : CLIENT_REPLY_TIMEOUT_USEC;
	struct wire_reply reply = {0};
	int code;

	code = verbs_call(client, WIRE_LOGIN, named->name, wire_named_parameters(WIRE_LOGIN, named),
		timeout, &reply, why);
	if (code == EXIT_DONE)
		code = read_login(named, &reply, ret, why);
	wire_reply_done(&reply);
	return code;
}

/* Why there is no address, by the -errno of reading it. */
static int no_address(int r, struct buf *why)
{
	switch (r) {
	case -ENOMEM:
		return out_of_memory(why);
	case -EMSGSIZE:
		(void)buf_printf(why, "that is longer than %u KiB, which no address is",
			WIRE_ADDRESS_MAX / 1024);
		return EXIT_USAGE;
	case -ENOTTY:
		(void)buf_add_text(why,
			"there is no terminal to ask at; give the address on standard input: "
			"grantctl paste NAME -");
		return EXIT_USAGE;
	default:
		(void)buf_printf(why, "cannot read the address: %s", strerror(-r));
		return EXIT_FAILED;
	}
}

/* All of standard input. */
static int read_input(struct buf *ret)
{
	char chunk[4096];
	ssize_t n;
	int r = 0;

	do {
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n > 0)
			r = buf_add(ret, chunk, (size_t)n);
		else if (n < 0 && errno != EINTR)
			r = -errno;
	} while (n != 0 && r == 0);
	mem_wipe(chunk, sizeof(chunk));
	return r;
}

/* Call Paste with @address, on a connection of its own. *ret_again is set where another address may
 * do, and @why tells then what is wrong with this one; NULL where it is not asked for again. */
static int paste_address(
	const struct options *o, const struct buf *address, bool *ret_again, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	struct wire_named named = {.name = o->words[0],
		.address = buf_text(address),
		.code_only = options_have(o, OPTION_CODE_ONLY)};
	struct wire_reply reply = {0};
	int code;

	if (strlen(buf_text(address)) != address->len ||
		!text_is_utf8(named.address, address->len)) {
		(void)buf_add_text(why, "that is no text; copy the address again");
		return EXIT_USAGE;
	}
	code = client_open(o->text[OPTION_RUNTIME], false, &client, why);
	if (code == EXIT_DONE)
		code = ask(client, WIRE_PASTE, wire_named_parameters(WIRE_PASTE, &named),
			CLIENT_REPLY_TIMEOUT_USEC, &reply, why);
	if (code == EXIT_DONE && reply.error != WIRE_OK) {
		bool again = ret_again && show_paste_again(&reply, named.name, why);

		if (again)
			*ret_again = true;
		code = again ? EXIT_OPERATOR
			     : show_error(&reply, WIRE_PASTE, named.name, client_now(), why);
	}
	wire_reply_done(&reply);
	return code;
}

/* Ask once at the terminal. *ret_over: the approval ended without us; *ret_again as above. */
static int paste_at_prompt(const struct options *o, struct client *client, bool *ret_over,
	bool *ret_again, struct buf *why)
{
	_cleanup_(buf_done) struct buf address = BUF(WIRE_ADDRESS_MAX);
	int r = prompt_read(PASTE_PROMPT, client ? client_fd(client) : -1, &address);

	if (r < 0)
		return no_address(r, why);
	if (r == PROMPT_ANSWERED)
		return paste_address(o, &address, ret_again, why);
	if (r == PROMPT_OTHER) {
		*ret_over = true;
		return EXIT_DONE;
	}
	(void)buf_printf(why, "%s: no address was given; the approval goes on: grantctl paste %s",
		o->words[0], o->words[0]);
	return EXIT_OPERATOR;
}

/* Ask at the terminal until an address does, while @client has Login with wait under way, whose
 * reply *ret_over tells of. */
static int paste_until_done(
	const struct options *o, struct client *client, bool *ret_over, struct buf *why)
{
	int code = EXIT_OPERATOR;

	for (int left = PASTE_TRIES - 1; left >= 0; left--) {
		bool again = false;

		buf_done(why);
		code = paste_at_prompt(o, client, ret_over, left > 0 ? &again : NULL, why);
		if (!again)
			break;
		(void)fprintf(stderr, "grantctl: %s\n", buf_text(why)); /* nobody may listen */
	}
	return code;
}

/* Await the end of an approval by paste, and ask for its address meanwhile. */
static int login_at_prompt(const struct options *o, struct client *client,
	const struct wire_named *named, enum approval *ret, struct buf *why)
{
	_cleanup_(json_freep) struct json *parameters = wire_named_parameters(WIRE_LOGIN, named);
	struct wire_reply reply = {0};
	bool over = false;
	int code;

	code = parameters ? client_send(client, WIRE_LOGIN, parameters, false, why)
			  : out_of_memory(why);
	if (code == EXIT_DONE)
		code = paste_until_done(o, client, &over, why);
	if (code != EXIT_DONE)
		return code;
	*ret = APPROVAL_NONE;
	if (!over)
		return EXIT_DONE;
	code = client_receive(client, USEC_NEVER, &reply, why);
	if (code == EXIT_DONE)
		code = reply.error == WIRE_OK
			? read_login(named, &reply, ret, why)
			: show_error(&reply, WIRE_LOGIN, named->name, client_now(), why);
	wire_reply_done(&reply);
	return code;
}

/* Await the end of @approval; again where it was replaced by another one. */
static int login_wait(
	const struct options *o, struct client *client, enum approval approval, struct buf *why)
{
	const struct wire_named named = {.name = o->words[0], .wait = true};
	int code = EXIT_DONE;

	while (code == EXIT_DONE && approval != APPROVAL_NONE)
		code = approval == APPROVAL_BY_PASTE && isatty(STDIN_FILENO)
			? login_at_prompt(o, client, &named, &approval, why)
			: login_step(client, &named, &approval, why);
	return code;
}

static int run_login(const struct options *o, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	struct wire_named named = {.name = o->words[0], .cancel = options_have(o, OPTION_CANCEL)};
	enum approval approval = APPROVAL_NONE;
	int code;

	code = client_open(o->text[OPTION_RUNTIME], false, &client, why);
	if (code == EXIT_DONE)
		code = login_step(client, &named, &approval, why);
	if (code != EXIT_DONE)
		return code;
	if (named.cancel)
		return print_word(named.name, "no approval is pending any more", why);
	if (approval != APPROVAL_NONE && options_have(o, OPTION_NO_WAIT))
		return EXIT_DONE;
	code = login_wait(o, client, approval, why);
	return code == EXIT_DONE ? print_word(named.name, "ready", why) : code;
}

static int run_confirm(const struct options *o, struct buf *why)
{
	struct wire_named named = {.replace = options_have(o, OPTION_REPLACE)};
	struct wire_reply reply = {0};
	int code;

	code = call_named(o, WIRE_CONFIRM, &named, &reply, why);
	wire_reply_done(&reply);
	return code == EXIT_DONE ? print_word(named.name, "confirmed", why) : code;
}

static int run_reject(const struct options *o, struct buf *why)
{
	struct wire_named named = {0};
	struct wire_reply reply = {0};
	int code;

	code = call_named(o, WIRE_REJECT, &named, &reply, why);
	wire_reply_done(&reply);
	return code == EXIT_DONE ? print_word(named.name, "rejected and revoked", why) : code;
}

static int run_paste(const struct options *o, struct buf *why)
{
	_cleanup_(buf_done) struct buf address = BUF(WIRE_ADDRESS_MAX);
	bool over = false;
	int r = 0, code;

	if (o->n_words == 1) {
		code = paste_at_prompt(o, NULL, &over, NULL, why);
	} else {
		r = read_input(&address);
		code = r < 0 ? no_address(r, why) : paste_address(o, &address, NULL, why);
	}
	return code == EXIT_DONE ? print_word(o->words[0], "ready", why) : code;
}

static int print_token(const struct options *o, const struct json *parameters, struct buf *why)
{
	const char *token = json_get_text(parameters, "access_token");
	struct buf out = BUF(WIRE_REPLY_MAX);
	int r = 0;

	if (!token)
		return not_as_agreed(why);
	if (options_have(o, OPTION_JSON))
		return verbs_print_json(parameters, why);
	if (!show_is_token(token)) {
		(void)buf_printf(why,
			"%s: the provider's token cannot be put in a line; use --json",
			o->words[0]);
		return EXIT_FAILED;
	}
	if (options_have(o, OPTION_HEADER))
		r = buf_add_text(&out, "Authorization: Bearer ");
	if (r == 0)
		r = buf_add_text(&out, token);
	if (r == 0)
		r = buf_add_char(&out, '\n');
	return verbs_print_done(r, &out, why);
}

static int run_token(const struct options *o, struct buf *why)
{
	struct wire_named named = {.min_valid_given = options_have(o, OPTION_MIN_VALID)};
	struct wire_reply reply = {0};
	int code;

	if (options_have(o, OPTION_JSON) && options_have(o, OPTION_HEADER)) {
		(void)buf_add_text(why, "token takes either --json or --header");
		return EXIT_USAGE;
	}
	named.min_valid_s = o->usec[OPTION_MIN_VALID] / USEC_PER_S;
	code = call_named(o, WIRE_GET_TOKEN, &named, &reply, why);
	if (code == EXIT_DONE)
		code = print_token(o, reply.parameters, why);
	wire_reply_done(&reply);
	return code;
}

/* The token on standard input, without the line break after it, into @input. */
static int read_token(struct buf *input, struct buf *why)
{
	int r = read_input(input);

	if (r < 0) {
		(void)buf_printf(why, "cannot read the token from standard input: %s",
			r == -EMSGSIZE ? "it is too long" : strerror(-r));
		return r == -EMSGSIZE ? EXIT_USAGE : EXIT_FAILED;
	}
	while (input->len > 0 && strchr(" \t\r\n", input->data[input->len - 1]))
		input->data[--input->len] = '\0';
	if (show_is_token(buf_text(input)) && strlen(buf_text(input)) == input->len)
		return EXIT_DONE;
	(void)buf_add_text(
		why, "give the token that was refused on standard input, and nothing else");
	return EXIT_USAGE;
}

/* What became of a report. */
static const char *words_of_report(const struct json *parameters)
{
	bool refreshed = false, unchanged = false;

	(void)json_bool(json_get(parameters, "refreshed"), &refreshed); /* no word of it: no */
	(void)json_bool(json_get(parameters, "unchanged"), &unchanged);
	if (!refreshed)
		return "another token was held already: ask for it";
	return unchanged ? "unchanged: the provider gave the same token again" : "new token";
}

static int run_invalidate(const struct options *o, struct buf *why)
{
	_cleanup_(buf_done) struct buf input = BUF(WIRE_ADDRESS_MAX);
	struct wire_named named = {0};
	struct wire_reply reply = {0};
	int code;

	code = read_token(&input, why);
	if (code != EXIT_DONE)
		return code;
	named.access_token = buf_text(&input);
	code = call_named(o, WIRE_INVALIDATE, &named, &reply, why);
	if (code == EXIT_DONE)
		code = print_word(named.name, words_of_report(reply.parameters), why);
	wire_reply_done(&reply);
	return code;
}

static int run_refresh(const struct options *o, struct buf *why)
{
	struct wire_named named = {0};
	struct wire_reply reply = {0};
	struct buf what = BUF(TEXT_TIME_SIZE + 100);
	const char *expires;
	uint64_t at;
	int code;

	code = call_named(o, WIRE_REFRESH, &named, &reply, why);
	if (code == EXIT_DONE) {
		expires = json_get_text(reply.parameters, "expires_at");
		(void)buf_add_text(&what, "new token"); /* told without its end at worst */
		if (expires && text_parse_time(expires, &at) == 0)
			(void)buf_printf(&what, ", valid until %s", expires);
		code = print_word(named.name, buf_text(&what), why);
	}
	buf_done(&what);
	wire_reply_done(&reply);
	return code;
}

static int run_revoke(const struct options *o, struct buf *why)
{
	struct wire_named named = {.keep = options_have(o, OPTION_KEEP)};
	struct wire_reply reply = {0};
	int code;

	code = call_named(o, WIRE_REVOKE, &named, &reply, why);
	wire_reply_done(&reply);
	if (code != EXIT_DONE)
		return code;
	return print_word(named.name,
		named.keep ? "forgotten here, still alive at the provider" : "revoked", why);
}

/* Tell once of each connection what a person must do before the wait can end. */
static int tell_needs(const struct await *a, const struct json *status, struct names *told)
{
	const struct json *connections = json_get(status, "connections");
	struct now now = client_now();

	for (const struct json *c = json_next(connections, NULL); c;
		c = json_next(connections, c)) {
		const char *name = json_get_text(c, "name");
		struct buf line = BUF(WIRE_REPLY_MAX);
		int r;

		if (!name || !await_lacks(a, c, now) || !show_needs_person(c) ||
			names_have(told, name))
			continue;
		r = names_add(told, name, strlen(name));
		if (r == 0)
			r = show_advice(c, now, &line);
		if (r == 0)
			(void)fprintf(stderr, "grantctl: waiting for %s; %s\n", name,
				buf_text(&line)); /* nobody may be listening */
		buf_done(&line);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Wait on one connection to the agent. EXIT_NOT_REACHABLE: it was lost. */
static int wait_here(const struct options *o, const struct await *a, uint64_t deadline,
	struct names *told, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	bool over = false;
	int code;

	code = ask_status(o, WIRE_STATUS_WATCH, a->names, &client, why);
	while (code == EXIT_DONE && !over) {
		struct wire_reply reply = {0};

		code = next_status(client, deadline, &reply, why);
		if (code == EXIT_DONE) {
			over = await_is_over(a, reply.parameters, client_now());
			if (!over && tell_needs(a, reply.parameters, told) < 0)
				code = out_of_memory(why);
		}
		wire_reply_done(&reply);
	}
	return code;
}

/* Wait over as many connections to the agent as it takes. */
static int wait_on(const struct options *o, const struct await *a, uint64_t deadline,
	struct names *told, struct buf *why)
{
	bool said = false;
	int code;

	for (;;) {
		uint64_t again;

		code = wait_here(o, a, deadline, told, why);
		again = usec_add(client_now().boot_usec, CLIENT_RETRY_USEC);
		if (code != EXIT_NOT_REACHABLE && code != EXIT_TRY_AGAIN)
			break;
		if (again >= deadline)
			return EXIT_TIMED_OUT; /* with the reason of the last try */
		if (!said)                     /* nobody may be listening */
			(void)fprintf(
				stderr, "grantctl: waiting for the agent; %s\n", buf_text(why));
		said = true;
		client_pause(again);
		buf_done(why);
	}
	if (code == EXIT_TIMED_OUT) {
		buf_done(why);
		(void)buf_add_text(why, "not usable within the timeout; see grantctl status");
	}
	return code;
}

static int run_wait(const struct options *o, struct buf *why)
{
	struct names names = {0}, told = {0};
	struct await a = {.names = &names,
		.any = options_have(o, OPTION_ANY),
		.min_valid_usec = o->usec[OPTION_MIN_VALID]};
	uint64_t deadline = USEC_NEVER;
	int code;

	if (options_have(o, OPTION_TIMEOUT))
		deadline = usec_add(client_now().boot_usec, o->usec[OPTION_TIMEOUT]);
	code = read_names(o, &names, why);
	if (code == EXIT_DONE)
		code = wait_on(o, &a, deadline, &told, why);
	names_done(&names);
	names_done(&told);
	return code;
}

/* Run grantd at @dir/@below. Returns only where it could not be run. */
static int exec_grantd(const char *dir, const char *below, const struct options *o)
{
	char path[PATH_MAX], action[sizeof("--") + sizeof("schema")];
	char *argv[] = {path, action, NULL, NULL, NULL};
	char config[] = "--config";
	int n = snprintf(path, sizeof(path), "%s/%s", dir, below);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	(void)snprintf(action, sizeof(action), "--%s", o->words[0]); /* is one of the table */
	if (options_have(o, OPTION_CONFIG)) {
		argv[2] = config;
		argv[3] = (char *)o->text[OPTION_CONFIG]; /* execv() does not write to it */
	}
	(void)execv(path, argv);
	return -errno;
}

static int run_config(const struct options *o, struct buf *why)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r = -ENOENT;

	(void)signal(SIGPIPE, SIG_DFL); /* is inherited where ignored */
	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		r = exec_grantd(self, "grantd", o);
		if (r == -ENOENT)
			r = exec_grantd(self, "../sbin/grantd", o);
	}
	if (r == -ENOENT)
		r = exec_grantd(SBINDIR, "grantd", o);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)buf_printf(
		why, "cannot run grantd beside grantctl or in %s: %s", SBINDIR, strerror(-r));
	return EXIT_FAILED;
}

static int run_reload(const struct options *o, struct buf *why)
{
	_cleanup_(client_freep) struct client *client = NULL;
	struct wire_reply reply = {0};
	int code;

	code = client_open(o->text[OPTION_RUNTIME], false, &client, why);
	if (code == EXIT_DONE)
		code = verbs_call(
			client, WIRE_RELOAD, NULL, NULL, CLIENT_REPLY_TIMEOUT_USEC, &reply, why);
	wire_reply_done(&reply);
	return code;
}

#define O OPTION_BIT
const struct verb verbs[] = {
	{"status", WORDS_NAMES, NULL, O(OPTION_JSON) | O(OPTION_WATCH),
		"Show the state of all connections, or of those named.", run_status},
	{"login", WORDS_NAME, NULL, O(OPTION_NO_WAIT) | O(OPTION_CANCEL),
		"Start an approval or show the pending one, and wait for its end.", run_login},
	{"confirm", WORDS_NAME, NULL, O(OPTION_REPLACE),
		"Say that whoever approved is the right person.", run_confirm},
	{"reject", WORDS_NAME, NULL, 0,
		"Say that it is not: have the provider revoke what was approved.", run_reject},
	{"paste", WORDS_INPUT, NULL, O(OPTION_CODE_ONLY),
		"Complete an approval with the address that the browser ended at.", run_paste},
	{"token", WORDS_NAME, NULL, O(OPTION_MIN_VALID) | O(OPTION_HEADER) | O(OPTION_JSON),
		"Print an access token.", run_token},
	{"invalidate", WORDS_NAME, NULL, 0,
		"Tell that the token on standard input was refused, and have it replaced.",
		run_invalidate},
	{"refresh", WORDS_NAME, NULL, 0, "Get a new access token now.", run_refresh},
	{"revoke", WORDS_NAME, NULL, O(OPTION_KEEP),
		"Have the provider revoke the grant, and forget it.", run_revoke},
	{"wait", WORDS_NAMES, NULL, O(OPTION_ANY) | O(OPTION_TIMEOUT) | O(OPTION_MIN_VALID),
		"Wait until all required connections, or those named, are usable.", run_wait},
	{"exec", WORDS_COMMAND, NULL, O(OPTION_MIN_VALID) | O(OPTION_SIGNAL) | O(OPTION_TIMEOUT),
		"Run a command, with a token kept fresh in the file $GRANTD_TOKEN_FILE.", exec_run},
	{"sync", WORDS_SYNC, "status|fields|start|stop|check", O(OPTION_JSON) | O(OPTION_FAILED),
		"Show how the syncs are or which field goes where, start or stop one, check anew.",
		sync_run},
	{"config", WORDS_ACTION, "check|show|schema", O(OPTION_CONFIG),
		"Check the configuration file, show what it comes to, or print its JSON Schema.",
		run_config},
	{"reload", WORDS_NONE, NULL, 0, "Have the agent read its configuration again.", run_reload},
};
#undef O
const size_t n_verbs = ELEMENTS(verbs);
