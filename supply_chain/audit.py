"""Known vulnerabilities of what is locked: `make audit`. It asks PyPI's and npm's databases, so it needs a network.

Invariant: what could not be looked up is never told as free of vulnerabilities. Both tools end well when their database
knows nothing of a package or does not answer, so their words are read and not their exit codes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from supply_chain import native
from supply_chain.locks import LOCKS, ROOT, Lock, read

PIP_AUDIT = ROOT / ".venv-supply-chain" / "bin" / "pip-audit"
PATIENCE = 300  # seconds for one lock


@dataclass(frozen=True, slots=True)
class Audited:
    """What became of one lock: advisories against its packages, and how many packages nobody could say anything of."""

    lock: Lock
    advisories: Sequence[str]
    unknown: int
    packages: int

    @property
    def line(self) -> str:
        if self.unknown:
            return f"{self.lock.file}: NOT AUDITED, {self.unknown} of {self.packages} packages could not be looked up"
        return f"{self.lock.file}: {len(self.advisories)} known vulnerabilities in {self.packages} packages"


def audited(lock: Lock) -> Audited:
    packages = len(read(lock))
    npm = lock.path.suffix == ".json"
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    command = ["npm", "audit", "--json"] if npm else [str(PIP_AUDIT), *options, "--requirement", lock.file]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        answer = json.loads(done.stdout)
    except (ValueError, OSError, subprocess.TimeoutExpired):
        return Audited(lock, (), packages, packages)
    return (of_npm if npm else of_pip)(lock, answer, packages)


def of_pip(lock: Lock, answer: dict[str, Any], packages: int) -> Audited:
    asked = [it for it in answer.get("dependencies", ()) if "skip_reason" not in it]
    advisories = [
        f"{it['name']} {it['version']}: {', '.join([known['id'], *known.get('aliases', ())])}"
        for it in asked
        for known in it["vulns"]
    ]
    return Audited(lock, advisories, packages - len(asked), packages)


def of_npm(lock: Lock, answer: dict[str, Any], packages: int) -> Audited:
    if "vulnerabilities" not in answer:
        return Audited(lock, (), packages, packages)
    found = [f"{name}: {it['severity']}" for name, it in answer["vulnerabilities"].items()]
    return Audited(lock, found, 0, packages)


def told(all_audited: Sequence[Audited]) -> Iterator[str]:
    for one in all_audited:
        yield one.line
        yield from (f"  {advisory}" for advisory in one.advisories)


def verdict(all_audited: Sequence[Audited]) -> str | None:
    """Why the audit fails, if it does."""
    if any(one.advisories for one in all_audited):
        return "there are known vulnerabilities: take newer versions into the locks"
    if any(one.unknown for one in all_audited):
        return (
            "the audit is not complete: the databases of PyPI and npm could not be asked\n"
            "  to do: run it where both can be reached over the network"
        )
    return None


def libraries(deployed: Lock) -> Iterator[str]:
    """What is built into the wheels that are deployed: the databases of PyPI and npm know none of it by its version, so
    it is named for a person to look up, and never told as free of vulnerabilities."""
    found = native.of(deployed)
    by_hand = [one for one in found if not one.purl.startswith("pkg:cargo/")]
    crates = len(found) - len(by_hand)
    yield f"{deployed.file}: NOT AUDITED, {len(by_hand)} libraries and {crates} crates of Rust inside of its wheels"
    yield from (f"  {one.name} {one.version}, inside of {one.inside}" for one in by_hand)


if __name__ == "__main__":
    results = [audited(lock) for lock in LOCKS.values()]
    print("\n".join((*told(results), *libraries(LOCKS["functions"]))))
    if why := verdict(results):
        sys.exit(f"carefile: {why}")
