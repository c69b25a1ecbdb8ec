#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Handing out, refreshing, restarting and revoking: a grant is never lost."""

import json
import sys
import time

from lib import Rig  # first: it finds the others
from tap import behaviour, equal, run, true, within


def token_of(agent, *options):
    answer = agent.ctl("token", "crm", *options)
    equal(answer.returncode, 0, f"exit status of token ({answer.stderr.strip()})")
    return answer.stdout.rstrip("\n")


@behaviour("`grantctl token` prints a token that introspection calls active")
def _():
    with Rig() as rig:
        agent = rig.approved()
        true(rig.introspect(token_of(agent)), "active")


@behaviour("`--header` is exactly one Authorization line, `--json` has lifetime and scopes")
def _():
    with Rig() as rig:
        agent = rig.approved()
        token = token_of(agent)
        equal(agent.ctl("token", "crm", "--header").stdout, f"Authorization: Bearer {token}\n")
        told = json.loads(token_of(agent, "--json"))
        equal((told["access_token"], told["token_type"]), (token, "Bearer"))
        equal(sorted(told["scopes"]), ["read", "write"])
        true(told["expires_at"].endswith("Z"), "RFC 3339 in UTC")


@behaviour("other members of the token reply are handed out in extra")
def _():
    with Rig() as rig:
        rig.provider.configure(token_answer={"set": {"instance_url": "https://na1.example"}})
        told = json.loads(token_of(rig.approved(), "--json"))
        equal(told["extra"]["instance_url"], "https://na1.example")
        true("refresh_token" not in json.dumps(told), "no refresh token is handed out")


@behaviour("SIGKILL and start again needs no new approval, and hands out the same token")
def _():
    with Rig() as rig:
        agent = rig.approved()
        token = token_of(agent)
        agent.kill()
        agent.start()
        equal(agent.ear.wait("READY=1", agent.process), ["READY=1"])
        equal(token_of(agent), token)
        equal(len(rig.provider.control("state")["devices"]), 1, "codes asked for")
        equal(agent.connection("crm")["approval"], None)


@behaviour("SIGTERM ends the agent with STOPPING=1 and exit status 0")
def _():
    with Rig() as rig:
        agent = rig.approved()
        ear = agent.ear
        equal(agent.stop(), 0)
        equal(ear.heard("STOPPING=1"), ["STOPPING=1"])


@behaviour("20 forced refreshes with rotation, with a SIGKILL after each fifth, lose no grant")
def _():
    with Rig() as rig:
        agent = rig.approved()
        tokens = [token_of(agent)]
        for n in range(1, 21):
            equal(agent.ctl("refresh", "crm").returncode, 0, f"refresh {n}")
            if n % 5 == 0:
                agent.kill()
                agent.start()
            tokens.append(token_of(agent))
        equal(len(set(tokens)), 21, "different tokens")
        spent = [a["params"]["refresh_token"] for a in rig.spent()]
        equal((len(spent), len(set(spent))), (20, 20), "refresh requests, different tokens spent")
        equal([g["alive"] for g in rig.provider.control("state")["grants"]], [True])
        equal(rig.provider.control("log")["violations"], [])
        true(rig.introspect(tokens[-1]), "active")


@behaviour("a refresh reply without refresh_token keeps the old one")
def _():
    with Rig() as rig:
        rig.provider.configure(rotate=False)
        agent = rig.approved()
        rig.provider.configure(token_answer={"drop": ["refresh_token"]})
        for _ in range(3):
            equal(agent.ctl("refresh", "crm").returncode, 0)
        equal(len({a["params"]["refresh_token"] for a in rig.spent()}), 1, "tokens spent")


