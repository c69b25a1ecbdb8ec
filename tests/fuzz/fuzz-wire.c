/* SPDX-License-Identifier: BSD-2-Clause */

/* Any bytes as a call and as a reply: what is taken is within the table, and built again it reads
 * the same. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "fuzz.h"
#include "wire/wire.h"

static void try_parameters(const struct wire_call *call)
{
	struct wire_named named;
	struct names names = {0};
	const char *bad = NULL;
	int r;

	r = wire_read_named(call->method, call->parameters, &named, &bad);
	MUST(r == 0 ? wire_check(call->method, call->parameters, &bad) == 0 : bad != NULL);
	if (r == 0 && named.name) {
		_cleanup_(json_freep) struct json *again =
			wire_named_parameters(call->method, &named);
		struct wire_named back;

		MUST(again && wire_read_named(call->method, again, &back, &bad) == 0);
		MUST(text_equal(named.name, back.name) && named.min_valid_s == back.min_valid_s &&
			named.min_valid_given == back.min_valid_given && named.keep == back.keep &&
			named.cancel == back.cancel && named.wait == back.wait);
	}
	if (wire_read_names(call->method, call->parameters, &names, &bad) == 0)
		names_done(&names);
}

static void answer(const struct wire_call *call)
{
	struct buf out = BUF(WIRE_REPLY_MAX);
	struct wire_reply reply = {0};

	if (text_equal(wire_method_info(call->method)->interface, "org.varlink.service")) {
		MUST(wire_answer_service(call, true, "1", &out) == 0);
		MUST(wire_parse_reply(out.data, out.len - 1, &reply) == 0);
	}
	wire_reply_done(&reply);
	buf_done(&out);
}

static void try_call(const char *frame, size_t len)
{
	struct wire_call call = {0}, back = {0};
	enum wire_error error = WIRE_OK;
	struct buf again = BUF(SIZE_MAX - 1); /* escapes may make it longer than it came */
	struct fault f = {0};
	int r = wire_parse_call(frame, len, &call, &error, &f);

	MUST(r == 0 || r == -EBADMSG ||
		(r == -ENOENT &&
			(error == WIRE_INTERFACE_NOT_FOUND || error == WIRE_METHOD_NOT_FOUND)));
	MUST((r == 0) == (call.json != NULL));
	if (r < 0)
		return;
	try_parameters(&call);
	answer(&call);
	MUST(wire_build_call(call.method, call.parameters, call.more, &again) == 0);
	MUST(strlen(again.data) + 1 == again.len);
	if (again.len <= WIRE_FRAME_MAX) {
		MUST(wire_parse_call(again.data, again.len - 1, &back, &error, &f) == 0);
		MUST(back.method == call.method && back.more == call.more);
	}
	wire_call_done(&back);
	wire_call_done(&call);
	buf_done(&again);
}

static void try_reply(const char *frame, size_t len)
{
	struct wire_reply reply = {0};
	struct wire_login login;
	const char *bad = NULL;
	int r = wire_parse_reply(frame, len, &reply);

	MUST(r == 0 || r == -EBADMSG);
	MUST((r == 0) == (reply.json != NULL));
	MUST((reply.error == WIRE_OK) == (reply.error_name == NULL));
	if (wire_read_login(reply.parameters, &login, &bad) == 0)
		MUST(login.state);
	else
		MUST(bad);
	wire_reply_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_call((const char *)data, size);
	try_reply((const char *)data, size);
	return 0;
}
