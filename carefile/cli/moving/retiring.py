"""The last step of a migration: put delete markers on the originals, if a signed report still holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.listing import Place, must_have_bucket
from carefile.cli.moving.migration import Line, originals
from carefile.cli.moving.old_layout import must_be_of_old_layout
from carefile.cli.moving.report import keep, must_allow_retiring, note_retired
from carefile.cli.problem import Problem
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import Source

_BATCH = 1000  # S3, DeleteObjects
_AGAIN = "run `carefile migrate copy`, then verify again; nothing was retired"


@dataclass(frozen=True, slots=True)
class Retirement:
    """The originals that exist now, all verified by the report in their current version."""

    place: Place
    keys: tuple[str, ...]
    folder: Path

    def run(self, connection: Connection, passed: Callable[[int], None]) -> tuple[int, int, Path]:
        """Retire the originals; return how many were retired and refused, and the folder that keeps the report."""
        s3, kept, retired, refused = connection.client("s3"), keep(self.folder), 0, 0
        try:
            for batch in _batches(self.keys):
                objects = [{"Key": key} for key in batch]
                done = s3.delete_objects(Bucket=self.place.bucket, Delete={"Objects": objects, "Quiet": True})
                errors = len(done.get("Errors", ()))
                retired, refused = retired + len(batch) - errors, refused + errors
                passed(len(batch))
        finally:
            note_retired(kept, retired, refused)
        return retired, refused, kept


def plan_retirement(connection: Connection, folder: Path, rules: RuleTable) -> Retirement:
    """Return what may be retired, or raise a Problem if anything contradicts the report."""
    place, verified = must_allow_retiring(folder, connection.stack, datetime.now(UTC))
    must_be_of_old_layout(verified, rules)
    must_have_bucket(connection, place)
    s3 = connection.client("s3")
    if s3.get_bucket_versioning(Bucket=place.bucket).get("Status") != "Enabled":
        raise Problem(
            f"the bucket {place.bucket} is not versioned, so deleted objects cannot be restored",
            "enable its versioning; nothing was retired",
        )
    now = {item["Key"]: item["VersionId"] for item in originals(s3, place)}
    changed = sum(key not in verified or verified[key]["version_id"] != one for key, one in now.items())
    if changed:
        raise Problem(f"{changed} originals have changed since they were verified", _AGAIN)
    moved = sum(1 for batch in _batches(now) for _ in _moved(connection, [verified[key] for key in batch]))
    if moved:
        raise Problem(f"{moved} objects are no longer filed as they were verified", _AGAIN)
    return Retirement(place, tuple(now), folder)


def _moved(connection: Connection, lines: list[Line]) -> Iterator[Line]:
    """Find objects whose place or patient in the catalog has changed since they were verified."""
    ids = {Source(line["bucket"], line["key"]).source_id: line for line in lines}
    entries = Entries(connection).get_many(list(ids))
    for source_id, line in ids.items():
        entry = entries.get(source_id)
        if entry is None or (entry.key, entry.patient) != (line["filed_key"], line["patient"]):
            yield line


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    source = iter(keys)
    while batch := list(islice(source, _BATCH)):
        yield batch
