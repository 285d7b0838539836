"""Saved queries for CloudWatch Logs Insights, one for each common question.

A log line names no object; its `correlation_id` is the name of the execution, which leads to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_logs as logs
from constructs import Construct

QUERIES: Mapping[str, str] = {
    "1 What happened in one execution": """\
fields @timestamp, service, level, message, kind, disposition, status, error, reason, xray_trace_id
| filter correlation_id = "EXECUTION-NAME"
| sort @timestamp asc""",
    "2 What fails, by error and function": """\
filter message = "failed"
| stats count(*) as failures, latest(@timestamp) as last, latest(correlation_id) as execution by error, reason, service
| sort failures desc""",
    "3 How intakes ended, hour by hour": """\
filter message = "normalised"
| stats count(*) as intakes by disposition, bin(1h) as hour
| sort hour desc""",
    "4 What libraries warn of, and what was masked": """\
filter ispresent(library) or ispresent(masked_fields) or message = "(masked)"
| stats count(*) as lines, latest(@timestamp) as last by library, place, service, location
| sort lines desc""",
}


def save_queries(scope: Construct, *, stage: str, groups: Sequence[logs.ILogGroup]) -> None:
    """Save the queries over these log groups, in a folder for the stage."""
    for number, (name, query) in enumerate(QUERIES.items(), start=1):
        logs.CfnQueryDefinition(
            scope,
            f"Query{number}",
            name=f"Carefile-{stage}/{name}",
            query_string=query,
            log_group_names=[group.log_group_name for group in groups],
        )
