/* SPDX-License-Identifier: BSD-2-Clause */

/* Records on their way, and the ids of Salesforce. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "sync/row.h"

static const char *const object_names[_SYNC_OBJECT_MAX] = {
	[SYNC_LEAD] = "lead",
	[SYNC_CONTACT] = "contact",
};

static const char *const api_names[_SYNC_OBJECT_MAX] = {
	[SYNC_LEAD] = "Lead",
	[SYNC_CONTACT] = "Contact",
};

const char *sync_object_to_string(enum sync_object object)
{
	return object_names[object];
}

const char *sync_object_api_name(enum sync_object object)
{
	return api_names[object];
}

struct row *row_free(struct row *row)
{
	if (!row)
		return NULL;
	mem_free(row->key);
	mem_free(row->new_key);
	mem_free(row->json);
	return mem_free(row);
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The three last characters tell which of the five before each are capitals, so that ids differ
 * also where case is ignored. */
static char case_digit(const char five[5])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
	unsigned bits = 0;

	for (unsigned i = 0; i < 5; i++)
		if (five[i] >= 'A' && five[i] <= 'Z')
			bits |= 1u << i;
	return digits[bits];
}

int row_id18(const char *id, char ret[19])
{
	size_t len = strlen(id);
	char whole[19] = "";

	if (len != 15 && len != 18)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (!is_alphanumeric(id[i]))
			return -EINVAL;
	memcpy(whole, id, 15);
	for (size_t i = 0; i < 3; i++)
		whole[15 + i] = case_digit(&whole[5 * i]);
	memcpy(ret, whole, sizeof(whole));
	return 0;
}
