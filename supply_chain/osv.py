"""Queries OSV.dev about the libraries and crates inside wheels, which the databases of PyPI and npm do not list.

A crate or a package of AlmaLinux is looked up by its name, a C library by its repository and by its name at OSS-Fuzz.
OSV gives the same empty answer for a library without known vulnerabilities as for a name that it does not know. A C
library is therefore looked up without a version as well, and is not audited if its repository is not known at all.

Invariant: a library is reported as free of known vulnerabilities only if OSV answered every query about it.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from supply_chain.native import UNKNOWN, Native

ADDRESS = "https://api.osv.dev/v1/querybatch"
_MOST_QUERIES = 500  # in one request; OSV accepts 1000
_MOST_PAGES = 20
_MOST_BYTES = 32 * 1024 * 1024
_SECONDS = 60  # for one request
_RPM = re.compile(r"pkg:rpm/almalinux/(?P<name>[^@]+)@(?P<version>[^?#]+\.el(?P<release>\d+)[^?#]*)")
# The repository of a C library and its name at OSS-Fuzz.
_UPSTREAM: Mapping[str, tuple[str, ...]] = {
    "brotli": ("https://github.com/google/brotli.git", "brotli"),
    "freetype": ("https://gitlab.freedesktop.org/freetype/freetype.git", "freetype2"),
    "fribidi": ("https://github.com/fribidi/fribidi.git", "fribidi"),
    "harfbuzz": ("https://github.com/harfbuzz/harfbuzz.git", "harfbuzz"),
    "leptonica": ("https://github.com/DanBloomberg/leptonica.git", "leptonica"),
    "libavif": ("https://github.com/AOMediaCodec/libavif.git", "libavif"),
    "libimagequant": ("https://github.com/ImageOptim/libimagequant.git",),
    "libjpeg / libjpeg-turbo": ("https://github.com/libjpeg-turbo/libjpeg-turbo.git", "libjpeg-turbo"),
    "libpng": ("https://github.com/pnggroup/libpng.git", "libpng"),
    "libtiff": ("https://gitlab.com/libtiff/libtiff.git", "libtiff"),
    "libwebp": ("https://github.com/webmproject/libwebp.git", "libwebp"),
    "libxcb": ("https://gitlab.freedesktop.org/xorg/lib/libxcb.git",),
    "libxml2": ("https://gitlab.gnome.org/GNOME/libxml2.git", "libxml2"),
    "libxslt": ("https://gitlab.gnome.org/GNOME/libxslt.git", "libxslt"),
    "little cms 2": ("https://github.com/mm2/Little-CMS.git", "lcms"),
    "openjpeg": ("https://github.com/uclouvain/openjpeg.git", "openjpeg"),
    "openssl": ("https://github.com/openssl/openssl.git", "openssl"),
    "raqm": ("https://github.com/HOST-Oman/libraqm.git",),
    "tesseract": ("https://github.com/tesseract-ocr/tesseract.git", "tesseract-ocr"),
    "xz": ("https://github.com/tukaani-project/xz.git", "xz"),
    "zlib": ("https://github.com/madler/zlib.git", "zlib"),
    "zlib-ng": ("https://github.com/zlib-ng/zlib-ng.git", "zlib-ng"),
    "zstd": ("https://github.com/facebook/zstd.git", "zstd"),
}
_NOT_IN_OSV: Mapping[str, str] = {
    "pdfium": "its vulnerabilities are published as those of the Chrome release with this number",
    "libexslt": "it is a part of libxslt",
}

Query = dict[str, Any]


class NotAnswered(Exception):
    """OSV could not be queried, or did not answer as documented."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a library: the ids of its vulnerabilities, or why it was not audited."""

    library: Native
    advisories: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def line(self) -> str:
        one = self.library
        if self.why_not:
            result = f"NOT AUDITED, {self.why_not}"
        else:
            result = (
                f"known vulnerabilities: {', '.join(self.advisories)}" if self.advisories else "none known"
            )
        return f"{one.name} {one.version}, inside {one.inside}: {result}"


