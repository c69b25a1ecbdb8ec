/* SPDX-License-Identifier: BSD-2-Clause */

/* The life of one sync: what it waits for, what is asked of whom, and how fast. The checks are in
 * engine-check.c, the rows in engine-run.c. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/engine-state.h"

/* Failures in a row after which a person should see why. */
#define SHOWN_AFTER 3
/* Refused tokens in a row after which it is not the token. */
#define REFUSALS_MAX   2
#define QUOTA_WAIT_MIN USEC_PER_MIN
/* Calls after which the number of them is stored. */
#define CALLS_STORED 64
/* A disk that is full may have room again any moment. */
#define STORE_RETRY (5 * USEC_PER_S)

static const char *const stage_names[_SYNC_STAGE_MAX] = {
	[SYNC_WAITING] = "waiting",
	[SYNC_CHECKING] = "checking",
	[SYNC_BLOCKED_STAGE] = "blocked",
	[SYNC_READY] = "ready",
	[SYNC_INITIAL] = "initial",
	[SYNC_RUNNING] = "running",
	[SYNC_PAUSED] = "paused",
	[SYNC_STOPPED] = "stopped",
	[SYNC_FAILED] = "failed",
};

const char *sync_stage_to_string(enum sync_stage stage)
{
	return stage_names[stage];
}

int sync_stage_from_string(const char *text, enum sync_stage *ret)
{
	for (unsigned i = 0; i < _SYNC_STAGE_MAX; i++)
		if (text_equal(text, stage_names[i])) {
			*ret = (enum sync_stage)i;
			return 0;
		}
	return -EINVAL;
}

void sync_set_fault(struct sync *s, const struct fault *f)
{
	s->fault = *f;
}

void sync_fail(struct sync *s, const char *what)
{
	struct fault f;

	fault_set(&f, FAULT_INTERNAL, "%s", what);
	sync_set_fault(s, &f);
}

/* xorshift: jitter needs no more. */
static uint32_t draw(struct sync *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 16);
}

static uint32_t next_serial(struct sync *s)
{
	s->serials++;
	if (s->serials == 0)
		s->serials++;
	return s->serials;
}

enum sync_side sync_job_side(enum job job)
{
	return job >= JOB_TARGET_DESCRIBE ? SYNC_TARGET : SYNC_SOURCE;
}

void sync_begin(struct sync *s, unsigned slot, enum job job)
{
	s->slots[slot].job = job;
	s->slots[slot].flying = false;
	s->slots[slot].not_before_boot = 0;
}

bool sync_idle(const struct sync *s)
{
	for (unsigned i = 0; i < SYNC_SLOTS; i++)
		if (s->slots[i].job != JOB_NONE)
			return false;
	return true;
}

/* --- tokens --- */

static void want_token(struct sync *s, enum sync_side side)
{
	struct side *d = &s->sides[side];

	if (d->token || d->serial > 0 || s->now.boot_usec < d->retry_boot)
		return;
	d->serial = next_serial(s);
}

/* The token is no good: it is given back once, and the request is made again with another. */
static void refuse_token(struct sync *s, const struct slot *slot, const struct fault *f)
{
	struct side *d = &s->sides[sync_job_side(slot->job)];

	if (!d->token || slot->generation != d->generation)
		return;
	d->refusals++;
	secret_free(d->refused);
	d->refused = steal(d->token);
	if (d->refusals < REFUSALS_MAX)
		return;
	d->fault = *f;
	d->retry_boot = usec_add(s->now.boot_usec, SYNC_RECHECK);
	d->refusals = 0;
}

static int take_token(
	struct sync *s, enum sync_side side, const struct secret *token, const char *instance_url)
{
	struct side *d = &s->sides[side];
	_cleanup_(secret_freep) struct secret *copy = secret_copy(token);
	bool elsewhere = side == SYNC_SOURCE && instance_url &&
		salesforce_trusts(s->settings.source_url, instance_url);
	char *base = mem_strdup(elsewhere ? instance_url : s->settings.source_url);
	size_t len;

	if (!copy || !base) {
		mem_free(base);
		return -ENOMEM;
	}
	len = strlen(base);
	if (len > 0 && base[len - 1] == '/')
		base[len - 1] = '\0';
	if (side == SYNC_SOURCE) {
		mem_free(s->source.base);
		s->source.base = steal(base);
	}
	mem_free(base);
	d->refused = secret_free(d->refused);
	d->token = steal(copy);
	d->generation++;
	d->fault = (struct fault){.kind = FAULT_NONE};
	return 0;
}

/* --- requests --- */

