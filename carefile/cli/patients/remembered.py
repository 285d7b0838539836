"""What the ledger remembers of a patient's sources, and taking it out.

Of a source, and of a session, that was the patient's alone a tombstone stays: a moment, and a revision that no round
has. So a round that began before cannot write ahead, what was announced before is never indexed again, and a decision
that is older than the tombstone is refused. The patient has a tombstone too: of a key that was never filed the ledger
has no item, and an old decision about it may still be delivered. Tombstones hold no id and are keyed by digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.ledger_places import LedgerPlaces
from carefile.cli.aws.versions import Version, Versions
from carefile.cli.patients.trace import Trace
from carefile.core.records.catalog import Item, number_in
from carefile.core.records.ledger import (
    FORGOTTEN_AT,
    KEY,
    decided_name,
    decisions_naming,
    hints_name,
    is_tombstone,
    patient_tombstone_key,
    places_in,
    unfilings_in,
    version_key,
    without_hint_of,
)

_OF_TOMBSTONE = {KEY, "revision", FORGOTTEN_AT}


class Remembered:
    def __init__(self, connection: Connection, patient: str) -> None:
        self._patient = patient
        self._versions, self._entries = Versions(connection), Entries(connection)
        self._places = LedgerPlaces(connection)
        self._dynamodb, self._table = connection.client("dynamodb"), connection.output("LedgerTableName")

    def holds(self, key: str) -> bool:
        """Whether the ledger has more of a key than a tombstone."""
        item = self._item(key)
        return bool(item) and not is_tombstone(item)

    def keys(self, trace: Trace, versions: list[Version]) -> list[str]:
        """The items of the patient's versions, and the source's, unless a version of it stays."""
        source_id = trace.source.source_id
        names = {one.name for one in versions if not one.is_marker} | self._overwritten(trace, versions)
        keys = [version_key(source_id, name) for name in sorted(names) if trace.goes(name)]
        # The source's own item last: it leads to those with the places that were taken out of it.
        return keys + ([*self._places.keys(trace.source)][::-1] if trace.whole else [])

    def _overwritten(self, trace: Trace, versions: list[Version]) -> set[str]:
        """Versions that were overwritten while the bucket kept none, by the stamps of what was filed of them."""
        if all(one.version_id != "null" for one in versions):
            return set()
        filed = (one for place in trace.places for one in self._versions.at(place) if not one.is_marker)
        return {stamp.version for one in filed if (stamp := self._versions.stamp(one))}

    def refuse_older(self, at: str) -> None:
        """Refuse every decision that is older than this moment and names the patient, whatever it is about."""
        self._dynamodb.put_item(
            TableName=self._table,
            Item={KEY: {"S": patient_tombstone_key(self._patient)}, FORGOTTEN_AT: {"S": at}},
        )

    def entomb(self, key: str, at: str) -> tuple[bool, int]:
        """Leave a tombstone of an item, at a revision that no round knows. Whether more was there, and the revision.

        What a round adds between the look at the item and its change is taken out by another turn: there is nothing to
        add after it, since the revision that rounds know is gone."""
        item = left = self._item(key)
        entry = self._entries.get(key)
        behind = max(0, entry.revision - number_in(item, "revision")) if entry else 0
        while True:
            left = self._change(key, left.keys() - _OF_TOMBSTONE, set(), at, 1 + behind)
            if is_tombstone(left):
                return bool(item) and not is_tombstone(item), number_in(left, "revision")

    def take_out(self, trace: Trace, at: str, *, ordered: bool) -> int:
        """Of a source that is not the patient's alone: what names the patient, and what was decided about the versions
        that are gone; but for an order that was not carried out. The revision then."""
        revision = 0
        for key in self._places.keys(trace.source):
            item = self._item(key)
            names = set() if ordered else set(decisions_naming(item, self._patient))
            gone = (version for version in trace.holders if trace.goes(version))
            names |= {name for version in gone for name in (hints_name(version), decided_name(version))}
            if set(trace.holders.values()) <= {self._patient}:
                names |= unfilings_in(item)  # why it was taken out may name the patient
            places = places_in(item) & trace.named
            if names & item.keys() or places or (item and trace.mine):
                item = self._change(key, names & item.keys(), places, at, 1)
            revision = revision or number_in(item, "revision")
        return revision

    def take_back(self, owners: Iterable[str]) -> None:
        """Of the sessions that were taken from the patient: that they were."""
        for owner_id in owners:
            conditionally(
                self._dynamodb.update_item,
                TableName=self._table,
                Key={KEY: {"S": owner_id}},
                UpdateExpression="DELETE replaced :patient, released :patient",
                ConditionExpression=f"attribute_exists({KEY})",
                ExpressionAttributeValues={":patient": {"SS": [self._patient]}},
            )

    def drop_hints(self, keys: Iterable[str]) -> None:
        """Of the sources of which a hint named the patient, and a person somebody else: that it did."""
        for key in keys:
            item = self._item(key)
            for name, left in without_hint_of(item, self._patient).items():
                conditionally(
                    self._dynamodb.update_item,
                    TableName=self._table,
                    Key={KEY: {"S": key}},
                    UpdateExpression="SET #decision = :left",
                    ConditionExpression="#decision = :known",
                    ExpressionAttributeNames={"#decision": name},
                    ExpressionAttributeValues={":left": {"S": left}, ":known": item[name]},
                )

    def _change(self, key: str, names: Iterable[str], places: Set[str], at: str, more: int) -> Item:
        """Take attributes and places out of an item, noting when; it takes revisions, so that no round under way can
        write ahead."""
        aliases = {f"#n{number}": name for number, name in enumerate(sorted(names))}
        expression = f"SET {FORGOTTEN_AT} = :at ADD revision :more"
        values: Item = {":at": {"S": at}, ":more": {"N": str(more)}}
        if aliases:
            expression += f" REMOVE {', '.join(aliases)}"
        if places:
            expression += " DELETE destinations :places"
            values[":places"] = {"SS": sorted(places)}
        done = self._dynamodb.update_item(
            TableName=self._table,
            Key={KEY: {"S": key}},
            UpdateExpression=expression,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            **({"ExpressionAttributeNames": aliases} if aliases else {}),
        )
        return dict(done["Attributes"])

    def _item(self, key: str) -> Item:
        found = self._dynamodb.get_item(TableName=self._table, Key={KEY: {"S": key}}, ConsistentRead=True)
        return dict(found.get("Item", {}))


def conditionally(request: Any, **arguments: Any) -> bool:
    """Make a request. False where its condition did not hold."""
    try:
        request(**arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            return False
        raise
    return True
