"""What stands decided about a session, or about a version of a document, and what a further decision makes of it.

Invariants: the same decision again changes nothing; taking one back leaves what stood before any person decided, a hint
included; nothing is taken back that nobody decided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from carefile.core.errors import RejectedAssignment
from carefile.core.messages.assignment_request import AssignmentRequest
from carefile.core.model import Assignment, Decision, DecisionType, Hints


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose it is by what was decided, and by which decision; `hinted`, whose a document was by a hint.

    `leaving` are the patients under whom nothing of it may stay.
    """

    patient_id: str | None = None
    decision: Decision | None = None
    hinted: str | None = None
    leaving: frozenset[str] = frozenset()

    @classmethod
    def of_hints(cls, hints: Hints) -> Standing:
        return cls(hints.patient_id, hints.decision, hints.hinted)

    @classmethod
    def of_assignment(cls, assignment: Assignment | None, released: frozenset[str]) -> Standing:
        if assignment is None:
            return cls()
        decision = assignment.decision
        taken_back = decision is not None and decision.type is DecisionType.TAKE_BACK
        leaving = released if taken_back else assignment.replaced
        return cls(assignment.patient_id, decision, None, leaving)

    def after(self, request: AssignmentRequest, at: str) -> Standing:
        """What stands after a further decision; this very one if it says the same. RejectedAssignment where there is
        nothing to take back."""
        decision = request.decision(at)
        known = self.decision
        if known is not None and decision.says_the_same_as(known):
            if request.type is DecisionType.TAKE_BACK:
                return self
            if self.patient_id == request.patient_id:
                return self if request.replacing <= self.leaving else replace(self, leaving=request.replacing)
        by_person = known is not None and known.type is not DecisionType.HINT
        hinted = self.hinted if by_person else self.patient_id
        if request.type is not DecisionType.TAKE_BACK:
            return Standing(request.patient_id, decision, hinted, request.replacing)
        nothing = known.type is DecisionType.TAKE_BACK if known else self.patient_id is None
        if nothing:
            raise RejectedAssignment(
                "nothing-decided: nobody decided about it, or that was taken back already"
            )
        left = frozenset() if self.patient_id is None else frozenset({self.patient_id})
        return Standing(self.hinted if by_person else None, decision, self.hinted, left)

    def hints(self, others: Hints) -> Hints:
        """A document's hints, with what was decided about its patient."""
        return replace(others, patient_id=self.patient_id, decision=self.decision, hinted=self.hinted)
