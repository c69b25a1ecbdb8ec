#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients with a private key: private_key_jwt and the flow jwt_bearer, resource indicators, and what
is said of key files that are not good; against our provider and against oidc-provider."""

import contextlib
import json
import os
import re
import subprocess
import sys

from lib import HERE, STRANGER, Rig, has_code  # first: it finds the others
import jwt
from oidc import OidcProvider
from tap import Skip, behaviour, equal, run, true, within

RESOURCES = ["https://api.example/", "urn:example:erp"]
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEY_ID = "key-1"  # by which oidc-provider knows each key, see server.mjs


def openssl(*arguments, key):
    """openssl with a key on its standard input."""
    done = subprocess.run(["openssl", *arguments], input=key.encode(), capture_output=True,
                          check=True)
    return done.stdout


def jwk_of(private):
    """An Ed25519 key (PEM) as a JWK (RFC 8037)."""
    secret = openssl("pkey", "-outform", "DER", key=private)[-32:]
    public = openssl("pkey", "-pubout", "-outform", "DER", key=private)[-32:]
    return json.dumps({"kty": "OKP", "crv": "Ed25519", "kid": KEY_ID,
                       "x": jwt.encode(public), "d": jwt.encode(secret)})


def rsa_jwk_of(private):
    """The same of an RSA key (RFC 7518 section 6.3), of its modulus and exponents alone."""
    told = openssl("rsa", "-noout", "-text", key=private).decode()
    told = told.partition("privateExponent:")[2].partition("prime1:")[0]
    exponent = bytes.fromhex("".join(told.split()).replace(":", "")).lstrip(b"\0")
    return json.dumps({**jwt.rsa_jwk(jwt.public_of(private), KEY_ID), "d": jwt.encode(exponent)})


def encrypted(private):
    return openssl("pkey", "-aes-256-cbc", "-passout", "pass:pass-phrase", key=private).decode()


def sec1(private):
    return openssl("ec", key=private).decode()


# What stands in the file, and the algorithm where it has to be said.
FORMS = {
    "RS256 in PKCS#8": ("RS256", str, {}),
    "RS256 as a JWK": ("RS256", rsa_jwk_of, {}),
    "PS256": ("RS256", str, {"client_key_algorithm": "PS256"}),
    "ES256 in PKCS#8": ("ES256", str, {}),
    "ES256 in SEC1": ("ES256", sec1, {}),
    "EdDSA in PKCS#8": ("EdDSA", str, {}),
    "EdDSA as a JWK": ("EdDSA", jwk_of, {}),
}


def signer(rig, private, **more):
    """A connection to our provider by a client that was registered with this key."""
    rig.provider.control("register", client_id="signer", key=jwt.public_of(private))
    setup = rig.connection(**{"client_id": "signer", "flow": "client_credentials",
                              "scopes": ["api"],
                              "client_key": {"file": rig.secret_file("key", private)}, **more})
    del setup["client_secret"]
    return setup


def assertive(rig, private, **assertion):
    """The same with the flow jwt_bearer; only the assertion proves anything."""
    rig.provider.configure(assertion_audiences=[])
    return signer(rig, private, flow="jwt_bearer", assertion={"subject": "alice", **assertion})


def usable(agent, name="crm"):
    return agent.until("usable", lambda c: c["usable"] and c["state"] == "ready", name)


def fault(agent, name="crm"):
    return agent.until("the fault", lambda c: c["fault"], name)["fault"]


def token_of(agent, name="crm"):
    answer = agent.ctl("token", name)
    equal(answer.returncode, 0, f"exit status of token: {answer.stderr}")
    return answer.stdout.strip()


def refused(agent, about):
    """What the agent says of its configuration, which it must not take."""
    done = subprocess.run(agent.command("--check"), capture_output=True, text=True, check=False,
                          env={**os.environ, **agent.environment})
    equal(done.returncode, 2, f"exit status of --check: {about}")
    return done.stderr


def clean(rig, *secrets):
    """The provider saw nothing against the rules, and the log has none of these, nor a JWT."""
    equal(rig.provider.control("log")["violations"], [], "violations")
    log = rig.agent.log()
    for secret in ("eyJ", "PRIVATE KEY", *secrets):
        true(secret not in log, f"{secret} is not in the log")


@contextlib.contextmanager
def started(make, algorithm="RS256", **more):
    with Rig() as rig:
        private = jwt.make_key(algorithm)
        agent = rig.start(crm=make(rig, private, **more))
        yield rig, agent, private


@behaviour("jwt_bearer: ready without a person, the token is live, and no refresh token is kept")
def _():
    with started(assertive) as (rig, agent, private):
        usable(agent)
        agent.ear.wait("READY=1", agent.process)
        token = token_of(agent)
        true(rig.introspect(token), "active")
        equal([(g["client_id"], g["subject"]) for g in rig.provider.control("state")["grants"]],
              [("signer", "alice")])
        agent.kill()
        agent.start()
        usable(agent)
        equal(token_of(agent), token, "reused after SIGKILL")
        equal(len(rig.provider.arrivals("token", JWT_BEARER)), 1, "requests")
        equal(agent.ctl("refresh", "crm").returncode, 0)
        true(token_of(agent) != token, "another token")
        equal(rig.spent(), [], "refreshes")
        clean(rig, private.splitlines()[1])


@behaviour("jwt_bearer: renewed before the end, each time by another assertion")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=5)
        agent = rig.start(crm=assertive(rig, jwt.make_key("ES256")))
        first = usable(agent)["token_expires_at"]
        agent.until("a later end", lambda c: c["token_expires_at"] != first and c["usable"], "crm")
        true(rig.introspect(token_of(agent)), "active")
        equal(agent.connection("crm")["fault"], None)
        clean(rig)


@behaviour("jwt_bearer: the audience is another than the host, and a wrong one is told with remedy")
def _():
    with Rig() as rig:
        private = jwt.make_key()
        setup = assertive(rig, private)
        rig.provider.configure(assertion_audiences=["https://test.example"])
        agent = rig.start(crm=setup)
        told = fault(agent)
        equal((told["kind"], told["retry_at"]), ("misconfigured", None))
        within(told["detail"], ["aud is not this server"])
        within(told["detail"], ["check the clock, assertion.audience and assertion.subject"])
        count = len(rig.provider.arrivals())
        rig.quiet(3)
        equal(len(rig.provider.arrivals()), count, "requests")
        setup["assertion"]["audience"] = "https://test.example"
        agent.configure({"crm": setup})
        equal(agent.ctl("reload").returncode, 0)
        usable(agent)


@behaviour("jwt_bearer: a user who did not allow the client is told, exit 2")
def _():
    with Rig() as rig:
        private = jwt.make_key()
        setup = assertive(rig, private)
        rig.provider.control("register", client_id="signer", key=jwt.public_of(private),
                             subjects=["bob"])
        agent = rig.start(crm=setup)
        within(fault(agent)["detail"], ["user hasn't approved this consumer"])
        equal(agent.ctl("token", "crm").returncode, 2)


@behaviour("private_key_jwt: ready with every form of key")
def _():
    with Rig() as rig:
        connections = {}
        for n, (algorithm, form, more) in enumerate(FORMS.values()):
            private = jwt.make_key(algorithm)
            setup = signer(rig, private, client_id=f"signer{n}", **more)
            setup["client_key"] = {"file": rig.secret_file(f"key{n}", form(private))}
            rig.provider.control("register", client_id=f"signer{n}", key=jwt.public_of(private))
            connections[f"c{n}"] = setup
        agent = rig.start(**connections)
        for name, about in zip(connections, FORMS):
            usable(agent, name)
            true(rig.introspect(token_of(agent, name)), f"active: {about}")
        clean(rig)


@behaviour("private_key_jwt: the device flow, its refresh and its revocation")
def _():
    with started(signer, flow="device") as (rig, agent, _private):
        rig.approve()
        token = token_of(agent)
        equal(agent.ctl("refresh", "crm").returncode, 0)
        newer = token_of(agent)
        true(newer != token and rig.introspect(newer), "another active one")
        equal(agent.ctl("revoke", "crm").returncode, 0)
        true(not rig.introspect(newer), "inactive")
        clean(rig)


@behaviour("private_key_jwt: a wrong key is misconfigured with the remedy, and is not retried")
def _():
    with Rig() as rig:
        private = jwt.make_key()
        setup = signer(rig, private)
        rig.secret_file("key", jwt.make_key())
        agent = rig.start(crm=setup)
        told = fault(agent)
        equal((told["kind"], told["retry_at"]), ("misconfigured", None))
        within(told["detail"], ["the provider has the public key"])
        answer = agent.ctl("token", "crm")
        equal(answer.returncode, 2, "exit status of token")
        within(answer.stderr, ["client_key"])
        rig.quiet(3)
        rig.secret_file("key", private)
        equal(agent.ctl("reload").returncode, 0)
        usable(agent)


@behaviour("a key with a passphrase, both in files: ready; a wrong passphrase is told at the key")
def _():
    with Rig() as rig:
        private = jwt.make_key("ES256")
        setup = signer(rig, private)
        rig.secret_file("key", encrypted(private))
        setup["client_key_passphrase"] = {"file": rig.secret_file("pass", "pass-phrase")}
        agent = rig.start(crm=setup)
        usable(agent)
        true(rig.introspect(token_of(agent)), "active")
        rig.secret_file("pass", "another-phrase")
        answer = agent.ctl("reload")
        equal(answer.returncode, 2, "exit status of reload")
        within(answer.stderr, ["client_key: file", "is not opened by this passphrase"])
        true("another-phrase" not in answer.stderr, "no passphrase in the error")
        true(agent.connection("crm")["usable"], "a bad reload changes nothing")
        clean(rig, "pass-phrase", "another-phrase")


@behaviour("a key and its passphrase as credentials of the service: ready; a missing one is told")
def _():
    with Rig() as rig:
        private = jwt.make_key("EdDSA")
        setup = signer(rig, private, client_key={"credential": "sf.key"},
                       client_key_passphrase={"credential": "sf.pass"})
        directory = os.path.join(rig.home, "credentials")
        os.mkdir(directory)
        rig.secret_file("credentials/sf.key", encrypted(private))
        rig.agent.environment["CREDENTIALS_DIRECTORY"] = directory
        rig.agent.configure({"crm": setup})
        within(refused(rig.agent, "no passphrase"), ["client_key_passphrase: cannot read"])
        rig.secret_file("credentials/sf.pass", "pass-phrase")
        for name in ("sf.key", "sf.pass"):
            os.chmod(os.path.join(directory, name), 0o440)  # as systemd 257 makes them
        usable(rig.agent.start())
        true(rig.introspect(token_of(rig.agent)), "active")


@behaviour("key files that are not good: all told at once with line and remedy, no secret shown")
def _():
    with Rig() as rig:
        rsa, ed25519 = jwt.make_key(), jwt.make_key("EdDSA")
        small = openssl("genrsa", "-traditional", "1024", key="").decode()
        p384 = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384",
                       key="").decode()
        files = {
            "public": (jwt.public_of(rsa), "is a public key: give the private key"),
            "certificate": (certificate(rig, rsa), "is a certificate: give the private key"),
            "small": (small, "the RSA key has 1024 bits, it must have 2048 to 8192"),
            "curve": (p384, "is on another curve than P-256"),
            "sealed": (encrypted(rsa), "is encrypted: set client_key_passphrase"),
            "nonsense": ("no-key-at-all", "is neither PEM nor a JWK"),
            "cut": (rsa[:-200] + rsa[-28:], "is PEM that is damaged"),
            "half": (json.dumps({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}), "public key"),
            "octets": (json.dumps({"kty": "oct", "k": "c2VjcmV0"}), "is of a type or curve"),
            "other": (ed25519, "is Ed25519: RS256 or PS256 for an RSA key"),
        }
        connections = {}
        for name, (text, _told) in files.items():
            setup = signer(rig, rsa)
            setup["client_key"] = {"file": rig.secret_file("bad-" + name, text)}
            connections[name] = setup
        connections["other"]["client_key_algorithm"] = "RS256"
        rig.agent.configure(connections)
        said = refused(rig.agent, "bad keys")
        faults = dict(zip(files, said.splitlines()))
        equal(len(said.splitlines()), len(files), "faults")
        for name, (text, told) in files.items():
            within(faults[name], [told], name)
            true(f": connections.{name}.client_key: file " in faults[name], faults[name])
            line = faults[name].removeprefix(rig.agent.config).split(":")[1]
            true(line.isdigit(), f"a line number in {faults[name]}")
            for part in text.split():
                true(len(part) < 20 or part not in said, "no secret shown")


def certificate(rig, private):
    path = rig.secret_file("for-certificate", private)
    return openssl("req", "-x509", "-key", path, "-subj", "/CN=x", key="").decode()


@behaviour("a ca_file without a certificate, and one that is missing, are told by line and column")
def _():
    with Rig() as rig:
        setup = rig.connection(ca_file="/nonexistent/ca.pem")
        rig.agent.write_config("agent:\n  ca_file: " + rig.secret_file("empty", "no certificate")
                               + "\nconnections: {c: " + json.dumps(setup) + "}")
        first, second = refused(rig.agent, "CA files").splitlines()
        within(first, [f"{rig.agent.config}:2:12: agent.ca_file: "])
        within(first, ["holds no certificate: give a PEM file"])
        within(second, [f"{rig.agent.config}:3:"])
        within(second, ["connections.c.ca_file: cannot read /nonexistent/ca.pem: No such file"])


@behaviour("a configuration that others may write is refused with the command to run")
def _():
    with Rig() as rig:
        agent = rig.agent
        agent.configure({"crm": rig.connection()})
        for mode in (0o666, 0o660, 0o646):
            os.chmod(agent.config, mode)
            equal(refused(agent, oct(mode)), f"{agent.config} can be written by others (mode "
                  f"{mode:04o}): run chmod go-w on it\n")
        os.remove(agent.config)
        equal(refused(agent, "missing"), f"cannot read {agent.config}: No such file or directory\n")


@behaviour("a configuration that belongs to another user is refused with the command to run")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can give a file away")
    with Rig() as rig:
        rig.agent.configure({"crm": rig.connection()})
        os.chown(rig.agent.config, STRANGER, 0)
        within(refused(rig.agent, "owner"),
               [f"belongs to another user (uid {STRANGER}): run chown 0 on it"])


@behaviour("resource: the grant is for what was named, through refresh; audience goes along")
def _():
    with Rig() as rig:
        rig.provider.configure(resources=RESOURCES)
        agent = rig.start(crm=rig.connection(resource=RESOURCES, audience="erp"))
        rig.approve()
        equal(rig.provider.control("state")["grants"][0]["resource"], RESOURCES)
        equal(rig.provider.arrivals("device_authorization")[0]["params"]["audience"], "erp")
        equal(agent.ctl("refresh", "crm").returncode, 0)
        equal([a["params"].get("resource") for a in rig.provider.arrivals("token")[-1:]],
              [" ".join(RESOURCES)])
        clean(rig)


@behaviour("resource: one the provider does not know is misconfigured")
def _():
    with Rig() as rig:
        rig.provider.configure(resources=RESOURCES)
        agent = rig.start(crm=rig.connection(resource=["https://other.example/"]))
        told = fault(agent)
        equal(told["kind"], "misconfigured")
        within(told["detail"], ["invalid_target", "check resource and audience"])


@behaviour("grantd.yaml(5): its commands make a key that its examples are taken with")
def _():
    with open(os.path.join(HERE, "..", "..", "man", "grantd.yaml.5"), encoding="utf-8") as f:
        page = f.read()
    page = page[page.index(".Sh PRIVATE KEYS"):page.index(".Sh FILES")].replace("\\e\n", " ")
    with Rig() as rig:
        commands = re.findall(r"^\$ (.*)$", page, re.MULTILINE)
        equal(len(commands), 3, "commands")
        for command in commands:
            done = subprocess.run(["sh", "-c", command.replace("/etc/grantd", rig.home)],
                                  capture_output=True, text=True, check=False)
            equal(done.returncode, 0, f"{command}: {done.stderr}")
        with open(os.path.join(rig.home, "erp.crt"), encoding="ascii") as f:
            within(f.read(), ["BEGIN CERTIFICATE"])
        examples = re.findall(r"^\.Bd -literal -offset indent\n(connections:\n.*?)^\.Ed", page,
                              re.MULTILINE | re.DOTALL)
        equal(len(examples), 2, "examples")
        for example in examples:
            rig.agent.write_config(example.replace("/etc/grantd", rig.home))
            done = subprocess.run(rig.agent.command("--check"), capture_output=True, text=True,
                                  check=False)
            equal((done.returncode, done.stderr), (0, ""), example)


def oidc_keys():
    return {name: jwt.make_key(algorithm) for name, (algorithm, _, _) in FORMS.items()}


def oidc_signer(rig, provider, name, private, **more):
    _, form, options = FORMS[name]
    path = rig.secret_file(name.replace(" ", "-").replace("#", ""), form(private))
    setup = provider.connection(path, **{
        "client_id": name, "flow": "client_credentials", "scopes": ["api"],
        "client_key": {"file": path}, **options, **more})
    del setup["client_secret"]
    return setup


@contextlib.contextmanager
def oidc():
    """(rig, oidc-provider that knows a client for each form of key, their keys)."""
    keys = oidc_keys()
    public = {name: jwt.public_of(private) for name, private in keys.items()}
    with Rig() as rig, OidcProvider(rig.home, public) as provider:
        yield rig, provider, keys


@behaviour("oidc-provider: private_key_jwt gets ready with every form of key")
def _():
    with oidc() as (rig, provider, keys):
        names = {f"c{n}": name for n, name in enumerate(keys)}
        agent = rig.start(**{c: oidc_signer(rig, provider, name, keys[name])
                             for c, name in names.items()})
        for c, name in names.items():
            usable(agent, c)
            true(provider.introspect(token_of(agent, c)), f"active: {name}")
        equal(agent.ctl("refresh", "c0").returncode, 0)
        true(provider.introspect(token_of(agent, "c0")), "another active one")


@behaviour("oidc-provider: a person approves a client with a key, refreshed and revoked")
def _():
    with oidc() as (rig, provider, keys):
        name = "ES256 in PKCS#8"
        agent = rig.start(crm=oidc_signer(rig, provider, name, keys[name], flow="device",
                                          scopes=["openid", "offline_access"]))
        provider.approve(agent.until("a code", has_code, "crm")["approval"]["user_code"])
        usable(agent)
        first = token_of(agent)
        equal(agent.ctl("refresh", "crm").returncode, 0)
        newer = token_of(agent)
        true(newer != first and provider.introspect(newer), "another active one")
        equal(agent.ctl("revoke", "crm").returncode, 0)
        true(not provider.introspect(newer), "inactive")


@behaviour("oidc-provider: a wrong key, and a wrong audience, are misconfigured with the remedy")
def _():
    with oidc() as (rig, provider, keys):
        name = "RS256 in PKCS#8"
        agent = rig.start(
            key=oidc_signer(rig, provider, name, jwt.make_key()),
            audience=oidc_signer(rig, provider, "ES256 in SEC1", keys["ES256 in SEC1"],
                                 client_auth_audience="https://other.example"))
        for connection in ("key", "audience"):
            told = fault(agent, connection)
            equal((told["kind"], told["retry_at"]), ("misconfigured", None), connection)
            within(told["detail"], ["client_auth_audience, and that the provider has the public"])
        rig.secret_file("RS256-in-PKCS8", keys[name])
        equal(agent.ctl("reload").returncode, 0)
        usable(agent, "key")


@behaviour("oidc-provider: a token is for the resource that was named; an unknown one is refused")
def _():
    with oidc() as (rig, provider, keys):
        name = "EdDSA as a JWK"
        setup = oidc_signer(rig, provider, name, keys[name], resource=RESOURCES[:1])
        agent = rig.start(crm=setup, other={**setup, "resource": ["https://other.example/"]})
        usable(agent)
        equal(provider.introspection(token_of(agent))["aud"], RESOURCES[0])
        told = fault(agent, "other")
        equal(told["kind"], "misconfigured")
        within(told["detail"], ["invalid_target"])


if __name__ == "__main__":
    sys.exit(run())
