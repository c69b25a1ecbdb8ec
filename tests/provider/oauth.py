# SPDX-License-Identifier: BSD-2-Clause
"""An authorization server as values: no sockets, no threads of its own.

RFC 6749 §5, §6; RFC 7009; RFC 7636; RFC 7662; RFC 8414; RFC 8628. Every public method is called
with the lock of the server held and returns a Reply.
"""

import base64
import hashlib
import hmac
import json
import math
import secrets
import time
import urllib.parse
from dataclasses import dataclass, field

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 §6.1

# What is told and kept secret in requests: logged as a digest only.
SECRET_PARAMETERS = {"client_secret", "device_code", "code_verifier", "refresh_token", "token",
                     "code", "assertion", "client_assertion", "state", "nonce"}


def digest(secret):
    """What a log may hold of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict = field(default_factory=dict)

    @staticmethod
    def of_json(status, value, headers=None):
        no_store = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Reply(status, json.dumps(value).encode(), {**no_store, **(headers or {})})


class OAuthError(Exception):
    def __init__(self, error, description="", status=400, headers=None):
        super().__init__(error)
        self.reply = Reply.of_json(status, {"error": error, "error_description": description},
                                   headers)


@dataclass
class Client:
    client_id: str
    secret: str  # empty: public
    methods: tuple = ("basic", "post")


@dataclass
class Device:
    """One device authorization (RFC 8628 §3.2) and what became of it."""
    client_id: str
    user_code: str
    scope: str
    challenge: str
    expires_at: float
    interval: float  # what a poll is held to, counted from the previous reply
    replied_at: float = 0
    outcome: str = "pending"  # approved, denied, used
    subject: str = ""


@dataclass
class Family:
    """All tokens that came of one approval: they die together."""
    client_id: str
    subject: str
    scope: str
    alive: bool = True
    refresh_token: str = ""  # the present one
    generation: int = 0


@dataclass
class Access:
    family: Family
    expires_at: float
    scope: str


@dataclass
class Settings:
    """What a test may change of the provider at any time."""
    interval: object = 5
    device_lifetime: float = 600
    access_lifetime: float = 600
    rotate: bool = True
    reuse_detection: bool = True
    strict: bool = True
    pkce_required: bool = False
    # Changes to the members of an answer: {"set": {name: value}, "drop": [name]}
    device_answer: dict = field(default_factory=dict)
    token_answer: dict = field(default_factory=dict)
    metadata_answer: dict = field(default_factory=dict)


def altered(answer, change):
    """The answer with the members of change set, or dropped."""
    kept = {k: v for k, v in answer.items() if k not in change.get("drop", [])}
    return {**kept, **change.get("set", {})}


def interval_told(answer):
    """The seconds a client must wait between polls, by what it was told (RFC 8628 §3.2)."""
    told = answer.get("interval", 5)
    try:
        seconds = float(told)
    except (TypeError, ValueError):
        return 5.0
    return max(0.0, seconds) if math.isfinite(seconds) else 5.0


class Authority:
    """The state of the authorization server."""

    def __init__(self, issuer, clients, clock=time.monotonic):
        self.issuer = issuer
        self.clients = {client.client_id: client for client in clients}
        self.clock = clock
        self.settings = Settings()
        self.devices = {}
        self.families = []
        self.refresh_tokens = {}  # every one ever issued → (family, generation)
        self.access_tokens = {}
        self.issued = {client.secret: "client_secret" for client in clients if client.secret}
        self.violations = []

    # Bookkeeping

    def issue(self, kind, length=32):
        value = secrets.token_urlsafe(length)
        self.issued[value] = kind
        return value

    def violation(self, text):
        self.violations.append({"t": self.clock(), "what": text})

    # Client authentication (RFC 6749 §2.3)

    def authenticate(self, form, authorization):
        method, client_id, secret = self._credentials(form, authorization)
        client = self.clients.get(client_id)
        headers = {"WWW-Authenticate": "Basic"} if method == "basic" else None
        if client is None:
            raise OAuthError("invalid_client", "unknown client", 401, headers)
        if client.secret and method not in client.methods:
            raise OAuthError("invalid_client", f"{method} is not how this client proves itself",
                             401, headers)
        if client.secret and not hmac.compare_digest(client.secret, secret):
            raise OAuthError("invalid_client", "wrong secret", 401, headers)
        if not client.secret and method != "none":
            raise OAuthError("invalid_client", "this client has no secret", 401, headers)
        return client, method

    @staticmethod
    def _credentials(form, authorization):
        if authorization:
            scheme, _, encoded = authorization.partition(" ")
            try:
                pair = base64.b64decode(encoded, validate=True).decode()
            except ValueError:
                pair = ""
            if scheme.lower() != "basic" or ":" not in pair:
                raise OAuthError("invalid_client", "malformed Authorization", 401)
            if "client_secret" in form:
                raise OAuthError("invalid_request", "two ways of client authentication")
            return ("basic", *(urllib.parse.unquote_plus(p) for p in pair.split(":", 1)))
        method = "post" if "client_secret" in form else "none"
        return method, form.get("client_id", ""), form.get("client_secret", "")

    # Metadata (RFC 8414, OpenID Connect Discovery 1.0)

    def metadata(self):
        return Reply.of_json(200, altered({
            "issuer": self.issuer,
            "device_authorization_endpoint": self.issuer + "/device_authorization",
            "token_endpoint": self.issuer + "/token",
            "revocation_endpoint": self.issuer + "/revoke",
            "introspection_endpoint": self.issuer + "/introspect",
            "userinfo_endpoint": self.issuer + "/userinfo",
            "grant_types_supported": [DEVICE_GRANT, "refresh_token"],
            "response_types_supported": [],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "none"],
        }, self.settings.metadata_answer), {"Cache-Control": "max-age=3600"})

    # Device authorization (RFC 8628 §3.1, §3.2)

    def device_authorization(self, form, client):
        if "client_id" in form and form["client_id"] != client.client_id:
            raise OAuthError("invalid_request", "client_id is not the authenticated client")
        if "client_id" not in form:
            self.violation("device authorization request without client_id in the body")
        challenge = form.get("code_challenge", "")
        if challenge and form.get("code_challenge_method") != "S256":
            raise OAuthError("invalid_request", "code_challenge_method must be S256")
        if self.settings.pkce_required and not challenge:
            raise OAuthError("invalid_request", "Missing parameter: code_challenge_method")
        letters = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(8))
        user_code = f"{letters[:4]}-{letters[4:]}"
        device_code = self.issue("device_code")
        uri = self.issuer + "/device"
        answer = altered({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?user_code={user_code}",
            "expires_in": self.settings.device_lifetime,
            "interval": self.settings.interval,
        }, self.settings.device_answer)
        self.devices[device_code] = Device(
            client.client_id, user_code, form.get("scope", ""), challenge,
            self.clock() + self.settings.device_lifetime, interval_told(answer))
        return Reply.of_json(200, answer)

    def device_replied(self, form, answer):
        """A reply to do with a device code is about to leave: the next interval starts."""
        device = self.devices.get(form.get("device_code") or _member(answer, "device_code"))
        if device:
            device.replied_at = self.clock()

    def decide(self, user_code, outcome, subject):
        """The operator's word on a code. Returns whether it was waiting for one."""
        wanted = user_code.replace("-", "").strip().upper()
        for device in self.devices.values():
            waiting = device.outcome == "pending" and self.clock() < device.expires_at
            if waiting and device.user_code.replace("-", "") == wanted:
                device.outcome = outcome
                device.subject = subject
                return True
        return False

    # Token endpoint

    def token(self, form, client):
        grant_type = form.get("grant_type", "")
        if grant_type == DEVICE_GRANT:
            return self._device_token(form, client)
        if grant_type == "refresh_token":
            return self._refresh(form, client)
        raise OAuthError("unsupported_grant_type", grant_type)

    def too_early(self, form):
        """Hold a poll to the interval (RFC 8628 §3.5), whatever it is then answered."""
        device = self.devices.get(form.get("device_code", ""))
        if device is None or not self.settings.strict:
            return False
        waited = self.clock() - device.replied_at
        if waited >= device.interval:
            return False
        self.violation(f"too early poll: {waited:.3f} s after the previous reply, "
                       f"interval {device.interval:g} s")
        return True

    def slow_down(self, form):
        device = self.devices.get(form.get("device_code", ""))
        if device:
            device.interval += 5

    def _device_token(self, form, client):
        device = self.devices.get(form.get("device_code", ""))
        if device is None or device.client_id != client.client_id:
            raise OAuthError("invalid_grant", "unknown device code")
        if device.outcome == "used":
            self.violation("a device code that was already exchanged was sent again")
            raise OAuthError("invalid_grant", "device code already used")
        if self.clock() >= device.expires_at:
            raise OAuthError("expired_token", "the device code has expired")
        if device.challenge:
            self._check_pkce(device, form)
        if device.outcome == "denied":
            raise OAuthError("access_denied", "the operator said no")
        if device.outcome != "approved":
            raise OAuthError("authorization_pending", "nobody has approved yet")
        device.outcome = "used"
        family = Family(client.client_id, device.subject, device.scope)
        self.families.append(family)
        return self._grant(family)

    @staticmethod
    def _check_pkce(device, form):
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        computed = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        if not hmac.compare_digest(computed, device.challenge):
            raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge")

    def _refresh(self, form, client):
        family, generation = self.refresh_tokens.get(form.get("refresh_token", ""), (None, 0))
        if family is None or family.client_id != client.client_id or not family.alive:
            raise OAuthError("invalid_grant", "unknown or revoked refresh token")
        if generation != family.generation:
            self.violation("a refresh token that was rotated away was sent again")
            if self.settings.reuse_detection:
                family.alive = False
            raise OAuthError("invalid_grant", "refresh token was used before")
        return self._grant(family)

    def _grant(self, family):
        access_token = self.issue("access_token")
        if self.settings.rotate or not family.refresh_token:
            family.generation += 1
            family.refresh_token = self.issue("refresh_token")
            self.refresh_tokens[family.refresh_token] = (family, family.generation)
        answer = altered({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.settings.access_lifetime,
            "refresh_token": family.refresh_token,
            "scope": family.scope,
        }, self.settings.token_answer)
        self.access_tokens[access_token] = Access(
            family, self.clock() + self.settings.access_lifetime, family.scope)
        return Reply.of_json(200, answer)

    # Introspection (RFC 7662), revocation (RFC 7009), userinfo

    def introspect(self, form, _client):
        token = form.get("token", "")
        access = self.access_tokens.get(token)
        if access and access.family.alive and self.clock() < access.expires_at:
            return Reply.of_json(200, {"active": True, "scope": access.scope,
                                       "client_id": access.family.client_id,
                                       "sub": access.family.subject})
        family, generation = self.refresh_tokens.get(token, (None, 0))
        active = family is not None and family.alive and generation == family.generation
        return Reply.of_json(200, {"active": active})

    def revoke(self, form, client):
        token = form.get("token", "")
        if not token:
            raise OAuthError("invalid_request", "token is missing")
        family, _ = self.refresh_tokens.get(token, (None, 0))
        if family is None and token in self.access_tokens:
            family = self.access_tokens[token].family
        if family is not None and family.client_id == client.client_id:
            family.alive = False
        return Reply(200, b"")

    def userinfo(self, authorization):
        scheme, _, token = authorization.partition(" ")
        access = self.access_tokens.get(token)
        good = access and access.family.alive and self.clock() < access.expires_at
        if scheme.lower() != "bearer" or not good:
            raise OAuthError("invalid_token", "no such access token", 401,
                             {"WWW-Authenticate": "Bearer"})
        subject = access.family.subject
        return Reply.of_json(200, {"sub": subject, "preferred_username": subject,
                                   "email": f"{subject}@example.com", "email_verified": True})


def _member(answer, name):
    try:
        return json.loads(answer).get(name, "")
    except (ValueError, AttributeError, RecursionError):  # an answer ordered by a test
        return ""
