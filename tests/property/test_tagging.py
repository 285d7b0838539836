"""Tags stay within S3's limits, and nobody's tag is lost."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from carefile.core.filing.tagging import (
    MAX_TAGS,
    STATUS_TAG,
    PipelineStatus,
    encoded,
    layout_tags,
    outranks,
    up_to,
    with_status,
    with_uploaders_tags,
    without_good_end,
)
from carefile.core.model import Kind, Patient, Source, digest
from tests.property.strategies import keys, names, patients

ALLOWED = r"[\w .:/=+\-@]*"  # letters and digits of any script, space, and these
tag_texts = st.text(st.sampled_from("abcÄ検0 _.:/=+-@"), min_size=1, max_size=128)
theirs = st.dictionaries(
    st.one_of(tag_texts, st.sampled_from(["kind", "patient-ref", STATUS_TAG])), tag_texts, max_size=MAX_TAGS
)
ranks = [status.value for status in PipelineStatus]


@given(st.sampled_from(Kind), patients, theirs, st.binary(min_size=1))
def test_tags_are_never_more_than_ten_and_ours_are_among_them(
    kind: Kind, patient: Patient, uploaded: dict[str, str], secret: bytes
) -> None:
    ours = layout_tags(kind, patient, secret)
    merged = with_uploaders_tags(ours, uploaded)
    assert len(merged) <= MAX_TAGS
    assert {name: merged[name] for name in ours} == ours
    assert STATUS_TAG not in merged
    carried = {name for name in uploaded if name not in ours and name != STATUS_TAG}
    assert len(merged) == min(MAX_TAGS, len(ours) + len(carried))


@given(st.sampled_from(Kind), patients, st.binary(min_size=1))
def test_our_tags_are_what_s3_takes_and_never_hold_the_id(
    kind: Kind, patient: Patient, secret: bytes
) -> None:
    tags = layout_tags(kind, patient, secret)
    for name, value in tags.items():
        assert len(name) <= 128
        assert len(value) <= 256
        assert re.fullmatch(ALLOWED, name + value)
    if patient.id is not None and len(patient.id) > 4:
        assert patient.id not in tags["patient-ref"]


@given(theirs)
def test_tags_go_through_the_header_unchanged(tags: dict[str, str]) -> None:
    header = encoded(tags)
    assert header.isascii()
    assert dict(parse_qsl(header, strict_parsing=bool(tags), keep_blank_values=True)) == tags


@given(theirs, st.sampled_from(PipelineStatus))
def test_a_status_is_shown_where_there_is_room_and_no_other_tag_is_touched(
    present: dict[str, str], status: PipelineStatus
) -> None:
    tags = with_status(present, status)
    assert len(tags) <= max(MAX_TAGS, len(present))
    untouched = {name: value for name, value in present.items() if name != STATUS_TAG}
    assert {name: value for name, value in tags.items() if name != STATUS_TAG} == untouched
    if len(untouched) < MAX_TAGS:
        assert tags[STATUS_TAG] == status
    assert with_status(tags, status) == tags


@given(theirs, st.sampled_from(["", "failed", "made up", *PipelineStatus]))
def test_only_the_claim_of_a_good_end_is_taken_off(present: dict[str, str], claim: str) -> None:
    others = {name: value for name, value in present.items() if name != STATUS_TAG}
    kept = {STATUS_TAG: claim} if claim == "failed" else {}
    assert without_good_end({**others, STATUS_TAG: claim}) == others | kept
    assert without_good_end(others) == others


def test_a_status_takes_the_place_of_those_below_it() -> None:
    ends = [status for status in PipelineStatus if status is not PipelineStatus.FAILED]
    for rank, status in enumerate(ends, 1):
        assert list(up_to(status)) == ends[:rank]
        assert [outranks({STATUS_TAG: it}, status) for it in ends] == [it not in ends[:rank] for it in ends]
    assert not outranks({}, PipelineStatus.FAILED)


@given(st.lists(names, max_size=3), st.lists(names, max_size=3))
def test_two_lists_of_parts_have_one_digest_only_if_they_are_equal(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)
    assert re.fullmatch("[0-9a-f]{32}", digest(*one))


@given(keys, keys)
def test_a_source_id_is_a_function_of_bucket_and_key(one: str, other: str) -> None:
    assert (Source("landing", one).source_id == Source("landing", other).source_id) == (one == other)
    assert Source("landing", one).source_id != Source("landing-2", one).source_id
