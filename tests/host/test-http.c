/* SPDX-License-Identifier: BSD-2-Clause */

/* The HTTP client against real TLS servers that misbehave: https-server.py and, for HTTP/2,
 * h2-server.js. Both say what their paths do. Every address asked for carries "s3cret", which no
 * error text may repeat. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "../unit/test.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/http.h"

#define QUERY   "?code=s3cret"
#define HTTPS   "port0"
#define SHORT   100u   /* ms, for what never comes */
#define LONG    60000u /* ms, for what must come */
#define MANY    80
#define N_HOSTS 9

/* --- the servers ----------------------------------------------------------------------------- */

/* What they told of themselves. */
static struct {
	char name[16];
	char value[128];
} facts[32];
static size_t n_facts;

struct server {
	pid_t pid;
	int input; /* it ends when this does */
};

static const char *fact(const char *name)
{
	for (size_t i = 0; i < n_facts; i++)
		if (strcmp(facts[i].name, name) == 0)
			return facts[i].value;
	return NULL;
}

static void script(char *to, size_t size, const char *name)
{
	const char *top = getenv("srcdir");

	(void)snprintf(to, size, "%s/tests/host/%s", top ? top : ".", name);
}

static void server_exec(char *const argv[], int in, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (dup2(in, 0) == 0 && dup2(out, 1) == 1)
		(void)execvp(argv[0], argv);
	_exit(127);
}

/* Read "name value" lines up to "ready". */
static bool server_listen_to(int fd)
{
	FILE *f = fdopen(fd, "r");
	char line[256], *blank;
	bool ready = false;

	if (!f)
		return false;
	while (!ready && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		blank = strchr(line, ' ');
		ready = strcmp(line, "ready") == 0;
		if (!blank || n_facts == ELEMENTS(facts))
			continue;
		*blank = '\0';
		text_clean(facts[n_facts].name, sizeof(facts[0].name), line, strlen(line));
		text_clean(
			facts[n_facts].value, sizeof(facts[0].value), blank + 1, strlen(blank + 1));
		n_facts++;
	}
	fclose(f);
	return ready;
}

static bool server_start(struct server *s, char *const argv[])
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return false;
	s->pid = fork();
	if (s->pid == 0)
		server_exec(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	s->input = in[1];
	return s->pid > 0 && server_listen_to(out[0]);
}

static void server_stop(struct server *s)
{
	if (s->pid <= 0)
		return;
	close(s->input);
	(void)waitpid(s->pid, NULL, 0);
}

/* --- names: those below .test are answered here, "slow.test" when the test says so ----------- */

static struct {
	int wait[2];
} slow;

int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	char c;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (strcmp(node, "missing.test") == 0)
		return EAI_NONAME;
	if (strcmp(node, "slow.test") == 0)
		return read(slow.wait[0], &c, 1) < 0 ? EAI_SYSTEM : EAI_AGAIN;
	return real(strcmp(node, "idp.test") == 0 ? "127.0.0.1" : node, service, hints, ret);
}

/* --- asking ---------------------------------------------------------------------------------- */

static struct {
	struct loop *loop;
	struct http *http;
	char ca[160];
	struct http_options options;
} here;

struct talk {
	struct http_slot *slot;
	struct exchange_reply reply;
	unsigned calls;
	bool free_at_once;
};

static void begin(void)
{
	REQUIRE(loop_new(&here.loop) == 0);
	REQUIRE(http_new(here.loop, "grantd-test/1", &here.http) == 0);
	(void)snprintf(here.ca, sizeof(here.ca), "%s/ca.pem", fact("directory"));
	here.options = (struct http_options){.ca_file = here.ca};
}

static void end(void)
{
	here.http = http_free(here.http);
	here.loop = loop_free(here.loop);
}

static void turn(void)
{
	REQUIRE(sd_event_run(loop_event(here.loop), UINT64_MAX) >= 0);
}

static void on_done(void *userdata, const struct exchange_reply *reply)
{
	struct talk *t = userdata;

	t->calls++;
	if (t->free_at_once)
		t->slot = http_slot_free(t->slot);
	exchange_reply_done(&t->reply);
	t->reply = *reply;
	t->reply.body = BUF(reply->body.max);
	CHECK_INT(buf_add(&t->reply.body, reply->body.data, reply->body.len), 0);
	CHECK(!strstr(reply->error, "s3cret"));
}

static void wait_for(struct talk *t)
{
	while (t->calls == 0)
		turn();
	CHECK_INT(t->calls, 1);
}

static void done(struct talk *t)
{
	t->slot = http_slot_free(t->slot);
	exchange_reply_done(&t->reply);
	*t = (struct talk){.slot = NULL};
}

static void url_of(char *to, size_t size, const char *port, const char *target)
{
	(void)snprintf(to, size, "https://127.0.0.1:%s%s", fact(port), target);
}

static atomic_uint allocations_left; /* until one fails; 0: none does */
static unsigned fail_in_send;

static bool fail_at_last(size_t size)
{
	(void)size;
	return allocations_left > 0 && --allocations_left == 0;
}

