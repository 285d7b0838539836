"""The threat model holds every actor against every asset, and promises tests; each of them is there."""

from __future__ import annotations

import ast
import re
from functools import cache

from lambdas.adapters.settings import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
ACTORS = {
    "Uploader of a prefix",
    "Author of a document",
    "Publisher",
    "Consumer",
    "Operator",
    "Reader of logs",
    "Neighbour in the account",
    "Web page on a developer's machine",
}


def tables() -> dict[str, list[list[str]]]:
    """The rows of each section's table."""
    found = {}
    for section in TEXT.split("\n## ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        found[section.splitlines()[0]] = [
            [cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]
        ]
    return found


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    in_classes = {
        f"{holder.name}::{node.name}"
        for holder in tree.body
        if isinstance(holder, ast.ClassDef)
        for node in holder.body
        if isinstance(node, ast.FunctionDef)
    }
    return frozenset(own | in_classes)


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", TEXT)
    assert len(named) == TEXT.count("`tests/") > 60
    missing = [f"{file}::{name}" for file, name in named if name not in names_in(file)]
    assert not missing


def test_every_actor_is_held_against_every_asset() -> None:
    found = tables()
    assets = [row[0] for row in found["What is worth protecting"]]
    assert len(assets) == 5
    assert found.keys() >= ACTORS
    for actor in ACTORS:
        assert [row[0] for row in found[actor]] == assets, actor


def test_every_cell_has_a_control_and_a_test_or_says_what_is_accepted() -> None:
    found = tables()
    for section in (*ACTORS, "Without an actor"):
        for row in found[section]:
            assert len(row) == 3, row
            _, control, proof = row
            assert control, row
            accepted = control.startswith("Accepted: ") and proof.startswith("accepted")
            assert accepted or proof.startswith("`tests/"), row
