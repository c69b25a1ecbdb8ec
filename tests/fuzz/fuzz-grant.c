/* SPDX-License-Identifier: BSD-2-Clause */

/* Bytes drive the life of one bare grant: commands, replies good and odd, lost ones, full disks,
 * crashes, reboots, clocks that are set, other configurations. Beside it stands a model of what the
 * provider, the disk and real time know; after each input what must always be true is held against
 * it. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "fuzz.h"
#include "oauth/grant.h"

#define INPUTS_MAX 400 /* each makes at most one token */
#define TOKENS_MAX (INPUTS_MAX + 1)

/* More wishes than this after one input, or more ticks than this and one in half a minute while
 * time passes, are a hot loop. */
#define WISHES_MAX 16
#define TICKS_MAX  100
#define TICK_SPAN  (30 * USEC_PER_S)

/* The agent's own promises: never refresh by itself more often than this, and not sooner after a
 * failure. */
#define REFRESH_SPACING (1 * USEC_PER_S)
#define FAILURE_PAUSE   (5 * USEC_PER_S)
/* Not more often is a report of a bad token believed. */
#define REPORT_SPACING (30 * USEC_PER_S)
/* What a token lives that nobody told more of, grantd.yaml(5). */
#define ASSUMED_S 3600

/* One grant under three configurations: the second is the same grant with another client secret and
 * a required scope less, the third is at another provider. */
static const char yaml[] =
	"connections:\n"
	"  a: {issuer: 'https://idp.example', client_id: app, scopes: [api, more],\n"
	"    endpoints: {introspection: 'https://idp.example/introspect'}}\n"
	"  b: {issuer: 'https://idp.example', client_id: app, scopes: [more, api],\n"
	"    endpoints: {introspection: 'https://idp.example/introspect'},\n"
	"    required_scopes: [more], refresh: {margin: 1m, keepalive: 1h}}\n"
	"  c: {endpoints: {token: 'https://other.example/token',\n"
	"    device_authorization: 'https://other.example/device',\n"
	"    revocation: 'https://other.example/revoke'}, client_id: app, scopes: [api, more]}\n";

#define SETUP_ELSEWHERE 2

enum kind { NOTHING, METADATA, DEVICE, POLL, REFRESH, REVOKE, INTROSPECT };

/* The next write of the record is the last thing the process does, or comes too late. */
enum death { LIVE, DIE_BEFORE, DIE_AFTER };

/* What the provider and real time know of a token; numbered from 1, in "atN" and "rtN". */
struct issued {
	bool stored;    /* a record with this access token was written */
	bool elsewhere; /* given by the other provider */
	bool aged;      /* the grant can know its age exactly */
	uint64_t at;    /* real time */
	uint64_t life;
};

/* What is on disk. */
struct disk {
	char data[64 * 1024];
	size_t len;
	bool grant;
	unsigned access, refresh; /* 0 for none */
	uint64_t life;            /* of the access token */
	bool sent;
	bool rotates;
	unsigned code; /* of the pending approval, 0 for none */
	uint64_t interval;
	bool clock_known; /* no clock was set since this was written */
};

static struct {
	const struct config *config;
	unsigned setup;
	struct grant *grant;
	struct now now;
	uint64_t real;
	uint32_t serial;

	struct exchange_request request;
	enum kind kind;         /* of the request in flight */
	unsigned request_token; /* N of the code or token in it */

	struct disk disk;
	bool disk_full;
	bool unstored; /* the last write failed, and will be tried again */
	enum death death;
	bool dead;

	struct issued issued[TOKENS_MAX];
	unsigned n_issued;
	unsigned newest; /* refresh token that the provider takes */

	/* the pending device code */
	unsigned n_codes;
	unsigned code;
	bool code_elsewhere;
	bool code_used; /* at the provider */
	bool code_over; /* the agent was told its end */
	uint64_t interval;
	uint64_t polled;       /* last reply */
	uint64_t code_expires; /* real; 0 where it is not known for sure */

	/* what the record must hold */
	bool grant_expected;
	unsigned access, refresh;
	bool revoking; /* an operator has asked for its end */
	bool refused;  /* the provider has said its word */

	uint64_t refreshed; /* last refresh by itself, 0: the next may come at once */
	uint64_t failed;    /* last failed refresh, as above */
	uint64_t not_before;
	uint64_t reported; /* the last report that was believed, 0 for none */
	bool reconfigured; /* and what was in flight then may not have ended yet */
} world;

