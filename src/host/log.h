/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

#include "base/fault.h"

/* The log sink: the journal with structured fields when stderr is connected to it
 * ($JOURNAL_STREAM), else readable lines on stderr. Whoever decides logs, once; library code never
 * does. */

/* Set up from GRANTD_LOG=error|warning|info|debug. Returns 0, -EINVAL where that is another word
 * (info is used). */
int log_init(void);
bool log_debug_on(void);

/* One message. @severity of syslog(3). @connection, @fault and @message_id (32 hex digits) may be
 * NULL; in the journal they become CONNECTION=, FAULT=, FAULT_DETAIL= and MESSAGE_ID=. The text is
 * put after "CONNECTION: " in both; on stderr "grantd: " and the severity come first, but nothing
 * before a LOG_NOTICE, which is for the person who sits there. Control characters become '?', but
 * line ends of a notice are kept. */
struct log_about {
	const char *connection;
	const struct fault *fault;
	const char *message_id;
	const char *const
		*fields; /* more "NAME=value" texts for the journal, NULL-terminated, or NULL */
};
void log_message(int severity, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
