#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The test provider speaks as the providers of conf/profiles do. What is expected is what their own
documents show; where each is found stands in the profile."""

import base64
import contextlib
import hashlib
import hmac
import json
import sys
import tempfile
import urllib.parse

sys.dont_write_bytecode = True

from dialects import DAY, DIALECTS, TENANT  # noqa: E402
from handle import Provider, basic  # noqa: E402
from oauth import Authority  # noqa: E402
from tap import behaviour, equal, run, true, within  # noqa: E402
from values import DEVICE_GRANT  # noqa: E402
from values import Client as authority_client  # noqa: E402

DIRECTORY = tempfile.TemporaryDirectory(prefix="grantd-selftest-")
# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
JSON = {"Accept": "application/json"}


class Client:
    """A client of a provider that speaks the dialect @name."""

    def __init__(self, provider, name):
        self.provider = provider
        self.dialect = DIALECTS[name]
        self.http = provider.client()
        self.proof = {k: provider.info[k] for k in ("client_id", "client_secret")}

    def send(self, endpoint, form, headers=None):
        """A POST with the client's proof where the provider wants it."""
        basic_only = self.dialect.client_auth == ("basic",)
        headers = {**JSON, **(basic(self.provider.info) if basic_only else {}), **(headers or {})}
        return self.http.post(self.dialect.paths[endpoint],
                              form if basic_only else {**self.proof, **form}, headers)

    def identity(self, token, endpoint="identity"):
        return self.http.get(self.dialect.paths[endpoint], {"Authorization": f"Bearer {token}"})

    def approve(self, device):
        true(self.provider.control("approve", user_code=device["user_code"])["found"], "approved")

    def device(self, **form):
        """A device reply, polled at once from now on."""
        self.provider.configure(strict=False)
        return self.send("device_authorization", form).json

    def poll(self, device, **form):
        return self.send("token", {"grant_type": DEVICE_GRANT,
                                   "device_code": device["device_code"], **form})

    def walk(self, action="allow", **query):
        """The parameters that a person comes back with."""
        query = {"response_type": "code", "client_id": self.proof["client_id"], "state": "s",
                 "redirect_uri": self.provider.info["redirect_uri"], **query}
        base = f"https://127.0.0.1:{self.provider.info['port']}"
        url = f"{base}{self.dialect.paths['authorize']}?{urllib.parse.urlencode(query)}"
        location = self.provider.control("authorize", url=url, action=action)["location"]
        return location and dict(urllib.parse.parse_qsl(location.partition("?")[2]))

    def exchange(self, code, **form):
        return self.send("token", {"grant_type": "authorization_code", "code": code,
                                   "redirect_uri": self.provider.info["redirect_uri"], **form})

    def granted(self, **query):
        return self.exchange(self.walk(**query)["code"]).json

    def refresh(self, token):
        return self.send("token", {"grant_type": "refresh_token",
                                   "refresh_token": token["refresh_token"]})

    def age(self, seconds):
        self.provider.control("age", seconds=seconds)


@contextlib.contextmanager
def client(name):
    with Provider(DIRECTORY.name, "--profile", name) as provider:
        yield Client(provider, name)


@behaviour("generic: the standards, at the usual addresses")
def _():
    with client("generic") as c:
        equal(c.provider.info["connection"]["provider"], "generic")
        equal(c.http.get("/.well-known/openid-configuration").status, 200)


@behaviour("salesforce: a device code is asked for and polled for in its own words")
def _():
    with client("salesforce") as c:
        c.provider.configure(strict=False)
        device = c.send("token", {"response_type": "device_code", "scope": "api"}).json
        equal(sorted(device), ["device_code", "interval", "user_code", "verification_uri"])
        poll = {"grant_type": "device", "code": device["device_code"]}
        pending = c.send("token", poll)
        equal((pending.status, pending.json["error"]), (400, "authorization_pending"))
        c.approve(device)
        equal(c.send("token", poll).json["scope"], "api")
        metadata = c.http.get("/.well-known/openid-configuration").json
        equal(metadata["token_endpoint"].partition("/services")[2], "/oauth2/token")
        true("device_authorization_endpoint" not in metadata, "not told")


