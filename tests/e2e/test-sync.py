#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A sync from Salesforce to Marketo, end to end: grantd, grantd-sync and grantctl between the two
simulated vendors. What the target holds is compared with what a correct sync makes it hold."""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time

import lib  # first: it finds the others
from lib import GRANTCTL, PATIENCE_S, Agent, VarlinkError, as_stranger, yaml
from tap import behaviour, equal, run, true, within
from vendors import Marketo, Salesforce, differences

USABLE = ("ready", "initial", "running")


def connection(vendor, provider):
    """One of grantd.yaml(5) to a simulated vendor, as its profile has it."""
    return {"provider": provider, "flow": "client_credentials",
            "host": vendor.issuer.removeprefix("https://"),
            "client_id": vendor.info["client_id"], "client_secret": vendor.info["client_secret"],
            "confirm": "none", "ca_file": vendor.ca_file}


class Rig:
    """Both vendors and the agent with one sync between them, named crm."""

    def __init__(self, home, salesforce, marketo):
        self.home, self.salesforce, self.marketo = home, salesforce, marketo
        self.agent = Agent(home)

    def configure(self, more=None, **sync):
        self.agent.write_config(yaml({
            "connections": {"salesforce": connection(self.salesforce, "salesforce"),
                            "marketo": connection(self.marketo, "marketo"), **(more or {})},
            "sync": {"crm": {"from": "salesforce", "to": "marketo", "every": "5s", **sync}}}))

    def sync(self):
        return self.agent.status()["sync"][0]

    def until(self, about, condition):
        return self.agent.until(about, lambda s: condition(s["sync"][0]))["sync"][0]

    def stage(self, *stages):
        return self.until(f"stage {stages}", lambda s: s["stage"] in stages)

    def caught_up(self):
        """Wait for a whole cycle that begins from now on."""
        asked = time.time()
        def done(s):
            if s["lag_s"] is None or s["stage"] != "running" or s["next_run_at"] is None:
                return False
            return time.time() - s["lag_s"] - 1 > asked
        return self.until("a whole cycle", done)

    def right(self):
        found = differences(self.salesforce, self.marketo)
        true(not found, "the target holds what it should:\n" + "\n".join(found))

    def child(self):
        """The pid of grantd-sync."""
        pid = self.agent.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def written(self):
        """How many persons the target was given."""
        return sum(1 for _ in self.marketo.persons())


@contextlib.contextmanager
def rig(sync=None, start=True, **shape):
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="grantd-e2e-"))
        os.chmod(home, 0o755)  # so that other users reach the sockets
        tls = os.path.join(home, "tls")
        salesforce = stack.enter_context(Salesforce(tls, **shape))
        marketo = stack.enter_context(Marketo(tls))
        r = Rig(home, salesforce, marketo)
        stack.callback(lambda: r.agent.process and r.agent.kill())
        r.configure(**(sync or {}))
        if start:
            r.agent.start()
        try:
            yield r
        except BaseException:
            print("# " + r.agent.log()[-6000:].replace("\n", "\n# "))
            raise


@behaviour("every lead and contact arrives once, with every mapped field right")
def _():
    with rig(leads=2000, contacts=1000, share_contacts=7, no_email=11) as r:
        ready = r.stage("ready")
        equal([c for c in ready["checks"] if c["ok"] is False], [])
        equal(r.written(), 0, "persons before the start")
        answer = r.agent.ctl("sync", "start", "crm")
        equal(answer.returncode, 0, answer.stderr)
        r.caught_up()
        r.right()


SMALL = {"leads": 120, "contacts": 60}


def started(r):
    """Start the sync and wait until it has caught up; changes are told apart from here on."""
    r.stage("ready")
    answer = r.agent.ctl("sync", "start")
    equal(answer.returncode, 0, answer.stderr)
    r.caught_up()
    r.right()
    r.salesforce.control("checkpoint")


def changed(r):
    """Let much happen, and see it at the target after the next cycle."""
    for name, n in (("Lead", 40), ("Contact", 20)):
        r.salesforce.control("change", object=name, count=n)
    r.salesforce.control("create", object="Lead", count=3)
    r.salesforce.control("delete", object="Lead", count=7)
    r.salesforce.control("convert", count=5)
    r.salesforce.control("merge", object="Lead", count=3)
    r.caught_up()
    r.right()


@behaviour("changes, new ones, deletes, conversions and merges arrive with the next cycle")
def _():
    with rig(**SMALL) as r:
        started(r)
        changed(r)
        r.salesforce.control("checkpoint")
        changed(r)


@behaviour("with deletes: delete the deleted go, but nobody whose address another record has")
def _():
    with rig({"deletes": "delete"}, share_contacts=5, **SMALL) as r:
        r.salesforce.control("expect", deletes="delete")
        started(r)
        changed(r)


@behaviour("with a key that holds the id a converted lead stays one person")
def _():
    with rig({"key": "crmId"}, start=False, **SMALL) as r:
        r.marketo.control("field", name="crmId", key=True, length=64)
        r.salesforce.control("expect", key="crmId")
        r.agent.start()
        r.stage("ready")
        equal(r.agent.ctl("sync", "start").returncode, 0)
        r.caught_up()
        r.salesforce.control("checkpoint")
        r.salesforce.control("convert", count=10)
        r.caught_up()
        found = differences(r.salesforce, r.marketo, key="crmId")
        true(not found, "\n".join(found))


@behaviour("a large first load goes by the Bulk API, with the same result")
def _():
    with rig({"bulk_from": 100}, **SMALL) as r:
        started(r)
        true(r.salesforce.counters().get("jobs", 1) > 0, "bulk jobs")
        changed(r)


@behaviour("killed again and again, agent or child, it loses nothing and sends nobody twice")
def _():
    with rig(leads=1500, contacts=700) as r:
        r.salesforce.setup(page_size=200)
        r.stage("ready")
        equal(r.agent.ctl("sync", "start").returncode, 0)
        for turn in range(8):
            written = r.written()
            r.until("progress", lambda s: sum(o["new"] for o in s["objects"].values()) > 0
                    and (r.written() > written or s["stage"] == "running"))
            if turn % 2:
                r.agent.kill()
                r.agent.start()
            else:
                os.kill(r.child(), signal.SIGKILL)
            r.stage("initial", "running")
        r.caught_up()
        r.right()
        equal(r.marketo.control("totals")["shared"]["email"], 0, "persons with one address")


def blocked(r, check, text):
    """Nothing was written, and this check tells why; start is refused with it."""
    s = r.stage("blocked")
    failed = [c for c in s["checks"] if c["ok"] is False]
    equal([c["name"] for c in failed], [check])
    within(failed[0]["detail"], [text])
    answer = r.agent.ctl("sync", "start", "crm")
    equal(answer.returncode, 2, "exit status of start")
    within(answer.stderr, [text])
    equal(r.written(), 0, "persons")
    equal(r.agent.ear.heard("READY=1"), [], "readiness")
    true(any("sync crm: blocked" in line for line in r.agent.ear.heard("STATUS=")), "STATUS=")


@contextlib.contextmanager
def using(program):
    """Let agents be this program."""
    usual, lib.GRANTD = lib.GRANTD, program
    try:
        yield
    finally:
        lib.GRANTD = usual


@contextlib.contextmanager
def prepared(prepare, sync=None):
    with rig(sync, start=False, **SMALL) as r:
        prepare(r)
        r.agent.start()
        yield r


@behaviour("a field that the user can't see is told before anything is written, and seen again")
def _():
    fields = {"fields": {"lead": {"Region__c": "title"}}}
    with prepared(lambda r: r.salesforce.control("hide", fields=["Lead.Region__c"]), fields) as r:
        blocked(r, "source_fields", "Lead.Region__c")
        r.salesforce.control("hide")
        equal(r.agent.ctl("sync", "check").returncode, 0)
        r.stage("ready")
        r.agent.ear.wait("READY=1", r.agent.process)


@behaviour("an object that the user can't see is told before anything is written")
def _():
    with prepared(lambda r: r.salesforce.control("hide", objects=["Contact"])) as r:
        blocked(r, "source_objects", "Contact")


@behaviour("API access that is off is told before anything is written")
def _():
    with prepared(lambda r: r.salesforce.setup(api_disabled="API_DISABLED_FOR_ORG")) as r:
        blocked(r, "api_enabled", "API Enabled")


@behaviour("Marketo's own sync that is on is told before anything is written, or ignored")
def _():
    with prepared(lambda r: r.marketo.setup(native_sync=True)) as r:
        blocked(r, "native_sync", "native_sync: ignore")
        r.configure(native_sync="ignore")
        equal(r.agent.ctl("reload").returncode, 0)
        r.stage("ready")


@behaviour("a target field that can't be written is told before anything is written")
def _():
    fields = {"fields": {"lead": {"Title": "nosuch"}}}
    with prepared(lambda r: None, fields) as r:
        blocked(r, "source_fields", "nosuch")


@behaviour("a record that is refused is kept with the reason, and the others arrive")
def _():
    with rig(**SMALL) as r:
        r.stage("ready")
        key = r.salesforce.expected().__next__()[0]
        r.marketo.control("refuse", keys=[key], code="1007", times=-1)
        equal(r.agent.ctl("sync", "start").returncode, 0)
        s = r.caught_up()
        equal(sum(o["failed"] for o in s["objects"].values()), 1, "failed")
        equal(r.written(), sum(1 for _ in r.salesforce.expected()) - 1, "persons")
        shown = r.agent.ctl("sync", "status", "--failed")
        equal(shown.returncode, 0, shown.stderr)
        within(shown.stdout, ["1007"])
        true(all(len(line) <= 80 for line in shown.stdout.splitlines()), "80 columns")


@behaviour("tokens that end during the load are replaced, and nothing is lost")
def _():
    with rig(leads=1200, contacts=100) as r:
        r.salesforce.setup(page_size=200)
        r.stage("ready")
        equal(r.agent.ctl("sync", "start").returncode, 0)
        r.until("progress", lambda s: s["objects"]["lead"]["new"] > 0)
        r.marketo.control("end_tokens")
        r.salesforce.control("end_tokens")
        r.caught_up()
        r.right()
        within(r.agent.log(), ["token reported as refused by sync crm"])


@behaviour("pages of HTML, cut bodies and throttling cost time only")
def _():
    with rig(**SMALL) as r:
        r.stage("ready")
        r.salesforce.unavailable("query", times=2)
        r.marketo.unavailable("leads")
        r.salesforce.cut("query")
        equal(r.agent.ctl("sync", "start").returncode, 0)
        r.caught_up()
        r.right()


@behaviour("stopped it stays so over a restart, and starts where it was")
def _():
    with rig(**SMALL) as r:
        started(r)
        equal(r.agent.ctl("sync", "stop").returncode, 0)
        r.stage("stopped")
        r.agent.kill()
        r.agent.start()
        r.stage("stopped")
        equal(r.agent.ctl("sync", "start").returncode, 0)
        changed(r)


@behaviour("a reload that changes nothing of it leaves it alone, another one starts it anew")
def _():
    with rig({"start": "auto"}, **SMALL) as r:
        r.stage("running")
        first = r.child()
        equal(r.agent.ctl("reload").returncode, 0)
        equal(r.child(), first, "pid")
        r.configure(start="auto", every="6s")
        equal(r.agent.ctl("reload").returncode, 0)
        true(r.child() != first, "another process")
        r.stage("running")
        r.agent.kill()
        true(not os.path.exists(f"/proc/{first}"), "the first process is gone")


@behaviour("strangers see how the syncs are, and nothing else is theirs; nobody can be the child")
def _():
    with rig(**SMALL) as r:
        r.stage("ready")
        for name in ("status", "control"):
            with r.agent.varlink(name) as client:
                answer = client.call("org.grantd.Sync.Status", name="crm")
                equal([s["name"] for s in answer["sync"]], ["crm"])
        with r.agent.varlink() as client:
            for method, more in (("Attend", True), ("Report", False)):
                client.send("org.grantd.Sync." + method, {"status": {}} if not more else {},
                            more=more)
                try:
                    client.receive()
                except VarlinkError as e:
                    equal(e.error, "org.grantd.NotPermitted", method)
                else:
                    raise AssertionError(f"{method} was answered")
        for action in ("fields", "start", "stop", "check"):
            command = [GRANTCTL, "sync", action, "crm", "--runtime", r.agent.runtime]
            equal(as_stranger(command).returncode, 4, action)


ROGUE = """#!{python}
# In place of grantd-sync: tries what it may not.
import json, os, socket

