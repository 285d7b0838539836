"""What ministack's answers and events say about redrives: counts, dates, and whether one is possible."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from typing import Any

from ministack.services import eventbridge
from ministack.services import stepfunctions as sfn

from local.embedded.redrive import Record, definition_of, why_not


def apply() -> None:
    """Amend DescribeExecution, ListExecutions, DescribeStateMachineForExecution and status-change events."""

    def described(body: Record, _: Record) -> None:
        body.update(_redrive_members(sfn._executions[body["executionArn"]]))

    def listed(body: Record, request: Record) -> None:
        for item in body["executions"]:
            known = sfn._executions.get(item["executionArn"], {})
            item["redriveCount"] = known.get("redriveCount", 0)
            if known.get("redriveDate"):
                item["redriveDate"] = known["redriveDate"]
        wanted = {"REDRIVEN": True, "NOT_REDRIVEN": False}.get(request.get("redriveFilter", ""))
        if wanted is not None:
            body["executions"] = [i for i in body["executions"] if (i["redriveCount"] > 0) is wanted]

    def of_its_definition(body: Record, request: Record) -> None:
        execution = sfn._executions[request["executionArn"]]
        body["definition"] = definition_of(execution)
        body["revisionId"] = execution.get("revisionId")

    sfn._describe_execution = _amended(sfn._describe_execution, described)
    sfn._list_executions = _amended(sfn._list_executions, listed)
    sfn._describe_state_machine_for_execution = _amended(
        sfn._describe_state_machine_for_execution, of_its_definition
    )
    _put_redrives_into_status_events()


def _amended(
    answer: Callable[[Record], Any], change: Callable[[Record, Record], None]
) -> Callable[[Record], Any]:
    def answer_and_amend(request: Record) -> Any:
        status, headers, body = answer(request)
        if status != 200:
            return status, headers, body
        amended = json.loads(body)
        change(amended, request)
        return sfn.json_response(amended)

    return answer_and_amend


def _redrive_members(execution: Record) -> Record:
    reason = why_not(execution)
    return {
        "redriveCount": execution.get("redriveCount", 0),
        "redriveDate": execution.get("redriveDate"),
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
        "redriveStatusReason": reason,
    }


def _put_redrives_into_status_events() -> None:
    announced: contextvars.ContextVar[Record | None] = contextvars.ContextVar("announced", default=None)
    emit, put_events = sfn._emit_execution_status_event, eventbridge._put_events

    def emit_naming_the_execution(execution: Record) -> None:
        token = announced.set(execution)
        try:
            emit(execution)
        finally:
            announced.reset(token)

    def put_with_redrives(data: Record, *args: Any, **kwargs: Any) -> Any:
        execution = announced.get()
        if execution and kwargs.get("allow_aws_source"):  # a task's own events are none of ours
            (entry,) = data["Entries"]
            members = _redrive_members(execution)
            members["redriveDate"] = sfn._iso_to_epoch_ms(members["redriveDate"])
            data = {"Entries": [{**entry, "Detail": json.dumps({**json.loads(entry["Detail"]), **members})}]}
        return put_events(data, *args, **kwargs)

    sfn._emit_execution_status_event = emit_naming_the_execution
    eventbridge._put_events = put_with_redrives
