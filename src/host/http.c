/* SPDX-License-Identifier: BSD-2-Clause */

/* HTTP requests by libcurl's multi socket interface on the loop (RFC 9110, 9112, 9113). Nothing
 * here knows what a request is about; it knows that some may be sent only once. */

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <systemd/sd-event.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/http.h"

#define HTTP_HEADERS_MAX (64u * 1024) /* bytes of reply headers; real ones stay below 8 KiB */
#define HTTP_IDLE_MAX    16L          /* connections kept; most requests open their own anyway */
#define HTTP_GRACE_USEC  200000       /* for libcurl to end what has its whole reply */

/* Loading the CA certificates costs 20 ms; a changed ca_file counts within a minute. */
#define HTTP_CA_CACHE_S 60L

/* A timer that is set can always be moved: one set to this keeps its place, so that short memory
 * can't keep us from telling the end of a request. */
#define HTTP_LATER (USEC_NEVER - 1)

enum slot_state {
	SLOT_IDLE,     /* not queued yet, or told */
	SLOT_WAITING,  /* in the queue of its host */
	SLOT_RUNNING,  /* libcurl has it */
	SLOT_FINISHED, /* its end is to be told */
};

struct http_slot {
	TAILQ_ENTRY(http_slot) link;
	enum slot_state state;
	struct http *http;
	struct host *host; /* NULL once finished */
	CURL *easy;        /* NULL once finished */
	struct curl_slist *headers;
	struct secret *body;
	size_t body_read; /* by libcurl */
	bool once;
	const char *const *kept;
	unsigned begun;     /* how often libcurl began to send the request */
	struct timer timer; /* set until its end is told */
	size_t header_bytes;
	bool headers_done;
	const char *refusal; /* why we broke the transfer off ourselves */
	http_handler done;
	void *userdata;
	struct exchange_reply reply;
	char curl_error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(slots, http_slot);

/* One host:port while something waits for it or is in flight. */
struct host {
	TAILQ_ENTRY(host) link;
	struct slots waiting;
	unsigned in_flight;
	char *name;
};

struct http {
	struct loop *loop;
	CURLM *multi;
	struct timer timer; /* libcurl's */
	char *user_agent;
	unsigned connect_ms;
	unsigned total_ms;
	unsigned in_flight;
	TAILQ_HEAD(hosts, host) hosts; /* the first is the next to have a turn */
	size_t n_slots;
	bool global; /* curl_global_init was done */
};

static const char only_once[] = "no reply came, and the request may be sent only once";

/* --- what libcurl calls ---------------------------------------------------------------------- */

/* libcurl is connected, through TLS and proxy, and about to send the request: what fails before has
 * not left. It sends a request again by itself when a reused connection dies before the first byte
 * of the reply, or when an HTTP/2 stream is refused; what may be sent once is not begun again. */
static int on_begin(void *userdata, char *ip, char *local_ip, int port, int local_port)
{
	struct http_slot *s = userdata;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	if (s->once && s->begun > 0) {
		s->refusal = only_once;
		return CURL_PREREQFUNC_ABORT;
	}
	s->begun++;
	return CURL_PREREQFUNC_OK;
}

/* The body in pieces. libcurl knows its length and does not ask past its end, so that asking again
 * is a second sending. */
static size_t on_read(char *to, size_t size, size_t n, void *userdata)
{
	struct http_slot *s = userdata;
	size_t len = secret_len(s->body) - s->body_read;

	if (len == 0 && s->once) {
		s->refusal = only_once;
		return CURL_READFUNC_ABORT;
	}
	if (len > size * n)
		len = size * n;
	if (len > 0)
		memcpy(to, secret_expose(s->body) + s->body_read, len);
	s->body_read += len;
	return len;
}

static int on_seek(void *userdata, curl_off_t offset, int origin)
{
	struct http_slot *s = userdata;

	if (s->once)
		s->refusal = only_once;
	if (s->once || origin != SEEK_SET || offset != 0)
		return CURL_SEEKFUNC_FAIL;
	s->body_read = 0;
	return CURL_SEEKFUNC_OK;
}

static long slot_status(const struct http_slot *s)
{
	long status = 0;

	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status); /* stays 0 */
	return status;
}

