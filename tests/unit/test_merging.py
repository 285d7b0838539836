"""What a merge does to the directory, whatever was merged before; and what was unlisted is taken in again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carefile.cli.again.refiling import Again
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entry
from carefile.cli.commands.patients import refile
from carefile.cli.exits import Exit
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.errors import CarefileError, LeftBehind, MergeConflict, PatientNotListed, RejectedMerge
from carefile.core.filing.layout import Owner
from carefile.core.messages.merge_request import MergeRequest, parse
from carefile.core.model import Decision, DecisionType, Source
from carefile.core.patients.directory import Listing
from carefile.core.patients.entries import PatientEntry, Statement
from carefile.core.patients.merging import judge
from lambdas import list_patient, merge_patients, verify_merge
from lambdas.adapters.ledger import Ledger
from lambdas.intake import wiring
from tests.unit.conftest import connection_to
from tests.unit.forgetting import merged
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import LANDING, World

IDS = "ABCDE"
SESSION = "sessions/{}/session_1/agents/agent_a/messages/message_1.json"
Entries = dict[str, PatientEntry]


def request(one: str, into: str, type_: DecisionType = DecisionType.MERGE, at: int = 1) -> MergeRequest:
    return MergeRequest(one, into, Decision(type_, "ana", f"2026-11-30T00:00:{at:02}Z"))


def listed() -> Entries:
    return {one: PatientEntry(one) for one in IDS}


def decided(entries: Entries, *requests: MergeRequest) -> Entries:
    """The directory after these requests; those that are refused change nothing."""
    for one in requests:
        try:
            merge = judge(one, entries)
        except CarefileError:
            continue
        entries = entries | {merge.entry.id: merge.entry}
    return entries


def meanings(entries: Entries) -> list[str | None]:
    return [Listing(entries).clinic_id(one) for one in IDS]


ANY = st.lists(
    st.builds(
        request,
        st.sampled_from(IDS),
        st.sampled_from(IDS),
        st.sampled_from([DecisionType.MERGE, DecisionType.MERGE, DecisionType.UNMERGE]),
        st.integers(0, 9),
    ),
    max_size=12,
)


@given(ANY)
@example([request("A", "B"), request("B", "C"), request("C", "A")])
def test_whatever_is_merged_every_listed_id_means_a_patient_who_is_themselves(
    asked: list[MergeRequest],
) -> None:
    entries = decided(listed(), *asked)
    for meant in meanings(entries):
        assert meant is not None
        assert entries[meant].merged_into is None


@given(ANY)
def test_a_request_that_comes_again_at_once_changes_nothing(asked: list[MergeRequest]) -> None:
    twice = [one for request in asked for one in (request, request)]
    assert decided(listed(), *twice) == decided(listed(), *asked)


@given(ANY, st.sampled_from(IDS), st.sampled_from(IDS))
def test_merge_and_unmerge_leaves_every_id_as_it_was(asked: list[MergeRequest], one: str, into: str) -> None:
    before = decided(listed(), *asked)
    try:
        merge = judge(request(one, into, at=20), before)
    except (MergeConflict, RejectedMerge):
        return
    if merge.is_new:
        after = decided(before, request(one, into, at=20), request(one, into, DecisionType.UNMERGE, at=30))
        assert meanings(after) == meanings(before)


def test_a_chain_of_merges_leads_to_the_last_and_what_moves_is_what_was_the_first_s() -> None:
    entries = decided(listed(), request("B", "C"))
    merge = judge(request("A", "B"), entries)
    assert (merge.moves_from, merge.moves_to, merge.entry.merged_into) == ("A", "C", "B")
    assert {one.id for one in merge.judged_by} == {"B", "C"}
    entries |= {"A": merge.entry}
    back = judge(request("A", "B", DecisionType.UNMERGE, 9), entries)
    assert (back.moves_from, back.moves_to, back.entry.merged_into) == ("C", "A", None)


def test_a_merge_that_a_chain_makes_already_is_no_contradiction() -> None:
    entries = decided(listed(), request("A", "B"), request("B", "C"))
    assert not judge(request("A", "C", at=5), entries).is_new


@pytest.mark.parametrize(
    ("before", "asked", "error", "reason"),
    [
        ([], request("A", "A"), RejectedMerge, "same-patient"),
        ([], request("A", "X"), PatientNotListed, "unlisted-patient"),
        ([], request("X", "A"), PatientNotListed, "unlisted-patient"),
        ([request("A", "B")], request("A", "C", at=9), MergeConflict, "merged-otherwise"),
        ([request("A", "B")], request("B", "A", at=9), MergeConflict, "merged-in-a-circle"),
        (
            [request("A", "B"), request("B", "C")],
            request("C", "A", at=9),
            MergeConflict,
            "merged-in-a-circle",
        ),
        ([], request("A", "B", DecisionType.UNMERGE), RejectedMerge, "not-merged"),
        ([request("A", "C")], request("A", "B", DecisionType.UNMERGE, 9), RejectedMerge, "not-merged"),
        (
            [request("A", "B"), request("A", "B", DecisionType.UNMERGE, 5)],
            request("A", "B", at=2),
            MergeConflict,
            "decided-since",
        ),
        (
            [request("A", "B", at=5)],
            request("A", "B", DecisionType.UNMERGE, 2),
            MergeConflict,
            "decided-since",
        ),
    ],
)
def test_a_merge_that_means_nothing_or_contradicts_another_is_refused(
    before: Sequence[MergeRequest], asked: MergeRequest, error: type[CarefileError], reason: str
) -> None:
    with pytest.raises(error, match=f"^{reason}: "):
        judge(asked, decided(listed(), *before))


def test_a_request_is_the_same_typed_and_sent_and_a_clock_that_is_ahead_is_not_believed() -> None:
    typed = {"from": " A", "into": "B", "decided_at": "2099-01-01T00:00:00Z", "reason": "twice"}
    event = {"detail-type": "Patients Merged", "detail": typed}
    found = parse(typed, "2026-11-30T10:00:00Z")
    assert found == parse(event, "2026-11-30T10:00:00Z")
    assert (found.from_id, found.is_merge) == ("A", True)
    assert found.decision.decided_at == "2026-11-30T10:00:00.000000Z"
    assert parse(typed | {"decision": "unmerge"}, "").decision.type is DecisionType.UNMERGE


@pytest.fixture
def connection(world: World, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("PATIENTS", "listed")
    world.wire()

    def start(self: Again, source: Source) -> None:
        world.run({"bucket": source.bucket, "key": source.key}, f"again-{source.source_id}")

    monkeypatch.setattr(Again, "_start", start)
    return connection_to(world)


def test_what_was_unlisted_is_taken_in_again_once_it_is_listed(world: World, connection: Connection) -> None:
    for number, key in enumerate(("documents/D/d.txt", SESSION.format("D"), "documents/E/e.txt")):
        world.file(key, b"{}", name=f"e{number}")
    Patients(connection).state("D", "ehr", Statement(), None)
    assert refile(connection, View(as_json=True)) is Exit.DONE
    assert "processed/D_d/original.txt" not in world.filed()
    assert refile(connection, View(as_json=True), yes=True) is Exit.DONE
    assert "processed/D_d/original.txt" in world.filed()
    assert "processed/unknown_e/original.txt" in world.filed()


def test_what_named_two_patients_is_taken_in_again_once_they_are_one(
    world: World, connection: Connection
) -> None:
    for one in "ABC":
        Patients(connection).state(one, "ehr", Statement(), None)
    stream = Stream(world)
    for number, (key, other) in enumerate(
        (("documents/A/a.txt", "B"), (SESSION.format("A"), "B"), ("documents/A/c.txt", "C"))
    ):
        world.file(key, b"{}", name=f"e{number}", Metadata={"patient-id": other})
    index(stream.records())
    again = Again(connection, rules_of(connection))
    assert not [*again.now_known()]
    merged(world, connection, "A", "B", "2026-11-30T00:00:01Z")
    assert {it.landing_key for it in again.now_known()} == {"documents/A/a.txt", SESSION.format("A")}
    assert refile(connection, View(as_json=True), yes=True) is Exit.DONE
    index(stream.records())
    assert not [*again.now_known()]
    assert {"processed/B_a/original.txt", "processed/unknown_c/original.txt"} <= set(world.filed())
    assert any(key.startswith("processed/B_medical_notes/session_1/") for key in world.filed())


def test_what_is_decided_to_be_an_unlisted_patients_is_not_taken_in_for_another_whom_its_key_names(
    world: World, connection: Connection
) -> None:
    Patients(connection).state("A", "ehr", Statement(), None)
    version = world.upload("documents/A/a.txt", b"a")
    named = {"bucket": LANDING, "key": "documents/A/a.txt", "version_id": version}
    world.run({**named, "hints": {"patient_id": "D"}})
    again = Again(connection, rules_of(connection))
    assert [entry.reason for entry in again.filed_under(None) if isinstance(entry, Entry)] == ["unlisted"]
    assert not [*again.now_known()]
    Patients(connection).state("D", "ehr", Statement(), None)
    assert {it.landing_key for it in again.now_known()} == {"documents/A/a.txt"}


def test_a_session_that_was_decided_to_be_two_patients_is_taken_in_again_once_they_are_one(
    world: World, connection: Connection
) -> None:
    """Its key names neither of them: what was decided stands in the ledger alone."""
    for one in "ABC":
        Patients(connection).state(one, "ehr", Statement(), None)
    stream, key, ledger = Stream(world), SESSION.format("C"), Ledger(world.dynamodb, "ledger")
    tree = Owner(LANDING, "sessions/C/session_1/", tree=True)
    ledger.assign(tree, "B", frozenset(), "2026-11-30T00:00:01.000000Z")
    version = world.upload(key, b"{}")
    world.run({"bucket": LANDING, "key": key, "version_id": version, "hints": {"patient_id": "A"}})
    index(stream.records())
    again = Again(connection, rules_of(connection))
    assert {it.reason for it in again.filed_under(None) if isinstance(it, Entry)} == {"conflict"}
    assert not [*again.now_known()]
    merged(world, connection, "A", "B", "2026-11-30T00:00:02Z")
    assert {it.landing_key for it in again.now_known()} == {key}
    assert refile(connection, View(as_json=True), yes=True) is Exit.DONE
    assert any(key.startswith("processed/B_medical_notes/session_1/") for key in world.filed())


def test_what_named_two_ids_of_a_chain_is_one_patients_too(world: World, connection: Connection) -> None:
    patients = Patients(connection)
    for one in "ABC":
        patients.state(one, "ehr", Statement(), None)
    assert not patients.are_one("AC")
    merged(world, connection, "A", "B", "2026-11-30T00:00:01Z")
    merged(world, connection, "B", "C", "2026-11-30T00:00:02Z")
    assert patients.are_one("AC")
    assert not patients.are_one("A")
    assert not patients.are_one("AX")


@pytest.fixture
def merging(world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two listed patients, and the functions of a merge."""
    for function in (merge_patients, list_patient, verify_merge):
        monkeypatch.setattr(function, "merging", wiring.merging())
    for one in "AB":
        Patients(connection).state(one, "ehr", Statement(), None)
    return world


