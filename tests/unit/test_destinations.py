"""When a new version belongs elsewhere: the old place shows it no more, and the intake says so."""

from __future__ import annotations

import pytest

from tests.unit.world import PROCESSED, World, cataloged, created_event, prefix_of, submitted_event, types


def retired(result: dict) -> list[str]:
    return [
        event["detail"]["location"]["prefix"]
        for event in result["events"]
        if event["detail_type"] == "Object Retired"
    ]


def test_a_version_of_another_patient_takes_the_old_copy_from_under_the_first(world: World) -> None:
    world.file("x.txt", Metadata={"patient-id": "Ana_7"})
    moved = world.file("x.txt", name="e2", Metadata={"patient-id": "Ben_8"})
    assert types(moved) == ["Object Cataloged", "Object Retired"]
    assert retired(moved) == ["processed/Ana_7_x/"]
    assert world.filed() == [
        "processed/Ana_7_x/_manifest.json",
        *(f"processed/Ben_8_x/{name}" for name in ("_manifest.json", "extracted_data.json")),
        *(f"processed/Ben_8_x/{name}" for name in ("original.txt", "result.html")),
    ]


def test_the_retired_folder_stays_its_owners_and_says_nothing_of_the_document(world: World) -> None:
    world.file("x.txt", Metadata={"patient-id": "Ana_7"})
    world.file("x.txt", name="e2", Metadata={"patient-id": "Ben_8"})
    manifest = world.json("processed/Ana_7_x/_manifest.json")
    assert manifest["state"] == "claimed"
    assert set(manifest["owner"]) == {"id"}
    assert world.tags("processed/Ana_7_x/_manifest.json")["patient-ref"] == "unknown"
    other = world.file("documents/Ana_7/x.txt", name="e3")
    assert prefix_of(other).startswith("processed/Ana_7_x-")


def test_what_was_retired_can_still_be_recovered(world: World) -> None:
    world.file("x.txt", b"of Ana", Metadata={"patient-id": "Ana_7"})
    world.file("x.txt", name="e2", Metadata={"patient-id": "Ben_8"})
    found = world.s3.list_object_versions(Bucket=PROCESSED, Prefix="processed/Ana_7_x/original.txt")
    assert len(found["Versions"]) == 1
    assert len(found["DeleteMarkers"]) == 1


def test_a_document_that_goes_back_finds_its_old_folder(world: World) -> None:
    world.file("x.txt", Metadata={"patient-id": "Ana_7"})
    world.file("x.txt", name="e2", Metadata={"patient-id": "Ben_8"})
    back = world.file("x.txt", b"third", name="e3", Metadata={"patient-id": "Ana_7"})
    assert prefix_of(back) == "processed/Ana_7_x/"
    assert world.body("processed/Ana_7_x/original.txt") == b"third"
    assert world.filed("processed/Ben_8_x/") == ["processed/Ben_8_x/_manifest.json"]


def test_a_session_object_that_moves_leaves_only_its_own_key(world: World) -> None:
    for number in (1, 2):
        world.file(f"sessions/session_1/messages/{number}.json", b"{}", name=f"e{number}")
    hints = {"patient_id": "Ana_7"}
    moved = world.run(submitted_event("sessions/session_1/messages/1.json", hints), "e3")
    assert retired(moved) == ["processed/unknown_medical_notes/session_1/messages/1.json"]
    assert "processed/unknown_medical_notes/session_1/messages/2.json" in world.filed()
    assert "processed/unknown_medical_notes/session_1/messages/1.json" not in world.filed()


def test_a_document_that_became_a_session_leaves_its_folder(world: World) -> None:
    world.file("documents/P/talk.json", b"{}")
    moved = world.run(submitted_event("documents/P/talk.json", {"kind": "session"}), "e2")
    assert prefix_of(moved) == "processed/P_medical_notes/session_talk/"
    assert retired(moved) == ["processed/P_talk/"]
    assert world.filed("processed/P_talk/") == ["processed/P_talk/_manifest.json"]


def test_a_session_that_became_a_document_leaves_its_key(world: World) -> None:
    world.file("sessions/P/talk.json", b"{}")
    moved = world.run(submitted_event("sessions/P/talk.json", {"kind": "document"}), "e2")
    assert prefix_of(moved) == "processed/P_talk/"
    assert retired(moved) == ["processed/P_medical_notes/session_talk/talk.json"]


def test_only_what_the_source_itself_wrote_is_retired(world: World) -> None:
    world.file("x.txt")
    world.s3.put_object(Bucket=PROCESSED, Key="processed/unknown_x/notes-of-a-colleague.txt", Body=b"keep")
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}), "e2")
    assert "processed/unknown_x/notes-of-a-colleague.txt" in world.filed()


def test_what_another_source_wrote_into_the_folder_is_not_retired(world: World) -> None:
    world.file("x.txt")
    other = prefix_of(world.file("documents/P/y.txt", name="e2")) + "original.txt"
    copied = "processed/unknown_x/copy-of-another.txt"
    world.s3.copy_object(Bucket=PROCESSED, Key=copied, CopySource={"Bucket": PROCESSED, "Key": other})
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}), "e3")
    assert world.filed("processed/unknown_x/") == ["processed/unknown_x/_manifest.json", copied]


def test_a_folder_that_is_listed_in_pages_is_seen_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "5")  # S3's own is 1,000
    world.file("x.txt")
    for number in range(12):
        world.s3.put_object(Bucket=PROCESSED, Key=f"processed/unknown_x/0{number:02}", Body=b"")
    assert len(world.s3.list_objects_v2(Bucket=PROCESSED)["Contents"]) == 5
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7"}), "e2")
    assert world.filed("processed/unknown_x/r") == []


def test_a_source_that_moved_often_is_announced_in_one_request(world: World) -> None:
    version = world.upload("x.txt")
    for number in range(12):
        moved = world.run(submitted_event("x.txt", {"patient_id": f"P{number:02}"}), f"e{number}")
        assert retired(moved)[:1] == ([f"processed/P{number - 1:02}_x/"] if number else [])
    assert len(moved["events"]) <= 10
    assert cataloged(moved)["source"]["version_id"] == version


def test_a_retired_event_lost_by_a_crash_is_told_by_the_redrive(world: World) -> None:
    world.file("x.txt", Metadata={"patient-id": "Ana_7"})
    version = world.upload("x.txt", Metadata={"patient-id": "Ben_8"})
    classified = world.classify(created_event("x.txt", version), "e2")
    lost = world.normalise(classified, "e2")
    again = world.normalise(classified, "e2")
    assert retired(lost) == retired(again) == ["processed/Ana_7_x/"]
    assert (lost["disposition"], again["disposition"]) == ("cataloged", "cataloged")
    assert [e["detail"]["event_id"] for e in lost["events"]] == [
        e["detail"]["event_id"] for e in again["events"]
    ]
