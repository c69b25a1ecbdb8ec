/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The command line as values: one table of options for all verbs, one table of verbs that drives
 * parsing, help and dispatch. Pure. */

enum option {
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_RUNTIME,
	OPTION_ANY,
	OPTION_TIMEOUT,
	OPTION_MIN_VALID,
	OPTION_HEADER,
	OPTION_JSON,
	OPTION_FAILED,
	OPTION_WATCH,
	OPTION_NO_WAIT,
	OPTION_CANCEL,
	OPTION_CODE_ONLY,
	OPTION_KEEP,
	OPTION_REPLACE,
	OPTION_CONFIG,
	OPTION_SIGNAL,
	_OPTION_MAX,
};

#define OPTION_BIT(option) (1u << (option))
/* Taken by every verb, and without one. */
#define OPTIONS_GLOBAL \
	(OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION) | OPTION_BIT(OPTION_RUNTIME))

struct options;

/* What is done with the words of a verb. */
enum words {
	WORDS_NONE,
	WORDS_NAME,    /* one connection name */
	WORDS_INPUT,   /* one, and maybe "-" for standard input */
	WORDS_NAMES,   /* any number of them, none too */
	WORDS_ACTION,  /* one of verb->actions */
	WORDS_SYNC,    /* one of verb->actions, and maybe the name of a sync */
	WORDS_COMMAND, /* one connection name, then -- and a command */
};

struct verb {
	const char *name;
	enum words words;
	const char *actions; /* "check|show|schema" */
	unsigned options;    /* OPTION_BIT()s besides the global ones */
	const char *help;    /* one sentence */
	/* Returns the exit code; the sentence for stderr, if any, is put into @why. */
	int (*run)(const struct options *o, struct buf *why);
};

struct options {
	const struct verb *verb;       /* NULL only with --help or --version */
	unsigned given;                /* OPTION_BIT()s */
	const char *text[_OPTION_MAX]; /* values as written, NULL for those that take none */
	uint64_t usec[_OPTION_MAX];    /* those that are durations */
	char **words;                  /* after the verb, ended by NULL; borrowed from argv */
	size_t n_words;
	size_t n_before; /* so many of them stood before --, which may be left out elsewhere */
};

bool options_have(const struct options *o, enum option option);

/* Read the command line by the verbs of @verbs (@n_verbs); @argv is reordered. Returns 0; -EINVAL
 * with the sentence for stderr in @why, which never repeats a word that is no name of ours, so that
 * a secret given by mistake is not shown again. */
int options_parse(const struct verb *verbs, size_t n_verbs, int argc, char **argv,
	struct options *ret, struct buf *why);

/* Append the help of all verbs, or of one. 0, -ENOMEM, -EMSGSIZE. */
int options_help(const struct verb *verbs, size_t n_verbs, struct buf *ret);
int options_verb_help(const struct verb *verb, struct buf *ret);
