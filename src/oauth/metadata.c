/* SPDX-License-Identifier: BSD-2-Clause */

/* Where an authorization server is reached: its metadata documents (RFC 8414, OpenID Connect
 * Discovery 1.0 §4) and the rule for every address we are told (RFC 3986). */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "oauth/metadata.h"
#include "oauth/reply.h"

#define SCHEME "https://"

/* Without Cache-Control: endpoints move rarely, and an hour is what most providers say. */
#define LIFETIME_DEFAULT USEC_PER_HOUR

static const struct endpoint {
	const char *member; /* of the document, RFC 8414 §2 and RFC 8628 §4 */
	size_t offset;
} endpoints[] = {
	{"token_endpoint", offsetof(struct metadata, token)},
	{"device_authorization_endpoint", offsetof(struct metadata, device_authorization)},
	{"authorization_endpoint", offsetof(struct metadata, authorization)},
	{"revocation_endpoint", offsetof(struct metadata, revocation)},
	{"introspection_endpoint", offsetof(struct metadata, introspection)},
	{"userinfo_endpoint", offsetof(struct metadata, userinfo)},
	{"jwks_uri", offsetof(struct metadata, jwks)},
};

static char **endpoint_of(struct metadata *m, size_t i)
{
	return (char **)((char *)m + endpoints[i].offset);
}

static const char *endpoint_text(const struct metadata *m, size_t i)
{
	return *(char *const *)((const char *)m + endpoints[i].offset);
}

int metadata_merge(struct metadata *m, const struct metadata *defaults)
{
	m->secret_in_body |= defaults->secret_in_body;
	m->names_issuer |= defaults->names_issuer;
	for (size_t i = 0; i < ELEMENTS(endpoints); i++) {
		const char *text = endpoint_text(defaults, i);
		char **to = endpoint_of(m, i);

		if (*to || !text)
			continue;
		*to = mem_strdup(text);
		if (!*to)
			return -ENOMEM;
	}
	return 0;
}

int metadata_copy(const struct metadata *from, struct metadata *ret)
{
	int r = metadata_merge(ret, from);

	if (r < 0)
		metadata_done(ret);
	return r;
}

void metadata_done(struct metadata *m)
{
	for (size_t i = 0; i < ELEMENTS(endpoints); i++) {
		char **text = endpoint_of(m, i);

		*text = mem_free(*text);
	}
}

/* --- addresses --- */

/* What may stand in a URL (RFC 3986 §2); brackets are left to the check of the host. */
static bool is_url_char(char c)
{
	return c > ' ' && c <= '~' && !strchr("\"<>\\^`{|}", c);
}

/* The length of the host that @text begins with, 0 where there is none. */
static size_t host_length(const char *text)
{
	size_t n;

	if (*text == '[') {
		n = strspn(text + 1, "0123456789ABCDEFabcdef:.");
		return n >= 2 && text[1 + n] == ']' ? n + 2 : 0;
	}
	n = strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._");
	if (*text == '.' || *text == '-' || memmem(text, n, "..", 2))
		return 0;
	return n;
}

/* The length of the port number that @text begins with, 0 where there is none between 1 and 65535.
 */
static size_t port_length(const char *text)
{
	unsigned port = 0;
	size_t n = 0;

	for (; n < 5 && text[n] >= '0' && text[n] <= '9'; n++)
		port = port * 10 + (unsigned)(text[n] - '0');
	return port >= 1 && port <= 65535 ? n : 0;
}

static bool is_address(const char *url, const char *scheme)
{
	size_t n;

	if (!url || strlen(url) > METADATA_URL_MAX || !text_starts(url, scheme))
		return false;
	for (const char *c = url; *c; c++)
		if (!is_url_char(*c))
			return false;
	url += strlen(scheme);
	n = host_length(url);
	if (n == 0)
		return false;
	url += n;
	if (*url == ':') {
		n = port_length(url + 1);
		if (n == 0)
			return false;
		url += 1 + n;
	}
	return *url == '\0' || strchr("/?#", *url);
}

bool metadata_is_https_url(const char *url)
{
	return is_address(url, SCHEME) && !strchr(url, '#');
}

bool metadata_is_web_address(const char *url)
{
	return is_address(url, SCHEME) || is_address(url, "http://");
}

int metadata_url(const char *issuer, enum metadata_document document, struct buf *ret)
{
	const size_t scheme = text_starts(issuer, SCHEME) ? strlen(SCHEME) : 0;
	const size_t host_end = scheme + strcspn(issuer + scheme, "/");
	size_t end = strlen(issuer);

	if (end > host_end && issuer[end - 1] == '/')
		end--;
	switch (document) {
	case METADATA_OAUTH:
		(void)buf_add(ret, issuer, host_end); /* failures stick */
		(void)buf_add_text(ret, "/.well-known/oauth-authorization-server");
		return buf_add(ret, issuer + host_end, end - host_end);
	case METADATA_OPENID:
		(void)buf_add(ret, issuer, end); /* failures stick */
		return buf_add_text(ret, "/.well-known/openid-configuration");
	}
	return -EINVAL;
}

