/* SPDX-License-Identifier: BSD-2-Clause */

/* grantd(8): options, paths, and the start. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/log.h"
#include "host/protect.h"

/* Exit statuses, as grantctl(1) has them. */
#define EXIT_USAGE 2

/* Room for the secrets of thousands of connections. */
#define ARENA_SIZE (4u * 1024 * 1024)

enum action { ACTION_RUN, ACTION_CHECK, ACTION_SHOW, ACTION_SCHEMA, ACTION_HELP, ACTION_VERSION };

struct options {
	enum action action;
	const char *config, *state, *runtime;
};

struct option_row {
	const char *name;
	const char *argument; /* NULL for none */
	const char *help;
	enum action action;
};

static const struct option_row option_table[] = {
	{"config", "FILE", "read this configuration", ACTION_RUN},
	{"state", "DIR", "keep grants below this directory", ACTION_RUN},
	{"runtime", "DIR", "put the sockets into this directory", ACTION_RUN},
	{"check", NULL, "check the configuration and exit", ACTION_CHECK},
	{"show", NULL, "print the configuration with all defaults, without secrets", ACTION_SHOW},
	{"schema", NULL, "print the JSON Schema of the configuration", ACTION_SCHEMA},
	{"version", NULL, "print the version", ACTION_VERSION},
	{"help", NULL, "print this", ACTION_HELP},
};

static void print_help(FILE *f)
{
	(void)fprintf(f,
		"usage: grantd [OPTION]...\nGet, keep and hand out OAuth 2.0 tokens. See grantd(8).\n\n");
	for (size_t i = 0; i < ELEMENTS(option_table); i++) {
		const struct option_row *row = &option_table[i];
		char left[64];

		(void)snprintf(left, sizeof(left), "--%s %s", row->name,
			row->argument ? row->argument : "");
		(void)fprintf(f, "  %-16s %s\n", left, row->help);
	}
}

static void set_option(struct options *o, const struct option_row *row, const char *value)
{
	if (strcmp(row->name, "config") == 0)
		o->config = value;
	else if (strcmp(row->name, "state") == 0)
		o->state = value;
	else if (strcmp(row->name, "runtime") == 0)
		o->runtime = value;
	else
		o->action = row->action;
}

static int parse_options(int argc, char **argv, struct options *ret)
{
	struct option longs[ELEMENTS(option_table) + 1] = {0};
	int c, which;

	for (size_t i = 0; i < ELEMENTS(option_table); i++)
		longs[i] = (struct option){.name = option_table[i].name,
			.has_arg = option_table[i].argument ? required_argument : no_argument};
	while ((c = getopt_long(argc, argv, "", longs, &which)) != -1) {
		if (c != 0)
			return -EINVAL;
		set_option(ret, &option_table[which], optarg);
	}
	if (optind < argc) {
		(void)fprintf(stderr, "grantd: unexpected argument '%s'; see grantd --help\n",
			argv[optind]);
		return -EINVAL;
	}
	return 0;
}

/* --- paths: options, then what the service manager gives, then the user's or the system's --- */

static const char *environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

/* DIR/grantd below $@variable, or below $HOME/@in_home. */
static char *user_path(const char *variable, const char *in_home, const char *tail)
{
	const char *base = environment(variable), *home = environment("HOME");
	struct buf path = BUF(4096);

	if (base)
		(void)buf_printf(&path, "%s%s", base, tail);
	else if (home && in_home)
		(void)buf_printf(&path, "%s/%s%s", home, in_home, tail);
	else
		return NULL;
	return buf_steal(&path); /* NULL where an addition failed */
}

/* The first directory of the list that systemd passes. */
static char *managed_path(const char *variable)
{
	const char *value = environment(variable);

	return value ? mem_strndup(value, strcspn(value, ":")) : NULL;
}

static char *choose_path(const char *given, const char *managed, const char *system,
	const char *variable, const char *in_home, const char *tail)
{
	char *path = NULL;

	if (given)
		return mem_strdup(given);
	if (managed)
		path = managed_path(managed);
	if (!path)
		path = geteuid() == 0 ? mem_strdup(system) : user_path(variable, in_home, tail);
	return path;
}

static int find_paths(const struct options *o, struct agent_paths *ret)
{
	ret->config = choose_path(o->config, NULL, SYSCONFDIR "/grantd/grantd.yaml",
		"XDG_CONFIG_HOME", ".config", "/grantd/grantd.yaml");
	ret->state = choose_path(o->state, "STATE_DIRECTORY", LOCALSTATEDIR "/lib/grantd",
		"XDG_STATE_HOME", ".local/state", "/grantd");
	ret->runtime = choose_path(o->runtime, "RUNTIME_DIRECTORY", RUNSTATEDIR "/grantd",
		"XDG_RUNTIME_DIR", NULL, "/grantd");
	ret->credentials = environment("CREDENTIALS_DIRECTORY");
	if (ret->config && ret->state && ret->runtime)
		return 0;
	(void)fprintf(stderr, "grantd: no %s: set it with --%s\n",
		!ret->config          ? "configuration file"
			: !ret->state ? "state directory"
				      : "runtime directory",
		!ret->config          ? "config"
			: !ret->state ? "state"
				      : "runtime");
	return -EINVAL;
}

