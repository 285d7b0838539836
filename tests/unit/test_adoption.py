"""What others wrote into the layout is cataloged where it stands; what an intake filed is left alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from carefile.core.deciding.adoption import classify_standing
from carefile.core.errors import RejectedObject
from carefile.core.filing.layout import Layout
from carefile.core.filing.tagging import adopted_revision
from carefile.core.model import Patient, Source
from lambdas import adopt_object
from tests.golden.instances import schema
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import PROCESSED, World, cataloged, execution_arn, prefix_of

SESSION = "processed/Juan_Perez_123_medical_notes/session_1/"
MESSAGE = f"{SESSION}agents/agent_a/messages/message_0.json"
NOTE = "processed/P_lab/by_hand.pdf"


def write(world: World, key: str, body: bytes = b"theirs", **members: Any) -> str:
    """What an assistant or a person writes straight into the layout."""
    return str(world.s3.put_object(Bucket=PROCESSED, Key=key, Body=body, **members)["VersionId"])


def adopt(world: World, key: str, name: str = "a1") -> dict[str, Any]:
    adopted = adopt_object.handler({"bucket": PROCESSED, "key": key, "execution": execution_arn(name)}, None)
    for event in adopted["events"]:
        world.index(event["detail"])
    return adopted


def test_a_sessions_object_is_tagged_claimed_and_cataloged_without_a_copy(world: World) -> None:
    version = write(world, MESSAGE, Tagging="malware=none")
    adopted = adopt(world, MESSAGE)
    assert adopted["disposition"] == "cataloged"
    detail = cataloged(adopted)
    assert detail["patient"] == {"status": "known", "id": "Juan_Perez_123"}
    assert detail["location"]["prefix"] == SESSION
    assert detail["source"]["key"] == MESSAGE
    assert detail["session_info"]["session_id"] == "session_1"
    (stored,) = detail["location"]["objects"]
    assert (stored["key"], stored["version_id"], stored["role"]) == (MESSAGE, version, "session")
    tags = world.tags(MESSAGE)
    assert tags.pop("malware") == "none"
    assert tags["kind"] == "session"
    assert tags["patient-status"] == "known"
    assert world.head(MESSAGE)["VersionId"] == version  # nothing was written anew
    manifest = world.json(f"{SESSION}_manifest.json")
    Draft202012Validator(schema("manifest")).validate(manifest)
    assert manifest["adopted"] is True
    assert world.tags(f"{SESSION}_manifest.json")["kind"] == "manifest"  # no retention takes the claim away
    assert manifest["owner"]["tree"] == SESSION
    (entry,) = [item for item in world.catalog() if item["kind"]["S"] == "session"]
    assert entry["key"] == {"S": MESSAGE}


def test_adopted_again_it_is_a_duplicate_and_a_new_version_is_cataloged(world: World) -> None:
    write(world, MESSAGE)
    first = cataloged(adopt(world, MESSAGE))
    again = adopt(world, MESSAGE, "a2")
    assert again["disposition"] == "duplicate"
    assert cataloged(again)["event_id"] == first["event_id"]
    assert cataloged(again)["revision"] == first["revision"]
    write(world, MESSAGE, b"their next")
    third = adopt(world, MESSAGE, "a3")
    assert third["disposition"] == "cataloged"
    assert cataloged(third)["revision"] > first["revision"]
    assert world.tags(MESSAGE)["kind"] == "session"


def test_an_adopted_version_that_lost_its_tags_gets_them_back_and_is_no_duplicate(world: World) -> None:
    write(world, MESSAGE)
    first = cataloged(adopt(world, MESSAGE))
    world.s3.put_object_tagging(Bucket=PROCESSED, Key=MESSAGE, Tagging={"TagSet": []})
    again = adopt(world, MESSAGE, "a2")
    assert again["disposition"] == "cataloged"
    assert cataloged(again)["revision"] == first["revision"]
    assert world.tags(MESSAGE)["kind"] == "session"


def test_what_an_intake_filed_is_left_alone(world: World) -> None:
    prefix = prefix_of(world.file("documents/P/lab.txt"))
    before = {key: world.head(key)["VersionId"] for key in world.filed()}
    for key in world.filed(prefix):
        adopted = adopt(world, key)
        assert adopted["disposition"] == "left"
        manifest = key.endswith("/_manifest.json")
        assert adopted["left"] == ("manifest" if manifest else "filed-by-an-intake")
        assert adopted["events"] == []
    assert {key: world.head(key)["VersionId"] for key in world.filed()} == before


def test_what_others_put_into_a_folder_of_a_source_is_left_and_told(world: World) -> None:
    write(world, f"{prefix_of(world.file('documents/P/lab.txt'))}note.txt")
    session = prefix_of(world.file("sessions/P/session_1/session.json"))
    write(world, f"{session}by_hand.json")
    assert adopt(world, f"{session}by_hand.json")["left"] == "folder-of-a-source"
    assert adopt(world, "processed/P_lab/note.txt")["left"] == "folder-of-a-source"


@pytest.mark.parametrize("first", ["adoption", "upload"])
def test_an_adopted_session_and_an_uploaded_one_of_its_name_never_meet(world: World, first: str) -> None:
    key = f"{SESSION}session.json"
    write(world, key)
    if first == "adoption":
        adopt(world, key)
    uploaded = prefix_of(world.file("sessions/Juan_Perez_123/session_1/session.json", b"another"))
    assert uploaded != SESSION
    assert adopt(world, key)["disposition"] in ("cataloged", "duplicate")
    assert world.body(key) == b"theirs"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("elsewhere/x.txt", "no-folder-of-the-layout"),
        ("processed/loose.txt", "no-folder-of-the-layout"),
        ("processed/P_medical_notes/loose.txt", "no-folder-of-the-layout"),
        ("processed/P_medical_notes/other_1/x.json", "no-folder-of-the-layout"),
        ("processed/P_x/_manifest.json", "manifest"),
        ("processed/P_x/gone.txt", "deleted"),
    ],
)
def test_what_can_not_be_adopted_is_left_and_says_why(world: World, key: str, why: str) -> None:
    if why != "deleted":
        write(world, key)
    assert adopt(world, key) == {"disposition": "left", "left": why, "events": []}


def test_an_empty_object_and_one_without_room_for_tags_fail(world: World) -> None:
    write(world, NOTE, b"")
    with pytest.raises(RejectedObject, match="empty-object"):
        adopt(world, NOTE)
    write(world, NOTE, Tagging="&".join(f"t{number}=x" for number in range(8)))
    with pytest.raises(RejectedObject, match="no-room-for-tags"):
        adopt(world, NOTE)
    assert len(world.tags(NOTE)) == 8


PLACES = {
    "processed/Juan_Perez_123_medical_notes/session_1/a.json": ({}, "Juan_Perez_123", None),
    "processed/Juan=20Perez_medical_notes/session_1/a.json": ({}, "Juan Perez", None),
    "processed/Juan Perez_medical_notes/session_1/a.json": ({}, None, "no-evidence"),
    "processed/unknown_medical_notes/session_1/a.json": ({}, None, "no-evidence"),
    "processed/=75nknown_medical_notes/session_1/a.json": ({}, None, "no-evidence"),
    "processed/none_medical_notes/session_1/a.json": ({}, None, "no-evidence"),
    "processed/P_1_medical_notes/session_1/a.json": ({"patient-id": "P_1"}, "P_1", None),
    "processed/P_2_medical_notes/session_1/a.json": ({"patient-id": "P_1"}, None, "conflict"),
    "processed/unknown_medical_notes/session_2/a.json": ({"patient-id": "P_1"}, None, "no-evidence"),
    "processed/P_1_lab_report/a.pdf": ({}, None, "no-evidence"),
    "processed/P_lab/a.pdf": ({}, None, "no-evidence"),
    "processed/P_1_lab/a.pdf": ({"patient-id": "P_1"}, "P_1", None),
    "processed/P_1_lab/b.pdf": ({"patient-id": "P"}, "P", None),
    "processed/P_1_lab/c.pdf": ({"patient-id": "Q"}, None, "conflict"),
    "processed/P_1_lab/d.pdf": ({"patient-id": "P_1", "patient_id": "P"}, None, "conflict"),
    "processed/unknown_lab/a.pdf": ({"patient-id": "P_1"}, None, "no-evidence"),
    "processed/P_1_lab/e.pdf": ({"patient-id": "unknown"}, None, "no-evidence"),
}


@pytest.mark.parametrize("key", PLACES)
def test_a_patient_is_known_only_where_the_place_proves_it(world: World, key: str) -> None:
    metadata, patient, reason = PLACES[key]
    standing = Layout().standing(key)
    assert standing
    rules = adopt_object.adoption.rules
    found = classify_standing(standing, metadata.items(), rules)
    assert (found.patient.id, found.patient.reason and found.patient.reason.value) == (patient, reason)
    if found.session and found.patient.id:
        assert standing.folder.startswith(Layout().session_prefix(found.patient))
    if patient and not found.session:
        name = standing.folder.removeprefix("processed/").removesuffix("/")
        assert name.startswith(f"{patient}_")
    assert [item for item in found.evidence if item.about == "patient"]


def test_a_session_prefix_gives_back_its_patient() -> None:
    layout = Layout()
    for patient in ("Juan_Perez_123", "a b", "unknown", "Ünïcode 患者", "x=20y", "a/b"):
        standing = layout.standing(f"{layout.session_prefix(Patient(patient))}session_1/x.json")
        assert standing
        assert standing.patient_id == patient
    cut = layout.standing(f"{layout.session_prefix(Patient('p' * 500))}session_1/x.json")
    assert cut
    assert cut.patient_id is None


def test_the_source_of_an_adopted_object_is_itself(world: World) -> None:
    write(world, NOTE, Metadata={"patient-id": "P"})
    detail = cataloged(adopt(world, NOTE))
    assert detail["source_id"] == Source(PROCESSED, NOTE).source_id
    assert detail["patient"]["id"] == "P"
    assert detail["kind"] == "document"
    Draft202012Validator(schema("manifest")).validate(world.json("processed/P_lab/_manifest.json"))


def test_a_version_carries_the_mark_of_its_own_adoption_where_there_is_room(world: World) -> None:
    version = write(world, MESSAGE)
    adopt(world, MESSAGE)
    assert adopted_revision(world.tags(MESSAGE), version) == 1
    copied = write(world, MESSAGE, Tagging=urlencode(world.tags(MESSAGE)))
    assert adopted_revision(world.tags(MESSAGE), copied) is None
    adopt(world, MESSAGE)
    assert adopted_revision(world.tags(MESSAGE), copied) == 2
    full = write(world, NOTE, Tagging="&".join(f"t{number}=x" for number in range(7)))
    assert adopt(world, NOTE)["disposition"] == "cataloged"
    assert (len(world.tags(NOTE)), adopted_revision(world.tags(NOTE), full)) == (10, None)
    assert adopt(world, NOTE)["disposition"] == "duplicate"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_session_with_an_object_in_conflict_is_nobodys_in_any_order(
    world: World, order: tuple[int, int]
) -> None:
    stream = Stream(world)
    objects = {f"{SESSION}0.json": {}, f"{SESSION}1.json": {"patient-id": "Another"}}
    for number in order:
        key = list(objects)[number]
        write(world, key, Metadata=objects[key])
        adopt(world, key)
    index(stream.records())
    (session,) = [item for item in world.catalog() if "kind" not in item]
    assert (session["patient_ref_key"]["S"][:8], session["reason"]["S"]) == ("UNKNOWN#", "conflict")
