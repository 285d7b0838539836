"""The patient directory as operators fill and read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.commands.forget import forget
from carefile.cli.commands.patients import import_patients, list_patients, search_patients, show_patient
from carefile.cli.exits import Exit
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.listed import importing
from carefile.cli.patients.listed.doubt import refuse_nobody, warn_of
from carefile.cli.patients.listed.files import Feed
from carefile.cli.patients.listed.importing import state_all, survey
from carefile.cli.patients.traces import Finder
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.messages.merge_request import MergeRequest, parse
from carefile.core.model import Decision, DecisionType
from carefile.core.patients.entries import Change
from carefile.core.patients.merging import judge
from lambdas.adapters.people.patients import Patients as PatientsTable
from tests.unit.world import World

CSV = (
    "id;name;birth date;sex;identifier:urn:oid:1.2\n"
    "A-1;Ana Ruiz;1984-02-11;F;77\n"
    "B-2;Juan Pérez García;1971-03-05;M;\n"
    "C-3;Иван Петров;1990-01-01;M;88\n"
)
Run = Callable[..., tuple[Exit, Any]]


@pytest.fixture
def run(connection: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with `--json`; a text in the place of files is written to one."""

    def ran(command: Callable[..., Exit], *given: Any, **options: Any) -> tuple[Exit, Any]:
        capsys.readouterr()
        code = command(connection, View(as_json=True), *given, **options)
        lines = capsys.readouterr().out
        try:
            return code, json.loads(lines)
        except ValueError:
            return code, [json.loads(line) for line in lines.splitlines()]

    def imported(text: str | bytes, **options: Any) -> tuple[Exit, Any]:
        file = tmp_path / "patients.txt"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return ran(import_patients, [file], **options)

    ran.imported = imported  # type: ignore[attr-defined]
    return ran


def items(world: World) -> list[Any]:
    """What the table holds. A set has no order."""
    found = world.dynamodb.scan(TableName="patients")["Items"]
    for item in found:
        item.update({name: {"SS": sorted(value["SS"])} for name, value in item.items() if "SS" in value})
    return sorted(({name: str(value) for name, value in item.items()} for item in found), key=str)


def test_a_preview_imports_nothing_and_says_what_would_change(world: World, run: Any) -> None:
    code, found = run.imported(CSV)
    assert (code, found["imported"], found["patients"], found["new"]) == (Exit.DONE, False, 3, 3)
    assert items(world) == []


def test_an_import_twice_is_an_import_once(world: World, run: Any) -> None:
    run.imported(CSV, yes=True)
    once = items(world)
    code, found = run.imported(CSV, yes=True)
    assert (code, found["unchanged"], found["new"], found["changed"]) == (Exit.DONE, 3, 0, 0)
    assert items(world) == once


def test_a_changed_name_replaces_what_the_same_source_said_and_leads_nowhere_any_more(run: Any) -> None:
    run.imported(CSV, yes=True)
    _, found = run.imported(CSV.replace("Ana Ruiz", "Ana Soto"), yes=True)
    assert (found["changed"], found["unchanged"]) == (1, 2)
    assert run(search_patients, ["ruiz"]) == (Exit.FOUND, [])
    assert run(search_patients, ["soto"])[1]["patient_id"] == "A-1"


@pytest.mark.parametrize(
    ("text", "patient"),
    [
        ("A-1", "A-1"),
        ("77", "A-1"),
        ("perez garcia", "B-2"),
        ("PÉREZ, JUAN", "B-2"),
        ("петров", "C-3"),
        ("1990-01-01", "C-3"),
        ("5/3/1971 Juan", "B-2"),
    ],
)
def test_a_patient_is_found_by_id_number_name_and_birth_date(run: Any, text: str, patient: str) -> None:
    run.imported(CSV, yes=True)
    code, found = run(search_patients, [text])
    assert (code, found["patient_id"]) == (Exit.DONE, patient)


