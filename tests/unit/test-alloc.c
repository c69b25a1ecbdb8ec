/* SPDX-License-Identifier: BSD-2-Clause */

/* What happens when memory is short: each allocation of a whole operation fails in turn, alone and
 * with all that follow. libcrypto and libyaml have allocators of their own, which are not made to
 * fail here. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "oauth/grant.h"
#include "oauth/metadata.h"
#include "oauth/quirks.h"
#include "oauth/record.h"
#include "oauth/reply.h"
#include "oauth/request.h"
#include "test.h"
#include "wire/wire.h"

/* --- failing --- */

static struct {
	size_t asked;
	size_t live;    /* blocks */
	size_t fail_at; /* counted from 1, 0 for none */
	size_t fail_n;  /* so many, one after the other */
} memory;

static bool fails(size_t size)
{
	(void)size;
	memory.asked++;
	if (memory.fail_at > 0 && memory.asked >= memory.fail_at &&
		memory.asked - memory.fail_at < memory.fail_n)
		return true;
	memory.live++;
	return false;
}

static void witness(const void *p, size_t size)
{
	(void)p;
	(void)size;
	memory.live--;
}

/* What @run gives while @n allocations from the @at-th on fail. It must leave no block behind. */
static int attempt(int (*run)(void), size_t at, size_t n)
{
	int r;

	memset(&memory, 0, sizeof(memory));
	memory.fail_at = at;
	memory.fail_n = n;
	mem_set_failure(fails);
	mem_set_witness(witness);
	r = run();
	mem_set_failure(NULL);
	mem_set_witness(NULL);
	if (memory.live > 0)
		TEST_FAIL("%zu blocks are left where the allocations from %zu on fail", memory.live,
			at);
	return r;
}

/* Let each allocation of @run fail, alone and with the @most that follow: each time it gives @want,
 * and goes well afterwards. */
static void fail_each(int (*run)(void), size_t most, int want)
{
	size_t total;

	CHECK_INT(attempt(run, 0, 0), 0);
	total = memory.asked;
	CHECK(total > 0);
	for (size_t at = 1; at <= total && !test_failed; at++) {
		int alone = attempt(run, at, 1), all = attempt(run, at, most);

		if (alone != want || all != want)
			TEST_FAIL("%d and %d, not %d, where allocation %zu of %zu fails alone and "
				  "with those after it",
				alone, all, want, at, total);
		CHECK_INT(attempt(run, 0, 0), 0);
	}
}

static void is_told(int (*run)(void))
{
	fail_each(run, SIZE_MAX, -ENOMEM);
}

/* --- configuration --- */

static const char full_yaml[] =
	"agent:\n"
	"  ready_when: listening\n"
	"  operators: {users: [root, '0'], groups: [grantd]}\n"
	"  store_key: {credential: grantd.key}\n"
	"  ca_file: /etc/ssl/ca.pem\n"
	"  proxy: https://proxy.example:3128\n"
	"connections:\n"
	"  crm:\n"
	"    provider: generic\n"
	"    issuer: https://idp.example/realm\n"
	"    endpoints: {revocation: 'https://idp.example/revoke'}\n"
	"    flow: device\n"
	"    client_id: app\n"
	"    client_secret: {file: /etc/grantd/crm.secret}\n"
	"    client_auth: client_secret_post\n"
	"    scopes: [api, offline_access]\n"
	"    required_scopes: [api]\n"
	"    required: false\n"
	"    allow: {users: [etl], groups: [sync], units: [leadjob.service]}\n"
	"    refresh: {margin: 5m, keepalive: 20d, assume_lifetime: 1h}\n"
	"    request_parameters: {prompt: consent}\n"
	"    token_parameters: {audience: 'https://api.example'}\n"
	"    ca_file: /etc/ssl/crm.pem\n"
	"  mail:\n"
	"    endpoints: {device_authorization: 'https://m.example/d', token: 'https://m.example/t'}\n"
	"    client_id: other\n"
	"    client_secret: literal\n"
	"  erp:\n"
	"    issuer: https://idp.example\n"
	"    flow: jwt_bearer\n"
	"    client_id: other\n"
	"    client_key: {file: /etc/grantd/erp.pem}\n"
	"    client_key_passphrase: {credential: erp}\n"
	"    client_key_id: k1\n"
	"    client_key_algorithm: PS256\n"
	"    client_auth: private_key_jwt\n"
	"    client_auth_audience: https://idp.example\n"
	"    assertion: {subject: sync, audience: 'https://idp.example', claims: {a: b}}\n"
	"    resource: ['https://api.example', 'urn:x']\n"
	"    audience: api\n"
	"  org: {provider: mine, client_id: app, host: acme, scope_aliases: {id: [api]}}\n";

