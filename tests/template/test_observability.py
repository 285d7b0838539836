"""What an operator looks at: every metric is one that somebody writes, every alarm leads into the runbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas.adapters.masking import FIELDS, MESSAGES
from lambdas.adapters.measures import DIMENSIONS, Metric, measure
from tests.template.synthesis import Synthesised

ALARM = "AWS::CloudWatch::Alarm"
BY_MACHINE = {"StateMachineArn"}
# What AWS writes, with these dimensions, as its documentation lists it.
OF_AWS = {
    **{
        ("AWS/States", name): [BY_MACHINE]
        for name in (
            "ExecutionsStarted",
            "ExecutionsSucceeded",
            "ExecutionsFailed",
            "ExecutionsTimedOut",
            "ExecutionsAborted",
            "ExecutionThrottled",
            "ExpressExecutionBilledDuration",
        )
    },
    **{
        ("AWS/Lambda", name): [{"FunctionName"}]
        for name in ("Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions")
    },
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): [{"QueueName"}],
    ("AWS/DynamoDB", "ReadThrottleEvents"): [{"TableName"}],
    ("AWS/DynamoDB", "WriteThrottleEvents"): [{"TableName"}],
    **{
        ("AWS/Events", name): [{"RuleName"}, {"RuleName", "EventBusName"}]
        for name in ("FailedInvocations", "RetryInvocationAttempts", "ThrottledRules")
    },
}
# Insights finds these in every line, or in the lines that Lambda writes itself.
OF_INSIGHTS = {"timestamp"}
OF_LIBRARIES = {"library", "place", "masked_fields", "message"}
COMMANDS = {"fields", "filter", "sort", "stats", "by", "as", "or", "asc", "desc"}
COMMANDS |= {"ispresent", "count", "latest", "pct", "max", "bin", "1h"}


@pytest.fixture(scope="module")
def emitted() -> dict[tuple[str, str], list[set[str]]]:
    """Every metric of ours as it is really written, with the dimensions of its line."""
    found: dict[tuple[str, str], list[set[str]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lines.append)
        for metric, names in DIMENSIONS.items():
            measure({metric: 1}, **dict.fromkeys(names, "x"))
    for line in map(json.loads, lines):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        for defined in directive["Metrics"]:
            found[(directive["Namespace"], defined["Name"])] = [
                set(names) for names in directive["Dimensions"]
            ]
    return found


def board(stage: Synthesised) -> dict[str, Any]:
    """The dashboard, with a word for each value that is known at deployment only."""
    body = stage.only("AWS::CloudWatch::Dashboard")[1]["DashboardBody"]
    parts = body["Fn::Join"][1]
    return json.loads("".join(part if isinstance(part, str) else "DEPLOYED" for part in parts))


def of_widgets(stage: Synthesised) -> Iterator[tuple[str, str, set[str]]]:
    for widget in board(stage)["widgets"]:
        for row in widget["properties"].get("metrics", ()):
            options = row[-1] if isinstance(row[-1], dict) else {}
            if expression := options.get("expression", ""):
                yield from of_searches(expression)
            if isinstance(row[0], str):
                namespace, name, *dimensions = [part for part in row if isinstance(part, str)]
                yield namespace, name, set(dimensions[::2])


def of_searches(expression: str) -> Iterator[tuple[str, str, set[str]]]:
    for schema, name in re.findall(r"SEARCH\('\{([^}]*)\} MetricName=\"(\w+)\"", expression):
        namespace, *dimensions = schema.split(",")
        yield namespace, name, set(dimensions)


def of_alarms(stage: Synthesised) -> Iterator[tuple[str, str, set[str]]]:
    for alarm in stage.properties(ALARM).values():
        metrics = [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", ()) if "MetricStat" in it]
        for metric in metrics or [alarm]:
            names = {dimension["Name"] for dimension in metric.get("Dimensions", ())}
            yield metric["Namespace"], metric["MetricName"], names


def test_every_metric_that_is_looked_at_is_written_with_exactly_these_dimensions(
    stage: Synthesised,
    watchful: Synthesised,
    express_first: Synthesised,
    emitted: dict[tuple[str, str], list[set[str]]],
) -> None:
    written, stages = OF_AWS | emitted, (stage, watchful, express_first)
    seen = {(*it[:2], frozenset(it[2])) for s in stages for it in (*of_widgets(s), *of_alarms(s))}
    assert len(seen) > 20
    for namespace, name, dimensions in seen:
        assert set(dimensions) in written.get((namespace, name), []), (namespace, name, dimensions)


def test_every_metric_of_ours_is_on_the_dashboard_and_written_by_a_function(
    stage: Synthesised, project: Path, emitted: dict[tuple[str, str], list[set[str]]]
) -> None:
    shown = {(namespace, name) for namespace, name, _ in of_widgets(stage)}
    assert set(emitted) <= shown
    sources = "".join(
        path.read_text() for path in (project / "lambdas").rglob("*.py") if path.name != "measures.py"
    )
    for metric in Metric:
        assert f"Metric.{metric.name}" in sources


def test_patients_listed_stand_beside_the_unlisted_ids_of_a_day(stage: Synthesised) -> None:
    widgets = board(stage)["widgets"]
    listed, unlisted = (it for it in widgets if it["properties"].get("start") == "-P28D")
    assert listed["y"] == unlisted["y"]
    ((namespace, name, *_, options),) = listed["properties"]["metrics"]
    assert (namespace, name, options["stat"], options["period"]) == (
        "Carefile",
        "PatientsListed",
        "Maximum",
        86400,
    )
    ((told,),) = unlisted["properties"]["metrics"]
    assert re.search(r"MetricName=\"UnlistedPatients\".*'Sum', 86400\)", told["expression"])
    assert told["period"] == 86400


def test_the_dashboard_is_read_from_the_top(stage: Synthesised) -> None:
    widgets = board(stage)["widgets"]
    assert [widget["type"] for widget in widgets[:2]] == ["text", "alarm"]
    assert len(widgets[1]["properties"]["alarms"]) == len(stage.properties(ALARM))
    rows: dict[int, int] = {}
    for widget in widgets:
        rows[widget["y"]] = rows.get(widget["y"], 0) + widget["width"]
    assert set(rows.values()) == {24}, "a row is as wide as the screen"
    titles = [widget["properties"].get("title", "") for widget in widgets]
    for wanted in (
        "Intakes",
        "Failures by error",
        "Upload to catalog",
        "Backlog",
        "Dead letters",
        "Throttles",
        "Cost",
    ):
        assert any(title.startswith(wanted) for title in titles), wanted


def test_what_a_thousand_objects_cost_counts_five_transitions_each(stage: Synthesised) -> None:
    (cost,) = [
        widget["properties"]["metrics"]
        for widget in board(stage)["widgets"]
        if widget["properties"].get("title") == "Cost of 1,000 objects in USD, states and functions"
    ]
    expressions = [row[0]["expression"] for row in cost if isinstance(row[0], dict)]
    assert any(
        expression.startswith("1000 * (FILL(started, 0) * 0.000125 + ")
        and expression.endswith(
            "/ SUM(SEARCH('{Carefile,disposition,kind,stage} MetricName=\"Intakes\" stage=\"test\"', 'Sum'))"
        )
        for expression in expressions
    )


def anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_alarm_leads_to_a_section_of_the_runbook(watchful: Synthesised, project: Path) -> None:
    there = anchors((project / "docs/runbook.md").read_text(encoding="utf-8"))
    for name, alarm in watchful.properties(ALARM).items():
        place, _, section = alarm["AlarmDescription"].rpartition("What to do: ")[2].partition("#")
        assert place == "docs/runbook.md"
        assert section in there, name
    assert "docs/runbook.md" in json.dumps(board(watchful)["widgets"][0])


def test_no_alarm_counts_single_failures_of_executions(stage: Synthesised) -> None:
    assert not [it for it in stage.properties(ALARM).values() if it.get("MetricName") == "ExecutionsFailed"]
    ratio = stage.only(ALARM, named="FailureRatio")[1]
    (expression,) = [it["Expression"] for it in ratio["Metrics"] if "Expression" in it]
    assert ">= 20" in expression
    assert (ratio["Threshold"], ratio["EvaluationPeriods"]) == (5, 2)


def ratio_of(stage: Synthesised, **executions: int) -> float:
    """The failure ratio's value when its metrics have these, and nothing of the others."""
    metrics = stage.only(ALARM, named="FailureRatio")[1]["Metrics"]
    (expression,) = [it["Expression"] for it in metrics if "Expression" in it]
    assert len(metrics) <= 10, "CloudWatch takes no more in an alarm"
    known = {it["Id"] for it in metrics if "MetricStat" in it}
    assert set(executions) <= known
    values: dict[str, Any] = {name: executions.get(name) for name in known}
    values["FILL"] = lambda value, otherwise: otherwise if value is None else value
    values["IF"] = lambda condition, then, otherwise: then if condition else otherwise
    # CloudWatch's arithmetic is Python's.
    return float(eval(expression, {"__builtins__": {}}, values))  # noqa: S307 - the stack's own expression


