#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The test provider does what the RFCs say, and misbehaves only as ordered."""

import http.client
import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.parse

sys.dont_write_bytecode = True

from handle import HERE, Provider, basic  # noqa: E402
from oauth import Authority  # noqa: E402
from tap import behaviour, equal, run, true  # noqa: E402
from values import DEVICE_GRANT, Client, OAuthError, digest  # noqa: E402

DIRECTORY = tempfile.TemporaryDirectory(prefix="grantd-selftest-")


def provider(*options):
    return Provider(DIRECTORY.name, *options)


def start(client, info, **more):
    form = {"client_id": info["client_id"], "scope": "read write", **more}
    return client.post("/device_authorization", form, basic(info)).json


def poll(client, info, device, **more):
    form = {"grant_type": DEVICE_GRANT, "device_code": device["device_code"], **more}
    return client.post("/token", form, basic(info))


def refresh(client, info, token):
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    return client.post("/token", form, basic(info))


def granted(p, client):
    """A token, as after an approval."""
    p.configure(strict=False)
    device = start(client, p.info)
    p.control("approve", user_code=device["user_code"])
    return poll(client, p.info, device).json


def active(p, client, token):
    answer = client.post("/introspect", {"token": token}, basic(p.info))
    return answer.json["active"]


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def authority():
    clock = Clock()
    client = Client("c", methods=("none",))
    return Authority("https://provider.example", [client], clock), client, clock


def begin(a, client):
    reply = a.device_authorization({"client_id": "c", "scope": "x"}, client)
    a.device_replied({}, reply.body)
    code = next(code for code, d in a.devices.items())
    return {"grant_type": DEVICE_GRANT, "device_code": code}


def refused(function, *arguments):
    try:
        function(*arguments)
    except OAuthError as error:
        return str(error)
    return "granted"


@behaviour("metadata is found where RFC 8414 and OpenID say, also for an issuer with a path")
def _():
    with provider("--path", "/tenant/a") as p:
        client = p.client()
        first = client.get("/.well-known/oauth-authorization-server/tenant/a").json
        second = client.get("/tenant/a/.well-known/openid-configuration").json
        equal(first["issuer"], p.issuer)
        equal(second, first)
        equal(client.get("/.well-known/openid-configuration").status, 404)


@behaviour("a code approved on the page brings a token that introspection calls active")
def _():
    with provider() as p:
        client = p.client()
        p.configure(strict=False)
        device = start(client, p.info)
        equal(poll(client, p.info, device).json["error"], "authorization_pending")
        page = client.get("/device?user_code=" + device["user_code"]).body.decode()
        true(f'value="{device["user_code"]}"' in page, "the page holds the code")
        done = client.post("/device", {"user_code": device["user_code"].lower().replace("-", ""),
                                       "action": "allow"})
        equal(done.status, 200)
        token = poll(client, p.info, device).json
        true(active(p, client, token["access_token"]), "active")
        bearer = {"Authorization": "Bearer " + token["access_token"]}
        equal(client.get("/userinfo", bearer).json["sub"], "alice")


@behaviour("a code denied on the page ends in access_denied, an unknown code in a note")
def _():
    with provider() as p:
        client = p.client()
        p.configure(strict=False)
        device = start(client, p.info)
        equal(client.post("/device", {"user_code": "AAAA-AAAA", "action": "allow"}).status, 400)
        client.post("/device", {"user_code": device["user_code"], "action": "deny"})
        equal(poll(client, p.info, device).json["error"], "access_denied")


@behaviour("a poll one instant before the interval is too early, at the interval it is not")
def _():
    a, client, clock = authority()
    form = begin(a, client)
    clock.now += 4.999
    true(a.too_early(form), "early at 4.999 s")
    clock.now = 1005.0
    true(not a.too_early(form), "in time at 5 s")
    equal(len(a.violations), 1)


@behaviour("the interval counts from the previous reply, and slow_down adds 5 seconds to it")
def _():
    a, client, clock = authority()
    form = begin(a, client)
    clock.now = 1007.0
    a.device_replied(form, b"")
    clock.now = 1011.0
    true(a.too_early(form), "4 s after the reply")
    a.slow_down(form)
    clock.now = 1016.5
    true(a.too_early(form), "9.5 s after the reply, interval 10 s")
    clock.now = 1017.0
    true(not a.too_early(form), "10 s after the reply")


