"""`make audit`: reports known vulnerabilities of locked packages. It queries PyPI and npm, so it needs a network.

Invariant: a package that could not be looked up is never reported as free of vulnerabilities. Both tools exit with 0
when their database is unreachable or does not know a package, so their output is parsed instead of the exit code.
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
    """The result for one lock: advisories against its packages, and how many could not be looked up."""

    lock: Lock
    advisories: Sequence[str]
    unknown: int
    packages: int

    @property
    def line(self) -> str:
        if self.unknown:
            return f"{self.lock.file}: NOT AUDITED, {self.unknown} of {self.packages} packages could not be looked up"
        return f"{self.lock.file}: {len(self.advisories)} known vulnerabilities in {self.packages} packages"


def audit(lock: Lock) -> Audited:
    """Audit the packages of one lock."""
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


def report(results: Sequence[Audited]) -> Iterator[str]:
    """Yield the lines of the report: one per lock, followed by its advisories."""
    for one in results:
        yield one.line
        yield from (f"  {advisory}" for advisory in one.advisories)


def verdict(results: Sequence[Audited]) -> str | None:
    """Explain why the audit fails, if it does."""
    if any(one.advisories for one in results):
        return "there are known vulnerabilities\n  to do: lock newer versions"
    if any(one.unknown for one in results):
        return (
            "the audit is incomplete: the databases of PyPI or npm could not be queried\n"
            "  to do: run it where both are reachable over the network"
        )
    return None


def libraries(deployed: Lock) -> Iterator[str]:
    """List the native libraries inside the deployed wheels, for a person to look up.

    The databases of PyPI and npm do not know their versions, so they are never reported as free of vulnerabilities.
    """
    found = native.of(deployed)
    by_hand = [one for one in found if not one.purl.startswith("pkg:cargo/")]
    crates = len(found) - len(by_hand)
    yield f"{deployed.file}: NOT AUDITED, {len(by_hand)} libraries and {crates} Rust crates inside its wheels"
    yield from (f"  {one.name} {one.version}, inside {one.inside}" for one in by_hand)


if __name__ == "__main__":
    results = [audit(lock) for lock in LOCKS.values()]
    print("\n".join((*report(results), *libraries(LOCKS["functions"]))))
    if why := verdict(results):
        sys.exit(f"carefile: {why}")
