"""Hold what a document's text says against the patient directory: whose it may be, and whose it cannot be.

Invariants: only who is listed is ever suggested; factors are exact or they only suggest, and they are counted in fixed
combinations, never in a score; sex is none; what was recognised on a picture suggests and contradicts, and decides
nothing; nothing decides where the facts do not stand beside each other, where anything beside a label is not the
patient's, or where somebody else of the same birth date could have the name; what is said of a relative supports
nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from carefile.core.deciding.damaged_numbers import damaged_number
from carefile.core.deciding.identity import identity
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import Evidence, EvidenceSource, Suggestion
from carefile.core.patients.directory import Listing, Wanted
from carefile.core.patients.entries import PatientEntry
from carefile.core.patients.labels import Label
from carefile.core.patients.mentions import FIELDS, Mention, Mentions, Whose
from carefile.core.patients.names import exact_name, name_words, same_name, similar_name, within_one_slip

_MOST_NUMBERS = 12  # a text with more is a list
_MOST_DATES, _MOST_UNLABELLED = 8, 4
_MOST_NAMES, _MOST_WORDS = 3, 6
_MOST_SUGGESTED = 10
_LONGEST_ID = 256  # of a suggestion, by its schema
_MOST_SHOWN = 5  # numbers that lead to nobody


class Factor(StrEnum):
    """What supports a suggestion. All but the last four stand beside their labels and agree exactly."""

    IDENTIFIER = "identifier"
    NAME = "name"
    BIRTH_DATE = "birth-date"
    NAME_IN_TEXT = "name-in-text"
    DATE_IN_TEXT = "birth-date-in-text"
    SIMILAR_NAME = "similar-name"
    NEAR_IDENTIFIER = "near-identifier"


_WORDS = {
    Factor.IDENTIFIER: "number",
    Factor.NAME: "name",
    Factor.BIRTH_DATE: "birth date",
    Factor.NAME_IN_TEXT: "name",
    Factor.DATE_IN_TEXT: "birth date",
    Factor.SIMILAR_NAME: "similar name",
    Factor.NEAR_IDENTIFIER: "similar number",
}
_F = Factor
_ALL = frozenset({_F.IDENTIFIER, _F.NAME, _F.BIRTH_DATE})
_NAMES = (_F.NAME, _F.NAME_IN_TEXT)
_DATES = (_F.BIRTH_DATE, _F.DATE_IN_TEXT)
# What makes a suggestion, the best first. Each is one of every group.
_COMBINATIONS: Sequence[Sequence[Sequence[Factor]]] = (
    ((_F.IDENTIFIER,), (_F.NAME,), (_F.BIRTH_DATE,)),
    ((_F.IDENTIFIER,), _NAMES, _DATES),
    ((_F.IDENTIFIER,), (_F.SIMILAR_NAME,), _DATES),
    (_NAMES, _DATES, (_F.NEAR_IDENTIFIER,)),
    ((_F.IDENTIFIER,), _NAMES),
    (_NAMES, (_F.BIRTH_DATE,)),
    ((_F.IDENTIFIER,), _DATES),
    ((_F.SIMILAR_NAME,), (_F.BIRTH_DATE,)),
    ((_F.IDENTIFIER,), (_F.SIMILAR_NAME,)),
    ((_F.IDENTIFIER,),),
    (_NAMES, _DATES),
    ((_F.NAME,), (_F.NEAR_IDENTIFIER,)),
    ((_F.SIMILAR_NAME,), _DATES),
    ((_F.BIRTH_DATE,), (_F.NEAR_IDENTIFIER,)),
    ((_F.NAME,),),
)


@dataclass(frozen=True, slots=True)
class Supported:
    """A listed patient, and where the text supports that it is theirs. `certain` are the factors that surely are of the
    text's patient and not of a relative; `read` those of them that were not recognised on a picture."""

    patient: str
    places: Mapping[Factor, str]
    certain: frozenset[Factor]
    read: frozenset[Factor]
    source: EvidenceSource

    @property
    def factors(self) -> frozenset[Factor]:
        return frozenset(self.places)

    @property
    def rank(self) -> int | None:
        """The place of the best combination; None where the factors make none."""
        return next(
            (
                at
                for at, groups in enumerate(_COMBINATIONS)
                if all(any(one in self.places for one in group) for group in groups)
            ),
            None,
        )

    @property
    def has_name(self) -> bool:
        return any(one in self.places for one in (*_NAMES, Factor.SIMILAR_NAME))

    @property
    def is_corroborated(self) -> bool:
        """Whether an id stands in the text with the patient's name and date of birth, labelled or not."""
        return (self.rank if self.rank is not None else len(_COMBINATIONS)) <= 1

    def evidence(self, *, used: bool) -> Evidence:
        where = "; ".join(f"{_WORDS[factor]}, {place}" for factor, place in self.places.items())
        return Evidence("patient", self.source, self.patient, where, used, listed=True)