static const char profile_yaml[] =
	"description: The one and only.\n"
	"flows: [device]\n"
	"needs: [host, tenant]\n"
	"host_suffix: .example\n"
	"host_example: acme.example\n"
	"tenant: common\n"
	"tenant_example: common\n"
	"issuer: https://{host}/{tenant}\n"
	"scopes: [api, forever]\n"
	"offline_scopes: [forever]\n"
	"scope_aliases: {api: [full]}\n"
	"quirks: [poll_late]\n"
	"limits: {approvals_per_user: 5}\n"
	"hints: [{error: e, say: s}, {contains: c, status: 400, kind: denied}]\n"
	"refuse: [{flow: paste, host: login.example, say: no}]\n"
	"sources: [{claim: c, date: 2026-11-23, url: 'https://x.example'}]\n";

static int read_and_show(void)
{
	const struct config_profile mine = {
		"mine", "mine.yaml", profile_yaml, strlen(profile_yaml)};
	struct config_faults faults = {0};
	struct config *config = NULL;
	struct grant_setup copy = {0};
	struct buf shown = BUF(CONFIG_SIZE_MAX);
	int r;

	r = config_parse_with(
		"grantd.yaml", full_yaml, strlen(full_yaml), &mine, 1, &config, &faults);
	CHECK((r == 0) == (config != NULL));
	if (r == 0)
		r = config_show(config, &shown);
	if (r == 0)
		r = grant_setup_copy(&config->connections[2].setup, &copy);
	grant_setup_done(&copy);
	config_free(config);
	config_faults_done(&faults);
	buf_done(&shown);
	return r;
}

static int find_providers(void)
{
	struct names names = {0};
	int r = config_providers(full_yaml, strlen(full_yaml), &names);

	CHECK(r < 0 || names.n == 2);
	names_done(&names);
	return r;
}

static int make_schema(void)
{
	_cleanup_(json_freep) struct json *schema = config_schema();
	_cleanup_(mem_freep) char *text = schema ? json_print(schema, true) : NULL;

	return text ? 0 : -ENOMEM;
}

/* A file with faults in it: which are told, or that memory is short; never is it taken. */
static int read_faulty(void)
{
	static const char yaml[] = "agent: {proxi: x}\n"
				   "connections: {crm: {client_id: [], scopes: 5, issuer: idp},\n"
				   " b: {provider: wrong}, c: {provider: none}}\n";
	static const char profile[] = "flwos: 1\nhints: [{at: x}]\nissuer: http://{host}/\n";
	const struct config_profile wrong = {"wrong", "wrong.yaml", profile, strlen(profile)};
	struct config_faults faults = {0};
	struct config *config = NULL;
	int r;

	r = config_parse_with("grantd.yaml", yaml, strlen(yaml), &wrong, 1, &config, &faults);
	CHECK(!config && r < 0);
	if (r == -EINVAL && faults.n == 0)
		TEST_FAIL("refused without a fault");
	config_faults_done(&faults);
	return r == -EINVAL || r == -ENOMEM ? 0 : r;
}

static void configuration_is_read_and_shown_whole_or_not_at_all(void)
{
	is_told(read_and_show);
	is_told(find_providers);
}

static void a_schema_is_made_whole_or_not_at_all(void)
{
	is_told(make_schema);
}

static void a_faulty_configuration_is_refused_however_short_memory_is(void)
{
	fail_each(read_faulty, SIZE_MAX, 0);
}

/* --- replies of the provider --- */

static const struct now start = {
	.boot_usec = USEC_PER_DAY, .wall_usec = UINT64_C(1795469410) * USEC_PER_S};

/* A reply on borrowed bytes: making it takes no memory, and it needs no end. */
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

static char metadata_body[] =
	"{\"issuer\":\"https://idp.example\",\"token_endpoint\":\"https://idp.example/token\","
	"\"device_authorization_endpoint\":\"https://idp.example/device\","
	"\"revocation_endpoint\":\"https://idp.example/revoke\","
	"\"userinfo_endpoint\":\"https://idp.example/userinfo\",\"scopes_supported\":[\"api\"]}";
