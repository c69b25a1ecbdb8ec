/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "config/profile.h"
#include "config/tell.h"

/* Hold the rules between the keys of one connection, @node as it was written over @profile, and
 * fill in the defaults that follow from other keys. @at is its name. Returns 0, faults told or not,
 * or -ENOMEM. */
int rules_check(const struct teller *t, const struct place *at, struct yaml_node *node,
	const struct profile *profile, struct config_connection *c);

/* Hold the rules of hints, @node as they were written (NULL: not at all), at @up. */
void rules_check_hints(const struct teller *t, const struct place *up, struct yaml_node *node,
	const struct config_connection *c);

/* Hold the rules of the syncs of @c, @map as they were written (NULL: none), once all connections
 * are there, and fill in which objects where that is not said. */
void rules_check_syncs(const struct teller *t, const struct yaml_node *map, struct config *c);
