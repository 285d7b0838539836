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
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from itertools import filterfalse
from pathlib import Path
from threading import Lock
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
        self.at_import = {path: frozenset(lines) for path, lines in began["at_import"].items()}

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


class Executed:
    """Which lines each test executes, and how long it takes: what is known from earlier runs, and what is measured."""

    def __init__(self, kept: Path, bench: Bench) -> None:
        self.kept, self.root = kept, bench.root
        self.marks = _marks(bench.root, bench.tests)
        self.known: dict[str, Json] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        self.tests: dict[str, Json] = {}
        self.red: list[str] = []  # what fails without a breakage, and so says nothing of one
        self.by_line: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._measured: dict[str, Lock] = defaultdict(Lock)
        self.lock = Lock()
        for name, mark in self.marks.items():
            if self.known.get(name, {}).get("of") == mark:
                self._add(name, self.known[name])

    def of_file(self, bench: Bench, file: str) -> set[str]:
        """The tests of a file, which are measured if they were not."""
        with self.lock:
            measured = self._measured[file]
        names = {name for name in self.marks if _file(name) == file}
        with measured:
            missing = sorted(names - self.tests.keys())
            found = {name: bench.ask(measure=name) | {"of": self.marks[name]} for name in missing}
            with self.lock:
                for name, executed in found.items():
                    self._add(name, executed)
        return names

    def is_measured_now(self, file: str) -> bool:
        return self._measured[file].locked()

    def keep(self) -> None:
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        self.kept.write_text(json.dumps(self.known | self.tests), encoding="utf-8")

    def _add(self, name: str, found: Json) -> None:
        self.tests[name] = found
        if not found.get("passed"):
            self.red.append(name)
            return
        for path, lines in found["lines"].items():
            for line in lines:
                self.by_line[path, line].add(name)


@dataclass
class Trials:
    """A copy in which a breakage is tried. `seconds` is what it is given at most, beside what is measured for it."""

    bench: Bench
    executed: Executed
    seconds: float
    _ends: float = 0

    def of(self, breakage: Breakage) -> Verdict:
        """Stops at the first test that fails, and also fails by itself: the quickest that are known are asked first."""
        self._ends, tried = monotonic() + self.seconds, 0
        anew = breakage.function is None or not self.bench.at_import.get(breakage.path, set()).isdisjoint(
            breakage.lines
        )
        for names in self._that_load(breakage.path) if anew else self._that_execute(breakage):
            with self._broken(breakage) if names else nullcontext():
                while names:
                    failed, over = self._failed(breakage, names, anew)
                    if over:
                        return Verdict(breakage, None, whole=False, tests=tried)
                    tried += len(names) if failed is None else 0
                    if failed is None:
                        break
                    if (
                        failed not in names
                        or failed == SCHEDULES
                        or self._failed(breakage, [failed], anew)[0]
                    ):
                        return Verdict(breakage, failed)
                    names = names[names.index(failed) + 1 :]
        return Verdict(breakage, None, whole=monotonic() < self._ends, tests=tried)

    def _failed(self, breakage: Breakage, names: list[str], anew: bool) -> tuple[str | None, bool]:
        name, which = breakage.function or ("", 0)
        answer = self.bench.ask(
            tests={it: self.executed.tests[it]["seconds"] for it in names},
            anew=anew,
            known=",".join(filter(None, ["0", self.executed.tests.get(SCHEDULES, {}).get("known")])),
            seconds=max(0.0, self._ends - monotonic()),
            path=breakage.path,
            source=breakage.source,
            broken=breakage.broken,
            function=name,
            which=which,
        )
        return answer["failed"], answer["over"]

    def _that_execute(self, breakage: Breakage) -> Iterator[list[str]]:
        """The tests that execute the breakage: those that are known, then those of one file after another."""

        def found() -> set[str]:
            with self.executed.lock:
                return {
                    name for line in breakage.lines for name in self.executed.by_line[breakage.path, line]
                }

        known = found()
        yield self._quickest(known)
        for measured in self._measured(breakage.path):
            yield self._quickest(found() & measured - known)

    def _that_load(self, path: str) -> Iterator[list[str]]:
        """The tests that execute something of a module, or of one that imports it; at first those of the files that
        execute most of it, as collecting takes longer than the tests."""
        users = [path, *_importers(self.bench.root, path)]

        def found(names: Iterable[str]) -> dict[str, int]:
            lines = {
                name: self.executed.tests[name].get("lines", {})
                for name in names
                if name not in self.executed.red
            }
            weights = {name: [len(it.get(user, ())) for user in users] for name, it in lines.items()}
            return {
                name: 1000 * own + sum(others)
                for name, (own, *others) in weights.items()
                if own or any(others) or _file(name) in users
            }

        with self.executed.lock:
            known = found(self.executed.tests)
        files: Counter[str] = Counter()
        for name, weight in known.items():
            files[_file(name)] += weight
        near = {file for file, _ in files.most_common(_AT_FIRST)}
        yield self._quickest(name for name in known if _file(name) in near)
        yield self._quickest(name for name in known if _file(name) not in near)
        for measured in self._measured(path):
            yield self._quickest(found(measured - known.keys()))

    def _measured(self, path: str) -> Iterator[set[str]]:
        """The tests of each file that leads to a module, the nearest first; they are measured if they were not."""
        files = _nearest(self.bench.root, path)
        while files and monotonic() < self._ends:
            file = next(filterfalse(self.executed.is_measured_now, files), files[0])
            files.remove(file)
            began = monotonic()
            measured = self.executed.of_file(self.bench, file)
            self._ends += monotonic() - began
            yield measured

    def _quickest(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: (self.executed.tests[name]["seconds"], name))

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


def _file(test: str) -> str:
    return test.partition("::")[0]


def _nearest(root: Path, path: str) -> list[str]:
    """The test files from which imports lead to a module, by their number; the schedules after those that import it."""
    found, seen, edge, stem = [], {path}, [path], Path(path).stem
    while edge:
        users = {user for one in edge for user in _importers(root, one)} - seen
        seen |= users
        tests = [it for it in users if it.startswith(FAST) and Path(it).name.startswith("test_")]
        found += sorted(tests, key=lambda it: (-(root / it).read_text(encoding="utf-8").count(stem), it))
        found += [SCHEDULES] * (edge == [path])
        edge = sorted(users)
    return found


def _importers(root: Path, path: str) -> list[str]:
    """The project's files that import a module themselves."""
    return _users(root)[_module(path)]


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def _users(root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in (it for top in ("carefile", "lambdas", "tests") for it in (root / top).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        used = {_module(f"{Path(name).parent.as_posix()}/conftest.py")}
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                used |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        for one in used:
            found[one].append(name)
    return found


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
