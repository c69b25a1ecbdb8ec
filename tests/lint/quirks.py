# SPDX-License-Identifier: BSD-2-Clause
"""Every quirk of oauth/quirks.c says what the provider does, where and when that was read, has a story that
uses it and code that tests it, and a paragraph in grantd.yaml(5); and no code names a provider."""

import os
import re

import lint

TABLE = "src/oauth/quirks.c"
STORIES = "tests/scenario/stories"
PAGE = "man/grantd.yaml.5"
PROFILES = "conf/profiles"
# Words of the standards and of this program, which a profile has for a name.
NOT_PROVIDERS = {"generic"}


def strings(text):
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', text))


def rows(root):
    """The rows of the table, each a dictionary of its members."""
    for row in re.findall(r"^\t\{\n(.*?)^\t\},$", lint.read(root, TABLE), re.DOTALL | re.MULTILINE):
        parts = re.split(r"^\t\t\.(\w+) = ", row, flags=re.MULTILINE)[1:]
        yield {
            name: strings(value) or value.strip().rstrip(",")
            for name, value in zip(parts[::2], parts[1::2])
        }


def exists(root, path):
    return os.path.exists(os.path.join(root, path))


def used_flags(story):
    lists = re.findall(r"^\s*quirks: \[([^\]]*)\]", story, re.MULTILINE)
    return {flag.strip() for found in lists for flag in found.split(",")}


def check_row(root, row, code, page):
    name = row.get("name", "?")
    if not re.fullmatch(r"[A-Z].+\.", row.get("does", "")):
        yield f"{name}: no sentence on what the provider does"
    if not row.get("source", "").startswith("https://"):
        yield f"{name}: no address of its source"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", row.get("seen", "")):
        yield f"{name}: no date of its source"
    story = f"{STORIES}/{row.get('story')}.scn"
    if not exists(root, story):
        yield f"{name}: there is no {story}"
    elif name not in used_flags(lint.read(root, story)):
        yield f"{name}: {story} does not use it"
    if not re.search(rf"\b{row.get('flag')}\b", code):
        yield f"{name}: nothing tests {row.get('flag')}"
    if f".It Cm {name}\n" not in page:
        yield f"{name}: no paragraph in {PAGE}"


# A sync is between two products, whose APIs it speaks: grantd-salesforce-marketo(7).
OF_SYNCS = r"src/(sync/|config/schema-sync\.c|config/rules\.c)"


def spoken(root, path):
    """The code with its strings, but without comments and examples for people."""
    text = lint.TOKEN.sub(
        lambda m: lint.blank(m.group(0)) if m.group(0).startswith("/") else m.group(0),
        lint.read(root, path),
    )
    return re.sub(r"^\s*\.example = .*$", "", text, flags=re.MULTILINE).lower()


def named_providers(root):
    names = {
        os.path.splitext(os.path.basename(p))[0] for p in lint.files(root, PROFILES, ".yaml")
    } - NOT_PROVIDERS
    for path in lint.files(root, "src", ".c", ".h"):
        if re.match(OF_SYNCS, path):
            continue
        code = spoken(root, path) if path != TABLE else ""
        for name in sorted(names):
            if re.search(rf"(?<![a-z]){name}(?![a-z])", code):
                yield f"{path}: code names the provider {name}"


def check(root):
    code = "".join(
        lint.code_only(lint.read(root, p))
        for p in lint.files(root, "src", ".c")
        if p != TABLE
    )
    page = lint.read(root, PAGE)
    found = list(rows(root))
    complaints = [c for row in found for c in check_row(root, row, code, page)]
    flags = set(re.findall(r"\bQUIRK_\w+(?= = )", lint.read(root, "src/oauth/quirks.h")))
    complaints += [f"{f} has no row" for f in sorted(flags - {r.get("flag") for r in found})]
    complaints += [] if found else ["the table has no row"]
    return complaints + list(named_providers(root))


GOOD = {
    TABLE: 'x = {\n\t{\n\t\t.flag = QUIRK_A,\n\t\t.name = "a_b",\n\t\t.does = "It "\n\t\t\t"does."'
    ',\n\t\t.source = "https://x",\n\t\t.seen = "2026-11-23",\n\t\t.story = "quirk-a",\n\t},\n};\n',
    "src/oauth/quirks.h": "enum { QUIRK_A = 1u << 0 };\n",
    "src/oauth/request.c": "if (q & QUIRK_A)\n",
    f"{STORIES}/quirk-a.scn": "config\n    quirks: [a_b]\n",
    PAGE: ".It Cm a_b\nText.\n",
    f"{PROFILES}/acme.yaml": "",
}


def without(path, old, new=""):
    return {**GOOD, path: GOOD[path].replace(old, new)}


lint.run(
    "every quirk is told, tested and proved",
    check,
    catches={
        "a quirk without a source": without(TABLE, "https://x"),
        "a quirk without a date": without(TABLE, "2026-11-23", "lately"),
        "a quirk that says nothing": without(TABLE, '"It "\n\t\t\t"does."', '""'),
        "a story that is not there": without(TABLE, "quirk-a", "quirk-b"),
        "a story of another quirk": without(f"{STORIES}/quirk-a.scn", "a_b", "c"),
        "a story that only speaks of it": without(f"{STORIES}/quirk-a.scn", "    quirks", "# quirks"),
        "a flag that nothing tests": without("src/oauth/request.c", "QUIRK_A", "0"),
        "a flag tested in a comment": without("src/oauth/request.c", "(q & QUIRK_A)", "/* QUIRK_A */"),
        "a flag without a row": without("src/oauth/quirks.h", " }", ", QUIRK_B = 1u << 1 }"),
        "a flag that the page does not tell": without(PAGE, "a_b"),
        "code that names a provider": {**GOOD, "src/oauth/grant.c": "bool is_acme(void);\n"},
        "the host of a provider": {**GOOD, "src/oauth/grant.c": 'f(url, "login.acme.com");\n'},
    },
    accepts={
        "a whole row": GOOD,
        "a provider in a comment": {**GOOD, "src/oauth/grant.c": "/* as Acme does */\n"},
        "a provider in an example": {**GOOD, "src/config/schema.c": '\t.example = "acme",\n'},
    },
)
