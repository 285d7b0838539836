"""Uploads to the deployed pipeline, and how long each takes until the catalog shows it."""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.progress import Progress

from lambdas.core.model import Source
from local import processes
from tests.embedded import EmbeddedAws

KEYS = {
    "session": "sessions/Ana_Ruiz/session_{run}/agents/agent_intake/messages/message_{number}.json",
    "document": "documents/Ana_Ruiz/{run}_{number}.txt",
}
PATIENCE = 600


@dataclass(frozen=True)
class Latency:
    """Seconds from the end of the upload to `cataloged_at`, and objects a second over the whole run."""

    kind: str
    at_once: int
    uploads: int
    p50: float
    p95: float
    p99: float
    rate: float


class Traffic:
    def __init__(self, aws: EmbeddedAws, progress: Progress) -> None:
        self._aws = aws
        self._progress = progress
        self._landing = aws.outputs["LandingBucketName"]
        self._table = aws.outputs["CatalogTableName"]
        self._local = threading.local()

    def measure(self, kind: str, uploads: int, at_once: int) -> Latency:
        task = self._progress.add_task(f"{kind}s, {at_once} at once", total=uploads)
        began = time.time()
        taken = sorted(self._through(kind, uploads, at_once, task))
        rate = uploads / (time.time() - began)
        return Latency(kind, at_once, uploads, *(_quantile(taken, q) for q in (0.5, 0.95, 0.99)), rate)

    def grow(self, objects: int) -> dict[str, float]:
        """So many sessions' objects more, eight at once."""
        began = time.time()
        task = self._progress.add_task(f"{objects} objects more", total=objects)
        for _ in self._through("session", objects, 8, task):
            pass
        return {"objects": objects, "rate": objects / (time.time() - began), "memory_mb": self._memory()}

    def _through(self, kind: str, uploads: int, at_once: int, task: Any) -> Iterator[float]:
        run = uuid.uuid4().hex[:8]

        def one(number: int) -> float:
            key = KEYS[kind].format(run=run, number=number)
            self._client("s3").put_object(
                Bucket=self._landing, Key=key, Body=b'{"text": "' + b"x" * 2000 + b'"}'
            )
            uploaded = time.time()
            entry = self._entry(Source(self._landing, key).source_id, uploaded + PATIENCE)
            self._progress.advance(task)
            return max(0.0, datetime.fromisoformat(entry["cataloged_at"]["S"]).timestamp() - uploaded)

        with ThreadPoolExecutor(at_once) as pool:
            yield from pool.map(one, range(uploads))

    def _entry(self, source_id: str, deadline: float) -> dict[str, Any]:
        dynamodb = self._client("dynamodb")
        while time.time() < deadline:
            found = dynamodb.get_item(TableName=self._table, Key={"source_id": {"S": source_id}}).get("Item")
            if found:
                return dict(found)
            time.sleep(0.1)
        raise TimeoutError(f"an upload is not in the catalog after {PATIENCE} s")

    def _client(self, service: str) -> Any:
        """One client a thread: making them is slow, and they are not asked to share connections."""
        from local import deployment

        if not hasattr(self._local, service):
            setattr(self._local, service, deployment.client(self._aws.settings, service))
        return getattr(self._local, service)

    def _memory(self) -> int:
        running = processes.find(self._aws.settings)
        assert running is not None  # noqa: S101 - it was started here
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(running.aws_pid)], capture_output=True, text=True, check=True
        )
        return int(shown.stdout) // 1024


def growth_steps(most: int) -> list[int]:
    """A hundred, then as many again and again, until there are so many in all."""
    steps, done = [min(100, most)], min(100, most)
    while done < most:
        steps.append(min(done, most - done))
        done += steps[-1]
    return steps


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
