"""The ledger adds up what was run of exactly this code, each seed once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import proof
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


def test_the_code_is_all_that_schedules_load() -> None:
    """A schedule of each lane, and one with the real readers, loads nothing of core and functions that the digest
    leaves out. Readers work in a process of their own, and are their own tests' matter."""
    asked = subprocess.run([sys.executable, "-c", _LOADING], capture_output=True, text=True, check=True)
    covered = {path.as_posix() for pattern in proof._CODE for path in proof._found(pattern)}
    loaded = set(asked.stdout.split())
    assert len(loaded) > 50
    assert loaded - covered == set()


_LOADING = """
import sys
import tests.conftest
from tests.simulation.actors import LANE, actors
from tests.simulation.run import run_seed
for actor in actors():
    run_seed(actor.lane * LANE + 1)
assert any(run_seed(seed).scenario.real_documents for seed in range(1, 200))
for name, module in sys.modules.items():
    if name.startswith(("carefile.core.", "lambdas.")) and (path := module.__file__):
        if not path.endswith("__init__.py"):
            print(path)
"""


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
    for name in ("report.py", "test_proof.py"):
        (tmp_path / "tests/simulation" / name).write_text("changed")
        assert digests() in seen
    (tmp_path / files[1]).unlink()
    with pytest.raises(FileNotFoundError, match="object_pipeline"):
        proof.code_digest()
