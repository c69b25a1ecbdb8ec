# SPDX-License-Identifier: BSD-2-Clause
"""Who may include whom in src/: the rooms among themselves, and the libraries."""

import os
import re

import lint

ROOMS = {
    "base": {"base"},
    "oauth": {"base", "oauth"},
    "wire": {"base", "wire"},
    "config": {"base", "oauth", "config"},
    "sync": {"base", "sync"},
    "host": {"base", "host"},
    "agent": {"base", "oauth", "wire", "config", "sync", "host", "agent"},
    "syncd": {"base", "wire", "sync", "host", "syncd"},
    "ctl": {"base", "wire", "ctl"},
}

# A library's headers, and the files or rooms that may include them.
LIBRARIES = {
    r"(cjson/)?cJSON\.h": {"base/json.c"},
    r"yaml\.h": {"config/yaml.c"},
    r"curl/.*": {"host/http.c"},
    r"systemd/.*": {"host"},
    r"openssl/.*": {
        "oauth/grant-tools.c",
        "oauth/jose.c",
        "oauth/record.c",
        "oauth/request.c",
        "host",
    },
}

# Headers that are the inside of something, and the files that are its parts.
INSIDE = {"oauth/grant-state.h": r"src/oauth/grant(-\w+)?\.[ch]"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]*)"|<([^>]*)>)', re.MULTILINE)


def check_ours(root, path, included):
    room = path.split("/")[1]
    parts = included.split("/")
    if len(parts) != 2 or not included.endswith(".h"):
        return f'"{included}" is not written as "room/file.h"'
    if parts[0] not in ROOMS.get(room, set()):
        return f"{room} may not include {parts[0]}"
    if not os.path.exists(os.path.join(root, "src", included)):
        return f"{included} does not exist"
    if not re.fullmatch(INSIDE.get(included, ".*"), path):
        return f"{included} is not for others"
    return None


def check_library(path, included):
    file = path[len("src/") :]
    for pattern, allowed in LIBRARIES.items():
        if re.fullmatch(pattern, included) and not {file, file.split("/")[0]} & allowed:
            return f"<{included}> belongs to {', '.join(sorted(allowed))}"
    return None


def check(root):
    complaints = []
    for path in lint.files(root, "src", ".c", ".h"):
        text = lint.read(root, path)
        for match in INCLUDE.finditer(text):
            ours, library = match.groups()
            complaint = check_ours(root, path, ours) if ours else check_library(path, library)
            if complaint:
                complaints.append(f"{path}:{lint.line_of(text, match.start())}: {complaint}")
    return complaints


def tree(path, include, **others):
    return {"src/" + path: f"#include {include}\n", **others}


lint.run(
    "src/ includes what its rooms allow",
    check,
    catches={
        "base including oauth": tree("base/a.c", '"oauth/b.h"', **{"src/oauth/b.h": ""}),
        "wire including config": tree("wire/a.c", '"config/b.h"', **{"src/config/b.h": ""}),
        "sync including oauth": tree("sync/a.c", '"oauth/b.h"', **{"src/oauth/b.h": ""}),
        "host including oauth": tree("host/a.h", '"oauth/b.h"', **{"src/oauth/b.h": ""}),
        "agent including ctl": tree("agent/a.c", '"ctl/b.h"', **{"src/ctl/b.h": ""}),
        "ctl including host": tree("ctl/a.c", '"host/b.h"', **{"src/host/b.h": ""}),
        "a room nobody knows": tree("extra/a.c", '"base/b.h"', **{"src/base/b.h": ""}),
        "an include without its room": tree("base/a.c", '"b.h"', **{"src/base/b.h": ""}),
        "the inside of a grant outside of it": tree(
            "oauth/record.c", '"oauth/grant-state.h"', **{"src/oauth/grant-state.h": ""}
        ),
        "cJSON outside base/json.c": tree("wire/a.c", "<cjson/cJSON.h>"),
        "libyaml outside config/yaml.c": tree("config/config.c", "<yaml.h>"),
        "curl in agent": tree("agent/a.c", "<curl/curl.h>"),
        "sd-event in agent": tree("agent/a.c", "<systemd/sd-event.h>"),
        "openssl in base": tree("base/a.c", "<openssl/evp.h>"),
        "openssl in agent": tree("agent/a.c", "<openssl/rand.h>"),
    },
    accepts={
        "agent including host": tree("agent/a.c", '"host/b.h"', **{"src/host/b.h": ""}),
        "the inside of a grant in its parts": tree(
            "oauth/grant-token.c", '"oauth/grant-state.h"', **{"src/oauth/grant-state.h": ""}
        ),
        "openssl in the record codec": tree("oauth/record.c", "<openssl/evp.h>"),
    },
)
