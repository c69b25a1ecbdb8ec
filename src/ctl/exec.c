/* SPDX-License-Identifier: BSD-2-Clause */
/* `grantctl exec`: a command that runs beside a token kept fresh in a file. One loop serves the
 * command's signals, its end, and the agent (signalfd(2)). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/exec.h"
#include "ctl/follow.h"
#include "ctl/obtain.h"
#include "ctl/show.h"
#include "ctl/tokenfile.h"
#include "wire/notice.h"

/* Exit statuses that a shell has too (POSIX, Shell Command Language 2.8.2). */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127
#define EXIT_SIGNAL         128 /* and the number of the signal */

static const int forwarded[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2};

struct exec {
	const char *name;
	char **command;
	int signal; /* sent after a change of the file; 0: none */

	char *token; /* that the file holds */
	struct tokenfile file;
	struct follow follow;
	sigset_t before; /* the mask that was given to us */
	int signals;     /* signalfd */
	pid_t pid;       /* of the command, which is not waited for yet */
	bool told;       /* a failure to write the file was told */
};

static int out_of_memory(struct buf *why)
{
	(void)buf_add_text(why, "out of memory");
	return EXIT_FAILED;
}

/* --- the token --- */

/* Put the token of @reply into the file. Returns an exit code; *ret_changed: it is another one. */
static int put_token(
	struct exec *x, const struct wire_reply *reply, bool *ret_changed, struct buf *why)
{
	const char *token = json_get_text(reply->parameters, "access_token");
	_cleanup_(mem_freep) char *copy = mem_strdup(token);
	int r;

	if (!token || !show_is_token(token)) {
		(void)buf_printf(why, "%s: the provider's token cannot be put in a file", x->name);
		return EXIT_FAILED;
	}
	if (!copy)
		return out_of_memory(why);
	*ret_changed = !text_equal(token, x->token);
	if (!*ret_changed)
		return EXIT_DONE;
	r = tokenfile_put(&x->file, token);
	if (r < 0) {
		(void)buf_printf(why, "cannot write %s: %s", x->file.path, strerror(-r));
		return EXIT_FAILED;
	}
	mem_free(x->token);
	x->token = steal(copy);
	return EXIT_DONE;
}

static void warn(struct buf *why)
{
	(void)fprintf(stderr, "grantctl: %s\n", buf_text(why)); /* nobody may be listening */
	buf_done(why);
}

static void take_token(struct exec *x, const struct wire_reply *reply, struct buf *why)
{
	bool changed = false;

	if (put_token(x, reply, &changed, why) != EXIT_DONE) {
		follow_again(&x->follow);
		if (x->told)
			buf_done(why);
		else
			warn(why);
		x->told = true;
		return;
	}
	x->told = false;
	if (changed && x->signal != 0)
		(void)kill(x->pid, x->signal); /* it is ours, and not waited for */
}

static void follow(struct exec *x, struct buf *why)
{
	for (;;) {
		struct wire_reply reply = {0};

		switch (follow_step(&x->follow, &reply, why)) {
		case FOLLOW_NOTHING:
			return;
		case FOLLOW_TOKEN:
			take_token(x, &reply, why);
			wire_reply_done(&reply);
			break;
		case FOLLOW_TROUBLE:
			warn(why);
			break;
		}
	}
}

/* --- the command --- */

/* From here on the signals to forward wait for us to read them. */
static int hold_signals(struct exec *x, struct buf *why)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ELEMENTS(forwarded); i++)
		(void)sigaddset(&set, forwarded[i]);
	(void)signal(SIGCHLD, SIG_DFL); /* where it is ignored, nobody learns the exit status */
	(void)sigprocmask(SIG_BLOCK, &set, &x->before);
	x->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (x->signals >= 0)
		return EXIT_DONE;
	(void)buf_printf(why, "cannot listen to signals: %s", strerror(errno));
	return EXIT_FAILED;
}

/* In the child: become the command, or tell @error why not. */
static _Noreturn void become(const struct exec *x, int error)
{
	(void)signal(SIGPIPE, SIG_DFL); /* main() ignores it */
	(void)sigprocmask(SIG_SETMASK, &x->before, NULL);
	(void)execvp(x->command[0], x->command);
	(void)!write(error, &errno, sizeof(errno)); /* nobody else to tell */
	_exit(EXIT_NOT_FOUND);
}

/* Why the child did not become the command; 0: it did, which has closed the other end of @error. */
static int hear_error(int error)
{
	int reason = 0;

	while (read(error, &reason, sizeof(reason)) < 0 && errno == EINTR)
		;
	return reason;
}

