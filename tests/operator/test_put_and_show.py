"""Uploading with the command, and finding executions and objects from each other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig

from carefile.cli.commands import put as command
from carefile.cli.moving import uploads
from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile

MakeFile = Callable[..., Path]


def test_an_upload_is_followed_to_where_it_was_filed(carefile: Carefile, file: MakeFile) -> None:
    ran = carefile("put", file("note.txt"), "--patient", "Put_1", "--wait", "--json")
    (row,) = ran.rows
    assert (ran.code, row["status"], row["patient"]) == (0, "cataloged", "Put_1")
    assert row["prefix"] == "processed/Put_1_note/"


def test_a_tree_is_uploaded_whole(carefile: Carefile, file: MakeFile, tmp_path: Path) -> None:
    for name in ("session_7/session.json", "session_7/agents/agent_a/agent.json"):
        file(name, b"{}")
    ran = carefile("put", tmp_path / "session_7", "--patient", "Put_2", "--wait", "--json")
    assert ran.code == 0
    assert {row["prefix"] for row in ran.rows} == {"processed/Put_2_medical_notes/session_7/"}
    assert len(ran.rows) == 2


def test_a_folder_named_as_a_convention_is_said_not_to_be_in_the_keys(
    carefile: Carefile, file: MakeFile, tmp_path: Path
) -> None:
    file("documents/Fold_1/a.txt")
    ran = carefile("put", tmp_path / "documents", "--dry-run", "--json")
    assert [row["key"] for row in ran.rows] == ["Fold_1/a.txt"]
    assert "--prefix documents makes it so" in carefile("put", tmp_path / "documents", "--dry-run").err
    rows = carefile("put", tmp_path / "documents", "--prefix", "documents", "--dry-run", "--json").rows
    assert [row["key"] for row in rows] == ["documents/Fold_1/a.txt"]


def test_what_is_there_already_is_not_uploaded_again(
    carefile: Carefile, file: MakeFile, tmp_path: Path
) -> None:
    file("again/a.txt", b"first")
    first = carefile("put", tmp_path / "again", "--patient", "Put_5", "--wait", "--json")
    file("again/b.txt", b"second")
    planned = carefile("put", tmp_path / "again", "--patient", "Put_5", "--dry-run", "--json")
    assert [row["key"] for row in planned.rows] == ["documents/Put_5/b.txt"]
    told = carefile("put", tmp_path / "again", "--patient", "Put_5", "--dry-run").err
    assert "1 already there" in told
    assert "Nothing was uploaded" in told
    second = carefile("put", tmp_path / "again", "--patient", "Put_5", "--wait", "--json")
    versions = {row["key"]: row["version_id"] for row in second.rows}
    assert len(versions) == 2
    assert versions["documents/Put_5/a.txt"] == first.rows[0]["version_id"]

    file("again/a.txt", b"other")
    changed = carefile("put", tmp_path / "again", "--patient", "Put_5", "--json")
    assert [row["key"] for row in changed.rows] == ["documents/Put_5/a.txt"]
    repeated = carefile("put", tmp_path / "again", "--patient", "Put_5", "--again", "--json")
    assert len(repeated.rows) == 2


def test_the_same_bytes_under_another_patient_are_not_there_already(
    carefile: Carefile, file: MakeFile
) -> None:
    place = ("--prefix", "documents/Put_6", "--json")
    carefile("put", file("who.txt"), *place)
    assert len(carefile("put", file("who.txt"), "--patient", "Put_6", *place).rows) == 1


def test_a_large_file_is_known_by_the_checksums_of_its_parts(
    carefile: Carefile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_SINGLE_PUT", 6 * 1024**2)
    monkeypatch.setattr(command, "MAX_SINGLE_PUT", 6 * 1024**2)
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(9 * 1024**2))
    monkeypatch.setattr(
        command, "_TRANSFER", TransferConfig(multipart_threshold=6 * 1024**2, multipart_chunksize=8 * 1024**2)
    )
    assert len(carefile("put", large, "--prefix", "large", "--json").rows) == 1
    assert carefile("put", large, "--prefix", "large", "--json").rows == []


def test_a_file_below_two_of_the_paths_is_refused(carefile: Carefile, file: MakeFile, tmp_path: Path) -> None:
    file("outer/inner/x.txt")
    ran = carefile("put", tmp_path / "outer", tmp_path / "outer" / "inner")
    assert (ran.code, "is already part of" in ran.err) == (2, True)


def test_a_conflict_is_told(carefile: Carefile, file: MakeFile) -> None:
    ran = carefile("put", file("r.json", b'{"patient_id": "Other_9"}'), "--patient", "Put_3", "--wait")
    assert ran.code == 0
    assert "unknown (conflict)" in ran.out
    assert "names different patients" in ran.err


def test_a_failure_is_told_with_its_cause_and_an_exit_code(carefile: Carefile, file: MakeFile) -> None:
    ran = carefile("put", file("empty.txt", b""), "--patient", "Put_4", "--wait", "--json")
    (row,) = ran.rows
    assert (ran.code, row["status"], row["error"]) == (1, "failed", "RejectedObject")
    assert row["cause"].startswith("empty-object")


def test_nothing_is_uploaded_under_the_pipelines_own_prefix(carefile: Carefile, file: MakeFile) -> None:
    ran = carefile("put", file("x.txt"), "--prefix", "processed/x")
    assert ran.code == 2
    assert "own prefix" in ran.err


@pytest.fixture(scope="module")
def row(deployed_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A document that is filed: its landing key, its execution, its folder."""
    key = "documents/Show_1/lab+50%.txt"
    s3 = deployed_aws.client("s3")
    s3.put_object(Bucket=deployed_aws.outputs["LandingBucketName"], Key=key, Body=b"HbA1c 6.1 %")

    def listed() -> str | None:
        machine = deployed_aws.outputs["PipelineStateMachineArn"]
        states = deployed_aws.client("stepfunctions")
        for item in states.list_executions(stateMachineArn=machine)["executions"]:
            if f'"{key}"' in states.describe_execution(executionArn=item["executionArn"])["input"]:
                return item["executionArn"]
        return None

    arn = eventually(listed)
    assert deployed_aws.finished(arn)["status"] == "SUCCEEDED"
    return {"key": key, "arn": arn, "folder": "processed/Show_1_lab=2B50=25/"}


