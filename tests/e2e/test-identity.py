#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who approved: proved, expected, confirmed by an operator, refused; against our provider and against
oidc-provider."""

import contextlib
import json
import os
import re
import shutil
import sys

from lib import GRANTCTL, STRANGER, Rig, VarlinkError, as_stranger, has_code  # first: it finds the others
from oidc import OidcProvider
from tap import behaviour, equal, run, true, within

OPENID = {"scopes": ["openid", "read"]}


@contextlib.contextmanager
def waiting(**more):
    """The agent with one connection whose approval is waited for."""
    with Rig() as rig:
        rig.start(crm=rig.connection(**{**OPENID, "allow": {"users": [str(STRANGER)]}, **more}))
        yield rig, rig.agent


def approve(rig, subject):
    true(rig.provider.control("approve", user_code=rig.code(), subject=subject)["found"], "approved")


def ready(agent, subject="alice"):
    seen = agent.until("ready", lambda c: c["state"] == "ready", "crm")
    equal((seen["usable"], seen["identity"]["subject"], seen["identity"]["confirmed"]),
          (True, subject, True))
    return seen


def held(agent):
    """What is approved waits for an operator."""
    return agent.until("held", lambda c: c["state"] == "confirming" and c["fault"], "crm")


def refused(agent):
    return agent.until("refused", lambda c: c["state"] != "confirming" and c["fault"]
                       and c["fault"]["kind"] == "wrong_identity", "crm")


def families(rig):
    """(who gave it, whether it is alive), oldest first."""
    return [(f["subject"], f["alive"]) for f in rig.provider.control("state")["grants"]]


def given_back(rig, count=1):
    true(rig.provider.wait_arrivals("revoke", count, answered=True), "revoked at the provider")
    rig.agent.until("erased", lambda c: c["state"] != "confirming", "crm")


def token(agent):
    answer = agent.ctl("token", "crm")
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


def unnamed(rig, name):
    """Nobody but an operator is told who approved."""
    true(name not in json.dumps(rig.agent.status("status")), "the status for everybody")
    true(name not in "".join(rig.agent.ear.heard("STATUS=")), "the line for the service manager")
    if os.geteuid() == 0:
        program = shutil.copy(GRANTCTL, rig.home)  # where a stranger can read it
        answer = as_stranger([program, "token", "crm", "--runtime", rig.agent.runtime])
        equal(answer.returncode, 3, "exit status of token for a stranger")
        true(name not in answer.stderr, "what a stranger is told")


def refusal(call, *arguments, **parameters):
    """The error of a call that must not succeed, as text."""
    try:
        reply = call(*arguments, **parameters)
    except VarlinkError as error:
        return str(error)
    raise AssertionError(f"not refused: {reply}")


def login(rig, subject):
    """Another approval, on top of what there is."""
    equal(rig.agent.ctl("login", "crm", "--no-wait").returncode, 0, "login")
    approve(rig, subject)


@behaviour("an approval by whom the configuration expects is ready, and told to operators only")
def _():
    with waiting(expect={"username": "alice", "email": "Alice@example.com"}) as (rig, agent):
        approve(rig, "alice")
        identity = ready(agent)["identity"]
        equal(identity, {"issuer": rig.provider.issuer, "subject": "alice", "username": "alice",
                         "email": "alice@example.com", "confirmed": True,
                         "email_verified": "true", "preferred_username": "alice"})
        status = agent.status("status")
        equal(status["connections"][0]["identity"], None, "identity on status.sock")
        within(agent.ctl("status").stdout, ["approved by alice (alice@example.com, subject alice)"])
        true(rig.introspect(token(agent)), "active")
        equal(len(re.findall(r"approval accepted, given by alice \(subject alice\)", agent.log())), 1,
              "lines about it in the log")


@behaviour("a wrong approver never becomes ready, and is revoked at the provider")
def _():
    with waiting(expect={"username": "alice"}) as (rig, agent):
        approve(rig, "mallory")
        seen = refused(agent)
        given_back(rig)
        equal((seen["state"], seen["usable"], seen["identity"]), ("needs_approval", False, None))
        equal(families(rig), [("mallory", False)])
        equal(agent.ear.heard("READY=1"), [])
        answer = agent.ctl("token", "crm")
        equal(answer.returncode, 3, "exit status of token")
        within(answer.stderr, ["mallory"])
        unnamed(rig, "mallory")
        true(re.search(r"approval refused and given back, by mallory", agent.log()), "audit")
        rig.quiet(2)


@behaviour("login waits for the identity, and tells that it is the wrong one")
def _():
    with waiting(expect={"username": "alice"}) as (rig, agent):
        rig.code()
        with agent.varlink() as client:
            client.send("org.grantd.Control.Login", {"name": "crm", "wait": True})
            approve(rig, "mallory")
            within(refusal(client.receive), ["wrong_identity"])


@behaviour("a wrong approver takes nothing of the grant held")
def _():
    with waiting(expect={"username": "alice"}) as (rig, agent):
        approve(rig, "alice")
        ready(agent)
        before = token(agent)
        login(rig, "mallory")
        seen = refused(agent)
        given_back(rig)
        equal((seen["state"], seen["usable"], seen["identity"]["subject"]), ("ready", True, "alice"))
        equal(token(agent), before)
        equal(families(rig), [("alice", True), ("mallory", False)])
        true(rig.introspect(before), "active")
        equal(agent.ctl("refresh", "crm").returncode, 0, "refresh")


@behaviour("confirm operator: held until confirmed; login says so with exit status 3")
def _():
    with waiting(confirm="operator") as (rig, agent):
        approve(rig, "alice")
        seen = held(agent)
        equal((seen["usable"], seen["fault"]["kind"], seen["identity"]["confirmed"]),
              (False, "needs_approval", False))
        equal(agent.ctl("token", "crm").returncode, 3, "exit status of token")
        answer = agent.ctl("login", "crm")
        equal(answer.returncode, 3, "exit status of login")
        within(answer.stderr, ["approved by alice (subject alice): run grantctl confirm crm"])
        within(agent.ctl("status").stdout, ["run: grantctl confirm crm, or: grantctl reject crm"])
        within(agent.ear.heard("STATUS=")[-1], ["grantctl confirm crm"])
        unnamed(rig, "alice")
        answer = agent.ctl("confirm", "crm")
        equal((answer.returncode, answer.stdout), (0, "crm: confirmed\n"), answer.stderr)
        ready(agent)
        true(rig.introspect(token(agent)), "active")
        equal(agent.ctl("confirm", "crm").returncode, 3, "nothing to confirm")


@behaviour("confirm operator: what waits survives SIGKILL, and is confirmed after it")
def _():
    with waiting(confirm="operator") as (rig, agent):
        approve(rig, "alice")
        held(agent)
        agent.kill()
        agent.start()
        seen = held(agent)
        equal(seen["identity"]["subject"], "alice")
        equal(agent.ctl("confirm", "crm").returncode, 0, "confirm")
        ready(agent)
        equal(families(rig), [("alice", True)])


@behaviour("reject revokes at the provider, and nobody is asked again by itself")
def _():
    with waiting(confirm="operator") as (rig, agent):
        approve(rig, "alice")
        held(agent)
        answer = agent.ctl("reject", "crm")
        equal((answer.returncode, answer.stdout), (0, "crm: rejected and revoked\n"), answer.stderr)
        equal(families(rig), [("alice", False)])
        crm = agent.connection("crm")
        equal((crm["state"], crm["fault"]["kind"], crm["approval"]), ("needs_approval", "denied", None))
        rig.quiet(2)
        true(re.search(r"approval rejected by an operator, given by alice", agent.log()), "audit")


@behaviour("another person is held, the grant before serves, and confirm --replace takes the new one")
def _():
    with waiting() as (rig, agent):
        approve(rig, "alice")
        ready(agent)
        before = token(agent)
        login(rig, "bob")
        seen = held(agent)
        equal((seen["usable"], seen["fault"]["kind"], seen["identity"]["subject"]),
              (True, "wrong_identity", "bob"))
        equal(token(agent), before)
        answer = agent.ctl("confirm", "crm")
        equal(answer.returncode, 3, "exit status of confirm without --replace")
        within(answer.stderr, ["confirm crm --replace"])
        equal(token(agent), before)
        equal(agent.ctl("confirm", "crm", "--replace").returncode, 0, "confirm --replace")
        ready(agent, "bob")
        true(token(agent) != before, "another token")
        true(rig.introspect(token(agent)), "active")


@behaviour("only operators confirm and reject")
def _():
    with waiting(confirm="operator") as (rig, agent):
        approve(rig, "alice")
        held(agent)
        with agent.varlink("status") as client:
            for method in ("Confirm", "Reject"):
                within(refusal(client.call, f"org.grantd.Control.{method}", name="crm"),
                       ["InterfaceNotFound"])
        if os.geteuid() == 0:
            program = shutil.copy(GRANTCTL, rig.home)  # where a stranger can read it
            for verb in ("confirm", "reject"):
                answer = as_stranger([program, verb, "crm", "--runtime", agent.runtime])
                equal(answer.returncode, 4, f"exit status of {verb} for a stranger")
        equal(agent.connection("crm")["state"], "confirming")


BAD = {
    "wrong signature": {"id_token_forged": True},
    "alg none": {"id_token_alg": "none"},
    "alg HS256 with the public key": {"id_token_alg": "HS256"},
    "wrong issuer": {"id_token_claims": {"set": {"iss": "https://evil.example"}}},
    "wrong audience": {"id_token_claims": {"set": {"aud": "somebody-else"}}},
    "wrong nonce": {"id_token_claims": {"set": {"nonce": "replayed"}}},
    "expired": {"id_token_claims": {"set": {"exp": 1}}},
    "no sub": {"id_token_claims": {"drop": ["sub"]}},
}


def refuses(name, settings):
    @behaviour(f"id_token with {name}: refused and given back, the grant held stays")
    def _():
        with waiting(expect={"username": "alice"}) as (rig, agent):
            approve(rig, "alice")
            ready(agent)
            before = token(agent)
            rig.provider.configure(**settings)
            login(rig, "alice")
            seen = refused(agent)
            given_back(rig)
            equal((seen["state"], seen["usable"]), ("ready", True))
            within(seen["fault"]["detail"], ["id_token"])
            equal(token(agent), before)
            equal(families(rig), [("alice", True), ("alice", False)])


for name, settings in BAD.items():
    refuses(name, settings)


@behaviour("userinfo of another person than the id_token: refused and given back")
def _():
    drop = {"id_token_claims": {"drop": ["preferred_username"]},
            "userinfo_answer": {"set": {"sub": "mallory"}}}
    with waiting(expect={"username": "alice"}) as (rig, agent):
        rig.provider.configure(**drop)
        approve(rig, "alice")
        within(refused(agent)["fault"]["detail"], ["userinfo is of another person"])
        given_back(rig)
        equal(families(rig), [("alice", False)])


@behaviour("a new signing key of the provider is fetched once it is needed")
def _():
    with waiting() as (rig, agent):
        approve(rig, "alice")
        ready(agent)
        rig.provider.control("rotate_key")
        login(rig, "alice")
        agent.until("a new grant", lambda c: c["state"] == "ready" and len(families(rig)) == 2, "crm")
        equal(len(rig.provider.arrivals("jwks")), 2, "times the keys were asked for")
        equal(agent.connection("crm")["fault"], None)


@behaviour("a refresh that is about another person is refused, and the grant given back")
def _():
    with waiting() as (rig, agent):
        approve(rig, "alice")
        ready(agent)
        rig.provider.configure(id_token_claims={"set": {"sub": "mallory"}})
        answer = agent.ctl("refresh", "crm")
        equal(answer.returncode, 3, "exit status of refresh")
        within(answer.stderr, ["mallory"])
        given_back(rig)
        equal(agent.ctl("token", "crm").returncode, 3, "exit status of token")
        equal(families(rig), [("alice", False)])


@behaviour("userinfo down: not ready until it is back, then without another approval")
def _():
    with waiting(expect={"username": "alice"}) as (rig, agent):
        rig.provider.configure(id_token_claims={"drop": ["preferred_username"]})
        rig.provider.order("userinfo", {"status": 503})
        approve(rig, "alice")
        seen = held(agent)
        equal((seen["usable"], seen["fault"]["kind"]), (False, "provider_down"))
        ready(agent)
        equal(len(rig.provider.arrivals("device_authorization")), 1)


@behaviour("SIGKILL between the approval and its confirmation: confirmed after it, and nothing lost")
def _():
    with waiting(expect={"username": "alice"}) as (rig, agent):
        rig.provider.order("jwks", {"delay_s": 60})
        approve(rig, "alice")
        true(rig.provider.wait_arrivals("jwks", 1), "asked for the keys")
        crm = agent.connection("crm")
        equal((crm["state"], crm["usable"]), ("confirming", False))
        agent.kill()
        rig.provider.control("release")
        agent.start()
        ready(agent)
        true(rig.introspect(token(agent)), "active")
        equal(families(rig), [("alice", True)])


@behaviour("a document of the provider's own tells who approved")
def _():
    with Rig() as rig:
        crm = rig.connection(scopes=["read"], expect={"preferred_username": "alice"},
                             identity={"url": rig.provider.issuer + "/userinfo",
                                       "subject": "email"})
        rig.start(crm=crm)
        approve(rig, "alice")
        ready(rig.agent, "alice@example.com")


@behaviour("client_credentials: a token whose owner is not told is no pass for an expectation")
def _():
    with Rig() as rig:
        crm = rig.connection(flow="client_credentials", scopes=["api"], expect={"username": "sync"},
                             endpoints={"userinfo": rig.provider.issuer + "/userinfo"})
        rig.start(crm=crm)
        seen = held(rig.agent)
        equal(seen["usable"], False)
        equal(rig.agent.ctl("token", "crm").returncode, 1, "exit status of token")


@contextlib.contextmanager
def oidc(**more):
    """The agent with one connection to a fresh oidc-provider, whose users all are who they say."""
    with Rig() as rig, OidcProvider(rig.home) as provider:
        path = rig.secret_file("oidc", provider.client_secret)
        rig.agent.configure({"crm": provider.connection(path, **more)})
        rig.agent.start()
        yield rig.agent, provider


def code_of(agent):
    return agent.until("a code", has_code, "crm")["approval"]["user_code"]


@behaviour("oidc-provider: the id_token is proved by its keys, and the first approver is remembered")
def _():
    with oidc() as (agent, provider):
        provider.approve(code_of(agent))
        equal(ready(agent)["identity"]["issuer"], provider.issuer)
        equal(agent.ctl("refresh", "crm").returncode, 0, "refresh")
        true(provider.introspect(token(agent)), "active")


@behaviour("oidc-provider: a wrong approver is refused, and the token is dead there")
def _():
    with oidc(expect={"sub": "bob"}) as (agent, provider):
        provider.approve(code_of(agent))
        within(refused(agent)["fault"]["detail"], ["alice"])
        equal(agent.ctl("token", "crm").returncode, 3, "exit status of token")
        equal(agent.ear.heard("READY=1"), [])


@behaviour("oidc-provider: held for an operator, confirmed, live")
def _():
    with oidc(confirm="operator", expect={"sub": "alice"}) as (agent, provider):
        provider.approve(code_of(agent))
        equal(held(agent)["identity"]["subject"], "alice")
        equal(agent.ctl("confirm", "crm").returncode, 0, "confirm")
        ready(agent)
        true(provider.introspect(token(agent)), "active")


sys.exit(run())
