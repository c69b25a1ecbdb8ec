/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of grantctl(1): options may stand anywhere, values after a blank or '='. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "ctl/options.h"

/* The longest name of a connection, grantd.yaml(5). */
#define NAME_MAX_LEN 63

/* A word as far off as this is taken for a slip of the finger. */
#define SUGGEST_DISTANCE 2u

enum value { VALUE_NONE, VALUE_TEXT, VALUE_DURATION };

static const struct {
	const char *name;
	enum value value;
	const char *metavar;
	const char *help;
} table[_OPTION_MAX] = {
	[OPTION_HELP] = {"help", VALUE_NONE, NULL, "show this help"},
	[OPTION_VERSION] = {"version", VALUE_NONE, NULL, "show the version"},
	[OPTION_RUNTIME] = {"runtime", VALUE_TEXT, "DIR", "where the agent's sockets are"},
	[OPTION_JSON] = {"json", VALUE_NONE, NULL, "print the agent's answer as JSON"},
	[OPTION_FAILED] = {"failed", VALUE_NONE, NULL, "the records that the target did not take"},
	[OPTION_WATCH] = {"watch", VALUE_NONE, NULL, "show it again after each change"},
	[OPTION_NO_WAIT] = {"no-wait", VALUE_NONE, NULL, "do not wait for the approval's end"},
	[OPTION_CANCEL] = {"cancel", VALUE_NONE, NULL, "drop the pending approval"},
	[OPTION_CODE_ONLY] = {"code-only", VALUE_NONE, NULL, "it may be the bare code"},
	[OPTION_MIN_VALID] = {"min-valid", VALUE_DURATION, "DURATION",
		"a token that lives at least this long, as in 90s, 5m, 2h"},
	[OPTION_HEADER] = {"header", VALUE_NONE, NULL, "print an Authorization header"},
	[OPTION_KEEP] = {"keep", VALUE_NONE, NULL,
		"forget the grant here, leave it alive at the provider"},
	[OPTION_REPLACE] = {"replace", VALUE_NONE, NULL,
		"also in place of who gave the grant before"},
	[OPTION_ANY] = {"any", VALUE_NONE, NULL, "one usable connection is enough"},
	[OPTION_TIMEOUT] = {"timeout", VALUE_DURATION, "DURATION",
		"give up after this long, as in 90s, 5m, 2h"},
	[OPTION_CONFIG] = {"config", VALUE_TEXT, "FILE", "the configuration file"},
	[OPTION_SIGNAL] = {"signal", VALUE_TEXT, "SIGNAL",
		"tell the command of a new token by this signal, as in HUP"},
};

bool options_have(const struct options *o, enum option option)
{
	return o->given & OPTION_BIT(option);
}

static bool is_connection_name(const char *word)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t len = strlen(word);

	return len > 0 && len <= NAME_MAX_LEN && word[0] != '-' && strspn(word, allowed) == len;
}

static int unknown_option(struct buf *why, const char *name)
{
	(void)buf_add_text(why, "there is no such option"); /* told without it at worst */
	for (size_t i = 0; i < ELEMENTS(table); i++)
		if (text_distance(name, table[i].name, SUGGEST_DISTANCE + 1) <= SUGGEST_DISTANCE) {
			(void)buf_printf(why, "; did you mean --%s?", table[i].name);
			return -EINVAL;
		}
	(void)buf_add_text(why, "; see grantctl --help");
	return -EINVAL;
}

/* The option that @name of @len bytes is, _OPTION_MAX for none. */
static unsigned find_option(const char *name, size_t len)
{
	unsigned i = 0;

	while (i < _OPTION_MAX &&
		(strlen(table[i].name) != len || memcmp(table[i].name, name, len) != 0))
		i++;
	return i;
}

/* Read the option at argv[*i]; *i ends on the last word that was used. */
static int parse_option(int argc, char **argv, int *i, struct options *o, struct buf *why)
{
	const char *name = argv[*i] + strlen("--");
	const char *value = strchr(name, '=');
	unsigned option = find_option(name, value ? (size_t)(value - name) : strlen(name));

	if (option == _OPTION_MAX)
		return unknown_option(why, name);
	name = table[option].name;
	o->given |= OPTION_BIT(option);
	if (table[option].value == VALUE_NONE) {
		if (!value)
			return 0;
		(void)buf_printf(why, "--%s takes no value", name);
		return -EINVAL;
	}
	if (!value && *i + 1 == argc) {
		(void)buf_printf(why, "--%s needs a %s", name, table[option].metavar);
		return -EINVAL;
	}
	o->text[option] = value ? value + 1 : argv[++*i];
	if (table[option].value == VALUE_DURATION &&
		text_parse_duration(o->text[option], &o->usec[option]) < 0) {
		(void)buf_printf(why, "--%s needs a duration such as 90s, 5m, 2h or 30d", name);
		return -EINVAL;
	}
	return 0;
}

