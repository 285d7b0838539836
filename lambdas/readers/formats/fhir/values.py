"""FHIR's data types as a person reads them: a concept by its text, a quantity with its unit, a name as it is said.

A value is told by the members it has, not by where it stands, so that an element nobody foresaw is told as well.
Where FHIR allows a list, one value is taken for a list of one, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.readers.formats.json.values import Object, Value, shown
from lambdas.readers.hl7_values import joined, kind_of

_CONTACTS = {"phone", "fax", "email", "pager", "url", "sms", "other"}
_MECHANICS = {"id", "meta", "extension", "modifierExtension", "resourceType", "system", "use", "userSelected"}


def first(value: Value, name: str) -> Value:
    """The member of this name; None if there is none, or if the value has no members."""
    if not isinstance(value, Object):
        return None
    return next((member for known, member in value.members if known == name), None)


def each(value: Value, name: str) -> Iterator[tuple[str, Value]]:
    """What stands under a member's name, also if the name is there twice, each with its place below the value."""
    if not isinstance(value, Object):
        return
    for known, member in value.members:
        if known == name and isinstance(member, list):
            yield from ((f"/{name}/{index}", item) for index, item in enumerate(member))
        elif known == name:
            yield f"/{name}", member


def word(value: Value, name: str) -> str | None:
    """The member of this name if it is a text that is not blank."""
    member = first(value, name)
    if isinstance(member, list):
        member = next(iter(member), None)
    return member if isinstance(member, str) and member.strip() else None


def told(value: Value) -> str:
    """The value in one line, or in one for each of a list of texts that have several. A resource within another is a
    record of its own, and only named here.
    """
    if isinstance(value, list):
        return joined(map(told, value), "; ")
    if not isinstance(value, Object):
        return shown(value)
    if value.says_nothing:
        return ""
    names = {name for name, _ in value.members}
    if "resourceType" in names and (type_ := word(value, "resourceType")):
        return type_
    for telling_member, possible, tell in _TYPES:
        if telling_member in names and (possible is None or names <= possible) and (text := tell(value)):
            return text
    said = joined(
        (
            f"{name}: {text}"
            for name, member in value.members
            if name not in _MECHANICS and (text := told(member))
        ),
        ", ",
    )
    value.says_nothing = not said
    return said


def told_of(value: Value, *names: str, between: str = " ") -> str:
    return joined((told(first(value, name)) for name in names), between)


def identifier_type(identifier: Value) -> str | None:
    """The code of HL7 table 0203 that says what kind of identifier it is; else what stands in its place."""
    said = [
        word(coding, name)
        for name in ("code", "display")
        for _, type_ in each(identifier, "type")
        for _, coding in each(type_, "coding")
    ]
    return kind_of(*said, *(word(type_, "text") for _, type_ in each(identifier, "type")))


def _concept(value: Object) -> str:
    return told(first(value, "text")) or told(first(value, "coding"))


def _coding(value: Object) -> str:
    return told(first(value, "display")) or told(first(value, "code"))


def _component(value: Object) -> str:
    """A part of an observation: what was found of what."""
    found = [told(member) for name, member in value.members if name.startswith("value")]
    return joined((told(first(value, "code")), joined(found)), ": ")


def _valued(value: Object) -> str:
    """A quantity, an identifier or a way to reach somebody."""
    number = told_of(value, "comparator", "value", between="")
    if unit := word(value, "unit"):
        return f"{number} {unit}"
    system = word(value, "system")
    if system is None or system in _CONTACTS:
        return number
    if code := word(value, "code"):
        return f"{number} {code}"
    return f"{number} ({told(first(value, 'type')) or system})"


def _period(value: Object) -> str:
    start, end = told(first(value, "start")), told(first(value, "end"))
    return f"{start} – {end}" if start and end else f"from {start}" if start else f"until {end}"


def _range(value: Object) -> str:
    low, high = told(first(value, "low")), told(first(value, "high"))
    unit = word(first(value, "low"), "unit")
    if high and unit and unit == word(first(value, "high"), "unit"):
        low = low.removesuffix(f" {unit}")
    return f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"


def _ratio(value: Object) -> str:
    return told_of(value, "numerator", "denominator", between=" / ")


def _human_name(value: Object) -> str:
    return told(first(value, "text")) or joined(
        told(part).replace("; ", " ")
        for part in (first(value, n) for n in ("prefix", "given", "family", "suffix"))
    )


def _address(value: Object) -> str:
    town = told_of(value, "postalCode", "city")
    return told(first(value, "text")) or joined(
        (
            told(first(value, "line")).replace("; ", ", "),
            town,
            told_of(value, "state", "country", between=", "),
        ),
        ", ",
    )


def _reference(value: Object) -> str:
    return told(first(value, "display")) or told(first(value, "reference"))


def _attachment(value: Object) -> str:
    return told_of(value, "title", "contentType", "url", between=", ")


def _answer(value: Object) -> str:
    """An item of a questionnaire. What an answer led to follows it."""
    answers = [
        told([member for name, member in answer.members if name.startswith("value")])
        for _, answer in each(value, "answer")
        if isinstance(answer, Object)
    ]
    return joined((told_of(value, "text"), joined(answers, ", ")), ": ")


def _text(value: Object) -> str:
    return told(first(value, "text"))


# The member that gives a type away, in the order in which they are looked for; and, where that member is a common
# one, all that the type may have: an object with more than these is something else.
_CODING = {"system", "version", "code", "display", "userSelected", "id", "extension"}
_VALUED = {*_CODING, "value", "unit", "comparator", "use", "type", "period", "rank", "assigner"}
_TYPES = (
    ("coding", None, _concept),
    ("contentType", None, _attachment),
    ("family", None, _human_name),
    ("given", None, _human_name),
    ("line", None, _address),
    ("city", None, _address),
    ("postalCode", None, _address),
    ("numerator", None, _ratio),
    ("low", {"low", "high"}, _range),
    ("high", {"low", "high"}, _range),
    ("start", {"start", "end"}, _period),
    ("end", {"start", "end"}, _period),
    ("reference", None, _reference),
    ("answer", None, _answer),
    ("timing", None, _text),
    ("text", {"text", "time", "authorString", "authorReference", "use"}, _text),
    ("valueQuantity", None, _component),
    ("valueString", None, _component),
    ("valueCodeableConcept", None, _component),
    ("value", _VALUED, _valued),
    ("display", _CODING, _coding),
    ("code", _CODING, _coding),
)
