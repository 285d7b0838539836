"""Whether the deployment is healthy, and what to do where it is not."""

from __future__ import annotations

from tests.embedded import EmbeddedAws
from tests.operator.conftest import Carefile


def state(carefile: Carefile, check: str) -> str:
    return {row["check"]: row["state"] for row in carefile("doctor", "--json").rows}[check]


def test_what_a_fresh_deployment_has_is_well(carefile: Carefile) -> None:
    rows = carefile("doctor", "--json").rows
    well = {row["check"] for row in rows if row["state"] == "ok"}
    assert {
        "Stack",
        "State machine",
        "Landing notifications",
        "Rule UploadRule",
        "Rule SubmissionRule",
        "Rule CatalogRule",
        "Rule FailureRule",
        "Functions",
        "Key of the records",
        "Tables",
        "Patient directory",
        "Merges in the last 24 hours",
    } <= well
    assert [row for row in rows if row["check"].startswith("Rule ") and row["state"] != "ok"] == []


def test_a_disabled_rule_is_told_with_what_to_do(carefile: Carefile, deployed_aws: EmbeddedAws) -> None:
    events = deployed_aws.client("events")
    bus = deployed_aws.outputs["IntakeBusName"]
    (rule,) = [
        item["Name"]
        for item in events.list_rules(EventBusName=bus)["Rules"]
        if "SubmissionRule" in item["Name"]
    ]
    events.disable_rule(Name=rule, EventBusName=bus)
    try:
        ran = carefile("doctor")
    finally:
        events.enable_rule(Name=rule, EventBusName=bus)
    assert ran.code == 1
    assert f"aws events enable-rule --name {rule} --event-bus-name {bus}" in ran.out
    assert state(carefile, "Rule SubmissionRule") == "ok"


def test_notifications_that_are_off_are_told(carefile: Carefile, deployed_aws: EmbeddedAws) -> None:
    s3, bucket = deployed_aws.client("s3"), deployed_aws.outputs["LandingBucketName"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        assert state(carefile, "Landing notifications") == "failed"
    finally:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    assert state(carefile, "Landing notifications") == "ok"


def test_what_cannot_be_looked_at_is_neither_well_nor_ill(carefile: Carefile) -> None:
    assert state(carefile, "Step Functions quotas") == "unknown"


def test_what_a_rate_would_meet_is_listed_with_what_is_hit_first_first(carefile: Carefile) -> None:
    ran = carefile("doctor", "--rate", "5000", "--json")
    assert ran.code == 1
    shares = [row["share"] for row in ran.rows]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 1
    assert {"PutEvents", "Hottest key of the index by patient"} <= {row["quota"] for row in ran.rows}
    assert carefile("doctor", "--rate", "20").code == 0