def test_on_the_express_lane_the_ratio_is_that_of_all_uploads_and_not_of_those_promoted(
    express_first: Synthesised, stage: Synthesised
) -> None:
    assert ratio_of(stage, succeeded=60, failed=30, timedout=10) == 40
    promoted = {"expresssucceeded": 100_000, "failed": 20}
    assert ratio_of(express_first, **promoted) == pytest.approx(0.02)
    # All fail: each upload ends once on either lane.
    assert ratio_of(express_first, expresssucceeded=500, failed=500) == 100
    # What was neither filed nor promoted failed, too; and what ends when nothing is uploaded is told by the pipeline.
    assert ratio_of(express_first, expresssucceeded=60, expressfailed=40) == 40
    assert ratio_of(express_first, failed=50, succeeded=50) == 50


def test_what_somebody_asked_for_and_failed_is_an_alarm_each_time(stage: Synthesised) -> None:
    for work in ("Reassignments", "Merges", "Backfills", "Adoptions"):
        alarm = stage.only(ALARM, named=f"{work}Failed")[1]
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)


def test_an_upload_that_waits_too_long_is_an_alarm_and_so_is_nobody_looking(
    stage: Synthesised, watchful: Synthesised
) -> None:
    for synthesised, seconds in ((stage, 3600), (watchful, 900)):
        alarm = synthesised.only(ALARM, named="OldestUnfiled")[1]
        assert (alarm["Threshold"], alarm["TreatMissingData"]) == (seconds, "breaching")
        assert alarm["Statistic"] == "Maximum"
    rule = stage.only("AWS::Events::Rule", named="MeasureBacklogRule")[1]
    assert rule["ScheduleExpression"] == "rate(5 minutes)"


