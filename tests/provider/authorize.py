# SPDX-License-Identifier: BSD-2-Clause
"""The authorization endpoint and its codes: RFC 6749 §4.1, RFC 7636, RFC 8707, RFC 9207."""

import base64
import hashlib
import hmac
import secrets
import urllib.parse
from dataclasses import dataclass

import pages
from values import Client, Family, OAuthError, Reply, altered, parameters

HTML = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}


def check_pkce(challenge, form):
    """Does the code_verifier fit (RFC 7636 §4.6)?"""
    hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    computed = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
    if not hmac.compare_digest(computed, challenge):
        raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge")


@dataclass
class Request:
    """What a client asks a person to approve."""
    client: Client
    redirect_uri: str
    scope: str
    state: str
    challenge: str
    nonce: str
    resource: list


@dataclass
class Code:
    request: Request
    subject: str
    expires_at: float
    family: Family | None = None  # what it was exchanged for


class Authorizations:
    def __init__(self, authority):
        self.authority = authority
        self.waiting = {}  # number of a page that was shown → Request
        self.codes = {}

    def page(self, form):
        """GET: the page, or the way back with an error."""
        try:
            request = self._registered(form)
        except OAuthError as error:
            return Reply(400, pages.note("Not possible", error.description), HTML)
        try:
            self._read(form, request)
        except OAuthError as error:
            return self._back_with(request, error)
        number = secrets.token_hex(8)
        self.waiting[number] = request
        return Reply(200, pages.authorize_form(
            urllib.parse.urlsplit(self.authority.url("authorize")).path, number,
            request.client.client_id, request.scope),
            HTML)

    def decide(self, form):
        """POST: the person's word."""
        request = self.waiting.pop(form.get("request", ""), None)
        if request is None or form.get("action") not in ("allow", "deny"):
            return Reply(400, pages.note("Not possible", "Nothing waits for this answer."), HTML)
        if form["action"] == "deny":
            return self._back_with(request, OAuthError("access_denied", "the person said no"))
        code = self.authority.issue("code")
        self.codes[code] = Code(request, form.get("subject") or "alice",
                                self.authority.clock() + self.authority.settings.code_lifetime)
        return self._back(request, {"code": code})

    def walk(self, url, action, subject):
        """The whole walk of a person at once: an authorization URL in, the address it ends at
        out."""
        endpoint, _, query = url.partition("?")
        if endpoint != self.authority.url("authorize"):
            raise ValueError("not the authorization endpoint")
        talk, refusal = self.authority.understand("authorize", parameters(query))
        if refusal:
            return None
        reply = self.page(talk.form)
        if reply.status == 200:
            reply = self.decide({"request": list(self.waiting)[-1], "action": action,
                                 "subject": subject})
        return reply.headers.get("Location")

    def _registered(self, form):
        """What must be right before anybody is sent anywhere (RFC 6749 §4.1.2.1)."""
        client = self.authority.clients.get(form.get("client_id", ""))
        if client is None:
            raise OAuthError("invalid_request", "There is no such client.")
        if form.get("redirect_uri") not in client.redirect_uris:
            raise OAuthError("invalid_request", "This redirect_uri is not registered.")
        return Request(client, form["redirect_uri"], form.get("scope", ""), form.get("state", ""),
                       form.get("code_challenge", ""), form.get("nonce", ""), [])

    def _read(self, form, request):
        if form.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response_type must be code")
        if request.challenge and form.get("code_challenge_method") != "S256":
            raise OAuthError("invalid_request", "code_challenge_method must be S256")
        if self.authority.settings.pkce_required and not request.challenge:
            raise OAuthError("invalid_request", "code_challenge is missing")
        request.resource = self.authority.resources(form)

    def _back_with(self, request, error):
        _, code, text = self.authority.dialect.told(error)
        return self._back(request, {"error": code, "error_description": text})

    def _back(self, request, answer):
        """Send the browser back (RFC 6749 §4.1.2, RFC 9207 §2)."""
        settings = self.authority.settings
        if request.state:
            answer["state"] = request.state
        if settings.announce_iss:
            answer["iss"] = self.authority.issuer
        query = urllib.parse.urlencode(altered(answer, settings.redirect_answer))
        joint = "&" if "?" in request.redirect_uri else "?"
        return Reply(302, b"", {"Location": f"{request.redirect_uri}{joint}{query}",
                                "Cache-Control": "no-store"})

    def exchange(self, form, client):
        """The token request of RFC 6749 §4.1.3."""
        code = self.codes.get(form.get("code", ""))
        if code is None or code.request.client is not client:
            raise OAuthError("invalid_grant", "unknown code")
        if code.family:
            self.authority.violation("a code that was already exchanged was sent again")
            code.family.alive = False
            raise OAuthError("invalid_grant", "the code was used before")
        request = code.request
        if self.authority.clock() >= code.expires_at:
            raise OAuthError("invalid_grant", "the code has expired")
        if form.get("redirect_uri") != request.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is another")
        if request.challenge:
            check_pkce(request.challenge, form)
        elif "code_verifier" in form:
            raise OAuthError("invalid_grant", "a code_verifier without a code_challenge")
        resource = self.authority.resources(form, request.resource)
        code.family = Family(client.client_id, code.subject, request.scope, request.resource,
                             request.nonce)
        self.authority.families.append(code.family)
        return self.authority.grant(code.family, resource)