static const uint64_t spans[] = {1000, USEC_PER_S, 5 * USEC_PER_S, 30 * USEC_PER_S,
	5 * USEC_PER_MIN, 16 * USEC_PER_MIN, USEC_PER_HOUR, USEC_PER_DAY};

/* --- numbers in texts --- */

/* N of "atN", "rtN", "dcN"; 0 for none. */
static unsigned number_of(const struct secret *token)
{
	uint64_t n = 0;

	if (token)
		MUST(text_parse_u64(secret_expose(token) + 2, &n) == 0);
	return (unsigned)n;
}

/* N of the parameter @name, whose value is two letters and N. */
static unsigned number_in(const char *body, const char *name)
{
	const char *at = strstr(body, name);
	char digits[16] = "";
	uint64_t n = 0;

	if (!at)
		return 0;
	at += strlen(name) + 2;
	memcpy(digits, at, strnlen(at, sizeof(digits) - 1));
	digits[strspn(digits, "0123456789")] = '\0';
	MUST(text_parse_u64(digits, &n) == 0);
	return (unsigned)n;
}

static struct grant_view view(void)
{
	struct grant_view v;

	grant_view(world.grant, world.now, &v);
	return v;
}

/* --- the disk --- */

static struct record_seal seal(void)
{
	static struct secret *key;

	if (!key)
		key = secret_new("0123456789abcdef0123456789abcdef", RECORD_KEY_SIZE);
	MUST(key);
	return (struct record_seal){.key = key, .machine = "a machine of its", .name = "crm"};
}

static void write_disk(const struct record *r)
{
	struct record_seal s = seal();
	struct buf sealed = BUF(sizeof(world.disk.data));
	uint8_t salt[RECORD_SALT_SIZE] = {1};
	struct disk *d = &world.disk;

	MUST(record_encode(r, &s, salt, &sealed) == 0);
	memcpy(d->data, sealed.data, sealed.len);
	d->len = sealed.len;
	buf_done(&sealed);
	d->grant = r->grant.present;
	d->access = number_of(r->grant.token.access_token);
	d->refresh = number_of(r->grant.token.refresh_token);
	d->sent = r->grant.refresh_sent;
	d->rotates = r->grant.rotates;
	d->life = world.issued[d->access].life;
	d->code = r->approval.present ? number_of(r->approval.device.device_code) : 0;
	d->interval = r->approval.device.interval_usec;
	d->clock_known = true;
	world.issued[d->access].stored = true;
}

/* What the grant wants stored is what it was given, whatever happened in between. */
static void store(void)
{
	struct fault why = {.kind = FAULT_STORAGE, .detail = "no space left"};
	const struct record *r = grant_record(world.grant);
	enum death death = world.death;

	MUST(!r->grant.present || number_of(r->grant.token.refresh_token) == world.refresh);
	MUST(!r->grant.present || number_of(r->grant.token.access_token) == world.access);
	world.death = LIVE;
	if (death == DIE_BEFORE || (death == DIE_AFTER && world.disk_full)) {
		world.dead = true;
		return;
	}
	world.unstored = world.disk_full;
	if (!world.disk_full)
		write_disk(r);
	world.dead = death == DIE_AFTER;
	if (!world.dead)
		grant_stored(
			world.grant, world.serial, world.disk_full ? -ENOSPC : 0, &why, world.now);
}

/* --- requests --- */

static enum kind kind_of(const struct exchange_request *r)
{
	const char *body = r->body ? secret_expose(r->body) : "";

	if (r->method == EXCHANGE_GET)
		return METADATA;
	if (strstr(r->url, "/device"))
		return DEVICE;
	if (strstr(r->url, "/revoke"))
		return REVOKE;
	if (strstr(r->url, "/introspect"))
		return INTROSPECT;
	return strstr(body, "grant_type=refresh_token") ? REFRESH : POLL;
}

static bool goes_elsewhere(void)
{
	return text_starts(world.request.url, "https://other.example/");
}

static void check_poll(void)
{
	unsigned code = number_in(secret_expose(world.request.body), "device_code=");

	MUST(code == world.code && code == world.disk.code);
	MUST(!world.code_over);
	MUST(world.real >= world.polled + world.interval);
	MUST(goes_elsewhere() == world.code_elsewhere);
	MUST(world.request.once);
	world.request_token = code;
}

