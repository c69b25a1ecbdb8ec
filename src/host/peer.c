/* SPDX-License-Identifier: BSD-2-Clause */

/* The peer of a Unix socket: unix(7), cgroups(7), pidfd_open(2). A pid alone proves nothing, as it
 * may be another process by now; a pidfd of the kernel's own record of the peer does. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/fd.h"
#include "host/peer.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; the headers of Debian 12 are older */
#endif

/* Most users are in fewer groups; NGROUPS_MAX of the kernel is 65536. */
#define PEER_GROUPS_GUESS 32

/* A dozen hierarchies with paths of the usual length; a longer text is not looked at. */
#define PEER_CGROUP_MAX 16384
#define PEER_FDINFO_MAX 1024

static int read_groups(int fd, struct peer *p)
{
	socklen_t len = PEER_GROUPS_GUESS * sizeof(gid_t);
	int r;

	do {
		mem_freep(&p->groups);
		p->groups = mem_alloc(len);
		if (!p->groups)
			return -ENOMEM;
		r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &len);
	} while (r < 0 && errno == ERANGE); /* @len is now what it takes */
	if (r < 0)
		return -errno;
	p->n_groups = len / sizeof(gid_t);
	return 0;
}

int peer_read(int fd, struct peer *ret)
{
	_cleanup_(peer_done) struct peer p = {.pid = 0};
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	p.uid = cred.uid;
	p.gid = cred.gid;
	p.pid = cred.pid;
	r = read_groups(fd, &p);
	if (r < 0)
		return r;
	*ret = p;
	p.groups = NULL;
	return 0;
}

void peer_done(struct peer *p)
{
	mem_freep(&p->groups);
	p->n_groups = 0;
}

/* Read the small file @path as text. 0, -EMSGSIZE where it does not fit, -errno. */
static int read_text(const char *path, char *ret, size_t size)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, ret + len, size - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	} while (n != 0 && len < size);
	if (len == size)
		return -EMSGSIZE;
	ret[len] = '\0';
	return 0;
}

/* The pid of the process behind @pidfd as long as it has not been waited for. 0, -ESRCH, -errno. */
static int pidfd_to_pid(int pidfd, pid_t *ret)
{
	char path[64], text[PEER_FDINFO_MAX], *line, *end;
	uint64_t pid;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	r = read_text(path, text, sizeof(text));
	if (r < 0)
		return r;
	line = strstr(text, "\nPid:\t");
	if (!line)
		return -ENODATA;
	line += strlen("\nPid:\t");
	end = strchrnul(line, '\n');
	*end = '\0';
	/* "-1" when it is gone, "0" when it is of another pid namespace */
	if (text_parse_u64(line, &pid) < 0 || pid == 0 || pid > INT32_MAX)
		return -ESRCH;
	*ret = (pid_t)pid;
	return 0;
}

/* A pidfd of the peer, and whether it is surely of the process that connected. */
static int peer_pidfd(int fd, pid_t pid, bool *ret_proven)
{
	socklen_t len = sizeof(int);
	int pidfd = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0) {
		*ret_proven = true;
		return pidfd;
	}
	if (errno != ENOPROTOOPT) /* the kernel knows, and says no */
		return -errno;
	pidfd = pidfd_open(pid, 0);
	*ret_proven = false;
	return pidfd < 0 ? -errno : pidfd;
}

void peer_read_unit(int fd, struct peer *p)
{
	char path[64], text[PEER_CGROUP_MAX] = "";
	_cleanup_(fd_closep) int pidfd = -1;
	pid_t before, after;
	bool proven = false;

	pidfd = peer_pidfd(fd, p->pid, &proven);
	if (pidfd < 0 || pidfd_to_pid(pidfd, &before) < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)before);
	if (read_text(path, text, sizeof(text)) < 0)
		return;
	/* Still the same process: what was read between was its own. */
	if (pidfd_to_pid(pidfd, &after) < 0 || after != before)
		return;
	peer_unit_from_cgroup(text, p->unit, sizeof(p->unit));
	p->unit_proven = proven && p->unit[0];
}

/* The path of the line "HIERARCHY:@controllers:PATH"; NULL where there is none. */
static const char *cgroup_path(const char *text, const char *controllers, size_t *ret_len)
{
	const size_t wanted = strlen(controllers);
	size_t len;

	for (; *text; text += len + (text[len] == '\n')) {
		const char *field, *path;

		len = strcspn(text, "\n");
		field = memchr(text, ':', len);
		path = field ? memchr(field + 1, ':', len - (size_t)(field + 1 - text)) : NULL;
		if (!path || (size_t)(path - field - 1) != wanted ||
			memcmp(field + 1, controllers, wanted) != 0)
			continue;
		*ret_len = len - (size_t)(path + 1 - text);
		return path + 1;
	}
	return NULL;
}

static bool part_ends(const char *part, size_t len, const char *suffix)
{
	const size_t n = strlen(suffix);

	return len > n && memcmp(part + len - n, suffix, n) == 0;
}

static bool part_is(const char *part, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(part, text, len) == 0;
}

/* May this be the name of a unit that holds processes, other than a user's manager? */
static bool is_unit_name(const char *part, size_t len)
{
	static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789:_.@\\-";
	bool known = false;

	for (size_t i = 0; i < ELEMENTS(suffixes); i++)
		known = known || part_ends(part, len, suffixes[i]);
	for (size_t i = 0; i < len && known; i++)
		known = memchr(letters, part[i], sizeof(letters) - 1) != NULL;
	return known && !text_starts(part, "user@");
}

/* The unit is the first part of @path that is not a slice: what comes below it belongs to the unit
 * itself, which may give its cgroups any name. */
static void unit_from_path(const char *path, size_t len, char *ret, size_t size)
{
	const char *const end = path + len;

	while (path < end && *path == '/') {
		const char *part = path + 1;
		const char *slash = memchr(part, '/', (size_t)(end - part));
		size_t n = (size_t)((slash ? slash : end) - part);

		path = part + n;
		if (part_is(part, n, "user.slice"))
			return;
		if (part_ends(part, n, ".slice"))
			continue;
		if (n > 0 && *part == '_') { /* put there where a file of the kernel has the name */
			part++;
			n--;
		}
		if (n < size && is_unit_name(part, n)) {
			memcpy(ret, part, n);
			ret[n] = '\0';
		}
		return;
	}
}

void peer_unit_from_cgroup(const char *text, char *ret, size_t size)
{
	size_t len = 0;
	const char *path;

	ret[0] = '\0';
	/* Where systemd has a hierarchy of its own, nobody else arranges that one. */
	path = cgroup_path(text, "name=systemd", &len);
	if (!path || len <= strlen("/"))
		path = cgroup_path(text, "", &len);
	if (path)
		unit_from_path(path, len, ret, size);
}
