"""Items whose keys are known, of several tables in one request, strongly consistent."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carefile.core.errors import StorageThrottled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Keys = Mapping[str, Sequence[Mapping[str, Any]]]
Items = Mapping[str, Sequence[dict[str, Any]]]

_BATCH = 100  # DynamoDB, BatchGetItem: up to 100 items
_TRIES = 4
_PAUSE = 0.05  # seconds, twice as long after each try


def read_items(dynamodb: DynamoDBClient, keys: Keys, pause: Callable[[float], None] = time.sleep) -> Items:
    """Read these items of each table; what DynamoDB leaves out is asked for again, and then StorageThrottled."""
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in keys}
    asked = [(table, key) for table, of_table in keys.items() for key in of_table]
    for start in range(0, len(asked), _BATCH):
        left = _by_table(asked[start : start + _BATCH])
        for attempt in range(_TRIES):
            answer = dynamodb.batch_get_item(RequestItems=left)
            for table, items in answer["Responses"].items():
                found[table] += map(dict, items)
            left = answer.get("UnprocessedKeys")
            if not left:
                break
            pause(random.uniform(0, _PAUSE * 2**attempt))  # noqa: S311 - no secret
        else:
            raise StorageThrottled("Unprocessed from BatchGetItem: the tables did not answer for every item")
    return found


def _by_table(asked: Sequence[tuple[str, Mapping[str, Any]]]) -> Any:
    request: dict[str, Any] = {}
    for table, key in asked:
        request.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key)
    return request
