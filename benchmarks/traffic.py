"""Uploads to the deployed pipeline and measures how long each takes to appear in the catalog."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.progress import Progress

from benchmarks.watching import PATIENCE, Watching
from carefile.core.filing.layout import Layout
from carefile.core.model import Patient, Source
from carefile.core.records.session_entries import Place
from local import deployment, processes
from tests.embedded import EmbeddedAws, eventually

KEYS = {
    "session": "sessions/Ana_Ruiz/session_{run}/agents/agent_intake/messages/message_{number}.json",
    "document": "documents/Ana_Ruiz/{run}_{number}.txt",
}
BODY = b'{"text": "' + b"x" * 2000 + b'"}'
LOOK_EVERY = 0.02
MOST_KEYS = 100  # DynamoDB, BatchGetItem
GROWING_AT_ONCE = 8
# Of the growth series: each so many-th object is one conversation's, the others are of sessions of this size.
ITS_SHARE, CONVERSATION = 4, 200


@dataclass(frozen=True)
class Latency:
    """Seconds from upload to catalog entry, and objects per second over the whole run."""

    lane: str
    kind: str
    at_once: int
    uploads: int
    p50: float
    p95: float
    p99: float
    rate: float


class Catalog(Watching):
    """Polls the catalog table for all awaited entries, by their source ids, fifty times a second in one request."""

    def __init__(self, aws: EmbeddedAws) -> None:
        super().__init__()
        self._dynamodb = deployment.client(aws.settings, "dynamodb")
        self._table = aws.outputs["CatalogTableName"]

    def _look(self, wanted: list[str]) -> Iterable[str]:
        time.sleep(LOOK_EVERY)
        for start in range(0, len(wanted), MOST_KEYS):
            keys = [{"source_id": {"S": it}} for it in wanted[start : start + MOST_KEYS]]
            asked = {"Keys": keys, "ProjectionExpression": "source_id"}
            found = self._dynamodb.batch_get_item(RequestItems={self._table: asked})["Responses"][self._table]
            yield from (item["source_id"]["S"] for item in found)

    def messages(self, place: Place) -> int:
        """How many messages the entry of a session counts."""
        found = self._dynamodb.get_item(TableName=self._table, Key={"source_id": {"S": place.key}})
        return int(found.get("Item", {}).get("messages", {"N": "0"})["N"])


class Traffic:
    """Uploads to one stack. `lane` names it in the results."""

    def __init__(self, aws: EmbeddedAws, lane: str, progress: Progress) -> None:
        self._aws = aws
        self._lane = lane
        self._progress = progress
        self._landing = aws.outputs["LandingBucketName"]
        self._catalog = Catalog(aws)
        self._run = uuid.uuid4().hex[:8]
        self._s3 = deployment.client(aws.settings, "s3")  # shared by threads, as creating one is slow

    def warm_up(self, uploads: int) -> None:
        """Start the functions and fill their caches; not counted."""
        for kind in KEYS:
            self._through(_keys(kind, uploads), at_once=4, doing=f"{self._lane}: warming up")

    def measure(self, kind: str, uploads: int, at_once: int) -> Latency:
        began = time.monotonic()
        doing = f"{self._lane}: {kind}s, {at_once} at once"
        taken = self._through(_keys(kind, uploads), at_once, doing)
        rate = uploads / (time.monotonic() - began)
        p50, p95, p99 = (quantile(taken, share) for share in (0.5, 0.95, 0.99))
        return Latency(self._lane, kind, at_once, uploads, p50, p95, p99, rate)

    def grow(self, objects: int, so_far: int) -> dict[str, float]:
        """Upload so many more session objects, each fourth to one conversation that grows with the series; and wait
        until the follower of the catalog's stream has counted all its messages."""
        began, numbers = time.monotonic(), range(so_far, so_far + objects)
        keys = [KEYS["session"].format(run=self._session_of(number), number=number) for number in numbers]
        self._through(keys, GROWING_AT_ONCE, f"growing to {so_far + objects:,} objects")
        filed = time.monotonic()
        folder = f"{Layout('processed/').session_stem(Patient('Ana_Ruiz'), self._session_of(0))}/"
        place = Place(self._aws.outputs["ProcessedBucketName"], folder)
        messages = len(range(0, so_far + objects, ITS_SHARE))
        eventually(lambda: self._catalog.messages(place) == messages, PATIENCE)
        return {
            "objects": so_far + objects,
            "rate": objects / (filed - began),
            "memory_mb": self.memory(),
            "messages": messages,
            "behind_seconds": time.monotonic() - filed,
        }

    def _session_of(self, number: int) -> str:
        return f"{self._run}_{number // CONVERSATION}" if number % ITS_SHARE else self._run

    def catalog_differs(self) -> str:
        """What `carefile catalog rebuild` finds between the catalog and S3; empty if they are equal."""
        command = [sys.executable, "-P", "-m", "carefile", "catalog", "rebuild", "--grace", "0s"]
        settings = self._aws.settings
        environment = os.environ | settings.credentials | {"CAREFILE_STACK": settings.stack_name}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        return done.stdout + done.stderr if done.returncode else ""

    def memory(self) -> int:
        """Memory of the embedded AWS's own process, in MB."""
        running = processes.find(self._aws.settings)
        assert running is not None  # noqa: S101 - it was started here
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(running.aws_pid)], capture_output=True, text=True, check=True
        )
        return int(shown.stdout) // 1024

    def _through(self, keys: Sequence[str], at_once: int, doing: str) -> list[float]:
        task = self._progress.add_task(doing, total=len(keys))

        def one(key: str) -> float:
            seen = self._catalog.of(Source(self._landing, key).source_id)
            self._s3.put_object(Bucket=self._landing, Key=key, Body=BODY)
            uploaded = time.monotonic()
            taken = seen.result(PATIENCE) - uploaded
            self._progress.advance(task)
            return taken

        with self._catalog.watched(), ThreadPoolExecutor(at_once) as pool:
            return sorted(pool.map(one, keys))


def _keys(kind: str, uploads: int) -> list[str]:
    run = uuid.uuid4().hex[:8]
    return [KEYS[kind].format(run=run, number=number) for number in range(uploads)]


def growth_steps(most: int) -> list[int]:
    """Step sizes: a hundred, then doubling the total each time, up to `most`."""
    steps, done = [min(100, most)], min(100, most)
    while done < most:
        steps.append(min(done, most - done))
        done += steps[-1]
    return steps


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
