#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What README.md shows works as it is shown."""

import os
import re
import subprocess
import sys
import tempfile

from lib import GRANTCTL, GRANTD, HERE  # first: it finds the others
from tap import behaviour, equal, run, true, within

TOP = os.path.join(HERE, "..", "..")
with open(os.path.join(TOP, "README.md"), encoding="utf-8") as readme:
    TEXT = readme.read()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def check(configuration):
    """The faults that grantd --check finds."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(configuration)
        f.flush()
        done = subprocess.run([GRANTD, "--check", "--config", f.name], capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr.splitlines()


@behaviour("the first configuration is accepted, but for files that are not there")
def _():
    example, = blocks("yaml")
    status, faults = check(example)
    equal(status, 2)
    for fault in faults:
        within(fault, ["No such file or directory"])
    with tempfile.NamedTemporaryFile("w", suffix=".secret") as secret:
        secret.write("x\n")
        secret.flush()
        equal(check(example.replace("/etc/grantd/crm.secret", secret.name)), (0, []))


@behaviour("every verb of the table is one of grantctl, with the options shown")
def _():
    rows = re.findall(r"^\| `([a-z]+)([^`]*)` \|", TEXT, re.MULTILINE)
    true(len(rows) > 5, "the table was found")
    for verb, rest in rows:
        done = subprocess.run([GRANTCTL, verb, "--help"], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
        equal(done.returncode, 0, f"exit status of {verb} --help")
        for option in re.findall(r"--[a-z-]+", rest):
            within(done.stdout, [option], f"help of {verb}")


@behaviour("the programs it tells to run are there")
def _():
    for path in re.findall(r"^(tests/[a-z]+|\./[a-z.]+)", "\n".join(blocks("sh")), re.MULTILINE):
        true(os.access(os.path.join(TOP, path), os.X_OK), path)


if __name__ == "__main__":
    sys.exit(run())
