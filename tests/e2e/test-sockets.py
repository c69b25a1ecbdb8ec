#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who may ask what of the sockets, and what nonsense does to them."""

import json
import os
import random
import shutil
import socket
import stat
import sys

from lib import GRANTCTL, STRANGER, Rig, VarlinkError, as_stranger  # first: it finds the others
from tap import Skip, behaviour, diagnose, equal, run, true

FRAMES = 100_000
SEED = 20261123
OPERATOR_WORDS = ("verification_uri", "verification_uri_complete", "user_code")


def need_root():
    if os.geteuid() != 0:
        raise Skip("only root can become another user")


def stranger_ctl(rig, *arguments, uid=STRANGER):
    """grantctl as a user who is neither root nor an operator."""
    need_root()
    program = os.path.join(rig.home, "grantctl")
    if not os.path.exists(program):
        shutil.copy(GRANTCTL, program)
        os.chmod(program, 0o755)
    return as_stranger([program, *arguments, "--runtime", rig.agent.runtime], uid)


@behaviour("both sockets are there for everybody, in a directory only the agent writes in")
def _():
    with Rig() as rig:
        rig.start()
        for name in ("status", "control"):
            mode = stat.S_IMODE(os.stat(rig.agent.socket_path(name)).st_mode)
            equal(oct(mode), oct(0o666), name)


@behaviour("a user who is not in `allow` is refused the token: exit 4, org.grantd.NotPermitted")
def _():
    with Rig() as rig:
        need_root()
        agent = rig.approved(crm=rig.connection(allow={"users": ["daemon"]}))
        answer = stranger_ctl(rig, "token", "crm")
        equal((answer.returncode, answer.stdout), (4, ""))
        for verb in (("login", "crm", "--no-wait"), ("refresh", "crm"), ("revoke", "crm"),
                     ("reload",)):
            equal(stranger_ctl(rig, *verb).returncode, 4, verb[0])
        equal(agent.connection("crm")["usable"], True)


@behaviour("a user in `allow` gets the token, and may not revoke, reload or log in")
def _():
    with Rig() as rig:
        need_root()
        rig.approved(crm=rig.connection(allow={"users": ["daemon"]}))
        answer = stranger_ctl(rig, "token", "crm", uid=1)
        equal(answer.returncode, 0, answer.stderr)
        true(rig.introspect(answer.stdout.strip()), "active")
        for verb in (("login", "crm", "--no-wait"), ("revoke", "crm"), ("reload",)):
            equal(stranger_ctl(rig, *verb, uid=1).returncode, 4, verb[0])


@behaviour("a group in `allow` is enough")
def _():
    with Rig() as rig:
        need_root()
        rig.approved(crm=rig.connection(allow={"groups": ["daemon"]}))
        equal(stranger_ctl(rig, "token", "crm", uid=1).returncode, 0)
        equal(stranger_ctl(rig, "token", "crm").returncode, 4)


@behaviour("status.sock shows no code to anybody, control.sock only to operators")
def _():
    with Rig() as rig:
        need_root()
        agent = rig.start()
        code = rig.code()
        equal(agent.connection("crm")["approval"]["user_code"], code, "to root on control.sock")
        shown = agent.status("status")["connections"][0]["approval"]
        equal([shown.get(word) for word in OPERATOR_WORDS], [None] * 3, "on status.sock")
        equal(shown["kind"], "device")
        true(shown["expires_at"].endswith("Z"), "expires_at is shown")
        answer = stranger_ctl(rig, "status", "--json")
        equal(answer.returncode, 0, answer.stderr)
        true(code not in answer.stdout, "no code for a stranger")
        theirs = json.loads(answer.stdout)["connections"][0]
        equal(theirs["state"], "awaiting_approval")
        equal([(theirs["approval"] or {}).get(word) for word in OPERATOR_WORDS], [None] * 3)


@behaviour("status.sock takes no command")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for method in ("GetToken", "Refresh", "Revoke", "Login"):
            with agent.varlink("status") as client:
                try:
                    client.call(f"org.grantd.Control.{method}", name="crm")
                except VarlinkError as error:
                    equal(error.error, "org.varlink.service.InterfaceNotFound", method)
                    continue
                raise AssertionError(f"{method} was answered")
        equal(agent.connection("crm")["usable"], True)


@behaviour("org.varlink.service is answered on both sockets")
def _():
    with Rig() as rig:
        agent = rig.start()
        for name, interface in (("status", "org.grantd.Status"), ("control", "org.grantd.Control")):
            with agent.varlink(name) as client:
                info = client.call("org.varlink.service.GetInfo")
                equal(info["product"], "grantd")
                true(interface in info["interfaces"], interface)
                text = client.call("org.varlink.service.GetInterfaceDescription",
                                   interface=interface)["description"]
                true(f"interface {interface}\n" in text, "description")


