# SPDX-License-Identifier: BSD-2-Clause
"""Salesforce as a sync sees it: versions, limits, describe, SOQL with locators, updated and deleted
records, and Bulk API 2.0 queries. Its OAuth is in dialects.py."""

import email.utils
import re
from dataclasses import dataclass, field

from bulk import Jobs
from expected import Ideal
from fields import COMPOUND, OBJECTS, RELATIONS
from people import BASE_TIME, PREFIXES, USERS, moment, number_of, record_id, seconds_of
from rest import Refused, RestReply, RestServer, json_reply
from soql import Eyes, QueryError, Result, parse
from values import altered

ORGANIZATION = "00D000000000001EAA"
LOCATORS_MAX = 10  # of one user; the oldest dies
PAGE_MAX = 2000
DAY = 86400

# errorCode → (status, message)
ERRORS = {
    "INVALID_SESSION_ID": (401, "Session expired or invalid"),
    "INVALID_AUTH_HEADER": (401, "INVALID_HEADER_TYPE"),
    "API_DISABLED_FOR_ORG": (403, "The REST API is not enabled for this Organization."),
    "API_CURRENTLY_DISABLED": (403, "API is disabled for this User"),
    "REQUEST_LIMIT_EXCEEDED": (403, "TotalRequests Limit exceeded."),
    "INSUFFICIENT_ACCESS": (403, "insufficient access rights on cross-reference id"),
    "TXN_SECURITY_METERING_ERROR": (403, "a transaction security policy stopped the request"),
    "NOT_FOUND": (404, "The requested resource does not exist"),
    "METHOD_NOT_ALLOWED": (405, "HTTP Method not allowed"),
    "URI_TOO_LONG": (414, "URI Too Long"),
    "INVALID_QUERY_LOCATOR": (400, "invalid query locator"),
    "QUERY_TIMEOUT": (400, "Your query request was running for too long."),
    "OPERATION_TOO_LARGE": (400, "exceeded 100000 distinct ids"),
    "INVALID_REPLICATION_DATE": (400, "startDate before org replication enabled date"),
    "EXCEEDED_ID_LIMIT": (400, "the limit of 600000 ids was exceeded"),
    "JOB_NOT_COMPLETE": (412, "The job is not complete"),
    "UNABLE_TO_LOCK_ROW": (400, "unable to obtain exclusive access to this record"),
    "UNKNOWN_EXCEPTION": (500, "An unexpected error occurred."),
    "SERVER_UNAVAILABLE": (503, "The server is temporarily unavailable"),
}


def refusal(code, message="", status=0):
    """The reply of an error, as an array."""
    known, text = ERRORS.get(code, (400, ""))
    return json_reply(status or known, [{"message": message or text, "errorCode": code}])


@dataclass
class Settings:
    """What a test may change of the API at any time."""
    versions: list = field(default_factory=lambda: ["66.0", "67.0", "68.0"])
    api_disabled: str = ""       # errorCode of every call but /services/data
    username: str = "sync@acme.example"  # of whom client_credentials runs as
    page_size: int = PAGE_MAX
    omit_done: bool = False
    locator_pages: int = 0       # a locator dies after so many pages; 0: never
    bulk_polls: int = 2          # a job is complete when asked so often
    bulk_error: str = ""         # jobs fail with this
    bulk_rows: int = 250000      # most rows of a chunk
    limit_info: object = None    # text of Sforce-Limit-Info; "": none; null: as it is
    daily_max: int = 100000
    limits_told: bool = True     # has /limits values?
    uri_max: int = 16 * 1024
    query_rows_max: int = 0      # a query that reads more times out; 0: never
    updated_days: int = 30
    deleted_days: int = 15


def user_id(family):
    return record_id("User", sum(family.subject.encode()) % USERS)


