"""What the simulation found where others take part than uploaders and submitters: each holds now, wherever the one is
when the other comes in between, and without the mend it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from carefile.core.filing.tagging import with_status
from lambdas.intake.admission import Admission
from lambdas.intake.convergence import Intake
from lambdas.intake.marks import Marks
from tests.simulation import reading_variants, variants
from tests.simulation.actors import malware, merging
from tests.simulation.actors.deciding import Decide
from tests.simulation.actors.listing import List
from tests.simulation.actors.merging import Merge
from tests.simulation.actors.readings import Readings
from tests.simulation.actors.reversing import Reverse
from tests.simulation.actors.unfiling import Unfile
from tests.simulation.aws.gate import Fault
from tests.simulation.run import Result, run_script
from tests.simulation.scenario import (
    ANA,
    BO,
    CLEAN,
    CY,
    THREAT,
    Again,
    Assign,
    LandingKey,
    Scenario,
    Step,
    Submit,
    Upload,
)
from tests.simulation.schedule import Script

KEY = LandingKey("documents/PHIlab.txt", None, None, "", "PHIlab", "txt")
ANAS = LandingKey(f"documents/{ANA}/PHIlab.txt", ANA, None, "", "PHIlab", "txt")
SESSION = LandingKey(
    "sessions/session_2/session.json", None, "session_2", "sessions/session_2/", "session", "json"
)
ALL = 90  # more steps than any execution has
READING = "reading u1.1"
CALLS = range(1, 40)  # as many as a reading has, and more


def scan(*steps: Any, picks: Iterable[str], faults: dict[tuple[str, int], Fault] | None = None) -> Result:
    """A schedule of documents whose pages are pictures."""
    scenario = Scenario((KEY,), (Upload("u1", 0), *steps), actors=("readings",))
    return run_script(scenario, Script(["world", *picks], faults or {}), tracing=True)


def holds_only_with(mend: Callable[[], Any], result: Callable[[int], Result]) -> None:
    """`result` runs the schedule in which the other comes at that call; `mend` is a variant that takes the mend
    away."""
    for call in CALLS:
        whole = result(call)
        assert not whole.violations, (call, whole.violations, whole.trace)
    with variants.broken(mend):
        assert any(result(call).violations for call in CALLS)


def test_an_event_that_comes_again_while_a_scan_is_being_read_does_not_announce_it_as_waiting_last() -> None:
    """The reading had written some of its artifacts: the intake announced those under the reading's revision, and as
    waiting, so that whoever knew this revision passed over the reading's own announcement."""

    def result(call: int) -> Result:
        picks = [*["u1"] * ALL, *[READING] * call, "world", *["x1"] * ALL, *[READING] * ALL]
        return scan(Again("x1", "u1"), picks=picks)

    holds_only_with(reading_variants.what_is_being_read_announced_as_waiting, result)


def test_a_reading_that_began_before_a_decision_was_filed_does_not_write_over_it() -> None:
    """The decision left the document where it was. The reading wrote late, under a lower revision than that under which
    the document was announced as waiting, and nobody heard that it was read."""

    def result(call: int) -> Result:
        picks = [*["u1"] * ALL, "world", *[READING] * call, *["n1"] * ALL, *[READING] * ALL]
        return scan(Reverse("n1", 0, "u1", back=False), picks=picks)

    holds_only_with(reading_variants.written_over_whatever_came_meanwhile, result)


@pytest.mark.parametrize("fault", [Fault.ABANDONED, Fault.ABORTED])
def test_a_function_that_nobody_waits_for_does_not_write_over_what_was_read(fault: Fault) -> None:
    """Its record says that the pages wait; it came after they were read, and no event said so."""

    def result(call: int) -> Result:
        picks = [*["u1"] * ALL, "redrive u1", *["u1"] * ALL, *[READING] * ALL, *["u1~1"] * ALL]
        return scan(picks=picks, faults={("u1", call): fault})

    holds_only_with(reading_variants.written_over_whatever_came_meanwhile, result)


