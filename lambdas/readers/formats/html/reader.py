"""HTML: headings, text, lists and tables, through lexbor, which parses as browsers do. Scripts and styles never.

Hidden text is read too: what a browser would not show may still name somebody. Addresses of links are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.flow import Flow
from lambdas.readers.formats.html.depth import end_of_what_is_parsed
from lambdas.readers.formats.html.table import table_of
from lambdas.readers.formats.html.tree import BLOCKS, NEVER, Walk, Words, attribute, own_text, text_in, tidy
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.marks import marked
from lambdas.readers.media_types import detect
from lambdas.readers.source import Source

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_FACTS = {"author": "author", "description": "subject", "keywords": "keywords", "generator": "software"}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")


def _recognises(source: Source) -> bool:
    return source.decoded is not None and detect(source)[0] == "html"


def _read(source: Source, draft: Draft) -> None:
    note_text_facts(source, draft)
    describe_html(source.text, draft)


def describe_html(text: str, draft: Draft, *, is_part: bool = False) -> None:
    """What an HTML text says. Of one that is part of another document, the content only."""
    from selectolax.lexbor import LexborHTMLParser

    end = end_of_what_is_parsed(text)
    if end < len(text):
        draft.candidates_complete = False
        draft.cut("characters", "The document is nested too deep to be read to its end.", end, len(text))
    tree = LexborHTMLParser(text[:end])
    if not is_part:
        _describe_facts(tree, draft)
    if tree.body is not None:
        _describe_content(tree.body, Flow(draft))


def _describe_facts(tree: LexborHTMLParser, draft: Draft) -> None:
    language = attribute(tree.root, "lang") if tree.root is not None else ""
    if _LANGUAGE.fullmatch(language):
        draft.language = language
    title = tree.css_first("head > title")
    if title is not None:
        draft.fact("title", tidy(text_in(title)))
    for meta in tree.css("head > meta"):
        name = attribute(meta, "name").lower()
        if name in _FACTS:
            draft.fact(_FACTS[name], attribute(meta, "content"))


def _describe_content(body: LexborNode, flow: Flow) -> None:
    words = Words()

    def end_paragraph(*, is_item: bool = False) -> None:
        flow.paragraph(tidy(words.take()), is_item=is_item)

    walk = Walk(body)
    for node, begins in walk:
        if flow.is_full:
            break
        words.follow(node, begins)
        tag = node.tag
        if tag in BLOCKS:
            end_paragraph(is_item=tag == "li" and not begins)
        if not begins:
            continue
        if tag in _HEADINGS:
            flow.heading(marked(tidy(text_in(node)), words.mark_around(node)), _HEADINGS[tag])
            walk.skip()
        elif tag == "table":
            table = table_of(node, words.mark_around(node))
            if table is not None:
                flow.table(table.rows, table.header, table.caption)
                walk.skip()
        elif tag == "pre":
            flow.paragraph(marked(text_in(node, keep_space=True).strip("\n"), words.mark_around(node)))
            walk.skip()
        elif tag in NEVER:
            walk.skip()
        else:
            words.add(own_text(node))
    end_paragraph()
    flow.end()


READER = Reader("html", "text/html", _recognises, _read, isolated=True)
