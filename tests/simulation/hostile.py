"""A hostile uploader, confined to one prefix, beside the clinic's own uploads (I12): it knows every id and every name.

Two ways of confinement: by the rules of `examples/untrusted_prefix`, which believe it nothing, and by the default table
alone, where it writes agents' sessions outside every convention.

Looked at after each call that took effect:
I12 nothing of its own is under a known patient, nor has a name that somebody else's could have
I12 a session whose key names its patient has the plain name, unless another one of that kind has it
I12 what shows one source never shows another
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from carefile.core.deciding import classification
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import EvidenceSource, Trust
from lambdas.adapters import contracts
from tests.simulation import oracle, rest, world
from tests.simulation.aws.gate import Call, Fault
from tests.simulation.oracle import Uploaded
from tests.simulation.scenario import (
    ANA,
    BO,
    Again,
    Assign,
    LandingKey,
    Scenario,
    Step,
    Upload,
    _document,
    _session,
)
from tests.simulation.schedule import Decisions
from tests.simulation.variants import Patches
from tests.simulation.watch import Watch, folder_in
from tests.simulation.world import World

PREFIX = "uploads/portal-a/"
ROOT = Path(__file__).resolve().parents[2]
_RECIPE = ROOT / "examples" / "untrusted_prefix" / "rules.json"
_FAULTS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.UNANSWERED, Fault.REPEATED, Fault.THROTTLED)

# Victims, and what the hostile uploader sends against them.
_DOCUMENTS = (
    (_document("documents/PHIlab.txt"), _document(f"documents/{ANA}/PHIlab.txt", ANA)),
    (_document(f"{PREFIX}PHIlab.txt"), _document(f"{PREFIX}{ANA}/PHIlab.txt")),
)
_SESSIONS = (
    (
        _session(f"sessions/{ANA}/session_1/", "session.json", ANA),
        _session(f"sessions/{ANA}/session_1/", "agents/agent_a/agent.json", ANA),
        _session("sessions/session_1/", "session.json"),
        _session("sessions/session_1/", "agents/agent_a/agent.json"),
    ),
    (
        _session(f"{PREFIX}session_1/", "session.json"),
        _session(f"{PREFIX}session_1/", "agents/agent_a/agent.json"),
    ),
)


def is_hostile(key: LandingKey) -> bool:
    return key.key.startswith(PREFIX)


def scenario(rng: random.Random, *, recipe: bool) -> Scenario:
    """Two to four uploads of the clinic's, one to three hostile ones, repeated events, and at times an assignment."""
    victims, attackers = rng.choice((_DOCUMENTS, _SESSIONS)) if recipe else _SESSIONS
    keys = (*rng.sample(victims, rng.randint(1, len(victims))), *attackers)
    steps: list[Step] = []
    for number in range(rng.randint(2, 4)):
        index = rng.randrange(len(keys) - len(attackers))
        steps.append(_upload(rng, f"u{number}", index, keys[index]))
    for number in range(rng.randint(1, 3)):
        index = rng.randrange(len(keys) - len(attackers), len(keys))
        steps.insert(rng.randint(0, len(steps)), _upload(rng, f"h{number}", index, keys[index]))
    for number in range(rng.randint(0, 2)):
        upload = rng.choice([step for step in steps if isinstance(step, Upload)])
        steps.insert(steps.index(upload) + 1, Again(f"x{number}", upload.name))
    unnamed = [at for at, key in enumerate(keys) if key.session and not key.patient and not is_hostile(key)]
    if unnamed and rng.random() < 0.5:
        steps.insert(
            rng.randint(0, len(steps)), Assign("a1", rng.choice(unnamed), rng.choice((ANA, BO)), None)
        )
    return Scenario(keys, tuple(steps), warm=rng.random() < 0.5)


def _upload(rng: random.Random, name: str, index: int, key: LandingKey) -> Upload:
    whose = rng.choice((None, ANA, BO)) if key.patient is None else rng.choice((None, key.patient))
    if key.session is None and rng.random() < 0.5:
        return Upload(name, index, None, whose)
    return Upload(name, index, whose)


