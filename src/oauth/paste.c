/* SPDX-License-Identifier: BSD-2-Clause */

/* The authorization code flow by paste: request URL and answer (RFC 6749 §4.1.1, §4.1.2, appendix
 * A and B), PKCE (RFC 7636), resource indicators (RFC 8707), the answer's issuer (RFC 9207), the
 * further errors of OpenID Connect Core 1.0 §3.1.2.6. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/paste.h"
#include "oauth/request.h"

/* Of a provider's words in a fault; leaves room for what the operator can do. */
#define SAID_MAX 128
#define WORD_MAX 64
/* Of the scopes asked for, behind that: enough for those of most connections. */
#define ASKED_MAX 80

#define BLANKS " \t\r\n"

/* --- the address to open --- */

/* Blanks become %20: '+' for them is for forms, and not every server reads it in a query. */
static void url_add_value(struct buf *url, const char *text, size_t len)
{
	while (len > 0) {
		const char *blank = memchr(text, ' ', len);
		const size_t n = blank ? (size_t)(blank - text) : len;

		(void)text_add_form(url, text, n); /* failures stick, paste_url() reads them */
		if (!blank)
			return;
		(void)buf_add_text(url, "%20");
		text += n + 1;
		len -= n + 1;
	}
}

static void url_add(struct buf *url, const char *name, const char *value, size_t len)
{
	const char *query = strchr(buf_text(url), '?');

	if (!query)
		(void)buf_add_char(url, '?'); /* failures stick */
	else if (query[1] && url->data[url->len - 1] != '&')
		(void)buf_add_char(url, '&');
	url_add_value(url, name, strlen(name));
	(void)buf_add_char(url, '=');
	url_add_value(url, value, len);
}

static void url_add_text(struct buf *url, const char *name, const char *value)
{
	if (value)
		url_add(url, name, value, strlen(value));
}

static void url_add_secret(struct buf *url, const char *name, const struct secret *value)
{
	if (value)
		url_add(url, name, secret_expose(value), secret_len(value));
}

static int url_add_scopes(struct buf *url, const struct names *scopes)
{
	_cleanup_(mem_freep) char *joined = NULL;

	if (!scopes || scopes->n == 0)
		return 0;
	joined = names_join(scopes, " ");
	if (!joined)
		return -ENOMEM;
	url_add_text(url, "scope", joined);
	return 0;
}

static int url_add_challenge(struct buf *url, const struct secret *verifier)
{
	_cleanup_(buf_done) struct buf challenge = BUF(43); /* a SHA-256 in base64url */

	if (!verifier)
		return 0;
	if (pkce_challenge(verifier, &challenge) < 0)
		return -ENOMEM;
	url_add_text(url, "code_challenge", buf_text(&challenge));
	url_add_text(url, "code_challenge_method", "S256");
	return 0;
}

int paste_url(const char *endpoint, const char *client_id, const char *redirect_uri,
	const struct names *scopes, const struct secret *state, const struct secret *verifier,
	const struct secret *nonce, const struct names *resources, const struct params *parameters,
	struct buf *ret)
{
	_cleanup_(buf_done) struct buf url = BUF(PASTE_MAX);

	(void)buf_add_text(&url, endpoint); /* failures stick */
	url_add_text(&url, "response_type", "code");
	url_add_text(&url, "client_id", client_id);
	url_add_text(&url, "redirect_uri", redirect_uri);
	if (url_add_scopes(&url, scopes) < 0)
		return -ENOMEM;
	url_add_secret(&url, "state", state);
	if (url_add_challenge(&url, verifier) < 0)
		return -ENOMEM;
	url_add_secret(&url, "nonce", nonce);
	for (size_t i = 0; resources && i < resources->n; i++)
		url_add_text(&url, "resource", resources->items[i]);
	for (size_t i = 0; parameters && i < parameters->n; i++)
		url_add_text(&url, parameters->items[i].name, parameters->items[i].value);
	if (url.error)
		return url.error;
	return buf_add(ret, url.data, url.len);
}

