/* SPDX-License-Identifier: BSD-2-Clause */

/* Feeds the files of corpora to a fuzz target, told as TAP: what a fuzzer has found once stays a
 * regression test, also where there is no fuzzer. Arguments are files and directories; a directory
 * that is missing or empty fails, so that no corpus is lost unseen. */

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "fuzz.h"

struct replay {
	unsigned n;
	unsigned failures;
};

static void tell(struct replay *r, bool ok, const char *what, const char *name)
{
	r->n++;
	r->failures += !ok;
	printf("%s %u - %s %s\n", ok ? "ok" : "not ok", r->n, name, what);
}

/* Read the file into a block of just its size, so that a sanitizer sees a byte read past it. */
static char *read_file(FILE *f, size_t *ret_size)
{
	_cleanup_(mem_freep) char *data = NULL;
	struct stat st;

	if (fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	data = mem_alloc((size_t)st.st_size);
	if (!data || fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		return NULL;
	*ret_size = (size_t)st.st_size;
	return steal(data);
}

static void replay_file(struct replay *r, const char *path)
{
	_cleanup_(mem_freep) char *data = NULL;
	FILE *f = fopen(path, "re");
	size_t size = 0;

	if (f) {
		data = read_file(f, &size);
		(void)fclose(f); /* was only read */
	}
	if (!data) {
		tell(r, false, "cannot be read", path);
		return;
	}
	printf("# %s\n", path);
	(void)fflush(stdout); /* so that a crash shows which input came last */
	(void)LLVMFuzzerTestOneInput((const uint8_t *)data, size); /* 0, or "of no use as a seed" */
	tell(r, true, "is handled", path);
}

static void replay_directory(struct replay *r, const char *path, DIR *d)
{
	const unsigned before = r->n;

	for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
		char file[4096];

		if (e->d_name[0] == '.')
			continue;
		if (snprintf(file, sizeof(file), "%s/%s", path, e->d_name) >= (int)sizeof(file))
			tell(r, false, "has too long a name", path);
		else
			replay_file(r, file);
	}
	if (r->n == before)
		tell(r, false, "is empty", path);
}

static void replay(struct replay *r, const char *path)
{
	DIR *d = opendir(path);

	if (d) {
		replay_directory(r, path, d);
		(void)closedir(d); /* was only read */
	} else if (errno == ENOTDIR) {
		replay_file(r, path);
	} else {
		tell(r, false, strerror(errno), path);
	}
}

int main(int argc, char **argv)
{
	struct replay r = {0};

	for (int i = 1; i < argc; i++)
		replay(&r, argv[i]);
	if (r.n == 0)
		tell(&r, false, "is missing", "a corpus");
	printf("1..%u\n", r.n);
	return r.failures != 0;
}
