"""IndexCatalog: keep the catalog's entry of a source at its highest revision, in whatever order events arrive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.adapters import aws, settings
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.catalog import Catalog
from lambdas.adapters.contracts import conform
from lambdas.adapters.measures import Metric, measure
from lambdas.core.catalog import Entry
from lambdas.core.model import Disposition

catalog = Catalog(aws.dynamodb(), settings.named("CATALOG_TABLE"))


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: an EventBridge event `Object Cataloged`. Returns {indexed}: False when a newer entry was there."""
    detail = conform("object_cataloged", event["detail"])
    indexed = catalog.put(Entry.of_event(detail))
    logger.info("indexed", written=indexed)
    if indexed and detail["disposition"] == Disposition.CATALOGED:
        measure({Metric.UPLOAD_TO_CATALOG: _milliseconds_since(detail["source"]["last_modified"])})
    return {"indexed": indexed}


def _milliseconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() * 1000
