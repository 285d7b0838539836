"""Which version of a landing key may be filed: the current one, but an empty version is as if it were not there; where
a stage waits for malware protection, the newest one that it found clean.

So what is refused never takes the place of the version before it, and hides neither that nor what somebody decides
about it (docs/convergence.md). A verdict counts once it is in the ledger, where the intake that its event starts puts
it, and an intake that finds a version without one need not wait: the verdict starts an intake of its own. Recording a
clean verdict is to a scanned key what an upload is to others, the moment from which on its intakes converge on this
version.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from carefile.core.deciding.scanning import Scan, Verdict, refusal
from carefile.core.errors import RejectedEvent
from carefile.core.model import Deleted, Observation, Source
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger


@dataclass(frozen=True)
class Uploads:
    """Every upload with bytes in it may be filed; nothing is asked and nothing is recorded."""

    landing: Landing
    _batch: ClassVar[int] = 1

    def hear(self, source: Source, version: str, scan: Scan) -> None:
        """Take note of a verdict."""
        raise RejectedEvent(
            "scan-result: this deployment does not wait for malware protection (setting malware_scan), so it takes no "
            "verdicts"
        )

    def verdict(self, source: Source, version: str) -> Verdict | None:
        """What malware protection says of a version, as far as it was heard."""
        return None

    def require(self, source: Source, version: str) -> None:
        """ThreatFound, NotScanned or Unscannable where a version may not be filed."""

    def meant(self, found: Observation) -> Observation | Deleted:
        """What somebody asks for who names no version: what is there, scanned or not yet. Where that may not be filed,
        the newest one that may, or the deletion that came after that, if there is one."""
        return self.fit(found)

    def fit(self, found: Observation | Deleted) -> Observation | Deleted:
        """In place of what a key holds, the version that may be filed: as if those that may not were not there. A
        deletion stays what it is, and so does an empty version that hides nothing. Refuses as `require` does where
        there is none."""
        if isinstance(found, Deleted) or found.size:
            return found
        return self._newest_fit(found) or found

    def _newest_fit(self, found: Observation) -> Observation | Deleted | None:
        """The newest version that may be filed, or a deletion, if one came after that."""
        if found.version_id is None:
            return None  # without versioning nothing is left of what was before
        versions = self.landing.versions(found.source)
        while batch := list(islice(versions, self._batch)):
            may_be_filed = self._fit(found.source, [version for version, size in batch if size])
            for version, size in batch:
                if size is None:
                    return Deleted(found.source, marker=True)
                if version in may_be_filed:
                    earlier = self.landing.head(found.source, version)
                    if isinstance(earlier, Observation):
                        return earlier
        return None

    def _fit(self, source: Source, versions: Sequence[str]) -> Container[str]:
        """Those of these versions that may be filed."""
        return versions


@dataclass(frozen=True)
class ScannedUploads(Uploads):
    """Only what malware protection found clean may be filed."""

    ledger: Ledger
    _batch: ClassVar[int] = 100  # DynamoDB, BatchGetItem: up to 100 items

    def hear(self, source: Source, version: str, scan: Scan) -> None:
        self.ledger.record_verdict(source, version, scan)

    def verdict(self, source: Source, version: str) -> Verdict | None:
        return self.ledger.verdict(source, version)

    def require(self, source: Source, version: str) -> None:
        verdict = self.verdict(source, version)
        if verdict is not Verdict.CLEAN:
            raise refusal(verdict)

    def meant(self, found: Observation) -> Observation | Deleted:
        if found.size and self.verdict(found.source, found.version) in (None, Verdict.CLEAN):
            return found
        return self._newest_fit(found) or found

    def fit(self, found: Observation | Deleted) -> Observation | Deleted:
        if isinstance(found, Deleted) or not found.size:
            return super().fit(found)
        verdict = self.verdict(found.source, found.version)
        if verdict is Verdict.CLEAN:
            return found
        instead = self._newest_fit(found)
        if instead is None:
            raise refusal(verdict)
        return instead

    def _fit(self, source: Source, versions: Sequence[str]) -> Container[str]:
        verdicts = self.ledger.verdicts(source, versions) if versions else {}
        return [version for version, verdict in verdicts.items() if verdict is Verdict.CLEAN]
