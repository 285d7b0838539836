"""`make audit`: reports known vulnerabilities of locked packages, and of libraries inside the deployed wheels.

It queries PyPI, npm and OSV.dev, so it needs a network. Invariant: a package that could not be looked up is never
reported as free of vulnerabilities. The tools for PyPI and npm exit with 0 when their database is unreachable or does
not know a package, so their output is parsed instead of the exit code.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from supply_chain import native, osv
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


def libraries(deployed: Sequence[Lock]) -> list[native.Native]:
    """List the native libraries and crates inside the deployed wheels, each once."""
    return sorted({one for lock in deployed for one in native.of(lock)})


def report_libraries(found: Sequence[native.Native], answers: Sequence[osv.Answer] | str) -> Iterator[str]:
    """Yield a line for all, then one per library. Crates are only listed if they are vulnerable.

    Without answers, `answers` is the reason.
    """
    by_hand = [one for one in found if not _is_crate(one)]
    what = f"{len(by_hand)} libraries and {len(found) - len(by_hand)} Rust crates inside the deployed wheels"
    if isinstance(answers, str):
        yield f"NOT AUDITED, {what}: OSV.dev could not be queried: {answers}"
        yield from (f"  {one.name} {one.version}, inside {one.inside}" for one in by_hand)
        return
    known = sum(len(one.advisories) for one in answers)
    open_ = sum(bool(one.why_not) for one in answers)
    yield f"{known} known vulnerabilities in {what}; {open_} could not be looked up"
    yield from (
        f"  {one.line}" for one in answers if one.advisories or one.why_not or not _is_crate(one.library)
    )


def _is_crate(one: native.Native) -> bool:
    return one.purl.startswith("pkg:cargo/")


def verdict(results: Sequence[Audited], answers: Sequence[osv.Answer] | str) -> str | None:
    """Explain why the audit fails, if it does. A library without a version or a place in OSV does not fail it."""
    if any(one.advisories for one in results):
        return "there are known vulnerabilities\n  to do: lock newer versions"
    if not isinstance(answers, str) and any(one.advisories for one in answers):
        return "libraries inside wheels are vulnerable\n  to do: lock versions of the wheels with newer ones"
    if isinstance(answers, str) or any(one.unknown for one in results):
        return (
            "the audit is incomplete: the databases of PyPI, npm or OSV could not be queried\n"
            "  to do: run it where all are reachable over the network"
        )
    return None


def main() -> None:
    results = [audit(lock) for lock in LOCKS.values()]
    found = libraries([LOCKS["functions"], LOCKS["scans"]])
    try:
        answers: Sequence[osv.Answer] | str = osv.ask(found)
    except osv.NotAnswered as problem:
        answers = str(problem)
    print("\n".join((*report(results), *report_libraries(found, answers))))
    if why := verdict(results, answers):
        sys.exit(f"carefile: {why}")


if __name__ == "__main__":
    main()
