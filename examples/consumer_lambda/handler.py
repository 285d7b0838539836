"""A Lambda function that keeps a table of what is filed, correct under any order and repetition of events.

`template.yaml` has the table, the function, its rule on the catalog bus and its queue of undelivered events. The
function's package is this file and the folder `carefile/events`, which needs nothing but the standard library. One
condition on the write does it all: an event is dropped unless its revision is higher than what the table knows of the
source. What is retired without a successor leaves a tombstone, so that a late event does not bring it back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from carefile.events import announcement

_NEWER = "attribute_not_exists(source_id) OR revision < :revision"


def handler(event: Mapping[str, Any], context: object = None) -> dict[str, bool]:
    """Return whether the event changed the table. Anything that is not understood fails, and is retried."""
    announced = announcement(event)
    if announced[0] == "Object Cataloged":
        patient = announced[1]["patient"]
        item = {
            "location": announced[1]["location"]["prefix"],
            "patient": patient["id"] if patient["status"] == "known" else None,
            "kind": announced[1]["kind"],
        }
        return {"changed": _write(announced[1]["source_id"], announced[1]["revision"], item)}
    if announced[0] == "Object Retired" and announced[1].get("disposition") == "unfiled":
        return {"changed": _write(announced[1]["source_id"], announced[1]["revision"], {})}
    # Retired with a successor: `Object Cataloged` of the same revision says where it is now. Withdrawn: it never was
    # filed. Failed: nothing is filed yet; an alarm is on it.
    return {"changed": False}


def _write(source_id: str, revision: int, item: Mapping[str, object]) -> bool:
    try:
        _table().put_item(
            Item={"source_id": source_id, "revision": revision, **item},
            ConditionExpression=_NEWER,
            ExpressionAttributeValues={":revision": revision},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


@cache
def _table() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["TABLE"])
