/* SPDX-License-Identifier: BSD-2-Clause */

/* The tables of what is known of a provider, in grantd.yaml(5) and in the files of profiles. */

#include <string.h>

#include "base/now.h"
#include "base/text.h"
#include "config/config.h"
#include "config/profile.h"
#include "config/schema.h"
#include "oauth/metadata.h"
#include "oauth/quirks.h"

/* --- forms --- */

#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
/* Nothing that changes what is around it in a URL (RFC 3986 §2.3). */
#define UNRESERVED LOWER_DIGITS UPPER "._~-"

static bool made_of(const char *text, const char *allowed)
{
	return *text != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool is_profile(const char *text)
{
	return made_of(text, LOWER_DIGITS "-") && text[0] != '-';
}

/* With what is taken off: https:// in front, a path behind. */
static bool is_host(const char *text)
{
	static const char scheme[] = "https://";
	char url[METADATA_URL_MAX + sizeof(scheme)] = "https://";
	size_t len;

	if (text_starts(text, scheme))
		text += strlen(scheme);
	len = strcspn(text, "/");
	if (len > METADATA_URL_MAX || strpbrk(text, "?#"))
		return false;
	memcpy(url + strlen(scheme), text, len);
	return metadata_is_https_url(url);
}

static bool is_tenant(const char *text)
{
	return made_of(text, UNRESERVED) && strspn(text, ".") != strlen(text);
}

static bool is_suffix(const char *text)
{
	return text[0] == '.' && made_of(text + 1, LOWER_DIGITS "-.");
}

static bool is_date(const char *text)
{
	char time[TEXT_TIME_SIZE] = "";
	uint64_t usec;

	if (strlen(text) != strlen("2026-11-23"))
		return false;
	memcpy(time, text, strlen(text));
	memcpy(time + strlen(text), "T00:00:00Z", sizeof("T00:00:00Z"));
	return text_parse_time(time, &usec) == 0;
}

const struct schema_form schema_profile_form = {
	.what = "the name of a profile, of a-z, 0-9 and -, not first a -",
	.example = "salesforce",
	.pattern = "^[a-z0-9][a-z0-9-]*$",
	.max = 63,
	.fits = is_profile,
};

const struct schema_form schema_host_form = {
	.what = "HOST or HOST:PORT",
	.example = "acme.example.com",
	.pattern = "^(https://)?[^\x01-\x20\x7f/?#@{]+(/[^?#]*)?$",
	.max = METADATA_URL_MAX,
	.fits = is_host,
};

const struct schema_form schema_tenant_form = {
	.what = "a name of letters, digits and ._~-",
	.example = "common",
	.pattern = "^[A-Za-z0-9._~-]+$",
	.max = 255,
	.fits = is_tenant,
};

static const struct schema_form suffix_form = {
	.what = "the end of a host name with the dot before it",
	.example = ".example.com",
	.pattern = "^\\.[a-z0-9.-]+$",
	.max = 255,
	.fits = is_suffix,
};

static const struct schema_form date_form = {
	.what = "a date",
	.example = "2026-11-23",
	.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
	.max = sizeof("2026-11-23") - 1,
	.fits = is_date,
};

static const struct schema_form url_form = {
	.what = "an https:// URL",
	.example = "https://example.com/docs",
	.pattern = "^https?://[^\x01-\x20\x7f]+$",
	.max = METADATA_URL_MAX,
	.fits = metadata_is_web_address,
};

static bool is_line(const char *text)
{
	return schema_form_fits(&schema_text, text);
}

static const struct schema_form error_form = {
	.what = "an error code",
	.example = "invalid_grant",
	.pattern = "^[^\x01-\x1f\x7f]+$",
	.max = VERDICT_ERROR_MAX - 1,
	.fits = is_line,
};

static const struct schema_form contains_form = {
	.what = "a part of what the error says",
	.example = "rate exceeded",
	.pattern = "^[^\x01-\x1f\x7f]+$",
	.max = VERDICT_ERROR_MAX - 1,
	.fits = is_line,
};

static const struct schema_form say_form = {
	.what = "one sentence",
	.pattern = "^[^\x01-\x1f\x7f]+$",
	.max = HINT_SAY_MAX,
	.fits = is_line,
};

/* --- words --- */

static const char *hint_at_word(unsigned i)
{
	return hint_at_to_string((enum hint_at)i);
}

static const char *hint_kind_word(unsigned i)
{
	return hint_kind_to_string((enum hint_kind)i);
}

static const char *need_word(unsigned i)
{
	return i == 0 ? "host" : "tenant";
}

const struct schema_words schema_quirk_words = {QUIRKS_N, quirk_name, SCHEMA_AS_ENUM};
static const struct schema_words hint_at_words = {_HINT_AT_MAX, hint_at_word, SCHEMA_AS_ENUM};
static const struct schema_words hint_kind_words = {_HINT_KIND_MAX, hint_kind_word, SCHEMA_AS_ENUM};
static const struct schema_words need_words = {PROFILE_NEEDS_N, need_word, SCHEMA_AS_ENUM};

/* --- keys that connections have too --- */

const struct schema_key schema_limit_keys[SCHEMA_LIMIT_KEYS] = {
	{
		.name = "approvals_per_user",
		.type = SCHEMA_NUMBER,
		.fallback = "0",
		.max = 1000000,
		.offset = offsetof(struct config_connection, approvals_per_user),
		.help = "How many grants a user can give one client at a time, before the oldest "
			"ends; 0 where that is not known.",
	},
	{
		.name = "idle_lifetime",
		.type = SCHEMA_DURATION,
		.fallback = "0s",
		.min_usec = USEC_PER_MIN,
		.max_usec = 3650 * USEC_PER_DAY,
		.zero = true,
		.offset = offsetof(struct config_connection, setup.idle_lifetime_usec),
		.help = "How long a grant lives that is not used: it is refreshed at two thirds of "
			"that at the latest; 0s where that is not known.",
	},
	{
		.name = "absolute_lifetime",
		.type = SCHEMA_DURATION,
		.fallback = "0s",
		.min_usec = USEC_PER_MIN,
		.max_usec = 3650 * USEC_PER_DAY,
		.zero = true,
		.offset = offsetof(struct config_connection, setup.absolute_lifetime_usec),
		.help = "How long a grant lives from its approval on, whatever is done; 0s where "
			"that is not known.",
	},
};

const struct schema_key schema_hint_keys[SCHEMA_HINT_KEYS] = {
	{
		.name = "error",
		.type = SCHEMA_TEXT,
		.form = &error_form,
		.offset = offsetof(struct hint, error),
		.help = "The error code, exactly.",
	},
	{
		.name = "contains",
		.type = SCHEMA_TEXT,
		.form = &contains_form,
		.offset = offsetof(struct hint, contains),
		.help = "A part of the error code, description or message, in any case of letters.",
	},
	{
		.name = "status",
		.type = SCHEMA_NUMBER,
		.min = 100,
		.max = 599,
		.offset = offsetof(struct hint, status),
		.help = "The HTTP status.",
	},
	{
		.name = "at",
		.type = SCHEMA_WORD,
		.words = &hint_at_words,
		.fallback = "anywhere",
		.offset = offsetof(struct hint, at),
		.help = "Which request the error answers; authorization is an error in the address "
			"that was pasted.",
	},
	{
		.name = "kind",
		.type = SCHEMA_WORD,
		.words = &hint_kind_words,
		.fallback = "same",
		.offset = offsetof(struct hint, kind),
		.help = "What it means; same is what it would mean anyhow.",
	},
	{
		.name = "say",
		.type = SCHEMA_TEXT,
		.form = &say_form,
		.offset = offsetof(struct hint, say),
		.help = "What to change then, added to the text of the fault.",
	},
};

/* --- keys of a profile only --- */

static const struct schema_key refuse_keys[] = {
	{
		.name = "flow",
		.type = SCHEMA_FLAGS,
		.words = &schema_flow_words,
		.offset = offsetof(struct refusal, flows),
		.help = "The flow that can't work, or several; any where none is given.",
	},
	{
		.name = "host",
		.type = SCHEMA_TEXT,
		.form = &schema_host_form,
		.offset = offsetof(struct refusal, host),
		.help = "The host at which it can't; any where none is given.",
	},
	{
		.name = "say",
		.type = SCHEMA_TEXT,
		.form = &say_form,
		.required = true,
		.offset = offsetof(struct refusal, say),
		.help = "What to change then.",
	},
};

static const struct schema_key source_keys[] = {
	{
		.name = "claim",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.required = true,
		.offset = offsetof(struct claim, claim),
		.help = "What is claimed.",
	},
	{
		.name = "date",
		.type = SCHEMA_TEXT,
		.form = &date_form,
		.required = true,
		.offset = offsetof(struct claim, date),
		.help = "When that was read or seen.",
	},
	{
		.name = "url",
		.type = SCHEMA_TEXT,
		.form = &url_form,
		.required = true,
		.offset = offsetof(struct claim, url),
		.help = "Where it can be read.",
	},
};

#define PROFILE(member) offsetof(struct profile, member)

static const struct schema_key profile_keys[] = {
	{
		.name = "description",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = PROFILE(description),
		.help = "The provider in one sentence.",
	},
	{
		.name = "flows",
		.type = SCHEMA_FLAGS,
		.words = &schema_flow_words,
		.offset = PROFILE(flows),
		.help = "The flows that work there; all where none is given.",
	},
	{
		.name = "needs",
		.type = SCHEMA_FLAGS,
		.words = &need_words,
		.offset = PROFILE(needs),
		.help = "What a connection has to give, unless it gives an issuer or "
			"endpoints.token of its own.",
	},
	{
		.name = "host_suffix",
		.type = SCHEMA_TEXT,
		.form = &suffix_form,
		.offset = PROFILE(host_suffix),
		.help = "What is appended to a host that has no dot.",
	},
	{
		.name = "host_example",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = PROFILE(host_example),
		.help = "A host as it may look, for the message that one is missing.",
	},
	{
		.name = "tenant_example",
		.type = SCHEMA_TEXT,
		.form = &schema_text,
		.offset = PROFILE(tenant_example),
		.help = "A tenant as it may look, for the message that one is missing.",
	},
	{
		.name = "refuse",
		.type = SCHEMA_ITEMS,
		.keys = refuse_keys,
		.n_keys = ELEMENTS(refuse_keys),
		.size = sizeof(struct refusal),
		.offset = PROFILE(refuse),
		.help = "What can't work there.",
	},
	{
		.name = "sources",
		.type = SCHEMA_ITEMS,
		.keys = source_keys,
		.n_keys = ELEMENTS(source_keys),
		.size = sizeof(struct claim),
		.offset = PROFILE(sources),
		.help = "Where all that is known from.",
	},
};

const struct schema_key schema_profile = {
	.name = "",
	.type = SCHEMA_SECTION,
	.keys = profile_keys,
	.n_keys = ELEMENTS(profile_keys),
	.help = "What only a profile has.",
};
