"""`carefile verify`: every claim is settled or says why not, a broken stack is noticed, and nothing is left behind."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.aws.connection import connect
from carefile.cli.verifying.claim import Group
from carefile.cli.verifying.journal import Journal
from carefile.cli.verifying.outcome import Outcome
from carefile.cli.verifying.suite import CLAIMS, Suite
from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile
from tests.operator.inventory import inventory

pytestmark = pytest.mark.timeout(400)
SOON = 6  # seconds in which what is broken is noticed


@pytest.fixture(autouse=True)
def journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/carefile/verify"


@pytest.fixture
def held(deployed_aws: EmbeddedAws) -> Callable[[], dict[str, list[str]]]:
    """What the stack holds, once what the tests before filed is indexed."""

    def look() -> dict[str, list[str]]:
        return inventory(deployed_aws, deployed_aws.settings.stack_name)

    def is_at_rest() -> bool:
        before = look()
        time.sleep(0.5)
        return look() == before

    eventually(is_at_rest)
    return look


@pytest.mark.submission
def test_all_that_applies_is_settled_and_nothing_is_left_behind(
    carefile: Carefile, held: Callable[[], dict[str, list[str]]], tmp_path: Path, journals: Path
) -> None:
    before = held()
    for number in range(2):
        ran = carefile("verify", "--yes", "--json", "--report", tmp_path / str(number))
        assert not [row for row in ran.rows if row["outcome"] in ("contradicted", "open")]
        assert ran.code == 0, ran.err
        assert held() == before
        assert not list(journals.glob("*"))
        report = json.loads((tmp_path / f"{number}.json").read_text())
        assert report["findings"] == ran.rows
        assert (report["left_behind"], report["not_checked"]) == (0, 0)
    assert [row["claim"] for row in ran.rows] == [claim.text for claim in CLAIMS]
    assert Counter(row["outcome"] for row in ran.rows)["settled"] >= 15
    here = {row["claim"]: row["says"] for row in ran.rows}
    assert all(here[claim.text].endswith(claim.embedded) for claim in CLAIMS if claim.embedded)


def test_without_yes_it_says_what_it_would_do_and_does_nothing(
    carefile: Carefile, held: Callable[[], dict[str, list[str]]], journals: Path
) -> None:
    before = held()
    ran = carefile("verify", "--intrusive", "--lasting")
    assert ran.code == 0
    assert "Nothing was done" in ran.err
    assert "USD" in ran.err
    assert "stage of your own" in ran.err
    assert held() == before
    assert not journals.exists()
    assert carefile("verify", "--clean-up").code == 0
    assert carefile("verify", "--only", "no claim has these words").code == 2


def test_a_role_that_is_denied_its_key_is_put_back(
    carefile: Carefile, held: Callable[[], dict[str, list[str]]]
) -> None:
    before = held()
    ran = carefile("verify", "--yes", "--json", "--intrusive", "--only", "redrive of an execution")
    assert [row["outcome"] for row in ran.rows] == ["settled"], ran.rows
    assert "NormaliseSession" in ran.rows[0]["says"]
    assert held() == before


def test_of_a_decision_its_record_alone_stays_and_names_nobody(
    carefile: Carefile, held: Callable[[], dict[str, list[str]]]
) -> None:
    before = held()
    ran = carefile("verify", "--yes", "--json", "--lasting", "--only", "transaction over four items")
    assert [row["outcome"] for row in ran.rows] == ["settled"], ran.rows
    after = held()
    (table,) = [name for name in after if after[name] != before[name]]
    assert table.startswith("AWS::DynamoDB::Table DecidingDecisions")
    new = [item for item in after[table] if item not in before[table]]
    assert new
    assert not [item for item in new if "carefile-verify" in item]
    assert carefile("decisions", "verify").code == 0


def test_what_an_interrupted_run_left_is_deleted_by_the_next_one(
    carefile: Carefile, deployed_aws: EmbeddedAws, held: Callable[[], dict[str, list[str]]], journals: Path
) -> None:
    before, connection = held(), connect()
    journal = Journal.of(connection)
    suite = Suite(connection, journal, [Group.ORDINARY])
    suite._cleaner.clean_new = lambda: None  # type: ignore[method-assign] # the process is killed before
    (finding,) = suite.run([claim("Object keys in the events are raw")])
    assert finding.outcome is Outcome.SETTLED
    journal.close(finished=False)
    assert held() != before

    ran = carefile("verify", "--clean-up")
    assert ran.code == 0, ran.err
    assert held() == before
    assert not list(journals.glob("*"))


# A stack that does not do what is claimed.


def claim(text: str) -> Any:
    (found,) = [one for one in CLAIMS if text in one.text]
    return found


@contextmanager
def broken_function(aws: EmbeddedAws, name: str) -> Iterator[None]:
    """A function that Lambda cannot start."""
    function, client = connect().function(name), aws.client("lambda")
    handler = client.get_function_configuration(FunctionName=function)["Handler"]
    client.update_function_configuration(FunctionName=function, Handler="lambdas.nowhere.handler")
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=function, Handler=handler)


@contextmanager
def loose_pattern(aws: EmbeddedAws) -> Iterator[None]:
    """A rule that takes in what the pipeline itself writes."""
    events = aws.client("events")
    (rule,) = [it for it in events.list_rules()["Rules"] if "UploadRule" in it["Name"]]
    pattern = json.loads(rule["EventPattern"])
    del pattern["detail"]["object"]
    events.put_rule(Name=rule["Name"], EventPattern=json.dumps(pattern))
    try:
        yield
    finally:
        events.put_rule(Name=rule["Name"], EventPattern=rule["EventPattern"])


@contextmanager
def easily_satisfied(aws: EmbeddedAws) -> Iterator[None]:
    """A backfill that takes in nothing and calls that a success."""
    client, machine = aws.client("stepfunctions"), aws.outputs["BackfillStateMachineArn"]
    definition = client.describe_state_machine(stateMachineArn=machine)["definition"]
    nothing = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    client.update_state_machine(stateMachineArn=machine, definition=json.dumps(nothing))
    try:
        yield
    finally:
        client.update_state_machine(stateMachineArn=machine, definition=definition)


@contextmanager
def deaf(aws: EmbeddedAws) -> Iterator[None]:
    """A rule that hears of no failure."""
    events = aws.client("events")
    (rule,) = [it["Name"] for it in events.list_rules()["Rules"] if "FailureRule" in it["Name"]]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


BROKEN = {
    "keeps `processed/…`": (loose_pattern, "the pattern matches a key like processed/"),
    "reaches `ErrorEquals` by its class name": (
        lambda aws: broken_function(aws, "ClassifyObject"),
        "the execution failed with",
    ),
    "status-change event reaches RecordFailure": (deaf, "not tagged as failed"),
    "over an empty listing": (easily_satisfied, "a run over nothing ended SUCCEEDED"),
    "The catalog's stream reaches": (
        lambda aws: broken_function(aws, "IndexSessions"),
        "the session has no entry",
    ),
}


# `make test` breaks two: what must never happen does, and what must happen does not.
FEW = ("keeps `processed/…`", "status-change event reaches RecordFailure")


@pytest.mark.parametrize(
    "text",
    [it if it in FEW else pytest.param(it, marks=pytest.mark.submission) for it in BROKEN],
)
def test_a_check_contradicts_its_claim_where_the_stack_is_broken(
    carefile: Carefile, deployed_aws: EmbeddedAws, held: Callable[[], dict[str, list[str]]], text: str
) -> None:
    breaking, says = BROKEN[text]
    before, connection = held(), connect()
    journal = Journal.of(connection)
    suite = Suite(connection, journal, [Group.ORDINARY])
    with breaking(deployed_aws):
        (finding,) = suite.run([replace(claim(text), seconds=SOON)])
    assert (finding.outcome, says in finding.says) == (Outcome.CONTRADICTED, True), finding
    # What waited for the stack to work again comes now.
    eventually(lambda: not suite.finish() and held() == before)
    journal.close(finished=True)
