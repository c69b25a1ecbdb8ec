# SPDX-License-Identifier: BSD-2-Clause
"""Bulk API 2.0: query jobs, whose results are CSV in chunks."""

import base64

from fields import RELATIONS
from people import moment, number_of
from rest import Refused, RestReply, body_of, json_reply

ENDS = {"LF": "\n", "CRLF": "\r\n"}


def problem(status, code, message):
    return Refused(json_reply(status, [{"errorCode": code, "message": message}]))


def cell(value):
    """As CSV has it: always in quotes; times in UTC with Z."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return '"true"' if value else '"false"'
    text = str(value)
    if text.endswith(".000+0000"):
        text = text[:-5] + "Z"
    return '"' + text.replace('"', '""') + '"'


class Jobs:
    def __init__(self, server):
        self.server = server
        self.jobs = {}
        self.made = 0

    def create(self, request, _form, version):
        asked = body_of(request)
        if asked is None or asked.get("operation") not in ("query", "queryAll"):
            raise problem(400, "INVALIDJOB", "operation is neither query nor queryAll")
        wanted = {"contentType": "CSV", "columnDelimiter": "COMMA"}
        if any(asked.get(k, v) != v for k, v in wanted.items()):
            raise problem(400, "INVALIDJOB", "only CSV with commas")
        end = asked.get("lineEnding", "LF")
        if end not in ENDS:
            raise problem(400, "INVALIDJOB", "lineEnding is neither LF nor CRLF")
        result = self.server.run(asked.get("query", ""), asked["operation"] == "queryAll", True)
        self.made += 1
        identifier = f"750Hp{self.made:010d}AAA"
        self.jobs[identifier] = {
            "told": {"id": identifier, "operation": asked["operation"],
                     "object": result.query.object, "createdDate": moment(0),
                     "state": "UploadComplete", "concurrencyMode": "Parallel",
                     "contentType": "CSV", "apiVersion": float(version[1:]), "lineEnding": end,
                     "columnDelimiter": "COMMA"},
            "version": version, "result": result, "polls": 0}
        return json_reply(200, self.jobs[identifier]["told"])

    def _job(self, identifier, version):
        job = self.jobs.get(identifier)
        if job is None:
            raise problem(404, "NOT_FOUND", "The requested resource does not exist")
        if job["version"] != version:
            raise problem(409, "API_ERROR", "the job was made with another version of the API")
        return job

    def list(self, _request, _form, _version):
        return json_reply(200, {"done": True, "nextRecordsUrl": None,
                                "records": [job["told"] for job in self.jobs.values()]})

    def state(self, _request, _form, version, identifier):
        job = self._job(identifier, version)
        told = job["told"]
        job["polls"] += 1
        settings = self.server.settings
        if told["state"] in ("UploadComplete", "InProgress"):
            told["state"] = "InProgress"
            if job["polls"] >= settings.bulk_polls:
                told["state"] = "Failed" if settings.bulk_error else "JobComplete"
                told["numberRecordsProcessed"] = len(job["result"])
                told["retries"] = 0
            if told["state"] == "Failed":
                told["errorMessage"] = settings.bulk_error
        return json_reply(200, told)

    def abort(self, request, _form, version, identifier):
        job = self._job(identifier, version)
        if (body_of(request) or {}).get("state") != "Aborted":
            raise problem(400, "INVALIDJOBSTATE", "state can only become Aborted")
        job["told"]["state"] = "Aborted"
        return json_reply(200, job["told"])

    def delete(self, _request, _form, version, identifier):
        self._job(identifier, version)
        del self.jobs[identifier]
        return RestReply(204, b"")

    def results(self, _request, form, version, identifier):
        job = self._job(identifier, version)
        if job["told"]["state"] != "JobComplete":
            raise problem(412, "JOB_NOT_COMPLETE", "The job is not complete")
        try:
            start = int(base64.b64decode(form.get("locator", "") or "MA==", validate=True))
            count = int(form.get("maxRecords", "250000"))
        except ValueError as error:
            raise problem(400, "INVALID_LOCATOR", "no such locator") from error
        result = job["result"]
        records = result.page(start, min(count, self.server.settings.bulk_rows))
        end = start + len(records)
        more = base64.b64encode(str(end).encode()).decode() if end < len(result) else "null"
        self.server.count("bulk_rows", len(records))
        return RestReply(200, self._csv(result, records, ENDS[job["told"]["lineEnding"]]),
                         {"Content-Type": "text/csv; charset=UTF-8", "Sforce-Locator": more,
                          "Sforce-NumberOfRecords": str(len(records))})

    def _csv(self, result, records, end):
        fields = result.query.fields
        lines = [",".join(cell(f"{r}.{c}" if r else c) for r, c in fields)]
        lines += [",".join(cell(self._value(result.query.object, record, r, c))
                           for r, c in fields) for record in records]
        return (end.join(lines) + end).encode()

    def _value(self, name, record, relation, column):
        if not relation:
            return record[column]
        identifier = record[relation + "Id"]
        if identifier is None:
            return None
        parent = self.server.people.record(RELATIONS[name][relation], number_of(identifier)[1])
        return parent[column]
