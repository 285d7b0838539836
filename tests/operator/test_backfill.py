"""`carefile backfill`: it says what would go where, takes it in, and tells by name what failed."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote_plus

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
    # Which of two that collide comes first is not foreseen: the other has a suffix of its own.
    bare, suffixed = sorted(folders, key=len)
    assert bare == min(would[lab]["folder"], would[scan]["folder"], key=len)
    assert suffixed.startswith(f"{bare.removesuffix('/')}-")

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


@pytest.mark.submission
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
    assert f"carefile backfill --failed-of {name_in(ran.err)}" in ran.err
    all_failed = put(f"incoming/{patient}/empty.txt", b"")
    ran = carefile("backfill", f"s3://{landing}/{all_failed}", "--tolerate", "50")
    assert "ended FAILED" in ran.err
    assert ran.code == 1
    listed = carefile("backfill", "--run", ran.err.partition("Started as ")[2].partition(".")[0])
    assert all_failed in listed.out
    arn = deployed_arn(ran.err, listed.err)
    preview = carefile("redrive", arn)
    assert "1 of its objects were not ingested" in preview.err
    put(all_failed, b"mended")
    assert carefile("redrive", arn, "--yes").code == 0


def test_just_what_failed_is_taken_in_once_its_cause_is_mended(
    carefile: Carefile, deployed_aws: EmbeddedAws, landing: str, put: Put
) -> None:
    patient = unique("P")
    for number in range(9):
        put(f"sessions/{patient}/session_1/{number}.json", b"{}")
    odd = put(f"sessions/{patient}/session_1/a+b 50%25 ü.json", b"")
    place = f"s3://{landing}/sessions/{patient}/"
    name = name_in(carefile("backfill", place, "--tolerate", "25").err)

    still = carefile("backfill", "--failed-of", name)
    assert still.code == 1
    assert "1 objects: 1 failed" in still.err.replace("0 done, ", "")
    put(odd, b"{}")
    foreseen = carefile("backfill", "--failed-of", name, "--dry-run", "--json")
    assert [(row["key"], row["would"]) for row in foreseen.rows] == [(odd, "file")]
    refused = carefile("backfill", "--failed-of", name)
    assert (refused.code, "an earlier run for this place ended FAILED" in refused.err) == (2, True)
    ran = carefile("backfill", "--redrive", name_in(still.err))
    assert ran.code == 0, ran.err
    assert "1 cataloged" in ran.err
    assert status_of(deployed_aws, odd) == "cataloged"
    again = carefile("backfill", "--failed-of", name)
    assert again.code == 0, again.err
    assert "1 objects: 1 duplicate" in again.err

    nothing = carefile("backfill", "--failed-of", name_in(again.err))
    assert (nothing.code, "nothing failed" in nothing.err) == (2, True)
    assert carefile("backfill", place, "--failed-of", name).code == 2


@pytest.fixture
def inventories(deployed_aws: EmbeddedAws) -> str:
    name = unique("inventories")
    deployed_aws.client("s3").create_bucket(Bucket=name)
    return name


def manifest_of(aws: EmbeddedAws, kept_in: str, bucket: str, rows: list[list[str]], **members: object) -> str:
    """An inventory as S3 writes one, of a versioned bucket; where its manifest is."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    folder = unique("2026-11-25T01-00Z")
    put = aws.client("s3").put_object
    put(Bucket=kept_in, Key=f"{folder}/data.csv.gz", Body=gzip.compress(text.getvalue().encode()))
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{kept_in}",
        "creationTimestamp": "1764032400000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate",
        "files": [{"key": f"{folder}/data.csv.gz", "size": 1, "MD5checksum": ""}],
    }
    put(Bucket=kept_in, Key=f"{folder}/manifest.json", Body=json.dumps(manifest | members).encode())
    return f"s3://{kept_in}/{folder}/manifest.json"


def test_what_an_inventory_lists_is_taken_in_under_its_own_keys(
    carefile: Carefile, deployed_aws: EmbeddedAws, landing: str, put: Put, inventories: str
) -> None:
    patient = unique("P").replace("-", "_")
    place = f"documents/{patient}/"
    odd = [put(place + name) for name in ("a+b 50%25.txt", "100% 1.txt", "ü 日本 😀.txt", 'q"u,o te.txt')]
    # What these keys would be if they were decoded once more, or not at all, is there too, and is not meant.
    others = [put(place + name) for name in ("a b 50%.txt", quote_plus("100% 1.txt"))]
    rewritten, elsewhere = put(f"{place}twice.txt", b"newer"), put(f"scans/{patient}.txt")

    def row(key: str, latest: str = "true", marker: str = "false") -> list[str]:
        return [landing, quote_plus(key, safe="/"), "v", latest, marker, "5", "2026-11-24T00:00:00.000Z"]

    rows = [*map(row, odd), row(rewritten), row(rewritten, "false"), row(f"{place}gone.txt", marker="true")]
    manifest = manifest_of(deployed_aws, inventories, landing, [*rows, row(elsewhere)])

    foreseen = carefile("backfill", f"s3://{landing}/{place}", "--inventory", manifest, "--dry-run", "--json")
    assert {row["key"] for row in foreseen.rows} == {*odd, rewritten}
    assert {row["would"] for row in foreseen.rows} == {"file"}

    ran = carefile("backfill", f"s3://{landing}/{place}", "--inventory", manifest)
    assert ran.code == 0, ran.err + ran.out
    assert "8 objects: 5 cataloged, 3 no upload" in ran.err
    assert {status_of(deployed_aws, key) for key in (*odd, rewritten)} == {"cataloged"}
    assert {status_of(deployed_aws, key) for key in (*others, elsewhere)} == {None}

    whole = carefile("backfill", "--inventory", manifest)
    assert whole.code == 0, whole.err + whole.out
    assert "8 objects: 5 duplicate, 2 no upload, 1 cataloged" in whole.err
    assert status_of(deployed_aws, elsewhere) == "cataloged"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"sourceBucket": "somebody-elses"}, "does not ingest from the bucket somebody-elses"),
        ({"fileFormat": "Parquet"}, "Step Functions reads only CSV"),
        ({"files": None}, "is not the manifest of an S3 inventory"),
    ],
)
def test_an_inventory_that_can_not_be_used_moves_nothing(
    carefile: Carefile,
    deployed_aws: EmbeddedAws,
    landing: str,
    inventories: str,
    members: dict[str, object],
    said: str,
) -> None:
    before = len(runs(deployed_aws))
    ran = carefile("backfill", "--inventory", manifest_of(deployed_aws, inventories, landing, [], **members))
    assert (ran.code, said in ran.err) == (2, True), ran.err
    absent = carefile("backfill", "--inventory", f"s3://{inventories}/nothing/manifest.json")
    assert (absent.code, "use the manifest.json" in absent.err) == (2, True)
    assert len(runs(deployed_aws)) == before


