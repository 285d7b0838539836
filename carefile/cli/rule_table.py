"""Load a deployment's rule table from this checkout: the file that its stage names in cdk.json."""

from __future__ import annotations

import json
from pathlib import Path

from carefile.cli.aws.connection import Connection
from carefile.cli.problem import Problem
from carefile.core.deciding.rules import RuleTable

_ROOT = Path(__file__).resolve().parents[2]
_DEFAULT = "rules/default.json"


def rules_of(connection: Connection) -> RuleTable:
    stage = connection.stack.removeprefix("Carefile-")
    file = _ROOT / _DEFAULT
    try:
        stages = json.loads((_ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]["stages"]
        file = _ROOT / stages.get(stage, {}).get("rules_file", _DEFAULT)
        return RuleTable.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise Problem(
            f"cannot read the rules of stage {stage} from {file.name}: {error}",
            "run this from a complete checkout of Carefile",
        ) from None
