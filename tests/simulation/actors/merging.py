"""People who merge patients, and take that back, while uploads arrive.

The decision is the real one, on the real directory. What is under a patient is listed at some time after it, as the
layout shows it then.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carefile.core.deciding.identity import identity
from carefile.core.errors import CarefileError
from carefile.core.messages.merge_request import MergeRequest
from carefile.core.model import Decision, DecisionType
from carefile.core.patients.directory import Listing, Wanted
from carefile.core.patients.merging import Merge as Decided
from carefile.core.patients.merging import judge
from lambdas.adapters.people.directory import Directory
from lambdas.adapters.people.patients import Patients
from lambdas.intake.filing import Filing
from tests.simulation.actors import Actor, Judge, Patches
from tests.simulation.actors.listing import PATIENTS, TABLE, List
from tests.simulation.mixture import Mixture
from tests.simulation.oracle import PREFIX, Place, Uploaded, tree_of
from tests.simulation.outside import Outside
from tests.simulation.refiling import Refiling
from tests.simulation.scenario import LandingKey, Scenario, Step, Upload
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Merge(Step):
    """A person merges a patient into another, or, `back`, takes that back. What moves is listed at once, or later."""

    patient: str
    into: str
    back: bool
    at_once: bool


def add(rng: random.Random, scenario: Scenario, _: Mixture) -> Scenario:
    """Some patients are merged, some of these merges taken back, and some contradict each other or make a chain. Two at
    least are listed from the beginning, and a few merges come too early."""
    steps, pairs = list(scenario.steps), list[tuple[str, str]]()
    late = [step for step in steps if isinstance(step, List)][2:]
    steps = [step for step in steps if not isinstance(step, List)]
    first = rng.sample(PATIENTS, rng.choice((2, 2, 3, 4)))
    steps = [*(List(f"f{number}", patient) for number, patient in enumerate(first)), *steps]
    for number in range(1, rng.choice((1, 1, 2, 3, 4)) + 1):
        back = bool(pairs) and rng.random() < 0.4
        one, into = rng.choice(pairs) if back else rng.sample(first if rng.random() < 0.9 else PATIENTS, 2)
        pairs.append((one, into))
        about = [at for at, step in enumerate(steps, 1) if one in named_by(scenario, step)]
        # Often just after an upload that names the patient, whose intake the merge then meets.
        at = rng.choice(about) if about and rng.random() < 0.8 else rng.randint(len(first), len(steps))
        steps.insert(at, Merge(f"m{number}", one, into, back, rng.random() < 0.7))
    if rng.random() < 0.3:
        steps = _with_a_conflict(rng, scenario, steps, first)
    for step in late:
        if step.patient not in first:
            steps.insert(rng.randint(len(first), len(steps)), step)
    return dataclasses.replace(scenario, steps=tuple(steps), versioned=True)


def _with_a_conflict(
    rng: random.Random, scenario: Scenario, steps: list[Step], listed: Sequence[str]
) -> list[Step]:
    """An upload names two listed patients, who turn out to be one: the merge moves nothing of it, as it is nobody's."""
    uploads = [
        (at, step)
        for at, step in enumerate(steps)
        if isinstance(step, Upload) and not step.empty and scenario.keys[step.key].patient in listed
    ]
    if not uploads:
        return steps
    at, step = rng.choice(uploads)
    whose = scenario.keys[step.key].patient
    one, into = rng.sample([whose, rng.choice([it for it in listed if it != whose])], 2)
    named = dataclasses.replace(step, metadata=into if one == whose else one, content=None)
    merge_at = rng.randint(at + 1, len(steps))
    merge = Merge("m0", str(one), str(into), back=False, at_once=True)
    return [*steps[:at], named, *steps[at + 1 : merge_at], merge, *steps[merge_at:]]


def named_by(scenario: Scenario, step: Step) -> set[str | None]:
    if not isinstance(step, Upload):
        return set()
    return {scenario.keys[step.key].patient, step.metadata, step.content}


def take(outside: Outside, step: Merge) -> None:
    decide_and_move(outside, step)


def decide_and_move(outside: Outside, step: Merge) -> None:
    merge = decided(outside, step)
    if merge is None:
        return
    if step.at_once:
        move(outside, step, [*filed_under(outside.world, merge.moves_from)])
    else:
        later(outside, step, lambda: move(outside, step, [*filed_under(outside.world, merge.moves_from)]))


