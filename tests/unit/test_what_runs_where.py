"""Every test is in `make test` or in `make prove`; none is in neither."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from tests.end_to_end.conftest import (
    BOTH,
    ENOUGH_FOR_EVERY_RUN,
    ENOUGH_ON,
    EXPRESS_ONLY,
    STANDARD_ONLY,
    lanes_of,
)
from tests.simulation.test_stories import OPEN

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


def commands(target: str) -> str:
    """What the Makefile runs for a target, with the variable of pytest's command line filled in."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert found is not None, target
    return found[1]


def test_two_marks_decide_and_one_that_is_not_known_fails_the_run() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    said = shlex.split(options["ini_options"]["addopts"])
    assert said[said.index("-m") + 1] == "not prove and not submission"
    assert "--strict-markers" in said
    assert [mark.partition(":")[0] for mark in options["ini_options"]["markers"]] == ["submission", "prove"]


def test_make_test_runs_all_without_a_mark_and_make_prove_all_that_has_one() -> None:
    assert re.fullmatch(r"\t@\$\(PYTEST\) \$\(ARGS\)\n", commands("test"))
    assert "prove-fresh" in commands("prove")
    assert "prove-scale" in commands("prove")
    assert re.search(r"\$\(PYTEST\) -m 'prove or submission' \|\| failed=1;", commands("prove-scale"))
    assert re.fullmatch(
        r"\t@\$\(PYTEST\) -m 'submission and not prove' \$\(ARGS\)\n", commands("prove-submission")
    )
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (pytest_is,) = re.findall(r"^PYTEST = (.*)$", makefile, re.MULTILINE)
    assert not re.search(r" -[mk] | --(deselect|ignore)", pytest_is.partition("pytest")[2])


def test_ci_fails_where_a_test_of_a_submission_or_a_fresh_example_does_and_reports_fresh_schedules() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^make test 2>&1 .*\nresult=\$\{PIPESTATUS\[0\]\}$", script, re.MULTILINE)
    assert re.search(r"^make prove-submission \|\| result=1$", script, re.MULTILINE)
    open_ = "result=1" if not OPEN else "true"
    assert re.search(rf"^make prove-schedules N=\d+.* \|\| {open_}$", script, re.MULTILINE)
    assert re.search(r"^make prove-properties \|\| result=1$", script, re.MULTILINE)
    assert "--fresh" in commands("prove-schedules")
    assert "--count-only" not in commands("prove-schedules")


def test_no_test_is_where_nothing_collects_it() -> None:
    written = {path for path in ROOT.rglob("test_*.py") if is_ours(path)}
    assert {path.relative_to(ROOT).as_posix() for path in written if TESTS not in path.parents} == set()
    for path in TESTS.rglob("*.py"):
        if not path.name.startswith("test_") and re.search(
            r"^(?:    )?(?:async )?def test_", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            pytest.fail(f"{path.relative_to(ROOT)} holds a test, and pytest does not look there")


def is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not any(part.startswith((".", "node_modules", "cdk.out")) for part in parts)


def test_a_lane_is_left_to_make_prove_only_for_files_and_tests_that_are_there() -> None:
    files = {
        path.stem: path for folder in ("end_to_end", "faults") for path in (TESTS / folder).glob("test_*.py")
    }
    tests = {
        name for path in files.values() for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert {*STANDARD_ONLY, *EXPRESS_ONLY} <= tests
    assert {*ENOUGH_ON, *ENOUGH_FOR_EVERY_RUN} <= {*files, *tests}
    assert not {*ENOUGH_ON} & {*ENOUGH_FOR_EVERY_RUN}
    assert {*ENOUGH_ON.values(), *ENOUGH_FOR_EVERY_RUN.values()} <= {*BOTH}


def test_the_other_lane_is_not_left_out_but_marked() -> None:
    def test_anything() -> None: ...

    test_anything.__module__ = "tests.end_to_end.test_upload_to_catalog"
    assert lanes_of(test_anything) == list(BOTH)
    for lanes, mark in ((ENOUGH_ON, "prove"), (ENOUGH_FOR_EVERY_RUN, "submission")):
        for file, lane in lanes.items():
            test_anything.__module__ = f"tests.end_to_end.{file}"
            found = lanes_of(test_anything)
            assert len(found) == len(BOTH)
            assert lane in found
            (other,) = [it for it in found if it != lane]
            assert [it.name for it in other.marks] == [mark]  # type: ignore[attr-defined]
