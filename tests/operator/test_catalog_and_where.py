"""What is filed, and where a reader finds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from carefile import where
from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile

MakeFile = Callable[..., Path]


def put_session(carefile: Carefile, file: MakeFile, prefix: str) -> None:
    folder = file(f"{prefix}/session.json", b"{}").parent
    file(f"{prefix}/agents/agent_a/agent.json", b"{}")
    assert carefile("put", folder, "--prefix", f"{prefix}", "--wait").code == 0


def sessions_of(carefile: Carefile, patient: str, objects: int) -> list[dict[str, Any]]:
    """A patient's sessions, as soon as all of their objects are counted."""
    rows = carefile("catalog", "--sessions", "--patient", patient, "--json").rows
    return rows if sum(row["objects"] for row in rows) == objects else []


def test_a_patients_documents_and_sessions_are_listed_newest_first(
    carefile: Carefile, file: MakeFile
) -> None:
    for name in ("first.txt", "second.txt"):
        carefile("put", file(name), "--patient", "Cat_1", "--wait")
    folder = file("session_1/session.json", b"{}").parent
    file("session_1/agents/agent_a/agent.json", b"{}")
    carefile("put", folder, "--patient", "Cat_1", "--wait")
    eventually(lambda: sessions_of(carefile, "Cat_1", objects=2))
    rows = carefile("catalog", "--patient", "Cat_1", "--json").rows
    assert [row["prefix"] for row in rows] == [
        "processed/Cat_1_medical_notes/session_1/",
        "processed/Cat_1_second/",
        "processed/Cat_1_first/",
    ]
    assert len(carefile("catalog", "--patient", "Cat_1", "--objects", "--json").rows) == 4


def test_a_session_is_one_entry_and_tells_of_its_messages(carefile: Carefile, file: MakeFile) -> None:
    folder = file("session_5/session.json", b"{}").parent
    file("session_5/agents/agent_guide/agent.json", b"{}")
    for number in range(3):
        file(f"session_5/agents/agent_guide/messages/message_{number}.json", b"12345")
    carefile("put", folder, "--patient", "Cat_5", "--wait")
    (session,) = eventually(lambda: sessions_of(carefile, "Cat_5", objects=5))
    assert (session["messages"], session["agents"], session["size"]) == (3, ["guide"], 19)
    assert session["first_activity"] <= session["last_activity"] <= session["cataloged_at"]
    listed = carefile("catalog", "--sessions", "--patient", "Cat_5").out
    assert "processed/Cat_5_medical_notes/session_5/" in listed

    shown = carefile("show", session["prefix"], "--json").thing
    assert [item["filed_key"].removeprefix(session["prefix"]) for item in shown["object_entries"]] == [
        "agents/agent_guide/agent.json",
        "agents/agent_guide/messages/message_0.json",
        "agents/agent_guide/messages/message_1.json",
        "agents/agent_guide/messages/message_2.json",
        "session.json",
    ]
    assert "3 messages by guide, 5 objects, 19 B" in carefile("show", session["prefix"]).out


def test_a_session_that_nobody_knows_is_a_clear_line(carefile: Carefile) -> None:
    ran = carefile("show", "processed/Cat_5_medical_notes/session_none/")
    assert (ran.code, ran.out) == (2, "")
    assert "the catalog has no session processed/Cat_5_medical_notes/session_none/" in ran.err


def test_one_key_is_looked_up(carefile: Carefile, file: MakeFile) -> None:
    carefile("put", file("one.txt"), "--patient", "Cat_2", "--wait")
    (row,) = carefile("catalog", "documents/Cat_2/one.txt", "--json").rows
    assert row["prefix"] == "processed/Cat_2_one/"


def test_what_is_of_nobody_known_says_why(carefile: Carefile, file: MakeFile) -> None:
    carefile("put", file("whose.txt"), "--wait")
    rows = carefile("catalog", "--unknown", "--json").rows
    assert ("whose.txt", "no-evidence") in [(row.get("key"), row.get("reason")) for row in rows]


def test_a_failure_is_listed_until_the_object_is_filed(carefile: Carefile, file: MakeFile) -> None:
    key = "documents/Cat_3/scan.txt"
    carefile("put", file("scan.txt", b""), "--patient", "Cat_3", "--wait")
    assert key in [row["key"] for row in carefile("catalog", "--failed", "--json").rows]
    carefile("put", file("scan.txt", b"now with text"), "--patient", "Cat_3", "--wait")
    assert key not in [row["key"] for row in carefile("catalog", "--failed", "--json").rows]


def test_a_patient_without_entries_is_an_exit_code(carefile: Carefile) -> None:
    ran = carefile("catalog", "--patient", "Nobody")
    assert (ran.code, ran.out) == (1, "")


def test_where_answers_as_text_and_as_the_json_that_clients_know(carefile: Carefile) -> None:
    assert carefile("where", "--patient", "Juan_Perez_123").out == "processed/Juan_Perez_123_medical_notes/\n"
    answer = {
        "patient_context": {
            "session_prefix": "processed/Juan_Perez_123_medical_notes/",
            "consistent_with_documents": True,
        },
        "session_info": {"structure_pattern": "processed/{patient_id}_{data_type}/"},
    }
    assert carefile("where", "--patient", "Juan_Perez_123", "--json").thing == answer
    assert where("Juan_Perez_123") == answer


def test_where_finds_a_sessions_folders_one_for_each_tree(
    carefile: Carefile, file: MakeFile, deployed_aws: EmbeddedAws
) -> None:
    put_session(carefile, file, "sessions/Two_1/session_9")
    put_session(carefile, file, "medical-notes/patients/Two_1/session_9")
    eventually(lambda: sessions_of(carefile, "Two_1", objects=4))
    ran = carefile("where", "--patient", "Two_1", "--session", "9")
    plain, second = ran.out.split()
    assert (ran.code, plain) == (0, "processed/Two_1_medical_notes/session_9/")
    assert second.startswith("processed/Two_1_medical_notes/session_9-")
    found = deployed_aws.client("s3").list_objects_v2(
        Bucket=deployed_aws.outputs["ProcessedBucketName"], Prefix=second
    )
    assert found["KeyCount"] >= 2


def test_where_tells_when_nothing_of_a_session_is_filed(carefile: Carefile) -> None:
    ran = carefile("where", "--unknown", "--session", "nope")
    assert (ran.code, ran.out) == (1, "processed/unknown_medical_notes/session_nope/\n")
