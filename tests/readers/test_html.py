"""HTML: the text as a browser would parse it, tables with every value in its column, and nothing that runs."""

from __future__ import annotations

import pytest

from carefile.core.documents.extraction import Extraction, Heading, Status, Table, TextBlock
from lambdas.readers import Content
from lambdas.readers.formats.html.reader import READER
from lambdas.readers.reading import read_with
from lambdas.readers.source import Source
from tests.readers.schema import assert_is_fit


def read_html(body: str | bytes) -> Extraction:
    """In this process, which is quicker; what a process of its own adds is tested for all readers alike."""
    data = body if isinstance(body, bytes) else f"<!DOCTYPE html><html><body>{body}</body></html>".encode()
    source = Source(Content(data, len(data)), "x.bin", None)
    assert READER.recognises(source)
    extraction = read_with(READER, source)
    assert_is_fit(extraction)
    return extraction


def texts(extraction: Extraction) -> list[str]:
    return [block.text for block in extraction.content if isinstance(block, TextBlock)]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>one  two\n three<p>four", "one two three\n\nfour"),
        ("<b><p>mis</b>nested", "misnested"),
        ("one<br>two", "one\ntwo"),
        ("<ul><li>one<li>two</ul>after", "• one\n• two\n\nafter"),
        ("<pre>a   b\n  c</pre>", "a   b\n  c"),
        ("&lt;b&gt; &eacute; &#x1F600;", "<b> é \U0001f600"),
        ("a<script>alert('</scr'+'ipt>')</script><style>p{}</style><template>t</template>b", "ab"),
        ("a<!-- never --><iframe>never</iframe><object>never</object>b", "ab"),
        ("<p hidden>still read</p>", "still read"),
        ("<img src=x onerror=alert(1) alt='a scan'>", "a scan"),
        ("Name <input value=Ana> <input type=hidden value=t> <input type=checkbox checked> yes", "Name Ana [x] yes"),
        ("no<input value=typed><select><option>a<option selected>b</select>c<textarea>d</textarea>e",
         "no typed [ ] a [x] b c d e"),
        ("<a href='javascript:alert(1)'>link</a>", "link"),
        ("<noscript>without</noscript>", "without"),
    ],
)  # fmt: skip
def test_the_text_is_what_a_browser_would_show(body: str, text: str) -> None:
    assert texts(read_html(body)) == [text]


def test_headings_and_text_come_in_their_order() -> None:
    extraction = read_html("before<h1>A <i>title</i></h1>text<h3>Part</h3>more")
    assert extraction.content == (
        TextBlock("before"),
        Heading("A title", 1),
        TextBlock("text"),
        Heading("Part", 3),
        TextBlock("more"),
    )


def test_a_table_of_values_is_a_table() -> None:
    extraction = read_html(
        "<table><caption>Blood<tr><th>Test<th>Value<tr><td>Hb<td>13.9<tr><td>Na<td>140</table>"
    )
    assert extraction.content == (
        Table((("Hb", "13.9"), ("Na", "140")), header=("Test", "Value"), section="Blood"),
    )


def test_cells_that_span_leave_every_value_in_its_column() -> None:
    rows = "<tr><td rowspan=2>Hb<td>May<td>13<tr><td>June<td>14<tr><td colspan=2>mean<td>13.5"
    extraction = read_html(f"<table>{rows}</table>")
    assert extraction.content == (Table((("Hb", "May", "13"), ("", "June", "14"), ("mean", "", "13.5"))),)


@pytest.mark.parametrize("span", ["999999999999", "-1", "x", "0", "٣", "99999"])
def test_a_senseless_span_is_bounded(span: str) -> None:
    extraction = read_html(f"<table><tr><td colspan={span} rowspan={span}>a<td>b<tr><td>c</table>")
    assert any(
        "b" in row for block in extraction.content if isinstance(block, Table) for row in block.rows
    ) or ("columns" in {cut.what for cut in extraction.cuts})


