#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Providers that misbehave cost their own connection only, and never the grant."""

import json
import os
import subprocess
import sys

from lib import GRANTD, Rig  # first: it finds the others
from tap import behaviour, equal, run, true, within

MEBIBYTE = 1024 * 1024
# A provider's longest reply is read up to 256 KiB; all the rest of the agent fits in this.
MEMORY_MAX = 64 * MEBIBYTE
TEMPORARY = ("transient", "throttled", "provider_down", "protocol")


def degrade(rig, *faults):
    """A forced refresh that meets these faults; what the connection is like after it."""
    agent = rig.agent
    rig.provider.order("token", *faults)
    answer = agent.ctl("refresh", "crm")
    true(answer.returncode in (1, 7), f"exit {answer.returncode}: {answer.stderr}")
    crm = agent.connection("crm")
    equal(crm["state"], "degraded")
    equal(crm["usable"], True, "the held token still serves")
    return crm


def recovers(rig):
    """The grant is whole: a refresh works and no new approval was asked for."""
    rig.provider.control("clear")
    equal(rig.agent.ctl("refresh", "crm").returncode, 0, "refresh afterwards")
    crm = rig.agent.connection("crm")
    equal((crm["state"], crm["fault"]), ("ready", None))
    equal(len(rig.provider.control("state")["devices"]), 1, "codes asked for")


