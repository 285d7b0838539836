"""File documents as the functions do, with the directory's own adapter over a table in memory, and judge the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from benchmarks.matching.documents import Form, Made
from benchmarks.matching.people import Person
from carefile.core.documents.extraction import (
    DocumentFacts,
    Entity,
    Extraction,
    PatientCandidate,
    Status,
    Table,
    TextBlock,
)
from carefile.core.filing.layout import Layout
from carefile.core.model import Classification, Kind, Observation, Patient, Source, UnknownReason
from carefile.core.patients.mentions import mentions_in
from carefile.core.patients.near import near_misses
from carefile.core.records.ledger import LedgerEntry
from carefile.core.records.patients import (
    KEY,
    OWNERS,
    PART,
    identifier_key,
    index_key,
    index_keys,
    to_item,
)
from lambdas.adapters import contracts
from lambdas.adapters.people.directory import Directory
from lambdas.intake.filing import Filing

_FACTS = DocumentFacts("x", 1, 1, "text", "text/plain")


class Mode(StrEnum):
    OPEN = "open"
    LISTED = "listed"
    DECIDE = "listed, corroborated: decide"


class End(StrEnum):
    """How a document ended."""

    FILED = "filed by itself"
    FIRST = "first suggestion right"
    LATER = "suggested, not first"
    OTHERS = "only others suggested"
    NOT_SUGGESTED = "not suggested"
    WRONG_AT_SOURCE = "wrong at source"
    MISFILED = "misfiled"


class MemoryTable:
    """The requests that the adapter makes, over items in memory."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.index: dict[str, list[dict[str, Any]]] = {}
        for person in people:
            entry = person.entry
            self._put(to_item(entry))
            for one in index_keys(entry):
                self.index.setdefault(one, []).append(dict(index_key(one, entry.id)))
            for identifier in entry.identifiers:
                key = identifier_key(identifier)
                item = self.items.get((key[KEY]["S"], key[PART]["S"])) or {**key, OWNERS: {"SS": []}}
                item[OWNERS]["SS"].append(entry.id)
                self._put(item)

    def _put(self, item: dict[str, Any]) -> None:
        self.items[item[KEY]["S"], item[PART]["S"]] = item

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        ((table, wanted),) = asked["RequestItems"].items()
        keys = ((key[KEY]["S"], key[PART]["S"]) for key in wanted["Keys"])
        return {"Responses": {table: [self.items[key] for key in keys if key in self.items]}}

    def query(self, **asked: Any) -> dict[str, Any]:
        found = self.index.get(asked["ExpressionAttributeValues"][":entry"]["S"], [])
        return {"Items": found[: asked["Limit"]]}

    def describe_table(self, **_: Any) -> dict[str, Any]:
        return {"Table": {"ItemCount": len(self.items)}}


@dataclass
class Given:
    """Documents that were read already."""

    extraction: Extraction | None = None

    def read(self, _: Observation) -> Extraction | None:
        return self.extraction

    def page(self, *_: Any) -> bytes:
        raise NotImplementedError


Decider = Callable[[Made, Extraction], Classification]


def as_deployed(people: Sequence[Person], mode: Mode) -> Decider:
    """What a stage of this mode makes of a document."""
    filing, documents = _filing(people, mode)

    def decide(made: Made, extraction: Extraction) -> Classification:
        documents.extraction = extraction
        return _planned(filing, made.key, made.metadata)

    return decide


def as_decided(
    people: Sequence[Person], mode: Mode, key: str, metadata: Mapping[str, str], extraction: Extraction
) -> Classification:
    """What a stage of this mode makes of one object."""
    filing, documents = _filing(people, mode)
    documents.extraction = extraction
    return _planned(filing, key, tuple(metadata.items()))


def _filing(people: Sequence[Person], mode: Mode) -> tuple[Filing, Given]:
    documents = Given()
    return filing_of(MemoryTable(people), documents, mode), documents


