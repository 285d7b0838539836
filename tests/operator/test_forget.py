"""`carefile forget` against a running pipeline: first the plan, then nothing is left of the patient."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded import EmbeddedAws, eventually
from tests.local.stubs import unique
from tests.operator.conftest import Carefile

MakeFile = Callable[..., Path]
TABLES = ("CatalogTableName", "LedgerTableName", "DecisionsTableName")


def keys_of_versions(aws: EmbeddedAws, name: str) -> list[str]:
    """Every key of either bucket, deleted ones included, that holds this name."""
    found = []
    for output in ("LandingBucketName", "ProcessedBucketName"):
        pages = aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=aws.outputs[output])
        for page in pages:
            found += [item["Key"] for kind in ("Versions", "DeleteMarkers") for item in page.get(kind, ())]
    return [key for key in found if name in key]


def items_of(aws: EmbeddedAws, name: str) -> list[str]:
    tables = [aws.outputs[output] for output in TABLES]
    items = [item for table in tables for item in aws.client("dynamodb").scan(TableName=table)["Items"]]
    return [repr(item) for item in items if name in repr(item)]


def test_a_patient_is_forgotten_only_when_asked_and_then_completely(
    carefile: Carefile, file: MakeFile, deployed_aws: EmbeddedAws, tmp_path: Path
) -> None:
    for body in (b"one", b"two"):
        carefile("put", file("knee.txt", body), "--patient", "Forget_1", "--wait")
    folder = file("session_1/session.json", b"{}").parent
    file("session_1/agents/agent_a/messages/message_0.json", b"{}")
    carefile("put", folder, "--patient", "Forget_1", "--wait")
    eventually(lambda: carefile("catalog", "--sessions", "--patient", "Forget_1", "--json").rows)
    assigned = (
        "assign",
        "--key",
        "documents/Forget_1/knee.txt",
        "--patient",
        "Forget_1",
        "--reason",
        "a knee",
    )
    assert carefile(*assigned, "--yes").code == 0
    assert carefile("decisions", "--patient", "Forget_1", "--json").rows
    before = (keys_of_versions(deployed_aws, "Forget_1"), items_of(deployed_aws, "Forget_1"))

    planned = carefile("forget", "--patient", "Forget_1")
    assert planned.code == 0
    assert "Nothing was deleted." in planned.err
    assert "4 versions and delete markers in the landing bucket" in planned.out
    assert (keys_of_versions(deployed_aws, "Forget_1"), items_of(deployed_aws, "Forget_1")) == before

    report = tmp_path / "report.json"
    ran = carefile("forget", "--patient", "Forget_1", "--yes", "--rest", "0s", "--report", report)
    assert ran.code == 0, ran.err
    assert keys_of_versions(deployed_aws, "Forget_1") == []
    eventually(lambda: not items_of(deployed_aws, "Forget_1"))
    told = json.loads(report.read_text())
    assert told["counts"]["landing_versions"] == 4
    assert told["counts"]["bytes"] > 0
    assert not any(told["second_look"].values())
    assert "Forget_1" not in report.read_text()
    assert told["counts"]["decisions"] == 1
    assert carefile("decisions", "verify").code == 0
    assert carefile("forget", "--patient", "Forget_1", "--json").thing["counts"]["landing_versions"] == 0


def test_a_placeholder_is_a_clear_line_and_nothing_happens(carefile: Carefile) -> None:
    ran = carefile("forget", "--patient", "Unknown", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "'Unknown' is a placeholder and names nobody" in ran.err


@pytest.mark.submission
def test_of_an_adopted_session_only_what_is_the_patients_for_sure_goes(
    carefile: Carefile, deployed_aws: EmbeddedAws
) -> None:
    s3, bucket = deployed_aws.client("s3"), deployed_aws.outputs["ProcessedBucketName"]
    patient = unique("P").replace("-", "_")
    session, lab = f"processed/{patient}_medical_notes/session_1/", f"processed/{patient}_lab/x.pdf"
    s3.put_object(Bucket=bucket, Key=f"{session}m0.json", Body=b"{}")
    s3.put_object(Bucket=bucket, Key=f"{session}m1.json", Body=b"{}", Metadata={"patient-id": "Another"})
    s3.put_object(Bucket=bucket, Key=lab, Body=b"pdf", Metadata={"patient-id": patient})
    assert carefile("adopt", f"s3://{bucket}/processed/{patient}_").code == 0
    eventually(lambda: carefile("catalog", "--patient", patient, "--json").rows)
    eventually(lambda: session in carefile("catalog", "--unknown", "--json").out)
    undecided = f"s3://{bucket}/{session}m1.json"

    planned = carefile("forget", "--patient", patient)
    assert (planned.code, undecided in planned.out) == (1, True)
    for _ in range(2):
        ran = carefile("forget", "--patient", patient, "--yes", "--rest", "0s")
        assert ran.code == 1
        assert undecided in ran.out
        assert "1 objects are left that name the patient" in ran.err
        assert sorted(keys_of_versions(deployed_aws, patient)) == [
            f"{session}_manifest.json",
            f"{session}m1.json",
        ]
    assert carefile("catalog", "--patient", patient, "--json").rows == []
    assert session in carefile("catalog", "--unknown", "--json").out

    ran = carefile("forget", "--patient", patient, "--yes", "--rest", "0s", "--include", undecided)
    assert ran.code == 0, ran.err
    assert keys_of_versions(deployed_aws, patient) == []
    eventually(lambda: not items_of(deployed_aws, patient))