@behaviour("a token is refreshed by itself before it expires, and is never handed out dead")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=6)
        agent = rig.approved()
        for _ in range(3):
            wanted = len(rig.spent()) + 1
            true(rig.provider.wait_arrivals("token", wanted, answered=True,
                                            grant_type="refresh_token"), "refreshed by itself")
            agent.until("usable", lambda c: c["usable"] and c["state"] == "ready", "crm")
            true(rig.introspect(token_of(agent)), "active")
        times = [a["t"] for a in rig.spent()]
        gaps = [b - a for a, b in zip(times, times[1:])]
        true(min(gaps) > 2, f"no hurry: {gaps}")


@behaviour("every odd lifetime is survived without a hot loop")
def _():
    for lifetime in ("60", 60.5, None, 0, -5, 1e300, [], {}, "soon", True):
        with Rig() as rig:
            rig.provider.configure(token_answer={"set": {"expires_in": lifetime}})
            agent = rig.start()
            rig.provider.control("approve", user_code=rig.code())
            true(rig.provider.wait_arrivals("token", 1, answered=True), "asked")
            agent.until("stored", lambda c: c["approval"] is None and c["state"] != "storing",
                        "crm")
            # Let two seconds go by at the provider: nobody asks this endpoint.
            rig.provider.wait_arrivals("introspect", 1, 2)
            asked = len(rig.spent())
            true(asked <= 3, f"{asked} refreshes in 2 s with expires_in {lifetime!r}")
            equal(agent.process.poll(), None, "alive")
            equal(rig.provider.control("state")["grants"][0]["alive"], True, repr(lifetime))


# A token younger than this is not renewed for a program's sake: the provider would give no more.
RENEW_SPACING_S = 10


@behaviour("`--min-valid` within the life costs no refresh; beyond what is to be had, exit 7")
def _():
    with Rig() as rig:
        agent = rig.approved()
        token = token_of(agent, "--min-valid", "1m")
        answer = agent.ctl("token", "crm", "--min-valid", "2h")
        equal((answer.returncode, answer.stdout), (7, ""))
        true(token not in answer.stderr, "no token in the error")
        rig.quiet(RENEW_SPACING_S)
        for _ in range(3):
            equal(agent.ctl("token", "crm", "--min-valid", "2h").returncode, 7)
        equal(len(rig.spent()), 1, "refreshes, for all who asked")
        rig.quiet(RENEW_SPACING_S)
        answer = agent.ctl("token", "crm", "--min-valid", "2h")
        equal(answer.returncode, 7)
        within(answer.stderr, ["3600 s in all", "7200 s"])
        equal(len(rig.spent()), 1, "refreshes, also for one who goes on asking")


@behaviour("a min-valid that a refresh can satisfy brings the new token")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=100)
        agent = rig.approved()
        old = token_of(agent)
        rig.provider.configure(access_lifetime=1000)
        rig.quiet(RENEW_SPACING_S)
        new = token_of(agent, "--min-valid", "5m")
        true(new != old, "a new token")
        equal(len(rig.spent()), 1)


@behaviour("many who ask at once for a longer life share one refresh")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=100)
        agent = rig.approved()
        rig.provider.configure(access_lifetime=1000)
        rig.quiet(RENEW_SPACING_S)
        rig.provider.order("token", {"delay_s": 60})
        clients = [agent.varlink() for _ in range(30)]
        for client in clients:
            client.send("org.grantd.Control.GetToken", {"name": "crm", "min_valid_s": 300})
        true(rig.provider.wait_arrivals("token", 1, grant_type="refresh_token"), "refreshing")
        equal(agent.status()["ready"], True, "ready while refreshing")
        rig.provider.control("release")
        tokens = {client.receive()["access_token"] for client in clients}
        for client in clients:
            client.close()
        equal((len(tokens), len(rig.spent())), (1, 1), "tokens, refreshes")


@behaviour("a token is handed out while the same grant is being refreshed")
def _():
    with Rig() as rig:
        agent = rig.approved()
        rig.provider.order("token", {"delay_s": 60})
        with agent.varlink() as client:
            client.send("org.grantd.Control.Refresh", {"name": "crm"})
            true(rig.provider.wait_arrivals("token", 1, grant_type="refresh_token"), "under way")
            started = time.monotonic()
            true(rig.introspect(token_of(agent)), "the held token is active")
            true(time.monotonic() - started < 5, "at once")
            rig.provider.control("release")
            client.receive()


