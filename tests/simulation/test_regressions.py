"""What the simulation once found, each as the one schedule that shows it: it holds now, and without the mend it does
not. `picks` says who goes when; what is not said goes on in turn."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.adapters.ledger import Ledger
from lambdas.intake.admission import Admission
from lambdas.intake.convergence import Intake
from tests.simulation import variants
from tests.simulation.actors.unfiling import Unfile
from tests.simulation.aws.gate import Fault
from tests.simulation.run import Result, run_script
from tests.simulation.scenario import (
    ANA,
    BO,
    CY,
    THREAT,
    Assign,
    Delete,
    LandingKey,
    Scan,
    Scenario,
    Step,
    Submit,
    Upload,
)
from tests.simulation.schedule import Script

KEY = LandingKey("documents/PHIlab.txt", None, None, "", "PHIlab", "txt")
FAILED = "Object Failed"
ANA_S_PLACE = f"processed/{ANA}_medical_notes/session_2-"
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
    picks = ["world", *["u1"] * 6, "world", *["u2"] * ALL, "world", *["u1"] * ALL]
    holds_only_with(variants.revision_taken_blindly, lambda: run(*steps, picks=picks))


def test_an_abandoned_function_files_nothing_after_everybody_else_found_the_object_withdrawn() -> None:
    steps = (Upload("u1", 0), Delete("x1", 0))
    picks = ["world", *["u1"] * 7, "world", "redrive u1", *["u1"] * ALL, *["u1~1"] * ALL]
    faults = {("u1", 6): Fault.ABORTED}

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


SESSION = LandingKey(
    "sessions/session_2/session.json", None, "session_2", "sessions/session_2/", "session", "json"
)


def test_a_session_goes_to_whom_a_person_decided_though_an_empty_upload_came_before_it_was_moved() -> None:
    """It is filed under Ana. A person says that it is Cy's; before it is moved, the client writes nothing over it. The
    empty upload is refused, and the decision holds all the same."""
    steps = (Upload("u1", 0, ANA), Assign("a1", 0, CY, ANA), Upload("u2", 0, empty=True))
    picks = ["world", *["u1"] * ALL, "world", "world", *["a1.0"] * ALL, *["u2"] * ALL]

    def moved() -> Result:
        return run_script(Scenario((SESSION,), steps), Script(picks), tracing=True)

    holds_only_with(variants.empty_version_takes_the_place_of_the_one_before, moved)
    places = [event.detail["location"]["prefix"] for event in moved().world.published if event.type != FAILED]
    assert places[-2] == f"processed/{CY}_medical_notes/session_2/"
    assert places[-1].startswith(ANA_S_PLACE)


@pytest.mark.parametrize("deleted", [False, True], ids=["emptied", "deleted, then emptied"])
def test_what_is_filed_is_decided_about_without_naming_its_version_though_that_is_hidden(
    deleted: bool,
) -> None:
    gone = [Delete("x1", 0)] if deleted else []
    hint = Submit("x2", 0, None, (("patient_id", BO),), typed=True)
    steps = (Upload("u1", 0, ANA), *gone, Upload("u2", 0, empty=True), hint)
    picks = ["world", *["u1"] * ALL, *["world"] * 3, *["u2"] * ALL, *["x2"] * ALL]
    result = run(*steps, picks=picks)
    assert not result.violations
    filed = [event for event in result.world.published if event.type == "Object Cataloged"]
    assert filed[-1].detail["location"]["prefix"] == f"processed/{BO}_PHIlab/"


def test_an_upload_is_filed_though_an_empty_one_came_before_its_intake_began() -> None:
    """Else it would be called superseded by what was refused, and what is filed would be older than both."""
    steps = (Upload("u1", 0), Upload("u2", 0), Upload("u3", 0, empty=True))
    picks = ["world", *["u1"] * ALL, "world", "world", *["u2"] * ALL]
    holds_only_with(
        variants.empty_version_takes_the_place_of_the_one_before, lambda: run(*steps, picks=picks)
    )


def test_an_upload_that_another_intake_filed_is_not_called_withdrawn_when_its_own_event_comes_late() -> None:
    """Three uploads in one second. The intake of the first files the second, which is the newest found clean, and is
    slow to announce it; the third is filed over it, and the object deleted. Then the second's own intake gets on."""
    a_second_begins = (Scan("s1", 0), Scan("s2", 0))  # of a step's 350 ms each
    steps = (*a_second_begins, Upload("u1", 0), Upload("u2", 0), Upload("u3", 0), Delete("x1", 0))

    def late(slow: int) -> Result:
        begun = [*["world"] * 5, *["u2"] * 4, *["u1"] * slow, *["u3"] * ALL]
        picks = [*begun, "world", *["u2"] * ALL, *["u1"] * ALL]
        return run_script(Scenario((KEY,), steps, scanned=True), Script(picks), tracing=True)

    tried = range(20, 45)
    assert not any(late(slow).violations for slow in tried)
    with variants.broken(variants.order_of_uploads_told_by_their_seconds):
        told = [text for slow in tried for text in late(slow).violations]
    assert set(told) == {f"I3 v2 of {KEY.key} is announced as cataloged and as withdrawn"}