@behaviour("a client is held to the interval it was told: absent is 5, text and fractions count")
def _():
    for told, wanted in (({"drop": ["interval"]}, 5.0), ({"set": {"interval": "7"}}, 7.0),
                         ({"set": {"interval": 5.5}}, 5.5), ({"set": {"interval": 0}}, 0.0),
                         ({"set": {"interval": -1}}, 0.0)):
        a, client, _ = authority()
        a.settings.device_answer = told
        equal(a.devices[begin(a, client)["device_code"]].interval, wanted, str(told))


@behaviour("an expired code says expired_token and a used one invalid_grant")
def _():
    a, client, clock = authority()
    form = begin(a, client)
    clock.now += 600
    equal(refused(a.token, form, client), "expired_token")
    a, client, clock = authority()
    form = begin(a, client)
    true(a.decide(next(iter(a.devices.values())).user_code, "approved", "bob"), "found")
    equal(refused(a.token, form, client), "granted")
    equal(refused(a.token, form, client), "invalid_grant")


@behaviour("an access token is inactive once its lifetime is over")
def _():
    a, client, clock = authority()
    form = begin(a, client)
    a.decide(next(iter(a.devices.values())).user_code, "approved", "bob")
    a.token(form, client)
    token = next(iter(a.access_tokens))
    clock.now += 599
    equal(a.introspect({"token": token}, client).body[:15], b'{"active": true')
    clock.now += 1
    equal(a.introspect({"token": token}, client).body, b'{"active": false}')


