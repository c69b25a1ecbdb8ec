# SPDX-License-Identifier: BSD-2-Clause
"""Marketo as a sync sees it: describe, people, bulk import, usage, limits, and an error code on
order for every call and every record. Its identity service is in dialects.py."""

import datetime
import re
from collections import deque
from dataclasses import dataclass

from fields import person_fields
from imports import Imports
from rest import Refused, RestReply, RestServer, body_of, json_reply

RECORDS_MAX = 300
BODY_MAX = 1000 * 1000
URI_MAX = 8 * 1024
HITS_MAX = 1000
USER = "apis@acme.example"
CENTRAL = datetime.timezone(datetime.timedelta(hours=-6))
EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
NUMBERS = ("currency", "float", "percent", "score")

MESSAGES = {
    "502": "Bad Gateway", "600": "Access token is empty", "601": "Access token invalid",
    "602": "Access token expired", "603": "Access denied", "604": "Request timed out",
    "605": "HTTP Method not supported", "606": "Max rate limit '{calls}' exceeded with in "
    "'{window}' secs", "607": "Daily quota reached", "608": "API temporarily unavailable",
    "609": "Invalid JSON", "610": "Requested resource not found", "611": "System error",
    "612": "Invalid content type", "613": "Invalid multipart request",
    "614": "Invalid subscription",
    "615": "Concurrent access limit reached", "616": "Invalid subscription type",
    "701": "{detail} cannot be blank", "702": "No data found for a given search scenario",
    "703": "The feature is not enabled for the subscription", "713": "Transient error",
    "1001": "Invalid value '{detail}'", "1002": "Missing value for required parameter '{detail}'",
    "1003": "Invalid data: {detail}", "1004": "Lead not found", "1005": "Lead already exists",
    "1006": "Field '{detail}' not found", "1007": "Multiple leads match the lookup criteria",
    "1008": "Access denied to partition", "1011": "Field '{detail}' not supported",
    "1013": "Object not found", "1014": "Failed to create Object", "1016": "Too many imports",
    "1018": "CRM Enabled", "1019": "Import in progress", "1021": "Company update not allowed",
    "1022": "Object in use", "1029": "Too many jobs in queue",
    "1036": "Duplicate object found in input"}


def words(code, **details):
    text = MESSAGES.get(code, "Error")
    return {"code": code, "message": re.sub(r"\{(\w+)\}", lambda m: str(details.get(m[1], "")),
                                            text)}


@dataclass
class Settings:
    """What a test may change of the API at any time. 0: no such limit."""
    window_calls: int = 100
    window_s: float = 20
    parallel: int = 10
    daily_quota: int = 50000
    records: int = RECORDS_MAX
    body: int = BODY_MAX
    latency_s: float = 0.02  # from taking a call to its effect: two with one key can overlap
    native_sync: bool = False
    strict_values: bool = True  # types and lengths are checked
    values_kept: bool = True    # else only keys and ids are: for millions
    import_polls: int = 2       # an import is complete when asked so often
    imports_queued: int = 10


class InFlight:
    """What a call has yet to bring about."""

    def __init__(self, keys):
        self.keys = keys
        self.changes = []


