"""Every error has its words: in the command and in the runbook, and both say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from carefile.cli.again.choosing import can_be_redriven
from carefile.cli.shown.advice import ADVICE, OTHER, Advice, advice_for
from carefile.cli.shown.story import _then
from carefile.core.errors import CarefileError

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", RUNBOOK, re.DOTALL | re.MULTILINE))
SLUGS = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in SECTIONS}
ALL = (*ADVICE, OTHER)


@pytest.mark.parametrize("error", [kind.__name__ for kind in CarefileError.__subclasses__()])
def test_every_error_of_ours_has_advice_of_its_own(error: str) -> None:
    assert advice_for(error).name == error


def test_every_error_that_the_machine_retries_has_advice() -> None:
    machine = json.loads((ROOT / "statemachines" / "object_pipeline.asl.json").read_text())
    retried = {
        name
        for state in machine["States"].values()
        for retry in state.get("Retry", ())
        for name in retry["ErrorEquals"]
    }
    unknown = {name for name in retried if advice_for(name) is OTHER}
    assert all(name.startswith(("States.TaskFailed", "Events.", "EventBridge.")) for name in unknown), unknown


@pytest.mark.parametrize("advice", ALL, ids=lambda advice: advice.name)
def test_every_advice_has_its_section_with_the_same_meaning(advice: Advice) -> None:
    section = SECTIONS[advice.name]
    assert section.strip().startswith(advice.means)
    for part in ("**See it:**", "**Fix it:**", "**Then:**"):
        assert part in section or (advice.name == "RejectedObject" and "fix it |" in section)


@pytest.mark.parametrize("advice", ALL, ids=lambda advice: advice.name)
def test_the_link_of_an_advice_leads_to_its_section(advice: Advice) -> None:
    file, _, anchor = advice.anchor.partition("#")
    assert file == "docs/runbook.md"
    assert anchor in SLUGS


def test_every_section_is_about_an_error_or_an_alarm_that_exists() -> None:
    code = "".join(path.read_text() for path in (ROOT / "infrastructure").rglob("*.py"))
    of_alarms = set(re.findall(r'section="([a-z-]+)"', code))
    assert len(of_alarms) >= 8
    assert {advice.anchor.partition("#")[2] for advice in ALL} | of_alarms == SLUGS


def test_the_runbook_explains_every_reason_of_a_rejection() -> None:
    code = "".join(
        path.read_text() for folder in ("carefile/core", "lambdas") for path in (ROOT / folder).rglob("*.py")
    )
    reasons = set(re.findall(r"RejectedObject\(\s*f?\"([a-z-]+): ", code))
    assert len(reasons) >= 6
    assert reasons <= set(re.findall(r"^\| `([a-z-]+)` \|", SECTIONS["RejectedObject"], re.MULTILINE))


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("Lambda.TooManyRequestsException", "Lambda.*"),
        ("Runtime.ExitError", "Lambda.*"),
        ("TIMED_OUT", "States.Timeout"),
        ("ABORTED", "Aborted"),
        ("S3.NoSuchKeyException", "Any other name"),
        (None, "Any other name"),
    ],
)
def test_names_of_aws_are_understood(error: str | None, name: str) -> None:
    assert advice_for(error).name == name


@pytest.mark.parametrize(
    ("error", "then"),
    [
        ("UnexpectedResult", " --resubmit"),
        ("States.QueryEvaluationError", " --resubmit"),
        ("StorageDenied", ""),
    ],
)
def test_what_a_redrive_would_only_fail_again_is_to_be_resubmitted(error: str, then: str) -> None:
    execution: Any = SimpleNamespace(
        listed=SimpleNamespace(name="e1", status="FAILED", stopped=None),
        request=object(),
        redrive_status="REDRIVABLE",
        error=error,
    )
    assert _then(execution, advice_for(error).then) == f"carefile redrive e1{then} --yes"
    assert can_be_redriven(execution) == ("no: --resubmit" if then else "yes")