@pytest.mark.parametrize(
    ("typed", "error", "reason"),
    [
        ({}, "RejectedBackfill", "bucket-not-allowed: "),
        ({"bucket": "{landing}"}, "RejectedBackfill", "prefix-missing: "),
        ({"bucket": "{processed}", "prefix": ""}, "RejectedBackfill", "bucket-not-allowed: "),
        ({"bucket": "{landing}", "prefix": "nothing/is/there/"}, "NothingToTakeIn", "nothing-there: "),
        (
            {"bucket": "{landing}", "prefix": "", "inventory": {"bucket": "{landing}", "key": "none.json"}},
            "States.ItemReaderFailed",
            "",
        ),
    ],
)
def test_what_is_typed_into_the_console_fails_by_name_where_it_can_not_be(
    carefile: Carefile, deployed_aws: EmbeddedAws, typed: dict[str, object], error: str, reason: str
) -> None:
    outputs = deployed_aws.outputs
    text = json.dumps(typed)
    for name in ("landing", "processed"):
        text = text.replace(f"{{{name}}}", outputs[f"{name.title()}BucketName"])
    started = deployed_aws.client("stepfunctions").start_execution(
        stateMachineArn=outputs["BackfillStateMachineArn"], input=text
    )
    ended = deployed_aws.finished(started["executionArn"])
    assert (ended["status"], ended["error"]) == ("FAILED", error)
    assert ended["cause"].startswith(reason)
    shown = carefile("backfill", "--run", ended["name"])
    assert shown.code == 1
    assert error in shown.err


def test_the_output_of_a_run_tells_how_many_there_were(
    deployed_aws: EmbeddedAws, landing: str, put: Put
) -> None:
    patient = unique("P")
    for number in range(3):
        put(f"sessions/{patient}/session_1/{number}.json", b"{}")
    started = deployed_aws.client("stepfunctions").start_execution(
        stateMachineArn=deployed_aws.outputs["BackfillStateMachineArn"],
        input=json.dumps({"bucket": landing, "prefix": f"sessions/{patient}/"}),
    )
    ended = deployed_aws.finished(started["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    output = json.loads(ended["output"])
    assert output["objects"] == {"total": 3, "succeeded": 3, "failed": 0}
    assert output["results"]["Key"].startswith("backfill/")


@pytest.mark.submission
def test_half_finished_runs_of_places_that_overlap_are_told_until_another_took_all_in(
    carefile: Carefile, landing: str, put: Put
) -> None:
    patient = unique("P")
    empty = put(f"documents/{patient}/in/empty.txt", b"")
    put(f"documents/{patient}/in/lab.txt")
    put(f"documents/{patient}/out/lab.txt")
    inner = f"s3://{landing}/documents/{patient}/in/"
    outer = f"s3://{landing}/documents/{patient}/"
    name = name_in(carefile("backfill", inner).err)
    refused = carefile("backfill", outer)
    assert refused.code == 2
    assert f"an earlier run for {inner}, which overlaps {outer}, ended FAILED: {name}" in " ".join(
        refused.err.split()
    )
    assert f"--redrive {name}" in refused.err
    narrower = carefile("backfill", f"s3://{landing}/{empty}")
    assert (narrower.code, f"run for {inner}, which overlaps" in narrower.err) == (2, True)
    assert carefile("backfill", f"s3://{landing}/documents/{patient}/out/").code == 0

    put(empty, b"mended")
    assert carefile("backfill", outer, "--afresh").code == 0
    assert carefile("backfill", inner).code == 0


def name_in(text: str) -> str:
    return text.partition("Started as ")[2].partition(".")[0]


def deployed_arn(*texts: str) -> str:
    name = name_in(texts[0])
    return f"arn:aws:states:us-east-1:000000000000:execution:Carefile-local-Backfill:{name}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("s3://no-such-bucket/x/",), "there is no bucket no-such-bucket"),
        (("here",), "invalid S3 location"),
        ((), "use s3://"),
        (("s3://{landing}/nothing/is/here/",), "there is nothing under"),
        (("s3://{processed}/processed/",), "carefile adopt"),
        (("s3://{reports}/",), "does not ingest from the bucket"),
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
