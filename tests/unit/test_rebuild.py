"""The catalog that S3 alone tells of is the one that events built, of what was adopted too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.rebuilding import Comparison, Difference, Finding
from carefile.cli.commands.rebuild import rebuild
from carefile.cli.exits import Exit
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.records import session_entries
from carefile.core.records.catalog import Entry
from carefile.core.records.recovery import equal_but_for_the_execution
from carefile.core.records.session_entries import Place, SessionSummary, is_session_key
from tests.unit.test_adoption import adopt, write
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import PROCESSED, World

SESSION = "processed/P_1_medical_notes/session_1/"
ADOPTED: dict[str, dict[str, str]] = {
    f"{SESSION}session.json": {},
    f"{SESSION}agents/agent_a/messages/message_0.json": {},
    f"{SESSION}agents/agent_a/messages/message_1.json": {"patient-id": "P_2"},
    "processed/unknown_medical_notes/session_2/session.json": {"patient-id": "P_1"},
    "processed/P_1_lab/a.pdf": {"patient-id": "P_1"},
    "processed/P_1_lab/sub/b.pdf": {"patient-id": "P"},
    "processed/P_1_lab/c.pdf": {},
    "processed/P_1_x/original.pdf": {"patient-id": "Q"},
}
Look = Callable[[], list[Finding]]


@pytest.fixture
def look(connection: Connection) -> Look:
    """Every difference there is."""

    def look() -> list[Finding]:
        later = datetime.now(UTC) + timedelta(hours=1)
        return list(Comparison(connection, rules_of(connection), later, lambda _: None).findings())

    return look


@pytest.fixture
def built(world: World) -> dict[str, dict[str, Any]]:
    """The catalog that events built: of uploads and of what was adopted, some of it in two versions."""
    stream = Stream(world)
    world.file("documents/P_1/lab_2.txt")
    world.file("sessions/P_1/session_9/session.json", b"{}")
    for key, metadata in ADOPTED.items():
        write(world, key, Metadata=metadata)
        adopt(world, key)
    write(world, f"{SESSION}session.json", b"written again")
    adopt(world, f"{SESSION}session.json", "a2")
    index(stream.records())
    return items(world)


def items(world: World) -> dict[str, dict[str, Any]]:
    return {item["source_id"]["S"]: item for item in world.catalog()}


def shown(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        key: SessionSummary.of_item(item) if is_session_key(key) else Entry.of_item(item)
        for key, item in found.items()
    }


def test_a_catalog_that_events_built_is_what_s3_tells(built: dict[str, Any], look: Look) -> None:
    assert len(built) == 2 + len(ADOPTED) + 3
    assert look() == []


def test_a_catalog_that_was_lost_is_made_again_as_it_was(
    world: World, connection: Connection, built: dict[str, dict[str, Any]]
) -> None:
    for key in built:
        world.dynamodb.delete_item(TableName="catalog", Key={"source_id": {"S": key}})
    stream = Stream(world)
    assert rebuild(connection, View(as_json=True)) is Exit.FOUND
    assert rebuild(connection, View(as_json=True), yes=True) is Exit.DONE
    index(stream.records())
    wanted, found = shown(built), shown(items(world))
    assert wanted.keys() == found.keys()
    for key, one in wanted.items():
        if isinstance(one, Entry):
            assert equal_but_for_the_execution(one, found[key])
        else:
            assert (one.patient, one.objects, one.messages) == (
                found[key].patient,
                found[key].objects,
                found[key].messages,
            )


def test_an_entry_that_says_otherwise_of_what_was_adopted_is_put_right(
    world: World, connection: Connection, built: dict[str, dict[str, Any]], look: Look
) -> None:
    key = next(
        one for one, item in built.items() if item.get("key", {}).get("S") == "processed/P_1_lab/c.pdf"
    )
    world.dynamodb.put_item(TableName="catalog", Item=built[key] | {"patient_ref_key": {"S": "PATIENT#P_1"}})
    (finding,) = look()
    assert (finding.difference, finding.key) == (Difference.DIFFERENT, "processed/P_1_lab/c.pdf")
    assert rebuild(connection, View(as_json=True), yes=True) is Exit.DONE
    assert items(world)[key]["patient_ref_key"]["S"].startswith("UNKNOWN#")


def test_what_nothing_says_was_adopted_is_told_with_what_to_do(
    world: World, connection: Connection, built: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    key = f"{SESSION}agents/agent_a/messages/message_2.json"
    write(world, key)
    world.s3.put_object(Bucket=PROCESSED, Key="processed/elsewhere/never.txt", Body=b"x")
    assert rebuild(connection, View(as_json=False), yes=True) is Exit.FOUND
    out = capsys.readouterr().out
    assert key in out
    assert "`carefile adopt` catalogs it" in out
    assert "never.txt" not in out
    adopt(world, key)
    assert rebuild(connection, View(as_json=False)) is not Exit.UNUSABLE
    assert key not in capsys.readouterr().out


def test_what_was_written_since_it_was_adopted_is_no_difference(
    world: World, built: dict[str, Any], look: Look
) -> None:
    write(world, "processed/P_1_lab/a.pdf", b"newer")
    assert look() == []


def test_of_a_large_session_its_parts_are_compared_and_mended(
    world: World, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in {"MAX_RECENT": 3, "KEPT": 1, "PART_OBJECTS": 2}.items():
        monkeypatch.setattr(session_entries, name, size)
    stream, place = Stream(world), Place(PROCESSED, "processed/P_1_medical_notes/session_9/")
    for number in range(9):
        world.file(f"sessions/P_1/session_9/agents/agent_a/messages/message_{number}.json", name=f"e{number}")
    index(stream.records())
    assert sum(key.startswith(f"{place.key}#") for key in items(world)) > 1
    assert look() == []

    lost = next(
        item for item in items(world).values() if item.get("key", {}).get("S", "").endswith("_0.json")
    )
    world.dynamodb.delete_item(TableName="catalog", Key={"source_id": lost["source_id"]})
    found = {finding.difference: finding for finding in look()}
    assert found.keys() == {Difference.MISSING, Difference.SESSION}
    index(list(found[Difference.SESSION].changes))
    assert SessionSummary.of_item(items(world)[place.key]).objects == 8  # type: ignore[union-attr]
    world.dynamodb.put_item(TableName="catalog", Item=lost)
    (found_again,) = look()
    index(list(found_again.changes))
    assert look() == []

    world.dynamodb.delete_item(TableName="catalog", Key={"source_id": {"S": place.key}})
    (missed,) = look()
    assert missed.difference is Difference.SESSION
    index(list(missed.changes))
    assert look() == []
    assert SessionSummary.of_item(items(world)[place.key]).objects == 9  # type: ignore[union-attr]