class Wandering(Decisions):
    """Anybody may go next, whoever went last a little more often, and a call fails now and then."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._stay, self._faults = rng.choice((0.0, 0.5, 0.9)), rng.choice((0, 0, 1, 2))

    def _choose(self, names: Sequence[str]) -> str:
        if self._last in names and self._rng.random() < self._stay:
            return self._last
        return self._rng.choice(names)

    def fault(self, actor: str, call: int) -> Fault | None:
        if not self._faults or self._rng.random() >= 0.03:
            return None
        self._faults -= 1
        self.script.faults[actor, call] = found = self._rng.choice(_FAULTS)
        return found


class HostileWatch(Watch):
    """What must hold at every moment, with I12."""

    def __init__(self, at: World) -> None:
        super().__init__(at)
        self._shown: dict[str, str] = {}  # key of an artifact: the source that it shows

    def after(self, call: Call, result: object) -> None:
        super().after(call, result)
        if call.operation in ("CopyObject", "PutObject") and not self._world.violations:
            self._look_at(str(call.arguments["Key"]))

    def _look_at(self, key: str) -> None:
        version = self._world.processed.live(key)
        stamp = version.metadata if version else {}
        upload = self._upload_of(stamp.get("carefile-source", ""), stamp.get("carefile-version", ""))
        if upload is None:
            return
        if self._shown.setdefault(key, stamp["carefile-source"]) != stamp["carefile-source"]:
            self._fail(f"I12 {key} showed another source, and now {upload.name}")
        places = [
            (place, folder)
            for place in self._world.known.possible(upload)
            if (folder := folder_in(place, key)) and place.has(folder)
        ]
        for place, folder in places[:1]:
            plain = folder == f"{place.plain}/"
            if is_hostile(upload.key):
                self._look_at_hostile(upload, folder, place.patient, plain=plain)
                continue
            names_patient = place.patient is not None and upload.key.patient == place.patient
            if place.is_session and names_patient and not plain and not self._rival(place.plain):
                self._fail(f"I12 {upload.key.key} names its patient and was pushed out into {folder}")

    def _look_at_hostile(self, upload: Uploaded, folder: str, patient: str | None, *, plain: bool) -> None:
        if patient is not None or not folder.startswith(f"{oracle.PREFIX}unknown_"):
            self._fail(f"I12 {upload.name}, by a hostile uploader, is filed in {folder}")
        if plain and believed_nothing():
            self._fail(f"I12 {upload.name}, by a hostile uploader, has the plain name {folder}")

    def _rival(self, plain: str) -> bool:
        """Whether a person gave another session of this name to the patient."""
        assigned = [one for history in self._world.known.assignments.values() for one in history]
        return any(plain.startswith(f"{oracle.PREFIX}{one.patient}_medical_notes/") for one in assigned)


def believed_nothing() -> bool:
    return contracts.rules().match(f"{PREFIX}x").rule.name.startswith("portal-a")


def table() -> RuleTable:
    """The default table behind the rules of the recipe."""
    data = json.loads((ROOT / "rules" / "default.json").read_text(encoding="utf-8"))
    data["rules"] = [*json.loads(_RECIPE.read_text(encoding="utf-8")), *data["rules"]]
    return RuleTable.from_json(data)


@contextmanager
def confined(*, recipe: bool) -> Iterator[None]:
    """The functions with the recipe's rules or the default ones, the oracle that knows whom to believe, and I12."""
    says = oracle._patient

    def believed(upload: Uploaded, *, is_session: bool) -> str | None:
        return None if is_hostile(upload.key) else says(upload, is_session=is_session)

    with ExitStack() as stack:
        stack.enter_context(patch.object(oracle, "_patient", believed))
        stack.enter_context(patch.object(world, "Watch", HostileWatch))
        if recipe:
            found = table()
            stack.enter_context(patch.object(contracts, "rules", lambda: found))
        yield


def run_hostile(seed: int) -> tuple[str, ...]:
    """One schedule; what it broke. Within `confined`."""
    rng = random.Random(seed)
    at = World(scenario(rng, recipe=believed_nothing()), Wandering(rng))
    at.run()
    return tuple(rest.violations(at))


def first_broken(seeds: range) -> tuple[int, tuple[str, ...]] | None:
    return next(((seed, found) for seed in seeds if (found := run_hostile(seed))), None)


# The code with one of the mends taken away.


def everybody_believed() -> Patches:
    return [(classification, "_distrusted", lambda rule: frozenset())]


def plain_names_for_all() -> Patches:
    return [(classification, "_may_have_plain_name", lambda *_: True)]


def metadata_names_for_good() -> Patches:
    return [(classification, "_WHO_NAMES_FOR_GOOD", tuple(EvidenceSource))]


def rules_without_trust() -> Patches:
    """The recipe's rules, and everything is believed."""
    believed = dataclasses.replace(
        table(),
        rules=tuple(
            dataclasses.replace(rule, metadata=Trust.DECIDES, content=Trust.DECIDES) for rule in table().rules
        ),
    )
    return [(contracts, "rules", lambda: believed)]


# The variant, whether the recipe's rules are there, and how many schedules it takes at most.
FOUND_WITHIN: tuple[tuple[Callable[[], Patches], bool, int], ...] = (
    (rules_without_trust, True, 100),
    (everybody_believed, False, 100),
    (plain_names_for_all, True, 100),
    (metadata_names_for_good, False, 500),
)
