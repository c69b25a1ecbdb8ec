#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The test provider's codes, identities and assertions are what the RFCs say."""

import base64
import contextlib
import json
import sys
import tempfile
import time
import urllib.parse

sys.dont_write_bytecode = True

import jwt  # noqa: E402
from assertion import ASSERTION_TYPE  # noqa: E402
from handle import Provider, basic  # noqa: E402
from tap import behaviour, equal, run, true  # noqa: E402
from values import JWT_BEARER_GRANT, digest  # noqa: E402

DIRECTORY = tempfile.TemporaryDirectory(prefix="grantd-selftest-")
# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@contextlib.contextmanager
def provider():
    """A provider and a client of its HTTP."""
    with Provider(DIRECTORY.name) as p:
        client = p.client()
        yield p, client
        client.close()


def url_of(p, **changes):
    """An authorization URL; None leaves a parameter out."""
    query = {"response_type": "code", "client_id": p.info["client_id"], "scope": "openid read",
             "redirect_uri": p.info["redirect_uri"], "state": "st", "nonce": "no",
             "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changes}
    query = {name: value for name, value in query.items() if value is not None}
    return f"{p.issuer}/authorize?{urllib.parse.urlencode(query, doseq=True)}"


def walked(p, url, **answer):
    """The parameters of the address that a person's walk ends at."""
    location = p.control("authorize", url=url, **answer)["location"]
    base, _, query = location.partition("?")
    equal(base, p.info["redirect_uri"])
    return dict(urllib.parse.parse_qsl(query))


def exchange(p, client, code, **changes):
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
            "redirect_uri": p.info["redirect_uri"], **changes}
    return client.post("/token", form, basic(p.info))


def granted(p, client, **changes):
    return exchange(p, client, walked(p, url_of(p, **changes))["code"]).json


def introspected(p, client, token):
    return client.post("/introspect", {"token": token}, basic(p.info)).json


@behaviour("the page allows or denies, and sends back code, state and iss, or access_denied")
def _():
    with provider() as (p, client):
        for action in ("allow", "deny"):
            page = client.get(url_of(p).removeprefix(p.issuer)).body.decode()
            number = page.partition('name="request" value="')[2].partition('"')[0]
            done = client.post("/authorize", {"request": number, "action": action})
            equal(done.status, 302)
            back = dict(urllib.parse.parse_qsl(done.headers["Location"].partition("?")[2]))
            equal((back["state"], back["iss"]), ("st", p.issuer))
            if action == "allow":
                equal(exchange(p, client, back["code"]).status, 200)
            else:
                equal(back["error"], "access_denied")
            again = client.post("/authorize", {"request": number, "action": "allow"})
            equal(again.status, 400, "a second answer on the same page")


@behaviour("an unknown client or redirect_uri is sent nowhere; what else is wrong is told there")
def _():
    with provider() as (p, client):
        for changes in ({"client_id": "nobody"}, {"redirect_uri": "https://elsewhere.example/"},
                        {"redirect_uri": None}):
            equal(p.control("authorize", url=url_of(p, **changes))["location"], None)
        equal(client.get("/authorize?client_id=nobody").status, 400)
        equal(walked(p, url_of(p, response_type="token"))["error"], "unsupported_response_type")
        plain = url_of(p, code_challenge_method="plain")
        equal(walked(p, plain), {"error": "invalid_request", "state": "st", "iss": p.issuer,
                                 "error_description": "code_challenge_method must be S256"})
        p.configure(pkce_required=True, announce_iss=False)
        bare = walked(p, url_of(p, code_challenge=None, code_challenge_method=None))
        equal((bare["error"], "iss" in bare), ("invalid_request", False))


@behaviour("a code is exchanged once, and sent again it ends the grant it brought")
def _():
    with provider() as (p, client):
        code = walked(p, url_of(p))["code"]
        token = exchange(p, client, code).json
        true(introspected(p, client, token["access_token"])["active"], "active")
        equal(exchange(p, client, code).json["error"], "invalid_grant")
        equal(introspected(p, client, token["access_token"]), {"active": False})
        equal([v["what"] for v in p.control("log")["violations"]],
              ["a code that was already exchanged was sent again"])


