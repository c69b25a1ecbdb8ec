/* SPDX-License-Identifier: BSD-2-Clause */

/* Processes of our own, started by fork and exec. Between the two nothing is called that is not
 * safe after fork (signal-safety(7)). */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "base/mem.h"
#include "host/child.h"

#define CHILD_EXEC_FAILED 127

/* What a child gets of our environment: where its log goes, and the way to the network. */
static const char *const passed[] = {
	"ALL_PROXY",
	"GRANTD_LOG",
	"HTTPS_PROXY",
	"JOURNAL_STREAM",
	"NO_PROXY",
	"all_proxy",
	"https_proxy",
	"no_proxy",
};

struct child {
	pid_t pid; /* 0: it has ended */
	sd_event_source *source;
	child_handler ended;
	void *userdata;
};

struct environment {
	char *entries[sizeof(passed) / sizeof(passed[0]) + 1];
};

static void environment_done(struct environment *e)
{
	for (size_t i = 0; e->entries[i]; i++)
		mem_free(e->entries[i]);
}

static int environment_make(struct environment *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTS(passed); i++) {
		const char *value = secure_getenv(passed[i]);
		size_t size = value ? strlen(passed[i]) + strlen(value) + 2 : 0;

		if (!value)
			continue;
		ret->entries[n] = mem_alloc(size);
		if (!ret->entries[n])
			return -ENOMEM;
		(void)snprintf(ret->entries[n++], size, "%s=%s", passed[i], value);
	}
	return 0;
}

/* Put copies of @fds into their places; first out of each other's way. */
static int place_fds(const int *fds, size_t n)
{
	int copies[CHILD_FDS_MAX];

	for (size_t i = 0; i < n; i++) {
		copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, CHILD_FD + CHILD_FDS_MAX);
		if (copies[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(copies[i], CHILD_FD + (int)i) < 0)
			return -errno;
	return close_range(CHILD_FD + (unsigned)n, ~0u, 0) < 0 ? -errno : 0;
}

/* In the child. */
static void become(pid_t parent, char *const *argv, const int *fds, size_t n,
	const struct environment *environment)
{
	sigset_t none;

	(void)sigemptyset(&none); /* can't fail */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || setsid() < 0 ||
		sigprocmask(SIG_SETMASK, &none, NULL) < 0 || place_fds(fds, n) < 0)
		_exit(CHILD_EXEC_FAILED);
	(void)execve(argv[0], argv, environment->entries);
	_exit(CHILD_EXEC_FAILED);
}

static int on_end(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct child *c = userdata;
	char how[64];

	(void)source;
	(void)snprintf(how, sizeof(how),
		info->si_code == CLD_EXITED ? "exited with status %d" : "was killed by signal %d",
		info->si_status);
	c->pid = 0; /* the loop reaps it */
	c->ended(c->userdata, how);
	return 0;
}

static int watch(struct loop *loop, struct child *c)
{
	sigset_t set;

	(void)sigemptyset(&set); /* can't fail */
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return sd_event_add_child(loop_event(loop), &c->source, c->pid, WEXITED, on_end, c);
}

static int start(struct loop *loop, struct child *c, char *const *argv, const int *fds, size_t n)
{
	struct environment environment = {{NULL}};
	pid_t parent = getpid(), pid;
	int r;

	r = environment_make(&environment);
	if (r < 0) {
		environment_done(&environment);
		return r;
	}
	pid = fork();
	if (pid == 0)
		become(parent, argv, fds, n, &environment);
	r = pid < 0 ? -errno : 0;
	environment_done(&environment);
	if (r < 0)
		return r;
	c->pid = pid;
	r = watch(loop, c);
	return r < 0 ? r : 0;
}

int child_start(struct loop *loop, char *const *argv, const int *fds, size_t n_fds,
	child_handler ended, void *userdata, struct child **ret)
{
	_cleanup_(child_freep) struct child *c = mem_alloc(sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->ended = ended;
	c->userdata = userdata;
	r = start(loop, c, argv, fds, n_fds);
	if (r < 0)
		return r;
	*ret = steal(c);
	return 0;
}

void child_stop(struct child *c)
{
	if (c->pid > 0)
		(void)kill(c->pid, SIGTERM); /* it is ours and not reaped, so it is there */
}

struct child *child_free(struct child *c)
{
	if (!c)
		return NULL;
	sd_event_source_disable_unref(c->source);
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return mem_free(c);
}