/* --- what was pasted, as one line --- */

#define OPEN_AND_PASTE "open the address shown by grantctl login NAME and paste the one it ends at"

static int refuse(struct fault *reterr, enum fault_kind kind, const char *why)
{
	fault_set(reterr, kind, "%s", why);
	return -EBADMSG;
}

static bool is_blank(char c)
{
	return c && strchr(BLANKS, c);
}

static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && !is_blank(text[i])) || text[i] == '\x7f')
			return true;
	return false;
}

static size_t blanks_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && is_blank(text[n]))
		n++;
	return n;
}

/* Copy without the blanks at both ends and without line breaks, with the blanks around them, where
 * a terminal or a mail wrapped the address. */
static int unwrap(const char *text, size_t len, struct buf *ret)
{
	for (size_t i = 0; i < len;) {
		const size_t n = blanks_length(text + i, len - i);
		const bool at_end = i == 0 || i + n == len;

		if (n == 0)
			(void)buf_add_char(ret, text[i++]); /* failures stick */
		else if (!at_end && !memchr(text + i, '\n', n) && !memchr(text + i, '\r', n))
			(void)buf_add(ret, text + i, n);
		i += n;
	}
	return ret->error ? -ENOMEM : 0;
}

static int line_read(const char *text, size_t len, struct buf *ret, struct fault *reterr)
{
	if (len > PASTE_MAX)
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"what was pasted is longer than 64 KiB, which no address is: " OPEN_AND_PASTE);
	if (has_control(text, len))
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"what was pasted has control characters in it: copy the address again, as plain "
			"text");
	if (blanks_length(text, len) == len)
		return refuse(reterr, FAULT_NEEDS_APPROVAL, "nothing was pasted: " OPEN_AND_PASTE);
	return unwrap(text, len, ret);
}

/* --- parameters --- */

enum slot {
	SLOT_CODE,
	SLOT_STATE,
	SLOT_ISS,
	SLOT_ERROR,
	SLOT_DESCRIPTION,
	SLOT_CLIENT_ID,
	SLOT_RESPONSE_TYPE,
	_SLOT_MAX,
};

static const struct parameter {
	const char *name;
	bool words; /* for a person: shown, never compared or sent, so that anything may be in it */
} parameters_read[_SLOT_MAX] = {
	[SLOT_CODE] = {"code", false},
	[SLOT_STATE] = {"state", false},
	[SLOT_ISS] = {"iss", false},
	[SLOT_ERROR] = {"error", false},
	[SLOT_DESCRIPTION] = {"error_description", true},
	[SLOT_CLIENT_ID] = {"client_id", false},
	[SLOT_RESPONSE_TYPE] = {"response_type", false},
};

struct answer {
	struct buf
		values[_SLOT_MAX]; /* decoded; an empty one is as good as absent (RFC 6749 §3.1) */
	bool seen[_SLOT_MAX];
};

static void answer_init(struct answer *a)
{
	*a = (struct answer){0};
	for (unsigned i = 0; i < _SLOT_MAX; i++)
		a->values[i] = BUF(PASTE_MAX);
}

static void answer_done(struct answer *a)
{
	for (unsigned i = 0; i < _SLOT_MAX; i++)
		buf_done(&a->values[i]);
}

