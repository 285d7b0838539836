"""Who sent a request, as far as its message proves or claims it.

EventBridge delivers the account that published an event and the event's own id, and nothing of the caller. CloudTrail's
record of that PutEvents call, where the trail logs data events of the bus, has the principal under the same id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_CHARACTERS = 2048  # of an ARN


@dataclass(frozen=True, slots=True)
class Sender:
    """`principal`: whose credentials, as the sender says, or the account that EventBridge says an event is from;
    `event_id`: the event by which the request came."""

    principal: str | None = None
    event_id: str | None = None

    @classmethod
    def of(cls, data: object) -> Sender:
        """The sender of a message; of a request that is no event, nobody: Step Functions and CloudTrail know more."""
        if not isinstance(data, Mapping) or "detail-type" not in data:
            return cls()
        account = _text(data, "account")
        return cls(_text(data, "principal") or (f"account {account}" if account else None), _text(data, "id"))

    def to_json(self) -> dict[str, str]:
        pairs = {"principal": self.principal, "event_id": self.event_id}
        return {name: value for name, value in pairs.items() if value}


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value[:_MOST_CHARACTERS] if isinstance(value, str) else None
