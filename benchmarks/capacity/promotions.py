"""Simulates an outage on the lane express-first, second by second: what is promoted, refused, queued and started. Pure.

An upload that fails is promoted at once. Of Step Functions' token bucket the promotions of the outage take what there
is; what is refused waits in the queue, whose one function starts what it can of the tokens left. The queue keeps a
message for two weeks, and would drop it then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from carefile.cli.capacity.load import DEMAND, Quota, published

QUEUE = DEMAND["promotions"]  # as deployed; a test of the template holds both together
DAY = 86_400
_STEP = 60  # seconds a step, once the outage is over


@dataclass(frozen=True, slots=True)
class Outage:
    """So many uploads a second fail, for so many seconds. `queued`: what is refused waits; it is dropped without."""

    failing: float
    seconds: int
    queued: bool = True


@dataclass(frozen=True, slots=True)
class Promoted:
    """How many promotions there were, how many were started at once and later, how many were dropped; how many waited
    at most, and how long the last one of them did, in seconds."""

    failed: float
    at_once: float
    later: float
    dropped: float
    most_waiting: float
    longest_wait: float


def promote(outage: Outage, starts: Quota | None = None) -> Promoted:
    """Run the outage and what follows, until nothing waits."""
    quota = starts or published()["standard.starts"]
    tokens, queue = quota.burst, deque[tuple[int, float]]()
    failed = at_once = later = dropped = waiting = most = 0.0
    longest = now = 0
    drain = QUEUE["functions"] * QUEUE["starts_a_second"]
    while now < outage.seconds or queue:
        step = 1 if now < outage.seconds else _STEP
        tokens = min(quota.burst, tokens + quota.rate) if step == 1 else quota.rate * step
        if now < outage.seconds:
            taken = min(outage.failing, tokens)
            tokens, at_once, failed = tokens - taken, at_once + taken, failed + outage.failing
            refused = outage.failing - taken
            if refused and outage.queued:
                queue.append((now, refused))
                waiting += refused
            else:
                dropped += refused
        most = max(most, waiting)
        room = min(tokens, drain * step)
        while queue and room > 0:
            since, number = queue.popleft()
            if now - since > QUEUE["kept_seconds"]:
                dropped, waiting = dropped + number, waiting - number
                continue
            taken = min(number, room)
            room, tokens, later, waiting = room - taken, tokens - taken, later + taken, waiting - taken
            longest = max(longest, now - since)
            if taken < number:
                queue.appendleft((since, number - taken))
        now += step
    return Promoted(failed, at_once, later, dropped, most, longest)
