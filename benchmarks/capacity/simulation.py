"""Simulates uploads at a constant rate, second by second, against the token buckets of AWS. Pure.

Objects pass stages one after another: start, work, announce, index, sessions. In each second a stage takes what its
narrowest bucket allows; the others wait in front of it. Buckets that split double after half an hour in which they were
the narrowest. Of a key that takes more than a partition, DynamoDB throttles the index, and with it the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from carefile.cli.capacity.load import PUBLISHED, STAGES, Mix, Quota, asked_by, quotas_for

SECONDS = 3600
_HOT = "index.key"


@dataclass(slots=True)
class _Bucket:
    quota: Quota
    each: float  # what an object takes
    tokens: float
    rate: float
    narrow: int = 0  # seconds in which it was the narrowest

    @classmethod
    def of(cls, quota: Quota, each: float) -> _Bucket:
        return cls(quota, each, quota.burst, quota.rate)

    def refill(self, second: int) -> None:
        if self.quota.id == "lambda.concurrency":  # slots, not tokens; more come a thousand at a time
            grown = PUBLISHED["lambda_more_in_10_seconds"] * (1 + second // 10)
            self.tokens = min(self.quota.rate, grown)
        elif second:
            self.tokens = min(max(self.quota.burst, self.rate), self.tokens + self.rate)

    def allows(self) -> float:
        return self.tokens / self.each

    def was_narrowest(self) -> None:
        self.narrow += 1
        if self.quota.splits and self.narrow >= PUBLISHED["split_seconds"]:
            self.narrow, self.rate = 0, min(2 * self.rate, self.quota.most or 2 * self.rate)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: objects per second that were filed and cataloged in the last ten minutes, those that wait before
    each stage at the end, what was the narrowest in how many seconds, and what `limits` at the end."""

    mix: Mix
    throughput: float
    waiting: Mapping[str, float]
    narrowest: Mapping[str, int]
    limits: str | None
    hot_units: float

    @property
    def backlog(self) -> float:
        """Objects that are not filed and cataloged yet."""
        return sum(self.waiting.values()) - self.behind

    @property
    def behind(self) -> float:
        """Filed objects that the entries of their sessions do not show yet."""
        return self.waiting.get("sessions", 0.0)

    @property
    def keeps_up(self) -> bool:
        return self.throughput >= 0.99 * self.mix.rate and sum(self.waiting.values()) < 10 * self.mix.rate


def simulate(
    mix: Mix,
    *,
    quotas: Mapping[str, Quota] | None = None,
    hot_units: float | None = None,
    seconds: int = SECONDS,
) -> Outcome:
    """Run uploads at the rate of the mix. `hot_units` is what an object writes, on average, under the hottest key."""
    each = {id: asked / mix.rate for id, asked in asked_by(mix).items()}
    each[_HOT] = each[_HOT] if hot_units is None else hot_units
    known = quotas_for(mix, quotas)
    buckets = {
        stage: [_Bucket.of(known[id], each[id]) for id in each if known[id].stage == stage and each[id]]
        for stage in STAGES
    }
    waiting = dict.fromkeys(STAGES, 0.0)
    narrowest: dict[str, int] = {}
    left, last = 0.0, min(600, seconds)
    for second in range(seconds):
        limiting: dict[str, str] = {}
        coming = mix.rate
        for stage in STAGES:
            waiting[stage] += coming
            for bucket in buckets[stage]:
                bucket.refill(second)
            allowed = min(buckets[stage], key=_Bucket.allows, default=None)
            coming = min(waiting[stage], allowed.allows()) if allowed else waiting[stage]
            if allowed and coming < waiting[stage]:
                name = allowed.quota.name
                narrowest[name] = narrowest.get(name, 0) + 1
                limiting[stage] = name
                allowed.was_narrowest()
            for bucket in buckets[stage]:
                bucket.tokens -= coming * bucket.each
            waiting[stage] -= coming
            if stage == "index" and second >= seconds - last:
                left += coming
    return Outcome(
        mix,
        left / last,
        {stage: found for stage, found in waiting.items() if found >= 1},
        narrowest,
        # The others wait for the last stage that takes too little; the entries of sessions follow by themselves.
        next((limiting[stage] for stage in (*STAGES[-2::-1], STAGES[-1]) if stage in limiting), None),
        mix.rate * each[_HOT],
    )


def raised(mix: Mix, room: float = 1.2) -> dict[str, Quota]:
    """The quotas as they are once everything that can be asked for was, with some room."""
    found = quotas_for(mix)
    return {
        id: replace(
            found[id], rate=max(found[id].rate, room * asked), burst=max(found[id].burst, room * asked)
        )
        if id not in (_HOT, "stream.shard")
        else found[id]
        for id, asked in asked_by(mix).items()
    }