static char device_body[] =
	"{\"device_code\":\"dc\",\"user_code\":\"WDJB-MJHT\",\"verification_uri\":\"https://idp.example/"
	"d\",\"verification_uri_complete\":\"https://idp.example/d?c=1\",\"expires_in\":900,"
	"\"interval\":\"5\"}";
static char introspection_body[] = "{\"active\":true,\"exp\":1795473010}";
static char userinfo_body[] =
	"{\"sub\":\"1\",\"username\":\"alice\",\"email\":\"a@x\",\"email_verified\":true}";
static char token_body[] =
	"{\"access_token\":\"at\",\"refresh_token\":\"rt\",\"token_type\":\"bearer\",\"expires_in\":"
	"\"3600\",\"id_token\":\"e30.e30.\",\"scope\":[\"api\",\"id email\"],\"instance_url\":\"https://i.example\",\"more\":{\"a\":"
	"[1,2,{\"b\":null}]}}";
static char error_body[] =
	"{\"error\":{\"type\":\"x\"},\"message\":\"not now\",\"error_uri\":\"https://e.example\"}";

static int read_metadata(void)
{
	struct exchange_reply reply = reply_of(200, metadata_body);
	struct metadata found = {0}, all = {0}, copy = {0};
	struct fault why = {.kind = FAULT_NONE};
	uint64_t lifetime = 0;
	int r;

	r = metadata_parse("https://idp.example", &reply, &found, &lifetime, &why);
	CHECK((r == 0) == (found.token != NULL));
	if (r == 0)
		r = metadata_merge(&all, &found);
	if (r == 0)
		r = metadata_copy(&all, &copy);
	metadata_done(&found);
	metadata_done(&all);
	metadata_done(&copy);
	return r;
}

/* With all that changes how a reply is read. */
static const struct client quirky_client = {
	.quirks = QUIRK_SCOPE_COMMAS_REPLY | QUIRK_TOKEN_UNDER_AUTHED_USER,
};

static int read_token(void)
{
	struct exchange_reply reply = reply_of(200, token_body);
	struct token token = {0}, copy = {0};
	struct verdict verdict = {.kind = REPLY_OK};
	int r;

	r = reply_token(&reply, &quirky_client, start, &token, &verdict);
	CHECK((r == 0) == (token.access_token != NULL));
	if (r == 0)
		r = token_copy(&token, &copy);
	token_done(&token);
	token_done(&copy);
	return r;
}

static char signed_body[] = "{\"access_token\":\"at\",\"id\":\"i\",\"issued_at\":\"1\","
			    "\"signature\":\"x\"}";

/* Signed by another: refused for that, or for want of memory. */
static int read_signed(void)
{
	struct exchange_reply reply = reply_of(200, signed_body);
	struct client client = {
		.secret = secret_new_text("hunter2"), .quirks = QUIRK_TOKEN_REPLY_SIGNATURE};
	struct token token = {0};
	struct verdict verdict = {.kind = REPLY_OK};
	int r;

	if (!client.secret)
		return -ENOMEM;
	r = reply_token(&reply, &client, start, &token, &verdict);
	CHECK(r < 0 || verdict.kind == REPLY_BROKEN);
	CHECK(!token.access_token);
	secret_free(client.secret);
	return r;
}

static int read_device(void)
{
	struct exchange_reply reply = reply_of(200, device_body);
	struct device_authorization device = {0};
	struct verdict verdict = {.kind = REPLY_OK};
	int r;

	r = reply_device_authorization(&reply, start, &device, &verdict);
	CHECK((r == 0) == (device.device_code != NULL));
	device_authorization_done(&device);
	return r;
}

static int read_error(void)
{
	struct exchange_reply reply = reply_of(400, error_body);
	struct token token = {0};
	struct verdict verdict = {.kind = REPLY_OK};
	int r;

	r = reply_token(&reply, &quirky_client, start, &token, &verdict);
	if (r == 0)
		r = reply_revocation(&reply, start, &verdict);
	CHECK(r < 0 || verdict.kind == REPLY_BROKEN);
	return r;
}

static void metadata_is_read_whole_or_not_at_all(void)
{
	is_told(read_metadata);
}

static void a_token_reply_is_read_whole_or_not_at_all(void)
{
	is_told(read_token);
	is_told(read_signed);
}

static void a_device_authorization_is_read_whole_or_not_at_all(void)
{
	is_told(read_device);
}

static void an_error_reply_is_read_or_the_want_of_memory_told(void)
{
	is_told(read_error);
}

/* --- requests --- */

