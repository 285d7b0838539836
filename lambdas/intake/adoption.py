"""Adoption: what others wrote into the layout is tagged, given a manifest and cataloged in place.

An adopted object is its own source. As an intake does, an adoption converges on its current version: the ledger's
revision is taken after the version is read, and the version is looked at again after the last change. What an intake
wrote, and what stands in a folder that belongs to a source, is left alone. Nothing is copied, moved or deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carefile.core.deciding.adoption import classify_standing, folder_patient, is_of_unlisted, to_look_up
from carefile.core.deciding.metadata import require_text
from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import RejectedObject, StillChanging
from carefile.core.filing import tagging
from carefile.core.filing.layout import MANIFEST, Layout, Owner, Standing
from carefile.core.messages import events
from carefile.core.messages.events import Event, Place
from carefile.core.model import Classification, Deleted, Disposition, Kind, Observation, Source, StoredObject
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.adapters.processed import Processed

if TYPE_CHECKING:
    from lambdas.adapters.people.directory import Directory

MAX_ROUNDS = 6
_STAMP = "carefile-source"


@dataclass(frozen=True, slots=True)
class Adopted:
    """How an adoption ended. `left` says why the object was left alone, if it was."""

    disposition: Disposition | None = None
    left: str | None = None
    classification: Classification | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Adoption:
    objects: Landing
    ledger: Ledger
    processed: Processed
    layout: Layout
    rules: RuleTable
    pseudonym_key: Callable[[], bytes]
    now: Callable[[], str]
    directory: Directory | None = None

    def adopt(self, key: str, execution: str) -> Adopted:
        standing = self.layout.standing(key)
        if standing is None:
            return Adopted(left="no-folder-of-the-layout")
        if standing.sub_path == MANIFEST:
            return Adopted(left="manifest")
        source = Source(self.processed.bucket, key)
        for _ in range(MAX_ROUNDS):
            entry = self.ledger.read(source)
            found = self.objects.head(source)
            if isinstance(found, Deleted):
                return Adopted(left="deleted")
            if _STAMP in dict(found.metadata):
                return Adopted(left="filed-by-an-intake")
            if found.size == 0:
                raise RejectedObject("empty-object: the object holds no bytes; write it again or delete it")
            require_text(found.metadata)
            if self._is_unlisted(standing, found):
                return Adopted(left="unlisted-patient")
            if not self._own_folder(standing):
                return Adopted(left="folder-of-a-source")
            classification = classify_standing(standing, found.metadata, self.rules)
            known = entry.destinations == {key} and entry.version == found.version
            taken = entry if known else self.ledger.write_ahead(found, key, entry)
            tagged = taken and self._tag(found, classification, taken.revision)
            held = self._still_holds(found) and not self._is_unlisted(standing, found)
            if taken is None or tagged is None or not held:
                continue
            place = Place(
                self.processed.bucket, standing.folder, (_stored(found, classification),), taken.revision
            )
            disposition = Disposition.CATALOGED if tagged or not known else Disposition.DUPLICATE
            event = events.object_cataloged(
                self.layout, found, classification, place, disposition, execution, self.now()
            )
            return Adopted(disposition, None, classification, (event,))
        raise StillChanging(
            f"still-changing: the object changed in each of {MAX_ROUNDS} rounds; redrive when it is quiet"
        )

    def _is_unlisted(self, standing: Standing, found: Observation) -> bool:
        if self.directory is None:
            return False
        wanted = to_look_up(standing, found.metadata, self.rules)
        return is_of_unlisted(wanted, self.directory.look_up(wanted))

    def _own_folder(self, standing: Standing) -> bool:
        """Whether the folder is its own; claims it if it was nobody's."""
        kind = Kind.SESSION if standing.session_id else Kind.DOCUMENT
        owner = Owner(self.processed.bucket, standing.folder, tree=True)
        patient = folder_patient(standing, self.rules)
        manifest = events.adopted_manifest(owner, kind, patient, standing.session_id)
        tags = tagging.manifest_tags(tagging.layout_tags(kind, patient, self.pseudonym_key()))
        return self.processed.adopt(standing.folder, owner, manifest, tags)

    def _tag(self, found: Observation, classification: Classification, revision: int) -> bool | None:
        """Add the layout's tags to those of others, and the mark of the adoption where there is room. True when that
        changed anything, None when the version is gone."""
        present = self.objects.tags(found.source, found.version_id)
        if present is None:
            return None
        ours = tagging.layout_tags(classification.kind, classification.patient, self.pseudonym_key())
        merged = present | ours
        if len(merged) > tagging.MAX_TAGS:
            raise RejectedObject(
                "no-room-for-tags: with the layout's three tags the object would carry more than ten; remove some"
            )
        marked = merged | {tagging.ADOPTED_TAG: tagging.adoption_mark(found.version, revision)}
        merged = marked if len(marked) <= tagging.MAX_TAGS else merged
        if merged != present:
            self.objects.put_tags(found.source, found.version_id, merged)
        return merged != present

    def _still_holds(self, found: Observation) -> bool:
        now = self.objects.head(found.source)
        return isinstance(now, Observation) and now.version == found.version


def _stored(found: Observation, classification: Classification) -> StoredObject:
    role = "session" if classification.kind is Kind.SESSION else "original"
    return StoredObject(found.source.key, role, found.version_id, found.etag, found.size, found.content_type)
