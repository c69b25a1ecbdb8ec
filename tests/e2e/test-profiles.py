#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Profiles of the administrator's own, in files beside the configuration: they are found, win over
the built-in, are read again on reload, and their faults are told with their place."""

import os
import subprocess
import sys
import urllib.parse

from lib import PATIENCE_S, Rig  # first: it finds the others
from tap import behaviour, equal, run, true, within

INTRANET = """description: Ours.
flows: [device]
needs: [host, tenant]
host_example: login.example
tenant: %s
issuer: https://{host}/{tenant}
client_auth: client_secret_basic
scopes: [read, write]
request_parameters: {from: profile}
limits: {absolute_lifetime: 90d}
hints:
  - {error: invalid_request, at: token, kind: misconfigured, say: "ask the people of the intranet"}
sources:
  - {claim: "seen", date: 2026-11-23, url: "https://example.com/"}
"""


def write_profile(rig, text, name="intranet"):
    directory = os.path.join(rig.home, "profiles")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{name}.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def place(rig):
    """Host and path of the provider's issuer."""
    parts = urllib.parse.urlsplit(rig.provider.issuer)
    return parts.netloc, parts.path.strip("/")


def profile(rig):
    host, path = place(rig)
    return INTRANET % path if path else INTRANET.replace("/{tenant}", "") % "none"


def connection(rig, **more):
    """A connection that leaves all to its profile that can be left to it."""
    whole = rig.connection()
    kept = {key: whole[key] for key in ("client_id", "client_secret", "ca_file")}
    return {"provider": "intranet", "host": "https://" + place(rig)[0] + "/login", **kept, **more}


def grantd(rig, option):
    return subprocess.run(rig.agent.command(option), capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)


@behaviour("a connection of a profile of our own is approved and used, as the profile says")
def _():
    with Rig() as rig:
        write_profile(rig, profile(rig))
        agent = rig.approved(crm=connection(rig))
        crm = agent.connection("crm")
        equal((crm["provider"], crm["flow"], crm["scopes"]), ("intranet", "device", ["read", "write"]))
        true(crm["grant_expires_at"] > crm["token_expires_at"], "the end of the grant is told")
        true(rig.introspect(agent.ctl("token", "crm").stdout.strip()), "active")
        asked = rig.provider.arrivals("device_authorization")[0]["params"]
        equal(asked["from"], "profile")
        rig.provider.order("token", {"status": 400, "body": '{"error":"invalid_request"}'})
        equal(agent.ctl("refresh", "crm").returncode, 2, "exit status of misconfigured")
        within(agent.connection("crm")["fault"]["detail"], ["ask the people of the intranet"])


@behaviour("a profile of ours wins over the built-in of that name, and a reload reads it again")
def _():
    with Rig() as rig:
        rig.agent.configure({"crm": connection(rig, provider="generic", issuer=rig.provider.issuer)})
        path = write_profile(rig, "scopes: [one]\n", "generic")
        agent = rig.agent.start()
        equal(agent.connection("crm")["scopes"], ["one"])
        write_profile(rig, "scopes: [one, two]\n", "generic")
        equal(agent.ctl("reload").returncode, 0)
        agent.until("two scopes", lambda c: c["scopes"] == ["one", "two"], "crm")
        write_profile(rig, "scopes: [\n", "generic")
        answer = agent.ctl("reload")
        equal(answer.returncode, 2, f"exit status of a bad reload: {answer.stderr}")
        within(answer.stderr + agent.log(), [f"{path}:2:1: not YAML"])
        equal(agent.connection("crm")["scopes"], ["one", "two"], "a bad reload changes nothing")
        os.unlink(path)
        equal(agent.ctl("reload").returncode, 0)
        agent.until("no scopes", lambda c: c["scopes"] == [], "crm")


@behaviour("faults of a profile are told with its file, line and column")
def _():
    with Rig() as rig:
        path = write_profile(rig, "flows: [device]\nquirks: [poll_lat]\nlimits: {idle: 3d}\n")
        rig.agent.configure({"crm": connection(rig)})
        answer = grantd(rig, "--check")
        equal(answer.returncode, 2)
        within(answer.stderr, [f'{path}:2:10: quirks: "poll_lat" is not known'])
        within(answer.stderr, [f"{path}:3:10: limits.idle: unknown key"])


@behaviour("a profile that can't be read is no profile that is not there")
def _():
    with Rig() as rig:
        path = os.path.join(rig.home, "profiles", "intranet.yaml")
        os.makedirs(path)
        rig.agent.configure({"crm": connection(rig)})
        answer = grantd(rig, "--check")
        equal(answer.returncode, 2)
        within(answer.stderr, [path])


@behaviour("a profile that is nowhere is refused, with those that there are")
def _():
    with Rig() as rig:
        rig.agent.configure({"crm": connection(rig, provider="generik")})
        answer = grantd(rig, "--check")
        equal(answer.returncode, 2)
        within(answer.stderr, ["there is no profile generik, must be one of "])
        within(answer.stderr, ["profiles/generik.yaml beside this one; did you mean generic?"])


@behaviour("what comes of a profile is shown, and can be read back")
def _():
    with Rig() as rig:
        write_profile(rig, profile(rig))
        rig.agent.configure({"crm": connection(rig)})
        shown = grantd(rig, "--show")
        equal(shown.returncode, 0, shown.stderr)
        within(shown.stdout, ["provider: 'intranet'"])
        within(shown.stdout, [f"host: '{place(rig)[0]}'"])
        within(shown.stdout, [f"issuer: '{rig.provider.issuer}'"])
        within(shown.stdout, ["absolute_lifetime: 90d"])
        rig.agent.write_config(shown.stdout)
        equal(grantd(rig, "--show").stdout, shown.stdout)


if __name__ == "__main__":
    sys.exit(run())
