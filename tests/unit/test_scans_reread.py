"""A scan that a better engine reads again: what it recognises moves the document only where that is allowed."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from carefile.core.model import Source as Upload
from lambdas import normalise_document
from lambdas.intake.convergence import Outcome
from lambdas.readers import choosing
from tests.unit.scanned import FAX, Reading, of, reading
from tests.unit.test_corroboration import PEOPLE, list_all, patient
from tests.unit.world import LANDING, World, cataloged, created_event, execution_arn

__all__ = ["reading"]  # a fixture

LISTED = "documents/5001/fax.tiff"
SOMEBODY_ELSES = ("Patient: Ana Ruiz Soto", "DOB: 1984-02-11", "MRN: 4711")


@pytest.fixture
def listed(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATIENTS", "listed")
    reading.world.wire()
    list_all(reading.world, *(patient(number, *facts) for number, facts in PEOPLE.items()))
    return reading.world


def reread(reading: Reading, how: str, *, of_page: Sequence[str]) -> list[Outcome]:
    """A scan of 5001's, that is read again and recognised by an engine that sees this now; and comes twice."""
    world = reading.world
    version = world.upload(LISTED, FAX)
    first = cataloged(world.run(created_event(LISTED, version)))
    reading.file(first, reading.read(first))
    reading.engine.of_page, reading.engine.version = tuple(of_page), "2"
    better = {**choosing.VERSIONS, "tiff": choosing.VERSIONS["tiff"] + 1}
    world.monkeypatch.setattr(choosing, "VERSIONS", better)
    reading.readings.drop(Upload(LANDING, LISTED).source_id)
    upload = world.classify({"bucket": LANDING, "key": LISTED}, "again")["upload"]
    asked = {"upload": upload, "execution": execution_arn("again"), "reread": how}
    pending = cataloged(normalise_document.handler(asked, None))
    assert (pending["reading"], pending["patient"]["id"]) == ({"status": "pending"}, "5001")
    return [reading.file(pending, reading.read(pending, name), name) for name in ("r2", "r3")]


def test_a_scan_that_was_read_again_is_not_moved_by_what_is_recognised_now(
    reading: Reading, listed: World
) -> None:
    for outcome in reread(reading, "leave", of_page=SOMEBODY_ELSES):
        assert outcome.is_left
        assert (of(outcome)["patient"]["id"], of(outcome)["reading"]["status"]) == ("5001", "done")
        assert [event.type.value for event in outcome.events] == ["Object Cataloged"]
    record = reading.record("processed/5001_fax/extracted_data.json")
    assert "Ana Ruiz Soto" in json.dumps(record["content"])
    assert "owner-would-change" in {warning["code"] for warning in record["warnings"]}
    assert listed.filed("processed/unknown") == []


def test_a_scan_that_was_read_again_and_may_move_is_moved(reading: Reading, listed: World) -> None:
    for outcome in reread(reading, "move", of_page=SOMEBODY_ELSES):
        assert not outcome.is_left
        assert of(outcome)["patient"] == {"status": "unknown", "reason": "conflict"}
    assert listed.filed("processed/5001") == ["processed/5001_fax/_manifest.json"]


def test_a_scan_that_was_read_again_and_says_nothing_else_is_filed_as_ever(
    reading: Reading, listed: World
) -> None:
    for outcome in reread(reading, "leave", of_page=["All is well."]):
        assert not outcome.is_left
        assert of(outcome)["patient"]["id"] == "5001"
    record = reading.record("processed/5001_fax/extracted_data.json")
    assert {warning["code"] for warning in record["warnings"]} == {"recognised"}
