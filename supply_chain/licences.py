"""The licence of every package that is locked: `python -m supply_chain.licences` writes `docs/licences.md`.

A licence is what a package's own metadata says, as an SPDX expression. What is not installed on this machine (other
systems' packages, other Pythons' versions) keeps the line that it has in the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata

from supply_chain.locks import LOCKS, ROOT, Lock, normal, read

DOCUMENT = ROOT / "docs" / "licences.md"
# Whoever passes the software on has to keep a notice, and nothing else.
PERMISSIVE = frozenset(
    {
        *{
            "0BSD",
            "Apache-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "BSL-1.0",
            "CC0-1.0",
            "CNRI-Python",
            "ISC",
            "MIT",
        },
        *{"MIT-0", "MIT-CMU", "PSF-2.0", "Zlib"},
        *{"LicenseRef-PDFium-Third-Party", "LicenseRef-Public-Domain"},
    }
)
# Used on a developer's machine and never passed on or deployed: a changed file of theirs would have to be published.
TOOLS_ONLY = frozenset({"MPL-2.0"})
# What a package's metadata leaves open, looked up in its own licence files.
SETTLED: Mapping[str, str] = {
    # Its one file under the GPL is for Emacs, and not in what is installed.
    "docutils": "LicenseRef-Public-Domain AND BSD-2-Clause AND PSF-2.0",
    # The libraries inside PDFium (FreeType, ICU, libjpeg-turbo and others) ask whoever passes them on for a notice; its
    # wheel holds them all.
    "pypdfium2": "BSD-3-Clause AND Apache-2.0 AND LicenseRef-PDFium-Third-Party",
}
# What no machine of one system and one Python has installed.
_ELSEWHERE: Mapping[str, str] = {
    "httpx2-jsfetch": "BSD-3-Clause",
    "networkx": "BSD-3-Clause",
    "numpy": "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
    "pywin32": "PSF-2.0",
    "soupsieve": "MIT",
}
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_NO_LICENCE = frozenset({"DFSG approved", "Freely Distributable", "OSI Approved"})
# The words that authors use for a licence instead of SPDX's.
_WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc": "ISC",
    "mit": "MIT",
    "mpl-2.0": "MPL-2.0",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
    "psf-2.0": "PSF-2.0",
}


@dataclass(frozen=True, slots=True)
class Licensed:
    name: str
    version: str
    licence: str

    @property
    def line(self) -> str:
        return f"| {self.name} | {self.version} | {self.licence} |"


def installed(lock: Lock) -> dict[tuple[str, str], str]:
    """The licences of the packages that are installed from a lock, by name and version; empty where none are."""
    if lock.path.suffix == ".json":
        packages = json.loads(lock.path.read_text(encoding="utf-8"))["packages"]
        found = ((at.rpartition("node_modules/")[2], it) for at, it in packages.items() if at)
        return {(name, it["version"]): it["license"] for name, it in found}
    folders = [str(it) for it in (ROOT / lock.venv).glob("lib/python3*/site-packages")]
    distributions = metadata.distributions(path=folders) if folders else ()
    return {(normal(it.metadata["Name"]), it.version): licence(it.metadata) for it in distributions}


def licence(told: metadata.PackageMetadata) -> str:
    """A package's licence as SPDX writes it, or its own words where they are nothing that SPDX has."""
    name, expression = normal(told["Name"]), _first(told, "License-Expression")
    if name in SETTLED:
        return SETTLED[name]
    if expression:
        return expression
    classified = [it.rpartition(" :: ")[2] for it in told.get_all("Classifier") or () if "License ::" in it]
    # What is in no table stays as it is, and is then in no list of what is allowed either.
    names = sorted({_CLASSIFIERS.get(it, it) for it in classified if it not in _NO_LICENCE})
    words = _first(told, "License").strip()
    # One classifier stands for all licences of the BSD, so the field may know more.
    exact = _WORDS.get(words.lower())
    return exact or " OR ".join(names) or words.partition("\n")[0] or "unknown"


def _first(told: metadata.PackageMetadata, field: str) -> str:
    return str((told.get_all(field) or [""])[0])


def listed(text: str) -> dict[tuple[str, str], str]:
    """The licences that a document tells, by name and version."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return {(name, version): told for name, version, told in rows if name not in ("package", "---")}


def of(lock: Lock, before: Mapping[tuple[str, str], str]) -> Iterator[Licensed]:
    """Every package of a lock with its licence, `before` for what is not installed here."""
    here = installed(lock)
    for one in sorted(read(lock), key=lambda it: (it.name, it.version)):
        key = (one.name, one.version)
        yield Licensed(
            one.name, one.version, here.get(key) or _ELSEWHERE.get(one.name) or before.get(key, "unknown")
        )


def parts(expression: str) -> set[str]:
    """The licences that an SPDX expression names."""
    return set(re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", " ", expression).strip()))


def document(before: str) -> str:
    """The document as it should be. `before` is the one that is there."""
    known = listed(before)
    text = (
        "# Licences\n\n"
        "Every package that is locked, with what its own metadata says of its licence. Made by\n"
        "`.venv/bin/python -m supply_chain.licences`; the tests hold it against the locks, the installed packages and\n"
        "a list of licences that are allowed. Carefile itself is under the Apache License 2.0.\n"
    )
    for lock in LOCKS.values():
        rows = "\n".join(one.line for one in of(lock, known))
        text += f"\n## {lock.purpose[0].upper()}{lock.purpose[1:]}\n\n`{lock.file}`\n\n"
        text += f"| package | version | licence |\n|---|---|---|\n{rows}\n"
    return text


if __name__ == "__main__":
    before = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    DOCUMENT.write_text(document(before), encoding="utf-8")
