# SPDX-License-Identifier: BSD-2-Clause
"""What the parts of the authorization server have in common: replies, errors, clients, tokens."""

import hashlib
import json
import time
import urllib.parse
from dataclasses import dataclass, field

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REDIRECT_URI = "http://localhost:1717/callback"

# What is told and kept secret in requests: logged as a digest only.
SECRET_PARAMETERS = {"client_secret", "device_code", "code_verifier", "refresh_token", "token",
                     "code", "assertion", "client_assertion", "state", "nonce"}


def digest(secret):
    """What a log may hold of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def altered(answer, change):
    """The answer with the members of change set, or dropped."""
    kept = {k: v for k, v in answer.items() if k not in change.get("drop", [])}
    return {**kept, **change.get("set", {})}


def parameters(text):
    """The parameters of a query or a form. Of them all only resource may be given more than once
    (RFC 8707 §2); it then has blanks between its values."""
    pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
    named = dict(pairs)
    if "resource" in named:
        named["resource"] = " ".join(value for name, value in pairs if name == "resource")
    return named


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
        self.error = error
        self.description = description
        self.status = status
        self.headers = headers or {}


@dataclass
class Client:
    client_id: str
    secret: str = ""
    methods: tuple = ("basic", "post")  # of authentication; none: public
    key: str = ""  # public, PEM: what its assertions are signed with
    redirect_uris: tuple = (REDIRECT_URI,)
    subjects: tuple = ()  # whom it may act for by RFC 7523 §2.1; empty: anybody

    @property
    def confidential(self):
        return "none" not in self.methods


@dataclass
class Family:
    """All tokens that came of one approval, or of one request without one: they die together."""
    client_id: str
    subject: str  # empty: the client acts for itself
    scope: str
    resource: list = field(default_factory=list)  # RFC 8707; empty: nothing was asked for
    nonce: str = ""
    alive: bool = True
    refresh_token: str = ""  # the present one
    generation: int = 0
    rotated_at: float = 0
    used_at: float = 0
    auth_time: int = field(default_factory=lambda: int(time.time()))


@dataclass
class Access:
    family: Family
    expires_at: float
    scope: str
    resource: list = field(default_factory=list)


@dataclass
class Settings:
    """What a test may change of the provider at any time."""
    interval: object = 5
    device_lifetime: float = 600
    code_lifetime: float = 60
    access_lifetime: float = 600
    rotate: bool = True
    rotate_after: float = 0  # a refresh token younger than this stays
    reuse_detection: bool = True
    reuse_grace: float = 0   # so long the one before the present one serves as well
    refresh_idle: float = 0  # a refresh token ends when it is not used for so long; 0: never
    shared_tokens: bool = False  # client_credentials: the same token for all, until it ends
    strict: bool = True
    pkce_required: bool = False
    announce_iss: bool = True  # RFC 9207
    resources: list = field(default_factory=list)  # RFC 8707; empty: anything goes
    # RFC 7523 §3: what aud may be (empty: the issuer or the token endpoint), how far off exp
    assertion_audiences: list = field(default_factory=list)
    assertion_lifetime_max: float = 3600
    # RS256: with a published key, unless forged. PS256, ES256, EdDSA: with another one. HS256: with
    # the published key as if it were a secret. none: not at all.
    id_token_alg: str = "RS256"
    id_token_forged: bool = False
    # Changes to the members of an answer: {"set": {name: value}, "drop": [name]}
    device_answer: dict = field(default_factory=dict)
    token_answer: dict = field(default_factory=dict)
    metadata_answer: dict = field(default_factory=dict)
    redirect_answer: dict = field(default_factory=dict)
    id_token_claims: dict = field(default_factory=dict)
    introspection_answer: dict = field(default_factory=dict)
    userinfo_answer: dict = field(default_factory=dict)
