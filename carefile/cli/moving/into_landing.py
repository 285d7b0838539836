"""Move an adopted session of an unknown patient to the landing bucket, so that it can be assigned like any other.

Every object is copied to `sessions/{session}/…`, never over another object; the pipeline files the copies like any
upload; each is compared with the adopted object and with its filed copy. Only if all are the same are the adopted
objects retired with delete markers and their catalog entries deleted. The command can be interrupted and run again:
objects that are already there with the same bytes are not copied again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.listing import Place
from carefile.cli.aws.objects import tags
from carefile.cli.aws.versions import Version, Versions
from carefile.cli.checks.rebuilding import Difference, Finding
from carefile.cli.checks.restoring import Restorer
from carefile.cli.moving.checksums import Checksums, Stored
from carefile.cli.moving.migration import Comparison, Line
from carefile.cli.problem import Problem
from carefile.core.deciding.adoption import folder_patient
from carefile.core.deciding.classification import classify, session_tree
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import MANIFEST, Layout, Standing, manifest_key
from carefile.core.filing.stamps import stamp_in
from carefile.core.filing.tagging import (
    ADOPTED_TAG,
    LAYOUT_TAGS,
    STATUS_TAG,
    VERDICT_TAG,
    without_layout_tags,
)
from carefile.core.model import Patient, Source

_THREADS = 16
_TREE = "sessions/{}/"
_OURS = frozenset({ADOPTED_TAG, STATUS_TAG, VERDICT_TAG, *LAYOUT_TAGS})
_UNTOUCHED = "nothing was copied or retired"


def adopted_folder(layout: Layout, tree: str) -> str | None:
    """The folder whose adopted session comes to this tree of the landing bucket; None if none would."""
    session = tree.removeprefix("sessions/").removesuffix("/")
    if tree != _TREE.format(session) or "/" in session:
        return None
    return f"{layout.session_prefix(Patient())}{session}/"


@dataclass(frozen=True, slots=True)
class Moving:
    """An adopted object, in the version to move, and its landing key."""

    stored: Stored
    landing_key: str


class IntoLanding:
    def __init__(self, connection: Connection, rules: RuleTable, folder: str) -> None:
        self._connection, self._rules, self._folder = connection, rules, folder
        self._s3, self._versions = connection.client("s3"), Versions(connection)
        self._checksums, self._entries = Checksums(self._s3), Entries(connection)
        self._standing = self._adopted_session()
        self.tree = _TREE.format(self._standing.session_id)
        self.place = Place(connection.landing, self.tree)

    def plan(self) -> list[Moving]:
        """List the objects to move; raise a Problem if any may not be moved, or its place is taken."""
        known = self._known()
        with ThreadPoolExecutor(_THREADS) as pool:
            moving = [one for one in pool.map(self._moving, known) if one]
            list(pool.map(self._must_be_adopted, moving))
            list(pool.map(self._must_not_differ, moving))
        if not moving and not self._left_behind():
            raise Problem(f"there is nothing to move in {self._folder}", f"check the folder; {_UNTOUCHED}")
        ours = {self._landing_key(key) for key in known}
        others = [one.key for one in self._versions.below(*self._where) if one.key not in ours]
        if others:
            raise Problem(
                f"{self.place} already holds another session's object: {others[0]}",
                f"move or delete it; {_UNTOUCHED}",
            )
        return moving

    def copy(self, moving: list[Moving]) -> int:
        """Copy the objects that are not there yet, and return their number."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return sum(pool.map(self._copy, moving))

    def wait(self, moving: list[Moving], seconds: float, passed: Callable[[int], None]) -> int:
        """Wait until the pipeline has filed the copies; return how many are still pending."""
        deadline = monotonic() + seconds
        while pending := self._pending(moving):
            passed(len(moving) - pending)
            if monotonic() >= deadline:
                break
            sleep(1)
        return pending

    def different(self, moving: list[Moving]) -> Iterator[Line]:
        """Find objects that differ between the adopted place, the landing bucket and the filed copy."""
        for one in moving:
            copied = self._checksums.stored(self._connection.landing, one.landing_key)
            if copied is None or not self._same(one.stored, copied):
                yield {"key": one.landing_key, "why": "its bytes differ from the adopted object"}
        with TemporaryDirectory() as folder:
            lines = Comparison(self._connection, self.place, Path(folder), self._rules).run(lambda _: None)
            yield from (line for line in lines if not line["verified"])

    def retire(self, moving: list[Moving]) -> int:
        """Retire the adopted objects; return how many, since those overwritten in the meantime are kept."""
        with ThreadPoolExecutor(_THREADS) as pool:
            retired = sum(pool.map(self._retire, moving))
            list(pool.map(self._remove_entry, self._left_behind()))
        return retired

    # What may be moved

    def _adopted_session(self) -> Standing:
        standing = self._connection.layout.standing(manifest_key(self._folder))
        if standing is None or standing.session_id is None or standing.folder != self._folder:
            raise Problem(
                f"{self._folder} is not a session's folder", f"name a session's folder; {_UNTOUCHED}"
            )
        if folder_patient(standing, self._rules).id is not None:
            raise Problem(
                f"the session in {self._folder} belongs to a known patient",
                f"only sessions of unknown patients can be moved; {_UNTOUCHED}",
            )
        manifest = next(iter(self._versions.manifests(self._folder)), {})
        if not manifest.get("adopted"):
            raise Problem(
                f"the session in {self._folder} was not adopted",
                "run `carefile adopt` first; a session that an intake filed can be assigned directly",
            )
        return standing

    @property
    def _where(self) -> tuple[str, str]:
        return self.place.bucket, self.place.prefix

    def _known(self) -> dict[str, list[Version]]:
        """Return the versions of every object that is or was in the folder, by key."""
        below = self._versions.below(self._connection.processed, self._folder)
        found = {key: list(versions) for key, versions in groupby(below, lambda one: one.key)}
        return {
            key: versions
            for key, versions in found.items()
            if key != self._folder + MANIFEST and key[-1] != "/"
        }

    def _landing_key(self, key: str) -> str:
        return self.tree + key.removeprefix(self._folder)

    def _moving(self, key: str) -> Moving | None:
        stored = self._checksums.stored(self._connection.processed, key)
        return Moving(stored, self._landing_key(key)) if stored else None

    def _must_be_adopted(self, one: Moving) -> None:
        key = one.stored.key
        entry = self._entries.get(Source(one.stored.bucket, key).source_id)
        if stamp_in(one.stored.head.get("Metadata", {})):
            raise Problem(
                f"{key} was written by an intake", f"only adopted objects can be moved; {_UNTOUCHED}"
            )
        if entry is None or entry.patient is not None or entry.landing_version != one.stored.version_id:
            raise Problem(
                f"the current version of {key} is not adopted", f"run `carefile adopt` first; {_UNTOUCHED}"
            )
        if session_tree(one.landing_key, self._rules) != self.tree:
            raise Problem(
                f"the rules do not read {one.landing_key} as part of {self.tree}",
                f"check the rules for sessions/; {_UNTOUCHED}",
            )
        found = classify(one.landing_key, (), self._rules)
        if found.patient.id is not None or found.session is None or found.session.tree != self.tree:
            raise Problem(
                f"the rules assign {one.landing_key} to a known patient",
                f"check the rules for sessions/; {_UNTOUCHED}",
            )

    def _must_not_differ(self, one: Moving) -> None:
        there = self._checksums.stored(self._connection.landing, one.landing_key)
        if there is not None and not self._same(one.stored, there):
            raise Problem(
                f"s3://{there.bucket}/{there.key} already holds another object",
                f"move or delete it; {_UNTOUCHED}",
            )

    def _same(self, one: Stored, other: Stored) -> bool:
        return one.size == other.size and self._checksums.compare(one, other).same

    # What is done

    def _copy(self, one: Moving) -> bool:
        if self._checksums.stored(self._connection.landing, one.landing_key):
            return False
        stored = one.stored
        present = tags(self._connection, stored.bucket, stored.key, stored.version_id) or {}
        theirs = {name: value for name, value in without_layout_tags(present).items() if name not in _OURS}
        which: dict[str, Any] = {"Bucket": stored.bucket, "Key": stored.key}
        which |= {"VersionId": stored.version_id} if stored.version_id else {}
        try:
            self._s3.copy_object(
                Bucket=self._connection.landing,
                Key=one.landing_key,
                CopySource=which,
                MetadataDirective="COPY",
                Tagging=urlencode(theirs),
                TaggingDirective="REPLACE",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "412"):
                raise Problem(
                    f"{one.landing_key} was written in the meantime",
                    "check it, then run the command again; nothing was retired",
                ) from None
            raise
        return True

    def _pending(self, moving: list[Moving]) -> int:
        """Count the copies whose current version the catalog does not show yet."""
        landed = {
            Source(self._connection.landing, one.landing_key).source_id: self._checksums.stored(
                self._connection.landing, one.landing_key
            )
            for one in moving
        }
        entries = self._entries.get_many(list(landed))
        return sum(
            stored is None
            or source_id not in entries
            or entries[source_id].landing_version not in (None, stored.version_id)
            for source_id, stored in landed.items()
        )

    def _retire(self, one: Moving) -> bool:
        bucket, key = one.stored.bucket, one.stored.key
        marker = self._s3.delete_object(Bucket=bucket, Key=key)
        below = next(found for found in self._versions.at(key) if not found.is_marker)
        if below.version_id != one.stored.version_id:  # it was overwritten in the meantime: restore that
            self._s3.delete_object(Bucket=bucket, Key=key, VersionId=marker["VersionId"])
            return False
        return True

    def _left_behind(self) -> list[Entry]:
        """Return the catalog entries of retired objects."""
        gone = [
            key
            for key, versions in self._known().items()
            if any(it.is_latest and it.is_marker for it in versions)
        ]
        ids = [Source(self._connection.processed, key).source_id for key in gone]
        return [entry for entry in self._entries.get_many(ids).values() if entry.patient is None]

    def _remove_entry(self, entry: Entry) -> None:
        why = "moved to the landing bucket"
        found = Finding(Difference.UNSUPPORTED, entry.bucket, entry.key, why, entry)
        Restorer(self._connection, remove=True).restore(found)
