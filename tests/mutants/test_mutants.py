"""The breakages are small and real, and one that is noticed is noticed by a test that executes it."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

import pytest

from tests.mutants.__main__ import PARTS, ROOT, drawn
from tests.mutants.breakages import Breakage, breakages
from tests.mutants.trial import Bench, Executed, Trials, copy_of

SOURCE = '''"""A file."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import x


def ü(a: "text", b: int = 7) -> "text":
    """What it does."""
    ä = a > b and b
    if not a or any(b for b in a):
        raise ValueError("one sentence", f"{a == b}")
    a.go(b, c=ä - 1)
    return ä if a else "word"
'''


def lines(kind: str) -> list[str]:
    found = (it.diff().splitlines()[-1].strip("+ ") for it in breakages("x.py", SOURCE) if it.kind == kind)
    return list(found)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        ("comparison flipped", ["ä = a >= b and b"]),
        ("and/or", ["ä = (a > b or b)", "if (not a and any((b for b in a))):"]),
        ("operand dropped", ["ä = (a > b)", "if (not a):"]),
        ("not dropped", ["if (a) or any(b for b in a):"]),
        ("any/all, min/max", ["if not a or all(b for b in a):"]),
        ("statement dropped", ["pass", "pass"]),
        ("argument dropped", ["a.go(b)"]),
        ("plus/minus", ["a.go(b, c=(ä + 1))"]),
        ("choice turned", ["return ('word' if a else ä)"]),
        ("return value changed", ["return None"]),
    ],
)
def test_a_breakage_changes_one_place_and_leaves_the_rest_as_it_stands(kind: str, broken: list[str]) -> None:
    assert lines(kind) == broken


def test_a_constant_is_changed_where_the_program_goes_by_it_and_not_what_is_said_to_people() -> None:
    assert lines("constant changed") == [
        'def ü(a: "text", b: int = 8) -> "text":',
        "a.go(b, c=ä - 2)",
        "return ä if a else 'word~x'",
    ]


def test_what_is_only_written_otherwise_is_no_breakage() -> None:
    assert not Breakage("x.py", 1, "", "1", "(1)").means_another_thing()
    assert not Breakage("x.py", 1, "", "1", "1 +").means_another_thing()
    assert Breakage("x.py", 1, "", "1", "2").means_another_thing()


@pytest.mark.parametrize("part", PARTS)
def test_the_same_seed_draws_the_same_breakages_of_different_lines_and_all_kinds(part: str) -> None:
    found = drawn(ROOT, part, 30, 1)
    assert found == drawn(ROOT, part, 30, 1)
    assert found != drawn(ROOT, part, 30, 2)
    assert len({(it.path, it.line) for it in found}) == 30
    assert len({it.kind for it in found}) >= 9
    assert all(ast.parse(it.broken) for it in found)


DOUBLING = "lambdas/adapters/doubling.py"
PROJECT = {
    "lambdas/__init__.py": "",
    "lambdas/adapters/__init__.py": "",
    DOUBLING: """
LIMIT = 10


class Doubler:
    def double(self, number):
        if number > LIMIT:
            return LIMIT
        return number + number


def half(number):
    return number // (1 + 1)


def after_others(number):
    return number + 0


def never_run(number):
    return number + number
""",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--import-mode=importlib'\npythonpath = '.'",
    "tests/mutants/schedules.py": """
def broken(known):
    from lambdas.adapters.doubling import half
    return [seed for seed in (39, 40) if seed not in known and (seed == 39 or half(6) != 3)]
""",
    "tests/unit/test_doubling.py": """
import functools
import time

import pytest

from lambdas.adapters.doubling import Doubler, after_others

ran = []


@functools.cache
def doubled():
    return Doubler().double(2)


def test_red():
    assert Doubler().double(1) == 3


def test_quick():
    assert doubled()


@pytest.mark.parametrize("number", [2, 11], ids=["two - of them", "many"])
def test_double(number):
    time.sleep(0.05)
    assert doubled() == 4
    assert Doubler().double(number) == min(2 * number, 10)


def test_first():
    ran.append(after_others(1))


def test_second():
    time.sleep(0.05)
    assert not ran
    after_others(1)
""",
}
TESTS = "tests/unit/test_doubling.py"


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    """Of a small project, with all its tests measured."""
    root = tmp_path_factory.mktemp("project")
    tool = {
        f"tests/mutants/{name}.py": (ROOT / f"tests/mutants/{name}.py").read_text()
        for name in ("__init__", "bench")
    }
    for name, text in (tool | PROJECT).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    with copy_of(root) as copy:
        bench = Bench(copy, ["tests/unit"])
        executed = Executed(root / "kept.json", bench)
        yield Trials(bench, executed, 60)
        assert (copy / DOUBLING).read_text(encoding="utf-8") == PROJECT[DOUBLING]
        executed.keep()
        assert Executed(root / "kept.json", bench).tests == executed.tests
        (copy / TESTS).write_text("", encoding="utf-8")
        assert Executed(root / "kept.json", bench).tests.keys() == {"schedules"}
        bench.stop()
    assert (root / DOUBLING).read_text(encoding="utf-8") == PROJECT[DOUBLING]


def broken(line: str) -> Breakage:
    return next(
        it for it in breakages(DOUBLING, PROJECT[DOUBLING]) if it.diff().splitlines()[-1] == f"+{line}"
    )


@pytest.mark.parametrize(
    ("line", "noticed_by"),
    [
        ("        return (number - number)", f"{TESTS}::test_quick"),
        ("        if number >= LIMIT:", None),
        ("            return None", f"{TESTS}::test_double[many]"),
        ("LIMIT = 11", f"{TESTS}::test_double[many]"),
        ("    return number // ((1 - 1))", "schedules"),
        ("    return (number - 0)", None),
        ("    return (number - number)", None),
    ],
)
def test_a_breakage_is_noticed_by_a_test_that_executes_it(
    trials: Trials, line: str, noticed_by: str | None
) -> None:
    verdict = trials.of(broken(line))
    assert (verdict.noticed_by, verdict.whole) == (noticed_by, True)


def test_a_survivor_was_put_to_all_tests_that_execute_it(trials: Trials) -> None:
    assert trials.of(broken("        if number >= LIMIT:")).tests == 3
    assert trials.of(broken("    return (number - number)")).tests == 0


def test_what_cannot_be_imported_is_noticed(trials: Trials) -> None:
    breakage = dataclasses.replace(broken("LIMIT = 11"), broken="raise ValueError")
    assert trials.of(breakage).noticed_by == TESTS


def test_a_breakage_is_undecided_when_the_time_was_up(trials: Trials) -> None:
    verdict = Trials(trials.bench, trials.executed, 0).of(broken("        return (number - number)"))
    assert (verdict.noticed_by, verdict.whole) == (None, False)


def test_a_test_that_fails_anyway_notices_nothing(trials: Trials) -> None:
    assert trials.of(broken("    return (number - number)")).noticed_by is None
    assert trials.executed.red == [f"{TESTS}::test_red"]
    assert trials.executed.tests["schedules"]["known"] == "39"
