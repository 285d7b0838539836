"""What was adopted where it stands, as S3 alone tells of it: by place, metadata, and the mark of the adoption."""

from __future__ import annotations

from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.objects import head, tags
from carefile.core.deciding.adoption import classify_standing
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.tagging import adopted_revision
from carefile.core.messages.events import iso_8601
from carefile.core.model import Observation, Source
from carefile.core.records.catalog import Entry
from carefile.core.records.recovery import entry_of_adopted


def entry_in_place(connection: Connection, rules: RuleTable, source: Source) -> Entry | None:
    """The entry that the adoption of this very version announced; None where none is told of."""
    standing = connection.layout.standing(source.key)
    found = head(connection, source.bucket, source.key)
    if standing is None or found is None:
        return None
    observed = _observed(source, found)
    revision = adopted_revision(tags(connection, source.bucket, source.key) or {}, observed.version)
    if revision is None:
        return None
    what = classify_standing(standing, observed.metadata, rules)
    return entry_of_adopted(observed, standing.folder, what, revision, iso_8601(found["LastModified"]))


def _observed(source: Source, found: dict[str, Any]) -> Observation:
    """An object as the adoption saw it."""
    etag, modified = found["ETag"].strip('"'), found["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ")
    version_id = None if found.get("VersionId", "null") == "null" else found["VersionId"]
    return Observation(
        source=source,
        version=version_id or f"{etag}@{modified}",
        version_id=version_id,
        etag=etag,
        size=found["ContentLength"],
        content_type=found.get("ContentType", ""),
        last_modified=modified,
        metadata=tuple(sorted(found.get("Metadata", {}).items())),
    )
