"""AWS on a bad day, seen by the deployed functions: throttling, errors, resets, lost answers, timeouts, refusals.

The catalog bus is reached by Step Functions itself, not through a function, so no fault reaches its PutEvents here.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import deployment
from tests.embedded import EmbeddedAws
from tests.end_to_end.at_rest import Rest
from tests.end_to_end.conftest import Pipeline
from tests.end_to_end.crowd import Crowd, File, in_parallel
from tests.faults.conftest import FaultProxy, Rule, proxy_before
from tests.faults.redriving import bring_home

# How many are uploaded: as many as meet every fault, and by `make prove` (and `make faults`) as many as a clinic's day.
EVERY_FAULT, A_DAY = 24, pytest.param(200, marks=pytest.mark.prove)

PASSING: list[Rule] = [
    {"service": "s3", "probability": 0.04, "error": {"code": "SlowDown", "status": 503}},
    {"service": "s3", "probability": 0.02, "error": {"code": "InternalError", "status": 500}},
    {"service": "s3", "probability": 0.02, "timeout_ms": 300},
    {"service": "s3", "probability": 0.02, "reset": True},
    # Done, and the answer lost on the way: the caller does it again.
    {
        "service": "s3",
        "headers": {"x-amz-copy-source": ""},
        "probability": 0.05,
        "response": {"abort_frac": 0.5},
    },
    {"service": "s3", "operation": "GetObject", "probability": 0.05, "response": {"abort_frac": 0.5}},
    {"service": "dynamodb", "operation": "UpdateItem", "probability": 0.05, "response": {"abort_frac": 0.3}},
    {"service": "dynamodb", "probability": 0.05, "error": {"code": "ProvisionedThroughputExceededException"}},
    {"service": "dynamodb", "probability": 0.03, "error": {"code": "ThrottlingException"}},
    {"service": "dynamodb", "probability": 0.03, "reset": True},
    # Longer than the ten seconds that a function waits for DynamoDB.
    {"service": "dynamodb", "times": 2, "timeout_ms": 11_000},
    {"service": "secretsmanager", "probability": 0.2, "error": {"code": "ThrottlingException"}},
]


def denied(times: int) -> Rule:
    error = {"code": "AccessDenied", "status": 403}
    return {"service": "s3", "operation": "PutObject", "times": times, "error": error}


def files(count: int, name: str = "services") -> list[File]:
    """Documents and parts of sessions; every fifth is a new version of the one before, some have one name."""
    found = []
    for number in range(count):
        of = number - 1 if number % 5 == 4 else number
        folder = f"documents/P_{of % 7}" if of % 3 else f"sessions/P_{of % 7}/session_{of % 4}"
        file = f"{name}/{of}/letter.txt" if of % 8 == 7 else f"{name}_{of}.txt"
        found.append(File(f"{folder}/{file}", f"{name} {number}\n".encode() * 50))
    return found


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("uploads", [EVERY_FAULT, A_DAY])
def test_nothing_is_lost_when_the_services_fail_and_what_failed_goes_home_when_they_are_mended(
    fragile: Pipeline, lane: str, uploads: int, proxy: FaultProxy, say: Callable[[str], None]
) -> None:
    crowd, denials, began = Crowd(fragile), max(4, uploads // 20), time.monotonic()
    proxy.inject([denied(denials), *PASSING])
    crowd.upload(files(uploads))
    crowd.settle(60 + uploads * 3)
    took, ends = time.monotonic() - began, [end for (end,) in crowd.ends().values()]
    fired = proxy.fired()

    # What the express lane filed at the first try is no execution that can be asked.
    seen = [end for end in ends if "executionArn" in end]
    failed = [end for end in ends if end["status"] != "SUCCEEDED"]
    assert len(ends) == uploads
    unforeseen = [end for end in failed if end["error"] not in ("StorageThrottled", "StorageDenied")]
    assert [end["cause"] for end in unforeseen] == []
    refused = failed if lane == "standard" else seen
    assert refused, "a missing permission must be seen"
    assert sum(end["error"] == "StorageDenied" for end in failed) <= denials
    assert not [end for end in failed if "P_" in end["cause"] or "upload" in end["cause"]]
    retried = sum(1 for count in in_parallel(lambda end: failures_in(fragile, end), seen) if count)
    assert fired["s3 error:SlowDown"]

    proxy.inject([])
    again = bring_home(crowd)
    Rest.of(crowd).assert_right()
    say(
        f"{lane}: {uploads} uploads, {proxy.requests()} requests of the functions, {sum(fired.values())} of them "
        f"failed ({spelt(fired)}); {len(ends) - len(failed)} filed in {took:.0f} s all the same, {retried} executions "
        f"after retries of the machine; {len(failed)} failed visibly "
        f"({spelt(Counter(end['error'] for end in failed))}); then {again}; nothing lost"
    )


def failures_in(pipeline: Pipeline, execution: dict) -> int:
    return sum(event["type"].endswith("Failed") for event in pipeline.aws.history(execution["executionArn"]))


def spelt(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


@pytest.mark.submission
def test_canary_the_proxy_as_it_comes_takes_the_length_out_of_the_answer_to_a_head(
    fragile: Pipeline, tmp_path: Path
) -> None:
    key = "documents/P_0/canary.txt"
    fragile.filed(key, b"12345")
    with proxy_before(fragile.aws, tmp_path / "proxy.log", CAREFILE_UNMENDED="1") as proxy:
        through = EmbeddedAws(replace(fragile.aws.settings, port=proxy.port)).client("s3")
        assert "ContentLength" not in through.head_object(Bucket=fragile.landing, Key=key)


@pytest.mark.submission
def test_canary_the_proxy_as_it_comes_breaks_the_signature_of_whoever_is_not_the_account_itself(
    fragile: Pipeline, tmp_path: Path
) -> None:
    iam = fragile.aws.client("iam")
    iam.create_user(UserName="canary")
    made = iam.create_access_key(UserName="canary")["AccessKey"]
    may = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_user_policy(UserName="canary", PolicyName="lists", PolicyDocument=policy)
    signs = (made["AccessKeyId"], made["SecretAccessKey"], None)

    def buckets(proxy: FaultProxy) -> list[Any]:
        settings = replace(fragile.aws.settings, port=proxy.port)
        return deployment.client(settings, "s3", signs).list_buckets()["Buckets"]

    with proxy_before(fragile.aws, tmp_path / "proxy.log") as proxy:
        assert buckets(proxy)
    with (
        proxy_before(fragile.aws, tmp_path / "unmended.log", CAREFILE_UNMENDED="1") as proxy,
        pytest.raises(ClientError, match="SignatureDoesNotMatch"),
    ):
        buckets(proxy)
