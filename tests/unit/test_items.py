"""Reading single items: all of them, or StorageThrottled, never some."""

from __future__ import annotations

from typing import Any, cast

import pytest

from carefile.core.errors import StorageThrottled
from lambdas.adapters.items import read_items


class Busy:
    """DynamoDB that answers for so many items of a request, and leaves the others out."""

    def __init__(self, answers: list[int]) -> None:
        self.answers, self.requests = answers, list[dict[str, Any]]()

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.requests.append(RequestItems)
        room, responses, left = self.answers.pop(0), dict[str, Any](), dict[str, Any]()
        for table, asked in RequestItems.items():
            assert asked["ConsistentRead"]
            answered, rest = asked["Keys"][:room], asked["Keys"][room:]
            room -= len(answered)
            responses[table] = answered
            left |= {table: {"Keys": rest, "ConsistentRead": True}} if rest else {}
        return {"Responses": responses, "UnprocessedKeys": left}


def keys(*names: str) -> list[dict[str, Any]]:
    return [{"key": {"S": name}} for name in names]


def test_what_is_left_out_is_asked_for_again_with_longer_pauses() -> None:
    busy, pauses = Busy([1, 0, 3]), list[float]()
    asked = {"ledger": keys("a", "b"), "patients": keys("c")}
    assert read_items(cast(Any, busy), asked, pauses.append) == asked
    assert [sum(len(it["Keys"]) for it in one.values()) for one in busy.requests] == [3, 2, 2]
    assert len(pauses) == 2
    assert all(0 <= pause <= 0.05 * 2**number for number, pause in enumerate(pauses))


def test_what_is_left_out_for_good_fails_and_is_never_taken_for_missing() -> None:
    with pytest.raises(StorageThrottled):
        read_items(cast(Any, Busy([1, 0, 0, 0, 0])), {"ledger": keys("a", "b")}, lambda _: None)


def test_more_than_a_hundred_items_are_several_requests_of_all_tables() -> None:
    busy = Busy([100, 100])
    asked = {"ledger": keys(*map(str, range(60))), "patients": keys(*map(str, range(70)))}
    assert read_items(cast(Any, busy), asked) == asked
    assert [{name: len(it["Keys"]) for name, it in one.items()} for one in busy.requests] == [
        {"ledger": 60, "patients": 40},
        {"patients": 30},
    ]
