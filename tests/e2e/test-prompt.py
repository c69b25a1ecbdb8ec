#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""grantctl at a terminal: the prompt for an address, which nobody may see, not even later."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

from lib import GRANTCTL, PATIENCE_S, Rig  # first: it finds the others
from tap import behaviour, equal, run, true

PROMPT = "Paste the address that the browser ends at (it is not shown): "


class Terminal:
    """A terminal and a command in its foreground."""

    def __init__(self, *command):
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.shown = ""
        self.process = subprocess.Popen(["setsid", "--ctty", *command], stdin=self.slave,
                                        stdout=self.slave, stderr=self.slave)

    def until(self, text, count=1):
        """Read on until the text was shown so often."""
        deadline = time.monotonic() + PATIENCE_S
        while self.shown.count(text) < count:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise TimeoutError(f"{text!r} is not shown: {self.shown!r}")
            self.shown += os.read(self.master, 65536).decode(errors="replace")

    def type(self, text):
        view = memoryview(text.encode())
        while view:
            if not select.select([], [self.master], [], PATIENCE_S)[1]:
                raise TimeoutError(f"{len(view)} bytes are not read")
            view = view[os.write(self.master, view[:1024]):]

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO
                    and termios.tcgetattr(self.slave)[3] & termios.ICANON)

    def end(self):
        """The exit status; afterwards all that was shown is known."""
        code = self.process.wait(PATIENCE_S)
        while select.select([self.master], [], [], 0)[0]:
            self.shown += os.read(self.master, 65536).decode(errors="replace")
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@contextlib.contextmanager
def waiting():
    """The agent with a connection whose approval waits for an address: (rig, agent, url)."""
    with Rig() as rig:
        agent = rig.start(crm=rig.connection(flow="paste",
                                             redirect_uri=rig.provider.info["redirect_uri"]))
        seen = agent.until("an address", lambda c: c["approval"], "crm")
        yield rig, agent, seen["approval"]["verification_uri"]


def walk(rig, url, action="allow"):
    return rig.provider.control("authorize", url=url, action=action)["location"]


@contextlib.contextmanager
def prompted(*verb):
    """grantctl has asked for the address: (rig, agent, url, terminal)."""
    with waiting() as (rig, agent, url):
        with Terminal(GRANTCTL, *verb, "--runtime", agent.runtime) as terminal:
            terminal.until(PROMPT)
            yield rig, agent, url, terminal


def unseen(terminal, address):
    """Nothing of what was brought back was shown."""
    for part in address.partition("?")[2].split("&"):
        value = part.partition("=")[2]
        if part.startswith("code="):
            true(value not in terminal.shown, f"no code in {terminal.shown!r}")
    true(address not in terminal.shown, f"no address in {terminal.shown!r}")


@behaviour("login asks for the address without echo, and says ready")
def _():
    with prompted("login", "crm") as (rig, agent, url, terminal):
        true(not terminal.echoes(), "no echo")
        address = walk(rig, url)
        terminal.type(address + "\r")
        equal(terminal.end(), 0, terminal.shown)
        equal(terminal.shown.replace("\r", ""),
              f"crm: waiting for approval\n    open    {url}\n    then    grantctl paste crm\n"
              f"{PROMPT}\ncrm: ready\n")
        unseen(terminal, address)
        true(terminal.echoes(), "echo again")
        true(agent.connection("crm")["usable"], "usable")


@behaviour("paste asks for it too, wherever its standard input comes from")
def _():
    with waiting() as (rig, agent, url):
        with Terminal("sh", "-c", f"{GRANTCTL} paste crm --runtime {agent.runtime} </dev/null"
                      ) as terminal:
            terminal.until(PROMPT)
            address = walk(rig, url)
            terminal.type(address + "\r")
            equal(terminal.end(), 0, terminal.shown)
            equal(terminal.shown.replace("\r", ""), f"{PROMPT}\ncrm: ready\n")
            unseen(terminal, address)


@behaviour("a wrong address is told at once and asked for again, and the fifth ends it")
def _():
    with prompted("login", "crm") as (rig, agent, url, terminal):
        good = walk(rig, url)
        for n in range(1, 5):
            terminal.type(good.replace("state=", f"state={n}") + "\r")
            terminal.until("another login", n)
            terminal.until(PROMPT, n + 1)
            true(not terminal.echoes(), "no echo")
        terminal.type("\r")
        equal(terminal.end(), 3, terminal.shown)
        true("nothing was pasted" in terminal.shown, terminal.shown)
        true(terminal.echoes(), "echo again")
        unseen(terminal, good)
        equal(agent.connection("crm")["approval"]["verification_uri"], url)
    with prompted("login", "crm") as (rig, agent, url, terminal):
        good = walk(rig, url)
        terminal.type("http://localhost/\r")
        terminal.until(PROMPT, 2)
        terminal.type(good + "\r")
        equal(terminal.end(), 0, terminal.shown)


