/* SPDX-License-Identifier: BSD-2-Clause */

/* Scenarios on the bare grant: the smallest shell that makes true what it wants. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "subject.h"

static struct grant *grant;
static struct exchange_request request;
static bool in_flight;
static uint32_t serial;
static struct secret *key;

static struct record_seal seal_of(const char *name)
{
	struct record_seal seal = {.name = name};

	if (!key)
		key = secret_new("0123456789abcdef0123456789abcdef", RECORD_KEY_SIZE);
	seal.key = key;
	memcpy(seal.machine, "a machine of its", sizeof(seal.machine));
	return seal;
}

static char name_text[64];

static int store(struct fault *reterr)
{
	struct record_seal seal = seal_of(name_text);
	uint8_t salt[RECORD_SALT_SIZE];
	struct buf sealed = BUF(RECORD_SIZE_MAX);
	int r;

	world_random(salt, sizeof(salt));
	r = record_encode(grant_record(grant), &seal, salt, &sealed);
	if (r == 0)
		r = world_store(sealed.data, sealed.len, reterr);
	buf_done(&sealed);
	return r;
}

static void drop_request(void)
{
	exchange_request_done(&request);
	in_flight = false;
}

static void converge(void)
{
	struct fault why = {.kind = FAULT_NONE};

	for (;;) {
		struct grant_want want = grant_want(grant);

		if (want.serial == serial)
			return;
		drop_request();
		serial = want.serial;
		if (want.act == GRANT_STORE) {
			int r = store(&why);

			grant_stored(grant, serial, r, &why, world.now);
		} else if (want.act == GRANT_SEND) {
			if (grant_request(grant, &request) < 0)
				abort();
			in_flight = true;
			world.requests++;
		}
	}
}

void subject_start(const struct config *config)
{
	const struct grant_setup *setup = &config->connections[0].setup;
	struct record record = {0};
	struct fault why = {.kind = FAULT_NONE};
	uint8_t seed[32];

	(void)snprintf(name_text, sizeof(name_text), "%s", setup->name);
	if (world.disk_holds) {
		struct record_seal seal = seal_of(name_text);

		if (record_decode(world.disk.data, world.disk.len, &seal, &record, &why) < 0)
			abort();
	}
	world_random(seed, sizeof(seed));
	serial = 0;
	if (grant_new(setup, &record, seed, world.now, &grant) < 0)
		abort();
	converge();
}

void subject_reload(const struct config *config)
{
	if (grant_reconfigure(grant, &config->connections[0].setup, world.now) < 0)
		abort();
	converge();
}

void subject_kill(void)
{
	drop_request();
	grant = grant_free(grant);
	key = secret_free(key);
}

void subject_command(enum grant_command command)
{
	grant_command(grant, command, world.now);
	converge();
}

int subject_paste(const char *text, bool code_only, struct fault *reterr)
{
	int r;

	r = grant_paste(grant, text, strlen(text), code_only, world.now, reterr);
	converge();
	return r;
}

int subject_invalidate(const char *token, struct fault *reterr)
{
	uint64_t retry = 0;
	int r;

	r = grant_invalidate(grant, token, strlen(token), world.now, reterr, &retry);
	converge();
	return r;
}

const struct exchange_request *subject_request(void)
{
	return in_flight ? &request : NULL;
}

void subject_answer(const struct exchange_reply *reply)
{
	drop_request();
	grant_reply(grant, serial, reply, world.now);
	converge();
}

void subject_answer_late(const struct exchange_reply *reply)
{
	grant_reply(grant, serial - 1, reply, world.now);
	converge();
}

uint64_t subject_deadline(void)
{
	return grant_want(grant).deadline;
}

void subject_fire(void)
{
	grant_tick(grant, world.now);
	converge();
}

void subject_clock_set(void)
{
	subject_fire();
}

void subject_view(struct grant_view *ret)
{
	grant_view(grant, world.now, ret);
}

const struct token *subject_token(uint64_t *ret_remaining_usec)
{
	return grant_token(grant, world.now, ret_remaining_usec);
}
