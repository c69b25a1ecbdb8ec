/* SPDX-License-Identifier: BSD-2-Clause */

/* Any bytes to base/json: what is taken prints to a text that is taken too and prints the same. */

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "fuzz.h"

/* Ask @j for all it could be; exactly what its type allows is there. */
static void touch(const struct json *j)
{
	const enum json_type type = json_type(j);
	uint64_t whole;
	double number;
	bool flag;

	MUST(json_is(j, type));
	MUST((json_text(j) != NULL) == (type == JSON_STRING));
	MUST(json_number(j, &number) == (type == JSON_NUMBER));
	MUST(json_bool(j, &flag) == (type == JSON_BOOL));
	MUST(!json_u64(j, &whole) || type == JSON_NUMBER);
	MUST(!json_text(j) || text_is_utf8(json_text(j), strlen(json_text(j))));
}

static void touch_children(const struct json *j)
{
	size_t n = 0;

	for (const struct json *child = json_next(j, NULL); child; child = json_next(j, child)) {
		touch(child);
		if (json_is(j, JSON_OBJECT))
			MUST(json_get(j, json_key(child)) == child);
		if (++n > 100) /* finding each member by its key is quadratic */
			return;
	}
	MUST(n == json_count(j));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_freep) struct json *j = NULL, *back = NULL;
	_cleanup_(mem_freep) char *text = NULL, *again = NULL;
	struct fault f = {0};

	if (json_parse((const char *)data, size, &j, &f) < 0) {
		MUST(!j && f.kind == FAULT_PROTOCOL);
		return 0;
	}
	MUST(f.kind == FAULT_NONE);
	touch(j);
	touch_children(j);
	text = json_print(j, false);
	MUST(text && text_is_utf8(text, strlen(text)));
	MUST(json_parse(text, strlen(text), &back, NULL) == 0);
	again = json_print(back, false);
	MUST(text_equal(text, again));
	return 0;
}
