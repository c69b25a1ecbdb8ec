/* SPDX-License-Identifier: BSD-2-Clause */

/* JSON (RFC 8259) as trees. What cJSON is given was scanned for validity before, because it takes
 * much that is not JSON; what it makes is checked after for keys given twice and numbers too large.
 * A `struct json` is a cJSON node under another name. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* cJSON reads no longer number, and 17 digits tell any double. */
#define JSON_NUMBER_MAX 63

#define JSON_U64_MAX (UINT64_C(1) << 53) /* up to here a double holds each whole number */

#define JSON_PRINTED_MAX 1e15 /* below this cJSON prints a whole number as it is */

static cJSON *node(const struct json *j)
{
	return (cJSON *)j;
}

static struct json *wrap(cJSON *node)
{
	return (struct json *)node;
}

/* Idempotent; in each function that may be the first one to allocate. */
static void hooks_set(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = mem_alloc, .free_fn = mem_release});
}

/* A walk over the text with the kinds of the open containers in place of recursion. */
struct scan {
	const char *text;
	size_t len, at;
	bool in_object[JSON_DEPTH_MAX];
	unsigned depth;
	const char *wrong; /* why the scan ended, NULL while all is well */
};

static bool scan_wrong(struct scan *s, const char *why)
{
	s->wrong = why;
	return false;
}

/* The byte at hand, NUL at the end: a NUL is never valid either. */
static char scan_peek(const struct scan *s)
{
	return s->at < s->len ? s->text[s->at] : '\0';
}

static bool scan_take(struct scan *s, char c)
{
	if (s->at == s->len || s->text[s->at] != c)
		return false;
	s->at++;
	return true;
}

static bool scan_take_text(struct scan *s, const char *text)
{
	const size_t n = strlen(text);

	if (s->len - s->at < n || memcmp(s->text + s->at, text, n) != 0)
		return false;
	s->at += n;
	return true;
}

static void scan_blanks(struct scan *s)
{
	while (scan_take(s, ' ') || scan_take(s, '\t') || scan_take(s, '\n') || scan_take(s, '\r'))
		;
}

/* Step past four hexadecimal digits. */
static bool scan_hex(struct scan *s, unsigned *ret)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		const char c = scan_peek(s);
		const char *at = c ? strchr(digits, c) : NULL;

		if (!at)
			return scan_wrong(s, "bad escape in a string");
		value = value << 4 | ((unsigned)(at - digits) & 15);
		s->at++;
	}
	*ret = value;
	return true;
}

/* After "\u": one code point, as a surrogate pair where it has to be. */
static bool scan_unicode(struct scan *s)
{
	unsigned high = 0, low = 0;

	if (!scan_hex(s, &high))
		return false;
	if (high == 0)
		return scan_wrong(s, "\\u0000 in a string");
	if (high < 0xd800 || high > 0xdfff)
		return true;
	if (high > 0xdbff || !scan_take_text(s, "\\u"))
		return scan_wrong(s, "half a surrogate pair");
	if (!scan_hex(s, &low))
		return false;
	return (low >= 0xdc00 && low <= 0xdfff) || scan_wrong(s, "half a surrogate pair");
}

/* After a backslash. */
static bool scan_escape(struct scan *s)
{
	const char c = scan_peek(s);

	if (!c || !strchr("\"\\/bfnrtu", c))
		return scan_wrong(s, "bad escape in a string");
	s->at++;
	return c != 'u' || scan_unicode(s);
}

static bool scan_string(struct scan *s)
{
	if (!scan_take(s, '"'))
		return scan_wrong(s, "a string is expected");
	while (!scan_take(s, '"')) {
		uint32_t code;
		size_t n;

		if (scan_take(s, '\\')) {
			if (!scan_escape(s))
				return false;
			continue;
		}
		if (s->at == s->len)
			return scan_wrong(s, "a string without end");
		n = text_character(s->text + s->at, s->len - s->at, &code);
		if (n == 0)
			return scan_wrong(s, "a string that is not UTF-8");
		if (code < 0x20)
			return scan_wrong(s, "a bare control character in a string");
		s->at += n;
	}
	return true;
}

