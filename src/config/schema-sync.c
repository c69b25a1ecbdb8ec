/* SPDX-License-Identifier: BSD-2-Clause */

/* The table of the keys of a sync; grantd.yaml(5), grantd-salesforce-marketo(7). */

#include <string.h>

#include "base/now.h"
#include "base/text.h"
#include "config/config.h"
#include "config/schema.h"

#define KEYS(table) .keys = (table), .n_keys = ELEMENTS(table)

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Behind the name at the start of @text; NULL where there is none. */
static const char *name_end(const char *text)
{
	return *text && strchr(LETTERS, *text) ? text + strspn(text, LETTERS "0123456789_") : NULL;
}

/* The name of a field, or with a dot that of a related record's. */
static bool is_field(const char *text)
{
	const char *end = name_end(text);

	if (end && *end == '.')
		end = name_end(end + 1);
	return end && *end == '\0';
}

static const struct schema_form field_form = {
	.what = "the API name of a field, or of a related record's with a dot",
	.example = "Account.Name",
	.pattern = "^[A-Za-z][A-Za-z0-9_]*([.][A-Za-z][A-Za-z0-9_]*)?$",
	.max = 255,
	.fits = is_field,
};

static const char *object_word(unsigned i)
{
	return i == 0 ? "lead" : "contact";
}

static const char *too_long_word(unsigned i)
{
	return i == 0 ? "skip" : "truncate";
}

static const char *deletes_word(unsigned i)
{
	return i == 0 ? "flag" : i == 1 ? "delete" : "ignore";
}

static const char *start_word(unsigned i)
{
	return i == 0 ? "manual" : "auto";
}

static const char *native_sync_word(unsigned i)
{
	return i == 0 ? "refuse" : "ignore";
}

static const struct schema_words object_words = {CONFIG_SYNC_OBJECTS, object_word, SCHEMA_AS_ENUM};
static const struct schema_words too_long_words = {2, too_long_word, SCHEMA_AS_TEXT};
static const struct schema_words deletes_words = {3, deletes_word, SCHEMA_AS_TEXT};
static const struct schema_words start_words = {2, start_word, SCHEMA_AS_BOOL};
static const struct schema_words native_sync_words = {2, native_sync_word, SCHEMA_AS_BOOL};

#define SYNC(member) offsetof(struct config_sync, member)

#define FIELDS(object, i) \
	{ \
		.name = (object), .type = SCHEMA_PARAMS, .form = &field_form, \
		.offset = SYNC(fields[i]), .help = "Those of a " object "." \
	}

#define EXCLUDE(object, i) \
	{ \
		.name = (object), .type = SCHEMA_NAMES, .form = &field_form, \
		.offset = SYNC(exclude[i]), .help = "Those of a " object "." \
	}

#define QUOTA(side, member, default) \
	{ \
		.name = (side), .type = SCHEMA_NUMBER, .percent = true, .min = 1, .max = 100, \
		.fallback = (default), .offset = SYNC(member), \
		.help = "The share of the calls a day that " side " allows." \
	}

static const struct schema_key fields_keys[] = {FIELDS("lead", 0), FIELDS("contact", 1)};
static const struct schema_key exclude_keys[] = {EXCLUDE("lead", 0), EXCLUDE("contact", 1)};
static const struct schema_key quota_keys[] = {
	QUOTA("salesforce", quota_source, "50%"), QUOTA("marketo", quota_target, "20%")};

const struct schema_key schema_sync_keys[SCHEMA_SYNC_KEYS] = {
	{
		.name = "from",
		.type = SCHEMA_TEXT,
		.form = &schema_name_form,
		.required = true,
		.offset = SYNC(from),
		.help = "The connection that the persons come from; its provider is salesforce.",
	},
	{
		.name = "to",
		.type = SCHEMA_TEXT,
		.form = &schema_name_form,
		.required = true,
		.offset = SYNC(to),
		.help = "The connection that they go to; its provider is marketo.",
	},
	{
		.name = "objects",
		.type = SCHEMA_FLAGS,
		.words = &object_words,
		.offset = SYNC(objects),
		.help = "Which records are persons; both where nothing is said. Fields of the "
			"account ride along with contacts.",
	},
	{
		.name = "key",
		.type = SCHEMA_TEXT,
		.form = &field_form,
		.fallback = "email",
		.offset = SYNC(key),
		.help = "What makes two records one person: email, or the Marketo field that "
			"holds the 18-character Salesforce id.",
	},
	{
		.name = "fields",
		.type = SCHEMA_SECTION,
		KEYS(fields_keys),
		.help = "Salesforce fields and the Marketo fields they go to, over the built-in "
			"map.",
	},
	{
		.name = "exclude",
		.type = SCHEMA_SECTION,
		KEYS(exclude_keys),
		.help = "Salesforce fields of the built-in map that are not sent.",
	},
	{
		.name = "on_too_long",
		.type = SCHEMA_WORD,
		.words = &too_long_words,
		.fallback = "skip",
		.offset = SYNC(on_too_long),
		.help = "A text that is longer than its Marketo field is left out, or cut.",
	},
	{
		.name = "deletes",
		.type = SCHEMA_WORD,
		.words = &deletes_words,
		.fallback = "flag",
		.offset = SYNC(deletes),
		.help = "What becomes of a person who was deleted in Salesforce.",
	},
	{
		.name = "start",
		.type = SCHEMA_WORD,
		.words = &start_words,
		.fallback = "manual",
		.offset = SYNC(start_auto),
		.help = "Begun by grantctl sync start, or by itself once all checks pass.",
	},
	{
		.name = "every",
		.type = SCHEMA_DURATION,
		.fallback = "5m",
		.min_usec = 5 * USEC_PER_S,
		.max_usec = USEC_PER_DAY,
		.offset = SYNC(every_usec),
		.help = "The pause between two runs.",
	},
	{
		.name = "quota",
		.type = SCHEMA_SECTION,
		KEYS(quota_keys),
		.help = "How much of the daily API allowance the sync may use.",
	},
	{
		.name = "native_sync",
		.type = SCHEMA_WORD,
		.words = &native_sync_words,
		.fallback = "refuse",
		.offset = SYNC(native_sync_ignored),
		.help = "Whether the sync starts although Marketo's own CRM sync seems to be on.",
	},
	{
		.name = "bulk_from",
		.type = SCHEMA_NUMBER,
		.min = 1,
		.max = 1000000000,
		.fallback = "50000",
		.offset = SYNC(bulk_from),
		.help = "A first load of more records than this is read by Salesforce's Bulk API.",
	},
};
