# SPDX-License-Identifier: BSD-2-Clause
"""What the target holds after a correct sync of the simulated people, by what Marketo documents of
its own sync (the default map) and by grantd.yaml(5) (key, fields, exclude, deletes, on_too_long).

Told by a test when a cycle has ended (checkpoint), because a person may hold what an earlier cycle
brought. Persons nobody changed are computed when they are asked for.
"""

from dataclasses import dataclass, field, replace

from fields import person_fields
from people import moment, number_of, record_id, seconds_of

# Both vendors' names of the same thing, by object of the source.
_BOTH = """Email email|FirstName firstName|LastName lastName|Salutation salutation|Title title
Phone phone|MobilePhone mobilePhone|Fax fax|Description mktoPersonNotes|LeadSource leadSource
HasOptedOutOfEmail unsubscribed|mkto71_Lead_Score__c leadScore"""
_LEAD = """Company company|Street address|City city|State state|PostalCode postalCode
Country country|Website website|Industry industry|AnnualRevenue annualRevenue
NumberOfEmployees numberOfEmployees|Rating rating|Status leadStatus"""
_CONTACT = """Birthdate dateOfBirth|MailingStreet address|MailingCity city|MailingState state
MailingPostalCode postalCode|MailingCountry country"""
_ACCOUNT = """AnnualRevenue annualRevenue|BillingCity billingCity|BillingCountry billingCountry
BillingPostalCode billingPostalCode|BillingState billingState|BillingStreet billingStreet
Description mktoCompanyNotes|Industry industry|Name company|NumberOfEmployees numberOfEmployees
Phone mainPhone|Sic sicCode|Site site|Website website"""


def _pairs(text, prefix=""):
    return {prefix + a: b for a, b in (e.split() for e in text.replace("\n", "|").split("|"))}


DEFAULTS = {"lead": {**_pairs(_BOTH), **_pairs(_LEAD)},
            "contact": {**_pairs(_BOTH), **_pairs(_CONTACT), **_pairs(_ACCOUNT, "Account.")}}


@dataclass
class Options:
    """The keys of a sync in grantd.yaml(5)."""
    objects: list = field(default_factory=lambda: ["lead", "contact"])
    key: str = "email"
    fields: dict = field(default_factory=dict)
    exclude: dict = field(default_factory=dict)
    on_too_long: str = "skip"
    deletes: str = "flag"


