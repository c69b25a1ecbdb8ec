# SPDX-License-Identifier: BSD-2-Clause
"""A second real authorization server for the end-to-end tests: glewlwyd, as Debian has it. It is
unpacked rather than installed, since its package would start a service for everybody."""

import base64
import fcntl
import http.cookiejar
import json
import os
import random
import secrets
import shutil
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from tap import Skip, equal
from tls import make_certificates

REDIRECT_URI = "http://localhost:1717/callback"
START_S = 30
SCHEMA = "usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"

CONFIGURATION = """\
port={port}
bind_address="127.0.0.1"
external_url="{url}"
login_url="login.html"
api_prefix="api"
cookie_secure=1
log_mode="console"
log_level="INFO"
session_expiration=600
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{modules}/user"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
use_secure_connection=true
secure_connection_key_file="{key}"
secure_connection_pem_file="{certificate}"
hash_algorithm="SHA512"
database={{ type="sqlite3"; path="{database}"; }};
"""


def install():
    """Unpack Debian's package (once per directory) and return its root. GRANTD_TEST_GLEWLWYD
    names a directory to share between builds."""
    directory = os.path.abspath(os.environ.get("GRANTD_TEST_GLEWLWYD", "glewlwyd.package"))
    root = os.path.join(directory, "root")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run at the same time
        if not os.path.exists(root):
            fetch(directory, root)
    return root


