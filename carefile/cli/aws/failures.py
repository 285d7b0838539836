"""What failed and has not been filed since: executions that ended badly, against the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.executions import ENDED_BADLY, Executions


def still_failed(connection: Connection, after: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the objects that were not filed, in that version or a later one, since their latest failure."""
    executions, entries = Executions(connection), Entries(connection)
    seen: set[str] = set()
    for status in ENDED_BADLY:
        for item in executions.described(executions.changed_since(after, status)):
            if item.request is None or item.listed.stopped is None:
                continue
            source = item.request.source
            if source.source_id in seen:
                continue
            seen.add(source.source_id)
            entry = entries.get(source.source_id)
            if entry and datetime.fromisoformat(entry.cataloged_at) > item.listed.stopped:
                continue
            yield {
                "key": source.key,
                "bucket": source.bucket,
                "version_id": item.request.version_id,
                "status": status,
                "error": item.error or status,
                "cause": item.reason,
                "failed_at": item.listed.stopped.isoformat(),
                "execution": item.listed.arn,
            }