@behaviour("salesforce: a token tells issued_at, id, instance_url and signature, and no lifetime")
def _():
    with client("salesforce") as c:
        token = c.granted(scope="api id", code_challenge=CHALLENGE, code_challenge_method="S256")
        equal(token["error"], "invalid_grant", "without the verifier")
        token = c.granted(scope="api id")
        true("expires_in" not in token, "no lifetime")
        equal((type(token["issued_at"]), len(token["issued_at"])), (str, 13))
        equal(token["instance_url"], c.provider.issuer)
        signed = hmac.new(c.proof["client_secret"].encode(),
                          (token["id"] + token["issued_at"]).encode(), hashlib.sha256).digest()
        equal(token["signature"], base64.b64encode(signed).decode())
        true("refresh_token" not in c.refresh(token).json, "kept")


@behaviour("salesforce: errors in its own words; a bad token is 403 in plain text")
def _():
    with client("salesforce") as c:
        bad = c.identity("nothing", "userinfo")
        equal((bad.status, bad.body), (403, b"Bad_OAuth_Token"))
        equal(c.refresh({"refresh_token": "x"}).json,
              {"error": "invalid_grant", "error_description": "expired access/refresh token"})
        equal(c.exchange("x").json["error_description"], "invalid authorization code")
        equal(c.walk("deny", scope="api")["error_description"], "end-user denied authorization")
        token = c.granted(scope="api")
        c.age(31 * DAY)
        equal(c.refresh(token).json["error_description"], "expired access/refresh token")


@behaviour("marketo: one token for all, with what is left of its life, by GET or POST; 401 else")
def _():
    with client("marketo") as c:
        path = "/identity/oauth/token"
        query = urllib.parse.urlencode({"grant_type": "client_credentials", **c.proof})
        first = c.http.get(f"{path}?{query}").json
        equal((first["token_type"], first["scope"]), ("bearer", "apis@acme.example"))
        equal(first["expires_in"], 3600)
        again = c.send("token", {"grant_type": "client_credentials"}).json
        equal(again["access_token"], first["access_token"])
        c.age(3601)
        other = c.send("token", {"grant_type": "client_credentials"}).json
        true(other["access_token"] != first["access_token"], "another one")
        wrong = c.send("token", {"grant_type": "client_credentials", "client_secret": "x"})
        equal((wrong.status, wrong.json["error_description"]), (401, "Bad client credentials"))
        unknown = c.send("token", {"grant_type": "client_credentials", "client_id": "x"})
        within(unknown.json["error_description"], ["No client with requested id"])


@behaviour("marketo: expires_in counts down to 0, with the same token")
def _():
    now = [1000.0]
    asker = authority_client("c", "s", ("post",))
    server = Authority("https://marketo.example", [asker], lambda: now[0], DIALECTS["marketo"])
    told = []
    for second in (0, 1000, 3599.5, 3600, 3601):
        now[0] = 1000.0 + second
        reply = json.loads(server.token({"grant_type": "client_credentials"}, asker).body)
        told.append((reply["expires_in"], reply["access_token"]))
    equal([life for life, _ in told], [3600, 2600, 0, 0, 3600])
    equal(len({token for _, token in told[:4]}), 1, "tokens")


@behaviour("google: verification_url, 428 and 403 while polling, scopes spelled out")
def _():
    with client("google") as c:
        device = c.device(scope="openid email")
        true("verification_url" in device and "verification_uri" not in device, "url")
        pending = c.poll(device)
        equal((pending.status, pending.json["error"]), (428, "authorization_pending"))
        c.provider.configure(strict=True)
        early = c.poll(device)
        equal((early.status, early.json["error"]), (403, "slow_down"))
        c.provider.control("deny", user_code=device["user_code"])
        c.age(60)
        equal(c.poll(device).status, 403)
        token = c.granted(scope="openid email")
        within(token["scope"], ["https://www.googleapis.com/auth/userinfo.email"])
        true("refresh_token" not in c.refresh(token).json, "told once")
        equal(c.refresh({"refresh_token": "x"}).json["error_description"],
              "Token has been expired or revoked.")


@behaviour("microsoft: AADSTS numbers, authorization_declined, old refresh tokens still good")
def _():
    with client("microsoft") as c:
        device = c.device(scope="User.Read offline_access")
        true("message" in device and "verification_uri_complete" not in device, "reply")
        within(c.poll(device).json["error_description"], ["AADSTS70016"])
        equal(c.poll(device).json["error_codes"], [70016])
        c.provider.control("deny", user_code=device["user_code"])
        equal(c.poll(device).json["error"], "authorization_declined")
        equal(c.poll({"device_code": "x"}).json["error"], "bad_verification_code")
        token = c.granted(scope="User.Read offline_access")
        equal(token["scope"], "User.Read")
        equal((c.refresh(token).status, c.refresh(token).status), (200, 200))
        c.age(91 * DAY)
        within(c.refresh(token).json["error_description"], ["AADSTS700082"])
        within(c.send("token", {"grant_type": "refresh_token", "client_secret": "x"})
               .json["error_description"], ["AADSTS7000215"])


