# SPDX-License-Identifier: BSD-2-Clause
"""What the lints share. A lint is a function from a tree to a list of complaints; run() first shows
it trees with a planted violation, each of which it must complain about, then the tree itself, and
prints TAP."""

import os
import re
import sys
import tempfile

ROOT = os.environ.get("srcdir") or os.path.join(os.path.dirname(__file__), "..", "..")

TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE,
)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def files(root, top, *suffixes):
    """Paths below @top relative to @root that end in one of @suffixes, sorted."""
    found = []
    for directory, subdirectories, names in os.walk(os.path.join(root, top)):
        subdirectories[:] = sorted(d for d in subdirectories if d != "__pycache__")
        for name in names:
            if name.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(directory, name), root))
    return sorted(found)


def blank(text):
    """@text without anything but its line breaks, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """C without comments and without the inside of strings and character constants."""

    def replace(match):
        token = match.group(0)
        if token.startswith("/"):
            return blank(token)
        return token[0] + blank(token[1:-1]) + token[0]

    return TOKEN.sub(replace, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def plant(tree):
    """Make a temporary tree from a dictionary of path to text."""
    directory = tempfile.TemporaryDirectory(prefix="grantd-lint-")
    for path, text in tree.items():
        full = os.path.join(directory.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
    return directory


class Tap:
    def __init__(self, count):
        self.number = 0
        self.failed = False
        print(f"1..{count}")

    def result(self, good, says, complaints=()):
        self.number += 1
        self.failed = self.failed or not good
        print("ok" if good else "not ok", self.number, "-", says, flush=True)
        for complaint in complaints:
            print("#", complaint, flush=True)

    def done(self):
        sys.exit(1 if self.failed else 0)


def run(says, check, catches, accepts=()):
    """@check(root) on each planted tree of @catches (must complain) and @accepts (must not), both
    dictionaries of description to tree, then on our own."""
    accepts = dict(accepts)
    tap = Tap(len(catches) + len(accepts) + 1)
    for description, tree in catches.items():
        with plant(tree) as root:
            tap.result(check(root) != [], f"catches {description}")
    for description, tree in accepts.items():
        with plant(tree) as root:
            complaints = check(root)
            tap.result(complaints == [], f"accepts {description}", complaints)
    complaints = check(ROOT)
    tap.result(complaints == [], says, complaints)
    tap.done()
