/* SPDX-License-Identifier: BSD-2-Clause */

/* The user database, getpwnam(3) and getgrnam(3). */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "host/users.h"

static bool parse_id(const char *name, uint32_t *ret)
{
	uint64_t id;

	/* The highest number means "no one" to the kernel. */
	if (text_parse_u64(name, &id) < 0 || id >= UINT32_MAX)
		return false;
	*ret = (uint32_t)id;
	return true;
}

int users_uid(const char *name, uid_t *ret)
{
	const struct passwd *entry;

	if (parse_id(name, ret))
		return 0;
	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno > 0 && errno != ENOENT ? -errno : -ESRCH;
	*ret = entry->pw_uid;
	return 0;
}

int users_gid(const char *name, gid_t *ret)
{
	const struct group *entry;

	if (parse_id(name, ret))
		return 0;
	errno = 0;
	entry = getgrnam(name);
	if (!entry)
		return errno > 0 && errno != ENOENT ? -errno : -ESRCH;
	*ret = entry->gr_gid;
	return 0;
}