def test_an_event_that_comes_again_leaves_a_scan_read_that_was_moved() -> None:
    """Where a key had another place before, every intake takes a revision to retire that: it wrote the record anew with
    it, and the pages were read once more."""
    moved = [*["u1"] * ALL, *[READING] * ALL, "world", *["d1"] * ALL, *["reading d1.1"] * ALL]
    found = scan(Decide("d1", 0, "u1", BO), Again("x1", "u1"), picks=[*moved, "world", *["x1"] * ALL])

    assert not found.violations, found.trace
    last = max(
        (event for event in found.world.published if event.type == "Object Cataloged"),
        key=lambda event: event.detail["revision"],
    )
    assert last.by == "x1"
    assert last.detail["reading"]["status"] == "done"
    assert len(found.world.judge(Readings).executions) == 2


def test_who_decides_about_a_threat_is_refused_though_another_version_was_taken_out() -> None:
    """What was taken out lets intakes past a threat, to retire what is filed of it. A decision whose it is went past as
    well: it was recorded for the threat, and ended well, though nothing was done about it."""
    steps = (
        Upload("u1", 0, verdict=THREAT),
        Assign("a1", 0, CY, None),
        Unfile("o1", 0, "u1", back=False),
        Submit("x1", 0, None, (("patient_id", BO),), typed=True),
        Upload("u2", 0),
    )

    def result(call: int) -> Result:
        begun = [*["world"] * 4, *["x1"] * call, "world", *["u2"] * ALL, "tag u1", *["u1"] * ALL]
        picks = [*begun, *["a1.0"] * ALL, *["o1"] * ALL, *["x1"] * ALL]
        return run_script(Scenario((SESSION,), steps, scanned=True), Script(picks), tracing=True)

    def let_past() -> variants.Patches:
        require = Admission._require

        def without_a_look_at_hints(self: Admission, request: Any, version: str) -> None:
            require(self, type(request)(request.source, request.version_id, scan=request.scan), version)

        return [(Admission, "_require", without_a_look_at_hints)]

    def is_refused(call: int) -> bool:
        found = result(call)
        assert not found.violations, found.trace
        return ("x1", "   ends with ThreatFound") in found.trace

    assert any(map(is_refused, CALLS))
    with variants.broken(let_past):
        assert not any(map(is_refused, CALLS))


@pytest.mark.parametrize("key", [KEY, SESSION], ids=["document", "session"])
def test_what_was_begun_before_a_threat_was_found_in_it_is_filed_and_announced(key: LandingKey) -> None:
    """The scan came while it was being written. The check refused it, so it was there and no event ever said so."""
    steps = (Upload("u1", 0, second_verdict=THREAT),)

    def result(call: int) -> Result:
        refused = ["tag u1", "scan u1 again", "tag u1+", *["u1+"] * ALL]
        picks = ["world", *["u1"] * call, *refused, *["u1"] * ALL]
        return run_script(Scenario((key,), steps, scanned=True), Script(picks), tracing=True)

    def refused_in_the_check() -> variants.Patches:
        return [(Intake, "_current_or_none", Intake._current)]

    def is_there_and_not_announced(call: int) -> bool:
        world = result(call).world
        assert not world.violations
        filed = any(
            version.metadata for key in world.processed.live_keys() if (version := world.processed.live(key))
        )
        return filed and not any(event.type == "Object Cataloged" for event in world.published)

    assert not any(is_there_and_not_announced(call) for call in CALLS)
    with variants.broken(refused_in_the_check):
        assert any(is_there_and_not_announced(call) for call in CALLS)


def test_a_failure_that_is_recorded_late_does_not_hide_that_what_was_taken_out_was_filed_again() -> None:
    """An aborted execution's failure was recorded once the version was taken out: it read that, and showed it after the
    version was filed again."""
    steps = (
        Upload("u1", 0),
        Unfile("o1", 0, "u1", back=False),
        Again("x1", "u1"),
        Unfile("o2", 0, "u1", back=True),
    )
    begun = ["world", "world", *["u1"] * ALL, *["o1"] * ALL, "world", "x1", "x1"]

    def result(call: int) -> Result:
        filed_again = ["world", *["o2"] * ALL, *["x1~1"] * ALL, "redrive x1", *["x1"] * ALL]
        picks = [*begun, *["failure x1.1"] * call, *filed_again, *["failure x1.1"] * ALL]
        return run_script(Scenario((KEY,), steps), Script(picks, {("x1", 1): Fault.ABORTED}), tracing=True)

    def shown_once() -> variants.Patches:
        def show(self: Marks, source: Any, version: str, version_id: str | None, noted: Any) -> None:
            if noted:
                self._rewrite(source, version, version_id, lambda tags: with_status(tags, noted))

        return [(Marks, "_show", show)]

    holds_only_with(shown_once, result)


