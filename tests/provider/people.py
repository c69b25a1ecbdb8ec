# SPDX-License-Identifier: BSD-2-Clause
"""The people of a simulated CRM: generated from a seed, each record computed from its number when
it is asked for. Only what was changed on order is held in memory."""

import datetime
import functools
import hashlib
import random
import re
import time
from dataclasses import dataclass

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
PREFIXES = {"Lead": "00Q", "Contact": "003", "Account": "001", "User": "005"}
OBJECT_OF = {prefix: name for name, prefix in PREFIXES.items()}
BASE_TIME = 1717200000  # SystemModstamp of the first records: 2024-06-01T00:00:00Z
USERS = 5

FIRST = ["Ada", "Bjørn", "Chloé", "D'Arcy", "Eva", "Fatıma", "Gül", "Hélène", "Ian", "José",
         "Kå", "Łucja", "Mei 美", "Nuño", "Olga", "Zoë"]
LAST = ["O'Brien", "Müller", "Smith", "García", "Nakamura 中村", "\"Quote\" Jones", "Sørensen",
        "de la Cruz, Jr.", "Ng", "Żuraw", "van 't Hoff", "Æbler", "Back\\slash", "Иванов", "Öz",
        "Lee"]
CITIES = ["Köln", "São Paulo", "Paris", "New York", "東京", "Zürich", "Oslo", "Reykjavík"]
COUNTRIES = ["Germany", "Brazil", "France", "United States", "Japan", "Switzerland", "Norway",
             "Iceland"]
INDUSTRIES = ["Banking", "Energy", "Food & Beverage", "Machinery", "Retail", "Other"]
SOURCES = ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"]
RATINGS = ["Hot", "Warm", "Cold"]
STATUSES = ["Open - Not Contacted", "Working - Contacted", "Closed - Not Converted"]
SALUTATIONS = ["Mr.", "Ms.", "Dr.", "Prof."]
TITLES = ["CEO", "VP, Sales", "Head of \"Things\"", "Buyer", "Directeur général", "エンジニア"]
TEXTS = ["plain", "one, two; three", "She said \"yes\".\nThen left.", "tab\there",
         "a\r\nb\r\n\r\nc", "ümlaut ß € 漢字 🙂", "<b>bold</b> & 'quoted'", "\"",
         "back\\slash \\n", "ends in a break\n", "=1+1", "null", "  blanks around  ", "%2B + & ?"]
DOMAINS = ["example.com", "example.org", "mail.example.net", "xn--kln-sna.example"]
AWKWARD = "o'neil+"  # before some addresses: has to be escaped nearly everywhere
ADDRESS = re.compile(r"(?:o'neil\+)?(lead|contact|new)(\d+)@")
LONG, TOO_LONG = 12000, 31900  # characters of a description; the target holds 30,000 bytes


@dataclass
class Shape:
    """How many there are and what they are like. Every N-th: 0 for none."""
    leads: int = 1000
    contacts: int = 500
    accounts: int = 0       # 0: one for three contacts
    seed: int = 1
    same_stamp: int = 3     # so many in a row share a SystemModstamp
    share_leads: int = 0    # every N-th lead has the address of the one before, in capitals
    share_contacts: int = 0  # every N-th contact has that of the lead of its number
    no_email: int = 0       # every N-th lead has none
    converted: int = 0      # every N-th lead is a contact by now
    merged: int = 0         # every N-th lead was merged into the one before
    deleted: int = 0        # every N-th lead is in the bin
    long_texts: int = 0     # every N-th description has 12,000 characters
    too_long: int = 0       # every N-th description is longer than the target takes


def id18(id15):
    """With the three characters that make it safe where case is lost."""
    suffix = ""
    for at in (0, 5, 10):
        bits = sum(1 << i for i, c in enumerate(id15[at:at + 5]) if "A" <= c <= "Z")
        suffix += SUFFIXES[bits]
    return id15 + suffix


def record_id(name, number):
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return id18(PREFIXES[name] + "Hp0" + digits.rjust(9, "0"))


def number_of(identifier):
    """(object, number) of an id of 15 or 18 characters; (None, 0) for what is none."""
    name = OBJECT_OF.get(identifier[:3])
    if name is None or len(identifier) not in (15, 18) or identifier[3:6] != "Hp0":
        return None, 0
    number = 0
    for c in identifier[6:15]:
        if c not in DIGITS:
            return None, 0
        number = number * 62 + DIGITS.index(c)
    return name, number


