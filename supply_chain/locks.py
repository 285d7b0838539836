"""The lock files: every package that Carefile installs, pinned to a version and the hashes of its files."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Pinned:
    """One version of a package. `hashes` are in hexadecimal, as `algorithm:digest`."""

    name: str
    version: str
    hashes: frozenset[str]

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file, its purpose, and the virtual environment its packages are installed in."""

    file: str
    purpose: str
    venv: str = ""

    @property
    def path(self) -> Path:
        return ROOT / self.file


LOCKS: Mapping[str, Lock] = {
    "functions": Lock("lambdas/requirements.lock", "deployed with the functions", ".venv"),
    "scans": Lock("lambdas/scans/requirements.lock", "deployed with the functions that read scans", ".venv"),
    "project": Lock("requirements.lock", "building, testing, deploying and operating", ".venv"),
    "local": Lock("local/requirements.lock", "the embedded AWS of one machine", ".venv-local"),
    "checkov": Lock("tests/template/checkov/requirements.lock", "checking the template", ".venv-checkov"),
    "supply-chain": Lock(
        "supply_chain/requirements.lock", "bills of materials and audits", ".venv-supply-chain"
    ),
    "site": Lock("docs/site/requirements.lock", "building the documentation's site", ".venv-site"),
    "npm": Lock("package-lock.json", "the CDK's command line, and JSONata and axe for the tests"),
}


def normal(name: str) -> str:
    """Normalise the name of a Python package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(lock: Lock) -> list[Pinned]:
    """Read the packages of a lock; one may have several versions, for different Pythons."""
    text = lock.path.read_text(encoding="utf-8")
    return of_npm(text) if lock.path.suffix == ".json" else of_requirements(text)


def of_requirements(text: str) -> list[Pinned]:
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if pinned := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line):
            hashes = frozenset(re.findall(r"--hash=(\w+:[0-9a-f]+)", line))
            found.append(Pinned(normal(pinned[1]), pinned[2], hashes))
    return found


def of_npm(text: str) -> list[Pinned]:
    packages = json.loads(text)["packages"]
    return [
        Pinned(
            place.rpartition("node_modules/")[2], it["version"], frozenset({_hexadecimal(it["integrity"])})
        )
        for place, it in packages.items()
        if place
    ]


def _hexadecimal(integrity: str) -> str:
    algorithm, _, digest = integrity.partition("-")
    return f"{algorithm}:{base64.b64decode(digest).hex()}"
