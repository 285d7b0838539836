"""The ledger's items as DynamoDB holds them: their keys, their attributes and what they say. They are stored for years,
so a name once used here stays readable.

Item of a landing key, under its `source_id`: `destinations` (string set), `revision` (number, rises with every round
that writes), `version` and `version_id` of the round that took that revision, and for each version that somebody
decided about, named by a digest, `hints#…` and `decided#…`: a decision that arrives late says nothing about any other
version. Of a decision that named no version, `meant#…` with the id of its event, or its moment, says which one was
current then, empty if none was; of a failure that did not, `meant#failure-…` with the name of its execution. A decision
about a document holds for its bytes as well, whenever they are sent again: `bytes#…` and `since#…`, named by a digest
of the content's. Places that were taken out to make room are in items of their own, `<source_id>#places#<number>`.

A document or a session's object that a person took out of the layout: `unfiled#…` (the decision) and `unfiled_at#…`,
named by a digest of the content's; to take that back is a later decision in the same place.

Item of a session that somebody decided about, under the id of its source tree: `assigned` (the patient; absent where
it is nobody's or the decision was taken back), `assigned_at`, `decision` (who, when and why), `replaced` (string set,
patients it was taken from) and `released` (string set, patients whose it was by a decision that was taken back). It
holds for every object of the tree.

Either item, once its patient was forgotten: `forgotten_at`. What was decided about it before that moment is refused,
and revisions go on from the one that it had. While it holds nothing else it is a tombstone, which names nobody.
The patient has one as well, under a digest of the id: it refuses decisions about what the ledger never knew.

Item of a version, `<source_id>#<digest>`: the `status` that the Tag state wrote since others wrote the version's tag,
and the `verdict` of malware protection with the moment it was `scanned`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from carefile.core.deciding.identity import identity
from carefile.core.model import Assignment, Decision, DecisionType, Hints, digest

KEY = "source_id"
FORGOTTEN_AT = "forgotten_at"
ASSIGNED, ASSIGNED_AT, DECISION = "assigned", "assigned_at", "decision"
REPLACED, RELEASED = "replaced", "released"
_HINTS, _DECIDED, _MEANT = "hints", "decided", "meant"
_BYTES, _SINCE = "bytes", "since"
_UNFILED, _UNFILED_AT = "unfiled", "unfiled_at"
# Each round looks at every place that a key ever had, and an item of DynamoDB holds 400 KB.
MAX_PLACES, MAX_PLACES_BYTES = 100, 100_000
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What is known of a source. A source never heard of has revision 0."""

    destinations: frozenset[str] = frozenset()
    revision: int = 0
    version: str | None = None
    version_id: str | None = None
    hints: Mapping[str, Hints] = field(default_factory=dict)
    assignment: Assignment | None = None
    moments: Mapping[str, str] = field(default_factory=dict)
    taken_out: Mapping[str, Decision] = field(default_factory=dict)

    @property
    def has_unfiled(self) -> bool:
        """Whether any bytes of this source must not be filed."""
        return any(it.type is DecisionType.UNFILE for it in self.taken_out.values())

    def unfiled_for(self, content_digest: str | None) -> Decision | None:
        """The decision that these bytes must not be filed, if it holds."""
        found = self.taken_out.get(unfiled_name(content_digest)) if content_digest else None
        return found if found and found.type is DecisionType.UNFILE else None

    def hints_for(self, version: str, content_digest: str | None = None) -> Hints | None:
        """The latest decision somebody took about this very version, or about its bytes. It says nothing about
        others."""
        names = [hints_name(version), *([bytes_name(content_digest)] if content_digest else ())]
        found = [name for name in names if name in self.hints]
        return self.hints[max(found, key=self._when)] if found else None

    def asks_for_bytes(self, version: str) -> bool:
        """Whether the digest of a version's content may change what was decided about it."""
        own = self._when(hints_name(version))
        return self.has_unfiled or any(
            name.startswith(f"{_BYTES}#") and self._when(name) > own for name in self.hints
        )

    def decision_about(
        self, version: str, content_digest: str | None = None
    ) -> tuple[Hints | None, Assignment | None, Decision | None]:
        """All that was decided about this version: about it or its bytes, and about the session that it is part of."""
        return self.hints_for(version, content_digest), self.assignment, self.unfiled_for(content_digest)

    def _when(self, name: str) -> str:
        """When a decision was taken; if there was none, a moment before all others."""
        return self.moments.get(name, "") if name in self.hints else ""


def version_key(source_id: str, version: str) -> str:
    """The key of a version's own item."""
    return f"{source_id}#{digest('version', version)}"


def archive_key(source_id: str, number: int) -> str:
    """The key of an item with places that were taken out of the source's own, counted from 1."""
    return f"{source_id}#places#{number}"


def patient_tombstone_key(patient_id: str) -> str:
    """The key of the tombstone of a patient who was forgotten."""
    return f"patient#{digest('patient', identity(patient_id))}"


