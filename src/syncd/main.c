/* SPDX-License-Identifier: BSD-2-Clause */

/* grantd-sync: the process that does one sync for grantd(8), which starts it; nobody else has a use
 * for it. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "host/log.h"
#include "syncd/sandbox.h"
#include "syncd/session.h"

#define EXIT_USAGE 2

static int parse_options(int argc, char **argv, struct session_options *ret)
{
	static const struct option longs[] = {
		{"name", required_argument, NULL, 'n'},
		{"source-ca", required_argument, NULL, 's'},
		{"target-ca", required_argument, NULL, 't'},
		{"proxy", required_argument, NULL, 'p'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'n')
			ret->name = optarg;
		else if (c == 's')
			ret->source_ca = optarg;
		else if (c == 't')
			ret->target_ca = optarg;
		else if (c == 'p')
			ret->proxy = optarg;
		else
			return -1;
	}
	return ret->name && optind == argc ? 0 : -1;
}

/* The walls go up first. What is logged before opens the way to the journal, which is shut then. */
static int shut_in(struct session_options *o)
{
	const char *const ca_files[] = {o->source_ca, o->target_ca};
	const struct log_about about = {.connection = o->name};
	struct fault why;

	log_message(LOG_INFO, &about, "grantd-sync " VERSION " started");
	if (sandbox_enter(SESSION_STATE_FD, ca_files, ELEMENTS(ca_files), &o->sandboxed, &why) <
		0) {
		log_message(LOG_ERR, &about, "%s", why.detail);
		return -1;
	}
	if (!o->sandboxed)
		log_message(LOG_WARNING, &about,
			"this kernel has no Landlock: files are guarded by their modes only");
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(session_freep) struct session *session = NULL;
	struct session_options options = {.name = NULL};
	struct fault why;

	(void)signal(SIGPIPE, SIG_IGN); /* a reader of stderr that went away is no reason to die */
	(void)log_init();               /* grantd told if that is another word */
	if (parse_options(argc, argv, &options) < 0) {
		(void)fprintf(stderr, "grantd-sync is started by grantd; see grantd(8)\n");
		return EXIT_USAGE;
	}
	if (shut_in(&options) < 0)
		return EXIT_FAILURE;
	if (session_new(&options, &session, &why) < 0) {
		log_message(LOG_ERR, &(struct log_about){.connection = options.name, .fault = &why},
			"%s", why.detail);
		return EXIT_FAILURE;
	}
	return session_run(session);
}
