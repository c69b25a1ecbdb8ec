/* SPDX-License-Identifier: BSD-2-Clause */

/* The walls around grantd-sync: each behaviour in a process of its own, as there is no way out. */

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "syncd/sandbox.h"
#include "../unit/test.h"

/* DIR/grant stands for the agent's state, DIR/own for the directory of the sync. */
static char dir[] = "/tmp/grantd-sandbox-XXXXXX";
static char grant[64], own[64];
static bool whole;

/* Run @inside behind the walls; its exit status. */
static int behind(int (*inside)(int own_fd))
{
	pid_t pid = fork();
	int status;

	REQUIRE(pid >= 0);
	if (pid == 0) {
		const char *none[] = {NULL};
		struct fault why;
		int fd = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || sandbox_enter(fd, none, 1, &whole, &why) < 0)
			_exit(100);
		_exit(inside(fd));
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int has_landlock(int fd)
{
	(void)fd;
	return whole;
}

static int opens_others(int fd)
{
	(void)fd;
	return (open(grant, O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 1) +
		(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 2) +
		(openat(fd, "../grant", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 4) +
		(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 8) +
		(unlink(grant) < 0 && errno == EACCES ? 0 : 16) + (rename(grant, own) < 0 ? 0 : 32);
}

static void it_cannot_open_what_is_the_agents(void)
{
	if (!behind(has_landlock))
		return; /* told by the program; a kernel without it keeps modes only */
	CHECK_INT(behind(opens_others), 0);
	CHECK_INT(access(grant, F_OK), 0);
}

static int writes_own(int fd)
{
	int file = openat(fd, ".a.tmp", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return (file >= 0 && write(file, "x", 1) == 1 && fsync(file) == 0 ? 0 : 1) +
		(renameat(fd, ".a.tmp", fd, "a") == 0 && fsync(fd) == 0 ? 0 : 2) +
		(unlinkat(fd, "a", 0) == 0 ? 0 : 4);
}

static void it_can_write_its_own_directory(void)
{
	CHECK_INT(behind(writes_own), 0);
}

static int runs_programs(int fd)
{
	char *argv[] = {(char *)"true", NULL}, *environment[] = {NULL};

	(void)fd;
	(void)execve("/bin/true", argv, environment);
	return errno == EPERM ? 0 : 1;
}

static void it_cannot_run_a_program(void)
{
	CHECK_INT(behind(runs_programs), 0);
}

static int touches_processes(int fd)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {(void *)dir, 1};
	pid_t parent = getppid();

	(void)fd;
	return (ptrace(PTRACE_ATTACH, parent, NULL, NULL) < 0 && errno == EPERM ? 0 : 1) +
		(process_vm_readv(parent, &here, 1, &there, 1, 0) < 0 && errno == EPERM ? 0 : 2) +
		(kill(parent, 0) < 0 && errno == EPERM ? 0 : 4) +
		(kill(-1, 0) < 0 && errno == EPERM ? 0 : 8) +
		(syscall(SYS_tgkill, parent, parent, 0) < 0 && errno == EPERM ? 0 : 16) +
		(syscall(SYS_pidfd_open, parent, 0) < 0 && errno == EPERM ? 0 : 32) +
		(kill(getpid(), 0) == 0 ? 0 : 64);
}

static void it_cannot_touch_another_process(void)
{
	CHECK_INT(behind(touches_processes), 0);
}

static int leaves(int fd)
{
	struct io_uring_params ring = {0};

	(void)fd;
	return (mount("none", "/mnt", "tmpfs", 0, NULL) < 0 && errno == EPERM ? 0 : 1) +
		(unshare(CLONE_NEWUSER) < 0 && errno == EPERM ? 0 : 2) +
		(syscall(SYS_io_uring_setup, 1, &ring) < 0 && errno == EPERM ? 0 : 4) +
		(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM ? 0 : 8) +
		(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -1, 0) < 0 && errno == EPERM ? 0 : 16) +
		(chroot("/") < 0 && errno == EPERM ? 0 : 32) +
		(syscall(SYS_open_by_handle_at, fd, NULL, 0) < 0 && errno == EPERM ? 0 : 64);
}

static void it_cannot_get_out(void)
{
	CHECK_INT(behind(leaves), 0);
}

static int talks(int fd)
{
	int pair[2];

	(void)fd;
	return (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 && errno == EPERM ? 0 : 1) +
		(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 && errno == EPERM ? 0 : 2) +
		(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : 4) +
		(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 ? 0 : 8);
}

static void it_has_sockets_of_the_network_only(void)
{
	CHECK_INT(behind(talks), 0);
}

static int resolves(int fd)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
	int r = getaddrinfo("localhost", "443", &hints, &found);

	(void)fd;
	return r == 0 ? 0 : 1;
}

static void it_can_resolve_names(void)
{
	CHECK_INT(behind(resolves), 0);
}

static int is_for_ever(int fd)
{
	const char *none[] = {NULL};
	struct fault why;
	bool again;

	/* What a second time allows is no more than the first left. */
	(void)sandbox_enter(fd, none, 1, &again, &why);
	return runs_programs(fd);
}

static void it_is_for_ever(void)
{
	CHECK_INT(behind(is_for_ever), 0);
}

static const struct test tests[] = {
	{"it can't open what is the agent's, nor anything else", it_cannot_open_what_is_the_agents},
	{"it can write in its own directory", it_can_write_its_own_directory},
	{"it can't run a program", it_cannot_run_a_program},
	{"it can't touch another process, only itself", it_cannot_touch_another_process},
	{"it can't get out by mounts, namespaces, rings or keys", it_cannot_get_out},
	{"it has sockets of the network, and none of the machine",
		it_has_sockets_of_the_network_only},
	{"it can resolve names", it_can_resolve_names},
	{"the walls stay", it_is_for_ever},
};

static bool set_up(void)
{
	int fd;

	if (!mkdtemp(dir))
		return false;
	(void)snprintf(grant, sizeof(grant), "%s/grant", dir);
	(void)snprintf(own, sizeof(own), "%s/own", dir);
	fd = open(grant, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0 && mkdir(own, 0700) == 0;
}

static void tear_down(void)
{
	(void)unlink(grant);
	(void)rmdir(own);
	(void)rmdir(dir);
}

int main(void)
{
	int r = set_up() ? test_main(tests, sizeof(tests) / sizeof(tests[0])) : 1;

	tear_down();
	return r;
}
