"""From an upload to its catalog event, through the deployed template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline
from tests.golden.instances import schema
from tests.unit.world import created_event

SAMPLES = Path(__file__).parents[2] / "samples"
THREE_TAGS = {"kind", "patient-status", "patient-ref"}


def valid(name: str, instance: dict[str, Any]) -> None:
    jsonschema.validate(
        instance, schema(name, instance["schema_version"]), cls=jsonschema.Draft202012Validator
    )


def test_a_file_with_an_odd_name_uploaded_by_the_aws_command_line_is_filed_tagged_and_announced(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    file = tmp_path / "Lab Report+50%.pdf"
    file.write_bytes((SAMPLES / "files/documents/Juan_Perez_123/lab_report.pdf").read_bytes())
    key = f"documents/Juan_Perez_123/{file.name}"

    pipeline.command_line("s3", "cp", str(file), f"s3://{pipeline.landing}/documents/Juan_Perez_123/")
    execution = pipeline.execution_of(key)

    assert execution["status"] == "SUCCEEDED"
    folder = "processed/Juan_Perez_123_Lab_Report=2B50=25/"
    assert pipeline.keys(folder) == [
        folder + name for name in ("_manifest.json", "extracted_data.json", "original.pdf", "result.html")
    ]
    assert pipeline.read(folder + "original.pdf") == file.read_bytes()
    for stored in pipeline.keys(folder):
        assert set(pipeline.tags(pipeline.processed, stored)) == THREE_TAGS
        assert "Juan" not in str(pipeline.tags(pipeline.processed, stored))
    assert pipeline.tags(pipeline.landing, key) == {"pipeline-status": "cataloged"}
    (event,) = pipeline.events_of(key)
    valid("object_cataloged", event)
    valid("manifest", json.loads(pipeline.read(folder + "_manifest.json")))
    valid("extracted_data", json.loads(pipeline.read(folder + "extracted_data.json")))
    assert event["patient"] == {"status": "known", "id": "Juan_Perez_123"}
    assert event["location"]["prefix"] == folder
    assert pipeline.catalog_entry(event["source_id"])["prefix"] == {"S": folder}
    assert event["execution"] == execution["executionArn"]


@pytest.mark.parametrize(
    ("tree", "destination"),
    [
        (
            "sessions/Juan_Perez_123/session_20241028_143022/",
            "processed/Juan_Perez_123_medical_notes/session_20241028_143022/",
        ),
        ("sessions/session_20241028_145012/", "processed/unknown_medical_notes/session_20241028_145012/"),
        (
            "medical-notes/patients/Rosa_Gil_7/20240101/",
            "processed/Rosa_Gil_7_medical_notes/session_20240101/",
        ),
        ("medical-notes/no-patient/session_9/", "processed/unknown_medical_notes/session_9/"),
    ],
)
def test_a_session_tree_keeps_its_sub_paths_and_bytes(
    pipeline: Pipeline, tree: str, destination: str
) -> None:
    parts = {
        "session.json": b'{"session_id": "x"}',
        "agents/agent_a/agent.json": b"{}",
        "agents/agent_a/messages/message_0.json": b'{"text": "\xc3\xa1"}',
        "notes/free text + 100%.txt": b"\x00\xff not text",
    }
    versions = {path: pipeline.upload(tree + path, body) for path, body in parts.items()}
    for path, version in versions.items():
        assert pipeline.execution_of(tree + path, version)["status"] == "SUCCEEDED"

    assert set(pipeline.keys(destination)) == {destination + path for path in (*parts, "_manifest.json")}
    for path, body in parts.items():
        assert pipeline.read(destination + path) == body
        (event,) = pipeline.events_of(tree + path)
        valid("object_cataloged", event)
        assert (event["kind"], event["data_type"]) == ("session", "medical_notes")


def test_an_upload_goes_through_five_states(pipeline: Pipeline) -> None:
    key = "documents/Juan_Perez_123/five.txt"
    execution = pipeline.execution_of(key, pipeline.upload(key, b"five"))
    assert pipeline.states_of(execution["executionArn"]) == [
        "ClassifyObject",
        "RouteObject",
        "NormaliseDocument",
        "TagObject",
        "EmitCatalogEvent",
    ]


def test_a_person_starts_an_intake_from_the_command_line(pipeline: Pipeline) -> None:
    pipeline.filed("documents/Eva_Sanz_1/by-hand.txt", b"typed")
    request = {"bucket": pipeline.landing, "key": "documents/Eva_Sanz_1/by-hand.txt"}

    started = json.loads(
        pipeline.command_line(
            "stepfunctions",
            "start-execution",
            "--state-machine-arn",
            pipeline.machine,
            "--input",
            json.dumps(request),
        )
    )
    execution = pipeline.aws.finished(started["executionArn"])

    assert json.loads(execution["output"])["disposition"] == "duplicate"


def test_a_submitted_object_is_filed_as_its_hint_says(pipeline: Pipeline) -> None:
    key = "uploads/submitted.txt"
    first = pipeline.filed(key, b"whose is it?")
    assert first["classification"]["patient"] == {"status": "unknown", "reason": "no-evidence"}

    detail = {"bucket": pipeline.landing, "key": key, "hints": {"patient_id": "Noa_Vidal_5"}}
    entry = {
        "EventBusName": pipeline.aws.outputs["IntakeBusName"],
        "Source": "carefile.intake",
        "DetailType": "Object Submitted",
        "Detail": json.dumps(detail),
    }
    assert pipeline.aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    events = pipeline.events_of(key, count=2)

    assert events[-1]["patient"] == {"status": "known", "id": "Noa_Vidal_5"}
    assert pipeline.read("processed/Noa_Vidal_5_submitted/original.txt") == b"whose is it?"
    assert pipeline.keys("processed/unknown_submitted/") == ["processed/unknown_submitted/_manifest.json"]
    (retired,) = pipeline.events_of(key, "Object Retired")
    valid("object_retired", retired)
    assert retired["location"]["prefix"] == "processed/unknown_submitted/"


def test_a_bucket_that_is_not_allowed_is_refused_by_name(pipeline: Pipeline) -> None:
    execution = pipeline.start({"bucket": "somebody-elses", "key": "documents/A/b.txt"})

    assert (execution["status"], execution["error"]) == ("FAILED", "RejectedObject")
    assert "bucket-not-allowed" in execution["cause"]
    assert pipeline.states_of(execution["executionArn"]) == ["ClassifyObject"]


def test_an_empty_file_fails_by_name_is_marked_and_announced_and_stays(pipeline: Pipeline) -> None:
    key = "documents/Juan_Perez_123/empty.pdf"
    execution = pipeline.execution_of(key, pipeline.upload(key, b""))

    assert (execution["status"], execution["error"]) == ("FAILED", "RejectedObject")
    assert "empty-object" in execution["cause"]
    assert "Juan" not in execution["cause"]
    (event,) = pipeline.events_of(key, "Object Failed")
    valid("object_failed", event)
    assert event["execution"] == execution["executionArn"]
    assert eventually(lambda: pipeline.tags(pipeline.landing, key)) == {"pipeline-status": "failed"}
    assert pipeline.s3.head_object(Bucket=pipeline.landing, Key=key)["ContentLength"] == 0


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        ({"bucket": "LANDING", "key": "documents/A/never-there.pdf"}, "RejectedObject", "object-not-found"),
        ([1, 2, 3], "RejectedEvent", "malformed-input"),
        # How the function classifies them is for unit tests; here each has its way through the machine.
        *(
            pytest.param(*case, marks=pytest.mark.submission)
            for case in (
                ({"bucket": "LANDING", "key": "processed/A_b/original.pdf"}, "RejectedObject", "own-output"),
                ({"bucket": "LANDING", "key": "documents/A/"}, "RejectedObject", "folder-marker"),
                ({"bucket": "LANDING"}, "RejectedEvent", "malformed-input"),
                (
                    {"detail-type": "Object Created", "source": "aws.s3", "detail": {}},
                    "RejectedEvent",
                    "malformed-input",
                ),
            )
        ),
    ],
)
def test_input_that_cannot_be_filed_fails_at_classify_with_a_reason(
    pipeline: Pipeline, data: object, error: str, reason: str
) -> None:
    if isinstance(data, dict) and data.get("bucket"):
        data = {**data, "bucket": pipeline.landing}
    execution = pipeline.start(data)

    assert (execution["status"], execution["error"]) == ("FAILED", error)
    assert reason in execution["cause"]
    assert pipeline.states_of(execution["executionArn"]) == ["ClassifyObject"]


def test_overwriting_ends_with_the_new_bytes_and_a_new_event_and_the_old_event_changes_nothing(
    pipeline: Pipeline,
) -> None:
    key, folder = "documents/Ines_Mora_2/letter.txt", "processed/Ines_Mora_2_letter/"
    old = pipeline.upload(key, b"first draft")
    pipeline.execution_of(key, old)
    assert pipeline.filed(key, b"second draft")["disposition"] == "cataloged"
    before = {
        stored: pipeline.s3.head_object(Bucket=pipeline.processed, Key=stored)["VersionId"]
        for stored in pipeline.keys(folder)
    }
    first, second = pipeline.events_of(key, count=2)

    again = pipeline.start(created_event(key, old, pipeline.landing))

    assert json.loads(again["output"])["disposition"] == "superseded"
    assert pipeline.read(folder + "original.txt") == b"second draft"
    after = {
        stored: pipeline.s3.head_object(Bucket=pipeline.processed, Key=stored)["VersionId"]
        for stored in pipeline.keys(folder)
    }
    assert after == before
    assert first["event_id"] != second["event_id"]
    third = pipeline.events_of(key, count=3)[-1]
    assert (third["event_id"], third["disposition"]) == (second["event_id"], "duplicate")


def test_the_pipelines_own_writes_start_no_execution(pipeline: Pipeline) -> None:
    pipeline.filed("documents/Leo_Ramos_3/note.txt", b"x")
    pipeline.s3.put_object(Bucket=pipeline.landing, Key="processed/Leo_Ramos_3_note/original.txt", Body=b"x")
    pipeline.s3.put_object(Bucket=pipeline.landing, Key="documents/Leo_Ramos_3/", Body=b"")
    pipeline.filed("documents/Leo_Ramos_3/later.txt", b"y")

    assert pipeline.intakes_of("documents/Leo_Ramos_3/note.txt") == 1
    assert pipeline.intakes_of("processed/Leo_Ramos_3_note/original.txt") == 0
    assert pipeline.intakes_of("documents/Leo_Ramos_3/") == 0


def test_every_sample_ends_as_its_comment_says(pipeline: Pipeline) -> None:
    uploads = json.loads((SAMPLES / "uploads.json").read_text())
    versions = {
        item["key"]: pipeline.upload(
            item["key"], (SAMPLES / item["path"]).read_bytes(), Metadata=item.get("metadata", {})
        )
        for item in uploads
    }
    ends = {key: pipeline.execution_of(key, version) for key, version in versions.items()}

    failed = {key: execution["error"] for key, execution in ends.items() if execution["status"] == "FAILED"}
    assert failed == {"documents/Juan_Perez_123/empty_scan.pdf": "RejectedObject"}
    patients = {
        key: json.loads(execution["output"])["classification"]["patient"]
        for key, execution in ends.items()
        if key not in failed
    }
    conflict = {"status": "unknown", "reason": "conflict"}
    assert patients["documents/Juan_Perez_123/referral.txt"] == conflict
    assert patients["documents/Ana_Ruiz_789/glucose.json"] == conflict
    assert patients["blood_count.json"]["status"] == "known"
    assert patients["blood_count.hl7"] == {"status": "known", "id": "Juan_Perez_123"}
    assert patients["summary_of_care.xml"] == {"status": "known", "id": "Maria_Lopez_456"}
    assert patients["chest_ct.dcm"] == {"status": "known", "id": "Maria_Lopez_456"}
    assert patients["scan.png"] == {"status": "unknown", "reason": "no-evidence"}
    folders = {
        json.loads(ends[f"documents/Ana_Ruiz_789/lab.{suffix}"]["output"])["location"]["prefix"]
        for suffix in ("pdf", "csv")
    }
    assert len(folders) == 2
    assert "processed/Ana_Ruiz_789_lab/" in folders