/* Step past digits, at least one. */
static bool scan_digits(struct scan *s)
{
	const size_t from = s->at;

	while (scan_peek(s) >= '0' && scan_peek(s) <= '9')
		s->at++;
	return s->at > from || scan_wrong(s, "a digit is expected");
}

static bool scan_number(struct scan *s)
{
	const size_t from = s->at;

	(void)scan_take(s, '-'); /* may be absent, as the fraction and the exponent */
	if (!scan_take(s, '0') && !scan_digits(s))
		return false;
	if (scan_take(s, '.') && !scan_digits(s))
		return false;
	if (scan_take(s, 'e') || scan_take(s, 'E')) {
		if (!scan_take(s, '+'))
			(void)scan_take(s, '-');
		if (!scan_digits(s))
			return false;
	}
	return s->at - from <= JSON_NUMBER_MAX || scan_wrong(s, "a number too long");
}

/* Up to the colon, in an object; nothing in an array. */
static bool scan_member_key(struct scan *s)
{
	if (!s->in_object[s->depth - 1])
		return true;
	scan_blanks(s);
	if (!scan_string(s))
		return false;
	scan_blanks(s);
	return scan_take(s, ':') || scan_wrong(s, "a colon is expected");
}

/* Close the innermost container if it ends here. */
static bool scan_close(struct scan *s)
{
	scan_blanks(s);
	if (!scan_take(s, s->in_object[s->depth - 1] ? '}' : ']'))
		return false;
	s->depth--;
	return true;
}

/* Open a container, up to its first value; *ret_whole is true when it is empty. */
static bool scan_open(struct scan *s, bool *ret_whole)
{
	if (s->depth == JSON_DEPTH_MAX)
		return scan_wrong(s, "nested too deep");
	s->in_object[s->depth++] = s->text[s->at++] == '{';
	*ret_whole = scan_close(s);
	return *ret_whole || scan_member_key(s);
}

/* A value, or the head of a container with *ret_whole false. */
static bool scan_value(struct scan *s, bool *ret_whole)
{
	char c;

	scan_blanks(s);
	c = scan_peek(s);
	if (c == '{' || c == '[')
		return scan_open(s, ret_whole);
	*ret_whole = true;
	if (c == '"')
		return scan_string(s);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	return scan_take_text(s, "true") || scan_take_text(s, "false") ||
		scan_take_text(s, "null") || scan_wrong(s, "a value is expected");
}

/* After a value in a container: *ret_whole is true where the container ends too, else another value
 * follows. */
static bool scan_after(struct scan *s, bool *ret_whole)
{
	*ret_whole = scan_close(s);
	if (*ret_whole)
		return true;
	if (!scan_take(s, ','))
		return scan_wrong(s, "a comma or the end is expected");
	return scan_member_key(s);
}

static bool scan_document(struct scan *s)
{
	bool whole = false;

	while (!whole) {
		if (!scan_value(s, &whole))
			return false;
		while (whole && s->depth > 0)
			if (!scan_after(s, &whole))
				return false;
	}
	scan_blanks(s);
	return s->at == s->len || scan_wrong(s, "bytes after the end");
}

static int compare_keys(const void *a, const void *b)
{
	const cJSON *const *first = a, *const *second = b;

	return strcmp((*first)->string, (*second)->string);
}

/* Returns 0, -EBADMSG where @object has a key twice, -ENOMEM. By sorting, because an object may
 * have as many members as fit in a reply. */
static int check_keys(const cJSON *object)
{
	_cleanup_(mem_freep) const cJSON **members = NULL;
	size_t n = 0;

	if (!object->child || !object->child->next)
		return 0;
	members = mem_array((size_t)cJSON_GetArraySize(object), sizeof(*members));
	if (!members)
		return -ENOMEM;
	for (const cJSON *member = object->child; member; member = member->next)
		members[n++] = member;
	qsort(members, n, sizeof(*members), compare_keys);
	for (size_t i = 1; i < n; i++)
		if (strcmp(members[i - 1]->string, members[i]->string) == 0)
			return -EBADMSG;
	return 0;
}

