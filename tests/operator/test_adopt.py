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