/* Not by posix_spawn(), which leaves signals of the C library's own ignored in the command. */
static int spawn(struct exec *x)
{
	int ends[2], reason;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	x->pid = fork();
	reason = errno;
	if (x->pid == 0)
		become(x, ends[1]);
	(void)close(ends[1]);
	if (x->pid > 0)
		reason = hear_error(ends[0]);
	(void)close(ends[0]);
	if (x->pid > 0 && reason != 0)
		(void)waitpid(x->pid, NULL, 0); /* it ends at once */
	return -reason;
}

static int start(struct exec *x, struct buf *why)
{
	int r;

	if (setenv("GRANTD_TOKEN_FILE", x->file.path, true) < 0)
		return out_of_memory(why);
	r = spawn(x);
	if (r == 0)
		return EXIT_DONE;
	(void)buf_add_text(why, "cannot run "); /* failures stick */
	(void)notice_add_clean(why, x->command[0]);
	(void)buf_printf(why, ": %s", strerror(-r));
	return r == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* A key of the terminal reaches every process of the group in front, the command as well as us. */
static bool has_reached_command(const struct exec *x, const struct signalfd_siginfo *info)
{
	return info->ssi_code == SI_KERNEL && getpgid(x->pid) == getpgrp();
}

/* Returns true at the end of the command, with its exit status. */
static bool serve_signals(struct exec *x, int *ret_code)
{
	struct signalfd_siginfo info;
	int status;

	while (read(x->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD && !has_reached_command(x, &info))
			(void)kill(x->pid, (int)info.ssi_signo);
	if (waitpid(x->pid, &status, WNOHANG) != x->pid)
		return false;
	*ret_code = WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

static void await_event(const struct exec *x)
{
	struct pollfd fds[3] = {{.fd = x->signals, .events = POLLIN}};
	struct timespec left;
	int sockets[2];
	uint64_t at;

	follow_wants(&x->follow, sockets, &at);
	for (size_t i = 0; i < ELEMENTS(sockets); i++)
		fds[1 + i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
	at = usec_sub(at, client_now().boot_usec);
	left.tv_sec = (time_t)(at / USEC_PER_S);
	left.tv_nsec = (long)(at % USEC_PER_S) * 1000;
	(void)ppoll(fds, ELEMENTS(fds), &left, NULL); /* an interruption only looks too early */
}

/* Attend the command to its end. */
static int attend(struct exec *x, struct buf *why)
{
	int code;

	while (!serve_signals(x, &code)) {
		follow(x, why);
		await_event(x);
	}
	return code;
}

/* --- the verb --- */

/* HUP or SIGHUP. */
static int read_signal(const char *text, int *ret, struct buf *why)
{
	const char *name = text_starts(text, "SIG") ? text + strlen("SIG") : text;

	for (int i = 1; i < NSIG; i++)
		if (text_equal(sigabbrev_np(i), name)) {
			*ret = i;
			return EXIT_DONE;
		}
	(void)buf_add_text(why, "--signal needs the name of a signal, as in HUP");
	return EXIT_USAGE;
}

static int run_with_file(struct exec *x, struct wire_reply *reply, struct buf *why)
{
	bool changed;
	int code;

	code = tokenfile_make(&x->file, why);
	if (code == EXIT_DONE)
		code = put_token(x, reply, &changed, why);
	wire_reply_done(reply); /* a token that is replaced soon */
	if (code == EXIT_DONE)
		code = start(x, why);
	if (code == EXIT_DONE)
		code = attend(x, why);
	tokenfile_remove(&x->file);
	return code;
}

static int run_with_token(struct exec *x, struct wire_reply *reply, struct buf *why)
{
	int code;

	code = hold_signals(x, why);
	if (code == EXIT_DONE) {
		code = run_with_file(x, reply, why);
		(void)close(x->signals);
	}
	follow_end(&x->follow);
	mem_free(x->token);
	return code; /* still deaf to signals: what came too late for the command changes nothing */
}

int exec_run(const struct options *o, struct buf *why)
{
	struct exec x = {.name = o->words[0], .command = o->words + 1, .file = TOKENFILE_NONE};
	const uint64_t min_valid = o->usec[OPTION_MIN_VALID];
	struct obtain obtain = {.runtime = o->text[OPTION_RUNTIME],
		.name = x.name,
		.min_valid_usec = min_valid,
		.deadline = USEC_NEVER};
	struct wire_reply reply = {0};
	int code = EXIT_DONE;

	if (options_have(o, OPTION_TIMEOUT))
		obtain.deadline = usec_add(client_now().boot_usec, o->usec[OPTION_TIMEOUT]);
	if (options_have(o, OPTION_SIGNAL))
		code = read_signal(o->text[OPTION_SIGNAL], &x.signal, why);
	if (code == EXIT_DONE)
		code = obtain_token(&obtain, &reply, why);
	if (code == EXIT_DONE) {
		x.follow = follow_begin(obtain.runtime, x.name, min_valid, reply.parameters);
		code = run_with_token(&x, &reply, why);
	}
	wire_reply_done(&reply);
	return code;
}