/* Part options from words, which end up in front of argv. */
static int parse_words(int argc, char **argv, struct options *o, struct buf *why)
{
	bool options_ended = false;
	int r;

	o->words = argv;
	for (int i = 1; i < argc; i++) {
		if (options_ended || !text_starts(argv[i], "-") || text_equal(argv[i], "-")) {
			argv[o->n_words++] = argv[i];
			o->n_before += !options_ended;
		} else if (text_equal(argv[i], "--")) {
			options_ended = true;
		} else if (text_equal(argv[i], "-h")) {
			o->given |= OPTION_BIT(OPTION_HELP);
		} else if (!text_starts(argv[i], "--")) {
			(void)buf_add_text(why, "options are long ones; see grantctl --help");
			return -EINVAL;
		} else {
			r = parse_option(argc, argv, &i, o, why);
			if (r < 0)
				return r;
		}
	}
	argv[o->n_words] = NULL; /* the program's own name is no word, so that there is room */
	return 0;
}

static int find_verb(const struct verb *verbs, size_t n, struct options *o, struct buf *why)
{
	const char *word = o->words[0];

	for (size_t i = 0; i < n; i++)
		if (text_equal(verbs[i].name, word)) {
			o->verb = &verbs[i];
			o->words++;
			o->n_words--;
			o->n_before -= o->n_before > 0;
			return 0;
		}
	for (size_t i = 0; i < n; i++)
		if (text_distance(word, verbs[i].name, SUGGEST_DISTANCE + 1) <= SUGGEST_DISTANCE) {
			(void)buf_printf(
				why, "there is no such verb; did you mean %s?", verbs[i].name);
			return -EINVAL;
		}
	(void)buf_add_text(why, "there is no such verb; see grantctl --help");
	return -EINVAL;
}

static bool is_action(const char *actions, const char *word)
{
	size_t len = strlen(word);

	for (const char *a = actions; a; a = strchr(a, '|') ? strchr(a, '|') + 1 : NULL)
		if (strcspn(a, "|") == len && memcmp(a, word, len) == 0)
			return true;
	return false;
}

/* NAME [-]. Anything else is perhaps what must not be seen by others, and was. */
static int check_input(const struct options *o, struct buf *why)
{
	const char *name = o->n_words > 0 ? o->words[0] : "";
	bool named = is_connection_name(name);

	if (named && (o->n_words == 1 || (o->n_words == 2 && text_equal(o->words[1], "-"))))
		return 0;
	(void)buf_printf(why, "%s takes the name of one connection, and - for standard input",
		o->verb->name);
	if (o->n_words > 1 || !(named || text_equal(name, "-") || !*name))
		(void)buf_printf(why,
			"; an address or code as an argument could be seen by every user here, so "
			"begin again: grantctl login %1$s --cancel, then grantctl login %1$s",
			named ? name : "NAME");
	return -EINVAL;
}

static int check_names(const struct options *o, size_t n, struct buf *why)
{
	for (size_t i = 0; i < n; i++)
		if (!is_connection_name(o->words[i])) {
			(void)buf_printf(why,
				"%s takes names of connections, as in grantctl status; codes "
				"and addresses are never arguments",
				o->verb->name);
			return -EINVAL;
		}
	return 0;
}

/* NAME -- COMMAND [ARG...] */
static int check_command(const struct options *o, struct buf *why)
{
	if (o->n_before == 1 && o->n_words > 1)
		return check_names(o, 1, why);
	(void)buf_printf(
		why, "%s takes the name of one connection, then -- and a command", o->verb->name);
	return -EINVAL;
}

/* ACTION [NAME] */
static int check_sync(const struct options *o, struct buf *why)
{
	const struct verb *v = o->verb;

	if (o->n_words == 0 || !is_action(v->actions, o->words[0]))
		(void)buf_printf(why, "%s takes one of %s", v->name, v->actions);
	else if (o->n_words > 2 || (o->n_words == 2 && !is_connection_name(o->words[1])))
		(void)buf_printf(why, "%s %s takes the name of one sync", v->name, o->words[0]);
	else if (options_have(o, OPTION_FAILED) && !text_equal(o->words[0], "status"))
		(void)buf_printf(why, "%s %s does not take --failed", v->name, o->words[0]);
	return why->len > 0 ? -EINVAL : 0;
}

