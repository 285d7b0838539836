"""Whom the directory's indexes lead to, by the words of a name."""

from __future__ import annotations

from typing import Any

import pytest

from carefile.core.patients.directory import Wanted
from carefile.core.records.patients import name_entry
from lambdas.adapters.people.directory import _FEW, Directory


def by_words(*name: str, **patients: set[str] | None) -> tuple[set[str], set[str]]:
    """Who is found for a name, and the words that say too little, in a directory that has these patients by word."""
    index: dict[str, Any] = {name_entry(word): found for word, found in patients.items()}
    directory = Directory(None, "patients")  # type: ignore[arg-type] # it asks nothing
    directory._of_index = index.__getitem__  # type: ignore[method-assign]
    return directory._candidates(Wanted(names=frozenset({frozenset(name)})), {})


def crowd(number: int) -> set[str]:
    return {f"P_{one}" for one in range(number)}


def test_of_a_name_those_are_looked_at_who_have_two_of_its_words() -> None:
    assert by_words("ana", "ruiz", ana={"A", "B"}, ruiz={"B", "C"}) == ({"B"}, set())


@pytest.mark.parametrize(("number", "found"), [(_FEW, crowd(_FEW)), (_FEW + 1, set())])
def test_else_those_who_have_its_rarest_word_unless_they_are_too_many(number: int, found: set[str]) -> None:
    assert by_words("ana", "ruiz", ana={f"A_{one}" for one in range(50)}, ruiz=crowd(number)) == (
        found,
        set(),
    )


def test_a_word_that_nobody_has_or_too_many_leads_to_nobody() -> None:
    assert by_words("ana", "ruiz", ana=set(), ruiz={"C"}) == ({"C"}, set())
    assert by_words("ana", "ruiz", ana=None, ruiz={"C"}) == ({"C"}, {"ana"})
    assert by_words("ana", "ruiz", ana=None, ruiz=set()) == (set(), {"ana"})


def test_who_has_the_only_word_of_a_name_is_found_however_many() -> None:
    assert by_words("ana", ana=crowd(50)) == (crowd(50), set())
