"""`result.html`: everything that was read stands in it, and nothing in it can run."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carefile.core.documents.extraction import (
    REPLACEMENT,
    Cut,
    DocumentFacts,
    Entity,
    Extraction,
    Heading,
    ReadingWarning,
    Status,
    Table,
    TextBlock,
    clean,
)
from carefile.core.documents.picture import Picture
from carefile.core.model import Evidence, EvidenceSource, Patient, UnknownReason
from carefile.page.evidence import why_unknown
from carefile.page.render import PageHeader, render
from lambdas.readers import Content, read
from tests.readers.golden_files import documents, read_file
from tests.readers.here import read_here

HEADER = PageHeader(
    "lab_report", "document", "Juan_Perez_123", "2024-10-28T14:30:22+00:00", "s3://landing/a/b.pdf", "v1"
)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{background:url(//evil.example)}</style>",
    "</div></main><iframe src=javascript:alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<meta http-equiv=refresh content='0;url=data:text/html,x'>",
    "{{ 7*7 }}{% raw %}<!-- --><![CDATA[<svg onload=alert(1)>]]>",
    "</title><base href=//evil.example>",
    "&lt;script&gt;&#60;b&#62;",
)
# fmt: off
ELEMENTS = frozenset(
    (
        "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section",
        "aside", "p", "h1", "h2", "h3", "h4", "h5", "h6", "dl", "div", "dt", "dd", "bdi", "time",
        "figure", "img", "figcaption", "details", "summary", "a",
        "ul", "li", "span", "table", "caption", "thead", "tbody", "tr", "th", "td",
    )
)
ATTRIBUTES = frozenset(
    (
        "lang", "charset", "http-equiv", "content", "name", "class", "dir", "datetime", "id",
        "aria-labelledby", "aria-label", "role", "tabindex", "scope", "src", "width", "height", "alt", "href", "rel",
        "data-words",
    )
)
# fmt: on
VOID = {"meta", "img"}
PIXEL = Picture(b"\xff\xd8\xff", "image/jpeg", 30, 20, "The first page")


class Page(HTMLParser):
    """What a browser's parser would make of it: elements, attributes, texts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("the page has no comments")


def assert_nothing_can_run(html: str) -> Page:
    page = Page(html)
    assert not page.open
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert {name for _, attributes in page.elements for name in attributes} <= ATTRIBUTES
    assert [tag for tag, _ in page.elements].count("style") == 1
    policies = [attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes]
    assert len(policies) == 1
    sources = [attributes["src"] or "" for _, attributes in page.elements if "src" in attributes]
    assert all(source.startswith("data:image/jpeg;base64,/9j/") for source in sources)
    assert ("img-src" in (policies[0] or "")) == bool(sources)
    links = [attributes["href"] or "" for _, attributes in page.elements if "href" in attributes]
    assert all(re.fullmatch(r"\./[A-Za-z0-9._~%/-]+", link) for link in links)
    return page


def page_with(text: str) -> Extraction:
    """An extraction that holds the text in every field that holds text."""
    return Extraction(
        document=DocumentFacts(text, 1, 1, text, text, text, text, text, pages=2, metadata=((text, text),)),
        status=Status.PARTLY_READ,
        reason=text,
        content=(
            Heading(text, 1, section=text),
            TextBlock(text, page=1, section=text),
            Table(((text, text), (text,)), header=(text, text), page=2, section=text),
            Table(((text, text),), header=("Field", "Value"), section=text),
        ),
        entities=(Entity(text, text, ((text, text),)),),
        warnings=(ReadingWarning(text, text, text),),
        cuts=(Cut(text, text, 1, 2),),
    )


def shown(text: str) -> str:
    return " ".join(re.sub("[\u202d\u202e]", REPLACEMENT, clean(text)).split())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_not_run_wherever_it_stands(text: str) -> None:
    header = PageHeader(text, text, text, text, text, text, text, (text,))
    page = assert_nothing_can_run(render(page_with(text), header))
    times = sum(text in data for data in page.texts)
    assert times >= 20


@settings(deadline=None)
@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_is_shown_as_it_is_and_cannot_run(text: str) -> None:
    html = render(page_with(text), PageHeader(text, text, text, text, text, text, text, (text,)))
    html.encode("utf-8")
    page = assert_nothing_can_run(html)
    assert shown(text) in [shown(data) for data in page.texts] or not shown(text)


def test_no_text_can_turn_itself_round() -> None:
    html = render(page_with("Blood group \u202eABO"), HEADER)
    assert "\u202e" not in html
    assert f"Blood group {REPLACEMENT}ABO" in Page(html).texts


