"""IndexSessions: keep each session's entry in line with the entries of its objects, from the catalog's own stream.

The stream tells of a change at least once, and of one object's changes in their order. A batch is taken as a whole:
it is retried until it was, and taking it again changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from carefile.core.records.catalog import Entry
from carefile.core.records.session_entries import Change, Place, changes_between
from lambdas.adapters import aws, settings
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.catalog import Catalog

catalog = Catalog(aws.dynamodb(), settings.named("CATALOG_TABLE"))


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: a batch of the catalog table's stream. Returns {sessions}: how many entries were changed."""
    changes: defaultdict[Place, list[Change]] = defaultdict(list)
    for record in event["Records"]:
        for change in changes_between(_image(record, "OldImage"), _image(record, "NewImage")):
            changes[change.place].append(change)
    changed = sum(catalog.change_session(place, found) for place, found in changes.items())
    logger.info("indexed sessions", records=len(event["Records"]), sessions=len(changes), changed=changed)
    return {"sessions": changed}


def _image(record: dict[str, Any], name: str) -> Entry | None:
    image = record["dynamodb"].get(name)
    return Entry.of_item(image) if image and "kind" in image else None
