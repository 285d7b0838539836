"""The ledger of proof: which schedules were run, of which code, and how many of them broke something.

A line holds for the code and the simulator whose digests it names, so the sum starts anew with every change of either.
The code is every file of the project that a schedule runs or reads (`_CODE`; a test holds it against what is loaded);
the simulator all that draws, runs or judges a schedule. Seeds that were run twice count once.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.simulation.actors import EVERYBODY, actors, lane_of

ROOT = Path(__file__).resolve().parents[2]
LEDGER = Path(__file__).resolve().parent / "proof.jsonl"
_CODE = (
    "carefile/core/**/*.py", "lambdas/**/*.py", "rules/*.json", "carefile/page/**/*.py",
    "statemachines/object_pipeline.asl.json", "statemachines/express_lane.asl.json", "statemachines/read_scan.asl.json",
    "infrastructure/machines/composition.py", "infrastructure/machines/definitions.py", "schemas/*.json",
    "carefile/cli/checks/repairing.py",
)  # fmt: skip
# What draws, runs or judges no schedule, but shows it.
_SHOWING = frozenset(
    {"__main__.py", "coverage.py", "hunting.py", "minimise.py", "proof.py", "report.py", "story.py"}
)


@dataclass(frozen=True)
class Entry:
    """One run over the seeds from `first` to `last`, all of one lane (`tests/simulation/actors`): which actors take
    part. Each run has uploads of the standard and of the express lane."""

    code: str
    simulator: str
    lane: int
    first: int
    last: int
    broken: int
    date: str
    commit: str


@dataclass(frozen=True)
class Total:
    """How many schedules were run of each lane of seeds, and how many of all broke something."""

    lanes: Mapping[int, int]
    broken: int

    def told(self) -> str:
        named = {0: "plain"} | {it.lane: it.name for it in actors()} | {lane_of(EVERYBODY): "any of these"}
        parts = [f"{self.lanes.get(lane, 0):,} {name}" for lane, name in named.items()]
        return (
            f"{sum(self.lanes.values()):,} schedules of this code ({', '.join(parts)}), {self.broken} broken"
        )


def code_digest() -> str:
    return _digest(path for pattern in _CODE for path in _found(pattern))


def simulator_digest() -> str:
    found = (ROOT / "tests" / "simulation").rglob("*.py")
    return _digest(it for it in found if it.name not in _SHOWING and not it.name.startswith("test_"))


def record(seeds: range, broken: int, ledger: Path | None = None) -> Entry:
    """Append what a run came to."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    lane = lane_of(seeds[0])
    entry = Entry(code_digest(), simulator_digest(), lane, seeds[0], seeds[-1], broken, now, _commit())
    with (ledger or LEDGER).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(entry)) + "\n")
    return entry


def entries(ledger: Path | None = None) -> list[Entry]:
    """Every run that was recorded."""
    ledger = ledger or LEDGER
    if not ledger.exists():
        return []
    return [Entry(**json.loads(line)) for line in ledger.read_text(encoding="utf-8").splitlines()]


def total(found: Iterable[Entry], code: str, simulator: str) -> Total:
    """What was run of exactly this code by exactly this simulator."""
    ours = [entry for entry in found if (entry.code, entry.simulator) == (code, simulator)]
    lanes = {
        lane: _distinct((entry.first, entry.last) for entry in ours if entry.lane == lane)
        for lane in sorted({entry.lane for entry in ours})
    }
    return Total(lanes, sum(entry.broken for entry in ours))


def _distinct(ranges: Iterable[tuple[int, int]]) -> int:
    """How many seeds there are in these ranges, each once."""
    count, reached = 0, -1
    for first, last in sorted(ranges):
        count += max(0, last - max(first - 1, reached))
        reached = max(reached, last)
    return count


def _found(pattern: str) -> Iterator[Path]:
    found = sorted(ROOT.glob(pattern))
    if not found:
        raise FileNotFoundError(f"nothing is at {pattern}: say in tests/simulation/proof.py where it is now")
    yield from found


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


def _commit() -> str:
    """The commit, with a plus where the tree differs from it; "" outside a repository."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