static void paths_done(struct agent_paths *p)
{
	mem_free(p->config);
	mem_free(p->state);
	mem_free(p->runtime);
}

/* --- what to do --- */

static int load(const struct agent_paths *paths, bool check_only, struct settings **ret)
{
	struct config_faults faults = {0};
	int r;

	r = settings_load(paths->config, paths->credentials, check_only, ret, &faults);
	if (r == -ENOMEM)
		(void)fprintf(stderr, "grantd: out of memory\n");
	else if (r < 0)
		(void)fputs(buf_text(&faults.text), stderr);
	config_faults_done(&faults);
	if (r == 0)
		return 0;
	return r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
}

static int check(const struct agent_paths *paths)
{
	_cleanup_(settings_freep) struct settings *s = NULL;

	return load(paths, true, &s);
}

static int print_text(char *take_text)
{
	int r = EXIT_FAILURE;

	if (take_text && fputs(take_text, stdout) >= 0 && fflush(stdout) == 0)
		r = EXIT_SUCCESS;
	mem_free(take_text);
	return r;
}

static int show(const struct agent_paths *paths)
{
	_cleanup_(settings_freep) struct settings *s = NULL;
	struct buf text = BUF(4 * CONFIG_SIZE_MAX);
	int r;

	r = load(paths, true, &s);
	if (r != 0)
		return r;
	(void)config_show(s->config, &text); /* a failure sticks to the buffer */
	return print_text(buf_steal(&text));
}

static int schema(void)
{
	_cleanup_(json_freep) struct json *j = config_schema();
	int r;

	r = print_text(j ? json_print(j, true) : NULL);
	if (r == EXIT_SUCCESS && puts("") < 0)
		r = EXIT_FAILURE;
	return r;
}

static size_t protect(void)
{
	void *arena = NULL;
	size_t size = 0, locked = 0;
	int r;

	r = protect_process();
	if (r < 0)
		log_message(LOG_WARNING, &(struct log_about){0},
			"cores can't be kept from being written: %s", strerrordesc_np(-r));
	r = protect_arena(ARENA_SIZE, &arena, &size, &locked);
	if (r == 0)
		r = secret_set_arena(arena, size);
	if (r < 0 || locked < size)
		log_message(LOG_WARNING, &(struct log_about){0},
			"only %zu bytes could be locked in memory: raise LimitMEMLOCK, or secrets may be swapped out",
			r < 0 ? (size_t)0 : locked);
	return r < 0 ? 0 : locked;
}

static int run(const struct agent_paths *paths)
{
	_cleanup_(agent_freep) struct agent *agent = NULL;
	struct settings *settings = NULL;
	struct fault why = {.kind = FAULT_NONE};
	size_t locked;
	int r;

	(void)signal(SIGPIPE, SIG_IGN);  /* a reader of stderr that went away is no reason to die */
	(void)unsetenv("SSLKEYLOGFILE"); /* libcurl would write the keys of its sessions there */
	if (log_init() < 0)
		log_message(LOG_WARNING, &(struct log_about){0},
			"GRANTD_LOG must be error, warning, info or debug: info is used");
	locked = protect();
	r = load(paths, false, &settings);
	if (r != 0)
		return r;
	r = agent_new(paths, settings, locked, &agent, &why);
	if (r < 0) {
		log_message(LOG_ERR, &(struct log_about){.fault = &why}, "%s", why.detail);
		return fault_meaning(why.kind)->exit_code;
	}
	r = agent_run(agent);
	return r < 0 ? EXIT_FAILURE : r;
}

static int act(const struct options *o)
{
	struct agent_paths paths = {0};
	int r;

	if (o->action == ACTION_SCHEMA)
		return schema();
	if (find_paths(o, &paths) < 0)
		r = EXIT_USAGE;
	else if (o->action == ACTION_CHECK)
		r = check(&paths);
	else if (o->action == ACTION_SHOW)
		r = show(&paths);
	else
		r = run(&paths);
	paths_done(&paths);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = {.action = ACTION_RUN};

	if (parse_options(argc, argv, &options) < 0)
		return EXIT_USAGE;
	if (options.action == ACTION_HELP) {
		print_help(stdout);
		return EXIT_SUCCESS;
	}
	if (options.action == ACTION_VERSION) {
		(void)printf("grantd %s\n", VERSION);
		return EXIT_SUCCESS;
	}
	return act(&options);
}
