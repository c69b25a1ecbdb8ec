# SPDX-License-Identifier: BSD-2-Clause
"""Which fields the objects of the simulated CRM have, and those of a person at the simulated
target. Tables only."""

# name type[:length] [flags]; flags: r read-only, c custom, h not null, u unique, - compound
_LEAD = """
Id id:18 rh|IsDeleted boolean rh|MasterRecordId reference:18 r|LastName string:80 h
FirstName string:40|Salutation picklist:40|Name string:121 r|Title string:128
Company string:255 h|Street textarea:255|City string:40|State string:80|PostalCode string:20
Country string:80|Address address -|Phone phone:40|MobilePhone phone:40|Fax phone:40|Email email:80
Website url:255|Description textarea:32000|LeadSource picklist:255|Status picklist:255 h
Industry picklist:255|Rating picklist:255|AnnualRevenue currency|NumberOfEmployees int
OwnerId reference:18 h|HasOptedOutOfEmail boolean h|IsConverted boolean rh|ConvertedDate date r
ConvertedAccountId reference:18 r|ConvertedContactId reference:18 r
ConvertedOpportunityId reference:18 r|CreatedDate datetime rh|LastModifiedDate datetime rh
SystemModstamp datetime rh|mkto71_Lead_Score__c double c|Region__c string:40 c
"""
_CONTACT = """
Id id:18 rh|IsDeleted boolean rh|MasterRecordId reference:18 r|AccountId reference:18
LastName string:80 h|FirstName string:40|Salutation picklist:40|Name string:121 r
MailingStreet textarea:255|MailingCity string:40|MailingState string:80|MailingPostalCode string:20
MailingCountry string:80|MailingAddress address -|Phone phone:40|Fax phone:40|MobilePhone phone:40
Email email:80|Title string:128|LeadSource picklist:255|Birthdate date|Description textarea:32000
OwnerId reference:18 h|HasOptedOutOfEmail boolean h|CreatedDate datetime rh
LastModifiedDate datetime rh|SystemModstamp datetime rh|mkto71_Lead_Score__c double c
Region__c string:40 c
"""
_ACCOUNT = """
Id id:18 rh|IsDeleted boolean rh|MasterRecordId reference:18 r|Name string:255 h
Type picklist:255|ParentId reference:18|BillingStreet textarea:255|BillingCity string:40
BillingState string:80|BillingPostalCode string:20|BillingCountry string:80|BillingAddress address -
Phone phone:40|Website url:255|Sic string:20|Site string:80|Industry picklist:255
AnnualRevenue currency|NumberOfEmployees int|Description textarea:32000|OwnerId reference:18 h
CreatedDate datetime rh|LastModifiedDate datetime rh|SystemModstamp datetime rh
"""
_USER = """
Id id:18 rh|Username string:80 hu|Name string:121 r|FirstName string:40|LastName string:80 h
Email email:128 h|Title string:80|Phone phone:40|UserType picklist:40 r|ManagerId reference:18
AccountId reference:18 r|CreatedDate datetime rh|SystemModstamp datetime rh
"""

# Relation of an object → the object on its other side.
RELATIONS = {"Lead": {"Owner": "User"}, "Contact": {"Account": "Account", "Owner": "User"},
             "Account": {"Owner": "User"}, "User": {}}
REFERENCES = {"OwnerId": ("User", "Owner"), "AccountId": ("Account", "Account")}
SOAP_TYPES = {"id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int",
              "double": "xsd:double", "currency": "xsd:double", "date": "xsd:date",
              "datetime": "xsd:dateTime", "address": "urn:address"}


def _label(name):
    return name.removesuffix("__c").replace("_", " ")


def _described(name, kind, flags):
    """One field, as describe tells it."""
    kind, _, length = kind.partition(":")
    length = int(length or 0)
    writable = "r" not in flags and "-" not in flags
    number = kind in ("double", "currency")
    target, relation = REFERENCES.get(name, ("", None))
    return {
        "name": name, "label": _label(name), "type": kind, "length": length,
        "soapType": SOAP_TYPES.get(kind, "xsd:string"), "byteLength": length * 3,
        "precision": 18 if number else 0, "scale": 0, "digits": 8 if kind == "int" else 0,
        "nillable": "h" not in flags, "createable": writable, "updateable": writable,
        "calculated": False, "custom": "c" in flags, "externalId": False,
        "idLookup": name in ("Id", "Email"), "unique": "u" in flags,
        "referenceTo": [target] if target else [], "relationshipName": relation,
        "picklistValues": [], "compoundFieldName": None, "filterable": length <= 255,
        "sortable": length <= 255, "groupable": length <= 255, "defaultedOnCreate": False,
        "permissionable": "h" not in flags, "restrictedPicklist": False, "encrypted": False,
        "nameField": name == "Name"}


def _table(text):
    fields = {}
    for entry in text.replace("\n", "|").split("|"):
        if entry:
            name, kind, *flags = entry.split()
            fields[name] = _described(name, kind, flags[0] if flags else "")
    return fields


OBJECTS = {"Lead": _table(_LEAD), "Contact": _table(_CONTACT), "Account": _table(_ACCOUNT),
           "User": _table(_USER)}
COMPOUND = "address"

# The target: name type[:length] [flags]; flags: r read-only, k may be a key, s the CRM's system
# field, o of the company
_PERSON = """
id integer rk|email email:255 k|firstName string:255|lastName string:255|salutation string:255
title string:255|phone phone:255|mobilePhone phone:255|fax phone:255|address text:2000
city string:255|state string:255|postalCode string:255|country string:255|dateOfBirth date
leadSource string:255|leadStatus string:255|rating string:255|leadScore score|unsubscribed boolean
unsubscribedReason text:2000|doNotCall boolean|emailInvalid boolean|mktoPersonNotes text:30000
company string:255 o|industry string:255 o|annualRevenue currency o|numberOfEmployees integer o
website url:255 o|mainPhone phone:255 o|sicCode string:40 o|site string:255 o
billingStreet text:2000 o|billingCity string:255 o|billingState string:255 o
billingPostalCode string:255 o|billingCountry string:255 o|mktoCompanyNotes text:30000 o
createdAt datetime r|updatedAt datetime r|mktoAcquisitionDate datetime
sfdcId string:18 rs|sfdcType string:40 rs|sfdcLeadId string:18 rks|sfdcContactId string:18 rks
sfdcAccountId string:18 rks|sfdcLeadOwnerId string:18 rks|region string:255|externalRef integer
sourceId string:255 k|sourceDeleted boolean|sourceCreated datetime|shortText string:10
"""


def person_fields():
    """The fields of a person: name → what describe2 tells, with `key`, `system` and `company` for
    our own use."""
    fields = {}
    for entry in _PERSON.replace("\n", "|").split("|"):
        if not entry:
            continue
        name, kind, *flags = entry.split()
        flags = flags[0] if flags else ""
        kind, _, length = kind.partition(":")
        fields[name] = {"name": name, "displayName": _label(name), "dataType": kind,
                        "length": int(length or 0), "updateable": "r" not in flags,
                        "key": "k" in flags, "system": "s" in flags, "company": "o" in flags}
    return fields
