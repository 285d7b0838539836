"""Two patients of the directory who are one, or two again: record it, list what moves, see that nothing stayed.

The decision is recorded before anything is listed, in one transaction with all that it was judged by, so two merges
that contradict each other never both hold. What an intake files without knowing of it is in the listing, which is S3's
own, or found by that intake's own check, which reads the directory again (docs/convergence.md). Moving is the
pipeline's own work.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from carefile.core.deciding.classification import classify, to_look_up
from carefile.core.deciding.identity import identity
from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import RejectedMerge, StorageThrottled
from carefile.core.filing.layout import Layout
from carefile.core.messages import events, merge_request
from carefile.core.messages.assignment_request import Subject
from carefile.core.messages.intake_request import decided_at
from carefile.core.messages.sender import Sender
from carefile.core.model import Assignment, Hints, Patient
from carefile.core.patients.directory import Listing, Wanted
from carefile.core.patients.merging import Merge, judge
from carefile.core.records.recovery import Standing, sources_of
from lambdas.adapters.contracts import accept_merge
from lambdas.adapters.people.directory import Directory
from lambdas.adapters.people.patients import Patients
from lambdas.intake.assigning import Assigning, first_page, raise_if_left

_TRIES = 8
_THREADS = 16
_AT_ONCE = 64  # folders
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """What a folder holds of a patient: how many objects, and what names a document's patient."""

    subject: Subject
    objects: int
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Named:
    """What names the patient of a session's object."""

    key: str
    metadata: tuple[tuple[str, str], ...]
    hints: Hints | None
    assignment: Assignment | None

    def patient(self, rules: RuleTable, listing: Listing) -> str | None:
        found = classify(self.key, self.metadata, rules, self.hints, None, self.assignment, listing)
        return found.patient.id