/* Keep the digits of a large whole number beside it, as what cJSON calls raw text: on its own it
 * prints 15 of them and loses the last. Returns 0 or -ENOMEM. */
static int keep_digits(cJSON *number)
{
	const double value = number->valuedouble;
	char digits[24];

	if (value > -JSON_PRINTED_MAX && value < JSON_PRINTED_MAX)
		return 0;
	if (value < -(double)JSON_U64_MAX || value > (double)JSON_U64_MAX ||
		(double)(int64_t)value != value)
		return 0;
	(void)snprintf(digits, sizeof(digits), "%" PRId64, (int64_t)value);
	number->valuestring = mem_strdup(digits);
	if (!number->valuestring)
		return -ENOMEM;
	number->type = cJSON_Raw;
	return 0;
}

/* Check one value without what it holds, and keep its digits. Returns 0; -EBADMSG with *ret_wrong;
 * -ENOMEM. */
static int check_value(cJSON *value, const char **ret_wrong)
{
	int r;

	if (cJSON_IsNumber(value) && isfinite(value->valuedouble))
		return keep_digits(value);
	if (cJSON_IsNumber(value)) {
		*ret_wrong = "a number too large";
		return -EBADMSG;
	}
	if (!cJSON_IsObject(value))
		return 0;
	r = check_keys(value);
	if (r == -EBADMSG)
		*ret_wrong = "a key given twice in one object";
	return r;
}

/* Check all values of a tree that is at most JSON_DEPTH_MAX deep, as check_value(). */
static int check_tree(cJSON *root, const char **ret_wrong)
{
	cJSON *open[JSON_DEPTH_MAX + 1]; /* the value at hand and what it lies in */
	size_t depth = 1;

	open[0] = root;
	while (depth > 0) {
		cJSON *value = open[depth - 1];
		const int r = check_value(value, ret_wrong);

		if (r < 0)
			return r;
		if (value->child) {
			open[depth++] = value->child;
			continue;
		}
		while (depth > 0 && !open[depth - 1]->next)
			depth--;
		if (depth > 0)
			open[depth - 1] = open[depth - 1]->next;
	}
	return 0;
}

int json_parse(const char *text, size_t len, struct json **ret, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct scan s = {.text = text, .len = len};
	const char *wrong = NULL;
	size_t start;
	int r;

	(void)scan_take_text(&s, "\xef\xbb\xbf"); /* may be ignored, RFC 8259 §8.1 */
	start = s.at;
	if (!scan_document(&s)) {
		fault_set(reterr, FAULT_PROTOCOL, "not valid JSON: %s, at byte %zu", s.wrong, s.at);
		return -EBADMSG;
	}
	hooks_set();
	j = wrap(cJSON_ParseWithLength(text + start, len - start));
	if (!j) /* the scan has refused all else that could be a reason */
		return -ENOMEM;
	r = check_tree(node(j), &wrong);
	if (r == -EBADMSG)
		fault_set(reterr, FAULT_PROTOCOL, "not valid JSON: %s", wrong);
	if (r < 0)
		return r;
	*ret = steal(j);
	return 0;
}

struct json *json_free(struct json *j)
{
	cJSON_Delete(node(j));
	return NULL;
}

enum json_type json_type(const struct json *j)
{
	static const struct {
		int have;
		enum json_type type;
	} types[] = {
		{cJSON_False, JSON_BOOL},
		{cJSON_True, JSON_BOOL},
		{cJSON_NULL, JSON_NULL},
		{cJSON_Number, JSON_NUMBER},
		{cJSON_Raw, JSON_NUMBER}, /* keep_digits() */
		{cJSON_String, JSON_STRING},
		{cJSON_Array, JSON_ARRAY},
		{cJSON_Object, JSON_OBJECT},
	};
	size_t i = 0;

	while ((node(j)->type & types[i].have) == 0) {
		i++;
		assert(i < ELEMENTS(types));
	}
	return types[i].type;
}

