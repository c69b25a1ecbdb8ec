/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/names.h"

/* Varlink messages (varlink.org) as both sides of our sockets speak them: JSON objects, each ended
 * by one NUL byte. The method table here is what conf/ *.varlink files, grantctl and the agent are
 * held against. grantd-protocol(7). */

#define WIRE_FRAME_MAX (64u * 1024) /* of a call: an address is the longest parameter */
/* Of the address of Paste, in bytes: browsers and servers stop at 8 to 64 KiB, real ones have a few
 * KiB. The rest of the frame holds what is around it, and its few characters that JSON escapes. */
#define WIRE_ADDRESS_MAX (60u * 1024)
/* Of Report, which only our own process sends: two maps of FIELDS_MAX, or a thousand rows that
 * failed. */
#define WIRE_REPORT_MAX (2u * 1024 * 1024)
#define WIRE_REPLY_MAX \
	(4u * 1024 * 1024) /* of a reply: status of CONFIG_CONNECTIONS_MAX connections */

#define WIRE_NAMES_MAX 64 /* in a call: each is looked up among all connections */

enum wire_method {
	WIRE_GET_INFO, /* org.varlink.service */
	WIRE_GET_INTERFACE_DESCRIPTION,
	WIRE_STATUS_GET, /* org.grantd.Status */
	WIRE_STATUS_WATCH,
	WIRE_GET_TOKEN, /* org.grantd.Control */
	WIRE_LOGIN,
	WIRE_PASTE,
	WIRE_CONFIRM,
	WIRE_REJECT,
	WIRE_INVALIDATE,
	WIRE_REFRESH,
	WIRE_REVOKE,
	WIRE_RELOAD,
	WIRE_SYNC_STATUS, /* org.grantd.Sync */
	WIRE_SYNC_FIELDS,
	WIRE_SYNC_FAILED,
	WIRE_SYNC_START,
	WIRE_SYNC_STOP,
	WIRE_SYNC_CHECK,
	WIRE_SYNC_ATTEND, /* of grantd-sync only */
	WIRE_SYNC_REPORT,
	_WIRE_METHOD_MAX,
};

enum wire_type {
	WIRE_TYPE_TEXT,
	WIRE_TYPE_INT,
	WIRE_TYPE_BOOL,
	WIRE_TYPE_TEXTS,
	WIRE_TYPE_OBJECT,
};

/* A parameter of a call. An int is a whole number ≥ 0; an optional one may also be null. */
struct wire_parameter {
	const char *name;
	enum wire_type type;
	bool optional;
};

struct wire_method_info {
	const char *interface;                   /* "org.grantd.Control" */
	const char *name;                        /* "GetToken" */
	bool control;                            /* answered on control.sock only */
	bool more;                               /* may, and Watch must, be called with more */
	const struct wire_parameter *parameters; /* ended by one without a name */
};

const struct wire_method_info *wire_method_info(enum wire_method method);
/* "org.grantd.Control.GetToken" appended. 0, -ENOMEM. */
int wire_method_name(enum wire_method method, struct buf *ret);

/* The text that describes an interface, as GetInterfaceDescription answers it and as
 * conf/INTERFACE.varlink holds it; NULL for an interface that we do not have. */
const char *wire_interface_description(const char *interface);

/* Errors a reply may carry. */
enum wire_error {
	WIRE_OK,
	WIRE_NOT_PERMITTED,         /* org.grantd.NotPermitted */
	WIRE_NO_SUCH_CONNECTION,    /* org.grantd.NoSuchConnection(name) */
	WIRE_NO_SUCH_SYNC,          /* org.grantd.NoSuchSync(name) */
	WIRE_NOT_USABLE,            /* org.grantd.NotUsable(kind, detail, retry_at) */
	WIRE_TIMED_OUT,             /* org.grantd.TimedOut */
	WIRE_BUSY,                  /* org.grantd.Busy */
	WIRE_BAD_REQUEST,           /* org.grantd.BadRequest(detail) */
	WIRE_INVALID_CONFIGURATION, /* org.grantd.InvalidConfiguration(detail): a reload that
	                               changed nothing */
	WIRE_INTERFACE_NOT_FOUND,   /* org.varlink.service.* */
	WIRE_METHOD_NOT_FOUND,
	WIRE_METHOD_NOT_IMPLEMENTED,
	WIRE_INVALID_PARAMETER,
	WIRE_EXPECTED_MORE,
	_WIRE_ERROR_MAX,
};
const char *wire_error_name(enum wire_error error);               /* NULL for WIRE_OK */
int wire_error_from_name(const char *name, enum wire_error *ret); /* 0, -EINVAL */

/* A call as read: text and parameters are borrowed from @json. */
struct wire_call {
	struct json *json; /* the whole message, owned */
	enum wire_method method;
	const struct json *parameters; /* NULL where absent */
	bool more, oneway;
};
void wire_call_done(struct wire_call *c);

/* Read one frame without its NUL. Returns 0; -EBADMSG when it is no Varlink call (drop the client);
 * -ENOENT with *ret_error INTERFACE_NOT_FOUND or METHOD_NOT_FOUND and the offending name in
 * @reterr->detail; -ENOMEM. @ret->oneway is valid with -ENOENT too. */
int wire_parse_call(const char *frame, size_t len, struct wire_call *ret,
	enum wire_error *ret_error, struct fault *reterr);

/* Build a call, NUL included. @parameters may be NULL. 0, -ENOMEM, -EMSGSIZE. */
int wire_build_call(
	enum wire_method method, const struct json *parameters, bool more, struct buf *ret);

