"""A schedule as a file: what happened, in which order, and what went wrong. It says the same when seeds mean something
else."""

from __future__ import annotations

import dataclasses
import json
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.simulation.actors import takers
from tests.simulation.aws.gate import Fault
from tests.simulation.scenario import (
    Again,
    Assign,
    Delete,
    LandingKey,
    Scan,
    Scenario,
    Step,
    Submit,
    Upload,
)
from tests.simulation.schedule import Script

FOLDER = Path(__file__).resolve().parent / "stories"
_KINDS = (Upload, Delete, Submit, Again, Scan, Assign)
_FLAGS = ("versioned", "real_documents", "warm", "express", "scanned")


def to_json(scenario: Scenario, script: Script) -> dict[str, Any]:
    return {
        "keys": [_given(key) for key in scenario.keys],
        "steps": [{"kind": type(step).__name__, **_given(step)} for step in scenario.steps],
        **{name: getattr(scenario, name) for name in _FLAGS},
        "actors": list(scenario.actors),
        "picks": [[name, len(list(run))] for name, run in groupby(script.picks)],
        "faults": [[actor, call, fault.name] for (actor, call), fault in script.faults.items()],
        "twice": sorted(script.twice),
        "lost": sorted(script.lost),
    }


def from_json(data: dict[str, Any]) -> tuple[Scenario, Script]:
    keys = tuple(LandingKey(**key) for key in data["keys"])
    flags = {name: data[name] for name in _FLAGS} | {"actors": tuple(data.get("actors", ()))}
    scenario = Scenario(keys, tuple(map(_step, data["steps"])), **flags)
    picks = [name for name, times in data["picks"] for _ in range(times)]
    faults = {(actor, call): Fault[name] for actor, call, name in data["faults"]}
    return scenario, Script(picks, faults, set(data["twice"]), set(data["lost"]))


def write(path: Path, what: str, scenario: Scenario, script: Script) -> None:
    """One line a member, so that a change of a story shows where it is."""
    data = {"what": what, **to_json(scenario, script)}
    lines = [f" {json.dumps(name)}: {_lines(value)}" for name, value in data.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read(path: Path) -> tuple[str, Scenario, Script]:
    """What it is about, and the schedule."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return data["what"], *from_json(data)


def _lines(value: Any) -> str:
    if not isinstance(value, list) or not any(isinstance(item, dict) for item in value):
        return json.dumps(value)
    return "[\n  " + ",\n  ".join(json.dumps(item) for item in value) + "\n ]"


def _given(item: Any) -> dict[str, Any]:
    """The members that are not what they are anyhow."""
    members = {field.name: (getattr(item, field.name), field.default) for field in dataclasses.fields(item)}
    return {name: value for name, (value, default) in members.items() if value != default}


def _step(data: dict[str, Any]) -> Step:
    given = {name: value for name, value in data.items() if name != "kind"}
    if "hints" in given:
        given["hints"] = tuple((name, value) for name, value in given["hints"])
    kinds: dict[str, type[Step]] = {kind.__name__: kind for kind in (*_KINDS, *takers())}
    return kinds[data["kind"]](**given)
