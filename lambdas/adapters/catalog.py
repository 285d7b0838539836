"""The catalog: one DynamoDB item a source, the one with the highest revision.

Item: `source_id` (key), `patient_ref_key` and `cataloged_at` (the index `by-patient`, all of one patient's or of
nobody's, by time), and what a reader asks for. It is small on purpose: DynamoDB bills by the kilobyte written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNKNOWN = "UNKNOWN"


def patient_ref_key(patient: dict[str, Any]) -> str:
    return f"PATIENT#{patient['id']}" if patient["status"] == "known" else UNKNOWN


def item_of(detail: dict[str, Any]) -> dict[str, Any]:
    """The catalog's item for the detail of an event `Object Cataloged`, in DynamoDB's own form."""
    source, location = detail["source"], detail["location"]
    texts = {
        "source_id": detail["source_id"],
        "event_id": detail["event_id"],
        "patient_ref_key": patient_ref_key(detail["patient"]),
        "reason": detail["patient"].get("reason"),
        "kind": detail["kind"],
        "session_id": detail["session_info"].get("session_id"),
        "landing_bucket": source["bucket"],
        "landing_key": source["key"],
        "landing_version": source.get("version_id"),
        "bucket": location["bucket"],
        "prefix": location["prefix"],
        "key": location["objects"][0]["key"],
        "execution": detail["execution"],
        "cataloged_at": detail["cataloged_at"],
    }
    item: dict[str, Any] = {name: {"S": value} for name, value in texts.items() if value}
    return item | {"revision": {"N": str(detail["revision"])}, "size": {"N": str(source["size"])}}


class Catalog:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, detail: dict[str, Any]) -> bool:
        """Write the entry unless one of the same or a higher revision is there. True when it was written."""
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=item_of(detail),
                ConditionExpression="attribute_not_exists(source_id) OR revision < :revision",
                ExpressionAttributeValues={":revision": {"N": str(detail["revision"])}},
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return False
            raise
        return True
