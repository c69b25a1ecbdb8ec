/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/yaml.h"

/* A profile as values: what only a profile says. What it says for its connections stays a tree, in
 * which the reader of a connection looks for what is not there (struct yaml_node.under). */

/* What a connection may have to give, as bits. */
enum profile_need { PROFILE_NEEDS_HOST = 1u << 0, PROFILE_NEEDS_TENANT = 1u << 1 };
#define PROFILE_NEEDS_N 2

/* What can't work there. */
struct refusal {
	uint32_t flows; /* bits by enum grant_flow, 0 for any */
	char *host;     /* NULL for any */
	char *say;
};

struct refusals {
	struct refusal *items;
	size_t n;
};

/* Where the file has it from. */
struct claim {
	char *claim;
	char *date;
	char *url;
};

struct claims {
	struct claim *items;
	size_t n;
};

struct profile {
	const char *name; /* borrowed, like all of struct config_profile */
	char *description;
	uint32_t flows; /* bits by enum grant_flow that work there, 0: all */
	uint32_t needs;
	char *host_suffix;
	char *host_example;
	char *tenant_example;
	struct refusals refuse;
	struct claims sources;
	struct yaml_tree *tree; /* NULL where the file has faults, which are told */
};

/* The profile of a connection that names none. */
#define PROFILE_DEFAULT "generic"

struct profiles {
	struct profile *items;
	size_t n;
};

/* Read each of @names that there is into @ret (must be empty), the @n @given before the built-in
 * ones. What is wrong with one is told. 0, -ENOMEM. */
int profiles_read(const struct names *names, const struct config_profile *given, size_t n,
	struct config_faults *faults, struct profiles *ret);
void profiles_done(struct profiles *l);
const struct profile *profiles_get(const struct profiles *l, const char *name); /* NULL: none */

/* The names of the built-in profiles as "a, b, c", cut to fit; the one that @name was perhaps meant
 * to be, NULL where none is near. */
void profiles_list(char *to, size_t size);
const char *profiles_near(const char *name);

/* @written without https:// in front and a path behind, with the suffix of @p (NULL: none) where it
 * has no dot, in a mem block. NULL when memory is short. */
char *profile_host(const struct profile *p, const char *written);

/* @text with @host and @tenant in place of {host} and {tenant}, in a mem block in *ret. Returns 0;
 * -ENODATA where the one it has is NULL; -EINVAL where it has another word in braces; -ENOMEM. */
int profile_fill(const char *text, const char *host, const char *tenant, char **ret);
