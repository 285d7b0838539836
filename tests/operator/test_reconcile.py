"""Landing bucket, processed bucket and catalog held against each other, and brought in line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carefile.core.model import Source
from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile

MakeFile = Callable[..., Path]
GRACE = ("--grace", "0s")


class Faults:
    """Things that go wrong, done by hand."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws, self.s3 = aws, aws.client("s3")
        self.landing, self.processed = aws.outputs["LandingBucketName"], aws.outputs["ProcessedBucketName"]

    def forget(self, key: str) -> None:
        self.aws.client("dynamodb").delete_item(
            TableName=self.aws.outputs["CatalogTableName"],
            Key={"source_id": {"S": Source(self.landing, key).source_id}},
        )

    def upload_unheard(self, key: str, body: bytes) -> None:
        events = self.aws.client("events")
        (rule,) = [item["Name"] for item in events.list_rules()["Rules"] if "UploadRule" in item["Name"]]
        events.disable_rule(Name=rule)
        try:
            self.s3.put_object(Bucket=self.landing, Key=key, Body=body)
        finally:
            events.enable_rule(Name=rule)

    def tag(self, bucket: str, key: str, **tags: str) -> None:
        tag_set = [{"Key": name.replace("_", "-"), "Value": value} for name, value in tags.items()]
        self.s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": tag_set})

    def tags(self, bucket: str, key: str) -> dict[str, str]:
        found = self.s3.get_object_tagging(Bucket=bucket, Key=key)
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


@pytest.fixture
def faults(deployed_aws: EmbeddedAws) -> Faults:
    return Faults(deployed_aws)


def found(carefile: Carefile, patient: str, *options: str) -> dict[str, dict[str, Any]]:
    """What is found about one patient's objects, by key."""
    rows = carefile("reconcile", *GRACE, "--json", *options).rows
    return {row["key"]: row for row in rows if patient in row["key"]}


def put(carefile: Carefile, file: MakeFile, patient: str, *names: str) -> None:
    files = (file(name, f"{patient} {name}".encode()) for name in names)
    assert carefile("put", *files, "--patient", patient, "--wait").code == 0


def test_what_is_in_line_is_not_told(carefile: Carefile, file: MakeFile) -> None:
    put(carefile, file, "Rec_1", "a.txt", "b.txt")
    assert found(carefile, "Rec_1") == {}


def test_every_fault_is_found_and_what_can_be_is_mended(
    carefile: Carefile, file: MakeFile, faults: Faults
) -> None:
    names = ("forgotten", "lost", "tagless", "mistagged", "old", "copied")
    put(carefile, file, "Rec_2", *(f"{name}.txt" for name in names))
    documents, folders = "documents/Rec_2", "processed/Rec_2"
    faults.forget(f"{documents}/forgotten.txt")
    faults.s3.delete_object(Bucket=faults.processed, Key=f"{folders}_lost/original.txt")
    faults.tag(faults.landing, f"{documents}/tagless.txt")
    reference = faults.tags(faults.processed, f"{folders}_mistagged/result.html")
    faults.tag(
        faults.processed,
        f"{folders}_mistagged/result.html",
        patient_ref=reference["patient-ref"],
        scanner="clean",
        kind="session",
    )
    faults.upload_unheard(f"{documents}/missed.txt", b"nobody heard of this")
    faults.upload_unheard(f"{documents}/old.txt", b"a newer version")
    copy = {"Bucket": faults.processed, "Key": f"{folders}_copied/original.txt"}
    faults.s3.copy_object(Bucket=faults.processed, Key=f"{folders}_elsewhere/original.txt", CopySource=copy)
    faults.s3.put_object(Bucket=faults.processed, Key=f"{folders}_copied/note.txt", Body=b"mine")

    expected = {
        f"{documents}/forgotten.txt": "uncataloged",
        **{
            f"{folders}_forgotten/{name}": "uncataloged"
            for name in ("original.txt", "extracted_data.json", "result.html", "_manifest.json")
        },
        f"{folders}_lost/original.txt": "lost",
        f"{documents}/tagless.txt": "mistagged",
        f"{folders}_mistagged/result.html": "mistagged",
        f"{documents}/missed.txt": "missed",
        f"{documents}/old.txt": "stale",
        f"{folders}_elsewhere/original.txt": "orphaned",
        f"{folders}_copied/note.txt": "foreign",
    }
    before = found(carefile, "Rec_2")
    assert {key: row["fault"] for key, row in before.items()} == expected
    assert not any(row["repaired"] for row in found(carefile, "Rec_2", "--repair").values())

    found(carefile, "Rec_2", "--repair", "--yes")
    left = {f"{folders}_elsewhere/original.txt", f"{folders}_copied/note.txt"}
    eventually(lambda: set(found(carefile, "Rec_2")) == left, seconds=90)
    mended = faults.tags(faults.processed, f"{folders}_mistagged/result.html")
    assert mended == reference | {"scanner": "clean"}
    (entry,) = carefile("catalog", f"{documents}/old.txt", "--json").rows
    assert entry["size"] == len(b"a newer version")


@pytest.mark.submission
def test_an_upload_that_an_empty_one_hides_is_found_and_filed(
    carefile: Carefile, file: MakeFile, faults: Faults
) -> None:
    emptied = "documents/Rec_6/emptied.txt"
    faults.upload_unheard(emptied, b"nobody heard of it")
    faults.upload_unheard(emptied, b"")
    assert found(carefile, "Rec_6")[emptied]["fault"] == "missed"

    found(carefile, "Rec_6", "--repair", "--yes")
    eventually(lambda: found(carefile, "Rec_6").get(emptied, {}).get("fault") == "failed", seconds=90)
    (entry,) = carefile("catalog", emptied, "--json").rows
    assert entry["size"] == len(b"nobody heard of it")


@pytest.mark.submission
def test_a_refused_upload_is_told_and_not_taken_in_again(carefile: Carefile, file: MakeFile) -> None:
    carefile("put", file("none.txt", b""), "--patient", "Rec_3", "--wait")
    (row,) = found(carefile, "Rec_3", "--repair", "--yes").values()
    assert (row["fault"], row["repaired"]) == ("failed", None)


def test_what_is_young_is_left_alone(carefile: Carefile, file: MakeFile, faults: Faults) -> None:
    faults.upload_unheard("documents/Rec_4/young.txt", b"young")
    rows = carefile("reconcile", "--grace", "1h", "--json").rows
    assert "documents/Rec_4/young.txt" not in [row["key"] for row in rows]


def test_findings_are_an_exit_code(carefile: Carefile, faults: Faults) -> None:
    faults.upload_unheard("documents/Rec_5/missed.txt", b"missed")
    ran = carefile("reconcile", *GRACE, "--no-tags")
    assert ran.code == 1
    assert "Nothing was changed" in ran.err
