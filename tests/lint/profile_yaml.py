# SPDX-License-Identifier: BSD-2-Clause
"""Reads conf/profiles/*.yaml: as much of YAML as those are written in. At the left edge `key: value`,
and below a key either more of `key: value` or items `- value`; a value is a word, a text in double
quotes, [a, b] or {key: value}, which may go on over lines."""

import glob
import os
import re

from lint import ROOT, read

FOLDER = "conf/profiles"
TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[\[\]{},]|[^\s"\[\]{},][^\n,\]}]*)')


class Broken(ValueError):
    pass


def text_of(token):
    """A quoted text, its line breaks folded, or a word."""
    if token.startswith('"'):
        return re.sub(r"\s*\n\s*", " ", token[1:-1]).replace('\\"', '"').replace("\\\\", "\\")
    return token.strip()


class Flow:
    """A value, read from the left."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def token(self, pattern=TOKEN):
        match = pattern.match(self.text, self.at)
        if not match:
            raise Broken(f"can't read {self.text[self.at:self.at + 40]!r}")
        self.at = match.end()
        return match.group(1)

    def value(self):
        token = self.token()
        if token == "[":
            return self.items("]", self.value)
        if token == "{":
            return dict(self.items("}", self.pair))
        return text_of(token)

    def pair(self):
        key = self.token(re.compile(r'\s*("[^"]*"|[\w-]+):(?=\s)'))
        return text_of(key), self.value()

    def items(self, end, one):
        found = []
        while not re.compile(r"\s*" + re.escape(end)).match(self.text, self.at):
            found.append(one())
            if not re.compile(r"\s*[,\]}]").match(self.text, self.at):
                raise Broken(f"no comma: {self.text[self.at:self.at + 40]!r}")
            if re.compile(r"\s*,").match(self.text, self.at):
                self.token()
        self.token()
        return found

    def whole(self):
        found = self.value()
        if self.text[self.at:].strip():
            raise Broken(f"more than a value: {self.text!r}")
        return found


def block(lines):
    """What stands below a key: items, or keys."""
    entries = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if indent == 2:
            entries.append(line[2:])
        elif entries:
            entries[-1] += "\n" + line
        else:
            raise Broken(f"can't read {line!r}")
    if entries and entries[0].startswith("- "):
        return [Flow(e[2:]).whole() for e in entries]
    return dict(Flow("{" + e + "}").value().popitem() for e in entries)


def parse(text):
    lines = [l for l in text.splitlines() if l.strip() and not l.lstrip().startswith("#")]
    found, at = {}, 0
    while at < len(lines):
        key, separator, rest = lines[at].partition(":")
        end = at + 1
        while end < len(lines) and lines[end].startswith(" "):
            end += 1
        if not separator or key in found:
            raise Broken(f"no key, or one more time: {lines[at]!r}")
        below = lines[at + 1:end]
        found[key] = Flow("\n".join([rest, *below])).whole() if rest.strip() else block(below)
        at = end
    return found


def profiles(root=ROOT):
    """All of them, by name."""
    paths = sorted(glob.glob(os.path.join(root, FOLDER, "*.yaml")))
    return {os.path.basename(p)[:-len(".yaml")]: parse(read(root, os.path.relpath(p, root)))
            for p in paths}
