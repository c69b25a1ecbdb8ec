/* SPDX-License-Identifier: BSD-2-Clause */

/* What a provider means by its errors, as its profile tells. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "oauth/hints.h"

static const char *const at_names[_HINT_AT_MAX] = {
	[HINT_ANYWHERE] = "anywhere",
	[HINT_DEVICE] = "device",
	[HINT_POLL] = "poll",
	[HINT_CODE] = "code",
	[HINT_TOKEN] = "token",
	[HINT_IDENTITY] = "identity",
	[HINT_AUTHORIZATION] = "authorization",
};

static const struct meaning {
	const char *name;
	enum reply_kind reply;
	enum fault_kind fault;
	bool polling; /* says something of a code that is polled for, and nothing elsewhere */
} meanings[_HINT_KIND_MAX] = {
	[HINT_SAME] = {"same", REPLY_OK, FAULT_NONE, false},
	[HINT_PENDING] = {"pending", REPLY_PENDING, FAULT_TRANSIENT, true},
	[HINT_SLOW_DOWN] = {"slow_down", REPLY_SLOW_DOWN, FAULT_TRANSIENT, true},
	[HINT_DENIED] = {"denied", REPLY_DENIED, FAULT_DENIED, false},
	[HINT_EXPIRED_CODE] = {"expired_code", REPLY_EXPIRED, FAULT_EXPIRED_CODE, true},
	[HINT_REVOKED] = {"revoked", REPLY_INVALID_GRANT, FAULT_REVOKED, false},
	[HINT_MISCONFIGURED] = {"misconfigured", REPLY_MISCONFIGURED, FAULT_MISCONFIGURED, false},
	[HINT_TRANSIENT] = {"transient", REPLY_TRANSIENT, FAULT_TRANSIENT, false},
	[HINT_THROTTLED] = {"throttled", REPLY_THROTTLED, FAULT_THROTTLED, false},
};

const char *hint_at_to_string(enum hint_at at)
{
	return at_names[at];
}

const char *hint_kind_to_string(enum hint_kind kind)
{
	return meanings[kind].name;
}

bool hint_kind_is_polling(enum hint_kind kind)
{
	return meanings[kind].polling;
}

/* --- lists --- */

static void hint_done(struct hint *h)
{
	mem_free(h->error);
	mem_free(h->contains);
	mem_free(h->say);
}

static bool hint_copy(const struct hint *from, struct hint *ret)
{
	*ret = (struct hint){
		.error = mem_strdup(from->error),
		.contains = mem_strdup(from->contains),
		.status = from->status,
		.at = from->at,
		.kind = from->kind,
		.say = mem_strdup(from->say),
	};
	return !from->error == !ret->error && !from->contains == !ret->contains &&
		!from->say == !ret->say;
}

int hints_copy(const struct hints *from, struct hints *ret)
{
	if (from->n == 0)
		return 0;
	ret->items = mem_array(from->n, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	while (ret->n < from->n) {
		const bool copied = hint_copy(&from->items[ret->n], &ret->items[ret->n]);

		ret->n++;
		if (!copied) {
			hints_done(ret);
			return -ENOMEM;
		}
	}
	return 0;
}

void hints_done(struct hints *l)
{
	for (size_t i = 0; i < l->n; i++)
		hint_done(&l->items[i]);
	l->items = mem_free(l->items);
	l->n = 0;
}

/* --- use --- */

static bool hint_fits(
	const struct hint *h, enum hint_at at, unsigned status, const char *error, const char *said)
{
	if (h->at != HINT_ANYWHERE && h->at != at)
		return false;
	if (meanings[h->kind].polling && at != HINT_POLL)
		return false;
	if (h->status > 0 && h->status != status)
		return false;
	if (h->error && !text_equal(h->error, error))
		return false;
	return !h->contains || strcasestr(error, h->contains) || strcasestr(said, h->contains);
}

const struct hint *hints_find(const struct hints *l, enum hint_at at, unsigned status,
	const char *error, const char *said)
{
	for (size_t i = 0; i < l->n; i++)
		if (hint_fits(&l->items[i], at, status, error, said))
			return &l->items[i];
	return NULL;
}

static_assert(FAULT_DETAIL_MAX > HINT_SAY_MAX + 100, "what the provider said is worth a line");

/* Append what to do: it matters more than the end of what the provider said. */
static void add_say(const char *say, struct fault *fault)
{
	char detail[FAULT_DETAIL_MAX];
	const size_t taken = strlen(say) + strlen("; ");

	text_clean(detail, sizeof(detail) - taken, fault->detail, strlen(fault->detail));
	fault_set(fault, fault->kind, "%s%s%s", detail, *detail ? "; " : "", say);
}

static void settle_fault(const struct hint *h, struct fault *fault)
{
	if (h->kind != HINT_SAME)
		fault->kind = meanings[h->kind].fault;
	if (h->say)
		add_say(h->say, fault);
}

bool hints_apply(const struct hints *l, enum hint_at at, struct verdict *v)
{
	const struct hint *h = hints_find(l, at, v->status, v->error, v->said);

	if (!h || (meanings[h->kind].reply == REPLY_INVALID_GRANT && !v->parsed))
		return false; /* nothing but the provider's own word ends a grant */
	if (h->kind != HINT_SAME)
		v->kind = meanings[h->kind].reply;
	/* Words that we were waiting for are an answer. */
	if (h->kind != HINT_SAME && (h->error || h->contains))
		v->lost = false;
	settle_fault(h, &v->fault);
	return true;
}

void hints_explain(const struct hints *l, const char *error, const char *said, struct fault *fault)
{
	const struct hint *h = hints_find(l, HINT_AUTHORIZATION, 0, error, said);

	if (h)
		settle_fault(h, fault);
}
