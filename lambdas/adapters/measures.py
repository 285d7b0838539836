"""Counts and times in CloudWatch's embedded metric format: one log line, no request. Metrics of different dimensions
share a line, as most of a line says what is in it.

Every metric has the dimension `stage` and those its table names, and no other: an alarm and the dashboard find a series
by exactly these. A dimension's value is one of few known words, or it becomes `other`: a metric names no patient.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from enum import StrEnum

from lambdas.adapters import settings
from lambdas.adapters.masking import may_be_seen

OTHER = "other"


class Metric(StrEnum):
    INTAKES = "Intakes"
    UNKNOWN_PATIENTS = "UnknownPatients"
    CONFLICTING_PATIENTS = "ConflictingPatients"
    UNLISTED_PATIENTS = "UnlistedPatients"
    FAILURES = "Failures"
    UPLOAD_TO_CATALOG = "UploadToCatalog"
    RUNNING_INTAKES = "RunningIntakes"
    OLDEST_UNFILED = "OldestUnfiled"
    PATIENTS_LISTED = "PatientsListed"
    SESSIONS_REFUSED = "SessionsRefused"
    BYTES_OF_TWO_PATIENTS = "BytesOfTwoPatients"


_BY_KIND = ("disposition", "kind")
DIMENSIONS: Mapping[Metric, tuple[str, ...]] = {
    Metric.INTAKES: _BY_KIND,
    Metric.UNKNOWN_PATIENTS: _BY_KIND,
    Metric.CONFLICTING_PATIENTS: _BY_KIND,
    Metric.UNLISTED_PATIENTS: _BY_KIND,
    Metric.FAILURES: ("error",),
    Metric.UPLOAD_TO_CATALOG: (),
    Metric.RUNNING_INTAKES: (),
    Metric.OLDEST_UNFILED: (),
    Metric.PATIENTS_LISTED: (),
    Metric.SESSIONS_REFUSED: (),
    Metric.BYTES_OF_TWO_PATIENTS: (),
}
_UNITS = {Metric.UPLOAD_TO_CATALOG: "Milliseconds", Metric.OLDEST_UNFILED: "Seconds"}


def measure(values: Mapping[Metric, float], **dimensions: str) -> None:
    """Write the metrics: those that have these dimensions, and beside them those that have none but the stage."""
    for metric in values:
        if DIMENSIONS[metric] not in ((), tuple(dimensions)):
            raise ValueError(f"{metric.value} has the dimensions {DIMENSIONS[metric]}")
    directives = []
    for names in dict.fromkeys((tuple(dimensions), ())):
        alike = [metric for metric in values if DIMENSIONS[metric] == names]
        defined = [{"Name": metric.value, "Unit": _UNITS.get(metric, "Count")} for metric in alike]
        directive = {
            "Namespace": settings.named("POWERTOOLS_METRICS_NAMESPACE"),
            "Dimensions": [["stage", *names]],
        }
        directives += [directive | {"Metrics": defined}] if alike else []
    line = {
        "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": directives},
        "stage": settings.named("STAGE"),
        **{name: value if may_be_seen(name, value) else OTHER for name, value in dimensions.items()},
        **{metric.value: value for metric, value in values.items()},
    }
    _print(json.dumps(line, separators=(",", ":")))


def _print(line: str) -> None:
    print(line)  # noqa: T201 - this is where Lambda looks for metrics
