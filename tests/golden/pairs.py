"""The golden pairs, found by their file names: a new case is two new files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Pair:
    name: str
    given: dict[str, Any]
    expected: dict[str, Any]

    def __str__(self) -> str:
        return self.name


def pairs(folder: str) -> list[Pair]:
    found = []
    for path in sorted((HERE / folder).glob("*.input.json")):
        expected = path.with_name(path.name.replace(".input.", ".expected."))
        given = json.loads(path.read_bytes())
        found.append(Pair(path.name.removesuffix(".input.json"), given, json.loads(expected.read_bytes())))
    assert found, f"no pairs in {folder}"
    return found
