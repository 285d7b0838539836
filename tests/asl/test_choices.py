"""Where the machines choose: whatever comes, the choice is made, and what is meant by nothing fails under a name."""

from __future__ import annotations

import re
from typing import Any

import pytest

from carefile.cli.shown.advice import OTHER, advice_for
from tests.asl.definition import evaluated, next_of
from tests.asl.engines import QueryEvaluationError
from tests.asl.machines import MACHINES, states

CHOICES = [
    pytest.param(state, around, id=f"{machine}-{name}")
    for machine, definition in MACHINES.items()
    for name, state, around in states(definition)
    if state["Type"] == "Choice"
]
CONDITIONS = sorted({rule["Condition"] for choice in CHOICES for rule in choice.values[0]["Choices"]})
FAILS = {
    (machine, name): state
    for machine, definition in MACHINES.items()
    for name, state, _ in states(definition)
    if state["Type"] == "Fail"
}
# What a member may be that is not what it should be; absent is tried as well.
ODD = (None, True, False, 0, 1, 2.5, "", "x", "document", "true", [], ["document"], [1, 2], {}, {"kind": 5})
MEMBERS = {
    "classification": [{"kind": odd} for odd in ODD] + [{}, None, "x", []],
    "objects": [{"total": odd} for odd in ODD] + [{}, None],
    "inventory": [{"bucket": odd, "key": "k"} for odd in ODD] + [None, "x"],
    **{
        name: list(ODD)
        for name in ("nothing_to_move", "next", "disposition", "key", "bucket", "prefix", "list")
    },
    "tolerated_failure_percentage": list(ODD),
}


def inputs() -> list[Any]:
    """Each member alone and with its neighbours: absent, null, and of every type."""
    alone = [{name: value} for name, values in MEMBERS.items() for value in values]
    asked = {"bucket": "old-records", "prefix": "", "key": "documents/x.txt", "next": "x"}
    return [*ODD, *alone, *(asked | one for one in alone)]


def ends_badly(name: str, around: dict[str, dict[str, Any]]) -> bool:
    """Whether the way from a state leads to a Fail state, without another choice and with nothing tried but the record
    of the failure."""
    for _ in around:
        state = around[name]
        if state["Type"] == "Fail":
            return True
        if state["Type"] != "Pass" and not name.startswith("RecordFailure"):
            return False
        name = state.get("Next", name)
    return False


@pytest.mark.parametrize(("state", "around"), CHOICES)
def test_what_no_rule_is_meant_for_fails_under_a_name(
    state: dict[str, Any], around: dict[str, dict[str, Any]]
) -> None:
    assert ends_badly(state["Default"], around)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_is_true_or_false_whatever_comes(condition: str) -> None:
    for given in inputs():
        assert isinstance(evaluated(condition, input=given, context={}), bool), given


@pytest.mark.parametrize(("state", "around"), CHOICES)
def test_what_is_null_absent_or_of_another_type_goes_nowhere_but_to_a_failure_or_to_a_check(
    state: dict[str, Any], around: dict[str, dict[str, Any]]
) -> None:
    for given in (None, {}, [], "x", dict.fromkeys(MEMBERS)):
        following = str(next_of(state, input=given, context={}))
        assert ends_badly(following, around), (given, following)


@pytest.mark.parametrize("odd", [None, 0, 1, False, True, [], {}, ["x"]], ids=repr)
def test_a_page_without_a_proper_next_is_not_listed_for_ever(odd: Any) -> None:
    route = MACHINES["reassign_patient"]["States"]["RouteNextPage"]
    assert next_of(route, input={"next": odd}) == "RejectPage"
    assert next_of(route, input={}) == "RejectPage"
    assert next_of(route, input={"next": "a/b"}) == "ListObjects"
    assert next_of(route, input={"next": ""}) == "VerifyMove"


@pytest.mark.parametrize(
    ("bucket", "accepted"),
    [
        ("landing", True),
        ("old-records", True),
        ("landing,old-records", False),
        ("landing,", False),
        (["landing"], False),
    ],
)
def test_a_bucket_is_one_of_the_list_and_no_part_of_it(bucket: Any, accepted: bool) -> None:
    check = MACHINES["backfill"]["States"]["CheckRequest"]
    given = {"bucket": bucket, "prefix": ""}
    assert (next_of(check, input=given) == "TakeInEachObject") is accepted


def test_a_count_that_is_none_is_no_success() -> None:
    count = MACHINES["backfill"]["States"]["WasThereAny"]
    for odd in (None, "5", True, [], {}):
        assert next_of(count, input={"objects": {"total": odd}}) == "RejectCount"


@pytest.mark.parametrize(("machine", "name"), FAILS)
def test_every_failure_of_a_machine_has_a_name_that_the_runbook_explains(machine: str, name: str) -> None:
    error, cause = FAILS[machine, name]["Error"], FAILS[machine, name]["Cause"]
    if error.startswith("{%"):
        assert "error.Error" in error  # the name that the state that failed had
        return
    assert advice_for(error) is not OTHER
    assert cause.startswith("{%") or re.match(r"[a-z-]+: \w", cause)


ANNOUNCING = [
    pytest.param(state["Arguments"]["Entries"], id=f"{machine}-{name}")
    for machine, definition in MACHINES.items()
    for name, state, _ in states(definition)
    if state.get("Resource", "").endswith("events:putEvents")
    and isinstance(state["Arguments"]["Entries"], str)
]


@pytest.mark.parametrize("entries", ANNOUNCING)
@pytest.mark.parametrize("given", [{"events": []}, {}, {"events": [{}]}], ids=str)
def test_an_announcement_of_nothing_fails_before_it_is_sent(entries: str, given: dict[str, Any]) -> None:
    """EventBridge refuses a request without entries, and the embedded AWS takes it."""
    with pytest.raises(QueryEvaluationError):
        evaluated(entries, input=given, context={})
