"""Durations and moments as an operator types them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carefile.cli.problem import Problem
from carefile.cli.times import since, span

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_duration_is_counted_from_now() -> None:
    assert since("2h", NOW) == NOW - timedelta(hours=2)
    assert since(None, NOW) is None


def test_a_date_and_the_names_of_days_begin_at_local_midnight() -> None:
    local = NOW.astimezone()
    today = datetime(local.year, local.month, local.day).astimezone(UTC)
    assert since(f"{local:%Y-%m-%d}", NOW) == since("today", NOW) == today
    assert since("yesterday", NOW) == (today.astimezone() - timedelta(days=1)).astimezone(UTC)


@pytest.mark.parametrize("text", ["yesteday", "", "9999999d", "999999w", "-1h", "0001-01-01x", "٣h"])
def test_what_is_no_time_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(Problem) as raised:
        since(text, NOW)
    assert "yesterday" in raised.value.to_do


def test_a_duration_has_a_unit_and_a_bounded_number() -> None:
    assert span("90s") == timedelta(seconds=90)
    for text in ("90", "1e3s", "9999999s"):
        with pytest.raises(Problem, match="invalid duration"):
            span(text)
