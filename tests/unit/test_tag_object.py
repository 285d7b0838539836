"""TagObject: the landing version shows how its intake ended, beside the tags of others."""

from __future__ import annotations

import json

import pytest

from carefile.core.filing.tagging import PipelineStatus, layout_tags, pseudonym, status_of, with_status
from carefile.core.model import Disposition, Kind, Patient, Source
from lambdas import tag_object
from lambdas.adapters.ledger import Ledger
from tests.unit.world import LANDING, World

KEY = "documents/P/x.txt"


def ended(world: World, disposition: str, version: str | None, **classification: object) -> dict[str, object]:
    upload = {"bucket": LANDING, "key": KEY} | ({"version_id": version} if version else {})
    found = {"classification": classification} if classification else {}
    return world.tag({"upload": upload, "disposition": disposition} | found)


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        ("cataloged", "cataloged"),
        ("duplicate", "cataloged"),
        ("superseded", "superseded"),
        ("withdrawn", "withdrawn"),
    ],
)
def test_each_disposition_has_its_status(world: World, disposition: str, status: str) -> None:
    version = world.upload(KEY)
    assert ended(world, disposition, version) == {"status": status, "tagged": True}
    assert world.tags(KEY, LANDING) == {"pipeline-status": status}


def test_the_tags_of_others_are_kept(world: World) -> None:
    version = world.upload(KEY, Tagging="scanner=clean&a=b")
    ended(world, "cataloged", version)
    assert world.tags(KEY, LANDING) == {"scanner": "clean", "a": "b", "pipeline-status": "cataloged"}


def test_ten_tags_of_others_leave_no_room_and_are_kept(world: World) -> None:
    theirs = {f"t{number}": "v" for number in range(10)}
    version = world.upload(KEY, Tagging="&".join(f"{name}=v" for name in theirs))
    assert ended(world, "cataloged", version)["tagged"] is False
    assert world.tags(KEY, LANDING) == theirs


def test_nine_tags_of_others_leave_room_for_ours(world: World) -> None:
    version = world.upload(KEY, Tagging="&".join(f"t{number}=v" for number in range(9)))
    assert ended(world, "cataloged", version)["tagged"] is True
    assert len(world.tags(KEY, LANDING)) == 10


def test_a_better_end_that_is_noted_before_this_one_is_shown_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, note = world.upload(KEY), Ledger.note_status

    def slowly(ledger: Ledger, source: Source, noted: str, status: PipelineStatus) -> PipelineStatus:
        found = note(ledger, source, noted, status)
        if status is PipelineStatus.WITHDRAWN:
            ended(world, "cataloged", version)
        return found

    monkeypatch.setattr(Ledger, "note_status", slowly)
    ended(world, "withdrawn", version)
    assert world.tags(KEY, LANDING) == {"pipeline-status": "cataloged"}


def test_a_status_only_ever_rises(world: World) -> None:
    version = world.upload(KEY)
    seen = []
    for disposition in ("withdrawn", "superseded", "withdrawn", "cataloged", "superseded", "withdrawn"):
        ended(world, disposition, version)
        seen.append(world.tags(KEY, LANDING)["pipeline-status"])
    assert seen == ["withdrawn", "superseded", "superseded", "cataloged", "cataloged", "cataloged"]


def test_a_version_that_is_gone_is_no_failure(world: World) -> None:
    version = world.upload(KEY)
    world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version)
    assert ended(world, "withdrawn", version)["tagged"] is False
    assert ended(world, "withdrawn", None)["tagged"] is False


def test_a_version_behind_a_delete_marker_is_tagged(world: World) -> None:
    version = world.upload(KEY)
    world.delete(KEY)
    assert ended(world, "withdrawn", version)["tagged"] is True


@pytest.mark.parametrize(
    ("patient", "counted"),
    [
        ({"status": "known", "id": "P"}, {"Intakes"}),
        ({"status": "unknown", "reason": "no-evidence"}, {"Intakes", "UnknownPatients"}),
        ({"status": "unknown", "reason": "conflict"}, {"Intakes", "ConflictingPatients"}),
        ({"status": "unknown", "reason": "unlisted"}, {"Intakes", "UnlistedPatients"}),
        ({}, {"Intakes"}),
    ],
)
def test_each_intake_is_counted_with_its_unknown_and_conflicting_patients(
    world: World, capsys: pytest.CaptureFixture[str], patient: dict[str, str], counted: set[str]
) -> None:
    ended(world, "cataloged", world.upload(KEY), kind="document", patient=patient)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    (metrics,) = lines
    (group,) = metrics["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in group["Metrics"]} == counted
    assert (metrics["disposition"], metrics["kind"]) == ("cataloged", "document")


def test_the_time_from_upload_to_catalog_stands_in_the_same_line_and_has_no_other_dimension(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"upload": {"bucket": LANDING, "key": KEY, "version_id": world.upload(KEY)}, "kind": "document"}
    tag_object.handler(event | {"disposition": "cataloged", "uploaded_at": "2026-11-30T10:00:00Z"}, None)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    directives = [(it["Dimensions"], it["Metrics"]) for it in line["_aws"]["CloudWatchMetrics"]]
    assert directives == [
        ([["stage", "disposition", "kind"]], [{"Name": "Intakes", "Unit": "Count"}]),
        ([["stage"]], [{"Name": "UploadToCatalog", "Unit": "Milliseconds"}]),
    ]
    assert line["Intakes"] == 1
    assert line["UploadToCatalog"] > 0


def test_every_disposition_has_a_status_and_every_status_a_rank() -> None:
    for disposition in Disposition:
        assert with_status({}, status_of(disposition)) == {"pipeline-status": status_of(disposition).value}
    ranked = ["failed", "ignored", "withdrawn", "superseded", "unfiled", "cataloged"]
    assert [status.value for status in PipelineStatus] == ranked


def test_a_pseudonym_depends_on_the_key_and_never_shows_the_id() -> None:
    patient = Patient("Juan_Perez_123")
    assert pseudonym(patient, b"one") != pseudonym(patient, b"two")
    tags = layout_tags(Kind.DOCUMENT, patient, b"one")
    assert set(tags) == {"kind", "patient-status", "patient-ref"}
    assert "Juan" not in str(tags)


def test_a_noted_end_only_rises_and_what_is_noted_is_returned(world: World) -> None:
    """What failed or was overtaken later does not take the place of a better end of the same version."""
    ledger, source = world.intake.ledger, Source(LANDING, KEY)
    lower, higher = PipelineStatus.SUPERSEDED, PipelineStatus.CATALOGED
    assert ledger.noted_status(source, "v1") is None
    assert ledger.note_status(source, "v1", lower) is lower
    assert ledger.note_status(source, "v1", higher) is higher
    assert ledger.note_status(source, "v1", lower) is higher
    assert ledger.noted_status(source, "v1") is higher
    assert ledger.noted_status(source, "v2") is None
