"""A patient directory that is in use and fills while uploads arrive: a patient is listed at some time, or never.

I8 nothing is written under an id that the directory does not hold, whatever named it
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from carefile.core.deciding import classification
from carefile.core.model import Patient, UnknownReason
from carefile.core.patients.entries import PatientEntry, Statement
from carefile.core.records.patients import to_item
from lambdas.adapters import settings
from lambdas.intake.filing import Filing
from tests.simulation.actors import Actor, Judge, Patches
from tests.simulation.mixture import Mixture
from tests.simulation.oracle import Place, Uploaded
from tests.simulation.outside import Outside
from tests.simulation.scenario import ANA, ANA_LAB, BO, CY, Scenario, Step
from tests.simulation.world import World

TABLE = "patients"
PATIENTS = (ANA, BO, CY, ANA_LAB)


@dataclass(frozen=True, slots=True)
class List(Step):
    """An import lists a patient, and takes in again what there is."""

    patient: str


class Listed(Judge):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.listed: set[str] = set()

    def installed(self) -> Iterable[tuple[Any, str, Any]]:
        named = settings.named
        yield settings, "patients_are_listed", lambda: True
        yield settings, "named", lambda name: TABLE if name == "PATIENTS_TABLE" else named(name)

    def knows(self, patient: str) -> bool:
        return patient in self.listed

    def ever(self, upload: Uploaded, places: Sequence[Place]) -> Sequence[Place]:
        """A round may have looked the patient up before the import."""
        return [*self.now(upload, places), *(place.of_nobody() for place in places)]

    def now(self, upload: Uploaded, places: Sequence[Place]) -> Sequence[Place]:
        believed = (place.patient is None or self.knows(place.patient) for place in places)
        return [place if sure else place.of_nobody() for place, sure in zip(places, believed, strict=True)]


def add(rng: random.Random, scenario: Scenario, _: Mixture) -> Scenario:
    """Some patients are listed before the first upload, some later, the others never."""
    steps = list(scenario.steps)
    first, later = rng.choice((0.2, 0.5)), rng.choice((0.5, 0.9))
    for number, patient in enumerate(rng.sample(PATIENTS, len(PATIENTS)), start=1):
        if rng.random() < first:
            steps.insert(0, List(f"l{number}", patient))
        elif rng.random() < later:
            steps.insert(rng.randint(1, len(steps)), List(f"l{number}", patient))
    return dataclasses.replace(scenario, steps=tuple(steps))


def take(outside: Outside, step: List) -> None:
    world = outside.world
    world.note(f"-- {step.name}: {step.patient} is listed")
    world.judge(Listed).listed.add(step.patient)
    entry = PatientEntry(step.patient, {"import": Statement()}, revision=1)
    world.clients.dynamodb.put_item(TableName=TABLE, Item=to_item(entry))
    for number, key in enumerate(world.scenario.keys):
        uploads = [upload for upload in world.known.uploads if upload.key == key and upload.body]
        if uploads:
            outside.take_in_again(f"{step.name}.{number}", key)


def listing_left_out_of_the_check() -> Patches:
    """A round that looked a patient up before the import does not look whether that came meanwhile."""
    return [(Filing, "is_listed_as_before", lambda *_: True)]


def unlisted_patient_believed() -> Patches:
    """The directory resolves what it lists, and what it does not list is believed as it is."""
    listed = classification._listed

    def believed(patient: Patient, *rest: Any) -> Patient:
        found = listed(patient, *rest)
        return patient if found.reason is UnknownReason.UNLISTED else found

    return [(classification, "_listed", believed)]


ACTOR = Actor(
    "patient directory",
    3,
    add,
    {List: take},
    Listed,
    found_within={
        listing_left_out_of_the_check: 1000,
        unlisted_patient_believed: 50,
    },
)
