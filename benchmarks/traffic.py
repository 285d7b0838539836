"""Uploads to the deployed pipeline and measures how long each takes to appear in the catalog."""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import Progress

from carefile.core.model import Source
from local import deployment, processes
from tests.embedded import EmbeddedAws

KEYS = {
    "session": "sessions/Ana_Ruiz/session_{run}/agents/agent_intake/messages/message_{number}.json",
    "document": "documents/Ana_Ruiz/{run}_{number}.txt",
}
BODY = b'{"text": "' + b"x" * 2000 + b'"}'
PATIENCE = 600
LOOK_EVERY = 0.02
MOST_KEYS = 100  # DynamoDB, BatchGetItem
GROWING_AT_ONCE = 8


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


class Catalog:
    """Polls the catalog table for all awaited entries, fifty times a second in one request."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._dynamodb = deployment.client(aws.settings, "dynamodb")
        self._table = aws.outputs["CatalogTableName"]
        self._waiting: dict[str, Future[float]] = {}
        self._changed = threading.Lock()

    @contextmanager
    def watched(self) -> Iterator[None]:
        stopped = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stopped,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def shows(self, source_id: str) -> float:
        """Wait for the source's entry; return the moment at which it was first seen."""
        with self._changed:
            seen = self._waiting[source_id] = Future()
        return seen.result(PATIENCE)

    def _watch(self, stopped: threading.Event) -> None:
        while not stopped.wait(LOOK_EVERY):
            with self._changed:
                wanted = list(self._waiting)
            for start in range(0, len(wanted), MOST_KEYS):
                self._look(wanted[start : start + MOST_KEYS])

    def _look(self, wanted: list[str]) -> None:
        asked = {"Keys": [{"source_id": {"S": it}} for it in wanted], "ProjectionExpression": "source_id"}
        found = self._dynamodb.batch_get_item(RequestItems={self._table: asked})["Responses"][self._table]
        now = time.monotonic()
        for item in found:
            with self._changed:
                seen = self._waiting.pop(item["source_id"]["S"])
            seen.set_result(now)


class Traffic:
    """Uploads to one stack. `lane` names it in the results."""

    def __init__(self, aws: EmbeddedAws, lane: str, progress: Progress) -> None:
        self._aws = aws
        self._lane = lane
        self._progress = progress
        self._landing = aws.outputs["LandingBucketName"]
        self._catalog = Catalog(aws)
        self._s3 = deployment.client(aws.settings, "s3")  # shared by threads, as creating one is slow

    def warm_up(self, uploads: int) -> None:
        """Start the functions and fill their caches; not counted."""
        for kind in KEYS:
            self._through(kind, uploads, at_once=4, doing=f"{self._lane}: warming up")

    def measure(self, kind: str, uploads: int, at_once: int) -> Latency:
        began = time.monotonic()
        taken = self._through(kind, uploads, at_once, f"{self._lane}: {kind}s, {at_once} at once")
        rate = uploads / (time.monotonic() - began)
        p50, p95, p99 = (quantile(taken, share) for share in (0.5, 0.95, 0.99))
        return Latency(self._lane, kind, at_once, uploads, p50, p95, p99, rate)

    def grow(self, objects: int, so_far: int) -> dict[str, float]:
        """Upload so many more session objects."""
        began = time.monotonic()
        self._through("session", objects, GROWING_AT_ONCE, f"growing to {so_far + objects:,} objects")
        seconds = time.monotonic() - began
        return {"objects": so_far + objects, "rate": objects / seconds, "memory_mb": self.memory()}

    def memory(self) -> int:
        """Memory of the embedded AWS's own process, in MB."""
        running = processes.find(self._aws.settings)
        assert running is not None  # noqa: S101 - it was started here
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(running.aws_pid)], capture_output=True, text=True, check=True
        )
        return int(shown.stdout) // 1024

    def _through(self, kind: str, uploads: int, at_once: int, doing: str) -> list[float]:
        run, task = uuid.uuid4().hex[:8], self._progress.add_task(doing, total=uploads)

        def one(number: int) -> float:
            key = KEYS[kind].format(run=run, number=number)
            self._s3.put_object(Bucket=self._landing, Key=key, Body=BODY)
            uploaded = time.monotonic()
            seen = self._catalog.shows(Source(self._landing, key).source_id)
            self._progress.advance(task)
            return seen - uploaded

        with self._catalog.watched(), ThreadPoolExecutor(at_once) as pool:
            return sorted(pool.map(one, range(uploads)))


def growth_steps(most: int) -> list[int]:
    """Step sizes: a hundred, then doubling the total each time, up to `most`."""
    steps, done = [min(100, most)], min(100, most)
    while done < most:
        steps.append(min(done, most - done))
        done += steps[-1]
    return steps


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
