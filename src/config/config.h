/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/names.h"
#include "oauth/grant.h"

/* grantd.yaml(5) as values. Everything follows from the one table in config/schema.c: parsing,
 * checks, defaults, the JSON Schema, and the list the man page is held against. */

/* Where a secret comes from: at most one is set. */
enum source_kind { SOURCE_NONE, SOURCE_LITERAL, SOURCE_FILE, SOURCE_CREDENTIAL };

struct source {
	enum source_kind kind;
	char *name; /* path, or credential name; NULL for a literal */
	struct secret *literal;
	unsigned line, column; /* where it stands, for the message that it can't be read */
};

/* Names of users and groups as written (or numbers), resolved by the agent. */
struct principals {
	struct names users;
	struct names groups;
	struct names units;
	unsigned line, column;
};

struct config_connection {
	struct grant_setup setup; /* client.secret, .key and .key_passphrase are empty until the
	                             agent has read the three below */
	char *provider;
	char *host;   /* as {host} is filled in */
	char *tenant; /* as {tenant} is */
	struct source client_secret;
	struct source client_key;
	struct source client_key_passphrase;
	bool client_auth_given; /* else it follows from there being a secret or a key */
	bool scopes_given;
	bool required_scopes_given; /* else they follow from scopes */
	bool offline_scopes_given;
	bool quirks_given;
	bool hints_given;
	struct names offline_scopes;
	unsigned approvals_per_user; /* 0: not known */
	bool required;
	struct principals allow;
	char *ca_file;
	unsigned ca_file_line, ca_file_column;
	unsigned line, column; /* of its name */
};

/* One sync of persons, from one connection to another. */
#define CONFIG_SYNC_OBJECTS 2 /* lead, contact */

struct config_sync {
	char *name;
	char *from, *to;  /* names of connections */
	uint32_t objects; /* bits: 0 lead, 1 contact */
	char *key;
	struct params fields[CONFIG_SYNC_OBJECTS];
	struct names exclude[CONFIG_SYNC_OBJECTS];
	char *on_too_long; /* words, as in the file */
	char *deletes;
	bool start_auto;
	uint64_t every_usec;
	unsigned quota_source, quota_target; /* percent */
	bool native_sync_ignored;
	unsigned bulk_from;
	unsigned line, column; /* of its name */
};

struct config {
	bool ready_when_listening;
	struct principals operators;
	struct source store_key; /* SOURCE_NONE: made at first start beside the store */
	char *ca_file;
	unsigned ca_file_line, ca_file_column;
	char *proxy;
	struct config_connection *connections; /* in the file's order */
	size_t n_connections;
	struct config_sync *syncs; /* likewise */
	size_t n_syncs;
};

/* All faults of a file, each as "FILE:LINE:COLUMN: KEY: what is wrong, what is allowed".
 * Zero-initialised is empty. */
struct config_faults {
	struct buf text; /* one fault a line */
	size_t n;        /* counted also past CONFIG_FAULTS_MAX, where the text stops growing */
};
#define CONFIG_FAULTS_MAX 50 /* more than a person corrects in one go */
#define CONFIG_SIZE_MAX \
	(1024 * 1024) /* thousands of connections; bounds what the YAML parser is given */
#define CONFIG_DEPTH_MAX       8    /* the deepest key is four levels down */
#define CONFIG_CONNECTIONS_MAX 4096 /* one record, timer and HTTP handle each */
#define CONFIG_SYNCS_MAX       16   /* one process each */

/* Add one fault in the form above; @line and @column count from 1, 0 leaves them out, and so does
 * NULL for @file and @key. A want of memory sticks in faults->text.error. */
void config_fault(struct config_faults *f, const char *file, unsigned line, unsigned column,
	const char *key, const char *format, ...) __attribute__((format(printf, 6, 7)));
void config_faults_done(struct config_faults *f);

/* What is known of a provider, as YAML: defaults for the connections that name it, and a few keys
 * of its own (grantd.yaml(5), Profiles). Borrowed. */
struct config_profile {
	const char *name;
	const char *file; /* names it in faults */
	const char *text;
	size_t len;
};

/* Those that are built in, made from conf/profiles. */
extern const struct config_profile config_builtins[];
extern const size_t config_n_builtins;

/* The names of the profiles that @text names, each once, added to @ret; what is wrong with @text is
 * left to config_parse_with(). 0, -ENOMEM. */
int config_providers(const char *text, size_t len, struct names *ret);

/* Parse @len bytes of YAML 1.1; @file only names it in faults. The @n profiles @given win over the
 * built-in ones of the same name. Returns 0 with *ret; -EINVAL with at least one fault added to
 * @faults; -ENOMEM. Aliases, anchors, tags, a second document, duplicate and unknown keys are
 * faults. */
int config_parse_with(const char *file, const char *text, size_t len,
	const struct config_profile *given, size_t n, struct config **ret,
	struct config_faults *faults);

/* The same with the built-in profiles only. */
int config_parse(const char *file, const char *text, size_t len, struct config **ret,
	struct config_faults *faults);
struct config *config_free(struct config *c);
void config_connection_done(struct config_connection *c);

/* The connection of a name, NULL where there is none. */
const struct config_connection *config_connection(const struct config *c, const char *name);
DEFINE_CLEANUP(struct config, config_free)

/* The effective configuration as YAML, defaults included, secrets replaced by where they come from:
 * config_parse() reads it back into the same values. Only a secret that stands in the file itself
 * is left out, with a comment in its place, and has to be put back first. Appends to @ret; returns
 * 0 or what buf_add() does. */
int config_show(const struct config *c, struct buf *ret);

/* The JSON Schema (draft 2020-12) of the file, as a tree, with that of a profile as its definition
 * `profile`; NULL when memory is short. */
struct json *config_schema(void);

/* The keys of the table as "connections.NAME.client_id" one a line with their help text after a
 * tab, for the documentation test. Appends to @ret; returns 0 or what buf_add() does. */
int config_keys(struct buf *ret);
/* The same for those that only a profile has, as "refuse.say". */
int config_profile_keys(struct buf *ret);
