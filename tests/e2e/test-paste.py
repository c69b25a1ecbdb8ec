#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The flow paste: a person opens an address anywhere, and the one that the browser ended at is
brought back. Against our provider and against oidc-provider."""

import contextlib
import os
import subprocess
import sys
import urllib.parse

from lib import GRANTCTL, STRANGER, Rig, VarlinkError, as_stranger  # first: it finds the others
from oidc import OidcProvider
from tap import Skip, behaviour, equal, run, true, within

CODE = "authorization_code"


def by_paste(rig, **more):
    return rig.connection(**{"flow": "paste", "redirect_uri": rig.provider.info["redirect_uri"],
                             **more})


def url_of(agent, name="crm"):
    """The address to open, as soon as there is one."""
    seen = agent.until(f"an address for {name}",
                       lambda c: c["approval"] and c["approval"].get("verification_uri"), name)
    equal((seen["approval"]["kind"], seen["approval"]["user_code"]), ("paste", None))
    return seen["approval"]["verification_uri"]


def walk(rig, url, action="allow"):
    """Open it and answer so; the address that the browser ends at."""
    return rig.provider.control("authorize", url=url, action=action)["location"]


def paste(agent, text, name="crm", *more):
    return agent.ctl("paste", name, "-", *more, stdin=text)


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def changed(url, **parameters):
    """The address with other parameters; None takes one out."""
    kept = {**query_of(url), **parameters}
    return url.partition("?")[0] + "?" + urllib.parse.urlencode(
        {k: v for k, v in kept.items() if v is not None})


def token_of(agent, name="crm"):
    answer = agent.ctl("token", name)
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


def refused(answer, code, *about):
    """An exit code, one sentence about it, nothing on stdout."""
    equal((answer.returncode, answer.stdout), (code, ""), answer.stderr)
    equal(answer.stderr.count("\n"), 1, answer.stderr)
    for words in about:
        true(words in answer.stderr, f"{words}: {answer.stderr}")


def exchanges(rig):
    """Arrivals of requests that spend a code."""
    return rig.provider.arrivals("token", CODE)


@contextlib.contextmanager
def waiting(**more):
    """The agent with a connection whose approval waits for an address: (rig, agent, url)."""
    with Rig() as rig:
        agent = rig.start(crm=by_paste(rig, **more))
        yield rig, agent, url_of(agent)


@contextlib.contextmanager
def again(**more):
    """A connection that is ready, and whose next approval waits: (rig, agent, url, token)."""
    with waiting(**more) as (rig, agent, url):
        equal(paste(agent, walk(rig, url)).returncode, 0)
        token = token_of(agent)
        equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
        yield rig, agent, url_of(agent), token


def intact(rig, agent, token, spent=1):
    """The grant held before is what it was, and no code was spent since."""
    crm = agent.connection("crm")
    equal((crm["usable"], token_of(agent)), (True, token))
    true(rig.introspect(token), "active")
    equal(len(exchanges(rig)), spent, "exchanges")


@behaviour("a pasted address reaches ready and hands out a live token, with PKCE, state and iss")
def _():
    with waiting() as (rig, agent, url):
        asked = query_of(url)
        equal((asked["response_type"], asked["code_challenge_method"], asked["redirect_uri"]),
              ("code", "S256", rig.provider.info["redirect_uri"]))
        equal(agent.ear.heard("READY=1"), [])
        answer = paste(agent, walk(rig, url) + "\n")
        equal((answer.returncode, answer.stdout, answer.stderr), (0, "crm: ready\n", ""))
        agent.ear.wait("READY=1", agent.process)
        true(rig.introspect(token_of(agent)), "active")
        sent, = exchanges(rig)
        true(sent["params"]["code_verifier"], "the verifier was sent")
        equal(agent.ctl("refresh", "crm").returncode, 0)
        equal(rig.provider.control("log")["violations"], [])


@behaviour("an address may be wrapped, be its query alone, and have blanks and a fragment around it")
def _():
    for shape in (lambda u: f"\n  {u[:40]}\r\n   {u[40:70]}\n{u[70:]}#_=_\n\n",
                  lambda u: u.partition("?")[2], lambda u: "?" + u.partition("?")[2]):
        with waiting() as (rig, agent, url):
            equal(paste(agent, shape(walk(rig, url))).returncode, 0)
            true(rig.introspect(token_of(agent)), "active")


@behaviour("what is not the answer to this login is refused, unspent, with the grant intact")
def _():
    with again() as (rig, agent, url, token):
        good = walk(rig, url)
        code = query_of(good)["code"]
        for text, exit_code, about in (
                (changed(good, state="foreign"), 3, "another login"),
                (changed(good, state=None), 3, "no state"),
                (changed(good, state=query_of(good)["state"][:-1]), 3, "another login"),
                (changed(good, code="a%2Fb"), 3, "encoded twice"),
                (changed(good, code=None), 3, "no code"),
                (changed(good, iss="https://evil.example"), 1, "mix-up"),
                (changed(good, iss=None), 1, "no iss"),
                (good + "&code=other", 3, "code twice"),
                (good + "\x1b", 3, "control characters"),
                (url, 3, "address to open"),
                ("", 3, "nothing was pasted"),
                (code, 3, "whole address")):
            answer = paste(agent, text)
            refused(answer, exit_code, "crm: ", about)
            true(code not in answer.stderr, "no code in the error")
            intact(rig, agent, token)
        equal(url_of(agent), url)
        equal(paste(agent, good).returncode, 0)
        true(token_of(agent) != token, "another token")


@behaviour("what is no text or longer than any address is not even sent")
def _():
    with waiting() as (rig, agent, url):
        good = walk(rig, url)
        for text, about in ((good.encode() + b"\0", "no text"), (b"\xff" + good.encode(), "no text"),
                            (b"x" * 61441, "60 KiB")):
            done = subprocess.run([GRANTCTL, "paste", "crm", "-", "--runtime", agent.runtime],
                                  input=text, capture_output=True, check=False, timeout=60)
            equal((done.returncode, done.stdout), (2, b""), about)
            within(done.stderr.decode(), [about])
        refused(paste(agent, "http://localhost/?code=" + "x" * 40000), 3, "no state")
        refused(paste(agent, '"' * 60000), 2, "too long")
        equal(paste(agent, good).returncode, 0)


@behaviour("an address that was used is refused, before and after the next login")
def _():
    with waiting() as (rig, agent, url):
        used = walk(rig, url)
        equal(paste(agent, used).returncode, 0)
        token = token_of(agent)
        refused(paste(agent, used), 3, "begin with a login")
        equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
        refused(paste(agent, used), 3, "another login")
        intact(rig, agent, token)


@behaviour("a code that the provider refuses leaves the grant, and the same address to open")
def _():
    with again() as (rig, agent, url, token):
        first = walk(rig, url)
        rig.provider.order("token", {"error": "invalid_grant"})
        refused(paste(agent, first), 3, "open the address again", "invalid_grant")
        intact(rig, agent, token, 2)
        rig.provider.order("token", {"status": 503})
        refused(paste(agent, walk(rig, url)), 7, "open the address again")
        intact(rig, agent, token, 3)
        equal(url_of(agent), url)
        equal(paste(agent, walk(rig, url)).returncode, 0)
        crm = agent.connection("crm")
        equal((crm["state"], crm["fault"]), ("ready", None))


@behaviour("a bare code is taken with --code-only, where the provider does not name itself")
def _():
    with Rig() as rig:
        rig.provider.configure(
            announce_iss=False,
            metadata_answer={"drop": ["authorization_response_iss_parameter_supported"]})
        agent = rig.start(crm=by_paste(rig))
        code = query_of(walk(rig, url_of(agent)))["code"]
        refused(paste(agent, code), 3, "code alone", "whole address")
        equal(paste(agent, code, "crm", "--code-only").returncode, 0)
        true(rig.introspect(token_of(agent)), "active")
    with waiting() as (rig, agent, url):
        code = query_of(walk(rig, url))["code"]
        refused(paste(agent, code, "crm", "--code-only"), 3, "names itself")
        equal(exchanges(rig), [])


@behaviour("an address or code as an argument is exit 2, never repeated, and never sent")
def _():
    with waiting() as (rig, agent, url):
        good = walk(rig, url)
        code = "c" + query_of(good)["code"]  # what begins with - is an option to anybody
        for words in (["paste", "crm", good], ["paste", "crm", code], ["paste", good],
                      ["paste", "crm", "-", code], ["paste", "crm", "--code-only", code],
                      ["login", "crm", good]):
            answer = agent.ctl(*words)
            equal((answer.returncode, answer.stdout), (2, ""))
            true(code not in answer.stderr, answer.stderr)
            if words[0] == "paste":
                within(answer.stderr, ["begin again: grantctl login"])
        equal(exchanges(rig), [])


@behaviour("errors of the provider are explained, and the approval goes on")
def _():
    page = "https://acme.my.salesforce.example/setup/secur/RemoteAccessErrorPage.apexp?"
    with again() as (rig, agent, url, token):
        for text, exit_code, about in (
                (walk(rig, url, "deny"), 3, ["access_denied", "the person said no"]),
                ("http://localhost/?error=access-denied&error_description=end-user+denied", 3,
                 ["access-denied", "permissions"]),
                ("?error=invalid_scope&state=" + query_of(url)["state"], 2,
                 ["take them out of scopes: read write"]),
                ("?error=access_denied&state=foreign", 3, ["another login"]),
                ("?error=temporarily_unavailable", 7, ["log in again later"]),
                (page + "error=invalid_client&error_description=app+must+be+installed+into+org", 2,
                 ["app must be installed into org", "administrator has to install the app"]),
                (page + "error=OAUTH_APPROVAL_ERROR_GENERIC&error_description=An+error", 2,
                 ["network rules"]),
                (page + "error=OAUTH_APP_ACCESS_DENIED&error_description=user+is+not+admin+approved",
                 3, ["profile or permission set"]),
                (page + "error=redirect_uri_mismatch", 2, ["set redirect_uri"]),
                (page + "error=x&error_description=a%0Ab%1b%5b2J", 1, ['x: "a?b?[2J"'])):
            refused(paste(agent, text), exit_code, "crm: ", *about)
            intact(rig, agent, token)
        equal(paste(agent, walk(rig, url)).returncode, 0)


@behaviour("several connections wait at once, and an address is good for its own only")
def _():
    with Rig() as rig:
        names = ("one", "two", "three")
        agent = rig.start(**{name: by_paste(rig) for name in names})
        ends = {name: walk(rig, url_of(agent, name)) for name in names}
        refused(paste(agent, ends["one"], "two"), 3, "another login")
        for name in reversed(names):
            equal(paste(agent, ends[name], name).returncode, 0)
        tokens = {token_of(agent, name) for name in names}
        equal(len(tokens), 3, "tokens")
        agent.ear.wait("READY=1", agent.process)


@behaviour("SIGKILL between the address and its answer changes nothing")
def _():
    with waiting() as (rig, agent, url):
        end = walk(rig, url)
        agent.kill()
        agent.start()
        equal(url_of(agent), url)
        refused(paste(agent, changed(end, iss=None)), 1, "no iss")
        equal(paste(agent, end).returncode, 0)
        true(rig.introspect(token_of(agent)), "active")


@behaviour("login without a terminal shows the address and how it goes on, and waits for the end")
def _():
    with waiting() as (rig, agent, url):
        notice = f"crm: waiting for approval\n    open    {url}\n    then    grantctl paste crm\n"
        equal(agent.ctl("login", "crm", "--no-wait").stdout, notice)
        with subprocess.Popen([GRANTCTL, "login", "crm", "--runtime", agent.runtime], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as login:
            true("then" in "".join(login.stdout.readline() for _ in range(3)), "the notice")
            rig.provider.order("token", {"error": "invalid_grant"})
            refused(paste(agent, walk(rig, url)), 3, "open the address again")
            equal(login.poll(), None, "a code that failed is not its end")
            equal(paste(agent, walk(rig, url)).returncode, 0)
            equal(login.communicate(timeout=60)[0], "crm: ready\n")
            equal(login.returncode, 0)


@behaviour("paste without a terminal and without - says how to give the address")
def _():
    with waiting() as (_, agent, _):
        done = subprocess.run(["setsid", "--wait", GRANTCTL, "paste", "crm", "--runtime",
                               agent.runtime], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=60)
        refused(done, 2, "no terminal", "grantctl paste NAME -")


@behaviour("a cancelled login makes its address void")
def _():
    with waiting() as (rig, agent, url):
        end = walk(rig, url)
        equal(agent.ctl("login", "crm", "--cancel").returncode, 0)
        refused(paste(agent, end), 3, "begin with a login")
        equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
        true(url_of(agent) != url, "another address")
        refused(paste(agent, end), 3, "another login")
        equal(exchanges(rig), [])


@behaviour("only operators may paste, and only they see the address")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    with waiting(allow={"users": [str(STRANGER)]}) as (rig, agent, url):
        walk(rig, url)
        answer = as_stranger([GRANTCTL, "paste", "crm", "-", "--runtime", agent.runtime])
        equal((answer.returncode, answer.stdout), (4, ""), answer.stderr)
        approval = agent.status("status")["connections"][0]["approval"]
        equal(approval, {"kind": "paste", "expires_at": None})
        equal(exchanges(rig), [])


@behaviour("the notice of each approval is in the log, and nothing else of it is")
def _():
    filler = {"audience": "https://api.example.com/" + "x" * 100}
    with waiting(request_parameters=filler) as (rig, agent, url):
        equal(agent.ctl("login", "crm", "--cancel").returncode, 0)
        equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
        second = url_of(agent)
        end = walk(rig, second)
        refused(paste(agent, changed(end, state="foreign")), 3)
        equal(paste(agent, end).returncode, 0)
        log = agent.log()
        for address in (url, second):
            equal(log.count(address), 1, "notices of an address")
            equal(log.count(query_of(address)["state"]), 1, "places of a state")
        true("then    grantctl paste crm" in log, "how it goes on")
        true(query_of(end)["code"] not in log, "no code")
        within(log, ["address pasted by uid"])


@behaviour("endpoints given one by one work without discovery, and iss is not compared then")
def _():
    with Rig() as rig:
        issuer = rig.provider.issuer
        setup = by_paste(rig, endpoints={"token": issuer + "/token",
                                         "authorization": issuer + "/authorize"})
        del setup["issuer"]
        agent = rig.start(crm=setup)
        equal(paste(agent, walk(rig, url_of(agent))).returncode, 0)
        true(rig.introspect(token_of(agent)), "active")


@behaviour("Paste is refused where no address is waited for")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.code()
        with agent.varlink() as client:
            for parameters, error in (({"name": "crm", "address": "x"}, "org.grantd.NotUsable"),
                                      ({"name": "crm"}, "org.varlink.service.InvalidParameter"),
                                      ({"name": "no", "address": "x"},
                                       "org.grantd.NoSuchConnection")):
                try:
                    client.call("org.grantd.Control.Paste", **parameters)
                    raise AssertionError(f"taken: {parameters}")
                except VarlinkError as answer:
                    equal(answer.error, error)


@contextlib.contextmanager
def waiting_oidc():
    """The same at a fresh oidc-provider: (provider, agent, url)."""
    with Rig() as rig, OidcProvider(rig.home) as provider:
        agent = rig.agent
        agent.configure({"crm": provider.web(rig.secret_file("oidc", provider.client_secret))})
        agent.start()
        yield provider, agent, url_of(agent)


@behaviour("oidc-provider: approved on its pages and pasted, ready, the token active and refreshed")
def _():
    with waiting_oidc() as (provider, agent, url):
        end = provider.walk(url)
        refused(paste(agent, changed(end, iss="https://evil.example")), 1, "mix-up")
        refused(paste(agent, changed(end, state="foreign")), 3, "another login")
        equal(paste(agent, end).returncode, 0)
        agent.ear.wait("READY=1", agent.process)
        token = token_of(agent)
        true(provider.introspect(token), "active")
        equal(agent.ctl("refresh", "crm").returncode, 0)
        newer = token_of(agent)
        true(newer != token and provider.introspect(newer), "another active one")


@behaviour("oidc-provider: a replayed address is refused here, and does not end the grant there")
def _():
    with waiting_oidc() as (provider, agent, url):
        end = provider.walk(url)
        agent.kill()
        agent.start()
        equal(paste(agent, end).returncode, 0)
        equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
        refused(paste(agent, end), 3, "another login")
        true(provider.introspect(token_of(agent)), "active")


@behaviour("oidc-provider: aborting on the page is denied, and the same address can be approved")
def _():
    with waiting_oidc() as (provider, agent, url):
        refused(paste(agent, provider.abort(url)), 3, "access_denied")
        equal(paste(agent, provider.walk(url)).returncode, 0)
        true(provider.introspect(token_of(agent)), "active")


if __name__ == "__main__":
    sys.exit(run())