/* Is the reply whole, whatever libcurl says? An HTTP/2 server may answer before it has read all of
 * the body (RFC 9113 §8.1), and libcurl 7.88 then fails, or waits for ever to send the rest. */
static bool slot_has_whole_reply(const struct http_slot *s)
{
	curl_off_t length = -1;

	if (s->refusal || !s->headers_done)
		return false;
	(void)curl_easy_getinfo(s->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length); /* or -1 */
	return length >= 0 && (size_t)length == s->reply.body.len;
}

/* End @s in @usec from now at the latest. */
static void slot_end_after(struct http_slot *s, uint64_t usec)
{
	struct loop *l = s->http->loop;

	(void)loop_timer_set(l, &s->timer, usec_add(loop_now(l).boot_usec, usec)); /* moved */
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct http_slot *s = userdata;
	int r;

	r = buf_add(&s->reply.body, data, size * n);
	if (r == 0 && slot_has_whole_reply(s))
		slot_end_after(s, HTTP_GRACE_USEC);
	if (r == 0)
		return size * n;
	if (r != -EMSGSIZE)
		s->refusal = "out of memory";
	else if (s->reply.body.max == EXCHANGE_BODY_MAX)
		s->refusal = "the reply is longer than 256 KiB";
	else
		s->refusal = "the reply is longer than expected";
	return CURL_WRITEFUNC_ERROR;
}

/* The headers a reply is kept with. */
static const struct {
	const char *name;
	size_t offset;
	size_t size;
} kept_headers[] = {
#define KEPT(name, member) \
	{ \
		name, offsetof(struct exchange_reply, member), \
			sizeof(((struct exchange_reply *)0)->member) \
	}
	KEPT("content-type", content_type),
	KEPT("retry-after", retry_after),
	KEPT("cache-control", cache_control),
#undef KEPT
};