static int send_to(struct talk *t, const char *url, const char *body, bool once)
{
	struct exchange_request request = {
		.method = body ? EXCHANGE_POST : EXCHANGE_GET,
		.url = mem_strdup(url),
		.authorization = secret_new_text("Basic s3cret"),
		.body = secret_new_text(body),
		.once = once,
	};
	int r;

	allocations_left = fail_in_send;
	r = http_send(here.http, &request, &here.options, on_done, t, &t->slot);
	allocations_left = 0;
	exchange_request_done(&request);
	return r;
}

/* Start a request to @port of the server; it is a POST where there is a body. */
static void start(struct talk *t, const char *port, const char *target, const char *body, bool once)
{
	char url[256];

	url_of(url, sizeof(url), port, target);
	REQUIRE(send_to(t, url, body, once) == 0);
	CHECK_INT(t->calls, 0);
}

static void ask(struct talk *t, const char *port, const char *target, const char *body, bool once)
{
	done(t);
	start(t, port, target, body, once);
	wait_for(t);
}

static void get(struct talk *t, const char *target)
{
	ask(t, HTTPS, target, NULL, false);
}

/* The number that a path of the server tells. */
static uint64_t number(const char *port, const char *target)
{
	struct talk t = {.slot = NULL};
	uint64_t n = UINT64_MAX;

	ask(&t, port, target, NULL, false);
	CHECK_INT(text_parse_u64(buf_text(&t.reply.body), &n), 0);
	done(&t);
	return n;
}

static uint64_t arrivals(const char *port, const char *target)
{
	char question[128];

	(void)snprintf(question, sizeof(question), "/count?%s", target);
	return number(port, question);
}

static bool has(const struct talk *t, const char *text)
{
	return strstr(buf_text(&t->reply.body), text);
}

/* The number of the connection that /echo tells. */
static uint64_t connection(const struct talk *t)
{
	static const char key[] = "\"connection\":";
	const char *at = strstr(buf_text(&t->reply.body), key);
	char digits[24];
	uint64_t n = 0;

	REQUIRE(at != NULL);
	at += strlen(key);
	at += strspn(at, " ");
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)strspn(at, "0123456789"), at);
	CHECK_INT(text_parse_u64(digits, &n), 0);
	return n;
}

static void check_failed(
	const struct talk *t, enum exchange_outcome outcome, const char *says, const char *target)
{
	if (t->reply.outcome != outcome || !strstr(t->reply.error, says))
		TEST_FAIL("%s: outcome %d, \"%s\"", target, t->reply.outcome, t->reply.error);
	CHECK_INT(t->reply.status, 0);
	CHECK_INT(t->reply.body.len, 0);
	CHECK_TEXT(t->reply.content_type, "");
}

/* --- what is sent and what comes back -------------------------------------------------------- */

static void a_reply_arrives(void)
{
	struct talk t = {.slot = NULL};

	begin();
	get(&t, "/ok" QUERY);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK_INT(t.reply.status, 200);
	CHECK_TEXT(t.reply.content_type, "application/json");
	CHECK_TEXT(t.reply.retry_after, "");
	CHECK_TEXT(t.reply.cache_control, "");
	CHECK_TEXT(t.reply.error, "");
	CHECK_TEXT(buf_text(&t.reply.body), "{\"ok\": true}");
	done(&t);
	end();
}

static void requests_carry_their_headers(void)
{
	struct talk t = {.slot = NULL};

	begin();
	get(&t, "/echo" QUERY);
	CHECK(has(&t, "\"method\": \"GET\""));
	CHECK(has(&t, "\"target\": \"/echo" QUERY "\""));
	CHECK(has(&t, "\"user-agent\": \"grantd-test/1\""));
	CHECK(has(&t, "\"accept\": \"application/json\""));
	CHECK(has(&t, "\"authorization\": \"Basic s3cret\""));
	CHECK(!has(&t, "accept-encoding"));
	CHECK(!has(&t, "content-type"));
	done(&t);
	end();
}

/* Post @len bytes and see them come back. */
static void check_long_form(const char *port, size_t len, bool once)
{
	struct talk t = {.slot = NULL};
	char *form = mem_alloc(len + 1);

	REQUIRE(form != NULL);
	memset(form, 'f', len);
	ask(&t, port, "/echo", form, once);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK(has(&t, form));
	mem_free(form);
	done(&t);
}

static void check_form(const char *port, const char *method, bool once)
{
	struct talk t = {.slot = NULL};

	ask(&t, port, "/echo", "grant_type=refresh_token&refresh_token=abc", once);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK(has(&t, method));
	CHECK(has(&t, "application/x-www-form-urlencoded"));
	CHECK(has(&t, "grant_type=refresh_token&refresh_token=abc"));
	CHECK(!has(&t, "\"expect\""));
	CHECK(!has(&t, "\"transfer-encoding\""));
	ask(&t, port, "/echo", "", once);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK(has(&t, method));
	done(&t);
	check_long_form(port, 16384, once); /* the sizes of a TLS record, of libcurl's buffer */
	check_long_form(port, 65536, once);
	check_long_form(port, 100000, once);
}

static void forms_are_posted(void)
{
	begin();
	check_form(HTTPS, "\"method\": \"POST\"", false);
	check_form(HTTPS, "\"method\": \"POST\"", true);
	end();
}

