"""What the simulation once found, each as the one schedule that shows it: it holds now, and without the mend it does
not. `picks` says who goes when; what is not said goes on in turn."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.adapters.ledger import Ledger
from lambdas.intake import marks
from lambdas.intake.admission import Admission
from lambdas.intake.convergence import Intake
from lambdas.intake.marks import Marks
from tests.simulation import variants
from tests.simulation.actors.unfiling import Unfile
from tests.simulation.aws.gate import Fault
from tests.simulation.run import Result, run_script
from tests.simulation.scenario import (
    ANA,
    BO,
    CY,
    THREAT,
    Again,
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


def test_a_version_that_was_filed_and_not_noted_so_is_not_marked_as_cataloged() -> None:
    steps = (Upload("u1", 0),)
    picks = ["world", *["u1"] * ALL, *["failure u1.1"] * ALL]
    tried = [run(*steps, picks=picks, faults={("u1", call): Fault.DENIED}) for call in range(1, ALL)]
    stopped = [it for it in tried if ("u1", "== FAILED StorageDenied in TagObject") in it.trace]
    marks = [
        [text for who, text in result.trace if who == "failure u1.1" and text.startswith("PutObjectTagging")]
        for result in stopped
    ]
    assert not any(result.violations for result in tried)
    # It could not be noted how it ended; it was noted, and the tags could not be read or written.
    failed, filed = (f"PutObjectTagging documents/PHIlab.txt ['{it}'] v1" for it in ("failed", "cataloged"))
    assert marks == [[failed], [filed], [filed]]


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


@pytest.mark.parametrize(
    "steps",
    [
        (Upload("u1", 0),),
        (Upload("u1", 0), Delete("x1", 0)),
        (Upload("u1", 0, copied=True), Delete("x1", 0)),
        (Upload("u1", 0), Upload("u2", 0, empty=True)),
        (Upload("u1", 0, ANA, copied=True), Upload("u2", 0, BO)),
    ],
    ids=["filed", "deleted", "a copy, deleted", "emptied", "a copy, overtaken"],
)
def test_what_is_lost_on_the_express_lane_with_its_promotion_is_marked_only_as_it_was_announced(
    steps: tuple[Step, ...],
) -> None:
    """From one call on everything fails, the promotion too: no execution is left to be re-driven. What was announced
    may be marked; what was not, a reconciliation finds and takes in again."""

    def lost(call: int) -> Result:
        scenario = Scenario((KEY,), steps, express=True)
        picks = [*["world"] * len(steps), *["u1"] * ALL]
        return run_script(scenario, Script(picks, {("u1", call): Fault.STORM}), tracing=True)

    def broken() -> list[int]:
        return [call for call in range(1, 30) if lost(call).violations]

    assert not broken(), lost(broken()[0]).trace
    if any(isinstance(step, Delete) for step in steps):
        for variant in (variants.what_is_hidden_not_reconciled, variants.marked_before_it_is_announced):
            with variants.broken(variant):
                assert broken()


def test_how_an_intake_ended_stays_marked_whatever_is_recorded_while_it_is_marked() -> None:
    """The upload is a copy that brought the mark of a filed object along. It is submitted twice: one of these fails,
    and that is recorded while the other one ends well, and before the upload's own event comes."""
    steps = (
        Upload("u1", 0, copied=True),
        Submit("x1", 0, None, (), typed=True),
        Submit("x2", 0, None, (), typed=True),
    )

    def recorded(ending: int, recording: int) -> Result:
        failure = "failure x1.1"
        begun = [*["world"] * 3, "x1", *["x2"] * ending, *[failure] * recording]
        picks = [*begun, *["x2"] * ALL, *[failure] * ALL]
        return run(*steps, picks=picks, faults={("x1", 1): Fault.DENIED})

    def hidden() -> bool:
        return any(recorded(ending, at).violations for ending in range(16, 24) for at in range(1, 9))

    assert not hidden()
    with variants.broken(variants.end_shown_before_it_is_noted):
        assert hidden()


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


def test_a_failure_that_could_not_be_recorded_at_once_is_recorded_and_all_comes_to_rest() -> None:
    """A schedule that is replayed must not throw one fault at every delivery of an event."""
    result = run(Upload("u1", 0, empty=True), picks=[], faults={("failure u1.1", 4): Fault.ABANDONED})
    assert not result.violations
    assert [event.type for event in result.world.published] == [FAILED] * 2


@pytest.mark.parametrize("express", [False, True])
def test_an_empty_copy_is_marked_as_failed_and_not_as_the_object_that_it_was_copied_from(
    express: bool,
) -> None:
    """It brought the mark of a filed object along, and is refused before anything else is done about it."""
    steps = (Upload("u1", 0, empty=True, copied=True),)

    def refused() -> Result:
        return run_script(Scenario((KEY,), steps, express=express), Script(), tracing=True)

    def nothing_dropped() -> variants.Patches:
        return [
            (Marks, "drop_inherited", lambda *_: None),
            *variants.failure_puts_back_what_the_tags_claim(),
        ]

    holds_only_with(nothing_dropped, refused)