@dataclass(frozen=True, slots=True)
class TextEvidence:
    """What the text mentions, what the directory lists of that, and whether a deployment lets it decide, or, where
    patients need not be listed, only suggest."""

    mentions: Mentions
    listing: Listing
    decides: bool = False
    only_suggests: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """The listed patients of a listing, each with the entries that are theirs now, and whose the numbers are."""

    entries: Mapping[str, Sequence[PatientEntry]]
    numbers: Mapping[str, Set[str]]
    crowded: frozenset[str]

    @classmethod
    def of(cls, listing: Listing) -> People:
        entries: dict[str, list[PatientEntry]] = {}
        numbers: dict[str, set[str]] = {}
        for one, entry in listing.entries.items():
            patient = listing.clinic_id(one)
            if patient is None:
                continue
            entries.setdefault(patient, []).append(entry)
            for number in (one, *(it.value for it in entry.identifiers)):
                numbers.setdefault(number, set()).add(patient)
        return cls(entries, numbers, listing.crowded)

    def of_mention(self, mention: Mention) -> frozenset[str]:
        """Whose a number may be."""
        return frozenset(it for value in mention.values for it in self.numbers.get(identity(value), ()))


@dataclass(frozen=True, slots=True)
class Held:
    """What holding a text against the directory gave. `decides` is whom it decides on."""

    decides: str | None = None
    contradicts: bool = False
    suggestions: tuple[Suggestion, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def says_much(supported_by: Sequence[str]) -> bool:
    """Whether what supports a suggestion is so much that the document may well be about the patient: an id, or a name
    and a birth date."""
    factors = frozenset(supported_by)
    named = factors & {*_NAMES, Factor.SIMILAR_NAME}
    return Factor.IDENTIFIER in factors or bool(named and factors & {*_DATES})


def described(suggestion: Mapping[str, Any]) -> str:
    """A suggestion in words, as events and records have it: `4711: number, name, birth date`."""
    factors = (
        _WORDS[Factor(it)] if it in list(Factor) else it.replace("-", " ")
        for it in suggestion["supported_by"]
    )
    return f"{suggestion['patient_id']}: {', '.join(factors)}"


def numbers_to_look_up(mentions: Mentions, rules: RuleTable) -> Wanted:
    """The labelled numbers of a text; none where it has so many that it is a list of patients."""
    numbers = {
        identity(value)
        for mention in mentions.numbers
        for value in mention.values
        if not rules.is_placeholder(value) and not damaged_number(value)
    }
    return Wanted(numbers=frozenset(numbers if len(numbers) <= _MOST_NUMBERS else ()))


def look_further(
    patient: str | None, mentions: Mentions, listing: Listing, look_up: Callable[[Wanted], Listing]
) -> tuple[Wanted, Listing]:
    """Look up what else a text calls for, step by step: what was asked, and all that is listed then."""
    asked = Wanted()
    for more_of in (_dates_to_look_up, _names_to_look_up):
        if more := more_of(patient, mentions, listing):
            asked, listing = asked | more, listing | look_up(more)
    return asked, listing


def _dates_to_look_up(patient: str | None, mentions: Mentions, listing: Listing) -> Wanted:
    """The birth dates of a text that is nobody's, or that gives none of the facts of the patient whose it is without
    its text."""
    if patient is not None:
        own = _labelled(patient, mentions, People.of(listing))
        if not mentions.birth_dates or not mentions.names or own >= {Factor.NAME, Factor.BIRTH_DATE}:
            return Wanted()
    dates, most = {date for it in mentions.birth_dates for date in it.values}, _MOST_DATES
    if not dates and patient is None:
        dates, most = {date for it in mentions.dates for date in it.values}, _MOST_UNLABELLED
    return Wanted(birth_dates=frozenset(dates if len(dates) <= most else ()))


def _names_to_look_up(patient: str | None, mentions: Mentions, listing: Listing) -> Wanted:
    """The names beside labels in a text that is nobody's, where neither number nor birth date led to somebody of the
    name."""
    if patient is not None or any(
        it.rank is not None and it.has_name for it in _supported(mentions, People.of(listing))
    ):
        return Wanted()
    names = dict.fromkeys(
        frozenset(it for it in name_words(one.values[0]) if len(it) > 1) for one in mentions.names
    )
    usable = [words for words in names if 2 <= len(words) <= _MOST_WORDS]
    return Wanted(names=frozenset(usable[:_MOST_NAMES]))


def hold(patient: str | None, text: TextEvidence, *, may_decide: bool) -> Held:
    """Hold a text against the directory, for an object that is a patient's, or nobody's, without it."""
    if patient is not None and text.only_suggests:
        return Held()
    people, mentions = People.of(text.listing), text.mentions
    found = _supported(mentions, people)
    if patient is not None:
        other = _contradicting(patient, found, mentions, people)
        if other is None:
            return Held()
        return Held(None, True, _suggestions(found), (other.evidence(used=False),))
    one = _decided(found, mentions, people) if text.decides and may_decide else None
    if one:
        return Held(one.patient, evidence=(one.evidence(used=True),))
    shown = [it for it in found if it.rank is not None][:_MOST_SUGGESTED]
    evidence = (*(it.evidence(used=False) for it in shown), *_unlisted_numbers(mentions, people))
    return Held(suggestions=_suggestions(found), evidence=evidence)


def _supported(mentions: Mentions, people: People) -> list[Supported]:
    """The listed patients whom the text supports, the best supported first."""
    found = []
    for patient in sorted(people.entries):
        pairs = [*_factors(patient, mentions, people)]
        places: dict[Factor, str] = {}
        for factor, mention in pairs:
            places.setdefault(factor, mention.place if mention else "text")
        sure = [(factor, it) for factor, it in pairs if it and it.whose is Whose.PATIENT]
        certain = frozenset(factor for factor, _ in sure)
        read = frozenset(factor for factor, it in sure if not it.recognised)
        of_picture = bool(pairs) and all(it is not None and it.recognised for _, it in pairs)
        source = EvidenceSource.PICTURE if of_picture else EvidenceSource.TEXT
        found.append(Supported(patient, places, certain, read, source))
    return sorted(found, key=lambda it: (len(_COMBINATIONS) if it.rank is None else it.rank, -len(it.places)))


def _suggestions(found: Iterable[Supported]) -> tuple[Suggestion, ...]:
    """The first few, as records and events have them."""
    fit = [it for it in found if it.rank is not None and len(it.patient) <= _LONGEST_ID]
    return tuple(
        Suggestion(it.patient, tuple(factor.value for factor in it.places)) for it in fit[:_MOST_SUGGESTED]
    )


def _contradicting(
    patient: str, found: Sequence[Supported], mentions: Mentions, people: People
) -> Supported | None:
    """Somebody else whose the text is: corroborated; or of two labelled facts, of which the patient has fewer."""
    others = [it for it in found if it.patient != patient]
    corroborated = next((it for it in others if it.is_corroborated and Factor.IDENTIFIER in it.certain), None)
    if corroborated:
        return corroborated
    own = _labelled(patient, mentions, people)
    return next((it for it in others if len(it.factors & _ALL) >= 2 and own < it.factors & _ALL), None)


def _decided(found: Sequence[Supported], mentions: Mentions, people: People) -> Supported | None:
    """The one patient whom the text decides on; None where it decides nothing."""
    corroborated = [it for it in found if it.is_corroborated]
    if len(corroborated) != 1 or not mentions.whole or not corroborated[0].read >= _ALL:
        return None
    (one,) = corroborated
    entries = people.entries[one.patient]
    headings: dict[int, set[Label]] = {}
    for it in (*mentions.numbers, *mentions.names, *mentions.birth_dates):
        if it.section != FIELDS:
            headings.setdefault(it.group, set()).add(it.label)
    beside_each_other = any(len(labels) == 3 for labels in headings.values())
    # A name or a birth date by itself may be a namesake's or a twin's.
    none_is_vague = all(Label.IDENTIFIER in labels or len(labels) > 1 for labels in headings.values())
    everything_agrees = (
        all(people.of_mention(it) == {one.patient} for it in mentions.numbers)
        and all(_is_born(entries, it) for it in mentions.birth_dates)
        and all(_is_named(entries, it, exact_name) for it in mentions.names)
    )
    rivals = [them for patient, them in people.entries.items() if patient != one.patient]
    rivalled = {date for it in mentions.birth_dates for date in it.values} & people.crowded or any(
        any(_is_born(rival, it) for it in mentions.birth_dates)
        and any(_is_named(rival, it, same_name) for it in mentions.names)
        for rival in rivals
    )
    return one if beside_each_other and none_is_vague and everything_agrees and not rivalled else None


def _unlisted_numbers(mentions: Mentions, people: People) -> Iterator[Evidence]:
    """Yield the labelled numbers that lead to nobody, for a person to see."""
    shown: dict[str, Mention] = {}
    for mention in mentions.numbers:
        if not people.of_mention(mention):
            shown.setdefault(mention.values[-1], mention)
    for value, mention in list(shown.items())[:_MOST_SHOWN]:
        source = EvidenceSource.PICTURE if mention.recognised else EvidenceSource.TEXT
        yield Evidence("patient", source, value, mention.place, used=False, listed=False)


def _factors(patient: str, mentions: Mentions, people: People) -> Iterator[tuple[Factor, Mention | None]]:
    """Yield what of the text is this patient's, and where it stands."""
    entries = people.entries[patient]
    numbers = [it for it in mentions.numbers if people.of_mention(it) == {patient}]
    yield from ((Factor.IDENTIFIER, it) for it in numbers)
    names = [it for it in mentions.names if _is_named(entries, it, exact_name)]
    yield from ((Factor.NAME, it) for it in names)
    dates = [it for it in mentions.birth_dates if _is_born(entries, it)]
    yield from ((Factor.BIRTH_DATE, it) for it in dates)
    if not names:
        if any(mentions.holds_name(name.in_full) for entry in entries for name in entry.names):
            yield Factor.NAME_IN_TEXT, None
        else:
            similar = (it for it in mentions.names if _is_named(entries, it, similar_name))
            yield from ((Factor.SIMILAR_NAME, it) for it in similar)
    if not dates:
        yield from ((Factor.DATE_IN_TEXT, it) for it in mentions.dates if _is_born(entries, it))
    if not numbers:
        ids = {entry.id for entry in entries}
        nobodys = (it for it in mentions.numbers if not people.of_mention(it))
        near = (it for it in nobodys if any(within_one_slip(one, v) for one in ids for v in it.values))
        yield from ((Factor.NEAR_IDENTIFIER, it) for it in near)


def _labelled(patient: str, mentions: Mentions, people: People) -> frozenset[Factor]:
    """What beside labels can be this patient's, initials allowed."""
    entries = people.entries.get(patient, ())
    found = {
        Factor.IDENTIFIER: any(patient in people.of_mention(it) for it in mentions.numbers),
        Factor.NAME: any(_is_named(entries, it, same_name) for it in mentions.names),
        Factor.BIRTH_DATE: any(_is_born(entries, it) for it in mentions.birth_dates),
    }
    return frozenset(factor for factor, stands in found.items() if stands)


def _is_named(entries: Sequence[PatientEntry], mention: Mention, is_same: Callable[[str, str], bool]) -> bool:
    return any(is_same(name.in_full, mention.values[0]) for entry in entries for name in entry.names)


def _is_born(entries: Sequence[PatientEntry], mention: Mention) -> bool:
    """Whether one of the days that a date may be is a patient's birth date, known to the day."""
    return any(born in mention.values for entry in entries for born in entry.birth_dates)
