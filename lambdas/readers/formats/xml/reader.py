"""XML of any other kind: what stands in it as facts, each with its path; FHIR's XML as the FHIR that it is.

What is not parsed, because it declares entities or is too deep, is shown as the text that it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.cda.header import describe_patients as describe_patients_of_cda
from lambdas.readers.formats.fhir.reader import describe_fhir
from lambdas.readers.formats.json.patients import describe_patients
from lambdas.readers.formats.json.values import Object, Value
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.formats.xml.tree import Element, XmlDocument, XmlRefusedError, as_markup, parse_xml
from lambdas.readers.limits import MAX_PLACE
from lambdas.readers.media_types import detect_markup
from lambdas.readers.source import Source

_FHIR = "http://hl7.org/fhir"
_RESOURCE = re.compile(r"[A-Z][A-Za-z]{2,63}")


def _recognises(source: Source) -> bool:
    return source.decoded is not None and (detect_markup(source) or ("",))[0] in ("xml", "cda")


def _read(source: Source, draft: Draft) -> None:
    try:
        document = parse_xml(source.text)
    except XmlRefusedError:
        _show_as_text(
            source, draft, Reason.TOO_COMPLEX, "The document declares entities, or is too large or too deep."
        )
        return
    if document is None:
        _show_as_text(source, draft, Reason.DAMAGED, "The document looks like XML but is not.")
        return
    note_text_facts(source, draft)
    if not document.is_whole:
        draft.candidates_complete = False
        if not source.text_is_cut:
            draft.reason = Reason.DAMAGED
            draft.warn("damaged", "The document is damaged. It is read up to where that begins.")
    if _is_fhir(document.root):
        _describe_fhir(document, draft)
        return
    _describe_held(document.root, draft)
    draft.fact("root element", document.root.name)
    draft.table(_facts(document.root), ("Field", "Value"))


def _show_as_text(source: Source, draft: Draft, reason: Reason, message: str) -> None:
    note_text_facts(source, draft)
    draft.reason = reason
    draft.candidates_complete = False
    draft.warn("shown-as-text", f"{message} It is shown as text.")
    draft.text(source.text)


def _facts(element: Element, path: str = "") -> Iterator[tuple[str, str]]:
    """Attributes and texts, each with its path; of equal neighbours the number."""
    for name, value in element.attributes.items():
        if value.strip() and not name.startswith("xmlns"):
            yield f"{path}@{name}"[: MAX_PLACE + 1], value
    own = " ".join("".join(child if isinstance(child, str) else "\n" for child in element.children).split())
    if own:
        yield path or element.name, own
    totals, counts = Counter(child.name for child in element.elements), Counter[str]()
    for child in element.elements:
        counts[child.name] += 1
        number = f"[{counts[child.name]}]" if totals[child.name] > 1 else ""
        yield from _facts(child, f"{path}{'.' if path else ''}{child.name}{number}"[: MAX_PLACE + 1])


def _is_fhir(element: Element) -> bool:
    return element.namespace == _FHIR and _RESOURCE.fullmatch(element.local_name) is not None


def _describe_fhir(document: XmlDocument, draft: Draft) -> None:
    draft.format, draft.media_type = "fhir", "application/fhir+xml"
    value = _as_json(document.root)
    describe_fhir([("", value)], draft)


def _describe_held(root: Element, draft: Draft) -> None:
    """Whose the clinical documents are that stand somewhere inside. They may contradict, and decide nothing."""
    held: list[tuple[str, Value]] = []
    number = 0
    waiting = [root]
    while waiting:
        element = waiting.pop()
        is_cda = element.local_name == "ClinicalDocument"
        if not is_cda and not _is_fhir(element):
            waiting += reversed(list(element.elements))
            continue
        number += 1
        place = f"document {number}: "
        if is_cda:
            describe_patients_of_cda(element, draft, place, is_wrapped=True)
        else:
            held.append((place, _as_json(element)))
    describe_patients(held, draft)
    if number:
        draft.doubt("wrapped", "The document holds others. Whose they are does not decide whose this is.")


def _as_json(element: Element) -> Value:
    """The element as FHIR's JSON has it, but that a list of one is that one."""
    if element.local_name == "div":
        return as_markup(element)
    children = list(element.elements)
    if not children and "value" in element.attributes:
        return element.get("value")
    if len(children) == 1 and _RESOURCE.fullmatch(children[0].local_name):
        return _as_json(children[0])
    members: dict[str, list[Value]] = {}
    if _RESOURCE.fullmatch(element.local_name):
        members["resourceType"] = [element.local_name]
    for name, text in element.attributes.items():
        if not name.startswith("xmlns"):
            members.setdefault(name, []).append(text)
    for child in children:
        members.setdefault(child.local_name, []).append(_as_json(child))
    return Object([(name, values[0] if len(values) == 1 else values) for name, values in members.items()])


READER = Reader("xml", "application/xml", _recognises, _read)
