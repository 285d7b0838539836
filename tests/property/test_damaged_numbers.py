"""A number that some program has damaged names nobody, in whatever format it arrives; an id that is whole does."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.classification import classify
from carefile.core.deciding.damaged_numbers import damaged_number
from carefile.core.model import Classification, EvidenceSource, Hints, UnknownReason
from lambdas.adapters import contracts
from lambdas.readers import Content, read

RULES = contracts.rules()
DAYS = st.dates(date(1850, 1, 1), date(2150, 1, 1))
DAMAGED = st.one_of(
    st.floats(min_value=1e16, max_value=1e300).map(repr),  # as Python, pandas and JSON write them
    st.integers(0, 10**15).map(lambda number: repr(float(number))),
    st.integers(10**11, 10**30).map(lambda number: f"{number:.5E}"),  # as spreadsheets show them
    st.integers(1000, 10**12).map(lambda number: f"{number:,}"),
    st.from_regex(r"0{1,4}[0-9]{1,9}", fullmatch=True).flatmap(
        lambda digits: st.sampled_from([f'="{digits}"', f"'{digits}"])
    ),
    DAYS.flatmap(
        lambda day: st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b", "%b-%y"]).map(day.strftime)
    ),
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(str),
)
WHOLE = st.one_of(
    st.integers(1, 10**17).map(str),
    st.from_regex(r"[0-9]{2,12}", fullmatch=True),
    st.from_regex(r"[A-Z]{1,4}[-_]?[0-9]{2,8}", fullmatch=True),
    st.from_regex(r"[0-9]{6}-[0-9]{4}", fullmatch=True),
    st.from_regex(r"[0-9]{1,2}\.[1-9][0-9]{2}\.[0-9]{3}-[0-9K]", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{1,3}E[0-9]{1,4}", fullmatch=True),
    st.uuids().map(str),
)


def filed(
    data: bytes, name: str = "x", key: str = "x", metadata=(), hints: Hints | None = None
) -> Classification:
    content = read(Content(data, len(data)), name=name, declared_type=None, fields=RULES.patient_fields)
    return classify(key, metadata, RULES, hints, content)


@given(DAMAGED)
def test_a_damaged_number_is_known(value: str) -> None:
    assert damaged_number(value)
    assert damaged_number(f" {value} ")


@given(WHOLE)
def test_an_id_that_is_whole_is_not_taken_for_one(value: str) -> None:
    assert not damaged_number(value)


@given(st.text(max_size=300))
def test_any_text_is_judged(value: str) -> None:
    assert damaged_number(value) in (True, False)


@given(DAMAGED)
def test_it_decides_in_no_format_and_is_shown_as_evidence(value: str) -> None:
    cell = value.replace('"', '""')
    for data, name in (
        (f'MRN,Test,Value\n"{cell}",Hb,13\n'.encode(), "x.csv"),
        (json.dumps({"mrn": value, "value": 13}).encode(), "x.json"),
        (
            json.dumps([{"mrn": value}, {"mrn": "A-1"}]).encode(),
            "x.json",
        ),  # nobody's record beside one of A-1
    ):
        found = filed(data, name)
        assert found.patient.reason is UnknownReason.NO_EVIDENCE
        assert any(
            e.value == value and not e.used for e in found.evidence if e.source is EvidenceSource.CONTENT
        )


@given(DAMAGED)
def test_it_contradicts_nobody_and_does_not_decide_as_metadata_or_folder(value: str) -> None:
    data = json.dumps({"mrn": value}).encode()
    assert filed(data, metadata=[("patient-id", "A-1")]).patient.id == "A-1"
    assert filed(b"text", metadata=[("patient-id", value)]).patient.id is None
    if "/" not in value:
        assert filed(b"text", key=f"documents/{value}/x.txt").patient.id is None


def test_a_hint_is_a_decision_and_is_taken_as_it_is() -> None:
    assert filed(b"text", hints=Hints(patient_id="4711.0")).patient.id == "4711.0"


@pytest.mark.parametrize("number", [b"4711.0", b"1.2E+11", b"1e+16"])
def test_a_number_in_json_is_judged_as_it_is_written(number: bytes) -> None:
    assert filed(b'{"mrn": %s}' % number).patient.id is None
    assert filed(b'{"mrn": 4711}').patient.id == "4711"