@functools.lru_cache(maxsize=4096)
def moment(seconds):
    """As Salesforce writes a time."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(seconds))


def seconds_of(text):
    """Of a time as written by moment(), or as SOQL has it."""
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.replace("Z", "+00:00"))
    return datetime.datetime.fromisoformat(text).timestamp()


class People:
    def __init__(self, shape, clock=time.time):
        self.shape = shape
        self.clock = clock
        accounts = shape.accounts or shape.contacts // 3 + 1
        self.base = {"Lead": shape.leads, "Contact": shape.contacts, "Account": accounts,
                     "User": USERS}
        self.total = dict(self.base)
        # Changed or new ones; a record in here is replaced, never altered, so that a copy of the
        # dict is a snapshot.
        self.changed = {name: {} for name in PREFIXES}
        self.gone = {name: {} for name in PREFIXES}  # number → when it was deleted
        self.random = random.Random(shape.seed)
        self.used = set()  # (object, number) picked by an order
        self.orders = 0
        self._account = functools.lru_cache(maxsize=4096)(self._make_account)

    # What there is

    def record(self, name, number):
        """The record as it is now; None where there is none."""
        if number in self.changed[name]:
            return self.changed[name][number]
        return self.base_record(name, number) if number < self.base[name] else None

    def base_record(self, name, number):
        """The record as it was generated."""
        return {"Lead": self._lead, "Contact": self._contact, "Account": self._account,
                "User": self._user}[name](number)

    def base_stamp(self, number):
        return BASE_TIME + number // self.shape.same_stamp

    def base_address(self, name, number):
        """What the record was generated with."""
        return (self._lead_address if name == "Lead" else self._contact_address)(number)

    def base_deleted(self, name, number):
        return name == "Lead" and self._fate(number) in ("merged", "deleted")

    @property
    def has_base_deleted(self):
        return bool(self.shape.merged or self.shape.deleted)

    def base_holders(self, key):
        """(object, number) of all that were generated with this address, leads first."""
        match = ADDRESS.match(key)
        if not match or match[1] == "new":
            return []
        near = [int(match[2]), int(match[2]) + 1]  # addresses are shared with a neighbour
        found = [("Lead", n) for n in near] + [("Contact", n) for n in near]
        if self.shape.converted:
            found += [("Contact", n // self.shape.converted) for n in near]
        return [(name, n) for name, n in dict.fromkeys(found)
                if n < self.base[name]
                and (self.base_address(name, n) or "").lower() == key]

    def holders(self, key):
        """(object, number) of all that have this address now, deleted ones too."""
        found = [(name, n) for name, n in self.base_holders(key) if n not in self.changed[name]]
        return found + [(name, n) for name in ("Lead", "Contact")
                        for n, record in self.changed[name].items()
                        if (record["Email"] or "").lower() == key]

    # How they are made

    def _dice(self, name, number):
        text = f"{self.shape.seed}/{name}/{number}"
        return hashlib.blake2b(text.encode(), digest_size=32).digest()

    def _every(self, number, step, at=1):
        return step and number % step == step - at

    def _fate(self, number):
        """What became of a lead."""
        shape = self.shape
        if self._every(number, shape.converted) and number // shape.converted < shape.contacts:
            return "converted"
        if self._every(number, shape.merged) and number > 0:
            return "merged"
        if self._every(number, shape.deleted):
            return "deleted"
        return ""

    def _own_address(self, kind, number, dice):
        awkward = AWKWARD if dice[3] % 16 == 0 else ""
        return f"{awkward}{kind}{number}@{DOMAINS[dice[2] % len(DOMAINS)]}"

    def _lead_address(self, number):
        shape = self.shape
        if self._every(number, shape.no_email):
            return None
        if number > 0 and self._every(number, shape.share_leads):
            dice = self._dice("Lead", number - 1)
            return self._own_address("lead", number - 1, dice).upper()
        return self._own_address("lead", number, self._dice("Lead", number))

    def _lead_of(self, contact):
        """The lead that this contact was; None where it never was one."""
        lead = (contact + 1) * self.shape.converted - 1
        return lead if 0 <= lead < self.shape.leads else None

    def _contact_address(self, number):
        shape = self.shape
        lead = self._lead_of(number)
        if lead is None and number < shape.leads and shape.share_contacts:
            lead = None if number % shape.share_contacts else number
        if lead is not None:
            return self._lead_address(lead)
        return self._own_address("contact", number, self._dice("Contact", number))

    def _text(self, number, dice):
        shape = self.shape
        text = TEXTS[dice[4] % len(TEXTS)]
        length = (TOO_LONG if self._every(number, shape.too_long) else
                  LONG if self._every(number, shape.long_texts) else 0)
        return (f"{text} " * (length // (len(text) + 1) + 1))[:length] if length else text

    def _stamps(self, number, dice):
        stamp = self.base_stamp(number)
        return {"CreatedDate": moment(stamp - 3600 * (dice[5] + 1)),
                "LastModifiedDate": moment(stamp), "SystemModstamp": moment(stamp)}

    def _person(self, number, dice):
        """What leads and contacts have in common."""
        first, last = FIRST[dice[0] % len(FIRST)], LAST[dice[1] % len(LAST)]
        salutation = SALUTATIONS[dice[6] % 4]
        return {
            "IsDeleted": False, "MasterRecordId": None, "Salutation": salutation,
            "FirstName": first, "LastName": f"{last} {number}",
            "Title": TITLES[dice[7] % len(TITLES)], "Phone": f"+1 555 {number:07d}",
            "MobilePhone": f"(555) {number % 10000:04d}" if dice[8] & 1 else None,
            "Fax": None if dice[8] & 6 else f"555-{number}",
            "Description": self._text(number, dice), "LeadSource": SOURCES[dice[9] % 5],
            "HasOptedOutOfEmail": dice[10] % 10 == 0,
            "OwnerId": record_id("User", dice[11] % USERS),
            "mkto71_Lead_Score__c": float(dice[12]) if dice[12] else None,
            "Region__c": ("EMEA", "APAC", "AMER")[dice[13] % 3], **self._stamps(number, dice)}

    @staticmethod
    def _place(dice):
        """Street, city, state, postal code, country."""
        street = f"{dice[14]} Main St" + ("\nFloor \"3\"" if dice[15] & 1 else "")
        state = None if dice[16] & 1 else f"State {dice[16]}"
        return (street, CITIES[dice[17] % 8], state, f"{dice[18] * 100:05d}",
                COUNTRIES[dice[17] % 8])

    def _lead(self, number):
        dice = self._dice("Lead", number)
        person = self._person(number, dice)
        person["Name"] = f"{person['FirstName']} {person['LastName']}"
        place = self._place(dice)
        record = {
            "Id": record_id("Lead", number), **person, "Email": self._lead_address(number),
            "Company": f"Company {dice[19] % 100} & Söhne, \"Ltd.\"",
            **dict(zip(("Street", "City", "State", "PostalCode", "Country"), place)),
            "Website": f"https://www.example.com/?q={number}&x=1" if dice[20] & 1 else None,
            "Status": STATUSES[dice[21] % 3], "Industry": INDUSTRIES[dice[22] % 6],
            "Rating": RATINGS[dice[23] % 3], "AnnualRevenue": dice[24] * 1000.5,
            "NumberOfEmployees": dice[25] * 7, "IsConverted": False, "ConvertedDate": None,
            "ConvertedAccountId": None, "ConvertedContactId": None,
            "ConvertedOpportunityId": None}
        return self._suffer(record, number)

    def _suffer(self, record, number):
        fate = self._fate(number)
        if fate == "converted":
            contact = number // self.shape.converted
            record.update(IsConverted=True, ConvertedDate="2024-06-02",
                          ConvertedContactId=record_id("Contact", contact),
                          ConvertedAccountId=self._account_of(contact),
                          Status="Closed - Converted")
        elif fate:
            record["IsDeleted"] = True
            if fate == "merged":
                record["MasterRecordId"] = record_id("Lead", number - 1)
        return record

    def _account_of(self, contact):
        return record_id("Account", contact % self.base["Account"])

    def _contact(self, number):
        dice = self._dice("Contact", number)
        person = self._person(number, dice)
        lead = self._lead_of(number)
        if lead is not None:
            born = self._person(lead, self._dice("Lead", lead))
            person.update(FirstName=born["FirstName"], LastName=born["LastName"])
        place = self._place(dice)
        person["Name"] = f"{person['FirstName']} {person['LastName']}"
        return {
            "Id": record_id("Contact", number), **person,
            "Email": self._contact_address(number),
            "AccountId": self._account_of(number) if dice[19] % 20 else None,
            "Birthdate": f"19{50 + dice[20] % 50}-0{1 + dice[21] % 9}-1{dice[22] % 10}",
            **{"Mailing" + k: v for k, v in zip(
                ("Street", "City", "State", "PostalCode", "Country"), place)}}

    def _make_account(self, number):
        dice = self._dice("Account", number)
        place = self._place(dice)
        return {
            "Id": record_id("Account", number), "IsDeleted": False, "MasterRecordId": None,
            "Name": f"Account {number}, \"{CITIES[dice[0] % 8]}\"", "Type": "Customer",
            "ParentId": None,
            **{"Billing" + k: v for k, v in zip(
                ("Street", "City", "State", "PostalCode", "Country"), place)},
            "Phone": f"+49 {number}", "Website": f"account{number}.example",
            "Sic": f"{dice[1] * 10:04d}" if dice[1] else None, "Site": "HQ",
            "Industry": INDUSTRIES[dice[22] % 6], "AnnualRevenue": dice[24] * 1000000.0,
            "NumberOfEmployees": dice[25] * 100, "Description": TEXTS[dice[4] % len(TEXTS)],
            "OwnerId": record_id("User", dice[11] % USERS), **self._stamps(number, dice)}

    def _user(self, number):
        dice = self._dice("User", number)
        return {"Id": record_id("User", number), "Username": f"user{number}@acme.example",
                "Name": f"User {number}", "FirstName": "User", "LastName": str(number),
                "Email": f"user{number}@example.com", "Title": None, "Phone": None,
                "UserType": "Standard", "ManagerId": None, "AccountId": None,
                **{k: v for k, v in self._stamps(number, dice).items() if k[0] != "L"}}

    # What happens to them, on order

    def touch(self, name, number, late_s=0, **fields):
        """Change a record, as Salesforce does: SystemModstamp becomes now, or that of a
        transaction that has taken so long."""
        stamp = moment(int(self.clock()) - late_s)
        self.changed[name][number] = {**self.record(name, number), **fields,
                                      "LastModifiedDate": stamp, "SystemModstamp": stamp}
        return record_id(name, number)

    def pick(self, name, count):
        """So many that are alive, not converted and in no order before."""
        chosen = []
        for _ in range(20 * self.total[name]):
            if len(chosen) == count:
                return chosen
            number = self.random.randrange(self.total[name])
            record = self.record(name, number)
            if ((name, number) not in self.used and not record["IsDeleted"]
                    and not record.get("IsConverted")):
                self.used.add((name, number))
                chosen.append(number)
        raise ValueError(f"no {count} of {name} are left")

    def change(self, name, number, late_s=0):
        """Other values, some of them null."""
        self.orders += 1
        return self.touch(name, number, late_s, Title=f"Changed \"{self.orders}\"", Fax=None,
                          Description=TEXTS[self.orders % len(TEXTS)],
                          mkto71_Lead_Score__c=float(self.orders),
                          LastName=f"{LAST[self.orders % len(LAST)]} {number}")

    def create(self, name, **fields):
        """A new record, as if it were generated, with an address of its own."""
        number = self.total[name]
        self.total[name] += 1
        self.orders += 1
        made = self.base_record(name, number)
        made.update(IsDeleted=False, MasterRecordId=None)
        if name == "Lead":
            made.update(IsConverted=False, ConvertedDate=None, ConvertedAccountId=None,
                        ConvertedContactId=None)
        made.update(Email=f"new{self.orders}@example.com", CreatedDate=moment(int(self.clock())))
        self.changed[name][number] = {**made, **fields}
        return self.touch(name, number)

    def delete(self, name, number, **fields):
        self.gone[name][number] = int(self.clock())
        return self.touch(name, number, IsDeleted=True, **fields)

    def restore(self, name, number):
        """Out of the bin."""
        self.gone[name].pop(number, None)
        return self.touch(name, number, IsDeleted=False, MasterRecordId=None)

    def purge(self, name, number):
        """Out of the bin, for good: no query shows it any more."""
        self.changed[name][number] = {**self.record(name, number), "IsDeleted": None}
        return record_id(name, number)

    def convert(self, number, contact=None):
        """A lead becomes a contact: a new one, or one that is there."""
        lead = self.record("Lead", number)
        values = {key: lead[key] for key in (
            "Salutation", "FirstName", "LastName", "Name", "Title", "Phone", "MobilePhone", "Fax",
            "Description", "LeadSource", "HasOptedOutOfEmail", "Email", "OwnerId",
            "mkto71_Lead_Score__c", "Region__c")}
        values.update({"Mailing" + key: lead[key] for key in (
            "Street", "City", "State", "PostalCode", "Country")})
        if contact is None:
            identifier = self.create("Contact", **values)
        else:
            identifier = self.touch("Contact", contact)
        account = self.record("Contact", number_of(identifier)[1])["AccountId"]
        today = moment(int(self.clock()))[:10]
        self.touch("Lead", number, IsConverted=True, ConvertedDate=today,
                   ConvertedAccountId=account, ConvertedContactId=identifier,
                   Status="Closed - Converted")
        return identifier

    def merge(self, name, winner, losers):
        """Several records become one."""
        for loser in losers:
            self.delete(name, loser, MasterRecordId=record_id(name, winner))
        return self.touch(name, winner)
