/* SPDX-License-Identifier: BSD-2-Clause */

/* Any text to sync/csv: it comes to an end, and what was read and is written again, all of it
 * quoted, reads the same. */

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "fuzz.h"
#include "sync/csv.h"

static void write_line(struct buf *to, const struct csv_line *line)
{
	for (size_t i = 0; i < line->n; i++) {
		const struct csv_cell *cell = &line->cells[i];

		MUST(cell->text[cell->len] == '\0');
		MUST(buf_add_text(to, i > 0 ? ",\"" : "\"") == 0);
		for (size_t k = 0; k < cell->len; k++) {
			if (cell->text[k] == '"')
				MUST(buf_add_char(to, '"') == 0);
			MUST(buf_add_char(to, cell->text[k]) == 0);
		}
		MUST(buf_add_char(to, '"') == 0);
	}
	MUST(buf_add_char(to, '\n') == 0);
}

static void check_same(const struct csv_line *a, const struct csv_line *b)
{
	MUST(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		MUST(a->cells[i].len == b->cells[i].len);
		MUST(memcmp(a->cells[i].text, b->cells[i].text, a->cells[i].len) == 0);
		MUST(b->cells[i].quoted);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct csv_line line, same;
	_cleanup_(buf_done) struct buf again = BUF(3 * size + 4 * CSV_CELLS_MAX);
	struct csv_reader reader, second;
	size_t lines = 0;
	int r;

	csv_init(&reader, (const char *)data, size);
	while ((r = csv_next(&reader, &line)) > 0) {
		MUST(++lines <= size);
		MUST(line.n > 0 && line.n <= CSV_CELLS_MAX);
		again.len = 0;
		write_line(&again, &line);
		csv_init(&second, again.data, again.len);
		MUST(csv_next(&second, &same) == 1);
		check_same(&line, &same);
		MUST(csv_next(&second, &same) == 0);
		csv_done(&second);
	}
	MUST(r == 0 || r == -EBADMSG);
	csv_done(&reader);
	return 0;
}
