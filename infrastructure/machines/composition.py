"""Composes machines from the pipeline's states. Pure: definitions in, definitions out, no I/O.

The pipeline's definition is the single source of truth for what happens to an object. Other machines that take objects
in are composed from its states at synthesis and never copy them, so a change to a state applies everywhere.

Step Functions stops an Express execution after five minutes, so composed Express machines get shorter timeouts and
waits. For the items of a Map, which reports failures, one attempt plus all waits of its longest retry fits, with some
seconds left for the other states. For the high-volume lane, which promotes failures, every attempt of every state fits,
and the promotion too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import StrEnum
from itertools import accumulate, takewhile
from typing import Any

Json = dict[str, Any]

EXPRESS_SECONDS = 300  # Step Functions: "Express workflows can run for up to five minutes"
ATTEMPT_SECONDS = 180
WAIT_SECONDS = 100
LONGEST_DELAY_SECONDS = 10
TRY_SECONDS = 45
SHORT_TRY_SECONDS = 8  # for a state with a timeout of a minute at most
SPARE_SECONDS = 20  # for Step Functions' own time between states
_OUT_OF_TIME = ("States.Timeout", "Sandbox.Timedout")


class ExecutionType(StrEnum):
    """The type of a Distributed Map's child executions. Express is billed per request, Standard per transition."""

    EXPRESS = "EXPRESS"
    STANDARD = "STANDARD"


def as_item_processor(
    definition: Mapping[str, Any],
    *,
    execution_type: ExecutionType = ExecutionType.EXPRESS,
    around: Mapping[str, Any] | None = None,
    then: str | None = None,
    on_failure: str | None = None,
) -> Json:
    """Build the ItemProcessor of a Distributed Map that does to each item what the machine does to its input.

    `around` is the ItemProcessor in another machine's file, with its own states before or after the machine's. A state
    there with the name of one of the machine's is a placeholder and is replaced by it. `then` names the state that
    follows the machine's last one.

    `on_failure` names the state that an Express child enters when a task fails after its retries or a Fail state is
    reached. Its input is `{input, error}`: the child's input and the error output. It should lead to a Fail state, so
    that the item fails. A Standard child is redriven where it failed, and so has no Catch.
    """
    if on_failure and execution_type is ExecutionType.STANDARD:
        raise ValueError("a Standard execution with a Catch could not be redriven where it failed")
    states = copy.deepcopy(dict(definition["States"]))
    if execution_type is ExecutionType.EXPRESS:
        states = within_express(states)
    if on_failure:
        states = {name: _caught(state, on_failure) for name, state in states.items()}
    if then:
        states = {name: _followed(state, then) for name, state in states.items()}
    own = around or {"StartAt": definition["StartAt"], "States": {}}
    return {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type.value},
        "StartAt": own["StartAt"],
        "States": {**copy.deepcopy(dict(own["States"])), **states},
    }


def within_express(states: Mapping[str, Any]) -> Json:
    """Shorten timeouts and waits so that the states fit into an Express execution."""
    return {name: _shortened(state) for name, state in states.items()}


def with_other_names(processor: Mapping[str, Any], suffix: str) -> Json:
    """Append a suffix to the name of each state: names must be unique across a whole machine."""

    def renamed(part: Any) -> Any:
        if isinstance(part, list):
            return [renamed(one) for one in part]
        if not isinstance(part, dict):
            return part
        ways = ("Next", "Default", "StartAt")
        return {name: value + suffix if name in ways else renamed(value) for name, value in part.items()}

    states = {name + suffix: renamed(state) for name, state in processor["States"].items()}
    return {**processor, "StartAt": processor["StartAt"] + suffix, "States": states}


def with_item_processors(definition: Mapping[str, Any], processors: Mapping[str, Json]) -> Json:
    """Put ItemProcessors into the named Map states of a machine.

    In the file such a state has a placeholder, so that the file itself is valid.
    """
    states = {
        name: {**state, "ItemProcessor": processors[name]} if name in processors else state
        for name, state in definition["States"].items()
    }
    missing = processors.keys() - states.keys()
    if missing:
        raise ValueError(f"the machine has no state {', '.join(sorted(missing))}")
    return {**definition, "States": states}


def express_first(frame: Mapping[str, Any], definition: Mapping[str, Any]) -> Json:
    """Compose the high-volume lane: the frame, with the machine's states in the one branch of its Parallel.

    They get few, short attempts, so that the frame always has time to promote the object. An object is announced before
    it is tagged, so that its tag is true even if the promotion fails too.
    """
    briefly = {name: _with_short_attempts(state) for name, state in definition["States"].items()}
    branch = {"StartAt": definition["StartAt"], "States": _swap_last_two(briefly)}
    states = {
        name: {**state, "Branches": [branch]} if state["Type"] == "Parallel" else state
        for name, state in frame["States"].items()
    }
    machine = {**frame, "States": states}
    if (seconds := longest_seconds(machine)) > EXPRESS_SECONDS - SPARE_SECONDS:
        raise ValueError(
            f"an Express execution of these states could take {seconds:.0f} s; shorten their timeouts"
        )
    return machine


