"""The items of the table `Patients`: their keys, and what they hold. They are stored for years.

A patient's item has all that is known of them. Its key is a digest, so that after a forgetting it can stay as a
tombstone, which names nobody and refuses the patient's return. The other items only find candidates, to be confirmed
on the patient's own: one for each identifier, with the ids of whose it is, and one for each patient and each number,
date of birth or folded word of a name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def index_keys(entry: PatientEntry) -> frozenset[str]:
    """By what a patient is found; the id is the part of each of these items."""
    words = {word for name in entry.names for word in name_words(name.in_full)}
    numbers = {one.value for one in entry.identifiers}
    return frozenset(
        (*map(name_entry, words), *map(birth_entry, entry.birth_dates), *map(number_entry, numbers))
    )


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
