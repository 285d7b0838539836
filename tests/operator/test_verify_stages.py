"""`carefile verify` with every group of checks, on a stage of each kind: what applies there is settled twice in a row,
and nothing but records of decisions is left behind."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carefile.cli.app import app
from carefile.cli.verifying.suite import CLAIMS
from tests.embedded import EmbeddedAws, bring_up, running
from tests.operator.inventory import inventory

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]
# At least so many claims are settled, these among them, and why the others are not.
EXPECTED = {
    "local-listed": (24, "A merge is one transaction"),
    "local-express": (23, "A typed exception of a Python function"),
    "local-ocr": (24, "The libraries that recognise text"),
    "local-scanned": (4, "A Distributed Map over an empty listing"),
}


@pytest.fixture(params=EXPECTED)
def aws(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmbeddedAws]:
    """An embedded AWS with this one stage, which the command finds by the environment."""
    with running(tmp_path / "home") as empty:
        deployed = EmbeddedAws(dataclasses.replace(empty.settings, stage=request.param))
        bring_up(deployed)
        for name, value in deployed.settings.credentials.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CAREFILE_STACK", deployed.settings.stack_name)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield deployed


def test_all_that_applies_is_settled_twice_in_a_row_with_every_group_of_checks(
    aws: EmbeddedAws, tmp_path: Path
) -> None:
    least, text = EXPECTED[aws.settings.stage]
    before = inventory(aws, aws.settings.stack_name)
    for number in range(2):
        path = tmp_path / str(number)
        words = ["verify", "--yes", "--json", "--intrusive", "--lasting", "--report", str(path)]
        ran = CliRunner().invoke(app, words)
        rows = [json.loads(line) for line in ran.stdout.splitlines()]
        outcomes = {row["claim"]: (row["outcome"], row["says"]) for row in rows}
        bad = {claim: it for claim, it in outcomes.items() if it[0] in ("contradicted", "open")}
        assert (bad, ran.exit_code) == ({}, 0), ran.stderr
        assert outcomes.keys() == {claim.text for claim in CLAIMS}
        assert Counter(outcome for outcome, _ in outcomes.values())["settled"] >= least, outcomes
        assert next(it[0] for claim, it in outcomes.items() if claim.startswith(text)) == "settled"
        assert json.loads(path.with_suffix(".json").read_text())["left_behind"] == 0
        assert_only_empty_records_are_left(before, inventory(aws, aws.settings.stack_name))


def assert_only_empty_records_are_left(before: dict[str, Any], after: dict[str, Any]) -> None:
    changed = {name for name in after if after[name] != before[name]}
    assert {name.partition(" ")[2][:17] for name in changed} <= {"DecidingDecisions"}, {
        name: sorted(set(after[name]) ^ set(before[name])) for name in changed
    }
    for name in changed:
        assert not [item for item in after[name] if "carefile-verify" in item]
