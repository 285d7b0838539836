"""A session's tree is filed byte for byte under its patient, all of it in one folder."""

from __future__ import annotations

import json

import pytest

from carefile.core.filing.names import decode_sub_path
from carefile.core.filing.tagging import LAYOUT_TAGS
from tests.unit.world import PROCESSED, World, cataloged, created_event, prefix_of

TREE = {
    "session.json": b'{"session_id": "20241028_143022", "session_type": "AGENT"}\n',
    "agents/agent_default/agent.json": b'{"agent_id":"default","state":{}}',
    "agents/agent_default/messages/message_0.json": '{"message":{"content":"Grüße"}}'.encode(),
    "agents/agent_default/messages/message_1.json": b'{ "message" : 1 }\r\n',
    "multi_agents/multi_agent_x/multi_agent.json": b"{}",
    "attachments/röntgen bild+1%20.bin": bytes(range(256)),
}


def file_tree(world: World, prefix: str, tree: dict[str, bytes] = TREE) -> set[str]:
    """Upload and file a tree. Returns the folders it went to."""
    number = len(world.catalog())
    return {
        prefix_of(world.file(prefix + path, body, name=f"e{number}-{index}"))
        for index, (path, body) in enumerate(tree.items())
    }


@pytest.mark.parametrize(
    ("landing", "folder"),
    [
        (
            "sessions/Juan_Perez_123/session_20241028_143022/",
            "processed/Juan_Perez_123_medical_notes/session_20241028_143022/",
        ),
        (
            "sessions/session_20241028_145012/",
            "processed/unknown_medical_notes/session_20241028_145012/",
        ),
        (
            "medical-notes/patients/Juan_Perez_123/20241028/",
            "processed/Juan_Perez_123_medical_notes/session_20241028/",
        ),
        (
            "medical-notes/no-patient/session_20241028_145012/",
            "processed/unknown_medical_notes/session_20241028_145012/",
        ),
    ],
)
def test_a_session_tree_keeps_its_sub_paths_and_its_bytes(world: World, landing: str, folder: str) -> None:
    assert file_tree(world, landing) == {folder}
    kept = {key.removeprefix(folder): world.body(key) for key in world.filed(folder)}
    del kept["_manifest.json"]
    assert kept == TREE


def test_a_session_object_has_the_three_tags_and_the_uploaders(world: World) -> None:
    world.file("sessions/P/session_1/session.json", b"{}", Tagging="team=a", Metadata={"x": "y"})
    key = "processed/P_medical_notes/session_1/session.json"
    tags = world.tags(key)
    assert (tags["kind"], tags["patient-status"], tags["team"]) == ("session", "known", "a")
    assert tags.keys() == {*LAYOUT_TAGS, "team"}
    assert world.head(key)["Metadata"]["x"] == "y"


def test_a_sessions_folder_has_one_manifest_that_never_changes(world: World) -> None:
    file_tree(world, "sessions/P/session_1/")
    key = "processed/P_medical_notes/session_1/_manifest.json"
    found = world.s3.list_object_versions(Bucket=PROCESSED, Prefix=key)
    assert len(found["Versions"]) == 1
    manifest = world.json(key)
    assert manifest["owner"]["tree"] == "sessions/P/session_1/"
    assert manifest["session_id"] == "session_1"
    assert world.tags(key)["kind"] == "manifest"


def test_a_session_whose_object_comes_again_is_a_duplicate(world: World) -> None:
    version = world.upload("sessions/P/session_1/session.json", b"{}")
    event = created_event("sessions/P/session_1/session.json", version)
    assert world.run(event)["disposition"] == "cataloged"
    assert world.run(event, "e2")["disposition"] == "duplicate"


def test_a_message_written_again_shows_its_newest_bytes(world: World) -> None:
    key = "sessions/P/session_1/agents/agent_a/messages/message_0.json"
    world.file(key, b"{}")
    world.file(key, b'{"redacted":true}', name="e2")
    assert (
        world.body("processed/P_medical_notes/session_1/agents/agent_a/messages/message_0.json")
        == b'{"redacted":true}'
    )


def test_a_second_tree_of_the_same_session_gets_a_folder_of_its_own_all_of_it(world: World) -> None:
    (first,) = file_tree(world, "sessions/session_X/")
    (second,) = file_tree(world, "medical-notes/no-patient/session_X/")
    assert first == "processed/unknown_medical_notes/session_X/"
    assert second.startswith("processed/unknown_medical_notes/session_X-")
    assert len(world.filed(first)) == len(world.filed(second)) == len(TREE) + 1