static bool may_fly(const struct sync *s, const struct slot *slot)
{
	const struct side *d = &s->sides[sync_job_side(slot->job)];

	return slot->job != JOB_NONE && !slot->flying && d->token &&
		(!slot->batch || slot->n_wanted > 0) && s->now.wall_usec >= d->paused_until_wall &&
		s->now.boot_usec >= slot->not_before_boot && pace_may(&d->pace, s->now);
}

static void launch(struct sync *s)
{
	for (unsigned i = 0; i < SYNC_SLOTS; i++) {
		struct slot *slot = &s->slots[i];
		struct side *d = &s->sides[sync_job_side(slot->job)];

		if (!may_fly(s, slot))
			continue;
		slot->flying = true;
		slot->serial = next_serial(s);
		slot->generation = d->generation;
		pace_begin(&d->pace, s->now);
		s->dirty |= d->pace.day_used % CALLS_STORED == 0;
	}
}

int sync_request(const struct sync *s, unsigned i, struct exchange_request *ret)
{
	const struct slot *slot = &s->slots[i];
	const struct secret *token = s->sides[sync_job_side(slot->job)].token;

	switch (slot->job) {
	case JOB_VERSIONS:
		return salesforce_request_versions(&s->source, token, ret);
	case JOB_LIMITS:
		return salesforce_request_limits(&s->source, token, ret);
	case JOB_DESCRIBE:
		return sync_check_request(s, token, ret);
	case JOB_TARGET_DESCRIBE:
		return marketo_request_describe(s->target, token, s->older_describe, ret);
	case JOB_USAGE:
		return marketo_request_usage(s->target, token, ret);
	case JOB_COUNT:
	case JOB_QUERY:
	case JOB_MORE:
	case JOB_RETRY:
	case JOB_BULK:
	case JOB_BULK_STATE:
	case JOB_BULK_RESULTS:
	case JOB_BULK_DELETE:
	case JOB_LIVE:
	case JOB_UPSERT:
	case JOB_FIND:
	case JOB_DELETE:
	case JOB_REKEY:
		return sync_run_request(s, slot, token, ret);
	case JOB_NONE:
		break;
	}
	return -EINVAL;
}

/* What was in flight beside the one that failed first is no failure more. */
static void back_off(struct sync *s, struct side *d, const struct sync_verdict *v)
{
	if (d->pace.failures > 0 && s->now.boot_usec < d->pace.not_before_boot)
		return;
	pace_retry(&d->pace, v->wait_usec, draw(s), s->now);
	if (d->pace.failures >= SHOWN_AFTER)
		d->trouble = v->fault;
}

static void pause_side(struct sync *s, struct side *d, const struct sync_verdict *v)
{
	uint64_t wait = v->wait_usec;

	if (wait < QUOTA_WAIT_MIN)
		wait = QUOTA_WAIT_MIN;
	if (wait > SYNC_QUOTA_WAIT_MAX)
		wait = SYNC_QUOTA_WAIT_MAX;
	d->paused_until_wall = usec_add(s->now.wall_usec, wait);
	d->trouble = v->fault;
	s->dirty = true;
}

/* A reply that asks for something of us: the slot keeps its job. Returns true where the verdict is
 * dealt with. */
static bool obey(struct sync *s, struct slot *slot, const struct sync_verdict *v)
{
	struct side *d = &s->sides[sync_job_side(slot->job)];

	switch (v->kind) {
	case SYNC_TOKEN:
		refuse_token(s, slot, &v->fault);
		return true;
	case SYNC_RETRY:
		back_off(s, d, v);
		return true;
	case SYNC_SLOW_DOWN:
		back_off(s, d, v);
		pace_slow_down(&d->pace, v->wait_usec, s->now);
		return true;
	case SYNC_QUOTA:
		pause_side(s, d, v);
		return true;
	case SYNC_OK:
	case SYNC_RESTART:
	case SYNC_SPLIT:
	case SYNC_BLOCKED:
	case SYNC_BUG:
		break;
	}
	return false;
}

bool sync_is_check(enum job job)
{
	return job == JOB_VERSIONS || job == JOB_LIMITS || job == JOB_DESCRIBE ||
		job == JOB_TARGET_DESCRIBE || job == JOB_USAGE;
}

/* It worked: whatever stood in the way of this side is over. */
static void clear_trouble(struct sync *s, enum sync_side side)
{
	struct side *d = &s->sides[side];

	d->refusals = 0;
	if (d->paused_until_wall == 0)
		d->trouble = (struct fault){.kind = FAULT_NONE};
	pace_good(&d->pace);
}

