# SPDX-License-Identifier: BSD-2-Clause
"""Makefile.am lists every file, and no file that is not there. A listed program names its source, unless
it has a list of sources; a listed directory names all that is in it."""

import os
import re

import lint

BUILD = "Makefile.am"
TOPS = ("src", "tests", "conf", "man")
MADE = (".o", ".a", ".log", ".trs", ".Po", ".dirstamp")


def listed(root):
    text = re.sub(r"^\s*#.*$", "", lint.read(root, BUILD), flags=re.MULTILINE)
    return {w for w in re.findall(r"[\w./-]+", text) if w.startswith(tuple(t + "/" for t in TOPS))}


def is_source(root, path):
    """Not something a build inside the tree has left: an object, a program."""
    full = os.path.join(root, path)
    if path.endswith(MADE) or os.path.exists(full + ".c"):
        return False
    with open(full, "rb") as f:
        return f.read(4) != b"\x7fELF"


def is_named(path, names):
    directory = path
    while directory:
        if directory in names:
            return True
        directory = os.path.dirname(directory)
    return path.endswith(".c") and path[: -len(".c")] in names


def is_there(root, name):
    if os.path.exists(os.path.join(root, name)) or os.path.exists(os.path.join(root, name + ".c")):
        return True
    return re.sub(r"\W", "_", name) + "_SOURCES" in lint.read(root, BUILD)


def check(root):
    names = listed(root)
    complaints = []
    for top in TOPS:
        for path in lint.files(root, top, ""):
            if is_source(root, path) and not is_named(path, names):
                complaints.append(f"{path} is not in {BUILD}")
    complaints += [f"{BUILD}: {n} is not there" for n in sorted(names) if not is_there(root, n)]
    return complaints


lint.run(
    "Makefile.am lists every file",
    check,
    catches={
        "a source that is not listed": {BUILD: "a = src/base/a.c\n", "src/base/b.c": ""},
        "a test that is not listed": {BUILD: "", "tests/unit/test-a.c": ""},
        "a data file that is not listed": {BUILD: "", "tests/scenario/a.txt": ""},
        "a listing in a comment": {BUILD: "# src/base/a.c\n", "src/base/a.c": ""},
        "a listed file that is not there": {BUILD: "a = src/base/a.c\n"},
    },
    accepts={
        "a program without .c": {BUILD: "a = tests/unit/test-a\n", "tests/unit/test-a.c": ""},
        "a program with its sources": {
            BUILD: "P = tests/a\ntests_a_SOURCES = tests/b.c\n",
            "tests/b.c": "",
        },
        "a directory": {BUILD: "a = tests/corpus\n", "tests/corpus/x/1": ""},
    },
)
