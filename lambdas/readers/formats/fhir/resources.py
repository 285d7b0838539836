"""FHIR resources as records: what a person looks for first, what changes its meaning next, and then all the rest."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from lambdas.readers.draft import Draft
from lambdas.readers.formats.fhir.members import COLUMNS, is_called, modifiers
from lambdas.readers.formats.fhir.narrative import narrative_blocks
from lambdas.readers.formats.fhir.values import each, first, in_words, named, rendered, rendered_members, word
from lambdas.readers.formats.json.values import Object, Value
from lambdas.readers.formats.xml.narrative import Rows
from lambdas.readers.limits import MAX_ATTRIBUTES, MAX_TEXT

_MECHANICS = frozenset(("resourceType", "id", "meta", "text", "contained", "language", "fhir_comments"))
_EXTENSIONS = ("extension", "modifierExtension")
_TEXTS = ("text/plain", "text/html", "application/xhtml")
_WORDS = re.compile(r"\w+")
_SECTION = ("title", "text", "section", "id")
# Of a resource that is a form round others, and what of it is no mechanics of the exchange.
_WRAPPED = {
    "Binary": frozenset(("data", "content")),
    "Bundle": frozenset(("entry", "link", "total", "type", "timestamp", "identifier", "signature")),
}


def describe_resource(resource: Object, place: str, draft: Draft) -> None:
    """The resource as a record, and the texts that it holds."""
    type_ = word(resource, "resourceType")
    if type_ is None:
        _describe_request(resource, place, draft)
        return
    pairs = list(islice(_pairs(resource, type_), MAX_ATTRIBUTES + 1))
    if pairs or type_ not in ("Bundle", "Parameters"):
        draft.entity(type_, place.rstrip(": ") or "/", pairs)
    if word(resource, "implicitRules"):
        draft.warn("implicit-rules", "A record follows rules of its sender's that are not known here.")
    _describe_narrative(resource, type_, pairs, draft)
    if type_ == "Composition":
        _describe_sections(resource, 1, draft)


def _pairs(resource: Object, type_: str) -> Iterator[tuple[str, str]]:
    members = list(_shown_members(resource, type_))
    rest = dict(enumerate(members))
    for label, patterns in COLUMNS.get(type_, ()):
        for pattern in patterns.split():
            texts = [
                (at, text)
                for at, (name, member) in rest.items()
                if is_called(name, pattern) and (text := rendered(member))
            ]
            if texts:
                break
        for at, text in texts:
            del rest[at]
            yield label, text
    changing = modifiers(type_)
    order = sorted(rest, key=lambda at: not any(is_called(rest[at][0], pattern) for pattern in changing))
    for at in order:
        name, member = rest[at]
        if name in _EXTENSIONS:
            yield from _extensions(name, member)
        elif text := rendered(member):
            yield in_words(name), text


def _shown_members(resource: Object, type_: str) -> Iterator[tuple[str, Value]]:
    hidden = _MECHANICS | _WRAPPED.get(type_, frozenset())
    for name, member in resource.members:
        if type_ == "Parameters" and isinstance(
            member, list
        ):  # those that hold a resource are records of their own
            yield name, [one for one in member if first(one, "resource") is None]
        elif name not in hidden and not (type_ == "Composition" and name == "section"):
            yield name, member
        elif name == "meta":
            yield from (pair for pair in _members(member) if pair[0] in ("security", "tag"))


def _members(value: Value) -> Iterable[tuple[str, Value]]:
    return value.members if isinstance(value, Object) else ()


def _extensions(name: str, member: Value) -> Iterator[tuple[str, str]]:
    """Each by its own name."""
    for extension in member if isinstance(member, list) else [member]:
        label, _, text = rendered(extension).partition(": ")
        if label or text:
            said = label if text else "extension"
            yield (f"modifier: {said}" if name == "modifierExtension" else said), text or label


def _describe_request(entry: Object, place: str, draft: Draft) -> None:
    """An entry of a bundle that does not hold a resource but has one deleted."""
    request = first(entry, "request")
    if (word(request, "method") or "").upper() == "DELETE":
        draft.entity("Deletion", place, [("what", rendered_members(request, "url"))])


def _describe_narrative(resource: Object, type_: str, pairs: list[tuple[str, str]], draft: Draft) -> None:
    """The text that the resource has for people, where it says more than its record does."""
    div = word(first(resource, "text"), "div")
    if div is None:
        return
    blocks = list(narrative_blocks(div))
    texts = [text for block in blocks for text in ([block] if isinstance(block, str) else block.cells)]
    said = _words([type_, in_words(type_), *(text for pair in pairs for text in pair)])
    if not _words(texts) <= said:
        _describe_blocks(blocks, type_, draft)


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORDS.findall(text.casefold())}


def _describe_blocks(blocks: Iterable[str | Rows], section: str, draft: Draft) -> None:
    for block in blocks:
        if isinstance(block, str):
            draft.text(block, section=section)
        else:
            draft.table(block.rows, block.header, section=section)


def _describe_sections(owner: Value, level: int, draft: Draft) -> None:
    for _, section in each(owner, "section"):
        title = rendered_members(section, "title") or rendered_members(section, "code") or "Section"
        draft.heading(title, level)
        _describe_blocks(narrative_blocks(word(first(section, "text"), "div") or ""), title, draft)
        rest = [(name, member) for name, member in _members(section) if name not in _SECTION]
        draft.text(
            "\n".join(filter(None, (named(*pair) for pair in rest if pair[0] != "code"))), section=title
        )
        _describe_sections(section, level + 1, draft)


def describe_attachment(attachment: Object, type_: str, draft: Draft) -> None:
    """Show a text that the document itself holds; of anything else, name the type only."""
    data = word(attachment, "data") or (word(attachment, "content") if type_ == "Binary" else None)
    if data is None:
        return
    content_type = (word(attachment, "contentType") or "").lower()
    try:
        if not content_type.startswith(_TEXTS):
            raise ValueError
        text = base64.b64decode(data[: 4 * MAX_TEXT], validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        draft.warn("attachment", "The document holds an attachment that is not read.")
        return
    section = rendered_members(attachment, "title") or type_
    if content_type.startswith("text/plain"):
        draft.text(text, section=section)
    else:
        _describe_blocks(narrative_blocks(text), section, draft)
