"""Follow uploads to their disposition.

The landing version's tag records how its intake ended, the catalog entry where it was filed, and the execution why it
failed. Nothing is assumed: an upload counts as cataloged only when the catalog shows its version.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.executions import Described, Executions
from carefile.cli.aws.objects import landing_object, tags
from carefile.core.filing.tagging import STATUS_TAG
from carefile.core.model import Source

_THREADS = 16
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sent:
    """A completed upload. `version_id` is None in a bucket without versioning."""

    source: Source
    version_id: str | None
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Followed:
    """An upload's outcome. `status` is a disposition, `failed`, or `waiting` if the timeout expired first."""

    sent: Sent
    status: str
    entry: Entry | None = None
    failure: Described | None = None

    def to_json(self) -> dict[str, Any]:
        entry, failure = self.entry, self.failure
        return {
            "key": self.sent.source.key,
            "version_id": self.sent.version_id,
            "status": self.status,
            "kind": entry and entry.kind,
            "patient": entry and entry.patient,
            "reason": entry and entry.reason,
            "prefix": entry and entry.prefix,
            "seconds": _seconds(self.sent, entry, failure),
            "error": failure and failure.error,
            "cause": failure and failure.reason,
            "execution": entry.execution if entry else failure.listed.arn if failure else None,
        }


def follow(connection: Connection, uploads: list[Sent], timeout: timedelta) -> Iterator[Followed]:
    """Yield each upload as soon as its intake has ended; after the timeout, those still waiting."""
    deadline, pause = time.monotonic() + timeout.total_seconds(), 0.5
    waiting, entries, executions = list(uploads), Entries(connection), Executions(connection)
    with ThreadPoolExecutor(_THREADS) as pool:
        while waiting and time.monotonic() < deadline:
            found = dict(zip(waiting, pool.map(lambda sent: _status(connection, sent), waiting), strict=True))
            filed = entries.get_many(
                [s.source.source_id for s, status in found.items() if status == "cataloged"]
            )
            failures = _failures(executions, [s for s, status in found.items() if status == "failed"])
            waiting = []
            for sent, status in found.items():
                done = _ended(connection, sent, status, filed, failures)
                if done:
                    yield done
                else:
                    waiting.append(sent)
            if waiting:
                time.sleep(pause)
                pause = min(pause * 1.5, 5.0 if connection.endpoint is None else 1.0)
    for sent in waiting:
        yield Followed(sent, "waiting")


def _status(connection: Connection, sent: Sent) -> str | None:
    found = tags(connection, sent.source.bucket, sent.source.key, sent.version_id)
    return "withdrawn" if found is None else found.get(STATUS_TAG)


def _ended(
    connection: Connection,
    sent: Sent,
    status: str | None,
    filed: Mapping[str, Entry],
    failures: Mapping[tuple[str, str | None], Described],
) -> Followed | None:
    if status is None:
        return None
    if status == "failed":
        failure = failures.get((sent.source.key, sent.version_id))
        return Followed(sent, status, failure=failure) if failure else None
    if status != "cataloged":
        return Followed(sent, status)
    entry = filed.get(sent.source.source_id)
    if entry and _matches(entry, sent):
        return Followed(sent, status, entry)
    now = landing_object(connection, sent.source.key, sent.source.bucket)
    overtaken = now is not None and now.version_id != sent.version_id
    return Followed(sent, "superseded") if overtaken else None


def _matches(entry: Entry, sent: Sent) -> bool:
    if sent.version_id:
        return entry.landing_version == sent.version_id
    return datetime.fromisoformat(entry.cataloged_at) >= sent.at - _CLOCK_SKEW


def _failures(executions: Executions, failed: list[Sent]) -> dict[tuple[str, str | None], Described]:
    """Find the failed executions of these uploads, by the key and version in their inputs."""
    if not failed:
        return {}
    found: dict[tuple[str, str | None], Described] = {}
    since = min(sent.at for sent in failed) - _CLOCK_SKEW
    for item in executions.described(executions.ended_badly(since)):
        if item.request:
            found.setdefault((item.request.source.key, item.request.version_id), item)
    return found


def _seconds(sent: Sent, entry: Entry | None, failure: Described | None) -> float | None:
    """Seconds from the end of the upload to the catalog event, or to the failure."""
    if entry:
        ended = datetime.fromisoformat(entry.cataloged_at)
    elif failure and failure.listed.stopped:
        ended = failure.listed.stopped
    else:
        return None
    return round(max((ended.astimezone(UTC) - sent.at).total_seconds(), 0), 1)