static bool answer_has(const struct answer *a, enum slot slot)
{
	return a->values[slot].len > 0;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		return -1;
	return at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* The byte that "%XX" at the start of @len bytes stands for, -1 where there is none. */
static int escaped_byte(const char *text, size_t len)
{
	int high, low;

	if (len < 3 || text[0] != '%')
		return -1;
	high = hex_digit(text[1]);
	low = hex_digit(text[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

enum decoding {
	DECODE_FORM,  /* application/x-www-form-urlencoded, RFC 6749 appendix B */
	DECODE_BARE,  /* copied from a page as it is, or from an address: '+' is itself in both */
	DECODE_WORDS, /* a form in which a stray '%' stands for itself */
};

/* Append @text decoded once. Returns 0, -EBADMSG where a '%' leads no two digits, -ENOMEM. */
static int decode(struct buf *to, const char *text, size_t len, enum decoding how)
{
	for (size_t i = 0; i < len; i++) {
		const int byte = escaped_byte(text + i, len - i);

		if (byte < 0 && text[i] == '%' && how != DECODE_WORDS)
			return -EBADMSG;
		if (byte >= 0) {
			(void)buf_add_char(to, (char)byte); /* failures stick */
			i += 2;
		} else {
			(void)buf_add_char(
				to, text[i] == '+' && how != DECODE_BARE ? ' ' : text[i]);
		}
	}
	return to->error ? -ENOMEM : 0;
}

/* VSCHAR, of which code, state, error and a URI are made (RFC 6749 appendix A). */
static bool is_visible(const struct buf *value)
{
	for (size_t i = 0; i < value->len; i++)
		if (value->data[i] < ' ' || value->data[i] > '~')
			return false;
	return true;
}

static int value_read(
	struct buf *to, const char *text, size_t len, enum decoding how, struct fault *reterr)
{
	int r;

	if (how != DECODE_WORDS && (memchr(text, ' ', len) || memchr(text, '\t', len)))
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"what was pasted has a blank in it: copy the address again, in one piece");
	r = decode(to, text, len, how);
	if (r == -EBADMSG)
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"what was pasted is damaged (a % without its two digits): copy the whole "
			"address again");
	if (r == 0 && how != DECODE_WORDS && !is_visible(to))
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"what was pasted has characters that no answer has: copy the address again, as "
			"the browser shows it");
	return r;
}

/* Which one has this name? Returns 0, -ENOENT, -ENOMEM. */
static int slot_find(const char *name, size_t len, enum slot *ret)
{
	_cleanup_(buf_done) struct buf decoded = BUF(PASTE_MAX);
	int r;

	r = decode(&decoded, name, len, DECODE_WORDS);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < _SLOT_MAX; i++)
		if (strlen(parameters_read[i].name) == decoded.len &&
			text_equal(parameters_read[i].name, buf_text(&decoded))) {
			*ret = (enum slot)i;
			return 0;
		}
	return -ENOENT;
}

/* Take NAME=VALUE; what we do not know is ignored (RFC 6749 §4.1.2). */
static int answer_take(struct answer *a, const char *text, size_t len, struct fault *reterr)
{
	const char *equals = memchr(text, '=', len);
	const size_t name_len = equals ? (size_t)(equals - text) : len;
	const size_t value_at = equals ? name_len + 1 : len;
	enum slot slot;
	int r;

	r = slot_find(text, name_len, &slot);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (a->seen[slot]) {
		fault_set(reterr, FAULT_NEEDS_APPROVAL,
			"the pasted address has %s twice: copy it again, and paste it alone",
			parameters_read[slot].name);
		return -EBADMSG;
	}
	a->seen[slot] = true;
	return value_read(&a->values[slot], text + value_at, len - value_at,
		parameters_read[slot].words ? DECODE_WORDS : DECODE_FORM, reterr);
}

static int answer_read(struct answer *a, const char *query, struct fault *reterr)
{
	while (*query) {
		const size_t len = strcspn(query, "&");
		const int r = answer_take(a, query, len, reterr);

		if (r < 0)
			return r;
		query += len;
		query += *query == '&';
	}
	return 0;
}

/* --- what was pasted, by its shape --- */

/* Where the answer stands in @line, which is cut at the fragment: the query, or all of it where
 * only a query was pasted, or the fragment where there is neither (response_mode=fragment). */
static const char *find_query(char *line)
{
	char *fragment = strchr(line, '#');
	const char *query;

	if (fragment)
		*fragment++ = '\0';
	query = strchr(line, '?');
	if (query)
		query++;
	else if (!strstr(line, "://") && strchr(line, '='))
		query = line;
	if (query && *query)
		return query;
	return fragment ? fragment : "";
}

