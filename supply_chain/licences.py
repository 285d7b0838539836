"""Lists the licence of every locked package: `python -m supply_chain.licences` writes `docs/licences.md`.

A licence comes from the package's own metadata, as an SPDX expression. Packages that are not installed on this machine
(for other systems or Python versions) keep their line in the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata

from supply_chain.locks import LOCKS, ROOT, Lock, normal, read

DOCUMENT = ROOT / "docs" / "licences.md"
# Redistribution requires nothing but keeping a notice.
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
# For tools that are never redistributed or deployed: a modified file of theirs would have to be published.
TOOLS_ONLY = frozenset({"MPL-2.0"})
# Where metadata is ambiguous: looked up in the package's own licence files.
SETTLED: Mapping[str, str] = {
    # Its one file under the GPL is for Emacs, and not in what is installed.
    "docutils": "LicenseRef-Public-Domain AND BSD-2-Clause AND PSF-2.0",
    # The libraries inside PDFium (FreeType, ICU, libjpeg-turbo and others) ask whoever passes them on for a notice; its
    # wheel holds them all.
    "pypdfium2": "BSD-3-Clause AND Apache-2.0 AND LicenseRef-PDFium-Third-Party",
}
# Packages for other systems or Python versions, which no single machine has installed.
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
# Common names of licences that are not SPDX identifiers.
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
    """Licences of the packages installed from a lock, by name and version."""
    if lock.path.suffix == ".json":
        packages = json.loads(lock.path.read_text(encoding="utf-8"))["packages"]
        found = ((at.rpartition("node_modules/")[2], it) for at, it in packages.items() if at)
        return {(name, it["version"]): it["license"] for name, it in found}
    folders = [str(it) for it in (ROOT / lock.venv).glob("lib/python3*/site-packages")]
    distributions = metadata.distributions(path=folders) if folders else ()
    return {(normal(it.metadata["Name"]), it.version): licence(it.metadata) for it in distributions}


def licence(package: metadata.PackageMetadata) -> str:
    """A package's licence as an SPDX expression, or its own words if SPDX has none."""
    name, expression = normal(package["Name"]), _first(package, "License-Expression")
    if name in SETTLED:
        return SETTLED[name]
    if expression:
        return expression
    classified = [
        it.rpartition(" :: ")[2] for it in package.get_all("Classifier") or () if "License ::" in it
    ]
    # An unknown name stays as it is, and is then not on the list of allowed licences either.
    names = sorted({_CLASSIFIERS.get(it, it) for it in classified if it not in _NO_LICENCE})
    words = _first(package, "License").strip()
    # One classifier stands for all BSD licences, so the License field may be more precise.
    exact = _WORDS.get(words.lower())
    return exact or " OR ".join(names) or words.partition("\n")[0] or "unknown"


def _first(package: metadata.PackageMetadata, field: str) -> str:
    return str((package.get_all(field) or [""])[0])


def listed(text: str) -> dict[tuple[str, str], str]:
    """Parse the licences that a document lists, by name and version."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return {(name, version): text for name, version, text in rows if name not in ("package", "---")}


def of(lock: Lock, before: Mapping[tuple[str, str], str]) -> Iterator[Licensed]:
    """Yield every package of a lock with its licence; `before` supplies those not installed here."""
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
    """Render the document. `before` is its current text."""
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
