"""The merge's file, and the composed machine run as Step Functions runs it, objects and all, on the real functions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonata import Jsonata
from sfnx.testing import Call, Failure

from carefile.core.patients.directory import Wanted
from carefile.core.patients.entries import PatientEntry, PersonName, Statement
from infrastructure.machines import definitions
from lambdas import index_catalog, list_patient, merge_patients, verify_merge
from lambdas.adapters.people.directory import Directory
from lambdas.adapters.people.patients import Patients
from lambdas.adapters.settings import ROOT
from lambdas.intake import assigning, wiring
from tests.asl.definition import STATES as PIPELINE
from tests.asl.definition import expressions
from tests.asl.test_walks import HANDLERS, put
from tests.asl.whole import execute, top
from tests.unit.test_listed import hl7
from tests.unit.world import LANDING, World

MACHINE = definitions.merge_patients()
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
ITEM = STATES["MoveObjects"]["ItemProcessor"]
OWN = {
    "${MergePatientsArn}": merge_patients.handler,
    "${ListPatientArn}": list_patient.handler,
    "${VerifyMergeArn}": verify_merge.handler,
}
A_INTO_B = {"from": "A", "into": "B", "decided_by": "Dr. Rey", "reason": "registered twice"}
BACK = A_INTO_B | {"decision": "unmerge"}
PAGE = ["ListPatient", "MoveObjects", "RouteNextPage"]
SESSION = "sessions/{}/session_1/{}.json"


def test_every_expression_is_jsonata_and_every_state_has_a_comment() -> None:
    for _, text in expressions(MACHINE):
        Jsonata(text)
    for name, state in {**STATES, **ITEM["States"]}.items():
        for part in (state, *state.get("Choices", ()), *state.get("Retry", ())):
            assert len(part["Comment"]) > 5, name


def test_nothing_is_caught_and_each_object_takes_the_pipelines_own_states() -> None:
    assert not any("Catch" in state for state in {**STATES, **ITEM["States"]}.values())
    assert ITEM["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert ITEM["States"].keys() == PIPELINE.keys() | {"KeepTheDisposition"}
    for name, state in PIPELINE.items():
        if "End" not in state:
            assert ITEM["States"][name] == state


def test_each_function_is_invoked_by_the_state_of_its_name() -> None:
    for name in ("MergePatients", "ListPatient", "VerifyMerge"):
        assert STATES[name]["Arguments"]["FunctionName"] == f"${{{name}Arn}}"
        assert (ROOT / "lambdas" / f"{re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}.py").exists()


class Clinic:
    """A stage whose patients are listed, and its merges."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[dict[str, Any]] = []  # what was announced on the catalog bus
        self.before: dict[str, Callable[[], object]] = {}  # what happens just before a state of the machine
        self.runs = 0
        for patient, name in (("A", "Ana Ruiz"), ("B", "Ana Ruiz"), ("C", "Eva Soto")):
            self.list(patient, name)

    def list(self, patient: str, name: str) -> None:
        Patients(self.world.dynamodb, "patients").state(patient, "ehr", Statement((PersonName(name),)))

    def entry(self, patient: str) -> PatientEntry:
        return (
            Directory(self.world.dynamodb, "patients").look_up(Wanted(frozenset({patient}))).entries[patient]
        )

    def file(self, key: str, body: bytes = b"{}", **members: Any) -> None:
        self.runs += 1
        self.world.file(key, body, name=f"e{self.runs}", **members)

    def decide(self, request: Any) -> tuple[list[str], Any]:
        """Run the machine; the states that were entered, and the output."""
        self.runs += 1
        done = execute("merge_patients", request, self._answer, arn=f"arn:machine:m{self.runs}")
        return top("merge_patients", done), done.output

    def shown(self) -> set[str]:
        """What the layout shows to whoever reads it: no bare claims."""
        return {key for key in self.world.filed() if not key.endswith("_manifest.json")}

    def folders(self) -> set[str]:
        return {key.split("/")[1] for key in self.shown()}

    def _answer(self, call: Call) -> Any:
        if call.resource.endswith("lambda:invoke"):
            name = call.arguments["FunctionName"]
            self.before.pop(name, lambda: None)()
            handler = {**HANDLERS, **OWN}[name]
            return {"Payload": handler(json.loads(json.dumps(call.arguments["Payload"])), None)}
        put(call.arguments)
        for entry in call.arguments["Entries"]:
            self.told.append(entry)
            if entry["DetailType"] == "Object Cataloged":
                index_catalog.handler({"detail": entry["Detail"]}, None)
        return {"FailedEntryCount": 0}


