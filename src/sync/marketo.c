/* SPDX-License-Identifier: BSD-2-Clause */

/* Marketo's REST API: the requests. The token goes in a header, never in an address; what the
 * replies mean is told by marketo-reply.c. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/marketo.h"
#include "sync/rest.h"

/* A name of DNS and a port. */
#define HOST_LEN_MAX 260u
/* Longer addresses are answered with 414. */
#define URL_LEN_MAX (8u * 1024)
/* The keys of a batch, three bytes for each. */
#define FIND_MAX (4u * MARKETO_BODY_MAX)
/* What stands around the file of a bulk import. */
#define PARTS_MAX 512u

/* Midnight of CST in UTC. */
#define QUOTA_BEGINS (6 * USEC_PER_HOUR)

/* --- the host --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A name or an address, maybe with a port. */
static bool is_host(const char *host, size_t len)
{
	const char *colon = memchr(host, ':', len);
	size_t name = colon ? (size_t)(colon - host) : len;

	if (name == 0 || len > HOST_LEN_MAX || !is_alphanumeric(host[0]) ||
		!is_alphanumeric(host[name - 1]) || name + 1 == len)
		return false;
	for (size_t i = 0; i < name; i++)
		if (!is_alphanumeric(host[i]) && host[i] != '-' && host[i] != '.')
			return false;
	for (size_t i = name + 1; i < len; i++)
		if (!is_digit(host[i]))
			return false;
	return true;
}

/* "123-ABC-456", the name of a subscription. */
static bool is_munchkin(const char *host, size_t len)
{
	static const char form[] = "000-AAA-000";

	for (size_t i = 0; i < len && i < sizeof(form) - 1; i++)
		if ((form[i] == '-' && host[i] != '-') || (form[i] == '0' && !is_digit(host[i])) ||
			(form[i] == 'A' && !is_alphanumeric(host[i])))
			return false;
	return len == sizeof(form) - 1;
}

/* Is @path nothing, or what the admin pages show after the host? */
static bool is_path(const char *path)
{
	static const char *const known[] = {"rest", "identity", "bulk"};
	size_t len;

	path += strspn(path, "/");
	len = strcspn(path, "/");
	for (size_t i = 0; i < ELEMENTS(known); i++)
		if (len == strlen(known[i]) && memcmp(path, known[i], len) == 0)
			return true;
	return len == 0;
}

int marketo_base(const char *host, char **ret)
{
	static const char scheme[] = "https://";
	_cleanup_(buf_done) struct buf url = BUF(2 * HOST_LEN_MAX);
	char *base;
	size_t len;

	if (strncasecmp(host, scheme, sizeof(scheme) - 1) == 0)
		host += sizeof(scheme) - 1;
	len = strcspn(host, "/");
	if (!is_host(host, len) || !is_path(host + len))
		return -EINVAL;
	(void)buf_add_text(&url, scheme); /* failures stick */
	(void)buf_add(&url, host, len);
	if (is_munchkin(host, len))
		(void)buf_add_text(&url, ".mktorest.com");
	base = buf_steal(&url);
	if (!base)
		return -ENOMEM;
	*ret = base;
	return 0;
}

/* --- requests --- */

static int get(const char *base, const struct secret *token, const char *path,
	struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf url = BUF(REST_URL_MAX);
	int r;

	(void)buf_printf(&url, "%s%s", base, path); /* failures stick */
	r = rest_request(EXCHANGE_GET, &url, token, ret);
	if (r == 0)
		ret->body_max = REST_PAGE_MAX;
	return r;
}

static int post(const char *base, const struct secret *token, const char *path, struct buf *body,
	struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf url = BUF(REST_URL_MAX);
	int r;

	(void)buf_printf(&url, "%s%s", base, path); /* failures stick */
	r = rest_post(&url, token, body, ret);
	if (r == 0)
		ret->body_max = REST_PAGE_MAX;
	return r;
}