class Ideal:
    def __init__(self, people):
        self.people = people
        self.target = person_fields()
        self.overlay = None  # key → person or None, of all whom a change has touched
        self.seen = {}       # the changed records that are in the overlay
        self.present = {}
        self.expect()

    # Control

    def expect(self, **options):
        """By these keys of the configuration; all others are the defaults."""
        self.options = replace(Options(), **options)
        self.maps = {name: self._map(name) for name in DEFAULTS}
        return {}

    def checkpoint(self):
        """A cycle that saw all there is has ended."""
        self.overlay = self._now()
        self.seen = {name: dict(c) for name, c in self.people.changed.items()}
        return {}

    def expected(self, start=0, count=1000):
        """Some of the persons, [key, {field: value}], after a cycle that ends now, and where the
        next ones begin. To be asked for from 0 on."""
        if start == 0:
            self.present = self._now()
        bases = [(name, self.people.base[name]) for name in self._objects()]
        whole = sum(n for _, n in bases)
        persons = []
        for slot in range(start, min(start + count, whole)):
            name, number = self._slot(bases, slot)
            key = self._base_key(name, number)
            if key is not None and self._first(key, name, number):
                persons.append([key, self._look(self.present, key)])
        end = start + count
        if end >= whole:
            persons += [[k, p] for k, p in self.present.items() if not self._base_members(k)]
        return {"persons": [[k, p] for k, p in persons if p is not None],
                "next": end if end < whole else None}

    # The map

    def _map(self, name):
        given = self.options.fields.get(name, {})
        excluded = self.options.exclude.get(name, [])
        kept = {a: b for a, b in DEFAULTS[name].items()
                if a not in excluded and a not in given and b not in given.values()}
        return {**kept, **given}

    def _objects(self):
        return [name.capitalize() for name in ("lead", "contact") if name in self.options.objects]

    def _sent(self, name, record):
        """What an upsert of the record sends."""
        sent = {}
        for source, target in self.maps[name.lower()].items():
            told = self.target[target]
            if not told["updateable"]:
                continue
            fits, value = self._in_form(self._value(record, source), told)
            if fits:
                sent[target] = value
        if self.options.key != "email":
            sent[self.options.key] = record["Id"]
        return sent

    def _value(self, record, source):
        parent, _, column = source.rpartition(".")
        if not parent:
            return record[column]
        identifier = record["AccountId"]
        return identifier and self.people.record("Account", number_of(identifier)[1])[column]

    def _in_form(self, value, told):
        """(is it sent, the value as the target has it)"""
        kind, length = told["dataType"], told["length"]
        if value is None:
            return True, None
        if kind == "datetime":
            return True, moment(int(seconds_of(value)))[:19] + "Z"
        if not isinstance(value, str) or not length:
            return True, value
        # A string holds characters, a text bytes.
        if kind == "text":
            short = value.encode()[:length].decode(errors="ignore")
        else:
            short = value[:length]
        return short == value or self.options.on_too_long == "truncate", short

    # Persons

    def _key(self, name, record, number):
        if self.options.key != "email":
            return record_id(name, number)
        return record["Email"] and record["Email"].lower()

    def _base_key(self, name, number):
        if self.options.key != "email":
            return record_id(name, number)
        address = self.people.base_address(name, number)
        return address and address.lower()

    def _slot(self, bases, slot):
        for name, count in bases:
            if slot < count:
                return name, slot
            slot -= count
        raise IndexError(slot)

    def _base_members(self, key):
        if self.options.key != "email":
            name, number = number_of(key)
            return [(name, number)] if name and number < self.people.base[name] else []
        return [m for m in self.people.base_holders(key) if m[0] in self._objects()]

    def _first(self, key, name, number):
        """Is this record the one at which the person is told?"""
        return self._base_members(key)[0] == (name, number)

    def _look(self, overlay, key):
        if key in overlay:
            return overlay[key]
        people = self.people
        return self._assembled([(name, people.base_record(name, n))
                                for name, n in self._base_members(key)])

    def _assembled(self, members):
        """The person of a first load: leads, then contacts, the younger over the older."""
        persons = {}
        for name, record in self._in_order(members):
            if not record["IsDeleted"]:
                self._fold(persons, persons, name, record)
        return next(iter(persons.values()), None)

    def _in_order(self, rows):
        return sorted(rows, key=lambda r: (r[0] != "Lead", r[1]["SystemModstamp"], r[1]["Id"]))

    def _now(self):
        """The overlay after a cycle that ends now."""
        if self.overlay is None:
            return self._begin()
        overlay = dict(self.overlay)
        rows = [(name, record) for name in self._objects()
                for n, record in self.people.changed[name].items()
                if self.seen[name].get(n) is not record and record["IsDeleted"] is not None]
        for name, record in self._in_order(rows):
            self._fold(overlay, None, name, record)
        return overlay

    def _begin(self):
        """The overlay of a first load."""
        people, overlay = self.people, {}
        for name in self._objects():
            for n, record in people.changed[name].items():
                keys = {self._key(name, record, n)}
                if n < people.base[name]:
                    keys.add(self._base_key(name, n))
                for key in keys - {None}:
                    overlay[key] = self._assembled(self._members(key))
        return overlay

    def _members(self, key):
        """(object, record) of all that have this key now, but the purged ones."""
        if self.options.key == "email":
            found = self.people.holders(key)
        else:
            found = [number_of(key)]
        records = [(name, self.people.record(name, n)) for name, n in found
                   if name in self._objects()]
        return [(name, r) for name, r in records if r["IsDeleted"] is not None]

    def _fold(self, persons, alone, name, record):
        """Bring one row to persons. @alone: there is nobody besides those in it."""
        number = number_of(record["Id"])[1]
        key = self._key(name, record, number)
        if key is None:
            return
        have = alone.get(key) if alone is not None else self._look(persons, key)
        if name == "Lead" and record["IsConverted"] and "contact" in self.options.objects:
            self._rekey(persons, key, have, record["ConvertedContactId"])
        elif record["IsDeleted"]:
            self._end(persons, key, have, name)
        else:
            persons[key] = {**(have or {}), **self._sent(name, record)}

    def _rekey(self, persons, key, have, contact):
        """A lead that became a contact stays one person."""
        if self.options.key == "email" or have is None or not contact:
            return
        if persons.get(contact) is None:
            persons[contact] = {**have, self.options.key: contact}
            persons[key] = None

    def _end(self, persons, key, have, name):
        """Gone at the source, and nobody there has the key any more."""
        if have is None or any(not r["IsDeleted"] for _, r in self._members(key)):
            return
        flag = self.maps[name.lower()].get("IsDeleted")
        if self.options.deletes == "delete":
            persons[key] = None
        elif self.options.deletes == "flag" and flag:
            persons[key] = {**have, flag: True}
