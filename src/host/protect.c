/* SPDX-License-Identifier: BSD-2-Clause */

/* What keeps secrets inside the process; grantd-security(7). */

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/protect.h"

int protect_process(void)
{
	const struct rlimit none = {0, 0};

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Whole pages of @size, at least one. */
static size_t page_floor(size_t size)
{
	size -= size % page_size();
	return size ? size : page_size();
}

/* mlock2() rather than mlock(): pages are taken as they are used, and the sanitizers do not leave
 * it out. */
static bool lock_pages(void *memory, size_t size)
{
	return mlock2(memory, size, MLOCK_ONFAULT) == 0;
}

/* Lock the largest part of @memory from its start that we are allowed to: all of it, else what the
 * limit says, else half and half again, as other memory of ours may count too. */
static size_t lock_most(void *memory, size_t size)
{
	const size_t page = page_size();
	struct rlimit limit;

	if (lock_pages(memory, size))
		return size;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < size)
		size = page_floor((size_t)limit.rlim_cur);
	while (!lock_pages(memory, size)) {
		if (size == page)
			return 0;
		size = page_floor(size / 2);
	}
	return size;
}

int protect_arena(size_t wanted, void **ret, size_t *ret_size, size_t *ret_locked)
{
	const size_t page = page_size();
	const size_t mapped = page_floor(wanted);
	size_t locked, size;
	void *memory;

	memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	locked = lock_most(memory, mapped);
	size = locked ? locked : page;
	if (size < mapped)
		(void)munmap((char *)memory + size, mapped - size); /* only address space */
	/* Kernels without these still give an arena; a child never looks into it. */
	(void)madvise(memory, size, MADV_DONTDUMP);
	(void)madvise(memory, size, MADV_WIPEONFORK);
	*ret = memory;
	*ret_size = size;
	*ret_locked = locked;
	return 0;
}