def test_what_was_filed_and_deleted_is_there_though_an_older_upload_is_being_taken_out() -> None:
    """A person takes the first upload out; before that empties its place, a second one with other bytes is filed there
    and deleted. Only the ledger says then that other bytes came."""
    steps = (Upload("u1", 0), Unfile("o1", 0, "u1", back=False), Upload("u2", 0), Delete("x1", 0))

    def emptied(calls: int) -> Result:
        taken_out = ["world", *["u1"] * ALL, "world", *["o1"] * calls]
        return run(*steps, picks=[*taken_out, "world", *["u2"] * ALL, "world", *["o1"] * ALL])

    def nobody_looks_behind_a_deletion() -> variants.Patches:
        def is_overtaken(self: Intake, current: Any, latest: Any, begun: str | None) -> bool:
            return current is not None and current.version != begun

        return [(Intake, "_is_overtaken", is_overtaken)]

    assert not any(emptied(calls).violations for calls in range(5, 22))
    with variants.broken(nobody_looks_behind_a_deletion):
        assert any(emptied(calls).violations for calls in range(5, 22))


@pytest.mark.parametrize("fault", [None, Fault.CRASH_AFTER, Fault.UNANSWERED])
def test_what_is_filed_can_be_taken_out_after_a_threat_was_found_in_it(fault: Fault | None) -> None:
    """It was clean when it was filed. Nobody files past the scanner, but what is there may go, whatever it holds."""
    steps = (Upload("u1", 0, ANA, second_verdict=THREAT), Unfile("o1", 0, "u1", back=False))
    filed = ["world", "tag u1", *["u1"] * ALL, "index u1.1", "scan u1 again", "tag u1+", *["u1+"] * ALL]

    def taken_out(call: int) -> Result:
        faults = {("o1", call): fault} if fault else {}
        script = Script([*filed, "redrive u1+", *["u1+"] * ALL, "world", *["o1"] * ALL], faults)
        return run_script(Scenario((KEY,), steps, scanned=True), script, tracing=True)

    for call in range(1, 30 if fault else 2):
        result = taken_out(call)
        assert not result.violations, result.trace

    def refused_whatever_was_decided() -> variants.Patches:
        def require(self: Admission, request: Any, version: str) -> None:
            self.uploads.require(request.source, version)

        return [(Admission, "_require", require)]

    with variants.broken(refused_whatever_was_decided):
        assert taken_out(1).violations


def test_a_session_moves_though_its_newest_uploads_are_a_threat_and_an_empty_one() -> None:
    """What is filed is below both, and whoever takes the session in again names no version."""
    session = LandingKey(
        "sessions/session_2/session.json", None, "session_2", "sessions/session_2/", "session", "json"
    )
    uploads = (Upload("u1", 0), Upload("u2", 0, verdict=THREAT), Upload("u3", 0, empty=True))
    filed = ["world", "tag u1", *["u1"] * ALL, "index u1.1", "world", "tag u2", *["u2"] * ALL]
    rest = [*["redrive u2", *["u2"] * ALL], "world", *["u3"] * ALL, *["redrive u3", *["u3"] * ALL]]
    scenario = Scenario((session,), (*uploads, Assign("a1", 0, ANA, None)), scanned=True)
    result = run_script(scenario, Script([*filed, *rest, "world"]), tracing=True)
    assert not result.violations, result.trace
    assert any(key.startswith(f"processed/{ANA}_") for key in result.world.processed.live_keys())


def test_a_decision_that_named_no_version_is_not_about_an_upload_that_comes_after_it() -> None:
    """Two functions of its execution were given up. When the next upload was filed, the first one found that, and
    recorded the decision about it; the second one moved it there, and nobody announced that."""
    steps = (
        Upload("u1", 0),
        Submit("x1", 0, None, (("patient_id", BO),), typed=False),
        Upload("u2", 0, metadata=ANA),
    )
    decided = ["world", *["u1"] * ALL, "world", *["x1"] * ALL]
    picks = [*decided, "world", *["u2"] * ALL, *["x1~1"] * ALL, *["x1~2"] * ALL]

    def at(call: int) -> Result:
        faults = {("x1", 1): Fault.ABANDONED, ("x1", call): Fault.ABANDONED}
        return run(*steps, picks=picks, faults=faults)

    def whichever() -> Result:
        found = [at(call) for call in range(2, 30)]
        return next((it for it in found if it.violations), found[0])

    def about_what_is_found() -> variants.Patches:
        def decide(self: Ledger, source: Any, version: Any, hints: Any, at: str, decision: str) -> Any:
            self.decide(source, version, hints, at)
            return version

        return [(Ledger, "decide_current", decide)]

    holds_only_with(about_what_is_found, whichever)
