"""The ledger adds up what was run of exactly this code, each seed once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import proof
from tests.simulation.actors import LANE
from tests.simulation.run import SCANNED


def test_a_run_is_appended_and_counts_for_the_code_that_it_ran(tmp_path: Path) -> None:
    ledger = tmp_path / "proof.jsonl"
    assert proof.entries(ledger) == []
    proof.record(range(100, 200), 0, ledger)
    proof.record(range(150, 250), 1, ledger)
    proof.record(range(SCANNED + 5, SCANNED + 15), 0, ledger)
    code, simulator = proof.code_digest(), proof.simulator_digest()
    assert proof.total(proof.entries(ledger), code, simulator) == proof.Total({0: 150, 1: 10}, 1)
    assert proof.total(proof.entries(ledger), "another", simulator) == proof.Total({}, 0)
    assert proof.total(proof.entries(ledger), code, "another") == proof.Total({}, 0)


@pytest.mark.parametrize(
    ("ranges", "seeds"),
    [
        ([(1, 10), (11, 20)], 20),
        ([(1, 10), (1, 10)], 10),
        ([(5, 8), (1, 20)], 20),
        ([(1, 10), (3, 4), (9, 12)], 12),
        ([(1, 1), (0, 0)], 2),
    ],
)
def test_a_seed_counts_once_however_often_it_was_run(ranges: list[tuple[int, int]], seeds: int) -> None:
    found = [proof.Entry("c", "s", 0, first, last, 0, "", "") for first, last in ranges]
    assert proof.total(found, "c", "s").lanes == {0: seeds}
    shuffled = [dataclasses.replace(entry) for entry in reversed(found)]
    assert proof.total(shuffled, "c", "s").lanes == {0: seeds}


def test_the_digests_leave_out_nothing_that_schedules_load_and_what_they_leave_out_is_loaded_by_none() -> (
    None
):
    """Schedules of each lane, and one with the real readers. Those of other formats are their own tests' matter, and so
    is what the operator's commands load beside the modules that choose what is taken in again."""
    asked = subprocess.run([sys.executable, "-c", _LOADING], capture_output=True, text=True, check=True)
    seen = {Path(line).relative_to(proof.ROOT) for line in asked.stdout.split() if "__init__" not in line}
    left_out = {path.relative_to(proof.ROOT) for it in proof._NOT_SIMULATED for path in proof._found(it)}
    covered = {path.relative_to(proof.ROOT) for path in proof.code() | proof.simulator()}
    showing = {Path("tests/simulation") / name for name in proof._SHOWING}
    of_commands = {path for path in seen if path.parts[:2] == ("carefile", "cli")}
    of_formats = {path for path in left_out if "formats" in path.parts}
    assert len(seen) > 100
    assert of_commands & covered
    assert seen - showing - of_commands - of_formats - _LOADED_BY_COMMANDS <= covered
    assert not seen & (left_out - of_formats - _LOADED_BY_COMMANDS)


# Commands that take part load it with the rest of what they are.
_LOADED_BY_COMMANDS = {Path("carefile/core/records/decisions.py")}
_LOADING = """
import sys
from tests.simulation import proof
read = set()
def noted(event, arguments):
    if event == "open" and str(arguments[0]).startswith(str(proof.ROOT)):
        read.add(str(arguments[0]))
sys.addaudithook(noted)
import tests.conftest
from tests.simulation.actors import LANE, actors
from tests.simulation.run import run_seed
for actor in actors():
    run_seed(actor.lane * LANE + 1)
    run_seed(actor.lane * LANE + 3)
assert any(run_seed(seed).scenario.real_documents for seed in range(1, 200))
there = ("rules/", "examples/", "schemas/", "statemachines/")
for path in read:
    if path.endswith(".json") and path[len(str(proof.ROOT)) + 1 :].startswith(there):
        print(path)
ours = ("carefile.core.", "carefile.cli.", "lambdas.", "infrastructure.machines.", "tests.simulation.")
for name, module in sys.modules.items():
    if name.startswith(ours) and module.__file__:
        print(module.__file__)
"""


def test_runs_of_several_processes_add_up(tmp_path: Path) -> None:
    ledger, first = tmp_path / "proof.jsonl", LANE
    run = f"""
import sys
from pathlib import Path
from tests.simulation import proof
first = int(sys.argv[1])
proof.record(range(first, first + 1000), 0, Path({str(ledger)!r}))
"""
    at_once = [
        subprocess.Popen([sys.executable, "-c", run, str(first + at)], cwd=proof.ROOT)
        for at in (0, 500, 2000)
    ]
    assert [one.wait() for one in at_once] == [0, 0, 0]
    subprocess.run([sys.executable, "-c", run, str(first + 3000)], cwd=proof.ROOT, check=True)
    found = proof.total(proof.entries(ledger), proof.code_digest(), proof.simulator_digest())
    assert found == proof.Total({1: 1500 + 1000 + 1000}, 0)


def test_the_ledger_itself_makes_no_commit_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    ledger = tmp_path / proof.LEDGER.relative_to(proof.ROOT)
    ledger.parent.mkdir(parents=True)
    for path in (ledger, tmp_path / "code.py"):
        path.write_text("")
    git("init")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-m", "all")
    monkeypatch.setattr(proof, "ROOT", tmp_path)
    commit = proof._commit()
    assert commit
    ledger.write_text("a line")
    assert proof._commit() == commit
    (tmp_path / "code.py").write_text("changed")
    assert proof._commit() == f"{commit}+"


def test_a_changed_rule_a_changed_machine_and_a_changed_oracle_each_start_the_sum_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (
        "carefile/core/deciding/rules.py",
        "statemachines/object_pipeline.asl.json",
        "tests/simulation/oracle.py",
    )
    for pattern in proof._CODE:
        for path in proof._found(pattern):
            copy = tmp_path / path.relative_to(proof.ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (tmp_path / "tests/simulation").mkdir(parents=True)
    for name in ("oracle.py", "report.py", "test_proof.py"):
        (tmp_path / "tests/simulation" / name).write_text("as it was")
    monkeypatch.setattr(proof, "ROOT", tmp_path)

    def digests() -> tuple[str, str]:
        return proof.code_digest(), proof.simulator_digest()

    seen = {digests()}
    for name in files:
        (tmp_path / name).write_text("changed")
        assert digests() not in seen
        seen.add(digests())
    others = (
        "tests/simulation/report.py",
        "tests/simulation/test_proof.py",
        "lambdas/readers/formats/pdf/reader.py",
    )
    for name in (*others, "lambdas/adopt_object.py", "carefile/cli/app.py", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("changed")
        assert digests() in seen
    (tmp_path / files[1]).unlink()
    with pytest.raises(FileNotFoundError, match="object_pipeline"):
        proof.code_digest()
