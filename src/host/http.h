/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "base/cleanup.h"
#include "base/exchange.h"
#include "base/fault.h"
#include "host/loop.h"

/* HTTP by libcurl's multi interface on the loop: https only, no redirect is followed, HTTP/2 where
 * offered, connections reused, bodies capped at EXCHANGE_BODY_MAX, connect and total timeouts, at
 * most HTTP_PER_HOST_MAX requests to a host and HTTP_IN_FLIGHT_MAX in all at a time; more wait
 * their turn. */
struct http;
struct http_slot;

#define HTTP_CONNECT_TIMEOUT_MS 15000
#define HTTP_TOTAL_TIMEOUT_MS   60000
#define HTTP_PER_HOST_MAX       8  /* providers throttle clients that open more */
#define HTTP_IN_FLIGHT_MAX      64 /* more cost libcurl ten times the CPU and 300 MB at 10,000 */

/* Of one connection; borrowed during http_send() only. NULL: system trust store; no proxy but the
 * environment's. */
struct http_options {
	const char *ca_file;
	const char *proxy;
};

int http_new(struct loop *loop, const char *user_agent, struct http **ret); /* 0, -errno */
struct http *http_free(struct http *h); /* every slot must be gone */
DEFINE_CLEANUP(struct http, http_free)

/* Is @path a file with at least one certificate, as libcurl will read it? 0; -EBADMSG or -errno
 * with
 * @reterr (misconfigured). */
int http_ca_check(const char *path, struct fault *reterr);

/* For tests of what is slow: other timeouts than the above for what is started from now on. */
void http_set_timeouts(struct http *h, unsigned connect_ms, unsigned total_ms);

typedef void (*http_handler)(void *userdata, const struct exchange_reply *reply);

/* Start @request. @done is called once, from the loop, never from within this call; the slot is
 * freed by its owner (also from within @done). A request marked `once` has its body handed to the
 * wire at most once, whatever libcurl would repeat. Returns 0 with *ret, -errno. @request is
 * borrowed during the call only, the reply during @done. */
int http_send(struct http *h, const struct exchange_request *request,
	const struct http_options *options, http_handler done, void *userdata,
	struct http_slot **ret);

/* Cancel, or drop what is done; takes NULL, returns NULL. */
struct http_slot *http_slot_free(struct http_slot *s);
DEFINE_CLEANUP(struct http_slot, http_slot_free)
