/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "host/listen.h"

/* The configuration as the agent uses it: parsed, its secrets read, its names resolved to numbers.
 */

/* Who may: any one rule that matches is enough. */
struct access {
	uid_t *uids;
	size_t n_uids;
	gid_t *gids;
	size_t n_gids;
	const struct names *units; /* borrowed from the configuration */
};

struct settings {
	struct config *config;
	struct access operators;
	struct access *allow;           /* of config->connections, same order */
	struct secret *store_key_given; /* NULL: the store keeps its own */
};

/* Read and check everything that @path says and names. @credentials is $CREDENTIALS_DIRECTORY or
 * NULL; @check_only leaves out what only the service has (credentials, where there is no such
 * directory). Returns 0 with *ret; -EINVAL with at least one fault added; -ENOMEM. */
int settings_load(const char *path, const char *credentials, bool check_only, struct settings **ret,
	struct config_faults *faults);
struct settings *settings_free(struct settings *s);
DEFINE_CLEANUP(struct settings, settings_free)

/* Is @peer one of @a? A unit counts alone only where it is proven against reuse of the pid; else
 * beside a user or group. */
bool access_matches(const struct access *a, const struct peer *peer);
