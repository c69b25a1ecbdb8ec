#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""No secret in a log, on disk in clear, in a message to the service manager or in an argument."""

import base64
import binascii
import fcntl
import os
import subprocess
import sys
import urllib.parse

from lib import GRANTCTL, STRANGER, Rig  # first: it finds the others
from tap import behaviour, equal, run, true


def encodings(secret):
    """How a secret may look when it gets out: raw, URL-encoded, hexadecimal, and base64 at each
    of the three places it may start at in a longer text."""
    raw = secret.encode()
    yield raw
    yield urllib.parse.quote(secret, safe="").encode()
    yield urllib.parse.quote_plus(secret).encode()
    yield binascii.hexlify(raw)
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        # The first and last groups mix with what stands around.
        middle = whole[4 if before else 0:(len(before * b"x" + raw) // 3) * 4]
        yield middle
        yield middle.replace(b"+", b"-").replace(b"/", b"_")


def find_secrets(secrets, data):
    """What kinds of secret are in the data, in whatever encoding."""
    return sorted({kind for secret, kind in secrets.items()
                   if any(form in data for form in encodings(secret))})


def files_below(directory):
    for top, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path):
                yield path


def full_life(rig):
    """A grant's life with everything that might be tempted to log: errors, retries, revocation."""
    agent = rig.start(crm=rig.connection(),
                      post=rig.connection(client_auth="client_secret_post"))
    rig.provider.order("token", {"status": 500}, {"body": "<html>"})
    rig.approve("crm")
    rig.approve("post")
    for name in ("crm", "post"):
        equal(agent.ctl("refresh", name).returncode, 0)
        equal(agent.ctl("token", name, "--json").returncode, 0)
    leaky = {"access_token": "leaky-access-token-0123456789", "expires_in": {"a": []},
             "refresh_token": ["leaky-refresh-token-0123456789"], "error_description": "x"}
    rig.provider.order("token", {"body": leaky}, {"status": 400, "body": leaky},
                       {"process": True, "close": True}, {"stall_after": 60})
    for _ in range(2):
        agent.ctl("refresh", "post")
    agent.kill()
    rig.provider.control("clear")
    agent.start()
    agent.ctl("refresh", "crm")
    return agent


def secrets_of(rig):
    return {**rig.provider.control("secrets"),
            "leaky-access-token-0123456789": "access_token of a broken reply",
            "leaky-refresh-token-0123456789": "refresh_token of a broken reply"}


@behaviour("the search itself finds a secret in each encoding and at each place")
def _():
    secret = "s3cret/+value~with ten%"
    pairs = {secret: "x"}
    for around in (b"", b"a", b"ab", b"abc"):
        for encode in (bytes, base64.b64encode, base64.urlsafe_b64encode, binascii.hexlify):
            data = b"log: " + encode(around + secret.encode() + around) + b"\n"
            equal(find_secrets(pairs, data), ["x"], f"{around} {encode}")
    equal(find_secrets(pairs, urllib.parse.quote_plus(secret).encode()), ["x"])
    equal(find_secrets(pairs, b"nothing"), [])


@behaviour("no secret is in the log at GRANTD_LOG=debug through a whole life with faults")
def _():
    with Rig() as rig:
        agent = full_life(rig)
        agent.ctl("revoke", "crm")
        agent.stop()
        log = agent.log()
        true(len(log) > 200, "the log has something in it")
        secrets = secrets_of(rig)
        kinds = set(secrets.values())
        true({"access_token", "refresh_token", "device_code", "client_secret",
              "code_verifier"} <= kinds, f"secrets of each kind: {kinds}")
        equal(find_secrets(secrets, log.encode()), [])


@behaviour("no secret is in clear in any file below the state and runtime directories")
def _():
    with Rig() as rig:
        agent = full_life(rig)
        secrets = secrets_of(rig)
        files = [*files_below(agent.state), *files_below(agent.runtime)]
        true(files, "there are files")
        for path in files:
            with open(path, "rb") as f:
                equal(find_secrets(secrets, f.read()), [], os.path.basename(path))


@behaviour("the state directory and its files are for the agent's user only")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for path in (agent.state, *files_below(agent.state)):
            equal(oct(os.stat(path).st_mode & 0o077), "0o0", os.path.basename(path))


@behaviour("no secret in a message to the service manager, status, argument or environment")
def _():
    with Rig() as rig:
        agent = rig.approved()
        secrets = secrets_of(rig)
        told = "\n".join(agent.ear.heard(""))
        equal(find_secrets(secrets, told.encode()), [], "sd_notify")
        equal(find_secrets(secrets, str(agent.status()).encode()), [], "status")
        # Its own user can't even read the environment: it is not dumpable.
        for entry in ("cmdline", "environ") if os.geteuid() == 0 else ("cmdline",):
            with open(f"/proc/{agent.process.pid}/{entry}", "rb") as f:
                equal(find_secrets(secrets, f.read()), [], entry)


@behaviour("the process can't be traced by its user and leaves no core")
def _():
    with Rig() as rig:
        agent = rig.approved()
        with open(f"/proc/{agent.process.pid}/limits", encoding="ascii") as f:
            core, = (line.split() for line in f if line.startswith("Max core file size"))
        equal(core[4], "0", "soft limit of core files")
        owner = os.stat(f"/proc/{agent.process.pid}/environ").st_uid
        equal(owner, 0, "owner of /proc/PID/environ of a process that is not dumpable")


@behaviour("what grantctl reads can't be read by others of its user, and is in no core of it")
def _():
    with Rig() as rig:
        agent = rig.approved()
        process = subprocess.Popen([GRANTCTL, "--runtime", agent.runtime, "paste", "crm", "-"], user=STRANGER,
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            size = fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, 4096)
            os.write(process.stdin.fileno(), b"x" * (size + 1))  # returns once some of it was read
            owner = os.stat(f"/proc/{process.pid}/environ").st_uid
        finally:
            process.kill()
            process.communicate()
        equal(owner, 0, "owner of /proc/PID/environ of a process that is not dumpable")


if __name__ == "__main__":
    sys.exit(run())
