# SPDX-License-Identifier: BSD-2-Clause
"""Assertions of a client: RFC 7523 §2.1 (as a grant), §2.2 (to prove itself), §3 (what is in
them)."""

import time

import jwt
from values import Client, Family, OAuthError

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLOCK_SKEW = 60  # of iat and nbf


def _issuer(assertion):
    """Who says to have signed it."""
    try:
        issuer = jwt.read(assertion)[1].get("iss")
    except jwt.NotAJwt:
        return ""
    return issuer if isinstance(issuer, str) else ""


class Assertions:
    def __init__(self, authority):
        self.authority = authority
        self.seen = set()  # (client_id, jti) that were used
        self.wall = time.time

    def client_of(self, form) -> str:
        """The identifier of the client that an assertion grant alone names (RFC 7523 §3.1)."""
        return form.get("client_id") or _issuer(form.get("assertion", ""))

    def prove(self, form) -> Client:
        """The client that its client_assertion proves."""
        try:
            return self._prove(form)
        except (jwt.NotAJwt, ValueError) as error:
            raise OAuthError("invalid_client", str(error), 401) from error

    def _prove(self, form):
        assertion = form.get("client_assertion", "")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise ValueError("client_assertion_type is another")
        client = self.authority.clients.get(_issuer(assertion))
        if client is None or "private_key_jwt" not in client.methods:
            raise ValueError("no client of this iss proves itself so")
        if form.get("client_id", client.client_id) != client.client_id:
            raise ValueError("client_id is not the iss")
        claims = self._verified(client, assertion)
        if claims.get("sub") != client.client_id:
            raise ValueError("sub is not the client")
        if not claims.get("jti"):
            raise ValueError("jti is missing")
        return client

    def grant(self, form, client):
        """The token request of RFC 7523 §2.1."""
        try:
            claims = self._verified(client, form.get("assertion", ""))
        except (jwt.NotAJwt, ValueError) as error:
            raise OAuthError("invalid_grant", str(error)) from error
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject:
            raise OAuthError("invalid_grant", "sub is missing")
        if client.subjects and subject not in client.subjects:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        family = Family(client.client_id, subject, form.get("scope", ""),
                        self.authority.resources(form))
        self.authority.families.append(family)
        return self.authority.grant(family, refresh=False)

    def _verified(self, client, assertion):
        """The claims, of which everything but sub is in order."""
        if not client.key:
            raise ValueError("this client has no key here")
        claims = jwt.verify(assertion, client.key)
        if claims.get("iss") != client.client_id:
            raise ValueError("iss is not the client")
        self._check_audience(claims.get("aud"))
        self._check_times(claims)
        self._check_replay(client, claims.get("jti"))
        return claims

    def _check_audience(self, told):
        authority = self.authority
        taken = authority.settings.assertion_audiences or [authority.issuer,
                                                           authority.url("token")]
        if not set(told if isinstance(told, list) else [told]) & set(taken):
            raise ValueError("aud is not this server")

    def _check_times(self, claims):
        now, expires = self.wall(), claims.get("exp")
        for name in ("exp", "iat", "nbf"):
            if name in claims and type(claims[name]) is not int:
                raise ValueError(f"{name} is no whole number")
        if expires is None:
            raise ValueError("exp is missing")
        if expires <= now:
            raise ValueError("the assertion has expired")
        if expires > now + self.authority.settings.assertion_lifetime_max:
            raise ValueError("exp is too far off")
        if max(claims.get("iat", 0), claims.get("nbf", 0)) > now + CLOCK_SKEW:
            raise ValueError("the assertion is of the future")

    def _check_replay(self, client, jti):
        if jti is None:
            return
        if not isinstance(jti, str):
            raise ValueError("jti is no text")
        if (client.client_id, jti) in self.seen:
            self.authority.violation("an assertion was sent twice")
            raise ValueError("jti was used before")
        self.seen.add((client.client_id, jti))