static bool is_over(uint64_t since, uint64_t pause)
{
	return world.reconfigured || since == 0 || world.real >= since + pause;
}

static void check_refresh(void)
{
	unsigned token = number_in(secret_expose(world.request.body), "&refresh_token=");

	MUST(token > 0 && token == world.disk.refresh);
	MUST(world.disk.sent || !world.disk.rotates);
	MUST(is_over(world.refreshed, REFRESH_SPACING) && is_over(world.failed, FAILURE_PAUSE));
	MUST(goes_elsewhere() == world.issued[token].elsewhere);
	MUST(world.request.once);
	world.refreshed = world.real;
	world.request_token = token;
}

static void check_revocation(void)
{
	unsigned token = number_in(secret_expose(world.request.body), "token=");

	MUST(token > 0);
	MUST(goes_elsewhere() == world.issued[token].elsewhere);
}

/* What is asked about is on disk, and handed out meanwhile. */
static void check_introspection(void)
{
	unsigned token = number_in(secret_expose(world.request.body), "token=");

	MUST(token > 0 && token == world.access && world.issued[token].stored);
	MUST(goes_elsewhere() == world.issued[token].elsewhere);
	MUST(!world.request.once);
}

static void begin_request(void)
{
	MUST(grant_request(world.grant, &world.request) == 0);
	MUST(text_starts(world.request.url, "https://"));
	world.kind = kind_of(&world.request);
	switch (world.kind) {
	case POLL:
		check_poll();
		break;
	case REFRESH:
		check_refresh();
		break;
	case REVOKE:
		check_revocation();
		return;
	case INTROSPECT:
		check_introspection();
		break;
	case DEVICE:
		break;
	case METADATA:
	case NOTHING:
		return;
	}
	MUST(grant_spending(world.grant) == (world.kind == POLL || world.kind == REFRESH));
	MUST(world.reconfigured || world.real >= world.not_before);
}

static void drop_request(void)
{
	exchange_request_done(&world.request);
	world.kind = NOTHING;
}

static void converge(void)
{
	for (unsigned n = 0; !world.dead; n++) {
		struct grant_want want = grant_want(world.grant);

		if (want.serial == world.serial)
			return;
		MUST(n < WISHES_MAX);
		drop_request();
		world.serial = want.serial;
		if (want.act == GRANT_STORE)
			store();
		else if (want.act == GRANT_SEND)
			begin_request();
	}
}

/* --- what must be true --- */

static bool is_dead(unsigned token)
{
	const struct issued *t = &world.issued[token];

	return world.real >= t->at + t->life;
}

/* The grant is given up only for a reason. */
static void check_record(void)
{
	const struct record *r = grant_record(world.grant);
	bool ended =
		world.refresh == 0 && (is_dead(world.access) || !world.issued[world.access].aged);

	if (world.grant_expected && !r->grant.present) {
		MUST(world.revoking || world.refused || ended);
		world.grant_expected = world.revoking = world.refused = false;
		world.access = world.refresh = 0;
	}
	MUST(r->grant.present == world.grant_expected);
	MUST(!r->grant.present || number_of(r->grant.token.refresh_token) == world.refresh);
}

static void check_token(const struct grant_view *v)
{
	uint64_t remaining = 0;
	const struct token *t = grant_token(world.grant, world.now, &remaining);
	unsigned n;

	MUST(!v->usable || t);
	if (!t)
		return;
	n = number_of(t->access_token);
	MUST(remaining > 0 && n > 0 && world.issued[n].stored);
	MUST(!world.issued[n].aged || !is_dead(n));
}

/* A code is not shown longer than one interval past its end, whatever is waited for. */
static void check_code_end(uint64_t deadline)
{
	uint64_t end = usec_add(world.code_expires, world.interval);

	if (world.code_expires > 0)
		MUST(usec_add(world.real, usec_sub(deadline, world.now.boot_usec)) <= end);
}

static void check_view(void)
{
	struct grant_view v = view();
	struct grant_want want = grant_want(world.grant);

	MUST(grant_state_to_string(v.state));
	MUST(v.fault->kind == FAULT_NONE || v.fault->detail[0]);
	MUST(v.state != GRANT_READY || v.usable);
	MUST(want.act != GRANT_STORE); /* it was made so */
	MUST(want.act != GRANT_IDLE || want.deadline > world.now.boot_usec);
	/* a code is shown only when it would survive */
	MUST(!v.approval || world.disk.code == number_of(v.approval->device_code));
	if (v.approval && want.act == GRANT_IDLE)
		check_code_end(want.deadline);
	check_token(&v);
}

