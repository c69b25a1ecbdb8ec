/* SPDX-License-Identifier: BSD-2-Clause */

/* The configuration of a sync, as JSON between the agent and the process that does the work. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/settings.h"

static const char *const too_long_names[_SYNC_TOO_LONG_MAX] = {"skip", "truncate"};
static const char *const deletes_names[_SYNC_DELETES_MAX] = {"flag", "delete", "ignore"};

const char *sync_too_long_to_string(enum sync_too_long v)
{
	return too_long_names[v];
}

const char *sync_deletes_to_string(enum sync_deletes v)
{
	return deletes_names[v];
}

bool sync_key_is_id(const struct sync_settings *s)
{
	return !text_equal_nocase(s->key, "email");
}

void sync_settings_done(struct sync_settings *s)
{
	s->name = mem_free(s->name);
	s->from = mem_free(s->from);
	s->to = mem_free(s->to);
	s->source_url = mem_free(s->source_url);
	s->target_url = mem_free(s->target_url);
	s->key = mem_free(s->key);
	for (size_t i = 0; i < _SYNC_OBJECT_MAX; i++) {
		params_done(&s->fields[i]);
		names_done(&s->exclude[i]);
	}
}

/* The members that are one text each. */
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	{"name", offsetof(struct sync_settings, name)},
	{"from", offsetof(struct sync_settings, from)},
	{"to", offsetof(struct sync_settings, to)},
	{"source_url", offsetof(struct sync_settings, source_url)},
	{"target_url", offsetof(struct sync_settings, target_url)},
	{"key", offsetof(struct sync_settings, key)},
};

static char **text_at(struct sync_settings *s, size_t i)
{
	return (char **)((char *)s + texts[i].offset);
}

static int read_texts(const struct json *j, struct sync_settings *s)
{
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		const char *text = json_get_text(j, texts[i].name);

		if (!text)
			return -EBADMSG;
		*text_at(s, i) = mem_strdup(text);
		if (!*text_at(s, i))
			return -ENOMEM;
	}
	return 0;
}

static int read_word(const struct json *j, const char *member, const char *const *words, unsigned n,
	unsigned *ret)
{
	const char *text = json_get_text(j, member);

	for (unsigned i = 0; text && i < n; i++)
		if (text_equal(text, words[i])) {
			*ret = i;
			return 0;
		}
	return -EBADMSG;
}

static int read_object(const struct json *j, enum sync_object o, struct sync_settings *s)
{
	const struct json *fields = json_get(j, "fields"), *exclude = json_get(j, "exclude");
	const struct json *i;
	int r = 0;

	s->objects[o] = true;
	for (i = json_next(fields, NULL); i && r == 0; i = json_next(fields, i))
		r = json_text(i) ? params_add(&s->fields[o], json_key(i), json_text(i)) : -EBADMSG;
	for (i = json_next(exclude, NULL); i && r == 0; i = json_next(exclude, i))
		r = json_text(i) ? names_add(&s->exclude[o], json_text(i), strlen(json_text(i)))
				 : -EBADMSG;
	return r;
}

static int read_objects(const struct json *j, struct sync_settings *s)
{
	int r = 0;

	for (enum sync_object o = 0; o < _SYNC_OBJECT_MAX && r == 0; o++) {
		const struct json *object = json_get(j, sync_object_to_string(o));

		if (object)
			r = read_object(object, o, s);
	}
	return r;
}

static int read_rest(const struct json *j, struct sync_settings *s)
{
	uint64_t source, target;
	unsigned too_long, deletes;

	if (read_word(j, "on_too_long", too_long_names, _SYNC_TOO_LONG_MAX, &too_long) < 0 ||
		read_word(j, "deletes", deletes_names, _SYNC_DELETES_MAX, &deletes) < 0 ||
		!json_bool(json_get(j, "start_auto"), &s->start_auto) ||
		!json_bool(json_get(j, "native_sync_ignored"), &s->native_sync_ignored) ||
		!json_u64(json_get(j, "every_usec"), &s->every_usec) ||
		!json_u64(json_get(j, "rows_for_bulk"), &s->rows_for_bulk) ||
		!json_u64(json_get(j, "quota_source"), &source) || source > 100 ||
		!json_u64(json_get(j, "quota_target"), &target) || target > 100)
		return -EBADMSG;
	s->on_too_long = (enum sync_too_long)too_long;
	s->deletes = (enum sync_deletes)deletes;
	s->quota_source = (unsigned)source;
	s->quota_target = (unsigned)target;
	return 0;
}

int sync_settings_read(const struct json *j, struct sync_settings *ret, struct fault *reterr)
{
	struct sync_settings s = {.name = NULL};
	int r;

	r = read_texts(j, &s);
	if (r == 0)
		r = read_objects(json_get(j, "objects"), &s);
	if (r == 0)
		r = read_rest(j, &s);
	if (r < 0) {
		sync_settings_done(&s);
		if (r == -EBADMSG)
			fault_set(reterr, FAULT_INTERNAL,
				"the settings of the sync are no such ones");
		return r;
	}
	*ret = s;
	return 0;
}

static struct json *write_object(const struct sync_settings *s, enum sync_object o)
{
	_cleanup_(json_freep) struct json *j = json_new_object(), *fields = json_new_object(),
					  *exclude = json_new_array();
	const struct params *given = &s->fields[o];

	if (!j || !fields || !exclude)
		return NULL;
	for (size_t i = 0; i < given->n; i++)
		if (json_add(fields, given->items[i].name, json_new_text(given->items[i].value)) <
			0)
			return NULL;
	for (size_t i = 0; i < s->exclude[o].n; i++)
		if (json_append(exclude, json_new_text(s->exclude[o].items[i])) < 0)
			return NULL;
	if (json_add(j, "fields", steal(fields)) < 0 || json_add(j, "exclude", steal(exclude)) < 0)
		return NULL;
	return steal(j);
}

static struct json *write_objects(const struct sync_settings *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	for (enum sync_object o = 0; j && o < _SYNC_OBJECT_MAX; o++)
		if (s->objects[o] && json_add(j, sync_object_to_string(o), write_object(s, o)) < 0)
			return NULL;
	return steal(j);
}

struct json *sync_settings_write(const struct sync_settings *s)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j)
		return NULL;
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		if (json_add(j, texts[i].name,
			    json_new_text(*text_at((struct sync_settings *)s, i))) < 0)
			return NULL;
	if (json_add(j, "objects", write_objects(s)) < 0 ||
		json_add(j, "on_too_long", json_new_text(too_long_names[s->on_too_long])) < 0 ||
		json_add(j, "deletes", json_new_text(deletes_names[s->deletes])) < 0 ||
		json_add(j, "start_auto", json_new_bool(s->start_auto)) < 0 ||
		json_add(j, "native_sync_ignored", json_new_bool(s->native_sync_ignored)) < 0 ||
		json_add(j, "every_usec", json_new_u64(s->every_usec)) < 0 ||
		json_add(j, "rows_for_bulk", json_new_u64(s->rows_for_bulk)) < 0 ||
		json_add(j, "quota_source", json_new_u64(s->quota_source)) < 0 ||
		json_add(j, "quota_target", json_new_u64(s->quota_target)) < 0)
		return NULL;
	return steal(j);
}
