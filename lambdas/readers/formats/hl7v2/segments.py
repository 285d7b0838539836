"""What the segments of HL7 v2 say: for each a record, and for each of its fields how it is rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lambdas.readers.formats.hl7v2.syntax import Segment
from lambdas.readers.hl7_values import joined, moment
from lambdas.readers.limits import MAX_CELL

_Renderer = Callable[[Segment, str], str]


def in_full(segment: Segment, repetition: str) -> str:
    return joined(segment.components(repetition))


def coded(segment: Segment, repetition: str) -> str:
    """A coded element: its text, else its code."""
    code, text, *_ = [*segment.components(repetition), "", ""]
    return text or code


def time(segment: Segment, repetition: str) -> str:
    return moment(segment.components(repetition)[0])


def person(segment: Segment, repetition: str) -> str:
    """A name: family, given, further names, suffix, prefix."""
    family, given, further, suffix, prefix, *_ = [*segment.components(repetition), "", "", "", "", ""]
    return joined((prefix, given, further, family, suffix))


def staff(segment: Segment, repetition: str) -> str:
    """A number and then a name."""
    number, _, name = repetition.partition(segment.delimiters.component)
    return person(segment, name) or segment.text(number)


def identifier(segment: Segment, repetition: str) -> str:
    number, _, _, authority, type_, *_ = [*segment.components(repetition), "", "", "", "", ""]
    about = joined((type_, joined(segment.subcomponents(repetition, 4)[:1]) or authority), ", ")
    return f"{number} ({about})" if about else number


def address(segment: Segment, repetition: str) -> str:
    street, other, city, state, postal_code, country, *_ = [*segment.components(repetition)[:6], *[""] * 6]
    return joined((street, other, joined((postal_code, city)), state, country), ", ")


def contact(segment: Segment, repetition: str) -> str:
    """A telephone number or address of e-mail: as it is written, else put together from its parts."""
    written, _, _, mail, *parts = [*segment.components(repetition), "", "", "", ""]
    return written or mail or joined(parts)


def organization(segment: Segment, repetition: str) -> str:
    return joined(segment.subcomponents(repetition, 1)[:1]) or in_full(segment, repetition)


def place(segment: Segment, repetition: str) -> str:
    return joined(segment.components(repetition), ", ")


def worded(words: dict[str, str]) -> _Renderer:
    """A code of one of HL7's tables by its meaning, with a text of its own or unknown as it stands."""

    def render(segment: Segment, repetition: str) -> str:
        said = coded(segment, repetition)
        return words.get(said.strip().upper(), said)

    return render


@dataclass(frozen=True, slots=True)
class Record:
    type: str
    fields: tuple[tuple[str, int, _Renderer], ...]

    def pairs(self, segment: Segment) -> Iterator[tuple[str, str]]:
        for label, number, render in self.fields:
            if text := rendered(segment, number, render):
                yield label, text


def rendered(segment: Segment, number: int, render: _Renderer, most: int = MAX_CELL) -> str:
    """All repetitions of a field, or as many as a cell has room for."""
    return joined((render(segment, repetition) for repetition in segment.repetitions(number)), "; ", most)


