"""Who goes next and what goes wrong: decided at random and written down, or read from what was written down.

A `Script` names actors, not moments, so it still means something after a part of it, or of the scenario, was taken
away: what cannot be followed is passed over, and when it ends everybody goes on in turn.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.simulation.aws.gate import Fault
from tests.simulation.mixture import Mixture

_AIMED_RATE = 0.5
_IDLE = ("redrive ", "world", "index ", "failure ")


@dataclass
class Script:
    """What one run decided. Faults are named by actor and number of its call, deliveries by their name."""

    picks: list[str] = field(default_factory=list)
    faults: dict[tuple[str, int], Fault] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)

    def copy(self) -> Script:
        return Script(list(self.picks), dict(self.faults), set(self.twice), set(self.lost))


class Decisions:
    """Decides by itself only what keeps the actor going that went last; everything else is its descendants'."""

    def __init__(self) -> None:
        self.script = Script()
        self._last = ""

    def pick(self, names: Sequence[str]) -> str:
        name = names[0] if len(names) == 1 else self._choose(names)
        self.script.picks.append(name)
        self._last = name
        return name

    def _choose(self, names: Sequence[str]) -> str:
        return self._last if self._last in names else names[0]

    def fault(self, actor: str, call: int, what: frozenset[str]) -> Fault | None:
        return None

    def twice(self, name: str) -> bool:
        return False

    def lost(self, name: str, likely: bool = False) -> bool:
        return False


class Chance(Decisions):
    """Two ways to choose, since each finds what the other rarely does: a walk that stays with an actor for a while,
    and random priorities with a few changes (probabilistic concurrency testing)."""

    def __init__(self, rng: random.Random, mixture: Mixture) -> None:
        super().__init__()
        self._rng = rng
        self._mixture = mixture
        self._faults_left = mixture.fault_count
        self._stay = rng.choice((0.0, 0.5, 0.8, 0.95))
        self._idle = rng.choice((0.05, 0.2, 0.6, 1.0))
        self._priorities: dict[str, float] | None = {} if rng.random() < 0.5 else None
        self._changes = {rng.randrange(200) for _ in range(rng.randrange(1, 6))}

    def _choose(self, names: Sequence[str]) -> str:
        if self._mixture.alone_last:
            names = [name for name in names if "~" not in name] or names
        if self._priorities is not None:
            return self._by_priority(names, self._priorities)
        if self._last in names and self._rng.random() < self._stay:
            return self._last
        for _ in range(4):
            name = self._rng.choice(names)
            if not name.startswith(_IDLE) or self._rng.random() < self._idle:
                return name
        return name

    def _by_priority(self, names: Sequence[str], priorities: dict[str, float]) -> str:
        for name in names:
            if name not in priorities:
                idle = name.startswith(_IDLE)
                priorities[name] = self._rng.random() * (0.9 if idle else 1.0)
        best = max(names, key=priorities.__getitem__)
        if len(self.script.picks) in self._changes or (best == "world" and self._rng.random() < 0.5):
            priorities[best] = -self._rng.random()
            best = max(names, key=priorities.__getitem__)
        return best

    def fault(self, actor: str, call: int, what: frozenset[str]) -> Fault | None:
        aimed, rate = self._mixture.aimed, self._mixture.fault_rate
        if not self._faults_left or (aimed and not aimed & what):
            return None
        if self._rng.random() >= (_AIMED_RATE if aimed else rate):
            return None
        self._faults_left -= 1
        found = self._rng.choices(self._mixture.faults, self._mixture.fault_weights)[0]
        self.script.faults[actor, call] = found
        return found

    def twice(self, name: str) -> bool:
        if self._rng.random() >= self._mixture.repeat_rate:
            return False
        self.script.twice.add(name)
        return True

    def lost(self, name: str, likely: bool = False) -> bool:
        if self._rng.random() >= (0.5 if likely else self._mixture.loss_rate):
            return False
        self.script.lost.add(name)
        return True


class Replay(Decisions):
    """Follows a script."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._given = script
        self._next = 0

    def pick(self, names: Sequence[str]) -> str:
        picks = self._given.picks
        while self._next < len(picks):
            name = picks[self._next]
            self._next += 1
            if name in names:
                self.script.picks.append(name)
                self._last = name
                return name
        return super().pick(names)

    def fault(self, actor: str, call: int, what: frozenset[str]) -> Fault | None:
        """Each of them once: an event that is delivered again makes its calls under the same numbers."""
        found = self._given.faults.get((actor, call))
        if found is None or (actor, call) in self.script.faults:
            return None
        self.script.faults[actor, call] = found
        return found

    def twice(self, name: str) -> bool:
        if name in self._given.twice:
            self.script.twice.add(name)
        return name in self._given.twice

    def lost(self, name: str, likely: bool = False) -> bool:
        if name in self._given.lost:
            self.script.lost.add(name)
        return name in self._given.lost
