#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""From the first start to a usable connection, and every other end of an approval."""

import json
import subprocess
import sys
import time

from lib import GRANTCTL, Rig, ended, has_code  # first: it finds the others
from tap import behaviour, equal, run, true, within


@behaviour("a code is in `grantctl status --json` within 2 s of the start")
def _():
    with Rig() as rig:
        rig.agent.configure({"crm": rig.connection()})
        started = time.monotonic()
        rig.agent.start()
        rig.code()
        answer = rig.agent.ctl("status", "--json")
        took = time.monotonic() - started
        equal(answer.returncode, 0, "exit status")
        approval = json.loads(answer.stdout)["connections"][0]["approval"]
        device = rig.provider.control("state")["devices"][0]
        equal(approval["user_code"], device["user_code"])
        equal(approval["kind"], "device")
        equal(approval["verification_uri"], rig.provider.issuer + "/device")
        equal(approval["verification_uri_complete"],
              f"{rig.provider.issuer}/device?user_code={device['user_code']}")
        true(took < 2, f"within 2 s, took {took:.2f}")


@behaviour("READY=1 is sent after the approval and not before")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.code()
        true(rig.provider.wait_arrivals("token", 2, 30, answered=True), "two polls went by")
        equal(agent.ear.heard("READY=1"), [], "before the approval")
        equal(agent.status()["ready"], False)
        rig.approve()
        equal(agent.ear.wait("READY=1", agent.process), ["READY=1"])
        equal(agent.status()["ready"], True)


@behaviour("STATUS= names the connection that waits and the command to run, and never a code")
def _():
    with Rig() as rig:
        agent = rig.start()
        code = rig.code()
        agent.ear.wait("STATUS=waiting for approval of crm", agent.process)
        status = "\n".join(agent.ear.heard("STATUS="))
        within(status, ["grantctl login crm"])
        true(code not in status, "no code in STATUS=")


@behaviour("the notice in the log tells the address and the code")
def _():
    with Rig() as rig:
        agent = rig.start()
        code = rig.code()
        log = agent.log()
        for part in ("crm: waiting for approval", f"open    {rig.provider.issuer}/device",
                     f"enter   {code}"):
            true(part in log, part)


@behaviour("`grantctl login --no-wait` shows the same code and returns")
def _():
    with Rig() as rig:
        rig.start()
        code = rig.code()
        answer = rig.agent.ctl("login", "crm", "--no-wait")
        true(code in answer.stdout + answer.stderr, "the code is shown")
        equal(len(rig.provider.control("state")["devices"]), 1, "codes asked for")


@behaviour("a denied approval ends as denied, without a new code")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.provider.control("deny", user_code=rig.code())
        crm = agent.until("denied", ended, "crm")
        equal(crm["fault"]["kind"], "denied")
        equal((crm["approval"], crm["usable"], crm["fault"]["retry_at"]), (None, False, None))
        equal(len(rig.provider.control("state")["devices"]), 1, "codes asked for")
        equal(agent.ctl("token", "crm").returncode, 3, "exit status of token")


@behaviour("after a denial `grantctl login` brings a new code, and that can be approved")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.provider.control("deny", user_code=rig.code())
        agent.until("denied", ended, "crm")
        agent.ctl("login", "crm", "--no-wait")
        rig.approve()


@behaviour("an expired code is renewed at once, and ends as expired_code when that expires too")
def _():
    with Rig() as rig:
        rig.provider.configure(device_lifetime=2)
        agent = rig.start()
        crm = agent.until("expired", ended, "crm")
        equal(crm["fault"]["kind"], "expired_code")
        equal(crm["approval"], None)
        true(crm["fault"]["retry_at"], "a further renewal is planned")
        equal(len(rig.provider.control("state")["devices"]), 2, "codes asked for")


@behaviour("the provider's own expired_token ends the code before its time")
def _():
    with Rig() as rig:
        rig.provider.order("token", {"error": "expired_token", "times": -1})
        agent = rig.start()
        crm = agent.until("expired", ended, "crm")
        equal(crm["fault"]["kind"], "expired_code")


@behaviour("SIGKILL while waiting keeps the same code valid")
def _():
    with Rig() as rig:
        agent = rig.start()
        code = rig.code()
        agent.kill()
        agent.start()
        equal(rig.code(), code)
        equal(len(rig.provider.control("state")["devices"]), 1, "codes asked for")
        rig.approve()


@behaviour("an approval given while the agent is dead counts at its next start")
def _():
    with Rig() as rig:
        agent = rig.start()
        code = rig.code()
        agent.kill()
        true(rig.provider.control("approve", user_code=code)["found"], "approved")
        agent.start()
        agent.until("usable", lambda c: c["usable"], "crm")


@behaviour("a strict provider sees no too early poll, through slow_down, restart and approval")
def _():
    with Rig() as rig:
        rig.provider.order("token", {"error": "authorization_pending"}, {"error": "slow_down"})
        agent = rig.start()
        rig.code()
        true(rig.provider.wait_arrivals("token", 3, answered=True), "a poll after slow_down")
        agent.kill()
        agent.start()
        true(rig.provider.wait_arrivals("token", 4, answered=True), "a poll after the restart")
        rig.approve()
        log = rig.provider.control("log")
        equal(log["violations"], [])
        polls = [a["t"] for a in log["arrivals"] if a["endpoint"] == "token"]
        gaps = [later - earlier for earlier, later in zip(polls, polls[1:])]
        true(gaps[0] >= 1, f"one second before slow_down: {gaps[0]:.3f}")
        true(gaps[1] >= 6, f"5 s more after slow_down: {gaps[1]:.3f}")