static int build_requests(void)
{
	struct client client = {.id = mem_strdup("app"),
		.secret = secret_new_text("s&cret"),
		.auth = CLIENT_AUTH_BASIC,
		.quirks = QUIRK_DEVICE_SCOPES | QUIRK_SCOPE_COMMAS};
	struct names scopes = {0};
	struct params none = {0};
	struct secret *verifier = NULL;
	struct exchange_request request = {0};
	uint8_t random[32] = {1};
	int r = client.id && client.secret ? 0 : -ENOMEM;

	if (r == 0)
		r = names_split("api offline_access", &scopes);
	if (r == 0)
		r = pkce_verifier(random, &verifier);
	if (r == 0)
		r = request_device_authorization("https://idp.example/d", &client, &scopes,
			verifier, verifier, &none, &request);
	exchange_request_done(&request);
	if (r == 0)
		r = request_identity("https://idp.example/u", verifier, &request);
	exchange_request_done(&request);
	if (r == 0)
		r = request_device_token("https://idp.example/t", &client, verifier, &scopes,
			verifier, &none, &request);
	exchange_request_done(&request);
	if (r == 0)
		r = request_revocation(
			"https://idp.example/r", &client, verifier, "refresh_token", &request);
	exchange_request_done(&request);
	if (r == 0)
		r = request_introspection("https://idp.example/i", &client, verifier, &request);
	exchange_request_done(&request);
	client_done(&client);
	names_done(&scopes);
	secret_free(verifier);
	return r;
}

static void requests_are_built_whole_or_not_at_all(void)
{
	is_told(build_requests);
}

/* --- records --- */

static struct secret *record_key; /* made before memory gets short */

static struct record_seal record_seal(void)
{
	if (!record_key)
		record_key = secret_new("0123456789abcdef0123456789abcdef", RECORD_KEY_SIZE);
	return (struct record_seal){
		.key = record_key, .machine = "a machine of its", .name = "crm"};
}

static int fill_record(struct record *r)
{
	struct exchange_reply token = reply_of(200, token_body),
			      device = reply_of(200, device_body);
	struct verdict v = {.kind = REPLY_OK};
	int e;

	e = reply_token(&token, &quirky_client, start, &r->grant.token, &v);
	if (e == 0)
		e = reply_device_authorization(&device, start, &r->approval.device, &v);
	if (e < 0)
		return e;
	r->grant.present = r->approval.present = true;
	r->grant.binding = record_binding(
		"https://idp.example", "app", &r->grant.token.scopes, &r->grant.token.scopes);
	r->approval.binding = mem_strdup("binding");
	r->approval.verifier = secret_new_text("verifier");
	r->identity.issuer = mem_strdup("https://idp.example");
	r->identity.subject = mem_strdup("1");
	r->identity.claims = json_new_object();
	r->candidate.nonce = secret_new_text("nonce");
	if (!r->identity.issuer || !r->identity.subject || !r->identity.claims ||
		!r->candidate.nonce || token_copy(&r->grant.token, &r->candidate.grant.token) < 0)
		return -ENOMEM;
	r->candidate.grant.present = true;
	fault_set(&r->fault, FAULT_EXPIRED_CODE, "expired");
	return r->grant.binding && r->approval.binding && r->approval.verifier ? 0 : -ENOMEM;
}

static int write_and_read_record(void)
{
	struct record_seal seal = record_seal();
	struct record record = {0}, again = {0};
	struct buf sealed = BUF(RECORD_SIZE_MAX);
	struct fault why = {.kind = FAULT_NONE};
	uint8_t salt[RECORD_SALT_SIZE] = {7};
	int r;

	r = fill_record(&record);
	if (r == 0)
		r = record_encode(&record, &seal, salt, &sealed);
	if (r == 0)
		r = record_decode(sealed.data, sealed.len, &seal, &again, &why);
	CHECK((r == 0) == again.grant.present);
	record_done(&record);
	record_done(&again);
	buf_done(&sealed);
	return r;
}

static void a_record_is_written_and_read_whole_or_not_at_all(void)
{
	(void)record_seal();
	is_told(write_and_read_record);
	record_key = secret_free(record_key);
}

/* --- messages --- */

static const char get_token_call[] =
	"{\"method\":\"org.grantd.Control.GetToken\",\"parameters\":{\"name\":\"crm\",\"min_valid_s\":60}}";
static const char get_call[] =
	"{\"method\":\"org.grantd.Status.Get\",\"parameters\":{\"names\":[\"crm\",\"mail\"]}}";
