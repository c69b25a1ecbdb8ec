# SPDX-License-Identifier: BSD-2-Clause
"""As much of HTTP/1.1 (RFC 9112) over TLS as a provider needs, with the means to misbehave."""

import socket
import ssl
import struct
from dataclasses import dataclass

HEADER_LINE_MAX = 64 * 1024
HEADERS_MAX = 100
BODY_MAX = 12 * 1024 * 1024  # a bulk import has up to 10 MB
IDLE_SECONDS = 120
REASONS = {200: "OK", 302: "Found", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized",
           404: "Not Found", 405: "Method Not Allowed", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}


class Gone(Exception):
    """The client has closed, or what it said is no HTTP."""


@dataclass
class Request:
    method: str
    target: str
    headers: dict  # names in lower case
    body: bytes = b""


class Connection:
    """One TLS connection of a client."""

    def __init__(self, sock, context):
        sock.settimeout(IDLE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.tls = context.wrap_socket(sock, server_side=True)
        except OSError as error:
            raise Gone from error
        self.file = self.tls.makefile("rb")

    def _line(self):
        try:
            line = self.file.readline(HEADER_LINE_MAX)
        except OSError as error:
            raise Gone from error
        if not line.endswith(b"\n"):
            raise Gone
        return line.rstrip(b"\r\n").decode("latin-1")

    def _exactly(self, size):
        try:
            data = self.file.read(size)
        except OSError as error:
            raise Gone from error
        if len(data) != size:
            raise Gone
        return data

    def read_head(self):
        """The next request without its body."""
        words = self._line().split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise Gone
        headers = {}
        for _ in range(HEADERS_MAX):
            line = self._line()
            if not line:
                return Request(words[0], words[1], headers)
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        raise Gone

    def read_body(self, request):
        if request.headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.headers.get("transfer-encoding", "").lower() == "chunked":
            request.body = self._chunks()
            return
        size = int(request.headers.get("content-length", "0"))
        if size > BODY_MAX:
            raise Gone
        request.body = self._exactly(size)

    def _chunks(self):
        body = b""
        while True:
            size = int(self._line().partition(";")[0], 16)
            if len(body) + size > BODY_MAX:
                raise Gone
            body += self._exactly(size)
            self._line()
            if size == 0:
                return body

    def send(self, data):
        try:
            self.tls.sendall(data)
        except OSError as error:
            raise Gone from error

    def send_reply(self, reply, body_limit=-1):
        """Send it, or only so many bytes of the body with the length of the whole."""
        lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Other')}",
                 f"Content-Length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        head = "\r\n".join(lines) + "\r\n\r\n"
        body = reply.body if body_limit < 0 else reply.body[:body_limit]
        self.send(head.encode("latin-1") + body)

    def reset(self):
        """End with a TCP reset."""
        self.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close(notify=False)

    def close(self, notify=True):
        """End in order: TLS close_notify, then FIN."""
        self.file.close()
        if notify:
            try:
                self.tls.settimeout(0)  # do not wait for the other side's close_notify
                self.tls.unwrap()
            except (OSError, ssl.SSLError, ValueError):
                pass
        self.tls.close()
