/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>

#include "ctl/client.h"
#include "ctl/options.h"
#include "wire/wire.h"

/* Every verb of grantctl(1). */
extern const struct verb verbs[];
extern const size_t n_verbs;

/* Write @b to stdout. Returns EXIT_DONE, or EXIT_FAILED with the reason in @why; nothing is said of
 * a reader that has gone. */
int verbs_print(const struct buf *b, struct buf *why);

/* Print what a formatter that returned @r made into @out, which is emptied. */
int verbs_print_done(int r, struct buf *out, struct buf *why);
int verbs_print_json(const struct json *j, struct buf *why);

/* Call @method about @name (NULL: nothing named) on @client and await the reply, for ever where
 * @timeout is USEC_NEVER. Takes @parameters. An error reply becomes its exit code. */
int verbs_call(struct client *client, enum wire_method method, const char *name,
	struct json *take_parameters, uint64_t timeout, struct wire_reply *ret, struct buf *why);