def hints_name(version: str) -> str:
    """The attribute with what was decided about a version."""
    return f"{_HINTS}#{digest('version', version)}"


def decided_name(version: str) -> str:
    """The attribute with when that was decided."""
    return f"{_DECIDED}#{digest('version', version)}"


def meant_name(decision: str) -> str:
    """The attribute with the version that the decision of this id is about, where it named none."""
    return f"{_MEANT}#{decision}"


def bytes_name(content_digest: str) -> str:
    """The attribute with what was decided about a document of this content."""
    return f"{_BYTES}#{digest('content', content_digest)}"


def since_name(content_digest: str) -> str:
    """The attribute with when that was decided."""
    return f"{_SINCE}#{digest('content', content_digest)}"


def unfiled_name(content_digest: str) -> str:
    """The attribute with the decision that this content is not to be filed, or is again."""
    return f"{_UNFILED}#{digest('content', content_digest)}"


def unfiling(name: str, decision: Decision) -> dict[str, Any]:
    """The update that records such a decision in the attribute of that name, on condition that no later one is there,
    and that the source's patient was not forgotten since."""
    later = ("attribute_not_exists(#at)", "#at <= :at")
    free = (f"attribute_not_exists({FORGOTTEN_AT})", f"{FORGOTTEN_AT} < :at")
    return {
        "UpdateExpression": "SET #unfiled = :decision, #at = :at",
        "ConditionExpression": " OR ".join(f"{one} AND {other}" for one in later for other in free),
        "ExpressionAttributeNames": {
            "#unfiled": name,
            "#at": name.replace(_UNFILED, _UNFILED_AT, 1),
        },
        "ExpressionAttributeValues": {
            ":decision": {"S": json.dumps(decision.to_json(), sort_keys=True)},
            ":at": {"S": decision.decided_at},
        },
    }


def is_tombstone(item: Item) -> bool:
    """Whether an item says only that its patient was forgotten."""
    return FORGOTTEN_AT in item and item.keys() <= {KEY, FORGOTTEN_AT, "revision"}


def decisions_naming(item: Item, patient_id: str) -> list[str]:
    """The attributes with decisions that name a patient, and with their moments."""
    named = [name for name in item if _is_decision(name) and _hints_in(item[name]).patient_id == patient_id]
    return [attribute for name in named for attribute in (name, _moment_of(name))]


def without_hint_of(item: Item, patient_id: str) -> dict[str, str]:
    """The attributes with decisions for which somebody else's than the hint's patient was decided, and what they are
    without naming that patient."""
    found = {name: _hints_in(value) for name, value in item.items() if _is_decision(name)}
    return {
        name: json.dumps(replace(hints, hinted=None).to_json(), sort_keys=True)
        for name, hints in found.items()
        if hints.hinted == patient_id != hints.patient_id
    }


def unfilings_in(item: Item) -> set[str]:
    """The attributes with decisions to take something out of the layout, and with their moments."""
    return {name for name in item if name.startswith((f"{_UNFILED}#", f"{_UNFILED_AT}#"))}


def may_be_kept(places: frozenset[str]) -> bool:
    """Whether an item has room for this many places."""
    return len(places) <= MAX_PLACES and sum(len(place.encode()) for place in places) <= MAX_PLACES_BYTES


def entry_in(item: Item) -> LedgerEntry:
    def text(name: str) -> str | None:
        return item.get(name, {}).get("S") or None

    return LedgerEntry(
        places_in(item),
        int(item.get("revision", {}).get("N", 0)),
        text("version"),
        text("version_id"),
        {name: _hints_in(value) for name, value in item.items() if _is_decision(name)},
        moments={name: text(_moment_of(name)) or "" for name in item if _is_decision(name)},
        taken_out={
            name: Decision.from_json(json.loads(value["S"]))
            for name, value in item.items()
            if name.startswith(f"{_UNFILED}#")
        },
    )


def _is_decision(name: str) -> bool:
    return name.startswith((f"{_HINTS}#", f"{_BYTES}#"))


def _moment_of(name: str) -> str:
    """The attribute with when a decision was taken."""
    kind, _, rest = name.partition("#")
    return f"{_DECIDED if kind == _HINTS else _SINCE}#{rest}"


def _hints_in(value: Any) -> Hints:
    return Hints.from_json(json.loads(value["S"]))


def places_in(item: Item) -> frozenset[str]:
    return frozenset(item.get("destinations", {}).get("SS", ()))


def assignment_in(item: Item) -> Assignment | None:
    patient, decision = item.get(ASSIGNED, {}).get("S"), item.get(DECISION, {}).get("S")
    if patient is None and decision is None:
        return None
    return Assignment(
        patient,
        frozenset(item.get(REPLACED, {}).get("SS", ())),
        Decision.from_json(json.loads(decision)) if decision else None,
    )


def released_in(item: Item) -> frozenset[str]:
    """The patients whose a session was by a decision that was taken back."""
    return frozenset(item.get(RELEASED, {}).get("SS", ()))