/* Is it neither address nor query? A code may have any character; these no known one has. */
static bool is_bare(const char *line)
{
	if (!*line || strpbrk(line, "?&#") || strstr(line, "://"))
		return false;
	for (unsigned i = 0; i < _SLOT_MAX; i++) {
		const size_t n = strlen(parameters_read[i].name);

		if (strncmp(line, parameters_read[i].name, n) == 0 && line[n] == '=')
			return false;
	}
	return true;
}

/* Some providers end their redirects so. */
static void drop_empty_fragment(struct buf *line)
{
	static const char tail[] = "#_=_";
	const size_t n = strlen(tail);

	if (line->len < n || memcmp(line->data + line->len - n, tail, n) != 0)
		return;
	line->len -= n;
	line->data[line->len] = '\0';
}

/* --- errors --- */

#define ADMIT \
	"an administrator has to allow the approver this app (profile or permission " \
	"set); then log in again"
#define CHECK_RIGHTS \
	"log in again; if nobody refused, the approver may not use the app: check its " \
	"permissions and network rules"
#define SET_REDIRECT "set redirect_uri to a callback address of the app, byte for byte"
#define CHECK_CLIENT "check client_id, and that the app is known to this host"
#define DROP_PROMPT  "take prompt=none out of request_parameters: a person has to answer"

/* Followed by the scopes asked for. */
static const char allow_scopes[] =
	"allow the app these scopes at the provider, or take them out of scopes";

/* The first row that fits counts: what is said comes before the code, which is the same for many
 * causes. NULL fits anything. */
static const struct known_error {
	const char *error;
	const char *said;
	enum fault_kind kind;
	const char *remedy;
} known_errors[] = {
	{NULL, "app must be installed into org", FAULT_MISCONFIGURED,
		"an administrator has to install the app in the organisation, or let the approver use "
		"apps that are not installed; then log in again"},
	{NULL, "not admin approved", FAULT_DENIED, ADMIT},
	{NULL, "redirect_uri must match", FAULT_MISCONFIGURED, SET_REDIRECT},
	{"access_denied", NULL, FAULT_DENIED, CHECK_RIGHTS},
	{"access-denied", NULL, FAULT_DENIED, CHECK_RIGHTS},
	{"user_denied", NULL, FAULT_DENIED, "log in again"},
	{"user_cancelled_login", NULL, FAULT_DENIED, "log in again"},
	{"user_cancelled_authorize", NULL, FAULT_DENIED, "log in again"},
	{"OAUTH_APP_ACCESS_DENIED", NULL, FAULT_DENIED, ADMIT},
	{"OAUTH_APPROVAL_ERROR_GENERIC", NULL, FAULT_MISCONFIGURED,
		"the provider tells no cause: check that the approver may use the app and its API, and "
		"the app's network rules, callback address and scopes"},
	{"OAUTH_DISALLOWED_SCOPES", NULL, FAULT_MISCONFIGURED, allow_scopes},
	{"invalid_scope", NULL, FAULT_MISCONFIGURED, allow_scopes},
	{"redirect_uri_mismatch", NULL, FAULT_MISCONFIGURED, SET_REDIRECT},
	{"invalid_redirect_uri", NULL, FAULT_MISCONFIGURED, SET_REDIRECT},
	{"invalid_client", NULL, FAULT_MISCONFIGURED, CHECK_CLIENT},
	{"invalid_client_id", NULL, FAULT_MISCONFIGURED, CHECK_CLIENT},
	{"application_suspended", NULL, FAULT_MISCONFIGURED,
		"the provider has suspended the app: ask its support, or set another client_id"},
	{"unauthorized_client", NULL, FAULT_MISCONFIGURED,
		"allow the app the authorization code flow at the provider, or check client_id"},
	{"unsupported_response_type", NULL, FAULT_MISCONFIGURED,
		"allow the app the authorization code flow at the provider, or set another flow"},
	{"invalid_request", NULL, FAULT_MISCONFIGURED,
		"check redirect_uri, scopes and request_parameters"},
	{"invalid_target", NULL, FAULT_MISCONFIGURED, "check resource and audience"},
	{"login_required", NULL, FAULT_MISCONFIGURED, DROP_PROMPT},
	{"interaction_required", NULL, FAULT_MISCONFIGURED, DROP_PROMPT},
	{"consent_required", NULL, FAULT_MISCONFIGURED, DROP_PROMPT},
	{"account_selection_required", NULL, FAULT_MISCONFIGURED, DROP_PROMPT},
	{"server_error", NULL, FAULT_TRANSIENT, "log in again later"},
	{"temporarily_unavailable", NULL, FAULT_TRANSIENT, "log in again later"},
	{NULL, NULL, FAULT_PROTOCOL, "look the word up in the provider's documentation"},
};

