"""The ledger of proof: which schedules were run, of which code, and how many of them broke something.

A line holds for the code and the simulator whose digests it names, so the sum starts anew with every change of either,
and with no other change. The code is every file of the project that a schedule runs or reads; the simulator all that
draws, runs or judges a schedule. A test holds both against what is loaded. Seeds that were run twice count once.
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
    "carefile/core/**/*.py", "lambdas/**/*.py", "rules/*.json", "examples/untrusted_prefix/rules.json",
    *(f"statemachines/{name}.asl.json" for name in ("object_pipeline", "express_lane", "read_scan")),
    "infrastructure/machines/composition.py", "infrastructure/machines/definitions.py",
    *(f"schemas/{name}.v*.json" for name in (
        "classification", "object_cataloged", "object_failed", "object_retired", "object_withdrawn", "pipeline_input",
        "rule_table", "scan_result",
    )),
    "carefile/cli/checks/repairing.py", "carefile/cli/again/refiling.py", "carefile/cli/aws/directory.py",
    "carefile/cli/aws/objects.py",
)  # fmt: skip
# Of these, what no schedule loads, and readers of formats that no document of a schedule has.
_NOT_SIMULATED = (
    *(f"carefile/core/{name}.py" for name in (
        "deciding/adoption", "messages/note_request", "messages/registration", "patients/feeds/*",
        "records/decisions", "records/recovery",
    )),
    *(f"lambdas/{name}.py" for name in (
        "adopt_object", "assign_patient", "list_objects", "list_patient", "measure_backlog", "merge_patients",
        "promote_objects", "register_patients", "verify_merge", "verify_move",
    )),
    *(f"lambdas/adapters/{name}.py" for name in ("folders", "people/decisions", "refused")),
    *(f"lambdas/intake/{name}.py" for name in (
        "adoption", "assigning", "backlog", "merging", "promoting", "recording", "registering", "whereabouts",
    )),
    *(f"lambdas/scans/{name}.py" for name in (
        "child", "engine", "pages", "preparing", "straightening", "tesseract",
    )),
    *(f"lambdas/readers/formats/{name}/**/*.py" for name in (
        "cda", "dicom", "email", "fhir", "hl7v2", "html", "images", "office", "pdf", "xml",
    )),
)  # fmt: skip
# What draws, runs or judges no schedule, but shows it, counts it, or breaks a rule.
_SHOWING = frozenset({
    "__main__.py", "campaign.py", "coverage.py", "hunting.py", "mark_model.py", "minimise.py", "model.py", "proof.py",
    "reading_model.py", "reading_variants.py", "report.py", "story.py", "variants.py",
})  # fmt: skip


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


def code() -> set[Path]:
    """The files of the project that schedules run or read."""
    left_out = {path for pattern in _NOT_SIMULATED for path in _found(pattern)}
    return {path for pattern in _CODE for path in _found(pattern)} - left_out


def simulator() -> set[Path]:
    """The files that draw, run or judge a schedule."""
    found = (ROOT / "tests" / "simulation").rglob("*.py")
    return {it for it in found if it.name not in _SHOWING and not it.name.startswith("test_")}


def code_digest() -> str:
    return _digest(code())


def simulator_digest() -> str:
    return _digest(simulator())


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
    """The commit, with a plus where the tree differs from it in more than this ledger; "" outside a repository."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)*/proof.jsonl")
    return f"{commit}+" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
