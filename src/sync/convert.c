/* SPDX-License-Identifier: BSD-2-Clause */

/* From a record of the source to a row for the target. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/convert.h"
#include "sync/rest.h"
#include "sync/when.h"

/* A row in the target's form: 1,000 fields of a few hundred bytes, and notes of 30,000. */
#define ROW_JSON_MAX (512u * 1024)
/* Doubles below hold every whole number. */
#define EXACT_MAX 9007199254740992.0

/* A record as it came, in one of two forms. */
struct record {
	const struct json *json;
	const struct csv_line *columns, *line;
	size_t at; /* in the columns: they come in the order that is asked for */
};

enum value_kind { VALUE_NULL, VALUE_TEXT, VALUE_BOOL, VALUE_NUMBER };

struct value {
	enum value_kind kind;
	const char *text;
	size_t len;
	bool flag;
	double number;
};

static struct value json_value(const struct json *j)
{
	struct value v = {.kind = VALUE_NULL};

	if (json_bool(j, &v.flag)) {
		v.kind = VALUE_BOOL;
	} else if (json_number(j, &v.number)) {
		v.kind = VALUE_NUMBER;
	} else if (json_text(j)) {
		v.kind = VALUE_TEXT;
		v.text = json_text(j);
		v.len = strlen(v.text);
	}
	return v;
}

static struct value nested_value(const struct json *record, const char *name)
{
	const char *dot = strchr(name, '.');
	char parent[64];

	if (!dot || (size_t)(dot - name) >= sizeof(parent))
		return json_value(json_get(record, name));
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(dot - name), name);
	return json_value(json_get(json_get(record, parent), dot + 1));
}

static struct value cell_value(const struct csv_cell *cell)
{
	struct value v = {.kind = VALUE_NULL};

	if (cell->len > 0)
		v = (struct value){.kind = VALUE_TEXT, .text = cell->text, .len = cell->len};
	return v;
}

static struct value value_of(struct record *r, const char *name)
{
	size_t n;

	if (r->json)
		return nested_value(r->json, name);
	n = r->columns->n < r->line->n ? r->columns->n : r->line->n;
	for (size_t i = 0; i < n; i++) {
		size_t k = (r->at + i) % n;

		if (text_equal_nocase(r->columns->cells[k].text, name)) {
			r->at = k + 1;
			return cell_value(&r->line->cells[k]);
		}
	}
	return (struct value){.kind = VALUE_NULL};
}

/* "true" also as a text, as CSV has it. */
static bool is_true(struct record *r, const char *name)
{
	struct value v = value_of(r, name);

	if (v.kind == VALUE_TEXT)
		return text_equal_nocase(v.text, "true");
	return v.kind == VALUE_BOOL && v.flag;
}

/* --- values in the target's form --- */

/* The bytes of the first @max characters of UTF-8; *ret_longer where there are more. */
static size_t cut_at(const char *text, size_t len, size_t max, bool *ret_longer)
{
	size_t at = 0;

	for (size_t i = 0; i < max && at < len; i++) {
		at++;
		while (at < len && ((unsigned char)text[at] & 0xc0) == 0x80)
			at++;
	}
	*ret_longer = at < len;
	return at;
}

