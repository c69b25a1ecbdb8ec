/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Comma-separated values (RFC 4180), a line at a time: quoted cells may hold line breaks, commas,
 * doubled quotes, CR and NUL. */

#define CSV_CELLS_MAX 1000
#define CSV_LINE_MAX  (1024u * 1024)

struct csv_cell {
	const char *text; /* borrowed from the reader until the next line; ended by NUL besides */
	size_t len;
	bool quoted;
};

struct csv_line {
	struct csv_cell cells[CSV_CELLS_MAX];
	size_t n;
};

struct csv_reader {
	const char *text; /* borrowed */
	size_t len, at;
	char *cells; /* unquoted cells of the present line */
	size_t cells_size;
};

void csv_init(struct csv_reader *r, const char *text, size_t len);
void csv_done(struct csv_reader *r);

/* Read the next line. Returns 1 with *ret; 0 at the end; -EBADMSG where it is no CSV (a quote that
 * is not closed, too many cells, too long a line); -ENOMEM. */
int csv_next(struct csv_reader *r, struct csv_line *ret);
