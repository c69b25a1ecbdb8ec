/* SPDX-License-Identifier: BSD-2-Clause */

/* The notification protocol of the service manager, sd_notify(3). Each call is told once and not
 * checked: a manager that does not listen must not stop the work, and without one there is none to
 * tell. */

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "base/now.h"
#include "base/text.h"
#include "host/ready.h"

/* systemctl status shows one line. */
#define READY_STATUS_MAX 512

void ready_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void ready_status(const char *text)
{
	char line[READY_STATUS_MAX];

	text_clean(line, sizeof(line), text, strlen(text));
	(void)sd_notifyf(0, "STATUS=%s", line);
}

void ready_extend(uint64_t usec)
{
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, usec);
}

void ready_reloading(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail for this clock */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)now.tv_sec * USEC_PER_S + (uint64_t)now.tv_nsec / 1000);
}

void ready_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}
