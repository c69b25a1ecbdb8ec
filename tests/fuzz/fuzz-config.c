/* SPDX-License-Identifier: BSD-2-Clause */

/* Any bytes as grantd.yaml(5): they are refused with a fault, or come to values that, shown and
 * read again, are the same. */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SHOWN_MAX (16u * CONFIG_SIZE_MAX)

/* A secret in the file is not shown, and then the client authentication has nothing to use. */
static bool has_literal(const struct config *c)
{
	for (size_t i = 0; i < c->n_connections; i++)
		if (c->connections[i].client_secret.kind == SOURCE_LITERAL)
			return true;
	return false;
}

static void check_again(const struct config *config)
{
	struct config_faults faults = {0};
	struct config *again = NULL;
	struct buf first = BUF(SHOWN_MAX), second = BUF(SHOWN_MAX);

	assert(config_show(config, &first) == 0);
	if (!has_literal(config) && first.len <= CONFIG_SIZE_MAX) {
		assert(config_parse("again", buf_text(&first), first.len, &again, &faults) == 0);
		assert(config_show(again, &second) == 0);
		assert(strcmp(buf_text(&first), buf_text(&second)) == 0);
		assert(again->n_connections == config->n_connections);
	}
	config_free(again);
	config_faults_done(&faults);
	buf_done(&first);
	buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_faults faults = {0};
	struct config *config = NULL;
	int r = config_parse("fuzz", (const char *)data, size, &config, &faults);

	assert(r == 0 || r == -EINVAL);
	assert((r == 0) == (config != NULL) && (r == 0) == (faults.n == 0));
	if (config)
		check_again(config);
	config_free(config);
	config_faults_done(&faults);
	return 0;
}