static const struct known_error *find_error(const char *error, const char *said)
{
	const struct known_error *known = known_errors;

	while ((known->error && !text_equal_nocase(known->error, error)) ||
		(known->said && !strcasestr(said, known->said)))
		known++;
	return known;
}

static bool holds(const struct buf *value, const char *text, size_t len)
{
	return len > 0 && value->len > 0 && memmem(value->data, value->len, text, len);
}

/* Outside words for a fault, "…" where they repeat the code or the state. */
static void excerpt(char *to, size_t size, const struct answer *a, enum slot slot,
	const struct paste_expect *expect)
{
	const struct buf *value = &a->values[slot], *code = &a->values[SLOT_CODE];
	const bool secret = holds(value, buf_text(code), code->len) ||
		holds(value, secret_expose(expect->state), secret_len(expect->state));

	text_clean(to, size, secret ? "…" : buf_text(value), secret ? strlen("…") : value->len);
}

/* The scopes asked for, as far as they fit. 0, -ENOMEM. */
static int list_scopes(char *to, size_t size, const struct names *scopes)
{
	_cleanup_(mem_freep) char *joined = names_join(scopes, " ");

	if (!joined)
		return -ENOMEM;
	text_clean(to, size, joined, strlen(joined));
	return 0;
}

static int explain(const struct answer *a, const struct paste_expect *expect, struct fault *reterr)
{
	const struct known_error *known = find_error(
		buf_text(&a->values[SLOT_ERROR]), buf_text(&a->values[SLOT_DESCRIPTION]));
	char word[WORD_MAX], said[SAID_MAX], asked[ASKED_MAX] = "";

	if (known->remedy == allow_scopes && expect->scopes &&
		list_scopes(asked, sizeof(asked), expect->scopes) < 0)
		return -ENOMEM;
	excerpt(word, sizeof(word), a, SLOT_ERROR, expect);
	excerpt(said, sizeof(said), a, SLOT_DESCRIPTION, expect);
	fault_set(reterr, known->kind, "the provider answered %s%s%s%s; %s%s%s", word,
		*said ? ": \"" : "", said, *said ? "\"" : "", known->remedy, *asked ? ": " : "",
		asked);
	if (expect->hints)
		hints_explain(expect->hints, buf_text(&a->values[SLOT_ERROR]),
			buf_text(&a->values[SLOT_DESCRIPTION]), reterr);
	return -EBADMSG;
}

/* --- checks --- */

static int check_state(
	const struct answer *a, const struct paste_expect *expect, struct fault *reterr)
{
	_cleanup_(secret_freep) struct secret *state = NULL;

	if (!answer_has(a, SLOT_STATE)) {
		if (answer_has(a, SLOT_ERROR))
			return 0;
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"the pasted address has no state, so nothing shows that it belongs to this "
			"login: " OPEN_AND_PASTE);
	}
	state = secret_new(buf_text(&a->values[SLOT_STATE]), a->values[SLOT_STATE].len);
	if (!state)
		return -ENOMEM;
	if (!secret_equal(state, expect->state))
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"the pasted address belongs to another login: " OPEN_AND_PASTE);
	return 0;
}

