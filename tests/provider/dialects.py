# SPDX-License-Identifier: BSD-2-Clause
"""How real providers speak otherwise than the standards: a table, laid over the authorization
server as a translation of what comes in and what goes out. Where each habit is known from stands
in conf/profiles/NAME.yaml."""

import base64
import dataclasses
import hashlib
import hmac
import json
import time
import urllib.parse
from dataclasses import dataclass, field

from values import DEVICE_GRANT, REDIRECT_URI, OAuthError, Reply

# A directory, a realm, an authorization server: whatever a provider calls it.
TENANT = "11111111-2222-3333-4444-555555555555"
DAY = 86400
# What grantd.yaml(5) calls our endpoints.
KEYS = {"device_authorization": "device_authorization", "authorize": "authorization",
        "token": "token", "revoke": "revocation", "introspect": "introspection", "jwks": "jwks"}
# Words in the scope of a grant that are ours: never told to a client.
USER_MARK, ONLINE_MARK = "!user", "!online"


@dataclass
class Talk:
    """One exchange, for what depends on more than its answer."""
    authority: object
    endpoint: str
    form: dict
    headers: dict  # names in lower case
    base: str      # https://127.0.0.1:PORT

    def family(self, answer):
        return self.authority.access_tokens[answer["access_token"]].family

    def marked(self, answer, mark):
        return mark in self.family(answer).scope.split()


def said(status, error, text):
    """RFC 6749 §5.2"""
    return status, {"error": error, "error_description": text}


