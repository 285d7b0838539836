"""A hostile uploader, confined to one prefix, beside everybody else (I12): it knows every id and every name.

Two prefixes confine it: one by the rules of `examples/untrusted_prefix`, which believe it nothing; the other by the
default table alone, where it writes agents' sessions outside every convention.

I12 nothing of its own is under a known patient, nor has a name that somebody else's could have
I12 a session whose key names its patient has the plain name, unless one that a key or a person gave the patient has it
I12 what shows one source never shows another
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from carefile.core.deciding import classification
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import Owner
from carefile.core.model import EvidenceSource, Trust
from lambdas.adapters import contracts
from tests.simulation import oracle
from tests.simulation.actors import Actor, Judge, Patches
from tests.simulation.aws.gate import Call
from tests.simulation.mixture import Mixture
from tests.simulation.oracle import Place, Uploaded, tree_of
from tests.simulation.scenario import ANA, BO, LandingKey, Scenario, Upload, _document, _session
from tests.simulation.watch import folder_in
from tests.simulation.world import World

BELIEVED_NOTHING, OUTSIDE_CONVENTIONS = "uploads/portal-a/", "uploads/portal-b/"
_ROOT = Path(__file__).resolve().parents[3]
_RECIPE = _ROOT / "examples" / "untrusted_prefix" / "rules.json"


def is_hostile(key: LandingKey) -> bool:
    return key.key.startswith((BELIEVED_NOTHING, OUTSIDE_CONVENTIONS))


@cache
def table() -> RuleTable:
    """The default table behind the rules of the recipe."""
    data = json.loads((_ROOT / "rules" / "default.json").read_text(encoding="utf-8"))
    data["rules"] = [*json.loads(_RECIPE.read_text(encoding="utf-8")), *data["rules"]]
    return RuleTable.from_json(data)


def add(rng: random.Random, scenario: Scenario, _: Mixture) -> Scenario:
    """One to three uploads of the hostile uploader's, against names that are there."""
    keys, steps = list(scenario.keys), list(scenario.steps)
    against = rng.choice(scenario.keys)
    at = len(keys)
    keys += [dataclasses.replace(key, believed=False) for key in _hostile_keys(rng, against)]
    for number in range(1, rng.choice((1, 2, 3)) + 1):
        index = rng.randrange(at, len(keys))
        steps.insert(rng.randint(0, len(steps)), _upload(rng, f"h{number}", index, keys[index]))
    if against.session and against.patient:
        # And one that is no more than believed: a session of the same id, which its metadata gives to the patient.
        keys.append(_session(f"sessions/{against.session}/", "session.json"))
        believed = Upload("g1", len(keys) - 1, against.patient)
        steps.insert(rng.randint(0, len(steps)), believed)
    return dataclasses.replace(scenario, keys=tuple(keys), steps=tuple(steps))


def _hostile_keys(rng: random.Random, against: LandingKey) -> tuple[LandingKey, ...]:
    if against.session is None:
        where = (BELIEVED_NOTHING, f"{BELIEVED_NOTHING}{ANA}/")
        return tuple(_document(f"{prefix}{against.file}") for prefix in where)
    tree = f"{rng.choice((BELIEVED_NOTHING, OUTSIDE_CONVENTIONS))}{against.session}/"
    return tuple(_session(tree, path) for path in ("session.json", "agents/agent_a/agent.json"))


def _upload(rng: random.Random, name: str, index: int, key: LandingKey) -> Upload:
    whose = rng.choice((None, ANA, BO))
    in_content = key.session is None and rng.random() < 0.5
    return Upload(name, index, None, whose) if in_content else Upload(name, index, whose)


class Confined(Judge):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._shown: dict[str, str] = {}  # key of an artifact: the source that it shows

    def installed(self) -> Iterable[tuple[Any, str, Any]]:
        found = table()
        yield contracts, "rules", lambda: found

    def after(self, call: Call, result: Any) -> None:
        if call.operation in ("CopyObject", "PutObject") and not self.world.violations:
            self._look_at(str(call.arguments["Key"]))

    def _look_at(self, key: str) -> None:
        version = self.world.processed.live(key)
        stamp = version.metadata if version else {}
        source = stamp.get("carefile-source", "")
        stamped = self.world.watch.stamped.get(source)
        if stamped is None:
            return
        upload = self.world.known.of_version(stamped.key.key, stamp["carefile-version"])
        if upload is None:
            return
        if self._shown.setdefault(key, source) != source:
            self._fail(f"I12 {key} showed another source, and now {upload.name}")
        for place in self.world.known.possible(upload):
            folder = folder_in(place, key)
            if folder and place.has(folder):
                self._look_at_place(upload, place, folder)
                return

    def _look_at_place(self, upload: Uploaded, place: Place, folder: str) -> None:
        plain = folder == f"{place.plain}/"
        if is_hostile(upload.key):
            if place.patient is not None or not folder.startswith(f"{oracle.PREFIX}unknown_"):
                self._fail(f"I12 {upload.name}, by a hostile uploader, is filed in {folder}")
            if plain and upload.key.key.startswith(BELIEVED_NOTHING):
                self._fail(f"I12 {upload.name}, by a hostile uploader, has the plain name {folder}")
        elif (
            place.is_session
            and place.patient
            and place.patient == upload.key.patient
            and not plain
            and self.world.watch.owner_of(f"{place.plain}/") not in self._given_to(place.patient)
        ):
            self._fail(f"I12 {upload.key.key} names its patient and was pushed out into {folder}")

    def _given_to(self, patient: str) -> set[str]:
        """The owners of sessions that a key or a person gave to a patient."""
        known = self.world.known
        trees = {tree_of(key) for key in self.world.scenario.keys if key.patient == patient}
        trees |= {
            tree
            for tree, history in known.assignments.items()
            if any(it.patient == patient for it in history)
        }
        trees |= {tree_of(it.key) for it in known.decisions if ("patient_id", patient) in it.hints}
        return {Owner("landing", tree, tree=True).owner_id for tree in trees}

    def _fail(self, text: str) -> None:
        self.world.violations.append(text)


# The code with one of the mends taken away.


def everybody_believed() -> Patches:
    return [(classification, "_distrusted", lambda rule: frozenset())]


def plain_names_for_all() -> Patches:
    return [(classification, "_may_have_plain_name", lambda *_: True)]


def metadata_names_for_good() -> Patches:
    return [(classification, "_WHO_NAMES_FOR_GOOD", tuple(EvidenceSource))]


def rules_without_trust() -> Patches:
    """The recipe's rules, and everything is believed."""
    trusting = [
        dataclasses.replace(rule, metadata=Trust.DECIDES, content=Trust.DECIDES) for rule in table().rules
    ]
    believed = dataclasses.replace(table(), rules=tuple(trusting))
    # The judge of an actor takes what is in its module.
    return [(Confined, "installed", lambda self: [(contracts, "rules", lambda: believed)])]


ACTOR = Actor(
    "hostile uploader",
    5,
    add,
    judge=Confined,
    found_within={
        rules_without_trust: 100,
        everybody_believed: 100,
        plain_names_for_all: 100,
        metadata_names_for_good: 200,
    },
)
