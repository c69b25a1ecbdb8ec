/* SPDX-License-Identifier: BSD-2-Clause */
/* The no-echo prompt (termios(3), signalfd(2)). The terminal is read key by key: a line of its own
 * making ends after 4095 bytes, which addresses exceed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "ctl/prompt.h"

/* What is pasted comes faster than this over any line, and a person does not notice it. */
#define REST_MSEC 200

/* Read at a time. */
#define CHUNK 1024

struct terminal {
	int fd;
	int signals; /* signalfd(2) of those that would end or stop us with the echo off */
	sigset_t mask_before;
	struct termios before;
	bool quiet;
};

static const int caught[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

static void show(const struct terminal *t, const char *text)
{
	/* A terminal that has gone is told by read(). */
	if (write(t->fd, text, strlen(text)) < 0)
		return;
}

/* What was typed before is dropped, on the way back too: the rest of an address is no command for
 * the shell. */
static int silence(struct terminal *t, const char *text)
{
	struct termios quiet;

	if (tcgetattr(t->fd, &t->before) < 0)
		return -errno;
	quiet = t->before;
	quiet.c_iflag &= ~(tcflag_t)(INLCR | IGNCR);
	quiet.c_iflag |= ICRNL;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	if (tcsetattr(t->fd, TCSAFLUSH, &quiet) < 0)
		return -errno;
	t->quiet = true;
	show(t, text);
	return 0;
}

static void restore(struct terminal *t)
{
	if (!t->quiet)
		return;
	show(t, "\n");
	(void)tcsetattr(t->fd, TCSAFLUSH, &t->before); /* nothing better can be done */
	t->quiet = false;
}

static int open_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && isatty(STDIN_FILENO))
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -ENOTTY : fd;
}

static int terminal_init(struct terminal *t)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ELEMENTS(caught); i++)
		(void)sigaddset(&set, caught[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &t->mask_before); /* fails for no valid argument */
	t->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (t->signals < 0)
		return -errno;
	t->fd = open_terminal();
	return t->fd < 0 ? t->fd : 0;
}

static void terminal_done(struct terminal *t)
{
	restore(t);
	if (t->fd >= 0)
		(void)close(t->fd);
	if (t->signals >= 0)
		(void)close(t->signals);
	(void)sigprocmask(SIG_SETMASK, &t->mask_before, NULL);
}

/* Let the signal that has come do what it does, and go on where we are still there. */
static int obey_signal(struct terminal *t, const char *text)
{
	struct signalfd_siginfo info;
	sigset_t set;

	if (read(t->signals, &info, sizeof(info)) != sizeof(info))
		return -EIO;
	restore(t);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, (int)info.ssi_signo);
	(void)raise((int)info.ssi_signo); /* waits until it is let through */
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return silence(t, text);
}

enum progress { GOING_ON, LINE_ENDED, INPUT_ENDED };

/* Take one key as a terminal would. */
static enum progress take_key(const struct terminal *t, char key, struct buf *ret)
{
	const cc_t *keys = t->before.c_cc;
	const cc_t c = (cc_t)key;

	if (c == keys[VEOF])
		return INPUT_ENDED;
	if (c == keys[VKILL])
		buf_done(ret);
	else if (c == keys[VERASE] && ret->len > 0)
		ret->data[--ret->len] = '\0';
	else if (c != keys[VERASE])
		(void)buf_add_char(ret, key); /* failures stick */
	return key == '\n' ? LINE_ENDED : GOING_ON;
}

static enum progress take_input(const struct terminal *t, struct buf *ret)
{
	enum progress progress = GOING_ON;
	char chunk[CHUNK];
	ssize_t n = read(t->fd, chunk, sizeof(chunk));

	if (n <= 0)
		progress = INPUT_ENDED;
	for (ssize_t i = 0; i < n && progress != INPUT_ENDED; i++)
		progress = take_key(t, chunk[i], ret);
	mem_wipe(chunk, sizeof(chunk));
	return progress;
}

static int read_answer(struct terminal *t, const char *text, int other_fd, struct buf *ret)
{
	struct pollfd fds[] = {{t->fd, POLLIN, 0}, {t->signals, POLLIN, 0}, {other_fd, POLLIN, 0}};
	enum progress progress = GOING_ON;
	int r = 0;

	while (r == 0) {
		int n = poll(fds, ELEMENTS(fds), progress == LINE_ENDED ? REST_MSEC : -1);

		if (n == 0)
			return ret->error;
		if (n < 0) {
			r = errno == EINTR ? 0 : -errno;
		} else if (fds[1].revents) {
			buf_done(ret);
			progress = GOING_ON;
			r = obey_signal(t, text);
		} else if (fds[0].revents) {
			progress = take_input(t, ret);
			if (progress == INPUT_ENDED)
				return ret->error ? ret->error
						  : (ret->len > 0 ? PROMPT_ANSWERED : PROMPT_ENDED);
		} else {
			return PROMPT_OTHER;
		}
	}
	return r;
}

int prompt_read(const char *text, int other_fd, struct buf *ret)
{
	_cleanup_(terminal_done) struct terminal t = {.fd = -1, .signals = -1};
	int r = terminal_init(&t);

	if (r == 0)
		r = silence(&t, text);
	return r < 0 ? r : read_answer(&t, text, other_fd, ret);
}