static void a_post_may_have_no_body(void)
{
	struct exchange_request request = {.method = EXCHANGE_POST, .once = true};
	struct talk t = {.slot = NULL};
	char url[64];

	begin();
	url_of(url, sizeof(url), HTTPS, "/echo");
	request.url = url;
	REQUIRE(http_send(here.http, &request, &here.options, on_done, &t, &t.slot) == 0);
	wait_for(&t);
	CHECK(has(&t, "\"method\": \"POST\""));
	CHECK(has(&t, "\"content-length\": \"0\""));
	CHECK(!has(&t, "authorization"));
	done(&t);
	end();
}

/* Send @request to @target. */
static void ask_so(struct talk *t, struct exchange_request *request, const char *target)
{
	char url[128];

	done(t);
	url_of(url, sizeof(url), HTTPS, target);
	request->url = url;
	REQUIRE(http_send(here.http, request, &here.options, on_done, t, &t->slot) == 0);
	wait_for(t);
}

static void a_request_may_say_more(void)
{
	static const char *const kept[] = {"Date-Of-Nothing", "X-Kept", NULL};
	struct exchange_request json = {
		.method = EXCHANGE_POST,
		.body = secret_new_text("{\"s\":1}"),
		.content_type = "application/json",
		.accept = "text/csv",
		.header = "X-Hint: rows=1000",
	};
	struct exchange_request longer = {.kept = kept, .body_max = 300000};
	struct exchange_request other = {.method = EXCHANGE_DELETE};
	struct talk t = {.slot = NULL};

	begin();
	ask_so(&t, &json, "/echo");
	CHECK(has(&t, "\"content-type\": \"application/json\""));
	CHECK(has(&t, "\"accept\": \"text/csv\""));
	CHECK(has(&t, "\"x-hint\": \"rows=1000\""));
	ask_so(&t, &other, "/echo");
	CHECK(has(&t, "\"method\": \"DELETE\""));
	ask_so(&t, &longer, "/kept");
	CHECK_TEXT(t.reply.kept[0], "");
	CHECK_TEXT(t.reply.kept[1], "a value");
	CHECK_TEXT(t.reply.kept[2], "");
	ask_so(&t, &longer, "/length/300000");
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	ask_so(&t, &longer, "/length/300001");
	check_failed(&t, EXCHANGE_LOST, "longer than expected", "length");
	json.body = secret_free(json.body);
	done(&t);
	end();
}

static void error_statuses_are_replies(void)
{
	struct talk t = {.slot = NULL};

	begin();
	ask(&t, HTTPS, "/status/400" QUERY, "a=b", true);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK_INT(t.reply.status, 400);
	CHECK_TEXT(buf_text(&t.reply.body), "{\"error\": \"invalid_grant\"}");
	ask(&t, HTTPS, "/status/401", "a=b", true);
	CHECK_INT(t.reply.status, 401);
	ask(&t, HTTPS, "/status/503", "a=b", true);
	CHECK_INT(t.reply.status, 503);
	done(&t);
	end();
}

static void headers_are_kept_clean(void)
{
	struct talk t = {.slot = NULL};

	begin();
	get(&t, "/headers" QUERY);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK_INT(t.reply.status, 503);
	CHECK_TEXT(t.reply.content_type, "application/json");
	CHECK_TEXT(t.reply.retry_after, "120");
	CHECK(strncmp(t.reply.cache_control, "no-store, ?[31myyy", 18) == 0);
	CHECK_INT(strlen(t.reply.cache_control), sizeof(t.reply.cache_control) - 1);
	CHECK_TEXT(buf_text(&t.reply.body), "{}");
	get(&t, "/interim" QUERY);
	CHECK_INT(t.reply.status, 200);
	CHECK_TEXT(t.reply.content_type, "application/json");
	CHECK_TEXT(t.reply.retry_after, "");
	CHECK_TEXT(t.reply.cache_control, "");
	done(&t);
	end();
}

static void redirects_are_not_followed(void)
{
	struct talk t = {.slot = NULL};

	begin();
	get(&t, "/redirect" QUERY);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK_INT(t.reply.status, 302);
	done(&t);
	end();
}

static void bodies_are_capped(void)
{
	static const char *const too_long[] = {
		"/length/262145" QUERY, "/chunks/300000" QUERY, "/bomb" QUERY};
	struct talk t = {.slot = NULL};

	begin();
	get(&t, "/length/262144" QUERY);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK_INT(t.reply.body.len, 262144);
	for (size_t i = 0; i < ELEMENTS(too_long); i++) {
		get(&t, too_long[i]);
		check_failed(&t, EXCHANGE_LOST, "longer than 256 KiB", too_long[i]);
	}
	done(&t);
	end();
}

static void headers_are_capped(void)
{
	struct talk t = {.slot = NULL};

	begin();
	get(&t, "/many-headers" QUERY);
	check_failed(&t, EXCHANGE_LOST, "longer than 64 KiB", "many");
	get(&t, "/long-header" QUERY);
	check_failed(&t, EXCHANGE_LOST, "", "long");
	done(&t);
	end();
}

