"""The functions of a reassignment, in the order of its machine, each object taken in again by the pipeline's own."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from carefile.core.errors import AssignmentConflict, LeftBehind, RejectedAssignment, RejectedEvent
from carefile.core.filing.layout import Owner
from carefile.core.messages import events
from carefile.core.model import Kind, Patient
from lambdas import assign_patient, list_objects, verify_move
from lambdas.intake import assigning, wiring
from tests.golden.instances import schema
from tests.unit.world import LANDING, PROCESSED, Json, World, created_event, prefix_of, submitted_event

ANAS, UNKNOWN = "processed/Ana_7_medical_notes/session_7/", "processed/unknown_medical_notes/session_7/"
KEYS = [
    f"sessions/session_7/{name}"
    for name in ("agents/agent_a/agent.json", "m/1.json", "m/2.json", "session.json")
]
SESSION = {"session_id": "7", "patient_id": "Ana_7"}


def plan(asked: Json) -> Json:
    return assign_patient.handler({"input": asked, "only_plan": True}, None)


def assign(asked: Json, started: str = "2026-11-20T12:00:00.000Z") -> Json:
    return assign_patient.handler({"input": asked, "started": started}, None)


def listed(decided: Json) -> list[Json]:
    items, after = [], ""
    while True:
        page = list_objects.handler({"subject": decided["subject"], "after": after}, None)
        items += page["items"]
        if not (after := page["next"]):
            return items


def verify(decided: Json) -> Json:
    return verify_move.handler({"subject": decided["subject"], "from": decided["from"]}, None)


def reassign(world: World, asked: Json, name: str = "r") -> Json:
    decided = assign(asked)
    for number, item in enumerate(listed(decided)):
        world.run(item, f"{name}{number}")
    assert verify(decided) == {"left": 0}
    return decided


@pytest.fixture
def session(world: World) -> World:
    for number, key in enumerate(KEYS):
        world.file(key, key.encode(), name=f"e{number}")
    return world


def test_a_session_moves_whole_and_its_later_objects_follow(session: World) -> None:
    decided = reassign(session, SESSION)
    assert decided["patient_id"] == "Ana_7"
    assert decided["filed"] == [{"folder": UNKNOWN, "objects": 4}]
    assert (decided["to"], decided["nothing_to_move"]) == (ANAS, False)
    assert session.filed(UNKNOWN) == [UNKNOWN + "_manifest.json"]
    assert session.filed(ANAS) == sorted(
        [ANAS + "_manifest.json", *(key.replace("sessions/session_7/", ANAS) for key in KEYS)]
    )
    assert {item["patient_ref_key"]["S"] for item in session.catalog()} == {"PATIENT#Ana_7"}
    assert prefix_of(session.file("sessions/session_7/m/3.json", b"later", name="l")) == ANAS


def test_a_plan_says_the_same_and_records_nothing(session: World) -> None:
    assert plan(SESSION) == plan(SESSION)
    assert plan(SESSION)["filed"] == [{"folder": UNKNOWN, "objects": 4}]
    assert prefix_of(session.file("sessions/session_7/m/3.json", b"later", name="l")) == UNKNOWN


def test_a_session_may_be_named_by_its_folder_or_the_key_of_an_object(session: World) -> None:
    by_id = plan(SESSION)["subject"]
    assert plan({"prefix": UNKNOWN, "patient_id": "Ana_7"})["subject"] == by_id
    assert plan({"key": KEYS[1], "patient_id": "Ana_7"})["subject"] == by_id
    assert plan({"key": KEYS[1], "bucket": LANDING, "patient_id": "Ana_7"})["subject"] == by_id
    assert plan({"session_id": "session_7", "patient_id": "Ana_7"})["subject"] == by_id


def test_the_same_again_finds_nothing_to_move_and_says_so(session: World) -> None:
    reassign(session, SESSION)
    again = assign(SESSION)
    assert again["nothing_to_move"]
    assert again["filed"] == [{"folder": ANAS, "objects": 4}]


def test_a_second_assignment_is_refused_also_before_the_first_has_moved_anything(session: World) -> None:
    assign(SESSION)
    with pytest.raises(AssignmentConflict, match=r"^assigned-otherwise: "):
        assign(SESSION | {"patient_id": "Ben_8"})


def test_what_is_a_patients_already_is_taken_from_him_only_by_name(session: World) -> None:
    reassign(session, SESSION)
    bens = {"key": KEYS[0], "patient_id": "Ben_8"}
    for refused in (bens, bens | {"from": "Cyn_9"}):
        with pytest.raises(AssignmentConflict, match=r"^filed-otherwise: "):
            assign(refused)
    reassign(session, {"session_id": "7", "patient_id": "Ben_8", "from": "Ana_7"}, "s")
    assert session.filed(ANAS) == [ANAS + "_manifest.json"]
    assert len(session.filed("processed/Ben_8_medical_notes/session_7/")) == 5


def test_a_session_spread_over_patients_is_brought_together(session: World) -> None:
    session.upload(KEYS[1], b"new", Metadata={"patient-id": "Ben_8"})
    session.run({"bucket": LANDING, "key": KEYS[1]}, "m")
    session.upload(KEYS[2], b"new")
    session.run(submitted_event(KEYS[2], {"patient_id": "Cyn_9"}), "h")
    with pytest.raises(AssignmentConflict):
        assign(SESSION)
    reassign(session, SESSION | {"from": ["Ben_8", "Cyn_9"]})
    assert len(session.filed(ANAS)) == 5
    assert {item["patient_ref_key"]["S"] for item in session.catalog()} == {"PATIENT#Ana_7"}


def test_deleted_and_emptied_objects_move_too(session: World) -> None:
    session.delete(KEYS[0])
    session.upload(KEYS[1], b"")
    reassign(session, SESSION)
    assert len(session.filed(ANAS)) == 5


def test_what_was_filed_and_cannot_be_taken_in_again_is_not_passed_over(session: World) -> None:
    version = session.s3.head_object(Bucket=LANDING, Key=KEYS[0])["VersionId"]
    session.s3.delete_object(Bucket=LANDING, Key=KEYS[0], VersionId=version)
    decided = assign(SESSION)
    for number, item in enumerate(listed(decided)):
        session.run(item, f"r{number}")
    with pytest.raises(LeftBehind, match=r"^left-behind: 1 objects are still in 1 folders"):
        verify(decided)
    assert not assign(SESSION)["nothing_to_move"]


def test_a_session_without_any_upload_left_is_still_found_by_its_id(session: World) -> None:
    for key in KEYS:
        version = session.s3.head_object(Bucket=LANDING, Key=key)["VersionId"]
        session.s3.delete_object(Bucket=LANDING, Key=key, VersionId=version)
    decided = plan(SESSION)
    assert decided["subject"]["path"] == "sessions/session_7/"
    assert not decided["nothing_to_move"]


def test_nothing_may_be_left_while_an_object_has_not_been_moved_yet(session: World) -> None:
    decided = assign(SESSION)
    session.run(listed(decided)[0], "r")
    with pytest.raises(LeftBehind, match=r"^left-behind: 3 objects"):
        verify(decided)


def test_large_sessions_come_in_pages_that_miss_and_repeat_nothing(
    session: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assigning, "PAGE", 3)
    for _ in range(3):
        session.upload(KEYS[2], b"another version")
    assert [item["key"] for item in listed(assign(SESSION))] == KEYS
    monkeypatch.setattr(assigning, "_PAGE_BYTES", 1)
    assert [item["key"] for item in listed(assign(SESSION))] == KEYS


@pytest.mark.parametrize("sign", ["a", "é", "😀", '"', "\x01"])
def test_a_page_of_the_longest_keys_fits_into_a_state(monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    key = sign * (1000 // len(sign.encode()))
    items = [{"bucket": "b" * 63, "key": f"{key}{number:03}"} for number in range(600)]
    monkeypatch.setattr(
        assigning.Assigning, "uploads", lambda _, __, after: (one for one in items if one["key"] > after)
    )
    subject = {"bucket": "b" * 63, "path": "sessions/session_7/", "session_id": "7"}
    seen, after = [], ""
    while len(seen) < len(items):
        page = list_objects.handler({"subject": subject, "after": after}, None)
        assert len(json.dumps(page, ensure_ascii=False).encode()) < 200 * 1024
        seen, after = [*seen, *page["items"]], page["next"]
    assert (seen, after) == (items, "")


def test_a_session_id_that_several_trees_have_is_refused_with_what_would_tell_them_apart(
    session: World,
) -> None:
    other = "medical-notes/no-patient/session_7/session.json"
    session.file(other, b"{}", name="o")
    with pytest.raises(RejectedAssignment, match=r"^ambiguous-session: .*landing key"):
        plan(SESSION)
    assert [one["objects"] for one in plan({"key": other, "patient_id": "Ana_7"})["filed"]] == [1]


def test_a_session_of_that_id_of_another_patient_is_no_ambiguity(session: World) -> None:
    session.file("sessions/Ben_8/session_7/session.json", b"{}", name="o")
    assert plan(SESSION)["filed"] == [{"folder": UNKNOWN, "objects": 4}]
    bens = plan(SESSION | {"from": "Ben_8"})
    assert [one["objects"] for one in bens["filed"]] == [1]


@pytest.mark.parametrize("named", [{"key": "scan.txt"}, {"prefix": "processed/unknown_scan/"}])
def test_a_document_moves_and_tomorrows_file_of_the_same_name_is_judged_by_itself(
    world: World, named: Json
) -> None:
    world.file("scan.txt", b"yesterday")
    reassign(world, named | {"patient_id": "Ana_7"})
    assert world.filed("processed/unknown_scan/") == ["processed/unknown_scan/_manifest.json"]
    assert len(world.filed("processed/Ana_7_scan/")) == 4
    assert assign({"key": "scan.txt", "patient_id": "Ana_7"})["nothing_to_move"]
    assert prefix_of(world.file("scan.txt", b"today", name="t")) == "processed/unknown_scan/"


def test_a_documents_other_hints_stay(world: World) -> None:
    world.upload("x.txt")
    world.run(submitted_event("x.txt", {"document_name": "Blood count"}))
    reassign(world, {"key": "x.txt", "patient_id": "Ana_7"})
    assert len(world.filed("processed/Ana_7_Blood_count/")) == 4


def test_a_patients_document_is_taken_from_him_only_by_name_and_not_against_a_later_decision(
    world: World,
) -> None:
    world.file("documents/Ana_7/x.txt")
    bens = {"key": "documents/Ana_7/x.txt", "patient_id": "Ben_8"}
    with pytest.raises(AssignmentConflict, match=r"^filed-otherwise: "):
        assign(bens)
    reassign(world, bens | {"from": "Ana_7"})
    later = {"key": "documents/Ana_7/x.txt", "patient_id": "Cyn_9", "from": "Ben_8"}
    with pytest.raises(AssignmentConflict, match=r"^decided-otherwise: "):
        assign(later, started="2026-11-20T11:00:00.000Z")


REFUSED: dict[str, tuple[Json, type[Exception], str]] = {
    "placeholder": (
        {"session_id": "7", "patient_id": " Unknown "},
        RejectedAssignment,
        "placeholder-patient",
    ),
    "no patient": ({"session_id": "7"}, RejectedEvent, "malformed-input"),
    "two names": ({"session_id": "7", "key": "x", "patient_id": "A"}, RejectedEvent, "malformed-input"),
    "no name": ({"patient_id": "A"}, RejectedEvent, "malformed-input"),
    "no such session": ({"session_id": "8", "patient_id": "A"}, RejectedAssignment, "session-not-found"),
    "no such key": ({"key": "nothing.txt", "patient_id": "A"}, RejectedAssignment, "nothing-filed"),
    "another bucket": (
        {"key": "x", "bucket": "theirs", "patient_id": "A"},
        RejectedAssignment,
        "bucket-not-allowed",
    ),
    "no folder": ({"prefix": "processed/x/", "patient_id": "A"}, RejectedAssignment, "nothing-filed"),
    "not the layout": ({"prefix": "elsewhere/", "patient_id": "A"}, RejectedAssignment, "nothing-filed"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_assigned_is_refused_and_nothing_is_recorded(session: World, what: str) -> None:
    asked, error, reason = REFUSED[what]
    before = session.dynamodb.scan(TableName="ledger")["Items"]
    with pytest.raises(error, match=f"^{reason}: ") as refused:
        assign(asked)
    assert "Ana" not in str(refused.value)
    assert session.dynamodb.scan(TableName="ledger")["Items"] == before


def test_a_folder_that_was_left_names_nothing_any_more(world: World) -> None:
    world.file("scan.txt")
    reassign(world, {"key": "scan.txt", "patient_id": "Ana_7"})
    with pytest.raises(RejectedAssignment, match=r"^nothing-filed: "):
        plan({"prefix": "processed/unknown_scan/", "patient_id": "Ben_8"})


def test_the_event_is_accepted_and_its_time_is_the_decisions(session: World) -> None:
    event = {"source": "carefile.intake", "detail-type": "Patient Identified", "time": "2026-11-20T09:00:00Z"}
    assign(event | {"detail": SESSION})
    assign({"key": KEYS[0], "patient_id": "Ben_8", "from": "Ana_7"}, started="2026-11-20T10:00:00.000Z")
    assign({"key": KEYS[0], "patient_id": "Ana_7", "from": "Ben_8"}, started="2026-11-20T11:00:00.000Z")
    late = SESSION | {"patient_id": "Ben_8", "from": "Ana_7"}
    with pytest.raises(AssignmentConflict, match=r"^assigned-otherwise: "):
        assign(event | {"detail": late}, started="2026-11-20T12:00:00.000Z")


def test_an_upload_that_arrives_between_the_decision_and_the_listing_is_listed_and_needs_nothing(
    session: World,
) -> None:
    decided = assign(SESSION)
    key = "sessions/session_7/m/9.json"
    assert prefix_of(session.run(created_event(key, session.upload(key)), "n")) == ANAS
    again = session.run(next(item for item in listed(decided) if item["key"] == key), "r")
    assert again["disposition"] == "duplicate"


def test_a_patient_is_not_overridden_because_the_catalog_is_behind(session: World) -> None:
    key = "sessions/session_7/m/8.json"
    event = created_event(key, session.upload(key, Metadata={"patient-id": "Ben_8"}))
    session.normalise(session.classify(event, "b"), "b")  # filed, and not yet announced
    with pytest.raises(AssignmentConflict, match=r"^filed-otherwise: "):
        assign(SESSION)


def test_an_object_of_the_session_that_was_filed_as_a_document_belongs_to_somebody_too(
    session: World,
) -> None:
    session.run(submitted_event(KEYS[1], {"kind": "document", "patient_id": "Ben_8"}), "d")
    with pytest.raises(AssignmentConflict, match=r"^filed-otherwise: "):
        assign(SESSION)
    reassign(session, SESSION | {"from": "Ben_8"})
    assert session.filed("processed/Ben_8_1/") == ["processed/Ben_8_1/_manifest.json"]
    assert len(session.filed("processed/Ana_7_1/")) == 4


def test_what_was_adopted_where_it_stands_is_refused(world: World) -> None:
    folder = "processed/unknown_medical_notes/session_adopted/"
    owner = Owner(PROCESSED, folder, tree=True)
    manifest = events.adopted_manifest(owner, Kind.SESSION, Patient(), "session_adopted")
    world.s3.put_object(Bucket=PROCESSED, Key=f"{folder}_manifest.json", Body=json.dumps(manifest))
    world.s3.put_object(Bucket=PROCESSED, Key=f"{folder}session.json", Body=b"{}")
    for named in ({"session_id": "adopted"}, {"prefix": folder}):
        with pytest.raises(RejectedAssignment, match=r"^adopted-in-place: "):
            assign(named | {"patient_id": "Ana_7"})
    assert world.dynamodb.scan(TableName="ledger")["Items"] == []


def test_a_sessions_manifest_names_the_persons_decision_by_which_its_folder_was_claimed(
    session: World,
) -> None:
    assert "decision" not in session.json(UNKNOWN + "_manifest.json")
    reassign(session, SESSION | {"decided_by": "Dr. Rey", "reason": "by phone"})
    manifest = session.json(ANAS + "_manifest.json")
    told = {name: manifest["decision"][name] for name in ("type", "decided_by", "reason")}
    assert told == {"type": "assign", "decided_by": "Dr. Rey", "reason": "by phone"}
    assert not list(Draft202012Validator(schema("manifest")).iter_errors(manifest))
    reassign(session, SESSION | {"patient_id": "Ben_8", "from": "Ana_7"}, "s")
    reassign(session, SESSION | {"from": "Ben_8", "decided_by": "Dr. Wu"}, "t")
    assert session.json(ANAS + "_manifest.json") == manifest


def test_a_hint_about_one_object_is_no_decision_of_the_whole_sessions_manifest(world: World) -> None:
    world.upload("sessions/session_9/a.json", b"a")
    world.run(submitted_event("sessions/session_9/a.json", hints={"patient_id": "Ana_7"}))
    assert "decision" not in world.json("processed/Ana_7_medical_notes/session_9/_manifest.json")


def test_nothing_is_left_behind_in_a_folder_that_is_gone(world: World) -> None:
    gone = assigning.Subject(LANDING, "documents/Ana_7/x.txt", None, folder="processed/Ana_7_x/")
    wiring.assigning().verify(gone, frozenset())
