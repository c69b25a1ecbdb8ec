/* SPDX-License-Identifier: BSD-2-Clause */

/* What the provider said: RFC 6749 §5 (token), RFC 8628 §3.2 and §3.5 (device authorization,
 * polling), RFC 7009 §2.2 (revocation), RFC 9110 §10.2.3 (Retry-After). */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/jose.h"
#include "oauth/metadata.h"
#include "oauth/quirks.h"
#include "oauth/reply.h"

/* Of a provider's words in a fault; leaves room for what the operator can do. */
#define SAID_MAX 200
#define CODE_MAX 64
#define PAGE_MAX 80 /* of a page that came in place of a reply; its title tells the most */

#define RETRY_AFTER_MAX USEC_PER_DAY

/* --- texts --- */

#define BLANKS      " \t\r\n"
#define TOKEN_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~+=%"

/* The shortest run of such characters, at least one of them a digit, that counts as a secret:
 * providers are known to repeat the refused token in the description of the error. Error codes of
 * vendors (AADSTS7000218) and words are shorter or without digits. */
#define SECRET_RUN_MIN 20

static bool is_secret_run(const char *text, size_t len)
{
	return len >= SECRET_RUN_MIN && strcspn(text, "0123456789") < len;
}

struct excerpt {
	char text[VERDICT_SAID_MAX + sizeof("…")];
	size_t len;
};

static void excerpt_add(struct excerpt *e, const char *text, size_t len)
{
	const size_t room = sizeof(e->text) - 1 - e->len;

	if (len > room)
		len = room;
	memcpy(e->text + e->len, text, len);
	e->len += len;
	e->text[e->len] = '\0';
}

static void excerpt_add_blank(struct excerpt *e)
{
	if (e->len > 0 && e->text[e->len - 1] != ' ')
		excerpt_add(e, " ", 1);
}

/* The length of the tag that @text begins with, 0 where there is none. */
static size_t markup_length(const char *text)
{
	const char *end = *text == '<' ? strchr(text, '>') : NULL;

	return end ? (size_t)(end - text) + 1 : 0;
}

/* Copy outside text for a person: cleaned, blanks and markup as one blank, what looks like a secret
 * left out, cut to @size. */
static void excerpt(char *to, size_t size, const char *text)
{
	struct excerpt e = {.len = 0};
	size_t n;

	for (; *text && e.len < size; text += n) {
		n = strspn(text, BLANKS);
		if (n == 0)
			n = markup_length(text);
		if (n > 0) {
			excerpt_add_blank(&e);
			continue;
		}
		n = strspn(text, TOKEN_CHARS);
		if (is_secret_run(text, n)) {
			excerpt_add(&e, "…", strlen("…"));
			continue;
		}
		if (n == 0)
			n = 1 + strcspn(text + 1, "<" BLANKS TOKEN_CHARS);
		excerpt_add(&e, text, n);
	}
	text_clean(to, size, e.text, e.len);
}

/* --- verdicts --- */

static enum fault_kind fault_of(enum reply_kind kind)
{
	switch (kind) {
	case REPLY_OK:
		return FAULT_NONE;
	case REPLY_PENDING:
	case REPLY_SLOW_DOWN:
	case REPLY_TRANSIENT:
		return FAULT_TRANSIENT;
	case REPLY_DENIED:
		return FAULT_DENIED;
	case REPLY_EXPIRED:
		return FAULT_EXPIRED_CODE;
	case REPLY_INVALID_GRANT:
		return FAULT_REVOKED;
	case REPLY_MISCONFIGURED:
		return FAULT_MISCONFIGURED;
	case REPLY_THROTTLED:
		return FAULT_THROTTLED;
	case REPLY_PROVIDER_DOWN:
		return FAULT_PROVIDER_DOWN;
	case REPLY_BROKEN:
		return FAULT_PROTOCOL;
	}
	return FAULT_INTERNAL;
}

