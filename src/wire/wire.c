/* SPDX-License-Identifier: BSD-2-Clause */
/* Varlink messages (varlink.org/Method-Call), both directions: the tables of our methods and
 * errors, strict readers, and builders. Documented in grantd-protocol(7). */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "wire/wire.h"

#define SERVICE "org.varlink.service"
#define ERRORS  "org.grantd"
#define STATUS  "org.grantd.Status"
#define CONTROL "org.grantd.Control"
#define SYNC    "org.grantd.Sync"

static const struct wire_parameter no_parameters[] = {{0}};

static const struct wire_parameter description_parameters[] = {
	{"interface", WIRE_TYPE_TEXT, false},
	{0},
};

static const struct wire_parameter status_parameters[] = {
	{"names", WIRE_TYPE_TEXTS, true},
	{0},
};

static const struct wire_parameter get_token_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{"min_valid_s", WIRE_TYPE_INT, true},
	{0},
};

static const struct wire_parameter login_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{"cancel", WIRE_TYPE_BOOL, true},
	{"wait", WIRE_TYPE_BOOL, true},
	{0},
};

static const struct wire_parameter paste_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{"address", WIRE_TYPE_TEXT, false},
	{"code_only", WIRE_TYPE_BOOL, true},
	{0},
};

static const struct wire_parameter confirm_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{"replace", WIRE_TYPE_BOOL, true},
	{0},
};

static const struct wire_parameter invalidate_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{"access_token", WIRE_TYPE_TEXT, false},
	{0},
};

static const struct wire_parameter name_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{0},
};

static const struct wire_parameter revoke_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{"keep", WIRE_TYPE_BOOL, true},
	{0},
};

static const struct wire_parameter sync_status_parameters[] = {
	{"name", WIRE_TYPE_TEXT, true},
	{0},
};

static const struct wire_parameter sync_parameters[] = {
	{"name", WIRE_TYPE_TEXT, false},
	{0},
};

static const struct wire_parameter report_parameters[] = {
	{"status", WIRE_TYPE_OBJECT, false},
	{"fields", WIRE_TYPE_OBJECT, true},
	{"failed", WIRE_TYPE_OBJECT, true},
	{"command", WIRE_TYPE_INT, true},
	{"refused", WIRE_TYPE_TEXT, true},
	{"detail", WIRE_TYPE_TEXT, true},
	{0},
};

static const struct wire_method_info methods[_WIRE_METHOD_MAX] = {
	[WIRE_GET_INFO] = {SERVICE, "GetInfo", false, false, no_parameters},
	[WIRE_GET_INTERFACE_DESCRIPTION] = {SERVICE, "GetInterfaceDescription", false, false,
		description_parameters},
	[WIRE_STATUS_GET] = {STATUS, "Get", false, false, status_parameters},
	[WIRE_STATUS_WATCH] = {STATUS, "Watch", false, true, status_parameters},
	[WIRE_GET_TOKEN] = {CONTROL, "GetToken", true, false, get_token_parameters},
	[WIRE_LOGIN] = {CONTROL, "Login", true, false, login_parameters},
	[WIRE_PASTE] = {CONTROL, "Paste", true, false, paste_parameters},
	[WIRE_CONFIRM] = {CONTROL, "Confirm", true, false, confirm_parameters},
	[WIRE_REJECT] = {CONTROL, "Reject", true, false, name_parameters},
	[WIRE_REFRESH] = {CONTROL, "Refresh", true, false, name_parameters},
	[WIRE_INVALIDATE] = {CONTROL, "Invalidate", true, false, invalidate_parameters},
	[WIRE_REVOKE] = {CONTROL, "Revoke", true, false, revoke_parameters},
	[WIRE_RELOAD] = {CONTROL, "Reload", true, false, no_parameters},
	[WIRE_SYNC_STATUS] = {SYNC, "Status", false, false, sync_status_parameters},
	[WIRE_SYNC_FIELDS] = {SYNC, "Fields", true, false, sync_parameters},
	[WIRE_SYNC_FAILED] = {SYNC, "Failed", true, false, sync_parameters},
	[WIRE_SYNC_START] = {SYNC, "Start", true, false, sync_parameters},
	[WIRE_SYNC_STOP] = {SYNC, "Stop", true, false, sync_parameters},
	[WIRE_SYNC_CHECK] = {SYNC, "Check", true, false, sync_parameters},
	[WIRE_SYNC_ATTEND] = {SYNC, "Attend", true, true, no_parameters},
	[WIRE_SYNC_REPORT] = {SYNC, "Report", true, false, report_parameters},
};

