"""The copying step of a migration: a backfill's run, begun or gone on with, by rules that are the deployment's."""

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
    """Stop where the deployment decides by other rules than this checkout: then nobody has seen where it would file.

    For each rule that applies, one object is classified by the function itself, which writes nothing."""
    of_rule = {
        rules.match(item.key).rule.name: item.key for item in found if item.size and item.key[-1] != "/"
    }
    for rule, key in of_rule.items():
        asked = {"input": {"bucket": bucket, "key": key}, "execution": connection.execution_arn("foreseen")}
        done = connection.client("lambda").invoke(
            FunctionName=connection.function("ClassifyObject"), Payload=json.dumps(asked).encode()
        )
        answer: dict[str, Any] = json.loads(done["Payload"].read() or b"{}")
        if answer.get("classification", {}).get("rule") != rule:
            raise Problem(
                f"the deployment does not read {key} by the rule {rule}, as this checkout does",
                "deploy this checkout's rules, or use the checkout that was deployed; nothing was moved",
            )


def begun_or_gone_on_with(runs: MapRuns, asked: dict[str, Any], *, afresh: bool) -> tuple[str, str]:
    """The ARN of the run that copies a place, and in a word what was done: one that is under way is followed, one that
    failed goes on with what it has not done, and otherwise one is begun."""
    earlier = None if afresh else runs.latest_at(Place(asked["bucket"], asked["prefix"]))
    if earlier and earlier.status == "RUNNING":
        return earlier.arn, "Goes on"
    if earlier and earlier.status in ENDED_BADLY:
        try:
            return runs.redrive(earlier.arn), "Gone on with"
        except Problem:  # after 14 days; what is done already costs next to nothing
            pass
    return runs.start(asked), "Begun"