/* WHAT: "SAID"; REMEDY. The last two may be "". */
static void verdict_set(struct verdict *v, enum reply_kind kind, const char *what, const char *said,
	const char *remedy)
{
	v->kind = kind;
	fault_set(&v->fault, fault_of(kind), "%s%s%s%s%s%s", what, *said ? ": \"" : "", said,
		*said ? "\"" : "", *remedy ? "; " : "", remedy);
}

bool reply_is_success(const struct exchange_reply *reply)
{
	return reply->outcome == EXCHANGE_REPLIED && reply->status >= 200 && reply->status < 300;
}

static enum reply_kind kind_of_status(const struct exchange_reply *reply)
{
	if (reply_is_success(reply))
		return REPLY_BROKEN;
	if (reply->status == 429 || reply->retry_after[0])
		return REPLY_THROTTLED;
	if (reply->status == 408 || reply->status >= 500)
		return REPLY_PROVIDER_DOWN;
	return REPLY_BROKEN;
}

void reply_without_word(const struct exchange_reply *reply, const char *said, struct verdict *ret)
{
	const bool redirect = reply->status >= 300 && reply->status < 400;
	char what[80] = "the reply was lost";

	ret->lost = reply->outcome == EXCHANGE_LOST || reply->status == 502 || reply->status == 504;
	switch (reply->outcome) {
	case EXCHANGE_NOT_SENT:
		verdict_set(ret, REPLY_PROVIDER_DOWN,
			reply->error[0] ? reply->error : "the request could not be sent", "", "");
		return;
	case EXCHANGE_LOST:
		verdict_set(ret, REPLY_TRANSIENT, what, reply->error, "");
		return;
	case EXCHANGE_REPLIED:
		(void)snprintf(what, sizeof(what), "the provider answered HTTP status %d",
			reply->status); /* fits */
		verdict_set(ret, kind_of_status(reply), what, said,
			redirect ? "redirects are not followed: check the endpoint" : "");
		return;
	}
}

static const struct error_code {
	const char *code;
	enum reply_kind kind;
	const char *remedy;
} error_codes[] = {
	{"authorization_pending", REPLY_PENDING, ""},
	{"slow_down", REPLY_SLOW_DOWN, ""},
	{"access_denied", REPLY_DENIED, ""},
	{"access-denied", REPLY_DENIED, ""},
	{"authorization_declined", REPLY_DENIED, ""},
	{"expired_token", REPLY_EXPIRED, ""},
	{"invalid_grant", REPLY_INVALID_GRANT, ""},
	{"bad_verification_code", REPLY_INVALID_GRANT, ""},
	{"invalid_client", REPLY_MISCONFIGURED,
		"check client_id, client_auth, and client_secret or client_key"},
	{"unauthorized_client", REPLY_MISCONFIGURED,
		"allow this flow for the client at the provider, or check client_id"},
	{"unsupported_grant_type", REPLY_MISCONFIGURED,
		"the provider does not offer this flow there: check flow and the endpoints"},
	{"invalid_request", REPLY_MISCONFIGURED,
		"check client_id, client_auth, scopes and the added parameters"},
	{"invalid_scope", REPLY_MISCONFIGURED,
		"check scopes, and which of them the client may ask for at the provider"},
	{"redirect_uri_mismatch", REPLY_MISCONFIGURED,
		"set redirect_uri to a callback address of the app, byte for byte"},
	{"invalid_target", REPLY_MISCONFIGURED, "check resource and audience"},
	{"temporarily_unavailable", REPLY_TRANSIENT, ""},
	{"server_error", REPLY_TRANSIENT, ""},
};

static const struct error_code *find_error_code(const char *code)
{
	for (size_t i = 0; i < ELEMENTS(error_codes); i++)
		if (text_equal(error_codes[i].code, code))
			return &error_codes[i];
	return NULL;
}

/* What an error reply says in its own words. */
struct word {
	bool error;              /* it calls itself an error */
	const char *code;        /* NULL where it gives none as text */
	const char *description; /* "" where there is none */
};

