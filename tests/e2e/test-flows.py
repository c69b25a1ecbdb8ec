#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Grants that nobody has to approve: client_credentials, against our provider and against
oidc-provider; and connections of several flows side by side."""

import contextlib
import sys

from lib import Rig, has_code  # first: it finds the others
from oidc import OidcProvider
from tap import behaviour, equal, run, true, within

FLOW = "client_credentials"


def service(rig, **more):
    return rig.connection(**{"flow": FLOW, "scopes": ["api"], **more})


def asked(rig):
    """Arrivals of token requests, oldest first."""
    return rig.provider.arrivals("token", FLOW)


def token_of(agent, name="crm"):
    answer = agent.ctl("token", name)
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


def usable(agent, name="crm"):
    return agent.until("usable", lambda c: c["usable"] and c["state"] == "ready", name)


@contextlib.contextmanager
def started(**more):
    """The agent with one usable connection of this flow to our provider."""
    with Rig() as rig:
        agent = rig.start(crm=service(rig, **more))
        usable(agent)
        yield rig, agent


@contextlib.contextmanager
def started_oidc(**lifetimes):
    """The same to oidc-provider: (agent, provider)."""
    with Rig() as rig, OidcProvider(rig.home, **lifetimes) as provider:
        rig.agent.configure({"crm": provider.service(rig.secret_file("s", provider.client_secret))})
        usable(rig.agent.start())
        yield rig.agent, provider


@behaviour("client_credentials: ready without a person, and the token is active")
def _():
    with started() as (rig, agent):
        agent.ear.wait("READY=1", agent.process)
        crm = agent.connection("crm")
        equal((crm["flow"], crm["approval"], crm["fault"], crm["scopes"]),
              (FLOW, None, None, ["api"]))
        true(rig.introspect(token_of(agent)), "active")
        equal(len(asked(rig)), 1, "requests")
        equal(asked(rig)[0]["params"]["scope"], "api")
        equal(rig.provider.arrivals("device_authorization"), [])


@behaviour("client_credentials: the state is authorizing until the token has come")
def _():
    with Rig() as rig:
        rig.provider.order("token", {"delay_s": 60})
        agent = rig.start(crm=service(rig))
        true(rig.provider.wait_arrivals("token", 1), "asked")
        crm = agent.connection("crm")
        equal((crm["state"], crm["usable"], crm["approval"]), ("authorizing", False, None))
        within(agent.ctl("status").stdout, ["authorizing"])
        equal(agent.ear.heard("READY=1"), [])
        within(agent.ear.heard("STATUS=")[-1], ["crm: authorizing"])
        rig.provider.control("release")
        usable(agent)


@behaviour("client_credentials: SIGKILL and start again hands out the same token, asking nobody")
def _():
    with started() as (rig, agent):
        token = token_of(agent)
        for _ in range(3):
            agent.kill()
            agent.start()
            agent.ear.wait("READY=1", agent.process)
            equal(token_of(agent), token)
        equal(len(asked(rig)), 1, "requests")


@behaviour("client_credentials: a new token is asked for before the old one ends")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=6)
        agent = rig.start(crm=service(rig))
        for count in (1, 2, 3):
            true(rig.provider.wait_arrivals("token", count, answered=True), "asked by itself")
            usable(agent)
            true(rig.introspect(token_of(agent)), "active")
        times = [a["t"] for a in asked(rig)]
        gaps = [b - a for a, b in zip(times, times[1:])]
        true(2 < min(gaps) and max(gaps) < 6, f"neither in a hurry nor too late: {gaps}")
        equal(agent.ear.heard("READY=1"), ["READY=1"])


@behaviour("client_credentials: a refresh token nobody asked for is not used")
def _():
    with Rig() as rig:
        rig.provider.configure(token_answer={"set": {"refresh_token": "unasked-for"}})
        agent = rig.start(crm=service(rig))
        usable(agent)
        equal(agent.ctl("refresh", "crm").returncode, 0)
        equal((len(asked(rig)), rig.spent()), (2, []))


@behaviour("client_credentials: login --cancel says that there is nothing to cancel: exit 2")
def _():
    with started() as (_, agent):
        answer = agent.ctl("login", "crm", "--cancel")
        equal((answer.returncode, answer.stdout), (2, ""))
        within(answer.stderr, ["nothing to cancel"])
        true("reload" not in answer.stderr, "no remedy that is none")
        usable(agent)


@behaviour("client_credentials: login has nothing to approve, asks for a token and says ready")
def _():
    with started() as (rig, agent):
        token = token_of(agent)
        answer = agent.ctl("login", "crm")
        equal((answer.returncode, answer.stdout, answer.stderr), (0, "crm: ready\n", ""))
        true(token_of(agent) != token, "a new token")
        equal(len(asked(rig)), 2, "requests")
        true("user_code" not in agent.log() and "waiting for approval" not in agent.log(),
             "no approval in the log")


@behaviour("client_credentials: a wrong secret is misconfigured and exit 2, and is not retried")
def _():
    with Rig() as rig:
        good = service(rig)
        path = rig.secret_file("wrong", "wrong-secret")
        agent = rig.start(crm={**good, "client_secret": {"file": path}})
        crm = agent.until("the fault", lambda c: c["fault"], "crm")
        equal((crm["state"], crm["usable"], crm["fault"]["kind"], crm["fault"]["retry_at"]),
              ("authorizing", False, "misconfigured", None))
        for verb in ("token", "login", "refresh"):
            answer = agent.ctl(verb, "crm")
            equal(answer.returncode, 2, f"exit status of {verb}")
            within(answer.stderr, ["invalid_client"], verb)
            true("wrong-secret" not in answer.stderr, "no secret in the error")
        equal(agent.ear.heard("READY=1"), [])
        count = len(asked(rig))
        rig.quiet(3)
        rig.secret_file("wrong", rig.provider.info["client_secret"])
        equal(agent.ctl("reload").returncode, 0)
        usable(agent)
        agent.ear.wait("READY=1", agent.process)
        equal(len(asked(rig)), count + 1, "requests after the reload")


@behaviour("client_credentials: a provider that is down is asked again, by itself")
def _():
    with Rig() as rig:
        rig.provider.order("token", {"status": 503, "body": "<html>"})
        agent = rig.start(crm=service(rig))
        crm = agent.until("the fault", lambda c: c["fault"], "crm")
        equal((crm["state"], crm["fault"]["kind"]), ("authorizing", "provider_down"))
        equal(agent.ctl("token", "crm").returncode, 7)
        usable(agent)
        equal(agent.connection("crm")["fault"], None)


@behaviour("client_credentials: only the token endpoint is needed, resource and more are sent")
def _():
    with Rig() as rig:
        setup = service(rig, request_parameters={"resource": "https://api.example/", "tenant": "a"},
                        endpoints={"token": rig.provider.issuer + "/token"},
                        client_auth="client_secret_post")
        del setup["issuer"]
        agent = rig.start(crm=setup)
        usable(agent)
        params = asked(rig)[0]["params"]
        equal((params["resource"], params["tenant"]), ("https://api.example/", "a"))
        equal(rig.provider.control("state")["grants"][0]["resource"], ["https://api.example/"])
        equal({a["endpoint"] for a in rig.provider.arrivals()}, {"token"}, "endpoints asked")


@behaviour("client_credentials: revoke ends the token at the provider, and login brings another")
def _():
    with started() as (rig, agent):
        token = token_of(agent)
        equal(agent.ctl("revoke", "crm").returncode, 0)
        true(not rig.introspect(token), "inactive")
        equal(agent.connection("crm")["usable"], False)
        equal(agent.ctl("token", "crm").returncode, 3, "exit status of token")
        rig.quiet(2)
        equal(agent.ctl("login", "crm").returncode, 0)
        true(rig.introspect(token_of(agent)), "active")


@behaviour("connections of several flows: each by itself, ready when the person has approved too")
def _():
    with Rig() as rig:
        agent = rig.start(
            crm=rig.connection(), billing=service(rig),
            other=service(rig, required=False, scopes=["other"], client_id="nobody"))
        usable(agent, "billing")
        agent.until("the fault", lambda c: c["fault"], "other")
        code = agent.until("a code", has_code, "crm")["approval"]["user_code"]
        equal(agent.status()["ready"], False)
        equal(agent.ear.heard("READY=1"), [])
        true(rig.introspect(token_of(agent, "billing")), "active meanwhile")
        rig.provider.control("approve", user_code=code)
        agent.ear.wait("READY=1", agent.process)
        equal({c["name"]: c["state"] for c in agent.status()["connections"]},
              {"crm": "ready", "billing": "ready", "other": "authorizing"})
        equal(agent.connection("other")["fault"]["kind"], "misconfigured")


@behaviour("oidc-provider: client_credentials gets ready unattended, reused after SIGKILL, revoked")
def _():
    with started_oidc() as (agent, provider):
        agent.ear.wait("READY=1", agent.process)
        token = token_of(agent)
        true(provider.introspect(token), "active")
        agent.kill()
        agent.start()
        agent.ear.wait("READY=1", agent.process)
        equal(token_of(agent), token)
        equal(agent.ctl("refresh", "crm").returncode, 0)
        newer = token_of(agent)
        true(newer != token and provider.introspect(newer), "another active one")
        equal(agent.ctl("revoke", "crm").returncode, 0)
        true(not provider.introspect(newer), "inactive")


@behaviour("oidc-provider: client_credentials is renewed before the end")
def _():
    with started_oidc(ACCESS_TTL=6) as (agent, provider):
        first = usable(agent)["token_expires_at"]
        agent.until("a later end", lambda c: c["token_expires_at"] != first and c["usable"], "crm")
        true(provider.introspect(token_of(agent)), "active")
        equal(agent.connection("crm")["fault"], None)


@behaviour("oidc-provider: a wrong secret is misconfigured and exit 2")
def _():
    with Rig() as rig, OidcProvider(rig.home) as provider:
        agent = rig.agent
        agent.configure({"crm": provider.service(rig.secret_file("s", "wrong"))})
        agent.start()
        crm = agent.until("the fault", lambda c: c["fault"], "crm")
        equal((crm["state"], crm["fault"]["kind"]), ("authorizing", "misconfigured"))
        equal(agent.ctl("token", "crm").returncode, 2)


if __name__ == "__main__":
    sys.exit(run())
