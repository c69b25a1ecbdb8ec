/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "config/tell.h"

/* Hold the rules between the keys of one connection, @node as it was written, and fill in the
 * defaults that follow from other keys. @at is its name. Returns 0, faults told or not, or -ENOMEM.
 */
int rules_check(const struct teller *t, const struct place *at, const struct yaml_node *node,
	struct config_connection *c);
