#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The simulated Salesforce does what Salesforce documents, and misbehaves only as ordered."""

import base64
import contextlib
import csv
import hashlib
import hmac
import http.client
import io
import json
import sys
import tempfile
import time
import urllib.parse

sys.dont_write_bytecode = True

from people import BASE_TIME, People, Shape, id18, moment, number_of, record_id  # noqa: E402
from people import seconds_of  # noqa: E402
from tap import behaviour, equal, run, true, within  # noqa: E402
from vendors import Salesforce  # noqa: E402

DIRECTORY = tempfile.TemporaryDirectory(prefix="grantd-selftest-")
V = "/services/data/v66.0"
ALL_IN_ORDER = "ORDER BY SystemModstamp ASC, Id ASC"


class Session:
    """A client with a token."""

    def __init__(self, server):
        self.server = server
        self.client = server.client()
        self.token = server.token(self.client)

    def send(self, method, path, body=None, **headers):
        if body is not None:
            headers["Content-Type"] = "application/json"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.send(method, path, None if body is None else json.dumps(body),
                                {"Authorization": "Bearer " + self.token, **named})

    def get(self, path, **headers):
        return self.send("GET", V + path, **headers)

    def ask(self, soql, resource="query", **headers):
        return self.get(f"/{resource}?q=" + urllib.parse.quote(soql), **headers)

    def rows(self, soql, resource="query"):
        """All records of a query, page after page."""
        answer = self.ask(soql, resource).json
        found = answer["records"]
        while "nextRecordsUrl" in answer:
            answer = self.send("GET", answer["nextRecordsUrl"]).json
            found += answer["records"]
        return found

    def numbers(self, soql, resource="query"):
        return [number_of(row["Id"])[1] for row in self.rows(soql, resource)]


@contextlib.contextmanager
def org(**shape):
    with Salesforce(DIRECTORY.name, **{"leads": 30, "contacts": 15, **shape}) as server:
        session = Session(server)
        yield server, session
        session.client.close()


def code_of(answer):
    """Of an error: an array of objects."""
    return answer.status, answer.json[0]["errorCode"]


def person(server, key):
    return dict(server.expected())[key]


# OAuth


@behaviour("a token reply has instance_url, id, issued_at in milliseconds, a right signature, and "
           "no expires_in")
def _():
    with org() as (server, s):
        answer = s.client.post("/services/oauth2/token", {
            "grant_type": "client_credentials", "client_id": server.info["client_id"],
            "client_secret": server.info["client_secret"], "scope": "api id"}).json
        equal(answer["instance_url"], server.url)
        true("expires_in" not in answer, "no expires_in")
        equal(len(answer["issued_at"]), 13, "digits of issued_at")
        message = (answer["id"] + answer["issued_at"]).encode()
        mac = hmac.new(server.info["client_secret"].encode(), message, hashlib.sha256).digest()
        equal(answer["signature"], base64.b64encode(mac).decode())
        path = urllib.parse.urlsplit(answer["id"]).path
        identity = s.send("GET", path).json
        equal(identity["username"], "sync@acme.example")
        server.setup(username="other@acme.example")
        equal(s.send("GET", "/services/oauth2/userinfo").json["username"], "other@acme.example")


@behaviour("a pasted code is exchanged; a refresh brings no refresh token, unless they rotate")
def _():
    with org() as (server, s):
        about = {"client_id": server.info["client_id"],
                 "redirect_uri": server.info["redirect_uri"]}
        url = server.url + "/services/oauth2/authorize?" + urllib.parse.urlencode(
            {"response_type": "code", "scope": "api", **about})
        back = urllib.parse.urlsplit(server.control("authorize", url=url)["location"])
        code = urllib.parse.parse_qs(back.query)["code"][0]
        secret = {**about, "client_secret": server.info["client_secret"]}
        first = s.client.post("/services/oauth2/token", {
            "grant_type": "authorization_code", "code": code, **secret}).json
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **secret}
        true("refresh_token" not in s.client.post("/services/oauth2/token", form).json, "kept")
        server.configure(rotate=True)
        second = s.client.post("/services/oauth2/token", form).json
        true(second["refresh_token"] != first["refresh_token"], "another one")


@behaviour("a bad token is 401 INVALID_SESSION_ID, none INVALID_AUTH_HEADER, and userinfo says "
           "403 Bad_OAuth_Token as text")