@dataclass(frozen=True)
class Dialect:
    """What is not as with our authorization server in good order."""
    name: str = ""
    gives: tuple = ()            # keys of a connection that tell its addresses: host, tenant
    issuer: str | None = ""      # path of the issuer; None: there is no metadata
    paths: dict = field(default_factory=dict)     # endpoint → path; empty: all, below the issuer
    methods: dict = field(default_factory=dict)   # endpoint → HTTP methods
    settings: dict = field(default_factory=dict)  # see values.Settings
    client_auth: tuple = ("basic", "post")
    redirect_uri: str = REDIRECT_URI
    connection: dict = field(default_factory=dict)  # what else a connection needs to try it
    # What comes in
    device_marker: str = ""      # response_type of a token request that is a device request
    device_grant: str = ""       # grant_type of a poll
    device_scope: str = "scope"  # name of the parameter
    scope_in: str = " "
    checks: dict = field(default_factory=dict)    # endpoint → function of a Talk: may change form
    # What goes out
    renamed: dict = field(default_factory=dict)   # endpoint → {our member: theirs}
    dropped: dict = field(default_factory=dict)   # endpoint → members
    added: dict = field(default_factory=dict)     # endpoint → members
    more: dict = field(default_factory=dict)      # endpoint → function (answer, Talk) → answer
    scope_words: dict = field(default_factory=dict)  # as they are spelled in replies
    scope_out: str = " "         # between scopes; "array" for a list of texts
    refresh_once: bool = False   # only the first reply of a grant has a refresh token
    form_replies: bool = False   # unless Accept names JSON
    errors: dict = field(default_factory=dict)    # our description or code → (status, code, text)
    error_body: object = said    # function (status, code, text) → (status, JSON)
    bad_token: str = ""          # plain text with 403 where userinfo gets a bad token

    def incoming(self, talk):
        """Make a standard request of what came; may change the endpoint."""
        form = talk.form
        if self.device_marker and form.get("response_type") == self.device_marker:
            talk.endpoint = "device_authorization"
        if self.device_grant and form.get("grant_type") == self.device_grant:
            form["grant_type"] = DEVICE_GRANT
        if form.get("grant_type") == DEVICE_GRANT and "device_code" not in form:
            form["device_code"] = form.pop("code", "")
        if talk.endpoint == "device_authorization" and self.device_scope != "scope":
            form["scope"] = form.pop(self.device_scope, "")
        if self.scope_in != " " and "scope" in form:
            form["scope"] = form["scope"].replace(self.scope_in, " ")
        if talk.endpoint in self.checks:
            self.checks[talk.endpoint](talk)

    def success(self, talk, reply):
        """Say the reply of our authorization server as this provider would."""
        if reply.status != 200 or reply.headers.get("Content-Type") != "application/json":
            return reply
        answer = json.loads(reply.body)
        if "access_token" in answer:
            answer = self._token(answer, talk)
        if talk.endpoint in self.more:
            answer = self.more[talk.endpoint](answer, talk)
        names = self.renamed.get(talk.endpoint, {})
        answer = {names.get(k, k): v for k, v in answer.items()
                  if k not in self.dropped.get(talk.endpoint, ())}
        return self._written(200, {**answer, **self.added.get(talk.endpoint, {})}, talk,
                             reply.headers)

    def _token(self, answer, talk):
        refreshed = talk.form.get("grant_type") == "refresh_token"
        kept = self.refresh_once and refreshed and not talk.authority.settings.rotate
        if talk.marked(answer, ONLINE_MARK) or kept:
            answer.pop("refresh_token", None)
        if "scope" in answer:  # a test may have left it out
            words = [self.scope_words.get(w, w) for w in answer["scope"].split()
                     if not w.startswith("!")]
            answer["scope"] = words if self.scope_out == "array" else self.scope_out.join(words)
        return answer

    def told(self, error):
        """Status, code and text of an error."""
        kept = (error.status, error.error, error.description)
        return self.errors.get(error.description) or self.errors.get(error.error, kept)

    def failure(self, talk, error):
        """Say an error as this provider would."""
        if self.bad_token and talk.endpoint == "userinfo":
            return Reply(403, self.bad_token.encode(), {"Content-Type": "text/plain"})
        return self._written(*self.error_body(*self.told(error)), talk, error.headers)

    def _written(self, status, answer, talk, headers):
        wants_json = "application/json" in talk.headers.get("accept", "")
        if self.form_replies and talk.endpoint != "identity" and not wants_json:
            kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
            return Reply(status, urllib.parse.urlencode(answer).encode(), {**headers, **kind})
        return Reply.of_json(status, answer, headers)

    def try_it(self, info):
        """The connection of grantd.yaml(5) that reaches what info tells of."""
        host = f"127.0.0.1:{info['port']}"
        given = {"host": host, "tenant": TENANT}
        connection = {"provider": self.name or "generic", "client_id": info["client_id"],
                      "client_secret": info["client_secret"], "ca_file": info["ca_file"],
                      **{key: given[key] for key in self.gives}, **self.connection}
        if self.issuer is not None and "host" not in self.gives:
            connection["issuer"] = info["issuer"]
        if "host" not in self.gives and self.paths:
            connection["endpoints"] = {KEYS[name]: f"https://{host}{path}"
                                       for name, path in self.paths.items() if name in KEYS}
        if "identity" in self.paths:
            connection["identity"] = {"url": f"https://{host}{self.paths['identity']}"}
        return connection


# --- Salesforce


def salesforce_token(answer, talk):
    family = talk.family(answer)
    client = talk.authority.clients[family.client_id]
    identity = f"{talk.base}/id/00D000000000001EAA/{family.subject or 'run-as'}"
    issued_at = str(int(time.time() * 1000))
    signature = hmac.new(client.secret.encode(), (identity + issued_at).encode(), hashlib.sha256)
    return {**answer, "instance_url": talk.base, "id": identity, "issued_at": issued_at,
            "signature": base64.b64encode(signature.digest()).decode()}


