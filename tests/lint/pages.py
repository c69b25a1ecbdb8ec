#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The pages and the tables agree: verbs, options, keys, methods, errors, states, faults, exit codes; and the
configurations that README and the pages show are accepted by grantd."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from lint import ROOT, Tap, read

GRANTD = os.environ.get("GRANTD", "./grantd")
GRANTCTL = os.environ.get("GRANTCTL", "./grantctl")
PAGES = {
    "grantctl": "man/grantctl.1",
    "config": "man/grantd.yaml.5",
    "protocol": "man/grantd-protocol.7",
    "grantd": "man/grantd.8",
    "providers": "man/grantd-providers.7",
    "sync": "man/grantd-salesforce-marketo.7",
}
# What a machine without the files and users of an example may object to.
FILES_MISSING = re.compile(r"can't|cannot|no such file|there is no (user|group)|No such file", re.IGNORECASE)


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def page(name):
    """A page as plain words: mdoc's macros and escapes taken out."""
    text = read(ROOT, PAGES[name])
    text = re.sub(r'^\.\\".*$', "", text, flags=re.MULTILINE)
    return text.replace("\\-", "-").replace("\\&", "").replace("\\(dq", '"').replace("\\e", "\\")


def words(text):
    return set(re.findall(r"[A-Za-z0-9_.-]*[A-Za-z0-9_]", text))


def missing(wanted, text):
    have = words(text)
    return sorted(word for word in wanted if word not in have and word.split(".")[-1] not in have)


def help_options(text):
    return set(re.findall(r"--([a-z][a-z-]*)", text))


def page_options(text):
    """Options of a page: `Fl -name`, also after | and inside Op."""
    return set(re.findall(r"\bFl -([a-z][a-z-]*)", text))


def check_options(name, helps):
    wanted, shown = help_options(helps), page_options(page(name))
    return [f"{PAGES[name]} lacks --{o}" for o in sorted(wanted - shown)] + [
        f"{PAGES[name]} tells of --{o}, which there is not" for o in sorted(shown - wanted)
    ]


def verbs():
    """The verbs of `grantctl --help`: the first word of each indented line."""
    return re.findall(r"^ {2}([a-z]+)\b", output(GRANTCTL, "--help"), flags=re.MULTILINE)


def grantctl_options():
    helps = output(GRANTCTL, "--help")
    for verb in sorted(set(verbs())):
        helps += output(GRANTCTL, verb, "--help")
    # `config` hands its option over to grantd.
    return check_options("grantctl", helps)


def grantctl_verbs():
    text = page("grantctl")
    synopsis = text.partition(".Sh SYNOPSIS")[2].partition(".Sh")[0]
    lacking = missing(verbs(), text) + missing(verbs(), synopsis)
    return [f"{PAGES['grantctl']} or its SYNOPSIS lacks the verb {v}" for v in lacking] or (
        [] if verbs() else ["grantctl --help names no verb"]
    )


def schema_keys(node, path=()):
    """Every key of the JSON Schema, as a path."""
    for key, child in node.get("properties", {}).items():
        yield path + (key,)
        yield from schema_keys(child, path + (key,))
    for pattern in ("additionalProperties", "items"):
        if isinstance(node.get(pattern), dict):
            yield from schema_keys(node[pattern], path)
    for child in node.get("patternProperties", {}).values():
        yield from schema_keys(child, path)
    for choice in ("oneOf", "anyOf", "allOf"):
        for child in node.get(choice, []):
            yield from schema_keys(child, path)


def config_keys():
    keys = sorted({k[-1] for k in schema_keys(json.loads(output(GRANTD, "--schema")))})
    complaints = [f"{PAGES['config']} lacks the key {k}" for k in missing(keys, page("config"))]
    return complaints if len(keys) > 10 else ["grantd --schema tells hardly a key"]


def interface_words():
    """Methods, errors and parameters of the interface files."""
    found = set()
    for name in ("org.grantd.Status", "org.grantd.Control", "org.grantd.Sync", "org.grantd"):
        text = read(ROOT, f"conf/{name}.varlink")
        text = re.sub(r"#.*$", "", text, flags=re.MULTILINE)
        found |= set(re.findall(r"^(?:method|error|type) (\w+)", text, flags=re.MULTILINE))
        found |= set(re.findall(r"(\w+): ", text))
    return found