/* The errors, each with the name of its one text parameter where it has one. */
static const struct {
	const char *name;
	const char *parameter;
} errors[_WIRE_ERROR_MAX] = {
	[WIRE_NOT_PERMITTED] = {ERRORS ".NotPermitted", NULL},
	[WIRE_NO_SUCH_CONNECTION] = {ERRORS ".NoSuchConnection", "name"},
	[WIRE_NO_SUCH_SYNC] = {ERRORS ".NoSuchSync", "name"},
	[WIRE_NOT_USABLE] = {ERRORS ".NotUsable", NULL},
	[WIRE_TIMED_OUT] = {ERRORS ".TimedOut", NULL},
	[WIRE_BUSY] = {ERRORS ".Busy", NULL},
	[WIRE_BAD_REQUEST] = {ERRORS ".BadRequest", "detail"},
	[WIRE_INVALID_CONFIGURATION] = {ERRORS ".InvalidConfiguration", "detail"},
	[WIRE_INTERFACE_NOT_FOUND] = {SERVICE ".InterfaceNotFound", "interface"},
	[WIRE_METHOD_NOT_FOUND] = {SERVICE ".MethodNotFound", "method"},
	[WIRE_METHOD_NOT_IMPLEMENTED] = {SERVICE ".MethodNotImplemented", "method"},
	[WIRE_INVALID_PARAMETER] = {SERVICE ".InvalidParameter", "parameter"},
	[WIRE_EXPECTED_MORE] = {SERVICE ".ExpectedMore", NULL},
};

const struct wire_method_info *wire_method_info(enum wire_method method)
{
	assert((unsigned)method < _WIRE_METHOD_MAX);
	return &methods[method];
}

int wire_method_name(enum wire_method method, struct buf *ret)
{
	const struct wire_method_info *info = wire_method_info(method);

	return buf_printf(ret, "%s.%s", info->interface, info->name);
}

const char *wire_error_name(enum wire_error error)
{
	assert((unsigned)error < _WIRE_ERROR_MAX);
	return errors[error].name;
}

int wire_error_from_name(const char *name, enum wire_error *ret)
{
	for (unsigned i = WIRE_OK + 1; i < _WIRE_ERROR_MAX; i++) {
		if (!text_equal(errors[i].name, name))
			continue;
		*ret = (enum wire_error)i;
		return 0;
	}
	return -EINVAL;
}

/* A member that a message may have. */
struct member {
	const char *name;
	enum json_type type;
};

/* Does @j have no other members than these, each of its type or null? */
static bool has_only(const struct json *j, const struct member *members, size_t n)
{
	for (const struct json *v = json_next(j, NULL); v; v = json_next(j, v)) {
		size_t i = 0;

		while (i < n && !text_equal(members[i].name, json_key(v)))
			i++;
		if (i == n || !(json_is(v, members[i].type) || json_is(v, JSON_NULL)))
			return false;
	}
	return true;
}

static int parse_message(
	const char *frame, size_t len, const struct member *members, size_t n, struct json **ret)
{
	_cleanup_(json_freep) struct json *j = NULL;
	int r;

	r = json_parse(frame, len, &j, NULL);
	if (r < 0)
		return r;
	if (!json_is(j, JSON_OBJECT) || !has_only(j, members, n))
		return -EBADMSG;
	*ret = steal(j);
	return 0;
}

static const struct json *parameters_of(const struct json *message)
{
	const struct json *parameters = json_get(message, "parameters");

	return json_is(parameters, JSON_OBJECT) ? parameters : NULL;
}

static bool flag_of(const struct json *j, const char *key)
{
	bool value = false;

	(void)json_bool(json_get(j, key), &value); /* absent and null mean false */
	return value;
}

void wire_call_done(struct wire_call *c)
{
	json_free(c->json);
	*c = (struct wire_call){0};
}

