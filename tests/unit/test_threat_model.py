"""The threat model promises tests; each of them is there."""

from __future__ import annotations

import ast
import re

from lambdas.adapters.settings import ROOT


def test_every_test_that_the_threat_model_names_is_there() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 15
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (
            f"{file}::{name}"
        )


def test_every_threat_has_a_control_and_a_test() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    rows = text.partition("## Threats")[2].partition("## What is left")[0].strip().splitlines()[2:]
    assert len(rows) > 10
    for row in rows:
        threat, control, test = (cell.strip() for cell in row.strip("|").split(" | "))
        assert threat, row
        assert control, row
        assert test.startswith("`tests/"), row
