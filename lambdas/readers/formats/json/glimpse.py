"""Whose a text is that was meant as JSON and is not parsed: too large, cut or damaged.

Its beginning is read as far as it is whole and within our limits; from what follows, plain fields and FHIR patients
are picked out where they stand. How those belong together is not known. All may contradict, and never decide.
"""

from __future__ import annotations

import json
import re

from carefile.core.deciding.patient_fields import LONGEST_NAME
from carefile.core.documents.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.formats.fhir.patient import PERHAPS_PATIENTS, describe_resources
from lambdas.readers.formats.json.objects import Found
from lambdas.readers.formats.json.patients import describe_patients
from lambdas.readers.formats.json.values import Number, Object, parse_beginning

_FIELD = re.compile(
    rf'"([^"\\]{{1,{LONGEST_NAME}}})"\s*+:\s*+("(?:[^"\\]|\\.){{0,300}}+"|-?\d[\d.eE+-]{{0,300}}+(?=[\s,\]}}]))',
    re.DOTALL,
)
_HOLDER = re.compile(
    rf'(?:"({"|".join(sorted(PERHAPS_PATIENTS))})"\s*+:\s*+(?:\[\s*+)?+(?=\{{)|(?=\{{\s*+"resourceType"\s*+:\s*+"Patient"))'
)
_MOST_HOLDERS = 20_000
_DECODER = json.JSONDecoder(object_pairs_hook=Object, parse_int=Number, parse_float=Number, strict=False)


def glimpse_patients(text: str, draft: Draft) -> None:
    """Report whom the text seems to name. The content decides nothing."""
    draft.candidates_complete = False
    beginning, end = parse_beginning(text)
    describe_patients([("", beginning)], draft)
    _pick(text, end, draft)


def _pick(text: str, start: int, draft: Draft) -> None:
    seen: set[tuple[str, str]] = set()
    for match in _FIELD.finditer(text, start):
        field, written = match.groups()
        rank = draft.fields.rank(field)
        if rank is None or (field, written) in seen:
            continue
        seen.add((field, written))
        if draft.names_too_many:
            return
        where = f"character {match.start()}: {field}"
        value = json.loads(written, strict=False) if written.startswith('"') else written
        # One scope for all: beside ids of the first field, those of others may be further names of the same patients.
        candidate = PatientCandidate(value.strip(), where, None, rank, "text")
        draft.candidate(candidate, is_doubtful=True)
    describe_resources(_holders(text, start), draft)


def _holders(text: str, begin: int) -> list[Found]:
    """The objects that are patients, or name one, each once, in no more than two passes."""
    found: dict[tuple[str, str], Found] = {}
    left = 2 * (len(text) - begin)
    for match in _HOLDER.finditer(text, begin):
        start = match.end()
        try:
            item, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            left -= len(text) - start
        else:
            left -= end - start
            if isinstance(item, Object):
                name = match[1] or ""
                found.setdefault((name, text[start:end]), Found(f"character {start}: ", name, item, True))
        if left < 0 or len(found) >= _MOST_HOLDERS:
            break
    return list(found.values())
