#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every built-in profile is accepted in each of its flows, with no more than it asks for, and says what
is missing or can't work. That its keys and flags are known is part of that: others are faults."""

import os
import re
import subprocess
import sys
import tempfile

from lib import GRANTD, HERE, yaml  # first: it finds the others
from tap import behaviour, equal, run, true, within

sys.path.insert(0, os.path.join(HERE, "..", "lint"))

import jwt  # noqa: E402
from profile_yaml import FOLDER, ROOT, profiles  # noqa: E402

PROFILES = profiles()
FLOWS = {"device", "paste", "client_credentials", "jwt_bearer"}
HOME = tempfile.TemporaryDirectory(prefix="grantd-profiles-")


def file_of(name, text):
    path = os.path.join(HOME.name, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as f:
        f.write(text)
    return path


SECRET = file_of("secret", "s\n")
KEY = file_of("key.pem", jwt.make_key())


def minimal(name, flow=None):
    """The least that a connection to such a provider says."""
    profile = PROFILES[name]
    flow = flow or profile["flow"]
    given = {"provider": name, "client_id": "c"}
    if flow != profile["flow"]:
        given["flow"] = flow
    if "host" in profile.get("needs", []):
        given["host"] = "a.example.com"
    if "tenant" in profile.get("needs", []):
        given["tenant"] = "t"
    if name == "generic":
        given["issuer"] = "https://a.example.com"
    if flow == "client_credentials":
        given["client_secret"] = {"file": SECRET}
    if flow == "jwt_bearer":
        given["client_key"] = {"file": KEY}
        given["assertion"] = {"subject": "a"}
    if flow == "paste" and "redirect_uri" not in profile:
        given["redirect_uri"] = "https://a.example.com/callback"
    return given


def check(*connections, where="grantd.yaml"):
    """What grantd --check says of these connections, line by line."""
    path = file_of(where, yaml({"connections": {
        f"c{n}": c for n, c in enumerate(connections)}}) + "\n")
    done = subprocess.run([GRANTD, "--check", "--config", path], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL)
    faults = done.stderr.splitlines()
    equal(done.returncode, 2 if faults else 0, f"exit status of {faults}")
    return faults


@behaviour("all 18 are built in: each is accepted in every flow that it says works")
def _():
    equal(len(PROFILES), 18)
    equal(check(*(minimal(n, f) for n, p in PROFILES.items() for f in p["flows"])), [])


@behaviour("another flow is refused, with those that work")
def _():
    for name, profile in PROFILES.items():
        for flow in sorted(FLOWS - set(profile["flows"])):
            told = [f for f in check(minimal(name, flow)) if "does not work with" in f]
            equal(len(told), 1, f"faults of {name} with {flow}")
            for works in profile["flows"]:
                within(told[0], [works])


@behaviour("what a connection has to give is asked for, with an example")
def _():
    for name, profile in PROFILES.items():
        for need in profile.get("needs", []):
            less = {k: v for k, v in minimal(name).items() if k != need}
            told = [f for f in check(less) if f"connections.c0.{need}: missing" in f]
            equal(len(told), 1, f"faults of {name} without {need}")
            within(told[0], [profile[f"{need}_example"]])


@behaviour("what can't work is refused before anything is sent, and says what does")
def _():
    refused = 0
    for name, profile in PROFILES.items():
        for refusal in profile.get("refuse", []):
            bad = {**minimal(name, refusal["flow"]), "host": refusal["host"]}
            within("\n".join(check(bad)), [refusal["say"]])
            refused += 1
    true(refused > 1, "refusals were tried")


@behaviour("a misspelt key or flag in a profile is told with its place")
def _():
    os.makedirs(os.path.join(HOME.name, "profiles"), exist_ok=True)
    with open(os.path.join(ROOT, FOLDER, "github.yaml"), encoding="utf-8") as f:
        text = f.read()
    file_of("profiles/own.yaml", text)
    own = {"provider": "own", "client_id": "c"}
    equal(check(own), [])
    for right, wrong in (("poll_late", "pole_late"), ("flows:", "flowz:"), ("hints:", "hint:")):
        file_of("profiles/own.yaml", text.replace(right, wrong, 1))
        line = text[: text.index(right)].count("\n") + 1
        told = [f for f in check(own) if re.search(rf"own\.yaml:{line}:", f)]
        true(told, f"{wrong} on line {line}")


if __name__ == "__main__":
    sys.exit(run())
