# SPDX-License-Identifier: BSD-2-Clause
"""Signed JWTs (RFC 7515, RFC 7518, RFC 8037) by the openssl command: no key is handled here."""

import base64
import hmac
import json
import os
import subprocess
import tempfile

PSS = ("-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest")
SHA256 = ("-digest", "sha256")
# alg → what the key must be, as the object identifier in its DER, and options of pkeyutl
ALGORITHMS = {
    "RS256": (bytes.fromhex("2a864886f70d010101"), SHA256),
    "PS256": (bytes.fromhex("2a864886f70d010101"), SHA256 + PSS),
    "ES256": (bytes.fromhex("2a8648ce3d030107"), SHA256),
    "EdDSA": (bytes.fromhex("2b6570"), ()),
}
COORDINATE = 32  # bytes of each half of an ES256 signature (RFC 7518 §3.4)


class NotAJwt(Exception):
    """It is no JWT, or nobody we know has signed it."""


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    """Base64url without padding; nothing else is taken for it."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise NotAJwt("not base64url") from error
    if encode(data) != text:
        raise NotAJwt("not base64url")
    return data


def _run(*arguments, **files):
    """openssl with these arguments, where a word @NAME is the path of the file of that name."""
    with tempfile.TemporaryDirectory(prefix="grantd-jwt-") as directory:
        paths = {}
        for name, data in files.items():
            paths["@" + name] = os.path.join(directory, name)
            with open(paths["@" + name], "wb") as f:
                f.write(data)
        words = [paths.get(word, word) for word in arguments]
        return subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, capture_output=True,
                              check=False)


def make_key(algorithm="RS256"):
    """A private key, PEM."""
    kinds = {"ES256": ("EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "EdDSA": ("ED25519",)}
    made = _run("genpkey", "-algorithm", *kinds.get(algorithm, ("RSA",)))
    made.check_returncode()
    return made.stdout.decode()


def public_of(private):
    """The public key of a private one, both PEM."""
    made = _run("pkey", "-in", "@key", "-pubout", key=private.encode())
    made.check_returncode()
    return made.stdout.decode()


def rsa_jwk(public, kid):
    """An RSA key as a JWK (RFC 7517)."""
    told = _run("rsa", "-pubin", "-in", "@key", "-noout", "-modulus", key=public.encode())
    told.check_returncode()
    modulus = bytes.fromhex(told.stdout.decode().strip().partition("=")[2])
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
            "n": encode(modulus), "e": encode((65537).to_bytes(3, "big"))}


def is_key_for(algorithm, public):
    """Is the public key (PEM) of the type that the algorithm takes?"""
    body = "".join(line for line in public.splitlines() if not line.startswith("-----"))
    try:
        der = base64.b64decode(body, validate=True)
    except ValueError:
        return False
    oid = ALGORITHMS[algorithm][0]
    return bytes([6, len(oid)]) + oid in der


def _integer(data):
    """Unsigned big-endian as a DER INTEGER."""
    data = data.lstrip(b"\0") or b"\0"
    data = b"\0" + data if data[0] & 0x80 else data
    return bytes([2, len(data)]) + data


def _to_der(signature):
    if len(signature) != 2 * COORDINATE:
        raise NotAJwt("an ES256 signature has 64 bytes")
    body = _integer(signature[:COORDINATE]) + _integer(signature[COORDINATE:])
    return bytes([0x30, len(body)]) + body


def _from_der(der):
    halves, at = [], 2
    while at < len(der):
        end = at + 2 + der[at + 1]
        halves.append(der[at + 2:end].lstrip(b"\0").rjust(COORDINATE, b"\0"))
        at = end
    return b"".join(halves)


def sign(claims, private, algorithm="RS256", **header):
    """A JWT of these claims. With none it has no signature; with HS256 the text of the key is the
    secret."""
    head = {"alg": algorithm, "typ": "JWT", **header}
    data = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
    if algorithm == "none":
        return data + "."
    if algorithm == "HS256":
        return f"{data}.{encode(hmac.digest(private.encode(), data.encode(), 'sha256'))}"
    done = _run("pkeyutl", "-sign", "-inkey", "@key", "-rawin", *ALGORITHMS[algorithm][1],
                "-in", "@data", key=private.encode(), data=data.encode())
    done.check_returncode()
    signature = _from_der(done.stdout) if algorithm == "ES256" else done.stdout
    return f"{data}.{encode(signature)}"


def read(token):
    """(header, claims, signed bytes, signature) of a JWT that may not be trusted yet."""
    parts = token.split(".")
    if len(parts) != 3:
        raise NotAJwt("not three parts")
    try:
        header, claims = (json.loads(decode(part)) for part in parts[:2])
    except (ValueError, RecursionError) as error:
        raise NotAJwt("not JSON") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NotAJwt("not JSON objects")
    return header, claims, ".".join(parts[:2]).encode(), decode(parts[2])


def is_signed(algorithm, public, data, signature):
    """Has the holder of this key (public, PEM) signed the data?"""
    done = _run("pkeyutl", "-verify", "-pubin", "-inkey", "@key", "-rawin",
                *ALGORITHMS[algorithm][1], "-in", "@data", "-sigfile", "@signature",
                key=public.encode(), data=data,
                signature=_to_der(signature) if algorithm == "ES256" else signature)
    return done.returncode == 0


def verify(token, public):
    """The claims of a JWT that the holder of this key (public, PEM) has signed."""
    header, claims, data, signature = read(token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise NotAJwt(f"alg {algorithm} is not taken")
    if not is_key_for(algorithm, public):
        raise NotAJwt(f"the key is none for {algorithm}")
    if not is_signed(algorithm, public, data, signature):
        raise NotAJwt("the signature is not of this key")
    return claims
