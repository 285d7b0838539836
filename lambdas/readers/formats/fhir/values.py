"""FHIR's data types as a person reads them: a concept by its text, a quantity with its unit, a name as it is said.

A value is rendered by the members it has, not by its path, so that an unforeseen element is rendered as well. A
type says how some members are rendered; those it does not cover follow, each with its name. Where FHIR allows a
list, one value is taken for a list of one, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator

from lambdas.readers.formats.fhir.narrative import text_of
from lambdas.readers.formats.json.values import Object, Value, shown
from lambdas.readers.hl7_values import joined, kind_of

_CONTACTS = {"phone", "fax", "email", "pager", "url", "sms", "other"}
_MECHANICS = {"id", "meta", "resourceType", "fhir_comments"}
_USUAL = {None, "usual", "official"}
_CAPITAL = re.compile(r"(?<=[a-z\d])(?=[A-Z])")
_LONGEST_NAME = 200  # characters of an element's, or of an extension's
_Renderer = Callable[[Object], str]
_SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://hl7.org/fhir/sid/us-npi": "NPI",
    "http://hl7.org/fhir/sid/us-ssn": "SSN",
    "http://www.whocc.no/atc": "ATC",
    "http://www.ama-assn.org/go/cpt": "CPT",
}


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


def rendered(value: Value) -> str:
    """The value in one line, or in one for each of a list of texts that have several. A resource within another is a
    record of its own, and only named here.
    """
    if isinstance(value, list):
        return joined(map(rendered, value), "; ")
    if not isinstance(value, Object):
        return shown(value)
    if value.says_nothing:
        return ""
    names = {name for name, _ in value.members}
    if "resourceType" in names and (type_ := word(value, "resourceType")):
        return type_
    spoken_of, render = _type_of(names)
    said = joined((render(value), _rest(value, spoken_of)), ", ")
    value.says_nothing = not said
    return said


def _type_of(names: set[str]) -> tuple[Container[str], _Renderer]:
    """The type that the members show: which of them it covers, and how it is rendered."""
    if any(name.startswith(_VALUE) and name != _VALUE for name in names):
        mark = next((name for name in _CHOICES if name in names), "")
        return (mark, "extension", _VALUE) if mark == "url" else (mark, _VALUE), _CHOICES.get(mark, _values)
    if "url" in names and "extension" in names:
        return ("url", "extension"), _extension
    for mark, possible, spoken_of, render in _TYPES:
        if mark in names and (possible is None or names <= possible):
            return spoken_of, render
    return (), lambda _: ""


def in_words(name: str) -> str:
    """An element's name, or that of an extension, as words: `doNotPerform`, `us-core-race`."""
    return _CAPITAL.sub(" ", name[:_LONGEST_NAME].lstrip("_").replace("-", " ")).lower()


def _rest(value: Object, spoken_of: Container[str]) -> str:
    """What the type does not speak of, what changes the meaning first."""
    rest = [
        (name, member)
        for name, member in value.members
        if name not in _MECHANICS
        and name not in spoken_of
        and not (_VALUE in spoken_of and name.startswith(_VALUE))
    ]
    rest.sort(key=lambda pair: pair[0] != "modifierExtension")
    return joined((named(name, member) for name, member in rest), ", ")


def named(name: str, member: Value) -> str:
    """A member with its name before it; an extension has its own."""
    text = rendered(member)
    if not text or name == "extension":
        return text
    return f"{'modifier' if name == 'modifierExtension' else in_words(name)}: {text}"


def rendered_members(value: Value, *names: str, between: str = " ") -> str:
    return joined((rendered(first(value, name)) for name in names), between)


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
    if text := rendered(first(value, "text")):
        return text
    coding = first(value, "coding")
    several = coding if isinstance(coding, list) else [coding]
    return joined(dict.fromkeys(map(rendered, several)), "; ")


def _coding(value: Object) -> str:
    if display := rendered(first(value, "display")):
        return display
    code, system = rendered(first(value, "code")), _SYSTEMS.get(word(value, "system") or "")
    return f"{code} ({system})" if code and system else code


def _values(value: Object) -> str:
    return joined(rendered(member) for name, member in value.members if name.startswith(_VALUE))


def _component(value: Object) -> str:
    """A part of an observation: what was found of what."""
    return joined((rendered(first(value, "code")), _values(value)), ": ")


def _parameter(value: Object) -> str:
    return joined((rendered(first(value, "name")), _values(value)), ": ")


def _valued(value: Object) -> str:
    """A quantity, an identifier or a way to reach somebody."""
    number = rendered_members(value, "comparator", "value", between="")
    use, type_, system = word(value, "use"), rendered(first(value, "type")), word(value, "system")
    if unit := word(value, "unit") or word(value, "units") or word(value, "currency"):
        return f"{number} {unit}"
    if system and system not in _CONTACTS:
        if code := word(value, "code"):
            return f"{number} {code}"
        type_ = type_ or _SYSTEMS.get(system, system)
    about = joined((type_, "" if use in _USUAL else use or ""), ", ")
    return f"{number} ({about})" if about else number


def _period(value: Object) -> str:
    start, end = rendered(first(value, "start")), rendered(first(value, "end"))
    return (
        f"{start} – {end}" if start and end else f"from {start}" if start else f"until {end}" if end else ""
    )