static bool holds_token(const struct json *j)
{
	static const char *const members[] = {
		"access_token", "refresh_token", "id_token", "device_code"};

	for (size_t i = 0; i < ELEMENTS(members); i++)
		if (json_get(j, members[i]))
			return true;
	return false;
}

/* Read the error of a reply. Some have an object in its place with a message of its own, some only
 * a message. */
static struct word word_read(const struct json *j)
{
	const struct json *error = json_get(j, "error");
	const struct json *const places[] = {error, j};
	static const char *const members[] = {"error_description", "message", "type"};
	struct word w = {.code = json_text(error), .description = ""};

	if (w.code && !*w.code)
		w.code = NULL;
	w.error = w.code || json_is(error, JSON_OBJECT);
	if (holds_token(j))
		return w;
	for (size_t i = 0; i < ELEMENTS(places) * ELEMENTS(members); i++) {
		const char *text = json_get_text(
			places[i / ELEMENTS(members)], members[i % ELEMENTS(members)]);

		if (text) {
			w.description = text;
			break;
		}
	}
	return w;
}

/* A code that no document names: it was refused, what that means only the status can tell. */
static enum reply_kind kind_of_unknown_code(const struct exchange_reply *reply)
{
	if (reply->status == 429)
		return REPLY_THROTTLED;
	return reply->status >= 500 ? REPLY_TRANSIENT : REPLY_BROKEN;
}

static void classify_code(const struct exchange_reply *reply, const struct word *w,
	const char *said, struct verdict *v)
{
	const struct error_code *known = find_error_code(w->code);
	char code[CODE_MAX], what[CODE_MAX + 40];

	excerpt(code, sizeof(code), w->code);
	(void)snprintf(what, sizeof(what), "the provider answered %s", code); /* fits */
	verdict_set(v, known ? known->kind : kind_of_unknown_code(reply), what, said,
		known ? known->remedy : "");
}

/* Some old servers answer like a query, whatever was asked for. */
static bool is_form(const struct exchange_reply *reply, const char *body)
{
	return text_equal(reply->content_type, "application/x-www-form-urlencoded") ||
		text_starts(body, "access_token=") || text_starts(body, "error=");
}

/* A 2xx reply that is not JSON: a page of something between us and the provider passes (the grant
 * is none the worse for it), all else is broken. */
static void classify_text(const struct exchange_reply *reply, const char *why, struct verdict *v)
{
	const char *body = buf_text(&reply->body);
	char said[PAGE_MAX] = "";

	body += strspn(body, BLANKS);
	if (is_form(reply, body)) {
		verdict_set(v, REPLY_BROKEN, "the provider answered a form in place of JSON", "",
			"look for a parameter that asks for JSON, and add it");
		return;
	}
	if (*body != '<') {
		v->kind = REPLY_BROKEN;
		fault_set(&v->fault, FAULT_PROTOCOL, "the reply can't be read: %s", why);
		return;
	}
	if (text_equal(reply->content_type, "text/html") ||
		text_equal(reply->content_type, "text/plain"))
		excerpt(said, sizeof(said), body);
	verdict_set(v, REPLY_TRANSIENT, "a page came in place of a reply", said, "");
}

/* Parse the body of a reply; *ret stays NULL where there is none or it is not JSON, with the reason
 * in *why. 0, -ENOMEM. */
static int parse_body(const struct exchange_reply *reply, struct json **ret, struct fault *why)
{
	int r;

	if (reply->outcome != EXCHANGE_REPLIED || reply->body.len == 0) {
		fault_set(why, FAULT_PROTOCOL, "the body is empty");
		return 0;
	}
	r = json_parse(buf_text(&reply->body), reply->body.len, ret, why);
	return r == -EBADMSG ? 0 : r;
}

/* Keep the words of a reply that may turn out to be none we know. Of what is no JSON, the page is
 * what it says. */
