/* SPDX-License-Identifier: BSD-2-Clause */

/* The state directory and the secret files of the machine: grantd-security(7) tells what a crash,
 * a full disk and a second process find. Nothing here knows what the bytes mean. */

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-id128.h>

#include "base/mem.h"
#include "base/text.h"
#include "host/fd.h"
#include "host/loop.h"
#include "host/store.h"

/* Our application id: no other program of this machine derives the same machine id with it. */
#define STORE_APPLICATION \
	SD_ID128_MAKE(6b, 5c, d8, 58, 92, bd, 43, 3a, a6, bb, 28, 39, ae, 24, 43, 17)

/* A connection name has at most 63 characters; the longest file is NAME.unreadable-N. */
#define STORE_NAME_MAX 63
#define STORE_FILE_MAX 96

/* Records set aside for one connection; past it somebody should have looked. */
#define STORE_ASIDE_MAX 1000

/* The longest form of a key is 64 digits and a line end; more is read to tell that it is too long.
 */
#define STORE_KEY_FILE_MAX 1024

#define STORE_READ_SIZE 4096

#define RECORD_SUFFIX ".grant"
#define TEMP_SUFFIX   ".tmp"
#define LOCK_FILE     ".lock"
#define PROBE_FILE    ".probe" TEMP_SUFFIX
#define KEY_FILE      "store.key"
#define KEY_TEMP_FILE "." KEY_FILE TEMP_SUFFIX

struct store {
	char *path; /* for texts only: files are reached through dirfd */
	int dirfd;
	int lockfd; /* the lock lives as long as this */
};

/* A file as it is opened and as it is told about. */
struct place {
	int dirfd;
	const char *directory; /* NULL where name is a path */
	const char *name;
	int flags; /* more for open(2) */
	enum fault_kind kind;
};

static struct place place_in_store(const struct store *s, const char *file)
{
	return (struct place){s->dirfd, s->path, file, O_NOFOLLOW, FAULT_STORAGE};
}

/* Symbolic links are followed: the operator named the file, and /etc may be built of them. */
static struct place place_at_path(const char *path)
{
	return (struct place){AT_FDCWD, NULL, path, 0, FAULT_MISCONFIGURED};
}

/* What the errno value -@r means for the person who has to do something about it. */
static const char *errno_text(int r)
{
	const char *text;

	switch (r) {
	case -ENOSPC:
		return "no space left on its file system: free some";
	case -EDQUOT:
		return "the disk quota is used up: free some space";
	case -EROFS:
		return "its file system is read-only: remount it writable, or set another directory";
	case -ENXIO:
		return "it is not a regular file";
	case -ELOOP:
		return "it is a symbolic link";
	case -EMSGSIZE:
		return "it is too large";
	default:
		text = strerrordesc_np(-r);
		return text ? text : "unknown error";
	}
}

/* Tell that @verb failed at @p with @r, and return that. */
static int place_fault(const struct place *p, const char *verb, int r, struct fault *reterr)
{
	fault_set(reterr, r == -ENOMEM ? FAULT_INTERNAL : p->kind, "cannot %s %s%s%s: %s", verb,
		p->directory ? p->directory : "", p->directory ? "/" : "", p->name, errno_text(r));
	return r;
}

static int store_fault(
	const struct store *s, const char *verb, const char *file, int r, struct fault *reterr)
{
	const struct place p = place_in_store(s, file);

	return place_fault(&p, verb, r, reterr);
}

static int memory_fault(struct fault *reterr)
{
	fault_set(reterr, FAULT_INTERNAL, "out of memory");
	return -ENOMEM;
}

/* -errno of a call that returned @r < 0, else 0. */
static int negative_errno(int r)
{
	return r < 0 ? -errno : 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) /* a file system that takes nothing must not hold us for ever */
			return -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Append all of @fd to @b. 0, -errno, -EMSGSIZE past its cap. */
static int read_all(int fd, struct buf *b)
{
	char chunk[STORE_READ_SIZE];
	ssize_t n;
	int r = 0;

	do {
		n = read(fd, chunk, sizeof(chunk));
		if (n > 0)
			r = buf_add(b, chunk, (size_t)n);
		else if (n < 0 && errno != EINTR)
			r = -errno;
	} while (r == 0 && n != 0);
	mem_wipe(chunk, sizeof(chunk));
	return r;
}

