# SPDX-License-Identifier: BSD-2-Clause
"""tests/scenario/ROWS and what it names agree: each numbered row of what providers are known to do is proved by a
story of its own, by a test, or says why it can't be; no story of a row is left out."""

import os
import re

import lint

TABLE = "tests/scenario/ROWS"
STORIES = "tests/scenario/stories"
ROWS = {"quirk": 60, "salesforce": 22}

LINE = re.compile(r"(quirk|salesforce) (\d+) (story|test|not) (\S.*)")
STORY = re.compile(r"(quirk|salesforce)-(\d\d)-[a-z0-9-]+")


def entries(root):
    """(line number, match or None) of each line that is no comment."""
    for number, line in enumerate(lint.read(root, TABLE).splitlines(), 1):
        if line and not line.startswith("#"):
            yield number, LINE.fullmatch(line)


def story_complaint(root, kind, row, name):
    """What is wrong with a story that a row names."""
    match = STORY.fullmatch(name)
    path = f"{STORIES}/{name}.scn"
    if not match or match.groups() != (kind, f"{row:02}"):
        return f"{name} is not named after {kind} {row}"
    if not os.path.exists(os.path.join(root, path)):
        return f"{path} is not there"
    text = lint.read(root, path)
    if not text.startswith(f"# {kind} {row}: "):
        return f"{path}: its title does not begin with {kind} {row}:"
    return None if asserts(text) else f"{path}: hardly anything must be true in it"


def asserts(text):
    """A story says what was sent, and what is true then."""
    steps = [line.split(" ")[0] for line in text.splitlines()]
    return len(steps) >= 8 or ("sent" in steps and "include" in steps)


def test_complaint(root, proof):
    """What is wrong with a test that a row names: FILE TITLE."""
    path, _, title = proof.partition(" ")
    if not os.path.exists(os.path.join(root, path)):
        return f"{path} is not there"
    text = re.sub(r'"\s*"', "", lint.read(root, path))  # a text of C in several pieces
    return None if title and f'"{title}"' in text else f"{path} has no test of that title: {title}"


def entry_complaint(root, match):
    kind, row, what, proof = match.group(1), int(match.group(2)), match.group(3), match.group(4)
    if not 1 <= row <= ROWS[kind]:
        return f"there is no {kind} {row}"
    if what == "story":
        return story_complaint(root, kind, row, proof)
    return test_complaint(root, proof) if what == "test" else None


def check(root):
    complaints, proved, named = [], set(), set()
    for number, match in entries(root):
        complaint = entry_complaint(root, match) if match else "not KIND ROW story|test|not ..."
        if complaint:
            complaints.append(f"{TABLE}:{number}: {complaint}")
        if match:
            proved.add((match.group(1), int(match.group(2))))
            named.add(match.group(4))
    for kind, count in ROWS.items():
        for row in range(1, count + 1):
            if (kind, row) not in proved:
                complaints.append(f"{TABLE}: nothing proves {kind} {row}")
    for path in lint.files(root, STORIES, ".scn"):
        name = os.path.basename(path)[: -len(".scn")]
        if STORY.fullmatch(name) and name not in named:
            complaints.append(f"{path} is not in {TABLE}")
    return complaints


def tree(change=None, stories=None):
    """A tree in which all rows are accounted for, with some lines changed: old line to new."""
    lines = [f"{kind} {row} not as an example" for kind, count in ROWS.items() for row in range(1, count + 1)]
    lines = [(change or {}).get(line, line) for line in lines]
    return {TABLE: "# rows\n" + "\n".join(lines) + "\n", **(stories or {})}


FIRST = "quirk 1 not as an example"
NAME = "quirk-01-first"
PATH = f"{STORIES}/{NAME}.scn"
GOOD = "# quirk 1: first\ninclude a.inc\nsent POST https://idp.example/token\n"
NAMED = {FIRST: f"quirk 1 story {NAME}"}

lint.run(
    "each row of what providers do is proved by what ROWS names",
    check,
    catches={
        "a row without a line": tree({FIRST: ""}),
        "a line that is no row": tree({FIRST: "quirk one story " + NAME}, {PATH: GOOD}),
        "a row that there is not": tree({"salesforce 22 not as an example": "salesforce 23 not as an example"}),
        "a story that is not there": tree(NAMED),
        "a story named after another row": tree({FIRST: "quirk 1 story quirk-02-first"}, {f"{STORIES}/quirk-02-first.scn": GOOD}),
        "a story with another title": tree(NAMED, {PATH: GOOD.replace("quirk 1", "quirk 2")}),
        "a story in which nothing must be true": tree(NAMED, {PATH: "# quirk 1: first\ninclude a.inc\n"}),
        "a story that no row names": tree(stories={PATH: GOOD}),
        "a test that is not there": tree({FIRST: "quirk 1 test tests/a.c it works"}),
        "a title that the test has not": tree({FIRST: "quirk 1 test tests/a.c it works"}, {"tests/a.c": '{"it", t}'}),
        "a reason that is none": tree({FIRST: "quirk 1 not "}),
    },
    accepts={
        "a story": tree(NAMED, {PATH: GOOD}),
        "a test, its title in two pieces": tree(
            {FIRST: "quirk 1 test tests/a.c it works"}, {"tests/a.c": '{"it "\n\t"works", t}'}
        ),
    },
)