@behaviour("a refusal by the provider ends login with its exit status")
def _():
    with prompted("login", "crm") as (rig, _, url, terminal):
        terminal.type(walk(rig, url, "deny") + "\r")
        equal(terminal.end(), 3, terminal.shown)
        equal(terminal.shown.count(PROMPT), 1)
        true("access_denied" in terminal.shown, terminal.shown)


@behaviour("an address is read whole when it is longer than a terminal's line, or wrapped")
def _():
    with prompted("login", "crm") as (rig, _, url, terminal):
        address = walk(rig, url).replace("?", "?session_state=" + "x" * 20000 + "&", 1)
        terminal.type(address + "\r")
        equal(terminal.end(), 0, terminal.shown)
        unseen(terminal, address)
    with prompted("paste", "crm") as (rig, _, url, terminal):
        address = walk(rig, url)
        terminal.type(address[:30] + "\r" + address[30:60] + "\r\n" + address[60:] + "\r")
        equal(terminal.end(), 0, terminal.shown)


@behaviour("more than any address is refused")
def _():
    with prompted("paste", "crm") as (_, _, _, terminal):
        terminal.type("x" * 61441 + "\r")
        equal(terminal.end(), 2, terminal.shown)
        true("60 KiB" in terminal.shown, terminal.shown)


@behaviour("erase and kill work, end of input ends the line, or the prompt where there is none")
def _():
    with prompted("paste", "crm") as (rig, _, url, terminal):
        terminal.type("rubbish\x15" + "\x7f" + walk(rig, url) + "&x=1" + "\x7f" * 4 + "\x04")
        equal(terminal.end(), 0, terminal.shown)
    with prompted("login", "crm") as (_, agent, url, terminal):
        terminal.type("\x04")
        equal(terminal.end(), 3, terminal.shown)
        true("the approval goes on: grantctl paste crm" in terminal.shown, terminal.shown)
        equal(agent.connection("crm")["approval"]["verification_uri"], url)


@behaviour("a paste by somebody else ends the login that waits at the prompt")
def _():
    with prompted("login", "crm") as (rig, agent, url, terminal):
        terminal.type("http://localhost/?co")
        equal(agent.ctl("paste", "crm", "-", stdin=walk(rig, url)).returncode, 0)
        equal(terminal.end(), 0, terminal.shown)
        true(terminal.shown.endswith("crm: ready\r\n"), terminal.shown)
        true(terminal.echoes(), "echo again")


@behaviour("a login that somebody cancels ends at the prompt too")
def _():
    with prompted("login", "crm") as (_, agent, _, terminal):
        equal(agent.ctl("login", "crm", "--cancel").returncode, 0)
        equal(terminal.end(), 3, terminal.shown)
        true("cancelled" in terminal.shown, terminal.shown)


@behaviour("an agent that goes away ends the prompt, with exit 5")
def _():
    with prompted("login", "crm") as (_, agent, _, terminal):
        agent.kill()
        equal(terminal.end(), 5, terminal.shown)
        true(terminal.echoes(), "echo again")


@behaviour("signals that end it leave the terminal as it was, and the approval goes on")
def _():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        with prompted("login", "crm") as (_, agent, url, terminal):
            terminal.process.send_signal(number)
            equal(terminal.end(), -number, terminal.shown)
            true(terminal.echoes(), f"echo again after {number.name}")
            equal(agent.connection("crm")["approval"]["verification_uri"], url)


@behaviour("the interrupt key ends it, and what was typed is not left to the shell")
def _():
    with waiting() as (rig, agent, url):
        with Terminal("bash", "-c", f"trap : INT; {GRANTCTL} login crm --runtime {agent.runtime}; "
                      'echo "ended $?"; read -r x; echo "got <$x>"') as terminal:
            terminal.until(PROMPT)
            terminal.type(walk(rig, url) + "\x03")
            terminal.until("ended 130")
            terminal.type("\r")
            terminal.until("got <>")
            equal(terminal.end(), 0)


@behaviour("stopped and continued, it gives the terminal back and asks anew")
def _():
    with waiting() as (rig, agent, url):
        script = (f"{GRANTCTL} login crm --runtime {agent.runtime}; echo stopped; read -r x; fg; "
                  'echo "ended $?"')
        with Terminal("bash", "-m", "-c", script) as terminal:
            terminal.until(PROMPT)
            terminal.type("half an addr\x1a")
            terminal.until("stopped\r\n")
            true(terminal.echoes(), "echo while stopped")
            terminal.type("\r")
            terminal.until(PROMPT, 2)
            true(not terminal.echoes(), "no echo")
            address = walk(rig, url)
            terminal.type(address + "\r")
            terminal.until("ended 0")
            unseen(terminal, address)
            true("half an addr" not in terminal.shown, terminal.shown)
            equal(terminal.end(), 0)


if __name__ == "__main__":
    sys.exit(run())
