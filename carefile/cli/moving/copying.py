"""The copy step of a migration: start or resume a backfill, after checking the deployment's rules."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import ENDED_BADLY
from carefile.cli.aws.listing import Item, Place
from carefile.cli.aws.map_runs import MapRuns
from carefile.cli.problem import Problem
from carefile.core.deciding.rules import RuleTable


def must_read_alike(connection: Connection, bucket: str, found: Iterable[Item], rules: RuleTable) -> None:
    """Raise a Problem if the deployment's rules differ from this checkout's, since then the plan does not hold.

    For each rule that applies, one object is classified by the deployed function, which writes nothing."""
    of_rule = {
        rules.match(item.key).rule.name: item.key for item in found if item.size and item.key[-1] != "/"
    }
    for rule, key in of_rule.items():
        request = {"input": {"bucket": bucket, "key": key}, "execution": connection.execution_arn("foreseen")}
        done = connection.client("lambda").invoke(
            FunctionName=connection.function("ClassifyObject"), Payload=json.dumps(request).encode()
        )
        answer: dict[str, Any] = json.loads(done["Payload"].read() or b"{}")
        if answer.get("classification", {}).get("rule") != rule:
            raise Problem(
                f"the deployment does not classify {key} by the rule {rule}, as this checkout does",
                "deploy this checkout's rules, or use the deployed checkout; nothing was moved",
            )


def start_or_resume(runs: MapRuns, request: dict[str, Any], *, afresh: bool) -> tuple[str, str]:
    """Follow the place's latest run if it is running, resume it if it failed, or else start one; return its ARN and
    what was done."""
    earlier = None if afresh else runs.latest_at(Place(request["bucket"], request["prefix"]))
    if earlier and earlier.status == "RUNNING":
        return earlier.arn, "Following"
    if earlier and earlier.status in ENDED_BADLY:
        try:
            return runs.redrive(earlier.arn), "Resumed"
        except Problem:  # after 14 days; objects that are filed cost next to nothing in a new run
            pass
    return runs.start(request), "Started as"
