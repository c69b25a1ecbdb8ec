# SPDX-License-Identifier: BSD-2-Clause
"""What each program links: loading libcurl or libsystemd costs grantctl milliseconds at each start,
and each library is more that can go wrong in grantd."""

import os
import re
import subprocess
import sys

import lint

LINKS = {
    "grantctl": {"libc", "libcjson"},
    "grantd-sync": {"libc", "libcjson", "libcrypto", "libcurl", "libsystemd"},
    "grantd": {"libc", "libcjson", "libcrypto", "libcurl", "libsystemd", "libyaml"},
}

# What the sanitizers bring along, with gcc and with clang.
SANITIZERS = {"libasan", "libubsan", "libgcc_s", "libm", "libdl", "libpthread", "librt", "libresolv"}
SANITIZERS |= {"libstdc++"}


def needed(readelf_output):
    names = re.findall(r"\(NEEDED\).*\[([^\]]+)\]", readelf_output)
    return {re.sub(r"(?:-\d+)?\.so.*", "", name) for name in names}


def complaints(program, readelf_output, sanitized=False):
    have = needed(readelf_output)
    extra = have - LINKS[program] - (SANITIZERS if sanitized else set())
    return [f"{program} links {x}" for x in sorted(extra)] + [
        f"{program} does not link {x}" for x in sorted(LINKS[program] - have)
    ]


def readelf(path):
    command = [os.environ.get("READELF", "readelf"), "-dW", path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    sanitized = bool(os.environ.get("SANITIZERS"))
    line = " 0x0000000000000001 (NEEDED)             Shared library: [{}]\n".format
    good = line("libcjson.so.1") + line("libc.so.6")
    tap = lint.Tap(3 + len(LINKS))
    tap.result(complaints("grantctl", good) == [], "accepts libc and libcjson")
    tap.result(complaints("grantctl", good + line("libcurl.so.4")) != [], "catches one too many")
    tap.result(complaints("grantctl", line("libc.so.6")) != [], "catches output it cannot read")
    for program in LINKS:
        found = complaints(program, readelf(program), sanitized)
        tap.result(not found, f"{program} links {' '.join(sorted(LINKS[program]))}", found)
    tap.done()


main()
