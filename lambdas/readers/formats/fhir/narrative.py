"""FHIR's narrative, XHTML in a text, as blocks. What is no XML, as HTML need not be, gives its words without tags."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from lambdas.readers.formats.xml.narrative import Rows, blocks_of, text_in
from lambdas.readers.formats.xml.tree import Element, XmlRefusedError, parse_xml

_ENTITY = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z][A-Za-z0-9]{1,31};"
)  # HTML's, which XML does not know
_TAG = re.compile(r"<[^<>]{0,10000}>")


def narrative_blocks(div: str) -> Iterator[str | Rows]:
    parsed = _parsed(div)
    return iter([parsed]) if isinstance(parsed, str) else blocks_of(parsed)


def text_of(div: str) -> str:
    parsed = _parsed(div)
    return parsed if isinstance(parsed, str) else text_in(parsed)


def _parsed(div: str) -> Element | str:
    if not div.lstrip().startswith("<"):
        return div
    try:
        document = parse_xml(_ENTITY.sub(lambda match: html.unescape(match[0]), div))
    except XmlRefusedError:
        document = None
    if document is not None and document.is_whole:
        return document.root
    return html.unescape(_TAG.sub(" ", div)).strip()