@dataclass(frozen=True)
class Merging:
    """`directory` is None where the stage's patients are open: then nobody reads it, and nothing would follow."""

    directory: Directory | None
    patients: Patients
    assigning: Assigning
    layout: Layout
    now: Callable[[], datetime]

    def merge(
        self, data: Mapping[str, Any], started: object = None, execution: str = "", *, only_plan: bool = False
    ) -> Json:
        """Accept a merge or its opposite and record it, or raise; return what is to be moved. A plan records nothing,
        and counts that."""
        accept_merge(data)
        directory = self._in_use()
        request = merge_request.parse(data, events.iso_8601(decided_at(data, started) or self.now()))
        asked = Wanted(frozenset({request.from_id, request.into_id}))
        for _ in range(_TRIES):
            merge = judge(request, directory.look_up(asked).entries)
            if only_plan or not merge.is_new or self.patients.decide(merge):
                break
        else:
            raise StorageThrottled(
                "patient-contended: the entries of the two change faster than they can be written"
            )
        if not only_plan:
            self.assigning.recording.merged(request, merge.decision, Sender.of(data), execution)
        described = _described(request, merge)
        return described | ({"objects": self._counted(merge.moves_from)} if only_plan else {})

    def page(self, patient_id: str, after: str = "") -> Json:
        """What is filed under a patient, as the pipeline's input, in pages; `next` is where the next one begins."""
        folder, key = json.loads(after) if after else ("", "")
        return first_page(self._inputs(patient_id, folder, key))

    def verify(self, request: Mapping[str, str]) -> None:
        """Raise LeftBehind if anything that the decision moves is still where it was: all of a merged patient's; of the
        one whom they were merged into, what names the other."""
        held = self._held(request["moves_from"])
        left = {str(one.subject.folder): one.objects for one in held}
        if request["decision"] != "merge":
            left = dict(self._meant_by(held, request["moves_to"]))
        raise_if_left(+Counter(left))

    def _in_use(self) -> Directory:
        if self.directory is None:
            raise RejectedMerge(
                "patients-are-open: the stage believes every id, a merged one as well; deploy it with patients: listed"
            )
        return self.directory

    # What is filed

    def _inputs(self, patient_id: str, after: str, key: str) -> Iterator[tuple[Json, str]]:
        """The inputs, each with its place; from a place on: a folder, and a session's landing key in it."""
        for folder, held in self._found(patient_id, after if key else None, after):
            uploads = self.assigning.uploads(held.subject, key if folder == after else "")
            for item in uploads:
                place = item["key"] if held.subject.session_id is not None else ""
                yield item, json.dumps([folder, place], ensure_ascii=False)

    def _held(self, patient_id: str) -> list[Held]:
        return [held for _, held in self._found(patient_id)]

    def _counted(self, patient_id: str) -> int:
        return sum(held.objects for held in self._held(patient_id))

    def _found(
        self, patient_id: str, begun: str | None = None, after: str = ""
    ) -> Iterator[tuple[str, Held]]:
        """The folders of a patient that hold something, with what they hold, in the order of the bucket; those after
        one, or with `begun` from that one on."""
        patient = Patient(patient_id)
        folders = (one for one in self._folders(patient) if one > after or one == begun)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(folders, _AT_ONCE)):
                for folder, held in zip(
                    batch, pool.map(lambda it: self._look(it, patient_id), batch), strict=True
                ):
                    if held is not None:
                        yield folder, held

    def _folders(self, patient: Patient) -> Iterator[str]:
        sessions = self.layout.session_prefix(patient)
        for folder in self.assigning.folders.beginning(self.layout.stem(patient)):
            if folder == sessions:
                yield from self.assigning.folders.beginning(sessions)
            else:
                yield folder

    def _look(self, folder: str, patient_id: str) -> Held | None:
        """What a folder holds of a patient; None for claims, folders of others, and what was adopted in place, which
        has no landing object and stays."""
        manifest = self.assigning.folders.manifest(folder) or {}
        if manifest.get("state") == "session" and not manifest.get("adopted"):
            owner = manifest["owner"]
            count = self.assigning.folders.objects(folder)
            subject = Subject(owner["bucket"], owner["tree"], manifest["session_id"], folder=folder)
            return Held(subject, count) if count else None
        classified = manifest.get("classification") or {}
        if manifest.get("state") != "filed" or classified.get("patient", {}).get("id") != patient_id:
            return None
        source = manifest["source"]
        used = (it for it in classified.get("evidence", ()) if it["about"] == "patient" and it["used"])
        named = frozenset(identity(it["value"]) for it in used)
        return Held(Subject(source["bucket"], source["key"], folder=folder), 1, named)

    def _meant_by(self, held: list[Held], patient_id: str) -> Iterator[tuple[str, int]]:
        """The folders with how much in them is this patient's now: documents that are filed by an id of theirs, and
        what of a session its key, its metadata and the decisions about it make theirs."""
        ids = frozenset(value for one in held for value in one.named)
        listing = self._in_use().look_up(Wanted(ids))
        mine = {value for value in ids if listing.clinic_id(value) == patient_id}
        for one in held:
            folder = str(one.subject.folder)
            if one.subject.session_id is None:
                yield folder, bool(one.named & mine)
            else:
                yield folder, self._of_session(one.subject, folder, patient_id)

    def _of_session(self, subject: Subject, folder: str, patient_id: str) -> int:
        """How many of a session's objects in a folder are a patient's by what names them now, whether or not their
        landing objects are there still."""
        manifest = self.assigning.folders.manifest(folder) or {}
        with ThreadPoolExecutor(_THREADS) as pool:
            keys = self.assigning.folders.keys(folder)
            found = [
                *filter(None, pool.map(lambda key: self._named_by(subject, folder, key, manifest), keys))
            ]
        wanted = Wanted()
        for one in found:
            wanted |= to_look_up(one.key, one.metadata, self.assigning.rules, one.hints, None, one.assignment)
        listing = self._in_use().look_up(wanted)
        return sum(one.patient(self.assigning.rules, listing) == patient_id for one in found)

    def _named_by(
        self, subject: Subject, folder: str, key: str, manifest: Mapping[str, Any]
    ) -> _Named | None:
        """What names the patient of a session's object, by what is filed of it; None where it is gone."""
        found = self.assigning.folders.stamped(key)
        standing = Standing("", key, 0, "", found[0]) if found else None
        sources = sources_of(standing, folder, manifest) if standing else iter(())
        source = next((one for one in sources if found and one.source_id == found[0].source_id), None)
        if found is None or source is None:
            return None
        stamp, metadata = found
        entry = self.assigning.ledger.read(source, subject.owner)
        hints = entry.hints_for(stamp.version, None)
        return _Named(source.key, tuple(metadata.items()), hints, entry.assignment)


def _described(request: merge_request.MergeRequest, merge: Merge) -> Json:
    """What the machine goes on with; `event` is what it announces in the end."""
    who = {"from": request.from_id, "into": request.into_id}
    decision = merge.decision.to_json()
    return {
        **who,
        "decision": decision["type"],
        "moves_from": merge.moves_from,
        "moves_to": merge.moves_to,
        "event": {**who, "decision": decision.pop("type"), **decision},
    }
