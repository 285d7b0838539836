"""The patient directory as the functions of its feed write it: stating, and recording merges.

Invariants: an index item is written before the entry that it leads to, so every index item of a patient can be named
from the entry alone; a tombstone is never replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from carefile.core.errors import StorageThrottled
from carefile.core.patients.entries import Change, PatientEntry, Statement, change_between
from carefile.core.patients.merging import Merge
from carefile.core.records.patients import (
    FORGOTTEN_AT,
    IndexChange,
    entry_in,
    index_change,
    index_key,
    index_keys,
    patient_key,
    replacing,
    unchanged,
    unindexing,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 8
_WRITTEN = 25  # DynamoDB, BatchWriteItem


class Patients:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def state(self, patient_id: str, source: str, statement: Statement) -> Change:
        """Record what a source states of a patient, as far as that is new."""
        for _ in range(_TRIES):
            item = self._get(patient_id)
            if FORGOTTEN_AT in item:
                return Change.FORGOTTEN
            known = entry_in(item)
            stated = (known or PatientEntry(patient_id)).stating(source, statement)
            if known is not None and stated == known:
                return Change.SAME
            self._index(index_change(known, stated))
            if self._put(stated, known):
                return change_between(known, stated)
            if FORGOTTEN_AT in self._get(patient_id):
                self._index(unindexing(stated))
        raise StorageThrottled("patient-contended: the patient's entry changes faster than it can be written")

    def decide(self, merge: Merge) -> bool:
        """Record a merge, or that it was taken back, with what finds it; False where an entry that it was judged by
        changed meanwhile."""
        found_by = index_keys(merge.known), index_keys(merge.entry)
        added, removed = found_by[1] - found_by[0], found_by[0] - found_by[1]
        before = {"TableName": self._table}
        requests: list[Any] = [
            {"Put": before | replacing(merge.entry, merge.known)},
            *(
                {"ConditionCheck": before | {"Key": patient_key(one.id)} | unchanged(one)}
                for one in merge.judged_by
            ),
            *({"Put": before | {"Item": index_key(one, merge.entry.id)}} for one in sorted(added)),
            *({"Delete": before | {"Key": index_key(one, merge.entry.id)}} for one in sorted(removed)),
        ]
        try:
            self._dynamodb.transact_write_items(TransactItems=requests)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "TransactionCanceledException":
                return False
            raise
        return True

    def _get(self, patient_id: str) -> dict[str, Any]:
        found = self._dynamodb.get_item(
            TableName=self._table, Key=patient_key(patient_id), ConsistentRead=True
        )
        return dict(found.get("Item", {}))

    def _put(self, entry: PatientEntry, known: PatientEntry | None) -> bool:
        try:
            self._dynamodb.put_item(TableName=self._table, **replacing(entry, known))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _index(self, change: IndexChange) -> None:
        writes = change.writes
        for start in range(0, len(writes), _WRITTEN):
            request: Any = {self._table: writes[start : start + _WRITTEN]}
            done = self._dynamodb.batch_write_item(RequestItems=request)
            if done.get("UnprocessedItems"):
                raise StorageThrottled(
                    "Unprocessed from BatchWriteItem: the patient directory did not take every item"
                )
        for update in change.updates:
            self._dynamodb.update_item(TableName=self._table, **update)
