# SPDX-License-Identifier: BSD-2-Clause
"""The control API of the provider: JSON below /control, for tests and the demo."""

import dataclasses
import json

from values import REDIRECT_URI, Client, Reply

WAIT_SECONDS_MAX = 120


class Control:
    """Each method is a verb: a dict in, a dict out. The server's lock is held."""

    def __init__(self, server):
        self.server = server
        self.verbs = {
            "approve": self.approve, "deny": self.deny, "authorize": self.authorize,
            "register": self.register, "rotate_key": self.rotate_key, "configure": self.configure,
            "faults": self.faults, "clear": self.clear, "release": self.release,
            "age": self.age, "active": self.active, "wait": self.wait, "log": self.log,
            "secrets": self.secrets, "state": self.state, **server.more_verbs(),
        }

    def handle(self, verb, request):
        """Answer a request for /control/VERB."""
        if verb not in self.verbs:
            return Reply.of_json(404, {"error": f"no such verb: {verb}"})
        if request.body and request.headers.get("content-type") != "application/json":
            return Reply.of_json(400, {"error": "Content-Type must be application/json"})
        try:
            arguments = json.loads(request.body or b"{}")
            with self.server.changed:
                return Reply.of_json(200, self.verbs[verb](**arguments))
        except (TypeError, ValueError) as error:
            return Reply.of_json(400, {"error": str(error)})

    def approve(self, user_code, subject="alice"):
        return {"found": self.server.authority.decide(user_code, "approved", subject)}

    def deny(self, user_code):
        return {"found": self.server.authority.decide(user_code, "denied", "")}

    def authorize(self, url, action="allow", subject="alice"):
        """What the browser of a person who answers so is sent to; null where it is not sent."""
        return {"location": self.server.authority.authorizations.walk(url, action, subject)}

    def register(self, client_id, secret="", key="", methods=None, redirect_uris=(REDIRECT_URI,),
                 subjects=()):
        """Register a client; see values.Client. How it proves itself follows from what it has."""
        if methods is None:
            methods = (("private_key_jwt",) if key else
                       ("basic", "post") if secret else ("none",))
        self.server.authority.register(Client(client_id, secret, tuple(methods), key,
                                              tuple(redirect_uris), tuple(subjects)))
        return {}

    def rotate_key(self):
        """Sign id_tokens with a new key."""
        self.server.authority.identity.rotate()
        return {}

    def configure(self, **settings):
        """Change settings; see values.Settings."""
        current = self.server.authority.settings
        self.server.authority.settings = dataclasses.replace(current, **settings)
        return dataclasses.asdict(self.server.authority.settings)

    def faults(self, endpoint, faults):
        """Order misbehaviours of an endpoint; see faults.Fault."""
        if endpoint not in self.server.endpoints:
            raise ValueError(f"no such endpoint: {endpoint}")
        self.server.faults.order(endpoint, faults)
        return {}

    def clear(self):
        """Take back all misbehaviours, and let go of everything that is held."""
        self.server.faults.clear()
        return self.release()

    def release(self):
        """Let go of every reply that is delayed or stalled."""
        self.server.releases += 1
        self.server.changed.notify_all()
        return {}

    def age(self, seconds):
        """Let so much time pass, for all that ends."""
        self.server.authority.passed += seconds
        return {}

    def active(self, token):
        """Would this access token be taken?"""
        return {"active": self.server.authority.alive(token)}

    def wait(self, endpoint, count, timeout_s, answered=False, grant_type=None):
        """Wait until an endpoint (null: any) has had so many arrivals, or answered so many."""
        def enough():
            return count <= sum(endpoint in (None, a["endpoint"])
                                and grant_type in (None, a["params"].get("grant_type"))
                                and (not answered or a["outcome"] is not None)
                                for a in self.server.arrivals)
        reached = self.server.changed.wait_for(enough, min(timeout_s, WAIT_SECONDS_MAX))
        return {"reached": reached}

    def log(self):
        """Everything that arrived, and what broke a rule. Secrets are digests."""
        counts = {}
        for arrival in self.server.arrivals:
            counts[arrival["endpoint"]] = counts.get(arrival["endpoint"], 0) + 1
        return {"arrivals": self.server.arrivals, "counts": counts,
                "violations": self.server.authority.violations,
                "now": self.server.authority.clock()}

    def secrets(self):
        """Every secret ever issued, and every one a client has shown, with what it is."""
        return self.server.authority.issued

    def state(self):
        authority = self.server.authority
        return {
            "grants": [{"client_id": f.client_id, "subject": f.subject, "scope": f.scope,
                        "resource": f.resource, "alive": f.alive, "generation": f.generation}
                       for f in authority.families],
            "devices": [{"user_code": d.user_code, "outcome": d.outcome}
                        for d in authority.devices.values()],
        }
