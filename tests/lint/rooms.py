# SPDX-License-Identifier: BSD-2-Clause
"""src/README.md is the plan of the house: it tells each room and each file, `room/stem` standing for
its .c and its .h, once and with a word on it, and nothing that is not there."""

import os
import re

import lint

PLAN = "src/README.md"
LINES_MAX = 60


def check(root):
    plan = lint.read(root, PLAN)
    rooms = set(re.findall(r"^- \*\*(\w+)/\*\*", plan, re.MULTILINE))
    told = re.findall(r"^  - .*", plan, re.MULTILINE)
    named = re.findall(r"`(\w+/[\w-]+)`(?=(?:, `\w+/[\w-]+`)*: \w)", "\n".join(told))
    there = {os.path.splitext(p[len("src/") :])[0] for p in lint.files(root, "src", ".c", ".h")}
    complaints = [f"{PLAN}: {stem} is not told" for stem in sorted(there - set(named))]
    complaints += [f"{PLAN}: {stem} is not there" for stem in sorted(set(named) - there)]
    complaints += [f"{PLAN}: {stem} is told twice" for stem in set(named) if named.count(stem) > 1]
    for room in sorted({stem.split("/")[0] for stem in there} ^ rooms):
        complaints.append(f"{PLAN}: room {room} is told but not there, or there but not told")
    if plan.count("\n") > LINES_MAX:
        complaints.append(f"{PLAN}: {plan.count(chr(10))} lines, more than {LINES_MAX}")
    return complaints


GOOD = "- **base/** room\n  - `base/a`: why\n"

lint.run(
    "the plan of the house is complete",
    check,
    catches={
        "a file that is not told": {PLAN: GOOD, "src/base/a.c": "", "src/base/b.h": ""},
        "a file that is not there": {PLAN: GOOD + "  - `base/b`: why\n", "src/base/a.c": ""},
        "a file told twice": {PLAN: GOOD + "  - `base/a`: why\n", "src/base/a.c": ""},
        "a file told without a word": {PLAN: "- **base/** room\n  - `base/a`:\n", "src/base/a.c": ""},
        "a room that is not told": {PLAN: "  - `base/a`: why\n", "src/base/a.c": ""},
        "a plan of 61 lines": {PLAN: GOOD + "\n" * 59, "src/base/a.c": ""},
    },
    accepts={
        "a complete plan": {PLAN: GOOD, "src/base/a.c": "", "src/base/a.h": ""},
        "several files told on a line": {
            PLAN: GOOD.replace(": why", ", `base/b`: why; `base/c`: why"),
            "src/base/a.c": "",
            "src/base/b.c": "",
            "src/base/c.c": "",
        },
    },
)