# HL7's tables of codes that say whether the rest holds, and the most usual others.
_SEX = worded(
    {"F": "female", "M": "male", "O": "other", "U": "unknown", "A": "ambiguous", "N": "not applicable"}
)
_RESULT_STATUS = worded(
    {
        "C": "corrected", "D": "deleted", "F": "final", "I": "pending", "N": "not asked", "O": "order only",
        "P": "preliminary", "R": "not verified", "S": "partial", "U": "final, values not sent again",
        "W": "wrong", "X": "cannot be obtained", "A": "some results", "Y": "no order", "Z": "no patient",
    }
)  # fmt: skip
_DOCUMENT_STATUS = worded(
    {
        "AU": "authenticated", "DI": "dictated", "DO": "documented", "IN": "incomplete", "IP": "in progress",
        "LA": "legally authenticated", "PA": "pre-authenticated", "AV": "available", "CA": "cancelled",
        "OB": "obsolete", "UN": "unavailable",
    }
)  # fmt: skip
_ORDER_CONTROL = worded(
    {
        "NW": "new order", "CA": "cancel", "OC": "cancelled", "CR": "cancelled", "DC": "discontinue",
        "OD": "discontinued", "DR": "discontinued", "HD": "hold", "OH": "held", "RL": "release", "RP": "replace",
        "RO": "replacement", "XO": "change", "SC": "status changed", "RE": "results", "OK": "accepted",
        "UA": "unable to accept",
    }
)  # fmt: skip
_ORDER_STATUS = worded(
    {
        "A": "some results", "CA": "cancelled", "CM": "completed", "DC": "discontinued", "ER": "error", "HD": "held",
        "IP": "in process", "RP": "replaced", "SC": "scheduled",
    }
)  # fmt: skip
_ACTION = worded(
    {"A": "add", "D": "delete", "U": "update", "X": "no change", "AD": "add", "DE": "delete", "UP": "update"}
)
_GIVEN = worded({"CP": "complete", "PA": "partial", "RE": "refused", "NA": "not given"})
_CLASS = worded(
    {
        "E": "emergency", "I": "inpatient", "O": "outpatient", "P": "preadmission", "R": "recurring", "B": "obstetrics",
        "C": "commercial account", "N": "not applicable", "U": "unknown",
    }
)  # fmt: skip
_ALLERGEN = worded(
    {
        "DA": "drug", "FA": "food", "MA": "miscellaneous", "MC": "miscellaneous contraindication", "EA": "environment",
        "AA": "animal", "PA": "plant", "LA": "pollen",
    }
)  # fmt: skip
_SEVERITY = worded({"SV": "severe", "MO": "moderate", "MI": "mild", "U": "unknown"})
_PROCESSING = worded({"P": "", "T": "training or test", "D": "debugging"})
_FLAG = worded({"N": "normal", "A": "abnormal", "AA": "very abnormal", "H": "high", "L": "low", "HH": "very high",
                "LL": "very low"})  # fmt: skip