SALESFORCE = Dialect(
    name="salesforce", gives=("host",), issuer="",
    paths={"device_authorization": "/services/oauth2/token",
           "authorize": "/services/oauth2/authorize", "token": "/services/oauth2/token",
           "revoke": "/services/oauth2/revoke", "introspect": "/services/oauth2/introspect",
           "userinfo": "/services/oauth2/userinfo"},
    settings={"access_lifetime": 7200, "rotate": False, "announce_iss": False,
              "refresh_idle": 30 * DAY,
              "metadata_answer": {"drop": ["device_authorization_endpoint",
                                           "code_challenge_methods_supported"]}},
    connection={"scopes": ["api", "id", "refresh_token"]},
    device_marker="device_code", device_grant="device",
    dropped={"device_authorization": ("expires_in", "verification_uri_complete"),
             "token": ("expires_in",)},
    more={"token": salesforce_token}, refresh_once=True, bad_token="Bad_OAuth_Token",
    errors={
        "unknown or revoked refresh token": (400, "invalid_grant", "expired access/refresh token"),
        "the refresh token was not used for too long":
            (400, "invalid_grant", "expired access/refresh token"),
        "unknown code": (400, "invalid_grant", "invalid authorization code"),
        "the code has expired": (400, "invalid_grant", "expired authorization code"),
        "the code was used before": (400, "invalid_grant", "expired authorization code"),
        "the assertion has expired": (400, "invalid_grant", "expired authorization code"),
        "aud is not this server": (400, "invalid_grant", "audience is invalid"),
        "the person said no": (400, "access_denied", "end-user denied authorization"),
        "unknown client": (400, "invalid_client_id", "client identifier invalid"),
        "wrong secret": (400, "invalid_client", "invalid client credentials"),
    })

# --- Marketo


def marketo_token(answer, _talk):
    return {**answer, "token_type": "bearer", "scope": "apis@acme.example"}


MARKETO = Dialect(
    name="marketo", gives=("host",), issuer=None, paths={"token": "/identity/oauth/token"},
    methods={"token": "GET POST"}, client_auth=("post",), more={"token": marketo_token},
    settings={"access_lifetime": 3600, "shared_tokens": True},
    errors={"unknown client": (401, "invalid_client", "No client with requested id: unknown"),
            "wrong secret": (401, "invalid_client", "Bad client credentials")})

# --- Google


GOOGLE = Dialect(
    name="google", issuer="",
    paths={"device_authorization": "/device/code", "authorize": "/o/oauth2/v2/auth",
           "token": "/token", "revoke": "/revoke", "userinfo": "/v1/userinfo"},
    settings={"access_lifetime": 3599, "device_lifetime": 1800, "rotate": False,
              "announce_iss": False, "refresh_idle": 180 * DAY},
    connection={"scopes": ["openid", "email"]}, client_auth=("post", "basic"),
    renamed={"device_authorization": {"verification_uri": "verification_url"}},
    dropped={"device_authorization": ("verification_uri_complete",)}, refresh_once=True,
    scope_words={"email": "https://www.googleapis.com/auth/userinfo.email",
                 "profile": "https://www.googleapis.com/auth/userinfo.profile"},
    errors={
        "authorization_pending": (428, "authorization_pending", "Precondition Required"),
        "slow_down": (403, "slow_down", "Forbidden"),
        "access_denied": (403, "access_denied", "Forbidden"),
        "unknown or revoked refresh token":
            (400, "invalid_grant", "Token has been expired or revoked."),
        "unknown code": (400, "invalid_grant", "Malformed auth code."),
        "wrong secret": (401, "invalid_client", "Unauthorized"),
    })

# --- Microsoft


def microsoft_token(answer, talk):
    """A reply names scopes of an API, and offline_access is none."""
    scope = " ".join(w for w in answer["scope"].split() if w != "offline_access")
    return {**answer, "scope": scope, "ext_expires_in": answer["expires_in"]}


def microsoft_v1_token(answer, talk):
    """Numbers are texts, and a token is for a resource."""
    del answer["scope"]
    now = int(time.time())
    return {**answer, "expires_in": str(answer["expires_in"]), "not_before": str(now),
            "expires_on": str(now + answer["expires_in"]), "resource": "https://graph.example"}


def microsoft_error(status, code, text):
    number = text.partition(":")[0].removeprefix("AADSTS")
    numbers = [int(number)] if number.isdigit() else []
    return status, {"error": code, "error_codes": numbers, "error_description":
                    f"{text} Trace ID: 0 Correlation ID: 0", "suberror": ""}