class Salesforce(RestServer):
    def __init__(self, people, *arguments):
        self.people = people
        self.ideal = Ideal(people)
        self.eyes = Eyes()
        self.cursors = {}  # locator → [result, pages served]
        self.jobs = Jobs(self)
        self.used = 0
        self.schema_time = BASE_TIME
        super().__init__(Settings(), *arguments)

    def routes(self):
        data = "/services/data/{}"
        open_ones = [
            ("versions", "GET", "/services/data", self.versions),
            ("userinfo", "GET", "/services/oauth2/userinfo", self.userinfo),
            ("identity", "GET", "/id/{}/{}", self.userinfo)]
        guarded = [
            ("limits", "GET", "/limits", self.limits),
            ("sobjects", "GET", "/sobjects", self.sobjects),
            ("describe", "GET", "/sobjects/{}/describe", self.describe),
            ("updated", "GET", "/sobjects/{}/updated", self.updated),
            ("deleted", "GET", "/sobjects/{}/deleted", self.deleted),
            ("record", "GET", "/sobjects/{}/{}", self.one),
            ("query", "GET", "/query", self.query),
            ("queryAll", "GET", "/queryAll", self.query_all),
            ("more", "GET", "/query/{}", self.more),
            ("more", "GET", "/queryAll/{}", self.more),
            ("bulk", "POST", "/jobs/query", self.jobs.create),
            ("bulk", "GET", "/jobs/query", self.jobs.list),
            ("bulk_job", "GET", "/jobs/query/{}", self.jobs.state),
            ("bulk_job", "PATCH", "/jobs/query/{}", self.jobs.abort),
            ("bulk_job", "DELETE", "/jobs/query/{}", self.jobs.delete),
            ("bulk_results", "GET", "/jobs/query/{}/results", self.jobs.results)]
        return open_ones + [(endpoint, method, data + pattern, self._guarded(function))
                            for endpoint, method, pattern, function in guarded]

    def wrong_method(self):
        return refusal("METHOD_NOT_ALLOWED")

    def _guarded(self, function):
        """After what every call has to get past."""
        def run(request, form, version, *segments):
            self._admit(request, form, version)
            self.used += 1
            self.count("calls")
            reply = function(request, form, version, *segments)
            usage = f"api-usage={self.used}/{self.settings.daily_max}"
            told = self.settings.limit_info
            if told is None or told:
                reply.headers["Sforce-Limit-Info"] = told or usage
            return reply
        return run

    def _admit(self, request, form, version):
        if "access_token" in form or "oauth_token" in form:
            self.authority.violation("an access token in an address")
        token, access = self.bearer(request)
        if not token:
            raise Refused(refusal("INVALID_AUTH_HEADER"))
        if (access is None or not access.family.alive
                or self.authority.clock() >= access.expires_at):
            self.count("refused_tokens")
            raise Refused(refusal("INVALID_SESSION_ID"))
        if self.settings.api_disabled:
            raise Refused(refusal(self.settings.api_disabled))
        if self.used >= self.settings.daily_max:
            raise Refused(refusal("REQUEST_LIMIT_EXCEEDED"))
        if version.removeprefix("v") not in self.settings.versions or version[0] != "v":
            raise Refused(refusal("NOT_FOUND"))
        if len(request.target) > self.settings.uri_max:
            raise Refused(refusal("URI_TOO_LONG"))

    # Who, and which limits

    def versions(self, _request, _form):
        return json_reply(200, [{"label": f"Release {v}", "url": f"/services/data/v{v}",
                                 "version": v} for v in self.settings.versions])

    def userinfo(self, request, _form, *_segments):
        _, access = self.bearer(request)
        if (access is None or not access.family.alive
                or self.authority.clock() >= access.expires_at):
            return RestReply(403, b"Bad_OAuth_Token", {"Content-Type": "text/plain"})
        name = access.family.subject or self.settings.username
        identifier = user_id(access.family)
        return json_reply(200, altered({
            "sub": f"{self.authority.issuer}/id/{ORGANIZATION}/{identifier}",
            "user_id": identifier, "organization_id": ORGANIZATION, "username": name,
            "preferred_username": name, "nickname": name, "name": name,
            "email": f"{name.partition('@')[0]}@example.com", "email_verified": True,
            "active": True, "user_type": "STANDARD"}, self.authority.settings.userinfo_answer))

    def limits(self, _request, _form, _version):
        most = self.settings.daily_max
        told = {"Max": most, "Remaining": max(0, most - self.used)}
        other = {"Max": 15000, "Remaining": 15000}
        return json_reply(200, {"DailyApiRequests": told if self.settings.limits_told else {},
                                "DailyBulkV2QueryJobs": other, "DataStorageMB": other})

    # What there is

    def _summary(self, name, version):
        base = f"/services/data/{version}/sobjects/{name}"
        writable = name in ("Lead", "Contact", "Account")
        return {"name": name, "label": name, "labelPlural": name + "s",
                "keyPrefix": PREFIXES[name], "queryable": True, "createable": writable,
                "updateable": writable, "deletable": writable, "replicateable": True,
                "searchable": True, "custom": False, "retrieveable": True,
                "urls": {"sobject": base, "describe": base + "/describe"}}

    def sobjects(self, _request, _form, version):
        return json_reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [
            self._summary(name, version) for name in OBJECTS
            if name not in self.eyes.hidden_objects]})

    def _object(self, name):
        known = self.eyes.object(name)
        if known is None:
            raise Refused(refusal("NOT_FOUND"))
        return known

    def describe(self, request, _form, version, name):
        name = self._object(name)
        since = email.utils.parsedate_tz(request.headers.get("if-modified-since", ""))
        stamp = {"Last-Modified": email.utils.formatdate(self.schema_time, usegmt=True)}
        if since and email.utils.mktime_tz(since) >= self.schema_time:
            return RestReply(304, b"", stamp)
        return json_reply(200, {**self._summary(name, version), "recordTypeInfos": [],
                                "fields": list(self.eyes.fields(name).values())}, stamp)

    def one(self, _request, _form, version, name, identifier):
        name = self._object(name)
        kind, number = number_of(identifier)
        record = self.people.record(name, number) if kind == name else None
        if record is None or record.get("IsDeleted", False) is not False:
            raise Refused(refusal("NOT_FOUND"))
        columns = [(None, n) for n in self.eyes.fields(name)]
        return json_reply(200, self.shown(name, columns, version)(record))

    # Queries

    def shown(self, name, columns, version):
        """A function that makes of a record what a query shows of it."""
        base = f"/services/data/{version}/sobjects/"
        own = [c for relation, c in columns if not relation]
        parents = {}
        for relation, column in columns:
            if relation:
                parents.setdefault(relation, []).append((None, column))
        parents = [(relation, RELATIONS[name][relation],
                    self.shown(RELATIONS[name][relation], wanted, version))
                   for relation, wanted in parents.items()]
        compound = [c for c in own if OBJECTS[name][c]["type"] == COMPOUND]

        def show(record):
            answer = {"attributes": {"type": name, "url": f"{base}{name}/{record['Id']}"}}
            for column in own:
                answer[column] = record.get(column)
            for column in compound:
                answer[column] = address_of(record, column)
            for relation, target, show_parent in parents:
                identifier = record[relation + "Id"]
                answer[relation] = identifier and show_parent(
                    self.people.record(target, number_of(identifier)[1]))
            return answer
        return show

    def run(self, text, with_deleted, bulk=False):
        """The result of a query."""
        try:
            result = Result(self.people, parse(text, self.eyes, bulk), with_deleted)
        except QueryError as error:
            raise Refused(refusal(error.code, str(error), 400)) from error
        if 0 < self.settings.query_rows_max < len(result) and not bulk and result.query.fields:
            raise Refused(refusal("QUERY_TIMEOUT"))
        return result

    def query(self, request, form, version, with_deleted=False):
        result = self.run(form.get("q", ""), with_deleted)
        if not result.query.fields:
            return json_reply(200, {"totalSize": len(result), "done": True, "records": []})
        locator = f"01g{self.used:012d}"
        while len(self.cursors) >= LOCATORS_MAX:
            del self.cursors[next(iter(self.cursors))]
        hint = re.search(r"batchSize=(\d+)", request.headers.get("sforce-query-options", ""))
        size = min(max(int(hint[1]), 200), PAGE_MAX) if hint else PAGE_MAX
        self.cursors[locator] = [result, 0, size]
        return self._page(locator, 0, version)

    def query_all(self, request, form, version):
        return self.query(request, form, version, True)

    def more(self, _request, _form, version, locator):
        locator, _, offset = locator.rpartition("-")
        if locator not in self.cursors or not offset.isdigit():
            raise Refused(refusal("INVALID_QUERY_LOCATOR"))
        return self._page(locator, int(offset), version)

    def _page(self, locator, offset, version):
        cursor = self.cursors[locator]
        result, served, size = cursor
        if 0 < self.settings.locator_pages <= served:
            del self.cursors[locator]
            raise Refused(refusal("INVALID_QUERY_LOCATOR"))
        cursor[1] += 1
        show = self.shown(result.query.object, result.query.fields, version)
        size = min(size, self.settings.page_size)
        records = [show(r) for r in result.page(offset, size)]
        self.count("rows", len(records))
        done = offset + len(records) >= len(result)
        answer = {"totalSize": len(result)}
        if not self.settings.omit_done:
            answer["done"] = done
        if not done:
            answer["nextRecordsUrl"] = (
                f"/services/data/{version}/query/{locator}-{offset + len(records)}")
        return json_reply(200, {**answer, "records": records})

    # What changed

    def _span(self, form, days):
        """Start and end in whole minutes."""
        try:
            start, end = (int(seconds_of(form[k].replace(" ", "+"))) // 60 * 60
                          for k in ("start", "end"))
        except (KeyError, ValueError) as error:
            raise Refused(refusal("INVALID_FIELD", "start and end are times")) from error
        if end <= start or start < self.people.clock() - days * DAY:
            raise Refused(refusal("INVALID_REPLICATION_DATE"))
        return start, end

    def updated(self, _request, form, _version, name):
        name = self._object(name)
        start, end = self._span(form, self.settings.updated_days)
        base = f"SELECT Id FROM {name} WHERE SystemModstamp >= {moment(start)}"
        result = self.run(f"{base} AND SystemModstamp < {moment(end)}", False)
        return json_reply(200, {"ids": [record_id(name, n) for n in result.numbers],
                                "latestDateCovered": moment(end)})

    def deleted(self, _request, form, _version, name):
        name = self._object(name)
        start, end = self._span(form, self.settings.deleted_days)
        gone = sorted(self.people.gone[name].items())
        return json_reply(200, {
            "deletedRecords": [{"id": record_id(name, n), "deletedDate": moment(t)}
                               for n, t in gone if start <= t < end],
            "earliestDateAvailable": moment(BASE_TIME), "latestDateCovered": moment(end)})

    # Control

    def more_verbs(self):
        return {**super().more_verbs(), "hide": self.hide, "change": self.change,
                "create": self.create, "delete": self.delete, "restore": self.restore,
                "purge": self.purge, "convert": self.convert, "merge": self.merge,
                "edit": self.edit, "record": self.tell_record, "people": self.tell_people,
                "expect": self.ideal.expect, "checkpoint": self.ideal.checkpoint,
                "expected": self.ideal.expected}

    def hide(self, fields=(), objects=()):
        """Exactly these fields ("Lead.Phone") and objects are not seen by the session's user."""
        for name in fields:
            if name.partition(".")[2] not in OBJECTS.get(name.partition(".")[0], {}):
                raise ValueError(f"no such field: {name}")
        self.eyes.hidden_fields = set(fields)
        self.eyes.hidden_objects = set(objects)
        self.schema_time += 60
        return {}

    def change(self, object, count, late_s=0):
        numbers = self.people.pick(object, count)
        return {"ids": [self.people.change(object, n, late_s) for n in numbers]}

    def create(self, object, count=1, **fields):
        return {"ids": [self.people.create(object, **fields) for _ in range(count)]}

    def _each(self, object, count, ids, function):
        numbers = ([number_of(i)[1] for i in ids] if ids else self.people.pick(object, count))
        return {"ids": [function(object, n) for n in numbers]}

    def delete(self, object, count=0, ids=()):
        return self._each(object, count, ids, self.people.delete)

    def restore(self, object, ids):
        return self._each(object, 0, ids, self.people.restore)

    def purge(self, object, ids):
        return self._each(object, 0, ids, self.people.purge)

    def convert(self, count):
        """Leads become new contacts: [[id of the lead, id of the contact]]"""
        return {"ids": [[record_id("Lead", n), self.people.convert(n)]
                        for n in self.people.pick("Lead", count)]}

    def merge(self, object, count):
        """Pairs become one: [[id of who stays, id of who goes]]"""
        pairs = [self.people.pick(object, 2) for _ in range(count)]
        return {"ids": [[self.people.merge(object, winner, [loser]), record_id(object, loser)]
                        for winner, loser in pairs]}

    def edit(self, id, fields):
        """Give a record these values."""
        name, number = number_of(id)
        unknown = set(fields) - set(OBJECTS[name])
        if unknown:
            raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
        return {"id": self.people.touch(name, number, **fields)}

    def tell_record(self, id):
        name, number = number_of(id)
        return {"record": self.people.record(name, number)}

    def tell_people(self):
        return {"total": self.people.total,
                "changed": {name: len(c) for name, c in self.people.changed.items()}}


def address_of(record, column):
    """A compound address."""
    prefix = column.removesuffix("Address")
    parts = ("Street", "City", "State", "PostalCode", "Country")
    return {part[0].lower() + part[1:]: record.get(prefix + part) for part in parts}