static void verdict_keep(struct verdict *v, const struct exchange_reply *reply,
	const struct json *body, const struct word *w)
{
	if (reply->outcome != EXCHANGE_REPLIED)
		return;
	v->status = (unsigned)reply->status;
	v->parsed = body;
	excerpt(v->error, sizeof(v->error), w->code ? w->code : "");
	excerpt(v->said, sizeof(v->said), body ? w->description : buf_text(&reply->body));
}

/* Read a reply up to the point where it may be what was asked for: then the verdict is REPLY_OK and
 * *ret its body. Returns 0 or -ENOMEM. */
static int reply_read(const struct exchange_reply *reply, struct now now, struct json **ret,
	struct verdict *ret_verdict)
{
	struct verdict v = {.kind = REPLY_OK};
	struct fault why = {.kind = FAULT_NONE};
	char said[SAID_MAX];
	struct word w;
	int r;

	r = parse_body(reply, ret, &why);
	if (r < 0)
		return r;
	w = word_read(*ret);
	excerpt(said, sizeof(said), w.description);
	if (w.code && holds_token(*ret) && !find_error_code(w.code))
		w.code = NULL;
	if (w.code)
		classify_code(reply, &w, said, &v);
	else if (w.error || !reply_is_success(reply))
		reply_without_word(reply, said, &v);
	else if (!*ret)
		classify_text(reply, why.detail, &v);
	if (v.kind != REPLY_OK)
		v.retry_after_usec = reply_retry_after(reply, now);
	verdict_keep(&v, reply, *ret, &w);
	*ret_verdict = v;
	return 0;
}

/* What became of reading what was asked for: an unfit reply is a verdict, not a failure. */
static int settle(int r, struct verdict *v)
{
	if (r != -EBADMSG)
		return r;
	v->kind = REPLY_BROKEN;
	return 0;
}

uint64_t reply_retry_after(const struct exchange_reply *reply, struct now now)
{
	const char *text = reply->retry_after + strspn(reply->retry_after, BLANKS);
	char trimmed[sizeof(reply->retry_after)];
	uint64_t value;
	size_t len = strlen(text);
	int r;

	while (len > 0 && strchr(BLANKS, text[len - 1]))
		len--;
	memcpy(trimmed, text, len);
	trimmed[len] = '\0';
	r = text_parse_u64(trimmed, &value);
	if (r == -ERANGE || (r == 0 && value > RETRY_AFTER_MAX / USEC_PER_S))
		return RETRY_AFTER_MAX;
	if (r == 0)
		return value * USEC_PER_S;
	if (text_parse_http_date(trimmed, &value) < 0)
		return 0;
	value = usec_sub(value, now.wall_usec);
	return value > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : value;
}

/* --- numbers --- */

/* Read seconds given as a number, or as text as some providers do. Returns 1; 0 where they are
 * absent or odd, with *ret untouched; -ENOMEM. */
static int read_seconds(const struct json *j, double *ret)
{
	_cleanup_(json_freep) struct json *number = NULL;
	const char *text = json_text(j);
	int r;

	if (!text)
		return json_number(j, ret);
	r = json_parse(text, strlen(text), &number, NULL);
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	return json_number(number, ret);
}

/* Clamped to 0..@max. */
static uint64_t seconds_to_usec(double seconds, uint64_t max)
{
	if (!(seconds > 0))
		return 0;
	if (seconds >= (double)(max / USEC_PER_S))
		return max;
	return (uint64_t)(seconds * (double)USEC_PER_S);
}

/* --- token --- */

