#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each profile says where it knows everything from, and README's table and grantd-providers(7) say the
same as the profiles. That their keys and flags are known ones, grantd itself checks."""

import re

import lint
from profile_yaml import Broken, profiles

README, PAGE = "README.md", "man/grantd-providers.7"
DATE = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
UNATTENDED = {"client_credentials", "jwt_bearer"}
SAY_MAX = 240  # oauth/hints.h


def days(duration):
    return re.fullmatch(r"(\d+)d", duration).group(1) + " days"


def lifetime(name, profile):
    """What README says of the limits."""
    limits = profile.get("limits", {})
    if name == "generic":
        return "as the provider has it"
    if set(profile["flows"]) <= UNATTENDED:
        return "no grant: a token whenever one is needed"
    parts = [
        days(limits[key]) + words
        for key, words in (("idle_lifetime", " without use"), ("absolute_lifetime", " in all"))
        if key in limits
    ]
    text = ", ".join(parts) or "until it is revoked"
    if "approvals_per_user" in limits:
        text += f"; {limits['approvals_per_user']} of a user"
    return text


def check_sources(profile):
    sources = profile.get("sources", [])
    if not sources:
        yield "no sources"
    for source in sources:
        if sorted(source) != ["claim", "date", "url"]:
            yield f"a source has {sorted(source)}"
        elif not DATE.fullmatch(source["date"]):
            yield f"{source['date']} is no date"
        elif not source["url"].startswith("https://"):
            yield f"{source['url']} is not https"
        elif not source["claim"]:
            yield "an empty claim"


def check_profile(profile):
    flows = profile.get("flows", [])
    if not profile.get("description", "").endswith("."):
        yield "no description, or no sentence"
    if not flows or profile.get("flow") != flows[0]:
        yield "flow is not the first of flows"
    for hint in profile.get("hints", []):
        if len(hint.get("say", "")) > SAY_MAX:
            yield f"a hint of {len(hint['say'])} letters: {hint['say'][:30]}"
    yield from check_sources(profile)


def check_readme(text, found):
    table = text.partition("\n| provider |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| ([a-z0-9]+) \| (.*) \|$", table, re.MULTILINE))
    for name, profile in found.items():
        wanted = f"{', '.join(profile.get('flows', []))} | {lifetime(name, profile)}"
        if rows.get(name) != wanted:
            yield f"{README}: {name} is {rows.get(name)!r}, not {wanted!r}"
    yield from (f"{README}: there is no profile {name}" for name in sorted(set(rows) - set(found)))


def check_section(name, text, profile):
    if f"provider: {name}\n" not in text and name != "generic":
        yield "no example"
    for flow in profile["flows"]:
        if flow not in text:
            yield f"{flow} is not told"
    limits = profile.get("limits", {})
    for duration in (v for k, v in limits.items() if k != "approvals_per_user"):
        months = {"180d": "6 months", "183d": "6 months"}.get(duration, days(duration))
        if months not in " ".join(text.split()):
            yield f"{months} is not told"


def check_page(text, found):
    parts = re.split(r"^\.Ss ([a-z0-9]+)$", text.partition(".Sh PROFILES")[2], flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2]))
    for name, profile in found.items():
        if name not in sections:
            yield f"{PAGE}: no section {name}"
        else:
            yield from (f"{PAGE}: {name}: {c}" for c in check_section(name, sections[name], profile))
    yield from (f"{PAGE}: {n}: no such profile" for n in sorted(set(sections) - set(found)))


def check(root):
    try:
        found = profiles(root)
    except Broken as error:
        return [f"a profile: {error}"]
    complaints = [f"{n}: {c}" for n, p in found.items() for c in check_profile(p)]
    if not complaints:
        complaints += check_readme(lint.read(root, README), found)
        complaints += check_page(lint.read(root, PAGE), found)
    return complaints


GOOD = """\
description: "A."
flows: [paste, device]
flow: paste
limits: {approvals_per_user: 5, idle_lifetime: 30d}
sources:
  - {claim: "c", date: 2026-11-24,
     url: "https://a.example/"}
"""
HEAD = "\n| provider | flows | life |\n"
ROW = "| a | paste, device | 30 days without use; 5 of a user |\n"
TOLD = ".Sh PROFILES\n.Ss a\nprovider: a\nOf paste and device, 30\ndays.\n"


def tree(profile=GOOD, readme=ROW, page=TOLD):
    return {"conf/profiles/a.yaml": profile, README: HEAD + readme, PAGE: page}


lint.run(
    "every profile has sources, and README and grantd-providers(7) agree with it",
    check,
    catches={
        "a profile without sources": tree(GOOD[: GOOD.index("sources:")]),
        "a source without a date": tree(GOOD.replace(" date: 2026-11-24,", "")),
        "a date that is none": tree(GOOD.replace("11-24", "13-24")),
        "an address without https": tree(GOOD.replace("https", "http")),
        "a default that is not the first flow": tree(GOOD.replace("flow: paste", "flow: device")),
        "a key given twice": tree(GOOD + "flow: paste\n"),
        "a hint that is too long": tree(GOOD + f'hints:\n  - {{say: "{"x" * 241}"}}\n'),
        "other flows in README": tree(readme=ROW.replace("paste, device", "device, paste")),
        "another lifetime in README": tree(readme=ROW.replace("30", "60")),
        "another number of approvals in README": tree(readme=ROW.replace("; 5", "; 6")),
        "a provider missing in README": tree(readme=""),
        "a provider in README that there is not": tree(readme=ROW + ROW.replace("| a", "| b", 1)),
        "a section missing in the page": tree(page=".Sh PROFILES\n"),
        "a flow missing in the page": tree(page=TOLD.replace(" and device", "")),
        "a lifetime missing in the page": tree(page=TOLD.replace("30", "60")),
        "an example missing in the page": tree(page=TOLD.replace("provider: a\n", "")),
    },
    accepts={"what agrees": tree()},
)
