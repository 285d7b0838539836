"""Stay below the account's quotas with token buckets, as AWS itself counts.

The rates are Step Functions' default quotas in the smaller regions, less a margin for other callers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock


class TokenBucket:
    """Allow `rate` calls a second and bursts of `burst`; callers that exceed it wait. Thread-safe."""

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate, self._burst = rate, burst
        self._clock, self._sleep = clock, sleep
        self._tokens, self._at = burst, clock()
        self._lock = Lock()

    def take(self) -> None:
        """Take one token, waiting for it if necessary. The debt is booked inside the lock, the wait is outside."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            wait = -self._tokens / self._rate if self._tokens < 0 else 0.0
        if wait > 0:
            self._sleep(wait)


@dataclass(frozen=True, slots=True)
class Quotas:
    """One bucket for each call that a command may make by the thousand."""

    describe: TokenBucket
    history: TokenBucket
    list: TokenBucket
    start: TokenBucket

    @classmethod
    def of_aws(cls) -> Quotas:
        return cls(TokenBucket(8, 200), TokenBucket(15, 200), TokenBucket(2, 50), TokenBucket(100, 100))

    @classmethod
    def none(cls) -> Quotas:
        """Return unlimited buckets, for the embedded AWS."""
        return cls(*(TokenBucket(10_000, 10_000) for _ in range(4)))