/* --- what goes wrong ------------------------------------------------------------------------- */

static void broken_replies_are_lost(void)
{
	static const char *const targets[] = {
		"/cut" QUERY, "/short" QUERY, "/garbage" QUERY, "/reset" QUERY, "/close" QUERY};
	struct talk t = {.slot = NULL};

	begin();
	for (size_t i = 0; i < ELEMENTS(targets); i++) {
		ask(&t, HTTPS, targets[i], "refresh_token=s3cret", true);
		check_failed(&t, EXCHANGE_LOST, "", targets[i]);
		CHECK(*t.reply.error != '\0');
		CHECK_INT(arrivals(HTTPS, targets[i]), 1);
	}
	done(&t);
	end();
}

static void slow_replies_are_lost(void)
{
	struct talk t = {.slot = NULL};

	begin();
	http_set_timeouts(here.http, LONG, 5 * SHORT); /* time enough to connect */
	ask(&t, HTTPS, "/silent" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_LOST, "timed out", "silent");
	ask(&t, HTTPS, "/stall" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_LOST, "timed out", "stall");
	done(&t);
	end();
}

static void unreachable_servers_get_nothing(void)
{
	struct talk t = {.slot = NULL};

	begin();
	ask(&t, "refused", "/" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT, "Connection refused", "refused");
	ask(&t, "broken", "/" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT, "", "broken");
	CHECK(*t.reply.error != '\0');
	done(&t);
	REQUIRE(send_to(&t, "https://missing.test/" QUERY, "a=b", true) == 0);
	wait_for(&t);
	check_failed(&t, EXCHANGE_NOT_SENT, "could not resolve host missing.test", "missing");
	done(&t);
	http_set_timeouts(here.http, SHORT, LONG);
	ask(&t, "mute", "/" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT, "timed out", "mute");
	http_set_timeouts(here.http, LONG, SHORT);
	ask(&t, "mute", "/" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT, "timed out", "mute");
	done(&t);
	end();
}

static void strangers_get_nothing(void)
{
	struct talk t = {.slot = NULL};
	char path[160], url[64];

	begin();
	(void)snprintf(path, sizeof(path), "%s/stranger.pem", fact("directory"));
	here.options.ca_file = path;
	ask(&t, HTTPS, "/stranger" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT, "TLS: certificate verify failed", "stranger");
	here.options.ca_file = NULL; /* the system's */
	ask(&t, HTTPS, "/stranger" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT, "TLS: certificate verify failed", "system");
	here.options.ca_file = here.ca;
	done(&t);
	(void)snprintf(url, sizeof(url), "https://localhost:%s/stranger" QUERY, fact(HTTPS));
	REQUIRE(send_to(&t, url, "refresh_token=s3cret", true) == 0);
	wait_for(&t);
	check_failed(&t, EXCHANGE_NOT_SENT, "TLS: no alternative certificate subject", "name");
	ask(&t, "old", "/stranger" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT, "", "TLS 1.1");
	CHECK_INT(arrivals(HTTPS, "/stranger" QUERY), 0);
	done(&t);
	end();
}

static bool write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	return f && fputs(text, f) >= 0 && fclose(f) == 0;
}

static void a_missing_ca_file_is_named(void)
{
	struct talk t = {.slot = NULL};

	begin();
	here.options.ca_file = "/nonexistent/ca.pem";
	ask(&t, HTTPS, "/ok" QUERY, "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_NOT_SENT,
		"could not read the CA certificates of /nonexistent/ca.pem", "CA");
	done(&t);
	end();
}

static void a_ca_file_holds_a_certificate(void)
{
	struct fault why = {.kind = FAULT_NONE};
	char path[160];

	begin();
	CHECK_INT(http_ca_check(here.ca, &why), 0);
	CHECK_INT(http_ca_check("/nonexistent/ca.pem", &why), -ENOENT);
	CHECK_INT(why.kind, FAULT_MISCONFIGURED);
	CHECK_TEXT(why.detail, "cannot read /nonexistent/ca.pem: No such file or directory");
	CHECK_INT(http_ca_check(fact("directory"), &why), -EBADMSG);
	CHECK_INT(http_ca_check("/dev/null", &why), -EBADMSG);
	(void)snprintf(path, sizeof(path), "%s/no-certificate.pem", fact("directory"));
	REQUIRE(write_file(path, "-----BEGIN CERTIFICATE-----\nAAAA\n"));
	CHECK_INT(http_ca_check(path, &why), -EBADMSG);
	CHECK(strstr(why.detail, "no-certificate.pem holds no certificate: give a PEM file"));
	end();
}

static void only_https_is_spoken(void)
{
	static const char *const urls[] = {"http://127.0.0.1/s3cret", "ftp://127.0.0.1/s3cret",
		"file:///s3cret", "127.0.0.1/s3cret", "https://", "",
		"https://user:s3cret@idp.test/"};
	struct talk t = {.slot = NULL};

	begin();
	for (size_t i = 0; i < ELEMENTS(urls); i++) {
		REQUIRE(send_to(&t, urls[i], "a=b", false) == 0);
		CHECK_INT(t.calls, 0);
		wait_for(&t);
		check_failed(&t, EXCHANGE_NOT_SENT, "not an https URL", urls[i]);
		done(&t);
	}
	end();
}

