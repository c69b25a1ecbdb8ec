# SPDX-License-Identifier: BSD-2-Clause
"""The provider as a server: routes requests to the authority, keeps the log of arrivals, and
misbehaves on order."""

import socketserver
import ssl
import threading
import urllib.parse

import pages
from control import Control
from faults import FaultQueue
from http1 import Connection, Gone
from oauth import Authority
from values import SECRET_PARAMETERS, OAuthError, Reply, digest, parameters

HTML = {"Content-Type": "text/html; charset=utf-8"}
HOLD_SECONDS = 600  # of a stalled reply nobody releases: longer than any client waits


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port, path, certificate, key, clients, dialect):
        super().__init__(("127.0.0.1", port), Handler)
        if dialect.paths:
            path = dialect.issuer or ""
        self.path = path.rstrip("/")
        self.port = self.server_address[1]
        self.dialect = dialect
        self.authority = Authority(f"https://127.0.0.1:{self.port}{path}", clients,
                                   dialect=dialect)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.set_alpn_protocols(["http/1.1"])
        self.changed = threading.Condition()  # guards everything below, and the authority
        self.faults = FaultQueue()
        self.arrivals = []
        self.connections = 0
        self.releases = 0
        self.control = Control(self)
        self.endpoints = self._endpoints()
        self.paths = self._paths()

    def _endpoints(self):
        """Endpoint name → (method, handler of (request, form))."""
        authority = self.authority
        client = self._with_client
        return {
            "oauth-authorization-server": ("GET", lambda r, f: authority.metadata()),
            "openid-configuration": ("GET", lambda r, f: authority.metadata()),
            "device_authorization": ("POST", client(authority.device_authorization)),
            "token": ("POST", client(authority.token)),
            "introspect": ("POST", client(authority.introspect)),
            "revoke": ("POST", client(authority.revoke)),
            "userinfo": ("GET", lambda r, f: authority.identity.userinfo(
                r.headers.get("authorization", ""))),
            "identity": ("GET", lambda r, f: authority.identity.userinfo(
                r.headers.get("authorization", ""))),
            "jwks": ("GET", lambda r, f: authority.identity.jwks()),
            "authorize": ("GET POST", self._authorize),
            "device": ("GET POST", self._page),
        }

    def _with_client(self, handler):
        def run(request, form):
            client = self.authority.authenticate(
                form, request.headers.get("authorization", ""))
            return handler(form, client)
        return run

    def _authorize(self, request, form):
        authorizations = self.authority.authorizations
        return (authorizations.page if request.method == "GET" else authorizations.decide)(form)

    def _page(self, request, form):
        action = self.path + "/device"
        if request.method == "GET":
            return Reply(200, pages.device_form(action, form.get("user_code", "")), HTML)
        outcome = {"allow": "approved", "deny": "denied"}.get(form.get("action", ""))
        code = form.get("user_code", "")
        if outcome is None or not self.authority.decide(code, outcome, "alice"):
            return Reply(400, pages.device_form(action, code, "No device waits with this code."),
                         HTML)
        return Reply(200, pages.note("Connect a device",
                                     f"Done: {outcome}. You may close this page."), HTML)

    def _paths(self):
        """Path → endpoint name."""
        theirs = self.dialect.paths
        metadata = {
            "oauth-authorization-server":
                f"/.well-known/oauth-authorization-server{self.path}",  # RFC 8414 §3.1
            "openid-configuration": f"{self.path}/.well-known/openid-configuration"}
        ours = {name for name in self.endpoints
                if name not in metadata and (not theirs or name in ("jwks", "device"))}
        paths = {f"{self.path}/{name}": name for name in ours if name not in theirs}
        paths.update({path: name for name, path in theirs.items()})
        if self.dialect.issuer is not None:
            paths.update({path: name for name, path in metadata.items()})
        return paths

    def endpoint_of(self, path):
        return self.paths.get(path)

    def more_verbs(self):
        """Of the control API, for what is served besides OAuth: name → function."""
        return {}

    def latency(self, _endpoint):
        """Seconds from the work to its reply."""
        return 0

    def leaving(self, form, reply):
        """The reply is about to leave: the client can't have it any earlier. Lock held."""
        self.authority.device_replied(form, reply.body)

    def hold(self, seconds):
        """Wait, or until a test lets go."""
        with self.changed:
            mine = self.releases
            self.changed.wait_for(lambda: self.releases != mine, seconds)

    def arrive(self, endpoint, request, connection, nth, form=None):
        """Note an arrival: names in clear, secrets as digests."""
        form = form or {}
        params = {k: digest(v) if k in SECRET_PARAMETERS else v for k, v in form.items()}
        for name in SECRET_PARAMETERS & set(form):
            self.authority.issued.setdefault(form[name], name)
        authorization = request.headers.get("authorization", "")
        arrival = {"n": len(self.arrivals), "endpoint": endpoint, "method": request.method,
                   "t": self.authority.clock(), "connection": connection, "nth": nth,
                   "params": params, "authorization": authorization.partition(" ")[0].lower(),
                   "user_agent": request.headers.get("user-agent", ""),
                   "early": False, "outcome": None}
        self.arrivals.append(arrival)
        self.changed.notify_all()
        return arrival

    def settle(self, arrival, outcome):
        with self.changed:
            arrival["outcome"] = outcome
            self.changed.notify_all()

    def work(self, talk, request, refusal):
        """What the provider answers."""
        methods, handler = self.endpoints[talk.endpoint]
        methods = self.dialect.methods.get(talk.endpoint, methods)
        if refusal:
            return self.dialect.failure(talk, refusal)
        if request.method not in methods.split():
            return Reply.of_json(405, {"error": "method"}, {"Allow": methods.replace(" ", ", ")})
        try:
            return self.dialect.success(talk, handler(request, talk.form))
        except OAuthError as error:
            return self.dialect.failure(talk, error)


