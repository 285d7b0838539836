"""IndexCatalog: keep the catalog's entry of a source at its highest revision, in whatever order events arrive.

A document whose bytes are filed under another patient too is counted, which raises an alarm. Both stay filed.
"""

from __future__ import annotations

from typing import Any

from carefile.core.messages.events import EventType
from carefile.core.records.catalog import Entry
from lambdas.adapters import aws, settings
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.catalog import Catalog
from lambdas.adapters.contracts import read
from lambdas.adapters.measures import Metric, measure

catalog = Catalog(aws.dynamodb(), settings.named("CATALOG_TABLE"))


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: an EventBridge event `Object Cataloged`, or `Object Retired` of what was taken out of the layout.
    Returns {indexed}: False when a newer entry was there."""
    if event.get("detail-type") == EventType.RETIRED.value:
        retired = read(EventType.RETIRED.schema, event["detail"])
        by, at = retired["decision"]["decided_by"], retired["retired_at"]
        taken_out = catalog.take_out(retired["source_id"], retired["revision"], at, by)
        logger.info("indexed", written=taken_out)
        return {"indexed": taken_out}
    detail = read("object_cataloged", event["detail"])
    entry = Entry.of_event(detail)
    indexed = catalog.put(entry)
    if indexed and entry.patient and entry.content_digest and catalog.shared_with_others(entry):
        measure({Metric.BYTES_OF_TWO_PATIENTS: 1})
    logger.info("indexed", written=indexed)
    return {"indexed": indexed}
