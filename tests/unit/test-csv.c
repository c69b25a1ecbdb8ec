/* SPDX-License-Identifier: BSD-2-Clause */

/* Comma-separated values, as bulk results are written. */

#include <errno.h>

#include "base/mem.h"
#include "sync/csv.h"
#include "test.h"

static struct csv_reader reader;
static struct csv_line line;

static void begin(const char *text, size_t len)
{
	csv_done(&reader);
	csv_init(&reader, text, len);
}

#define BEGIN(text) begin(text, sizeof(text) - 1)

static void lines_and_cells(void)
{
	BEGIN("Id,Email\n1,a@b.example\n2,\n");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_INT(line.n, 2);
	CHECK_TEXT(line.cells[1].text, "Email");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_TEXT(line.cells[0].text, "1");
	CHECK_TEXT(line.cells[1].text, "a@b.example");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_INT(line.n, 2);
	CHECK_TEXT(line.cells[1].text, "");
	CHECK_INT(csv_next(&reader, &line), 0);
	csv_done(&reader);
}

static void quoted_cells_hold_anything(void)
{
	BEGIN("\"a\nb\",\"say \"\"hi\"\", then\",\"c\r\nd\"\n\"\",x\n");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_INT(line.n, 3);
	CHECK_TEXT(line.cells[0].text, "a\nb");
	CHECK_TEXT(line.cells[1].text, "say \"hi\", then");
	CHECK_TEXT(line.cells[2].text, "c\r\nd");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_INT(line.n, 2);
	CHECK_INT(line.cells[0].len, 0);
	CHECK(line.cells[0].quoted && !line.cells[1].quoted);
	csv_done(&reader);
}

static void a_nul_is_a_character_like_others(void)
{
	BEGIN("a\0b,c\n");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_INT(line.n, 2);
	CHECK_INT(line.cells[0].len, 3);
	CHECK(memcmp(line.cells[0].text, "a\0b", 3) == 0);
	CHECK_TEXT(line.cells[1].text, "c");
	csv_done(&reader);
}

static void the_last_line_may_lack_its_end(void)
{
	BEGIN("a,b\r\nc,d");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_TEXT(line.cells[1].text, "b");
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_TEXT(line.cells[1].text, "d");
	CHECK_INT(csv_next(&reader, &line), 0);
	csv_done(&reader);
}

static void an_open_quote_is_no_csv(void)
{
	BEGIN("a,\"b\nc,d\n");
	CHECK_INT(csv_next(&reader, &line), -EBADMSG);
	csv_done(&reader);
}

static void too_many_cells_are_no_csv(void)
{
	static char commas[CSV_CELLS_MAX + 1];

	memset(commas, ',', sizeof(commas));
	begin(commas, CSV_CELLS_MAX - 1);
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_INT(line.n, CSV_CELLS_MAX);
	begin(commas, CSV_CELLS_MAX);
	CHECK_INT(csv_next(&reader, &line), -EBADMSG);
	csv_done(&reader);
}

static bool refuse(size_t size)
{
	(void)size;
	return true;
}

static void without_memory_nothing_is_read(void)
{
	BEGIN("a,b\n");
	mem_set_failure(refuse);
	CHECK_INT(csv_next(&reader, &line), -ENOMEM);
	mem_set_failure(NULL);
	CHECK_INT(csv_next(&reader, &line), 1);
	CHECK_TEXT(line.cells[0].text, "a");
	csv_done(&reader);
}

static const struct test tests[] = {
	{"a text is lines of cells", lines_and_cells},
	{"quoted cells hold line breaks, commas and doubled quotes", quoted_cells_hold_anything},
	{"a NUL is a character like others", a_nul_is_a_character_like_others},
	{"lines end with LF or CRLF, the last one perhaps with nothing",
		the_last_line_may_lack_its_end},
	{"a quote that is not closed is no CSV", an_open_quote_is_no_csv},
	{"too many cells are no CSV", too_many_cells_are_no_csv},
	{"without memory nothing is read, and it can be tried again",
		without_memory_nothing_is_read},
};

TEST_MAIN(tests)
