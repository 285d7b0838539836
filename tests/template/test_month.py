"""The bill of a month counts what the stack really has."""

from __future__ import annotations

from benchmarks import month
from benchmarks.bill import Lane
from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised


def metrics_of_alarms(stage: Synthesised) -> int:
    """An alarm costs as much for each metric that it looks at."""
    return sum(
        sum("MetricStat" in metric for metric in alarm.get("Metrics", ())) or 1
        for alarm in stage.properties("AWS::CloudWatch::Alarm").values()
    )


def test_alarms_keys_secrets_and_the_dashboard_are_as_many_as_the_bill_says(
    stage: Synthesised, synthesise: Synthesise
) -> None:
    assert metrics_of_alarms(stage) == month.ALARM_METRICS[Lane.STANDARD]
    express = synthesise(lane="express-first", session_followers=4)  # as in test_express_lane
    assert metrics_of_alarms(express) == month.ALARM_METRICS[Lane.EXPRESS_FIRST]
    for type_, number in (
        ("AWS::KMS::Key", month.KEYS),
        ("AWS::SecretsManager::Secret", month.SECRETS),
        ("AWS::CloudWatch::Dashboard", month.DASHBOARDS),
    ):
        assert len(stage.properties(type_)) == number