static void reply_forget_headers(struct exchange_reply *reply)
{
	for (size_t i = 0; i < ELEMENTS(kept_headers); i++)
		*((char *)reply + kept_headers[i].offset) = '\0';
	for (size_t i = 0; i < EXCHANGE_KEPT_MAX; i++)
		reply->kept[i][0] = '\0';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_named(const char *name, const char *line, size_t len)
{
	return strlen(name) == len && strncasecmp(name, line, len) == 0;
}

/* Keep a header line if it is one of the above, or of @also. */
static void reply_take_header(
	struct exchange_reply *reply, const char *const *also, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value, *end = line + len;
	size_t name_len = colon ? (size_t)(colon - line) : 0;

	if (!colon)
		return;
	for (value = colon + 1; value < end && is_blank(*value); value++)
		;
	while (end > value && is_blank(end[-1]))
		end--;
	for (size_t i = 0; i < ELEMENTS(kept_headers); i++)
		if (is_named(kept_headers[i].name, line, name_len))
			text_clean((char *)reply + kept_headers[i].offset, kept_headers[i].size,
				value, (size_t)(end - value));
	for (size_t i = 0; also && also[i] && i < EXCHANGE_KEPT_MAX; i++)
		if (is_named(also[i], line, name_len))
			text_clean(
				reply->kept[i], EXCHANGE_KEPT_SIZE, value, (size_t)(end - value));
}

/* "Application/JSON; charset=utf-8" is "application/json". */
static void content_type_normalize(char *type)
{
	size_t len = strcspn(type, "; \t");

	type[len] = '\0';
	for (; *type; type++)
		if (*type >= 'A' && *type <= 'Z')
			*type = (char)(*type - 'A' + 'a');
}

/* One line of the headers. Those of 1xx replies are forgotten, trailers are passed over. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	struct http_slot *s = userdata;
	size_t len = size * n;

	s->header_bytes += len;
	if (s->header_bytes > HTTP_HEADERS_MAX) {
		s->refusal = "the headers of the reply are longer than 64 KiB";
		return CURL_WRITEFUNC_ERROR;
	}
	if (s->headers_done)
		return len;
	if (len <= 2) {
		s->headers_done = slot_status(s) >= 200;
		content_type_normalize(s->reply.content_type);
	} else if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		reply_forget_headers(&s->reply);
	} else {
		reply_take_header(&s->reply, s->kept, line, len);
	}
	return len;
}

/* libcurl's own sockets would be inherited by what we start. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)userdata;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- the end of a request -------------------------------------------------------------------- */

static void host_release(struct http *h, struct host *host)
{
	if (host->in_flight > 0 || !TAILQ_EMPTY(&host->waiting))
		return;
	TAILQ_REMOVE(&h->hosts, host, link);
	mem_free(host->name);
	mem_free(host);
}

/* Take @s out of whatever holds it, and drop what only a running request needs. */
static void slot_detach(struct http_slot *s)
{
	struct http *h = s->http;

	switch (s->state) {
	case SLOT_WAITING:
		TAILQ_REMOVE(&s->host->waiting, s, link);
		break;
	case SLOT_RUNNING:
		(void)curl_multi_remove_handle(h->multi, s->easy); /* it is in there */
		s->host->in_flight--;
		h->in_flight--;
		break;
	case SLOT_IDLE:
	case SLOT_FINISHED:
		break;
	}
	if (s->host)
		host_release(h, s->host);
	s->host = NULL;
	curl_easy_cleanup(steal(s->easy));
	curl_slist_free_all(steal(s->headers));
	s->body = secret_free(s->body);
}

/* The connection of a request that is broken off may be the one that hangs: it is not used again.
 * libcurl would keep it where it speaks HTTP/2. */
static void slot_spoil_connection(struct http_slot *s)
{
	(void)curl_easy_setopt(s->easy, CURLOPT_FORBID_REUSE, 1L); /* a flag; can't fail */
}

/* Have @s told of its end by the loop. @error is NULL where the reply is whole. */
static void slot_finish(struct http_slot *s, const char *error)
{
	struct exchange_reply *reply = &s->reply;

	reply->outcome = EXCHANGE_REPLIED;
	if (error) {
		reply->outcome = s->begun > 0 ? EXCHANGE_LOST : EXCHANGE_NOT_SENT;
		text_clean(reply->error, sizeof(reply->error), error, strlen(error));
		reply_forget_headers(reply);
		buf_done(&reply->body);
	} else {
		reply->status = (int)slot_status(s);
	}
	slot_detach(s);
	s->state = SLOT_FINISHED;
	slot_end_after(s, 0);
}

/* How libcurl begins what a person should read, and how we do. */
static const struct {
	const char *theirs;
	const char *ours;
} phrases[] = {
	{"Could not resolve host: ", "could not resolve host "},
	{"Could not resolve proxy: ", "could not resolve proxy "},
	{"SSL certificate problem: ", "TLS: certificate verify failed: "},
	{"SSL connection timeout", "TLS: timed out"},
	{"SSL: ", "TLS: "},
	{"error setting certificate file: ", "TLS: could not read the CA certificates of "},
	{"error setting certificate verify locations:  CAfile: ",
		"TLS: could not read the CA certificates of "},
};

/* What went wrong, for a person. libcurl's texts name hosts, never a path, query or body. */
static void slot_explain(const struct http_slot *s, CURLcode code, char *to, size_t size)
{
	const char *text = *s->curl_error ? s->curl_error : curl_easy_strerror(code);
	const char *prefix = "";
	long error = 0;

	for (size_t i = 0; i < ELEMENTS(phrases); i++)
		if (text_starts(text, phrases[i].theirs)) {
			prefix = phrases[i].ours;
			text += strlen(phrases[i].theirs);
			break;
		}
	if (code == CURLE_COULDNT_CONNECT)
		(void)curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &error); /* stays 0 */
	if (error != 0)
		(void)snprintf(to, size, "%s%s (%s)", prefix, text, strerrordesc_np((int)error));
	else
		(void)snprintf(to, size, "%s%s", prefix, text);
}

