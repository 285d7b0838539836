"""A session that the Strands Agents SDK wrote loads again, by the same SDK, from where it was filed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import boto3
import pytest

import carefile
from lambdas.adapters.settings import ROOT
from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline

OBJECTS = 8  # the session, its agent, six messages


def example(pipeline: Pipeline, what: str, session: str, patient: str | None, *more: str) -> tuple[int, str]:
    """Run the example as its users do; how it ended and what it printed."""
    words = [what, "--session", session, *(["--patient", patient] if patient else []), *more]
    settings = pipeline.aws.settings
    where = {**settings.credentials, "CAREFILE_STACK": settings.stack_name}
    done = subprocess.run(
        [sys.executable, "examples/assistant.py", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **where},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("patient", ["Marta_Rey_8", pytest.param(None, marks=pytest.mark.submission)])
def test_an_assistants_conversation_loads_again_from_the_processed_layout(
    pipeline: Pipeline, patient: str | None
) -> None:
    session = f"visit-of-{patient or 'nobody'}"
    told, said = example(pipeline, "talk", session, patient)
    folder = f"processed/{patient or 'unknown'}_medical_notes/session_{session}/"
    eventually(lambda: len(pipeline.keys(folder)) == OBJECTS + 1)
    before = pipeline.keys(folder)

    again, loaded = example(pipeline, "read", session, patient)

    assert (told, again) == (0, 0), loaded
    assert loaded == said
    assert said.count("user: ") == said.count("assistant: ") == 3
    assert "«como un clavo»" in said
    assert pipeline.keys(folder) == before


def test_a_session_that_is_not_filed_is_not_begun_in_the_layout(pipeline: Pipeline) -> None:
    code, said = example(pipeline, "read", "never-held", "Marta_Rey_8")
    assert code == 2
    assert said.startswith("no session never-held is filed under processed/Marta_Rey_8_medical_notes; ")
    assert not pipeline.keys("processed/Marta_Rey_8_medical_notes/session_never-held/")


def is_filed(pipeline: Pipeline, uploaded: str, place: str) -> bool:
    """Whether the newest version of an upload is at its place: a snapshot is written over at each turn."""
    if place not in pipeline.keys(place):
        return False
    both = ((pipeline.landing, uploaded), (pipeline.processed, place))
    one, other = (pipeline.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for bucket, key in both)
    return bool(one == other)


@pytest.mark.parametrize(
    ("id", "patient"),
    [
        ("+34 600 123 456", None),
        pytest.param("visit-2", None, marks=pytest.mark.submission),
        pytest.param("+34 600 123 456", "Marta_Rey_8", marks=pytest.mark.submission),
        pytest.param("visit-2", "Marta_Rey_8", marks=pytest.mark.prove),
    ],
)
def test_an_assistants_snapshots_load_again_from_the_processed_layout(
    pipeline: Pipeline, patient: str | None, id: str
) -> None:
    session = f"{id} of {patient or 'nobody'}"
    told, said = example(pipeline, "talk", session, patient, "--snapshots")
    folder = f"processed/{patient or 'unknown'}_medical_notes/session_{session}/"
    path = f"session/{session}/scopes/agent/guide/snapshots/snapshot_latest.json"
    uploaded = f"sessions/{patient}/{path}" if patient else f"sessions/{path}"
    eventually(lambda: is_filed(pipeline, uploaded, folder + path))
    before = pipeline.keys(folder)

    again, loaded = example(pipeline, "read", session, patient, "--snapshots")

    assert (told, again) == (0, 0), loaded
    assert loaded == said
    assert said.count("user: ") == said.count("assistant: ") == 3
    assert pipeline.keys(folder) == before


def test_snapshots_of_a_swarm_and_of_a_graph_load_again_under_whatever_prefix(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strands import Agent  # a second to load, for the one process that runs this
    from strands.multiagent import GraphBuilder, Swarm
    from strands.session import SnapshotSessionManager
    from strands.storage import S3Storage

    from examples.assistant import Script

    settings = pipeline.aws.settings
    for name, value in settings.credentials.items():
        monkeypatch.setenv(name, value)

    def agent(name: str) -> Agent:
        return Agent(Script(), agent_id=name, name=name, callback_handler=None)

    def swarm(manager: SnapshotSessionManager) -> Any:
        return Swarm([agent("nurse"), agent("doctor")], id="team", session_manager=manager)

    def graph(manager: SnapshotSessionManager) -> Any:
        builder = GraphBuilder()
        builder.set_max_node_executions(3)
        builder.add_node(agent("triage"), "triage")
        return builder.set_graph_id("flow").set_session_manager(manager).build()

    def manager(bucket: str, prefix: str, id: str) -> SnapshotSessionManager:
        return SnapshotSessionManager(
            id, storage=S3Storage(bucket, prefix=prefix, boto_session=boto3.Session())
        )

    for make, id in ((swarm, "swarm of today"), (graph, "graph:1")):
        make(manager(pipeline.landing, "production/agents", id))("Good morning.")
        found = carefile.where(None, id)["session_info"]["load_by"]["SnapshotSessionManager"]
        path = f"session/{id}/scopes/multiAgent/{'team' if make is swarm else 'flow'}/snapshots/snapshot_latest.json"
        place = f"{found['prefix']}/{path}"
        eventually(lambda: is_filed(pipeline, f"production/agents/{path}", place))  # noqa: B023
        filed = manager(pipeline.processed, found["prefix"], found["session_id"])
        assert asyncio.run(filed._restore_multi_agent(make(filed)))
