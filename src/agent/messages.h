/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* MESSAGE_ID= of what the journal may be searched for, one for each kind of event; grantd(8). */
#define MESSAGE_STATE     "3a0a4b61c1b94a1b8f6a0a0d9b1e5c01" /* a connection changed its state */
#define MESSAGE_FAULT     "3a0a4b61c1b94a1b8f6a0a0d9b1e5c02" /* a connection has a fault */
#define MESSAGE_RECOVERED "3a0a4b61c1b94a1b8f6a0a0d9b1e5c03" /* the fault is gone */
#define MESSAGE_APPROVAL  "3a0a4b61c1b94a1b8f6a0a0d9b1e5c04" /* an approval is waited for */
#define MESSAGE_ASIDE     "3a0a4b61c1b94a1b8f6a0a0d9b1e5c05" /* a record was put aside */
#define MESSAGE_HANDOUT   "3a0a4b61c1b94a1b8f6a0a0d9b1e5c06" /* a token was handed to a program */
#define MESSAGE_REFUSED   "3a0a4b61c1b94a1b8f6a0a0d9b1e5c07" /* a program was refused */
#define MESSAGE_RELOAD    "3a0a4b61c1b94a1b8f6a0a0d9b1e5c08" /* the configuration was read again */
#define MESSAGE_AGENT     "3a0a4b61c1b94a1b8f6a0a0d9b1e5c09" /* the agent started or stopped */
#define MESSAGE_IDENTITY  "3a0a4b61c1b94a1b8f6a0a0d9b1e5c10" /* what became of an approver */
#define MESSAGE_COMMAND   "3a0a4b61c1b94a1b8f6a0a0d9b1e5c0a" /* an operator gave a command */
#define MESSAGE_SYNC      "3a0a4b61c1b94a1b8f6a0a0d9b1e5c0f" /* a sync is at another stage, or ended */
#define MESSAGE_REVOKED   "3a0a4b61c1b94a1b8f6a0a0d9b1e5c0b" /* a grant was revoked or forgotten */