def _():
    with org() as (server, s):
        server.control("end_tokens")
        equal(code_of(s.get("/limits")), (401, "INVALID_SESSION_ID"))
        answer = s.send("GET", "/services/oauth2/userinfo")
        equal((answer.status, answer.body), (403, b"Bad_OAuth_Token"))
        equal(code_of(s.client.get(V + "/limits")), (401, "INVALID_AUTH_HEADER"))
        s.token = server.token(s.client)
        equal(s.get("/limits").status, 200)
        server.control("age_tokens")
        equal(code_of(s.get("/limits")), (401, "INVALID_SESSION_ID"))
        equal(server.counters()["refused_tokens"], 2)


@behaviour("a token in an address is noted as a violation")
def _():
    with org() as (server, s):
        s.get("/limits?access_token=x")
        equal(len(server.control("log")["violations"]), 1)


# Versions, limits


@behaviour("versions are told without a token, and one that is not there is 404")
def _():
    with org() as (server, s):
        told = s.client.get("/services/data").json
        equal([v["version"] for v in told], ["66.0", "67.0", "68.0"])
        server.setup(versions=["60.0"])
        equal(code_of(s.get("/limits")), (404, "NOT_FOUND"))
        equal(s.send("GET", "/services/data/v60.0/limits").status, 200)


@behaviour("every reply tells the calls of the day; at the end of the allowance is "
           "REQUEST_LIMIT_EXCEEDED")
def _():
    with org() as (server, s):
        server.setup(daily_max=3)
        equal(s.get("/limits").headers["Sforce-Limit-Info"], "api-usage=1/3")
        equal(s.get("/limits").json["DailyApiRequests"], {"Max": 3, "Remaining": 1})
        server.setup(limit_info="api-usage=18/5000, per-app-api-usage=17/250(appName=a)")
        within(s.get("/limits").headers["Sforce-Limit-Info"], ["per-app"])
        equal(code_of(s.get("/limits")), (403, "REQUEST_LIMIT_EXCEEDED"))
        server.setup(daily_max=100, limit_info="", limits_told=False)
        answer = s.get("/limits")
        equal(answer.headers["Sforce-Limit-Info"], None)
        equal(answer.json["DailyApiRequests"], {})


@behaviour("with the API disabled, all but the versions and the identity is 403")
def _():
    with org() as (server, s):
        server.setup(api_disabled="API_DISABLED_FOR_ORG")
        equal(code_of(s.get("/limits")), (403, "API_DISABLED_FOR_ORG"))
        equal(code_of(s.ask("SELECT Id FROM Lead")), (403, "API_DISABLED_FOR_ORG"))
        equal(s.client.get("/services/data").status, 200)
        equal(s.send("GET", "/services/oauth2/userinfo").status, 200)


@behaviour("every error code can be ordered, and comes as an array with its status")
def _():
    with org() as (server, s):
        for code, status in (("QUERY_TIMEOUT", 400), ("INVALID_SESSION_ID", 401),
                             ("REQUEST_LIMIT_EXCEEDED", 403), ("UNKNOWN_EXCEPTION", 500),
                             ("SERVER_UNAVAILABLE", 503)):
            server.refuse("query", code)
            equal(code_of(s.ask("SELECT Id FROM Lead")), (status, code))
        equal(s.ask("SELECT Id FROM Lead").status, 200)


@behaviour("a page of HTML with 503, and a body that ends too early, can be ordered")
def _():
    with org() as (server, s):
        server.unavailable("describe")
        answer = s.get("/sobjects/Lead/describe")
        equal((answer.status, answer.headers["Content-Type"]), (503, "text/html"))
        within(answer.body.decode(), ["<html>"])
        server.cut("query")
        try:
            s.ask("SELECT Id FROM Lead")
            raise AssertionError("the body was whole")
        except http.client.IncompleteRead as error:
            equal(len(error.partial), 100)
        equal(len(s.rows("SELECT Id FROM Lead")), 30)


# Describe


@behaviour("describe tells the fields, and 304 without a body as long as nothing changed")
def _():
    with org() as (server, s):
        first = s.get("/sobjects/Lead/describe")
        equal((first.json["name"], first.json["queryable"]), ("Lead", True))
        email = next(f for f in first.json["fields"] if f["name"] == "Email")
        equal((email["type"], email["length"], email["updateable"]), ("email", 80, True))
        again = s.get("/sobjects/Lead/describe",
                      If_Modified_Since=first.headers["Last-Modified"])
        equal((again.status, again.body), (304, b""))
        server.control("hide", fields=["Lead.Phone"])
        third = s.get("/sobjects/Lead/describe", If_Modified_Since=first.headers["Last-Modified"])
        equal(third.status, 200)
        true("Phone" not in [f["name"] for f in third.json["fields"]], "hidden")


