# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests share: a place of their own, the agent with a service manager's ear,
and grantctl. Nothing here sleeps: everything waits for an event, with a limit."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "provider"))

from handle import Provider  # noqa: E402
from varlink import Varlink, VarlinkError  # noqa: E402,F401

GRANTD = os.path.abspath(os.environ.get("GRANTD", "./grantd"))
GRANTCTL = os.path.abspath(os.environ.get("GRANTCTL", "./grantctl"))

# Longer than anything takes on a slow machine under sanitizers; only a failure waits so long.
PATIENCE_S = 60
STRANGER = 65534  # a uid and gid that is nobody's here


def yaml(value, indent=0):
    """Nested dicts as block YAML; whatever else is JSON, which YAML can read."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines.append(f"{' ' * indent}{key}:")
            lines.append(yaml(item, indent + 2))
        else:
            lines.append(f"{' ' * indent}{key}: {json.dumps(item)}")
    return "\n".join(lines)


class Ear:
    """The service manager's end of sd_notify(3): records every message."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.changed = threading.Condition()
        self.messages = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        while True:
            message = self.socket.recv(65536).decode()
            if not message:
                return
            with self.changed:
                self.messages.append(message.splitlines())
                self.changed.notify_all()

    def heard(self, prefix):
        """All lines so far that begin so."""
        with self.changed:
            return [line for m in self.messages for line in m if line.startswith(prefix)]

    def wait(self, prefix, process, count=1):
        """Wait until so many lines begin so, or the process is gone."""
        def enough():
            return (sum(line.startswith(prefix) for m in self.messages for line in m) >= count
                    or process.poll() is not None)
        with self.changed:
            deadline = time.monotonic() + PATIENCE_S
            while not enough():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no {prefix} in {PATIENCE_S} s; heard {self.messages}")
                self.changed.wait(min(left, 1))  # now and then, to see whether it is gone
            heard = [line for m in self.messages for line in m if line.startswith(prefix)]
        if len(heard) < count:
            raise RuntimeError(f"the agent ended with {process.returncode} before {prefix}")
        return heard

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()