static int check_words(const struct options *o, struct buf *why)
{
	const struct verb *v = o->verb;

	if (v->words == WORDS_INPUT)
		return check_input(o, why);
	if (v->words == WORDS_SYNC)
		return check_sync(o, why);
	if (v->words == WORDS_COMMAND)
		return check_command(o, why);
	if (v->words == WORDS_NONE && o->n_words > 0)
		(void)buf_printf(why, "%s takes no argument", v->name);
	else if (v->words == WORDS_NAME && o->n_words != 1)
		(void)buf_printf(why, "%s takes the name of one connection", v->name);
	else if (v->words == WORDS_ACTION && (o->n_words != 1 || !is_action(v->actions, *o->words)))
		(void)buf_printf(why, "%s takes one of %s", v->name, v->actions);
	else if (v->words == WORDS_ACTION)
		return 0;
	return why->len > 0 ? -EINVAL : check_names(o, o->n_words, why);
}

static int check_options(const struct options *o, struct buf *why)
{
	unsigned refused = o->given & ~(o->verb->options | OPTIONS_GLOBAL);

	for (unsigned i = 0; i < _OPTION_MAX; i++)
		if (refused & OPTION_BIT(i)) {
			(void)buf_printf(why, "%s does not take --%s; see grantctl %s --help",
				o->verb->name, table[i].name, o->verb->name);
			return -EINVAL;
		}
	return 0;
}

int options_parse(const struct verb *verbs, size_t n_verbs, int argc, char **argv,
	struct options *ret, struct buf *why)
{
	struct options o = {0};
	unsigned shows = OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION);
	int r;

	r = parse_words(argc, argv, &o, why);
	if (r == 0 && o.n_words > 0)
		r = find_verb(verbs, n_verbs, &o, why);
	if (r < 0)
		return r;
	if (!(o.given & shows)) {
		if (!o.verb) {
			(void)buf_add_text(why, "a verb is needed; see grantctl --help");
			return -EINVAL;
		}
		r = check_options(&o, why);
		if (r == 0)
			r = check_words(&o, why);
		if (r < 0)
			return r;
	}
	*ret = o;
	return 0;
}

static int add_option(unsigned option, struct buf *ret)
{
	(void)buf_printf(ret, "--%s", table[option].name); /* failures stick */
	if (table[option].metavar)
		(void)buf_printf(ret, " %s", table[option].metavar);
	return ret->error;
}

static int add_synopsis(const struct verb *v, struct buf *ret)
{
	(void)buf_add_text(ret, v->name); /* failures stick */
	switch (v->words) {
	case WORDS_NONE:
		break;
	case WORDS_NAME:
	case WORDS_COMMAND:
		(void)buf_add_text(ret, " NAME");
		break;
	case WORDS_INPUT:
		(void)buf_add_text(ret, " NAME [-]");
		break;
	case WORDS_NAMES:
		(void)buf_add_text(ret, " [NAME...]");
		break;
	case WORDS_ACTION:
		(void)buf_printf(ret, " %s", v->actions);
		break;
	case WORDS_SYNC:
		(void)buf_printf(ret, " %s [NAME]", v->actions);
		break;
	}
	for (unsigned i = 0; i < _OPTION_MAX; i++) {
		if (!(v->options & OPTION_BIT(i)))
			continue;
		(void)buf_add_text(ret, " [");
		(void)add_option(i, ret);
		(void)buf_add_char(ret, ']');
	}
	if (v->words == WORDS_COMMAND)
		(void)buf_add_text(ret, " -- COMMAND [ARG...]");
	return buf_add_char(ret, '\n');
}

static int add_options(unsigned options, struct buf *ret)
{
	for (unsigned i = 0; i < _OPTION_MAX; i++) {
		if (!(options & OPTION_BIT(i)))
			continue;
		(void)buf_add_text(ret, "  "); /* failures stick */
		(void)add_option(i, ret);
		(void)buf_printf(ret, "\n        %s\n", table[i].help);
	}
	return ret->error;
}

int options_help(const struct verb *verbs, size_t n_verbs, struct buf *ret)
{
	(void)buf_add_text(ret, "usage: grantctl [--runtime DIR] VERB ...\n\nVerbs:\n");
	for (size_t i = 0; i < n_verbs; i++) {
		(void)buf_add_text(ret, "  "); /* failures stick */
		(void)add_synopsis(&verbs[i], ret);
		(void)buf_printf(ret, "        %s\n", verbs[i].help);
	}
	(void)buf_add_text(ret, "\nOptions of every verb:\n");
	(void)add_options(OPTIONS_GLOBAL, ret);
	return buf_add_text(ret, "\nSee grantctl(1).\n");
}

int options_verb_help(const struct verb *v, struct buf *ret)
{
	(void)buf_add_text(ret, "usage: grantctl "); /* failures stick */
	(void)add_synopsis(v, ret);
	(void)buf_printf(ret, "\n%s\n\nOptions:\n", v->help);
	(void)add_options(v->options, ret);
	return add_options(OPTIONS_GLOBAL, ret);
}
