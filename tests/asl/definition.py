"""The machine's file, and its states walked as Step Functions walks them: one execution, every task tried once.

Every expression is evaluated whole, by two engines that have to agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lambdas.adapters.settings import ROOT
from tests.asl.engines import evaluate

FILE = ROOT / "statemachines" / "object_pipeline.asl.json"
DEFINITION: dict[str, Any] = json.loads(FILE.read_bytes())
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
Call = Callable[[str, dict[str, Any]], Any]
MOST_BYTES = 256 * 1024  # that Step Functions hands to a state or takes from it


def expressions(template: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every expression of a template, with its place."""
    if isinstance(template, dict):
        for name, value in template.items():
            yield from expressions(value, f"{place}/{name}")
    elif isinstance(template, list):
        for index, value in enumerate(template):
            yield from expressions(value, f"{place}/{index}")
    elif isinstance(template, str) and template.startswith("{%"):
        yield place, template.removeprefix("{%").removesuffix("%}").strip()


def evaluated(template: Any, **states: Any) -> Any:
    """A template with its expressions replaced by their values; `states` is what `$states` holds."""
    if isinstance(template, dict):
        return {name: evaluated(value, **states) for name, value in template.items()}
    if isinstance(template, list):
        return [evaluated(value, **states) for value in template]
    if not isinstance(template, str) or not template.startswith("{%"):
        return template
    return evaluate(template.removeprefix("{%").removesuffix("%}").strip(), states=states)


def fits(data: Any) -> None:
    """What would be `States.DataLimitExceeded` fails here."""
    size = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
    assert size <= MOST_BYTES, f"States.DataLimitExceeded: {size} bytes"


def next_of(state: dict[str, Any], **states: Any) -> str | None:
    """The name of the state that follows, None at the end."""
    if state["Type"] != "Choice":
        return state.get("Next")
    for choice in state["Choices"]:
        holds = evaluated(choice["Condition"], **states)
        assert isinstance(holds, bool), f"States.QueryEvaluationError: {holds!r} is no boolean"
        if holds:
            return str(choice["Next"])
    if "Default" in state:
        return str(state["Default"])
    raise AssertionError("States.NoChoiceMatched")


@dataclass
class Walk:
    """One execution: the states in their order, what each task was handed, and what each state put out."""

    path: list[str] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> Any:
        return self.outputs[self.path[-1]]


def walk(data: Any, execution: str, call: Call, machine: dict[str, Any] = DEFINITION) -> Walk:
    """Run the machine. `call` gets the name of a task's resource, or of its function, and the arguments.

    A Parallel may have one branch, and what is raised in it goes where its first catcher leads.
    """
    done = Walk()
    name: str | None = machine["StartAt"]
    context = {"Execution": {"Id": execution, "Input": data, "StartTime": "2026-11-20T10:00:00.000Z"}}
    while name:
        state = machine["States"][name]
        bound = {"input": data, "context": context}
        done.path.append(name)
        if state["Type"] == "Parallel":
            (branch,) = state["Branches"]
            try:
                inner = walk(data, execution, call, branch)
            except Exception:
                name = state["Catch"][0]["Next"]
                continue
            done.path += inner.path
            done.arguments |= inner.arguments
            bound["result"] = [inner.output]
        elif state["Type"] == "Task":
            arguments = evaluated(state["Arguments"], **bound)
            fits(arguments)
            done.arguments[name] = arguments
            if state["Resource"].endswith("lambda:invoke"):
                bound["result"] = {"Payload": call(arguments["FunctionName"], arguments["Payload"])}
            else:
                bound["result"] = call(state["Resource"], arguments)
            fits(bound["result"])
        following = next_of(state, **bound)
        data = evaluated(state["Output"], **bound) if "Output" in state else data
        fits(data)
        done.outputs[name] = data
        name = following
    return done