def move(world: World, decision: str, second: int) -> None:
    """What the machine does with a merge of A into B or its opposite."""
    asked = {"from": "A", "into": "B", "decision": decision, "decided_by": "ana"}
    decided = merge_patients.handler({"input": asked, "started": f"2026-11-30T00:00:{second:02}.000Z"}, None)
    with pytest.raises(LeftBehind):
        verify_merge.handler(decided, None)
    page = list_patient.handler({"patient_id": decided["moves_from"], "after": ""}, None)
    assert not page["next"]
    for number, item in enumerate(page["items"]):
        world.run(item, f"{decision}-{number}")
    assert verify_merge.handler(decided, None) == {"left": 0}


@pytest.mark.parametrize("key", ["documents/{}/x.txt", SESSION], ids=["a document", "a session"])
def test_what_is_a_merged_patient_s_moves_and_is_left_behind_until_then_and_so_is_its_way_back(
    merging: World, key: str
) -> None:
    def whose() -> dict[str, str]:
        return {item["landing_key"]["S"]: item["patient_ref_key"]["S"] for item in merging.catalog()}

    first, second = key.format("A"), key.format("B")
    for number, one in enumerate((first, second)):
        merging.file(one, b"{}", name=f"e{number}")
    move(merging, "merge", 1)
    assert whose() == {first: "PATIENT#B", second: "PATIENT#B"}
    move(merging, "unmerge", 2)
    assert whose() == {first: "PATIENT#A", second: "PATIENT#B"}


def test_what_is_anothers_whose_id_begins_like_a_merged_patients_is_not_taken_in_again(
    merging: World, connection: Connection
) -> None:
    Patients(connection).state("A_7", "ehr", Statement(), None)
    for number, key in enumerate(("documents/A/x.txt", "documents/A_7/x.txt")):
        merging.file(key, b"x", name=f"e{number}")
    asked = {"from": "A", "into": "B", "decided_by": "ana"}
    merge_patients.handler({"input": asked, "started": "2026-11-30T00:00:01.000Z"}, None)
    page = list_patient.handler({"patient_id": "A", "after": ""}, None)
    assert [item["key"] for item in page["items"]] == ["documents/A/x.txt"]