def decided(outside: Outside, step: Merge) -> Decided | None:
    """Record the decision; None where it is refused."""
    world = outside.world
    kind = DecisionType.UNMERGE if step.back else DecisionType.MERGE
    world.note(f"-- {step.name}: {kind.value} {step.patient} and {step.into}")
    client: Any = world.clients.dynamodb
    request = MergeRequest(step.patient, step.into, Decision(kind, "person", outside.decided_at()))
    asked = Wanted(frozenset({step.patient, step.into}))
    try:
        merge = judge(request, Directory(client, TABLE).look_up(asked).entries)
    except CarefileError as error:
        world.note(f"   is refused: {error}")
        return None
    if merge.is_new:
        assert Patients(client, TABLE).decide(merge)
        everybody = Directory(client, TABLE).look_up(Wanted(frozenset(PATIENTS))).entries
        merged = {one: entry.merged_into for one, entry in everybody.items() if entry.merged_into}
        world.known.merged.append({one: last_of(one, merged) for one in PATIENTS})
    return merge


def later(outside: Outside, step: Merge, what: Callable[[], None]) -> None:
    world = outside.world

    def happens() -> None:
        del world.runnable[f"list {step.name}"]
        what()

    world.runnable[f"list {step.name}"] = happens


def move(outside: Outside, step: Merge, found: Iterable[LandingKey]) -> None:
    for number, key in enumerate(found):
        if any(upload.key == key and upload.body for upload in outside.world.known.uploads):
            outside.take_in_again(f"{step.name}.{number}", key)


def last_of(patient: str, merged: Mapping[str, str]) -> str:
    """Whom an id means, by whom each patient is merged into."""
    return last_of(merged[patient], merged) if patient in merged else patient


def filed_under(world: World, patient: str) -> Iterator[LandingKey]:
    """The landing keys of what is filed under a patient, by the manifests of its folders: a session's, all of them."""
    paths: set[str] = set()
    for name in world.processed.live_keys():
        found = world.processed.live(name)
        if not name.endswith("/_manifest.json") or found is None or found.body is None:
            continue
        manifest = json.loads(found.body)
        if manifest["state"] == "session" and name.startswith(f"{PREFIX}{patient}_medical_notes/"):
            paths.add(manifest["owner"]["tree"])
        elif manifest["state"] == "filed" and manifest["classification"]["patient"].get("id") == patient:
            paths.add(manifest["source"]["key"])
    yield from (key for key in world.scenario.keys if {tree_of(key), key.key} & paths)


def merge_left_out_of_the_check() -> Patches:
    """A round that began before the merge does not look whether that came meanwhile."""
    return [(Filing, "is_listed_as_before", lambda *_: True)]


def listed_before_the_decision() -> Patches:
    """What is to be moved is listed before the merge is recorded."""

    def take_listed(outside: Outside, step: Merge) -> None:
        found = [*filed_under(outside.world, step.into if step.back else step.patient)]

        def decide() -> None:
            if decided(outside, step):
                move(outside, step, found)

        later(outside, step, decide)

    return [(sys.modules[__name__], "decide_and_move", take_listed)]


def merged_id_believed() -> Patches:
    """A merged patient's id still means that patient."""

    def clinic_id(self: Listing, value: str) -> str | None:
        found = identity(value)
        return found if found in self.entries else None

    return [(Listing, "clinic_id", clinic_id)]


def nobodys_left_to_themselves() -> Patches:
    """What a merge resolves, and only the catalog finds, is taken in again by nobody."""
    return [(Refiling, "run", lambda self: None)]


class Refiled(Judge):
    """At rest, an operator takes in again what was a conflict before a merge, where its landing object is there."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._refiling: Refiling | None = None

    def looked_again(self) -> None:
        self._refiling = self._refiling or Refiling(self.world)
        self._refiling.run()

    def at_rest(self) -> list[str]:
        return self._refiling.in_vain() if self._refiling else []

    def now(self, upload: Uploaded, places: Sequence[Place]) -> Sequence[Place]:
        """Of what is deleted, nothing can be taken in."""
        if len(self.world.known.merged) == 1 or self.world.landing.live(upload.key.key):
            return places
        return [*places, *(place.of_nobody() for place in places)]


ACTOR = Actor(
    "people who merge",
    6,
    add,
    {Merge: take},
    Refiled,
    needs=("patient directory",),
    found_within={
        merge_left_out_of_the_check: 700,
        merged_id_believed: 20,
        listed_before_the_decision: 400,
        nobodys_left_to_themselves: 300,
    },
)
