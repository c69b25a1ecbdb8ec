# SPDX-License-Identifier: BSD-2-Clause
"""Start the simulated Salesforce and Marketo, order their misbehaviour, and compare what the one
holds with what a correct sync makes of the other: for tests and the demo."""

import json

from handle import Provider
from salesforce import ERRORS

# Endpoint of the provider → its name in grantd.yaml(5).
NAMES = {"token": "token", "authorize": "authorization", "revoke": "revocation",
         "introspect": "introspection", "userinfo": "userinfo"}
HTML = {"status": 503, "headers": {"Content-Type": "text/html"},
        "body": "<html><body>We are down for maintenance.</body></html>"}


class Vendor(Provider):
    """A running vendor; use it in a with statement."""

    endpoints = {}

    @property
    def url(self):
        return self.issuer

    def connection(self, **more):
        """A connection of grantd.yaml(5) to it, as dicts."""
        return {"provider": "generic", "flow": "client_credentials",
                "client_auth": "client_secret_post",
                "endpoints": {NAMES[n]: self.url + path for n, path in self.endpoints.items()},
                "client_id": self.info["client_id"], "client_secret": self.info["client_secret"],
                "ca_file": self.ca_file, **more}

    def profile_connection(self, **more):
        """The same by the vendor's profile."""
        return {**self.info["connection"], "flow": "client_credentials", **more}

    def setup(self, **settings):
        return self.control("setup", **settings)

    def counters(self):
        return self.control("counters")

    def unavailable(self, endpoint, times=1):
        """A page of HTML with status 503."""
        self.order(endpoint, {"times": times, **HTML})

    def cut(self, endpoint, after=100, times=1):
        """The body ends too early."""
        self.order(endpoint, {"times": times, "cut_after": after})

    def token(self, client):
        """An access token, asked for by client."""
        form = {"grant_type": "client_credentials", "client_id": self.info["client_id"],
                "client_secret": self.info["client_secret"]}
        return client.post(self.endpoints["token"], form).json["access_token"]

    def pages(self, verb, size=1000):
        """Everything a verb tells by pages."""
        start = 0
        while start is not None:
            answer = self.control(verb, start=start, count=size)
            yield from answer["persons"]
            start = answer["next"]


class Salesforce(Vendor):
    """shape: see people.Shape."""

    endpoints = {n: "/services/oauth2/" + n
                 for n in ("token", "authorize", "revoke", "introspect", "userinfo")}

    def __init__(self, directory, *options, **shape):
        super().__init__(directory, "--rest", "salesforce", "--people", json.dumps(shape),
                         *options)

    def refuse(self, endpoint, code, times=1, message=None):
        """An error of the REST API, one of salesforce.ERRORS."""
        status, text = ERRORS[code]
        self.order(endpoint, {
            "times": times, "status": status,
            "headers": {"Content-Type": "application/json;charset=UTF-8"},
            "body": [{"message": message or text, "errorCode": code}]})

    def expected(self):
        """[(key, {field: value})] of all persons that a correct sync brings (expected.py)."""
        return self.pages("expected")


class Marketo(Vendor):
    endpoints = {"token": "/identity/oauth/token"}

    def __init__(self, directory, *options):
        super().__init__(directory, "--rest", "marketo", *options)

    def refuse(self, endpoint, code, times=1, message="ordered"):
        """An error of a whole call, in the envelope."""
        self.order(endpoint, {"times": times, "body": {
            "requestId": "1#ordered", "success": False,
            "errors": [{"code": code, "message": message}]}})

    def persons(self):
        """[(id, {field: value})] of all persons."""
        return self.pages("persons")


def differences(salesforce, marketo, key="email", most=20):
    """What the target holds otherwise than a correct sync makes it hold: texts, none if all is
    right."""
    wanted = {k: person for k, person in salesforce.expected()}
    found = []
    for number, person in marketo.persons():
        name = str((person or {}).get(key) or "").lower() if key == "email" else person.get(key)
        want = wanted.pop(name, None)
        if want is None:
            found.append(f"{name!r} (id {number}) is not expected, or there twice")
            continue
        for column in sorted(set(want) | set(person)):
            if want.get(column) != person.get(column):
                found.append(f"{name}: {column} is {person.get(column)!r:.80}, "
                             f"not {want.get(column)!r:.80}")
        if len(found) >= most:
            return found
    return (found + [f"{name!r} is missing" for name in wanted])[:most]