/* A reply as read. */
struct wire_reply {
	struct json *json;             /* owned */
	const struct json *parameters; /* NULL where absent */
	bool continues;
	enum wire_error error;  /* WIRE_BAD_REQUEST for a name that is not in the table */
	const char *error_name; /* as received, NULL for WIRE_OK */
};
void wire_reply_done(struct wire_reply *r);
int wire_parse_reply(
	const char *frame, size_t len, struct wire_reply *ret); /* 0, -EBADMSG, -ENOMEM */

/* Build a reply or an error, NUL included. @parameters may be NULL. 0, -ENOMEM, -EMSGSIZE. */
int wire_build_reply(const struct json *parameters, bool continues, struct buf *ret);
int wire_build_error(enum wire_error error, const struct json *parameters, struct buf *ret);

/* The same with the one text parameter of NO_SUCH_CONNECTION (name), BAD_REQUEST and
 * INVALID_CONFIGURATION (detail), INTERFACE_NOT_FOUND (interface), METHOD_NOT_FOUND and
 * _NOT_IMPLEMENTED (method), INVALID_PARAMETER (parameter). Other errors have none, and @text is
 * left out. */
int wire_build_error_text(enum wire_error error, const char *text, struct buf *ret);

/* Answer a call of org.varlink.service whole, errors included; @control: on control.sock, where
 * org.grantd.Control is told of. @version is the agent's. 0, -ENOMEM, -EMSGSIZE. */
int wire_answer_service(
	const struct wire_call *call, bool control, const char *version, struct buf *ret);

/* Parameters of calls and replies, one definition for both directions. The readers return 0;
 * -EINVAL with the offending parameter's name in *ret_bad (static, or borrowed from @parameters)
 * where one is missing, unknown or of the wrong type; -ENOMEM. Texts are borrowed from @parameters.
 * The builders return a tree or NULL when memory is short. */

/* Hold @parameters (NULL: none) against the method table; all that Reload needs. */
int wire_check(enum wire_method method, const struct json *parameters, const char **ret_bad);

struct wire_named { /* Login: name, cancel, wait; Paste: name, address, code_only; Confirm: name,
	               replace; Reject, Refresh: name; Revoke: name, keep; GetToken: name,
	               min_valid_s; Invalidate: name, access_token */
	const char *name;
	uint64_t min_valid_s;
	bool min_valid_given;
	bool keep;   /* Revoke: leave the grant alive at the provider */
	bool cancel; /* Login: drop the pending approval */
	bool wait;   /* Login: reply at the end of the approval, not as soon as there is one */
	const char *access_token; /* Invalidate: the one refused; the tree holds it: free it soon */
	const char *address; /* Paste: where the browser ended; the tree holds it: free it soon */
	bool code_only;      /* Paste: it may be the bare code */
	bool replace;        /* Confirm: also in place of who gave the grant before */
};
int wire_read_named(enum wire_method method, const struct json *parameters, struct wire_named *ret,
	const char **ret_bad);
struct json *wire_named_parameters(enum wire_method method, const struct wire_named *n);

/* Status Get and Watch: the connections that are asked for, each once, at most WIRE_NAMES_MAX; none
 * means all. *ret must be empty. */
int wire_read_names(enum wire_method method, const struct json *parameters, struct names *ret,
	const char **ret_bad);
struct json *wire_names_parameters(const struct names *names);

/* The reply of Login and of Paste. */
struct wire_login {
	const char *state;
	bool usable;
	const struct json *approval; /* as in status; NULL where none is pending */
};
int wire_read_login(const struct json *parameters, struct wire_login *ret, const char **ret_bad);
struct json *wire_login_reply(const struct wire_login *l); /* copies the approval */

/* The reply of GetToken. The tree of the builder holds the token: free it soon. */
struct wire_token {
	const char *access_token;
	const char *token_type;
	const char *expires_at; /* RFC 3339, NULL where not known */
	const struct names *scopes;
	const struct json *extra; /* object */
};
struct json *wire_token_reply(const struct wire_token *t);

/* The reply of Refresh. @expires_at is an RFC 3339 text or NULL. */
struct json *wire_refresh_reply(const char *expires_at);

/* The reply of Invalidate; not @refreshed: another token was held already; @unchanged: the refresh
 * has brought the same one. */
struct json *wire_invalidate_reply(bool refreshed, bool unchanged, const char *expires_at);

/* NotUsable. @retry_at is an RFC 3339 text or NULL. */
struct json *wire_not_usable(enum fault_kind kind, const char *detail, const char *retry_at);

/* Calls about one sync: Status (where @ret is NULL for all), Fields, Failed, Start, Stop, Check. */
int wire_read_sync(enum wire_method method, const struct json *parameters, const char **ret,
	const char **ret_bad);
struct json *wire_sync_parameters(const char *name); /* NULL: none */

/* What grantd-sync tells the agent. */
struct wire_report {
	const struct json *status;
	const struct json *fields, *failed; /* NULL: as told before */
	uint64_t command; /* the one that this answers, 0 for none; @refused tells why it was not */
	enum fault_kind refused;
	const char *detail;
};
int wire_read_report(const struct json *parameters, struct wire_report *ret, const char **ret_bad);
struct json *wire_report_parameters(const struct wire_report *r); /* copies the trees */

/* What the agent tells grantd-sync, as replies to Attend: the settings first, then commands by
 * their number. Either may be absent. */
struct wire_attend {
	const struct json *settings;
	const char *command;
	uint64_t number;
};
int wire_read_attend(const struct json *parameters, struct wire_attend *ret, const char **ret_bad);
struct json *wire_attend_reply(const struct wire_attend *a); /* copies the settings */
