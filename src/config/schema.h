/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The keys of grantd.yaml(5): one table says of each its type, bounds, default, help and where its
 * value goes. Reading, showing and describing the file all walk this table. */

enum schema_type {
	SCHEMA_WORD,     /* one of a few words */
	SCHEMA_TEXT,     /* char *, in a form */
	SCHEMA_BOOL,     /* bool */
	SCHEMA_DURATION, /* uint64_t, microseconds */
	SCHEMA_NUMBER,   /* unsigned */
	SCHEMA_FLAGS,    /* uint32_t: a list of words, each standing for its bit */
	SCHEMA_NAMES,    /* struct names, each in a form */
	SCHEMA_PARAMS,   /* struct params, each name in a form */
	SCHEMA_ALIASES,  /* struct aliases: a list of names for each name, all in a form */
	SCHEMA_ITEMS,    /* a list of maps with the same keys, by way of struct schema_items */
	SCHEMA_SOURCE,   /* struct source, by way of struct schema_source */
	SCHEMA_SECTION,  /* keys of its own in the same or a nested structure */
	SCHEMA_MAP, /* names of the operator's choice, each with the same keys, by way of struct
	               schema_items */
};

/* What a text may be. */
struct schema_form {
	const char *what;    /* "an absolute path" */
	const char *example; /* NULL where there is no telling one */
	const char *pattern; /* for the JSON Schema: never narrower than @fits */
	size_t max;          /* bytes */
	bool (*fits)(const char *text);
	const char *const *reserved; /* not allowed although they fit; ended by NULL, or NULL */
};

/* Longer than any address, name or secret; bounds one value. */
#define SCHEMA_TEXT_MAX 4096
/* Elements of one list or map of texts. */
#define SCHEMA_LIST_MAX 256
/* Keys of one section in the table. */
#define SCHEMA_KEYS_MAX 48

enum schema_storage { SCHEMA_AS_ENUM, SCHEMA_AS_BOOL, SCHEMA_AS_TEXT };

/* The words of SCHEMA_WORD: word(0) … word(n - 1), each standing for its number. */
struct schema_words {
	unsigned n;
	const char *(*word)(unsigned i);
	enum schema_storage storage;
};

struct schema_key {
	const char *name;
	const char *help; /* one sentence */
	enum schema_type type;
	bool required;
	const char *fallback; /* the default as it would be written, NULL where there is none */
	size_t offset;        /* of the value in the structure of the section */
	size_t given;         /* of a bool that becomes true when the key is there; 0: none */
	size_t line, column;  /* of where the value stands; 0: not kept */

	const struct schema_words *words; /* WORD, FLAGS */
	const struct schema_form *form;   /* TEXT, NAMES, ALIASES; the names of PARAMS and MAP */
	bool template;                    /* TEXT: {host} and {tenant} in it are filled in */
	bool own;                         /* of a connection itself: no profile has it */
	bool blanks;                      /* NAMES: may be one text parted by blanks */
	bool literal;                     /* SOURCE: may be the bare text */
	uint64_t min_usec, max_usec;      /* DURATION */
	bool zero;                        /* DURATION: 0s is allowed below the minimum */
	unsigned min, max;                /* NUMBER; max: entries of MAP */
	bool percent;                     /* NUMBER: written with % behind it */
	const struct schema_key *keys;    /* SECTION, MAP, SOURCE, ITEMS */
	size_t n_keys;
	size_t size;   /* ITEMS, MAP: of one */
	size_t naming; /* MAP: offset of its name, a char *, in one */
	bool profiles; /* MAP: each has a profile under it */
};

/* What the lists of SCHEMA_ITEMS and SCHEMA_MAP begin with, whatever their items are. */
struct schema_items {
	void *items;
	size_t n;
};

/* What the keys of SCHEMA_SOURCE fill. */
struct schema_source {
	char *credential;
	char *file;
};

/* The whole file as one section of struct config. */
extern const struct schema_key schema_root;

/* The keys of a connection, of struct config_connection; and those that only a profile has, of
 * struct profile. */
extern const struct schema_key schema_connection;
extern const struct schema_key schema_profile;

/* What the longer keys of a connection that come from a profile are made of; a table of its own in
 * config/schema-provider.c. */
#define SCHEMA_LIMIT_KEYS 3
#define SCHEMA_HINT_KEYS  6
#define SCHEMA_SYNC_KEYS  13
extern const struct schema_key schema_limit_keys[SCHEMA_LIMIT_KEYS];
extern const struct schema_key schema_hint_keys[SCHEMA_HINT_KEYS];
/* The keys of a sync, of struct config_sync; config/schema-sync.c. */
extern const struct schema_key schema_sync_keys[SCHEMA_SYNC_KEYS];
extern const struct schema_words schema_quirk_words;
extern const struct schema_words schema_flow_words;
extern const struct schema_form schema_name_form;
extern const struct schema_form schema_profile_form;
extern const struct schema_form schema_host_form;
extern const struct schema_form schema_tenant_form;
extern const struct schema_form schema_scope_form;

/* May a profile have @key, one of a connection? It is a file for everybody to read. */
bool schema_in_profile(const struct schema_key *key);

/* What a value is made of where no form says more: one line without control characters. */
extern const struct schema_form schema_text;

bool schema_form_fits(const struct schema_form *form, const char *text);

/* The key @name of @section, NULL where it has none. */
const struct schema_key *schema_find(const struct schema_key *section, const char *name);

/* The key, or the word, that @text was perhaps meant to be; NULL where none is near. */
const char *schema_near_key(const struct schema_key *section, const char *text);
const char *schema_near_word(const struct schema_words *words, const char *text);

/* What SCHEMA_WORD stores, as its number. */
unsigned schema_word_load(const struct schema_key *key, const void *at);

/* What may stand at @key, to follow "must be" in a message; the keys of @section as "a, b, c". Cut
 * to fit; @size is at least 64. */
void schema_describe(const struct schema_key *key, char *to, size_t size);
void schema_list_keys(const struct schema_key *section, char *to, size_t size);