@behaviour("a hidden field is INVALID_FIELD in SOQL, also of a parent; other fields stay")
def _():
    with org() as (server, s):
        server.control("hide", fields=["Lead.Phone", "Account.Site"])
        equal(code_of(s.ask("SELECT Id, Phone FROM Lead")), (400, "INVALID_FIELD"))
        equal(code_of(s.ask("SELECT Account.Site FROM Contact")), (400, "INVALID_FIELD"))
        equal(s.ask("SELECT Id, Phone FROM Contact").status, 200)


@behaviour("a hidden object is 404 in describe, INVALID_TYPE in SOQL, and not listed")
def _():
    with org() as (server, s):
        names = [o["name"] for o in s.get("/sobjects/").json["sobjects"]]
        equal(names, ["Lead", "Contact", "Account", "User"])
        server.control("hide", objects=["Lead"])
        equal(code_of(s.get("/sobjects/Lead/describe")), (404, "NOT_FOUND"))
        equal(code_of(s.ask("SELECT Id FROM Lead")), (400, "INVALID_TYPE"))
        names = [o["name"] for o in s.get("/sobjects/").json["sobjects"]]
        equal(names, ["Contact", "Account", "User"])


# SOQL


@behaviour("a query answers with what was selected: attributes, parents nested, compounds in parts")
def _():
    with org() as (_, s):
        row = s.ask("SELECT Id, Email, Account.Name, Owner.Email, MailingAddress FROM Contact "
                    "LIMIT 1").json["records"][0]
        equal(list(row), ["attributes", "Id", "Email", "MailingAddress", "Account", "Owner"])
        equal(row["attributes"]["type"], "Contact")
        equal(row["Id"], record_id("Contact", 0))
        true(row["Account"] is None or row["Account"]["attributes"]["type"] == "Account", "parent")
        within(row["Owner"]["Email"], ["@example.com"])
        equal(sorted(row["MailingAddress"]), ["city", "country", "postalCode", "state", "street"])


@behaviour("some contacts have no account, and the parent is null then")
def _():
    with org(contacts=200) as (_, s):
        rows = s.rows("SELECT AccountId, Account.Name FROM Contact")
        for row in rows:
            equal(row["Account"] is None, row["AccountId"] is None)
        true(0 < sum(r["Account"] is None for r in rows) < 100, "some")


@behaviour("pages follow each other without a gap, have the size of the settings or the header, "
           "and a page can be asked for again")
def _():
    with org(leads=1000) as (server, s):
        server.setup(page_size=300)
        equal(s.numbers(f"SELECT Id FROM Lead {ALL_IN_ORDER}"), list(range(1000)))
        first = s.ask("SELECT Id FROM Lead").json
        equal((first["totalSize"], first["done"], len(first["records"])), (1000, False, 300))
        again = [s.send("GET", first["nextRecordsUrl"]).json["records"] for _ in range(2)]
        equal(again[0], again[1])
        server.setup(page_size=2000)
        hinted = s.ask("SELECT Id FROM Lead", Sforce_Query_Options="batchSize=250").json
        equal(len(hinted["records"]), 250)


@behaviour("`done` can be left out, and locators die as ordered, or when ten others are younger")
def _():
    with org(leads=100) as (server, s):
        server.setup(page_size=30, omit_done=True, locator_pages=2)
        first = s.ask("SELECT Id FROM Lead").json
        true("done" not in first, "no done")
        second = s.send("GET", first["nextRecordsUrl"]).json
        equal(code_of(s.send("GET", second["nextRecordsUrl"])), (400, "INVALID_QUERY_LOCATOR"))
        server.setup(locator_pages=0)
        old = s.ask("SELECT Id FROM Lead").json["nextRecordsUrl"]
        for _ in range(9):
            s.ask("SELECT Id FROM Lead")
        equal(s.send("GET", old).status, 200)
        s.ask("SELECT Id FROM Lead")
        equal(code_of(s.send("GET", old)), (400, "INVALID_QUERY_LOCATOR"))


@behaviour("a result is a snapshot: what changes between two pages does not move in it")
def _():
    with org(leads=100) as (server, s):
        server.setup(page_size=60)
        first = s.ask(f"SELECT Id, Title FROM Lead {ALL_IN_ORDER}").json
        before = s.rows(f"SELECT Id, Title FROM Lead {ALL_IN_ORDER}")
        server.control("change", object="Lead", count=50)
        rest = s.send("GET", first["nextRecordsUrl"]).json["records"]
        equal(first["records"] + rest, before)