/* Read the whole regular file @p into *ret, in place of its content. Never waits for a fifo or a
 * device. 0, -errno. */
static int place_read(const struct place *p, struct buf *ret, struct stat *ret_stat)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | p->flags;
	_cleanup_(buf_done) struct buf content = BUF(ret->max);
	_cleanup_(fd_closep) int fd = openat(p->dirfd, p->name, flags);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENXIO;
	r = read_all(fd, &content);
	if (r < 0)
		return r;
	buf_done(ret);
	*ret = content;
	content = BUF(0);
	*ret_stat = st;
	return 0;
}

static int sync_directory(int dirfd)
{
	_cleanup_(fd_closep) int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : negative_errno(fsync(fd));
}

/* Open the directory @name below @dirfd, made with @mode when missing. *ret_fd can only be walked
 * through. */
static int enter_directory(int dirfd, const char *name, mode_t mode, int *ret_fd)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd = openat(dirfd, name, flags);
	int r;

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dirfd, name, mode) < 0 && errno != EEXIST)
			return -errno;
		r = sync_directory(dirfd);
		if (r < 0)
			return r;
		fd = openat(dirfd, name, flags);
	}
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* Make the directory @path and its parents where they are missing, and see that they stay. A
 * user's parents (~/.local/state) are private, by the XDG Base Directory Specification. */
static int make_directory(const char *path)
{
	const mode_t parent_mode = geteuid() == 0 ? 0755 : 0700;
	_cleanup_(fd_closep) int fd = open(*path == '/' ? "/" : ".", O_PATH | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	while (r == 0 && *(path += strspn(path, "/"))) {
		const size_t len = strcspn(path, "/");
		const bool last = path[len + strspn(path + len, "/")] == '\0';
		_cleanup_(mem_freep) char *name = mem_strndup(path, len);
		int next = -1;

		if (!name)
			return -ENOMEM;
		r = enter_directory(fd, name, last ? 0700 : parent_mode, &next);
		if (r < 0)
			return r;
		fd_closep(&fd);
		fd = next;
		path += len;
	}
	return r;
}

/* A symbolic link as the state directory is followed: systemd makes it one for DynamicUser=. What
 * counts is what it leads to. */
static int store_open_directory(struct store *s, struct fault *reterr)
{
	const struct place p = {AT_FDCWD, NULL, s->path, 0, FAULT_STORAGE};
	int r;

	r = make_directory(s->path);
	if (r < 0)
		return place_fault(&p, "make the state directory", r, reterr);
	s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0)
		return place_fault(&p, "open the state directory", -errno, reterr);
	return 0;
}

/* Is it ours alone? */
static int store_check_directory(const struct store *s, struct fault *reterr)
{
	struct stat st;

	if (fstat(s->dirfd, &st) < 0)
		return store_fault(s, "look at", ".", -errno, reterr);
	if (st.st_uid != geteuid()) {
		fault_set(reterr, FAULT_STORAGE,
			"state directory %s belongs to uid %u, not to uid %u that runs this: "
			"run as its owner, or chown -R it",
			s->path, st.st_uid, geteuid());
		return -EPERM;
	}
	if (st.st_mode & 0022) {
		fault_set(reterr, FAULT_STORAGE,
			"state directory %s may be written by others (mode %04o): run chmod go-w %s",
			s->path, st.st_mode & 07777, s->path);
		return -EPERM;
	}
	return 0;
}

/* The pid that the owner of the lock wrote into it; 0 where it can't be told. */
static uint64_t lock_owner(int fd)
{
	char text[32] = "";
	uint64_t pid = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return text_parse_u64(text, &pid) < 0 ? 0 : pid;
}

static int lock_busy(const struct store *s, struct fault *reterr)
{
	const uint64_t pid = lock_owner(s->lockfd);

	if (pid)
		fault_set(reterr, FAULT_STORAGE,
			"another agent (pid %ju) has the state directory %s: stop it first",
			(uintmax_t)pid, s->path);
	else
		fault_set(reterr, FAULT_STORAGE,
			"another agent has the state directory %s: stop it first", s->path);
	return -EBUSY;
}

