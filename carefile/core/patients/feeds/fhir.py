"""A FHIR Patient, of R4 and R5: what it states, and the patient whom it was replaced by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carefile.core.deciding.identity import identity, of_a_visit_type, plain_system
from carefile.core.patients.dates import birth_date
from carefile.core.patients.entries import Identifier, PersonName, Sex, Statement
from carefile.core.patients.feeds.records import FeedRecord, Registered, Unconcerned, Unusable
from carefile.core.patients.moments import moment

_NO_LONGER = ("old", "temp")
_SEXES = frozenset(Sex)
Json = Mapping[str, Any]


def patient(resource: object, id_system: str | None, where: int) -> FeedRecord:
    """What a resource says. The patient's id is the identifier of `id_system`; without one, the medical record number,
    or the only identifier."""
    if not isinstance(resource, Mapping):
        return Unusable("it is no FHIR resource", where)
    if resource.get("resourceType") != "Patient":
        return Unconcerned(where)
    try:
        return _patient(resource, id_system, where)
    except (AttributeError, TypeError, KeyError):
        return Unusable("it is no valid FHIR Patient", where)


def _patient(resource: Json, id_system: str | None, where: int) -> FeedRecord:
    numbers = [one for one in resource.get("identifier", ()) if str(one.get("value", "")).strip()]
    current = [one for one in numbers if one.get("use") not in _NO_LONGER and not _of_a_visit(one)]
    if id_system is not None:
        mine = [one for one in current if plain_system(one.get("system", "")) == plain_system(id_system)]
    else:
        mine = [one for one in current if "MR" in _types(one)] or current
    ids = {identity(str(one["value"])) for one in mine}
    if len(ids) != 1:
        how = "no identifier" if not ids else "several identifiers"
        return Unusable(f"it has {how} that can be the patient's id; name the system with --id-system", where)
    born = birth_date(str(resource["birthDate"])) if resource.get("birthDate") else ""
    if born is None:
        return Unusable("its birth date is no date", where)
    sex = resource.get("gender", "")
    names = (one for one in resource.get("name", ()) if one.get("use") not in ("nickname", "anonymous"))
    return Registered(
        ids.pop(),
        Statement(
            tuple(filter(lambda name: name.in_full, map(_name, names))),
            born,
            sex if sex in _SEXES else "",
            frozenset(
                Identifier.of(one["system"], str(one["value"])) for one in current if one.get("system")
            ),
            resource.get("active", True) is not False,
            moment(str(resource.get("meta", {}).get("lastUpdated", ""))),
        ),
        where,
    )


def _name(name: Json) -> PersonName:
    given = tuple(str(one) for one in name.get("given", ()) if one)
    return PersonName(
        "" if name.get("family") else str(name.get("text", "")), str(name.get("family", "")), given
    )


def _types(identifier: Json) -> Iterator[str]:
    yield from (str(one.get("code", "")) for one in identifier.get("type", {}).get("coding", ()))


def _of_a_visit(identifier: Json) -> bool:
    return any(map(of_a_visit_type, _types(identifier)))
