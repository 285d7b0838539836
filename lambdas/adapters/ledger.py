"""The ledger: one DynamoDB item a landing key, with every destination ever used for it. Only ever added to.

Item: `source_id` (key), `destinations` (string set), `revision` (number, rises with every round that writes),
`version` and `version_id` of the round that took that revision, and `hints#<digest of a version>` for each version
that somebody decided about: a decision that arrives late says nothing about any other version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambdas.core.model import Hints, Observation, Source, digest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_HINTS = "hints#"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What is known of a source. A source never heard of has revision 0."""

    destinations: frozenset[str] = frozenset()
    revision: int = 0
    version: str | None = None
    version_id: str | None = None
    hints: Mapping[str, Hints] = field(default_factory=dict)

    def hints_for(self, version: str) -> Hints | None:
        """The decision somebody took about this very version. It says nothing about others."""
        return self.hints.get(_hints_name(version))


class Ledger:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def read(self, source: Source) -> LedgerEntry:
        """Strongly consistent."""
        found = self._dynamodb.get_item(
            TableName=self._table, Key={"source_id": {"S": source.source_id}}, ConsistentRead=True
        )
        return _entry(found.get("Item", {}))

    def write_ahead(self, observed: Observation, destination: str, known: LedgerEntry) -> LedgerEntry | None:
        """Add a destination and take the next revision for this version, in one atomic step.

        None when somebody took a revision since `known` was read: what the caller saw of the landing key may be older
        than what that one saw.
        """
        values: dict[str, Any] = {
            ":destination": {"SS": [destination]},
            ":one": {"N": "1"},
            ":version": {"S": observed.version},
            ":version_id": {"S": observed.version_id or ""},
        }
        condition = "attribute_not_exists(revision)"
        if known.revision:
            condition, values[":known"] = "revision = :known", {"N": str(known.revision)}
        try:
            done = self._dynamodb.update_item(
                TableName=self._table,
                Key={"source_id": {"S": observed.source.source_id}},
                UpdateExpression=(
                    "ADD destinations :destination, revision :one SET version = :version, version_id = :version_id"
                ),
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return None
            raise
        return _entry(done["Attributes"])

    def decide(self, source: Source, version: str, hints: Hints) -> None:
        """Record a decision about one version. The last one taken holds."""
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"source_id": {"S": source.source_id}},
            UpdateExpression="SET #hints = :hints",
            ExpressionAttributeNames={"#hints": _hints_name(version)},
            ExpressionAttributeValues={":hints": {"S": json.dumps(hints.to_json(), sort_keys=True)}},
        )


def _hints_name(version: str) -> str:
    return f"{_HINTS}{digest('version', version)}"


def _entry(item: dict[str, Any]) -> LedgerEntry:
    def text(name: str) -> str | None:
        return item.get(name, {}).get("S") or None

    return LedgerEntry(
        frozenset(item.get("destinations", {}).get("SS", ())),
        int(item.get("revision", {}).get("N", 0)),
        text("version"),
        text("version_id"),
        {
            name: Hints.from_json(json.loads(value["S"]))
            for name, value in item.items()
            if name.startswith(_HINTS)
        },
    )