static const char info_call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
static const char describe_call[] =
	"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":"
	"\"org.grantd.Control\"}}";

static int read_call(void)
{
	struct wire_call call = {0};
	struct wire_named named = {0};
	struct names names = {0};
	enum wire_error error = WIRE_OK;
	struct fault why = {.kind = FAULT_NONE};
	const char *bad = NULL;
	int r;

	r = wire_parse_call(get_token_call, strlen(get_token_call), &call, &error, &why);
	if (r == 0)
		r = wire_read_named(call.method, call.parameters, &named, &bad);
	wire_call_done(&call);
	if (r == 0)
		r = wire_parse_call(get_call, strlen(get_call), &call, &error, &why);
	if (r == 0)
		r = wire_read_names(call.method, call.parameters, &names, &bad);
	wire_call_done(&call);
	names_done(&names);
	return r;
}

static int answer_service(const char *text)
{
	struct wire_call call = {0};
	enum wire_error error = WIRE_OK;
	struct fault why = {.kind = FAULT_NONE};
	struct buf out = BUF(WIRE_REPLY_MAX);
	int r;

	r = wire_parse_call(text, strlen(text), &call, &error, &why);
	if (r == 0)
		r = wire_answer_service(&call, true, "1", &out);
	wire_call_done(&call);
	buf_done(&out);
	return r;
}

static int answer_services(void)
{
	int r;

	r = answer_service(info_call);
	return r < 0 ? r : answer_service(describe_call);
}

static int build_token_reply(struct buf *out)
{
	struct exchange_reply reply = reply_of(200, token_body);
	_cleanup_(json_freep) struct json *parameters = NULL;
	_cleanup_(token_done) struct token token = {0};
	struct verdict verdict = {.kind = REPLY_OK};
	struct wire_token w = {.token_type = "Bearer", .expires_at = "2026-11-23T21:30:10Z"};
	int r;

	r = reply_token(&reply, &quirky_client, start, &token, &verdict);
	if (r < 0)
		return r;
	w.access_token = secret_expose(token.access_token);
	w.scopes = &token.scopes;
	w.extra = token.extra;
	parameters = wire_token_reply(&w);
	return parameters ? wire_build_reply(parameters, false, out) : -ENOMEM;
}

static int exchange_replies(void)
{
	_cleanup_(json_freep) struct json *parameters = NULL;
	struct buf out = BUF(WIRE_REPLY_MAX);
	struct wire_reply reply = {0};
	int r;

	r = build_token_reply(&out);
	if (r == 0)
		r = wire_parse_reply(out.data, out.len - 1, &reply);
	wire_reply_done(&reply);
	buf_done(&out);
	if (r < 0)
		return r;
	parameters = wire_not_usable(FAULT_REVOKED, "why", NULL);
	if (!parameters)
		return -ENOMEM;
	r = wire_build_error(WIRE_NOT_USABLE, parameters, &out);
	if (r == 0)
		r = wire_build_error_text(WIRE_NO_SUCH_CONNECTION, "crm", &out);
	buf_done(&out);
	return r;
}

static void a_call_is_read_whole_or_not_at_all(void)
{
	is_told(read_call);
}

static void the_service_interface_is_answered_whole_or_not_at_all(void)
{
	is_told(answer_services);
}

static void replies_are_built_and_read_whole_or_not_at_all(void)
{
	is_told(exchange_replies);
}

/* --- the story of a grant --- */

/* Steps until a goal: deadlines, stores and requests; a story takes far fewer. */
#define STEPS_MAX 400
/* So many allocations in a row fail at most: then there is memory again, and the story goes on. */
#define DROUGHT 25

/* Two setups of one grant, and one whose approver is looked at; made before memory gets short. */
static struct config *story_config;

/* The grant, its disk, and a provider that gives each refresh token for one use: the newest is
 * "rtN", and comes with "atN". */
static struct {
	struct grant *grant;
	struct now now;
	uint32_t serial;
	char disk[RECORD_SIZE_MAX];
	size_t disk_len;
	unsigned newest; /* of the provider */
	unsigned stored; /* of the record on disk, 0 for none */
	bool code_open;
	bool lost; /* a reply with tokens could not be read */
	bool unrefreshable;
	bool untold; /* how long a token lives */
	size_t setup;
} play;

/* N of "atN" or "rtN", 0 for no token. */
static unsigned number_of(const struct secret *token)
{
	uint64_t n = 0;

	if (token)
		CHECK(text_parse_u64(secret_expose(token) + 2, &n) == 0);
	return (unsigned)n;
}