def test_what_the_express_lane_announced_stays_marked_so_where_its_promoted_execution_finds_it_taken_out() -> (
    None
):
    """It failed as it wrote the tag, after announcement and note; then the upload was taken out, and overtaken."""
    steps = (Upload("u1", 0), Unfile("o1", 0, "u1", back=False), Upload("u2", 0))
    picks = ["world", *["u1"] * ALL, "world", "start promoted-u1", *["promoted-u1"] * ALL, "world"]

    def result(call: int) -> Result:
        script = Script(picks, {("u1", call): Fault.DENIED})
        return run_script(Scenario((KEY,), steps, express=True), script, tracing=True)

    marked = set()
    for call in CALLS:
        found = result(call)
        assert not found.violations, found.trace
        ended = [
            it.output.get("disposition") for it in found.world.executions.values() if it.name == "promoted-u1"
        ]
        version = found.world.landing.keys[KEY.key][0]
        marked.add((*ended, version.tags.get("pipeline-status")))
    assert ("unfiled", "cataloged") in marked


def test_what_the_express_lane_announced_stays_marked_so_where_a_threat_is_found_before_it_is_promoted() -> (
    None
):
    """It failed as it wrote the tag. The promoted execution fails for good, and the version is filed all the same."""
    steps = (Upload("u1", 0, second_verdict=THREAT),)
    verdicts = ["tag u1", *["u1"] * ALL, "scan u1 again", "tag u1+", *["u1+"] * ALL]

    def result(call: int) -> Result:
        script = Script(["world", *verdicts], {("u1", call): Fault.DENIED})
        return run_script(Scenario((KEY,), steps, express=True, scanned=True), script, tracing=True)

    marked = set()
    for call in CALLS:
        found = result(call)
        assert not found.violations, found.trace
        promoted = [it.error for it in found.world.executions.values() if it.name == "promoted-u1"]
        version = found.world.landing.keys[KEY.key][0]
        marked.add((*promoted, version.tags.get("pipeline-status")))
    assert {("ThreatFound", "cataloged"), ("ThreatFound", "failed")} <= marked


def test_a_scan_in_which_a_threat_is_found_before_it_is_read_stays_filed_and_its_reading_fails_visibly() -> (
    None
):
    steps = (Upload("u1", 0, second_verdict=THREAT),)

    def result(call: int) -> Result:
        refused = ["scan u1 again", "tag u1+", *["u1+"] * ALL]
        picks = ["world", "tag u1", *["u1"] * ALL, *[READING] * call, *refused, *[READING] * ALL]
        scenario = Scenario((KEY,), steps, scanned=True, actors=("malware protection", "readings"))
        return run_script(scenario, Script(picks), tracing=True)

    ended = set()
    for call in CALLS:
        found = result(call)
        assert not found.violations, found.trace
        (reading,) = found.world.judge(Readings).executions
        ended.add((reading.status, reading.error))
    assert ended == {("FAILED", "ThreatFound"), ("SUCCEEDED", "")}


def test_what_a_function_alone_files_of_the_version_below_a_threat_is_announced_by_a_reconciliation() -> None:
    """An aborted execution's function began again after a threat was found in what its redrive had filed and announced:
    it filed the version before that, and nobody was left to say so."""
    steps = (Upload("u1", 0, metadata=ANA), Upload("u2", 0, second_verdict=THREAT))
    filed = ["world", "tag u1", *["u1"] * ALL, "world", "tag u2", *["u2"] * ALL, "redrive u2", *["u2"] * ALL]
    picks = [*filed, "scan u2 again", "tag u2+", *["u2+"] * ALL, *["u2~1"] * ALL]
    scenario = Scenario((KEY,), steps, scanned=True, actors=("malware protection",))

    def result(call: int) -> Result:
        return run_script(scenario, Script(picks, {("u2", call): Fault.ABORTED}), tracing=True)

    holds_only_with(malware.what_lies_below_a_threat_not_reconciled, result)