MICROSOFT = Dialect(
    name="microsoft", gives=("tenant",), issuer=f"/{TENANT}/v2.0",
    paths={"device_authorization": f"/{TENANT}/oauth2/v2.0/devicecode",
           "authorize": f"/{TENANT}/oauth2/v2.0/authorize",
           "token": f"/{TENANT}/oauth2/v2.0/token", "userinfo": "/oidc/userinfo"},
    settings={"access_lifetime": 3599, "device_lifetime": 900, "announce_iss": False,
              "refresh_idle": 90 * DAY, "reuse_grace": 90 * DAY},
    connection={"scopes": ["User.Read", "openid", "offline_access"]},
    dropped={"device_authorization": ("verification_uri_complete",)},
    added={"device_authorization": {"message": "To sign in, use a web browser to open the page."}},
    more={"token": microsoft_token}, error_body=microsoft_error,
    errors={
        "authorization_pending": (400, "authorization_pending",
                                  "AADSTS70016: OAuth 2.0 device flow error. Authorization is "
                                  "pending. Continue polling."),
        "access_denied": (400, "authorization_declined",
                          "AADSTS70017: The user declined the request."),
        "unknown device code": (400, "bad_verification_code",
                                "AADSTS70018: Invalid verification code."),
        "expired_token": (400, "expired_token", "AADSTS70020: The device code has expired."),
        "slow_down": (400, "slow_down", "AADSTS50196: The server terminated an operation because "
                      "it encountered a client request loop."),
        "unknown or revoked refresh token":
            (400, "invalid_grant", "AADSTS50173: The provided grant has expired due to it being "
             "revoked, a fresh auth token is needed."),
        "the refresh token was not used for too long":
            (400, "invalid_grant", "AADSTS700082: The refresh token has expired due to "
             "inactivity."),
        "none is not how this client proves itself":
            (401, "invalid_client", "AADSTS7000218: The request body must contain the following "
             "parameter: 'client_assertion' or 'client_secret'."),
        "wrong secret": (401, "invalid_client", "AADSTS7000215: Invalid client secret provided."),
        "unknown client": (400, "unauthorized_client", "AADSTS700016: Application was not found "
                           "in the directory."),
    })

MICROSOFT_V1 = dataclasses.replace(
    MICROSOFT, name="microsoft-v1", issuer=None,
    paths={"device_authorization": f"/{TENANT}/oauth2/devicecode",
           "authorize": f"/{TENANT}/oauth2/authorize", "token": f"/{TENANT}/oauth2/token"},
    renamed={"device_authorization": {"verification_uri": "verification_url"}},
    more={"token": microsoft_v1_token,
          "device_authorization": lambda answer, talk: {
              **answer, "expires_in": str(answer["expires_in"]),
              "interval": str(answer["interval"])}},
    connection={"provider": "generic", "scopes": ["User.Read"], "required_scopes": [],
                "quirks": ["device_code_as_code"], "client_auth": "client_secret_post"})

# --- GitHub


def github_token(answer, talk):
    """An OAuth app has scopes and tokens without end, a GitHub App neither."""
    answer["token_type"] = "bearer"
    if answer["scope"]:
        return {k: v for k, v in answer.items() if k not in ("expires_in", "refresh_token")}
    return {**answer, "refresh_token_expires_in": 15897600}


def github_user(answer, talk):
    number = int(hashlib.sha256(answer["sub"].encode()).hexdigest()[:7], 16)
    return {"login": answer["sub"], "id": number, "type": "User", "email": None}


GITHUB = Dialect(
    name="github", gives=("host",), issuer=None,
    paths={"device_authorization": "/login/device/code", "authorize": "/login/oauth/authorize",
           "token": "/login/oauth/access_token", "identity": "/user"},
    settings={"access_lifetime": 28800, "device_lifetime": 900, "announce_iss": False,
              "refresh_idle": 184 * DAY},
    redirect_uri="http://127.0.0.1:1717/callback", form_replies=True, scope_out=",",
    dropped={"device_authorization": ("verification_uri_complete",)},
    more={"token": github_token, "identity": github_user},
    errors={
        "authorization_pending": (200, "authorization_pending", "The authorization request is "
                                  "still pending."),
        "slow_down": (200, "slow_down", "Too many requests have been made in the same timeframe."),
        "access_denied": (200, "access_denied", "The authorization request was denied."),
        "expired_token": (200, "expired_token", "This 'device_code' has expired."),
        "unknown device code": (200, "incorrect_device_code", "The device_code is not valid."),
        "unknown code": (200, "bad_verification_code", "The code passed is incorrect or expired."),
        "the code was used before":
            (200, "bad_verification_code", "The code passed is incorrect or expired."),
        "unknown or revoked refresh token":
            (200, "bad_refresh_token", "The refresh token passed is incorrect or expired."),
        "refresh token was used before":
            (200, "bad_refresh_token", "The refresh token passed is incorrect or expired."),
        "invalid_client": (200, "incorrect_client_credentials",
                           "The client_id and/or client_secret passed are incorrect."),
    })

