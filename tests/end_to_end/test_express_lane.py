"""The lane express-first: what goes well is in no list of executions, and what does not is promoted to where it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carefile.cli.app import app
from tests.embedded import eventually
from tests.end_to_end.breaking import answering, logged, promoting_nowhere, promotions, wrong_setting
from tests.end_to_end.conftest import Pipeline

KEY = "documents/Nora_Gil_4/{}.txt"


def test_an_upload_that_goes_well_starts_no_standard_execution_and_is_a_duplicate_when_typed(
    pipeline: Pipeline,
) -> None:
    key = KEY.format("well")

    ended = pipeline.execution_of(key, pipeline.upload(key, b"well"))

    assert f":express:{pipeline.aws.settings.stack_name}-ExpressLane:" in ended["executionArn"]
    assert pipeline.executions_of(key) == []
    typed = pipeline.start({"bucket": pipeline.landing, "key": key})
    assert json.loads(typed["output"])["disposition"] == "duplicate"


def test_what_fails_after_filing_is_promoted_redriven_and_announced_as_the_same(pipeline: Pipeline) -> None:
    key = KEY.format("promoted")
    nowhere = f"{pipeline.aws.settings.endpoint}/not-there"
    with wrong_setting(pipeline, "tag_object", "AWS_ENDPOINT_URL_S3", nowhere):
        failed = pipeline.execution_of(key, pipeline.upload(key, b"the same bytes"))
        (told,) = pipeline.events_of(key, "Object Failed")
    arn = failed["executionArn"]

    assert failed["status"] == "FAILED"
    assert failed["error"] in ("StorageDenied", "StorageFailed")
    assert arn.rpartition(":")[2].startswith("promoted-")
    assert pipeline.states_of(arn)[-1] == "TagObject"
    assert told["execution"] == arn
    # This lane announces before it marks, and what is announced is filed: the mark says so, once it can be written.
    (first,) = pipeline.events_of(key)
    assert eventually(lambda: pipeline.tags(pipeline.landing, key)) == {"pipeline-status": "cataloged"}

    pipeline.aws.client("stepfunctions").redrive_execution(executionArn=arn)
    ended = pipeline.aws.finished(arn)

    # What the Express execution had filed is this intake's own work, and no duplicate's.
    assert json.loads(ended["output"])["disposition"] == "cataloged"
    again = [event for event in pipeline.heard() if event["source"]["key"] == key]
    assert {(event["event_id"], event["revision"]) for event in again} == {(first["event_id"], 1)}
    assert pipeline.tags(pipeline.landing, key) == {"pipeline-status": "cataloged"}


def test_a_promotion_that_step_functions_refuses_waits_in_its_queue_and_is_started_later(
    pipeline: Pipeline,
) -> None:
    key = KEY.format("refused")
    nowhere = f"{pipeline.aws.settings.endpoint}/not-there"
    with (
        promotions(pipeline) as waiting,
        answering(503, "ThrottlingException", "Rate exceeded") as busy,
        # The machine is refused its promotion, and so is the function that empties the queue.
        wrong_setting(pipeline, "promote_objects", "AWS_ENDPOINT_URL_SFN", busy),
        promoting_nowhere(pipeline),
        wrong_setting(pipeline, "tag_object", "AWS_ENDPOINT_URL_S3", nowhere),
    ):
        version = pipeline.upload(key, b"it waits")
        assert eventually(waiting)
        eventually(lambda: logged(pipeline, "not promoted"))
        assert pipeline.executions_of(key) == []
        assert waiting(), "what is refused again is given up"

    ended = pipeline.execution_of(key, version)

    assert ended["status"] == "SUCCEEDED"
    assert ended["name"].startswith("promoted-")
    assert json.loads(ended["output"])["disposition"] == "cataloged"
    assert len(pipeline.executions_of(key)) == 1
    assert pipeline.tags(pipeline.landing, key) == {"pipeline-status": "cataloged"}
    with promotions(pipeline) as waiting:
        eventually(lambda: not waiting())


def test_the_operators_command_follows_an_upload_and_shows_what_is_known_of_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in pipeline.aws.settings.credentials.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CAREFILE_STACK", pipeline.aws.settings.stack_name)
    file = tmp_path / "shown.txt"
    file.write_bytes(b"shown")

    put = CliRunner().invoke(app, ["put", str(file), "--patient", "Nora_Gil_4", "--wait", "--json"])
    assert put.stdout, put.output
    assert json.loads(put.stdout)["status"] == "cataloged"
    for what in (KEY.format("shown"), "processed/Nora_Gil_4_shown/original.txt"):
        shown = CliRunner().invoke(app, ["show", what, "--json"])
        assert shown.exit_code == 0, shown.output
        assert json.loads(shown.stdout)["prefix"] == "processed/Nora_Gil_4_shown/"