@behaviour("a wrong code_verifier is refused, the right one is not")
def _():
    with provider() as p:
        client = p.client()
        p.configure(strict=False, pkce_required=True)
        equal(start(client, p.info)["error"], "invalid_request")
        verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
        device = start(client, p.info, code_challenge_method="S256",
                       code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        p.control("approve", user_code=device["user_code"])
        equal(poll(client, p.info, device, code_verifier="x" * 43).json["error"], "invalid_grant")
        equal(poll(client, p.info, device, code_verifier=verifier).status, 200)


@behaviour("client authentication by Basic, by body, and none for a public client; else 401")
def _():
    with provider() as p:
        client = p.client()
        form = {"client_id": p.info["client_id"]}
        secret = {"client_secret": p.info["client_secret"]}
        equal(client.post("/device_authorization", form, basic(p.info)).status, 200)
        equal(client.post("/device_authorization", {**form, **secret}).status, 200)
        public = {"client_id": p.info["public_client_id"]}
        equal(client.post("/device_authorization", public).status, 200)
        equal(client.post("/device_authorization", form).status, 401)
        wrong = {**form, "client_secret": "x"}
        equal(client.post("/device_authorization", wrong).json["error"], "invalid_client")
        equal(client.post("/device_authorization", {"client_id": "nobody"}).status, 401)
        both = client.post("/device_authorization", {**form, **secret}, basic(p.info))
        equal(both.json["error"], "invalid_request")


@behaviour("rotation gives a new refresh token each time; using an old one kills the family")
def _():
    with provider() as p:
        client = p.client()
        first = granted(p, client)
        second = refresh(client, p.info, first).json
        true(second["refresh_token"] != first["refresh_token"], "rotated")
        true(active(p, client, second["access_token"]), "active")
        equal(refresh(client, p.info, first).json["error"], "invalid_grant")
        equal(refresh(client, p.info, second).json["error"], "invalid_grant")
        true(not active(p, client, second["access_token"]), "the family is dead")
        equal([v["what"] for v in p.control("log")["violations"]],
              ["a refresh token that was rotated away was sent again"])


@behaviour("without rotation the refresh token stays")
def _():
    with provider() as p:
        client = p.client()
        p.configure(rotate=False)
        first = granted(p, client)
        equal(refresh(client, p.info, first).json["refresh_token"], first["refresh_token"])


@behaviour("revoking a refresh token ends the access tokens too")
def _():
    with provider() as p:
        client = p.client()
        token = granted(p, client)
        answer = client.post("/revoke", {"token": token["refresh_token"]}, basic(p.info))
        equal((answer.status, answer.body), (200, b""))
        true(not active(p, client, token["access_token"]), "inactive")


@behaviour("status, headers and body are as ordered, so many times")
def _():
    with provider() as p:
        client = p.client()
        token = granted(p, client)
        p.order("token", {"status": 429, "headers": {"Retry-After": "7"}, "body": "<html>",
                          "times": 2})
        for _ in range(2):
            answer = refresh(client, p.info, token)
            equal((answer.status, answer.headers["Retry-After"], answer.body),
                  (429, "7", b"<html>"))
        equal(refresh(client, p.info, token).status, 200)


@behaviour("pending, slow_down, expired_token, access_denied and invalid_grant come as ordered")
def _():
    with provider() as p:
        client = p.client()
        p.configure(strict=False)
        device = start(client, p.info)
        errors = ["authorization_pending", "slow_down", "expired_token", "access_denied",
                  "invalid_grant"]
        p.order("token", *({"error": error} for error in errors))
        p.control("approve", user_code=device["user_code"])
        equal([poll(client, p.info, device).json["error"] for _ in errors], errors)
        equal(poll(client, p.info, device).status, 200)


@behaviour("members of an answer are replaced, added and left out")
def _():
    with provider() as p:
        client = p.client()
        p.configure(device_answer={"set": {"interval": 5.5}, "drop": ["expires_in"]},
                    token_answer={"set": {"expires_in": "60", "instance_url": "https://x"},
                                  "drop": ["refresh_token", "scope"]})
        device = start(client, p.info)
        equal(device["interval"], 5.5)
        true("expires_in" not in device, "expires_in left out")
        token = granted(p, client)
        equal((token["expires_in"], token["instance_url"]), ("60", "https://x"))
        true("refresh_token" not in token and "scope" not in token, "left out")


def broken(function, *arguments):
    """What a client sees of a reply that does not come whole."""
    try:
        function(*arguments)
    except TimeoutError:
        return "silence"
    except (OSError, http.client.HTTPException):
        return "closed"
    return "answer"


def end_of_tcp(p, request):
    """Send a request and see how TCP ends: TLS between us and the socket would hide a reset."""
    context = ssl.create_default_context(cafile=p.ca_file)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", p.info["port"]), timeout=30) as raw:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
        tls.write(request)
        raw.sendall(outgoing.read())
        try:
            while raw.recv(65536):
                pass
        except ConnectionResetError:
            return "reset"
    return "closed"


@behaviour("a reset comes before or after the body is read, without the work being done")
def _():
    with provider() as p:
        client = p.client()
        token = granted(p, client)
        body = urllib.parse.urlencode({"grant_type": "refresh_token",
                                       "refresh_token": token["refresh_token"]})
        head = ("POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Authorization: {basic(p.info)['Authorization']}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        for fault, end in (({"reset": "before"}, "reset"), ({"reset": "after"}, "reset"),
                           ({"close": True}, "closed")):
            p.order("token", fault)
            equal(end_of_tcp(p, (head + body).encode()), end, str(fault))
        equal(p.control("state")["grants"][0]["generation"], 1)
        seen = p.arrivals("token")[-3:]
        equal([a["outcome"] for a in seen], ["reset", "reset", "closed"])
        equal([bool(a["params"]) for a in seen], [False, True, True])
        equal(refresh(client, p.info, token).status, 200)


@behaviour("a connection that is used again is closed without an answer, a new one is served")
def _():
    with provider() as p:
        client = p.client()
        token = granted(p, client)
        p.order("token", {"close": True, "only_reused": True})
        token = refresh(p.client(), p.info, token).json
        equal(broken(refresh, client, p.info, token), "closed")
        equal(p.control("state")["grants"][0]["generation"], 2)
        equal(refresh(client, p.info, token).status, 200)


@behaviour("a lost reply: the token is rotated and the answer dropped")
def _():
    with provider() as p:
        client = p.client()
        token = granted(p, client)
        p.order("token", {"process": True, "close": True})
        equal(broken(refresh, client, p.info, token), "closed")
        equal(p.control("state")["grants"][0]["generation"], 2)


@behaviour("a reply is held until the test lets go")
def _():
    with provider() as p:
        client = p.client(timeout=0.2)
        token = granted(p, client)
        p.order("token", {"delay_s": 60})
        equal(broken(refresh, client, p.info, token), "silence")
        equal(p.arrivals("token")[-1]["outcome"], None)
        p.control("release")
        true(p.wait_arrivals("token", 2, answered=True), "answered after the release")


@behaviour("a body stops in the middle")
def _():
    with provider() as p:
        client = p.client(timeout=0.2)
        token = granted(p, client)
        p.order("token", {"stall_after": 10})
        equal(broken(refresh, client, p.info, token), "silence")
        equal(p.arrivals("token")[-1]["outcome"], "stalled")


@behaviour("a body is as large as ordered")
def _():
    with provider() as p:
        client = p.client()
        p.order("oauth-authorization-server", {"body_size": 5_000_000})
        true(len(client.get("/.well-known/oauth-authorization-server").body) > 5_000_000, "large")


@behaviour("the log tells parameters and reused connections, and of secrets only a digest")
def _():
    with provider() as p:
        client = p.client()
        device = start(client, p.info)
        poll(client, p.info, device)
        log = p.control("log")
        equal(log["counts"], {"device_authorization": 1, "token": 1})
        first, second = log["arrivals"]
        equal(first["params"]["scope"], "read write")
        equal(first["authorization"], "basic")
        equal((second["nth"], second["connection"]), (1, first["connection"]))
        equal(second["params"]["device_code"], digest(device["device_code"]))
        true(second["early"], "the second came at once")
        true(device["device_code"] not in str(log), "no secret in the log")
        equal(p.control("secrets")[device["device_code"]], "device_code")


@behaviour("chunked bodies are read (RFC 9112 section 7.1)")
def _():
    with provider() as p:
        client = p.client()
        form = "client_id=" + p.info["public_client_id"]
        answer = client.send("POST", "/device_authorization", iter([form[:5].encode(),
                                                                    form[5:].encode()]),
                             {"Content-Type": "application/x-www-form-urlencoded"})
        equal(answer.status, 200)


@behaviour("nonsense instead of HTTP or TLS ends that connection only")
def _():
    with provider() as p:
        with socket.create_connection(("127.0.0.1", p.info["port"])) as raw:
            raw.sendall(b"\0" * 100)
        context = ssl.create_default_context(cafile=p.ca_file)
        with socket.create_connection(("127.0.0.1", p.info["port"])) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                tls.sendall(b"what is this\r\n\r\n")
                equal(tls.recv(1), b"")
        equal(p.client().get("/device").status, 200)


@behaviour("control answers an unknown verb, endpoint or fault with an error")
def _():
    with provider() as p:
        client = p.client()
        equal(client.get("/control/nothing").status, 404)
        for verb, arguments in (("faults", {"endpoint": "x", "faults": []}),
                                ("faults", {"endpoint": "token", "faults": [{"colour": 1}]}),
                                ("configure", {"colour": 1})):
            try:
                p.control(verb, **arguments)
            except ValueError:
                continue
            raise AssertionError(f"{verb} {arguments} was accepted")
        equal(client.post("/control/deny", {"user_code": "x"}).status, 400)


@behaviour("the provider ends when stdin closes, and after --max-seconds")
def _():
    p = provider()
    equal(p.end(), 0)
    p = provider("--max-seconds", "0.1")
    equal(p.process.wait(timeout=30), 3)
    p.end()


@behaviour("the provider dies with its parent")
def _():
    script = ("import subprocess, sys\n"
              "p = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=3,"
              " stdout=subprocess.PIPE)\n"
              "p.stdout.readline()\n"
              "print(p.pid, flush=True)\n")
    reader, writer = os.pipe()  # stdin of the provider stays open
    command = [sys.executable, "-c", f"import os; os.dup2({reader}, 3)\n{script}",
               os.path.join(HERE, "provider"), "--dir", DIRECTORY.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[reader]) as parent:
        pid = int(parent.stdout.readline())
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return

    gone = select.poll()
    gone.register(handle, select.POLLIN)
    true(gone.poll(10_000), "gone within 10 s")
    os.close(handle)
    os.close(reader)
    os.close(writer)


if __name__ == "__main__":
    with DIRECTORY:
        sys.exit(run())
