"""What stands decided, for any sequence of decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.standing import Standing
from carefile.core.errors import RejectedAssignment
from carefile.core.messages.assignment_request import AssignmentRequest
from carefile.core.model import Decision, DecisionType, Hints

ASSIGN, NOBODY, TAKE_BACK = DecisionType.ASSIGN, DecisionType.NOBODY, DecisionType.TAKE_BACK
patients = st.sampled_from(["Ana_7", "Ben_8", "Cyn_9"])
persons = st.sampled_from(["Dr. Rey", "Dr. Sol"])
hints = st.one_of(
    st.just(Hints(document_name="lab")),
    st.builds(lambda who: Hints(patient_id=who, document_name="lab"), patients),
    st.builds(
        lambda who: Hints(
            patient_id=who, decision=Decision(DecisionType.HINT, "system:fax", "2026-11-20T00:00Z")
        ),
        patients,
    ),
)
requests = st.one_of(
    st.builds(lambda who, by: AssignmentRequest(who, frozenset(), ASSIGN, by), patients, persons),
    st.builds(lambda by: AssignmentRequest(None, frozenset(), NOBODY, by), persons),
    st.builds(lambda by: AssignmentRequest(None, frozenset(), TAKE_BACK, by), persons),
)


def moment(number: int) -> str:
    return f"2026-11-20T12:{number // 60:02}:{number % 60:02}.000Z"


@given(hints, st.lists(requests, max_size=12))
def test_the_last_decision_rules_and_taking_it_back_leaves_what_the_hint_said(
    given_hints: Hints, asked: list[AssignmentRequest]
) -> None:
    standing, ruling = Standing.of_hints(given_hints), given_hints.patient_id
    hinted, by_person = given_hints.patient_id, False
    for number, request in enumerate(asked):
        try:
            after = standing.after(request, moment(number))
        except RejectedAssignment:
            assert request.type is TAKE_BACK
            assert standing.decision is None or standing.decision.type is TAKE_BACK
            continue
        if request.type is TAKE_BACK:
            # Taking back what only a hint said leaves nothing.
            ruling = hinted if by_person else None
            hinted = hinted if by_person else None
        else:
            ruling = request.patient_id
        by_person = True
        assert after.patient_id == ruling
        assert after.decision is not None
        assert after.decision.type is request.type
        # It survives being stored, and says nothing of the document's other hints.
        stored = Hints.from_json(after.hints(given_hints).to_json())
        assert Standing.of_hints(stored) == Standing(after.patient_id, after.decision, after.hinted)
        assert stored.document_name == given_hints.document_name
        standing = after


@given(hints, requests, st.integers(0, 50))
def test_the_same_decision_again_is_the_one_before(
    given_hints: Hints, request: AssignmentRequest, later: int
) -> None:
    try:
        once = Standing.of_hints(given_hints).after(request, moment(0))
    except RejectedAssignment:
        return
    assert once.after(request, moment(later)) is once


@given(hints, persons)
def test_nothing_is_taken_back_twice(given_hints: Hints, by: str) -> None:
    decided = Standing.of_hints(given_hints).after(
        AssignmentRequest(None, frozenset(), NOBODY, by), moment(0)
    )
    back = decided.after(AssignmentRequest(None, frozenset(), TAKE_BACK, by), moment(1))
    with pytest.raises(RejectedAssignment, match=r"^nothing-decided: "):
        back.after(AssignmentRequest(None, frozenset(), TAKE_BACK, "somebody else"), moment(2))
