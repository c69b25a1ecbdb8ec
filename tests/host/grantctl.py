#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""grantctl against an agent that answers by script: what it asks, prints, and exits with."""

import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "provider"))
from tap import Skip, behaviour, equal, run, true  # pylint: disable=wrong-import-position

GRANTCTL = os.path.abspath(os.environ.get("GRANTCTL", "./grantctl"))
PATIENCE_S = 60  # of the test for a program that hangs
NOBODY = 65534
CLOSE = object()  # as an answer: close the connection

DEVICE = {
    "kind": "device",
    "verification_uri": "https://login.example/device",
    "verification_uri_complete": None,
    "user_code": "WDJB-MJHT",
    "expires_at": "9999-12-31T23:59:59Z",
}
TOKEN = {
    "access_token": "at-s3cret",
    "token_type": "Bearer",
    "expires_at": "2026-11-23T21:30:10Z",
    "scopes": ["api"],
    "extra": {"instance_url": "https://a.example"},
}


def error(name, /, **parameters):
    return {"error": name, "parameters": parameters}


def reply(parameters, continues=False):
    message = {"parameters": parameters}
    return {**message, "continues": True} if continues else message


def connection(name, **more):
    return {"name": name, "provider": "generic", "flow": "device", "required": True,
            "state": "ready", "usable": True, "since": "2026-11-23T21:30:10Z", "approval": None,
            "scopes": ["api"], "identity": None, "token_expires_at": None, "refresh_at": None,
            "grant_expires_at": None, "fault": None, **more}


def status(ready, *connections):
    return {"version": 1, "ready": ready,
            "agent": {"pid": 812, "version": "0.1", "started_at": "2026-11-23T21:30:10Z",
                      "store_key": "credential"},
            "connections": list(connections), "sync": []}


