"""Staying below the account's quotas: token buckets, as AWS itself counts.

The figures are Step Functions' default quotas of the smaller regions, less a margin for everybody else who calls it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock


class TokenBucket:
    """Lets `rate` calls a second through, and up to `burst` at once; whoever comes too early waits. Thread-safe."""

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._burst = rate, burst
        self._clock, self._sleep = clock, sleep
        self._tokens, self._at = burst, clock()
        self._lock = Lock()

    def take(self) -> None:
        """Take one token, waiting for it where there is none. The wait is outside the lock, the debt inside."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            wait = -self._tokens / self._rate if self._tokens < 0 else 0.0
        if wait > 0:
            self._sleep(wait)


@dataclass(frozen=True, slots=True)
class Quotas:
    """One bucket for each call that an operator may want by the thousand."""

    describe: TokenBucket
    history: TokenBucket
    list: TokenBucket
    start: TokenBucket

    @classmethod
    def of_aws(cls) -> Quotas:
        return cls(TokenBucket(8, 200), TokenBucket(15, 200), TokenBucket(2, 50), TokenBucket(100, 100))

    @classmethod
    def none(cls) -> Quotas:
        """For the embedded AWS, which has none."""
        return cls(*(TokenBucket(10_000, 10_000) for _ in range(4)))
