"""IndexSessions: keep each session's entry in line with the entries of its objects, from the catalog's own stream.

The stream reports a change at least once, and of one object's changes in their order; to take one again changes
nothing. What could not be taken at the moment is answered by its place in the stream, which is tried again from there.
An entry that can't be written at all would stop its shard for all sessions, so it is counted, which raises an alarm,
and passed over: it says of itself that it is not complete.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from carefile.core.records.catalog import Entry, is_unfiled, number_in
from carefile.core.records.session_entries import Change, Place, changes_between
from lambdas.adapters import aws, settings
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.catalog import Catalog
from lambdas.adapters.measures import Metric, measure

catalog = Catalog(aws.dynamodb(), settings.named("CATALOG_TABLE"))


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: a batch of the catalog table's stream. Returns {sessions, refused, batchItemFailures}: how many entries
    were changed, how many can't be written, and where in the stream to go on."""
    changes: defaultdict[Place, list[Change]] = defaultdict(list)
    first: dict[Place, str] = {}
    for record in event["Records"]:
        old, new = _image(record, "OldImage"), _image(record, "NewImage")
        for change in changes_between(old, new, _taken_out_at(record)):
            changes[change.place].append(change)
            first.setdefault(change.place, record["dynamodb"].get("SequenceNumber", ""))
    changed, refused, failed = catalog.change_sessions(changes)
    for error in failed.values():
        logger.error("session not indexed", error=type(error).__name__)
    if failed and (len(failed) == len(changes) or not all(first[place] for place in failed)):
        raise next(iter(failed.values()))
    logger.info("indexed sessions", records=len(event["Records"]), sessions=len(changes), changed=changed)
    if refused:
        measure({Metric.SESSIONS_REFUSED: refused})
    again = sorted((first[place] for place in failed), key=int)[:1]
    return {
        "sessions": changed,
        "refused": refused,
        "batchItemFailures": [{"itemIdentifier": number} for number in again],
    }


def _taken_out_at(record: dict[str, Any]) -> int | None:
    image = record["dynamodb"].get("NewImage")
    return number_in(image, "revision") if image and is_unfiled(image) else None


def _image(record: dict[str, Any], name: str) -> Entry | None:
    image = record["dynamodb"].get(name)
    return Entry.of_item(image) if image and "kind" in image else None
