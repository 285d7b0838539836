"""People who decide whose a document is: for its bytes, also when they are sent again."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from dataclasses import dataclass, replace
from typing import Any

from carefile.core.deciding.standing import Standing
from carefile.core.messages.assignment_request import AssignmentRequest
from carefile.core.model import Hints, Kind, Source
from carefile.core.records.ledger import LedgerEntry
from lambdas.adapters.ledger import Ledger
from tests.simulation.actors import Actor, Patches
from tests.simulation.mixture import Mixture
from tests.simulation.oracle import Decision
from tests.simulation.outside import Outside
from tests.simulation.scenario import ANA, BO, CY, Scenario, Step, Upload


@dataclass(frozen=True, slots=True)
class Decide(Step):
    """A person assigns the document of an upload to a patient."""

    key: int
    upload: str
    patient: str


def add(rng: random.Random, scenario: Scenario, _: Mixture) -> Scenario:
    """Some documents are decided about, and the same bytes, or others, sent again before or after."""
    steps = list(scenario.steps)
    for number in range(1, rng.choice((1, 1, 2, 3)) + 1):
        uploads = [
            step
            for step in steps
            if isinstance(step, Upload) and not step.empty and not scenario.keys[step.key].session
        ]
        if not uploads:
            break
        meant, patient = rng.choice(uploads), rng.choice((ANA, BO, CY))
        at = rng.randint(steps.index(meant) + 1, len(steps))
        steps.insert(at, Decide(f"d{number}", meant.key, meant.name, patient))
        if rng.random() < 0.7:
            whose = rng.choice((None, None, ANA, BO))
            again = Upload(f"r{number}", meant.key, whose, like=meant.name if rng.random() < 0.8 else None)
            # Often just before the decision, whose intake then meets the one of this upload.
            steps.insert(at if rng.random() < 0.6 else rng.randint(steps.index(meant) + 1, len(steps)), again)
    return dataclasses.replace(scenario, steps=tuple(steps), versioned=True)


def take(outside: Outside, step: Decide) -> None:
    """The decision is recorded as the assigning function does, and an intake of the key started."""
    world, uploaded = outside.world, outside.uploaded[step.upload]
    source = Source("landing", uploaded.key.key)
    ledger = Ledger(world.clients.dynamodb, "ledger")
    digest = f"sha256:{hashlib.sha256(uploaded.body).hexdigest()}"
    known = ledger.read(source).hints_for(uploaded.version, digest) or Hints()
    world.note(f"-- {step.name}: {step.upload} of {uploaded.key.key} is {step.patient}'s")
    if known.kind is Kind.SESSION or not all(judge.knows(step.patient) for judge in world.judges):
        world.note("   is refused")
        return
    asked = AssignmentRequest(step.patient, frozenset(), decided_by="person")
    standing = Standing.of_hints(known)
    decided = standing.after(asked, outside.decided_at())
    assert decided.decision is not None
    wanted = decided.hints(known)
    ledger.decide(source, uploaded.version, wanted, decided.decision.decided_at, digest)
    if ledger.read(source).hints_for(uploaded.version, digest) != wanted:
        world.note("   is refused: there is a later decision")
        return
    told = replace(wanted, decision=None, hinted=None).to_json()
    hints = tuple(told.items())
    decision = Decision(step.name, uploaded.key, uploaded.version, hints, world.now(), uploaded.body)
    if decided != standing:  # or nothing new is decided
        world.known.decisions.append(decision)
    outside.take_in_again(step.name, uploaded.key)


def bytes_left_out_of_the_check() -> Patches:
    """A round that began before the decision does not look whether one about the same bytes came meanwhile."""
    decided = LedgerEntry.decision_about

    def without(self: LedgerEntry, version: str, content_digest: str | None = None) -> Any:
        return self.hints_for(version), *decided(self, version, content_digest)[1:]

    return [(LedgerEntry, "decision_about", without)]


def bytes_sent_again_not_looked_at() -> Patches:
    """A decision holds for its version alone."""
    return [(LedgerEntry, "asks_for_bytes", lambda self, _: self.has_unfiled)]


def decided_whatever_the_bytes() -> Patches:
    """The decision about some bytes holds for whatever is sent to the key."""
    asked = LedgerEntry.hints_for

    def hints_for(self: LedgerEntry, version: str, content_digest: str | None = None) -> Any:
        found = [name for name in self.hints if name.startswith("bytes#")]
        return asked(self, version) or (self.hints[found[0]] if found else None)

    return [(LedgerEntry, "hints_for", hints_for)]


ACTOR = Actor(
    "people who decide",
    4,
    add,
    {Decide: take},
    found_within={
        bytes_left_out_of_the_check: 2000,
        bytes_sent_again_not_looked_at: 500,
        decided_whatever_the_bytes: 500,
    },
)
