# SPDX-License-Identifier: BSD-2-Clause
"""As much of SOQL as a sync asks for, over the people of people.py.

SELECT fields, also of a parent, or count() · FROM · WHERE conditions joined by AND: = != < <= > >=
IN, NOT IN · ORDER BY · LIMIT. A result is a snapshot: what changes later does not change it.
"""

import operator
import re
from dataclasses import dataclass, field

from fields import COMPOUND, OBJECTS, RELATIONS
from people import BASE_TIME, id18, number_of, seconds_of

TOKEN = re.compile(r"""\s*(?:
    (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>-?\d+(?:\.\d+)?)
  | (?P<word>[A-Za-z_][\w.]*(?:\(\))?)
  | (?P<sign><=|>=|!=|<>|[=<>(),]))""", re.VERBOSE)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
SIGNS = {"=": operator.eq, "!=": operator.ne, "<>": operator.ne, "<": operator.lt,
         "<=": operator.le, ">": operator.gt, ">=": operator.ge}
TIMES = ("SystemModstamp", "CreatedDate", "LastModifiedDate")


class QueryError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


@dataclass
class Query:
    fields: list = field(default_factory=list)  # empty: count()
    object: str = ""
    where: list = field(default_factory=list)   # (field, sign or "IN" or "NOT IN", value)
    order: list = field(default_factory=list)   # (field, descending)
    limit: int = -1


class Parser:
    def __init__(self, text):
        self.tokens = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise QueryError("MALFORMED_QUERY", f"unexpected token: {text[at:at + 20]}")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self.tokens.append(("end", "<EOF>"))

    def take(self, kind, *words):
        """The next token, if it is of this kind and, without regard to case, one of the words."""
        have, text = self.tokens[0]
        if have != kind or (words and text.upper() not in words):
            return None
        self.tokens.pop(0)
        return text

    def need(self, kind, *words):
        text = self.take(kind, *words)
        if text is None:
            raise QueryError("MALFORMED_QUERY", f"unexpected token: {self.tokens[0][1]}")
        return text

    def names(self):
        found = [self.need("word")]
        while self.take("sign", ","):
            found.append(self.need("word"))
        return found

    def query(self):
        result = Query()
        self.need("word", "SELECT")
        result.fields = self.names()
        if [name.lower() for name in result.fields] == ["count()"]:
            result.fields = []
        self.need("word", "FROM")
        result.object = self.need("word")
        if self.take("word", "WHERE"):
            result.where.append(self.condition())
            while self.take("word", "AND"):
                result.where.append(self.condition())
        if self.take("word", "ORDER"):
            self.need("word", "BY")
            result.order.append(self.direction())
            while self.take("sign", ","):
                result.order.append(self.direction())
        if self.take("word", "LIMIT"):
            result.limit = int(self.need("number"))
        self.need("end")
        return result

    def direction(self):
        name = self.need("word")
        return name, self.take("word", "ASC", "DESC") in ("DESC", "desc")

    def condition(self):
        name = self.need("word")
        negated = self.take("word", "NOT")
        if negated or self.tokens[0][1].upper() == "IN":
            self.need("word", "IN")
            self.need("sign", "(")
            values = [self.value()]
            while self.take("sign", ","):
                values.append(self.value())
            self.need("sign", ")")
            return name, "NOT IN" if negated else "IN", values
        sign = self.need("sign", *SIGNS)
        return name, sign, self.value()

    def value(self):
        kind, text = self.tokens.pop(0)
        if kind == "text":
            return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text[1:-1])
        if kind == "time":
            return seconds_of(text)
        if kind == "date":
            return text
        if kind == "number":
            return float(text)
        constant = {"TRUE": True, "FALSE": False, "NULL": None}
        if kind == "word" and text.upper() in constant:
            return constant[text.upper()]
        raise QueryError("MALFORMED_QUERY", f"unexpected token: {text}")


class Eyes:
    """What the session's user sees: field-level security hides the rest."""

    def __init__(self):
        self.hidden_fields = set()   # "Lead.Phone"
        self.hidden_objects = set()

    def fields(self, name):
        return {n: f for n, f in OBJECTS[name].items()
                if f"{name}.{n}" not in self.hidden_fields}

    def object(self, name):
        """The object, spelled as it is."""
        for known in OBJECTS:
            if known.lower() == name.lower() and known not in self.hidden_objects:
                return known
        return None

    def resolve(self, name, path):
        """(relation or None, field) of a path; raises where it is not seen."""
        relation, _, column = path.rpartition(".")
        target = name
        if relation:
            relation = next((r for r in RELATIONS[name] if r.lower() == relation.lower()), None)
            target = RELATIONS[name].get(relation)
        if target and self.object(target):
            for known in self.fields(target):
                if known.lower() == column.lower():
                    return relation or None, known
        raise QueryError("INVALID_FIELD",
                         f"\nSELECT {path} FROM {name}\n       ^\nERROR at Row:1:Column:8\nNo such "
                         f"column '{column}' on entity '{target or name}'. If you are attempting "
                         "to use a custom field, be sure to append the '__c' after the custom "
                         "field name. Please reference your WSDL or the describe call for the "
                         "appropriate names.")


