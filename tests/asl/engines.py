"""Expressions evaluated twice: by jsonata-python, and by the reference implementation that AWS names.

The reference is an npm package, so it runs in a process of its own: started once, asked line by line, ended with the
tests. What has no value, or cannot be evaluated, is `States.QueryEvaluationError`, as it is in Step Functions.
"""

from __future__ import annotations

import atexit
import json
import selectors
import subprocess
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException
from jsonata.utils import Utils

_SERVER = Path(__file__).with_name("reference.js")
_PATIENCE_SECONDS = 20


class QueryEvaluationError(AssertionError):
    """Step Functions would fail the state with `States.QueryEvaluationError`."""


class Disagreement(AssertionError):
    """The two engines give different answers."""


def evaluate(expression: str, **bindings: Any) -> Any:
    """The value of an expression, on which both engines agree. `bindings` are the variables, without their `$`."""
    value, fault = _python(expression, bindings)
    agree(expression, value, fault, **bindings)
    if fault:
        raise QueryEvaluationError(f"States.QueryEvaluationError: {expression}: {fault}")
    return value


def agree(expression: str, value: Any, fault: str | None, **bindings: Any) -> None:
    """Disagreement where the reference engine has another answer than a value, or than none for the fault named."""
    reference = _asked(json.dumps({"expression": expression, "bindings": bindings}))
    same = "value" not in reference if fault else "value" in reference and _alike(value, reference["value"])
    if not same:
        raise Disagreement(f"{expression}: {fault or value!r} in Python, {reference} in the reference")


def _python(expression: str, bindings: dict[str, Any]) -> tuple[Any, str | None]:
    """The value, or why there is none."""
    parsed = Jsonata(expression)
    parsed.set_output_convert_nulls(False)
    try:
        found = parsed.evaluate(None, {name: _with_nulls(value) for name, value in bindings.items()})
    except JException as error:
        return None, str(error)
    if found is None:
        return None, "no value"
    return json.loads(json.dumps(Utils.convert_nulls(found))), None


def _with_nulls(value: Any) -> Any:
    """What jsonata-python takes for JSON's null; its None is JSONata's undefined."""
    if isinstance(value, dict):
        return {name: _with_nulls(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_with_nulls(member) for member in value]
    return Utils.NULL_VALUE if value is None else value


def _alike(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are one number, true and 1 are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


class _Reference:
    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(["node", str(_SERVER)], stdin=pipe, stdout=pipe)
        self._answers = selectors.DefaultSelector()
        assert self._process.stdin
        assert self._process.stdout
        self._asking, self._answering = self._process.stdin, self._process.stdout
        self._answers.register(self._answering, selectors.EVENT_READ)
        atexit.register(self.end)

    def ask(self, question: str) -> dict[str, Any]:
        try:
            self._asking.write(question.encode() + b"\n")
            self._asking.flush()
        except BrokenPipeError:
            raise RuntimeError("the reference engine has ended; `npm ci` installs what it needs") from None
        if not self._answers.select(_PATIENCE_SECONDS):
            raise TimeoutError(f"the reference engine gave no answer in {_PATIENCE_SECONDS} s")
        line = self._answering.readline()
        if not line:
            raise RuntimeError("the reference engine does not start; `npm ci` installs what it needs")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        self._asking.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


@cache
def _reference() -> _Reference:
    return _Reference()


@lru_cache(1000)
def _asked(question: str) -> dict[str, Any]:
    """Runs that differ in one error ask the same of all else."""
    return _reference().ask(question)
