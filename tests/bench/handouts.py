#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How long a token takes: from the socket by one client and by many, and by grantctl. Not a test: nothing
is asserted, the figures are for comparing on one machine in one run."""

import os
import select
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from lib import Rig, Varlink  # noqa: E402

CALLS = 20000
CALL = ("org.grantd.Control.GetToken", {"name": "crm"})


def by_clients(agent, count):
    """Microseconds of the agent's and our time for each call, with so many clients at once."""
    clients = [Varlink(agent.socket_path()) for _ in range(count)]
    poller = select.epoll()
    by_fd = {}
    for client in clients:
        poller.register(client.socket.fileno(), select.EPOLLIN)
        by_fd[client.socket.fileno()] = client
    begun, done = time.perf_counter(), 0
    for client in clients:
        client.send(*CALL)
    while done < CALLS:
        for fd, _ in poller.poll():
            by_fd[fd].receive()
            by_fd[fd].send(*CALL)
            done += 1
    spent = time.perf_counter() - begun
    for client in clients:
        client.close()
    return spent / done * 1e6


def by_program(agent):
    """Milliseconds of grantctl token, start to end."""
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        agent.ctl("token", "crm")
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)


def main():
    with Rig() as rig:
        agent = rig.approved()
        for count in (1, 16, 256):
            print(f"{count:4d} clients: {by_clients(agent, count):7.1f} us a call")
        print(f"grantctl token: {by_program(agent):.1f} ms, median of 50")


main()