int token_copy(const struct token *from, struct token *ret)
{
	struct token copy = {
		.access_token = secret_copy(from->access_token),
		.refresh_token = secret_copy(from->refresh_token),
		.token_type = mem_strdup(from->token_type),
		.scope_given = from->scope_given,
		.lifetime_given = from->lifetime_given,
		.lifetime_usec = from->lifetime_usec,
		.id_token = secret_copy(from->id_token),
		.refresh_lifetime_usec = from->refresh_lifetime_usec,
		.extra = from->extra ? json_copy(from->extra) : NULL,
	};

	if (names_copy(&from->scopes, &copy.scopes) < 0 ||
		!copy.access_token != !from->access_token ||
		!copy.refresh_token != !from->refresh_token || !copy.id_token != !from->id_token ||
		!copy.token_type != !from->token_type || !copy.extra != !from->extra) {
		token_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void token_done(struct token *t)
{
	t->access_token = secret_free(t->access_token);
	t->refresh_token = secret_free(t->refresh_token);
	t->token_type = mem_free(t->token_type);
	names_done(&t->scopes);
	t->id_token = secret_free(t->id_token);
	t->extra = json_free(t->extra);
}

/* Is @text of the characters a token may have (RFC 6749 appendix A.12)? What is more could break
 * out of the header it is handed out for. */
static bool is_visible(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int token_read_secrets(const struct json *j, struct token *ret, struct fault *why)
{
	const char *access = json_get_text(j, "access_token");
	const char *refresh = json_get_text(j, "refresh_token");
	const char *type = json_get_text(j, "token_type");
	const char *id = json_get_text(j, "id_token");

	if (!access || !*access || !is_visible(access)) {
		fault_set(why, FAULT_PROTOCOL, "the provider's reply %s",
			access && *access ? "has an access_token with characters a token can't have"
					  : "has no access_token");
		return -EBADMSG;
	}
	ret->access_token = secret_new_text(access);
	if (refresh && *refresh)
		ret->refresh_token = secret_new_text(refresh);
	if (id && *id)
		ret->id_token = secret_new_text(id);
	ret->token_type = mem_strdup(type && *type && is_visible(type) ? type : "Bearer");
	if (!ret->access_token || !ret->token_type ||
		(refresh && *refresh && !ret->refresh_token) || (id && *id && !ret->id_token))
		return -ENOMEM;
	return 0;
}

/* Add the scopes in @text. Of those that commas part, none has one in it. 0, -ENOMEM. */
static int split_scopes(const char *text, uint32_t quirks, struct names *ret)
{
	_cleanup_(mem_freep) char *copy = NULL;

	if (!(quirks & QUIRK_SCOPE_COMMAS_REPLY))
		return names_split(text, ret);
	copy = mem_strdup(text);
	if (!copy)
		return -ENOMEM;
	for (char *comma = strchr(copy, ','); comma; comma = strchr(comma, ','))
		*comma = ' ';
	return names_split(copy, ret);
}

static int token_read_scopes(const struct json *scope, uint32_t quirks, struct token *ret)
{
	const struct json *element = NULL;
	const char *text = json_text(scope);

	ret->scope_given = text || json_is(scope, JSON_ARRAY);
	if (text)
		return split_scopes(text, quirks, &ret->scopes);
	if (!ret->scope_given)
		return 0;
	while ((element = json_next(scope, element)) && ret->scopes.n < NAMES_SPLIT_MAX) {
		text = json_text(element);
		if (text && split_scopes(text, quirks, &ret->scopes) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Of a life told under one of several names: 0 means none. 0, -ENOMEM. */
static int token_read_refresh_lifetime(const struct json *j, struct token *ret)
{
	static const char *const members[] = {
		"refresh_token_expires_in", "refresh_expires_in", "x_refresh_token_expires_in"};
	double seconds = 0;
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(members) && r == 0; i++)
		r = read_seconds(json_get(j, members[i]), &seconds);
	if (r < 0)
		return r;
	ret->refresh_lifetime_usec = seconds_to_usec(seconds, TOKEN_LIFETIME_MAX);
	return 0;
}

/* "refresh_token", "refreshToken", "client_secret" … */
static bool is_secret_name(const char *key)
{
	const size_t len = strlen(key), tail = strlen("token");

	return (len >= tail && strcasecmp(key + len - tail, "token") == 0) ||
		strcasestr(key, "secret") || strcasestr(key, "password");
}

/* Has @member such a name, or anything in it? */
static bool bears_secret(const struct json *member)
{
	const struct json *in[JSON_DEPTH_MAX] = {member}, *at[JSON_DEPTH_MAX] = {NULL};
	size_t depth = 1;

	if (is_secret_name(json_key(member)))
		return true;
	while (depth > 0) {
		const struct json *child = json_next(in[depth - 1], at[depth - 1]);

		at[depth - 1] = child;
		if (!child) {
			depth--;
			continue;
		}
		if (depth == JSON_DEPTH_MAX || (json_key(child) && is_secret_name(json_key(child))))
			return true;
		in[depth] = child;
		at[depth++] = NULL;
	}
	return false;
}

static bool is_token_member(const char *key)
{
	static const char *const members[] = {"token_type", "scope", "expires_in"};

	for (size_t i = 0; i < ELEMENTS(members); i++)
		if (text_equal(members[i], key))
			return true;
	return false;
}

/* Add a copy of @member to @extra, unless it takes more than *room; what it takes is subtracted. */
static int extra_add(struct json *extra, const struct json *member, size_t *room)
{
	_cleanup_(mem_freep) char *printed = json_print(member, false);
	size_t size;

	if (!printed)
		return -ENOMEM;
	size = strlen(json_key(member)) + strlen(printed);
	if (size > *room)
		return 0;
	*room -= size;
	return json_add(extra, json_key(member), json_copy(member));
}

static int token_read_extra(const struct json *j, struct token *ret)
{
	const struct json *member = NULL;
	size_t room = TOKEN_EXTRA_MAX;

	ret->extra = json_new_object();
	if (!ret->extra)
		return -ENOMEM;
	while ((member = json_next(j, member))) {
		if (is_token_member(json_key(member)) || bears_secret(member))
			continue;
		if (extra_add(ret->extra, member, &room) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The member that holds the token of the person, where the one beside it is of a program; the reply
 * itself where there is none, as to a refresh. */
static const struct json *token_body_of_user(const struct json *j)
{
	const struct json *user = json_get(j, "authed_user");

	return json_get(user, "access_token") ? user : j;
}

/* Where the reply is signed, it is so by who knows our secret. Some replies are not. 0, -EBADMSG
 * with @why, -ENOMEM. */
static int token_check_signature(
	const struct json *j, const struct secret *secret, struct fault *why)
{
	const char *signature = json_get_text(j, "signature");
	const struct json *issued = json_get(j, "issued_at");
	_cleanup_(mem_freep) char *number = NULL;
	_cleanup_(secret_freep) struct secret *theirs = NULL, *ours = NULL;
	const char *parts[] = {json_get_text(j, "id"), json_text(issued)};

	if (!signature)
		return 0;
	if (json_is(issued, JSON_NUMBER)) { /* as some hosts have it */
		number = json_print(issued, false);
		if (!number)
			return -ENOMEM;
		parts[1] = number;
	}
	theirs = secret_new_text(signature);
	ours = jose_hmac(secret, parts, ELEMENTS(parts));
	if (!theirs || !ours)
		return -ENOMEM;
	if (secret_equal(theirs, ours))
		return 0;
	fault_set(why, FAULT_PROTOCOL,
		"the provider's reply is signed with another secret than client_secret: check it, "
		"and that no key of the client was changed just now");
	return -EBADMSG;
}

/* Returns 0, -EBADMSG with @why, -ENOMEM. */
static int token_read(
	const struct json *j, const struct client *client, struct token *ret, struct fault *why)
{
	const struct json *body = j;
	double seconds = 0;
	int r;

	if (client->quirks & QUIRK_TOKEN_REPLY_SIGNATURE && client->secret) {
		r = token_check_signature(j, client->secret, why);
		if (r < 0)
			return r;
	}
	if (client->quirks & QUIRK_TOKEN_UNDER_AUTHED_USER)
		body = token_body_of_user(j);
	r = token_read_secrets(body, ret, why);
	if (r < 0)
		return r;
	r = read_seconds(json_get(body, "expires_in"), &seconds);
	if (r < 0)
		return r;
	ret->lifetime_given = r > 0;
	ret->lifetime_usec = seconds_to_usec(seconds, TOKEN_LIFETIME_MAX);
	r = token_read_refresh_lifetime(body, ret);
	if (r < 0)
		return r;
	r = token_read_scopes(json_get(body, "scope"), client->quirks, ret);
	if (r < 0)
		return r;
	return token_read_extra(j, ret);
}

/* A success that can't be understood may have held the token, unless it says that it is an error.
 */
static bool may_hold_token(const struct exchange_reply *reply, const struct json *j)
{
	return reply_is_success(reply) && (holds_token(j) || !word_read(j).error);
}

int reply_token(const struct exchange_reply *reply, const struct client *client, struct now now,
	struct token *ret_token, struct verdict *ret)
{
	_cleanup_(json_freep) struct json *j = NULL;
	_cleanup_(token_done) struct token token = {0};
	struct verdict v;
	int r;

	r = reply_read(reply, now, &j, &v);
	if (r == 0 && v.kind == REPLY_OK)
		r = settle(token_read(j, client, &token, &v.fault), &v);
	if (r < 0)
		return r;
	if (v.kind == REPLY_OK) {
		*ret_token = token;
		token = (struct token){0};
	}
	if (v.kind == REPLY_BROKEN || v.kind == REPLY_TRANSIENT)
		v.lost |= may_hold_token(reply, j);
	*ret = v;
	return 0;
}

/* --- device authorization --- */

void device_authorization_done(struct device_authorization *d)
{
	d->device_code = secret_free(d->device_code);
	d->user_code = mem_free(d->user_code);
	d->verification_uri = mem_free(d->verification_uri);
	d->verification_uri_complete = mem_free(d->verification_uri_complete);
}

/* Can a person be shown @text as it is, and type it? */
static bool is_user_code(const char *text)
{
	char clean[DEVICE_USER_CODE_MAX + 1];

	if (!text || !*text)
		return false;
	text_clean(clean, sizeof(clean), text, strlen(text));
	return text_equal(clean, text);
}

static int device_refuse(struct fault *why, const char *what)
{
	fault_set(why, FAULT_PROTOCOL, "the provider's reply has %s", what);
	return -EBADMSG;
}

static int device_read_texts(
	const struct json *j, struct device_authorization *ret, struct fault *why)
{
	const char *device_code = json_get_text(j, "device_code");
	const char *user_code = json_get_text(j, "user_code");
	const char *uri = json_get_text(j, "verification_uri");
	const char *complete = json_get_text(j, "verification_uri_complete");

	if (!uri)
		uri = json_get_text(j, "verification_url"); /* Google, before RFC 8628 */
	if (!device_code || !*device_code)
		return device_refuse(why, "no device_code");
	if (!is_user_code(user_code))
		return device_refuse(why, "no user_code that can be shown");
	if (!metadata_is_web_address(uri))
		return device_refuse(why, "no verification_uri that is a web address");
	if (!metadata_is_web_address(complete))
		complete = NULL;
	ret->device_code = secret_new_text(device_code);
	ret->user_code = mem_strdup(user_code);
	ret->verification_uri = mem_strdup(uri);
	ret->verification_uri_complete = mem_strdup(complete);
	if (!ret->device_code || !ret->user_code || !ret->verification_uri ||
		!ret->verification_uri_complete != !complete)
		return -ENOMEM;
	return 0;
}

/* Up to a whole second, within 1 s..DEVICE_INTERVAL_MAX. */
static uint64_t clamp_interval(double seconds)
{
	const uint64_t usec = seconds_to_usec(seconds, DEVICE_INTERVAL_MAX);
	const uint64_t whole = (usec + USEC_PER_S - 1) / USEC_PER_S;

	return whole > 0 ? whole * USEC_PER_S : USEC_PER_S;
}

/* Returns 0, -EBADMSG with @why, -ENOMEM. */
static int device_read(const struct json *j, struct device_authorization *ret, struct fault *why)
{
	double seconds = 0;
	int r;

	r = device_read_texts(j, ret, why);
	if (r < 0)
		return r;
	r = read_seconds(json_get(j, "expires_in"), &seconds);
	if (r < 0)
		return r;
	ret->lifetime_usec = seconds_to_usec(seconds, DEVICE_LIFETIME_MAX);
	if (ret->lifetime_usec == 0)
		ret->lifetime_usec = DEVICE_LIFETIME_DEFAULT;
	r = read_seconds(json_get(j, "interval"), &seconds);
	if (r < 0)
		return r;
	ret->interval_usec = r > 0 ? clamp_interval(seconds) : DEVICE_INTERVAL_DEFAULT;
	return 0;
}

/* Only polling knows these words. */
static void refuse_polling_words(struct verdict *v)
{
	if (v->kind != REPLY_PENDING && v->kind != REPLY_SLOW_DOWN && v->kind != REPLY_EXPIRED)
		return;
	v->kind = REPLY_BROKEN;
	v->fault.kind = FAULT_PROTOCOL;
}

int reply_device_authorization(const struct exchange_reply *reply, struct now now,
	struct device_authorization *ret_device, struct verdict *ret)
{
	_cleanup_(json_freep) struct json *j = NULL;
	_cleanup_(device_authorization_done) struct device_authorization device = {0};
	struct verdict v;
	int r;

	r = reply_read(reply, now, &j, &v);
	if (r == 0 && v.kind == REPLY_OK)
		r = settle(device_read(j, &device, &v.fault), &v);
	if (r < 0)
		return r;
	if (v.kind == REPLY_OK) {
		*ret_device = device;
		device = (struct device_authorization){0};
	}
	refuse_polling_words(&v);
	*ret = v;
	return 0;
}

/* --- documents --- */

int reply_document(const struct exchange_reply *reply, struct now now, struct json **ret_document,
	struct verdict *ret)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct verdict v = {.kind = REPLY_OK};
	int r;

	if (reply_is_success(reply) && text_equal(reply->content_type, "application/jwt")) {
		verdict_set(&v, REPLY_MISCONFIGURED, "the provider answers with a JWT", "",
			"have it answer with JSON (no userinfo_signed_response_alg for this "
			"client)");
		*ret = v;
		return 0;
	}
	r = reply_read(reply, now, &j, &v);
	if (r < 0)
		return r;
	if (v.kind == REPLY_OK && !json_is(j, JSON_OBJECT))
		verdict_set(&v, REPLY_BROKEN, "the reply is no JSON object", "", "");
	if (v.kind == REPLY_OK)
		*ret_document = steal(j);
	refuse_polling_words(&v);
	*ret = v;
	return 0;
}

/* --- revocation --- */

int reply_revocation(const struct exchange_reply *reply, struct now now, struct verdict *ret)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct verdict v = {.kind = REPLY_OK};
	int r;

	if (!reply_is_success(reply)) {
		r = reply_read(reply, now, &j, &v);
		if (r < 0)
			return r;
		if (text_equal(json_get_text(j, "error"), "invalid_token"))
			v = (struct verdict){.kind = REPLY_OK}; /* was not known any more */
	}
	refuse_polling_words(&v);
	*ret = v;
	return 0;
}

/* --- introspection --- */

int reply_introspection(const struct exchange_reply *reply, struct now now, uint64_t *ret_left_usec)
{
	_cleanup_(json_freep) struct json *j = NULL;
	struct verdict v;
	bool active = false;
	double end = 0;
	int r;

	r = reply_read(reply, now, &j, &v);
	if (r < 0)
		return r;
	if (v.kind != REPLY_OK || !json_bool(json_get(j, "active"), &active) || !active)
		return 0;
	r = read_seconds(json_get(j, "exp"), &end);
	if (r <= 0)
		return r;
	end -= (double)(now.wall_usec / USEC_PER_S);
	if (end < 1)
		return 0;
	*ret_left_usec = seconds_to_usec(end, TOKEN_LIFETIME_MAX);
	return 1;
}
