/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "base/now.h"

/* What `grantctl sync` prints, from the replies of org.grantd.Sync; as ctl/show.h. */

int show_syncs(const struct json *reply, struct now now, struct buf *ret);
int show_sync_fields(const struct json *reply, struct now now, struct buf *ret);
int show_sync_failed(const struct json *reply, struct now now, struct buf *ret);
