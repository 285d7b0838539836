"""XML: nothing is fetched or unfolded, nothing nests without end; what is no clinical document is shown as facts."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

import pytest

from carefile.core.documents.extraction import Table, TextBlock
from lambdas.readers.formats.xml.tree import as_markup, parse_xml
from lambdas.readers.limits import MAX_XML_DEPTH, MAX_XML_NODES
from tests.readers.here import read_here
from tests.readers.reading import codes, found, read_bytes, speaking

LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(20)
)

IN_A_SECTION = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><text>{}'
)


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS + b"]><a>&u;</a>",
        LAUGHS + b']><ClinicalDocument xmlns="urn:hl7-org:v3"><title>&u;</title></ClinicalDocument>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://x.invalid/"> %x;]><a/>',
        b"<a>" * (MAX_XML_DEPTH + 1) + b"</a>" * (MAX_XML_DEPTH + 1),
        b"<a>" * 500_000,
        b"<a " + b" ".join(b"a%d=''" % n for n in range(MAX_XML_NODES)) + b"/>",
        b"<a>" + b"<b/>" * MAX_XML_NODES + b"</a>",
    ],
    ids=lambda data: f"{data[:40]!r}…{len(data)}",
)
def test_a_hostile_document_is_shown_as_the_text_that_it_is(data: bytes) -> None:
    extraction = read_bytes(data, "x.xml")
    assert extraction.reason == "too-complex"
    assert not extraction.candidates_complete
    (block,) = extraction.content
    assert isinstance(block, TextBlock)
    assert data.decode().startswith(block.text)


@pytest.mark.parametrize(
    "text",
    [
        "<a>" + "<b> </b>" * 60_000 + "x</a>",
        "<a>" + "<b>\n</b>" * 60_000 + "x</a>",
        "<a" + " " * 1_000_000 + ">x</a>",
        "<a>" + " " * 4_000_000 + "x</a>",
        "<!--" + "-" * 1_000_000,
        "<?" * 500_000,
        "<" * 300_000,
        "<!--" + "-->" * 300_000,
        "<a>" + "".join(f"<b xmlns:p{n}=''>" for n in range(50)) + "<c xmlns=''/>" * 60_000,
    ],
    ids=lambda text: f"{text[:12]!r}…{len(text)}",
)
@pytest.mark.timeout(20)
@pytest.mark.parametrize("frame", ["{}", IN_A_SECTION])
def test_no_text_takes_more_than_one_pass(text: str, frame: str) -> None:
    with read_here():
        read_bytes(frame.replace("{}", text).encode())


def test_an_entity_that_nobody_declared_is_shown_as_it_is_written() -> None:
    extraction = read_bytes(b'<!DOCTYPE a SYSTEM "http://x.invalid/a.dtd"><a>L&oacute;pez</a>')
    (table,) = extraction.content
    assert isinstance(table, Table)
    assert table.rows == (("a", "L&oacute;pez"),)


def test_any_other_xml_is_facts_with_their_paths() -> None:
    extraction = read_bytes(b'<a x="1" xmlns="u"><b>2</b><c><d>3</d></c><c y="4"/>5<!-- no --> 6</a>')
    (table,) = extraction.content
    assert isinstance(table, Table)
    assert table.rows == (("@x", "1"), ("a", "5 6"), ("b", "2"), ("c[1].d", "3"), ("c[2]@y", "4"))
    assert (extraction.document.format, extraction.status) == ("xml", "read")


def test_fhir_in_xml_is_read_as_fhir() -> None:
    text = (
        '<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Patient><identifier><system value="urn:a"/>'
        '<value value="1"/></identifier><contained><Patient><identifier><value value="2"/></identifier></Patient>'
        "</contained></Patient></resource></entry></Bundle>"
    )
    extraction = read_bytes(text.encode())
    assert extraction.document.media_type == "application/fhir+xml"
    assert found(extraction) == [("1", "urn:a"), ("2", None)]


FHIR_PATIENT = '<Patient xmlns="http://hl7.org/fhir"><identifier><value value="A"/></identifier></Patient>'
CDA_OF = (
    '<h:ClinicalDocument xmlns:h="urn:hl7-org:v3"><h:recordTarget><h:patientRole>'
    '<h:id root="1.2" extension="{}"/></h:patientRole></h:recordTarget></h:ClinicalDocument>'
)


@pytest.mark.parametrize(
    ("inside", "who"),
    [
        (FHIR_PATIENT, {"A"}),
        (FHIR_PATIENT.replace("<", "<f:").replace("<f:/", "</f:").replace("xmlns=", "xmlns:f="), {"A"}),
        (CDA_OF.format("A"), {"A"}),
        (f"<x><y>{CDA_OF.format('A')}</y>{CDA_OF.format('B')}</x>", {"A", "B"}),
        ("<Patient><identifier><value value='A'/></identifier></Patient>", set()),
    ],
)
def test_who_is_named_by_a_document_inside_another_is_told_and_decides_nothing(
    inside: str, who: set[str]
) -> None:
    extraction = read_bytes(f"<envelope><body>{inside}</body></envelope>".encode())
    assert speaking(extraction) == who
    assert extraction.candidates_complete is not bool(who)


def test_a_prefix_is_no_part_of_a_name() -> None:
    extraction = read_bytes(
        b'<p:a xmlns:p="u" xmlns:q="u" xmlns:r="v"><q:b>1</q:b><r:c>2</r:c><s:d>3</s:d></p:a>'
    )
    (table,) = extraction.content
    assert isinstance(table, Table)
    assert table.rows == (("b", "1"), ("r:c", "2"), ("s:d", "3"))


def test_blank_lines_before_the_declaration_are_passed_over() -> None:
    extraction = read_bytes(b"\n \n<?xml version='1.0' encoding='iso-8859-1'?><a>caf\xe9</a>")
    (table,) = extraction.content
    assert isinstance(table, Table)
    assert (extraction.status, table.rows) == ("read", (("a", "café"),))


def test_what_only_looks_like_xml_is_shown_as_text() -> None:
    extraction = read_bytes(b"<?xml version='1.0'?> nothing follows")
    assert codes(extraction) == {"shown-as-text"}
    assert extraction.reason == "damaged"


@pytest.mark.parametrize(
    "text", ["a & b < c > d", "it's", 'a "quoted" word', "both ' and \"", "line\nbreak\tand\rmore"]
)
def test_written_again_it_is_escaped_as_the_standard_library_does_it(text: str) -> None:
    written = f"<a b={quoteattr(text)}>{escape(text)}</a>"
    document = parse_xml(written)
    assert document is not None
    assert as_markup(document.root) == written.replace("\rmore</a>", "\nmore</a>")  # the parser's line ends
