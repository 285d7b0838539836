"""Machines made of the pipeline's own states. Pure: definitions in, definitions out, nothing read and nothing written.

The pipeline's definition is the one source of truth for what happens to an object. Whatever takes objects in another
way is composed of its states at synthesis and never holds a second copy of them, so a state that is added, renamed or
retried in another way is so everywhere.

Step Functions ends an Express execution after five minutes. So what becomes one is told to wait and to try for less
long. For the items of a Map, which tells of those that failed, one attempt with all the waits of its longest retry
fits, with some seconds left for the other states. For the high-volume lane, which promotes what fails, every try of
every state fits, and the promotion too.
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
SHORT_TRY_SECONDS = 8  # of a state that has a minute at most
SPARE_SECONDS = 20  # what Step Functions itself may take between the states
_OUT_OF_TIME = ("States.Timeout", "Sandbox.Timedout")


class ExecutionType(StrEnum):
    """What the child executions of a Distributed Map are. Express costs a request, Standard every transition."""

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
    """The ItemProcessor of a Distributed Map that does to each item what the machine does to its input.

    `around` is the ItemProcessor in another machine's file, with states of its own that stand before or after the
    machine's. A state there that has the name of one of the machine's only keeps its place, and gives way to it.
    `then` is the one that follows the machine's last state.

    `on_failure` is the state that an Express child goes to when a task of the machine has failed for good, or when it
    came to a Fail state of the machine, with `{input, error}`: the child's input and what Step Functions says of the
    error. It should lead to a Fail state, so that the item fails. A Standard child is re-driven where it failed, and
    so has no Catch.
    """
    if on_failure and execution_type is ExecutionType.STANDARD:
        raise ValueError("a Standard execution that was caught could not be re-driven where it failed")
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
    """The states with timeouts and waits that fit into an Express execution."""
    return {name: _shortened(state) for name, state in states.items()}


def with_other_names(processor: Mapping[str, Any], suffix: str) -> Json:
    """The ItemProcessor with a suffix to each state's name: no two states of a machine may have one name, wherever they
    are."""

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
    """A machine's definition with an ItemProcessor in each of the Map states named.

    In the file such a state has an ItemProcessor that keeps the place, so that the file is valid as it stands.
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
    """The machine of the high-volume lane: the frame, with the machine's states in the one branch of its Parallel.

    They are tried briefly, so that whatever happens in them the frame can still promote the object; and an object is
    announced before it is marked, so that a mark is true also where not even the promotion could be done.
    """
    briefly = {name: _tried_briefly(state) for name, state in definition["States"].items()}
    branch = {"StartAt": definition["StartAt"], "States": _last_two_exchanged(briefly)}
    states = {
        name: {**state, "Branches": [branch]} if state["Type"] == "Parallel" else state
        for name, state in frame["States"].items()
    }
    machine = {**frame, "States": states}
    if (seconds := longest(machine)) > EXPRESS_SECONDS - SPARE_SECONDS:
        raise ValueError(
            f"an Express execution of these states could take {seconds:.0f} s; make their tries shorter"
        )
    return machine


def longest(machine: Mapping[str, Any]) -> float:
    """The seconds that an execution may take, when every try of every state takes all its time and fails."""

    def onward(state: Mapping[str, Any]) -> float:
        named = [state, *state.get("Choices", ()), *state.get("Catch", ()), {"Next": state.get("Default")}]
        return max((way(one["Next"]) for one in named if one.get("Next")), default=0)

    def way(name: str) -> float:
        state = machine["States"][name]
        waits = [wait for retry in state.get("Retry", ()) for wait in delays(retry)]
        tries = (1 + len(waits)) * state.get("TimeoutSeconds", 0)
        return tries + sum(waits) + max(map(longest, state.get("Branches", ())), default=0) + onward(state)

    return way(machine["StartAt"])


def _last_two_exchanged(states: Mapping[str, Any]) -> Json:
    """The states with the last one before the one that leads to it, which gets the input that the last one had."""
    following = {name: state.get("Next", "") for name, state in states.items()}
    ((before, last),) = ((name, it) for name, it in following.items() if states.get(it, {}).get("End"))
    changed = {
        name: {**state, "Next": last} if state.get("Next") == before else state
        for name, state in states.items()
        if name not in (last, before)
    }
    first, then = _followed(states[last], before), {**states[before], "End": True}
    del then["Next"]
    return {**changed, last: {**first, "Output": "{% $states.input %}"}, before: then}


def _tried_briefly(state: Mapping[str, Any]) -> Json:
    """The state with two more tries where it has some; what was out of time once is not tried again."""
    brief = copy.deepcopy(dict(state))
    if own := brief.get("TimeoutSeconds"):
        brief["TimeoutSeconds"] = min(own, SHORT_TRY_SECONDS if own <= 60 else TRY_SECONDS)
    if "Retry" in brief:
        errors = [error for retry in brief["Retry"] for error in retry["ErrorEquals"]]
        brief["Retry"] = [
            {
                "ErrorEquals": [error for error in errors if error not in _OUT_OF_TIME],
                "Comment": "A moment's trouble. What lasts longer is promoted.",
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
        "Comment": "Whatever is left after the retries; States.ALL leaves out these two.",
        "Output": _failed("{% $states.errorOutput %}"),
        "Next": on_failure,
    }
    caught = (["States.DataLimitExceeded", "States.Runtime"], ["States.ALL"])
    return {**state, "Catch": [{**catch, "ErrorEquals": errors} for errors in caught]}


def _failed(error: str | Json) -> Json:
    return {"input": "{% $states.context.Execution.Input %}", "error": error}