# --- GitLab


def gitlab_token(answer, talk):
    return {**answer, "created_at": int(time.time())}


GITLAB = Dialect(
    name="gitlab", gives=("host",), issuer="",
    paths={"device_authorization": "/oauth/authorize_device", "authorize": "/oauth/authorize",
           "token": "/oauth/token", "revoke": "/oauth/revoke", "introspect": "/oauth/introspect",
           "userinfo": "/oauth/userinfo"},
    settings={"access_lifetime": 7200, "device_lifetime": 300, "announce_iss": False,
              "reuse_detection": False},
    connection={"scopes": ["read_api"]}, more={"token": gitlab_token},
    errors={"unknown or revoked refresh token":
            (400, "invalid_grant", "The provided authorization grant is invalid, expired, revoked, "
             "does not match the redirection URI used in the authorization request, or was issued "
             "to another client.")})

# --- Okta


def okta_client_id_once(talk):
    authorization = talk.headers.get("authorization", "")
    if not authorization.lower().startswith("basic "):
        return
    if "client_id" in talk.form:
        raise OAuthError("invalid_request", "Cannot supply multiple client credentials. Use one of "
                         "the following: credentials in the Authorization header, credentials in "
                         "the post body, or a client_assertion in the post body.")
    pair = base64.b64decode(authorization.split()[1]).decode()
    talk.form["client_id"] = urllib.parse.unquote_plus(pair.partition(":")[0])


OKTA = Dialect(
    name="okta", gives=("host", "tenant"), issuer=f"/oauth2/{TENANT}",
    paths={"device_authorization": f"/oauth2/{TENANT}/v1/device/authorize",
           "authorize": f"/oauth2/{TENANT}/v1/authorize", "token": f"/oauth2/{TENANT}/v1/token",
           "revoke": f"/oauth2/{TENANT}/v1/revoke", "introspect": f"/oauth2/{TENANT}/v1/introspect",
           "userinfo": f"/oauth2/{TENANT}/v1/userinfo"},
    settings={"access_lifetime": 3600, "rotate": False, "announce_iss": False,
              "refresh_idle": 7 * DAY},
    connection={"scopes": ["openid", "offline_access"]},
    checks={"device_authorization": okta_client_id_once, "token": okta_client_id_once},
    errors={
        "unknown or revoked refresh token":
            (400, "invalid_grant", "The refresh token is invalid or expired."),
        "the refresh token was not used for too long":
            (400, "invalid_grant", "The refresh token is invalid or expired."),
        "authorization_pending": (400, "authorization_pending", "The device authorization is "
                                  "pending. Please try again later."),
    })

# --- Auth0


AUTH0 = Dialect(
    name="auth0", gives=("host",), issuer="/",
    paths={"device_authorization": "/oauth/device/code", "authorize": "/authorize",
           "token": "/oauth/token", "revoke": "/oauth/revoke", "userinfo": "/userinfo"},
    settings={"access_lifetime": 86400, "device_lifetime": 900, "announce_iss": False,
              "refresh_idle": 15 * DAY},
    connection={"scopes": ["openid", "offline_access"]},
    errors={
        "authorization_pending": (403, "authorization_pending", "User has yet to authorize device "
                                  "code."),
        "slow_down": (429, "slow_down", "You are polling faster than the specified interval of 5 "
                      "seconds."),
        "access_denied": (403, "access_denied", "User cancelled the confirmation prompt."),
        "expired_token": (403, "expired_token", "The device code has expired."),
        "unknown or revoked refresh token":
            (403, "invalid_grant", "Unknown or invalid refresh token."),
        "refresh token was used before":
            (403, "invalid_grant", "Unknown or invalid refresh token."),
        "the refresh token was not used for too long":
            (403, "invalid_grant", "Unknown or invalid refresh token."),
        "wrong secret": (401, "access_denied", "Unauthorized"),
    })