def ask(libraries: Sequence[Native], address: str = ADDRESS) -> list[Answer]:
    """Look all libraries up; NotAnswered unless OSV answered everything."""
    asked = [(library, list(_queries(library))) for library in libraries]
    answers = iter(_ids([query for _, queries in asked for query in queries], address))
    return [_answer(library, [(query, next(answers)) for query in queries]) for library, queries in asked]


def _answer(library: Native, answers: Sequence[tuple[Query, frozenset[str]]]) -> Answer:
    if not answers:
        return Answer(library, why_not=_why_not(library))
    found = frozenset[str]().union(*(ids for query, ids in answers if not _is_control(query)))
    # CVEs are listed by repository; what OSS-Fuzz alone knows does not show that its address is right.
    if not found and not all(ids for query, ids in answers if _is_control(query) and _is_repository(query)):
        return Answer(library, why_not="OSV knows no vulnerability of any version at its repository")
    return Answer(library, tuple(sorted(found)))


def _is_control(query: Query) -> bool:
    return "version" not in query and "purl" not in query["package"]


def _is_repository(query: Query) -> bool:
    return bool(query["package"].get("ecosystem") == "GIT")


def _why_not(library: Native) -> str:
    if library.version == UNKNOWN:
        return "the wheel does not state its version"
    return _NOT_IN_OSV.get(library.name.lower(), "its name in OSV is not known")


def _queries(library: Native) -> Iterator[Query]:
    if library.version == UNKNOWN:
        return
    if library.purl.startswith("pkg:cargo/"):
        yield {"package": {"purl": library.purl.partition("?")[0]}}
    elif rpm := _RPM.match(library.purl):
        # Bills omit the epoch. A version without one compares as older, so a vulnerability may be reported in vain.
        package = {"ecosystem": f"AlmaLinux:{rpm['release']}", "name": rpm["name"]}
        yield {"package": package, "version": rpm["version"]}
    else:
        for package in _upstream(library):
            yield {"package": package, "version": library.version}
            yield {"package": package}


def _upstream(library: Native) -> Iterator[dict[str, str]]:
    name = library.name.lower()
    if name == "zlib" and not library.version.startswith("1."):
        name = "zlib-ng"  # zlib has no other releases; bills call zlib-ng in its compatible mode by this name
    for place in _UPSTREAM.get(name, ()):
        yield {"ecosystem": "GIT" if place.startswith("https:") else "OSS-Fuzz", "name": place}


def _ids(queries: Sequence[Query], address: str) -> Iterator[frozenset[str]]:
    for start in range(0, len(queries), _MOST_QUERIES):
        yield from _batch(queries[start : start + _MOST_QUERIES], address)


def _batch(queries: Sequence[Query], address: str) -> list[frozenset[str]]:
    found: list[set[str]] = [set() for _ in queries]
    waiting = dict(enumerate(queries))
    for _ in range(_MOST_PAGES):
        results = _post(address, list(waiting.values()))
        following: dict[int, Query] = {}
        for (index, query), result in zip(waiting.items(), results, strict=True):
            found[index].update(one["id"] for one in result.get("vulns", ()))
            if token := result.get("next_page_token"):
                following[index] = query | {"page_token": token}
        if not following:
            return [frozenset(ids) for ids in found]
        waiting = following
    raise NotAnswered(f"an answer has more than {_MOST_PAGES} pages")


def _post(address: str, queries: Sequence[Query]) -> list[dict[str, Any]]:
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - https
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
            results: list[dict[str, Any]] = json.loads(response.read(_MOST_BYTES))["results"]
    except (OSError, HTTPException) as problem:
        raise NotAnswered(str(getattr(problem, "reason", "")) or str(problem)) from None
    except (ValueError, KeyError, TypeError):
        raise NotAnswered("the answer is not what OSV documents") from None
    if not _is_answer(results, len(queries)):
        raise NotAnswered("the answer is not what OSV documents")
    return results


def _is_answer(results: Any, asked: int) -> bool:
    return (
        isinstance(results, list)
        and len(results) == asked
        and all(isinstance(one, dict) and isinstance(one.get("vulns", []), list) for one in results)
        and all(isinstance(it, dict) and isinstance(it.get("id"), str) for it in _vulns(results))
    )


def _vulns(results: Iterable[dict[str, Any]]) -> Iterator[Any]:
    for one in results:
        yield from one.get("vulns", ())
