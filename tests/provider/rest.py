# SPDX-License-Identifier: BSD-2-Clause
"""What the REST APIs of both simulated vendors have in common: they stand beside the authorization
server of oauth.py, in one process, and take its tokens."""

import dataclasses
import json
import time
import urllib.parse

from server import Server
from values import Reply


class Refused(Exception):
    """The answer is this one."""

    def __init__(self, reply):
        super().__init__(reply.status)
        self.reply = reply


class RestReply(Reply):
    """Of a REST API. Its work is done when it leaves, if there is any left."""

    commit = None


class RestServer(Server):
    """A provider with an API beside it, whose endpoints are patterns of paths: in one
    of them, {} stands for any segment."""

    def __init__(self, settings, *arguments):
        self.settings = settings
        self.counters = {}
        self.patterns = {}  # pattern → (endpoint, {method: function})
        for endpoint, method, pattern, function in self.routes():
            self.patterns.setdefault(pattern, (endpoint, {}))[1][method] = function
        super().__init__(*arguments)

    def routes(self):
        """[(endpoint, method, pattern, function)]; functions are given the request, its
        parameters, and the segments that {} stands for, and return a RestReply."""
        raise NotImplementedError

    def wrong_method(self):
        """What is answered where there is no such method."""
        raise NotImplementedError

    def _endpoints(self):
        ours = {endpoint: ("", None) for endpoint, _ in self.patterns.values()}
        return {**super()._endpoints(), **ours}

    def endpoint_of(self, path):
        pattern, _ = self._match(path)
        return super().endpoint_of(path) if pattern is None else self.patterns[pattern][0]

    def _match(self, path):
        """(pattern, segments) of a path; (None, []) where it is none of ours."""
        parts = path.rstrip("/").split("/")
        for pattern in self.patterns:
            wanted = pattern.split("/")
            if len(wanted) == len(parts) and all(w in ("{}", p) for w, p in zip(wanted, parts)):
                return pattern, [p for w, p in zip(wanted, parts) if w == "{}"]
        return None, []

    def work(self, talk, request, refusal):
        path = urllib.parse.urlsplit(request.target).path
        pattern, segments = self._match(path)
        if pattern is None:
            return super().work(talk, request, refusal)
        function = self.patterns[pattern][1].get(request.method)
        if function is None:
            return self.wrong_method()
        try:
            return function(request, {**query_of(request), **talk.form}, *segments)
        except Refused as refused:
            return refused.reply

    def leaving(self, form, reply):
        if not isinstance(reply, RestReply):
            super().leaving(form, reply)
        elif reply.commit:
            reply.commit()

    def count(self, name, more=1):
        self.counters[name] = self.counters.get(name, 0) + more

    def bearer(self, request):
        """(token or "", what the authority knows of it or None)"""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return "", None
        return token, self.authority.access_tokens.get(token)

    def end_tokens(self):
        """No access token that was given is taken any more. The grants stay."""
        self.authority.access_tokens.clear()
        return {}

    def age_tokens(self):
        """Every access token that was given has expired."""
        for access in self.authority.access_tokens.values():
            access.expires_at = self.authority.clock()
        return {}

    def more_verbs(self):
        return {"setup": self.setup, "counters": self.tell_counters,
                "end_tokens": self.end_tokens, "age_tokens": self.age_tokens}

    def tell_counters(self):
        return {**self.counters, "cpu_s": time.process_time()}

    def setup(self, **settings):
        """Change settings of the API; none: only tell them."""
        self.settings = dataclasses.replace(self.settings, **settings)
        return dataclasses.asdict(self.settings)


def query_of(request):
    query = urllib.parse.urlsplit(request.target).query
    return dict(urllib.parse.parse_qsl(query, keep_blank_values=True)) if query else {}


def body_of(request):
    """The JSON object of the body; None where it is none."""
    try:
        value = json.loads(request.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def json_reply(status, value, headers=None):
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return RestReply(status, body,
                     {"Content-Type": "application/json;charset=UTF-8", **(headers or {})})
