"""Which version of a landing key may be filed: the current one, or, where a stage waits for malware protection, the
newest one that it found clean.

A verdict counts once it is in the ledger, where the intake that its event starts puts it. So a version that is not
scanned yet, or holds a threat, never takes the place of the one before it, and an intake that finds one need not wait:
as soon as there is a verdict, that starts an intake of its own. Recording a clean verdict is to a scanned key what an
upload is to others, the moment from which on its intakes converge on this version (docs/convergence.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from carefile.core.deciding.scanning import Scan, Verdict, refusal
from carefile.core.errors import RejectedEvent
from carefile.core.model import Deleted, Observation, Source
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger

_BATCH = 100  # DynamoDB, BatchGetItem: up to 100 items


class Uploads:
    """Every upload may be filed; nothing is asked and nothing is recorded."""

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
        return found

    def fit(self, found: Observation | Deleted) -> Observation | Deleted:
        """In place of what a key holds, the version that may be filed: as if those that may not were not there. A
        deletion and an empty version stay what they are. Refuses as `require` does where there is none."""
        return found


@dataclass(frozen=True)
class ScannedUploads(Uploads):
    """Only what malware protection found clean may be filed."""

    landing: Landing
    ledger: Ledger

    def hear(self, source: Source, version: str, scan: Scan) -> None:
        self.ledger.record_verdict(source, version, scan)

    def verdict(self, source: Source, version: str) -> Verdict | None:
        return self.ledger.verdict(source, version)

    def require(self, source: Source, version: str) -> None:
        verdict = self.verdict(source, version)
        if verdict is not Verdict.CLEAN:
            raise refusal(verdict)

    def meant(self, found: Observation) -> Observation | Deleted:
        if self.verdict(found.source, found.version) in (None, Verdict.CLEAN):
            return found
        return self._newest_clean(found) or found

    def fit(self, found: Observation | Deleted) -> Observation | Deleted:
        if isinstance(found, Deleted) or found.size == 0:
            return found
        verdict = self.verdict(found.source, found.version)
        if verdict is Verdict.CLEAN:
            return found
        instead = self._newest_clean(found)
        if instead is None:
            raise refusal(verdict)
        return instead

    def _newest_clean(self, found: Observation) -> Observation | Deleted | None:
        """The newest version that is clean, or that is empty and so was nothing to be scanned; or a deletion, if one
        came after those."""
        if found.version_id is None:
            return None  # without versioning nothing is left of what was before
        versions = self.landing.versions(found.source)
        while batch := list(islice(versions, _BATCH)):
            verdicts = self.ledger.verdicts(found.source, [version for version, _ in batch])
            for version, size in batch:
                if size is None:
                    return Deleted(found.source, marker=True)
                if size == 0 or verdicts.get(version) is Verdict.CLEAN:
                    earlier = self.landing.head(found.source, version)
                    if isinstance(earlier, Observation):
                        return earlier
        return None