# --- Keycloak


def keycloak_token(answer, talk):
    return {**answer, "not-before-policy": 0, "refresh_expires_in": 30 * DAY,
            "session_state": "a8a32f2c"}


KEYCLOAK_BASE = f"/realms/{TENANT}/protocol/openid-connect"
KEYCLOAK = Dialect(
    name="keycloak", gives=("host", "tenant"), issuer=f"/realms/{TENANT}",
    paths={"device_authorization": KEYCLOAK_BASE + "/auth/device",
           "authorize": KEYCLOAK_BASE + "/auth", "token": KEYCLOAK_BASE + "/token",
           "revoke": KEYCLOAK_BASE + "/revoke", "userinfo": KEYCLOAK_BASE + "/userinfo",
           "introspect": KEYCLOAK_BASE + "/token/introspect", "jwks": KEYCLOAK_BASE + "/certs"},
    settings={"access_lifetime": 300, "pkce_required": True, "refresh_idle": 30 * DAY},
    connection={"scopes": ["openid", "offline_access"]}, more={"token": keycloak_token},
    errors={
        "authorization_pending": (400, "authorization_pending", "The authorization request is "
                                  "still pending"),
        "unknown or revoked refresh token":
            (400, "invalid_grant", "Offline session not active"),
        "the refresh token was not used for too long":
            (400, "invalid_grant", "Offline session not active"),
        "refresh token was used before":
            (400, "invalid_grant", "Maximum allowed refresh token reuse exceeded"),
        "wrong secret": (401, "unauthorized_client", "Invalid client or Invalid client "
                         "credentials"),
    })

# --- Slack


def slack_authorize(talk):
    if "code_challenge" in talk.form:
        raise OAuthError("pkce_not_allowed", "This app has not opted in to PKCE.")
    if "user_scope" in talk.form:
        talk.form["scope"] = f"{talk.form.pop('user_scope').replace(',', ' ')} {USER_MARK}"


def slack_token(answer, talk):
    answer["ok"] = True
    person = {"id": talk.family(answer).subject}
    if not talk.marked(answer, USER_MARK):
        return {**answer, "token_type": "bot", "authed_user": person, "bot_user_id": "U0KRQLJ9H"}
    answer["token_type"] = "user"
    if talk.form.get("grant_type") == "refresh_token":
        return answer
    return {"ok": True, "authed_user": {**person, **{k: v for k, v in answer.items() if k != "ok"}}}


def slack_error(_status, code, _text):
    return 200, {"ok": False, "error": code}


SLACK = Dialect(
    name="slack", issuer=None,
    paths={"authorize": "/oauth/v2/authorize", "token": "/api/oauth.v2.access",
           "identity": "/api/auth.test"},
    settings={"access_lifetime": 43200, "announce_iss": False},
    connection={"request_parameters": {"user_scope": "chat:write,users:read"}},
    scope_in=",", scope_out=",", checks={"authorize": slack_authorize}, error_body=slack_error,
    more={"token": slack_token,
          "identity": lambda answer, talk: {"ok": True, "url": "https://acme.slack.example/",
                                            "team_id": "T0", "user_id": answer["sub"]}},
    errors={
        "unknown or revoked refresh token": (200, "invalid_refresh_token", ""),
        "refresh token was used before": (200, "invalid_refresh_token", ""),
        "unknown code": (200, "invalid_code", ""),
        "the code was used before": (200, "code_already_used", ""),
        "unknown client": (200, "invalid_client_id", ""),
        "wrong secret": (200, "bad_client_secret", ""),
        "invalid_token": (200, "invalid_auth", ""),
    })

# --- Twitch


def twitch_error(status, _code, text):
    return status, {"status": status, "message": text}