@behaviour("three generated records share a stamp, and windows of SystemModstamp cut between")
def _():
    with org() as (_, s):
        at = [moment(BASE_TIME + n).replace(".000+0000", "Z") for n in range(10)]
        where = "SELECT Id FROM Lead WHERE SystemModstamp"
        equal(s.numbers(f"{where} >= {at[9]}"), [27, 28, 29])
        equal(s.numbers(f"{where} > {at[8]}"), [27, 28, 29])
        equal(s.numbers(f"{where} >= {at[2]} AND SystemModstamp < {at[4]}"), list(range(6, 12)))
        equal(s.numbers(f"{where} <= {at[0]}"), [0, 1, 2])
        equal(s.numbers(f"{where} = {at[1]}"), [3, 4, 5])
        plus = at[9].replace("Z", "+00:00")
        equal(s.numbers(f"{where} >= {plus}"), [27, 28, 29])


@behaviour("Id IN, Email IN, = and NOT IN, and count() are understood; addresses have no case")
def _():
    with org(leads=300) as (_, s):
        row = s.rows("SELECT Id, Email FROM Lead WHERE Id IN ('{}')".format(
            record_id("Lead", 17)))[0]
        equal(number_of(row["Id"]), ("Lead", 17))
        quoted = [r["Email"].replace("'", "\\'") for r in s.rows("SELECT Email FROM Lead")]
        true(any("\\'" in q for q in quoted), "some have to be escaped")
        wanted = ",".join(f"'{q.upper()}'" for q in quoted[:40])
        equal(s.numbers(f"SELECT Id FROM Lead WHERE Email IN ({wanted})"), list(range(40)))
        equal(s.numbers(f"SELECT Id FROM Lead WHERE Email = '{quoted[7]}'"), [7])
        short = record_id("Lead", 5)[:15]
        equal(s.numbers(f"SELECT Id FROM Lead WHERE Id IN ('{short}')"), [5])
        few = s.numbers(f"SELECT Id FROM Lead WHERE Email NOT IN ({wanted}) AND LastName != 'x'")
        equal(few, list(range(40, 300)))
        answer = s.ask("SELECT count() FROM Lead").json
        equal((answer["totalSize"], answer["records"]), (300, []))


@behaviour("what is no SOQL is MALFORMED_QUERY, too long an address 414, too many rows "
           "QUERY_TIMEOUT")
def _():
    with org() as (server, s):
        for text in ("SELECT FROM Lead", "Id FROM Lead", "SELECT Id FROM Lead WHERE",
                     "SELECT Id FROM Lead ORDER SystemModstamp",
                     "SELECT Id FROM Lead WHERE Id = 'x"):
            equal(code_of(s.ask(text)), (400, "MALFORMED_QUERY"), text)
        equal(s.ask("SELECT Id FROM Lead WHERE Id IN ('" + "x" * 17000 + "')").status, 414)
        server.setup(query_rows_max=20)
        equal(code_of(s.ask("SELECT Id FROM Lead")), (400, "QUERY_TIMEOUT"))
        equal(s.ask("SELECT Id FROM Contact").status, 200)


@behaviour("the bin is seen by queryAll and IsDeleted, not by query; what is purged by none")
def _():
    with org(leads=30, deleted=10, merged=7) as (server, s):
        # 9, 19, 29 are deleted; 6, 13, 20, 27 were merged into the one before
        alive = sorted(set(range(30)) - {9, 19, 29, 6, 13, 20, 27})
        equal(s.numbers("SELECT Id FROM Lead"), alive)
        equal(s.ask("SELECT count() FROM Lead").json["totalSize"], 23)
        gone = s.rows("SELECT Id, MasterRecordId FROM Lead WHERE IsDeleted = true", "queryAll")
        equal([number_of(r["Id"])[1] for r in gone], [6, 9, 13, 19, 20, 27, 29])
        equal(gone[0]["MasterRecordId"], record_id("Lead", 5))
        equal(s.numbers("SELECT Id FROM Lead WHERE IsDeleted = false", "queryAll"), alive)
        doomed = server.control("delete", object="Lead", count=2)["ids"]
        equal(len(s.numbers("SELECT Id FROM Lead")), 21)
        server.control("purge", object="Lead", ids=doomed[:1])
        equal(len(s.numbers("SELECT Id FROM Lead", "queryAll")), 29)
        server.control("restore", object="Lead", ids=doomed[1:])
        equal(len(s.numbers("SELECT Id FROM Lead")), 22)


# What changes