def filing_of(table: MemoryTable, documents: Given, mode: Mode = Mode.LISTED) -> Filing:
    """What plans where a document is filed, over such a table."""
    directory, is_open, nothing = Directory(cast(Any, table), "patients"), mode is Mode.OPEN, cast(Any, None)
    return Filing(
        nothing,
        nothing,
        Layout("processed/"),
        contracts.rules(),
        lambda: b"",
        documents,
        None if is_open else directory,
        mode is Mode.DECIDE,
        directory if is_open else None,
    )


def _planned(filing: Filing, key: str, metadata: tuple[tuple[str, str], ...]) -> Classification:
    observed = Observation(Source("landing", key), "1", "1", "e", 1, "", "", metadata)
    plan = filing.plan(observed, LedgerEntry())
    if plan is None:
        raise RuntimeError("what was read is gone")
    return plan.classification


def by_name_alone(people: Sequence[Person]) -> Decider:
    """A careless matcher: whoever is the only one whose whole name stands in the document."""

    def decide(_: Made, extraction: Extraction) -> Classification:
        mentions = mentions_in(extraction, contracts.rules().text_labels)
        named = [person.id for person in people if mentions.holds_name(person.name)]
        return _known(named[0] if len(named) == 1 else None)

    return decide


def by_nearest_id(people: Sequence[Person]) -> Decider:
    """A careless matcher: whose number, or the only one that is a slip of the hand away, stands in the document."""
    ids = {person.id for person in people}

    def decide(_: Made, extraction: Extraction) -> Classification:
        mentions = mentions_in(extraction, contracts.rules().text_labels)
        for number in (it.values[0] for it in mentions.numbers):
            near = {number} & ids or near_misses(number) & ids
            if len(near) == 1:
                return _known(min(near))
        return _known(None)

    return decide


CARELESS = {"name alone": by_name_alone, "nearest id": by_nearest_id}


def _known(patient: str | None) -> Classification:
    reason = None if patient else UnknownReason.NO_EVIDENCE
    return Classification(Kind.DOCUMENT, Patient(patient, reason), "careless", "x", "txt", None)


def judged(made: Made, extraction: Extraction, found: Classification, mode: Mode) -> End:
    patient, suggested = found.patient.id, [it.patient_id for it in found.suggestions]
    # Where nothing resolves it, a patient's other number is an id of theirs.
    if patient == made.of.id or (mode is Mode.OPEN and patient == made.of.further):
        return End.FILED
    if patient is not None:
        # A number in a field or a table's cell is believed, unlike one in free text.
        others = (made.wrong_at_source, made.mistyped if extraction.patient_candidates else None)
        named = [it for it in others if it and patient == (it.id if isinstance(it, Person) else it)]
        excused = named and (mode is Mode.OPEN or not made.contradicts(named[0]))
        return End.WRONG_AT_SOURCE if excused else End.MISFILED
    if suggested[:1] == [made.of.id]:
        return End.FIRST
    if made.of.id in suggested:
        return End.LATER
    return End.OTHERS if suggested else End.NOT_SUGGESTED


@dataclass
class Score:
    """How many documents ended how, and which were misfiled."""

    ends: Counter[End] = field(default_factory=Counter)
    misfiled: list[int] = field(default_factory=list)

    def count(self, made: Made, end: End) -> None:
        self.ends[end] += 1
        if end is End.MISFILED:
            self.misfiled.append(made.number)


def extracted(made: Made) -> Extraction:
    """The record that readers make of such a document, without a file."""
    if made.form is Form.FIELDS:
        facts = made.facts
        attributes = (
            ("name", facts.name),
            ("birth date", made.birth_date.isoformat() if made.birth_date else ""),
        )
        return Extraction(
            _FACTS,
            Status.READ,
            entities=(Entity("Patient", "PID", tuple(pair for pair in attributes if pair[1])),),
            patient_candidates=(PatientCandidate(facts.number, "PID-3"),),
        )
    if made.form is Form.TABLE:
        rows = tuple(tuple(line.split(": ", 1)) for line in made.lines if line)
        return Extraction(_FACTS, Status.READ, content=(Table(rows, None, 1),))
    return Extraction(_FACTS, Status.READ, content=(TextBlock("\n".join(made.lines), 1),))
