/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that `grantctl exec` keeps a token in. A reader that opens it at any time finds a whole
 * token: a new one is written beside it, and renamed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/show.h"
#include "ctl/tokenfile.h"

#define FILE_NAME "token"
#define NEW_NAME  ".token"

/* Where ours is made. NULL when memory is short. */
static char *choose_base(void)
{
	const char *managed = getenv("RUNTIME_DIRECTORY"); /* systemd.exec(5): may be several */
	const char *user = getenv("XDG_RUNTIME_DIR");

	if (managed && *managed)
		return mem_strndup(managed, strcspn(managed, ":"));
	return mem_strdup(user && *user ? user : "/dev/shm");
}

static int check_is_memory(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	switch ((unsigned)fs.f_type) {
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
		return 0;
	default:
		return -EMEDIUMTYPE;
	}
}

static int make_in(struct tokenfile *f, const char *base)
{
	int n = snprintf(f->path, sizeof(f->path), "%s/grantctl-XXXXXX/" FILE_NAME, base);

	if (base[0] != '/')
		return -EINVAL;
	if (n < 0 || (size_t)n >= sizeof(f->path))
		return -ENAMETOOLONG;
	*strrchr(f->path, '/') = '\0';
	if (!mkdtemp(f->path))
		return -errno;
	(void)memcpy(f->directory, f->path, sizeof(f->directory));
	f->path[strlen(f->path)] = '/';
	f->fd = open(f->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return f->fd < 0 ? -errno : check_is_memory(f->fd);
}

int tokenfile_make(struct tokenfile *f, struct buf *why)
{
	_cleanup_(mem_freep) char *base = choose_base();
	int r;

	if (!base) {
		(void)buf_add_text(why, "out of memory");
		return EXIT_FAILED;
	}
	r = make_in(f, base);
	if (r == 0)
		return EXIT_DONE;
	tokenfile_remove(f);
	(void)buf_printf(why,
		"cannot keep a token in %s: %s; have RUNTIME_DIRECTORY or XDG_RUNTIME_DIR name a "
		"directory on tmpfs that is yours",
		base,
		r == -EMEDIUMTYPE      ? "it is on a disk"
			: r == -EINVAL ? "it is no absolute path"
				       : strerror(-r));
	return EXIT_FAILED;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int tokenfile_put(const struct tokenfile *f, const char *token)
{
	int fd, r;

	fd = openat(f->fd, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, token, strlen(token));
	(void)close(fd); /* memory has no errors to tell late */
	if (r == 0 && renameat(f->fd, NEW_NAME, f->fd, FILE_NAME) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(f->fd, NEW_NAME, 0); /* what failed is told already */
	return r;
}

void tokenfile_remove(struct tokenfile *f)
{
	/* Nobody could do anything about a failure: the directory may be gone, or hold what the
	 * command has put there. */
	if (f->fd >= 0) {
		(void)unlinkat(f->fd, NEW_NAME, 0);
		(void)unlinkat(f->fd, FILE_NAME, 0);
		(void)close(f->fd);
	}
	if (f->directory[0])
		(void)rmdir(f->directory);
	*f = TOKENFILE_NONE;
}
