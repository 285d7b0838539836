"""Promotions that Step Functions had no room for, taken from the queue that they wait in.

A message has the name of the execution and its input. The queue delivers at least once: a name that is taken is a
promotion that began. What Step Functions refuses now stays in the queue, which tries it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.errors import CarefileError
from lambdas.adapters.boundary import logger, translated
from lambdas.adapters.executions import Executions


@dataclass(frozen=True)
class Promoting:
    executions: Executions
    machine: str

    def take(self, messages: Iterable[Mapping[str, Any]]) -> list[str]:
        """Start what waits in these messages; return the ids of those that are to be tried again."""
        again: list[str] = []
        for message in messages:
            try:
                waiting = json.loads(message["body"])
                self.executions.start(self.machine, waiting["name"], waiting["input"])
                logger.info("promoted")
            except Exception as error:
                typed = error if isinstance(error, CarefileError) else translated(error)
                logger.error("not promoted", error=type(typed).__name__)
                again.append(message["messageId"])
        return again
