"""HL7 v2: how messages are taken apart, what is told of them, and whose they are by PID-3."""

from __future__ import annotations

import pytest

from carefile.core.documents.extraction import Table, TextBlock
from lambdas.readers.limits import MAX_SEGMENTS
from tests.readers.reading import codes, facts_of, found, read_bytes, speaking

HEADER = "MSH|^~\\&|LIS|LAB|EMR|CLINIC|20241028||ORU^R01|1|P|2.5"


def message(*segments: str, end: str = "\r", header: str = HEADER) -> bytes:
    return end.join((header, *segments, "")).encode()


@pytest.mark.parametrize(
    "data",
    [
        message("PID|1||4711", "OBX|1|ST|a||b"),
        message("PID|1||4711", "OBX|1|ST|a||b", end="\n"),
        message("PID|1||4711", "OBX|1|ST|a||b", end="\r\n"),
        b"\x0b" + message("PID|1||4711", "OBX|1|ST|a||b") + b"\x1c\r",
        b"\xef\xbb\xbf\r\n" + message("PID|1||4711", "OBX|1|ST|a||b"),
        b"FHS|^~\\&|x\rBHS|^~\\&|x\r" + message("PID|1||4711", "OBX|1|ST|a||b") + b"BTS|1\rFTS|1\r",
    ],
)
def test_a_message_is_the_same_however_its_lines_end_and_it_is_framed(data: bytes) -> None:
    extraction = read_bytes(data, "x.txt")
    assert extraction.document.format == "hl7v2"
    assert found(extraction) == [("4711", None)]
    assert facts_of(extraction, "Observation") == [{"what": "a", "value": "b"}]


@pytest.mark.parametrize("text", ["MSH", "MSH is short for header", "MSHA|^~\\&|", "MSH|a|b", "PID|1||4711"])
def test_a_text_without_a_message_header_stays_a_text(text: str) -> None:
    assert read_bytes(text.encode(), "x.txt").document.format == "text"


def test_a_message_declares_its_own_delimiters() -> None:
    extraction = read_bytes(b"MSH#*!?@#LIS\rPID#1##4711***HOSP@1.2.3@ISO*MR!9***SSA*SS\r")
    assert found(extraction) == [("4711", "1.2.3"), ("9", "SSA")]
    assert speaking(extraction) == {"4711"}


def test_each_message_of_a_batch_declares_its_own() -> None:
    extraction = read_bytes(b"MSH|^~\\&|a\rPID|1||A^^^H\rMSH#*!?@#b\rPID#1##B|C***H\r")
    assert found(extraction) == [("A", "H"), ("B|C", "H")]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"a \T\ b", "a & b"),
        (r"a\F\b\S\c\R\d\E\e", "a|b^c~d\\e"),
        (r"one\.br\two", "one\ntwo"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"caf\XC3A9\ ", "café"),
        (r"caf\XC3\\XA9\ ", "café"),
        (r"one\x0D0A\two", "one\ntwo"),
        (r"\Xzz\odd", r"\Xzz\odd"),
        (r"one\.sp2\two\.in+4\three\.ti-2\four\.sk3\five", "one\n\ntwo three four   five"),
        (r"one\.ce\two\.BR\three\.sp\four\.fi\five", "one\ntwo\nthree\nfour five"),
        (r"C:\labs\2024\r.pdf", r"C:\labs\2024\r.pdf"),
        (r"\Zlocal\ and \C2842\ stay", r"\Zlocal\ and \C2842\ stay"),
        (r"\labs\T\x", r"\labs&x"),
        (r"lone \ stroke", r"lone \ stroke"),
        ("a^b&c", "a b c"),
        ("a~b", "a; b"),
        ('""', ""),
    ],
)
def test_escapes_are_resolved(written: str, text: str) -> None:
    (fields,) = facts_of(read_bytes(message(f"OBX|1|ST|x||{written}")), "Observation")
    assert fields.get("value", "") == text


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("8859/1", "iso-8859-1", "Zoë Müller"),
        ("8859/2", "iso-8859-2", "Dvořák příliš žluťoučký"),
        ("8859/5", "iso-8859-5", "Иванов"),
        ("8859/7", "iso-8859-7", "Παπαδόπουλος"),
        ("8859/15", "iso-8859-15", "Œuvre €"),
        ("ISO-8859-9", "iso-8859-9", "Şahin Yıldız"),
        ("UNICODE UTF-8", "utf-8", "Dvořák 山田"),
        ("UNICODE", "utf-16", "Dvořák 山田"),
        ("UNICODE UTF-16", "utf-16-be", "Dvořák"),
        ("~ISO IR87", "iso2022_jp", "山田^太郎"),
        ("ISO IR14~ISO IR87~ISO IR159", "iso2022_jp", "胸部X線 異常なし"),
        ("ISO IR13", "shift_jis", "ﾔﾏﾀﾞ"),
        ("GB 18030-2000", "gb18030", "王小明"),
        ("KS X 1001", "euc_kr", "홍길동"),
        ("BIG-5", "big5", "陳大文"),
        ("windows-1252", "cp1252", "“Zoë”"),
    ],
)
def test_letters_are_those_of_the_character_set_that_the_message_declares(
    declared: str, encoding: str, text: str
) -> None:
    header = HEADER + "|" * 6 + declared
    data = message("PID|1||A-1", f"OBX|1|TX|x||{text}", header=header).decode().encode(encoding)
    extraction = read_bytes(data)
    assert extraction.content[0] == TextBlock(text, section="x")
    assert found(extraction) == [("A-1", None)]
    assert not codes(extraction)