@pytest.fixture
def clinic(world: World, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.setenv("PATIENTS", "listed")
    world.wire()
    for module in (merge_patients, list_patient, verify_merge):
        monkeypatch.setattr(module, "merging", wiring.merging())
    return Clinic(world)


def test_a_merge_moves_what_was_filed_announces_it_and_what_comes_later_follows(clinic: Clinic) -> None:
    clinic.file("documents/A/a.txt")
    clinic.file("documents/B/b.txt")
    clinic.file("c.txt", Metadata={"patient-id": "A"})
    clinic.file(SESSION.format("A", "session"))
    path, output = clinic.decide(A_INTO_B)
    assert path == ["MergePatients", *PAGE, "VerifyMerge", "AnnounceMerge"]
    assert (output["taken_in"], output["left"]) == (3, 0)
    assert not {"items", "event"} & output.keys()
    clinic.file("documents/A/later.txt")
    assert clinic.folders() == {"B_a", "B_b", "B_c", "B_later", "B_medical_notes"}
    decision = clinic.entry("A").decision
    assert decision is not None
    assert (decision.type, decision.decided_by, decision.reason) == ("merge", "Dr. Rey", "registered twice")


def test_the_merge_is_announced_last_and_its_objects_before_it(clinic: Clinic) -> None:
    clinic.file("documents/A/a.txt")
    clinic.decide(A_INTO_B)
    assert [one["DetailType"] for one in clinic.told] == [
        "Object Cataloged",
        "Object Retired",
        "Patients Merged",
    ]
    told = clinic.told[-1]["Detail"]
    assert told.items() >= (A_INTO_B | {"decision": "merge"}).items()
    decision = clinic.entry("A").decision
    assert decision is not None
    assert told["decided_at"] == decision.decided_at


def test_merge_and_unmerge_is_the_identity_on_what_was_there(clinic: Clinic) -> None:
    clinic.file("documents/A/a.txt")
    clinic.file("documents/B/b.txt")
    clinic.file(SESSION.format("A", "session"))
    clinic.file(SESSION.format("B", "session"))
    before = clinic.shown()
    clinic.decide(A_INTO_B)
    assert clinic.shown() != before
    path, _ = clinic.decide(BACK)
    assert path[-1] == "AnnounceMerge"
    assert clinic.told[-1]["Detail"]["decision"] == "unmerge"
    assert clinic.shown() == before
    assert clinic.entry("A").merged_into is None


def test_a_patient_with_much_is_moved_page_by_page(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigning, "PAGE", 2)
    for number in range(5):
        clinic.file(SESSION.format("A", number))
        clinic.file(f"documents/A/{'amz'[number % 3]}{number}.txt")
    path, output = clinic.decide(A_INTO_B)
    assert path == ["MergePatients", *PAGE * 5, "VerifyMerge", "AnnounceMerge"]
    assert output["taken_in"] == 10
    assert not any(folder.startswith("A_") for folder in clinic.folders())


def test_a_chain_of_merges_moves_everything_to_the_last_and_one_is_taken_back_from_there(
    clinic: Clinic,
) -> None:
    clinic.file("documents/A/a.txt")
    clinic.file("documents/B/b.txt")
    before = clinic.shown()
    clinic.decide({"from": "B", "into": "C"})
    clinic.decide(A_INTO_B)
    assert clinic.folders() == {"C_a", "C_b"}
    clinic.decide(BACK)
    assert clinic.folders() == {"A_a", "C_b"}
    clinic.decide({"from": "B", "into": "C", "decision": "unmerge"})
    assert clinic.shown() == before


def test_an_event_merges_as_a_person_does_and_again_changes_nothing(clinic: Clinic) -> None:
    clinic.file("documents/A/a.txt")
    event = {
        "detail-type": "Patients Merged",
        "source": "carefile.intake",
        "time": "2026-11-20T10:00:00Z",
        "detail": {"from": "A", "into": "B"},
    }
    clinic.decide(event)
    once = clinic.entry("A")
    assert once.decision is not None
    assert once.decision.decided_by == "system:carefile.intake"
    clinic.decide(event)
    assert clinic.entry("A") == once
    assert clinic.folders() == {"B_a"}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"from": "A"}, "RejectedEvent"),
        ({"from": "A", "into": "B", "decision": "split"}, "RejectedEvent"),
        ({"detail-type": "Patient Identified", "detail": {"from": "A", "into": "B"}}, "RejectedEvent"),
        ({"from": "A", "into": "A"}, "RejectedMerge"),
        ({"from": "A", "into": "X"}, "PatientNotListed"),
        ({"from": "B", "into": "C", "decision": "unmerge"}, "RejectedMerge"),
    ],
)
def test_what_is_refused_fails_where_it_is_decided_and_moves_nothing(
    clinic: Clinic, request_: Any, error: str
) -> None:
    clinic.file("documents/A/a.txt")
    before = clinic.world.filed()
    with pytest.raises(Failure, match=error):
        clinic.decide(request_)
    assert clinic.world.filed() == before
    assert clinic.entry("A").merged_into is None


