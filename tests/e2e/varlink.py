# SPDX-License-Identifier: BSD-2-Clause
"""A Varlink client (varlink.org): JSON objects over a Unix socket, each ended by one NUL."""

import json
import socket


class VarlinkError(Exception):
    def __init__(self, error, parameters):
        super().__init__(f"{error} {parameters}")
        self.error = error
        self.parameters = parameters


class Varlink:
    """One connection to a service."""

    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.rest = b""

    def send(self, method, parameters=None, **flags):
        call = {"method": method, **flags}
        if parameters is not None:
            call["parameters"] = parameters
        self.socket.sendall(json.dumps(call).encode() + b"\0")

    def receive(self):
        """The parameters of the next reply."""
        while b"\0" not in self.rest:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the service closed the connection")
            self.rest += data
        frame, _, self.rest = self.rest.partition(b"\0")
        reply = json.loads(frame)
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters", {}))
        return reply.get("parameters", {})

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