def test_a_character_set_that_is_not_known_is_told() -> None:
    header = HEADER + "|" * 6 + "KLINGON"
    data = message("PID|1||A-1", "OBX|1|TX|x||Zoë", header=header)
    assert codes(read_bytes(data)) == {"character-set"}
    assert not codes(read_bytes(data.replace("ë".encode(), b"e")))


def test_bytes_in_escapes_are_of_the_character_set_of_their_message() -> None:
    text = r"Dvo\XF8\\XE1\k"
    data = message(f"OBX|1|TX|x||{text}", header=HEADER + "|" * 6 + "8859/2")
    assert read_bytes(data).content[0] == TextBlock("Dvořák", section="x")


def test_messages_of_several_character_sets_are_told() -> None:
    data = message("PID|1||A", HEADER + "|" * 6 + "8859/2", "PID|1||A", "OBX|1|TX|x||é")
    assert "character-sets" in codes(read_bytes(data))


def test_a_line_that_begins_no_segment_goes_on_with_the_one_before() -> None:
    extraction = read_bytes(message("OBX|1|FT|x||first\nPIDs are fine\n\nthird", "OBX|2|FT|x||fourth"))
    assert extraction.content[0] == TextBlock("first\nPIDs are fine\nthird\nfourth", section="x")


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("CE", "260385009^Negative^SCT", "Negative"),
        ("SN", ">^10", ">10"),
        ("SN", "^1^:^128", "1:128"),
        ("TS", "20241028143022-0300", "2024-10-28T14:30:22-03:00"),
        ("DT", "202410", "2024-10"),
        ("XPN", "Pérez^Juan^Carlos^^Dr.", "Dr. Juan Carlos Pérez"),
        ("NM", "1.10", "1.10"),
    ],
)
def test_a_value_is_told_by_its_type(type_: str, value: str, text: str) -> None:
    extraction = read_bytes(message(f"OBX|1|{type_}|x||{value}"))
    assert facts_of(extraction, "Observation") == [{"what": "x", "value": text}]


def test_a_note_stands_with_what_it_is_on() -> None:
    extraction = read_bytes(message("NTE|1||general", "OBX|1|NM|x||1", "NTE|1||of x", "NTE|2||more"))
    assert facts_of(extraction, "Message")[0]["note"] == "general"
    assert facts_of(extraction, "Observation")[0]["note"] == "of x\nmore"


@pytest.mark.parametrize(
    ("segment", "type_", "facts"),
    [
        ("OBX|1|NM|K||7.1|||HH|||W", "Observation", {"flag": "very high", "status": "wrong"}),
        ("OBX|1|NM|K||7.1|||XX|||Q", "Observation", {"flag": "XX", "status": "Q"}),
        ("OBR|1|||GLU^Glucose|||||||||||||||||||||P", "Report", {"status": "preliminary"}),
        ("ORC|DC|7|||CA", "Order", {"control": "discontinue", "status": "cancelled"}),
        ("RXA|0|1|2024|2024|MMR|1||||||||||||PATOBJ^Refused by parent||RE|D", "Administration",
         {"refused because": "Refused by parent", "completion": "refused", "action": "delete"}),
        ("IAM|1|DA|PEN^Penicillin|SV||D", "Allergy", {"type": "drug", "severity": "severe", "action": "delete"}),
        ("PRB|DE|2024|J45^Asthma||||||||||conf|active", "Problem", {"action": "delete", "what": "Asthma"}),
        ("PID|1||A||Doe^Ann|||F", "Patient", {"sex": "female"}),
        ("TXA|1|DS||||||||||||||||IN|", "Document", {}),
    ],
)  # fmt: skip
def test_codes_that_say_whether_the_rest_holds_are_words(
    segment: str, type_: str, facts: dict[str, str]
) -> None:
    (said,) = facts_of(read_bytes(message(segment)), type_)
    assert said.items() >= facts.items()


