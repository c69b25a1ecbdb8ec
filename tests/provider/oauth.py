# SPDX-License-Identifier: BSD-2-Clause
"""An authorization server as values: no sockets, no threads of its own.

RFC 6749 §4.4, §5, §6; RFC 7009; RFC 7662; RFC 8414; RFC 8628; RFC 8707. Every public method is
called with the lock of the server held and returns a Reply.
"""

import base64
import hmac
import json
import math
import secrets
import time
import urllib.parse
from dataclasses import dataclass

from assertion import Assertions
from authorize import Authorizations, check_pkce
from dialects import STANDARD, Talk
from identity import Identity
from values import (DEVICE_GRANT, JWT_BEARER_GRANT, Access, Family, OAuthError, Reply, Settings,
                    altered)

USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 §6.1


@dataclass
class Device:
    """One device authorization (RFC 8628 §3.2) and what became of it."""
    client_id: str
    user_code: str
    scope: str
    challenge: str
    nonce: str
    resource: list
    expires_at: float
    interval: float  # what a poll is held to, counted from the previous reply
    replied_at: float = 0
    outcome: str = "pending"  # approved, denied, used
    subject: str = ""


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

    def __init__(self, issuer, clients, clock=time.monotonic, dialect=STANDARD):
        self.issuer = issuer
        self.base = urllib.parse.urljoin(issuer, "/").rstrip("/")
        self.dialect = dialect
        self.real_clock = clock
        self.passed = 0  # seconds that a test let pass
        self.clients = {client.client_id: client for client in clients}
        self.settings = Settings(**dialect.settings)
        self.devices = {}
        self.families = []
        self.refresh_tokens = {}  # every one ever issued → (family, generation)
        self.access_tokens = {}
        self.issued = {client.secret: "client_secret" for client in clients if client.secret}
        self.violations = []
        self.identity = Identity(self)
        self.assertions = Assertions(self)
        self.authorizations = Authorizations(self)
        self.grants = {
            DEVICE_GRANT: self._device_token,
            "refresh_token": self._refresh,
            "authorization_code": self.authorizations.exchange,
            "client_credentials": self._client_credentials,
            JWT_BEARER_GRANT: self.assertions.grant,
        }

    # Bookkeeping

    def clock(self):
        return self.real_clock() + self.passed

    def url(self, endpoint):
        """The address of an endpoint."""
        path = self.dialect.paths.get(endpoint)
        return self.base + path if path else f"{self.issuer.rstrip('/')}/{endpoint}"

    def understand(self, endpoint, form, headers=None):
        """What a request in the dialect of the provider asks for, and the error where it asks for
        what can't be."""
        talk = Talk(self, endpoint, dict(form), headers or {}, self.base)
        try:
            self.dialect.incoming(talk)
        except OAuthError as error:
            return talk, error
        return talk, None

    def issue(self, kind, length=32):
        value = secrets.token_urlsafe(length)
        self.issued[value] = kind
        return value

    def violation(self, text):
        self.violations.append({"t": self.clock(), "what": text})

    def register(self, client):
        """Add a client, or put it in place of the one of its name."""
        self.clients[client.client_id] = client
        if client.secret:
            self.issued[client.secret] = "client_secret"

    def resources(self, form, among=()):
        """The resources that are asked for (RFC 8707 §2): among those of the grant, if it has
        any; all of those where none is asked for."""
        asked = form.get("resource", "").split()
        allowed = among or self.settings.resources
        for resource in asked:
            if ":" not in resource or "#" in resource or (allowed and resource not in allowed):
                raise OAuthError("invalid_target", resource)
        return asked or list(among)

    # Client authentication (RFC 6749 §2.3)

    def authenticate(self, form, authorization):
        if "client_assertion" in form:
            if authorization or "client_secret" in form:
                raise OAuthError("invalid_request", "two ways of client authentication")
            return self.assertions.prove(form)
        method, client_id, secret = self._credentials(form, authorization)
        if method == "none" and form.get("grant_type") == JWT_BEARER_GRANT:
            return self._asserting(form)
        client = self.clients.get(client_id)
        headers = {"WWW-Authenticate": "Basic"} if method == "basic" else None
        if client is None:
            raise OAuthError("invalid_client", "unknown client", 401, headers)
        if client.confidential and method not in client.methods:
            raise OAuthError("invalid_client", f"{method} is not how this client proves itself",
                             401, headers)
        if client.secret and not hmac.compare_digest(client.secret, secret):
            raise OAuthError("invalid_client", "wrong secret", 401, headers)
        if not client.confidential and method != "none":
            raise OAuthError("invalid_client", "this client has no secret", 401, headers)
        return client

    def _asserting(self, form):
        """The client whose assertion is all the proof there is (RFC 7523 §3.1)."""
        client = self.clients.get(self.assertions.client_of(form))
        if client is None:
            raise OAuthError("invalid_client", "unknown client", 401)
        return client

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
            "authorization_endpoint": self.url("authorize"),
            "device_authorization_endpoint": self.url("device_authorization"),
            "token_endpoint": self.url("token"),
            "revocation_endpoint": self.url("revoke"),
            "introspection_endpoint": self.url("introspect"),
            "userinfo_endpoint": self.url("userinfo"),
            "jwks_uri": self.url("jwks"),
            "grant_types_supported": list(self.grants),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "authorization_response_iss_parameter_supported": self.settings.announce_iss,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported":
                ["RS256", "PS256", "ES256", "EdDSA"],
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
        resource = self.resources(form)
        letters = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(8))
        user_code = f"{letters[:4]}-{letters[4:]}"
        device_code = self.issue("device_code")
        uri = self.url("device")
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
            form.get("nonce", ""), resource, self.clock() + self.settings.device_lifetime,
            interval_told(answer))
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
        if grant_type not in self.grants:
            raise OAuthError("unsupported_grant_type", grant_type)
        return self.grants[grant_type](form, client)

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
            check_pkce(device.challenge, form)
        if device.outcome == "denied":
            raise OAuthError("access_denied", "the operator said no")
        if device.outcome != "approved":
            raise OAuthError("authorization_pending", "nobody has approved yet")
        resource = self.resources(form, device.resource)
        device.outcome = "used"
        family = Family(client.client_id, device.subject, device.scope, device.resource,
                        device.nonce)
        self.families.append(family)
        return self.grant(family, resource)

    def _client_credentials(self, form, client):
        if not client.confidential:
            raise OAuthError("unauthorized_client", "a public client proves nothing")
        if self.settings.shared_tokens and self._shared(client):
            return self._shared(client)
        family = Family(client.client_id, "", form.get("scope", ""), self.resources(form))
        self.families.append(family)
        return self.grant(family, refresh=False)

    def _shared(self, client):
        """The token that another request was given, as long as it lives."""
        for value, access in self.access_tokens.items():
            left = math.floor(access.expires_at - self.clock())
            if access.family.client_id == client.client_id and left >= 0:
                return Reply.of_json(200, altered({
                    "access_token": value, "token_type": "Bearer", "expires_in": left,
                    "scope": access.scope}, self.settings.token_answer))
        return None

    def _refresh(self, form, client):
        family, generation = self.refresh_tokens.get(form.get("refresh_token", ""), (None, 0))
        if family is None or family.client_id != client.client_id or not family.alive:
            raise OAuthError("invalid_grant", "unknown or revoked refresh token")
        idle = self.settings.refresh_idle
        if idle and self.clock() - family.used_at > idle:
            raise OAuthError("invalid_grant", "the refresh token was not used for too long")
        if generation != family.generation and not self._in_grace(family, generation):
            self.violation("a refresh token that was rotated away was sent again")
            if self.settings.reuse_detection:
                family.alive = False
            raise OAuthError("invalid_grant", "refresh token was used before")
        return self.grant(family, self.resources(form, family.resource))

    def _in_grace(self, family, generation):
        return (generation == family.generation - 1
                and self.clock() - family.rotated_at < self.settings.reuse_grace)

    def _refresh_token(self, family):
        family.used_at = self.clock()
        old = self.clock() - family.rotated_at >= self.settings.rotate_after
        if not family.refresh_token or (self.settings.rotate and old):
            family.generation += 1
            family.rotated_at = self.clock()
            family.refresh_token = self.issue("refresh_token")
            self.refresh_tokens[family.refresh_token] = (family, family.generation)
        return family.refresh_token

    def grant(self, family, resource=None, refresh=True):
        """Hand out tokens; for all of the grant's resources where none are named."""
        access_token = self.issue("access_token")
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.settings.access_lifetime,
            "scope": family.scope,
        }
        if refresh:
            answer["refresh_token"] = self._refresh_token(family)
        if "openid" in family.scope.split() and family.subject:
            answer["id_token"] = self.identity.id_token(family)
        self.access_tokens[access_token] = Access(
            family, self.clock() + self.settings.access_lifetime, family.scope,
            family.resource if resource is None else resource)
        return Reply.of_json(200, altered(answer, self.settings.token_answer))

    def alive(self, token):
        """Is this an access token that is good?"""
        access = self.access_tokens.get(token)
        return bool(access and access.family.alive and self.clock() < access.expires_at)

    # Introspection (RFC 7662), revocation (RFC 7009)

    def introspect(self, form, _client):
        token = form.get("token", "")
        if self.alive(token):
            access = self.access_tokens[token]
            answer = {"active": True, "scope": access.scope, "token_type": "Bearer",
                      "client_id": access.family.client_id, "iss": self.issuer,
                      "sub": access.family.subject or access.family.client_id,
                      "exp": int(time.time() + access.expires_at - self.clock())}
            if access.resource:  # RFC 8707 §2.2: what the token is good for
                answer["aud"] = access.resource
            return Reply.of_json(200, altered(answer, self.settings.introspection_answer))
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


def _member(answer, name):
    try:
        return json.loads(answer).get(name, "")
    except (ValueError, AttributeError, RecursionError):  # an answer ordered by a test
        return ""
