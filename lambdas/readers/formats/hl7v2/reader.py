"""HL7 v2: one message or a batch of them, each segment as a record, and whose it is by PID-3.

After the records of each message stand all of its fields as they are, so that nothing is lost that no record has.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from carefile.core.documents.extraction import PatientCandidate
from carefile.core.documents.vocabulary import RAW
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.hl7v2.segments import RECORDS, VALUES, as_it_holds, coded, in_full, rendered
from lambdas.readers.formats.hl7v2.syntax import START, Message, Segment, messages_of
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.hl7_values import kind_of, moment, rank_of, ranked
from lambdas.readers.limits import MAX_SEGMENTS, MAX_TEXT
from lambdas.readers.source import Source

_TEXTS = ("TX", "FT")
_ATTACHMENTS = ("ED", "RP")


def _recognises(source: Source) -> bool:
    return source.decoded is not None and START.match(source.text_head) is not None


def _read(source: Source, draft: Draft) -> None:
    messages, are_all = messages_of(source.text, MAX_SEGMENTS)
    if not messages:
        raise NotThisFormatError
    note_text_facts(source, draft)
    _note_character_sets(messages, source, draft)
    if not are_all:
        draft.cut("segments", "The file has more segments than are read.", MAX_SEGMENTS)
    if not are_all or source.text_is_cut or _ends_in_an_identifier(messages, source.text):
        draft.candidates_complete = False
    speak_of_patients = {any(segment.name == "PID" for segment in message) for message in messages}
    if len(speak_of_patients) > 1:
        draft.doubt("unnamed-patient", "A message in this file does not say whose it is.")
    _describe_facts(messages, draft)
    for number, message in enumerate(messages, 1):
        place = f"message {number}: " if len(messages) > 1 else ""
        _describe_patients(message, place, draft)
        _describe_records(message, place, draft)
        if draft.is_full:
            draft.text("-")  # one character too many: the draft says what it leaves out
        else:
            _describe_fields(message, place, draft)


def _note_character_sets(messages: list[Message], source: Source, draft: Draft) -> None:
    """Say so where letters may be wrong: the sets are several, or none that is known."""
    if source.text.isascii():
        return
    declared = {(message[0].raw(18), message[0].encoding) for message in messages}
    if any(name and not encoding for name, encoding in declared):
        draft.warn(
            "character-set", "A message declares a character set that is not known. Letters may be wrong."
        )
    elif len({encoding for _, encoding in declared}) > 1:
        draft.warn("character-sets", "The messages declare several character sets. Letters may be wrong.")


def _ends_in_an_identifier(messages: list[Message], text: str) -> bool:
    """Whether the file ends within PID-3. It may have been cut there, and half a number is another patient's."""
    last = messages[-1][-1]
    return last.name == "PID" and len(last.fields) <= 4 and not text.endswith(("\r", "\n", "\x1c"))


def _describe_facts(messages: list[Message], draft: Draft) -> None:
    header = messages[0][0]
    if len(messages) > 1:
        draft.fact("messages", f"{len(messages):,}")
    draft.fact("version", in_full(header, header.raw(12)))
    draft.fact("created", moment(header.raw(7)))
    draft.fact("character set", header.raw(18))


def _describe_patients(message: Message, place: str, draft: Draft) -> None:
    for number, segment in enumerate((s for s in message if s.name == "PID"), 1):
        if draft.names_too_many:
            break
        scope = f"{place}PID[{number}]"
        named = ranked(_identifiers(segment, scope))
        for candidate in named:
            draft.candidate(candidate)
        if not named:
            draft.candidates_complete = False
            draft.warn("unnamed-patient", "A patient in this document carries no identifier.")


def _identifiers(segment: Segment, scope: str) -> Iterator[PatientCandidate]:
    for repetition, identifier in enumerate(segment.repetitions(3), 1):
        value, _, _, _, type_, *_ = [*segment.components(identifier), "", "", "", "", ""]
        if value := value.strip():
            kind, system = kind_of(type_), _authority(segment, identifier)
            where = f"{scope}-3[{repetition}]"
            yield PatientCandidate(value, where, system, rank_of(kind, system=system), scope, kind)


def _authority(segment: Segment, identifier: str) -> str | None:
    """Who gave the number: the authority's universal id, else the name it goes by."""
    namespace, universal, *_ = [*segment.subcomponents(identifier, 4), "", ""]
    return universal or namespace or None


def _describe_records(message: Message, place: str, draft: Draft) -> None:
    """Each segment as a record. Long texts stand with the text, notes with what they are on."""
    report = ""
    entity: tuple[str, str, list[tuple[str, str]]] | None = None
    notes: list[str] = []
    text: tuple[str, list[str]] | None = None

    def flush() -> None:
        nonlocal entity, text
        if entity:
            type_, where, pairs = entity
            draft.entity(type_, where, [*pairs, ("note", "\n".join(notes))] if notes else pairs)
            notes.clear()
        if text:
            draft.text("\n".join(text[1]), section=text[0])
        entity = text = None

    for number, segment in enumerate(message, 1):
        record = RECORDS.get(segment.name)
        kind = segment.raw(2)
        if segment.name == "NTE":
            note = rendered(segment, 3, in_full, MAX_TEXT)
            if entity:
                notes.append(note)
            elif text:
                text[1].append(note)
            else:
                draft.text(note, section="Note")
        elif segment.name == "OBX" and kind in _TEXTS:
            section = rendered(segment, 3, coded) or report
            if text is None or text[0] != section:
                flush()
                text = (section, [])
            parts = islice(segment.repetitions(5), MAX_TEXT + 1)  # none of which is empty
            text[1].extend(as_it_holds(segment, map(segment.text, parts)))
        elif record is not None:
            flush()
            if segment.name == "OBR":
                report = rendered(segment, 4, coded)
            pairs = _with_value(segment, kind, record.pairs(segment), draft)
            entity = (record.type, f"{place}{segment.name} ({number})", pairs)
    flush()


def _with_value(
    segment: Segment, kind: str, pairs: Iterator[tuple[str, str]], draft: Draft
) -> list[tuple[str, str]]:
    if segment.name != "OBX":
        return list(pairs)
    if kind in _ATTACHMENTS:
        draft.warn("attachment", "The document holds an attachment that is not read.")
        return [pair for pair in pairs if pair[0] != "value"]
    return [
        (name, rendered(segment, 5, VALUES.get(kind, in_full)) if name == "value" else text)
        for name, text in pairs
    ]


def _describe_fields(message: Message, place: str, draft: Draft) -> None:
    section = f"{place}all fields".capitalize()
    draft.table(_fields(message), RAW, section=section)


def _fields(message: Message) -> Iterator[tuple[str, str, str]]:
    for segment in message:
        is_attachment = segment.name == "OBX" and segment.raw(2) in _ATTACHMENTS
        for number in range(1, len(segment.fields)):
            if segment.name == "MSH" and number <= 2:
                content = segment.raw(number)
            elif is_attachment and number == 5:
                content = "(attachment)"
            else:
                content = rendered(segment, number, in_full)
            if content:
                yield segment.name, f"{segment.name}-{number}", content


READER = Reader("hl7v2", "application/hl7-v2", _recognises, _read)
