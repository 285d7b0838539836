"""A request that two patients become one, or two again: by the event `Patients Merged` or typed by a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.deciding.identity import identity
from carefile.core.model import Decision, DecisionType
from carefile.core.patients.moments import moment

_DECIDED_BY = "system:carefile.intake"


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """`from_id` is the patient whose id is, or was, no longer used; `into_id` whose records they all are, or were."""

    from_id: str
    into_id: str
    decision: Decision

    @property
    def is_merge(self) -> bool:
        return self.decision.type is DecisionType.MERGE


def detail_of(data: Mapping[str, Any]) -> Any:
    """What the schema of `Patients Merged` describes in an input."""
    return data.get("detail") if "detail-type" in data else data


def parse(data: Mapping[str, Any], sent_at: str) -> MergeRequest:
    """The request in an input that its schema accepts. `sent_at` bounds when it was decided: a sender's clock that is
    ahead does not put its decision before those that come later."""
    asked = detail_of(data)
    decided_at = min(filter(None, (moment(asked.get("decided_at", "")), moment(sent_at))), default="")
    return MergeRequest(
        identity(asked["from"]),
        identity(asked["into"]),
        Decision(
            DecisionType(asked.get("decision", DecisionType.MERGE)),
            asked.get("decided_by", _DECIDED_BY),
            decided_at,
            asked.get("reason"),
        ),
    )
