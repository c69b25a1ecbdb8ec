# SPDX-License-Identifier: BSD-2-Clause
"""Bulk import of persons: a CSV file is uploaded, waits in a queue, and is done some polls
later."""

import csv
import email.parser
import io

from rest import Refused, RestReply

FILE_MAX = 10 * 1000 * 1000
CSV_TYPE = {"Content-Type": "text/csv; charset=UTF-8"}


class Imports:
    def __init__(self, server):
        self.server = server
        self.batches = {}

    def upload(self, request, form):
        if form.get("format", "csv") != "csv":
            raise self.server.refuse("1003", detail="format")
        column = form.get("lookupField", "email")
        told = self.server.fields.get(column)
        if told is None or not told["key"]:
            raise self.server.refuse("1011", detail=column)
        waiting = sum(b["status"] != "Complete" for b in self.batches.values())
        if waiting >= self.server.settings.imports_queued:
            raise self.server.refuse("1016")
        text = file_of(request)
        if text is None:
            raise self.server.refuse("613")
        if len(text) > FILE_MAX:
            raise Refused(RestReply(413, b"Request entity too large"))
        return self._queue(text.decode("utf-8", "replace"), column)

    def _queue(self, text, column):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if len(rows) < 2 or len(set(rows[0])) < len(rows[0]):
            raise self.server.refuse("1003", detail="no rows, or a column twice")
        number = 1001 + len(self.batches)
        batch = {"status": "Queued", "polls": 0, "columns": rows[0], "failed": [], "warned": [],
                 "processed": 0, "column": column}
        self.batches[number] = batch
        # From now on its keys are taken: what else writes them now, writes them twice.
        records = [self._record(rows[0], row) for row in rows[1:]]
        results, flight = self.server.bring(records, "createOrUpdate", column)
        batch["todo"] = (rows[1:], records, results, flight)
        return self.server.good([self._told(number)])

    def _record(self, columns, row):
        """Values of the types the fields have, where the text can be one."""
        record = dict(zip(columns, row))
        for name, text in record.items():
            told = self.server.fields.get(name)
            kind = told["dataType"] if told else "string"
            if text == "":
                record[name] = None
            elif kind == "boolean" and text.lower() in ("true", "false"):
                record[name] = text.lower() == "true"
            elif kind in ("integer", "currency", "float", "percent", "score"):
                record[name] = number_of(text)
        return record

    def _told(self, number):
        batch = self.batches[number]
        told = {"batchId": number, "status": batch["status"]}
        if batch["status"] == "Complete":
            told.update(numOfLeadsProcessed=batch["processed"],
                        numOfRowsFailed=len(batch["failed"]),
                        numOfRowsWithWarning=len(batch["warned"]), message="Import completed")
        return told

    def _batch(self, text):
        number = text.removesuffix(".json")
        if not number.isdigit() or int(number) not in self.batches:
            raise self.server.refuse("1013")
        return int(number)

    def state(self, _request, _form, text):
        number = self._batch(text)
        batch = self.batches[number]
        batch["polls"] += 1
        if batch["status"] != "Complete":
            batch["status"] = "Importing"
            if batch["polls"] >= self.server.settings.import_polls:
                self._complete(batch)
        return self.server.good([self._told(number)])

    def _complete(self, batch):
        rows, records, results, flight = batch.pop("todo")
        batch["status"] = "Complete"
        self.server.land(flight)
        for row, record, result in zip(rows, records, results):
            if result["status"] == "skipped":
                reason = result["reasons"][0]
                batch["failed"].append([*row, f"{reason['code']}: {reason['message']}"])
                continue
            batch["processed"] += 1
            key = str(record.get(batch["column"]) or "").lower()
            code = self.server.ordered(self.server.warnings, key)
            if code:
                batch["warned"].append([*row, code])

    def failures(self, _request, _form, text):
        return self._listed(text, "failed", "Import Failure Reason")

    def warned(self, _request, _form, text):
        return self._listed(text, "warned", "Import Warning Reason")

    def _listed(self, text, which, title):
        batch = self.batches[self._batch(text)]
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(
            [[*batch["columns"], title], *batch[which]] if batch[which] else [])
        return RestReply(200, out.getvalue().encode(), dict(CSV_TYPE))


def number_of(text):
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def file_of(request):
    """The content of the part `file` of a multipart body; None where there is none."""
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return None
    head = email.parser.Parser().parsestr(f"Content-Type: {content_type}\n\n")
    boundary = head.get_boundary()
    if not boundary:
        return None
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())[1:]:
        headers, _, content = part.partition(b"\r\n\r\n")
        if b'name="file"' in headers:
            return content
    return None