static void slot_ended(struct http_slot *s, CURLcode code)
{
	char error[2 * CURL_ERROR_SIZE];

	if (code == CURLE_OK || slot_has_whole_reply(s)) {
		slot_finish(s, NULL);
	} else if (s->refusal) {
		slot_finish(s, s->refusal);
	} else {
		slot_explain(s, code, error, sizeof(error));
		slot_finish(s, error);
	}
}

/* --- the window ------------------------------------------------------------------------------ */

static void http_fill(struct http *h);

/* libcurl's own timeout for all of a transfer would keep an HTTP/2 connection in use though it may
 * be what hangs, and stand still while the machine sleeps. */
static void slot_time_out(struct http_slot *s)
{
	slot_spoil_connection(s);
	if (slot_has_whole_reply(s))
		slot_finish(s, NULL);
	else if (s->begun > 0)
		slot_finish(s, "timed out: no whole reply came");
	else
		slot_finish(s, "timed out: not connected");
}

/* The reply is taken out first, as the handler may free the slot. */
static void slot_tell(struct http_slot *s)
{
	struct exchange_reply reply = s->reply;

	s->reply.body = BUF(0);
	s->state = SLOT_IDLE;
	s->done(s->userdata, &reply);
	exchange_reply_done(&reply);
}

static void on_slot_timer(void *userdata)
{
	struct http_slot *s = userdata;
	struct http *h = s->http;

	if (s->state == SLOT_FINISHED) {
		slot_tell(s);
		return;
	}
	slot_time_out(s);
	http_fill(h);
}

static void slot_start(struct http_slot *s)
{
	struct http *h = s->http;

	TAILQ_REMOVE(&s->host->waiting, s, link);
	s->state = SLOT_RUNNING;
	s->host->in_flight++;
	h->in_flight++;
	slot_end_after(s, h->total_ms * UINT64_C(1000));
	if (curl_multi_add_handle(h->multi, s->easy) != CURLM_OK)
		slot_finish(s, "out of memory");
}

/* The next host with something to send and room for it. */
static struct host *http_next_host(struct http *h)
{
	struct host *host;

	for (host = TAILQ_FIRST(&h->hosts); host; host = TAILQ_NEXT(host, link))
		if (!TAILQ_EMPTY(&host->waiting) && host->in_flight < HTTP_PER_HOST_MAX)
			break;
	return host;
}

/* Start what the window has room for, the hosts in turn. */
static void http_fill(struct http *h)
{
	while (h->in_flight < HTTP_IN_FLIGHT_MAX) {
		struct host *host = http_next_host(h);

		if (!host)
			return;
		TAILQ_REMOVE(&h->hosts, host, link);
		TAILQ_INSERT_TAIL(&h->hosts, host, link);
		slot_start(TAILQ_FIRST(&host->waiting));
	}
}

/* Take from libcurl what has ended. */
static void http_collect(struct http *h)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left))) {
		CURLcode code = message->data.result;
		struct http_slot *s = NULL;

		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &s); /* was set */
		slot_ended(s, code);
	}
	http_fill(h);
}

static void http_set_timer(struct http *h, long ms)
{
	uint64_t usec = HTTP_LATER;

	if (ms >= 0)
		usec = usec_add(loop_now(h->loop).boot_usec, (uint64_t)ms * 1000);
	(void)loop_timer_set(h->loop, &h->timer, usec); /* moved */
}

