# SPDX-License-Identifier: BSD-2-Clause
"""The operator's page (RFC 8628 §3.3): plain HTML forms, no JavaScript."""

import html

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Connect a device</title></head>
<body>
<h1>Connect a device</h1>
{body}
</body>
</html>
"""

FORM = """<p>Enter the code the device shows, and say whether it may act for you.</p>
<form method="post" action="{action}">
<p><label>Code <input name="user_code" value="{user_code}" autocomplete="off" required></label></p>
<p><button name="action" value="allow">Allow</button>
<button name="action" value="deny">Deny</button></p>
</form>"""


def device_form(action, user_code="", note=""):
    body = FORM.format(action=html.escape(action), user_code=html.escape(user_code))
    if note:
        body = f"<p><strong>{html.escape(note)}</strong></p>\n{body}"
    return PAGE.format(body=body).encode()


def device_done(text):
    return PAGE.format(body=f"<p>{html.escape(text)}</p>").encode()
