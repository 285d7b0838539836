"""What pure functions of the project once answered, remembered from schedule to schedule: for speed alone.

The functions named here have no state and see no clock, so the same arguments always have the same answer; a test
holds whole schedules with and without this against each other. `forget` is for whoever changes the code that they
call, as `variants.broken` does.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from carefile.core import model
from carefile.core.deciding import classification
from carefile.core.filing import names, tagging
from lambdas.adapters import contracts

_MOST = 1 << 16  # answers of one function


def _by_arguments(function: Callable[..., Any]) -> Any:
    return functools.lru_cache(_MOST)(function)


def _by_tags(function: Callable[..., Any]) -> Any:
    """Of one mapping, which has no hash."""
    known = functools.lru_cache(_MOST)(lambda items: function(dict(items)))

    def answer(tags: Any) -> Any:
        return known(tuple(tags.items()))

    answer.cache_clear = known.cache_clear  # type: ignore[attr-defined]
    return answer


def _with_the_rules(function: Callable[..., Any]) -> Any:
    """Of `classify`: there is one rule table, whose hash costs more than the answer."""
    rules = contracts.rules()
    known = functools.lru_cache(_MOST)(
        lambda key, metadata, *rest, **named: function(key, metadata, rules, *rest, **named)
    )

    def answer(key: str, metadata: Any, table: Any, *rest: Any, **named: Any) -> Any:
        if table is not rules or any(rest[3:]) or named.get("directory"):
            return function(key, metadata, table, *rest, **named)
        return known(key, tuple(metadata), *rest, **named)

    answer.cache_clear = known.cache_clear  # type: ignore[attr-defined]
    return answer


def _by_key(function: Callable[..., Any]) -> Any:
    """Of `session_tree`, whose other argument is the one rule table."""
    rules = contracts.rules()
    known = functools.lru_cache(_MOST)(lambda key: function(key, rules))

    def answer(key: str, table: Any) -> Any:
        return known(key) if table is rules else function(key, table)

    answer.cache_clear = known.cache_clear  # type: ignore[attr-defined]
    return answer


_PURE: tuple[tuple[Any, str, Callable[[Callable[..., Any]], Any]], ...] = (
    (model, "digest", _by_arguments),
    (names, "encode_name", _by_arguments),
    (names, "encode_patient_id", _by_arguments),
    (names, "encode_sub_path", _by_arguments),
    (names, "split_extension", _by_arguments),
    (classification, "session_tree", _by_key),
    (classification, "classify", _with_the_rules),
    (tagging, "encoded", _by_tags),
)


@functools.cache
def places() -> tuple[tuple[Any, str, Any, Any], ...]:
    """Every module that has one of the functions: module, the name there, the function, and what remembers."""
    ours = [module for name, module in sys.modules.items() if name.startswith(("carefile.core.", "lambdas."))]
    found = []
    for owner, name, remembering in _PURE:
        function = getattr(owner, name)
        remembers = remembering(function)
        for module in ours:
            found += [(module, at, function, remembers) for at, it in vars(module).items() if it is function]
    return tuple(found)


def forget() -> None:
    for *_, remembers in places():
        remembers.cache_clear()
