"""The breakages are small and real, the nearest tests are asked first, and one that is noticed is noticed by a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.__main__ import PARTS, ROOT, drawn
from tests.mutants.breakages import Breakage, breakages
from tests.mutants.nearby import concerned
from tests.mutants.trial import Trials, copy_of

FOLDERS = "lambdas/adapters/folders.py"
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


def test_the_tests_that_import_a_file_come_before_those_that_others_lead_to_it() -> None:
    first, rest = concerned(ROOT, FOLDERS)
    assert first[0] == "tests/unit/test_folders.py"
    assert "tests/unit/test_assigning.py" in rest
    assert "tests/property/test_names.py" not in first + rest
    assert not set(first) & set(rest)


def test_a_breakage_is_noticed_by_a_test_on_a_copy_and_the_tree_stays_as_it_is() -> None:
    source = (ROOT / FOLDERS).read_text(encoding="utf-8")
    broken = next(it for it in breakages(FOLDERS, source) if "source_id != source_id" in it.broken)
    with copy_of(ROOT) as copy:
        verdict = Trials(copy, 120).of(broken)
        assert (copy / FOLDERS).read_text(encoding="utf-8") == source
    assert verdict.noticed_by is not None
    assert verdict.noticed_by.startswith("tests/unit/test_folders.py::test_a_folder_shows_its_own_source")
    assert (ROOT / FOLDERS).read_text(encoding="utf-8") == source


PROJECT = {
    "lambdas/__init__.py": "",
    "lambdas/adapters/__init__.py": "",
    "lambdas/adapters/doubling.py": (
        "def double(number):\n    return number + number\n\n\ndef unused(number=1):\n    pass\n"
    ),
    "tests/__init__.py": "",
    "tests/mutants/__init__.py": "",
    "tests/mutants/schedules.py": "import lambdas.adapters.doubling\nprint(39)\n",
    "tests/unit/test_doubling.py": (
        "import pytest\nfrom lambdas.adapters.doubling import double\n\n"
        "def test_red():\n    assert double(1) == 3\n\n"
        "@pytest.mark.parametrize('number', [2, 3], ids=['two - of them', 'three'])\n"
        "def test_double(number):\n    assert double(number) == 2 * number\n"
    ),
}


def test_a_test_that_fails_anyway_notices_nothing(tmp_path: Path) -> None:
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    name = "lambdas/adapters/doubling.py"
    trials = Trials(tmp_path, 60)
    kinds = ("plus/minus", "constant changed")
    found = {it.kind: trials.of(it) for it in breakages(name, PROJECT[name]) if it.kind in kinds}
    assert found["plus/minus"].noticed_by == "tests/unit/test_doubling.py::test_double"
    assert found["constant changed"].noticed_by is None
    assert found["constant changed"].whole
    assert trials.red == {"tests/unit/test_doubling.py::test_red", "schedule 39"}
    hopeless = Trials(tmp_path, 0.01).of(found["plus/minus"].breakage)
    assert (hopeless.noticed_by, hopeless.whole) == (None, False)
