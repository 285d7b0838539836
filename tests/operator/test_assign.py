"""`carefile assign` shows what would be moved, moves it, and goes on with what had failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile

File = Callable[..., Path]
LEFT = "processed/unknown_{0}/"


@pytest.fixture
def unknown(carefile: Carefile, file: File) -> Callable[[str], str]:
    """Files a document of nobody known; its folder."""

    def put(name: str) -> str:
        assert carefile("put", file(f"{name}.txt"), "--wait").code == 0
        return LEFT.format(name)

    return put


def test_without_yes_it_only_shows_what_would_be_moved(
    carefile: Carefile, unknown: Callable[[str], str]
) -> None:
    folder = unknown("assign-plan")
    for words in (("--dry-run",), (), ("--dry-run", "--yes")):
        ran = carefile("assign", "--document", folder, "--patient", "Ana_7", *words)
        assert ran.code == 0
        assert f"1 object in {folder}" in ran.out
        assert "→ processed/Ana_7_assign-plan/" in ran.out
        assert "Nothing was done." in ran.err
    assert carefile("catalog", "assign-plan.txt", "--json").rows[0]["patient"] is None


def test_with_yes_it_moves_and_says_so_and_again_there_is_nothing_to_move(
    carefile: Carefile, unknown: Callable[[str], str]
) -> None:
    folder = unknown("assign-move")
    moved = carefile("assign", "--document", folder, "--patient", "Ana_7", "--yes")
    assert moved.code == 0, moved.err
    assert "Moved. 1 object filed again" in moved.err
    eventually(lambda: carefile("catalog", "assign-move.txt", "--json").rows[0]["patient"] == "Ana_7")
    again = carefile("assign", "--key", "assign-move.txt", "--patient", "Ana_7", "--yes")
    assert (again.code, "Nothing to move." in again.err) == (0, True)
    other = carefile("assign", "--key", "assign-move.txt", "--patient", "Ben_8", "--yes")
    assert other.code == 2
    assert "name the patient it is to be taken from" in other.err
    assert "--from" in other.err
    taken = carefile(
        "assign", "--key", "assign-move.txt", "--patient", "Ben_8", "--from", "Ana_7", "--yes", "--json"
    )
    assert taken.code == 0
    assert taken.thing["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--session", "x", "--key", "y", "--patient", "A"),
            "use only one of --session, --document or --key",
        ),
        (("--patient", "A"), "use --session, --document or --key"),
        (("--session", "none-such", "--patient", "A"), "no session of that id is filed"),
        (("--session", "x", "--patient", "unknown"), "the patient id stands for nobody"),
        (
            ("--document", "processed/none-such/", "--patient", "A"),
            "no document or session is filed in a folder",
        ),
    ],
)
def test_what_cannot_be_assigned_is_refused_in_one_line(
    carefile: Carefile, words: tuple[str, ...], said: str
) -> None:
    ran = carefile("assign", *words, "--yes")
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_a_document_whose_upload_was_deleted_is_assigned(
    carefile: Carefile, file: File, deployed_aws: EmbeddedAws
) -> None:
    (put,) = carefile("put", file("assign-deleted.txt"), "--wait", "--json").rows
    deployed_aws.client("s3").delete_object(Bucket=deployed_aws.outputs["LandingBucketName"], Key=put["key"])
    moved = carefile("assign", "--key", put["key"], "--patient", "Ana_7", "--yes")
    assert moved.code == 0, moved.err
    assert "Moved. 1 object filed again" in moved.err
    eventually(lambda: carefile("catalog", put["key"], "--json").rows[0]["patient"] == "Ana_7")


@pytest.mark.submission
def test_the_same_command_goes_on_with_what_had_failed(
    carefile: Carefile, file: File, deployed_aws: EmbeddedAws
) -> None:
    """An object whose upload is gone for good cannot be moved; the runbook says to upload it again."""
    note, s3, landing = (
        file("note.json"),
        deployed_aws.client("s3"),
        deployed_aws.outputs["LandingBucketName"],
    )
    put = ("put", note, "--prefix", "sessions/session_assign-again", "--wait", "--json")
    gone = carefile(*put).rows[0]
    s3.delete_object(Bucket=landing, Key=gone["key"], VersionId=gone["version_id"])
    assign = ("assign", "--session", "assign-again", "--patient", "Ana_7", "--yes")

    failed = carefile(*assign)
    assert failed.code == 1
    assert "1 objects are still in 1 folders where they were" in failed.err
    assert "docs/runbook.md#leftbehind" in failed.err
    assert carefile(*put).rows[0]["patient"] == "Ana_7"
    ended = carefile(*assign, "--json")

    assert ended.code == 0, ended.err
    assert ended.thing["redriven"] is True
    assert ended.thing["execution"] in failed.err


def test_what_is_nobodys_leaves_the_queue_and_comes_back_and_every_decision_is_recorded(
    carefile: Carefile, unknown: Callable[[str], str]
) -> None:
    unknown("assign-flyer")
    by = ("--by", "Dr. Rey", "--reason", "an advertisement")

    def entry() -> dict[str, Any]:
        return carefile("catalog", "assign-flyer.txt", "--json").rows[0]

    preview = carefile("assign", "--key", "assign-flyer.txt", "--nobody", *by)
    assert (preview.code, "Nothing was done." in preview.err) == (0, True)
    decided = carefile("assign", "--key", "assign-flyer.txt", "--nobody", *by, "--yes")
    assert decided.code == 0, decided.err
    eventually(lambda: entry().get("is_nobodys"))
    assert entry()["decision"]["decided_by"] == "Dr. Rey"
    listed = carefile("catalog", "--unknown")
    assert "nobody's" in listed.out
    assert "carefile inbox" in listed.err
    assert "Decision: nobody, by Dr. Rey" in carefile("show", "assign-flyer.txt").err
    back = carefile("assign", "--key", "assign-flyer.txt", "--take-back", *by, "--yes")
    assert back.code == 0, back.err
    eventually(lambda: "is_nobodys" not in entry())
    assert carefile("unfile", "assign-flyer.txt", *by, "--yes").code == 0
    rows = [
        row
        for row in carefile("decisions", "--by", "Dr. Rey", "--json").rows
        if row.get("key") == "assign-flyer.txt"
    ]
    assert [row["type"] for row in rows] == ["nobody", "take-back", "unfile"]
    assert all(row["principal"].startswith("arn:aws:") for row in rows)
    assert all(row["execution"].startswith("arn:aws:states:") for row in rows[:2])
    verified = carefile("decisions", "verify", "--json")
    assert (verified.code, verified.thing["findings"]) == (0, [])
    for wrong in ((), ("--nobody", "--take-back"), ("--nobody", "--patient", "Ana_7")):
        assert carefile("assign", "--key", "assign-flyer.txt", *wrong).code == 2
