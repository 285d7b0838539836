"""Read S3 inventories: daily or weekly lists of a bucket's objects, as a manifest and CSV files.

Keys in an inventory are URL-encoded, with `+` for a space; nowhere else are keys decoded. The inventory of a versioned
bucket may have a row for every version, of which only current versions count. The backfill's machine reads it the same
way (`statemachines/backfill.asl.json`, TakeInEachOfAnInventory).
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Item, Place, place_in
from carefile.cli.problem import Problem

_ABSENT = ("NoSuchBucket", "NoSuchKey", "404")


@dataclass(frozen=True, slots=True)
class Inventory:
    """`manifest` is the place of its manifest, `bucket` the bucket that it lists, `columns` those of its files."""

    manifest: Place
    bucket: str
    made: datetime
    kept_in: str
    columns: tuple[str, ...]
    files: tuple[str, ...]

    def items(self, connection: Connection, place: Place) -> Iterator[Item]:
        """Stream every object that was under the prefix when the inventory was created."""
        for file in self.files:
            body = connection.client("s3").get_object(Bucket=self.kept_in, Key=file)["Body"]
            with gzip.open(body, "rt", encoding="utf-8", newline="") as lines:
                for cells in csv.reader(lines):
                    row = dict(zip(self.columns, cells, strict=False))
                    if (key := current_key(row, place)) is not None:
                        yield Item(key, int(row.get("Size") or 0), self.made, row.get("ETag", ""))


def current_key(row: Mapping[str, str], place: Place) -> str | None:
    """Return the key in a row if it is the current version of an object under the prefix."""
    stale = row.get("IsLatest", "").lower() == "false" or row.get("IsDeleteMarker", "").lower() == "true"
    key = unquote_plus(row["Key"])
    meant = row["Bucket"] == place.bucket and key.startswith(place.prefix)
    return key if meant and not stale else None


def inventory_at(connection: Connection, text: str) -> Inventory:
    """Load the inventory with the manifest `s3://bucket/…/manifest.json`."""
    where = place_in(text)
    try:
        body = connection.client("s3").get_object(Bucket=where.bucket, Key=where.prefix)["Body"].read()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            raise Problem(
                f"there is no object {where}",
                "use the manifest.json of an inventory: …/YYYY-MM-DDTHH-MMZ/manifest.json",
            ) from None
        raise
    try:
        found: dict[str, Any] = json.loads(body)
        columns = tuple(name.strip() for name in found["fileSchema"].split(","))
        inventory = Inventory(
            where,
            found["sourceBucket"],
            datetime.fromtimestamp(int(found["creationTimestamp"]) / 1000, UTC),
            found["destinationBucket"].rpartition(":")[2],
            columns,
            tuple(file["key"] for file in found["files"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Problem(
            f"{where} is not the manifest of an S3 inventory",
            "use the manifest.json of an inventory: …/YYYY-MM-DDTHH-MMZ/manifest.json",
        ) from None
    if found.get("fileFormat") != "CSV" or not {"Bucket", "Key"} <= set(columns):
        raise Problem(
            f"the inventory {where} has the format {found.get('fileFormat')}; Step Functions reads only CSV",
            "configure a CSV inventory, of current or of all versions",
        )
    return inventory
