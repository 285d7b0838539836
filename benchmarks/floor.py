"""The floor of an intake, measured in the same run: a bare machine of two states, beside which Carefile is timed.

One function with HEAD and COPY, one PutEvents, started by the bucket's event: the least that files an object and
announces it. Each lane stands beside a floor whose executions are of the same type. For all, what counts is the time
from the end of the upload until the announcement is in a queue.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress

from benchmarks.traffic import BODY, KEYS, quantile
from benchmarks.watching import PATIENCE, Watching
from tests.embedded import EmbeddedAws
from tests.local import stubs

PARALLEL = (1, 8, 32)
_FUNCTION = """
import boto3

s3 = boto3.client("s3")

def handler(event, context):
    bucket, key = event["detail"]["bucket"]["name"], event["detail"]["object"]["key"]
    s3.head_object(Bucket=bucket, Key=key)
    s3.copy_object(Bucket=bucket, Key="filed/" + key, CopySource={"Bucket": bucket, "Key": key})
    return {"key": key}
"""


@dataclass(frozen=True)
class Timed:
    """Seconds from upload to announcement, and objects per second."""

    what: str
    at_once: int
    p50: float
    p95: float
    rate: float


class Announced(Watching):
    """Waits for announcements in a queue; `keys` are the members of the event that lead to an object's key."""

    def __init__(self, aws: EmbeddedAws, queue_url: str, keys: tuple[str, ...]) -> None:
        super().__init__()
        self._sqs, self._url, self._keys = aws.client("sqs"), queue_url, keys

    def _look(self, wanted: list[str]) -> Iterable[str]:
        found = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = found.get("Messages", ())
        for message in messages:
            key: Any = json.loads(message["Body"])
            for name in self._keys:
                key = key[name]
            yield key
        read = [{"Id": str(n), "ReceiptHandle": it["ReceiptHandle"]} for n, it in enumerate(messages)]
        if read:
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=read)


class Way:
    """One way of filing uploads: its bucket, and where its announcements arrive."""

    def __init__(self, aws: EmbeddedAws, what: str, bucket: str, announced: Announced) -> None:
        self.what, self._bucket, self._announced = what, bucket, announced
        self._s3 = aws.client("s3")

    def measure(self, uploads: int, at_once: int, progress: Progress) -> Timed:
        run, task = uuid.uuid4().hex[:8], progress.add_task(f"{self.what}, {at_once} at once", total=uploads)

        def one(number: int) -> float:
            key = KEYS["session"].format(run=run, number=number)
            seen = self._announced.of(key)
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=BODY)
            uploaded = time.monotonic()
            taken = seen.result(PATIENCE) - uploaded
            progress.advance(task)
            return taken

        began = time.monotonic()
        with self._announced.watched(), ThreadPoolExecutor(at_once) as pool:
            taken = sorted(pool.map(one, range(uploads)))
        rate = uploads / (time.monotonic() - began)
        return Timed(self.what, at_once, quantile(taken, 0.5), quantile(taken, 0.95), rate)


def floor(aws: EmbeddedAws, type: str) -> Way:
    """Deploy the bare machine, STANDARD or EXPRESS."""
    bucket, events = stubs.bucket(aws), aws.client("events")
    entry = {"Source": "floor", "DetailType": "Object Filed", "Detail": {"key": "{% $states.input.key %}"}}
    states = {
        "FileObject": stubs.invoke_state(stubs.function(aws, _FUNCTION), Next="AnnounceObject"),
        "AnnounceObject": {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents",
            "Arguments": {"Entries": [entry]},
            "End": True,
        },
    }
    machine, rule = stubs.machine(aws, states, type), stubs.unique("floor")
    uploaded = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": "sessions/"}]}},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(uploaded))
    events.put_targets(Rule=rule, Targets=[{"Id": "machine", "Arn": machine, "RoleArn": stubs.role(aws)}])
    queue = stubs.events_of(aws, {"source": ["floor"]})
    return Way(aws, "floor", bucket, Announced(aws, queue, ("detail", "key")))


def carefile(aws: EmbeddedAws) -> Way:
    """The deployed pipeline, by what it announces on its own bus."""
    queue = stubs.events_of(aws, {"detail-type": ["Object Cataloged"]}, bus=aws.outputs["CatalogBusName"])
    announced = Announced(aws, queue, ("detail", "source", "key"))
    return Way(aws, "Carefile", aws.outputs["LandingBucketName"], announced)


def beside(
    lanes: Mapping[str, EmbeddedAws], uploads: int, warm_up: int, progress: Progress
) -> list[dict[str, Any]]:
    """Measure each lane and its floor, one after the other at each degree of parallelism, and their ratios."""
    rows = []
    for lane, aws in lanes.items():
        ways = (floor(aws, "EXPRESS" if lane == "express-first" else "STANDARD"), carefile(aws))
        for way in ways:
            way.measure(warm_up, 4, progress)
        for at_once in PARALLEL:
            rows.append({"lane": lane} | _ratios(*(way.measure(uploads, at_once, progress) for way in ways)))
    return rows


def _ratios(least: Timed, ours: Timed) -> dict[str, Any]:
    members: Mapping[str, float] = {
        "floor_p50": least.p50,
        "p50": ours.p50,
        "times_as_long": ours.p50 / least.p50,
        "floor_rate": least.rate,
        "rate": ours.rate,
        "share_of_rate": ours.rate / least.rate,
    }
    return {"at_once": least.at_once, **{name: round(value, 3) for name, value in members.items()}}
