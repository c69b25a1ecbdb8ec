#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What programs report: a token that was refused is replaced once, whoever reports it. And how long
a token lives, where only the provider's introspection tells."""

import contextlib
import datetime
import os
import subprocess
import sys
import time

from lib import GRANTCTL, PATIENCE_S, STRANGER, Rig, VarlinkError  # first: it finds the others
from tap import Skip, behaviour, equal, run, true, within


def seconds_left(connection):
    if not connection["token_expires_at"]:
        return 0
    end = datetime.datetime.fromisoformat(connection["token_expires_at"].replace("Z", "+00:00"))
    return (end - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def token_of(agent):
    answer = agent.ctl("token", "crm")
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


def reports(agent):
    return agent.log().count("token reported as refused")


@behaviour("ten callers that report the same token cause one refresh, and all hear of its end")
def _():
    with Rig() as rig:
        agent = rig.approved()
        bad = token_of(agent)
        rig.provider.order("token", {"delay_s": 60})
        command = [GRANTCTL, "invalidate", "crm", "--runtime", agent.runtime]
        callers = []
        for _ in range(10):
            callers.append(subprocess.Popen(command, stdin=subprocess.PIPE, text=True,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
            callers[-1].stdin.write(bad + "\n")
            callers[-1].stdin.close()
        deadline = time.monotonic() + PATIENCE_S
        while reports(agent) < 10 and time.monotonic() < deadline:
            agent.status()  # a turn of the agent's loop
        equal(reports(agent), 10, "reports")
        equal(agent.connection("crm")["usable"], False)
        rig.provider.control("release")
        for caller in callers:
            said = caller.stdout.read()
            equal((caller.wait(PATIENCE_S), said), (0, "crm: new token\n"))
            caller.stdout.close()
        equal(len(rig.spent()), 1, "refreshes")
        true(token_of(agent) != bad, "another token")
        true(rig.introspect(token_of(agent)), "active")


@behaviour("a token that was replaced already is reported without a request")
def _():
    with Rig() as rig:
        agent = rig.approved()
        old = token_of(agent)
        equal(agent.ctl("refresh", "crm").returncode, 0)
        answer = agent.ctl("invalidate", "crm", stdin=old)
        equal(answer.returncode, 0)
        within(answer.stdout, ["another token was held already"])
        equal(len(rig.spent()), 1, "refreshes")


@behaviour("the token that came for a report is not believed to be bad at once: exit 7")
def _():
    with Rig() as rig:
        agent = rig.approved()
        equal(agent.ctl("invalidate", "crm", stdin=token_of(agent)).returncode, 0)
        new = token_of(agent)
        answer = agent.ctl("invalidate", "crm", stdin=new)
        equal(answer.returncode, 7, answer.stderr)
        equal(token_of(agent), new)
        equal(len(rig.spent()), 1, "refreshes")


@behaviour("what is no token is refused by grantctl, also in an argument: exit 2")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for text in ("", "\n", "two\nlines", "a\x01b"):
            equal(agent.ctl("invalidate", "crm", stdin=text).returncode, 2, repr(text))
        equal(agent.ctl("invalidate", "crm", token_of(agent), stdin="").returncode, 2)
        equal(len(rig.spent()), 0, "refreshes")


@behaviour("reports and asks while a poll is in flight wait for the refresh that follows it")
def _():
    with Rig() as rig:
        agent = rig.approved()
        bad = token_of(agent)
        rig.provider.order("token", {"delay_s": 60})
        equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
        polls = len(rig.provider.arrivals("token"))
        true(rig.provider.wait_arrivals("token", polls + 1), "a poll is in flight")
        report = {"name": "crm", "access_token": bad}
        calls = [("Invalidate", report), ("Invalidate", report), ("GetToken", {"name": "crm"})]
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(agent.varlink()) for _ in calls]
            for client, (method, parameters) in zip(clients, calls):
                client.send(f"org.grantd.Control.{method}", parameters)
                agent.status()  # a turn of the agent's loop: the calls come in this order
            rig.provider.control("release")
            first, second, token = (client.receive() for client in clients)
        equal((first["refreshed"], second["refreshed"]), (True, True))
        true(token["access_token"] != bad, "another token")
        equal(len(rig.spent()), 1, "refreshes")


@behaviour("a provider that gives the same token again has answered, and that is said")
def _():
    with Rig() as rig:
        shared = {"access_token": "shared-by-all-callers", "token_type": "Bearer",
                  "expires_in": 3600}
        rig.provider.order("token", {"body": shared}, {"body": shared})
        agent = rig.start(crm=rig.connection(flow="client_credentials", scopes=["api"]))
        agent.until("usable", lambda c: c["usable"], "crm")
        answer = agent.ctl("invalidate", "crm", stdin="shared-by-all-callers")
        equal((answer.returncode, answer.stdout),
              (0, "crm: unchanged: the provider gave the same token again\n"))
        equal(token_of(agent), "shared-by-all-callers")
        with agent.varlink() as client:
            try:
                client.call("org.grantd.Control.Invalidate", name="crm",
                            access_token="shared-by-all-callers")
                true(False, "believed again at once")
            except VarlinkError as error:
                equal(error.error, "org.grantd.NotUsable")
                equal(error.parameters["kind"], "throttled")
                true(error.parameters["retry_at"], "when to try again")
        equal(len(rig.provider.arrivals("token")), 2, "requests")


@behaviour("while a reported token can't be refreshed nobody gets it: exit 7")
def _():
    with Rig() as rig:
        agent = rig.approved()
        bad = token_of(agent)
        rig.provider.order("token", {"status": 503, "body": "{}"})
        equal(agent.ctl("invalidate", "crm", stdin=bad).returncode, 7)
        answer = agent.ctl("token", "crm")
        equal((answer.returncode, answer.stdout), (7, ""))
        agent.until("refreshed", lambda c: c["usable"], "crm")
        true(token_of(agent) != bad, "another token")


@behaviour("who may have tokens may report them, and nobody else: exit 4")
def _():
    if os.getuid() != 0:
        raise Skip("only root can be others")
    with Rig() as rig:
        agent = rig.approved(crm=rig.connection(allow={"users": [str(STRANGER)]}))
        command = [GRANTCTL, "invalidate", "crm", "--runtime", agent.runtime]

        def report(uid):
            return subprocess.run(command, input=token_of(agent), user=uid, group=uid,
                                  extra_groups=[], capture_output=True, text=True, check=False,
                                  timeout=PATIENCE_S, cwd="/").returncode
        equal(report(STRANGER - 1), 4)
        equal(len(rig.spent()), 0, "refreshes")
        equal(report(STRANGER), 0)
        equal(len(rig.spent()), 1, "refreshes")


@behaviour("no report stands in the log or in status")
def _():
    with Rig() as rig:
        agent = rig.approved()
        bad = token_of(agent)
        equal(agent.ctl("invalidate", "crm", stdin=bad).returncode, 0)
        true(bad not in agent.log(), "not in the log")
        within(agent.log(), ["token reported as refused"])
        true(bad not in agent.ctl("status", "--json").stdout, "not in status")


@behaviour("a lifetime that no reply tells is asked for at the introspection endpoint, once a token")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=900, token_answer={"drop": ["expires_in"]})
        agent = rig.approved(crm=rig.connection(refresh={"assume_lifetime": "30d"}))
        told = agent.ctl("token", "crm", "--json")
        equal(told.returncode, 0)
        agent.until("told", lambda c: seconds_left(c) <= 900, "crm")
        equal(len(rig.provider.arrivals("introspect")), 1, "requests")
        agent.kill()
        agent.start()
        agent.until("usable", lambda c: c["usable"] and seconds_left(c) <= 900, "crm")
        equal(len(rig.provider.arrivals("introspect")), 1, "requests")


if __name__ == "__main__":
    sys.exit(run())
