#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""An HTTPS server that misbehaves by path, for test-http.c.

It makes a throw-away CA, listens on 127.0.0.1 on ports the kernel picks, prints what a client
needs as "name value" lines, then "ready", and stops when its standard input ends.

Paths (a request is counted under its whole target, query included):
  /ok                  {"ok": true}
  /echo                method, headers, body, number of the connection and of the request on it
  /status/NNN          that status, with an OAuth error as the body
  /length/N            N bytes, with Content-Length; /chunks/N without
  /bomb                1 MiB of zeros in a gzip transfer coding
  /kept                a header X-Kept
  /headers             repeated and dirty headers, trailers
  /interim             a reply after one that was interim
  /many-headers, /long-header    100 KiB of them
  /redirect            302 to /ok
  /garbage             not HTTP
  /silent, /stall      no reply; half a reply
  /reset, /close       the connection is reset; closed without a reply
  /cut, /short         the body ends early: chunked; with Content-Length
  /close-if-reused     replies on a new connection, closes a reused one without a reply
  /hold/KEY            replies after /release/KEY
  /held/KEY/N          waits until N are held and tells how many
  /count?TARGET        how many requests for TARGET were read, body and all
  /connections         how many TLS connections there were
  /proxy-log           the heads of the CONNECT requests the proxy read