def talk(number):
    return socket.socket(fileno=number)

def call(s, method, parameters=None, more=False):
    s.setblocking(True)
    s.sendall(json.dumps({{"method": method, "parameters": parameters or {{}},
                          "more": more}}).encode() + bytes(1))
    data = bytes()
    while bytes(1) not in data:
        data += s.recv(65536)
    reply = json.loads(data.split(bytes(1))[0])
    return reply.get("error", "ok")

attend, ask = talk(3), talk(5)
name = {{"name": "salesforce"}}
tried = {{
    "attend": call(attend, "org.grantd.Sync.Attend", more=True),
    "own": call(ask, "org.grantd.Control.GetToken", name),
    "other": call(ask, "org.grantd.Control.GetToken", {{"name": "other"}}),
    "invalidate": call(ask, "org.grantd.Control.Invalidate",
                       {{"name": "other", "access_token": "x"}}),
    "report": call(ask, "org.grantd.Sync.Report",
                   {{"status": {{"name": "else", "stage": "ready", "usable": True}}}}),
    "environment": ",".join(sorted(os.environ)),
    "fds": ",".join(sorted(os.listdir("/proc/self/fd"))),
}}
for method in {methods}:
    tried[method] = call(ask, method, name)
fd = os.open("tried", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=4)
os.write(fd, json.dumps(tried).encode())
os.rename("tried", "tried.json", src_dir_fd=4, dst_dir_fd=4)
"""

OTHERS = ["org.grantd.Control." + m for m in ("Login", "Paste", "Confirm", "Reject", "Refresh",
                                              "Revoke", "Reload")]
OTHERS += ["org.grantd.Sync." + m for m in ("Status", "Fields", "Failed", "Start", "Stop",
                                            "Check")]
OTHERS += ["org.grantd.Status.Get", "org.grantd.Status.Watch", "org.varlink.service.GetInfo",
           "org.varlink.service.GetInterfaceDescription"]


@behaviour("the process of a sync gets tokens of its two connections, and nothing else whatever")
def _():
    with rig(start=False, **SMALL) as r, contextlib.ExitStack() as stack:
        beside = stack.enter_context(tempfile.TemporaryDirectory(prefix="grantd-e2e-"))
        shutil.copy(lib.GRANTD, os.path.join(beside, "grantd"))
        rogue = os.path.join(beside, "grantd-sync")
        with open(rogue, "w", encoding="ascii") as f:
            f.write(ROGUE.format(python=sys.executable, methods=OTHERS))
        os.chmod(rogue, 0o755)
        r.configure(more={"other": connection(r.salesforce, "salesforce")})
        stack.enter_context(using(os.path.join(beside, "grantd")))
        r.agent.start()
        r.until("it has ended", lambda s: s["fault"] is not None)
        with open(os.path.join(r.agent.state, "sync", "crm", "tried.json"), encoding="utf-8") as f:
            tried = json.load(f)
        equal((tried.pop("attend"), tried.pop("own")), ("ok", "ok"))
        equal(tried.pop("report"), "org.varlink.service.InvalidParameter")
        equal(tried.pop("environment"), "GRANTD_LOG,LC_CTYPE")
        equal(tried.pop("fds"), "0,1,2,3,4,5,6", "descriptors, one to list them")
        for method, answer in tried.items():
            equal(answer, "org.grantd.NotPermitted", method)


if __name__ == "__main__":
    sys.exit(run())
