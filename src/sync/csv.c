/* SPDX-License-Identifier: BSD-2-Clause */

/* Comma-separated values, RFC 4180, as bulk results are written. The cells of a line are copied
 * without their quotes into one block, each ended by a NUL. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "sync/csv.h"

void csv_init(struct csv_reader *r, const char *text, size_t len)
{
	*r = (struct csv_reader){.text = text, .len = len};
}

void csv_done(struct csv_reader *r)
{
	mem_free(r->cells);
	*r = (struct csv_reader){0};
}

/* Where the line that begins at @at ends: at its line feed, or at the end of the text. -EBADMSG
 * where a quote stays open. */
static int find_end(const struct csv_reader *r, size_t *ret)
{
	bool quoted = false;
	size_t i;

	for (i = r->at; i < r->len; i++) {
		if (r->text[i] == '"')
			quoted = !quoted;
		else if (r->text[i] == '\n' && !quoted)
			break;
	}
	if (quoted || i - r->at > CSV_LINE_MAX)
		return -EBADMSG;
	*ret = i;
	return 0;
}

/* Copy the cell at @from to @to without its quotes. Returns where it ended: at a comma or @end. */
static size_t copy_cell(
	const struct csv_reader *r, size_t from, size_t end, char *to, struct csv_cell *ret)
{
	bool quoted = false;
	size_t n = 0;

	*ret = (struct csv_cell){.text = to};
	for (; from < end && (quoted || r->text[from] != ','); from++) {
		if (r->text[from] != '"') {
			to[n++] = r->text[from];
		} else if (quoted && from + 1 < end && r->text[from + 1] == '"') {
			to[n++] = r->text[from++];
		} else {
			quoted = !quoted;
			ret->quoted = true;
		}
	}
	to[n] = '\0';
	ret->len = n;
	return from;
}

int csv_next(struct csv_reader *r, struct csv_line *ret)
{
	size_t end = 0, stop, at, used = 0, size;
	char *cells;
	int k;

	if (r->at >= r->len)
		return 0;
	k = find_end(r, &end);
	if (k < 0)
		return k;
	stop = end > r->at && r->text[end - 1] == '\r' ? end - 1 : end;
	size = stop - r->at + CSV_CELLS_MAX + 1;
	if (size > r->cells_size) {
		cells = mem_resize(r->cells, size);
		if (!cells)
			return -ENOMEM;
		r->cells = cells;
		r->cells_size = size;
	}
	ret->n = 0;
	for (at = r->at; at <= stop; at++) {
		if (ret->n == CSV_CELLS_MAX)
			return -EBADMSG;
		at = copy_cell(r, at, stop, r->cells + used, &ret->cells[ret->n]);
		used += ret->cells[ret->n++].len + 1;
	}
	r->at = end + 1;
	return 1;
}
