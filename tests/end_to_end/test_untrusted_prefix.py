"""`examples/untrusted_prefix`, deployed as it stands and attacked: the uploader of a portal harms only itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import deployment
from local.settings import ACCOUNT, REGION, REPOSITORY
from tests.assemblies import assembly
from tests.embedded import EmbeddedAws, running
from tests.end_to_end.attempts import REFUSED, Client, Roles
from tests.end_to_end.conftest import Pipeline, listen

# What a stranger's prefix may do is tried at every call in tests/simulation/test_hostile.py.
pytestmark = [pytest.mark.submission, pytest.mark.timeout(300)]
EXAMPLE, ROLE, OWN = REPOSITORY / "examples" / "untrusted_prefix", "portal-a", "uploads/portal-a/"
TRUST = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]
    }
)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A stage with the recipe's rules before the default ones, and its statements in the landing bucket's policy."""
    rules = REPOSITORY / ".build" / f"portal_{os.getpid()}.json"
    table = json.loads((REPOSITORY / "rules" / "default.json").read_text(encoding="utf-8"))
    table["rules"] = [*json.loads((EXAMPLE / "rules.json").read_text(encoding="utf-8")), *table["rules"]]
    rules.parent.mkdir(exist_ok=True)
    rules.write_text(json.dumps(table), encoding="utf-8")
    try:
        with running(tmp_path_factory.mktemp("portal")) as aws:
            deployment.deploy(aws.settings, assembly(rules_file=str(rules.relative_to(REPOSITORY))))
            pipeline = Pipeline(aws, listen(aws))
            confine(aws, pipeline.landing)
            yield pipeline
    finally:
        rules.unlink()


def confine(aws: EmbeddedAws, landing: str) -> None:
    iam, s3 = aws.client("iam"), aws.client("s3")
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    resources = aws.client("cloudformation").get_paginator("list_stack_resources")
    key = next(
        f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{item['PhysicalResourceId']}"
        for page in resources.paginate(StackName=aws.settings.stack_name)
        for item in page["StackResourceSummaries"]
        if item["ResourceType"] == "AWS::KMS::Key" and "Records" in item["LogicalResourceId"]
    )

    def filled(file: str) -> Any:
        text = (EXAMPLE / file).read_text(encoding="utf-8").replace("LANDING_BUCKET", landing)
        return json.loads(text.replace("UPLOADER_ROLE_ARN", role).replace("RECORDS_KEY_ARN", key))

    iam.put_role_policy(
        RoleName=ROLE, PolicyName="put", PolicyDocument=json.dumps(filled("uploader_policy.json"))
    )
    policy = json.loads(s3.get_bucket_policy(Bucket=landing)["Policy"])
    policy["Statement"] += filled("bucket_policy.json")
    s3.put_bucket_policy(Bucket=landing, Policy=json.dumps(policy))


@pytest.fixture(scope="module")
def portal(pipeline: Pipeline) -> Client:
    return Roles(pipeline.aws).acting_as(ROLE)


def send(pipeline: Pipeline, portal: Client, key: str, body: bytes, **arguments: Any) -> dict[str, Any]:
    """What became of an upload of the portal's."""
    version = portal("s3").put_object(Bucket=pipeline.landing, Key=key, Body=body, **arguments)["VersionId"]
    execution = pipeline.execution_of(key, version)
    assert execution["status"] == "SUCCEEDED", execution
    return dict(json.loads(execution["output"]))