def test_show_says_which_source_states_what_and_which_ids_are_near(run: Any) -> None:
    run.imported(CSV, yes=True, source="ehr")
    _, found = run(show_patient, "A-1")
    assert found["identifiers"] == [{"system": "1.2", "value": "77"}]
    assert found["stated"]["ehr"]["birth_date"] == "1984-02-11"
    code, found = run(show_patient, "A-4")
    assert (code, found["listed"], found["near"]) == (Exit.FOUND, False, ["A-1"])
    _, everybody = run(list_patients, limit=0)
    assert {one["patient_id"] for one in everybody} == {"A-1", "B-2", "C-3"}


def test_what_is_odd_is_told_with_its_line_and_one_id_with_two_birth_dates_is_left_out(
    world: World, run: Any
) -> None:
    text = (
        CSV + "A-1;Ana Ruiz;1985-02-11;F;\n" + "D-4;Perez Garcia, Juan;1971-03-05;M;88\n"
        "E-5;too few\n" + "F-6;Eva Soto;some day;F;\n"
    )
    code, found = run.imported(text, yes=True)
    assert code is Exit.FOUND
    assert {
        (one["what"], one["where"].replace("patients.txt:", ""), one["left_out"]) for one in found["odd"]
    } == {
        ("one id with different birth dates", "2, 5", True),
        ("same name and birth date, different ids", "3, 6", False),
        ("one identifier with several patients", "4, 6", False),
        ("it has 2 cells where the header has 5", "7", True),
        ("its birth date is no date, or may be two: use --day-first or --month-first", "8", True),
    }
    assert {
        one["patient_id"]["S"]
        for one in world.dynamodb.scan(TableName="patients")["Items"]
        if "patient_id" in one
    } == {
        "B-2",
        "C-3",
        "D-4",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "the file is empty"), ("who,born\nAna,1984\n", "--columns id=COLUMN"), ("[1]", "no Bundle")],
)
def test_a_file_of_which_nothing_can_be_used_is_refused_in_one_line(run: Any, text: str, says: str) -> None:
    with pytest.raises(Problem, match=says) as refused:
        run.imported(text, yes=True)
    assert "\n" not in refused.value.what


def test_fhir_and_adt_are_recognised(connection: Connection, run: Any) -> None:
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "s", "value": "F-1"}],
        "name": [{"text": "Fay Roe"}],
    }
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": patient}, {"resource": {"resourceType": "Observation"}}],
    }
    _, found = run.imported(json.dumps(bundle, indent=1), yes=True)
    assert (found["new"], found["other_records"]) == (1, 1)
    _, found = run.imported(json.dumps(patient) + "\nnot json\n", yes=True)
    assert (found["unchanged"], found["broken"]) == (1, 1)
    adt = "MSH|^~\\&|E|C|||20260102||ADT^A{}|1|P|2.5\rPID|1||H-1^^^C^MR||Roe^Max||19700101\r{}"
    connection.__dict__["patients_are_listed"] = False
    _, found = run.imported(
        adt.format("01", "") + adt.format("40", "MRG|H-2^^^C^MR\r") + adt.format("02", ""), yes=True
    )
    assert (found["new"], found["unchanged"], found["merges"], found["other_records"]) == (1, 1, 1, 1)


def test_of_a_long_table_with_one_broken_line_the_rest_is_imported_as_previewed(run: Any) -> None:
    rows = [f"L-{number},Ana Ruiz {number},1984-02-11" for number in range(300)]
    rows[150] = 'L-150,"Ana'  # the quote is never closed on its line, and the row is too short
    rows[151] = 'Ruiz"'
    table = "\n".join(["id,name,birth date", *rows])
    _, preview = run.imported(table)
    code, found = run.imported(table, yes=True)
    assert (code, found["new"], found["broken"]) == (Exit.FOUND, 298, 1)
    assert (preview["new"], preview["odd"]) == (298, found["odd"])
    (odd,) = (one for one in found["odd"] if one["left_out"])
    assert odd["what"] == "it has 2 cells where the header has 3"


