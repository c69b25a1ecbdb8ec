# SPDX-License-Identifier: BSD-2-Clause
"""Who approved: id_token, its keys, and userinfo (OpenID Connect Core 1.0 §2, §5.3)."""

import time

import jwt
from values import OAuthError, Reply, altered


class Identity:
    def __init__(self, authority):
        self.authority = authority
        self.keys = []  # private ones, the present one last; made when first needed

    def _key(self):
        if not self.keys:
            self.rotate()
        return self.keys[-1]

    def rotate(self):
        """Sign with a new key from now on; the old ones stay published."""
        self.keys.append(jwt.make_key())

    def jwks(self):
        self._key()
        return Reply.of_json(200, {"keys": [
            jwt.rsa_jwk(jwt.public_of(key), f"key-{number}")
            for number, key in enumerate(self.keys, 1)]}, {"Cache-Control": "max-age=3600"})

    @staticmethod
    def _claims(subject):
        return {"sub": subject, "preferred_username": subject,
                "email": f"{subject}@example.com", "email_verified": True}

    def id_token(self, family):
        """The id_token of a grant."""
        settings = self.authority.settings
        now = int(time.time())
        claims = {"iss": self.authority.issuer, "aud": family.client_id, "iat": now,
                  "exp": now + 300, "auth_time": family.auth_time, **self._claims(family.subject)}
        if family.nonce:
            claims["nonce"] = family.nonce
        claims = altered(claims, settings.id_token_claims)
        key, algorithm = self._key(), settings.id_token_alg
        if algorithm == "HS256":  # the confusion of a public key with a shared secret
            key = jwt.public_of(key)
        elif algorithm != "RS256" or settings.id_token_forged:
            key = jwt.make_key(algorithm)
        token = jwt.sign(claims, key, algorithm, kid=f"key-{len(self.keys)}")
        self.authority.issued[token] = "id_token"
        return token

    def userinfo(self, authorization):
        scheme, _, token = authorization.partition(" ")
        access = self.authority.access_tokens.get(token)
        if scheme.lower() != "bearer" or not self.authority.alive(token):
            raise OAuthError("invalid_token", "no such access token", 401,
                             {"WWW-Authenticate": "Bearer"})
        if not access.family.subject:
            raise OAuthError("insufficient_scope", "nobody gave this token", 403,
                             {"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
        return Reply.of_json(200, altered(self._claims(access.family.subject),
                                          self.authority.settings.userinfo_answer))