def longest_seconds(machine: Mapping[str, Any]) -> float:
    """The longest an execution may take, in seconds: every attempt of every state times out."""

    def onward(state: Mapping[str, Any]) -> float:
        named = [state, *state.get("Choices", ()), *state.get("Catch", ()), {"Next": state.get("Default")}]
        return max((way(one["Next"]) for one in named if one.get("Next")), default=0)

    def way(name: str) -> float:
        state = machine["States"][name]
        waits = [wait for retry in state.get("Retry", ()) for wait in delays(retry)]
        tries: float = (1 + len(waits)) * state.get("TimeoutSeconds", 0)
        return (
            tries
            + sum(waits)
            + max(map(longest_seconds, state.get("Branches", ())), default=0)
            + onward(state)
        )

    return way(machine["StartAt"])


def _swap_last_two(states: Mapping[str, Any]) -> Json:
    """Swap the last task with the one before it, and pass both the same input.

    An end that calls nothing (a Pass) stays where it is.
    """
    (last,) = (name for name, state in states.items() if state.get("End") and state["Type"] == "Task")
    (before,) = (name for name, state in states.items() if state.get("Next") == last)
    changed = {
        name: {**state, "Next": last} if state.get("Next") == before else state
        for name, state in states.items()
        if name not in (last, before)
    }
    first, then = _followed(states[last], before), {**states[before], "End": True}
    del then["Next"]
    return {**changed, last: {**first, "Output": "{% $states.input %}"}, before: then}


def _with_short_attempts(state: Mapping[str, Any]) -> Json:
    """Cap the state's timeout and limit its retries to two; a timeout is not retried."""
    brief = copy.deepcopy(dict(state))
    if own := brief.get("TimeoutSeconds"):
        brief["TimeoutSeconds"] = min(own, SHORT_TRY_SECONDS if own <= 60 else TRY_SECONDS)
    if "Retry" in brief:
        errors = [error for retry in brief["Retry"] for error in retry["ErrorEquals"]]
        brief["Retry"] = [
            {
                "ErrorEquals": [error for error in errors if error not in _OUT_OF_TIME],
                "Comment": "Transient errors only. Longer ones are promoted.",
                "IntervalSeconds": 2,
                "MaxAttempts": 2,
                "BackoffRate": 2.0,
                "JitterStrategy": "FULL",
            }
        ]
    return brief


def _shortened(state: Mapping[str, Any]) -> Json:
    shorter = copy.deepcopy(dict(state))
    if "TimeoutSeconds" in shorter:
        shorter["TimeoutSeconds"] = min(shorter["TimeoutSeconds"], ATTEMPT_SECONDS)
    if "Retry" in shorter:
        shorter["Retry"] = [_sooner(retry) for retry in shorter["Retry"]]
    return shorter


def _sooner(retry: Mapping[str, Any]) -> Json:
    """The same retry with as many attempts as may be waited for."""
    longest = min(retry.get("MaxDelaySeconds", LONGEST_DELAY_SECONDS), LONGEST_DELAY_SECONDS)
    wanted = {**retry, "MaxDelaySeconds": longest}
    attempts = list(takewhile(lambda waited: waited <= WAIT_SECONDS, accumulate(delays(wanted))))
    return {**wanted, "MaxAttempts": len(attempts)}


def delays(retry: Mapping[str, Any]) -> list[float]:
    """The longest that a retry may wait before each attempt; Step Functions' own defaults where it is silent."""
    interval, rate = retry.get("IntervalSeconds", 1), retry.get("BackoffRate", 2.0)
    longest = retry.get("MaxDelaySeconds", float("inf"))
    return [min(interval * rate**tried, longest) for tried in range(retry.get("MaxAttempts", 3))]


def _followed(state: Json, then: str) -> Json:
    if not state.get("End"):
        return state
    return {**{name: value for name, value in state.items() if name != "End"}, "Next": then}


def _caught(state: Json, on_failure: str) -> Json:
    if state["Type"] == "Fail":
        error = {"Error": state["Error"], "Cause": state["Cause"]}
        failed = {"Type": "Pass", "Output": _failed(error), "Next": on_failure}
        return {**failed, "Comment": state["Comment"]}
    if state["Type"] != "Task":
        return state
    catch = {
        "Comment": "Any error that remains after the retries; States.ALL does not include these two.",
        "Output": _failed("{% $states.errorOutput %}"),
        "Next": on_failure,
    }
    caught = (["States.DataLimitExceeded", "States.Runtime"], ["States.ALL"])
    return {**state, "Catch": [{**catch, "ErrorEquals": errors} for errors in caught]}


def _failed(error: str | Json) -> Json:
    return {"input": "{% $states.context.Execution.Input %}", "error": error}
