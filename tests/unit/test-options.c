/* SPDX-License-Identifier: BSD-2-Clause */
/* How command lines are read, and what help is made of the table. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/now.h"
#include "ctl/options.h"
#include "test.h"

static int run(const struct options *o, struct buf *why)
{
	(void)o;
	(void)why;
	return 0;
}

static const struct verb verbs[] = {
	{"status", WORDS_NAMES, NULL, OPTION_BIT(OPTION_JSON), "Show all.", run},
	{"token", WORDS_NAME, NULL, OPTION_BIT(OPTION_MIN_VALID) | OPTION_BIT(OPTION_HEADER),
		"Print one.", run},
	{"config", WORDS_ACTION, "check|show", OPTION_BIT(OPTION_CONFIG), "Do it.", run},
	{"reload", WORDS_NONE, NULL, 0, "Reload it.", run},
	{"exec", WORDS_COMMAND, NULL, OPTION_BIT(OPTION_SIGNAL), "Run it.", run},
	{"paste", WORDS_INPUT, NULL, 0, "Paste it.", run},
};

#define ARGS_MAX 10

static struct options o;
static struct buf why = BUF(10000);
static char *args[ARGS_MAX];

/* Read "grantctl" and up to nine words. */
static int parse(const char *const words[])
{
	int n = 1;

	o = (struct options){0};
	buf_done(&why);
	args[0] = (char *)"grantctl";
	for (; words[n - 1]; n++) {
		REQUIRE(n < ARGS_MAX);
		args[n] = (char *)words[n - 1]; /* is only moved about */
	}
	return options_parse(verbs, ELEMENTS(verbs), n, args, &o, &why);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void a_verb_with_its_words_is_read(void)
{
	REQUIRE(PARSE("status", "a", "b-2") == 0);
	CHECK_TEXT(o.verb->name, "status");
	CHECK_INT(o.n_words, 2);
	CHECK_TEXT(o.words[0], "a");
	CHECK_TEXT(o.words[1], "b-2");
	CHECK_INT(o.given, 0);
	REQUIRE(PARSE("status") == 0);
	CHECK_INT(o.n_words, 0);
	REQUIRE(PARSE("config", "show", "--config", "x.yaml") == 0);
	CHECK_TEXT(o.words[0], "show");
	CHECK_TEXT(o.text[OPTION_CONFIG], "x.yaml");
	buf_done(&why);
}

static void input_may_come_from_standard_input(void)
{
	REQUIRE(PARSE("paste", "a") == 0);
	CHECK_INT(o.n_words, 1);
	REQUIRE(PARSE("paste", "a", "-") == 0);
	CHECK_INT(o.n_words, 2);
	CHECK_TEXT(o.words[0], "a");
	CHECK_TEXT(o.words[1], "-");
	buf_done(&why);
}

#define TAKES "paste takes the name of one connection, and - for standard input"
#define SEEN \
	"; an address or code as an argument could be seen by every user here, so begin again: " \
	"grantctl login "

static void input_as_an_argument_is_refused_and_not_repeated(void)
{
	static const struct {
		const char *words[5];
		const char *why;
	} cases[] = {
		{{"paste"}, TAKES},
		{{"paste", "a", "http://localhost/?code=s3cret"},
			TAKES SEEN "a --cancel, then grantctl login a"},
		{{"paste", "a", "s3cret"}, TAKES SEEN "a --cancel, then grantctl login a"},
		{{"paste", "a", "--", "-s3cret"}, TAKES SEEN "a --cancel, then grantctl login a"},
		{{"paste", "a", "-", "s3cret"}, TAKES SEEN "a --cancel, then grantctl login a"},
		{{"paste", "http://localhost/?code=s3cret"},
			TAKES SEEN "NAME --cancel, then grantctl login NAME"},
		{{"paste", "-"}, TAKES},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		CHECK_INT(parse(cases[i].words), -EINVAL);
		CHECK_TEXT(buf_text(&why), cases[i].why);
	}
	buf_done(&why);
}

static void options_may_stand_anywhere(void)
{
	REQUIRE(PARSE("--runtime", "/r", "token", "--min-valid=5m", "a", "--header") == 0);
	CHECK_TEXT(o.verb->name, "token");
	CHECK_TEXT(o.text[OPTION_RUNTIME], "/r");
	CHECK_TEXT(o.words[0], "a");
	CHECK_INT(o.n_words, 1);
	CHECK(options_have(&o, OPTION_HEADER));
	CHECK(options_have(&o, OPTION_MIN_VALID));
	CHECK(!options_have(&o, OPTION_JSON));
	CHECK_INT(o.usec[OPTION_MIN_VALID], 5 * USEC_PER_MIN);
	buf_done(&why);
}

static void a_command_is_what_follows_two_dashes(void)
{
	REQUIRE(PARSE("exec", "--signal", "HUP", "a", "--", "ls", "--json", "--", "X/y") == 0);
	CHECK_TEXT(o.verb->name, "exec");
	CHECK_TEXT(o.text[OPTION_SIGNAL], "HUP");
	CHECK_INT(o.n_words, 5);
	CHECK_TEXT(o.words[0], "a");
	CHECK_TEXT(o.words[1], "ls");
	CHECK_TEXT(o.words[2], "--json");
	CHECK_TEXT(o.words[3], "--");
	CHECK_TEXT(o.words[4], "X/y");
	CHECK(o.words[5] == NULL);
	REQUIRE(PARSE("exec", "a", "--signal=HUP", "--", "ls") == 0);
	REQUIRE(PARSE("exec", "a", "--", "--help") == 0);
	CHECK(!options_have(&o, OPTION_HELP));
	buf_done(&why);
}

static void help_and_version_need_no_more(void)
{
	REQUIRE(PARSE("--help") == 0);
	CHECK(o.verb == NULL);
	REQUIRE(PARSE("token", "-h") == 0);
	CHECK_TEXT(o.verb->name, "token");
	CHECK(options_have(&o, OPTION_HELP));
	REQUIRE(PARSE("--version") == 0);
	CHECK(options_have(&o, OPTION_VERSION));
	buf_done(&why);
}

static void what_is_wrong_is_told(void)
{
	static const struct {
		const char *words[6];
		const char *why;
	} cases[] = {
		{{NULL}, "a verb is needed; see grantctl --help"},
		{{"tokn", "a"}, "there is no such verb; did you mean token?"},
		{{"frobnicate"}, "there is no such verb; see grantctl --help"},
		{{"token"}, "token takes the name of one connection"},
		{{"token", "a", "b"}, "token takes the name of one connection"},
		{{"reload", "a"}, "reload takes no argument"},
		{{"config"}, "config takes one of check|show"},
		{{"config", "sho"}, "config takes one of check|show"},
		{{"config", "check|show"}, "config takes one of check|show"},
		{{"config", ""}, "config takes one of check|show"},
		{{"exec"}, "exec takes the name of one connection, then -- and a command"},
		{{"exec", "a"}, "exec takes the name of one connection, then -- and a command"},
		{{"exec", "a", "ls"},
			"exec takes the name of one connection, then -- and a command"},
		{{"exec", "a", "--"},
			"exec takes the name of one connection, then -- and a command"},
		{{"exec", "--", "a", "ls"},
			"exec takes the name of one connection, then -- and a command"},
		{{"--", "exec", "a", "ls"},
			"exec takes the name of one connection, then -- and a command"},
		{{"exec", "a", "b", "--", "ls"},
			"exec takes the name of one connection, then -- and a command"},
		{{"exec", "A", "--", "ls"},
			"exec takes names of connections, as in grantctl status; codes and "
			"addresses are never arguments"},
		{{"status", "--header"},
			"status does not take --header; see grantctl status --help"},
		{{"status", "--jsn"}, "there is no such option; did you mean --json?"},
		{{"status", "--frobnicate"}, "there is no such option; see grantctl --help"},
		{{"status", "--json=1"}, "--json takes no value"},
		{{"status", "-j"}, "options are long ones; see grantctl --help"},
		{{"status", "--runtime"}, "--runtime needs a DIR"},
		{{"token", "a", "--min-valid", "5"},
			"--min-valid needs a duration such as 90s, 5m, 2h or 30d"},
		{{"token", "a", "--min-valid="},
			"--min-valid needs a duration such as 90s, 5m, 2h or 30d"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		CHECK_INT(parse(cases[i].words), -EINVAL);
		CHECK_TEXT(buf_text(&why), cases[i].why);
	}
	buf_done(&why);
}

static void what_is_no_name_is_refused_and_not_repeated(void)
{
	static const char *const words[] = {"WDJB-MJHT", "https://cb.example/?code=s3cret", "-",
		"a.b", "a_b", "", "-a", "\xc3\xa4",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}; /* 64 */

	for (size_t i = 0; i < ELEMENTS(words); i++) {
		CHECK_INT(PARSE("token", "--", words[i]), -EINVAL);
		CHECK_TEXT(buf_text(&why),
			"token takes names of connections, as in grantctl status; codes and "
			"addresses are never arguments");
	}
	CHECK_INT(PARSE("token", words[ELEMENTS(words) - 1] + 1), 0); /* 63 */
	CHECK_INT(PARSE("token", "a", "--s3cret=x"), -EINVAL);
	CHECK(strstr(buf_text(&why), "s3cret") == NULL);
	buf_done(&why);
}

static void help_is_made_of_the_table(void)
{
	struct buf b = BUF(10000);

	CHECK_INT(options_help(verbs, ELEMENTS(verbs), &b), 0);
	CHECK(strstr(buf_text(&b), "\n  status [NAME...] [--json]\n        Show all.\n") != NULL);
	CHECK(strstr(buf_text(&b), "\n  token NAME [--min-valid DURATION] [--header]\n") != NULL);
	CHECK(strstr(buf_text(&b), "\n  config check|show [--config FILE]\n") != NULL);
	CHECK(strstr(buf_text(&b), "\n  reload\n") != NULL);
	CHECK(strstr(buf_text(&b), "\n  exec NAME [--signal SIGNAL] -- COMMAND [ARG...]\n") !=
		NULL);
	CHECK(strstr(buf_text(&b), "\n  paste NAME [-]\n") != NULL);
	buf_done(&b);
	CHECK_INT(options_verb_help(&verbs[1], &b), 0);
	CHECK(strstr(buf_text(&b), "usage: grantctl token NAME [--min-valid DURATION]") != NULL);
	CHECK(strstr(buf_text(&b), "\n  --header\n") != NULL);
	CHECK(strstr(buf_text(&b), "\n  --runtime DIR\n") != NULL);
	CHECK(strstr(buf_text(&b), "--json") == NULL);
	buf_done(&b);
}

static const struct test tests[] = {
	{"a verb with its words is read", a_verb_with_its_words_is_read},
	{"input may come from standard input", input_may_come_from_standard_input},
	{"input as an argument is refused and not repeated",
		input_as_an_argument_is_refused_and_not_repeated},
	{"options may stand anywhere", options_may_stand_anywhere},
	{"a command is what follows two dashes", a_command_is_what_follows_two_dashes},
	{"help and version need no more", help_and_version_need_no_more},
	{"what is wrong is told", what_is_wrong_is_told},
	{"what is no name is refused and not repeated",
		what_is_no_name_is_refused_and_not_repeated},
	{"help is made of the table", help_is_made_of_the_table},
};

TEST_MAIN(tests)