static int on_set_timer(CURLM *multi, long ms, void *userdata)
{
	(void)multi;
	http_set_timer(userdata, ms);
	return 0;
}

/* libcurl counts in CLOCK_MONOTONIC, which stands still while the machine sleeps: where its time
 * has not come yet it does not set the timer again by itself. */
static void on_timer(void *userdata)
{
	struct http *h = userdata;
	int running;
	long ms = -1;

	(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	if (h->timer.place == 0) {
		(void)curl_multi_timeout(h->multi, &ms);
		http_set_timer(h, ms == 0 ? 1 : ms);
	}
	http_collect(h);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct http *h = userdata;
	int action = 0, running;

	(void)source;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) /* reading tells what the error is */
		action |= CURL_CSELECT_IN;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		action |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(h->multi, fd, action, &running);
	http_collect(h);
	return 0;
}

/* libcurl wants to hear of @what on @fd; @socket is the source we gave it for that. Where memory is
 * short the request runs into its timeout: an error returned to libcurl would end all of them, and
 * those to come. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket)
{
	sd_event_source *source = socket;
	struct http *h = userdata;
	uint32_t events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	if (source)
		(void)sd_event_source_set_io_events(source, events);
	else if (sd_event_add_io(loop_event(h->loop), &source, fd, events, on_io, h) >= 0)
		(void)curl_multi_assign(h->multi, fd, source); /* fails for unknown fds only */
	return 0;
}

/* --- a request ------------------------------------------------------------------------------- */

/* What holds for every request. */
static const struct {
	CURLoption option;
	long value;
} fixed_options[] = {
	{CURLOPT_NOSIGNAL, 1},
	{CURLOPT_FOLLOWLOCATION, 0},
	{CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
	{CURLOPT_NETRC, CURL_NETRC_IGNORED},
	{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
	{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
	{CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_PROXY_SSL_VERIFYPEER, 1},
	{CURLOPT_PROXY_SSL_VERIFYHOST, 2},
	{CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
	{CURLOPT_HEADEROPT, CURLHEADER_SEPARATE}, /* the proxy gets no authorization */
	/* without it, breaking off waits for the resolver, and so does the whole loop */
	{CURLOPT_QUICK_EXIT, 1},
};

static int error_of(CURLcode code)
{
	if (code == CURLE_OK)
		return 0;
	return code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -ENOTSUP; /* a libcurl without what we use */
}

/* Set the text options; NULL leaves those out that are not ours to say. */
static CURLcode easy_set_texts(struct http_slot *s, const char *url, const struct http_options *o)
{
	const char *ca_file = o ? o->ca_file : NULL, *proxy = o ? o->proxy : NULL;
	const struct {
		CURLoption option;
		bool set;
		const char *text;
	} texts[] = {
		{CURLOPT_URL, true, url}, {CURLOPT_PROTOCOLS_STR, true, "https"},
		{CURLOPT_REDIR_PROTOCOLS_STR, true, "https"},
		{CURLOPT_USERAGENT, true, s->http->user_agent},
		{CURLOPT_CAPATH, true, NULL}, /* Debian's is read again for every connection */
		{CURLOPT_PROXY_CAPATH, true, NULL}, {CURLOPT_CAINFO, ca_file, ca_file},
		{CURLOPT_PROXY_CAINFO, ca_file, ca_file}, {CURLOPT_PROXY, proxy, proxy},
		{CURLOPT_NOPROXY, proxy, ""}, /* the environment's is about its own proxy */
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; i < ELEMENTS(texts) && code == CURLE_OK; i++)
		if (texts[i].set)
			code = curl_easy_setopt(s->easy, texts[i].option, texts[i].text);
	return code;
}

static CURLcode easy_set_numbers(struct http_slot *s)
{
	CURLcode code = CURLE_OK;

	for (size_t i = 0; i < ELEMENTS(fixed_options) && code == CURLE_OK; i++)
		code = curl_easy_setopt(s->easy, fixed_options[i].option, fixed_options[i].value);
	if (code == CURLE_OK)
		code = curl_easy_setopt(
			s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)s->http->connect_ms);
	/* only saves time; not every TLS library has it */
	(void)curl_easy_setopt(s->easy, CURLOPT_CA_CACHE_TIMEOUT, HTTP_CA_CACHE_S);
	return code;
}

static bool easy_set_callbacks(struct http_slot *s)
{
	CURL *e = s->easy;

	return curl_easy_setopt(e, CURLOPT_PRIVATE, s) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->curl_error) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_begin) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_PREREQDATA, s) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_HEADERDATA, s) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_WRITEDATA, s) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK;
}