class Agent:
    """grantd with directories of its own. It can be killed and started again."""

    def __init__(self, home):
        self.home = home
        self.config = os.path.join(home, "grantd.yaml")
        self.state = os.path.join(home, "state")
        self.runtime = os.path.join(home, "run")
        self.log_path = os.path.join(home, "log")
        self.process = None
        self.ear = None
        self.starts = 0
        self.environment = {}  # on top of ours
        os.makedirs(self.runtime, mode=0o755, exist_ok=True)

    def command(self, *more):
        return [GRANTD, "--config", self.config, "--state", self.state,
                "--runtime", self.runtime, *more]

    def configure(self, connections, **agent):
        text = yaml({"agent": agent, "connections": connections} if agent
                    else {"connections": connections})
        self.write_config(text)

    def write_config(self, text):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text + "\n")
        os.chmod(self.config, 0o640)

    def spawn(self):
        """Start the process, and wait for nothing."""
        self.starts += 1
        self.ear = Ear(os.path.join(self.home, f"notify{self.starts}"))
        environment = {**os.environ, "NOTIFY_SOCKET": self.ear.path, "GRANTD_LOG": "debug",
                       **self.environment}
        environment.pop("JOURNAL_STREAM", None)
        with open(self.log_path, "ab") as log:
            # It must not outlive a test that is killed.
            command = ["setpriv", "--pdeathsig", "KILL", *self.command()]
            self.process = subprocess.Popen(command, env=environment, stderr=log, stdout=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)

    def start(self):
        """Start it; on return its sockets are there."""
        self.spawn()
        self.ear.wait("STATUS=", self.process)
        return self

    def _gone(self):
        code = self.process.wait(PATIENCE_S)
        self.ear.close()
        self.process = None
        return code

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self._gone()

    def stop(self):
        """End it in order; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def socket_path(self, name="control"):
        return os.path.join(self.runtime, f"{name}.sock")

    def varlink(self, name="control"):
        return Varlink(self.socket_path(name))

    def status(self, name="control"):
        with self.varlink(name) as client:
            return client.call("org.grantd.Status.Get")

    def connection(self, name):
        return by_name(self.status(), name)

    def until(self, about, condition, name=None):
        """Watch until the condition holds of the status (or of the connection of this name)."""
        deadline = time.monotonic() + PATIENCE_S
        seen = None
        with self.varlink() as client:
            client.send("org.grantd.Status.Watch", {}, more=True)
            try:
                while time.monotonic() < deadline:
                    status = client.receive()
                    seen = by_name(status, name) if name else status
                    if condition(seen):
                        return seen
            except TimeoutError:
                pass
        raise TimeoutError(f"not in {PATIENCE_S} s: {about}; last: {json.dumps(seen)}")

    def ctl(self, *arguments, stdin=None, timeout=PATIENCE_S):
        """Run grantctl to its end."""
        return subprocess.run([GRANTCTL, *arguments, "--runtime", self.runtime], input=stdin,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              capture_output=True, text=True, timeout=timeout, check=False)

    def records(self, name):
        """The files in the state directory that belong to a connection."""
        return sorted(os.path.join(self.state, entry) for entry in os.listdir(self.state)
                      if entry == name or entry.startswith(name + "."))


def by_name(status, name):
    for connection in status["connections"]:
        if connection["name"] == name:
            return connection
    raise KeyError(f"{name} is not in {json.dumps(status)}")


def has_code(connection):
    """An approval waits for a person."""
    return connection["approval"] is not None and connection["approval"].get("user_code")


def ended(connection):
    """The approval came to an end that is told."""
    return connection["state"] == "needs_approval" and connection["fault"] is not None


class Rig:
    """A directory, providers and one agent: all gone at the end of the with statement."""

    def __init__(self, *provider_options):
        self.stack = contextlib.ExitStack()
        self.provider_options = provider_options

    def __enter__(self):
        with self.stack:  # all is undone where something fails below
            self.home = tempfile.mkdtemp(prefix="grantd-e2e-")
            self.stack.callback(shutil.rmtree, self.home, ignore_errors=True)
            os.chmod(self.home, 0o755)  # so that other users reach the sockets
            self.provider = self.another_provider(*self.provider_options)
            self.provider.configure(interval=1)
            self.agent = Agent(self.home)
            self.stack.callback(self._end_agent)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _end_agent(self):
        if self.agent.process:
            self.agent.kill()

    def another_provider(self, *options):
        provider = Provider(os.path.join(self.home, "tls"), *options)
        self.stack.callback(provider.end)
        return provider

    def secret_file(self, name, secret):
        path = os.path.join(self.home, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as f:
            f.write(secret + "\n")
        return path

    def connection(self, provider=None, **more):
        """The configuration of a connection to a provider of ours."""
        provider = provider or self.provider
        path = self.secret_file(f"secret-{provider.info['port']}", provider.info["client_secret"])
        return {"issuer": provider.issuer, "flow": "device",
                "client_id": provider.info["client_id"], "client_secret": {"file": path},
                "scopes": ["read", "write"], "ca_file": provider.ca_file, **more}

    def start(self, **connections):
        """Configure these connections (default: one, `crm`) and start the agent."""
        self.agent.configure(connections or {"crm": self.connection()})
        return self.agent.start()

    def code(self, name="crm"):
        """The user code of a connection, as soon as there is one."""
        seen = self.agent.until(f"a code for {name}", has_code, name)
        return seen["approval"]["user_code"]

    def approve(self, name="crm"):
        """Approve as the operator would, on the provider's page; wait until it is usable."""
        client = self.provider.client()
        answer = client.post(client.path + "/device",
                             {"user_code": self.code(name), "action": "allow"})
        client.close()
        if answer.status != 200:
            raise RuntimeError(f"the page refused the code: {answer.body}")
        return self.agent.until(f"{name} is usable", lambda c: c["usable"], name)

    def approved(self, **connections):
        """Start and approve: the agent with one usable connection."""
        self.start(**connections)
        self.approve(next(iter(connections), "crm"))
        return self.agent

    def introspect(self, token):
        """Does the provider call the token active?"""
        client = self.provider.client()
        secret = {"client_id": self.provider.info["client_id"],
                  "client_secret": self.provider.info["client_secret"]}
        answer = client.post(client.path + "/introspect", {"token": token, **secret})
        client.close()
        return answer.json["active"]

    def quiet(self, seconds):
        """Nothing is asked of the provider for so long."""
        seen = len(self.provider.arrivals())
        if self.provider.wait_arrivals(None, seen + 1, seconds):
            raise AssertionError(f"asked within {seconds} s: {self.provider.arrivals()[seen:]}")

    def spent(self):
        """Arrivals of requests that spend a refresh token, oldest first."""
        return self.provider.arrivals("token", "refresh_token")


def as_stranger(command, uid=STRANGER):
    """Run a command as a user who owns nothing. Only root can."""
    return subprocess.run(command, user=uid, group=uid, extra_groups=[], capture_output=True,
                          text=True, timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
                          cwd="/")

