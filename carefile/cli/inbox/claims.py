"""Who looks at what: a claim on a document, so that two people do not decide about it at once.

A claim is one conditional write, is renewed while its page is open, and expires by itself if its holder leaves without
a word. It keeps nobody from deciding elsewhere: that a decision is about what the person saw, the decision itself
checks.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection

SECONDS = 120
_BATCH = 100  # DynamoDB, BatchGetItem
_TABLE = "ClaimsTableName"
PLACE, BY, HOLDER, UNTIL = "place", "by", "holder", "until"


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody else's claim, and until when it holds, in seconds since 1970."""

    by: str
    until: float


class Claims(Protocol):
    def take(self, key: str, by: str) -> Claim | None:
        """Take or renew a claim; return the claim of somebody else that is in the way."""

    def release(self, key: str) -> None: ...

    def release_all(self) -> None:
        """Leave all that is held, as when the inbox ends."""

    def others(self, keys: Sequence[str]) -> dict[str, Claim]:
        """Return the claims of others on these."""


class NoClaims:
    """For a deployment without a table of claims: everybody may look at everything at once."""

    def take(self, key: str, by: str) -> Claim | None:
        return None

    def release(self, key: str) -> None:
        return None

    def release_all(self) -> None:
        return None

    def others(self, keys: Sequence[str]) -> dict[str, Claim]:
        return {}


class TableClaims:
    """Claims in the deployment's own table. `holder` distinguishes this inbox from another one of the same person."""

    def __init__(
        self,
        connection: Connection,
        *,
        holder: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._table = connection.client("dynamodb"), connection.output(_TABLE)
        self._holder, self._clock = holder or secrets.token_urlsafe(9), clock
        self._held: set[str] = set()

    def take(self, key: str, by: str) -> Claim | None:
        now = int(self._clock())
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    PLACE: {"S": key},
                    BY: {"S": by},
                    HOLDER: {"S": self._holder},
                    UNTIL: {"N": str(now + SECONDS)},
                },
                ConditionExpression="attribute_not_exists(#place) OR #holder = :holder OR #until <= :now",
                ExpressionAttributeNames={"#place": PLACE, "#holder": HOLDER, "#until": UNTIL},
                ExpressionAttributeValues={":holder": {"S": self._holder}, ":now": {"N": str(now)}},
            )
        except ClientError as error:
            if not _is_refused(error):
                raise
            return self.others([key]).get(key)
        self._held.add(key)
        return None

    def release_all(self) -> None:
        for key in sorted(self._held):
            self.release(key)

    def release(self, key: str) -> None:
        self._held.discard(key)
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={PLACE: {"S": key}},
                ConditionExpression="#holder = :holder",
                ExpressionAttributeNames={"#holder": HOLDER},
                ExpressionAttributeValues={":holder": {"S": self._holder}},
            )
        except ClientError as error:
            if not _is_refused(error):
                raise

    def others(self, keys: Sequence[str]) -> dict[str, Claim]:
        now, found = self._clock(), {}
        for start in range(0, len(keys), _BATCH):
            batch = [{PLACE: {"S": key}} for key in dict.fromkeys(keys[start : start + _BATCH])]
            request: Any = {self._table: {"Keys": batch, "ConsistentRead": True}}
            while request:
                answer = self._client.batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(self._table, ()):
                    claim = Claim(item[BY]["S"], float(item[UNTIL]["N"]))
                    if item[HOLDER]["S"] != self._holder and claim.until > now:
                        found[item[PLACE]["S"]] = claim
                request = answer.get("UnprocessedKeys")
        return found


def claims_of(connection: Connection) -> Claims:
    """Return the claims of a deployment; of an older one, which has no table of them, none."""
    return TableClaims(connection) if connection.has_output(_TABLE) else NoClaims()


def _is_refused(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException"