/* The body, and what keeps one that may be sent once from being sent again: a connection of its
 * own, as libcurl repeats what it sent on a reused one that turns out dead (and such a death must
 * not cost the code or refresh token either); on_begin(), on_read() and on_seek() see to the rest.
 */
static bool easy_set_sending(struct http_slot *s, enum exchange_method method)
{
	curl_off_t len = (curl_off_t)secret_len(s->body);
	CURL *e = s->easy;

	if (s->once && curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK)
		return false;
	if (method != EXCHANGE_POST)
		return curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
			(method == EXCHANGE_GET ||
				curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "DELETE") == CURLE_OK);
	return curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, len) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_READDATA, s) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_SEEKDATA, s) == CURLE_OK;
}

static int slot_add_header(struct http_slot *s, const char *line)
{
	struct curl_slist *grown = curl_slist_append(s->headers, line);

	if (!grown)
		return -ENOMEM;
	s->headers = grown;
	return 0;
}

static int slot_add_named(struct http_slot *s, const char *name, const char *value)
{
	struct buf line = BUF(strlen(name) + strlen(value));
	int r;

	(void)buf_add_text(&line, name); /* a failure sticks */
	r = buf_add_text(&line, value);
	if (r == 0)
		r = slot_add_header(s, line.data);
	buf_done(&line);
	return r;
}

/* Returns 0, -ENOMEM, -EINVAL where the value would be more than one header. */
static int slot_add_authorization(struct http_slot *s, const struct secret *value)
{
	static const char name[] = "Authorization: ";
	struct buf line = BUF(sizeof(name) + secret_len(value));
	const char *text = secret_expose(value);
	int r;

	if (strcspn(text, "\r\n") != secret_len(value))
		return -EINVAL;
	(void)buf_add_text(&line, name); /* a failure sticks */
	r = buf_add(&line, text, secret_len(value));
	if (r == 0)
		r = slot_add_header(s, line.data);
	buf_done(&line);
	return r;
}

static int slot_set_headers(struct http_slot *s, const struct exchange_request *request)
{
	const char *accept = request->accept, *type = request->content_type;
	int r;

	r = slot_add_named(s, "Accept: ", accept ? accept : "application/json");
	if (r == 0)
		r = slot_add_header(s, "Expect:");
	if (r == 0 && request->body)
		r = slot_add_named(
			s, "Content-Type: ", type ? type : "application/x-www-form-urlencoded");
	if (r == 0 && request->header)
		r = slot_add_header(s, request->header);
	if (r == 0 && request->authorization)
		r = slot_add_authorization(s, request->authorization);
	if (r == 0)
		r = error_of(curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers));
	return r;
}

static int slot_prepare(struct http_slot *s, const struct exchange_request *request,
	const struct http_options *options)
{
	int r;

	if (request->body) {
		s->body = secret_copy(request->body);
		if (!s->body)
			return -ENOMEM;
	}
	s->easy = curl_easy_init();
	if (!s->easy)
		return -ENOMEM;
	r = error_of(easy_set_texts(s, request->url, options));
	if (r == 0)
		r = error_of(easy_set_numbers(s));
	if (r == 0 && (!easy_set_callbacks(s) || !easy_set_sending(s, request->method)))
		r = -ENOTSUP;
	return r < 0 ? r : slot_set_headers(s, request);
}

