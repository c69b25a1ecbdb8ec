/* SPDX-License-Identifier: BSD-2-Clause */

/* The log sink: journal fields by sd_journal_sendv(3), whether stderr is the journal by
 * systemd.exec(5) on $JOURNAL_STREAM, or lines on stderr. */

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/log.h"

/* An approval notice carries two addresses of a few KiB at most. */
#define LOG_TEXT_MAX 16384

#define LOG_FIELDS_MAX 24 /* ours and a caller's; more are left out */
#define LOG_FIELD_SIZE (sizeof("FAULT_DETAIL=") + FAULT_DETAIL_MAX)

static struct {
	int most; /* the least severe level that is shown */
	bool journal;
} sink = {.most = LOG_INFO};

static const struct {
	const char *name;
	int most;
} levels[] = {
	{"error", LOG_ERR},
	{"warning", LOG_WARNING},
	{"info", LOG_INFO},
	{"debug", LOG_DEBUG},
};

/* Is stderr the stream that the service manager connected to the journal? It may have been
 * redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return text_equal(stream, mine);
}

int log_init(void)
{
	const char *wanted = getenv("GRANTD_LOG");

	sink.journal = stderr_is_journal();
	sink.most = LOG_INFO;
	if (!wanted)
		return 0;
	for (size_t i = 0; i < ELEMENTS(levels); i++)
		if (text_equal(wanted, levels[i].name)) {
			sink.most = levels[i].most;
			return 0;
		}
	return -EINVAL;
}

bool log_debug_on(void)
{
	return sink.most >= LOG_DEBUG;
}

/* Clean @from line by line, so that its line ends stay; those at the very end go. */
static void clean_lines(char *to, size_t size, char *from)
{
	size_t len = strlen(from), used = 0;

	while (len > 0 && from[len - 1] == '\n')
		len--;
	from[len] = '\0';
	for (;;) {
		const size_t line = strcspn(from, "\n");

		text_clean(to + used, size - used, from, line);
		used += strlen(to + used);
		if (from[line] == '\0' || used + 2 > size)
			return;
		to[used++] = '\n';
		to[used] = '\0';
		from += line + 1;
	}
}

static struct iovec text_vector(const char *text)
{
	return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
}

/* The fields of one journal entry: texts of ours, then those of the caller. */
struct fields {
	struct iovec vectors[LOG_FIELDS_MAX];
	char texts[6][LOG_FIELD_SIZE];
	size_t n, n_texts;
};

static void field_add(struct fields *f, const char *text)
{
	if (f->n < ELEMENTS(f->vectors))
		f->vectors[f->n++] = text_vector(text);
}

static void field_format(struct fields *f, const char *name, const char *value)
{
	char *text = f->texts[f->n_texts++];

	(void)snprintf(text, sizeof(f->texts[0]), "%s=%s", name, value);
	field_add(f, text);
}

static int log_to_journal(int severity, const struct log_about *about, const char *message)
{
	struct fields f = {.n = 0};
	char priority[2] = {(char)('0' + severity), '\0'};

	field_add(&f, message);
	field_add(&f, "SYSLOG_IDENTIFIER=grantd");
	field_format(&f, "PRIORITY", priority);
	if (about && about->connection)
		field_format(&f, "CONNECTION", about->connection);
	if (about && about->fault && about->fault->kind != FAULT_NONE) {
		field_format(&f, "FAULT", fault_kind_to_string(about->fault->kind));
		field_format(&f, "FAULT_DETAIL", about->fault->detail);
	}
	if (about && about->message_id)
		field_format(&f, "MESSAGE_ID", about->message_id);
	for (size_t i = 0; about && about->fields && about->fields[i]; i++)
		field_add(&f, about->fields[i]);
	return sd_journal_sendv(f.vectors, (int)f.n);
}

/* What a line on stderr begins with. A notice is for the person who sits there, and begins with
 * the connection as grantctl(1) shows it. */
static const char *stderr_prefix(int severity)
{
	if (severity <= LOG_ERR)
		return "grantd: error: ";
	if (severity == LOG_WARNING)
		return "grantd: warning: ";
	if (severity == LOG_NOTICE)
		return "";
	return severity == LOG_INFO ? "grantd: " : "grantd: debug: ";
}

/* One call, so that lines of several processes do not mix. */
static void log_to_stderr(int severity, const char *text)
{
	const struct iovec parts[] = {
		text_vector(stderr_prefix(severity)),
		text_vector(text),
		text_vector("\n"),
	};

	(void)!writev(STDERR_FILENO, parts, ELEMENTS(parts)); /* nowhere is left to tell it */
}

void log_message(int severity, const struct log_about *about, const char *format, ...)
{
	const char *connection = about ? about->connection : NULL;
	char raw[LOG_TEXT_MAX], field[LOG_FIELD_SIZE + LOG_TEXT_MAX];
	const char *const text = field + strlen("MESSAGE=");
	va_list args;
	int n;

	if (severity > sink.most)
		return;
	va_start(args, format);
	if (vsnprintf(raw, sizeof(raw), format, args) < 0) /* longer than an int can tell */
		raw[0] = '\0';
	va_end(args);
	n = snprintf(field, LOG_FIELD_SIZE, "MESSAGE=%.63s%s", connection ? connection : "",
		connection ? ": " : "");
	clean_lines(field + n, sizeof(field) - (size_t)n, raw);
	if (!sink.journal || log_to_journal(severity, about, field) < 0)
		log_to_stderr(severity, text);
}