static unsigned readable(void)
{
	uint64_t remaining = 0;
	const struct token *t = grant_token(play.grant, play.now, &remaining);

	return t ? number_of(t->access_token) : 0;
}

static struct grant_view view(void)
{
	struct grant_view v;

	grant_view(play.grant, play.now, &v);
	return v;
}

static void store(void)
{
	const struct record *record = grant_record(play.grant);
	struct record_seal seal = record_seal();
	struct buf sealed = BUF(RECORD_SIZE_MAX);
	struct fault why = {.kind = FAULT_STORAGE, .detail = "out of memory"};
	uint8_t salt[RECORD_SALT_SIZE] = {9};
	int r;

	r = record_encode(record, &seal, salt, &sealed);
	if (r == 0) {
		memcpy(play.disk, sealed.data, sealed.len);
		play.disk_len = sealed.len;
		play.stored = number_of(record->grant.token.access_token);
	}
	buf_done(&sealed);
	grant_stored(play.grant, play.serial, r, &why, play.now);
}

/* The provider hands out a token. It reaches the record, or the fault says that it did not. */
static void give_token(void)
{
	const char *expires = play.untold ? "" : ",\"expires_in\":3600";
	char body[128], refresh[48] = "";
	struct exchange_reply reply;

	play.newest++;
	if (!play.unrefreshable)
		(void)snprintf(
			refresh, sizeof(refresh), ",\"refresh_token\":\"rt%u\"", play.newest);
	(void)snprintf(body, sizeof(body), "{\"access_token\":\"at%u\"%s%s}", play.newest, refresh,
		expires);
	reply = reply_of(200, body);
	grant_reply(play.grant, play.serial, &reply, play.now);
	if (number_of(grant_record(play.grant)->grant.token.access_token) == play.newest ||
		number_of(grant_record(play.grant)->candidate.grant.token.access_token) ==
			play.newest)
		return;
	CHECK_INT(view().fault->kind, FAULT_INTERNAL);
	play.lost = true;
}

/* The provider does not know the code or refresh token any more: a lost reply has used it, and that
 * is said. */
static void refuse(void)
{
	char body[] = "{\"error\":\"invalid_grant\"}";
	struct exchange_reply reply = reply_of(400, body);

	CHECK(play.lost);
	grant_reply(play.grant, play.serial, &reply, play.now);
	if (!strstr(view().fault->detail, "may have been used by a lost reply"))
		TEST_FAIL("the end of the grant says: %s", view().fault->detail);
}

static void answer_token_request(const char *body)
{
	char newest[48];
	bool good = play.code_open;

	if (strstr(body, "grant_type=refresh_token")) {
		(void)snprintf(newest, sizeof(newest), "&refresh_token=rt%u&", play.newest);
		good = strstr(body, newest) != NULL;
	}
	play.code_open = false;
	if (good)
		give_token();
	else
		refuse();
}

static void answer(const struct exchange_request *request)
{
	struct exchange_reply reply;

	if (strstr(request->url, "/token")) {
		answer_token_request(secret_expose(request->body));
		return;
	}
	if (strstr(request->url, "/userinfo") || strstr(request->url, "/introspect")) {
		reply = reply_of(200, play.untold ? introspection_body : userinfo_body);
		grant_reply(play.grant, play.serial, &reply, play.now);
		return;
	}
	play.code_open |= strstr(request->url, "/device") != NULL;
	reply = reply_of(200, strstr(request->url, "/device") ? device_body : metadata_body);
	grant_reply(play.grant, play.serial, &reply, play.now);
}

static void send_request(void)
{
	struct exchange_reply reply = {.outcome = EXCHANGE_NOT_SENT, .error = "out of memory"};
	struct exchange_request request = {0};
	int r;

	r = grant_request(play.grant, &request);
	if (r == 0)
		answer(&request);
	else
		grant_reply(play.grant, play.serial, &reply, play.now);
	exchange_request_done(&request);
	CHECK(r == 0 || r == -ENOMEM);
}

static void pass_time(uint64_t until)
{
	CHECK(until > play.now.boot_usec);
	play.now.wall_usec += until - play.now.boot_usec;
	play.now.boot_usec = until;
	grant_tick(play.grant, play.now);
}

