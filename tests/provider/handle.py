# SPDX-License-Identifier: BSD-2-Clause
"""Start the provider and talk to its control API: for tests and the demo."""

import base64
import http.client
import json
import os
import ssl
import subprocess
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))


def basic(info):
    """The header by which the client of info (client_id, client_secret) proves itself."""
    pair = ":".join(urllib.parse.quote_plus(info[k]) for k in ("client_id", "client_secret"))
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Requests to one server on one connection that is kept, as a browser or a client would."""

    def __init__(self, issuer, ca_file, timeout=30):
        parts = urllib.parse.urlsplit(issuer)
        self.path = parts.path
        context = ssl.create_default_context(cafile=ca_file)
        self.connection = http.client.HTTPSConnection(parts.hostname, parts.port,
                                                      context=context, timeout=timeout)

    def send(self, method, path, body=None, headers=None):
        """One request, sent once. An exception closes the connection."""
        try:
            self.connection.request(method, path, body, headers or {})
            return Answer(self.connection.getresponse())
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise

    def get(self, path, headers=None):
        return self.send("GET", path, None, headers)

    def post(self, path, form, headers=None):
        content = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urllib.parse.urlencode(form),
                         {**content, **(headers or {})})

    def close(self):
        self.connection.close()


class Provider:
    """A running provider; use it in a with statement."""

    def __init__(self, directory, *options):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "provider"), "--dir", directory, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True)  # Ctrl-C is for whoever started it
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the provider did not start: exit {self.process.wait()}")
        self.info = json.loads(line)
        self.issuer = self.info["issuer"]
        self.ca_file = self.info["ca_file"]

    def client(self, timeout=30):
        return Client(self.issuer, self.ca_file, timeout)

    def control(self, verb, **arguments):
        """One verb of the control API (control.py)."""
        client = Client(self.info["control"], self.ca_file, 150)
        try:
            answer = client.send("POST", f"/control/{verb}", json.dumps(arguments),
                                 {"Content-Type": "application/json"})
        finally:
            client.close()
        if answer.status != 200:
            raise ValueError(f"{verb}: {answer.json['error']}")
        return answer.json

    def configure(self, **settings):
        return self.control("configure", **settings)

    def order(self, endpoint, *faults):
        return self.control("faults", endpoint=endpoint, faults=list(faults))

    def arrivals(self, endpoint=None, grant_type=None):
        return [a for a in self.control("log")["arrivals"]
                if endpoint in (None, a["endpoint"])
                and grant_type in (None, a["params"].get("grant_type"))]

    def wait_arrivals(self, endpoint, count, timeout_s=30, **what):
        answer = self.control("wait", endpoint=endpoint, count=count, timeout_s=timeout_s, **what)
        return answer["reached"]

    def end(self):
        self.process.stdin.close()
        code = self.process.wait()
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
