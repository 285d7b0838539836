"""One breakage put to the test, on a copy of the project: the tree itself is never touched."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

from tests.mutants.bench import SCHEDULES
from tests.mutants.breakages import Breakage

FAST = ("tests/unit", "tests/golden", "tests/property", "tests/events")
_LEFT_OUT = {".git", ".build", ".local", "cdk.out", "__pycache__", ".hypothesis"}
_AT_FIRST = (
    3  # files, of the tests of what runs at import: collecting all of them takes longer than the tests
)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether anything noticed a breakage, and what; `whole` is False where the time was up before all was run."""

    breakage: Breakage
    noticed_by: str | None
    whole: bool = True
    tests: int = 0


class Bench:
    """A process that has collected the tests in a copy, and answers what is asked of it."""

    def __init__(self, root: Path, folders: Sequence[str]) -> None:
        self.root = root
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.bench", *folders],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        began = self._answer()
        self.tests: list[str] = began["tests"]
        self.at_import: dict[str, list[int]] = began["at_import"]

    def ask(self, **request: Any) -> Json:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Json:
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("the tests could not be collected")
        answer: Json = json.loads(line)
        return answer

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


@dataclass
class Executed:
    """Which lines each test executes and how long it takes: what is known from the run before, and what is measured."""

    kept: Path
    tests: dict[str, Json] = field(default_factory=dict)
    red: list[str] = field(default_factory=list)  # what fails without a breakage, and so says nothing of one
    by_line: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    _marks: dict[str, str] = field(default_factory=dict)

    def unknown(self, bench: Bench) -> list[str]:
        """The tests that are not measured yet, or were when something else stood in the project."""
        kept = json.loads(self.kept.read_text(encoding="utf-8")) if self.kept.exists() else {}
        marks = self._marks = _marks(bench.root, bench.tests)
        self.tests = {name: kept[name] for name in marks if kept.get(name, {}).get("of") == marks[name]}
        return [name for name in marks if name not in self.tests]

    def measure(self, bench: Bench, name: str) -> None:
        found = bench.ask(measure=name)
        self.tests[name] = {"of": self._marks[name]} | found

    def keep(self) -> None:
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        self.kept.write_text(json.dumps(self.tests), encoding="utf-8")

    def sort(self) -> None:
        """Turn it round: which tests execute a line."""
        for name, found in self.tests.items():
            if not found.get("passed"):
                self.red.append(name)
                continue
            for path, lines in found["lines"].items():
                for line in lines:
                    self.by_line.setdefault((path, line), []).append(name)


@dataclass
class Trials:
    """A copy in which one breakage after another is tried. `seconds` is what a breakage is given at most."""

    bench: Bench
    executed: Executed
    seconds: float

    def of(self, breakage: Breakage) -> Verdict:
        """Stops at the first test that fails, and also fails by itself: the quickest are asked first."""
        ends, tried = monotonic() + self.seconds, 0
        at_import = set(breakage.lines) & set(self.bench.at_import.get(breakage.path, ()))
        anew = breakage.function is None or bool(at_import)
        with self._broken(breakage):
            for names in self._that_load(breakage.path) if anew else [self._that_execute(breakage)]:
                while names:
                    failed, over = self._failed(breakage, names, anew, ends)
                    if over:
                        return Verdict(breakage, None, whole=False, tests=tried)
                    if failed is None:
                        break
                    if (
                        failed not in names
                        or failed == SCHEDULES
                        or self._failed(breakage, [failed], anew, ends)[0]
                    ):
                        return Verdict(breakage, failed)
                    names = names[names.index(failed) + 1 :]
                tried += len(names)
        return Verdict(breakage, None, tests=tried)

    def _failed(
        self, breakage: Breakage, names: list[str], anew: bool, ends: float
    ) -> tuple[str | None, bool]:
        name, which = breakage.function or ("", 0)
        answer = self.bench.ask(
            tests={it: self.executed.tests[it]["seconds"] for it in names},
            anew=anew,
            known=",".join(filter(None, ["0", self.executed.tests.get(SCHEDULES, {}).get("known")])),
            seconds=max(0.0, ends - monotonic()),
            path=breakage.path,
            source=breakage.source,
            broken=breakage.broken,
            function=name,
            which=which,
        )
        return answer["failed"], answer["over"]

    def _that_execute(self, breakage: Breakage) -> list[str]:
        found = {
            name for line in breakage.lines for name in self.executed.by_line.get((breakage.path, line), ())
        }
        return self._quickest(found)

    def _quickest(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: (self.executed.tests[name]["seconds"], name))

    def _that_load(self, path: str) -> list[list[str]]:
        """The tests that execute something of a module, or of one that imports it; those of the files that execute
        most of it first."""
        users = [path, *_importers(self.bench.root, path)]
        weights: Counter[str] = Counter()
        found = set()
        for name, test in self.executed.tests.items():
            used = [len(test["lines"].get(user, ())) for user in users] if test.get("passed") else []
            file = name.partition("::")[0]
            if any(used) or (test.get("passed") and file in users):
                found.add(name)
                weights[file] += 1000 * used[0] + sum(used) + 1
        first = {file for file, _ in weights.most_common(_AT_FIRST + 1) if file != SCHEDULES}
        near = {name for name in found if name.partition("::")[0] in first}
        return [self._quickest(near), self._quickest(found - near)]

    @contextmanager
    def _broken(self, breakage: Breakage) -> Iterator[None]:
        path = self.bench.root / breakage.path
        before, at = path.read_bytes(), path.stat()
        path.write_bytes(breakage.broken.encode())
        try:
            yield
        finally:
            path.write_bytes(before)
            os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


def _marks(root: Path, tests: Sequence[str]) -> dict[str, str]:
    """What a measurement depends on: the test's file, and all that is not a test file."""
    text, files = hashlib.sha256(), {}
    for path in sorted(it for ending in ("py", "json") for it in root.rglob(f"*.{ending}")):
        name = path.relative_to(root).as_posix()
        if path.name.startswith("test_"):
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif not name.startswith((".venv", "node_modules", "tests/mutants")):
            text.update(f"{name}\0".encode() + path.read_bytes())
    common = text.hexdigest()
    return {name: f"{common} {files.get(name.partition('::')[0])}" for name in [*tests, SCHEDULES]}


def _importers(root: Path, path: str) -> list[str]:
    """The project's files that import a module themselves."""
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    files = (it for top in ("carefile", "lambdas", "tests") for it in (root / top).rglob("*.py"))
    return [it.relative_to(root).as_posix() for it in files if module in _imported(it)]


@cache
def _imported(path: Path) -> frozenset[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@contextmanager
def copy_of(root: Path) -> Iterator[Path]:
    """The project without what it builds; what was installed is shared."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in _LEFT_OUT or (Path(folder) / name).is_symlink()} | (
            {name for name in names if name.startswith(".venv") or name == "node_modules"}
        )

    with tempfile.TemporaryDirectory(prefix="carefile-mutants-") as place:
        copy = Path(place) / "carefile"
        shutil.copytree(root, copy, ignore=left_out)
        for shared in (".venv", "node_modules"):
            if (root / shared).exists():
                (copy / shared).symlink_to((root / shared).resolve())
        yield copy