@behaviour("changes, new records, conversions and merges bump SystemModstamp, and nothing else "
           "does")
def _():
    with org(leads=100, contacts=50) as (server, s):
        since = moment(int(time.time()) - 1).replace(".000+0000", "Z")
        recent = f"WHERE SystemModstamp >= {since}"
        changed = server.control("change", object="Lead", count=10)["ids"]
        made = server.control("create", object="Contact", count=2)["ids"]
        converted = server.control("convert", count=3)["ids"]
        merged = server.control("merge", object="Lead", count=4)["ids"]
        leads = {r["Id"]: r for r in s.rows(
            "SELECT Id, IsConverted, ConvertedContactId, IsDeleted, MasterRecordId "
            f"FROM Lead {recent}", "queryAll")}
        equal(set(leads), set(changed) | {a for a, _ in converted}
              | {i for pair in merged for i in pair})
        for lead, contact in converted:
            equal((leads[lead]["IsConverted"], leads[lead]["ConvertedContactId"]), (True, contact))
        for winner, loser in merged:
            equal((leads[loser]["IsDeleted"], leads[loser]["MasterRecordId"]), (True, winner))
        contacts = [r["Id"] for r in s.rows(f"SELECT Id FROM Contact {recent} {ALL_IN_ORDER}")]
        equal(sorted(contacts), sorted(made + [b for _, b in converted]))


@behaviour("a late commit has an older stamp than what was seen before")
def _():
    with org() as (server, s):
        seen = server.control("change", object="Lead", count=1)["ids"]
        late = server.control("change", object="Lead", count=1, late_s=60)["ids"]
        rows = s.rows(f"SELECT Id, SystemModstamp FROM Lead {ALL_IN_ORDER}")[-2:]
        equal([r["Id"] for r in rows], late + seen)
        stamps = [seconds_of(r["SystemModstamp"]) for r in rows]
        true(58 <= stamps[1] - stamps[0] <= 60, "a minute")


@behaviour("edit gives a record any value")
def _():
    with org() as (server, s):
        lead = record_id("Lead", 3)
        server.control("edit", id=lead, fields={"Email": None, "Title": "a\u0000b"})
        row = s.rows(f"SELECT Email, Title FROM Lead WHERE Id = '{lead}'")[0]
        equal((row["Email"], row["Title"]), (None, "a\u0000b"))


