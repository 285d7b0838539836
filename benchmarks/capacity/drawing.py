"""Draws objects of a mix and finds the keys that they are written under, with the project's own key functions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from carefile.cli.capacity.load import Mix
from carefile.core.model import Source
from carefile.core.records.catalog import patient_ref_key
from carefile.core.records.session_entries import Place

OBJECTS = 40_000
PATIENTS = 50_000
Listed = Callable[[str | None, str], str]


@dataclass(frozen=True, slots=True)
class Write:
    """A write of so many units under a key of a table or an index."""

    store: str
    key: str
    units: float


@dataclass(frozen=True, slots=True)
class Hot:
    """The key of a store that takes most, in units per object of the whole mix."""

    store: str
    key: str
    units: float


def writes(mix: Mix, listed: Listed = patient_ref_key, objects: int = OBJECTS) -> Iterator[Write]:
    """Yield what the drawn objects write. A session's entry is written for three of its objects at once."""
    chance = random.Random(17)  # noqa: S311 - no secret

    def anybody() -> str | None:
        return None if chance.random() < mix.unknown else f"P_{chance.randrange(PATIENTS)}"

    talking: list[str | None] = [anybody() for _ in range(objects // mix.session_size + 1)]
    for number in range(objects):
        patient = anybody()
        if chance.random() < mix.documents:
            key = f"documents/{patient}/{number}.pdf" if patient else f"scans/{number}.pdf"
            source = Source("landing", key)
            yield Write("index", listed(patient, source.source_id), 1)
        else:
            session = chance.randrange(len(talking))
            patient = talking[session]
            whose = f"processed/{patient or 'unknown'}_medical_notes/session_{session}/"
            place = Place("processed", whose)
            source = Source("landing", f"sessions/{patient}/session_{session}/messages/message_{number}.json")
            yield Write("session", place.key, 1 / 3)
            yield Write("index", listed(patient, place.key), 2 / 3)
        yield Write("catalog", source.source_id, 1)
        yield Write("ledger", source.source_id, 2)


def hottest(mix: Mix, listed: Listed = patient_ref_key, objects: int = OBJECTS) -> dict[str, Hot]:
    """The hottest key of each store."""
    found: dict[str, Counter[str]] = {}
    for write in writes(mix, listed, objects):
        found.setdefault(write.store, Counter())[write.key] += write.units  # type: ignore[assignment]
    return {
        store: Hot(store, key, units / objects)
        for store, keys in found.items()
        for key, units in keys.most_common(1)
    }
