"""CDA's data types as a person reads them: instance identifiers, names, addresses, times, concepts."""

from __future__ import annotations

from lambdas.readers.formats.xml.narrative import text_in
from lambdas.readers.formats.xml.tree import Element
from lambdas.readers.hl7_values import joined, moment

_NAME_PARTS = ("prefix", "given", "family", "suffix")
_ADDRESS_PARTS = ("streetAddressLine", "city", "state", "postalCode", "country")


def rendered(element: Element, *path: str) -> str:
    """The values at this path, by the type that each of them shows."""
    return joined(dict.fromkeys(_value(found) for found in element.all(*path)), "; ")


def _value(element: Element) -> str:
    names = {child.name for child in element.elements}
    if names & set(_NAME_PARTS):
        return joined(text_in(part) for part in element.elements if part.name in _NAME_PARTS)
    if names & set(_ADDRESS_PARTS):
        return joined((text_in(part) for part in element.elements if part.name in _ADDRESS_PARTS), ", ")
    if names & {"low", "high"}:
        low, high = (rendered(element, name) for name in ("low", "high"))
        return (
            f"{low} – {high}" if low and high else f"from {low}" if low else f"until {high}" if high else ""
        )
    if element.get("nullFlavor"):
        return text_in(element)
    if element.get("root") or element.get("extension"):
        return joined((element.get("extension"), f"({element.get('root')})" if element.get("root") else ""))
    if value := element.get("value"):
        plain = value.removeprefix("tel:").removeprefix("mailto:")
        return joined((moment(plain), element.get("unit")))
    return _original(element) or element.get("displayName") or text_in(element) or element.get("code")


def _original(element: Element) -> str:
    original = element.one("originalText")
    return text_in(original) if original else ""