@behaviour("an interval absent, text, a fraction, 0 or negative is read as the RFC means it")
def _():
    for told, least in (({"drop": ["interval"]}, 5), ({"set": {"interval": "2"}}, 2),
                        ({"set": {"interval": 1.5}}, 1.5), ({"set": {"interval": 0}}, 1),
                        ({"set": {"interval": -1}}, 1)):
        with Rig() as rig:
            rig.provider.configure(device_answer=told)
            rig.start()
            true(rig.provider.wait_arrivals("token", 2, answered=True), f"polls with {told}")
            polls = [a["t"] for a in rig.provider.arrivals("token")]
            true(polls[1] - polls[0] >= least, f"{told}: {polls[1] - polls[0]:.3f} s")
            equal(rig.provider.control("log")["violations"], [], str(told))


@behaviour("a poll without an answer keeps the approval alive, and the next one waits longer")
def _():
    with Rig() as rig:
        rig.provider.order("token", {"reset": "after"}, {"close": True}, {"status": 502})
        agent = rig.start()
        code = rig.code()
        true(rig.provider.wait_arrivals("token", 4, answered=True), "polls went on")
        equal(rig.code(), code)
        rig.approve()
        polls = [a["t"] for a in rig.provider.arrivals("token")]
        true(polls[1] - polls[0] >= 2, f"backed off: {polls[1] - polls[0]:.3f} s")
        equal(agent.connection("crm")["fault"], None)


@behaviour("a token that was given but whose reply was lost reads as a lost reply, never as denied")
def _():
    with Rig() as rig:
        agent = rig.start()
        code = rig.code()
        rig.provider.order("token", {"process": True, "close": True})
        rig.provider.control("approve", user_code=code)
        crm = agent.until("an end", ended, "crm")
        true(crm["fault"]["kind"] != "denied", f"not denied: {crm['fault']}")
        within(crm["fault"]["detail"], ["lost reply"])


@behaviour("a public client is approved with PKCE")
def _():
    with Rig() as rig:
        rig.provider.configure(pkce_required=True)
        crm = rig.connection(client_id=rig.provider.info["public_client_id"])
        del crm["client_secret"]
        rig.approved(crm=crm)
        poll = rig.provider.arrivals("token")[-1]
        true("code_verifier" in poll["params"], "the verifier was sent")
        equal(poll["authorization"], "", "no client authentication")


@behaviour("client_secret_post sends the secret in the body and no Authorization")
def _():
    with Rig() as rig:
        rig.approved(crm=rig.connection(client_auth="client_secret_post"))
        poll = rig.provider.arrivals("token")[-1]
        equal((poll["authorization"], "client_secret" in poll["params"]), ("", True))


@behaviour("a wrong client secret is misconfigured: no prompt and no second try")
def _():
    with Rig() as rig:
        wrong = rig.connection(client_secret={"file": rig.secret_file("wrong", "not the secret")})
        agent = rig.start(crm=wrong)
        crm = agent.until("misconfigured", lambda c: c["fault"] is not None, "crm")
        equal(crm["fault"]["kind"], "misconfigured")
        equal((crm["approval"], crm["fault"]["retry_at"]), (None, None))
        equal(agent.ctl("token", "crm").returncode, 2, "exit status of token")
        equal(len(rig.provider.arrivals("device_authorization")), 1)


@behaviour("endpoints given one by one work without discovery")
def _():
    with Rig("--path", "/tenant/a") as rig:
        issuer = rig.provider.issuer
        crm = rig.connection(endpoints={"token": issuer + "/token",
                                        "device_authorization": issuer + "/device_authorization"})
        del crm["issuer"]
        rig.approved(crm=crm)
        equal(rig.provider.arrivals("oauth-authorization-server"), [])


@behaviour("an issuer with a path is discovered")
def _():
    with Rig("--path", "/tenant/a") as rig:
        rig.approved()


@behaviour("metadata that names another issuer is refused")
def _():
    with Rig() as rig:
        rig.provider.configure(metadata_answer={"set": {"issuer": "https://evil.example"}})
        agent = rig.start()
        crm = agent.until("refused", lambda c: c["fault"] is not None, "crm")
        equal(crm["fault"]["kind"], "misconfigured")
        equal(rig.provider.arrivals("device_authorization"), [])


@behaviour("a missing scope keeps the grant but is not usable, and the scope is named")
def _():
    with Rig() as rig:
        rig.provider.configure(token_answer={"set": {"scope": "read"}})
        agent = rig.start()
        rig.provider.control("approve", user_code=rig.code())
        crm = agent.until("missing scope", lambda c: c["fault"] is not None, "crm")
        equal(crm["fault"]["kind"], "missing_scope")
        within(crm["fault"]["detail"], ["write"])
        equal((crm["usable"], agent.status()["ready"]), (False, False))
        equal(rig.provider.control("state")["grants"][0]["alive"], True)


@behaviour("`grantctl wait` may start before the agent does, and ends when all is usable")
def _():
    with Rig() as rig:
        rig.agent.configure({"crm": rig.connection()})
        with subprocess.Popen([GRANTCTL, "wait", "--timeout", "50s", "--runtime",
                               rig.agent.runtime], stderr=subprocess.PIPE) as waiting:
            rig.agent.start()
            rig.code()
            equal(waiting.poll(), None, "still waiting")
            rig.approve()
            equal(waiting.wait(30), 0, "exit status")
        equal(rig.agent.ctl("wait", "crm").returncode, 0)


@behaviour("`grantctl wait --timeout` exits 6 when the time is over")
def _():
    with Rig() as rig:
        rig.start()
        rig.agent.until("a code", has_code, "crm")
        equal(rig.agent.ctl("wait", "crm", "--timeout", "1s").returncode, 6)


if __name__ == "__main__":
    sys.exit(run())