/* The lock is of the open file (OFD), not of the process: closing another descriptor of the file
 * does not lose it, and the kernel drops it when we die. */
static int store_lock(struct store *s, struct fault *reterr)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char text[32];
	int n;

	s->lockfd = openat(
		s->dirfd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (s->lockfd < 0)
		return store_fault(s, "open", LOCK_FILE, -errno, reterr);
	if (fcntl(s->lockfd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return lock_busy(s, reterr);
		return store_fault(s, "lock", LOCK_FILE, -errno, reterr);
	}
	/* The pid is only there to be told; on a full disk the agent starts without. */
	n = snprintf(text, sizeof(text), "%ju\n", (uintmax_t)getpid());
	if (ftruncate(s->lockfd, 0) == 0)
		(void)!pwrite(s->lockfd, text, (size_t)n, 0);
	return 0;
}

static bool ends_with(const char *text, const char *suffix)
{
	const size_t len = strlen(text), suffix_len = strlen(suffix);

	return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

static bool is_leftover(const char *file)
{
	return file[0] == '.' && ends_with(file, TEMP_SUFFIX);
}

static bool is_record(const char *file)
{
	return file[0] != '.' && ends_with(file, RECORD_SUFFIX);
}

/* Find one file that @matches. 1 with its name, 0 where there is none, -errno. */
static int find_file(int dirfd, bool (*matches)(const char *file), char ret[NAME_MAX + 1])
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	DIR *directory;
	int r;

	if (fd < 0)
		return -errno;
	directory = fdopendir(fd);
	if (!directory) {
		r = -errno;
		fd_closep(&fd);
		return r;
	}
	do {
		errno = 0;
		entry = readdir(directory);
	} while (entry && !matches(entry->d_name));
	r = entry ? 1 : -errno;
	if (entry)
		(void)snprintf(ret, NAME_MAX + 1, "%s", entry->d_name); /* fits by readdir(3) */
	(void)closedir(directory);                                      /* was only read */
	return r;
}

/* We have the lock, so nobody is writing these any more. */
static int store_remove_leftovers(struct store *s, struct fault *reterr)
{
	char file[NAME_MAX + 1];
	int r;

	while ((r = find_file(s->dirfd, is_leftover, file)) > 0)
		if (unlinkat(s->dirfd, file, 0) < 0)
			return store_fault(s, "remove", file, -errno, reterr);
	return r < 0 ? store_fault(s, "list", ".", r, reterr) : 0;
}

/* @dirfd: of the directory, -1 where it is still to be opened. */
static int store_begin(int dirfd, const char *path, struct store **ret, struct fault *reterr)
{
	_cleanup_(store_freep) struct store *s = mem_alloc(sizeof(*s));
	int r = 0;

	if (!s) {
		fd_closep(&dirfd);
		return memory_fault(reterr);
	}
	s->dirfd = dirfd;
	s->lockfd = -1;
	s->path = mem_strdup(path);
	if (!s->path)
		return memory_fault(reterr);
	if (s->dirfd < 0)
		r = store_open_directory(s, reterr);
	if (r == 0)
		r = store_check_directory(s, reterr);
	if (r == 0)
		r = store_lock(s, reterr);
	if (r == 0)
		r = store_remove_leftovers(s, reterr);
	if (r < 0)
		return r;
	*ret = steal(s);
	return 0;
}

int store_open(const char *directory, struct store **ret, struct fault *reterr)
{
	return store_begin(-1, directory, ret, reterr);
}

int store_adopt(int take_dirfd, const char *name, struct store **ret, struct fault *reterr)
{
	return store_begin(take_dirfd, name, ret, reterr);
}

int store_directory(
	struct store *s, const char *group, const char *name, int *ret_fd, struct fault *reterr)
{
	_cleanup_(fd_closep) int outer = -1;
	_cleanup_(fd_closep) int inner = -1;
	int r;

	r = enter_directory(s->dirfd, group, 0700, &outer);
	if (r < 0)
		return store_fault(s, "make", group, r, reterr);
	r = enter_directory(outer, name, 0700, &inner);
	if (r == 0) {
		*ret_fd = openat(inner, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = negative_errno(*ret_fd);
	}
	return r < 0 ? store_fault(s, "make", name, r, reterr) : 0;
}

struct store *store_free(struct store *s)
{
	if (!s)
		return NULL;
	fd_closep(&s->lockfd);
	fd_closep(&s->dirfd);
	mem_free(s->path);
	return mem_free(s);
}

/* Write @len bytes into a new file @temp and see them on disk; nothing of it stays behind on
 * failure. 0, -errno. */
static int write_temp(int dirfd, const char *temp, const void *data, size_t len)
{
	int fd, r;

	if (unlinkat(dirfd, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (r == 0)
		r = negative_errno(fsync(fd));
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, temp, 0); /* else the next write or start removes it */
	return r;
}

int store_prove(struct store *s, size_t size, struct fault *reterr)
{
	_cleanup_(mem_freep) char *probe = mem_alloc(size);
	int r;

	if (!probe)
		return memory_fault(reterr);
	loop_random(probe, size); /* what a compressing file system can't make smaller */
	r = write_temp(s->dirfd, PROBE_FILE, probe, size);
	if (r == 0)
		r = negative_errno(unlinkat(s->dirfd, PROBE_FILE, 0));
	return r < 0 ? store_fault(s, "write", PROBE_FILE, r, reterr) : 0;
}

static bool is_name(const char *name)
{
	const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const size_t len = strlen(name);

	return len > 0 && len <= STORE_NAME_MAX && name[0] != '-' && strspn(name, letters) == len;
}

/* The files of the record @name: what it is, and what it is while it is written. */
struct record_files {
	char file[STORE_FILE_MAX];
	char temp[STORE_FILE_MAX];
};

static int record_files(const char *name, struct record_files *ret, struct fault *reterr)
{
	if (!is_name(name)) {
		fault_set(reterr, FAULT_INTERNAL, "\"%s\" is not a connection name", name);
		return -EINVAL;
	}
	(void)snprintf(ret->file, sizeof(ret->file), "%s" RECORD_SUFFIX, name);
	(void)snprintf(ret->temp, sizeof(ret->temp), ".%s" RECORD_SUFFIX TEMP_SUFFIX, name);
	return 0;
}

int store_read(struct store *s, const char *name, struct buf *ret, struct fault *reterr)
{
	struct record_files files;
	struct place p;
	struct stat st;
	int r;

	r = record_files(name, &files, reterr);
	if (r < 0)
		return r;
	p = place_in_store(s, files.file);
	r = place_read(&p, ret, &st);
	return r < 0 && r != -ENOENT ? place_fault(&p, "read", r, reterr) : r;
}

int store_write(
	struct store *s, const char *name, const void *data, size_t len, struct fault *reterr)
{
	struct record_files files;
	int r;

	r = record_files(name, &files, reterr);
	if (r < 0)
		return r;
	r = write_temp(s->dirfd, files.temp, data, len);
	if (r < 0)
		return store_fault(s, "write", files.file, r, reterr);
	if (renameat(s->dirfd, files.temp, s->dirfd, files.file) < 0) {
		r = -errno;
		(void)unlinkat(s->dirfd, files.temp, 0); /* else the next write removes it */
		return store_fault(s, "replace", files.file, r, reterr);
	}
	if (fsync(s->dirfd) < 0)
		return store_fault(s, "sync the directory of", files.file, -errno, reterr);
	return 0;
}

/* Rename @file to the first "NAME.unreadable-N" that is free. 0, -errno. */
static int rename_aside(int dirfd, const char *name, const char *file, char to[STORE_FILE_MAX])
{
	for (unsigned n = 1; n <= STORE_ASIDE_MAX; n++) {
		(void)snprintf(to, STORE_FILE_MAX, "%s.unreadable-%u", name, n);
		if (renameat2(dirfd, file, dirfd, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int store_aside(struct store *s, const char *name, struct buf *ret_aside, struct fault *reterr)
{
	struct record_files files;
	char to[STORE_FILE_MAX];
	int r;

	r = record_files(name, &files, reterr);
	if (r < 0)
		return r;
	r = rename_aside(s->dirfd, name, files.file, to);
	if (r == 0)
		r = negative_errno(fsync(s->dirfd));
	if (r < 0)
		return store_fault(s, "put aside", files.file, r, reterr);
	if (!ret_aside)
		return 0;
	return buf_add_text(ret_aside, to) < 0 ? memory_fault(reterr) : 0;
}

const char *store_key_origin_to_string(enum store_key_origin origin)
{
	switch (origin) {
	case STORE_KEY_CREDENTIAL:
		return "credential";
	case STORE_KEY_FILE:
		return "file";
	case STORE_KEY_MADE:
		return "generated";
	}
	assert(false);
	return NULL;
}

/* Read the file @p that holds a secret. A credential is shown to us alone by the service manager,
 * by an access control list in some versions: its mode tells nothing. */
static int place_read_secret(
	const struct place *p, bool credential, struct buf *ret, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf content = BUF(ret->max);
	struct stat st = {0};
	int r;

	r = place_read(p, &content, &st);
	if (r < 0)
		return place_fault(p, "read", r, reterr);
	if (!credential && (st.st_mode & 0027)) {
		fault_set(reterr, p->kind,
			"secret file %s%s%s is open to others (mode %04o): run chmod g-w,o= on it",
			p->directory ? p->directory : "", p->directory ? "/" : "", p->name,
			st.st_mode & 07777);
		return -EPERM;
	}
	buf_done(ret);
	*ret = content;
	content = BUF(0);
	return 0;
}

static size_t without_line_end(const char *data, size_t len)
{
	if (len > 0 && data[len - 1] == '\n')
		len--;
	else
		return len;
	return len > 0 && data[len - 1] == '\r' ? len - 1 : len;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int key_from_hex(const char *text, struct buf *ret)
{
	int bad = 0, r = 0;

	for (size_t i = 0; i < STORE_KEY_SIZE && r == 0; i++) {
		const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		bad |= high | low;
		r = buf_add_char(ret, (char)((unsigned)high << 4 | (unsigned)low));
	}
	return bad < 0 ? -EBADMSG : r;
}

/* @len characters without padding, of either alphabet (RFC 4648 §4, §5). */
static int key_from_base64(const char *text, size_t len, struct buf *ret)
{
	char url[(STORE_KEY_SIZE * 4 + 2) / 3];
	int r;

	assert(len == sizeof(url));
	for (size_t i = 0; i < len; i++)
		url[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
	r = text_decode_base64url(ret, url, len);
	mem_wipe(url, sizeof(url));
	return r;
}

/* Read a key in any of its forms. 0, -EBADMSG, -ENOMEM. */
static int key_parse(const struct buf *file, struct buf *ret)
{
	const size_t base64_len = (STORE_KEY_SIZE * 4 + 2) / 3;
	const char *const text = buf_text(file);
	const size_t len = without_line_end(text, file->len);

	if (file->len == STORE_KEY_SIZE)
		return buf_add(ret, text, file->len);
	if (len == (size_t)2 * STORE_KEY_SIZE)
		return key_from_hex(text, ret);
	if (len == base64_len || (len == base64_len + 1 && text[base64_len] == '='))
		return key_from_base64(text, base64_len, ret);
	return -EBADMSG;
}

static int place_read_key(
	const struct place *p, bool credential, struct secret **ret, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf file = BUF(STORE_KEY_FILE_MAX);
	_cleanup_(buf_done) struct buf key = BUF(STORE_KEY_SIZE);
	struct secret *secret;
	int r;

	r = place_read_secret(p, credential, &file, reterr);
	if (r < 0)
		return r;
	r = key_parse(&file, &key);
	if (r == -ENOMEM)
		return memory_fault(reterr);
	if (r < 0 || key.len != STORE_KEY_SIZE) {
		fault_set(reterr, p->kind,
			"%s%s%s holds no key: %d raw bytes, %d hexadecimal digits or their base64 "
			"are one, not these %zu bytes",
			p->directory ? p->directory : "", p->directory ? "/" : "", p->name,
			STORE_KEY_SIZE, 2 * STORE_KEY_SIZE, file.len);
		return -EBADMSG;
	}
	secret = secret_new(key.data, key.len);
	if (!secret)
		return memory_fault(reterr);
	*ret = secret;
	return 0;
}

static int path_check(const char *path, struct fault *reterr)
{
	if (path[0] == '/')
		return 0;
	fault_set(reterr, FAULT_MISCONFIGURED, "%s is not an absolute path", path);
	return -EINVAL;
}

int store_key_read(const char *path, bool credential, struct secret **ret, struct fault *reterr)
{
	const struct place p = place_at_path(path);
	int r;

	r = path_check(path, reterr);
	return r < 0 ? r : place_read_key(&p, credential, ret, reterr);
}

/* Put a new key on disk; one that is there by now is left alone. 0, -errno. */
static int make_key(int dirfd)
{
	char key[STORE_KEY_SIZE];
	int r;

	loop_random(key, sizeof(key));
	r = write_temp(dirfd, KEY_TEMP_FILE, key, sizeof(key));
	mem_wipe(key, sizeof(key));
	if (r < 0)
		return r;
	r = negative_errno(linkat(dirfd, KEY_TEMP_FILE, dirfd, KEY_FILE, 0));
	(void)unlinkat(dirfd, KEY_TEMP_FILE, 0); /* else the next start removes it */
	return r < 0 ? r : negative_errno(fsync(dirfd));
}

int store_key_own(struct store *s, struct secret **ret, struct fault *reterr)
{
	const struct place p = place_in_store(s, KEY_FILE);
	char record[NAME_MAX + 1];
	struct stat st;
	int r;

	if (fstatat(s->dirfd, KEY_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return place_read_key(&p, false, ret, reterr);
	r = find_file(s->dirfd, is_record, record);
	if (r > 0) {
		fault_set(reterr, FAULT_STORAGE,
			"%s/" KEY_FILE " is missing, and %s was sealed with it: put the key back, "
			"or move the *" RECORD_SUFFIX " files away and approve again",
			s->path, record);
		return -ENOKEY;
	}
	if (r == 0)
		r = make_key(s->dirfd);
	return r < 0 ? place_fault(&p, "make", r, reterr) : place_read_key(&p, false, ret, reterr);
}

int store_secret_read(const char *path, bool credential, struct secret **ret, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf content = BUF(STORE_SECRET_MAX);
	const struct place p = place_at_path(path);
	struct secret *secret;
	size_t len;
	int r;

	r = path_check(path, reterr);
	if (r == 0)
		r = place_read_secret(&p, credential, &content, reterr);
	if (r < 0)
		return r;
	len = without_line_end(buf_text(&content), content.len);
	if (len == 0) {
		fault_set(reterr, p.kind, "secret file %s is empty", path);
		return -ENODATA;
	}
	secret = secret_new(content.data, len);
	if (!secret)
		return memory_fault(reterr);
	*ret = secret;
	return 0;
}

/* May nobody write what @st is of but root and the user we run as? */
static int check_writers(const char *path, const struct stat *st, struct fault *reterr)
{
	if (st->st_mode & 0022) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"%s can be written by others (mode %04o): run chmod go-w on it", path,
			st->st_mode & 07777);
		return -EPERM;
	}
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"%s belongs to another user (uid %u): run chown %u on it", path,
			(unsigned)st->st_uid, (unsigned)geteuid());
		return -EPERM;
	}
	return 0;
}

int store_file_read(const char *path, struct buf *ret, unsigned *ret_mode, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf content = BUF(ret->max);
	const struct place p = place_at_path(path);
	struct stat st = {0};
	int r;

	r = place_read(&p, &content, &st);
	if (r < 0)
		return place_fault(&p, "read", r, reterr);
	r = check_writers(path, &st, reterr);
	if (r < 0)
		return r;
	buf_done(ret);
	*ret = content;
	content = BUF(0);
	if (ret_mode)
		*ret_mode = st.st_mode & 07777;
	return 0;
}

void store_machine_id(uint8_t ret[16])
{
	sd_id128_t id = SD_ID128_NULL;

	(void)sd_id128_get_machine_app_specific(
		STORE_APPLICATION, &id); /* none: stays zero, as the header says */
	memcpy(ret, id.bytes, sizeof(id.bytes));
}
