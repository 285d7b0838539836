"""What `carefile doctor` says of the patient directory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.checks import health
from carefile.core.patients.entries import Statement
from tests.unit.forgetting import merged
from tests.unit.world import World


def told(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    listed: bool,
    failed: tuple[datetime, ...] = (),
) -> dict[str, Any]:
    connection.__dict__["patients_are_listed"] = listed

    def executions(**asked: Any) -> Any:
        assert asked["stateMachineArn"].endswith("merge-patients")
        ended = failed if asked["statusFilter"] == "FAILED" else ()
        return {"executions": [{"stopDate": at} for at in ended]}

    monkeypatch.setattr(connection.client("stepfunctions"), "list_executions", executions)
    return {check.of: check for check in health._directory(connection)}


@pytest.mark.parametrize(("listed", "state"), [(True, "failed"), (False, "ok")])
def test_an_empty_directory_is_a_failure_where_it_is_in_use(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, listed: bool, state: str
) -> None:
    assert told(connection, monkeypatch, listed=listed)["Patient directory"].state == state


def test_it_says_how_many_patients_are_listed_up_to_a_bound(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patient in "ABC":
        Patients(connection).state(patient, "ehr", Statement(), None)
    assert told(connection, monkeypatch, listed=True)["Patient directory"].says == "3 patients; in use"
    monkeypatch.setattr(health, "MANY_PATIENTS", 2)
    assert told(connection, monkeypatch, listed=True)["Patient directory"].says.startswith("2 or more")


def test_merges_that_failed_today_are_told_and_those_of_last_week_are_not(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    name = "Merges in the last 24 hours"
    assert told(connection, monkeypatch, listed=True, failed=(now - timedelta(days=7),))[name].state == "ok"
    found = told(connection, monkeypatch, listed=True, failed=(now,))[name]
    assert (found.state, found.says[:8]) == ("warning", "1 failed")


def unlisted(connection: Connection, *, listed: bool = True) -> list[dict[str, Any]]:
    connection.__dict__["patients_are_listed"] = listed
    return [check.to_json() for check in health._unlisted(connection)]


def test_what_was_filed_under_an_id_that_is_not_listed_is_named(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, patient in enumerate("ABC"):
        world.file(f"documents/{patient}/a.txt", name=f"e{number}")
    world.file("inbox/a.txt", name="nobodys")
    Patients(connection).state("B", "ehr", Statement(), None)
    found, _ = unlisted(connection)
    assert (found["state"], found["says"]) == ("warning", "A, C")
    assert not unlisted(connection, listed=False)
    monkeypatch.setattr(health, "_IDS_SHOWN", 1)
    monkeypatch.setattr(health, "MANY_ENTRIES", 3)
    found, _ = unlisted(connection)
    assert "(of the first 3 entries of the catalog)" in found["says"]
    for patient in "AC":
        Patients(connection).state(patient, "ehr", Statement(), None)
    assert unlisted(connection)[0]["says"].startswith("none")


def test_what_a_merge_or_an_import_made_known_is_counted(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATIENTS", "listed")
    world.wire()
    for one in "AB":
        Patients(connection).state(one, "ehr", Statement(), None)
    world.file("documents/A/a.txt", name="conflict", Metadata={"patient-id": "B"})
    world.file("documents/C/c.txt", name="unlisted")
    _, found = unlisted(connection)
    assert found["says"] == "none"
    Patients(connection).state("C", "ehr", Statement(), None)
    merged(world, connection, "A", "B", "2026-11-30T00:00:01Z")
    _, found = unlisted(connection)
    assert (found["state"], found["says"][:2]) == ("warning", "2 ")
