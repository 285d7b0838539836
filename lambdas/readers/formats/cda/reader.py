"""CDA documents, C-CDA among them: the header as records, the narrative of each section in order, tables as tables.

What a section has as coded entries only is not shown: the narrative is what its author signed.
"""

from __future__ import annotations

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.cda.header import describe_header
from lambdas.readers.formats.cda.values import rendered
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.formats.xml.narrative import blocks_of
from lambdas.readers.formats.xml.tree import Element, XmlRefusedError, parse_xml
from lambdas.readers.media_types import detect_markup
from lambdas.readers.source import Source


def _recognises(source: Source) -> bool:
    if source.decoded is None:
        return False
    markup = (detect_markup(source) or ("",))[0]
    return markup == "cda" or (markup == "xml" and "ClinicalDocument" in source.text_head)


def _read(source: Source, draft: Draft) -> None:
    try:
        document = parse_xml(source.text)
    except XmlRefusedError:
        raise NotThisFormatError from None  # the reader of XML says what there is to say
    if document is None or document.root.name != "ClinicalDocument":
        raise NotThisFormatError
    note_text_facts(source, draft)
    if not document.is_whole:
        draft.candidates_complete = False
        if not source.text_is_cut:
            draft.reason = Reason.DAMAGED
            draft.warn("damaged", "The document is damaged. It is read up to where that begins.")
    describe_header(document.root, draft)
    for section in document.root.all("component", "structuredBody", "component", "section"):
        _describe_section(section, 1, draft)
    for body in document.root.all("component", "nonXMLBody", "text"):
        _describe_attached(body, draft)


def _describe_section(section: Element, level: int, draft: Draft) -> None:
    title = rendered(section, "title") or rendered(section, "code") or "Section"
    draft.heading(title, level)
    narrative = section.one("text")
    if narrative is not None:
        for block in blocks_of(narrative):
            if isinstance(block, str):
                draft.text(block, section=title)
            else:
                draft.table(block.rows, block.header, section=title)
    elif section.one("entry"):
        draft.warn("no-narrative", "A section has coded entries only. They are not shown.")
    for nested in section.all("component", "section"):
        _describe_section(nested, level + 1, draft)


def _describe_attached(body: Element, draft: Draft) -> None:
    """A document that is only an envelope: a text is shown, anything else is named."""
    type_ = body.get("mediaType")
    if body.get("representation") != "B64" and type_.startswith("text/"):
        draft.text(body.text)
        return
    draft.entity("Attachment", "component/nonXMLBody/text", [("type", type_ or "unknown")])
    draft.warn("attachment", "The document holds an attachment that is not read.")


READER = Reader("cda", "application/hl7-cda+xml", _recognises, _read)