@behaviour("microsoft-v1: numbers are texts, and the poll's parameter is code")
def _():
    with client("microsoft-v1") as c:
        device = c.device()
        equal((device["expires_in"], type(device["interval"])), ("900", str))
        c.approve(device)
        token = c.send("token", {"grant_type": DEVICE_GRANT, "code": device["device_code"]}).json
        equal((token["expires_in"], "scope" in token), ("3599", False))


@behaviour("github: errors with 200, forms unless JSON is asked for, scopes with commas, no end")
def _():
    with client("github") as c:
        device = c.device(scope="repo gist")
        pending = c.poll(device)
        equal((pending.status, pending.json["error"]), (200, "authorization_pending"))
        c.approve(device)
        form = c.http.post("/login/oauth/access_token", {
            **c.proof, "grant_type": DEVICE_GRANT, "device_code": device["device_code"]})
        token = dict(urllib.parse.parse_qsl(form.body.decode()))
        equal((token["scope"], token["token_type"]), ("repo,gist", "bearer"))
        true("expires_in" not in token and "refresh_token" not in token, "an OAuth app")
        app = c.granted()
        equal((app["scope"], app["expires_in"]), ("", 28800))
        equal(c.refresh(app).status, 200)
        equal(c.refresh(app).json["error"], "bad_refresh_token")
        user = c.identity(token["access_token"]).json
        equal((user["login"], type(user["id"])), ("alice", int))


@behaviour("gitlab: a refresh token is good once; revocation as in RFC 7009")
def _():
    with client("gitlab") as c:
        device = c.device(scope="read_api")
        equal(device["expires_in"], 300)
        c.approve(device)
        token = c.poll(device).json
        equal((token["expires_in"], type(token["created_at"])), (7200, int))
        fresh = c.refresh(token).json
        equal(c.refresh(token).json["error"], "invalid_grant")
        equal(c.send("revoke", {"token": fresh["refresh_token"]}).status, 200)
        equal(c.refresh(fresh).json["error"], "invalid_grant")


@behaviour("okta: client_id in the body beside Basic is refused")
def _():
    with client("okta") as c:
        path = f"/oauth2/{TENANT}/v1/device/authorize"
        twice = c.http.post(path, {"client_id": c.proof["client_id"]}, basic(c.provider.info))
        equal((twice.status, twice.json["error"]), (400, "invalid_request"))
        once = c.http.post(path, {"scope": "openid"}, basic(c.provider.info))
        equal(once.status, 200)
        equal(c.provider.control("log")["violations"], [])
        token = c.granted(scope="openid offline_access")
        equal(c.refresh(token).json["refresh_token"], token["refresh_token"])
        c.age(8 * DAY)
        within(c.refresh(token).json["error_description"], ["invalid or expired"])


@behaviour("auth0: the issuer ends in a slash; 403 for what is pending or over")
def _():
    with client("auth0") as c:
        metadata = c.http.get("/.well-known/openid-configuration").json
        equal(metadata["issuer"], f"https://127.0.0.1:{c.provider.info['port']}/")
        device = c.device(scope="openid offline_access")
        equal((c.poll(device).status, c.poll(device).json["error"]), (403, "authorization_pending"))
        token = c.granted(scope="openid offline_access")
        c.refresh(token)
        gone = c.refresh(token)
        equal((gone.status, gone.json["error_description"]),
              (403, "Unknown or invalid refresh token."))


@behaviour("keycloak: PKCE is demanded of the device request; offline sessions end")
def _():
    with client("keycloak") as c:
        without = c.device(scope="openid")
        equal(without["error_description"], "Missing parameter: code_challenge_method")
        device = c.device(scope="openid", code_challenge=CHALLENGE, code_challenge_method="S256")
        c.approve(device)
        token = c.poll(device, code_verifier=VERIFIER).json
        equal(token["refresh_expires_in"], 2592000)
        c.age(31 * DAY)
        equal(c.refresh(token).json["error_description"], "Offline session not active")


