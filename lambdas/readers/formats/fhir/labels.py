"""What the references of a FHIR document lead to, by name: a medication, a physician, an organization.

Only where the document itself holds it, and holds one such: a wrong name would be worse than a bare reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from carefile.core.documents.vocabulary import WITHDRAWN
from lambdas.readers.formats.fhir.members import is_called, modifiers
from lambdas.readers.formats.fhir.references import Entries, same_everywhere, server_of, without_version
from lambdas.readers.formats.fhir.values import rendered, word
from lambdas.readers.formats.json.objects import Found
from lambdas.readers.formats.json.values import Object, Value

# Members that name a resource, the first that says something.
_NAMING = (
    *("name", "code", "vaccineCode", "medicationCodeableConcept", "substance", "deviceName", "type", "title"),
    *("description", "class", "ingredient", "practitioner"),
)
_OF_ANY = "any server: "  # a resource's name, for references from entries that name no server
_LONGEST = 200  # characters of a name


def label_references(first: Iterable[Found], second: Iterable[Found]) -> None:
    """Give each reference among these objects, twice the same ones, the name of what it leads to."""
    known = _labels(first)
    if not known:
        return
    for found, url, around in _places(second):
        reference = word(found.item, "reference")
        if reference:
            keys = _keys(reference, url, around)
            found.item.label = next((label for key in keys if (label := known.get(key))), "")


def _labels(objects: Iterable[Found]) -> dict[str, str]:
    """The names of all resources by the forms that references to them have. Of a form for two there is none."""
    known: dict[str, str] = {}
    for found, url, around in _places(objects):
        type_, id_ = word(found.item, "resourceType"), word(found.item, "id")
        if type_ is None or not (label := _label(found.item, type_)):
            continue
        if found.name == "contained":
            keys = [f"{around}#{id_}"]
        else:
            name = f"{type_}/{id_}" if id_ else ""
            keys = [url, name and _OF_ANY + name, "" if server_of(url) else name]
        for key in filter(None, keys):
            known[key] = label if known.get(key, label) == label else ""
    return known


def _places(objects: Iterable[Found]) -> Iterator[tuple[Found, str, int]]:
    """Each object, with the URL of the entry around it and the number of the resource whose contained ones it sees."""
    entries = Entries()
    around: list[tuple[str, int]] = [("", 0)]
    count = 0
    for found in objects:
        place = found.place
        while len(around) > 1 and not place.startswith(around[-1][0]):
            around.pop()
        is_resource = word(found.item, "resourceType") is not None
        if url := word(found.item, "fullUrl"):
            entries.enter(place, url)
        else:
            url = entries.url_of_resource(place) if is_resource else entries.url_of(place)
        yield found, url, around[-1][1]
        if is_resource and found.name != "contained":
            count += 1
            around.append((f"{place}/", count))


def _keys(reference: str, url: str, around: int) -> Iterator[str]:
    if reference.startswith("#"):
        yield f"{around}{reference}"
        return
    yield without_version(reference)
    yield same_everywhere(reference, url) if server_of(url) else _OF_ANY + without_version(reference)


def _label(resource: Object, type_: str) -> str:
    """Its name, and with it what says that it does not hold."""
    named = (
        rendered(_one(member)) for naming in _NAMING for name, member in resource.members if name == naming
    )
    label = next(filter(None, named), "")
    if not label:
        return ""
    label = label if len(label) <= _LONGEST else f"{label[:_LONGEST]}…"
    said = (
        rendered(member)[:_LONGEST]
        for pattern in modifiers(type_)
        for name, member in resource.members
        if is_called(name, pattern)
    )
    withdrawn = [text for text in said if text.casefold().replace(" ", "-") in WITHDRAWN]
    return f"{label} ({', '.join(withdrawn)})" if withdrawn else label


def _one(value: Value) -> Value:
    return value[0] if isinstance(value, list) and value else value