int marketo_request_describe(
	const char *base, const struct secret *token, bool older, struct exchange_request *ret)
{
	return get(base, token,
		older ? "/rest/v1/leads/describe.json" : "/rest/v1/leads/describe2.json", ret);
}

int marketo_request_usage(
	const char *base, const struct secret *token, struct exchange_request *ret)
{
	return get(base, token, "/rest/v1/stats/usage.json", ret);
}

/* Up to the list of records. */
static void begin_leads(struct buf *body, const char *action, const char *lookup)
{
	(void)buf_printf(body, "{\"action\":\"%s\",\"lookupField\":", action); /* failures stick */
	(void)rest_add_string(body, lookup, strlen(lookup));
	(void)buf_add_text(body, ",\"input\":[");
}

int marketo_request_upsert(const char *base, const struct secret *token, const char *key,
	bool update_only, const struct row *const *rows, size_t n, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf body = BUF(REST_PAGE_MAX);

	assert(n <= MARKETO_BATCH_MAX);
	begin_leads(&body, update_only ? "updateOnly" : "createOrUpdate", key);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			(void)buf_add_char(&body, ','); /* failures stick */
		(void)buf_add(&body, rows[i]->json, rows[i]->json_len);
	}
	(void)buf_add_text(&body, "]}");
	return post(base, token, "/rest/v1/leads.json", &body, ret);
}

static void add_filter(struct buf *to, const char *key, const char *const *values, size_t n)
{
	(void)buf_add_text(to, "filterType="); /* failures stick */
	(void)rest_add_value(to, key);
	(void)buf_add_text(to, "&filterValues=");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			(void)buf_add_char(to, ',');
		(void)rest_add_value(to, values[i]);
	}
	(void)buf_add_text(to, "&fields=id,");
	(void)rest_add_value(to, key);
	(void)buf_printf(to, "&batchSize=%d", MARKETO_BATCH_MAX);
}

/* Take @query as the body of a form that stands for a GET. */
static int find_by_form(const char *base, const struct secret *token, const struct buf *query,
	struct exchange_request *ret)
{
	_cleanup_(exchange_request_done) struct exchange_request request = {.url = NULL};
	_cleanup_(buf_done) struct buf url = BUF(REST_URL_MAX);

	(void)buf_printf(&url, "%s/rest/v1/leads.json?_method=GET", base); /* failures stick */
	if (rest_request(EXCHANGE_POST, &url, token, &request) < 0)
		return -ENOMEM;
	request.body = secret_new(query->data, query->len);
	if (!request.body)
		return -ENOMEM;
	request.body_max = REST_PAGE_MAX;
	*ret = request;
	request = (struct exchange_request){.url = NULL};
	return 0;
}

int marketo_request_find(const char *base, const struct secret *token, const char *key,
	const char *const *values, size_t n, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf query = BUF(FIND_MAX), path = BUF(URL_LEN_MAX);

	assert(n <= MARKETO_BATCH_MAX);
	add_filter(&query, key, values, n);
	if (query.error < 0)
		return -ENOMEM;
	if (strlen(base) + strlen("/rest/v1/leads.json?") + query.len > URL_LEN_MAX)
		return find_by_form(base, token, &query, ret);
	(void)buf_printf(&path, "/rest/v1/leads.json?%s", query.data); /* a failure sticks */
	return path.error < 0 ? -ENOMEM : get(base, token, path.data, ret);
}

int marketo_request_delete(const char *base, const struct secret *token, const uint64_t *ids,
	size_t n, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf body = BUF(MARKETO_BODY_MAX);

	assert(n <= MARKETO_BATCH_MAX);
	(void)buf_add_text(&body, "{\"input\":["); /* failures stick */
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(&body, "%s{\"id\":%" PRIu64 "}", i > 0 ? "," : "", ids[i]);
	(void)buf_add_text(&body, "]}");
	return post(base, token, "/rest/v1/leads/delete.json", &body, ret);
}