@behaviour("unknown methods, names and parameters are told apart")
def _():
    cases = (("org.grantd.Control.Nothing", {}, "org.varlink.service.MethodNotFound"),
             ("org.example.Nothing", {}, "org.varlink.service.InterfaceNotFound"),
             ("org.grantd.Control.GetToken", {"name": "no"}, "org.grantd.NoSuchConnection"),
             ("org.grantd.Control.GetToken", {}, "org.varlink.service.InvalidParameter"),
             ("org.grantd.Control.GetToken", {"name": 5}, "org.varlink.service.InvalidParameter"),
             ("org.grantd.Control.GetToken", {"name": "crm", "colour": 1},
              "org.varlink.service.InvalidParameter"),
             ("org.grantd.Status.Watch", {}, "org.varlink.service.ExpectedMore"))
    with Rig() as rig:
        with rig.start().varlink() as client:
            for method, parameters, wanted in cases:
                try:
                    client.call(method, **parameters)
                except VarlinkError as error:
                    equal(error.error, wanted, f"{method} {parameters}")
                    continue
                raise AssertionError(f"{method} {parameters} was answered")


@behaviour("calls sent in one piece are answered in their order, and oneway not at all")
def _():
    with Rig() as rig:
        with rig.start().varlink() as client:
            info = {"method": "org.varlink.service.GetInfo"}
            status = {"method": "org.grantd.Status.Get", "parameters": {}}
            calls = [info, {**info, "oneway": True}, status, info]
            client.socket.sendall(b"".join(json.dumps(c).encode() + b"\0" for c in calls))
            replies = [client.receive() for _ in range(3)]
            equal(["vendor" in r for r in replies], [True, False, True])


def random_frame(chance):
    """Bytes, nearly JSON, or a call that nobody has thought of; without a NUL."""
    kind = chance.randrange(4)
    if kind == 0:
        return bytes(chance.randrange(1, 256) for _ in range(chance.randrange(1, 40)))
    call = {"method": chance.choice(METHODS), "parameters": random_value(chance, 3)}
    if chance.random() < 0.3:
        # Never "more": a Watch is answered without end, and what follows it is not read.
        call[chance.choice(("More", "oneway", "upgrade", "x"))] = chance.choice((True, False, 1))
    text = json.dumps(call).encode()
    if kind == 1:
        at = chance.randrange(len(text))
        return text[:at] + bytes([chance.randrange(1, 256)]) + text[at + chance.randrange(3):]
    return text


METHODS = ("org.grantd.Status.Get", "org.grantd.Control.GetToken", "org.grantd.Control.Login",
           "org.grantd.Status.Watch", "org.varlink.service.GetInfo", "org.grantd.Control.x", "",
           "a.b", "org.varlink.service.GetInterfaceDescription", "\ud83d\ude00")


def random_value(chance, depth):
    kind = chance.randrange(8 if depth else 6)
    if kind == 6:
        return [random_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 7:
        return {chance.choice(("name", "names", "min_valid_s", "cancel", "", "x")):
                random_value(chance, depth - 1) for _ in range(chance.randrange(4))}
    return (None, True, -1, 1e308, "crm", "\u0000")[kind]


def throw_frames(path, chance, count):
    """Send so many frames, on a new connection whenever the agent closes one."""
    connections = 0
    sent = 0
    while sent < count:
        connections += 1
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(30)
            s.connect(path)
            sent += throw_until_closed(s, chance, count - sent)
    return connections


def throw_until_closed(s, chance, count):
    """Frames one by one, taking the replies away, until the agent closes. Returns how many."""
    for sent in range(count):
        try:
            s.sendall(random_frame(chance) + b"\0")
            s.setblocking(False)
            try:
                if not s.recv(1 << 20):
                    return sent
            except BlockingIOError:
                pass
            s.settimeout(30)
        except (BrokenPipeError, ConnectionResetError):
            return sent
    return count


@behaviour("100,000 random frames on each socket leave it serving")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for name in ("status", "control"):
            chance = random.Random(SEED)
            connections = throw_frames(agent.socket_path(name), chance, FRAMES)
            diagnose(f"{name}.sock: {FRAMES} frames on {connections} connections, seed {SEED}")
            equal(agent.process.poll(), None, "alive")
            true(agent.status(name)["ready"], f"{name}.sock answers, ready")
        equal(agent.ctl("refresh", "crm").returncode, 0)


@behaviour("a frame that never ends, and one that is too long, close that client only")
def _():
    with Rig() as rig:
        agent = rig.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(30)
            s.connect(agent.socket_path())
            try:
                s.sendall(b"x" * (4 << 20))
                equal(s.recv(1), b"", "closed")
            except (BrokenPipeError, ConnectionResetError):
                pass
        equal(agent.status()["version"], 1)


@behaviour("a client that asks and never reads is dropped, and costs the others nothing")
def _():
    with Rig() as rig:
        agent = rig.start()
        call = json.dumps({"method": "org.grantd.Status.Get", "parameters": {}}).encode() + b"\0"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(2)
            s.connect(agent.socket_path())
            try:
                for _ in range(2000):
                    s.sendall(call * 50)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass  # it was stopped, or shut out: both are right
            equal(agent.status()["version"], 1)


@behaviour("Watch tells a change to every watcher, and a watcher that hangs up is forgotten")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.code()
        watchers = [agent.varlink() for _ in range(5)]
        for watcher in watchers:
            watcher.send("org.grantd.Status.Watch", {}, more=True)
            equal(watcher.receive()["connections"][0]["state"], "awaiting_approval")
        watchers.pop().close()
        rig.approve()
        for watcher in watchers:
            while not watcher.receive()["connections"][0]["usable"]:
                pass
            watcher.close()


if __name__ == "__main__":
    sys.exit(run())
