"""`make sbom`: writes a CycloneDX bill of materials for each lock to `.build/sbom/`.

The tools of CycloneDX and npm make them. Each is then compared with its lock and refused if any package or hash
differs. Native libraries inside the wheels are added (supply_chain/native.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from supply_chain import native
from supply_chain.locks import LOCKS, ROOT, Lock, Pinned, normal, read

FOLDER = ROOT / ".build" / "sbom"
CYCLONEDX = ROOT / ".venv-supply-chain" / "bin" / "cyclonedx-py"


class WrongBill(Exception):
    """A bill of materials that does not match its lock."""


def generate(lock: Lock) -> dict[str, Any]:
    """Generate the bill of a lock."""
    if lock.path.suffix == ".json":
        command = ["npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only"]
    else:
        options = ["--output-reproducible", "--output-format", "JSON", "--output-file", "-"]
        command = [str(CYCLONEDX), "requirements", lock.file, *options]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    except subprocess.CalledProcessError as error:
        raise WrongBill(f"{command[0]}: {error.stderr.strip()}") from None
    except OSError as error:
        raise WrongBill(f"{command[0]}: {error.strerror}") from None
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def check(bill: Mapping[str, Any], locked: Iterable[Pinned]) -> None:
    """Refuse a bill that differs from its lock in any package, version or hash."""
    listed, known = Counter(map(_pinned, bill["components"])), Counter(locked)
    if differing := {one.label for one in (listed - known) + (known - listed)}:
        raise WrongBill(f"it differs from the lock in {', '.join(sorted(differing))}")


def _pinned(component: Mapping[str, Any]) -> Pinned:
    """Convert a component to a locked package; npm puts hashes at the component, CycloneDX at its distribution."""
    holders = [component, *component.get("externalReferences", ())]
    hashes = {
        f"{it['alg'].replace('-', '').lower()}:{it['content'].lower()}"
        for holder in holders
        for it in holder.get("hashes", ())
    }
    ours = component["purl"].startswith("pkg:pypi/")
    name = normal(component["name"]) if ours else component["name"]
    return Pinned(name, component["version"], frozenset(hashes))


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lock in LOCKS.items():
        bill, locked = generate(lock), read(lock)
        try:
            check(bill, locked)
        except WrongBill as wrong:
            raise WrongBill(f"{lock.file}: {wrong}") from None
        libraries = native.of(lock)
        bill["components"] += [library.component() for library in libraries]
        path = folder / f"{name}.cdx.json"
        path.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
        hashes = sum(len(one.hashes) for one in locked)
        print(
            f"{path.relative_to(ROOT)}: {len(locked)} packages, {hashes} hashes, as in {lock.file}; "
            f"{len(libraries)} libraries inside them"
        )


if __name__ == "__main__":
    try:
        write(FOLDER)
    except WrongBill as wrong:
        sys.exit(f"carefile: no bill of materials: {wrong}")