def parse(text, eyes, bulk=False):
    """The query, with names as they are spelled; fields become (relation, field)."""
    query = Parser(text).query()
    name = eyes.object(query.object)
    if name is None:
        raise QueryError("INVALID_TYPE", f"sObject type '{query.object}' is not supported. If you "
                         "are attempting to use a custom object, be sure to append the '__c' after "
                         "the entity name.")
    query.object = name
    query.fields = [eyes.resolve(name, path) for path in query.fields]
    query.where = [(eyes.resolve(name, n)[1], sign, long_ids(value))
                   for n, sign, value in query.where]
    query.order = [(eyes.resolve(name, n)[1], down) for n, down in query.order]
    if len(set(query.fields)) < len(query.fields):
        raise QueryError("INVALID_FIELD", "duplicate field selected")
    if bulk and any(r is None and OBJECTS[name][f]["type"] == COMPOUND for r, f in query.fields):
        raise QueryError("API_ERROR", "Selecting compound data not supported in Bulk Query")
    return query


def long_ids(value):
    """Ids of 15 characters in the form of 18."""
    if isinstance(value, list):
        return [long_ids(v) for v in value]
    known = isinstance(value, str) and len(value) == 15 and number_of(value)[0]
    return id18(value) if known else value


def value_of(record, name):
    """Of a record, in the form conditions compare."""
    value = record[name]
    return seconds_of(value) if name in TIMES and value else value


def matches(record, conditions):
    for name, sign, wanted in conditions:
        have = value_of(record, name)
        if sign in ("IN", "NOT IN"):
            if (folded(have) in {folded(v) for v in wanted}) != (sign == "IN"):
                return False
        elif sign in ("=", "!=", "<>"):
            if not SIGNS[sign](folded(have), folded(wanted)):
                return False
        elif have is None or not SIGNS[sign](have, wanted):
            return False
    return True


def folded(value):
    """SOQL compares texts without regard to case."""
    return value.lower() if isinstance(value, str) else value


class Result:
    """The rows of a query: numbers, with what had changed when it was made."""

    def __init__(self, people, query, with_deleted):
        self.people = people
        self.query = query
        self.with_deleted = with_deleted
        self.changed = dict(people.changed[query.object])
        self.numbers = self._limited(self._ordered(self._base(), self._changes()))

    def __len__(self):
        return len(self.numbers)

    def record(self, number):
        name = self.query.object
        return self.changed.get(number) or self.people.base_record(name, number)

    def page(self, start, count):
        return [self.record(n) for n in self.numbers[start:start + count]]

    def _shown(self, record):
        deleted = record.get("IsDeleted", False)
        return deleted is not None and (self.with_deleted or not deleted)

    def _changes(self):
        return [n for n, record in self.changed.items()
                if self._shown(record) and matches(record, self.query.where)]

    def _base(self):
        """Numbers of those that are as they were generated."""
        first, end, others = self._window()
        name = self.query.object
        few = self._few()
        if few is not None:
            numbers = [n for n in few if first <= n < end]
        else:
            numbers = range(first, end)
        if self.changed:
            numbers = [n for n in numbers if n not in self.changed]
        if not self.with_deleted and self.people.has_base_deleted:
            numbers = [n for n in numbers if not self.people.base_deleted(name, n)]
        if others:
            numbers = [n for n in numbers if matches(self.people.base_record(name, n), others)]
        return list(numbers)

    def _few(self):
        """The numbers that alone come into question, if a condition says so."""
        name = self.query.object
        for column, sign, values in self.query.where:
            if sign not in ("IN", "=") or column not in ("Id", "Email"):
                continue
            values = [v for v in (values if sign == "IN" else [values]) if v is not None]
            if column == "Id":
                found = {number_of(v) for v in values}
            else:
                found = {h for v in values for h in self.people.holders(v.lower())}
            return sorted(n for kind, n in found if kind == name)
        return None

    def _window(self):
        """First and end of the numbers within the conditions on SystemModstamp, and the other
        conditions."""
        first, end = 0, self.people.base[self.query.object]
        step = self.people.shape.same_stamp
        others = []
        for condition in self.query.where:
            name, sign, value = condition
            if name == "SystemModstamp" and sign in ("<", "<=", ">", ">="):
                # Stamps are whole seconds: the first number at or after a time
                whole = int(value) + (value > int(value) or sign in ("<=", ">") and
                                      value == int(value))
                number = max(0, (whole - BASE_TIME) * step)
                if sign in ("<", "<="):
                    end = min(end, number)
                else:
                    first = max(first, number)
            elif name == "IsDeleted" and sign == "=" and value is False:
                self.with_deleted = False
            elif name == "Id" and sign == "IN":
                pass  # narrowed already
            else:
                others.append(condition)
        return first, max(first, end), others

    def _ordered(self, base, changes):
        """In order: of the query, else of the number."""
        order = self.query.order
        natural = all(not down for _, down in order)
        names = [n for n, _ in order]
        if natural and names in ([], ["Id"]):
            return sorted(base + changes)
        if natural and names in (["SystemModstamp"], ["SystemModstamp", "Id"]):
            changes.sort(key=lambda n: (self.changed[n]["SystemModstamp"], n))
            return base + changes  # a change is younger than all that was generated
        numbers = base + changes
        for name, down in reversed(order):
            numbers.sort(key=lambda n: self._sortable(n, name), reverse=down)
        return numbers

    def _sortable(self, number, name):
        value = self.record(number)[name]
        return (value is not None, "" if value is None else value)

    def _limited(self, numbers):
        return numbers if self.query.limit < 0 else numbers[:self.query.limit]
