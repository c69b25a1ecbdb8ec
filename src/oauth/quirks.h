/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What some providers do otherwise than the standards say, each a flag. A profile, or a connection,
 * names the flags that hold (grantd.yaml(5), `quirks`); the code tests a flag, never who is at the
 * other end. */
enum quirk {
	QUIRK_DEVICE_RESPONSE_TYPE = 1u << 0,
	QUIRK_DEVICE_CODE_AS_CODE = 1u << 1,
	QUIRK_DEVICE_LEGACY_GRANT = 1u << 2,
	QUIRK_DEVICE_CLIENT_ID_ONCE = 1u << 3,
	QUIRK_POLL_LATE = 1u << 4,
	QUIRK_CLIENT_ID_IN_BODY = 1u << 5,
	QUIRK_REFRESH_WITH_SCOPE = 1u << 6,
	QUIRK_SCOPE_COMMAS = 1u << 7,
	QUIRK_SCOPE_COMMAS_REPLY = 1u << 8,
	QUIRK_TOKEN_UNDER_AUTHED_USER = 1u << 9,
	QUIRK_TOKEN_REPLY_SIGNATURE = 1u << 10,
	QUIRK_NO_PKCE_DEVICE = 1u << 11,
	QUIRK_NO_PKCE_PASTE = 1u << 12,
	QUIRK_DEVICE_SCOPES = 1u << 13,
	QUIRK_IDENTITY_AT_ID = 1u << 14,
	QUIRK_SCOPE_BY_ADMIN = 1u << 15,
	QUIRK_TOKEN_BY_QUERY = 1u << 16,
};
#define QUIRKS_N 17

struct quirk_row {
	enum quirk flag;
	const char *name;   /* in grantd.yaml(5) */
	const char *does;   /* what the provider does */
	const char *source; /* where that was reported */
	const char *seen;   /* when that was read, YYYY-MM-DD */
	const char *story;  /* tests/scenario/stories/STORY.scn proves it */
};

/* Bit i is row i. */
extern const struct quirk_row quirks_table[QUIRKS_N];

/* The name of bit @i of a set, below QUIRKS_N. */
const char *quirk_name(unsigned i);
/* 0, -EINVAL with *ret untouched. */
int quirk_from_string(const char *text, enum quirk *ret);
