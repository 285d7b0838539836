"""The sessions that the SDK's SnapshotSessionManager writes: two folders of one store, each session its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.rebuilding import Comparison
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from carefile.core.deciding.classification import classify
from carefile.core.messages.assignment_request import Subject
from carefile.core.records.session_entries import Place, SessionSummary
from lambdas.intake import assigning, wiring
from tests.unit.test_index_sessions import Stream, index, summary
from tests.unit.world import LANDING, PROCESSED, World, cataloged, prefix_of

TREE = (
    "session/{}/scopes/agent/guide/snapshots/snapshot_latest.json",
    "session/{}/scopes/agent/guide/snapshots/immutable_history/snapshot_01933a5e-0000-7000-8000-000000000000.json",
    "session/{}/scopes/multiAgent/team/snapshots/snapshot_latest.json",
    "context/{}/scopes/agent/guide/tool-1_0",
)
Json = dict[str, Any]


def write(world: World, prefix: str, session: str, tree: tuple[str, ...] = TREE) -> list[Json]:
    return [
        world.file(f"{prefix}{path.format(session)}", f"{prefix}{path}".encode(), name=f"{session}-{number}")
        for number, path in enumerate(tree)
    ]


@pytest.mark.parametrize(
    ("prefix", "patient"),
    [
        ("", None),
        ("production/", None),
        ("tenant-a/agents/", None),
        ("documents/Ana_7/", None),
        ("sessions/", None),
        ("sessions/session/", None),
        ("sessions/session_store/", None),
        ("medical-notes/no-patient/", None),
        ("sessions/Ana_7/", "Ana_7"),
        ("sessions/Ana_7/session_store/", "Ana_7"),
        ("medical-notes/patients/Ana_7/", "Ana_7"),
        ("production//", None),
        ("sessions/Ana_7//", "Ana_7"),
    ],
)
def test_each_session_has_a_folder_of_its_own_under_whatever_prefix(
    world: World, prefix: str, patient: str | None
) -> None:
    for session in ("visit 1", "visit 2"):
        results = write(world, prefix, session)
        folder = f"processed/{patient or 'unknown'}_medical_notes/session_{session}/"
        assert {prefix_of(result) for result in results} == {folder}
        assert {cataloged(result)["patient"].get("id") for result in results} == {patient}
        for path in TREE:
            assert world.body(folder + path.format(session)) == f"{prefix}{path}".encode()


def test_a_store_with_a_name_of_its_own_keeps_its_sessions_apart(world: World) -> None:
    for session in ("a", "b"):
        result = world.file(f"stores/mine/{session}/scopes/agent/guide/snapshots/snapshot_latest.json", b"{}")
        (item,) = cataloged(result)["location"]["objects"]
        assert item["key"] == (
            f"processed/unknown_medical_notes/session_{session}/"
            f"{session}/scopes/agent/guide/snapshots/snapshot_latest.json"
        )


def test_two_stores_with_one_id_are_two_sessions(world: World) -> None:
    first = {prefix_of(result) for result in write(world, "a/", "1")}
    second = {prefix_of(result) for result in write(world, "b/", "1")}
    assert first == {"processed/unknown_medical_notes/session_1/"}
    assert len(second) == 1
    assert not first & second


def test_other_files_of_such_folders_are_documents(world: World) -> None:
    for key in ("session/notes.txt", "context/a.txt", "session/x/scopes.txt", "context/x/scopes/readme.txt"):
        assert classify(key, (), world.intake.filing.rules).kind.value == "document"


def test_the_session_s_entry_has_its_snapshots_agents_and_times(world: World) -> None:
    write(world, "sessions/Ana_7/", "1")
    assert index(Stream(world).records()) == 1
    found = summary(world, Place(PROCESSED, "processed/Ana_7_medical_notes/session_1/"))
    assert isinstance(found, SessionSummary)
    assert (found.patient, found.objects, found.snapshots, found.messages) == ("Ana_7", 4, 3, 0)
    assert found.agents == ("guide", "team")
    assert found.first_activity <= found.last_activity


@pytest.mark.parametrize("named", ["1", "session_1"])
def test_a_session_is_assigned_alone_and_whole(world: World, named: str) -> None:
    for session in ("1", "2"):
        write(world, "sessions/", session)
    decider = wiring.assigning()
    plan = decider.assign({"patient_id": "Ana_7", "session_id": named})
    assert plan["filed"] == [{"folder": "processed/unknown_medical_notes/session_1/", "objects": 4}]
    assert plan["to"] == "processed/Ana_7_medical_notes/session_1/"
    subject = Subject(**plan["subject"])
    listed = [item["key"] for item in decider.page(subject)["items"]]
    assert sorted(listed) == sorted(f"sessions/{path.format('1')}" for path in TREE)
    for number, key in enumerate(listed):
        world.run({"bucket": LANDING, "key": key}, f"again-{number}")
    decider.verify(subject, frozenset())
    assert len(world.filed("processed/Ana_7_medical_notes/session_1/")) == len(TREE) + 1
    assert len(world.filed("processed/unknown_medical_notes/session_2/")) == len(TREE) + 1


def test_a_list_that_goes_on_after_a_key_names_each_object_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(world, "production/", "1")
    monkeypatch.setattr(assigning, "PAGE", 1)
    subject, found, after = Subject(LANDING, "production/session/1/", "session_1"), [], ""
    while True:
        page = wiring.assigning().page(subject, after)
        found += [item["key"] for item in page["items"]]
        after = page["next"]
        if not after:
            break
    assert found == sorted(f"production/{path.format('1')}" for path in TREE)


def test_a_forgotten_patient_s_session_goes_with_both_its_folders_and_what_was_never_filed(
    world: World, connection: Connection
) -> None:
    stream = Stream(world)
    write(world, "sessions/Ana_7/", "1")
    write(world, "sessions/Ben_8/", "1")
    index(stream.records())
    world.upload("sessions/Ana_7/context/1/scopes/agent/guide/tool-2_0", b"never filed")
    traces = Finder(connection, "Ana_7", rules_of(connection)).find([])
    Forgetter(connection, "Ana_7", rest=timedelta(0)).forget(traces)
    found = world.s3.list_object_versions(Bucket=LANDING)
    assert not [one["Key"] for one in found["Versions"] if "Ana_7" in one["Key"]]
    assert len([one for one in found["Versions"] if "Ben_8" in one["Key"]]) == len(TREE)


def test_the_catalog_of_snapshots_can_be_made_again_from_s3_alone(
    world: World, connection: Connection
) -> None:
    write(world, "sessions/Ana_7/", "1")
    world.file("stores/mine/2/scopes/agent/guide/snapshots/snapshot_latest.json", b"{}")
    for item in world.catalog():
        world.dynamodb.delete_item(TableName="catalog", Key={"source_id": item["source_id"]})
    comparison = Comparison(
        connection, rules_of(connection), datetime.now(UTC) + timedelta(1), lambda _: None
    )
    entries = [found.entry for found in comparison.findings() if found.entry]
    keys = {entry.landing_key for entry in entries}
    assert keys == {f"sessions/Ana_7/{path.format('1')}" for path in TREE} | {
        "stores/mine/2/scopes/agent/guide/snapshots/snapshot_latest.json"
    }
