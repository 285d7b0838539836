"""People who take the bytes of an upload out of the layout, or want them filed again."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from dataclasses import dataclass
from typing import Any

from carefile.core.model import Decision, DecisionType, Source
from carefile.core.records.ledger import LedgerEntry, unfiled_name, unfiling
from lambdas.adapters.ledger import Ledger
from tests.simulation.actors import Actor, Judge, Patches
from tests.simulation.mixture import Mixture
from tests.simulation.oracle import Uploaded
from tests.simulation.outside import Outside
from tests.simulation.scenario import Scenario, Step, Upload
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Unfile(Step):
    """A person takes the bytes of an upload out of the layout, or, `back`, wants them filed again."""

    key: int
    upload: str
    back: bool


class Unfiled(Judge):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        # A key's bytes that somebody decided about, whether they are taken out now; the last decision holds.
        self.decided: dict[tuple[str, bytes], bool] = {}

    def takes_out(self, upload: Uploaded) -> bool:
        return self.decided.get((upload.key.key, upload.body), False)


def add(rng: random.Random, scenario: Scenario, _: Mixture) -> Scenario:
    steps = list(scenario.steps)
    for number in range(1, rng.choice((1, 1, 2, 3, 4)) + 1):
        at = rng.randint(1, len(steps))
        uploads = [step for step in steps[:at] if isinstance(step, Upload) and not step.empty]
        if uploads:
            taken = rng.choice(uploads)
            steps.insert(at, Unfile(f"o{number}", taken.key, taken.name, number > 1 and rng.random() < 0.4))
    return dataclasses.replace(scenario, steps=tuple(steps), versioned=True)


def take(outside: Outside, step: Unfile) -> None:
    """The decision about the bytes is recorded, and an intake of their key started."""
    world, uploaded = outside.world, outside.uploaded[step.upload]
    kind = DecisionType.TAKE_BACK if step.back else DecisionType.UNFILE
    world.note(f"-- {step.name}: {kind.value} {step.upload} of {uploaded.key.key}")
    world.judge(Unfiled).decided[uploaded.key.key, uploaded.body] = not step.back
    digest = f"sha256:{hashlib.sha256(uploaded.body).hexdigest()}"
    world.clients.dynamodb.update_item(
        TableName="ledger",
        Key={"source_id": {"S": Source("landing", uploaded.key.key).source_id}},
        **unfiling(unfiled_name(digest), Decision(kind, "person", outside.decided_at())),
    )
    outside.take_in_again(step.name, uploaded.key)


def unfiling_left_out_of_the_check() -> Patches:
    """A round that began before the decision does not look whether it came meanwhile."""
    decided = LedgerEntry.decision_about
    return [(LedgerEntry, "decision_about", lambda *arguments: decided(*arguments)[:2])]


def unfiled_whatever_the_bytes() -> Patches:
    """The decision holds for the key."""

    def unfiled_for(self: LedgerEntry, content_digest: str | None) -> Any:
        return next((it for it in self.taken_out.values() if it.type is DecisionType.UNFILE), None)

    return [(LedgerEntry, "unfiled_for", unfiled_for)]


def unfiled_version_not_recorded() -> Patches:
    """What is taken out is not the newest that was begun, so once it is deleted, the one before it is filed again."""
    return [(Ledger, "take_out", lambda self, observed, known: self.stop_others(observed.source, known))]


ACTOR = Actor(
    "unfiling",
    2,
    add,
    {Unfile: take},
    Unfiled,
    found_within={
        unfiling_left_out_of_the_check: 200,
        unfiled_whatever_the_bytes: 20,
        unfiled_version_not_recorded: 300,
    },
)
