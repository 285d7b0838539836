"""What the catalog holds can be told from S3 alone: manifests, stamps, sizes."""

from __future__ import annotations

from typing import Any

import pytest

from carefile.core.filing import stamps
from carefile.core.filing.layout import MANIFEST, Layout
from carefile.core.model import Source, Stamp
from carefile.core.records.catalog import Entry
from carefile.core.records.recovery import (
    Standing,
    entry_of_document,
    entry_of_session_object,
    equal_but_for_the_execution,
)
from tests.unit.world import PROCESSED, World, submitted_event

Json = dict[str, Any]
LONG = "x/" * 300 + "ä" * 100 + ".json"


def recovered(world: World) -> dict[str, Entry]:
    """Every entry that S3 can tell of."""
    found: dict[str, Entry] = {}
    for key in world.filed():
        head = world.head(key)
        stamp = stamps.stamp_in(head["Metadata"])
        if stamp is None or head["Metadata"][stamps.ROLE] not in ("session", "manifest"):
            continue
        written = head["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
        standing = Standing(PROCESSED, key, head["ContentLength"], written, stamp)
        if head["Metadata"][stamps.ROLE] == "manifest":
            entry = entry_of_document(standing, world.json(key))
        else:
            session = Layout().session_folder_of(key)
            assert session
            entry = entry_of_session_object(standing, session, world.json(session + MANIFEST))
        assert entry is not None, key
        found[entry.source_id] = entry
    return found


def cataloged(world: World) -> dict[str, Entry]:
    return {item["source_id"]["S"]: Entry.of_item(item) for item in world.catalog()}


def assert_same(world: World) -> None:
    wanted, found = cataloged(world), recovered(world)
    assert wanted.keys() == found.keys()
    for source_id, entry in wanted.items():
        assert equal_but_for_the_execution(entry, found[source_id]), (entry, found[source_id])
        assert entry.execution.rpartition(":")[2] == found[source_id].execution
        assert entry.cataloged_at[:16] >= found[source_id].cataloged_at[:16]


def test_every_kind_of_entry_is_told_by_s3_as_the_events_told_it(world: World) -> None:
    world.file("documents/Ana_7/x.txt")
    world.file("y.txt")
    world.file("documents/A/z.txt", Metadata={"patient-id": "B"})
    world.file("sessions/Ana_7/session_1/session.json")
    world.file("sessions/Ana_7/session_1/agents/agent_ü=h/messages/message_1.json")
    world.file("sessions/session_2/a/../_manifest.json")
    world.file("sessions/session_2/_manifest.json")
    world.file("medical-notes/no-patient/session_2/session.json")
    world.file("sessions/Ana_7/visit.json")
    world.file("sessions/Ana_7/session_3/session.json", Metadata={"patient-id": "Ben"})
    world.file(f"sessions/Ana_7/session_1/{LONG}")
    assert_same(world)


def test_what_was_rewritten_or_went_elsewhere_is_told_as_it_is_now(world: World) -> None:
    for tree in ("sessions/session_1/", "sessions/Ana_7/session_2/"):
        world.file(f"{tree}session.json")
        world.file(f"{tree}session.json", b"rewritten", name="e2")
    world.run(submitted_event("sessions/session_1/session.json", {"patient_id": "Ben_8"}), "e3")
    world.file("x.txt", name="e4")
    world.run(submitted_event("x.txt", {"patient_id": "Ana_7", "document_name": "knee"}), "e5")
    world.run(submitted_event("sessions/Ana_7/session_2/session.json", {"kind": "document"}), "e6")
    assert_same(world)


@pytest.mark.parametrize("change", [{"key": "other.json"}, {"source_id": "0" * 32}, {"modified": None}])
def test_a_stamp_that_does_not_fit_its_place_tells_nothing(change: Json) -> None:
    stamp = {
        "source_id": "1" * 32,
        "version": "v1",
        "revision": 1,
        "execution": "e",
        "modified": "m",
    } | change
    manifest = {"state": "session", "owner": {"bucket": "b", "tree": "sessions/session_1/"}, "patient": {}}
    folder = "processed/unknown_medical_notes/session_1/"
    standing = Standing("p", f"{folder}a.json", 5, "2026-11-20T10:00:00.000Z", Stamp(**stamp))
    assert entry_of_session_object(standing, folder, manifest) is None
    assert entry_of_session_object(standing, folder, {"state": "claimed", "owner": {"id": "x"}}) is None


@pytest.mark.parametrize(
    ("patient", "stamped", "told"),
    [
        ({}, None, "no-evidence"),
        ({"reason": "conflict"}, None, "conflict"),
        ({"reason": "no-evidence"}, "conflict", "conflict"),
        ({"id": "P"}, "conflict", None),
    ],
)
def test_why_nobody_is_known_is_told_by_the_object_before_its_session(
    patient: Json, stamped: str | None, told: str | None
) -> None:
    source = Source("b", "sessions/session_1/a.json")
    stamp = Stamp(source.source_id, "v1", 1, "e", "2026-11-20T10:00:00Z", stamped)
    folder = "processed/unknown_medical_notes/session_1/"
    manifest = {
        "state": "session",
        "owner": {"bucket": "b", "tree": "sessions/session_1/"},
        "patient": patient,
    }
    standing = Standing("p", f"{folder}a.json", 5, "2026-11-20T10:00:00.000Z", stamp)
    entry = entry_of_session_object(standing, folder, manifest)
    assert entry is not None
    assert (entry.patient, entry.reason) == (patient.get("id"), told)


def test_a_claim_tells_of_no_document() -> None:
    standing = Standing("p", "processed/a_b/_manifest.json", 5, "t", Stamp("1" * 32, "v", 1, "e"))
    assert entry_of_document(standing, {"state": "claimed"}) is None


def test_a_stamp_is_read_as_it_was_written() -> None:
    stamp = Stamp("s", "v", 3, "e", "2026-11-20T10:00:00Z", "conflict", "kéy \ud800")
    assert stamps.stamp_in(stamps.metadata_of(stamp, "session")) == stamp
    assert stamps.stamp_in({"carefile-revision": "x"}) is None