def test_a_failure_recorded_beside_a_copys_own_intake_leaves_no_mark_that_the_copy_brought_along() -> None:
    """The upload is a copy and holds a threat. One of its executions fails, and whoever records that reads its tags, in
    which `cataloged` stands as inherited; the copy's own intake takes that off; the other writes the tags back, as
    the verdict's tag has to be restored. A refused threat that looks filed is deleted by a lifecycle rule."""
    steps = (Upload("u1", 0, copied=True, verdict=THREAT), Again("x1", "u1"))

    def recorded(before: int) -> Result:
        failure = "failure u1.1"
        begun = ["world", *["u1"] * 4, *[failure] * before]
        picks = [*begun, "world", *["x1"] * ALL, "redrive u1", *["u1"] * ALL, *[failure] * ALL]
        script = Script(picks, {("u1", 1): Fault.DENIED}, set(), {"redrive x1"})
        return run_script(Scenario((KEY,), steps, scanned=True), script, tracing=True)

    assert not any(recorded(before).violations for before in range(12))
    with variants.broken(variants.failure_puts_back_what_the_tags_claim):
        assert any(recorded(before).violations for before in range(12))


def test_an_admission_that_is_slow_takes_no_mark_off_that_was_earned_meanwhile() -> None:
    """Step Functions gave the function up while it looked whether the upload had brought its mark along; the next try
    files the upload and marks it."""
    steps = (Upload("u1", 0),)

    def slow(call: int) -> Result:
        return run(
            *steps, picks=["world", *["u1"] * ALL, *["u1~1"] * ALL], faults={("u1", call): Fault.ABANDONED}
        )

    def not_looked_after() -> variants.Patches:
        return [(Marks, "mend", lambda *_: None), (marks, "outranks", lambda *_: False)]

    assert not any(slow(call).violations for call in range(1, 6))
    with variants.broken(not_looked_after):
        assert any(slow(call).violations for call in range(1, 6))


@pytest.mark.parametrize("copied", [False, True])
def test_an_overtaken_upload_is_not_marked_as_it_said_itself(copied: bool) -> None:
    """It is overwritten before any intake sees it, so no intake looks at its tags but to write how it ended."""
    steps = (Upload("u1", 0, copied=copied, marked=not copied), Upload("u2", 0))
    picks = ["world", "world", *["u2"] * ALL, *["u1"] * ALL]

    def overtaken() -> Result:
        return run(*steps, picks=picks)

    if copied:
        assert not overtaken().violations
    else:
        holds_only_with(variants.better_end_than_ones_own_believed, overtaken)


def test_a_mark_that_was_earned_is_not_taken_off_by_one_who_dies_before_looking_again() -> None:
    """A submission without a version looks whether the upload brought its mark along, while that is filed; then its
    function dies, and its next try is about a newer upload."""
    steps = (Upload("u1", 0), Submit("x1", 0, None, (), typed=True), Upload("u2", 0))

    def died(call: int) -> Result:
        picks = ["world", "world", "x1", "x1", *["u1"] * ALL, "world", *["x1"] * ALL]
        return run(*steps, picks=picks, faults={("x1", call): Fault.CRASH_BEFORE})

    def nothing_earned() -> variants.Patches:
        return [(marks, "outranks", lambda *_: False)]

    assert not any(died(call).violations for call in range(1, 10))
    with variants.broken(nothing_earned):
        assert any(died(call).violations for call in range(1, 10))


def test_a_late_mark_of_one_that_was_taken_out_does_not_hide_that_it_was_filed_again() -> None:
    """Of two intakes of one version, the first ends as unfiled, the other, after that was taken back, as cataloged; and
    the first one writes its tag last."""
    steps = (Upload("u1", 0), Unfile("o1", 0, "u1", back=False), Unfile("o2", 0, "u1", back=True))

    def marked(before_the_put: int) -> Result:
        taken_out = ["world", "world", *["o1"] * before_the_put]
        rest = [*["o2"] * ALL, *["u1"] * ALL, *["o1"] * ALL]
        return run(*steps, picks=[*taken_out, "world", *rest])

    assert not any(marked(calls).violations for calls in range(10, 22))

    def never_looked_at_again() -> variants.Patches:
        return [(Marks, "_show", lambda *_: None)]

    with variants.broken(never_looked_at_again):
        assert any(marked(calls).violations for calls in range(10, 22))


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


def test_an_empty_copy_that_is_deleted_and_lost_with_its_promotion_keeps_no_mark_that_it_brought_along() -> (
    None
):
    """Every call of the express lane fails, so only a reconciliation is left to take the mark off."""
    steps = (Upload("u1", 0, empty=True, copied=True), Delete("x1", 0))

    def lost(call: int) -> Result:
        script = Script(["world", "world"], {("u1", call): Fault.STORM})
        return run_script(Scenario((KEY,), steps, express=True), script, tracing=True)

    assert not any(lost(call).violations for call in range(1, 8))
    with variants.broken(variants.what_is_hidden_not_reconciled):
        assert any(lost(call).violations for call in range(1, 8))


def test_an_empty_upload_that_said_it_was_filed_and_whose_failures_nobody_heard_is_found_below_the_next_one() -> (
    None
):
    """It is overtaken by another empty upload before any intake sees it, and both events of its failure are lost."""
    steps = (Upload("u1", 0, empty=True, marked=True), Upload("u2", 0, empty=True))
    picks = ["world", "world", *["u1"] * ALL, *["u2"] * ALL]

    def unheard() -> Result:
        script = Script(picks, {}, set(), {"failure u1.1", "failure u1.2"})
        return run_script(Scenario((KEY,), steps), script, tracing=True)

    holds_only_with(variants.what_is_hidden_not_reconciled, unheard)


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
        def decide(self: Ledger, source: Any, version: str, hints: Any, at: str, decision: str) -> str:
            self.decide(source, version, hints, at)
            return version

        return [(Ledger, "decide_current", decide)]

    holds_only_with(about_what_is_found, whichever)
