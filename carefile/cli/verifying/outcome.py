"""How a check can end, and how it says so from within."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """`settled`: AWS does what is claimed. `contradicted`: it does not. `not applicable here`: this stage, or the
    embedded AWS, does not have what the claim is about. `open`: the check could not find out, and has to be repeated.
    """

    SETTLED = "settled"
    CONTRADICTED = "contradicted"
    NOT_HERE = "not applicable here"
    OPEN = "open"


class Contradicted(Exception):
    """AWS does not do what is claimed; the text is what it did or answered."""


class NotHere(Exception):
    """The claim is about something that this stage does not have; the text says what."""


class Inconclusive(Exception):
    """The check could not find out, this time; the text says why."""


class TimeIsUp(Inconclusive):
    """A check took longer than it may; the text says what it was waiting for."""
