"""What a person sees in a message: the part that holds the text, in the character set it was written in."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from carefile.core.documents.extraction import Extraction, Status, Table, TextBlock
from tests.readers.here import read_here
from tests.readers.reading import codes, read_bytes


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with read_here():
        yield


HEAD = b"From: lab@clinic.example\nTo: ward@clinic.example\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nMIME-Version: 1.0\n"


def texts(extraction: Extraction) -> str:
    return "\n".join(block.text for block in extraction.content if isinstance(block, TextBlock))


def fields(extraction: Extraction) -> dict[str, str]:
    table = next(block for block in extraction.content if isinstance(block, Table))
    return {row[0]: row[1] for row in table.rows}


def mail(plain: str, html: str, *, mixed: bool = False) -> Extraction:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = (
        "a@clinic.example",
        "b@clinic.example",
        "<1@c.example>",
    )
    message.set_content(plain)
    if mixed:
        message.make_mixed()
        part = EmailMessage()
        part.set_content(html, subtype="html")
        del part["MIME-Version"]
        message.attach(part)
    else:
        message.add_alternative(html, subtype="html")
    return read_bytes(message.as_bytes())


@pytest.mark.parametrize("plain", ["", " \n\t\n", "Please see the HTML version.", "Glucose 6.0"])
@pytest.mark.parametrize("mixed", [True, False])
def test_the_html_text_is_shown_where_the_plain_one_says_less(plain: str, mixed: bool) -> None:
    extraction = mail(plain, "<p>Sodium 125 <b>critical</b></p>", mixed=mixed)
    assert "Sodium 125 critical" in texts(extraction)
    assert plain.strip() in texts(extraction)


def test_a_word_that_only_the_html_text_has_is_not_lost() -> None:
    assert "do not give" in texts(mail("give heparin", "<p>do not give heparin</p>"))


def test_a_text_that_is_there_twice_is_shown_once() -> None:
    extraction = mail("Dear colleague,\nSodium is 125.", "<p>Dear colleague,<br>Sodium is <b>125</b>.</p>")
    assert texts(extraction).count("125") == 1


@pytest.mark.parametrize(
    "line", [b"From lab@clinic.example Mon Jan  1 10:00:00 2024\n", b">From x Mon Jan 1 2024\r\n"]
)
def test_an_envelope_line_may_lead(line: bytes) -> None:
    extraction = read_bytes(line + HEAD + b"Subject: Labs\n\nSodium 125\n")
    assert extraction.document.format == "eml"
    assert fields(extraction)["Subject"] == "Labs"
    assert texts(extraction) == "Sodium 125"


def test_every_message_of_a_mailbox_is_read() -> None:
    one = b"From a@c.example Mon Jan  1 10:00:00 2024\n" + HEAD
    extraction = read_bytes(one + b"\nSodium 125\n\n" + one + b"\nFrom here on, 131\n\n" + one + b"\nlast\n")
    assert extraction.document.format == "mbox"
    assert [t.strip() for t in texts(extraction).split("\n")] == ["Sodium 125", "From here on, 131", "last"]


@pytest.mark.parametrize(
    ("text", "declared", "codec"),
    [
        ("胸部X線 異常なし", "iso-2022-jp", "iso2022_jp"),
        ("胸部X線 異常なし", "ISO-2022-JP", "iso2022_jp"),
        ("胸部X線 異常なし", "", "iso2022_jp"),  # its escapes say so
        ("血圧①", "shift_jis", "cp932"),
        ("血圧", "x-sjis", "cp932"),
        ("혈압 정상", "iso-2022-kr", "iso2022_kr"),
        ("혈압 똠", "euc-kr", "cp949"),
        ("血压正常", "hz-gb-2312", "hz"),
        ("血压正常", "gb2312", "gb18030"),
        ("血壓正常", "big5", "big5"),
        ("Blutdruck über 140", "utf-7", "utf_7"),
        ("Tlak je zvýšený", "iso-8859-2", "iso8859_2"),
        ("Давление", "koi8-r", "koi8_r"),
        ("לחץ דם", "iso-8859-8-i", "iso8859_8"),
    ],
)
def test_a_text_is_read_in_its_character_set(text: str, declared: str, codec: str) -> None:
    kind = f"Content-Type: text/plain{f'; charset={declared}' if declared else ''}\n\n".encode()
    extraction = read_bytes(HEAD + kind + text.encode(codec))
    assert texts(extraction) == text
    assert not codes(extraction)


def test_one_broken_byte_does_not_take_the_character_set_away() -> None:
    text = "胸部に異常はない。" * 30
    extraction = read_bytes(
        HEAD + b"Content-Type: text/plain; charset=shift_jis\n\n" + text.encode("cp932") + b"\x81"
    )
    assert "異常はない" in texts(extraction)
    assert codes(extraction) == {"encoding-damaged"}


@pytest.mark.parametrize("charset", ["", "; charset=x-unknown"])
def test_a_character_set_that_is_not_certain_is_told(charset: str) -> None:
    extraction = read_bytes(
        HEAD + f"Content-Type: text/plain{charset}\n\n".encode() + "Ruiz Muñoz".encode("cp1252")
    )
    assert codes(extraction) == {"encoding-assumed"}


@pytest.mark.parametrize(
    "subject",
    [
        "胸部X線".encode(),  # bytes that are not encoded at all
        b"=?iso-2022-jp?B?GyRCNjtJdBsoQlgbJEJAfhsoQg==?=",
        b"=?x-sjis?B?i7mVlFiQ/A==?=",
        b"=?shift_jis?B?i7mVlFiQ/A==?=",
        b"=?utf-8?B?6IO46YOo?=\n =?utf-8?B?WOe3mg==?=",
        "胸部X線".encode("iso2022_jp"),
    ],
)
def test_a_subject_is_read_in_its_character_set(subject: bytes) -> None:
    assert fields(read_bytes(HEAD + b"Subject: " + subject + b"\n\nx"))["Subject"] == "胸部X線"


def test_a_japanese_note_needs_no_mail_around_it() -> None:
    extraction = read_bytes("胸部X線 異常なし".encode("iso2022_jp"), "note.txt")
    assert (texts(extraction), extraction.document.encoding) == ("胸部X線 異常なし", "iso-2022-jp")
    assert extraction.status is Status.READ
