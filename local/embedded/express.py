"""Express executions for ministack, which runs them as if they were Standard ones.

As on AWS: the ARN says `express` and ends in an id of the start; no status-change events; nothing lists, describes or
redrives one, and nothing is kept of one that has ended. A failed one is reported in this server's log, where AWS would
use the machine's.

Like the mends, it replaces functions in ministack's module, which look each other up by name at every call.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions as sfn

Record = dict[str, Any]
_log = logging.getLogger(__name__)


def apply() -> None:
    """Patch the ministack modules of this process; called once, before anything is served."""
    _start_them_apart()
    _answer_no_questions_about_them()
    _name_errors_of_nested_starts()


def _start_them_apart() -> None:
    start_standard = sfn._start_execution

    def start(data: Record) -> Any:
        machine = sfn._state_machines.get(sfn._resolve_state_machine_arn(data.get("stateMachineArn", "")))
        if not machine or machine.get("type") != "EXPRESS":
            return start_standard(data)
        name, started = data.get("name") or sfn.new_uuid(), sfn.now_iso()
        arn = f"{machine['stateMachineArn'].replace(':stateMachine:', ':express:')}:{name}:{sfn.new_uuid()}"
        sfn._executions[arn] = {
            "executionArn": arn,
            "stateMachineArn": machine["stateMachineArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": started,
            "stopDate": None,
            "input": data.get("input", "{}"),
            "output": None,
            "testCase": "",
            "mockAttempts": {},
            "sync": True,  # ministack's own mark of executions that send no status-change events
            "events": [{"id": 1, "type": "ExecutionStarted", "timestamp": started}],
        }
        # The thread needs the caller's account and region, which are context variables.
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(_run_and_forget, arn), daemon=True).start()
        return sfn.json_response({"executionArn": arn, "startDate": started})

    sfn._start_execution = start


def _run_and_forget(arn: str) -> None:
    sfn._run_execution(arn)
    ended = sfn._executions.pop(arn)
    if ended["status"] != "SUCCEEDED":
        _log.error("%s ended %s: %s", arn, ended["status"], ended.get("error"))


def _answer_no_questions_about_them() -> None:
    def refused(data: Record) -> Any:
        arn = data.get("executionArn", "")
        return sfn.error_response_json(
            "InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {arn.split(':')[5]}'", 400
        )

    def unless_express(answer: Callable[[Record], Any]) -> Callable[[Record], Any]:
        return lambda data: (refused if ":express:" in data.get("executionArn", "") else answer)(data)

    for name in ("_describe_execution", "_get_execution_history", "_stop_execution"):
        setattr(sfn, name, unless_express(getattr(sfn, name)))
    list_standard = sfn._list_executions

    def listed(data: Record) -> Any:
        machine = sfn._state_machines.get(data.get("stateMachineArn"), {})
        if machine.get("type") == "EXPRESS":
            return sfn.error_response_json(
                "StateMachineTypeNotSupported",
                "This operation is not supported by this type of state machine",
                400,
            )
        return list_standard(data)

    sfn._list_executions = listed


def _name_errors_of_nested_starts() -> None:
    """If a state that starts an execution fails, the error's name is prefixed with the service's."""
    start_nested = sfn._invoke_nested_start_execution

    def start(resource: str, data: Record) -> Any:
        try:
            return start_nested(resource, data)
        except sfn._ExecutionError as error:
            name = f"StepFunctions.{error.error.removesuffix('Exception')}Exception"
            raise sfn._ExecutionError(name, error.cause) from None

    sfn._invoke_nested_start_execution = start
