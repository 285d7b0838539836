"""What the simulation once found about marks and failures: how an upload ended is said of it, and nothing else, whoever
says it when. Each as the one schedule that shows it, as in `test_regressions.py`."""

from __future__ import annotations

import pytest

from lambdas.intake import marks
from lambdas.intake.marks import Marks
from tests.simulation import variants
from tests.simulation.actors.unfiling import Unfile
from tests.simulation.aws.gate import Fault
from tests.simulation.run import Result, run_script
from tests.simulation.scenario import (
    ANA,
    BO,
    THREAT,
    Again,
    Delete,
    Scenario,
    Step,
    Submit,
    Upload,
)
from tests.simulation.schedule import Script
from tests.simulation.test_regressions import ALL, FAILED, KEY, holds_only_with, run


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
        return any(recorded(ending, at).violations for ending in range(16, 24) for at in range(1, 10))

    assert not hidden()
    with variants.broken(variants.end_shown_before_it_is_noted):
        assert hidden()


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