/* The same by bytes, at the border of a character. */
static size_t cut_at_byte(const char *text, size_t len, size_t max, bool *ret_longer)
{
	size_t at = len < max ? len : max;

	*ret_longer = at < len;
	while (at < len && at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* Whole numbers exactly, others with the 15 digits that every double keeps. */
static int print_number(double number, char *to, size_t size)
{
	bool whole = number > -EXACT_MAX && number < EXACT_MAX &&
		number - (double)(int64_t)number >= 0 && number - (double)(int64_t)number <= 0;
	int n = snprintf(to, size, whole ? "%.0f" : "%.15g", number);

	return n < 0 || (size_t)n >= size ? -EINVAL : 0;
}

/* Is it a JSON number (RFC 8259 §6)? */
static bool is_number(const char *text)
{
	const char *at = text + (*text == '-');
	size_t whole = strspn(at, "0123456789");

	if (whole == 0 || (whole > 1 && *at == '0'))
		return false;
	at += whole;
	if (*at == '.') {
		size_t fraction = strspn(++at, "0123456789");

		if (fraction == 0)
			return false;
		at += fraction;
	}
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '+' || *at == '-';
		whole = strspn(at, "0123456789");
		if (whole == 0)
			return false;
		at += whole;
	}
	return *at == '\0';
}

static int add_number(struct buf *b, const struct value *v)
{
	char text[40];

	if (v->kind == VALUE_TEXT)
		return is_number(v->text) ? buf_add_text(b, v->text) : -EINVAL;
	if (v->kind != VALUE_NUMBER || print_number(v->number, text, sizeof(text)) < 0)
		return -EINVAL;
	return buf_add_text(b, text);
}

static int add_bool(struct buf *b, const struct value *v)
{
	if (v->kind == VALUE_BOOL)
		return buf_add_text(b, v->flag ? "true" : "false");
	if (v->kind == VALUE_TEXT &&
		(text_equal_nocase(v->text, "true") || text_equal_nocase(v->text, "false")))
		return buf_add_text(b, text_equal_nocase(v->text, "true") ? "true" : "false");
	return -EINVAL;
}

static int add_time(struct buf *b, const struct value *v, enum field_type type)
{
	if (v->kind != VALUE_TEXT)
		return -EINVAL;
	if (type == FIELD_DATE)
		return when_check_date(v->text) < 0 ? -EINVAL : rest_add_string(b, v->text, v->len);
	(void)buf_add_char(b, '"'); /* a failure sticks */
	if (when_add(b, v->text) < 0)
		return -EINVAL;
	return buf_add_char(b, '"');
}

/* Anything as text, cut where the field is too short and that is allowed. -EMSGSIZE where it is
 * not. */
static int add_text(struct buf *b, const struct value *v, const struct map_entry *e,
	enum sync_too_long on_too_long, bool *ret_cut)
{
	char number[40] = "";
	const char *text = v->text;
	size_t len = v->len;
	bool longer = false;

	if (v->kind == VALUE_BOOL)
		text = v->flag ? "true" : "false";
	else if (v->kind == VALUE_NUMBER && print_number(v->number, number, sizeof(number)) == 0)
		text = number;
	if (v->kind != VALUE_TEXT)
		len = strlen(text);
	if (!text_is_utf8(text, len) && memchr(text, '\0', len) == NULL)
		return -EINVAL;
	if (e->to_length > 0 && e->to_type == FIELD_TEXT) /* long texts are counted in bytes */
		len = cut_at_byte(text, len, e->to_length, &longer);
	else if (e->to_length > 0)
		len = cut_at(text, len, e->to_length, &longer);
	*ret_cut |= longer;
	if (longer && on_too_long == SYNC_TOO_LONG_SKIP)
		return -EMSGSIZE;
	return rest_add_string(b, text, len);
}

static int add_value(struct buf *b, const struct value *v, const struct map_entry *e,
	enum sync_too_long on_too_long, bool *ret_cut)
{
	if (v->kind == VALUE_NULL)
		return buf_add_text(b, "null");
	switch (e->to_type) {
	case FIELD_STRING:
	case FIELD_TEXT:
		return add_text(b, v, e, on_too_long, ret_cut);
	case FIELD_BOOLEAN:
		return add_bool(b, v);
	case FIELD_INTEGER:
	case FIELD_FLOAT:
		return add_number(b, v);
	case FIELD_DATE:
	case FIELD_DATETIME:
		return add_time(b, v, e->to_type);
	case FIELD_OTHER:
		break;
	}
	return -EINVAL;
}

/* One member; one whose value can't be sent is left out. */
static int add_member(struct buf *b, const struct value *v, const struct map_entry *e,
	const struct sync_settings *settings, bool *ret_cut)
{
	size_t before = b->len;
	int r;

	if (b->len > 1)
		(void)buf_add_char(b, ','); /* failures stick */
	(void)rest_add_string(b, e->to, strlen(e->to));
	(void)buf_add_char(b, ':');
	r = add_value(b, v, e, settings->on_too_long, ret_cut);
	if (b->error < 0)
		return b->error;
	if (r < 0) {
		b->len = before;
		b->data[before] = '\0';
	}
	return 0;
}

static int add_id_member(struct buf *b, const struct sync_settings *settings, const char *id)
{
	if (b->len > 1)
		(void)buf_add_char(b, ','); /* failures stick */
	(void)rest_add_string(b, settings->key, strlen(settings->key));
	(void)buf_add_char(b, ':');
	return rest_add_string(b, id, strlen(id));
}

/* The input object: all that is mapped, or with @only_flag the key and what IsDeleted goes to. */
static int fill_json(struct row *row, const struct map *m, const struct sync_settings *settings,
	struct record *r, bool only_flag)
{
	struct buf b = BUF(ROW_JSON_MAX);
	int k = buf_add_char(&b, '{');

	for (size_t i = 0; i < m->n && k == 0; i++) {
		const struct map_entry *e = &m->entries[i];
		struct value v;

		if (!map_entry_is_used(e) ||
			(only_flag && !text_equal(e->from, "IsDeleted") &&
				!text_equal_nocase(e->to, settings->key)))
			continue;
		v = value_of(r, e->from);
		k = add_member(&b, &v, e, settings, &row->cut);
	}
	if (k == 0 && sync_key_is_id(settings))
		k = add_id_member(&b, settings, row->id);
	if (k == 0)
		k = buf_add_char(&b, '}');
	row->json_len = b.len;
	row->json = k == 0 ? buf_steal(&b) : NULL;
	buf_done(&b);
	if (k == -EMSGSIZE) {
		row->act = ROW_SKIP;
		row->why = "the record is longer than the target takes";
		return 0;
	}
	return row->json ? 0 : -ENOMEM;
}

/* --- what is to be done --- */

/* Addresses are one whatever their case, so that is how keys are compared. */
static char *lower(const char *text, size_t len)
{
	char *copy = mem_strndup(text, len);

	for (char *c = copy; c && *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return copy;
}

static int fill_key(struct row *row, const struct map *m, const struct sync_settings *settings,
	struct record *r)
{
	struct value v = {.kind = VALUE_NULL};

	if (sync_key_is_id(settings)) {
		row->key = mem_strdup(row->id);
		return row->key ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < m->n; i++)
		if (map_entry_is_used(&m->entries[i]) &&
			text_equal_nocase(m->entries[i].to, settings->key))
			v = value_of(r, m->entries[i].from);
	if (v.kind != VALUE_TEXT || v.len == 0)
		return 0;
	row->key = lower(v.text, v.len);
	return row->key ? 0 : -ENOMEM;
}

static void skip(struct row *row, const char *why)
{
	row->act = ROW_SKIP;
	row->why = why;
}

static bool has_flag(const struct map *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (text_equal(m->entries[i].from, "IsDeleted") &&
			map_entry_is_used(&m->entries[i]))
			return true;
	return false;
}

static int decide_deleted(struct row *row, const struct map *m,
	const struct sync_settings *settings, struct record *r)
{
	switch (settings->deletes) {
	case SYNC_DELETES_IGNORE:
		skip(row, "deleted at the source");
		return 0;
	case SYNC_DELETES_DELETE:
		row->act = ROW_DELETE;
		return 0;
	case SYNC_DELETES_FLAG:
		break;
	case _SYNC_DELETES_MAX:
		return -EINVAL;
	}
	if (!has_flag(m)) {
		skip(row, "deleted at the source, and IsDeleted goes to no field of the target");
		return 0;
	}
	row->act = ROW_FLAG;
	return fill_json(row, m, settings, r, true);
}

/* A lead that became a contact is one person still: with ids as keys it gets the contact's, else
 * the contact brings it. */
static int decide_converted(struct row *row, const struct sync_settings *settings, struct record *r)
{
	struct value v = value_of(r, "ConvertedContactId");
	char id[19];

	if (!sync_key_is_id(settings) || v.kind != VALUE_TEXT || row_id18(v.text, id) < 0) {
		skip(row, "converted: the contact brings it");
		return 0;
	}
	row->act = ROW_REKEY;
	row->new_key = mem_strdup(id);
	return row->new_key ? 0 : -ENOMEM;
}

static int decide(struct row *row, const struct map *m, const struct sync_settings *settings,
	struct record *r)
{
	bool converted = m->object == SYNC_LEAD && settings->objects[SYNC_CONTACT] &&
		is_true(r, "IsConverted");

	if (!row->key) {
		skip(row, "without a value for the key");
		return 0;
	}
	if (converted)
		return decide_converted(row, settings, r);
	if (is_true(r, "IsDeleted"))
		return decide_deleted(row, m, settings, r);
	row->act = ROW_UPSERT;
	return fill_json(row, m, settings, r, false);
}

static int convert(const struct map *m, const struct sync_settings *settings, struct record *r,
	struct row **ret, struct fault *reterr)
{
	_cleanup_(row_freep) struct row *row = mem_alloc(sizeof(*row));
	struct value id = value_of(r, "Id"), stamp = value_of(r, "SystemModstamp");
	int k;

	if (!row)
		return -ENOMEM;
	row->object = m->object;
	if (id.kind != VALUE_TEXT || row_id18(id.text, row->id) < 0 || stamp.kind != VALUE_TEXT ||
		when_parse(stamp.text, &row->stamp_usec) < 0) {
		fault_set(reterr, FAULT_PROTOCOL,
			"a record of %s came without Id or SystemModstamp",
			sync_object_api_name(m->object));
		return -EBADMSG;
	}
	k = fill_key(row, m, settings, r);
	if (k == 0)
		k = decide(row, m, settings, r);
	if (k < 0)
		return k;
	*ret = steal(row);
	return 0;
}

int convert_record(const struct map *m, const struct sync_settings *settings,
	const struct json *record, struct row **ret, struct fault *reterr)
{
	struct record r = {.json = record};

	return convert(m, settings, &r, ret, reterr);
}

int convert_line(const struct map *m, const struct sync_settings *settings,
	const struct csv_line *columns, const struct csv_line *line, struct row **ret,
	struct fault *reterr)
{
	struct record r = {.columns = columns, .line = line};

	return convert(m, settings, &r, ret, reterr);
}
