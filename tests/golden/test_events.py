"""The published events, byte for byte of their meaning: consumers rely on every member."""

from __future__ import annotations

import dataclasses

import pytest
from jsonschema import Draft202012Validator

from carefile.core.messages import events
from carefile.core.messages.events import EventType
from carefile.core.model import Source
from tests.golden.instances import schema
from tests.golden.made_events import made, observation
from tests.golden.pairs import Pair, pairs

EVENTS = pairs("events")


@pytest.mark.parametrize("pair", EVENTS, ids=str)
def test_an_event_is_what_its_golden_case_says(pair: Pair) -> None:
    assert made(pair.given).to_json() == pair.expected


@pytest.mark.parametrize("pair", EVENTS, ids=str)
def test_an_event_conforms_to_its_published_schema(pair: Pair) -> None:
    Draft202012Validator(schema(made(pair.given).type.schema)).validate(pair.expected["detail"])


def test_every_type_of_event_has_its_golden_case() -> None:
    assert {pair.given["type"] for pair in EVENTS} == {kind.value for kind in EventType}


def test_an_event_id_is_a_function_of_bucket_key_version_and_layout_version() -> None:
    by_name = {pair.name: pair for pair in EVENTS}
    first, again = by_name["cataloged_document"], by_name["cataloged_document_again"]
    assert first.expected["detail"]["event_id"] == again.expected["detail"]["event_id"]
    ids = {pair.expected["detail"]["event_id"] for pair in EVENTS}
    assert len(ids) == len(EVENTS) - 1


def test_another_version_bucket_key_or_retired_place_is_another_event() -> None:
    told = {pair.name: pair for pair in EVENTS}["cataloged_document"].given
    seen = observation(told["source"])
    others = [
        seen,
        dataclasses.replace(seen, version="other"),
        dataclasses.replace(seen, source=Source("elsewhere", seen.source.key)),
        dataclasses.replace(seen, source=Source(seen.source.bucket, "other")),
    ]
    place = events.Place("b", "processed/x/", (), 1)
    retired = [events.object_retired(other, "b", "processed/old/", place, "e", "t") for other in others]
    retired.append(events.object_retired(seen, "b", "processed/older/", place, "e", "t"))
    assert len({event.detail["event_id"] for event in retired}) == 5