RECORDS = {
    "MSH": Record(
        "Message",
        (
            ("type", 9, place),
            ("sent", 7, time),
            ("from application", 3, organization),
            ("from", 4, organization),
            ("to application", 5, organization),
            ("to", 6, organization),
            ("control id", 10, in_full),
            ("sent for", 11, _PROCESSING),
            ("version", 12, in_full),
        ),
    ),
    "EVN": Record("Event", (("what", 1, in_full), ("when", 2, time), ("occurred", 6, time))),
    "PID": Record(
        "Patient",
        (
            ("name", 5, person),
            ("birth date", 7, time),
            ("sex", 8, _SEX),
            ("identifier", 3, identifier),
            ("address", 11, address),
            ("contact", 13, contact),
            ("died", 29, time),
        ),
    ),
    "NK1": Record("Next of kin", (("name", 2, person), ("relation", 3, coded), ("contact", 5, contact))),
    "PV1": Record(
        "Visit",
        (
            ("class", 2, _CLASS),
            ("location", 3, place),
            ("attending", 7, staff),
            ("referring", 8, staff),
            ("visit number", 19, identifier),
            ("admitted", 44, time),
            ("discharged", 45, time),
        ),
    ),
    "AL1": Record(
        "Allergy",
        (
            ("substance", 3, coded),
            ("type", 2, _ALLERGEN),
            ("severity", 4, _SEVERITY),
            ("reaction", 5, in_full),
        ),
    ),
    "IAM": Record(
        "Allergy",
        (
            ("substance", 3, coded),
            ("type", 2, _ALLERGEN),
            ("severity", 4, _SEVERITY),
            ("reaction", 5, in_full),
            ("action", 6, _ACTION),
            ("status", 17, coded),
        ),
    ),
    "MRG": Record("Merged", (("identifier", 1, identifier), ("name", 7, person))),
    "PV2": Record("Visit, further", (("reason", 3, coded), ("description", 12, in_full))),
    "PRB": Record(
        "Problem",
        (
            ("what", 3, coded),
            ("action", 1, _ACTION),
            ("status", 14, coded),
            ("confirmed", 13, coded),
            ("onset", 16, time),
            ("resolved", 9, time),
        ),
    ),
    "DG1": Record(
        "Diagnosis",
        (
            ("code", 3, in_full),
            ("what", 4, in_full),
            ("when", 5, time),
            ("type", 6, coded),
            ("action", 21, _ACTION),
        ),
    ),
    "PR1": Record("Procedure", (("code", 3, coded), ("what", 4, in_full), ("when", 5, time))),
    "IN1": Record("Insurance", (("plan", 2, coded), ("company", 4, in_full), ("insured", 16, person))),
    "ORC": Record(
        "Order",
        (
            ("control", 1, _ORDER_CONTROL),
            ("order", 2, in_full),
            ("status", 5, _ORDER_STATUS),
            ("when", 9, time),
            ("ordered by", 12, staff),
        ),
    ),
    "OBR": Record(
        "Report",
        (
            ("what", 4, coded),
            ("observed", 7, time),
            ("reported", 22, time),
            ("ordered by", 16, staff),
            ("order", 3, in_full),
            ("status", 25, _RESULT_STATUS),
            ("reason", 31, coded),
        ),
    ),
    "SPM": Record(
        "Specimen",
        (("what", 4, coded), ("site", 8, coded), ("when", 17, time), ("rejected because", 21, coded)),
    ),
    "RXO": Record(
        "Medication order",
        (("what", 1, coded), ("amount", 2, in_full), ("unit", 4, coded), ("instructions", 6, in_full)),
    ),
    "RXR": Record("Route", (("route", 1, coded), ("site", 2, coded))),
    "OBX": Record(
        "Observation",
        (
            ("what", 3, coded),
            ("value", 5, in_full),
            ("unit", 6, coded),
            ("reference range", 7, in_full),
            ("flag", 8, _FLAG),
            ("when", 14, time),
            ("status", 11, _RESULT_STATUS),
        ),
    ),
    "RXA": Record(
        "Administration",
        (
            ("when", 3, time),
            ("what", 5, coded),
            ("amount", 6, in_full),
            ("unit", 7, coded),
            ("lot", 15, in_full),
            ("refused because", 18, coded),
            ("completion", 20, _GIVEN),
            ("action", 21, _ACTION),
        ),
    ),
    "RXE": Record("Prescription", (("what", 2, coded), ("amount", 3, in_full), ("unit", 5, coded))),
    "SCH": Record("Appointment", (("reason", 7, coded), ("when", 11, place), ("status", 25, coded))),
    "TXA": Record(
        "Document",
        (
            ("type", 2, coded),
            ("when", 4, time),
            ("author", 9, staff),
            ("status", 17, _DOCUMENT_STATUS),
            ("availability", 19, _DOCUMENT_STATUS),
        ),
    ),
}

_WITHDRAWN = {"D": "deleted", "W": "wrong"}  # results, by OBX-11
_NOT_YET = {"P": "preliminary", "R": "not verified", "S": "partial", "C": "corrected"}


def as_it_holds(segment: Segment, lines: Iterable[str]) -> Iterator[str]:
    """The text of an OBX, with what its status takes back or does not vouch for marked as such."""
    status = segment.raw(11).strip().upper()
    withdrawn, doubt = _WITHDRAWN.get(status), _NOT_YET.get(status)
    for line in lines:
        yield f"[{withdrawn}: {line}]" if withdrawn else f"({doubt}) {line}" if doubt else line
        doubt = None


VALUES: dict[str, _Renderer] = {
    "CE": coded,
    "CWE": coded,
    "CNE": coded,
    "DT": time,
    "TS": time,
    "DTM": time,
    "XPN": person,
    "XCN": staff,
    "CX": identifier,
    "XAD": address,
    "SN": lambda segment, repetition: "".join(segment.components(repetition)),
}
