"""A session that was assigned to a patient is that patient's, whatever its objects say and whenever they arrive."""

from __future__ import annotations

import pytest

from carefile.core.errors import AssignmentConflict
from carefile.core.filing.layout import Owner
from tests.unit.world import LANDING, Json, World, cataloged, created_event, prefix_of, submitted_event, types

TREE = "sessions/session_7/"
MESSAGE = TREE + "agents/agent_a/messages/message_{}.json"
ANAS, BENS = "processed/Ana_7_medical_notes/session_7/", "processed/Ben_8_medical_notes/session_7/"
UNKNOWN = "processed/unknown_medical_notes/session_7/"


def assign(
    world: World, patient: str, replacing: str | None = None, at: str = "2026-11-20T12:00:00.000Z"
) -> None:
    replaced = frozenset({replacing} if replacing else ())
    world.intake.ledger.assign(Owner(LANDING, TREE, tree=True), patient, replaced, at)


def again(world: World, number: int, name: str = "e9") -> Json:
    return world.run({"bucket": LANDING, "key": MESSAGE.format(number)}, name)


def test_an_intake_after_the_assignment_moves_what_was_filed_before(world: World) -> None:
    world.file(MESSAGE.format(1), b"{}")
    assign(world, "Ana_7")
    moved = again(world, 1)
    assert prefix_of(moved) == ANAS
    assert types(moved) == ["Object Cataloged", "Object Retired"]
    assert world.filed(UNKNOWN) == [UNKNOWN + "_manifest.json"]
    assert world.tags(ANAS + MESSAGE.format(1).removeprefix(TREE))["patient-status"] == "known"


def test_later_uploads_of_the_session_go_to_the_patient_by_themselves(world: World) -> None:
    assign(world, "Ana_7")
    filed = world.file(MESSAGE.format(2), b"{}", Metadata={"patient-id": "Ben_8"})
    assert prefix_of(filed) == ANAS
    used = [
        (item["source"], item["used"]) for item in cataloged(filed)["evidence"] if item["about"] == "patient"
    ]
    assert used == [("assignment", True), ("metadata", False)]


def test_another_session_is_not_concerned(world: World) -> None:
    assign(world, "Ana_7")
    assert prefix_of(world.file("sessions/session_77/session.json", b"{}")).startswith("processed/unknown_")
    assert prefix_of(world.file("sessions/Ben_8/session_7/session.json", b"{}", name="e2")) == BENS


def test_an_assignment_made_while_an_object_is_being_filed_is_followed_in_the_same_intake(
    world: World,
) -> None:
    classified = world.classify(created_event(MESSAGE.format(1), world.upload(MESSAGE.format(1), b"{}")))
    read, asked = world.intake.filing.landing.tags, []

    def assign_meanwhile(*arguments: object) -> object:
        if not asked:
            asked.append(True)
            assign(world, "Ana_7")
        return read(*arguments)  # type: ignore[arg-type]

    world.monkeypatch.setattr(world.intake.filing.landing, "tags", assign_meanwhile)
    result = world.normalise(classified)
    assert prefix_of(result) == ANAS
    assert types(result) == ["Object Cataloged", "Object Retired"]


def test_a_second_assignment_to_another_patient_is_refused(world: World) -> None:
    assign(world, "Ana_7")
    with pytest.raises(AssignmentConflict) as refused:
        assign(world, "Ben_8")
    assert "Ana" not in str(refused.value)
    assert "Ben" not in str(refused.value)
    assert prefix_of(world.file(MESSAGE.format(1), b"{}")) == ANAS


def test_the_same_assignment_again_is_none(world: World) -> None:
    assign(world, "Ana_7")
    assign(world, "Ana_7", at="2026-11-20T11:00:00.000Z")
    assert prefix_of(world.file(MESSAGE.format(1), b"{}")) == ANAS


def test_it_may_be_taken_from_whom_it_is_assigned_to(world: World) -> None:
    assign(world, "Ana_7")
    assign(world, "Ben_8", replacing="Ana_7")
    assert prefix_of(world.file(MESSAGE.format(1), b"{}")) == BENS


def test_a_decision_whose_event_comes_again_does_not_undo_a_later_one(world: World) -> None:
    assign(world, "Ana_7", at="2026-11-20T10:00:00.000Z")
    assign(world, "Ben_8", replacing="Ana_7", at="2026-11-20T11:00:00.000Z")
    assign(world, "Ana_7", replacing="Ben_8", at="2026-11-20T12:00:00.000Z")
    with pytest.raises(AssignmentConflict):
        assign(world, "Ben_8", replacing="Ana_7", at="2026-11-20T11:00:00.000Z")
    assert prefix_of(world.file(MESSAGE.format(1), b"{}")) == ANAS


def test_a_hint_that_names_another_patient_makes_the_object_nobodys(world: World) -> None:
    assign(world, "Ana_7")
    world.upload(MESSAGE.format(1), b"{}")
    filed = world.run(submitted_event(MESSAGE.format(1), {"patient_id": "Ben_8"}))
    assert prefix_of(filed) == UNKNOWN
    assert cataloged(filed)["patient"] == {"status": "unknown", "reason": "conflict"}


def test_a_hint_for_the_patient_it_was_taken_from_is_overruled(world: World) -> None:
    world.upload(MESSAGE.format(1), b"{}")
    assert prefix_of(world.run(submitted_event(MESSAGE.format(1), {"patient_id": "Ben_8"}))) == BENS
    assign(world, "Ana_7", replacing="Ben_8")
    assert prefix_of(again(world, 1)) == ANAS


def test_what_is_deleted_from_the_landing_bucket_is_moved_too(world: World) -> None:
    world.file(MESSAGE.format(1), b"{}")
    world.delete(MESSAGE.format(1))
    assign(world, "Ana_7")
    assert prefix_of(again(world, 1)) == ANAS
    assert world.filed(UNKNOWN) == [UNKNOWN + "_manifest.json"]