def test_nothing_that_the_portal_says_files_anything_under_a_patient(
    pipeline: Pipeline, portal: Client
) -> None:
    told = {"Metadata": {"patient-id": "Ana_7"}}
    for key, body, arguments in (
        (f"{OWN}lab.txt", b"a lab", told),
        (f"{OWN}Ana_7/lab.json", b'{"mrn": "Ana_7"}', {}),
        (f"{OWN}Ana_7/lab/20241028_143022/7f/lab.csv", b"patient_id\nAna_7\n", told),
        (f"{OWN}session_7/session.json", b"{}", told),
        (f"{OWN}sessions/Ana_7/session_7/session.json", b"{}", told),
    ):
        output = send(pipeline, portal, key, body, **arguments)
        assert output["classification"]["patient"] == {"status": "unknown", "reason": "no-evidence"}
        prefix = output["location"]["prefix"]
        assert prefix.startswith("processed/unknown_")
        assert prefix.rstrip("/")[-9] == "-", prefix  # a suffix: the plain name stays for others
    assert not pipeline.keys("processed/Ana_7")


def test_whoever_comes_after_the_portal_has_the_plain_names(pipeline: Pipeline, portal: Client) -> None:
    send(pipeline, portal, f"{OWN}session_8/session.json", b"{}", Metadata={"patient-id": "Ana_8"})
    send(pipeline, portal, f"{OWN}report.txt", b"a report", Metadata={"patient-id": "Ana_8"})
    for key, prefix in (
        ("sessions/session_8/session.json", "processed/unknown_medical_notes/session_8/"),
        ("sessions/Ana_8/session_8/session.json", "processed/Ana_8_medical_notes/session_8/"),
        ("documents/report.txt", "processed/unknown_report/"),
        ("documents/Ana_8/report.txt", "processed/Ana_8_report/"),
    ):
        assert pipeline.filed(key, b"{}")["location"]["prefix"] == prefix


def test_the_portal_may_put_below_its_prefix_and_nothing_else(pipeline: Pipeline, portal: Client) -> None:
    s3, bucket = portal("s3"), pipeline.landing
    pipeline.filed("documents/Ana_9/lab.txt", b"a lab")
    send(pipeline, portal, f"{OWN}mine.txt", b"mine")
    theirs = {"Bucket": bucket, "Key": "documents/Ana_9/lab.txt"}
    own = {"Bucket": bucket, "Key": f"{OWN}mine.txt"}
    attempts = {
        "overwrite": lambda: s3.put_object(**theirs, Body=b"forged"),
        "name a patient by the key": lambda: s3.put_object(
            Bucket=bucket, Key="documents/Ana_9/x.txt", Body=b"x"
        ),
        "a neighbour's prefix": lambda: s3.put_object(Bucket=bucket, Key="uploads/portal-b/x.txt", Body=b"x"),
        "the layout": lambda: s3.put_object(Bucket=pipeline.processed, Key="processed/Ana_9_x/x", Body=b"x"),
        "read": lambda: s3.get_object(**theirs),
        "read its own": lambda: s3.get_object(**own),
        "list": lambda: s3.list_objects_v2(Bucket=bucket),
        "copy": lambda: s3.copy_object(Bucket=bucket, Key=f"{OWN}copied.txt", CopySource=theirs),
        "delete": lambda: s3.delete_object(**theirs),
        "delete its own": lambda: s3.delete_object(**own),
        "tag": lambda: s3.put_object_tagging(**own, Tagging={"TagSet": []}),
        "submit": lambda: portal("events").put_events(
            Entries=[
                {
                    "EventBusName": pipeline.aws.outputs["IntakeBusName"],
                    "Source": "carefile.intake",
                    "DetailType": "Object Submitted",
                    "Detail": json.dumps(
                        {"bucket": bucket, "key": own["Key"], "hints": {"patient_id": "Ana_9"}}
                    ),
                }
            ]
        ),
        "start": lambda: portal("stepfunctions").start_execution(
            stateMachineArn=pipeline.machine, input=json.dumps({"bucket": bucket, "key": own["Key"]})
        ),
    }
    assert {name for name, attempt in attempts.items() if not _is_refused(attempt)} == set()


def _is_refused(attempt: Any) -> bool:
    try:
        attempt()
    except ClientError as error:
        return str(error.response["Error"]["Code"]) in REFUSED
    return False