TWITCH = Dialect(
    name="twitch", issuer=None,
    paths={"device_authorization": "/oauth2/device", "authorize": "/oauth2/authorize",
           "token": "/oauth2/token", "revoke": "/oauth2/revoke", "identity": "/oauth2/validate"},
    settings={"access_lifetime": 14124, "device_lifetime": 1800, "announce_iss": False,
              "refresh_idle": 30 * DAY},
    connection={"scopes": ["user:read:chat"]}, client_auth=("post",),
    device_scope="scopes", scope_out="array", error_body=twitch_error,
    dropped={"device_authorization": ("verification_uri_complete",)},
    more={"identity": lambda answer, talk: {"client_id": "grantd:test", "login": answer["sub"],
                                            "scopes": [], "user_id": answer["sub"],
                                            "expires_in": 14000}},
    errors={
        "authorization_pending": (400, "", "invalid device code"),
        "unknown device code": (400, "", "invalid device code"),
        "expired_token": (400, "", "invalid device code"),
        "unknown or revoked refresh token": (400, "", "Invalid refresh token"),
        "refresh token was used before": (400, "", "Invalid refresh token"),
        "unknown code": (400, "", "Invalid authorization code"),
        "unknown client": (400, "", "invalid client"),
        "wrong secret": (403, "", "invalid client secret"),
    })

# --- Zoho


def zoho_authorize(talk):
    if talk.form.get("access_type") != "offline":
        talk.form["scope"] = talk.form.get("scope", "") + " " + ONLINE_MARK


ZOHO = Dialect(
    name="zoho", gives=("host",), issuer=None,
    paths={"authorize": "/oauth/v2/auth", "token": "/oauth/v2/token",
           "revoke": "/oauth/v2/token/revoke"},
    settings={"access_lifetime": 3600, "rotate": False, "announce_iss": False,
              "code_lifetime": 180},
    connection={"scopes": ["ZohoCRM.modules.READ", "ZohoCRM.settings.READ"]},
    scope_in=",", scope_out=",", refresh_once=True, checks={"authorize": zoho_authorize},
    added={"token": {"api_domain": "https://www.zohoapis.example"}},
    error_body=lambda status, code, text: (status, {"error": code}),
    errors={
        "invalid_grant": (200, "invalid_code", ""),
        "unknown client": (200, "invalid_client", ""),
        "wrong secret": (200, "invalid_client_secret", ""),
    })

# --- HubSpot


def hubspot_token(answer, talk):
    scopes = answer.pop("scope").split()
    return {**answer, "token_type": "bearer", "hub_id": 1234567, "scopes": scopes}


