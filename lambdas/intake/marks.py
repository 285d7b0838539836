"""The tag `pipeline-status` of a landing version: how its intake ended, written by functions that may race.

Tags are replaced as a whole and without conditions, so whoever writes one may put back what it read before another
wrote. Invariant: once TagObject has said how an intake ended, nothing that others write late hides it.

Whoever else writes the tags (marking a failure, or taking off what a copy brought along) first notes that in the
ledger, then reads and writes the tags, then looks whether a status was noted meanwhile. TagObject first writes the
tags, then looks whether others were noted, and if so notes its status and writes the tags again. In whatever order
their calls come, one of them sees the other. An intake that did not begin with the upload's own event notes its status
in any case, since that event, if it is a copy's, has yet to come.

Malware protection writes its tag as all others do. Where it is waited for, the verdict is in the ledger before the
first write that follows from it, and whoever writes tags looks there before and after: so its tag is put back where it
was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carefile.core.deciding.scanning import with_verdict
from carefile.core.filing.tagging import STATUS_TAG, PipelineStatus, Tags, with_status, without_layout_tags
from carefile.core.model import Observation, Source
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.intake.uploads import Uploads


@dataclass(frozen=True)
class Marks:
    landing: Landing
    ledger: Ledger
    uploads: Uploads

    def ended(
        self,
        source: Source,
        version: str,
        version_id: str | None,
        status: PipelineStatus,
        *,
        submitted: bool = False,
    ) -> bool:
        """Mark how an intake of this version ended. True when the version's tags were changed.

        One that was `submitted` may end before the upload's own event comes, which may be a copy's: its intake would
        take for inherited what is not noted.

        In a bucket without versioning an upload that was not filed, though it might have been, was overwritten or
        deleted: there is nothing of it left to be marked.
        """
        if version_id is None and status not in (PipelineStatus.CATALOGED, PipelineStatus.IGNORED):
            return False
        changed = self._raise(source, version, version_id, status)
        if not submitted and not self.ledger.contended(source, version):
            return changed
        if not changed and self.ledger.noted_status(source, version) is status:
            return False
        self.ledger.note_status(source, version, status)
        return self._raise(source, version, version_id, status) or changed

    def failed(self, source: Source, version: str, version_id: str | None) -> None:
        """Mark that an execution about this version failed, unless another one ended well."""
        current = self.landing.head(source)
        if isinstance(current, Observation) and current.version == version:
            self.drop_brought(current)
        self.ledger.note_contention(source, version)
        self._raise(source, version, version_id, PipelineStatus.FAILED)
        self.mend(source, version, version_id)

    def drop_inherited(self, source: Source, version: str, version_id: str | None) -> None:
        """Take off what a copied object brought along: S3's CopyObject copies tags too, and a lifecycle rule would
        believe the status, or the patient's tags of a copy out of the layout. A status that was noted is the version's
        own."""
        self.ledger.note_contention(source, version)
        noted = self.ledger.noted_status(source, version)

        def without_inherited(tags: Tags) -> Tags:
            kept = noted and tags.get(STATUS_TAG) == noted
            own = without_layout_tags(tags)
            return {key: value for key, value in own.items() if kept or key != STATUS_TAG}

        self._rewrite(source, version, version_id, without_inherited)
        self.mend(source, version, version_id)

    def drop_brought(self, current: Observation) -> None:
        """Take off the status that an upload's own request gave to the current version: that it failed may stand. A
        version that the ledger knows an intake to have begun with has its own status."""
        source, version = current.source, current.version
        if not current.tag_count or self.ledger.read(source).version == version:
            return
        tags = self.landing.tags(source, current.version_id) or {}
        if tags.get(STATUS_TAG, PipelineStatus.FAILED) != PipelineStatus.FAILED:
            self.drop_inherited(source, version, current.version_id)

    def mend(self, source: Source, version: str, version_id: str | None) -> None:
        """Put right what others than the Tag state may have hidden, also where that was broken off in the middle."""
        noted = self.ledger.noted_status(source, version)
        if noted:
            self._raise(source, version, version_id, noted)

    def _raise(self, source: Source, version: str, version_id: str | None, status: PipelineStatus) -> bool:
        return self._rewrite(source, version, version_id, lambda tags: with_status(tags, status) or tags)

    def _rewrite(
        self, source: Source, version: str, version_id: str | None, change: Callable[[Tags], Tags]
    ) -> bool:
        """Change the tags, and hold what is known of the version's verdict; again, if one came meanwhile. True when
        anything was written."""
        written = False
        while (tags := self.landing.tags(source, version_id)) is not None:
            verdict = self.uploads.verdict(source, version)
            changed = change(with_verdict(tags, verdict))
            if changed == tags:
                break
            self.landing.put_tags(source, version_id, changed)
            written = True
            if self.uploads.verdict(source, version) is verdict:
                break
        return written
