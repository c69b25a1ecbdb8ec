#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The agent against an authorization server that somebody else wrote: oidc-provider."""

import contextlib
import sys

from lib import Agent, Rig, ended, has_code  # first: it finds the others
from oidc import OidcProvider
from tap import behaviour, equal, run, true


@contextlib.contextmanager
def started(**lifetimes):
    """The agent with one connection to a fresh oidc-provider: (provider, agent, user code)."""
    with Rig() as rig, OidcProvider(rig.home, **lifetimes) as provider:
        agent = rig.agent
        path = rig.secret_file("oidc", provider.client_secret)
        agent.configure({"crm": provider.connection(path)})
        agent.start()
        yield provider, agent, code_of(agent)


def code_of(agent: Agent):
    return agent.until("a code", has_code, "crm")["approval"]["user_code"]


def usable(agent):
    return agent.until("usable", lambda c: c["usable"], "crm")


def token_of(agent):
    answer = agent.ctl("token", "crm")
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


@behaviour("oidc-provider: approved on its pages, ready, and the token is active")
def _():
    with started() as (provider, agent, code):
        equal(agent.ear.heard("READY=1"), [])
        provider.approve(code)
        usable(agent)
        agent.ear.wait("READY=1", agent.process)
        true(provider.introspect(token_of(agent)), "active")


@behaviour("oidc-provider: SIGKILL while waiting keeps the code, after it needs no new approval")
def _():
    with started() as (provider, agent, code):
        agent.kill()
        agent.start()
        equal(code_of(agent), code)
        provider.approve(code)
        usable(agent)
        agent.kill()
        agent.start()
        equal(agent.connection("crm")["approval"], None)
        true(provider.introspect(token_of(agent)), "active")


@behaviour("oidc-provider: 20 forced refreshes with rotation lose no grant")
def _():
    with started() as (provider, agent, code):
        provider.approve(code)
        usable(agent)
        tokens = {token_of(agent)}
        for n in range(20):
            equal(agent.ctl("refresh", "crm").returncode, 0, f"refresh {n + 1}")
            if n == 10:
                agent.kill()
                agent.start()
            tokens.add(token_of(agent))
        equal(len(tokens), 21, "different tokens")
        true(provider.introspect(token_of(agent)), "active")


@behaviour("oidc-provider: aborting on the page ends as denied")
def _():
    with started() as (provider, agent, code):
        provider.deny(code)
        crm = agent.until("denied", ended, "crm")
        equal(crm["fault"]["kind"], "denied")


@behaviour("oidc-provider: a code nobody enters expires, and a new one can be approved")
def _():
    with started(DEVICE_TTL=8) as (provider, agent, code):
        agent.until("another code",
                    lambda c: has_code(c) and c["approval"]["user_code"] != code, "crm")
        provider.approve(code_of(agent))
        usable(agent)


@behaviour("oidc-provider: revoke ends the token there")
def _():
    with started() as (provider, agent, code):
        provider.approve(code)
        usable(agent)
        token = token_of(agent)
        equal(agent.ctl("revoke", "crm").returncode, 0)
        true(not provider.introspect(token), "inactive")


if __name__ == "__main__":
    sys.exit(run())
