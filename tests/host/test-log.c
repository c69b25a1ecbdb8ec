/* SPDX-License-Identifier: BSD-2-Clause */

/* What the log shows on stderr, what it hands to the journal, and which of them it takes. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "../unit/test.h"

/* In place of the journal: each field of the last entry, in order, followed by a line end. */
static struct {
	char entry[40000];
	size_t n;
	int result;
} journal;

static int test_sendv(const struct iovec *fields, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(journal.entry + len, sizeof(journal.entry) - len, "%.*s\n",
			(int)fields[i].iov_len, (const char *)fields[i].iov_base);
	journal.n++;
	return journal.result;
}

#define sd_journal_sendv test_sendv
#include "host/log.c"
#undef sd_journal_sendv

static int saved_stderr = -1;

/* From here on stderr is a file that stderr_text() ends and reads. */
static void begin(const char *level, bool journal_stream)
{
	char stream[64];
	struct stat st;
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	saved_stderr = dup(STDERR_FILENO);
	REQUIRE(fd >= 0 && saved_stderr >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	(void)close(fd);
	REQUIRE(fstat(STDERR_FILENO, &st) == 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino + !journal_stream);
	REQUIRE(setenv("JOURNAL_STREAM", stream, 1) == 0);
	REQUIRE((level ? setenv("GRANTD_LOG", level, 1) : unsetenv("GRANTD_LOG")) == 0);
	memset(&journal, 0, sizeof(journal));
}

static const char *stderr_text(void)
{
	static char text[40000];
	const ssize_t n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	return text;
}

static const struct log_about crm = {.connection = "crm"};

static void lines(void)
{
	begin("debug", false);
	CHECK_INT(log_init(), 0);
	log_message(LOG_ERR, NULL, "no %s", "store");
	log_message(LOG_WARNING, &crm, "refresh failed");
	log_message(LOG_INFO, &crm, "ready");
	log_message(LOG_INFO, NULL, "started");
	log_message(LOG_DEBUG, NULL, "state");
	CHECK_TEXT(stderr_text(),
		"grantd: error: no store\n"
		"grantd: warning: crm: refresh failed\n"
		"grantd: crm: ready\n"
		"grantd: started\n"
		"grantd: debug: state\n");
	CHECK_INT(journal.n, 0);
}

static void notice(void)
{
	begin(NULL, false);
	CHECK_INT(log_init(), 0);
	log_message(LOG_NOTICE, &crm,
		"waiting for approval\n    open    https://login.example/device\n    enter   %s\n",
		"WDJB-MJHT");
	CHECK_TEXT(stderr_text(),
		"crm: waiting for approval\n"
		"    open    https://login.example/device\n"
		"    enter   WDJB-MJHT\n");
}

static void cleaned(void)
{
	begin(NULL, false);
	CHECK_INT(log_init(), 0);
	log_message(LOG_INFO, NULL, "a\tb\x1b[2J\r\x7f\xff\n\nc");
	log_message(LOG_INFO, NULL, "%s", "");
	log_message(LOG_INFO, NULL, "\n\n");
	CHECK_TEXT(stderr_text(), "grantd: a?b?[2J???\n\nc\ngrantd: \ngrantd: \n");
}

static void levels_shown(void)
{
	static const struct {
		const char *level, *shown;
		bool debug;
	} table[] = {
		{"error", "grantd: error: 3\n", false},
		{"warning", "grantd: error: 3\ngrantd: warning: 4\n", false},
		{"info", "grantd: error: 3\ngrantd: warning: 4\n5\ngrantd: 6\n", false},
		{NULL, "grantd: error: 3\ngrantd: warning: 4\n5\ngrantd: 6\n", false},
		{"debug", "grantd: error: 3\ngrantd: warning: 4\n5\ngrantd: 6\ngrantd: debug: 7\n",
			true},
	};

	for (size_t i = 0; i < ELEMENTS(table); i++) {
		begin(table[i].level, false);
		CHECK_INT(log_init(), 0);
		CHECK(log_debug_on() == table[i].debug);
		for (int severity = LOG_ERR; severity <= LOG_DEBUG; severity++)
			log_message(severity, NULL, "%d", severity);
		CHECK_TEXT(stderr_text(), table[i].shown);
	}
}

static void level_unknown(void)
{
	static const char *const words[] = {"Info", "verbose", "", "7", "debug "};

	for (size_t i = 0; i < ELEMENTS(words); i++) {
		begin(words[i], false);
		CHECK_INT(log_init(), -EINVAL);
		log_message(LOG_DEBUG, NULL, "debug");
		log_message(LOG_INFO, NULL, "info");
		CHECK_TEXT(stderr_text(), "grantd: info\n");
	}
}

static void long_text(void)
{
	static char text[100000];
	const char *shown;

	memset(text, 'x', sizeof(text) - 1);
	begin(NULL, false);
	CHECK_INT(log_init(), 0);
	log_message(LOG_INFO, &crm, "%s", text);
	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		text[i] = '\n';
	log_message(LOG_INFO, &crm, "%s", text);
	shown = stderr_text();
	CHECK(strlen(shown) > 2 * 16000 && strlen(shown) < 2 * 16500);
	CHECK(strncmp(shown, "grantd: crm: xxx", 16) == 0);
}

static void to_journal(void)
{
	const struct fault fault = {.kind = FAULT_STORAGE, .detail = "cannot write"};
	static const char *const fields[] = {"PEER_UID=7", "PEER_UNIT=a.service", NULL};
	const struct log_about about = {
		.connection = "crm",
		.fault = &fault,
		.message_id = "6b5cd85892bd433aa6bb2839ae244317",
		.fields = fields,
	};

	begin(NULL, true);
	CHECK_INT(log_init(), 0);
	log_message(LOG_WARNING, &about, "not\x1b stored\nsecond line");
	CHECK_TEXT(journal.entry,
		"MESSAGE=crm: not? stored\nsecond line\n"
		"SYSLOG_IDENTIFIER=grantd\n"
		"PRIORITY=4\n"
		"CONNECTION=crm\n"
		"FAULT=storage\n"
		"FAULT_DETAIL=cannot write\n"
		"MESSAGE_ID=6b5cd85892bd433aa6bb2839ae244317\n"
		"PEER_UID=7\n"
		"PEER_UNIT=a.service\n");
	log_message(LOG_INFO, NULL, "plain");
	CHECK_TEXT(journal.entry, "MESSAGE=plain\nSYSLOG_IDENTIFIER=grantd\nPRIORITY=6\n");
	log_message(LOG_DEBUG, NULL, "quiet");
	CHECK_INT(journal.n, 2);
	CHECK_TEXT(stderr_text(), "");
}

static void many_fields(void)
{
	const char *fields[100];
	const struct log_about about = {.fields = fields};

	for (size_t i = 0; i < ELEMENTS(fields); i++)
		fields[i] = i + 1 < ELEMENTS(fields) ? "A=b" : NULL;
	begin(NULL, true);
	CHECK_INT(log_init(), 0);
	log_message(LOG_INFO, &about, "x");
	CHECK_INT(journal.n, 1);
	CHECK_TEXT(stderr_text(), "");
}

static void journal_away(void)
{
	begin(NULL, true);
	CHECK_INT(log_init(), 0);
	journal.result = -ENOENT;
	log_message(LOG_ERR, &crm, "text");
	CHECK_INT(journal.n, 1);
	CHECK_TEXT(stderr_text(), "grantd: error: crm: text\n");
}

static void no_journal(void)
{
	static const char *const streams[] = {"", "0:0", "8:1:2", "rubbish"};

	for (size_t i = 0; i < ELEMENTS(streams); i++) {
		begin(NULL, true);
		REQUIRE(setenv("JOURNAL_STREAM", streams[i], 1) == 0);
		CHECK_INT(log_init(), 0);
		log_message(LOG_INFO, NULL, "text");
		CHECK_INT(journal.n, 0);
		CHECK_TEXT(stderr_text(), "grantd: text\n");
	}
	begin(NULL, true);
	REQUIRE(unsetenv("JOURNAL_STREAM") == 0);
	CHECK_INT(log_init(), 0);
	log_message(LOG_INFO, NULL, "text");
	CHECK_TEXT(stderr_text(), "grantd: text\n");
}

static const struct test tests[] = {
	{"a line tells program, severity, connection and text", lines},
	{"a notice begins with its connection and keeps its lines", notice},
	{"control characters and broken bytes are replaced, line ends are kept", cleaned},
	{"GRANTD_LOG sets the least severe level, info by default", levels_shown},
	{"another word in GRANTD_LOG is told, and info is used", level_unknown},
	{"a text without end is cut", long_text},
	{"the journal gets the fields, and stderr nothing", to_journal},
	{"more fields than there is room for are left out", many_fields},
	{"when the journal does not take it, stderr does", journal_away},
	{"stderr that is not the stream of the journal gets lines", no_journal},
};

TEST_MAIN(tests)