def test_the_policy_allows_the_page_s_own_style_sheet_and_nothing_else() -> None:
    html = render(page_with("x"), HEADER)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    contents = [attributes.get("content") for _, attributes in Page(html).elements]
    assert policy in contents
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_policy_allows_a_picture_only_on_a_page_that_has_one() -> None:
    html = render(replace(page_with("x"), picture=PIXEL), HEADER)
    page = assert_nothing_can_run(html)
    policies = [attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes]
    assert [policy and policy.endswith("; form-action 'none'; img-src data:") for policy in policies] == [
        True
    ]
    (picture,) = (attributes for tag, attributes in page.elements if tag == "img")
    assert picture["src"] == f"data:image/jpeg;base64,{base64.b64encode(PIXEL.data).decode()}"
    assert (picture["alt"], picture["width"], picture["height"]) == ("The first page", "30", "20")


def test_a_picture_of_a_damaged_file_says_that_some_is_missing() -> None:
    picture = replace(PIXEL, is_partial=True)
    texts = " ".join(Page(render(replace(page_with("x"), picture=picture), HEADER)).texts)
    assert "The file is damaged: some of it is missing here." in texts


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_all_that_was_read_stands_on_the_page(document) -> None:
    with read_here():
        extraction = read_file(document)
    page = assert_nothing_can_run(render(extraction, HEADER))
    for block in extraction.content:
        texts = [cell for row in block.rows for cell in row] if isinstance(block, Table) else [block.text]
        assert all(shown(text) in map(shown, page.texts) for text in texts if text.strip())
    for warning in extraction.warnings:
        assert any(warning.message in text for text in page.texts)


def test_the_header_says_what_whose_when_and_from_where() -> None:
    texts = " ".join(Page(render(page_with("x"), HEADER)).texts)
    for fact in ("lab_report", "Juan_Perez_123", "28 October 2024, 14:30 UTC", "s3://landing/a/b.pdf", "v1"):
        assert fact in texts


@pytest.mark.parametrize(
    ("received", "words"),
    [
        ("2024-10-28T23:30:22-03:00", "29 October 2024, 02:30 UTC"),
        ("2024-10-28T14:30:22.5Z", "28 October 2024, 14:30 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_the_moment_is_written_for_people(received: str, words: str) -> None:
    assert words in Page(render(page_with("x"), replace(HEADER, received=received))).texts


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("when", "2024-10-28T14:30:22-03:00", "28 October 2024, 14:30 (-03:00)"),
        ("when", "2024-10-28T14:30:22Z", "28 October 2024, 14:30 UTC"),
        ("when", "2024-10-28 – 2024-11-02", "28 October 2024 – 2 November 2024"),
        ("when", "2024-10-28T09:15:00Z – 2024-10-28T10:00:00Z", "28 October 2024, 09:15 – 10:00 UTC"),
        (
            "when",
            "2024-10-28T09:15:00-03:00 – 2024-10-28T10:00:00Z",
            "28 October 2024, 09:15 (-03:00) – 10:00 UTC",
        ),
        ("when", "from 2024-10-28", "from 28 October 2024"),
        ("when", "2024-10-28; until 2024-11-02", "28 October 2024; until 2 November 2024"),
        ("when", "2024-10", "2024-10"),
        ("when", "2024-99-28", "2024-99-28"),
        ("note", "Seen on 2024-10-28", "Seen on 2024-10-28"),
        ("identifier", "1984-02-11", "1984-02-11"),
    ],
)
def test_moments_and_periods_are_written_for_people_and_numbers_stay(
    name: str, value: str, words: str
) -> None:
    extraction = replace(page_with("x"), entities=(Entity("Visit", "/", ((name, value),)),))
    assert words in Page(render(extraction, HEADER)).texts


def marked(*entities: Entity) -> list[str]:
    """What stands out on the page with these records."""
    html = render(replace(page_with("x"), entities=entities), HEADER)
    return re.findall(r'<td class="mark"[^>]*>([^<]*)<', html)


def test_what_says_that_a_record_does_not_hold_stands_out() -> None:
    held = Entity(
        "Allergy", "/1", (("substance", "Nuts"), ("verification", "confirmed"), ("do not perform", "no"))
    )
    refuted = Entity("Allergy", "/2", (("substance", "Penicillin"), ("verification", "refuted")))
    order = Entity("Order", "/3", (("what", "Ibuprofen"), ("do not perform", "yes"), ("modifier: not", "no")))
    assert marked(held) == []
    assert marked(refuted) == ["refuted"]
    assert marked(order) == ["yes", "no"]
    assert marked(held, refuted) == ["refuted"]
    other = Entity("Order", "/4", (("what", "Digoxin"),))
    assert marked(other, order) == ["yes", "no"]
    wide = Entity("Order", "/5", tuple((f"name {number}", "x") for number in range(20)))
    assert marked(wide, other, other, order) == ["yes", "no"]


def test_records_that_are_too_wide_for_a_table_keep_all_that_they_say() -> None:
    """In a table of as many columns as are read, and one for the rest."""
    names = [f"name {number}" for number in range(20)]
    records = [Entity("Visit", f"/{n}", tuple((name, f"{name} of {n}") for name in names)) for n in range(5)]
    records.append(Entity("Visit", "/5", (("name 1", "once"), ("name 1", "twice"))))
    page = Page(render(replace(page_with("x"), content=(), entities=tuple(records)), HEADER))
    assert [tag for tag, _ in page.elements].count("table") == 1
    texts = "\n".join(page.texts)
    assert all(f"{name} of {n}" in texts for name in names for n in range(5))
    assert "once\ntwice" in texts


def test_a_document_that_has_a_title_goes_by_it_and_its_name_stands_below() -> None:
    facts = replace(page_with("x").document, format="cda", metadata=(("title", "Discharge  summary"),))
    titled = render(replace(page_with("x"), document=facts), HEADER)
    assert '<h1 dir="auto">Discharge summary</h1>' in titled
    assert '<p class="filed-as" dir="auto">lab_report</p>' in titled
    other = render(replace(page_with("x"), document=replace(facts, format="docx")), HEADER)
    assert (
        '<h1 dir="auto">x</h1>' in other
    )  # its first heading: an office document's title is often that of a template


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1 << 30, "1.1 GB"), (10**18, "1000000.0 TB")],
)
def test_the_size_is_written_for_people(size: int, words: str) -> None:
    extraction = page_with("x")
    facts = replace(extraction.document, size=size)
    assert words in render(replace(extraction, document=facts), HEADER)


