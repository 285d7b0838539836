"""A session that the Strands Agents SDK wrote loads again, by the same SDK, from where it was filed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lambdas.adapters.settings import ROOT
from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline

OBJECTS = 8  # the session, its agent, six messages


def example(pipeline: Pipeline, what: str, session: str, patient: str | None) -> tuple[int, str]:
    """Run the example as its users do; how it ended and what it printed."""
    words = [what, "--session", session, *(["--patient", patient] if patient else [])]
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


@pytest.mark.parametrize("patient", ["Marta_Rey_8", None])
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
    assert said.startswith("no session never-held is filed under processed/Marta_Rey_8_medical_notes/")
    assert not pipeline.keys("processed/Marta_Rey_8_medical_notes/session_never-held/")