static int find_method(
	const char *name, enum wire_method *ret, enum wire_error *ret_error, struct fault *reterr)
{
	const char *dot = strrchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);
	bool interface_known = false;

	for (unsigned i = 0; dot && i < _WIRE_METHOD_MAX; i++) {
		if (strlen(methods[i].interface) != len ||
			memcmp(methods[i].interface, name, len) != 0)
			continue;
		interface_known = true;
		if (!text_equal(methods[i].name, dot + 1))
			continue;
		*ret = (enum wire_method)i;
		return 0;
	}
	*ret_error = interface_known ? WIRE_METHOD_NOT_FOUND : WIRE_INTERFACE_NOT_FOUND;
	if (interface_known || len > FAULT_DETAIL_MAX)
		len = FAULT_DETAIL_MAX;
	fault_set(reterr, FAULT_PROTOCOL, "%.*s", (int)len, name);
	return -ENOENT;
}

int wire_parse_call(const char *frame, size_t len, struct wire_call *ret,
	enum wire_error *ret_error, struct fault *reterr)
{
	static const struct member members[] = {
		{"method", JSON_STRING},
		{"parameters", JSON_OBJECT},
		{"more", JSON_BOOL},
		{"oneway", JSON_BOOL},
		{"upgrade", JSON_BOOL},
	};
	_cleanup_(json_freep) struct json *j = NULL;
	struct wire_call call = {0};
	const char *name;
	int r;

	if (len > WIRE_REPORT_MAX)
		return -EBADMSG;
	r = parse_message(frame, len, members, ELEMENTS(members), &j);
	if (r < 0)
		return r;
	name = json_get_text(j, "method");
	call.parameters = parameters_of(j);
	call.more = flag_of(j, "more");
	call.oneway = flag_of(j, "oneway");
	if (!name || (call.more && call.oneway) || flag_of(j, "upgrade"))
		return -EBADMSG;
	r = find_method(name, &call.method, ret_error, reterr);
	if (len > WIRE_FRAME_MAX && (r < 0 || call.method != WIRE_SYNC_REPORT))
		return -EBADMSG;
	if (r < 0) {
		ret->oneway = call.oneway;
		return r;
	}
	call.json = steal(j);
	*ret = call;
	return 0;
}

/* Append @head, @parameters (empty for NULL), @tail and the NUL. The parts around the parameters
 * are our own constants, so that a large reply is printed once and never copied as a tree. */
static int build(const char *head, const struct json *parameters, const char *tail, struct buf *ret)
{
	_cleanup_(mem_freep) char *printed = NULL;

	if (parameters) {
		printed = json_print(parameters, false);
		if (!printed)
			return -ENOMEM;
	}
	(void)buf_add_text(ret, head); /* failures stick until the last addition */
	(void)buf_add_text(ret, printed ? printed : "{}");
	(void)buf_add_text(ret, tail);
	return buf_add_char(ret, '\0');
}

int wire_build_call(
	enum wire_method method, const struct json *parameters, bool more, struct buf *ret)
{
	(void)buf_add_text(ret, "{\"method\":\""); /* failures stick until the last addition */
	(void)wire_method_name(method, ret);
	return build("\",\"parameters\":", parameters, more ? ",\"more\":true}" : "}", ret);
}

void wire_reply_done(struct wire_reply *r)
{
	json_free(r->json);
	*r = (struct wire_reply){0};
}

int wire_parse_reply(const char *frame, size_t len, struct wire_reply *ret)
{
	static const struct member members[] = {
		{"parameters", JSON_OBJECT},
		{"continues", JSON_BOOL},
		{"error", JSON_STRING},
	};
	_cleanup_(json_freep) struct json *j = NULL;
	struct wire_reply reply = {0};
	int r;

	if (len > WIRE_REPLY_MAX)
		return -EBADMSG;
	r = parse_message(frame, len, members, ELEMENTS(members), &j);
	if (r < 0)
		return r;
	reply.parameters = parameters_of(j);
	reply.continues = flag_of(j, "continues");
	reply.error_name = json_get_text(j, "error");
	if (reply.error_name && wire_error_from_name(reply.error_name, &reply.error) < 0)
		reply.error = WIRE_BAD_REQUEST;
	reply.json = steal(j);
	*ret = reply;
	return 0;
}

int wire_build_reply(const struct json *parameters, bool continues, struct buf *ret)
{
	return build("{\"parameters\":", parameters, continues ? ",\"continues\":true}" : "}", ret);
}

int wire_build_error(enum wire_error error, const struct json *parameters, struct buf *ret)
{
	assert(error != WIRE_OK);
	(void)buf_add_text(ret, "{\"error\":\""); /* failures stick until the last addition */
	(void)buf_add_text(ret, wire_error_name(error));
	return build("\",\"parameters\":", parameters, "}", ret);
}

