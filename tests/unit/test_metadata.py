"""Metadata names a patient as text, or the object is refused by name: it is never a defect, and never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.metadata import metadata_text, require_text
from carefile.core.errors import RejectedObject
from tests.unit.test_adoption import adopt
from tests.unit.world import PROCESSED, World, cataloged, created_event

KEY = "documents/scan.txt"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("P1", "P1"),
        ("=?utf-8?q?Jos=C3=A9_1?=", "José 1"),
        ("=?UTF-8?B?Sm9zw6k=?=", "José"),
        ("=?iso-8859-1?q?Jos=E9?=", "José"),
        ("=?windows-1252?q?Jos=E9?=", "José"),
        ("=?koi8-r?b?6dfBzg==?=", "Иван"),
        ("=?iso-2022-jp?b?GyRCOzNFRBsoQg==?=", "山田"),
    ],
)
def test_the_charsets_of_mail_are_decoded(value: str, text: str) -> None:
    assert metadata_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        "=?rot13?q?C1?=",
        "=?unicode_escape?q?=5Cu0050?=",
        "=?raw-unicode-escape?q?=5Cud800?=",
        "=?utf-7?q?+2AA-?=",
        "=?idna?q?xn--p1?=",
        "=?punycode?q?a-?=",
        "=?unknown-8bit?q?=ff?=",
        "=?utf-16?b?2AA=?=",
        "=?hex?q?50?=",
        "=?utf-8?b?7aCA?=",
    ],
)
def test_what_no_mail_is_written_in_stays_as_it_is(value: str) -> None:
    assert metadata_text(value) == value


NO_TEXT = [
    "=?utf-8?b?UAAx?=",
    "=?utf-8?q?P1=0AP2?=",
    "=?utf-8?q?P=1B[2J?=",
    "=?utf-8?q?P=C2=9B?=",
    "=?us-ascii?q?=7F?=",
]


@pytest.mark.parametrize("value", [*NO_TEXT, "P\ud800", "P\x85"])
def test_what_is_no_text_is_refused_by_name(value: str) -> None:
    with pytest.raises(RejectedObject, match=r"^malformed-metadata: ") as refused:
        require_text([("Patient-Id", value)])
    assert metadata_text(value) not in str(refused.value)


@given(
    value=st.text()
    | st.builds("=?{}?{}?{}?=".format, st.text(), st.sampled_from("bqBQ"), st.text(max_size=40))
)
def test_whatever_it_is_it_is_storable_text_or_refused(value: str) -> None:
    try:
        require_text([("patient_id", value)])
    except RejectedObject:
        return
    metadata_text(value).encode()


@pytest.mark.parametrize("value", NO_TEXT)
def test_the_upload_fails_where_it_is_classified(world: World, value: str) -> None:
    with pytest.raises(RejectedObject, match="malformed-metadata"):
        world.file(KEY, Metadata={"patient-id": value})
    assert world.filed() == []


def test_other_metadata_is_its_uploader_s_own(world: World) -> None:
    result = world.file(KEY, Metadata={"patient-id": "P1", "note": NO_TEXT[0]})
    assert cataloged(result)["patient"]["id"] == "P1"


def test_a_newer_version_that_is_no_text_is_refused_in_its_round(world: World) -> None:
    classified = world.classify(created_event(KEY, world.upload(KEY, b"one")))
    world.upload(KEY, b"two", Metadata={"patient-id": NO_TEXT[0]})
    with pytest.raises(RejectedObject, match="malformed-metadata"):
        world.normalise(classified)
    assert world.filed() == []


def test_where_it_stands_it_is_not_adopted(world: World) -> None:
    key = "processed/P_lab/a.pdf"
    world.s3.put_object(Bucket=PROCESSED, Key=key, Body=b"x", Metadata={"patient_id": NO_TEXT[0]})
    with pytest.raises(RejectedObject, match="malformed-metadata"):
        adopt(world, key)
    assert world.filed() == [key]
