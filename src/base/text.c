/* SPDX-License-Identifier: BSD-2-Clause */

/* Text to values and back, by hand: nothing here follows the locale or the time zone. RFC 3629
 * (UTF-8), RFC 3339 and RFC 9110 §5.6.7 (times), RFC 4648 (base64), the form encoding of HTML. */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/now.h"
#include "base/text.h"

bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_nocase(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

bool text_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

size_t text_character(const char *text, size_t len, uint32_t *ret_code)
{
	/* By the length of the sequence: lead byte bits, and the least code that needs them. */
	static const struct {
		unsigned char mask, lead;
		uint32_t least, most;
	} forms[] = {
		{0x80, 0x00, 0x1, 0x7f},
		{0xe0, 0xc0, 0x80, 0x7ff},
		{0xf0, 0xe0, 0x800, 0xffff},
		{0xf8, 0xf0, 0x10000, 0x10ffff},
	};
	const unsigned char *p = (const unsigned char *)text;
	uint32_t code;
	size_t n = 0;

	if (len == 0)
		return 0;
	while (n < ELEMENTS(forms) && (p[0] & forms[n].mask) != forms[n].lead)
		n++;
	if (n == ELEMENTS(forms) || n >= len)
		return 0;
	code = p[0] & (unsigned char)~forms[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < forms[n].least || code > forms[n].most || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n + 1;
}

bool text_is_utf8(const char *text, size_t len)
{
	uint32_t code;

	while (len > 0) {
		const size_t n = text_character(text, len, &code);

		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

/* Would @code move, hide or reorder what a person sees around it? */
static bool is_control(uint32_t code)
{
	static const struct {
		uint32_t from, to;
	} ranges[] = {
		{0x00, 0x1f},
		{0x7f, 0x9f},
		{0x2028, 0x2029},
		{0x202a, 0x202e},
		{0x2066, 0x2069},
	};

	for (size_t i = 0; i < ELEMENTS(ranges); i++)
		if (code >= ranges[i].from && code <= ranges[i].to)
			return true;
	return false;
}

void text_clean(char *to, size_t size, const char *from, size_t len)
{
	if (size == 0)
		return;
	while (len > 0) {
		uint32_t code;
		const size_t n = text_character(from, len, &code);
		const bool shown = n > 0 && !is_control(code);
		const size_t taken = n > 0 ? n : 1, put = shown ? n : 1;

		if (put >= size)
			break;
		memcpy(to, shown ? from : "?", put);
		to += put;
		size -= put;
		from += taken;
		len -= taken;
	}
	*to = '\0';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Read the digits at *@text and step past them. Returns 0, -EINVAL where there are none, -ERANGE.
 */
static int read_digits(const char **text, uint64_t *ret)
{
	uint64_t value = 0;
	bool over = false;

	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++) {
		over |= __builtin_mul_overflow(value, UINT64_C(10), &value);
		over |= __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value);
	}
	if (over)
		return -ERANGE;
	*ret = value;
	return 0;
}

int text_parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	const int r = read_digits(&text, &value);

	if (r == -EINVAL || *text)
		return -EINVAL;
	if (r == 0)
		*ret = value;
	return r;
}

/* From the largest, the order they stand in. */
static const struct unit {
	char letter;
	uint64_t usec;
} units[] = {
	{'d', USEC_PER_DAY},
	{'h', USEC_PER_HOUR},
	{'m', USEC_PER_MIN},
	{'s', USEC_PER_S},
};

/* The unit of @letter among those from @from on, ELEMENTS(units) where there is none. */
static size_t find_unit(size_t from, char letter)
{
	while (from < ELEMENTS(units) && units[from].letter != letter)
		from++;
	return from;
}

int text_parse_duration(const char *text, uint64_t *ret_usec)
{
	uint64_t sum = 0;
	bool over = false;
	size_t unit = 0;

	do {
		uint64_t part = 0;
		const int r = read_digits(&text, &part);

		if (r == -EINVAL)
			return r;
		unit = find_unit(unit, *text);
		if (unit == ELEMENTS(units))
			return -EINVAL;
		over |= r < 0 || __builtin_mul_overflow(part, units[unit].usec, &part);
		over |= __builtin_add_overflow(sum, part, &sum);
		text++;
		unit++;
	} while (*text);
	if (over)
		return -ERANGE;
	*ret_usec = sum;
	return 0;
}

void text_format_duration(char *to, size_t size, uint64_t usec)
{
	const uint64_t whole = usec - usec % USEC_PER_S;
	size_t i = 0;

	while (whole == 0 ? units[i].usec != USEC_PER_S : whole % units[i].usec != 0)
		i++;
	(void)snprintf(
		to, size, "%llu%c", (unsigned long long)(whole / units[i].usec), units[i].letter);
}

/* A point in time as people write it. */
struct civil {
	unsigned year, month, day, hour, minute, second;
};

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of @year. */
static uint64_t days_before_year(unsigned year)
{
	const uint64_t y = year - 1u;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162; /* the same sum for 1969 */
}

/* Returns 0, or -EINVAL for what is no date or lies before 1970. Second 60 is a leap second. */
static int civil_to_usec(const struct civil *c, uint64_t *ret)
{
	uint64_t days;

	if (c->year < 1970 || c->month < 1 || c->month > 12 || c->day < 1 ||
		c->day > days_in_month(c->year, c->month) || c->hour > 23 || c->minute > 59 ||
		c->second > 60)
		return -EINVAL;
	days = days_before_year(c->year) + c->day - 1;
	for (unsigned month = 1; month < c->month; month++)
		days += days_in_month(c->year, month);
	*ret = days * USEC_PER_DAY + c->hour * USEC_PER_HOUR + c->minute * USEC_PER_MIN +
		c->second * USEC_PER_S;
	return 0;
}

/* @usec lies before the year 10000. */
static struct civil civil_from_usec(uint64_t usec)
{
	const uint64_t seconds = usec / USEC_PER_S;
	uint64_t days = seconds / 86400;
	struct civil c = {
		.year = (unsigned)(1970 + days / 366), /* this one or an earlier one than right */
		.month = 1,
		.hour = (unsigned)(seconds % 86400 / 3600),
		.minute = (unsigned)(seconds % 3600 / 60),
		.second = (unsigned)(seconds % 60),
	};

	while (days_before_year(c.year + 1) <= days)
		c.year++;
	days -= days_before_year(c.year);
	for (; days >= days_in_month(c.year, c.month); c.month++)
		days -= days_in_month(c.year, c.month);
	c.day = (unsigned)days + 1;
	return c;
}

/* 9999-12-31T23:59:59Z */
#define TIME_MAX_USEC (UINT64_C(253402300799) * USEC_PER_S)

void text_format_time(char *to, size_t size, uint64_t wall_usec)
{
	const struct civil c =
		civil_from_usec(wall_usec < TIME_MAX_USEC ? wall_usec : TIME_MAX_USEC);

	(void)snprintf(to, size, "%04u-%02u-%02uT%02u:%02u:%02uZ", c.year, c.month, c.day, c.hour,
		c.minute, c.second);
}

static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const weekdays[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

/* Step past exactly @n digits. */
static bool match_digits(const char **text, unsigned n, unsigned *ret)
{
	unsigned value = 0;

	for (; n > 0; n--, (*text)++) {
		if (!is_digit(**text))
			return false;
		value = value * 10 + (unsigned)(**text - '0');
	}
	*ret = value;
	return true;
}

/* Step past one of @words, of which only the first @len bytes count; 0 for the whole word. */
static bool match_word(
	const char **text, const char *const *words, size_t n, size_t len, unsigned *ret)
{
	for (unsigned i = 0; i < n; i++) {
		const size_t word_len = len ? len : strlen(words[i]);

		if (strncmp(*text, words[i], word_len) != 0)
			continue;
		*text += word_len;
		*ret = i;
		return true;
	}
	return false;
}

/* Step past the day of the month, a leading blank in place of a zero. */
static bool match_padded_day(const char **text, unsigned *ret)
{
	if (**text != ' ')
		return match_digits(text, 2, ret);
	(*text)++;
	return match_digits(text, 1, ret);
}

static bool match_short_year(const char **text, unsigned *ret)
{
	unsigned year = 0;

	if (!match_digits(text, 2, &year))
		return false;
	*ret = year < 70 ? 2000 + year : 1900 + year;
	return true;
}

static bool match_month_name(const char **text, unsigned *ret)
{
	unsigned i = 0;

	if (!match_word(text, months, ELEMENTS(months), 0, &i))
		return false;
	*ret = i + 1;
	return true;
}

/* Step past what the letter after '%' in a form of match_time() stands for. */
static bool match_field(const char **text, char letter, struct civil *c)
{
	unsigned weekday; /* not compared with the date: which of the two is wrong is not for us */

	switch (letter) {
	case 'a':
		return match_word(text, weekdays, ELEMENTS(weekdays), 3, &weekday);
	case 'A':
		return match_word(text, weekdays, ELEMENTS(weekdays), 0, &weekday);
	case 'Y':
		return match_digits(text, 4, &c->year);
	case 'y':
		return match_short_year(text, &c->year);
	case 'm':
		return match_digits(text, 2, &c->month);
	case 'b':
		return match_month_name(text, &c->month);
	case 'd':
		return match_digits(text, 2, &c->day);
	case 'e':
		return match_padded_day(text, &c->day);
	case 'H':
		return match_digits(text, 2, &c->hour);
	case 'M':
		return match_digits(text, 2, &c->minute);
	case 'S':
		return match_digits(text, 2, &c->second);
	}
	assert(false);
	return false;
}

/* Read a time written in @form, whose letters are those of strftime(3). Returns 0, -EINVAL. */
static int match_time(const char *text, const char *form, uint64_t *ret)
{
	struct civil c = {0};

	for (; *form; form++) {
		if (*form == '%') {
			if (!match_field(&text, *++form, &c))
				return -EINVAL;
		} else if (*text++ != *form) {
			return -EINVAL;
		}
	}
	return *text ? -EINVAL : civil_to_usec(&c, ret);
}

int text_parse_time(const char *text, uint64_t *ret_wall_usec)
{
	return match_time(text, "%Y-%m-%dT%H:%M:%SZ", ret_wall_usec);
}

int text_parse_http_date(const char *text, uint64_t *ret_wall_usec)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %e %H:%M:%S %Y",
	};

	for (size_t i = 0; i < ELEMENTS(forms); i++)
		if (match_time(text, forms[i], ret_wall_usec) == 0)
			return 0;
	return -EINVAL;
}

#define ALPHABET_COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char alphabet_url[] = ALPHABET_COMMON "-_";
static const char alphabet_plain[] = ALPHABET_COMMON "+/";

/* Encode without padding into @to, which has room. Returns the end. */
static char *encode64(char *to, const unsigned char *from, size_t len, const char *alphabet)
{
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | from[i];
		for (n += 8; n >= 6; n -= 6)
			*to++ = alphabet[bits >> (n - 6) & 63];
	}
	if (n > 0)
		*to++ = alphabet[bits << (6 - n) & 63];
	return to;
}

