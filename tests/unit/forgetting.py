"""What the tests of forgetting share: how it is run, and all that is left afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.trace import Traces
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from carefile.core.messages.merge_request import MergeRequest
from carefile.core.model import Decision, DecisionType, Source
from carefile.core.patients.merging import Merge, judge
from lambdas.adapters.people.patients import Patients as PatientsTable
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import (
    LANDING,
    PROCESSED,
    World,
)

NOW, DAY = timedelta(0), timedelta(days=1)


Run = Callable[..., tuple[Traces, Any]]


@pytest.fixture
def forget(connection: Connection) -> Run:
    def run(
        patient: str, *, include: tuple[str, ...] = (), rest: timedelta = DAY, bypass: bool = False
    ) -> tuple[Traces, Any]:
        sources = [Source(*one) if isinstance(one, tuple) else Source(LANDING, one) for one in include]
        traces = Finder(connection, patient, rules_of(connection)).find(sources)
        return traces, Forgetter(connection, patient, rest=rest, bypass=bypass).forget(traces)

    return run


def merged(
    world: World, connection: Connection, one: str, into: str, at: str, *, undo: bool = False
) -> Merge:
    """Decide, as MergePatients does, that a patient is another, or, `undo`, that they are two again."""
    decision = Decision(DecisionType.UNMERGE if undo else DecisionType.MERGE, "Dr. Rey", at, "twice")
    known = {entry.id: entry for entry in Patients(connection).all()}
    merge = judge(MergeRequest(one, into, decision), known)
    assert not merge.is_new or PatientsTable(world.dynamodb, "patients").decide(merge)
    return merge


def everything(world: World) -> str:
    """All that any store holds, as one text: keys of every version, items, and the bytes of the manifests."""
    told: list[Any] = []
    for bucket in (LANDING, PROCESSED):
        found = world.s3.list_object_versions(Bucket=bucket)
        told += [item["Key"] for name in ("Versions", "DeleteMarkers") for item in found.get(name, ())]
        for item in found.get("Versions", ()):
            if item["Key"].endswith(".json") and bucket == PROCESSED:
                body = world.s3.get_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])[
                    "Body"
                ]
                told.append(body.read().decode("utf-8", "replace"))
    for table in ("catalog", "ledger"):
        told += [repr(item) for item in standing(world, table)]
    return "\n".join(told)


def standing(world: World, table: str) -> list[dict[str, Any]]:
    """The items of a table, but for tombstones: these are digests, and a moment."""
    items = world.dynamodb.scan(TableName=table)["Items"]
    return [item for item in items if not item.keys() <= {"source_id", "revision", "forgotten_at"}]


def bytes_of(world: World, patient: str) -> dict[str, bytes]:
    return {key: world.body(key) for key in world.filed() if patient in key}


def file_all_of(world: World, patient: str) -> None:
    stream = Stream(world)
    world.file(f"documents/{patient}/knee.txt", b"one")
    world.file(f"documents/{patient}/knee.txt", b"two", name="e2")
    world.file(f"documents/{patient}/old/arm.txt", b"arm")
    world.delete(f"documents/{patient}/old/arm.txt")
    for name in ("session.json", "agents/agent_a/messages/message_0.json"):
        world.file(f"sessions/{patient}/session_1/{name}", b"{}")
    world.upload(f"sessions/{patient}/session_1/agents/agent_a/messages/message_1.json", b"never filed")
    index(stream.records())
