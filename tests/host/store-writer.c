/* SPDX-License-Identifier: BSD-2-Clause */

/* What store-crash.py kills and disturbs at each of its system calls:
 *
 *	store-writer DIRECTORY write NAME TEXT | read NAME | aside NAME | prove | key
 *
 * Exit status 0, 1 with the fault on stderr, or 3 where there is no such record. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/store.h"

#define WRITER_RECORD_MAX (1024u * 1024)

static int print_record(struct store *s, const char *name, struct fault *fault)
{
	_cleanup_(buf_done) struct buf b = BUF(WRITER_RECORD_MAX);
	int r = store_read(s, name, &b, fault);

	if (r == 0)
		(void)printf("%s", buf_text(&b));
	return r;
}

static int print_key(struct store *s, struct fault *fault)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	int r = store_key_own(s, &key, fault);

	for (size_t i = 0; i < secret_len(key); i++)
		(void)printf("%02x", (unsigned char)secret_expose(key)[i]);
	return r;
}

static int run(struct store *s, char **words, struct fault *fault)
{
	const char *verb = words[0];

	if (strcmp(verb, "write") == 0)
		return store_write(s, words[1], words[2], strlen(words[2]), fault);
	if (strcmp(verb, "read") == 0)
		return print_record(s, words[1], fault);
	if (strcmp(verb, "aside") == 0)
		return store_aside(s, words[1], NULL, fault);
	if (strcmp(verb, "prove") == 0)
		return store_prove(s, WRITER_RECORD_MAX, fault);
	return print_key(s, fault);
}

int main(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *s = NULL;
	struct fault fault = {.kind = FAULT_NONE};
	int r;

	if (argc < 3)
		return 2;
	r = store_open(argv[1], &s, &fault);
	if (r == 0)
		r = run(s, argv + 2, &fault);
	if (r == -ENOENT && fault.kind == FAULT_NONE)
		return 3;
	if (r < 0)
		(void)fprintf(stderr, "%s\n", fault.detail);
	return r < 0;
}
