"""What a rate of uploads meets: counted calls, published quotas, real keys; and a bad key shows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.capacity.drawing import hottest
from benchmarks.capacity.promotions import DAY, Outage, promote
from benchmarks.capacity.recording import recorded
from benchmarks.capacity.simulation import raised, simulate
from carefile.cli.capacity.load import DEMAND, Mix, asked_by, meetings, published
from carefile.cli.checks.capacity import met_by
from carefile.core.records.catalog import PARTITIONS, listed_under, patient_ref_key

DRAWN = 6_000


def one_partition(patient: str | None, key: str) -> str:
    """The index as it was: everything that waits for a person under one key."""
    return listed_under(None)[0] if patient is None else patient_ref_key(patient, key)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", ["session", "document"])
def test_the_demand_of_an_object_is_what_its_functions_ask_for(kind: str, known: bool) -> None:
    # Of an unknown document nobody looks for the same bytes under another patient.
    due = {name: calls for name, calls in DEMAND[kind]["calls"].items() if known or name != "catalog.reads"}
    assert recorded(kind, known) == due


def test_every_quota_has_a_source_and_says_what_to_do_and_is_asked_for_something() -> None:
    quotas = published()
    asked = {*asked_by(Mix(rate=1)), *asked_by(Mix(rate=1, express=False))}
    assert asked == quotas.keys()
    for quota in quotas.values():
        assert quota.to_do
        assert quota.source.startswith("https://docs.aws.amazon.com/") or quota.id == "stream.shard"


@pytest.mark.parametrize("express", [True, False])
def test_a_hundred_objects_a_second_fit(express: bool) -> None:
    mix = Mix(rate=100, express=express)
    assert not any(meeting.is_exceeded for meeting in meetings(mix))
    outcome = simulate(mix)
    assert (outcome.keeps_up, outcome.limits, outcome.backlog) == (True, None, 0)


def test_the_standard_lane_ends_at_three_hundred_executions_a_second() -> None:
    outcome = simulate(Mix(rate=1_000, express=False))
    assert round(outcome.throughput) == 300
    assert outcome.backlog == pytest.approx(1_000 * 3600 - 300 * 3600, rel=0.01)


@pytest.mark.parametrize("rate", [5_000, 20_000])
def test_with_all_that_can_be_asked_for_the_design_keeps_up(rate: int) -> None:
    mix = Mix(rate=rate, followers=10)
    outcome = simulate(mix, quotas=raised(mix), hot_units=hottest(mix)["index"].units)
    assert outcome.keeps_up
    assert outcome.hot_units < 500


def test_the_index_of_before_shows_as_the_narrowest_whatever_is_asked_for() -> None:
    mix = Mix(rate=20_000, followers=10)
    hot = hottest(mix, one_partition, DRAWN)["index"]
    assert hot.key == listed_under(None)[0]
    outcome = simulate(mix, quotas=raised(mix), hot_units=hot.units)
    assert not outcome.keeps_up
    assert outcome.hot_units > 2_000
    assert outcome.waiting.keys() == {"index"}
    assert outcome.limits == "Hottest key of the index by patient"


def test_what_is_calculated_of_the_hottest_key_is_what_is_drawn() -> None:
    mix = Mix(
        rate=1, session_size=5
    )  # all objects of a session have one key, so of long ones few keys are drawn
    drawn = hottest(mix)["index"]
    assert drawn.key in listed_under(None)[1:]
    assert drawn.units == pytest.approx(asked_by(mix)["index.key"], rel=0.25)
    alone = hottest(mix, one_partition)["index"].units
    assert alone == pytest.approx(PARTITIONS * asked_by(mix)["index.key"], rel=0.1)


@given(st.floats(1, 50_000), st.floats(0, 1), st.floats(0, 1), st.integers(1, 10_000), st.booleans())
def test_no_object_is_lost_or_made_up(
    rate: float, documents: float, unknown: float, size: int, express: bool
) -> None:
    mix = Mix(rate=rate, documents=documents, unknown=unknown, session_size=size, express=express)
    outcome = simulate(mix, seconds=60)
    assert outcome.throughput <= rate * 1.000001
    assert 60 * outcome.throughput + outcome.backlog == pytest.approx(
        rate * 60, rel=0.01, abs=len(outcome.waiting) + 5
    )


@given(st.floats(1, 5_000), st.integers(1, 3_000))
def test_no_promotion_is_lost_or_made_up(failing: float, seconds: int) -> None:
    found = promote(Outage(failing, seconds))
    assert found.at_once + found.later == pytest.approx(found.failed)
    assert found.dropped == 0
    assert found.at_once <= 1_300 + 300 * seconds


def test_an_outage_promotes_what_fits_and_the_rest_waits_until_it_is_started() -> None:
    """A tenth of 5,000 uploads a second fails for an hour, and Step Functions starts 300 a second."""
    found = promote(Outage(500, 3600))
    assert found.at_once == pytest.approx(300 * 3600, rel=0.01)
    assert found.most_waiting == pytest.approx(200 * 3600, rel=0.01)
    assert found.longest_wait == pytest.approx(
        found.most_waiting / 100, rel=0.01
    )  # emptied at a hundred a second


def test_without_a_queue_what_is_refused_is_lost_and_after_two_weeks_in_it_too() -> None:
    assert promote(Outage(500, 3600, queued=False)).dropped == pytest.approx(200 * 3600, rel=0.01)
    endless = promote(Outage(20_000, 7200))
    assert endless.longest_wait <= 14 * DAY
    assert endless.dropped > 0


def account(values: dict[str, dict[str, float]] | None, followers: int = 4, lane: str = "ExpressLane") -> Any:
    """The operator's connection to an account with these quotas; None: they can't be read."""

    class Quotas:
        def get_paginator(self, _: str) -> Quotas:
            return self

        def paginate(self, ServiceCode: str) -> list[dict[str, Any]]:  # noqa: N803
            if values is None:
                raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListServiceQuotas")
            found = values.get(ServiceCode, {})
            return [{"Quotas": [{"QuotaName": name, "Value": value} for name, value in found.items()]}]

    mapping = SimpleNamespace(get_event_source_mapping=lambda UUID: {"ParallelizationFactor": followers})  # noqa: N803
    resources = {
        "AWS::StepFunctions::StateMachine": [("PipelineMachine", "arn"), (f"{lane}Machine", "arn")],
        "AWS::Lambda::EventSourceMapping": [("RegistrationsPatientFeed", "a"), ("SessionsMapping", "b")],
    }
    return SimpleNamespace(
        client=lambda name: Quotas() if name == "service-quotas" else mapping,
        resources=lambda kind: resources[kind],
    )


def test_the_account_s_own_values_hold_and_what_is_hit_first_comes_first() -> None:
    values = {
        "lambda": {"Concurrent executions": 10_000.0},
        "events": {"PutEvents throttle limit in transactions per second": 2_400.0},
    }
    rows = list(met_by(account(values), Mix(rate=5_000)))
    assert [row["share"] for row in rows] == sorted((row["share"] for row in rows), reverse=True)
    found = {row["quota"]: row for row in rows}
    assert (found["PutEvents"]["allowed"], found["PutEvents"]["state"]) == (2_400, "failed")
    assert found["PutEvents"]["value_of"] == "account"
    assert found["PutEvents"]["to_do"]
    assert (
        found["Lambda, invocations at once"]["allowed"],
        found["Lambda, invocations at once"]["state"],
    ) == (10_000, "ok")
    assert "StartExecution, Standard" not in found
    assert found["StartExecution, Express"]["value_of"].startswith("published ")


def test_quotas_that_can_not_be_read_are_the_published_ones_and_the_lane_is_the_deployment_s() -> None:
    found = {row["quota"]: row for row in met_by(account(None, lane="Backfill"), Mix(rate=400))}
    assert found["StartExecution, Standard"]["state"] == "failed"
    assert found["StartExecution, Standard"]["allowed"] == 300
    assert "StartExecution, Express" not in found


def test_several_followers_follow_more() -> None:
    def followed(followers: int) -> float:
        rows = met_by(account(None, followers), Mix(rate=5_000))
        return next(row["allowed"] for row in rows if row["quota"].startswith("Followers"))

    assert followed(10) > 5 * followed(1)


@given(st.floats(1, 1e5))
def test_what_is_asked_grows_with_the_rate(rate: float) -> None:
    one, double = asked_by(Mix(rate=rate)), asked_by(replace(Mix(rate=rate), rate=2 * rate))
    assert all(double[id] == pytest.approx(2 * each) for id, each in one.items())
