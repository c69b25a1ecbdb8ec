/* SPDX-License-Identifier: BSD-2-Clause */
/* grantctl(1): one command line for the operator, the program and the service manager. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/text.h"
#include "ctl/options.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

/* Help of all verbs is some 2 KiB; a reload's faults are cut by the agent. */
#define TEXT_MAX_SIZE (64u * 1024)

static int print_help(const struct options *o, struct buf *why)
{
	struct buf out = BUF(TEXT_MAX_SIZE);
	int code;

	if (options_have(o, OPTION_VERSION))
		(void)buf_add_text(&out, "grantctl " PACKAGE_VERSION "\n"); /* failures stick */
	else if (o->verb)
		(void)options_verb_help(o->verb, &out);
	else
		(void)options_help(verbs, n_verbs, &out);
	code = verbs_print(&out, why);
	buf_done(&out);
	return code;
}

static int run(int argc, char **argv, struct buf *why)
{
	struct options o;

	if (options_parse(verbs, n_verbs, argc, argv, &o, why) < 0)
		return EXIT_USAGE;
	if (options_have(&o, OPTION_HELP) || options_have(&o, OPTION_VERSION))
		return print_help(&o, why);
	return o.verb->run(&o, why);
}

int main(int argc, char **argv)
{
	struct buf why = BUF(TEXT_MAX_SIZE);
	int code;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a core would hold tokens and codes */
	(void)signal(SIGPIPE, SIG_IGN);           /* a reader that has gone is told by write() */
	code = run(argc, argv, &why);
	if (why.len > 0)
		(void)fprintf(stderr, "grantctl: %s\n", buf_text(&why)); /* nobody may listen */
	buf_done(&why);
	return code;
}
