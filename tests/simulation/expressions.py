"""JSONata as Step Functions evaluates it in a state: whole values between `{%` and `%}`, at any depth.

A plain path, a path compared with a text, and what has a twin in `twins.py` are had without jsonata, which halves the
work of a schedule; the tests hold that against jsonata itself. Everything else is jsonata's, compiled once.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jsonata

from tests.simulation.twins import TWINS

_PATH = re.compile(r"\$states((?:\.[A-Za-z_]\w*)+)(?: = '([^'\\]*)')?")


class QueryEvaluationError(Exception):
    """An expression has no value, or fails, as `$assert` does. Step Functions calls it
    States.QueryEvaluationError."""


def evaluate(template: Any, states: dict[str, Any]) -> Any:
    """The template with every expression in it replaced by its value; `states` is what `$states` stands for."""
    if isinstance(template, str):
        return _value(template, states) if is_expression(template) else template
    if isinstance(template, dict):
        return {name: evaluate(value, states) for name, value in template.items()}
    if isinstance(template, list):
        return [evaluate(value, states) for value in template]
    return template


def is_expression(text: str) -> bool:
    return text.startswith("{%") and text.endswith("%}")


def expressions_in(template: Any) -> list[str]:
    if isinstance(template, str):
        return [template] if is_expression(template) else []
    inner = (
        template.values() if isinstance(template, dict) else template if isinstance(template, list) else ()
    )
    return [found for value in inner for found in expressions_in(value)]


@cache
def compiled(text: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(text[2:-2].strip())


@cache
def _path(text: str) -> tuple[tuple[str, ...], str | None] | None:
    found = _PATH.fullmatch(text[2:-2].strip())
    return (tuple(found[1].split(".")[1:]), found[2]) if found else None


def by_jsonata(text: str, states: dict[str, Any]) -> Any:
    """The expression's value; None where it has none."""
    expression = compiled(text)
    frame = expression.create_frame()
    frame.bind("states", states)
    return expression.evaluate(None, frame)


def directly(text: str, states: dict[str, Any]) -> Any:
    """The same for a plain path through objects, and for a twin; `NotImplemented` where it is neither."""
    if text in TWINS:
        return TWINS[text](states)
    path = _path(text)
    if path is None:
        return NotImplemented
    names, compared = path
    found: Any = states
    for name in names:
        if not isinstance(found, dict):
            return NotImplemented
        found = found.get(name)
        if found is None:
            break
    if compared is not None:
        return found == compared
    return NotImplemented if isinstance(found, list) else found


def _value(text: str, states: dict[str, Any]) -> Any:
    found = directly(text, states)
    if found is NotImplemented:
        try:
            found = by_jsonata(text, states)
        except jsonata.jexception.JException as error:
            raise QueryEvaluationError(text) from error
    if found is None:
        raise QueryEvaluationError(text)
    return found