@behaviour("SIGKILL with a refresh in flight that the provider never saw loses nothing")
def _():
    with Rig() as rig:
        agent = rig.approved()
        rig.provider.order("token", {"delay_s": 60, "status": 503, "body": "later"})
        with agent.varlink() as client:
            client.send("org.grantd.Control.Refresh", {"name": "crm"})
            true(rig.provider.wait_arrivals("token", 1, grant_type="refresh_token"), "under way")
            agent.kill()
        rig.provider.control("clear")
        agent.start()
        agent.until("usable", lambda c: c["usable"], "crm")
        equal(agent.ctl("refresh", "crm").returncode, 0)
        equal(rig.provider.control("state")["grants"][0]["alive"], True)


@behaviour("invalid_grant on refresh ends the grant, and says the provider's word")
def _():
    with Rig() as rig:
        agent = rig.approved()
        rig.provider.order("token", {"error": "invalid_grant"})
        true(agent.ctl("refresh", "crm").returncode in (1, 3), "refused")
        crm = agent.until("the end", lambda c: not c["usable"] and c["fault"], "crm")
        within(crm["fault"]["detail"], ["invalid_grant"])
        equal(agent.status()["ready"], False)


@behaviour("`grantctl revoke` tells the provider and forgets")
def _():
    with Rig() as rig:
        agent = rig.approved()
        token = token_of(agent)
        equal(agent.ctl("revoke", "crm").returncode, 0)
        true(not rig.introspect(token), "inactive at the provider")
        crm = agent.connection("crm")
        equal((crm["state"], crm["usable"]), ("needs_approval", False))
        within(crm["fault"]["kind"], ["needs_approval", "revoked"])
        equal(agent.ctl("token", "crm").returncode, 3, "exit status of token")
        agent.kill()
        agent.start()
        equal(agent.connection("crm")["usable"], False, "usable after a restart")


@behaviour("`revoke --keep` forgets here and leaves the grant alive at the provider")
def _():
    with Rig() as rig:
        agent = rig.approved()
        token = token_of(agent)
        equal(agent.ctl("revoke", "crm", "--keep").returncode, 0)
        true(rig.introspect(token), "active at the provider")
        equal(agent.connection("crm")["usable"], False)
        equal(rig.provider.arrivals("revoke"), [])


@behaviour("a name that is not configured is exit 2 or 1, with the name in the error")
def _():
    with Rig() as rig:
        agent = rig.approved()
        answer = agent.ctl("token", "nothing")
        true(answer.returncode in (1, 2), f"exit {answer.returncode}")
        within(answer.stderr, ["nothing"])


@behaviour("without an agent grantctl exits 5 and says what to do")
def _():
    with Rig() as rig:
        answer = rig.agent.ctl("token", "crm")
        equal(answer.returncode, 5)
        equal(len(answer.stderr.strip().splitlines()), 1, "lines of the error")


@behaviour("debug logs each request by host, purpose, status and time, never by path")
def _():
    with Rig() as rig:
        agent = rig.approved()
        host = rig.provider.issuer.split("/")[2]
        asked = [line for line in agent.log().splitlines() if ": asked " in line]
        for purpose in ("metadata", "device authorization", "poll"):
            true(any(f": asked {host} ({purpose}): status 200 in " in line for line in asked),
                 f"{purpose} in {asked}")
        equal([line for line in asked if "/" in line.partition(": asked ")[2]], [], "paths")


@behaviour("a revocation that the provider confirmed is logged as such")
def _():
    with Rig() as rig:
        agent = rig.approved()
        equal(agent.ctl("revoke", "crm").returncode, 0)
        within(agent.log(), ["crm: the grant is given up"])


if __name__ == "__main__":
    sys.exit(run())