static CURLUcode url_parts(
	CURLU *u, const char *url, char **ret_scheme, char **ret_host, char **ret_port)
{
	CURLUcode code;

	code = curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (code == CURLUE_OK)
		code = curl_url_get(u, CURLUPART_SCHEME, ret_scheme, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(u, CURLUPART_HOST, ret_host, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(u, CURLUPART_PORT, ret_port, CURLU_DEFAULT_PORT);
	return code;
}

/* "host:port" of an https URL. Returns 0, -EINVAL where it is none, -ENOMEM. */
static int url_host(const char *url, char **ret)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	struct buf name = BUF(strlen(url) + sizeof(":443"));
	CURLU *u = curl_url();
	CURLUcode code;
	int r = -EINVAL;

	code = u ? url_parts(u, url, &scheme, &host, &port) : CURLUE_OUT_OF_MEMORY;
	if (code == CURLUE_OUT_OF_MEMORY)
		r = -ENOMEM;
	else if (code == CURLUE_OK && text_equal_nocase(scheme, "https"))
		r = buf_printf(&name, "%s:%s", host, port);
	if (r == 0)
		*ret = buf_steal(&name);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	buf_done(&name);
	return r;
}

/* The host named @name, made when there is none. NULL when memory is short. */
static struct host *http_host(struct http *h, const char *name)
{
	struct host *host;

	for (host = TAILQ_FIRST(&h->hosts); host; host = TAILQ_NEXT(host, link))
		if (text_equal(host->name, name))
			return host;
	host = mem_alloc(sizeof(*host));
	if (!host)
		return NULL;
	host->name = mem_strdup(name);
	if (!host->name)
		return mem_free(host);
	TAILQ_INIT(&host->waiting);
	TAILQ_INSERT_TAIL(&h->hosts, host, link);
	return host;
}

/* Put @s in the queue of the host of @url. Returns 0, -EINVAL where that is no https URL, -ENOMEM.
 */
static int slot_queue(struct http_slot *s, const char *url)
{
	_cleanup_(mem_freep) char *name = NULL;
	struct host *host;
	int r;

	r = url_host(url, &name);
	if (r < 0)
		return r;
	host = http_host(s->http, name);
	if (!host)
		return -ENOMEM;
	s->host = host;
	s->state = SLOT_WAITING;
	TAILQ_INSERT_TAIL(&host->waiting, s, link);
	return 0;
}

static struct http_slot *slot_new(
	struct http *h, const struct exchange_request *request, http_handler done, void *userdata)
{
	size_t body_max = request->body_max > 0 ? request->body_max : EXCHANGE_BODY_MAX;
	struct http_slot *s = mem_alloc(sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct http_slot){
		.http = h,
		.once = request->once,
		.kept = request->kept,
		.done = done,
		.userdata = userdata,
		.reply.body = BUF(body_max),
		.timer = {.handler = on_slot_timer, .userdata = s},
	};
	h->n_slots++;
	return s;
}

int http_send(struct http *h, const struct exchange_request *request,
	const struct http_options *options, http_handler done, void *userdata,
	struct http_slot **ret)
{
	_cleanup_(http_slot_freep) struct http_slot *s = slot_new(h, request, done, userdata);
	int r;

	if (!s)
		return -ENOMEM;
	r = loop_timer_set(h->loop, &s->timer, HTTP_LATER);
	if (r < 0)
		return r;
	r = slot_prepare(s, request, options);
	if (r < 0)
		return r;
	r = slot_queue(s, request->url);
	if (r == -EINVAL)
		slot_finish(s, "the address is not an https URL");
	else if (r < 0)
		return r;
	http_fill(h);
	*ret = steal(s);
	return 0;
}

struct http_slot *http_slot_free(struct http_slot *s)
{
	struct http *h;

	if (!s)
		return NULL;
	h = s->http;
	if (s->state == SLOT_RUNNING)
		slot_spoil_connection(s);
	slot_detach(s);
	loop_timer_clear(h->loop, &s->timer);
	exchange_reply_done(&s->reply);
	mem_free(s);
	h->n_slots--;
	http_fill(h);
	return NULL;
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool multi_set_options(struct http *h)
{
	CURLM *m = h->multi;

	return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
		curl_multi_setopt(m, CURLMOPT_SOCKETDATA, h) == CURLM_OK &&
		curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_set_timer) == CURLM_OK &&
		curl_multi_setopt(m, CURLMOPT_TIMERDATA, h) == CURLM_OK &&
		/* one request at a time on a connection: one that hangs holds up no other */
		curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
		curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, HTTP_IDLE_MAX) == CURLM_OK;
}

