"""What may enter: checks the machine's input against its schema, its bucket and the object it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carefile.core.deciding.classification import classify, to_look_up
from carefile.core.deciding.metadata import require_text
from carefile.core.deciding.rules import RuleTable
from carefile.core.deciding.scanning import Scan
from carefile.core.errors import RejectedObject, ThreatFound, Unscannable
from carefile.core.filing.layout import Layout
from carefile.core.filing.tagging import PipelineStatus
from carefile.core.messages import events
from carefile.core.messages.intake_request import (
    IntakeRequest,
    Shape,
    decided_at,
    decision_id,
    parse,
    precedes,
    shape_of,
)
from carefile.core.model import Classification, Deleted, Hints, Observation
from lambdas.adapters.contracts import accept_input
from lambdas.adapters.landing import Landing, archived
from lambdas.adapters.ledger import Ledger
from lambdas.intake.marks import Marks
from lambdas.intake.uploads import Uploads

if TYPE_CHECKING:
    from lambdas.adapters.people.directory import Directory


@dataclass(frozen=True, slots=True)
class Admitted:
    """An upload that may be taken in. `observed` is the version to be filed, None when the object was deleted since;
    `classification` is None of what is ignored."""

    request: IntakeRequest
    observed: Observation | None
    classification: Classification | None


@dataclass(frozen=True)
class Admission:
    landing: Landing
    ledger: Ledger
    uploads: Uploads
    layout: Layout
    rules: RuleTable
    allowed_buckets: frozenset[str]
    marks: Marks
    now: Callable[[], datetime]
    directory: Directory | None = None

    def admit(self, data: Mapping[str, Any], started: object = None) -> Admitted:
        """Accept an input, or raise RejectedEvent or RejectedObject, or, where malware protection has to agree, what
        that says against it. A hint in it, and a verdict, is recorded for its version.

        `started` is when the execution started. The classification is a first one, from hint, metadata and key; a
        document's content is read later.
        """
        accept_input(data)
        request = parse(data)
        self._refuse_by_name(request)
        if self.rules.ignores(request.source.key):
            return Admitted(request, self._mark_ignored(request), None)
        at = events.iso_8601(decided_at(data, started) or self.now())
        asked_by = decision_id(data, at)
        hints = request.hints_at(at) if request.hints else None
        try:
            observed = self._look(request, from_s3=shape_of(data) is Shape.OBJECT_CREATED)
        except RejectedObject:
            # What another attempt finds was uploaded since. If one did already, that has to be carried out.
            if not hints or request.version_id:
                raise
            if not self.ledger.decide_current(request.source, None, hints, at, asked_by):
                raise
            observed = None
        version = asked = request.version_id or (observed.version if observed else None)
        if hints:
            # What is filed stays filed when its landing object is deleted, so it may still be decided about.
            there = version or self.ledger.read(request.source).version
            if request.version_id:
                self.ledger.decide(request.source, request.version_id, hints, at)
            else:
                current = None if observed and precedes(at, observed.last_modified) else there
                version = self.ledger.decide_current(request.source, current, hints, at, asked_by)
                if there and not version:
                    raise RejectedObject(
                        "changed-since: the object was uploaded after the decision; look at it, and decide anew"
                    )
        if asked:
            self._require(request, asked)
        observed = self._to_file(observed)
        if observed is None:
            return Admitted(request, None, self._classify(request.source.key, (), hints))
        require_text(observed.metadata)
        # What an intake has begun with may be filed already, and then nobody has to read it again.
        if observed.archived and self.ledger.read(observed.source).version != observed.version:
            raise archived()
        hints = hints if version == observed.version else None
        return Admitted(request, observed, self._classify(request.source.key, observed.metadata, hints))

    def _look(self, request: IntakeRequest, *, from_s3: bool) -> Observation | None:
        """What the request is about: where it names no version, what is meant by it."""
        observed = self._observe(request, from_s3=from_s3)
        if request.scan:
            self._hear(request, request.scan, observed)
        # Before anything is refused, lest a mark that the upload brought along look like a success of what failed.
        if request.copied and (copied := request.version_id or (observed.version if observed else None)):
            self.marks.drop_inherited(request.source, copied, request.version_id)
        elif observed and request.version_id in (None, observed.version):
            self.marks.drop_brought(observed)
        if observed and observed.size == 0 and request.version_id == observed.version:
            raise _empty()
        return self._meant(observed) if observed and not request.version_id else observed

    def _classify(
        self, key: str, metadata: tuple[tuple[str, str], ...], hints: Hints | None
    ) -> Classification:
        given = (key, metadata, self.rules, hints)
        listing = self.directory.look_up(to_look_up(*given)) if self.directory else None
        return classify(*given, directory=listing)

    def _mark_ignored(self, request: IntakeRequest) -> Observation | None:
        """Mark the requested version as ignored, so that it is not mistaken for a missed one."""
        found = self.landing.head(request.source, request.version_id)
        if isinstance(found, Deleted):
            return None
        self.marks.ended(request.source, found.version, found.version_id, PipelineStatus.IGNORED)
        return found

    def _hear(self, request: IntakeRequest, scan: Scan, observed: Observation | None) -> None:
        """Without versioning the verdict is about what is there, if that has the ETag that was scanned."""
        version = request.version_id
        if version is None and observed and observed.etag == scan.etag:
            version = observed.version
        if version:
            self.uploads.hear(request.source, version, scan)

    def _meant(self, observed: Observation) -> Observation | None:
        """What may not be filed hides nothing: what was filed before that, or a deletion, is still decided about."""
        meant = self.uploads.meant(observed)
        if isinstance(meant, Observation) and meant.size:
            return meant
        if self.ledger.read(observed.source).version:
            return None
        if observed.size == 0:
            raise _empty()
        return observed

    def _require(self, request: IntakeRequest, version: str) -> None:
        """Refuse what may not be filed, unless it may be meant to be taken out of the layout. Who decides whose it is
        means to have it filed."""
        try:
            self.uploads.require(request.source, version)
        except (ThreatFound, Unscannable):
            if request.scan or request.hints or not self.ledger.read(request.source).has_unfiled:
                raise

    def _to_file(self, observed: Observation | None) -> Observation | None:
        try:
            found = self.uploads.fit(observed) if observed else None
        except (ThreatFound, Unscannable):
            if observed is None or not self.ledger.read(observed.source).has_unfiled:
                raise
            return None
        return found if isinstance(found, Observation) else None

    def _refuse_by_name(self, request: IntakeRequest) -> None:
        bucket, key = request.source.bucket, request.source.key
        if bucket not in self.allowed_buckets:
            raise RejectedObject(
                "bucket-not-allowed: the input names a bucket that is not a landing bucket of this deployment; "
                "upload to the landing bucket, or add the bucket to the deployment's configuration"
            )
        if self.layout.holds(key):
            raise RejectedObject(
                f"own-output: the key is under {self.layout.prefix}, which the pipeline itself writes; "
                "upload under another prefix"
            )
        if key.endswith("/"):
            raise RejectedObject(
                "folder-marker: the key ends in a slash, so it names a folder and not a file"
            )

    def _observe(self, request: IntakeRequest, *, from_s3: bool) -> Observation | None:
        found = self.landing.head(request.source)
        if isinstance(found, Deleted):
            # What a person took out of the layout is retired also after its upload is gone for good.
            if found.marker or from_s3 or self.ledger.read(request.source).has_unfiled:
                return None
            raise RejectedObject(
                "object-not-found: the landing bucket holds no object of that key; keys are exact, also in case"
            )
        named = request.version_id not in (None, found.version)
        if (
            named
            and not from_s3
            and isinstance(self.landing.head(request.source, request.version_id), Deleted)
        ):
            raise RejectedObject("version-not-found: the object has no version of that id")
        return found


def _empty() -> RejectedObject:
    return RejectedObject("empty-object: the object holds no bytes; upload the file again")