/* Do what is wanted next, or let time pass. False where nothing will ever happen by itself. */
static bool take_step(void)
{
	struct grant_want want = grant_want(play.grant);
	bool fresh = want.serial != play.serial;
	struct grant_view v;

	play.serial = want.serial;
	if (fresh && want.act == GRANT_STORE)
		store();
	else if (fresh && want.act == GRANT_SEND)
		send_request();
	else if (want.deadline != USEC_NEVER)
		pass_time(want.deadline);
	else
		return false;
	v = view();
	CHECK(v.fault->kind == FAULT_NONE || v.fault->detail[0]);
	CHECK(readable() == 0 || readable() == play.stored);
	return true;
}

/* Go on until the provider's newest token can be read and is @least or later; an operator logs in
 * where one is needed. */
static void go_on(unsigned least)
{
	for (unsigned i = 0; i < STEPS_MAX && !test_failed; i++) {
		if (readable() >= least && readable() == play.newest)
			return;
		if (take_step())
			continue;
		if (view().state != GRANT_NEEDS_APPROVAL)
			break;
		grant_command(play.grant, GRANT_LOGIN, play.now);
	}
	if (!test_failed)
		TEST_FAIL("nothing more happens in state %s, fault %s: %s",
			grant_state_to_string(view().state),
			fault_kind_to_string(view().fault->kind), view().fault->detail);
}

static int read_disk(struct record *ret)
{
	struct record_seal seal = record_seal();
	struct fault why = {.kind = FAULT_NONE};

	if (play.disk_len == 0)
		return 0;
	return record_decode(play.disk, play.disk_len, &seal, ret, &why);
}

/* Start from the disk, again and again until there is memory. */
static void start_grant(void)
{
	const uint8_t seed[32] = {3};
	struct record record = {0};
	bool present;
	int r;

	play.grant = grant_free(play.grant);
	play.serial = 0;
	while ((r = read_disk(&record)) == -ENOMEM)
		continue;
	CHECK_INT(r, 0);
	present = record.grant.present;
	while ((r = grant_new(&story_config->connections[play.setup].setup, &record, seed, play.now,
			&play.grant)) == -ENOMEM)
		CHECK(record.grant.present == present);
	CHECK_INT(r, 0);
	record_done(&record);
}

static void reconfigure(void)
{
	int r;

	do
		r = grant_reconfigure(play.grant, &story_config->connections[1].setup, play.now);
	while (r == -ENOMEM);
	CHECK_INT(r, 0);
}

static void begin_play(bool unrefreshable)
{
	memset(&play, 0, sizeof(play));
	play.now = start;
	play.unrefreshable = unrefreshable;
	start_grant();
}

static int end_play(void)
{
	CHECK_INT(play.stored, play.newest);
	play.grant = grant_free(play.grant);
	return 0;
}

/* Approved, refreshed with rotation, reconfigured, restarted, refreshed. */
static int play_rotating(void)
{
	begin_play(false);
	go_on(1);
	grant_command(play.grant, GRANT_REFRESH, play.now);
	go_on(2);
	reconfigure();
	go_on(2);
	start_grant();
	go_on(2);
	grant_command(play.grant, GRANT_REFRESH, play.now);
	go_on(3);
	return end_play();
}

/* Approved without a refresh token, restarted: the token lives for an hour, nothing may end it. */
static int play_unrefreshable(void)
{
	unsigned approved;

	begin_play(true);
	go_on(1);
	approved = play.newest;
	start_grant();
	go_on(1);
	if (play.newest != approved)
		TEST_FAIL("the grant was given up for want of memory");
	return end_play();
}

/* Approved, restarted before it is confirmed, confirmed, refreshed. */
static int play_identified(void)
{
	begin_play(false);
	play.setup = 2;
	start_grant();
	for (unsigned i = 0; i < STEPS_MAX && view().state != GRANT_CONFIRMING; i++)
		if (!take_step())
			grant_command(play.grant, GRANT_LOGIN, play.now);
	CHECK_INT(readable(), 0);
	start_grant();
	go_on(1);
	CHECK_TEXT(view().identity ? view().identity->subject : NULL, "1");
	grant_command(play.grant, GRANT_REFRESH, play.now);
	go_on(2);
	start_grant();
	CHECK_TEXT(view().identity ? view().identity->subject : NULL, "1");
	return end_play();
}

