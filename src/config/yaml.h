/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "config/config.h"

/* A YAML document as a tree of ours, each node with its place. Only what a configuration needs is
 * let in; the rest is refused here, so that the schema meets nothing but scalars, sequences and
 * mappings with scalar keys. */

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
	enum yaml_kind kind;
	bool plain;            /* a scalar without quotes */
	bool broken;           /* a fault of it was told already: say no more about it */
	unsigned line, column; /* from 1 */
	const char *file;      /* that it stands in; NULL for what no file says */
	char *text;            /* of a scalar */

	char *key; /* in a mapping, else NULL */
	unsigned key_line, key_column;

	struct yaml_node *first, *last; /* children of a sequence or mapping */
	size_t n;
	/* Of a mapping: another one, maybe of another tree, that has what this one leaves out. */
	struct yaml_node *under;
	struct yaml_node *next;  /* child of the same parent */
	struct yaml_node *older; /* node of the same tree made before this one */
};

struct yaml_tree {
	struct yaml_node *root; /* NULL for a file without content */
	struct yaml_node *newest;
	size_t n;
};

/* 4096 connections of 32 values each; bounds what a file of one-letter values makes us allocate. */
#define YAML_NODES_MAX (128u * 1024)

/* Read @len bytes of @text. Returns 0 with *ret; what is not allowed (alias, anchor, tag, merge
 * key, NUL) is then a fault in @faults and a node marked broken. Returns -EINVAL, at least one
 * fault added, where there is no tree to go on with: not YAML, not UTF-8, a second document, over a
 * limit. -ENOMEM. */
int yaml_tree_parse(const char *file, const char *text, size_t len, struct yaml_tree **ret,
	struct config_faults *faults);
struct yaml_tree *yaml_tree_free(struct yaml_tree *t); /* wipes every text */
DEFINE_CLEANUP(struct yaml_tree, yaml_tree_free)

/* The value of @key in mapping @node, or else in what is under it; NULL where there is none (and
 * for NULL). */
struct yaml_node *yaml_node_get(const struct yaml_node *node, const char *key);
/* The value of @key in mapping @node itself. */
struct yaml_node *yaml_node_own(const struct yaml_node *node, const char *key);

/* Was no value written: nothing, ~ or null without quotes, or an empty text? */
bool yaml_node_is_empty(const struct yaml_node *node);
