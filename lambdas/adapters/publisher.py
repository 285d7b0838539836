"""The catalog bus, for what a function announces itself. The pipeline's own events are put there by the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from carefile.core.errors import StorageThrottled
from carefile.core.messages.events import EVENT_SOURCE, Event

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


class Publisher:
    def __init__(self, events: EventBridgeClient, bus: str) -> None:
        self._events = events
        self._bus = bus

    def publish(self, event: Event) -> None:
        """Put the event on the bus. StorageThrottled if the bus did not accept it."""
        done = self._events.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": EVENT_SOURCE,
                    "DetailType": event.type.value,
                    "Detail": json.dumps(event.detail, ensure_ascii=False),
                }
            ]
        )
        if done["FailedEntryCount"]:
            raise StorageThrottled("FailedEntry from PutEvents: the catalog bus did not take the event")