def test_a_table_that_only_arranges_the_page_is_no_table() -> None:
    inner = "<table><tr><td>Hb<td>13.9</table>"
    extraction = read_html(f"<table><tr><td>Dear Ana,</td><td>{inner}</td></tr></table>")
    assert extraction.content == (TextBlock("Dear Ana,"), Table((("Hb", "13.9"),)))


def test_facts_and_language_are_told() -> None:
    head = "<title>A &amp; B</title><meta name=Author content='Dr. Ines'><meta name=viewport content=no>"
    extraction = read_html(f"<html lang=es-MX><head>{head}</head><body>x".encode())
    assert extraction.document.language == "es-MX"
    assert extraction.document.metadata == (("title", "A & B"), ("author", "Dr. Ines"))


@pytest.mark.parametrize("charset", ["iso-8859-15", "windows-1251", "shift_jis", "koi8-r"])
def test_the_encoding_that_it_declares_is_believed(charset: str) -> None:
    text = {"iso-8859-15": "10 €", "shift_jis": "患者"}.get(charset, "Пациент")
    extraction = read_html(f"<html><head><meta charset='{charset}'></head><body>{text}".encode(charset))
    assert texts(extraction) == [text]
    assert (extraction.document.encoding, extraction.warnings) == (charset, ())


@pytest.mark.parametrize(
    "charset", ["utf-7", "unicode_escape", "zlib", "idna", "no-such", "utf-16", "x" * 500]
)
def test_a_declared_encoding_that_browsers_do_not_know_is_not_believed(charset: str) -> None:
    extraction = read_html(f"<html><head><meta charset={charset}></head><body>Señora +ADw-".encode("cp1252"))
    assert texts(extraction) == ["Señora +ADw-"]
    assert extraction.document.encoding == "windows-1252"


@pytest.mark.timeout(20)
def test_deep_nesting_loses_nothing() -> None:
    extraction = read_html("<div>" * 20_000 + "deep" + "</div>" * 20_000 + "after")
    assert texts(extraction) == ["deep\n\nafter"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "body",
    ["<table><tr><td>" * 3000, "<b><p>" * 5000, "<a><i>" * 5000, "<li>" * 50_000, "<h1>" * 20_000, "<svg><p>" * 3000],
    ids=lambda body: body[:8],
)  # fmt: skip
def test_markup_without_end_is_read_in_bounded_time(body: str) -> None:
    assert read_html(body + "x").status in Status


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        ("<p>Take <del>50 mg</del> 5 mg", "Take [deleted: 50 mg] 5 mg"),
        ("<p>Take <s>50 <b>mg</b></s> 5 mg", "Take [struck out: 50 mg] 5 mg"),
        ("<p>Take <strike>50 mg</strike> 5 mg", "Take [struck out: 50 mg] 5 mg"),
        (
            "<p>Take <span style='color:red; text-decoration: line-through'>50 mg</span> 5 mg",
            "Take [struck out: 50 mg] 5 mg",
        ),
        ("<del><p>one<p>two</del>", "[deleted: one]\n\n[deleted: two]"),
        ("<del><pre>one</pre></del>", "[deleted: one]"),
        ("<select><option>yes<option selected>no</select>", "[ ] yes [x] no"),
    ],
)
def test_what_was_taken_back_is_marked_and_what_was_chosen(markup: str, shown: str) -> None:
    assert texts(read_html(f"<!doctype html>{markup}".encode())) == [shown]


def test_rows_and_headings_that_were_taken_back_are_marked() -> None:
    table = "<tr><td>Hb<td>13<tr style='text-decoration:line-through'><td>Na<td>125"
    extraction = read_html(f"<!doctype html><del><h2>Old</h2></del><table>{table}</table>".encode())
    heading, shown = extraction.content
    assert heading.text == "[deleted: Old]"
    assert shown.rows == (("Hb", "13"), ("[struck out: Na]", "[struck out: 125]"))