/* Approved; asked how long the token lives; reported as refused, refreshed, asked again. */
static int play_reported(void)
{
	struct fault why = {.kind = FAULT_NONE};
	uint64_t retry = 0;
	unsigned first;
	char text[16];
	int r;

	begin_play(false);
	play.setup = 3;
	play.untold = true;
	start_grant();
	go_on(1);
	for (unsigned i = 0; i < STEPS_MAX && grant_want(play.grant).act != GRANT_IDLE; i++)
		(void)take_step();
	first = play.newest;
	(void)snprintf(text, sizeof(text), "at%u", first);
	while ((r = grant_invalidate(play.grant, text, strlen(text), play.now, &why, &retry)) < 0 &&
		!test_failed) {
		CHECK(why.kind == FAULT_INTERNAL || why.kind == FAULT_STORAGE);
		if (why.kind == FAULT_STORAGE) /* it is written again first */
			(void)take_step();
	}
	CHECK_INT(r, 0);
	CHECK_INT(readable(), 0);
	go_on(first + 1);
	return end_play();
}

static void play_story(int (*run)(void))
{
	static const char yaml[] =
		"connections:\n"
		"  crm: {issuer: 'https://idp.example', client_id: app, scopes: [api],\n"
		"    audience: a, resource: ['https://api.example']}\n"
		"  again: {issuer: 'https://idp.example', client_id: app, scopes: [api],\n"
		"    refresh: {margin: 1m}, token_parameters: {audience: x}, audience: a,\n"
		"    resource: ['https://api.example'],\n"
		"    hints: [{error: e, say: s}], scope_aliases: {api: [full]}}\n"
		"  known: {issuer: 'https://idp.example', client_id: app, scopes: [openid, api],\n"
		"    expect: {username: alice, email: A@x}}\n"
		"  untold: {issuer: 'https://idp.example', client_id: app, scopes: [api],\n"
		"    endpoints: {introspection: 'https://idp.example/introspect'}}\n";
	struct config_faults faults = {0};

	(void)record_seal();
	REQUIRE(config_parse("story", yaml, strlen(yaml), &story_config, &faults) == 0);
	fail_each(run, DROUGHT, 0);
	grant_free(steal(play.grant)); /* where a check failed */
	story_config = config_free(story_config);
	record_key = secret_free(record_key);
}

static void a_rotating_grant_lives_on_or_says_that_a_reply_was_lost(void)
{
	play_story(play_rotating);
}

static void a_grant_without_refresh_token_is_not_given_up(void)
{
	play_story(play_unrefreshable);
}

static void an_approval_is_confirmed_when_there_is_memory_again(void)
{
	play_story(play_identified);
}

static void a_reported_token_is_replaced_when_there_is_memory_again(void)
{
	play_story(play_reported);
}

static const struct test tests[] = {
	{"a configuration is read and shown whole, or the want of memory told",
		configuration_is_read_and_shown_whole_or_not_at_all},
	{"the schema is made whole, or the want of memory told",
		a_schema_is_made_whole_or_not_at_all},
	{"a faulty configuration is refused however short memory is",
		a_faulty_configuration_is_refused_however_short_memory_is},
	{"metadata are read whole, or the want of memory told",
		metadata_is_read_whole_or_not_at_all},
	{"a token reply is read whole, or the want of memory told",
		a_token_reply_is_read_whole_or_not_at_all},
	{"a device authorization is read whole, or the want of memory told",
		a_device_authorization_is_read_whole_or_not_at_all},
	{"an error reply is read, or the want of memory told",
		an_error_reply_is_read_or_the_want_of_memory_told},
	{"requests are built whole, or the want of memory told",
		requests_are_built_whole_or_not_at_all},
	{"a record is written and read whole, or the want of memory told",
		a_record_is_written_and_read_whole_or_not_at_all},
	{"a call is read whole, or the want of memory told", a_call_is_read_whole_or_not_at_all},
	{"the service interface is answered whole, or the want of memory told",
		the_service_interface_is_answered_whole_or_not_at_all},
	{"replies are built and read whole, or the want of memory told",
		replies_are_built_and_read_whole_or_not_at_all},
	{"short memory costs no token of a rotating grant, or it says that a reply was lost",
		a_rotating_grant_lives_on_or_says_that_a_reply_was_lost},
	{"short memory never gives up a grant without refresh token",
		a_grant_without_refresh_token_is_not_given_up},
	{"short memory delays the confirmation of an approval, and loses nothing of it",
		an_approval_is_confirmed_when_there_is_memory_again},
	{"a token that is reported is replaced, as soon as there is memory",
		a_reported_token_is_replaced_when_there_is_memory_again},
};

TEST_MAIN(tests)
