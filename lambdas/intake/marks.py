"""The tag `pipeline-status` of a landing version: how its intake ended, written by functions that may race.

The ledger's note is the truth, and the tag shows it: whoever ends an intake notes its status there, where it only
rises, and then writes the tag. Uploads bring tags of their own along, copies and others, so a tag that no note backs is
nobody's word, and everybody who writes tags takes a good end off that was not noted.

Tags are replaced as a whole and without conditions, so whoever writes them may put back what was there before another
wrote. Invariant: once it is noted how an intake ended, nothing that others write late hides it. Whoever ends an intake
notes first, then reads and writes the tags. Whoever else writes them (marking a failure, taking a claim off) looks at
the note before and after. In whatever order their calls come, the last to write knows of the note.

Malware protection writes its tag as all others do. Where it is waited for, the verdict is in the ledger before the
first write that follows from it, and whoever writes tags looks there before and after: so its tag is put back where it
was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from carefile.core.deciding.scanning import with_verdict
from carefile.core.filing.tagging import (
    PipelineStatus,
    Tags,
    outranks,
    with_status,
    without_good_end,
    without_layout_tags,
)
from carefile.core.model import Observation, Source
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.intake.uploads import Uploads


@dataclass(frozen=True)
class Marks:
    landing: Landing
    ledger: Ledger
    uploads: Uploads

    def ended(self, source: Source, version: str, version_id: str | None, status: PipelineStatus) -> bool:
        """Mark how an intake of this version ended. True when the version's tags were changed.

        In a bucket without versioning an upload that was not filed, though it might have been, was overwritten or
        deleted: there is nothing of it left to be marked.
        """
        if version_id is None and status not in (PipelineStatus.CATALOGED, PipelineStatus.IGNORED):
            return False
        noted = self.ledger.note_status(source, version, status)

        def shown(tags: Tags) -> Tags:
            """A higher status is another intake's, noted meanwhile, or was brought along."""
            latest = self.ledger.noted_status(source, version) if outranks(tags, noted) else noted
            return with_status(tags, latest or noted)

        written = self._rewrite(source, version, version_id, shown)
        # Of all ends this one alone may be taken back: the version may have been filed, and marked so, meanwhile.
        if noted is PipelineStatus.UNFILED:
            latest = self.ledger.noted_status(source, version)
            self._show(source, version, version_id, latest if latest is not noted else None)
        return written

    def failed(self, source: Source, version: str, version_id: str | None) -> None:
        """Mark that an execution about this version failed, unless another one ended well."""
        self._unless_noted(source, version, version_id, lambda tags: with_status(tags, PipelineStatus.FAILED))

    def drop_inherited(self, source: Source, version: str, version_id: str | None) -> None:
        """Take off what a copied object brought along: S3's CopyObject copies tags too, and a lifecycle rule would
        believe the good end, or a reader the patient's tags of a copy out of the layout."""

        def own(tags: Tags) -> Tags:
            return without_good_end(without_layout_tags(tags))

        self._unless_noted(source, version, version_id, own)

    def drop_brought(self, current: Observation) -> None:
        """The same of the current version, whose own request may have given it tags."""
        if current.tag_count:
            self.drop_inherited(current.source, current.version, current.version_id)

    def mend(self, source: Source, version: str, version_id: str | None) -> None:
        """Show what is noted, also where that was broken off in the middle."""
        self._show(source, version, version_id, self.ledger.noted_status(source, version))

    def _unless_noted(
        self, source: Source, version: str, version_id: str | None, change: Callable[[Tags], Tags]
    ) -> None:
        noted = self.ledger.noted_status(source, version)

        def unless_earned(tags: Tags) -> Tags:
            """A good end that was earned since is not touched: whoever took it off may die before the next look."""
            claims = outranks(tags, PipelineStatus.FAILED)
            return dict(tags) if claims and self.ledger.noted_status(source, version) else change(tags)

        if noted:
            self._show(source, version, version_id, noted)
        elif self._rewrite(source, version, version_id, unless_earned):
            self.mend(source, version, version_id)

    def _show(
        self, source: Source, version: str, version_id: str | None, noted: PipelineStatus | None
    ) -> None:
        """Until what is shown is what is noted: others may have noted and shown a better end meanwhile."""
        while noted:
            written = self._rewrite(source, version, version_id, partial(_showing, noted))
            if not written or noted is PipelineStatus.CATALOGED:
                return
            latest = self.ledger.noted_status(source, version)
            noted = latest if latest is not noted else None

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


def _showing(noted: PipelineStatus, tags: Tags) -> Tags:
    return with_status(without_layout_tags(tags), noted)
