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
SCHEDULES = ("-m", "tests.simulation", "--schedules", "300", "--scanned", "60", "--processes", "1")
_ONE_TEST = 60  # seconds; what hangs is noticed
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?\.py\S*)", re.MULTILINE)


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
    _green: set[str] = field(default_factory=set)
    _red: set[str] = field(default_factory=set)

    def of(self, breakage: Breakage) -> Verdict:
        """Stops at the first test that fails, and would not fail without the breakage."""
        first, rest = concerned(self.root, breakage.path)
        ends = monotonic() + self.seconds
        for part in (first, SCHEDULES, rest):
            while part:
                with self._broken(breakage):
                    failed = self._failed(part, ends)
                if monotonic() >= ends and failed is None:
                    return Verdict(breakage, None, whole=False)
                if not failed:
                    break
                if failed == "schedules" or self._is_green(failed):
                    return Verdict(breakage, failed)
                self._red.add(failed)
        return Verdict(breakage, None)

    def _failed(self, part: Sequence[str], ends: float) -> str | None:
        """The first test that fails; an empty string where all pass, None where the time is up."""
        if part is SCHEDULES:
            done = self._run(part, ends)
            return None if done is None else "" if done[0] == 0 else "schedules"
        skipped = [f"--deselect={name}" for name in sorted(self._red)]
        done = self._run((*_PYTEST, *skipped, *part), ends)
        if done is None:
            return None
        if done[0] in (0, 5):  # 5: all were deselected
            return ""
        found = _FAILED.search(done[1])
        return found[1] if found else part[0]

    def _is_green(self, test: str) -> bool:
        if test not in self._green:
            done = self._run((*_PYTEST, test), monotonic() + self.seconds)
            if done is None or done[0] != 0:
                return False
            self._green.add(test)
        return True

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
        process = subprocess.Popen(
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
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None
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
