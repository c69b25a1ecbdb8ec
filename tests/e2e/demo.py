# SPDX-License-Identifier: BSD-2-Clause
"""The demo: an agent, a provider, and an operator (you, or --auto). Started by tests/demo."""

import argparse
import sys
import time

from lib import GRANTCTL, Rig, by_name  # first: it finds the others

NAME = "demo"
# Short, so that a refresh is seen within a minute.
ACCESS_LIFETIME_S = 60


def arguments():
    parser = argparse.ArgumentParser(prog="tests/demo", description=__doc__)
    parser.add_argument("--auto", action="store_true", help="play the operator, end with a token")
    parser.add_argument("--seconds", type=float, default=600, help="end after so long")
    return parser.parse_args()


def say(text=""):
    print(text, flush=True)


def introduce(rig, approval):
    say(f"""
The agent runs, with everything below {rig.home}. It waits for an approval:

    open    {approval['verification_uri']}
    enter   {approval['user_code']}
    or open {approval['verification_uri_complete']}

Open it on this machine. The browser warns: the certificate comes from a throw-away CA made for
this demo ({rig.provider.ca_file}). Meanwhile, in another terminal:

    export GRANTD_RUNTIME={rig.agent.runtime}
    {GRANTCTL} status --watch
    {GRANTCTL} token {NAME}
    {GRANTCTL} login {NAME}
""")


def play_operator(rig, user_code):
    """Fill in the provider's real page."""
    client = rig.provider.client()
    page = client.get(f"/device?user_code={user_code}")
    say(f"The operator opens the page ({page.status}), sees the code and presses Allow.")
    done = client.post("/device", {"user_code": user_code, "action": "allow"})
    client.close()
    if done.status != 200:
        raise RuntimeError(f"the page refused the code: {done.status}")


def describe(connection):
    line = f"{connection['name']}: {connection['state']}"
    if connection["usable"]:
        line += f", token until {connection['token_expires_at']}"
    if connection["refresh_at"]:
        line += f", next refresh {connection['refresh_at']}"
    if connection["fault"]:
        line += f" ({connection['fault']['kind']}: {connection['fault']['detail']})"
    return line


def masked(token):
    return f"{token[:4]}{'*' * 12}{token[-4:]}" if len(token) > 24 else "*" * len(token)


def show_token(rig):
    answer = rig.agent.ctl("token", NAME)
    if answer.returncode != 0:
        raise RuntimeError(f"grantctl token failed: {answer.stderr.strip()}")
    token = answer.stdout.strip()
    active = "active" if rig.introspect(token) else "NOT active"
    say(f"grantctl token {NAME} prints {masked(token)}; the provider calls it {active}.")
    return active == "active"


def follow(rig, options, deadline):
    """Tell every change until the time is over, or with --auto until there is a token; the exit
    status."""
    last = ""
    told_token = False
    with rig.agent.varlink() as client:
        client.send("org.grantd.Status.Watch", {}, more=True)
        while (left := deadline - time.monotonic()) > 0:
            client.socket.settimeout(left)
            try:
                connection = by_name(client.receive(), NAME)
            except TimeoutError:
                break
            line = describe(connection)
            if line != last:
                say(f"{time.strftime('%H:%M:%S')}  {line}")
                last = line
            if connection["usable"] and not told_token:
                told_token = show_token(rig)
                if options.auto:
                    say(rig.agent.ctl("status").stdout.rstrip())
                    return 0 if told_token else 1
    return 1 if options.auto else 0


def main():
    options = arguments()
    deadline = time.monotonic() + options.seconds
    with Rig("--max-seconds", str(options.seconds + 60)) as rig:
        rig.provider.configure(access_lifetime=ACCESS_LIFETIME_S, interval=2)
        rig.start(**{NAME: rig.connection()})
        rig.code(NAME)
        approval = rig.agent.connection(NAME)["approval"]
        introduce(rig, approval)
        if options.auto:
            play_operator(rig, approval["user_code"])
        else:
            say("Ctrl-C ends it.")
        return follow(rig, options, deadline)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
