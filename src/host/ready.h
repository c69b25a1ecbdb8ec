/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* The service manager's ear (sd_notify(3)); all are no-ops without $NOTIFY_SOCKET. */
void ready_ready(void);              /* READY=1 */
void ready_status(const char *text); /* STATUS= one line */
void ready_extend(uint64_t usec);    /* EXTEND_TIMEOUT_USEC= */
void ready_reloading(void);          /* RELOADING=1 with MONOTONIC_USEC= */
void ready_stopping(void);           /* STOPPING=1 */
