"""A key that goes from place to place does not fill its ledger item, and what it costs does not grow without end."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from carefile.core.errors import LedgerFull
from carefile.core.filing.tagging import PipelineStatus
from carefile.core.model import Hints, Source
from carefile.core.records import ledger as module
from tests.unit.world import LANDING, World, created_event

KEY = "documents/lab.txt"


def move(world: World, number: int, patient: str) -> str:
    """File the key once more, under another patient. Returns the version."""
    version = world.upload(KEY, b"hello", Metadata={"patient-id": patient})
    world.run(created_event(KEY, version), f"e{number}")
    return str(version)


def move_on(world: World, times: int, patient: str) -> None:
    for number in range(times):
        move(world, number, patient.format(number))


def places(world: World) -> frozenset[str]:
    return world.intake.ledger.read(Source(LANDING, KEY)).destinations


@pytest.mark.parametrize(
    ("limit", "patient"), [("MAX_PLACES", "p{}"), ("MAX_PLACES_BYTES", "a very long id " * 20 + "{}")]
)
def test_a_key_of_too_many_places_fails_by_a_name_of_its_own_and_keeps_what_is_filed(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: str, patient: str
) -> None:
    monkeypatch.setattr(module, limit, 5 if limit == "MAX_PLACES" else 1000)
    with pytest.raises(LedgerFull, match=r"^ledger-full: "):
        move_on(world, 20, patient)
    before = world.filed()
    assert len(places(world)) < 8
    with pytest.raises(LedgerFull):
        world.run(created_event(KEY), "redriven")
    assert [key for key in world.filed() if "original" in key] == [key for key in before if "original" in key]


def test_a_place_that_it_had_before_is_open_to_a_key_of_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PLACES", 3)
    for number, patient in enumerate(("a", "b", "c", "a")):
        move(world, number, patient)
    assert world.body("processed/a_lab/original.txt") == b"hello"


def test_without_the_bound_the_item_would_be_full_for_good(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the bound is for: DynamoDB refuses the item, and that is told by the same name."""
    source, ledger = Source(LANDING, KEY), world.intake.ledger
    world.upload(KEY)
    observed = world.intake.landing.head(source)
    monkeypatch.setattr(module, "MAX_PLACES", 10**6)
    monkeypatch.setattr(module, "MAX_PLACES_BYTES", 10**9)
    full = {"SS": [f"{number:04}" + "x" * 1000 for number in range(390)]}
    world.dynamodb.put_item(
        TableName="ledger",
        Item={"source_id": {"S": source.source_id}, "revision": {"N": "1"}, "destinations": full},
    )

    def fill() -> None:
        for number in range(40):
            ledger.write_ahead(observed, f"new-{number}" + "y" * 1000, ledger.read(source))  # type: ignore[arg-type]

    with pytest.raises(LedgerFull):
        fill()


def test_decisions_that_fill_the_item_are_told_by_the_same_name(world: World) -> None:
    def decide() -> None:
        for number in range(60):
            hints = Hints(patient_id="p", document_name="x" * 10_000)
            world.intake.ledger.decide(Source(LANDING, KEY), f"v{number}", hints, "2026-11-20T10:00:00Z")

    with pytest.raises(LedgerFull):
        decide()


def test_another_refusal_keeps_its_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, "UpdateItem")

    ledger = world.intake.ledger
    monkeypatch.setattr(ledger._dynamodb, "update_item", refuse)
    with pytest.raises(ClientError):
        ledger.note_status(Source(LANDING, KEY), "v1", PipelineStatus.CATALOGED)
