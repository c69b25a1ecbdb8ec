#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The examples of the man pages run, on a real agent with a connection named as theirs."""

import json
import os
import re
import subprocess
import sys

from lib import GRANTCTL, HERE, Rig, Varlink  # first: it finds the others
from tap import behaviour, equal, run, true

MAN = os.path.join(HERE, "..", "..", "man")


def page(name):
    with open(os.path.join(MAN, name), encoding="utf-8") as f:
        return f.read().replace("\\e", "\\").replace("\\-", "-").replace("\\(dq", '"')


def blocks(text):
    return re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", text, re.MULTILINE | re.DOTALL)


def json_blocks():
    """Blocks of grantd-protocol(7) that are JSON objects parted by empty lines."""
    for block in blocks(page("grantd-protocol.7")):
        if block.startswith("{"):
            yield [json.loads(part) for part in re.split(r"\n\n+", block.strip())]


def shape(value):
    """The member names of a value, all the way down; lists and null are not looked into."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key != "extra"}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [shape(value[0])]
    return None


def commands(text):
    """Lines that a prompt stands before, joined with what continues them."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"\|\n\s*", "| ", text))
    return re.findall(r"^(?:\.Dl )?\$ (.*)$", text, re.MULTILINE)


def ready(rig):
    return rig.approved(salesforce=rig.connection())


@behaviour("grantd-protocol(7): the program in Python gets a token")
def _():
    program, = [b for b in blocks(page("grantd-protocol.7")) if b.startswith("import json")]
    with Rig() as rig:
        agent = ready(rig)
        program = program.replace("/run/grantd/control.sock", agent.socket_path())
        done = subprocess.run([sys.executable, "-c", program + "\nprint(token)"], text=True,
                              capture_output=True, check=False, timeout=60)
        equal(done.returncode, 0, done.stderr)
        true(rig.introspect(done.stdout.strip()), "the token is active")


@behaviour("grantd-protocol(7): a reply to each call shown has the members shown")
def _():
    tried = 0
    with Rig() as rig:
        rig.start(salesforce=rig.connection())
        rig.code("salesforce")
        for objects in json_blocks():
            call, replies = objects[0], [o for o in objects[1:] if "parameters" in o]
            if "Watch" not in call["method"] and "Login" not in call["method"]:
                continue
            if call["parameters"].get("wait"):
                continue
            name = "status" if "Status" in call["method"] else "control"
            with Varlink(rig.agent.socket_path(name)) as client:
                client.send(call["method"], call["parameters"], more=call.get("more", False))
                equal(shape(client.receive()), shape(replies[0]["parameters"]), call["method"])
            tried += 1
        rig.approve("salesforce")
        for objects in json_blocks():
            if "GetToken" not in objects[0]["method"]:
                continue
            with rig.agent.varlink() as client:
                have = client.call(objects[0]["method"], **objects[0]["parameters"])
            equal(shape(have), shape(objects[1]["parameters"]), "GetToken")
            tried += 1
    true(tried >= 3, "three calls were tried")


@behaviour("grantctl(1): its examples run, and a token reaches curl's place")
def _():
    with Rig() as rig:
        agent = ready(rig)
        agent.configure({"salesforce": rig.connection()})
        text = page("grantctl.1")
        tools = os.path.join(rig.home, "tools")
        os.mkdir(tools)
        for tool, body in (
            ("grantctl", f'exec {GRANTCTL} --runtime {agent.runtime} "$@"'),
            ("curl", 'read -r header; case "$header" in "Authorization: Bearer "?*) ;; *) exit 9;; esac'),
            ("leadjob", "exit 0"),
        ):
            path = os.path.join(tools, tool)
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"#!/bin/sh\n{body}\n")
            os.chmod(path, 0o755)
        environment = {**os.environ, "PATH": tools + ":" + os.environ["PATH"]}
        tried = 0
        for command in commands(text[text.index(".Sh EXAMPLES"):]):
            if any(word in command for word in ("--watch", "login", "paste")):
                continue  # they end when a person ends them
            command = command.replace("grantd.yaml.new", agent.config)
            done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True,
                                  text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
            equal(done.returncode, 0, f"{command}: {done.stderr}")
            tried += 1
        true(tried >= 4, "four commands were tried")


if __name__ == "__main__":
    sys.exit(run())
