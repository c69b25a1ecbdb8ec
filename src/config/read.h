/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "config/profile.h"
#include "config/schema.h"
#include "config/tell.h"

/* The walk over the table and a tree side by side, shared by config/read.c and config/profile.c. */

struct reader {
	struct teller tell;
	struct config *config;
	struct profiles profiles;
	/* Of the connection being read. */
	char *host;
	const char *tenant;
};

/* Read what stands at @key, or at the keys of @section, into the structure @base. What is wrong is
 * told, and no failure. 0, -ENOMEM. */
int read_value(struct reader *r, const struct place *at, const struct schema_key *key,
	struct yaml_node *node, void *base);
int read_keys(struct reader *r, const struct place *at, const struct schema_key *section,
	struct yaml_node *node, void *base);

/* What the scalar @node says where it is in @form; NULL (also for NULL) where not. */
const char *read_plain(const struct yaml_node *node, const struct schema_form *form);