static int check_issuer(
	const struct answer *a, const struct paste_expect *expect, struct fault *reterr)
{
	const struct buf *iss = &a->values[SLOT_ISS];
	char theirs[SAID_MAX];

	if (iss->len == 0) {
		if (!expect->iss_required || answer_has(a, SLOT_ERROR))
			return 0;
		return refuse(reterr, FAULT_PROTOCOL,
			"the pasted address has no iss, though the provider says that it names itself "
			"there: " OPEN_AND_PASTE);
	}
	if (!expect->issuer || text_equal(buf_text(iss), expect->issuer))
		return 0;
	excerpt(theirs, sizeof(theirs), a, SLOT_ISS, expect);
	fault_set(reterr, FAULT_PROTOCOL,
		"the answer is of the issuer \"%s\", not of \"%.120s\": a mix-up of providers; log in "
		"again",
		theirs, expect->issuer);
	return -EBADMSG;
}

static int check_code_is_there(const struct answer *a, struct fault *reterr)
{
	if (answer_has(a, SLOT_CODE))
		return 0;
	if (answer_has(a, SLOT_CLIENT_ID) && answer_has(a, SLOT_RESPONSE_TYPE))
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"this is the address to open, not the one it ends at: open it, approve, and "
			"paste the address that the browser shows then");
	return refuse(reterr, FAULT_NEEDS_APPROVAL,
		"the pasted address has no code in it: approve first, then paste the address that the "
		"browser ends at");
}

/* A code from which one decoding has left an escape was encoded twice on its way here: sent like
 * that, it would be spent in vain. */
static int check_encoding(const struct buf *code, struct fault *reterr)
{
	for (size_t i = 0; i < code->len; i++)
		if (escaped_byte(code->data + i, code->len - i) >= 0)
			return refuse(reterr, FAULT_NEEDS_APPROVAL,
				"the code looks encoded twice: paste the address as the browser shows "
				"it");
	return 0;
}

static int code_take(const struct buf *code, struct secret **ret, struct fault *reterr)
{
	struct secret *copy;
	int r;

	r = check_encoding(code, reterr);
	if (r < 0)
		return r;
	copy = secret_new(code->data, code->len);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static int bare_code(const struct buf *line, const struct paste_expect *expect,
	struct secret **ret_code, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf code = BUF(PASTE_MAX);
	int r;

	if (!expect->code_only)
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"this is no address, and a code alone does not show that it belongs to this "
			"login: paste the whole address that the browser ended at");
	if (expect->iss_required)
		return refuse(reterr, FAULT_NEEDS_APPROVAL,
			"a code alone is not enough, since this provider names itself in the address: "
			"paste the whole address that the browser ended at");
	r = value_read(&code, line->data, line->len, DECODE_BARE, reterr);
	return r < 0 ? r : code_take(&code, ret_code, reterr);
}

static int answer_code(const struct answer *a, const struct paste_expect *expect,
	struct secret **ret_code, struct fault *reterr)
{
	int r;

	if (!answer_has(a, SLOT_ERROR)) {
		r = check_code_is_there(a, reterr);
		if (r < 0)
			return r;
	}
	r = check_state(a, expect, reterr);
	if (r < 0)
		return r;
	r = check_issuer(a, expect, reterr);
	if (r < 0)
		return r;
	if (answer_has(a, SLOT_ERROR))
		return explain(a, expect, reterr);
	return code_take(&a->values[SLOT_CODE], ret_code, reterr);
}

int paste_read(const char *text, size_t len, const struct paste_expect *expect,
	struct secret **ret_code, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf line = BUF(PASTE_MAX);
	_cleanup_(answer_done) struct answer a;
	int r;

	answer_init(&a);
	r = line_read(text, len, &line, reterr);
	if (r < 0)
		return r;
	drop_empty_fragment(&line);
	if (is_bare(buf_text(&line)))
		return bare_code(&line, expect, ret_code, reterr);
	r = answer_read(&a, find_query(line.data), reterr);
	return r < 0 ? r : answer_code(&a, expect, ret_code, reterr);
}