/* Returns the size of @len bytes in base64 without padding, SIZE_MAX where it is more. */
static size_t encoded64_size(size_t len)
{
	const size_t tail = len % 3;
	size_t size;

	if (__builtin_mul_overflow(len / 3, (size_t)4, &size) ||
		__builtin_add_overflow(size, tail ? tail + 1 : 0, &size))
		return SIZE_MAX;
	return size;
}

int text_add_base64url(struct buf *b, const void *data, size_t len)
{
	char *to;
	const int r = buf_extend(b, encoded64_size(len), &to);

	if (r < 0)
		return r;
	encode64(to, data, len, alphabet_url);
	return 0;
}

int text_add_base64(struct buf *b, const void *data, size_t len)
{
	const size_t size = encoded64_size(len), padding = (4 - size % 4) % 4;
	char *to;
	int r;

	r = buf_extend(b, size < SIZE_MAX ? size + padding : SIZE_MAX, &to);
	if (r < 0)
		return r;
	to = encode64(to, data, len, alphabet_plain);
	for (size_t i = 0; i < padding; i++)
		to[i] = '=';
	return 0;
}

/* Returns the six bits of @c in base64url, -1 for another character. */
static int decode64_character(char c)
{
	const char *at = c ? strchr(alphabet_url, c) : NULL;

	return at ? (int)(at - alphabet_url) : -1;
}

