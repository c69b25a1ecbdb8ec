#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The simulated Marketo does what Marketo documents, and misbehaves only as ordered."""

import contextlib
import csv
import io
import json
import sys
import tempfile
import threading
import urllib.parse

sys.dont_write_bytecode = True

from tap import behaviour, equal, run, true  # noqa: E402
from vendors import Marketo, Salesforce, differences  # noqa: E402

DIRECTORY = tempfile.TemporaryDirectory(prefix="grantd-selftest-")
LEADS = "/rest/v1/leads.json"


class Session:
    """A client with a token."""

    def __init__(self, server):
        self.server = server
        self.client = server.client()
        self.token = server.token(self.client)

    def send(self, method, path, body=None, content_type="application/json"):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Authorization": "Bearer " + self.token}
        if body is not None:
            headers["Content-Type"] = content_type
        return self.client.send(method, path, body, headers)

    def get(self, path, **query):
        return self.send("GET", path + (query and "?" + urllib.parse.urlencode(query) or ""))

    def upsert(self, *records, action="createOrUpdate", key="email"):
        return self.send("POST", LEADS, {"action": action, "lookupField": key,
                                         "input": list(records)})

    def statuses(self, *records, **more):
        """Of each record: its status, or the code why it was skipped."""
        return [r["reasons"][0]["code"] if r["status"] == "skipped" else r["status"]
                for r in self.upsert(*records, **more).json["result"]]

    def upload(self, text, **query):
        body = ("--B\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\ncsv\r\n"
                "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n"
                f"Content-Type: text/csv\r\n\r\n{text}\r\n--B--\r\n").encode()
        query = urllib.parse.urlencode({"format": "csv", **query})
        return self.send("POST", "/bulk/v1/leads.json?" + query, body,
                         "multipart/form-data; boundary=B")


@contextlib.contextmanager
def instance(**settings):
    with Marketo(DIRECTORY.name) as server:
        server.setup(**{"latency_s": 0, **settings})
        session = Session(server)
        yield server, session
        session.client.close()


def code_of(answer):
    """Of a refused call: status 200, success false, the code as a text."""
    equal((answer.status, answer.json["success"]), (200, False))
    return answer.json["errors"][0]["code"]


def person(server, key, field="email"):
    found = server.control("person", key=key, field=field)["persons"]
    equal(len(found), 1, f"persons with {key}")
    return found[0][1]


