#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The agent against a second authorization server that somebody else wrote, with other habits than
the first: glewlwyd has empty bodies in its refusals, takes Basic without form encoding, names
itself in the answer (RFC 9207), and says access_denied for a code that was used."""

import contextlib
import sys

from lib import Rig, ended, has_code  # first: it finds the others
from glewlwyd import REDIRECT_URI, Glewlwyd
from tap import behaviour, equal, run, true, within


@contextlib.contextmanager
def started(durations=None, **more):
    """The agent with one connection to a fresh glewlwyd: (server, agent)."""
    with Rig() as rig, Glewlwyd(rig.home, **(durations or {})) as server:
        path = rig.secret_file("glewlwyd", server.client_secret)
        rig.agent.configure({"crm": server.connection(path, **more)})
        yield server, rig.agent.start()


def code_of(agent):
    return agent.until("a code", has_code, "crm")["approval"]["user_code"]


def url_of(agent):
    crm = agent.until("a URL", lambda c: c["approval"] is not None, "crm")
    return crm["approval"]["verification_uri"]


def usable(agent):
    return agent.until("usable", lambda c: c["usable"] and c["state"] == "ready", "crm")


def token_of(agent):
    answer = agent.ctl("token", "crm")
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


def paste(agent, address):
    return agent.ctl("paste", "crm", "-", stdin=address)


@behaviour("glewlwyd, device: approved, ready, and the token is active")
def _():
    with started(flow="device") as (server, agent):
        server.approve(code_of(agent))
        usable(agent)
        true(server.introspect(token_of(agent)), "active")


@behaviour("glewlwyd, device: refreshes with rotation and a SIGKILL lose no grant")
def _():
    with started(flow="device") as (server, agent):
        server.approve(code_of(agent))
        usable(agent)
        tokens = {token_of(agent)}
        for n in range(6):
            equal(agent.ctl("refresh", "crm").returncode, 0, f"refresh {n + 1}")
            if n == 3:
                agent.kill()
                agent.start()
            tokens.add(token_of(agent))
        equal(len(tokens), 7, "different tokens")
        true(server.introspect(token_of(agent)), "active")


@behaviour("glewlwyd, device: a code that nobody enters ends as expired, and a new one is asked for")
def _():
    with started({"device-authorization-expiration": 3}, flow="device") as (server, agent):
        first = code_of(agent)
        agent.until("another code",
                    lambda c: has_code(c) and c["approval"]["user_code"] != first, "crm")
        server.approve(code_of(agent))
        usable(agent)


@behaviour("glewlwyd, device: a wrong client secret is told as such, with no code shown")
def _():
    with Rig() as rig, Glewlwyd(rig.home) as server:
        path = rig.secret_file("glewlwyd", "not it")
        rig.agent.configure({"crm": server.connection(path, flow="device")})
        rig.agent.start()
        crm = rig.agent.until("a fault", lambda c: c["fault"] is not None, "crm")
        equal((crm["fault"]["kind"], crm["approval"]), ("misconfigured", None))


@behaviour("glewlwyd, client_credentials: ready without a person, and the token is active")
def _():
    with started(flow="client_credentials", scopes=["api"]) as (server, agent):
        usable(agent)
        true(server.introspect(token_of(agent)), "active")


@behaviour("glewlwyd, paste: the address brings a grant, refreshed with rotation")
def _():
    with started(flow="paste", redirect_uri=REDIRECT_URI) as (server, agent):
        address = server.open(url_of(agent))
        within(address, ["iss=", "state=", "code="])
        equal(paste(agent, address).returncode, 0)
        usable(agent)
        first = token_of(agent)
        equal(agent.ctl("refresh", "crm").returncode, 0)
        true(token_of(agent) != first, "another token")
        true(server.introspect(token_of(agent)), "active")


@behaviour("glewlwyd, paste: another issuer's iss is refused and the approval goes on")
def _():
    with started(flow="paste", redirect_uri=REDIRECT_URI) as (server, agent):
        address = server.open(url_of(agent))
        named = address.partition("iss=")[2].partition("&")[0]
        # It does not announce that it names itself, so that an answer without iss would be taken.
        answer = paste(agent, address.replace(named, "https%3A%2F%2Fevil.example"))
        within(answer.stderr, ["mix-up"])
        equal(paste(agent, address).returncode, 0)
        usable(agent)


@behaviour("glewlwyd, paste: an address that was used once is refused, and the grant stays")
def _():
    with started(flow="paste", redirect_uri=REDIRECT_URI) as (server, agent):
        address = server.open(url_of(agent))
        equal(paste(agent, address).returncode, 0)
        usable(agent)
        true(paste(agent, address).returncode != 0, "refused")
        true(server.introspect(token_of(agent)), "active")


@behaviour("glewlwyd: revoke ends the grant there")
def _():
    with started(flow="device") as (server, agent):
        server.approve(code_of(agent))
        usable(agent)
        token = token_of(agent)
        equal(agent.ctl("revoke", "crm").returncode, 0)
        agent.until("forgotten", ended, "crm")
        crm = agent.connection("crm")
        equal((crm["usable"], crm["token_expires_at"]), (False, None))
        # It revokes the refresh token alone (RFC 7009 section 2.1 leaves that to the server).
        true(token, "had one")


if __name__ == "__main__":
    sys.exit(run())
