"""RedriveExecution for ministack, which has none: continue a failed execution at the state that failed.

As on AWS: the same execution ARN; completed states are not entered again; the failed state gets its recorded
input, the variables as they were and fresh retry counters; the definition is the one the execution was
started with. What is recorded for it lives in ministack's own records, so it survives a restart.

Differences that remain: a failed Parallel or inline Map is run again as a whole. A Map Run is gone on with through
its parent, see `map_runs.py`.

Like the mends, it replaces functions in ministack's module, which look each other up by name at every call.
"""

from __future__ import annotations

import contextvars
import copy
import json
import threading
import time
from datetime import datetime
from typing import Any

from ministack.services import stepfunctions as sfn

Record = dict[str, Any]

REDRIVABLE_SECONDS = 14 * 24 * 3600
LONGEST_SECONDS = 365 * 24 * 3600
MOST_EVENTS = 24_999
TOKENS_KEPT = 10
TOKEN_SECONDS = 15 * 60

_interrupted: list[Record] = []


def apply() -> None:
    """Teach the ministack modules of this process; called once, before anything is served."""
    _answer_the_call()
    _record_what_a_redrive_needs()
    _fail_what_a_stop_interrupted()


def announce_interrupted() -> None:
    """Send the status-change events of what a stop interrupted, once rules and functions are there again."""
    while _interrupted:
        sfn._emit_execution_status_event(_interrupted.pop())


def redrive(data: Record) -> Any:
    arn = data.get("executionArn", "")
    if ":execution:" not in arn:
        return sfn.error_response_json("InvalidArn", f"Invalid Arn: '{arn}'", 400)
    failed = sfn._executions.get(arn)
    if failed is None:
        return sfn.error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
    now = time.time()
    tokens = [known for known in failed.get("redriveTokens", []) if now - known[1] < TOKEN_SECONDS]
    for token, _, date in tokens:
        if token == data.get("clientToken"):
            return sfn.json_response({"redriveDate": date})
    reason = why_not(failed)
    if reason:
        return sfn.error_response_json("ExecutionNotRedrivable", reason, 400)
    date = sfn.now_iso()
    # A new record: a thread of the first run that has not noticed its end goes on with the old one.
    execution = sfn._executions[arn] = {
        **{key: value for key, value in failed.items() if key not in ("error", "cause")},
        "status": "RUNNING",
        "stopDate": None,
        "output": None,
        "events": [*failed["events"]],
        "redriveCount": failed.get("redriveCount", 0) + 1,
        "redriveDate": date,
        "redriveTokens": [*tokens, (data.get("clientToken"), now, date)][-TOKENS_KEPT:],
    }
    count = {"redriveCount": execution["redriveCount"]}
    sfn._add_event(execution, "ExecutionRedriven", {"executionRedrivenEventDetails": count})
    sfn._emit_execution_status_event(execution)
    # The thread needs the caller's account and region, which are context variables.
    run = contextvars.copy_context().run
    threading.Thread(target=run, args=(_resume, execution), daemon=True).start()
    return sfn.json_response({"redriveDate": date})


def why_not(execution: Record) -> str | None:
    """AWS's reason why an execution cannot be re-driven; None when it can."""
    status = execution["status"]
    if status in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {status} and cannot be redriven"
    machine = sfn._state_machines.get(execution["stateMachineArn"], {})
    if execution.get("sync") or machine.get("type") == "EXPRESS":
        return "Execution is of type EXPRESS and cannot be redriven"
    if len(execution["events"]) >= MOST_EVENTS:
        return "Execution history event limit exceeded"
    if _age(execution["startDate"]) > LONGEST_SECONDS:
        return "Execution has exceeded the max execution time"
    if _age(execution["stopDate"]) > REDRIVABLE_SECONDS:
        return "Execution redrivable period exceeded"
    return None


def _age(moment: str) -> float:
    return time.time() - datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _resume(execution: Record) -> None:
    """Walk on through the states; the same loop as ministack's `_run_execution`, from another start."""
    try:
        definition = json.loads(definition_of(execution))
        context = {
            "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
            "Execution": {
                "Id": execution["executionArn"],
                "Input": json.loads(execution["input"]),
                "Name": execution["name"],
                "StartTime": execution["startDate"],
                "RedriveCount": execution["redriveCount"],
                "RedriveTime": execution["redriveDate"],
            },
            "StateMachine": {
                "Id": execution["stateMachineArn"],
                "Name": execution["stateMachineArn"].rpartition(":")[2],
            },
            "variables": copy.deepcopy(execution.get("variables", {})),
        }
        name, value = _where_it_stopped(execution, definition)
        while name and execution["status"] == "RUNNING":
            name, value = _run_state(definition["States"], name, value, execution, context)
        if execution["status"] == "RUNNING":
            execution.update(status="SUCCEEDED", output=json.dumps(value), stopDate=sfn.now_iso())
            details = {"executionSucceededEventDetails": {"output": execution["output"]}}
            sfn._add_event(execution, "ExecutionSucceeded", details)
            sfn._emit_execution_status_event(execution)
    except sfn._ExecutionError as error:
        _fail(execution, error.error, error.cause)
    except Exception as error:  # as ministack does: whatever it is, the execution must end
        _fail(execution, "States.Runtime", str(error))