def test_a_message_for_training_says_so() -> None:
    data = message("PID|1||A", header=HEADER.replace("|P|", "|T|"))
    assert facts_of(read_bytes(data), "Message")[0]["sent for"] == "training or test"
    assert "sent for" not in facts_of(read_bytes(message("PID|1||A")), "Message")[0]


@pytest.mark.parametrize(
    ("status", "text"),
    [("F", "No\nfracture"), ("", "No\nfracture"), ("D", "[deleted: No]\n[deleted: fracture]"),
     ("W", "[wrong: No]\n[wrong: fracture]"), ("P", "(preliminary) No\nfracture")],
)  # fmt: skip
def test_a_text_whose_status_takes_it_back_says_so(status: str, text: str) -> None:
    extraction = read_bytes(message(f"OBX|1|TX|x||No~fracture||||||{status}"))
    assert extraction.content[0] == TextBlock(text, section="x")


def test_an_attachment_is_said_to_be_unread_and_not_shown() -> None:
    extraction = read_bytes(message("OBX|1|ED|x||a^application^pdf^Base64^JVBERi0x"))
    assert "attachment" in codes(extraction)
    assert "JVBERi0x" not in extraction.to_bytes().decode()


def test_every_field_stands_in_the_record() -> None:
    (table,) = read_bytes(message("ZZZ|a|b^c")).content
    assert isinstance(table, Table)
    assert table.rows[-2:] == (("ZZZ", "ZZZ-1", "a"), ("ZZZ", "ZZZ-2", "b c"))


@pytest.mark.parametrize(
    ("segments", "who", "complete"),
    [
        (("PID|1||A^^^H^MR~B^^^S^SS",), {"A"}, True),
        (("PID|1||A^^^H~B^^^I",), {"A", "B"}, True),
        (("PID|1||A^^^H", "PID|2||B^^^H"), {"A", "B"}, True),
        (("PID|1||A^^^H^MR", HEADER, "PID|1||B^^^S^SS"), {"A", "B"}, True),
        (("PID|1||A", HEADER, "PID|1||"), {"A"}, False),
        (("PID|1||A^^^H^MR", HEADER, "OBX|1|TX|a||b"), {"A"}, False),
        (('PID|1||""',), set(), False),
        (("PID|1|X||Y||Z",), set(), False),
        (("OBX|1|NM|x||1",), set(), True),
        ((r"PID|1||A\T\B",), {"A&B"}, True),
        (("PID|1||A^^^H^MR~B^^^H^PI",), {"A"}, True),
        (("PID|1||B^^^^PI~A^^^^MR",), {"A"}, True),
        (("PID|1||A^^^H^MR~B^^^I^PI",), {"A", "B"}, True),
        (("PID|1||A^^^H^MRN~B^^^S^SSN",), {"A"}, True),
        (("PID|1||A^^^H^Medical Record No.~B^^^S^Driver's License",), {"A"}, True),
        (("PID|1||A^^^H^mr~B^^^S",), {"A"}, True),
    ],
)
def test_pid_3_names_the_patient_and_nothing_else_does(
    segments: tuple[str, ...], who: set[str], complete: bool
) -> None:
    extraction = read_bytes(message(*segments))
    assert speaking(extraction) == who
    assert extraction.candidates_complete is complete


@pytest.mark.parametrize(
    "type_", ["AN", "VN", "ANT", "Account Number", "ACCT#", "Visit No", "CSN", "FIN NBR", "Encounter"]
)
def test_the_number_of_a_visit_or_an_account_names_nobody(type_: str) -> None:
    extraction = read_bytes(message(f"PID|1||V^^^H^{type_}"))
    assert found(extraction) == [("V", "H")]
    assert speaking(extraction) == set()
    assert speaking(read_bytes(message(f"PID|1||V^^^H^{type_}~A^^^H"))) == {"A"}


def test_a_file_of_very_many_segments_is_cut_and_cannot_decide_alone() -> None:
    extraction = read_bytes(message("PID|1||A", *["ZZZ|1"] * MAX_SEGMENTS))
    assert "segments" in {cut.what for cut in extraction.cuts}
    assert not extraction.candidates_complete