static int http_prepare(struct http *h, const char *user_agent)
{
	int r;

	/* what libcurl frees may have held a secret: our allocator wipes it */
	r = error_of(curl_global_init_mem(
		CURL_GLOBAL_DEFAULT, mem_alloc, mem_release, mem_resize, mem_strdup, mem_array));
	if (r < 0)
		return r;
	h->global = true;
	h->user_agent = mem_strdup(user_agent);
	h->multi = curl_multi_init();
	if (!h->user_agent || !h->multi)
		return -ENOMEM;
	if (!multi_set_options(h))
		return -ENOTSUP;
	return loop_timer_set(h->loop, &h->timer, HTTP_LATER);
}

int http_new(struct loop *loop, const char *user_agent, struct http **ret)
{
	_cleanup_(http_freep) struct http *h = mem_alloc(sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->timer = (struct timer){.handler = on_timer, .userdata = h};
	http_set_timeouts(h, HTTP_CONNECT_TIMEOUT_MS, HTTP_TOTAL_TIMEOUT_MS);
	TAILQ_INIT(&h->hosts);
	r = http_prepare(h, user_agent);
	if (r < 0)
		return r;
	*ret = steal(h);
	return 0;
}

struct http *http_free(struct http *h)
{
	if (!h)
		return NULL;
	assert(h->n_slots == 0);
	(void)curl_multi_cleanup(h->multi); /* takes NULL; may set the timer */
	loop_timer_clear(h->loop, &h->timer);
	if (h->global)
		curl_global_cleanup();
	mem_free(h->user_agent);
	return mem_free(h);
}

void http_set_timeouts(struct http *h, unsigned connect_ms, unsigned total_ms)
{
	h->connect_ms = connect_ms;
	h->total_ms = total_ms;
}

/* --- the certificates of authorities ---------------------------------------------------------- */

static void ca_store_freep(X509_STORE **store)
{
	X509_STORE_free(*store);
}

/* Is there a certificate in the PEM file @path? One that can't be read makes libcurl refuse them
 * all.
 */
static bool has_certificate(const char *path)
{
	_cleanup_(ca_store_freep) X509_STORE *store = X509_STORE_new();
	bool found = false;

	if (store && X509_STORE_load_file(store, path) == 1) {
		STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

		for (int i = 0; i < sk_X509_OBJECT_num(objects); i++)
			found |= X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i)) != NULL;
	}
	ERR_clear_error(); /* else it would be taken for one of the next TLS connection */
	return found;
}

int http_ca_check(const char *path, struct fault *reterr)
{
	struct stat st;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
		const int r = -errno;

		fault_set(reterr, FAULT_MISCONFIGURED, "cannot read %s: %s", path,
			strerrordesc_np(-r));
		return r;
	}
	if (S_ISREG(st.st_mode) && has_certificate(path))
		return 0;
	fault_set(reterr, FAULT_MISCONFIGURED,
		"%s holds no certificate: give a PEM file with a block that says CERTIFICATE",
		path);
	return -EBADMSG;
}
