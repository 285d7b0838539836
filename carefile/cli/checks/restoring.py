"""Fix what a comparison of the catalog with S3 found, under the same conditions as the running pipeline.

An entry is written only if there is none with a higher revision, and deleted only if it has not changed since the
comparison. Session entries are updated through IndexSessions, their only writer.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.rebuilding import Difference, Finding
from carefile.cli.problem import Problem
from carefile.core.records.catalog import KEY, Entry, Item

_CHANGES = 200  # in one invocation, whose payload may be 6 MB


class Restorer:
    def __init__(self, connection: Connection, *, remove: bool) -> None:
        self._connection = connection
        self._remove = remove
        self._dynamodb = connection.client("dynamodb")

    def restore(self, finding: Finding) -> str | None:
        """Fix a finding and describe how; None if nothing was done."""
        if finding.difference is Difference.SESSION:
            return self._update_session(finding.changes)
        if finding.entry is None:
            return None
        if finding.difference is Difference.UNSUPPORTED:
            return self._delete(finding.entry) if self._remove else None
        same = "=" if finding.difference is Difference.DIFFERENT else "<"
        return self._put(finding.entry, same)

    def _put(self, entry: Entry, comparison: str) -> str:
        written = self._conditionally(
            self._dynamodb.put_item,
            entry,
            f"attribute_not_exists({KEY}) OR revision {comparison} :revision",
            Item=entry.to_item(),
        )
        return "entry written" if written else "the pipeline wrote it in the meantime"

    def _delete(self, entry: Entry) -> str:
        key = {KEY: {"S": entry.source_id}}
        gone = self._conditionally(self._dynamodb.delete_item, entry, "revision = :revision", Key=key)
        return "entry deleted" if gone else "the pipeline wrote it in the meantime"

    def _conditionally(self, request: Any, entry: Entry, condition: str, **arguments: Any) -> bool:
        try:
            request(
                TableName=self._connection.catalog_table,
                ConditionExpression=condition,
                ExpressionAttributeValues={":revision": {"N": str(entry.revision)}},
                **arguments,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _update_session(self, changes: tuple[Item, ...]) -> str:
        client, function = self._connection.client("lambda"), self._connection.function("IndexSessions")
        for start in range(0, len(changes), _CHANGES):
            records = {"Records": changes[start : start + _CHANGES]}
            done = client.invoke(FunctionName=function, Payload=json.dumps(records).encode())
            answer = json.loads(done["Payload"].read() or b"{}")
            if done.get("FunctionError"):
                raise Problem(
                    f"IndexSessions failed: {answer.get('errorType')}: {answer.get('errorMessage')}",
                    "fix the cause, then run the command again to resume",
                )
            if answer.get("refused"):
                return "the session is too large for an entry"
        return "session entry updated"
