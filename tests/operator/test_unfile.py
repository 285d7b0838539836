"""A file that was uploaded for the wrong patient and moved to the right one: found, taken out, kept out, and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile

MakeFile = Callable[..., Path]
pytestmark = pytest.mark.timeout(240)
DECIDED = ("--by", "Dr. Rey", "--reason", "wrong patient")


def aws_command(aws: EmbeddedAws, *words: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    program = [sys.executable, "-m", "awscli", "--endpoint-url", aws.settings.endpoint]
    done = subprocess.run(
        [*program, *words], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def upload(carefile: Carefile, aws: EmbeddedAws, key: str, body: bytes) -> None:
    aws.client("s3").put_object(Bucket=aws.outputs["LandingBucketName"], Key=key, Body=body)
    eventually(lambda: carefile("catalog", key, "--json").rows)


def keys(aws: EmbeddedAws, prefix: str) -> list[str]:
    found = aws.client("s3").list_objects_v2(Bucket=aws.outputs["ProcessedBucketName"], Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", ())]


def test_a_document_moved_to_the_right_patient_is_taken_out_of_the_wrong_one(
    carefile: Carefile, file: MakeFile, deployed_aws: EmbeddedAws
) -> None:
    wrong, right = "documents/Unfile_1/knee.txt", "documents/Unfile_2/knee.txt"
    place = "processed/Unfile_1_knee/"
    upload(carefile, deployed_aws, wrong, b"a knee")
    landing = deployed_aws.outputs["LandingBucketName"]
    aws_command(deployed_aws, "s3", "mv", f"s3://{landing}/{wrong}", f"s3://{landing}/{right}")
    eventually(lambda: carefile("catalog", right, "--json").rows)

    rows = carefile("reconcile", "--grace", "0s", "--no-tags", "--json").rows
    found = {row["key"]: row for row in rows if "Unfile_" in row["key"]}
    assert (found[wrong]["fault"], right in found[wrong]["why"]) == ("moved", True)
    assert found[right]["fault"] == "shared"
    assert "The same bytes are also filed under patient Unfile_2" in carefile("show", wrong).err

    planned = carefile("unfile", wrong, *DECIDED)
    assert (planned.code, "Nothing was done." in planned.err) == (0, True)
    assert place in planned.out
    assert right in planned.out
    assert len(keys(deployed_aws, place)) == 4

    ran = carefile("unfile", wrong, *DECIDED, "--yes")
    assert ran.code == 0, ran.err
    assert "1 of 1 objects taken out of the layout." in ran.err
    assert keys(deployed_aws, place) == [f"{place}_manifest.json"]
    assert len(keys(deployed_aws, "processed/Unfile_2_knee/")) == 4
    eventually(lambda: not carefile("catalog", "--patient", "Unfile_1", "--json").rows)
    assert "was taken out of the layout by Dr. Rey" in carefile("show", wrong).err
    rows = carefile("reconcile", "--grace", "0s", "--json").rows
    assert not [row for row in rows if "Unfile_" in row["key"]]

    again = carefile("put", file("knee.txt", b"a knee"), "--patient", "Unfile_1", "--wait", "--json")
    assert again.rows[0]["status"] == "unfiled"
    assert keys(deployed_aws, place) == [f"{place}_manifest.json"]
    back = carefile("unfile", wrong, *DECIDED, "--undo", "--yes", "--json")
    assert back.code == 0, back.err
    assert json.loads(back.out)["objects"][0]["disposition"] == "cataloged"
    assert len(keys(deployed_aws, place)) == 4


def test_a_session_is_taken_out_whole_and_filed_again(
    carefile: Carefile, file: MakeFile, deployed_aws: EmbeddedAws
) -> None:
    for number in range(2):
        folder = file(f"session_u/agents/agent_a/messages/message_{number}.json", b"%d" % number)
    carefile("put", folder.parents[3], "--patient", "Unfile_3", "--wait")
    place = "processed/Unfile_3_medical_notes/session_u/"
    eventually(lambda: carefile("catalog", "--sessions", "--patient", "Unfile_3", "--json").rows, seconds=60)

    ran = carefile("unfile", place, *DECIDED, "--yes")
    assert ran.code == 0, ran.err
    assert "2 of 2 objects taken out of the layout." in ran.err
    assert keys(deployed_aws, place) == [f"{place}_manifest.json"]
    key = "sessions/Unfile_3/session_u/agents/agent_a/messages/message_0.json"
    back = carefile("unfile", key, *DECIDED, "--undo", "--yes")
    assert "2 of 2 objects filed again." in back.err
    assert len(keys(deployed_aws, place)) == 3


def test_a_copy_out_of_the_layout_keeps_no_tag_of_another_patient(
    carefile: Carefile, deployed_aws: EmbeddedAws
) -> None:
    upload(carefile, deployed_aws, "documents/Unfile_4/hip.txt", b"a hip")
    landing, processed = (deployed_aws.outputs[f"{name}BucketName"] for name in ("Landing", "Processed"))
    s3, key = deployed_aws.client("s3"), "documents/Unfile_5/hip.txt"
    source = {"Bucket": processed, "Key": "processed/Unfile_4_hip/original.txt"}

    def tags(bucket: str, name: str) -> dict[str, str]:
        found = s3.get_object_tagging(Bucket=bucket, Key=name)
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    theirs = tags(processed, source["Key"])["patient-ref"]
    s3.copy_object(Bucket=landing, Key=key, CopySource=source)
    eventually(lambda: carefile("catalog", key, "--json").rows)
    assert tags(landing, key) == {"pipeline-status": "cataloged"}
    filed = tags(processed, "processed/Unfile_5_hip/original.txt")
    assert filed["patient-ref"] != theirs


@pytest.mark.parametrize("words", [("no/such.txt", *DECIDED), ("no/such.txt", *DECIDED, "--undo")])
def test_what_is_not_there_is_refused(carefile: Carefile, words: tuple[str, ...]) -> None:
    ran = carefile("unfile", *words)
    assert (ran.code, "to do: " in ran.err) == (2, True)


def test_who_and_why_have_to_be_said(carefile: Carefile) -> None:
    assert carefile("unfile", "x.txt", "--by", "Dr. Rey").code == 2
    assert carefile("unfile", "x.txt", "--reason", "wrong").code == 2
