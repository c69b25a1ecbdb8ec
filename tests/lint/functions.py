# SPDX-License-Identifier: BSD-2-Clause
"""Functions of src/ stay small. Relies on our layout: a function's opening and closing braces stand
alone in the first column, and nothing else does."""

import re
import statistics

import lint

LONGEST = 80
MEDIAN = 15
NINE_IN_TEN = 50


def lengths(path, text):
    """(lines from the declaration to the closing brace, where, name) of each function."""
    found = []
    start = None
    lines = lint.code_only(text).split("\n")
    for number, line in enumerate(lines):
        if line == "{":
            start = number - 1
            while start > 0 and lines[start][:1] in ("\t", " "):
                start -= 1
        elif line == "}" and start is not None:
            name = re.search(r"(\w+)\s*\(", " ".join(lines[start:number]))
            found.append(
                (number - start + 1, f"{path}:{start + 1}", name.group(1) if name else "?")
            )
            start = None
    return found


def all_lengths(root):
    found = []
    for path in lint.files(root, "src", ".c", ".h"):
        found += lengths(path, lint.read(root, path))
    return sorted(found)


def summary(found):
    """(median, ninth decile) of the lengths."""
    sizes = [size for size, _, _ in found]
    return statistics.median(sizes), sizes[(len(sizes) * 9 - 1) // 10]


def check(root):
    found = all_lengths(root)
    if not found:
        return ["no function found at all"]
    complaints = [
        f"{where}: {name}() has {size} lines, more than {LONGEST}"
        for size, where, name in found
        if size > LONGEST
    ]
    median, decile = summary(found)
    if median > MEDIAN:
        complaints.append(f"half of the functions are over {median} lines, more than {MEDIAN}")
    if decile > NINE_IN_TEN:
        complaints.append(f"one in ten is over {decile} lines, more than {NINE_IN_TEN}")
    return complaints


def function(size, name="a"):
    return f"static int {name}(int b,\n\tint c)\n{{\n" + "\tb();\n" * (size - 4) + "}\n\n"


found = all_lengths(lint.ROOT)
if found:
    median, decile = summary(found)
    size, where, name = found[-1]
    print(f"# {len(found)} functions: half have up to {median} lines, nine in ten up to {decile},")
    print(f"# the longest is {name}() with {size} ({where})")

lint.run(
    "functions are small",
    check,
    catches={
        "a function of 81 lines": {"src/base/a.c": function(81) + function(5) * 20},
        "long functions on the whole": {"src/base/a.c": function(16) * 3 + function(5) * 2},
        "one long function in five": {"src/base/a.c": function(51) + function(5) * 4},
        "a tree it cannot read": {"src/base/a.c": "int a;\n"},
    },
    accepts={
        "a function of 80 lines among small ones": {
            "src/base/a.c": function(80) + function(15) * 20
        },
        "a long table": {"src/base/a.c": "int a[] = {\n" + "\t1,\n" * 90 + "};\n" + function(5)},
    },
)