def _range(value: Object) -> str:
    low, high = rendered(first(value, "low")), rendered(first(value, "high"))
    unit = word(first(value, "low"), "unit")
    if high and unit and unit == word(first(value, "high"), "unit"):
        low = low.removesuffix(f" {unit}")
    return f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else ""


def _ratio(value: Object) -> str:
    return rendered_members(value, "numerator", "denominator", between=" / ")


def _human_name(value: Object) -> str:
    name = rendered(first(value, "text")) or joined(
        rendered(part).replace("; ", " ")
        for part in (first(value, n) for n in ("prefix", "given", "family", "suffix"))
    )
    return _with_use(name, value)


def _address(value: Object) -> str:
    town = rendered_members(value, "postalCode", "city")
    address = rendered(first(value, "text")) or joined(
        (
            rendered(first(value, "line")).replace("; ", ", "),
            town,
            rendered_members(value, "district", "state", "country", between=", "),
        ),
        ", ",
    )
    return _with_use(address, value)


def _with_use(text: str, value: Object) -> str:
    """A name or address that holds no longer, or in some place only, says so."""
    use = word(value, "use")
    return text if use in _USUAL or not text else f"{text} ({use})"


def _reference(value: Object) -> str:
    return rendered(first(value, "display")) or value.label or rendered(first(value, "reference"))


def _attachment(value: Object) -> str:
    return rendered_members(value, "title", "contentType", "url", between=", ")


def _extension(value: Object) -> str:
    """An extension goes by the last word of its address."""
    name = in_words((word(value, "url") or "").rstrip("/").rpartition("/")[2])
    return joined((name, joined((_values(value), rendered(first(value, "extension"))), ", ")), ": ")


def _answered(value: Object) -> str:
    """An item of a questionnaire. What an answer led to follows it."""
    answers = (_answer(answer) for _, answer in each(value, "answer"))
    return joined((rendered_members(value, "text"), joined(answers, ", ")), ": ")


def _answer(value: Value) -> str:
    return (
        joined((_values(value), _rest(value, (_VALUE,))), ", ")
        if isinstance(value, Object)
        else rendered(value)
    )


def _repeat(value: Object) -> str:
    """How often: `2 × per 1 d`."""
    often, most = rendered(first(value, "frequency")) or "1", rendered(first(value, "frequencyMax"))
    span = joined((rendered(first(value, "period")), rendered_members(value, "periodUnit", "periodUnits")))
    return f"{often}{f'–{most}' if most else ''} × per {span}"


def _timing(value: Object) -> str:
    return rendered_members(value, "code", "repeat", between=", ")


def _narrative(value: Object) -> str:
    return text_of(word(value, "div") or "")


def _text(value: Object) -> str:
    return _with_use(rendered(first(value, "text")), value)


# The member that gives a type away, in the order in which they are looked for; where that member is a common one, all
# that the type may have: an object with more than these is something else; and what the type speaks of.
_Type = tuple[str, frozenset[str] | None, Container[str], _Renderer]
_VALUE = "value"  # and what begins so: a choice of types
_CODING = frozenset(("system", "version", "code", "display", "userSelected", "id", "extension"))
_CODED = _CODING - {"extension"}
_NAMED = frozenset(("text", "prefix", "given", "family", "suffix", "use"))
_PLACED = frozenset(("text", "line", "postalCode", "city", "district", "state", "country", "use"))
_VALUED = frozenset(
    ("value", "unit", "units", "currency", "comparator", "system", "code", "use", "type", "rank")
)
_REPEATED = frozenset(("frequency", "frequencyMax", "period", "periodUnit", "periodUnits"))
# What stands beside a choice of types, and so says what the value is of.
_CHOICES: dict[str, _Renderer] = {"url": _extension, "code": _component, "name": _parameter}
_TYPES: tuple[_Type, ...] = (
    ("coding", None, ("coding", "text"), _concept),
    ("contentType", None, ("title", "contentType", "url", "data", "hash", "size", "language"), _attachment),
    ("family", None, _NAMED, _human_name),
    ("given", None, _NAMED, _human_name),
    ("line", None, _PLACED, _address),
    ("city", None, _PLACED, _address),
    ("postalCode", None, _PLACED, _address),
    ("numerator", None, ("numerator", "denominator"), _ratio),
    ("low", None, ("low", "high"), _range),
    ("high", None, ("low", "high"), _range),
    ("start", None, ("start", "end"), _period),
    ("end", None, ("start", "end"), _period),
    ("reference", None, ("reference", "display", "type"), _reference),
    ("answer", None, ("text", "answer", "linkId", "definition"), _answered),
    ("linkId", None, ("text", "linkId", "definition"), _text),
    ("repeat", None, ("code", "repeat"), _timing),
    ("periodUnit", None, _REPEATED, _repeat),
    ("periodUnits", None, _REPEATED, _repeat),
    ("div", None, ("div", "status"), _narrative),
    ("value", None, _VALUED, _valued),
    ("text", None, ("text", "use"), _text),
    ("display", _CODING, _CODED, _coding),
    ("code", _CODING, _CODED, _coding),
)
