/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/now.h"
#include "wire/wire.h"

/* What grantctl prints, from the agent's JSON, with the time as an argument. Text of the agent is
 * cleaned. Unless told otherwise the functions append to @ret and return 0, -ENOMEM or -EMSGSIZE.
 */

/* Exit codes, grantctl(1). Those of faults are in base/fault.c. */
enum show_exit {
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_USAGE,
	EXIT_OPERATOR,
	EXIT_NOT_PERMITTED,
	EXIT_NOT_REACHABLE,
	EXIT_TIMED_OUT,
	EXIT_TRY_AGAIN,
};

/* The table of `status`, for 80 columns. -EBADMSG too, where @status is not of the form of
 * grantd-protocol(7). */
int show_status(const struct json *status, struct now now, struct buf *ret);

/* The notice of @approval, a member of the status of @name or of a reply to Login. */
int show_approval(const char *name, const struct json *approval, struct now now, struct buf *ret);

/* Append cleaned @text, indented by four and broken at blanks before the line is full. */
int show_paragraph(struct buf *ret, const char *text);

/* Does the connection need a person before it gets further? */
bool show_needs_person(const struct json *connection);

/* Is it an access token as RFC 6749 appendix A.12 has it? Anything else would break the line, the
 * header or the file that it is put in. */
bool show_is_token(const char *text);

/* One sentence without line end: what to do for @connection. Nothing where all is well. */
int show_advice(const struct json *connection, struct now now, struct buf *ret);

/* May another address mend the error reply @reply to Paste about the connection @name? Then append
 * why this one did not do, without what to do. */
bool show_paste_again(const struct wire_reply *reply, const char *name, struct buf *why);

/* The sentence for stderr of an error reply to a call of @method about the connection @name (NULL
 * for none), into @why. Returns the exit code, never EXIT_DONE. */
int show_error(const struct wire_reply *reply, enum wire_method method, const char *name,
	struct now now, struct buf *why);