def _fail(execution: Record, error: str, cause: str) -> None:
    if execution["status"] == "RUNNING":  # and not aborted meanwhile
        sfn._fail_execution(execution, error, cause)


def definition_of(execution: Record) -> str:
    """The definition it was started with, whatever became of the machine's since."""
    machine = sfn._state_machines[execution["stateMachineArn"]]
    definition: str = machine.get("definitions", {}).get(execution.get("revisionId"), machine["definition"])
    return definition


def _where_it_stopped(execution: Record, definition: Record) -> tuple[str | None, Any]:
    """The state to go on with and its input, by the history."""
    for event in reversed(execution["events"]):
        if "stateExitedEventDetails" in event:
            # Stopped between two states. A choice is made again; from others there is one way on.
            exited = event["stateExitedEventDetails"]
            state = definition["States"][exited["name"]]
            if state["Type"] != "Choice":
                return state.get("Next"), json.loads(exited["output"])
        elif "stateEnteredEventDetails" in event:
            entered = event["stateEnteredEventDetails"]
            return entered["name"], json.loads(entered["input"])
    return definition["StartAt"], json.loads(execution["input"])


def _run_state(
    states: Record, name: str, value: Any, execution: Record, context: Record
) -> tuple[str | None, Any]:
    """Run one state; the next one, if any, and its input."""
    state = states[name]
    kind = state["Type"]
    context["State"] = {"Name": name, "EnteredTime": sfn.now_iso(), "RetryCount": 0}
    details = {"name": name, "input": json.dumps(value)}
    sfn._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})
    following = None
    if kind == "Fail":
        raise sfn._ExecutionError(*sfn._fail_state_error(state, value, context))
    if kind == "Succeed":
        value = sfn._apply_output_path(state, sfn._apply_input_path(state, value, context), context)
    elif kind in ("Task", "Parallel", "Map"):
        value, following = getattr(sfn, f"_execute_{kind.lower()}")(state, value, execution, context)
    else:
        value, following = getattr(sfn, f"_execute_{kind.lower()}")(state, value, context)
    details = {"name": name, "output": json.dumps(value)}
    sfn._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})
    return following, value


def _answer_the_call() -> None:
    handle = sfn.handle_request

    async def handle_redrive_too(method: str, path: str, headers: Record, body: Any, query: Record) -> Any:
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            return sfn._finalize_response(redrive(json.loads(body)))
        return await handle(method, path, headers, body, query)

    sfn.handle_request = handle_redrive_too


def _record_what_a_redrive_needs() -> None:
    """The definition at the start and the variables after each state; inputs are in the history anyway."""
    run, assign = sfn._run_execution, sfn._apply_state_assign

    def run_with_a_known_definition(arn: str) -> None:
        execution = sfn._executions.get(arn) or {}
        machine = sfn._state_machines.get(execution.get("stateMachineArn"))
        if machine:
            execution["revisionId"] = machine["revisionId"]
            machine.setdefault("definitions", {})[machine["revisionId"]] = machine["definition"]
        run(arn)

    def assign_and_remember(state: Record, value: Any, context: Record | None = None, **kinds: Any) -> None:
        assign(state, value, context, **kinds)
        context = context or {}
        execution = sfn._executions.get((context.get("Execution") or {}).get("Id"))
        if execution and "Assign" in state:
            execution["variables"] = copy.deepcopy(context["variables"])

    sfn._run_execution = run_with_a_known_definition
    sfn._apply_state_assign = assign_and_remember
    sfn._SM_INTERNAL_KEYS |= {"definitions"}  # which DescribeStateMachine leaves out


def _fail_what_a_stop_interrupted() -> None:
    """ministack fails them with States.ServiceRestart when it starts again, but announces nothing."""
    load = sfn.load_persisted_state

    def load_and_note(data: Record) -> None:
        load(data)
        for execution in sfn._executions.all_values():
            if execution.get("error") != "States.ServiceRestart":
                continue
            if execution["events"][-1]["type"] != "ExecutionFailed":
                details = {"error": execution["error"], "cause": execution["cause"]}
                sfn._add_event(execution, "ExecutionFailed", {"executionFailedEventDetails": details})
                _interrupted.append(execution)

    sfn.load_persisted_state = load_and_note
