"""What a person sees in an RTF document: every part that holds text, in every character set, and what was struck."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.documents.extraction import Extraction, Status, TextBlock
from tests.readers.here import read_here
from tests.readers.reading import codes, read_bytes


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with read_here():
        yield


FONTS = (
    rb"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset128 MS Mincho;}{\f2\fcharset129 Batang;}{\f3\fcharset134 SimSun;}"
    rb"{\f4\fcharset2 Wingdings;}{\f5\fcharset2 Symbol;}{\f6\fcharset204 Times;}{\f7\fcharset136 MingLiU;}}"
)


def rtf(body: bytes) -> Extraction:
    return read_bytes(rb"{\rtf1\ansi\ansicpg1252\deff0" + FONTS + body + b"}")


def text(extraction: Extraction, section: str | None = None) -> str:
    blocks = (block for block in extraction.content if isinstance(block, TextBlock))
    return "\n".join(block.text for block in blocks if block.section == section)


def escaped(words: str, codec: str) -> bytes:
    return "".join(f"\\'{byte:02x}" for byte in words.encode(codec)).encode()


@pytest.mark.parametrize(
    ("markup", "section"),
    [
        (rb"{\header\pard ", "Header"),
        (rb"{\headerf ", "Header"),
        (rb"{\footerr ", "Footer"),
        (rb"body{\footnote ", "Footnotes"),
        (rb"body{\*\footnote ", "Footnotes"),
        (rb"body{\*\annotation ", "Comments"),
        (rb"{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt ", "Text boxes"),
        (rb"{\*\do\dptxbx{\dptxbxtext ", "Text boxes"),
    ],
)
def test_text_is_read_wherever_a_document_has_some(markup: bytes, section: str) -> None:
    closing = b"}" * (markup.count(b"{") - markup.count(b"}"))
    extraction = rtf(markup + rb"Allergy: penicillin\par MRN R-1" + closing + rb" and 5 mg\par")
    assert text(extraction, section) == "Allergy: penicillin\nMRN R-1"
    assert "and 5 mg" in text(extraction)
    assert extraction.status is Status.READ


def test_a_footnote_is_numbered_where_it_belongs() -> None:
    extraction = rtf(
        rb"Dose{\super\chftn{\footnote\chftn Not before surgery.}} 5 mg{\chftn{\footnote\chftn Daily.}}"
    )
    assert text(extraction) == "Dose[1] 5 mg[2]"
    assert text(extraction, "Footnotes") == "[1]Not before surgery.\n[2]Daily."


@pytest.mark.parametrize(
    ("font", "words", "codec"),
    [
        (1, "胸部X線表ソ能", "cp932"),  # of some letters the second byte is a backslash or a brace
        (2, "혈압 정상", "cp949"),
        (3, "血压正常", "gbk"),
        (6, "Давление", "cp1251"),
        (7, "血壓正常", "cp950"),
        (0, "Señora, 5 €", "cp1252"),
    ],
)
def test_bytes_are_text_in_the_character_set_of_their_font(font: int, words: str, codec: str) -> None:
    assert text(rtf(rb"{\f%d " % font + escaped(words, codec) + rb"}\par")) == words
    assert text(rtf(rb"\loch\f0\hich\f0\dbch\af%d\dbch " % font + escaped(words, codec))) == words


def test_the_second_byte_of_a_letter_may_stand_as_it_is() -> None:
    assert text(rtf(rb"\f1\'95\'b6\'8e\'9aX")) == "文字X"
    assert text(rtf(b"\\f1\\'83A\\'83C")) == "アイ"  # 0x83 0x41, 0x83 0x43


def test_bytes_that_are_not_escaped_are_text_too() -> None:
    assert text(rtf(b"\\f1 " + "胸部".encode("cp932"))) == "胸部"
    assert text(rtf("Muñoz 胸部".encode())) == "Muñoz 胸部"  # written as UTF-8


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        (rb"\u8364? 5", "€ 5"),
        (rb"\uc2\u33016\'8b\'b9 x", "胸 x"),
        (rb"\uc0\u8364 5", "€5"),
        (rb"\u-10179?\u-8704?", "😀"),
        (rb"{\upr{old}{\*\ud{new \u8364?}}} 5", "new € 5"),
        (rb"a\~b\_c\-d\{\}\\", "a\xa0b\u2011cd{}\\"),
        (rb"a\emdash b\tab c\line d", "a—b\tc\nd"),
        (rb"{\field{\*\fldinst HYPERLINK x}{\fldrslt shown}} after", "shown after"),
        (rb"{\*\unknown gone}stays", "stays"),
        (rb"{\pict\bin4 }}}}89504e47}stays", "stays"),
        (rb"{\object{\*\objdata 0105}{\result{shown}}}", "shown"),
    ],
)
def test_markup_becomes_what_it_shows(markup: bytes, shown: str) -> None:
    assert text(rtf(markup)) == shown


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        (rb"Take {\deleted 50 mg} 5 mg", "Take [deleted: 50 mg] 5 mg"),
        (rb"Take \strike 50 mg\strike0  5 mg", "Take [struck out: 50 mg] 5 mg"),
        (rb"Take \striked1 50 mg \plain 5 mg", "Take [struck out: 50 mg] 5 mg"),
        (rb"{\deleted no }aspirin", "[deleted: no] aspirin"),
    ],
)
def test_what_was_taken_back_is_marked(markup: bytes, shown: str) -> None:
    assert text(rtf(markup)) == shown


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        (rb"{\f4 \'fe} yes {\f4 \'a8} no", "☑ yes ☐ no"),
        (rb"{\f4 \u-3842?} yes {\f4 \u-3928?} no", "☑ yes ☐ no"),
        (rb'{\field{\*\fldinst SYMBOL 254 \\f "Wingdings" \\s 10}{\fldrslt\f4 }} yes', "☑ yes"),
        (rb"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres1}}}{\fldrslt}} yes", "☒ yes"),
        (
            rb"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres25\ffdefres1}}}{\fldrslt}} yes",
            "☒ yes",
        ),
        (rb"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres0}}}{\fldrslt}} no", "☐ no"),
        (rb"Hb {\f5 \'a3} 7, {\f5 m}g, {\f5 \'b1} 2", "Hb ≤ 7, μg, ± 2"),
    ],
)
def test_boxes_and_signs_are_shown(markup: bytes, shown: str) -> None:
    assert text(rtf(markup)) == shown


def test_pictures_and_what_is_embedded_are_told() -> None:
    extraction = rtf(rb"a{\pict 00ff}{\object{\*\objdata 0105}{\result x}}")
    assert codes(extraction) == {"pictures", "embedded"}


def test_the_title_is_a_fact_and_no_text() -> None:
    extraction = rtf(rb"{\info{\title Discharge}{\author A. B.}{\operator x}{\creatim\yr2024}}Text")
    assert dict(extraction.document.metadata) == {"title": "Discharge", "author": "A. B."}
    assert text(extraction) == "Text"


@pytest.mark.parametrize("markup", [rb"{\rtf1 half", rb"{\rtf1 {\header x", rb"{\rtf1\ansi Dose {\b 5"])
def test_a_document_that_ends_too_early_keeps_its_text_and_says_so(markup: bytes) -> None:
    extraction = read_bytes(markup)
    assert (extraction.status, extraction.reason) == (Status.PARTLY_READ, "damaged")


def test_one_that_is_nested_too_deep_is_read_as_far_as_that() -> None:
    extraction = read_bytes(rb"{\rtf1 before" + b"{" * 100_000)
    assert (text(extraction), extraction.reason) == ("before", "too-complex")


_PIECES = [
    *(
        "{",
        "}",
        "\\par ",
        "\\'93",
        "\\u-3842?",
        "\\f1 ",
        "\\f4 ",
        "\\deleted ",
        "\\fonttbl ",
        "\\fcharset128 ",
    ),
    *("text; ", "\\*", "\\bin9 ", "\\uc9 ", "\\fldinst SYMBOL 1 \\\\f x", "\\formfield ", "\\upr ", "\\ud "),
    *(
        "\\info ",
        "\\title ",
        "\\footnote ",
        "\\shptxt ",
        "\\chftn ",
        "\\cpg65001 ",
        "\\ansicpg0 ",
        "\x80",
        "é",
    ),
    *("\\", "\\dbch\\af3 ", "\\deff9 "),
]


@given(st.lists(st.sampled_from(_PIECES), max_size=60))
def test_any_markup_is_read_or_said_to_be_damaged(pieces: list[str]) -> None:
    extraction = read_bytes(("{\\rtf1" + "".join(pieces) + "}").encode())
    assert extraction.document.format == "rtf"
    assert extraction.reason in (None, "damaged")
