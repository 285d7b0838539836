"""The items of the table `Patients`: their keys, and what they hold. They are stored for years.

A patient's item has all that is known of them. Its key is a digest, so that after a forgetting it can stay as a
tombstone, which names nobody and refuses the patient's return. The other items only find candidates, to be confirmed
on the patient's own: one for each identifier, with the ids of whose it is, and one for each patient and each number,
date of birth, folded word of a name, or patient they were merged into.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.deciding.identity import identity
from carefile.core.model import Decision, DecisionType, digest
from carefile.core.patients.entries import Identifier, PatientEntry, Statement
from carefile.core.patients.names import name_words

KEY, PART = "entry", "part"
PATIENT, IDENTIFIER = "patient", "identifier"  # the parts of items that have one only
FORGOTTEN_AT = "forgotten_at"
OWNERS = "patients"
Item = Mapping[str, Any]
Key = dict[str, dict[str, str]]


def patient_key(patient_id: str) -> Key:
    return _key(f"patient#{digest('patient', patient_id)}", PATIENT)


def identifier_key(identifier: Identifier) -> Key:
    return _key(f"identifier#{digest('identifier', identifier.system, identifier.value)}", IDENTIFIER)


def name_entry(word: str) -> str:
    return f"name#{word}"


def birth_entry(date: str) -> str:
    return f"born#{date}"


def number_entry(value: str) -> str:
    return f"number#{digest('number', identity(value))}"


def merged_entry(into: str) -> str:
    """Under which the patients are found who were merged into one."""
    return f"merged#{digest('patient', into)}"


def index_keys(entry: PatientEntry) -> frozenset[str]:
    """By what a patient is found; the id is the part of each of these items."""
    words = {word for name in entry.names for word in name_words(name.in_full)}
    numbers = {one.value for one in entry.identifiers}
    merged = () if entry.merged_into is None else (merged_entry(entry.merged_into),)
    return frozenset(
        (*map(name_entry, words), *map(birth_entry, entry.birth_dates), *map(number_entry, numbers), *merged)
    )


@dataclass(frozen=True, slots=True)
class IndexChange:
    """What becomes of the items that find a patient, when their entry changes. It is made before the entry changes."""

    patient_id: str
    added: frozenset[str]
    removed: frozenset[str]
    owned: frozenset[Identifier]
    disowned: frozenset[Identifier]

    @property
    def writes(self) -> list[dict[str, Any]]:
        """The requests of BatchWriteItem."""
        added = ({"PutRequest": {"Item": index_key(one, self.patient_id)}} for one in sorted(self.added))
        removed = (
            {"DeleteRequest": {"Key": index_key(one, self.patient_id)}} for one in sorted(self.removed)
        )
        return [*added, *removed]

    @property
    def updates(self) -> Iterator[dict[str, Any]]:
        """The parameters of each UpdateItem, but for the table."""
        for how, identifiers in (("ADD", self.owned), ("DELETE", self.disowned)):
            for identifier in sorted(identifiers):
                yield {
                    "Key": identifier_key(identifier),
                    "UpdateExpression": f"{how} {OWNERS} :patient",
                    "ExpressionAttributeValues": {":patient": {"SS": [self.patient_id]}},
                }


def index_change(known: PatientEntry | None, entry: PatientEntry) -> IndexChange:
    """What becomes of the index when an entry takes the place of another, or of none. All that the new one has is
    written, also what should be there: another change may have been interrupted."""
    before = index_keys(known) if known else frozenset()
    owned = known.identifiers if known else frozenset()
    now = index_keys(entry)
    return IndexChange(entry.id, now, before - now, entry.identifiers, owned - entry.identifiers)


def unindexing(entry: PatientEntry) -> IndexChange:
    """What becomes of the index when the patient is listed no more."""
    return IndexChange(entry.id, frozenset(), index_keys(entry), frozenset(), entry.identifiers)


def replacing(entry: PatientEntry, known: PatientEntry | None) -> dict[str, Any]:
    """The parameters of the PutItem that records an entry, on condition that nothing changed since."""
    if known is None:
        return {"Item": to_item(entry), "ConditionExpression": f"attribute_not_exists({KEY})"}
    return {"Item": to_item(entry), **unchanged(known)}


def unchanged(known: PatientEntry) -> dict[str, Any]:
    """The condition that an entry is as it was read."""
    return {
        "ConditionExpression": "revision = :known",
        "ExpressionAttributeValues": {":known": {"N": str(known.revision)}},
    }


def index_key(entry: str, patient_id: str) -> Key:
    return _key(entry, patient_id)


def to_item(entry: PatientEntry) -> dict[str, Any]:
    stated = {source: statement.to_json() for source, statement in entry.statements.items()}
    item: dict[str, Any] = patient_key(entry.id) | {
        "patient_id": {"S": entry.id},
        "stated": {"S": json.dumps(stated, ensure_ascii=False, sort_keys=True)},
        "revision": {"N": str(entry.revision)},
    }
    decided = (
        {"decision": {"S": json.dumps(entry.decision.to_json(), sort_keys=True)}} if entry.decision else {}
    )
    return (
        item | decided | ({"merged_into": {"S": entry.merged_into}} if entry.merged_into is not None else {})
    )


def entry_in(item: Item) -> PatientEntry | None:
    """The patient in an item; None of a tombstone."""
    if "patient_id" not in item:
        return None
    stated = json.loads(item["stated"]["S"])
    return PatientEntry(
        item["patient_id"]["S"],
        {source: Statement.from_json(data) for source, data in stated.items()},
        item["merged_into"]["S"] if "merged_into" in item else None,
        int(item["revision"]["N"]),
        _decision(json.loads(item["decision"]["S"])) if "decision" in item else None,
    )


def tombstone(patient_id: str, at: str) -> dict[str, Any]:
    return patient_key(patient_id) | {FORGOTTEN_AT: {"S": at}}


def _decision(data: Mapping[str, Any]) -> Decision:
    return Decision(DecisionType(data["type"]), data["decided_by"], data["decided_at"], data.get("reason"))


def _key(entry: str, part: str) -> Key:
    return {KEY: {"S": entry}, PART: {"S": part}}