class Agent:
    """Listens in a runtime directory of its own. To the n-th call it sends the n-th of @answers: a
    message, bytes, CLOSE, a function (called, its result is sent), or a list of those."""

    def __init__(self, *answers, sockets=("control.sock",), below="", uid=None, owner=None):
        self.answers = list(answers)
        self.calls = []
        self.accepted = 0
        self.top = tempfile.mkdtemp(prefix="grantctl-")
        self.directory = os.path.join(self.top, below)
        os.makedirs(self.directory, exist_ok=True)
        os.chmod(self.top, 0o755)
        self.listeners = [self.listen(name, uid) for name in sockets]
        if owner is not None:
            os.chown(self.directory, owner, owner)

    def listen(self, name, uid):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(os.path.join(self.directory, name))
        if uid is not None:  # the kernel shows a client who called listen()
            os.seteuid(uid)
        try:
            listener.listen()
        finally:
            if uid is not None:
                os.seteuid(0)
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()
        return listener

    def serve(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed by the test's end
                return
            self.accepted += 1
            threading.Thread(target=self.attend, args=(client,), daemon=True).start()

    def attend(self, client):
        with client:
            try:
                self.converse(client)
            except (BrokenPipeError, ConnectionResetError):
                pass  # grantctl has had enough

    def converse(self, client):
        pending = b""
        while True:
            while b"\0" not in pending:
                data = client.recv(65536)
                if not data:
                    return
                pending += data
            frame, pending = pending.split(b"\0", 1)
            self.calls.append(json.loads(frame))
            answers = self.answers.pop(0) if self.answers else CLOSE
            for answer in answers if isinstance(answers, list) else [answers]:
                if answer is CLOSE:
                    return
                self.send(client, answer() if callable(answer) else answer)

    @staticmethod
    def send(client, answer):
        if answer is None:
            return
        if not isinstance(answer, bytes):
            answer = json.dumps(answer).encode() + b"\0"
        client.sendall(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        shutil.rmtree(self.top)


def command(*words, runtime=None, program=None, environment=None):
    clean = {k: v for k, v in os.environ.items() if k not in ("GRANTD_RUNTIME", "XDG_RUNTIME_DIR")}
    clean.update(environment or {}, LC_ALL="C")
    runtime = ["--runtime", runtime] if runtime else []
    return {"args": [program or GRANTCTL, *runtime, *words], "env": clean}


def grantctl(*words, agent=None, **more):
    """Run it to its end; the exit code, stdout and stderr."""
    kept = {k: more.pop(k) for k in ("program", "environment") if k in more}
    more.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run(**command(*words, runtime=agent.directory if agent else None, **kept),
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE_S,
                          check=False, **more)
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


def told(code, about, out=""):
    """An exit code with one sentence that says @about on stderr, and @out on stdout."""
    def check(result):
        equal(result[0], code, "exit code")
        equal(result[1], out, "stdout")
        true(result[2].startswith("grantctl: ") and result[2].endswith("\n"), result[2])
        true(about in result[2], result[2])
        true("s3cret" not in result[2], result[2])
    return check


@behaviour("token prints the token and nothing else")
def _():
    with Agent(reply(TOKEN)) as agent:
        equal(grantctl("token", "sf", agent=agent), (0, "at-s3cret\n", ""))
        equal(agent.calls, [{"method": "org.grantd.Control.GetToken",
                             "parameters": {"name": "sf"}}])


@behaviour("token --min-valid asks for seconds")
def _():
    with Agent(reply(TOKEN)) as agent:
        equal(grantctl("token", "--min-valid", "5m", "sf", agent=agent)[0], 0)
        equal(agent.calls[0]["parameters"], {"name": "sf", "min_valid_s": 300})


@behaviour("token --header is an Authorization header, whatever the token's type is called")
def _():
    with Agent(reply({**TOKEN, "token_type": "bearer"})) as agent:
        equal(grantctl("token", "sf", "--header", agent=agent),
              (0, "Authorization: Bearer at-s3cret\n", ""))


@behaviour("token --json is the agent's answer in one line")
def _():
    with Agent(reply(TOKEN)) as agent:
        code, out, _ = grantctl("token", "sf", "--json", agent=agent)
        equal(code, 0)
        equal(out.count("\n"), 1)
        equal(json.loads(out), TOKEN)


@behaviour("a token that would break its line is not printed")
def _():
    for token in ("s3cret\r\nX-Evil: 1", "s3cret\x7f", ""):
        with Agent(reply({**TOKEN, "access_token": token})) as agent:
            told(1, "use --json")(grantctl("token", "sf", "--header", agent=agent))


@behaviour("each error of the agent has its exit code")
def _():
    for answer, code, about in (
            (error("org.grantd.NotPermitted"), 4, "allow"),
            (error("org.grantd.NoSuchConnection", name="sf"), 2, "no connection sf"),
            (error("org.grantd.NotUsable", kind="needs_approval", detail="d", retry_at=None), 3,
             "run: grantctl login sf"),
            (error("org.grantd.NotUsable", kind="wrong_identity", detail="d", retry_at=None), 3,
             "sf: d"),
            (error("org.grantd.NotUsable", kind="misconfigured", detail="d", retry_at=None), 2,
             "grantctl reload"),
            (error("org.grantd.NotUsable", kind="transient", detail="d",
                   retry_at="2026-11-23T21:30:10Z"), 7, "tries again at"),
            (error("org.grantd.NotUsable", kind="storage", detail="d", retry_at=None), 1, "sf: d"),
            (error("org.grantd.TimedOut"), 6, "too long"),
            (error("org.grantd.Busy"), 7, "try again"),
            (error("org.grantd.BadRequest", detail="not now"), 2, "not now"),
            (error("org.grantd.Unheard"), 1, "org.grantd.Unheard"),
            (error("org.varlink.service.MethodNotFound", method="x"), 1, "same version")):
        with Agent(answer) as agent:
            told(code, about)(grantctl("token", "sf", agent=agent))


@behaviour("what is not our protocol is refused")
def _():
    for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n\0", b"\0", b"[]\0", b'{"parameters":1}\0',
                   {"method": "org.grantd.Status.Get"}):
        with Agent(answer) as agent:
            told(1, "our protocol")(grantctl("token", "sf", agent=agent))


@behaviour("an answer of another shape is refused")
def _():
    for words, answer in ((["token", "sf"], {}), (["token", "sf"], {"access_token": 7}),
                          (["login", "sf"], {"state": "ready"}), (["status"], {}),
                          (["status"], {"ready": True, "connections": 7})):
        with Agent(reply(answer)) as agent:
            told(1, "not what was asked for")(grantctl(*words, agent=agent))


@behaviour("an answer without end is refused")
def _():
    with Agent(b"x" * (4 * 1024 * 1024 + 20000)) as agent:
        told(1, "too much")(grantctl("token", "sf", agent=agent))


@behaviour("a large answer is taken")
def _():
    extra = {"a": "x" * (3 * 1024 * 1024)}
    with Agent(reply({**TOKEN, "extra": extra})) as agent:
        code, out, _ = grantctl("token", "sf", "--json", agent=agent)
        equal(code, 0)
        equal(json.loads(out)["extra"], extra)


@behaviour("an answer in single bytes is taken")
def _():
    whole = json.dumps(reply(TOKEN)).encode() + b"\0"
    with Agent([whole[i:i + 1] for i in range(len(whole))]) as agent:
        equal(grantctl("token", "sf", agent=agent), (0, "at-s3cret\n", ""))


@behaviour("an agent that closes the connection is not reachable")
def _():
    for answer in (CLOSE, [b'{"parameters":', CLOSE]):
        with Agent(answer) as agent:
            told(5, "closed the connection")(grantctl("token", "sf", agent=agent))


@behaviour("no agent at all is not reachable")
def _():
    with Agent(sockets=()) as agent:
        told(5, "is grantd running?")(grantctl("token", "sf", agent=agent))
        told(5, "is grantd running?")(grantctl("status", agent=agent))
    told(5, "too long")(grantctl("--runtime", "/x" * 60, "status"))


@behaviour("a server of another uid is refused")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can serve as another")
    with Agent(reply(TOKEN), uid=NOBODY) as agent:
        told(5, "runs as uid 65534")(grantctl("token", "sf", agent=agent))
        equal(agent.calls, [])


@behaviour("a server of the directory's owner is taken")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can serve as another")
    with Agent(reply(TOKEN), uid=NOBODY, owner=NOBODY) as agent:
        equal(grantctl("token", "sf", agent=agent)[0], 0)


@behaviour("root's server is taken by others")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    with tempfile.TemporaryDirectory() as directory, Agent(reply(TOKEN)) as agent:
        os.chmod(directory, 0o755)
        os.chmod(os.path.join(agent.directory, "control.sock"), 0o666)
        program = shutil.copy(GRANTCTL, directory)
        equal(grantctl("token", "sf", agent=agent, user=NOBODY, program=program),
              (0, "at-s3cret\n", ""))


@behaviour("the runtime directory is looked for in the environment")
def _():
    with Agent(reply(TOKEN), reply(TOKEN), reply(TOKEN), below="grantd") as agent:
        for environment in ({"GRANTD_RUNTIME": agent.directory},
                            {"XDG_RUNTIME_DIR": agent.top},
                            {"XDG_RUNTIME_DIR": "/nonexistent", "GRANTD_RUNTIME": agent.directory}):
            equal(grantctl("token", "sf", environment=environment)[0], 0)
        told(5, "/nonexistent/control.sock")(
            grantctl("--runtime", "/nonexistent", "token", "sf",
                     environment={"GRANTD_RUNTIME": agent.directory}))


@behaviour("status shows the table")
def _():
    with Agent(reply(status(True, connection("sf")))) as agent:
        code, out, err = grantctl("status", agent=agent)
        equal((code, err), (0, ""))
        lines = out.split("\n")
        true(lines[0].startswith("grantd 0.1, pid 812, up "), lines[0])
        true(lines[0].endswith(": ready. Times are UTC."), lines[0])
        equal(lines[2].split(), ["NAME", "STATE", "USABLE", "SINCE", "EXPIRES", "NEXT"])
        equal(lines[3].split()[:3], ["sf", "ready", "yes"])
        equal(agent.calls, [{"method": "org.grantd.Status.Get", "parameters": {}}])


@behaviour("status is 0 also where nothing is ready")
def _():
    present = status(False, connection("sf", state="needs_approval", usable=False))
    with Agent(reply(present)) as agent:
        code, out, _ = grantctl("status", "sf", agent=agent)
        equal(code, 0)
        true("\n    run: grantctl login sf\n" in out, out)
        equal(agent.calls[0]["parameters"], {"names": ["sf"]})


@behaviour("status falls back to status.sock, token does not")
def _():
    with Agent(reply(status(True)), sockets=["status.sock"]) as agent:
        equal(grantctl("status", "--json", agent=agent)[0], 0)
        told(5, "control.sock")(grantctl("token", "sf", agent=agent))


@behaviour("status prefers control.sock")
def _():
    with Agent(reply(status(True)), sockets=["status.sock", "control.sock"]) as agent:
        agent.listeners.pop(0).close()
        os.remove(os.path.join(agent.directory, "status.sock"))
        equal(grantctl("status", agent=agent)[0], 0)


@behaviour("status --json is one compact line")
def _():
    present = status(True, connection("sf"))
    with Agent(reply(present)) as agent:
        code, out, _ = grantctl("status", "--json", agent=agent)
        equal(code, 0)
        equal(out, json.dumps(present, separators=(",", ":")) + "\n")


@behaviour("status --watch --json is a line for each change")
def _():
    first, second = status(False), status(True)
    with Agent([reply(first, True), reply(second, True), CLOSE]) as agent:
        code, out, err = grantctl("status", "--watch", "--json", agent=agent)
        equal(code, 5)
        equal([json.loads(line) for line in out.splitlines()], [first, second])
        true("closed the connection" in err, err)
        equal(agent.calls, [{"method": "org.grantd.Status.Watch", "parameters": {}, "more": True}])


@behaviour("status --watch redraws on a terminal, and only there")
def _():
    master, slave = pty.openpty()
    with Agent(reply(status(True)), reply(status(True))) as agent:
        equal(grantctl("status", "--watch", agent=agent, stdout=slave)[0], 0)
        os.close(slave)
        shown = os.read(master, 1000)
        os.close(master)
        true(shown.startswith(b"\x1b[H\x1b[2Jgrantd "), shown)
        code, out, _ = grantctl("status", "--watch", agent=agent)
        equal(code, 0)
        true(out.startswith("grantd "), out)


NOTICE = ("sf: waiting for approval\n"
          "    open    https://login.example/device\n"
          "    enter   WDJB-MJHT\n")
PENDING = {"state": "awaiting_approval", "usable": False, "approval": DEVICE}
READY = {"state": "ready", "usable": True, "approval": None}


@behaviour("login announces the approval and waits for its end")
def _():
    with Agent(reply(PENDING), reply(READY)) as agent:
        code, out, err = grantctl("login", "sf", agent=agent)
        equal((code, err), (0, ""))
        true(out.startswith(NOTICE + "    valid until 23:59:59 UTC ("), out)
        true(out.endswith(")\nsf: ready\n"), out)
        equal(agent.calls, [
            {"method": "org.grantd.Control.Login", "parameters": {"name": "sf"}},
            {"method": "org.grantd.Control.Login", "parameters": {"name": "sf", "wait": True}}])
        equal(agent.accepted, 1)


@behaviour("login shows the notice before the approval ends")
def _():
    end = threading.Event()
    with Agent(reply(PENDING), lambda: end.wait(PATIENCE_S) and reply(READY)) as agent:
        with subprocess.Popen(**command("login", "sf", runtime=agent.directory),
                              stdout=subprocess.PIPE) as login:
            equal(login.stdout.readline(), b"sf: waiting for approval\n")
            end.set()
            true(login.stdout.read().endswith(b"\nsf: ready\n"), "the end is told")
            equal(login.wait(PATIENCE_S), 0)


@behaviour("login --no-wait stops after the notice")
def _():
    with Agent(reply(PENDING)) as agent:
        code, out, _ = grantctl("login", "sf", "--no-wait", agent=agent)
        equal(code, 0)
        true(out.startswith(NOTICE), out)
        true("ready" not in out, out)
        equal(len(agent.calls), 1)


@behaviour("login of a usable connection has nothing to ask")
def _():
    with Agent(reply(READY)) as agent:
        equal(grantctl("login", "sf", agent=agent), (0, "sf: ready\n", ""))


@behaviour("login announces a code that replaces the first")
def _():
    again = {**PENDING, "approval": {**DEVICE, "user_code": "XXXX-YYYY"}}
    with Agent(reply(PENDING), reply(again), reply(READY)) as agent:
        code, out, _ = grantctl("login", "sf", agent=agent)
        equal(code, 0)
        true(out.index("WDJB-MJHT") < out.index("XXXX-YYYY") < out.index("sf: ready"), out)


@behaviour("login tells why an approval failed")
def _():
    with Agent(reply(PENDING), error("org.grantd.NotUsable", kind="denied", detail="refused",
                                     retry_at=None)) as agent:
        code, _, err = grantctl("login", "sf", agent=agent)
        equal((code, err), (3, "grantctl: sf: refused; run: grantctl login sf\n"))


@behaviour("login that ends neither ready nor with an error is no success")
def _():
    with Agent(reply({"state": "needs_approval", "usable": False, "approval": None})) as agent:
        told(3, "see grantctl status")(grantctl("login", "sf", agent=agent))


@behaviour("login --cancel drops the approval")
def _():
    with Agent(reply({"state": "needs_approval", "usable": False, "approval": None})) as agent:
        equal(grantctl("login", "sf", "--cancel", agent=agent),
              (0, "sf: no approval is pending any more\n", ""))
        equal(agent.calls[0]["parameters"], {"name": "sf", "cancel": True})


@behaviour("refresh, revoke and reload say what was done")
def _():
    for words, answer, out, call in (
            (["refresh", "sf"], {"expires_at": "2026-11-23T21:30:10Z"},
             "sf: new token, valid until 2026-11-23T21:30:10Z\n",
             {"method": "org.grantd.Control.Refresh", "parameters": {"name": "sf"}}),
            (["refresh", "sf"], {"expires_at": None}, "sf: new token\n",
             {"method": "org.grantd.Control.Refresh", "parameters": {"name": "sf"}}),
            (["revoke", "sf"], {}, "sf: revoked\n",
             {"method": "org.grantd.Control.Revoke", "parameters": {"name": "sf"}}),
            (["revoke", "sf", "--keep"], {}, "sf: forgotten here, still alive at the provider\n",
             {"method": "org.grantd.Control.Revoke", "parameters": {"name": "sf", "keep": True}}),
            (["reload"], {}, "", {"method": "org.grantd.Control.Reload", "parameters": {}})):
        with Agent(reply(answer)) as agent:
            equal(grantctl(*words, agent=agent), (0, out, ""))
            equal(agent.calls, [call])


@behaviour("reload shows the faults of the configuration")
def _():
    detail = "grantd.yaml:1:1: a: wrong\ngrantd.yaml:2:1: b: worse"
    with Agent(error("org.grantd.InvalidConfiguration", detail=detail)) as agent:
        code, _, err = grantctl("reload", agent=agent)
        equal(code, 2)
        true(err.endswith(":\n" + detail + "\n"), err)


@behaviour("wait ends when all that is required is usable")
def _():
    with Agent([reply(status(False, connection("sf", usable=False)), True),
                reply(status(True, connection("sf")), True)]) as agent:
        equal(grantctl("wait", agent=agent), (0, "", ""))
        equal(agent.calls, [{"method": "org.grantd.Status.Watch", "parameters": {}, "more": True}])


@behaviour("wait --any is content with one")
def _():
    present = status(False, connection("a"), connection("b", state="degraded", usable=False))
    with Agent(reply(present, True), sockets=["status.sock"]) as agent:
        equal(grantctl("wait", "--any", "a", "b", agent=agent), (0, "", ""))
        equal(agent.calls[0]["parameters"], {"names": ["a", "b"]})


@behaviour("wait tells once who has to log in, and waits on")
def _():
    needs = reply(status(False, connection("sf", state="needs_approval", usable=False)), True)
    with Agent([needs, needs, reply(status(True, connection("sf")), True)]) as agent:
        equal(grantctl("wait", "sf", agent=agent),
              (0, "", "grantctl: waiting for sf; run: grantctl login sf\n"))


@behaviour("wait times out")
def _():
    never = reply(status(False, connection("sf", state="refreshing", usable=False)), True)
    with Agent([never, threading.Event().wait]) as agent:
        told(6, "within the timeout")(grantctl("wait", "--timeout", "1s", agent=agent))


@behaviour("wait times out where there is no agent")
def _():
    with Agent(sockets=()) as agent:
        told(6, "is grantd running?")(grantctl("wait", "--timeout", "1s", agent=agent))


@behaviour("wait with a token that is too short-lived goes on")
def _():
    short = connection("sf", token_expires_at="2020-01-01T00:00:00Z")
    long = connection("sf", token_expires_at="9999-01-01T00:00:00Z")
    with Agent([reply(status(True, short), True), reply(status(True, long), True)]) as agent:
        equal(grantctl("wait", "sf", "--min-valid", "5m", agent=agent), (0, "", ""))
        equal(agent.answers, [])


@behaviour("wait goes on when the agent restarts or is busy")
def _():
    with Agent([reply(status(False), True), CLOSE], error("org.grantd.Busy"),
               reply(status(True, connection("sf")), True)) as agent:
        code, out, err = grantctl("wait", agent=agent)
        equal((code, out), (0, ""))
        equal(err.count("waiting for the agent"), 1, err)
        equal(agent.accepted, 3)


@behaviour("wait may start before the agent does")
def _():
    with tempfile.TemporaryDirectory() as directory:
        later = os.path.join(directory, "later")
        with subprocess.Popen(**command("wait", runtime=later), stderr=subprocess.PIPE) as wait:
            true(b"waiting for the agent" in wait.stderr.readline(), "it has looked for one")
            with Agent(reply(status(True, connection("sf")), True)) as agent:
                os.rename(agent.directory, later)
                os.mkdir(agent.directory)
                equal(wait.wait(PATIENCE_S), 0)
                equal(wait.stderr.read(), b"")


@behaviour("wait for a connection that does not exist ends at once")
def _():
    with Agent(error("org.grantd.NoSuchConnection", name="x")) as agent:
        told(2, "no connection x")(grantctl("wait", "x", agent=agent))


# Tells what the file holds at the start, and when it has changed.
COMMAND = ["sh", "-c", """
trap 'cat "$GRANTD_TOKEN_FILE"; exit 0' HUP
cat "$GRANTD_TOKEN_FILE"
echo
read -r line
"""]


@behaviour("exec asks again when the second of a change is over, which status can't tell apart")
def _():
    later = {**TOKEN, "access_token": "at-l4ter"}
    watched = reply(status(True, connection("sf")), True)
    with Agent(reply(TOKEN), watched, reply(TOKEN), reply(later)) as agent:
        reader, writer = os.pipe()  # nothing to read, and no end
        with subprocess.Popen(**command("exec", "sf", "--signal", "HUP", "--", *COMMAND,
                                        runtime=agent.directory),
                              stdin=reader, stdout=subprocess.PIPE) as process:
            try:
                out, _ = process.communicate(timeout=PATIENCE_S)
            finally:
                os.close(writer)  # ends a command that waits in vain
                os.close(reader)
        equal((process.returncode, out), (0, b"at-s3cret\nat-l4ter"))
        equal([call["method"] for call in agent.calls],
              ["org.grantd.Control.GetToken", "org.grantd.Status.Watch",
               "org.grantd.Control.GetToken", "org.grantd.Control.GetToken"])


@behaviour("exec does not start a command with what is no token")
def _():
    for token in ("s3cret\nX", "", "s3cret\x7f"):
        with Agent(reply({**TOKEN, "access_token": token})) as agent:
            told(1, "sf: the provider's token cannot be put in a file")(
                grantctl("exec", "sf", "--", "echo", "started", agent=agent))
    with Agent(reply({})) as agent:
        told(1, "")(grantctl("exec", "sf", "--", "echo", "started", agent=agent))


@behaviour("a reader that has gone is no matter to talk about")
def _():
    reader, writer = os.pipe()
    os.close(reader)
    with Agent(reply(TOKEN)) as agent:
        equal(grantctl("token", "sf", agent=agent, stdout=writer), (1, "", ""))
    os.close(writer)


@behaviour("a full disk is told")
def _():
    with Agent(reply(TOKEN)) as agent, open("/dev/full", "wb") as full:
        told(1, "cannot write")(grantctl("token", "sf", agent=agent, stdout=full))


@behaviour("config runs the grantd beside grantctl, or in ../sbin")
def _():
    with tempfile.TemporaryDirectory() as directory:
        for place in ("sbin", "bin"):
            os.mkdir(os.path.join(directory, place))
        program = shutil.copy(GRANTCTL, os.path.join(directory, "bin"))
        for place in ("sbin", "bin"):
            script = os.path.join(directory, place, "grantd")
            with open(script, "w", encoding="ascii") as file:
                file.write(f'#!/bin/sh\necho {place} "$@"\nexit 2\n')
            os.chmod(script, 0o755)
            equal(grantctl("config", "check", "--config", "a b", program=program),
                  (2, f"{place} --check --config a b\n", ""))
        equal(grantctl("config", "show", program=program)[1], "bin --show\n")
        equal(grantctl("config", "schema", program=program)[1], "bin --schema\n")


@behaviour("wrong usage is 2, and asks nobody")
def _():
    with Agent() as agent:
        for words in ([], ["tokn", "sf"], ["token"], ["token", "a", "b"], ["login", "WDJB-MJHT"],
                      ["status", "--keep"], ["token", "a", "--min-valid", "soon"],
                      ["config", "chekc"], ["reload", "a"], ["token", "a", "--json", "--header"]):
            result = grantctl(*words, agent=agent)
            told(2, "")(result)
            true("WDJB" not in result[2], result[2])
        equal(agent.accepted, 0)


@behaviour("--help tells every verb, --version the version")
def _():
    code, out, err = grantctl("--help")
    equal((code, err), (0, ""))
    for verb in ("status", "login", "token", "refresh", "revoke", "wait", "exec", "config",
                 "reload"):
        true(f"\n  {verb}" in out, verb)
        code, own, _ = grantctl(verb, "--help")
        equal(code, 0)
        true(own.startswith(f"usage: grantctl {verb}"), own)
    code, out, _ = grantctl("--version")
    equal(code, 0)
    true(out.startswith("grantctl "), out)


if __name__ == "__main__":
    sys.exit(run())