static void take_reply(struct sync *s, struct slot *slot, const struct exchange_reply *reply)
{
	struct sync_verdict v = {.kind = SYNC_OK};
	enum sync_side side = sync_job_side(slot->job);
	bool check = sync_is_check(slot->job);
	int r;

	r = check ? sync_check_reply(s, slot, reply, &v) : sync_run_reply(s, slot, reply, &v);
	if (r == -ENOMEM) {
		sync_fail(s, "out of memory");
		pace_retry(&s->sides[side].pace, 0, draw(s), s->now);
		return;
	}
	if (v.kind == SYNC_OK)
		clear_trouble(s, side);
	else if (!obey(s, slot, &v)) {
		if (check)
			sync_check_failed(s, slot, &v);
		else
			sync_run_failed(s, slot, &v);
	}
}

/* --- the stage --- */

static bool is_loading(const struct sync *s)
{
	for (unsigned o = 0; o < _SYNC_OBJECT_MAX; o++)
		if (s->settings.objects[o] && !s->progress[o].loaded)
			return true;
	return false;
}

static bool lacks_token(const struct sync *s)
{
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		if (!s->sides[i].token && s->sides[i].fault.kind != FAULT_NONE)
			return true;
	return false;
}

static bool is_paused(const struct sync *s)
{
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		if (s->now.wall_usec < s->sides[i].paused_until_wall ||
			pace_day_over(&s->sides[i].pace, s->now))
			return true;
	return false;
}

static enum sync_stage derive_stage(const struct sync *s)
{
	if (lacks_token(s))
		return SYNC_WAITING;
	switch (s->mode) {
	case MODE_CHECK:
		if (!s->sides[SYNC_SOURCE].token || !s->sides[SYNC_TARGET].token)
			return SYNC_WAITING;
		return is_paused(s) ? SYNC_PAUSED : SYNC_CHECKING;
	case MODE_BLOCKED:
		return SYNC_BLOCKED_STAGE;
	case MODE_READY:
		return s->stopped ? SYNC_STOPPED : SYNC_READY;
	case MODE_RUN:
		break;
	}
	if (is_paused(s))
		return SYNC_PAUSED;
	return is_loading(s) ? SYNC_INITIAL : SYNC_RUNNING;
}

/* What the side that gives no token says stands in for a fault of our own. */
const struct fault *sync_shown_fault(const struct sync *s)
{
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		if (!s->sides[i].token && s->sides[i].fault.kind != FAULT_NONE)
			return &s->sides[i].fault;
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		if (s->fault.kind == FAULT_NONE && s->sides[i].trouble.kind != FAULT_NONE)
			return &s->sides[i].trouble;
	return &s->fault;
}

/* A pause and a day of calls end by the clock. */
static void turn_days(struct sync *s)
{
	uint64_t wall = s->now.wall_usec;

	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++) {
		struct side *d = &s->sides[i];

		if (d->paused_until_wall > 0 && wall >= d->paused_until_wall) {
			d->paused_until_wall = 0;
			d->trouble = (struct fault){.kind = FAULT_NONE};
		}
		if (d->pace.day_ends_wall > 0 && wall >= d->pace.day_ends_wall)
			pace_next_day(&d->pace,
				i == SYNC_TARGET ? marketo_quota_reset(wall)
						 : usec_add(wall, USEC_PER_DAY));
	}
}

/* Every input ends here. */
static void settle(struct sync *s)
{
	enum sync_stage stage;

	turn_days(s);
	want_token(s, SYNC_SOURCE);
	want_token(s, SYNC_TARGET);
	if (s->mode == MODE_BLOCKED && s->now.boot_usec >= s->recheck_boot)
		sync_check_begin(s);
	if (s->mode != MODE_RUN)
		sync_run_rest(s);
	if (s->mode == MODE_CHECK)
		sync_check_step(s);
	if (s->mode == MODE_READY && s->started)
		s->mode = MODE_RUN;
	if (s->mode == MODE_RUN)
		sync_run_step(s);
	launch(s);
	if (s->dirty && s->store == 0 && s->now.boot_usec >= s->store_retry_boot) {
		s->dirty = false;
		s->store = next_serial(s);
	}
	stage = derive_stage(s);
	if (stage != s->stage) {
		s->stage = stage;
		s->since_wall = s->now.wall_usec;
	}
}

/* --- inputs --- */

static int prepare(struct sync *s, const struct json *saved)
{
	int r;

	r = queue_new(s->settings.key, &s->queue);
	if (r < 0)
		return r;
	s->seen = mem_array(SYNC_SEEN, sizeof(*s->seen));
	if (!s->seen || marketo_base(s->settings.target_url, &s->target) < 0)
		return -ENOMEM;
	if (!saved)
		return 0;
	r = sync_load(s, saved);
	return r == -EBADMSG ? 0 : r;
}

