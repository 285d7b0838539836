"""Make a clinic's rule file from the default one and what the clinic adds, so that both can change on their own.

    python examples/another_clinic/make_rules.py > rules/clinic.json

Then set `"rules_file": "rules/clinic.json"` for the stage in cdk.json. The clinic's rules come first; its words are
added to the lists of the default table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parents[1] / "rules" / "default.json"


def made(default: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    taken = {rule["name"] for rule in default["rules"]} & {rule["name"] for rule in own["first"]}
    if taken:
        raise ValueError(f"the default table has rules of this name: {', '.join(sorted(taken))}")
    lists = {name: [*default.get(name, []), *words] for name, words in own.items() if name != "first"}
    return {**default, **lists, "rules": [*own["first"], *default["rules"]]}


def main() -> None:
    own = json.loads((HERE / "rules.json").read_text(encoding="utf-8"))
    default = json.loads(DEFAULT.read_text(encoding="utf-8"))
    json.dump(made(default, own), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