static void an_authorization_is_one_line(void)
{
	struct exchange_request request = {.url = (char[]){"https://idp.test/"}};
	struct http_slot *slot = NULL;

	begin();
	request.authorization = secret_new_text("Bearer a\r\nX-Other: b");
	CHECK_INT(http_send(here.http, &request, NULL, on_done, NULL, &slot), -EINVAL);
	CHECK(!slot);
	secret_free(request.authorization);
	end();
}

/* libcurl waits for its resolver thread when a request is broken off, unless told not to. This test
 * would not end, as the name is answered only after it. */
static void slow_names_hold_up_nothing(void)
{
	struct talk slow_one = {.slot = NULL}, t = {.slot = NULL};

	begin();
	REQUIRE(pipe2(slow.wait, O_CLOEXEC) == 0);
	http_set_timeouts(here.http, SHORT, LONG);
	REQUIRE(send_to(&slow_one, "https://slow.test/" QUERY, "a=b", true) == 0);
	wait_for(&slow_one);
	check_failed(&slow_one, EXCHANGE_NOT_SENT, "timed out", "slow");
	done(&slow_one);
	http_set_timeouts(here.http, LONG, LONG);
	REQUIRE(send_to(&slow_one, "https://slow.test/" QUERY, "a=b", true) == 0);
	get(&t, "/ok" QUERY);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	done(&slow_one); /* broken off */
	done(&t);
	end();
	close(slow.wait[1]); /* the threads end by themselves */
}

/* --- connections, and what is sent once ------------------------------------------------------ */

static void connections_are_reused(void)
{
	struct talk t = {.slot = NULL};
	uint64_t first;

	begin();
	get(&t, "/echo");
	first = connection(&t);
	get(&t, "/echo");
	CHECK_INT(connection(&t), first);
	CHECK(has(&t, "\"nth\": 2"));
	done(&t);
	end();
}

static void once_has_its_own_connection(void)
{
	struct talk t = {.slot = NULL};
	uint64_t first;

	begin();
	get(&t, "/echo");
	first = connection(&t);
	ask(&t, HTTPS, "/echo", "a=b", true);
	CHECK(connection(&t) != first);
	CHECK(has(&t, "\"nth\": 1"));
	done(&t);
	end();
}

/* A reused connection that dies makes libcurl send again: that is so without `once`, and must not
 * be with it. */
static void check_stale_connection(const char *port, bool once, uint64_t arriving)
{
	struct talk t = {.slot = NULL};
	const char *target =
		once ? "/close-if-reused?once=s3cret" : "/close-if-reused?plain=s3cret";

	ask(&t, port, "/echo", NULL, false);
	ask(&t, port, target, "refresh_token=s3cret", once);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK_INT(t.reply.status, 200);
	CHECK(has(&t, "refresh_token=s3cret"));
	CHECK_INT(arrivals(port, target), arriving);
	done(&t);
}

static void once_arrives_once(void)
{
	begin();
	check_stale_connection(HTTPS, false, 2);
	check_stale_connection(HTTPS, true, 1);
	end();
}

static void broken_off_connections_are_closed(void)
{
	struct talk t = {.slot = NULL}, other = {.slot = NULL};
	uint64_t first;

	begin();
	get(&t, "/echo");
	first = connection(&t);
	done(&t);
	start(&t, HTTPS, "/hold/broken-off", NULL, false);
	CHECK_INT(number("port1", "/held/broken-off/1"), 1);
	done(&t);
	(void)number("port1", "/release/broken-off");
	get(&other, "/echo");
	CHECK(connection(&other) != first);
	CHECK_INT(t.calls, 0);
	done(&other);
	end();
}

static void sockets_are_not_inherited(void)
{
	struct talk t = {.slot = NULL};
	unsigned sockets = 0;

	begin();
	get(&t, "/ok");
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_storage address;
		socklen_t len = sizeof(address);

		if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
			address.ss_family != AF_INET)
			continue;
		sockets++;
		CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	CHECK_INT(sockets, 1);
	done(&t);
	end();
}

/* --- slots and the window -------------------------------------------------------------------- */

static void a_handler_may_free_its_slot(void)
{
	struct talk t = {.free_at_once = true};

	begin();
	start(&t, HTTPS, "/ok", NULL, false);
	wait_for(&t);
	CHECK(!t.slot);
	CHECK_TEXT(buf_text(&t.reply.body), "{\"ok\": true}");
	done(&t);
	end();
}

static void finished_slots_may_be_freed_untold(void)
{
	struct talk a = {.slot = NULL}, b = {.slot = NULL};

	begin();
	REQUIRE(send_to(&a, "http://idp.test/", NULL, false) == 0);
	REQUIRE(send_to(&b, "http://idp.test/", NULL, false) == 0);
	a.slot = http_slot_free(a.slot);
	wait_for(&b);
	CHECK_INT(a.calls, 0);
	done(&b);
	end();
}