class Handler(socketserver.BaseRequestHandler):
    """One connection of a client."""

    def handle(self):
        with self.server.changed:
            self.server.connections += 1
            self.number = self.server.connections
        try:
            self.connection = Connection(self.request, self.server.context)
        except Gone:
            return
        nth = 0
        try:
            while self.serve_one(nth):
                nth += 1
            self.connection.close()
        except (Gone, ValueError):
            self.connection.close(notify=False)

    def serve_one(self, nth):
        """Serve one request; returns whether the connection stays."""
        request = self.connection.read_head()
        path = urllib.parse.urlsplit(request.target).path
        endpoint = self.server.endpoint_of(path)
        if path.startswith("/control/"):
            self.connection.read_body(request)
            verb = path.removeprefix("/control/")
            self.connection.send_reply(self.server.control.handle(verb, request))
            return True
        if endpoint is None:
            self.connection.read_body(request)
            self.connection.send_reply(Reply.of_json(404, {"error": "not found"}))
            return True
        return self.serve_endpoint(endpoint, request, nth)

    def serve_endpoint(self, endpoint, request, nth):
        with self.server.changed:
            fault = self.server.faults.take(endpoint, "", nth > 0, body_read=False)
            if fault:
                self.server.arrive(endpoint, request, self.number, nth)["outcome"] = "reset"
                self.connection.reset()
                raise Gone
        self.connection.read_body(request)
        form = parse_form(request)
        with self.server.changed:
            talk, refusal = self.server.authority.understand(endpoint, form, request.headers)
            arrival = self.server.arrive(talk.endpoint, request, self.number, nth, form)
            fault = self.server.faults.take(talk.endpoint, talk.form.get("grant_type", ""), nth > 0,
                                            body_read=True)
            reply = self.decide(talk, request, refusal, arrival, fault)
        return self.deliver(talk.form, arrival, fault, reply)

    def decide(self, talk, request, refusal, arrival, fault):
        """The reply, the work done unless the fault stands in its place. Lock held."""
        authority = self.server.authority
        arrival["early"] = talk.endpoint == "token" and authority.too_early(talk.form)
        if fault and not fault.process and (fault.answers or fault.reset or fault.close):
            reply = Reply.of_json(200, {})
        elif arrival["early"]:
            reply = self.server.dialect.failure(talk, OAuthError("slow_down", "too early"))
        else:
            reply = self.server.work(talk, request, refusal)
        if fault:
            reply = fault.answer(reply)
        if arrival["early"] or (fault and fault.error == "slow_down"):
            authority.slow_down(talk.form)
        return reply

    def deliver(self, form, arrival, fault, reply):
        """Send the reply as the fault wants it; returns whether the connection stays."""
        delay_s = (fault.delay_s if fault else 0) or self.server.latency(arrival["endpoint"])
        if delay_s:
            self.server.hold(delay_s)
        with self.server.changed:
            self.server.leaving(form, reply)
        if fault and fault.reset:
            self.server.settle(arrival, "reset")
            self.connection.reset()
            raise Gone
        if fault and fault.close:
            self.server.settle(arrival, "closed")
            return False
        if fault and fault.cut_after >= 0:
            self.server.settle(arrival, "cut")
            self.connection.send_reply(reply, fault.cut_after)
            return False
        if fault and fault.stall_after >= 0:
            self.connection.send_reply(reply, fault.stall_after)
            self.server.settle(arrival, "stalled")
            self.server.hold(HOLD_SECONDS)
            return False
        # Settled before it is sent, so that whoever has the reply also finds it in the log.
        self.server.settle(arrival, reply.status)
        self.connection.send_reply(reply)
        return True


def parse_form(request):
    """The parameters in the query of a GET, in the body of a POST."""
    if request.method == "GET":
        return parameters(urllib.parse.urlsplit(request.target).query)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        return {}
    return parameters(request.body.decode("utf-8", "replace"))