bool json_is(const struct json *j, enum json_type type)
{
	return j && json_type(j) == type;
}

const struct json *json_get(const struct json *j, const char *key)
{
	if (!json_is(j, JSON_OBJECT))
		return NULL;
	return wrap(cJSON_GetObjectItemCaseSensitive(node(j), key));
}

const struct json *json_at(const struct json *j, size_t i)
{
	const struct json *element;

	if (!json_is(j, JSON_ARRAY))
		return NULL;
	element = json_next(j, NULL);
	for (; element && i > 0; i--)
		element = json_next(j, element);
	return element;
}

size_t json_count(const struct json *j)
{
	return j ? (size_t)cJSON_GetArraySize(node(j)) : 0;
}

const struct json *json_next(const struct json *j, const struct json *previous)
{
	if (!j)
		return NULL;
	return wrap(previous ? node(previous)->next : node(j)->child);
}

const char *json_key(const struct json *j)
{
	return j ? node(j)->string : NULL;
}

const char *json_text(const struct json *j)
{
	return json_is(j, JSON_STRING) ? node(j)->valuestring : NULL;
}

bool json_bool(const struct json *j, bool *ret)
{
	if (!json_is(j, JSON_BOOL))
		return false;
	*ret = cJSON_IsTrue(node(j));
	return true;
}

bool json_number(const struct json *j, double *ret)
{
	if (!json_is(j, JSON_NUMBER))
		return false;
	*ret = node(j)->valuedouble;
	return true;
}

bool json_u64(const struct json *j, uint64_t *ret)
{
	double number;

	if (!json_number(j, &number) || number < 0 || number > (double)JSON_U64_MAX)
		return false;
	if ((double)(uint64_t)number != number)
		return false;
	*ret = (uint64_t)number;
	return true;
}

const char *json_get_text(const struct json *j, const char *key)
{
	return json_text(json_get(j, key));
}

struct json *json_new_object(void)
{
	hooks_set();
	return wrap(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
	hooks_set();
	return wrap(cJSON_CreateArray());
}

struct json *json_new_null(void)
{
	hooks_set();
	return wrap(cJSON_CreateNull());
}

struct json *json_new_bool(bool value)
{
	hooks_set();
	return wrap(cJSON_CreateBool(value));
}

struct json *json_new_u64(uint64_t value)
{
	_cleanup_(json_freep) struct json *j = NULL;

	hooks_set();
	j = wrap(cJSON_CreateNumber((double)(value < JSON_U64_MAX ? value : JSON_U64_MAX)));
	if (!j || keep_digits(node(j)) < 0)
		return NULL;
	return steal(j);
}

/* Put '?' in place of each byte of @text that is not of a UTF-8 character. */
static void repair_utf8(char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		uint32_t code;
		size_t n = text_character(text, len, &code);

		if (n == 0) {
			*text = '?';
			n = 1;
		}
		text += n;
		len -= n;
	}
}

struct json *json_new_text(const char *text)
{
	cJSON *made;

	if (!text)
		return json_new_null();
	hooks_set();
	made = cJSON_CreateString(text);
	if (made)
		repair_utf8(made->valuestring);
	return wrap(made);
}

struct json *json_copy(const struct json *j)
{
	hooks_set();
	return wrap(cJSON_Duplicate(node(j), true));
}

int json_add(struct json *object, const char *key, struct json *take_value)
{
	_cleanup_(json_freep) struct json *value = take_value;

	if (!object || !value || !cJSON_AddItemToObject(node(object), key, node(value)))
		return -ENOMEM;
	(void)steal(value); /* is part of @object now */
	return 0;
}

int json_append(struct json *array, struct json *take_value)
{
	_cleanup_(json_freep) struct json *value = take_value;

	if (!array || !value || !cJSON_AddItemToArray(node(array), node(value)))
		return -ENOMEM;
	(void)steal(value); /* is part of @array now */
	return 0;
}

char *json_print(const struct json *j, bool pretty)
{
	hooks_set();
	return pretty ? cJSON_Print(node(j)) : cJSON_PrintUnformatted(node(j));
}