@behaviour("a code needs its verifier, its redirect_uri, its client, and to be young")
def _():
    with provider() as (p, client):
        code = walked(p, url_of(p))["code"]
        for changes in ({"code_verifier": "x" * 43}, {"code_verifier": ""},
                        {"redirect_uri": "http://localhost/other"}, {"code": "unknown"}):
            equal(exchange(p, client, **{"code": code, **changes}).json["error"], "invalid_grant")
        other = client.post("/token", {"grant_type": "authorization_code", "code": code,
                                       "code_verifier": VERIFIER,
                                       "redirect_uri": p.info["redirect_uri"],
                                       "client_id": p.info["public_client_id"]})
        equal(other.json["error"], "invalid_grant", "as another client")
        equal(exchange(p, client, code).status, 200)
        unasked = walked(p, url_of(p, code_challenge=None, code_challenge_method=None))["code"]
        equal(exchange(p, client, unasked).json["error"], "invalid_grant",
              "a verifier nobody asked for")
        p.configure(code_lifetime=0)
        old = walked(p, url_of(p))["code"]
        equal(exchange(p, client, old).json["error"], "invalid_grant", "an old code")


@behaviour("the way back is altered as ordered")
def _():
    with provider() as (p, _):
        p.configure(redirect_answer={"set": {"iss": "https://evil.example"}, "drop": ["state"]})
        back = walked(p, url_of(p))
        equal((back["iss"], "state" in back), ("https://evil.example", False))


def pem(spki):
    body = base64.encodebytes(spki).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"


def der(tag, body):
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + size + body


def public_key(jwks, token):
    """The key of JWKS that an id_token names, as RFC 8017 appendix A.1.1 writes it."""
    kid = jwt.read(token)[0]["kid"]
    key = next(key for key in jwks["keys"] if key["kid"] == kid)
    modulus, exponent = (jwt.decode(key[name]) for name in ("n", "e"))
    numbers = der(0x30, der(2, b"\0" + modulus) + der(2, exponent))
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return pem(der(0x30, algorithm + der(3, b"\0" + numbers)))


@behaviour("an id_token is signed with a key of the JWKS and tells who approved, with the nonce")
def _():
    with provider() as (p, client):
        token = granted(p, client)
        jwks = client.get("/jwks").json
        claims = jwt.verify(token["id_token"], public_key(jwks, token["id_token"]))
        equal({name: claims[name] for name in ("iss", "aud", "sub", "nonce", "email")},
              {"iss": p.issuer, "aud": p.info["client_id"], "sub": "alice", "nonce": "no",
               "email": "alice@example.com"})
        true(claims["iat"] <= time.time() + 1 < claims["exp"], "times")
        userinfo = client.get("/userinfo", {"Authorization": f"Bearer {token['access_token']}"})
        equal(userinfo.json, {"sub": "alice", "preferred_username": "alice",
                              "email": "alice@example.com", "email_verified": True})
        true("id_token" not in granted(p, client, scope="read"), "without openid there is none")


@behaviour("a new key of the provider is published beside the old one")
def _():
    with provider() as (p, client):
        first = granted(p, client)["id_token"]
        p.control("rotate_key")
        second = granted(p, client)["id_token"]
        jwks = client.get("/jwks").json
        equal([key["kid"] for key in jwks["keys"]], ["key-1", "key-2"])
        for token in (first, second):
            jwt.verify(token, public_key(jwks, token))


@behaviour("an id_token is forged, unsigned or of other claims as ordered, userinfo too")
def _():
    with provider() as (p, client):
        jwks = client.get("/jwks").json
        for settings in ({"id_token_forged": True}, {"id_token_alg": "none"},
                         {"id_token_alg": "HS256"}, {"id_token_alg": "ES256"}):
            p.configure(**{"id_token_forged": False, "id_token_alg": "RS256", **settings})
            token = granted(p, client)["id_token"]
            try:
                jwt.verify(token, public_key(jwks, token))
            except jwt.NotAJwt:
                continue
            raise AssertionError(f"verified with {settings}")
        p.configure(id_token_alg="RS256", userinfo_answer={"set": {"sub": "mallory"}},
                    id_token_claims={"set": {"iss": "https://evil.example"}, "drop": ["nonce"]})
        token = granted(p, client)
        claims = jwt.verify(token["id_token"], public_key(jwks, token["id_token"]))
        equal((claims["iss"], "nonce" in claims), ("https://evil.example", False))
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        equal(client.get("/userinfo", bearer).json["sub"], "mallory")


@behaviour("client_credentials: a token without refresh token, for the client itself")
def _():
    with provider() as (p, client):
        answer = client.post("/token", {"grant_type": "client_credentials", "scope": "api"},
                             basic(p.info)).json
        equal(sorted(answer), ["access_token", "expires_in", "scope", "token_type"])
        told = introspected(p, client, answer["access_token"])
        equal((told["active"], told["sub"], told["client_id"]),
              (True, p.info["client_id"], p.info["client_id"]))
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        equal(client.get("/userinfo", bearer).status, 403)
        client.post("/revoke", {"token": answer["access_token"]}, basic(p.info))
        equal(introspected(p, client, answer["access_token"]), {"active": False})


