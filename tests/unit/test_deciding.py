"""The call by which a person decides whose a document or session is, against the functions themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.patients.assigning import Assigner, Started
from carefile.cli.patients.deciding import Changed, Decider, Wish
from carefile.core.model import DecisionType, Source
from lambdas import assign_patient
from lambdas.adapters.contracts import accept_assignment
from lambdas.intake import wiring
from tests.unit.world import LANDING, Json, World


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """The requests that started a reassignment; a plan is the function's own."""
    found: list[Json] = []

    def plan(_: Assigner, request: Json) -> Json:
        monkeypatch.setattr(assign_patient, "assigning", wiring.assigning())
        return assign_patient.handler({"input": request, "only_plan": True}, None)

    def start(_: Assigner, request: Json) -> Started:
        found.append(request)
        return Started("arn", redriven=False)

    monkeypatch.setattr(Assigner, "__init__", lambda self, connection: None)
    monkeypatch.setattr(Assigner, "plan", plan)
    monkeypatch.setattr(Assigner, "start", start)
    return found


def entry(connection: Connection, key: str) -> Any:
    return Entries(connection).get(Source(LANDING, key).source_id)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(DecisionType.ASSIGN, "Dr. Rey", "agrees", key="x", bucket="landing", patient_id="A"),
        Wish(DecisionType.ASSIGN, "Dr. Rey", session_id="7", patient_id="A", taken_from=("B", "A", "B")),
        Wish(DecisionType.NOBODY, "system:fax", "an advertisement", prefix="processed/unknown_x/"),
        Wish(DecisionType.TAKE_BACK, "Dr. Rey", "was wrong", key="x"),
    ],
)
def test_a_wish_is_a_request_that_the_schema_accepts(wish: Wish) -> None:
    accept_assignment(wish.to_request())


def test_a_decision_on_what_was_looked_at_starts_the_reassignment(
    world: World, connection: Connection, started: list[Json]
) -> None:
    world.file("scan.txt", b"yesterday")
    wish = Wish(DecisionType.ASSIGN, "Dr. Rey", "agrees", key="scan.txt", patient_id="Ana_7")
    seen = entry(connection, "scan.txt")
    Decider(connection).decide(wish, seen)
    (sent,) = started
    assert sent["detail"] == {
        "decision": "assign",
        "patient_id": "Ana_7",
        "decided_by": "Dr. Rey",
        "reason": "agrees",
        "key": "scan.txt",
    }
    assert sent["principal"] == "arn:aws:sts::123456789012:user/moto"
    assert sent["seen"] == {"folder": "processed/unknown_scan/", "version": seen.landing_version}
    accept_assignment(sent)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_decision_on_what_was_replaced_meanwhile_is_refused_also_before_the_catalog_knows(
    world: World,
    connection: Connection,
    started: list[Json],
    monkeypatch: pytest.MonkeyPatch,
    indexed: bool,
) -> None:
    world.file("scan.txt", b"yesterday")
    seen = entry(connection, "scan.txt")
    if not indexed:
        monkeypatch.setattr(World, "index", lambda self, detail: False)
    world.file("scan.txt", b"today, of somebody else", name="later")
    wish = Wish(DecisionType.ASSIGN, "Dr. Rey", key="scan.txt", patient_id="Ana_7")
    with pytest.raises(Changed) as refused:
        Decider(connection).decide(wish, seen)
    assert refused.value.now == entry(connection, "scan.txt")
    assert started == []


class FailedExecutions:
    """Step Functions with one reassignment that failed with an error."""

    def __init__(self, error: str, asked: Json) -> None:
        self._error, self._asked = error, asked
        self.called: list[str] = []

    def list_executions(self, statusFilter: str, **_: Any) -> Json:  # noqa: N803 - as boto3 names it
        stopped = datetime(2026, 11, 20, tzinfo=UTC)
        failed = [{"executionArn": "arn:old", "stopDate": stopped}] if statusFilter == "FAILED" else []
        return {"executions": failed}

    def describe_execution(self, **_: Any) -> Json:
        return {"input": json.dumps(self._asked), "redriveStatus": "REDRIVABLE", "error": self._error}

    def redrive_execution(self, **_: Any) -> None:
        self.called.append("redrive")

    def start_execution(self, **_: Any) -> Json:
        self.called.append("start")
        return {"executionArn": "arn:new"}


@pytest.mark.parametrize(
    ("error", "does"),
    [
        ("StorageThrottled", "redrive"),
        ("LeftBehind", "redrive"),
        ("AssignmentConflict", "start"),
        ("RejectedAssignment", "start"),
        ("RejectedEvent", "start"),
    ],
)
def test_what_failed_is_resumed_and_what_was_refused_is_decided_anew(
    connection: Connection, error: str, does: str
) -> None:
    request = Wish(DecisionType.NOBODY, "Dr. Rey", key="x").to_request()
    connection.reassignment = "arn:machine"
    assigner, functions = Assigner(connection), FailedExecutions(error, request)
    assigner._client = functions
    assert assigner.start(request).redriven is (does == "redrive")
    assert functions.called == [does]
