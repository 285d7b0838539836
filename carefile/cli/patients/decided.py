"""The record of decisions as an operator reads it: each decision, what is wrong with the chain, and payloads to go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entry
from carefile.cli.rule_table import rules_of
from carefile.core.deciding.classification import session_tree
from carefile.core.filing.layout import Owner
from carefile.core.model import Decision
from carefile.core.records.decisions import (
    DAY,
    DAYS,
    DECISIONS,
    FORGOTTEN_AT,
    HEAD,
    NUMBER,
    PAYLOAD,
    PLACES,
    SALT,
    Finding,
    Head,
    Record,
    about_key,
    check_day,
    check_days,
    key_at,
    number_key,
)
from carefile.core.records.session_entries import decision_shown

_BATCH = 100  # DynamoDB, BatchGetItem
_LOOKED_AT = 20


class Decided:
    def __init__(self, connection: Connection) -> None:
        self._client, self._table = connection.client("dynamodb"), connection.output("DecisionsTableName")

    def days(self) -> list[dict[str, Any]]:
        """Return the items that open each day, oldest first."""
        return list(self._of(DAYS))

    def all(self, since: datetime | None = None) -> Iterator[Record]:
        """Yield every record, oldest first, from the day of a moment on."""
        first = since.astimezone(UTC).date().isoformat() if since else ""
        for day in self.days():
            if day[NUMBER]["S"] >= first:
                for record in self._records(day[NUMBER]["S"]):
                    if since is None or datetime.fromisoformat(record.recorded_at) >= since:
                        yield record

    def latest(self, most: int) -> list[Record]:
        """Return the newest records, the latest first, reading no more days than that takes."""
        found: list[Record] = []
        for day in reversed(self.days()):
            found += sorted(self._records(day[NUMBER]["S"]), key=lambda record: -record.number)
            if len(found) >= most:
                break
        return found[:most]

    def get(self, day: str, number: int) -> Record | None:
        key = {DAY: {"S": day}, NUMBER: {"S": number_key(number)}}
        found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return Record.of_item(found["Item"]) if "Item" in found else None

    def places_about(self, keys: Sequence[str], which: str) -> dict[str, list[str]]:
        """Return where the notes or the decisions about these are, the oldest first; nothing of one without."""
        wanted = dict.fromkeys(keys)
        found = self._many({DAY: {"S": about_key(key)}, NUMBER: {"S": which}} for key in wanted)
        by_partition = {item[DAY]["S"]: [one["S"] for one in item[PLACES]["L"]] for item in found}
        return {key: by_partition[about_key(key)] for key in keys if about_key(key) in by_partition}

    def latest_about(self, key: str, which: str, most: int) -> list[Record]:
        """Return the newest notes or decisions about something, the oldest first; none that was forgotten."""
        places = self.places_about([key], which).get(key, ())[-most:]
        found = filter(None, map(Record.of_item, self._many(map(key_at, places))))
        return sorted((one for one in found if one.content), key=lambda one: (one.day, one.number))

    def in_full(self, decision: Decision, owner_id: str) -> Decision:
        """Return a session's decision with the whole name and the reason, which the stamps of its objects have no room
        for."""
        for record in reversed(self.latest_about(owner_id, DECISIONS, _LOOKED_AT)):
            content = record.content
            if record.type == decision.type and content.get("decided_at") == decision.decided_at:
                return replace(decision, decided_by=content["decided_by"], reason=content.get("reason"))
        return decision

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the chain, reading all of it: a day's records at a time."""
        heads, hashes = [], dict[str, list[str]]()
        opened = {item[NUMBER]["S"]: item for item in self.days()}
        for day in sorted(opened.keys() | self._unopened()):
            head = Head.of_items(day, opened.get(day, {}), self._head(day))
            records = list(self._records(day))
            heads += [head] if day in opened else []
            hashes[day] = [record.hash for record in records]
            yield from check_day(head, records)
        yield from check_days(heads, hashes)

    def last(self) -> tuple[str, str] | None:
        """Return the newest day and its hash: whoever keeps them elsewhere can prove that nothing went since."""
        days = self.days()
        if not days:
            return None
        day = days[-1][NUMBER]["S"]
        return day, self._head(day).get("hash", {}).get("S", "")

    def holds(self, hash_: str) -> bool:
        """Whether a record of this hash is still there."""
        return any(record.hash == hash_ for record in self.all())

    def about(self, patient: str, owners: Set[str]) -> Iterator[Record]:
        """Yield the records whose payloads name a patient, or are about a document or session of these owners' ids."""
        for record in self.all():
            content = record.content
            if patient in content.get("patients", ()) or (content and _owner_of(content) in owners):
                yield record

    def forget(self, record: Record, at: str) -> None:
        """Delete a record's payload and its salt; the record itself stays in its chain."""
        self._client.update_item(
            TableName=self._table,
            Key={DAY: {"S": record.day}, NUMBER: {"S": number_key(record.number)}},
            UpdateExpression="SET #at = :at REMOVE #payload, #salt",
            ExpressionAttributeNames={"#at": FORGOTTEN_AT, "#payload": PAYLOAD, "#salt": SALT},
            ExpressionAttributeValues={":at": {"S": at}},
        )

    def _records(self, day: str) -> Iterator[Record]:
        return (record for item in self._of(day) if (record := Record.of_item(item)))

    def _of(self, day: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="#day = :day",
            ExpressionAttributeNames={"#day": DAY},
            ExpressionAttributeValues={":day": {"S": day}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _many(self, keys: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        wanted, found = list(keys), list[dict[str, Any]]()
        for start in range(0, len(wanted), _BATCH):
            request: Any = {self._table: {"Keys": wanted[start : start + _BATCH]}}
            while request:
                answer = self._client.batch_get_item(RequestItems=request)
                found += answer["Responses"].get(self._table, ())
                request = answer.get("UnprocessedKeys")
        return found

    def _unopened(self) -> set[str]:
        """The days with records, also where what opened them is gone."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="#day, digest",
            ExpressionAttributeNames={"#day": DAY},
            ConsistentRead=True,
        )
        return {item[DAY]["S"] for page in pages for item in page["Items"] if "digest" in item}

    def _head(self, day: str) -> dict[str, Any]:
        key = {DAY: {"S": day}, NUMBER: {"S": HEAD}}
        found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return dict(found.get("Item", {}))


def _owner_of(content: Mapping[str, Any]) -> str | None:
    """Whose decision it is about a document or session; None of one about two patients."""
    tree, key = content.get("tree"), content.get("key")
    return (
        Owner(content["bucket"], tree or key or "", tree=tree is not None).owner_id if tree or key else None
    )


def decision_about(connection: Connection, objects: Sequence[Entry]) -> Decision | None:
    """Return the decision that holds for a session, by its objects: who, when and, where it is recorded, why."""
    decision = decision_shown(objects)
    tree = session_tree(objects[0].landing_key, rules_of(connection)) if decision else None
    if decision is None or tree is None or not connection.records_decisions:
        return decision
    owner = Owner(objects[0].landing_bucket, tree, tree=True)
    return Decided(connection).in_full(decision, owner.owner_id)