def test_silence_is_an_alarm_where_uploads_are_expected_and_nowhere_else(
    stage: Synthesised, watchful: Synthesised
) -> None:
    assert not [name for name in stage.properties(ALARM) if "NoIntakes" in name]
    alarm = watchful.only(ALARM, named="NoIntakes")[1]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (3600, 6, "breaching")
    assert alarm["ComparisonOperator"] == "LessThanThreshold"


def test_the_embedded_aws_is_spared_alarms_on_expressions_and_has_the_others(
    stage: Synthesised, embedded: Synthesised
) -> None:
    simple = {name for name, alarm in stage.properties(ALARM).items() if "Metrics" not in alarm}
    assert set(embedded.properties(ALARM)) == simple
    assert len(simple) > 5


def test_every_queue_of_dead_letters_has_its_alarm(stage: Synthesised) -> None:
    watched = [it for it in stage.properties(ALARM).values() if it.get("Namespace") == "AWS/SQS"]
    letters = [name for name in stage.properties("AWS::SQS::Queue") if name.startswith("DeadLetters")]
    assert len(watched) == len(letters) > 5


def test_four_questions_are_saved_over_every_log_and_not_where_aws_is_embedded(
    stage: Synthesised, embedded: Synthesised
) -> None:
    saved = stage.properties("AWS::Logs::QueryDefinition")
    assert len(saved) == 4
    for query in saved.values():
        groups = [group["Ref"] for group in query["LogGroupNames"]]
        assert set(groups) == set(stage.properties("AWS::Logs::LogGroup"))
    assert not embedded.properties("AWS::Logs::QueryDefinition")


def test_the_saved_queries_ask_for_fields_and_messages_that_there_are(stage: Synthesised) -> None:
    saved = stage.properties("AWS::Logs::QueryDefinition")
    for query in (it["QueryString"] for it in saved.values()):
        words = re.sub(r'"[^"]*"', "", query)
        assert set(re.findall(r"@(\w+)", words)) <= OF_INSIGHTS
        aliases = set(re.findall(r"\bas (\w+)", words))
        plain = set(re.findall(r"(?<![@\w])[a-z]\w*", re.sub(r"@\w+", "", words)))
        assert plain - COMMANDS - aliases <= set(FIELDS) | OF_LIBRARIES
        for message in re.findall(r'message = "([^"(]+)"', query):
            assert message in MESSAGES