/* --- documents --- */

/* The max-age of Cache-Control (RFC 9111 §5.2.2.1) within our bounds. */
static uint64_t document_lifetime(const char *cache_control)
{
	char copy[sizeof(((struct exchange_reply *)NULL)->cache_control)] = "";
	uint64_t usec = LIFETIME_DEFAULT;
	char *rest = copy, *item;

	memcpy(copy, cache_control, strnlen(cache_control, sizeof(copy) - 1));
	while ((item = strsep(&rest, ","))) {
		uint64_t seconds;
		int r;

		item += strspn(item, " \t");
		if (strncasecmp(item, "max-age=", strlen("max-age=")) != 0)
			continue;
		item += strlen("max-age=");
		item[strcspn(item, " \t")] = '\0';
		r = text_parse_u64(item, &seconds);
		if (r == -EINVAL)
			continue;
		if (r < 0 || __builtin_mul_overflow(seconds, USEC_PER_S, &usec))
			usec = METADATA_LIFETIME_MAX;
		break;
	}
	if (usec < METADATA_LIFETIME_MIN)
		return METADATA_LIFETIME_MIN;
	return usec > METADATA_LIFETIME_MAX ? METADATA_LIFETIME_MAX : usec;
}

/* What a reply without a document says: whether to try the next one, or why nothing is known. */
static int no_document(const struct exchange_reply *reply, struct fault *reterr)
{
	struct verdict v = {.kind = REPLY_BROKEN};

	reply_without_word(reply, "", &v);
	if (v.kind == REPLY_BROKEN || reply->status == 501)
		return -ENOENT;
	fault_set(reterr, v.fault.kind, "the metadata document: %s", v.fault.detail);
	return -EBADMSG;
}

static int read_document(
	const struct exchange_reply *reply, struct json **ret, struct fault *reterr)
{
	struct fault why = {.kind = FAULT_NONE};
	int r;

	if (!reply_is_success(reply))
		return no_document(reply, reterr);
	r = json_parse(buf_text(&reply->body), reply->body.len, ret, &why);
	if (r != -EBADMSG)
		return r;
	if (!text_equal(reply->content_type, "application/json"))
		return -ENOENT; /* a web site that answers any address with a page */
	fault_set(reterr, FAULT_PROTOCOL, "the metadata document can't be read: %s", why.detail);
	return -EBADMSG;
}

static int check_issuer(const char *issuer, const struct json *document, struct fault *reterr)
{
	const char *theirs = json_get_text(document, "issuer");

	if (!theirs) {
		fault_set(reterr, FAULT_PROTOCOL,
			"what the issuer's address gives is no metadata document: it names no issuer");
		return -EBADMSG;
	}
	if (!text_equal(theirs, issuer)) {
		fault_set(reterr, FAULT_MISCONFIGURED,
			"the metadata document is of the issuer \"%.120s\", not of \"%.120s\": set issuer "
			"to the exact text if that is the right one",
			theirs, issuer);
		return -EBADMSG;
	}
	return 0;
}

static bool lists(const struct json *array, const char *word)
{
	const struct json *item = NULL;

	while (json_is(array, JSON_ARRAY) && (item = json_next(array, item)))
		if (text_equal(json_text(item), word))
			return true;
	return false;
}

static int read_endpoints(const struct json *document, struct metadata *ret)
{
	const struct json *methods = json_get(document, "token_endpoint_auth_methods_supported");

	(void)json_bool(json_get(document, "authorization_response_iss_parameter_supported"),
		&ret->names_issuer); /* false where absent */
	ret->secret_in_body =
		lists(methods, "client_secret_post") && !lists(methods, "client_secret_basic");
	for (size_t i = 0; i < ELEMENTS(endpoints); i++) {
		const char *url = json_get_text(document, endpoints[i].member);
		char **to = endpoint_of(ret, i);

		if (!metadata_is_https_url(url))
			continue;
		*to = mem_strdup(url);
		if (!*to)
			return -ENOMEM;
	}
	return 0;
}

int metadata_parse(const char *issuer, const struct exchange_reply *reply, struct metadata *ret,
	uint64_t *ret_lifetime_usec, struct fault *reterr)
{
	_cleanup_(json_freep) struct json *document = NULL;
	int r;

	r = read_document(reply, &document, reterr);
	if (r < 0)
		return r;
	r = check_issuer(issuer, document, reterr);
	if (r < 0)
		return r;
	r = read_endpoints(document, ret);
	if (r < 0) {
		metadata_done(ret);
		return r;
	}
	*ret_lifetime_usec = document_lifetime(reply->cache_control);
	return 0;
}
