#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each profile, on the agent, against our provider speaking that provider's dialect: ready by the
default flow, a token that is alive, and another one after a refresh."""

import contextlib
import os
import sys

from lib import HERE, Rig, VarlinkError, has_code  # first: it finds the others
from tap import behaviour, equal, run, true, within

sys.path.insert(0, os.path.join(HERE, "..", "lint"))

from dialects import DIALECTS  # noqa: E402
from profile_yaml import profiles  # noqa: E402

PROFILES = profiles()
UNATTENDED = ("client_credentials", "jwt_bearer")


@contextlib.contextmanager
def rig(name, **more):
    """A rig whose provider speaks the dialect @name, and its connection `crm`."""
    with Rig("--profile", name) as r:
        info = r.provider.info
        secret = r.secret_file("secret", info["client_secret"])
        r.crm = {**info["connection"], "client_secret": {"file": secret}, **more}
        yield r


def paste(r):
    """Approve a paste approval, and bring the address back."""
    seen = r.agent.until("an address", lambda c: c["approval"]
                         and c["approval"].get("verification_uri"), "crm")
    url = seen["approval"]["verification_uri"]
    with r.agent.varlink() as agent:
        agent.call("org.grantd.Control.Paste", name="crm",
                   address=r.provider.control("authorize", url=url)["location"])


def approve(r, flow):
    """Do what the person does in this flow; the connection once it is usable."""
    if flow == "device":
        code = r.agent.until("a code", has_code, "crm")["approval"]["user_code"]
        true(r.provider.wait_arrivals("token", 2), "polled twice before the approval")
        equal(r.agent.connection("crm")["fault"], None, "fault while pending")
        true(r.provider.control("approve", user_code=code)["found"], "the code is known")
    elif flow == "paste":
        paste(r)
    return r.agent.until("usable", lambda c: c["usable"] and c["state"] == "ready", "crm")


def token_of(r):
    answer = r.agent.ctl("token", "crm")
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


def alive(r, token):
    return r.provider.control("active", token=token)["active"]


def refreshed(r):
    """The token after a refresh."""
    answer = r.agent.ctl("refresh", "crm")
    equal(answer.returncode, 0, f"exit status of refresh: {answer.stderr}")
    return token_of(r)


def play(name):
    with rig(name) as r:
        r.start(crm=r.crm)
        flow = PROFILES[name]["flow"] if name in PROFILES else "device"
        equal(r.agent.connection("crm")["flow"], flow)
        ready = approve(r, flow)
        equal(ready["fault"], None)
        first = token_of(r)
        true(alive(r, first), "the first token is alive")
        if name == "marketo":  # the same for all, until it ends
            equal(refreshed(r), first)
            r.provider.control("age", seconds=3601)
        second = refreshed(r)
        true(second != first and alive(r, second), "another token that is alive")
        equal(r.provider.control("log")["violations"], [])
        return r.provider.arrivals()


def shown(name):
    """Register the behaviour of one profile."""
    flow = PROFILES[name]["flow"]

    @behaviour(f"{name}: {flow} leads to ready, a live token, and another by a refresh")
    def _():
        play(name)


for each in sorted(PROFILES):
    if each != "github":  # below: two kinds of apps
        shown(each)


@behaviour("every profile has a dialect")
def _():
    equal(set(PROFILES) - set(DIALECTS), set())
    for name, profile in PROFILES.items():
        if name == "generic":
            continue
        paths = {"/" + u.split("//", 1)[1].partition("/")[2]
                 for u in profile.get("endpoints", {}).values()}
        theirs = {p.replace("11111111-2222-3333-4444-555555555555", "{tenant}")
                  for p in DIALECTS[name].paths.values()}
        equal(sorted(paths - theirs), [], f"{name}: endpoints of the profile that are not played")


@behaviour("github: device leads to ready, as a GitHub App with a refresh, as an OAuth app without")
def _():
    play("github")
    with rig("github", scopes=["repo", "user:email"]) as r:
        r.start(crm=r.crm)
        ready = approve(r, "device")
        equal(ready["scopes"], ["repo", "user:email"])
        true(alive(r, token_of(r)), "alive")
        true(r.agent.ctl("refresh", "crm").returncode != 0, "nothing to refresh with")
        true(alive(r, token_of(r)), "still alive")


@behaviour("salesforce: the device flow in its own words, without a line of code that names it")
def _():
    with rig("salesforce", flow="device") as r:
        r.start(crm=r.crm)
        approve(r, "device")
        true(alive(r, token_of(r)), "alive")
        asked = r.provider.arrivals("device_authorization")[0]["params"]
        equal((asked["response_type"], "code_challenge" in asked), ("device_code", False))
        polls = r.provider.arrivals("token", "device")
        true(polls and all("code" in p["params"] for p in polls), "polled with code")


@behaviour("salesforce: a token reply with a wrong signature is not taken")
def _():
    with rig("salesforce") as r:
        r.start(crm=r.crm)
        r.provider.order("token", {"body": {
            "access_token": "forged", "token_type": "Bearer", "id": "https://a.example/id/1/2",
            "issued_at": "1477674717112", "signature": "AAAA", "scope": "api id"}})
        try:
            paste(r)
            raise AssertionError("taken")
        except VarlinkError as error:
            within(error.parameters["detail"], ["signed with another secret"])
        equal(r.agent.connection("crm")["usable"], False)


@behaviour("salesforce: a revoked grant says what may have ended it")
def _():
    with rig("salesforce") as r:
        r.start(crm=r.crm)
        approve(r, "paste")
        r.provider.control("age", seconds=31 * 86400)
        equal(r.agent.ctl("refresh", "crm").returncode, 3)
        fault = r.agent.connection("crm")["fault"]
        equal(fault["kind"], "revoked")
        within(fault["detail"], ["unused for 30 days"])


@behaviour("slack: a bot's token stands at the top, and a user's under authed_user")
def _():
    with rig("slack", scopes=["chat:write", "users:read"], request_parameters={}) as r:
        r.start(crm=r.crm)
        equal(approve(r, "paste")["scopes"], ["chat:write", "users:read"])
        true(alive(r, token_of(r)), "alive")
        true(alive(r, refreshed(r)), "alive")


@behaviour("who approved is told by the provider's own document, and compared")
def _():
    for name, claim, right in (
            ("github", "login", "alice"), ("slack", "user_id", "alice"),
            ("twitch", "login", "alice"), ("box", "login", "alice@example.com"),
            ("salesforce", "username", "alice")):
        with rig(name, expect={claim: right}) as r:
            r.start(crm=r.crm)
            approve(r, PROFILES[name]["flow"])
            true(r.agent.connection("crm")["identity"], f"identity at {name}")
        with rig(name, flow="paste", expect={claim: "mallory"}) as r:
            r.start(crm=r.crm)
            with contextlib.suppress(VarlinkError):
                paste(r)
            seen = r.agent.until("a word on it", lambda c: c["fault"], "crm")
            equal((seen["fault"]["kind"], seen["usable"]), ("wrong_identity", False), name)


@behaviour("quickbooks: the keys of an id_token are found where the profile says")
def _():
    with rig("quickbooks", scopes=["openid"]) as r:
        r.start(crm=r.crm)
        approve(r, "paste")
        true(r.agent.connection("crm")["identity"], "identity")


@behaviour("microsoft-v1: numbers as text, code for device_code, by flags alone")
def _():
    with rig("microsoft-v1", flow="device") as r:
        r.start(crm=r.crm)
        approve(r, "device")
        true(alive(r, token_of(r)), "alive")


if __name__ == "__main__":
    sys.exit(run())
