"""DynamoDB: items by their key, and of its expressions those that the adapters use. Others are refused."""

# ruff: noqa: N803 - the parameters are named as boto3 names them

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.aws.errors import client_error
from tests.simulation.aws.gate import Gate

Item = dict[str, dict[str, Any]]
_CLAUSE = re.compile(r"(SET|ADD|DELETE|REMOVE) (.*?)(?= SET | ADD | DELETE | REMOVE |$)", re.DOTALL)
_TERM = re.compile(
    r"(?P<absent>attribute_not_exists)\((?P<missing>[#\w]+)\)|(?P<name>[#\w]+) (?P<op><=|<|=) (?P<value>:\w+)"
    r"|NOT begins_with\((?P<text>[#\w]+), (?P<start>:\w+)\)"
)


class DynamoDB:
    """The client. `tables` may be looked at freely, and `changes`, what the catalog's stream tells: (old, new)."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.tables: dict[str, dict[str, Item]] = {}
        self.changes: list[tuple[Item | None, Item]] = []

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("dynamodb", "GetItem", arguments, self._get)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("dynamodb", "BatchGetItem", arguments, self._batch_get)

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("dynamodb", "PutItem", arguments, self._put)

    def query(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("dynamodb", "Query", arguments, self._query)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("dynamodb", "TransactWriteItems", arguments, self._transact)

    def describe_table(self, TableName: str) -> dict[str, Any]:
        """What DynamoDB counted last: no request that a schedule could come between, as nothing is decided by it."""
        return {"Table": {"ItemCount": len(self._table(TableName))}}

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("dynamodb", "UpdateItem", arguments, self._update)

    def _table(self, name: str) -> dict[str, Item]:
        return self.tables.setdefault(name, {})

    def _get(self, TableName: str, Key: Item, ConsistentRead: bool) -> dict[str, Any]:
        if not ConsistentRead:
            raise NotImplementedError("reads that may be stale")
        found = self._table(TableName).get(_key_of(Key))
        return {"Item": _copied(found)} if found else {}

    def _batch_get(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        responses = {}
        for table, asked in RequestItems.items():
            if not asked["ConsistentRead"]:
                raise NotImplementedError("reads that may be stale")
            found = (self._table(table).get(_key_of(key)) for key in asked["Keys"])
            responses[table] = [_copied(item) for item in found if item]
        return {"Responses": responses, "UnprocessedKeys": {}}

    def _query(
        self,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Item,
        Limit: int,
        IndexName: str | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
        ConsistentRead: bool = False,
    ) -> dict[str, Any]:
        if (IndexName, ConsistentRead) not in (("by-content", False), (None, True)):
            raise NotImplementedError(IndexName)
        name, _, value = KeyConditionExpression.partition(" = ")
        name = (ExpressionAttributeNames or {}).get(name, name)
        items = self._table(TableName).values()
        found = [_copied(item) for item in items if item.get(name) == ExpressionAttributeValues[value]]
        return {"Items": found[:Limit]}

    def _put(
        self,
        TableName: str,
        Item: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
        ExpressionAttributeValues: Item | None = None,
    ) -> dict[str, Any]:
        key = _key_of(Item)
        old = self._table(TableName).get(key, {})
        _require("PutItem", ConditionExpression, old, ExpressionAttributeNames, ExpressionAttributeValues)
        self._table(TableName)[key] = _copied(Item)
        if TableName == "catalog":
            self.changes.append((_copied(old) if old else None, _copied(Item)))
        return {}

    def _transact(self, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:
        parts = [(how, part) for one in TransactItems for how, part in one.items()]
        for how, part in parts:
            old = self._table(part["TableName"]).get(_key_of(part["Item" if how == "Put" else "Key"]), {})
            condition, values = part.get("ConditionExpression"), part.get("ExpressionAttributeValues")
            try:
                _require(how, condition, old, part.get("ExpressionAttributeNames"), values)
            except ClientError:
                raise client_error("TransactWriteItems", "TransactionCanceledException", 400) from None
        for how, part in parts:
            if how == "Put":
                self._table(part["TableName"])[_key_of(part["Item"])] = _copied(part["Item"])
            elif how == "Delete":
                self._table(part["TableName"]).pop(_key_of(part["Key"]), None)
            elif how != "ConditionCheck":
                raise NotImplementedError(how)
        return {}

    def _update(
        self,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
        ExpressionAttributeValues: Item | None = None,
        ReturnValues: str = "NONE",
    ) -> dict[str, Any]:
        table, key = self._table(TableName), _key_of(Key)
        names, values = ExpressionAttributeNames or {}, ExpressionAttributeValues or {}
        _require("UpdateItem", ConditionExpression, table.get(key, {}), names, values)
        item = _copied(table.get(key, Key))
        for action, path, value in _actions(UpdateExpression):
            name = names.get(path, path)
            if action == "REMOVE":
                item.pop(name, None)
                continue
            given = values[value]
            if action == "DELETE":
                _taken_away(item, name, given)
            else:
                item[name] = _added(item.get(name), given) if action == "ADD" else dict(given)
        table[key] = item
        if ReturnValues not in ("NONE", "ALL_NEW"):
            raise NotImplementedError(f"ReturnValues {ReturnValues}")
        return {"Attributes": _copied(item)} if ReturnValues == "ALL_NEW" else {}


def _copied(item: Item) -> Item:
    """Values are replaced, never changed, so an item's may be shared."""
    return dict(item)


