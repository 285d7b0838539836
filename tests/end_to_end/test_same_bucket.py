"""Landing and processed bucket may be one and the same: the pipeline does not take in what it wrote itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import deployment
from tests.assemblies import assembly
from tests.embedded import eventually, running
from tests.end_to_end.conftest import ExpressPipeline, Pipeline, listen

# `make test` holds the rules against the layout (tests/template/test_storage.py).
pytestmark = [pytest.mark.submission, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def same_bucket(lane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The pipeline with `processed_in_landing_bucket`, on an embedded AWS of its own."""
    with running(tmp_path_factory.mktemp("same-bucket")) as aws:
        deployment.deploy(aws.settings, assembly(processed_in_landing_bucket=True, lane=lane))
        yield (Pipeline if lane == "standard" else ExpressPipeline)(aws, listen(aws))


def test_what_it_files_in_its_own_landing_bucket_starts_no_execution(
    same_bucket: Pipeline, lane: str
) -> None:
    pipeline = same_bucket
    assert pipeline.processed == pipeline.landing
    uploads = {
        "documents/Ida_Paz_9/letter.txt": b"a letter",
        "sessions/Ida_Paz_9/session_1/session.json": b"{}",
        "sessions/session_2/agents/agent_a/agent.json": b"{}",
        "somebodys.csv": b"a,b\n1,2\n",
    }
    for key, body in uploads.items():
        assert pipeline.filed(key, body)["disposition"] == "cataloged"
    # Again, so that it also overwrites what it wrote.
    again = "documents/Ida_Paz_9/letter.txt"
    assert pipeline.filed(again, b"another letter")["disposition"] == "cataloged"
    assert pipeline.filed("processed.txt", b"only its name begins like it")["disposition"] == "cataloged"

    written = pipeline.keys("processed/")
    assert "processed/Ida_Paz_9_letter/original.txt" in written
    assert len(written) >= 4 + 2 + 2 + 4
    asked = [*uploads, again, "processed.txt"]
    for key in (*asked, *written):
        eventually(lambda key=key: pipeline.intakes_of(key) == asked.count(key))
    # Its own output would be refused, and on the other lane what is refused is promoted.
    assert len(all_executions(pipeline)) == (len(asked) if lane == "standard" else 0)


def test_a_person_cannot_send_it_what_it_filed(same_bucket: Pipeline) -> None:
    same_bucket.filed("documents/Ida_Paz_9/note.txt", b"a note")
    stored = "processed/Ida_Paz_9_note/original.txt"

    execution = same_bucket.start({"bucket": same_bucket.landing, "key": stored})

    assert execution["error"] == "RejectedObject"
    assert "own-output" in execution["cause"]
    same_bucket.events_of(stored, "Object Failed")
    assert "pipeline-status" not in same_bucket.tags(same_bucket.landing, stored)


def all_executions(pipeline: Pipeline) -> list[str]:
    pages = pipeline.aws.client("stepfunctions").get_paginator("list_executions")
    return [
        item["executionArn"]
        for page in pages.paginate(stateMachineArn=pipeline.machine)
        for item in page["executions"]
    ]
