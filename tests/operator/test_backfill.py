"""`carefile backfill`: it says what would go where, takes it in, and tells by name what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.embedded import EmbeddedAws
from tests.local.stubs import unique
from tests.operator.conftest import Carefile

pytestmark = pytest.mark.timeout(180)
Put = Callable[..., str]


@pytest.fixture
def landing(deployed_aws: EmbeddedAws) -> str:
    return deployed_aws.outputs["LandingBucketName"]


@pytest.fixture
def put(deployed_aws: EmbeddedAws, landing: str) -> Iterator[Put]:
    """Puts objects that were there before the pipeline: nothing hears of them."""
    s3 = deployed_aws.client("s3")
    told = s3.get_bucket_notification_configuration(Bucket=landing)
    s3.put_bucket_notification_configuration(Bucket=landing, NotificationConfiguration={})

    def put(key: str, body: bytes = b"hello", **members: object) -> str:
        s3.put_object(Bucket=landing, Key=key, Body=body, **members)
        return key

    yield put
    configuration = {"EventBridgeConfiguration": told.get("EventBridgeConfiguration", {})}
    s3.put_bucket_notification_configuration(Bucket=landing, NotificationConfiguration=configuration)


def status_of(aws: EmbeddedAws, key: str) -> str | None:
    found = aws.client("s3").get_object_tagging(Bucket=aws.outputs["LandingBucketName"], Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}.get("pipeline-status")


def test_it_foresees_takes_in_tells_what_failed_and_goes_on_with_it(
    carefile: Carefile, deployed_aws: EmbeddedAws, landing: str, put: Put
) -> None:
    patient = unique("P").replace("-", "_")
    place = f"s3://{landing}/documents/{patient}/"
    lab, scan = put(f"documents/{patient}/lab.txt"), put(f"documents/{patient}/b/lab.txt", b"other")
    put(f"documents/{patient}/folder/")
    empty = put(f"documents/{patient}/empty.txt", b"")

    foreseen = carefile("backfill", place, "--dry-run", "--json")
    assert foreseen.code == 1  # one would fail
    would = {row["key"]: row for row in foreseen.rows}
    assert {key: row["would"] for key, row in would.items()} == {
        lab: "file",
        scan: "file",
        empty: "fail",
        f"documents/{patient}/folder/": "pass over",
    }
    assert sorted(row["collides"] for row in would.values()) == [False, False, False, True]
    assert [status_of(deployed_aws, key) for key in (lab, scan, empty)] == [None, None, None]

    failed = carefile("backfill", place)
    assert failed.code == 1
    assert empty in failed.out
    assert "empty-object" in failed.out
    assert "4 objects: 2 cataloged, 1 no upload, 1 failed" in failed.err
    assert "carefile backfill --redrive" in failed.err
    assert [status_of(deployed_aws, key) for key in (lab, scan, empty)] == [
        "cataloged",
        "cataloged",
        "failed",
    ]
    filed = deployed_aws.client("s3").list_objects_v2(
        Bucket=deployed_aws.outputs["ProcessedBucketName"], Prefix=f"processed/{patient}_"
    )["Contents"]
    folders = {item["Key"].rpartition("/")[0] + "/" for item in filed}
    assert folders == {would[lab]["folder"], would[scan]["folder"]}

    again = carefile("backfill", place)
    assert again.code == 2  # half finished: nothing moves
    name = again.err.partition("--redrive ")[2].partition("`")[0]
    put(empty, b"not empty any more")
    redriven = carefile("backfill", "--redrive", name)
    assert redriven.code == 0, redriven.err
    assert "3 cataloged" in redriven.err
    assert status_of(deployed_aws, empty) == "cataloged"

    once_more = carefile("backfill", place)
    assert once_more.code == 0
    assert "3 duplicate" in once_more.err
    after = carefile("backfill", place, "--dry-run", "--json")
    assert {row["would"] for row in after.rows} == {"stay", "pass over"}


def test_what_failed_within_the_tolerance_is_told_and_does_not_look_well(
    carefile: Carefile, landing: str, put: Put
) -> None:
    patient = unique("P")
    for number in range(3):
        put(f"sessions/{patient}/session_1/{number}.json", b"{}")
    put(f"sessions/{patient}/session_1/empty.json", b"")
    ran = carefile("backfill", f"s3://{landing}/sessions/{patient}/", "--tolerate", "25")
    assert ran.code == 1
    assert "session_1/empty.json" in ran.out
    assert "within the tolerance" in ran.err
    all_failed = put(f"incoming/{patient}/empty.txt", b"")
    ran = carefile("backfill", f"s3://{landing}/{all_failed}", "--tolerate", "50")
    assert "ended FAILED" in ran.err
    assert ran.code == 1
    listed = carefile("backfill", "--run", ran.err.partition("Begun as ")[2].partition(".")[0])
    assert all_failed in listed.out
    arn = deployed_arn(ran.err, listed.err)
    preview = carefile("redrive", arn)
    assert "1 of its objects were not taken in" in preview.err
    put(all_failed, b"mended")
    assert carefile("redrive", arn, "--yes").code == 0


def deployed_arn(*texts: str) -> str:
    name = texts[0].partition("Begun as ")[2].partition(".")[0]
    return f"arn:aws:states:us-east-1:000000000000:execution:Carefile-local-Backfill:{name}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("s3://no-such-bucket/x/",), "there is no bucket no-such-bucket"),
        (("here",), "names no place in S3"),
        ((), "give one of these"),
        (("s3://{landing}/nothing/is/here/",), "there is nothing under"),
        (("s3://{processed}/processed/",), "carefile adopt"),
        (("s3://{reports}/",), "takes nothing in from the bucket"),
        (("--run", "nobody"), "there is no run nobody"),
        (("--redrive", "nobody"), "there is no run nobody"),
    ],
)
def test_what_can_not_be_is_said_in_one_line_and_nothing_moves(
    carefile: Carefile, deployed_aws: EmbeddedAws, words: tuple[str, ...], said: str
) -> None:
    outputs = deployed_aws.outputs
    s3 = deployed_aws.client("s3")
    for name in ("ProcessedBucketName", "ReportsBucketName"):
        s3.put_object(Bucket=outputs[name], Key="processed/x_y/z.txt", Body=b"x")
    names = {name.removesuffix("BucketName").lower(): bucket for name, bucket in outputs.items()}
    before = len(runs(deployed_aws))
    ran = carefile("backfill", *(word.format(**names) for word in words))
    assert ran.code == 2
    assert said in ran.err
    assert len(runs(deployed_aws)) == before


def runs(aws: EmbeddedAws) -> list[object]:
    arn = aws.outputs["BackfillStateMachineArn"]
    return aws.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
