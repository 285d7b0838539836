"""Counts and times in CloudWatch's embedded metric format: one log line, no request.

Every metric has the dimension `stage` and those its table names, and no other: an alarm and the dashboard find a series
by exactly these. A dimension's value is one of few known words, or it becomes `other`: a metric names no patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

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
_UNITS = {Metric.UPLOAD_TO_CATALOG: MetricUnit.Milliseconds, Metric.OLDEST_UNFILED: MetricUnit.Seconds}

# Without a service: the name of a metric says which function it comes from.
_metrics = Metrics(service="")


def measure(values: Mapping[Metric, float], **dimensions: str) -> None:
    """Write the metrics, all with these dimensions."""
    for metric in values:
        if DIMENSIONS[metric] != tuple(dimensions):
            raise ValueError(f"{metric.value} has the dimensions {DIMENSIONS[metric]}")
    _metrics.add_dimension("stage", settings.named("STAGE"))
    for name, value in dimensions.items():
        _metrics.add_dimension(name, value if may_be_seen(name, value) else OTHER)
    for metric, measured in values.items():
        _metrics.add_metric(metric.value, _UNITS.get(metric, MetricUnit.Count), measured)
    _metrics.flush_metrics()