int wire_build_error_text(enum wire_error error, const char *text, struct buf *ret)
{
	_cleanup_(json_freep) struct json *parameters = json_new_object();
	const char *key = errors[error].parameter;

	if (!parameters)
		return -ENOMEM;
	if (key && json_add(parameters, key, json_new_text(text)) < 0)
		return -ENOMEM;
	return wire_build_error(error, parameters, ret);
}

/* GetInfo */
static struct json *interfaces_of(bool control)
{
	_cleanup_(json_freep) struct json *list = json_new_array();

	if (!list || json_append(list, json_new_text(SERVICE)) < 0 ||
		json_append(list, json_new_text(ERRORS)) < 0 ||
		json_append(list, json_new_text(STATUS)) < 0 ||
		json_append(list, json_new_text(SYNC)) < 0)
		return NULL;
	if (control && json_append(list, json_new_text(CONTROL)) < 0)
		return NULL;
	return steal(list);
}

static int answer_info(bool control, const char *version, struct buf *ret)
{
	_cleanup_(json_freep) struct json *info = json_new_object();

	if (!info || json_add(info, "vendor", json_new_text("grantd")) < 0 ||
		json_add(info, "product", json_new_text("grantd")) < 0 ||
		json_add(info, "version", json_new_text(version)) < 0 ||
		json_add(info, "url", json_new_text("man:grantd-protocol(7)")) < 0 ||
		json_add(info, "interfaces", interfaces_of(control)) < 0)
		return -ENOMEM;
	return wire_build_reply(info, false, ret);
}

static int answer_description(const struct json *parameters, bool control, struct buf *ret)
{
	_cleanup_(json_freep) struct json *reply = NULL;
	const char *name = json_get_text(parameters, "interface");
	const char *text = wire_interface_description(name);

	if (!text || (!control && text_equal(name, CONTROL)))
		return wire_build_error_text(WIRE_INTERFACE_NOT_FOUND, name, ret);
	reply = json_new_object();
	if (!reply || json_add(reply, "description", json_new_text(text)) < 0)
		return -ENOMEM;
	return wire_build_reply(reply, false, ret);
}

int wire_answer_service(
	const struct wire_call *call, bool control, const char *version, struct buf *ret)
{
	const char *bad;

	if (wire_check(call->method, call->parameters, &bad) < 0)
		return wire_build_error_text(WIRE_INVALID_PARAMETER, bad, ret);
	if (call->method == WIRE_GET_INFO)
		return answer_info(control, version, ret);
	assert(call->method == WIRE_GET_INTERFACE_DESCRIPTION);
	return answer_description(call->parameters, control, ret);
}

static bool are_texts(const struct json *list)
{
	if (!json_is(list, JSON_ARRAY))
		return false;
	for (const struct json *v = json_next(list, NULL); v; v = json_next(list, v))
		if (!json_is(v, JSON_STRING))
			return false;
	return true;
}

static bool is_of_type(const struct json *v, enum wire_type type)
{
	uint64_t whole;

	switch (type) {
	case WIRE_TYPE_TEXT:
		return json_is(v, JSON_STRING);
	case WIRE_TYPE_INT:
		return json_u64(v, &whole);
	case WIRE_TYPE_BOOL:
		return json_is(v, JSON_BOOL);
	case WIRE_TYPE_TEXTS:
		return are_texts(v);
	case WIRE_TYPE_OBJECT:
		return json_is(v, JSON_OBJECT);
	}
	return false;
}

static bool has_parameter(const struct wire_method_info *info, const char *name)
{
	for (const struct wire_parameter *p = info->parameters; p->name; p++)
		if (text_equal(p->name, name))
			return true;
	return false;
}

int wire_check(enum wire_method method, const struct json *parameters, const char **ret_bad)
{
	const struct wire_method_info *info = wire_method_info(method);

	for (const struct wire_parameter *p = info->parameters; p->name; p++) {
		const struct json *v = json_get(parameters, p->name);
		bool absent = !v || json_is(v, JSON_NULL);

		if (absent ? p->optional : is_of_type(v, p->type))
			continue;
		*ret_bad = p->name;
		return -EINVAL;
	}
	/* what other services answer is not for us to be stricter about */
	if (text_equal(info->interface, SERVICE))
		return 0;
	for (const struct json *v = json_next(parameters, NULL); v; v = json_next(parameters, v)) {
		if (has_parameter(info, json_key(v)))
			continue;
		*ret_bad = json_key(v);
		return -EINVAL;
	}
	return 0;
}

