/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A hash table of texts with a fixed number of chains: what it holds is bounded by whoever fills
 * it, and so is the longest chain that somebody who picks the texts can make. A text may stand in
 * it several times. */

#define TABLE_CHAINS 8192 /* about as many as rows that wait; a power of two */

struct table_node {
	struct table_node *next;
	const char *text; /* borrowed as long as it is in a table */
	void *owner;
};

struct table {
	struct table_node *chains[TABLE_CHAINS];
};

void table_add(struct table *t, struct table_node *node, const char *text, void *owner);
void table_remove(struct table *t, struct table_node *node); /* takes one that is in none */
/* The next node of @text after @previous, NULL for the first. NULL at the end. */
struct table_node *table_find(
	const struct table *t, const char *text, const struct table_node *previous);
