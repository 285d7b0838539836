"""Making room in the ledger: only of what holds nothing, only after a quiet time, never so that it is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.ledger_places import LedgerPlaces
from carefile.cli.commands import places as command
from carefile.cli.exits import Exit
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.traces import Finder
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.errors import LedgerFull
from carefile.core.model import Source
from carefile.core.records import ledger as bounds
from tests.unit.test_ledger_bounds import KEY, move
from tests.unit.world import LANDING, World, created_event

SOURCE = Source(LANDING, KEY)


@pytest.fixture
def full(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(bounds, "MAX_PLACES", 3)
    for number, patient in enumerate("abc"):
        move(world, number, patient)
    with pytest.raises(LedgerFull):
        move(world, 4, "d")
    return world


def later(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Clock:  # type: ignore[override]
            return cls.fromtimestamp((datetime.now(UTC) + timedelta(minutes=minutes)).timestamp(), UTC)

    monkeypatch.setattr(command, "datetime", Clock)


def trim(connection: Connection, *, yes: bool = True) -> Exit:
    return command.places(connection, View(as_json=True), KEY, trim=True, yes=yes)


def test_room_is_made_of_what_holds_nothing_and_the_failed_upload_is_filed(
    full: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trim(connection, yes=False) is Exit.DONE
    assert trim(connection) is Exit.FOUND
    later(monkeypatch, 19)
    assert trim(connection) is Exit.FOUND
    assert len(LedgerPlaces(connection).known(SOURCE).places) == 3
    later(monkeypatch, 21)
    assert trim(connection) is Exit.DONE
    assert LedgerPlaces(connection).known(SOURCE).places == {"processed/c_lab/"}
    full.run(created_event(KEY), "redriven")
    assert full.body("processed/d_lab/original.txt") == b"hello"
    assert "processed/c_lab/original.txt" not in full.filed()


def test_what_was_begun_meanwhile_begins_the_quiet_time_anew(
    full: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    trim(connection)
    move(full, 5, "a")
    later(monkeypatch, 21)
    assert trim(connection) is Exit.FOUND
    assert len(LedgerPlaces(connection).known(SOURCE).places) == 3


def test_a_round_that_begins_while_it_is_trimmed_prevents_it(
    full: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    trim(connection)
    later(monkeypatch, 21)
    real = LedgerPlaces.occupied

    def raced(self: LedgerPlaces, source: Source, known: frozenset[str]) -> frozenset[str]:
        found = real(self, source, known)
        move(full, 5, "a")
        return found

    monkeypatch.setattr(LedgerPlaces, "occupied", raced)
    with pytest.raises(Problem, match="in the meantime"):
        trim(connection)
    assert len(LedgerPlaces(connection).known(SOURCE).places) == 3


def test_a_place_of_which_only_a_part_was_written_stays(full: World, connection: Connection) -> None:
    full.s3.copy_object(
        Bucket="processed-bucket",
        Key="processed/a_lab/original.txt",
        CopySource={"Bucket": "processed-bucket", "Key": "processed/c_lab/original.txt"},
    )
    assert LedgerPlaces(connection).occupied(SOURCE, frozenset({"processed/a_lab/", "processed/b_lab/"})) == {
        "processed/a_lab/"
    }


def test_what_was_taken_out_is_still_found_by_whoever_forgets(
    full: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    trim(connection)
    later(monkeypatch, 21)
    trim(connection)
    assert LedgerPlaces(connection).ever(SOURCE) == {f"processed/{patient}_lab/" for patient in "abc"}


def test_a_patient_who_is_forgotten_stands_in_no_item_that_was_made_room_with(
    full: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    trim(connection)
    later(monkeypatch, 21)
    trim(connection)
    assert "processed/a_lab" in repr(full.dynamodb.scan(TableName="ledger"))
    traces = Finder(connection, "a", rules_of(connection)).find([])
    Forgetter(connection, "a", rest=timedelta(0)).forget(traces)
    told = repr(full.dynamodb.scan(TableName="ledger"))
    assert "processed/a_lab" not in told
    assert "processed/b_lab" in told