def peak_memory(agent):
    with open(f"/proc/{agent.process.pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise KeyError("VmHWM")


def is_sanitized():
    """A sanitizer needs memory of its own."""
    with open(GRANTD, "rb") as f:
        return b"__asan_init" in f.read()


@behaviour("HTML with status 200 is no end of a grant")
def _():
    with Rig() as rig:
        rig.approved()
        crm = degrade(rig, {"status": 200, "headers": {"Content-Type": "text/html"},
                            "body": "<!DOCTYPE html><title>Sign in to the network</title>"})
        within(crm["fault"]["kind"], TEMPORARY)
        recovers(rig)


@behaviour("500, 502 and 503 are provider_down or transient, tried again later")
def _():
    with Rig() as rig:
        rig.approved()
        for status in (500, 502, 503):
            crm = degrade(rig, {"status": status, "body": "<html>oops</html>"})
            within(crm["fault"]["kind"], TEMPORARY)
            true(crm["fault"]["retry_at"], "a next try is planned")
            recovers(rig)


@behaviour("429 with Retry-After is throttled, obeyed by a forced refresh and across a restart")
def _():
    with Rig() as rig:
        agent = rig.approved()
        crm = degrade(rig, {"status": 429, "headers": {"Retry-After": "3600"}, "body": "slow"})
        equal(crm["fault"]["kind"], "throttled")
        asked = len(rig.spent())
        equal(agent.ctl("refresh", "crm").returncode, 7)
        agent.kill()
        agent.start()
        equal(agent.ctl("refresh", "crm").returncode, 7)
        equal(len(rig.spent()), asked, "refresh requests")
        equal(agent.connection("crm")["usable"], True, "the held token still serves")


@behaviour("a reply of 100 MB fails that refresh and does not grow the agent")
def _():
    with Rig() as rig:
        agent = rig.approved()
        crm = degrade(rig, {"body": "{", "body_size": 100 * MEBIBYTE})
        within(crm["fault"]["kind"], TEMPORARY)
        if not is_sanitized():
            true(peak_memory(agent) < MEMORY_MAX, f"peak memory {peak_memory(agent)}")
        recovers(rig)


@behaviour("JSON that is no token reply, in every wrong shape, is survived")
def _():
    shapes = ("", "null", "[]", "{}", "\"token\"", "{\"access_token\": 5}",
              "{\"access_token\": \"\"}", "{\"access_token\": null, \"token_type\": []}",
              "{\"access_token\": \"a\", \"access_token\": \"b\"}", "[" * 10000, "\0\0\0",
              "{\"error\": {\"message\": \"x\"}}", "\ufeff{}", "{\"access_token\": \"a\"} x")
    with Rig() as rig:
        agent = rig.approved()
        for shape in shapes:
            rig.provider.order("token", {"body": shape, "grant_type": "refresh_token"})
            agent.ctl("refresh", "crm")
            equal(agent.process.poll(), None, f"alive after {shape[:40]!r}")
            equal(agent.connection("crm")["usable"], True, f"usable after {shape[:40]!r}")
        recovers(rig)


@behaviour("a server that closes a reused connection unanswered sees each spending request once")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for n in range(1, 6):
            # Harmless where such a request has a connection of its own: then it is not met.
            rig.provider.order("token", {"close": True, "only_reused": True})
            asked = len(rig.spent())
            code = agent.ctl("refresh", "crm").returncode
            seen = [a["outcome"] for a in rig.spent()[asked:]]
            true((code, seen) in ((0, [200]), (7, ["closed"])), f"round {n}: exit {code}, {seen}")
            recovers(rig)
        equal(rig.provider.control("log")["violations"], [])


@behaviour("a server that closes any connection unanswered sees each spending request once")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for n in range(1, 4):
            rig.provider.order("token", {"close": True})
            asked = len(rig.spent())
            code = agent.ctl("refresh", "crm").returncode
            seen = [a["outcome"] for a in rig.spent()[asked:]]
            equal((code, seen), (7, ["closed"]), f"round {n}: exit status, arrivals")
            recovers(rig)


@behaviour("the same while polling: a code is sent once for each poll")
def _():
    with Rig() as rig:
        rig.start()
        rig.code()
        rig.provider.order("token", {"close": True, "only_reused": True}, {"close": True})
        true(rig.provider.wait_arrivals("token", 3, answered=True), "polls went on")
        rig.provider.control("clear")
        rig.approve()
        polls = rig.provider.arrivals("token")
        true("closed" in [p["outcome"] for p in polls], "one was closed")
        gaps = [b["t"] - a["t"] for a, b in zip(polls, polls[1:])]
        true(min(gaps) >= 1, f"never two at once: {gaps}")
        equal(rig.provider.control("log")["violations"], [])


@behaviour("a TCP reset before and after the request is read is survived")
def _():
    with Rig() as rig:
        rig.approved()
        for when in ("before", "after"):
            degrade(rig, {"reset": when})
            recovers(rig)


@behaviour("a reply that stalls in mid-body holds up its own connection only")
def _():
    with Rig() as rig:
        agent = rig.start(crm=rig.connection(), erp=rig.connection())
        rig.approve("crm")
        rig.approve("erp")
        rig.provider.order("token", {"stall_after": 10})
        with agent.varlink() as client:
            client.send("org.grantd.Control.Refresh", {"name": "crm"})
            true(rig.provider.wait_arrivals("token", 1, grant_type="refresh_token",
                                            answered=True), "stalled")
            equal(agent.ctl("refresh", "erp").returncode, 0)
            equal(agent.ctl("token", "crm").returncode, 0)
            rig.provider.control("release")


@behaviour("of several connections one provider is down, and the others work")
def _():
    with Rig() as rig:
        other = rig.another_provider()
        agent = rig.start(crm=rig.connection(), down=rig.connection(other, required=False),
                          refused=rig.connection(issuer="https://127.0.0.1:1", required=False))
        other.order("token", {"reset": "before", "times": -1})
        rig.approve("crm")
        equal(agent.ear.wait("READY=1", agent.process), ["READY=1"])
        refused = agent.until("refused", lambda c: c["fault"] is not None, "refused")
        within(refused["fault"]["kind"], TEMPORARY)
        equal(agent.connection("down")["usable"], False)
        equal(agent.ctl("refresh", "crm").returncode, 0)


@behaviour("a provider that comes back is found again without anybody's help")
def _():
    with Rig() as rig:
        rig.provider.order("device_authorization", {"status": 503})
        rig.provider.order("oauth-authorization-server", {"reset": "after"})
        agent = rig.start()
        rig.approve()
        equal(agent.connection("crm")["fault"], None)


@behaviour("failing refreshes back off: the gaps grow, and no hot loop")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=8)
        rig.approved()
        rig.provider.order("token", {"status": 500, "times": -1})
        true(rig.provider.wait_arrivals("token", 3, 60, grant_type="refresh_token"), "three tries")
        times = [a["t"] for a in rig.spent()]
        true(times[1] - times[0] >= 0.5, f"gap {times[1] - times[0]:.3f}")
        true(times[2] - times[1] >= 0.5, f"gap {times[2] - times[1]:.3f}")
        rig.provider.control("clear")
        rig.agent.until("usable again", lambda c: c["usable"] and c["state"] == "ready", "crm")


@behaviour("a certificate of an unknown CA is refused, and no secret is sent")
def _():
    with Rig() as rig:
        crm = rig.connection()
        del crm["ca_file"]
        agent = rig.start(crm=crm)
        seen = agent.until("refused", lambda c: c["fault"] is not None, "crm")
        within(seen["fault"]["detail"].lower(), ["certificate", "tls", "ssl"])
        equal(rig.provider.arrivals(), [])


@behaviour("a redirect from the token endpoint is not followed")
def _():
    with Rig() as rig:
        rig.approved()
        other = rig.another_provider()
        degrade(rig, {"status": 307, "headers": {"Location": other.issuer + "/token"}})
        equal(other.arrivals(), [])
        recovers(rig)