int marketo_request_rekey(const char *base, const struct secret *token, const char *key,
	const uint64_t *ids, const char *const *values, size_t n, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf body = BUF(MARKETO_BODY_MAX);

	assert(n <= MARKETO_BATCH_MAX);
	begin_leads(&body, "updateOnly", "id");
	for (size_t i = 0; i < n; i++) {
		(void)buf_printf(&body, "%s{\"id\":%" PRIu64 ",", i > 0 ? "," : "", ids[i]);
		(void)rest_add_string(&body, key, strlen(key)); /* failures stick */
		(void)buf_add_char(&body, ':');
		(void)rest_add_string(&body, values[i], strlen(values[i]));
		(void)buf_add_char(&body, '}');
	}
	(void)buf_add_text(&body, "]}");
	return post(base, token, "/rest/v1/leads.json", &body, ret);
}

/* --- bulk import --- */

/* What separates the parts must not stand in the file (RFC 2046 §5.1.1); who wants to break us can
 * put one of these there, and all only on purpose. */
#define MULTIPART "multipart/form-data; boundary="
static const char *const multipart_types[] = {
	MULTIPART "grantd-pK3vRz8TqLw2YxNf",
	MULTIPART "grantd-Hd7sUe4MbJc9XgQa",
	MULTIPART "grantd-Vn5tOi1WyFk6ZrSm",
	MULTIPART "grantd-Cj2lPh0DuGx8EoBq",
};

static const char *boundary_of(const char *type)
{
	return type + sizeof(MULTIPART) - 1;
}

/* A type whose boundary is not in the file, NULL where all are. */
static const char *choose_type(const char *csv, size_t len)
{
	for (size_t i = 0; i < ELEMENTS(multipart_types); i++) {
		const char *boundary = boundary_of(multipart_types[i]);

		if (!memmem(csv, len, boundary, strlen(boundary)))
			return multipart_types[i];
	}
	return NULL;
}

int marketo_request_import(const char *base, const struct secret *token, const char *key,
	const char *csv, size_t len, struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf body = BUF(len + PARTS_MAX), path = BUF(URL_LEN_MAX);
	const char *type = choose_type(csv, len);
	int r;

	assert(len <= MARKETO_IMPORT_MAX);
	if (!type)
		return -EBADMSG;
	(void)buf_add_text(&path, "/bulk/v1/leads.json?format=csv&lookupField=");
	(void)rest_add_value(&path, key); /* failures stick */
	(void)buf_printf(&body,
		"--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"leads.csv\"\r\n"
		"Content-Type: text/csv\r\n\r\n",
		boundary_of(type));
	(void)buf_add(&body, csv, len);
	(void)buf_printf(&body, "\r\n--%s--\r\n", boundary_of(type));
	if (path.error < 0)
		return -ENOMEM;
	r = post(base, token, path.data, &body, ret);
	if (r == 0)
		ret->content_type = type;
	return r;
}

static int get_batch(const char *base, const struct secret *token, uint64_t batch, const char *what,
	struct exchange_request *ret)
{
	_cleanup_(buf_done) struct buf path = BUF(URL_LEN_MAX);

	(void)buf_printf(&path, "/bulk/v1/leads/batch/%" PRIu64 "%s", batch, what);
	return path.error < 0 ? -ENOMEM : get(base, token, path.data, ret);
}

int marketo_request_import_state(
	const char *base, const struct secret *token, uint64_t batch, struct exchange_request *ret)
{
	return get_batch(base, token, batch, ".json", ret);
}

int marketo_request_import_failures(
	const char *base, const struct secret *token, uint64_t batch, struct exchange_request *ret)
{
	int r = get_batch(base, token, batch, "/failures.json", ret);

	if (r == 0)
		ret->accept = "text/csv";
	return r;
}

uint64_t marketo_quota_reset(uint64_t wall_usec)
{
	uint64_t shifted = wall_usec + USEC_PER_DAY - QUOTA_BEGINS;

	return shifted - shifted % USEC_PER_DAY + QUOTA_BEGINS;
}
