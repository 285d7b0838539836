"""One breakage put to the test, on a copy of the project: the tree itself is never touched."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.mutants.breakages import Breakage
from tests.mutants.nearby import concerned

_LEFT_OUT = {".git", ".build", ".local", "cdk.out", "__pycache__", ".hypothesis"}
SCHEDULES = ("-m", "tests.mutants.schedules")
_ONE_TEST = 120  # seconds, however busy the machine is; what hangs is noticed
_FAILING = (1, 2)  # pytest, exit codes: a test failed, or a file could not even be collected
# Of a test with parameters the whole function: their ids may hold anything.
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?\.py(?:::[^\s\[]+)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether anything noticed a breakage, and what; `whole` is False where the time was up before all was run."""

    breakage: Breakage
    noticed_by: str | None
    whole: bool = True


@dataclass
class Trials:
    """A copy in which one breakage after another is tried. `seconds` is what a breakage is given at most."""

    root: Path
    seconds: float
    red: set[str] = field(default_factory=set)  # what fails without a breakage, and so says nothing of one
    _green: set[str] = field(default_factory=set)
    _running: subprocess.Popen[str] | None = None
    _known: str | None = None  # the seeds of schedules that break a promise without a breakage

    def of(self, breakage: Breakage) -> Verdict:
        """Stops at the first test that fails, and would not fail without the breakage."""
        first, rest = concerned(self.root, breakage.path)
        ends = monotonic() + self.seconds
        for part in (first, SCHEDULES, rest):
            noticed_by = self._noticed_by(part, breakage, ends)
            if noticed_by:
                return Verdict(breakage, noticed_by)
            if monotonic() >= ends:
                return Verdict(breakage, None, whole=False)
        return Verdict(breakage, None)

    def _noticed_by(self, part: Sequence[str], breakage: Breakage, ends: float) -> str | None:
        if part is SCHEDULES:
            if not (known := self._known_seeds()):
                return None
            with self._broken(breakage):
                done = self._run((*SCHEDULES, known), ends)
            return "schedules" if done and done[0] == 1 else None
        while part := [name for name in part if name not in self.red]:
            with self._broken(breakage):
                failed = self._failed(part, ends)
            if failed is None or self._is_green(failed):
                return failed
            self.red.add(failed)
        return None

    def _failed(self, part: Sequence[str], ends: float) -> str | None:
        """The first test that fails; None where all pass, or the time is up."""
        skipped = [f"--deselect={name}" for name in sorted(self.red) if "::" in name]
        done = self._run((*_PYTEST, *skipped, *part), ends)
        if done is None or done[0] not in _FAILING:
            return None
        found = _FAILED.search(done[1])
        return found[1] if found else part[0]

    def _is_green(self, test: str) -> bool:
        if test not in self._green:
            done = self._run((*_PYTEST, test), monotonic() + self.seconds)
            if done is None or done[0] != 0:
                return False
            self._green.add(test)
        return True

    def _known_seeds(self) -> str:
        """Of the schedules that break a promise without a breakage; empty where none can be run at all."""
        if self._known is None:
            done = self._run(SCHEDULES, monotonic() + self.seconds)
            broken = done[1].split() if done and done[0] == 0 else None
            self._known = "" if broken is None else ",".join(["0", *broken])
            self.red |= {"all schedules"} if broken is None else {f"schedule {seed}" for seed in broken}
        return self._known

    def stop(self) -> None:
        """End what runs now."""
        if (process := self._running) and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    @contextmanager
    def _broken(self, breakage: Breakage) -> Iterator[None]:
        path = self.root / breakage.path
        before, at = path.read_bytes(), path.stat()
        path.write_bytes(breakage.broken.encode())
        try:
            yield
        finally:
            path.write_bytes(before)
            os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))

    def _run(self, arguments: Sequence[str], ends: float) -> tuple[int, str] | None:
        """How it ended, and what it said; None where the time was up first."""
        self._running = process = subprocess.Popen(
            [sys.executable, "-B", *arguments],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root), "PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=max(0.1, ends - monotonic()))
        except subprocess.TimeoutExpired:
            self.stop()
            process.communicate()
            return None
        finally:
            self._running = None
        return process.returncode, said


_PYTEST = ("-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", "--timeout", str(_ONE_TEST))


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