@behaviour("an unreadable record stops only its connection, and is kept aside")
def _():
    with Rig() as rig:
        agent = rig.start(crm=rig.connection(), erp=rig.connection())
        rig.approve("crm")
        rig.approve("erp")
        agent.stop()
        record, = agent.records("erp")
        with open(record, "r+b") as f:
            f.seek(os.path.getsize(record) - 10)
            f.write(b"0123456789")
        damaged = open(record, "rb").read()
        agent.start()
        equal(agent.connection("crm")["usable"], True)
        erp = agent.until("a fault", lambda c: c["fault"] is not None, "erp")
        equal((erp["fault"]["kind"], erp["usable"]), ("storage", False))
        equal(agent.ctl("token", "erp").returncode, 1, "exit status of token")
        agent.ctl("login", "erp", "--no-wait")
        rig.approve("erp")
        kept = [open(path, "rb").read() for path in agent.records("erp")]
        equal(kept.count(damaged), 1, "the damaged record is kept aside")


@behaviour("a second agent on the same state directory is refused, the first goes on")
def _():
    with Rig() as rig:
        agent = rig.approved()
        second = type(agent)(rig.home)
        second.runtime = os.path.join(rig.home, "run2")
        second.log_path = os.path.join(rig.home, "log2")
        second.starts = 10
        os.makedirs(second.runtime)
        second.spawn()
        true(second.process.wait(30) != 0, "it failed")
        second.ear.close()
        within(second.log(), [str(agent.process.pid)], "the message names the other's pid")
        equal(agent.ctl("refresh", "crm").returncode, 0)


@behaviour("a bad reload changes nothing and says why, with file and line")
def _():
    with Rig() as rig:
        agent = rig.approved()
        before = agent.connection("crm")
        good = open(agent.config, encoding="utf-8").read()
        agent.write_config(good.replace("client_id:", "clientid:") + "\n  crm: {}")
        answer = agent.ctl("reload")
        equal(answer.returncode, 2, "exit status of reload")
        within(answer.stderr, [agent.config + ":"])
        within(answer.stderr, ["client_id"])
        after = agent.connection("crm")
        equal(after, before, "the connection")
        agent.write_config(good)
        equal(agent.ctl("reload").returncode, 0)
        equal(agent.connection("crm")["usable"], True)


@behaviour("a reload adds and takes away connections, and leaves the others alone")
def _():
    with Rig() as rig:
        agent = rig.approved()
        agent.configure({"crm": rig.connection(), "erp": rig.connection(required=False)})
        equal(agent.ctl("reload").returncode, 0)
        rig.approve("erp")
        equal(agent.connection("crm")["usable"], True)
        agent.configure({"crm": rig.connection()})
        equal(agent.ctl("reload").returncode, 0)
        equal([c["name"] for c in agent.status()["connections"]], ["crm"])
        equal(len(rig.spent()), 0, "refreshes")


@behaviour("a faulty configuration ends the start with exit 2 and every fault in one go")
def _():
    with Rig() as rig:
        agent = rig.agent
        agent.write_config("connections:\n  crm:\n    flow: devise\n    colour: red\n")
        agent.spawn()
        equal(agent.process.wait(30), 2)
        agent.ear.close()
        agent.process = None
        within(agent.log(), [f"{agent.config}:3:"])
        within(agent.log(), [f"{agent.config}:4:"])


@behaviour("a start that fails for another reason than the configuration is exit 1")
def _():
    with Rig() as rig:
        agent = rig.agent
        agent.configure({"crm": rig.connection()})
        plain = rig.secret_file("plain", "no directory")
        os.mkdir(os.path.join(rig.home, "taken"))
        rig.secret_file("taken/status.sock", "no socket")
        for options, why in (
                (["--runtime", plain], "cannot listen on"),
                (["--runtime", os.path.join(plain, "run")], "can't make the runtime directory"),
                (["--runtime", os.path.join(rig.home, "taken")], "there is a file of another kind"),
                (["--state", plain], "state directory")):
            done = subprocess.run([*agent.command(), *options], capture_output=True, text=True,
                                  timeout=60, check=False)
            equal(done.returncode, 1, f"exit status: {done.stderr}")
            within(done.stderr, [why])


@behaviour("status tells the fault as JSON with since, attempts and retry_at")
def _():
    with Rig() as rig:
        rig.approved()
        degrade(rig, {"status": 503})
        told = json.loads(rig.agent.ctl("status", "--json").stdout)["connections"][0]["fault"]
        equal(sorted(told), ["attempts", "detail", "kind", "retry_at", "since"])
        true(told["attempts"] >= 1 and told["since"].endswith("Z"), str(told))


if __name__ == "__main__":
    sys.exit(run())