static void set_paces(struct sync *s)
{
	struct pace *source = &s->sides[SYNC_SOURCE].pace, *target = &s->sides[SYNC_TARGET].pace;

	pace_init(source, 0, 0, SYNC_SLOTS);
	pace_init(target, MARKETO_PER_20S, 20 * USEC_PER_S, MARKETO_PARALLEL);
	pace_set_day(target, SYNC_TARGET_DAILY, s->settings.quota_target,
		marketo_quota_reset(s->now.wall_usec));
}

int sync_new(const struct sync_settings *settings, const struct json *saved, uint64_t seed,
	struct now now, struct sync **ret)
{
	_cleanup_(sync_freep) struct sync *s = mem_alloc(sizeof(*s));
	_cleanup_(json_freep) struct json *copy = sync_settings_write(settings);
	int r;

	if (!s || !copy)
		return -ENOMEM;
	r = sync_settings_read(copy, &s->settings, NULL);
	if (r < 0)
		return r;
	s->now = now;
	s->since_wall = now.wall_usec;
	s->random = seed | 1;
	s->window_usec = USEC_NEVER;
	set_paces(s);
	s->started = settings->start_auto;
	r = prepare(s, saved);
	if (r < 0)
		return r;
	sync_check_begin(s);
	settle(s);
	*ret = steal(s);
	return 0;
}

static void sides_done(struct sync *s)
{
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++) {
		secret_free(s->sides[i].token);
		secret_free(s->sides[i].refused);
	}
}

struct sync *sync_free(struct sync *s)
{
	if (!s)
		return NULL;
	sides_done(s);
	for (unsigned o = 0; o < _SYNC_OBJECT_MAX; o++) {
		map_done(&s->maps[o]);
		mem_free(s->progress[o].job);
		mem_free(s->progress[o].locator);
	}
	for (unsigned d = 0; d < _DESCRIBE_MAX; d++)
		salesforce_object_done(&s->objects[d]);
	marketo_fields_done(&s->target_fields);
	sync_page_done(&s->current);
	sync_page_done(&s->ahead);
	queue_free(s->queue);
	mem_free(s->seen);
	mem_free(s->locator);
	mem_free(s->source.base);
	mem_free(s->target);
	sync_settings_done(&s->settings);
	return mem_free(s);
}

static void earlier(uint64_t *deadline, uint64_t boot_usec)
{
	if (boot_usec < *deadline)
		*deadline = boot_usec;
}

/* A wall time as boot time. */
static uint64_t boot_of(const struct sync *s, uint64_t wall_usec)
{
	return usec_add(s->now.boot_usec, usec_sub(wall_usec, s->now.wall_usec));
}

/* When a job that waits for its turn may have it. */
static uint64_t turn_of(const struct sync *s, const struct slot *slot)
{
	const struct side *d = &s->sides[sync_job_side(slot->job)];
	uint64_t when;

	if (slot->job == JOB_NONE || slot->flying || !d->token)
		return USEC_NEVER;
	when = pace_when(&d->pace, s->now);
	if (when < slot->not_before_boot)
		when = slot->not_before_boot;
	if (d->paused_until_wall > 0 && when < boot_of(s, d->paused_until_wall))
		when = boot_of(s, d->paused_until_wall);
	if (pace_day_over(&d->pace, s->now) && when < boot_of(s, d->pace.day_ends_wall))
		when = boot_of(s, d->pace.day_ends_wall);
	return when;
}

static uint64_t deadline_of(const struct sync *s)
{
	uint64_t deadline = USEC_NEVER;

	for (unsigned i = 0; i < SYNC_SLOTS; i++)
		earlier(&deadline, turn_of(s, &s->slots[i]));
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		if (!s->sides[i].token && s->sides[i].serial == 0)
			earlier(&deadline, s->sides[i].retry_boot);
	if (s->mode == MODE_BLOCKED)
		earlier(&deadline, s->recheck_boot);
	if (s->mode == MODE_RUN)
		earlier(&deadline, sync_run_deadline(s));
	if (s->dirty && s->store == 0)
		earlier(&deadline, s->store_retry_boot);
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
		if (s->sides[i].paused_until_wall > 0)
			earlier(&deadline, boot_of(s, s->sides[i].paused_until_wall));
	return deadline;
}

struct sync_want sync_want(const struct sync *s)
{
	struct sync_want want = {.store = s->store, .deadline = deadline_of(s)};

