/* SPDX-License-Identifier: BSD-2-Clause */

/* Plays scenario files: a story of time, replies and crashes, and what must be true at each point.
 * The format is told in tests/scenario/README. One file is one TAP line. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "oauth/jose.h"
#include "subject.h"

#define FILE_SIZE_MAX 65536

struct world world;

/* One file being played. */
struct story {
	const char *path;
	char *text;
	char *rest; /* not yet read */
	unsigned line;
	struct config *config;
	struct config *config_before;
	struct fault refusal; /* of the last paste */
	bool running;
	bool failed;
	char nonce[128];     /* sent last */
	struct buf id_token; /* made last */
	char seen[64];       /* the last claim that had to be fresh */
};

/* The provider's key, known to everybody: RFC 8037 appendix A.1. */
#define KEY_PUBLIC \
	"\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define KEY_PRIVATE "{" KEY_PUBLIC ",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}"
#define KEYS        "{\"keys\":[{\"kid\":\"k1\"," KEY_PUBLIC "}]}"

static uint64_t random_counter;

void world_random(void *data, size_t len)
{
	uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((++random_counter * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

/* A process that dies here goes on to the end of the step, like a ghost: nothing of it reaches the
 * disk any more. */
int world_store(const void *data, size_t len, struct fault *reterr)
{
	enum world_death death = world.death;

	world.death = DEATH_NONE;
	world.dead |= death == DEATH_BEFORE_STORE;
	if (world.dead || world.disk_full) {
		fault_set(reterr, FAULT_STORAGE, "no space left");
		return -ENOSPC;
	}
	buf_done(&world.disk);
	if (buf_add(&world.disk, data, len) < 0)
		abort();
	world.disk_holds = true;
	world.dead = death == DEATH_AFTER_STORE;
	return 0;
}

#define FAIL(story, ...) \
	do { \
		printf("# %s:%u: ", (story)->path, (story)->line); \
		printf(__VA_ARGS__); \
		printf("\n"); \
		(story)->failed = true; \
	} while (0)

/* --- reading --- */

static char *next_line(struct story *s)
{
	char *line = s->rest, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	if (end)
		*end++ = '\0';
	s->rest = end;
	s->line++;
	return line;
}

/* Cut the first word off *@line. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");
	size_t n = strcspn(word, " \t");

	*line = word + n;
	if (**line)
		*(*line)++ = '\0';
	*line += strspn(*line, " \t");
	return word;
}

/* In a word, ~ stands for a blank. */
static void restore_blanks(char *word)
{
	for (; *word; word++)
		if (*word == '~')
			*word = ' ';
}

static uint64_t duration(struct story *s, const char *text)
{
	uint64_t usec = 0;

	if (text_parse_duration(text, &usec) < 0)
		FAIL(s, "no duration: %s", text);
	return usec;
}

static char *read_file(const char *path);

/* The path of @name, as seen from the story. */
static char *path_beside(const struct story *s, const char *name)
{
	const char *slash = strrchr(s->path, '/');
	struct buf path = BUF(4096);

	if (buf_add(&path, s->path, slash ? (size_t)(slash + 1 - s->path) : 0) < 0 ||
		buf_add_text(&path, name) < 0)
		abort();
	return buf_steal(&path);
}

/* What the agent reads at load: from the folder of keys, whatever directory the file is said to be
 * in. */
static struct secret *read_secret(const struct story *s, const struct source *source)
{
	char name[256], *path, *text;
	struct secret *secret;

	if (source->kind == SOURCE_LITERAL)
		return secret_copy(source->literal);
	if (source->kind != SOURCE_FILE || !text_starts(source->name, "/keys/"))
		return NULL;
	(void)snprintf(name, sizeof(name), "../%s", source->name + 1);
	path = path_beside(s, name);
	text = read_file(path);
	secret = secret_new_text(text);
	mem_free(path);
	mem_free(text);
	return secret;
}

/* The lines up to `end`, parsed. Returns what config_parse() does. */
static int parse_config(struct story *s, struct config **ret, struct config_faults *faults)
{
	struct buf yaml = BUF(FILE_SIZE_MAX);
	char *line;
	int r;

	while ((line = next_line(s)) && strcmp(line, "end") != 0)
		if (buf_printf(&yaml, "%s\n", line) < 0)
			abort();
	r = config_parse(s->path, buf_text(&yaml), yaml.len, ret, faults);
	buf_done(&yaml);
	return r;
}

static void read_config(struct story *s)
{
	struct config_faults faults = {0};
	struct config_connection *c;

	config_free(s->config_before);
	s->config_before = steal(s->config);
	if (parse_config(s, &s->config, &faults) < 0)
		FAIL(s, "the configuration is refused: %s", buf_text(&faults.text));
	else {
		c = &s->config->connections[0];
		c->setup.client.secret = read_secret(s, &c->client_secret);
		c->setup.client.key = read_secret(s, &c->client_key);
		c->setup.client.key_passphrase = read_secret(s, &c->client_key_passphrase);
	}
	config_faults_done(&faults);
}

/* config-refused TEXT ... end: it is no configuration, and a fault says TEXT */
static void refuse_config(struct story *s, const char *text)
{
	struct config_faults faults = {0};
	struct config *config = NULL;

	if (parse_config(s, &config, &faults) == 0)
		FAIL(s, "the configuration is taken");
	else if (!*text || !strstr(buf_text(&faults.text), text))
		FAIL(s, "the faults are: %s", buf_text(&faults.text));
	config_free(config);
	config_faults_done(&faults);
}

/* The steps of another file in the same folder come first, then what is left of this one. */
static void include(struct story *s, const char *name)
{
	struct buf text = BUF(2 * FILE_SIZE_MAX);
	char *path = path_beside(s, name), *part = read_file(path);

	if (buf_printf(&text, "%s\n%s", part, s->rest ? s->rest : "") < 0)
		abort();
	mem_free(part);
	mem_free(s->text);
	s->rest = s->text = buf_steal(&text);
	mem_free(path);
}

/* --- time --- */

static void advance(uint64_t usec)
{
	world.now.boot_usec += usec;
	world.now.wall_usec += usec;
}

/* Go @usec on, firing each deadline when it comes. Stops early when a request begins and
 * @until_request is set. */
static void pass(uint64_t usec, bool until_request)
{
	uint64_t end = world.now.boot_usec + usec;

	for (;;) {
		uint64_t next = subject_deadline();

		if (until_request && subject_request())
			return;
		if (next > end)
			break;
		if (next > world.now.boot_usec)
			advance(next - world.now.boot_usec);
		subject_fire();
		if (subject_deadline() <= world.now.boot_usec && !subject_request()) {
			printf("# the deadline does not move: a hot loop\n");
			abort();
		}
	}
	advance(end - world.now.boot_usec);
}

/* --- what must be true --- */

/* Is `name=value` (form-encoded as it stands) a parameter of @body? A bare `name` asks for any
 * value, `!name` for none. */
static bool has_parameter(const char *body, const char *want)
{
	bool absent = want[0] == '!';
	const char *name = want + absent;
	size_t n = strlen(name);
	bool found = false;

	for (const char *p = body; *p && !found; p += strcspn(p, "&"), p += *p == '&') {
		size_t len = strcspn(p, "&");

		if (strchr(name, '='))
			found = len == n && strncmp(p, name, n) == 0;
		else
			found = len > n && strncmp(p, name, n) == 0 && p[n] == '=';
	}
	return found != absent;
}

static void expect_bearer(struct story *s, const struct exchange_request *r, const char *token)
{
	const char *have = r->authorization ? secret_expose(r->authorization) : "none";

	if (strncmp(have, "Bearer ", strlen("Bearer ")) != 0 ||
		strcmp(have + strlen("Bearer "), token) != 0)
		FAIL(s, "the authorization is %s", have);
}

static void expect_sent(struct story *s, char *line)
{
	const struct exchange_request *r = subject_request();
	const char *method = next_word(&line), *url = next_word(&line);
	const char *body;

	if (!r) {
		FAIL(s, "no request is in flight");
		return;
	}
	if (r->method == EXCHANGE_GET && strncmp(line, "bearer:", strlen("bearer:")) == 0)
		expect_bearer(s, r, next_word(&line) + strlen("bearer:"));
	if (strcmp(method, r->method == EXCHANGE_POST ? "POST" : "GET") != 0 ||
		strcmp(url, r->url) != 0)
		FAIL(s, "in flight is %s %s", r->method == EXCHANGE_POST ? "POST" : "GET", r->url);
	body = r->body ? secret_expose(r->body) : "";
	while (*line) {
		const char *want = next_word(&line);

		if (strcmp(want, "once") == 0 ? !r->once : !has_parameter(body, want))
			FAIL(s, "the request does not have %s: %s", want, body);
	}
}

/* requests N: so many have begun since the last such line, or the start of the story */
static void expect_requests(struct story *s, const char *want)
{
	char have[16];

	(void)snprintf(have, sizeof(have), "%u", world.requests);
	if (strcmp(have, want) != 0)
		FAIL(s, "%s requests have begun, not %s", have, want);
	world.requests = 0;
}

/* authorization VALUE|none: the header of the request in flight */
static void expect_authorization(struct story *s, const char *want)
{
	const struct exchange_request *r = subject_request();
	const char *have = r && r->authorization ? secret_expose(r->authorization) : "none";

	if (!r || strcmp(have, want) != 0)
		FAIL(s, "the authorization is %s, not %s", r ? have : "that of no request", want);
}

/* The claims of the JWT that is the parameter @name of @body, NULL where there is none. */
static struct json *read_claims(const char *body, const char *name)
{
	struct buf payload = BUF(FILE_SIZE_MAX);
	char start[64];
	const char *at, *dot;
	struct json *claims = NULL;

	(void)snprintf(start, sizeof(start), "&%s=", name); /* grant_type or client_id are first */
	at = strstr(body, start);
	dot = at ? strchr(at, '.') : NULL;
	if (dot && text_decode_base64url(&payload, dot + 1, strcspn(dot + 1, ".")) == 0)
		(void)json_parse(buf_text(&payload), payload.len, &claims, NULL);
	buf_done(&payload);
	return claims;
}

/* Is the claim what @want says of it? */
static bool claim_is(struct story *s, const struct json *claim, const char *want)
{
	const char *text = json_text(claim);
	uint64_t number = 0;
	bool fresh;

	if (text_starts(want, "in:"))
		return json_u64(claim, &number) &&
			number == (world.now.wall_usec + duration(s, want + 3)) / USEC_PER_S;
	if (strcmp(want, "fresh") != 0)
		return text_equal(text, want);
	fresh = text && *text && strcmp(text, s->seen) != 0;
	(void)snprintf(s->seen, sizeof(s->seen), "%s", text ? text : "");
	return fresh;
}

static void expect_claims(struct story *s, char *line)
{
	const struct exchange_request *r = subject_request();
	const char *name = next_word(&line);
	struct json *claims = r && r->body ? read_claims(secret_expose(r->body), name) : NULL;

	if (!claims)
		FAIL(s, "no request with an assertion in %s is in flight", name);
	while (claims && *line) {
		char *want = next_word(&line), *value = strchr(want, '=');

		if (!value) {
			FAIL(s, "no claim and value: %s", want);
			break;
		}
		*value++ = '\0';
		restore_blanks(value);
		if (!claim_is(s, json_get(claims, want), value))
			FAIL(s, "the claim %s is another than %s", want, value);
	}
	json_free(claims);
}

static void expect_text(struct story *s, const char *what, const char *have, const char *want)
{
	if (strcmp(have, want) != 0)
		FAIL(s, "%s is %s, not %s", what, have, want);
}

static void expect_fault(struct story *s, const struct grant_view *v, char *line)
{
	const char *kind = next_word(&line);

	expect_text(s, "fault", fault_kind_to_string(v->fault->kind), kind);
	if (*line == '!' ? strstr(v->fault->detail, line + 1) != NULL
			 : *line && !strstr(v->fault->detail, line))
		FAIL(s, "the fault says: %s", v->fault->detail);
}

static void expect_token(struct story *s, const char *want)
{
	uint64_t remaining = 0;
	const struct token *t = subject_token(&remaining);

	expect_text(s, "token", t ? secret_expose(t->access_token) : "none", want);
}

static void expect_life(struct story *s, const char *want)
{
	uint64_t remaining = 0;

	(void)subject_token(&remaining);
	if (remaining != duration(s, want))
		FAIL(s, "the token lives for %llu us", (unsigned long long)remaining);
}

/* token-type TEXT */
static void expect_token_type(struct story *s, const char *want)
{
	uint64_t remaining = 0;
	const struct token *t = subject_token(&remaining);

	expect_text(s, "token type", t ? t->token_type : "none", want);
}

/* extra NAME VALUE|none: a member handed out beside the token, as JSON */
static void expect_extra(struct story *s, char *line)
{
	const char *name = next_word(&line);
	uint64_t remaining = 0;
	const struct token *t = subject_token(&remaining);
	const struct json *member = t ? json_get(t->extra, name) : NULL;
	char *printed = member ? json_print(member, false) : NULL;

	expect_text(s, name, printed ? printed : "none", line);
	mem_free(printed);
}

static void expect_scopes(struct story *s, const struct grant_view *v, const char *want)
{
	char *joined = names_join(v->scopes, " ");

	expect_text(s, "scopes", joined, want);
	mem_free(joined);
}

static int read_disk(struct story *s, struct record *ret)
{
	struct secret *key = secret_new("0123456789abcdef0123456789abcdef", RECORD_KEY_SIZE);
	struct record_seal seal = {.key = key, .name = s->config->connections[0].setup.name};
	struct fault why = {.kind = FAULT_NONE};
	int r;

	memcpy(seal.machine, "a machine of its", sizeof(seal.machine));
	r = world.disk_holds ? record_decode(world.disk.data, world.disk.len, &seal, ret, &why)
			     : -ENOENT;
	secret_free(key);
	return r;
}

/* disk refresh_token|candidate|user_code VALUE | disk sent yes|no; `none` for absent */
static void expect_disk(struct story *s, char *line)
{
	const char *what = next_word(&line), *have = "none";
	struct record record = {0};

	if (read_disk(s, &record) == 0) {
		if (strcmp(what, "refresh_token") == 0 && record.grant.token.refresh_token)
			have = secret_expose(record.grant.token.refresh_token);
		else if (strcmp(what, "candidate") == 0 && record.candidate.grant.present)
			have = secret_expose(record.candidate.grant.token.access_token);
		else if (strcmp(what, "candidate-sent") == 0)
			have = record.candidate.grant.refresh_sent ? "yes" : "no";
		else if (strcmp(what, "user_code") == 0 && record.approval.present)
			have = record.approval.device.user_code;
		else if (strcmp(what, "sent") == 0)
			have = record.grant.refresh_sent ? "yes" : "no";
		else if (strcmp(what, "fault") == 0)
			have = fault_kind_to_string(record.fault.kind);
	}
	expect_text(s, what, have, line);
	record_done(&record);
}

static void expect_retry(struct story *s, const struct grant_view *v, char *line)
{
	uint64_t at = v->fault_retry_usec > world.now.wall_usec
		? v->fault_retry_usec - world.now.wall_usec
		: 0;
	uint64_t least = duration(s, next_word(&line)), most = duration(s, next_word(&line));

	if (at < least || at > most)
		FAIL(s, "the next try is in %llu us", (unsigned long long)at);
}

/* ends SPAN|none: how long the grant lives, as far as that is known */
static void expect_end(struct story *s, const struct grant_view *v, const char *line)
{
	uint64_t left = v->grant_expires_usec > world.now.wall_usec
		? v->grant_expires_usec - world.now.wall_usec
		: 0;

	if (strcmp(line, "none") == 0 ? v->grant_expires_usec != 0 : left != duration(s, line))
		FAIL(s, "the grant ends in %llu us", (unsigned long long)left);
}

/* outcome approval|paste|refresh|revocation KIND: how the last one ended; `pending` while none has
 */
static void expect_outcome(struct story *s, const struct grant_view *v, char *line)
{
	static const char *const ends[_GRANT_END_MAX] = {
		[GRANT_END_APPROVAL] = "approval",
		[GRANT_END_PASTE] = "paste",
		[GRANT_END_REFRESH] = "refresh",
		[GRANT_END_REVOCATION] = "revocation",
		[GRANT_END_CONFIRMATION] = "confirmation",
		[GRANT_END_CANCELLATION] = "cancellation",
	};
	const char *which = next_word(&line);
	const struct grant_outcome *o = NULL;

	for (unsigned i = 0; i < _GRANT_END_MAX; i++)
		if (strcmp(which, ends[i]) == 0)
			o = &v->outcomes[i];
	if (!o)
		FAIL(s, "nothing has an end by the name %s", which);
	else
		expect_text(s, which,
			o->count > 0 ? fault_kind_to_string(o->fault.kind) : "pending", line);
}

/* decided WHAT WHO: the last decision about an approver; `none` while there is none */
static void expect_decided(struct story *s, const struct grant_decided *d, char *line)
{
	static const char *const decisions[_GRANT_DECISION_MAX] = {
		[GRANT_ACCEPTED] = "accepted",
		[GRANT_HELD] = "held",
		[GRANT_REFUSED] = "refused",
		[GRANT_REJECTED] = "rejected",
		[GRANT_UNREVOKED] = "unrevoked",
	};
	const char *what = next_word(&line);

	expect_text(s, "the decision", d->count > 0 ? decisions[d->decision] : "none", what);
	if (*line)
		expect_text(s, "who", d->who, line);
}

/* identity SUBJECT[?]: with ? where it is not confirmed; none where nothing is known */
static void expect_identity(struct story *s, const struct grant_view *v, const char *want)
{
	char have[256];

	(void)snprintf(have, sizeof(have), "%s%s", v->identity ? v->identity->subject : "none",
		v->identity && !v->confirmed ? "?" : "");
	expect_text(s, "identity", have, want);
}

/* A line of the form `WHAT VALUE` about the view. Returns false where it is none. */
static bool expect_view(struct story *s, const char *what, char *line)
{
	struct grant_view v;

	subject_view(&v);
	if (strcmp(what, "state") == 0)
		expect_text(s, what, grant_state_to_string(v.state), line);
	else if (strcmp(what, "usable") == 0)
		expect_text(s, what, v.usable ? "yes" : "no", line);
	else if (strcmp(what, "fault") == 0)
		expect_fault(s, &v, line);
	else if (strcmp(what, "identity") == 0)
		expect_identity(s, &v, line);
	else if (strcmp(what, "decided") == 0)
		expect_decided(s, v.decided, line);
	else if (strcmp(what, "outcome") == 0)
		expect_outcome(s, &v, line);
	else if (strcmp(what, "code") == 0)
		expect_text(s, what,
			v.approval && v.approval->user_code ? v.approval->user_code : "none", line);
	else if (strcmp(what, "retry") == 0)
		expect_retry(s, &v, line);
	else if (strcmp(what, "scopes") == 0)
		expect_scopes(s, &v, line);
	else if (strcmp(what, "ends") == 0)
		expect_end(s, &v, line);
	else
		return false;
	return true;
}

/* --- what happens --- */

/* Take the header @name off *@line, with '~' for a blank. Returns false where another word comes
 * first. */
static bool take_header(char **line, const char *name, char *to, size_t size)
{
	if (strncmp(*line, name, strlen(name)) != 0)
		return false;
	(void)snprintf(to, size, "%s", next_word(line) + strlen(name));
	restore_blanks(to);
	return true;
}

/* --- what the provider signs --- */

/* The value that follows @name in @text, up to the next parameter. */
static void keep_nonce(struct story *s, const char *text, const char *name)
{
	const char *at = strstr(text, name);

	if (at)
		(void)snprintf(s->nonce, sizeof(s->nonce), "%.*s",
			(int)strcspn(at + strlen(name), "&"), at + strlen(name));
}

/* The nonce of the request in flight, or of the address shown. */
static void note_nonce(struct story *s)
{
	const struct exchange_request *r = subject_request();
	struct grant_view v;

	if (r && r->body)
		keep_nonce(s, secret_expose(r->body), "&nonce=");
	if (!s->running)
		return;
	subject_view(&v);
	if (v.approval)
		keep_nonce(s, v.approval->verification_uri, "&nonce=");
}

/* Unless the story says otherwise: null for none. */
static void add_claim(
	struct json *claims, const struct json *told, const char *name, struct json *value)
{
	if (json_get(told, name))
		json_free(value);
	else if (json_add(claims, name, value) < 0)
		abort();
}

static struct json *claims_of(struct story *s, const char *text)
{
	uint64_t now_s = world.now.wall_usec / USEC_PER_S;
	_cleanup_(json_freep) struct json *told = NULL;
	struct json *claims = json_new_object();

	if (json_parse(text, strlen(text), &told, NULL) < 0)
		abort();
	for (const struct json *m = json_next(told, NULL); m; m = json_next(told, m))
		if (!json_is(m, JSON_NULL) && json_add(claims, json_key(m), json_copy(m)) < 0)
			abort();
	add_claim(claims, told, "iss", json_new_text("https://idp.example"));
	add_claim(claims, told, "aud", json_new_text("app"));
	add_claim(claims, told, "iat", json_new_u64(now_s));
	add_claim(claims, told, "exp", json_new_u64(now_s + 300));
	add_claim(claims, told, "nonce", json_new_text(s->nonce));
	return claims;
}

/* id-token [forged|unsigned] CLAIMS: {id_token} in replies stands for it from here on. What is
 * usual and not among the claims is added. */
static void make_id_token(struct story *s, char *line)
{
	_cleanup_(secret_freep) struct secret *text = secret_new_text(KEY_PRIVATE);
	_cleanup_(json_freep) struct json *claims = NULL;
	_cleanup_(mem_freep) char *printed = NULL;
	struct jose_key key = {0};
	struct buf signature = BUF(JOSE_SIGNATURE_MAX);
	bool forged = strncmp(line, "forged", 6) == 0, plain = strncmp(line, "unsigned", 8) == 0;
	const char *header = plain ? "{\"alg\":\"none\"}" : "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}";

	if (forged || plain)
		(void)next_word(&line);
	note_nonce(s);
	claims = claims_of(s, line);
	if (jose_key_read(text, NULL, &key, NULL) < 0)
		abort();
	printed = json_print(claims, false);
	buf_done(&s->id_token);
	(void)text_add_base64url(&s->id_token, header, strlen(header));
	(void)buf_add_char(&s->id_token, '.');
	(void)text_add_base64url(&s->id_token, printed, strlen(printed));
	if (jose_sign(&key, JOSE_EDDSA, s->id_token.data, s->id_token.len, &signature) < 0)
		abort();
	if (forged)
		signature.data[0] ^= 1;
	(void)buf_add_char(&s->id_token, '.');
	if (!plain && text_add_base64url(&s->id_token, signature.data, signature.len) < 0)
		abort();
	buf_done(&signature);
	jose_key_done(&key);
}

/* The body of a reply, its holes filled. */
static void add_body(struct story *s, const char *line, struct buf *to)
{
	const struct {
		const char *hole, *text;
	} holes[] = {{"{id_token}", buf_text(&s->id_token)}, {"{keys}", KEYS}};

	while (*line) {
		size_t i = 0;

		while (i < ELEMENTS(holes) && !text_starts(line, holes[i].hole))
			i++;
		if (i < ELEMENTS(holes) ? buf_add_text(to, holes[i].text) < 0
					: buf_add_char(to, *line) < 0)
			abort();
		line += i < ELEMENTS(holes) ? strlen(holes[i].hole) : 1;
	}
}

/* STATUS [Header:value]... BODY, where BODY begins with the first word that holds no colon before
 * any brace. */
static void answer(struct story *s, char *line, bool late)
{
	struct exchange_reply reply = {.outcome = EXCHANGE_REPLIED, .body = BUF(EXCHANGE_BODY_MAX)};
	uint64_t status = 0;

	if ((!late && !subject_request()) || text_parse_u64(next_word(&line), &status) < 0) {
		FAIL(s, "no request is in flight, or no status");
		return;
	}
	reply.status = (int)status;
	(void)snprintf(reply.content_type, sizeof(reply.content_type), "application/json");
	while (take_header(&line, "retry-after:", reply.retry_after, sizeof(reply.retry_after)) ||
		take_header(&line, "cache-control:", reply.cache_control,
			sizeof(reply.cache_control)) ||
		take_header(&line, "content-type:", reply.content_type, sizeof(reply.content_type)))
		continue;
	note_nonce(s);
	add_body(s, line, &reply.body);
	if (late)
		subject_answer_late(&reply);
	else
		subject_answer(&reply);
	exchange_reply_done(&reply);
}

static void fail_exchange(struct story *s, enum exchange_outcome outcome, const char *text)
{
	struct exchange_reply reply = {.outcome = outcome, .body = BUF(EXCHANGE_BODY_MAX)};

	if (!subject_request()) {
		FAIL(s, "no request is in flight");
		return;
	}
	(void)snprintf(reply.error, sizeof(reply.error), "%s", text);
	subject_answer(&reply);
	exchange_reply_done(&reply);
}

static void stop_subject(struct story *s)
{
	if (s->running)
		subject_kill();
	s->running = false;
}

static void reboot(struct story *s)
{
	stop_subject(s);
	world.now.boot_usec = USEC_PER_MIN;
}

static void start_subject(struct story *s)
{
	stop_subject(s);
	s->running = true;
	subject_start(s->config);
}

static bool command(const char *word)
{
	static const char *const names[_GRANT_COMMAND_MAX] = {
		[GRANT_LOGIN] = "login",
		[GRANT_CANCEL] = "cancel",
		[GRANT_REFRESH] = "refresh",
		[GRANT_RENEW] = "renew",
		[GRANT_REVOKE] = "revoke",
		[GRANT_FORGET] = "forget",
		[GRANT_CONFIRM] = "confirm",
		[GRANT_CONFIRM_REPLACE] = "confirm-replace",
		[GRANT_REJECT] = "reject",
	};

	for (unsigned i = 0; i < _GRANT_COMMAND_MAX; i++)
		if (strcmp(word, names[i]) == 0) {
			subject_command((enum grant_command)i);
			return true;
		}
	return false;
}

static void set_clock(struct story *s, const char *by)
{
	uint64_t usec = duration(s, by + 1);

	world.now.wall_usec =
		by[0] == '-' ? world.now.wall_usec - usec : world.now.wall_usec + usec;
	if (s->running)
		subject_clock_set();
}

static void quiet(struct story *s, const char *span)
{
	if (subject_request())
		FAIL(s, "a request is in flight already: %s", subject_request()->url);
	pass(duration(s, span), true);
	if (subject_request())
		FAIL(s, "a request was sent too early: %s", subject_request()->url);
}

/* Time passes with the machine asleep: nothing fires before it is over. */
static void suspend(struct story *s, const char *span)
{
	advance(duration(s, span));
	pass(0, false);
}

static void disk(struct story *s, char *line)
{
	if (strcmp(line, "full") == 0)
		world.disk_full = true;
	else if (strcmp(line, "free") == 0)
		world.disk_full = false;
	else
		expect_disk(s, line);
}

static void die(struct story *s, const char *when)
{
	if (strcmp(when, "before store") == 0)
		world.death = DEATH_BEFORE_STORE;
	else if (strcmp(when, "after store") == 0)
		world.death = DEATH_AFTER_STORE;
	else
		FAIL(s, "die before store, or after store");
}

/* The state that the authorization URL carries, "" where there is none. */
static void find_state(char *ret, size_t size)
{
	struct grant_view v;
	const char *at;

	subject_view(&v);
	at = v.approval ? strstr(v.approval->verification_uri, "&state=") : NULL;
	at = at ? at + strlen("&state=") : "";
	(void)snprintf(ret, size, "%.*s", (int)strcspn(at, "&"), at);
}

/* paste [code-only] KIND TEXT: KIND is none where it is taken, else that of the refusal; {state} in
 * TEXT stands for the state of the URL shown, and ~ for a line break. */
static void paste(struct story *s, char *line)
{
	const char *word = next_word(&line), *kind, *hole;
	bool code_only = strcmp(word, "code-only") == 0;
	char state[128], text[2048];

	kind = code_only ? next_word(&line) : word;
	find_state(state, sizeof(state));
	hole = strstr(line, "{state}");
	if (hole)
		(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - line), line, state,
			hole + strlen("{state}"));
	else
		(void)snprintf(text, sizeof(text), "%s", line);
	for (char *p = text; *p; p++)
		if (*p == '~')
			*p = '\n';
	s->refusal = (struct fault){.kind = FAULT_NONE};
	(void)subject_paste(text, code_only, &s->refusal); /* told by the fault */
	expect_text(s, "the refusal", fault_kind_to_string(s->refusal.kind), kind);
}

/* report KIND TOKEN: a program was told that TOKEN is no good. KIND is none where that is believed,
 * replaced where another one is held already, else that of the refusal. */
static void report(struct story *s, char *line)
{
	const char *kind = next_word(&line), *have;
	struct fault why = {.kind = FAULT_NONE};
	int r;

	r = subject_invalidate(line, &why);
	have = r > 0 ? "replaced" : fault_kind_to_string(why.kind);
	expect_text(s, "the answer", have, kind);
}

/* open TEXT: the authorization URL shown has it; open !TEXT: it has not */
static void expect_open(struct story *s, const char *text)
{
	const bool absent = text[0] == '!';
	struct grant_view v;

	subject_view(&v);
	if (!v.approval || !strstr(v.approval->verification_uri, text + absent) != absent)
		FAIL(s, "the address is %s", v.approval ? v.approval->verification_uri : "none");
}

/* Steps of the world; false where @word is none. */
static bool play_world(struct story *s, const char *word, char *line)
{
	if (strcmp(word, "include") == 0)
		include(s, line);
	else if (strcmp(word, "config") == 0)
		read_config(s);
	else if (strcmp(word, "config-refused") == 0)
		refuse_config(s, line);
	else if (strcmp(word, "start") == 0)
		start_subject(s);
	else if (strcmp(word, "kill") == 0)
		stop_subject(s);
	else if (strcmp(word, "reboot") == 0)
		reboot(s);
	else if (strcmp(word, "reload") == 0)
		subject_reload(s->config);
	else if (strcmp(word, "after") == 0 && s->running)
		pass(duration(s, line), false);
	else if (strcmp(word, "after") == 0)
		advance(duration(s, line));
	else if (strcmp(word, "quiet") == 0)
		quiet(s, line);
	else if (strcmp(word, "suspend") == 0)
		suspend(s, line);
	else if (strcmp(word, "clock") == 0)
		set_clock(s, line);
	else if (strcmp(word, "disk") == 0)
		disk(s, line);
	else if (strcmp(word, "die") == 0)
		die(s, line);
	else
		return false;
	return true;
}

/* What is in flight, and what was shown and handed out; false where @word is none of it. */
static bool expect(struct story *s, const char *word, char *line)
{
	if (strcmp(word, "sent") == 0)
		expect_sent(s, line);
	else if (strcmp(word, "claims") == 0)
		expect_claims(s, line);
	else if (strcmp(word, "requests") == 0)
		expect_requests(s, line);
	else if (strcmp(word, "authorization") == 0)
		expect_authorization(s, line);
	else if (strcmp(word, "idle") == 0) {
		if (subject_request())
			FAIL(s, "in flight is %s", subject_request()->url);
	} else if (strcmp(word, "open") == 0)
		expect_open(s, line);
	else if (strcmp(word, "refusal") == 0) {
		if (!*line || !strstr(s->refusal.detail, line))
			FAIL(s, "the refusal says: %s", s->refusal.detail);
	} else if (strcmp(word, "token") == 0)
		expect_token(s, line);
	else if (strcmp(word, "token-type") == 0)
		expect_token_type(s, line);
	else if (strcmp(word, "extra") == 0)
		expect_extra(s, line);
	else if (strcmp(word, "life") == 0)
		expect_life(s, line);
	else
		return expect_view(s, word, line);
	return true;
}

static void play_line(struct story *s, char *line)
{
	char *word = next_word(&line);

	if (!*word || *word == '#' || play_world(s, word, line) || expect(s, word, line))
		return;
	if (strcmp(word, "reply") == 0)
		answer(s, line, false);
	else if (strcmp(word, "late") == 0)
		answer(s, line, true);
	else if (strcmp(word, "report") == 0)
		report(s, line);
	else if (strcmp(word, "paste") == 0)
		paste(s, line);
	else if (strcmp(word, "id-token") == 0)
		make_id_token(s, line);
	else if (strcmp(word, "lost") == 0)
		fail_exchange(s, EXCHANGE_LOST, line);
	else if (strcmp(word, "not-sent") == 0)
		fail_exchange(s, EXCHANGE_NOT_SENT, line);
	else if (!command(word))
		FAIL(s, "no such step: %s", word);
}

/* No text that a person is shown has a secret in it, ever. */
static void expect_no_secret(struct story *s)
{
	struct grant_view v;

	if (strstr(s->refusal.detail, "SECRET"))
		FAIL(s, "the refusal holds a secret: %s", s->refusal.detail);
	if (!s->running)
		return;
	subject_view(&v);
	if (strstr(v.fault->detail, "SECRET"))
		FAIL(s, "the fault holds a secret: %s", v.fault->detail);
	for (unsigned i = 0; i < _GRANT_END_MAX; i++)
		if (strstr(v.outcomes[i].fault.detail, "SECRET"))
			FAIL(s, "an outcome holds a secret: %s", v.outcomes[i].fault.detail);
}

static void play_lines(struct story *s)
{
	char *line;

	while (!s->failed && (line = next_line(s))) {
		play_line(s, line);
		if (world.dead)
			stop_subject(s);
		world.dead = false;
		expect_no_secret(s);
	}
}

static void reset_world(void)
{
	buf_done(&world.disk);
	buf_done(&world.log);
	world = (struct world){
		/* 2026-11-23T21:30:10Z, on a machine that has been up for a day */
		.now = {.boot_usec = USEC_PER_DAY, .wall_usec = UINT64_C(1795469410) * USEC_PER_S},
		.disk = BUF(RECORD_SIZE_MAX),
		.log = BUF(1024 * 1024),
	};
	random_counter = 0;
}

static char *read_file(const char *path)
{
	char *text = mem_alloc(FILE_SIZE_MAX + 1);
	FILE *f = fopen(path, "re");
	size_t n;

	if (!text || !f)
		abort();
	n = fread(text, 1, FILE_SIZE_MAX, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

/* The first line of a file is its title, as a comment. */
static bool play(unsigned number, const char *path)
{
	struct story s = {.path = path, .text = read_file(path), .id_token = BUF(FILE_SIZE_MAX)};
	char title[256] = "";

	reset_world();
	if (!text_starts(s.text, "# "))
		FAIL(&s, "the first line must be a title: # ...");
	(void)snprintf(title, sizeof(title), "%.*s", (int)strcspn(s.text + 2, "\n"), s.text + 2);
	s.rest = s.text;
	play_lines(&s);
	stop_subject(&s);
	if (strstr(buf_text(&world.log), "SECRET"))
		FAIL(&s, "a secret was logged: %s", buf_text(&world.log));
	buf_done(&s.id_token);
	config_free(s.config);
	config_free(s.config_before);
	mem_free(s.text);
	printf("%s %u - %s\n", s.failed ? "not ok" : "ok", number, title);
	return !s.failed;
}

int main(int argc, char **argv)
{
	bool good = argc > 1;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++)
		good &= play((unsigned)i, argv[i]);
	reset_world();
	return good ? 0 : 1;
}
