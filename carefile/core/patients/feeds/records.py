"""What one record of a feed says: a patient, a merge, or nothing that can be used, and why."""

from __future__ import annotations

from dataclasses import dataclass

from carefile.core.patients.entries import Statement


@dataclass(frozen=True, slots=True)
class Registered:
    """A patient as the record states them. `where` is the record's line."""

    patient_id: str
    statement: Statement
    where: int


@dataclass(frozen=True, slots=True)
class Merged:
    """The records of `from_id` are those of `into_id`. `stated_at` is empty where the record does not say when."""

    from_id: str
    into_id: str
    where: int
    stated_at: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A record that nothing can be taken from. The reason quotes nothing of it."""

    reason: str
    where: int


@dataclass(frozen=True, slots=True)
class Unconcerned:
    """A record about something other than the directory, such as an A02 or an Observation."""

    where: int


FeedRecord = Registered | Merged | Unusable | Unconcerned


class UnusableFeed(ValueError):
    """Nothing of the file can be used; the message is one line for whoever chose it."""