static void one_reply_is_told_a_turn(void)
{
	struct talk a = {.slot = NULL}, b = {.slot = NULL};

	begin();
	REQUIRE(send_to(&a, "http://idp.test/", NULL, false) == 0);
	REQUIRE(send_to(&b, "http://idp.test/", NULL, false) == 0);
	CHECK_INT(a.calls + b.calls, 0);
	while (b.calls == 0) {
		unsigned before = a.calls + b.calls;

		turn();
		CHECK(a.calls + b.calls <= before + 1);
	}
	CHECK_INT(a.calls, 1);
	done(&a);
	done(&b);
	end();
}

/* Another client, so that its questions are not in the window of the first. */
static struct http *swap_http(struct http *other)
{
	struct http *before = here.http;

	here.http = other;
	return before;
}

static void a_host_has_its_share(void)
{
	struct talk held[HTTP_PER_HOST_MAX + 4] = {{.slot = NULL}}, other = {.slot = NULL};

	begin();
	for (size_t i = 0; i < ELEMENTS(held); i++)
		start(&held[i], HTTPS, "/hold/share", NULL, false);
	CHECK_INT(number("port1", "/held/share/8"), HTTP_PER_HOST_MAX);
	for (size_t i = 0; i < 3; i++) /* another host is not held up, and no more arrive here */
		ask(&other, "port1", "/echo", "a=b", true);
	CHECK_INT(number("port1", "/held/share/8"), HTTP_PER_HOST_MAX);
	done(&held[0]);  /* running: makes room for the next */
	done(&held[11]); /* waiting */
	(void)number("port1", "/release/share");
	for (size_t i = 1; i < 11; i++) {
		wait_for(&held[i]);
		CHECK_INT(held[i].reply.outcome, EXCHANGE_REPLIED);
		done(&held[i]);
	}
	CHECK_INT(held[0].calls + held[11].calls, 0);
	done(&other);
	end();
}

static void the_window_has_an_end(void)
{
	static struct talk held[MANY];
	struct http *first, *second;
	char port[] = "port0";

	begin();
	REQUIRE(http_new(here.loop, "grantd-test/2", &second) == 0);
	for (size_t i = 0; i < MANY; i++) {
		port[4] = (char)('0' + i % N_HOSTS);
		start(&held[i], port, "/hold/window", NULL, false);
	}
	first = swap_http(second);
	CHECK_INT(number(HTTPS, "/held/window/64"), HTTP_IN_FLIGHT_MAX);
	CHECK_INT(number("port1", "/held/window/64"), HTTP_IN_FLIGHT_MAX);
	(void)number(HTTPS, "/release/window");
	(void)swap_http(first);
	for (size_t i = 0; i < MANY; i++) {
		wait_for(&held[i]);
		CHECK_INT(held[i].reply.outcome, EXCHANGE_REPLIED);
		done(&held[i]);
	}
	http_free(second);
	end();
}

static void waiting_costs_no_time(void)
{
	struct talk silent[HTTP_PER_HOST_MAX] = {{.slot = NULL}}, last = {.slot = NULL};

	begin();
	http_set_timeouts(here.http, LONG, SHORT);
	for (size_t i = 0; i < HTTP_PER_HOST_MAX; i++)
		start(&silent[i], HTTPS, "/silent", NULL, false);
	start(&last, HTTPS, "/ok", NULL, false);
	http_set_timeouts(here.http, LONG, LONG);
	wait_for(&last); /* after those before it timed out */
	CHECK_INT(last.reply.outcome, EXCHANGE_REPLIED);
	for (size_t i = 0; i < HTTP_PER_HOST_MAX; i++) {
		wait_for(&silent[i]);
		CHECK(silent[i].reply.outcome != EXCHANGE_REPLIED);
		done(&silent[i]);
	}
	done(&last);
	end();
}

/* --- proxies --------------------------------------------------------------------------------- */

static void ask_by_name(struct talk *t, const char *host)
{
	char url[128];

	done(t);
	(void)snprintf(url, sizeof(url), "https://%s:%s/echo" QUERY, host, fact(HTTPS));
	REQUIRE(send_to(t, url, "refresh_token=s3cret", true) == 0);
	wait_for(t);
}

