# SPDX-License-Identifier: BSD-2-Clause
"""The operator's pages (RFC 8628 §3.3, RFC 6749 §3.1): plain HTML forms, no JavaScript."""

import html

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
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


AUTHORIZE = """<p>{client} asks for: {scope}</p>
<form method="post" action="{action}">
<input type="hidden" name="request" value="{request}">
<p><label>You are <input name="subject" value="alice" required></label></p>
<p><button name="action" value="allow">Allow</button>
<button name="action" value="deny">Deny</button></p>
</form>"""


def device_form(action, user_code="", note=""):
    body = FORM.format(action=html.escape(action), user_code=html.escape(user_code))
    if note:
        body = f"<p><strong>{html.escape(note)}</strong></p>\n{body}"
    return PAGE.format(title="Connect a device", body=body).encode()


def authorize_form(action, request, client, scope):
    body = AUTHORIZE.format(action=html.escape(action), request=request,
                            client=html.escape(client), scope=html.escape(scope or "nothing"))
    return PAGE.format(title="Allow access", body=body).encode()


def note(title, text):
    return PAGE.format(title=title, body=f"<p>{html.escape(text)}</p>").encode()
