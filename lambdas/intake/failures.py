"""What is left to do when an execution failed: mark the landing version `failed` and emit `Object Failed`.

Invariant: a failure that arrives late never hides a success. The mark is a tag, tags are replaced as a whole and
without conditions, so after writing it the truth is looked up once more and, where the version was filed meanwhile,
put in its place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.adapters.boundary import logger
from lambdas.adapters.contracts import accept_input, conform
from lambdas.adapters.executions import Execution, Executions
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.adapters.publisher import Publisher
from lambdas.core import events
from lambdas.core.errors import CarefileError, RejectedEvent
from lambdas.core.intake_request import IntakeRequest, parse
from lambdas.core.model import Disposition, Observation, Source
from lambdas.core.tagging import PipelineStatus, status_of, with_status
from lambdas.intake.filing import Filing

_FAILED = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
_OURS = frozenset(kind.__name__ for kind in CarefileError.__subclasses__())


@dataclass(frozen=True)
class Failures:
    landing: Landing
    ledger: Ledger
    filing: Filing
    executions: Executions
    publisher: Publisher
    allowed_buckets: frozenset[str]

    def record(self, arn: str) -> bool:
        """Record the failure of an execution. False when it has been re-driven since, so that nothing is recorded."""
        execution = self.executions.describe(arn)
        if execution.status not in _FAILED:
            return False
        request = _request_in(execution)
        if request and self._may_mark(request.source):
            self._mark(request, arn)
        event = events.object_failed(
            request.source if request else None,
            request.version_id if request else None,
            _error_of(execution),
            _cause_of(execution),
            arn,
            events.iso_8601(execution.stopped or datetime.now(UTC)),
        )
        conform(event.type.schema, event.detail)
        self.publisher.publish(event)
        logger.info("failure recorded", error=event.detail["error"], source_id=event.detail.get("source_id"))
        return True

    def _may_mark(self, source: Source) -> bool:
        """Landing and processed bucket may be one: an object of the layout is nobody's upload."""
        return source.bucket in self.allowed_buckets and not self.filing.layout.holds(source.key)

    def _mark(self, request: IntakeRequest, execution: str) -> None:
        source, version_id = request.source, request.version_id
        observed = self.landing.head(source, version_id)
        if not isinstance(observed, Observation):
            return
        if self._raise_status(source, observed, PipelineStatus.FAILED):
            truth = self._truth(observed, execution)
            if truth:
                self._raise_status(source, observed, truth)

    def _raise_status(self, source: Source, observed: Observation, status: PipelineStatus) -> bool:
        tags = self.landing.tags(source, observed.version_id)
        merged = None if tags is None else with_status(tags, status)
        if merged is None:
            return False
        self.landing.put_tags(source, observed.version_id, merged)
        return True

    def _truth(self, observed: Observation, execution: str) -> PipelineStatus | None:
        """What the version's status is beside `failed`, if an intake has ended well while we were marking."""
        if self.filing.shows(observed, self.ledger.read(observed.source)):
            return PipelineStatus.CATALOGED
        ended = self.executions.describe(execution).output.get("disposition")
        return status_of(Disposition(ended)) if ended else None


def _request_in(execution: Execution) -> IntakeRequest | None:
    """What the execution was asked for; None when its input says nothing we can use."""
    try:
        accept_input(execution.input)
    except RejectedEvent:
        return None
    return parse(execution.input)


def _error_of(execution: Execution) -> str:
    by_status = {"TIMED_OUT": "States.Timeout", "ABORTED": "Aborted"}
    return execution.error or by_status.get(execution.status, "Unknown")


def _cause_of(execution: Execution) -> str:
    """The cause in words, where it is one of ours and so holds no PHI; of others we only say where to look."""
    if _error_of(execution) in _OURS:
        try:
            return str(json.loads(execution.cause or "{}")["errorMessage"])
        except (ValueError, KeyError, TypeError):
            pass
    return "see the execution in the Step Functions console"