def test_two_trees_uploaded_at_once_never_mix(world: World) -> None:
    trees = {"sessions/session_X/": b"one", "medical-notes/no-patient/session_X/": b"two"}
    for number, path in enumerate(TREE):
        for prefix, body in trees.items():
            world.file(prefix + path, body, name=f"e{number}{body.decode()}")
            world.wire()
    folders: dict[bytes, set[str]] = {b"one": set(), b"two": set()}
    for key in world.filed():
        if not key.endswith("_manifest.json"):
            folders[world.body(key)].add(key.split("/")[2])
    assert [len(found) for found in folders.values()] == [1, 1]
    assert not folders[b"one"] & folders[b"two"]


@pytest.mark.parametrize(
    ("key", "filed"),
    [
        ("sessions/P/talk.json", "P_medical_notes/session_talk/talk.json"),
        ("sessions/talk.v2.json", "unknown_medical_notes/session_talk.v2/talk.v2.json"),
        ("sessions/P/session_7.json", "P_medical_notes/session_7/session_7.json"),
    ],
)
def test_a_session_in_one_file_gets_a_folder_by_its_stem(world: World, key: str, filed: str) -> None:
    world.file(key, b"{}")
    assert f"processed/{filed}" in world.filed()


def test_a_session_in_one_file_never_joins_a_tree_of_the_same_name(world: World) -> None:
    file_tree(world, "sessions/P/session_7/")
    assert prefix_of(world.file("sessions/P/session_7.json", b"{}")).startswith(
        "processed/P_medical_notes/session_7-"
    )


def test_a_file_of_the_session_named_like_our_manifest_is_kept_beside_it(world: World) -> None:
    world.file("sessions/P/session_1/_manifest.json", b"theirs")
    folder = "processed/P_medical_notes/session_1/"
    assert world.json(folder + "_manifest.json")["state"] == "session"
    assert world.body(folder + "=5Fmanifest.json") == b"theirs"


def test_a_path_that_climbs_stays_inside_its_session(world: World) -> None:
    detail = cataloged(world.file("sessions/P/session_1/../../session_2/x.json", b"{}"))
    (item,) = detail["location"]["objects"]
    assert item["key"].startswith("processed/P_medical_notes/session_1/")
    assert ".." not in item["key"].split("/")
    path = item["key"].removeprefix(detail["location"]["prefix"])
    assert decode_sub_path(path) == "../../session_2/x.json"


def test_a_sub_path_that_would_make_the_key_too_long_is_cut_and_still_its_own(world: World) -> None:
    paths = ["x" * 900 + tail for tail in ("1", "2")]
    for number, path in enumerate(paths):
        world.file(f"medical-notes/patients/{'é' * 20}/s/{path}", path.encode(), name=f"e{number}")
    keys = [key for key in world.filed() if not key.endswith("_manifest.json")]
    assert all(len(key.encode()) <= 1024 for key in world.filed())
    assert sorted(world.body(key) for key in keys) == sorted(path.encode() for path in paths)


def test_the_session_event_names_the_folder_and_the_one_object(world: World) -> None:
    detail = cataloged(world.file("sessions/P/session_1/session.json", b"{}"))
    assert detail["session_info"] == {
        "session_id": "session_1",
        "structure_pattern": "processed/{patient_id}_{data_type}/",
    }
    assert detail["patient_context"]["session_prefix"] == "processed/P_medical_notes/"
    assert [item["role"] for item in detail["location"]["objects"]] == ["session"]


def test_a_patients_sessions_and_documents_are_announced_with_the_same_session_prefix(world: World) -> None:
    session = cataloged(world.file("sessions/P/session_1/session.json", b"{}"))
    document = cataloged(world.file("documents/P/x.txt", name="e2"))
    assert session["patient_context"] == document["patient_context"]


def test_one_message_with_other_metadata_is_not_filed_under_the_first_patient(world: World) -> None:
    world.file("sessions/P/session_1/session.json", b"{}")
    odd = world.file("sessions/P/session_1/x.json", b"{}", name="e2", Metadata={"patient-id": "Q"})
    assert cataloged(odd)["patient"] == {"status": "unknown", "reason": "conflict"}
    assert prefix_of(odd) == "processed/unknown_medical_notes/session_1/"


def test_content_is_never_read_for_a_session(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.intake.filing.documents.landing, "read", None)
    body = json.dumps({"patient_id": "Q"}).encode()
    assert cataloged(world.file("sessions/P/session_1/session.json", body))["patient"]["id"] == "P"