HUBSPOT = Dialect(
    name="hubspot", issuer=None,
    paths={"authorize": "/oauth/authorize", "token": "/oauth/v3/token"},
    settings={"access_lifetime": 1800, "rotate": False, "announce_iss": False},
    connection={"scopes": ["crm.objects.contacts.read"]}, client_auth=("post",),
    more={"token": hubspot_token},
    error_body=lambda status, code, text: (status, {
        "status": code, "message": text, "correlationId": "0"}),
    errors={
        "unknown or revoked refresh token":
            (400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token"),
        "unknown code": (400, "BAD_AUTH_CODE", "missing or unknown auth code"),
        "the code was used before": (400, "BAD_AUTH_CODE", "missing or unknown auth code"),
        "unknown client": (400, "BAD_CLIENT_ID", "missing or unknown client id"),
        "wrong secret": (400, "BAD_CLIENT_SECRET", "missing or invalid client secret"),
    })

# --- Box


def box_token(answer, talk):
    del answer["scope"]
    return {**answer, "token_type": "bearer", "restricted_to": []}


BOX = Dialect(
    name="box", issuer=None,
    paths={"authorize": "/api/oauth2/authorize", "token": "/oauth2/token",
           "revoke": "/oauth2/revoke", "identity": "/2.0/users/me"},
    settings={"access_lifetime": 4169, "announce_iss": False, "refresh_idle": 60 * DAY,
              "reuse_detection": False},
    client_auth=("post",),
    more={"token": box_token,
          "identity": lambda answer, talk: {"type": "user", "id": answer["sub"],
                                            "login": answer["email"]}},
    errors={
        "unknown or revoked refresh token": (400, "invalid_grant", "Invalid refresh token"),
        "refresh token was used before": (400, "invalid_grant", "Refresh token has expired"),
        "the refresh token was not used for too long":
            (400, "invalid_grant", "Refresh token has expired"),
        "unknown code": (400, "invalid_grant",
                         "Auth code doesn't exist or is invalid for the client"),
        "the code has expired": (400, "invalid_grant", "The authorization code has expired"),
        "wrong secret": (400, "invalid_client", "The client credentials are invalid"),
    })

# --- Xero


XERO = Dialect(
    name="xero", issuer="",
    paths={"authorize": "/identity/connect/authorize", "token": "/connect/token",
           "revoke": "/connect/revocation", "userinfo": "/connect/userinfo"},
    settings={"access_lifetime": 1800, "announce_iss": False, "reuse_grace": 1800,
              "refresh_idle": 60 * DAY, "reuse_detection": False},
    connection={"scopes": ["openid", "accounting.contacts", "offline_access"]},
    error_body=lambda status, code, text: (status, {"error": code}))

# --- QuickBooks


def quickbooks_token(answer, talk):
    del answer["scope"]
    return {**answer, "token_type": "bearer", "x_refresh_token_expires_in": 100 * DAY}


QUICKBOOKS = Dialect(
    name="quickbooks", issuer="/op/v1",
    paths={"authorize": "/connect/oauth2", "token": "/oauth2/v1/tokens/bearer",
           "userinfo": "/v1/openid_connect/userinfo", "jwks": "/op/v1/jwks"},
    settings={"access_lifetime": 3600, "announce_iss": False, "rotate_after": DAY,
              "refresh_idle": 100 * DAY, "reuse_detection": False},
    redirect_uri="https://www.example.com/callback", client_auth=("basic",),
    connection={"scopes": ["com.intuit.quickbooks.accounting"],
                "redirect_uri": "https://www.example.com/callback"},
    more={"token": quickbooks_token},
    errors={
        "unknown or revoked refresh token":
            (400, "invalid_grant", "Incorrect or invalid refresh token"),
        "refresh token was used before":
            (400, "invalid_grant", "Incorrect or invalid refresh token"),
        "the refresh token was not used for too long":
            (400, "invalid_grant", "Incorrect or invalid refresh token"),
    })

# --- Dropbox


def dropbox_authorize(talk):
    if talk.form.get("token_access_type") != "offline":
        talk.form["scope"] = talk.form.get("scope", "") + " " + ONLINE_MARK


def dropbox_token(answer, talk):
    if talk.form.get("grant_type") == "refresh_token":
        del answer["scope"]
        return {**answer, "token_type": "bearer"}
    return {**answer, "token_type": "bearer", "uid": "12345", "account_id": "dbid:AAH4f99"}


DROPBOX = Dialect(
    name="dropbox", issuer=None,
    paths={"authorize": "/oauth2/authorize", "token": "/oauth2/token"},
    settings={"access_lifetime": 14400, "rotate": False, "announce_iss": False},
    connection={"scopes": ["files.metadata.read"]}, refresh_once=True,
    checks={"authorize": dropbox_authorize}, more={"token": dropbox_token},
    errors={
        "unknown or revoked refresh token":
            (400, "invalid_grant", "refresh token is invalid or revoked"),
        "unknown code": (400, "invalid_grant", "code doesn't exist or has expired"),
        "the code was used before": (400, "invalid_grant", "code has already been used"),
        "wrong secret": (400, "invalid_client", "Invalid client_id or client_secret"),
    })

STANDARD = Dialect()
GENERIC = dataclasses.replace(STANDARD, name="generic",
                              connection={"flow": "device", "scopes": ["read", "write"]})
DIALECTS = {dialect.name: dialect for dialect in (
    GENERIC, SALESFORCE, MARKETO, GOOGLE, MICROSOFT, MICROSOFT_V1, GITHUB, GITLAB, OKTA, AUTH0,
    KEYCLOAK, SLACK, TWITCH, ZOHO, HUBSPOT, BOX, XERO, QUICKBOOKS, DROPBOX)}
