"""Import patients from feeds: first all of them are surveyed for what is odd, then they are stated one after another.

The survey is kept in a file of its own and not in memory, so a million patients need no more of it than a hundred.
What is stated already is not written again: an import that was interrupted resumes when it is run again.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from carefile.cli.aws.directory import Patients
from carefile.cli.patients.listed.files import Feed
from carefile.core.patients.entries import Change, PatientEntry, change_between
from carefile.core.patients.feeds.records import Merged, Registered, Unconcerned, Unusable
from carefile.core.patients.names import name_words

_AT_ONCE = 500  # patients
_THREADS = 32
_SHOWN = 20  # of each kind of oddity


@dataclass(frozen=True, slots=True)
class Odd:
    """Something that a person should look at. `left_out`: it is not imported."""

    what: str
    where: str
    left_out: bool


@dataclass
class Survey:
    """What the feeds hold. `refused` are ids that stand for two patients."""

    patients: int = 0
    merges: list[Merged] = field(default_factory=list)
    unconcerned: int = 0
    broken: int = 0
    odd: list[Odd] = field(default_factory=list)
    more_odd: int = 0
    refused: frozenset[str] = frozenset()

    def report(self, odd: Odd) -> None:
        if sum(one.what == odd.what for one in self.odd) < _SHOWN:
            self.odd.append(odd)
        else:
            self.more_odd += 1


def survey(feeds: Sequence[Feed], read: Callable[[], object] = lambda: None) -> Survey:
    """Read the feeds to the end and report what they hold. `read` is called for each record."""
    found = Survey()
    with tempfile.TemporaryDirectory(prefix="carefile-") as folder:
        seen = sqlite3.connect(Path(folder) / "seen.sqlite")
        try:
            seen.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
                "CREATE TABLE patient (id, born, name, history, place); CREATE TABLE number (number, id, place)"
            )
            for feed in feeds:
                _look_through(feed, seen, found, read)
            seen.executescript(
                "CREATE INDEX by_id ON patient (id); CREATE INDEX by_name ON patient (name, born);"
                "CREATE INDEX by_number ON number (number)"
            )
            _add_odd(seen, found)
        finally:
            seen.close()
    return found


def state_all(
    patients: Patients,
    feeds: Sequence[Feed],
    source: str,
    refused: frozenset[str],
    *,
    stated: Callable[[int], object] = lambda _: None,
    only_compare: bool = False,
) -> Counter[Change]:
    """State everything that can be used, in the order of the feeds; or only compare it with what is listed."""
    counts: Counter[Change] = Counter()
    with ThreadPoolExecutor(_THREADS) as pool:
        for feed in feeds:
            usable = (
                one for one in feed.records() if isinstance(one, Registered) and one.patient_id not in refused
            )
            while batch := list(islice(usable, _AT_ONCE)):
                known, forgotten = patients.get_many({one.patient_id for one in batch})
                by_patient: dict[str, list[Registered]] = {}
                for one in batch:
                    by_patient.setdefault(one.patient_id, []).append(one)

                def state(
                    several: list[Registered],
                    known: dict[str, PatientEntry] = known,
                    forgotten: set[str] = forgotten,
                ) -> Counter[Change]:
                    return _state(patients, several, source, known, forgotten, only_compare=only_compare)

                for counted in pool.map(state, by_patient.values()):
                    counts += counted
                stated(len(batch))
    return counts


def _state(
    patients: Patients,
    several: list[Registered],
    source: str,
    known: dict[str, PatientEntry],
    forgotten: set[str],
    *,
    only_compare: bool,
) -> Counter[Change]:
    patient_id = several[0].patient_id
    if patient_id in forgotten:
        return Counter({Change.FORGOTTEN: len(several)})
    counts: Counter[Change] = Counter()
    entry = known.get(patient_id)
    for one in several:
        if not only_compare:
            change, entry = patients.state(patient_id, source, one.statement, entry)
        else:
            before, entry = entry, (entry or PatientEntry(patient_id)).stating(source, one.statement)
            change = change_between(before, entry)
        counts[change] += 1
    return counts


def _look_through(feed: Feed, seen: sqlite3.Connection, found: Survey, read: Callable[[], object]) -> None:
    history = feed.is_history

    def rows() -> Iterator[tuple[str, str, str, bool, str]]:
        for one in feed.records():
            read()
            place = f"{feed.path.name}:{one.where}"
            if isinstance(one, Registered):
                found.patients += 1
                said = one.statement
                name = " ".join(sorted(name_words(said.names[0].in_full))) if said.names else ""
                numbers = ((f"{it.system}\n{it.value}", one.patient_id, place) for it in said.identifiers)
                seen.executemany("INSERT INTO number VALUES (?, ?, ?)", numbers)
                yield one.patient_id, said.birth_date, name, history, place
            elif isinstance(one, Merged):
                found.merges.append(one)
            elif isinstance(one, Unusable):
                found.broken += 1
                found.report(Odd(one.reason, place, left_out=True))
            elif isinstance(one, Unconcerned):
                found.unconcerned += 1

    seen.executemany("INSERT INTO patient VALUES (?, ?, ?, ?, ?)", rows())


def _add_odd(seen: sqlite3.Connection, found: Survey) -> None:
    """An id with two birth dates may be two patients, and is left out; but where records follow one another, the later
    one corrects the earlier."""
    twice = seen.execute(
        "SELECT id, group_concat(place, ', ') FROM patient GROUP BY id "
        "HAVING count(DISTINCT nullif(born, '')) > 1 AND NOT min(history)"
    )
    refused: set[str] = set()
    for patient_id, places in twice:
        refused.add(patient_id)
        found.report(Odd("one id with different birth dates", places, left_out=True))
    found.refused = frozenset(refused)
    for what, query in (
        ("one id twice", "SELECT group_concat(place, ', ') FROM patient WHERE NOT history GROUP BY id "
         "HAVING count(*) > 1 AND count(DISTINCT nullif(born, '')) < 2"),
        ("one identifier with several patients", "SELECT group_concat(place, ', ') FROM number GROUP BY number "
         "HAVING count(DISTINCT id) > 1"),
        ("same name and birth date, different ids", "SELECT group_concat(place, ', ') FROM patient "
         "WHERE name != '' AND born != '' GROUP BY name, born HAVING count(DISTINCT id) > 1"),
    ):  # fmt: skip
        for (places,) in seen.execute(query):
            found.report(Odd(what, places, left_out=False))
