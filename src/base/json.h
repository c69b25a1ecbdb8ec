/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/fault.h"

/* The only user of cJSON, which silently accepts much that is not JSON (RFC 8259): refused here are
 * keys that differ only by being duplicates, trailing bytes, \u0000, invalid UTF-8, numbers beyond
 * a double, depth over JSON_DEPTH_MAX, and all else outside the grammar but a leading byte order
 * mark. Keys are compared exactly. cJSON allocates through base/mem, so that every value is wiped
 * when freed. */
struct json;

#define JSON_DEPTH_MAX \
	32 /* nobody's metadata or token reply nests a quarter as deep; bounds the parser's stack \
	    */

/* Parse @len bytes. Returns 0, -EBADMSG with @reterr (kind protocol, the reason, never the
 * content), or -ENOMEM. */
int json_parse(const char *text, size_t len, struct json **ret, struct fault *reterr);
struct json *json_free(struct json *j); /* a whole tree, never a part of one */
DEFINE_CLEANUP(struct json, json_free)

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(const struct json *j);
bool json_is(const struct json *j, enum json_type type); /* false for NULL */

/* Members and elements, borrowed; NULL where absent or @j is of another type or NULL. */
const struct json *json_get(const struct json *j, const char *key);
const struct json *json_at(const struct json *j, size_t i);
size_t json_count(const struct json *j);
/* Iterate the children of an object or array: first with @previous NULL. */
const struct json *json_next(const struct json *j, const struct json *previous);
const char *json_key(const struct json *j); /* of a member */

/* Values; NULL, or false with *ret untouched, where @j is of another type or NULL. */
const char *json_text(const struct json *j);
bool json_bool(const struct json *j, bool *ret);
bool json_number(const struct json *j, double *ret);
/* A whole number in 0..2^53. */
bool json_u64(const struct json *j, uint64_t *ret);
/* The text member @key of @j, NULL where it is not there or not a string. */
const char *json_get_text(const struct json *j, const char *key);

/* Builders. The adders take @value (also when they fail) and return 0 or -ENOMEM; a NULL @value
 * stands for a failed builder and gives -ENOMEM, so that calls nest. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_null(void);
struct json *json_new_bool(bool value);
struct json *json_new_u64(uint64_t value); /* 2^53 for what is more */
struct json *json_new_text(
	const char *text); /* null for NULL; bytes that are not UTF-8 become '?' */
struct json *json_copy(const struct json *j);
int json_add(struct json *object, const char *key, struct json *take_value);
int json_append(struct json *array, struct json *take_value);

/* Print without white space (@pretty: with) into a mem block; NULL when memory is short. */
char *json_print(const struct json *j, bool pretty);