@behaviour("updated and deleted list ids by whole minutes, and refuse too old a start")
def _():
    with org() as (server, s):
        changed = server.control("change", object="Lead", count=3)["ids"]
        gone = server.control("delete", object="Lead", count=2)["ids"]
        now = int(time.time())

        def span(start, end):
            return "start={}&end={}".format(*(
                urllib.parse.quote(moment(t).replace(".000", "").replace("+0000", "+00:00"))
                for t in (start, end)))
        query = span(now - 3600, now + 120)
        answer = s.get(f"/sobjects/Lead/updated/?{query}").json
        equal(sorted(answer["ids"]), sorted(changed))
        equal(answer["latestDateCovered"], moment((now + 120) // 60 * 60))
        answer = s.get(f"/sobjects/Lead/deleted/?{query}").json
        equal(sorted(r["id"] for r in answer["deletedRecords"]), sorted(gone))
        for resource, days in (("updated", 31), ("deleted", 16)):
            answer = s.get(f"/sobjects/Lead/{resource}/?{span(now - days * 86400, now)}")
            equal(code_of(answer), (400, "INVALID_REPLICATION_DATE"), resource)


# Bulk


def begin(s, soql, **more):
    return s.send("POST", V + "/jobs/query", {
        "operation": "query", "query": soql, "contentType": "CSV", "columnDelimiter": "COMMA",
        "lineEnding": "LF", **more})


@behaviour("a bulk job is UploadComplete, InProgress, JobComplete; before that results are 412")
def _():
    with org() as (server, s):
        server.setup(bulk_polls=3)
        job = begin(s, "SELECT Id FROM Lead").json
        equal(job["state"], "UploadComplete")
        path = "/jobs/query/" + job["id"]
        equal(code_of(s.get(path + "/results")), (412, "JOB_NOT_COMPLETE"))
        states = [s.get(path).json["state"] for _ in range(3)]
        equal(states, ["InProgress", "InProgress", "JobComplete"])
        equal(s.get(path + "/results").status, 200)
        equal(s.send("GET", f"/services/data/v67.0{path}").status, 409)
        equal(s.send("DELETE", V + path).status, 204)
        equal(s.get(path).status, 404)


@behaviour("bulk results are CSV in chunks, columns as asked, with quoted newlines, the last one "
           "with the locator null")
def _():
    with org(leads=100, contacts=70) as (server, s):
        server.setup(bulk_polls=1)
        soql = "SELECT Email, Id, MailingStreet, Description, Account.Name, HasOptedOutOfEmail, " \
            "CreatedDate FROM Contact"
        path = "/jobs/query/" + begin(s, soql).json["id"]
        s.get(path)
        rows, locator, sizes = [], "", []
        while locator != "null" and len(sizes) < 3:
            answer = s.get(f"{path}/results?maxRecords=30" + (locator and "&locator=" + locator))
            chunk = list(csv.reader(io.StringIO(answer.body.decode(), newline="")))
            equal(chunk[0], ["Email", "Id", "MailingStreet", "Description", "Account.Name",
                             "HasOptedOutOfEmail", "CreatedDate"])
            rows += chunk[1:]
            sizes.append(answer.headers["Sforce-NumberOfRecords"])
            locator = answer.headers["Sforce-Locator"]
        equal((sizes, locator), (["30", "30", "10"], "null"))
        whole = s.rows(soql)
        equal([r[1] for r in rows], [r["Id"] for r in whole])
        equal([r[3] for r in rows], [r["Description"] or "" for r in whole])
        equal([r[2] for r in rows], [r["MailingStreet"] for r in whole])
        equal([r[4] for r in rows], [(r["Account"] or {"Name": ""})["Name"] for r in whole])
        equal([r[5] for r in rows], [str(r["HasOptedOutOfEmail"]).lower() for r in whole])
        equal(rows[0][6], whole[0]["CreatedDate"].replace("+0000", "Z"))
        true(any("\n" in r[2] for r in rows) and any('"' in r[3] for r in rows), "awkward cells")


@behaviour("a bulk job fails as ordered, with a compound field, or with what is not visible")
def _():
    with org() as (server, s):
        server.setup(bulk_polls=1, bulk_error="TXN_SECURITY_METERING_ERROR")
        job = begin(s, "SELECT Id FROM Lead").json
        told = s.get("/jobs/query/" + job["id"]).json
        equal((told["state"], told["errorMessage"]), ("Failed", "TXN_SECURITY_METERING_ERROR"))
        equal(code_of(begin(s, "SELECT Id, Address FROM Lead")), (400, "API_ERROR"))
        equal(code_of(begin(s, "SELECT Foo FROM Lead")), (400, "INVALID_FIELD"))
        equal(begin(s, "SELECT Id FROM Lead", contentType="JSON").status, 400)


# The people


@behaviour("an id of 15 characters becomes the documented one of 18, and numbers ids in order")
def _():
    equal(id18("001D000000IqhSL"), "001D000000IqhSLIAZ")
    ids = [record_id("Lead", n) for n in (0, 1, 61, 62, 3843, 3844, 1000000)]
    equal(ids, sorted(ids))
    equal(number_of(ids[-1]), ("Lead", 1000000))
    equal(number_of(ids[-1][:15]), ("Lead", 1000000))


@behaviour("the same seed makes the same people, another seed others, in any order of asking")
def _():
    one, same, other = (People(Shape(seed=n)) for n in (1, 1, 2))
    backwards = [one.record("Lead", n) for n in reversed(range(100))]
    forwards = [same.record("Lead", n) for n in range(100)]
    equal(forwards, backwards[::-1])
    true(other.record("Lead", 5) != one.record("Lead", 5), "others")
    equal(one.pick("Contact", 20), same.pick("Contact", 20))


@behaviour("texts have quotes, breaks and letters of all scripts; long ones come as ordered")
def _():
    people = People(Shape(leads=200, long_texts=50, too_long=70))
    texts = [people.record("Lead", n) for n in range(200)]
    whole = json.dumps(texts, ensure_ascii=False)
    for piece in ('\\"', "\\n", "\\r\\n", "\\t", "\\\\", "漢字", "🙂", "Иванов"):
        true(piece in whole, piece)
    equal(len(texts[49]["Description"]), 12000)
    equal(len(texts[69]["Description"]), 31900)


@behaviour("addresses are unique, or shared and missing on order")
def _():
    people = People(Shape(leads=500, contacts=300))
    addresses = [people.record(o, n)["Email"].lower() for o, count in people.base.items()
                 if o in ("Lead", "Contact") for n in range(count)]
    equal(len(set(addresses)), 800)
    people = People(Shape(leads=100, contacts=20, share_leads=10, share_contacts=5, no_email=25))
    leads = [people.record("Lead", n)["Email"] for n in range(100)]
    equal(leads[9], leads[8].upper())
    equal([n for n in range(100) if leads[n] is None], [24, 49, 74, 99])
    equal([people.record("Contact", n)["Email"] for n in (0, 5)], [leads[0], leads[5]])
    equal(people.holders(leads[8].lower()), [("Lead", 8), ("Lead", 9)])


@behaviour("a generated conversion has a contact with the lead's name and address")
def _():
    people = People(Shape(leads=100, contacts=20, converted=10))
    lead = people.record("Lead", 29)
    contact = people.record("Contact", 2)
    equal((lead["IsConverted"], lead["ConvertedContactId"]), (True, contact["Id"]))
    equal((contact["Email"], contact["LastName"]), (lead["Email"], lead["LastName"]))
    equal(people.holders(lead["Email"].lower()), [("Lead", 29), ("Contact", 2)])


@behaviour("a million leads cost no memory: the last page comes as quickly as the first")
def _():
    with org(leads=1000000) as (_, s):
        last = moment(BASE_TIME + 333332).replace(".000+0000", "Z")
        answer = s.ask(f"SELECT Id FROM Lead WHERE SystemModstamp >= {last} {ALL_IN_ORDER}")
        equal([number_of(r["Id"])[1] for r in answer.json["records"]],
              [999996, 999997, 999998, 999999])


@behaviour("at least 5,000 rows a second of work are served in pages")
def _():
    with org(leads=20000) as (server, s):
        begun = server.counters()["cpu_s"]
        rows = s.rows("SELECT Id, Email, FirstName, LastName, Company, Title, Phone, Street, City, "
                      "Country, Description, Website, Industry, AnnualRevenue, SystemModstamp "
                      f"FROM Lead {ALL_IN_ORDER}")
        equal(len(rows), 20000)
        true(server.counters()["cpu_s"] - begun < 4, "20,000 rows in 4 s")


# What a correct sync makes of them


@behaviour("expected: each person once, with the fields of the default map in the target's form")
def _():
    with org(leads=40, contacts=20, no_email=20) as (server, s):
        persons = dict(server.expected())
        equal(len(persons), 58)
        row = s.rows("SELECT Email, FirstName, Street, AnnualRevenue, Status, Website FROM Lead "
                     f"WHERE Id = '{record_id('Lead', 4)}'")[0]
        have = persons[row["Email"]]
        equal([have[k] for k in ("firstName", "address", "annualRevenue", "leadStatus", "website")],
              [row[k] for k in ("FirstName", "Street", "AnnualRevenue", "Status", "Website")])
        row = next(r for r in s.rows("SELECT Email, Birthdate, Account.Name FROM Contact")
                   if r["Account"])
        have = persons[row["Email"]]
        equal((have["dateOfBirth"], have["company"]), (row["Birthdate"], row["Account"]["Name"]))
        true("leadStatus" not in have and "company" in have, "the map of contacts")


@behaviour("expected: of those who share an address, contacts win over leads, the younger over the "
           "older, and what only the older has stays")
def _():
    with org(leads=40, contacts=20, share_leads=10, share_contacts=8) as (server, s):
        persons = dict(server.expected())
        equal(len(persons), 40 - 4 + 20 - 3)
        leads = {number_of(r["Id"])[1]: r for r in s.rows("SELECT Id, Email, LastName, Rating "
                                                          "FROM Lead")}
        contact = s.rows("SELECT Email, LastName FROM Contact WHERE Id = '{}'".format(
            record_id("Contact", 8)))[0]
        shared = persons[leads[8]["Email"].lower()]  # of leads 8 and 9 and of contact 8
        equal((shared["lastName"], shared["rating"]), (contact["LastName"], leads[9]["Rating"]))
        equal(persons[leads[18]["Email"].lower()]["email"], leads[19]["Email"])


@behaviour("expected: a converted lead stays one person, with the contact's values over the lead's")
def _():
    with org(leads=40, contacts=20) as (server, s):
        server.control("checkpoint")
        (lead, contact), = server.control("convert", count=1)["ids"]
        row = s.rows(f"SELECT Email, LastName, Rating FROM Lead WHERE Id = '{lead}'")[0]
        server.control("edit", id=contact, fields={"LastName": "New"})
        persons = dict(server.expected())
        equal(len(persons), 60)
        have = persons[row["Email"]]
        equal((have["lastName"], have["rating"]), ("New", row["Rating"]))
    with org(leads=40, contacts=20, converted=10) as (server, s):
        # never seen as a lead: only what the contact has
        row = s.rows(f"SELECT Email FROM Lead WHERE Id = '{record_id('Lead', 9)}'")[0]
        true("rating" not in person(server, row["Email"]), "no rating")
        equal(len(dict(server.expected())), 56)


@behaviour("expected: with the id as the key, a converted lead's person gets the contact's id")
def _():
    with org(leads=10, contacts=5) as (server, _):
        server.control("expect", key="sourceId")
        server.control("checkpoint")
        (lead, contact), = server.control("convert", count=1)["ids"]
        persons = dict(server.expected())
        equal(len(persons), 15)
        true(lead not in persons, "not under the lead's id")
        equal(persons[contact]["sourceId"], contact)
        true(persons[contact]["rating"], "what the lead had")


@behaviour("expected: deleted and merged people stay, are flagged, or go, by the key deletes")
def _():
    with org(leads=20, contacts=5) as (server, s):
        server.control("checkpoint")
        gone, = server.control("delete", object="Lead", count=1)["ids"]
        (_, loser), = server.control("merge", object="Lead", count=1)["ids"]
        keys = [s.rows(f"SELECT Email FROM Lead WHERE Id = '{i}'", "queryAll")[0]["Email"]
                for i in (gone, loser)]
        equal(len(dict(server.expected())), 25)
        server.control("expect", deletes="flag", fields={"lead": {"IsDeleted": "sourceDeleted"}})
        equal([person(server, k)["sourceDeleted"] for k in keys], [True, True])
        server.control("expect", deletes="delete")
        equal(sorted(set(keys) - set(dict(server.expected()))), sorted(keys))
        equal(len(dict(server.expected())), 23)


@behaviour("expected: nobody is deleted whose address another record still has")
def _():
    with org(leads=20, contacts=5, share_leads=10) as (server, _):
        server.control("expect", deletes="delete")
        server.control("checkpoint")
        server.control("delete", object="Lead", ids=[record_id("Lead", 8)])
        equal(len(dict(server.expected())), 23)
        server.control("delete", object="Lead", ids=[record_id("Lead", 9)])
        equal(len(dict(server.expected())), 22)


@behaviour("expected: another address makes another person, and the old one stays as it was")
def _():
    with org(leads=20, contacts=5) as (server, s):
        row = s.rows(f"SELECT Email, Title FROM Lead WHERE Id = '{record_id('Lead', 3)}'")[0]
        server.control("checkpoint")
        server.control("edit", id=record_id("Lead", 3),
                       fields={"Email": "Other@Example.com", "Title": "x"})
        persons = dict(server.expected())
        equal(len(persons), 26)
        equal(persons["other@example.com"]["title"], "x")
        equal(persons[row["Email"]]["title"], row["Title"])


@behaviour("expected: a text that is too long is left out or cut at 30,000 bytes")
def _():
    with org(leads=40, contacts=5, too_long=40) as (server, s):
        lead = record_id("Lead", 39)
        server.control("edit", id=lead, fields={"Description": "ü" * 20000})
        row = s.rows(f"SELECT Email FROM Lead WHERE Id = '{lead}'")[0]
        true("mktoPersonNotes" not in person(server, row["Email"]), "left out")
        server.control("expect", on_too_long="truncate")
        equal(person(server, row["Email"])["mktoPersonNotes"], "ü" * 15000)


@behaviour("expected: fields and exclude change the map, times are in UTC with Z")
def _():
    with org() as (server, s):
        server.control("expect", fields={"lead": {"Region__c": "region",
                                                  "CreatedDate": "sourceCreated"}},
                       exclude={"lead": ["Fax"], "contact": ["Birthdate"]})
        row = s.rows(f"SELECT Email, Region__c, CreatedDate FROM Lead "
                     f"WHERE Id = '{record_id('Lead', 2)}'")[0]
        have = person(server, row["Email"])
        equal((have["region"], "fax" in have), (row["Region__c"], False))
        equal(have["sourceCreated"], row["CreatedDate"].replace(".000+0000", "Z"))


@behaviour("a connection for grantd.yaml has every endpoint, and its client gets a token there")
def _():
    with org() as (server, _):
        connection = server.connection(scopes=["api"])
        equal(sorted(connection["endpoints"]),
              ["authorization", "introspection", "revocation", "token", "userinfo"])
        equal(connection["scopes"], ["api"])
        path = urllib.parse.urlsplit(connection["endpoints"]["token"]).path
        equal(path, "/services/oauth2/token")


if __name__ == "__main__":
    sys.exit(run())
