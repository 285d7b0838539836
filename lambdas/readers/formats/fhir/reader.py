"""FHIR in JSON and in JSON lines: every resource as a record, wherever it stands, and whose it is.

A document is FHIR if it, or each of its first lines, is an object with a `resourceType`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.fhir.labels import label_references
from lambdas.readers.formats.fhir.resources import describe_attachment, describe_resource
from lambdas.readers.formats.fhir.values import each, first, word
from lambdas.readers.formats.json.objects import Found, objects
from lambdas.readers.formats.json.patients import describe_patients
from lambdas.readers.formats.json.reader import note_lines
from lambdas.readers.formats.json.values import Object, Value, is_too_complex, parse, parse_lines
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.source import Source

_TYPE = re.compile(r"[A-Z][A-Za-z]{2,63}")
_FACTS = (("type", "type"), ("timestamp", "created"), ("title", "title"), ("date", "created"))


def _recognises(source: Source) -> bool:
    return source.text_head.startswith(("{", "[")) and '"resourceType"' in source.text_head


def _read(source: Source, draft: Draft) -> None:
    try:
        values = _lines(source, draft) if is_too_complex(source.text) else [("", parse(source.text))]
    except ValueError:
        values = _lines(source, draft)
    if not values or not all(map(_is_fhir, (value for _, value in values[:3]))):
        raise NotThisFormatError  # the reader of JSON says what there is to say
    note_text_facts(source, draft)
    describe_fhir(values, draft)


def describe_fhir(values: list[tuple[str, Value]], draft: Draft) -> None:
    """Resources, each with its place, and what they hold."""
    if len(values) == 1 and isinstance(values[0][1], Object):
        _describe_document(values[0][1], draft)
    label_references(_objects(values), _objects(values))
    type_ = ""
    for found in _objects(values):
        type_ = word(found.item, "resourceType") or type_
        describe_resource(found.item, found.place, draft)
        if first(found.item, "contentType") is not None:
            describe_attachment(found.item, type_, draft)
    describe_patients(values, draft)


def _objects(values: list[tuple[str, Value]]) -> Iterator[Found]:
    return chain.from_iterable(objects(value, place) for place, value in values)


def _describe_document(resource: Object, draft: Draft) -> None:
    draft.fact("resource", word(resource, "resourceType") or "")
    for member, name in _FACTS:
        if text := word(resource, member):
            draft.fact(name, text)
    if word(resource, "type") == "document":  # which a composition begins
        _, entry = next(each(resource, "entry"), ("", None))
        draft.fact("title", word(first(entry, "resource"), "title") or "")
    draft.language = draft.language or (word(resource, "language") or "")[:40] or None


def _lines(source: Source, draft: Draft) -> list[tuple[str, Value]]:
    lines = parse_lines(source.text, last_is_cut=source.text_is_cut)
    if lines is None:
        return []
    draft.format, draft.media_type = "fhir-ndjson", "application/fhir+ndjson"
    note_lines(lines, source, draft)
    return [(f"line {number}: ", value) for number, value in lines.values]


def _is_fhir(value: Value) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, Object) and _is_fhir(item) for item in value)
    return _TYPE.fullmatch(word(value, "resourceType") or "") is not None


READER = Reader("fhir", "application/fhir+json", _recognises, _read)