/* --- life and death --- */

static void forget_pauses(void)
{
	world.refreshed = world.failed = world.not_before = world.reported = 0;
}

static void read_disk(struct record *ret)
{
	struct record_seal s = seal();
	struct fault why = {.kind = FAULT_NONE};

	if (world.disk.len > 0)
		MUST(record_decode(world.disk.data, world.disk.len, &s, ret, &why) == 0);
}

/* What of the model is only as true as the disk. */
static void recall(void)
{
	const struct disk *d = &world.disk;

	world.code = d->code;
	world.code_over = false; /* it may have been told so, but that is lost */
	world.interval = d->interval;
	world.code_expires = 0;
	world.issued[d->access].aged &= d->clock_known;
	world.issued[d->access].life = d->life;
	world.grant_expected = d->grant;
	world.access = d->access;
	world.refresh = d->refresh;
	world.revoking = world.refused = world.reconfigured = world.unstored = false;
	forget_pauses();
}

static void start(void)
{
	uint8_t seed[32] = {(uint8_t)world.n_issued};
	struct record record = {0};

	world.dead = false;
	drop_request();
	world.grant = grant_free(world.grant);
	read_disk(&record);
	recall();
	world.serial = 0;
	MUST(grant_new(&world.config->connections[world.setup].setup, &record, seed, world.now,
		     &world.grant) == 0);
}

/* --- replies --- */

static struct exchange_reply reply_of(int status, char *body)
{
	struct exchange_reply reply = {.outcome = EXCHANGE_REPLIED, .status = status};

	reply.body = (struct buf){.data = body,
		.len = strlen(body),
		.cap = strlen(body) + 1,
		.max = EXCHANGE_BODY_MAX};
	(void)snprintf(reply.content_type, sizeof(reply.content_type), "application/json");
	return reply;
}

static void deliver(const struct exchange_reply *reply)
{
	enum kind kind = world.kind;

	if (kind == POLL)
		world.polled = world.real;
	if (kind == REFRESH)
		world.failed = world.real; /* a token, when there is one, takes it back */
	drop_request();
	grant_reply(world.grant, world.serial, reply, world.now);
	if (kind == REVOKE && grant_record(world.grant)->grant.present)
		world.revoking = false;
}

static unsigned issue(uint64_t life)
{
	struct issued *t = &world.issued[++world.n_issued];

	*t = (struct issued){
		.elsewhere = goes_elsewhere(), .aged = true, .at = world.real, .life = life};
	return world.n_issued;
}

/* A new approval without a required scope may be turned down where the present grant serves. */
static bool turned_down(unsigned n)
{
	if (number_of(grant_record(world.grant)->grant.token.access_token) == n)
		return false;
	MUST(view().fault->kind == FAULT_MISSING_SCOPE && view().usable);
	return true;
}

static void give_token(uint8_t how)
{
	static const unsigned lives[] = {3600, 60, 86400, 0, 7 * 86400, 1};
	static const char *const scopes[] = {
		"", "", ",\"scope\":\"more api\"", ",\"scope\":\"api\""};
	unsigned life = lives[(how & 15) % ELEMENTS(lives)];
	bool poll = world.kind == POLL, refreshable = !(how & 64);
	bool told = !(how & 128);
	unsigned n = issue((told ? life : ASSUMED_S) * USEC_PER_S), before = world.access;
	char body[256], refresh[64] = "", expires[32] = "";
	struct exchange_reply reply;

	if (refreshable)
		(void)snprintf(refresh, sizeof(refresh), "\"refresh_token\":\"rt%u\",", n);
	if (told)
		(void)snprintf(expires, sizeof(expires), "\"expires_in\":%u,", life);
	(void)snprintf(body, sizeof(body),
		"{\"access_token\":\"at%u\",%s%s\"token_type\":\"Bearer\"%s}", n, refresh, expires,
		scopes[(how >> 4) % ELEMENTS(scopes)]);
	reply = reply_of(200, body);
	world.access = n;
	deliver(&reply);
	world.failed = 0;
	if (poll)
		world.code_over = world.code_used = true;
	if (poll && turned_down(n)) {
		world.access = before;
		return;
	}
	world.grant_expected = true;
	if (refreshable)
		world.refresh = world.newest = n;
	else if (poll)
		world.refresh = 0;
}

