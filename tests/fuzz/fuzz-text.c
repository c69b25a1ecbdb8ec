/* SPDX-License-Identifier: BSD-2-Clause */

/* Any bytes to the parsers and printers of base/text: what is read is written back the same, and
 * what is shown moves nothing on a terminal. */

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/now.h"
#include "base/text.h"
#include "fuzz.h"

/* Told by bytes, not by the decoder under test: @text is valid UTF-8 already. */
static void must_be_harmless(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		MUST(*p >= 0x20 && *p != 0x7f);
		MUST(!(p[0] == 0xc2 && p[1] < 0xa0));
		MUST(!(p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae));
		MUST(!(p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
	}
}

static void clean(const char *data, size_t size)
{
	const size_t rooms[] = {1, 2, 3, 4, 5, 17, size / 2 + 1, size + 1};

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		_cleanup_(mem_freep) char *to = mem_alloc(rooms[i]);

		MUST(to);
		text_clean(to, rooms[i], data, size);
		MUST(strlen(to) < rooms[i]);
		MUST(text_is_utf8(to, strlen(to)));
		must_be_harmless(to);
	}
}

static void times(const char *text)
{
	char to[32];
	uint64_t usec = 0, back = 0;

	if (text_parse_duration(text, &usec) == 0) {
		text_format_duration(to, sizeof(to), usec);
		MUST(text_parse_duration(to, &back) == 0 && back == usec);
	}
	if (text_parse_time(text, &usec) == 0 || text_parse_http_date(text, &usec) == 0) {
		if (usec > UINT64_C(253402300799) * USEC_PER_S)
			return; /* a leap second at the end of 9999 */
		text_format_time(to, sizeof(to), usec);
		MUST(text_parse_time(to, &back) == 0 && back == usec);
	}
}

static void numbers(const char *text)
{
	char to[32];
	uint64_t value = 0;

	if (text_parse_u64(text, &value) < 0)
		return;
	(void)snprintf(to, sizeof(to), "%llu", (unsigned long long)value);
	MUST(strcmp(to, text + strspn(text, "0")) == 0 || value == 0);
}

static void codes(const char *data, size_t size)
{
	struct buf code = BUF(1 << 24), plain = BUF(1 << 24);

	MUST(text_add_base64url(&code, data, size) == 0);
	MUST(text_decode_base64url(&plain, buf_text(&code), code.len) == 0);
	MUST(plain.len == size && memcmp(buf_text(&plain), data, size) == 0);
	buf_done(&code);
	buf_done(&plain);

	if (text_decode_base64url(&plain, data, size) == 0) {
		MUST(text_add_base64url(&code, buf_text(&plain), plain.len) == 0);
		MUST(code.len == size && memcmp(buf_text(&code), data, size) == 0);
	}
	buf_done(&code);
	buf_done(&plain);

	MUST(text_add_base64(&code, data, size) == 0 && code.len == (size + 2) / 3 * 4);
	buf_done(&code);
	MUST(text_add_form(&code, data, size) == 0 && code.len >= size);
	MUST(!strpbrk(buf_text(&code), " &=;#\"<>") && text_is_utf8(buf_text(&code), code.len));
	buf_done(&code);
}

static void distances(const char *text)
{
	const size_t half = strlen(text) / 2;
	_cleanup_(mem_freep) char *other = mem_strndup(text, half);
	const unsigned distance = text_distance(text, other, 1000);

	MUST(other && distance == text_distance(other, text, 1000));
	MUST(distance == 1001 || distance == strlen(text) - half);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(mem_freep) char *text = mem_strndup((const char *)data, size);

	MUST(text);
	clean((const char *)data, size);
	times(text);
	numbers(text);
	codes((const char *)data, size);
	distances(text);
	return 0;
}
