"""What is told of earlier runs, and of the items of one, by what Step Functions and the results say."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carefile.cli.aws.listing import Place
from carefile.cli.aws.map_runs import MapRuns, Run, Scope, refuse_half_finished
from carefile.cli.problem import Problem

NOW = datetime.now(UTC)
Json = dict[str, Any]


def run(
    name: str,
    status: str,
    prefix: str,
    *,
    days: float = 0,
    total: int = 4,
    error: str | None = None,
    **asked: Any,
) -> Json:
    """An execution as Step Functions keeps it."""
    stopped = {} if status == "RUNNING" else {"stopDate": NOW - timedelta(days=days)}
    given = {"bucket": "landing", "prefix": prefix, **asked}
    return {
        "executionArn": f"arn:aws:states:r:1:execution:Backfill:{name}",
        "name": name,
        "status": status,
        "startDate": NOW - timedelta(days=days + 1),
        "input": json.dumps(given),
        "error": error,
        "total": total,
        **stopped,
    }


class Services:
    """Step Functions and S3, as far as they are asked: executions with the latest first, results by key."""

    endpoint = "http://127.0.0.1:1"

    def __init__(self, *executions: Json, results: dict[str, list[Json]] | None = None) -> None:
        self.executions, self.results = executions, results or {}
        self.paged = ""

    def client(self, _: str) -> Services:
        return self

    def output(self, name: str) -> str:
        return name

    def get_paginator(self, operation: str) -> Services:
        self.paged = operation
        return self

    def paginate(self, **asked: Any) -> Iterator[Json]:
        if self.paged == "list_objects_v2":
            yield {"Contents": [{"Key": key} for key in self.results if key.startswith(asked["Prefix"])]}
        else:
            wanted = asked.get("statusFilter")
            yield {"executions": [it for it in self.executions if wanted in (None, it["status"])]}

    def describe_execution(self, executionArn: str) -> Json:  # noqa: N803 - boto3's own name
        return next(it for it in self.executions if it["executionArn"] == executionArn)

    def list_map_runs(self, executionArn: str) -> Json:  # noqa: N803
        return {"mapRuns": [{"mapRunArn": executionArn}]}

    def describe_map_run(self, mapRunArn: str) -> Json:  # noqa: N803
        total = self.describe_execution(mapRunArn)["total"]
        return {"mapRunArn": mapRunArn, "itemCounts": {"total": total}}

    def get_object(self, Bucket: str, Key: str) -> Json:  # noqa: N803
        text = "".join(json.dumps(line) + "\n" for line in self.results[Key])
        return {"Body": Lines(text.encode())}


class Lines(io.BytesIO):
    def iter_lines(self) -> Iterator[bytes]:
        return iter(self.getvalue().splitlines())


def runs(services: Services) -> MapRuns:
    return MapRuns(services, "arn:aws:states:r:1:stateMachine:Backfill", "backfill/")  # type: ignore[arg-type]


def half_finished(prefix: str, *executions: Json) -> str | None:
    found = runs(Services(*executions)).half_finished(Scope(Place("landing", prefix)))
    return found.name if found else None


@pytest.mark.parametrize("prefix", ["", "scans/", "scans/2019/", "scans/2019/P_1/", "scans/201"])
@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "TIMED_OUT", "ABORTED"])
def test_a_run_at_the_same_a_wider_or_a_narrower_place_is_half_finished(prefix: str, status: str) -> None:
    assert half_finished(prefix, run("one", status, "scans/2019/")) == "one"


@pytest.mark.parametrize("prefix", ["scans/2020/", "scans2019/", "Scans/2019/"])
def test_a_run_at_another_place_is_not(prefix: str) -> None:
    assert half_finished(prefix, run("one", "RUNNING", "scans/2019/")) is None
    elsewhere = run("one", "RUNNING", prefix, bucket="another")
    assert half_finished(prefix, elsewhere) is None


def test_however_many_runs_there_were_since_it_is_found_as_long_as_it_can_be_gone_on_with() -> None:
    others = [run(str(number), "FAILED", "letters/") for number in range(200)]
    assert half_finished("scans/", *others, run("one", "FAILED", "scans/", days=13)) == "one"
    assert half_finished("scans/", *others, run("one", "FAILED", "scans/", days=15)) is None
    assert half_finished("scans/", *others, run("one", "RUNNING", "scans/", days=20)) == "one"


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (run("two", "SUCCEEDED", "scans/2019/"), None),
        (run("two", "SUCCEEDED", "scans/"), None),
        (run("two", "SUCCEEDED", ""), None),
        (run("two", "SUCCEEDED", "x", failed_of="one", list="backfill/lists/x.jsonl"), "one"),
        (run("two", "SUCCEEDED", "scans/2019/", failed_of="one", list="backfill/lists/x.jsonl"), None),
        (run("two", "SUCCEEDED", "scans/2019/", failed_of="zero", list="backfill/lists/x.jsonl"), "one"),
        (run("two", "SUCCEEDED", "scans/2019/", inventory={"bucket": "b", "key": "k"}), "one"),
        (run("two", "SUCCEEDED", "scans/2019/P_1/"), "one"),
        (run("two", "FAILED", "scans/2019/", failed_of="one", list="backfill/lists/x.jsonl"), "two"),
    ],
)
def test_what_failed_is_done_with_once_a_later_run_took_all_of_it_in(later: Json, found: str | None) -> None:
    assert half_finished("scans/2019/", later, run("one", "FAILED", "scans/2019/", days=1)) == found


def test_a_run_that_began_nothing_is_not_half_finished() -> None:
    assert half_finished("scans/", run("one", "FAILED", "", total=0, error="NothingToTakeIn")) is None
    typed = run("one", "FAILED", "", total=0) | {"input": '{"bucket": "landing"}'}
    assert half_finished("scans/", typed) is None


def test_the_run_whose_failures_are_asked_for_does_not_stop_that() -> None:
    services = Services(run("one", "FAILED", "scans/"))
    asked = Scope(Place("landing", "scans/"), whole=False, failed_of="one")
    assert runs(services).half_finished(asked) is None


def test_it_is_told_where_the_other_run_was() -> None:
    services = Services(run("one", "FAILED", "scans/2019/"))
    with pytest.raises(
        Problem,
        match=r"run for s3://landing/scans/2019/, which overlaps s3://landing/scans/, ended FAILED: one",
    ):
        refuse_half_finished(runs(services), Scope(Place("landing", "scans/")), "carefile backfill")
    with pytest.raises(Problem, match="an earlier run for this place ended FAILED: one"):
        refuse_half_finished(runs(services), Scope(Place("landing", "scans/2019/")), "carefile backfill")


def test_the_latest_run_at_a_place_is_of_all_of_that_very_place() -> None:
    listed = run("list", "SUCCEEDED", "a/", list="backfill/lists/x.jsonl")
    services = Services(
        listed, run("wider", "FAILED", ""), run("it", "SUCCEEDED", "a/"), run("older", "FAILED", "a/")
    )
    found = runs(services).latest_at(Place("landing", "a/"))
    assert found is not None
    assert found.name == "it"


def line(key: str, status: str, disposition: str | None = None) -> Json:
    output = {"Output": json.dumps({"disposition": disposition})} if disposition else {}
    return {"Input": json.dumps({"bucket": "landing", "key": key}), "Status": status, **output}


def ended(redrives: int) -> Run:
    return Run("arn:one", "FAILED", {"total": 4}, "arn:mapRun:one", None, redrives, None, None)


def test_after_redrives_an_item_is_told_once_and_as_it_is_now() -> None:
    results = {
        "backfill/one/FAILED_0.jsonl": [line("a", "FAILED"), line("b", "FAILED"), line("c", "TIMED_OUT")],
        "backfill/one/PENDING_0.jsonl": [line("d", "PENDING"), line("e", "PENDING")],
        "backfill/one/SUCCEEDED_0.jsonl": [line("f", "SUCCEEDED", "cataloged")],
        "backfill/one/redrive-1/FAILED_0.jsonl": [line("b", "FAILED"), line("d", "FAILED")],
        "backfill/one/redrive-1/SUCCEEDED_0.jsonl": [
            line("a", "SUCCEEDED", "duplicate"),
            line("f", "SUCCEEDED", "cataloged"),
        ],
        "backfill/two/FAILED_0.jsonl": [line("z", "FAILED")],
    }
    told = runs(Services(results=results))
    assert [item.input["key"] for item in told.failed(ended(1))] == ["b", "c", "d"]
    assert sorted(told.undone(ended(1))) == ["b", "c", "d", "e"]
    assert told.dispositions(ended(1)) == {"cataloged": 1, "duplicate": 1}


def test_without_a_redrive_nothing_has_to_be_compared() -> None:
    results = {
        "backfill/one/FAILED_0.jsonl": [line("a", "FAILED")],
        "backfill/one/PENDING_0.jsonl": [line("b", "PENDING")],
        "backfill/one/SUCCEEDED_0.jsonl": [line("c", "SUCCEEDED", "cataloged")],
    }
    told = runs(Services(results=results))
    assert [item.input["key"] for item in told.failed(ended(0))] == ["a"]
    assert [*told.undone(ended(0))] == ["a", "b"]
    assert told.dispositions(ended(0)) == {"cataloged": 1}
