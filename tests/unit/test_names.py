"""Names of the outside world as parts of an object key."""

from __future__ import annotations

import unicodedata

import pytest

from carefile.core.filing.names import (
    MAX_NAME_BYTES,
    MAX_PATIENT_BYTES,
    cut_key,
    decode_sub_path,
    encode_name,
    encode_patient_id,
    encode_session_name,
    encode_sub_path,
    split_extension,
)


@pytest.mark.parametrize(
    ("file_name", "parts"),
    [
        ("170.315_b1_toc.xml", ("170.315_b1_toc", "xml")),
        ("lab.pdf", ("lab", "pdf")),
        ("a.tar.gz", ("a.tar", "gz")),
        (".profile", (".profile", "")),
        ("a.", ("a.", "")),
        ("...", ("...", "")),
        ("..pdf", ("..pdf", "")),
        ("Dr. Smith", ("Dr. Smith", "")),
        ("README", ("README", "")),
        ("x.abcdefghijklmnopq", ("x.abcdefghijklmnopq", "")),
        ("レポート.PDF", ("レポート", "PDF")),
        ("a.p/f", ("a.p/f", "")),
    ],
)
def test_an_extension_is_what_follows_the_last_dot_if_it_looks_like_one(
    file_name: str, parts: tuple[str, str]
) -> None:
    assert split_extension(file_name) == parts


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("Lab Report", "Lab_Report"),
        ("Lab \t\n Report", "Lab_Report"),
        ("Müller-Befund_1.2", "Müller-Befund_1.2"),
        ("検査結果", "検査結果"),
        ("a/b\\c", "a=2Fb=5Cc"),
        ("50%+1", "50=25=2B1"),
        ("a=b", "a=3Db"),
        ("\u202edoc", "=E2=80=AEdoc"),
        ("🩺", "=F0=9F=A9=BA"),
        ('O\'Neil "x"', "O=27Neil_=22x=22"),
        ("..", ".."),
    ],
)
def test_a_name_keeps_letters_digits_dot_line_and_dash_and_escapes_the_rest(name: str, segment: str) -> None:
    assert encode_name(name) == segment


def test_two_unicode_forms_of_one_name_are_one() -> None:
    assert encode_name(unicodedata.normalize("NFD", "Müller")) == encode_name("Müller") == "Müller"


def test_patient_ids_keep_their_case_and_their_spaces_apart() -> None:
    ids = ["Ab1", "AB1", "ab1", "A b1", "A  b1", "A_b1"]
    assert len({encode_patient_id(value) for value in ids}) == len(ids)
    assert encode_patient_id("Juan_Perez_123") == "Juan_Perez_123"


def test_a_mark_after_an_escape_does_not_combine_with_it() -> None:
    for encode in (encode_name, encode_patient_id):
        encoded = encode("a\u200a\u200d\u030cx")
        assert unicodedata.is_normalized("NFC", encoded)
        assert "\u030c" not in encoded


def test_an_overlong_name_is_cut_and_carries_a_hash_of_the_whole() -> None:
    one, two = encode_name("x" * 300 + "1"), encode_name("x" * 300 + "2")
    assert one != two
    assert one[:150] == two[:150] == "x" * 150
    assert len(one) <= MAX_NAME_BYTES
    assert len(encode_patient_id("é" * 300).encode()) <= MAX_PATIENT_BYTES


def test_a_cut_never_splits_an_escape_or_a_character() -> None:
    for pad in range(12):
        encoded = encode_name("x" * pad + "%é🩺" * 100)
        kept = encoded.rpartition("=h")[0]
        assert kept.lstrip("x").replace("=25", "").replace("=F0=9F=A9=BA", "").strip("é") in (
            "",
            "=F0",
            "=F0=9F",
            "=F0=9F=A9",
        )


def test_no_name_can_forge_the_mark_of_a_cut() -> None:
    cut = encode_name("x" * 300)
    assert encode_name(cut) != cut


@pytest.mark.parametrize(
    ("path", "encoded"),
    [
        ("agents/agent_a/messages/message_0.json", "agents/agent_a/messages/message_0.json"),
        ("a b+c%20.json", "a b+c%20.json"),
        ("../../x", "=2E=2E/=2E=2E/x"),
        ("./x/..", "=2E/x/=2E=2E"),
        ("_manifest.json", "=5Fmanifest.json"),
        ("agents/_manifest.json", "agents/_manifest.json"),
        ("a=2E/role=helper/x=3D", "a=2E/role=helper/x=3D"),
        ("=2E/x", "=3D2E/x"),
        ("=3D2E=2E", "=3D3D2E=2E"),
        ("=5Fmanifest.json", "=3D5Fmanifest.json"),
        ("=h0", "=h0"),
        (f"x=h{'0' * 32}", f"x=3Dh{'0' * 32}"),
        (f"x=h{'0' * 32}/y", f"x=h{'0' * 32}/y"),
    ],
)
def test_a_sessions_own_path_stays_but_for_what_would_be_misread(path: str, encoded: str) -> None:
    assert encode_sub_path(path) == encoded
    assert decode_sub_path(encoded) == path


def test_a_key_within_the_limit_is_not_cut() -> None:
    key = "é" * 512
    assert cut_key(key) == key
    longer = cut_key(key + "x")
    assert len(longer.encode()) <= 1024
    assert longer != cut_key(key + "y")


@pytest.mark.parametrize(
    "id",
    [
        "ana.ruiz+visit@example.org",
        "+34 600 123 456",
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
        "2026-11-20T10:00:00.000+01:00",
        "   ",
        "Mu\u0308ller",
        "M\u00fcller",
        "a=2Fb%2Fc",
        "🩺" * 200,
        "..",
        "\\",
        "\u202e\x7f\t",
    ],
)
def test_a_sessions_name_keeps_its_id_byte_for_byte(id: str) -> None:
    assert encode_session_name(f"session_{id}", 900) == f"session_{id}"


@pytest.mark.parametrize(
    "name", ["session_a/b", "session_\ud800", "session_" + "x" * 200, f"session_=h{'a' * 32}"]
)
def test_what_s3_could_not_hold_is_marked_as_another_name(name: str) -> None:
    encoded = encode_session_name(name, 100)
    assert "/" not in encoded
    assert len(encoded.encode()) <= 100
    assert encode_session_name(encoded, 100) != encoded
