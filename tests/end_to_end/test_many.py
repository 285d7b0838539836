"""A clinic's whole day at once: mixed uploads, overwritten and colliding ones, each with one end.

`make storm` runs it with a thousand.
"""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.end_to_end.at_rest import Rest, source_id
from tests.end_to_end.conftest import Pipeline
from tests.end_to_end.crowd import Crowd, File, memory_of

SECONDS_AN_UPLOAD = 1.0


def storm(count: int, seed: int = 20241028) -> list[File]:
    """Documents and sessions of some patients; a sixth of them overwritten again and again, a tenth colliding."""
    rng = random.Random(seed)
    patients = [f"P_{number}" for number in range(max(2, count // 20))]
    rewritten = [
        f"documents/{rng.choice(patients)}/again_{number}.txt" for number in range(max(2, count // 50))
    ]
    files = []
    for number in range(count):
        patient, body = rng.choice(patients), f"upload {number}\n".encode() * rng.randint(1, 200)
        chance = rng.random()
        if chance < 0.15:
            key = rng.choice(rewritten)
        elif chance < 0.35:
            key = f"sessions/{patient}/session_{number % 7}/agents/agent_a/messages/message_{number}.json"
        elif chance < 0.40:
            key = f"sessions/session_{number % 5}/notes/{number}.txt"
        elif chance < 0.50:
            # One name, whoever it is: `storm/1/lab.pdf`, `storm/2/lab.docx` and `lab` of nobody.
            key = f"incoming/{number}/lab.{rng.choice(('txt', 'csv', 'docx'))}"
        elif chance < 0.55:
            key = f"{patient}/json/20241028T143022Z/{number}/P_{number}.json"
            body = json.dumps({"patient_id": patient}).encode()
        else:
            key = f"documents/{patient}/{rng.choice(('scan', 'letter', 'report'))}/{number}.txt"
        files.append(File(key, body))
    return files


@pytest.mark.timeout(2000)
@pytest.mark.parametrize("uploads", [50, pytest.param(1000, marks=pytest.mark.prove)])
def test_uploads_all_at_once_each_end_once_and_the_catalog_is_what_the_bucket_holds(
    pipeline: Pipeline, lane: str, uploads: int, say: Callable[[str], None]
) -> None:
    crowd, before, began = Crowd(pipeline), memory_of(pipeline), time.monotonic()
    crowd.upload(storm(uploads))
    uploaded = time.monotonic()
    crowd.settle(60 + uploads * SECONDS_AN_UPLOAD)
    ended = time.monotonic()
    rest = Rest.of(crowd)

    rest.assert_right()
    revised = [key for key, upload in crowd.newest.items() if sum(u.key == key for u in crowd.uploads) > 1]
    assert revised
    announced: dict[str, set[str]] = defaultdict(set)
    for detail in pipeline.heard():
        if detail["source_id"] in rest.catalog and detail["source"].get("version_id"):
            announced[detail["source"]["version_id"]].add(detail["event_id"])
    for key, upload in crowd.newest.items():
        assert announced[upload.version_id] == {rest.catalog[source_id(pipeline, key)]["event_id"]["S"]}, key
    assert all(len(ids) == 1 for ids in announced.values())
    seconds = ended - began
    say(
        f"{lane}: {len(crowd.uploads)} uploads of {len(crowd.newest)} keys, {len(revised)} of them overwritten: put in "
        f"{uploaded - began:.1f} s, all at rest after {seconds:.1f} s ({len(crowd.uploads) / seconds:.1f} a second), "
        f"no entry twice; the embedded AWS grew from {before} to {crowd.peak_memory} MB"
    )