	for (unsigned i = 0; i < SYNC_SLOTS; i++)
		want.requests[i] = s->slots[i].flying ? s->slots[i].serial : 0;
	for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++) {
		want.tokens[i] = s->sides[i].serial;
		want.refused[i] = s->sides[i].refused != NULL;
	}
	return want;
}

const struct secret *sync_refused_token(const struct sync *s, enum sync_side side)
{
	return s->sides[side].refused;
}

void sync_reply(struct sync *s, unsigned i, uint32_t serial, const struct exchange_reply *reply,
	struct now now)
{
	struct slot *slot = &s->slots[i];

	if (!slot->flying || slot->serial != serial)
		return;
	s->now = now;
	slot->flying = false;
	pace_end(&s->sides[sync_job_side(slot->job)].pace);
	take_reply(s, slot, reply);
	settle(s);
}

void sync_token(struct sync *s, enum sync_side side, uint32_t serial, const struct secret *token,
	const char *instance_url, const struct fault *why, struct now now)
{
	struct side *d = &s->sides[side];

	if (d->serial == 0 || d->serial != serial)
		return;
	s->now = now;
	d->serial = 0;
	if (!token || take_token(s, side, token, instance_url) < 0) {
		d->retry_boot = usec_add(now.boot_usec, SYNC_TOKEN_RETRY);
		if (why)
			d->fault = *why;
		else
			fault_set(&d->fault, FAULT_INTERNAL, "out of memory");
	}
	settle(s);
}

void sync_stored(struct sync *s, uint32_t serial, int r, struct now now)
{
	struct fault f;

	if (s->store == 0 || s->store != serial)
		return;
	s->now = now;
	s->store = 0;
	if (r < 0) {
		s->dirty = true;
		s->store_retry_boot = usec_add(now.boot_usec, STORE_RETRY);
		fault_set(&f, FAULT_STORAGE,
			"how far the sync has come can't be stored: see to the state directory "
			"(space, rights)");
		sync_set_fault(s, &f);
	} else if (s->fault.kind == FAULT_STORAGE) {
		s->fault = (struct fault){.kind = FAULT_NONE};
	}
	settle(s);
}

void sync_tick(struct sync *s, struct now now)
{
	s->now = now;
	settle(s);
}

/* Which checks failed, or that they have not been made. */
static void refuse_start(const struct sync *s, struct fault *reterr)
{
	_cleanup_(buf_done) struct buf text = BUF(FAULT_DETAIL_MAX);

	for (unsigned i = 0; i < _CHECK_MAX; i++)
		if (s->checks[i].ok == NO)
			(void)buf_printf(&text, "%s%s: %s", text.len > 0 ? "; " : "",
				sync_check_name((enum check)i), s->checks[i].detail);
	if (text.len > 0)
		fault_set(reterr, FAULT_MISCONFIGURED, "%s", buf_text(&text));
	else if (sync_shown_fault(s)->kind != FAULT_NONE)
		*reterr = *sync_shown_fault(s);
	else
		fault_set(reterr, FAULT_TRANSIENT, "the checks have not been made yet");
}

static int start(struct sync *s, struct fault *reterr)
{
	if (s->mode == MODE_READY || s->mode == MODE_RUN) {
		s->dirty |= !s->started || s->stopped;
		s->started = true;
		s->stopped = false;
		return 0;
	}
	refuse_start(s, reterr); /* says what failed, before it is looked at again */
	if (s->mode == MODE_BLOCKED)
		sync_check_begin(s);
	return -EBUSY;
}

static void stop(struct sync *s)
{
	s->started = false;
	s->stopped = true;
	if (s->mode == MODE_RUN)
		s->mode = MODE_READY;
	s->dirty = true;
}

int sync_command(struct sync *s, enum sync_command command, struct now now, struct fault *reterr)
{
	int r = 0;

	s->now = now;
	switch (command) {
	case SYNC_START:
		r = start(s, reterr);
		break;
	case SYNC_STOP:
		stop(s);
		break;
	case SYNC_CHECK:
		if (s->mode == MODE_BLOCKED || s->mode == MODE_READY)
			sync_check_begin(s);
		break;
	case SYNC_WAKE:
		for (unsigned i = 0; i < _SYNC_SIDE_MAX; i++)
			if (!s->sides[i].refused) /* what was refused would be again */
				s->sides[i].retry_boot = 0;
		break;
	}
	settle(s);
	return r;
}

enum sync_side sync_slot_side(const struct sync *s, unsigned slot)
{
	return sync_job_side(s->slots[slot].job);
}
