# SPDX-License-Identifier: BSD-2-Clause
"""secret_expose() is called only where a request is built, a record encoded, a token handed out, or
the bytes put on the wire or the disk."""

import re

import lint

ALLOWED = {
    "src/base/secret.c",
    "src/base/secret.h",
    "src/oauth/idtoken.c",
    "src/oauth/jose.c",
    "src/oauth/paste.c",
    "src/oauth/request.c",
    "src/oauth/record.c",
    "src/sync/rest.c",
    "src/agent/control.c",
    "src/host/http.c",
    "src/host/store.c",
    "src/syncd/session.c",
}


def check(root):
    complaints = []
    for path in lint.files(root, "src", ".c", ".h"):
        if path in ALLOWED:
            continue
        text = lint.read(root, path)
        for match in re.finditer(r"\bsecret_expose\b", lint.code_only(text)):
            complaints.append(f"{path}:{lint.line_of(text, match.start())}: exposes a secret")
    return complaints


lint.run(
    "secrets are exposed only where they have to be",
    check,
    catches={
        "a call in the log": {"src/host/log.c": "\tprint(secret_expose(s));\n"},
        "a pointer to it": {"src/oauth/grant.c": "\tshow = secret_expose;\n"},
    },
    accepts={
        "a call in the request builder": {"src/oauth/request.c": "\tsecret_expose(s);\n"},
        "its name in a comment": {"src/oauth/grant.c": "/* secret_expose() */\n"},
    },
)
