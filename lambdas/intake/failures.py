"""What is left to do when an execution failed: mark the landing version `failed` and emit `Object Failed`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from carefile.core.errors import CarefileError, RejectedEvent
from carefile.core.filing.layout import Layout
from carefile.core.messages import events
from carefile.core.messages.intake_request import IntakeRequest, parse
from carefile.core.model import Observation, Source
from lambdas.adapters.boundary import logger
from lambdas.adapters.contracts import accept_input, conform
from lambdas.adapters.executions import Execution, Executions
from lambdas.adapters.landing import Landing
from lambdas.adapters.measures import Metric, measure
from lambdas.adapters.publisher import Publisher
from lambdas.intake.marks import Marks

_FAILED = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
_OURS = frozenset(kind.__name__ for kind in CarefileError.__subclasses__())


@dataclass(frozen=True)
class Failures:
    landing: Landing
    marks: Marks
    layout: Layout
    executions: Executions
    publisher: Publisher
    allowed_buckets: frozenset[str]

    def record(self, arn: str) -> bool:
        """Record the failure of an execution. False when it has been re-driven since, so that nothing is recorded."""
        return self._record(self.executions.describe(arn), arn)

    def record_item(self, reported: Mapping[str, Any]) -> bool:
        """Record the failure of an item of a Distributed Map. Its execution is an Express one: nobody could ask about
        it, so it describes itself {input, error, cause, execution}."""
        execution = Execution("FAILED", reported["input"], {}, reported["error"], reported.get("cause"), None)
        return self._record(execution, reported["execution"])

    def _record(self, execution: Execution, arn: str) -> bool:
        failed, request = execution.status in _FAILED, _request_in(execution)
        stopped = events.iso_8601(execution.stopped or datetime.now(UTC))
        if request and self._may_mark(request.source):
            self._mark(request, arn.rpartition(":")[2], stopped if failed else None)
        if not failed:
            return False
        event = events.object_failed(
            request.source if request else None,
            request.version_id if request else None,
            _error_of(execution),
            _cause_of(execution),
            arn,
            stopped,
        )
        conform(event.type.schema, event.detail)
        self.publisher.publish(event)
        error = str(event.detail["error"])
        logger.info("failure recorded", error=error)
        measure({Metric.FAILURES: 1}, error=error)
        return True

    def _may_mark(self, source: Source) -> bool:
        """Landing and processed bucket may be one: an object of the layout is nobody's upload."""
        return source.bucket in self.allowed_buckets and not self.layout.holds(source.key)

    def _mark(self, request: IntakeRequest, execution: str, stopped: str | None) -> None:
        """A failure is marked. Of one that was re-driven since, an earlier try to mark it may have left its mark: where
        the request names no version, on what was current then."""
        observed = self.landing.head(request.source, request.version_id)
        if isinstance(observed, Observation) and request.version_id is None:
            first = self.marks.ledger.meant(request.source, observed.version, stopped, f"failure-{execution}")
            if first != observed.version:
                if not observed.version_id:
                    return  # it was overwritten
                observed = self.landing.head(request.source, first)
        if isinstance(observed, Observation):
            mark = self.marks.failed if stopped else self.marks.mend
            mark(request.source, observed.version, observed.version_id)


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
