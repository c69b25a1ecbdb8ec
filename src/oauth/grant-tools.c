/* SPDX-License-Identifier: BSD-2-Clause */

/* What all parts of a grant use: randomness, back-off, faults, due times. */

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "oauth/grant-state.h"

/* Randomness: SHA-256 of the seed and a counter. Returns 0 or -ENOMEM. */
int grant_draw(struct grant *g, uint8_t ret[32])
{
	uint8_t input[sizeof(g->seed) + sizeof(g->draws)];
	int ok;

	g->draws++;
	memcpy(input, g->seed, sizeof(g->seed));
	memcpy(input + sizeof(g->seed), &g->draws, sizeof(g->draws));
	ok = EVP_Digest(input, sizeof(input), ret, NULL, EVP_sha256(), NULL);
	mem_wipe(input, sizeof(input));
	return ok == 1 ? 0 : -ENOMEM;
}

uint64_t grant_jitter(struct grant *g, uint64_t span)
{
	uint8_t bytes[32];
	uint64_t x;

	if (span == 0 || grant_draw(g, bytes) < 0)
		return 0;
	memcpy(&x, bytes, sizeof(x));
	return x % span;
}

uint64_t grant_backoff(struct grant *g, unsigned attempts, uint64_t first, uint64_t max)
{
	uint64_t delay = first;

	while (attempts-- > 0 && delay < max)
		delay *= 2;
	if (delay > max)
		delay = max;
	return delay + grant_jitter(g, delay / 5);
}

void grant_wish(struct grant *g, enum grant_act act, enum task task)
{
	g->act = act;
	g->task = task;
	g->serial++;
}

void grant_clear_fault(struct grant *g)
{
	g->fault = (struct fault){.kind = FAULT_NONE};
	g->fault_attempts = 0;
}

void grant_set_fault(struct grant *g, const struct fault *f, struct now now)
{
	if (g->fault.kind != f->kind) {
		g->fault_since_wall = now.wall_usec;
		g->fault_attempts = 0;
	}
	g->fault = *f;
	g->fault_attempts++;
}

void grant_conclude(struct grant *g, enum grant_end end, const struct fault *f)
{
	unsigned last = end == GRANT_END_APPROVAL ? GRANT_END_PASTE : end;

	for (unsigned i = end; i <= last; i++) { /* what was pasted ends with its approval */
		g->outcomes[i].fault = f ? *f : (struct fault){.kind = FAULT_NONE};
		g->outcomes[i].count++;
	}
}

void grant_conclude_all(struct grant *g, const struct fault *f)
{
	for (unsigned i = 0; i < _GRANT_END_MAX; i++)
		grant_conclude(g, (enum grant_end)i, f);
}

void grant_record_fault(struct grant *g, const struct fault *f, struct now now)
{
	grant_set_fault(g, f, now);
	g->record.fault = *f;
	g->record.fault_since_usec = g->fault_since_wall;
	g->dirty = true;
}

void grant_obey_retry_after(struct grant *g, uint64_t retry_after, struct now now)
{
	if (retry_after == 0)
		return;
	g->not_before_boot = usec_add(now.boot_usec, retry_after);
	g->record.not_before_usec = usec_add(now.wall_usec, retry_after);
	g->dirty = true;
}

bool grant_due(struct grant *g, uint64_t boot_usec, struct now now)
{
	if (boot_usec != USEC_NEVER && boot_usec < g->not_before_boot)
		boot_usec = g->not_before_boot;
	if (boot_usec <= now.boot_usec)
		return true;
	if (boot_usec < g->deadline)
		g->deadline = boot_usec;
	return false;
}

static int add_parameters(const struct names *resources, const char *audience,
	const struct params *more, struct params *ret)
{
	int r = 0;

	for (size_t i = 0; i < resources->n && r == 0; i++)
		r = params_add(ret, "resource", resources->items[i]);
	if (r == 0 && audience)
		r = params_add(ret, "audience", audience);
	for (size_t i = 0; i < more->n && r == 0; i++)
		r = params_add(ret, more->items[i].name, more->items[i].value);
	return r;
}

int grant_parameters(const struct names *resources, const char *audience, const struct params *more,
	struct params *ret)
{
	const int r = add_parameters(resources, audience, more, ret);

	if (r < 0)
		params_done(ret);
	return r;
}

bool grant_signs(const struct grant *g)
{
	return g->setup.client.auth == CLIENT_AUTH_KEY || g->setup.flow == GRANT_FLOW_JWT_BEARER;
}

void grant_fail_internal(struct grant *g, struct now now)
{
	struct fault f;

	fault_set(&f, FAULT_INTERNAL, "out of memory");
	grant_set_fault(g, &f, now);
}
