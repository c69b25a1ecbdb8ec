# SPDX-License-Identifier: BSD-2-Clause
"""Words that may not stand in the tree, and lines that must stand in every file."""

import os
import re

import lint

# Functions, the files that may call them all the same, and where the ban holds.
EVERYWHERE = ("src/", "tests/")
BANNED = [
    (r"strcpy|strcat|v?sprintf|strtok(?:_r)?|atoi|atol|atoll|atof", (), EVERYWHERE),
    (r"gets|v?f?scanf|system|popen|alloca", (), EVERYWHERE),
    (r"sleep|usleep|nanosleep|clock_nanosleep", (), EVERYWHERE),
    (r"strto(?:l|ll|ul|ull|d|f|ld|imax|umax)|v?sscanf", ("src/base/text.c",), ("src/",)),
    (
        r"malloc|calloc|realloc|reallocarray|strn?dup|free|v?asprintf|getline|getdelim",
        ("src/base/mem.c", "src/base/cleanup.h"),  # the latter has a macro parameter `free`
        ("src/",),
    ),
    (r"memset|bzero|explicit_bzero", ("src/base/mem.c",), ("src/",)),
]

MARKS = re.compile(r"\b(?:T[O]DO|FIX[M]E|X[X]X)\b")
SPDX = "SPDX-License-Identifier: BSD-2-Clause"
SLEEP_IN_SCRIPT = re.compile(r"^[^#\n]*\bsleep\b(?!\w)", re.MULTILINE)


def complain(path, text, position, what):
    return f"{path}:{lint.line_of(text, position)}: {what}"


def functions(path, text):
    code = lint.code_only(text)
    for names, exceptions, places in BANNED:
        if path in exceptions or not path.startswith(places):
            continue
        for match in re.finditer(rf"(?<![\w.>])({names})\s*\(", code):
            yield complain(path, text, match.start(), f"{match.group(1)}() is banned")


def line_comments(path, text):
    for match in lint.TOKEN.finditer(text):
        if match.group(0).startswith("//"):
            yield complain(path, text, match.start(), "comments are written /* … */")


def sleeps(path, text):
    for match in SLEEP_IN_SCRIPT.finditer(text):
        yield complain(path, text, match.start(), "a test waits for an event, it does not sleep")


def first_line(path, text):
    lines = text.split("\n")
    if lines[0].startswith("#!"):
        lines.pop(0)
    if not lines or SPDX not in lines[0]:
        yield f"{path}:1: the first line is not {SPDX}"


def once(path, text):
    if path.endswith(".h") and "\n#pragma once\n" not in text:
        yield f"{path}:1: no #pragma once"


def marks(path, text):
    for match in MARKS.finditer(text):
        yield complain(path, text, match.start(), f"{match.group(0)} in the tree")


def is_code(root, path):
    """C, and scripts, which may go without a suffix."""
    if "." in os.path.basename(path):
        return path.endswith((".c", ".h", ".js", ".mjs", ".py", ".sh"))
    with open(os.path.join(root, path), "rb") as f:
        return f.read(2) == b"#!"


def check(root):
    complaints = []
    for top in ("src", "tests"):
        for path in lint.files(root, top, ""):
            if not is_code(root, path):
                continue
            text = lint.read(root, path)
            complaints += [*first_line(path, text), *marks(path, text)]
            if path.endswith((".c", ".h")):
                complaints += [
                    *functions(path, text),
                    *line_comments(path, text),
                    *once(path, text),
                ]
            elif not path.startswith("tests/lint/"):
                complaints += sleeps(path, text)
    return complaints


C = f"/* {SPDX} */\n"
S = f"# {SPDX}\n"

lint.run(
    "nothing banned stands in src/ and tests/",
    check,
    catches={
        "strcpy": {"src/base/a.c": C + "\tstrcpy(a, b);\n"},
        "a banned function in a test": {"tests/unit/a.c": C + "\tsprintf(a, b);\n"},
        "strtoul outside base/text.c": {"src/base/a.c": C + "\tx = strtoul(a, NULL, 10);\n"},
        "bare malloc": {"src/host/a.c": C + "\tp = malloc (3);\n"},
        "bare free after a cast": {"src/host/a.c": C + "\t(void)free(p);\n"},
        "memset": {"src/oauth/a.c": C + "\tmemset(key, 0, 32);\n"},
        "sleep in a test in C": {"tests/host/a.c": C + "\tusleep(1);\n"},
        "sleep in a test in Python": {"tests/e2e/a.py": S + "time.sleep(1)\n"},
        "sleep in a test in sh": {"tests/e2e/a.sh": S + "sleep 1\n"},
        "a line comment": {"src/base/a.c": C + "int a; // why\n"},
        "a note to self": {"src/base/a.c": C + "/* TO" + "DO: all */\n"},
        "a missing licence": {"src/base/a.c": "int a;\n"},
        "a missing licence below #!": {"tests/e2e/a": "#!/bin/sh\ntrue\n"},
        "a header without #pragma once": {"src/base/a.h": C + "int a;\n"},
    },
    accepts={
        "banned words in comments and strings": {
            "src/base/a.c": C + '/* malloc(3) */ char *a = "// free(x) \\" sprintf(";\n'
        },
        "names that only end like banned ones": {
            "src/base/a.c": C + "\tmem_free(p);\n\tx->free(p);\n\ty.system(1);\n"
        },
        "the allocator": {"src/base/mem.c": C + "\tfree(malloc(1));\n"},
        "a licence below #!": {"tests/e2e/a.sh": "#!/bin/sh\n" + S},
    },
)
