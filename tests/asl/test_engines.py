"""The two engines of the expressions: both are asked, and a difference is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asl import engines
from tests.asl.engines import Disagreement, QueryEvaluationError, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.a", None),
        ("$exists($states.input.a)", True),
        ("$exists($states.input.b)", False),
        ("$states.input.a = null", True),
        ("$states.input.a != ''", True),
        ("$states.input.b != ''", False),
        ("[$map([1], function($x) { $x })]", [1]),
        ("$states.input.names", ["Zoë", "日本", "😀", "a\n\\"]),
        ("$length('😀')", 1),
        ("$substringBefore('a.b', '.')", "a"),
        ("1 / 4", 0.25),
        ("{}", {}),
        ("[]", []),
    ],
)
def test_both_engines_give_the_value(expression: str, value: Any) -> None:
    given = {"input": {"a": None, "names": ["Zoë", "日本", "😀", "a\n\\"]}}
    assert evaluate(expression, states=given) == value


@pytest.mark.parametrize(
    "expression", ["$states.input.b", "$states.input.a + 1", "$error('x')", "$substring($states.input.a, 1)"]
)
def test_what_has_no_value_fails_as_it_does_in_step_functions(expression: str) -> None:
    with pytest.raises(QueryEvaluationError, match=r"States\.QueryEvaluationError"):
        evaluate(expression, states={"input": {"a": None}})


@pytest.mark.parametrize("wrong", [(2, None), (True, None), ("1", None), (None, "no value"), ([1], None)])
def test_a_difference_between_the_engines_is_found(
    monkeypatch: pytest.MonkeyPatch, wrong: tuple[Any, str | None]
) -> None:
    monkeypatch.setattr(engines, "_python", lambda *_: wrong)
    with pytest.raises(Disagreement):
        evaluate("1")


def test_the_reference_takes_and_gives_as_much_as_a_state_may() -> None:
    text = "é😀" * 40_000
    assert evaluate("$states.input", states={"input": {"text": text}}) == {"text": text}