/* The provider's word that a code or refresh token is no good. */
static void refuse(void)
{
	char body[] = "{\"error\":\"invalid_grant\"}";
	struct exchange_reply reply = reply_of(400, body);

	world.code_over |= world.kind == POLL;
	world.refused |= world.kind == REFRESH;
	deliver(&reply);
}

static void give_code(uint8_t how)
{
	static const unsigned intervals[] = {5, 1, 60, 600}, lives[] = {900, 30, 3600, 7};
	unsigned interval = intervals[how % ELEMENTS(intervals)];
	unsigned life = lives[(how >> 2) % ELEMENTS(lives)];
	struct exchange_reply reply;
	char body[256];

	world.code = ++world.n_codes;
	world.code_elsewhere = goes_elsewhere();
	world.code_used = world.code_over = false;
	world.interval = interval * USEC_PER_S;
	world.polled = world.real;
	world.code_expires = world.real + life * USEC_PER_S;
	(void)snprintf(body, sizeof(body),
		"{\"device_code\":\"dc%u\",\"user_code\":\"UC%u\",\"verification_uri\":"
		"\"https://idp.example/d\",\"interval\":%u,\"expires_in\":%u}",
		world.code, world.code, interval, life);
	reply = reply_of(200, body);
	deliver(&reply);
}

static void give_metadata(void)
{
	char body[] = "{\"issuer\":\"https://idp.example\","
		      "\"token_endpoint\":\"https://idp.example/token\","
		      "\"device_authorization_endpoint\":\"https://idp.example/device\","
		      "\"revocation_endpoint\":\"https://idp.example/revoke\"}";
	struct exchange_reply reply = reply_of(200, body);

	deliver(&reply);
}

/* The provider tells when the token ends, by the wall clock. */
static void tell_life(uint8_t how)
{
	static const unsigned lives[] = {600, 7200, 1, 30 * 86400};
	unsigned left = lives[how % ELEMENTS(lives)];
	struct issued *t = &world.issued[world.access];
	struct exchange_reply reply;
	char body[80];

	(void)snprintf(body, sizeof(body), "{\"active\":true,\"exp\":%llu}",
		(unsigned long long)(world.now.wall_usec / USEC_PER_S + left));
	t->life = world.real + left * USEC_PER_S - t->at;
	reply = reply_of(200, body);
	deliver(&reply);
}

static void revoke_at_provider(void)
{
	char body[] = "";
	struct exchange_reply reply = reply_of(200, body);

	deliver(&reply);
}

/* The provider does what it should. */
static void answer_well(uint8_t how)
{
	switch (world.kind) {
	case METADATA:
		give_metadata();
		break;
	case DEVICE:
		give_code(how);
		break;
	case POLL:
		if (world.code_used)
			refuse();
		else
			give_token(how);
		break;
	case REFRESH:
		if (world.request_token == world.newest)
			give_token(how);
		else
			refuse();
		break;
	case REVOKE:
		revoke_at_provider();
		break;
	case INTROSPECT:
		tell_life(how);
		break;
	case NOTHING:
		break;
	}
}

static const struct {
	int status;
	const char *body;
	const char *retry_after;
	const char *type;
	bool ends_code;
} odd_replies[] = {
	{400, "{\"error\":\"authorization_pending\"}", "", "application/json", false},
	{400, "{\"error\":\"slow_down\"}", "", "application/json", false},
	{400, "{\"error\":\"access_denied\"}", "", "application/json", true},
	{400, "{\"error\":\"expired_token\"}", "", "application/json", true},
	{401, "{\"error\":\"invalid_client\"}", "", "application/json", true},
	{503, "", "", "", false},
	{504, "<html>Gateway Timeout</html>", "", "text/html", false},
	{429, "{}", "30", "application/json", false},
	{429, "{}", "7200", "application/json", false},
	{429, "", "Fri, 31 Dec 9999 23:59:59 GMT", "", false},
	{200, "<html>Sign in to the wireless network</html>", "", "text/html", false},
	{200, "", "", "", false},
	{200, "{}", "", "application/json", false},
	{200, "{\"access_token\":5}", "", "application/json", false},
	{200, "{\"issuer\":\"https://else.example\"}", "", "application/json", false},
	{200, "{\"issuer\":\"https://idp.example\"}", "", "application/json", false},
	{200, "{\"error\":\"temporarily_unavailable\"}", "", "application/json", false},
	{400, "{\"error\":\"bad_refresh_token\"}", "", "application/json", false},
	{400, "{\"error\":{\"code\":190}}", "", "application/json", false},
	{404, "not found", "", "text/plain", false},
	{302, "", "", "", false},
	{500, "{\"error\":\"server_error\"}", "5", "application/json", false},
	{200, "{\"active\":false}", "", "application/json", false},
};

