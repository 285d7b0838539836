"""References between FHIR resources: what kind of thing one leads to, and to which of those that the document holds.

A server's ids are its own: `Patient/1` of two servers are two patients. A reference without server means that of the
entry in which it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from lambdas.readers.formats.fhir.values import word
from lambdas.readers.formats.json.values import Object

_TARGET = re.compile(
    r"(?P<server>https?://.*/|)(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9.-]{1,64})", re.DOTALL
)
_SEARCH = re.compile(r"(?:https?://.*/)?(?P<type>[A-Z][A-Za-z]{1,63})\?(?P<query>.*)", re.DOTALL)
_LONGEST = 2_000  # characters of a reference that is looked into


def without_version(url: str) -> str:
    return url.partition("/_history/")[0]


def types_of(reference: Object) -> set[str]:
    """The types that the reference itself says it leads to; none where it says nothing of it."""
    text = without_version(word(reference, "reference") or "")[:_LONGEST]
    match = _TARGET.fullmatch(text) or _SEARCH.fullmatch(text)
    named = {(word(reference, "type") or "").rpartition("/")[2], match["type"] if match else ""}
    return named - {""}


def searched_identifier(reference: Object) -> tuple[str | None, str] | None:
    """System and value of an identifier that stands in place of an id: `Patient?identifier=system|value`."""
    match = _SEARCH.fullmatch((word(reference, "reference") or "")[:_LONGEST])
    for pair in match["query"].split("&") if match else ():
        name, _, wanted = pair.partition("=")
        if name == "identifier":
            system, bar, value = unquote(wanted).rpartition("|")
            return (system if bar and system else None), value
    return None


@dataclass(slots=True)
class Entries:
    """The entries of bundles round the place that is looked at. Places are asked in the document's order."""

    _round: list[tuple[str, str]] = field(default_factory=list)

    def enter(self, place: str, url: str) -> None:
        self.url_of(place)
        self._round.append((f"{place}/", without_version(url)))

    def url_of(self, place: str) -> str:
        """The URL of the entry around; empty if there is none."""
        while self._round and not place.startswith(self._round[-1][0]):
            self._round.pop()
        return self._round[-1][1] if self._round else ""

    def url_of_resource(self, place: str) -> str:
        """The URL of the entry whose resource stands at this place; empty if none's does."""
        url = self.url_of(place)
        return url if url and place == f"{self._round[-1][0]}resource" else ""


@dataclass(slots=True)
class Known:
    """The resources that a document identifies."""

    urls: set[str] = field(default_factory=set)
    of_any_server: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    def add(self, type_: str, id_: str | None, url: str) -> None:
        if url:
            self.urls.add(url)
        if id_:
            self.ids.add(f"{type_}/{id_}")
            if not _TARGET.fullmatch(url):
                self.of_any_server.add(f"{type_}/{id_}")

    def holds(self, reference: str, entry_url: str) -> bool:
        reference = without_version(reference)
        if reference in self.urls:
            return True
        server = server_of(entry_url)
        if server:
            return f"{server}{reference}" in self.urls or reference in self.of_any_server
        return reference in self.ids


def server_of(url: str) -> str:
    match = _TARGET.fullmatch(url[:_LONGEST])
    return match["server"] if match else ""


def same_everywhere(reference: str, entry_url: str) -> str:
    """The form in which two references to one thing are equal."""
    reference = without_version(reference)
    return reference if ":" in reference else f"{server_of(entry_url)}{reference}"