def fetch(directory, root):
    if shutil.which("apt-get") is None:
        raise Skip("glewlwyd comes from Debian's archive, and there is no apt-get here")
    for entry in os.listdir(directory):
        if entry.endswith(".deb"):
            os.unlink(os.path.join(directory, entry))
    done = subprocess.run(["apt-get", "-qq", "download", "glewlwyd"], cwd=directory,
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    found = [entry for entry in os.listdir(directory) if entry.endswith(".deb")]
    if done.returncode != 0 or len(found) != 1:
        raise RuntimeError(f"apt-get download glewlwyd failed: {done.stderr[-2000:]}")
    part = root + ".part"
    shutil.rmtree(part, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", os.path.join(directory, found[0]), part], check=True)
    os.rename(part, root)


def free_port():
    """It can't be told to let the kernel pick: so a port that the kernel gives to nobody by itself,
    lest another test has it before glewlwyd does."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        first = int(f.read().split()[0])
    while True:
        port = random.randrange(10000, max(first, 20000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def openssl(*arguments, key=None):
    return subprocess.run(["openssl", *arguments], input=key, capture_output=True, text=True,
                          check=True).stdout


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Where a redirect leads to is what the tests look at."""

    def redirect_request(self, *_):
        return None


class Session:
    """Somebody who is logged in: cookies, and JSON both ways."""

    def __init__(self, server, username, password):
        self.server = server
        self.opener = urllib.request.build_opener(
            NoRedirect(), urllib.request.HTTPSHandler(context=server.context),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        equal(self.call("POST", "/api/auth/", {"username": username, "password": password})[0],
              200, f"login of {username}")

    def call(self, method, path, body=None):
        """Returns (status, text, Location)."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if data is not None else {}
        request = urllib.request.Request(urllib.parse.urljoin(self.server.url, path), data, headers,
                                         method=method)
        try:
            with self.opener.open(request, timeout=30) as reply:
                return reply.status, reply.read().decode(), None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers.get("Location")

    def set(self, method, path, body):
        equal(self.call(method, path, body)[:2], (200, ""), f"{method} {path}")


class Glewlwyd:
    """glewlwyd on 127.0.0.1 with one client for all flows; use it in a with statement."""

    client_id = "server-one"

    def __init__(self, home, **durations):
        root = install()
        self.ca_file, certificate, key = make_certificates(os.path.join(home, "tls"))
        self.context = ssl.create_default_context(cafile=self.ca_file)
        self.client_secret = secrets.token_urlsafe(24) + "+/:%&="
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        self.issuer = self.url + "/api/oidc"
        configuration = os.path.join(home, "glewlwyd.conf")
        database = os.path.join(home, "glewlwyd.db")
        self._fill(root, database)
        with open(configuration, "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(
                port=port, url=self.url, key=key, certificate=certificate, database=database,
                modules=os.path.join(root, "usr/lib/glewlwyd")))
        self._start([os.path.join(root, "usr/bin/glewlwyd"), "-c", configuration])
        self._set_up(durations)

    @staticmethod
    def _fill(root, database):
        with open(os.path.join(root, SCHEMA), encoding="utf-8") as f:
            connection = sqlite3.connect(database)
            connection.executescript(f.read())
            connection.close()

    def _start(self, command):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdout=subprocess.PIPE, text=True,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "Glewlwyd started on port" in line:
                break
        else:
            raise RuntimeError(f"glewlwyd did not start: {''.join(said)[-2000:]}")
        # A pipe that nobody reads would make it wait.
        self.reader = threading.Thread(target=self.process.stdout.read, daemon=True)
        self.reader.start()
        self._wait_for_socket()

    def _wait_for_socket(self):
        """It says that it has started a moment before it listens, and nothing tells when."""
        address = ("127.0.0.1", urllib.parse.urlsplit(self.url).port)
        deadline = time.monotonic() + START_S
        pause = threading.Event()
        while True:
            try:
                socket.create_connection(address).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                pause.wait(0.01)

    def _set_up(self, durations):
        admin = Session(self, "admin", "password")
        key = openssl("genrsa", "2048")
        admin.set("POST", "/api/mod/plugin/", {
            "module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
                "iss": self.issuer, "jwt-type": "rsa", "jwt-key-size": "256", "key": key,
                "cert": openssl("rsa", "-pubout", key=key), "jwks-show": True,
                "access-token-duration": 600, "refresh-token-duration": 86400,
                "code-duration": 60, "refresh-token-rolling": True,
                "refresh-token-one-use": "always", "allow-non-oidc": True,
                "auth-type-code-enabled": True, "auth-type-code-revoke-replayed": True,
                "auth-type-client-enabled": True, "auth-type-refresh-enabled": True,
                "auth-type-device-enabled": True, "device-authorization-expiration": 600,
                "device-authorization-interval": 1, "introspection-revocation-allowed": True,
                "introspection-revocation-allow-target-client": True, "pkce-allowed": True,
                "oauth-as-iss-id": True, "subject-type": "public", **durations}})
        admin.set("POST", "/api/scope/", {
            "name": "api", "display_name": "api", "password_required": True, "scheme": {}})
        for name in ("alice", "mallory"):
            admin.set("POST", "/api/user/", {
                "username": name, "password": "password", "scope": ["api", "openid"],
                "enabled": True, "name": name, "email": f"{name}@example.com"})
        admin.set("POST", "/api/client/", {
            "client_id": self.client_id, "name": "a server", "confidential": True,
            "enabled": True, "client_secret": self.client_secret, "password": self.client_secret,
            "redirect_uri": [REDIRECT_URI], "scope": ["api"],
            "token_endpoint_auth_method": ["client_secret_basic"],
            "authorization_type": ["code", "refresh_token", "device_authorization",
                                   "client_credentials"]})

    def connection(self, secret_path, **more):
        return {"issuer": self.issuer, "client_id": self.client_id, "scopes": ["openid", "api"],
                "client_secret": {"file": secret_path}, "client_auth": "client_secret_basic_raw",
                "ca_file": self.ca_file, **more}

    def log_in(self, username="alice", scopes="openid api"):
        """The operator, logged in and willing to let the client have these scopes."""
        person = Session(self, username, "password")
        person.set("PUT", f"/api/auth/grant/{self.client_id}", {"scope": scopes})
        return person

    def approve(self, user_code, **who):
        query = urllib.parse.urlencode({"g_continue": "", "code": user_code})
        status, _, location = self.log_in(**who).call("GET", f"/api/oidc/device?{query}")
        equal((status, location.endswith("prompt=deviceComplete")), (302, True), location)

    def open(self, url, **who):
        """Open the authorization URL; returns where the browser ends."""
        status, text, location = self.log_in(**who).call("GET", url + "&g_continue")
        equal(status, 302, f"opened: {text}")
        return location

    def introspect(self, token):
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        request = urllib.request.Request(
            self.issuer + "/introspect", urllib.parse.urlencode({"token": token}).encode(),
            {"Authorization": f"Basic {basic}"})
        with urllib.request.urlopen(request, timeout=30, context=self.context) as reply:
            return json.loads(reply.read())["active"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
