# SPDX-License-Identifier: BSD-2-Clause
"""Misbehaviour on order: what a test asked an endpoint to do instead of its work."""

import json
from dataclasses import dataclass, field, fields


@dataclass
class Fault:
    """One misbehaviour. All that is given applies, in the order of the fields."""
    times: int = 1            # arrivals it applies to; -1 for all
    grant_type: str = ""      # only for token requests of this grant type
    only_reused: bool = False  # only for a request that is not the first of its TCP connection
    reset: str = ""           # TCP reset: "before" the body is read, or "after"
    process: bool = False     # do the work first (rotate, revoke …), then misbehave
    close: bool = False       # close after reading, without an answer
    delay_s: float = 0        # answer so much later
    error: str = ""           # an OAuth error as JSON
    status: int = 0
    headers: dict = field(default_factory=dict)
    body: object = None       # text as it is, anything else as JSON
    body_size: int = 0        # so many blanks after the body
    cut_after: int = -1       # send so many bytes of the body, then close
    stall_after: int = -1     # send so many bytes of the body, then nothing

    @staticmethod
    def of_json(value):
        known = {f.name for f in fields(Fault)}
        unknown = set(value) - known
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        return Fault(**value)

    @property
    def answers(self):
        """Does it replace the answer?"""
        return bool(self.error or self.status or self.headers or self.body is not None
                    or self.body_size)

    def answer(self, reply):
        """The reply with everything replaced that was asked for."""
        if self.error:
            reply.status = 400
            reply.body = json.dumps({"error": self.error}).encode()
        if self.status:
            reply.status = self.status
        if self.body is not None:
            text = self.body if isinstance(self.body, str) else json.dumps(self.body)
            reply.body = text.encode()
        reply.headers = {**reply.headers, **self.headers}
        reply.body += b" " * self.body_size
        return reply


class FaultQueue:
    """What is ordered, per endpoint; first come, first served."""

    def __init__(self):
        self.queues = {}

    def order(self, endpoint, faults):
        self.queues.setdefault(endpoint, []).extend(Fault.of_json(f) for f in faults)

    def clear(self):
        self.queues.clear()

    def take(self, endpoint, grant_type, reused, body_read):
        """The fault for this arrival, or None. Before the body is read only a reset that does
        not look into it fits, and only what fits is used up."""
        queue = self.queues.get(endpoint, [])
        for fault in queue:
            if body_read == (fault.reset == "before"):
                continue
            if fault.grant_type and fault.grant_type != grant_type:
                continue
            if fault.only_reused and not reused:
                continue
            fault.times -= fault.times > 0
            if fault.times == 0:
                queue.remove(fault)
            return fault
        return None
