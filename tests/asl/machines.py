"""Every machine as it is deployed, composed and with its substitutions made where an expression needs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from infrastructure.machines import definitions
from tests.unit.world import LANDING

Json = dict[str, Any]
NAMES = sorted(path.name.removesuffix(".asl.json") for path in definitions.STATE_MACHINES.glob("*.asl.json"))
_FILLED = {
    "${SessionPrefix}": "processed/",
    "${Concurrency}": "40",
    "${LandingBuckets}": f"{LANDING},old-records",
}


def composed(name: str) -> Json:
    """The machine of that name: what `definitions` composes of it, or its file."""
    compose = getattr(definitions, name, lambda: definitions.from_file(name))
    text = json.dumps(compose())
    for placeholder, value in _FILLED.items():
        text = text.replace(placeholder, value)
    machine: Json = json.loads(text)
    return machine


MACHINES: dict[str, Json] = {name: composed(name) for name in NAMES}


def scopes(machine: Json) -> Iterator[dict[str, Json]]:
    """The states of the machine, and those of each of its branches and maps."""
    yield machine["States"]
    for state in machine["States"].values():
        for inner in (*state.get("Branches", ()), state.get("ItemProcessor")):
            if inner:
                yield from scopes(inner)


def states(machine: Json) -> Iterator[tuple[str, Json, dict[str, Json]]]:
    """Each state: its name, itself, and the states that it may go to."""
    for around in scopes(machine):
        for name, state in around.items():
            yield name, state, around
