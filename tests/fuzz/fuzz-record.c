/* SPDX-License-Identifier: BSD-2-Clause */

/* Any bytes as a record do not open; as the body of one, what is taken is sealed, opened and sealed
 * again to the same bytes. */

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "oauth/record.h"

#define GENERATION 7

static const uint8_t salt[RECORD_SALT_SIZE] = {1};

static void check_sealed(const void *data, size_t size, const struct record_seal *seal)
{
	_cleanup_(record_done) struct record r = {0};
	struct fault fault = {.kind = FAULT_NONE};
	const int e = record_decode(data, size, seal, &r, &fault);

	MUST(e == -EBADMSG || e == -EXDEV); /* nobody guesses a tag */
	MUST(fault.kind == FAULT_STORAGE && fault.detail[0]);
}

static void check_body(const void *data, size_t size, const struct record_seal *seal)
{
	_cleanup_(record_done) struct record r = {0}, back = {0};
	_cleanup_(buf_done) struct buf once = BUF(RECORD_SIZE_MAX), again = BUF(RECORD_SIZE_MAX);
	struct fault fault = {.kind = FAULT_NONE};

	if (record_parse_body(data, size, GENERATION, &r, &fault) < 0) {
		MUST(fault.kind == FAULT_STORAGE && !r.grant.present && !r.approval.present);
		return;
	}
	MUST(!r.grant.present || r.grant.token.access_token);
	MUST(!r.approval.present || (r.approval.verifier && r.approval.device.device_code));
	MUST(record_encode(&r, seal, salt, &once) == 0);
	MUST(record_decode(once.data, once.len, seal, &back, NULL) == 0);
	MUST(record_encode(&back, seal, salt, &again) == 0);
	MUST(once.len == again.len && memcmp(once.data, again.data, once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[RECORD_KEY_SIZE] = "key";
	_cleanup_(secret_freep) struct secret *secret = secret_new(key, sizeof(key));
	const struct record_seal seal = {.key = secret, .name = "crm"};

	MUST(secret);
	check_sealed(data, size, &seal);
	check_body(data, size, &seal);
	return 0;
}