def test_the_fields_of_a_message_are_folded_and_all_stand_there() -> None:
    message = b"MSH|^~\\&|LIS\rPID|1||4711\rZZZ|one|two\r"
    page = Page(render(read(Content(message, len(message)), name="x", declared_type=None), HEADER))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("details") == tags.count("summary") == 1
    assert not any("open" in attributes for _, attributes in page.elements)
    assert tags.index("details") < len(tags) - 1 - tags[::-1].index("table")
    assert {"ZZZ-1", "one", "two"} <= set(page.texts)


def test_equal_input_gives_an_equal_page() -> None:
    assert render(page_with("x"), HEADER) == render(page_with("x"), HEADER)


def evidence(source: EvidenceSource, value: str, where: str = "x") -> Evidence:
    return Evidence("patient", source, value, where, used=False)


@pytest.mark.parametrize(
    ("reason", "found", "words"),
    [
        (
            UnknownReason.CONFLICT,
            [
                evidence(EvidenceSource.KEY, "A-1"),
                evidence(EvidenceSource.METADATA, "B-2"),
                evidence(EvidenceSource.CONTENT, "C-3", "row 1: MRN"),
            ],
            [
                "not everything names the same one",
                "The folder says “A-1”.",
                "The metadata say “B-2”.",
                "The document says “C-3” (row 1: MRN).",
            ],
        ),
        (
            UnknownReason.NO_EVIDENCE,
            [evidence(EvidenceSource.CONTENT, "4711.0", "row 1: MRN")],
            ["nothing names one beyond doubt", "“4711.0”, which a program has damaged (row 1: MRN)."],
        ),
        (UnknownReason.NO_EVIDENCE, [], ["Neither folder, metadata nor document name anybody."]),
    ],
)
def test_a_page_without_patient_says_who_said_what(
    reason: UnknownReason, found: list[Evidence], words: list[str]
) -> None:
    statements = why_unknown(Patient(reason=reason), found)
    texts = " ".join(Page(render(page_with("x"), replace(HEADER, statements=statements))).texts)
    assert all(word in texts for word in words)


def test_a_known_patient_needs_no_such_words() -> None:
    assert why_unknown(Patient("A-1"), [evidence(EvidenceSource.KEY, "A-1")]) == ()


@pytest.mark.parametrize(
    "name", ["original.pdf", "original", "original.x:y", "original.<b>&'", "original.päd f"]
)
def test_the_page_leads_to_the_original_beside_it(name: str) -> None:
    page = assert_nothing_can_run(render(page_with("x"), replace(HEADER, original=name)))
    (link,) = [attributes["href"] or "" for tag, attributes in page.elements if tag == "a"]
    assert urljoin("https://host/processed/a_b/result.html", link).startswith(
        "https://host/processed/a_b/original"
    )
    assert unquote(link) == f"./{name}"


def test_the_title_is_the_document_s_own_where_it_has_one() -> None:
    extraction = page_with("x")
    titled = replace(
        extraction, document=replace(extraction.document, metadata=(("title", "Discharge letter"),))
    )
    headed = replace(extraction, content=(Heading("Discharge letter", 1), TextBlock("x")))
    for one in (titled, headed):
        page = Page(render(one, HEADER))
        assert page.texts[page.texts.index("Discharge letter") :]
        assert "lab_report" in page.texts  # the name that it is filed under
    assert "lab_report" in Page(render(replace(extraction, content=()), HEADER)).texts


@pytest.mark.parametrize(("text", "is_first"), [("Fax 1/1", True), ("word " * 100, False)])
def test_the_picture_of_a_scan_comes_before_its_thin_text(text: str, is_first: bool) -> None:
    extraction = replace(page_with("x"), content=(TextBlock(text, page=1),), picture=PIXEL)
    html = render(extraction, HEADER)
    assert html.count("<img") == 1
    assert (html.index("<img") < html.index(text[:7])) is is_first
