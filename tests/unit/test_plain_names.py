"""Who may have the plain name of a session, and whom a session's bare id means."""

from __future__ import annotations

import dataclasses

import pytest

from carefile.core.errors import RejectedAssignment
from lambdas import assign_patient, list_objects
from lambdas.intake import filing
from tests.unit.world import Json, World, prefix_of

ANAS = "processed/Ana_7_medical_notes/session_7/"
TRUSTED, STRANGERS = "sessions/session_7/session.json", "uploads/portal/session_7/session.json"
SESSION = {"session_id": "7", "patient_id": "Ana_7"}


def assign(asked: Json) -> Json:
    return assign_patient.handler({"input": asked, "started": "2026-11-20T12:00:00.000Z"}, None)


def move(world: World, decided: Json) -> None:
    for number, item in enumerate(
        list_objects.handler({"subject": decided["subject"], "after": ""}, None)["items"]
    ):
        world.run(item, f"m{number}")


def test_a_session_that_only_metadata_names_leaves_the_plain_name_to_the_one_whose_key_does(
    world: World,
) -> None:
    first = world.file(TRUSTED, b"{}", name="a", Metadata={"patient-id": "Ana_7"})
    second = world.file("sessions/Ana_7/session_7/session.json", b"{}", name="b")
    assert prefix_of(first).startswith(ANAS.removesuffix("/") + "-")
    assert prefix_of(second) == ANAS


def test_all_of_a_sessions_objects_are_in_its_one_folder_with_a_suffix(world: World) -> None:
    folders = {
        prefix_of(
            world.file(f"sessions/session_7/{n}.json", b"{}", name=f"n{n}", Metadata={"patient-id": "Ana_7"})
        )
        for n in range(3)
    }
    assert len(folders) == 1


def test_a_persons_decision_opens_the_plain_name_to_all_of_a_session(world: World) -> None:
    for n in range(2):
        world.file(f"sessions/session_7/{n}.json", b"{}", name=f"n{n}", Metadata={"patient-id": "Ana_7"})
    decided = assign(SESSION)
    assert not decided["nothing_to_move"]
    move(world, decided)
    assert {key for key in world.filed(ANAS) if not key.endswith("_manifest.json")} == {
        f"{ANAS}0.json",
        f"{ANAS}1.json",
    }
    assert [
        key for key in world.filed("processed/Ana_7_medical_notes/session_7-") if "_manifest" not in key
    ] == []
    assert prefix_of(world.file("sessions/session_7/3.json", b"{}", name="later")) == ANAS
    assert assign(SESSION)["nothing_to_move"]


def test_a_session_of_which_only_a_part_has_moved_to_its_plain_name_is_moved_on(world: World) -> None:
    for n in range(2):
        world.file(f"sessions/session_7/{n}.json", b"{}", name=f"n{n}", Metadata={"patient-id": "Ana_7"})
    world.run(
        list_objects.handler({"subject": assign(SESSION)["subject"], "after": ""}, None)["items"][0], "m0"
    )
    halfway = assign(SESSION)
    assert {it["folder"] == ANAS: it["objects"] for it in halfway["filed"]} == {True: 1, False: 1}
    assert not halfway["nothing_to_move"]


def test_what_a_decision_moved_to_its_plain_name_is_a_duplicate_when_it_is_delivered_again(
    world: World,
) -> None:
    world.file(TRUSTED, b"{}", name="a", Metadata={"patient-id": "Ana_7"})
    move(world, assign(SESSION))
    again = world.run({"bucket": "landing", "key": TRUSTED}, "again")
    assert (prefix_of(again), again["disposition"]) == (ANAS, "duplicate")


def test_where_another_has_the_plain_name_a_decision_leaves_the_session_where_it_is(world: World) -> None:
    world.file("sessions/Ana_7/session_7/session.json", b"{}", name="b")
    first = world.file(TRUSTED, b"{}", name="a", Metadata={"patient-id": "Ana_7"})
    assign({"key": TRUSTED, "patient_id": "Ana_7"})
    again = world.run({"bucket": "landing", "key": TRUSTED}, "again")
    # It is filed again where it is, to show the decision.
    assert (prefix_of(again), again["disposition"]) == (prefix_of(first), "cataloged")
    assert assign({"key": TRUSTED, "patient_id": "Ana_7"})["nothing_to_move"]


def test_a_plain_name_that_was_claimed_before_stays_also_where_the_rules_would_not_give_it_now(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = filing.classify
    with monkeypatch.context() as before:
        before.setattr(
            filing, "classify", lambda *a, **k: dataclasses.replace(real(*a, **k), may_have_plain_name=True)
        )
        assert prefix_of(world.file(TRUSTED, b"{}", name="a", Metadata={"patient-id": "Ana_7"})) == ANAS
    assert prefix_of(world.file(TRUSTED, b"{1}", name="b", Metadata={"patient-id": "Ana_7"})) == ANAS
    new = world.file("sessions/session_7/new.json", b"{}", name="c", Metadata={"patient-id": "Ana_7"})
    assert prefix_of(new) == ANAS


def test_a_strangers_session_of_the_same_id_is_neither_assigned_nor_in_the_way(world: World) -> None:
    world.file(STRANGERS, b"{}", name="s")
    world.file(TRUSTED, b"{}", name="t")
    assert assign(SESSION)["subject"]["path"] == "sessions/session_7/"


def test_a_session_of_a_place_without_a_convention_is_assigned_by_its_key_only(world: World) -> None:
    world.file(STRANGERS, b"{}", name="s")
    with pytest.raises(RejectedAssignment, match=r"^untrusted-session: "):
        assign(SESSION)
    decided = assign({"key": STRANGERS, "patient_id": "Ana_7"})
    move(world, decided)
    assert f"{ANAS}session.json" in world.filed(ANAS)


def test_two_trusted_sessions_of_one_id_are_still_asked_about(world: World) -> None:
    world.file(STRANGERS, b"{}", name="s")
    world.file(TRUSTED, b"{}", name="t")
    world.file("medical-notes/no-patient/session_7/session.json", b"{}", name="u")
    with pytest.raises(RejectedAssignment, match=r"^ambiguous-session: 2 "):
        assign(SESSION)