/* Is @text base64url with no bit set past its last whole byte? */
static bool is_base64url(const char *text, size_t len)
{
	static const int unused_bits[] = {0, 0, 15, 3};

	for (size_t i = 0; i < len; i++)
		if (decode64_character(text[i]) < 0)
			return false;
	if (len == 0)
		return true;
	return len % 4 != 1 && (decode64_character(text[len - 1]) & unused_bits[len % 4]) == 0;
}

int text_decode_base64url(struct buf *b, const char *text, size_t len)
{
	uint32_t bits = 0;
	unsigned n = 0;
	char *to;
	int r;

	if (!is_base64url(text, len))
		return -EBADMSG;
	r = buf_extend(b, len / 4 * 3 + len % 4 * 3 / 4, &to);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		bits = bits << 6 | (uint32_t)decode64_character(text[i]);
		n += 6;
		if (n >= 8) {
			n -= 8;
			*to++ = (char)(bits >> n & 255);
		}
	}
	return 0;
}

static bool is_unreserved(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || (c && strchr("-._~", c));
}

/* Bytes that @c takes in a form. */
static size_t form_size(char c)
{
	return is_unreserved(c) || c == ' ' ? 1 : 3;
}

int text_add_form(struct buf *b, const char *text, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t size = 0;
	char *to;
	int r;

	for (size_t i = 0; i < len; i++)
		if (__builtin_add_overflow(size, form_size(text[i]), &size))
			size = SIZE_MAX;
	r = buf_extend(b, size, &to);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (form_size(text[i]) == 1) {
			*to++ = c == ' ' ? '+' : text[i];
			continue;
		}
		*to++ = '%';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	return 0;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned text_distance(const char *a, const char *b, unsigned limit)
{
	const size_t a_len = strlen(a), b_len = strlen(b);
	unsigned row[TEXT_DISTANCE_MAX + 1]; /* from what was read of @a to each start of @b */

	if (strcmp(a, b) == 0)
		return 0;
	if (a_len > TEXT_DISTANCE_MAX || b_len > TEXT_DISTANCE_MAX)
		return limit + 1;
	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 0; i < a_len; i++) {
		unsigned diagonal = row[0];

		row[0]++;
		for (size_t j = 0; j < b_len; j++) {
			const unsigned replaced = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = least(replaced, least(row[j], row[j + 1]) + 1);
		}
	}
	return row[b_len] <= limit ? row[b_len] : limit + 1;
}