@behaviour("slack: ok says whether; the token of a user stands under authed_user; no PKCE")
def _():
    with client("slack") as c:
        bot = c.granted(scope="chat:write,users:read")
        equal((bot["ok"], bot["scope"], bot["token_type"]), (True, "chat:write,users:read", "bot"))
        user = c.granted(user_scope="chat:write")
        true("access_token" not in user, "not at the top")
        person = user["authed_user"]
        equal((person["id"], person["scope"], person["expires_in"]), ("alice", "chat:write", 43200))
        fresh = c.refresh(person).json
        equal((fresh["token_type"], fresh["scope"]), ("user", "chat:write"))
        gone = c.refresh(person)
        equal((gone.status, gone.json), (200, {"ok": False, "error": "invalid_refresh_token"}))
        equal(c.walk(scope="chat:write", code_challenge=CHALLENGE), None)
        equal(c.identity("x").json, {"ok": False, "error": "invalid_auth"})
        equal(c.identity(bot["access_token"]).json["user_id"], "alice")


@behaviour("twitch: scopes in, an array out, message for error, invalid device code for pending")
def _():
    with client("twitch") as c:
        nothing = c.device(scope="user:read:chat")
        c.approve(nothing)
        equal(c.poll(nothing).json["scope"], [])
        device = c.device(scopes="user:read:chat user:bot")
        pending = c.poll(device)
        equal((pending.status, pending.json),
              (400, {"status": 400, "message": "invalid device code"}))
        c.approve(device)
        token = c.poll(device).json
        equal(token["scope"], ["user:read:chat", "user:bot"])
        c.refresh(token)
        equal(c.refresh(token).json["message"], "Invalid refresh token")
        equal(c.identity(token["access_token"]).status, 401)
        equal(c.identity(c.granted()["access_token"]).json["user_id"], "alice")


@behaviour("zoho: errors with 200, scopes with commas, a refresh token where offline was asked for")
def _():
    with client("zoho") as c:
        online = c.granted(scope="A.b.READ,C.d.ALL")
        equal((online["scope"], "refresh_token" in online), ("A.b.READ,C.d.ALL", False))
        offline = c.granted(scope="A.b.READ", access_type="offline", prompt="consent")
        equal((offline["scope"], offline["api_domain"]),
              ("A.b.READ", "https://www.zohoapis.example"))
        true("refresh_token" not in c.refresh(offline).json, "told once")
        gone = c.refresh({"refresh_token": "x"})
        equal((gone.status, gone.json), (200, {"error": "invalid_code"}))


@behaviour("hubspot: errors are status and message; scopes is a list")
def _():
    with client("hubspot") as c:
        token = c.granted(scope="crm.objects.contacts.read")
        equal((token["scopes"], token["expires_in"]), (["crm.objects.contacts.read"], 1800))
        equal(c.refresh(token).json["refresh_token"], token["refresh_token"])
        gone = c.refresh({"refresh_token": "x"})
        equal((gone.status, gone.json["status"]), (400, "BAD_REFRESH_TOKEN"))


@behaviour("box: a refresh token is good once, and for 60 days")
def _():
    with client("box") as c:
        token = c.granted()
        equal((token["restricted_to"], "scope" in token), ([], False))
        fresh = c.refresh(token).json
        equal(c.refresh(token).json["error_description"], "Refresh token has expired")
        c.age(59 * DAY)
        fresh = c.refresh(fresh).json
        c.age(61 * DAY)
        equal(c.refresh(fresh).json["error_description"], "Refresh token has expired")


@behaviour("xero: the refresh token before serves for 30 minutes more")
def _():
    with client("xero") as c:
        token = c.granted(scope="openid offline_access")
        equal(token["expires_in"], 1800)
        c.refresh(token)
        c.age(1700)
        again = c.refresh(token)
        equal(again.status, 200)
        c.refresh(again.json)
        equal(c.refresh(token).json, {"error": "invalid_grant"}, "two before")
        c.age(1800)
        equal(c.refresh(again.json).json, {"error": "invalid_grant"})


@behaviour("quickbooks: the value of the refresh token changes after 24 hours; the old one fails")
def _():
    with client("quickbooks") as c:
        token = c.granted(scope="com.intuit.quickbooks.accounting")
        equal(token["x_refresh_token_expires_in"], 8640000)
        equal(c.refresh(token).json["refresh_token"], token["refresh_token"])
        c.age(DAY)
        fresh = c.refresh(token).json
        true(fresh["refresh_token"] != token["refresh_token"], "another one")
        equal(c.refresh(token).json["error_description"], "Incorrect or invalid refresh token")


@behaviour("dropbox: a refresh token where offline was asked for, told once")
def _():
    with client("dropbox") as c:
        true("refresh_token" not in c.granted(), "online")
        token = c.granted(token_access_type="offline")
        equal(sorted(c.refresh(token).json), ["access_token", "expires_in", "token_type"])


if __name__ == "__main__":
    sys.exit(run())
