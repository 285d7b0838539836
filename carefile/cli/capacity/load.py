"""What a rate of uploads asks of each quota and key, per second. Pure: rates and published numbers in, figures out.

The numbers that AWS publishes are in `quotas.json`, with date and source; what an object asks for is in `demand.json`,
counted from the functions' own calls. The command and the simulation use both through this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carefile.core.records.catalog import PARTITIONS

HERE = Path(__file__).parent
DEMAND: dict[str, Any] = json.loads((HERE / "demand.json").read_bytes())
PUBLISHED: dict[str, Any] = json.loads((HERE / "quotas.json").read_bytes())
STAGES = ("start", "work", "announce", "index", "sessions")
PROCESSOR_MB = 1769  # Lambda gives a function of this size one processor, others a share
SHARD_UNITS = 1000  # DynamoDB: write units a second of a partition, of which each has a shard of the stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Uploads per second: the shares of documents and of the unknown, the objects of a session, how the stage is set.

    `partitions` are those over which the index spreads what waits for a person."""

    rate: float
    documents: float = 0.3
    unknown: float = 0.2
    session_size: int = 200
    express: bool = True
    followers: int = 1
    partitions: int = PARTITIONS


@dataclass(frozen=True, slots=True)
class Quota:
    """A token bucket: so many a second, and so many at once. One that splits grows by itself, twofold every half hour
    in which it is used up, up to `most`. `words` and `without` find it in Service Quotas."""

    id: str
    name: str
    unit: str
    rate: float
    burst: float
    stage: str
    to_do: str
    source: str
    splits: bool = False
    most: float | None = None
    service: str | None = None
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    is_accounts: bool = False

    def is_named(self, name: str) -> bool:
        lowered = name.lower()
        return all(word.lower() in lowered for word in self.words) and not any(
            word.lower() in lowered for word in self.without
        )

    def of_account(self, value: float) -> Quota:
        """The quota as an account has it. A table's is its upper bound; where it starts stays as published."""
        if self.most is not None:
            return replace(self, most=value, is_accounts=True)
        return replace(self, rate=value, burst=max(value, self.burst), is_accounts=True)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A quota, and what is asked of it per second."""

    quota: Quota
    asked: float

    @property
    def share(self) -> float:
        return self.asked / self.quota.rate if self.quota.rate else 0.0

    @property
    def is_exceeded(self) -> bool:
        return self.share > 1


def published() -> dict[str, Quota]:
    """The quotas by their ids, as AWS publishes them."""
    found = {}
    for id, one in PUBLISHED["quotas"].items():
        lists = {name: tuple(one[name]) for name in ("words", "without") if name in one}
        found[id] = Quota(id=id, **{**one, **lists})
    return found


def asked_by(mix: Mix) -> dict[str, float]:
    """What so many uploads a second ask of each quota."""
    of = {"document": mix.documents, "session": 1 - mix.documents}

    def calls(name: str) -> float:
        return sum(share * float(DEMAND[kind]["calls"].get(name, 0)) for kind, share in of.items())

    busy = sum(share * sum(DEMAND[kind]["function_ms"].values()) for kind, share in of.items()) / 1000
    claims = of["session"] / mix.session_size  # the first object of a session claims its folder
    updates = of["session"] / min(mix.session_size, DEMAND["changes_of_a_session_at_once"])
    listed = of["document"] + 2 * updates  # a session's entry is moved in the index: its time changes
    asked = {
        "standard.starts": 0.0 if mix.express else 1.0,
        "standard.transitions": 0.0 if mix.express else float(DEMAND["states"]),
        "express.starts": 1.0 if mix.express else 0.0,
        "events.invocations": float(DEMAND["rules"]),
        "events.puts": float(DEMAND["events"]),
        "lambda.concurrency": busy,
        "landing.writes": 1 + calls("landing.writes"),  # the upload itself too
        "landing.reads": calls("landing.reads"),
        "processed.writes": calls("processed.writes") + claims,
        "ledger.units": calls("ledger.writes"),
        "catalog.units": calls("catalog.writes") + updates + listed + of["document"],
        "index.key": mix.unknown * listed / mix.partitions,
        "stream.shard": of["session"],
    }
    return {id: mix.rate * each for id, each in asked.items()}


def follower_rate(mix: Mix) -> float:
    """How many changes a second the followers of one shard merge: sessions are worked on side by side, as far as there
    is processor for them."""
    one = DEMAND["follower"]
    memory = one["memory_mb"]["one" if mix.followers == 1 else "several"]
    processor = min(1.0, memory / PROCESSOR_MB)
    by_waiting = one["updates"] * 1000 / one["update_ms"]
    by_processor = 1000 * processor / one["processor_ms"]
    merged = min(mix.session_size, DEMAND["changes_of_a_session_at_once"])
    return float(mix.followers * merged * min(by_waiting, by_processor))


def shards(mix: Mix) -> int:
    """How many partitions the catalog's table has at least, so many shards its stream."""
    return max(4, round(asked_by(mix)["catalog.units"] / SHARD_UNITS + 0.5))


def quotas_for(mix: Mix, known: Mapping[str, Quota] | None = None) -> dict[str, Quota]:
    """The quotas that a stage meets; the followers' is of the stage's own making."""
    found = dict(known or published())
    merged = follower_rate(mix) * shards(mix)
    found["stream.shard"] = replace(found["stream.shard"], rate=merged, burst=merged)
    return found


def meetings(mix: Mix, known: Mapping[str, Quota] | None = None) -> Iterator[Meeting]:
    """Yield what is met, what is hit first first."""
    asked, quotas = asked_by(mix), quotas_for(mix, known)
    found = (Meeting(quotas[id], each) for id, each in asked.items() if each)
    yield from sorted(found, key=lambda meeting: -meeting.share)
