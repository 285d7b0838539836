"""People who say that a document or a session is nobody's, or take back what was decided about it."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from dataclasses import dataclass

from carefile.core.deciding import classification
from carefile.core.deciding.standing import Standing
from carefile.core.errors import RejectedAssignment
from carefile.core.filing.layout import Owner
from carefile.core.messages.assignment_request import AssignmentRequest
from carefile.core.model import DecisionType, Hints, Kind, Source
from lambdas.adapters.ledger import Ledger
from lambdas.intake import filing
from tests.simulation.actors import Actor, Patches
from tests.simulation.mixture import Mixture
from tests.simulation.oracle import NOBODYS, Decision, Uploaded, tree_of
from tests.simulation.outside import Outside
from tests.simulation.scenario import ANA, BO, Scenario, Step, Upload


@dataclass(frozen=True, slots=True)
class Reverse(Step):
    """A person says that the document of an upload, or the session that it is part of, is nobody's, or, `back`, that
    what was decided about it no longer holds."""

    key: int
    upload: str
    back: bool


def add(rng: random.Random, scenario: Scenario, _: Mixture) -> Scenario:
    """Some uploads are said to be nobody's, that is perhaps taken back, and the same bytes are sent again."""
    steps = list(scenario.steps)
    for number in range(1, rng.choice((1, 1, 2)) + 1):
        uploads = [step for step in steps if isinstance(step, Upload) and not step.empty]
        if not uploads:
            break
        meant = rng.choice(uploads)
        at = rng.randint(steps.index(meant) + 1, len(steps))
        steps.insert(at, Reverse(f"n{number}", meant.key, meant.name, back=False))
        if rng.random() < 0.5:
            steps.insert(
                rng.randint(at + 1, len(steps)), Reverse(f"b{number}", meant.key, meant.name, back=True)
            )
        if rng.random() < 0.5 and not scenario.keys[meant.key].session:
            again = Upload(f"q{number}", meant.key, rng.choice((None, ANA, BO)), like=meant.name)
            steps.insert(rng.randint(steps.index(meant) + 1, len(steps)), again)
    return dataclasses.replace(scenario, steps=tuple(steps), versioned=True)


def take(outside: Outside, step: Reverse) -> None:
    """The decision is recorded as the assigning function does, and intakes of what it is about are started."""
    uploaded = outside.uploaded[step.upload]
    kind = DecisionType.TAKE_BACK if step.back else DecisionType.NOBODY
    outside.world.note(f"-- {step.name}: {step.upload} of {uploaded.key.key}: {kind.value}")
    try:
        if uploaded.key.session:
            _of_session(outside, step, uploaded, kind)
        else:
            _of_document(outside, step, uploaded, kind)
    except RejectedAssignment:
        outside.world.note("   is refused: there is nothing to take back")


def _request(kind: DecisionType, leaving: frozenset[str] = frozenset()) -> AssignmentRequest:
    return AssignmentRequest(None, leaving, kind, "person", reason="a reason")


def _of_document(outside: Outside, step: Reverse, uploaded: Uploaded, kind: DecisionType) -> None:
    world, source = outside.world, Source("landing", uploaded.key.key)
    ledger = Ledger(world.clients.dynamodb, "ledger")
    digest = f"sha256:{hashlib.sha256(uploaded.body).hexdigest()}"
    known = ledger.read(source).hints_for(uploaded.version, digest) or Hints()
    if known.kind is Kind.SESSION:
        world.note("   is refused")
        return
    standing = Standing.of_hints(known)
    decided = standing.after(_request(kind), outside.decided_at())
    if decided.decision is None:
        return
    wanted = decided.hints(known)
    ledger.decide(source, uploaded.version, wanted, decided.decision.decided_at, digest)
    if ledger.read(source).hints_for(uploaded.version, digest) != wanted:
        world.note("   is refused: there is a later decision")
        return
    # Who says once more what holds decides nothing: a later hint about another version of these bytes stays later.
    for hints in _what_holds(outside, uploaded, known, back=step.back) if decided != standing else ():
        decision = Decision(step.name, uploaded.key, uploaded.version, hints, world.now(), uploaded.body)
        world.known.decisions.append(decision)
    outside.take_in_again(step.name, uploaded.key)


def _what_holds(
    outside: Outside, uploaded: Uploaded, known: Hints, *, back: bool
) -> list[tuple[tuple[str, str], ...]]:
    """What the document is by now. What was submitted without naming the patient stays; once a decision is taken back,
    whose it is by a submission holds, if that came before the decision, or nothing."""
    names = {"kind": known.kind and known.kind.value, "document_name": known.document_name}
    others = {name: value for name, value in names.items() if value}
    if not back:
        return [tuple({**others, **NOBODYS}.items())]
    submitted = [
        dict(decision.hints).get("patient_id")
        for decision in outside.world.known.decisions
        if decision.key == uploaded.key and decision.body is None
    ]
    return [tuple({**others, **({"patient_id": who} if who else {})}.items()) for who in {None, *submitted}]


def _of_session(outside: Outside, step: Reverse, uploaded: Uploaded, kind: DecisionType) -> None:
    world, tree = outside.world, tree_of(uploaded.key)
    session, ledger = Owner("landing", tree, tree=True), Ledger(world.clients.dynamodb, "ledger")
    standing = Standing.of_assignment(*ledger.read_session(session))
    leaving = frozenset({standing.patient_id} if standing.patient_id else ())
    at = f"{world.now():%Y-%m-%dT%H:%M:%S.%fZ}"
    decided = standing.after(_request(kind, leaving), at)
    if decided.decision is None:
        return
    moment = decided.decision.decided_at
    ledger.assign(session, decided.patient_id, decided.leaving, moment, decided.decision)
    world.known.reverse(tree, back=step.back, at=world.now())
    for number, key in enumerate(world.scenario.keys):
        is_there = any(upload.key == key and upload.body for upload in world.known.uploads)
        if key.session and tree_of(key) == tree and is_there:
            outside.take_in_again(f"{step.name}.{number}", key)


def nobodys_by_its_evidence() -> Patches:
    """That something is nobody's does not hold against what its evidence says."""
    return [(classification, "_is_nobodys", lambda hints, assignment: False)]


def taken_back_and_still_decided() -> Patches:
    """What is taken back keeps the patient that was decided."""
    after = Standing.after

    def keeps(self: Standing, request: AssignmentRequest, at: str) -> Standing:
        found = after(self, request, at)
        back = request.type is DecisionType.TAKE_BACK
        return dataclasses.replace(found, patient_id=self.patient_id) if back else found

    return [(Standing, "after", keeps)]


def shown_decision_not_looked_at() -> Patches:
    """What stays where it is is taken for done, whatever decision it shows."""
    return [(filing, "persons", lambda decision: None)]


ACTOR = Actor(
    "people who reverse",
    8,
    add,
    {Reverse: take},
    needs=("people who decide",),
    found_within={
        nobodys_by_its_evidence: 100,
        taken_back_and_still_decided: 300,
        shown_decision_not_looked_at: 150,
    },
)
