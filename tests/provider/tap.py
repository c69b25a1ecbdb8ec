# SPDX-License-Identifier: BSD-2-Clause
"""A table of behaviours, told as TAP: each says in a reader's words what is true."""

import sys
import traceback

_behaviours = []


class Skip(Exception):
    """This machine can't show the behaviour; the text says why."""


def behaviour(says):
    """Decorator: this function shows that the sentence is true."""
    def add(function):
        _behaviours.append((says, function))
        return function
    return add


def equal(have, want, about=""):
    if have != want:
        raise AssertionError(f"{about or 'value'} is {have!r}, not {want!r}")


def true(have, about):
    if not have:
        raise AssertionError(f"not true: {about} ({have!r})")


def within(have, needles, about=""):
    """Does the text hold one of the needles?"""
    if not any(needle in have for needle in needles):
        raise AssertionError(f"{about or 'text'} {have!r} has none of {needles!r}")


def diagnose(text):
    for line in str(text).splitlines():
        print(f"# {line}")


def run():
    """Run all behaviours; the exit status of the program. Names as arguments select by text."""
    wanted = sys.argv[1:]
    chosen = [b for b in _behaviours if not wanted or any(w in b[0] for w in wanted)]
    print(f"1..{len(chosen)}")
    failed = 0
    for number, (says, function) in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - {says}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {says} # SKIP {reason}", flush=True)
        except Exception:  # whatever went wrong, the next behaviour has its turn
            diagnose(traceback.format_exc())
            print(f"not ok {number} - {says}", flush=True)
            failed += 1
    return 1 if failed else 0
