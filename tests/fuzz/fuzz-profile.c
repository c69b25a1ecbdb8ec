/* SPDX-License-Identifier: BSD-2-Clause */

/* Any bytes as the file of a profile (grantd.yaml(5), Profiles), under connections that name it:
 * they are refused with a fault, or come to values that, shown and read over the same profile, are
 * the same. */

#include <errno.h>
#include <string.h>

#include "config/config.h"
#include "fuzz.h"

#define SHOWN_MAX (16u * CONFIG_SIZE_MAX)

/* What one lacks, another has. */
static const char *const files[] = {
	"connections: {plain: {provider: it, client_id: x}}\n",
	"connections: {placed: {provider: it, client_id: x, host: acme, tenant: common}}\n",
	("connections: {own: {provider: it, client_id: x, issuer: 'https://i.example', scopes: [a],\n"
	 " request_parameters: {a: b}, scope_aliases: {a: [b]}, limits: {idle_lifetime: 1d}}}\n"),
};

static struct config *parse(const struct config_profile *profile, const char *text, size_t len)
{
	struct config_faults faults = {0};
	struct config *config = NULL;
	int r = config_parse_with("fuzz", text, len, profile, 1, &config, &faults);

	MUST(r == 0 || r == -EINVAL);
	MUST((r == 0) == (config != NULL) && (r == 0) == (faults.n == 0));
	config_faults_done(&faults);
	return config;
}

static void check_again(const struct config_profile *profile, const struct config *config)
{
	struct config *again;
	struct buf first = BUF(SHOWN_MAX), second = BUF(SHOWN_MAX);

	MUST(config_show(config, &first) == 0);
	if (first.len <= CONFIG_SIZE_MAX) {
		again = parse(profile, buf_text(&first), first.len);
		MUST(again && config_show(again, &second) == 0);
		MUST(strcmp(buf_text(&first), buf_text(&second)) == 0);
		config_free(again);
	}
	buf_done(&first);
	buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_profile profile = {"it", "it.yaml", (const char *)data, size};

	for (size_t i = 0; i < ELEMENTS(files); i++) {
		struct config *config = parse(&profile, files[i], strlen(files[i]));

		if (config)
			check_again(&profile, config);
		config_free(config);
	}
	return 0;
}
