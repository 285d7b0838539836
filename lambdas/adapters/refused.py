"""The dead letters of events that are refused for good, each with the error's name and its text, which holds no PHI."""

from __future__ import annotations

from typing import Any

from carefile.core.errors import CarefileError


class Refused:
    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def keep(self, event: str, error: CarefileError) -> None:
        """Keep an event as EventBridge keeps those that it could not deliver."""
        named = {"ERROR_CODE": type(error).__name__, "ERROR_MESSAGE": str(error)}
        self._sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=event,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text} for name, text in named.items()
            },
        )
