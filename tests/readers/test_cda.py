"""CDA: the header, the narrative in its order, and whose a document is by `recordTarget/patientRole/id`."""

from __future__ import annotations

import pytest

from carefile.core.documents.extraction import Extraction, Heading, Table, TextBlock
from lambdas.readers import Content, read
from lambdas.readers.limits import MAX_TEXT_BYTES
from tests.readers.reading import codes, facts_of, found, read_bytes, speaking

UUID = "db734647-fc99-424c-a864-7e3cda82e703"


def cda(header: str = "", body: str = "") -> bytes:
    text = (
        '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:h="urn:hl7-org:v3">'
        f"{header}<component><structuredBody>{body}</structuredBody></component></ClinicalDocument>"
    )
    return text.encode()


def target(*ids: str) -> str:
    return f"<recordTarget><patientRole>{''.join(ids)}</patientRole></recordTarget>"


def narrative(text: str) -> Extraction:
    return read_bytes(
        cda(body=f"<component><section><title>S</title><text>{text}</text></section></component>")
    )


A, B = '<id root="1.2" extension="A"/>', '<id root="1.3" extension="B"/>'


@pytest.mark.parametrize(
    ("header", "who", "complete"),
    [
        (target(A), {"A"}, True),
        (target(A, B), {"A", "B"}, True),
        (target(A) + target(B), {"A", "B"}, True),
        (target(A, '<id root="2.16.840.1.113883.4.1" extension="999"/>'), {"A"}, True),
        (target(f'<id root="{UUID}"/>'), {UUID}, True),
        (target('<id root="1.2.840.1"/>'), set(), False),
        (target('<id root="1.2" extension="A" nullFlavor="UNK"/>'), set(), False),
        (target(A) + target(), {"A"}, False),
        (target('<sdtc:id root="1.2" extension="A"/>'), set(), False),
        (f"<author><assignedAuthor>{A}</assignedAuthor></author>", set(), False),
        ("", set(), False),
        (target(A) + "<recordTarget/>", {"A"}, False),
        (target(A).replace("<", "<h:").replace("<h:/", "</h:"), {"A"}, True),
        (
            target(A)
            + f'<h:recordTarget><patientRole xmlns="urn:hl7-org:v3">{B}</patientRole></h:recordTarget>',
            {"A", "B"},
            True,
        ),
        (
            target(A) + f'<recordTarget xmlns="urn:x"><patientRole>{B}</patientRole></recordTarget>',
            {"A"},
            False,
        ),
        (f"<x:recordTarget><patientRole>{A}</patientRole></x:recordTarget>", set(), False),
        (target(A, f"<providerOrganization>{B}</providerOrganization>"), {"A"}, True),
        (target(A, f"<patient><guardian>{B}</guardian></patient>"), {"A"}, True),
    ],
)
def test_the_record_target_names_the_patient_and_nobody_else_does(
    header: str, who: set[str], complete: bool
) -> None:
    extraction = read_bytes(cda(header))
    assert speaking(extraction) == who
    assert extraction.candidates_complete is complete


@pytest.mark.parametrize(
    ("identifiers", "who"),
    [
        (A.replace("/>", ' assigningAuthorityName="Santelmo Account Number"/>'), set()),
        (A.replace("/>", ' assigningAuthorityName="VISIT"/>') + B, {"B"}),
        (A.replace("/>", ' assigningAuthorityName="Santelmo MRN"/>') + B, {"A"}),
        (A.replace("/>", ' assigningAuthorityName="Santelmo Hospital"/>') + B, {"A", "B"}),
        ('<id root="1.9" extension="V"/>', set()),
        (B + '<id root="1.9" extension="V"/>', {"B"}),
        ('<id root="1.8" extension="V"/>', {"V"}),
    ],
)
def test_the_number_of_a_visit_or_an_account_names_nobody(identifiers: str, who: set[str]) -> None:
    visit = '<componentOf><encompassingEncounter><id root="1.9" extension="V"/></encompassingEncounter></componentOf>'
    assert speaking(read_bytes(cda(target(identifiers) + visit))) == who


def test_the_system_of_an_identifier_is_its_root() -> None:
    assert found(read_bytes(cda(target(A, B)))) == [("A", "1.2"), ("B", "1.3")]


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\xef\xbb\xbf",
        b'<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet href="CDA.xsl" type="text/xsl"?>',
        b"<!-- note --><?x y?><!-- note -->\n",
        b'<!DOCTYPE ClinicalDocument SYSTEM "http://x.invalid/a.dtd">',
        b"<?xml version='1.0'?><!--" + b"x" * 9000 + b"-->",
        b"<!--" + b"x" * 100_000 + b"-->",
        b"\n\r\n <?xml version='1.0' encoding='UTF-8'?>",
        b"\xef\xbb\xbf\n<?xml version='1.0'?>",
    ],
)
def test_a_document_is_told_by_its_outermost_element_whatever_stands_before(before: bytes) -> None:
    extraction = read_bytes(before + cda(target(A)))
    assert (extraction.document.format, extraction.status) == ("cda", "read")
    assert speaking(extraction) == {"A"}