@behaviour("client_credentials: a public client is unauthorized_client, a wrong secret 401")
def _():
    with provider() as (p, client):
        form = {"grant_type": "client_credentials", "client_id": p.info["public_client_id"]}
        equal(client.post("/token", form).json["error"], "unauthorized_client")
        wrong = {**form, "client_id": p.info["client_id"], "client_secret": "x"}
        answer = client.post("/token", wrong)
        equal((answer.status, answer.json["error"]), (401, "invalid_client"))


@behaviour("resources are in the token's introspection, and a token is for no more than the grant")
def _():
    with provider() as (p, client):
        a, b = "https://a.example/", "https://b.example/"
        token = granted(p, client, resource=[a, b])
        equal(introspected(p, client, token["access_token"])["aud"], [a, b])
        equal(p.control("state")["grants"][0]["resource"], [a, b])
        form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        narrow = client.post("/token", {**form, "resource": b}, basic(p.info)).json
        equal(introspected(p, client, narrow["access_token"])["aud"], [b])
        form["refresh_token"] = narrow["refresh_token"]
        for resource in ("https://c.example/", "no-uri", a + "#fragment"):
            refused = client.post("/token", {**form, "resource": resource}, basic(p.info))
            equal(refused.json["error"], "invalid_target", resource)
        equal(walked(p, url_of(p, resource="no-uri"))["error"], "invalid_target")
        p.configure(resources=[a])
        form = {"grant_type": "client_credentials", "resource": b}
        equal(client.post("/token", form, basic(p.info)).json["error"], "invalid_target")
        answer = client.post("/token", {**form, "resource": a}, basic(p.info)).json
        equal(introspected(p, client, answer["access_token"])["aud"], [a])


class Signer:
    """A client that signs assertions."""

    def __init__(self, p, algorithm="ES256", **registration):
        self.p, self.algorithm = p, algorithm
        self.key = jwt.make_key(algorithm)
        self.number = 0
        p.control("register", client_id="signer", key=jwt.public_of(self.key), **registration)

    def claims(self, **changes):
        """Good claims but for the changes; None leaves one out."""
        self.number += 1
        claims = {"iss": "signer", "sub": "signer", "aud": self.p.issuer, "jti": f"j{self.number}",
                  "exp": int(time.time()) + 300, "iat": int(time.time()), **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, **changes):
        return jwt.sign(self.claims(**changes), self.key, self.algorithm)

    def prove(self, client, assertion, **more):
        """A client_credentials request proved by the assertion: the error, or None."""
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion, **more}
        return client.post("/token", form).json.get("error")

    def act(self, client, assertion, **more):
        """A JWT bearer grant: the error, or None."""
        form = {"grant_type": JWT_BEARER_GRANT, "assertion": assertion, **more}
        return client.post("/token", form).json.get("error")


@behaviour("RS256, PS256, ES256 and EdDSA assertions prove a client and bring a grant")
def _():
    with provider() as (p, client):
        for algorithm in ("RS256", "PS256", "ES256", "EdDSA"):
            signer = Signer(p, algorithm)
            equal(signer.prove(client, signer.sign(jti=algorithm)), None, algorithm)
            equal(signer.act(client, signer.sign(jti=None, sub="bob")), None, algorithm)
        equal([g["subject"] for g in p.control("state")["grants"]], ["", "bob"] * 4)