static void answer_oddly(uint8_t how)
{
	unsigned i = how % ELEMENTS(odd_replies);
	enum kind kind = world.kind;
	struct exchange_reply reply;
	char body[128];

	(void)snprintf(body, sizeof(body), "%s", odd_replies[i].body);
	reply = reply_of(odd_replies[i].status, body);
	(void)snprintf(
		reply.retry_after, sizeof(reply.retry_after), "%s", odd_replies[i].retry_after);
	(void)snprintf(reply.content_type, sizeof(reply.content_type), "%s", odd_replies[i].type);
	if (kind == POLL)
		world.code_over = odd_replies[i].ends_code;
	deliver(&reply);
	if (kind == POLL && strstr(body, "slow_down"))
		world.interval += 5 * USEC_PER_S;
	if (kind != METADATA && kind != REVOKE && kind != INTROSPECT && *odd_replies[i].retry_after)
		world.not_before = world.real + reply_retry_after(&reply, world.now);
}

/* No reply comes; where @reached, the provider did what was asked. */
static void lose(bool reached)
{
	struct exchange_reply reply = {.outcome = EXCHANGE_LOST, .error = "connection reset"};

	if (reached && world.kind == REFRESH && world.request_token == world.newest)
		world.newest = 0;
	if (reached && world.kind == POLL)
		world.code_used = true;
	deliver(&reply);
}

static void fail_to_send(void)
{
	struct exchange_reply reply = {.outcome = EXCHANGE_NOT_SENT, .error = "connection refused"};

	deliver(&reply);
}

/* A reply that nobody waits for any more changes nothing. */
static void answer_late(void)
{
	char body[] = "{\"access_token\":\"at0\",\"refresh_token\":\"rt0\",\"expires_in\":3600}";
	struct exchange_reply reply = reply_of(200, body);
	struct grant_want before = grant_want(world.grant), after;

	grant_reply(world.grant, world.serial - 1, &reply, world.now);
	after = grant_want(world.grant);
	MUST(before.act == after.act && before.serial == after.serial);
}

static void answer(uint8_t what, uint8_t how)
{
	if (world.kind == NOTHING)
		return;
	if (what < 128)
		answer_well(how);
	else if (what < 208)
		answer_oddly(how);
	else if (what < 216)
		refuse();
	else if (what < 240)
		lose(what & 1);
	else
		fail_to_send();
}

/* --- time --- */

static void advance(uint64_t usec)
{
	world.now.boot_usec += usec;
	world.now.wall_usec += usec;
	world.real += usec;
}

/* Time passes up to the next request; each deadline fires when it comes. */
static void pass(uint64_t usec)
{
	uint64_t end = world.now.boot_usec + usec, most = TICKS_MAX + usec / TICK_SPAN;

	for (uint64_t n = 0; world.kind == NOTHING && !world.dead; n++) {
		uint64_t deadline = grant_want(world.grant).deadline;

		if (deadline > end)
			break;
		MUST(n < most);
		advance(deadline - world.now.boot_usec);
		grant_tick(world.grant, world.now);
		converge();
	}
	if (world.kind == NOTHING && !world.dead)
		advance(end - world.now.boot_usec);
}

static void pass_to_deadline(void)
{
	uint64_t deadline = grant_want(world.grant).deadline;

	if (deadline != USEC_NEVER)
		pass(deadline - world.now.boot_usec);
}

static void suspend(uint64_t usec)
{
	advance(usec);
	grant_tick(world.grant, world.now);
}

/* The wall clock is set, maybe while the process is not there. */
static void step_clock(uint8_t how)
{
	static const uint64_t steps[] = {
		2 * USEC_PER_S, 90 * USEC_PER_S, USEC_PER_HOUR, 100 * USEC_PER_DAY};
	uint64_t step = steps[how % ELEMENTS(steps)];

	if (how & 128)
		world.now.wall_usec += step;
	else if (world.now.wall_usec > 2 * step)
		world.now.wall_usec -= step;
	world.disk.clock_known = false;
}

