"""What the simulation once found, each as the one schedule that shows it: it holds now, and without the mend it does
not. `picks` says who goes when; what is not said goes on in turn."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.adapters.ledger import Ledger
from tests.simulation import variants
from tests.simulation.aws.gate import Fault
from tests.simulation.run import Result, run_script
from tests.simulation.scenario import ANA, BO, Again, Delete, LandingKey, Scenario, Step, Submit, Upload
from tests.simulation.schedule import Script

KEY = LandingKey("documents/PHIlab.txt", None, None, "", "PHIlab", "txt")
ALL = 60  # more steps than any execution has


def run(*steps: Step, picks: list[str], faults: dict[tuple[str, int], Fault] | None = None) -> Result:
    return run_script(Scenario((KEY,), steps), Script(picks, faults or {}), tracing=True)


def holds_only_with(mend: Any, result: Any) -> None:
    """`result` runs the schedule; `mend` is a variant that takes the mend away."""
    whole = result()
    assert not whole.violations, whole.trace
    with variants.broken(mend):
        assert result().violations


def test_an_intake_that_read_an_older_version_does_not_file_it_over_a_newer_deleted_one() -> None:
    """At the check both find the object deleted, and the last revision theirs."""
    steps = (Upload("u1", 0), Upload("u2", 0), Delete("x1", 0))
    picks = ["world", *["u1"] * 4, "world", *["u2"] * ALL, "world", *["u1"] * ALL]
    holds_only_with(variants.revision_taken_blindly, lambda: run(*steps, picks=picks))


def test_an_abandoned_function_files_nothing_after_everybody_else_found_the_object_withdrawn() -> None:
    steps = (Upload("u1", 0), Delete("x1", 0))
    picks = ["world", *["u1"] * 5, "world", "redrive u1", *["u1"] * ALL, *["u1~1"] * ALL]
    faults = {("u1", 4): Fault.ABORTED}

    def nobody_is_stopped() -> variants.Patches:
        return [(Ledger, "stop_others", lambda *_: True)]

    holds_only_with(nobody_is_stopped, lambda: run(*steps, picks=picks, faults=faults))


def test_the_latest_decision_holds_when_the_event_of_an_earlier_one_comes_last() -> None:
    steps = (
        Upload("u1", 0),
        Submit("x1", 0, "u1", (("patient_id", ANA),), typed=False),
        Submit("x2", 0, "u1", (("patient_id", BO),), typed=False),
    )
    picks = ["world", "world", *["u1"] * ALL, "world", *["x2"] * ALL, *["x1"] * ALL]
    holds_only_with(variants.latest_decision_to_arrive_holds, lambda: run(*steps, picks=picks))


@pytest.mark.parametrize("named", ["u1", None])
def test_what_is_filed_can_be_moved_though_its_landing_object_was_deleted(named: str | None) -> None:
    steps = (Upload("u1", 0), Delete("x1", 0), Submit("x2", 0, named, (("patient_id", BO),), typed=False))
    picks = ["world", *["u1"] * ALL, "world", "world", *["x2"] * ALL]
    result = run(*steps, picks=picks)
    assert not result.violations
    moved = [event.detail["location"]["prefix"] for event in result.world.published]
    assert moved == ["processed/unknown_PHIlab/", "processed/PHIbo_PHIlab/", "processed/unknown_PHIlab/"]


def test_a_failure_that_is_recorded_late_does_not_hide_how_another_execution_ended() -> None:
    steps = (Upload("u1", 0, empty=True), Upload("u2", 0), Again("x1", "u1"))

    def recorded_late(before_the_put: int) -> Result:
        failure = "failure u1.1"
        started = ["world", "u1", "u1", *[failure] * before_the_put]
        return run(*steps, picks=[*started, "world", *["u2"] * ALL, "world", *["x1"] * ALL, *[failure] * ALL])

    for before_the_put in range(1, 9):
        assert not recorded_late(before_the_put).violations
    with variants.broken(variants.failure_marked_blindly):
        assert any(recorded_late(before_the_put).violations for before_the_put in range(1, 9))


def test_a_version_that_was_filed_but_never_announced_is_not_marked_as_cataloged() -> None:
    steps = (Upload("u1", 0),)
    picks = ["world", *["u1"] * ALL, *["failure u1.1"] * ALL]
    tried = [run(*steps, picks=picks, faults={("u1", call): Fault.DENIED}) for call in range(1, ALL)]
    stopped = [it for it in tried if ("u1", "== FAILED StorageDenied in TagObject") in it.trace]
    marks = [
        [text for who, text in result.trace if who == "failure u1.1" and text.startswith("PutObjectTagging")]
        for result in stopped
    ]
    assert not any(result.violations for result in tried)
    # Its tags could not be read, not be written, and were written already.
    failed = "PutObjectTagging documents/PHIlab.txt ['failed'] v1"
    assert marks == [[failed], [failed], []]
