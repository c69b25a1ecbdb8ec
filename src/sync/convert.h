/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "sync/csv.h"
#include "sync/map.h"
#include "sync/row.h"
#include "sync/settings.h"

/* From a record of the source to a row for the target: values in the target's form, and what is to
 * be done with them.
 *
 * Datetimes become UTC with Z, dates stay, numbers and booleans of CSV become JSON ones, an empty
 * cell of CSV is null. A text that is longer than its field is cut or left out, by on_too_long. */

/* Of one record of a query reply, related objects nested. Returns 0 with *ret; -EBADMSG with
 * @reterr where it has no usable Id or SystemModstamp; -ENOMEM. */
int convert_record(const struct map *m, const struct sync_settings *settings,
	const struct json *record, struct row **ret, struct fault *reterr);

/* Of one line of bulk results under the header @columns; as above. */
int convert_line(const struct map *m, const struct sync_settings *settings,
	const struct csv_line *columns, const struct csv_line *line, struct row **ret,
	struct fault *reterr);
