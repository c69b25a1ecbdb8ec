/* SPDX-License-Identifier: BSD-2-Clause */

/* The ends of requests and replies. */

#include "base/exchange.h"
#include "base/mem.h"

void exchange_request_done(struct exchange_request *r)
{
	r->url = mem_free(r->url);
	r->authorization = secret_free(r->authorization);
	r->body = secret_free(r->body);
}

void exchange_reply_done(struct exchange_reply *r)
{
	buf_done(&r->body);
}