"""

import collections
import gzip
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import warnings

PORTS = 9
PATIENCE_S = 60  # a client that hangs ends the thread that serves it


class State:
    def __init__(self):
        self.changed = threading.Condition()
        self.arrivals = collections.Counter()
        self.connections = 0
        self.held = collections.Counter()
        self.released = set()
        self.proxied = []


STATE = State()


class Peer:
    """One TLS connection."""

    def __init__(self, sock):
        self.sock = sock
        self.input = sock.makefile("rb")
        self.served = 0
        with STATE.changed:
            STATE.connections += 1
            self.number = STATE.connections

    def read_request(self):
        line = self.input.readline().decode("latin-1").split()
        if len(line) != 3:
            return None
        headers = {}
        while (field := self.input.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self.input.read(int(headers.get("content-length", 0)))
        if len(body) != int(headers.get("content-length", 0)):
            return None
        self.served += 1
        with STATE.changed:
            STATE.arrivals[line[1]] += 1
        return {"method": line[0], "target": line[1], "headers": headers, "body": body.decode()}

    def send(self, text):
        self.sock.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def reply(self, value, status="200 OK", more=""):
        body = value if isinstance(value, str) else json.dumps(value)
        self.send(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}"
                  f"Content-Length: {len(body)}\r\n\r\n{body}")
        return True

    def end_tls(self):
        """Close in the way that says nothing is missing."""
        self.sock.settimeout(PATIENCE_S)
        self.sock.unwrap()


def echo(peer, request, _):
    return peer.reply(dict(request, connection=peer.number, nth=peer.served))


def status(peer, _, rest):
    return peer.reply({"error": "invalid_grant"}, f"{rest[0]} Whatever")


def kept(peer, _request, _):
    return peer.reply({}, more="x-KEPT:  a value \r\n")


def length(peer, _, rest):
    return peer.reply("x" * int(rest[0]))


def chunks(peer, _request, rest):
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(int(rest[0]) // 1000):
        peer.send("3e8\r\n" + "x" * 1000 + "\r\n")
    peer.send("0\r\n\r\n")
    return True


def bomb(peer, _request, _):
    data = gzip.compress(bytes(1024 * 1024))
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")
    peer.send(f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n")
    return True


def headers(peer, _request, _):
    peer.send("HTTP/1.1 503 Later\r\nContent-Type: Application/JSON ; charset=UTF-8\r\n"
              "retry-after: 1\r\nRETRY-AFTER:  \t120  \r\nX-Retry-After: 5\r\n"
              f"Cache-Control: no-store, \x1b[31m{'y' * 200}\r\n"
              "Trailer: Cache-Control\r\nTransfer-Encoding: chunked\r\n\r\n"
              "2\r\n{}\r\n0\r\nCache-Control: public\r\n\r\n")
    return True


def interim(peer, _request, _):
    peer.send("HTTP/1.1 103 Early Hints\r\nContent-Type: text/plain\r\nRetry-After: 9\r\n"
              "Cache-Control: private\r\n\r\n")
    return peer.reply({})


def many_headers(peer, _request, _):
    peer.send("HTTP/1.1 200 OK\r\n" + f"X-Filler: {'z' * 1000}\r\n" * 100 +
              "Content-Length: 2\r\n\r\n{}")
    return True


def long_header(peer, _request, _):
    peer.send(f"HTTP/1.1 200 OK\r\nX-Filler: {'z' * 102400}\r\nContent-Length: 2\r\n\r\n{{}}")
    return True


def garbage(peer, _request, _):
    peer.send("220 mail.example ESMTP\r\nfoo\r\n\r\n")
    return False


def silent(peer, _request, _):
    peer.input.read(1)  # until the client gives up
    return False


def stall(peer, request, rest):
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":")
    return silent(peer, request, rest)


def reset(peer, _request, _):
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def cut(peer, _request, _):
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"half\":")
    peer.end_tls()
    return False


def short(peer, _request, _):
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":")
    peer.end_tls()
    return False


def close(_peer, _request, _):
    return False


def close_if_reused(peer, request, rest):
    return echo(peer, request, rest) if peer.served == 1 else False


def hold(peer, _, rest):
    key = rest[0]
    with STATE.changed:
        STATE.held[key] += 1
        STATE.changed.notify_all()
        STATE.changed.wait_for(lambda: key in STATE.released, PATIENCE_S)
        STATE.held[key] -= 1
    return peer.reply({})


def held(peer, _, rest):
    key, wanted = rest[0], int(rest[1])
    with STATE.changed:
        STATE.changed.wait_for(lambda: STATE.held[key] >= wanted, PATIENCE_S)
        number = STATE.held[key]
    return peer.reply(str(number))


def release(peer, _, rest):
    with STATE.changed:
        STATE.released.add(rest[0])
        STATE.changed.notify_all()
    return peer.reply("0")


def count(peer, request, _):
    with STATE.changed:
        number = STATE.arrivals[request["target"].partition("?")[2]]
    return peer.reply(str(number))


def connections(peer, _request, _):
    with STATE.changed:
        number = STATE.connections
    return peer.reply(str(number))


def proxy_log(peer, _request, _):
    with STATE.changed:
        heads = list(STATE.proxied)
    return peer.reply(heads)


BEHAVIOURS = {
    "ok": lambda peer, request, rest: peer.reply({"ok": True}),
    "redirect": lambda peer, request, rest: peer.reply({}, "302 Found", "Location: /ok\r\n"),
    "echo": echo, "status": status, "length": length, "kept": kept, "chunks": chunks, "bomb": bomb,
    "headers": headers, "interim": interim, "many-headers": many_headers,
    "long-header": long_header, "garbage": garbage, "silent": silent, "stall": stall,
    "reset": reset, "close": close, "cut": cut, "short": short,
    "close-if-reused": close_if_reused, "hold": hold, "held": held, "release": release,
    "count": count, "connections": connections, "proxy-log": proxy_log,
}


def serve_tls(raw, context):
    try:
        with context.wrap_socket(raw, server_side=True) as sock:
            peer = Peer(sock)
            while request := peer.read_request():
                parts = request["target"].partition("?")[0].split("/")
                if not BEHAVIOURS[parts[1]](peer, request, parts[2:]):
                    peer.input.close()
                    return
    except OSError:
        pass  # a client that goes away is what many tests are about


def serve_broken(raw, _):
    raw.close()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve_proxy(raw, _):
    head = b""
    while b"\r\n\r\n" not in head:
        data = raw.recv(4096)
        if not data:
            return
        head += data
    with STATE.changed:
        STATE.proxied.append(head.decode("latin-1"))
    host, _, port = head.split()[1].decode().rpartition(":")
    if host == "refused.test":
        raw.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        raw.close()
        return
    with raw, socket.create_connection(("127.0.0.1", int(port))) as far:
        raw.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        back = threading.Thread(target=pump, args=(far, raw), daemon=True)
        back.start()
        pump(raw, far)
        back.join()


def bound():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def listen(serve, context=None):
    sock = bound()
    sock.listen(128)

    def accept():
        while True:
            raw, _ = sock.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(raw, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return sock.getsockname()[1]


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def make_ca(directory, name):
    openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN=grantd test {name}",
            "-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.pem")


def make_certificates(directory):
    make_ca(directory, "ca")
    make_ca(directory, "stranger")
    with open(f"{directory}/extensions", "w", encoding="ascii") as extensions:
        extensions.write("subjectAltName = IP:127.0.0.1, DNS:idp.test, DNS:refused.test\n")
    openssl("req", "-new", *NEW_KEY, "-subj", "/CN=idp.test",
            "-keyout", f"{directory}/server.key", "-out", f"{directory}/server.csr")
    openssl("x509", "-req", "-in", f"{directory}/server.csr", "-days", "2", "-CA",
            f"{directory}/ca.pem", "-CAkey", f"{directory}/ca.key", "-CAcreateserial",
            "-extfile", f"{directory}/extensions", "-out", f"{directory}/server.pem")


def server_context(directory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/server.pem", f"{directory}/server.key")
    context.set_alpn_protocols(["http/1.1"])
    return context


def old_context(directory):
    context = server_context(directory)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end of input stops us, tidily
    directory = tempfile.mkdtemp(prefix="grantd-test-")
    try:
        make_certificates(directory)
        context = server_context(directory)
        for number in range(PORTS):
            print(f"port{number}", listen(serve_tls, context))
        mute, refused = bound(), bound()
        mute.listen(1)  # connections are made by the kernel, and nobody reads them
        print("mute", mute.getsockname()[1])
        print("refused", refused.getsockname()[1])
        print("broken", listen(serve_broken))
        print("old", listen(serve_tls, old_context(directory)))
        print("proxy", listen(serve_proxy))
        print("directory", directory)
        print("ready", flush=True)
        while os.read(0, 4096):
            pass
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