static void a_proxy_is_a_tunnel(void)
{
	struct talk t = {.slot = NULL};
	char proxy[64];

	begin();
	(void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%s", fact("proxy"));
	here.options.proxy = proxy;
	REQUIRE(setenv("no_proxy", "*", 1) == 0); /* not about this proxy */
	ask_by_name(&t, "idp.test");
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK_TEXT(t.reply.content_type, "application/json");
	ask_by_name(&t, "refused.test");
	check_failed(&t, EXCHANGE_NOT_SENT, "403", "refused.test");
	unsetenv("no_proxy");
	here.options.proxy = NULL;
	get(&t, "/proxy-log");
	CHECK(has(&t, "CONNECT idp.test:"));
	CHECK(!has(&t, "s3cret"));
	CHECK(!has(&t, "uthorization"));
	done(&t);
	end();
}

static void the_environment_may_name_a_proxy(void)
{
	struct talk t = {.slot = NULL};
	char proxy[64];

	begin();
	(void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%s", fact("proxy"));
	REQUIRE(setenv("https_proxy", proxy, 1) == 0);
	ask_by_name(&t, "refused.test");
	check_failed(&t, EXCHANGE_NOT_SENT, "403", "refused.test");
	unsetenv("https_proxy");
	done(&t);
	end();
}

/* --- memory ---------------------------------------------------------------------------------- */

static atomic_uint wiped;

static void witness(const void *p, size_t size)
{
	(void)p;
	wiped += size > 0;
}

static void libcurl_uses_our_allocator(void)
{
	struct talk t = {.slot = NULL};
	unsigned before;

	mem_set_witness(witness);
	begin();
	start(&t, HTTPS, "/ok", NULL, false);
	before = wiped;
	wait_for(&t);
	CHECK(wiped > before + 20); /* ours are three: reply, body, slot */
	done(&t);
	end();
	mem_set_witness(NULL);
}

/* Each allocation of http_send() fails once. What libcurl allocates later is left out: 7.88 does
 * not survive that everywhere. */
static void short_memory_is_told(void)
{
	struct talk t = {.slot = NULL};
	char url[128];
	int r;

	begin();
	url_of(url, sizeof(url), HTTPS, "/ok");
	mem_set_failure(fail_at_last);
	for (fail_in_send = 1; fail_in_send < 1000; fail_in_send++) {
		done(&t);
		r = send_to(&t, url, "a=b", false);
		CHECK(r == 0 || (r == -ENOMEM && !t.slot));
		if (r < 0)
			continue;
		wait_for(&t);
		if (t.reply.outcome == EXCHANGE_REPLIED)
			break;
		check_failed(&t, EXCHANGE_NOT_SENT, "out of memory", "memory");
	}
	mem_set_failure(NULL);
	CHECK(fail_in_send > 20 && fail_in_send < 1000);
	fail_in_send = 0;
	done(&t);
	end();
}

/* --- HTTP/2 ---------------------------------------------------------------------------------- */

static void h2_is_spoken(void)
{
	struct talk t = {.slot = NULL};
	uint64_t first;

	begin();
	ask(&t, "h2", "/echo", NULL, false);
	CHECK_INT(t.reply.outcome, EXCHANGE_REPLIED);
	CHECK(has(&t, "\":method\":\"GET\""));
	CHECK(has(&t, "\"authorization\":\"Basic s3cret\""));
	first = connection(&t);
	ask(&t, "h2", "/echo", NULL, false);
	CHECK_INT(connection(&t), first);
	ask(&t, "h2", "/echo", "a=b", true);
	CHECK(connection(&t) != first);
	done(&t);
	check_form("h2", "\":method\":\"POST\"", false);
	check_form("h2", "\":method\":\"POST\"", true);
	end();
}

static void h2_once_arrives_once(void)
{
	struct talk t = {.slot = NULL};

	begin();
	check_stale_connection("h2", true, 1);
	ask(&t, "h2", "/refuse?plain=s3cret", "refresh_token=s3cret", false);
	CHECK(arrivals("h2", "/refuse?plain=s3cret") > 1); /* so libcurl does */
	ask(&t, "h2", "/refuse?once=s3cret", "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_LOST, "only once", "refuse");
	CHECK_INT(arrivals("h2", "/refuse?once=s3cret"), 1);
	ask(&t, "h2", "/goaway?once=s3cret", "refresh_token=s3cret", true);
	check_failed(&t, EXCHANGE_LOST, "", "goaway");
	CHECK_INT(arrivals("h2", "/goaway?once=s3cret"), 1);
	done(&t);
	end();
}
/* Also where the window of HTTP/2 does not let all of the body out, and nobody will open it. */
static void h2_early_replies_are_replies(void)
{
	static const char *const targets[] = {"/early/stays" QUERY, "/early/reset" QUERY};
	static char long_form[100001];
	struct talk t = {.slot = NULL};

	begin();
	memset(long_form, 'f', sizeof(long_form) - 1);
	for (size_t i = 0; i < 2 * ELEMENTS(targets); i++) {
		ask(&t, "h2", targets[i / 2], i % 2 ? long_form : "refresh_token=s3cret", true);
		if (t.reply.outcome != EXCHANGE_REPLIED)
			TEST_FAIL("%s: %s", targets[i / 2], t.reply.error);
		CHECK_INT(t.reply.status, 200);
		CHECK(has(&t, "{\"early\":\""));
		CHECK_TEXT(t.reply.error, "");
	}
	done(&t);
	end();
}

/* One connection carries one request at a time. */
static void h2_requests_do_not_wait_for_each_other(void)
{
	struct talk t = {.slot = NULL}, silent = {.slot = NULL};
	uint64_t first;

	begin();
	ask(&t, "h2", "/echo", NULL, false);
	first = connection(&t);
	start(&silent, "h2", "/silent", NULL, false);
	ask(&t, "h2", "/echo", NULL, false);
	CHECK(connection(&t) != first);
	CHECK_INT(silent.calls, 0);
	done(&silent);
	done(&t);
	end();
}

static void h2_hung_connections_are_left(void)
{
	struct talk t = {.slot = NULL};
	uint64_t first;

	begin();
	ask(&t, "h2", "/echo", NULL, false);
	first = connection(&t);
	http_set_timeouts(here.http, LONG, SHORT);
	ask(&t, "h2", "/silent" QUERY, NULL, false);
	check_failed(&t, EXCHANGE_LOST, "timed out", "silent");
	http_set_timeouts(here.http, LONG, LONG);
	ask(&t, "h2", "/echo", NULL, false);
	CHECK(connection(&t) != first);
	done(&t);
	end();
}

static struct test tests[] = {
	{"a reply arrives with its status, type and body", a_reply_arrives},
	{"a request says who asks, wants JSON uncompressed, and carries its authorization",
		requests_carry_their_headers},
	{"a form is posted as it is, short, long and empty", forms_are_posted},
	{"a POST may have no body", a_post_may_have_no_body},
	{"a request may have another type of body and reply, keep headers, and take a longer reply",
		a_request_may_say_more},
	{"an error status is a reply as any other", error_statuses_are_replies},
	{"of repeated headers the last one counts, cleaned and cut; interim replies and trailers "
	 "do not",
		headers_are_kept_clean},
	{"a redirect is not followed", redirects_are_not_followed},
	{"a body of 256 KiB is read, a longer one is lost, also when it unpacks to that",
		bodies_are_capped},
	{"too many headers are a lost reply", headers_are_capped},
	{"a reply that is cut, reset or not HTTP is lost, and was asked for once",
		broken_replies_are_lost},
	{"a reply that takes too long is lost", slow_replies_are_lost},
	{"what could not be connected to was sent nothing", unreachable_servers_get_nothing},
	{"a server that can't prove its name was sent nothing", strangers_get_nothing},
	{"a CA file that can't be read is named", a_missing_ca_file_is_named},
	{"a CA file holds a certificate", a_ca_file_holds_a_certificate},
	{"nothing but https is spoken, and that is told by the loop", only_https_is_spoken},
	{"an authorization that is more than one header is refused", an_authorization_is_one_line},
	{"a name that is never answered holds up nothing else", slow_names_hold_up_nothing},
	{"connections are reused", connections_are_reused},
	{"a request to be sent once gets a connection of its own", once_has_its_own_connection},
	{"a request to be sent once arrives once where libcurl would repeat it", once_arrives_once},
	{"the connection of a request that was broken off is not used again",
		broken_off_connections_are_closed},
	{"sockets are not inherited by what we start", sockets_are_not_inherited},
	{"a handler may free its slot and still read the reply", a_handler_may_free_its_slot},
	{"what has finished may be freed before it was told", finished_slots_may_be_freed_untold},
	{"one reply is told in one turn of the loop", one_reply_is_told_a_turn},
	{"eight requests go to one host at a time, and another host is not held up",
		a_host_has_its_share},
	{"sixty-four requests are in flight at a time", the_window_has_an_end},
	{"waiting for a turn does not count as waiting for a reply", waiting_costs_no_time},
	{"a proxy tunnels, and learns no secret", a_proxy_is_a_tunnel},
	{"the environment may name a proxy", the_environment_may_name_a_proxy},
	{"what libcurl frees is wiped by our allocator", libcurl_uses_our_allocator},
	{"short memory is told, and the next request is none the worse", short_memory_is_told},
	{"HTTP/2: it is spoken where it is offered", h2_is_spoken},
	{"HTTP/2: a request to be sent once arrives once", h2_once_arrives_once},
	{"HTTP/2: a whole reply before the end of the request is a reply",
		h2_early_replies_are_replies},
	{"HTTP/2: requests share no connection at a time", h2_requests_do_not_wait_for_each_other},
	{"HTTP/2: a connection that hung is not used again", h2_hung_connections_are_left},
};

static void skip(void)
{
}

static void skip_h2(void)
{
	for (size_t i = 0; i < ELEMENTS(tests); i++)
		if (text_starts(tests[i].says, "HTTP/2: "))
			tests[i] = (struct test){"HTTP/2 # SKIP node is not installed", skip};
}

static bool start_https(struct server *s)
{
	char path[256];

	script(path, sizeof(path), "https-server.py");
	return server_start(s, (char *const[]){"python3", path, NULL});
}

static bool start_h2(struct server *s)
{
	char path[256], certificate[160], key[160];

	script(path, sizeof(path), "h2-server.js");
	(void)snprintf(certificate, sizeof(certificate), "%s/server.pem", fact("directory"));
	(void)snprintf(key, sizeof(key), "%s/server.key", fact("directory"));
	return server_start(s, (char *const[]){"node", path, certificate, key, NULL});
}

int main(void)
{
	static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
		"all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};
	struct server https = {.pid = 0}, h2 = {.pid = 0};
	int failed = 1;

	(void)alarm(300); /* a test that hangs fails */
	for (size_t i = 0; i < ELEMENTS(proxies); i++)
		unsetenv(proxies[i]);
	if (start_https(&https)) {
		if (!start_h2(&h2))
			skip_h2();
		failed = test_main(tests, ELEMENTS(tests));
	} else {
		printf("Bail out! the server did not start: python3 and openssl are needed\n");
	}
	server_stop(&h2);
	server_stop(&https);
	return failed;
}