# RFC 7515 appendix A.3, and RFC 8037 appendix A.4, whose payload is no JSON.
ES256_JWS = ("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9le"
             "GFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjD"
             "xw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
ES256_KEY = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
             "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
EDDSA_JWS = ("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt"
             "7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
EDDSA_KEY = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


@behaviour("the signatures of RFC 7515 and RFC 8037 verify, and changed ones do not")
def _():
    point = b"\x04" + b"".join(jwt.decode(half) for half in ES256_KEY)
    ec = pem(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + point)
    ed = pem(bytes.fromhex("302a300506032b6570032100") + jwt.decode(EDDSA_KEY))
    equal(jwt.verify(ES256_JWS, ec)["iss"], "joe")
    data, _, signature = EDDSA_JWS.rpartition(".")
    true(jwt.is_signed("EdDSA", ed, data.encode(), jwt.decode(signature)), "RFC 8037")
    true(not jwt.is_signed("EdDSA", ed, data.encode() + b".", jwt.decode(signature)), "changed")
    unfit = jwt.make_key("ES256")
    changed = ES256_JWS.replace("NU1Q", "NU1A")
    for token, key in ((changed, ec), (ES256_JWS, ed), (ES256_JWS[:-4], ec), (EDDSA_JWS, ed),
                       (jwt.sign({}, unfit, "RS256"), jwt.public_of(unfit)), ("a.b", ec),
                       ("", ec)):
        try:
            jwt.verify(token, key)
        except jwt.NotAJwt:
            continue
        raise AssertionError(f"verified: {token}")


WRONG_CLAIMS = ({"iss": "grantd-public"}, {"aud": "https://elsewhere.example"}, {"aud": None},
                {"exp": None}, {"exp": 1000}, {"exp": "soon"}, {"exp": time.time() + 100.5},
                {"exp": int(time.time()) + 86400}, {"iat": int(time.time()) + 600},
                {"nbf": int(time.time()) + 600}, {"jti": 5}, {"sub": None})


@behaviour("an assertion with a wrong claim is invalid_client, as a grant invalid_grant")
def _():
    with provider() as (p, client):
        signer = Signer(p)
        for changes in (*WRONG_CLAIMS, {"sub": "bob"}, {"jti": None}):
            equal(signer.prove(client, signer.sign(**changes)), "invalid_client", str(changes))
        for changes in WRONG_CLAIMS[1:]:
            equal(signer.act(client, signer.sign(**changes)), "invalid_grant", str(changes))
        for audience in (f"{p.issuer}/token", ["https://other.example", p.issuer]):
            equal(signer.prove(client, signer.sign(aud=audience)), None, str(audience))
        p.configure(assertion_audiences=["https://login.example"])
        equal(signer.act(client, signer.sign(sub="bob")), "invalid_grant")
        equal(signer.act(client, signer.sign(sub="bob", aud="https://login.example")), None)


@behaviour("an assertion of another key, of alg none or HS256, or cut short, proves nothing")
def _():
    with provider() as (p, client):
        signer = Signer(p, "RS256")
        public = jwt.public_of(signer.key)
        good = signer.sign()
        for assertion in (jwt.sign(signer.claims(), jwt.make_key()),
                          jwt.sign(signer.claims(), "", "none"),
                          jwt.sign(signer.claims(), public, "HS256"),
                          jwt.sign(signer.claims(), jwt.make_key("ES256"), "ES256"),
                          good[:-3], good + "=", good.rpartition(".")[0], "x", ""):
            equal(signer.prove(client, assertion), "invalid_client", assertion)
        equal(signer.prove(client, good), None)
        equal(signer.prove(client, signer.sign(), client_id="other"), "invalid_client")
        equal(signer.prove(client, signer.sign(), client_assertion_type="x"), "invalid_client")
        equal(signer.prove(client, signer.sign(), client_secret="x"), "invalid_request")
        unproved = client.post("/token", {"grant_type": "client_credentials",
                                          "client_id": "signer"})
        equal(unproved.status, 401, "without an assertion")


@behaviour("a jti is good once, and one that comes again is a violation")
def _():
    with provider() as (p, client):
        signer = Signer(p)
        assertion = signer.sign()
        equal(signer.prove(client, assertion), None)
        equal(signer.prove(client, assertion), "invalid_client")
        equal(signer.act(client, signer.sign(jti="j1", sub="bob")), "invalid_grant")
        equal(len(p.control("log")["violations"]), 2)


@behaviour("a JWT bearer grant is for those subjects only that the client may act for")
def _():
    with provider() as (p, client):
        signer = Signer(p, subjects=["bob"])
        equal(signer.act(client, signer.sign(sub="bob")), None)
        equal(signer.act(client, signer.sign(sub="carol")), "invalid_grant")
        equal(signer.act(client, signer.sign(sub="bob", iss="nobody")), "invalid_client")


@behaviour("codes, states, nonces, assertions and id_tokens are in the log as digests only")
def _():
    with provider() as (p, client):
        signer = Signer(p)
        assertion = signer.sign(sub="bob")
        signer.act(client, assertion)
        client.get(url_of(p, state="a-state", nonce="a-nonce").removeprefix(p.issuer))
        token = granted(p, client)
        log = p.control("log")
        shown = log["arrivals"][1]["params"]
        equal((shown["state"], shown["nonce"]), (digest("a-state"), digest("a-nonce")))
        for secret in (assertion, "a-state", "a-nonce", token["id_token"]):
            true(secret not in json.dumps(log), "no secret in the log")
        known = p.control("secrets")
        equal([known[s] for s in (assertion, "a-state", token["id_token"])],
              ["assertion", "state", "id_token"])


if __name__ == "__main__":
    with DIRECTORY:
        sys.exit(run())
