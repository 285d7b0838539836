"""JSONata as Step Functions evaluates it in a state: whole values between `{%` and `%}`, at any depth."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonata


class QueryEvaluationError(Exception):
    """An expression that has no value. Step Functions fails the state with States.QueryEvaluationError."""


def evaluate(template: Any, states: dict[str, Any]) -> Any:
    """The template with every expression in it replaced by its value; `states` is what `$states` stands for."""
    if isinstance(template, str):
        return _value(template, states) if template.startswith("{%") and template.endswith("%}") else template
    if isinstance(template, dict):
        return {name: evaluate(value, states) for name, value in template.items()}
    if isinstance(template, list):
        return [evaluate(value, states) for value in template]
    return template


def expressions_in(template: Any) -> list[str]:
    if isinstance(template, str):
        return [template] if template.startswith("{%") and template.endswith("%}") else []
    inner = (
        template.values() if isinstance(template, dict) else template if isinstance(template, list) else ()
    )
    return [found for value in inner for found in expressions_in(value)]


@cache
def compiled(text: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(text[2:-2].strip())


def _value(text: str, states: dict[str, Any]) -> Any:
    expression = compiled(text)
    frame = expression.create_frame()
    frame.bind("states", states)
    found = expression.evaluate(None, frame)
    if found is None:
        raise QueryEvaluationError(text)
    return found
