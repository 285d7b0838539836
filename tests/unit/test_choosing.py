"""What is redriven: what a redrive can help, of what the filters select; and whatever is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from carefile.cli.again.choosing import NOT_SELECTED, Choice, can_be_redriven
from carefile.cli.aws.executions import Described, Executions, Listed, request_in
from carefile.cli.problem import Problem

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def failed(name: str, error: str, key: str | None = "documents/A/x.pdf", status: str = "FAILED") -> Described:
    listed = Listed(name, name, status, NOON, NOON, 0, NOON)
    text = f'{{"bucket": "landing", "key": "{key}"}}' if key else "{"
    return Described(listed, text, {}, request_in(text), error, None, "REDRIVABLE", None)


class Failed(Executions):
    def __init__(self, *there: Described, states: dict[str, str] | None = None) -> None:
        self.there, self.states = there, states or {}

    def changed_since(self, since: datetime | None = None, status: str | None = None) -> Iterator[Listed]:
        return (item.listed for item in self.there if item.listed.status == status)

    def described(self, listed: Any) -> Iterator[Described]:
        by_arn = {item.listed.arn: item for item in self.there}
        return (by_arn[item.arn] for item in listed)

    def must_describe(self, name: str) -> Described:
        return next(item for item in self.there if item.listed.name == name)

    def failed_state(self, arn: str) -> str | None:
        return self.states.get(arn)


class Catalog:
    """Entries by source, with the time at which each was cataloged."""

    def __init__(self, **at: datetime) -> None:
        self.at, self.asked = at, 0

    def get_many(self, sources: Sequence[str]) -> dict[str, Any]:
        self.asked += 1
        assert len(sources) <= 100
        return {it: SimpleNamespace(cataloged_at=self.at[it].isoformat()) for it in sources if it in self.at}


def choice(
    executions: Failed, catalog: Catalog | None = None, names: Sequence[str] = (), **filters: str
) -> Choice:
    chosen = {"error": None, "state": None} | filters
    return Choice(executions, catalog or Catalog(), list(names), None, **chosen)  # type: ignore[arg-type]


def test_what_only_a_new_upload_can_help_is_left_alone_and_counted() -> None:
    there = Failed(
        failed("a", "RejectedObject"), failed("b", "StorageDenied"), failed("c", "RejectedEvent", None)
    )
    passed: list[int] = []
    made = choice(there)
    assert [item.listed.name for item in made.chosen(lambda: passed.append(1))] == ["b"]
    assert made.skipped == {"upload again": 1, "send a corrected request": 1}
    assert len(passed) == made.considered() - 1


def test_what_was_filed_since_is_left_alone_and_what_was_filed_before_is_not() -> None:
    later, before = failed("later", "StorageDenied", "a"), failed("before", "StorageDenied", "b")
    assert later.request is not None
    assert before.request is not None
    catalog = Catalog(**{
        later.request.source.source_id: NOON + timedelta(seconds=1),
        before.request.source.source_id: NOON - timedelta(seconds=1),
    })  # fmt: skip
    made = choice(Failed(later, before), catalog)
    assert [item.listed.name for item in made.chosen(lambda: None)] == ["before"]
    assert made.skipped["filed since"] == 1
    assert catalog.asked == 1


def test_what_is_named_is_redriven_whatever_it_is() -> None:
    made = choice(Failed(failed("a", "RejectedObject")), names=["a"])
    assert [item.listed.name for item in made.chosen(lambda: None)] == ["a"]
    with pytest.raises(Problem):
        choice(Failed(), names=["a"], error="StorageDenied")


def test_filters_select_and_all_are_counted_once() -> None:
    there = Failed(
        *(
            failed(f"{number}", "StorageDenied" if number % 2 else "StorageThrottled")
            for number in range(250)
        ),
        states={f"{number}": "TagObject" if number < 10 else "ClassifyObject" for number in range(250)},
    )
    passed: list[int] = []
    made = choice(there, error="StorageDenied", state="TagObject")
    assert [item.listed.name for item in made.chosen(lambda: passed.append(1))] == ["1", "3", "5", "7", "9"]
    assert made.skipped == {NOT_SELECTED: 245}
    assert len(passed) == 245


@pytest.mark.parametrize(
    ("item", "why_not", "can"),
    [
        (failed("a", "StorageDenied"), None, "yes"),
        (failed("a", "StorageDenied"), "filed since", "no: filed since"),
        (failed("a", "UnexpectedResult"), None, "no: --resubmit"),
        (failed("a", "", status="SUCCEEDED"), None, "no: it is SUCCEEDED"),
    ],
)
def test_a_preview_says_what_can_be_redriven(item: Described, why_not: str | None, can: str) -> None:
    with patch("carefile.cli.again.choosing.datetime") as clock:
        clock.now.return_value = NOON
        assert can_be_redriven(item, why_not) == can
