"""Merged patients: what was filed before moves, what comes later follows, and taking it back leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.patients import merge_patients, refile, unmerge_patients
from carefile.cli.exits import Exit
from carefile.cli.patients.listed.again import Again
from carefile.cli.patients.listed.patients import Patients
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from carefile.core.model import Source
from carefile.core.patients.entries import PatientEntry, PersonName, Statement
from tests.unit.conftest import connection_to
from tests.unit.world import World

SESSION = "sessions/{}/session_1/agents/agent_a/messages/message_1.json"
Run = Callable[..., tuple[Exit, Any]]


@pytest.fixture
def listed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATIENTS", "listed")
    monkeypatch.setenv("PATIENTS_TABLE", "patients")
    world.wire()
    return world


@pytest.fixture
def connection(listed: World, monkeypatch: pytest.MonkeyPatch) -> Connection:
    made = connection_to(listed)
    made.__dict__["patients_are_listed"] = True
    for patient, name in (("A", "Ana Ruiz"), ("B", "Ana Ruiz"), ("C", "Eva Soto")):
        Patients(made).state(patient, "ehr", Statement((PersonName(name),)), None)

    def start(self: Again, source: Source) -> None:
        listed.run(
            {"bucket": source.bucket, "key": source.key}, f"again-{source.source_id}-{len(listed.filed())}"
        )

    monkeypatch.setattr(Again, "_start", start)
    return made


def entry(connection: Connection, patient: str) -> PatientEntry:
    found = Patients(connection).get(patient)
    assert found is not None
    return found


def shown(world: World) -> set[str]:
    """What the layout shows to whoever reads it: no bare claims."""
    return {key for key in world.filed() if not key.endswith("_manifest.json")}


def merge(connection: Connection, one: str, into: str) -> Exit:
    return merge_patients(connection, View(as_json=True), one, into=into, by="ana", reason="twice", yes=True)


def unmerge(connection: Connection, one: str, into: str) -> Exit:
    return unmerge_patients(connection, View(as_json=True), one, from_=into, by="ana", yes=True)


def test_a_merge_moves_what_was_filed_and_what_comes_later_follows(
    listed: World, connection: Connection
) -> None:
    listed.file("documents/A/a.txt", name="e1")
    listed.file("documents/B/b.txt", name="e2")
    listed.file("c.txt", name="e3", Metadata={"patient-id": "A"})
    assert merge(connection, "A", "B") is Exit.DONE
    listed.file("documents/A/later.txt", name="e4")
    assert {key.split("/")[1] for key in shown(listed)} == {"B_a", "B_b", "B_c", "B_later"}
    decision = entry(connection, "A").decision
    assert decision is not None
    assert (decision.type, decision.decided_by, decision.reason) == ("merge", "ana", "twice")


def test_a_preview_changes_nothing(listed: World, connection: Connection) -> None:
    listed.file("documents/A/a.txt")
    before = listed.filed()
    assert merge_patients(connection, View(as_json=True), "A", into="B") is Exit.DONE
    assert listed.filed() == before
    assert entry(connection, "A").merged_into is None


def test_merge_and_unmerge_is_the_identity_on_what_was_there(listed: World, connection: Connection) -> None:
    listed.file("documents/A/a.txt", name="e1")
    listed.file("documents/B/b.txt", name="e2")
    before = shown(listed)
    merge(connection, "A", "B")
    assert shown(listed) != before
    assert unmerge(connection, "A", "B") is Exit.DONE
    assert shown(listed) == before
    assert entry(connection, "A").merged_into is None


def test_a_merge_that_was_interrupted_resumes(
    listed: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed.file("documents/A/a.txt")
    with monkeypatch.context() as broken:
        broken.setattr(Again, "take_in", lambda self, entry: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            merge(connection, "A", "B")
    assert "processed/A_a/original.txt" in shown(listed)
    merge(connection, "A", "B")
    assert "processed/B_a/original.txt" in shown(listed)
    assert "processed/A_a/original.txt" not in shown(listed)


def test_what_has_no_landing_object_any_more_is_told(listed: World, connection: Connection) -> None:
    listed.file("documents/A/a.txt")
    listed.delete("documents/A/a.txt")
    assert merge(connection, "A", "B") is Exit.FOUND


@pytest.mark.parametrize(
    ("one", "into", "says"),
    [
        ("A", "A", "themselves"),
        ("A", "X", "X is not listed"),
        ("B", "A", "A was merged into C"),
        ("A", "B", "into C"),
    ],
)
def test_a_merge_that_means_nothing_is_refused(
    connection: Connection, one: str, into: str, says: str
) -> None:
    merge(connection, "A", "C")
    with pytest.raises(Problem, match=says):
        merge(connection, one, into)


def test_two_merges_into_one_another_do_not_both_hold(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other merge is decided between this one's look and its own decision."""
    decide = Patients.decide

    def late(self: Patients, one: PatientEntry, into: str | None, decision: Any) -> bool:
        if one.id == "A" and into == "B":
            decide(self, entry(connection, "B"), "A", decision)
        return decide(self, one, into, decision)

    monkeypatch.setattr(Patients, "decide", late)
    with pytest.raises(Problem, match="at the same time"):
        merge(connection, "A", "B")
    assert entry(connection, "A").merged_into is None


def test_in_open_mode_nobody_is_merged(connection: Connection) -> None:
    connection.__dict__["patients_are_listed"] = False
    with pytest.raises(Problem, match="open"):
        merge(connection, "A", "B")


def test_what_was_unlisted_is_taken_in_again_once_it_is_listed(listed: World, connection: Connection) -> None:
    for number, key in enumerate(("documents/D/d.txt", SESSION.format("D"), "documents/E/e.txt")):
        listed.file(key, b"{}", name=f"e{number}")
    Patients(connection).state("D", "ehr", Statement(), None)
    assert refile(connection, View(as_json=True)) is Exit.DONE
    assert "processed/D_d/original.txt" not in shown(listed)
    assert refile(connection, View(as_json=True), yes=True) is Exit.DONE
    assert "processed/D_d/original.txt" in shown(listed)
    assert "processed/unknown_e/original.txt" in shown(listed)
