/* SPDX-License-Identifier: BSD-2-Clause */

/* Where the provider is reached: RFC 8414, asked for when it is needed. */

#include <errno.h>

#include "oauth/grant-state.h"

/* Metadata that may be out of date is asked for again at most this often. */
#define METADATA_RETRY (1 * USEC_PER_MIN)

static const char *endpoint_in(const struct metadata *m, enum task task)
{
	if (task == TASK_DEVICE)
		return m->device_authorization;
	if (task == TASK_AUTHORIZE)
		return m->authorization;
	if (task == TASK_REVOKE || task == TASK_DISCARD)
		return m->revocation;
	if (task == TASK_KEYS)
		return m->jwks;
	if (task == TASK_IDENTITY)
		return m->userinfo;
	if (task == TASK_INTROSPECT)
		return m->introspection;
	return m->token;
}

const char *grant_endpoint(const struct grant *g, enum task task)
{
	if (task == TASK_IDENTITY && g->setup.approver.url)
		return g->setup.approver.url;
	if (task == TASK_IDENTITY && g->check.id_url)
		return g->check.id_url;
	return endpoint_in(&g->endpoints, task);
}

bool grant_metadata_wanted(const struct grant *g, enum task task, struct now now)
{
	/* Whether the provider names itself in the answer has to be known before there is one, also
	 * where the address to open is given. */
	enum task decisive = task == TASK_AUTHORIZE ? TASK_CODE : task;
	bool fresh =
		g->discovered && !g->metadata_doubted && now.boot_usec < g->metadata_expires_boot;

	if (!g->setup.issuer || fresh || (task == TASK_IDENTITY && g->setup.approver.url) ||
		(endpoint_in(&g->setup.endpoints, task) &&
			endpoint_in(&g->setup.endpoints, decisive)))
		return false;
	return !grant_endpoint(g, task) || now.boot_usec >= g->metadata_retry_boot;
}

static int forget_metadata(struct grant *g)
{
	struct metadata explicit = {0};

	if (metadata_copy(&g->setup.endpoints, &explicit) < 0)
		return -ENOMEM;
	metadata_done(&g->endpoints);
	g->endpoints = explicit;
	g->discovered = false;
	g->document = METADATA_OAUTH;
	return 0;
}

static void metadata_failed(
	struct grant *g, const struct fault *why, uint64_t retry_after, struct now now)
{
	struct verdict v = {
		.kind = REPLY_TRANSIENT, .fault = *why, .retry_after_usec = retry_after};
	enum task task = g->metadata_for;

	g->document = METADATA_OAUTH;
	g->metadata_retry_boot = usec_add(now.boot_usec, METADATA_RETRY);
	if (grant_endpoint(g, task))
		return; /* what was known before still serves: step() goes on with it */
	if (why->kind == FAULT_MISCONFIGURED)
		v.kind = REPLY_MISCONFIGURED;
	grant_fail_task(g, task, &v, now);
}

void grant_metadata_reply(struct grant *g, const struct exchange_reply *reply, struct now now)
{
	struct metadata found = {0};
	struct fault why = {.kind = FAULT_NONE};
	uint64_t lifetime = 0;
	int r;

	r = metadata_parse(g->setup.issuer, reply, &found, &lifetime, &why);
	if (r == -ENOENT && g->document + 1 < METADATA_DOCUMENTS) {
		g->document++;
		grant_wish(g, GRANT_SEND, TASK_METADATA);
		return;
	}
	if (r == -ENOENT && (g->metadata_for == TASK_KEYS || g->metadata_for == TASK_IDENTITY)) {
		g->document = METADATA_OAUTH;
		grant_check_unreachable(g, g->metadata_for);
		return; /* whose endpoints are all configured need not have metadata */
	}
	if (r == -ENOENT)
		fault_set(&why, FAULT_PROTOCOL,
			"no authorization server metadata at %s: check issuer, or give endpoints",
			g->setup.issuer);
	else if (r == -ENOMEM)
		fault_set(&why, FAULT_INTERNAL, "out of memory");
	if (r == 0 && (forget_metadata(g) < 0 || metadata_merge(&g->endpoints, &found) < 0)) {
		fault_set(&why, FAULT_INTERNAL, "out of memory");
		r = -ENOMEM;
	}
	metadata_done(&found);
	if (r < 0) {
		metadata_failed(g, &why, reply_retry_after(reply, now), now);
		return;
	}
	g->discovered = true;
	g->metadata_doubted = false;
	g->metadata_expires_boot = usec_add(now.boot_usec, lifetime);
	g->metadata_retry_boot = usec_add(now.boot_usec, METADATA_RETRY);
}