def test_a_version_that_a_threat_makes_current_again_is_filed_over_what_was_announced_since() -> None:
    """An intake was slow while a newer version was filed and announced. Then a threat was found in that, and the slow
    one found its own version current: it stopped, under a lower revision, and the catalog showed the threat."""
    steps = (Upload("u1", 0), Upload("u2", 0, second_verdict=THREAT))
    newer = ["world", "tag u2", *["u2"] * ALL, "scan u2 again", "tag u2+", *["u2+"] * ALL]
    scenario = Scenario((KEY,), steps, scanned=True, actors=("malware protection",))

    def result(call: int) -> Result:
        picks = ["world", "tag u1", *["u1"] * call, *newer, *["u1"] * ALL]
        return run_script(scenario, Script(picks), tracing=True)

    holds_only_with(malware.what_was_begun_since_not_looked_at, result)


def test_what_is_taken_out_after_a_threat_was_found_before_it_was_filed_fails_visibly_and_leaves_nothing() -> (
    None
):
    """Nobody may file it, so there is no place that could be retired, and no event that says so."""
    steps = (Upload("u1", 0, second_verdict=THREAT), Unfile("o1", 0, "u1", back=False))
    refused = ["world", "scan u1 again", "tag u1+", *["u1+"] * ALL, "tag u1", *["u1"] * ALL]
    picks = [*refused, "world", *["o1"] * ALL]
    found = run_script(Scenario((KEY,), steps, scanned=True), Script(picks), tracing=True)

    assert not found.violations, found.trace
    assert not found.world.processed.live_keys()
    (taking_out,) = (it for it in found.world.executions.values() if it.name == "o1")
    assert (taking_out.status, taking_out.error) == ("FAILED", "ThreatFound")


def test_who_waits_for_a_verdict_is_not_re_driven_for_its_own() -> None:
    """The scan of the newer version is slow. Whoever goes on with the empty one below writes its own verdict once more,
    which is no reason to try again: it would go round without end."""
    steps = (Upload("u1", 0, empty=True, verdict=THREAT, second_verdict=CLEAN), Upload("u2", 0))
    older = ["world", "world", "tag u1", *["u1"] * ALL]
    picks = [
        *older,
        "scan u1 again",
        "tag u1+",
        *["u1+"] * ALL,
        *["redrive u1+", *["u1+"] * ALL] * 9,
        "tag u2",
    ]
    found = run_script(Scenario((SESSION,), steps, scanned=True), Script(picks), tracing=True)

    assert not found.violations, found.trace
    again = [name for name, text in found.trace if "re-driven" in text]
    assert again.count("redrive u1+") == 2, "once for its own verdict, and once for that of the newer version"


def merged(key: LandingKey, *steps: Step) -> Result:
    """A schedule in which Ana, who is listed as Cy is, turns out to be Cy when all else is at rest."""
    listed = (List("f1", ANA), List("f2", CY))
    steps = (*listed, *steps, Merge("m1", ANA, CY, back=False, at_once=True))
    scenario = Scenario((key,), steps, actors=("patient directory", "people who merge"))
    picks = ["world"] * 3 + ["u1"] * ALL
    for step in steps[3:]:
        picks += ["world", *[step.name] * ALL, *[f"{step.name}.0"] * ALL, "index x1.1", "index x1.1"]
    return run_script(scenario, Script(picks), tracing=True)


OF_TWO = {
    "by key and metadata": (ANAS, (Upload("u1", 0, metadata=CY),)),
    "by two decisions": (
        SESSION,
        (
            Upload("u1", 0),
            Assign("a1", 0, CY, None),
            Submit("x1", 0, "u1", (("patient_id", ANA),), typed=True),
        ),
    ),
}


@pytest.mark.parametrize(("key", "steps"), OF_TWO.values(), ids=OF_TWO)
def test_what_two_patients_were_named_for_is_filed_once_they_are_one_and_an_operator_refiles(
    key: LandingKey, steps: tuple[Step, ...]
) -> None:
    """A merge lists what is filed under the merged patient. Nobody had a look at what was filed under neither; and of a
    session that two decisions gave to two patients, `patients refile` saw neither decision."""
    found = merged(key, *steps)
    assert not found.violations, found.trace
    assert any(it.name.startswith("refile") for it in found.world.executions.values())
    assert any(name.startswith(f"processed/{CY}_") for name in found.world.processed.live_keys())
    with variants.broken(merging.nobodys_left_to_themselves):
        assert merged(key, *steps).violations
