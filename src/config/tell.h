/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "config/config.h"
#include "config/yaml.h"

/* The way from the root to a key, each link on the stack of the function that reads it. */
struct place {
	const struct place *up;
	const char *name;
};

/* Where faults go. */
struct teller {
	const char *file; /* of what no file says */
	struct config_faults *faults;
};

/* Enough of a wrong word for a person to see it. */
#define TELL_WORD_SHOWN 48
/* The longest sentence of a fault, the one that lists every key of a section; cut to fit. */
#define TELL_SENTENCE_MAX 1024

/* A fault of the value @node, at the key @at. @node is marked broken and so left out of every
 * rule. */
void tell_value(const struct teller *t, const struct place *at, struct yaml_node *node,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A fault of the key that @node stands under; the root stands under none and is told itself. */
void tell_key(const struct teller *t, const struct place *at, const struct yaml_node *node,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