def test_names_may_have_a_prefix_and_any_encoding() -> None:
    text = (
        '<?xml version="1.0" encoding="{}"?><v3:ClinicalDocument xmlns:v3="urn:hl7-org:v3">'
        "<v3:title>Señor ≥</v3:title></v3:ClinicalDocument>"
    )
    for encoding in ("utf-8", "utf-16"):
        extraction = read_bytes(text.format(encoding).encode(encoding))
        assert facts_of(extraction, "Document") == [{"title": "Señor ≥"}]
    data = text.format("ISO-8859-15").replace("≥", "€").encode("iso-8859-15")
    assert facts_of(read_bytes(data), "Document") == [{"title": "Señor €"}]
    assert codes(read_bytes(data)) == {"no-record-target"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n   b<br/>c", "a b\nc"),
        ("<paragraph>a</paragraph><paragraph>b</paragraph>", "a\n\nb"),
        ("<list><item>a</item><item>b<list><item>c</item></list></item></list>", "• a\n• b\n  • c"),
        ('<list listType="ordered"><item>a</item><item><paragraph>b</paragraph></item></list>', "1. a\n2. b"),
        ("<content>a</content> <sub>b</sub><linkHtml href='javascript:x'>c</linkHtml>", "a bc"),
        ("a <b>&lt;script&gt;</b>", "a <script>"),
        ("<unheard>a</unheard>", "a"),
        ("<script>a</script>b", "b"),
        (
            'Take <content revised="delete">50 mg</content><content revised="insert">5 mg</content> daily',
            "Take [deleted: 50 mg] 5 mg daily",
        ),
        (
            '<paragraph><content revised="delete">all <content>of it</content></content></paragraph>',
            "[deleted: all of it]",
        ),
        ("<renderMultiMedia><caption>Leg</caption></renderMultiMedia>", "(picture: Leg)"),
    ],
)
def test_narrative_is_shown_as_it_reads(text: str, shown: str) -> None:
    assert narrative(text).content == (Heading("S"), TextBlock(shown, section="S"))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("<thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody>", Table((("1",),), ("a",))),
        ("<tr><th>a</th><th>b</th></tr><tr><td>1</td></tr>", Table((("1",),), ("a", "b"))),
        ("<tr><th>a</th><td>1</td></tr>", Table((("a", "1"),))),
        ("<tr><td colspan='2'>1</td><td>2</td></tr>", Table((("1", "", "2"),))),
        (
            "<thead><tr><th rowspan='2'>a</th><th colspan='2'>b</th></tr><tr><th>c</th><th>d</th></tr></thead>"
            "<tbody><tr><td rowspan='2'>1</td><td>2</td><td>3</td></tr><tr><td>4</td><td>5</td></tr>"
            "<tr><td>6</td><td>7</td><td>8</td></tr></tbody>",
            Table((("", "c", "d"), ("1", "2", "3"), ("", "4", "5"), ("6", "7", "8")), ("a", "b", "")),
        ),
        (
            "<tr><td>1</td><td rowspan='9'>2</td></tr><tr><td>3</td></tr><tr><td>4</td></tr>",
            Table((("1", "2"), ("3", ""), ("4", ""))),
        ),
        (
            "<tbody><tr><td rowspan='5'>1</td><td>2</td></tr></tbody><tbody><tr><td>3</td><td>4</td></tr></tbody>",
            Table((("1", "2"), ("3", "4"))),
        ),
        ("<tr><td>1</td></tr><content>stray</content>", Table((("1",), ("stray",)))),
        ("<tr><td colspan='999'>1</td></tr>", Table((("1", *[""] * 63),))),
        ("<tr><td><list><item>x</item><item>y</item></list></td></tr>", Table((("• x\n• y",),))),
        ("<tr><td><table><tr><td>x</td><td>y</td></tr></table></td></tr>", Table((("x | y",),))),
    ],
)
def test_a_table_is_a_table(table: str, expected: Table) -> None:
    (_, block) = narrative(f"<table>{table}</table>").content
    assert isinstance(block, Table)
    assert (block.rows, block.header, block.section) == (expected.rows, expected.header, "S")


def test_sections_stand_in_order_with_their_levels() -> None:
    inner = "<component><section><title>b</title><text>2</text></section></component>"
    body = f"<component><section><title>a</title><text>1</text>{inner}</section></component>"
    assert read_bytes(cda(body=body)).content == (
        Heading("a", 1),
        TextBlock("1", section="a"),
        Heading("b", 2),
        TextBlock("2", section="b"),
    )


def test_a_damaged_document_is_read_as_far_as_it_goes_and_does_not_decide() -> None:
    data = cda(target(A), "<component><section><title>a</title><text>one</text></section></component>")
    extraction = read_bytes(data[: data.index(b">one") + 4])
    assert (extraction.reason, extraction.candidates_complete) == ("damaged", False)
    assert speaking(extraction) == {"A"}
    assert extraction.content == (Heading("a"), TextBlock("one", section="a"))


def test_a_document_that_is_too_long_is_read_as_far_as_it_goes_and_does_not_decide() -> None:
    data = cda(
        target(A), f"<component><section><text>{'word ' * (MAX_TEXT_BYTES // 5)}</text></section></component>"
    )
    extraction = read(Content(data, len(data)), name="x.xml", declared_type=None)
    assert (extraction.reason, extraction.candidates_complete) == ("cut", False)
    assert speaking(extraction) == {"A"}


def test_what_the_header_says_of_others_stands_there() -> None:
    person = "<associatedPerson><name><given>Eva</given><family>Ruiz</family></name></associatedPerson>"
    header = (
        target(A)
        + f'<participant><associatedEntity><code displayName="Mother"/>{person}</associatedEntity></participant>'
        + '<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2" extension="D"/></parentDocument>'
        + "</relatedDocument>"
    )
    extraction = read_bytes(cda(header))
    assert facts_of(extraction, "Participant") == [{"name": "Eva Ruiz", "relation": "Mother"}]
    assert facts_of(extraction, "Related document") == [{"replaces": "D (1.2)"}]