int wire_read_named(enum wire_method method, const struct json *parameters, struct wire_named *ret,
	const char **ret_bad)
{
	struct wire_named n = {0};
	int r;

	r = wire_check(method, parameters, ret_bad);
	if (r < 0)
		return r;
	/* parameters that the method does not have were refused, so that all can be read alike */
	n.name = json_get_text(parameters, "name");
	n.min_valid_given = json_u64(json_get(parameters, "min_valid_s"), &n.min_valid_s);
	n.keep = flag_of(parameters, "keep");
	n.cancel = flag_of(parameters, "cancel");
	n.wait = flag_of(parameters, "wait");
	n.address = json_get_text(parameters, "address");
	n.access_token = json_get_text(parameters, "access_token");
	n.code_only = flag_of(parameters, "code_only");
	n.replace = flag_of(parameters, "replace");
	*ret = n;
	return 0;
}

struct json *wire_named_parameters(enum wire_method method, const struct wire_named *n)
{
	const struct {
		const char *name;
		bool value;
	} flags[] = {{"keep", n->keep}, {"cancel", n->cancel}, {"wait", n->wait},
		{"code_only", n->code_only}, {"replace", n->replace}};
	_cleanup_(json_freep) struct json *j = json_new_object();
	const struct wire_method_info *info = wire_method_info(method);

	if (!j || json_add(j, "name", json_new_text(n->name)) < 0)
		return NULL;
	if (n->min_valid_given && has_parameter(info, "min_valid_s") &&
		json_add(j, "min_valid_s", json_new_u64(n->min_valid_s)) < 0)
		return NULL;
	if (has_parameter(info, "address") && json_add(j, "address", json_new_text(n->address)) < 0)
		return NULL;
	if (has_parameter(info, "access_token") &&
		json_add(j, "access_token", json_new_text(n->access_token)) < 0)
		return NULL;
	for (size_t i = 0; i < ELEMENTS(flags); i++)
		if (flags[i].value && has_parameter(info, flags[i].name) &&
			json_add(j, flags[i].name, json_new_bool(true)) < 0)
			return NULL;
	return steal(j);
}

int wire_read_names(enum wire_method method, const struct json *parameters, struct names *ret,
	const char **ret_bad)
{
	struct names read = {0};
	const struct json *list;
	int r;

	r = wire_check(method, parameters, ret_bad);
	if (r < 0)
		return r;
	list = json_get(parameters, "names");
	for (const struct json *v = json_next(list, NULL); v; v = json_next(list, v)) {
		const char *name = json_text(v);

		if (names_have(&read, name))
			continue;
		r = -EINVAL;
		*ret_bad = "names";
		if (read.n < WIRE_NAMES_MAX)
			r = names_add(&read, name, strlen(name));
		if (r < 0) {
			names_done(&read);
			return r;
		}
	}
	*ret = read;
	return 0;
}

static struct json *texts(const struct names *names)
{
	_cleanup_(json_freep) struct json *list = json_new_array();

	for (size_t i = 0; names && i < names->n; i++)
		if (!list || json_append(list, json_new_text(names->items[i])) < 0)
			return NULL;
	return steal(list);
}

struct json *wire_names_parameters(const struct names *names)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || (names->n > 0 && json_add(j, "names", texts(names)) < 0))
		return NULL;
	return steal(j);
}

int wire_read_login(const struct json *parameters, struct wire_login *ret, const char **ret_bad)
{
	struct wire_login l = {.state = json_get_text(parameters, "state")};
	const struct json *approval = json_get(parameters, "approval");
	const char *bad = NULL;

	if (!l.state)
		bad = "state";
	else if (!json_bool(json_get(parameters, "usable"), &l.usable))
		bad = "usable";
	else if (approval && !json_is(approval, JSON_OBJECT) && !json_is(approval, JSON_NULL))
		bad = "approval";
	if (bad) {
		*ret_bad = bad;
		return -EINVAL;
	}
	l.approval = json_is(approval, JSON_OBJECT) ? approval : NULL;
	*ret = l;
	return 0;
}

struct json *wire_login_reply(const struct wire_login *l)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "state", json_new_text(l->state)) < 0 ||
		json_add(j, "usable", json_new_bool(l->usable)) < 0 ||
		json_add(j, "approval", l->approval ? json_copy(l->approval) : json_new_null()) < 0)
		return NULL;
	return steal(j);
}

