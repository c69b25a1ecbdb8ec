/* SPDX-License-Identifier: BSD-2-Clause */

/* Any reply to the reader of device authorizations: what is shown to a person can be shown. */

#include "base/text.h"
#include "fuzz.h"
#include "oauth/metadata.h"
#include "oauth/reply.h"
#include "reply.h"

static const struct now now = {.boot_usec = 1, .wall_usec = UINT64_C(1795469410) * USEC_PER_S};

static void check_device(const struct device_authorization *d)
{
	char clean[DEVICE_USER_CODE_MAX + 1];

	MUST(secret_len(d->device_code) > 0);
	text_clean(clean, sizeof(clean), d->user_code, strlen(d->user_code));
	MUST(d->user_code[0] && text_equal(clean, d->user_code));
	MUST(metadata_is_web_address(d->verification_uri));
	MUST(!d->verification_uri_complete ||
		metadata_is_web_address(d->verification_uri_complete));
	MUST(d->lifetime_usec > 0 && d->lifetime_usec <= DEVICE_LIFETIME_MAX);
	MUST(d->interval_usec >= USEC_PER_S && d->interval_usec <= DEVICE_INTERVAL_MAX);
	MUST(d->interval_usec % USEC_PER_S == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(exchange_reply_done) struct exchange_reply reply = fuzz_reply(data, size);
	_cleanup_(device_authorization_done) struct device_authorization d = {0};
	struct verdict v;

	MUST(reply_device_authorization(&reply, now, &d, &v) == 0);
	MUST((v.kind == REPLY_OK) == (d.device_code != NULL));
	MUST((v.kind == REPLY_OK) == (v.fault.kind == FAULT_NONE));
	MUST(v.kind != REPLY_PENDING && v.kind != REPLY_SLOW_DOWN && v.kind != REPLY_EXPIRED);
	if (v.kind == REPLY_OK)
		check_device(&d);
	return 0;
}
