/* SPDX-License-Identifier: BSD-2-Clause */

/* A hash table of texts: FNV-1a, chained, the nodes inside what they stand for. */

#include "base/text.h"
#include "sync/table.h"

static size_t chain_of(const char *text)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT32_C(16777619);
	return (hash ^ hash >> 16) % TABLE_CHAINS;
}

void table_add(struct table *t, struct table_node *node, const char *text, void *owner)
{
	struct table_node **chain = &t->chains[chain_of(text)];

	*node = (struct table_node){.next = *chain, .text = text, .owner = owner};
	*chain = node;
}

void table_remove(struct table *t, struct table_node *node)
{
	struct table_node **at;

	if (!node->text)
		return;
	for (at = &t->chains[chain_of(node->text)]; *at != node; at = &(*at)->next)
		;
	*at = node->next;
	node->text = NULL;
}

struct table_node *table_find(
	const struct table *t, const char *text, const struct table_node *previous)
{
	struct table_node *node = previous ? previous->next : t->chains[chain_of(text)];

	while (node && !text_equal(node->text, text))
		node = node->next;
	return node;
}
