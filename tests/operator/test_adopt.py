"""`carefile adopt`: what others wrote into the layout is cataloged where it stands, and nothing else is touched."""

from __future__ import annotations

import pytest

from tests.embedded import EmbeddedAws, eventually
from tests.local.stubs import unique
from tests.operator.conftest import Carefile

pytestmark = pytest.mark.timeout(180)


def test_a_session_written_by_an_assistant_and_a_document_put_there_by_hand_are_cataloged(
    carefile: Carefile, deployed_aws: EmbeddedAws
) -> None:
    s3, bucket = deployed_aws.client("s3"), deployed_aws.outputs["ProcessedBucketName"]
    patient = unique("P").replace("-", "_")
    prefix = f"processed/{patient}_"
    message = f"{prefix}medical_notes/session_1/agents/agent_a/messages/message_0.json"
    document, astray = f"{prefix}lab/by_hand.pdf", f"{prefix}medical_notes/loose.txt"
    written = {
        key: s3.put_object(Bucket=bucket, Key=key, Body=b"theirs", Tagging="scan=clean")["VersionId"]
        for key in (message, document, astray)
    }
    place = f"s3://{bucket}/{prefix}"

    foreseen = carefile("adopt", place, "--dry-run", "--json")
    would = {row["key"]: (row["would"], row["kind"], row["patient"]) for row in foreseen.rows}
    assert would == {
        message: ("adopt", "session", patient),
        document: ("adopt", "document", None),
        astray: ("leave", None, None),
    }
    assert s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] == 3

    done = carefile("adopt", place)
    assert done.code == 0, done.err
    assert "2 cataloged, 1 left" in done.err
    for key, version in written.items():
        assert s3.head_object(Bucket=bucket, Key=key)["VersionId"] == version
    tags = s3.get_object_tagging(Bucket=bucket, Key=message)["TagSet"]
    told = {tag["Key"]: tag["Value"] for tag in tags}
    assert (told["scan"], told["kind"], told["patient-status"]) == ("clean", "session", "known")
    listed = eventually(lambda: carefile("catalog", "--patient", patient, "--json").rows)
    assert message in {row.get("filed_key") or row.get("key") for row in listed} or any(
        row.get("prefix", "").startswith(f"{prefix}medical_notes/session_1") for row in listed
    )

    again = carefile("adopt", place)
    assert "2 duplicate" in again.err
    eventually(lambda: document not in carefile("reconcile", "--grace", "0s", "--no-tags", "--json").out)
    foreign = carefile("reconcile", "--grace", "0s", "--no-tags", "--json").rows
    ours = {row["key"]: row["fault"] for row in foreign if row["key"].startswith(prefix)}
    assert ours == {astray: "foreign"}


def test_what_is_not_in_the_layout_is_refused_in_one_line(
    carefile: Carefile, deployed_aws: EmbeddedAws
) -> None:
    landing = deployed_aws.outputs["LandingBucketName"]
    ran = carefile("adopt", f"s3://{landing}/documents/")
    assert ran.code == 2
    assert "is not in the layout" in ran.err
    nothing = carefile(
        "adopt", f"s3://{deployed_aws.outputs['ProcessedBucketName']}/processed/nobody_at_all/"
    )
    assert nothing.code == 2
    assert "there is nothing under" in nothing.err


@pytest.mark.submission
def test_an_adopted_session_of_nobody_comes_into_the_landing_bucket_and_is_assigned(
    carefile: Carefile, deployed_aws: EmbeddedAws
) -> None:
    s3, processed = deployed_aws.client("s3"), deployed_aws.outputs["ProcessedBucketName"]
    name, patient = unique("session_7").replace("-", "_"), unique("P").replace("-", "_")
    folder = f"processed/unknown_medical_notes/{name}/"
    written = {f"message_{number}.json": f"[{number}]".encode() for number in range(3)}
    for key, body in written.items():
        s3.put_object(Bucket=processed, Key=folder + key, Body=body)
    place = f"s3://{processed}/{folder}"
    assert carefile("adopt", place).code == 0
    refused = carefile("assign", "--document", folder, "--patient", patient, "--yes")
    assert (refused.code, "--into-landing" in refused.err) == (2, True)
    eventually(lambda: name in carefile("catalog", "--unknown", "--json").out)

    assert "3 objects would be copied" in carefile("adopt", place, "--into-landing", "--dry-run").err
    done = carefile("adopt", place, "--into-landing")
    assert done.code == 0, done.err
    assert "3 objects retired" in done.err
    left = s3.list_objects_v2(Bucket=processed, Prefix=folder)["Contents"]
    assert [item["Key"] for item in left] == [f"{folder}_manifest.json"]

    assigned = carefile("assign", "--key", f"sessions/{name}/message_0.json", "--patient", patient, "--yes")
    assert assigned.code == 0, assigned.err
    own = f"processed/{patient}_medical_notes/{name}/"
    for key, body in written.items():
        assert s3.get_object(Bucket=processed, Key=own + key)["Body"].read() == body
    eventually(lambda: carefile("catalog", "--sessions", "--patient", patient, "--json").rows)
