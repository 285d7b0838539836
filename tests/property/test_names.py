"""Names become key segments: nothing is lost, nothing climbs, nothing grows too long."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

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
from tests.property.strategies import names, segments, sub_paths


def unescaped(encoded: str) -> str:
    """What an encoded name was, told by the escapes alone."""
    raw = re.sub(rb"=([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), encoded.encode())
    return raw.decode()


def is_cut(encoded: str) -> bool:
    return re.search("=h[0-9a-f]{32}$", encoded) is not None


@given(names)
def test_a_patient_id_can_be_read_back_from_its_segment(name: str) -> None:
    encoded = encode_patient_id(name)
    if not is_cut(encoded):
        assert unescaped(encoded) == unicodedata.normalize("NFC", name)


@given(names)
def test_a_name_can_be_read_back_but_for_its_white_space(name: str) -> None:
    encoded = encode_name(name)
    if not is_cut(encoded):
        assert unescaped(encoded) == re.sub(r"\s+", "_", unicodedata.normalize("NFC", name))


@given(names, names)
def test_two_different_patient_ids_have_different_segments(one: str, other: str) -> None:
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert (encode_patient_id(one) == encode_patient_id(other)) == same


@given(st.text(min_size=140, max_size=200), st.text(max_size=3), st.text(max_size=3))
def test_two_long_ids_that_differ_at_their_end_only_have_different_segments(
    stem: str, one: str, other: str
) -> None:
    same = unicodedata.normalize("NFC", stem + one) == unicodedata.normalize("NFC", stem + other)
    assert (encode_patient_id(stem + one) == encode_patient_id(stem + other)) == same


@given(names)
def test_a_segment_holds_only_letters_marks_digits_and_five_signs(name: str) -> None:
    for encoded, limit in (
        (encode_name(name), MAX_NAME_BYTES),
        (encode_patient_id(name), MAX_PATIENT_BYTES),
    ):
        assert all(char in "._-=" or unicodedata.category(char)[0] in "LNM" for char in encoded)
        assert unicodedata.is_normalized("NFC", encoded)
        assert len(encoded.encode()) <= limit


@given(names)
def test_both_unicode_forms_of_a_name_have_one_segment(name: str) -> None:
    for form in ("NFC", "NFD"):
        assert encode_name(unicodedata.normalize(form, name)) == encode_name(name)
        assert encode_patient_id(unicodedata.normalize(form, name)) == encode_patient_id(name)


@given(st.text(st.sampled_from("abzABZ019._-äß検א"), max_size=60))
def test_a_plain_name_is_its_own_segment(name: str) -> None:
    assert encode_name(name) == encode_patient_id(name) == name


# Names that try to be what another one becomes.
_forged = st.builds(lambda name, limit: encode_session_name(name, limit), names, st.integers(40, 90))
session_names = st.one_of(names, _forged).map(lambda name: f"session_{name}")


@given(session_names, session_names, st.integers(50, 900))
def test_two_different_sessions_have_different_names(one: str, other: str, limit: int) -> None:
    assert (encode_session_name(one, limit) == encode_session_name(other, limit)) == (one == other)


@given(session_names, st.integers(50, 900))
def test_a_sessions_name_is_one_segment_and_itself_wherever_s3_can_hold_it(name: str, limit: int) -> None:
    encoded = encode_session_name(name, limit)
    assert encoded.startswith("session_")
    assert "/" not in encoded
    assert len(encoded.encode()) <= limit
    if "/" not in name and len(name.encode()) <= limit and not is_cut(name):
        assert encoded == name


@given(sub_paths, sub_paths)
def test_two_different_sub_paths_stay_different(one: str, other: str) -> None:
    for path in (other, encode_sub_path(one), encode_sub_path(encode_sub_path(one))):
        assert (encode_sub_path(path) == encode_sub_path(one)) == (path == one)


@given(sub_paths)
def test_a_sub_path_can_be_read_back(path: str) -> None:
    assert decode_sub_path(encode_sub_path(path)) == path


@given(sub_paths)
def test_a_sub_path_never_climbs_and_never_takes_the_manifests_place(path: str) -> None:
    encoded = encode_sub_path(path)
    assert not {".", ".."} & set(encoded.split("/"))
    assert encoded != "_manifest.json"
    assert encoded.count("/") == path.count("/")


@given(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=1300), st.text("abc", max_size=3)
)
def test_a_key_is_cut_only_when_it_must_be_and_stays_its_own(key: str, tail: str) -> None:
    cut = cut_key(key)
    assert len(cut.encode()) <= 1024
    assert (cut == key) == (len(key.encode()) <= 1024)
    assert (cut_key(key + tail) == cut) == (tail == "")


@given(segments)
def test_stem_and_extension_make_up_the_whole_file_name(file_name: str) -> None:
    stem, extension = split_extension(file_name)
    normal = unicodedata.normalize("NFC", file_name)
    assert unicodedata.normalize("NFC", f"{stem}.{extension}" if extension else stem) == normal
    assert "." not in extension
    assert "/" not in extension