def test_in_open_mode_nobody_is_merged(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATIENTS")
    monkeypatch.setattr(merge_patients, "merging", wiring.merging())
    with pytest.raises(Failure, match="RejectedMerge"):
        clinic.decide(A_INTO_B)


def test_a_merge_waits_for_a_patient_whose_registration_is_on_its_way(clinic: Clinic) -> None:
    tries = iter(range(3))

    def late() -> None:
        if next(tries) == 1:
            clinic.list("X", "Ana Ruiz")
        else:
            clinic.before["${MergePatientsArn}"] = late

    clinic.before["${MergePatientsArn}"] = late
    clinic.decide({"from": "A", "into": "X"})
    assert clinic.entry("A").merged_into == "X"


def test_two_merges_into_one_another_at_the_same_time_do_not_both_hold(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other merge is decided between this one's look and its own decision."""
    decide = Patients.decide
    others = [lambda: clinic.decide({"from": "B", "into": "A"})]

    def late(self: Patients, merge: Any) -> bool:
        if others and merge.entry.id == "A":
            others.pop()()
        return decide(self, merge)

    monkeypatch.setattr(Patients, "decide", late)
    with pytest.raises(Failure, match="MergeConflict"):
        clinic.decide(A_INTO_B)
    assert (clinic.entry("A").merged_into, clinic.entry("B").merged_into) == (None, "A")


def test_two_merges_that_contradict_do_not_both_hold(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = Patients.decide
    others = [lambda: clinic.decide({"from": "A", "into": "C"})]

    def late(self: Patients, merge: Any) -> bool:
        if others and merge.entry.merged_into == "B":
            others.pop()()
        return decide(self, merge)

    monkeypatch.setattr(Patients, "decide", late)
    with pytest.raises(Failure, match="MergeConflict"):
        clinic.decide(A_INTO_B)
    assert clinic.entry("A").merged_into == "C"


def test_what_an_intake_files_while_the_merge_lists_is_found_by_the_intake_itself(clinic: Clinic) -> None:
    """The intake has read the directory before the merge, and writes after the merge has listed."""
    plan = clinic.world.intake.filing.__class__.plan

    def slow(self: Any, observed: Any, *known: Any) -> Any:
        found = plan(self, observed, *known)
        if "late" in observed.source.key and not clinic.entry("A").merged_into:
            clinic.decide(A_INTO_B)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clinic.world.intake.filing.__class__, "plan", slow)
        clinic.file("documents/A/late.txt")
    assert clinic.folders() == {"B_late"}


def test_a_merge_during_an_assignment_takes_what_was_assigned_along(clinic: Clinic) -> None:
    """The assignment is recorded before the merge, and its objects move after it."""
    clinic.file("sessions/session_9/session.json")
    assigned = wiring.assigning()
    assigned.assign({"session_id": "9", "patient_id": "A"})
    clinic.decide(A_INTO_B)
    clinic.world.run({"bucket": LANDING, "key": "sessions/session_9/session.json"}, "moved")
    assert clinic.folders() == {"B_medical_notes"}
    clinic.decide(BACK)
    assert clinic.folders() == {"A_medical_notes"}


def test_what_is_filed_under_a_merged_patient_can_be_assigned_to_them_by_either_id(clinic: Clinic) -> None:
    clinic.file("sessions/A/session_9/session.json")
    clinic.decide(A_INTO_B)
    for patient in ("A", "B"):
        found = wiring.assigning().assign({"key": "sessions/A/session_9/session.json", "patient_id": patient})
        # It is there already, and is filed again to show the decision.
        assert found["to"] == "processed/B_medical_notes/session_9/"
    taken = {"key": "sessions/A/session_9/session.json", "patient_id": "C", "from": "A"}
    assert wiring.assigning().assign(taken)["nothing_to_move"] is False


def test_what_has_no_landing_object_any_more_stays_and_fails_the_merge_where_it_is_seen(
    clinic: Clinic,
) -> None:
    clinic.file("documents/A/a.txt")
    clinic.file("documents/A/gone.txt")
    version = clinic.world.s3.head_object(Bucket=LANDING, Key="documents/A/gone.txt")["VersionId"]
    clinic.world.s3.delete_object(Bucket=LANDING, Key="documents/A/gone.txt", VersionId=version)
    with pytest.raises(Failure, match="LeftBehind"):
        clinic.decide(A_INTO_B)
    assert clinic.folders() == {"B_a", "A_gone"}


def test_a_document_that_a_wrong_merge_cannot_give_back_is_seen(clinic: Clinic) -> None:
    clinic.file("documents/A/a.txt")
    clinic.decide(A_INTO_B)
    version = clinic.world.s3.head_object(Bucket=LANDING, Key="documents/A/a.txt")["VersionId"]
    clinic.world.s3.delete_object(Bucket=LANDING, Key="documents/A/a.txt", VersionId=version)
    with pytest.raises(Failure, match="LeftBehind"):
        clinic.decide(BACK)


@pytest.mark.parametrize(
    ("tree", "members", "whose"),
    [
        ("sessions/A/session_1/", {}, "A"),
        ("sessions/session_2/", {"Metadata": {"patient-id": "A"}}, "A"),
        ("sessions/B/session_3/", {}, "B"),
        ("sessions/session_4/", {"Metadata": {"patient-id": "B"}}, "B"),
    ],
)
def test_what_a_wrong_merge_cannot_give_back_of_a_session_is_seen_and_what_is_the_others_stays(
    clinic: Clinic, tree: str, members: dict[str, Any], whose: str
) -> None:
    """Its landing objects expired meanwhile: whose they are, their places and what is filed of them still says."""
    keys = [f"{tree}{name}.json" for name in ("session", "agents/agent_a/messages/message_0")]
    for key in keys:
        clinic.file(key, **members)
    clinic.decide(A_INTO_B)
    versions = clinic.world.s3.list_object_versions(Bucket=LANDING)
    for one in versions["Versions"]:
        clinic.world.s3.delete_object(Bucket=LANDING, Key=one["Key"], VersionId=one["VersionId"])
    if whose == "B":
        path, _ = clinic.decide(BACK)
        assert path[-1] == "AnnounceMerge"
        return
    with pytest.raises(Failure, match="LeftBehind") as failed:
        clinic.decide(BACK)
    assert "2 objects are still in 1 folders" in str(failed.value)


def test_a_session_that_was_assigned_to_the_other_stays_there_after_an_unmerge(clinic: Clinic) -> None:
    key = "sessions/A/session_1/session.json"
    clinic.file(key)
    clinic.decide(A_INTO_B)
    wiring.assigning().assign({"key": key, "patient_id": "B"})
    clinic.world.run({"bucket": LANDING, "key": key}, "moved")
    path, _ = clinic.decide(BACK)
    assert path[-1] == "AnnounceMerge"
    assert clinic.folders() == {"B_medical_notes"}


def test_what_describes_a_merged_patient_contradicts_neither_of_their_names(clinic: Clinic) -> None:
    """Registered twice, once under a maiden name and another date of birth."""
    for patient, name, born in (("A", "Ana Ruiz", "1984-02-11"), ("B", "Ana Soto Gil", "1984-11-02")):
        said = Statement((PersonName(name),), born)
        Patients(clinic.world.dynamodb, "patients").state(patient, "ehr", said)
    clinic.file("documents/A/a.hl7", hl7("A", "Ruiz^Ana", "19840211"))
    clinic.decide(A_INTO_B)
    assert clinic.folders() == {"B_a"}
    clinic.file("documents/A/b.hl7", hl7("A", "Okafor^Chidi", "20010709"))
    assert clinic.folders() == {"B_a", "unknown_b"}


def test_folders_of_other_patients_that_begin_alike_stay(clinic: Clinic) -> None:
    clinic.list("A_b", "Otto Lang")
    clinic.file("documents/A_b/c.txt")
    clinic.file("documents/A/b_c.txt")
    clinic.file(SESSION.format("A_b", "session"))
    clinic.decide(A_INTO_B)
    assert {one for one in clinic.folders() if not one.startswith("B_")} == {"A_b_c", "A_b_medical_notes"}


def test_a_plan_records_nothing_and_counts(clinic: Clinic) -> None:
    clinic.file("documents/A/a.txt")
    clinic.file(SESSION.format("A", "1"))
    clinic.file(SESSION.format("A", "2"))
    before = clinic.world.filed()
    plan = merge_patients.handler({"input": A_INTO_B, "only_plan": True}, None)
    assert plan["objects"] == 3
    assert clinic.world.filed() == before
    assert clinic.entry("A").merged_into is None


def test_a_session_that_was_assigned_by_the_merged_id_is_taken_from_the_patient_by_the_other(
    clinic: Clinic,
) -> None:
    key = "sessions/session_9/session.json"
    clinic.file(key)
    wiring.assigning().assign({"session_id": "9", "patient_id": "A"})
    clinic.decide(A_INTO_B)
    clinic.world.run({"bucket": LANDING, "key": key}, "moved")
    wiring.assigning().assign({"key": key, "patient_id": "B"})
    wiring.assigning().assign({"key": key, "patient_id": "C", "from": "B"})
    clinic.world.run({"bucket": LANDING, "key": key}, "moved-again")
    assert clinic.folders() == {"C_medical_notes"}
