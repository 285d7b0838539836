"""Claims about logs, metrics, traces and the dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from carefile.cli.verifying.claim import Claim
from carefile.cli.verifying.outcome import NotHere
from carefile.cli.verifying.site import Site, expect

_COUNTED = {"disposition": "cataloged", "kind": "document"}  # the dimensions beside the stage
_NO_METRICS = "makes no metrics of log lines"


def _embedded_metrics(site: Site) -> str:
    began = datetime.now(UTC) - timedelta(minutes=2)
    site.filed(site.upload(site.key("counted.txt")))
    stage = str(site.connection.setting("STAGE"))
    dimensions = [{"Name": name, "Value": value} for name, value in ({"stage": stage} | _COUNTED).items()]
    # By its very dimensions: a search finds a new metric only after some fifteen minutes.
    metric = {"Namespace": "Carefile", "MetricName": "Intakes", "Dimensions": dimensions}

    def counted() -> float:
        found = site.client("cloudwatch").get_metric_data(
            MetricDataQueries=[
                {"Id": "intakes", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
            ],
            StartTime=began,
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
        )
        return sum(sum(one["Values"]) for one in found["MetricDataResults"])

    count = site.until(counted, "the metric Intakes counts nothing", every=10)
    function = site.connection.function("TagObject")
    configuration = site.client("lambda").get_function_configuration(FunctionName=function)
    group = configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{function}")
    start = int(began.timestamp() * 1000)
    pages = site.client("logs").get_paginator("filter_log_events")
    lines = [line for page in pages.paginate(logGroupName=group, startTime=start) for line in page["events"]]
    noise = [
        one for one in lines if '"platform.' in one["message"] or one["message"].startswith(("START", "END"))
    ]
    expect(not noise, f"the function's log has {len(noise)} lines about starts, ends and reports")
    return f"the metric counts {count:.0f} intakes, and the log has no lines about starts, ends and reports"


def _sampling(site: Site) -> str:
    rule = f"carefile-{site.connection.setting('STAGE')}"
    xray = site.client("xray")
    rules = [one["SamplingRule"]["RuleName"] for one in xray.get_sampling_rules()["SamplingRuleRecords"]]
    expect(rule in rules, "X-Ray has no sampling rule of the stage")
    found = xray.get_sampling_statistic_summaries()["SamplingStatisticSummaries"]
    counts = {one["RuleName"]: one["RequestCount"] for one in found}
    if not counts.get(rule):
        raise NotHere(
            "too few executions ran in the last minutes for X-Ray's statistics: upload a few thousand files"
        )
    return f"X-Ray counted {counts[rule]} requests by the stage's rule"


def _dashboard(site: Site) -> str:
    boards = (physical for _, physical in site.connection.resources("AWS::CloudWatch::Dashboard"))
    name = next(boards, None)
    if name is None:
        raise NotHere("the stack has no dashboard")
    cloudwatch = site.client("cloudwatch")
    body = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    expressions = sorted(set(_expressions(body)))
    now = datetime.now(UTC)
    for number, expression in enumerate(expressions):
        found = cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": f"q{number}", "Expression": expression}],
            StartTime=now - timedelta(hours=3),
            EndTime=now,
        )
        wrong = [one["StatusCode"] for one in found["MetricDataResults"] if one["StatusCode"] != "Complete"]
        expect(not wrong, f"a search of the dashboard ended {', '.join(wrong)}")
    return (
        f"{len(body['widgets'])} widgets, {len(expressions)} searches and {_queries(site)} saved queries ran"
    )


def _expressions(body: dict[str, Any]) -> Iterator[str]:
    """The searches of the widgets; what refers to other metrics of its widget is not run by itself."""
    for widget in body["widgets"]:
        for metric in widget["properties"].get("metrics", ()):
            for part in metric:
                if isinstance(part, dict) and str(part.get("expression", "")).startswith("SEARCH("):
                    yield part["expression"]


def _queries(site: Site) -> int:
    logs, now = site.client("logs"), int(datetime.now(UTC).timestamp())
    prefix = f"Carefile-{site.connection.setting('STAGE')}/"
    saved = logs.describe_query_definitions(queryDefinitionNamePrefix=prefix)["queryDefinitions"]
    expect(saved, "there is no saved query")
    for query in saved:
        started = logs.start_query(
            logGroupNames=query["logGroupNames"],
            startTime=now - 3600,
            endTime=now,
            queryString=query["queryString"],
        )

        def ended(started: dict[str, Any] = started) -> str | None:
            status = str(logs.get_query_results(queryId=started["queryId"])["status"])
            return None if status in ("Scheduled", "Running") else status

        status = site.until(ended, "a saved query has not ended", every=2)
        expect(status == "Complete", f"a saved query ended {status}")
    return len(saved)


CLAIMS = (
    Claim(
        "With Lambda's JSON log format and the system level WARN, lines printed as JSON without a level count as "
        "INFO, so embedded metrics arrive, and START, END and REPORT do not",
        "upload a file; the metric `Intakes` counts it, and the log group of TagObject has one line for it",
        _embedded_metrics,
        seconds=400,
        uploads=1,
        embedded=_NO_METRICS,
    ),
    Claim(
        "X-Ray's service name of a state machine is its name, so the sampling rule matches it, and functions with "
        "pass-through tracing follow the state machine's decision",
        "upload a few thousand files; `aws xray get-sampling-statistic-summaries` names the rule `carefile-$STAGE`",
        _sampling,
        embedded="traces nothing",
    ),
    Claim(
        "Every search of the dashboard and every saved query runs",
        "upload a few files; open both, and look whether each widget shows data",
        _dashboard,
        seconds=180,
        embedded=_NO_METRICS,
    ),
    Claim(
        "The rates of [scale](scale.md): what one follower of the stream merges, and how soon S3 splits a prefix",
        "upload 1,000 session objects a second for an hour; compare `IteratorAge` of IndexSessions and the landing "
        "bucket's `5xxErrors`",
        never="it takes an hour of load",
    ),
)