class Marketo(RestServer):
    def __init__(self, *arguments):
        self.fields = person_fields()
        self.persons = {}   # id → {field: value}
        self.index = {}     # field → {value in lower case: [ids]}
        self.next_id = 1
        self.calls = deque()
        self.today = 0
        self.running = set()  # calls that have no reply yet
        self.flights = set()  # of calls and imports that have yet to change persons
        self.orders = {}    # key in lower case → [code, times]
        self.warnings = {}  # the same, of imports
        self.imports = Imports(self)
        super().__init__(Settings(), *arguments)

    def routes(self):
        rest, bulk = "/rest/v1/", "/bulk/v1/"
        routes = [
            ("describe2", "GET", rest + "leads/describe2.json", self.describe2),
            ("describe", "GET", rest + "leads/describe.json", self.describe),
            ("leads", "GET", rest + "leads.json", self.find),
            ("leads", "POST", rest + "leads.json", self.sync_or_find),
            ("delete", "POST", rest + "leads/delete.json", self.delete),
            ("delete", "DELETE", rest + "leads.json", self.delete),
            ("usage", "GET", rest + "stats/usage.json", self.usage),
            ("import", "POST", bulk + "leads.json", self.imports.upload),
            ("batch", "GET", bulk + "leads/batch/{}", self.imports.state),
            ("failures", "GET", bulk + "leads/batch/{}/failures.json", self.imports.failures),
            ("warnings", "GET", bulk + "leads/batch/{}/warnings.json", self.imports.warned)]
        return [(endpoint, method, pattern, self._guarded(function))
                for endpoint, method, pattern, function in routes]

    def wrong_method(self):
        return self.refusal("605")

    def latency(self, endpoint):
        return self.settings.latency_s if endpoint in ("leads", "delete", "import") else 0

    # The envelope

    def _envelope(self, **members):
        self.count("calls")
        return {"requestId": f"{self.counters['calls']:x}#14d{self.today:x}", **members}

    def good(self, result, **more):
        return json_reply(200, self._envelope(success=True, result=result, **more))

    def refusal(self, code, **details):
        self.count("refused_" + code)
        details.setdefault("calls", self.settings.window_calls)
        details.setdefault("window", self.settings.window_s)
        return json_reply(200, self._envelope(success=False, errors=[words(code, **details)]))

    def refuse(self, code, **details):
        return Refused(self.refusal(code, **details))

    # What every call has to get past

    def _guarded(self, function):
        def run(request, form, *segments):
            self._admit(request, form)
            reply = function(request, form, *segments)
            work, number = reply.commit, self.counters["calls"]
            self.running.add(number)
            most = max(self.counters.get("parallel", 0), len(self.running))
            self.counters["parallel"] = most

            def commit():
                self.running.discard(number)
                if work:
                    work()
            reply.commit = commit
            return reply
        return run

    def _admit(self, request, form):
        self._admit_token(request, form)
        now, settings = self.authority.clock(), self.settings
        while self.calls and self.calls[0] <= now - settings.window_s:
            self.calls.popleft()
        if settings.window_calls and len(self.calls) >= settings.window_calls:
            raise self.refuse("606")
        if settings.parallel and len(self.running) >= settings.parallel:
            raise self.refuse("615")
        if settings.daily_quota and self.today >= settings.daily_quota:
            raise self.refuse("607")
        self.calls.append(now)
        self.today += 1
        if len(request.target) > URI_MAX:
            raise Refused(RestReply(414, b"URI too long"))
        large = not request.target.startswith("/bulk/")
        if large and settings.body and len(request.body) > settings.body:
            raise Refused(RestReply(413, b"Request entity too large"))

    def _admit_token(self, request, form):
        if "access_token" in form:
            self.authority.violation("an access token in an address or a form")
        token, access = self.bearer(request)
        if not token:
            raise self.refuse("600")
        if access is None or not access.family.alive:
            raise self.refuse("601")
        if self.authority.clock() >= access.expires_at:
            raise self.refuse("602")

    # What there is

    def managed(self, told):
        """Does Marketo's own sync with a CRM own this field?"""
        return self.settings.native_sync and (told["system"] or told["company"])

    def describe2(self, _request, _form):
        public = ("name", "displayName", "dataType", "length", "updateable")
        return self.good([{
            "name": "API Lead",
            "searchableFields": [[n] for n, told in self.fields.items() if told["key"]],
            "fields": [{**{k: told[k] for k in public if k != "length" or told[k]},
                        "crmManaged": self.managed(told)} for told in self.fields.values()]}])

    def describe(self, _request, _form):
        listed = [{"id": i, "displayName": told["displayName"], "dataType": told["dataType"],
                   "rest": {"name": n, "readOnly": not told["updateable"]},
                   **({"length": told["length"]} if told["length"] else {})}
                  for i, (n, told) in enumerate(self.fields.items(), 1)]
        listed.append({"id": len(listed) + 1, "displayName": "Only for SOAP", "dataType": "string",
                       "soap": {"name": "OnlySoap", "readOnly": False}})
        return self.good(listed)

    def usage(self, _request, _form):
        date = datetime.datetime.now(CENTRAL).date().isoformat()
        return self.good([{"date": date, "total": self.today,
                           "users": [{"userId": USER, "count": self.today}]}])

    # Who there is

    def matches(self, column, value):
        """The ids of the persons with this value."""
        if column == "id":
            number = int(value) if str(value).isdigit() else 0
            return [number] if number in self.persons else []
        return list(self.index.get(column, {}).get(str(value).lower(), ()))

    def _lookup(self, column):
        told = self.fields.get(column)
        if told is None or not told["key"]:
            raise self.refuse("1011", detail=column)

    def find(self, _request, form):
        column = form.get("filterType", "")
        self._lookup(column)
        values = [v for v in form.get("filterValues", "").split(",") if v]
        if not values:
            raise self.refuse("1002", detail="filterValues")
        if self.settings.records and len(values) > self.settings.records:
            raise self.refuse("1003", detail="more than 300 filterValues")
        found = sorted({i for v in values for i in self.matches(column, v)})
        if len(found) > HITS_MAX:
            raise self.refuse("1003", detail="more than 1000 hits")
        return self._found(found, form)

    def _found(self, found, form):
        asked = form.get("fields", "") or "email,updatedAt,createdAt,lastName,firstName"
        columns = [c for c in asked.split(",") if c and c != "id"]
        for column in columns:
            if column not in self.fields:
                raise self.refuse("1006", detail=column)
        start, size = 0, min(int(form.get("batchSize", RECORDS_MAX)), RECORDS_MAX)
        if form.get("nextPageToken"):
            start = int(form["nextPageToken"].removeprefix("page"))
        page = found[start:start + size]
        more = {"nextPageToken": f"page{start + size}"} if start + size < len(found) else {}
        return self.good([{"id": i, **{c: (self.persons[i] or {}).get(c) for c in columns}}
                          for i in page], **more)

    # What is brought

    def sync_or_find(self, request, form):
        if form.get("_method") == "GET":
            return self.find(request, form)
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise self.refuse("612")
        body = body_of(request)
        if body is None:
            raise self.refuse("609")
        action, column = body.get("action", "createOrUpdate"), body.get("lookupField", "email")
        if action not in ("createOrUpdate", "createOnly", "updateOnly", "createDuplicate"):
            raise self.refuse("1003", detail="action")
        self._lookup(column)
        if column == "id" and action != "updateOnly":
            raise self.refuse("1003", detail="id is a lookupField of updateOnly alone")
        records = self._input(body)
        results, flight = self.bring(records, action, column)
        reply = self.good(results)
        reply.commit = lambda: self.land(flight)
        return reply

    def _input(self, body):
        records = body.get("input")
        if not isinstance(records, list) or not records:
            raise self.refuse("701", detail="input")
        if self.settings.records and len(records) > self.settings.records:
            self.authority.violation(f"{len(records)} records in a call")
            raise self.refuse("1003", detail="more than 300 records")
        if not all(isinstance(record, dict) for record in records):
            raise self.refuse("609")
        return records

    def bring(self, records, action, column):
        """Decide on records; what is to come of them happens when land() is called. Returns
        (results, flight)."""
        flight = InFlight({str(r.get(column, "")).lower() for r in records} - {""})
        self.count("records", len(records))
        for other in self.flights:
            self.count("overlaps", len(flight.keys & other.keys))
        self.flights.add(flight)
        seen, results = set(), []
        for record in records:
            key = str(record.get(column) or "").lower()
            code, detail = self._problem(record, action, column, key, seen)
            seen.add(key)
            if code:
                self.count("skipped")
                results.append({"status": "skipped", "reasons": [words(code, detail=detail)]})
            else:
                results.append(self._accept(flight, record, action, column, key))
        return results, flight

    def _accept(self, flight, record, action, column, key):
        found = [] if action == "createDuplicate" else self.matches(column, key)
        if found:
            flight.changes.append((found[0], record, None))
            self.count("updated")
            return {"id": found[0], "status": "updated"}
        number = self.next_id
        self.next_id += 1
        flight.changes.append((number, record, (column, key)))
        self.count("created")
        return {"id": number, "status": "created"}

    def _problem(self, record, action, column, key, seen):
        """(code, detail) why a record is skipped; ("", "") where it is not."""
        ordered = self.ordered(self.orders, key)
        if ordered:
            return ordered, ""
        if not key and action != "createDuplicate":
            return "1002", column
        if key in seen and action != "createDuplicate":
            return "1036", ""
        found = self.matches(column, key)
        if len(found) > 1 and action != "createDuplicate":
            return "1007", ""
        if action == "updateOnly" and not found:
            return "1004", ""
        if action == "createOnly" and found:
            return "1005", ""
        for name, value in record.items():
            code, detail = self._wrong_value(name, value)
            if code and (name, column) != ("id", "id"):
                return code, detail
        return "", ""

    @staticmethod
    def ordered(orders, key):
        """The code that is ordered for a key."""
        order = orders.get(key)
        if order is None:
            return ""
        order[1] -= order[1] > 0
        if order[1] == 0:
            del orders[key]
        return order[0]

    def _wrong_value(self, name, value):
        told = self.fields.get(name)
        if told is None or not told["updateable"]:
            return "1006", name
        if self.managed(told):
            return ("1021" if told["company"] else "1018"), ""
        if value is None or value == "" or not self.settings.strict_values:
            return "", ""
        if name == "email" and not EMAIL.fullmatch(str(value)):
            return "1003", f"Value for required field 'email' is not valid: {value}"
        if not has_type(value, told["dataType"], told["length"]):
            return "1001", f"{value!r:.60}' for field '{name}"
        return "", ""

    def land(self, flight):
        """What was decided happens."""
        self.flights.discard(flight)
        keys = [n for n, told in self.fields.items() if told["key"] and n != "id"]
        for number, record, born in flight.changes:
            if born:
                column, key = born
                if key and self.matches(column, key):
                    self.count("duplicates")
                self.persons[number] = None
            elif number not in self.persons:
                continue
            self._set(number, record, keys)

    def _set(self, number, record, keys):
        person = dict(self.persons[number] or ())
        for name in keys:
            if name in record:
                self._reindex(name, person.get(name), record[name], number)
        for name in record if self.settings.values_kept else keys:
            if name != "id" and name in record:
                person[name] = None if record[name] == "" else record[name]
        self.persons[number] = person

    def _reindex(self, name, old, new, number):
        index = self.index.setdefault(name, {})
        if old:
            ids = index.get(str(old).lower(), [])
            if number in ids:
                ids.remove(number)
            if not ids:
                index.pop(str(old).lower(), None)
        if new:
            index.setdefault(str(new).lower(), []).append(number)

    def delete(self, request, form):
        body = body_of(request) or {}
        records = self._input(body if "input" in body else
                              {"input": [{"id": v} for v in form.get("id", "").split(",") if v]})
        results, doomed = [], []
        for record in records:
            found = self.matches("id", record.get("id"))
            if found and found[0] not in doomed:
                doomed += found
                results.append({"id": found[0], "status": "deleted"})
            else:
                results.append({"id": record.get("id"), "status": "skipped",
                                "reasons": [words("1004")]})
        self.count("deleted", len(doomed))
        reply = self.good(results)
        reply.commit = lambda: self._forget(doomed)
        return reply

    def _forget(self, doomed):
        for number in doomed:
            person = self.persons.pop(number, None) or {}
            for name in self.index:
                if person.get(name):
                    self._reindex(name, person[name], None, number)

    # Control

    def more_verbs(self):
        return {**super().more_verbs(), "persons": self.tell_persons, "person": self.tell_person,
                "totals": self.tell_totals, "field": self.field, "refuse": self.order_refusal,
                "warn": self.order_warning, "new_day": self.new_day, "put": self.put}

    def tell_persons(self, start=0, count=1000):
        """Some of the persons, [id, {field: value}], in order of their ids, and where the next
        ones begin."""
        numbers = sorted(n for n in self.persons if n >= start)[:count]
        return {"persons": [[n, self.persons[n]] for n in numbers],
                "next": numbers[-1] + 1 if len(numbers) == count else None}

    def tell_person(self, key, field="email"):
        return {"persons": [[n, self.persons[n]] for n in self.matches(field, key)]}

    def tell_totals(self):
        """How many persons there are, and how many share their key with another."""
        shared = {name: sum(len(ids) - 1 for ids in index.values())
                  for name, index in self.index.items()}
        return {"persons": len(self.persons), "shared": shared, "today": self.today}

    def field(self, name, drop=False, **changes):
        """Change what describe tells of a field, add one, or take it away."""
        if drop:
            del self.fields[name]
            return {}
        fresh = {"name": name, "displayName": name, "dataType": "string", "length": 255,
                 "updateable": True, "key": False, "system": False, "company": False}
        unknown = set(changes) - set(fresh)
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        self.fields[name] = {**fresh, **self.fields.get(name, {}), **changes}
        return {}

    def order_refusal(self, keys, code, times=1):
        """Skip the records of these keys with a code, so many times; -1 for good. Times 0 takes
        the order back."""
        return self._order(self.orders, keys, code, times)

    def order_warning(self, keys, code, times=1):
        """The same for warnings of imports."""
        return self._order(self.warnings, keys, code, times)

    @staticmethod
    def _order(orders, keys, code, times):
        for key in keys:
            orders.pop(key.lower(), None)
            if times:
                orders[key.lower()] = [code, times]
        return {}

    def new_day(self):
        """It is midnight at Marketo."""
        self.today = 0
        return {}

    def put(self, person):
        """Somebody who is there already."""
        number = self.next_id
        self.next_id += 1
        self.persons[number] = None
        self._set(number, person, [n for n, told in self.fields.items() if told["key"]])
        return {"id": number}


def has_type(value, kind, length):
    """Is it a value of this dataType?"""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", *NUMBERS):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return kind in NUMBERS or float(value).is_integer()
    if not isinstance(value, str):
        return False
    if kind == "date":
        return DATE.fullmatch(value) is not None
    if kind == "datetime":
        return DATETIME.fullmatch(value) is not None
    if kind == "text":
        return len(value.encode()) <= length
    return len(value) <= length
