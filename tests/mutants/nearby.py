"""Which test files concern a source file: those that import it, the nearest first."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

FAST = ("tests/unit", "tests/golden", "tests/property", "tests/events")
_FAR = 99


def imported(root: Path, path: Path) -> frozenset[Path]:
    """The project's files that a file imports, at whatever place of it."""
    return frozenset(_imported(root, path))


@cache
def _imported(root: Path, path: Path) -> tuple[Path, ...]:
    found = {one for name in _names(ast.parse(path.read_bytes())) if (one := _file(root, name)) is not None}
    return tuple(sorted(found))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(root: Path, name: str) -> Path | None:
    place = root.joinpath(*name.split("."))
    return next((it for it in (place.with_suffix(".py"), place / "__init__.py") if it.is_file()), None)


def distances(root: Path, tests: Iterable[Path], source: Path) -> dict[Path, int]:
    """How many imports lead from each test file to the source, as the shortest way goes; none for those without one."""
    found = {test: _distance(root, test, source) for test in tests}
    return {test: steps for test, steps in found.items() if steps < _FAR}


def _distance(root: Path, start: Path, end: Path) -> int:
    seen, edge, steps = {start}, {start}, 0
    while edge:
        if end in edge:
            return steps
        edge = {it for one in edge for it in imported(root, one)} - seen
        seen |= edge
        steps += 1
    return _FAR


def concerned(root: Path, source: str) -> tuple[list[str], list[str]]:
    """The fast test files that import a source file themselves, or are named after it; and those that others lead to
    it, the nearest first."""
    tests = sorted(path for folder in FAST for path in (root / folder).glob("test_*.py"))
    steps = distances(root, tests, root / source)
    stem = Path(source).stem

    def near(test: Path) -> bool:
        return steps[test] == 1 or stem in test.stem

    def rank(test: Path) -> tuple[int, int]:
        return -test.read_text(encoding="utf-8").count(stem), test.stat().st_size

    names = {test: test.relative_to(root).as_posix() for test in steps}
    first = sorted(filter(near, steps), key=rank)
    rest = sorted((test for test in steps if not near(test)), key=lambda it: (steps[it], *rank(it)))
    return [names[test] for test in first], [names[test] for test in rest]