def at_once(*functions):
    """Run them side by side; their results in order."""
    results = [None] * len(functions)

    def keep(at):
        results[at] = functions[at]()
    threads = [threading.Thread(target=keep, args=(at,)) for at in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# Identity


@behaviour("all who ask share one token, whose time runs down, by GET as well as by POST")
def _():
    with instance() as (server, s):
        server.configure(access_lifetime=3600)
        form = {"grant_type": "client_credentials", "client_id": server.info["client_id"],
                "client_secret": server.info["client_secret"]}
        first = s.client.post("/identity/oauth/token", form).json
        second = s.client.get("/identity/oauth/token?" + urllib.parse.urlencode(form)).json
        equal(second["access_token"], first["access_token"])
        equal((first["token_type"], first["scope"]), ("bearer", "apis@acme.example"))
        true(3595 < second["expires_in"] <= first["expires_in"] < 3600, "it runs down")
        server.control("end_tokens")
        third = s.client.post("/identity/oauth/token", form).json
        true(third["access_token"] != first["access_token"], "another one")


@behaviour("a client that is not known, or with another secret, is told 401 and its error")
def _():
    with instance() as (server, s):
        form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
        answer = s.client.post("/identity/oauth/token", form)
        equal((answer.status, answer.json), (401, {
            "error": "invalid_client",
            "error_description": "No client with requested id: unknown"}))
        form["client_id"] = server.info["client_id"]
        answer = s.client.post("/identity/oauth/token", form)
        equal((answer.status, answer.json["error_description"]), (401, "Bad client credentials"))


@behaviour("a token reply can be told to have expires_in 0")
def _():
    with instance() as (server, s):
        server.configure(token_answer={"set": {"expires_in": 0}})
        form = {"grant_type": "client_credentials", "client_id": server.info["client_id"],
                "client_secret": server.info["client_secret"]}
        answer = s.client.post("/identity/oauth/token", form)
        equal((answer.status, answer.json["expires_in"]), (200, 0))


@behaviour("a token that ended is 601, one that is too old 602, none 600, one in the address a "
           "violation")
def _():
    with instance() as (server, s):
        equal(s.get("/rest/v1/stats/usage.json").json["success"], True)
        server.control("age_tokens")
        equal(code_of(s.get("/rest/v1/stats/usage.json")), "602")
        server.control("end_tokens")
        equal(code_of(s.get("/rest/v1/stats/usage.json")), "601")
        answer = s.client.get("/rest/v1/stats/usage.json?access_token=" + s.token)
        equal(code_of(answer), "600")
        equal(len(server.control("log")["violations"]), 1)


# Limits


@behaviour("one call too many in the window is 606, and when that is over calls are taken again")
def _():
    with instance(window_calls=3) as (server, s):
        codes = [s.get("/rest/v1/stats/usage.json").json for _ in range(4)]
        equal([c["success"] for c in codes], [True, True, True, False])
        equal(codes[3]["errors"], [{
            "code": "606", "message": "Max rate limit '3' exceeded with in '20' secs"}])
        server.setup(window_s=0)
        equal(s.get("/rest/v1/stats/usage.json").json["success"], True)
    with Marketo(DIRECTORY.name) as server:
        defaults = server.setup()
        equal((defaults["window_calls"], defaults["window_s"], defaults["parallel"],
               defaults["daily_quota"]), (100, 20, 10, 50000))


@behaviour("a call beside too many others is 615")
def _():
    with instance(parallel=2) as (server, s):
        server.order("leads", {"times": 2, "delay_s": 60})
        others = [Session(server) for _ in range(2)]
        calls = [lambda o=o: o.upsert({"email": f"{id(o)}@example.com"}).json for o in others]
        waiting = threading.Thread(target=at_once, args=calls)
        waiting.start()
        true(server.wait_arrivals("leads", 2), "two are there")
        equal(code_of(s.get("/rest/v1/stats/usage.json")), "615")
        server.control("release")
        waiting.join()
        equal(s.get("/rest/v1/stats/usage.json").json["success"], True)
        equal(server.counters()["parallel"], 2)


@behaviour("the daily quota is 607 until the next day, and usage tells what was used")
def _():
    with instance(daily_quota=3) as (server, s):
        for _ in range(2):
            s.get("/rest/v1/leads/describe.json")
        equal(s.get("/rest/v1/stats/usage.json").json["result"][0]["total"], 3)
        equal(code_of(s.get("/rest/v1/stats/usage.json")), "607")
        server.control("new_day")
        equal(s.get("/rest/v1/stats/usage.json").json["result"][0]["total"], 1)


@behaviour("more than 300 records are refused, more than 1 MB is 413, a long address 414; all can "
           "be switched off")
def _():
    with instance() as (server, s):
        many = [{"email": f"p{n}@example.com"} for n in range(301)]
        equal(code_of(s.upsert(*many)), "1003")
        equal(server.control("totals")["persons"], 0)
        long = [{"email": f"p{n}@example.com", "address": "x" * 2000} for n in range(300)]
        equal(s.upsert(*long, *[{"company": "y" * 400000}]).status, 413)
        equal(s.get(LEADS, filterType="email", filterValues="x" * 9000).status, 414)
        server.setup(records=0, body=0, window_calls=0, parallel=0, daily_quota=0)
        equal(len(s.statuses(*many)), 301)


@behaviour("every code of a call can be ordered, and odd envelopes, HTML and cut bodies as well")
def _():
    with instance() as (server, s):
        for code in ("601", "604", "606", "607", "608", "611", "615", "713"):
            server.refuse("describe2", code)
            equal(code_of(s.get("/rest/v1/leads/describe2.json")), code)
        for body in ({"success": False}, "", {"success": False, "errors": [{"code": 611}]}):
            server.order("describe2", {"body": body})
            answer = s.get("/rest/v1/leads/describe2.json")
            equal(answer.body, (body if isinstance(body, str) else json.dumps(body)).encode())
        server.unavailable("describe2")
        equal(s.get("/rest/v1/leads/describe2.json").status, 503)
        equal(s.get("/rest/v1/leads/describe2.json").json["success"], True)


# Describe


@behaviour("describe2 tells fields, keys and whether a CRM owns them; describe has entries without "
           "rest")
def _():
    with instance() as (server, s):
        told = s.get("/rest/v1/leads/describe2.json").json["result"][0]
        equal(told["name"], "API Lead")
        true(["email"] in told["searchableFields"] and ["sourceId"] in told["searchableFields"],
             "keys")
        fields = {f["name"]: f for f in told["fields"]}
        equal(fields["email"], {"name": "email", "displayName": "email", "dataType": "email",
                                "length": 255, "updateable": True, "crmManaged": False})
        equal(fields["sfdcId"]["updateable"], False)
        true(not any(f["crmManaged"] for f in fields.values()), "no CRM")
        server.setup(native_sync=True)
        told = s.get("/rest/v1/leads/describe2.json").json["result"][0]
        managed = {f["name"] for f in told["fields"] if f["crmManaged"]}
        true({"sfdcId", "company"} <= managed and "email" not in managed, "a CRM")
        listed = s.get("/rest/v1/leads/describe.json").json["result"]
        equal([f for f in listed if "rest" not in f][0]["soap"]["name"], "OnlySoap")


@behaviour("fields can be added, changed and taken away on order")
def _():
    with instance() as (server, s):
        server.control("field", name="tier", dataType="integer", length=0)
        server.control("field", name="title", updateable=False)
        server.control("field", name="fax", drop=True)
        told = s.get("/rest/v1/leads/describe2.json").json["result"][0]["fields"]
        fields = {f["name"]: f for f in told}
        equal((fields["tier"]["dataType"], fields["title"]["updateable"], "fax" in fields),
              ("integer", False, False))
        equal(s.statuses({"email": "a@example.com", "tier": 3}, {"email": "b@example.com",
                         "title": "x"}, {"email": "c@example.com", "fax": "1"}),
              ["created", "1006", "1006"])


# People


@behaviour("upserts create and update, in the order of the input, without regard to case")
def _():
    with instance() as (server, s):
        answer = s.upsert({"email": "a@example.com", "firstName": "A", "city": "Köln"},
                          {"email": "b@example.com"}).json
        equal([r["status"] for r in answer["result"]], ["created", "created"])
        ids = [r["id"] for r in answer["result"]]
        answer = s.upsert({"email": "B@example.com", "firstName": "B"},
                          {"email": "A@Example.com", "city": None, "lastName": "L"}).json
        equal([(r["id"], r["status"]) for r in answer["result"]],
              [(ids[1], "updated"), (ids[0], "updated")])
        equal(person(server, "a@example.com"), {"email": "A@Example.com", "firstName": "A",
                                                "city": None, "lastName": "L"})
        equal(server.counters()["created"], 2)


@behaviour("createOnly, updateOnly and createDuplicate do what they say")
def _():
    with instance() as (server, s):
        one, two = {"email": "a@example.com"}, {"email": "b@example.com"}
        equal(s.statuses(one, action="createOnly"), ["created"])
        equal(s.statuses(one, two, action="createOnly"), ["1005", "created"])
        equal(s.statuses({**one, "city": "x"}, {"email": "c@example.com"}, action="updateOnly"),
              ["updated", "1004"])
        equal(s.statuses(one, action="createDuplicate"), ["created"])
        equal(s.statuses(one), ["1007"])
        equal(server.control("totals")["shared"]["email"], 1)


@behaviour("another key, and the id with updateOnly alone, can be looked up; what is no key can't")
def _():
    with instance() as (server, s):
        equal(s.statuses({"sourceId": "00Q1", "email": "a@example.com"}, key="sourceId"),
              ["created"])
        equal(s.statuses({"sourceId": "00Q1", "email": "b@example.com"}, key="sourceId"),
              ["updated"])
        number = s.get(LEADS, filterType="email", filterValues="b@example.com").json["result"][0]
        equal(s.statuses({"id": number["id"], "sourceId": "0031"}, key="id", action="updateOnly"),
              ["updated"])
        equal(person(server, "0031", "sourceId")["email"], "b@example.com")
        equal(server.control("person", key="00Q1", field="sourceId"), {"persons": []})
        equal(code_of(s.upsert({"id": 1}, key="id")), "1003")
        equal(code_of(s.upsert({"city": "x"}, key="city")), "1011")


@behaviour("records that are wrong are skipped with their code, and the others are brought")
def _():
    with instance() as (server, s):
        def row(n, **fields):
            return {"email": f"p{n}@example.com", **fields}
        equal(s.statuses(
            row(0), row(1, unsubscribed="yes"), row(2, numberOfEmployees=1.5),
            row(3, dateOfBirth="2024-13"), row(4, sourceCreated="2024-06-01T00:00:00.000+0000"),
            row(5, shortText="x" * 11), row(6, mktoPersonNotes="ü" * 15001), row(7, nosuch=1),
            row(8, sfdcId="x"), {"email": "ü@example.com"}, {"city": "x"}, row(0), row(9, id=5)),
            ["created", "1001", "1001", "1001", "1001", "1001", "1001", "1006", "1006", "1003",
             "1002", "1036", "1006"])
        equal(s.statuses(row(1, unsubscribed=False, numberOfEmployees=3, annualRevenue=1.5,
                             dateOfBirth="2024-01-31", sourceCreated="2024-06-01T00:00:00Z",
                             shortText="ü" * 10, mktoPersonNotes="ü" * 15000, leadScore=4.0)),
              ["created"])


@behaviour("records are refused by key as ordered, so many times")
def _():
    with instance() as (server, s):
        server.control("refuse", keys=["A@example.com"], code="1007", times=2)
        server.control("refuse", keys=["b@example.com"], code="1018", times=-1)
        rows = [{"email": f"{c}@example.com"} for c in "abc"]
        equal(s.statuses(*rows), ["1007", "1018", "created"])
        equal(s.statuses(*rows), ["1007", "1018", "updated"])
        equal(s.statuses(*rows), ["created", "1018", "updated"])
        server.control("refuse", keys=["b@example.com"], code="1018", times=0)
        equal(s.statuses(*rows), ["updated", "created", "updated"])


@behaviour("with native sync on, writing a company's field is 1021, and other fields are taken")
def _():
    with instance(native_sync=True) as (_, s):
        equal(s.statuses({"email": "a@example.com", "company": "C"},
                         {"email": "b@example.com", "city": "C"}), ["1021", "created"])


@behaviour("what is no JSON, no list, of another type or method, is refused with its code")
def _():
    with instance() as (_, s):
        equal(code_of(s.send("POST", LEADS, b"{")), "609")
        equal(code_of(s.send("POST", LEADS, b"{}", "text/plain")), "612")
        equal(code_of(s.send("POST", LEADS, {"input": []})), "701")
        equal(code_of(s.send("PUT", LEADS, {})), "605")


@behaviour("people are found by the values of a key, 300 a page, by POST with _method=GET as well; "
           "a field nobody has is null")
def _():
    with instance() as (_, s):
        s.upsert({"email": "a@example.com", "city": "X"}, {"email": "b@example.com"})
        query = {"filterType": "email", "filterValues": "A@example.com,b@example.com,c@example.com",
                 "fields": "email,city"}
        found = s.get(LEADS, **query).json["result"]
        equal([(r["email"], r["city"]) for r in found],
              [("a@example.com", "X"), ("b@example.com", None)])
        posted = s.send("POST", LEADS + "?_method=GET", urllib.parse.urlencode(query).encode(),
                        "application/x-www-form-urlencoded").json["result"]
        equal(posted, found)
        first = s.get(LEADS, batchSize=1, **query).json
        equal(first["result"], found[:1])
        second = s.get(LEADS, batchSize=1, nextPageToken=first["nextPageToken"], **query).json
        equal((second["result"], "nextPageToken" in second), (found[1:], False))
        equal(code_of(s.get(LEADS, filterType="email",
                            filterValues=",".join(f"{n}@a.b" for n in range(301)))), "1003")


@behaviour("people are deleted by id; who is not there is skipped with 1004")
def _():
    with instance() as (server, s):
        number = s.upsert({"email": "a@example.com"}).json["result"][0]["id"]
        answer = s.send("POST", "/rest/v1/leads/delete.json",
                        {"input": [{"id": number}, {"id": 99}]}).json["result"]
        equal([r["status"] for r in answer], ["deleted", "skipped"])
        equal(answer[1]["reasons"][0]["code"], "1004")
        equal(server.control("totals")["persons"], 0)
        equal(s.statuses({"email": "a@example.com"}), ["created"])


@behaviour("two calls at once with one key make two persons, and that is counted")
def _():
    with instance() as (server, s):
        server.order("leads", {"times": 2, "delay_s": 60})
        other = Session(server)
        both = threading.Thread(target=at_once, args=(
            lambda: s.upsert({"email": "a@example.com"}),
            lambda: other.upsert({"email": "A@example.com"})))
        both.start()
        true(server.wait_arrivals("leads", 2), "both are there")
        server.control("release")
        both.join()
        equal(server.control("totals"), {"persons": 2, "shared": {"email": 1}, "today": 2})
        counters = server.counters()
        equal((counters["duplicates"], counters["overlaps"]), (1, 1))
        equal(s.statuses({"email": "a@example.com"}), ["1007"])


@behaviour("one call after the other, and other keys at once, make no duplicates")
def _():
    with instance(latency_s=0.01) as (server, s):
        other = Session(server)
        for n in range(5):
            at_once(lambda n=n: s.upsert({"email": f"a{n}@example.com"}),
                    lambda n=n: other.upsert({"email": f"b{n}@example.com"}))
            s.upsert({"email": f"b{n}@example.com"})
        equal(server.control("totals")["persons"], 10)
        equal([server.counters().get(k, 0) for k in ("duplicates", "overlaps")], [0, 0])


# Bulk import


def rows_of(answer):
    return list(csv.reader(io.StringIO(answer.body.decode(), newline="")))


@behaviour("an import is queued, importing, complete, and then the people are there")
def _():
    with instance(import_polls=2) as (server, s):
        told = s.upload('email,address,unsubscribed,annualRevenue,city\n'
                        'a@example.com,"1 Main St\nFloor ""3""",true,1.5,\n'
                        'b@example.com,x,false,3,Köln').json
        batch = told["result"][0]
        equal(batch["status"], "Queued")
        path = f"/bulk/v1/leads/batch/{batch['batchId']}.json"
        equal(s.get(path).json["result"][0]["status"], "Importing")
        equal(server.control("totals")["persons"], 0)
        done = s.get(path).json["result"][0]
        equal([done[k] for k in ("status", "numOfLeadsProcessed", "numOfRowsFailed",
                                 "numOfRowsWithWarning")], ["Complete", 2, 0, 0])
        equal(person(server, "a@example.com"), {
            "email": "a@example.com", "address": '1 Main St\nFloor "3"', "unsubscribed": True,
            "annualRevenue": 1.5, "city": None})


@behaviour("rows of an import that fail or warn are listed with the reason")
def _():
    with instance(import_polls=1) as (server, s):
        server.control("refuse", keys=["b@example.com"], code="1007")
        server.control("warn", keys=["c@example.com"], code="1008")
        batch = s.upload("email,numberOfEmployees\na@example.com,many\nb@example.com,1\n"
                         "c@example.com,2\nd@example.com,3\n").json["result"][0]["batchId"]
        path = f"/bulk/v1/leads/batch/{batch}"
        done = s.get(path + ".json").json["result"][0]
        equal([done[k] for k in ("numOfLeadsProcessed", "numOfRowsFailed",
                                 "numOfRowsWithWarning")], [2, 2, 1])
        failed = rows_of(s.get(path + "/failures.json"))
        equal(failed[0], ["email", "numberOfEmployees", "Import Failure Reason"])
        equal([(r[0], r[2].partition(":")[0]) for r in failed[1:]],
              [("a@example.com", "1001"), ("b@example.com", "1007")])
        equal(rows_of(s.get(path + "/warnings.json"))[1], ["c@example.com", "2", "1008"])


@behaviour("an import that is not complete holds its keys: upserts beside it make duplicates")
def _():
    with instance(import_polls=1) as (server, s):
        batch = s.upload("email\na@example.com\nb@example.com\n").json["result"][0]["batchId"]
        equal(s.statuses({"email": "a@example.com"}), ["created"])
        s.get(f"/bulk/v1/leads/batch/{batch}.json")
        equal([server.counters()[k] for k in ("overlaps", "duplicates")], [1, 1])


@behaviour("the eleventh import that waits is 1016, a body that is no form 613, an unknown batch "
           "1013")
def _():
    with instance() as (_, s):
        for n in range(10):
            equal(s.upload(f"email\np{n}@example.com\n").json["success"], True)
        equal(code_of(s.upload("email\nx@example.com\n")), "1016")
        equal(code_of(s.send("POST", "/bulk/v1/leads.json?format=csv", b"email\n", "text/csv")),
              "1016")
        for n in range(2):
            s.get("/bulk/v1/leads/batch/1001.json")
        equal(code_of(s.send("POST", "/bulk/v1/leads.json?format=csv", b"email\n", "text/csv")),
              "613")
        equal(code_of(s.get("/bulk/v1/leads/batch/7.json")), "1013")


# The truth


def brought(s, salesforce):
    """What a correct sync sends."""
    for _, fields in salesforce.expected():
        s.upsert(fields)


@behaviour("differences: none after a correct sync; a wrong value, a missing, a second and a "
           "foreign person are told")
def _():
    with instance(window_calls=0) as (server, s), \
            Salesforce(DIRECTORY.name, leads=20, contacts=10) as salesforce:
        equal(len(differences(salesforce, server)), 20)
        brought(s, salesforce)
        equal(differences(salesforce, server), [])
        key = next(salesforce.expected())[0]
        s.upsert({"email": key, "city": "elsewhere"})
        equal(len(differences(salesforce, server)), 1)
        s.upsert({"email": key}, action="createDuplicate")
        s.upsert({"email": "foreign@example.com"})
        equal(len(differences(salesforce, server)), 3)


@behaviour("somebody can be there already, and everybody is told by pages")
def _():
    with instance() as (server, s):
        first = server.control("put", person={"email": "a@example.com", "city": "X"})["id"]
        s.upsert(*[{"email": f"p{n}@example.com"} for n in range(250)])
        everybody = list(server.pages("persons", 100))
        equal(everybody[0], [first, {"email": "a@example.com", "city": "X"}])
        equal(len(everybody), 251)


@behaviour("for millions, values can be dropped and keys kept")
def _():
    with instance(values_kept=False) as (server, s):
        s.upsert({"email": "a@example.com", "city": "X"})
        equal(person(server, "a@example.com"), {"email": "a@example.com"})
        equal(s.statuses({"email": "a@example.com"}), ["updated"])


@behaviour("at least 5,000 records a second of work are taken")
def _():
    with instance(window_calls=0) as (server, s), \
            Salesforce(DIRECTORY.name, leads=3000, contacts=0) as salesforce:
        records = [fields for _, fields in salesforce.expected()]
        begun = server.counters()["cpu_s"]
        for at in range(0, 3000, 300):
            equal(set(s.statuses(*records[at:at + 300])), {"created"})
            equal(set(s.statuses(*records[at:at + 300])), {"updated"})
        true(server.counters()["cpu_s"] - begun < 1.2, "6,000 records in 1.2 s")


@behaviour("a connection for grantd.yaml has the token endpoint alone")
def _():
    with instance() as (server, _):
        connection = server.connection()
        equal(connection["endpoints"], {"token": server.url + "/identity/oauth/token"})
        equal(connection["client_auth"], "client_secret_post")
        connection = server.profile_connection(required=False)
        equal([connection[k] for k in ("provider", "host", "flow", "required")],
              ["marketo", f"127.0.0.1:{server.info['port']}", "client_credentials", False])


if __name__ == "__main__":
    sys.exit(run())