struct json *wire_token_reply(const struct wire_token *t)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "access_token", json_new_text(t->access_token)) < 0 ||
		json_add(j, "token_type", json_new_text(t->token_type)) < 0 ||
		json_add(j, "expires_at", json_new_text(t->expires_at)) < 0 ||
		json_add(j, "scopes", texts(t->scopes)) < 0 ||
		json_add(j, "extra", t->extra ? json_copy(t->extra) : json_new_object()) < 0)
		return NULL;
	return steal(j);
}

struct json *wire_invalidate_reply(bool refreshed, bool unchanged, const char *expires_at)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "refreshed", json_new_bool(refreshed)) < 0 ||
		json_add(j, "unchanged", json_new_bool(unchanged)) < 0 ||
		json_add(j, "expires_at", json_new_text(expires_at)) < 0)
		return NULL;
	return steal(j);
}

struct json *wire_refresh_reply(const char *expires_at)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "expires_at", json_new_text(expires_at)) < 0)
		return NULL;
	return steal(j);
}

struct json *wire_not_usable(enum fault_kind kind, const char *detail, const char *retry_at)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || json_add(j, "kind", json_new_text(fault_kind_to_string(kind))) < 0 ||
		json_add(j, "detail", json_new_text(detail)) < 0 ||
		json_add(j, "retry_at", json_new_text(retry_at)) < 0)
		return NULL;
	return steal(j);
}

int wire_read_sync(enum wire_method method, const struct json *parameters, const char **ret,
	const char **ret_bad)
{
	int r = wire_check(method, parameters, ret_bad);

	if (r == 0)
		*ret = json_get_text(parameters, "name");
	return r;
}

struct json *wire_sync_parameters(const char *name)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || (name && json_add(j, "name", json_new_text(name)) < 0))
		return NULL;
	return steal(j);
}

/* The member @key where it is an object. */
static const struct json *object_of(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	return json_is(v, JSON_OBJECT) ? v : NULL;
}

int wire_read_report(const struct json *parameters, struct wire_report *ret, const char **ret_bad)
{
	struct wire_report report = {.status = NULL};
	const char *refused = json_get_text(parameters, "refused");
	int r;

	r = wire_check(WIRE_SYNC_REPORT, parameters, ret_bad);
	if (r < 0)
		return r;
	report.status = object_of(parameters, "status");
	report.fields = object_of(parameters, "fields");
	report.failed = object_of(parameters, "failed");
	report.detail = json_get_text(parameters, "detail");
	(void)json_u64(json_get(parameters, "command"), &report.command); /* 0 where absent */
	if (refused && fault_kind_from_string(refused, &report.refused) < 0) {
		*ret_bad = "refused";
		return -EINVAL;
	}
	*ret = report;
	return 0;
}

static int add_copy(struct json *j, const char *key, const struct json *value)
{
	return value ? json_add(j, key, json_copy(value)) : 0;
}

struct json *wire_report_parameters(const struct wire_report *r)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || add_copy(j, "status", r->status) < 0 || add_copy(j, "fields", r->fields) < 0 ||
		add_copy(j, "failed", r->failed) < 0)
		return NULL;
	if (r->command > 0 && json_add(j, "command", json_new_u64(r->command)) < 0)
		return NULL;
	if (r->refused != FAULT_NONE &&
		(json_add(j, "refused", json_new_text(fault_kind_to_string(r->refused))) < 0 ||
			json_add(j, "detail", json_new_text(r->detail)) < 0))
		return NULL;
	return steal(j);
}

int wire_read_attend(const struct json *parameters, struct wire_attend *ret, const char **ret_bad)
{
	struct wire_attend a = {
		.settings = object_of(parameters, "settings"),
		.command = json_get_text(parameters, "command"),
	};

	if (a.command && !json_u64(json_get(parameters, "number"), &a.number)) {
		*ret_bad = "number";
		return -EINVAL;
	}
	*ret = a;
	return 0;
}

struct json *wire_attend_reply(const struct wire_attend *a)
{
	_cleanup_(json_freep) struct json *j = json_new_object();

	if (!j || add_copy(j, "settings", a->settings) < 0)
		return NULL;
	if (a->command &&
		(json_add(j, "command", json_new_text(a->command)) < 0 ||
			json_add(j, "number", json_new_u64(a->number)) < 0))
		return NULL;
	return steal(j);
}