def test_an_execution_names_its_object(carefile: Carefile, row: dict[str, str]) -> None:
    story = carefile("show", row["arn"], "--json").thing
    assert story["source"]["key"] == row["key"]
    assert story["location"]["prefix"] == row["folder"]
    assert [step["state"] for step in story["path"]] == [
        "ClassifyObject",
        "RouteObject",
        "NormaliseDocument",
        "TagObject",
        "EmitCatalogEvent",
    ]


@pytest.mark.parametrize(
    "of", ["{key}", "{folder}original.txt", "{folder}result.html", "{folder}_manifest.json"]
)
def test_a_landing_key_and_every_filed_object_name_their_execution(
    carefile: Carefile, row: dict[str, str], of: str
) -> None:
    ran = carefile("show", of.format(**row), "--json")
    assert ran.code == 0
    assert ran.thing["execution"] == row["arn"]


def test_a_folder_names_the_document_in_it(carefile: Carefile, row: dict[str, str]) -> None:
    for folder in (row["folder"], row["folder"].rstrip("/")):
        assert carefile("show", folder, "--json").thing["execution"] == row["arn"]


def test_a_session_is_named_by_its_folder_and_one_of_nobody_by_its_id(
    carefile: Carefile, file: MakeFile, tmp_path: Path
) -> None:
    file("session_Show_9/session.json", b"{}")
    carefile("put", tmp_path / "session_Show_9", "--wait")
    folder = "processed/unknown_medical_notes/session_Show_9"
    eventually(lambda: carefile("show", f"{folder}/").code == 0)
    for word in (folder, "session_Show_9", "Show_9"):
        assert carefile("show", word, "--json").thing["prefix"] == f"{folder}/"


def test_an_execution_is_found_by_its_bare_name(carefile: Carefile, row: dict[str, str]) -> None:
    assert carefile("show", row["arn"].rpartition(":")[2], "--json").thing["source"]["key"] == row["key"]


def test_a_failed_upload_names_its_execution_and_says_what_to_do(carefile: Carefile, file: MakeFile) -> None:
    carefile("put", file("none.txt", b""), "--patient", "Show_2", "--wait")
    ran = carefile("show", "documents/Show_2/none.txt")
    assert ran.code == 1
    assert "RejectedObject at ClassifyObject" in ran.out
    assert "docs/runbook.md#rejectedobject" in ran.out


def test_what_is_not_there_is_one_line(carefile: Carefile) -> None:
    for name, word, said in (
        ("show", "documents/nobody/nothing.pdf", "there is no object"),
        ("show", "session_nope", "no session without a patient is called session_nope"),
        ("show", "arn:aws:states:us-east-1:000000000000:execution:x:y", "there is no execution"),
        ("open", "documents/nobody/nothing.pdf", "there is no page"),
        ("places", "documents/nobody/nothing.pdf", "no places for that key"),
    ):
        ran = carefile(name, word)
        assert (ran.code, said in ran.err, "to do:" in ran.err, ran.out) == (1, True, True, ""), word


def test_runs_are_told_with_their_objects(carefile: Carefile, row: dict[str, str]) -> None:
    rows = carefile("runs", "--since", "1h", "--json").rows
    assert (row["key"], "cataloged", "Show_1") in [
        (item["key"], item["disposition"], item["patient"]) for item in rows
    ]


def test_only_failed_runs_of_an_error_are_told_when_asked_for(carefile: Carefile, file: MakeFile) -> None:
    carefile("put", file("none.txt", b""), "--patient", "Runs_1", "--wait")
    rows = carefile("runs", "--error", "RejectedObject", "--json").rows
    assert "documents/Runs_1/none.txt" in [item["key"] for item in rows]
    assert {item["error"] for item in rows} == {"RejectedObject"}
    none = carefile("runs", "--error", "LedgerFull", "--json")
    assert (none.code, none.rows) == (0, [])
    assert carefile("runs", "--failed").code == 1
    assert carefile("runs").code == 0


def test_what_goes_through_is_watched_by_object(carefile: Carefile, file: MakeFile) -> None:
    carefile("put", file("watched.txt"), "--patient", "Runs_2", "--wait", "--again")
    ran = carefile("runs", "--watch", "--since", "1m", "--timeout", "2s", "--json")
    # It may still have been ending at the first look.
    *_, last = [row for row in ran.rows if row["key"] == "documents/Runs_2/watched.txt"]
    assert (last["status"], last["disposition"], last["patient"]) == ("SUCCEEDED", "cataloged", "Runs_2")
    assert last["state"] is None
