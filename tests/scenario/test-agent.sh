#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
exec tests/scenario/scenario-agent "${srcdir:-.}"/tests/scenario/stories/*.scn
