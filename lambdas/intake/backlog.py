"""How far intake is behind: how many executions run, and the age of the oldest upload in progress or failed.

A failed execution counts for as long as what it was about is the current version of its key and marked `failed`: not
after a redrive, another intake, a newer version or a deletion. It counts beyond the 14 days of a redrive, as long
as Step Functions knows of it. What was found settled is remembered, so that a run asks about new failures only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from carefile.core.errors import RejectedEvent
from carefile.core.filing.tagging import STATUS_TAG, PipelineStatus
from carefile.core.messages.intake_request import parse
from carefile.core.model import Observation
from lambdas.adapters.contracts import accept_input
from lambdas.adapters.executions import Executions, Listed
from lambdas.adapters.landing import Landing

MOST = 5000  # executions of a status that are looked at, the newest
MOST_ASKED = 100  # failed executions that are looked into in one run
_BADLY: Final[tuple[Literal["FAILED", "TIMED_OUT", "ABORTED"], ...]] = ("FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True, slots=True)
class Behind:
    running: int
    oldest: timedelta


@dataclass(frozen=True)
class Backlog:
    executions: Executions
    landing: Landing
    machine: str
    now: Callable[[], datetime]
    settled: set[str] = field(default_factory=set)

    def measure(self) -> Behind:
        now = self.now()
        running = list(self.executions.listed(self.machine, "RUNNING", MOST))
        waiting = [item.started for item in (*running[-1:], *self._oldest_failed())]
        return Behind(len(running), max((now - started for started in waiting), default=timedelta()))

    def _oldest_failed(self) -> Iterator[Listed]:
        """The oldest failed execution whose upload is not filed, if one is found before too many were asked about."""
        failed = [item for status in _BADLY for item in self.executions.listed(self.machine, status, MOST)]
        self.settled.intersection_update({item.arn for item in failed})
        unknown = sorted((item for item in failed if item.arn not in self.settled), key=lambda it: it.started)
        for item in unknown[:MOST_ASKED]:
            if self._unfiled(item.arn):
                yield item
                return
            self.settled.add(item.arn)

    def _unfiled(self, arn: str) -> bool:
        data = self.executions.describe(arn).input
        try:
            accept_input(data)
        except RejectedEvent:
            return False  # it is about no upload
        request = parse(data)
        found = self.landing.head(request.source)
        if not isinstance(found, Observation) or request.version_id not in (None, found.version_id):
            return False
        tags = self.landing.tags(request.source, found.version_id) or {}
        return tags.get(STATUS_TAG) == PipelineStatus.FAILED