def a40(into: str, one: str, at: str = "20260102") -> str:
    return (
        f"MSH|^~\\&|E|C|||{at}||ADT^A40|1|P|2.5\rPID|1||{into}^^^C^MR||Roe^Max||19700101\rMRG|{one}^^^C^MR\r"
    )


@pytest.fixture
def started(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The merges that were started, in a stage whose patients are listed."""
    connection.__dict__["patients_are_listed"] = True
    found: list[Any] = []
    monkeypatch.setattr(
        connection.client("stepfunctions"),
        "start_execution",
        lambda **request: found.append(json.loads(request["input"])),
    )
    return found


def test_a_merge_in_a_feed_is_previewed_and_then_started_as_decided_when_it_was(
    world: World, run: Any, started: list[Any]
) -> None:
    _, found = run.imported(a40("H-1", "H-2"))
    assert (found["merges"], found["merges_new"], started) == (1, 1, [])
    assert items(world) == []
    code, found = run.imported(a40("H-1", "H-2"), yes=True, source="ehr")
    assert (code, found["merges_new"]) == (Exit.DONE, 1)
    assert started == [
        {
            "from": "H-2",
            "into": "H-1",
            "decided_by": "system:ehr",
            "decided_at": "2026-01-02T00:00:00.000000Z",
        }
    ]
    _, everybody = run(list_patients, limit=0)
    assert {one["patient_id"] for one in everybody} == {"H-1", "H-2"}


def test_merges_in_a_feed_that_hold_already_or_contradict_are_told_and_not_started(
    connection: Connection, world: World, run: Any, started: list[Any]
) -> None:
    run.imported(a40("H-1", "H-2"), yes=True)
    started.clear()
    patients = PatientsTable(world.dynamodb, "patients")
    two = Patients(connection).get_many(["H-1", "H-2"])[0]
    request = MergeRequest("H-2", "H-1", Decision(DecisionType.MERGE, "ana", "2026-01-03T00:00:00Z"))
    assert patients.decide(judge(request, two))
    feed = a40("H-1", "H-2") + a40("H-3", "H-2") + a40("H-2", "H-1")
    code, found = run.imported(feed, yes=True)
    assert (code, found["merges_new"], found["merges_done"], started) == (Exit.FOUND, 0, 1, [])
    assert [one["reason"] for one in found["merges_refused"]] == ["merged-otherwise", "merged-in-a-circle"]

    taken_back = parse({"from": "H-2", "into": "H-1", "decision": "unmerge"}, "2026-01-04T00:00:00Z")
    assert patients.decide(judge(taken_back, Patients(connection).get_many(["H-1", "H-2"])[0]))
    _, found = run.imported(a40("H-1", "H-2"), yes=True)
    assert ([one["reason"] for one in found["merges_refused"]], started) == (["decided-since"], [])


def test_a_chain_of_merges_in_a_feed_is_judged_as_one(run: Any, started: list[Any]) -> None:
    _, found = run.imported(a40("B", "A") + a40("C", "B") + a40("A", "C"), yes=True)
    assert [one["from"] for one in started] == ["A", "B"]
    assert [one["reason"] for one in found["merges_refused"]] == ["merged-in-a-circle"]


def test_whoever_was_merged_is_forgotten_with_the_patient_and_not_alone(
    connection: Connection, world: World, run: Any
) -> None:
    run.imported(CSV, yes=True)
    both = Patients(connection).get_many(["A-1", "B-2"])[0]
    merged = judge(parse({"from": "B-2", "into": "A-1"}, "2026-01-04T00:00:00Z"), both)
    assert PatientsTable(world.dynamodb, "patients").decide(merged)
    assert Patients(connection).merged_into("A-1") == {"B-2"}
    with pytest.raises(Problem, match="was merged into A-1"):
        forget(connection, View(as_json=True), patient="B-2")
    assert forget(connection, View(as_json=True), patient="A-1", yes=True) is Exit.DONE
    assert not [
        item for item in items(world) if "A-1" in str(item) or "B-2" in str(item) or "merged#" in str(item)
    ]


def test_later_messages_correct_earlier_ones(run: Any) -> None:
    adt = "MSH|^~\\&|E|C|||2026010{}||ADT^A08|1|P|2.5\rPID|1||H-1^^^C^MR||Roe^Max||{}\r"
    run.imported(adt.format(2, "19700101") + adt.format(3, "19700102"), yes=True)
    assert run(show_patient, "H-1")[1]["birth_dates"] == ["1970-01-02"]
    run.imported(adt.format(1, "19700109"), yes=True)
    assert run(show_patient, "H-1")[1]["birth_dates"] == ["1970-01-02"]


def test_a_forgotten_patient_is_in_no_item_and_no_import_brings_them_back(
    world: World, connection: Connection, run: Any
) -> None:
    run.imported(CSV, yes=True)
    forgetter = Forgetter(connection, "A-1", rest=timedelta(0))
    traces = Finder(connection, "A-1", rules_of(connection)).find([])
    assert forgetter.tally(traces).directory_entries == 1
    assert forgetter.forget(traces).directory_entries == 1
    assert not [item for item in items(world) if "A-1" in str(item) or "ruiz" in str(item)]
    code, found = run.imported(CSV, yes=True)
    assert (code, found["forgotten"], found["unchanged"]) == (Exit.FOUND, 1, 2)
    assert not [item for item in items(world) if "A-1" in str(item) or "ruiz" in str(item)]


def doubts(connection: Connection, capsys: pytest.CaptureFixture[str], patient: str, *, listed: bool) -> str:
    connection.__dict__["patients_are_listed"] = listed
    capsys.readouterr()
    warn_of(connection, View(as_json=True), patient)
    return " ".join(capsys.readouterr().err.split())


def test_a_person_who_names_a_patient_hears_that_the_id_is_not_listed_and_what_is_near(
    world: World, connection: Connection, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run.imported(CSV, yes=True)
    assert doubts(connection, capsys, "A-1", listed=True) == ""
    assert doubts(connection, capsys, "A-7", listed=True) == (
        "A-7 is not listed, so it will be filed as unknown (unlisted). Did you mean A-1?"
    )
    assert doubts(connection, capsys, "A-7", listed=False) == (
        "A-7 is not listed, and nothing was ever filed under it. Did you mean A-1?"
    )
    world.file("documents/A-7/scan.txt")
    assert doubts(connection, capsys, "A-7", listed=False) == ""
    run.imported("id,status\nZ-9,inactive\n", yes=True)
    assert doubts(connection, capsys, "Z-9", listed=False) == "Z-9 is inactive in the patient directory."


@pytest.mark.parametrize("patient", ["", "  "])
def test_an_empty_patient_is_refused(patient: str) -> None:
    with pytest.raises(Problem, match="names nobody"):
        refuse_nobody(patient)
    refuse_nobody(None)


ROWS = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from(["Ana Ruiz", "Eva Soto", ""]),
        st.sampled_from(["1970-01-01", "1980-02-02", "x"]),
        st.sampled_from(["7", "8", ""]),
    ),
    max_size=8,
)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto copies an item while another thread writes it, which fails now and then."""
    monkeypatch.setattr(importing, "_THREADS", 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(ROWS, ROWS)
def test_whatever_is_imported_twice_is_imported_once(
    world: World, one_by_one: None, connection: Connection, tmp_path: Path, before: Any, rows: Any
) -> None:
    patients = Patients(connection)

    def bring(rows: Any) -> Any:
        file = tmp_path / "rows.csv"
        file.write_text("id,name,dob,identifier:s\n" + "".join(",".join(row) + "\n" for row in rows))
        return state_all(patients, [Feed(file)], "import", survey([Feed(file)]).refused)

    bring(before)
    bring(rows)
    # An id in two rows of one table with one birth date: the last row holds, so the last one is all that can change.
    once = [{k: v for k, v in item.items() if k != "revision"} for item in items(world)]
    again = bring(rows)
    assert [{k: v for k, v in item.items() if k != "revision"} for item in items(world)] == once
    if len({row[0] for row in rows}) == len(rows):
        assert set(again) <= {Change.SAME}
