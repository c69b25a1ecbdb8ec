# SPDX-License-Identifier: BSD-2-Clause
"""A real authorization server (oidc-provider of npm) for the end-to-end tests, and an operator
who walks through its pages as a browser would."""

import base64
import fcntl
import html.parser
import http.cookiejar
import json
import os
import platform
import re
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from lib import HERE
from tap import Skip, true
from tls import make_certificates

SOURCE = os.path.join(HERE, "oidc")
NODE_NEEDED = 22  # oidc-provider 9 says so at its start


def node_version(program):
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    return int(said.stdout.lstrip("v").partition(".")[0] or 0)


def bundled_node(directory):
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "none")
    return os.path.join(directory, "node_modules", f"node-linux-{machine}", "bin", "node")


def install():
    """Install the pinned versions (once per directory); returns (directory, node program).
    GRANTD_TEST_OIDC names a directory to share between builds."""
    directory = os.path.abspath(os.environ.get("GRANTD_TEST_OIDC", "oidc-provider.modules"))
    os.makedirs(directory, exist_ok=True)
    node = "node" if node_version("node") >= NODE_NEEDED else bundled_node(directory)
    with open(os.path.join(directory, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run at the same time
        if not is_installed(directory, node):
            fetch(directory, node)
        copy_in("server.mjs", directory)
    return directory, node


def copy_in(name, directory):
    """Without the mode: a released source tree may be read-only."""
    shutil.copyfile(os.path.join(SOURCE, name), os.path.join(directory, name))


def is_installed(directory, node):
    names = ("package.json", "package-lock.json")
    return node_version(node) >= NODE_NEEDED and all(
        os.path.exists(os.path.join(directory, "done", name))
        and open(os.path.join(directory, "done", name), "rb").read()
        == open(os.path.join(SOURCE, name), "rb").read() for name in names)


def fetch(directory, node):
    """npm ci of what package-lock.json says; the registry is whatever npm is configured to use."""
    if shutil.which("npm") is None:
        raise Skip("npm is not installed: run tests/setup")
    names = ("package.json", "package-lock.json")
    for name in names:
        copy_in(name, directory)
    options = [] if os.path.isabs(node) else ["--omit=optional"]
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options],
                          cwd=directory, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed: {done.stderr[-2000:]}")
    os.makedirs(os.path.join(directory, "done"), exist_ok=True)
    for name in names:
        copy_in(name, os.path.join(directory, "done"))


class Forms(html.parser.HTMLParser):
    """The forms of a page: where each goes, and what it is filled with."""

    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append((attributes.get("action", ""), {}))
        elif tag == "input" and self.forms and attributes.get("name"):
            self.forms[-1][1][attributes["name"]] = attributes.get("value") or ""


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects while they stay with a site; the address that leads away is kept."""

    def __init__(self):
        self.left = None

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urllib.parse.urlsplit(newurl).netloc == urllib.parse.urlsplit(req.full_url).netloc:
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        self.left = newurl
        return None


class Browser:
    """Cookies, redirects and forms."""

    def __init__(self, ca_file):
        context = ssl.create_default_context(cafile=ca_file)
        self.redirects = Redirects()
        self.opener = urllib.request.build_opener(
            self.redirects, urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.url = ""
        self.page = ""

    def open(self, url, form=None):
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with self.opener.open(url, data, timeout=30) as reply:
                self.url, self.page = reply.url, reply.read().decode()
        except urllib.error.HTTPError as error:
            self.url, self.page = error.url, error.read().decode()

    def submit(self, **filled):
        """Send the first form of the page with these fields filled in."""
        forms = Forms(self.page).forms
        true(forms, f"a form at {self.url}: {self.page[:500]}")
        action, fields = forms[0]
        self.open(urllib.parse.urljoin(self.url, action), {**fields, **filled})


class OidcProvider:
    """oidc-provider on 127.0.0.1; use it in a with statement."""

    def __init__(self, home, keys=None, **lifetimes):
        """keys: public keys (PEM) by the client_id of the client that proves itself by each."""
        directory, node = install()
        ca_file, certificate, key = make_certificates(os.path.join(home, "tls"))
        self.ca_file = ca_file
        self.client_secret = secrets.token_urlsafe(24) + "+/:%&="
        command = [node, os.path.join(directory, "server.mjs"), certificate, key,
                   self.client_secret, "300"]
        environment = {**os.environ, **{name: str(s) for name, s in lifetimes.items()},
                       "CLIENT_KEYS": json.dumps(keys or {})}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=environment,
                                        start_new_session=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"oidc-provider did not start: exit {self.process.wait()}")
        info = json.loads(line)
        self.issuer = info["issuer"]
        self.client_id = info["client_id"]
        self.web_id = info["web_id"]
        self.service_id = info["service_id"]

    def service(self, secret_path, **more):
        """A connection that nobody has to approve."""
        return self.connection(secret_path, flow="client_credentials", client_id=self.service_id,
                               scopes=["api"], **more)

    def web(self, secret_path, **more):
        """A connection whose address is pasted back. prompt=consent: without it there is no
        refresh token (OpenID Connect Core 1.0 section 11)."""
        return self.connection(secret_path, flow="paste", client_id=self.web_id,
                               redirect_uri="http://localhost:1717/callback",
                               request_parameters={"prompt": "consent"}, **more)

    def connection(self, secret_path, **more):
        return {"issuer": self.issuer, "flow": "device", "client_id": self.client_id,
                "client_secret": {"file": secret_path}, "scopes": ["openid", "offline_access"],
                "ca_file": self.ca_file, **more}

    def _enter_code(self, user_code):
        browser = Browser(self.ca_file)
        browser.open(self.issuer + "/device")
        browser.submit(user_code=user_code)
        return browser

    def approve(self, user_code):
        """Enter the code, confirm it, log in, consent."""
        browser = self._enter_code(user_code)
        browser.submit(confirm="yes")
        browser.submit(login="alice", password="any")
        browser.submit()
        true("Sign-in Success" in browser.page, f"approved: {browser.page[:500]}")

    def walk(self, url):
        """Open an authorization URL, log in, consent; the address that the browser ends at."""
        browser = Browser(self.ca_file)
        browser.open(url)
        browser.submit(login="alice", password="any")
        browser.submit()
        true(browser.redirects.left, f"sent away: {browser.page[:500]}")
        return browser.redirects.left

    def abort(self, url):
        """Open an authorization URL and abort there; the address that the browser ends at."""
        browser = Browser(self.ca_file)
        browser.open(url)
        link, = re.findall(r'href="([^"]*/abort)"', browser.page)
        browser.open(urllib.parse.urljoin(browser.url, link))
        return browser.redirects.left

    def deny(self, user_code):
        """Enter the code and abort."""
        browser = self._enter_code(user_code)
        browser.submit(abort="yes")

    def introspect(self, token):
        """Is it active?"""
        return self.introspection(token)["active"]

    def introspection(self, token):
        pair = [urllib.parse.quote_plus(p) for p in (self.client_id, self.client_secret)]
        basic = base64.b64encode(":".join(pair).encode()).decode()
        request = urllib.request.Request(
            self.issuer + "/token/introspection",
            urllib.parse.urlencode({"token": token}).encode(), {"Authorization": f"Basic {basic}"})
        context = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(request, timeout=30, context=context) as reply:
            return json.loads(reply.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