def protocol_words():
    wanted = interface_words()
    if len(wanted) < 20:
        return ["the interface files tell hardly a word"]
    return [f"{PAGES['protocol']} lacks {w}" for w in missing(wanted, page("protocol"))]


def source_strings(path, pattern):
    return re.findall(pattern, read(ROOT, path))


def kinds_and_states():
    kinds = source_strings("src/base/fault.c", r'\.name = "([a-z_]+)"|\{"([a-z_]+)", [0-9]')
    kinds = {a or b for a, b in kinds} - {"none"}
    states = set(source_strings("src/oauth/grant.c", r'\[GRANT_\w+\] = "([a-z_]+)"'))
    if len(kinds) < 10 or len(states) < 5:
        return [f"hardly a kind or state was found: {kinds} {states}"]
    return [
        f"{PAGES[name]} lacks {w}"
        for name in ("grantd", "protocol")
        for w in missing(kinds | states, page(name))
    ]


def exit_codes():
    text = page("grantctl")
    section = text[text.index(".Sh EXIT STATUS"):]
    return [
        f"{PAGES['grantctl']} lacks the exit status {code}"
        for code in range(8)
        if not re.search(rf"^\.It (Cm |Li |Sy )?{code}\b", section, flags=re.MULTILINE)
    ]


def mandoc_clean():
    if not shutil.which("mandoc"):
        return ["mandoc is not installed"]
    paths = [os.path.join(ROOT, p) for p in PAGES.values()]
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", *paths], capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()


def yaml_examples():
    """Configurations in README and the pages: text that begins with `connections:` or `agent:`."""
    for block in re.findall(r"```yaml\n(.*?)```", read(ROOT, "README.md"), flags=re.DOTALL):
        yield "README.md", block
    for name in ("config", "grantd", "providers", "sync"):
        for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page(name), flags=re.DOTALL | re.MULTILINE):
            if re.match(r"(connections|agent):", block):
                yield PAGES[name], block
    yield "conf/grantd.yaml", read(ROOT, "conf/grantd.yaml")


def examples_accepted():
    complaints, n = [], 0
    for where, text in yaml_examples():
        n += 1
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(text)
            f.flush()
            done = subprocess.run(
                [GRANTD, "--check", "--config", f.name], capture_output=True, text=True, check=False
            )
        for line in done.stderr.splitlines():
            if not FILES_MISSING.search(line):
                complaints.append(f"{where}: {line}")
    return complaints if n >= 3 else ["hardly an example was found"]


def built_paths():
    """The pages made for this build tell the paths that its programs use."""
    complaints = []
    for section, program, pattern in (
        ("grantctl.1", GRANTCTL, r"^\.It Pa (\S+)/control\.sock$"),
        ("grantd.8", GRANTD, r"^\.It Pa (\S+)/$"),
        ("grantd.yaml.5", GRANTD, r"^\.It Pa (/\S+/grantd\.yaml)$"),
    ):
        with open(f"pages/{section}", encoding="utf-8") as f:
            told = re.findall(pattern, f.read(), flags=re.MULTILINE)
        with open(program, "rb") as f:
            code = f.read()
        complaints += [f"pages/{section}: {path} is not in {program}" for path in told
                       if path.encode() + b"\0" not in code and path.encode() + b"/" not in code]
        complaints += [] if told else [f"pages/{section} tells no path"]
    return complaints


CHECKS = [
    ("the pages of this build tell the paths of its programs", built_paths),
    ("grantctl(1) has every verb of grantctl --help", grantctl_verbs),
    ("grantctl(1) has every option of grantctl, and no other", grantctl_options),
    ("grantctl(1) has every exit status", exit_codes),
    ("grantd(8) has every option of grantd, and no other", lambda: check_options("grantd", output(GRANTD, "--help"))),
    ("grantd.yaml(5) has every key of the schema", config_keys),
    ("grantd-protocol(7) has every method, error and field of the interface files", protocol_words),
    ("grantd(8) and grantd-protocol(7) have every state and fault kind", kinds_and_states),
    ("the configurations shown in README and the pages are accepted", examples_accepted),
    ("mandoc finds nothing to warn of", mandoc_clean),
]


def main():
    tap = Tap(len(CHECKS))
    for says, check in CHECKS:
        complaints = check()
        tap.result(not complaints, says, complaints)
    tap.done()


main()
