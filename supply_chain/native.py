"""Finds native libraries inside wheels, which no lock lists but a bill of materials must.

A wheel may declare what was built into it: in its own SBOMs (PEP 770), in headers it ships, or in a version file. A
shared library that it holds beside these is listed by its file name. A wheel with binaries that declares nothing is
listed as not known, never skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from supply_chain.locks import ROOT, Lock, normal, read

_BINARY = re.compile(r"\.(so|pyd|dylib)(\.|$)")
_BILL = re.compile(r"\.dist-info/sboms/[^/]+\.json$")
_HEADER = re.compile(r"/(xmlversion|xsltconfig|exsltconfig)\.h$")
_DOTTED = re.compile(r'#define\s+(LIB\w+)_DOTTED_VERSION\s+"([^"]+)"')
_NAMES = {"LIBXML": "libxml2", "LIBXSLT": "libxslt", "LIBEXSLT": "libexslt"}
_PDFIUM = "pypdfium2_raw/version.json"
_SHARED = re.compile(
    r"\.libs/lib(?P<stem>[^/]+)-[0-9a-f]{8}\.so(?:\.(?P<number>[\d.]+))?$"
)  # as auditwheel names them
# Shared libraries whose name differs from the project's, and those whose file name ends with the version.
_PROJECTS = {
    "lcms2": "littlecms2",
    "openjp2": "openjpeg",
    "sharpyuv": "webp",
    "brotlicommon": "brotli",
    "brotlidec": "brotli",
    "lzma": "xz",
    "png16": "libpng",
}
_NUMBERED = frozenset({"brotli", "tesseract", "xz", "zstd"})
UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, order=True)
class Native:
    """A library and the package that contains it; `version` may be `UNKNOWN`."""

    inside: str
    name: str
    version: str
    purl: str = ""

    def component(self) -> dict[str, Any]:
        """Render it as a CycloneDX component."""
        return {
            "type": "library",
            "name": self.name,
            "version": self.version,
            "properties": [{"name": "carefile:inside", "value": self.inside}],
        } | ({"purl": self.purl} if self.purl else {})


def of(lock: Lock) -> list[Native]:
    """List the native libraries in the installed packages of a lock."""
    wanted = {one.name for one in read(lock)}
    found: set[Native] = set()
    folders = [str(it) for it in (ROOT / lock.venv).glob("lib/python3*/site-packages")] if lock.venv else []
    for distribution in metadata.distributions(path=folders):
        if normal(distribution.name) in wanted:
            found.update(inside(distribution))
    return sorted(found)


def inside(distribution: metadata.Distribution) -> Iterator[Native]:
    name, files = normal(distribution.name), [str(file) for file in distribution.files or ()]
    found = [*_by_bills(distribution, name, files), *_by_headers(distribution, name, files)]
    found += _by_pdfium(distribution, name, files)
    found += _by_file_names(name, files, found)
    yield from found
    if not found and any(_BINARY.search(file) for file in files):
        yield Native(name, f"binaries of {name}", UNKNOWN)


def _by_bills(distribution: metadata.Distribution, name: str, files: list[str]) -> Iterator[Native]:
    for file in filter(_BILL.search, files):
        for component in json.loads(distribution.read_text(file.partition("/")[2]) or "{}").get(
            "components", ()
        ):
            purl = component.get("purl") or ""
            if not purl.startswith(f"pkg:pypi/{name}@"):
                yield Native(name, component["name"], component.get("version") or UNKNOWN, purl)


def _by_headers(distribution: metadata.Distribution, name: str, files: list[str]) -> Iterator[Native]:
    for file in filter(_HEADER.search, files):
        text = distribution.locate_file(file).read_text()
        for library, version in _DOTTED.findall(text):
            yield Native(name, _NAMES.get(library, library.lower()), version)


def _by_pdfium(distribution: metadata.Distribution, name: str, files: list[str]) -> Iterator[Native]:
    if _PDFIUM in files:
        found = json.loads(distribution.locate_file(_PDFIUM).read_text())
        yield Native(
            name, "pdfium", ".".join(str(found[part]) for part in ("major", "minor", "build", "patch"))
        )


def _by_file_names(name: str, files: list[str], declared: Iterable[Native]) -> Iterator[Native]:
    """List the bundled shared libraries that nothing declares."""
    known = [_base(one.name) for one in declared]
    for library in filter(None, map(_SHARED.search, files)):
        project = _PROJECTS.get(library["stem"], library["stem"])
        if not any(_base(project) in one or one in _base(project) for one in known):
            yield Native(name, project, _version(project, library["number"] or ""))


def _version(project: str, number: str) -> str:
    """The version that a shared library's file name states; most state the version of an interface instead."""
    if project == "libpng" and number.startswith("16."):
        return f"1.6.{number.split('.')[1]}"  # 16.58.0 is libpng 1.6.58
    return number if number and project in _NUMBERED else UNKNOWN


def _base(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("lib")
