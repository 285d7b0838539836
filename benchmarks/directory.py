"""What the patient directory's reads cost where a document's text is held against it: DynamoDB's read units, counted.

A strongly consistent read of an item costs a unit for every 4 KiB of it, also of one that is not there; a query, of all
that it returns. A round of an intake reads everything twice, at its start and in its check.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from benchmarks.counting import item_units
from benchmarks.matching.people import Person, people
from benchmarks.matching.trial import Given, MemoryTable, filing_of
from carefile.core.documents.extraction import DocumentFacts, Extraction, Status, TextBlock
from carefile.core.model import Observation, Source
from carefile.core.records.ledger import LedgerEntry
from carefile.core.records.patients import index_change, to_item
from infrastructure.watching import prices

_CLINIC = 1000
CROWDED = 30  # patients with one birth date, as a clinic with a million of them has
_ANA = Person("4711", "Ana", ("Ruiz", "Soto"), date(1984, 2, 11))
_LETTER = "Patient: {}\nDOB: {}\nMRN: {}\n\nDear colleague, all is well.\n"
_ANAS = _LETTER.format("Ana Ruiz Soto", "11 Feb 1984", "4711")
CASES: Mapping[str, tuple[str, str]] = {
    "no label in its text, nobody's": ("a.txt", "All is well."),
    "no label in its text, the folder's": ("documents/4711/a.txt", "All is well."),
    "the folder's patient in its text": ("documents/4711/a.txt", _ANAS),
    "a listed patient in its text, nobody's": ("a.txt", _ANAS),
    "nobody who is listed in its text": ("a.txt", _LETTER.format("Nadia Nobody", "01/09/1999", "98765")),
}


class Metered(MemoryTable):
    """A table in memory that counts requests and units."""

    def __init__(self, patients: Iterable[Person]) -> None:
        super().__init__(patients)
        self.requests = self.units = 0

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        found = super().batch_get_item(**asked)
        ((table, wanted),) = asked["RequestItems"].items()
        items = found["Responses"][table]
        missing = len(wanted["Keys"]) - len(items)
        self.requests += 1
        self.units += missing + sum(item_units(item, 4096) for item in items)
        return found

    def query(self, **asked: Any) -> dict[str, Any]:
        found = super().query(**asked)
        self.requests += 1
        self.units += max(1, math.ceil(sum(item_units(item, 1) for item in found["Items"]) / 4096))
        return found


@dataclass(frozen=True, slots=True)
class Reads:
    """Requests of one document, beside those for the ledger's items, and read units."""

    requests: int
    units: int

    @property
    def usd(self) -> float:
        """Of a million such documents."""
        return self.units * prices.DYNAMODB_READ_UNIT


def reads(*, born_that_day: int = 1) -> dict[str, Reads]:
    """What each case reads in listed mode, from the round's start to its check; where so many patients share the birth
    date in it."""
    others = [replace(_ANA, id=f"9{at:05}", given="Eva") for at in range(born_that_day - 1)]
    found = {}
    for name, (key, text) in CASES.items():
        table = Metered([*people(_CLINIC, 1), _ANA, *others])
        filing = filing_of(table, Given(_record(text)))
        source, directory = Source("landing", key), filing.directory
        named = filing.named_by(source)
        known = (named, directory.look_up(named)) if directory and named else None
        plan = filing.plan(Observation(source, "1", "1", "e", 1, "", ""), LedgerEntry(), known)
        if plan is None or directory is None or directory.look_up(plan.asked) != plan.listing:
            raise RuntimeError("the directory does not answer twice alike")
        # What the round asks for with the ledger's items: at its start, and in its check.
        with_the_ledgers = sum(any(directory.keys(it).values()) for it in (named, plan.asked))
        found[name] = Reads(table.requests - with_the_ledgers, table.units)
    return found


def listing_units() -> int:
    """The write units of a new patient: the entry, in its table and in the index that counts it, and all by which a
    patient of three names, one birth date and one further identifier is found."""
    entry = replace(_ANA, further="98765").entry
    change = index_change(None, entry)
    return 2 * item_units(to_item(entry), 1024) + len(change.writes) + len([*change.updates])


def _record(text: str) -> Extraction:
    facts = DocumentFacts("x", len(text), len(text), "text", "text/plain")
    return Extraction(facts, Status.READ, content=(TextBlock(text),))