def _key_of(key: Item) -> str:
    """Of the directory's table the key has two parts."""
    return key["source_id"]["S"] if "source_id" in key else f"{key['entry']['S']} {key['part']['S']}"


def _added(old: dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any]:
    if "N" in given:
        return {"N": str(int(old["N"] if old else 0) + int(given["N"]))}
    return {"SS": sorted({*(old["SS"] if old else ()), *given["SS"]})}


def _taken_away(item: Item, name: str, given: dict[str, Any]) -> None:
    """DELETE: of a set; one that is empty is no attribute any more."""
    left = sorted(set(item.get(name, {}).get("SS", ())) - set(given["SS"]))
    if left:
        item[name] = {"SS": left}
    else:
        item.pop(name, None)


@cache
def _actions(expression: str) -> tuple[tuple[str, str, str], ...]:
    """(SET, ADD, DELETE or REMOVE; attribute; value, empty of what is removed) of an update expression."""
    found, read = [], 0
    for clause in _CLAUSE.finditer(expression.strip()):
        read += len(clause[0])
        for part in clause[2].strip().split(","):
            match = re.fullmatch(r"([#\w]+)\s*(?:=\s*)?(:\w+|)", part.strip())
            if not match or (clause[1] == "REMOVE") == bool(match[2]):
                raise NotImplementedError(expression)
            found.append((clause[1], match[1], match[2]))
    if not found or read < len(expression.strip()) - len(found):
        raise NotImplementedError(expression)
    return tuple(found)


def _require(
    operation: str, condition: str | None, item: Item, names: dict[str, str] | None, values: Item | None
) -> None:
    """An OR of simple terms, or of ANDs of them."""
    if condition is None:
        return
    for text in condition.split(" OR "):
        terms = [_TERM.fullmatch(part.strip()) for part in text.split(" AND ")]
        if all(_holds(item, term, names or {}, values or {}) for term in terms):
            return
    raise client_error(operation, "ConditionalCheckFailedException", 400)


def _holds(item: Item, term: re.Match[str] | None, names: dict[str, str], values: Item) -> bool:
    if term is None:
        raise NotImplementedError("a condition of another form")
    path = term["missing"] or term["name"] or term["text"]
    found = item.get(names.get(path, path))
    if term["start"]:
        return found is None or not str(found["S"]).startswith(values[term["start"]]["S"])
    if term["absent"]:
        return found is None
    given = values[term["value"]]
    if found is None or found.keys() != given.keys():
        return False
    if term["op"] == "=":
        return found == given
    if term["op"] == "<=" and found == given:
        return True
    return int(found["N"]) < int(given["N"]) if "N" in found else str(found["S"]) < str(given["S"])
