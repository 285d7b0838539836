"""The state machines as their files describe them: an interpreter of exactly those features of ASL that they use.

Anything else in the file is refused when it is loaded, so a new feature cannot pass unnoticed. There is no I/O here:
a `Progress` says which task is to be done next, and is told how it went.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation.expressions import QueryEvaluationError, compiled, evaluate, expressions_in

LAMBDA, PUT_EVENTS = "arn:aws:states:::lambda:invoke", "arn:aws:states:::events:putEvents"
START = "arn:aws:states:::states:startExecution"
SEND = "arn:aws:states:::sqs:sendMessage"

_MACHINE = {"Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "States"}
_TASK = {
    "Comment",
    "Type",
    "Resource",
    "Arguments",
    "TimeoutSeconds",
    "Retry",
    "Catch",
    "Output",
    "Next",
    "End",
}
_PARALLEL = {"Comment", "Type", "Branches", "Catch", "Next", "End"}
_SUCCEED = {"Comment", "Type"}
_PASS = {"Comment", "Type", "Output", "Next", "End"}
_FAIL = {"Comment", "Type", "Error", "Cause"}
_CATCH = {"Comment", "ErrorEquals", "Next"}
_CHOICE = {"Comment", "Type", "Choices", "Default"}
_RULE = {"Comment", "Condition", "Next"}
_RETRY = {
    "ErrorEquals", "Comment", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy",
}  # fmt: skip
_MATCHES_NOTHING_OF = ("States.DataLimitExceeded", "States.Runtime")


class UnknownFeatureError(Exception):
    """The file uses something of ASL that this interpreter does not know. Teach it, with a test."""


@dataclass(frozen=True)
class Task:
    """What is to be done now, and in which state."""

    state: str
    resource: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Succeeded:
    output: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    error: str
    cause: str


Next = Task | Succeeded | Failed


class Machine:
    """A checked definition."""

    def __init__(self, definition: dict[str, Any]) -> None:
        _known(definition, _MACHINE, "the machine")
        if definition.get("QueryLanguage") != "JSONata":
            raise UnknownFeatureError("a query language other than JSONata")
        self.start: str = definition["StartAt"]
        self.states: dict[str, dict[str, Any]] = {}
        self.around: dict[str, str] = {}  # the Parallel state that a branch's state is in
        self._take(definition, None)

    def _take(self, machine: dict[str, Any], around: str | None) -> None:
        """A Parallel has one branch, which runs as it would without: only where it ends and fails differs."""
        for name, state in machine["States"].items():
            if name in self.states:
                raise UnknownFeatureError(f"two states named {name}")
            _check(name, state, machine["States"])
            self.states[name] = state
            if around:
                self.around[name] = around
            for branch in state.get("Branches", ()):
                self._take(branch, name)

    @classmethod
    def from_file(cls, path: Path, names: dict[str, str]) -> Machine:
        """The machine with its placeholders filled in."""
        return cls.from_text(path.read_text(encoding="utf-8"), names)

    @classmethod
    def from_text(cls, text: str, names: dict[str, str]) -> Machine:
        for name, value in names.items():
            text = text.replace("${" + name + "}", value)
        if left := re.search(r"\$\{\w+\}", text):
            raise UnknownFeatureError(f"the placeholder {left[0]}")
        return cls(json.loads(text))


@dataclass
class Progress:
    """How far one execution is. `begin`, `succeed`, `fail` and `redrive` each say what comes next."""

    machine: Machine
    context: dict[str, Any]
    input: Any
    state: str = ""
    _tries: dict[int, int] = field(default_factory=dict)

    def begin(self) -> Next:
        return self._enter(self.machine.start, self.input)

    def redrive(self) -> Next:
        """Resume at the state that failed, with the input it had and fresh retry counters."""
        return self._enter(self.state, self.input)

    def succeed(self, result: Any) -> Next:
        state = self.machine.states[self.state]
        try:
            output = result
            if "Output" in state:
                output = evaluate(state["Output"], self._states() | {"result": result})
        except QueryEvaluationError:
            return self._caught("States.QueryEvaluationError", "an expression of Output has no value")
        return self._leave(self.state, output)

    def _leave(self, name: str, output: Any) -> Next:
        state = self.machine.states[name]
        if not state.get("End"):
            return self._enter(state["Next"], output)
        around = self.machine.around.get(name)
        return self._leave(around, [output]) if around else Succeeded(output)

    def fail(self, error: str, cause: str) -> Next:
        """The task failed: again, if a retrier of the state says so, and the end if none does."""
        for index, retrier in enumerate(self.machine.states[self.state].get("Retry", ())):
            if _matches(retrier["ErrorEquals"], error):
                tried = self._tries.get(index, 0)
                if tried >= retrier.get("MaxAttempts", 3):
                    break
                self._tries[index] = tried + 1
                return self._task()
        return self._caught(error, cause)

    def _caught(self, error: str, cause: str) -> Next:
        """To where a catcher of the state leads, or of the Parallel that it is in; the end if there is none."""
        name: str | None = self.state
        while name:
            for catcher in self.machine.states[name].get("Catch", ()):
                if _matches(catcher["ErrorEquals"], error):
                    return self._enter(catcher["Next"], {"Error": error, "Cause": cause})
            name = self.machine.around.get(name)
        return Failed(error, cause)

    def _enter(self, name: str, data: Any) -> Next:
        self.state, self.input, self._tries = name, data, {}
        state = self.machine.states[name]
        if state["Type"] == "Parallel":
            return self._enter(state["Branches"][0]["StartAt"], data)
        if state["Type"] == "Succeed":
            return Succeeded(data)
        if state["Type"] == "Pass":
            return self._pass(name, data)
        if state["Type"] == "Fail":
            return self._caught(state["Error"], state["Cause"])
        return self._task() if state["Type"] == "Task" else self._choose(state)

    def _pass(self, name: str, data: Any) -> Next:
        state = self.machine.states[name]
        try:
            return self._leave(name, evaluate(state["Output"], self._states()) if "Output" in state else data)
        except QueryEvaluationError:
            return self._caught("States.QueryEvaluationError", "an expression of Output has no value")

    def _task(self) -> Next:
        state = self.machine.states[self.state]
        try:
            return Task(self.state, state["Resource"], evaluate(state["Arguments"], self._states()))
        except QueryEvaluationError:
            return self._caught("States.QueryEvaluationError", "an expression of Arguments has no value")

    def _choose(self, state: dict[str, Any]) -> Next:
        for rule in state["Choices"]:
            try:
                if evaluate(rule["Condition"], self._states()) is True:
                    return self._enter(rule["Next"], self.input)
            except QueryEvaluationError:
                return self._caught("States.QueryEvaluationError", "a Condition has no value")
        if "Default" in state:
            return self._enter(state["Default"], self.input)
        return self._caught("States.NoChoiceMatched", "no rule of the choice matches")

    def _states(self) -> dict[str, Any]:
        return {"input": self.input, "context": self.context}


def _matches(names: list[str], error: str) -> bool:
    if error in names:
        return True
    if error in _MATCHES_NOTHING_OF:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


def _known(data: dict[str, Any], members: set[str], where: str) -> None:
    if unknown := sorted(data.keys() - members):
        raise UnknownFeatureError(f"{', '.join(unknown)} in {where}")


def _check(name: str, state: dict[str, Any], states: dict[str, Any]) -> None:
    if state["Type"] == "Task":
        _known(state, _TASK, name)
        if state["Resource"] not in (LAMBDA, PUT_EVENTS, START, SEND):
            raise UnknownFeatureError(f"the resource {state['Resource']} in {name}")
        if state["Resource"] == LAMBDA:
            _known(state["Arguments"], {"FunctionName", "Payload"}, f"the arguments of {name}")
        for retrier in state.get("Retry", ()):
            _known(retrier, _RETRY, f"a retrier of {name}")
        following = [] if state.get("End") else [state["Next"]]
    elif state["Type"] == "Choice":
        _known(state, _CHOICE, name)
        for rule in state["Choices"]:
            _known(rule, _RULE, f"a rule of {name}")
        following = [rule["Next"] for rule in state["Choices"]] + [*filter(None, [state.get("Default")])]
    elif state["Type"] == "Parallel":
        _known(state, _PARALLEL, name)
        if len(state["Branches"]) != 1:
            raise UnknownFeatureError(f"the branches of {name}, more than one,")
        following = [] if state.get("End") else [state["Next"]]
    elif state["Type"] == "Succeed":
        _known(state, _SUCCEED, name)
        following = []
    elif state["Type"] == "Fail":
        _known(state, _FAIL, name)
        following = []
    elif state["Type"] == "Pass":
        _known(state, _PASS, name)
        following = [] if state.get("End") else [state["Next"]]
    else:
        raise UnknownFeatureError(f"the type {state['Type']} of {name}")
    for catcher in state.get("Catch", ()):
        _known(catcher, _CATCH, f"a catcher of {name}")
        following.append(catcher["Next"])
    for after in following:
        if after not in states:
            raise UnknownFeatureError(f"{name} goes on to {after}, which is no state")
    for text in expressions_in({key: value for key, value in state.items() if key != "Branches"}):
        compiled(text)