static void set_clock(uint8_t how)
{
	step_clock(how);
	if (!world.issued[world.access].aged)
		forget_pauses(); /* a token whose age was in doubt may be refreshed at once */
	/* what is kept but not used is not looked after */
	if (world.reconfigured ||
		world.issued[world.access].elsewhere != (world.setup == SETUP_ELSEWHERE))
		world.issued[world.access].aged = false;
	grant_tick(world.grant, world.now);
}

/* --- inputs --- */

static void command(uint8_t which)
{
	enum grant_command c = (enum grant_command)(which % _GRANT_COMMAND_MAX);

	if (c == GRANT_REFRESH)
		world.refreshed = world.failed = 0;
	world.revoking |= c == GRANT_REVOKE || c == GRANT_FORGET;
	grant_command(world.grant, c, world.now);
}

static void reconfigure(uint8_t which)
{
	world.setup = which % (unsigned)world.config->n_connections;
	world.reconfigured = true;
	MUST(grant_reconfigure(
		     world.grant, &world.config->connections[world.setup].setup, world.now) == 0);
}

enum restart_how { REBOOTED = 1, CLOCK_SET = 2 };

static void restart(uint8_t how, uint8_t clock)
{
	if (how & REBOOTED)
		world.now.boot_usec = 10 * USEC_PER_S;
	if (how & CLOCK_SET)
		step_clock(clock);
	start();
}

/* A program says that a token is no good: that which it would get now, or one of another day. */
static void report(uint8_t which)
{
	uint64_t remaining = 0, retry = 0;
	const struct token *held = grant_token(world.grant, world.now, &remaining);
	unsigned n = held ? number_of(held->access_token) : 0, bad = which & 1 ? n : which;
	struct fault why = {.kind = FAULT_NONE};
	char text[16];
	int r;

	(void)snprintf(text, sizeof(text), "at%u", bad);
	r = grant_invalidate(world.grant, text, strlen(text), world.now, &why, &retry);
	MUST((r == -EAGAIN) == (why.kind != FAULT_NONE));
	if (!held || bad != n || r < 0) {
		MUST(!held || r != 0);
		return;
	}
	MUST(r == 0 && !grant_token(world.grant, world.now, &remaining));
	MUST(is_over(world.reported, REPORT_SPACING));
	world.reported = world.real;
	world.refreshed = world.failed = 0;
}

/* Three bytes: what happens, and how. */
static void take_input(uint8_t what, uint8_t how, uint8_t more)
{
	switch (what % 16) {
	case 0:
		command(how);
		break;
	case 1:
		set_clock(how);
		break;
	case 2:
		suspend(spans[how % ELEMENTS(spans)]);
		break;
	case 3:
		world.disk_full = how & 1;
		break;
	case 4:
		world.death = how & 1 ? DIE_BEFORE : DIE_AFTER;
		break;
	case 5:
		restart(how, more);
		break;
	case 6:
		reconfigure(how);
		break;
	case 7:
		if (how & 128)
			report(more);
		else
			answer_late();
		break;
	case 8:
	case 9:
		pass(spans[how % ELEMENTS(spans)]);
		break;
	case 10:
	case 11:
		pass_to_deadline();
		break;
	default:
		answer(how, more);
		break;
	}
}

static void settle(void)
{
	converge();
	while (world.dead) {
		start();
		converge();
	}
	check_record();
	check_view();
	if (world.reconfigured)
		forget_pauses();
	if (world.kind == NOTHING && !world.unstored) /* nothing is under way: it is over */
		world.revoking = world.reconfigured = false;
}

static const struct config *read_config(void)
{
	static struct config *config;
	struct config_faults faults = {0};

	if (!config)
		MUST(config_parse("fuzz", yaml, strlen(yaml), &config, &faults) == 0);
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof(world));
	world.config = read_config();
	world.now = (struct now){
		.boot_usec = USEC_PER_DAY, .wall_usec = UINT64_C(1795469410) * USEC_PER_S};
	world.real = world.now.wall_usec;
	start();
	settle();
	for (unsigned i = 0; i < INPUTS_MAX && size >= 3; i++, data += 3, size -= 3) {
		take_input(data[0], data[1], data[2]);
		settle();
	}
	drop_request();
	grant_free(world.grant);
	return 0;
}
