"""RedriveExecution in the embedded AWS, with AWS's semantics, on small machines made for the purpose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import processes
from tests.embedded import EmbeddedAws, eventually, running, start
from tests.local import stubs

pytestmark = pytest.mark.timeout(120)

# Notes every attempt, and fails in the states that the file `broken` names.
STEP = """
import json, pathlib

class Broken(Exception):
    pass

def handler(event, context):
    folder = pathlib.Path(event["folder"])
    with (folder / "attempts").open("a") as attempts:
        attempts.write(event["state"] + " ")
    if event["state"] in (folder / "broken").read_text().split():
        raise Broken("not today")
    return {"path": event["path"] + [event["state"]]}
"""


class Walk:
    """A machine of three tasks with a choice among them, and one execution of it."""

    def __init__(self, aws: EmbeddedAws, **task_members: Any) -> None:
        self.aws = aws
        self.client = aws.client("stepfunctions")
        self.folder = aws.settings.scratch / stubs.unique("walk")
        self.folder.mkdir()
        self.function = stubs.function(aws, STEP)
        choose = {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Second"}]}
        self.states = {
            "First": self._task("First", Next="Choose", Assign={"seen": "{% ['First'] %}"}, **task_members),
            "Choose": choose,
            "Second": self._task(
                "Second", Next="Third", Assign={"seen": "{% $append($seen, 'Second') %}"}, **task_members
            ),
            "Third": self._task("Third", End=True, **task_members)
            | {"Output": "{% {'path': $states.result.Payload.path, 'seen': $seen} %}"},
        }
        self.machine = stubs.machine(aws, self.states)
        self.arn = ""

    def _task(self, name: str, **members: Any) -> dict[str, Any]:
        payload = {"state": name, "folder": str(self.folder), "path": "{% $states.input.path %}"}
        return stubs.invoke_state(self.function, **members) | {
            "Arguments": {"FunctionName": self.function, "Payload": payload}
        }

    def break_at(self, *states: str) -> None:
        (self.folder / "broken").write_text(" ".join(states))

    def start(self) -> dict[str, Any]:
        started = self.client.start_execution(stateMachineArn=self.machine, input='{"path": []}')
        self.arn = started["executionArn"]
        return self.aws.finished(self.arn)

    def redrive(self) -> dict[str, Any]:
        self.client.redrive_execution(executionArn=self.arn)
        return self.aws.finished(self.arn)

    @property
    def attempts(self) -> list[str]:
        return (self.folder / "attempts").read_text().split()

    @property
    def entered(self) -> list[str]:
        events = self.aws.history(self.arn)
        return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]


WHOLE_WAY = {"path": ["First", "Second", "Third"], "seen": ["First", "Second"]}


@pytest.mark.parametrize("state", ["First", "Second", "Third"])
def test_it_goes_on_at_the_state_that_failed_with_its_input_and_variables(
    bare_aws: EmbeddedAws, state: str
) -> None:
    walk = Walk(bare_aws)
    walk.break_at(state)
    failed = walk.start()
    assert (failed["status"], failed["error"]) == ("FAILED", "Broken")
    assert (failed["redriveStatus"], failed["redriveCount"]) == ("REDRIVABLE", 0)
    assert "redriveDate" not in failed

    walk.break_at()
    ended = walk.redrive()

    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", WHOLE_WAY)
    assert "error" not in ended
    assert walk.attempts == sorted([*WHOLE_WAY["path"], state], key=WHOLE_WAY["path"].index)
    assert sorted(walk.entered) == sorted(["First", "Choose", "Second", "Third", state])
    assert (ended["redriveCount"], ended["redriveStatus"]) == (1, "NOT_REDRIVABLE")
    assert ended["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    assert ended["startDate"] == failed["startDate"] < failed["stopDate"] <= ended["redriveDate"]
    (event,) = [e for e in bare_aws.history(walk.arn) if e["type"] == "ExecutionRedriven"]
    assert event["executionRedrivenEventDetails"] == {"redriveCount": 1}


def test_it_can_be_done_several_times_each_with_fresh_retries(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws, Retry=[{"ErrorEquals": ["Broken"], "MaxAttempts": 2}])
    walk.break_at("First")
    walk.start()
    walk.break_at("Second")
    assert walk.redrive()["status"] == "FAILED"
    assert walk.redrive()["redriveCount"] == 2
    walk.break_at()

    assert json.loads(walk.redrive()["output"]) == WHOLE_WAY
    assert walk.attempts == ["First"] * 4 + ["Second"] * 7 + ["Third"]
    counts = [
        e["executionRedrivenEventDetails"] for e in bare_aws.history(walk.arn) if "Redriven" in e["type"]
    ]
    assert counts == [{"redriveCount": number} for number in (1, 2, 3)]
    ids = [event["id"] for event in bare_aws.history(walk.arn)]
    assert ids == list(range(1, len(ids) + 1))


def test_plain_aws_command_line_and_a_function_mended_in_between(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws)
    walk.break_at("Second")
    walk.start()
    mended = stubs.package(STEP.replace('raise Broken("not today")', "pass"))
    bare_aws.client("lambda").update_function_code(FunctionName=walk.function, ZipFile=mended)

    done = subprocess.run(
        [sys.executable, "-m", "awscli", "stepfunctions", "redrive-execution", "--execution-arn", walk.arn],
        env={**os.environ, **bare_aws.settings.credentials},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["redriveDate"]
    assert json.loads(bare_aws.finished(walk.arn)["output"]) == WHOLE_WAY


def test_a_mended_definition_is_not_picked_up(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws)
    walk.break_at("First")
    walk.start()
    walk.break_at()
    other = {"StartAt": "First", "States": {"First": {"Type": "Succeed"}}}
    walk.client.update_state_machine(stateMachineArn=walk.machine, definition=json.dumps(other))

    assert json.loads(walk.redrive()["output"]) == WHOLE_WAY
    used = walk.client.describe_state_machine_for_execution(executionArn=walk.arn)["definition"]
    assert set(json.loads(used)["States"]) == set(walk.states)
    now = walk.client.describe_state_machine(stateMachineArn=walk.machine)
    assert json.loads(now["definition"]) == other


def test_a_fail_state_is_entered_again_and_fails_again(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws)
    walk.machine = stubs.machine(bare_aws, {"Give up": {"Type": "Fail", "Error": "Hopeless"}})
    assert walk.start()["error"] == "Hopeless"
    assert walk.redrive()["error"] == "Hopeless"
    assert walk.entered == ["Give up", "Give up"]


def test_an_aborted_execution_goes_on_while_its_first_run_is_still_ending(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws)
    walk.break_at()
    linger = {"Linger": {"Type": "Wait", "Seconds": 20, "Next": "First"}}
    walk.machine = stubs.machine(bare_aws, linger | walk.states)
    arn = walk.client.start_execution(stateMachineArn=walk.machine, input='{"path": []}')["executionArn"]
    walk.arn = arn
    eventually(lambda: walk.entered)
    walk.client.stop_execution(executionArn=arn)
    assert bare_aws.finished(arn)["status"] == "ABORTED"

    assert json.loads(walk.redrive()["output"]) == WHOLE_WAY
    assert walk.attempts == WHOLE_WAY["path"]
    assert walk.entered == ["Linger", "Linger", "First", "Choose", "Second", "Third"]


def refusal(aws: EmbeddedAws, arn: str, **arguments: str) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        aws.client("stepfunctions").redrive_execution(executionArn=arn, **arguments)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_cannot_be_redriven_is_refused_with_the_reason_that_describe_gives(
    bare_aws: EmbeddedAws,
) -> None:
    client = bare_aws.client("stepfunctions")
    waits = stubs.machine(bare_aws, {"Linger": {"Type": "Wait", "Seconds": 600, "End": True}})
    passes = stubs.machine(bare_aws, {"Pass": {"Type": "Pass", "End": True}})
    arns = [client.start_execution(stateMachineArn=machine)["executionArn"] for machine in (waits, passes)]
    bare_aws.finished(arns[1])
    for arn, status in zip(arns, ("RUNNING", "SUCCEEDED"), strict=True):
        reason = f"Execution is {status} and cannot be redriven"
        assert refusal(bare_aws, arn) == ("ExecutionNotRedrivable", reason)
        described = client.describe_execution(executionArn=arn)
        assert described["redriveStatusReason"] == reason
        assert described["redriveStatus"] == "NOT_REDRIVABLE"
    client.stop_execution(executionArn=arns[0])

    unknown = arns[0] + "-never"
    assert refusal(bare_aws, unknown) == ("ExecutionDoesNotExist", f"Execution Does Not Exist: '{unknown}'")
    assert refusal(bare_aws, waits)[0] == "InvalidArn"


def test_an_express_execution_cannot_be_redriven(bare_aws: EmbeddedAws) -> None:
    client = bare_aws.client("stepfunctions")
    definition = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "No"}}}
    machine = client.create_state_machine(
        name=stubs.unique("express"),
        definition=json.dumps(definition),
        roleArn=stubs.role(bare_aws),
        type="EXPRESS",
    )
    arn = client.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    assert refusal(bare_aws, arn)[0] == "InvalidArn"


def test_the_same_token_redrives_once(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws)
    walk.break_at("First")
    walk.start()
    request = {"executionArn": walk.arn, "clientToken": "once"}
    first = walk.client.redrive_execution(**request)
    bare_aws.finished(walk.arn)

    assert walk.client.redrive_execution(**request)["redriveDate"] == first["redriveDate"]
    assert bare_aws.finished(walk.arn)["redriveCount"] == 1
    assert walk.attempts == ["First", "First"]


def test_the_list_tells_what_was_redriven(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws)
    walk.break_at("First")
    walk.start()
    never = walk.arn
    walk.start()
    ended = walk.redrive()

    def listed(**how: str) -> dict[str, tuple[int, datetime | None]]:
        found = walk.client.list_executions(stateMachineArn=walk.machine, **how)["executions"]
        return {item["executionArn"]: (item["redriveCount"], item.get("redriveDate")) for item in found}

    assert listed() == {never: (0, None), walk.arn: (1, ended["redriveDate"])}
    assert set(listed(redriveFilter="REDRIVEN")) == {walk.arn}
    assert set(listed(redriveFilter="NOT_REDRIVEN", statusFilter="FAILED")) == {never}


def test_status_changes_are_announced_again(bare_aws: EmbeddedAws) -> None:
    walk = Walk(bare_aws)
    queue = stubs.events_of(
        bare_aws, {"source": ["aws.states"], "detail": {"stateMachineArn": [walk.machine]}}
    )
    walk.break_at("Third")
    walk.start()
    walk.break_at()
    ended = walk.redrive()

    heard: list[dict[str, Any]] = []

    def all_four() -> bool:
        heard.append(stubs.next_event(bare_aws, queue)["detail"])
        return len(heard) == 4

    eventually(all_four)
    told = [(d["status"], d["redriveCount"], d["redriveStatus"]) for d in heard]
    assert sorted(told) == [
        ("FAILED", 0, "REDRIVABLE"),
        ("RUNNING", 0, "NOT_REDRIVABLE"),
        ("RUNNING", 1, "NOT_REDRIVABLE"),
        ("SUCCEEDED", 1, "NOT_REDRIVABLE"),
    ]
    dates = {d["redriveDate"] for d in heard}
    assert dates == {None, int(ended["redriveDate"].timestamp() * 1000)}


def test_failed_and_interrupted_executions_can_be_redriven_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as aws:
        failed, interrupted, old = Walk(aws), Walk(aws), Walk(aws)
        for walk in (failed, old):
            walk.break_at("Third")
            walk.start()
        linger = {"Linger": {"Type": "Wait", "Seconds": 1200, "Next": "First"}}
        interrupted.machine = stubs.machine(aws, linger | interrupted.states)
        started = interrupted.client.start_execution(
            stateMachineArn=interrupted.machine, input='{"path": []}'
        )
        interrupted.arn = started["executionArn"]
        eventually(lambda: interrupted.entered)
        pattern = {"source": ["aws.states"], "detail": {"executionArn": [interrupted.arn]}}
        queue = stubs.events_of(aws, pattern)
        processes.stop(aws.settings)
        let_two_weeks_pass(aws, old.arn)
        start(aws.settings, SFN_WAIT_SCALE="0")
        for walk in (failed, interrupted):
            walk.folder.mkdir()
            walk.break_at()

        # The rules hear of it as of any failure.
        detail = stubs.next_event(aws, queue)["detail"]
        assert (detail["status"], detail["error"]) == ("FAILED", "States.ServiceRestart")
        assert aws.history(interrupted.arn)[-1]["type"] == "ExecutionFailed"
        assert aws.finished(interrupted.arn)["redriveStatus"] == "REDRIVABLE"
        assert json.loads(interrupted.redrive()["output"]) == WHOLE_WAY
        assert json.loads(failed.redrive()["output"]) == WHOLE_WAY
        assert failed.attempts == ["Third"]
        assert refusal(aws, old.arn) == ("ExecutionNotRedrivable", "Execution redrivable period exceeded")


def let_two_weeks_pass(aws: EmbeddedAws, arn: str) -> None:
    """Change when the execution ended, in what a stopped embedded AWS has saved."""
    saved = aws.settings.state / "services" / "stepfunctions.json"
    state = json.loads(saved.read_text())
    (record,) = [r for r in state["payload"]["executions"]["data"].values() if r["executionArn"] == arn]
    record["stopDate"] = (datetime.now(UTC) - timedelta(days=14, seconds=1)).isoformat()
    saved.write_text(json.dumps(state))


def test_canary_there_is_no_redrive_without_ours(unmended_aws: EmbeddedAws) -> None:
    assert refusal(unmended_aws, "arn:aws:states:us-east-1:0:execution:a:b")[0] == "InvalidAction"
