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
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing import names, tagging

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


_tables: dict[int, RuleTable] = {}
_MOST_TABLES = 8


def _is_known(table: RuleTable) -> bool:
    """Whether a rule table is one of the few that all schedules have. Its hash costs more than any answer, so it is
    known by its place, which it keeps as long as it is known."""
    if id(table) not in _tables and len(_tables) < _MOST_TABLES:
        _tables[id(table)] = table
    return id(table) in _tables


def _with_the_rules(function: Callable[..., Any]) -> Any:
    """Of `classify`, whose third argument is a rule table."""
    known = functools.lru_cache(_MOST)(
        lambda key, metadata, table, *rest, **named: function(key, metadata, _tables[table], *rest, **named)
    )

    def answer(key: str, metadata: Any, table: Any, *rest: Any, **named: Any) -> Any:
        if any(rest[3:]) or named.get("directory") or not _is_known(table):
            return function(key, metadata, table, *rest, **named)
        return known(key, tuple(metadata), id(table), *rest, **named)

    answer.cache_clear = known.cache_clear  # type: ignore[attr-defined]
    return answer


def _by_key(function: Callable[..., Any]) -> Any:
    """Of `session_tree`, whose other argument is a rule table."""
    known = functools.lru_cache(_MOST)(lambda key, table: function(key, _tables[table]))

    def answer(key: str, table: Any) -> Any:
        return known(key, id(table)) if _is_known(table) else function(key, table)

    answer.cache_clear = known.cache_clear  # type: ignore[attr-defined]
    return answer


def _of_the_rules(function: Callable[..., Any]) -> Any:
    """Of a method of a rule table."""
    known = functools.lru_cache(_MOST)(lambda table, key: function(_tables[table], key))

    def answer(table: Any, key: str) -> Any:
        return known(id(table), key) if _is_known(table) else function(table, key)

    answer.cache_clear = known.cache_clear  # type: ignore[attr-defined]
    return answer


_METHODS = ((RuleTable, "ignores"), (RuleTable, "match"))
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
    """Every module or class that has one of the functions: that, the name there, the function, and what remembers."""
    ours = [module for name, module in sys.modules.items() if name.startswith(("carefile.core.", "lambdas."))]
    found: list[tuple[Any, str, Any, Any]] = []
    for owner, name, remembering in _PURE:
        function = getattr(owner, name)
        remembers = remembering(function)
        for module in ours:
            found += [(module, at, function, remembers) for at, it in vars(module).items() if it is function]
    for kind, name in _METHODS:
        method = getattr(kind, name)
        found.append((kind, name, method, _of_the_rules(method)))
    return tuple(found)


def forget() -> None:
    _tables.clear()
    for *_, remembers in places():
        remembers.cache_clear()
