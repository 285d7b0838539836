"""What the catalog's index lists of a patient, or of nobody, as one listing whatever partitions hold it.

What waits for a person is spread over partitions, since DynamoDB writes no more than a thousand units a second to one.
Each is read in its order and only as far as the listing goes. A position is a moment and a key, not a place in a
partition: the listing resumes there whatever was written meanwhile. DynamoDB gives entries of one moment no order, so
they are sorted by their keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from heapq import merge
from itertools import chain, groupby
from typing import Any

from carefile.core.records.catalog import INDEX_KEYS, KEY, PATIENT_INDEX, Item

_WHO, _WHEN = INDEX_KEYS
_LEAST, _MOST = 8, 500  # entries of one request to a partition
_THREADS = 16


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something stands in the listing of a patient."""

    listed_at: str
    key: str

    @classmethod
    def of(cls, item: Item) -> Position:
        return cls(item[_WHEN]["S"], item[KEY]["S"])


class PatientIndex:
    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def items(
        self, partitions: Sequence[str], *, most: int, newest_first: bool, after: Position | None = None
    ) -> Iterator[Item]:
        """Yield the items of all partitions in one order. `most` is how many are likely to be wanted."""
        limit = min(_MOST, max(_LEAST, 2 * most // len(partitions) + 1))

        def first_page(partition: str) -> Any:
            return self._page(partition, limit, newest_first, after)

        if len(partitions) == 1:
            pages = [first_page(partitions[0])]
        else:
            with ThreadPoolExecutor(_THREADS) as pool:
                pages = list(pool.map(first_page, partitions))
        streams = [
            self._in_order(partition, page, limit, newest_first, after)
            for partition, page in zip(partitions, pages, strict=True)
        ]
        return merge(*streams, key=Position.of, reverse=newest_first)

    def _in_order(
        self, partition: str, page: Any, limit: int, newest_first: bool, after: Position | None
    ) -> Iterator[Item]:
        found = chain.from_iterable(self._pages(partition, page, limit, newest_first, after))
        for _, moment in groupby(found, key=lambda item: item[_WHEN]["S"]):
            for item in sorted(moment, key=Position.of, reverse=newest_first):
                here = Position.of(item)
                if after is None or (here < after if newest_first else here > after):
                    yield item

    def _pages(
        self, partition: str, page: Any, limit: int, newest_first: bool, after: Position | None
    ) -> Iterator[list[Item]]:
        yield page["Items"]
        while start := page.get("LastEvaluatedKey"):
            limit = min(_MOST, 2 * limit)
            page = self._page(partition, limit, newest_first, after, start)
            yield page["Items"]

    def _page(
        self,
        partition: str,
        limit: int,
        newest_first: bool,
        after: Position | None,
        start: Item | None = None,
    ) -> Any:
        condition, values = f"{_WHO} = :who", {":who": {"S": partition}}
        if after:
            condition += f" AND {_WHEN} {'<=' if newest_first else '>='} :when"
            values[":when"] = {"S": after.listed_at}
        return self._client.query(
            TableName=self._table,
            IndexName=PATIENT_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=not newest_first,
            Limit=limit,
            **({"ExclusiveStartKey": start} if start else {}),
        )
